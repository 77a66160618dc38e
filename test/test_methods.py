"""Several programs in one: methods that share weights and state."""

import json

import numpy as np
import pytest
import torch
from oracle import compare
from served import array, same
from serving import needs_tensorflow, tensorflow  # noqa: F401 (a fixture)
from test_cli import BAD_INPUT, USAGE, good, tool
from torch import nn
from torch_stablehlo import BadInputError, StableHLOGraphModule, exported_program_to_stablehlo, save_as_stablehlo


class Cache(nn.Module):
    """Two entry points over one cache: fill it with many rows, or add one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 3)
        self.register_buffer("rows", torch.zeros(8, 3))
        self.register_buffer("shift", torch.tensor([1.0, 2.0, 3.0]), persistent=False)

    def prefill(self, x):
        self.rows[: x.shape[0]] = self.linear(x) + torch.tensor([5.0, 6.0, 7.0])
        return self.rows.sum(0)

    def decode(self, x, at):
        self.rows.index_copy_(0, at, self.linear(x) + self.shift + torch.tensor([0.5, 0.25, 0.125]))
        return self.rows.sum(0), self.rows


class Entry(nn.Module):
    def __init__(self, cache, name):
        super().__init__()
        self.cache, self.name = cache, name

    def forward(self, *args):
        return getattr(self.cache, self.name)(*args)


CALLS = {"prefill": (torch.ones(4, 3),), "decode": (torch.full((1, 3), 2.0), torch.tensor([5]))}


def programs(cache=None):
    cache = cache or Cache()
    return {name: torch.export.export(Entry(cache, name), args) for name, args in CALLS.items()}


@torch.no_grad()
def check(program):
    eager = Cache()
    compare(program.evaluate("prefill", CALLS["prefill"]), eager.prefill(*CALLS["prefill"]))
    for at in (5, 1):
        args = (CALLS["decode"][0], torch.tensor([at]))
        compare(program.evaluate("decode", args), eager.decode(*args))
    np.testing.assert_allclose(program.state()["cache.rows"], eager.rows.numpy(), rtol=1e-6)


def test_methods_share_state():
    check(exported_program_to_stablehlo(programs()))


def test_a_directory_of_methods(tmp_path):
    save_as_stablehlo(programs(), tmp_path / "d")
    wanted = {f"{m}.{kind}" for m in CALLS for kind in ("meta", "mlir", "bytecode")}
    assert wanted <= {p.name for p in (tmp_path / "d/functions").iterdir()}
    assert {p.name for p in (tmp_path / "d/data").iterdir()} == {f"cache.{n}" for n in ("linear.weight", "linear.bias", "rows", "shift")}
    numbers = [
        where["position"]
        for m in CALLS
        for where in json.loads((tmp_path / f"d/functions/{m}.meta").read_text())["input_locations"]
        if where["type_"] == "constant"
    ]
    assert len(numbers) == len(set(numbers)) == len(list((tmp_path / "d/constants").iterdir())) == 2
    check(StableHLOGraphModule.load(tmp_path / "d"))


def test_command_line(tmp_path):
    for name, ep in programs().items():
        torch.export.save(ep, tmp_path / f"{name}.pt2")
    methods = [x for m in CALLS for x in ("--method", f"{m}={tmp_path / m}.pt2")]
    good("convert", *methods, "-o", tmp_path / "d")
    check(StableHLOGraphModule.load(tmp_path / "d"))
    good("convert", *methods, "-o", tmp_path / "s", "--format", "saved-model")
    assert "decode" in good("inspect", tmp_path / "s")
    for args in (["x.pt2", *methods], methods[:2] + ["--method", "other"], ["--method", "=x.pt2"], ["--method", "x="], ["--method", "x"]):
        code, _, err = tool("convert", *args, "-o", tmp_path / "n")
        assert code == USAGE, err
    assert tool("convert", *methods, "-o", tmp_path / "n.mlir")[0] == USAGE
    assert tool("convert", *methods[:2], *methods[:2], "-o", tmp_path / "n")[0] == BAD_INPUT
    assert tool("convert", "--method", f"a={tmp_path}/nowhere.pt2", "-o", tmp_path / "n")[0] != 0
    assert not (tmp_path / "n").exists()


def test_weights_that_differ_are_refused():
    other = Cache()
    with torch.no_grad():
        other.linear.weight.add_(1)
    mixed = {"prefill": programs()["prefill"], "decode": programs(other)["decode"]}
    with pytest.raises(BadInputError, match="weight 'cache.linear.weight' of method 'decode' is another one"):
        exported_program_to_stablehlo(mixed)
    equal = {"prefill": programs()["prefill"], "decode": programs(Cache())["decode"]}
    check(exported_program_to_stablehlo(equal))


@needs_tensorflow
def test_saved_model_of_methods(tensorflow, tmp_path):  # noqa: F811
    """A signature for each method, the first the default; the cache is one variable that both write."""
    from torch_stablehlo.tf_saved_model_integration import save_stablehlo_graph_as_tf

    save_stablehlo_graph_as_tf(exported_program_to_stablehlo(programs()), tmp_path / "s")
    number, eager = tensorflow.load(tmp_path / "s")["object"], Cache()
    with torch.no_grad():
        got = tensorflow.signature(number, "serving_default", {"args_0": array(CALLS["prefill"][0])})
        same(got["output_0"], array(eager.prefill(*CALLS["prefill"])))
        x, at = CALLS["decode"]
        got = tensorflow.signature(number, "decode", {"args_0": array(x), "args_1": array(at)})
        total, rows = eager.decode(x, at)
    same(got["output_0"], array(total))
    same(got["output_1"], array(rows))
