"""StableHLO directories as torch_xla writes them, from MLIR text: jaxlib makes the bytecode. Nothing of ours is used."""

import json

import numpy as np
from jaxlib.mlir.dialects import stablehlo

VERSION = "1.0.0"


def signature(shape, dtype="float32", dynamic=()):
    return {"shape": list(shape), "dtype": dtype, "dynamic_dims": list(dynamic)}


def user(position):
    return {"type_": "input_arg", "position": position, "name": ""}


def weight(name):
    return {"type_": "parameter", "position": -1, "name": name}


def constant(position):
    return {"type_": "constant", "position": position, "name": ""}


def function(text, inputs, outputs, name="forward", results=None, unused=(), user_inputs=()):
    """text: of a module with @main. inputs: pairs of a location and a signature. results: (kind, target) of each output, where they
    are not all the user's."""
    meta = {
        "name": name,
        "stablehlo_version": "0.0.0",
        "input_signature": [s for _, s in inputs],
        "output_signature": list(outputs),
        "input_locations": [at for at, _ in inputs],
        "unused_inputs": [list(pair) for pair in unused],
        "input_pytree_spec": None,
        "output_pytree_spec": None,
    }
    extra = None
    if results or user_inputs:
        results = results or [("user_output", None)] * len(outputs)
        extra = {"results": [{"kind": k, "target": t} for k, t in results], "user_inputs": list(user_inputs)}
    version = stablehlo.get_current_version() if "f8E8M0FNU" in text else VERSION       # a type that 1.0.0 has not
    return meta, stablehlo.serialize_portable_artifact_str(text, version), extra


def write(path, functions, weights=None, constants=()):
    """functions: of function(); weights: arrays by name."""
    for folder in ("functions", "data", "constants"):
        (path / folder).mkdir(parents=True)
    for meta, bytecode, extra in functions:
        stem = path / "functions" / meta["name"]
        stem.with_suffix(".meta").write_text(json.dumps(meta))
        stem.with_suffix(".bytecode").write_bytes(bytecode)
        if extra:
            stem.with_suffix(".torch_stablehlo.json").write_text(json.dumps(extra))
    numbered = {str(i): a for i, a in enumerate(constants)}
    for folder, arrays in (("data", weights or {}), ("constants", numbered)):
        for name, a in arrays.items():
            with open(path / folder / name, "wb") as f:
                np.save(f, a)
    return path


# -- programs -----------------------------------------------------------------------------------------------------------

LINEAR = """
func.func @main(%w: tensor<3x2xf32>, %x: tensor<4x3xf32>) -> tensor<4x2xf32> {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}"""

# relu(x w + b) for any number of rows: what torch_xla writes for a batch that may be of any size
DYNAMIC = """
func.func @main(%w: tensor<3x2xf32>, %b: tensor<2xf32>, %x: tensor<?x3xf32>) -> (tensor<?x2xf32>, tensor<?xi32>) {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<?x3xf32>, tensor<3x2xf32>) -> tensor<?x2xf32>
  %n = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x3xf32>) -> tensor<i32>
  %n1 = stablehlo.reshape %n : (tensor<i32>) -> tensor<1xi32>
  %c = stablehlo.constant dense<2> : tensor<1xi32>
  %shape = stablehlo.concatenate %n1, %c, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %1 = stablehlo.dynamic_broadcast_in_dim %b, %shape, dims = [1] : (tensor<2xf32>, tensor<2xi32>) -> tensor<?x2xf32>
  %2 = stablehlo.add %0, %1 : tensor<?x2xf32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %3 = stablehlo.dynamic_broadcast_in_dim %zero, %shape, dims = [] : (tensor<f32>, tensor<2xi32>) -> tensor<?x2xf32>
  %4 = stablehlo.maximum %2, %3 : tensor<?x2xf32>
  %5 = stablehlo.dynamic_iota %n1, dim = 0 : (tensor<1xi32>) -> tensor<?xi32>
  return %4, %5 : tensor<?x2xf32>, tensor<?xi32>
}"""

BIG = """
func.func @main(%w: tensor<65536xf32>, %x: tensor<65536xf32>) -> tensor<65536xf32> {
  %0 = stablehlo.add %w, %x : tensor<65536xf32>
  return %0 : tensor<65536xf32>
}"""

# calls + 1, total + x, and their quotient
STATE = """
func.func @main(%calls: tensor<i64>, %total: tensor<3xf32>, %x: tensor<3xf32>)
    -> (tensor<i64>, tensor<3xf32>, tensor<3xf32>) {
  %one = stablehlo.constant dense<1> : tensor<i64>
  %0 = stablehlo.add %calls, %one : tensor<i64>
  %1 = stablehlo.add %total, %x : tensor<3xf32>
  %2 = stablehlo.convert %0 : (tensor<i64>) -> tensor<f32>
  %3 = stablehlo.broadcast_in_dim %2, dims = [] : (tensor<f32>) -> tensor<3xf32>
  %4 = stablehlo.divide %1, %3 : tensor<3xf32>
  return %0, %1, %4 : tensor<i64>, tensor<3xf32>, tensor<3xf32>
}"""


def linear(path, **more):
    """x w; w has random values."""
    w = np.random.default_rng(0).normal(size=(3, 2)).astype("f")
    f = function(LINEAR, [(weight("w"), signature([3, 2])), (user(0), signature([4, 3]))], [signature([4, 2])], **more)
    return write(path, [f], {"w": w}), w


def dynamic(path):
    """The directory, and what it computes of an x."""
    r = np.random.default_rng(1)
    w, b = r.normal(size=(3, 2)).astype("f"), r.normal(size=2).astype("f")
    inputs = [(weight("w"), signature([3, 2])), (weight("b"), signature([2])), (user(0), signature([4, 3], dynamic=[0]))]
    outputs = [signature([4, 2], dynamic=[0]), signature([4], "int32", dynamic=[0])]
    write(path, [function(DYNAMIC, inputs, outputs)], {"w": w, "b": b})
    return path, lambda x: (np.maximum(x @ w + b, 0), np.arange(len(x), dtype="i4"))


def many(path, n):
    """A function of n weights of two elements each, that adds every 100th to x. The directory, and the weights."""
    used = range(0, n, 100)
    lines = [f"  %s{i} = stablehlo.add %{f's{i - 100}' if i else 'x'}, %w{i} : tensor<2xf32>" for i in used]
    parameters = ", ".join(f"%w{i}: tensor<2xf32>" for i in range(n))
    text = "\n".join([f"func.func @main({parameters}, %x: tensor<2xf32>) -> tensor<2xf32> {{", *lines,
                      f"  return %s{used[-1]} : tensor<2xf32>", "}"])
    w = np.random.default_rng(2).normal(size=(n, 2)).astype("f")
    inputs = [*((weight(f"w{i}"), signature([2])) for i in range(n)), (user(0), signature([2]))]
    return write(path, [function(text, inputs, [signature([2])])], {f"w{i}": w[i] for i in range(n)}), w


def state(path):
    inputs = [(weight("calls"), signature([], "int64")), (weight("total"), signature([3])), (user(0), signature([3]))]
    outputs = [signature([], "int64"), signature([3]), signature([3])]
    results = [("buffer_mutation", "calls"), ("buffer_mutation", "total"), ("user_output", None)]
    f = function(STATE, inputs, outputs, results=results, user_inputs=["x"])
    return write(path, [f], {"calls": np.array(0), "total": np.zeros(3, "f")})
