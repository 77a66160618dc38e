"""Images of any size: resizing, pools, convolutions back and transposed, sampling at points. Values from eager torch at several sizes, and
StableHLO's own shape refinement makes each module static."""

import pytest
import test_vision_ops
import torch
import torch.nn.functional as F
from sizes import check_at, export
from torch import nn

from torch_stablehlo import UnsupportedError, exported_program_to_stablehlo

A = torch.export.Dim.AUTO
IMAGES = [(2, 4, 6, 7), (3, 4, 9, 12), (5, 4, 5, 8)]
aten = torch.ops.aten


class Call(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args):
        return self.f(*args)


def check_open(model, calls, *dims):
    """dims: which are open, of each input."""
    model = model if isinstance(model, nn.Module) else Call(model)
    args = tuple({d: A for d in each} for each in dims)
    ep = export(model, calls[0], {"args": args} if isinstance(model, Call) else args)
    check_at(model, exported_program_to_stablehlo(ep), calls)


def images(*sizes):
    torch.manual_seed(0)
    return [(torch.randn(s),) for s in sizes or IMAGES]


def resize(mode, **options):
    return lambda x: F.interpolate(x, mode=mode, **options)


RESIZED = {
    "nearest by 2": resize("nearest", scale_factor=2),
    "nearest by 3": resize("nearest", scale_factor=3),
    "nearest by 1.5": resize("nearest", scale_factor=1.5),
    "nearest-exact": resize("nearest-exact", scale_factor=3),
    "bilinear by 2": resize("bilinear", scale_factor=2),
    "bilinear, corners": resize("bilinear", scale_factor=2, align_corners=True),
    "bilinear halved": resize("bilinear", scale_factor=0.5),
    "bilinear by little": resize("bilinear", scale_factor=(1.1, 1.3)),
    "bilinear to a size": resize("bilinear", size=(13, 5)),
    "bilinear to one's own": lambda x: F.interpolate(x[:, :, ::2], size=x.shape[2:], mode="bilinear"),
    "bilinear to one row": lambda x: F.interpolate(x, size=(1, x.shape[3] * 2), mode="bilinear", align_corners=True),
    "bilinear in f64": lambda x: F.interpolate(x.double(), scale_factor=1.7, mode="bilinear").float(),
    "bicubic": resize("bicubic", scale_factor=1.7),
    "bicubic, corners": resize("bicubic", scale_factor=1.7, align_corners=True),
    "bicubic to one's own": lambda x: F.interpolate(x[:, :, ::2], size=x.shape[2:], mode="bicubic"),
    "lines": lambda x: (F.interpolate(x[:, :, 0], scale_factor=2, mode="linear"), F.interpolate(x[:, :, 0], scale_factor=2)),
    "solids": lambda x: F.interpolate(torch.stack([x, x + 1], 2), scale_factor=2, mode="trilinear"),
}
POOLED = {
    "adaptive mean": lambda x: (F.adaptive_avg_pool2d(x, (3, 2)), F.adaptive_avg_pool2d(x, (3, 1)), F.adaptive_avg_pool1d(x[:, 0], 4)),
    "adaptive mean to a size": lambda x: F.adaptive_avg_pool2d(x, (x.shape[3], x.shape[2])),
    "adaptive maximum": lambda x: F.adaptive_max_pool2d(x, (3, 2), return_indices=True),
    "to the last window": lambda x: (F.max_pool2d(x, 3, 2, ceil_mode=True), F.max_pool2d(x, 4, 3, 1, ceil_mode=True, return_indices=True)),
    "mean to the last window": lambda x: (F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), F.avg_pool2d(x, 4, 3, 1, ceil_mode=True, count_include_pad=False)),
    "unpooled": lambda x: F.max_unpool2d(*F.max_pool2d(x[:, :, :4, :4], 2, return_indices=True), 2),
    "glu": lambda x: F.glu(torch.cat([x, x + 1], 2), 2),
}


@pytest.mark.parametrize("name", RESIZED)
def test_resized(name):
    check_open(RESIZED[name], images(), (0, 2, 3))


@pytest.mark.parametrize("name", POOLED)
def test_pooled(name):
    check_open(POOLED[name], images(), (0, 2, 3))


CONVOLUTIONS = {
    "transposed": lambda: nn.ConvTranspose2d(4, 3, 2, 2),
    "transposed, all options": lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2, dilation=2),
    "same": lambda: nn.Conv2d(4, 3, 4, padding="same", dilation=3),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name):
    torch.manual_seed(0)
    check_open(CONVOLUTIONS[name](), images(), (0, 2, 3))


def test_a_kernel_of_any_size():
    """Where the kernel's sizes say what the padding is, they must be numbers."""
    x, w = torch.randn(2, 4, 6, 7), torch.randn(3, 4, 4, 4)
    check_open(F.conv2d, [(x, w), (x[:1].repeat(3, 1, 1, 1), w[:, :, :3, :2])], (0,), (2, 3))
    ep = export(Call(lambda x, w: F.conv2d(x, w, padding="same")), (x, w), {"args": ({}, {2: A, 3: A})})
    program = exported_program_to_stablehlo(ep)
    with pytest.raises(UnsupportedError, match=r"a kernel tensor<3x4x\?x\?xf32>: its sizes must be numbers"):
        program.get_stablehlo_text()


def gradients(x, stride):
    w = torch.linspace(-1, 1, 6 * 4 * 9).reshape(6, 4, 3, 3)
    options = [stride] * 2, [1, 1], [1, 1], False, [0, 0], 1
    y = aten.convolution(x, w, None, *options)
    return list(aten.convolution_backward(y * y, x, w, [6], *options, [True] * 3))


def pool_gradients(x):
    y, at = aten.max_pool2d_with_indices(x, [2, 2], [2, 2])
    z = aten.avg_pool2d(x, [3, 3], [2, 2], [1, 1])
    means = [aten.avg_pool2d_backward(z * z, x, [3, 3], [2, 2], [1, 1], False, count, None) for count in (True, False)]
    return [aten.max_pool2d_with_indices_backward(y * y, x, [2, 2], [2, 2], [0, 0], [1, 1], False, at), *means]


def nearest_gradients(x):
    size = [2 * x.shape[2], 2 * x.shape[3]]
    y = aten.upsample_nearest2d(x, size, 2.0, 2.0)
    return aten.upsample_nearest2d_backward(y * y, size, x.shape, 2.0, 2.0)


def test_gradients_of_a_convolution():
    check_open(lambda x: gradients(x, 1), images(), (0, 2, 3))
    check_open(lambda x: gradients(x, 2), images((3, 4, 7, 8), (5, 4, 7, 8), (2, 4, 7, 8)), (0,))
    ep = export(Call(lambda x: gradients(x, 2)), images()[0], {"args": ({2: A},)})
    with pytest.raises(UnsupportedError, match="the gradient of a convolution with a stride over a size that is not known"):
        exported_program_to_stablehlo(ep).get_stablehlo_text()


def test_gradients_of_pools():
    check_open(pool_gradients, images(), (0, 2, 3))
    check_open(nearest_gradients, images(), (0, 2, 3))


# -- sampling ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["zeros", "border"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grid_sample(mode, padding):
    def fn(x, grid):
        return [F.grid_sample(x, grid, mode, padding, align_corners) for align_corners in (False, True)]

    torch.manual_seed(0)
    check_open(fn, [(torch.randn(s), 0.9 * torch.randn(s[0], s[3], 3, 2)) for s in IMAGES], (0, 2, 3), (0, 1))


def test_grid_sample_of_known_images():
    torch.manual_seed(0)
    calls = [(torch.randn(n, 4, 7, 8), torch.randn(n, k, 3, 2)) for n, k in ((3, 5), (4, 7))]
    check_open(lambda x, grid: F.grid_sample(x, grid, padding_mode="reflection", align_corners=False), calls, (0,), (0, 1))
    ep = export(Call(lambda x, grid: F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)), calls[0], {"args": ({2: A}, {})})
    with pytest.raises(UnsupportedError, match="reflection at the borders of an image .* whose sizes are not known"):
        exported_program_to_stablehlo(ep).get_stablehlo_text()


def test_affine_grid():
    calls = [(torch.randn(n, 2, 3), torch.randn(n, 4, 5, 6)) for n in (3, 5)]
    check_open(lambda theta, x: [F.affine_grid(theta, x.shape, align_corners=a) for a in (False, True)], calls, (0,), (0,))


def test_regions():
    test_vision_ops.define()
    torch.manual_seed(0)

    def rois(n, count):
        return torch.cat([torch.randint(0, n, (count, 1)).float(), torch.rand(count, 2) * 5, 5 + torch.rand(count, 2) * 8], 1)

    calls = [(torch.randn(s), rois(s[0], k)) for s, k in zip(IMAGES, (5, 3, 9))]
    check_open(lambda x, r: torch.ops.torchvision.roi_align(x, r, 0.5, 3, 2, 2, True), calls, (0, 2, 3), (0,))


def test_deform_conv2d():
    test_vision_ops.define()
    torch.manual_seed(0)
    w, bias = torch.randn(6, 4, 3, 3), torch.randn(6)

    def fn(x, offset):
        mask = offset.new_ones(x.shape[0], 1, x.shape[2], x.shape[3])
        return torch.ops.torchvision.deform_conv2d(x, w, offset, mask, bias, 1, 1, 1, 1, 1, 1, 1, 1, False)

    calls = [(torch.randn(s), torch.randn(s[0], 18, *s[2:])) for s in IMAGES]
    check_open(fn, calls, (0, 2, 3), (0, 2, 3))
