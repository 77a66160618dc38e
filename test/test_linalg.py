"""Linear algebra against eager PyTorch: what torch's own samples (test_ops.py) leave out.

Vectors of eigh and svd have no sign (phase), so that products are compared: a = u s vh, u^H u = 1.
"""

import os
import pathlib
import subprocess

import pytest
import torch
from oracle import check, compare
from torch_stablehlo import UnsupportedError, exported_program_to_stablehlo

BUILD = pathlib.Path(os.environ.get("TORCH_STABLEHLO_BUILD", pathlib.Path(__file__).parents[1] / "build"))
L = torch.linalg
INF, NAN = float("inf"), float("nan")
DTYPES = torch.float32, torch.float64, torch.complex64, torch.complex128


def random(*shape, dtype=torch.float32):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def positive(*shape, dtype=torch.float32):
    x = random(*shape, dtype=dtype)
    return x @ x.mH + torch.eye(shape[-1], dtype=dtype)


def by_svd(full):
    def f(a):
        u, s, vh = L.svd(a, full_matrices=full)
        k = s.shape[-1]
        return (u[..., :k] * s[..., None, :].to(u.dtype)) @ vh[..., :k, :], s, u.mH @ u, vh @ vh.mH

    return f


def by_eigh(a):
    w, v = L.eigh(a)
    return (v * w[..., None, :].to(v.dtype)) @ v.mH, w, v.mH @ v


# -- every type ------------------------------------------------------------------------------------------------------------


def factor_and_solve(a, b):
    """Of square a, in every way that torch has."""
    lu, pivots, info = L.lu_factor_ex(a)
    solved = [L.lu_solve(lu, pivots, b, adjoint=adjoint) for adjoint in (False, True)]
    solved += [L.lu_solve(lu, pivots, b.mH, left=False, adjoint=adjoint) for adjoint in (False, True)]
    triangular = [L.solve_triangular(a, b, upper=upper, unitriangular=True) for upper in (False, True)]
    triangular += [L.solve_triangular(a, b.mH, upper=upper, left=False, unitriangular=True) for upper in (False, True)]
    return (lu, pivots, info, solved, triangular, L.lu(a), L.det(a), L.slogdet(a), L.inv(a), L.solve(a, b), L.matrix_exp(a),
            L.matrix_power(a, -2), L.cond(a, 1))


def of_positive(a, b):
    l = L.cholesky(a)
    return l, L.cholesky(a, upper=True), L.cholesky_ex(a), torch.cholesky_solve(b, l), torch.cholesky_inverse(l)


def by_reflections(a, b):
    h, tau = torch.geqrf(a)
    moved = [torch.ormqr(h, tau, b, transpose=t) for t in (False, True)]
    moved += [torch.ormqr(h, tau, b.mH, left=False, transpose=t) for t in (False, True)]
    return h, tau, moved, L.householder_product(h, tau), L.qr(a), L.qr(a, "complete"), L.qr(a, "r")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_square(dtype):
    check(factor_and_solve, random(2, 5, 5, dtype=dtype), random(2, 5, 3, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_positive(dtype):
    check(of_positive, positive(2, 5, 5, dtype=dtype), random(2, 5, 3, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_reflections(dtype):
    check(by_reflections, random(2, 5, 3, dtype=dtype), random(2, 5, 4, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_wide(dtype):
    a = random(3, 5, dtype=dtype)
    check(lambda a: (L.lu(a), L.lu_factor(a), L.qr(a), torch.geqrf(a), L.pinv(a), L.matrix_norm(a, "nuc"), by_svd(True)(a)), a)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_hermitian(dtype):
    a = random(2, 5, 5, dtype=dtype)
    check(lambda a: (by_eigh(a + a.mH), L.eigvalsh(a, UPLO="U"), L.pinv(a, hermitian=True), L.matrix_rank(a, hermitian=True)), a)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("hermitian", [False, True])
def test_indefinite(dtype, hermitian):
    def f(a, b):
        a = a + (a.mH if hermitian else a.mT)
        ld, pivots, info = L.ldl_factor_ex(a, hermitian=hermitian)
        return ld, pivots, info, L.ldl_solve(ld, pivots, b, hermitian=hermitian)

    if hermitian == dtype.is_complex or not hermitian:
        check(f, random(3, 7, 7, dtype=dtype), random(3, 7, 2, dtype=dtype))


def test_indefinite_by_twos():
    a = torch.stack([torch.ones(4, 4) - torch.eye(4), torch.zeros(4, 4), torch.eye(4), torch.eye(4).flip(0)])
    check(L.ldl_factor_ex, a)
    for n in 0, 1, 2:
        check(lambda a, b: L.ldl_solve(*L.ldl_factor(a + a.mT), b), random(2, n, n), random(2, n, 2))


# -- shapes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 2, 2), (1, 1)], ids=str)
def test_small_squares(shape):
    a, b = random(*shape), random(*shape[:-1], 2)
    check(lambda a, b: (L.lu(a), L.det(a), L.slogdet(a), L.inv(a), L.solve(a, b), L.eigvalsh(a), L.matrix_exp(a), L.cond(a)), a, b)
    check(lambda a, b: (L.cholesky_ex(a @ a.mT), L.solve_triangular(a, b, upper=True), by_eigh(a + a.mT), L.matrix_rank(a)), a, b)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 3, 0), (0, 3, 2), (1, 4), (4, 1)], ids=str)
def test_small_rectangles(shape):
    a = random(*shape)
    check(lambda a: (L.lu(a), L.lu_factor_ex(a), L.qr(a, "complete"), by_svd(True)(a), L.svdvals(a), L.pinv(a), L.matrix_rank(a)), a)


SYSTEMS = {
    "vector": ((3, 3), (3,), {}),
    "vectors": ((2, 3, 3), (2, 3), {}),
    "one vector for all": ((2, 3, 3), (3,), {}),
    "broadcast": ((2, 1, 3, 3), (4, 3, 2), {}),
    "right": ((3, 3), (2, 3), {"left": False}),
}


@pytest.mark.parametrize("case", SYSTEMS)
def test_solve(case):
    a, b, kwargs = SYSTEMS[case]
    check(lambda a, b: (L.solve(a, b, **kwargs), L.solve_ex(a, b, **kwargs)), random(*a), random(*b))


def test_tensors():
    check(L.tensorinv, random(2, 3, 6))
    check(lambda a, b: L.tensorsolve(a, b, dims=(0, 2)), random(2, 6, 3), random(6))


# -- values ----------------------------------------------------------------------------------------------------------------


SINGULAR = torch.stack([torch.zeros(3, 3), torch.ones(3, 3), torch.eye(3), torch.diag(torch.tensor([-1.0, 2, 3]))])
TIES = torch.tensor([[[1.0, 2, 3], [-1, 4, 1], [1, 0, 2]], [[0, 0, 1], [0, -2, 1], [3, 2, 1]]])
INDEFINITE = torch.tensor([[[4.0, 2, 1], [2, -3, 1], [1, 1, 5]], [[-1, 0, 0], [0, 1, 0], [0, 0, 1]], [[2, 1, 0], [1, 2, 1], [0, 1, 2]]])
FLAT = torch.tensor([[[0.0, 1, 2], [0, 3, 4], [0, 5, 6]], [[-0.0, 1, 0], [2, 3, 0], [0, 0, -4]]])


def test_determinants():
    check(lambda a: (L.det(a), L.slogdet(a), torch.logdet(a)), SINGULAR)
    check(L.det, torch.full((3, 3), NAN))


def test_what_torch_keeps_of_a_factorization():
    """Its gradients read it: the factors of the transpose beside a determinant of real numbers, of a itself beside a solution."""
    for dtype in torch.float32, torch.complex64:
        a = random(3, 3, dtype=dtype)
        check(torch.ops.aten._linalg_det, a)
        check(torch.ops.aten._linalg_slogdet, a)
        check(torch.ops.aten._linalg_solve_ex, a, random(3, 2, dtype=dtype))


def test_pivots():
    check(lambda a: (L.lu_factor_ex(a), L.lu(a)), TIES)
    check(L.lu_factor_ex, SINGULAR)
    check(L.lu_factor, torch.tensor([[1 + 1j, 2, 3], [-2, 4, 1], [2j, 0, 2]]))
    check(lambda a: torch.lu_unpack(*L.lu_factor(a), unpack_data=False), TIES)
    check(lambda a: torch.lu_unpack(*L.lu_factor(a), unpack_pivots=False), TIES)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex128], ids=str)
def test_info_of_cholesky(dtype):
    check(lambda a: L.cholesky_ex(a).info, INDEFINITE.to(dtype))


def test_failed_cholesky_is_nan():
    ep = torch.export.export(Module(L.cholesky), (INDEFINITE,))
    got = exported_program_to_stablehlo(ep)(INDEFINITE)
    assert got[0].isnan().any() and got[1].isnan().any()
    compare(got[2], L.cholesky(INDEFINITE[2]))


def test_one_triangle_is_read():
    """And the other may hold anything."""
    a = positive(4, 4).tril() + torch.full((4, 4), NAN).triu(1)
    check(lambda a: (L.cholesky(a), L.eigvalsh(a), L.solve_triangular(a, a.nan_to_num(), upper=False)), a)


def test_reflections_of_flat_columns():
    check(lambda a: (torch.geqrf(a), L.qr(a)), FLAT)
    check(lambda a: (torch.geqrf(a), L.qr(a)), torch.diag(torch.tensor([1j, -2, 3 + 1j])))


def test_degenerate():
    """Values that are 0 or the same: vectors are any basis."""
    nilpotent, graded = torch.diag(torch.ones(4), 1), torch.diag(10.0 ** -torch.arange(5)) @ random(5, 5)
    a = torch.stack([torch.zeros(5, 5), torch.eye(5), torch.ones(5, 5), random(5, 2) @ random(2, 5), nilpotent, graded])
    check(lambda a: (by_svd(True)(a), by_eigh(a + a.mT), L.pinv(a, rtol=1e-5), L.matrix_rank(a, rtol=1e-5)), a)


def test_scales():
    for scale in 1e-30, 1e30:
        check(lambda a: (L.svdvals(a), L.eigvalsh(a)), scale * random(4, 4), atol=0)


def test_large():
    check(by_svd(False), random(48, 32))
    check(lambda a, b: (by_eigh(a + a.mT), L.solve(a, b)), random(40, 40, dtype=torch.float64), random(40, 2, dtype=torch.float64))


def test_exponential():
    check(L.matrix_exp, torch.stack([torch.zeros(3, 3), torch.eye(3), torch.full((3, 3), 20.0), torch.full((3, 3), 1e-4)]))
    check(L.matrix_exp, torch.diag(torch.tensor([1.0, -50, 3], dtype=torch.float64)))
    check(L.matrix_exp, torch.triu(torch.full((5, 5), 30.0), 1))


# -- ranks, norms, conditions ----------------------------------------------------------------------------------------------


def test_tolerances():
    a = random(2, 4, 4)
    check(lambda a, t: (L.matrix_rank(a, 1.0), L.matrix_rank(a, t), L.matrix_rank(a, atol=0.5), L.matrix_rank(a, atol=t, rtol=t / 20)), a,
          torch.tensor([0.1, 2.0]))
    check(lambda a, t: (L.pinv(a, 0.3), L.pinv(a, atol=0.5), L.pinv(a, rtol=t), torch.pinverse(a), torch.pinverse(a, 0.2)), a,
          torch.tensor([0.1, 0.5]))
    check(lambda a, t: L.matrix_rank(a, atol=t), random(3, 5), torch.tensor([0.1, 2, 9]))


ORDERS = 2, -2, 1, -1, INF, -INF, "fro", "nuc"


def test_norms():
    check(lambda a: [L.matrix_norm(a, p) for p in ORDERS], random(2, 4, 3))
    check(lambda a: [L.matrix_norm(a, p, dim=(0, -1), keepdim=True) for p in ORDERS], random(2, 4, 3))
    check(lambda a: [L.norm(a, p) for p in ORDERS], random(4, 3))
    check(lambda a: (torch.norm(a, "nuc"), torch.ops.aten.nuclear_norm(a)), random(4, 3))


def test_conditions():
    check(lambda a: [L.cond(a, p) for p in (None, *ORDERS)], random(2, 4, 4))
    check(lambda a: L.cond(a), random(2, 4, 3))
    check(lambda a: [L.cond(a, p) for p in (1, "fro", INF)], SINGULAR)


# -- other forms of a program ----------------------------------------------------------------------------------------------


class Module(torch.nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, *args):
        return self.fn(*args)


def checked(a, b):
    """Whose core forms are followed by checks of info, in order by tokens."""
    return L.inv(a), L.solve(a, b), L.cholesky(a @ a.mT), *L.lu_factor(a), L.matrix_power(a, -1)


def test_core_forms(tmp_path):
    args = random(2, 3, 3), random(2, 3, 2)
    ep = torch.export.export(Module(checked), args).run_decompositions()
    compare(exported_program_to_stablehlo(ep)(*args), checked(*args))
    torch.export.save(ep, tmp_path / "checked.pt2")
    done = subprocess.run([BUILD / "src/cli/torch-stablehlo", "convert", tmp_path / "checked.pt2", "-o", tmp_path / "checked.mlir"])
    assert done.returncode == 0
    assert (tmp_path / "checked.mlir").read_text() == exported_program_to_stablehlo(ep).get_stablehlo_text()


def test_core_forms_without_checks():
    fn = lambda a: (L.det(a), L.slogdet(a), torch.logdet(a), L.qr(a), torch.qr(a), by_eigh(a + a.mT), by_svd(True)(a), L.svdvals(a),
                    L.pinv(a), torch.pinverse(a), L.matrix_rank(a), L.cond(a), L.cond(a, 1), L.matrix_exp(a), L.eigvalsh(a), L.lu(a))
    a = random(2, 3, 3)
    ep = torch.export.export(Module(fn), (a,)).run_decompositions()
    compare(exported_program_to_stablehlo(ep)(a), fn(a))


@pytest.mark.parametrize("fn", [L.eigvals, lambda a: L.eig(a)[0]])
def test_refused(fn):
    ep = torch.export.export(Module(fn), (random(3, 3),))
    with pytest.raises(UnsupportedError, match="aten.linalg_eig"):
        exported_program_to_stablehlo(ep)


def test_size_does_not_matter():
    """Loops, not copies of a step."""
    small, large = (len(exported_program_to_stablehlo(torch.export.export(Module(by_svd(True)), (random(n, n),))).get_stablehlo_text())
                    for n in (8, 256))
    assert large < 1.1 * small
