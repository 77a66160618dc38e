"""``torch_xla.experimental.stablehlo_custom_call``: what StableHLO does not know, called by name on the device's plugin.

The call stands in an exported program as the operator ``xla::stablehlo_custom_call``, whose schema has no place for dictionaries and
nested lists: those are JSON, as src/aten/custom_call.c reads it.
"""

from collections.abc import Mapping

import numpy as np
import torch

_LIBRARY = torch.library.Library("xla", "FRAGMENT")
_NAME = "stablehlo_custom_call"
_LIBRARY.define(
    f"{_NAME}(Tensor[] args, str call_target, SymInt[] sizes, int[] ranks, str[] dtypes, bool has_side_effect=False,"
    ' str backend_config="", int api_version=0, str attributes="") -> Tensor[]'
)


def stablehlo_custom_call(
    args,
    call_target,
    output_shapes,
    output_dtypes,
    has_side_effect=False,
    backend_config="",
    api_version=0,
    frontend_attributes=None,
    *,
    operand_layouts=None,
    result_layouts=None,
    output_operand_aliases=None,
):
    """``stablehlo.custom_call @call_target(*args)``: a tensor, or a list of as many as ``output_shapes`` has.

    backend_config: a string, or a dict, which is what XLA's typed FFI reads as attributes: bools, ints (i64), floats (f64), strings, NumPy
        scalars (their own type), lists of numbers and NumPy arrays (elements), dicts
    api_version: 1 to 4 as XLA's CustomCallApiVersion; 0: 4 with a dict, else 1
    frontend_attributes: strings by name, for XLA's passes
    operand_layouts, result_layouts: for each tensor its dimensions from the fastest to the slowest; where one of the two is left out, row-major
    output_operand_aliases: {result: operand}, both by number: the result takes the operand's memory
    """
    args, shapes = list(args), [list(shape) for shape in output_shapes]
    if len(shapes) != len(output_dtypes):
        raise ValueError(f"{len(shapes)} output shapes and {len(output_dtypes)} output dtypes are given, wanted as many")
    config = None if isinstance(backend_config, str) else _dict("backend_config", backend_config)
    more = {
        "config": config,
        "frontend_attributes": {str(k): str(v) for k, v in (frontend_attributes or {}).items()} or None,
        **_layouts([t.dim() for t in args], [len(s) for s in shapes], operand_layouts, result_layouts),
        "output_operand_aliases": [[int(i), int(k)] for i, k in (output_operand_aliases or {}).items()] or None,
    }
    more = {name: value for name, value in more.items() if value is not None}
    results = torch.ops.xla.stablehlo_custom_call(
        args,
        call_target,
        [size for shape in shapes for size in shape],
        [len(shape) for shape in shapes],
        [str(dtype).removeprefix("torch.") for dtype in output_dtypes],
        has_side_effect,
        backend_config if config is None else "",
        api_version,
        _json(more) if more else "",
    )
    return results[0] if len(shapes) == 1 else results


def _layouts(operands, results, operand_layouts, result_layouts):
    """Those of the operands and those of the results, of which StableHLO wants both or neither. operands, results: their ranks."""
    if operand_layouts is None and result_layouts is None:
        return {}
    lists = (operands, operand_layouts), (results, result_layouts)
    each = [[list(range(rank))[::-1] for rank in ranks] if given is None else [[int(d) for d in x] for x in given] for ranks, given in lists]
    return {"operand_layouts": each[0], "result_layouts": each[1]}


def _json(x):
    """As json.dumps writes it, in words that torch.compile's tracer (strict export) understands."""
    if isinstance(x, dict):
        return "{" + ", ".join([f"{_json(key)}: {_json(value)}" for key, value in x.items()]) + "}"
    if isinstance(x, list):
        return "[" + ", ".join([_json(i) for i in x]) + "]"
    if isinstance(x, str):
        return '"' + "".join([c if c >= " " and c not in '"\\' else f"\\u{ord(c):04x}" for c in x]) + '"'
    if isinstance(x, bool):
        return "true" if x else "false"
    return _NUMBERS.get(str(x), str(x))


_NUMBERS = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}


# -- attributes ----------------------------------------------------------------------------------------------------------------


def _dict(name, value):
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is a {type(value).__name__}, wanted a str or a dict")
    return {str(key): _value(f"{name}[{key!r}]", x) for key, x in value.items()}


def _value(name, x):
    """[type, value], or [type, elements, sizes]"""
    if isinstance(x, Mapping):
        return ["dict", _dict(name, x)]
    if isinstance(x, (str, torch.dtype)):
        return ["str", str(x).removeprefix("torch.")]
    if isinstance(x, (bool, np.bool_)):
        return ["bool", bool(x)]
    if isinstance(x, (list, tuple)):
        return _list(name, x)
    if isinstance(x, (np.ndarray, np.generic)):
        return _numpy(name, x)
    return [_type(name, x), x]


def _type(name, x):
    """Of a Python number."""
    if isinstance(x, float):
        return "float64"
    if not isinstance(x, int):
        raise TypeError(f"{name} is a {type(x).__name__}, wanted a bool, number, string, dict, list or array of numbers")
    if not -(2**63) <= x < 2**63:
        raise ValueError(f"{name} is {x}, wanted an integer of 64 bits")
    return "int64"


def _list(name, x):
    """Elements of the widest type; bools alone are int8, for XLA's FFI has no array of them. Anything but numbers stays a list."""
    if not all(type(i) in (bool, int, float) for i in x):
        return ["list", [_value(f"{name}[{i}]", item) for i, item in enumerate(x)]]
    types = {_type(name, i) for i in x if type(i) is not bool}
    kind = "float64" if "float64" in types else "int64" if types or not x else "int8"
    return [kind, [float(i) if kind == "float64" else int(i) for i in x], [len(x)]]


def _numpy(name, x):
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} is of {x.dtype}, wanted bools, integers or floats")
    x = x.astype(np.int8) if x.dtype == bool else x
    flat = np.asarray(x).reshape(-1)
    flat = flat.view(np.int64) if flat.dtype == np.uint64 else flat  # as JSON's readers have 64 bits with a sign
    return [str(x.dtype), flat.tolist(), list(x.shape)] if isinstance(x, np.ndarray) else [str(x.dtype), flat.tolist()[0]]


# -- the operator --------------------------------------------------------------------------------------------------------------


@torch.library.register_fake(f"xla::{_NAME}", lib=_LIBRARY)
def _fake(args, call_target, sizes, ranks, dtypes, has_side_effect=False, backend_config="", api_version=0, attributes=""):
    device = args[0].device if args else None
    sizes = iter(sizes)
    return [torch.empty([next(sizes) for _ in range(rank)], dtype=getattr(torch, dtype), device=device) for rank, dtype in zip(ranks, dtypes)]


@torch.library.impl(_LIBRARY, _NAME, "CompositeExplicitAutograd")
def _eager(args, call_target, *rest, **kwargs):
    raise NotImplementedError(
        f"stablehlo_custom_call of '{call_target}': only a device's plugin knows the target; export the model and convert the program"
    )


# A call that nobody uses may still do something; the library drops those that say they do not.
torch.fx.node.has_side_effect(torch.ops.xla.stablehlo_custom_call.default)


def extract_custom_call_outputs_shape_dtype(n):
    """(shapes, dtypes) of what an FX node gives."""
    assert "val" in n.meta
    if isinstance(n.meta["val"], torch.Tensor):
        return [n.meta["val"].shape], [n.meta["val"].dtype]
    assert all(isinstance(t, torch.Tensor) for t in n.meta["val"])
    return tuple(t.shape for t in n.meta["val"]), tuple(t.dtype for t in n.meta["val"])


# -- host offloading -----------------------------------------------------------------------------------------------------------


@torch.library.custom_op("xla::place_to_host", mutates_args=())
def place_to_host(t: torch.Tensor) -> torch.Tensor:
    """t, which XLA keeps in the host's memory from here on."""
    return t.clone()


@torch.library.custom_op("xla::place_to_device", mutates_args=())
def place_to_device(t: torch.Tensor) -> torch.Tensor:
    """t, which XLA keeps in the device's memory from here on."""
    return t.clone()


for _op in (place_to_host, place_to_device):
    _op.register_fake(torch.empty_like)
    _op.register_autograd(lambda ctx, grad: grad)
