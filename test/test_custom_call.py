"""stablehlo_custom_call, as torch_xla.experimental has it, and what rests on it. Where a call is run, a typed FFI handler of jaxlib's is its
target: LAPACK's Cholesky, which wants its matrix by columns, its option as a ui8, and its result where the operand was."""

import json
import re
import zipfile

import numpy as np
import pytest
import torch
from oracle import check_format
from test_cli import BAD_INPUT, good, tool
from test_custom_ops import LIBRARY, Model, allowing, export
from torch_stablehlo import BadInputError, PluginError, StableHLOExportOptions, StableHLOGraphModule, UnsupportedError, exported_program_to_stablehlo
from torch_stablehlo.experimental.stablehlo_custom_call import place_to_device, place_to_host, stablehlo_custom_call

PLUGIN = 5


def call(*args, **kwargs):
    """A program of one call on the inputs."""
    shapes, dtypes = kwargs.pop("shapes", [[3]]), kwargs.pop("dtypes", [torch.float32])
    return export(lambda *x: stablehlo_custom_call(x, "my_target", shapes, dtypes, **kwargs), *args)


def line_of(program):
    """The call in the module, which MLIR has parsed and verified, in the text and in the bytecode."""
    check_format(program)
    return next(x for x in program.get_stablehlo_text().splitlines() if "custom_call" in x)


def converted(*args, **kwargs):
    return line_of(exported_program_to_stablehlo(call(*args, **kwargs)))


X, Y = torch.randn(2, 3), torch.randn(5)


# -- what it writes ------------------------------------------------------------------------------------------------------


def test_plain():
    assert converted(X, Y).endswith("stablehlo.custom_call @my_target(%arg0, %arg1) : (tensor<2x3xf32>, tensor<5xf32>) -> tensor<3xf32>")


def test_no_operands_and_no_dims():
    ep = export(lambda x: x + stablehlo_custom_call([], "my_target", [[]], [torch.float32]), X)
    assert line_of(exported_program_to_stablehlo(ep)).endswith("@my_target() : () -> tensor<f32>")


def test_several_results_are_a_tuple_as_torch_xla_has_it():
    ep = export(lambda x: stablehlo_custom_call([x], "my_target", [[3], x.shape], [torch.int8, torch.bool])[1], X)
    text = line_of(exported_program_to_stablehlo(ep))
    assert text.endswith("-> tuple<tensor<3xi8>, tensor<2x3xi1>>")


@pytest.mark.parametrize("version, text", [(0, None), (1, None), (2, "api_version = 2 : i32"), (3, "api_version = 3 : i32"), (4, "api_version = 4 : i32")])
def test_api_version(version, text):
    line = converted(X, api_version=version)
    assert text in line if text else "api_version" not in line


@pytest.mark.parametrize("version", [-1, 5])
def test_api_version_that_is_none(version):
    with pytest.raises(BadInputError, match=rf"node stablehlo_custom_call.*test_custom_ops.py.*api_version is {version}, wanted 0 to 4"):
        exported_program_to_stablehlo(call(X, api_version=version))


def test_backend_config_as_text():
    assert 'backend_config = "a \\22b\\22\\0A\\C3\\A9"' in converted(X, backend_config='a "b"\né', has_side_effect=True)


def test_backend_config_as_typed_attributes():
    config = {
        "n": 7, "big": -(2**63), "x": 2.5, "inf": float("inf"), "flag": True, "mode": 'q"\\\n', "ints": [1, 2], "one": [5], "none": [], "floats": [1, 0.5],
        "flags": [True, False], "u8": np.uint8(200), "i16": np.int16(-2), "u64": np.uint64(2**64 - 1), "f32": np.float32(0.5), "dtype": torch.bfloat16,
        "array": np.arange(4, dtype=np.int32).reshape(2, 2), "inner": {"k": 1, "more": {"z": "z"}},
        "words": ["a", "b"],
    }
    line = converted(X, backend_config=config)
    for text in (
        "n = 7 : i64", "big = -9223372036854775808 : i64", "x = 2.500000e+00 : f64", "inf = 0x7FF0000000000000 : f64", "flag = true", 'mode = "q\\22\\\\\\0A"',
        "ints = dense<[1, 2]> : tensor<2xi64>", "one = dense<5> : tensor<1xi64>", "none = dense<> : tensor<0xi64>", "floats = dense<[1.000000e+00, 5.000000e-01]> : tensor<2xf64>",
        "flags = dense<[1, 0]> : tensor<2xi8>", "u8 = 200 : ui8", "i16 = -2 : i16", "u64 = 18446744073709551615 : ui64", "f32 = 5.000000e-01 : f32",
        'dtype = "bfloat16"', "array = dense<[[0, 1], [2, 3]]> : tensor<2x2xi32>",
        'inner = {k = 1 : i64, more = {z = "z"}}', 'words = ["a", "b"]', "api_version = 4 : i32",
    ):
        assert text in line


@pytest.mark.parametrize("value, error", [(2**63, ValueError), (None, TypeError), (1j, TypeError), (np.complex64(1), TypeError), (X, TypeError), ({"a": [None]}, TypeError)])
def test_attributes_that_are_none(value, error):
    with pytest.raises(error, match=r"backend_config\['k'\]"):
        stablehlo_custom_call([X], "t", [[3]], [torch.float32], backend_config={"k": value})


@pytest.mark.parametrize(
    "config, version, wanted",
    [({"a": 1}, 2, "a dictionary, wanted a string with api_version 2"), ("text", 4, "a string, wanted a dictionary with api_version 4")],
)
def test_backend_config_of_another_api_version(config, version, wanted):
    with pytest.raises(BadInputError, match=wanted):
        exported_program_to_stablehlo(call(X, backend_config=config, api_version=version))


def test_layouts():
    line = converted(X, Y, operand_layouts=[[0, 1], [0]], result_layouts=[[0]])
    assert "operand_layouts = [dense<[0, 1]> : tensor<2xindex>, dense<0> : tensor<1xindex>]" in line and "result_layouts = [dense<0> : tensor<1xindex>]" in line


def test_layouts_of_one_side_leave_the_other_row_major():
    assert "result_layouts = [dense<[1, 0]> : tensor<2xindex>, dense<> : tensor<0xindex>]" in converted(
        X, operand_layouts=[[0, 1]], shapes=[[4, 4], []], dtypes=[torch.float32] * 2
    )
    assert "operand_layouts = [dense<[1, 0]> : tensor<2xindex>]" in converted(X, result_layouts=[[0]])


@pytest.mark.parametrize(
    "layout, wanted",
    [([[0]], "operand 0 has 1 dimensions, its type tensor<2x3xf32> has 2"), ([[0, 2]], "no permutation of the 2"), ([[0, 0]], "no permutation"), ([[0, -1]], "no permutation"), ([], "0 layouts for 1")],
)
def test_layouts_that_do_not_fit(layout, wanted):
    with pytest.raises(BadInputError, match=wanted):
        exported_program_to_stablehlo(call(X, operand_layouts=layout))


def test_aliases():
    line = converted(X, Y, shapes=[[5], [2, 3]], dtypes=[torch.float32] * 2, output_operand_aliases={0: 1, 1: 0})
    for result, operand in ((0, 1), (1, 0)):
        assert f"<output_tuple_indices = [{result}], operand_index = {operand}, operand_tuple_indices = []>" in line
    assert "<output_tuple_indices = [], operand_index = 0, operand_tuple_indices = []>" in converted(Y, shapes=[[5]], output_operand_aliases={0: 0})


@pytest.mark.parametrize(
    "aliases, wanted", [({0: 0}, r"operand 0 is tensor<2x3xf32>, the result that takes its place is tensor<3xf32>"), ({1: 0}, r"found \[1, 0\]"), ({0: 1}, "no operand 1, but 1")]
)
def test_aliases_that_do_not_fit(aliases, wanted):
    with pytest.raises(BadInputError, match=wanted):
        exported_program_to_stablehlo(call(X, output_operand_aliases=aliases))


def test_frontend_attributes():
    assert 'mhlo.frontend_attributes = {_a = "b", c = "d\\22"}' in converted(X, frontend_attributes={"c": 'd"', "_a": "b"})


def test_shapes_and_dtypes_must_be_as_many():
    with pytest.raises(ValueError, match="2 output shapes and 1 output dtypes"):
        stablehlo_custom_call([X], "t", [[1], [2]], [torch.float32])


# -- where it stands ------------------------------------------------------------------------------------------------------


def test_calls_without_effect_are_dropped_and_others_stay():
    def f(x):
        stablehlo_custom_call([x], "unused", [[1]], [x.dtype])
        stablehlo_custom_call([x], "effect", [[1]], [x.dtype], has_side_effect=True)
        return x + 1

    program = exported_program_to_stablehlo(export(f, X))
    check_format(program)
    text = program.get_stablehlo_text()
    assert "@unused" not in text and "@effect(%arg0) {has_side_effect = true}" in text


def test_strict_export():
    def f(x):
        return stablehlo_custom_call([x], "t", [x.shape], [x.dtype], backend_config={"n": 1, "l": [1, 2.5], "s": 'q"', "f": True}, operand_layouts=[[0, 1]])

    text = line_of(exported_program_to_stablehlo(torch.export.export(Model(f), (X,), strict=True)))
    assert 'backend_config = {f = true, l = dense<[1.000000e+00, 2.500000e+00]> : tensor<2xf64>, n = 1 : i64, s = "q\\22"}' in text


def test_eager_says_that_there_is_none():
    with pytest.raises(NotImplementedError, match="stablehlo_custom_call of 'nowhere'"):
        stablehlo_custom_call([X], "nowhere", [[3]], [torch.float32])


def test_kernel_for_xla_devices():
    """As in torch_xla's test_stable_custom_call_api: the operator has no other, and the exporter runs that one."""
    LIBRARY.define("for_xla(Tensor x) -> Tensor")
    torch.library.impl(LIBRARY, "for_xla", "Meta")(lambda x: torch.empty(x.shape[1:], device="meta"))
    torch.library.impl(LIBRARY, "for_xla", "XLA")(lambda x: stablehlo_custom_call((x,), "for_xla", [x.shape[1:]], [torch.int8], True, "config", 1))
    ep = export(lambda x: torch.ops.tshlo_test.for_xla(x.sin()).cos(), X)
    text = line_of(exported_program_to_stablehlo(ep))
    assert text.endswith('@for_xla(%0) {backend_config = "config", has_side_effect = true} : (tensor<2x3xf32>) -> tensor<3xi8>')
    assert "@tshlo_test.for_xla.default" in line_of(exported_program_to_stablehlo(ep, allowing("tshlo_test")))


def test_of_a_pt2_file_and_a_directory(tmp_path):
    ep = call(X, backend_config={"n": 1}, operand_layouts=[[0, 1]])
    torch.export.save(ep, tmp_path / "m.pt2")
    text = exported_program_to_stablehlo(ep).get_stablehlo_text()
    assert good("convert", tmp_path / "m.pt2", "-o", "-") == text
    good("convert", tmp_path / "m.pt2", "-o", tmp_path / "d", "--no-text")
    assert StableHLOGraphModule.load(tmp_path / "d").get_stablehlo_text() == text


def edited(path, old, new):
    """The file with a piece of its model.json replaced."""
    out = path.with_name("edited.pt2")
    with zipfile.ZipFile(path) as a, zipfile.ZipFile(out, "w") as b:
        for name in a.namelist():
            data = a.read(name)
            if name.endswith("model.json"):
                assert old.encode() in data
                data = data.replace(old.encode(), new.encode())
            b.writestr(name, data)
    return out


@pytest.mark.parametrize(
    "config, wanted",
    [
        ("[]", "found \\[\\], wanted an object"), ('{"n": 7}', "found 7, wanted \\[type, value\\]"), ('{"n": ["int64", 1.5]}', "found 1.5, wanted an integer"),
        ('{"n": ["int8", [1], [2]]}', "as many numbers as the sizes say"), ('{"n": ["int8", [1], [-1]]}', "sizes"), ('{"n": ["float16", 1]}', "f32 or f64"),
        ('{"n": ["complex64", 1]}', "a type of integers or floats"), ('{"n": ["str", 1]}', "a string"), ('{"n": ["bool", 1]}', "a bool"),
        ('{"n": ["dict", []]}', "an object"), ('{"n": ["list", 1]}', "a list"), ('{"n": ["int64"]}', "found nothing"), ('{"n": ["bool", true], "n": ["bool", true]}', "each name once"),
        ('{"n": ["int8", [], [0, 9223372036854775807, 2]]}', None), ('{"n": ["int64", []]}', "wanted an integer"), ("{", "attributes"),
        ('{"n": ' + '["list", [' * 60 + "]]" * 60 + "}", "a list"),
    ],
)
def test_hostile_attributes(tmp_path, config, wanted):
    torch.export.save(call(X, backend_config={"n": 1}), tmp_path / "m.pt2")
    old = json.dumps('{"config": {"n": ["int64", 1]}}')
    code, out, err = tool("convert", edited(tmp_path / "m.pt2", old, json.dumps(f'{{"config": {config}}}')), "-o", "-")
    if wanted is None:
        assert code == 0 and "dense<> : tensor<0x9223372036854775807x2xi8>" in out
        return
    assert code == BAD_INPUT and re.search(wanted, err) and "node stablehlo_custom_call" in err, err


# -- running ---------------------------------------------------------------------------------------------------------------


class Cholesky(torch.nn.Module):
    def forward(self):
        x = torch.sin(torch.arange(16.0).reshape(4, 4))
        x = x @ x.T + torch.eye(4)
        y, info = stablehlo_custom_call(
            [x], "lapack_spotrf_ffi", [x.shape, []], [x.dtype, torch.int32], backend_config={"uplo": np.uint8(ord("L"))},
            operand_layouts=[[0, 1]], result_layouts=[[0, 1], []], output_operand_aliases={0: 0},
        )
        return x, y, info


def run_on_jaxlib(program):
    """The results of a program without inputs on jaxlib's CPU, with LAPACK's handlers."""
    import mlir
    from jaxlib import _jax, lapack, xla_client
    from jaxlib.mlir.dialects import stablehlo

    lapack._lapack.initialize()
    for name, target, version in lapack.registrations()["cpu"]:
        xla_client.register_custom_call_target(name, target, platform="cpu", api_version=version)
    client = xla_client.make_cpu_client()
    with mlir.context() as context:
        module = str(stablehlo.deserialize_portable_artifact(context, program.get_stablehlo_bytecode()))
        executable = client.compile_and_load(module, _jax.DeviceList(tuple(client.devices())), xla_client.CompileOptions())
    results = executable.execute_sharded([]).disassemble_into_single_device_arrays()
    return [torch.from_numpy(np.array(x[0])) for x in results]


def test_a_target_that_there_is():
    x, y, info = run_on_jaxlib(exported_program_to_stablehlo(torch.export.export(Cholesky(), ())))
    assert info == 0
    torch.testing.assert_close(y.tril(), torch.linalg.cholesky(x))


def test_a_target_that_the_plugin_lacks(tmp_path):
    """XLA's words, and who makes the call."""
    ep = export(lambda x: stablehlo_custom_call([x.sin()], "no_such_target", [x.shape], [x.dtype], api_version=2), X)
    with pytest.raises(PluginError, match="no_such_target") as e:
        exported_program_to_stablehlo(ep)(X)
    first, second = str(e.value).splitlines()
    assert first.startswith("compile: ") and "no_such_target" in first
    assert second.startswith("  no_such_target is called by xla.stablehlo_custom_call.default (node stablehlo_custom_call, ")
    assert "test_custom_ops.py:" in second
    exported_program_to_stablehlo(ep).save(tmp_path / "d")
    with pytest.raises(PluginError, match="no_such_target is called x1 in function main of the module"):
        StableHLOGraphModule.load(tmp_path / "d")(X)
    torch.export.save(ep, tmp_path / "m.pt2")
    code, _, err = tool("verify", tmp_path / "m.pt2")
    assert code == PLUGIN and "no_such_target is called by" in err


def test_an_allowed_operator_that_the_plugin_lacks():
    ep = export(lambda x: torch.ops.tshlo_test.one(x), X)
    with pytest.raises(PluginError, match=r"tshlo_test.one.default is called by tshlo_test.one.default \(node one, .*test_custom_ops.py"):
        exported_program_to_stablehlo(ep, allowing("tshlo_test"))(X)


def test_in_a_branch():
    def f(x):
        return torch.cond(x.sum() > 0, lambda x: stablehlo_custom_call([x], "in_branch", [x.shape], [x.dtype]), lambda x: x.cos(), (x,))

    with pytest.raises(PluginError, match="in_branch is called by"):
        exported_program_to_stablehlo(export(f, X))(X)


def test_dynamic_sizes_run_and_are_no_module():
    """A module with ? would not say of what size the result is."""
    ep = torch.export.export(Model(place_to_host), (torch.randn(4, 3),), dynamic_shapes=(({0: torch.export.Dim.DYNAMIC},),))
    program = exported_program_to_stablehlo(ep)
    with pytest.raises(UnsupportedError, match="xla.place_to_host.default"):
        program.get_stablehlo_text()
    assert "tensor<7x3xf32>" in exported_program_to_stablehlo(ep, StableHLOExportOptions(dims={"args_0.0": 7})).get_stablehlo_text()


# -- host offloading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place, where", [(place_to_host, "pinned_host"), (place_to_device, "device")])
def test_placement(place, where):
    ep = export(lambda x: place(x) + 1, X)
    line = line_of(exported_program_to_stablehlo(ep))
    assert line.endswith(
        f'@annotate_device_placement(%arg0) {{has_side_effect = true, mhlo.frontend_attributes = {{_xla_buffer_placement = "{where}"}}}} : (tensor<2x3xf32>) -> tensor<2x3xf32>'
    )
    torch.testing.assert_close(ep.module()(X), X + 1)


def test_placement_has_a_gradient():
    x = torch.ones(10, requires_grad=True)
    place_to_device(place_to_host(x)).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones(10))
