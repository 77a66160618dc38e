"""Views, slices, joins, padding, indexing, sorting and ranges against eager PyTorch, through XLA.

OpInfo has these ops' ordinary samples; here stands what it leaves out: views that are written to, index lists of
every form, ties and NaN, empty and 0-d tensors, and the overloads that only a graph calls.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from oracle import check, convert

from torch_stablehlo import UnsupportedError

nan, inf = math.nan, math.inf
aten = torch.ops.aten


def grid(*shape, dtype=torch.float32):
    """0, 1, 2, ... in that shape."""
    return torch.arange(math.prod(shape)).reshape(shape).to(dtype)


def every(cases):
    """One pytest case per function; its number is its name."""
    return pytest.mark.parametrize("fn", cases, ids=range(len(cases)))


@every([
    lambda x: x[1:3], lambda x: x[-2:], lambda x: x[:, ::2], lambda x: x[:, 5:2], lambda x: x[:, -100:100:3],
    lambda x: x[..., 1], lambda x: x[-1], lambda x: x[:, None, 1], lambda x: x.narrow(1, -2, 2),
    lambda x: x.narrow(0, torch.tensor(1), 2), lambda x: x.select(2, -1), lambda x: x.split(2, 1),
    lambda x: x.split([1, 0, 4], 1), lambda x: x.split(100), lambda x: x.chunk(3, 1), lambda x: x.chunk(7),
    lambda x: x.tensor_split(3, 1), lambda x: x.tensor_split((1, 3), 1), lambda x: x.tensor_split((3, 1), 1),
    lambda x: x.tensor_split((-2,), 2), lambda x: x.hsplit(5), lambda x: x.vsplit((1,)), lambda x: x.dsplit(2),
    lambda x: x.unbind(1), lambda x: x.unbind(-1)[2], lambda x: aten.split_with_sizes_copy(x, [1, 3]),
    lambda x: aten.unbind_copy.int(x, 0), lambda x: aten.unsafe_chunk(x, 2, 2),
])
def test_parts(fn):
    check(fn, grid(4, 5, 6))
    check(fn, grid(4, 5, 6, dtype=torch.int8))


@every([
    lambda x: x.permute(2, 0, -2), lambda x: x.transpose(-1, 0), lambda x: x.mT, lambda x: x.mH,
    lambda x: x.adjoint(), lambda x: x.movedim((0, 2), (-1, 0)), lambda x: x.movedim(0, 1),
    lambda x: x.swapaxes(0, 2), lambda x: x.swapdims(0, 1), lambda x: x.flip(()), lambda x: x.flip(0, -1),
    lambda x: x.fliplr(), lambda x: x.flipud(), *[lambda x, k=k: x.rot90(k, (0, 2)) for k in range(-3, 6)],
    lambda x: x.roll(3), lambda x: x.roll((1, -7), (0, 2)), lambda x: x.roll((1, 2), (1, 1)), lambda x: x.roll(0, 1),
    lambda x: x.repeat(2, 1, 1, 3), lambda x: x.repeat(1, 0, 2), lambda x: x.tile(2),
    lambda x: x.tile(1, 2, 1, 1, 2), lambda x: x.repeat_interleave(3, 1), lambda x: x.repeat_interleave(2),
    lambda x: x.repeat_interleave(0, -1), lambda x: x.expand(2, -1, -1, -1),
    lambda x: x.sum(1, keepdim=True).expand_as(x), lambda x: x.unflatten(2, (2, -1)), lambda x: x.squeeze(),
    lambda x: x[:1].squeeze(0), lambda x: x[:1, :1].squeeze((0, 1)), lambda x: x.unsqueeze(-1), lambda x: x.ravel(),
    lambda x: x.flatten(1), lambda x: aten.view_copy(x, [-1]), lambda x: aten._unsafe_view(x, [4, 30]),
    lambda x: x.unfold(1, 3, 1), lambda x: x.unfold(2, 2, 2), lambda x: x.unfold(-1, 6, 1),
    lambda x: x.unfold(0, 0, 1), lambda x: aten.unfold_copy(x, 0, 2, 2),
])
def test_moves(fn):
    check(fn, grid(4, 5, 6))
    check(fn, torch.randn(4, 5, 6, dtype=torch.complex64))


@every([
    lambda x: x.permute(()), lambda x: x.transpose(0, -1), lambda x: x.t(), lambda x: x.squeeze(),
    lambda x: x.squeeze(0), lambda x: x.unsqueeze(0), lambda x: x.reshape(1, 1), lambda x: x.flatten(),
    lambda x: x.expand(3), lambda x: x.repeat(2, 2), lambda x: x.repeat_interleave(3), lambda x: x.unfold(0, 1, 1),
    lambda x: x.flip(0), lambda x: x.flip(()), lambda x: x.roll(1), lambda x: torch.stack([x, x]),
    lambda x: torch.hstack([x, x]), lambda x: torch.vstack([x, x]), lambda x: torch.dstack([x, x]),
    lambda x: torch.column_stack([x, x]), lambda x: torch.block_diag(x, x), lambda x: torch.atleast_3d(x),
    lambda x: torch.meshgrid(x, x, indexing="xy"), lambda x: x.gather(0, torch.tensor(0)),
    lambda x: x.gather(0, torch.tensor([0, 0])), lambda x: x.index_select(0, torch.tensor([0])),
    lambda x: x.scatter(0, torch.tensor(0), 5.0), lambda x: x.take(torch.tensor([0, -1])),
    lambda x: x.index_add(0, torch.tensor(0), torch.tensor(2.0)), lambda x: x.index_fill(0, torch.tensor([0]), 2.0),
    lambda x: x.index_copy(0, torch.tensor([0]), torch.tensor([2.0])), lambda x: x.sort(), lambda x: x.topk(1),
    lambda x: x.argsort(), lambda x: x.kthvalue(1), lambda x: x.median(), lambda x: x.median(0), lambda x: x.mode(),
    lambda x: x.view(1).diag_embed(), lambda x: x[None], lambda x: x[...],
    lambda x: x.scatter_reduce(0, torch.tensor(0), torch.tensor(4.0), "mean"),
    lambda x: torch.searchsorted(torch.tensor([1.0, 2.0]), x), lambda x: torch.isin(x, x),
    lambda x: x.view(torch.int32),
])
def test_zero_dims(fn):
    check(fn, torch.tensor(3.0))


@every([
    lambda x: x.reshape(0, 4), lambda x: x[1:, :1], lambda x: x.permute(1, 0), lambda x: torch.cat([x, x], 1),
    lambda x: torch.stack([x, x]), lambda x: x.split(2, 1), lambda x: x.chunk(2, 0), lambda x: x.flip(0),
    lambda x: x.roll(1, 1), lambda x: x.repeat(2, 3), lambda x: x.sort(1), lambda x: x.topk(0),
    lambda x: x.index_select(1, torch.tensor([2, 0])), lambda x: x.gather(1, torch.zeros(0, 2, dtype=torch.long)),
    lambda x: x[:, torch.tensor([0, 2])], lambda x: x[torch.zeros(0, dtype=torch.long)], lambda x: x.tril(),
    lambda x: x.diagonal(), lambda x: x.diag_embed(), lambda x: F.pad(x, (1, 1)),
    lambda x: F.pad(x, (0, 0, 2, 1), value=3.0), lambda x: x.unfold(1, 2, 1), lambda x: x.as_strided((0, 2), (1, 1)),
    lambda x: x.index_add(0, torch.zeros(0, dtype=torch.long), x),
    lambda x: x.scatter(0, torch.zeros(0, 3, dtype=torch.long), x), lambda x: x.expand(2, 0, 3),
    lambda x: x.unbind(1), lambda x: F.embedding(torch.zeros(0, dtype=torch.long), torch.ones(4, 2)) + x.sum(),
])
def test_empty(fn):
    check(fn, torch.zeros(0, 3))


def write_slice(x):
    x[1:3, ::2] = 7
    return x


def write_through_two_views(x):
    y = x.t()[2:]
    y[0].mul_(2)
    y.add_(1)
    return x, y


def write_diagonal(x):
    x.diagonal(1).fill_(-1)
    x.diagonal(-2).copy_(torch.tensor([5.0, 6.0]))
    return x


def write_pieces(x):
    a, b = x.chunk(2, 1)
    a.zero_()
    b.unbind(0)[1].fill_(3)
    return x, a, b


def write_strided(x):
    x.as_strided((2, 3), (7, 2), 1).fill_(9)
    x.as_strided((4,), (1,), 2).mul_(-1)
    return x


def write_select(x):
    x[..., -1] = torch.arange(4.0)
    x.select(0, -1).copy_(x[0])
    return x


def write_where(x):
    x[x > 5] = 0
    x[:, torch.tensor([True, False, False, True, True, False])] = -2
    x[torch.tensor([True, False, True, False])] = torch.arange(12.0).reshape(2, 6)
    return x


def write_indices(x):
    x[torch.tensor([0, -1]), torch.tensor([1, -2])] = torch.tensor([10.0, 20.0])
    x[:, torch.tensor([0, 3])] += 1
    x[torch.tensor([[0], [1]]), torch.tensor([2, 4, 5])] = torch.tensor([1.0, 2.0, 3.0])
    x.index_put_((torch.tensor([0, 0, 0]),), torch.ones(()), accumulate=True)
    return x


def write_bits(x):
    x.view(torch.int32).bitwise_and_(0x7FFF0000)
    return x


def write_movedim(x):
    x.movedim(0, 1)[1].fill_(4)
    x.unsqueeze(0).squeeze(0).view(-1)[3:5].sub_(1)
    x.unflatten(1, (2, 3))[:, 1].neg_()
    return x


def write_expanded_copy(x):
    y = x[:1].expand(3, 6).clone()
    y[1:].zero_()
    return x, y


@every([
    write_slice, write_through_two_views, write_diagonal, write_pieces, write_strided, write_select, write_where,
    write_indices, write_bits, write_movedim, write_expanded_copy,
])
def test_writes(fn):
    check(lambda x: fn(x.clone()), grid(4, 6))


@every([
    lambda x, y: aten.slice_scatter(x, y[:2], 0, 1, 3),
    lambda x, y: aten.slice_scatter(x, y[:, :3], 1, None, None, 2), lambda x, y: aten.slice_scatter(x, y),
    lambda x, y: aten.slice_scatter(x, y[:0], 0, 3, 1), lambda x, y: aten.slice_scatter(x, y[:, :2], 1, -4, -1, 2),
    lambda x, y: aten.select_scatter(x, y[0], 0, -1), lambda x, y: aten.select_scatter(x, y[:, 1], 1, 2),
    lambda x, y: aten.diagonal_scatter(x, y[0, :4]), lambda x, y: aten.diagonal_scatter(x, y[0, :3], -1, 0, 1),
    lambda x, y: aten.diagonal_scatter(x, y[0, :4], -2, 1, 0), lambda x, y: aten.diagonal_scatter(x, y[0, :0], 9),
    lambda x, y: aten.as_strided_scatter(x, y[:2, :2], (2, 2), (3, 5), 1), lambda x, y: aten.copy(x, y[0]),
    lambda x, y: aten.copy(x, y.to(torch.int32)),
])
def test_scatters(fn):
    check(fn, grid(4, 6), -grid(4, 6) - 1)


@every([
    lambda x: x.as_strided((2, 2), (1, 5)), lambda x: x.as_strided((3, 4, 2), (0, 2, 1), 3),
    lambda x: x.as_strided((), (), 7), lambda x: x.as_strided((2, 6), (6, 1), 12),
    lambda x: x.t().as_strided((3,), (2,)),
    lambda x: x[1:].as_strided((2,), (1,), 0), lambda x: aten.as_strided_copy(x, (5,), (5,)),
])
def test_as_strided(fn):
    check(fn, grid(4, 6))


@pytest.mark.parametrize("to", "int8 uint8 int16 float16 bfloat16 int32 int64 float64 complex64 bool".split())
@pytest.mark.parametrize("dtype", "float32 float64 int8 float16 complex64 bool".split())
def test_view_dtype(dtype, to):
    dtype, to = getattr(torch, dtype), getattr(torch, to)
    x = torch.randn(3, 16) * 9
    x = (x > 0 if torch.bool in (dtype, to) else x).to(dtype)
    if to == torch.bool and dtype not in (torch.bool, torch.int8):
        x = x.real.to(torch.int8) if dtype.is_complex else x.to(torch.int8)
    check(lambda x: x.view(to), x)


@every([
    lambda a, b: torch.cat([a, b]), lambda a, b: torch.cat([a, b.int()], -2),
    lambda a, b: torch.cat([torch.zeros(0), a, b]), lambda a, b: torch.cat([torch.zeros(0), torch.zeros(0)]),
    lambda a, b: torch.cat([a]), lambda a, b: torch.stack([a, b], -1), lambda a, b: torch.hstack([a, b]),
    lambda a, b: torch.vstack([a, b]), lambda a, b: torch.dstack([a, b]), lambda a, b: torch.column_stack([a, b]),
    lambda a, b: torch.column_stack([a[:, 0], b]), lambda a, b: torch.block_diag(a, b[0], b),
    lambda a, b: torch.meshgrid(a[0], b[:, 0], indexing="ij"),
    lambda a, b: torch.meshgrid(a[0], b[:, 0], a[1], indexing="xy"),
    lambda a, b: torch.cartesian_prod(a[0], b[0], a[1]), lambda a, b: torch.cartesian_prod(a[0]),
    lambda a, b: torch.broadcast_tensors(a, b[:1]), lambda a, b: torch.atleast_3d(a, b[0]),
    lambda a, b: torch.nn.utils.rnn.pad_sequence([a, b[:2], b[:1]]),
    lambda a, b: torch.nn.utils.rnn.pad_sequence([a, b[:1]], batch_first=True, padding_value=-1.0),
    lambda a, b: torch.nn.utils.rnn.pad_sequence([a, b[:1]], batch_first=True, padding_side="left"),
    lambda a, b: torch.complex(a, b), lambda a, b: torch.cat([a.to(torch.float16), b.to(torch.bfloat16)]),
])
def test_joins(fn):
    check(fn, grid(3, 4), -grid(3, 4))


@every([
    lambda x: F.pad(x, (1, 2)), lambda x: F.pad(x, (1, 2, 0, 3, 2, 1), value=7.0),
    lambda x: F.pad(x, (-1, 2, 3, -2), value=-inf), lambda x: F.pad(x, (-1, -1)),
    *[lambda x, m=m, p=p: F.pad(x, p, m)
      for m in ("reflect", "replicate", "circular")
      for p in ((1, 2), (4, 3, 2, 1), (0, 0, 1, 0), (-1, 2, 1, -1), (-2, -1))],
    lambda x: F.pad(x[None], (1, 2, 3, 1, 2, 1), "replicate"),
    lambda x: F.pad(x[None], (1, 2, 3, 1, 2, 1), "reflect"),
    lambda x: F.pad(x[None], (1, 2, 3, 1, 2, 1), "circular"), lambda x: torch.nn.ReflectionPad2d((3, 1, 0, 2))(x),
    lambda x: torch.nn.ReplicationPad2d(9)(x), lambda x: torch.nn.ZeroPad2d((1, -1, 2, 0))(x),
    lambda x: aten.reflection_pad1d(x, (3, 3)), lambda x: aten.replication_pad1d(x, (3, -1)),
    lambda x: aten.constant_pad_nd(x, (1, 0), 3), lambda x: F.pixel_shuffle(torch.cat([x, x[:1]]), 2),
    lambda x: F.pixel_unshuffle(x[..., :4, :6], 2), lambda x: F.channel_shuffle(torch.cat([x, x])[None], 3),
    lambda x: F.channel_shuffle(x[None], 1),
])
def test_pads(fn):
    check(fn, grid(3, 5, 6))


@every([
    *[lambda x, k=k: x.tril(k) for k in (-9, -1, 0, 2, 9)], *[lambda x, k=k: x.triu(k) for k in (-9, -1, 0, 2, 9)],
    *[lambda x, k=k: x.diagonal(k, 0, -1) for k in (-9, -2, 0, 3)], lambda x: x.diagonal(1, -1, 1),
    lambda x: torch.linalg.diagonal(x, offset=-1), *[lambda x, k=k: x.diag_embed(k) for k in (-2, 0, 1)],
    lambda x: x.diag_embed(1, 0, 2), lambda x: x.diag_embed(0, 1, 0),
    *[lambda x, k=k: x[0].diag(k) for k in (-7, -1, 0, 2)], *[lambda x, k=k: x[0, 0].diag(k) for k in (-1, 0, 2)],
    lambda x: x.diagflat(), lambda x: x[0].trace(), lambda x: x[0].int().trace(), lambda x: x > 30,
    lambda x: (x > 30).tril(), lambda x: torch.eye(3) + x.sum(), lambda x: torch.eye(2, 5, dtype=torch.int64),
    lambda x: torch.tril_indices(3, 5, 1), lambda x: torch.triu_indices(4, 3, -1),
    lambda x: torch.triu_indices(2, 2, 5), lambda x: torch.tril_indices(2, 3, -1, dtype=torch.int32),
])
def test_diagonals(fn):
    check(fn, grid(3, 4, 5))


i0, i1, i2 = torch.tensor([0, 2, -1]), torch.tensor([[1], [-3]]), torch.tensor(1)
some = torch.tensor([[[0, 1, 1], [2, 0, 2]], [[0, 0, 1], [2, 1, 2]]])


@every([
    lambda x: x[i0], lambda x: x[i1], lambda x: x[i2], lambda x: x[:, i0], lambda x: x[:, :, i1],
    lambda x: x[i0, i1], lambda x: x[i0, :, i1], lambda x: x[:, i0, i1], lambda x: x[i0, i1, i2],
    lambda x: x[i0, 1, i2], lambda x: x[None, i0, :, None, i1], lambda x: x[..., i0, 2], lambda x: x[i0, ..., i1],
    lambda x: x[i0.int()], lambda x: x[i0.int(), i1], lambda x: x[:, [0, 1]], lambda x: x[[0], [1], [2]],
    lambda x: x[1:, i0, ::2], lambda x: aten._unsafe_index(x, [None, i0]),
    lambda x: x.take(torch.tensor([[0, -1], [5, 59]])),
    lambda x: x.index_select(-1, torch.tensor([4, 4, 0], dtype=torch.int32)),
    lambda x: x.gather(1, torch.tensor([[[0, 3], [2, 1]]])),
    lambda x: x.take_along_dim(torch.tensor([[[0], [-1]]]), 1), lambda x: x.take_along_dim(torch.tensor([3, 59])),
    lambda x: aten._unsafe_masked_index(x[0, 0], i0 >= 0, [i0], 5.0),
    lambda x: aten._unsafe_masked_index_put_accumulate(x[0, 0], i0 >= 0, [i0], torch.tensor([1.0, 2.0, 3.0])),
    lambda x: F.embedding(torch.tensor([[3], [0]]), x[0]),
    lambda x: F.embedding(torch.tensor([[0, 2]]), x[0], padding_idx=2),
    lambda x: F.one_hot(torch.tensor([[1, 0], [3, 2]]), 5), lambda x: F.one_hot(torch.tensor(2), 4),
    lambda x: aten.nonzero_static(x[0] > 7, size=20, fill_value=-5), lambda x: aten.nonzero_static(x[0] > 7, size=3),
])
def test_indexing(fn):
    check(fn, grid(3, 4, 5))


@every([
    lambda x, v: x.index_put((i0,), v[0]), lambda x, v: x.index_put((i0, i1), v[0, 0, 0]),
    lambda x, v: x.index_put((i2,), v[0]), lambda x, v: aten.index_put(x, [None, i0], v[:, :3]),
    lambda x, v: aten.index_put(x, [None, i0, None], v[0, 0]),
    lambda x, v: aten.index_put(x, [i0, None, i1], v[0, 0, :4]), lambda x, v: x.index_put((i0, i0), v[0, :3], True),
    lambda x, v: x.index_put((torch.tensor([1, 1, 1]),), v[0], True),
    lambda x, v: x.index_put((x > 20,), x.new_full((), -1.0)),
    lambda x, v: x.index_put((x > 20,), x.new_full((1,), -1.0), True),
    lambda x, v: x.index_put((x[:, :, 0] > 20,), v[0, 0]), lambda x, v: x.index_put((x[:, 0, 0] > 5,), v[:2]),
    lambda x, v: aten.index_put(x, [None, x[0, :, 0] > 5], v[:, :2]),
    lambda x, v: aten.index_put(x, [None, x[0, :, 0] > 5], v[:, :1]),
    lambda x, v: x.index_put((x > 50,), v.flatten()[:9]), lambda x, v: x.masked_scatter(x % 3 == 0, v),
    lambda x, v: x[:1].masked_scatter(x % 7 == 2, v), lambda x, v: x.masked_scatter(x < 0, v[:0]),
    lambda x, v: x.put(torch.tensor([0, -1, 7]), v[0, 0, :3]),
    lambda x, v: x.put(torch.tensor([[4, 4], [4, 0]]), v[0, :2, :2], True),
    lambda x, v: x.index_add(1, i0.abs(), v[:, :3], alpha=2),
    lambda x, v: x.index_copy(2, torch.tensor([4, 0]), v[:, :, :2]), lambda x, v: x.index_fill(0, i0, 3.0),
    lambda x, v: x.index_fill(1, torch.tensor([2]), torch.tensor(8.0)),
    lambda x, v: x.scatter(2, (v.long() % 5).sort(2)[0][:, :, :1], v),
    lambda x, v: x.scatter(0, torch.tensor([[[0, 1, 2]]]), 4.0),
    lambda x, v: x.scatter(1, torch.tensor([[[0, 1]], [[2, 1]]]), v),
    lambda x, v: x.scatter(1, torch.tensor([[[0, 1]], [[2, 1]]]), v, reduce="add"),
    lambda x, v: x.scatter(1, torch.tensor([[[0, 1]]]), 3.0, reduce="multiply"),
    lambda x, v: x.scatter_add(1, torch.tensor([[[0, 1], [0, 1], [3, 1]]]), v),
    *[lambda x, v, r=r, s=s: x.scatter_reduce(0, some, v, r, include_self=s)
      for r in ("sum", "prod", "mean", "amax", "amin") for s in (True, False)],
    *[lambda x, v, r=r, s=s: x.index_reduce(1, torch.tensor([0, 3, 0]), v[:, :3], r, include_self=s)
      for r in ("prod", "mean", "amax", "amin") for s in (True, False)],
])
def test_index_writes(fn):
    check(fn, grid(3, 4, 5), torch.randn(3, 4, 5) * 9)
    check(fn, grid(3, 4, 5, dtype=torch.float64), torch.randn(3, 4, 5, dtype=torch.float64) * 9)


@every([
    lambda x, i, v: x.scatter_reduce(1, i, v, "mean"),
    lambda x, i, v: x.scatter_reduce(1, i, v, "amax", include_self=False),
    lambda x, i, v: x.index_reduce(1, i[0], v, "mean"), lambda x, i, v: x.scatter_add(1, i, v),
    lambda x, i, v: x.index_put((i[0] % 2,), v[0, 0], True),
])
def test_integer_index_writes(fn):
    values = torch.tensor([[-7, 2, -5], [4, -9, -2]])
    check(fn, grid(2, 4, dtype=torch.int64), torch.tensor([[0, 3, 3], [1, 1, 1]]), values)


def test_masks_as_index_are_refused():
    with pytest.raises(UnsupportedError):
        convert(lambda x: x[x > 3], grid(8))


ties = torch.tensor([[1.0, nan, -0.0, 0.0, inf, -nan, -inf, 3, 1], [2, 2, 1, 1, nan, 0, 0, 5, nan]])


@every([
    lambda x: x.sort(stable=True), lambda x: x.sort(dim=0, stable=True),
    lambda x: x.sort(dim=-1, descending=True, stable=True), lambda x: x.sort()[0], lambda x: x.argsort(stable=True),
    lambda x: x.argsort(dim=0, descending=True, stable=True), lambda x: x.msort(), lambda x: x.topk(4)[0],
    lambda x: x.topk(3, -1, largest=False)[0], lambda x: x.topk(1, 0)[0], lambda x: x.kthvalue(4)[0],
    lambda x: x.kthvalue(2, 0, True)[0], lambda x: x.median(), lambda x: x.median(1), lambda x: x.median(0, True)[0],
    lambda x: x.nanmedian(), lambda x: x.nanmedian(1)[0],
])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_sorts(fn, dtype):
    check(fn, ties.to(dtype))


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "nearest", "midpoint"])
@every([
    lambda x, how: x.quantile(0.3, interpolation=how), lambda x, how: x.quantile(0.5, 1, True, interpolation=how),
    lambda x, how: x.quantile(torch.tensor([0.0, 0.25, 1.0]), 0, interpolation=how),
    lambda x, how: x.nanquantile(torch.tensor([0.6]), -1, True, interpolation=how),
    lambda x, how: x.nanquantile(0.5, interpolation=how),
])
def test_quantiles(fn, interpolation):
    check(fn, torch.tensor([[3.0, 1, 2, 7, 5], [nan, 4, nan, 0, 9], [nan, nan, nan, nan, nan]]), interpolation)
    check(fn, torch.randn(4, 6), interpolation)


@every([
    lambda x: x.sort(stable=True), lambda x: x.sort(descending=True, stable=True), lambda x: x.median(1)[0],
    lambda x: x.mode(1), lambda x: x.mode(0)[0], lambda x: x.kthvalue(2)[0], lambda x: x.topk(2)[0],
])
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.int8, torch.float32])
def test_sorts_of_numbers(fn, dtype):
    check(fn, torch.tensor([[3, 1, 2, 1, 3, 3, 0], [5, 5, 0, 0, 7, 7, 7]]).to(dtype))


steps = torch.tensor([1.0, 2.0, 2.0, 4.0])


@every([
    lambda v: torch.searchsorted(steps, v), lambda v: torch.searchsorted(steps, v, right=True),
    lambda v: torch.searchsorted(steps, v, side="right", out_int32=True), lambda v: torch.searchsorted(steps, 2.0),
    lambda v: torch.bucketize(v, steps), lambda v: torch.bucketize(v, steps, right=True),
    lambda v: torch.bucketize(2, torch.tensor([1, 2, 3])),
    lambda v: torch.searchsorted(torch.stack([steps, steps + 1]), v),
    lambda v: torch.searchsorted(steps.flip(0), v, sorter=torch.tensor([3, 1, 2, 0])),
    lambda v: torch.isin(v, steps), lambda v: torch.isin(v, 2.0), lambda v: torch.isin(2.0, v),
    lambda v: torch.isin(v, steps, invert=True), lambda v: torch.histc(v.nan_to_num(1.0), 4),
    lambda v: torch.histc(v, 5, 0, 4), lambda v: torch.histc(torch.ones(3), 3),
])
def test_searches(fn):
    check(fn, torch.tensor([[0.5, 1.0, 2.0, 3.0], [4.0, 5.0, nan, 2.5]]))


windows = (torch.hann_window, torch.hamming_window, torch.blackman_window, torch.bartlett_window, torch.kaiser_window)


@every([
    lambda: torch.arange(5), lambda: torch.arange(5.0), lambda: torch.arange(2, 11, 3),
    lambda: torch.arange(7, 1, -2), lambda: torch.arange(0.5, 3, 0.3), lambda: torch.arange(1, 4, 0.5),
    lambda: torch.arange(-1, 1, 0.1), lambda: torch.arange(0), lambda: torch.arange(3, dtype=torch.float16),
    lambda: torch.arange(300, dtype=torch.bfloat16), lambda: torch.arange(4, dtype=torch.uint8),
    lambda: torch.arange(2**40, 2**40 + 3), lambda: torch.arange(-5, 5, 2.5, dtype=torch.int64),
    lambda: torch.arange(100000, dtype=torch.float32), lambda: torch.arange(0, 1, 1e-5),
    lambda: torch.range(1, 2.5, 0.5), lambda: torch.linspace(0, 1, 7),
    lambda: torch.linspace(3, -2, 5, dtype=torch.float64), lambda: torch.linspace(0, 10, 4, dtype=torch.int64),
    lambda: torch.linspace(2, 9, 1), lambda: torch.linspace(2, 9, 0), lambda: torch.linspace(0, 1, 70000),
    lambda: torch.linspace(torch.tensor(1.0), 3, 5), lambda: torch.logspace(0, 2, 5),
    lambda: torch.logspace(0, 3, 4, base=2), lambda: torch.logspace(torch.tensor(0.0), torch.tensor(2.0), 3),
    lambda: torch.full((2, 3), 7), lambda: torch.full((2,), 1.5, dtype=torch.int32), lambda: torch.full((), True),
    lambda: torch.full((2,), 1 + 2j), lambda: torch.full((2,), inf, dtype=torch.bfloat16),
    lambda: torch.full((2,), 2**62 + 1), lambda: torch.zeros(2, 0), lambda: torch.ones(3, dtype=torch.bool),
    lambda: torch.zeros(2).new_full((2, 2), 3), lambda: torch.ones(2).new_zeros(3, dtype=torch.int8),
    lambda: torch.ones(2).new_ones(2, 2), lambda: torch.scalar_tensor(3),
    lambda: torch.full_like(torch.ones(2, 2), 9, dtype=torch.float64), lambda: torch.fill(torch.ones(2), 4),
    lambda: torch.fill(torch.ones(2), torch.tensor(5.5)), lambda: torch.vander(torch.tensor([1, 2, 3])),
    lambda: torch.vander(torch.tensor([1.5, 2.0]), 4, True), lambda: torch.vander(torch.tensor([1.5, 2.0]), 0),
    *[lambda w=w, n=n, p=p: w(n, periodic=p)
      for w in windows for n in (0, 1, 2, 9, 16)
      for p in (True, False)],
    lambda: torch.hamming_window(8, True, 0.6, 0.3), lambda: torch.kaiser_window(8, False, 4.0, dtype=torch.float64),
    lambda: torch.hann_window(400),
])
def test_ranges(fn):
    check(lambda x: (x, fn()), torch.zeros(1))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 1, -2])
def test_embedding_bag(mode, padding):
    table, at = torch.randn(6, 3), torch.tensor([1, 2, 4, 5, 4, 1, 1])
    for offsets in (torch.tensor([0, 3, 3, 6]), torch.tensor([0, 2])):
        check(lambda w, i, o: F.embedding_bag(i, w, o, mode=mode, padding_idx=padding), table, at, offsets)
    check(lambda w, i: F.embedding_bag(i, w, mode=mode), table, at[:6].reshape(2, 3))
    ends = torch.tensor([0, 3, 7])
    check(lambda w, i, o: F.embedding_bag(i, w, o, mode=mode, include_last_offset=True), table, at, ends)
    if mode == "sum":
        weights = torch.randn(7)
        weighted = lambda w, i, o, s: F.embedding_bag(i, w, o, mode="sum", per_sample_weights=s)
        check(weighted, table, at, ends[:2], weights)


def test_embedding_max_norm():
    check(lambda w, i: F.embedding(i, w.clone(), max_norm=1.0), torch.randn(5, 3), torch.tensor([0, 3]))
    check(lambda w, i: F.embedding(i, w.clone(), max_norm=0.5, norm_type=1.0), torch.randn(5, 3), torch.tensor([4, 4]))


def test_repeat_interleave_by_tensor():
    r = torch.tensor([2, 0, 3])
    check(lambda x, r: x.repeat_interleave(r, 0, output_size=5), grid(3, 2), r)
    check(lambda x, r: x.repeat_interleave(r, 1, output_size=5), grid(2, 3), r)
    check(lambda x, r: torch.repeat_interleave(r, output_size=5), grid(2), r)


def test_histc_edges():
    check(lambda x: torch.histc(x, bins=4, min=0, max=3), torch.tensor([0.0, 1, 1, 3, 2.999, 7, -1]))
