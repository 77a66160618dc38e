"""Quantization against eager PyTorch: the operators of pt2e (quantized_decomposed), fake quantization and its observers, weights of
8 and 4 bits. Integers are compared exactly, floats too where no sum is taken. test_torchao.py has whole flows."""

import functools
import itertools

import pytest
import torch
import torch.ao.quantization.fx._decomposed  # noqa: F401  defines torch.ops.quantized_decomposed
from oracle import check, convert

from torch_stablehlo import exported_program_to_stablehlo

aten, decomposed = torch.ops.aten, torch.ops.quantized_decomposed
EXACT = {"rtol": 0, "atol": 0}
INF, NAN = float("inf"), float("nan")
INTEGERS = [torch.int8, torch.uint8, torch.int16, torch.uint16, torch.int32]
FLOATS = [torch.float32, torch.bfloat16, torch.float16]


def rand(*shape, dtype=torch.float32, seed=0, scale=1.0):
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


def integers(*shape, dtype=torch.int8, seed=0):
    i = torch.iinfo(dtype)
    return torch.randint(i.min, i.max + 1, shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def edges(dtype=torch.float32):
    """Ties, signed zeros, what no integer of 8 or 16 bits holds, infinities, NaN."""
    ties = [k / 2 for k in range(-9, 10)]
    return torch.tensor([*ties, 0.0, -0.0, 1e-30, 127.4, 127.5, -128.5, 255.5, 300, -300, 7e4, -7e4, INF, -INF, NAN]).to(dtype)


def ends(dtype):
    i = torch.iinfo(dtype)
    return (i.min, i.max) if dtype != torch.int32 else (i.min, 2**31 - 128)  # f32 has no number between that and 2**31


def check_each(*calls, **tolerance):
    """Calls (function, arguments...) as one program."""
    functions = [c[0] for c in calls]
    return check(lambda each: [f(*args) for f, args in zip(functions, each)], [list(c[1:]) for c in calls], **tolerance)


# -- per tensor ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_quantize_per_tensor(dtype):
    low, high = ends(dtype)
    x = edges() if dtype != torch.int32 else edges()[:-1]  # of NaN as i32 torch makes what the CPU does
    numbers = itertools.product((1.0, 0.3, 1e-3), (0, 3), (0, 1))
    check_each(*((decomposed.quantize_per_tensor, x, scale, zero, low + cut, high - cut, dtype) for scale, zero, cut in numbers))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_quantize_floats(dtype):
    x = rand(5, 7, dtype=dtype, scale=3)
    calls = [(decomposed.quantize_per_tensor, x, 0.05, -3, -128, 127, torch.int8)]
    for s, z in itertools.product((torch.tensor(0.07), torch.tensor([0.07]).double()), (torch.tensor(4), torch.tensor([4]).int())):
        calls.append((decomposed.quantize_per_tensor.tensor, x, s, z, 0, 255, torch.uint8))
        calls.append((decomposed.quantize_per_tensor.tensor2, x, s, z, torch.tensor(1), torch.tensor(200), torch.uint8))
    check_each(*calls)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_dequantize_per_tensor(dtype):
    low, high = ends(dtype)
    q = integers(3, 5, dtype=dtype)
    outs = None, torch.float32, torch.float16, torch.bfloat16, torch.float64
    calls = [(functools.partial(decomposed.dequantize_per_tensor, out_dtype=out), q, 0.037, 3, low, high, dtype) for out in outs]
    s, z = torch.tensor([0.037]), torch.tensor([3])
    calls.append((decomposed.dequantize_per_tensor.tensor, q, s, z, low, high, dtype))
    calls.append((decomposed.dequantize_per_tensor.tensor2, q, s, z, torch.tensor(low), torch.tensor(high), dtype))
    check_each(*calls, **EXACT)


def test_8_bit_floats():
    x = rand(4, 6, scale=100)
    for dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
        top = int(torch.finfo(dtype).max)
        check(lambda x: decomposed.quantize_per_tensor(x, 0.7, 0, -top, top, dtype).float(), x, **EXACT)
        check(lambda x: decomposed.dequantize_per_tensor(x.to(dtype), 0.7, 0, -top, top, dtype), x, **EXACT)


def test_shapes():
    every = [rand(*shape) for shape in ((), (0, 3), (1,), (2, 3, 4, 5))]
    check_each(*((decomposed.quantize_per_tensor, x, 0.1, 1, -128, 127, torch.int8) for x in every))
    check_each(*((decomposed.dequantize_per_tensor, x.to(torch.int8), 0.1, 1, -128, 127, torch.int8) for x in every))


# -- per channel, token, group -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 3, -1, -4])
def test_per_channel(axis):
    x = rand(3, 4, 2, 5, scale=4)
    n = x.shape[axis]
    z, calls, back = torch.arange(n) + 1, [], []
    for scales, dtype in itertools.product((torch.float32, torch.float64), INTEGERS):
        low, high = ends(dtype)
        s = (rand(n).abs() / 20 + 0.01).to(scales)
        calls.append((decomposed.quantize_per_channel, x, s, z, axis, low, high, dtype))
        q = integers(3, 4, 2, 5, dtype=dtype)
        whole = () if dtype == torch.uint16 else (z, z.int(), z.to(dtype))  # torch promotes u16 with no other integers
        back += [(decomposed.dequantize_per_channel, q, s, zero, axis, low, high, dtype) for zero in (*whole, z.float() + 0.25, None)]
    check_each(*calls, (decomposed.quantize_per_channel, x.bfloat16(), s, z, axis, -128, 127, torch.int8))
    narrow = functools.partial(decomposed.dequantize_per_channel, out_dtype=torch.bfloat16)
    check_each(*back, (narrow, q, s, z, axis, low, high, dtype), **EXACT)


def test_per_channel_edges():
    x = edges().repeat(3, 1)
    s, z = torch.tensor([1.0, 0.5, 0.3]), torch.tensor([0, 1, -2])
    check(decomposed.quantize_per_channel, x, s, z, 0, -128, 127, torch.int8)
    check(decomposed.quantize_per_channel, x, s.abs(), z.abs(), 0, 0, 255, torch.uint8)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_per_token(dtype):
    x, q = rand(2, 3, 8, dtype=dtype, scale=5), integers(2, 3, 8)
    calls = []
    for scales in (torch.float32, torch.float64, dtype):
        s, z = (rand(2, 3, 1).abs() / 30 + 0.01).to(scales), integers(2, 3, 1).long() // 8
        calls.append((decomposed.quantize_per_token, x, s, z, -128, 127, torch.int8))
        calls += [(decomposed.dequantize_per_token, q, s, z, -128, 127, torch.int8, out) for out in (torch.float32, dtype)]
    check_each(*calls, **EXACT)


@pytest.mark.parametrize("size", [2, 4, 16, 64])
def test_per_group(size):
    x, q = rand(6, 16, scale=5), integers(6, 16).clamp(-8, 7)
    groups = max(1, 16 // size)
    s, z = rand(6, groups).abs() / 10 + 0.05, torch.arange(6 * groups).reshape(6, groups).int() % 5
    back = [(zero, torch.float32) for zero in (z, z.to(torch.int8), z.float(), None)] + [(z, torch.bfloat16)]
    check_each(
        (decomposed.quantize_per_channel_group, x, s, z, -8, 7, torch.int8, size),
        *((decomposed.dequantize_per_channel_group, q, s, zero, -8, 7, torch.int8, size, out) for zero, out in back),
        **EXACT,
    )


def test_convert_element_type():
    check(decomposed.convert_element_type.no_fuse, rand(3, 4, scale=50), torch.int8)
    check(decomposed.convert_element_type.no_fuse, integers(3, 4), torch.bfloat16)


# -- scales and zero points of what a tensor holds ------------------------------------------------------------------------


def inputs(dtype):
    x = rand(4, 6, dtype=dtype, scale=3)
    return x, x.abs(), -x.abs(), x * 0, x * 1e-9, x * 1e3


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_choose_qparams(dtype):
    calls = [(decomposed.choose_qparams.tensor, rand(3), -127, 127, 0.5, torch.int8)]
    for x, to in itertools.product(inputs(dtype), (torch.int8, torch.uint8)):
        i = torch.iinfo(to)
        calls.append((decomposed.choose_qparams.tensor, x, i.min, i.max, 1.2e-7, to))
        calls.append((decomposed.choose_qparams_symmetric.tensor, x, i.min, i.max, 1.2e-7, to))
    check_each(*calls, **EXACT)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_choose_qparams_per_token(dtype):
    check_each(*((decomposed.choose_qparams_per_token_asymmetric, x, torch.int8) for x in inputs(dtype)), **EXACT)
    for x in inputs(dtype)[:2]:  # torch says f64 and i64 and gives f32 or bf16; the values are the same
        program, args = convert(decomposed.choose_qparams_per_token, x, torch.int8)
        for got, want in zip(program(*args), decomposed.choose_qparams_per_token(x, torch.int8)):
            assert got.shape == want.shape
            assert torch.equal(got, want.to(got.dtype))


def test_dynamic_quantization():
    """What pt2e makes of an activation with a dynamic scale."""

    def f(x):
        scale, zero = decomposed.choose_qparams.tensor(x, -128, 127, 1e-7, torch.int8)
        q = decomposed.quantize_per_tensor.tensor(x, scale, zero, -128, 127, torch.int8)
        return q, decomposed.dequantize_per_tensor.tensor(q, scale, zero, -128, 127, torch.int8)

    check_each(*((f, x) for x in inputs(torch.float32)), **EXACT)


# -- fake quantization ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, torch.float64], ids=str)
def test_fake_quantize(dtype):
    x, calls = edges(dtype), []
    for scale, zero, low, high in ((0.5, 3, -128, 127), (0.3, 128, 0, 255), (1e-3, 0, -127, 127)):
        s, z = torch.tensor([scale]), torch.tensor([zero], dtype=torch.int32)
        calls.append((torch.fake_quantize_per_tensor_affine, x, scale, zero, low, high))
        calls.append((torch.fake_quantize_per_tensor_affine, x, s, z, low, high))
        calls.append((aten.fake_quantize_per_tensor_affine_cachemask, x, scale, zero, low, high))
        enabled = aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams
        calls += [(enabled, x, s, z, torch.tensor([on]), low, high) for on in (0, 1)]
    check_each(*calls, **EXACT)


@pytest.mark.parametrize("dtype", [*FLOATS, torch.float64], ids=str)
def test_fake_quantize_per_channel(dtype):
    """Infinities are left out: torch's kernel makes an integer of them before it bounds it."""
    x = edges(dtype)[edges(dtype).abs() < INF].repeat(2, 1)
    for axis in (0, 1):
        n = x.shape[axis]
        s, z = rand(n).abs() / 10 + 0.1, torch.arange(n, dtype=torch.int32) % 5
        check(torch.fake_quantize_per_channel_affine, x, s, z, axis, -128, 127, **EXACT)
        check(torch.fake_quantize_per_channel_affine, x, s, z.float() + 0.25, axis, -128, 127, rtol=1e-6, atol=1e-6)
        check(aten.fake_quantize_per_channel_affine_cachemask, x, s, z, axis, 0, 255, **EXACT)


def test_fake_quant_per_channel_of_pt2e():
    x = rand(3, 4, scale=5)
    check(decomposed.fake_quant_per_channel, x, rand(4).abs() + 0.1, torch.arange(4), 1, -128, 127, **EXACT)


def test_learnable_fake_quantize():
    x = rand(3, 8, scale=40)
    s, z = torch.tensor([0.3]), torch.tensor([2.5])
    check(torch._fake_quantize_learnable_per_tensor_affine, x, s, z, -128, 127, 0.7, **EXACT)
    check(torch._fake_quantize_learnable_per_channel_affine, x, rand(3).abs(), rand(3), 0, -128, 127, 0.7, **EXACT)
    g = rand(3, 8, seed=3)
    check(aten._fake_quantize_learnable_per_tensor_affine_backward, g, x, s, z, -128, 127, 0.7)
    check(aten._fake_quantize_learnable_per_channel_affine_backward, g, x, rand(3).abs(), rand(3) * 3, 0, -128, 127, 0.7)
    check(aten._fake_quantize_learnable_per_channel_affine_backward, g, x, rand(8).abs(), rand(8) * 3, 1, -16, 15, 1.0)


def test_fake_quantize_backward():
    g, mask = rand(3, 4), rand(3, 4) > 0
    check(aten.fake_quantize_per_tensor_affine_cachemask_backward, g, mask, **EXACT)
    check(aten.fake_quantize_per_channel_affine_cachemask_backward, g.bfloat16(), mask, **EXACT)


observed = aten._fused_moving_avg_obs_fq_helper_functional


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("ends", [(-128, 127), (0, 255), (-127, 127), (0, 127), (-8, 7)], ids=str)
def test_observer(ends, symmetric):
    """Everything that the fused observer gives and writes, as the functional form has it; the running ends but for the last bit, for
    XLA adds a product with one rounding."""
    begun, calls = (-1.5, 2.0, 1, 1), []
    for x, rows in itertools.product(inputs(torch.float32), (False, True)):
        n = x.shape[0] if rows else 1
        for low, high, observe, fake in ((INF, -INF, 1, 1), begun) + ((-1.5, 2.0, 0, 1), (-1.5, 2.0, 1, 0)) * (not calls):
            state = torch.full((n,), low), torch.full((n,), high), torch.ones(n), torch.zeros(n, dtype=torch.int32)
            flags = torch.tensor([observe]), torch.tensor([fake])
            calls.append((observed, x, *flags, *state, 0.01, *ends, 0, rows, symmetric))
    check_each(*calls, rtol=2e-7, atol=0)


# -- products ------------------------------------------------------------------------------------------------------------


def test_int_mm():
    check(torch._int_mm, integers(17, 32), integers(32, 24, seed=1))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("n", [16, 48, 64, 80, 160])
def test_int4_mm(dtype, n):
    """The program packs its weights; or they are weights, packed for this CPU."""
    w, group = torch.randint(0, 16, (n, 64), dtype=torch.int32, generator=torch.Generator().manual_seed(1)), 32
    x, numbers = rand(5, 64, dtype=dtype), rand(64 // group, n, 2, dtype=dtype, seed=2) / 4
    check(lambda x, w, s: aten._weight_int4pack_mm_for_cpu(x, aten._convert_weight_to_int4pack_for_cpu(w, 1), group, s), x, w, numbers)
    check(aten._convert_weight_to_int4pack_for_cpu, w, 1)
    check(aten._weight_int4pack_mm_for_cpu, x, aten._convert_weight_to_int4pack_for_cpu(w, 1), group, numbers)


# -- state ---------------------------------------------------------------------------------------------------------------


class Observed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name, value in dict(low=INF, high=-INF, scale=1.0, zero=0, observe=1, fake=1).items():
            dtype = torch.float32 if isinstance(value, float) else torch.int32 if name == "zero" else torch.int64
            self.register_buffer(name, torch.tensor([value], dtype=dtype))

    def forward(self, x):
        state = self.low, self.high, self.scale, self.zero
        return torch.fused_moving_avg_obs_fake_quant(x, self.observe, self.fake, *state, 0.01, -128, 127, -1, False, True)


def test_observer_keeps_what_it_sees():
    m, eager = Observed(), Observed()
    program = exported_program_to_stablehlo(torch.export.export(m, (rand(3, 4),)))
    for seed in range(3):
        x = rand(3, 4, seed=seed, scale=1 + seed)
        torch.testing.assert_close(program(x), eager(x), rtol=1e-6, atol=0)
    for name, value in program.state().items():
        torch.testing.assert_close(torch.tensor(value), getattr(eager, name), rtol=1e-6, atol=0)
