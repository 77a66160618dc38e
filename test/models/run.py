"""Every model family through the whole way: python test/models/run.py [name ...] [--jobs N] [--write] [--quiet]

Each is exported, converted, parsed and verified by MLIR, compiled by XLA, run, and compared with eager; dynamic ones at two more
sizes, with one module that has "?". A few families share a process, so that a crash or growth stays where it is. --write puts the
table into docs/models.md. Fails when a family does that torch.export accepts.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "test")]
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != ROOT / "test/models"]
BATCH, SECONDS = 8, 300
# The largest difference that passes, as a part of the largest element of an output: sums in f32 in another order.
TOLERANCE = 1e-4


# -- in a process of its own -----------------------------------------------------------------------------------------------


def memory(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0


def forget_peak():
    """Linux: from here on the peak counts anew (proc(5), clear_refs)."""
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")


def error(got, want):
    """The largest difference of all outputs, relative to the largest element of each; raises where they differ in kind."""
    import torch
    from torch.utils import _pytree as pytree

    got, got_spec = pytree.tree_flatten(got)
    want, want_spec = pytree.tree_flatten(want)
    assert got_spec == want_spec, f"the outputs are {got_spec}, wanted {want_spec}"
    worst = 0.0
    for g, w in zip(got, want):
        if not isinstance(w, torch.Tensor):
            assert g == w, f"{g}, wanted {w}"
            continue
        assert g.dtype == w.dtype and g.shape == w.shape, f"{g.dtype} {tuple(g.shape)}, wanted {w.dtype} {tuple(w.shape)}"
        if not w.dtype.is_floating_point:
            assert torch.equal(g, w), f"{(g != w).sum()} of {w.numel()} differ"
            continue
        odd = ~w.isfinite()
        torch.testing.assert_close(g[odd], w[odd], equal_nan=True)
        g, w = g[~odd].double(), w[~odd].double()
        if w.numel():
            worst = max(worst, float((g - w).abs().max() / w.abs().max().clamp(min=1e-30)))
    return worst


def eager(module, args, kwargs):
    """The outputs, computed by a copy, so that buffers stay as they are."""
    import copy

    import torch

    with torch.no_grad():
        return copy.deepcopy(module)(*copy.deepcopy(args), **copy.deepcopy(kwargs))


def in_doubles(module, args, kwargs):
    """The outputs as they are without rounding to f32."""
    import copy

    import torch
    from torch.utils import _pytree as pytree

    def double(x):
        return x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x

    return eager(copy.deepcopy(module).double(), pytree.tree_map(double, args), pytree.tree_map(double, kwargs))


def compared(result, got, module, args, kwargs):
    """Notes the error. Where it is too large, what rounding makes of such a model is known from eager's own distance to doubles: ours
    may be as large."""
    import torch
    from torch.utils import _pytree as pytree

    want = eager(module, args, kwargs)
    found = error(got, want)
    result["error"] = max(result.get("error", 0.0), found)
    if found <= TOLERANCE:
        return
    exact = pytree.tree_map(lambda x, w: x.to(w.dtype) if isinstance(x, torch.Tensor) else x, in_doubles(module, args, kwargs), want)
    result["rounding"] = max(result.get("rounding", 0.0), error(want, exact))
    found, allowed = error(got, exact), max(TOLERANCE, result["rounding"])
    assert found <= allowed, f"the error is {found:.1e}, wanted {allowed:.1e}"


def timed(result, name, f):
    start = time.perf_counter()
    value = f()
    result[name] = (time.perf_counter() - start) * 1000
    return value


def export(family):
    import torch

    module, args, kwargs = family.build()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(module, args, kwargs, dynamic_shapes=family.dynamic_shapes(), strict=False)


def at_other_sizes(result, family, program):
    text = program.get_stablehlo_text()
    assert "?" in text, "no size of the module is dynamic"
    module = family.build()[0]
    for sizes in family.sizes:
        _, args, kwargs = family.build(**sizes)
        compared(result, program(*args, **kwargs), module, args, kwargs)


def measure(name):
    """{"stage": where it failed, "export": ms, ...}"""
    from models.families import FAMILIES
    from oracle import check_format
    from torch_stablehlo import exported_program_to_stablehlo

    family, result = FAMILIES[name], {"name": name, "kind": FAMILIES[name].kind, "dynamic": FAMILIES[name].dynamic, "failed": None}
    stage = "build"
    try:
        module, args, kwargs = family.build()
        result["parameters"] = sum(p.numel() for p in module.parameters())
        stage = "eager"
        eager(module, args, kwargs)
        stage = "export"
        exported = timed(result, "export", lambda: export(family))
        result["nodes"] = len(exported.graph.nodes)
        forget_peak()
        before = memory("VmRSS")
        stage = "convert"
        program = timed(result, "convert", lambda: exported_program_to_stablehlo(exported))
        stage = "sizes" if family.dynamic else "verify"
        check_format(program)
        stage = "run"
        got = timed(result, "compile", lambda: program(*args, **kwargs))
        if program._model.has_state:
            program.reset_state()
        timed(result, "run", lambda: program(*args, **kwargs))
        result["memory"] = memory("VmHWM") - before
        stage = "compare"
        compared(result, got, module, args, kwargs)
        if family.dynamic:
            stage = "sizes"
            at_other_sizes(result, family, program)
    except Exception as e:
        result["failed"] = stage
        result["reason"] = f"{type(e).__name__}: {e}"
    return result


def child(names):
    for name in names:
        print("RESULT " + json.dumps({"begin": name}), flush=True)
        print("RESULT " + json.dumps(measure(name)), flush=True)


# -- all of them -----------------------------------------------------------------------------------------------------------


def in_process(names):
    """The results of these, in a process of its own; of one that it does not survive, and of those behind it, in another."""
    env = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}
    command = [sys.executable, __file__, "--child", *names]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=SECONDS)
        output, end = done.stdout, f"the process ended with {done.returncode}: {done.stderr[-300:]}"
    except subprocess.TimeoutExpired as e:
        output, end = (e.stdout or b"").decode(), f"more than {SECONDS} s"
    lines = [json.loads(line[7:]) for line in output.splitlines() if line.startswith("RESULT ")]
    results = [r for r in lines if "begin" not in r]
    if len(results) < len(names):
        results.append({"name": names[len(results)], "kind": "", "dynamic": False, "failed": "process", "reason": end})
        rest = names[len(results) :]
        if rest:
            results += in_process(rest)
    return results


def is_ours(result):
    """Whether a failure is of the converter: what cannot be built, run or exported by torch is none."""
    return result["failed"] not in (None, "build", "eager", "export")


def first_line(text, width=160):
    """Without the folders of this machine."""
    line = re.sub(r"/\S*/(?=[\w.]+\.py)", "", " ".join(text.split()))
    return line[:width].rstrip() + ("..." if len(line) > width else "")


def show(r):
    times = " ".join(f"{k} {r[k]:.0f}" for k in ("export", "convert", "compile", "run") if k in r)
    return f"{r['name']:32} " + (f"FAILED at {r['failed']}: {r['reason'][:600]}" if r["failed"] else f"{times} ms, error {r['error']:.1e}")


HEAD = """# Model families

Generated by `make test-models` (test/models/run.py): torch {torch}, transformers {transformers}, XLA on a CPU. {passed} of {count} families pass, of
{exported} that torch.export takes. Weights are small and random: what counts is the graphs.

Each was exported, converted, parsed and verified by MLIR, compiled and run by XLA, and compared with eager PyTorch. The error is the
largest difference of an output, relative to its largest element; {tolerance} is allowed, integers are equal. A model that magnifies rounding
more than that is compared with eager in doubles, and may be as far from it as eager in floats is, which is then told too. "Sizes" were left open at
export (batch, or batch and length): such a program ran at two further sizes, and its module has `?` there. Times are in ms on a
machine that was busy with other things; convert is from the ExportedProgram, compile is the first call, run the second. Memory is what conversion, verification
by MLIR, compilation and runs added at their peak, MB.

| family | kind | sizes | nodes | parameters | export | convert | compile | run | memory | error |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def row(r):
    if r["failed"]:
        return f"| {r['name']} | {r['kind']} | | | | failed at {r['failed']}: {first_line(r['reason']).replace('|', '/')} | | | | | |"
    figures = [f"{r['nodes']}", f"{r['parameters']}", f"{r['export']:.0f}", f"{r['convert']:.1f}", f"{r['compile']:.0f}", f"{r['run']:.1f}", f"{r['memory']:.0f}", f"{r['error']:.0e}"]
    if "rounding" in r:
        figures[-1] += f" (eager's own: {r['rounding']:.0e})"
    return f"| {r['name']} | {r['kind']} | {'open' if r['dynamic'] else ''} | {' | '.join(figures)} |"


def table(results):
    import torch
    import transformers

    tried = [r for r in results if r["failed"] not in ("build", "eager", "export")]
    head = HEAD.format(
        torch=torch.__version__.split("+")[0], transformers=transformers.__version__, passed=sum(not r["failed"] for r in results),
        count=len(results), exported=len(tried), tolerance=TOLERANCE,
    )
    return head + "".join(row(r) + "\n" for r in sorted(results, key=lambda r: (r["kind"], r["name"])))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true", help="write docs/models.md")
    parser.add_argument("--jobs", type=int, default=1, help="so many processes at a time")
    parser.add_argument("--json", help="write the results, as they come, into this file")
    parser.add_argument("--quiet", action="store_true", help="only those that fail")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.names)
    from models.families import FAMILIES

    names, results = options.names or list(FAMILIES), []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for some in pool.map(in_process, [names[i : i + BATCH] for i in range(0, len(names), BATCH)]):
            results += some
            for r in some:
                if r["failed"] or not options.quiet:
                    print(show(r), flush=True)
            if options.json:
                pathlib.Path(options.json).write_text(json.dumps(results))
    ours = [r["name"] for r in results if is_ours(r)]
    print(f"{sum(not r['failed'] for r in results)} of {len(results)} pass; {len(ours)} fail after export: {' '.join(ours)}")
    if options.write:
        (ROOT / "docs/models.md").write_text(table(results))
    return 1 if ours else 0


if __name__ == "__main__":
    sys.exit(main())
