"""Reductions, scans, softmax, norms and losses against eager PyTorch, through XLA: overloads by name, dims of every form, ties and
NaN, integers and bool, empty and 0-d tensors. OpInfo has the ordinary samples."""

import math

import pytest
import torch
from oracle import check

nan, inf = math.nan, math.inf
aten = torch.ops.aten
F = torch.nn.functional


def numbers(*shape, dtype=torch.float32):
    torch.manual_seed(0)
    return (torch.randn(*shape) * 3).to(dtype)


def test_sums():
    x = numbers(3, 4, 5)
    check(lambda a: (a.sum(), a.sum(1), a.sum(-1, True), a.sum((0, 2)), a.sum([]), a.sum(None), a.sum(1,
        dtype=torch.float64)), x)
    check(lambda a: (a.mean(), a.mean(1), a.mean((0, -1), True), a.mean(2, dtype=torch.float64)), x)
    check(lambda a: (a.prod(), a.prod(1), a.prod(-1, True), a.prod(dtype=torch.float64)), x)
    check(lambda a: (a.sum(), a.sum(1), a.prod(0), a.mean(1, dtype=torch.float32), a.count_nonzero(),
        a.count_nonzero((0, 1))), x.int())
    check(lambda a: (a.sum(), a.prod(1), a.any(), a.all(1), a.count_nonzero(0)), x > 1)
    check(lambda a: (a.sum(1), a.mean(), a.nansum(0), a.var(1), a.logsumexp(1), a.softmax(1), a.cumsum(2),
        a.norm()), x.bfloat16())
    check(lambda a: (a.nansum(), a.nansum(1, True), a.nanmean(1), a.sum(1)), torch.tensor([[1, nan, 2],
        [nan, nan, nan]]))
    check(lambda a: (a.sum_to_size(1, 5), a.sum_to_size(3, 4, 1), a.sum_to_size(3, 4, 5)), x)
    check(lambda a: (a.sum(), a.sum(0), a.mean(), a.prod(-1), a.any(0), a.amax(), a.max(), a.logsumexp(0)),
        torch.tensor(2.5))
    check(lambda a: (a.sum(), a.sum(0), a.sum(1), a.prod(0), a.mean(1), a.all(0), a.any(1)), torch.ones(0, 3))


def test_tests():
    for x in (torch.tensor([[0, 1, 2], [3, 4, 5]]), torch.tensor([[0.0, nan], [1, 0]]), torch.zeros(2, 2,
        dtype=torch.uint8)):
        check(lambda a: (a.any(), a.all(), a.any(0), a.all(-1, True), torch.any(a, (0, 1)), torch.all(a,
            (0,), True)), x)


TIES = [torch.tensor([1.0, 3, 3, -2, -2, 3]), torch.tensor([1.0, nan, 3, nan]), torch.tensor([inf, -inf,
    inf]), torch.tensor([-inf, -inf]),
    torch.tensor([2, 5, 5, 1, 1]), torch.tensor([False, True, True, False]), torch.tensor([0, 255, 255],
        dtype=torch.uint8),
    torch.tensor(7.0)]


@pytest.mark.parametrize("x", TIES, ids=range(len(TIES)))
def test_extremes_of_ties(x):
    check(lambda a: (a.max(0), a.min(0), a.amax(), a.amin(), a.max(), a.min(), a.aminmax(), a.cummax(0),
        a.cummin(0)), x)
    check(lambda a: (torch.maximum(a, a[..., None]), torch.max(a, a), torch.min(a, a)), x)
    if x.dtype != torch.bool:
        check(lambda a: (a.argmax(), a.argmin(), a.argmax(0, True), a.argmin(-1), a.argmax(None, True)), x)


def test_extremes_over_dims():
    x = numbers(3, 4, 5)
    check(lambda a: (a.max(1), a.min(-1, True), a.amax((0, 2)), a.amin(1, True), a.aminmax(dim=2,
        keepdim=True), a.argmax(1, True)), x)
    check(lambda a: (a.argmin(), a.argmax(keepdim=True), a.amax(()), a.max(), a.median(1)), x)


def test_moments():
    x = numbers(3, 4, 5)
    check(lambda a: (a.var(), a.std(), a.var(False), a.var(1), a.std((0, 2), keepdim=True), a.var(2,
        correction=0), a.std(1, correction=2)), x)
    check(lambda a: (torch.var_mean(a), torch.std_mean(a, 1), torch.var_mean(a, (0, 1), correction=0,
        keepdim=True)), x)
    check(lambda a: (a.var(), torch.std_mean(a, 1)), torch.complex(x, x.flip(0)))
    check(lambda a: (a.var(1), a.var(1, correction=5)), numbers(2, 1))
    check(lambda a: (a.logsumexp(1), a.logsumexp((0, 2), True)), x)
    check(lambda a: a.logsumexp(1), torch.tensor([[-inf, -inf], [inf, 1], [1000, 1000], [nan, 0]]))


@pytest.mark.parametrize("p", [0, 1, 2, 3, 0.5, -1, inf, -inf])
def test_norms(p):
    x = numbers(3, 4)
    check(lambda a: (a.norm(p), a.norm(p, 1), a.norm(p, (0, 1), True), a.norm(p, 0, dtype=torch.float64),
        torch.dist(a, a.flip(0), p)), x)
    check(lambda a: (torch.linalg.vector_norm(a, p), torch.linalg.vector_norm(a, p, 1, True)),
        torch.complex(x, x + 1))
    if p in (1, inf, -inf):
        check(lambda a: (torch.linalg.matrix_norm(a, p), torch.linalg.norm(a, p),
            torch.linalg.matrix_norm(a, p, keepdim=True)), x)


def test_norms_of_singular_values():
    check(lambda a: (torch.linalg.matrix_norm(a, 2), torch.linalg.matrix_norm(a, -2), torch.linalg.matrix_norm(a, "nuc")), numbers(3, 4))


def test_scans():
    x = numbers(3, 4, 5)
    check(lambda a: (a.cumsum(1), a.cumprod(-1), a.cummax(0), a.cummin(2), a.logcumsumexp(1)), x)
    check(lambda a: (a.cumsum(0), a.cumprod(1), a.cummax(1)), x.int())
    check(lambda a: (a.cumsum(0), a.cumprod(0, dtype=torch.float64)), x > 0)
    check(lambda a: (a.cumsum(0), a.cummax(0), a.cumprod(-1), a.logcumsumexp(0)), torch.tensor(3.0))
    check(lambda a: (a.cumsum(0), a.cumprod(1)), torch.ones(0, 2))
    check(lambda a: a.cumsum(-1), torch.ones(2, 3000))
    check(lambda a: a.logcumsumexp(0), torch.tensor([-inf, -inf, 0, 1, inf]))


def test_softmax():
    x = numbers(3, 4, 5)
    check(lambda a: (a.softmax(-1), a.softmax(0), a.log_softmax(1), F.softmin(a, 1),
        torch.special.softmax(a, 1)), x)
    check(lambda a: (aten._softmax(a, 1, False), aten._log_softmax(a, -1, False), a.softmax(1,
        torch.float64)), x)
    check(lambda a: (a.softmax(-1), a.log_softmax(-1), a.softmax(-1, torch.float32)), x.half())
    check(lambda a: (a.softmax(0), a.log_softmax(0), a.softmax(-1)), torch.tensor(1.5))
    masked = torch.tensor([[0.0, -inf, 1], [-inf, -inf, -inf], [1000, 1001, -1000]])
    check(lambda a: (a.softmax(-1), aten._safe_softmax(a, -1), a.log_softmax(-1)), masked)
    check(lambda a: a.softmax(0, torch.float32), torch.tensor([1, 2, 3]))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses_by_element(reduction):
    x, y = numbers(4, 5), numbers(4, 5).flip(0)
    r = {"reduction": reduction}
    check(lambda a, b: (F.mse_loss(a, b, **r), F.l1_loss(a, b, **r), F.smooth_l1_loss(a, b, beta=0.5, **r),
        F.huber_loss(a, b, delta=2.0, **r)), x, y)
    check(lambda a, b: (F.smooth_l1_loss(a, b, beta=0.0, **r), F.soft_margin_loss(a, b.sign(), **r),
        F.poisson_nll_loss(a, b.abs(), full=True, **r)), x, y)
    p, t, w = x.sigmoid(), y.sigmoid(), torch.rand(5)
    check(lambda p, t, w: (F.binary_cross_entropy(p, t, **r), F.binary_cross_entropy(p, t, w, **r)), p, t, w)
    check(lambda a, t, w: (F.binary_cross_entropy_with_logits(a, t, **r),
        F.binary_cross_entropy_with_logits(a, t, w, pos_weight=w, **r)), x, t, w)
    check(lambda p: F.binary_cross_entropy(p, p, **r), torch.tensor([0.0, 1.0]))
    check(lambda a, t: (F.kl_div(a, t, **r), F.kl_div(a, t.log(), log_target=True, **r), F.kl_div(a, t * 0,
        **r)), x, t)
    check(lambda a, b: (F.hinge_embedding_loss(a, b.sign(), **r), F.margin_ranking_loss(a, b, b.sign(),
        margin=0.5, **r)), x, y)
    check(lambda a, b: (F.cosine_embedding_loss(a, b, b[:, 0].sign(), 0.1, **r), F.triplet_margin_loss(a, b,
        b * a, swap=True, **r)), x, y)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses_by_class(reduction):
    r = {"reduction": reduction}
    target = torch.tensor([0, 2, 1, -100, 2])
    x, w = numbers(5, 3), torch.tensor([0.5, 1.0, 2.0])
    check(lambda a, t: (F.cross_entropy(a, t, **r), F.cross_entropy(a, t, label_smoothing=0.2, **r),
        F.nll_loss(a, t, **r)), x, target)
    check(lambda a, t, w: (F.cross_entropy(a, t, w, **r), F.cross_entropy(a, t, w, label_smoothing=0.2,
        **r)), x, target, w)
    check(lambda a, t, w: (F.nll_loss(a, t.clamp(0), w, ignore_index=2, **r), F.multi_margin_loss(a,
        t.clamp(0), weight=w, **r)), x, target, w)
    check(lambda a, p, w: (F.cross_entropy(a, p, **r), F.cross_entropy(a, p, w, label_smoothing=0.1, **r)),
        x, x.softmax(1).flip(0), w)
    check(lambda a, t: (F.cross_entropy(a, t, **r), F.nll_loss(a, t, **r)), numbers(2, 3, 4, 4),
        torch.arange(32).reshape(2, 4, 4) % 3)
    check(lambda a, t: F.cross_entropy(a, t, **r), numbers(3), torch.tensor(1))
    check(lambda a, t: aten.nll_loss_forward(a, t, None, 1, -100), x, target)
    check(lambda a, t: F.cross_entropy(a, t, **r), x.half(), target)


def test_distances():
    x, y = numbers(4, 5), numbers(4, 5).flip(0)
    check(lambda a, b: (F.cosine_similarity(a, b), F.cosine_similarity(a, b, dim=0), F.pairwise_distance(a,
        b, 3.0, keepdim=True)), x, y)
    check(lambda a, b: (torch.cdist(a, b), torch.cdist(a, b[:2], 1.0), torch.cdist(a[None],
        b[None].expand(3, 4, 5), inf)), x, y)
    check(lambda v, g: (torch._weight_norm(v, g, 0), torch.norm_except_dim(v, 2, 0),
        torch.norm_except_dim(v, 2, -1)), x, numbers(4, 1))
    check(lambda v, g: torch._weight_norm(v, g, 1), x, numbers(1, 5))
    check(lambda a: (torch.renorm(a, 2, 0, 3.0), torch.renorm(a, 1, 1, 1.0)), x)
