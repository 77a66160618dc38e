"""Gradient formulas, called by name as an exported training step has them, against eager PyTorch through XLA."""

import pytest
import torch
from oracle import check, convert

aten = torch.ops.aten


def numbers(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def test_native_dropout_trains_unless_told():
    x = numbers(3, 4)
    for p, train in (1.0, None), (0.0, None), (1.0, True), (1.0, False), (0.5, False):
        check(aten.native_dropout.default, x, p, train)
    for train in None, True:
        program, inputs = convert(aten.native_dropout.default, numbers(1000), 0.5, train)
        y, mask = program(*inputs)
        assert torch.equal(y != 0, mask) and 400 < mask.sum() < 600


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_activations(dtype):
    g = numbers(5, 7, dtype=dtype)
    x = numbers(5, 7, seed=1, dtype=dtype) * 2
    x[0, :3] = torch.tensor([0.0, 1.0, -1.0])
    y = x.tanh()
    check(lambda g, x: (aten.gelu_backward(g, x), aten.gelu_backward(g, x, approximate="tanh"),
        aten.silu_backward(g, x), aten.threshold_backward(g, x, 0), aten.threshold_backward(g, x, 1.0),
        aten.hardtanh_backward(g, x, -1, 1), aten.leaky_relu_backward(g, x, 0.1, False),
        aten.elu_backward(g, 1.5, 1.2, 0.7, False, x)), g, x)
    check(lambda g, y: (aten.sigmoid_backward(g, y), aten.tanh_backward(g, y),
        aten.elu_backward(g, 1.5, 1.2, 0.7, True, y), aten.native_dropout_backward(g, y > 0, 2.0)), g, y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_softmax(dtype):
    for shape, dim in ((3, 4, 5), 1), ((3, 4), -1), ((), 0), ((2, 0), 1):
        g, x = numbers(*shape, dtype=dtype), numbers(*shape, seed=1, dtype=dtype)
        check(lambda g, y: aten._softmax_backward_data(g, y, dim, dtype), g, x.softmax(dim))
        check(lambda g, y: aten._log_softmax_backward_data(g, y, dim, dtype), g, x.log_softmax(dim))


# Where the formulas bend, where they overflow, and what is no number.
EDGES = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 2.9999, -2.9999, 20.0, 20.5, -20.5,
         88.0, -88.0, 100.0, -100.0, 1e-30, -1e-30, 1e30, -1e30]
GRADIENTS = [1.0, -2.5, 0.0, float("inf"), -float("inf"), float("nan")]

ACTIVATIONS = {
    "gelu": aten.gelu_backward,
    "gelu_tanh": lambda g, x: aten.gelu_backward(g, x, approximate="tanh"),
    "silu": aten.silu_backward,
    "mish": aten.mish_backward,
    "threshold": lambda g, x: aten.threshold_backward(g, x, 0.5),
    "hardtanh": lambda g, x: aten.hardtanh_backward(g, x, -1, 3),
    "hardsigmoid": aten.hardsigmoid_backward,
    "hardswish": aten.hardswish_backward,
    "hardshrink": lambda g, x: aten.hardshrink_backward(g, x, 0.5),
    "softshrink": lambda g, x: aten.softshrink_backward(g, x, 0.5),
    "leaky_relu": lambda g, x: aten.leaky_relu_backward(g, x, 0.1, False),
    "elu": lambda g, x: aten.elu_backward(g, 1.5, 1.2, 0.7, False, x),
    "elu_result": lambda g, x: aten.elu_backward(g, 1.5, 1.2, 0.7, True, x),
    "softplus": lambda g, x: aten.softplus_backward(g, x, 1.0, 20.0),
    "softplus_beta": lambda g, x: aten.softplus_backward(g, x, 2.0, 1.0),
    "log_sigmoid": lambda g, x: aten.log_sigmoid_backward(g, x, aten.log_sigmoid_forward(x)[1]),
    "logit": lambda g, x: (aten.logit_backward(g, x, None), aten.logit_backward(g, x, 0.1), aten.logit_backward(g, x.abs() / 4, 0.1)),
    "sigmoid": aten.sigmoid_backward,
    "tanh": aten.tanh_backward,
    "prelu": lambda g, x: aten._prelu_kernel_backward(g, x, x.new_full((1, 1), 0.25)),
    "rrelu": lambda g, x: (aten.rrelu_with_noise_backward(g, x, x.new_full(x.shape, 0.3), 0.1, 0.3, True, False),
        aten.rrelu_with_noise_backward(g, x, x, 0.1, 0.3, False, False)),
    "glu": lambda g, x: aten.glu_backward(g[:3, :12], x[:3], 1),
    "dropout": lambda g, x: aten.native_dropout_backward(g, x > 0, 2.0),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_at_the_edges(name, dtype):
    x = torch.tensor(EDGES, dtype=torch.float64).to(dtype).expand(len(GRADIENTS), -1).contiguous()
    g = torch.tensor(GRADIENTS, dtype=torch.float64).to(dtype)[:, None].expand(x.shape).contiguous()
    g[g.isinf() & (x.abs() > 80) & (x.abs() < 1e3)] = 1.5                # times a subnormal number, which XLA's CPU takes for 0
    check(ACTIVATIONS[name], g, x)


def test_masked_softmax():
    g, x, mask = numbers(3, 4), numbers(3, 4, seed=1), numbers(3, 4, seed=2) > 0
    for dim in 0, 1, None:
        check(lambda g, y, mask: aten._masked_softmax_backward(g, y, mask, dim), g, aten._masked_softmax(x, mask, dim, 2), mask)
