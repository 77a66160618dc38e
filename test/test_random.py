"""Random numbers: what is the same and what differs, ranges, types, and distributions against their own formulas.

Draws cannot equal torch's, so eager PyTorch says only shapes and dtypes here. Statistics have fixed seeds: a test that passes, passes.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracle import check, check_format, compare_types, convert, copies
from serving import needs_tensorflow, tensorflow  # noqa: F401  (a fixture)
from sizes import check_refines
from test_cli import UNSUPPORTED, USAGE, bad, good

from torch_stablehlo import (
    BadInputError,
    StableHLOExportOptions,
    StableHLOGraphModule,
    UnsupportedError,
    exported_program_to_stablehlo,
)
from torch_stablehlo.tf_saved_model_integration import save_stablehlo_graph_as_tf

N = 100_000
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


def draw(fn, *args):
    """fn(*args) on XLA, after MLIR has checked the module; shapes and dtypes as eager has them."""
    program, inputs = convert(fn, *args)
    check_format(program)
    got = program(*inputs)
    compare_types(got, fn(*copies(args)))
    return got


class Plain(torch.nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, *args):
        return self.fn(*args)


def program_of(fn, *args, **options):
    return exported_program_to_stablehlo(torch.export.export(Plain(fn), args, strict=False), StableHLOExportOptions(**options))


def ks(x, cdf):
    """Kolmogorov-Smirnov: the greatest distance between the empirical distribution function of x and cdf, times sqrt(n). Above 1.95 in
    one of 1000 samples."""
    x = np.sort(np.asarray(x, np.float64).ravel())
    n = len(x)
    f = cdf(x)
    return max((np.arange(1, n + 1) / n - f).max(), (f - np.arange(n) / n).max()) * math.sqrt(n)


def counts_fit(x, probability):
    """Pearson's chi-square of integers, in standard deviations of it: below 4."""
    values, seen = np.unique(np.asarray(x), return_counts=True)
    p = np.array([probability(v) for v in values])
    often = p * x.numel() >= 5
    wanted = p[often] * x.numel()
    rest, seen_rest = x.numel() - wanted.sum(), x.numel() - seen[often].sum()
    chi = ((seen[often] - wanted) ** 2 / wanted).sum() + (seen_rest - rest) ** 2 / max(rest, 1)
    k = max(often.sum(), 1)
    assert (chi - k) / math.sqrt(2 * k) < 4, (chi, k)


erf = np.vectorize(math.erf)


def normal_cdf(x, mean=0.0, std=1.0):
    return (1 + erf((x - mean) / std / math.sqrt(2))) / 2


# -- continuous distributions --------------------------------------------------------------------------------------------

CONTINUOUS = {
    "rand": (lambda x: torch.rand(x.shape), lambda x: x),
    "rand_like": (torch.rand_like, lambda x: x),
    "rand64": (lambda x: torch.rand(x.shape, dtype=torch.float64), lambda x: x),
    "uniform_": (lambda x: x.clone().uniform_(-3, 5), lambda x: (x + 3) / 8),
    "randn": (lambda x: torch.randn(x.shape), normal_cdf),
    "randn_like": (torch.randn_like, normal_cdf),
    "randn64": (lambda x: torch.randn(x.shape, dtype=torch.float64), normal_cdf),
    "normal": (lambda x: torch.normal(2.0, 3.0, x.shape), lambda x: normal_cdf(x, 2, 3)),
    "normal_": (lambda x: x.clone().normal_(-1, 0.5), lambda x: normal_cdf(x, -1, 0.5)),
    "normal.Tensor_float": (lambda x: torch.normal(x, 2.0), lambda x: normal_cdf(x, 1, 2)),
    "normal.float_Tensor": (lambda x: torch.normal(3.0, x), lambda x: normal_cdf(x, 3, 1)),
    "normal.Tensor_Tensor": (lambda x: torch.normal(x, x * 2), lambda x: normal_cdf(x, 1, 2)),
    "exponential_": (lambda x: x.clone().exponential_(2.5), lambda x: 1 - np.exp(-2.5 * x)),
    "cauchy_": (lambda x: x.clone().cauchy_(1, 2), lambda x: 0.5 + np.arctan((x - 1) / 2) / math.pi),
    "log_normal_": (lambda x: x.clone().log_normal_(0.5, 0.25), lambda x: normal_cdf(np.log(x), 0.5, 0.25)),
    "rrelu": (lambda x: F.rrelu(-x, 0.25, 0.5, training=True), lambda x: (x + 0.5) / 0.25),
    "prims.normal": (lambda x: torch.ops.prims.normal(x.shape, mean=1.0, std=2.0, dtype=x.dtype, device=x.device, requires_grad=False),
                     lambda x: normal_cdf(x, 1, 2)),
    "prims.uniform": (lambda x: torch.ops.prims.uniform(x.shape, low=-1.0, high=3.0, dtype=x.dtype, device=x.device, stride=x.stride()),
                      lambda x: (x + 1) / 4),
    "gumbel": (lambda x: -torch.empty_like(x).exponential_().log(), lambda x: np.exp(-np.exp(-x))),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name):
    fn, cdf = CONTINUOUS[name]
    x = draw(fn, torch.ones(N))
    assert x.isfinite().all() and ks(x, cdf) < 1.95


def test_tails():
    z = draw(lambda: torch.randn(1_000_000))
    for bound in (3.0, 4.0, 4.5):
        p = math.erfc(bound / math.sqrt(2))
        assert abs((z.abs() > bound).sum().item() - 1e6 * p) < 4 * math.sqrt(1e6 * p)
    assert abs(z.mean()) < 4e-3 and abs(z.var() - 1) < 6e-3 and abs((z**4).mean() - 3) < 0.05


def test_complex():
    z = draw(lambda: torch.randn(N, dtype=torch.complex64))
    assert ks(z.real, lambda x: normal_cdf(x, 0, math.sqrt(0.5))) < 1.95 and ks(z.imag, lambda x: normal_cdf(x, 0, math.sqrt(0.5))) < 1.95
    assert abs((z.real * z.imag).mean()) < 0.01
    u = draw(lambda: torch.rand(N, dtype=torch.complex128))
    assert ks(u.real, lambda x: x) < 1.95 and ks(u.imag, lambda x: x) < 1.95


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_float_types(dtype):
    digits = {torch.float32: 24, torch.float64: 53, torch.float16: 11, torch.bfloat16: 8}[dtype]
    u = draw(lambda: torch.rand(N, dtype=dtype))
    assert u.min() >= 0 and u.max() < 1
    whole = u.double() * 2**digits
    assert torch.equal(whole, whole.round()) and (whole % 2 == 1).any()
    assert abs(u.double().mean() + 2.0 ** -(digits + 1) - 0.5) < 0.004
    z, e, b = draw(lambda x: (torch.randn_like(x), torch.ops.aten.exponential(x), x.bernoulli(0.25)), torch.zeros(N, dtype=dtype))
    assert abs(z.double().mean()) < 0.013 and abs(z.double().var() - 1) < 0.02
    assert abs(e.double().mean() - 1) < 0.013 and e.min() >= 0
    assert abs(b.double().mean() - 0.25) < 0.006 and set(b.unique().tolist()) == {0, 1}


# -- integers ------------------------------------------------------------------------------------------------------------

UNIFORM_INTEGERS = {
    "randint": (lambda x: torch.randint(7, x.shape), 0, 7),
    "randint.low": (lambda x: torch.randint(-3, 9, x.shape), -3, 9),
    "randint.float": (lambda x: torch.randint(3, 9, x.shape, dtype=torch.float32), 3, 9),
    "randint.u8": (lambda x: torch.randint(0, 256, x.shape, dtype=torch.uint8), 0, 256),
    "randint.bool": (lambda x: torch.randint(0, 2, x.shape, dtype=torch.bool), 0, 2),
    "randint_like": (lambda x: torch.randint_like(x, 5), 0, 5),
    "randint_like.low": (lambda x: torch.randint_like(x, -5, 5), -5, 5),
    "randint_like.Tensor": (lambda x: torch.randint_like(x, torch.tensor(11)), 0, 11),
    "random_.to": (lambda x: x.clone().random_(12), 0, 12),
    "random_.i8": (lambda x: x.to(torch.int8).random_(), 0, 128),
    "random_.bool": (lambda x: x.to(torch.bool).random_(), 0, 2),
    "random_.bf16": (lambda x: x.to(torch.bfloat16).random_(), 0, 257),
}


@pytest.mark.parametrize("name", UNIFORM_INTEGERS)
def test_integers(name):
    fn, low, high = UNIFORM_INTEGERS[name]
    x = draw(fn, torch.zeros(N))
    assert x.double().min() >= low and x.double().max() < high
    counts_fit(x.double(), lambda v: 1 / (high - low) if low <= v < high else 0)


def test_wide_integers():
    low, high = -(2**62), 2**63 - 1
    x = draw(lambda: torch.randint(low, high, (N,)))
    assert x.min() >= low and ks(x.double(), lambda v: (v - low) / (high - low)) < 1.95
    x = draw(lambda x: (x.clone().random_(), x.to(torch.float32).random_(), x.to(torch.int32).random_()), torch.zeros(N, dtype=torch.int64))
    assert [ks(v.double(), lambda v, m=m: v / m) < 1.95 and v.min() >= 0 for v, m in zip(x, (2.0**63, 2.0**24, 2.0**31))] == [True] * 3
    x = draw(lambda: torch.randint(2**40, 2**40 + 2**33, (N,)))
    assert x.min() >= 2**40 and ks(x.double(), lambda v: (v - 2.0**40) / 2.0**33) < 1.95


def test_geometric():
    for dtype in (torch.float32, torch.int64):
        x = draw(lambda x: x.clone().geometric_(0.3), torch.zeros(N, dtype=dtype))
        assert x.min() == 1
        counts_fit(x, lambda k: 0.3 * 0.7 ** (k - 1))


def poisson_pmf(rate):
    return lambda k: math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) if k >= 0 else 0.0


def binomial_pmf(n, p):
    def log_choose(k):
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    return lambda k: math.exp(log_choose(k) + k * math.log(p) + (n - k) * math.log1p(-p)) if 0 <= k <= n else 0.0


def test_poisson():
    rates = [0.01, 0.7, 3.0, 9.99, 10.0, 35.5, 1e3, 1e6]
    x = draw(torch.poisson, torch.tensor(rates, dtype=torch.float64)[:, None].expand(-1, 20_000).contiguous())
    for row, rate in zip(x, rates):
        counts_fit(row, poisson_pmf(rate))
        assert abs(row.mean() - rate) < 4 * math.sqrt(rate / 20_000)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        x = draw(torch.poisson, torch.full((N,), 4.0, dtype=dtype))
        counts_fit(x.double(), poisson_pmf(4.0))
    x, _ = convert(torch.poisson, torch.zeros(5))
    got = x(torch.tensor([0.0, math.nan, -1.0, math.inf, 1e30]))
    assert got[0] == 0 and got[1:4].isnan().all() and abs(got[4] / 1e30 - 1) < 1e-6


def test_binomial():
    cases = [(1, 0.3), (5, 0.5), (20, 0.04), (40, 0.25), (100, 0.5), (100, 0.93), (10_000, 0.001), (10_000, 0.4), (10**6, 0.7)]
    n, p = (torch.tensor(v, dtype=torch.float64)[:, None].expand(-1, 20_000).contiguous() for v in zip(*cases))
    x = draw(torch.binomial, n, p)
    for row, (n, p) in zip(x, cases):
        counts_fit(row, binomial_pmf(n, p))
        assert abs(row.mean() - n * p) < 4 * math.sqrt(n * p * (1 - p) / 20_000)
    program, _ = convert(torch.binomial, torch.zeros(7), torch.zeros(7))
    got = program(torch.tensor([0.0, 9.0, 9.0, math.nan, 9.0, -1.0, 1e6]), torch.tensor([0.5, 0.0, 1.0, 0.5, math.nan, 0.5, 1.0]))
    assert got[:3].tolist() == [0, 0, 9] and got[3:6].isnan().all() and got[6] == 1e6


def gamma_cdf(shape):
    return lambda x: torch.special.gammainc(torch.tensor(shape, dtype=torch.float64), torch.from_numpy(x)).numpy()


def test_gamma():
    shapes = [0.05, 0.5, 1.0, 2.5, 50.0, 1e4]
    x = draw(torch._standard_gamma, torch.tensor(shapes, dtype=torch.float64)[:, None].expand(-1, 20_000).contiguous())
    for row, shape in zip(x, shapes):
        assert row.min() > 0 and ks(row, gamma_cdf(shape)) < 1.95
    x = draw(torch._standard_gamma, torch.full((N,), 2.0))
    assert ks(x, gamma_cdf(2.0)) < 1.95
    y = draw(torch._sample_dirichlet, torch.tensor([1.0, 2.0, 5.0]).expand(20_000, 3).contiguous())
    assert (y.sum(1) - 1).abs().max() < 1e-5 and (y.mean(0) - torch.tensor([1, 2, 5]) / 8).abs().max() < 0.006
    assert ks(1 - (1 - y[:, 0].double()) ** 7, lambda v: v) < 1.95           # y0 is Beta(1, 7)


# -- yes or no -----------------------------------------------------------------------------------------------------------


def test_bernoulli():
    p = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).repeat_interleave(N).reshape(5, N)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = draw(torch.bernoulli, p.to(dtype))
        assert (x.double().mean(1) - p.to(dtype).double().mean(1)).abs().max() < 0.007
    x = draw(lambda p: torch.zeros(p.shape, dtype=torch.int32).bernoulli_(p), p)
    assert (x.double().mean(1) - p.double().mean(1)).abs().max() < 0.007
    for q in (0.0, 1e-4, 0.3, 1.0):
        for fn in (lambda x: x.bernoulli(q), lambda x: x.clone().bernoulli_(q)):
            x = draw(fn, torch.zeros(N, dtype=torch.int64) if q == 0.3 else torch.zeros(N))
            assert abs(x.double().mean() - q) <= 4 * math.sqrt(q * (1 - q) / N)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_dropout(dtype):
    x = torch.rand(100, 1000).to(dtype) + 1
    for fn in (lambda x: F.dropout(x, 0.3), lambda x: F.dropout(x + 0, 0.3, inplace=True), lambda x: torch.native_dropout(x, 0.3, True)[0]):
        y = draw(fn, x)
        kept = y != 0
        assert abs(kept.double().mean() - 0.7) < 0.006
        torch.testing.assert_close(y[kept], (x.double() / 0.7).to(dtype)[kept])
    y, mask = draw(lambda x: torch.native_dropout(x, 0.3, True), x)
    assert torch.equal(mask, y != 0)


@pytest.mark.parametrize("fn", [F.dropout2d, F.feature_alpha_dropout], ids=["dropout2d", "feature_alpha_dropout"])
def test_dropout_of_channels(fn):
    x = torch.rand(40, 50, 3, 4) + 1
    y = draw(lambda x: fn(x, 0.4, True), x)
    a = (y / x).flatten(2) if fn is F.dropout2d else ((y - y.min()).abs() > 1e-6).float().flatten(2)
    torch.testing.assert_close(a.amin(2), a.amax(2))
    assert abs((a.amax(2) > 0).double().mean() - 0.6) < 0.05


def test_alpha_dropout_keeps_mean_and_variance():
    y = draw(lambda x: F.alpha_dropout(x, 0.3, True), torch.randn(N, generator=torch.Generator().manual_seed(1)))
    assert abs(y.mean()) < 0.015 and abs(y.var() - 1) < 0.02


def test_dropout_without_chance():
    """What p or the mode decides alone is torch's, value for value."""
    x = torch.tensor([[1.0, -2.0, float("inf"), float("nan")]])
    for fn in (F.dropout, F.alpha_dropout):
        check(lambda x: (fn(x, 0.0, True), fn(x, 0.5, False)), x)
        check(lambda x: fn(x[:, :2], 1.0, True), x)
    check(lambda x: F.dropout2d(x[..., None, None], 0.5, False), x)
    check(lambda x: F.rrelu(x), x)
    inf = draw(lambda x: F.dropout(x.expand(1000, 4), 0.5), x)[:, 2]
    assert set(map(str, inf.tolist())) == {"inf", "nan"}              # inf * 0, as torch has it


def test_attention_dropout():
    q = torch.randn(2, 3, 50, 8)
    v = torch.eye(50).expand(2, 3, 50, 50)
    w = draw(lambda q, v: F.scaled_dot_product_attention(q, q, v, dropout_p=0.25), q, v)
    full = F.scaled_dot_product_attention(q, q, v)
    kept = w != 0
    assert abs(kept.double().mean() - 0.75) < 0.015
    torch.testing.assert_close(w[kept], (full / 0.75)[kept], rtol=1e-4, atol=1e-5)


def test_module_in_training():
    m = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.Dropout(0.5), torch.nn.Linear(64, 4)).train()
    draw(m, torch.rand(5, 8))
    draw(torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).train(), torch.rand(2, 5, 16))


# -- orders and choices --------------------------------------------------------------------------------------------------


def test_randperm():
    for n in (0, 1, 5, 1000):
        for dtype in (torch.int64, torch.int32, torch.float32):
            x = draw(lambda: torch.randperm(n, dtype=dtype))
            assert sorted(x.tolist()) == list(range(n))
    program = program_of(lambda: torch.randperm(4), seed_input=True)
    counts_fit(torch.stack([program(seed=s) for s in range(1000)])[:, 0], lambda v: 0.25)


def test_multinomial():
    w = torch.tensor([1.0, 0.0, 3.0, 4.0, 2.0])
    p = w / w.sum()
    x = draw(lambda w: torch.multinomial(w, N, True), w)
    counts_fit(x, lambda k: p[int(k)].item())
    rows = draw(lambda w: torch.multinomial(w, 4), w.expand(20000, 5).contiguous())
    assert (rows.sort(1).values.diff(dim=1) > 0).all() and (rows != 1).all()
    counts_fit(rows[:, 0], lambda k: p[int(k)].item())
    second = sum(p[i] * p[3] / (1 - p[i]) for i in (0, 2, 4)).item()         # 3 comes second
    assert abs((rows[:, 1] == 3).double().mean() - second) < 0.014
    for dtype in (torch.float64, torch.bfloat16):
        assert draw(lambda w: torch.multinomial(w, 2), w.to(dtype).expand(3, 5).contiguous()).shape == (3, 2)


def test_gumbel_softmax():
    x = torch.tensor([0.1, 0.6, 0.3]).log().expand(N, 3).contiguous()
    y = draw(lambda x: F.gumbel_softmax(x, hard=True), x)
    assert (y.sum(1) - 1).abs().max() < 1e-5
    counts_fit(y.argmax(1), lambda k: [0.1, 0.6, 0.3][int(k)])


# -- shapes --------------------------------------------------------------------------------------------------------------


def test_shapes():
    for shape in ((), (0,), (2, 0, 3), (1,), (2, 3, 4, 5)):
        draw(lambda: (
            torch.rand(shape), torch.randn(shape, dtype=torch.float64), torch.randint(5, shape), torch.empty(shape).exponential_(),
            torch.empty(shape).bernoulli_(0.5), F.dropout(torch.ones(shape), 0.5),
        ))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1, 3)], ids=str)
def test_shapes_of_counts(shape):
    x = torch.full(shape, 12.0)
    draw(lambda x: (torch.poisson(x), torch.binomial(x, x / 20), torch._standard_gamma(x)), x)
    draw(lambda x: (x.bernoulli(0.5), torch.bernoulli(x / 20), F.rrelu(x, training=True), torch.normal(x, 1.0)), x)


def test_multinomial_shapes():
    for w, n, again in ((torch.ones(1), 1, False), (torch.ones(3), 3, False), (torch.ones(1, 4), 7, True), (torch.ones(2, 1), 1, True)):
        draw(lambda w: torch.multinomial(w, n, again), w)


def test_empty():
    for y in draw(lambda x: (torch.empty(2, 3), torch.empty_like(x), x.new_empty((4,)), torch.empty_strided((2, 3), (1, 2)),
                             torch.empty_permuted((2, 3), (1, 0)), x.new_empty_strided((2,), (1,))), torch.ones(3, 2)):
        assert not y.any()


# -- seeds ---------------------------------------------------------------------------------------------------------------


def pair():
    return torch.rand(100), torch.rand(100)


def test_draws_are_fixed_and_differ():
    program = program_of(pair)
    a, b = program()
    again = program()
    assert torch.equal(a, again[0]) and torch.equal(b, again[1])
    assert not (a == b).any()
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.3
    assert torch.equal(program_of(pair, random_seed=0)()[0], a)
    assert "seed" not in program.get_stablehlo_text()


def test_seeds():
    seeds = [0, 1, 2, 2**63, 2**64 - 1]
    draws = [program_of(pair, random_seed=s)() for s in seeds]
    every = torch.stack([x for d in draws for x in d])
    assert len({tuple(x.tolist()) for x in every}) == 2 * len(seeds)
    program = program_of(pair, seed_input=True)
    check_format(program)
    for s, d in zip(seeds, draws):
        for got in (program(seed=s), program(s), program(torch.tensor(s, dtype=torch.uint64)), program(seed=np.uint64(s))):
            assert torch.equal(got[0], d[0]) and torch.equal(got[1], d[1])


def test_seeds_in_a_row_have_nothing_in_common():
    program = program_of(lambda: torch.rand(16), seed_input=True)
    x = torch.stack([program(seed=s) for s in range(2000)])
    assert ks(x, lambda v: v) < 1.95
    c = np.corrcoef(x[:-1, 0], x[1:, 0])[0, 1]
    assert abs(c) < 4 / math.sqrt(2000)


def test_seed_of_a_saved_directory(tmp_path):
    def fn(x, *, scale):
        return F.dropout(x, 0.5) * scale, x + 1

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(3))

        def forward(self, x, *, scale):
            return fn(x * self.w, scale=scale)

    x, scale = torch.rand(50, 3), torch.tensor(2.0)
    ep = torch.export.export(Model(), (x,), {"scale": scale}, strict=False)
    program = exported_program_to_stablehlo(ep, StableHLOExportOptions(seed_input=True))
    program.save(tmp_path / "d")
    loaded = StableHLOGraphModule.load(tmp_path / "d")
    want = program(x, scale=scale, seed=3)
    assert not torch.equal(want[0], program(x, scale=scale, seed=4)[0])
    again = StableHLOGraphModule(loaded._bundle)
    for got in (loaded(x, scale=scale, seed=3), loaded(x, 3, scale=scale), again(x, scale=scale, seed=3)):
        assert torch.equal(got[0], want[0]) and torch.equal(got[1], want[1])
    meta = StableHLOGraphModule.load(tmp_path / "d")._bundle.stablehlo_funcs[0].meta
    last = meta.input_locations[-1]
    assert last.type_.name == "INPUT_ARG" and last.position == 2
    assert meta.input_signature[-1].shape == [] and meta.input_signature[-1].dtype == "uint64"
    for bad in (lambda: loaded(x, scale=scale), lambda: loaded(x, scale=scale, seed=-1), lambda: loaded(x, scale=scale, seed=2**64)):
        with pytest.raises(BadInputError):
            bad()


def test_seed_input_beside_the_other_options():
    x = torch.rand(3)
    ep = torch.export.export(torch.nn.Dropout(0.5).train(), (x,), strict=False)
    options = StableHLOExportOptions(seed_input=True, override_tracing_arguments=(x,))
    assert exported_program_to_stablehlo(ep, options)(x, seed=1).shape == (3,)
    with pytest.raises(BadInputError):
        exported_program_to_stablehlo(ep, StableHLOExportOptions(random_seed=-1))


def test_an_input_that_is_called_seed():
    class Model(torch.nn.Module):
        def forward(self, seed):
            return torch.rand(3) + seed

    ep = torch.export.export(Model(), (torch.zeros(3),), strict=False)
    program = exported_program_to_stablehlo(ep, StableHLOExportOptions(seed_input=True))
    assert not torch.equal(program(torch.zeros(3), 1), program(torch.zeros(3), 2))


def test_command_line(tmp_path):
    x = np.random.default_rng(0).random((4, 100), np.float32)
    ep = torch.export.export(torch.nn.Dropout(0.5).train(), (torch.from_numpy(x),), strict=False)
    torch.export.save(ep, tmp_path / "m.pt2")
    np.save(tmp_path / "x.npy", x)

    def run(where, *inputs):
        good("run", where, *(f"-i{i}" for i in inputs), "-o", tmp_path / "y.npy")
        return torch.from_numpy(np.load(tmp_path / "y.npy"))

    good("convert", tmp_path / "m.pt2", "--seed-input", "-o", tmp_path / "each")
    for seed in (0, 2**64 - 1):
        want = exported_program_to_stablehlo(ep, StableHLOExportOptions(random_seed=seed))(torch.from_numpy(x))
        np.save(tmp_path / "seed.npy", np.uint64(seed))
        good("convert", tmp_path / "m.pt2", "--seed", seed, "-o", tmp_path / f"fixed{seed}")
        assert torch.equal(run(tmp_path / f"fixed{seed}", tmp_path / "x.npy"), want)
        assert torch.equal(run(tmp_path / "each", tmp_path / "x.npy", tmp_path / "seed.npy"), want)
        assert torch.equal(run(tmp_path / "each", f"seed={tmp_path / 'seed.npy'}", tmp_path / "x.npy"), want)
    assert torch.equal(run(tmp_path / "m.pt2", tmp_path / "x.npy"), run(tmp_path / "fixed0", tmp_path / "x.npy"))
    for seed in ("-1", "+1", "1x", "18446744073709551616", ""):
        assert "--seed is '" in bad(USAGE, "convert", tmp_path / "m.pt2", f"--seed={seed}", "-o-")
    assert "give one of them" in bad(USAGE, "convert", tmp_path / "m.pt2", "--seed=0", "--seed-input", "-o-")
    assert "--seed is for .pt2 files" in bad(UNSUPPORTED, "convert", tmp_path / "each", "--seed=1", "-o-")


# -- refusals ------------------------------------------------------------------------------------------------------------


def test_refused():
    with pytest.raises(UnsupportedError, match="Generator"):
        convert(lambda: torch.rand(3, generator=torch.Generator()))


# -- windows at random ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("shape, kernel, size", [((2, 3, 9, 11), (2, 3), (4, 5)), ((3, 7, 8), (3, 2), (1, 6)), ((1, 2, 5, 5), (1, 1), (4, 4)),
                                                 ((2, 2, 6, 9, 7), (2, 3, 2), (3, 4, 5)), ((2, 6, 5, 7), (2, 2, 2), (2, 3, 1))], ids=str)
def test_fractional_max_pool(shape, kernel, size, dtype):
    """The samples are an input: values and indices are eager's."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=g).to(dtype)
    x.view(-1)[::7] = math.nan
    d = len(kernel)
    u = torch.rand((shape[0] if len(shape) == d + 2 else 1, shape[-d - 1], d), generator=g).to(dtype)
    op = torch.ops.aten.fractional_max_pool2d if d == 2 else torch.ops.aten.fractional_max_pool3d
    if d == 2 or dtype.itemsize >= 4:                                           # eager has no narrow fractional_max_pool3d
        check(lambda x, u: op(x, kernel, size, u), x, u)


# -- the other dialect ---------------------------------------------------------------------------------------------------

DECOMPOSED = {
    "dropout": lambda x: F.dropout(x, 0.3),
    "dropout_": lambda x: F.dropout(x + 1, 0.3, inplace=True),
    "dropout2d": lambda x: F.dropout2d(x, 0.3),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.3, True),
    "feature_alpha_dropout": lambda x: F.feature_alpha_dropout(x, 0.3, True),
    "rrelu": lambda x: F.rrelu(x, training=True),
    "gumbel": lambda x: F.gumbel_softmax(x, hard=True),
    "fractional_max_pool2d": lambda x: F.fractional_max_pool2d(x, 2, output_size=3, return_indices=True),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.3),
    "integers": lambda x: (torch.randint(3, 9, x.shape), torch.randint_like(x, 9), torch.randperm(9), x.clone().random_(5)),
    "bernoulli": lambda x: (torch.bernoulli(x), x.bernoulli(0.3), torch.zeros(3).bernoulli_(0.5), torch.zeros_like(x).bernoulli_(x)),
    "normal": lambda x: (
        torch.normal(x, 1.0), torch.normal(0.0, x), torch.normal(x, x), torch.normal(0.0, 1.0, (3,)), torch.zeros(3).normal_(),
    ),
    "in place": lambda x: (
        torch.zeros(5).uniform_(1, 2), torch.zeros(5).exponential_(), torch.zeros(5).cauchy_(), torch.zeros(5).geometric_(0.3),
        torch.zeros(5).log_normal_(),
    ),
    "multinomial": lambda x: (torch.multinomial(x[0, 0], 3), torch.multinomial(x[0, 0], 30, True)),
    "counts": lambda x: (torch.poisson(x), torch.binomial(x.mul(10).floor(), x), torch._standard_gamma(x), torch._sample_dirichlet(x)),
    "empty": lambda x: (torch.empty(3, 4), torch.empty_like(x), x.new_empty(2)),
}


@pytest.mark.parametrize("name", DECOMPOSED)
def test_decomposed(name):
    """After run_decompositions(): the ops of core ATen, with writes turned into results."""

    class Model(torch.nn.Module):
        def forward(self, x):
            return DECOMPOSED[name](x)

    x = torch.rand(2, 3, 8, 8)
    program = exported_program_to_stablehlo(torch.export.export(Model(), (x,), strict=False).run_decompositions())
    check_format(program)
    compare_types(program(x), DECOMPOSED[name](x.clone()))


# -- sizes that are not known --------------------------------------------------------------------------------------------


def dynamic_program(fn, **options):
    n = torch.export.Dim("n", min=2)
    ep = torch.export.export(Plain(fn), (torch.rand(3, 4, 5, 2),), dynamic_shapes=(({0: n},),), strict=False)
    return exported_program_to_stablehlo(ep, StableHLOExportOptions(**options))


def test_nothing_dropped_of_any_size():
    def fn(x):
        return tuple(f(x, 0.5, False) for f in (F.dropout, F.dropout2d, F.alpha_dropout, F.feature_alpha_dropout)) + (F.rrelu(x - 0.5),)

    program, x = dynamic_program(fn), torch.rand(7, 4, 5, 2)
    assert "?" in program.get_stablehlo_text()
    for got, want in zip(program(x), fn(x)):
        torch.testing.assert_close(got, want)


def splitmix64(state, count):
    """As its author wrote it: https://prng.di.unimi.it/splitmix64.c"""
    out = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        out.append(z ^ (z >> 31))
    return out


def test_the_reference():
    """Its values for the seed 1234567 as https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64 has them."""
    assert splitmix64(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def first_state(seed, draw):
    """mix(mix(seed) + draw * golden); one step of splitmix64 from x - golden mixes x"""
    golden = 0x9E3779B97F4A7C15
    (key,) = splitmix64((seed - golden) % 2**64, 1)
    return splitmix64((key + (draw - 1) * golden) % 2**64, 1)[0]


@pytest.mark.parametrize("options", [{"random_seed": 5}, {"seed_input": True}], ids=["fixed", "input"])
def test_bits_of_open_sizes(options):
    program = dynamic_program(lambda x: (torch.rand_like(x), torch.rand_like(x, dtype=torch.float64)), **options)
    x = torch.rand(7, 4, 5, 2)
    seed = {"seed": 5} if "seed_input" in options else {}
    f32, f64 = program(x, **seed)
    words = np.array(splitmix64(first_state(5, 1), x.numel()), np.uint64)
    np.testing.assert_array_equal(f32.numpy().ravel(), (words >> np.uint64(40)).astype(np.float32) / 2**24)
    words = np.array(splitmix64(first_state(5, 2), x.numel()), np.uint64)
    np.testing.assert_array_equal(f64.numpy().ravel(), (words >> np.uint64(11)).astype(np.float64) / 2**53)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_of_any_size(name):
    fn, cdf = CONTINUOUS[name]
    model, n = Plain(fn), torch.export.Dim("n", min=2)
    program = exported_program_to_stablehlo(torch.export.export(model, (torch.ones(5),), dynamic_shapes=(({0: n},),), strict=False))
    check_format(program)
    check_refines(program.get_stablehlo_text(), (torch.ones(11),))
    x = program(torch.ones(N))
    compare_types(x, fn(torch.ones(N)))
    assert x.isfinite().all() and ks(x, cdf) < 1.95


LOOPS = {
    "randint": lambda x: torch.randint_like(x, 1000),
    "randperm": lambda x: torch.randperm(x.shape[0]),
    "bernoulli": torch.bernoulli,
    "multinomial": lambda x: torch.multinomial(x[:, 0, 0], 5, replacement=True),
    "multinomial without replacement": lambda x: torch.multinomial(x[:, 0, 0] + 0.1, 2),
    "poisson": lambda x: torch.poisson(x * 20),
    "gamma": lambda x: torch._standard_gamma(x + 0.1),
    "dropout": lambda x: F.dropout(x, 0.5),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
}


@pytest.mark.parametrize("name", LOOPS)
def test_draws_of_any_size(name, tmp_path):
    """A module with "?" draws what the program draws when it is lowered for the sizes of the call."""
    program = dynamic_program(LOOPS[name], seed_input=True)
    check_format(program)
    program.save(tmp_path)
    saved = StableHLOGraphModule.load(tmp_path)
    for size in (2, 7):
        x = torch.rand(size, 4, 5, 2)
        got = program(x, seed=1)
        compare_types(got, LOOPS[name](x))
        assert torch.equal(got, saved(x, seed=1)) and (size == 2 or not torch.equal(got, program(x, seed=2)))
        check_refines(program.get_stablehlo_text(), (x, torch.tensor(1)))


def test_a_given_size_beside_open_ones():
    """A draw of a given size stays what it is in a program of given sizes."""
    program = dynamic_program(lambda x: x + torch.rand(2), random_seed=5)
    x = torch.zeros(3, 4, 5, 2)
    want = program_of(lambda x: x + torch.rand(2), x, random_seed=5)(x)
    assert torch.equal(program(x), want)


# -- where it is served --------------------------------------------------------------------------------------------------


@needs_tensorflow
def test_saved_model_takes_the_seed(tmp_path, tensorflow):  # noqa: F811
    """In TensorFlow the same seed draws what it draws here."""

    class Model(torch.nn.Module):
        def forward(self, x, *, scale):
            return F.dropout(x, 0.5) * scale, torch.randint(100, (5,))

    x, scale = torch.rand(8, 3), torch.tensor(2.0)
    ep = torch.export.export(Model(), (x,), {"scale": scale}, strict=False)
    program = exported_program_to_stablehlo(ep, StableHLOExportOptions(seed_input=True))
    save_stablehlo_graph_as_tf(program, str(tmp_path / "m"))
    seen = tensorflow.load(str(tmp_path / "m"))
    for seed in (1, 2**64 - 1):
        got = tensorflow.signature(seen["object"], "serving_default", {"x": x.numpy(), "scale": scale.numpy(), "seed": np.uint64(seed)})
        for g, w in zip((got["output_0"], got["output_1"]), program(x, scale=scale, seed=seed)):
            np.testing.assert_array_equal(g, w.numpy())
