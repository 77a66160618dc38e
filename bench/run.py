"""Time and memory against what a user could choose instead: python bench/run.py [--only convert,save,...] [--models a,b] [--write]

Everything is measured in one run, each in a process of its own, and told as a ratio. --write puts tables and plots in docs/performance.md and
docs/performance/. Peers are installed in environments of their own (peers.py); one that cannot be is left out.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import report
from models import CONVERTED, RUN
from peers import OURS, PEERS, install, python
from raw import BUILD, ROOT

MEASURE = pathlib.Path(__file__).with_name("measure.py")
WHOLE = ["resnet18", "vit_b", "gpt2"]  # of which whole processes are measured


def one(what, who, *args, **env):
    """The result of a measurement with "process", the milliseconds of all of it; None, with the last line on stderr, when it fails."""
    interpreter = python(who)
    if not interpreter:
        return None
    env = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT / "python") if who == OURS else "", "PJRT_DEVICE": "CPU", **env}
    start = time.perf_counter()
    done = subprocess.run([interpreter, MEASURE, what, who, *map(str, args)], capture_output=True, text=True, env=env)
    process = 1e3 * (time.perf_counter() - start)
    if done.returncode:
        print(f"  {what} {who}: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}", file=sys.stderr)
        return None
    return {**json.loads(done.stdout.splitlines()[-1]), "process": process}


def converts(models, folder):
    return {name: {who: one("convert", who, name) for who in (OURS, *PEERS)} for name in models}


def processes(models, folder):
    """.pt2 -> bytecode, from start to exit."""
    found = {}
    for name in (m for m in models if m in WHOLE):
        found[name] = {}
        for who in PEERS:
            path = folder / f"{name}-{who}.pt2"
            if one("pt2", who, name, path):
                found[name][who] = one("from_pt2", who, path, folder / "peer.bc")
        path = folder / f"{name}.pt2"
        one("pt2", OURS, name, path)
        command = [BUILD / "src/cli/torch-stablehlo", "convert", path, "-o", folder / "ours.mlir.bc"]
        found[name][OURS] = {"process": min(wall(command) for _ in range(9))}
    return found


def wall(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return 1e3 * (time.perf_counter() - start)


def directories(models, folder):
    """save: to write a directory; first: a later process's load and first result."""
    saved, first = {}, {}
    for name in (m for m in models if m in RUN):
        saved[name], first[name] = {}, {}
        for who in (OURS, "torch_xla"):
            path = folder / who / name
            path.parent.mkdir(exist_ok=True)
            saved[name][who] = one("save", who, name, path)
        if saved[name]["torch_xla"]:
            first[name]["torch_xla"] = one("first_result", "torch_xla", name, folder / "torch_xla" / name)
        first[name]["ours, compiling"] = one("first_result", OURS, name, folder / OURS / name, TORCH_STABLEHLO_CACHE=str(folder / "cache"))
        first[name][OURS] = one("first_result", OURS, name, folder / OURS / name, TORCH_STABLEHLO_CACHE=str(folder / "cache"))
    return saved, first


def runs(models, folder):
    """Steady runs, against the modules that directories() has saved."""
    found = {}
    for name in (m for m in models if m in RUN):
        path = folder / "torch_xla" / name
        found[name] = one("steady", OURS, name, *([path] if path.exists() else []))
    return {name: {**f, "torch_xla": f.get(name)} for name, f in found.items() if f}


def nodes():
    """bench/nodes.c: whether converting is linear in nodes."""
    done = subprocess.run([BUILD / "bench/nodes"], capture_output=True, text=True, check=True)
    return [list(map(float, line.split())) for line in done.stdout.splitlines()[1:]]


def text():
    """bench/text.c: StableHLO text in and out, MB/s."""
    done = subprocess.run([BUILD / "bench/text"], capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()[1:]]


def measured(models, only, folder):
    found = {}
    if "text" in only:
        found["text"] = text()
    if "convert" in only:
        found["nodes"], found["convert"] = nodes(), converts(models, folder)
    if "process" in only:
        found["process"] = processes(models, folder)
    if "save" in only or "run" in only:
        found["save"], found["first"] = directories(models, folder)
    if "saved_model" in only:
        found["saved_model"] = {name: {OURS: one("saved_model", OURS, name, folder / f"tf-{name}")} for name in models if name in RUN}
    if "run" in only:
        found["run"] = runs(models, folder)
    if "call" in only:
        found["call"] = {who: one("calls", who) for who in (OURS, "torchax")}
    return found


def main():
    what = ["convert", "text", "process", "save", "saved_model", "run", "call"]
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default=",".join(what), help="of " + ", ".join(what))
    ap.add_argument("--models", default=",".join(CONVERTED), help="of " + ", ".join(CONVERTED))
    ap.add_argument("--write", action="store_true", help="docs/performance.md")
    opt = ap.parse_args()
    install()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(opt.models.split(","), opt.only.split(","), pathlib.Path(folder))
    print(json.dumps(found))
    page = report.page(found)
    print(page)
    if opt.write:
        report.write(page, found, ROOT / "docs")


if __name__ == "__main__":
    main()
