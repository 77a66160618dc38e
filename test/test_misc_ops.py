"""Ops of many families against eager PyTorch, through XLA: what OpInfo does not sample. Histograms, segments, short-time Fourier
transforms, finite differences, pairs and choices, losses of several labels, resizing, running statistics."""

import math

import pytest
import torch
from oracle import check, convert
from torch_stablehlo import UnsupportedError

aten = torch.ops.aten
inf, nan = math.inf, math.nan


def numbers(*shape, dtype=torch.float32):
    torch.manual_seed(0)
    return torch.randn(*shape, dtype=dtype)


# -- histograms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_histogram(dtype):
    x = torch.tensor([0.0, 0.5, 1.0, 1.0, 2.5, -1.0, 4.0, 3.999, 1e30], dtype=dtype)
    for kwargs in {}, {"range": (0, 4)}, {"range": (1, 1)}, {"density": True, "range": (0, 4)}:
        check(torch.histogram, x, 4, **kwargs)
    check(torch.histogram, x, torch.tensor([0.0, 1, 1, 2.5, 4], dtype=dtype), weight=torch.arange(9, dtype=dtype))
    check(torch.histogram, torch.full((3,), 2.0, dtype=dtype), 3)
    check(torch.histogram, numbers(2, 50, dtype=dtype), 7)
    check(torch.histogram, torch.empty(0, dtype=dtype), 3)
    check(torch.histogram, torch.tensor([nan, 0.5], dtype=dtype), 2, range=(0.0, 1.0))


def test_histogramdd():
    x = numbers(40, 2)
    check(aten._histogramdd_from_bin_cts, x, [3, 4])
    check(aten._histogramdd_bin_edges, x, [3, 4], range=[-1.0, 1, -2, 2])
    check(aten._histogramdd_from_bin_tensors, x, [torch.tensor([-1.0, 0, 2]), torch.tensor([-2.0, -1, 1])], weight=torch.rand(40))
    check(aten._histogramdd_from_bin_cts, numbers(3, 4, 2), [2, 2], density=True)


# -- segments ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
def test_segments(reduce):
    x, lengths = numbers(6, 2), torch.tensor([2, 0, 3, 1])
    check(torch.segment_reduce, x, reduce, lengths=lengths, unsafe=True)
    check(torch.segment_reduce, x, reduce, lengths=lengths, initial=0.5, unsafe=True)
    check(torch.segment_reduce, x, reduce, offsets=torch.tensor([0, 2, 2, 5, 6]), unsafe=True)
    rows = torch.tensor([[1, 2], [3, 0]])
    check(torch.segment_reduce, numbers(2, 3, 4), reduce, lengths=rows, axis=1, unsafe=True)
    x[3, 1] = nan
    check(torch.segment_reduce, x, reduce, lengths=lengths, unsafe=True)


# -- short-time Fourier transforms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("onesided", [False, True])
def test_stft(normalized, onesided):
    window, x = torch.hann_window(6), numbers(2, 40)
    check(lambda a, w: torch.stft(a, 8, 3, 6, w, normalized=normalized, onesided=onesided, return_complex=True), x, window)
    check(lambda a: aten.stft.center(a, 7, 2, None, None, True, "constant", normalized, onesided, True), x[0])
    check(lambda a: aten.stft.center(a, 8, 2, 5, None, True, "reflect", normalized, onesided, False), x)
    check(lambda a: aten.stft(a, 8, 2, 5, None, normalized, onesided, True, True), x)
    if not onesided:
        check(lambda a: torch.stft(a, 8, normalized=normalized, onesided=False, return_complex=True), torch.complex(x, x.flip(1)))


@pytest.mark.parametrize("normalized", [False, True])
def test_istft(normalized):
    window, x = torch.hann_window(8), numbers(2, 40)
    kwargs = dict(n_fft=8, hop_length=2, window=window, normalized=normalized)
    half = torch.stft(x, return_complex=True, **kwargs)
    both = torch.stft(x, return_complex=True, onesided=False, **kwargs)
    check(lambda s, w: torch.istft(s, 8, 2, window=w, normalized=normalized), half, window)
    check(lambda s, w: torch.istft(s, 8, 2, window=w, normalized=normalized, length=37), half, window)
    check(lambda s, w: torch.istft(s[0], 8, 2, window=w, normalized=normalized, onesided=False), both, window)
    check(lambda s, w: torch.istft(s, 8, 2, window=w, normalized=normalized, onesided=False, return_complex=True), both, window)
    check(lambda s: torch.istft(s, 8, 3, center=False, normalized=normalized, window=torch.hamming_window(8)), half)


# -- finite differences, integrals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2])
def test_gradient(order):
    x, at = numbers(4, 5), torch.tensor([0.0, 0.5, 2.0, 2.5, 4.0])
    check(lambda a: torch.gradient(a, edge_order=order), x)
    check(lambda a: torch.gradient(a, spacing=0.5, dim=-1, edge_order=order), x)
    check(lambda a: torch.gradient(a, spacing=[2.0, 0.25], edge_order=order), x)
    check(lambda a: torch.gradient(a, spacing=[2.0], dim=[0], edge_order=order), x)
    check(lambda a, t: torch.gradient(a, spacing=(t[:4], t), edge_order=order), x, at)
    check(lambda a, t: torch.gradient(a, spacing=(t,), dim=1, edge_order=order), x, at)
    check(lambda a: torch.gradient(a, edge_order=order), torch.tensor([1, 4, 9, 16]))
    check(lambda a: torch.gradient(a, edge_order=order), torch.tensor([1, inf, 2, nan, 4, 4, 4.0]))


def test_trapezoids():
    y, x = numbers(3, 4), torch.tensor([0.0, 0.5, 2.0, 2.5])
    check(lambda a, t: (torch.cumulative_trapezoid(a, t), torch.trapezoid(a, t)), y, x)
    check(lambda a: (torch.cumulative_trapezoid(a, dx=0.5, dim=0), torch.trapezoid(a, dx=0.5, dim=0)), y)
    bytes_ = torch.tensor([200, 100, 255, 3], dtype=torch.uint8)
    check(lambda a, t: (torch.cumulative_trapezoid(a, t), torch.trapezoid(a, t)), bytes_, bytes_)
    check(lambda a: (torch.cumulative_trapezoid(a), torch.trapezoid(a)), bytes_)
    check(lambda a: torch.cumulative_trapezoid(a), torch.ones(1))


# -- pairs, choices, chunks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.5, inf])
def test_pdist(p):
    check(lambda a: torch.pdist(a, p), numbers(5, 3))
    check(lambda a: torch.pdist(a, p), numbers(1, 3))
    check(lambda a: aten._pdist_forward(a, p), torch.tensor([[0.0, nan], [inf, 1], [inf, 1]], dtype=torch.float64))


@pytest.mark.parametrize("dim,chunks", [(0, 2), (1, 3)])
def test_chunk_cat(dim, chunks):
    check(lambda a, b: aten._chunk_cat([a, b], dim, chunks), numbers(5, 4, 2), numbers(5, 7, 3)[:, :4] if dim else numbers(3, 4))


# -- losses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_labels(reduction):
    x, y = numbers(3, 4), torch.tensor([[1, 3, -1, 0], [-1, 2, 2, 2], [0, 1, 2, 3]])
    loss = torch.nn.functional.multilabel_margin_loss
    check(lambda a, t: loss(a, t, reduction=reduction), x, y)
    if reduction != "none":  # torch exports [1] there, where its kernel gives []
        check(lambda a, t: loss(a, t, reduction=reduction), x[0], y[0])
    check(lambda a, t: aten.multilabel_margin_loss_forward(a, t, 1), x, y)


# -- memory --------------------------------------------------------------------------------------------------------------


def test_resize():
    check(lambda a: a.clone().resize_(2, 3), numbers(3, 4))
    check(lambda a: a.clone().resize_(4, 3) + 1, numbers(3, 4))
    check(lambda a, t: a.clone().resize_as_(t), numbers(3, 4), numbers(2, 2))
    with pytest.raises(UnsupportedError, match="row-major"):
        convert(lambda a: a.clone(memory_format=torch.channels_last).resize_(2, 3), numbers(1, 2, 3, 4))


def test_hash():
    for x in numbers(3, 4), numbers(3, 4, dtype=torch.float16), torch.tensor([[-1, 2], [3, 4]]), torch.tensor([[True, False]]):
        check(lambda a: (torch.hash_tensor(a), torch.hash_tensor(a, 1), torch.hash_tensor(a, [0, 1], keepdim=True)), x)
    check(torch.hash_tensor, torch.tensor([-0.0, inf, nan]))


# -- running statistics --------------------------------------------------------------------------------------------------


def test_statistics():
    x, mean, var = numbers(3, 2, 5), torch.tensor([0.5, 1.0]), torch.tensor([2.0, 3.0])

    def instance(a, m, v):
        m, v = m.clone(), v.clone()
        return torch.nn.functional.instance_norm(a, m, v, momentum=0.3), m, v

    def batch(a, m, v):
        m, v = m.clone(), v.clone()
        return *aten._batch_norm_with_update(a, torch.ones(2), torch.zeros(2), m, v, 0.3, 1e-5)[:3], m, v

    check(instance, x, mean, var)
    check(batch, x, mean, var)


# -- numbers of the running program, and what depends on them --------------------------------------------------------------


def test_item():
    x = numbers(3, 4)
    check(lambda a: a * a.sum().item(), x)
    check(lambda a: a.clamp(max=a.mean().item()), x)
    check(lambda a: torch.full((2,), a.max().item()), x)


@pytest.mark.parametrize("fn,advice", [
    (torch.nonzero, "nonzero_static"), (torch.argwhere, "nonzero_static"), (lambda a: torch.masked_select(a, a > 0), "torch.where"),
    (torch.unique, "torch.sort"), (torch.unique_consecutive, "marks where"), (lambda a: torch.unique(a, dim=0), "torch.sort"),
])
def test_advice(fn, advice):
    with pytest.raises(UnsupportedError, match=advice):
        convert(fn, numbers(3, 4))


def test_sparse():
    with pytest.raises(UnsupportedError, match="value 'to_sparse' has layout torch.sparse_coo|sparse"):
        convert(lambda a: a.to_sparse(), numbers(3, 4))


def test_dense():
    check(lambda a: a.to_dense().cpu() + aten._dim_arange(a, 1), numbers(3, 4))
    check(lambda a: torch.nonzero_static(a > 0, size=5), numbers(3, 4))
    check(lambda a: torch.nonzero_static(a > 0, size=20, fill_value=7), numbers(3, 4))


def test_histogramdd_nested():
    check(lambda a: torch.histogramdd(a, [3, 4]), numbers(40, 2))
    check(lambda a: torch.histogramdd(a, 3, density=True)[1][1], numbers(40, 2))
    check(lambda a, b, c: torch.histogramdd(a, (b, c)), numbers(40, 2), torch.tensor([-1.0, 0, 2]), torch.tensor([-2.0, -1, 1]))


# -- products by group -----------------------------------------------------------------------------------------------------


def test_grouped_mm():
    def half(*shape):
        return numbers(*shape, dtype=torch.bfloat16)

    offs = torch.tensor([2, 2, 8], dtype=torch.int32)
    check(lambda a, b, o: torch._grouped_mm(a, b, offs=o), half(8, 16), half(3, 16, 8), offs)
    check(lambda a, b, o: torch._grouped_mm(a, b, offs=o), half(3, 4, 16), half(16, 8), offs)
    check(lambda a, b, o: torch._grouped_mm(a, b, offs=o), half(16, 8), half(8, 16), offs)
    check(lambda a, b: torch._grouped_mm(a, b), half(3, 4, 16), half(3, 16, 8))


def test_grouped_mm_of_transformers():
    pytest.importorskip("transformers.integrations.moe")
    x, w, offs = numbers(7, 4), numbers(3, 4, 5), torch.tensor([2, 2, 7], dtype=torch.int32)
    check(torch.ops.transformers.grouped_mm_fallback.default, x, w, offs)
