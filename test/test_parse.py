"""src/stablehlo/parse*.c: text in. MLIR's own text, from jaxlib, is the authority.

Of every module of ours, and of the hand-written ones in src/stablehlo/test/text, MLIR's printing in both its forms is parsed and must
print as MLIR prints it; their bytecode must be MLIR's. Text that is wrong is refused with its line and column.
"""

import os
import random
import re
import subprocess
import time
from pathlib import Path

import pytest

ir = pytest.importorskip("jaxlib.mlir.ir")
from jaxlib.mlir import passmanager  # noqa: E402
from jaxlib.mlir.dialects import stablehlo  # noqa: E402
from mlir import context as mlir_context  # noqa: E402
from test_print import REFUSED, tool  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
TOOL = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/stablehlo/test/parse_tool"
TEXT = ROOT / "src/stablehlo/test/text"


def parse(lines, *options, timeout=None):
    """Of each (file, out): out.mlir is written, and out.bc; the messages of those that were refused."""
    data = "".join(f"{file} {out}\n" for file, out in lines).encode()
    done = subprocess.run([TOOL, *options], input=data, capture_output=True, timeout=timeout)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    told = {file: Path(f"{out}.err") for file, out in lines}
    return {file: path.read_text(errors="replace") for file, path in told.items() if path.exists()}


def message(text, tmp_path, *options, timeout=None):
    file = tmp_path / "x.mlir"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "out.err").unlink(missing_ok=True)
    return parse([(file, tmp_path / "out")], *options, timeout=timeout).get(file)


class Mlir:
    """MLIR's module of a text, without its locations."""

    def __init__(self):
        self.context = mlir_context()
        self.context.allow_unregistered_dialects = True

    def module(self, text):
        with self.context:
            module = ir.Module.parse(text)
            passmanager.PassManager.parse("builtin.module(strip-debuginfo)").run(module.operation)
        return module

    def forms(self, text):
        """As people write it, and generic: the second also with locations."""
        module = self.module(text).operation
        located = ir.Module.parse(text, self.context).operation
        return str(module), [module.get_asm(print_generic_op_form=True),
                             located.get_asm(print_generic_op_form=True, enable_debug_info=True),
                             located.get_asm(enable_debug_info=True)]

    def bytecode(self, text, version):
        with self.context:
            return stablehlo.serialize_portable_artifact(self.module(text), version)


@pytest.fixture(scope="module")
def mlir():
    return Mlir()


def cases(name):
    return re.split(r"^// -----$", (TEXT / name).read_text(), flags=re.M)


def check(forms, want, folder, *options):
    """Each text of `forms`, by name, prints as `want`[name]."""
    lines = []
    for name, text in forms.items():
        (folder / f"{name}.in").write_text(text)
        lines.append((folder / f"{name}.in", folder / name))
    told = parse(lines, *options)
    assert told == {}
    return [name for name in forms if Path(f"{folder / name}.mlir").read_text() != want[name]]


# -- what is right -------------------------------------------------------------------------------------------------------


def test_every_module(mlir, tmp_path):
    """print_cases.c, every op with every attribute, the programs of several ops: our text, and MLIR's forms of it. Not all are valid."""
    ours, read = tmp_path / "ours", tmp_path / "read"
    ours.mkdir(), read.mkdir()
    tool("all", ours)
    forms, want, refused = {}, {}, set()
    for file in sorted(ours.iterdir()):
        text, name = file.read_text(), file.stem
        texts = [text]
        try:
            texts += [] if "huge" in name else mlir.forms(text)[1]
        except ir.MLIRError:
            refused.add(name.split(".")[0])
        for i, form in enumerate(texts):
            forms[f"{name}.{i}"] = form
            want[f"{name}.{i}"] = text
    assert len(forms) > 1200 and refused <= set(REFUSED)
    assert check(forms, want, read, "--raw") == []


@pytest.mark.parametrize("file", ["modules.mlir", "constants.mlir", "ops.mlir"])
def test_as_people_write_it(mlir, tmp_path, file):
    forms, want = {}, {}
    for i, case in enumerate(cases(file)):
        printed, more = mlir.forms(case)
        for k, form in enumerate([case, printed, *more]):
            forms[f"case{i}.{k}"], want[f"case{i}.{k}"] = form, printed
    assert check(forms, want, tmp_path, "--raw") == []


def test_elements_at_the_end_of_the_file(mlir, tmp_path):
    text = (TEXT / "resources.mlir").read_text()
    mlir.module(text)
    assert message(text, tmp_path) is None
    printed = (tmp_path / "out.mlir").read_text()
    assert "dense<[1, 2, 3]> : tensor<3xi32>" in printed and "dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf64>" in printed


def test_bytecode_of_what_is_parsed(mlir, tmp_path):
    """Of the cases that have bytecode (attributes of other dialects have none, in MLIR and here): MLIR reads ours as the same module."""
    version, read = stablehlo.get_current_version(), 0
    for case in cases("constants.mlir") + cases("ops.mlir") + cases("modules.mlir"):
        try:
            theirs = mlir.bytecode(case, version)
        except ValueError:
            continue
        read += 1
        assert message(case, tmp_path, "--raw", "--bytecode", version) is None
        ours = (tmp_path / "out.bc").read_bytes()
        with mlir.context:
            same = [str(stablehlo.deserialize_portable_artifact(mlir.context, x)) for x in (ours, theirs)]
        assert same[0] == same[1]
    assert read >= 7


def test_numbers(mlir, tmp_path):
    """Decimals of any length, and the bits that MLIR makes of them."""
    rng = random.Random(0)
    for elem in ["f64", "f32", "f16", "bf16"]:
        numbers = [f"{rng.randrange(10 ** rng.randrange(1, 25))}.{rng.randrange(10 ** rng.randrange(1, 25))}e{rng.randrange(-40, 40)}"
                   for _ in range(300)]
        text = f"func.func @f() {{\n  %0 = stablehlo.constant dense<[{', '.join(numbers)}]> : tensor<300x{elem}>\n  return\n}}\n"
        assert message(text, tmp_path) is None
        assert (tmp_path / "out.mlir").read_text() == str(mlir.module(text))


def test_no_memory(tmp_path):
    for i, case in enumerate(cases("ops.mlir")[:2] + cases("modules.mlir")[1:4]):
        file = tmp_path / f"{i}.mlir"
        file.write_text(case)
        done = subprocess.run([TOOL, "--memory", file], capture_output=True, text=True)
        assert done.returncode == 0 and int(done.stdout.split()[0]) > 1, done.stderr


# -- what is wrong -------------------------------------------------------------------------------------------------------


def body(line):
    return f"func.func @f(%x: tensor<2xf32>, %i: tensor<i32>) {{\n  {line}\n  return\n}}\n"


def wrapped(attribute, n=1):
    return body("stablehlo.custom_call @f(%x) {backend_config = " + attribute + "} : (tensor<2xf32>) -> ()") * n


WRONG = [
    ("", None),
    ("module {", "1:9: found the end, wanted a function"),
    ("module {} x", "1:11: "),
    ("module {} module {}", "1:18: a module beside something else, wanted one"),
    ("module { module {} }", "1:10: found 'module', wanted a function"),
    ("func.func @f(", "1:14: "),
    ("func.func @f(%x: tensor<2xf32>, tensor<f32>) { return }", "an argument without a name"),
    ("\n\n   $", "3:4: found '$', wanted a module or a function"),
    ("func.func @\"f() {}", "1:11: "),
    (body("%0 = stablehlo.add %x, %y : tensor<2xf32>"), "2:26: '%y' is not defined before"),
    (body("%x = stablehlo.add %x, %x : tensor<2xf32>"), "2:3: "),
    (body("%0 = stablehlo.add %x %x : tensor<2xf32>"), "2:25: found '%x', wanted ','"),
    (body("%0 = stablehlo.add %x, %i : tensor<2xf32>"), "operand 1 is tensor<i32>, and its type says tensor<2xf32>"),
    (body("%0:2 = stablehlo.add %x, %x : tensor<2xf32>"), "2:10: an op of 1 results, and names for 2"),
    (body("%0 = stablehlo.nothing %x : tensor<2xf32>"), "2:8: op 'stablehlo.nothing' is not known"),
    (body("%0 = tosa.abs %x : tensor<2xf32>"), "2:8: op 'tosa.abs' is not known"),
    (body("%0 = \"vhlo.abs_v1\"(%x) : (tensor<2xf32>) -> tensor<2xf32>"), "2:8: op 'vhlo.abs_v1' is not known"),
    (body("%0 = stablehlo.constant dense<[1, 2]> : tensor<3xi32>"), "too few elements for tensor<3xi32>|wanted ','"),
    (body("%0 = stablehlo.constant dense<[1, 300]> : tensor<2xi8>"), "'300' does not fit i8"),
    (body("%0 = stablehlo.constant dense<1> : tensor<2xf32>"), "wanted a float with a point"),
    (body("%0 = stablehlo.constant dense<\"0x00\"> : tensor<2xf32>"), "1 bytes for tensor<2xf32>"),
    (body("%0 = stablehlo.constant dense<1> : tensor<?xi32>"), "elements of tensor<?xi32>"),
    (body("%0 = stablehlo.constant dense_resource<r> : tensor<1xi8>"), "no resource 'r' at the end of the text"),
    (body("%0 = stablehlo.abs %x : tensor<*xf32>"), "a tensor without rank"),
    (body("%0 = stablehlo.abs %x : tensor<2xstring>"), "2:"),
    (body("%0 = stablehlo.compare LESS, %x, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>"), "2:26: found 'LESS', wanted a comparison_direction such as 'LT'"),
    (body("%0 = \"stablehlo.iota\"() {iota_dimension = \"x\"} : () -> tensor<2xf32>"), "iota_dimension"),
    (wrapped("#stablehlo.conv<raw input_batch_dimension = 0, input_feature_dimension = 0>"), "dimensions of a convolution that are not each there once"),
    (body("%0 = stablehlo.abs %x {a = 1, a = 2} : tensor<2xf32>"), "'a'"),
    (body("stablehlo.custom_call @f(%x) {backend_config = #undefined} : (tensor<2xf32>) -> ()"), "no alias '#undefined' is defined before"),
    (body("%0 = stablehlo.abs %x : tensor<2xf32> loc("), "3:3: found 'return', wanted a location"),
    (body("%0 = stablehlo.abs %x : tensor<2xf32 "), "3:3: found 'return', wanted '>'"),
    (body("%9999999999 = stablehlo.abs %x#7 : tensor<2xf32>"), "2:33: result '#7' of 1"),
    (body("%0:99999999999 = stablehlo.abs %x : tensor<2xf32>"), "2:"),
]


@pytest.mark.parametrize("text,wanted", WRONG)
def test_wrong(tmp_path, text, wanted):
    said = message(text, tmp_path, "--raw")
    if wanted is None:
        assert said is None
        return
    assert said and re.match(r"x\.mlir:\d+:\d+: ", said) and "\n" not in said
    assert any(w in said for w in wanted.split("|")), said


def test_bytes_that_are_no_text(tmp_path):
    rng = random.Random(0)
    whole = (TEXT / "ops.mlir").read_bytes()
    for _ in range(300):
        text = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            text[rng.randrange(len(text))] = rng.randrange(256)
        said = message(bytes(text), tmp_path, "--raw")
        assert said is None or re.match(r"(x\.mlir:\d+:\d+|[^ ]+): ", said)
    for n in range(0, len(whole), 97):
        message(whole[:n], tmp_path, "--raw")


# -- large and hostile ---------------------------------------------------------------------------------------------------


N = 100000
HOSTILE = {
    "lists": (wrapped("[" * N), "nest deeper than 64"),
    "dictionaries": (wrapped("{a=" * N), "nest deeper than 64"),
    "tuples": (body("%0 = stablehlo.abs %x : " + "tuple<" * N), "nest deeper than 64"),
    "functions": (wrapped("(" * N), ""),
    "brackets": (wrapped("#x.y<" + "<" * N), "nest deeper than 200"),
    "regions": (body("\"stablehlo.case\"(%i) ({" * N), "deeper than 200"),
    "locations": (body("%0 = stablehlo.abs %x : tensor<2xf32> loc(" + "callsite(" * N), ""),
    "elements": (body("%0 = stablehlo.constant dense<" + "[" * N + "> : tensor<1xi8>"), ""),
    "rank": ("func.func private @f(tensor<" + "1x" * N + "f32>)", ""),
    "results": (body("%0:2000000000 = stablehlo.abs %x : tensor<2xf32>"), ""),
    "a large tensor": (body("%0 = stablehlo.constant dense<[1]> : tensor<99999999999xi8>"), "too few elements"),
    "aliases of aliases": ("#a0 = [1, 2]\n" + "".join(f"#a{i} = [#a{i - 1}, #a{i - 1}]\n" for i in range(1, 60)) + wrapped("#a59"),
                           "too large a module"),
    "types of types": ("!t0 = tensor<1xf32>\n" + "".join(f"!t{i} = tuple<!t{i - 1}, !t{i - 1}>\n" for i in range(1, 60)), "too large a module"),
    "one resource": ("func.func @f() {\n" + "%0 = stablehlo.constant dense_resource<r> : tensor<100000xi8>\n" * 1 + "".join(
        f"%a{i} = stablehlo.constant dense_resource<r> : tensor<100000xi8>\n" for i in range(20000)) + "return\n}\n{-# dialect_resources: {builtin: {r: \"0x01000000"
        + "00" * 100000 + "\"}} #-}", "too large a module"),
    "values": ("func.func @f(%x: tensor<2xf32>) {\n" + "".join(f"%v{i} = stablehlo.abs %x : tensor<2xf32>\n" for i in range(N)) + "return\n}\n", None),
    "a chain": ("func.func @f(%v0: tensor<2xf32>) {\n" + "".join(f"%v{i + 1} = stablehlo.abs %v{i} : tensor<2xf32>\n" for i in range(N)) + "return\n}\n", None),
    "types": ("func.func @f() {\n" + "".join(f"%v{i} = stablehlo.constant dense<0> : tensor<{i + 1}xi8>\n" for i in range(N)) + "return\n}\n", None),
    "functions and calls": ("".join(f"func.func private @f{i}()\n" for i in range(20000)) + "func.func @main() {\n"
                            + "".join(f"call @f{i}() : () -> ()\n" for i in range(20000)) + "return\n}\n", None),
    "arguments": ("func.func private @f(" + ", ".join(["tensor<2xf32>"] * N) + ")", None),
    "keys": ("func.func private @f() attributes {" + ", ".join(f"a{i}" for i in range(N)) + "}", ""),
    "lines of nothing": ("\n" * 3000000 + "$", "3000001:1"),
    "comments": ("// x\n" * 500000, None),
    "commas and comments": (body("stablehlo.custom_call @f(" + ", // y\n".join(["%x"] * N) + ") : (" + ", ".join(["tensor<2xf32>"] * N) + ") -> ()"), None),
    "one long string": (wrapped('"' + "\\41" * 1000000 + '"'), None),
    "attributes": ("func.func @f(%x: tensor<2xf32>) {\n" + "stablehlo.custom_call @f(%x) {backend_config = {" + ", ".join(f"a{i} = {i}" for i in range(4000))
                   + "}} : (tensor<2xf32>) -> ()\n" * 40 + "return\n}\n", ""),
    "dictionaries of many keys": ("func.func @f(%x: tensor<2xf32>) {\n" + ("stablehlo.custom_call @f(%x) {backend_config = {"
                                  + ", ".join(f"a{i} = {i}" for i in range(4000)) + "}, api_version = 4 : i32} : (tensor<2xf32>) -> ()\n") * 40 + "return\n}\n", None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(tmp_path, name):
    text, wanted = HOSTILE[name]
    start = time.monotonic()
    said = message(text, tmp_path, timeout=60)
    assert time.monotonic() - start < (40 if os.environ.get("SAN") else 8)
    assert said is None if wanted is None else said and wanted in said, said
