"""torch_xla.stablehlo's API: exported programs to StableHLO, to disk and back, and to a device."""

import dataclasses
import os
import sys
import tempfile
from typing import Any, Mapping, Optional, Set, Tuple, Union

from ._lib import BadInputError, UnsupportedError, check, ffi, lib
from ._model import Model, checked_seed
from ._sharding import sharding_json
from .bundle import (
    InputLocation,
    StableHLOFunc,
    StableHLOFunctionMeta,
    StableHLOJSONSerializer,
    StableHLOModelBundle,
    VariableSignature,
    VariableType,
    bundle_of,
    write_bundle,
)
from .device import pjrt_device

__all__ = [
    "InputLocation",
    "StableHLOExportOptions",
    "StableHLOFunc",
    "StableHLOFunctionMeta",
    "StableHLOGraphModule",
    "StableHLOJSONSerializer",
    "StableHLOModelBundle",
    "VariableSignature",
    "VariableType",
    "exported_program_to_stablehlo",
    "save_as_stablehlo",
    "save_torch_model_as_stablehlo",
]


# Defaults that torch_xla has otherwise: install_as_torch_xla() makes them its own.
like_torch_xla = {"quantized_types": False}


@dataclasses.dataclass
class StableHLOExportOptions:
    """The fields of torch_xla's class of this name, with its defaults, and beside them ``target`` and those below it.

    include_human_readable_text: write functions/<name>.mlir when saving
    override_tracing_arguments, override_tracing_kwargs: an ExportedProgram is never traced again, so they only have to be what
        the program was exported for: the same structure, shapes and element types
    save_weights: write data/ when saving
    export_weights: False leaves the weights out of the bundle; data/ is then empty
    inline_all_constant: numbers are always part of the module here; tensors that the exporter made are files in constants/, as torch_xla's
    custom_ops_allowed_in_graph: operators outside ATen that become stablehlo.custom_call: namespaces ("my_lib"), operators ("my_lib::op")
    export_node_metadata: ops carry MLIR locations. True is what torch_xla exports, the node's metadata as JSON, around "nodes": module, node and
        the user's line; "full": with all lines of the stack trace. "nodes" and "full" are without the JSON
    dims: sizes of a dynamic program that are to be these, by symbol ("s0") or input and dimension ("x.0"); the others stay dynamic
    composites: operators that stay whole, each as a stablehlo.composite: {"aten.gelu.default": "my.gelu"}
    inline_composites: what composites are made of in their place, for consumers that know none
    groups: the ranks of torch.distributed's process groups, by name, where the program has collectives: {"0": [0, 1, 2, 3]}, or for several groups
        of as many ranks {"tp": [[0, 1], [2, 3]]}. A group of all ranks of this process's torch.distributed needs none
    decompose: overloads without a rule are taken apart by torch's own decompositions where it has some; those only, and only then
    random_seed: of all random numbers, 0 to 2**64 - 1; a program draws the same ones at every call
    seed_input: the seed is one more input instead: each call gives it, as ``seed=`` or as the last positional argument
    shardings: which weights, inputs and outputs (output_0, ...) are split over several devices: partition specs by name, for ``mesh``, or
        ShardingSpec with meshes of their own; or the path of a JSON file of them. What mark_sharding() has marked is split without it
    mesh: torch_stablehlo.distributed.spmd.Mesh, the devices of ``shardings``
    shardy: Shardy's attributes beside GSPMD's; its dialect in the text
    inline_weights: weights that are constants of the module instead of arguments: True, all; a number of bytes, those that are not larger; or a
        list of such sizes and of names in the state dict, with *, ? and [a-z]. Those that the program writes are always arguments
    weights_format: "npy", a file in data/ for each, as torch_xla; or "safetensors", all in one weights.safetensors, which torch_xla cannot load
    quantized_types: what is quantized by known scales has !quant.uniform types, with uniform_quantize and uniform_dequantize, as
        torch_xla writes them; else it is integer arithmetic, which every plugin runs. None: only after install_as_torch_xla()
    int4_packing: which CPU packed weights of 4 bits: "avx512", "avx2", "default" or "neon"; None is this one
    target: StableHLO version of the bytecode ("1.9.0"); None is the oldest that can express the program
    """

    include_human_readable_text: bool = True
    override_tracing_arguments: Optional[Tuple[Any, ...]] = None
    override_tracing_kwargs: Optional[Mapping[str, Any]] = None
    save_weights: bool = True
    inline_all_constant: bool = True
    export_weights: bool = True
    custom_ops_allowed_in_graph: Set[str] = dataclasses.field(default_factory=set)
    export_node_metadata: Union[bool, str] = False
    target: Optional[str] = None
    decompose: bool = True
    dims: Mapping[str, int] = dataclasses.field(default_factory=dict)
    composites: Mapping[str, str] = dataclasses.field(default_factory=dict)
    inline_composites: bool = False
    random_seed: int = 0
    seed_input: bool = False
    shardings: Any = None
    mesh: Any = None
    shardy: bool = False
    inline_weights: Any = False
    weights_format: str = "npy"
    groups: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    quantized_types: Optional[bool] = None
    int4_packing: Optional[str] = None


class StableHLOGraphModule:
    """A program (or several, by method name) that runs on a PJRT device.

    Made by :func:`exported_program_to_stablehlo`, :meth:`load`, or of a :class:`StableHLOModelBundle`. Calling it takes the
    arguments of the original model, as torch tensors, NumPy arrays or DLPack objects, and gives its outputs in its own
    structure: torch tensors where torch is imported, else NumPy arrays. May be called from several threads.
    """

    def __init__(self, bundle):
        with tempfile.TemporaryDirectory() as directory:
            write_bundle(bundle, directory)
            model = Model(check(lib.tshlo_load, os.fsencode(directory)))  # mapped: the files may go
        self._init(model, StableHLOExportOptions())

    def _init(self, model, options):
        self._model, self._options = model, options

    @classmethod
    def _of(cls, model, options):
        self = cls.__new__(cls)
        self._init(model, options)
        return self

    @property
    def _bundle(self):
        """The program as torch_xla holds it. The arrays in it share memory with the model's weights, read-only."""
        options = self._options
        return bundle_of(self._model, options.include_human_readable_text, options.export_weights)

    @property
    def _default_method(self):
        return self._model.default

    def get_stablehlo_text(self, method_name=None):
        """The module as MLIR text (str). None: the method "forward", or the only one."""
        return self._model.method(method_name).text()

    def get_stablehlo_bytecode(self, method_name=None, target=None):
        """The module as a StableHLO portable artifact (bytes), for a version ("1.9.0") or the oldest that can express it."""
        return self._model.method(method_name).bytecode(target or self._options.target)

    def __call__(self, *args, **kwargs):
        return self.evaluate(None, args, kwargs) if kwargs else self._model.method(None).call(args, pjrt_device)

    def evaluate(self, method_name, args, kwargs=None, device=None, to_device=False, engine="plugin"):
        """Runs a method. device: of :func:`torch_stablehlo.pjrt_device`; to_device: results stay there, as DeviceArray. engine
        "reference": the library's own evaluator instead, which needs no plugin and is slow; it neither reads nor writes state."""
        if engine == "reference":
            return self._model.method(method_name).run_reference(tuple(args), kwargs or {})
        if engine != "plugin":
            raise BadInputError(f"engine is {engine!r}, wanted 'plugin' or 'reference'")
        return self._model.method(method_name).run(tuple(args), kwargs or {}, device or pjrt_device(), to_device)

    def evaluate_each(self, calls, method_name=None, device=None):
        """Runs a program with collectives on all its ranks at once. calls: the positional arguments of each rank, by rank; gives a list of
        their outputs. The plugin must have as many devices."""
        return self._model.method(method_name).run_each(list(calls), device or pjrt_device())

    def device_count(self, method_name=None, device=None):
        """How many devices a call runs on: those of a program with shardings where the plugin has so many, else 1. Compiles what a first
        call would."""
        return self._model.method(method_name).ndevices(device or pjrt_device())

    @property
    def cache_size(self):
        """How many executables each method keeps on a device, those used last: one for each set of sizes (and ints) that calls came with.
        32 unless set."""
        return self._model.cache_size

    @cache_size.setter
    def cache_size(self, n):
        self._model.cache_size = n

    @property
    def tuned(self):
        """Whether programs are rewritten to run faster, with results that differ by rounding (docs/running.md, "Rewrites"): True unless
        set to False before the first call."""
        return self._model.tuned

    @tuned.setter
    def tuned(self, on):
        self._model.tuned = on

    def state(self, device=None):
        """What the programs write, now: a mapping of state dict names to NumPy arrays (copies), which can be set; empty where they write
        nothing. All methods share it; it lives on the device, one for each."""
        return self._model.session(device or pjrt_device())

    def reset_state(self, device=None):
        """Makes the state what it was when the program was exported."""
        self.state(device).reset()

    def save(self, directory_path, options=None):
        """Writes the StableHLO directory that torch_xla writes. It must not exist, or be empty. options: of the writing; those
        of the conversion hold where they leave something out."""
        options = options or self._options
        opt = ffi.new("tshlo_save_options *")
        target = options.target or self._options.target
        version = ffi.NULL if target is None else ffi.new("char[]", target.encode())
        opt.target = version
        opt.skip_text = not (options.include_human_readable_text and self._options.include_human_readable_text)
        opt.skip_weights = not options.save_weights
        opt.safetensors = _is_safetensors(options.weights_format) or _is_safetensors(self._options.weights_format)
        opt.no_weights = not (options.export_weights and self._options.export_weights)
        check(lib.tshlo_save, self._model.handle, os.fsencode(directory_path), opt)

    def strip_locations(self):
        """Takes the MLIR locations out, of a converted or a loaded program: text, bytecode and what is saved then have none. Gives the
        program itself. Not while another thread uses it."""
        check(lib.tshlo_strip_locations, self._model.handle)
        return self

    def inline_composites(self):
        """Puts what composites are made of in their place, for consumers that know none: in text, bytecode, save() and runs from now on.
        Not while another thread uses the program."""
        check(lib.tshlo_inline_composites, self._model.handle)

    @classmethod
    def load(cls, directory_path):
        """Opens a StableHLO directory, ours or torch_xla's. Needs no torch."""
        return cls._of(Model(check(lib.tshlo_load, os.fsencode(directory_path))), StableHLOExportOptions())


def _is_safetensors(weights_format):
    if weights_format not in ("npy", "safetensors"):
        raise BadInputError(f"weights_format is {weights_format!r}, wanted 'npy' or 'safetensors'")
    return weights_format == "safetensors"


def exported_program_to_stablehlo(exported_model, options=None):
    """Converts a torch.export.ExportedProgram, or several, by method name: {"prefill": program, "decode": program}. Weights of one name
    must then be the same tensors, or have the same values, and are held once.

    Its weights are borrowed, not copied: they are read when the program is first run or saved. Raises UnsupportedError listing
    every op that cannot be converted, with its count and source line.
    """
    options = dataclasses.replace(options) if options else StableHLOExportOptions()
    model = _join(exported_model, options) if isinstance(exported_model, Mapping) else _model_of(exported_model, options)
    if options.override_tracing_arguments is not None:
        seed = (0,) if options.seed_input else ()
        model.method(None).check_inputs((*options.override_tracing_arguments, *seed), dict(options.override_tracing_kwargs or {}))
    return StableHLOGraphModule._of(model, options)


def _model_of(ep, options):
    handle, kept, specs = _converted(ep, options, "forward")
    return Model(handle, kept, {"forward": specs})


def _join(programs, options):
    handles, kept, specs = [], [], {}
    try:
        for name, ep in programs.items():
            handle, more, specs[name] = _converted(ep, options, name, of_many=True)
            handles.append(handle)
            kept += more
    except BaseException:
        for handle in handles:
            lib.tshlo_model_free(handle)
        raise
    return Model(check(lib.tshlo_join, ffi.new("tshlo_model *[]", handles), len(handles)), kept, specs)


def _converted(ep, options, method, of_many=False):
    """(model handle, tensors to keep alive, (input, output) structure)"""
    from ._bridge import decomposed

    try:
        return _convert(ep, options, method, of_many)
    except UnsupportedError:
        simpler = decomposed(ep, options.custom_ops_allowed_in_graph) if options.decompose else None
        if simpler is None:
            raise
    return _convert(simpler, options, method, of_many)


def _convert(ep, options, method, of_many):
    from ._bridge import program_of

    program, kept, refused = program_of(ep, _locations(options))
    opt, _alive = _convert_options(options, method)
    marks = sharding_json(ep, options)
    opt.sharding = sharding = ffi.NULL if marks is None else ffi.new("char[]", marks.encode())
    opt.of_several = of_many
    handle = check(lib.tshlo_convert, program, opt)
    del sharding
    try:
        if refused:
            raise refused
        if options.inline_composites:
            check(lib.tshlo_inline_composites, handle)
    except BaseException:
        lib.tshlo_model_free(handle)
        raise
    return handle, kept, (ep.call_spec.in_spec, ep.call_spec.out_spec)


_LOCATIONS = {
    False: lib.TSHLO_LOCATIONS_NONE,
    True: lib.TSHLO_LOCATIONS_METADATA,
    "metadata": lib.TSHLO_LOCATIONS_METADATA,
    "nodes": lib.TSHLO_LOCATIONS_NODES,
    "full": lib.TSHLO_LOCATIONS_FULL,
}


def _locations(options):
    wanted = options.export_node_metadata
    if not isinstance(wanted, (bool, str)) or wanted not in _LOCATIONS:
        raise BadInputError(f"export_node_metadata is {wanted!r}, wanted True, False, 'nodes', 'full' or 'metadata'")
    return _LOCATIONS[wanted]


def _convert_options(options, method):
    """(the library's options, what they point into)"""
    from ._bridge import this_int4_packing

    opt = ffi.new("tshlo_convert_options *")
    opt.method = name = ffi.new("char[]", method.encode())
    names = [ffi.new("char[]", op.encode()) for op in sorted(options.custom_ops_allowed_in_graph)]
    allowed = ffi.new("char *[]", names)
    opt.ncustom_op, opt.custom_op = len(names), allowed
    keys = [ffi.new("char[]", str(dim).encode()) for dim in options.dims]
    dims = ffi.new("tshlo_dim[]", [(key, size) for key, size in zip(keys, options.dims.values())])
    opt.ndim, opt.dim = len(keys), dims
    opt.locations = _locations(options)
    ops = [(ffi.new("char[]", str(op).encode()), ffi.new("char[]", name.encode())) for op, name in options.composites.items()]
    composites = ffi.new("tshlo_composite[]", ops)
    opt.ncomposite, opt.composite = len(ops), composites
    opt.seed, opt.seed_input = checked_seed(options.random_seed), options.seed_input
    opt.shardy = options.shardy
    groups = [(ffi.new("char[]", g.encode()), ffi.new("char[]", ranks.encode())) for g, ranks in _groups(options.groups).items()]
    opt.ngroup, opt.group = len(groups), (group_array := ffi.new("tshlo_group[]", groups))
    inlined = [ffi.new("char[]", str(which).encode()) for which in _inlined(options.inline_weights)]
    opt.inline_weights = options.inline_weights is True
    opt.ninlined, opt.inlined = len(inlined), (patterns := ffi.new("char *[]", inlined))
    quantized = options.quantized_types
    opt.quantized_types = like_torch_xla["quantized_types"] if quantized is None else quantized
    opt.int4_packing = packing = ffi.new("char[]", (options.int4_packing or this_int4_packing()).encode())
    return opt, (name, names, allowed, keys, dims, ops, composites, groups, group_array, inlined, patterns, packing)


def _groups(given):
    """Names of process groups and their ranks as text; torch.distributed's own where it has some."""
    rows = {name: ranks if isinstance(ranks[0], (list, tuple)) else [ranks] for name, ranks in given.items()}
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        world = list(range(distributed.get_world_size()))
        known = [distributed.group.WORLD, *distributed.distributed_c10d._world.pg_map]
        for group in known:
            if sorted(distributed.get_process_group_ranks(group)) == world:
                rows.setdefault(group.group_name, [distributed.get_process_group_ranks(group)])
    return {name: ";".join(",".join(map(str, row)) for row in ranks) for name, ranks in rows.items()}


def _inlined(which):
    """inline_weights as a list of sizes and names."""
    if isinstance(which, bool):
        return []
    return [which] if isinstance(which, (int, str)) else which


def save_as_stablehlo(exported_model, stablehlo_dir, options=None):
    """Converts a torch.export.ExportedProgram, or several by method name, and saves them as a StableHLO directory."""
    exported_program_to_stablehlo(exported_model, options).save(stablehlo_dir, options)


def save_torch_model_as_stablehlo(torchmodel, args, path, options=None):
    """Exports a torch.nn.Module on ``args``, converts it and saves it as a StableHLO directory."""
    import torch

    save_as_stablehlo(torch.export.export(torchmodel, args), path, options)
