"""Where weights go: a safetensors file, read by the safetensors package and written by it for us, and constants of the module."""

import json
import pathlib

import numpy as np
import pytest
import safetensors.torch
import torch
from test_cli import BAD_INPUT, UNSUPPORTED, USAGE, bad, good
from torch import nn

from torch_stablehlo import (
    BadInputError,
    StableHLOExportOptions,
    StableHLOGraphModule,
    UnsupportedError,
    exported_program_to_stablehlo,
    save_as_stablehlo,
)

SAFE = StableHLOExportOptions(weights_format="safetensors")
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
WHOLE = [torch.bool, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64]


class Every(nn.Module):
    """Weights of every type, strided, tied, empty, 0-d."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        for dtype in FLOATS + WHOLE + [torch.complex64]:
            value = torch.randn(2, 3, dtype=dtype) if dtype.is_complex else (torch.randn(2, 3) * 3).abs().to(dtype)
            self.register_buffer(f"of_{str(dtype)[6:]}", value)
        self.strided = nn.Parameter(torch.randn(4, 5).t()[1:4, ::2])
        self.one = nn.Parameter(torch.tensor(2.5))
        self.register_buffer("none", torch.zeros(0, 3))
        self.tied = self.strided

    def forward(self, x):
        kept = [getattr(self, f"of_{str(dtype)[6:]}").clone() for dtype in FLOATS + WHOLE + [torch.complex64]]
        return x @ self.strided + self.one, self.tied * 2, self.none + 1, *kept


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    model, x = Every(), torch.randn(2, 3)
    program = torch.export.export(model, (x,))
    save_as_stablehlo(program, folder / "safe", SAFE)
    save_as_stablehlo(program, folder / "npy")
    torch.export.save(program, folder / "every.pt2")
    return model, x, folder


def same(got, want):
    assert len(got) == len(want)
    for g, w in zip(got, want):
        if w.dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
            g, w = torch.as_tensor(g).float(), w.float()
        torch.testing.assert_close(torch.as_tensor(g), w, rtol=1e-5, atol=1e-6)


def test_safetensors_reads_it(saved):
    model, _, folder = saved
    assert not (folder / "safe/data").exists()
    path = folder / "safe/weights.safetensors"
    assert int.from_bytes(path.read_bytes()[:8], "little") % 64 == 56  # data begins on a multiple of 64
    got, want = safetensors.torch.load_file(path), model.state_dict()
    assert set(got) == set(want) - {"tied"} or set(got) == set(want) - {"strided"}
    with safetensors.safe_open(path, "pt") as f:
        assert f.metadata() == {"format": "pt", **{name: (set(want) & {"tied", "strided"} - {name}).pop() for name in set(want) - set(got)}}
    for name, tensor in got.items():
        assert torch.equal(tensor.reshape(-1).contiguous().view(torch.uint8), want[name].contiguous().reshape(-1).view(torch.uint8)), name


def test_it_runs(saved):
    model, x, folder = saved
    want = model(x)
    same(StableHLOGraphModule.load(folder / "safe")(x), want)
    StableHLOGraphModule.load(folder / "safe").save(folder / "again")  # as .npy files
    again = {f.name: f.read_bytes() for f in (folder / "again/data").iterdir()}
    assert again.keys() == {f.name for f in (folder / "npy/data").iterdir()}
    same(StableHLOGraphModule.load(folder / "again")(x), want)


def test_from_the_command_line(saved, tmp_path):
    _, _, folder = saved
    good("convert", folder / "every.pt2", "-o", tmp_path / "d", "--weights", "safetensors")
    assert (tmp_path / "d/weights.safetensors").read_bytes() == (folder / "safe/weights.safetensors").read_bytes()
    good("convert", folder / "safe", "-o", tmp_path / "n", "--weights", "npy")
    assert (tmp_path / "n/data").is_dir()
    assert "wanted npy or safetensors" in bad(USAGE, "convert", folder / "every.pt2", "-o", tmp_path / "e", "--weights", "zip")
    assert "--weights is for directories" in bad(USAGE, "convert", folder / "every.pt2", "-o", "-", "--weights", "npy")


def test_files_of_others(saved, tmp_path):
    """What safetensors.torch writes, in its own order, with odd sizes before even ones."""
    model, x, folder = saved
    StableHLOGraphModule.load(folder / "safe").save(tmp_path / "d", SAFE)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name != "tied"}
    safetensors.torch.save_file(state, tmp_path / "d/weights.safetensors", {"tied": "strided"})  # as save_model() has it
    same(StableHLOGraphModule.load(tmp_path / "d")(x), model(x))


def document(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
WRONG = [
    (b"", "safetensors header"),
    (b"12345678", "its header is said to have"),
    (document(b"", b""), "does not begin with '{'"),
    (document(b"[]"), "does not begin with '{'"),
    (document(b"{"), "safetensors header: "),
    (document({"a": F32}, bytes(8), length=4000), "safetensors header"),
    (document({"a": F32}, bytes(7)), "a: safetensors header: offset 6: data_offsets: wanted a begin and an end within the file's 7 bytes"),
    (document({"a": F32}, bytes(9)), "its tensors end at 8 of the data, which has 9 bytes"),
    (document({"a": {**F32, "shape": [3]}}, bytes(8)), "has 8 bytes of data, its shape wants 12"),
    (document({"a": {**F32, "shape": [-1]}}, bytes(8)), "a size is no number of 0 or more"),
    (document({"a": {**F32, "shape": [0, 2**62, 2**62]}}, bytes(8)), "the shape's sizes overflow"),
    (document({"a": {**F32, "shape": [1] * 65}}, bytes(8)), "wanted a list of at most 64 sizes"),
    (document({"a": {**F32, "data_offsets": [8, 0]}}, bytes(8)), "wanted a begin and an end"),
    (document({"a": {**F32, "data_offsets": [0]}}, bytes(8)), "wanted a begin and an end"),
    (document({"a": {**F32, "dtype": "F128"}}, bytes(8)), "a: element type F128"),
    (document({"a": F32, "b": F32}, bytes(8)), "b: begins at 0 of the data, wanted 8: no gap and no overlap"),
    (document({"a": F32, "b": {**F32, "data_offsets": [9, 17]}}, bytes(17)), "b: begins at 9 of the data, wanted 8"),
    (document(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}', bytes(8)), "two tensors have this name"),
    (document({"a": 7}), "wanted an object with dtype, shape and data_offsets"),
    (document({"a": F32}, bytes(8)), "there is no tensor 'weight' in weights.safetensors"),
    (document({"weight": F32}, bytes(8)), "tensor 'weight' in weights.safetensors is float32[2], the signature says float32[3,2]"),
]


@pytest.mark.parametrize("content, message", WRONG)
def test_broken_files(content, message, tmp_path):
    model = nn.Linear(2, 3, bias=False)
    save_as_stablehlo(torch.export.export(model, (torch.ones(1, 2),)), tmp_path / "d", SAFE)
    (tmp_path / "d/weights.safetensors").write_bytes(content)
    with pytest.raises((BadInputError, UnsupportedError)) as found:
        StableHLOGraphModule.load(tmp_path / "d")
    assert message in str(found.value) and "weights.safetensors" in str(found.value)


def test_not_both(saved, tmp_path):
    _, _, folder = saved
    StableHLOGraphModule.load(folder / "safe").save(tmp_path / "d")
    (tmp_path / "d/weights.safetensors").write_bytes(pathlib.Path(folder / "safe/weights.safetensors").read_bytes())
    with pytest.raises(BadInputError, match="has both weights.safetensors and files in data/"):
        StableHLOGraphModule.load(tmp_path / "d")


def test_what_the_format_has_no_name_for(tmp_path):
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(2, dtype=torch.complex128))

        def forward(self, x):
            return x + self.w

    with pytest.raises(UnsupportedError, match="w: safetensors has no element type complex<f64>"):
        save_as_stablehlo(torch.export.export(M(), (torch.ones(2),)), tmp_path / "d", SAFE)
    assert not (tmp_path / "d").exists()
    with pytest.raises(BadInputError, match="weights_format is 'zip'"):
        save_as_stablehlo(torch.export.export(M(), (torch.ones(2),)), tmp_path / "d", StableHLOExportOptions(weights_format="zip"))


# -- constants of the module ---------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.bn = nn.Linear(8, 40), nn.Linear(40, 3), nn.BatchNorm1d(3)

    def forward(self, x):
        return self.bn(self.fc2(self.fc1(x).relu()))


def weights_of(program):
    return {str(at.name) for at in program._bundle.stablehlo_funcs[0].meta.input_locations if at.name}


EVAL = {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"}


@pytest.mark.parametrize(
    "which, left",
    [
        (False, EVAL),
        (True, set()),
        (12, EVAL - {"fc2.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"}),
        ("160B", {"fc1.weight", "fc2.weight"}),
        ("1KiB", {"fc1.weight"}),
        ("1MiB", set()),
        ("*.bias", EVAL - {"fc1.bias", "fc2.bias", "bn.bias"}),
        (["fc?.weight", "bn.running_[mv]*"], {"fc1.bias", "fc2.bias", "bn.weight", "bn.bias"}),
    ],
)
def test_inlined(which, left):
    torch.manual_seed(0)
    model, x = Net().eval(), torch.randn(4, 8)
    program = exported_program_to_stablehlo(torch.export.export(model, (x,)), StableHLOExportOptions(inline_weights=which))
    assert weights_of(program) == left
    torch.testing.assert_close(program(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("which", [True, "1GiB", "*"])
def test_state_is_not_inlined(which):
    torch.manual_seed(0)
    model, eager, x = Net(), Net(), torch.randn(4, 8)
    eager.load_state_dict(model.state_dict())
    program = exported_program_to_stablehlo(torch.export.export(model, (x,)), StableHLOExportOptions(inline_weights=which))
    assert weights_of(program) == {"bn.running_mean", "bn.running_var", "bn.num_batches_tracked"}
    for seed in range(3):
        x = torch.randn(4, 8, generator=torch.Generator().manual_seed(seed))
        torch.testing.assert_close(program(x), eager(x), rtol=1e-4, atol=1e-5)
    for name, value in program.state().items():
        torch.testing.assert_close(torch.as_tensor(np.asarray(value)), eager.state_dict()[name], rtol=1e-5, atol=1e-6)


def test_inline_from_the_command_line(tmp_path):
    torch.export.save(torch.export.export(Net().eval(), (torch.randn(4, 8),)), tmp_path / "net.pt2")

    def arguments(*options):
        return good("convert", tmp_path / "net.pt2", "-o", "-", *options).split("{", 2)[1].split("->")[0].count("%arg")

    assert [arguments(), arguments("--inline", "160"), arguments("--inline", "*.bias", "--inline", "bn.*")] == [9, 3, 3]
    message = bad(BAD_INPUT, "convert", tmp_path / "net.pt2", "-o", "-", "--inline", "fc9.*")
    assert message == "inline: no weight has a name like 'fc9.*', nor is that a size such as 64KiB"
    good("convert", tmp_path / "net.pt2", "-o", tmp_path / "d")
    assert "--inline is for .pt2 files" in bad(UNSUPPORTED, "convert", tmp_path / "d", "-o", "-", "--inline", "9")
