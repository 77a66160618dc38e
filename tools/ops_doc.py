#!/usr/bin/env python3
"""Writes docs/ops.md from the rules and docs/conformance.md from test/ops.txt, test/stablehlo.txt and test/stablehlo_verify.txt; with --check fails when they are not up to date.

What a rule lowers to, and what it refuses, is read from its C function and those that it calls: hlo_add() and OP_add are
stablehlo.add, the text of node_fail(n, UNSUPPORTED, ...) is a limit. The types are those of test/ops.txt.
"""

import collections
import functools
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEAD = """# ATen overloads that convert

Made from `src/aten/rules.def`, `src/aten/dynamic.def`, the rules and `test/ops.txt` by `tools/ops_doc.py`. In-place forms
(`aten.add_.Tensor`) and `.out` overloads are turned into these first.

- **types**: in which the op is compared with eager PyTorch on torch's own samples; `-`: it has no samples of its own there, but
  stands in tests of ours. Other types of torch convert by the same rules.
- **open sizes**: which sizes of its tensors a module may have as `?`, by `src/aten/dynamic.def`: `any`, `all but the last 2` (those must be
  numbers), `all but a matrix's` (the last two of the first argument), or `none`. A program with others runs, each set of sizes as a
  module of its own, and converts for given sizes.
- **lowers to**: the StableHLO ops that its rule can give. constant, convert, reshape, broadcast_in_dim, compare, select, slice,
  concatenate, transpose and iota are left out where there are others.
- **limits**: what the rule refuses, naming the node. Data-dependent output shapes are refused everywhere.

"""
# Ops of nearly every lowering: they tell nothing.
PLAIN = {"constant", "convert", "reshape", "broadcast_in_dim", "compare", "select", "slice", "concatenate", "transpose", "iota", "return"}
SHORT = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16", "complex64": "c64", "complex128": "c128", "bool": "bool"}


def stablehlo_ops():
    text = (ROOT / "src/stablehlo/ops.def").read_text()
    return set(re.findall(r"^(?:OP|UNARY|UNARY_F|BINARY)\((\w+)", text, re.M))


def rules():
    """(target, what it is made of) of every row."""
    for line in (ROOT / "src/aten/rules.def").read_text().splitlines():
        m = re.match(r'(\w+)\s*\("([^"]+)",\s*(\w+)', line)
        if m:
            yield m[2], m[1], m[3]


# Not followed: arguments and results. Followed for hlo_ calls alone: their OP_ names are a table of neutral elements.
DRIVER = {"node.c", "lower.c", "rules.c", "custom.c"}
HELPERS = {"helpers.c", "fold.c", "types.c", "cast.c"}


@functools.cache
def functions():
    """(file, name) -> body of the C functions of aten; where a name is global, (None, name) too."""
    out = {}
    for path in sorted((ROOT / "src/aten").glob("*.c")):
        if path.name in DRIVER:
            continue
        text = path.read_text()
        for m in re.finditer(r"^([A-Za-z][^\n;{}=]*?)\b(\w+)\([^;{}]*?\)\n?(?:\{\n(.*?)^\}| \{ ([^\n]*) \}$)", text, re.M | re.S):
            out[path.name, m[2]] = m[3] or m[4] or ""
            if not m[1].startswith("static"):
                out[None, m[2]] = m[3] or m[4] or ""
                out[m[2]] = path.name
    return out


@functools.cache
def words(file, name):
    """What a function's body names."""
    return frozenset(re.findall(r"\b[A-Za-z_]\w*\b", functions()[file, name]))


@functools.cache
def reached(name):
    """The (file, function)s behind a global function. Names mean those of the same file first."""
    every, seen = functions(), set()
    todo = [(every[name], name)] if name in every else []
    while todo:
        f = todo.pop()
        if f in seen:
            continue
        seen.add(f)
        for w in words(*f):
            if (f[0], w) in every:
                todo.append((f[0], w))
            elif w in every:
                todo.append((every[w], w))
    return frozenset(seen)


def lowering(kind, what, known):
    if kind in ("UNARY", "BINARY"):
        return {what}
    if kind == "COMPARE":
        return {"compare"}
    ops = set()
    for f in reached(what):
        ops |= {w[4:] for w in words(*f) if w.startswith("hlo_")}
        ops |= {w[3:] for w in words(*f) if w.startswith("OP_") and f[0] not in HELPERS}
    ops = {re.sub("_n$", "", o) for o in ops}
    return (ops & known) - PLAIN or ops & known


def limits(kind, what):
    if kind in ("UNARY", "BINARY", "COMPARE"):
        return []
    found = set()
    for f in reached(what):
        for m in re.finditer(r'UNSUPPORTED,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', functions()[f]):
            text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', m[1]))
            if "dynamic" not in text:
                found.add(re.sub(r"%(\.\*)?(ll)?[a-z]", "..", text).replace('\\"', '"').replace("|", "/"))
    return sorted(found)


def open_sizes():
    """rule -> which of its sizes may be open"""
    texts = {"ANY": "any", "LAST": "all but the last {}", "MATRICES": "all but a matrix's"}
    text = (ROOT / "src/aten/dynamic.def").read_text()
    return {m[2]: texts[m[1]].format(m[3]) for m in re.finditer(r'^(\w+)\((\w+)(?:, ([^,)]+))?', text, re.M)}


def tested():
    """aten op -> types in test/ops.txt. An OpInfo is named as its function is: the last part is the op's."""
    out = collections.defaultdict(list)
    for line in (ROOT / "test/ops.txt").read_text().splitlines():
        name, *types = line.partition(" - ")[0].split()
        for part in {name.rpartition(".")[2], name.replace(".", "_"), name.partition(".")[0]}:
            out[part] += [t for t in types if t not in out[part]]
    return out


def page():
    known, types, sizes, rows = stablehlo_ops(), tested(), open_sizes(), collections.defaultdict(list)
    all_rules = sorted(set(rules()))
    for target, kind, what in all_rules:
        op, _, overload = target.rpartition(".")
        rows[op, kind, what].append(overload)
    table = ""
    for (op, kind, what), overloads in sorted(rows.items()):
        used = types.get(op.partition(".")[2], ())
        order = [short for long, short in SHORT.items() if long in used]
        order += sorted(re.sub(r"(u?)int", r"\1i", t) for t in used if "int" in t)
        may = "any" if kind != "RULE" else sizes.get(what, "none")
        ops = " ".join(sorted(lowering(kind, what, known)))
        cells = op, " ".join(overloads), " ".join(order) or "-", may, ops, "; ".join(limits(kind, what))
        table += "| " + " | ".join(cells) + " |\n"
    count = f"{len(all_rules)} overloads of {len({op for op, *_ in rows})} ops."
    return f"{HEAD}{count}\n\n| op | overloads | types | open sizes | lowers to | limits |\n|---|---|---|---|---|---|\n{table}"


# -- conformance ---------------------------------------------------------------------------------------------------------

CONFORMANCE = """# Conformance

Made from `test/ops.txt`, `test/stablehlo.txt`, `test/stablehlo_verify.txt` and `test/stablehlo_checks.txt` by `tools/ops_doc.py`.

## torch's OpInfo database

torch's own database of operators has {ops} ops (name and variant). Samples of each, in each of these types, are exported,
converted, verified by MLIR, run on XLA's CPU and compared with eager PyTorch. Results of 16 bits may instead be as near to the same
call in f64 as eager's are. `make test-ops` runs all of the table; the ordinary tests run a fixed sample of it. An op passes in a
type when every sample that `torch.export` takes does. {passing} ops pass in some type, of {possible} that have a kernel on the CPU.

{types}

Of random numbers shapes and types are compared here; `test/test_random.py` has their distributions.

## Ops that pass in no type

{never}

## Types in which ops do not pass, and samples that are refused

{partly}

## pytorch/xla's core ATen suite

`make test-core-aten CORE_ATEN=path/to/test_core_aten_ops.py` runs pytorch/xla's own tests through `install_as_torch_xla()`: all 491
pass, the 4 that the file skips among them, with result types compared as well, which the suite itself does not.

## openxla/stablehlo's own text

`make test-stablehlo STABLEHLO=path/to/stablehlo` takes each valid program (none with `expected-error`) of the `.mlir` files in these
folders of a checkout of 1.20, lets MLIR print it in both its forms, and parses these and what stands in the file; all three must print
as MLIR prints them. {same} of the {read} that jaxlib's MLIR (StableHLO 1.17, without CHLO) reads do.

{text}

Why the others do not:

{why}

## openxla/stablehlo's own cases for its verifier

The same command takes each function of the files with `expected-error` (`tests/ops_stablehlo*.mlir`, `ops_dot_general_algorithms.mlir`,
`verify_*.mlir`, `future_type.mlir`, `print_types_invalid.mlir`): what is valid must be accepted, what is not refused by the parser or the
verifier, and at the same op. {accepted} of {valid} and {refused} of {invalid} are. The message need not be MLIR's: ours names the clause of the specification.

| file | valid | accepted | invalid | refused at the op |
| --- | --- | --- | --- | --- |
{verifier}

Why the others are not:

| cases | which are | what they have |
| --- | --- | --- |
{verifier_why}

## openxla/stablehlo's own expected values

`make test-stablehlo` also evaluates the cases of these folders that say what they expect, with the evaluator of `src/reference`
(`torch-stablehlo run --engine reference`). What the check dialect says becomes custom calls: `expect_almost_eq` allows 0.0001, as in
the dialect, `expect_close` three floats. Values that differ: results of f32 and complex numbers that their authors computed with more
rounding than we have, most of them switched off in openxla/stablehlo itself; exp(-inf - inf i), which is 0 in C and here; and
`ulp_difference`, which tests the check dialect. The ops of the interpreter dialect run several replicas.

{values}
"""
NO_KERNEL = "no CPU kernel"


def markdown(head, rows):
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows))


def stablehlo_text():
    """Folder, cases, those that MLIR refuses, those that are the same; the reasons of the others."""
    table, why = [], collections.Counter()
    for line in (ROOT / "test/stablehlo.txt").read_text().splitlines():
        left, _, reasons = line.partition(" - ")
        folder, *counts = left.split()
        table.append([f"`{folder}`", *map(int, counts)])
        for part in reasons.split("; ") if reasons else ():
            n, _, what = part.partition(" ")
            why[what] += int(n)
    return {
        "same": sum(row[3] for row in table),
        "read": sum(row[1] - row[2] for row in table),
        "text": markdown(["folder", "programs", "MLIR refuses", "the same"], table),
        "why": markdown(["programs", "what they have"], [[n, what] for what, n in why.most_common()]),
    }


def verifier():
    """The cases of openxla/stablehlo's verifier by file, and what is missed."""
    lines = (ROOT / "test/stablehlo_verify.txt").read_text().splitlines()
    rows = [[f"`{name}`", *map(int, n)] for name, *n in (line.split() for line in lines if line[0] != "-")]
    missed = [re.match(r"- (\d+) (\w+): (.*)", line).groups() for line in lines if line[0] == "-"]
    body = lambda rows: "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)  # noqa: E731
    return {
        "valid": sum(row[1] for row in rows), "accepted": sum(row[2] for row in rows),
        "invalid": sum(row[3] for row in rows), "refused": sum(row[4] for row in rows),
        "verifier": body(rows), "verifier_why": body(missed),
    }


def stablehlo_values():
    rows = []
    for line in (ROOT / "test/stablehlo_checks.txt").read_text().splitlines():
        left, _, why = line.partition(" - ")
        folder, *counts = left.split()
        rows.append([f"`{folder}`", *counts, why])
    return markdown(["folder", "cases", "pass", "why the others do not"], rows)


def conformance():
    """An op that passes in no type has one reason for all of them."""
    fails, passes, never, partly = collections.Counter(), collections.Counter(), collections.defaultdict(list), []
    lines = (ROOT / "test/ops.txt").read_text().splitlines()
    for line in lines:
        left, _, why = line.partition(" - ")
        name, *types = left.split()
        passes.update(types)
        if not types:
            never[why].append(f"`{name}`")
        for part in why.split("; ") if types and why else ():
            which, _, reason = part.partition(": ")
            partly.append([f"`{name}`", which, reason])
            fails.update(which.split())
    absent = sum(len(names) for why, names in never.items() if why.startswith(NO_KERNEL))
    return CONFORMANCE.format(
        ops=len(lines),
        passing=sum(bool(line.partition(" - ")[0].split()[1:]) for line in lines),
        possible=len(lines) - absent,
        types=markdown(["type", "ops that pass", "ops that pass in other types only"], [[t, n, fails[t]] for t, n in passes.most_common()]),
        never=markdown(["reason", "ops"], sorted([why, ", ".join(names)] for why, names in never.items())),
        partly=markdown(["op", "types", "reason"], partly),
        **stablehlo_text(),
        **verifier(),
        values=stablehlo_values(),
    )


if __name__ == "__main__":
    for file, text in ("docs/ops.md", page()), ("docs/conformance.md", conformance()):
        if "--check" not in sys.argv:
            (ROOT / file).write_text(text)
        elif (ROOT / file).read_text() != text:
            sys.exit(f"{file} is out of date: run tools/ops_doc.py")
