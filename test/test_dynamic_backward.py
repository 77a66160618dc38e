"""Gradients of any size: backward operators by name, and whole training steps with an open batch."""

import pytest
import torch
import torch.nn.functional as F
from sizes import check_refines
from test_dynamic_images import check_open
from torch import nn
from torch.export.experimental import _export_forward_backward

from torch_stablehlo import exported_program_to_stablehlo

aten = torch.ops.aten
ROWS = [(6, 4), (9, 4), (5, 4)]


def two(*sizes):
    torch.manual_seed(0)
    return [(torch.randn(s), torch.randn(s)) for s in sizes or ROWS]


def activations(g, x):
    s, t, loss = x.sigmoid(), x.tanh(), g.sum()
    return [
        aten.gelu_backward(g, x), aten.gelu_backward(g, x, approximate="tanh"), aten.elu_backward(g, 1.0, 1.0, 1.0, False, x),
        aten.silu_backward(g, x), aten.mish_backward(g, x), aten.sigmoid_backward(g, s), aten.tanh_backward(g, t),
        aten.threshold_backward(g, x, 0), aten.hardswish_backward(g, x), aten.hardsigmoid_backward(g, x), aten.hardtanh_backward(g, x, -1, 1),
        aten.leaky_relu_backward(g, x, 0.1, False), aten.softplus_backward(g, x, 1.0, 20.0), aten.logit_backward(g, s, 1e-3),
        aten._softmax_backward_data(g, x.softmax(0), 0, torch.float32), aten._log_softmax_backward_data(g, x.log_softmax(0), 0, torch.float32),
        aten.glu_backward(g, torch.cat([x, x + 1], 0), 0), aten.native_dropout_backward(g, x > 0, 2.0),
        aten.mse_loss_backward(loss, x, s, 1), aten.smooth_l1_loss_backward(loss, x, s, 1, 1.0), aten.huber_loss_backward(loss, x, s, 1, 1.0),
        aten.binary_cross_entropy_backward(loss, s, t.abs(), None, 1), aten.soft_margin_loss_backward(loss, x, g.sign(), 1),
        aten._prelu_kernel_backward(g, x, torch.full((1, 1), 0.25)), aten.rrelu_with_noise_backward(g, x, x.abs(), 0.1, 0.3, False, False),
        aten.log_sigmoid_backward(g, x, (-x.abs()).exp()),
    ]  # fmt: skip


def norms(g, x):
    image, up = (v[:, :, None, None] * torch.tensor([[1.0, -2.0], [0.5, 3.0], [-1.0, 2.0]]) for v in (x, g))
    _, mean, rstd = aten.native_layer_norm(x, [4], None, None, 1e-5)
    _, means, rstds = aten.native_group_norm(image, None, None, image.shape[0], 4, 6, 2, 1e-5)
    _, save, invstd = aten.native_batch_norm(image, None, None, None, None, True, 0.1, 1e-5)
    w, all = torch.ones(4), [True] * 3
    return [
        *aten._weight_norm_interface_backward(g, x, torch.ones(1, 4), x.norm(dim=0, keepdim=True), 1),
        *aten.native_layer_norm_backward(g, x, [4], mean, rstd, w, w, all),
        *aten.native_group_norm_backward(up, image, means, rstds, w, image.shape[0], 4, 6, 2, all),
        *aten.native_batch_norm_backward(up, image, w, None, None, save, invstd, True, 1e-5, all),
    ]


def parts(g, x):
    index, n = (x[:, 0] > 0).long(), x.shape[0]
    return [
        aten.select_backward(g[0], x.shape, 0, -1), aten.slice_backward(g[1:], x.shape, 0, 1, n, 1), aten.slice_backward(g[::2], x.shape, 0, 0, n, 2),
        aten.embedding_dense_backward(g, index, 5, -1, False), aten.embedding_dense_backward(g, index, 5, 1, True),
        aten.value_selecting_reduction_backward(g[0], 0, x.max(0)[1], x.shape, False),
        aten.cummaxmin_backward(g, x, x.cummax(0)[1], 0), aten.gather_backward(g, x, 0, (x > 0).long(), False),
        aten.index_select_backward(g[:3], x.shape, 0, torch.tensor([0, 2, 0])), aten.masked_scatter_backward(g, x > 0, x.shape),
        aten.unfold_backward(g.unfold(0, 3, 1), x.shape, 0, 3, 1), aten.trace_backward(g[0, 0], [n, n]),
    ]  # fmt: skip


@pytest.mark.parametrize("fn", [activations, norms, parts], ids=lambda f: f.__name__)
def test_backward(fn):
    check_open(fn, two(), (0,), (0,))


def test_attention():
    def fn(q):
        y, rows = aten._scaled_dot_product_flash_attention_for_cpu(q, q, q, 0.0, True)
        return [y, *aten._scaled_dot_product_flash_attention_for_cpu_backward(y * y, q, q, q, y, rows, 0.0, True)]

    torch.manual_seed(0)
    calls = [(torch.randn(n, 2, length, 4),) for n, length in ((3, 5), (2, 9))]
    check_open(fn, calls, (0, 2))
    check_open(lambda q: aten._scaled_dot_product_attention_math(q, q, q, None, 0.0, True), calls, (0, 2))


def pools(x):
    y, at = aten.max_pool3d_with_indices(x, [2] * 3, [2] * 3)
    return [
        aten._adaptive_avg_pool2d_backward(F.adaptive_avg_pool2d(x[:, 0], (3, 1)), x[:, 0]),
        aten._adaptive_avg_pool3d_backward(F.adaptive_avg_pool3d(x, (3, 2, 1)), x),
        aten.avg_pool3d_backward(F.avg_pool3d(x, 2), x, [2] * 3, [2] * 3, [0] * 3, False, True, None),
        aten.max_pool3d_with_indices_backward(y * y, x, [2] * 3, [2] * 3, [0] * 3, [1] * 3, False, at),
        F.max_unpool3d(y, at, 2, output_size=[6, 6, 4]),
    ]


def test_pools_of_solids():
    check_open(pools, [(torch.randn(n, 4, 7, 6, 4),) for n in (3, 5)], (0,))


def test_nearest_exact():
    def fn(x):
        size = [2 * x.shape[2], 2 * x.shape[3]]
        y = aten._upsample_nearest_exact2d(x, size, 2.0, 2.0)
        return aten._upsample_nearest_exact2d_backward(y * y, size, x.shape, 2.0, 2.0)

    check_open(fn, [(torch.randn(n, 4, n, 6),) for n in (3, 5)], (0, 2))


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.GroupNorm(2, 8), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))

    def forward(self, x, y):
        return F.cross_entropy(self.head(self.stem(x)), y)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.layer, self.head = nn.Embedding(20, 8), nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), nn.Linear(8, 5)

    def forward(self, x, y):
        return F.cross_entropy(self.head(self.layer(self.embed(x)).mean(1)), y)


STEPS = {
    "images": (Images, lambda n: (torch.randn(n, 3, 12, 12), torch.randint(0, 5, (n,)))),
    "words": (Words, lambda n: (torch.randint(0, 20, (n, 7)), torch.randint(0, 5, (n,)))),
}


@pytest.mark.parametrize("name", STEPS)
def test_training_step(name):
    torch.manual_seed(0)
    make, batch = STEPS[name]
    model, n = make().train(), torch.export.Dim("n", min=2)
    ep = torch.export.export(model, batch(4), dynamic_shapes={"x": {0: n}, "y": {0: n}}, strict=False)
    program = exported_program_to_stablehlo(_export_forward_backward(ep))
    text = program.get_stablehlo_text()
    assert "?" in text
    for size in (4, 7, 2):
        args = batch(size)
        check_refines(text, args)
        program.reset_state()
        loss, gradients = program(*args)
        model.load_state_dict(ep.state_dict)
        model.zero_grad()
        want = model(*args)
        want.backward()
        torch.testing.assert_close(loss, want.detach(), rtol=1e-4, atol=1e-5)
        for key, p in model.named_parameters():
            torch.testing.assert_close(gradients[key], p.grad, rtol=1e-3, atol=1e-4)
