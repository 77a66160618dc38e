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


def test_i1_and_airy_shapes():
    check(lambda a, b: (special.airy_ai(a), special.airy_ai(b)), torch.tensor(1.5), torch.arange(-3, 9))
    check(special.airy_ai, torch.zeros(0, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_airy(dtype):
    x = torch.tensor([0.0, -0.0, 0.5, 2.0, 2.09, 2.1, -2.09, -2.1, -1.0, 4.0, 8.32, 8.33, 9.0, 20.0, -5.0, -20.0, 103.8, 104.0, float("inf"),
        float("-inf"), float("nan")], dtype=dtype)
    check(special.airy_ai, x, rtol=None if dtype == torch.float64 else 3e-4, atol=None if dtype == torch.float64 else 1e-6)


# -- gamma functions -----------------------------------------------------------------------------------------------------------

INF, NAN = float("inf"), float("nan")


def grid(first, second, dtype):
    a, b = torch.tensor(first, dtype=dtype), torch.tensor(second, dtype=dtype)
    return a[:, None].expand(-1, len(b)).contiguous(), b[None].expand(len(a), -1).contiguous()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["gammainc", "gammaincc"])
def test_incomplete_gamma(name, dtype):
    points = [0.0, -0.0, -1.0, 1e-6, 0.1, 0.45, 0.5, 0.55, 0.9, 1.0, 1.05, 1.1, 1.2, 2.5, 9.9, 10.0, 15.0, 19.0, 21.0, 24.0, 30.0, 150.0,
        199.0, 201.0, 230.0, 300.0, 1e4, 1.02e4, 1e6, INF, -INF, NAN]
    a, x = grid(points, points, dtype)
    check(getattr(special, name), a, x, rtol=1e-3 if dtype == torch.float32 else 1e-8)


@pytest.mark.parametrize("f", [torch.igamma, torch.igammac])
def test_incomplete_gamma_shapes(f):
    check(lambda a, b, c: (f(a, b), f(a, c), f(c, a)), torch.rand(3, 1), torch.rand(4), torch.tensor(2.0))
    check(f, torch.rand(0, 3), torch.rand(3))
    check(f, torch.rand(5).to(torch.bfloat16), torch.rand(5).to(torch.bfloat16))
    check(f, torch.rand(5).to(torch.float16), torch.rand(5).to(torch.float16))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zeta(dtype):
    x, q = grid([0.5, 1.0, 1.0001, 1.5, 2.0, 3.0, 7.0, 10.5, 40.0, -1.0, INF, -INF, NAN],
        [0.0, -0.0, -1.0, -0.5, -3.25, 1e-3, 0.5, 1.0, 2.0, 8.5, 9.0, 30.0, 1e4, INF, -INF, NAN], dtype)
    check(special.zeta, x, q)


def test_zeta_overloads():
    x = torch.tensor([1.5, 2.0, 4.0])
    check(lambda a, b: (special.zeta(a, 2), special.zeta(3.5, a), special.zeta(2, b), special.zeta(b, 1.5)), x, torch.arange(2, 5))
    check(special.zeta, x[:, None], torch.ones(0))


def test_zeta_where_its_terms_vanish():
    x, q = torch.tensor([5e6, 5e6, 300.0]), torch.tensor([501.0, 1e4, 1e4])
    check(lambda a, b, c, d: (special.zeta(a, b), special.zeta(c, d)), x, q, x.double(), q.double())


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 12])
def test_polygamma(n):
    x = [0.0, -0.0, 1e-3, 0.4, 0.5, 0.6, 1.0, 2.0, 3.5, 9.0, 10.0, 30.0, -0.5, -1.25, -2.75, INF, NAN]
    check(lambda a, b: (torch.polygamma(n, a), special.polygamma(n, b)), torch.tensor(x), torch.tensor(x, dtype=torch.float64))
    check(lambda a, b, c: (torch.polygamma(n, a), torch.polygamma(n, b), torch.polygamma(n, c)), torch.arange(1, 5), torch.tensor(2.5),
        torch.ones(2, 0))


@pytest.mark.parametrize("p", [1, 2, 5])
def test_mvlgamma(p):
    x = torch.tensor([2.1, 2.5, 3.0, 10.0, 100.0, INF, NAN, 0.5, 1.0])
    check(lambda a, b: (torch.mvlgamma(a, p), special.multigammaln(b, p)), x, x.double())
    check(lambda a, b, c: (torch.mvlgamma(a, p), torch.mvlgamma(b, p), torch.mvlgamma(c, p)), torch.arange(4, 8), torch.tensor(7.5),
        torch.ones(0, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normal(dtype):
    y = torch.tensor([0.0, -0.0, 1.0, 1e-30, 1e-20, 1e-14, 1e-5, 0.1, 0.135, 0.136, 0.4, 0.5, 0.6, 0.86, 0.87, 0.999, -0.1, 1.1, INF, -INF, NAN],
        dtype=dtype)
    check(special.ndtri, y)
    x = torch.tensor([0.0, -0.0, 1.0, -1.0, -1.01, -0.99, 5.0, -5.0, -20.0, -100.0, 30.0, INF, -INF, NAN], dtype=dtype)
    check(lambda a: (special.log_ndtr(a), special.ndtr(a), special.erfcx(a[:-3]), special.erfcx(a.abs() * 1e30)), x)


# -- orthogonal polynomials ----------------------------------------------------------------------------------------------------

POLYNOMIALS = [f"{s}chebyshev_polynomial_{k}" for s in ("", "shifted_") for k in "tuvw"] + [
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"]


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name):
    f = getattr(special, name)
    x = [0.0, -0.0, 1.0, -1.0, 0.5, -0.7, 0.3, 0.999, 1.2, -1.5, 3.0, -4.0]
    n = [-2.0, -0.5, 0.0, 1.0, 1.9, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 12.0, 25.0]
    for dtype in (torch.float32, torch.float64):
        check(f, *grid(x, n, dtype))
    check(f, *grid(x, [-INF, NAN, INF, 1e30], torch.float32))
    check(f, *grid([INF, -INF, NAN], [-1.0, 0.0, 1.0], torch.float32))
    check(f, *grid([INF, -INF, 1e20], [2.0, 3.0], torch.float32))


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomial_overloads(name):
    f = getattr(special, name)
    x, n = torch.tensor([0.25, 2.0, -0.5, 1.0]), torch.tensor([0, 1, 3, 10])
    check(lambda a, b: (f(a, b), f(a, 3), f(a, 10), f(0.75, b), f(2, b), f(b, b), f(b, 2.0)), x, n)
    check(lambda a, b: (f(a, b), f(b, a[:, None])), x, torch.tensor(4.0))
    check(f, torch.ones(0, 2), torch.ones(2))


def test_hermite_of_a_high_degree():
    x = torch.tensor([0.5, 2.0])
    for f in (special.hermite_polynomial_h, special.hermite_polynomial_he):
        check(lambda a, b: (f(a, 128), f(a, 129), f(b, 129), f(b, 513)), x, x.double())


# -- frexp -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_frexp(dtype):
    i = torch.finfo(dtype)
    x = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, 0.75, 3.0, -1000.0, i.max, i.min, i.tiny, i.smallest_normal / 2, -i.smallest_normal / 4, INF,
        -INF, NAN], dtype=dtype)
    check(torch.frexp, x)
    check(lambda a, b: (torch.frexp(a), torch.frexp(b)), x[6], x[:0])
