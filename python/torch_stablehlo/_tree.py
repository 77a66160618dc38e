"""torch's pytree specs without torch: the structure of a program's inputs and outputs.

A spec comes from torch.utils._pytree.treespec_dumps (protocol 1, as saved directories have it) or from a TreeSpec object. Tuples,
lists and dicts are handled here; other node types are torch's pytree's business, which knows what was registered with it. A
node type that nobody in this process has registered comes back as a dict of its fields, or a list.
"""

import collections
import dataclasses
import json
import sys

from ._lib import BadInputError


class StructureError(BadInputError, TypeError):
    """The arguments of a call are not nested as the program's inputs are."""


class Spec:
    """One node. ``kind``: None for a leaf, a class of _KINDS, a node type of torch's pytree, or the name of one that is unknown.
    ``context``: a dict's keys; of other node types what their registration says."""

    __slots__ = ("kind", "context", "children", "nleaves")

    def __init__(self, kind=None, context=None, children=()):
        self.kind, self.context, self.children = kind, context, children
        self.nleaves = 1 if kind is None else sum(c.nleaves for c in children)


_KINDS = {
    "builtins.tuple": tuple,
    "builtins.list": list,
    "builtins.dict": dict,
    "collections.OrderedDict": collections.OrderedDict,
    "torch.fx.immutable_collections.immutable_list": list,
    "torch.fx.immutable_collections.immutable_dict": dict,
}


def _is_dict(kind):
    return kind is dict or kind is collections.OrderedDict


# -- specs -------------------------------------------------------------------------------------------------------


def _key(x):
    """A dict's key: JSON has tuples as lists."""
    return tuple(map(_key, x)) if isinstance(x, list) else x


def _of_json(node):
    if node["type"] is None:
        return Spec()
    kind, context = _KINDS.get(node["type"], node["type"]), node["context"]
    if _is_dict(kind) and isinstance(context, str):
        context = list(map(_key, json.loads(context)))
    return Spec(kind, context, [_of_json(c) for c in node["children_spec"]])


def loads(text):
    """The Spec of a treespec_dumps() string."""
    version, root = json.loads(text)
    if version != 1:
        raise BadInputError(f"the pytree spec has protocol {version}, wanted 1")
    return _of_json(root)


def of_torch(spec):
    """The Spec of a torch.utils._pytree.TreeSpec."""
    if spec.is_leaf():
        return Spec()
    children = spec.children() if hasattr(spec, "children") else spec.children_specs
    name = f"{spec.type.__module__}.{spec.type.__qualname__}"
    return Spec(_KINDS.get(name, spec.type), spec.context, [of_torch(c) for c in children])


def _registered(spec):
    """(node type, context) in torch's pytree of a node that is known by name; (None, None) when it has no such type."""
    pytree = sys.modules.get("torch.utils._pytree")
    if not isinstance(spec.kind, str):
        return spec.kind, spec.context
    if pytree is None or spec.kind not in pytree.SERIALIZED_TYPE_TO_PYTHON_TYPE:
        return None, None
    alone = pytree.treespec_loads(json.dumps([1, {"type": spec.kind, "context": spec.context, "children_spec": []}]))
    return alone.type, alone.context


def _field_names(spec):
    """What the context of an unknown node says of its children: a list of keys (transformers' ModelOutput), or lists of fields
    with and without a value (torch.export.register_dataclass). None: nothing."""
    try:
        context = json.loads(spec.context) if isinstance(spec.context, str) else spec.context
    except ValueError:
        return None
    if isinstance(context, list) and len(context) == 2 and isinstance(context[0], list):
        context = context[0]
    names = isinstance(context, list) and all(isinstance(k, str) for k in context)
    return context if names and len(context) == len(spec.children) else None


def _model_output(name):
    """A ModelOutput class of transformers, which registers them only when they are first used."""
    module, _, cls = name.rpartition(".")
    cls = getattr(sys.modules.get(module), cls, None)
    return cls if isinstance(cls, type) and issubclass(cls, dict) and dataclasses.is_dataclass(cls) else None


# -- values ------------------------------------------------------------------------------------------------------


def flatten(spec, x, at):
    """The leaves of x in the spec's order; raises StructureError naming the place, ``at``, where the structure is another."""
    if spec.kind is None:
        return [x]
    if _is_dict(spec.kind):
        items = _dict_items(spec, x, at)
    elif spec.kind is tuple or spec.kind is list:
        if not isinstance(x, (tuple, list)) or len(x) != len(spec.children):
            found = f"{len(x)} items" if isinstance(x, (tuple, list)) else type(x).__name__
            raise StructureError(f"{at} is {found}, wanted a {spec.kind.__name__} of {len(spec.children)} items")
        items = list(enumerate(x))
    else:
        items = _node_items(spec, x, at)
    return [leaf for c, (key, v) in zip(spec.children, items) for leaf in flatten(c, v, f"{at}[{key!r}]")]


def _dict_items(spec, x, at):
    if not isinstance(x, dict) or set(x) != set(spec.context):
        found = f"has the keys {list(x)}" if isinstance(x, dict) else f"is {type(x).__name__}"
        raise StructureError(f"{at} {found}, wanted a dict with the keys {list(spec.context)}")
    return [(k, x[k]) for k in spec.context]


def _node_items(spec, x, at):
    kind, context = _registered(spec)
    if kind is None:
        return _unknown_items(spec, x, at)
    from torch.utils import _pytree

    children, found = _pytree.tree_flatten(x, is_leaf=lambda y: y is not x)
    if found.is_leaf() or found.type is not kind:
        raise StructureError(f"{at} is {type(x).__name__}, wanted {kind.__name__}")
    if found.context != context:
        raise StructureError(f"{at} is {type(x).__name__} with {found.context}, wanted one with {context}")
    return list(enumerate(children))


def _unknown_items(spec, x, at):
    """Of a node type that nothing in this process has registered: an object or a dict with its fields, or a list where those are not known."""
    names, n = _field_names(spec), len(spec.children)
    if names is None:
        if not isinstance(x, (tuple, list)) or len(x) != n:
            raise StructureError(f"{at} is {type(x).__name__}, wanted a {spec.kind} or a list of {n} items")
        return list(enumerate(x))
    has, get = (dict.__contains__, dict.__getitem__) if isinstance(x, dict) else (hasattr, getattr)
    missing = [k for k in names if not has(x, k)]
    if missing:
        raise StructureError(f"{at} is {type(x).__name__} without {missing}, wanted a {spec.kind}, or an object or dict with {names}")
    return [(k, get(x, k)) for k in names]


def unflatten(spec, leaves):
    """The value whose leaves the iterator gives."""
    if spec.kind is None:
        return next(leaves)
    children = [unflatten(c, leaves) for c in spec.children]
    if _is_dict(spec.kind):
        return spec.kind(zip(spec.context, children))
    if spec.kind is tuple or spec.kind is list:
        return spec.kind(children)
    kind, context = _registered(spec)
    if kind is not None:
        from torch.utils import _pytree

        return _pytree.SUPPORTED_NODES[kind].unflatten_fn(children, context)
    names = _field_names(spec)
    if names is None:
        return children
    cls = _model_output(spec.kind) or dict
    return cls(**dict(zip(names, children)))
