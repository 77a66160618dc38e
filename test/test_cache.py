"""src/pjrt/cache.c: a later process loads what an earlier one compiled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
CLI = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/cli/torch-stablehlo"

# what a user's process does: no torch is needed to load a directory
PROGRAM = """
import json, sys
import numpy as np
from torch_stablehlo import StableHLOGraphModule, pjrt_device
from torch_stablehlo._lib import lib

program = StableHLOGraphModule.load(sys.argv[1])
x = np.linspace(-1, 1, 2 * 3 * 6 * 6, dtype=np.float32).reshape(2, 3, 6, 6)
y = program(x)
runner = next(iter(program._model.method(None)._runners.values()))
print(json.dumps({"compiled": lib.tshlo_runner_ncompiled(runner), "y": y.tolist(), "cache": pjrt_device().cache_dir}))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    import torch
    from torch import nn

    from torch_stablehlo import exported_program_to_stablehlo

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("made")
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    x = torch.linspace(-1, 1, 2 * 3 * 6 * 6).reshape(2, 3, 6, 6)
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    exported_program_to_stablehlo(torch.export.export(model, (x,))).save(folder / "dir")
    exported_program_to_stablehlo(exported).save(folder / "open")
    np.save(folder / "x.npy", x.numpy())
    np.save(folder / "y.npy", model(x).detach().numpy())
    return folder


def run(directory, cache):
    env = {**os.environ, "TORCH_STABLEHLO_CACHE": str(cache)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, directory], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", ["dir", "open"])
def test_a_second_process_compiles_nothing(kind, made, tmp_path):
    first, second = run(made / kind, tmp_path / "c"), run(made / kind, tmp_path / "c")
    assert (first["compiled"], second["compiled"]) == (1, 0)
    assert first["cache"] == str(tmp_path / "c")
    assert first["y"] == second["y"]
    np.testing.assert_allclose(second["y"], np.load(made / "y.npy"), rtol=1e-4, atol=1e-5)
    assert len(list((tmp_path / "c").iterdir())) == 2, "each run's program and the one that runs once"


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "key"])
def test_damage_counts_as_missing(damage, made, tmp_path):
    first = run(made / "dir", tmp_path / "c")
    for f in (tmp_path / "c").iterdir():
        data = bytearray(f.read_bytes())
        if damage == "cut":
            data = data[: len(data) // 2]
        elif damage == "empty":
            data = b""
        else:
            data[len(data) // 2 if damage == "flipped" else 30] ^= 1
        f.write_bytes(data)
    again = run(made / "dir", tmp_path / "c")
    assert again["compiled"] == 1 and again["y"] == first["y"]
    assert run(made / "dir", tmp_path / "c")["compiled"] == 0


def test_another_program_is_compiled(made, tmp_path):
    run(made / "dir", tmp_path / "c")
    files = len(list((tmp_path / "c").iterdir()))
    done = cli("run", made / "dir", "--cache", tmp_path / "c", "--untuned", "-i", made / "x.npy")
    assert done.returncode == 0 and len(list((tmp_path / "c").iterdir())) == files + 1


def cli(*args):
    return subprocess.run([CLI, *map(str, args)], capture_output=True, text=True)


def test_cli_compile(made, tmp_path):
    for wanted in ("compiled", "there already"):
        done = cli("compile", made / "dir", "--cache", tmp_path / "c")
        assert done.returncode == 0 and done.stdout.startswith(f"{wanted} for cpu, "), done
    assert run(made / "dir", tmp_path / "c")["compiled"] == 0


def test_cli_open_sizes(made, tmp_path):
    done = cli("compile", made / "open", "--cache", tmp_path / "c")
    assert done.returncode == 1
    assert "its sizes are open: give them by --dim, or inputs that have them by --input" in done.stderr
    assert cli("compile", made / "open", "--cache", tmp_path / "c", "-i", made / "x.npy").returncode == 0
    assert run(made / "open", tmp_path / "c")["compiled"] == 0


def test_cli_refused(made, tmp_path):
    done = cli("compile", made / "dir")
    assert done.returncode == 2 and "compile: --cache DIR is missing" in done.stderr
    (tmp_path / "file").write_text("")
    done = cli("compile", made / "dir", "--cache", tmp_path / "file")
    assert done.returncode != 0 and str(tmp_path / "file") in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written(made, tmp_path):
    (tmp_path / "c").mkdir(mode=0o500)
    assert run(made / "dir", tmp_path / "c")["compiled"] == 1
