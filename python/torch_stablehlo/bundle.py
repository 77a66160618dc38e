"""torch_xla.stablehlo's dataclasses: what a StableHLO directory holds, as Python objects."""

import dataclasses
import enum
import json
import math
import os
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from ._lib import StableHLOError, check, ffi, lib, text
from ._tensors import memory, numpy_dtype


class VariableType(enum.Enum):
    INPUT_ARG = "input_arg"
    PARAMETER = "parameter"
    CONSTANT = "constant"


@dataclass
class VariableSignature:
    """Type of an input or output; ``dtype`` as torch spells it without "torch."."""

    shape: List[int]
    dtype: str
    dynamic_dims: List[int] = dataclasses.field(default_factory=list)


@dataclass
class InputLocation:
    """Where an argument of the StableHLO function comes from."""

    type_: VariableType
    position: int = -1
    name: str = ""

    @classmethod
    def parameter(cls, name: str):
        return cls(VariableType.PARAMETER, name=name)

    @classmethod
    def input_arg(cls, position: int):
        return cls(VariableType.INPUT_ARG, position=position)

    @classmethod
    def constant(cls, position: int):
        return cls(VariableType.CONSTANT, position=position)


@dataclass
class StableHLOFunctionMeta:
    """functions/<name>.meta"""

    name: str
    stablehlo_version: str
    input_signature: List[VariableSignature]
    output_signature: List[VariableSignature]
    input_locations: List[InputLocation]
    unused_inputs: List[Tuple[InputLocation, VariableSignature]]
    input_pytree_spec: Optional[str] = None
    output_pytree_spec: Optional[str] = None


@dataclass
class StableHLOFunc:
    meta: StableHLOFunctionMeta
    bytecode: Optional[bytes]
    text: Optional[str]


@dataclass
class StableHLOModelBundle:
    """``state_dict``: NumPy arrays by name, sharing memory with the model that they come from."""

    state_dict: Dict[str, Any]
    additional_constants: List[np.ndarray]
    stablehlo_funcs: List[StableHLOFunc]


class StableHLOJSONSerializer(json.JSONEncoder):
    def default(self, obj):
        if dataclasses.is_dataclass(obj):
            return dataclasses.asdict(obj)
        return obj.value if isinstance(obj, VariableType) else super().default(obj)


# -- a model as a bundle --------------------------------------------------------------------------------------------


def _array(state, owner):
    """A read-only array over a tensor of the model, wherever and however it lies."""
    t = state.type
    shape = tuple(t.dims[0 : t.rank])
    dtype = numpy_dtype(t.dtype) if t.dtype else np.dtype(f"V{state.itemsize}")
    if t.data == ffi.NULL:
        raise StableHLOError("a weight of this program has no data, only a type")
    if 0 in shape:
        return np.empty(shape, dtype)
    strides, extent = None, math.prod(shape) * dtype.itemsize
    if state.strides != ffi.NULL:
        strides = tuple(s * dtype.itemsize for s in state.strides[0 : t.rank])
        extent = sum((d - 1) * s for d, s in zip(shape, strides)) + dtype.itemsize
    return np.ndarray(shape, dtype, memory(t.data, extent, owner, False), 0, strides)


def tensors_of(model):
    """(parameters and buffers by name, the exporter's constants), as arrays over the model's memory."""
    state, constants = {}, []
    slot = ffi.new("tshlo_state *")
    i = 0
    while lib.tshlo_state_tensor(model.handle, i, slot):
        array = _array(slot, model)
        if slot.name == ffi.NULL:
            constants.append(array)
        else:
            state[text(slot.name)] = array
        i += 1
    return state, constants


def _signature(value):
    dims = value.type.dims[0 : value.type.rank]
    dynamic = [i for i, d in enumerate(dims) if d < 0]
    return VariableSignature(list(dims), text(lib.tshlo_dtype_torch_name(value.type.dtype)), dynamic)


def _values(ask, model, method):
    value = ffi.new("tshlo_value_info *")
    i = 0
    while ask(model.handle, method, i, value):
        yield value
        i += 1


def _location(value):
    if value.input == lib.TSHLO_INPUT_USER:
        return InputLocation.input_arg(value.position)
    if value.input == lib.TSHLO_INPUT_CONSTANT_TENSOR:
        return InputLocation.constant(value.position)
    return InputLocation.parameter(text(value.name))


def meta_of(model, m):
    """Of a Method."""
    inputs = [(_location(v), _signature(v)) for v in _values(lib.tshlo_input_info, model, m.key)]
    unused = {v.position: _signature(v) for v in _values(lib.tshlo_unused_info, model, m.key)}
    unused.update((p, VariableSignature([], type(v).__name__)) for p, v in m.fixed_inputs.items())
    return StableHLOFunctionMeta(
        name=m.name,
        stablehlo_version=text(check(lib.tshlo_bytecode_version, model.handle, m.key)),
        input_signature=[s for _, s in inputs],
        output_signature=[_signature(v) for v in _values(lib.tshlo_output_info, model, m.key)],
        input_locations=[where for where, _ in inputs],
        unused_inputs=[(InputLocation.input_arg(p), unused[p]) for p in sorted(unused)],
        input_pytree_spec=text(lib.tshlo_in_spec(model.handle, m.key)) or None,
        output_pytree_spec=text(lib.tshlo_out_spec(model.handle, m.key)) or None,
    )


def _or_none(make):
    """A directory may lack text or bytecode."""
    try:
        return make()
    except NotImplementedError:
        return None


def bundle_of(model, with_text, with_weights):
    """The model as torch_xla has it."""
    functions = [
        StableHLOFunc(
            meta_of(model, m), _or_none(m.bytecode), _or_none(m.text) if with_text else None
        )
        for m in model.methods.values()
    ]
    state, constants = tensors_of(model)
    return StableHLOModelBundle(state if with_weights else {}, constants, functions)


# -- a bundle as a directory ------------------------------------------------------------------------------------------


def write_bundle(bundle, directory):
    """Writes a bundle that may have come from anywhere, as torch_xla does."""
    for folder in ("functions", "data", "constants"):
        os.makedirs(os.path.join(directory, folder))
    for f in bundle.stablehlo_funcs:
        stem = os.path.join(directory, "functions", f.meta.name)
        with open(stem + ".meta", "w", encoding="utf-8") as out:
            json.dump(f.meta, out, cls=StableHLOJSONSerializer)
        for ending, content in ((".bytecode", f.bytecode), (".mlir", f.text)):
            if content:
                with open(stem + ending, "wb") as out:
                    out.write(content if isinstance(content, bytes) else content.encode())
    numbered = ((str(i), a) for i, a in enumerate(bundle.additional_constants))
    for folder, arrays in (("data", bundle.state_dict.items()), ("constants", numbered)):
        for name, a in arrays:
            with open(os.path.join(directory, folder, name), "wb") as out:
                np.save(out, np.asarray(a))
