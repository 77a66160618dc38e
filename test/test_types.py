"""Element types on every path: as weights, inputs and outputs; in Python, through a directory loaded where torch is not imported (ours, and with
weights as NumPy itself writes them), and through the command line. What is right is what went in, or eager's."""

import pickle
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from signature_worker import __file__ as WORKER
from signature_worker import numpy_of, plain
from test_cli import good
from test_signatures import same
from torch import nn
from torch_stablehlo import exported_program_to_stablehlo

ml_dtypes = pytest.importorskip("ml_dtypes")

PLAIN = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bfloat16", "float16", "float32", "float64",
         "complex64", "complex128"]
F8 = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"]
SAVED_BY_NUMPY = {"bfloat16": "<V2", "float8_e5m2": "<f1", **{t: "<V1" for t in F8 if t != "float8_e5m2"}}


def of_type(name, *values):
    dtype = getattr(torch, name)
    x = torch.tensor(values, dtype=torch.float64)
    if name == "float8_e8m0fnu":
        x = x.clamp(min=0.5)  # it has no zero; what is nearest, 2^-127, is flushed to one by XLA on its way through f32
    if dtype.is_complex:
        return torch.complex(x, x.flip(0)).to(dtype)
    return (x != 1).reshape(-1) if name == "bool" else x.to(torch.float32).to(dtype)


class Typed(nn.Module):
    """Weights dense and strided; results that pass through and that are computed."""

    def __init__(self, name):
        super().__init__()
        self.register_buffer("dense", of_type(name, 1, 2, 0, 3, 5, 6).reshape(2, 3))
        self.register_buffer("turned", of_type(name, 6, 5, 4, 3, 2, 1).reshape(3, 2).t())
        self.narrow = name in F8

    def forward(self, x):
        if self.narrow:
            mixed = (x.to(torch.float32) + self.dense.to(torch.float32)).to(x.dtype)
        else:
            mixed = torch.where(x == self.dense, self.turned, x)
        return x, self.dense.clone(), self.turned.clone(), mixed, x[0, 1]


def case(name):
    return Typed(name), (of_type(name, 1, 1, 0, 2, 4, 6).reshape(2, 3),)


def wanted(name):
    model, args = case(name)
    return plain(model(*args))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """name -> its program, or exception; (name, way) -> what a process without torch gets"""
    root, jobs, where, programs = tmp_path_factory.mktemp("types"), [], [], {}
    for name in PLAIN + F8:
        here, (model, args) = root / name, case(name)
        here.mkdir()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ep = torch.export.export(model, args)
                torch.export.save(ep, here / "m.pt2")
            programs[name] = exported_program_to_stablehlo(ep)
            programs[name].save(here / "ours")
            shutil.copytree(here / "ours", here / "numpy")
            for weight, t in model.state_dict().items():
                np.save(open(here / "numpy" / "data" / weight, "wb"), numpy_of(t))
        except Exception as e:
            programs[name] = e
        for way in ("ours", "numpy"):
            jobs.append((str(here / way), numpy_of(args), {}))
            where.append((name, way))
    (root / "jobs").write_bytes(pickle.dumps(jobs))
    done = subprocess.run([sys.executable, WORKER, root / "jobs", root / "results"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return root, programs, dict(zip(where, pickle.loads((root / "results").read_bytes())))


@pytest.mark.parametrize("name", PLAIN + F8)
def test_python(made, name):
    program = made[1][name]
    if isinstance(program, Exception):
        raise program
    same(plain(program(*case(name)[1])), wanted(name))
    weights = program._bundle.state_dict
    assert all(w.dtype.name == name for w in weights.values())
    same(plain(np.ascontiguousarray(weights["turned"])), plain(case(name)[0].turned))


@pytest.mark.parametrize("way", ["ours", "numpy"])
@pytest.mark.parametrize("name", PLAIN + F8)
def test_directory(made, name, way):
    got = made[2][name, way]
    assert isinstance(got, list), got
    same(got, wanted(name))


@pytest.mark.parametrize("name", SAVED_BY_NUMPY)
def test_files_are_what_ml_dtypes_writes(made, name):
    """But for float8_e5m2, whose '<f1' NumPy cannot read back."""
    ours, numpys = ((made[0] / name / way / "data" / "dense").read_bytes() for way in ("ours", "numpy"))
    assert SAVED_BY_NUMPY[name].encode() in numpys
    assert ours == numpys.replace(b"'<f1'", b"'<V1'")


@pytest.mark.parametrize("name", PLAIN + F8)
def test_command_line(made, name, tmp_path):
    """The .pt2 file; inputs as numpy.save writes them, outputs as numpy.load reads them."""
    (x,), files = case(name)[1], [tmp_path / f"{i}.npy" for i in range(5)]
    np.save(tmp_path / "x.npy", numpy_of(x))
    outputs = [a for f in files for a in ("-o", f)]
    good("run", made[0] / name / "m.pt2", "-i", tmp_path / "x.npy", *outputs)
    want = case(name)[0](x)
    for f, w in zip(files, want):
        w = numpy_of(w)
        assert np.load(f).view(w.dtype).tobytes() == w.tobytes() and np.load(f).shape == w.shape
        np.save(f, w.copy(order="C"))
    good("verify", made[0] / name / "m.pt2", "-i", tmp_path / "x.npy", *[a for f in files for a in ("-e", f)])
