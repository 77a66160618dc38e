"""Special functions against eager PyTorch, through XLA: where the fits meet, zeros, infinities, NaN, both signs, shapes."""

import pytest
import torch
from oracle import check

special = torch.special
BESSEL = ["i0", "i0e", "i1", "i1e", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1",
    "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "spherical_bessel_j0"]
EDGES = [0.0, -0.0, 1e-30, 1e-6, -1e-6, 0.49, 0.5, 1.0, -1.0, 2.0, 2.01, -2.5, 4.99, 5.0, 5.01, -5.5, 8.0, 8.01, -9.0, 20.0, 60.0, -60.0,
    float("inf"), float("-inf"), float("nan")]


@pytest.mark.parametrize("name", BESSEL)
def test_bessel(name):
    f = getattr(special, name)
    check(lambda a, b: (f(a), f(b)), torch.tensor(EDGES), torch.tensor(EDGES, dtype=torch.float64))
    check(lambda a, b, c: (f(a), f(b), f(c)), torch.tensor(1.5), torch.zeros(2, 0), torch.arange(-3, 9))


@pytest.mark.parametrize("name", ["i0", "i0e", "i1", "i1e"])
def test_narrow(name):
    f = getattr(special, name)
    x = torch.linspace(-9, 9, 40)
    check(lambda a, b: (f(a), f(b)), x.to(torch.bfloat16), x.to(torch.float16))


def test_i0_of_aten():
    check(torch.i0, torch.tensor(EDGES))
