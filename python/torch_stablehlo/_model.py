"""A model of the library and its methods: how a call's arguments become inputs, and results the program's outputs."""

import functools
import itertools
import json
import operator
import sys
import threading

import numpy

from . import _tree
from ._lib import BadInputError, UnsupportedError, check, ffi, lib, owned, text
from ._session import Session
from ._tensors import DeviceArray, Evaluated, host_tensor, write


def checked_seed(seed):
    if not 0 <= seed < 2**64:
        raise BadInputError(f"the seed is {seed}, wanted 0 to 2**64 - 1")
    return seed


class Model:
    """Owns the library's model and keeps alive what it borrows. ``methods``: by name, in order."""

    def __init__(self, handle, kept=(), specs=None):
        """specs: method name -> (input, output) structure, where it is known better than as text."""
        self.handle = owned(handle, lib.tshlo_model_free, kept)
        names = [text(lib.tshlo_method(handle, i)) for i in range(lib.tshlo_nmethods(handle))]
        self._sessions, self._lock = {}, threading.Lock()
        self._cache_size, self._tuned = 32, True
        self.methods = {name: Method(self, name, (specs or {}).get(name, (None, None))) for name in names}
        self.default = "forward" if "forward" in self.methods else names[0]

    @property
    def has_state(self):
        """Whether some method writes a buffer or a parameter."""
        return any(m.writes for m in self.methods.values())

    @property
    def cache_size(self):
        return self._cache_size

    @cache_size.setter
    def cache_size(self, n):
        if n < 1:
            raise BadInputError(f"the cache's size is {n}, wanted 1 or more")
        self._cache_size = n
        for m in self.methods.values():
            m.limit(n)

    @property
    def tuned(self):
        return self._tuned

    @tuned.setter
    def tuned(self, on):
        if any(m.is_compiled for m in self.methods.values()):
            raise BadInputError("the program is compiled already: set tuned before the first call")
        self._tuned = bool(on)
        lib.tshlo_tune(self.handle, self._tuned)

    def session(self, device):
        """The state on a device."""
        with self._lock:
            if device not in self._sessions:
                self._sessions[device] = Session(self.handle, device)
            return self._sessions[device]

    def method(self, name):
        found = self.methods.get(self.default if name is None else name)
        if found is None:
            raise BadInputError(f"there is no method {name!r}, only {list(self.methods)}")
        return found


def _spec(given, saved):
    """The structure as torch's TreeSpec object, or as text; None when it is unknown."""
    if given is not None:
        return _tree.of_torch(given)
    return _tree.loads(saved) if saved else None


def _fixed(ask, handle, key):
    """(values by position, names by position) of the inputs or outputs that are no tensors."""
    values, names, slot = {}, {}, ffi.new("tshlo_fixed *")
    for _ in itertools.takewhile(lambda i: ask(handle, key, i, slot), itertools.count()):
        values[slot.position], names[slot.position] = json.loads(text(slot.json)), text(slot.name)
    return values, names


class Method:
    """One function of a model."""

    def __init__(self, model, name, specs):
        handle = model.handle
        self.model, self.handle, self.name, self.key = model, handle, name, name.encode()
        self.in_spec = _spec(specs[0], text(lib.tshlo_in_spec(handle, self.key)))
        self.out_spec = _spec(specs[1], text(lib.tshlo_out_spec(handle, self.key)))
        self.fixed_inputs, self.names = _fixed(lib.tshlo_fixed_input, handle, self.key)
        self.fixed_outputs, _ = _fixed(lib.tshlo_fixed_output, handle, self.key)
        self._read_inputs()
        self._read_outputs()
        self._runners = {}
        self._plans = None
        self._lock = threading.Lock()

    def _read_inputs(self):
        self.positions = []  # of the user inputs that the function takes, among the flattened ones
        self.integers = set()  # those of them that are Python ints
        value = ffi.new("tshlo_value_info *")
        for i in range(lib.tshlo_ninputs(self.handle, self.key)):
            lib.tshlo_input_info(self.handle, self.key, i, value)
            if value.input == lib.TSHLO_INPUT_USER:
                self.positions.append(value.position)
                self.names[value.position] = text(value.name)
                if value.scalar == lib.TSHLO_INT:
                    self.integers.add(value.position)

    def _read_outputs(self):
        # where each result belongs; the state that some are the new value of; the user inputs that some are the new value of; what some are
        # the gradients of; which are Python numbers to the user
        self.results, self.writes, self.changed, self.gradients, self.scalars = [], [], {}, {}, {}
        value = ffi.new("tshlo_value_info *")
        for i in range(lib.tshlo_noutputs(self.handle, self.key)):
            lib.tshlo_output_info(self.handle, self.key, i, value)
            self.results.append(value.position)
            if value.output == lib.TSHLO_OUTPUT_USER_INPUT_MUTATION:
                self.changed[i] = text(value.name)
            elif value.output in (lib.TSHLO_OUTPUT_GRAD_TO_PARAMETER, lib.TSHLO_OUTPUT_GRAD_TO_USER_INPUT):
                self.gradients[i] = text(value.name)
            elif value.output not in (lib.TSHLO_OUTPUT_USER, lib.TSHLO_OUTPUT_LOSS):
                self.writes.append(text(value.name))
            elif value.scalar != lib.TSHLO_TENSOR:
                self.scalars[i] = {lib.TSHLO_INT: int, lib.TSHLO_FLOAT: float, lib.TSHLO_BOOL: bool}[value.scalar]

    # -- text and bytecode ---------------------------------------------------------------------------------------

    def text(self):
        return text(check(lib.tshlo_text, self.handle, self.key, ffi.NULL))

    def bytecode(self, target=None):
        n = ffi.new("size_t *")
        p = check(lib.tshlo_bytecode, self.handle, self.key, ffi.NULL if target is None else target.encode(), n)
        return bytes(ffi.buffer(p, n[0]))

    # -- arguments -----------------------------------------------------------------------------------------------

    def input_name(self, position):
        return self.names.get(position) or f"input {position}"

    def _flatten_call(self, args, kwargs):
        """The leaves of (args, kwargs), the structure of a call."""
        wanted_args, wanted_kwargs = self.in_spec.children
        if len(args) != len(wanted_args.children):
            raise _tree.StructureError(
                f"{len(args)} positional arguments are given, the program was exported with {len(wanted_args.children)}"
            )
        if set(kwargs) != set(wanted_kwargs.context):
            raise _tree.StructureError(
                f"the keyword arguments {sorted(kwargs)} are given, the program was exported with {sorted(wanted_kwargs.context)}"
            )
        leaves = []
        for i, (spec, x) in enumerate(zip(wanted_args.children, args)):
            leaves += _tree.flatten(spec, x, f"argument {i}")
        for name, spec in zip(wanted_kwargs.context, wanted_kwargs.children):
            leaves += _tree.flatten(spec, kwargs[name], f"argument '{name}'")
        return leaves

    @functools.cached_property
    def _is_call(self):
        """Whether the input structure is (args, kwargs); torch_xla's older directories have that of args alone."""
        spec = self.in_spec
        return spec.kind is tuple and [c.kind for c in spec.children] == [tuple, dict]

    @functools.cached_property
    def has_seed(self):
        """Whether there is an input that the program's structure does not have: the seed of its random numbers."""
        return self.in_spec is not None and max(self.positions, default=-1) == self.in_spec.nleaves

    def _take_seed(self, args, kwargs):
        """(args, kwargs, seed) of a call with a seed: seed=, or the last positional argument."""
        if "seed" in kwargs and "seed" not in (self.in_spec.children[1].context if self._is_call else ()):
            seed, kwargs = kwargs["seed"], {k: v for k, v in kwargs.items() if k != "seed"}
        elif args:
            args, seed = args[:-1], args[-1]
        else:
            raise _tree.StructureError("this program takes a seed: give seed= or one more positional argument")
        return args, kwargs, numpy.asarray(checked_seed(seed), numpy.uint64) if isinstance(seed, int) else seed

    def leaves(self, args, kwargs):
        """The flattened inputs of a call."""
        if self.has_seed:
            args, kwargs, seed = self._take_seed(args, kwargs)
            return [*self._leaves(args, kwargs), seed]
        return self._leaves(args, kwargs)

    def _leaves(self, args, kwargs):
        if self.in_spec is not None and self._is_call:
            return self._flatten_call(args, kwargs)
        if kwargs:
            raise _tree.StructureError(f"the keyword arguments {sorted(kwargs)} are given, but this program knows no names")
        return list(args) if self.in_spec is None else _tree.flatten(self.in_spec, args, "the arguments")

    def bind(self, args, kwargs):
        """What the function takes of a call's arguments, in its order."""
        return self.take(self.leaves(args, kwargs))

    def take(self, leaves):
        """What the function takes of the flattened inputs, in its order."""
        wanted = max([*self.positions, *self.fixed_inputs, -1]) + 1
        if len(leaves) < wanted:
            raise _tree.StructureError(f"{len(leaves)} inputs are given, wanted {wanted}")
        for position, wanted in self.fixed_inputs.items():
            if not _same(leaves[position], wanted):
                raise BadInputError(
                    f"input '{self.input_name(position)}' is {_show(leaves[position])}, but the program was exported with {wanted!r},"
                    " which is part of it"
                )
        return [_integer(leaves[p], self.input_name(p)) if p in self.integers else leaves[p] for p in self.positions]

    def _slots(self, values):
        slots = ffi.new("tshlo_tensor[]", len(values) or 1)
        return slots, [host_tensor(v, slots[i], self.input_name(p)) for i, (v, p) in enumerate(zip(values, self.positions))]

    def check_inputs(self, args, kwargs):
        """Raises BadInputError when a call with these arguments would."""
        values = self.bind(args, kwargs)
        slots, _alive = self._slots(values)
        check(lib.tshlo_check_inputs, self.handle, self.key, slots, len(values))

    # -- running -------------------------------------------------------------------------------------------------

    def ndevices(self, device):
        return lib.tshlo_runner_ndevices(self._runner(device))

    def _runner(self, device):
        with self._lock:
            if device not in self._runners:
                model = self.model
                session = model.session(device)._handle if model.has_state else ffi.NULL
                handle = check(lib.tshlo_compile_in, self.handle, self.key, device._handle, session)
                self._runners[device] = owned(handle, lib.tshlo_runner_free, self.handle, device, session)
                lib.tshlo_runner_limit(self._runners[device], self.model.cache_size)
            return self._runners[device]

    @property
    def is_compiled(self):
        return bool(self._runners)

    def limit(self, n):
        with self._lock:
            for runner in self._runners.values():
                lib.tshlo_runner_limit(runner, n)

    def run(self, args, kwargs, device, to_device):
        """The program's outputs in their structure."""
        self.check_results()
        values = self.bind(args, kwargs)
        out = ffi.new("tshlo_buffer *[]", len(self.results) or 1)
        if any(isinstance(v, DeviceArray) and v.device is device for v in values):
            self._run_buffers(values, device, out)
        else:
            slots, _alive = self._slots(values)
            check(lib.tshlo_run, self._runner(device), slots, len(values), out)
        results = [DeviceArray(out[i], device) if out[i] != ffi.NULL else None for i in range(len(self.results))]
        self._write_back(values, results)
        if not kwargs and not to_device:
            self._learn(args, results, device)
        return self._outputs(results, to_device)

    def run_each(self, calls, device):
        """The outputs of every rank of a program with collectives. calls: the arguments of each."""
        self.check_results()
        n = self.ndevices(device)
        if len(calls) != n:
            raise BadInputError(f"the arguments of {len(calls)} ranks are given, the program has {n}")
        values = [self.bind(tuple(args), {}) for args in calls]
        nin, nout = len(values[0]), len(self.results)
        slots = ffi.new("tshlo_tensor[]", n * nin or 1)
        alive = [host_tensor(v, slots[k * nin + i], self.input_name(p)) for k in range(n) for i, (v, p) in enumerate(zip(values[k], self.positions))]
        out = ffi.new("tshlo_buffer *[]", n * nout or 1)
        check(lib.tshlo_run_each, self._runner(device), slots, nin, out)
        del alive
        return [self._outputs([DeviceArray(out[k * nout + i], device) for i in range(nout)], False) for k in range(n)]

    def run_reference(self, args, kwargs):
        """The same from the library's own evaluator, on the weights as they are: no state is read or written, nor inputs changed."""
        self.check_results()
        values = self.bind(args, kwargs)
        slots, _alive = self._slots(values)
        handle = owned(check(lib.tshlo_evaluate, self.handle, self.key, slots, len(values)), lib.tshlo_values_free, self.handle)
        return self._outputs([Evaluated(handle, i) for i in range(len(self.results))], False)

    def _outputs(self, results, to_device):
        give = _stay if to_device else _to_torch if sys.modules.get("torch") is not None else DeviceArray.numpy
        outputs = self.structure(
            [self.scalars[i](r.numpy()) if i in self.scalars else give(r) for i, r in enumerate(results) if self.results[i] >= 0]
        )
        return (outputs, {name: give(results[i]) for i, name in self.gradients.items()}) if self.gradients else outputs

    def _write_back(self, values, results):
        """Inputs that the program changes in place have their new values after the call, as with torch."""
        for i, name in self.changed.items():
            position = next(p for p in self.positions if self.names.get(p) == name)
            write(values[self.positions.index(position)], results[i], name)

    def _run_buffers(self, values, device, out):
        here = [
            v if isinstance(v, DeviceArray) and v.device is device else device.put(v, self.input_name(p))
            for v, p in zip(values, self.positions)
        ]
        handles = ffi.new("tshlo_buffer *[]", [v._handle for v in here])
        check(lib.tshlo_run_buffers, self._runner(device), handles, len(here), out)

    # -- again ---------------------------------------------------------------------------------------------------

    def call(self, args, device):
        """run() of positional arguments, the short way if there is one (_fast.py)."""
        if self._plans is not None:
            outputs = self._plans.call(args)
            if outputs is not _fast().NO_PLAN:
                return outputs
        return self.run(args, {}, device(), False)

    def is_plain(self, nargs):
        """Whether inputs and outputs are tensors, one for each positional argument, and nothing else is to be seen to at a call."""
        special = self.fixed_inputs or self.fixed_outputs or self.integers or self.changed or self.gradients or self.scalars or self.writes
        if special or self.in_spec is None or not self._is_call or self.has_seed:
            return False
        args, kwargs = self.in_spec.children
        return not kwargs.children and all(c.kind is None for c in args.children) and self.positions == list(range(nargs))

    def structure_of(self):
        """structure(), as a function that knows the common ones."""
        spec, straight = self.out_spec, self.results == list(range(len(self.results)))
        if spec is not None and straight and spec.kind is None:
            return operator.itemgetter(0)
        if spec is not None and straight and spec.kind in (tuple, list) and all(c.kind is None for c in spec.children):
            return spec.kind
        return self.structure

    def _learn(self, args, results, device):
        if sys.modules.get("torch") is None:
            return
        if self._plans is None:
            self._plans = _fast().Plans(self)
        self._plans.learn(args, results, self._runner(device), device)

    # -- results -------------------------------------------------------------------------------------------------

    def check_results(self):
        """Before anything is run: can every result be given back? Raises if not."""
        known = [*(p for p in self.results if p >= 0), *self.fixed_outputs]
        if self.out_spec is not None and sorted(known) != list(range(self.out_spec.nleaves)):
            raise BadInputError(
                f"method '{self.name}' gives {len(known)} results, but its output structure has {self.out_spec.nleaves};"
                " the directory does not say which of them are None"
            )

    def structure(self, results):
        """The program's outputs in their structure."""
        leaves = {**self.fixed_outputs, **dict(zip((p for p in self.results if p >= 0), results))}
        ordered = [leaves[p] for p in sorted(leaves)]
        return ordered if self.out_spec is None else _tree.unflatten(self.out_spec, iter(ordered))


def _fast():
    """Needs torch."""
    from . import _fast

    return _fast


def _stay(result):
    return result


def _to_torch(result):
    return result.torch()


def _integer(x, name):
    """An int as the 0-d tensor that the function takes; tensors stand for themselves."""
    if isinstance(x, bool) or isinstance(x, (float, complex, str)) or x is None:
        raise BadInputError(f"input '{name}' is {_show(x)}, wanted an int")
    if isinstance(x, int) and abs(x) >= 2**63:
        raise BadInputError(f"input '{name}' is {_show(x)}, which is no number of 64 bits")
    return numpy.asarray(x, numpy.int64) if isinstance(x, (int, numpy.integer)) else x


def _show(x):
    """A value for a message: tensors by their type."""
    return f"{x!r:.80}" if x is None or isinstance(x, (bool, int, float, complex, str)) else f"a {type(x).__name__}"


def _same(x, wanted):
    """1, 1.0 and True are three different values to a traced program; NaN is itself."""
    if wanted is None or isinstance(wanted, bool):
        return x is wanted
    alike = isinstance(x, type(wanted)) and not isinstance(x, bool)
    return alike and (x == wanted or (x != x and wanted != wanted))
