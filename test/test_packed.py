"""Recurrent layers over packed sequences, and what training drops between layers, against eager PyTorch."""

import pytest
import torch
from oracle import check, check_format, compare, convert

from torch_stablehlo import exported_program_to_stablehlo

KINDS = {
    "lstm": (torch.nn.LSTM, 2),
    "gru": (torch.nn.GRU, 1),
    "rnn_tanh": (torch.nn.RNN, 1),
    "rnn_relu": (lambda *a, **k: torch.nn.RNN(*a, nonlinearity="relu", **k), 1),
}


def layer(kind, **options):
    torch.manual_seed(0)
    m = KINDS[kind][0](3, 5, **options)
    rows = m.num_layers * (2 if m.bidirectional else 1)
    return m, [torch.randn(rows, 4, m.proj_size or 5) if i == 0 else torch.randn(rows, 4, 5) for i in range(KINDS[kind][1])]


def packed():
    p = torch.nn.utils.rnn.pack_padded_sequence(torch.randn(6, 4, 3), [6, 4, 4, 1])
    return p.data, p.batch_sizes


@torch.library.custom_op("test_packed::rnn", mutates_args=())
def stand_in(
    data: torch.Tensor, batch_sizes: torch.Tensor, hx: list[torch.Tensor], params: list[torch.Tensor], has_biases: bool, num_layers: int,
    dropout: float, train: bool, bidirectional: bool,
) -> list[torch.Tensor]:
    raise NotImplementedError


@stand_in.register_fake
def _(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional):
    return [data.new_empty(data.shape[0], hx[0].shape[2] * (2 if bidirectional else 1)), *(torch.empty_like(h) for h in hx)]


def program_of(kind, m, data, sizes, hx):
    """aten.lstm.data and its kin as a program. torch.export looks into batch_sizes and fails: it exports an op of ours in their place."""

    class Model(torch.nn.Module):
        def forward(self, data, sizes, hx, params):
            return tuple(stand_in(data, sizes, hx, params, m.bias, m.num_layers, 0.0, False, m.bidirectional))

    ep = torch.export.export(Model(), (data, sizes, hx, m._flat_weights), strict=False)
    for n in ep.graph.nodes:
        if n.target is torch.ops.test_packed.rnn.default:
            n.target = getattr(torch.ops.aten, kind).data
            if kind != "lstm":
                n.args = (*n.args[:2], n.args[2][0], *n.args[3:])
    program = exported_program_to_stablehlo(ep)
    check_format(program)
    return lambda data, sizes, hx: program(data, sizes, hx, m._flat_weights)


def eager(kind, m, data, sizes, hx):
    with torch.no_grad():
        state = hx if kind == "lstm" else hx[0]
        return getattr(torch._VF, kind)(data, sizes, state, m._flat_weights, m.bias, m.num_layers, 0.0, False, m.bidirectional)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True, "bias": False}], ids=str)
def test_packed(kind, options):
    m, hx = layer(kind, **options)
    data, sizes = packed()
    compare(program_of(kind, m, data, sizes, hx)(data, sizes, hx), eager(kind, m, data, sizes, hx))


def test_packed_with_projections():
    m, hx = layer("lstm", proj_size=2)
    data, sizes = packed()
    compare(program_of("lstm", m, data, sizes, hx)(data, sizes, hx), eager("lstm", m, data, sizes, hx))


def test_one_program_for_any_lengths():
    """Batch sizes are an input: only their number and sum are fixed, and how many sequences there are at most."""
    m, hx = layer("lstm", bidirectional=True)
    data, sizes = packed()
    program = program_of("lstm", m, data, sizes, hx)
    for sizes in ([4, 3, 3, 3, 1, 1], [3, 3, 3, 3, 2, 1], [4, 4, 4, 1, 1, 1]):
        sizes = torch.tensor(sizes)
        want = eager("lstm", m, data, sizes, [h[:, : sizes[0]] for h in hx])
        got = program(data, sizes, hx)
        compare(got[0], want[0])
        for g, w, h in zip(got[1:], want[1:], hx):
            compare(g[:, : sizes[0]], w)
            assert torch.equal(g[:, sizes[0] :], h[:, sizes[0] :])


def test_dropout_between_layers():
    """Of p = 1 nothing gets through: the second layer sees zeros, as in eager; of another p some does, not all."""
    for kind in KINDS:
        m, hx = layer(kind, num_layers=2)
        x = torch.randn(6, 4, 3)

        def fn(p, train):
            def run(x, *hx):
                state = hx if kind == "lstm" else hx[0]
                return getattr(torch._VF, kind)(x, state, m._flat_weights, True, 2, p, train, False, False)

            return run

        check(fn(1.0, True), x, *hx)
        check(fn(0.5, False), x, *hx)
        program, inputs = convert(fn(0.5, True), x, *hx)
        got, plain = program(*inputs), fn(0.0, True)(x, *hx)
        torch.testing.assert_close(got[1][0], plain[1][0], rtol=1e-4, atol=1e-5)         # the first layer's state
        assert not torch.allclose(got[1][1], plain[1][1], rtol=1e-3)
