"""Layers with sizes that are not known when they are converted: recurrent ones of any batch and length, einsum with an unknown size in
each role that a letter can have. Values come from eager torch at several sizes, also 0 and 1."""

import pytest
import torch
from sizes import check_at, export
from torch import nn
from torch.export import Dim

from torch_stablehlo import exported_program_to_stablehlo

B, A = Dim("b", min=0, max=64), Dim.AUTO
BATCHES = (3, 1, 7, 0)


def convert(model, args, dynamic):
    return exported_program_to_stablehlo(export(model, args, dynamic))


class Layer(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.layer = kind(4, 6, **options)

    def forward(self, x):
        return self.layer(x)


LAYERS = {
    "lstm": lambda: Layer(nn.LSTM),
    "lstm of two layers, both ways": lambda: Layer(nn.LSTM, num_layers=2, bidirectional=True),
    "lstm, projected": lambda: Layer(nn.LSTM, proj_size=3),
    "gru": lambda: Layer(nn.GRU, num_layers=2),
    "gru both ways": lambda: Layer(nn.GRU, bidirectional=True, bias=False),
    "tanh": lambda: Layer(nn.RNN),
    "relu both ways": lambda: Layer(nn.RNN, nonlinearity="relu", bidirectional=True),
}


@pytest.mark.parametrize("first", [False, True], ids=["time first", "batch first"])
@pytest.mark.parametrize("name", LAYERS)
def test_recurrent_layer(name, first):
    """torch.export takes a length as a number (its own shape rule steps through time); the batch may be of any size."""
    torch.manual_seed(0)
    model = LAYERS[name]()
    model.layer.batch_first = first

    def make(n):
        return (torch.randn((n, 5, 4) if first else (5, n, 4)),)

    program = convert(model, make(3), {"x": {0 if first else 1: B}})
    assert program.get_stablehlo_text().count("stablehlo.while") == model.layer.num_layers * (1 + model.layer.bidirectional)
    check_at(model, program, [make(n) for n in BATCHES])


def test_given_states():
    class Given(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.LSTM(4, 6, num_layers=2)

        def forward(self, x, h, c):
            return self.layer(x, (h, c))

    def make(n):
        return torch.randn(5, n, 4), torch.randn(2, n, 6), torch.randn(2, n, 6)

    torch.manual_seed(0)
    model = Given()
    check_at(model, convert(model, make(3), {"x": {1: B}, "h": {1: B}, "c": {1: B}}), [make(n) for n in BATCHES])


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cell(kind):
    torch.manual_seed(0)
    model = Layer(kind)
    check_at(model, convert(model, (torch.randn(3, 4),), {"x": {0: B}}), [(torch.randn(n, 4),) for n in BATCHES])


# -- lengths -------------------------------------------------------------------------------------------------------------


@torch.library.custom_op("tshlo_test::gru", mutates_args=())
def gru(x: torch.Tensor, hx: torch.Tensor, params: list[torch.Tensor], both: bool, first: bool) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ops.aten.gru.input(x, hx, params, True, 1, 0.0, False, both, first)


@gru.register_fake
def _(x, hx, params, both, first):
    return x.new_empty(*x.shape[:2], hx.shape[2] * (1 + both)), torch.empty_like(hx)


@torch.library.custom_op("tshlo_test::lstm", mutates_args=())
def lstm(
    x: torch.Tensor, hx: list[torch.Tensor], params: list[torch.Tensor], both: bool, first: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.ops.aten.lstm.input(x, hx, params, True, 1, 0.0, False, both, first)


@lstm.register_fake
def _(x, hx, params, both, first):
    return x.new_empty(*x.shape[:2], hx[0].shape[2] * (1 + both)), torch.empty_like(hx[0]), torch.empty_like(hx[1])


@torch.library.custom_op("tshlo_test::packed_gru", mutates_args=())
def packed_gru(
    data: torch.Tensor, sizes: torch.Tensor, hx: torch.Tensor, params: list[torch.Tensor], both: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ops.aten.gru.data(data, sizes, hx, params, True, 1, 0.0, False, both)


@packed_gru.register_fake
def _(data, sizes, hx, params, both):
    return data.new_empty(data.shape[0], hx.shape[2] * (1 + both)), torch.empty_like(hx)


class OfAnyLength(nn.Module):
    """The layer as an operator of our own while torch exports it, torch's operator afterwards."""

    def __init__(self, kind, both, first):
        super().__init__()
        self.layer, self.both, self.first = kind(4, 6, bidirectional=both, batch_first=first), both, first

    def forward(self, x):
        h = x.new_zeros(1 + self.both, x.shape[0 if self.first else 1], 6)
        if isinstance(self.layer, nn.LSTM):
            return lstm(x, [h, h], self.layer._flat_weights, self.both, self.first)
        return gru(x, h, self.layer._flat_weights, self.both, self.first)


def with_torchs_operator(ep):
    ours, torchs = torch.ops.tshlo_test, torch.ops.aten
    of = {ours.gru.default: torchs.gru.input, ours.lstm.default: torchs.lstm.input, ours.packed_gru.default: torchs.gru.data}
    for node in ep.graph.nodes:
        if node.target in of:
            count = 4 if node.target is ours.packed_gru.default else 3
            node.args = (*node.args[:count], True, 1, 0.0, False, *node.args[count:])
            node.target = of[node.target]
    return ep


@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("first", [False, True], ids=["time first", "batch first"])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_any_length(kind, first, both):
    torch.manual_seed(0)
    model = OfAnyLength(kind, both, first)

    def make(n, t):
        return (torch.randn((n, t, 4) if first else (t, n, 4)),)

    ep = with_torchs_operator(export(model, make(3, 5), {"x": {0: Dim("i", max=64), 1: Dim("j", max=64)}}))
    program = exported_program_to_stablehlo(ep)
    assert program.get_stablehlo_text().count("stablehlo.while") == 1 + both
    check_at(model, program, [make(*s) for s in ((3, 5), (1, 1), (7, 2), (2, 33))])


class Packed(nn.Module):
    """Sequences of different lengths, packed by the caller."""

    def __init__(self, both):
        super().__init__()
        self.layer, self.both = nn.GRU(4, 6, bidirectional=both), both

    def forward(self, data, sizes, h):
        return packed_gru(data, sizes, h, self.layer._flat_weights, self.both)


@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
def test_packed_sequences(both):
    """The number of rows, of steps and of sequences is open."""
    torch.manual_seed(0)
    model = Packed(both)

    def make(*lengths):
        packed = nn.utils.rnn.pack_sequence([torch.randn(n, 4) for n in lengths])
        return packed.data, packed.batch_sizes, torch.randn(1 + both, len(lengths), 6)

    ep = with_torchs_operator(export(model, make(5, 3, 2), {"data": {0: A}, "sizes": {0: A}, "h": {1: A}}))
    check_at(model, exported_program_to_stablehlo(ep), [make(5, 3, 2), make(4, 4), make(7, 1, 1, 1)])


# -- einsum --------------------------------------------------------------------------------------------------------------

EINSUMS = {
    "batch": ("bij,bjk->bik", {0: A}, {0: A}),
    "contracted": ("ij,jk->ik", {1: A}, {0: A}),
    "free": ("ij,jk->ik", {0: A}, {1: A}),
    "all": ("bij,bjk->bik", {0: A, 1: A, 2: A}, {0: A, 1: A, 2: A}),
    "several that are summed": ("bijk,ijkc->bc", {0: A, 1: A, 2: A}, {0: A, 1: A, 3: A}),
    "several that are batched": ("bhqd,bhkd->bhqk", {0: A, 1: A, 2: A}, {0: A, 1: A, 2: A}),
    "summed in one alone": ("bij,jk->k", {0: A, 1: A}, {}),
    "none summed": ("bi,bj->bij", {0: A, 1: A}, {0: A}),
    "outer": ("i,j->ji", {0: A}, {0: A}),
    "ellipsis": ("...ij,...jk->...ik", {0: A, 1: A, 2: A}, {0: A, 1: A}),
    "ellipsis of one": ("b...i,ij->...j", {0: A, 1: A, 2: A}, {}),
    "implied result": ("bi,ij", {0: A, 1: A}, {0: A}),
}


@pytest.mark.parametrize("name", EINSUMS)
def test_einsum(name):
    torch.manual_seed(0)
    equation, *open_dims = EINSUMS[name]
    letters = [part.replace("...", "xy") for part in equation.split("->")[0].split(",")]

    class Sum(nn.Module):
        def forward(self, x, y):
            return torch.einsum(equation, x, y)

    def make(**other):
        """Sizes of the letters: those that are open in either operand may differ."""
        size = {c: 2 + i for i, c in enumerate(sorted(set("".join(letters))))}
        free = {c for part, dims in zip(letters, open_dims) for i, c in enumerate(part) if i in dims}
        size.update({c: other["size"] + i for i, c in enumerate(sorted(free))} if other else {})
        return tuple(torch.randn([size[c] for c in part]) for part in letters)

    program = convert(Sum(), make(), {"x": open_dims[0], "y": open_dims[1]})
    check_at(Sum(), program, [make(), make(size=3), make(size=5)])


def test_einsum_of_a_diagonal():
    class Diagonal(nn.Module):
        def forward(self, x):
            return torch.einsum("bii->bi", x), torch.einsum("bii->b", x)

    check_at(Diagonal(), convert(Diagonal(), (torch.randn(3, 4, 4),), {"x": {0: A, 1: A, 2: A}}), [(torch.randn(n, k, k),) for n, k in ((3, 4), (2, 7), (5, 2))])


def test_einsum_of_three():
    class Three(nn.Module):
        def forward(self, x, y, z):
            return torch.einsum("bi,bj,ijk->bk", x, y, z)

    def make(n, i, j):
        return torch.randn(n, i), torch.randn(n, j), torch.randn(i, j, 3)

    with torch.backends.opt_einsum.flags(enabled=False):      # which would look at the sizes
        program = convert(Three(), make(2, 3, 4), {"x": {0: A, 1: A}, "y": {0: A, 1: A}, "z": {0: A, 1: A}})
    check_at(Three(), program, [make(2, 3, 4), make(5, 2, 6)])
