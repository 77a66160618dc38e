"""src/stablehlo/print*.c: the text of modules, byte for byte as MLIR prints it.

jaxlib's MLIR is the authority: it parses and verifies our text, and str() of the module it read must be our text again. For
constants it is given the elements as bits, so that even their spelling is not ours.
"""

import difflib
import itertools
import os
import random
import struct
import subprocess
from pathlib import Path

import pytest

ir = pytest.importorskip("jaxlib.mlir.ir")
from mlir import context as mlir_context  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
TOOL = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/stablehlo/test/print_tool"

# What this MLIR does not take, and what it says of it.
REFUSED = {
    "collective_reduce": "unregistered operation",  # newer than the StableHLO in jaxlib
    "dot_general": "algorithm",  # those that no hardware has, or beside another precision: bytecode carries them
}

FLOATS = {
    "f64": 8, "f32": 4, "f16": 2, "bf16": 2, "f8E4M3FN": 1, "f8E5M2": 1, "f8E4M3": 1, "f8E3M4": 1, "f8E4M3FNUZ": 1,
    "f8E5M2FNUZ": 1, "f8E4M3B11FNUZ": 1, "f8E8M0FNU": 1, "f4E2M1FN": 1, "f6E2M3FN": 1, "f6E3M2FN": 1,
}  # fmt: skip
NARROW = {"f4E2M1FN": 4, "f6E2M3FN": 6, "f6E3M2FN": 6}
INTS = {
    "i1": 1, "i2": 1, "i4": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8,
    "ui2": 1, "ui4": 1, "ui8": 1, "ui16": 2, "ui32": 4, "ui64": 8,
}  # fmt: skip
COMPLEX = {"complex<f32>": "f32", "complex<f64>": "f64"}


def tool(*args, data=b""):
    done = subprocess.run([TOOL, *map(str, args)], input=data, capture_output=True)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def mlir():
    with mlir_context():
        yield lambda text: str(ir.Module.parse(text))


def test_every_module(mlir, tmp_path):
    """The cases of print_cases.c, and every op with every attribute, and the programs of several ops."""
    tool("all", tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 300
    wrong, refused = [], set()
    for file in files:
        name, ours = file.stem, file.read_text()
        try:
            theirs = mlir(ours)
        except ir.MLIRError as error:
            expected = REFUSED.get(name.split(".")[0])
            refused.add(name.split(".")[0])
            if not expected or expected not in str(error):
                wrong.append(f"{name}: {error}")
            continue
        if ours != theirs:
            diff = difflib.unified_diff(ours.split("\n"), theirs.split("\n"), "ours", "MLIR", lineterm="", n=0)
            wrong.append(name + "\n" + "\n".join(diff))
    assert not wrong, "\n".join(wrong)
    assert refused <= set(REFUSED)


# -- floats --------------------------------------------------------------------------------------------------------------


def float_bits(elem):
    """All values of the narrow types; of f32 and f64 random bits, short decimals, integers, powers and their neighbours."""
    n = FLOATS[elem]
    if n <= 2:
        return list(range(1 << NARROW.get(elem, 8 * n)))
    rng = random.Random(elem)
    code = "<d" if n == 8 else "<f"
    low, high, decimals = (-1074, 1024, 308) if n == 8 else (-149, 128, 38)

    def bits(v):
        return int.from_bytes(struct.pack(code, v), "little")

    v = [rng.getrandbits(8 * n) for _ in range(2000)]
    v += [bits(round(rng.uniform(-1, 1), rng.randint(0, 8)) * 10.0 ** rng.randint(-12, 12)) for _ in range(2000)]
    v += [bits(float(rng.randint(-(10 ** rng.randint(1, 18)), 10 ** rng.randint(1, 18)))) for _ in range(1000)]
    for e in range(low, high):
        v += [bits(2.0**e) - 1, bits(2.0**e), bits(2.0**e) + 1]
    v += [bits(k * float(f"1e{e}")) for e in range(-decimals, decimals) for k in (1, 3, 7, 0.7)]
    return v


@pytest.mark.parametrize("elem", FLOATS)
def test_floats(mlir, elem):
    values, n = float_bits(elem), FLOATS[elem]
    ours = tool("float", elem, data=b"".join(v.to_bytes(n, "little") for v in values)).split()
    theirs = []
    for i in range(0, len(values), 90):  # more than 100 would print as one hexadecimal string
        part = values[i : i + 90]
        spelled = ", ".join(f"0x{v:0{2 * n}X}" for v in part)
        text = mlir(f"module attributes {{a.b = dense<[{spelled}]> : tensor<{len(part)}x{elem}>}} {{}}")
        items = text[text.index("dense<") + 6 : text.index("> : tensor")].strip("[]").split(", ")
        theirs += items * len(part) if len(items) == 1 else items
    assert len(ours) == len(theirs)
    assert not [(hex(v), a, b) for v, a, b in zip(values, ours, theirs) if a != b][:10]


# -- constants -----------------------------------------------------------------------------------------------------------


def element(elem, rng):
    """(bytes in memory, MLIR spelling that leaves no choice)"""
    if elem == "i1":
        v = rng.randint(0, 1)
        return bytes([v]), "true" if v else "false"
    if elem in INTS:
        signed, n = elem[0] == "i", int(elem.lstrip("ui"))
        v = rng.randrange(1 << n) - (1 << (n - 1) if signed else 0)
        return v.to_bytes(INTS[elem], "little", signed=signed), str(v)
    if elem in COMPLEX:
        parts = [element(COMPLEX[elem], rng) for _ in range(2)]
        return parts[0][0] + parts[1][0], f"({parts[0][1]},{parts[1][1]})"
    n = FLOATS[elem]
    v = rng.getrandbits(NARROW.get(elem, 8 * n))
    return v.to_bytes(n, "little"), f"0x{v:0{2 * n}X}"


def nested(items, dims):
    if not dims:
        return next(items)
    return "[" + ", ".join(nested(items, dims[1:]) for _ in range(dims[0])) + "]"


@pytest.mark.parametrize("elem", [*INTS, *FLOATS, *COMPLEX])
def test_constants(mlir, elem):
    """Scalars, lists, empty ones, splats that nobody called one, and the hexadecimal form of more than 100 elements."""
    rng = random.Random(elem)
    shapes = [(), (1,), (0,), (2, 0), (1, 1), (2, 3), (2, 2, 2), (100,), (101,), (5, 21)]
    for dims, same in itertools.product(shapes, [False, True]):
        count = 1
        for d in dims:
            count *= d
        items = [element(elem, rng)] * count if same else [element(elem, rng) for _ in range(count)]
        spelled = "" if not count else items[0][1] if same else nested(iter(i[1] for i in items), dims)
        shape = "".join(f"{d}x" for d in dims) + elem
        theirs = mlir(
            f"func.func @main() -> tensor<{shape}> {{ %c = stablehlo.constant dense<{spelled}> : tensor<{shape}>\n"
            f"return %c : tensor<{shape}> }}"
        )
        assert tool("dense", elem, "x".join(map(str, dims)), data=b"".join(i[0] for i in items)) == theirs
