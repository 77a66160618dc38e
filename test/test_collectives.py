"""Collectives of torch.distributed: what four gloo processes give, and what the program of one of them gives on four devices of XLA's CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from collectives import CASES, ops
from oracle import check_format
from test_cli import BAD_INPUT, UNSUPPORTED, USAGE, bad, good
from torch import nn
from torch.testing._internal.distributed.fake_pg import FakeStore

from torch_stablehlo import BadInputError, StableHLOExportOptions, StableHLOGraphModule, UnsupportedError, exported_program_to_stablehlo

WORLD = 4
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def eager(tmp_path_factory):
    """name -> outputs of each rank."""
    folder = tmp_path_factory.mktemp("gloo")
    env = {**os.environ, "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, HERE / "collective_worker.py"]
    workers = [subprocess.Popen([*command, str(rank), str(WORLD), folder], stderr=subprocess.PIPE, env=env) for rank in range(WORLD)]
    for w in workers:
        _, err = w.communicate(timeout=300)
        assert w.returncode == 0, err.decode()[-2000:]
    ranks = [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]
    return {name: [r[name] for r in ranks] for name in CASES}


@pytest.fixture(scope="module", autouse=True)
def process_group():
    """Of four, of which this process is the first; the others are not there."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=WORLD)
    yield
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def groups():
    return {"world": dist.group.WORLD.group_name, "half": dist.new_group([0, 1]).group_name}


def converted(name, groups, **options):
    module, args, which = CASES[name]
    ep = torch.export.export(module(groups[which]), args(0))
    known = {groups["half"]: [[0, 1], [2, 3]]} if which == "half" else {}
    return exported_program_to_stablehlo(ep, StableHLOExportOptions(groups=known, **options)), args


@pytest.mark.parametrize("name", CASES)
def test_numbers(name, eager, groups):
    program, args = converted(name, groups)
    check_format(program)
    assert "mhlo.num_replicas = 4 : i32" in program.get_stablehlo_text()
    assert program.device_count() == WORLD
    got = program.evaluate_each([args(rank) for rank in range(WORLD)])
    for g, w in zip(got, eager[name]):
        torch.testing.assert_close(g, w, rtol=1e-5, atol=1e-5)


def test_an_average(groups):
    """gloo has none."""

    class Mean(nn.Module):
        def forward(self, x):
            return ops.wait_tensor(ops.all_reduce(x, "avg", groups["world"]))

    xs = [torch.randn(3) for _ in range(WORLD)]
    program = exported_program_to_stablehlo(torch.export.export(Mean(), (xs[0],)))
    for got in program.evaluate_each([(x,) for x in xs]):
        torch.testing.assert_close(got, torch.stack(xs).mean(0))


def test_saved(eager, groups, tmp_path):
    program, args = converted("layer", groups)
    program.save(tmp_path / "d")
    got = StableHLOGraphModule.load(tmp_path / "d").evaluate_each([args(rank) for rank in range(WORLD)])
    for g, w in zip(got, eager["layer"]):
        torch.testing.assert_close(g, w, rtol=1e-5, atol=1e-5)


def test_from_the_command_line(groups, tmp_path):
    module, args, _ = CASES["all_gather of halves"]
    torch.export.save(torch.export.export(module(groups["half"]), args(0)), tmp_path / "m.pt2")
    name, path = groups["half"], tmp_path / "m.pt2"
    text = good("convert", path, "-o", "-", "--group", f"{name}=0,1;2,3")
    assert "replica_groups = dense<[[0, 1], [2, 3]]> : tensor<2x2xi64>" in text
    assert f"--group '{name}=0,1,...'" in bad(UNSUPPORTED, "convert", path, "-o", "-")
    assert "wanted NAME=RANKS" in bad(USAGE, "convert", path, "-o", "-", "--group", "0,1")
    for ranks in ("0,1;2", "0,0", "1,2", "0,a", "0,1;", "0 1", "9999999999"):
        assert "wanted ranks like 0,1,2,3" in bad(BAD_INPUT, "convert", path, "-o", "-", "--group", f"{name}={ranks}")


def test_messages(groups):
    program, args = converted("all_reduce sum", groups)
    with pytest.raises(BadInputError, match="one of 4 replicas, which communicate: each has inputs of its own"):
        program(*args(0))
    with pytest.raises(BadInputError, match="the arguments of 2 ranks are given, the program has 4"):
        program.evaluate_each([args(0), args(1)])
    module, args, _ = CASES["all_reduce of halves"]
    with pytest.raises(UnsupportedError, match="the ranks of process group .* are not known"):
        exported_program_to_stablehlo(torch.export.export(module(groups["half"]), args(0)))

    class Uneven(nn.Module):
        def forward(self, x):
            return ops.wait_tensor(ops.all_to_all_single(x, [1, 1, 1, 1], [2, 1, 1, 0], groups["world"]))

    with pytest.raises(UnsupportedError, match="pieces of different sizes"):
        exported_program_to_stablehlo(torch.export.export(Uneven(), (torch.ones(4, 3),)))
