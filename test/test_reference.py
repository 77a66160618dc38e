"""src/reference: what the evaluator gives, compared with eager torch, which covers StableHLO's ops by functions of torch; random bits and what
torch has no function for with XLA. Openxla's own cases: stablehlo_checks.py (make test-stablehlo)."""
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracle import Call, compare, convert, copies

BUILD = Path(os.environ.get("TORCH_STABLEHLO_BUILD", "build"))
INF, NAN = float("inf"), float("nan")
EDGES = torch.tensor([0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3.7, -3.7, 1e-30, 1e30, -1e30, INF, -INF, NAN])
INTS = torch.tensor([0, 1, -1, 2, -2, 7, 100, -100, 2**31 - 1, -(2**31)], dtype=torch.int32)
torch.manual_seed(0)
X, Y = torch.randn(3, 4), torch.randn(3, 4)
IMAGE = torch.randn(2, 4, 9, 8)
SPD = (lambda a: a @ a.mT + 3 * torch.eye(4))(torch.randn(2, 4, 4))
Z = torch.randn(3, 4, dtype=torch.complex64)


def pairs(x):
    return x[:, None].expand(-1, len(x)).clone(), x[None].expand(len(x), -1).clone()


CASES = {
    **{f: (getattr(torch, f), EDGES) for f in (
        "abs neg sign ceil floor round trunc sqrt rsqrt exp expm1 log log1p sigmoid sin cos tan tanh isfinite isnan isinf asin acos atan "
        "sinh cosh asinh atanh erf erfc lgamma digamma exp2 log2 log10 frac reciprocal nan_to_num signbit").split()},
    **{f + "_pairs": (getattr(torch, f), *pairs(EDGES)) for f in (
        "add sub mul div maximum minimum fmax fmin atan2 pow eq ne lt le gt ge copysign nextafter hypot").split()},
    # eager gives NaN for fmod(1e30, 1e-30), and for acosh(-1e30), where (-1e30)^2 overflows in the decomposition: infinite.
    "fmod": (torch.fmod, *pairs(EDGES[:11])),
    "acosh": (torch.acosh, EDGES[:11]),
    **{f + "_ints": (getattr(torch, f), *pairs(INTS)) for f in
       "add sub mul maximum minimum bitwise_and bitwise_or bitwise_xor eq ne lt ge".split()},
    **{f + "_complex": (getattr(torch, f), Z) for f in "exp log sqrt sin cos tanh abs angle neg reciprocal real imag conj sigmoid".split()},
    **{f"{f}_{str(t)[6:]}": (getattr(torch, f), EDGES.to(t)) for f in ("exp", "floor", "tanh") for t in (torch.float16, torch.bfloat16, torch.float64)},
    **{f"to_{str(t)[6:]}": (lambda x, t=t: x.to(t), torch.tensor([0, 1.5, -1, 100.9, 3])) for t in (
        torch.bool, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float64,
        torch.complex64, torch.float8_e4m3fn, torch.float8_e5m2)},
    "shift": (lambda x: (x << 3, x >> 2, ~x), INTS),
    "shift_u8": (lambda x: (x << 3, x >> 2, ~x, x + 200), torch.arange(0, 250, 25, dtype=torch.uint8)),
    "div_floor": (lambda x, y: (torch.div(x, y, rounding_mode="floor"), torch.remainder(x, y)), torch.arange(-9, 9), torch.tensor([4] * 9 + [-4] * 9)),
    "bools": (lambda x, y: (x & y, x | y, x ^ y, ~x, x * y, x.sum(), x.any(), y.all()), torch.tensor([True, True, False, False]), torch.tensor([True, False] * 2)),
    "clamp": (lambda x: torch.clamp(x, -1, 2), EDGES),
    "where": (torch.where, X > 0, X, Y),
    "scalar": (lambda x: x * 2 + 1, torch.tensor(3.0)),
    "empty": (lambda x: (x.sum(), x + 1, torch.cat([x, x]), x @ torch.ones(0, 2), x.T), torch.empty(2, 0)),
    "shapes": (lambda x: (x.T, x.flip(0, 1), x[1:, ::2], x.reshape(2, 6), x.expand(2, 3, 4), torch.cat([x, x], 1), x.roll(1, 0)), X),
    "pad": (lambda x: (F.pad(x, (1, 2, -1, 3), value=7.0), F.pad(x, (1, 1), mode="reflect")), X),
    "iota": (lambda x: x + torch.arange(4), X),
    "index": (lambda x, i: (x[i], x[:, i], x.gather(1, i.expand(3, 3)), torch.index_select(x, 0, i)), X, torch.tensor([2, 0, 1])),
    "scatter": (lambda x, i, s: (x.scatter(1, i, s), x.scatter_add(1, i, s), x.scatter_reduce(1, i, s, "amax")), X, torch.tensor([[0, 3], [1, 1], [2, 0]]), torch.randn(3, 2)),
    "index_put": (lambda x, i: x.index_put((i,), torch.ones(2, 4), accumulate=True), X, torch.tensor([1, 1])),
    "reduce": (lambda x: (x.sum(0), x.prod(1), x.amax(1), x.amin(0), x.mean(), x.var(1), x.argmax(1), x.argmin(0), x.logsumexp(1)), X),
    "reduce_edges": (lambda x: (x.amax(), x.amin(), x.argmax(), x.sum()), EDGES),
    "cumulative": (lambda x: (x.cumsum(1), x.cumprod(0), x.cummax(1)), X),
    "softmax": (lambda x: (x.softmax(1), x.log_softmax(0)), X),
    "sort": (lambda x: (x.sort(dim=-1, stable=True), x.sort(dim=0, stable=True, descending=True)), torch.tensor([[3.0, 1, 2, 1, NAN, -INF], [0, -0.0, 5, 5, INF, 5]])),
    "topk": (lambda x: torch.topk(x, 2), X),
    "matmul": (lambda x, y: (x @ y.T, torch.einsum("ij,kj->ik", x, y), x.T.unsqueeze(0) @ y, x @ y[0]), X, Y),
    "matmul_int": (lambda x: x @ x.T, torch.arange(-6, 6).reshape(3, 4).to(torch.int8)),
    "matmul_half": (lambda x, y: x @ y.T, X.half(), Y.half()),
    "matmul_large": (lambda x, y: x @ y, torch.randn(37, 65), torch.randn(65, 29)),
    "matmul_complex": (lambda x: x @ x.mT, Z),
    "conv": (lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1, dilation=2), IMAGE, torch.randn(6, 4, 3, 2), torch.randn(6)),
    "conv_groups": (lambda x, w: F.conv2d(x, w, groups=2, padding=(0, 2)), IMAGE, torch.randn(6, 2, 3, 3)),
    "conv_depthwise": (lambda x, w: F.conv2d(x, w, groups=4), IMAGE, torch.randn(4, 1, 3, 3)),
    "conv_transpose": (lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1), IMAGE, torch.randn(4, 3, 3, 3)),
    "conv1d": (F.conv1d, torch.randn(2, 3, 10), torch.randn(5, 3, 4)),
    "conv3d": (F.conv3d, torch.randn(1, 2, 5, 6, 7), torch.randn(3, 2, 2, 3, 2)),
    "pool": (lambda x: (F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 2), F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)), IMAGE),
    "norm": (lambda x: (F.batch_norm(x, torch.zeros(4), torch.ones(4)), F.layer_norm(x, (8,)), F.group_norm(x, 2)), IMAGE),
    "cholesky": (lambda a: (torch.linalg.cholesky(a), torch.linalg.cholesky(a, upper=True)), SPD),
    "triangular": (lambda a, b: (torch.linalg.solve_triangular(a.tril(), b, upper=False), torch.linalg.solve_triangular(a.triu(), b.mT, upper=True, left=False)),
                   SPD, torch.randn(2, 4, 3)),
    "linalg": (lambda a: (torch.linalg.inv(a), torch.linalg.det(a), torch.linalg.qr(a)[1].abs()), SPD),
    "fft": (lambda x: (torch.fft.fft(x), torch.fft.rfft2(x), torch.fft.irfft(torch.fft.rfft(x), n=5), torch.fft.ifftn(x)), torch.randn(6, 5)),
    "view": (lambda x: (x.view(torch.int32), x.view(torch.int16), x.view(torch.uint8)), X),
    "complex": (lambda x, y: (torch.complex(x, y), torch.view_as_real(torch.complex(x, y))), X, Y),
    "embedding": (F.embedding, torch.tensor([[0, 2], [1, 1]]), X),
    "attention": (F.scaled_dot_product_attention, torch.randn(1, 2, 5, 8), torch.randn(1, 2, 5, 8), torch.randn(1, 2, 5, 8)),
    "searchsorted": (torch.searchsorted, torch.arange(8.0), X),
    "cond": (lambda x: torch.cond(x.sum() > 0, lambda t: t + 1, lambda t: t - 1, (x,)), X),
}


@pytest.mark.parametrize("name", CASES)
def test_against_torch(name):
    fn, *args = CASES[name]
    program, inputs = convert(fn, *args)
    got = program.evaluate(None, inputs, engine="reference")
    with torch.no_grad():
        want = Call(fn, tuple(args), {})(*copies(inputs))
    compare(got, want)


# -- text, against XLA --------------------------------------------------------------------------------------------------


def both(tmp_path, text, *inputs):
    """What the evaluator and XLA's CPU give for a program in text."""
    from torch_stablehlo.stablehlo import StableHLOGraphModule

    (tmp_path / "m.mlir").write_text(text)
    program = StableHLOGraphModule.load(tmp_path / "m.mlir")
    got, want = (program.evaluate(None, inputs, engine=e) for e in ("reference", "plugin"))
    as_tuple = lambda x: x if isinstance(x, (tuple, list)) else (x,)  # noqa: E731
    return as_tuple(got), as_tuple(want)


@pytest.mark.parametrize("algorithm,words", [("THREE_FRY", 2), ("PHILOX", 2), ("PHILOX", 3), ("DEFAULT", 2), ("DEFAULT", 3)])
@pytest.mark.parametrize("shape,dtype", [("", "ui32"), ("5x", "ui32"), ("3x4x", "ui32"), ("3x5x7x", "ui64"), ("4x3x", "ui8"), ("6x", "ui16"), ("9x1x", "i32"), ("0x", "ui64")])
def test_random_bits(tmp_path, algorithm, words, shape, dtype):
    state, bits = f"tensor<{words}xui64>", f"tensor<{shape}{dtype}>"
    text = (f"func.func @main(%s: {state}) -> ({state}, {bits}) {{\n  %0, %1 = stablehlo.rng_bit_generator %s, algorithm = {algorithm} : ({state}) -> "
            f"({state}, {bits})\n  return %0, %1 : {state}, {bits}\n}}\n")
    got, want = both(tmp_path, text, torch.from_numpy(np.array([2**63 + 12345, 2**64 - 2, 77][:words], dtype=np.uint64)))
    for g, w in zip(got, want, strict=True):
        assert torch.equal(g.view(torch.uint8) if g.ndim else g, w.view(torch.uint8) if w.ndim else w)


CHECKS = {
    "division by zero": ("i32", "stablehlo.divide", "[7, -7, 0, -2147483648]", "[0, 0, 0, -1]", "[-1, -1, -1, -2147483648]"),
    "remainder of zero": ("i32", "stablehlo.remainder", "[7, -7, 0, -2147483648]", "[0, 0, 0, -1]", "[7, -7, 0, 0]"),
    "shift by too much": ("i8", "stablehlo.shift_left", "[1, 1, -1, 1]", "[7, 8, 9, -1]", "[-128, 0, 0, 0]"),
    "arithmetic shift by too much": ("i8", "stablehlo.shift_right_arithmetic", "[1, -1, -128, 64]", "[8, 8, 7, 6]", "[0, -1, -1, 1]"),
    "i4 wraps": ("i4", "stablehlo.add", "[7, -8, 3, 0]", "[1, -1, 4, 0]", "[-8, 7, 7, 0]"),
}


def evaluate_text(tmp_path, text):
    path = tmp_path / "case.mlir"
    path.write_text(text)
    done = subprocess.run([BUILD / "src/reference/test/check_tool"], input=f"{path}\n", capture_output=True, text=True, check=True)
    return done.stdout.strip().removeprefix(f"{path} ")


@pytest.mark.parametrize("name", CHECKS)
def test_what_the_spec_leaves_open(tmp_path, name):
    dtype, op, x, y, want = CHECKS[name]
    t = f"tensor<4x{dtype}>"
    lines = [f"%{n} = stablehlo.constant dense<{v}> : {t}" for n, v in (("x", x), ("y", y), ("w", want))]
    body = "\n  ".join([*lines, f"%r = {op} %x, %y : {t}", f"stablehlo.custom_call @check.expect_eq(%r, %w) {{has_side_effect = true}} : ({t}, {t}) -> ()", "return"])
    assert evaluate_text(tmp_path, f"func.func @main() {{\n  {body}\n}}\n") == "ok"


REFUSED = {
    "custom_call": ("%0 = stablehlo.custom_call @nobody() : () -> tensor<2xf32>", "has no 'nobody'"),
    "rng": ('%a = stablehlo.constant dense<0.0> : tensor<f32>\n  %s = stablehlo.constant dense<[2]> : tensor<1xi64>\n  '
            '%0 = stablehlo.rng %a, %a, %s, distribution = UNIFORM : (tensor<f32>, tensor<f32>, tensor<1xi64>) -> tensor<2xf32>', "stablehlo.rng: the reference"),
    "too large": ("%0 = stablehlo.iota dim = 0 : tensor<4611686018427387904x2xf32>", "larger than memory"),
    "replicas": ("%a = stablehlo.constant dense<0.0> : tensor<2xf32>\n  %0 = \"stablehlo.collective_permute\"(%a) "
                 "<{source_target_pairs = dense<[[0, 1]]> : tensor<1x2xi64>}> : (tensor<2xf32>) -> tensor<2xf32>", "several devices"),
    "itself": ("call @main() : () -> ()", "calls itself"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    body, why = REFUSED[name]
    assert why in evaluate_text(tmp_path, f"func.func @main() {{\n  {body}\n  return\n}}\n")


def test_command_line(tmp_path):
    fn, *args = CASES["matmul"]
    torch.export.save(torch.export.export(Call(fn, tuple(args), {}), tuple(args)), tmp_path / "m.pt2")
    for i, x in enumerate(args):
        np.save(tmp_path / f"{i}.npy", x.numpy())
    np.save(tmp_path / "want.npy", (args[0] @ args[1].T).numpy())
    tool = [BUILD / "src/cli/torch-stablehlo", "verify", tmp_path / "m.pt2", "--engine", "reference", "-i", tmp_path / "0.npy", "-i", tmp_path / "1.npy"]
    nobody = {**os.environ, "PJRT_PLUGIN_LIBRARY_PATH": "/nowhere"}
    done = subprocess.run([*tool, "-e", f"0={tmp_path}/want.npy"], capture_output=True, text=True, env=nobody)
    assert done.returncode == 0 and "elements agree" in done.stdout, done
    done = subprocess.run([*tool[:3], "--engine", "other", *tool[5:]], capture_output=True, text=True)
    assert done.returncode == 2 and "wanted plugin or reference" in done.stderr


def test_open_sizes():
    class M(torch.nn.Module):
        def forward(self, x):
            return x.reshape(-1).cumsum(0), torch.cat([x, x]).softmax(0), F.pad(x, (1, 2)), x @ x.T

    from torch_stablehlo import exported_program_to_stablehlo
    program = exported_program_to_stablehlo(torch.export.export(M(), (X,), dynamic_shapes={"x": {0: torch.export.Dim("n", min=2)}}))
    for n in (2, 3, 7):
        x = torch.randn(n, 4)
        compare(program.evaluate(None, (x,), engine="reference"), M()(x))
