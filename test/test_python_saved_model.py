"""torch_xla.tf_saved_model_integration's API in the Python package. Expected values are eager PyTorch's; what was saved is read by
TensorFlow. Whether a SavedModel computes what it should is test_saved_model.py's matter.
"""

import inspect
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import export

from serving import needs_tensorflow, tensorflow  # noqa: F401  (a fixture)
from torch_stablehlo import BadInputError, FileError, StableHLOExportOptions, StableHLOGraphModule, UnsupportedError
from torch_stablehlo import exported_program_to_stablehlo
from torch_stablehlo.tf_saved_model_integration import make_tf_function, save_stablehlo_graph_as_tf, save_torch_module_as_tf_saved_model

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build"))
FILES = {"saved_model.pb", "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"}


class Nested(nn.Module):
    """Nested inputs and outputs, a keyword, a number that is baked in, None among the outputs, bfloat16 weights."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(4, 3)
        self.register_buffer("scale", torch.tensor([1.0, -2.0, 3.0]))
        self.small = nn.Parameter(torch.randn(3, 2).bfloat16())

    def forward(self, x, pair, power, *, bias):
        a, n = pair
        y = torch.relu(self.fc(x)) * self.scale + a**power + bias
        return {"y": y, "rest": (y.bfloat16() @ self.small, n + 1, None)}


def nested_arguments():
    g = torch.Generator().manual_seed(1)
    return (torch.randn(2, 4, generator=g), (torch.randn(2, 3, generator=g), torch.tensor([1, 2**60])), 2), {"bias": torch.ones(3)}


@pytest.fixture(scope="module")
def nested():
    """(program, exported program)"""
    args, kwargs = nested_arguments()
    exported = export(Nested().eval(), args, kwargs)
    return exported_program_to_stablehlo(exported), exported


@pytest.fixture(scope="module")
def directory(nested, tmp_path_factory):
    """nested as `dir`, one without our own .json as torch_xla would write it as `bare`, and arguments and results in io.npz."""
    d = tmp_path_factory.mktemp("python_saved_model")
    nested[0].save(d / "dir")
    shutil.copytree(d / "dir", d / "bare")
    for f in (d / "bare/functions").glob("*.torch_stablehlo.json"):
        f.unlink()
    (x, (a, n), _), kwargs = nested_arguments()
    with torch.no_grad():
        out = Nested().eval()(x, (a, n), 2, **kwargs)
    half, count, _ = out["rest"]
    np.savez(d / "io.npz", x=x, a=a, n=n, bias=kwargs["bias"], y=out["y"], half=half.float(), count=count)
    return d


def files(d):
    return {str(p.relative_to(d)): p.read_bytes() for p in d.rglob("*") if p.is_file()}


def python(script, *args, cwd=None):
    """Runs it in a process of its own; its standard output."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT / "test")]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    script = textwrap.dedent(script) if "\n" in script else script
    argv = [sys.executable, "-c", script, *map(str, args)] if "\n" in script else [sys.executable, "-m", script, *map(str, args)]
    done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# -- the API -------------------------------------------------------------------------------------------------------------


def test_signatures_begin_as_torch_xlas():
    """torch_xla 2.9, torch_xla/tf_saved_model_integration.py; what is new is by keyword only."""

    def positional(f):
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
        return {n: p.default for n, p in inspect.signature(f).parameters.items() if p.kind in kinds}

    no = inspect.Parameter.empty
    assert positional(make_tf_function) == {"stablehlo_program": no, "bundle": None}
    assert positional(save_stablehlo_graph_as_tf) == {
        "stablehlo_program": no, "path": no, "serving_key": "serving_default", "function_alias": ""}
    assert positional(save_torch_module_as_tf_saved_model) == {
        "torch_model": no, "args": no, "saved_model_dir": no, "dynamic_shapes": None, "serving_key": "serving_default", "function_alias": ""}


def test_saving_imports_neither_tensorflow_nor_torch(directory, tmp_path):
    out = python(
        """
        import sys
        from torch_stablehlo import StableHLOGraphModule
        from torch_stablehlo.tf_saved_model_integration import save_stablehlo_graph_as_tf
        save_stablehlo_graph_as_tf(StableHLOGraphModule.load(sys.argv[1]), sys.argv[2])
        print([m for m in ("tensorflow", "torch", "jax", "google.protobuf") if m in sys.modules])
        """,
        directory / "dir", tmp_path / "m",
    )
    assert out == "[]\n" and set(files(tmp_path / "m")) == FILES


def test_saving_a_torch_module_imports_no_tensorflow(tmp_path):
    out = python(
        """
        import sys
        import torch
        from torch_stablehlo.tf_saved_model_integration import save_torch_module_as_tf_saved_model
        before = "tensorflow" in sys.modules
        save_torch_module_as_tf_saved_model(torch.nn.Linear(4, 3), (torch.ones(2, 4),), sys.argv[1])
        print(before, "tensorflow" in sys.modules)
        """,
        tmp_path / "m",
    )
    assert out == "False False\n" and set(files(tmp_path / "m")) == FILES


def test_all_ways_write_the_same(nested, directory, tmp_path):
    program, _ = nested
    save_stablehlo_graph_as_tf(program, tmp_path / "memory")
    args, kwargs = nested_arguments()
    tool = BUILD / "src/cli/stablehlo-to-saved-model"
    save_stablehlo_graph_as_tf(StableHLOGraphModule.load(directory / "dir"), str(tmp_path / "loaded"), "key", "alias")
    subprocess.run([tool, directory / "dir", tmp_path / "tool", "-k", "key", "-a", "alias"], check=True)
    assert files(tmp_path / "loaded") == files(tmp_path / "tool")
    model, x = nn.Linear(4, 3).eval(), torch.ones(2, 4)
    save_torch_module_as_tf_saved_model(model, (x,), tmp_path / "module", function_alias="f", warmup=True)
    program = exported_program_to_stablehlo(export(model, (x,)))
    save_stablehlo_graph_as_tf(program, tmp_path / "program", function_alias="f", warmup=True)
    assert files(tmp_path / "module") == files(tmp_path / "program")
    assert set(files(tmp_path / "module")) == FILES | {"assets.extra/tf_serving_warmup_requests"}
    assert set(files(tmp_path / "memory")) == FILES


def test_of_a_bundle(directory, tmp_path):
    program = StableHLOGraphModule.load(directory / "dir")
    save_stablehlo_graph_as_tf(StableHLOGraphModule(program._bundle), tmp_path / "m")
    assert set(files(tmp_path / "m")) == FILES


@needs_tensorflow
def test_what_is_said_about_it(tmp_path, tensorflow):  # noqa: F811
    x, n = torch.ones(2, 4), torch.tensor([1])

    class Two(nn.Module):
        def forward(self, x, n):
            return x * 2, n + 1

    def meta(*args, **kwargs):
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        save_torch_module_as_tf_saved_model(Two(), (x, n), tmp_path / "m", *args, **kwargs)
        m = tensorflow.meta_graph(tmp_path / "m")
        ((key, s),) = ((k, s) for k, s in m["signatures"].items() if not k.startswith("__"))
        return key, set(s["inputs"]), set(s["outputs"]), list(m["aliases"].values()), m["modules"][0]["platforms"]

    assert meta() == ("serving_default", {"x", "n"}, {"output_0", "output_1"}, [], [])
    assert meta(None, "k", "a") == ("k", {"x", "n"}, {"output_0", "output_1"}, ["a"], [])
    got = meta(input_names=["image", "count"], output_names=("scores", "next"), platforms=["cpu", "CUDA"])
    assert got == ("serving_default", {"image", "count"}, {"scores", "next"}, [], ["CPU", "CUDA"])
    assert meta(serving_key={"forward": "k"}, function_alias={"forward": "a"}, input_names={"forward": ["p", "q"]})[:4] == (
        "k", {"p", "q"}, {"output_0", "output_1"}, ["a"])


def test_target(tmp_path):
    model, x = nn.Linear(4, 3).eval(), torch.ones(2, 4)
    save_torch_module_as_tf_saved_model(model, (x,), tmp_path / "a", target="0.14.0")
    save_torch_module_as_tf_saved_model(model, (x,), tmp_path / "b", options=StableHLOExportOptions(target="0.14.0"))
    assert b"StableHLO_v0.14.0" in (tmp_path / "a/saved_model.pb").read_bytes()
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize(
    "kwargs, error, message",
    [
        ({"input_names": ["x"]}, BadInputError, "1 input names are given, it has 4"),
        ({"input_names": "xyzw"}, BadInputError, "input_names is 'xyzw', wanted a list of names"),
        ({"output_names": ["a", "a", "b"]}, BadInputError, "two outputs are called 'a'"),
        ({"serving_key": {"nope": "k"}}, BadInputError, "there is no method 'nope'"),
        ({"platforms": ["gpu"]}, BadInputError, "the platform is 'GPU', wanted CPU, CUDA, ROCM or TPU"),
        ({"platforms": "cpu"}, BadInputError, "platforms is 'cpu', wanted a list of names"),
        ({"target": "1.9"}, BadInputError, "'1.9' is no StableHLO version"),
    ],
)
def test_what_is_refused(kwargs, error, message, nested, tmp_path):
    with pytest.raises(error, match=message):
        save_stablehlo_graph_as_tf(nested[0], tmp_path / "m", **kwargs)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_taken(nested, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/note").write_text("mine")
    with pytest.raises(FileError, match="not an empty directory"):
        save_stablehlo_graph_as_tf(nested[0], tmp_path / "m")
    assert files(tmp_path) == {"m/note": b"mine"}


# -- in torch_xla's place -----------------------------------------------------------------------------------------------------


def test_under_torch_xlas_names(tmp_path):
    out = python(
        """
        import sys
        import torch_stablehlo
        torch_stablehlo.install_as_torch_xla()
        import torch, torch_xla
        from torch_xla.tf_saved_model_integration import save_torch_module_as_tf_saved_model
        save_torch_module_as_tf_saved_model(torch.nn.Linear(4, 3), (torch.ones(2, 4),), sys.argv[1])
        print(torch_xla.tf_saved_model_integration.make_tf_function.__module__)
        """,
        tmp_path / "m",
    )
    assert out == "torch_stablehlo.tf_saved_model_integration\n" and set(files(tmp_path / "m")) == FILES


def test_as_a_command(directory, tmp_path):
    module = "torch_stablehlo.tf_saved_model_integration"
    out = python(module, directory / "dir", tmp_path / "m", "-k", "key", "--function_alias", "alias")
    assert out.endswith("Done!\n") and str(tmp_path / "m") in out
    save_stablehlo_graph_as_tf(StableHLOGraphModule.load(directory / "dir"), tmp_path / "want", "key", "alias")
    assert files(tmp_path / "m") == files(tmp_path / "want")
    done = subprocess.run([sys.executable, "-m", module, tmp_path / "gone", tmp_path / "n"], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "python")}, timeout=60)
    assert done.returncode == 1 and f"{tmp_path}/gone: " in done.stderr and "Traceback" not in done.stderr and "Warning" not in done.stderr


# -- functions of TensorFlow ------------------------------------------------------------------------------------------------


FUNCTIONS = """
    import sys
    import numpy as np
    from torch_stablehlo import BadInputError, StableHLOGraphModule, StructureError
    from torch_stablehlo.tf_saved_model_integration import make_tf_function

    program, io = StableHLOGraphModule.load(sys.argv[1]), np.load(sys.argv[2])
    f = make_tf_function(program)
    assert "torch" not in sys.modules
    import tensorflow as tf

    x, a, n, bias = (tf.constant(io[k]) for k in ("x", "a", "n", "bias"))

    def check(out):
        half, count, none = out["rest"]
        np.testing.assert_allclose(out["y"], io["y"], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(tf.cast(half, tf.float32), io["half"], rtol=2e-2, atol=1e-2)
        np.testing.assert_array_equal(count, io["count"])
        assert none is None and type(out) is dict and type(out["rest"]) is tuple and half.dtype == tf.bfloat16
"""


@needs_tensorflow
def test_make_tf_function(directory):
    """Eager, traced and compiled; arguments nested, flat, as arrays; what is not the program's type."""
    out = python(
        FUNCTIONS + """
    check(f(x, (a, n), 2, bias=bias))
    check(f(x, a, n, 2, bias))
    check(f(io["x"], [io["a"], io["n"]], 2, bias=io["bias"]))
    check(tf.function(lambda x, a, n, b: f(x, (a, n), 2, bias=b))(x, a, n, bias))
    check(tf.function(lambda x, a, n, b: f(x, (a, n), 2, bias=b), jit_compile=True)(x, a, n, bias))

    def refused(error, message, *args, **kwargs):
        try:
            f(*args, **kwargs)
        except error as e:
            assert message in str(e), e
        else:
            raise AssertionError(message)

    refused(BadInputError, "input 'pair_0' is float64[2, 3], wanted float32[2, 3]", x, (tf.cast(a, tf.float64), n), 2, bias=bias)
    refused(BadInputError, "input 'x' is float32[1, 4], wanted float32[2, 4]", x[:1], (a, n), 2, bias=bias)
    refused(BadInputError, "exported with 2", x, (a, n), 3, bias=bias)
    refused(StructureError, "keyword", x, (a, n), 2, tendency=bias)
    print("done")
    """,
        directory / "dir", directory / "io.npz",
    )
    assert out == "done\n"


@needs_tensorflow
def test_make_tf_function_with_variables(directory, tmp_path):
    """As torch_xla's own converter uses it: a bundle of tf.Variables, saved by TensorFlow."""
    out = python(
        FUNCTIONS + """
    bundle = program._bundle
    dtypes = {l.name: s.dtype for l, s in zip(bundle.stablehlo_funcs[0].meta.input_locations, bundle.stablehlo_funcs[0].meta.input_signature)}
    value = lambda k, v: v.view("bfloat16") if dtypes[k] == "bfloat16" and v.dtype.kind == "V" else v
    bundle.state_dict = {k: tf.Variable(value(k, v), name=k.replace(".", "_")) for k, v in bundle.state_dict.items()}
    g = make_tf_function(program, bundle)
    check(g(x, (a, n), 2, bias=bias))
    bundle.state_dict["scale"].assign(tf.zeros(3))
    assert np.allclose(g(x, (a, n), 2, bias=bias)["y"], io["a"] ** 2 + io["bias"])
    bundle.state_dict["scale"].assign([1.0, -2.0, 3.0])

    module = tf.Module()
    specs = [tf.TensorSpec(t.shape, t.dtype) for t in (x, a, n, bias)]
    module.f = tf.function(lambda x, a, n, b: {"y": g(x, (a, n), 2, bias=b)["y"]}, input_signature=specs)
    module.weights = list(bundle.state_dict.values())
    tf.saved_model.save(module, sys.argv[3])
    loaded = tf.saved_model.load(sys.argv[3])
    np.testing.assert_allclose(loaded.f(x, a, n, bias)["y"], io["y"], rtol=1e-5, atol=1e-5)
    print("done")
    """,
        directory / "dir", directory / "io.npz", tmp_path / "m",
    )
    assert out == "done\n"


@needs_tensorflow
def test_make_tf_function_of_torch_xlas_directories(directory, tmp_path):
    """They do not say which outputs are None: such a program's cannot be put together. Others work."""
    model, x = nn.Linear(4, 3).eval(), torch.ones(2, 4)
    exported_program_to_stablehlo(export(model, (x,))).save(tmp_path / "d")
    (tmp_path / "d/functions/forward.torch_stablehlo.json").unlink()
    np.save(tmp_path / "y.npy", model(x).detach())
    out = python(
        """
        import sys
        import numpy as np
        from torch_stablehlo import BadInputError, StableHLOGraphModule
        from torch_stablehlo.tf_saved_model_integration import make_tf_function
        out = make_tf_function(StableHLOGraphModule.load(sys.argv[1]))(np.ones((2, 4), "f4"))
        np.testing.assert_allclose(out, np.load(sys.argv[2]), rtol=1e-5, atol=1e-5)
        try:
            make_tf_function(StableHLOGraphModule.load(sys.argv[3]))
        except BadInputError as e:
            print(e)
        """,
        tmp_path / "d", tmp_path / "y.npy", directory / "bare",
    )
    assert "which of them are None" in out


@needs_tensorflow
def test_make_tf_function_beside_torch():
    out = python(
        """
        import numpy as np
        import torch
        from torch_stablehlo import exported_program_to_stablehlo
        from torch_stablehlo.tf_saved_model_integration import make_tf_function
        model, x = torch.nn.Linear(4, 3).eval(), torch.randn(2, 4)
        f = make_tf_function(exported_program_to_stablehlo(torch.export.export(model, (x,))))
        np.testing.assert_allclose(f(x), model(x).detach(), rtol=1e-5, atol=1e-5)
        print("done")
        """,
    )
    assert out == "done\n"


@needs_tensorflow
def test_make_tf_function_without_weights(directory, tmp_path):
    shutil.copytree(directory / "dir", tmp_path / "d")
    shutil.rmtree(tmp_path / "d/data")
    out = python(
        """
        import sys
        from torch_stablehlo import BadInputError, StableHLOGraphModule
        from torch_stablehlo.tf_saved_model_integration import make_tf_function
        try:
            make_tf_function(StableHLOGraphModule.load(sys.argv[1]))
        except BadInputError as e:
            print(e)
        """,
        tmp_path / "d",
    )
    assert "is not there: the program was saved without weights" in out
