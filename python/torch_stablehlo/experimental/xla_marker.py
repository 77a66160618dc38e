"""``torch_xla.experimental.xla_marker``: the operator ``torch.ops.xla.mark_tensor``, whose marks become ``stablehlo.composite``.

Where torch_xla itself is installed the operator is its own; the library takes either.
"""

import dataclasses
import json

import torch

from .._torch_xla import installed_torch_xla

SCHEMA = "mark_tensor(Tensor x, str name, int pos, str id, bool is_input, Any? attr=None) -> Tensor"


@dataclasses.dataclass
class BoundaryMetadata:
    name: str
    pos: int
    id: str
    is_input: bool = True
    attr: dict = None


class BoundaryMetadataSerializer(json.JSONEncoder):
    def default(self, obj):
        return dataclasses.asdict(obj) if dataclasses.is_dataclass(obj) else super().default(obj)


def _is_attribute(v):
    if isinstance(v, (list, tuple)):
        kinds = {type(i) for i in v}
        return len(kinds) <= 1 and kinds <= {int, float, bool}
    return type(v) in (str, int, float, bool)


def _check(attr):
    if not isinstance(attr, dict):
        raise ValueError(f"the attributes of a composite are a {type(attr).__name__}, wanted a dict")
    for key, v in attr.items():
        if not isinstance(key, str) or not _is_attribute(v):
            raise ValueError(
                f"attribute {key!r} of a composite is {v!r}, wanted a name, and a str, int, float or bool, or a list of one kind of number"
            )


@torch._dynamo.assume_constant_result
def serialize_composite_attr(attr):
    """What ``mark_tensor`` takes as ``attr``: JSON, which a .pt2 file can hold."""
    if attr is None:
        return None
    _check(attr)
    return json.dumps(attr)


@torch._dynamo.assume_constant_result
def deserialize_composite_attr(attr):
    """Back to a dict. Takes torch_xla's own form, a tuple of pairs, too."""
    if attr is None:
        return None
    return json.loads(attr) if isinstance(attr, str) else dict(attr)


def mark_tensor(x, name, pos, id, is_input, attr=None):
    """x again: the marked one. attr: a dict, or what serialize_composite_attr() gives."""
    return torch.ops.xla.mark_tensor(x, name, pos, id, is_input, serialize_composite_attr(attr) if isinstance(attr, dict) else attr)


def _same(x, name, pos, id, is_input, attr=None):
    return x


def _like(x, name, pos, id, is_input, attr=None):
    return torch.empty_like(x)


def _register():
    """The library object, which keeps the operator there."""
    if installed_torch_xla():
        import torch_xla.experimental.xla_marker  # noqa: F401: defines it

    if hasattr(torch.ops.xla, "mark_tensor"):
        return None
    library = torch.library.Library("xla", "FRAGMENT")
    library.define(SCHEMA)
    library.impl("mark_tensor", _same, "CompositeExplicitAutograd")
    library.impl("mark_tensor", _like, "Meta")
    return library


_library = _register()
