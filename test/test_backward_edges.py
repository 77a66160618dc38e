"""Gradients of activations and softmax at NaN, infinities, signed zeros and where their cases meet, against eager PyTorch through XLA."""

import pytest
import torch
from oracle import check

aten = torch.ops.aten
INF, NAN = float("inf"), float("nan")
X = [0.0, -0.0, 1.0, -1.0, 0.5, 3.0, -3.0, 30.0, -30.0, 1e4, -1e4, INF, -INF, NAN, 1e-7, 6.0]


def grid(dtype, values=X):
    g, x = torch.tensor([1.0, -2.0, 0.0, INF, -INF, NAN], dtype=dtype), torch.tensor(values, dtype=dtype)
    return g[:, None].expand(-1, len(x)).contiguous(), x[None].expand(len(g), -1).contiguous()


CASES = {
    "gelu": lambda g, x: aten.gelu_backward(g, x),
    "gelu_tanh": lambda g, x: aten.gelu_backward(g, x, approximate="tanh"),
    "silu": lambda g, x: aten.silu_backward(g, x),
    "threshold": lambda g, x: (aten.threshold_backward(g, x, 0), aten.threshold_backward(g, x, 1.0)),
    "hardtanh": lambda g, x: (aten.hardtanh_backward(g, x, -1, 1), aten.hardtanh_backward(g, x, 0.0, 6.0)),
    "leaky_relu": lambda g, x: (aten.leaky_relu_backward(g, x, 0.1, False), aten.leaky_relu_backward(g, x, -0.5, False)),
    "elu": lambda g, x: (aten.elu_backward(g, 1.5, 1.2, 0.7, False, x), aten.elu_backward(g, 1.0, 1.0, 1.0, True, x)),
    "sigmoid": lambda g, x: aten.sigmoid_backward(g, x),
    "tanh": lambda g, x: aten.tanh_backward(g, x),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", CASES)
def test_activations(name, dtype):
    # of NaN torch's vector loop and its remainder loop make different things: 0 and g of hardtanh, NaN and g of elu
    g, x = grid(dtype, [v for v in X if v == v] if name in ("hardtanh", "elu") else X)
    check(CASES[name], g, x)


@pytest.mark.parametrize("name", CASES)
def test_shapes(name):
    check(CASES[name], torch.tensor(2.0), torch.tensor(-0.5))
    check(CASES[name], torch.zeros(0, 3), torch.zeros(0, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_softmax(dtype):
    g, x = grid(dtype, [0.0, 1.0, -1.0, 30.0, -INF])
    full = torch.full((2, 3), -INF, dtype=dtype)
    check(lambda g, y: aten._softmax_backward_data(g, y, 1, dtype), g, x.softmax(1))
    check(lambda g, y: aten._log_softmax_backward_data(g, y, 1, dtype), g, x.log_softmax(1))
    check(lambda g, y: aten._softmax_backward_data(g, y, 1, dtype), torch.ones(2, 3, dtype=dtype), full.softmax(1))
