"""src/stablehlo/read_loc.c: locations of modules that MLIR wrote come back, printed and written as MLIR has them; broken ones are told."""
import os
import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("jaxlib")
from jaxlib.mlir import passmanager  # noqa: E402
from jaxlib.mlir.dialects import stablehlo  # noqa: E402
from mlir import context as mlir_context, parsed, printed  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
READ = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/stablehlo/test/read_tool"


@pytest.fixture(scope="module")
def context():
    return mlir_context()


EVERY_KIND = r'''
#line = loc("a.py":3:4)
module @m {
  func.func public @main(%arg0: tensor<2x3xf32> {mhlo.sharding = "{replicated}"} loc("x"), %arg1: tensor<3xf32> loc("y"("f.py":2:0)), %arg2: tensor<f32>) -> tensor<2xf32> {
    %cst = stablehlo.constant dense<0.0> : tensor<f32> loc("c"(#line))
    %0 = stablehlo.add %arg0, %arg0 : tensor<2x3xf32> loc(callsite("foo"(#line) at callsite("b.py":1:2 at unknown)))
    %1 = stablehlo.reduce(%0 init: %cst) applies stablehlo.add across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32> loc("sum"(fused["a", "b", #line]))
    %2:2 = stablehlo.reduce(%0 init: %cst), (%0 init: %cst) across dimensions = [1] : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<f32>, tensor<f32>) -> (tensor<2xf32>, tensor<2xf32>)
      reducer(%a: tensor<f32> loc("ra"), %b: tensor<f32> loc("rb"("in b"))) (%c: tensor<f32> loc("rc"), %d: tensor<f32> loc("rd")) {
        %q = stablehlo.add %b, %a : tensor<f32> loc("q")
        stablehlo.return %q, %c : tensor<f32>, tensor<f32> loc("rr")
      } loc(#line)
    %w:2 = stablehlo.while(%iterArg = %1, %iterArg_0 = %2#0) : tensor<2xf32>, tensor<2xf32>
     cond {
       %c = stablehlo.constant dense<true> : tensor<i1> loc("wc")
       stablehlo.return %c : tensor<i1>
     } do {
       %l = stablehlo.log %iterArg : tensor<2xf32> loc("log")
       stablehlo.return %l, %iterArg_0 : tensor<2xf32>, tensor<2xf32> loc("wr")
     } loc("w"("a.py":1:1 to 2:3))
    %s = "stablehlo.sort"(%w#0) <{dimension = 0 : i64, is_stable = true}> ({
     ^bb0(%a: tensor<f32> loc("sa"("a.py":1:2 to :5)), %b: tensor<f32> loc(unknown)):
       %c = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1> loc(unknown)
       stablehlo.return %c : tensor<i1> loc(unknown)
     }) : (tensor<2xf32>) -> tensor<2xf32> loc(fused<{a = 1 : i32, b = ["x", 2.5, true, unit], c = @g}>["sorted", unknown])
    %t = stablehlo.tanh %s : tensor<2xf32> loc(fused<"one">[#line])
    return %t : tensor<2xf32> loc("ret"(#line))
  } loc("fn")
  func.func private @g() -> tensor<f32> {
    %cst = stablehlo.constant dense<3.0> : tensor<f32> loc("a \"b\\.py":4294967295:0)
    %cst2 = stablehlo.constant dense<3.0> : tensor<f32> loc("")
    %cst3 = stablehlo.constant dense<3.0> : tensor<f32> loc("héé\n\01x"(""(callsite("" at ""))))
    return %cst : tensor<f32>
  }
  func.func private @h(tensor<f32>, tensor<f32>) -> tensor<f32> loc("declared")
} loc("mod")
'''
NEST = "loc(unknown)"
for i in range(300):
    NEST = f'loc("n{i}"({NEST[4:-1]}))' if i % 2 else f'loc(callsite({NEST[4:-1]} at "c{i}"))'
DEEP = f"func.func @main(%arg0: tensor<f32>) -> tensor<f32> {{\n  %0 = stablehlo.sine %arg0 : tensor<f32> {NEST}\n  return %0 : tensor<f32>\n}}"
MANY = "func.func @main(%arg0: tensor<f32>) -> tensor<f32> {\n" + "".join(
    f'  %{i} = stablehlo.sine %{i - 1 if i else "arg0"} : tensor<f32> loc(callsite("n{i % 7}"("f{i % 3}.py":{i % 300}:0) at fused<{{k = {i % 5} : i32}}>["g{i % 40}", "h.py":{i}:1 to {i + 2}:5]))\n'
    for i in range(800)) + "  return %799 : tensor<f32>\n}"
THEIRS = {"every kind": EVERY_KIND, "deep": DEEP, "many": MANY}


def read(data, tmp_path, version="-", *flags):
    """(text, bytes for that version) of an artifact, read with its locations; or the message."""
    for kind in ("mlir", "bc", "err"):
        (tmp_path / f"out.{kind}").unlink(missing_ok=True)
    (tmp_path / "in.bc").write_bytes(data)
    done = subprocess.run([READ, *(flags or ["--locations"])], input=f"{tmp_path}/in.bc {version} {tmp_path}/out\n", text=True, capture_output=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    if (tmp_path / "out.err").exists():
        return (tmp_path / "out.err").read_text()
    return (tmp_path / "out.mlir").read_text(), (tmp_path / "out.bc").read_bytes() if version != "-" else None


@pytest.mark.parametrize("version", ["0.9.0", "0.12.0", "0.14.0", "0.17.0", "1.0.0", "1.9.0", stablehlo.get_current_version()])
@pytest.mark.parametrize("name", THEIRS)
def test_theirs_come_back(context, tmp_path, name, version):
    data = stablehlo.serialize_portable_artifact(parsed(context, THEIRS[name]), version)
    want = stablehlo.deserialize_portable_artifact(context, data)
    text, back = read(data, tmp_path, version)
    assert text == printed(want) and back == data
    text, back = read(data, tmp_path, version, "--raw")  # unless they are asked for, they are passed over
    assert "loc(" not in text
    with context:
        passmanager.PassManager.parse("builtin.module(strip-debuginfo)").run(want.operation)
    assert text == str(want)


def test_metadata_that_has_no_place_here_is_left_out(context, tmp_path):
    for metadata in ("dense<1> : tensor<2xi32>", "f32", "[[dense<1> : tensor<2xi32>]]", "#stablehlo.bounds<2>", 'loc("a")'):
        body = f'%0 = stablehlo.sine %arg0 : tensor<f32> loc(fused<{metadata}>["b", "c"])\n return %0 : tensor<f32> loc(unknown)'
        module = parsed(context, f"func.func @main(%arg0: tensor<f32>) -> tensor<f32> {{\n {body}\n}}")
        text, _ = read(stablehlo.serialize_portable_artifact(module, "1.9.0"), tmp_path)
        assert re.search(r"#loc\d+ = loc\(fused\[#loc\d+, #loc\d+\]\)", text), text
        assert parsed(context, text)


# -- broken files ----------------------------------------------------------------------------------------------


def varint(v):
    n = next(n for n in range(1, 10) if v < 1 << (7 * n))
    return ((v << 1 | 1) << (n - 1)).to_bytes(n, "little")


@pytest.fixture(scope="module")
def named(context):
    """An artifact with one location of each of name, name and place."""
    body = '%0 = stablehlo.sine %arg0 : tensor<f32> loc("first"("second"("f.py":77:88)))\n return %0 : tensor<f32> loc(unknown)'
    module = parsed(context, f"func.func @main(%arg0: tensor<f32> loc(unknown)) -> tensor<f32> {{\n {body}\n}} loc(unknown)")
    return stablehlo.serialize_portable_artifact(module, "1.9.0")


def test_broken_places_are_told(named, tmp_path):
    at = named.index(varint(77) + varint(88)) - 2  # code, file, line, column
    assert named[at:at + 1] == varint(11)
    for code, message in ((99, "of code 99 of the builtin dialect, wanted a location"), (2, "wanted a location"), (15, "bytes too many"),
                          (12, "fused locations in"), (22, "lines and columns")):
        broken = named[:at] + varint(code) + named[at + 1:]
        told = read(broken, tmp_path)
        assert isinstance(told, str) and message in told, told
        assert isinstance(read(broken, tmp_path, "-", "--raw"), tuple)


def test_locations_in_themselves_are_told(named, tmp_path):
    told = set()
    for at in (i for i, byte in enumerate(named) if byte == varint(14)[0]):  # every child of a name, made every attribute there is
        for ref in range(12):
            got = read(named[:at + 2] + varint(ref) + named[at + 3:], tmp_path)
            told.add(got if isinstance(got, str) else "")
    assert any("is part of itself" in t for t in told) and any("wanted a location" in t for t in told)


def test_too_deep(context, tmp_path):
    nest = "loc(unknown)"
    for i in range(600):
        nest = f'loc("n{i}"({nest[4:-1]}))'
    module = parsed(context, f"func.func @main(%arg0: tensor<f32>) -> tensor<f32> {{\n %0 = stablehlo.sine %arg0 : tensor<f32> {nest}\n return %0 : tensor<f32>\n}}")
    data = stablehlo.serialize_portable_artifact(module, "1.9.0")
    assert "locations nest deeper than 512" in read(data, tmp_path)
    assert isinstance(read(data, tmp_path, "-", "--raw"), tuple)


def test_out_of_memory_is_told(context, tmp_path):
    (tmp_path / "a.bc").write_bytes(stablehlo.serialize_portable_artifact(parsed(context, EVERY_KIND), "1.9.0"))
    done = subprocess.run([READ, "--memory", tmp_path / "a.bc"], capture_output=True, text=True)
    assert done.returncode == 0 and re.fullmatch(r"\d+ failures told\n", done.stdout), done
