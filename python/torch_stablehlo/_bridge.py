"""An ExportedProgram into the library's graph, node by node; tensors by pointer.

Nothing is lowered or decided here: names, arguments and metadata are handed over as torch has them.
"""

import operator
import platform
import re
import types

import torch
from torch.export.graph_signature import (
    ConstantArgument,
    CustomObjArgument,
    InputKind,
    TokenArgument,
)
from torch.utils import _pytree as pytree

from ._lib import UnsupportedError, check, ffi, lib
from ._tensors import torch_dtype_code

_INPUT = {
    InputKind.USER_INPUT: lib.TSHLO_INPUT_USER,
    InputKind.PARAMETER: lib.TSHLO_INPUT_PARAMETER,
    InputKind.BUFFER: lib.TSHLO_INPUT_BUFFER,
    InputKind.CONSTANT_TENSOR: lib.TSHLO_INPUT_CONSTANT_TENSOR,
    InputKind.CUSTOM_OBJ: lib.TSHLO_INPUT_OBJECT,
    InputKind.TOKEN: lib.TSHLO_INPUT_TOKEN,
}
_OUTPUT = {
    "USER_OUTPUT": lib.TSHLO_OUTPUT_USER,
    "LOSS_OUTPUT": lib.TSHLO_OUTPUT_LOSS,
    "BUFFER_MUTATION": lib.TSHLO_OUTPUT_BUFFER_MUTATION,
    "PARAMETER_MUTATION": lib.TSHLO_OUTPUT_PARAMETER_MUTATION,
    "USER_INPUT_MUTATION": lib.TSHLO_OUTPUT_USER_INPUT_MUTATION,
    "GRADIENT_TO_PARAMETER": lib.TSHLO_OUTPUT_GRAD_TO_PARAMETER,
    "GRADIENT_TO_USER_INPUT": lib.TSHLO_OUTPUT_GRAD_TO_USER_INPUT,
    "TOKEN": lib.TSHLO_OUTPUT_TOKEN,
}
# torch._export.serde.schema: Layout, MemoryFormat
_LAYOUT = {torch.strided: 7, torch.sparse_coo: 1, torch.sparse_csr: 2}
_MEMORY_FORMAT = {
    torch.contiguous_format: 1,
    torch.channels_last: 2,
    torch.channels_last_3d: 3,
    torch.preserve_format: 4,
}


_MOST = 2**63 - 1
# What of a node's metadata becomes locations, beside its stack_trace: by name in torch's serialized form.
_MODULES = ("nn_module_stack",)
_METADATA = (*_MODULES, "source_fn_stack", "torch_fn", "custom")


def _encode(s):
    return ffi.NULL if s is None else str(s).encode("utf-8", "replace")


class Bridge:
    """One walk over one program. ``kept`` holds the tensors whose memory the library borrows.

    metadata: of a node, as the dict that torch writes into a file; None: no locations are wanted, for which it is.
    """

    def __init__(self, metadata=None):
        self.p = check(lib.tshlo_program_new)
        self.metadata = metadata
        self.values = {}  # fx.Node -> value, or list of values
        self.kept = []
        self.refused = None  # raised when the conversion itself finds nothing: the list of missing ops says more

    # -- values --------------------------------------------------------------------------------------------------

    def dim(self, d):
        if type(d) is int:
            return d
        node = d.node
        if node.is_constant() or (node.expr.is_number and node.expr.is_Integer):
            return int(node.expr)
        hint = node.hint if node.has_hint() else 0
        return lib.tshlo_symbol(self.p, str(node.expr).encode(), hint)

    def value(self, name, val):
        """A value of the graph with the metadata of ``val``; a list of them for a tuple; 0 for None."""
        if isinstance(val, torch.Tensor):
            if val.layout is not torch.strided:
                raise UnsupportedError(f"value '{name.decode()}' has layout {val.layout}, wanted a dense tensor")
            dims = [self.dim(d) for d in val.shape]
            strides = [self.dim(d) for d in val.stride()]
            return lib.tshlo_value_tensor(
                self.p, name, torch_dtype_code(val.dtype), len(dims), dims, strides, self.dim(val.storage_offset())
            )
        if isinstance(val, (list, tuple)):
            return [self.value(name, v) for v in val]
        if isinstance(val, (torch.SymInt, int)) and not isinstance(val, bool):
            return lib.tshlo_value_symint(self.p, name, self.dim(val))
        if isinstance(val, (torch.SymFloat, float)):
            return lib.tshlo_value_symfloat(self.p, name)
        if isinstance(val, (torch.SymBool, bool)):
            return lib.tshlo_value_symbool(self.p, name)
        return 0

    # -- arguments -----------------------------------------------------------------------------------------------

    def arg(self, name, x):
        p, kind = self.p, type(x)
        if kind is torch.fx.Node and x.op == "get_attr":
            self.attribute(name, _attribute(x))
        elif kind is torch.fx.Node:
            v = self.values[x]
            if isinstance(v, list):
                self.list(name, v, lambda n, i: lib.tshlo_arg_value(p, n, i))
            elif v == 0 and not isinstance(x.meta.get("val"), torch.Tensor):  # 0 for a tensor: an earlier call failed
                found = type(x.meta.get("val")).__name__
                self.refused = self.refused or UnsupportedError(f"node '{x.name}' gives {found}, which no op can take")
            else:
                lib.tshlo_arg_value(p, name, v)
        elif x is None:
            lib.tshlo_arg_none(p, name)
        elif kind is bool:
            lib.tshlo_arg_bool(p, name, x)
        elif kind is int:
            lib.tshlo_arg_int(p, name, x)
        elif kind is float:
            lib.tshlo_arg_float(p, name, x)
        elif kind is complex:
            lib.tshlo_arg_complex(p, name, x.real, x.imag)
        elif kind is str:
            lib.tshlo_arg_string(p, name, x.encode())
        elif isinstance(x, (list, tuple)):
            if x and all(type(i) is int for i in x):
                lib.tshlo_arg_ints(p, name, len(x), list(x))
            else:
                self.list(name, x, self.arg)
        elif isinstance(x, dict):  # as a .pt2 file has it
            self.list(name, x.items(), self.arg)
        elif isinstance(x, torch.dtype):
            lib.tshlo_arg_dtype(p, name, torch_dtype_code(x))
        elif isinstance(x, torch.device):
            lib.tshlo_arg_device(p, name, str(x).encode())
        elif isinstance(x, torch.layout):
            lib.tshlo_arg_layout(p, name, _LAYOUT.get(x, 0))
        elif isinstance(x, torch.memory_format):
            lib.tshlo_arg_memory_format(p, name, _MEMORY_FORMAT[x])
        elif isinstance(x, (torch.SymInt, torch.SymBool, torch.SymFloat)) and x.node.is_constant():
            as_python = {torch.SymInt: int, torch.SymBool: bool, torch.SymFloat: float}
            self.arg(name, as_python[kind](x))
        else:
            raise UnsupportedError(f"an argument of type {kind.__name__} has no counterpart in the graph")

    def attribute(self, name, x):
        """What stands in a graph module itself: branches and bodies, and the numbers that they use."""
        if isinstance(x, torch.fx.GraphModule):
            self.graph(name, x)
        elif isinstance(x, torch.Tensor) and x.dim() == 0:
            self.arg(name, x.item())
        else:
            raise UnsupportedError(f"a constant of type {type(x).__name__} inside a branch or loop: give it as an operand")

    def fixed(self, where, x):
        """The value of the input or output just given, which is no tensor."""
        if x is not None and type(x) not in (bool, int, float, str):
            raise UnsupportedError(f"{where} is {type(x).__name__}, wanted a tensor, a number, a bool, a string or None")
        if x is not None:
            self.arg(ffi.NULL, x)

    def list(self, name, items, each):
        lib.tshlo_arg_list_begin(self.p, name)
        for i in items:
            each(ffi.NULL, i)
        lib.tshlo_arg_list_end(self.p)

    def graph(self, name, module):
        """A branch or a loop's body. Values in it are numbered anew."""
        p, outer = self.p, self.values
        lib.tshlo_graph_begin(p, name)
        self.values = {}
        for n in module.graph.nodes:
            if n.op == "placeholder":
                v = self.values[n] = self.value(n.name.encode(), n.meta["val"])
                lib.tshlo_graph_input(p, v)
            elif n.op == "call_function":
                self.node(n)
            elif n.op == "get_attr":
                self.values[n] = 0
            elif n.op == "output":
                for r in n.args[0] if isinstance(n.args[0], (list, tuple)) else [n.args[0]]:
                    lib.tshlo_graph_output(p, self.values[r] if isinstance(r, torch.fx.Node) else 0)
        lib.tshlo_graph_end(p)
        self.values = outer

    # -- nodes ---------------------------------------------------------------------------------------------------

    def node(self, n):
        if n.target is operator.getitem and isinstance(self.values.get(n.args[0]), list):
            self.values[n] = self.values[n.args[0]][n.args[1]]
            return
        if is_check(n):
            self.values[n] = [0, 0]
            return
        schema = getattr(n.target, "_schema", None)
        if schema is not None and schema.is_mutable and n.target.namespace not in ("aten", "_c10d_functional"):
            self.refused = self.refused or UnsupportedError(f"{n.target} (node '{n.name}') writes its arguments, which only aten operators may")
        more = self.metadata(n) if self.metadata else {}
        lib.tshlo_node(
            self.p, target_name(n.target), _encode(n.name), _encode(n.meta.get("stack_trace")), _encode(more.get("nn_module_stack"))
        )
        for key, value in more.items():
            lib.tshlo_node_metadata(self.p, key.encode(), _encode(value))
        for i, x in enumerate(n.args):
            if x is not None or schema is None:
                self.arg(schema.arguments[i].name.encode() if schema else b"%d" % i, x)
        for name, x in n.kwargs.items():
            if x is not None:
                self.arg(name.encode(), x)
        val = n.meta.get("val")
        v = self.values[n] = self.value(n.name.encode(), val)
        for one in flat(v) if isinstance(v, list) else [v] if val is not None else []:
            lib.tshlo_node_output(self.p, one)

    # -- programs ------------------------------------------------------------------------------------------------

    def weight(self, name, t):
        if torch.utils._python_dispatch.is_traceable_wrapper_subclass(t):
            parts = t.__tensor_flatten__()[0]
            names = [ffi.new("char[]", part.encode()) for part in parts]
            lib.tshlo_weight_parts(self.p, name.encode(), len(parts), ffi.new("char *[]", names))
            for part in parts:
                self.weight(f"{name}.{part}", getattr(t, part))
            return
        t = t.detach()
        if t.layout is not torch.strided:
            raise UnsupportedError(f"tensor '{name}' has layout {t.layout}, wanted a dense tensor")
        t = t.resolve_conj().resolve_neg()
        if t.device.type not in ("cpu", "meta"):
            t = t.cpu()
        storage, pointer = t.untyped_storage(), ffi.NULL
        if t.device.type == "cpu" and not isinstance(t, torch._subclasses.FakeTensor):  # else there is only a type
            pointer = ffi.cast("void *", storage.data_ptr())
            self.kept.append(t)
        lib.tshlo_weight(
            self.p, name.encode(), torch_dtype_code(t.dtype), t.dim(), list(t.shape), list(t.stride()),
            t.storage_offset(), pointer, storage.nbytes(),
        )

    def inputs(self, ep, placeholders):
        tensors = {**ep.state_dict, **ep.constants}
        seen = set()
        for spec, n in zip(ep.graph_signature.input_specs, placeholders):
            kind = _INPUT[spec.kind]
            target = None if spec.target is None else spec.target.encode()
            if isinstance(spec.arg, ConstantArgument):
                self.values[n] = 0
                lib.tshlo_input(self.p, kind, n.name.encode(), ffi.NULL, False, 0)
                self.fixed(f"input '{n.name}'", spec.arg.value)
                continue
            if isinstance(spec.arg, TokenArgument) and all(is_check(m) for m in n.graph.nodes if is_effect(m)):
                self.values[n] = 0
                continue
            if isinstance(spec.arg, (CustomObjArgument, TokenArgument)):
                found = getattr(spec.arg, "class_fqn", None) or type(spec.arg).__name__
                raise UnsupportedError(f"input '{n.name}' is a {found}, which StableHLO cannot express")
            v = self.values[n] = self.value(n.name.encode(), n.meta["val"])
            if target is not None and spec.target not in seen:
                seen.add(spec.target)
                self.weight(spec.target, tensors[spec.target])
            lib.tshlo_input(self.p, kind, n.name.encode(), target or ffi.NULL, bool(spec.persistent), v)

    def target_of(self, spec, ep):
        """What an output belongs to. torch names the input of a gradient as its tracer did, "arg2_1": the placeholder of that number."""
        inputs = ep.graph_signature.input_specs
        if spec.kind.name == "GRADIENT_TO_USER_INPUT" and spec.target not in [s.arg.name for s in inputs]:
            number = re.fullmatch(r"arg(\d+)_1", spec.target)
            if number and int(number[1]) < len(inputs):
                return inputs[int(number[1])].arg.name
        return spec.target

    def outputs(self, ep, nodes):
        for spec, n in zip(ep.graph_signature.output_specs, nodes):
            if isinstance(spec.arg, TokenArgument):
                continue
            v = self.values[n] if isinstance(n, torch.fx.Node) else 0
            target = ffi.NULL if spec.target is None else self.target_of(spec, ep).encode()
            if isinstance(v, list):
                raise UnsupportedError(f"output '{n.name}' is a list of values, wanted one")
            lib.tshlo_output(self.p, _OUTPUT[spec.kind.name], target, v)
            if isinstance(spec.arg, ConstantArgument):
                self.fixed("an output", spec.arg.value)

    def walk(self, ep):
        nodes = list(ep.graph.nodes)
        placeholders = [n for n in nodes if n.op == "placeholder"]
        self.inputs(ep, placeholders)
        for n in nodes:
            if n.op == "call_function":
                self.node(n)
            elif n.op == "get_attr":
                self.values[n] = 0
            elif n.op == "output":
                self.outputs(ep, n.args[0])
        for symbol, r in ep.range_constraints.items():
            lib.tshlo_range(self.p, str(symbol).encode(), *(_bound(b) for b in (r.lower, r.upper)))
        specs = ep.call_spec
        lib.tshlo_specs(self.p, _spec(specs.in_spec), _spec(specs.out_spec))
        return self.p


def is_effect(n):
    return n.op == "call_function" and str(n.target) == "with_effects"


def is_check(n):
    """Whether a node only raises when a factorization failed (its token, the operator, ...): a module cannot raise."""
    return is_effect(n) and n.args[1] is torch.ops.aten._linalg_check_errors.default


def this_int4_packing():
    """How torch's kernels of this CPU pack weights of 4 bits."""
    name = torch.backends.cpu.get_cpu_capability().lower()
    if platform.machine() in ("aarch64", "arm64"):
        return "default" if name == "sve256" else "neon"
    return name if name in ("avx512", "avx2") else "default"


def flat(values):
    """The results of a node in order: a list among them stands as its items, as in a .pt2 file."""
    for v in values:
        yield from flat(v) if isinstance(v, list) else [v]


def decomposed(ep, allowed=()):
    """The program with torch's own decompositions of just the overloads that have no rule, or with what a library registered for XLA's
    devices; None when torch has neither for any of them. allowed: operators that stay as they are."""
    targets = {n.target for m in ep.graph_module.modules() if isinstance(m, torch.fx.GraphModule) for n in m.graph.nodes if n.op == "call_function"}
    missing = {t for t in targets if isinstance(t, torch._ops.OpOverload) and not lib.tshlo_op_supported(target_name(t)) and not _is_allowed(t, allowed)}
    vmapped = any(getattr(t, "__module__", None) == "torch._functorch.predispatch" for t in targets)  # as associative_scan leaves it
    table = {op: _xla_kernel(op) for op in missing if torch._C._dispatch_has_kernel_for_dispatch_key(op.name(), "XLA")}
    known = torch.export.default_decompositions() if missing else {}
    table.update({op: known[op] for op in missing if op not in table and op in known})
    table.update(torch._decomp.get_decompositions([op for op in missing if op not in table]))
    return ep.run_decompositions(table) if table or vmapped else None


def _xla_kernel(op):
    """What torch.library.impl(library, name, "XLA") gave an operator: torch_xla runs that when it traces."""
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.XLA)
    return lambda *args, **kwargs: op.redispatch(keys, *args, **kwargs)


def _is_allowed(op, allowed):
    """As is_custom() of src/aten/custom.c has it."""
    return any((str(op) + ".").startswith(name.replace("::", ".") + ".") for name in allowed if name)


def _attribute(n):
    """What a get_attr node reads."""
    owner = n.graph.owning_module
    return operator.attrgetter(n.target)(owner) if owner is not None else None


def target_name(target):
    """How torch's export schema spells an operator: "aten.add.Tensor", "_operator.add"."""
    if isinstance(target, torch._ops.OpOverload):
        return str(target).encode()
    if isinstance(target, torch._ops.HigherOrderOperator):
        return b"higher_order." + target.name().encode()
    return f"{target.__module__}.{target.__name__}".encode()


def _bound(b):
    """An end of a sympy range in 63 bits."""
    if b >= _MOST or b <= -_MOST or not b.is_integer:  # torch's int_oo says that it is finite
        return _MOST if b > 0 else -_MOST
    return int(b)


def _spec(spec):
    try:
        return pytree.treespec_dumps(spec).encode()
    except Exception:  # a user's own container without a serializer: structure is then known only in this process
        return ffi.NULL


def metadata_of(ep, keys):
    """A function that gives those members of a node's metadata as torch serializes them: all but from_node, which differs from run to run."""
    from torch._export.serde.serialize import GraphModuleSerializer

    serializer = GraphModuleSerializer(ep.graph_signature, ep.module_call_graph)

    def metadata(n):
        wanted = {key: n.meta[key] for key in keys if key in n.meta}
        return serializer.serialize_metadata(types.SimpleNamespace(name=n.name, meta=wanted)) if wanted else {}

    return metadata


def program_of(ep, locations=lib.TSHLO_LOCATIONS_NONE):
    """(program handle, tensors to keep alive, error of a conversion that succeeds, or None) of an ExportedProgram."""
    if not isinstance(ep, torch.export.ExportedProgram):
        raise TypeError(f"wanted a torch.export.ExportedProgram, found {type(ep).__name__}; torch.export.export() makes one")
    keys = _METADATA if locations == lib.TSHLO_LOCATIONS_METADATA else _MODULES
    b = Bridge(metadata_of(ep, keys) if locations else None)
    try:
        return b.walk(ep), b.kept, b.refused
    except BaseException:
        lib.tshlo_program_free(b.p)
        raise
