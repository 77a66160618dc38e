"""Operators without a rule: custom_call where they are allowed, torch's own decomposition where there is one, else a refusal that says what to
do. The library's names and call targets are those of torch_xla's test_stablehlo_custom_call.py."""

import re

import pytest
import torch
from test_cli import UNSUPPORTED, good, tool
from torch_stablehlo import (
    StableHLOExportOptions,
    StableHLOGraphModule,
    UnsupportedError,
    exported_program_to_stablehlo,
)

LIBRARY = torch.library.Library("tshlo_test", "DEF")
for schema in (
    "one(Tensor x) -> Tensor",
    "two(Tensor x, Tensor? y, Tensor[] more, *, int n=3, float scale=1.0, str mode='a', int[] sizes=[], bool flag=False) -> (Tensor, Tensor)",
    "write(Tensor(a!) x) -> ()",
    "plus_one(Tensor x) -> Tensor",
):
    LIBRARY.define(schema)


@torch.library.register_fake("tshlo_test::one")
def _one(x):
    return torch.empty_like(x)


@torch.library.register_fake("tshlo_test::two")
def _two(x, y, more, *, n=3, scale=1.0, mode="a", sizes=(), flag=False):
    return torch.empty_like(x), x.new_empty(x.shape[1:], dtype=torch.int8)


@torch.library.register_fake("tshlo_test::write")
def _write(x):
    return None


@torch.library.impl("tshlo_test::plus_one", "CompositeExplicitAutograd")
def _plus_one(x):
    return x + 1


@torch._decomp.register_decomposition([torch.ops.tshlo_test.plus_one.default])
def _plus_one_decomposed(x):
    return x + 1


class Model(torch.nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args):
        return self.f(*args)


def export(f, *args):
    return torch.export.export(Model(f), args)


def allowing(*names):
    return StableHLOExportOptions(custom_ops_allowed_in_graph=set(names))


def parsed(program):
    """MLIR parses and verifies the text, and reads the bytecode back."""
    from oracle import check_format

    check_format(program)
    return program.get_stablehlo_text()


# -- custom_call ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tshlo_test", "tshlo_test::one", "tshlo_test.one", "tshlo_test.one.default"])
def test_allowed_by_namespace_or_name(name):
    ep = export(lambda x: torch.ops.tshlo_test.one(torch.ops.tshlo_test.one(x.sin()).cos()), torch.randn(3, 4))
    text = parsed(exported_program_to_stablehlo(ep, allowing(name)))
    assert len(re.findall(r"stablehlo.custom_call @tshlo_test\.one\.default\(.*: \(tensor<3x4xf32>\) -> tensor<3x4xf32>", text)) == 2


@pytest.mark.parametrize("name", ["tshlo", "tshlo_test::on", "tshlo_test::two", "one", ""])
def test_not_allowed_by_another_name(name):
    with pytest.raises(UnsupportedError, match="tshlo_test.one.default"):
        exported_program_to_stablehlo(export(torch.ops.tshlo_test.one, torch.randn(2)), allowing(name))


def test_operands_attributes_and_results():
    def f(x, y):
        a, b = torch.ops.tshlo_test.two(x, None, [y, x], n=7, scale=2.5, mode='q"', sizes=[1, 2], flag=True)
        return a + 1, b

    text = parsed(exported_program_to_stablehlo(export(f, torch.randn(3, 4), torch.randn(5)), allowing("tshlo_test")))
    line = next(x for x in text.splitlines() if "custom_call" in x)
    assert "(%arg0, %arg1, %arg0)" in line and "(tensor<3x4xf32>, tensor<5xf32>, tensor<3x4xf32>) -> tuple<tensor<3x4xf32>, tensor<4xi8>>" in line
    assert "api_version = 4 : i32" in line
    assert 'backend_config = {flag = true, mode = "q\\22", n = 7 : i64, scale = 2.500000e+00 : f64, sizes = dense<[1, 2]> : tensor<2xi64>}' in line


def test_of_a_loaded_directory(tmp_path):
    ep = export(torch.ops.tshlo_test.one, torch.randn(3))
    exported_program_to_stablehlo(ep, allowing("tshlo_test")).save(tmp_path / "d")
    assert "@tshlo_test.one.default" in StableHLOGraphModule.load(tmp_path / "d").get_stablehlo_text()


def test_one_that_writes_its_argument_is_refused():
    def f(x):
        y = x + 1
        torch.ops.tshlo_test.write(y)
        return y

    with pytest.raises(UnsupportedError, match="writes its arguments"):
        exported_program_to_stablehlo(export(f, torch.randn(3)), allowing("tshlo_test"))


def test_command_line(tmp_path):
    torch.export.save(export(lambda x: torch.ops.tshlo_test.one(x) + 1, torch.randn(3)), tmp_path / "m.pt2")
    code, _, err = tool("convert", tmp_path / "m.pt2", "-o", "-")
    assert code == UNSUPPORTED and "tshlo_test.one.default  x1" in err and "--custom-op" in err
    assert "custom_call @tshlo_test.one.default" in good("convert", tmp_path / "m.pt2", "-o", "-", "--custom-op", "tshlo_test::one")


# -- custom objects ------------------------------------------------------------------------------------------------------


@pytest.fixture
def foo():
    """A class of C++ that torch tests itself with."""
    from torch.testing._internal import torchbind_impls

    try:
        torchbind_impls.init_torchbind_implementations()
    except (OSError, RuntimeError) as e:
        pytest.skip(f"this torch has no classes to test with: {e}")
    return torch.classes._TorchScriptTesting._Foo(10, 20)


@pytest.mark.parametrize("how", ["attribute", "input", "op"])
def test_custom_objects_are_refused_by_name(foo, how, tmp_path):
    from torch._higher_order_ops.torchbind import enable_torchbind_tracing

    class Holds(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.held = foo

        def forward(self, x):
            return self.held.add_tensor(x) if how == "attribute" else torch.ops._TorchScriptTesting.takes_foo(self.held, x)

    x = torch.ones(3)
    with enable_torchbind_tracing():
        if how == "input":
            ep = torch.export.export(Model(lambda o, x: o.add_tensor(x)), (foo, x), strict=False)
        else:
            ep = torch.export.export(Holds(), (x,), strict=False)
    torch.export.save(ep, tmp_path / "m.pt2")
    message = r"input '(obj_held|args_0)' is a __torch__.torch.classes._TorchScriptTesting._Foo, which StableHLO cannot express"
    with pytest.raises(UnsupportedError, match=message):
        exported_program_to_stablehlo(ep)
    code, _, err = tool("convert", tmp_path / "m.pt2", "-o", "-")
    assert code == UNSUPPORTED and re.search(message, err)
    assert re.search(message, good("inspect", tmp_path / "m.pt2"))


# -- decompositions ------------------------------------------------------------------------------------------------------


def test_what_torch_can_decompose_is_decomposed():
    x = torch.randn(3)
    ep = export(lambda x: torch.ops.tshlo_test.plus_one(x).relu(), x)
    torch.testing.assert_close(exported_program_to_stablehlo(ep)(x), (x + 1).relu())
    with pytest.raises(UnsupportedError, match="plus_one"):
        exported_program_to_stablehlo(ep, StableHLOExportOptions(decompose=False))


def test_what_torch_cannot_decompose_is_still_listed():
    ep = export(lambda x: torch.ops.tshlo_test.one(torch.ops.tshlo_test.plus_one(x)), torch.randn(3))
    with pytest.raises(UnsupportedError, match="tshlo_test.one.default") as e:
        exported_program_to_stablehlo(ep)
    assert "plus_one" not in str(e.value)


def test_the_command_line_says_how_to_decompose(tmp_path, monkeypatch):
    """What it prints is Python that does it."""
    monkeypatch.chdir(tmp_path)
    x = torch.tensor([1.0, 2.0])
    ep = export(lambda x: torch.ops.aten._test_serialization_subcmul(x, x), x)
    torch.export.save(ep, 'a "b".pt2')
    code, _, err = tool("convert", 'a "b".pt2', "-o", "out")
    assert code == UNSUPPORTED and "aten._test_serialization_subcmul.default  x1" in err
    exec(err.partition("and converts: ")[2])
    torch.testing.assert_close(StableHLOGraphModule.load("stablehlo_dir")(x), ep.module()(x))


def test_what_is_allowed_is_not_decomposed():
    """Another operator is, and torch could take this one apart as well."""
    ep = export(lambda x: torch.ops.aten._test_serialization_subcmul(torch.ops.tshlo_test.plus_one(x), x), torch.randn(3))
    assert "@tshlo_test.plus_one.default" in parsed(exported_program_to_stablehlo(ep, allowing("tshlo_test::plus_one")))
