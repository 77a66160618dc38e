"""Ops that are several in one, against eager PyTorch: quantized products, attention layers with their projections."""

import pytest
import torch
import torch.nn.functional as F
from oracle import check, convert

from torch_stablehlo import UnsupportedError

aten = torch.ops.aten
F8 = [torch.float8_e4m3fn, torch.float8_e5m2]


def rand(*shape, dtype=torch.float32, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_int8_weights(dtype):
    w = torch.randint(-128, 128, (64, 32), dtype=torch.int8, generator=torch.Generator().manual_seed(1))
    check(torch._weight_int8pack_mm, rand(8, 32, dtype=dtype), w, rand(64, dtype=dtype, seed=2).abs() / 100)


@pytest.mark.parametrize("a", F8, ids=str)
def test_scaled_mm(a):
    x, y = rand(16, 32, dtype=a), rand(48, 32, dtype=torch.float8_e4m3fn, seed=1)
    s, t = torch.tensor(1.5), torch.tensor([0.25])
    for out in (torch.float32, torch.bfloat16, torch.float16):
        check(lambda x, y, s, t: torch._scaled_mm(x, y.t(), s, t, out_dtype=out), x, y, s, t)
    bias = rand(48, dtype=torch.bfloat16, seed=2)
    check(lambda x, y, s, t, z: torch._scaled_mm(x, y.t(), s, t, bias=z, out_dtype=torch.bfloat16), x, y, s, t, bias)
    rows, columns = rand(16, 1, seed=3).abs(), rand(1, 48, seed=4).abs()
    check(lambda x, y, s, t: torch._scaled_mm(x, y.t(), s, t, out_dtype=torch.bfloat16), x, y, rows, columns)


def test_scaled_mm_to_8_bits():
    """One step of 8 bits between neighbours where the sums differ in their last bit."""
    x, y = rand(16, 32, dtype=F8[0]), rand(48, 32, dtype=F8[0], seed=1)
    s = torch.tensor(0.5)
    check(lambda x, y, s: torch._scaled_mm(x, y.t(), s, s).float(), x, y, s, rtol=0.13, atol=0.01)
    with pytest.raises(UnsupportedError, match="scale_result"):
        convert(lambda x, y, s: torch._scaled_mm(x, y.t(), s, s, scale_result=s), x, y, s)


def test_scaled_mm_by_recipe():
    x, y = rand(16, 32, dtype=F8[0]), rand(48, 32, dtype=F8[0], seed=1)
    one, row = F.ScalingType.TensorWise, F.ScalingType.RowWise
    check(lambda x, y, s: F.scaled_mm(x, y.t(), s, one, s, one, output_dtype=torch.bfloat16), x, y, torch.tensor(0.5))
    rows, columns = rand(16, 1, seed=3).abs(), rand(1, 48, seed=4).abs()
    check(lambda x, y, s, t: F.scaled_mm(x, y.t(), s, row, t, row, output_dtype=torch.bfloat16), x, y, rows, columns)


def test_linear_cross_entropy():
    check(F.linear_cross_entropy, rand(8, 16), rand(20, 16, seed=1), torch.arange(8))


def projections(size, dtype):
    shapes = (3 * size, size), (3 * size,), (size, size), (size,)
    return [rand(*shape, seed=1 + i, dtype=dtype) * 0.3 for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("options", [(True, True), (True, False), (False, True)], ids=str)
def test_native_multi_head_attention(options, dtype):
    need, average = options
    x, w = rand(2, 5, 16, dtype=dtype), projections(16, dtype)

    def fn(q, k, v, *w, mask=None, kind=None):
        out = aten._native_multi_head_attention(q, k, v, 16, 4, *w, mask, need, average, kind)
        return out if need else out[0]

    check(lambda x, *w: fn(x, x, x, *w), x, *w)
    check(fn, x, rand(2, 5, 16, seed=5, dtype=dtype), rand(2, 5, 16, seed=6, dtype=dtype), *w)
    keys = torch.tensor([[False] * 4 + [True], [False] * 3 + [True] * 2])
    check(lambda x, m, *w: fn(x, x, x, *w, mask=m, kind=1), x, keys, *w)
    check(lambda x, m, *w: fn(x, x, x, *w, mask=m, kind=0), x, torch.ones(5, 5, dtype=torch.bool).triu(1), *w)


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_transformer_encoder_layer(gelu, first):
    x, w = rand(2, 5, 16), projections(16, torch.float32)
    norms = [1 + rand(16, seed=7) / 10, rand(16, seed=8), 1 + rand(16, seed=9) / 10, rand(16, seed=10)]
    ffn = [rand(32, 16, seed=11) / 4, rand(32, seed=12), rand(16, 32, seed=13) / 4, rand(16, seed=14)]

    def fn(x, *tensors, mask=None, kind=None):
        return aten._transformer_encoder_layer_fwd(x, 16, 4, *tensors[:4], gelu, first, 1e-5, *tensors[4:], mask, kind)

    check(fn, x, *w, *norms, *ffn)
    keys = torch.tensor([[False] * 4 + [True], [False] * 3 + [True] * 2])
    check(lambda m, x, *t: fn(x, *t, mask=m, kind=1), keys, x, *w, *norms, *ffn)
