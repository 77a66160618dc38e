"""One measurement in a process of its own, with the Python of whom it is about: python measure.py WHAT WHO ... prints a JSON object on its
last line. run.py calls it. Times are milliseconds, memory is MiB."""

import importlib
import json
import os
import pathlib
import sys
import time

from models import built, exported

ROUNDS, RUNS = 5, 9


def timed(f):
    start = time.perf_counter()
    result = f()
    return 1e3 * (time.perf_counter() - start), result


def best(f, seconds=2.0):
    """The least of so many runs as go into that time, three or more."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        times.append(timed(f)[0])
    return min(times)


def memory(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024


def forget_peak():
    """Linux: from here on VmHWM counts anew (proc(5), clear_refs)."""
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")


# -- exported program -> StableHLO -----------------------------------------------------------------------------------------


def ours(ep):
    from torch_stablehlo import exported_program_to_stablehlo

    return exported_program_to_stablehlo(ep).get_stablehlo_bytecode()


def torch_xla(ep):
    from torch_xla.stablehlo import exported_program_to_stablehlo

    return exported_program_to_stablehlo(ep).get_stablehlo_bytecode("forward")


def torchax(ep):
    import torchax.export

    _, shlo = torchax.export.exported_program_to_stablehlo(ep)
    return shlo.mlir_module_serialized


def torch_mlir(ep):
    from torch_mlir import fx

    return str(fx.export_and_import(ep, output_type="stablehlo")).encode()


CONVERT = {"ours": ours, "torch_xla": torch_xla, "torchax": torchax, "torch-mlir": torch_mlir}
IMPORTS = {"ours": "torch_stablehlo", "torch_xla": "torch_xla.stablehlo", "torchax": "torchax.export", "torch-mlir": "torch_mlir.fx"}


def convert(who, name):
    """first: in the process; again: the best of later ones. peak: what the first adds to the process's memory at most."""
    _, _, ep = exported(name)
    importlib.import_module(IMPORTS[who])
    forget_peak()
    before = memory("VmRSS")
    first, code = timed(lambda: CONVERT[who](ep))
    peak = memory("VmHWM") - before
    again = min(first, best(lambda: CONVERT[who](ep), 1.0)) if first < 3000 else first
    return {"first": first, "again": again, "peak": max(0.0, peak), "nbytes": len(code)}


def pt2(who, name, path):
    import torch

    torch.export.save(exported(name)[2], path)
    return {}


def from_pt2(who, path, out):
    """A whole process, which run.py times: read, convert, write."""
    import torch

    with open(out, "wb") as f:
        f.write(CONVERT[who](torch.export.load(path)))
    return {}


# -- directories -----------------------------------------------------------------------------------------------------------


def stablehlo(who):
    return importlib.import_module("torch_stablehlo" if who == "ours" else "torch_xla.stablehlo")


def save(who, name, path):
    _, _, ep = exported(name)
    module = stablehlo(who)
    ms, _ = timed(lambda: module.save_as_stablehlo(ep, path))
    return {"ms": ms}


def first_result(who, name, path):
    """Load and first call, in a process that has its inputs and has imported what it needs."""
    _, args = built(name)
    module = stablehlo(who)
    if who == "torch_xla":
        import torch_xla

        torch_xla.device()  # what starting its runtime takes is not counted
    else:
        module.pjrt_device()
    load, program = timed(lambda: module.StableHLOGraphModule.load(path))
    first, _ = timed(lambda: program(*args))
    return {"load": load, "first": first, "ms": load + first}


def saved_model(who, name, path):
    from torch_stablehlo import exported_program_to_stablehlo
    from torch_stablehlo.tf_saved_model_integration import save_stablehlo_graph_as_tf

    _, _, ep = exported(name)
    program = exported_program_to_stablehlo(ep)
    return {"ms": timed(lambda: save_stablehlo_graph_as_tf(program, path))[0]}


# -- runs ------------------------------------------------------------------------------------------------------------------


def median(f):
    times = sorted(timed(f)[0] for _ in range(RUNS))
    return times[len(times) // 2]


def steady(who, name, *directories):
    """Rounds of ours, raw PJRT of each directory's module and eager, in turns, so that what else the machine does falls on all alike;
    the best round of each."""
    import torch
    from raw import Raw
    from torch_stablehlo import StableHLOGraphModule, exported_program_to_stablehlo

    model, args, ep = exported(name)
    program = exported_program_to_stablehlo(ep)
    first, _ = timed(lambda: program(*args))
    rounds = {"ours": lambda: median(lambda: program(*args))}
    for path in directories:
        rounds[pathlib.Path(path).name] = Raw(StableHLOGraphModule.load(path), RUNS, flags="")
    rounds["raw"] = Raw(program, RUNS)
    with torch.no_grad():
        model(*args)
        rounds["eager"] = lambda: median(lambda: model(*args))
        found = [{key: f() for key, f in rounds.items()} for _ in range(ROUNDS)]
    return {"first": first, **{key: min(r[key] for r in found) for key in rounds}}


def calls(who):
    """A call of x + x, eight numbers."""
    import numpy as np

    x = np.arange(8, dtype=np.float32)
    return {key: best(f, 1.0) / 1000 for key, f in CALLS[who](x).items()}


def thousand(f):
    def run():
        for _ in range(1000):
            f()
    return run


def calls_of_ours(x):
    import torch
    from torch_stablehlo import exported_program_to_stablehlo, pjrt_device

    class Twice(torch.nn.Module):
        def forward(self, x):
            return x + x

    t = torch.from_numpy(x.copy())
    program = exported_program_to_stablehlo(torch.export.export(Twice(), (t,)))
    on_device = pjrt_device().put(t)
    program(t)
    return {
        "host": thousand(lambda: program(t)),
        "device": thousand(lambda: program.evaluate(None, (on_device,), to_device=True)),
        "eager": thousand(lambda: t + t),
    }


def calls_of_jax(x):
    import jax
    import numpy as np

    f = jax.jit(lambda x: x + x)
    on_device = jax.device_put(x)
    return {"host": thousand(lambda: np.asarray(f(x))), "device": thousand(lambda: f(on_device).block_until_ready())}


CALLS = {"ours": calls_of_ours, "torchax": calls_of_jax}

if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    what, *rest = sys.argv[1:]
    print(json.dumps(globals()[what](*rest)))
