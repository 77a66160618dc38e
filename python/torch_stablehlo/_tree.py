"""torch's pytree specs (torch.utils._pytree.treespec_dumps, protocol 1) without torch.

A spec is a tuple, list, dict, OrderedDict or None node, or a leaf. Nodes of other types are handed to torch's own pytree,
which knows what the user registered.
"""

import collections
import json


class Spec:
    """One node of a spec; ``kind`` is None for a leaf."""

    __slots__ = ("kind", "keys", "children", "nleaves", "text")

    def __init__(self, kind, keys, children, text=None):
        self.kind, self.keys, self.children, self.text = kind, keys, children, text
        self.nleaves = sum(c.nleaves for c in children) if kind else 1


_KINDS = {
    "builtins.tuple": tuple,
    "builtins.list": list,
    "builtins.dict": dict,
    "collections.OrderedDict": collections.OrderedDict,
    "torch.fx.immutable_collections.immutable_list": list,
    "torch.fx.immutable_collections.immutable_dict": dict,
}


class Unknown(Exception):
    """The spec has a node type that only torch's pytree knows."""


def _spec(node):
    if node["type"] is None:
        return Spec(None, None, [])
    children = [_spec(c) for c in node["children_spec"]]
    if node["type"] == "builtins.NoneType":
        return Spec(type(None), None, [])
    kind = _KINDS.get(node["type"])
    if kind is None:
        raise Unknown(node["type"])
    context = node["context"]
    context = json.loads(context) if isinstance(context, str) else context
    return Spec(kind, context if issubclass(kind, dict) else None, children)


def loads(text):
    """The Spec of a treespec_dumps() string; raises Unknown."""
    version, root = json.loads(text)
    if version != 1:
        raise ValueError(f"pytree spec has protocol {version}, wanted 1")
    return _spec(root)


def flatten(spec, x, at="inputs"):
    """The leaves of x in the spec's order; raises TypeError where the structure is another."""
    if spec.kind is None:
        return [x]
    if spec.kind is type(None):
        if x is not None:
            raise TypeError(f"{at}: found {type(x).__name__}, wanted None")
        return []
    if issubclass(spec.kind, dict):
        if not isinstance(x, dict) or set(x) != set(spec.keys):
            found = sorted(map(str, x)) if isinstance(x, dict) else type(x).__name__
            raise TypeError(f"{at}: found {found}, wanted a dict with the keys {list(spec.keys)}")
        items = [(f"{at}[{k!r}]", x[k]) for k in spec.keys]
    else:
        if not isinstance(x, (tuple, list)) or len(x) != len(spec.children):
            found = f"{len(x)} items" if isinstance(x, (tuple, list)) else type(x).__name__
            raise TypeError(f"{at}: found {found}, wanted {len(spec.children)} items")
        items = [(f"{at}[{i}]", v) for i, v in enumerate(x)]
    return [leaf for c, (where, v) in zip(spec.children, items) for leaf in flatten(c, v, where)]


def unflatten(spec, leaves):
    """x from its leaves (a list, consumed from the front)."""
    if spec.kind is None:
        return leaves.pop(0)
    if spec.kind is type(None):
        return None
    children = [unflatten(c, leaves) for c in spec.children]
    if issubclass(spec.kind, dict):
        return spec.kind(zip(spec.keys, children))
    return spec.kind(children)
