"""Training steps: the joint graph of torch.export, and the loss and its gradients traced as autograd computes them. XLA's numbers
against eager autograd's."""

import copy
import warnings

import pytest
import torch
from oracle import check, check_format, compare
from torch import nn
from torch.export.experimental import _export_forward_backward
from torch.export.graph_signature import OutputKind
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

from torch_stablehlo import exported_program_to_stablehlo


class Cnn(nn.Module):
    """Convolutions with groups, strides and dilation, batch norm, every kind of pooling, dense layers."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 8, 3, groups=4, stride=2, padding=2, dilation=2)
        self.up, self.group_norm = nn.ConvTranspose2d(8, 4, 3, stride=2, output_padding=1), nn.GroupNorm(2, 4)
        self.dense = nn.Linear(16, 5)

    def forward(self, x, y):
        x = F.max_pool2d(F.relu(self.norm(self.first(x))), 3, 2, 1)
        x = F.avg_pool2d(F.hardswish(self.grouped(x)), 2, 1, 1, count_include_pad=False)
        x = F.interpolate(F.silu(self.group_norm(self.up(x))), scale_factor=1.5, mode="bilinear")
        x = F.adaptive_avg_pool2d(F.pad(x, (1, 2, 0, 1), mode="reflect"), (2, 2))
        return F.cross_entropy(self.dense(x.flatten(1)), y, label_smoothing=0.1)

    @staticmethod
    def inputs():
        return torch.randn(3, 3, 16, 14), torch.tensor([1, 4, 0])


class Transformer(nn.Module):
    """Embeddings, a causal block of attention and one with a gelu, tied to no dropout."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(11, 8, padding_idx=0), nn.Embedding(6, 8)
        self.norm, self.heads, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.dense = nn.Linear(8, 11)

    def forward(self, x, y):
        h = self.words(x) + self.places.weight
        q, k, v = (t.unflatten(-1, (2, 4)).transpose(1, 2) for t in self.heads(self.norm(h)).chunk(3, -1))
        h = h + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        return F.cross_entropy(self.dense(self.block(h)).flatten(0, 1), y.flatten(), ignore_index=0)

    @staticmethod
    def inputs():
        return torch.randint(0, 11, (2, 6)), torch.randint(0, 11, (2, 6))


class Recurrent(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer(4, 5, num_layers=2, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(10, 2)

    def forward(self, x, y):
        return F.mse_loss(self.dense(self.layer(x)[0]), y)

    @staticmethod
    def inputs():
        return torch.randn(2, 4, 4), torch.randn(2, 4, 2)


MODELS = {"cnn": Cnn, "transformer": Transformer, "lstm": lambda: Recurrent(nn.LSTM), "gru": lambda: Recurrent(nn.GRU)}


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(0)
    return MODELS[request.param]()


def gradients(model, inputs):
    """The loss and the gradient of each parameter, by name."""
    loss = model(*inputs)
    names, weights = zip(*model.named_parameters())
    return loss, dict(zip(names, torch.autograd.grad(loss, weights)))


def test_joint_graph(model):
    inputs = model.inputs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        joint = _export_forward_backward(torch.export.export(model, inputs))
    model = copy.deepcopy(model)                                       # the program goes on with the buffers of the other
    loss, grad = gradients(model, inputs)
    state = dict(model.named_buffers())
    want = []
    for s in joint.graph_signature.output_specs:                       # all of them as results of a call
        want.append(state[s.target] if s.kind == OutputKind.BUFFER_MUTATION else grad.get(s.target, loss))
        s.kind, s.target = OutputKind.USER_OUTPUT, None
    joint.module_call_graph[0].signature.out_spec = torch.utils._pytree.tree_structure([0] * len(want))
    program = exported_program_to_stablehlo(joint)
    check_format(program)
    compare(program(*inputs), want, rtol=1e-3, atol=1e-5)


def test_autograd_traced(model):
    """Backward operators as autograd calls them, none taken apart."""
    inputs = model.inputs()
    names, weights = zip(*model.named_parameters())
    state = {k: v.clone() for k, v in model.named_buffers()}

    def step(weights, inputs):
        weights = [w.detach().requires_grad_() for w in weights]
        values = dict(zip(names, weights)) | {k: v.clone() for k, v in state.items()}
        with torch.enable_grad():
            loss = torch.func.functional_call(model, values, inputs)
            return loss, torch.autograd.grad(loss, weights)

    weights = [w.detach().clone() for w in weights]
    with torch.backends.mkldnn.flags(enabled=False):                   # whose recurrent layers are operators of their own
        traced = make_fx(step, tracing_mode="real")(weights, inputs)
    check(lambda weights, inputs: traced(weights, inputs), weights, inputs, rtol=1e-3, atol=1e-5)
