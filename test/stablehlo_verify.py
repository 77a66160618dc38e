"""openxla/stablehlo's own cases for its verifier, through our parser and verifier: python test/stablehlo_verify.py FOLDER, in a process of its own.

A case is a function of what stands between two `// -----` of a file that has `expected-error`, with those that it names. One without such
a line must be accepted; one with must be refused, by the parser or the verifier, and at that op. One line of JSON.
"""

import collections
import json
import re
import sys
import tempfile
from pathlib import Path

from test_parse import parse

MARK = re.compile(r"//\s*expected-error(?:-re)?\s*(@[+-]?\d+|@unknown)?\s*(?:\d+\s*)?\{\{(.*)")


def line_of(i, place):
    """Of a mark in line i, the line that it is about."""
    if not place or place == "@unknown":
        return i
    return i + int(place[1:]) if place[1] in "+-" else int(place[1:]) - 1


def pieces(lines):
    """A case taken apart: aliases and such, and its functions, as (first line, behind the last)."""
    starts = [i for i, line in enumerate(lines) if re.match(r"\s*(func\.func\b|\"func\.func\")", line)]
    ends = []
    for i in starts:
        depth, k, opened = 0, i, False
        while k < len(lines):
            code = re.sub(r'//.*|"(?:[^"\\]|\\.)*"', "", lines[k])
            depth += code.count("{") - code.count("}")
            opened |= bool(re.search(r"\{\s*$", code)) or "}" in code
            k += 1
            if depth <= 0 and (opened or re.search(r"func\.func private", lines[i])):
                break
        ends.append(k)
    return list(zip(starts, ends))


def cases(file):
    """(name, text, {line: message} that are to be complained of); texts keep the lines of the case."""
    for n, case in enumerate(re.split(r"^// -----.*$", file.read_text(), flags=re.M)):
        case = re.sub(r"arith\.constant(?= dense)", "stablehlo.constant", case)
        lines = case.split("\n")
        marks = {}
        for i, line in enumerate(lines):
            found = MARK.search(line)
            if found:
                marks[line_of(i, found[1])] = found[2]
            elif "expected-error" in line and not line.strip().startswith("// RUN"):
                marks[i + ("@below" in line)] = line
        if not re.search(r"^[^/\s]", re.sub(r"//.*", "", case), re.M):
            continue
        functions = pieces(lines)
        if len(functions) < 2 or any(re.match(r"\s*(module|\"builtin.module)", line) for line in lines):
            yield f"{file.stem}.{n}", case, marks
            continue
        for k, (start, end) in enumerate(functions):
            text = "\n".join(alone(lines, functions, k))
            yield f"{file.stem}.{n}.{k}", text, {m: said for m, said in marks.items() if start <= m < end}


def alone(lines, functions, k):
    """The case without the functions that the k-th does not name, and those that they name."""
    keep, todo = set(), [k]
    while todo:
        i = todo.pop()
        keep.add(i)
        names = set(re.findall(r"@([\w.$]+)", "\n".join(lines[slice(*functions[i])])))
        todo += [j for j, (s, e) in enumerate(functions) if j not in keep and re.search(r"@([\w.$]+)", "".join(lines[s:e]) + "@")[1] in names]
    gone = {i for j, (s, e) in enumerate(functions) if j not in keep for i in range(s, e)}
    return ["" if i in gone else line for i, line in enumerate(lines)]


def statement(lines, m):
    """Lines of the op of which m is one: from its name on to where the next begins, whose first word a parser may stumble over."""
    begins = re.compile(r"\s*(%[\w:#, %]+=|\"?(stablehlo|func)\.|return\b|func\.return|module\b|\}\s*$)")
    start = m
    while start > 0 and not begins.match(lines[start]):
        start -= 1
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = m + 1
    while end < len(lines) and not (begins.match(lines[end]) and len(lines[end]) - len(lines[end].lstrip()) <= indent):
        end += 1
    return range(start, end + 1)


def is_there(message, text, marks):
    """Whether the message is about an op that is to be complained of: the parser's about one of its lines, the verifier's about an op of that
    name. A type that is none is the function's argument's here, which MLIR has the first op for that takes it."""
    lines = text.split("\n")
    about = {i for m in marks for i in statement(lines, min(m, len(lines) - 1))}
    at = re.match(r"[^:]*:(\d+):\d+: ", message)
    if at:
        return int(at[1]) - 1 in about
    none = re.search(r"arguments: (.*) is no type of StableHLO", message)
    if none:
        return any(none[1].replace(" ", "") in said.replace(" ", "") or "expressed type" in said or "quant" in said for said in marks.values())
    path = re.findall(r"op \d+ \((?:stablehlo|func)\.(\w+)\)", message)
    words = path or ["func", "return"]
    return any(re.search(rf"\b{word}\b", lines[i]) for i in about if i < len(lines) for word in words)


WHY = [
    (r"tensor without rank", "tensors without rank"),
    (r"'#SV'", "an encoding that is none of StableHLO's"),
    (r"replica_group_mesh_axes", "replica groups as axes of a mesh"),
    (r"'i10'|'si8'", "refused where the type stands, not at the op that takes it"),
    (r"constant_c1", "a constant of integers whose result is quantized"),
    (r"memref", "buffers (memref) in ops other than custom calls, and what Pin, Unpin and CreateBuffer want of theirs"),
    (r"buffer|CreateBuffer|Unpin", "buffers (memref) in ops other than custom calls, and what Pin, Unpin and CreateBuffer want of theirs"),
    (r"init value", "initial values that are no scalars, which the spec wants and MLIR does not ask for"),
]


def reason(said, mark):
    text = f"{said or ''} {mark or ''}"
    return next((why for pattern, why in WHY if re.search(pattern, text)), text.strip())


def asked(file):
    """Files for the verifier of StableHLO, not of its other dialects, passes and interpreter."""
    return file.stem.startswith(("ops_stablehlo", "ops_dot_general", "verify_", "future_type", "print_types_invalid"))


def count(folder):
    tally, why = collections.defaultdict(collections.Counter), collections.Counter()
    with tempfile.TemporaryDirectory() as place:
        todo = []
        for file in sorted(Path(folder).glob("*.mlir")):
            if asked(file) and "expected-error" in file.read_text():
                for name, text, marks in cases(file):
                    Path(place, name).write_text(text)
                    todo.append((name, text, marks))
        told = parse([(Path(place, name), Path(place, f"{name}.out")) for name, *_ in todo])
        for name, text, marks in todo:
            said, row = told.get(Path(place, name)), tally[name.split(".")[0]]
            good = bool(said) and is_there(said, text, marks) if marks else not said
            row["invalid" if marks else "valid"] += 1
            row["refused" if marks else "accepted"] += good
            if not good:
                why[("invalid: " if marks else "valid: ") + reason(said, next(iter(marks.values()), None))] += 1
    return {"files": tally, "why": dict(sorted(why.items()))}


if __name__ == "__main__":
    print(json.dumps(count(sys.argv[1])))
