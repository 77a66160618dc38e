"""torch_xla.tf_saved_model_integration's API: programs as TensorFlow SavedModels, and as functions of TensorFlow.

Saving is the C library's work and needs no TensorFlow; make_tf_function() imports it. On the command line, as torch_xla's:

    python -m torch_stablehlo.tf_saved_model_integration stablehlo_dir models/resnet/1 -k serving_default -a alias
"""

import argparse
import os
import sys

from ._lib import BadInputError, StableHLOError, UnsupportedError, check, ffi, lib
from .bundle import VariableType, meta_of, tensors_of
from .stablehlo import StableHLOGraphModule, exported_program_to_stablehlo

__all__ = ["make_tf_function", "save_stablehlo_graph_as_tf", "save_torch_module_as_tf_saved_model"]

_SERVING_DEFAULT = "serving_default"  # tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
_CALL_MODULE_VERSION = 4  # of XlaCallModule: the oldest that TensorFlow still takes


# -- saving -------------------------------------------------------------------------------------------------------------


def _by_method(model, value):
    """{method: value} of an argument that is one value, for the default method, or such a dict."""
    if value is None or value == "":
        return {}
    by_method = value if isinstance(value, dict) else {model.default: value}
    return {model.method(name).name: v for name, v in by_method.items()}


def _names(what, names):
    if isinstance(names, (str, bytes)):
        raise BadInputError(f"{what} is {names!r}, wanted a list of names")
    return list(names or ())


def _string(value, keep):
    """A C string; ``keep`` gets what must live as long."""
    keep.append(ffi.NULL if value is None else ffi.new("char[]", value.encode()))
    return keep[-1]


def _strings(values, keep):
    keep.append(ffi.new("char *[]", [_string(v, keep) for v in values]))
    return keep[-1], len(values)


def _signatures(model, key, alias, inputs, outputs, keep):
    """(C array of tshlo_signature, length) of the methods that want something of their own."""
    key, alias, inputs, outputs = (_by_method(model, v) for v in (key, alias, inputs, outputs))
    methods = sorted({*key, *alias, *inputs, *outputs})
    array = ffi.new("tshlo_signature[]", len(methods))
    for name, s in zip(methods, array):
        s.method = _string(name, keep)
        s.key, s.alias = _string(key.get(name), keep), _string(alias.get(name), keep)
        s.input_names, s.ninput_names = _strings(_names("input_names", inputs.get(name)), keep)
        s.output_names, s.noutput_names = _strings(_names("output_names", outputs.get(name)), keep)
    keep.append(array)
    return array, len(methods)


def save_stablehlo_graph_as_tf(
    stablehlo_program,
    path,
    serving_key=_SERVING_DEFAULT,
    function_alias="",
    *,
    input_names=None,
    output_names=None,
    platforms=None,
    warmup=False,
    target=None,
):
    """Writes a StableHLOGraphModule as a SavedModel. ``path`` must not exist, or be an empty directory.

    serving_key: of the signature, by which clients name it
    function_alias: by which converters find the function
    input_names, output_names: lists of names; None: the program's own
    platforms: of "cpu", "cuda", "rocm", "tpu", where it may run; None: wherever there is XLA
    warmup: adds a request of zeros, which a server runs before it takes others
    target: StableHLO version ("1.9.0"); None: the oldest that can express the program

    A program with several methods becomes as many signatures over the same variables. The first four may then be dicts by
    method; a plain value is the default method's.
    """
    model, keep = stablehlo_program._model, []
    opt = ffi.new("tshlo_saved_model_options *")
    opt.signatures, opt.nsignatures = _signatures(model, serving_key, function_alias, input_names, output_names, keep)
    opt.platforms, opt.nplatforms = _strings([p.upper() for p in _names("platforms", platforms)], keep)
    opt.target = _string(target or stablehlo_program._options.target, keep)
    opt.warmup = warmup
    check(lib.tshlo_save_saved_model, model.handle, os.fsencode(path), opt)


def save_torch_module_as_tf_saved_model(
    torch_model,
    args,
    saved_model_dir,
    dynamic_shapes=None,
    serving_key=_SERVING_DEFAULT,
    function_alias="",
    *,
    input_names=None,
    output_names=None,
    platforms=None,
    warmup=False,
    target=None,
    options=None,
):
    """Exports a torch.nn.Module on ``args`` and writes it as a SavedModel.

    options: StableHLOExportOptions of the conversion. The rest is as in save_stablehlo_graph_as_tf().
    """
    import torch

    exported = torch.export.export(torch_model, args, dynamic_shapes=dynamic_shapes)
    save_stablehlo_graph_as_tf(
        exported_program_to_stablehlo(exported, options),
        saved_model_dir,
        serving_key,
        function_alias,
        input_names=input_names,
        output_names=output_names,
        platforms=platforms,
        warmup=warmup,
        target=target,
    )


# -- functions of TensorFlow --------------------------------------------------------------------------------------------


def _spec(tf, signature, what):
    if not hasattr(tf.dtypes, signature.dtype):
        raise UnsupportedError(f"{what} is {signature.dtype}, which TensorFlow has no type for")
    shape = [None if i in signature.dynamic_dims else d for i, d in enumerate(signature.shape)]
    return tf.TensorSpec(shape, getattr(tf.dtypes, signature.dtype))


def _weight(tf, value, spec):
    """Variables and tensors as they are, an array as a constant."""
    if isinstance(value, (tf.Tensor, tf.Variable)):
        return value
    if getattr(getattr(value, "dtype", None), "kind", None) == "V":  # .npy files have no name for bfloat16 and 8-bit floats
        value = value.view(spec.dtype.as_numpy_dtype)
    with tf.init_scope():
        return tf.constant(value, spec.dtype)


def _captured(tf, meta, state, constants):
    """The program's weights, by their places among its parameters."""
    weights = {}
    for i, (where, signature) in enumerate(zip(meta.input_locations, meta.input_signature)):
        if where.type_ is VariableType.CONSTANT:
            weights[i] = _weight(tf, constants[where.position], _spec(tf, signature, f"constant {where.position}"))
        elif where.type_ is VariableType.PARAMETER:
            if where.name not in state:
                raise BadInputError(f"the weight '{where.name}' is not there: the program was saved without weights")
            weights[i] = _weight(tf, state[where.name], _spec(tf, signature, f"weight '{where.name}'"))
    return weights


def _argument(tf, value, spec, name):
    tensor = tf.convert_to_tensor(value)
    if tensor.dtype != spec.dtype or not tensor.shape.is_compatible_with(spec.shape):
        raise BadInputError(
            f"input '{name}' is {tensor.dtype.name}{list(tensor.shape)}, wanted {spec.dtype.name}{list(spec.shape)}"
        )
    return tensor


def _leaves(method, args, kwargs):
    """Of a call as the model's own; or the flattened inputs, as torch_xla's function takes them."""
    nested = any(isinstance(a, (tuple, list, dict)) for a in args)
    is_flat = method.in_spec is not None and len(args) == method.in_spec.nleaves and not kwargs and not nested
    return list(args) if is_flat else method.leaves(args, kwargs)


def make_tf_function(stablehlo_program, bundle=None):
    """The program's default method as a Python function over TensorFlow's tensors, to be called, or given to tf.function.

    It takes the arguments of the original model, or its flattened inputs, and gives its outputs in their structure. Weights are
    constants of TensorFlow's, copies of the program's; ``bundle``: a StableHLOModelBundle whose state_dict and
    additional_constants are taken instead, such as one with a tf.Variable for each.
    """
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.python import xla

    model = stablehlo_program._model
    method = model.method(None)
    method.check_results()
    meta, code = meta_of(model, method), method.bytecode(stablehlo_program._options.target)
    state, constants = tensors_of(model) if bundle is None else (bundle.state_dict, bundle.additional_constants)
    captured = _captured(tf, meta, state, constants)
    names = [method.input_name(p) for p in method.positions]
    users = [s for i, s in enumerate(meta.input_signature) if i not in captured]
    inputs = [(_spec(tf, s, f"input '{name}'"), name) for s, name in zip(users, names)]
    outputs = [_spec(tf, s, f"output {i}") for i, s in enumerate(meta.output_signature)]

    def call(*args, **kwargs):
        values = method.take(_leaves(method, args, kwargs))
        given = iter([_argument(tf, v, *wanted) for v, wanted in zip(values, inputs)])
        results = xla.call_module(
            tuple(captured[i] if i in captured else next(given) for i in range(len(meta.input_signature))),
            version=_CALL_MODULE_VERSION,
            module=code,
            Tout=[s.dtype for s in outputs],
            Sout=[s.shape for s in outputs],
        )
        return method.structure(list(results))

    return call


# -- the command line ---------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(prog="python -m torch_stablehlo.tf_saved_model_integration")
    parser.add_argument("input_dir", help="StableHLO directory")
    parser.add_argument("output_dir", help="where the SavedModel goes: a directory that is empty, or not there yet")
    parser.add_argument("-a", "--function_alias", default="", help="by which converters find the function")
    parser.add_argument("-k", "--serving_key", default=_SERVING_DEFAULT, help=f"key of the signature ({_SERVING_DEFAULT})")
    args = parser.parse_args()
    try:
        print(f"Loading {args.input_dir} into StableHLOGraphModule...")
        program = StableHLOGraphModule.load(args.input_dir)
        print(f"Saving as saved model to {args.output_dir} ...")
        save_stablehlo_graph_as_tf(program, args.output_dir, args.serving_key, args.function_alias)
    except StableHLOError as e:
        sys.exit(f"{parser.prog}: {e}")
    print("Done!")
    return 0


if __name__ == "__main__":
    sys.exit(main())
