"""The cases of openxla/stablehlo's own .mlir files that hold their expected values, evaluated by our reference evaluator: python
test/stablehlo_checks.py FOLDER. What the check dialect says becomes custom calls, which src/reference/test/check_tool.c knows. One line of JSON:
how many cases there are, how many pass, and why the others do not. With --list, a line for each that does not."""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOOL = Path(os.environ.get("TORCH_STABLEHLO_BUILD", "build"), "src/reference/test/check_tool")

CONST = re.compile(r"check\.expect_(almost_)?eq_const\s+(%[\w#]+),\s*(dense<.*?>)(?:,\s*tolerance\s*=\s*[\d.eE+-]+)?\s*:\s*(tensor<(?:[^<>]|<[^<>]*>)*>)", re.S)
GENERIC = re.compile(r'"check\.expect_(almost_)?eq_const"\((%[\w#]+)\) <\{(?:tolerance = [^,]*, )?value = (dense<.*?>) : (tensor<(?:[^<>]|<[^<>]*>)*>)\}> : [^\n]*', re.S)
PAIR = re.compile(r"check\.expect_(almost_eq|eq|close)\s+(%[\w#]+),\s*(%[\w#]+)[^:\n]*(?::\s*f\d+\s*)?:\s*(tensor<(?:[^<>]|<[^<>]*>)*>)[^\n]*")


def lowered(text):
    names = (f"%check_{i}" for i in range(10**6))

    def const(m):
        k, how = next(names), f"{m[1] or ''}eq"
        return f"{k} = stablehlo.constant {m[3]} : {m[4]}\n  stablehlo.custom_call @check.expect_{how}({m[2]}, {k}) {{has_side_effect = true}} : ({m[4]}, {m[4]}) -> ()"

    def pair(m):
        return f"stablehlo.custom_call @check.expect_{m[1]}({m[2]}, {m[3]}) {{has_side_effect = true}} : ({m[4]}, {m[4]}) -> ()"

    return PAIR.sub(pair, CONST.sub(const, GENERIC.sub(const, text)))


def cases(folder):
    for file in sorted(Path(folder).glob("*.mlir")):
        for i, case in enumerate(re.split(r"^// -----.*$", file.read_text(), flags=re.M)):
            if "check." in case and "expected-error" not in case and "not stablehlo-translate" not in case:
                yield f"{file.stem}.{i}", lowered(case)


def reason(said):
    dialect = re.search(r"op '(chlo|interpreter|check)\.", said)
    if dialect:
        return f"ops of the {dialect[1]} dialect"
    return re.sub(r"element \d+ .*", "a value that differs", re.sub(r"^\S*: ", "", said))


def run(folder):
    why, said = collections.Counter(), {}
    with tempfile.TemporaryDirectory() as place:
        for name, case in cases(folder):
            Path(place, name).write_text(case)
        lines = "".join(f"{p}\n" for p in sorted(Path(place).iterdir()))
        done = subprocess.run([TOOL], input=lines, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-500:]
        for line in done.stdout.splitlines():
            if line.startswith(place):
                path, _, what = line.partition(" ")
                said[Path(path).name] = what
    for what in said.values():
        if what != "ok":
            why[reason(what)] += 1
    return said, {"cases": len(said), "pass": sum(w == "ok" for w in said.values()), "why": dict(why.most_common())}


if __name__ == "__main__":
    said, counts = run(sys.argv[-1])
    if "--list" in sys.argv:
        print("".join(f"{k}: {v}\n" for k, v in said.items() if v != "ok"), end="")
    print(json.dumps(counts))
