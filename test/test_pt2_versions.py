"""Files that other releases of torch wrote: test/data/torch-<version>.pt2, one per layout that the torch of the tests no longer writes.

test/data/make_pt2.py made them. What they must give comes from the same network in the torch that runs the tests.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build"))
DATA = ROOT / "test/data"
sys.path.insert(0, str(DATA))
import make_pt2  # noqa: E402

# version: schema, as torch/_export/serde/schema.py had it
WRITTEN = {"2.6.0": [8, 2], "2.8.0": [8, 8]}


def run(tool, *args):
    done = subprocess.run([BUILD / tool, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", WRITTEN)
def test_what_is_in_it(version):
    got = json.loads(run("src/pt2/test/pt2-dump", "--samples", DATA / f"torch-{version}.pt2"))
    assert got["schema"] == WRITTEN[version] and got["torch"].startswith(version)
    want = make_pt2.net()
    want = {**want.state_dict(), "shift": want.shift, "constant": want.constant}
    tensors = {t["name"]: t for t in got["tensors"]}
    assert tensors.keys() == want.keys()
    for name, t in want.items():
        assert tensors[name]["data"] == t.numpy().tobytes().hex(), name
    assert tensors["fc.weight"]["storage"] == tensors["tied.weight"]["storage"]
    args, kwargs = make_pt2.inputs()
    assert [s["name"] for s in got["samples"]] == ["x", "scale"]
    assert [s["data"] for s in got["samples"]] == [t.numpy().tobytes().hex() for t in (args[0], kwargs["scale"])]


@pytest.mark.parametrize("version", WRITTEN)
def test_it_computes_what_eager_computes(version, tmp_path):
    args, kwargs = make_pt2.inputs()
    with torch.no_grad():
        want = make_pt2.net()(*args, **kwargs)
    np.save(tmp_path / "y.npy", want["y"].numpy())
    np.save(tmp_path / "top.npy", want["top"][0].numpy())
    out = run(
        "src/cli/torch-stablehlo", "verify", DATA / f"torch-{version}.pt2", "--expect", tmp_path / "y.npy",
        "--expect", tmp_path / "top.npy",
    )
    assert out.count("elements agree") == 2
