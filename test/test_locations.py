"""MLIR locations: in text, in bytecode and stripped (test_locations_read.py: read back).

jaxlib says how they print and what the bytes are; torch, and the source of the models below, say what must be in them.
"""
import json
import linecache
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export import Dim, export

pytest.importorskip("jaxlib")
from jaxlib.mlir import ir  # noqa: E402
from jaxlib.mlir.dialects import stablehlo  # noqa: E402
from mlir import context as mlir_context, parsed, printed  # noqa: E402

from torch_stablehlo import BadInputError, StableHLOExportOptions, StableHLOGraphModule, exported_program_to_stablehlo  # noqa: E402
from torch_stablehlo.experimental.xla_mlir_debuginfo import write_mlir_debuginfo  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build"))
TOOL = BUILD / "src/cli/torch-stablehlo"
TUNE = BUILD / "src/tune/test/tune_tool"
HERE = str(Path(__file__).resolve())


# -- models: each op on a line of its own, which names it ------------------------------------------------------


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        y = self.fc(x)  # linear
        return y.tanh()  # tanh


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.Sequential(Block(), Block())
        self.norm = nn.LayerNorm(4)
        self.register_buffer("scale", torch.tensor([1.0, -2.0, 3.0, 0.5]))

    def tail(self, x):
        return x.softmax(-1)  # softmax

    def forward(self, x):
        x = self.blocks(x)
        x = self.norm(x)  # layer_norm
        x = x * self.scale  # mul
        y = x.clone()  # clone
        y[:, 0] = 1  # slice select fill copy lift_fresh_copy
        values, order = x.sort(-1)  # sort
        top = x.argmax(-1)  # argmax
        return self.tail(y), values, order, top, x.cumsum(-1)  # cumsum; and softmax, to whom sees only calls of modules


class Control(nn.Module):
    def forward(self, x):
        def more(v):
            return v.sin() + 1  # sin add

        def less(v):
            return v.cos() - 1  # cos sub

        return torch.cond(x.sum() > 0, more, less, (x,))  # sum gt cond


class Loop(nn.Module):
    def forward(self, n, x):
        def cond(n, x):
            return n > 0  # gt

        def body(n, x):
            return n - 1, x * 2  # sub mul

        return torch._higher_order_ops.while_loop(cond, body, (n, x))  # while_loop


class Marked(nn.Module):
    def forward(self, x, y):
        x = torch.ops.xla.write_mlir_debuginfo(x, "MY_INPUT")
        x = torch.add(x, y, alpha=3)
        x = torch.ops.xla.write_mlir_debuginfo(x, "FIRST")
        x = torch.ops.xla.write_mlir_debuginfo(x, "MY_ADD")
        return torch.ops.xla.write_mlir_debuginfo(x - y, 'MY "SUB"')


MODELS = {
    "net": (Net, (torch.rand(3, 4),)),
    "control": (Control, (torch.rand(3),)),
    "loop": (Loop, (torch.tensor(3), torch.rand(2))),
    "conv": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)).eval(), (torch.rand(1, 2, 8, 8),)),
    "marked": (Marked, (torch.rand(3), torch.rand(3))),
}
LEVELS = ["nodes", "full", "metadata"]


def options(level):
    return StableHLOExportOptions(export_node_metadata=level)


@pytest.fixture(scope="module")
def exported():
    return {name: export(make(), args) for name, (make, args) in MODELS.items()}


@pytest.fixture(scope="module")
def context():
    return mlir_context()


def artifact(context, data):
    return stablehlo.deserialize_portable_artifact(context, data)


def ops(module):
    """All ops inside the functions, those in regions too."""
    found = []

    def visit(op):
        found.append(op)
        return ir.WalkResult.ADVANCE

    for f in module.body.operations:
        f.operation.walk(visit)
    return [op for op in found if op.name not in ("func.func", "func.return", "stablehlo.return")]


def strings(location):
    """Every string of a location, outermost first."""
    return [re.sub(r"\\([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), s.replace("\\\\", "\\5C")) for s in re.findall(r'"([^"]*)"', str(location))]


def line_of(location):
    """(file, line) of the innermost place."""
    m = re.search(r'"([^"]*)":(\d+):0', str(location))
    return m and (m[1], int(m[2]))


# -- text and bytecode are MLIR's ------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", [n for n in MODELS if n != "marked"])
def test_text_is_what_mlir_prints(exported, context, name, level):
    text = exported_program_to_stablehlo(exported[name], options(level)).get_stablehlo_text()
    assert printed(parsed(context, text)) == text
    assert "#loc = loc(unknown)\n" in text and (HERE in text) == (name != "conv")  # all of its lines are torch's own


@pytest.mark.parametrize("target", [None, "1.0.0", "1.9.0", stablehlo.get_current_version()])
@pytest.mark.parametrize("name", MODELS)
def test_bytecode_is_what_mlir_writes(exported, context, name, target):
    program = exported_program_to_stablehlo(exported[name], options("full"))
    text, data = program.get_stablehlo_text(), program.get_stablehlo_bytecode(target=target)
    module = artifact(context, data)
    if name == "conv":  # has defaults that an artifact leaves out
        assert re.findall(r"loc\(.*", printed(module)) == re.findall(r"loc\(.*", text)
    else:
        assert printed(module) == text
    assert stablehlo.serialize_portable_artifact(module, target or program._bundle.stablehlo_funcs[0].meta.stablehlo_version) == data


def test_same_input_same_bytes(exported):
    def convert():
        p = exported_program_to_stablehlo(exported["net"], options(True))
        return p.get_stablehlo_text(), p.get_stablehlo_bytecode()

    assert convert() == convert()


# -- nothing, unless it is asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in MODELS if n != "marked"])
def test_off_means_none(exported, context, name):
    program = exported_program_to_stablehlo(exported[name])
    text, data = program.get_stablehlo_text(), program.get_stablehlo_bytecode()
    assert "loc(" not in text and b".py" not in data and b"forward" not in data
    for level in LEVELS:  # and to take them out is the same as never to have had them
        other = exported_program_to_stablehlo(exported[name], options(level))
        assert other.get_stablehlo_text() != text and len(other.get_stablehlo_bytecode()) > len(data)
        assert other.strip_locations() is other
        assert other.get_stablehlo_text() == text and other.get_stablehlo_bytecode() == data


def test_what_is_no_level_is_refused(exported):
    for wrong in ("all", 1, None):
        with pytest.raises(BadInputError, match="export_node_metadata is"):
            exported_program_to_stablehlo(exported["net"], options(wrong))


# -- what is in them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("level", LEVELS)
def test_ops_name_module_node_and_line(context, strict, level):
    ep = export(Net(), (torch.rand(3, 4),), strict=strict)
    nodes = {n.name: n for n in ep.graph.nodes if n.op == "call_function"}
    module = parsed(context, exported_program_to_stablehlo(ep, options(level)).get_stablehlo_text())
    seen = set()
    for op in ops(module):
        name = strings(op.location)[1 if level == "metadata" else 0]
        path, _, node = name.rpartition("/")
        n = nodes[node]
        assert path == list(n.meta["nn_module_stack"].values())[-1][0]
        seen.add(node)
        file, line = line_of(op.location)
        if level == "full":
            continue
        # the line is the user's own, whatever of torch is between it and the op; and the source says there what it does
        assert file == HERE
        source = linecache.getline(file, line)
        assert re.sub(r"_+\d*$", "", node) in source or path in ("norm",), (node, source)
    assert {"linear", "linear_1", "layer_norm", "mul", "sort", "argmax", "softmax", "cumsum"} <= seen


def test_functions_of_lines(context):
    ep = export(Net(), (torch.rand(3, 4),), strict=True)
    module = parsed(context, exported_program_to_stablehlo(ep, options("nodes")).get_stablehlo_text())
    functions = {s[0].split("/")[-1]: s[1] for s in (strings(op.location) for op in ops(module))}
    assert functions["softmax"] == "tail" and functions["cumsum"] == "forward"


def frames(trace):
    return [(m[1], int(m[2]), m[3]) for m in re.finditer(r'File "([^"]*)", line (\d+), in (.*)', trace)]


def chain(location):
    """(file, line, function) of each place, the innermost first."""
    found = re.findall(r'"([^"]*)"\("([^"]*)":(\d+):0\)', str(location))
    return [(file, int(line), function) for function, file, line in found]


@pytest.mark.parametrize("strict", [False, True])
def test_full_is_the_whole_stack(context, strict):
    ep = export(Net(), (torch.rand(3, 4),), strict=strict)
    traces = {n.name: n.meta["stack_trace"] for n in ep.graph.nodes if n.op == "call_function"}
    module = parsed(context, exported_program_to_stablehlo(ep, options("full")).get_stablehlo_text())
    lengths = set()
    for op in ops(module):
        node = strings(op.location)[0].split("/")[-1]
        want = frames(traces[node])[::-1]
        assert chain(op.location) == want
        lengths.add(len(want))
    assert max(lengths) > 2


def test_metadata_is_torchs(context):
    from torch._export.serde.serialize import GraphModuleSerializer

    for strict in (False, True):
        ep = export(Net(), (torch.rand(3, 4),), strict=strict)
        with torch.fx.traceback.preserve_node_meta():
            next(n for n in ep.graph.nodes if n.name == "mul").meta["custom"] = {"who": "ünser 'x'\n", "n": 1}
        serializer = GraphModuleSerializer(ep.graph_signature, ep.module_call_graph)
        want = {n.name: serializer.serialize_metadata(n) for n in ep.graph.nodes if n.op == "call_function"}
        program = exported_program_to_stablehlo(ep, options(True))
        module = artifact(context, program.get_stablehlo_bytecode())
        texts = {}
        for op in ops(module):
            location = op.location
            name = str(location.child_loc)
            node = strings(name)[0].split("/")[-1]
            want[node].pop("from_node", None)
            texts[node] = location.name_str
            assert location.name_str == json.dumps(want[node])
        assert "ünser" in json.loads(json.loads(texts["mul"])["custom"])["who"]
        assert "stack_trace" in program.get_stablehlo_text() and "nn_module_stack" in program.get_stablehlo_text()
        assert ("source_fn_stack" in program.get_stablehlo_text()) == strict  # torch's other tracer has none


def test_arguments_have_names(exported, context):
    def names(**more):
        options = StableHLOExportOptions(export_node_metadata="nodes", **more)
        module = parsed(context, exported_program_to_stablehlo(exported["net"], options).get_stablehlo_text())
        return [strings(a.location)[0] for a in module.body.operations[0].regions[0].blocks[0].arguments]

    plain = names()
    assert {"blocks.0.fc.weight", "norm.bias", "scale"} <= set(plain) and plain[-1] == "x"
    assert names(seed_input=True) == [*plain, "seed"]


def test_branches_and_bodies(exported, context):
    for name, inside in (("control", ["sin", "cos"]), ("loop", ["mul", "sub"])):
        module = parsed(context, exported_program_to_stablehlo(exported[name], options("nodes")).get_stablehlo_text())
        lines = {strings(op.location)[0].split("/")[-1]: linecache.getline(*line_of(op.location)) for op in ops(module)}
        outer = "cond" if name == "control" else "while_loop"
        assert outer in lines[outer]
        for node in inside:  # torch says of them where the whole is called
            assert outer in lines[node]


def dynamic():
    torch.manual_seed(0)
    model = nn.Sequential(Block(), nn.Softmax(-1))
    return model, export(model, (torch.rand(3, 4),), dynamic_shapes=({0: Dim("n", min=2)},))


def test_dynamic_programs(context):
    model, ep = dynamic()
    program = exported_program_to_stablehlo(ep, options("nodes"))
    text = program.get_stablehlo_text()
    assert printed(parsed(context, text)) == text and "tensor<?x4xf32>" in text and '"0/tanh"' in text
    x = torch.rand(5, 4)
    torch.testing.assert_close(program(x), model(x))


def test_results_are_the_same(exported):
    for name, level in (("net", "full"), ("control", True), ("loop", "nodes"), ("conv", "full"), ("marked", False)):
        make, args = MODELS[name]
        got, want = exported_program_to_stablehlo(exported[name], options(level))(*args), make()(*args) if name != "conv" else None
        want = exported[name].module()(*args) if want is None else want
        torch.testing.assert_close(got, want)


def test_xla_names_ops_by_them(exported):
    from jaxlib import _jax

    text = exported_program_to_stablehlo(exported["net"], options("full")).get_stablehlo_text()
    hlo = _jax.mlir.mlir_module_to_xla_computation(text, use_tuple_args=False, return_tuple=False).get_hlo_module().to_string()
    assert 'op_name="blocks.0.fc/linear"' in hlo and 'op_name="scale"' in hlo
    assert f'"{HERE}"' in hlo and '"tail"' not in hlo and '"forward"' in hlo


# -- names of the user's own -----------------------------------------------------------------------------------


def test_marks(exported, context):
    program = exported_program_to_stablehlo(exported["marked"])
    text = program.get_stablehlo_text()
    assert printed(parsed(context, text), in_place=True) == text
    assert re.search(r'stablehlo.add.+"MY_ADD"', text) and re.search(r'stablehlo.multiply.+"MY_ADD"', text)
    assert re.search(r'stablehlo.subtract.+"MY \\22SUB\\22"', text) and 'tensor<3xf32> loc("MY_INPUT")' in text
    assert "FIRST" not in text  # what is said last of a value counts
    module = artifact(context, program.get_stablehlo_bytecode())
    assert [op.location.name_str for op in ops(module) if op.name == "stablehlo.add"] == ["MY_ADD"]
    x, y = MODELS["marked"][1]
    torch.testing.assert_close(Marked()(x, y), x + 3 * y - y)
    assert torch.equal(write_mlir_debuginfo(x, "x"), x)


def test_marks_around_nodes(exported, context):
    text = exported_program_to_stablehlo(exported["marked"], options("nodes")).get_stablehlo_text()
    module = parsed(context, text)
    assert printed(module) == text
    assert [strings(op.location)[:2] for op in ops(module) if op.name == "stablehlo.add"] == [["MY_ADD", "add"]]
    stripped = exported_program_to_stablehlo(exported["marked"]).strip_locations()
    assert "loc(" not in stripped.get_stablehlo_text() and b"MY_ADD" not in stripped.get_stablehlo_bytecode()


def test_as_torch_xla():
    code = """
        import torch, torch_stablehlo
        torch_stablehlo.install_as_torch_xla()
        import torch_xla.experimental.xla_mlir_debuginfo
        from torch_xla.experimental.xla_mlir_debuginfo import write_mlir_debuginfo
        import torch_stablehlo.experimental.xla_mlir_debuginfo as ours
        from torch_xla.stablehlo import exported_program_to_stablehlo
        class M(torch.nn.Module):
            def forward(self, x):
                return write_mlir_debuginfo(x.sin(), "A") + ours.write_mlir_debuginfo(x.cos(), "B")
        text = exported_program_to_stablehlo(torch.export.export(M(), (torch.rand(2),))).get_stablehlo_text()
        assert text.count('loc("A")') == text.count('loc("B")') == 1
        try:
            import torch_xla.experimental.no_such_module
        except ModuleNotFoundError as e:
            print(e.name)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "torch_xla.experimental.no_such_module\n"), done.stderr


# -- files: .pt2 and directories -------------------------------------------------------------------------------


def tool(*args):
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def files(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pt2")
    for name, ep in exported.items():
        torch.export.save(ep, folder / f"{name}.pt2")
    return folder


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", MODELS)
def test_a_file_gives_what_the_program_gives(exported, files, name, level):
    program = exported_program_to_stablehlo(exported[name], options(level))
    assert tool("convert", files / f"{name}.pt2", "-o-", f"--locations={level}").decode() == program.get_stablehlo_text()
    assert tool("convert", files / f"{name}.pt2", "-o-", "--format", "bytecode", f"--locations={level}") == program.get_stablehlo_bytecode()


def test_command_line(files, context, tmp_path):
    plain = tool("convert", files / "net.pt2", "-o-")
    assert tool("convert", files / "net.pt2", "-o-", "--locations") == tool("convert", files / "net.pt2", "-o-", "--locations=nodes") != plain
    assert tool("convert", files / "net.pt2", "-o-", "--strip-locations") == plain and b"loc(" not in plain
    assert b"MY_ADD" in tool("convert", files / "marked.pt2", "-o-")
    assert b"loc(" not in tool("convert", files / "marked.pt2", "-o-", "--strip-locations")
    tool("convert", files / "net.pt2", "-o", tmp_path / "located", "--locations=full")
    tool("convert", tmp_path / "located", "-o", tmp_path / "stripped", "--strip-locations")
    tool("convert", files / "net.pt2", "-o", tmp_path / "plain")
    for kind in ("mlir", "bytecode", "meta"):
        assert (tmp_path / f"stripped/functions/forward.{kind}").read_bytes() == (tmp_path / f"plain/functions/forward.{kind}").read_bytes()
    for name in ("located", "stripped"):  # a SavedModel holds the same module
        tool("convert", tmp_path / name, "-o", tmp_path / f"{name}_tf", "--format", "saved-model")
    held = [(tmp_path / f"{name}_tf/saved_model.pb").read_bytes() for name in ("located", "stripped")]
    assert [HERE.encode() in b for b in held] == [True, False]


def test_directories_keep_them(exported, context, tmp_path):
    program = exported_program_to_stablehlo(exported["net"], options("full"))
    program.save(tmp_path / "a")
    loaded = StableHLOGraphModule.load(tmp_path / "a")
    assert loaded.get_stablehlo_text() == program.get_stablehlo_text()
    for target in ("1.9.0", "1.17.0"):
        assert loaded.get_stablehlo_bytecode(target=target) == program.get_stablehlo_bytecode(target=target)
    (tmp_path / "a/functions/forward.mlir").unlink()
    assert StableHLOGraphModule.load(tmp_path / "a").get_stablehlo_text() == program.get_stablehlo_text()
    plain = exported_program_to_stablehlo(exported["net"])
    stripped = StableHLOGraphModule.load(tmp_path / "a").strip_locations()
    assert stripped.get_stablehlo_bytecode() == plain.get_stablehlo_bytecode()
    assert stripped.get_stablehlo_bytecode(target="1.9.0") == plain.get_stablehlo_bytecode(target="1.9.0")
    assert stripped.get_stablehlo_text() == plain.get_stablehlo_text()
    stripped.save(tmp_path / "b")
    assert (tmp_path / "b/functions/forward.bytecode").read_bytes() == plain.get_stablehlo_bytecode()
    args = MODELS["net"][1]
    for got, want in zip(stripped(*args), Net()(*args)):
        torch.testing.assert_close(got, want)


def test_dynamic_directories_run_with_them(tmp_path):
    model, ep = dynamic()
    exported_program_to_stablehlo(ep, options("full")).save(tmp_path / "a")
    x = torch.rand(6, 4)
    torch.testing.assert_close(StableHLOGraphModule.load(tmp_path / "a")(x), model(x))


def tuned(context, program, weights, *passes):
    code = program.get_stablehlo_bytecode()
    for name in passes:
        code = subprocess.run([TUNE, name, str(weights)], input=code, capture_output=True, check=True).stdout
    module = artifact(context, code)
    assert module.operation.verify()
    return module


def node_names(module, op_name):
    return [strings(op.location)[0] for op in ops(module) if op.name == f"stablehlo.{op_name}"]


def test_what_runs_has_them(context):
    """What a batch norm became is in the convolution's weights and an addition; all is called what it was, and the arguments too."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.MaxPool2d(2)).eval()
    x = torch.rand(1, 2, 8, 8)
    program = exported_program_to_stablehlo(export(model, (x,)), options("nodes"))
    nweights = len(model.state_dict()) - 1  # num_batches_tracked is not read
    each = tuned(context, program, nweights, "scale", "layout", "each")
    assert node_names(each, "convolution") == ["0/conv2d", "3/conv2d_1"]
    assert node_names(each, "add") == ["1/batch_norm", "3/conv2d_1"] and node_names(each, "maximum")[0] == "2/relu"
    once = tuned(context, program, nweights, "scale", "layout", "once")
    assert {"0/conv2d", "1/batch_norm"} <= set(node_names(once, "multiply")) <= {"0/conv2d", "1/batch_norm"}
    for module in (each, once):
        found = [op.location for op in ops(module)] + [a.location for a in module.body.operations[0].regions[0].blocks[0].arguments]
        assert all(strings(location) for location in found)
        inner = [a.location for op in ops(module) for r in op.operation.regions for b in r.blocks for a in b.arguments]
        assert all(strings(location) for location in inner) and (inner or module is once)
    torch.testing.assert_close(program(x), model(x))


def test_several_methods(exported):
    both = exported_program_to_stablehlo({"a": exported["net"], "b": exported["conv"]}, options("nodes"))
    assert '"blocks.0.fc/linear"' in both.get_stablehlo_text("a") and '"0/conv2d"' in both.get_stablehlo_text("b")
    both.strip_locations()
    assert "loc(" not in both.get_stablehlo_text("a") + both.get_stablehlo_text("b")
