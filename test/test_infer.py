"""src/stablehlo/infer*.c and verify*.c: result types and refusals.

src/stablehlo/test/infer.t has an op a line, with the types or the clause that the specification wants of it. Here jaxlib's MLIR
verifies the very same modules: it must take those that are right (so that its inference agrees with the types) and refuse
the others.
"""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/stablehlo/test"
CASES = ROOT / "src/stablehlo/test/infer.t"


def tool(*args, name="test_infer"):
    done = subprocess.run([BUILD / name, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_cases():
    assert re.search(r"^\d{3,} cases, 0 failed$", tool(CASES), re.M)


def test_whole_modules():
    assert re.search(r"^\d\d+ cases, 0 failed$", tool(name="test_verify"), re.M)


def test_every_op():
    assert re.search(r"^\d{3,} modules, 0 failed$", tool("-e"), re.M)


def test_broken_modules():
    """Hundreds of damaged variants of each case: an answer each, under the sanitizers of a build that has them."""
    assert re.search(r"^\d{3,} cases, 0 failed$", tool("-f", CASES), re.M)


@pytest.fixture(scope="module")
def parses():
    pytest.importorskip("jaxlib")
    import mlir
    from jaxlib.mlir import ir

    with mlir.context():

        def parse(text):
            try:
                ir.Module.parse(text)
            except Exception as e:
                return str(e)

        yield parse


def test_reference_agrees(parses):
    parts = re.split(r"^// ----- line (\d+) (\S+)\n", tool("-m", CASES), flags=re.M)[1:]
    assert len(parts) > 1500
    wrong = []
    for line, verdict, text in zip(parts[::3], parts[1::3], parts[2::3]):
        said = parses(text)
        if verdict in ("right", "lenient"):
            if said:
                wrong.append(f"infer.t:{line}: wanted right, refused by {said}")
        elif not said:
            wrong.append(f"infer.t:{line}: wanted {verdict}, accepted")
    assert not wrong, "\n".join(wrong)
