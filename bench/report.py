"""What run.py has measured, as docs/performance.md and its plots."""

import os
import platform

from peers import OURS, PACKAGES, PEERS

NAMES = {"resnet18": "ResNet-18, batch 4", "resnet50": "ResNet-50, batch 4", "vit_b": "ViT-B/16, batch 1", "gpt2": "GPT-2 124M, 128 tokens",
         "llama_1b": "Llama 1B bf16, 128 tokens", "deep": "2,000 layers"}


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def time(ms):
    if ms is None:
        return "-"
    return f"{number(ms / 1000)} s" if ms >= 1000 else f"{number(ms)} ms"


def against(mine, theirs, shown=time):
    """"3,400 ms (340x)"; what was not measured is a dash."""
    if theirs is None or mine is None:
        return "-" if theirs is None else shown(theirs)
    return f"{shown(theirs)} ({number(theirs / mine)}x)"


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def of(found, who, key):
    return found[who][key] if found.get(who) else None


def convert(all_found):
    yield "## Exported program to bytecode, in Python"
    yield ""
    yield ("From a `torch.export.ExportedProgram` in memory to the module's bytes (torch-mlir: text, it has no portable artifact of its own). "
           "The first time in a process for all, in brackets how many times ours; ours again is what any later program takes.")
    yield ""
    yield from table(
        ["model", "ours", "ours again", *PEERS],
        ([NAMES[m], time(f[OURS]["first"]), time(f[OURS]["again"]), *(against(f[OURS]["first"], of(f, who, "first")) for who in PEERS)]
         for m, f in all_found.items() if f.get(OURS)),
    )
    yield "Later conversions of the same program in the same process, the best of some:"
    yield ""
    yield from table(
        ["model", "ours", *PEERS],
        ([NAMES[m], time(f[OURS]["again"]), *(against(f[OURS]["again"], of(f, who, "again")) for who in PEERS)]
         for m, f in all_found.items() if f.get(OURS)),
    )
    yield "![times](performance/convert.svg)"
    yield ""
    yield "What the first conversion adds to the process's memory at most, in MiB:"
    yield ""
    yield from table(
        ["model", "ours", *PEERS],
        ([NAMES[m], number(f[OURS]["peak"]), *(against(max(f[OURS]["peak"], 0.1), of(f, who, "peak"), number) for who in PEERS)]
         for m, f in all_found.items() if f.get(OURS)),
    )


def nodes(lines):
    yield "A graph in memory to a module, in C, by number of nodes (`bench/nodes.c`):"
    yield ""
    yield from table(["nodes", "module", "bytecode", "each node"],
                     ([f"{int(n):,}", time(c), time(b), f"{each:.1f} us"] for n, _, c, b, each in lines))


def text(lines):
    yield "StableHLO text, parsed, verified and printed by one core (`bench/text.c`), MB/s:"
    yield ""
    yield from table(["text of", "MB", "parse", "verify", "print"],
                     [[name, f"{int(nbytes) / 1e6:.1f}", parse, verify if name == "ops" else "", put] for name, nbytes, parse, verify, put in lines])


def process(all_found):
    yield "## `.pt2` to bytecode, a whole process"
    yield ""
    yield "From start to exit: `torch-stablehlo convert x.pt2 -o x.mlir.bc`, against a Python script that loads the file and writes what the peer makes of it."
    yield ""
    yield from table(
        ["model", "ours", *PEERS],
        ([NAMES[m], time(f[OURS]["process"]), *(against(f[OURS]["process"], of(f, who, "process")) for who in PEERS)] for m, f in all_found.items()),
    )


def save(saved, first):
    yield "## Directories"
    yield ""
    yield ("`save_as_stablehlo(program, directory)`; then, in another process with everything imported and the runtime started, "
           "`StableHLOGraphModule.load(directory)(*args)` to the first result: compiling, and with a cache directory that an earlier process "
           "has filled ([running.md](running.md#compiled-programs)).")
    yield ""
    rows = []
    for m, f in saved.items():
        mine, run = of(f, OURS, "ms"), first[m]
        compiling, cached, theirs = (of(run, who, "ms") for who in ("ours, compiling", OURS, "torch_xla"))
        rows.append([NAMES[m], time(mine), against(mine, of(f, "torch_xla", "ms")), time(compiling), time(cached), against(cached, theirs)])
    yield from table(["model", "save", "torch_xla", "first result", "with a cache", "torch_xla"], rows)


def saved_model(all_found):
    yield "A TensorFlow SavedModel of a converted program, without TensorFlow:"
    yield ""
    yield from table(["model", "ours"], ([NAMES[m], time(f[OURS]["ms"])] for m, f in all_found.items() if f.get(OURS)))


def run(all_found):
    yield "## Steady runs"
    yield ""
    yield ("A call with torch tensors in and out, against eager PyTorch with the same two threads, against the same module by raw PJRT calls "
           "(`bench/raw_pjrt.c`; what is faster than that comes from the rewrites of [running.md](running.md#rewrites)), and against "
           "torch_xla's module by raw PJRT calls. In turns, the best of five rounds' medians; in brackets how many times ours.")
    yield ""
    yield from table(
        ["model", "ours", "eager", "own module, raw", "torch_xla's module, raw", "first run"],
        ([NAMES[m], time(f["ours"]), *(against(f["ours"], f.get(k)) for k in ("eager", "raw", "torch_xla")), time(f["first"])]
         for m, f in all_found.items()),
    )
    yield "![times](performance/run.svg)"
    yield ""


def us(ms):
    return f"{number(1000 * ms)} us"


def call(found):
    yield "A call of `x + x`, eight numbers, from host memory to host memory and from device to device with the result waited for:"
    yield ""
    mine, jax = found[OURS], found["torchax"] or {}
    yield from table(
        ["", "ours", "jax.jit", "eager PyTorch"],
        [["host", us(mine["host"]), against(mine["host"], jax.get("host"), us), against(mine["host"], mine["eager"], us)],
         ["device", us(mine["device"]), against(mine["device"], jax.get("device"), us), "-"]],
    )


def head():
    import torch

    packages = ", ".join(p for packages in PACKAGES.values() for p in packages if "torch" in p)
    yield "# Performance"
    yield ""
    yield (f"Made by `make bench` in one run on {os.cpu_count()} cores ({platform.machine()}), torch {torch.__version__}; peers: {packages}. "
           "Times depend on the machine, ratios less.")
    yield ""


def page(found):
    lines = list(head())
    for key, part in ("convert", convert), ("nodes", nodes), ("text", text), ("process", process):
        lines += part(found[key]) if key in found else []
    lines += save(found["save"], found["first"]) if "save" in found else []
    for key, part in ("saved_model", saved_model), ("run", run), ("call", call):
        lines += part(found[key]) if key in found else []
    return "\n".join(lines)


# -- plots -----------------------------------------------------------------------------------------------------------------


def bars(path, models, series, log):
    """series: name -> model -> milliseconds, or None."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "performance"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.2))
    width = 0.8 / len(series)
    for i, (name, values) in enumerate(series.items()):
        axes.bar([k + i * width for k in range(len(models))], [values.get(m) or 0 for m in models], width, label=name)
    axes.set_xticks([k + 0.4 - width / 2 for k in range(len(models))], [NAMES[m].split(",")[0] for m in models])
    if log:
        axes.set_yscale("log")
    axes.set_ylabel("ms")
    axes.legend()
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def write(text, found, docs):
    folder = docs / "performance"
    folder.mkdir(exist_ok=True)
    (docs / "performance.md").write_text(text.rstrip("\n") + "\n")
    if "convert" in found:
        c = found["convert"]
        bars(folder / "convert.svg", list(c), {who: {m: of(c[m], who, "first") for m in c} for who in (OURS, *PEERS)}, log=True)
    if "run" in found:
        r = found["run"]
        keys = {"ours": "ours", "eager": "eager", "raw": "own module, raw PJRT", "torch_xla": "torch_xla's module, raw PJRT"}
        bars(folder / "run.svg", list(r), {name: {m: r[m].get(key) for m in r} for key, name in keys.items()}, log=False)
