"""Programs with sizes that are not known when they are converted. What is right comes from eager torch at several sizes (values), MLIR (the
module with "?" parses, verifies and round-trips), StableHLO's own shape refinement (it becomes static for real sizes), and TensorFlow (a
SavedModel with None dims)."""

import sys

import pytest
import torch
import torch.nn.functional as F
from oracle import compare
from served import array, same
from serving import needs_tensorflow, tensorflow  # noqa: F401 (a fixture)
from sizes import check_at, export
from test_cli import BAD_INPUT, ROOT, UNSUPPORTED, USAGE, good, tool
from torch import nn
from torch.export import Dim
from torch_stablehlo import (
    BadInputError,
    StableHLOExportOptions,
    StableHLOGraphModule,
    UnsupportedError,
    exported_program_to_stablehlo,
    save_as_stablehlo,
)
from torch_stablehlo._lib import lib
from torch_stablehlo.device import pjrt_device
from torch_stablehlo.tf_saved_model_integration import save_stablehlo_graph_as_tf

sys.path.insert(0, str(ROOT / "examples"))


# -- whole models --------------------------------------------------------------------------------------------------------

B, S = Dim("b", min=1, max=64), Dim("s", min=2, max=60)


def resnet18():
    from resnet18 import ResNet18

    return ResNet18(), {"x": {0: B}}, lambda n: (torch.randn(n, 3, 32, 32),), [(4,), (1,), (2,), (5,), (8,)]


class Images(nn.Module):
    """Convolutions, their transposes and norms over images of any size."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.group = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose2d(8, 3, 4, 2, 1)

    def forward(self, x):
        y = self.group(self.norm(self.conv(x)).relu())
        return self.up(y), y.mean((2, 3)), y.var((2, 3))


def images():
    dims = {0: B, 2: 2 * Dim("h", min=2, max=30), 3: 2 * Dim("w", min=2, max=30)}
    return Images(), {"x": dims}, lambda n, h, w: (torch.randn(n, 3, h, w),), [(2, 16, 16), (1, 8, 10), (3, 20, 4)]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 32), nn.Linear(32, 7)
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)

    def forward(self, x):
        return self.head(self.layer(self.embed(x))).softmax(-1)


def words(n, length):
    return (torch.randint(0, 50, (n, length)),)


def encoder():
    return Encoder(), {"x": {0: B, 1: S}}, words, [(3, 5), (1, 2), (4, 9)]


class Of(nn.Module):
    """A model of transformers, with one output and keyword arguments by position."""

    def __init__(self, model, names, output):
        super().__init__()
        self.model, self.names, self.output = model, names, output

    def forward(self, *args):
        return getattr(self.model(**dict(zip(self.names, args))), self.output)


def small(config, **more):
    return config(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, vocab_size=50, **more)


def bert():
    import transformers as t

    model = Of(t.BertModel(small(t.BertConfig)), ["input_ids", "attention_mask"], "last_hidden_state")
    dims = {"args": ({0: B, 1: S}, {0: B, 1: S})}

    def make(n, length):
        mask = torch.ones(n, length, dtype=torch.long)
        mask[:, -1] = 0
        return *words(n, length), mask

    return model, dims, make, [(3, 8), (1, 4), (2, 17), (5, 2), (1, 60)]


def gpt2():
    import transformers as t

    config = t.GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=50, n_positions=64, use_cache=False, bos_token_id=1, eos_token_id=1)
    return Of(t.GPT2LMHeadModel(config), ["input_ids"], "logits"), {"args": ({0: B, 1: S},)}, words, [(3, 8), (1, 4), (2, 17)]


def llama():
    import transformers as t

    model = t.LlamaForCausalLM(small(t.LlamaConfig, num_key_value_heads=2, use_cache=False))
    return Of(model, ["input_ids"], "logits"), {"args": ({0: B, 1: S},)}, words, [(3, 8), (1, 4), (2, 17)]


MODELS = [resnet18, images, encoder, bert, gpt2, llama]


@pytest.mark.parametrize("build", MODELS, ids=lambda f: f.__name__)
def test_model(build):
    torch.manual_seed(0)
    model, dynamic, make, sizes = build()
    ep = export(model, make(*sizes[0]), dynamic)
    check_at(model, exported_program_to_stablehlo(ep), [make(*s) for s in sizes])


@pytest.mark.parametrize("build", MODELS, ids=lambda f: f.__name__)
def test_a_loaded_model(build, tmp_path):
    """A directory knows no symbols: its bytecode is read back and made static for the sizes of each call."""
    torch.manual_seed(0)
    model, dynamic, make, sizes = build()
    save_as_stablehlo(export(model, make(*sizes[0]), dynamic), tmp_path / "d")
    program = StableHLOGraphModule.load(tmp_path / "d")
    for s in sizes[:3]:
        args = make(*s)
        with torch.no_grad():
            compare(program(*args), model(*args), 1e-4, 1e-4)


# -- operators -----------------------------------------------------------------------------------------------------------

N = Dim("n", min=4, max=50)


def narrowed(x):
    x.narrow(0, 1, 2).zero_()
    x[2:, 1].add_(1)
    return x


OPS = {
    "reshape": lambda x: x.reshape(x.shape[0] * 2, -1),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.flatten().unflatten(0, (-1, 4)),
    "cat": lambda x: torch.cat([x, x.flip(0), x[:2]]),
    "stack": lambda x: torch.stack([x, x + 1], 1),
    "slice from the end": lambda x: x[-2:],
    "slice to the end": lambda x: x[1:],
    "slice by a step": lambda x: x[::2],
    "slice both ends": lambda x: x[1:-1],
    "select": lambda x: (x[0], x[-1], x[:, -1]),
    "arange": lambda x: torch.arange(x.shape[0])[:, None] + x,
    "arange of floats": lambda x: torch.arange(0, x.shape[0], 1.0),
    "arange from": lambda x: torch.arange(x.shape[0], 2 * x.shape[0], 3),
    "full": lambda x: torch.full((x.shape[0], 3), 2.5),
    "zeros and ones": lambda x: (torch.zeros(x.shape[0]), torch.ones_like(x), x.new_zeros(2, x.shape[0])),
    "expand": lambda x: x[:1].expand(x.shape[0], 4),
    "mean": lambda x: (x.mean(), x.mean(0), x.mean(1), x.mean((0, 1), keepdim=True)),
    "sum": lambda x: (x.sum(), x.sum(0, keepdim=True)),
    "extremes": lambda x: (x.amax(0), x.amin(), x.max(1)),
    "var": lambda x: (x.var(0), x.std(), x.var(0, correction=0)),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=0),
    "softmax": lambda x: (x.softmax(0), x.log_softmax(1)),
    "logsumexp": lambda x: x.logsumexp(0),
    "cumsum": lambda x: (x.cumsum(0), x.cumsum(1), x.cumprod(0)),
    "matmul": lambda x: (x.T @ x, x @ x.T, x @ x[0]),
    "bmm": lambda x: torch.bmm(x[:, :, None], x[:, None, :]),
    "linear": lambda x: F.linear(x, torch.ones(3, 4), torch.ones(3)),
    "where": lambda x: torch.where(x > 0, x, x[0]),
    "masked_fill": lambda x: x.masked_fill(x > 0, -1.0),
    "pad": lambda x: (F.pad(x, (1, 2, 0, 1)), F.pad(x, (0, 0, -1, 3), value=2.0)),
    "repeat": lambda x: (x.repeat(2, 1), x.repeat_interleave(3, 0)),
    "triangles": lambda x: (torch.tril(x @ x.T), torch.triu(x @ x.T, 1)),
    "index": lambda x: (x[torch.tensor([0, -1])], x[:, torch.tensor([1, 2])], x[torch.arange(x.shape[0]), 0]),
    "index_select": lambda x: x.index_select(1, torch.tensor([3, 0])),
    "gather": lambda x: x.gather(1, (x > 0).long()),
    "chunk": lambda x: x.chunk(2, 1),
    "split": lambda x: x.split([1, 3], 1),
    "unbind": lambda x: x.unbind(1),
    "sort": lambda x: x.sort(1),
    "topk": lambda x: x.topk(2, 1),
    "argmax": lambda x: x.argmax(1),
    "glu": lambda x: F.glu(x, 1),
    "layer_norm": lambda x: F.layer_norm(x, (4,)),
    "rms_norm": lambda x: F.rms_norm(x, (4,)),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None], is_causal=True),
    "one_hot": lambda x: F.one_hot((x[:, 0] > 0).long(), 3),
    "embedding": lambda x: F.embedding((x > 0).long(), torch.ones(2, 3)),
    "max_pool": lambda x: F.max_pool2d(x[None], (3, 2), 2, 1),
    "avg_pool": lambda x: (F.avg_pool2d(x[None], (3, 2), 2, 1), F.avg_pool2d(x[None], 3, 1, 1, count_include_pad=False)),
    "global pools": lambda x: (F.adaptive_avg_pool2d(x[None], 1), F.adaptive_avg_pool2d(x[None], (1, 2)), F.adaptive_max_pool1d(x, 2)),
    "max_pool with places": lambda x: F.max_pool2d(x[None], 3, 2, 1, return_indices=True),
    "diff": lambda x: x.diff(dim=0),
    "size as a factor": lambda x: x * x.shape[0] + x.numel(),
    "size as a float": lambda x: x * (1.0 / x.shape[0]),
    "in place": lambda x: (x + 0).mul_(2).add_(x.shape[0]),
    "a part written": lambda x: narrowed(x.clone()),
    "a view written": lambda x: x.clone().index_fill(1, torch.tensor([1]), 0.0),
    "read by strides": lambda x: x.as_strided((2, 2), (1, 2)),
}
# Run for given sizes, but no module with "?" can hold them.
FOR_GIVEN_SIZES = {"read by strides"}


class Call(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


@pytest.mark.parametrize("name", OPS)
def test_operator(name):
    torch.manual_seed(0)
    model = Call(OPS[name])
    program = exported_program_to_stablehlo(export(model, (torch.randn(6, 4),), {"x": {0: N}}))
    calls = [(torch.randn(n, 4),) for n in (4, 7, 50)]
    if name not in FOR_GIVEN_SIZES:
        check_at(model, program, calls)
        return
    for args in calls:
        compare(program(*args), model(*args))
    with pytest.raises(UnsupportedError, match="it can be run, and converted for given sizes"):
        program.get_stablehlo_text()


def test_sizes_that_are_computed_of_others():
    class Derived(nn.Module):
        def forward(self, x, y):
            return x[::2] + y, torch.cat([x, y]).sum(0)

    n = Dim("n", min=2, max=20)
    ep = export(Derived(), (torch.randn(6, 2), torch.randn(3, 2)), {"x": {0: 2 * n}, "y": {0: n}})
    program = exported_program_to_stablehlo(ep)
    check_at(Derived(), program, [(torch.randn(2 * n, 2), torch.randn(n, 2)) for n in (2, 7, 20)])
    with pytest.raises(BadInputError, match="x: dimension 0 is 5, wanted 4, as 2\\*.* is by the other inputs"):
        program(torch.randn(5, 2), torch.randn(2, 2))


def test_a_size_known_only_by_a_multiple():
    ep = export(Call(lambda x: x.reshape(-1, 2)), (torch.randn(6),), {"x": {0: 2 * Dim("h", min=2, max=20)}})
    program = exported_program_to_stablehlo(ep)
    check_at(Call(lambda x: x.reshape(-1, 2)), program, [(torch.randn(n),) for n in (4, 10)])
    with pytest.raises(BadInputError, match="dimension 0 is 5"):
        program(torch.randn(5))


def test_auto():
    ep = export(Call(lambda x: x @ x.T), (torch.randn(6, 4),), {"x": (Dim.AUTO, Dim.AUTO)})
    check_at(Call(lambda x: x @ x.T), exported_program_to_stablehlo(ep), [(torch.randn(m, n),) for m, n in ((2, 3), (5, 2))])


# -- calls ---------------------------------------------------------------------------------------------------------------


class Two(nn.Module):
    def forward(self, x, y):
        return x + y


@pytest.fixture(scope="module")
def two():
    dims = {0: Dim("batch", min=2, max=64)}
    return exported_program_to_stablehlo(export(Two(), (torch.randn(4, 3), torch.randn(4, 3)), {"x": dims, "y": dims}))


@pytest.mark.parametrize(
    "x, y, message",
    [
        ((3, 3), (4, 3), "y: dimension 0 is 4, wanted 3, as s.* is by the other inputs"),
        ((100, 3), (100, 3), "x: dimension 0 makes s.* 100, wanted 2 to 64"),
        ((1, 3), (1, 3), "x: dimension 0 makes s.* 1, wanted 2 to 64"),
        ((4, 3, 1), (4, 3), r"input 0 \(x\) is f32\[4,3,1\], wanted f32\[\?,3\]"),
        ((4, 4), (4, 3), r"input 0 \(x\) is f32\[4,4\], wanted f32\[\?,3\]"),
    ],
)
def test_sizes_are_checked_at_the_call(two, x, y, message):
    with pytest.raises(BadInputError, match=message):
        two(torch.randn(x), torch.randn(y))


def test_a_size_is_compiled_once(two):
    for n in (4, 5, 4, 5, 5):
        two(torch.randn(n, 3), torch.randn(n, 3))
    runner = two._model.method(None)._runner(pjrt_device())
    before = lib.tshlo_runner_ncompiled(runner)
    for n in (5, 4, 5):
        two(torch.randn(n, 3), torch.randn(n, 3))
    assert lib.tshlo_runner_ncompiled(runner) == before


def test_buffers_of_several_sizes(two):
    device = pjrt_device()
    for n in (6, 9):
        x = torch.randn(n, 3)
        compare(two(device.put(x), device.put(x)), x + x)


# -- given sizes ---------------------------------------------------------------------------------------------------------


def dims(**sizes):
    return StableHLOExportOptions(dims={name.replace("_", "."): size for name, size in sizes.items()})


def test_a_size_given_at_conversion():
    ep = export(Two(), (torch.randn(4, 3), torch.randn(4, 3)), {"x": {0: B, 1: S}, "y": {0: B, 1: S}})
    program = exported_program_to_stablehlo(ep, dims(x_0=8, y_1=5))
    assert "?" not in program.get_stablehlo_text()
    x = torch.randn(8, 5)
    compare(program(x, x), x + x)
    some = exported_program_to_stablehlo(ep, dims(x_1=5))
    assert "tensor<?x5xf32>" in some.get_stablehlo_text()
    check_at(Two(), some, [(torch.randn(n, 5), torch.randn(n, 5)) for n in (1, 6)])


@pytest.mark.parametrize(
    "name, size, message",
    [
        ("x_0", 100, "x.0 = 100 makes s.* 100, wanted 1 to 64"),
        ("x_2", 3, "'x.2' is no size of the program"),
        ("z_0", 3, r"'z.0' is no size of the program, wanted a symbol \(s"),
        ("x", 3, "'x' is no size"),
        ("x_1", 3, "x.1 is 3 in the program, it cannot be chosen"),
    ],
)
def test_sizes_that_cannot_be_given(name, size, message):
    ep = export(Two(), (torch.randn(4, 3), torch.randn(4, 3)), {"x": {0: B}, "y": {0: B}})
    with pytest.raises(BadInputError, match=message):
        exported_program_to_stablehlo(ep, dims(**{name: size}))


def test_command_line(tmp_path):
    path = tmp_path / "m.pt2"
    torch.export.save(export(Two(), (torch.randn(4, 3), torch.randn(4, 3)), {"x": {0: B}, "y": {0: B}}), path)
    assert "tensor<?x3xf32>" in good("convert", path, "-o", "-")
    assert "tensor<8x3xf32>" in good("convert", path, "-o", "-", "--dim", "x.0=8")
    for arg in ("x.0", "x.0=", "=3", "x.0=-1", "x.0=8x", "x.0=99999999999999999999"):
        code, _, err = tool("convert", path, "-o", "-", "--dim", arg)
        assert code == USAGE and "wanted NAME=SIZE" in err
    assert tool("convert", path, "-o", "-", "--dim", "x.0=65")[0] == BAD_INPUT
    assert tool("convert", path, "-o", tmp_path / "d")[0] == 0
    assert tool("convert", tmp_path / "d", "-o", "-", "--dim", "x.0=8")[0] == UNSUPPORTED
    assert "f32[?,3]" in good("inspect", tmp_path / "d")


# -- SavedModels ---------------------------------------------------------------------------------------------------------


@needs_tensorflow
@pytest.mark.parametrize("build", [resnet18, bert], ids=lambda f: f.__name__)
def test_saved_model(build, tensorflow, tmp_path):  # noqa: F811
    """TensorFlow refines the module for the sizes of each request."""
    torch.manual_seed(0)
    model, dynamic, make, sizes = build()
    program = exported_program_to_stablehlo(export(model, make(*sizes[0]), dynamic))
    save_stablehlo_graph_as_tf(program, tmp_path / "m")
    number = tensorflow.load(tmp_path / "m")["object"]
    names = ["x"] if build is resnet18 else ["args_0", "args_1"]
    for s in [(1,), (2,), (3,), (8,)] if build is resnet18 else sizes[:3]:
        args = make(*s)
        with torch.no_grad():
            want = model(*args)
        got = tensorflow.signature(number, "serving_default", {n: array(a) for n, a in zip(names, args)})
        same(got["output_0"], array(want), rtol=1e-4, atol=1e-4)


def test_saved_directory_says_which_sizes(tmp_path):
    import json

    save_as_stablehlo(export(Two(), (torch.randn(4, 3), torch.randn(4, 3)), {"x": {0: B}, "y": {0: B}}), tmp_path / "d")
    meta = json.loads((tmp_path / "d/functions/forward.meta").read_text())
    assert meta["input_signature"][0] == {"shape": [4, 3], "dtype": "float32", "dynamic_dims": [0]}
    assert meta["output_signature"] == [{"shape": [4, 3], "dtype": "float32", "dynamic_dims": [0]}]


def test_a_directory_as_torch_xla_writes_it(tmp_path):
    """Shapes computed in i32, no names, no ranges."""
    import handmade
    import numpy as np

    path, eager = handmade.dynamic(tmp_path / "d")
    program = StableHLOGraphModule.load(path)
    for n in (1, 4, 7):
        x = np.random.default_rng(n).normal(size=(n, 3)).astype("f")
        for got, want in zip(program(x), eager(x)):
            np.testing.assert_allclose(np.asarray(got), want, rtol=1e-5, atol=1e-6)
    with pytest.raises(BadInputError, match="f32.1,2., wanted f32.?"):
        program(np.zeros((1, 2), np.float32))
