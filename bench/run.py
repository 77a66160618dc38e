"""Time and memory, as ratios within one run: python bench/run.py [model ...] [--write]

Measured: exported program -> StableHLO bytecode (ours, and each peer that is installed: torch_xla, torchax, torch-mlir), the peak
memory that adds, .pt2 -> bytecode through the C library, the first run, and the steady run against the same module executed by
raw PJRT calls (bench/raw_pjrt.c) and against eager PyTorch. Every measurement runs in a process of its own. --write puts the
table in docs/performance.md.
"""

import argparse
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "examples")]
RUNS, ROUNDS = 15, 3


def resnet18():
    import torch
    from resnet18 import ResNet18

    return ResNet18().eval(), (torch.randn(4, 3, 224, 224),)


def vit():
    import torch
    import transformers as t

    config = t.ViTConfig(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536)
    return t.ViTForImageClassification(config).eval(), (torch.randn(1, 3, 224, 224),)


def gpt2():
    import torch
    import transformers as t

    model = t.GPT2LMHeadModel(t.GPT2Config(use_cache=False)).eval()
    return model, (torch.randint(0, 50000, (1, 128)),)


MODELS = {"resnet18": resnet18, "vit": vit, "gpt2": gpt2}


# -- one measurement, in a process of its own ------------------------------------------------------------------------------


def peak_kib():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1])


def forget_peak():
    """Linux: from here on the peak counts anew (proc(5), clear_refs)."""
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")


def resident_kib():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])


def exported(name):
    import torch

    torch.manual_seed(0)
    model, args = MODELS[name]()
    with torch.no_grad():
        return model, args, torch.export.export(model, args, strict=False)


def timed(f):
    start = time.perf_counter()
    result = f()
    return 1e3 * (time.perf_counter() - start), result


def median_of(f, runs=RUNS):
    return sorted(timed(f)[0] for _ in range(runs))[runs // 2]


def convert_ours(ep):
    from torch_stablehlo import exported_program_to_stablehlo

    return exported_program_to_stablehlo(ep).get_stablehlo_bytecode()


def convert_torch_xla(ep):
    from torch_xla.stablehlo import exported_program_to_stablehlo

    return exported_program_to_stablehlo(ep).get_stablehlo_bytecode("forward")


def convert_torchax(ep):
    import torchax.export

    _, shlo = torchax.export.exported_program_to_stablehlo(ep)
    return shlo.mlir_module_serialized


def convert_torch_mlir(ep):
    from torch_mlir import fx

    return str(fx.export_and_import(ep, output_type="stablehlo"))


CONVERTERS = {"ours": convert_ours, "torch_xla": convert_torch_xla, "torchax": convert_torchax, "torch-mlir": convert_torch_mlir}
IMPORTS = {"ours": "torch_stablehlo", "torch_xla": "torch_xla.stablehlo", "torchax": "torchax.export", "torch-mlir": "torch_mlir.fx"}


def measure_convert(name, who):
    import importlib

    _, _, ep = exported(name)
    importlib.import_module(IMPORTS[who])
    forget_peak()
    before = resident_kib()
    ms, code = timed(lambda: CONVERTERS[who](ep))
    again = min(timed(lambda: CONVERTERS[who](ep))[0] for _ in range(3)) if who == "ours" else None
    return {"ms": ms, "again_ms": again, "mib": max(0, peak_kib() - before) / 1024, "nbytes": len(code)}


def measure_pt2(name, path):
    from torch_stablehlo._lib import check, ffi, lib

    def once():
        m = check(lib.tshlo_convert, check(lib.tshlo_program_open, path.encode()), ffi.NULL)
        check(lib.tshlo_bytecode, m, ffi.NULL, ffi.NULL, ffi.new("size_t *"))
        lib.tshlo_model_free(m)

    return {"ms": median_of(once)}


def measure_run(name):
    import torch
    from torch_stablehlo import exported_program_to_stablehlo

    model, args, ep = exported(name)
    program = exported_program_to_stablehlo(ep)
    first, _ = timed(lambda: program(*args))
    # in turns, so that what else the machine does falls on all alike
    rounds = [(median_of(lambda: program(*args)), raw(program)) for _ in range(ROUNDS)]
    with torch.no_grad():
        model(*args)
        eager = median_of(lambda: model(*args))
    return {"first_ms": first, "ms": min(r[0] for r in rounds), "raw_ms": min(r[1] for r in rounds), "eager_ms": eager}


# PJRT_Buffer_Type of pjrt_c_api.h
PJRT_TYPES = {"i1": 1, "i8": 2, "i16": 3, "i32": 4, "i64": 5, "f16": 10, "f32": 11, "f64": 12, "bf16": 13}


def raw(program):
    """The same bytecode by raw PJRT calls."""
    from torch_stablehlo._lib import ffi, lib, text
    from torch_stablehlo.device import pjrt_device

    info, lines = ffi.new("tshlo_value_info *"), []
    for i in range(lib.tshlo_ninputs(program._model.handle, b"forward")):
        lib.tshlo_input_info(program._model.handle, b"forward", i, info)
        dims = [info.type.dims[k] for k in range(info.type.rank)]
        lines.append(" ".join(map(str, [PJRT_TYPES[text(lib.tshlo_dtype_name(info.type.dtype))], len(dims), *dims])))
    with tempfile.NamedTemporaryFile() as f:
        f.write(program.get_stablehlo_bytecode())
        f.flush()
        build = pathlib.Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build"))
        command = [build / "bench/raw_pjrt", pjrt_device().plugin, f.name, str(RUNS)]
        # the one option that we compile with (docs/running.md): maximum and minimum keep NaN
        env = {**os.environ, "XLA_FLAGS": "--xla_cpu_enable_fast_min_max=false"}
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True, env=env)
    return float(done.stdout.split()[1])


# -- all of them -----------------------------------------------------------------------------------------------------------


def child(*args):
    """The result of one measurement; None, with its last line on stderr, when it fails."""
    env = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run([sys.executable, __file__, "--one", *args], capture_output=True, text=True, env=env)
    if done.returncode:
        print(f"  {' '.join(args)}: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def installed(who):
    import importlib.util

    return importlib.util.find_spec(IMPORTS[who].split(".")[0]) is not None


def rows(name):
    ours = child("convert", name, "ours")
    yield f"| {name} | program -> bytecode, first call | {ours['ms']:.1f} ms | |"
    yield f"| {name} | program -> bytecode, again | {ours['again_ms']:.1f} ms | |"
    yield f"| {name} | memory that adds | {ours['mib']:.1f} MiB | |"
    for who in CONVERTERS:
        peer = child("convert", name, who) if who != "ours" and installed(who) else None
        if peer:
            yield (f"| {name} | {who}: program -> bytecode | {peer['ms']:.0f} ms, {peer['mib']:.0f} MiB | "
                   f"{peer['ms'] / ours['ms']:.0f}x ours first, {peer['ms'] / ours['again_ms']:.0f}x ours again |")
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, name + ".pt2")
        child("save", name, path)
        pt2 = child("pt2", name, path)
    yield f"| {name} | .pt2 -> bytecode, in C | {pt2['ms']:.2f} ms | |"
    run = child("run", name)
    if run:
        yield f"| {name} | first run (compiles) | {run['first_ms']:.0f} ms | |"
        yield f"| {name} | steady run | {run['ms']:.2f} ms | {run['ms'] / run['raw_ms']:.3f} of raw PJRT, {run['ms'] / run['eager_ms']:.2f} of eager |"


def node_rows():
    """bench/nodes.c: whether converting is linear in nodes."""
    build = pathlib.Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build"))
    done = subprocess.run([build / "bench/nodes"], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines()[1:]:
        nodes, _, convert, bytecode, each = line.split()
        yield f"| {int(nodes):,} nodes | graph in memory -> module, in C | {float(convert):.0f} ms, bytecode {float(bytecode):.0f} ms | {float(each):.1f} us a node |"


def save(name, path):
    import torch

    torch.export.save(exported(name)[2], path)
    return {}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("models", nargs="*", default=list(MODELS))
    ap.add_argument("--write", action="store_true")
    ap.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    opt = ap.parse_args()
    if opt.one:
        what = {"convert": measure_convert, "pt2": measure_pt2, "run": measure_run, "save": save}[opt.one[0]]
        print(json.dumps(what(*opt.one[1:])))
        return
    lines = ["| model | what | measured | ratio |", "|---|---|---|---|"]
    print("\n".join(lines))
    for row in itertools.chain(node_rows(), *map(rows, opt.models)):
        lines.append(row)
        print(row, flush=True)
    if opt.write:
        import torch

        head = (f"# Performance\n\nMade by `bench/run.py --write` on {os.cpu_count()} cores, torch {torch.__version__}. "
                "Ratios are of one run; absolute times depend on the machine.\n\n")
        (ROOT / "docs/performance.md").write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
