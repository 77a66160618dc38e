"""src/stablehlo/write*.c: VHLO bytecode, compared byte for byte with what StableHLO's own serializer (in jaxlib) writes.

src/stablehlo/test/bytecode_tool.c builds a module for every op and attribute (every_op.def) and a few programs (programs.c), prints
each and writes it for each release. jaxlib parses the text and serializes it for the same release: the bytes must be equal, or both
must refuse. The exceptions are those of docs/bytecode.md, "Where the bytes differ".
"""
import os
import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("jaxlib")
from jaxlib.mlir import ir, passmanager  # noqa: E402
from jaxlib.mlir.dialects import stablehlo  # noqa: E402
from mlir import context as mlir_context  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
TOOL = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/stablehlo/test/bytecode_tool"

RELEASES = [f"0.{n}.0" for n in range(9, 21)] + [f"1.{n}.0" for n in range(21)]


def key(version):
    return tuple(map(int, version.split(".")))


THEIRS = stablehlo.get_current_version()                           # the newest release that jaxlib can write
COMPARED = ["0.9.0", "0.10.0", "0.12.0", "0.14.0", "0.17.0", "1.0.0", "1.1.0", "1.4.0", "1.5.0", "1.8.0", "1.9.0", "1.14.0", "1.17.0",
            "1.18.0", "1.19.0", "1.20.0"]
COMPARED = [v for v in COMPARED if key(v) <= key(THEIRS)]

# Ops whose VHLO form is newer than the jaxlib at hand: it has no bytes to compare with.
NEWER = {op for op, release in [("custom_call", "1.18.0"), ("collective_reduce", "1.19.0"), ("collective_broadcast", "1.20.0")]
         if key(release) > key(THEIRS)}

# StableHLO leaves the ops in the region of an op that it rebuilds as they are: its 1.0.0 artifact holds log_v2, which no 1.0.0
# reader knows. We refuse.
REFUSED = {("program.inner", v) for v in RELEASES if key(v) < (1, 5)}


def tool(*args):
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0 and "Sanitizer" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def out(tmp_path_factory):
    """A folder with name.mlir and name.<release>.bc or .err."""
    folder = tmp_path_factory.mktemp("bytecode")
    tool(folder, *RELEASES, "0.8.0", "1.21.0", "1.16.3")
    return folder


@pytest.fixture(scope="session")
def names(out):
    return sorted(p.name[:-5] for p in out.glob("*.mlir"))


@pytest.fixture(scope="session")
def context():
    return mlir_context()


def parse(context, text):
    """The module of a text, without locations."""
    with context:
        module = ir.Module.parse(text)
        passmanager.PassManager.parse("builtin.module(strip-debuginfo)").run(module.operation)
        return module


def theirs(context, text, version):
    """The serializer's bytes, or None when it refuses."""
    module = parse(context, text)
    try:
        return stablehlo.serialize_portable_artifact(module, version)
    except Exception:
        return None


def ours(out, name, version):
    path = out / f"{name}.{version}.bc"
    return path.read_bytes() if path.exists() else None


def known(names):
    return [n for n in names if n.split(".")[0] != "collective_reduce" or "collective_reduce" not in NEWER]


def test_every_row_has_a_module(names):
    table = (ROOT / "src/stablehlo/ops.def").read_text()
    rows = set(re.findall(r"^(?:OP|UNARY|UNARY_F|BINARY)\((\w+)", table, re.M))
    assert len(rows) > 100 and rows == {n.split(".")[0] for n in names} - {"program"}


@pytest.mark.parametrize("version", COMPARED)
def test_bytes(out, names, context, version):
    different = []
    for name in known(names):
        text = (out / f"{name}.mlir").read_text()
        if (name, version) in REFUSED or (name == "program.huge" and version not in ("0.9.0", "1.0.0", "1.17.0")):
            continue
        if ours(out, name, version) != theirs(context, text, version):
            different.append(name)
    assert not different


@pytest.mark.parametrize("version", ["0.9.0", "1.0.0", "1.9.0", THEIRS])
def test_what_jaxlib_reads_it_writes_again(out, names, context, version):
    for name in known(names):
        data = ours(out, name, version)
        if data and not (name == "program.huge" and version != "1.0.0"):
            back = stablehlo.deserialize_portable_artifact(context, data)
            assert theirs(context, str(back), version) == data, name


def test_ops_in_the_region_of_a_rebuilt_op(out, context):
    text = (out / "program.inner.mlir").read_text()
    assert b"scatter_v1" in theirs(context, text, "1.0.0") and b"log_v2" in theirs(context, text, "1.0.0")
    for version in ("1.0.0", "1.4.0"):
        assert ours(out, "program.inner", version) is None
    assert b"log_v1" in ours(out, "program.inner", "1.5.0")


def test_version_needed_is_the_oldest_that_the_serializer_accepts(out, names, context):
    needs = dict(line.split() for line in tool("--needs").splitlines())
    assert set(needs) == set(names)
    for name in known(names):
        need, text = needs[name], (out / f"{name}.mlir").read_text()
        if name == "program.huge":
            continue
        assert ours(out, name, need) is not None
        assert theirs(context, text, need) is not None, name
        if need != "0.9.0":
            before = RELEASES[RELEASES.index(need) - 1]
            assert ours(out, name, before) is None
            assert theirs(context, text, before) is None or (name, before) in REFUSED, f"{name} {before}"


def test_releases_after_the_last_change_differ_in_the_producer_only(out, names):
    for name in names:
        if name.split(".")[0] in ("custom_call", "collective_broadcast", "collective_reduce"):
            continue
        last = ours(out, name, "1.17.0")
        for version in ("1.18.0", "1.19.0", "1.20.0"):
            assert ours(out, name, version) == last.replace(b"StableHLO_v1.17.0", b"StableHLO_v" + version.encode()), name


@pytest.mark.parametrize("name, version, op", [
    ("custom_call.0", "1.17.0", b"custom_call_v1"), ("custom_call.0", "1.18.0", b"custom_call_v2"),
    ("collective_reduce.0", "1.19.0", b"collective_reduce_v1"),
    ("collective_broadcast.0", "1.19.0", b"collective_broadcast_v1"), ("collective_broadcast.0", "1.20.0", b"collective_broadcast_v2"),
])
def test_names_of_the_newest_ops(out, name, version, op):
    assert op + b"\0" in ours(out, name, version)


def test_a_patch_release_writes_what_its_minor_release_writes(out):
    for name in ("program.uses", "dot_general.0"):
        minor = ours(out, name, "1.16.0")
        assert ours(out, name, "1.16.3") == minor.replace(b"_v1.16.0", b"_v1.16.3")


@pytest.mark.parametrize("name, version, message", [
    ("all_gather.2", "1.4.0", "main: all_gather: more than one operand needs StableHLO 1.5.0, and the target is 1.4.0"),
    ("dot_general.3", "1.5.0", "main: dot_general: algorithm needs StableHLO 1.6.0, and the target is 1.5.0"),
    ("exponential.1", "1.8.0", "main: exponential: result_accuracy needs StableHLO 1.9.0, and the target is 1.8.0"),
    ("gather.2", "1.0.0", "main: gather: batching dimensions needs StableHLO 1.1.0, and the target is 1.0.0"),
    ("program.inner", "1.4.0", "main: all_reduce: an op of two versions in its region needs StableHLO 1.5.0, and the target is 1.4.0"),
    ("tan.0", "1.3.0", "main: tan: the op needs StableHLO 1.4.0, and the target is 1.3.0"),
    ("custom_call.2", "1.2.0", "main: custom_call: a dictionary as backend_config needs StableHLO 1.3.0, and the target is 1.2.0"),
    ("add.0", "0.8.0", "target version 0.8.0 is before 0.9.0, the oldest that can be written"),
    ("add.0", "1.21.0", "target version 1.21.0 is after 1.20.0, the newest that can be written"),
])
def test_refusals(out, name, version, message):
    assert (out / f"{name}.{version}.err").read_text() == message


def test_an_element_type_that_the_target_has_not(out):
    found = {(out / p).read_text() for p in os.listdir(out) if re.match(r"constant\.\d+\.1\.6\.0\.err", p)}
    assert found == {f"main: func: {t} needs StableHLO {v}, and the target is 1.6.0" for t, v in [
        ("f4E2M1FN", "1.8.0"), ("f6E2M3FN", "1.8.0"), ("f6E3M2FN", "1.8.0"), ("f8E3M4", "1.7.0"), ("f8E4M3", "1.7.0"),
        ("f8E8M0FNU", "1.8.0")]}


def test_same_bytes_every_time(out, names, tmp_path):
    tool(tmp_path, "1.0.0")
    for name in names:
        assert ours(tmp_path, name, "1.0.0") == ours(out, name, "1.0.0")


def test_out_of_memory_is_told():
    assert int(tool("--memory").split()[0]) > 0


def test_speed():
    """Some 150 ops; a sanitized build takes ten times as long."""
    assert float(tool("--time", "resnet").split()[-2]) < 5000
