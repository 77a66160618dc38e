"""Signatures: what goes into a call and comes out, three ways each: the converted program; its directory, loaded where torch is not imported;
the .pt2 file, converted by the command line and loaded there. Expected values are eager's."""

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
from oracle import check_format
from served import array
from served import same as served_same
from serving import needs_tensorflow, tensorflow  # noqa: F401 (a fixture)
from signature_worker import Pair, Point, numpy_of, plain
from test_cli import BAD_INPUT, UNSUPPORTED, USAGE, bad, good, tool
from torch import nn
from torch.export import Dim
from torch.export.experimental import _export_forward_backward
from torch_stablehlo import (
    BadInputError,
    StableHLOExportOptions,
    StableHLOGraphModule,
    exported_program_to_stablehlo,
    pjrt_device,
)
from torch_stablehlo._lib import lib
from torch_stablehlo.tf_saved_model_integration import save_stablehlo_graph_as_tf

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

    matrix = torch.arange(28.0).reshape(7, 4) / 7

    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(7, 4, _weight=self.matrix.clone()), nn.Linear(4, 7, bias=False)
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
    "keys": (lambda d: {2: d[1, 0]["b"], (3, "c"): d[5]}, ({(1, 0): {"b": x23()}, 5: x23() + 1},), {}, None),
    "more arguments": (lambda x, *a, y=1, **k: x + a[0] * k["z"] * y, (x23(), x23() + 1), {"y": 3, "z": x23()}, None),
    "empty": (lambda a, b, x: (a, x + 1, {}, [None], (), x[:0]), ([], {}, x23()), {}, None),
    "truths": (lambda x: (x.sum() > 3, x.shape[0] == 2, True), (x23(),), {}, None),
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
@pytest.mark.parametrize("name", TABLE)
def test_loaded_without_torch(ways, name, way):
    got = ways[1][name, way]
    assert not isinstance(got, str) or isinstance(wanted(name), str), got
    same(got, wanted(name))


def test_names_are_the_users(ways):
    program, _ = ways[0]["unused"]
    assert list(program._model.method(None).names.values()) == ["x", "unused", "y", "last"]


def test_outputs_are_called_as_in_the_models_dict(tmp_path):
    """By a command, of the file and of a directory; numbers come first."""
    ep = export(lambda x: {"logits": x + 1, "past": (x * 2, {"1": x * 3}), "0": x * 4, "note": "s"}, (x23(),))
    torch.export.save(ep, tmp_path / "m.pt2")
    good("convert", tmp_path / "m.pt2", "-o", tmp_path / "d")
    np.save(tmp_path / "x.npy", x23().numpy())
    names, factors = ["logits", "past_0", "past_1_1", "0"], {"past_0": 2, "past_1_1": 3, "3": 4}
    for path in (tmp_path / "m.pt2", tmp_path / "d"):
        outputs = json.loads(good("inspect", "--json", path))["functions"][0]["outputs"]
        assert [o["name"] for o in outputs][:4] == names
        for name, factor in factors.items():
            good("run", path, "-i", tmp_path / "x.npy", "-o", f"{name}={tmp_path / 'y.npy'}")
            assert np.array_equal(np.load(tmp_path / "y.npy"), x23().numpy() * factor)
        good("run", path, "-i", tmp_path / "x.npy", "-o", f"0={tmp_path / 'y.npy'}")
        assert np.array_equal(np.load(tmp_path / "y.npy"), x23().numpy() + 1)
        assert "output 0  logits  f32[2,3]" in good("run", path, "-i", tmp_path / "x.npy")


@pytest.mark.parametrize("name", TABLE)
def test_sample_inputs(ways, name):
    """The command line reads those that torch put in the file, but for objects of classes, and says so."""
    path = ways[0][name][1] / "m.pt2"
    if name == "nested":
        reason = "cannot be read: m/data/sample_inputs/model.pt: it holds a signature_worker.Point; only tensors in lists, tuples and dicts are read"
        assert f"sample inputs   {reason}" in good("inspect", path) and f"not run: the sample inputs {reason}" in good("verify", path)
        code, _, err = tool("verify", path, "-e", "0=x.npy")
        assert code == UNSUPPORTED and f"{reason}; give others by --input" in err
        assert json.loads(good("inspect", "--json", path))["samples_unreadable"] in reason
    else:
        assert "run      ok: on " in good("verify", path)


# -- ints ----------------------------------------------------------------------------------------------------------------


def runner_of(program):
    return next(iter(program._model.method(None)._runners.values()))


def int_program():
    return exported_program_to_stablehlo(export(lambda x, n: (x * n, n - 1), (x23(), 3), {}, (None, AUTO)))


def rows_program():
    """An int that is a size."""
    return exported_program_to_stablehlo(export(lambda x, n: x.new_ones(n, 2) * n, (x23(), 3), {}, (None, AUTO)))


def test_an_int_that_is_only_a_number_is_compiled_once():
    program = int_program()
    check_format(program)
    for n in (2, 5, 9, 2**40):
        same(plain(program(x23(), n)), plain((x23() * n, n - 1)))
    same(plain(program(x23(), np.int64(7))), plain((x23() * 7, 6)))
    same(plain(program(x23(), torch.tensor(7))), plain((x23() * 7, 6)))
    assert lib.tshlo_runner_ncompiled(runner_of(program)) == 1
    device = pjrt_device()
    x, n = device.put(x23()), device.put(torch.tensor(4))
    got = program.evaluate(None, (x, n), to_device=True)
    same(plain((got[0].torch(), got[1])), plain((x23() * 4, 3)))


def test_an_int_that_is_a_size_is_a_set_of_sizes():
    program = rows_program()
    check_format(program)
    assert "tensor<i64>) -> tensor<?x2xf32>" in program.get_stablehlo_text()
    for n in (3, 5, 3):
        same(plain(program(x23(), n)), plain(torch.ones(n, 2) * n))
    assert lib.tshlo_runner_ncompiled(runner_of(program)) == 2
    device = pjrt_device()
    same(plain(program(device.put(x23()), device.put(torch.tensor(6)))), plain(torch.ones(6, 2) * 6))


@pytest.mark.parametrize("n, message", [
    (-1, "n is -1, wanted 0 or more"),
    (2.0, "input 'n' is 2.0, wanted an int"),
    (True, "input 'n' is True, wanted an int"),
    (None, "input 'n' is None, wanted an int"),
    (2**63, "which is no number of 64 bits"),
    (torch.tensor(2.0), r"input 1 \(n\) is f32\[\], wanted i64\[\]"),
])
def test_ints_that_are_refused(n, message):
    for program in (int_program(), rows_program()):
        with pytest.raises(BadInputError, match=message):
            program(x23(), n)


def test_range_of_an_int():
    program = exported_program_to_stablehlo(export(lambda x, n: x * n, (x23(), 3), {}, (None, Dim.DYNAMIC(min=2, max=8))))
    same(plain(program(x23(), 8)), plain(x23() * 8))
    for n in (1, 9):
        with pytest.raises(BadInputError, match=f"n is {n}, wanted 2 to 8"):
            program(x23(), n)


def test_an_int_that_is_chosen(tmp_path):
    ep = export(lambda x, n: x.new_ones(n, 2) * n, (x23(), 3), {}, (None, AUTO))
    program = exported_program_to_stablehlo(ep, StableHLOExportOptions(dims={"n": 4}))
    assert "?" not in program.get_stablehlo_text()
    same(plain(program(x23(), 4)), plain(torch.full((4, 2), 4.0)))
    with pytest.raises(BadInputError, match="n is 5, wanted 4"):
        program(x23(), 5)
    torch.export.save(ep, tmp_path / "m.pt2")
    np.save(tmp_path / "x.npy", x23().numpy())
    np.save(tmp_path / "n.npy", np.int64(4))
    run = ("run", tmp_path / "m.pt2", "-i", tmp_path / "x.npy", "-i", tmp_path / "n.npy", "-o", tmp_path / "y.npy")
    for dim in ((), ("--dim", "n=4")):
        good(*run, *dim)
        assert np.array_equal(np.load(tmp_path / "y.npy"), np.full((4, 2), 4, np.float32))
    assert bad(BAD_INPUT, *run, "--dim", "n=5") == "n is 4, wanted 5"
    good("verify", tmp_path / "m.pt2", "--dim", "n=4", "-i", tmp_path / "x.npy", "-i", tmp_path / "n.npy", "-e", tmp_path / "y.npy")
    assert "--dim is for .pt2 files" in bad(UNSUPPORTED, "run", tmp_path, "--dim", "n=4")
    assert "run: --dim is 'n', wanted NAME=SIZE" in bad(USAGE, *run, "--dim", "n")


def test_seeds_of_run_and_verify(tmp_path):
    ep = export(lambda x: x + torch.rand(4), (torch.zeros(4),))
    torch.export.save(ep, tmp_path / "m.pt2")
    np.save(tmp_path / "x.npy", np.zeros(4, np.float32))
    np.save(tmp_path / "seed.npy", np.uint64(5))
    run = ("run", tmp_path / "m.pt2", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    drawn = {}
    for name, more in {"5": ("--seed", "5"), "0": (), "input": ("--seed-input", "-i", f"seed={tmp_path / 'seed.npy'}")}.items():
        good(*run, *more)
        drawn[name] = np.load(tmp_path / "y.npy")
    want = exported_program_to_stablehlo(ep, StableHLOExportOptions(random_seed=5))(torch.zeros(4)).numpy()
    assert np.array_equal(drawn["5"], want) and np.array_equal(drawn["input"], want) and not np.array_equal(drawn["0"], want)
    good("verify", tmp_path / "m.pt2", "--seed", "5", "-i", tmp_path / "x.npy", "-e", tmp_path / "y.npy")
    assert "run: --seed is '-1', wanted a number" in bad(USAGE, *run, "--seed=-1")


# -- executables -----------------------------------------------------------------------------------------------------------


def test_executables_used_last_are_kept():
    program = rows_program()
    program.cache_size = 2
    for n in (2, 3, 4, 4, 3):
        program(x23(), n)
    runner = runner_of(program)
    assert (lib.tshlo_runner_ncompiled(runner), lib.tshlo_runner_nkept(runner)) == (3, 2)
    program(x23(), 2)
    assert (lib.tshlo_runner_ncompiled(runner), lib.tshlo_runner_nkept(runner)) == (4, 2)
    program(x23(), 3)
    assert lib.tshlo_runner_ncompiled(runner) == 4
    program.cache_size = 1
    assert lib.tshlo_runner_nkept(runner) == 1
    with pytest.raises(BadInputError, match="cache's size is 0, wanted 1 or more"):
        program.cache_size = 0


def test_threads_that_throw_out_each_others_executables():
    program, wrong = rows_program(), []
    program.cache_size = 1

    def work(first):
        for i in range(4):
            n = 2 + (first + i) % 3
            if not torch.equal(program(x23(), n), torch.ones(n, 2) * n):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and lib.tshlo_runner_nkept(runner_of(program)) == 1


# -- tied weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["directory", "pt2"])
def test_tied_weights_are_stored_once(ways, way):
    here = ways[0]["tied"][1] / way / "data"
    assert sorted(os.listdir(here)) == ["out.weight", "words.weight"]
    assert (here / "out.weight").stat().st_ino == (here / "words.weight").stat().st_ino
    for name in os.listdir(here):
        np.testing.assert_array_equal(np.load(here / name), Tied.matrix.numpy())


def test_a_part_of_a_weight_is_a_file_of_its_own(tmp_path):
    class Parts(nn.Module):
        def __init__(self):
            super().__init__()
            whole = torch.arange(6.0)
            self.register_buffer("whole", whole)
            self.register_buffer("start", whole[:3])
            self.register_buffer("again", whole.view(2, 3))

        def forward(self, x):
            return x + self.whole.sum() + self.start.sum() + self.again.sum()

    exported_program_to_stablehlo(export(Parts(), (x23(),))).save(tmp_path / "d")
    files = [(tmp_path / "d" / "data" / n) for n in ("whole", "start", "again")]
    assert len({f.stat().st_ino for f in files}) == 3
    assert [np.load(f).shape for f in files] == [(6,), (3,), (2, 3)]


# -- gradients -------------------------------------------------------------------------------------------------------------


class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense, self.norm = nn.Linear(3, 2), nn.BatchNorm1d(2)

    def forward(self, x, y):
        return nn.functional.mse_loss(self.norm(self.dense(x)), y)


@pytest.fixture
def step():
    """(program, inputs, loss, {name: gradient})"""
    torch.manual_seed(0)
    model, inputs = Loss(), (torch.randn(4, 3, requires_grad=True), torch.randn(4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        joint = _export_forward_backward(torch.export.export(model, inputs))
    program = exported_program_to_stablehlo(joint)
    model = copy.deepcopy(model)                                        # the program goes on with the buffers of the other
    loss = model(*inputs)
    names, weights = zip(*model.named_parameters())
    return program, inputs, loss, dict(zip((*names, "x"), torch.autograd.grad(loss, (*weights, inputs[0]))))


def test_gradients(step, tmp_path):
    program, inputs, loss, gradients = step
    check_format(program)
    program.save(tmp_path / "d")
    for p in (program, StableHLOGraphModule.load(tmp_path / "d")):
        got, found = p(*inputs)
        torch.testing.assert_close(got, loss.detach(), rtol=1e-4, atol=1e-5)
        assert sorted(found) == sorted(gradients)
        for name in gradients:
            torch.testing.assert_close(found[name], gradients[name], rtol=1e-3, atol=1e-5)
        assert p.state()["norm.num_batches_tracked"] == 1           # what it writes is state, as ever
    kept = program.evaluate(None, inputs, to_device=True)
    assert kept[1]["x"].shape == (4, 3) and kept[0].shape == ()


def test_gradients_on_the_command_line(step, tmp_path):
    program, inputs, loss, gradients = step
    program.save(tmp_path / "d")
    for name, x in zip("xy", inputs):
        np.save(tmp_path / f"{name}.npy", x.detach().numpy())
    run = ("run", tmp_path / "d", "-i", tmp_path / "x.npy", "-i", tmp_path / "y.npy")
    out = good(*run)
    assert "output 0" in out and "gradient of dense.weight  f32[2,3]" in out and "gradient of x  f32[4,3]" in out
    good(*run, "-o", f"dense.weight={tmp_path / 'g.npy'}")
    np.testing.assert_allclose(np.load(tmp_path / "g.npy"), gradients["dense.weight"].numpy(), rtol=1e-3, atol=1e-5)


@needs_tensorflow
@pytest.mark.parametrize("way", ["python", "directory"])
def test_gradients_of_a_saved_model(tensorflow, step, way, tmp_path):  # noqa: F811
    """The pair (loss, {name: gradient}) where it is called, gradient_NAME in the signature."""
    program, inputs, loss, gradients = step
    program.save(tmp_path / "d")
    if way == "python":
        save_stablehlo_graph_as_tf(program, tmp_path / "s")
    else:
        good("convert", tmp_path / "d", "-o", tmp_path / "s", "--format", "saved-model")
    number, (x, y) = tensorflow.load(tmp_path / "s")["object"], map(array, inputs)
    want = {"output_0": array(loss), **{f"gradient_{n}": array(g) for n, g in gradients.items()}}
    got = tensorflow.signature(number, "serving_default", {"x": x, "y": y})
    assert sorted(got) == sorted(want)
    for name in want:
        served_same(got[name], want[name], name, 1e-3, 1e-5)
    got = tensorflow.call(number, "__call__", [x, y], {})
    assert len(got) == 2 and sorted(got[1]) == sorted(gradients)
    served_same(got[0], array(loss), "loss", 1e-4, 1e-5)
    for name in gradients:
        served_same(got[1][name], array(gradients[name]), name, 1e-3, 1e-5)
