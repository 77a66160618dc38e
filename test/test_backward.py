"""Gradient formulas, called by name as an exported training step has them, and dropout, against eager PyTorch through XLA."""

import pytest
import torch
from oracle import check, convert

from torch_stablehlo import UnsupportedError

aten = torch.ops.aten


def numbers(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def test_native_dropout_trains_unless_told():
    x = numbers(3, 4)
    for p, train in (1.0, None), (0.0, None), (1.0, True), (1.0, False), (0.5, False):
        check(aten.native_dropout.default, x, p, train)
    for train in None, True:
        with pytest.raises(UnsupportedError, match="training mode"):
            convert(aten.native_dropout.default, x, 0.5, train)
