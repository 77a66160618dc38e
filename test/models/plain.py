"""Models of every other kind in plain torch: graphs, recommenders, recurrent nets, generative models, state spaces, control flow."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .registry import family, image, tokens, wave


def mlp(*sizes, act=nn.ReLU):
    layers = [m for a, b in zip(sizes, sizes[1:]) for m in (nn.Linear(a, b), act())]
    return nn.Sequential(*layers[:-1])


# -- graph nets ----------------------------------------------------------------------------------------------------------


def edges(nodes=10, count=30):
    return torch.randint(0, nodes, (2, count))


class GCN(nn.Module):
    """Symmetrically normalized sums over neighbours, with self-loops."""

    def __init__(self, *sizes):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])])

    def forward(self, x, edge):
        loops = torch.arange(x.shape[0])
        src, dst = torch.cat([edge[0], loops]), torch.cat([edge[1], loops])
        degree = torch.zeros(x.shape[0]).scatter_add(0, dst, torch.ones(dst.shape[0]))
        norm = degree.rsqrt()[src] * degree.rsqrt()[dst]
        for layer in self.layers:
            h = layer(x)
            x = torch.zeros(x.shape[0], h.shape[1]).index_add(0, dst, h[src] * norm[:, None]).relu()
        return x.log_softmax(-1)


@family("gnn")
def gcn():
    return GCN(8, 16, 4), (torch.randn(10, 8), edges()), {}


class GAT(nn.Module):
    """Attention over neighbours: a softmax by destination, from scatter_reduce and index_add."""

    def __init__(self, c, heads, d):
        super().__init__()
        self.lin, self.a = nn.Linear(c, heads * d), nn.Parameter(torch.randn(2, heads, d))
        self.heads, self.d = heads, d

    def forward(self, x, edge):
        src, dst = edge
        h = self.lin(x).view(-1, self.heads, self.d)
        score = F.leaky_relu((h * self.a[0]).sum(-1)[src] + (h * self.a[1]).sum(-1)[dst], 0.2)
        index = dst[:, None].expand_as(score)
        top = torch.full((x.shape[0], self.heads), -math.inf).scatter_reduce(0, index, score, "amax")
        score = (score - top[dst]).exp()
        total = torch.zeros_like(top).index_add_(0, dst, score)
        weight = score / (total[dst] + 1e-16)
        return torch.zeros_like(h).index_add_(0, dst, h[src] * weight[..., None]).flatten(1)


@family("gnn")
def gat():
    return GAT(8, 2, 4), (torch.randn(10, 8), edges()), {}


class SAGE(nn.Module):
    """Mean of the neighbours, then a graph-wide mean (scatter_reduce)."""

    def __init__(self):
        super().__init__()
        self.own, self.near = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x, edge, graph):
        index = edge[1][:, None].expand(-1, 8)
        near = torch.zeros_like(x).scatter_reduce_(0, index, x[edge[0]], "mean", include_self=False)
        x = F.normalize(self.own(x) + self.near(near), dim=-1)
        return torch.zeros(2, 8).scatter_reduce(0, graph[:, None].expand(-1, 8), x, "mean", include_self=False)


@family("gnn")
def graphsage():
    return SAGE(), (torch.randn(10, 8), edges(), torch.arange(10) // 5), {}


class EdgeNet(nn.Module):
    """Messages along edges with features, kept by a gated recurrent unit (MPNN); edges of a class chosen by a mask."""

    def __init__(self):
        super().__init__()
        self.message, self.update = mlp(8 + 8 + 3, 16, 8), nn.GRUCell(8, 8)

    def forward(self, x, edge, feature):
        for _ in range(2):
            m = self.message(torch.cat([x[edge[0]], x[edge[1]], feature], -1))
            m = torch.where((feature[:, :1] > 0), m, torch.zeros_like(m))
            x = self.update(torch.zeros_like(x).index_add(0, edge[1], m), x)
        return x.sum(0)


@family("gnn")
def mpnn():
    return EdgeNet(), (torch.randn(10, 8), edges(), torch.randn(30, 3)), {}


class SchNet(nn.Module):
    """Energies of atoms from all pairwise distances through radial basis functions."""

    def __init__(self):
        super().__init__()
        self.embed, self.filter, self.out = nn.Embedding(10, 16), mlp(12, 16, 16, act=nn.Softplus), mlp(16, 8, 1, act=nn.SiLU)
        self.register_buffer("centre", torch.linspace(0, 3, 12), persistent=False)

    def forward(self, kind, at):
        d = (at[:, :, None] - at[:, None]).square().sum(-1).add(1e-6).sqrt()
        w = self.filter((-(d[..., None] - self.centre) ** 2).exp())
        w = w * (0.5 * (torch.cos(d * math.pi / 5) + 1) * (d < 5))[..., None]
        x = self.embed(kind)
        x = x + torch.einsum("bijc,bjc->bic", w, x)
        return self.out(x).sum((1, 2))


@family("gnn", dynamic=True)
def schnet(n=2, s=6):
    return SchNet(), (torch.randint(0, 10, (n, s)), torch.randn(n, s, 3)), {}


# -- recommenders --------------------------------------------------------------------------------------------------------


class DLRM(nn.Module):
    """Bags of categories, dense features, and the products of all pairs."""

    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList([nn.EmbeddingBag(n, 8, mode="sum") for n in (20, 30, 40)])
        self.bottom, self.top = mlp(6, 16, 8), mlp(8 + 6, 16, 1)

    def forward(self, dense, bags):
        x = self.bottom(dense)
        z = torch.stack([x, *(t(bags[:, i]) for i, t in enumerate(self.tables))], 1)
        products = torch.bmm(z, z.transpose(1, 2))
        i, j = torch.tril_indices(4, 4, -1)
        return self.top(torch.cat([x, products[:, i, j]], 1)).sigmoid()


@family("recommender")
def dlrm():
    return DLRM(), (torch.randn(4, 6), torch.randint(0, 20, (4, 3, 5))), {}


class WideDeep(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide, self.embed, self.deep = nn.Embedding(100, 1), nn.Embedding(100, 8), mlp(5 * 8 + 4, 32, 1)

    def forward(self, dense, category):
        deep = self.deep(torch.cat([self.embed(category).flatten(1), dense], 1))
        return (self.wide(category).sum(1) + deep).sigmoid().squeeze(1)


@family("recommender", dynamic=True)
def wide_and_deep(n=4):
    return WideDeep(), (torch.randn(n, 4), torch.randint(0, 100, (n, 5))), {}


class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Embedding(50, 16, padding_idx=0), nn.Embedding(60, 16)
        self.u, self.i = mlp(16, 16, 8), mlp(16, 16, 8)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, history, item):
        mask = (history != 0).float()[..., None]
        u = (self.user(history) * mask).sum(1) / mask.sum(1).clamp(min=1)
        u, i = F.normalize(self.u(u), dim=-1), F.normalize(self.i(self.item(item)), dim=-1)
        return self.scale.exp() * u @ i.T


@family("recommender", dynamic=True)
def two_tower(n=4, s=7):
    return TwoTower(), (torch.randint(0, 50, (n, s)), torch.randint(0, 60, (n,))), {}


class DeepFM(nn.Module):
    """Second-order interactions as the square of a sum less the sum of squares; a cross layer (DCN)."""

    def __init__(self):
        super().__init__()
        self.embed, self.cross, self.deep = nn.Embedding(100, 8), nn.Linear(40, 40), mlp(40, 16, 1)

    def forward(self, x):
        v = self.embed(x)
        fm = 0.5 * (v.sum(1).square() - v.square().sum(1)).sum(1, keepdim=True)
        x0 = v.flatten(1)
        return fm + self.deep(x0 * self.cross(x0) + x0)


@family("recommender", dynamic=True)
def deepfm(n=4):
    return DeepFM(), (torch.randint(0, 100, (n, 5)),), {}


# -- recurrent nets ------------------------------------------------------------------------------------------------------


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(64, 16), kind(16, 12, batch_first=True, **options)
        self.out = nn.LazyLinear(5)

    def forward(self, x):
        y, state = self.rnn(self.embed(x))
        return self.out(y), state


def recurrent(kind, n, **options):
    model, x = Recurrent(kind, **options), tokens(n, 9)
    model(x)
    return model, (x,), {}


@family("rnn", dynamic=True)
def lstm(n=2):
    return recurrent(nn.LSTM, n, num_layers=2)


@family("rnn")
def lstm_projected():
    return recurrent(nn.LSTM, 2, proj_size=6)


@family("rnn", dynamic=True)
def bidirectional_gru(n=2):
    return recurrent(nn.GRU, n, num_layers=2, bidirectional=True)


@family("rnn")
def elman():
    return recurrent(nn.RNN, 2, nonlinearity="relu")


class Seq2Seq(nn.Module):
    """An encoder, and a decoder of cells with additive attention, unrolled with teacher forcing."""

    def __init__(self):
        super().__init__()
        self.embed, self.encoder, self.cell = nn.Embedding(64, 16), nn.GRU(16, 16, batch_first=True), nn.LSTMCell(32, 16)
        self.w, self.v, self.out = nn.Linear(32, 16), nn.Linear(16, 1, bias=False), nn.Linear(16, 64)

    def forward(self, source, target):
        memory, h = self.encoder(self.embed(source))
        h, c = h[0], torch.zeros_like(h[0])
        logits = []
        for x in self.embed(target).unbind(1):
            query = h[:, None].expand_as(memory)
            weight = self.v(torch.tanh(self.w(torch.cat([memory, query], -1)))).softmax(1)
            h, c = self.cell(torch.cat([x, (weight * memory).sum(1)], -1), (h, c))
            logits.append(self.out(h))
        return torch.stack(logits, 1)


@family("rnn", dynamic=True)
def seq2seq_attention(n=2):
    return Seq2Seq(), (tokens(n, 8), tokens(n, 5)), {}


class TCN(nn.Module):
    """Causal dilated convolutions with weight norm."""

    def __init__(self):
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        self.layers = nn.ModuleList([norm(nn.Conv1d(8, 8, 3, dilation=2**i)) for i in range(3)])

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = x + layer(F.pad(x, (2 * 2**i, 0))).relu()
        return x


@family("time series", dynamic=True)
def tcn(n=2, s=20):
    return TCN(), (torch.randn(n, 8, s),), {}


class NBeats(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([mlp(16, 32, 16 + 4) for _ in range(3)])

    def forward(self, x):
        forecast = 0
        for block in self.blocks:
            back, ahead = block(x).split([16, 4], -1)
            x, forecast = x - back, forecast + ahead
        return forecast


@family("time series", dynamic=True)
def n_beats(n=3):
    return NBeats(), (torch.randn(n, 16),), {}


# -- generative models ---------------------------------------------------------------------------------------------------


class VAE(nn.Module):
    """Encoder, latent at its mean, decoder of transposed convolutions."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.SiLU(), nn.Conv2d(8, 8, 4, 2, 1), nn.GroupNorm(2, 8), nn.SiLU())
        self.moments, self.up = nn.Conv2d(8, 8, 1), nn.ConvTranspose2d(4, 8, 4, 2, 1)
        self.decoder = nn.Sequential(nn.SiLU(), nn.Upsample(scale_factor=2), nn.Conv2d(8, 3, 3, padding=1), nn.Tanh())

    def forward(self, x):
        mean, logvar = self.moments(self.encoder(x)).chunk(2, 1)
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum((1, 2, 3))
        return self.decoder(self.up(mean)), kl


@family("diffusion", dynamic=True)
def vae(n=2):
    return VAE(), (image(n),), {}


class TimeBlock(nn.Module):
    def __init__(self, c, d):
        super().__init__()
        self.norm1, self.conv1, self.time = nn.GroupNorm(4, c), nn.Conv2d(c, d, 3, padding=1), nn.Linear(16, d)
        self.norm2, self.conv2, self.skip = nn.GroupNorm(4, d), nn.Conv2d(d, d, 3, padding=1), nn.Conv2d(c, d, 1)

    def forward(self, x, t):
        h = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(t))[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class DiffusionUNet(nn.Module):
    """Noise prediction: sinusoidal time, residual blocks, attention over pixels and over a text."""

    def __init__(self):
        super().__init__()
        self.time, self.stem, self.out = mlp(16, 16, 16, act=nn.SiLU), nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1)
        self.down, self.pool, self.mid = TimeBlock(8, 8), nn.Conv2d(8, 16, 3, 2, 1), TimeBlock(16, 16)
        self.norm, self.own, self.cross = nn.GroupNorm(4, 16), nn.MultiheadAttention(16, 2, batch_first=True), nn.MultiheadAttention(16, 2, batch_first=True)
        self.up = TimeBlock(24, 8)

    def forward(self, x, t, text):
        freq = torch.exp(-math.log(10000) * torch.arange(8) / 8)
        angle = t[:, None].float() * freq
        t = self.time(torch.cat([angle.cos(), angle.sin()], -1))
        a = self.down(self.stem(x), t)
        h = self.mid(self.pool(a), t)
        n, c, height, width = h.shape
        y = self.norm(h).flatten(2).transpose(1, 2)
        y = y + self.own(y, y, y, need_weights=False)[0]
        y = y + self.cross(y, text, text, need_weights=False)[0]
        h = h + y.transpose(1, 2).reshape(n, c, height, width)
        h = F.interpolate(h, scale_factor=2.0, mode="nearest")
        return self.out(self.up(torch.cat([h, a], 1), t))


@family("diffusion", dynamic=True)
def diffusion_unet(n=2):
    return DiffusionUNet(), (image(n, 16, 4), torch.randint(0, 1000, (n,)), torch.randn(n, 5, 16)), {}


class DiT(nn.Module):
    """A diffusion transformer block: scale, shift and gate from the time."""

    def __init__(self):
        super().__init__()
        self.patch, self.mod, self.out = nn.Conv2d(4, 32, 2, 2), nn.Linear(32, 6 * 32), nn.Linear(32, 16)
        self.norm, self.qkv, self.mlp = nn.LayerNorm(32, elementwise_affine=False, eps=1e-6), nn.Linear(32, 96), mlp(32, 64, 32, act=nn.GELU)
        self.position = nn.Parameter(torch.randn(1, 16, 32))

    def forward(self, x, t):
        y = self.patch(x).flatten(2).transpose(1, 2) + self.position
        shift1, scale1, gate1, shift2, scale2, gate2 = self.mod(F.silu(t)).unsqueeze(1).chunk(6, -1)
        q, k, v = self.qkv(self.norm(y) * (1 + scale1) + shift1).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
        y = y + gate1 * F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        y = y + gate2 * self.mlp(self.norm(y) * (1 + scale2) + shift2)
        y = self.out(y).view(-1, 4, 4, 2, 2, 4)
        return torch.einsum("nhwpqc->nchpwq", y).reshape(-1, 4, 8, 8)


@family("diffusion", dynamic=True)
def dit(n=2):
    return DiT(), (image(n, 8, 4), torch.randn(n, 32)), {}


class Quantizer(nn.Module):
    """VQ-VAE: the nearest code of each place."""

    def __init__(self):
        super().__init__()
        self.encoder, self.codes, self.decoder = nn.Conv2d(3, 8, 4, 4), nn.Embedding(32, 8), nn.ConvTranspose2d(8, 3, 4, 4)

    def forward(self, x):
        z = self.encoder(x).permute(0, 2, 3, 1)
        flat = z.reshape(-1, 8)
        which = torch.cdist(flat, self.codes.weight).argmin(-1)
        q = self.codes(which).view_as(z)
        q = z + (q - z).detach()
        return self.decoder(q.permute(0, 3, 1, 2)), which, F.mse_loss(q, z)


@family("autoencoder")
def vq_vae():
    return Quantizer(), (image(2),), {}


@family("autoencoder", dynamic=True)
def autoencoder(n=3):
    return nn.Sequential(mlp(20, 12, 4, act=nn.ELU), mlp(4, 12, 20, act=nn.SELU), nn.Sigmoid()), (torch.randn(n, 20),), {}


@family("gan", dynamic=True)
def dcgan_generator(n=2):
    up = [m for c, d in ((16, 12), (12, 8)) for m in (nn.ConvTranspose2d(c, d, 4, 2, 1, bias=False), nn.BatchNorm2d(d), nn.ReLU(True))]
    return nn.Sequential(nn.ConvTranspose2d(10, 16, 4), *up, nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh()), (torch.randn(n, 10, 1, 1),), {}


class Coupling(nn.Module):
    """A normalizing flow: affine couplings and permutations, with the log of the determinant (RealNVP, Glow)."""

    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList([mlp(3, 16, 6, act=nn.Tanh) for _ in range(3)])
        self.mix = nn.Parameter(torch.linalg.qr(torch.randn(6, 6))[0])

    def forward(self, x):
        total = torch.zeros(x.shape[0])
        for net in self.nets:
            a, b = x.chunk(2, -1)
            scale, shift = net(a).chunk(2, -1)
            scale = torch.tanh(scale)
            x = torch.cat([b * scale.exp() + shift, a], -1) @ self.mix
            total = total + scale.sum(-1) + torch.linalg.slogdet(self.mix)[1]
        return x, total - 0.5 * x.square().sum(-1)


@family("flow")
def realnvp():
    return Coupling(), (torch.randn(4, 6),), {}


class NeRF(nn.Module):
    """Positional encoding, a net of density and colour, and volume rendering along rays."""

    def __init__(self):
        super().__init__()
        self.net = mlp(3 + 24, 32, 32, 4)

    def forward(self, origin, direction):
        t = torch.linspace(2.0, 6.0, 12)
        at = origin[:, None] + direction[:, None] * t[:, None]
        bands = at[..., None] * (2.0 ** torch.arange(4))
        x = torch.cat([at, bands.sin().flatten(2), bands.cos().flatten(2)], -1)
        colour, density = self.net(x).split([3, 1], -1)
        step = torch.cat([t.diff(), t.new_full((1,), 1e10)])
        alpha = 1 - torch.exp(-density[..., 0].relu() * step)
        clear = torch.cumprod(1 - alpha + 1e-10, -1)
        weight = alpha * torch.cat([torch.ones_like(clear[:, :1]), clear[:, :-1]], -1)
        return (weight[..., None] * colour.sigmoid()).sum(1), (weight * t).sum(-1)


@family("neural field", dynamic=True)
def nerf(n=4):
    return NeRF(), (torch.randn(n, 3), F.normalize(torch.randn(n, 3), dim=-1)), {}


class Siren(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in ((2, 16), (16, 16), (16, 3))])

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.sin(30 * layer(x))
        return self.layers[-1](x)


@family("neural field", dynamic=True)
def siren(n=8):
    return Siren(), (torch.rand(n, 2) * 2 - 1,), {}


# -- points --------------------------------------------------------------------------------------------------------------


class PointNet(nn.Module):
    """Shared layers over points, an input transform, the largest over points."""

    def __init__(self):
        super().__init__()
        self.align, self.body = mlp(3, 16, 9), nn.Sequential(nn.Conv1d(3, 16, 1), nn.BatchNorm1d(16), nn.ReLU(), nn.Conv1d(16, 32, 1))
        self.out = nn.Linear(32, 5)

    def forward(self, x):
        turn = self.align(x).amax(1).view(-1, 3, 3) + torch.eye(3)
        x = self.body(torch.bmm(x, turn).transpose(1, 2))
        return self.out(x.max(2)[0])


@family("points")
def pointnet():
    return PointNet(), (torch.randn(2, 20, 3),), {}


class EdgeConv(nn.Module):
    """DGCNN: features of the differences to the k nearest points."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(6, 16, 1), nn.LeakyReLU(0.2))

    def forward(self, x):
        near = torch.cdist(x, x).topk(4, largest=False)[1]
        batch = torch.arange(x.shape[0])[:, None, None]
        y = x[batch, near]
        own = x[:, :, None].expand_as(y)
        return self.body(torch.cat([y - own, own], -1).permute(0, 3, 1, 2)).amax(-1)


@family("points")
def dgcnn():
    return EdgeConv(), (torch.randn(2, 16, 3),), {}


class SetAbstraction(nn.Module):
    """PointNet++: farthest points one after the other, balls around them."""

    def __init__(self):
        super().__init__()
        self.net = mlp(3, 16, 8)

    def forward(self, x):
        n = x.shape[0]
        rows, far, nearest = torch.arange(n), torch.zeros(n, dtype=torch.long), torch.full(x.shape[:2], 1e10)
        chosen = []
        for _ in range(4):
            chosen.append(far)
            nearest = torch.minimum(nearest, (x - x[rows, far][:, None]).square().sum(-1))
            far = nearest.argmax(-1)
        centre = x[rows[:, None], torch.stack(chosen, 1)]
        d = torch.cdist(centre, x)
        y = self.net(x[:, None] - centre[:, :, None])
        return y.masked_fill((d > 1.5)[..., None], -1e9).amax(2), torch.stack(chosen, 1)


@family("points")
def pointnet2():
    return SetAbstraction(), (torch.randn(2, 16, 3),), {}


# -- state spaces, mixtures, sound ---------------------------------------------------------------------------------------


class S4D(nn.Module):
    """A diagonal state space as a long convolution through the FFT, with complex parameters."""

    def __init__(self, c=4, m=8):
        super().__init__()
        self.log_dt, self.c = nn.Parameter(torch.randn(c) * 0.1 - 3), nn.Parameter(torch.randn(c, m, 2))
        self.real, self.imag, self.d = nn.Parameter(torch.zeros(c, m)), nn.Parameter(math.pi * torch.arange(m).repeat(c, 1).float()), nn.Parameter(torch.ones(c))

    def forward(self, x):
        length = x.shape[-1]
        dt = self.log_dt.exp()
        a = torch.complex(-self.real.exp(), self.imag)
        c = torch.view_as_complex(self.c) * ((a * dt[:, None]).exp() - 1) / a
        k = torch.einsum("cm,cml->cl", c, torch.exp((a * dt[:, None])[..., None] * torch.arange(length))).real * 2
        y = torch.fft.irfft(torch.fft.rfft(x, n=2 * length) * torch.fft.rfft(k, n=2 * length), n=2 * length)[..., :length]
        return F.gelu(y + x * self.d[:, None])


@family("state space")
def s4d():
    return S4D(), (torch.randn(2, 4, 24),), {}


class LinearAttention(nn.Module):
    """Attention as a recurrence over a matrix of state, decaying (RetNet, GLA)."""

    def __init__(self):
        super().__init__()
        self.qkv, self.decay = nn.Linear(16, 48), nn.Parameter(torch.tensor(2.0))

    def forward(self, x, state):
        q, k, v = self.qkv(x).chunk(3, -1)
        out, keep = [], self.decay.sigmoid()
        for t in range(x.shape[1]):
            state = keep * state + k[:, t, :, None] * v[:, t, None]
            out.append(torch.einsum("bi,bij->bj", q[:, t], state))
        return torch.stack(out, 1), state


@family("state space", dynamic=True)
def retention(n=2):
    return LinearAttention(), (torch.randn(n, 6, 16), torch.zeros(n, 16, 16)), {}


class Experts(nn.Module):
    """The best two of four experts, each computed for all and weighted; load statistics beside."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(16, 4, bias=False)
        self.w1, self.w2 = nn.Parameter(torch.randn(4, 16, 32) * 0.2), nn.Parameter(torch.randn(4, 32, 16) * 0.2)

    def forward(self, x):
        p = self.gate(x).softmax(-1)
        weight, which = p.topk(2, -1)
        weight = weight / weight.sum(-1, keepdim=True)
        mask = F.one_hot(which, 4).to(x.dtype)
        y = torch.einsum("nh,ehi->nei", x, self.w1).relu()
        y = torch.einsum("nei,eih->neh", y, self.w2)
        y = torch.einsum("neh,nke,nk->nh", y, mask, weight)
        return y, mask.sum((0, 1)), p.mean(0)


@family("mixture of experts")
def moe_dense():
    return Experts(), (torch.randn(8, 16),), {}


class Spectrogram(nn.Module):
    """A speech front end: STFT, mel filters, decibels, then a small net."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(64), persistent=False)
        self.register_buffer("mel", torch.rand(33, 12))
        self.net = nn.Conv1d(12, 6, 3)

    def forward(self, x):
        s = torch.stft(x, 64, 16, window=self.window, center=True, return_complex=True)
        power = s.abs().square().transpose(1, 2) @ self.mel
        db = 10 * torch.log10(power.clamp(min=1e-10))
        db = torch.maximum(db, db.amax((-2, -1), keepdim=True) - 80)
        return self.net(db.transpose(1, 2))


@family("speech")
def mel_spectrogram():
    return Spectrogram(), (wave(2, 400),), {}


class WaveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter = nn.ModuleList([nn.Conv1d(8, 16, 2, dilation=2**i) for i in range(4)])
        self.mix, self.inp, self.out = nn.ModuleList([nn.Conv1d(8, 8, 1) for _ in range(4)]), nn.Conv1d(1, 8, 1), nn.Conv1d(8, 32, 1)

    def forward(self, x):
        x, skip = self.inp(x), 0
        for i, (f, m) in enumerate(zip(self.filter, self.mix)):
            a, b = f(F.pad(x, (2**i, 0))).chunk(2, 1)
            y = m(a.tanh() * b.sigmoid())
            x, skip = x + y, skip + y
        return self.out(F.relu(skip))


@family("speech", dynamic=True)
def wavenet(n=2, s=40):
    return WaveNet(), (torch.randn(n, 1, s),), {}


# -- transformers in plain torch -----------------------------------------------------------------------------------------


@family("encoder", dynamic=True)
def transformer_encoder(n=2, s=9):
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True, activation="gelu")
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (torch.randn(n, s, 16),), {}


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(64, 16), nn.Linear(16, 64)
        self.body = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)

    def forward(self, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        return self.out(self.body(self.embed(source), self.embed(target), tgt_mask=mask, tgt_is_causal=True))


@family("encoder-decoder", dynamic=True)
def transformer_full(n=2):
    return Translator(), (tokens(n, 7), tokens(n, 5)), {}


class CachedDecoder(nn.Module):
    """One step of decoding: rotary positions, and a cache of keys and values that the program keeps and writes at `at`."""

    def __init__(self, length=16):
        super().__init__()
        self.embed, self.qkv, self.out = nn.Embedding(64, 32), nn.Linear(32, 96), nn.Linear(32, 64)
        self.register_buffer("k", torch.zeros(1, 4, length, 8), persistent=False)
        self.register_buffer("v", torch.zeros(1, 4, length, 8), persistent=False)
        self.length = length

    def rotate(self, x, at):
        angle = at.float() * (10000.0 ** (-torch.arange(0, 8, 2) / 8))
        turn = torch.polar(torch.ones_like(angle), angle)
        return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (4, 2))) * turn).flatten(-2)

    def forward(self, token, at):
        q, k, v = self.qkv(self.embed(token)).view(1, 1, 3, 4, 8).permute(2, 0, 3, 1, 4)
        self.k.index_copy_(2, at, self.rotate(k, at))
        self.v.index_copy_(2, at, v)
        mask = torch.arange(self.length) <= at
        y = F.scaled_dot_product_attention(self.rotate(q, at), self.k, self.v, attn_mask=mask[None, None, None])
        return self.out(y.transpose(1, 2).flatten(2))


@family("decoder with cache")
def cached_decoder():
    return CachedDecoder(), (tokens(1, 1), torch.tensor([3])), {}


# -- control flow --------------------------------------------------------------------------------------------------------


class EarlyExit(nn.Module):
    """A second stage only where the first is not sure."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.out = nn.Linear(8, 8), mlp(8, 32, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.first(x).relu()
        p = self.out(h).softmax(-1)
        return torch.cond(p.amax() > 0.9, lambda h: h.clone(), lambda h: h + self.second(h), (h,))


@family("control flow")
def early_exit():
    return EarlyExit(), (torch.randn(2, 8),), {}


class Equilibrium(nn.Module):
    """A deep equilibrium: a layer applied until it changes little, 50 times at most."""

    def __init__(self):
        super().__init__()
        self.w, self.u = nn.Linear(8, 8), nn.Linear(8, 8)
        with torch.no_grad():
            self.w.weight.mul_(0.3)

    def forward(self, x):
        def go_on(i, z, change):
            return (i < 50) & (change > 1e-5)

        def step(i, z, change):
            new = torch.tanh(self.w(z) + self.u(x))
            return i + 1, new, (new - z).abs().amax()

        start = torch.tensor(0), torch.zeros_like(x), torch.tensor(1.0)
        return torch._higher_order_ops.while_loop(go_on, step, start)


@family("control flow")
def deep_equilibrium():
    return Equilibrium(), (torch.randn(2, 8),), {}


class ScanRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(16, 8)

    def forward(self, x):
        def step(h, x):
            h = torch.tanh(self.cell(torch.cat([x, h], -1)))
            return h, h.clone()

        return torch._higher_order_ops.scan(step, torch.zeros(x.shape[1], 8), x)


@family("control flow")
def scan_rnn():
    return ScanRNN(), (torch.randn(6, 2, 8),), {}
