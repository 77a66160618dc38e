"""Operators along a dim whose size is open, as test_dynamic.py has them: values from eager torch at several sizes, and StableHLO's own
shape refinement makes the module static."""

import pytest
import torch
import torch.nn.functional as F
from functorch.experimental.control_flow import map as map_rows
from sizes import check_at, export
from test_dynamic import Call, N
from test_dynamic_images import check_open
from torch._higher_order_ops import scan

from torch_stablehlo import exported_program_to_stablehlo

OPS = {
    "diagonal": lambda x: (x.diagonal(), x.diagonal(1), x.diagonal(-2), torch.diag(x[:, 0]), torch.diag(x)),
    "diagonals written": lambda x: (torch.diag_embed(x, 1), torch.diagflat(x), x.diagonal_scatter(x.diagonal() * 2)),
    "trace": lambda x: (x.trace(), torch.eye(x.shape[0]), torch.eye(3, x.shape[0])),
    "joined": lambda x: (torch.block_diag(x, x[:2]), torch.column_stack([x, x[:, 0]]), torch.cartesian_prod(x[:, 0], x[0])),
    "meshgrid": lambda x: torch.meshgrid(x[:, 0], x[:, 1], indexing="xy"),
    "places": lambda x: (x.argmax(0), x.argmin(0, keepdim=True), x.argmax(), x.max(0), x.min(0)),
    "sum_to_size": lambda x: (x.sum_to_size(1, 4), x.sum_to_size(4)),
    "sort": lambda x: (x.sort(0), x.argsort(0, descending=True), x.msort(), x.topk(3, 0), x.topk(3, 0, largest=False)),
    "ranks": lambda x: (x.median(0), x.median(), x.nanmedian(0), x.kthvalue(2, 0), (x * 2).round().mode(0)[0]),
    "quantile": lambda x: (x.quantile(torch.tensor([0.25, 0.8]), 0), x.nanquantile(0.3), x.quantile(0.5, 0, interpolation="lower")),
    "cumulative": lambda x: (x.cummax(0), x.cummin(0), x.cumprod(0), x.logcumsumexp(0)),
    "turned": lambda x: (x.rot90(), x.rot90(-1), x.flipud(), x.fliplr(), x.adjoint(), x.view(torch.int32)),
    "shuffled": lambda x: (F.channel_shuffle(x[None, :, :, None].transpose(1, 2), 2), F.pixel_unshuffle(torch.cat([x, x])[None], 2)),
    "pixel_shuffle": lambda x: F.pixel_shuffle(torch.cat([x] * 4)[:, :, None], 2),
    "repeat_interleave": lambda x: x.repeat_interleave(torch.tensor([1, 2, 0, 3]), 1, output_size=6),
    "split": lambda x: (x.split([1, x.shape[0] - 1]), torch.cat([x, x]).tensor_split(2)),
    "split more": lambda x: (torch.stack([x, x]).vsplit(2), torch.cat([x, x], 1).hsplit(4), x.T.unsafe_chunk(2)),
    "scattered": lambda x: (x.select_scatter(x[0] + 1, 0, -1), x.slice_scatter(x[:2] + 1, 0, 1, 3), x.slice_scatter(x[::2] + 1, step=2)),
    "unfold": lambda x: (x.unfold(0, 3, 1), x.unfold(0, 2, 2), x.unfold(1, 2, 2)),
    "histc": lambda x: (x.histc(5, -2, 2), x.histc(3)),
    "searched": lambda x: (torch.isin(x.round(), x[:2].round()), torch.searchsorted(x.sort(1)[0], x), torch.bucketize(x, x[:, 0].sort()[0])),
    "borders": lambda x: [F.pad(x.T[None], pad, mode) for pad in ((1, 2), (3, 0), (0, 0)) for mode in ("reflect", "replicate", "circular")],
    "borders cut": lambda x: [F.pad(x.T[None], pad, mode) for pad in ((-1, 2), (2, -2)) for mode in ("reflect", "replicate", "circular")],
    "padded to a size": lambda x: (F.pad(x, (0, 0, 0, 60 - x.shape[0])), F.pad(x, (0, 0, x.shape[0], -1), value=2.0)),
    "rolled": lambda x: (x.roll(1, 0), x.roll((-2, 3), (0, 1)), x.roll(5), x.roll(9, 0), x.roll(x.shape[0] // 2, 0)),
    "shifted": lambda x: (torch.fft.fftshift(x), torch.fft.ifftshift(x, 0)),
    "trapezoid": lambda x: (torch.trapezoid(x, dim=0), torch.trapezoid(x, x.cumsum(0), dim=0), torch.cumulative_trapezoid(x, dx=2.0, dim=0)),
    "roots of matrices": lambda x: (torch.linalg.det(x @ x.T + torch.eye(x.shape[0])), torch.linalg.qr(x)[1].abs()),
}


@pytest.mark.parametrize("name", OPS)
def test_operator(name):
    torch.manual_seed(0)
    model = Call(OPS[name])
    program = exported_program_to_stablehlo(export(model, (torch.randn(6, 4),), {"x": {0: N}}))
    check_at(model, program, [(torch.randn(n, 4),) for n in (4, 7, 50)])


# -- spectra -------------------------------------------------------------------------------------------------------------

fft, WINDOW = torch.fft, torch.hann_window(16)


def signals(*sizes):
    torch.manual_seed(0)
    return [(torch.randn(s),) for s in sizes]


def test_transforms_of_a_known_length():
    def fn(x):
        one = [fft.fft(x), fft.ifft(x), fft.rfft(x), fft.irfft(x), fft.hfft(x), fft.ihfft(x), fft.fft(x, n=7), fft.rfft(x, n=4)]
        return [*one, fft.irfft(fft.rfft(x), norm="ortho"), fft.fft2(x), fft.rfft2(x), fft.irfft2(x), fft.fftn(x, dim=(1, 2))]

    check_open(fn, signals((6, 3, 8), (9, 3, 8), (2, 3, 8)), (0,))
    check_open(lambda x: [fft.rfft(x, n=8, dim=0), fft.fft(x, n=5, dim=0)], signals((6, 3), (7, 3)), (0,))


@pytest.mark.parametrize("options", [{}, {"center": False, "normalized": True}, {"pad_mode": "constant", "onesided": False}], ids=["plain", "not centred", "zeros"])
def test_stft(options):
    check_open(lambda x: torch.stft(x, 16, 4, window=WINDOW, return_complex=True, **options), signals((3, 60), (2, 99), (4, 41)), (0, 1))


def test_istft():
    def fn(x):
        return torch.istft(torch.complex(x, x * 0.5), 16, 4, window=WINDOW)

    check_open(fn, signals((3, 9, 12), (2, 9, 21), (4, 9, 8)), (0, 2))
    check_open(lambda x: torch.istft(torch.complex(x, x * 0.5), 16, 4, window=WINDOW, length=33), signals((3, 9, 12), (2, 9, 12)), (0,))


# -- loops, bags, groups -------------------------------------------------------------------------------------------------


def test_loops_over_an_open_dim():
    calls = signals((6, 3), (9, 5), (7, 2))
    check_open(lambda x: map_rows(lambda row, s: (row * s).tanh(), x, x.sum(0)), calls, (0, 1))
    check_open(lambda x: scan(lambda c, row: ((c + row).tanh(), c * row), torch.zeros_like(x[0]), x), calls, (0, 1))
    # torch.associative_scan() unrolls itself for the size that it is traced with; this is what it gives on a GPU
    check_open(lambda x: torch.ops.higher_order.associative_scan(lambda a, c: (a * c,), (x,), ()), signals((6, 3), (9, 3)), (0,))


def test_embedding_bag():
    table = torch.randn(10, 4)

    def fn(index, offsets):
        modes = [F.embedding_bag(index, table, offsets, mode=mode) for mode in ("sum", "mean", "max")]
        return [*modes, F.embedding_bag(index, table, offsets, mode="sum", padding_idx=-1)]

    check_open(fn, [(torch.randint(0, 10, (n,)), torch.arange(k)) for n, k in ((6, 3), (9, 5), (7, 2))], (0,), (0,))


def test_products_by_group():
    weight = torch.linspace(-1, 1, 3 * 8 * 16).reshape(3, 8, 16).bfloat16()
    calls = [(torch.randn(n, 8).bfloat16(), torch.tensor([n // 3, n // 2, n], dtype=torch.int32)) for n in (16, 24, 32)]
    check_open(lambda x, ends: torch.ops.aten._grouped_mm(x, weight, ends), calls, (0,), ())
    packed = torch.arange(32).reshape(8, 4).to(torch.int8)
    check_open(lambda x: torch.ops.aten._weight_int8pack_mm(x, packed, torch.ones(8)), signals((6, 4), (9, 4)), (0,))
