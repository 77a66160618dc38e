"""Backward operators, called by name with what the forward operator has given, against eager PyTorch through XLA."""

from functools import partial

import pytest
import torch
from oracle import check, compare, convert

aten = torch.ops.aten
FLOATS = [torch.float32, torch.float64, torch.bfloat16]
INF, NAN = float("inf"), float("nan")


def numbers(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def whole(high, *shape, seed=0):
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))


def like(y, seed=9):
    """A gradient for the result y."""
    return numbers(*y.shape, seed=seed, dtype=y.dtype)


def check_all(calls, **tolerance):
    """One program for all of these (function, *tensors): it is exporting that takes time."""

    def fn(*tensors):
        tensors = iter(tensors)
        return [f(*(next(tensors) for _ in args)) for f, *args in calls]

    check(fn, *(x for _, *args in calls for x in args), **tolerance)


# -- convolutions --------------------------------------------------------------------------------------------------------


CONVOLUTIONS = {  # input, weight, stride, padding, dilation, transposed, output_padding, groups
    "plain": ((2, 4, 9, 8), (6, 4, 3, 2), [1, 1], [0, 0], [1, 1], False, [0, 0], 1),
    "uneven": ((2, 4, 9, 8), (6, 2, 3, 2), [2, 3], [1, 0], [2, 1], False, [0, 0], 2),
    "depthwise": ((2, 4, 10), (4, 1, 3), [2], [2], [3], False, [0], 4),
    "depthwise, two each": ((2, 4, 10), (8, 1, 3), [2], [2], [3], False, [0], 4),
    "3d": ((2, 4, 5, 4, 6), (2, 4, 2, 3, 2), [2, 1, 2], [1, 1, 0], [1, 1, 2], False, [0, 0, 0], 1),
    "stride over the kernel": ((2, 4, 9), (3, 4, 2), [4], [0], [1], False, [0], 1),
    "padding over the kernel": ((2, 4, 7), (3, 4, 3), [1], [5], [1], False, [0], 1),
    "empty batch": ((0, 4, 7), (3, 4, 3), [1], [0], [1], False, [0], 1),
    "transposed": ((2, 6, 9, 8), (6, 2, 3, 2), [2, 3], [1, 0], [2, 1], True, [1, 2], 3),
    "transposed 3d": ((2, 4, 5, 4, 6), (4, 3, 2, 3, 2), [2, 1, 2], [1, 1, 0], [1, 1, 2], True, [1, 0, 1], 2),
    "output padding over the stride": ((2, 4, 7), (4, 3, 3), [1], [0], [3], True, [2], 1),
}


def convolution_backward(case, dtype, mask):
    size, kernel, stride, padding, dilation, transposed, output_padding, groups = CONVOLUTIONS[case]
    x, w = numbers(*size, dtype=dtype), numbers(*kernel, seed=1, dtype=dtype)
    g = like(aten.convolution(x, w, None, stride, padding, dilation, transposed, output_padding, groups))
    bias = [kernel[1] * groups if transposed else kernel[0]]

    def fn(g, x, w):
        all = aten.convolution_backward(g, x, w, bias, stride, padding, dilation, transposed, output_padding, groups, mask)
        return [y for y, wanted in zip(all, mask) if wanted]       # eager's CPU kernels give some that were not asked for

    check(fn, g, x, w)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(case):
    for dtype in FLOATS if "3d" not in case else [torch.float32]:
        convolution_backward(case, dtype, [True, True, True])


def test_convolution_mask():
    for mask in [True, False, False], [False, True, False], [False, False, True], [True, False, True]:
        convolution_backward("uneven", torch.float32, mask)


# -- pooling -------------------------------------------------------------------------------------------------------------


AVERAGES = {  # input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    "plain": ((2, 3, 8, 9), [2, 3], [], [0, 0], False, True, None),
    "padded": ((2, 3, 8, 9), [3, 3], [2, 1], [1, 1], False, True, None),
    "padding not counted": ((2, 3, 8, 9), [3, 3], [2, 1], [1, 1], False, False, None),
    "ceil": ((2, 3, 8, 7), [3, 2], [2, 2], [1, 0], True, True, None),
    "ceil, padding not counted": ((2, 3, 8, 7), [3, 2], [2, 2], [1, 0], True, False, None),
    "divisor": ((2, 3, 8, 7), [3, 2], [2, 2], [1, 0], True, False, 5),
    "gaps": ((3, 8, 9), [2, 2], [3, 4], [0, 0], False, True, None),
    "empty": ((0, 3, 8, 9), [2, 3], [], [0, 0], False, True, None),
    "3d": ((2, 2, 5, 6, 4), [2, 3, 2], [2, 2, 1], [1, 1, 0], True, False, None),
}


@pytest.mark.parametrize("case", AVERAGES)
def test_avg_pool(case):
    size, *rest = AVERAGES[case]
    forward, backward = (aten.avg_pool3d, aten.avg_pool3d_backward) if case == "3d" else (aten.avg_pool2d, aten.avg_pool2d_backward)
    for dtype in FLOATS if case != "3d" else FLOATS[:2]:                # eager has no bfloat16 there
        x = numbers(*size, dtype=dtype)
        check(lambda g, x: backward(g, x, *rest), like(forward(x, *rest)), x)


ADAPTIVE = ((2, 3, 8, 6), (4, 3)), ((2, 3, 7, 5), (3, 4)), ((3, 4, 5), (9, 1)), ((2, 3, 5, 4), (7, 6)), ((0, 3, 5, 4), (2, 2))
ADAPTIVE_3D = ((2, 3, 5, 6, 4), (2, 4, 3)), ((3, 5, 6, 4), (5, 3, 7))


@pytest.mark.parametrize("dtype", FLOATS)
def test_adaptive_pool(dtype):
    for size, out in ADAPTIVE + ADAPTIVE_3D:
        x = numbers(*size, dtype=dtype)
        d = len(out)
        mean = getattr(aten, f"_adaptive_avg_pool{d}d")
        check(getattr(aten, f"_adaptive_avg_pool{d}d_backward"), like(mean(x, out)), x)
        y, at = getattr(aten, f"adaptive_max_pool{d}d")(x, out)
        check(getattr(aten, f"adaptive_max_pool{d}d_backward"), like(y), x, at)


MAXIMA = {  # input, kernel_size, stride, padding, dilation, ceil_mode
    "plain": ((2, 3, 8, 9), [2, 3], [], [0, 0], [1, 1], False),
    "overlapping": ((2, 3, 8, 9), [3, 3], [1, 2], [1, 1], [1, 1], False),
    "dilated, ceil": ((3, 9, 8), [2, 2], [2, 3], [1, 1], [2, 3], True),
    "3d": ((2, 2, 5, 6, 4), [2, 3, 2], [2, 2, 1], [1, 1, 0], [1, 1, 1], True),
}


@pytest.mark.parametrize("case", MAXIMA)
def test_max_pool(case):
    size, *rest = MAXIMA[case]
    d = 3 if case == "3d" else 2
    for dtype in FLOATS:
        x = numbers(*size, dtype=dtype)
        x.view(-1)[::7] = 0.5                                       # ties
        x.view(-1)[3] = NAN
        y, at = getattr(aten, f"max_pool{d}d_with_indices")(x, *rest)
        g = like(y)
        g.view(-1)[0] = INF
        check(lambda g, x, at: getattr(aten, f"max_pool{d}d_with_indices_backward")(g, x, *rest, at), g, x, at)


def test_fractional_max_pool():
    x, random = numbers(2, 3, 9, 8), torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(0))
    y, at = aten.fractional_max_pool2d(x, [2, 3], [4, 3], random)
    check(lambda g, x, at: aten.fractional_max_pool2d_backward(g, x, [2, 3], [4, 3], at), like(y), x, at)
    x, random = numbers(2, 3, 5, 9, 8), torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0))
    y, at = aten.fractional_max_pool3d(x, [2, 2, 3], [3, 4, 3], random)
    check(lambda g, x, at: aten.fractional_max_pool3d_backward(g, x, [2, 2, 3], [3, 4, 3], at), like(y), x, at)


# -- normalizations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm(dtype, affine):
    for size, shape in ((2, 3, 8), [8]), ((2, 3, 8), [3, 8]), ((3, 8), [3, 8]), ((0, 8), [8]):
        x = numbers(*size, dtype=dtype) * 2 + 1
        w, b = (numbers(*shape, seed=1, dtype=dtype), numbers(*shape, seed=2, dtype=dtype)) if affine else (None, None)
        y, mean, rstd = aten.native_layer_norm(x, shape, w, b, 1e-5)
        check(lambda g, x, mean, rstd, w, b: aten.native_layer_norm_backward(g, x, shape, mean, rstd, w, b, [True, affine, affine]),
            like(y), x, mean, rstd, w, b)


@pytest.mark.parametrize("dtype", FLOATS)
def test_group_norm(dtype):
    for size, groups, affine in ((2, 6, 5, 4), 3, True), ((2, 6, 5), 1, True), ((2, 6), 2, True), ((2, 6, 5, 4), 6, False):
        x = numbers(*size, dtype=dtype) * 2 + 1
        w, b = (numbers(6, seed=1, dtype=dtype), numbers(6, seed=2, dtype=dtype)) if affine else (None, None)
        n, c, pixels = size[0], size[1], x[0, 0].numel()
        y, mean, rstd = aten.native_group_norm(x, w, b, n, c, pixels, groups, 1e-5)
        check(lambda g, x, mean, rstd, w: aten.native_group_norm_backward(g, x, mean, rstd, w, n, c, pixels, groups,
            [True, affine, affine]), like(y), x, mean, rstd, w)


@pytest.mark.parametrize("dtype", FLOATS)
def test_batch_norm(dtype):
    for size, affine in ((4, 3, 5, 2), True), ((4, 3), True), ((2, 3, 4), False):
        x = numbers(*size, dtype=dtype) * 2 + 1
        w = numbers(3, seed=1, dtype=dtype) if affine else None
        run_mean, run_var = numbers(3, seed=2, dtype=dtype), numbers(3, seed=3, dtype=dtype).abs() + 0.5
        y, mean, invstd = aten.native_batch_norm(x, w, None, run_mean.clone(), run_var.clone(), True, 0.1, 1e-5)
        for train in True, False:
            check(lambda g, x, w, rm, rv, mean, invstd: aten.native_batch_norm_backward(g, x, w, rm, rv, mean, invstd, train, 1e-5,
                [True, affine, affine]), like(y), x, w, run_mean, run_var, mean, invstd)
            if affine:
                check(lambda g, x, w, rm, rv, mean, invstd, rest: aten.batch_norm_backward(g, x, w, rm, rv, mean, invstd, train,
                    1e-5, [True, True, True], rest), like(y), x, w, run_mean, run_var, mean, invstd, torch.empty(0, dtype=torch.uint8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weight_norm(dtype):
    for dim, size in (0, (4, 3, 2)), (2, (4, 3, 2)), (0, (5,)):
        v = numbers(*size, dtype=dtype)
        g = numbers(*(n if i == dim else 1 for i, n in enumerate(size)), seed=1, dtype=dtype)
        w, norms = aten._weight_norm_interface(v, g, dim)
        check(lambda *a: aten._weight_norm_interface_backward(*a, dim), like(w), v, g, norms)


# -- attention -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_flash_attention(dtype):
    q, k, v = (numbers(2, 3, n, 8, seed=n, dtype=dtype) for n in (5, 7, 7))
    mask = numbers(5, 7, seed=3, dtype=dtype)
    mask[1, 2:] = -INF
    causal = torch.ones(5, 7, dtype=torch.bool).tril(1)
    for causal, mask, scale in (False, None, None), (True, None, 0.3), (False, mask, None), (False, mask.expand(2, 1, 5, 7), 0.5):
        out, lse = aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, attn_mask=mask, scale=scale)
        check(lambda g, q, k, v, out, lse, mask: aten._scaled_dot_product_flash_attention_for_cpu_backward(
            g, q, k, v, out, lse, 0.0, causal, attn_mask=mask, scale=scale), like(out), q, k, v, out, lse, mask)


def test_efficient_attention():
    """There is no such operator for the CPU: torch traces it, autograd of the formula says what it gives."""
    q, k, v = (numbers(2, 3, n, 8, seed=n).requires_grad_() for n in (5, 7, 7))
    bias = numbers(1, 3, 5, 7, seed=3).requires_grad_()
    s = q @ k.mT * 0.4 + bias
    out = s.softmax(-1) @ v
    g = like(out)
    want = torch.autograd.grad(out, (q, k, v, bias), g)
    lse = torch.nn.functional.pad(s.logsumexp(-1), (0, 27))               # which its kernels round up to 32

    def fn(g, q, k, v, bias, out, lse):
        none = torch.zeros((), dtype=torch.int64)
        return aten._scaled_dot_product_efficient_attention_backward(g, q, k, v, bias, out, lse, none, none, 0.0, [True] * 4, False, scale=0.4)

    program, inputs = convert(fn, g, q, k, v, bias, out, lse)
    compare(program(*inputs), want)


# -- losses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_losses_by_element(dtype, reduction):
    x, y = numbers(4, 5, dtype=dtype), numbers(4, 5, seed=1, dtype=dtype)
    x[0], y[0] = torch.tensor([1.0, 2.0, 0.0, 0.5, -1.0]), torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0])     # at the bends
    g = like(x) if reduction == 0 else numbers(seed=2, dtype=dtype)

    def fn(g, x, y):
        return (aten.mse_loss_backward(g, x, y, reduction), aten.soft_margin_loss_backward(g, x, y.sign(), reduction),
            *(aten.smooth_l1_loss_backward(g, x, y, reduction, beta) for beta in (1.0, 0.5)),
            *(aten.huber_loss_backward(g, x, y, reduction, delta) for delta in (1.0, 0.5)))

    check(fn, g, x, y)
    p = x.sigmoid()
    p[1, 0], p[1, 1] = 0, 1
    check(lambda g, p, y, w: (aten.binary_cross_entropy_backward(g, p, y, None, reduction),
        aten.binary_cross_entropy_backward(g, p, y, w, reduction)), g, p, (y > 0).to(dtype), numbers(5, seed=3, dtype=dtype))


def test_losses_of_extremes():
    x = torch.tensor([NAN, INF, -INF, 0.0, 1e30, -1e30])
    g = torch.ones(6)
    check(lambda g, x, y: (aten.mse_loss_backward(g, x, y, 0), aten.smooth_l1_loss_backward(g, x, y, 0, 1.0),
        aten.huber_loss_backward(g, x, y, 0, 1.5)), g, x, torch.zeros(6))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_nll_loss(dtype, reduction):
    for size in (4, 5), (5,):
        x = numbers(*size, dtype=dtype).log_softmax(-1)
        y = whole(5, *size[:-1])
        if y.dim():
            y[1] = 2
        for w, ignored in (None, -100), (numbers(5, seed=1, dtype=dtype).abs(), 2):
            out, total = aten.nll_loss_forward(x, y, w, reduction, ignored)
            check(lambda g, x, y, w, total: aten.nll_loss_backward(g, x, y, w, reduction, ignored, total), like(out), x, y, w, total)
    x, y, w = numbers(2, 5, 3, 2, dtype=dtype), whole(5, 2, 3, 2), numbers(5, seed=1, dtype=dtype)
    out, total = aten.nll_loss2d_forward(x, y, w, reduction, 2)
    check(lambda g, x, y, w, total: aten.nll_loss2d_backward(g, x, y, w, reduction, 2, total), like(out), x, y, w, total)
    out, total = aten.nll_loss_forward(x[0, :, :, 0].T, torch.full((3,), 2), None, 1, 2)        # nothing counts: NaN forward
    check(lambda g, x, y, total: aten.nll_loss_backward(g, x, y, None, 1, 2, total), like(out), x[0, :, :, 0].T, torch.full((3,), 2),
        total)


@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_margin_losses(reduction):
    for size in (4, 5), (5,):
        x, y, w = numbers(*size), whole(5, *size[:-1]), numbers(5, seed=1)
        for p, margin, weight in (1, 1, None), (2, 0.5, None), (1, 1.5, w), (2, 1, w):
            g = like(aten.multi_margin_loss(x, y, p, margin, weight, reduction))
            check(lambda g, x, y, weight: aten.multi_margin_loss_backward(g, x, y, p, margin, weight, reduction), g, x, y, weight)
        labels = torch.tensor([[3, 0, -1, 1, 2], [1, -1, 0, 2, 3], [-1, 1, 2, 3, 4], [4, 3, 2, 1, 0]])[: size[0] if len(size) > 1 else 1]
        labels = labels.reshape(size)
        out, is_target = aten.multilabel_margin_loss_forward(x, labels, reduction)
        check(lambda g, x, y, t: aten.multilabel_margin_loss_backward(g, x, y, reduction, t), like(out), x, labels, is_target)


# -- distances -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, INF])
def test_distances(dtype, p):
    x, y = numbers(2, 4, 3, dtype=dtype), numbers(2, 5, 3, seed=1, dtype=dtype)
    y[0, 1] = x[0, 2]                                                  # a distance of 0
    y[1, 1, 0] = x[1, 2, 0]
    d = aten._cdist_forward(x, y, p, None)
    check(lambda *a: aten._cdist_backward(*a[:3], p, a[3]), like(d), x, y, d)
    x = x[0].contiguous()
    x[3] = x[1]
    d = aten._pdist_forward(x, p)
    check(lambda *a: aten._pdist_backward(*a[:2], p, a[2]), like(d), x, d)


def test_distances_of_nothing():
    for x, y in ((2, 0, 3), (2, 4, 3)), ((2, 3, 3), (2, 0, 3)), ((2, 3, 0), (2, 4, 0)):
        x, y = numbers(*x), numbers(*y)
        d = aten._cdist_forward(x, y, 2.0, None)
        check(lambda *a: aten._cdist_backward(*a[:3], 2.0, a[3]), like(d), x, y, d)


# -- parts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_parts(dtype):
    x, calls = numbers(4, 5, 6, dtype=dtype), []
    whole = dict(input_sizes=[4, 5, 6])
    for dim, at in (0, 2), (-1, -1), (1, 0):
        calls.append((partial(aten.select_backward, **whole, dim=dim, index=at), like(x.select(dim, at))))
    for dim, start, end, step in (0, 1, 3, 1), (-1, -4, 6, 2), (1, 0, 5, 3), (2, 4, 2, 1), (1, 0, 2**63 - 1, 1), (1, 7, 9, 1), (1, -9, 2, 1):
        cut = dict(dim=dim, start=start, end=end, step=step)
        calls.append((partial(aten.slice_backward, **whole, **cut), like(aten.slice(x, **cut))))
    for offset, d1, d2 in (0, 0, 1), (2, 0, 2), (-3, -1, 1), (9, 0, 1):
        which = dict(offset=offset, dim1=d1, dim2=d2)
        calls.append((partial(aten.diagonal_backward, **whole, **which), like(x.diagonal(offset, d1, d2))))
    for dim, window, step in (1, 2, 1), (2, 3, 2), (-3, 4, 1), (1, 2, 3), (0, 1, 1):
        calls.append((partial(aten.unfold_backward, **whole, dim=dim, size=window, step=step), like(x.unfold(dim, window, step))))
    calls.append((partial(aten.trace_backward, sizes=[3, 5]), numbers(dtype=dtype)))
    check_all(calls)


@pytest.mark.parametrize("dtype", FLOATS)
def test_indices(dtype):
    x = numbers(4, 5, dtype=dtype)
    at = torch.tensor([1, 3, 1, 0, 1])
    check(lambda g, at: aten.index_select_backward(g, [4, 5], 0, at), numbers(5, 5, dtype=dtype), at)
    check(lambda g, x, at: aten.gather_backward(g, x, 0, at, False), numbers(3, 4, dtype=dtype), x, whole(4, 3, 4))
    check(lambda g, x, at: aten.cummaxmin_backward(g, x, at, -1), numbers(4, 5, dtype=dtype), x, x.cummax(-1).indices)
    for keep in True, False:
        y, at = x.max(1, keepdim=keep)
        check(lambda g, at: aten.value_selecting_reduction_backward(g, 1, at, [4, 5], keep), like(y), at)
    check(lambda g, at: aten.value_selecting_reduction_backward(g, 0, at, [], False), numbers(dtype=dtype), torch.tensor(0))
    mask = x > 0
    check(lambda g, mask: aten.masked_scatter_backward(g, mask, [30]), x, mask)
    check(lambda g, mask: aten.masked_scatter_backward(g, mask, [5, 4]), x, mask)


@pytest.mark.parametrize("dtype", FLOATS)
def test_embedding(dtype):
    calls = []
    for size in (3, 4), (7,), (), (0,):
        at = whole(6, *size)
        g = numbers(*size, 5, dtype=dtype)
        for padding, scale in (-1, False), (2, False), (-1, True), (1, True):
            calls.append((partial(aten.embedding_dense_backward, num_weights=6, padding_idx=padding, scale_grad_by_freq=scale), g, at))
    check_all(calls)
    check(lambda g, at: aten.embedding_backward(g, at, 6, 2, False, False), numbers(3, 5, dtype=dtype), whole(6, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_embedding_bag(dtype, mode):
    table, offsets = numbers(6, 3, dtype=dtype), torch.tensor([0, 3, 3, 7])                          # one bag is empty
    weights = numbers(8, seed=1, dtype=dtype) if mode == 0 else None
    for padding, often in (-1, False), (4, False), (-1, True) if mode < 2 else (5, False):
        # counts are all the same: eager's CPU kernel looks up that of another row
        at = torch.tensor([1, 4, 1, 2, 5, 5, 2, 4] if often else [1, 4, 1, 2, 5, 5, 0, 4])
        y, bag, size, most = aten._embedding_bag(table, at, offsets, often, mode, False, weights, False, padding)
        bag = torch.bucketize(torch.arange(8), offsets, right=True) - 1
        check(lambda g, at, offsets, bag, size, most, w: aten._embedding_bag_backward(g, at, offsets, bag, size, most, 6, often, mode, False,
            w, padding), like(y), at, offsets, bag, size, most, weights)
        check(lambda g, at, bag, size, most, w: aten._embedding_bag_dense_backward(g, at, bag, size, most, 6, often, mode, w, padding),
            like(y), at, bag, size, most, weights)
        if mode == 0:
            check(lambda g, w, at, offsets, bag: aten._embedding_bag_per_sample_weights_backward(g, w, at, offsets, bag, mode, padding),
                like(y), table, at, offsets, bag)


@pytest.mark.parametrize("dtype", FLOATS)
def test_trilinear(dtype):
    """As bilinear and its gradients call it."""
    x, y, w, g = (numbers(*s, seed=i, dtype=dtype) for i, s in enumerate([(3, 4), (3, 5), (2, 4, 5), (3, 2)]))
    check_all([
        (partial(aten._trilinear, expand1=[1, 3], expand2=[0], expand3=[1, 2], sumdim=[2, 3]), x, w, y),
        (partial(aten._trilinear, expand1=[2, 3], expand2=[0], expand3=[1, 2], sumdim=[1, 3]), g, w, y),
        (partial(aten._trilinear, expand1=[1, 3], expand2=[2, 3], expand3=[1, 2], sumdim=[0]), x, g, y),
    ])


# -- padding and resizing ------------------------------------------------------------------------------------------------


PADDINGS = {
    "reflection": [((3, 5), [2, 4]), ((2, 3, 5), [0, 3]), ((3, 5, 6), [2, 1, 0, 4]), ((2, 3, 5, 6), [5, 0, 1, 1]), ((2, 3, 5, 6), [0, 0, 0, 0]),
        ((2, 3, 4, 5, 6), [1, 2, 3, 0, 2, 2]), ((0, 3, 5, 6), [1, 1, 1, 1])],
    "replication": [((3, 5), [2, 7]), ((2, 3, 1), [0, 3]), ((3, 5, 6), [2, 1, 0, 9]), ((2, 3, 5, 6), [5, 0, 1, 1]),
        ((2, 3, 4, 5, 6), [1, 2, 3, 0, 2, 2]), ((3, 4, 5, 6), [1, 0, 0, 0, 2, 2]), ((2, 3, 5, 6), [-1, 2, 3, -2])],
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", PADDINGS)
def test_padding(kind, dtype):
    calls = []
    for size, pad in PADDINGS[kind]:
        name = f"{kind}_pad{len(pad) // 2}d"
        x = numbers(*size, dtype=dtype)
        calls.append((partial(getattr(aten, name + "_backward"), padding=pad), like(getattr(aten, name)(x, pad)), x))
    check_all(calls, atol=0.1 if dtype == torch.bfloat16 else None)      # eager adds up in bfloat16


SIZES = [(7, 14), (14, 7), (5, 8), (8, 5), (1, 4)]
RESIZES = {  # name -> spatial dims, has align_corners
    "upsample_nearest1d": (1, False), "upsample_nearest2d": (2, False), "upsample_nearest3d": (3, False),
    "_upsample_nearest_exact1d": (1, False), "_upsample_nearest_exact2d": (2, False), "_upsample_nearest_exact3d": (3, False),
    "upsample_linear1d": (1, True), "upsample_bilinear2d": (2, True), "upsample_trilinear3d": (3, True),
    "upsample_bicubic2d": (2, True), "_upsample_bilinear2d_aa": (2, True), "_upsample_bicubic2d_aa": (2, True),
    "_upsample_lanczos2d_aa": (2, True),
}


@pytest.mark.parametrize("name", RESIZES)
def test_resizing(name):
    spatial, corners = RESIZES[name]
    backward, calls = getattr(aten, name + "_backward"), []
    for i in range(len(SIZES)):
        pick = [SIZES[(i + k) % len(SIZES)] for k in range(spatial)]
        out = [n for _, n in pick]
        for flags, dtype in zip(({"align_corners": True}, {"align_corners": False}) if corners else ({}, {}), FLOATS):
            calls.append((partial(backward, output_size=out, input_size=[2, 3, *(o for o, _ in pick)], **flags), numbers(2, 3, *out, dtype=dtype)))
    scales = dict.fromkeys(("scales",) if spatial == 1 else ("scales_d", "scales_h", "scales_w")[-spatial:], 1.7)    # more than the sizes tell
    g = numbers(2, 3, *[8] * spatial)
    g.view(-1)[:2] = torch.tensor([INF, NAN])
    calls.append((partial(backward, output_size=[8] * spatial, input_size=[2, 3] + [5] * spatial, **flags, **scales), like(g)))
    if "_aa" not in name:
        calls.append((partial(backward, output_size=[8] * spatial, input_size=[2, 3] + [5] * spatial, **flags), g))
    check_all(calls)


def test_resizing_of_a_constant():
    """XLA folds what it knows: a gather of constants in four dims came out wrong."""
    check(lambda x: x + aten.upsample_nearest2d_backward(torch.full((2, 3, 5, 5), 0.7), [5, 5], [2, 3, 4, 4]), numbers(2, 3, 4, 4))


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_grid_sampler(mode, padding):
    calls = []
    for corners in True, False:
        how = dict(interpolation_mode=mode, padding_mode=padding, align_corners=corners)
        dtype = torch.float32 if corners else torch.float64
        x, g = numbers(2, 3, 5, 4, dtype=dtype), numbers(2, 3, 3, 6, seed=1, dtype=dtype)
        grid = numbers(2, 3, 6, 2, seed=2, dtype=dtype) * 1.5
        grid[0, 0] = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [-7.3, 5.2], [1.0, -1.0], [0.5, 1.25]])
        calls.append((partial(aten.grid_sampler_2d_backward, **how, output_mask=[corners, True]), g, x, grid))
        if mode < 2:
            x, g, grid = numbers(2, 3, 3, 5, 4), numbers(2, 3, 2, 3, 2, seed=1), numbers(2, 2, 3, 2, 3, seed=2)
            calls.append((partial(aten.grid_sampler_3d_backward, **how, output_mask=[True, True]), g, x, grid))
    check_all(calls)
