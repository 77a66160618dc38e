"""Pointwise ops, casts and activations against eager PyTorch, through XLA.

OpInfo has these ops' ordinary samples; here stands what it leaves out: every overload by name,
    promotion between tensors, 0-d
tensors and numbers, and the numbers that formulas trip over (0, -0, 1, infinities, NaN,
    the ends of the range).
"""

import itertools
import math

import pytest
import torch
from oracle import check, convert

from torch_stablehlo import UnsupportedError

nan, inf = math.nan, math.inf
aten = torch.ops.aten

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.25, -7.0, 20.5, -88.0, 100.0, 1e-30, -1e-30,
    1e30, inf, -inf, nan]
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
INTS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]


def edges(dtype=torch.float32):
    return torch.tensor(EDGES, dtype=dtype)


def whole(dtype):
    """Integers of both signs (where the type has them), none of them 0 in the second."""
    x = torch.tensor([0, 1, 2, 3, 7, 100, 127, -1, -2, -3, -7, -128], dtype=torch.int64).to(dtype)
    y = torch.tensor([1, 2, 3, -2, -3, 7, 127, 5, -1, 100, -7, 3], dtype=torch.int64).to(dtype)
    return x, y


def op(name):
    packet, overload = name.split(".")
    return getattr(getattr(aten, packet), overload)


UNARY = """abs absolute acos acosh angle arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh ceil conj_physical cos cosh
    deg2rad digamma erf erfc exp exp2 expm1 fix floor frac gelu hardsigmoid hardswish hardtanh isfinite isinf isnan isneginf isposinf
    isreal lgamma log log10 log1p log2 log_sigmoid logical_not logit mish nan_to_num neg negative positive rad2deg reciprocal relu relu6
    round rsqrt selu sgn sigmoid sign signbit silu sin sinc sinh special_entr special_erf special_erfc special_exp2 special_expit
    special_expm1 special_gammaln special_log1p special_logit special_ndtr special_psi special_sinc sqrt square tan tanh trunc elu celu
    leaky_relu softplus hardshrink softshrink""".split()
ALSO_OF_INTS = """abs ceil floor trunc round neg sign sgn signbit square exp log sqrt sin tanh sigmoid erf reciprocal isnan isinf isfinite
    logical_not bitwise_not relu relu6 angle deg2rad positive nan_to_num exp2 log2 rsqrt acosh""".split()


def finite_enough(name, x):
    """Without what eager or XLA are known to be bad at."""
    if name in ("sin", "cos", "tan", "sinc", "special_sinc"):
        return x[x.abs() < 1e5]         # XLA reduces huge angles otherwise
    if name in ("digamma", "lgamma", "special_psi", "special_gammaln"):
        return x[x.abs() < 1e9]
    return x[x != inf] if name == "gelu" else x         # eager: NaN


@pytest.mark.parametrize("at", range(0, len(UNARY), 10))
@pytest.mark.parametrize("dtype", FLOATS[:2], ids=str)
def test_unary_at_the_edges(at, dtype):
    names = UNARY[at:at + 10]
    xs = [finite_enough(name, edges(dtype)) for name in names]
    rtol, atol = (2e-5, 1e-6) if dtype == torch.float32 else (1e-10, 1e-12)
    check(lambda *xs: [op(name + ".default")(x) for name, x in zip(names, xs)], *xs, rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64], ids=str)
def test_unary_of_integers(dtype):
    x, _ = whole(dtype)
    check(lambda a: [op(name + ".default")(a) for name in ALSO_OF_INTS], x)


BINARY = """add sub mul div remainder fmod maximum minimum fmax fmin eq ne lt le gt ge atan2 hypot logaddexp logaddexp2 xlogy copysign
    floor_divide nextafter logical_and logical_or logical_xor pow true_divide""".split()


def overload_of(name):
    for o in ("Tensor", "Tensor_Tensor", "default"):
        if o in getattr(aten, name).overloads():
            return getattr(getattr(aten, name), o)


@pytest.mark.parametrize("name", BINARY)
def test_binary_at_the_edges(name):
    x = edges()
    if name in ("remainder", "fmod", "floor_divide"):
        x = x[x.abs() < 1e6]
    pairs = torch.tensor(list(itertools.product(x.tolist(), x.tolist())))
    check(overload_of(name), pairs[:, 0], pairs[:, 1], rtol=1e-4 if name == "pow" else 2e-6)


@pytest.mark.parametrize("mode", [None, "floor", "trunc"])
@pytest.mark.parametrize("dtype", INTS + FLOATS, ids=str)
def test_division(mode, dtype):
    x, y = whole(dtype)
    check(lambda a, b: torch.div(a, b, rounding_mode=mode), x, y)
    check(lambda a: torch.div(a, 3, rounding_mode=mode), x)
    check(lambda a: torch.div(a, 2.5, rounding_mode=mode), x)


@pytest.mark.parametrize("dtype", INTS, ids=str)
def test_integers(dtype):
    x, y = whole(dtype)
    check(lambda a, b: (a + b, a - b, a * b, a // b, a % b, torch.fmod(a, b), torch.remainder(a, b)), x, y)
    check(lambda a, b: (a & b, a | b, a ^ b, ~a, aten.bitwise_and.Scalar(a, 6),
        aten.bitwise_or.Scalar_Tensor(6, a)), x, y)
    check(lambda a, b: (torch.gcd(a, b), torch.lcm(a, b), torch.maximum(a, b), torch.fmin(a, b)),
        *whole(torch.int32))
    check(lambda a: (a % 3, 7 // (a | 1), 7 % (a | 1), 3 - a, aten.rsub.Scalar(a, 2, 3)), x)
    check(lambda a, b: (a < b, a == b, a >= b, a > 2, a != 1.5, a <= -1), x, y)
    check(lambda a: (a**2, a**3, a**1, a**0, torch.pow(a, 5), torch.pow(2, a.abs() % 4)), x)
    check(lambda a, b: torch.pow(a, b % 8), x, y)
    check(lambda a, b: torch.pow(a, b), x % 2, y)
    check(lambda a: (torch.pow(a, 0.5), torch.pow(a, -1.0), a.float_power(2), torch.float_power(2, a)),
        x.abs())


@pytest.mark.parametrize("dtype", INTS, ids=str)
def test_shifts(dtype):
    x, _ = whole(dtype)
    by = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 2, 100], dtype=torch.int64).to(dtype)
    check(lambda a, b: (torch.bitwise_left_shift(a, b), torch.bitwise_right_shift(a, b), a << 1, a >> 1), x,
        by)
    if dtype != torch.uint8:
        check(lambda a, b: torch.bitwise_right_shift(a, b), x, torch.full_like(x, -1))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, -1, -2, 0.5, -0.5, 1.5, 2.0, 3.0, 0.0, -3, True])
def test_powers(exponent):
    for dtype in (torch.float32, torch.float64):
        check(lambda a: torch.pow(a, exponent), edges(dtype), rtol=1e-5)
    check(lambda a: torch.pow(a, exponent), torch.tensor([1 + 2j, -0.5j, -3 + 0j]))
    check(lambda a: torch.pow(2.5, a), torch.tensor([0, 1, 2, -1.0, 0.5]))


def typed(dtype, *shape):
    return (torch.arange(1, 1 + math.prod(shape)).reshape(shape) % 5).to(dtype)


@pytest.mark.parametrize("other", [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16,
    torch.bfloat16, torch.float32,
    torch.float64, torch.complex64], ids=str)
def test_promotion(other):
    """Tensors with dims, 0-d tensors, and one of each, of every pair of types."""

    def each(*pairs):
        out = []
        for a, b in zip(pairs[::2], pairs[1::2]):
            out += [a + b, a * b, a == b, torch.where(a == b, a, b)]
            if not (a.is_complex() or b.is_complex()):
                out += [a < b, torch.maximum(a, b), a / (b + 1)]
        return out

    pairs = []
    for dtype in (torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32, torch.complex64):
        for left, right in (((3, 2), (3, 2)), ((3, 2), ()), ((), (2,)), ((), ())):
            x, y = typed(dtype, *left), typed(other, *right)
            if torch.result_type(x, y) != torch.complex32:
                pairs += [x, y]
    check(each, *pairs)


def test_complex32_is_refused():
    with pytest.raises(UnsupportedError, match="complex32"):
        convert(torch.add, torch.ones(2, dtype=torch.float16), torch.tensor(1j))
    with pytest.raises(UnsupportedError, match="complex32"):
        convert(torch.complex, torch.ones(2, dtype=torch.float16), torch.ones(2, dtype=torch.float16))


@pytest.mark.parametrize("number", [True, 2, 1.5, 0.1, 2j])
def test_numbers(number):
    def each(*xs):
        out = []
        for a in xs:
            out += [a + number, a * number, number * a, a == number, a / number, torch.where(a == 1, a,
            number)]
            if a.dtype != torch.bool and number is not True:
                out += [a - number, number - a]
        return out

    dtypes = [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float32,
        torch.float64, torch.complex64]
    xs = [typed(d, 5) for d in dtypes]
    check(each, *(x for x in xs if torch.result_type(x, number) != torch.complex32))


def test_scaled_sums():
    x, y = torch.randn(3, 4), torch.randn(4)
    check(lambda a, b: (torch.add(a, b, alpha=2), torch.sub(a, b, alpha=0.5), torch.rsub(a, b, alpha=3)), x,
        y)
    check(lambda a, b: (torch.add(a, b, alpha=2), torch.add(a, 3, alpha=2)), *whole(torch.int32))
    check(lambda a, b: torch.add(a, b, alpha=0.1), x.half(), y.half())
    check(lambda a, b: torch.add(a, b), torch.tensor([True, False]), torch.tensor([True, True]))
    check(lambda a, b: (torch.addcmul(a, a, b, value=2), torch.addcdiv(a, b, b.abs() + 1, value=-0.5)), x, y)
    check(lambda a, b: (torch.lerp(a, b, 0.25), torch.lerp(a, b, 0.75), torch.lerp(a, b, b)), x, y)
    check(lambda a, b: torch.addcmul(a, a, b, value=2), *whole(torch.int64))


def test_bounds():
    x = edges()
    low, high = torch.full_like(x, -1.0), torch.linspace(-2, 3, len(EDGES))
    check(lambda a: (a.clamp(-1, 1), a.clamp(min=0), a.clamp(max=2.5), a.clamp(2, 1), a.clip(0, nan)), x)
    check(lambda a, b, c: (a.clamp(b, c), a.clamp(min=c), torch.clamp_max(a, c), torch.clamp_min(a, b[0])),
        x, low, high)
    check(lambda a: (a.clamp(0, 3), a.clamp(0.5, 3), torch.clamp_min(a, 2)), whole(torch.int32)[0])
    check(lambda a: (a.nan_to_num(), a.nan_to_num(1.0, 2.0, -3.0), a.half().nan_to_num(),
        a.double().nan_to_num()), x)
    check(lambda a: torch.nan_to_num(a), torch.complex(x, x.flip(0)))
    check(lambda a: (a.round(decimals=1), a.round(decimals=-1), a.round(decimals=0)), torch.tensor([1.25,
        17.35, -2.55, 105.0, nan]))


def test_choice():
    x, y = torch.randn(2, 3), torch.randn(3)
    mask = torch.tensor([[True, False, True], [False, False, True]])
    check(lambda a, b, m: (torch.where(m, a, b), torch.where(m, a, 2), torch.where(m, 1.5, b),
        torch.where(m, 1, 2.5)), x, y, mask)
    check(lambda a, m: (torch.where(m, a, 0), torch.where(m, a, 1.5)), typed(torch.int64, 2, 3), mask)
    check(lambda a, m: (a.masked_fill(m, -inf), a.masked_fill(m, torch.tensor(3)), a[0].masked_fill(m, 0)),
        x, mask)
    check(lambda a, m: a.masked_fill(m, 2.7), typed(torch.int64, 2, 3), mask)
    check(lambda a, b: torch.heaviside(a, b), torch.tensor([-1.0, 0, 2, nan, -0.0]), torch.tensor(0.5))
    check(lambda a, b: (torch.isclose(a, b), torch.isclose(a, b, rtol=0.1, atol=0.2, equal_nan=True)),
        edges(), edges().flip(0))
    check(lambda a, b: torch.isclose(a, b), *whole(torch.int32))


CASTS = [torch.bool, torch.uint8, torch.int8, torch.int32, torch.int64, torch.float16, torch.bfloat16,
    torch.float32, torch.float64,
    torch.complex64]


def as_copy(x, dtype):
    return aten._to_copy(x, dtype=dtype)


def as_type(x, dtype):
    return x.type_as(torch.ones(2, dtype=dtype))


@pytest.mark.parametrize("dtype", CASTS, ids=str)
def test_casts(dtype):
    x = torch.tensor([0, 1, 2.7, -2.7, 100, -128, 3.5, 0.3]).to(dtype)
    if dtype == torch.uint8:
        x = torch.tensor([0, 1, 2, 255, 128], dtype=dtype)
    to = [t for t in CASTS if t.is_complex or not dtype.is_complex]
    check(lambda a: [f(a, t) for t in to for f in (torch.Tensor.to, as_copy, as_type)], x)
    check(lambda a: (a.clone(), a.contiguous(), a.detach(), aten.alias(a), aten.lift_fresh_copy(a),
        a.to("cpu")), x)


def test_casts_of_floats_wrap():
    check(lambda a: a.to(torch.uint8), torch.tensor([-1.0, 255.0, 256.0, 300.0, -300.0]))
    check(lambda a: a.to(torch.bool), edges())


def test_dropout():
    x = torch.randn(3, 4)
    check(lambda a: (torch.dropout(a, 0.5, False), torch.feature_dropout(a, 0.5, False),
        torch.alpha_dropout(a, 0.3, False)), x)
    check(lambda a: aten.native_dropout(a, 0.5, False), x)
    check(lambda a: (torch.dropout(a, 0.0, True), torch.dropout(a, 1.0, True)), x)


def test_complex_numbers():
    x, y = torch.randn(5), torch.randn(5)
    z = torch.complex(x, y)
    check(lambda a, b: (torch.complex(a, b), torch.polar(a.abs(), b)), x, y)
    check(lambda a: (a.real, a.imag, a.conj() * 1, a.abs(), a.angle(), a.sgn(), a * a, a / (a + 1),
        a.reciprocal()), z)
    check(lambda a: (a.exp(), a.log(), a.sqrt(), a.sin(), a.cosh(), a.tanh(), a.sigmoid(), a.log1p(),
        a.expm1(), a.pow(a)), z)
    check(lambda a: (a.asin(), a.acos(), a.atan(), a.asinh(), a.acosh(), a.atanh()), z)
    cuts = torch.tensor([2 + 0j, -2 + 0j, 2j, -2j, 0j, 0.5 + 0j, -0.5 + 0j])
    check(lambda a: (a.asin(), a.acos(), a.asinh(), a.acosh()), cuts)
    check(lambda a: (a.isnan(), a.isinf(), a.isfinite(), a.isreal(), a == a), torch.tensor([1 + 0j,
        complex(nan, 0), complex(0, inf), 2j]))


def test_activations_and_their_arguments():
    F = torch.nn.functional
    x = torch.cat([torch.linspace(-8, 8, 101), torch.tensor([-inf, nan, -1e30])])
    check(lambda a: (F.gelu(a), F.gelu(a, approximate="tanh"), F.silu(a), F.mish(a), F.softsign(a),
        F.tanhshrink(a)), x)
    check(lambda a: (F.elu(a, 0.5), F.celu(a, 2.0), F.selu(a), F.leaky_relu(a, 0.3), F.rrelu(a), aten.elu(a,
        1.5, 2.0, 0.5)), x)
    check(lambda a: (F.hardtanh(a, -2, 0.5), F.threshold(a, 0.1, 20.0), F.hardshrink(a, 1.0),
        F.softshrink(a, 0.3)), x)
    check(lambda a: (F.softplus(a, 2.0, 5.0), F.logsigmoid(a), aten.log_sigmoid_forward(a)[0],
        aten.logit(a.sigmoid(), 0.1)), x)
    for dtype in (torch.float16, torch.bfloat16):
        check(lambda a: (F.gelu(a), F.silu(a), F.softplus(a), F.hardswish(a), F.elu(a), F.leaky_relu(a),
            F.hardtanh(a)), x.to(dtype))
    check(lambda a: (F.glu(a), F.glu(a, 0)), torch.randn(4, 6))
    check(lambda a, w: F.prelu(a, w), torch.randn(2, 3, 4), torch.tensor([0.1, 0.2, 0.3]))
    check(lambda a, w: F.prelu(a, w), torch.randn(5), torch.tensor([0.1]))
    check(lambda a, w: aten._prelu_kernel(a, w), torch.randn(2, 3), torch.randn(1, 3))
    check(lambda a: (F.relu(a), F.relu6(a), F.hardtanh(a, 0, 4)), whole(torch.int32)[0])


def test_writes_keep_the_type_written_to():
    def write(x, y):
        x = x.clone()
        x.add_(y)
        x.mul_(2.5)
        x.lt_(3)
        return x

    check(write, torch.randn(3), torch.arange(3))
    check(lambda x: x.clone().pow_(2).clamp_(1, 5).sub_(1), torch.arange(4))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)], ids=str)
def test_nothing_and_0d(shape):
    x = torch.ones(shape)
    check(lambda a: (a + 1, a.exp(), a == a, torch.where(a > 0, a, 2), a.clamp(0, 1),
        torch.nn.functional.gelu(a), a.to(torch.int32)), x)
