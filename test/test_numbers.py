"""Numbers that a program reads from its tensors: item(), Python's arithmetic on it, assertions, branches, positions. Values are eager's, from
torch's own program, from its .pt2, and from the program taken apart by torch."""

import math
import warnings

import pytest
import torch
from oracle import check_format, compare
from test_cli import good
from test_signatures import Fn, plain, same
from torch._higher_order_ops.while_loop import while_loop
from torch_stablehlo import StableHLOGraphModule, UnsupportedError, exported_program_to_stablehlo

X = torch.arange(6.0).reshape(2, 3) + 0.5


def export(f, *args):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(Fn(f), args, strict=False)


def whole(x):
    return x.long().max().item()


def real(x):
    return x.mean().item()


def place(x, size):
    """An int that torch is told to be a position."""
    n = x[0, 1].long().item()
    torch._check(n >= 0)
    torch._check(n < size)
    return n


def add(x, y):
    return x + y


def parts(x):
    n = place(x, 2)
    return x[:, n : n + 1], x.narrow(1, n, 2)


def arange(x):
    n = whole(x)
    return torch.arange(n, n + 3)


def written(x):
    y, n = x.clone(), place(x, 2)
    y[:, n : n + 1] = 7
    y[n] = 5
    y[:, n : n + 1].mul_(x[:, :1])
    return y


def checked(x):
    n = whole(x)
    torch._check(n > -100)
    torch._check((x > -1e9).all().item())
    return x * n




def integers(x):
    n = whole(x)
    return x + (n + 1) * 2, x - n // 2, x * (n % 3), x * n**2, x * -n, x + (n << 1), x * (n / 4), x * (2 * n - n // -3)


def floats(x):
    v = real(x)
    return x * v, x + (v * 2 - 1) / 3, x - -v, x * (v // 0.75), x * (v % 0.75), x * math.trunc(v), x * torch.sym_int(v * 3)


CASES = {
    "bool": lambda x: (x + (x.sum() > 0).item(), x * (x.sum() < 0).item()),
    "int": lambda x: (x * whole(x), whole(x) - x, torch.full((2,), whole(x)), x.index_fill(0, torch.tensor([0]), whole(x))),
    "integers": integers,
    "floats": floats,
    "operands": lambda x: (x.clamp(max=real(x)), torch.where(x > real(x), x, real(x)), x.masked_fill(x > 1, real(x)), torch.full((2,), real(x))),
    "alpha": lambda x: (torch.add(x, x, alpha=real(x)), torch.sub(x, x, alpha=whole(x)), torch.lerp(x, x + 1, real(x))),
    "comparisons": lambda x: (x * (whole(x) > 3), x * torch.sym_not(real(x) > 3), x * (whole(x) == 5)),
    "extremes": lambda x: (x * torch.sym_max(whole(x), 4), x * torch.sym_min(whole(x), 4)),
    "tensors of them": lambda x: (torch.tensor(real(x)) + x, torch.tensor([whole(x), 2])),
    "tolist": lambda x: add(*x[0, :2].tolist()) * x,
    "assertions": checked,
    "arange": arange,
    "cond": lambda x: torch.cond((x.sum() > 0).item(), lambda x: x + 1, lambda x: x - 1, (x,)),
    "cond by an int": lambda x: torch.cond(whole(x) > 3, lambda x: x + 1, lambda x: x * whole(x), (x,)),
    "while by an int": lambda x: while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x + i), (0, x)),
}
PLACES = {
    "select": lambda x: (x[place(x, 2)], x[:, place(x, 3)], x[place(x, 2) - 1]),
    "slice": parts,
    "written": written,
}

NO_FILE = ("floats", "while by an int")          # torch.export.save takes no math.floor, and no int among what a loop carries


def calls(name):
    return [X * 0 + s for s in (0, 1, 1.25)] if name in PLACES else [X, X - 4, X * 0.3 + 3]


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("name", [*CASES, *PLACES])
def test_values(name, apart, tmp_path):
    f = {**CASES, **PLACES}[name]
    ep = export(f, X)
    ep = ep.run_decompositions() if apart else ep
    program = exported_program_to_stablehlo(ep)
    check_format(program)
    for x in calls(name):
        want = f(x)
        compare(program(x), want, 1e-5, 1e-5)
    if name not in NO_FILE:
        torch.export.save(ep, tmp_path / "m.pt2")
        assert good("convert", tmp_path / "m.pt2", "-o", "-") == program.get_stablehlo_text()


def test_results(tmp_path):
    """Python numbers come back as such, from a directory too. (torch.export.save takes no bool for a result.)"""

    def f(x):
        return {"int": whole(x), "float": real(x) * 2, "bool": (x.sum() > 0).item(), "compared": whole(x) == 5, "x": x}

    program = exported_program_to_stablehlo(export(f, X))
    program.save(tmp_path / "d")
    for p in (program, StableHLOGraphModule.load(tmp_path / "d")):
        for x in (X, X - 4):
            same(plain(p(x)), plain(f(x)))


@pytest.mark.parametrize("f, message", [
    (lambda x: torch.zeros(place(x, 2)), r"aten.zeros.default \(node zeros\b.*\): has the size u0, which depends on values.*mask or pad"),
    (lambda x: x[: place(x, 2)].sum(), r"aten.slice.Tensor \(node slice_1\b.*has the size"),
    (lambda x: x.nonzero(), r"aten.nonzero.default  x1 .*torch.nonzero_static\(x, size=n\)"),
    (lambda x: x[x > 0], "has the size u0.*a mask takes as many elements as it has; torch.where"),
    (lambda x: torch.masked_select(x, x > 0), "masked_select.default  x1 .*torch.where"),
    (lambda x: torch.unique(x), "unique.*how many different values there are depends on them"),
    (lambda x: torch.nn.functional.leaky_relu(x, real(x)), "argument 'negative_slope' is a number read from a tensor, which this op takes only as a fixed one"),
])
def test_refused(f, message):
    with pytest.raises(UnsupportedError, match=message):
        exported_program_to_stablehlo(export(f, X)).get_stablehlo_text()
