"""Signatures: what goes into a call and comes out, three ways each: the converted program; its directory, loaded where torch is not imported;
the .pt2 file, converted by the command line and loaded there. Expected values are eager's."""

import contextlib
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from signature_worker import Pair, Point, numpy_of, plain
from test_cli import good
from torch import nn
from torch.export import Dim
from torch.export.experimental import _export_forward_backward
from torch_stablehlo import (
    BadInputError,
    StableHLOGraphModule,
    UnsupportedError,
    exported_program_to_stablehlo,
)
from torch_stablehlo._lib import lib

torch.export.register_dataclass(Point, serialized_type_name="signature_worker.Point")
torch.utils._pytree._register_namedtuple(Pair, serialized_type_name="signature_worker.Pair")


class Fn(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.forward = fn


def export(model, args, kwargs=None, dynamic=None):
    model = model if isinstance(model, nn.Module) else Fn(model)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(model, args, kwargs, dynamic_shapes=dynamic, strict=False)


class Tied(nn.Module):
    """One matrix under two names."""

    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
        self.out.weight = self.words.weight

    def forward(self, x):
        return self.out(self.words(x))


class Buffers(nn.Module):
    """Persistent and not, a constant that the exporter lifts, and one that is transposed in memory."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kept", torch.arange(6.0).reshape(2, 3))
        self.register_buffer("scratch", torch.full((2, 3), 2.0), persistent=False)
        self.register_buffer("turned", torch.arange(12.0).reshape(3, 4)[:, ::2].t())
        self.lifted = torch.tensor([[5.0], [6.0]])

    def forward(self, x):
        return x * self.kept + self.scratch, self.turned + x, x - self.lifted + torch.tensor([1.0, 2.0, 3.0])


def x23():
    return torch.arange(6.0).reshape(2, 3)


def defaults(x, scale=2.0, *, shift=1, mask=None):
    return x * scale + shift if mask is None else x


def nested(p, q, extra):
    return Point(p.x + extra["a"][0], extra["b"]), Pair(q.second, [q.first, (extra["a"][1],)]), {"z": p.y, "a": {"deep": q.first * 2}}


def modes(x, how, flag):
    return x.sum() if how == "sum" and flag else x.mean()


AUTO = Dim.DYNAMIC

# name: (model, args, kwargs of the export, dynamic shapes, other arguments to call with)
TABLE = {
    "kwargs": (lambda x, *, y, z: x - y * z, (x23(),), {"z": x23(), "y": x23() + 1}, None),
    "defaults": (defaults, (x23(),), {}, None),
    "default given": (defaults, (x23(), 3.0), {"shift": 4}, None),
    "none": (lambda x, y, z: (None, x + z, None, y), (x23(), None, x23()), {}, None),
    "nested": (nested, (Point(x23(), x23() + 1), Pair(x23(), x23() * 3), {"a": [x23(), x23() + 5], "b": x23()}), {}, None),
    "returned unchanged": (lambda x, y: (y, x * 2), (x23(), x23() + 1), {}, None),
    "same twice": (lambda x: (x + 1,) * 2 + (x, x), (x23(),), {}, None),
    "aliases": (lambda x: (x[0], x.t(), x.view(-1), x), (x23(),), {}, None),
    "unused": (lambda x, unused, y, last: x + y, (x23(), torch.ones(4, dtype=torch.int32), x23(), x23()), {}, None),
    "strings": (modes, (x23(), "sum", True), {}, None),
    "only constants": (lambda x: (torch.ones(2), 3, "s"), (x23(),), {}, None),
    "no inputs": (lambda: torch.arange(3), (), {}, None),
    "tied": (Tied(), (torch.tensor([[1, 2], [6, 0]]),), {}, None),
    "buffers": (Buffers(), (x23(),), {}, None),
    "not contiguous": (lambda x, y: x @ y, (x23().t(), torch.arange(24.0).reshape(2, 12)[:, ::3]), {}, None),
    "size out": (lambda x: (x.shape[0], x.relu(), x.shape[0] * 2 + 1), (x23(),), {}, ({0: AUTO},)),
    "int in": (lambda x, n: (x * n, n, n + 1), (x23(), 3), {}, (None, AUTO)),
    "int by keyword": (lambda x, *, n: {"n": n * 2, "x": x / n}, (x23(),), {"n": 4}, {"x": None, "n": AUTO}),
    "ints nested": (lambda x, d: (x * d["a"][0] - d["b"], d), (x23(), {"a": [3, 5], "b": 4}), {}, (None, {"a": [AUTO, AUTO], "b": AUTO})),
    "float out": (lambda x: (x.sum().item(), x + 1), (x23(),), {}, None),
}
STATIC = [n for n in TABLE if n not in ("size out",)]            # whose directories run: no size is unknown in the function


def parts(name):
    model, args, kwargs, dynamic = TABLE[name]
    torch.manual_seed(0)
    return model if isinstance(model, nn.Module) else Fn(model), args, kwargs, dynamic


def same(got, want, at="result"):
    if isinstance(want, dict):
        assert isinstance(got, dict) and list(got) == list(want), (at, got)
        for k in want:
            same(got[k], want[k], f"{at}[{k!r}]")
    elif isinstance(want, list):
        assert isinstance(got, list) and len(got) == len(want), (at, got)
        for i, (g, w) in enumerate(zip(got, want)):
            same(g, w, f"{at}[{i}]")
    elif isinstance(want, tuple):
        assert isinstance(got, tuple), (at, got)
        assert got[0] == want[0] and got[1].shape == want[1].shape, (at, got, want)
        if want[0] in ("float32", "float64"):
            np.testing.assert_allclose(got[1].view(want[0]), want[1].view(want[0]), rtol=1e-5, atol=1e-5, err_msg=at)
        else:
            assert np.array_equal(got[1], want[1]), at
    else:
        assert type(got) is type(want) and got == want, (at, got, want)


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """name -> {way: directory}, and what loading and calling them gives without torch; or the exception."""
    root, jobs, where, made = tmp_path_factory.mktemp("signatures"), [], [], {}
    for i, name in enumerate(TABLE):
        model, args, kwargs, dynamic = parts(name)
        here = root / str(i)
        here.mkdir()
        try:
            ep = export(model, args, kwargs, dynamic)
            torch.export.save(ep, here / "m.pt2")
            made[name] = exported_program_to_stablehlo(ep), here
            made[name][0].save(here / "directory")
            good("convert", here / "m.pt2", "-o", here / "pt2")
        except Exception as e:
            made[name] = e, here
        if name in STATIC:
            for way in ("directory", "pt2"):
                jobs.append((str(here / way), *numpy_of((args, kwargs))))
                where.append((name, way))
    (root / "jobs").write_bytes(pickle.dumps(jobs))
    worker = os.path.join(os.path.dirname(__file__), "signature_worker.py")
    done = subprocess.run([sys.executable, worker, root / "jobs", root / "results"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return made, dict(zip(where, pickle.loads((root / "results").read_bytes())))


def wanted(name):
    model, args, kwargs, _ = parts(name)
    with torch.no_grad():
        return plain(model(*args, **kwargs))


@pytest.mark.parametrize("name", TABLE)
def test_converted(ways, name):
    program, _ = ways[0][name]
    if isinstance(program, Exception):
        raise program
    _, args, kwargs, _ = parts(name)
    got = program(*args, **kwargs)
    same(plain(got), wanted(name))
    want = parts(name)[0](*args, **kwargs)
    assert type(got) is type(want)


@pytest.mark.parametrize("way", ["directory", "pt2"])
@pytest.mark.parametrize("name", STATIC)
def test_loaded_without_torch(ways, name, way):
    got = ways[1][name, way]
    assert not isinstance(got, str) or isinstance(wanted(name), str), got
    same(got, wanted(name))


def test_names_are_the_users(ways):
    program, _ = ways[0]["unused"]
    assert list(program._model.method(None).names.values()) == ["x", "unused", "y", "last"]
