"""SavedModels that we write, in TensorFlow: both of its loaders, its C API, and its tools compute what torch does."""

import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest
import torch

import handmade
from served import CONVERT, TO_SAVED_MODEL, array, files, good, run, same, served  # noqa: F401 (a fixture)
from served_models import CASES, FORBIDDEN, STATEFUL, TYPES
from serving import c_session, load_array, needs_tensorflow, tensorflow  # noqa: F401 (fixtures)

pytestmark = needs_tensorflow
KEY = "serving_default"
EVERY = [name for name in CASES if name not in STATEFUL]


def types(arrays):
    return {name: {"dtype": a.dtype.name, "shape": list(a.shape)} for name, a in arrays.items()}


# -- values: each model, each way ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_load(name, served, tensorflow):  # noqa: F811
    """tf.saved_model.load: what the signature says, what it computes, and the variables, which are the state dict."""
    s = served(name)
    seen = tensorflow.load(s.saved_model)
    assert seen["signatures"] == {KEY: {"inputs": types(s.inputs), "outputs": types(s.want())}}
    s.check(tensorflow.signature(seen["object"], KEY, s.inputs))
    # num_batches_tracked counts training steps: in inference no op reads it, and what no method reads is no variable
    state = sorted((list(v.shape), array(v).tobytes()) for k, v in s.state.items() if not k.endswith("num_batches_tracked"))
    got = sorted((list(v.shape), v.tobytes()) for v in tensorflow.variables(seen["object"]).values())
    wanted_by_nobody = [v for v in state if v not in got]
    assert not wanted_by_nobody or name in ("Constants", "Tied", "Inference"), wanted_by_nobody
    assert not any(v["trainable"] for v in seen["variables"])


@pytest.mark.parametrize("name", EVERY)
def test_call(name, served, tensorflow):  # noqa: F811
    """The object itself, and its method: flattened inputs in, the model's own structure out."""
    s = served(name)
    seen = tensorflow.load(s.saved_model)
    assert seen["callable"] and "forward" in seen["methods"]
    args = list(s.inputs.values())
    for method, args, kwargs in ((None, args, {}), ("forward", args, {}), ("forward", [], s.inputs)):
        nested(tensorflow.call(seen["object"], method, args, kwargs), s.eager(), s.case)


def nested(got, want, case):
    """The same structure, and values near."""
    if isinstance(want, Mapping):
        assert set(got) == set(want)
        for k, w in want.items():
            nested(got[k], w, case)
    elif isinstance(want, (tuple, list)):
        assert type(got) is type(want) and len(got) == len(want)
        for g, w in zip(got, want):
            nested(g, w, case)
    elif want is None:
        assert got is None
    else:
        same(got, array(want), "", case.rtol, case.atol)


@pytest.mark.parametrize("name", EVERY)
def test_session(name, served, tensorflow):  # noqa: F811
    """tf.compat.v1's loader."""
    s = served(name)
    s.check(tensorflow.session(s.saved_model, KEY, s.inputs))


@pytest.mark.parametrize("name", EVERY)
def test_c_api(name, served, c_session, tmp_path):  # noqa: F811
    """TF_LoadSessionFromSavedModel, as a model server does."""
    s = served(name)
    outputs = {n: w.dtype.name for n, w in s.want().items()}
    s.check(c_session.run(s.saved_model, KEY, s.inputs, outputs, tmp_path))


@pytest.mark.parametrize("name", EVERY)
def test_saved_model_cli(name, served, tensorflow, tmp_path):  # noqa: F811
    s, given, typed = served(name), [], []
    for n, a in s.inputs.items():
        if a.dtype.name == "bfloat16":              # numpy.load knows it as bytes
            typed.append(f"{n}={a.astype('f').tolist()}")
        else:
            np.save(tmp_path / f"{n}.npy", a)
            given.append(f"{n}={tmp_path / n}.npy")
    args = [*(["--inputs", ";".join(given)] if given else []), *(["--input_exprs", ";".join(typed)] if typed else [])]
    done = tensorflow.cli("run", "--dir", str(s.saved_model), "--tag_set", "serve", "--signature_def", KEY, *args,
                          "--outdir", str(tmp_path / "out"))
    assert done["code"] == 0, done
    s.check({n: load_array(tmp_path / f"out/{n}.npy", w.dtype.name) for n, w in s.want().items()})


# -- the file ----------------------------------------------------------------------------------------------------------


def test_what_stands_in_the_file(served, tensorflow):  # noqa: F811
    seen = tensorflow.meta_graph(served("ResNet18").saved_model)
    assert seen["schema"] == 1 and seen["tags"] == ["serve"] and seen["aliases"] == {}
    signature = seen["signatures"][KEY]
    assert signature["method"] == "tensorflow/serving/predict"
    assert {k: v["shape"] for k, v in signature["inputs"].items()} == {"x": [2, 3, 32, 32]}
    assert seen["modules"] and all(m["platforms"] == [] for m in seen["modules"])
    assert {"RestoreV2", "VarHandleOp", "ReadVariableOp", "XlaCallModule"} <= set(seen["ops"])


def test_the_checkpoint(served, tensorflow):  # noqa: F811
    """TensorFlow's own reader finds every entry of the state dict, and no more."""
    s = served("Types")
    seen = tensorflow.checkpoint(s.saved_model)
    assert seen.pop("_CHECKPOINTABLE_OBJECT_GRAPH") == ["string", []]
    assert len(seen) == len(TYPES)
    values = [tensorflow.checkpoint_value(s.saved_model, k) for k in seen]
    assert sorted(v.tobytes() for v in values) == sorted(array(v).tobytes() for v in s.state.values())
    assert sorted(v.dtype.name for v in values) == sorted(array(v).dtype.name for v in s.state.values())


def test_fingerprints_differ(served, tensorflow):  # noqa: F811
    a, b = (tensorflow.fingerprint(served(n).saved_model) for n in ("Bf16", "Types"))
    assert a["saved_model_checksum"] != b["saved_model_checksum"] and a["graph_def_program_hash"] != b["graph_def_program_hash"]


def test_same_input_same_bytes(served, tmp_path):  # noqa: F811
    s = served("ResNet18")
    good(TO_SAVED_MODEL, s.directory, tmp_path / "again")
    good(CONVERT, "convert", s.program, "-o", tmp_path / "direct", "--format", "saved-model")
    first = files(s.saved_model)
    assert files(tmp_path / "again") == first
    assert set(files(tmp_path / "direct")) == set(first)


@pytest.mark.parametrize("name", ["Bert", "Nested", "Constants", "Tied", "Strided"])
def test_without_a_directory_between(name, served, tensorflow, tmp_path):  # noqa: F811
    """torch-stablehlo convert --format saved-model"""
    s = served(name)
    good(CONVERT, "convert", s.program, "-o", tmp_path / "m/1", "--format", "saved-model")
    seen = tensorflow.load(tmp_path / "m/1")
    assert seen["signatures"] == {KEY: {"inputs": types(s.inputs), "outputs": types(s.want())}}
    s.check(tensorflow.signature(seen["object"], KEY, s.inputs))


def test_inline_weights(served, tensorflow, tmp_path):  # noqa: F811
    s = served("Bf16")
    good(CONVERT, "convert", s.program, "-o", tmp_path / "m", "--format", "saved-model", "--inline-weights")
    seen = tensorflow.load(tmp_path / "m")
    assert seen["variables"] == []
    s.check(tensorflow.signature(seen["object"], KEY, s.inputs))


def test_shared_and_small_tensors(served, tensorflow):  # noqa: F811
    """Tied weights and lifted constants: how many variables there are."""
    tied = tensorflow.load(served("Tied").saved_model)["variables"]
    assert [v["shape"] for v in tied] == [[50, 4]] * len(tied) and 1 <= len(tied) <= 2
    constants = tensorflow.load(served("Constants").saved_model)["variables"]
    assert [v["shape"] for v in constants] == [[400]]          # 40 of 16 bytes stand in the graph


def test_3000_variables(tensorflow, c_session, tmp_path):  # noqa: F811
    d, w = handmade.many(tmp_path / "d", 3000)
    good(TO_SAVED_MODEL, d, tmp_path / "m")
    x = np.ones(2, "f")
    got = c_session.run(tmp_path / "m", KEY, {"args_0": x}, {"output_0": "float32"}, tmp_path)
    same(got["output_0"], x + w[::100].sum(0))
    number = tensorflow.load(tmp_path / "m")["object"]
    same(tensorflow.signature(number, KEY, {"args_0": x})["output_0"], x + w[::100].sum(0))
    values = tensorflow.variables(number)
    assert len(values) == 3000 and all((values[f"w{i}:0"] == w[i]).all() for i in range(3000))


def test_names_that_tensorflow_forbids(served, tensorflow):  # noqa: F811
    s = served("Names")
    names = [v["name"] for v in tensorflow.load(s.saved_model)["variables"]]
    assert len(names) == len(FORBIDDEN) + 2 == len(set(names))
    assert "held.0.weight:0" in names and "w:0" in names and "W:0" in names


# -- the user's choices ---------------------------------------------------------------------------------------------


def test_key_and_alias(served, tensorflow, c_session, tmp_path):  # noqa: F811
    s = served("Bf16")
    good(TO_SAVED_MODEL, s.directory, tmp_path / "m", "-k", "my key", "-a", "my_alias")
    seen = tensorflow.meta_graph(tmp_path / "m")
    assert [k for k in seen["signatures"] if not k.startswith("__saved_model")] == ["my key"]
    assert list(seen["aliases"].values()) == ["my_alias"] and set(seen["aliases"]) <= set(seen["functions"])
    s.check(tensorflow.signature(tensorflow.load(tmp_path / "m")["object"], "my key", s.inputs))
    s.check(c_session.run(tmp_path / "m", "my key", s.inputs, {"output_0": "bfloat16"}, tmp_path))


@pytest.mark.parametrize("long", [False, True])
def test_flags_are_torch_xlas(long, tmp_path):
    d, _ = handmade.linear(tmp_path / "d")
    flags = ["--serving_key", "k", "--function_alias", "a"] if long else ["-k", "k", "-a", "a"]
    good(TO_SAVED_MODEL, d, tmp_path / "m", *flags)
    assert (tmp_path / "m/saved_model.pb").exists()


def test_names_of_inputs_and_outputs(served, tensorflow, tmp_path):  # noqa: F811
    s = served("Integers")
    good(TO_SAVED_MODEL, s.directory, tmp_path / "m", "--input-names", "tokens,rows", "--output-names", "picked,rest")
    seen = tensorflow.load(tmp_path / "m")
    signature = seen["signatures"][KEY]
    assert set(signature["inputs"]) == {"tokens", "rows"} and set(signature["outputs"]) == {"picked", "rest"}
    got = tensorflow.signature(seen["object"], KEY, dict(zip(["tokens", "rows"], s.inputs.values())))
    s.check({"output_0": got["picked"], "output_1": got["rest"]})


def test_platforms(served, tensorflow, tmp_path):  # noqa: F811
    s = served("NoWeights")
    good(CONVERT, "convert", s.program, "-o", tmp_path / "both", "--format", "saved-model", "--platforms", "cpu,cuda")
    good(TO_SAVED_MODEL, s.directory, tmp_path / "tpu", "--platforms", "tpu")
    good(TO_SAVED_MODEL, s.directory, tmp_path / "again", "--platforms", "cpu,cuda")
    for made in ("both", "again"):
        assert {tuple(m["platforms"]) for m in tensorflow.meta_graph(tmp_path / made)["modules"]} == {("CPU", "CUDA")}
        s.check(tensorflow.signature(tensorflow.load(tmp_path / made)["object"], KEY, s.inputs))
    number = tensorflow.load(tmp_path / "tpu")["object"]
    with pytest.raises(Exception, match="platform"):
        tensorflow.signature(number, KEY, s.inputs)


def test_warmup_requests(served, tensorflow, tmp_path):  # noqa: F811
    s = served("Bert")
    good(TO_SAVED_MODEL, s.directory, tmp_path / "m", "--warmup")
    ((key, inputs),) = tensorflow.warmup(tmp_path / "m")
    assert key == KEY and types(inputs) == types(s.inputs) and not any(a.any() for a in inputs.values())
    tensorflow.signature(tensorflow.load(tmp_path / "m")["object"], KEY, inputs)


# -- several methods ------------------------------------------------------------------------------------------------


class Shared(torch.nn.Module):
    """A module that calls a method of a net of which both have the weights."""

    def __init__(self, net, method):
        super().__init__()
        self.net, self.method = net, method

    def forward(self, x):
        return getattr(self.net, self.method)(x)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.a, self.b = torch.nn.Linear(3, 4), torch.nn.Linear(4, 3)

    def encode(self, x):
        return torch.tanh(self.a(x))

    def decode(self, x):
        return self.b(x)

    def both(self, x):
        return self.decode(self.encode(x))


def merged(net, methods, folder):
    """A StableHLO directory with a function per method, put together by hand from one of each. The weights are the same files."""
    for i, (name, method, x) in enumerate(methods):
        program = torch.export.export(Shared(net, method).eval(), (x,))
        torch.export.save(program, folder / f"{i}.pt2")
        good(CONVERT, "convert", folder / f"{i}.pt2", "-o", folder / str(i), "--method", name)
        if i:
            for f in (folder / str(i) / "functions").iterdir():
                f.rename(folder / "0/functions" / f.name)
            for f in (folder / str(i) / "data").iterdir():
                to = folder / "0/data" / f.name
                assert not to.exists() or to.read_bytes() == f.read_bytes()
                f.rename(to)
    return folder / "0"


def test_two_methods_share_variables(tensorflow, c_session, tmp_path):  # noqa: F811
    net, x, z = Net(), torch.ones(2, 3), torch.ones(2, 4)
    d = merged(net, [("encode", "encode", x), ("decode", "decode", z), ("forward", "both", x)], tmp_path)
    good(TO_SAVED_MODEL, d, tmp_path / "m")
    seen = tensorflow.load(tmp_path / "m")
    assert set(seen["signatures"]) == {KEY, "encode", "decode"}
    assert {"encode", "decode", "forward"} <= set(seen["methods"]) and len(seen["variables"]) == 4
    with torch.no_grad():
        want = {KEY: (x, net.both(x)), "encode": (x, net.encode(x)), "decode": (z, net.decode(z))}
    for key, (given, result) in want.items():
        same(tensorflow.signature(seen["object"], key, {"x": array(given)})["output_0"], array(result))
        same(tensorflow.session(tmp_path / "m", key, {"x": array(given)})["output_0"], array(result))
        same(c_session.run(tmp_path / "m", key, {"x": array(given)}, {"output_0": "float32"}, tmp_path)["output_0"], array(result))
        same(tensorflow.call(seen["object"], "forward" if key == KEY else key, [array(given)], {}), array(result))
    same(tensorflow.call(seen["object"], None, [array(x)], {}), array(want[KEY][1]))


def test_keys_and_names_by_method(tensorflow, tmp_path):  # noqa: F811
    d = merged(Net(), [("encode", "encode", torch.ones(2, 3)), ("decode", "decode", torch.ones(2, 4))], tmp_path)
    code, err = run(TO_SAVED_MODEL, d, tmp_path / "m", "-k", "k", "--input-names", "decode=z")
    if code:                            # which method a bare value is for, when none is called forward
        assert "METHOD=" in err or "method" in err, err
    good(TO_SAVED_MODEL, d, tmp_path / "n", "-k", "encode=first", "-k", "decode=second", "--input-names", "decode=z")
    signatures = tensorflow.load(tmp_path / "n")["signatures"]
    assert {k: list(s["inputs"]) for k, s in signatures.items()} == {"first": ["x"], "second": ["z"]}
    code, err = run(TO_SAVED_MODEL, d, tmp_path / "twice", "-k", "encode=k", "-k", "decode=k")
    assert code and "'k'" in err and not (tmp_path / "twice").exists(), err


# -- dynamic shapes -------------------------------------------------------------------------------------------------


def test_any_batch(tensorflow, c_session, tmp_path):  # noqa: F811
    """torch_xla's directory of a program with a dynamic batch: bytecode with '?', a .meta with dynamic_dims."""
    d, f = handmade.dynamic(tmp_path / "d")
    good(TO_SAVED_MODEL, d, tmp_path / "m")
    seen = tensorflow.load(tmp_path / "m")
    assert seen["signatures"][KEY] == {
        "inputs": {"args_0": {"dtype": "float32", "shape": [None, 3]}},
        "outputs": {"output_0": {"dtype": "float32", "shape": [None, 2]}, "output_1": {"dtype": "int32", "shape": [None]}},
    }
    for n in range(1, 9):
        x = np.random.default_rng(n).normal(size=(n, 3)).astype("f")
        by_object = tensorflow.signature(seen["object"], KEY, {"args_0": x})
        by_session = tensorflow.session(tmp_path / "m", KEY, {"args_0": x}, again=True)
        by_c = c_session.run(tmp_path / "m", KEY, {"args_0": x}, {"output_0": "float32", "output_1": "int32"}, tmp_path)
        for got in (by_object, by_session, by_c):
            for name, want in zip(("output_0", "output_1"), f(x)):
                same(got[name], want)


def test_dynamic_shapes_of_torch(tensorflow, tmp_path):  # noqa: F811
    """Right at every size, or refused by name; nothing between."""
    net = Net().eval()
    program = torch.export.export(Shared(net, "both"), (torch.ones(4, 3),), dynamic_shapes=({0: torch.export.Dim("batch", max=9)},))
    torch.export.save(program, tmp_path / "p.pt2")
    code, err = run(CONVERT, "convert", tmp_path / "p.pt2", "-o", tmp_path / "m", "--format", "saved-model")
    if code:
        assert code == 3 and "dynamic" in err and not (tmp_path / "m").exists(), (code, err)
        return
    seen = tensorflow.load(tmp_path / "m")
    assert seen["signatures"][KEY]["inputs"]["x"]["shape"] == [None, 3]
    for n in range(1, 9):
        x = torch.randn(n, 3)
        with torch.no_grad():
            same(tensorflow.signature(seen["object"], KEY, {"x": array(x)})["output_0"], array(net.both(x)))


# -- state ----------------------------------------------------------------------------------------------------------


def check_state(calls, variables, want_outputs, want_state):
    """calls(n): the n-th call's results; variables(): by name."""
    for n, want in enumerate(want_outputs):
        for name, w in want.items():
            same(calls(n)[name], w, f"call {n}, {name}", 1e-5, 1e-5)
    got = {k.removesuffix(":0"): v for k, v in variables().items()}
    for name, w in want_state.items():
        same(got[name], w, name, 1e-5, 1e-5)


def test_state_of_a_handmade_directory(tensorflow, c_session, tmp_path):  # noqa: F811
    """Results that are the new values of buffers are assigned; each session has variables of its own."""
    d = handmade.state(tmp_path / "d")
    good(TO_SAVED_MODEL, d, tmp_path / "m")
    m, number = tmp_path / "m", tensorflow.load(tmp_path / "m")
    assert list(number["signatures"][KEY]["outputs"]) == ["output_0"]
    number = number["object"]
    xs = np.random.default_rng(0).normal(size=(4, 3)).astype("f")
    want = [{"output_0": (xs[: n + 1].sum(0) / (n + 1)).astype("f")} for n in range(4)]
    state = {"calls": np.array(4), "total": xs.sum(0)}
    check_state(lambda n: tensorflow.signature(number, KEY, {"x": xs[n]}), lambda: tensorflow.variables(number), want, state)
    for n in range(4):
        same(tensorflow.session(m, KEY, {"x": xs[n]}, again=n > 0)["output_0"], want[n]["output_0"], rtol=1e-5)
        same(c_session.run(m, KEY, {"x": xs[n]}, {"output_0": "float32"}, tmp_path)["output_0"], want[n]["output_0"], rtol=1e-5)
    other = tensorflow.load(m)["object"]
    assert tensorflow.variables(other)["calls:0"] == 0
    same(tensorflow.call(other, None, [xs[0]], {})[0], xs[0])
    assert tensorflow.variables(other)["calls:0"] == 1 and tensorflow.variables(number)["calls:0"] == 4


@pytest.mark.parametrize("name", STATEFUL)
def test_state_of_torch(name, served, tensorflow, c_session, tmp_path):  # noqa: F811
    """After n calls the variables are what eager's buffers are."""
    s = served(name)
    code, err = run(CONVERT, "convert", s.program, "-o", tmp_path / "m", "--format", "saved-model")
    if code == 3 and "programs that change state are not supported yet" in err:
        pytest.skip(f"state is NOT checked: {err}")
    assert code == 0, err
    xs = [torch.randn(4, 3, generator=torch.Generator().manual_seed(n)) for n in range(4)]
    s.module.load_state_dict({k: v.clone() for k, v in s.state.items()})
    with torch.no_grad():
        want = [{"output_0": array(s.module(x)).copy()} for x in xs]
    state = {k: array(v) for k, v in s.module.state_dict().items()}
    number = tensorflow.load(tmp_path / "m")["object"]
    check_state(lambda n: tensorflow.signature(number, KEY, {"x": array(xs[n])}), lambda: tensorflow.variables(number), want, state)
    for n in range(4):
        got = c_session.run(tmp_path / "m", KEY, {"x": array(xs[n])}, {"output_0": "float32"}, tmp_path)
        same(got["output_0"], want[n]["output_0"])


# -- TensorFlow's other tools -----------------------------------------------------------------------------------------


def test_saved_model_cli_show(served, tensorflow):  # noqa: F811
    done = tensorflow.cli("show", "--dir", str(served("Bert").saved_model), "--all")
    assert done["code"] == 0
    for text in ("MetaGraphDef with tag-set: 'serve'", "signature_def['serving_default']", "inputs['input_ids'] tensor_info",
                 "inputs['attention_mask']", "dtype: DT_INT64", "shape: (2, 7)", "outputs['last_hidden_state']",
                 "Method name is: tensorflow/serving/predict", "Function Name: 'forward'", "Function Name: '__call__'"):
        assert text in done["out"], text


def test_saved_model_cli_as_a_process(served, tmp_path):  # noqa: F811
    """The command itself, once."""
    s = served("Integers")
    for n, a in s.inputs.items():
        np.save(tmp_path / f"{n}.npy", a)
    given = ";".join(f"{n}={tmp_path / n}.npy" for n in s.inputs)
    code = "import sys; from tensorflow.python.tools.saved_model_cli import main; sys.argv[0] = 'saved_model_cli'; main()"
    args = ["run", "--dir", s.saved_model, "--tag_set", "serve", "--signature_def", KEY, "--inputs", given, "--outdir", tmp_path]
    subprocess.run([sys.executable, "-c", code, *map(str, args)], check=True, capture_output=True, timeout=120)
    s.check({n: np.load(tmp_path / f"{n}.npy") for n in s.case.outputs})


@pytest.mark.parametrize("name", ["Bf16", "Integers", "Inference", "ResNet18"])
def test_in_a_compiled_function(name, served, tensorflow):  # noqa: F811
    """tf.function(jit_compile=True) around the signature, as a part of a larger program."""
    s = served(name)
    number = tensorflow.load(s.saved_model)["object"]
    s.check(tensorflow.call_in_function(number, KEY, s.inputs))


def test_saved_again_by_tensorflow(served, tensorflow, tmp_path):  # noqa: F811
    s = served("Bert")
    tensorflow.resave(tensorflow.load(s.saved_model)["object"], str(tmp_path / "again"))
    s.check(tensorflow.signature(tensorflow.load(tmp_path / "again")["object"], KEY, s.inputs))


@pytest.mark.parametrize("name", ["NoWeights", "Inference", "Integers", "Bert"])
def test_keras_layer(name, served, tensorflow):  # noqa: F811
    """keras.layers.TFSMLayer: the method takes inputs one after the other, the signature of one input that one."""
    s = served(name)
    first, *rest = s.inputs.items()
    got = tensorflow.tfsm(str(s.saved_model), "serve", [first[1]], dict(rest))
    result = got["result"]
    if not isinstance(result, Mapping):       # protobuf's maps, and so a loaded dict, have no order
        result = dict(zip(s.case.outputs, torch.utils._pytree.tree_leaves(result)))
    s.check(result)
    if not rest:
        s.check(tensorflow.tfsm(str(s.saved_model), KEY, [first[1]], {})["result"])


@pytest.mark.parametrize("name", ["NoWeights", "Inference", "Bert", "Tied", "Nested"])
def test_tflite(name, served, tensorflow):  # noqa: F811
    s = served(name)
    got = tensorflow.tflite(str(s.saved_model), KEY, s.inputs)
    for n, w in s.want().items():
        same(got[n], w, n, 1e-4, 1e-4)
