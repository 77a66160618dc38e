"""src/tune: rewrites for speed leave results the same, and leave what they should.

Models run rewritten and as converted, both against eager; the rewritten module, made by src/tune/test/tune_tool.c, is parsed and
verified by MLIR and looked at: which transposes are left, what is computed at each run, what once.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._higher_order_ops.while_loop import while_loop
from torch.nn import functional as F

from oracle import compare
from torch_stablehlo import BadInputError, exported_program_to_stablehlo

ROOT = Path(__file__).resolve().parents[1]
TOOL = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/tune/test/tune_tool"


def seeded(model):
    """Weights and running statistics that are not what a fresh layer has."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, t in [*model.named_parameters(), *model.named_buffers()]:
            if t.is_floating_point():
                t.copy_(torch.rand_like(t) + 0.5 if "var" in name else torch.randn_like(t) * 0.5)
    return model.eval()


def export(model, *args, **kwargs):
    with torch.no_grad():
        return torch.export.export(model, args, strict=False, **kwargs)


def tune(program, *passes):
    """(text of the module after these passes, {"each": where its arguments come from, "once": ...})"""
    from jaxlib.mlir.dialects import stablehlo
    from mlir import context

    meta = program._bundle.stablehlo_funcs[0].meta
    weights = sum(location.type_.name != "INPUT_ARG" for location in meta.input_locations)
    code, said = program.get_stablehlo_bytecode(), ""
    for name in passes:
        done = subprocess.run([TOOL, name, str(weights)], input=code, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        code, said = done.stdout, done.stderr.decode()
    module = stablehlo.deserialize_portable_artifact(context(), code)
    assert module.operation.verify()
    return str(module), {line.split()[0]: line.split()[1:] for line in said.splitlines()}


ALL = ("scale", "layout", "each")


def count(text, op):
    return len(re.findall(rf"\bstablehlo\.{op}\b", text))


class Chain(nn.Module):
    """f between two convolutions with batch norms."""

    def __init__(self, f, between=4, d=2):
        super().__init__()
        conv, norm = getattr(nn, f"Conv{d}d"), getattr(nn, f"BatchNorm{d}d")
        self.first = nn.Sequential(conv(3, 4, 3, padding=1, bias=False), norm(4))
        self.second = nn.Sequential(conv(between, 5, 3, padding=1), norm(5))
        self.f = f

    def forward(self, x):
        return self.second(self.f(self.first(x)))


def expand(x):
    """[N, C, H, W] with C values that are no weights."""
    return x.mean((2, 3), keepdim=True).expand_as(x)


# what stands between two convolutions -> the features of its result; no transposes but that of the input and the output are left,
# and of constants
BETWEEN = {
    "relu": (F.relu, 4),
    "gelu": (F.gelu, 4),
    "hardswish": (F.hardswish, 4),
    "clamp": (lambda x: x.clamp(-0.5, 0.5), 4),
    "where": (lambda x: torch.where(x > 0, x, 0.1), 4),
    "where of two": (lambda x: torch.where(x > 0, x, x * x), 4),
    "half and back": (lambda x: x.half().float(), 4),
    "max_pool": (lambda x: F.max_pool2d(x, 3, 2, padding=1), 4),
    "max_pool dilated": (lambda x: F.max_pool2d(x, 2, 1, dilation=2), 4),
    "avg_pool": (lambda x: F.avg_pool2d(x, 3, 2, padding=1, count_include_pad=False), 4),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 3), value=2.0), 4),
    "slice": (lambda x: x[:, :, 1:-1, ::2], 4),
    "cat": (lambda x: torch.cat([x, x.relu(), -x], 1), 12),
    "features cut": (lambda x: torch.cat([x[:, 2:], x[:, :1]], 1), 3),
    "squeeze and excite": (lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(), 4),
    "instance norm": (lambda x: F.instance_norm(x), 4),
    "residual": (lambda x: x + x.relu(), 4),
    "layer norm over features": (lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2), 4),
    "pixel_unshuffle of ones": (lambda x: x.unsqueeze(2).squeeze(2), 4),
    "expanded": (lambda x: x + expand(x), 4),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_between_convolutions(name):
    f, features = BETWEEN[name]
    model, x = seeded(Chain(f, features)), torch.randn(2, 3, 9, 8)
    program = exported_program_to_stablehlo(export(model, x))
    compare(program(x), model(x))
    text, _ = tune(program, *ALL)
    assert count(text, "transpose") == (3 if name == "avg_pool" else 2), text


# what the features meet that has its own order: values stay right
ACROSS = {
    "flip": lambda x: x.flip(1),
    "roll": lambda x: x.roll(1, 2),
    "softmax": lambda x: x.softmax(1),
    "sort": lambda x: x.sort(1).values,
    "cumsum": lambda x: x.cumsum(2),
    "matmul": lambda x: 0.1 * x @ x.transpose(2, 3),
    "upsample": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "shuffle": lambda x: F.channel_shuffle(x, 2),
    "flat and back": lambda x: x.flatten(2).relu().reshape(x.shape),
    "to the end and back": lambda x: x.flatten(2).transpose(1, 2).sigmoid().transpose(1, 2).reshape(x.shape),
    "rows together": lambda x: x.reshape(2, 2, 2, 72).tanh().reshape(x.shape),
    "features and rows together": lambda x: x.reshape(2, 36, 8).tanh().reshape(x.shape),
    "group norm": lambda x: F.group_norm(x, 2),
    "index": lambda x: x[:, torch.tensor([2, 0, 1, 3])],
    "gather": lambda x: x.gather(1, torch.zeros(2, 4, 9, 8, dtype=torch.int64)),
    "unfold": lambda x: F.fold(F.unfold(x, 3, padding=1), (9, 8), 3, padding=1),
    "in place": lambda x: x.clone().mul_(2).add_(1),
    "argmax": lambda x: x * x.argmax(1, keepdim=True),
    "sum of features": lambda x: x * x.sum(1, keepdim=True),
    "max with places": lambda x: x + F.max_unpool2d(*F.max_pool2d(x[:, :, :8], 2, return_indices=True), 2).sum(),
    "while": lambda x: while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 0.5), (torch.tensor(0), x))[1],
    "cond": lambda x: torch.cond(x.sum() > 0, lambda y: y + x, lambda y: y - x, (x.relu(),)),
}


@pytest.mark.parametrize("name", ACROSS)
def test_across_other_ops(name):
    model, x = seeded(Chain(ACROSS[name])), torch.randn(2, 3, 9, 8)
    program = exported_program_to_stablehlo(export(model, x))
    compare(program(x), model(x))
    tune(program, *ALL)


def test_weights_in_a_loop():
    """What a loop computes from weights and from what it carries is no work that can be done once, whatever it is small enough for."""

    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.step, self.gain = nn.Linear(4, 4), nn.Parameter(torch.ones(4))

        def forward(self, x):
            return while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, self.step(y) * self.gain.exp()), (torch.tensor(0), x))[1]

    for model, x in ((Loop(), torch.randn(2, 4)), (nn.LSTM(4, 6, proj_size=3), torch.randn(5, 2, 4))):
        seeded(model)
        program = exported_program_to_stablehlo(export(model, x))
        with torch.no_grad():
            compare(program(x), model(x), 1e-5, 1e-5)
        tune(program, *ALL)


LAYERS = {
    "1d": (nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), (2, 3, 9)),
    "3d": (nn.Conv3d(3, 4, (1, 2, 3)), nn.BatchNorm3d(4), (2, 3, 4, 5, 6)),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2, stride=2), nn.BatchNorm2d(6), (1, 4, 7, 7)),
    "depthwise": (nn.Conv2d(4, 8, 3, groups=4, dilation=2), nn.BatchNorm2d(8), (1, 4, 7, 7)),
    "transposed": (nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), (1, 3, 5, 5)),
    "transposed in groups": (nn.ConvTranspose1d(4, 6, 3, groups=2, stride=2), nn.BatchNorm1d(6), (1, 4, 5)),
    "without gain": (nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False), (2, 3, 4, 4)),
    "double": (nn.Conv2d(3, 4, 1).double(), nn.BatchNorm2d(4).double(), (2, 3, 4, 4)),
    "nothing": (nn.Conv2d(3, 4, 1), nn.Identity(), (2, 3, 4, 4)),
    "no batch": (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), (0, 3, 4, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_batch_norm_is_one_addition(name):
    conv, norm, shape = LAYERS[name]
    model = seeded(nn.Sequential(conv, norm))
    x = torch.randn(shape, dtype=conv.weight.dtype)
    program = exported_program_to_stablehlo(export(model, x))
    compare(program(x), model(x))
    text, said = tune(program, *ALL)
    assert count(text, "multiply") == count(text, "subtract") == count(text, "rsqrt") == 0, text
    assert count(text, "convolution") == 1 and count(text, "add") <= 1
    if 0 not in shape:
        assert all(a.startswith("~") for a in said["each"][1:]) or name == "nothing", said


class Scales(nn.Module):
    """What is and is not a scale of the features."""

    def __init__(self, f):
        super().__init__()
        self.conv, self.v, self.f = nn.Conv2d(3, 4, 1, bias=False), nn.Parameter(torch.ones(4, 1, 1)), f

    def forward(self, x):
        return self.f(self.conv(x), self.v, x)


# -> multiplications and divisions that are left to each run
SCALES = {
    "times": (lambda y, v, x: y * v, 0),
    "times on the left": (lambda y, v, x: v * y, 0),
    "by": (lambda y, v, x: y / v, 0),
    "of": (lambda y, v, x: v / y, 1),
    "minus": (lambda y, v, x: (y - v) * 2, 0),
    "from": (lambda y, v, x: (v - y) * v, 0),
    "twice": (lambda y, v, x: ((y * v + v) * v - v) / v, 0),
    "by an input": (lambda y, v, x: y * x[:, :1], 1),
    "along rows": (lambda y, v, x: y * v.reshape(4, 1), 1),
    "of one": (lambda y, v, x: y * v[:1], 0),
    "also bare": (lambda y, v, x: y * v + y, 1),
    "two of one": (lambda y, v, x: (y * v) * (y + v), 2),
}


@pytest.mark.parametrize("name", SCALES)
def test_scales(name):
    f, left = SCALES[name]
    model, x = seeded(Scales(f)), torch.randn(2, 3, 4, 4)
    program = exported_program_to_stablehlo(export(model, x))
    compare(program(x), model(x))
    text, _ = tune(program, *ALL)
    assert count(text, "multiply") + count(text, "divide") == left, text


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_floats_keep_their_weights(dtype):
    """Their rounding is part of the result."""
    model = seeded(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))).to(dtype)
    x = torch.randn(2, 3, 4, 4).to(dtype)
    program = exported_program_to_stablehlo(export(model, x))
    compare(program(x), model(x))
    text, _ = tune(program, "scale")
    assert count(text, "multiply") > 0


def test_nothing_is_computed_once_that_takes_more_memory():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Buffer(torch.randint(-128, 128, (64, 64, 8), dtype=torch.int8))
            self.scale = nn.Buffer(torch.rand(64, 1, 1))
            self.big = nn.Buffer(torch.randn(64, 64))

        def forward(self, x):
            w = (self.w.float() * self.scale).sum(2)                     # smaller than w again
            return x @ (w + self.big.bfloat16()) / 99, (x * self.w[:, :, 0]), self.big.cos().sum()

    model, x = Net().eval(), torch.randn(64, 64)
    program = exported_program_to_stablehlo(export(model, x))
    compare(program(x), model(x))
    text, said = tune(program, "each")
    assert count(text, "cosine") == 0 and "tensor<64x64x8xf32>" not in text, text
    assert len(said["each"]) >= 2


def test_state_is_no_weight():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.register_buffer("gain", torch.ones(2, 1, 1))

        def forward(self, x):
            y = self.conv(x) * (self.gain * 3)
            self.gain.add_(1)
            return y

    model, x = Net().eval(), torch.randn(1, 1, 5, 5)
    program = exported_program_to_stablehlo(export(model, x))
    for _ in range(3):
        compare(program(x), model(x))


def test_sizes_share_what_is_computed_once():
    model, x = seeded(Chain(F.relu)), torch.randn(2, 3, 8, 8)
    batch = torch.export.Dim("batch", max=64)
    program = exported_program_to_stablehlo(export(model, x, dynamic_shapes=({0: batch},)))
    for n in (1, 5, 2, 1):
        x = torch.randn(n, 3, 8, 8)
        compare(program(x), model(x))


@pytest.mark.parametrize("loaded", [False, True])
def test_off(loaded, tmp_path):
    from torch_stablehlo import StableHLOGraphModule

    model, x = seeded(Chain(F.relu)), torch.randn(2, 3, 8, 8)
    program = exported_program_to_stablehlo(export(model, x))
    text = program.get_stablehlo_text()
    if loaded:
        program.save(tmp_path / "d")
        program = StableHLOGraphModule.load(tmp_path / "d")
    assert program.tuned
    program.tuned = False
    assert not program.tuned
    compare(program(x), model(x))
    with pytest.raises(BadInputError, match="compiled already"):
        program.tuned = True
    assert program.get_stablehlo_text() == text


def test_cli(tmp_path):
    import numpy as np

    model, x = seeded(Chain(F.relu)), torch.randn(2, 3, 8, 8)
    exported = export(model, x)
    torch.export.save(exported, tmp_path / "m.pt2")
    np.save(tmp_path / "x.npy", x.numpy())
    cli = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/cli/torch-stablehlo"
    for more in ([], ["--untuned"]):
        command = [cli, "run", tmp_path / "m.pt2", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy", *more]
        subprocess.run(command, check=True, capture_output=True)
        compare(torch.from_numpy(np.load(tmp_path / "y.npy")), model(x))
