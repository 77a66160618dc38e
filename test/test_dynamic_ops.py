"""Operators along a dim whose size is open, as test_dynamic.py has them: values from eager torch at several sizes, and StableHLO's own
shape refinement makes the module static."""

import pytest
import torch
import torch.nn.functional as F
from sizes import check_at, export
from test_dynamic import Call, N

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
