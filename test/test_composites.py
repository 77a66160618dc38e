"""Composites: marked with torch_xla's builder or operator, by pattern, or by operator name. MLIR (jaxlib) parses, verifies and reads what is
written; values are eager PyTorch's; SavedModels are run by TensorFlow."""

import re

import handmade
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracle import check_format, compare
from serving import needs_tensorflow, tensorflow  # noqa: F401  (a fixture)
from test_cli import BAD_INPUT, UNSUPPORTED, USAGE, bad, good
from torch_stablehlo import (
    BadInputError,
    StableHLOError,
    StableHLOExportOptions,
    StableHLOGraphModule,
    UnsupportedError,
    exported_program_to_stablehlo,
    save_as_stablehlo,
)
from torch_stablehlo.experimental.mark_pattern_utils import StableHLOCompositeBuilder, mark_pattern
from torch_stablehlo.tf_saved_model_integration import save_stablehlo_graph_as_tf

mark = torch.ops.xla.mark_tensor


class Model(torch.nn.Module):
    def __init__(self, f, **weights):
        super().__init__()
        self.f = f
        for name, w in weights.items():
            self.register_buffer(name, w)

    def forward(self, *args):
        return self.f(self, *args) if self._buffers else self.f(*args)


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def converted(f, *args, dynamic_shapes=None, **options):
    """Of a function or module: MLIR takes text and bytecode, and the values are eager's."""
    m = f if isinstance(f, torch.nn.Module) else Model(f)
    with torch.no_grad():
        ep = torch.export.export(m, args, dynamic_shapes=dynamic_shapes)
        want = m(*args)
    program = exported_program_to_stablehlo(ep, StableHLOExportOptions(**options))
    check_format(program)
    compare(program(*args), want)
    return program


# -- what a module is made of, as jaxlib's MLIR sees it ------------------------------------------------------------------


class Composite:
    def __init__(self, op):
        self.name = op.attributes["name"].value
        self.impl = op.attributes["decomposition"].value
        attrs = op.attributes["composite_attributes"] if "composite_attributes" in op.attributes else ()
        self.attrs = {a.name: str(a.attr) for a in attrs}
        self.nin, self.nout = len(op.operands), len(op.results)


def functions(program):
    """{function: (ops but for return, composites)}, ops in regions among them."""
    import mlir
    from jaxlib.mlir import ir

    found = {}

    def walk(op, ops, composites):
        for region in op.regions:
            for block in region:
                for inner in block:
                    inner = inner.operation
                    if inner.name in ("func.return", "stablehlo.return"):
                        continue
                    ops.append(inner.name.partition(".")[2])
                    if inner.name == "stablehlo.composite":
                        composites.append(Composite(inner))
                    walk(inner, ops, composites)

    with mlir.context():
        for f in ir.Module.parse(program.get_stablehlo_text()).body:
            f = f.operation
            ops, composites = [], []
            walk(f, ops, composites)
            name = f.attributes["sym_name"].value
            assert name == "main" or f.attributes["sym_visibility"].value == "private"
            found[name] = (ops, composites)
    return found


def only(program):
    """The one composite of @main, and what it is made of."""
    found = functions(program)
    (c,) = found["main"][1]
    return c, found[c.impl][0]


# -- marks ---------------------------------------------------------------------------------------------------------------


def attention(q, k, v):
    b = StableHLOCompositeBuilder("my.sdpa", {"scale": 0.25, "heads": 2})
    q, k, v = b.mark_inputs(q, k, v)
    return b.mark_outputs(F.scaled_dot_product_attention(q, k, v, scale=0.25)) * 2


QKV = tuple(numbers(1, 2, 4, 8, seed=i) for i in range(3))


def test_a_builder():
    c, inside = only(program := converted(attention, *QKV))
    assert (c.name, c.impl, c.nin, c.nout) == ("my.sdpa", "my.sdpa.impl", 3, 1)
    assert c.attrs == {"scale": "2.500000e-01 : f32", "heads": "2 : i64"}
    assert inside.count("dot_general") == 2 and functions(program)["main"][0] == ["composite", "constant", "multiply"]


def test_a_builder_made_before():
    class M(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.b = StableHLOCompositeBuilder("my.relu")

        def forward(self, x):
            return self.b.mark_outputs(torch.relu(self.b.mark_inputs(x)))

    assert only(converted(M(), numbers(3)))[1] == ["constant", "maximum"]


def test_marks_by_hand():
    def f(x):
        x = x + 1
        x = mark(x, "my.two", 0, "0", True)
        x = x + 2
        return mark(x, "my.two", 0, "0", False) * 3

    program = converted(f, numbers(5))
    assert only(program)[1] == ["constant", "add"] and functions(program)["main"][0].count("add") == 1


def test_results_in_the_order_of_their_positions():
    def f(x, y):
        x, y = mark(x, "my.two", 1, "0", True), mark(y, "my.two", 0, "0", True)
        a, b = x - y, x * y
        return mark(a, "my.two", 1, "0", False), mark(b, "my.two", 0, "0", False)

    program = converted(f, numbers(5), numbers(5, seed=1))
    text = program.get_stablehlo_text()
    assert '%0:2 = stablehlo.composite "my.two" %arg1, %arg0' in text and "return %0#1, %0#0" in text


def test_each_kind_of_attribute():
    attr = {"s": 'say "hi"', "i": -3, "big": 2**62, "f": 2.5, "t": True, "ints": [1, 2, 3], "floats": [0.5, 1.5], "bools": [True, False],
            "same": [7, 7], "none": []}

    def f(x):
        b = StableHLOCompositeBuilder("my.op", attr)
        return b.mark_outputs(b.mark_inputs(x) + 1)

    c, _ = only(converted(f, numbers(2)))
    assert c.attrs == {
        "s": '"say \\22hi\\22"', "i": "-3 : i64", "big": f"{2**62} : i64", "f": "2.500000e+00 : f32", "t": "true", "none": "[]",
        "ints": "dense<[1, 2, 3]> : tensor<3xi64>", "floats": "dense<[5.000000e-01, 1.500000e+00]> : tensor<2xf32>",
        "bools": "dense<[true, false]> : tensor<2xi1>", "same": "dense<7> : tensor<2xi64>",
    }


@pytest.mark.parametrize("attr", [{"a": {}}, {"a": [1, 2.0]}, {"a": ["x"]}, {1: 2}, {"a": None}, [("a", 1)]])
def test_what_is_no_attribute(attr):
    with pytest.raises(ValueError, match="attribute"):
        StableHLOCompositeBuilder("my.op", attr).mark_outputs(numbers(2))


def test_only_tensors_are_marked():
    with pytest.raises(ValueError, match="my.op: 3 is a int, wanted a tensor"):
        StableHLOCompositeBuilder("my.op").mark_inputs(numbers(2), 3)


@pytest.mark.parametrize("name", ["plain", "", "1.x", "my.op!", "my..", ".my"])
def test_a_name_that_is_none(name):
    ep = torch.export.export(Model(lambda x: mark(mark(x, name, 0, "0", True) + 1, name, 0, "0", False)), (numbers(2),))
    with pytest.raises(BadInputError, match=re.escape(f'the composite is named "{name}", wanted "namespace.name"')):
        exported_program_to_stablehlo(ep)


def test_attributes_of_torch_xlas_form():
    """torch_xla's serialize_composite_attr gives a tuple of pairs."""
    ep = torch.export.export(Model(lambda x: mark(mark(x, "my.op", 0, "0", True) + 1, "my.op", 0, "0", False)), (numbers(2),))
    (node,) = [n for n in ep.graph.nodes if n.op == "call_function" and n.args[4:] == (False,)]
    node.kwargs = {"attr": (("scale", 0.5), ("n", [1, 2]))}
    assert only(exported_program_to_stablehlo(ep))[0].attrs == {"scale": "5.000000e-01 : f32", "n": "dense<[1, 2]> : tensor<2xi64>"}


# -- which part it is ----------------------------------------------------------------------------------------------------


def test_nested():
    def f(x):
        outer, inner = StableHLOCompositeBuilder("my.outer", {"o": 1}), StableHLOCompositeBuilder("my.inner", {"i": 2})
        x = inner.mark_inputs(outer.mark_inputs(x) + 1)
        x = inner.mark_outputs(x * 3)
        return outer.mark_outputs(torch.sin(x))

    found = functions(converted(f, numbers(4)))
    (outer,) = found["main"][1]
    (inner,) = found["my.outer.impl"][1]
    assert found["main"][0] == ["composite"] and (outer.name, outer.attrs) == ("my.outer", {"o": "1 : i64"})
    assert found["my.outer.impl"][0] == ["constant", "add", "composite", "sine"] and inner.name == "my.inner"
    assert found["my.inner.impl"][0] == ["constant", "multiply"]


def test_parts_that_end_in_each_other():
    """The outer one's result does not depend on the inner one's."""

    def f(x):
        x = mark(x, "my.outer", 0, "0", True) + 1
        x = mark(x, "my.inner", 0, "0", True) + 1
        y = x - 1
        return mark(x, "my.inner", 0, "0", False), mark(y, "my.outer", 0, "0", False)

    found = functions(converted(f, numbers(4)))
    assert sorted(c.name for c in found["main"][1]) == ["my.inner", "my.outer"]


def test_the_same_twice_is_one_function():
    def f(x):
        for _ in range(3):
            b = StableHLOCompositeBuilder("my.step")
            x = b.mark_outputs(torch.tanh(b.mark_inputs(x) * 2))
        return x

    found = functions(converted(f, numbers(4)))
    assert set(found) == {"main", "my.step.impl"} and [c.impl for c in found["main"][1]] == ["my.step.impl"] * 3


def test_two_of_a_name_that_differ():
    def f(x):
        for k in (2, 3, 2):
            b = StableHLOCompositeBuilder("my.step", {"k": k})
            x = b.mark_outputs(b.mark_inputs(x) * k)
        return x

    found = functions(converted(f, numbers(4)))["main"][1]
    assert [(c.impl, c.attrs["k"][0]) for c in found] == [("my.step.impl", "2"), ("my.step.impl_0", "3"), ("my.step.impl", "2")]


def test_unused_inputs_and_outputs_are_dropped():
    def f(x, y, z):
        b = StableHLOCompositeBuilder("my.op")
        x, y, z = b.mark_inputs(x, y, z)
        a, unused, c = b.mark_outputs(x + z, y * 2, x - z)
        return a, c

    c, inside = only(converted(f, *(numbers(3, seed=i) for i in range(3))))
    assert (c.nin, c.nout) == (2, 2) and inside == ["add", "subtract"]


def test_a_composite_that_nothing_uses_is_not_there():
    def f(x):
        b = StableHLOCompositeBuilder("my.op")
        b.mark_outputs(b.mark_inputs(x) * 2)
        return x + 1

    assert set(functions(converted(f, numbers(3)))) == {"main"}


def test_weights_and_other_values_become_operands():
    def f(self, x, y):
        b = StableHLOCompositeBuilder("my.linear")
        z = y * y
        x = b.mark_inputs(x)
        return b.mark_outputs(x @ self.w + z + 1)

    program = converted(Model(f, w=numbers(4, 3)), numbers(2, 4), numbers(2, 3))
    c, inside = only(program)
    assert c.nin == 3 and "constant" in inside and functions(program)["main"][0] == ["multiply", "composite"]


def test_without_marked_inputs():
    c, inside = only(converted(lambda x: StableHLOCompositeBuilder("my.op").mark_outputs(torch.sin(x) + 1), numbers(3)))
    assert c.nin == 1 and inside == ["sine", "constant", "add"]


def test_what_is_needed_outside_too():
    def f(x):
        b = StableHLOCompositeBuilder("my.op")
        y = torch.sin(b.mark_inputs(x))
        return b.mark_outputs(y * 2), y

    program = converted(f, numbers(3))
    assert only(program)[1] == ["sine", "constant", "multiply"] and sorted(functions(program)["main"][0]) == ["composite", "sine"]


def test_a_marked_value_used_without_its_mark():
    def f(x):
        b = StableHLOCompositeBuilder("my.op")
        y = torch.sin(b.mark_inputs(x))
        b.mark_outputs(y)
        return mark(mark(y, "my.two", 0, "0", True) + 1, "my.two", 0, "0", False), y

    assert [c.name for c in functions(converted(f, numbers(3)))["main"][1]] == ["my.two"]


def test_an_input_that_is_an_output():
    def f(x, y):
        b = StableHLOCompositeBuilder("my.op")
        x, y = b.mark_inputs(x, y)
        return b.mark_outputs(x, x + y)

    c, inside = only(converted(f, numbers(3), numbers(3, seed=1)))
    assert (c.nin, c.nout) == (2, 2) and inside == ["add"]


def test_views_and_writes():
    def f(x, n):
        b = StableHLOCompositeBuilder("my.update")
        x, n = b.mark_inputs(x.clone(), n)
        x[1:, 0].add_(n)
        return b.mark_outputs(x.t())

    assert only(converted(f, numbers(3, 2), numbers(2)))[0].nin == 2


def test_a_cache_that_is_written():
    class Cache(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("k", torch.zeros(1, 8, 2, 4))

        def forward(self, at, x):
            b = StableHLOCompositeBuilder("my.update")
            k, at, x = b.mark_inputs(self.k, at, x)
            return b.mark_outputs(k.index_copy_(1, at, x)).sum((2, 3))

    m, at, x = Cache(), torch.arange(2), numbers(1, 2, 2, 4)
    program = exported_program_to_stablehlo(torch.export.export(m, (at, x)))
    check_format(program)
    assert only(program)[0].nin == 3
    for i in range(2):
        compare(program(at + i, x), m(at + i, x))
    compare(torch.from_numpy(np.array(program.state()["k"])), m.k)


def test_in_branches():
    def branch(x):
        b = StableHLOCompositeBuilder("my.branch")
        return b.mark_outputs(torch.sin(b.mark_inputs(x)) * 3)

    def f(x):
        return torch.cond(x.sum() > 0, branch, lambda x: x - 1, (x,))

    for sign in (1, -1):
        found = functions(converted(f, sign * torch.ones(3)))
        assert [c.name for c in found["main"][1]] == ["my.branch"] and found["my.branch.impl"][0] == ["sine", "constant", "multiply"]


def test_random_numbers_are_drawn_once():
    """The generator's next state is what is needed outside: it is computed again, and gives the same."""

    def f(x):
        b = StableHLOCompositeBuilder("my.noise")
        x = b.mark_outputs(b.mark_inputs(x) + torch.rand(3))
        return x, torch.rand(3)

    ep = torch.export.export(Model(f), (torch.zeros(3),))
    program, plain = (exported_program_to_stablehlo(ep, StableHLOExportOptions(inline_composites=i)) for i in (False, True))
    check_format(program)
    assert only(program)[0].name == "my.noise"
    (a, b), (c, d) = program(torch.zeros(3)), plain(torch.zeros(3))
    assert torch.equal(a, c) and torch.equal(b, d) and not torch.equal(a, b)


def test_used_before_an_input_is_marked():
    def f(x, y):
        a = mark(mark(x, "my.op", 0, "0", True) + 1, "my.op", 0, "0", False)
        y = mark(y + a, "my.op", 1, "0", True)
        return a, mark(y * 2, "my.op", 1, "0", False)

    with pytest.raises(BadInputError, match='composite "my.op" .id "0".: a result of it is used before all of its inputs are marked'):
        exported_program_to_stablehlo(torch.export.export(Model(f), (numbers(2), numbers(2))))


# -- operators by name ---------------------------------------------------------------------------------------------------


class Layers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.norm = torch.nn.Linear(8, 8), torch.nn.LayerNorm(8)

    def forward(self, x):
        x = F.gelu(self.fc(x), approximate="tanh")
        values, places = torch.max(x, 1)
        x = torch.cat([x, x.relu_()], 1)
        return self.norm(x[:, :8]), values, places, F.gelu(x)


def test_operators():
    names = {"aten.gelu.default": "my.gelu", "aten.linear": "my.linear", "aten.max.dim": "my.max", "aten::relu_": "my.relu", "aten.cat.default": "my.cat",
             "aten.layer_norm.default": "my.norm"}
    program = converted(Layers().eval(), numbers(3, 8), composites=names)
    found = {}
    for c in functions(program)["main"][1]:
        found.setdefault(c.name, []).append(c)
    assert {n: [(c.nin, c.nout) for c in cs] for n, cs in found.items()} == {
        "my.linear": [(3, 1)], "my.gelu": [(1, 1), (1, 1)], "my.max": [(1, 2)], "my.relu": [(1, 1)], "my.cat": [(2, 1)], "my.norm": [(3, 1)]}
    assert [c.attrs for c in found["my.gelu"]] == [{"approximate": '"tanh"'}, {}]
    assert found["my.norm"][0].attrs["normalized_shape"] == "dense<8> : tensor<1xi64>"
    assert found["my.cat"][0].attrs == {"dim": "1 : i64"} and found["my.max"][0].attrs == {"dim": "1 : i64"}


def test_attention_as_an_operator():
    def f(q, k, v, mask):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.25) + F.scaled_dot_product_attention(q, k, v, is_causal=True)

    program = converted(f, *QKV, numbers(4, 4), composites={"aten.scaled_dot_product_attention.default": "my.sdpa"})
    first, second = functions(program)["main"][1]
    assert (first.nin, first.attrs) == (4, {"scale": "2.500000e-01 : f32"}) and first.impl != second.impl
    assert second.nin == 3 and second.attrs["is_causal"] == "true"


def test_tensors_that_may_be_none():
    def f(x, i):
        return x[:, i]

    c, _ = only(converted(f, numbers(3, 4), torch.tensor([1, 1, 0]), composites={"aten.index": "my.index"}))
    assert c.nin == 2 and c.attrs == {"indices": "dense<[false, true]> : tensor<2xi1>"}


def test_an_operator_in_a_marked_part():
    program = converted(attention, *QKV, composites={"aten.scaled_dot_product_attention": "other.sdpa"})
    found = functions(program)
    assert [c.name for c in found["main"][1]] == ["my.sdpa"] and [c.name for c in found["my.sdpa.impl"][1]] == ["other.sdpa"]


def test_operators_that_are_none():
    ep = torch.export.export(Model(torch.relu), (numbers(2),))
    for op, name, message in (
        ("aten.nothing.default", "my.op", "composite \"my.op\": 'aten.nothing.default' is no operator that is converted"),
        ("aten.relu.default", "relu", 'the composite of aten.relu.default is named "relu", wanted "namespace.name"'),
    ):
        with pytest.raises(BadInputError, match=re.escape(message)):
            exported_program_to_stablehlo(ep, StableHLOExportOptions(composites={op: name}))


def test_an_operator_that_is_not_in_the_program():
    assert functions(converted(torch.relu, numbers(2), composites={"aten.gelu": "my.gelu"}))["main"][1] == []


# -- patterns ------------------------------------------------------------------------------------------------------------


def scaled(x, w, b):
    return torch.relu(x @ w + b) * 0.5


def test_a_pattern():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.v, self.w = torch.nn.Parameter(numbers(4, 5)), torch.nn.Parameter(numbers(5, 3))

        def forward(self, x, b, c):
            return scaled(scaled(x, self.v, b), self.w, c), torch.relu(x) * 2.0

    m, args = Two(), (numbers(2, 4), numbers(5), numbers(3))
    ep = torch.export.export(m, args)
    found = mark_pattern("my.layer", ep, scaled, (numbers(1, 1), numbers(1, 1), numbers(1)), pattern_attrs={"by": 0.5})
    assert not any(n.target is mark.default for n in ep.graph.nodes)
    program = exported_program_to_stablehlo(found)
    check_format(program)
    compare(program(*args), m(*args))
    assert [(c.name, c.nin, c.attrs) for c in functions(program)["main"][1]] == [("my.layer", 3, {"by": "5.000000e-01 : f32"})] * 2
    with pytest.raises(ValueError, match="my.none: the program computes nothing like the pattern"):
        mark_pattern("my.none", ep, lambda x: torch.relu(x) * 0.75, (numbers(1),))


def test_a_pattern_of_a_decomposed_program_with_several_results():
    ep = torch.export.export(Model(lambda x, y: torch.cat(torch.max(x - y, 1), 0)), (numbers(3, 4), numbers(3, 4))).run_decompositions()
    ep = mark_pattern("my.max", ep, lambda x, y: tuple(torch.max(x - y, 1)), (numbers(2, 2), numbers(2, 2)))
    c, inside = only(exported_program_to_stablehlo(ep))
    assert (c.nin, c.nout) == (2, 2) and "subtract" in inside


# -- where it goes -------------------------------------------------------------------------------------------------------


def test_bytecode_versions():
    import mlir
    from jaxlib.mlir.dialects import stablehlo

    program = converted(attention, *QKV)
    with mlir.context() as context:
        for target in ("1.0.0", "1.9.0", "1.14.0", None):
            module = stablehlo.deserialize_portable_artifact(context, program.get_stablehlo_bytecode(target=target))
            assert str(module) == program.get_stablehlo_text()
    with pytest.raises(UnsupportedError, match="composite"):
        program.get_stablehlo_bytecode(target="0.9.0")
    program.inline_composites()
    assert program.get_stablehlo_bytecode(target="0.9.0")


def test_the_program_in_a_file(tmp_path):
    """torch.export.save, and the command line: the same module."""

    def f(x):
        outer, b = StableHLOCompositeBuilder("my.outer"), StableHLOCompositeBuilder("my.op", {"s": "é", "f": 0.1, "l": [1.5], "n": 3})
        return outer.mark_outputs(b.mark_outputs(F.gelu(b.mark_inputs(outer.mark_inputs(x))) + 1))

    ep = torch.export.export(Model(f), (numbers(3),))
    torch.export.save(ep, tmp_path / "x.pt2")
    composites = {"aten.gelu.default": "my.gelu"}
    want = exported_program_to_stablehlo(ep, StableHLOExportOptions(composites=composites)).get_stablehlo_text()
    assert good("convert", tmp_path / "x.pt2", "--composite", "aten.gelu.default=my.gelu", "-o-") == want
    plain = exported_program_to_stablehlo(ep, StableHLOExportOptions(inline_composites=True)).get_stablehlo_text()
    assert "composite" not in plain and "my." not in plain
    for options in (["--composite", "aten.gelu.default=my.gelu"], []):
        assert good("convert", tmp_path / "x.pt2", *options, "--inline-composites", "-o-") == plain


def test_the_command_line_refuses(tmp_path):
    torch.export.save(torch.export.export(Model(torch.relu), (numbers(3),)), tmp_path / "x.pt2")
    for given in ("aten.relu.default", "=my.relu", "aten.relu.default="):
        assert "wanted OP=NAME" in bad(USAGE, "convert", tmp_path / "x.pt2", "--composite", given, "-o-")
    assert "is no operator that is converted" in bad(BAD_INPUT, "convert", tmp_path / "x.pt2", "--composite", "aten.rel=my.relu", "-o-")
    good("convert", tmp_path / "x.pt2", "-o", tmp_path / "d")
    assert "--composite is for .pt2 files" in bad(UNSUPPORTED, "convert", tmp_path / "d", "--composite", "aten.relu=my.relu", "-o-")


def test_directories(tmp_path):
    ep = torch.export.export(Model(attention), QKV)
    program = exported_program_to_stablehlo(ep)
    save_as_stablehlo(ep, tmp_path / "d")
    text = program.get_stablehlo_text()
    assert (tmp_path / "d/functions/forward.mlir").read_text() == text
    (tmp_path / "d/functions/forward.mlir").unlink()
    loaded = StableHLOGraphModule.load(tmp_path / "d")
    assert loaded.get_stablehlo_text() == text
    compare(loaded(*QKV), attention(*QKV))
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again/functions/forward.bytecode").read_bytes() == (tmp_path / "d/functions/forward.bytecode").read_bytes()


def test_inlined_from_a_directory(tmp_path):
    ep = torch.export.export(Model(attention), QKV)
    save_as_stablehlo(ep, tmp_path / "d")
    save_as_stablehlo(ep, tmp_path / "want", StableHLOExportOptions(inline_composites=True))
    want = (tmp_path / "want/functions/forward.mlir").read_text()
    assert "composite" not in want
    assert good("convert", tmp_path / "d", "--inline-composites", "-o-") == want
    loaded = StableHLOGraphModule.load(tmp_path / "d")
    assert 'composite "my.sdpa"' in loaded.get_stablehlo_text()
    compare(loaded(*QKV), attention(*QKV))
    loaded.inline_composites()
    assert loaded.get_stablehlo_text() == want
    check_format(loaded)
    compare(loaded(*QKV), attention(*QKV))
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again/functions/forward.mlir").read_text() == want
    assert (tmp_path / "again/functions/forward.bytecode").read_bytes() == (tmp_path / "want/functions/forward.bytecode").read_bytes()


def test_a_foreign_module_is_inlined(tmp_path):
    """With a call that stays, a function that both call, attributes that are nobody's, and a composite in a region."""
    text = """
module {
  func.func @main(%arg0: tensor<2xf32>, %arg1: tensor<i1>) -> (tensor<2xf32> {my.result = 1 : i32}) {
    %0 = func.call @both(%arg0) : (tensor<2xf32>) -> tensor<2xf32>
    %1 = "stablehlo.if"(%arg1) ({
      %3 = stablehlo.composite "my.outer" %0 {decomposition = @outer} : (tensor<2xf32>) -> tensor<2xf32>
      stablehlo.return %3 : tensor<2xf32>
    }, {
      stablehlo.return %0 : tensor<2xf32>
    }) : (tensor<i1>) -> tensor<2xf32>
    %2 = stablehlo.add %1, %0 {my.note = "kept"} : tensor<2xf32>
    return %2 : tensor<2xf32>
  }
  func.func private @outer(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.composite "my.both" %arg0 {decomposition = @both} : (tensor<2xf32>) -> tensor<2xf32>
    %1 = stablehlo.multiply %0, %arg0 : tensor<2xf32>
    return %1 : tensor<2xf32>
  }
  func.func private @both(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.sine %arg0 : tensor<2xf32>
    return %0 : tensor<2xf32>
  }
}
"""
    f, out = handmade.signature([2]), handmade.signature([2])
    flag = handmade.signature([], "bool")
    handmade.write(tmp_path / "d", [handmade.function(text, [(handmade.user(0), f), (handmade.user(1), flag)], [out])])
    program = StableHLOGraphModule.load(tmp_path / "d")
    x, s = np.array([0.5, -2], np.float32), np.sin(np.array([0.5, -2], np.float32))

    def values():
        for given, want in ((True, np.sin(s) * s + s), (False, 2 * s)):
            (got,) = program(x, np.array(given))
            np.testing.assert_allclose(got, want, rtol=1e-6)

    values()
    program.inline_composites()
    program.strip_locations()  # the text's, which its bytecode has
    check_format(program)
    values()
    text, found = program.get_stablehlo_text(), functions(program)
    assert set(found) == {"main", "both"} and "composite" not in text
    assert found["main"][0] == ["call", "if", "sine", "multiply", "add"] and 'my.note = "kept"' in text and "my.result = 1" in text


def test_composites_in_themselves_are_refused(tmp_path):
    text = """
module {
  func.func @main(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.composite "my.op" %arg0 {decomposition = @again} : (tensor<2xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32>
  }
  func.func private @again(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.composite "my.op" %arg0 {decomposition = @again} : (tensor<2xf32>) -> tensor<2xf32>
    %1 = stablehlo.composite "my.op" %0 {decomposition = @again} : (tensor<2xf32>) -> tensor<2xf32>
    return %1 : tensor<2xf32>
  }
}
"""
    handmade.write(tmp_path / "d", [handmade.function(text, [(handmade.user(0), handmade.signature([2]))], [handmade.signature([2])])])
    program = StableHLOGraphModule.load(tmp_path / "d")
    with pytest.raises(StableHLOError, match="method 'forward'.*missing, or calls itself"):
        program.inline_composites()


@needs_tensorflow
def test_saved_models(tensorflow, tmp_path):  # noqa: F811
    """The composite is in the module, and TensorFlow computes the same."""
    program = converted(attention, *QKV)
    save_stablehlo_graph_as_tf(program, tmp_path / "m")
    assert b"my.sdpa" in (tmp_path / "m/saved_model.pb").read_bytes()
    loaded = tensorflow.load(tmp_path / "m")
    inputs = dict(zip(sorted(loaded["signatures"]["serving_default"]["inputs"]), (x.numpy() for x in QKV)))
    (got,) = tensorflow.signature(loaded["object"], "serving_default", inputs).values()
    compare(torch.from_numpy(got), attention(*QKV))


# -- sizes that are not known --------------------------------------------------------------------------------------------


def of_any_batch(x):
    b = StableHLOCompositeBuilder("my.norm", {"eps": 1e-5})
    x = b.mark_inputs(x * 2)
    return b.mark_outputs(torch.softmax(x, -1) + x.mean(1, keepdim=True)) * x.shape[0]


ANY = {"dynamic_shapes": {"args": ({0: torch.export.Dim("n", min=1, max=64)},)}}


def test_sizes_that_are_not_known():
    program = converted(of_any_batch, numbers(4, 5), **ANY)
    c, inside = only(program)
    assert c.name == "my.norm" and "tensor<?x5xf32>" in program.get_stablehlo_text() and "reduce" in inside
    for n in (1, 7):
        compare(program(numbers(n, 5)), of_any_batch(numbers(n, 5)))
    program.inline_composites()
    check_format(program)
    compare(program(numbers(3, 5)), of_any_batch(numbers(3, 5)))


def test_sizes_as_attributes_only_where_they_are_known():
    def f(x):
        return x.view(x.shape[0] // 2, 2, 3)

    shapes = {"args": ({0: 2 * torch.export.Dim("n", min=1, max=64)},)}
    program = converted(f, numbers(4, 3), dynamic_shapes=shapes, composites={"aten.view": "my.view"})
    assert only(program)[0].attrs == {}
    assert only(converted(f, numbers(4, 3), composites={"aten.view": "my.view"}))[0].attrs == {"size": "dense<[2, 2, 3]> : tensor<3xi64>"}


@needs_tensorflow
def test_saved_models_of_any_size(tensorflow, tmp_path):  # noqa: F811
    """What makes the module static there passes over composites: they are inlined."""
    program = converted(of_any_batch, numbers(4, 5), **ANY)
    save_stablehlo_graph_as_tf(program, tmp_path / "m")
    assert b"my.norm" not in (tmp_path / "m/saved_model.pb").read_bytes()
    loaded = tensorflow.load(tmp_path / "m")
    (name,) = loaded["signatures"]["serving_default"]["inputs"]
    for n in (2, 6):
        (got,) = tensorflow.signature(loaded["object"], "serving_default", {name: numbers(n, 5).numpy()}).values()
        compare(torch.from_numpy(got), of_any_batch(numbers(n, 5)))
    assert "composite" in program.get_stablehlo_text()
