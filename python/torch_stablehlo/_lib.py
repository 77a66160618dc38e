"""The C library: its handles, its errors as exceptions.

``lib`` has every function of include/torch_stablehlo.h; :func:`check` calls one and raises what it reports.
"""

import functools
import importlib.util
import os
import pathlib

_HERE = pathlib.Path(__file__).resolve().parent


class StableHLOError(RuntimeError):
    """What the library reports; ``code`` is one of BAD_INPUT, UNSUPPORTED, NO_MEMORY, IO, PLUGIN."""

    code = "BAD_INPUT"


class UnsupportedError(StableHLOError, NotImplementedError):
    code = "UNSUPPORTED"


class BadInputError(StableHLOError, ValueError):
    code = "BAD_INPUT"


class FileError(StableHLOError, OSError):
    code = "IO"


class PluginError(StableHLOError):
    code = "PLUGIN"


_EXCEPTIONS = {1: BadInputError, 2: UnsupportedError, 3: MemoryError, 4: FileError, 5: PluginError}


def _module(path):
    spec = importlib.util.spec_from_file_location("torch_stablehlo._ffi", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _load():
    """The installed library stands beside this file; a source tree has it in the build folder."""
    build = pathlib.Path(os.environ.get("TORCH_STABLEHLO_BUILD", _HERE.parents[1] / "build"))
    for library, module in (
        (_HERE / "libtorch_stablehlo.so", _HERE / "_ffi.py"),
        (build / "libtorch_stablehlo.so", build / "python" / "_ffi.py"),
    ):
        if library.exists() and module.exists():
            ffi = _module(module).ffi
            return ffi, ffi.dlopen(str(library))
    raise ImportError(f"libtorch_stablehlo.so is neither in {_HERE} nor in {build}; in a source tree, run `make` first")


ffi, lib = _load()


def text(p):
    """A C string as str; None for NULL."""
    return None if p == ffi.NULL else ffi.string(p).decode()


def _free(function, keep, handle):
    function(handle)


def owned(handle, function, *keep):
    """The handle, given to ``function`` when nothing refers to it any more. What it points into, ``keep``, goes after it."""
    return ffi.gc(handle, functools.partial(_free, function, keep))


def check(function, *args):
    """Calls ``function(*args, error)``; raises what it reports."""
    e = ffi.new("tshlo_error *")
    result = function(*args, e)
    if e.code:
        message, code = ffi.string(e.message).decode(errors="replace"), e.code  # it may quote a path in any encoding
        lib.tshlo_error_clear(e)
        raise _EXCEPTIONS[code](message)
    return result


__version__ = text(lib.tshlo_version())


def dtype_code(name):
    """The library's number of an element type, by torch's or StableHLO's name; raises UnsupportedError."""
    code = lib.tshlo_dtype_by_name(name.encode())
    if not code:
        raise UnsupportedError(f"element type {name} has no counterpart in StableHLO")
    return code
