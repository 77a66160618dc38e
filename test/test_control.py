"""Control flow: values are eager's, from torch's own program and from its .pt2."""

import warnings

import pytest
import torch
from oracle import check_format, compare
from test_cli import UNSUPPORTED, good, tool
from torch import nn
from torch._higher_order_ops.associative_scan import associative_scan
from torch._higher_order_ops.map import map as torch_map
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
from torch_stablehlo import StableHLOGraphModule, UnsupportedError, exported_program_to_stablehlo


class Of(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f, self.linear = f, nn.Linear(4, 4)

    def forward(self, *args):
        return self.f(self, *args)


def export(f, *args):
    torch.manual_seed(0)
    model = Of(f).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model, torch.export.export(model, args)


def cond(m, x):
    return torch.cond(x.sum() > 0, lambda x: m.linear(x) + 1, lambda x: x.cos() * 2, (x,))


def cond_several(m, x, y):
    return torch.cond(x[0, 0] > 0, lambda x, y: (x + y, y.sum(0)), lambda x, y: (x - y, y.amax(0)), (x, y))


def cond_nested(m, x):
    def small(x):
        return torch.cond(x.sum() > 1, lambda x: x * 3, lambda x: x * 5, (x,))

    return torch.cond(x.sum() > 0, small, lambda x: -x, (x,))


def cond_captures(m, x):
    y = x.exp()
    return torch.cond(x.sum() > 0, lambda: y + 1, lambda: y.relu() - 1, ())


def cond_writes_its_own(m, x):
    def branch(x):
        y = x.clone()
        y[0] = 7
        return y.mul_(2)

    return torch.cond(x.sum() > 0, branch, lambda x: x.clone(), (x,))


def loop(m, x):
    return while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, m.linear(x).tanh()), (torch.tensor(0), x))


def loop_until(m, x):
    return while_loop(lambda x: x.sum() < 100, lambda x: (x * 2 + 1,), (x.abs(),))


def mapped(m, x):
    return torch_map(lambda row, y: (row * y).cumsum(0), x, x[0] + 2)


def scanned(m, x):
    return scan(lambda carry, row: (carry + row, (carry * row).tanh()), x[0] * 0, x)


def scanned_backwards(m, x):
    return scan(lambda carry, row: (carry * 0.5 + row, carry + 1), x[0] * 0, x, reverse=True)


def associative(m, x):
    return associative_scan(lambda a, b: a * 0.5 + b * 0 + b, x, 0, combine_mode="generic")


def running_sum(m, x):
    return associative_scan(lambda a, b: a + b, x, 0, combine_mode="generic")


def modes(m, x):
    y = x + 1
    with torch.no_grad():
        y.mul_(2)
    with torch.autocast("cpu", torch.bfloat16, enabled=False):
        y = m.linear(y)
    return y, x


X = [torch.randn(3, 4, generator=torch.Generator().manual_seed(i)) + s for i, s in ((1, 2), (2, -2), (3, 0.3))]
CASES = {
    "cond": (cond, [(x,) for x in X]),
    "cond of a vector": (cond, [(x[0],) for x in X]),
    "cond with several results": (cond_several, [(x, x + 1) for x in X]),
    "nested cond": (cond_nested, [(x / 10,) for x in X]),
    "cond with captures": (cond_captures, [(x,) for x in X]),
    "cond that writes what is its own": (cond_writes_its_own, [(x,) for x in X]),
    "while_loop": (loop, [(x,) for x in X]),
    "while_loop by a condition": (loop_until, [(x,) for x in X]),
    "map": (mapped, [(x,) for x in X]),
    "scan": (scanned, [(x,) for x in X]),
    "scan backwards": (scanned_backwards, [(x,) for x in X]),
    "associative_scan": (running_sum, [(x,) for x in X]),
    "no_grad and autocast": (modes, [(x,) for x in X]),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    f, calls = CASES[name]
    model, ep = export(f, *calls[0])
    program = exported_program_to_stablehlo(ep)
    check_format(program)
    for args in calls:
        with torch.no_grad():
            want = model(*(a.clone() for a in args))
        compare(program(*args), want, 1e-5, 1e-5)


@pytest.mark.parametrize("name", ["cond", "nested cond", "while_loop", "map", "scan", "no_grad and autocast"])
def test_values_of_a_file(name, tmp_path):
    f, calls = CASES[name]
    model, ep = export(f, *calls[0])
    torch.export.save(ep, tmp_path / "m.pt2")
    assert good("convert", tmp_path / "m.pt2", "-o", "-") == exported_program_to_stablehlo(ep).get_stablehlo_text()


def test_a_file_that_torch_has_to_take_apart(tmp_path, monkeypatch):
    """associative_scan stands in it under vmap. What the command line prints is Python that converts it."""
    monkeypatch.chdir(tmp_path)
    model, ep = export(running_sum, X[0])
    torch.export.save(ep, "m.pt2")
    code, _, err = tool("convert", "m.pt2", "-o", "d")
    assert code == UNSUPPORTED and "torch._functorch.predispatch._add_batch_dim  x" in err
    exec(err.partition("and converts: ")[2])
    compare(StableHLOGraphModule.load("stablehlo_dir")(X[1]), model(X[1]), 1e-5, 1e-5)


def test_wrappers_that_are_not_known_are_listed():
    from torch.nn.attention.flex_attention import flex_attention

    _, ep = export(lambda m, x: flex_attention(x, x, x), torch.randn(1, 2, 16, 8))
    with pytest.raises(UnsupportedError, match="higher_order.flex_attention  x1"):
        exported_program_to_stablehlo(ep)


def test_missing_ops_of_branches_are_listed():
    def f(m, x):
        return torch.cond(x.sum() > 0, lambda x: torch.nonzero(x).sum() + x, lambda x: x.sum() + x, (x,))

    try:
        _, ep = export(f, X[0])
    except Exception as e:  # torch itself may refuse such a branch
        pytest.skip(f"torch.export does not take it: {e}")
    with pytest.raises(UnsupportedError, match="nonzero.default  x1"):
        exported_program_to_stablehlo(ep)


def test_random_numbers_in_a_loop_are_refused():
    def f(m, x):
        return while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x + torch.rand(4)), (torch.tensor(0), x))

    _, ep = export(f, X[0])
    with pytest.raises(UnsupportedError, match="random numbers in the body of a loop"):
        exported_program_to_stablehlo(ep)
