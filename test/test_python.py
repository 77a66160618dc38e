"""The Python package: torch_xla's exporter API, calls of every shape, memory, errors. Expected values are eager PyTorch's."""

import collections
import dataclasses
import gc
import json
import os
import pathlib
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import export

import torch_stablehlo
from torch_stablehlo import (
    BadInputError,
    DeviceArray,
    StableHLOExportOptions,
    StableHLOGraphModule,
    StructureError,
    UnsupportedError,
    exported_program_to_stablehlo,
    pjrt_device,
    save_as_stablehlo,
    save_torch_model_as_stablehlo,
)
from torch_stablehlo import stablehlo as api


EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))


class Fn(nn.Module):
    """A function as a module, with the function's own parameter names."""

    def __init__(self, fn):
        super().__init__()
        self.forward = fn


def convert(m, *args, **kwargs):
    m = m if isinstance(m, nn.Module) else Fn(m)
    with torch.no_grad():
        return exported_program_to_stablehlo(export(m, args, kwargs))


def equal(x, y):
    torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def resnet():
    """(model, inputs, exported program, eager output)"""
    from resnet18 import ResNet18

    torch.manual_seed(0)
    model = ResNet18().eval()
    x = (torch.randn(2, 3, 64, 64),)
    with torch.no_grad():
        return model, x, export(model, x), model(*x)


@pytest.fixture(scope="module")
def program(resnet):
    return exported_program_to_stablehlo(resnet[2])


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3))

    def forward(self, x):
        return x @ self.weight


# -- the story -----------------------------------------------------------------------------------------------------------


def test_resnet18_to_device_to_disk_and_back(resnet, program, tmp_path):
    import torch_stablehlo.core.xla_model as xm

    model, inputs, _, want = resnet
    text = program.get_stablehlo_text("forward")
    assert text.startswith("module") and text.count("stablehlo.convolution") == 20
    assert program.get_stablehlo_bytecode("forward")[:4] == b"ML\xefR"
    device = xm.xla_device()
    assert isinstance(device, torch.device)
    output2 = program(*(s.to(device) for s in inputs))
    assert torch.allclose(want, output2.cpu(), atol=1e-5)
    program.save(tmp_path / "dir")
    again = StableHLOGraphModule.load(tmp_path / "dir")
    assert torch.equal(again(*inputs), output2)
    assert again.get_stablehlo_text() == text
    assert again.get_stablehlo_bytecode() == program.get_stablehlo_bytecode()


def test_conversion_takes_milliseconds(resnet):
    def once():
        start = time.perf_counter()
        exported_program_to_stablehlo(resnet[2])
        return time.perf_counter() - start

    assert min(once() for _ in range(3)) < 0.060


def test_save_functions(resnet, tmp_path):
    model, inputs, exported, want = resnet
    save_as_stablehlo(exported, tmp_path / "a")
    save_torch_model_as_stablehlo(model, inputs, tmp_path / "b")
    for name in "ab":
        equal(StableHLOGraphModule.load(tmp_path / name)(*inputs), want)


def test_the_directory_is_torch_xlas(tmp_path):
    """As _load_program_bundle of torch_xla 2.9 reads it, and one as its _save_program_bundle writes it."""
    program, x = convert(Linear(), torch.ones(4, 2)), torch.ones(4, 2)
    program.save(tmp_path / "ours")
    meta = json.loads((tmp_path / "ours/functions/forward.meta").read_text())
    assert set(meta) == {f.name for f in dataclasses.fields(api.StableHLOFunctionMeta)}
    assert meta["input_locations"] == [
        {"type_": "input_arg", "position": 0, "name": ""},
        {"type_": "parameter", "position": -1, "name": "weight"},
    ] or meta["input_locations"][::-1][0]["type_"] == "input_arg"
    with open(tmp_path / "ours/data/weight", "rb") as f:
        np.testing.assert_array_equal(np.load(f), np.arange(6.0, dtype=np.float32).reshape(2, 3))

    theirs = tmp_path / "theirs"
    for folder in ("functions", "data", "constants"):
        (theirs / folder).mkdir(parents=True)
    meta["stablehlo_version"] = "0.0.0"
    (theirs / "functions/forward.meta").write_text(json.dumps(meta))
    (theirs / "functions/forward.bytecode").write_bytes(program.get_stablehlo_bytecode())
    with open(theirs / "data/weight", "wb") as f:
        np.save(f, np.full((2, 3), 2.0, np.float32))
    equal(StableHLOGraphModule.load(theirs)(x), torch.full((4, 3), 4.0))
    (theirs / "functions/forward.bytecode").unlink()
    (theirs / "functions/forward.mlir").write_text(program.get_stablehlo_text())
    again = StableHLOGraphModule.load(theirs)
    equal(again(x), torch.full((4, 3), 4.0))
    assert again.get_stablehlo_bytecode() == program.get_stablehlo_bytecode()


def test_a_file_of_stablehlo(tmp_path):
    """What jax.export gives is such a file; all arguments come from the caller, and results are a list."""
    text = "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n  %0 = stablehlo.add %x, %x : tensor<2xf32>\n  return %0 : tensor<2xf32>\n}\n"
    (tmp_path / "a.mlir").write_text(text)
    program = StableHLOGraphModule.load(tmp_path / "a.mlir")
    equal(program(torch.tensor([1.0, 2.0])), [torch.tensor([2.0, 4.0])])
    (tmp_path / "a.bc").write_bytes(program.get_stablehlo_bytecode())
    equal(StableHLOGraphModule.load(tmp_path / "a.bc")(torch.tensor([1.0, 2.0])), [torch.tensor([2.0, 4.0])])


# -- options -------------------------------------------------------------------------------------------------------------


def test_options_are_torch_xlas():
    names = [f.name for f in dataclasses.fields(StableHLOExportOptions)]
    assert names == [
        "include_human_readable_text",
        "override_tracing_arguments",
        "override_tracing_kwargs",
        "save_weights",
        "inline_all_constant",
        "export_weights",
        "custom_ops_allowed_in_graph",
        "export_node_metadata",
        "target",
        "decompose",
        "dims",
        "composites",
        "inline_composites",
        "random_seed",
        "seed_input",
        "shardings",
        "mesh",
        "shardy",
        "inline_weights",
        "weights_format",
        "groups",
        "quantized_types",
        "int4_packing",
    ]


def test_without_text(tmp_path):
    exported = export(Linear(), (torch.ones(1, 2),))
    save_as_stablehlo(exported, tmp_path / "a", StableHLOExportOptions(include_human_readable_text=False))
    assert not (tmp_path / "a/functions/forward.mlir").exists()
    loaded = StableHLOGraphModule.load(tmp_path / "a")
    assert loaded.get_stablehlo_text() == exported_program_to_stablehlo(exported).get_stablehlo_text()   # made of the bytecode
    program = exported_program_to_stablehlo(exported, StableHLOExportOptions(include_human_readable_text=False))
    assert program._bundle.stablehlo_funcs[0].text is None
    program.save(tmp_path / "b")
    assert not (tmp_path / "b/functions/forward.mlir").exists()


@pytest.mark.parametrize("field, data_exists", [("save_weights", False), ("export_weights", True)])
def test_without_weights(field, data_exists, tmp_path):
    options = StableHLOExportOptions(**{field: False})
    program = exported_program_to_stablehlo(export(Linear(), (torch.ones(1, 2),)), options)
    assert (program._bundle.state_dict == {}) == (field == "export_weights")
    program.save(tmp_path / "dir", options)
    assert (tmp_path / "dir/data").is_dir() == data_exists
    assert not data_exists or not os.listdir(tmp_path / "dir/data")
    again = StableHLOGraphModule.load(tmp_path / "dir")
    assert again._bundle.state_dict == {}
    with pytest.raises(BadInputError, match="weight.*saved without weights"):
        again(torch.ones(1, 2))


def test_export_weights_holds_for_a_later_save(tmp_path):
    exported = export(Linear(), (torch.ones(1, 2),))
    exported_program_to_stablehlo(exported, StableHLOExportOptions(export_weights=False)).save(tmp_path / "dir")
    assert os.listdir(tmp_path / "dir/data") == []


def test_override_tracing_arguments():
    exported = export(Fn(lambda x, y: x + y), (torch.ones(2), torch.ones(2)), {})
    right = StableHLOExportOptions(override_tracing_arguments=(torch.zeros(2), torch.zeros(2)))
    equal(exported_program_to_stablehlo(exported, right)(torch.ones(2), torch.ones(2)), torch.full((2,), 2.0))
    for wrong, message in (
        ((torch.zeros(2),), "1 positional arguments"),
        ((torch.zeros(2), torch.zeros(3)), r"f32\[3\], wanted f32\[2\]"),
        ((torch.zeros(2), torch.zeros(2).long()), r"i64\[2\], wanted f32\[2\]"),
    ):
        with pytest.raises(BadInputError, match=message):
            exported_program_to_stablehlo(exported, StableHLOExportOptions(override_tracing_arguments=wrong))
    with_kwargs = export(Fn(lambda x, scale: x * scale), (torch.ones(2),), {"scale": torch.ones(2)})
    options = StableHLOExportOptions(
        override_tracing_arguments=(torch.zeros(2),), override_tracing_kwargs={"scale": torch.zeros(2)}
    )
    exported_program_to_stablehlo(with_kwargs, options)


def test_target_version(program, tmp_path):
    code = program.get_stablehlo_bytecode("forward", target="1.5.0")
    assert b"StableHLO_v1.5.0" in code
    exported = export(Linear(), (torch.ones(1, 2),))
    save_as_stablehlo(exported, tmp_path / "dir", StableHLOExportOptions(target="1.4.0"))
    again = StableHLOGraphModule.load(tmp_path / "dir")
    assert b"StableHLO_v1.4.0" in again.get_stablehlo_bytecode()
    assert again._bundle.stablehlo_funcs[0].meta.stablehlo_version == "1.4.0"
    with pytest.raises(BadInputError, match="'1.x'.*wanted one like"):
        program.get_stablehlo_bytecode("forward", target="1.x")


# -- weights ---------------------------------------------------------------------------------------------------------------


def address(a):
    return a.__array_interface__["data"][0]


def test_weights_are_borrowed(resnet, program):
    model, _, _, _ = resnet
    bundle = program._bundle
    assert set(bundle.state_dict) == set(model.state_dict())
    for name, t in model.state_dict().items():
        a = bundle.state_dict[name]
        assert address(a) == t.data_ptr() and a.shape == tuple(t.shape) and not a.flags.writeable, name
        np.testing.assert_array_equal(a, t.numpy())


class Odd(nn.Module):
    """Weights that are tied, strided, sliced, not persistent, and a tensor that is no buffer."""

    def __init__(self):
        super().__init__()
        base = torch.randn(6, 8)
        self.embed = nn.Parameter(torch.randn(5, 4))
        self.tied = self.embed
        self.transposed = nn.Parameter(torch.randn(3, 4).t())
        self.register_buffer("sliced", base[1:4, ::2])
        self.register_buffer("gone", torch.randn(4), persistent=False)
        self.register_buffer("unused", torch.randn(2))
        self.register_buffer("expanded", torch.randn(1, 4).expand(3, 4))

    def forward(self, i):
        h = self.embed[i] @ self.transposed
        h = h @ self.sliced + self.gone + torch.tensor([1.0, 2.0, 3.0, 4.0])
        return h @ self.tied.t() + self.expanded.sum()


def test_odd_weights(tmp_path):
    torch.manual_seed(0)
    m, i = Odd(), torch.tensor([0, 2, 4])
    want = m(i).detach()
    program = convert(m, i)
    equal(program(i), want)
    state = program._bundle.state_dict
    assert address(state["sliced"]) == m.sliced.data_ptr() and state["sliced"].strides == (32, 8)
    for name, t in m.state_dict().items():
        np.testing.assert_array_equal(state[name], t.numpy())
    program.save(tmp_path / "dir")
    again = StableHLOGraphModule.load(tmp_path / "dir")
    equal(again(i), want)
    for name, t in m.state_dict().items():
        np.testing.assert_array_equal(again._bundle.state_dict[name], t.numpy())


def test_weights_live_as_long_as_the_program():
    m = Linear()
    kept = weakref.ref(m.weight.untyped_storage())
    program = convert(m, torch.ones(4, 2))
    pointer = m.weight.data_ptr()
    del m
    gc.collect()
    state = program._bundle.state_dict
    assert address(state["weight"]) == pointer
    equal(program(torch.ones(4, 2)), torch.ones(4, 2) @ torch.arange(6.0).reshape(2, 3))
    del program, kept
    gc.collect()
    np.testing.assert_array_equal(state["weight"], np.arange(6.0).reshape(2, 3))  # the view keeps the model


def test_meta_weights_convert_but_do_not_run():
    with torch.device("meta"):
        m = nn.Linear(3, 2)
    program = convert(m, torch.empty(4, 3, device="meta"))
    assert "dot_general" in program.get_stablehlo_text()
    with pytest.raises(BadInputError, match="weight 'weight' has no data"):
        program(torch.ones(4, 3))


# -- structures ------------------------------------------------------------------------------------------------------------


def test_nested_arguments_and_results(tmp_path):
    def f(a, b, *, c, d):
        return {"sum": a["x"] + b[0], "pair": (b[1] * 2, [c["k"]["l"]])}, d

    a, b = {"x": torch.ones(2), "y": torch.zeros(2)}, [torch.ones(2), torch.ones(3)]
    c, d = {"k": {"l": torch.ones(1)}}, torch.ones(4)
    program = convert(f, a, b, c=c, d=d)
    program.save(tmp_path / "dir")
    want = f(a, b, c=c, d=d)
    swapped = {"y": torch.zeros(2), "x": torch.ones(2)}
    for p in (program, StableHLOGraphModule.load(tmp_path / "dir")):
        for got in (p(a, b, c=c, d=d), p(swapped, tuple(b), d=d, c=c)):
            assert type(got) is tuple and type(got[0]) is dict and type(got[0]["pair"]) is tuple
            assert type(got[0]["pair"][1]) is list
            torch.testing.assert_close(got, want)


@dataclasses.dataclass
class Point:
    x: torch.Tensor
    y: torch.Tensor


Pair = collections.namedtuple("Pair", "first second")


def test_dataclasses_namedtuples_and_ordered_dicts(tmp_path):
    torch.export.register_dataclass(Point, serialized_type_name="test_python.Point")

    def f(p, q):
        return Point(p.x + q.first, p.y), Pair(q.second, p.x), collections.OrderedDict(b=p.x, a=q.first)

    args = Point(torch.ones(2), torch.zeros(2)), Pair(torch.ones(2), torch.ones(3))
    program = convert(f, *args)
    got = program(*args)
    assert type(got[0]) is Point and type(got[1]) is Pair and type(got[2]) is collections.OrderedDict
    equal(got[0].x, torch.full((2,), 2.0))
    with pytest.raises(StructureError, match="argument 0 is tuple.*wanted Point"):
        program((torch.ones(2), torch.zeros(2)), args[1])

    simple = convert(lambda p: Point(p.y, p.x), args[0])
    simple.save(tmp_path / "dir")
    got = StableHLOGraphModule.load(tmp_path / "dir")(args[0])
    assert type(got) is Point
    equal(got.x, torch.zeros(2))


def test_structure_that_torch_cannot_write_down(tmp_path):
    """A namedtuple that nobody registered: known in this process, flat once saved."""
    program = convert(lambda p: Pair(p.second, p.first), Pair(torch.ones(2), torch.zeros(2)))
    assert type(program(Pair(torch.ones(2), torch.zeros(2)))) is Pair
    program.save(tmp_path / "dir")
    got = StableHLOGraphModule.load(tmp_path / "dir")(torch.ones(2), torch.zeros(2))
    assert type(got) is list
    equal(got[0], torch.zeros(2))


def test_none_and_constants_come_back_in_place(tmp_path):
    def f(x, flag, mode="sum", eps=1e-5, mask=None):
        return {"a": None, "b": x + eps, "c": flag}, [None, x * 2, 7, "s", 0.5]

    x = torch.ones(3)
    program = convert(f, x, True, mode="mean", mask=None)
    program.save(tmp_path / "dir")
    want = f(x, True, mode="mean")
    for p in (program, StableHLOGraphModule.load(tmp_path / "dir")):
        got = p(x, True, mask=None, mode="mean")
        assert got[0]["a"] is None and got[0]["c"] is True and got[1][0] is None
        assert got[1][2:] == [7, "s", 0.5]
        torch.testing.assert_close((got[0]["b"], got[1][1]), (want[0]["b"], want[1][1]))
        for args, kwargs, message in (
            ((x, False), {"mask": None, "mode": "mean"}, "'flag' is False, but the program was exported with True"),
            ((x, 1), {"mask": None, "mode": "mean"}, "'flag' is 1, but the program was exported with True"),
            ((x, True), {"mask": None, "mode": "sum"}, "'mode' is 'sum', but the program was exported with 'mean'"),
            ((x, True), {"mask": x, "mode": "mean"}, "'mask' is a Tensor, but the program was exported with None"),
        ):
            with pytest.raises(BadInputError, match=message):
                p(*args, **kwargs)


def test_number_arguments(tmp_path):
    program = convert(lambda x, n, s, t: x * n + s, torch.ones(3), 2, 0.5, float("inf"))
    program.save(tmp_path / "dir")
    for p in (program, StableHLOGraphModule.load(tmp_path / "dir")):
        equal(p(torch.ones(3), 2, 0.5, float("inf")), torch.full((3,), 2.5))
        with pytest.raises(BadInputError, match="'n' is 2.0, but the program was exported with 2"):
            p(torch.ones(3), 2.0, 0.5, float("inf"))
        with pytest.raises(BadInputError, match="'t' is 1.0, but the program was exported with inf"):
            p(torch.ones(3), 2, 0.5, 1.0)
    unused = StableHLOGraphModule.load(tmp_path / "dir")._bundle.stablehlo_funcs[0].meta.unused_inputs
    assert [(where.position, s.dtype) for where, s in unused] == [(1, "int"), (2, "float"), (3, "float")]


def test_a_directory_that_does_not_tell_where_none_is(tmp_path):
    program = convert(lambda x: (None, x), torch.ones(2))
    program.save(tmp_path / "dir")
    (tmp_path / "dir/functions/forward.torch_stablehlo.json").unlink()  # torch_xla writes no such file
    with pytest.raises(BadInputError, match="gives 1 results, but its output structure has 2"):
        StableHLOGraphModule.load(tmp_path / "dir")(torch.ones(2))


def test_an_input_given_back_and_one_not_used():
    program = convert(lambda x, y, z: (x, x, y * 2), torch.ones(2), torch.ones(3), torch.ones(4))
    x, y = torch.rand(2), torch.rand(3)
    got = program(x, y, torch.ones(4))
    torch.testing.assert_close(got, (x, x, y * 2))
    got[0].zero_()  # results are memory of their own
    assert not torch.equal(x, got[0]) and torch.equal(got[1], x)


# -- element types and layouts ---------------------------------------------------------------------------------------------

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128, torch.bool, torch.uint8,
    torch.int8, torch.int16, torch.int32, torch.int64,
]
FLOAT8 = [torch.float8_e4m3fn, torch.float8_e5m2]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)], ids=str)
def test_dtypes(dtype, shape):
    x = torch.ones(shape).to(dtype)
    program = convert(lambda x: (torch.where(x == x, x, x), x), x)
    for got in program(x):
        assert got.dtype is dtype and torch.equal(got, x)
    if dtype is not torch.bfloat16:
        assert torch.equal(program(x.numpy())[0], x)


@pytest.mark.parametrize("dtype", FLOAT8, ids=str)
def test_float8(dtype):
    x = torch.tensor([1.0, -2.0, 0.5]).to(dtype)
    got, wide = convert(lambda x: (x, x.to(torch.float32)), x)(x)
    assert got.dtype is dtype and torch.equal(got.view(torch.uint8), x.view(torch.uint8))
    assert torch.equal(wide, torch.tensor([1.0, -2.0, 0.5]))


def test_bfloat16_and_float8_in_numpy(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    program = convert(lambda x, y: (x + 1, y), torch.ones(3, dtype=torch.bfloat16), torch.ones(2).to(torch.float8_e4m3fn))
    x, y = np.ones(3, ml_dtypes.bfloat16), np.ones(2, ml_dtypes.float8_e4m3fn)
    got = program.evaluate(None, (x, y), to_device=True)
    assert got[0].numpy().dtype == ml_dtypes.bfloat16 and got[1].numpy().dtype == ml_dtypes.float8_e4m3fn
    np.testing.assert_array_equal(got[0].numpy().astype(np.float32), np.full(3, 2.0))


def test_layouts():
    program = convert(lambda x: x + 1, torch.ones(3, 4))
    base = torch.randn(8, 6)
    for x in (base[1:4, :4], base.t()[:3, :4], torch.randn(4, 3).t(), torch.randn(1, 4).expand(3, 4)):
        equal(program(x), x + 1)
        equal(program(x.numpy()), x + 1)
        equal(program(np.asfortranarray(x.numpy())), x + 1)
    equal(program(torch.ones(3, 4, requires_grad=True)), torch.full((3, 4), 2.0))
    assert not program(torch.ones(3, 4, requires_grad=True)).requires_grad
    z = convert(lambda x: x + 1, torch.ones(3, dtype=torch.complex64))
    equal(z(torch.full((3,), 1 + 2j).conj()), torch.full((3,), 2 - 2j))
    unaligned = torch.frombuffer(bytearray(4 * 12 + 4), dtype=torch.float32, offset=4).reshape(3, 4)
    equal(program(unaligned), torch.ones(3, 4))


class DLPackOnly:
    def __init__(self, x):
        self.x = x

    def __dlpack__(self, **kwargs):
        return self.x.__dlpack__()

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


def test_dlpack():
    program = convert(lambda x: x + 1, torch.ones(3))
    equal(program(DLPackOnly(torch.arange(3.0))), torch.arange(3.0) + 1)
    equal(program(DLPackOnly(np.arange(3, dtype=np.float32))), torch.arange(3.0) + 1)
    half = convert(lambda x: x + 1, torch.ones(3, dtype=torch.bfloat16))
    assert torch.equal(half(DLPackOnly(torch.ones(3, dtype=torch.bfloat16))), torch.full((3,), 2, dtype=torch.bfloat16))


# -- wrong inputs ----------------------------------------------------------------------------------------------------------


def test_wrong_inputs_are_named(tmp_path):
    program = convert(lambda image, scale: image * scale, torch.ones(2, 3), torch.ones(()))
    program.save(tmp_path / "dir")
    x, s = torch.ones(2, 3), torch.ones(())
    for p in (program, StableHLOGraphModule.load(tmp_path / "dir")):
        for args, message in (
            ((torch.ones(3, 2), s), r"input 0 \(image\) is f32\[3,2\], wanted f32\[2,3\]"),
            ((x, torch.ones((), dtype=torch.int32)), r"input 1 \(scale\) is i32\[\], wanted f32\[\]"),
            ((x, 1.0), "input 'scale' is float 1.0, wanted a tensor"),
            ((x, 3), "input 'scale' is int 3, wanted a tensor"),
            ((x, None), "input 'scale' is NoneType, wanted a tensor"),
            (([[1.0]], s), r"input 'image' is list \[\[1.0\]\], wanted a tensor"),
            ((x, np.array("a")), "input 'scale': element type str32"),
            ((x.numpy().astype(">f4"), s), "input 'image' has a foreign byte order, >f4"),
            ((x.to_sparse(), s), "input 'image' has layout torch.sparse_coo, wanted a dense tensor"),
            ((x.to("meta"), s), "input 'image' is a tensor without data"),
        ):
            with pytest.raises((BadInputError, UnsupportedError), match=message):
                p(*args)


def test_wrong_structures_are_named():
    program = convert(lambda a, b, *, k: a["x"] + b[0] + k, {"x": torch.ones(2)}, [torch.ones(2)], k=torch.ones(2))
    t = torch.ones(2)
    for args, kwargs, message in (
        (({"x": t},), {"k": t}, "1 positional arguments are given, the program was exported with 2"),
        (({"x": t}, [t]), {}, r"keyword arguments \[\] are given, the program was exported with \['k'\]"),
        (({"x": t}, [t]), {"k": t, "j": t}, r"keyword arguments \['j', 'k'\] are given, .* with \['k'\]"),
        (({"y": t}, [t]), {"k": t}, r"argument 0 has the keys \['y'\], wanted a dict with the keys \['x'\]"),
        ((t, [t]), {"k": t}, "argument 0 is Tensor, wanted a dict"),
        (({"x": t}, [t, t]), {"k": t}, "argument 1 is 2 items, wanted a list of 1 items"),
    ):
        with pytest.raises(StructureError, match=message) as e:
            program(*args, **kwargs)
        assert isinstance(e.value, (TypeError, ValueError, torch_stablehlo.StableHLOError))


def test_no_such_method(program):
    with pytest.raises(BadInputError, match=r"no method 'backward', only \['forward'\]"):
        program.get_stablehlo_text("backward")


def test_missing_ops_are_listed_with_their_lines():
    class M(nn.Module):
        def forward(self, x):
            return torch.ops.aten._test_serialization_subcmul(x, x) + torch.ops.aten._test_serialization_subcmul(x, x)

    with pytest.raises(UnsupportedError, match=r"_test_serialization_subcmul.default  x2  .*test_python.py:\d+, in forward"):
        exported_program_to_stablehlo(export(M(), (torch.ones(2),)), StableHLOExportOptions(decompose=False))


def test_failures_of_files(program, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(torch_stablehlo.StableHLOError, match="full"):
        program.save(tmp_path / "full")
    with pytest.raises(torch_stablehlo.FileError, match="nowhere") as e:
        StableHLOGraphModule.load(tmp_path / "nowhere")
    assert isinstance(e.value, OSError)
    with pytest.raises(torch_stablehlo.StableHLOError, match="no_such_plugin"):
        pjrt_device("/no_such_plugin.so")
    with pytest.raises(TypeError, match="ExportedProgram.*Linear"):
        exported_program_to_stablehlo(Linear())


def test_no_grad_inside_a_forward():
    class M(nn.Module):
        def forward(self, x):
            with torch.no_grad():
                y = x.cos() * 2
            return x + y, y

    x = torch.rand(3)
    exported = export(M(), (x,))
    torch.testing.assert_close(exported_program_to_stablehlo(exported)(x), M()(x), rtol=1e-5, atol=1e-5)


# -- device memory -----------------------------------------------------------------------------------------------------------


def test_device_arrays():
    device = pjrt_device()
    program = convert(lambda x, y: (x + y, x * y), torch.ones(2, 3), torch.ones(2, 3))
    x, y = torch.rand(2, 3), torch.rand(2, 3)
    first = program.evaluate("forward", (x, y), to_device=True)
    assert all(isinstance(a, DeviceArray) and a.shape == (2, 3) and a.dtype == "float32" for a in first)
    assert first[0].device is device and "float32" in repr(first[0])
    again = program.evaluate("forward", (first[0], y.numpy()), to_device=True)  # one stays where it is, one is put there
    equal(again[0].torch(), x + y + y)
    equal(torch.from_numpy(np.asarray(again[1])), (x + y) * y)
    equal(program(first[0], first[1])[0], x + y + x * y)
    put = device.put(x)
    equal(program(put, y)[0], x + y)
    assert np.asarray(put, dtype=np.float64).dtype == np.float64
    with pytest.raises(BadInputError, match=r"input 1 \(y\) is f32\[3\], wanted f32\[2,3\]"):
        program(first[0], torch.ones(3))
    with pytest.raises(BadInputError, match="input 'y' is float 1.0, wanted a tensor"):
        program(first[0], 1.0)


def test_results_outlive_everything_else():
    program = convert(lambda x: x + 1, torch.ones(1000))
    results = program.evaluate(None, (torch.zeros(1000),), to_device=True)
    as_torch, as_numpy = results.torch(), results.numpy()
    assert as_torch.data_ptr() == address(as_numpy)  # no copies on a host device
    del program, results
    gc.collect()
    [torch.zeros(1000) for _ in range(100)]
    assert as_torch.eq(1).all() and (as_numpy == 1).all()
    as_numpy[0] = 5
    assert as_torch[0] == 5


def test_programs_come_and_go():
    x = torch.rand(64, 64)
    for _ in range(20):
        program = convert(nn.Linear(64, 64), x)
        y = program(x)
        program.cycle = program  # freed by the collector, in whatever order it likes
        del program
        gc.collect()
        assert y.shape == (64, 64)


def test_results_are_freed():
    """A thousand results of 4 MB each, dropped one by one, fit where one does."""
    import resource

    program = convert(lambda x: x + 1, torch.ones(1000, 1000))
    x = torch.ones(1000, 1000)
    program(x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(200):
        program(x)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB; all of them would be 800,000


def test_threads(resnet):
    _, (x,), exported, want = resnet
    program = exported_program_to_stablehlo(exported)
    results, start = [None] * 8, threading.Barrier(8)

    def work(i):
        start.wait()
        program.get_stablehlo_text()
        results[i] = program(x + 0.0), program.get_stablehlo_bytecode()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for y, code in results:
        assert torch.allclose(y, want, atol=1e-5) and code == results[0][1]


# -- bundles -----------------------------------------------------------------------------------------------------------------


def test_bundle(tmp_path):
    program = convert(Odd(), torch.tensor([1, 3]))
    bundle = program._bundle
    assert isinstance(bundle, api.StableHLOModelBundle)
    (func,) = bundle.stablehlo_funcs
    meta = func.meta
    assert meta.name == "forward" and func.text == program.get_stablehlo_text() and func.bytecode
    kinds = {where.type_ for where in meta.input_locations}
    assert kinds == {api.VariableType.INPUT_ARG, api.VariableType.PARAMETER, api.VariableType.CONSTANT} or kinds == {
        api.VariableType.INPUT_ARG,
        api.VariableType.PARAMETER,
    }
    at = meta.input_locations.index(api.InputLocation.input_arg(0))
    assert meta.input_signature[at] == api.VariableSignature([2], "int64")
    assert meta.output_signature == [api.VariableSignature([2, 5], "float32")]
    program.save(tmp_path / "dir")
    saved = StableHLOGraphModule.load(tmp_path / "dir")._bundle
    assert saved.stablehlo_funcs == bundle.stablehlo_funcs
    again = StableHLOGraphModule(saved)
    equal(again(torch.tensor([1, 3])), program(torch.tensor([1, 3])))


def test_a_bundle_with_other_weights():
    bundle = convert(Linear(), torch.ones(1, 2))._bundle
    bundle.state_dict["weight"] = np.full((2, 3), 3.0, np.float32)
    equal(StableHLOGraphModule(bundle)(torch.ones(1, 2)), torch.full((1, 3), 6.0))


# -- processes of their own ----------------------------------------------------------------------------------------------------


def python(script, *args, ok=True, **env):
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, args)],
        capture_output=True, text=True, timeout=100, env={**os.environ, **env},
    )
    assert (run.returncode == 0) == ok, run.stderr[-2000:]
    return run.stdout + run.stderr


BLOCK_TORCH = """
    import sys
    class Block:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in ("torch", "transformers"):
                raise ImportError(f"{name} is blocked")
    sys.meta_path.insert(0, Block())
"""


def test_importing_needs_no_torch():
    assert "torch" not in python("import sys, torch_stablehlo; print('torch' if 'torch' in sys.modules else '')").split()


def test_a_directory_runs_without_torch(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    x = torch.randn(2, 3)

    def f(x, *, flag):
        return {"y": model(x), "none": None}, (x * 2,)

    wrapped = Fn(f)
    wrapped.model = model
    program = convert(wrapped, x, flag=True)
    program.save(tmp_path / "dir")
    np.save(tmp_path / "x.npy", x.numpy())
    python(
        BLOCK_TORCH
        + """
    import numpy as np, torch_stablehlo
    program = torch_stablehlo.StableHLOGraphModule.load(sys.argv[1] + "/dir")
    first, (second,) = program(np.load(sys.argv[1] + "/x.npy"), flag=True)
    assert isinstance(first["y"], np.ndarray) and first["none"] is None and "torch" not in sys.modules
    np.save(sys.argv[1] + "/y.npy", first["y"])
    weights = program._bundle.state_dict
    assert all(isinstance(w, np.ndarray) for w in weights.values()) and len(weights) == 2
    assert "stablehlo" in program.get_stablehlo_text()
    """,
        tmp_path,
    )
    equal(torch.from_numpy(np.load(tmp_path / "y.npy")), model(x).detach())


@pytest.fixture(scope="module")
def model_output_dir(tmp_path_factory):
    """A model that returns transformers' BaseModelOutputWithPooling."""
    outputs = pytest.importorskip("transformers.modeling_outputs")

    def f(x):
        return outputs.BaseModelOutputWithPooling(last_hidden_state=x + 1, pooler_output=x.sum())

    program = convert(f, torch.ones(2, 3))
    got = program(torch.ones(2, 3))
    assert type(got) is outputs.BaseModelOutputWithPooling
    equal(got.pooler_output, torch.tensor(6.0))
    path = tmp_path_factory.mktemp("model_output") / "dir"
    program.save(path)
    return path


def test_model_outputs_keep_their_class(model_output_dir):
    python(
        """
    import sys, torch, torch_stablehlo
    from transformers.modeling_outputs import BaseModelOutputWithPooling
    got = torch_stablehlo.StableHLOGraphModule.load(sys.argv[1])(torch.ones(2, 3))
    assert type(got) is BaseModelOutputWithPooling and got.pooler_output == 6 and got[0].shape == (2, 3), got
    """,
        model_output_dir,
    )


def test_model_outputs_are_dicts_without_transformers(model_output_dir):
    python(
        BLOCK_TORCH
        + """
    import numpy as np, torch_stablehlo
    got = torch_stablehlo.StableHLOGraphModule.load(sys.argv[1])(np.ones((2, 3), np.float32))
    assert type(got) is dict and list(got) == ["last_hidden_state", "pooler_output"] and got["pooler_output"] == 6, got
    """,
        model_output_dir,
    )


TORCH_XLA_SCRIPT = """
    import os, sys, tempfile
    import torch
    import torch_xla
    import torch_xla.core.xla_model as xm
    from torch_xla import save_torch_model_as_stablehlo, save_as_stablehlo, stablehlo
    from torch_xla.core import xla_model
    from torch_xla.stablehlo import (StableHLOExportOptions, StableHLOGraphModule, exported_program_to_stablehlo)
    from torch_xla.stablehlo import VariableType, VariableSignature, InputLocation, StableHLOFunctionMeta, StableHLOFunc, \\
        StableHLOModelBundle

    class AddWeight(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(10, 10))
        def forward(self, inputs):
            return inputs['x'] + self.weight, inputs['y'] * 2

    m = AddWeight()
    data = ({'x': torch.randn(10, 10), 'y': torch.randn(10, 10)},)
    want = m(*data)
    options = StableHLOExportOptions()
    options.override_tracing_arguments = data
    with torch.no_grad():
        exported = exported_program_to_stablehlo(torch.export.export(m, data), options)
    device = torch_xla.device()
    assert device == xm.xla_device()
    moved = torch.utils._pytree.tree_map_only(torch.Tensor, lambda x: x.to(device), data)
    got = exported(*moved)
    assert torch.allclose(got[0].cpu(), want[0]) and torch.allclose(got[1].cpu(), want[1])
    assert 'stablehlo.add' in exported.get_stablehlo_text('forward')
    with tempfile.TemporaryDirectory() as tempdir:
        save_torch_model_as_stablehlo(m, data, tempdir)
        loaded = StableHLOGraphModule.load(tempdir)
    assert torch.allclose(loaded(*data)[0].detach().cpu(), want[0])
    options.save_weights = False
    with tempfile.TemporaryDirectory() as tempdir:
        save_as_stablehlo(torch.export.export(m, data), tempdir, options)
        assert len(StableHLOGraphModule.load(tempdir)._bundle.state_dict) == 0
        assert not os.path.exists(os.path.join(tempdir, 'data'))
    bundle = exported._bundle
    assert bundle.stablehlo_funcs[0].meta.input_locations.count(InputLocation.parameter('weight')) == 1
    xm.mark_step(); xm.wait_device_ops(); torch_xla.sync()
    assert torch_stablehlo.stablehlo.like_torch_xla == {'quantized_types': True}
    try:
        import torch_xla.distributed.fsdp
    except ModuleNotFoundError as e:
        assert 'torch_xla.distributed.fsdp' in str(e)
    else:
        raise SystemExit('torch_xla.distributed.fsdp should not be there')
    try:
        xm.get_stablehlo([got[0]])
    except NotImplementedError as e:
        assert 'exported_program_to_stablehlo' in str(e)
"""


def test_a_torch_xla_script_runs_unchanged():
    python("    import torch_stablehlo; torch_stablehlo.install_as_torch_xla()" + TORCH_XLA_SCRIPT)


def test_a_real_torch_xla_is_not_replaced_unasked(tmp_path):
    (tmp_path / "torch_xla").mkdir()
    (tmp_path / "torch_xla/__init__.py").write_text("real = True\n")
    python(
        """
    import torch_stablehlo
    try:
        torch_stablehlo.install_as_torch_xla()
    except RuntimeError as e:
        assert "torch_xla is installed" in str(e) and "force=True" in str(e)
    else:
        raise SystemExit("replaced")
    import torch_xla
    assert torch_xla.real
    torch_stablehlo.install_as_torch_xla(force=True)
    torch_stablehlo.install_as_torch_xla()
    import torch_xla, torch_xla.stablehlo
    assert not hasattr(torch_xla, "real") and torch_xla.stablehlo is torch_stablehlo.stablehlo
    """,
        PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
    )


@pytest.mark.parametrize("bad", ["dtype", "shape", "strides", "count", "view of a conjugate", "numpy", "keyword", "none"])
def test_calls_after_the_first(bad):
    """The short way takes what fits, and leaves the rest to the whole one."""
    class Net(torch.nn.Module):
        def forward(self, x, y):
            return x + y, x - y

    x, y = torch.randn(2, 3), torch.randn(2, 3)
    program = exported_program_to_stablehlo(export(Net(), (x, y)))
    for _ in range(3):
        got = program(x, y)
        assert isinstance(got, tuple) and torch.equal(got[0], x + y) and torch.equal(got[1], x - y)
    kept = program(x, y)[0]
    program(y, x)
    assert torch.equal(kept, x + y)
    if bad == "strides":
        assert torch.equal(program(x.t().contiguous().t(), y)[0], x + y)
    elif bad == "view of a conjugate":
        z = torch.complex(x, y).conj().imag
        assert torch.equal(program(x, z)[0], x + z)
    elif bad == "numpy":
        assert torch.equal(torch.as_tensor(program(x.numpy(), y)[0]), x + y)
    else:
        args, kwargs = {
            "dtype": ((x.double(), y), {}), "shape": ((x[:1], y), {}), "count": ((x,), {}), "keyword": ((x,), {"z": y}), "none": ((x, None), {}),
        }[bad]
        with pytest.raises((BadInputError, StructureError), match="."):
            program(*args, **kwargs)
    assert torch.equal(program(x, y)[0], x + y)


def test_calls_from_many_threads():
    import concurrent.futures

    program = exported_program_to_stablehlo(export(Linear(), (torch.ones(1, 2),)))
    want = {i: program(torch.full((1, 2), float(i))) for i in range(8)}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for i, got in pool.map(lambda i: (i % 8, program(torch.full((1, 2), float(i % 8)))), range(2000)):
            assert torch.equal(got, want[i])


def test_results_of_many_sizes_and_types():
    class Net(torch.nn.Module):
        def forward(self, x):
            return {"half": x.half(), "n": x.sum().long(), "big": x.expand(200, 64, 3), "none": x[:0]}

    x = torch.randn(64, 3)
    program = exported_program_to_stablehlo(export(Net(), (x,)))
    for _ in range(3):
        got, want = program(x), Net()(x)
        assert got.keys() == want.keys() and all(torch.equal(got[k], want[k]) and got[k].dtype == want[k].dtype for k in want)
        got["big"].add_(1)                                                 # the caller's own
