"""Layers against eager PyTorch: what torch's own OpInfo samples do not reach."""

import pytest
import torch
import torch.nn.functional as F
from oracle import check

aten = torch.ops.aten
FLOATS = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def rand(*shape, dtype=torch.float32):
    if not (dtype.is_floating_point or dtype.is_complex):
        return torch.randint(-4, 5, shape).to(dtype)
    return torch.randn(*shape, dtype=torch.complex128 if dtype.is_complex else torch.float64).to(dtype)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("dtype", FLOATS + [torch.int64, torch.int8, torch.complex64])
def test_convolution_types(dtype):
    x, w, b = rand(2, 4, 9, 8, dtype=dtype), rand(6, 2, 3, 2, dtype=dtype), rand(6, dtype=dtype)
    check(F.conv2d, x, w, b, stride=(2, 1), padding=(1, 2), groups=2)


@pytest.mark.parametrize("dtype", FLOATS + [torch.complex64])
def test_transposed_convolution_in_groups(dtype):
    x, w, b = rand(2, 4, 5, 6, dtype=dtype), rand(4, 3, 3, 2, dtype=dtype), rand(6, dtype=dtype)
    check(F.conv_transpose2d, x, w, b, stride=(2, 3), padding=(1, 0), output_padding=1, groups=2, dilation=(1, 2))


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolution_padding_by_name(padding):
    check(F.conv2d, rand(2, 3, 10, 11), rand(4, 3, 4, 3), rand(4), padding=padding, dilation=(3, 1))


def test_convolution_without_a_batch():
    check(F.conv1d, rand(3, 10), rand(4, 3, 3), rand(4), padding=1)
    check(F.conv3d, rand(3, 5, 10, 7), rand(4, 3, 3, 3, 1), rand(4))
    check(F.conv_transpose1d, rand(4, 5), rand(4, 3, 3), rand(3), stride=2)


def test_transposed_convolution_padded_beyond_its_kernel():
    check(F.conv_transpose2d, rand(2, 4, 7, 8), rand(4, 3, 2, 2), rand(3), padding=(3, 2))


@pytest.mark.parametrize("options", [
    dict(kernel_size=3, stride=2, padding=1), dict(kernel_size=2, stride=3, ceil_mode=True),
    dict(kernel_size=3, stride=2, padding=1, dilation=2, ceil_mode=True),
])
def test_max_pool_indices(options):
    x = rand(2, 3, 9, 8).round()                     # ties
    x[0, 0] = float("nan")
    x[0, 1] = -float("inf")
    x[0, 2, 3:5, 2] = float("nan")
    check(F.max_pool2d, x, return_indices=True, **options)
    check(F.max_pool2d, x, **options)


@pytest.mark.parametrize("options", [
    dict(kernel_size=4, stride=3, padding=2, ceil_mode=True), dict(kernel_size=3, stride=2, padding=1, divisor_override=5),
    dict(kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_avg_pool_divisors(options, dtype):
    check(F.avg_pool2d, rand(2, 3, 9, 8, dtype=dtype), **options)


@pytest.mark.parametrize("size", [1, 3, 5, (11, 4)])
def test_adaptive_pools(size):
    check(F.adaptive_avg_pool2d, rand(2, 3, 9, 8), size)
    check(F.adaptive_max_pool2d, rand(2, 3, 9, 8).round(), size, return_indices=True)


def test_batch_norm_spellings():
    x, stats = rand(2, 6, 4, 4), (rand(6), rand(6).abs() + 0.5, rand(6), rand(6))
    mean, var, w, b = stats
    check(aten._native_batch_norm_legit_functional.default, x, w, b, mean, var, True, 0.1, 1e-5)
    check(aten._batch_norm_with_update_functional.default, x, w, b, mean, var, 0.1, 1e-5)
    check(aten._native_batch_norm_legit_no_training.default, x, w, b, mean, var, 0.1, 1e-5)
    check(aten._native_batch_norm_legit.no_stats, x, w, b, True, 0.1, 1e-5)
    check(aten.native_batch_norm.default, x, w, b, mean, var, False, 0.1, 1e-5)


@pytest.mark.parametrize("equation, shapes", [
    ("ii", [(4, 4)]), ("ijij->ij", [(3, 4, 3, 4)]), ("iij,jk->ik", [(3, 3, 4), (4, 2)]), ("ij,ij->ij", [(2, 3), (2, 3)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (4, 1, 3, 2)]), ("bn,anm,bm->ba", [(2, 5), (3, 5, 4), (2, 4)]), ("i...->...", [(2, 3, 4)]),
    ("ij,kj->ik", [(2, 1), (3, 4)]), ("ba,Ca", [(2, 3), (4, 3)]), ("i,j->ij", [(2,), (3,)]),
])
def test_einsum(equation, shapes):
    check(lambda *x: torch.einsum(equation, *x), *[rand(*s) for s in shapes])


@pytest.mark.parametrize("dtype", FLOATS)
def test_attention(dtype):
    q, k, v = rand(2, 6, 5, 8, dtype=dtype), rand(2, 3, 6, 8, dtype=dtype), rand(2, 3, 6, 4, dtype=dtype)
    mask = torch.rand(5, 6) > 0.5
    mask[2] = False                                  # a row that sees nothing gives 0
    check(F.scaled_dot_product_attention, q[:, :3], k, v, attn_mask=mask)
    check(F.scaled_dot_product_attention, q[:, :3], k, v, attn_mask=rand(2, 1, 5, 6, dtype=dtype), scale=0.3)
    check(F.scaled_dot_product_attention, q, k[:, :, :5], k[:, :, :5], is_causal=True, enable_gqa=True)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("how", [dict(scale_factor=2), dict(scale_factor=2.7), dict(scale_factor=0.6), dict(size=(14, 3)), dict(size=1)])
def test_resizing(mode, how):
    check(F.interpolate, rand(2, 3, 7, 5), mode=mode, **how)
    if mode.startswith("bi"):
        check(F.interpolate, rand(2, 3, 7, 5), mode=mode, align_corners=True, **how)
        check(F.interpolate, rand(2, 3, 7, 5), mode=mode, antialias=True, **how)


@pytest.mark.parametrize("layer", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
@pytest.mark.parametrize("options", [dict(), dict(num_layers=2, bidirectional=True, batch_first=True), dict(bias=False)])
def test_recurrent_layers(layer, options):
    check(layer(4, 5, **options).eval(), rand(3, 2, 4))


def test_lstm_with_projections():
    check(torch.nn.LSTM(4, 5, proj_size=3, num_layers=2, bidirectional=True).eval(), rand(3, 2, 4))


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [False, True])
def test_sampling(mode, padding, corners):
    check(F.grid_sample, rand(2, 3, 5, 7), rand(2, 4, 6, 2) * 1.3, mode=mode, padding_mode=padding, align_corners=corners)


def test_blocks():
    options = dict(kernel_size=(3, 2), padding=(1, 2), stride=2, dilation=(2, 1))
    x = rand(2, 3, 9, 8)
    check(F.unfold, x, **options)
    check(F.fold, F.unfold(x, **options), output_size=(9, 8), **options)
