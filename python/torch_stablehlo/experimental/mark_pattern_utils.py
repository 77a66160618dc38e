"""``torch_xla.experimental.mark_pattern_utils``: parts of a model that keep a name."""

import copy
import uuid

import torch
from torch.fx.passes.utils.matcher_utils import SubgraphMatcher
from torch.utils import _pytree as pytree

from . import xla_marker


@torch._dynamo.assume_constant_result
def _new_id():
    return uuid.uuid4().hex


class StableHLOCompositeBuilder:
    """Makes a ``stablehlo.composite`` of what a model computes between two calls.

        def forward(self, q, k, v):
            b = StableHLOCompositeBuilder("my.sdpa", {"scale": 0.25})
            q, k, v = b.mark_inputs(q, k, v)
            return b.mark_outputs(F.scaled_dot_product_attention(q, k, v, scale=0.25))

    name: "namespace.name". attr: a dict of str, int, float and bool, and lists of one kind of number.
    """

    def __init__(self, name, attr=None):
        self.name = name
        self.attr = attr
        self.id = _new_id()

    def _mark(self, tensors, is_input):
        attr = None if is_input else xla_marker.serialize_composite_attr(self.attr)
        for x in tensors:
            if not isinstance(x, torch.Tensor):
                raise ValueError(f"composite {self.name}: {x!r} is a {type(x).__name__}, wanted a tensor to mark")
        marked = [
            torch.ops.xla.mark_tensor(x, name=self.name, pos=pos, id=self.id, is_input=is_input, attr=attr)
            for pos, x in enumerate(tensors)
        ]
        return marked[0] if len(marked) == 1 else tuple(marked)

    def mark_inputs(self, *tensors):
        """The operands, once per builder: gives the tensors to go on with."""
        return self._mark(tensors, True)

    def mark_outputs(self, *tensors):
        """The results, once per builder: gives the tensors to go on with."""
        return self._mark(tensors, False)


# -- patterns ------------------------------------------------------------------------------------------------------------


class _Pattern(torch.nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args, **kwargs):
        return self.f(*args, **kwargs)


def _insert(graph, before, x, name, pos, id, is_input, attr):
    with graph.inserting_before(before):
        mark = graph.call_function(torch.ops.xla.mark_tensor.default, (x, name, pos, id, is_input), {} if attr is None else {"attr": attr})
    mark.meta = dict(x.meta)
    return mark


def _mark_match(ep, match, inputs, marked, name, attr):
    """Marks around the nodes of one match. inputs: the pattern's placeholders that are tensors. marked: what stands for a node by now."""
    graph, signature, id = ep.graph, ep.graph_signature, _new_id()
    operands = [match.nodes_map[p] for p in inputs if p in match.nodes_map]
    inside = set(match.nodes_map.values()) - set(operands)
    ordered = [n for n in graph.nodes if n in inside]
    for pos, x in enumerate(operands):
        x = marked.get(x, x)
        users = [n for n in ordered if x in n.all_input_nodes]
        mark = _insert(graph, users[0], x, name, pos, id, True, None)
        for n in users:
            n.replace_input_with(x, mark)
    for pos, x in enumerate(dict.fromkeys(match.returning_nodes)):
        mark = _insert(graph, ordered[-1].next, x, name, pos, id, False, attr)
        x.replace_all_uses_with(mark, delete_user_cb=lambda n, mark=mark: n is not mark and n not in inside)
        signature.replace_all_uses(x.name, mark.name)
        marked[x] = mark


def _copied(ep):
    """The program with a graph of its own; weights are the same."""
    graph, val_map = torch.fx.Graph(), {}
    graph.output(graph.graph_copy(ep.graph, val_map))
    graph.output_node().meta = dict(ep.graph.output_node().meta)
    return ep._update(torch.fx.GraphModule(ep.graph_module, graph), copy.deepcopy(ep.graph_signature))


def mark_pattern(pattern_name, exported_ep, pattern, pattern_args, pattern_kwargs=None, pattern_attrs=None):
    """The program with each place that computes what ``pattern`` does marked as a composite of this name.

        ep = mark_pattern("my.sdpa", ep, lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.25), (q, k, v), pattern_attrs={"scale": 0.25})

    pattern is a function or module, exported with these example arguments: tensors are the composite's operands, numbers must be the same in
    the program; sizes do not matter where the pattern computes with none. Both must be exported alike (decomposed, or not). Raises ValueError
    where the pattern is found nowhere.
    """
    f = pattern if isinstance(pattern, torch.nn.Module) else _Pattern(pattern)
    args, kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, (tuple(pattern_args), pattern_kwargs or {}))  # one tensor is one input
    small = torch.export.export(f, args, kwargs)
    inputs = [n for n in small.graph.nodes if n.op == "placeholder" and isinstance(n.meta.get("val"), torch.Tensor)]
    matcher = SubgraphMatcher(small.graph, match_output=False, match_placeholder=False, remove_overlapping_matches=True)
    ep = _copied(exported_ep)
    matches = matcher.match(ep.graph)
    if not matches:
        raise ValueError(f"composite {pattern_name}: the program computes nothing like the pattern")
    marked = {}
    for match in matches:
        _mark_match(ep, match, inputs, marked, pattern_name, xla_marker.serialize_composite_attr(pattern_attrs))
    ep.graph_module.recompile()
    return ep
