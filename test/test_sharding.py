"""Tensors split over several devices. What is right comes from jaxlib (GSPMD's strings and Shardy's round trip: its serializer makes of
Shardy's dialect what ours must be byte for byte), NumPy (which device has which block) and eager torch (values)."""

import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

pytest.importorskip("jaxlib")
import mlir  # noqa: E402
from jaxlib import xla_client  # noqa: E402
from jaxlib._jax import mlir as jax_mlir  # noqa: E402
from jaxlib.mlir import ir, passmanager  # noqa: E402
from jaxlib.mlir.dialects import sdy, stablehlo  # noqa: E402
from torch._higher_order_ops.while_loop import while_loop  # noqa: E402
from test_cli import BAD_INPUT, OK, UNSUPPORTED, bad, good  # noqa: E402

from torch_stablehlo import BadInputError, StableHLOExportOptions, StableHLOGraphModule, exported_program_to_stablehlo  # noqa: E402
from torch_stablehlo.distributed.spmd import (  # noqa: E402
    Mesh,
    ShardingSpec,
    clear_sharding,
    mark_sharding,
    mark_sharding_with_gradients,
)

XY = Mesh(range(4), (2, 2), ("x", "y"))
SHARDING = re.compile(r'mhlo\.sharding = "([^"]*)"')


@pytest.fixture(scope="module")
def context():
    made = mlir.context()
    sdy.register_dialect(made)
    return made


def export(fn, *args, **kw):
    module = fn if isinstance(fn, torch.nn.Module) else Plain(fn)
    return torch.export.export(module, args, **kw)


class Plain(torch.nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, *args):
        return self.fn(*args)


class Net(torch.nn.Module):
    """A weight, a bias and a buffer that it writes; a mark inside."""

    def __init__(self, mesh=XY):
        super().__init__()
        torch.manual_seed(0)
        self.mesh = mesh
        self.fc = torch.nn.Linear(8, 16)
        self.register_buffer("seen", torch.zeros(16))

    def forward(self, x):
        y = self.fc(x)
        if self.mesh is not None:
            y = mark_sharding(y, self.mesh, ("x", "y"))
        self.seen.add_(y.sum(0))
        return torch.tanh(y), y


def convert(ep, **options):
    return exported_program_to_stablehlo(ep, StableHLOExportOptions(**options))


# -- attributes ----------------------------------------------------------------------------------------------


def random_mesh(rng):
    shape = [rng.choice([1, 2, 2, 3, 4]) for _ in range(rng.randint(1, 4))]
    ids = list(range(int(np.prod(shape))))
    if rng.random() < 0.4:
        rng.shuffle(ids)
    return Mesh(ids, shape, [f"a{i}" for i in range(len(shape))] if rng.random() < 0.8 else None)


def random_spec(rng, mesh, rank):
    """Each axis of some of the mesh's along one dimension."""
    axes = rng.sample(range(len(mesh.mesh_shape)), rng.randint(0, len(mesh.mesh_shape)))
    spec = [[] for _ in range(rank)]
    for a in axes if rank else []:
        spec[rng.randrange(rank)].append(mesh.axis_names[a] if mesh.axis_names and rng.random() < 0.5 else a)
    return tuple(None if not s else s[0] if len(s) == 1 and rng.random() < 0.5 else tuple(s) for s in spec)


def blocks(mesh, spec):
    """[which block along each dimension] of every device, by torch_xla's own words: the mesh as a box, its axes as those of the blocks."""
    box, where = mesh.get_logical_mesh(), {}
    names = list(mesh.shape())
    for place in np.ndindex(box.shape):
        block = []
        for s in spec:
            n = 0
            for a in () if s is None else s if isinstance(s, tuple) else (s,):
                i = names.index(a) if a in names else a
                n = n * box.shape[i] + place[i]
            block.append(n)
        where[int(box[place])] = block
    return where


def blocks_of(text, rank):
    """The same of GSPMD's string, as jaxlib reads it."""
    s = xla_client.HloSharding.from_string(text)
    if s.is_replicated():
        return None
    dims = s.tile_assignment_dimensions()
    tiles = np.asarray(s.tile_assignment_devices()).reshape(dims)
    return {int(d): list(at[:rank]) for at, d in np.ndenumerate(tiles)}


def round_trip(context, module):
    """The bytes of a module of Shardy's dialect, as jaxlib writes it in StableHLO; without the locations that it keeps."""
    module = stablehlo.deserialize_portable_artifact(context, jax_mlir.serialize_portable_artifact(module, "1.0.0"))
    passmanager.PassManager.parse("builtin.module(strip-debuginfo)").run(module.operation)
    return stablehlo.serialize_portable_artifact(module, "1.0.0")


@pytest.mark.parametrize("seed", range(12))
def test_strings_are_jaxlibs(context, seed):
    """Shardy's text, given to jaxlib, comes out as our bytecode; and GSPMD's strings say what the mesh and the spec say. (Of rank 0 on a mesh
    of one device jaxlib writes {devices=[]<=[1]}, which XLA does not read; ours is {replicated}.)"""
    rng = random.Random(seed)
    mesh = random_mesh(rng)
    ranks = [0 if mesh.size() > 1 else 1, 1, 1, 2, 2, 2, 3, 3, 4]
    specs = [random_spec(rng, mesh, rank) for rank in ranks]
    args = [torch.ones([24] * min(rank, 2) + [12] * (rank - 2 if rank > 2 else 0)) for rank in ranks]
    for x, spec in zip(args, specs):
        mark_sharding(x, mesh, spec)
    ep = export(lambda *xs: [x + x for x in xs], *args)
    outputs = {f"output_{i}": s for i, s in enumerate(specs[:5])}
    shardy = convert(ep, shardings=outputs, mesh=mesh, shardy=True)
    text = shardy.get_stablehlo_text()
    with context:
        module = ir.Module.parse(text)
        assert module.operation.verify() and str(module) == text
        assert shardy.get_stablehlo_bytecode(target="1.0.0") == round_trip(context, module)
    main = re.search(r"func.func @main\((.*)\) \{\n", convert(ep, shardings=outputs, mesh=mesh).get_stablehlo_text())[1]
    strings = SHARDING.findall(main)
    assert len(strings) == len(specs) + 5
    for string, spec in zip(strings, [*specs, *specs[:5]]):
        found = blocks_of(string, len(spec))
        wanted = blocks(mesh, spec)
        assert found == wanted if found is not None else not any(map(any, wanted.values())), (string, spec)


def test_a_program_with_marks(context):
    m, x = Net(), torch.randn(4, 8)
    mark_sharding(m.fc.weight, XY, ("y", None))
    mark_sharding(m.seen, XY, ("y",))
    mark_sharding(x, XY, ("x", None))
    ep = export(m, x)
    text = convert(ep, shardings={"output_0": (("x", "y"), None)}, mesh=XY).get_stablehlo_text()
    assert "mhlo.num_partitions = 4 : i32, mhlo.num_replicas = 1 : i32" in text
    with context:
        assert str(ir.Module.parse(text)) == text
    half = "{devices=[2,2]<=[2,2]T(1,0) last_tile_dim_replicate}"
    assert SHARDING.findall(text) == [
        "{devices=[2,1,2]<=[2,2]T(1,0) last_tile_dim_replicate}",  # fc.weight
        half,  # seen
        "{devices=[2,1,2]<=[4] last_tile_dim_replicate}",  # x
        "{devices=[4,1]<=[4]}",  # output_0
        half,  # the new value of seen lies as seen does
        "{devices=[2,2]<=[4]}",  # the mark inside
    ]
    assert f'{{mhlo.sharding = "{half}", tf.aliasing_output = 2 : i32}}' in text
    clear_sharding(x)
    assert SHARDING.findall(convert(ep).get_stablehlo_text()).count("{devices=[2,1,2]<=[4] last_tile_dim_replicate}") == 0
    shardy = convert(ep, shardy=True).get_stablehlo_text()
    assert '  sdy.mesh @mesh = <["x"=2, "y"=2]>\n' in shardy and "sdy.sharding_constraint %2 <@mesh, [{\"x\"}, {\"y\"}]>" in shardy
    assert "mhlo.sharding" not in shardy and "FuncResultSharding" not in shardy
    with context:
        assert str(ir.Module.parse(shardy)) == shardy


@pytest.mark.parametrize("shardy", [False, True])
def test_with_locations(context, shardy):
    text = convert(export(Net(), torch.rand(4, 8)), shardy=shardy, export_node_metadata="full").get_stablehlo_text()
    with context:
        module = ir.Module.parse(text)
    assert mlir.printed(module) == text and ("sdy.mesh" in text) == shardy
    assert re.search(r'"fc/linear"\(#loc', text) and re.search(r'(sdy.sharding_constraint|@Sharding).* loc\(#loc\d+\)', text)


def test_marks_in_branches_and_loops(context):
    def branch(x):
        return mark_sharding(x * 2, XY, ("x", None))

    def fn(x):
        y = torch.cond(x.sum() > 0, branch, lambda x: x + 1, (x,))
        return while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, mark_sharding(y + 1, XY, (None, "y"))), (torch.tensor(0), y))

    ep = export(fn, torch.randn(4, 4))
    text = convert(ep, shardy=True).get_stablehlo_text()
    assert text.count("sdy.sharding_constraint") == 2
    with context:
        assert str(ir.Module.parse(text)) == text
    assert convert(ep).get_stablehlo_text().count("@Sharding") == 2


def test_two_meshes_and_shardy(context):
    other = Mesh([3, 2, 1, 0], (4,), ("all",))
    ep = export(lambda x: mark_sharding(mark_sharding(x + 1, XY, ("x", "y")) * 2, other, (None, "all")), torch.ones(4, 4))
    text = convert(ep, shardy=True).get_stablehlo_text()
    assert '  sdy.mesh @mesh = <["x"=2, "y"=2]>\n  sdy.mesh @mesh_0 = <["all"=4], device_ids=[3, 2, 1, 0]>\n' in text
    with context:
        assert str(ir.Module.parse(text)) == text
    assert SHARDING.findall(convert(ep).get_stablehlo_text()) == ["{devices=[2,2]<=[4]}", "{devices=[1,4]3,2,1,0}"]


def test_gradients_pass_through_marks():
    x = torch.randn(4, 4, requires_grad=True)
    op = torch.ops.xla.aot_mark_sharding
    (op(x, str(XY), "('x', 'y')") ** 2).sum().backward()
    assert torch.equal(x.grad, 2 * x.detach())
    x.grad = None
    (mark_sharding_with_gradients(x, XY, ("x", None)) ** 2).sum().backward()
    assert torch.equal(x.grad, 2 * x.detach())
    assert Mesh.from_str(str(XY)) == XY and Mesh.from_str("no mesh") is None


def test_strict_export():
    ep = export(Net(), torch.randn(4, 8), strict=True)
    assert '@Sharding(%2) {mhlo.sharding = "{devices=[2,2]<=[4]}"}' in convert(ep).get_stablehlo_text()


# -- the JSON file, the command line -------------------------------------------------------------------------

FILE = {
    "mesh": {"mesh_shape": [2, 2], "axis_names": ["x", "y"]},
    "shardings": {
        "fc.weight": ["y", None],
        "seen": [1],
        "x": [["x"], None],
        "output_1": {"mesh": {"mesh_shape": [4], "device_ids": [0, 2, 1, 3]}, "spec": [0, None]},
    },
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    d = tmp_path_factory.mktemp("sharding")
    torch.export.save(export(Net(), torch.randn(4, 8)), d / "net.pt2")
    (d / "s.json").write_text(json.dumps(FILE))
    return d


@pytest.mark.parametrize("shardy", [False, True])
def test_the_file_in_python_and_on_the_command_line(files, shardy):
    ep = export(Net(), torch.randn(4, 8))
    text = convert(ep, shardings=files / "s.json", shardy=shardy).get_stablehlo_text()
    own = Mesh([0, 2, 1, 3], (4,))
    same = {"fc.weight": ("y", None), "seen": (1,), "x": (("x",), None), "output_1": ShardingSpec(own, (0, None))}
    assert convert(ep, shardings=same, mesh=XY, shardy=shardy).get_stablehlo_text() == text
    option = ["--shardy"] if shardy else []
    assert good("convert", files / "net.pt2", "-o", "-", "--sharding", files / "s.json", *option) == text
    if not shardy:
        assert '"{devices=[4,1]0,2,1,3}"' in text


def test_weights_in_the_module_are_marked_in_its_body(files):
    text = good("convert", files / "net.pt2", "-o", "-", "--sharding", files / "s.json", "--inline-weights")
    assert '@Sharding(%cst) {mhlo.sharding = "{devices=[2,1,2]<=[2,2]T(1,0) last_tile_dim_replicate}"} : (tensor<16x8xf32>)' in text


def test_a_directory_keeps_shardings(files, tmp_path, context):
    good("convert", files / "net.pt2", "-o", tmp_path / "d", "--sharding", files / "s.json", "--shardy")
    loaded = StableHLOGraphModule.load(tmp_path / "d")
    assert "sdy.mesh @mesh" in loaded.get_stablehlo_text()
    with context:
        module = str(stablehlo.deserialize_portable_artifact(context, loaded.get_stablehlo_bytecode()))
    assert 'xla.sdy.meshes = "{mesh = #sdy.mesh<[' in module and "@xla.sdy.FuncResultSharding" in module


def test_methods_share_a_file(files, tmp_path):
    for name in ("a", "b"):
        torch.export.save(export(lambda x: x + 1 if name == "a" else x * 2, torch.ones(4, 4)), tmp_path / f"{name}.pt2")
    methods = ["--method", f"a={files / 'net.pt2'}", "--method", f"b={tmp_path / 'a.pt2'}"]
    good("convert", *methods, "-o", tmp_path / "d", "--sharding", files / "s.json")
    text = (tmp_path / "d/functions/b.mlir").read_text()
    assert "mhlo.num_partitions = 4" in text
    (tmp_path / "s.json").write_text(json.dumps({**FILE, "shardings": {"fc.wait": ["x", None]}}))
    message = bad(BAD_INPUT, "convert", *methods, "-o", tmp_path / "e", "--sharding", tmp_path / "s.json")
    assert message == "sharding: no program has an input, weight or output 'fc.wait'"
    both = {"a": export(Net(None), torch.ones(4, 8)), "b": export(lambda x: x + 1, torch.ones(4, 4))}
    assert "{devices=[4]<=[4]}" in convert(both, shardings={"seen": (("x", "y"),)}, mesh=XY).get_stablehlo_text("a")
    with pytest.raises(BadInputError, match="no program has an input, weight or output 'nobody'"):
        convert(both, shardings={"nobody": ("x",)}, mesh=XY)


MESH = {"mesh_shape": [2, 2], "axis_names": ["x", "y"]}
WRONG = [
    ({"shardings": {"fc.wait": ["x", None]}, "mesh": MESH}, "sharding: the program has no input, weight or output 'fc.wait'"),
    ({"shardings": {"output_2": ["x", None]}, "mesh": MESH}, "sharding: the program has no input, weight or output 'output_2'"),
    ({"shardings": {"x": ["x"]}, "mesh": MESH}, "'x': sharding: offset 20: the partition spec has 1 items, the tensor 2 dimensions"),
    ({"shardings": {"x": ["x", None]}}, "'x': sharding: offset 20: there is no mesh"),
    ({"shardings": {"x": ["z", None]}, "mesh": MESH}, "'x': sharding: offset 22: the mesh has no axis \"z\", it has x, y (0 to 1)"),
    ({"shardings": {"x": [2, None]}, "mesh": MESH}, "'x': sharding: offset 21: the mesh has no axis 2, it has x, y (0 to 1)"),
    ({"shardings": {"x": ["x", ["y", "x"]]}, "mesh": MESH}, "'x': sharding: offset 33: axis 'x' of the mesh is named twice"),
    ({"shardings": {"x": "x"}, "mesh": MESH}, "a partition spec is a list, with one item for each dimension"),
    ({"mesh": {"mesh_shape": [2, 2], "device_ids": [0, 1, 2]}}, "there are 3 device_ids, and mesh_shape makes 4 devices"),
    ({"mesh": {"mesh_shape": [2, 2], "device_ids": [0, 1, 2, 2]}}, "device_ids has 2 twice"),
    ({"mesh": {"mesh_shape": [2, 2], "device_ids": [0, 1, 2, 4]}}, "item 3 of device_ids is none of 0 to 3, which a mesh of 4 devices has"),
    ({"mesh": {"mesh_shape": [2, 2], "axis_names": ["x"]}}, "there are 1 axis_names, and mesh_shape has 2 axes"),
    ({"mesh": {"mesh_shape": [2, 2], "axis_names": ["x", "x"]}}, "two axes of the mesh are called 'x'"),
    ({"mesh": {"mesh_shape": [2, 0]}}, "axis 1 of mesh_shape has no size of 1 or more"),
    ({"mesh": {"mesh_shape": [2**20, 2]}}, "mesh_shape has more than 1048576 devices"),
    ({"mesh": {"mesh_shape": []}}, "mesh_shape has 0 axes, wanted a list of 1 to 32 sizes"),
    ({"mesh": [2, 2]}, "a mesh is an object with mesh_shape, axis_names and device_ids"),
    ({"mesh": MESH, "sharding": {}}, "'sharding' is neither mesh nor shardings"),
    ({"mesh": MESH, "shardings": []}, "shardings is no object"),
    ([], "wanted an object with mesh and shardings"),
    ({"mesh": {"mesh_shape": [8]}}, "a mesh of 8 devices, the program's other meshes have 4"),
]


@pytest.mark.parametrize("document, message", WRONG)
def test_what_a_file_must_not_say(files, tmp_path, document, message):
    (tmp_path / "s.json").write_text(json.dumps(document))
    found = bad(BAD_INPUT, "convert", files / "net.pt2", "-o", "-", "--sharding", tmp_path / "s.json")
    assert message in found


def test_a_file_that_is_none(files, tmp_path):
    (tmp_path / "s.json").write_text("{")
    assert "sharding: " in bad(BAD_INPUT, "convert", files / "net.pt2", "-o", "-", "--sharding", tmp_path / "s.json")
    bad(4, "convert", files / "net.pt2", "-o", "-", "--sharding", tmp_path / "no.json")
    (tmp_path / "s.json").write_bytes(b"{\0}")
    assert "it is no text" in bad(BAD_INPUT, "convert", files / "net.pt2", "-o", "-", "--sharding", tmp_path / "s.json")
    good("convert", files / "net.pt2", "-o", tmp_path / "d")
    message = bad(UNSUPPORTED, "convert", tmp_path / "d", "-o", "-", "--sharding", files / "s.json")
    assert "--sharding is for .pt2 files, this is a directory" in message


def test_what_a_mark_must_not_say():
    x = torch.ones(4, 4)
    for spec, message in [(("x",), "1 items, the tensor 2 dim"), (("z", None), "no axis 'z'"), ((2, None), "no axis 2"), (("x", "x"), "twice")]:
        with pytest.raises(BadInputError, match=message):
            mark_sharding(x, XY, spec)
    for args, message in [((range(3), (2, 2)), "3 device ids"), (([0, 2], (2,)), "must be 0 to 1"), ((range(2), (2,), ("a", "b")), "2 axis names")]:
        with pytest.raises(BadInputError, match=message):
            Mesh(*args)


def test_under_torch_xlas_names():
    script = """
import torch_stablehlo
torch_stablehlo.install_as_torch_xla()
import sys
import torch_xla, torch_xla.runtime as xr
import torch_xla.distributed.spmd as xs
assert "torch" not in sys.modules
import torch
xr.use_spmd()
mesh = xs.Mesh(range(2), (2,), ("data",))
xs.set_global_mesh(mesh)
m = torch.nn.Linear(4, 4)
xs.mark_sharding(m.weight, xs.get_global_mesh(), ("data", None))
program = torch_xla.stablehlo.exported_program_to_stablehlo(torch.export.export(m, (torch.ones(2, 4),)))
print("{devices=[2,1]<=[2]}" in program.get_stablehlo_text(), xs.get_1d_mesh("x").shape()["x"] == xr.global_runtime_device_count())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout == "True True\n", done.stderr
