"""Small models with fixed random weights, one for each thing that a SavedModel may get wrong."""

import sys
from dataclasses import dataclass, field

import torch
from torch import nn

from serving import ROOT


@dataclass
class Case:
    """inputs: by the names that the signature should have, in the order of forward's arguments. outputs: the signature's names, in
    the order of the flattened results that are no None."""

    make: callable
    inputs: dict
    outputs: list = field(default_factory=lambda: ["output_0"])
    kwargs: tuple = ()              # which of the inputs are given by name
    rtol: float = 1e-5
    atol: float = 1e-5


CASES = {}


def case(**inputs_and_more):
    """A decorator of model classes. Inputs are tensors, the rest are fields of Case."""
    inputs = {k: v for k, v in inputs_and_more.items() if isinstance(v, torch.Tensor)}
    more = {k: v for k, v in inputs_and_more.items() if k not in inputs}

    def keep(make):
        CASES[make.__name__] = Case(make, inputs, **more)
        return make

    return keep


def random(*shape, dtype=torch.float32, seed=1):
    g = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(shape, generator=g, dtype=torch.complex64 if dtype.is_complex else torch.float32).to(dtype)
    return torch.randint(0, 2 if dtype == torch.bool else 50, shape, generator=g).to(dtype)


# -- real models -----------------------------------------------------------------------------------------------------


@case(x=random(2, 3, 32, 32), rtol=1e-4)
def ResNet18():
    sys.path.insert(0, str(ROOT / "examples"))
    from resnet18 import ResNet18

    return ResNet18(classes=10)


@case(
    input_ids=random(2, 7, dtype=torch.int64),
    attention_mask=torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]]),
    outputs=["last_hidden_state", "pooler_output"],
    kwargs=("input_ids", "attention_mask"),
)
def Bert():
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=16, attn_implementation="eager"))


# -- element types ----------------------------------------------------------------------------------------------------

TYPES = {
    "f16": torch.float16, "f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16,
    "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64, "u8": torch.uint8, "bool": torch.bool,
    "c64": torch.complex64, "c128": torch.complex128,
}


@case(**{n: random(2, 3, dtype=t) for n, t in TYPES.items()}, outputs=[*TYPES, *(f"kept_{n}" for n in TYPES)])
class Types(nn.Module):
    """Inputs, buffers and outputs of every type that both sides have; each input also goes out as it came in."""

    def __init__(self):
        super().__init__()
        for name, t in TYPES.items():
            self.register_buffer("w_" + name, random(2, 3, dtype=t, seed=2))

    def forward(self, f16, f32, f64, bf16, i8, i16, i32, i64, u8, bool, c64, c128):
        x = dict(f16=f16, f32=f32, f64=f64, bf16=bf16, i8=i8, i16=i16, i32=i32, i64=i64, u8=u8, bool=bool, c64=c64, c128=c128)
        mixed = {n: v ^ self.w_bool if n == "bool" else v + getattr(self, "w_" + n) for n, v in x.items()}
        return {**mixed, **{"kept_" + n: v for n, v in x.items()}}


@case(x=random(3, 4, dtype=torch.bfloat16), rtol=2e-2, atol=2e-2)
class Bf16(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)).to(torch.bfloat16)

    def forward(self, x):
        return self.net(x)


@case(ids=random(4, dtype=torch.int32), table=random(50, 3, dtype=torch.int64), outputs=["output_0", "output_1"])
class Integers(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("step", torch.tensor(2**40 + 1))

    def forward(self, ids, table):
        return table[ids.long()] * self.step, ids % 7


# -- what goes in and comes out -----------------------------------------------------------------------------------


@case(x=random(2, 3), y=random(3), outputs=["pair_0", "pair_2", "deep_inner", "deep_list_0", "deep_list_1"])
class Nested(nn.Module):
    """Dicts of tuples and lists, None, and numbers."""

    def forward(self, x, y):
        return {"pair": (x + y, None, 3), "deep": {"inner": x * 2, "list": [y, 2.5]}}


@case(x=random(2, 3), y=random(3), outputs=["output_0", "output_1", "output_2"])
class Several(nn.Module):
    """A tuple, one result twice, and an input as a result."""

    def forward(self, x, y):
        z = x + y
        return z, z, y


@case(pair_0=random(2), pair_1=random(2), more_a=random(2), more_b=random(2))
class Structured(nn.Module):
    def forward(self, pair, more):
        return pair[0] - 2 * pair[1] + 3 * more["a"] * more["b"]

    arguments = staticmethod(lambda t: ((t[0], t[1]), {"a": t[2], "b": t[3]}))


@case(x=random(2), unused=random(3, dtype=torch.int64), z=random(2), last=random(1))
class Unused(nn.Module):
    def forward(self, x, unused, z, last):
        return x - z


@case(x=random(2, 3))
class NoWeights(nn.Module):
    def forward(self, x):
        return torch.tanh(x)


@case(x=torch.tensor(1.5), y=torch.zeros(0, 3), outputs=["output_0", "output_1"])
class Scalars(nn.Module):
    """Scalars, and tensors without elements, as inputs, weights and outputs."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.register_buffer("empty", torch.zeros(0, 3))

    def forward(self, x, y):
        return x * self.scale, y + self.empty


# -- weights ------------------------------------------------------------------------------------------------------


@case(ids=random(2, 5, dtype=torch.int64))
class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 4)
        self.head = nn.Linear(4, 50, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.embed(ids))


@case(x=random(3, 2))
class Strided(nn.Module):
    """Weights that are not row-major in memory: transposed, sliced, broadcast."""

    def __init__(self):
        super().__init__()
        self.register_buffer("t", random(2, 4, seed=3).t().contiguous().t())
        self.register_buffer("s", random(4, 6, seed=4)[:, ::2][:, 1:2])
        self.register_buffer("e", random(1, seed=5).expand(4))

    def forward(self, x):
        return x @ self.t @ self.s + self.e


@case(x=random(4))
class Constants(nn.Module):
    """Tensors that export lifts out of the code: many small ones, and one past the limit of what stands in the graph."""

    def forward(self, x):
        for i in range(40):
            x = x + torch.tensor([i * 0.25, -i, 1.0, 0.5])
        return x.sum() + torch.tensor([float(i % 7) for i in range(400)])


@case(x=random(2, 3, 4, 4), outputs=["output_0"])
class Inference(nn.Module):
    """Batch norm as it stands in inference: running statistics are buffers, and num_batches_tracked is not used."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(3)
        self.bn.running_mean += random(3, seed=7)
        self.bn.running_var += random(3, seed=8).abs()

    def forward(self, x):
        return self.bn(x)


# -- names --------------------------------------------------------------------------------------------------------

FORBIDDEN = ["_x", "serving_default_x", "StatefulPartitionedCall", "save", "NoOp", "Const", "Identity", "saver_filename",
             "größe", "gr__e", "W", "w", "x", "output_0", "variables", "signatures", "forward"]


@case(x=random(2))
class Names(nn.Module):
    """Weights with names that TensorFlow forbids, uses itself, or cannot tell apart."""

    def __init__(self):
        super().__init__()
        self.held = nn.ModuleDict()
        for i, name in enumerate(FORBIDDEN):
            self._buffers[name] = torch.full((2,), float(2**i))
        self.held["0"] = nn.Linear(2, 2)                          # held.0.weight

    def forward(self, x):
        for name in FORBIDDEN:
            x = x + self._buffers[name]
        return self.held["0"](x)


@case(k_x=random(2), lambda_=random(2), self_1=random(2), gr__e=random(2), outputs=["k_1", "a_b", "a_b_1", "class"])
class OddNames(nn.Module):
    """Inputs and outputs with names that are no Python identifiers, or are TensorFlow's."""

    def forward(self, _x, lambda_, self_1, größe):
        return {"_1": _x + 1, "a b": lambda_ * 2, "a:b": self_1 * 3, "class": größe * 4}


# -- state --------------------------------------------------------------------------------------------------------


@case(x=random(4, 3))
class Counter(nn.Module):
    """Two buffers that each call changes, and that the result depends on."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.tensor(0))
        self.register_buffer("total", torch.zeros(3))
        self.weight = nn.Parameter(random(3, seed=9))

    def forward(self, x):
        self.calls += 1
        self.total.add_(x.sum(0))
        return x * self.weight + self.total / self.calls


@case(x=random(4, 3))
class Running(nn.Module):
    """Batch norm in training: the running statistics follow the inputs."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(3)

    def forward(self, x):
        return self.bn(x)


STATEFUL = ["Counter", "Running"]
