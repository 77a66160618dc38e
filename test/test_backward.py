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
