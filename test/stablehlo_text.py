"""The cases of openxla/stablehlo's own .mlir files through our parser: python test/stablehlo_text.py FOLDER, in a process for each folder.

A case is what stands between two `// -----`, without `expected-error`. MLIR's own printing of it, in both forms, and the case as it is
written must each be parsed and print as MLIR prints them. What tests of MLIR passes have around the programs is taken out: the lines of
the check dialect. One line of JSON: how many cases there are, which MLIR in jaxlib refuses, which are the same, and why the others are not.
"""

import collections
import json
import re
import sys
import tempfile
from pathlib import Path

from jaxlib.mlir import ir
from test_parse import Mlir, parse

CHECK = re.compile(r'^\s*"?(check|interpreter)\.(expect|print)\w*.*$', re.M)


def cases(folder):
    for file in sorted(Path(folder).glob("*.mlir")):
        for i, case in enumerate(re.split(r"^// -----.*$", file.read_text(), flags=re.M)):
            has_code = re.search(r"^[^/\s]", re.sub(r"//.*", "", case), re.M)
            if has_code and "expected-error" not in case:
                yield f"{file.stem}.{i}", CHECK.sub("", case)


def reason(said):
    """Of a message, what many of them have in common: the dialect that is not ours, or the message without its place."""
    dialect = re.search(r"op '(\w+)\.", said)
    if dialect:
        return f"ops of the {dialect[1]} dialect" if dialect[1] not in ("stablehlo", "func") else re.search(r"op '[\w.]+'", said)[0]
    said = re.sub(r"^\S+: ", "", said)
    for part, why in (("sparse_tensor", "sparse tensors"), ("wanted #stablehlo.bounds", "sparse tensors"), ("mesh_axes", "replica groups as axes of a mesh"),
                      ("without rank", "tensors without rank"), ("affine_map", "affine maps"), ("and its type says", "what MLIR prints of a while of two types, and does not parse itself"),
                      ("tf_type", "types of other dialects"), ("are not each there once", "a layout of which MLIR prints what it does not parse itself")):
        if part in said:
            return why
    return said


def count(folder):
    mlir, tally, why = Mlir(), collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as place:
        lines, want = [], {}
        for name, case in cases(folder):
            tally["cases"] += 1
            try:
                printed, (generic, *_) = mlir.forms(case)
            except ir.MLIRError:
                tally["refused"] += 1
                continue
            for i, text in enumerate((case, printed, generic)):
                file = Path(place, f"{name}.{i}")
                file.write_text(text)
                lines.append((file, Path(place, f"{name}.{i}.out")))
            want[name] = printed
        told = parse(lines, "--raw")
        for name, printed in want.items():
            said = [told.get(Path(place, f"{name}.{i}")) for i in range(3)]
            outs = [Path(place, f"{name}.{i}.out.mlir") for i in range(3)]
            same = [out.exists() and out.read_text() == printed for out in outs]
            tally["same"] += all(same)
            if not all(same):
                why[reason(next((s for s in said if s), "DIFFERENT"))] += 1
    return {**{k: tally[k] for k in ("cases", "refused", "same")}, "why": dict(why.most_common())}


if __name__ == "__main__":
    print(json.dumps(count(sys.argv[1])))
