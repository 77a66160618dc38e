"""``torch_xla.distributed.spmd``: meshes of devices, and tensors marked as split over them.

    mesh = Mesh(range(4), (2, 2), ("x", "y"))
    mark_sharding(model.fc.weight, mesh, ("x", None))      # a weight, buffer or sample input: remembered for the conversion
    def forward(self, x):
        x = mark_sharding(x, mesh, ("y", None))            # inside of a program that is exported: an operator of it

What marks become, and how such a program runs: docs/sharding.md. Needs torch.
"""

import ast
import dataclasses
import math
from collections import OrderedDict
from enum import IntEnum
from typing import Any, Optional, Tuple

import numpy
import torch
from torch.utils.weak import WeakTensorKeyDictionary

from .._lib import BadInputError

__all__ = [
    "Mesh",
    "ShardingSpec",
    "ShardingType",
    "clear_sharding",
    "get_1d_mesh",
    "get_global_mesh",
    "mark_sharding",
    "mark_sharding_with_gradients",
    "set_global_mesh",
]


class Mesh:
    """Devices, by number, in a box whose axes have names. device_ids: flat, row-major; axis_names: None for axes that are only numbered.

    Unlike torch_xla's it may have any number of devices: those that the program will run on, not those that there are here.
    """

    def __init__(self, device_ids, mesh_shape, axis_names=None):
        self.device_ids = numpy.asarray(list(device_ids) if isinstance(device_ids, range) else device_ids, dtype=numpy.int64).reshape(-1)
        self.mesh_shape = tuple(int(n) for n in mesh_shape)
        self.axis_names = None if axis_names is None else tuple(axis_names)
        if self.axis_names is not None and len(self.axis_names) != len(self.mesh_shape):
            raise BadInputError(f"there are {len(self.axis_names)} axis names, and the mesh has {len(self.mesh_shape)} axes")
        if self.axis_names is not None and len(set(self.axis_names)) != len(self.axis_names):
            raise BadInputError(f"the axis names of a mesh must differ, found {self.axis_names}")
        if len(self.device_ids) != self.size():
            raise BadInputError(f"there are {len(self.device_ids)} device ids, and a mesh of shape {self.mesh_shape} has {self.size()} devices")
        if sorted(self.device_ids.tolist()) != list(range(self.size())):
            raise BadInputError(f"the device ids of a mesh of {self.size()} devices must be 0 to {self.size() - 1}, found {self.device_ids.tolist()}")
        self._text = str(self.fields())

    def fields(self):
        """What torch_xla's Mesh is as a dict."""
        return {"device_ids": self.device_ids.tolist(), "mesh_shape": self.mesh_shape, "axis_names": self.axis_names}

    def size(self):
        return math.prod(self.mesh_shape)

    def shape(self):
        return OrderedDict(zip(range(len(self.mesh_shape)) if self.axis_names is None else self.axis_names, self.mesh_shape))

    def get_logical_mesh(self):
        return self.device_ids.reshape(self.mesh_shape)

    def get_axis_name_idx(self, name):
        return self.axis_names.index(name) if self.axis_names is not None and name in self.axis_names else None

    def check(self, rank, partition_spec):
        """partition_spec as a tuple; raises BadInputError where it is none for a tensor of that rank."""
        spec = tuple(tuple(p) if isinstance(p, list) else p for p in partition_spec)
        if len(spec) != rank:
            raise BadInputError(f"the partition spec {spec} has {len(spec)} items, the tensor {rank} dimensions")
        used = [self._axis(a) for p in spec for a in (p if isinstance(p, tuple) else (p,)) if a is not None]
        if len(set(used)) != len(used):
            raise BadInputError(f"the partition spec {spec} names an axis of the mesh twice")
        return spec

    def _axis(self, a):
        number = self.get_axis_name_idx(a) if isinstance(a, str) else a
        if not isinstance(number, int) or not 0 <= number < len(self.mesh_shape):
            raise BadInputError(f"the mesh has no axis {a!r}, only {list(self.shape())}")
        return number

    def __eq__(self, other):
        return isinstance(other, Mesh) and self._text == other._text

    def __hash__(self):
        return hash(self._text)

    def __str__(self):
        return self._text

    @classmethod
    def from_str(cls, mesh_str):
        """The mesh that str() shows; None when it shows none."""
        try:
            return cls(**ast.literal_eval(mesh_str.replace("Mesh", "")))
        except (ValueError, SyntaxError, TypeError):
            return None


@dataclasses.dataclass
class ShardingSpec:
    """A mesh and a partition spec for it."""

    mesh: Mesh
    partition_spec: Tuple[Any, ...]


class ShardingType(IntEnum):
    """OpSharding.Type of xla_data.proto, in torch_xla's numbers."""

    REPLICATED = 0
    MAXIMAL = 1
    TUPLE = 2
    TILED = 3
    MANUAL = 4
    PARTIAL = 5
    UNKNOWN = 6


_global = {"mesh": None}
_marks = WeakTensorKeyDictionary()


def set_global_mesh(mesh):
    _global["mesh"] = mesh


def get_global_mesh() -> Optional[Mesh]:
    return _global["mesh"]


def get_1d_mesh(axis_name=None, num_devices=None):
    """All devices in a row. num_devices: None for as many as the plugin has."""
    if num_devices is None:
        from ..runtime import global_runtime_device_count

        num_devices = global_runtime_device_count()
    return Mesh(range(num_devices), (num_devices,), None if axis_name is None else (axis_name,))


def _mark(t, mesh, partition_spec):
    return t.clone()


if not hasattr(torch.ops.xla, "aot_mark_sharding"):  # torch_xla's own where it is imported
    _operator = torch.library.custom_op(
        "xla::aot_mark_sharding", _mark, mutates_args=(), schema="(Tensor t, str mesh, str partition_spec) -> Tensor"
    )
    _operator.register_fake(lambda t, mesh, partition_spec: torch.empty_like(t))
    _operator.register_autograd(lambda ctx, grad: (grad, None, None))


def _is_traced(t):
    return torch.compiler.is_exporting() or torch.compiler.is_compiling() or isinstance(t, torch._subclasses.FakeTensor)


def mark_sharding(t, mesh, partition_spec):
    """Marks t as split over the mesh: for each dimension an axis of it, by name or number, several of them, the major one first, or None.

    A weight, a buffer or a sample input is marked before the export, and converted with the mark. Inside of a program that is being exported
    the mark is an operator, and the tensor that it returns is the marked one. Returns the tensor, not an XLAShardedTensor.
    """
    spec = mesh.check(t.dim(), partition_spec)
    if _is_traced(t):
        return torch.ops.xla.aot_mark_sharding(t, mesh._text, repr(spec))
    _marks[t] = ShardingSpec(mesh, spec)
    return t


class _MarkBoth(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t, mesh, spec):
        ctx.mark = mesh, spec
        return torch.ops.xla.aot_mark_sharding(t, mesh._text, repr(spec))

    @staticmethod
    def backward(ctx, grad):
        mesh, spec = ctx.mark
        return torch.ops.xla.aot_mark_sharding(grad, mesh._text, repr(spec)), None, None


def mark_sharding_with_gradients(t, mesh, partition_spec):
    """A tensor like t that is split so, as is its gradient."""
    return _MarkBoth.apply(t, mesh, mesh.check(t.dim(), partition_spec))


def clear_sharding(t):
    """Takes the mark of a weight, buffer or sample input away. Returns the tensor."""
    _marks.pop(t, None)
    return t


def marked(t):
    """The ShardingSpec of a tensor that was marked outside of a program; None: it is not."""
    return _marks.get(t) if isinstance(t, torch.Tensor) else None
