"""Programs with shardings, run on the devices of XLA's CPU plugin: the numbers of the unsharded program, which is eager's."""

import glob
import json
import pathlib

import numpy as np
import pytest
import torch
from test_cli import good
from torch import nn

from torch_stablehlo import (
    BadInputError,
    StableHLOExportOptions,
    StableHLOGraphModule,
    UnsupportedError,
    exported_program_to_stablehlo,
    pjrt_device,
)
from torch_stablehlo.distributed.spmd import Mesh, mark_sharding

XY = Mesh(range(4), (2, 2), ("x", "y"))
LINE = Mesh(range(4), (4,), ("i",))
TURNED = Mesh([3, 1, 2, 0], (2, 2), ("x", "y"))


class MLP(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        torch.manual_seed(0)
        self.up, self.down, self.norm = nn.Linear(8, width), nn.Linear(width, 8), nn.LayerNorm(8)

    def forward(self, x):
        return self.norm(x + self.down(torch.nn.functional.gelu(self.up(x))))


def run(model, args, shardings, mesh, expect=4, **options):
    options = StableHLOExportOptions(shardings=shardings, mesh=mesh, **options)
    program = exported_program_to_stablehlo(torch.export.export(model, args), options)
    assert program.device_count() == expect
    torch.testing.assert_close(program(*args), model(*args), rtol=1e-4, atol=1e-5)
    return program


MARKS = {
    "batch": ({"x": ["i", None], "output_0": ["i", None]}, LINE),
    "weights": ({"up.weight": ["i", None], "up.bias": ["i"], "down.weight": [None, "i"]}, LINE),
    "both": ({"x": ["x", None], "up.weight": ["y", None], "up.bias": ["y"], "down.weight": [None, "y"], "output_0": ["x", None]}, XY),
    "two axes": ({"x": [["x", "y"], None], "down.weight": ["y", "x"], "output_0": ["y", "x"]}, XY),
    "turned": ({"x": ["x", "y"], "up.weight": ["y", None], "output_0": ["x", "y"]}, TURNED),
    "none": ({}, LINE),
}


@pytest.mark.parametrize("shardy", [False, True])
@pytest.mark.parametrize("marks", MARKS)
def test_numbers(marks, shardy):
    shardings, mesh = MARKS[marks]
    run(MLP(), (torch.randn(8, 8, generator=torch.Generator().manual_seed(1)),), shardings, mesh, shardy=shardy)


@pytest.mark.parametrize("rows, width", [(7, 10), (1, 3), (5, 1), (3, 13)])
def test_sizes_that_do_not_divide(rows, width):
    x = torch.randn(rows, 8, generator=torch.Generator().manual_seed(1))
    marks = {"x": ["i", None], "up.weight": ["i", None], "up.bias": ["i"], "down.weight": [None, "i"], "output_0": [None, "i"]}
    run(MLP(width), (x,), marks, LINE)


def test_every_type():
    class Add(nn.Module):
        def forward(self, *xs):
            return [x + x if x.dtype != torch.bool else ~x for x in xs]

    dtypes = [torch.bool, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32,
              torch.float64, torch.complex64, torch.complex128]
    args = tuple((torch.randn(6, 5, generator=torch.Generator().manual_seed(1)) * 9).to(d) for d in dtypes)
    names = [node.name for node in torch.export.export(Add(), args).graph.nodes if node.op == "placeholder"]
    run(Add(), args, {**{n: ["x", "y"] for n in names}, **{f"output_{i}": ["y", None] for i in range(len(args))}}, XY)


def test_more_dims_and_none():
    class M(nn.Module):
        def forward(self, x, s, e):
            return x.transpose(1, 3) * s, s * 2, e + 1

    args = torch.randn(2, 3, 4, 5), torch.tensor(2.0), torch.zeros(0, 4)
    run(M(), args, {"x": [None, "x", None, "y"], "e": ["x", "y"], "output_0": ["y", None, "x", None], "output_2": ["x", None]}, XY)


def test_marks_inside_and_on_tensors():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 16)

        def forward(self, x):
            return mark_sharding(self.fc(x), XY, ("x", "y")).softmax(-1)

    model, x = M(), torch.randn(4, 8)
    mark_sharding(model.fc.weight, XY, ("y", None))
    program = exported_program_to_stablehlo(torch.export.export(model, (x,)))
    assert program.device_count() == 4
    torch.testing.assert_close(program(x), model(x), rtol=1e-4, atol=1e-5)


def test_state_stays():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(8, 4))

        def forward(self, x):
            self.seen += x
            return self.seen.sum(0)

    eager, x = Counter(), torch.randn(8, 4)
    options = StableHLOExportOptions(shardings={"seen": ["i", None], "x": ["i", None]}, mesh=LINE)
    program = exported_program_to_stablehlo(torch.export.export(Counter(), (x,)), options)
    for _ in range(3):
        torch.testing.assert_close(program(x), eager(x))
    assert program.device_count() == 4
    np.testing.assert_allclose(program.state()["seen"], eager.seen.numpy(), rtol=1e-6)


def test_open_sizes(tmp_path):
    batch = torch.export.Dim("batch", min=2, max=64)
    model, x = MLP(), torch.randn(4, 8)
    options = StableHLOExportOptions(shardings={"x": ["i", None], "output_0": ["i", None], "up.weight": ["i", None]}, mesh=LINE)
    program = exported_program_to_stablehlo(torch.export.export(model, (x,), dynamic_shapes=({0: batch},)), options)
    program.save(tmp_path / "d")
    for p in (program, StableHLOGraphModule.load(tmp_path / "d")):
        for n in (4, 7, 32):
            x = torch.randn(n, 8)
            torch.testing.assert_close(p(x), model(x), rtol=1e-4, atol=1e-5)
        assert p.device_count() == 4


def test_saved_and_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA tells on standard error which partitioner it uses
    model, x = MLP(), torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    shardings = {"x": ["x", None], "up.weight": ["y", None], "down.weight": [None, "y"]}
    program = run(model, (x,), shardings, XY, shardy=True)
    program.save(tmp_path / "d")
    loaded = StableHLOGraphModule.load(tmp_path / "d")
    assert loaded.device_count() == 4
    torch.testing.assert_close(loaded(x), model(x), rtol=1e-4, atol=1e-5)
    torch.export.save(torch.export.export(model, (x,)), tmp_path / "m.pt2")
    (tmp_path / "s.json").write_text(json.dumps({"mesh": {"mesh_shape": [2, 2], "axis_names": ["x", "y"]}, "shardings": shardings}))
    np.save(tmp_path / "x.npy", x.numpy())
    np.save(tmp_path / "y.npy", model(x).detach().numpy())
    for source in ([tmp_path / "m.pt2", "--sharding", tmp_path / "s.json", "--shardy"], [tmp_path / "d"]):
        good("verify", *source, "--input", tmp_path / "x.npy", "--expect", tmp_path / "y.npy", "--rtol", "1e-4")


def test_another_plugin():
    spec = [p for site in map(pathlib.Path, torch.__path__) for p in glob.glob(str(site.parent / "lammps_jax_pjrt_cpu/**/*.so"), recursive=True)]
    if not spec:
        pytest.skip("lammps-jax-pjrt-cpu is not installed")
    model, x = MLP(), torch.randn(8, 8)
    options = StableHLOExportOptions(shardings=MARKS["both"][0], mesh=XY)
    program = exported_program_to_stablehlo(torch.export.export(model, (x,)), options)
    device = pjrt_device(spec[0])
    assert program.device_count(device=device) == 4
    torch.testing.assert_close(program.evaluate(None, (x,), device=device), model(x), rtol=1e-4, atol=1e-5)


def test_too_few_devices_run_it_whole():
    mesh = Mesh(range(64), (64,), ("i",))
    run(MLP(), (torch.randn(128, 8),), {"x": ["i", None]}, mesh, expect=1)
    model, x = MLP(), torch.randn(8, 8)
    program = exported_program_to_stablehlo(torch.export.export(model, (x,)), StableHLOExportOptions(shardings={"x": ["i", None]}, mesh=LINE))
    last = pjrt_device(index=pjrt_device().count - 1)
    assert program.device_count(device=last) == 1
    torch.testing.assert_close(program.evaluate(None, (x,), device=last), model(x), rtol=1e-4, atol=1e-5)


def test_results_on_the_device_go_into_another_program():
    model, x = MLP(), torch.randn(8, 8)
    spread = exported_program_to_stablehlo(torch.export.export(model, (x,)), StableHLOExportOptions(shardings=MARKS["both"][0], mesh=XY))
    plain = exported_program_to_stablehlo(torch.export.export(model, (x,)))
    between = spread.evaluate(None, (x,), to_device=True)
    for program in (plain, spread):
        torch.testing.assert_close(program(between), model(model(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "found, message",
    [
        ("{maximal device=1}", "argument 6: sharding '{maximal device=1}"),
        ("{devices=[4,1]0,1,2,2}", "found"),
        ("{devices=[4,1]0,1,2,9}", "found"),
        ("{devices=[2,1]<=[2]}", "is for another number of devices than 4"),
        ("{devices=[4,1]<=[4]T()", "found"),
        ("{devices=[4,1]<=[2,3]}", "found"),
        ("{devices=[4]<=[4]}", "found"),
    ],
)
def test_shardings_of_others(found, message, tmp_path):
    """Written by hand into the bytes, in the place of ours, of the same length."""
    model, x = MLP(), torch.randn(8, 8)
    mesh_of_lists = Mesh([0, 2, 1, 3], (4,), ("i",))
    options = StableHLOExportOptions(shardings={"x": ["i", None]}, mesh=mesh_of_lists)
    exported_program_to_stablehlo(torch.export.export(model, (x,)), options).save(tmp_path / "d")
    path = tmp_path / "d/functions/forward.bytecode"
    ours = b"{devices=[4,1]0,2,1,3}"
    assert path.read_bytes().count(ours) == 1
    path.write_bytes(path.read_bytes().replace(ours, found.encode().ljust(len(ours))))
    loaded = StableHLOGraphModule.load(tmp_path / "d")
    with pytest.raises((BadInputError, UnsupportedError), match="argument 6: sharding") as e:
        loaded(x)
    assert message in str(e.value)
