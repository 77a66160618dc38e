"""A program's module by raw PJRT calls (raw_pjrt.c), as the baseline."""

import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build"))

# PJRT_Buffer_Type of pjrt_c_api.h
TYPES = {"i1": 1, "i8": 2, "i16": 3, "i32": 4, "i64": 5, "f16": 10, "f32": 11, "f64": 12, "bf16": 13}


def arguments(program):
    """A line for each: type, rank, dims."""
    from torch_stablehlo._lib import ffi, lib, text

    info = ffi.new("tshlo_value_info *")
    for i in range(lib.tshlo_ninputs(program._model.handle, b"forward")):
        lib.tshlo_input_info(program._model.handle, b"forward", i, info)
        dims = [info.type.dims[k] for k in range(info.type.rank)]
        yield " ".join(map(str, [TYPES[text(lib.tshlo_dtype_name(info.type.dtype))], len(dims), *dims]))

# the one option that programs of ours are compiled with (docs/running.md): maximum and minimum keep NaN
OURS = "--xla_cpu_enable_fast_min_max=false"


class Raw:
    """Called, it gives the median time of some runs."""

    def __init__(self, program, runs, flags=OURS):
        """flags: XLA_FLAGS of the plugin's process."""
        from torch_stablehlo import pjrt_device

        self.lines, self.code = "\n".join(arguments(program)), tempfile.NamedTemporaryFile()
        self.flags = flags
        self.code.write(program.get_stablehlo_bytecode())
        self.code.flush()
        self.command = [BUILD / "bench/raw_pjrt", pjrt_device().plugin, self.code.name, str(runs)]

    def __call__(self):
        env = {**os.environ, "XLA_FLAGS": self.flags}
        done = subprocess.run(self.command, input=self.lines, capture_output=True, text=True, check=True, env=env)
        return float(done.stdout.split()[1])
