"""src/stablehlo/read*.c: VHLO bytecode read back.

What src/stablehlo/test/bytecode_tool.c writes for every op, attribute and element type (test_bytecode.py compares those bytes with
jaxlib's own) is read, printed as jaxlib prints it after reading the same bytes, and written again byte for byte. What jaxlib
serializes, locations and all, is read likewise. Broken files are told.
"""
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("jaxlib")
from jaxlib.mlir import ir  # noqa: E402
from jaxlib.mlir.dialects import stablehlo  # noqa: E402
from mlir import context as mlir_context  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
TESTS = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/stablehlo/test"
THEIRS = stablehlo.get_current_version()
RELEASES = ["0.9.0", "0.10.0", "0.12.0", "0.14.0", "0.17.0", "1.0.0", "1.1.0", "1.5.0", "1.9.0", "1.14.0", "1.17.0", "1.20.0"]


def key(version):
    return tuple(map(int, version.split(".")))


def read(cases, *options):
    """Reads each (file, version, out) with read_tool; {out: message} of those that were refused."""
    lines = "".join(f"{f} {v} {o}\n" for f, v, o in cases)
    done = subprocess.run([TESTS / "read_tool", *options], input=lines, capture_output=True, text=True)
    assert done.returncode == 0 and "Sanitizer" not in done.stderr, done.stderr
    return {o: Path(f"{o}.err").read_text(errors="replace") for _, _, o in cases if Path(f"{o}.err").exists()}


def read_one(data, tmp_path, *options):
    """The text of some bytes, or the message."""
    (tmp_path / "one.bc").write_bytes(data)
    for left in ("mlir", "err"):
        (tmp_path / f"one.{left}").unlink(missing_ok=True)
    told = read([(tmp_path / "one.bc", "-", tmp_path / "one")], *options)
    return next(iter(told.values())) if told else (tmp_path / "one.mlir").read_text()


@pytest.fixture(scope="session")
def context():
    return mlir_context()


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """[(name, version, file)] of what our writer makes."""
    folder = tmp_path_factory.mktemp("written")
    done = subprocess.run([TESTS / "bytecode_tool", folder, *RELEASES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    split = [(re.match(r"(.+?)\.(\d+\.\d+\.\d+)\.bc$", p.name), p) for p in sorted(folder.glob("*.bc"))]
    return [(m[1], m[2], p) for m, p in split]


@pytest.fixture(scope="session")
def back(written, tmp_path_factory):
    folder = tmp_path_factory.mktemp("back")
    told = read([(p, version, folder / p.stem) for _, version, p in written], "--raw")
    assert told == {}
    return folder


def test_bytes_come_back(written, back):
    assert len(written) > 3000
    assert [p.name for _, _, p in written if (back / p.name).read_bytes() != p.read_bytes()] == []


@pytest.mark.parametrize("version", [v for v in ("0.9.0", "0.12.0", "1.0.0", "1.9.0", THEIRS) if v in RELEASES])
def test_text_is_what_jaxlib_prints(written, back, context, version):
    different = []
    for name, v, p in written:
        if v != version or name == "program.huge":
            continue
        module = stablehlo.deserialize_portable_artifact(context, p.read_bytes())
        if str(module) != (back / f"{p.stem}.mlir").read_text():
            different.append(p.name)
    assert different == []


def test_one_text_for_all_releases(written, back):
    texts = {}
    for name, version, p in written:
        texts.setdefault(name, set()).add((back / f"{p.stem}.mlir").read_text())
    assert [name for name, t in texts.items() if len(t) > 1] == []


# -- what jaxlib writes ---------------------------------------------------------------------------------------

PROGRAMS = {
    "jax's module": """
module @jit_f attributes {jax.uses_shape_polymorphism = false, mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<2x3xf32> {jax.arg_info = "x", mhlo.sharding = "{replicated}"}) -> (tensor<2x3xf32> {jax.result_info = ""}) {
    %0 = call @sin(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  }
  func.func private @sin(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %0 = stablehlo.sine %arg0 : tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  }
}""",
    "uses in every order": """
func.func @main(%arg0: tensor<f32>, %arg1: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0:2 = stablehlo.while(%iterArg = %arg0, %iterArg_0 = %arg1) : tensor<f32>, tensor<f32>
  cond {
    %1 = stablehlo.compare LT, %iterArg, %iterArg_0 : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.add %iterArg, %arg1 : tensor<f32>
    %2 = stablehlo.multiply %1, %1 : tensor<f32>
    %3 = stablehlo.add %2, %1 : tensor<f32>
    stablehlo.return %3, %iterArg_0 : tensor<f32>, tensor<f32>
  }
  return %0#0, %0#1 : tensor<f32>, tensor<f32>
}""",
    "constants": """
func.func @main() -> (tensor<3xi1>, tensor<9xi1>, tensor<16xi1>, tensor<i1>, tensor<0xf32>, tensor<2x2xi4>, tensor<3xui4>, tensor<2xcomplex<f32>>, tensor<4xbf16>) {
  %c = stablehlo.constant dense<[true, false, true]> : tensor<3xi1>
  %c_0 = stablehlo.constant dense<true> : tensor<9xi1>
  %c_1 = stablehlo.constant dense<false> : tensor<16xi1>
  %c_2 = stablehlo.constant dense<true> : tensor<i1>
  %cst = stablehlo.constant dense<> : tensor<0xf32>
  %c_3 = stablehlo.constant dense<[[-8, 7], [-1, 0]]> : tensor<2x2xi4>
  %c_4 = stablehlo.constant dense<[15, 0, 8]> : tensor<3xui4>
  %cst_5 = stablehlo.constant dense<[(1.000000e+00,-2.000000e+00), (0.000000e+00,0.000000e+00)]> : tensor<2xcomplex<f32>>
  %cst_6 = stablehlo.constant dense<[1.0, 2.0, 0x7FC0, 0xFF80]> : tensor<4xbf16>
  return %c, %c_0, %c_1, %c_2, %cst, %c_3, %c_4, %cst_5, %cst_6 : tensor<3xi1>, tensor<9xi1>, tensor<16xi1>, tensor<i1>, tensor<0xf32>, tensor<2x2xi4>, tensor<3xui4>, tensor<2xcomplex<f32>>, tensor<4xbf16>
}""",
    "attributes of no row": """
func.func @main(%arg0: tensor<2xf32>, %arg1: tensor<1xindex>) -> tensor<?xf32> attributes {test.f = {a = 1 : i32, b = "x"}, test.type = f32} {
  %cst = stablehlo.constant {test.c = 1 : i64} dense<0.000000e+00> : tensor<f32>
  %0 = stablehlo.cosine %arg0 {mhlo.sharding = "{replicated}"} : tensor<2xf32>
  %1 = stablehlo.reduce(%0 init: %cst) applies stablehlo.add across dimensions = [0] {test.r = true} : (tensor<2xf32>, tensor<f32>) -> tensor<f32>
  %2 = stablehlo.custom_call @f(%1) {a.first = 1 : i32, api_version = 4 : i32, z.last = [1, "s"]} : (tensor<f32>) -> tensor<f32>
  %3 = "stablehlo.sort"(%0) <{dimension = 0 : i64}> ({
  ^bb0(%arg2: tensor<f32>, %arg3: tensor<f32>):
    %5 = stablehlo.compare LT, %arg2, %arg3 : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %5 : tensor<i1>
  }) {test.s = 2.000000e+00 : f32} : (tensor<2xf32>) -> tensor<2xf32>
  %4 = stablehlo.dynamic_reshape %3, %arg1 : (tensor<2xf32>, tensor<1xindex>) -> tensor<?xf32>
  return %4 : tensor<?xf32>
}""",
    "a declaration": "func.func private @f(tensor<f32>) -> (tensor<f32>, tensor<f32>)\nfunc.func @main() {\n  return\n}",
    "nothing": "module {\n}",
}


@pytest.mark.parametrize("version", ["0.9.0", "0.12.0", "0.14.0", "1.0.0", "1.4.0", THEIRS])
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_jaxlib_writes(name, version, context, tmp_path):
    text = PROGRAMS[name]
    if key(version) < (1, 3):
        text = text.replace("api_version = 4 : i32, ", "")         # the typed FFI came with 1.3.0
    context.allow_unregistered_dialects = True
    with context:
        module = ir.Module.parse(text)                             # with its locations
    data = stablehlo.serialize_portable_artifact(module, version)
    assert read_one(data, tmp_path) == str(stablehlo.deserialize_portable_artifact(context, data))


# -- broken files ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def victims(written):
    """Some files of each format with much in them."""
    names = ("program.uses", "program.inner", "custom_call.2", "gather.2", "case.0")
    return [(f"{n}.{v}", p.read_bytes()) for n, v, p in written if n in names and v in ("0.9.0", "0.12.0", "0.14.0", "1.20.0")]


def test_torn_files(victims, tmp_path):
    cases = []
    for name, data in victims:
        for n in range(len(data)):
            (tmp_path / f"{name}.{n}.bc").write_bytes(data[:n])
            cases.append((tmp_path / f"{name}.{n}.bc", "-", tmp_path / f"{name}.{n}"))
    told = read(cases)
    assert len(told) == len(cases) and all(re.match(r"(\S+: )*(bytecode: |no MLIR bytecode)", m) for m in told.values())


def test_mutated_files(victims, tmp_path):
    """Read, verified and, when that went well, written again: whatever comes of it, nothing crashes."""
    rng = random.Random(10)
    cases = []
    for name, data in victims:
        for i in range(120):
            torn = bytearray(data)
            for _ in range(rng.choice((1, 1, 2, 5))):
                torn[rng.randrange(len(torn))] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
            (tmp_path / f"{name}.{i}.bc").write_bytes(torn)
            cases.append((tmp_path / f"{name}.{i}.bc", "1.20.0", tmp_path / f"{name}.{i}"))
    assert read(cases)


def edit(data, *swaps):
    for old, new in swaps:
        assert len(old) == len(new) and data.count(old) == 1
        data = data.replace(old, new)
    return data


@pytest.mark.parametrize("swaps, message", [
    ([(b"add_v1", b"bad_v1")], r"bytecode: op 'vhlo.bad_v1' is not known \(at offset \d+\)"),
    ([(b"add_v1", b"add_v7")], r"bytecode: op 'vhlo.add_v7' is not known \(at offset \d+\)"),
    ([(b"vhlo\0", b"hlov\0")], r"dialect\)\.func_v1' is not known|is of dialect 'hlov', wanted vhlo or builtin"),
    ([(b"ML\xefR", b"MLIR")], r"^no MLIR bytecode: it does not begin with ML\\xefR"),
    ([(b"R\x0dSt", b"R\x11St")], r"bytecode: format 8, and the newest known is 6"),
])
def test_messages(written, tmp_path, swaps, message):
    (data,) = [p.read_bytes() for n, v, p in written if (n, v) == ("add.0", "1.0.0")]
    assert re.search(message, read_one(edit(data, *swaps), tmp_path))


def test_out_of_memory_is_told(written):
    for n, v, p in written:
        if n in ("program.uses", "custom_call.2") and v in ("0.9.0", "1.20.0"):
            done = subprocess.run([TESTS / "read_tool", "--memory", p], capture_output=True, text=True)
            assert done.returncode == 0 and int(done.stdout.split()[0]) > 0, done.stderr
