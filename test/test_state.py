"""Programs that write buffers and inputs: the values after each call are eager's."""

import json
import subprocess
import sys
import threading
import warnings

import decode_worker
import numpy as np
import pytest
import torch
from oracle import check_format, compare
from test_cli import UNSUPPORTED, bad
from torch import nn
from torch_stablehlo import BadInputError, StableHLOGraphModule, UnsupportedError, exported_program_to_stablehlo
from torch_stablehlo.device import pjrt_device


def program_of(model, *args):
    return exported_program_to_stablehlo(torch.export.export(model, args))


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("total", torch.zeros(3, 2))

    def forward(self, x):
        self.count += 1
        self.total.add_(x)
        return self.total * self.count


@pytest.fixture
def counter():
    torch.manual_seed(0)
    return program_of(Counter(), torch.randn(3, 2))


def test_state_goes_on_from_call_to_call(counter):
    model = Counter()
    for _ in range(5):
        x = torch.randn(3, 2)
        compare(counter(x), model(x))
    state = counter.state()
    assert list(state) == ["count", "total"] and state["count"] == 5
    np.testing.assert_allclose(state["total"], model.total.numpy(), rtol=1e-6)


def test_reset(counter):
    x = torch.ones(3, 2)
    first = counter(x)
    counter(x)
    counter.reset_state()
    assert counter.state()["count"] == 0
    compare(counter(x), first)


def test_state_can_be_set(counter):
    state = counter.state()
    state["count"] = torch.tensor(9)
    state["total"] = np.full((3, 2), 2, np.float32)
    compare(counter(torch.ones(3, 2)), torch.full((3, 2), 30.0))
    with pytest.raises(BadInputError, match="'total'"):
        state["total"] = np.zeros((2, 3), np.float32)
    with pytest.raises(BadInputError, match="'other'"):
        state["other"] = np.zeros(1)
    with pytest.raises(BadInputError, match="cannot be removed"):
        del state["count"]
    with pytest.raises(KeyError):
        state["other"]


def test_what_was_read_does_not_change(counter):
    counter(torch.ones(3, 2))
    before = counter.state()["total"]
    kept = before.copy()
    counter(torch.ones(3, 2))
    np.testing.assert_array_equal(before, kept)


def test_a_loaded_directory_keeps_state(counter, tmp_path):
    counter(torch.ones(3, 2))
    counter.save(tmp_path / "d")
    loaded, model = StableHLOGraphModule.load(tmp_path / "d"), Counter()
    for _ in range(3):
        x = torch.randn(3, 2)
        compare(loaded(x), model(x))
    assert loaded.state()["count"] == 3


def test_the_module_says_what_may_lie_where(counter):
    check_format(counter)
    text = counter.get_stablehlo_text()
    assert "tensor<i64> {tf.aliasing_output = 1 : i32}" in text and "tensor<3x2xf32> {tf.aliasing_output = 2 : i32}" in text


def test_batch_norm_in_training():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    x = torch.randn(2, 3, 5, 5)
    program = program_of(model, x)
    for _ in range(3):
        x = torch.randn(2, 3, 5, 5)
        compare(program(x), model(x), 1e-4, 1e-5)
    for name, value in program.state().items():
        np.testing.assert_allclose(value, model.state_dict()[name].numpy(), rtol=1e-4, atol=1e-6)


def test_state_that_is_written_but_not_read():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("last", torch.zeros(2))

        def forward(self, x):
            self.last.copy_(x)
            return x + 1

    program = program_of(Last(), torch.ones(2))
    compare(program(torch.tensor([3.0, 4.0])), torch.tensor([4.0, 5.0]))
    assert program.state()["last"].tolist() == [3, 4]


def test_programs_without_state():
    program = program_of(nn.Linear(2, 2), torch.ones(1, 2))
    program(torch.ones(1, 2))
    assert dict(program.state()) == {}
    program.reset_state()


def test_results_on_the_device(counter):
    device = pjrt_device()
    a = counter.evaluate(None, (device.put(torch.ones(3, 2)),), to_device=True)
    counter(torch.ones(3, 2))
    compare(a.torch(), torch.ones(3, 2))


def test_from_many_threads(counter):
    counter(torch.ones(3, 2))
    threads = [threading.Thread(target=lambda: [counter(torch.ones(3, 2)) for _ in range(25)]) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert counter.state()["count"] == 101 and (counter.state()["total"] == 101).all()


class Shared(nn.Module):
    """Writes one buffer and reads another, which is the same memory."""

    def __init__(self, view):
        super().__init__()
        self.register_buffer("rows", torch.zeros(4, 3))
        self.register_buffer("other", view(self.rows))

    def forward(self, x):
        self.rows[1].add_(x)
        return self.other.sum(0)


def test_one_buffer_under_two_names():
    model, program = Shared(lambda t: t), program_of(Shared(lambda t: t), torch.ones(3))
    for i in range(3):
        x = torch.arange(3.0) + i
        compare(program(x), model(x))


@pytest.mark.parametrize("view", [lambda t: t[1:3], lambda t: t.view(12), lambda t: t[:, ::2]], ids=["rows", "reshaped", "columns"])
def test_buffers_that_are_views_of_one_another_are_refused(view, tmp_path):
    """In the program they are two values."""
    ep, message = torch.export.export(Shared(view), (torch.ones(3),)), "writes 'rows' in memory that 'other', which method 'forward' reads, has too"
    with pytest.raises(UnsupportedError, match=message):
        exported_program_to_stablehlo(ep)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(ep, tmp_path / "m.pt2")
    assert message in bad(UNSUPPORTED, "convert", tmp_path / "m.pt2", "-o", "-")
    apart = Shared(lambda t: view(t).clone())
    compare(program_of(apart, torch.ones(3))(torch.ones(3)), apart(torch.ones(3)))


def test_state_that_methods_know_by_other_names_is_refused():
    class Held(nn.Module):
        def __init__(self, counter):
            super().__init__()
            self.held = counter

        def forward(self, x):
            return self.held(x)

    counter, x = Counter(), torch.ones(3, 2)
    both = {"one": torch.export.export(counter, (x,)), "other": torch.export.export(Held(counter), (x,))}
    with pytest.raises(UnsupportedError, match="method 'one' writes 'count' in memory that 'held.count', which method 'other' reads, has too"):
        exported_program_to_stablehlo(both)


# -- inputs that are written ---------------------------------------------------------------------------------------------


class Doubled(nn.Module):
    def forward(self, x):
        x.mul_(2)
        return x + 1


@pytest.mark.parametrize("kind", ["torch", "numpy", "device"])
def test_an_input_written_in_place(kind):
    program = program_of(Doubled(), torch.ones(3))
    x = torch.tensor([1.0, 2.0, 3.0])
    x = {"torch": lambda: x, "numpy": x.numpy, "device": lambda: pjrt_device().put(x.clone())}[kind]()
    y = program(x)
    assert np.asarray(y).tolist() == [3, 5, 7] and np.asarray(x).tolist() == [2, 4, 6]
    assert np.asarray(program(x)).tolist() == [5, 9, 13]


def test_an_input_that_cannot_be_written():
    x = np.ones(3, np.float32)
    x.flags.writeable = False
    with pytest.raises(BadInputError, match="'x' is changed by the program"):
        program_of(Doubled(), torch.ones(3))(x)


def test_a_strided_input_is_written_where_it_lies():
    x = torch.zeros(3, 2)
    x[:, 0] = torch.tensor([1.0, 2.0, 3.0])
    program_of(Doubled(), torch.ones(3))(x[:, 0])
    assert x.tolist() == [[2, 0], [4, 0], [6, 0]]


# -- a KV cache ----------------------------------------------------------------------------------------------------------


class Decoder(nn.Module):
    """One attention block over a cache of `length` tokens; a call takes a token and its position, and gives the next one's logits."""

    def __init__(self, vocab=31, width=16, heads=2, length=64):
        super().__init__()
        self.heads, self.length = heads, length
        self.embed, self.place = nn.Embedding(vocab, width), nn.Embedding(length, width)
        self.qkv, self.out, self.head = nn.Linear(width, 3 * width), nn.Linear(width, width), nn.Linear(width, vocab)
        self.register_buffer("keys", torch.zeros(1, heads, length, width // heads))
        self.register_buffer("values", torch.zeros(1, heads, length, width // heads))

    def forward(self, token, position):
        x = self.embed(token) + self.place(position)
        q, k, v = (t.view(1, 1, self.heads, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        self.keys.index_copy_(2, position, k)
        self.values.index_copy_(2, position, v)
        seen = torch.arange(self.length) <= position
        y = nn.functional.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=seen[None, None, None])
        return self.head(x + self.out(y.transpose(1, 2).flatten(2)[0]))


@torch.no_grad()
def greedy(step, count):
    token, tokens = torch.tensor([1]), []
    for i in range(count):
        token = step(token, torch.tensor([i])).argmax(-1).reshape(1)
        tokens.append(int(token))
    return tokens


def test_greedy_decoding_with_a_cache(tmp_path):
    """50 steps give eager's tokens; only a token and its position are sent."""
    torch.manual_seed(0)
    model = Decoder().eval()
    program_of(model, torch.tensor([1]), torch.tensor([0])).save(tmp_path / "d")
    program = StableHLOGraphModule.load(tmp_path / "d")
    got = greedy(program, 50)
    assert got == greedy(model, 50) and len(set(got)) > 3
    np.testing.assert_allclose(program.state()["keys"], model.keys.numpy(), rtol=1e-4, atol=1e-5)
    program.reset_state()
    assert greedy(program, 10) == got[:10]


def static_cache(name, length=64):
    """A decoder of transformers over its StaticCache; a call takes a token and its position."""
    t = pytest.importorskip("transformers")
    from transformers.integrations.executorch import TorchExportableModuleWithStaticCache

    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "vocab_size": 64}
    wide = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64}
    model = {
        "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**ids, **wide, initializer_range=0.5)),
        "gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(**ids, n_embd=32, n_layer=2, n_head=4, n_positions=length, initializer_range=0.5)),
    }[name]().eval()
    cache = {"batch_size": 1, "max_cache_len": length}
    model.generation_config.update(use_cache=True, cache_implementation="static", cache_config=cache)
    return TorchExportableModuleWithStaticCache(model, **cache, device=torch.device("cpu"))


@pytest.mark.parametrize("name", ["plain", "llama", "gpt2"])
@torch.no_grad()
def test_greedy_decoding_without_torch(name, tmp_path):
    """50 steps of one loaded program, in a process without torch, give eager's tokens; a call is given a token and its position, nothing else."""
    torch.manual_seed(0)
    model, how = (Decoder().eval(), "plain") if name == "plain" else (static_cache(name), "transformers")
    args, kwargs = decode_worker.CALLS[how](1, 0)
    args, kwargs = tuple(map(torch.tensor, args)), {k: torch.tensor(v) for k, v in kwargs.items()}
    program = exported_program_to_stablehlo(torch.export.export(model, args, kwargs, strict=False))
    program.save(tmp_path / "d")
    done = subprocess.run([sys.executable, decode_worker.__file__, tmp_path / "d", "50", how], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    got, token, want = json.loads(done.stdout), 1, []
    for i in range(50):
        args, kwargs = decode_worker.CALLS[how](token, i)
        token = int(model(*map(torch.tensor, args), **{k: torch.tensor(v) for k, v in kwargs.items()}).argmax())
        want.append(token)
    assert got["tokens"] == want and len(set(want)) > 3
    assert got["compiled"] == [1] and len(got["state"]) >= 2
    assert all(program._model.method(None).names[p] in ("token", "position", *kwargs) for p in program._model.method(None).positions)
