"""torch_xla's own way from a StableHLO directory to a SavedModel (torch_xla/tf_saved_model_integration.py, release 2.9), as the
reference for ours. Runs in tf_worker.py; needs TensorFlow and no torch.

What it does there, and here: every entry of the state dict becomes a tf.Variable that cannot be trained, named after the
entry with the characters that TensorFlow forbids replaced; constants become nameless ones; one tf.function over the user
inputs `args_0`, `args_1`, ... calls the module (XlaCallModule, version 5, all platforms) on variables, constants and inputs in
the order of `input_locations`; `signatures` has that function under the serving key, `function_aliases` under the alias.
"""

import json
import os
import re

import ml_dtypes
import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

# Of an input that is a Python number, which torch's exporter baked in.
NUMBERS = {"int": "int32", "float": "float32"}


def variable_name(name):
    """The first character of a name at the root may be none of ._\\-/ ; elsewhere what is not a word, - / ^ or \\ is replaced."""
    return re.sub(r"[^^\w\-/\\]+", "_", "k" + name if name[0] in "._\\-/" else name)


def spec(signature, name=None):
    shape = [None if i in signature["dynamic_dims"] else d for i, d in enumerate(signature["shape"])]
    return tf.TensorSpec(shape, NUMBERS.get(signature["dtype"], signature["dtype"]), name)


def array(path, dtype=None):
    """numpy.load, and the types that NumPy knows as opaque bytes only."""
    with open(path, "rb") as f:
        a = np.load(f)
    return a.view(getattr(ml_dtypes, dtype)) if a.dtype.kind == "V" and dtype else a


def read(directory):
    """(meta, bytecode, weights by name, constants in order) of the first function."""
    functions = os.path.join(directory, "functions")
    stem = sorted(f for f in os.listdir(functions) if f.endswith(".meta"))[0][:-5]
    with open(os.path.join(functions, stem + ".meta")) as f:
        meta = json.load(f)
    with open(os.path.join(functions, stem + ".bytecode"), "rb") as f:
        bytecode = f.read()
    pairs = list(zip(meta["input_locations"], meta["input_signature"]))
    types = {(at["type_"], at["name"] or at["position"]): s["dtype"] for at, s in pairs}
    data, numbered = os.path.join(directory, "data"), os.path.join(directory, "constants")
    weights = {n: array(os.path.join(data, n), types.get(("parameter", n))) for n in os.listdir(data)}
    constants = [array(os.path.join(numbered, str(i)), types.get(("constant", i)))
                 for i in range(len(os.listdir(numbered)))]
    return meta, bytecode, weights, constants


def user_inputs(meta):
    """TensorSpecs of the flattened user inputs, those that the module does not take among them."""
    pairs = [*zip(meta["input_locations"], meta["input_signature"]), *meta["unused_inputs"]]
    by_position = {at["position"]: s for at, s in pairs if at["type_"] == "input_arg"}
    return [spec(by_position[i], f"args_{i}") for i in range(len(by_position))]


def save(directory, path, key="serving_default", alias=""):
    meta, bytecode, weights, constants = read(directory)
    module = tf.Module()
    state = {n: tf.Variable(a, trainable=False, name=variable_name(n)) for n, a in weights.items()}
    fixed = [tf.Variable(a, trainable=False) for a in constants]
    module._variables = [*state.values(), *fixed]
    outputs = [spec(s) for s in meta["output_signature"]]

    def argument(at, inputs):
        where = {"input_arg": inputs, "constant": fixed, "parameter": state}[at["type_"]]
        return where[at["name"] if at["type_"] == "parameter" else at["position"]]

    def call(*inputs):
        return xla.call_module(
            [argument(at, inputs) for at in meta["input_locations"]],
            version=5,
            Tout=[s.dtype for s in outputs],
            Sout=[s.shape for s in outputs],
            module=bytecode,
        )

    specs = user_inputs(meta)
    module.f = tf.function(call, input_signature=specs)
    tf.saved_model.save(
        module,
        path,
        signatures={key: module.f.get_concrete_function(*specs)},
        options=tf.saved_model.SaveOptions(function_aliases={alias: module.f}),
    )
