"""Complex functions at infinities and NaN, against eager PyTorch through XLA."""

import math

import pytest
import torch
from oracle import check

INF, NAN = math.inf, math.nan
VALUES = [complex(re, im) for re in (0.0, 1.0, -2.5, INF, -INF, NAN) for im in (0.0, 2.0, -1.0, NAN)]


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_logaddexp(dtype):
    x = torch.tensor(VALUES, dtype=dtype)
    n = len(x)
    check(torch.logaddexp, x[:, None].expand(n, n).contiguous(), x[None].expand(n, n).contiguous())


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_logcumsumexp(dtype):
    x = torch.randn(6, 9, dtype=dtype, generator=torch.Generator().manual_seed(0))
    check(lambda a, b, c: (torch.logcumsumexp(a, 1), torch.logcumsumexp(a, 0), torch.logcumsumexp(b, 0), torch.logcumsumexp(c, 0)),
        x, x[:0], x[0, 0])
    x[0] = x[2, 3] = complex(-INF, 0)
    x[5, 5] = complex(NAN, 0)
    x[4, 2] = complex(INF, 1)
    check(lambda a: (torch.logcumsumexp(a, 1), torch.logcumsumexp(a, 0)), x)


def test_hyperbolic_of_large():
    x = torch.tensor([complex(500, 1), complex(-500, 2), complex(80, -3), complex(0.3, 0.2), complex(1e-5, 1e-5), 0j], dtype=torch.complex64)
    check(lambda a: (a.cosh(), a.sinh(), a.tanh()), x)


def test_poles_of_atan():
    x = torch.tensor([1j, -1j, complex(-0.0, 1), 1, -1, 0.5j, 2], dtype=torch.complex64)
    check(lambda a: (a.atan(), (a * 1j).atanh()), x[:3])
    check(torch.atan, x)


def test_power_of_zero():
    x = torch.tensor([0, 0, 0, 1, 2j], dtype=torch.complex64)
    check(torch.pow, x, torch.tensor([complex(1, 2), complex(0.5, -3), 2, 0, complex(0, 1)], dtype=torch.complex64))
