#!/usr/bin/env python3
"""Writes docs/ops.md from src/aten/rules.def; with --check fails when it is not up to date."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEAD = """# ATen overloads that convert

Made from `src/aten/rules.def` by `tools/ops_doc.py`. In-place forms (`aten.add_.Tensor`) and `.out` overloads are turned into these
first. An argument combination that a rule cannot do is refused by name when a program is converted.

"""


def rows():
    for line in (ROOT / "src/aten/rules.def").read_text().splitlines():
        m = re.match(r'(\w+)\s*\("(aten|_operator|prims|quantized_decomposed|higher_order|torchvision|math)\.([^"]+)"', line)
        if m:
            yield f"{m[2]}.{m[3]}"


def page():
    by_op = {}
    for target in sorted(set(rows())):
        op, _, overload = target.rpartition(".")
        by_op.setdefault(op, []).append(overload)
    table = "".join(f"| {op} | {' '.join(overloads)} |\n" for op, overloads in by_op.items())
    count = sum(map(len, by_op.values()))
    return f"{HEAD}{count} overloads of {len(by_op)} ops.\n\n| op | overloads |\n|---|---|\n{table}"


if __name__ == "__main__":
    out = ROOT / "docs/ops.md"
    if "--check" in sys.argv:
        sys.exit(out.read_text() != page() and "docs/ops.md is out of date: run tools/ops_doc.py")
    out.write_text(page())
