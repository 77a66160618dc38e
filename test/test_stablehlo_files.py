"""openxla/stablehlo's own files. tests/vhlo/*.mlir.bc: what each release wrote, read, equal to the text beside it, written back.
All .mlir files: what MLIR prints of them, parsed and printed the same (stablehlo_text.py); test/stablehlo.txt has the counts, from which
docs/conformance.md is made, and which WRITE=1 writes anew. Their cases for the verifier, likewise (stablehlo_verify.py): test/stablehlo_verify.txt. Those that
hold the values they expect, evaluated by our own evaluator (stablehlo_checks.py): test/stablehlo_checks.txt.

STABLEHLO is a checkout of openxla/stablehlo, or its stablehlo folder; `make test-stablehlo STABLEHLO=...` gives it. Nothing of it
is kept here. Their programs are not all valid by the spec (a signed comparison of floats), so they are not verified.
"""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import stablehlo_checks

pytest.importorskip("jaxlib")
from jaxlib.mlir import ir, passmanager  # noqa: E402
from jaxlib.mlir.dialects import stablehlo  # noqa: E402
from mlir import context as mlir_context  # noqa: E402
from test_read import key, read  # noqa: E402

PLACE = os.environ.get("STABLEHLO")
if not PLACE:
    pytest.skip("STABLEHLO is not given: openxla/stablehlo's own bytecode files are NOT tested; make test-stablehlo STABLEHLO=PATH",
                allow_module_level=True)
FOLDER = next((f for f in (Path(PLACE) / "stablehlo/tests/vhlo", Path(PLACE) / "tests/vhlo") if f.is_dir()), None)
assert FOLDER, f"{PLACE} has no stablehlo/tests/vhlo"
FILES = sorted(FOLDER.glob("stablehlo_legalize_to_vhlo.*.mlir.bc"))
THEIRS = stablehlo.get_current_version()

# Replica groups as axes of a mesh have no place in our modules.
MESH = "vhlo.replica_group_mesh_axes_v1"


def version_of(path):
    return re.search(r"\.(\d+_\d+_\d+)\.mlir", path.name)[1].replace("_", ".")


def test_there_are_files():
    assert len(FILES) >= 32


@pytest.mark.parametrize("path", FILES, ids=version_of)
def test_file(path, tmp_path):
    version = version_of(path)
    told = read([(path, version, tmp_path / "out")], "--raw")
    if key(version) >= (1, 16, 0):
        assert MESH in next(iter(told.values()))
        pytest.xfail(MESH)
    assert told == {}
    assert (tmp_path / "out.bc").read_bytes() == path.read_bytes()
    if key(version) > key(THEIRS):
        pytest.xfail(f"jaxlib knows no {version}, so there is no text to compare with")
    context = mlir_context()
    context.allow_unregistered_dialects = True
    with context:
        module = ir.Module.parse(path.with_suffix("").read_text())
        passmanager.PassManager.parse("builtin.module(strip-debuginfo)").run(module.operation)
    assert (tmp_path / "out.mlir").read_text() == str(module)


def test_a_file_with_locations(tmp_path):
    path = FOLDER / "vhlo_emit_version_api.1_1_0.mlir.bc"
    assert read([(path, "1.1.0", tmp_path / "out")]) == {}
    assert "stablehlo.add %arg0, %arg0 : tensor<f32>" in (tmp_path / "out.mlir").read_text()


def test_an_op_of_the_future(tmp_path):
    told = read([(FOLDER / "invalid_vhlo_future.mlir.bc", "-", tmp_path / "out")])
    assert "op 'vhlo.constant_v99' is not known" in next(iter(told.values()))


# -- text ----------------------------------------------------------------------------------------------------------------

TABLE = Path(__file__).with_name("stablehlo.txt")
FOLDERS = ["tests", "tests/interpret", "tests/math", "tests/transforms", "tests/vhlo", "testdata", "testdata/dynamic", "testdata/quantized"]


def rows():
    """Of each folder its line, as it stands in the table."""
    return {line.split()[0]: line for line in TABLE.read_text().splitlines() if line}


@pytest.mark.parametrize("folder", FOLDERS)
def test_text(folder):
    place, script = FOLDER.parents[1] / folder, Path(__file__).with_name("stablehlo_text.py")
    if not place.is_dir():
        pytest.skip(f"{PLACE} has no {folder}: its cases are NOT tested")
    done = subprocess.run([sys.executable, script, place], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    got = json.loads(done.stdout)
    why = "; ".join(f"{n} {what}" for what, n in got["why"].items())
    line = f"{folder} {got['cases']} {got['refused']} {got['same']}" + (f" - {why}" if why else "")
    if os.environ.get("WRITE"):
        TABLE.write_text("".join(f"{x}\n" for _, x in sorted({**rows(), folder: line}.items())))
    assert rows()[folder] == line, "test/stablehlo.txt says otherwise; WRITE=1 make test-stablehlo writes it, tools/ops_doc.py the document"


# -- the verifier --------------------------------------------------------------------------------------------------------

VERIFIED = TABLE.with_name("stablehlo_verify.txt")


def test_verifier():
    """What MLIR accepts is accepted, what it refuses is refused, at the same op."""
    done = subprocess.run([sys.executable, Path(__file__).with_name("stablehlo_verify.py"), FOLDER.parent], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    got = json.loads(done.stdout)
    lines = [f"{file} {n.get('valid', 0)} {n.get('accepted', 0)} {n.get('invalid', 0)} {n.get('refused', 0)}" for file, n in got["files"].items()]
    text = "".join(f"{line}\n" for line in lines + [f"- {n} {why}" for why, n in got["why"].items()])
    if os.environ.get("WRITE"):
        VERIFIED.write_text(text)
    assert VERIFIED.read_text() == text, "test/stablehlo_verify.txt says otherwise; WRITE=1 make test-stablehlo writes it, tools/ops_doc.py the document"


# -- values --------------------------------------------------------------------------------------------------------------

CHECKS = Path(__file__).with_name("stablehlo_checks.txt")
WITH_VALUES = ["testdata", "testdata/quantized", "tests/interpret", "tests/math"]


@pytest.mark.parametrize("folder", WITH_VALUES)
def test_checks(folder):
    place = FOLDER.parents[1] / folder
    if not place.is_dir():
        pytest.skip(f"{PLACE} has no {folder}: its cases are NOT tested")
    _, got = stablehlo_checks.run(place)
    line = f"{folder} {got['cases']} {got['pass']}" + "".join(f"{'; ' if i else ' - '}{n} {w}" for i, (w, n) in enumerate(got["why"].items()))
    known = {x.split()[0]: x for x in CHECKS.read_text().splitlines() if x}
    if os.environ.get("WRITE"):
        CHECKS.write_text("".join(f"{x}\n" for _, x in sorted({**known, folder: line}.items())))
        return
    assert known[folder] == line, "test/stablehlo_checks.txt says otherwise; WRITE=1 make test-stablehlo writes it, tools/ops_doc.py the document"
