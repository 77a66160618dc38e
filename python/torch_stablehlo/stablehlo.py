"""torch_xla.stablehlo's API: exported programs to StableHLO, to disk and back, and to a device."""

import dataclasses
import os
import sys
import threading
from typing import Any, Mapping, Optional, Set, Tuple

from . import _tree
from ._lib import BadInputError, check, ffi, lib, text
from ._tensors import DeviceArray, host_tensor
from .device import pjrt_device


@dataclasses.dataclass
class StableHLOExportOptions:
    """The fields of torch_xla's class of this name, with its defaults, and ``target`` beside them.

    include_human_readable_text: write functions/<name>.mlir
    override_tracing_arguments, override_tracing_kwargs: accepted for torch_xla's sake; an ExportedProgram is never traced again,
        so they only have to agree with it in structure
    save_weights: write data/ when saving
    export_weights: False leaves data/ out as well
    target: StableHLO version of the bytecode ("1.9.0"); None is the oldest that can express the program
    """

    include_human_readable_text: bool = True
    override_tracing_arguments: Optional[Tuple[Any, ...]] = None
    override_tracing_kwargs: Optional[Mapping[str, Any]] = None
    save_weights: bool = True
    inline_all_constant: bool = True
    export_weights: bool = True
    custom_ops_allowed_in_graph: Set[str] = dataclasses.field(default_factory=set)
    export_node_metadata: bool = False
    target: Optional[str] = None

    def _refuse_later(self):
        for name, usual in (
            ("inline_all_constant", True),
            ("custom_ops_allowed_in_graph", set()),
            ("export_node_metadata", False),
        ):
            if getattr(self, name) != usual:
                raise NotImplementedError(f"StableHLOExportOptions.{name} = {getattr(self, name)!r} is not supported yet")


class _Method:
    """What Python needs of one function: its structure, and its executables by device."""

    def __init__(self, model, name):
        self.model, self.name = model, name.encode()
        self.in_spec, self.in_torch = _spec_of(text(lib.tshlo_in_spec(model, self.name)))
        self.out_spec, self.out_torch = _spec_of(text(lib.tshlo_out_spec(model, self.name)))
        info = ffi.new("tshlo_value_info *")
        self.positions = []
        for i in range(lib.tshlo_ninputs(model, self.name)):
            lib.tshlo_input_info(model, self.name, i, info)
            if info.input == lib.TSHLO_INPUT_USER:
                self.positions.append(info.position)
        self.out_positions = []
        for i in range(lib.tshlo_noutputs(model, self.name)):
            lib.tshlo_output_info(model, self.name, i, info)
            self.out_positions.append(info.position if info.output == lib.TSHLO_OUTPUT_USER else -1)
        self.runners = {}
        self.lock = threading.Lock()

    def runner(self, device):
        with self.lock:
            if device not in self.runners:
                handle = check(lib.tshlo_compile, self.model, self.name, device._handle)
                self.runners[device] = ffi.gc(handle, lib.tshlo_runner_free)
            return self.runners[device]


def _spec_of(spec):
    """(our Spec, torch's TreeSpec): one of them, or neither when the structure is unknown."""
    if not spec:
        return None, None
    try:
        return _tree.loads(spec), None
    except _tree.Unknown:
        from torch.utils import _pytree

        return None, _pytree.treespec_loads(spec)


class StableHLOGraphModule:
    """A program (or several, by method name) that runs on a PJRT device.

    Made by :func:`exported_program_to_stablehlo` or :meth:`load`. Calling it takes the arguments of the original model, as
    torch tensors, NumPy arrays or DLPack objects, and gives its outputs in its own structure: torch tensors where torch is
    imported, else NumPy arrays. May be called from several threads.
    """

    def __init__(self, handle, kept=(), program=None):
        self._model = ffi.gc(handle, lib.tshlo_model_free)
        self._kept = kept
        self._program = program
        names = [text(lib.tshlo_method(handle, i)) for i in range(lib.tshlo_nmethods(handle))]
        self._methods = {name: _Method(handle, name) for name in names}
        self._default_method = "forward" if "forward" in self._methods else names[0]

    def _method(self, name):
        try:
            return self._methods[name or self._default_method]
        except KeyError:
            raise BadInputError(f"there is no method {name!r}, only {sorted(self._methods)}") from None

    def get_stablehlo_text(self, method_name=None):
        """The module as MLIR text (str)."""
        m = self._method(method_name)
        return text(check(lib.tshlo_text, self._model, m.name, ffi.NULL))

    def get_stablehlo_bytecode(self, method_name=None, target=None):
        """The module as a StableHLO portable artifact (bytes), for a version ("1.9.0") or the oldest that can express it."""
        m = self._method(method_name)
        n = ffi.new("size_t *")
        p = check(lib.tshlo_bytecode, self._model, m.name, ffi.NULL if target is None else target.encode(), n)
        return bytes(ffi.buffer(p, n[0]))

    def __call__(self, *args, **kwargs):
        return self._evaluate(self._method(None), args, kwargs, None, False)

    def evaluate(self, method_name, args, kwargs=None, device=None, to_device=False):
        """Runs a method. device: of :func:`torch_stablehlo.pjrt_device`; to_device: results stay there, as DeviceArray."""
        return self._evaluate(self._method(method_name), tuple(args), kwargs or {}, device, to_device)

    def _leaves(self, m, args, kwargs):
        if m.in_torch is not None:
            from torch.utils import _pytree

            leaves, spec = _pytree.tree_flatten((args, kwargs))
            if spec != m.in_torch:
                raise TypeError(f"inputs: found the structure {spec}, wanted {m.in_torch}")
            return leaves
        if m.in_spec is not None:
            both = len(m.in_spec.children) == 2 and m.in_spec.children[1].kind is dict
            return _tree.flatten(m.in_spec, (args, kwargs) if both else args)
        if kwargs:
            raise TypeError("this program has no record of keyword arguments")
        return list(args)

    def _evaluate(self, m, args, kwargs, device, to_device):
        leaves = self._leaves(m, args, kwargs)
        runner = m.runner(device or pjrt_device())
        n = len(m.positions)
        slots = ffi.new("tshlo_tensor[]", max(n, 1))
        if n and max(m.positions) >= len(leaves):
            raise BadInputError(f"{len(leaves)} inputs are given, wanted at least {max(m.positions) + 1}")
        alive = [host_tensor(leaves[p], slots[i], f"input {p}") for i, p in enumerate(m.positions)]
        out = ffi.new("tshlo_buffer *[]", max(len(m.out_positions), 1))
        check(lib.tshlo_run, runner, slots, n, out)
        del alive
        results = [DeviceArray(out[i]) for i in range(len(m.out_positions))]
        if not to_device:
            use_torch = "torch" in sys.modules
            results = [r.torch() if use_torch else r.numpy() for r in results]
        return self._structure(m, results)

    def _structure(self, m, results):
        user = [r for r, p in zip(results, m.out_positions) if p >= 0]
        if m.out_torch is not None:
            from torch.utils import _pytree

            return _pytree.tree_unflatten(user, m.out_torch)
        if m.out_spec is not None and m.out_spec.nleaves == len(user):
            return _tree.unflatten(m.out_spec, list(user))
        return user

    def save(self, directory_path, options=None):
        """Writes the StableHLO directory that torch_xla writes. It must not exist, or be empty."""
        options = options or StableHLOExportOptions()
        opt = ffi.new("tshlo_save_options *")
        target = None if options.target is None else ffi.new("char[]", options.target.encode())
        opt.target = ffi.NULL if target is None else target
        opt.skip_text = not options.include_human_readable_text
        opt.skip_weights = not (options.save_weights and options.export_weights)
        check(lib.tshlo_save, self._model, os.fsencode(directory_path), opt)

    @classmethod
    def load(cls, directory_path):
        """Opens a StableHLO directory, ours or torch_xla's. Needs no torch."""
        return cls(check(lib.tshlo_load, os.fsencode(directory_path)))


def exported_program_to_stablehlo(exported_model, options=None):
    """Converts a torch.export.ExportedProgram.

    Its weights are borrowed, not copied: they are read when the program is first run or saved. Raises UnsupportedError listing
    every op that cannot be converted, with its count and source line.
    """
    from ._bridge import program_of

    options = options or StableHLOExportOptions()
    options._refuse_later()
    program, kept = program_of(exported_model)
    handle = check(lib.tshlo_convert, program, ffi.NULL)
    return StableHLOGraphModule(handle, kept)


def save_as_stablehlo(exported_model, stablehlo_dir, options=None):
    """Converts a torch.export.ExportedProgram and saves it as a StableHLO directory."""
    exported_program_to_stablehlo(exported_model, options).save(stablehlo_dir, options)


def save_torch_model_as_stablehlo(torchmodel, args, path, options=None):
    """Exports a torch.nn.Module on ``args``, converts it and saves it as a StableHLO directory."""
    import torch

    save_as_stablehlo(torch.export.export(torchmodel, args), path, options)
