"""Writes the cffi module of the public header: python make_ffi.py torch_stablehlo.h _ffi.py"""

import re
import sys

import cffi


def declarations(header):
    """The declarations of the public header as cffi reads them: no preprocessor lines, no C++ braces, no export marks."""
    with open(header, encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    text = re.sub(r"#ifdef __cplusplus.*?#endif", "", text, flags=re.S)
    return re.sub(r"^#.*$", "", text, flags=re.M).replace("TSHLO_API ", "")


if __name__ == "__main__":
    ffi = cffi.FFI()
    ffi.cdef(declarations(sys.argv[1]))
    ffi.set_source("torch_stablehlo._ffi", None)
    ffi.emit_python_code(sys.argv[2])
