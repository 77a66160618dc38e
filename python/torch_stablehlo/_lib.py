"""The C library: its handles, its errors as exceptions.

``lib`` has every function of include/torch_stablehlo.h; :func:`check` calls one and raises what it reports.
"""

import importlib.util
import pathlib
import re

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


def declarations(header):
    """The declarations of the public header as cffi reads them: no preprocessor lines, no C++ braces, no export marks."""
    text = re.sub(r"/\*.*?\*/", "", pathlib.Path(header).read_text(), flags=re.S)
    text = re.sub(r"#ifdef __cplusplus.*?#endif", "", text, flags=re.S)
    return re.sub(r"^#.*$", "", text, flags=re.M).replace("TSHLO_API ", "")


def _load():
    source = _HERE.parents[1]
    places = [_HERE / "libtorch_stablehlo.so", source / "build" / "libtorch_stablehlo.so"]
    path = next((p for p in places if p.exists()), None)
    if path is None:
        raise ImportError("libtorch_stablehlo.so is not beside the package; in a source tree, run `make` first")
    if importlib.util.find_spec("torch_stablehlo._ffi"):
        from torch_stablehlo._ffi import ffi
    else:
        import cffi

        ffi = cffi.FFI()
        ffi.cdef(declarations(source / "include" / "torch_stablehlo.h"))
    return ffi, ffi.dlopen(str(path))


ffi, lib = _load()


def text(p):
    """A C string as str; None for NULL."""
    return None if p == ffi.NULL else ffi.string(p).decode()


def check(function, *args):
    """Calls ``function(*args, error)``; raises what it reports."""
    e = ffi.new("tshlo_error *")
    result = function(*args, e)
    if e.code:
        message, code = text(e.message), e.code
        lib.tshlo_error_clear(e)
        raise _EXCEPTIONS[code](message)
    return result


def dtype_code(name):
    """The library's number of an element type, by torch's or StableHLO's name; raises UnsupportedError."""
    code = lib.tshlo_dtype_by_name(name.encode())
    if not code:
        raise UnsupportedError(f"element type {name} has no counterpart in StableHLO")
    return code
