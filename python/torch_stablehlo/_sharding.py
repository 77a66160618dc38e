"""The marks of a program's tensors, and those of the options, as the JSON that the library takes (docs/sharding.md)."""

import json
import os
import sys
from collections.abc import Mapping

from ._lib import BadInputError

_SPMD = "torch_stablehlo.distributed.spmd"


def _mesh_json(mesh):
    return {key: value for key, value in mesh.fields().items() if value is not None}


def _spec_json(given):
    """A partition spec, which is on the options' mesh, or a ShardingSpec, which has its own."""
    if hasattr(given, "partition_spec"):
        return {"mesh": _mesh_json(given.mesh), "spec": given.mesh.check(len(given.partition_spec), given.partition_spec)}
    return tuple(given)


def _marks(ep):
    """name -> ShardingSpec of the weights and sample inputs that mark_sharding() has marked."""
    from torch.utils import _pytree as pytree

    from .distributed.spmd import marked

    found, tensors = {}, {**ep.state_dict, **ep.constants}
    samples = iter(pytree.tree_leaves(ep.example_inputs) if ep.example_inputs is not None else ())
    for spec in ep.graph_signature.input_specs:
        user = spec.kind.name == "USER_INPUT"
        tensor = next(samples, None) if user else tensors.get(spec.target)
        mark = marked(tensor)
        if mark is not None:
            found[spec.arg.name if user else spec.target] = mark
    return found


def _file(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    try:
        return json.loads(text)
    except ValueError as e:
        raise BadInputError(f"{os.fspath(path)}: {e}") from None


def sharding_json(ep, options):
    """The JSON of one program as text; None: nothing is marked."""
    marks = _marks(ep) if _SPMD in sys.modules else {}
    given = options.shardings
    document = {} if given is None or isinstance(given, Mapping) else _file(given)
    if options.mesh is not None:
        document["mesh"] = _mesh_json(options.mesh)
    shardings = {**marks, **(given if isinstance(given, Mapping) else {})}
    shardings = {name: _spec_json(spec) for name, spec in shardings.items()}
    if shardings:
        document["shardings"] = {**shardings, **document.get("shardings", {})}
    return json.dumps(document) if document else None
