"""Quantized models as users make them, by pt2e and torchao, from Python and from a .pt2 alone: expected values are eager PyTorch's. The
operators by themselves are test_quantized.py's matter."""

import functools
import warnings
from unittest import mock

import numpy as np
import pytest
import torch
from oracle import check_format
from served import array, same
from serving import needs_tensorflow, tensorflow  # noqa: F401  (a fixture)
from test_cli import BAD_INPUT, UNSUPPORTED, USAGE, bad, good
from torch import nn
from torch.export import Dim

from torch_stablehlo import (
    BadInputError,
    StableHLOExportOptions,
    StableHLOGraphModule,
    UnsupportedError,
    exported_program_to_stablehlo,
)
from torch_stablehlo._bridge import this_int4_packing
from torch_stablehlo.tf_saved_model_integration import save_stablehlo_graph_as_tf

pytest.importorskip("torchao", reason="quantized models are NOT checked: no torchao package", exc_type=ImportError)

from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig  # noqa: E402
from torchao.quantization import (  # noqa: E402
    Float8DynamicActivationFloat8WeightConfig,
    Float8WeightOnlyConfig,
    Int8DynamicActivationInt8WeightConfig,
    Int8DynamicActivationIntxWeightConfig,
    Int8StaticActivationInt8WeightConfig,
    Int8WeightOnlyConfig,
    IntxWeightOnlyConfig,
    PerAxis,
    PerGroup,
    PerTensor,
    quant_api,
    quantize_,
)
from torchao.quantization.pt2e import move_exported_model_to_eval  # noqa: E402
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e, prepare_qat_pt2e  # noqa: E402
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86  # noqa: E402
from torchao.quantization.qat import QATConfig  # noqa: E402
from torchao.testing.pt2e import _xnnpack_quantizer as xnnpack  # noqa: E402

TYPES = StableHLOExportOptions(quantized_types=True)
BATCH = {0: Dim("batch", min=2, max=64)}


def rand(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def export(model, x, dynamic=False):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(model, (x,), dynamic_shapes=(BATCH,) if dynamic else None)


def eager(model, x):
    with torch.no_grad():
        return model(x)


def agree(got, want, step=0.0):
    """Sums are taken in another order; a value on the edge between two integers may so become the other one, `step` away."""
    assert got.dtype == want.dtype and got.shape == want.shape
    off = (got.float() - want.float()).abs()
    other = off > (1e-2 if want.dtype == torch.bfloat16 else 1e-5) * want.float().abs().max()
    assert other.float().mean() <= 0.5 and off[other].le(2.01 * step).all(), (off.max(), other.float().mean())


# -- pt2e ----------------------------------------------------------------------------------------------------------------


class Net(nn.Module):
    """bn: a normalization, which costs prepare_qat_pt2e and convert_pt2e half a minute to take apart and fold again."""

    def __init__(self, bn=True):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.bn = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8) if bn else nn.Identity()
        self.deep, self.fc = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 5)

    def forward(self, x):
        x = torch.relu(self.bn(self.conv(x)))
        x = x + self.deep(x)
        return self.fc(x.mean((2, 3)))


IMAGE = (2, 3, 8, 8)
PT2E = [f"{who}_{how}" for who in ("xnnpack", "x86") for how in ("static", "dynamic", "qat")]


def quantizer(name):
    who, how = name.split("_")
    kind = {"is_qat": how == "qat", "is_dynamic": how == "dynamic"}
    if who == "x86":
        return x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config(**kind))
    return xnnpack.XNNPACKQuantizer().set_global(xnnpack.get_symmetric_quantization_config(is_per_channel=True, **kind))


def train(model):
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    for seed in range(3):
        optimizer.zero_grad()
        model(rand(*IMAGE, seed=seed)).square().sum().backward()
        optimizer.step()


@functools.cache
def pt2e(name, dynamic=False):
    """(exported program, the quantized model)"""
    qat = name.endswith("qat")
    model = export(Net(bn=not qat).train(qat), rand(*IMAGE), dynamic).module()
    if qat:
        model = prepare_qat_pt2e(model, quantizer(name))
        train(model)
        move_exported_model_to_eval(model)
    else:
        model = prepare_pt2e(model, quantizer(name))
        for seed in range(3):
            eager(model, rand(*IMAGE, seed=seed))
    model = convert_pt2e(model)
    return export(model, rand(*IMAGE), dynamic), model


def last_step(exported):
    """The scale of what the program quantized last: the distance between neighbours among its results."""
    scales = [n.args[1] for n in exported.graph.nodes if "quantize_per_tensor.default" in str(n.target)]
    return scales[-1] if scales else 1e-2


@pytest.mark.parametrize("options", [None, TYPES], ids=["integers", "types"])
@pytest.mark.parametrize("name", PT2E)
def test_pt2e(name, options):
    exported, model = pt2e(name)
    program = exported_program_to_stablehlo(exported, options)
    check_format(program)
    assert ("!quant.uniform" in program.get_stablehlo_text()) == (options is TYPES)
    for seed in (0, 7):
        x = rand(*IMAGE, seed=seed)
        agree(program(x), eager(model, x), last_step(exported))


@pytest.mark.parametrize("options", [None, TYPES], ids=["integers", "types"])
@pytest.mark.parametrize("name", ["xnnpack_static", "x86_dynamic"])
def test_pt2e_of_any_batch(name, options, tmp_path):
    exported, model = pt2e(name, dynamic=True)
    program = exported_program_to_stablehlo(exported, options)
    check_format(program)
    assert "?x3x8x8x" in program.get_stablehlo_text()
    program.save(tmp_path / "d")
    for p in (program, StableHLOGraphModule.load(tmp_path / "d")):
        for batch in (2, 5):
            x = rand(batch, *IMAGE[1:], seed=batch)
            agree(p(x), eager(model, x), last_step(exported))


def test_a_prepared_model_converts():
    """With its observers, before convert_pt2e: the fake quantization of training."""
    model = prepare_qat_pt2e(export(Net().train(), rand(*IMAGE)).module(), quantizer("xnnpack_qat"))
    train(model)
    move_exported_model_to_eval(model)
    model.apply(torch.ao.quantization.disable_observer)
    x = rand(*IMAGE, seed=7)
    agree(exported_program_to_stablehlo(export(model, x))(x), eager(model, x), 2e-2)


# -- torchao's quantize_ -------------------------------------------------------------------------------------------------


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(50, 64)
        self.up, self.down = nn.Linear(64, 128), nn.Linear(128, 64, bias=False)
        self.out = nn.Linear(64, 48)

    def forward(self, x):
        x = self.words(x)
        return self.out(self.down(torch.relu(self.up(x))) + x)


def is_embedding(module, name):
    return isinstance(module, nn.Embedding)


def of_4_bits():
    return Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int4, weight_granularity=PerGroup(32))


# What quantize_ is given, each with its filter (None: linear layers); and the element type of up.weight as it is stored, and its bytes.
FLOWS = {
    "int8_weights": ([(Int8WeightOnlyConfig, None)], "int8", 128 * 64),
    "int8_dynamic": ([(Int8DynamicActivationInt8WeightConfig, None)], "int8", 128 * 64),
    "int8_static": (
        [(lambda: Int8StaticActivationInt8WeightConfig(act_quant_scale=torch.tensor([[[0.05]]]), granularity=PerTensor()), None)],
        "int8", 128 * 64,
    ),
    "int4_weights": ([(lambda: IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32)), None)], "int8", 128 * 64),
    "int4_dynamic": (
        [(of_4_bits, None), (lambda: IntxWeightOnlyConfig(weight_dtype=torch.int8, granularity=PerAxis(0)), is_embedding)],
        "int8", 128 * 64,
    ),
    "int4_packed": ([(lambda: PrototypeInt4WeightOnlyConfig(group_size=32), None)], "uint8", 128 * 64 // 2),
    "float8_weights": ([(Float8WeightOnlyConfig, None)], "|V1", 128 * 64),
    "float8_dynamic": ([(Float8DynamicActivationFloat8WeightConfig, None)], "|V1", 128 * 64),
    "qat_prepared": ([(lambda: QATConfig(of_4_bits(), step="prepare"), None)], "float32", 4 * 128 * 64),
    "qat": ([(lambda: QATConfig(of_4_bits(), step="prepare"), None), (lambda: QATConfig(of_4_bits(), step="convert"), None)],
            "int8", 128 * 64),
}


def words(*shape, seed=0):
    return torch.randint(0, 50, shape, generator=torch.Generator().manual_seed(seed))


@functools.cache
def quantized(name, dtype=torch.float32):
    """Float8's dynamic flow asks for a GPU, though the CPU has its operators; and quantize_ changes how torch multiplies matrices."""
    model, precision = Text().eval().to(dtype), torch.get_float32_matmul_precision()
    with mock.patch.multiple(quant_api, _check_hardware_support=lambda granularity: None):
        for config, filter_fn in FLOWS[name][0]:
            quantize_(model, config(), filter_fn=filter_fn)
    torch.set_float32_matmul_precision(precision)
    return model


@functools.cache
def flow(name, dynamic=False):
    """(exported program, the quantized model)"""
    model = quantized(name)
    return export(model, words(3, 6), dynamic), model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", FLOWS)
def test_quantize(name, dtype):
    """XLA rounds chains of plain ops of bfloat16 as it likes: more steps where such a chain goes into what is quantized."""
    model = quantized(name, dtype)
    program = exported_program_to_stablehlo(export(model, words(3, 6)))
    check_format(program)
    for seed in (0, 7):
        x = words(3, 6, seed=seed)
        agree(program(x), eager(model, x), 4e-2 if dtype == torch.bfloat16 else 2e-2)


@pytest.mark.parametrize("name", FLOWS)
def test_of_any_batch(name, tmp_path):
    exported, model = flow(name, dynamic=True)
    program = exported_program_to_stablehlo(exported)
    check_format(program)
    assert "?x6xi64" in program.get_stablehlo_text()
    program.save(tmp_path / "d")
    for p in (program, StableHLOGraphModule.load(tmp_path / "d")):
        x = words(5, 6, seed=5)
        agree(p(x), eager(model, x), 2e-2)


def test_tied_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b = nn.Linear(64, 64), nn.Linear(64, 64)

        def forward(self, x):
            return self.b(self.a(x))

    model = Tied().eval()
    quantize_(model, Int8WeightOnlyConfig())
    model.b.weight = model.a.weight
    x = rand(3, 64)
    agree(exported_program_to_stablehlo(export(model, x))(x), eager(model, x))


def test_a_language_model():
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=50,
        use_cache=False,
    )
    torch.manual_seed(0)
    llama = transformers.LlamaForCausalLM(config).eval()

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.llama = llama

        def forward(self, x):
            return self.llama(x).logits

    model = Logits().eval()
    quantize_(model, of_4_bits())
    x = words(2, 10)
    agree(exported_program_to_stablehlo(export(model, x))(x), eager(model, x), 1e-3)


# -- quantized types -----------------------------------------------------------------------------------------------------


def test_what_quantized_types_say():
    """As torch_xla writes it: activations quantized by one scale, weights by one for each channel, both read back before the op."""
    text = exported_program_to_stablehlo(pt2e("xnnpack_static")[0], TYPES).get_stablehlo_text()
    assert "stablehlo.uniform_quantize" in text and "stablehlo.uniform_dequantize" in text
    assert "tensor<2x3x8x8x!quant.uniform<i8:f32, " in text
    assert "tensor<8x3x3x3x!quant.uniform<i8<-127:127>:f32:0, {" in text


def test_integers_of_quantized_types_are_their_bits():
    model = quantized("int8_static")
    program = exported_program_to_stablehlo(export(model, words(3, 6)), TYPES)
    check_format(program)
    assert "stablehlo.bitcast_convert" in program.get_stablehlo_text()
    agree(program(words(3, 6)), eager(model, words(3, 6)), 2e-2)


def test_scales_that_are_computed_stay_arithmetic():
    exported, _ = flow("int8_dynamic")
    with_types, without = (exported_program_to_stablehlo(exported, o).get_stablehlo_text() for o in (TYPES, None))
    assert with_types == without


# -- from a .pt2 alone ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    """file(name): a folder with the flow's model.pt2, x.npy and y.npy, which is eager's."""

    @functools.cache
    def made(name):
        exported, model = pt2e(name) if name in PT2E else flow(name)
        folder, x = tmp_path_factory.mktemp(name), rand(*IMAGE) if name in PT2E else words(3, 6)
        torch.export.save(exported, folder / "model.pt2")
        np.save(folder / "x.npy", x.numpy())
        np.save(folder / "y.npy", eager(model, x).numpy())
        return folder

    return made


def weight_file(name):
    return "_frozen_param1" if name in PT2E else "up.weight" if name == "qat_prepared" else "up.weight.qdata"


@pytest.mark.parametrize("name", ["xnnpack_static", "x86_dynamic", "x86_qat", *FLOWS])
def test_command_line(name, file, tmp_path):
    d, packing = file(name), ["--int4-packing", this_int4_packing()] if name == "int4_packed" else []
    good("verify", d / "model.pt2", "-i", d / "x.npy", "-e", d / "y.npy", "--rtol", 0.01, "--atol", 0.02, *packing)
    good("convert", d / "model.pt2", "-o", tmp_path / "dir", *packing)
    dtype, nbytes = ("int8", 8 * 8 * 3 * 3) if name in PT2E else FLOWS[name][1:]
    weight = tmp_path / "dir/data" / weight_file(name)
    assert np.load(weight).dtype == dtype and nbytes < weight.stat().st_size < nbytes + 256
    good("run", tmp_path / "dir", "-i", d / "x.npy", "-o", tmp_path / "y.npy")
    x, want = (torch.from_numpy(np.load(d / f"{n}.npy")) for n in "xy")
    agree(torch.from_numpy(np.load(tmp_path / "y.npy")), want, 2e-2)
    program = StableHLOGraphModule.load(tmp_path / "dir")
    agree(program(x), want, 2e-2)


@pytest.mark.parametrize("name", ["xnnpack_static", "int8_weights"])
def test_the_same_from_python(name, file, tmp_path):
    for flag, options in (((), None), (("--quantized-types",), TYPES)):
        exported = pt2e(name)[0] if name in PT2E else flow(name)[0]
        good("convert", file(name) / "model.pt2", "-o", tmp_path / "m.mlir", *flag)
        assert (tmp_path / "m.mlir").read_text() == exported_program_to_stablehlo(exported, options).get_stablehlo_text()


def test_quantized_types_in_a_directory(file, tmp_path):
    d = file("xnnpack_static")
    good("convert", d / "model.pt2", "-o", tmp_path / "dir", "--quantized-types")
    assert "!quant.uniform" in (tmp_path / "dir/functions/forward.mlir").read_text()
    assert np.load(tmp_path / "dir/data" / weight_file("xnnpack_static")).dtype == "int8"
    good("verify", tmp_path / "dir", "-i", d / "x.npy", "-e", d / "y.npy", "--rtol", 0.01, "--atol", 0.02)


@needs_tensorflow
@pytest.mark.parametrize("name", ["xnnpack_static", "int4_dynamic"])
def test_saved_model(name, tensorflow, tmp_path):  # noqa: F811
    """Variables of 8 bits, and a batch of any size."""
    exported, model = pt2e(name, dynamic=True) if name in PT2E else flow(name, dynamic=True)
    save_stablehlo_graph_as_tf(exported_program_to_stablehlo(exported), tmp_path / "m")
    seen = tensorflow.load(tmp_path / "m")
    assert "int8" in {v["dtype"] for v in seen["variables"]}
    for batch in (2, 5):
        x = rand(batch, *IMAGE[1:]) if name in PT2E else words(batch, 6)
        got = tensorflow.signature(seen["object"], "serving_default", {"x": array(x)})["output_0"]
        same(got, array(eager(model, x)), rtol=1e-2, atol=2e-2)


# -- what is refused -----------------------------------------------------------------------------------------------------


def test_int4_packing_must_be_known(file, tmp_path):
    program, to = file("int4_packed") / "model.pt2", ("-o", tmp_path / "m")
    message = bad(UNSUPPORTED, "convert", program, *to)
    assert "aten._weight_int4pack_mm_for_cpu.default" in message and "say --int4-packing avx512, avx2, default or neon" in message
    wanted = "int4_packing is 'mmx', wanted avx512, avx2, default or neon"
    assert bad(BAD_INPUT, "convert", program, *to, "--int4-packing", "mmx").endswith(wanted)
    with pytest.raises(BadInputError, match=wanted):
        exported_program_to_stablehlo(flow("int4_packed")[0], StableHLOExportOptions(int4_packing="mmx"))
    assert not list(tmp_path.iterdir())


def test_directories_are_converted_already(file, tmp_path):
    d = tmp_path / "dir"
    good("convert", file("xnnpack_static") / "model.pt2", "-o", d)
    message = bad(UNSUPPORTED, "convert", d, "-o", tmp_path / "m.mlir", "--quantized-types")
    assert message == f"convert: {d}: --quantized-types is for .pt2 files, this is a directory"
    message = bad(UNSUPPORTED, "run", d, "--int4-packing", "avx2")
    assert message == f"run: {d}: --int4-packing is for .pt2 files, this is a directory"
    assert "no such option: --quantized-types" in bad(USAGE, "run", d, "--quantized-types")


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 64)

    def forward(self, x, w=None):
        return (self.fc(x), self.fc.weight) if w is None else nn.functional.linear(x, w)


def two():
    model = Two().eval()
    quantize_(model, Int8WeightOnlyConfig())
    return model


def test_a_subclass_that_is_an_output(tmp_path):
    exported = torch.export.export(two(), (rand(3, 64),))
    wanted = "'fc.weight' is a tensor subclass, and an output whole; give its inner tensors"
    with pytest.raises(UnsupportedError, match=wanted):
        exported_program_to_stablehlo(exported)
    torch.export.save(exported, tmp_path / "m.pt2")
    assert bad(UNSUPPORTED, "convert", tmp_path / "m.pt2", "-o", tmp_path / "d").endswith(wanted)


def test_a_subclass_that_is_an_input():
    model = two()
    exported = torch.export.export(model, (rand(3, 64), model.fc.weight.detach()))
    with pytest.raises(UnsupportedError, match="a tensor subclass that is an input; give its inner tensors"):
        exported_program_to_stablehlo(exported)


def test_quantized_tensors_of_eager_mode():
    class Old(nn.Module):
        def forward(self, x):
            return torch.quantize_per_tensor(x, 0.1, 0, torch.qint8).dequantize()

    with pytest.raises(UnsupportedError, match="element type torch.qint8 has no counterpart in StableHLO"):
        exported_program_to_stablehlo(export(Old(), rand(3)))
