"""The models of served_models.py on disk: exported, as a StableHLO directory, as a SavedModel; made once for a run of pytest."""

import os
import subprocess
import warnings

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

import tf_worker
from served_models import CASES, STATEFUL
from serving import BUILD

CONVERT = BUILD / "src/cli/torch-stablehlo"
TO_SAVED_MODEL = BUILD / "src/cli/stablehlo-to-saved-model"


def run(tool, *args, **kw):
    """(exit code, stderr); a sanitizer's report is never a mere failure."""
    done = subprocess.run([tool, *map(str, args)], capture_output=True, timeout=120, **kw)
    err = done.stderr.decode(errors="replace")
    assert "Sanitizer" not in err and "runtime error" not in err, err
    return done.returncode, err


def good(tool, *args, **kw):
    code, err = run(tool, *args, **kw)
    assert code == 0 and err == "", (code, err)


def array(t):
    """A torch tensor, or a number, as NumPy has it, bfloat16 too."""
    t = torch.as_tensor(t, dtype=torch.float32 if isinstance(t, float) else None).detach().contiguous()
    if t.dtype == torch.bfloat16:
        return t.view(torch.int16).numpy().view(tf_worker.dtype_of("bfloat16"))
    return t.numpy()


def leaves(x):
    """What a signature can give of a result: every leaf that is no None."""
    return [array(v) for v in pytree.tree_leaves(x) if v is not None]


class Served:
    """A case: its module and its files below `folder`."""

    def __init__(self, name, folder):
        self.name, self.case, self.folder = name, CASES[name], folder
        torch.manual_seed(0)
        made = self.case.make()
        self.module = made.train() if name in STATEFUL else made.eval()
        self.state = {k: v.clone() for k, v in self.module.state_dict().items()}
        self.inputs = {k: array(v) for k, v in self.case.inputs.items()}
        self.args, self.kwargs = self._arguments(self.case.inputs)
        folder.mkdir()
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.exported = torch.export.export(self.module, self.args, self.kwargs)
            torch.export.save(self.exported, self.program)

    program = property(lambda self: self.folder / "model.pt2")

    def _arguments(self, inputs):
        """What forward() is called with, of values by signature name."""
        values = list(inputs.values())
        if hasattr(self.module, "arguments"):
            return self.module.arguments(values), {}
        if self.case.kwargs:
            return (), dict(zip(self.case.kwargs, values))
        return tuple(values), {}

    @property
    def directory(self):
        """As a StableHLO directory."""
        path = self.folder / "stablehlo"
        if not path.exists():
            good(CONVERT, "convert", self.program, "-o", path)
        return path

    @property
    def saved_model(self):
        """As a SavedModel, by way of the directory."""
        path = self.folder / "models" / "1"
        if not path.exists():
            good(TO_SAVED_MODEL, self.directory, path)
        return path

    def eager(self, inputs=None):
        """Results of the module, in its own structure, from fresh copies of its state and inputs."""
        if self.name in STATEFUL:
            self.module.load_state_dict({k: v.clone() for k, v in self.state.items()})
        args, kwargs = self._arguments({k: v.clone() for k, v in (inputs or self.case.inputs).items()})
        with torch.no_grad():
            return self.module(*args, **kwargs)

    def want(self):
        """Results by the signature's names."""
        flat = leaves(self.eager())
        assert len(flat) == len(self.case.outputs)
        return dict(zip(self.case.outputs, flat))

    def check(self, got, want=None):
        want = self.want() if want is None else want
        assert set(got) == set(want)
        for name, w in want.items():
            same(got[name], w, name, self.case.rtol, self.case.atol)


def same(got, want, name="", rtol=1e-5, atol=1e-5):
    """Type and shape are the same, integers and bool are equal, floats are near."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape), name
    if want.dtype.kind in "iub?":
        np.testing.assert_array_equal(got, want, name)
        return
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(got.astype(wide), want.astype(wide), rtol, atol, err_msg=name)


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """served("ResNet18"), made on first use."""
    folder, made = tmp_path_factory.mktemp("served"), {}

    def get(name):
        if name not in made:
            made[name] = Served(name, folder / name)
        return made[name]

    return get


def files(path):
    """{relative path: bytes} of a directory."""
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def left(path):
    return sorted(os.listdir(path))
