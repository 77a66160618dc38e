"""torchvision's operators. Where torchvision is not installed their schemas are defined here, with reference results written in plain
torch from their definitions: bilinear interpolation as a sum over all elements by hat functions."""

import importlib.util

import pytest
import torch
import torch.nn.functional as F
from oracle import check, convert
from torch_stablehlo import UnsupportedError

if importlib.util.find_spec("torchvision"):
    import torchvision  # noqa: F401


def hats(x, size):
    """[.., size]: how much of each element a coordinate takes."""
    return (1 - (x[..., None] - torch.arange(size, dtype=x.dtype)).abs()).clamp(min=0)


def edge_hats(x, size):
    """The same where up to one element beyond the image the edge counts, and nothing further out."""
    inside = (x >= -1) & (x <= size)
    return hats(x.clamp(0, size - 1), size) * inside[..., None]


def bin_weights(start, end, bins, ratio, size, at_least_one):
    """([bins, size], points): the mean over the points of each bin, along one dim."""
    length = (end - start).clamp(min=1) if at_least_one else end - start
    step = length / bins
    count = ratio if ratio > 0 else int(torch.ceil(step))
    points = torch.arange(max(count, 0), dtype=start.dtype) + 0.5
    at = start + torch.arange(bins)[:, None] * step + points * step / max(count, 1)
    return edge_hats(at, size).sum(1), count


def regions(image, rois, scale, bins, ratio, half, at_least_one):
    """[R, C, PH, PW, and how many points], with all channels for each bin."""
    out = []
    for roi in rois:
        x1, y1, x2, y2 = roi[1:] * scale - half
        wy, ny = bin_weights(y1, y2, bins[0], ratio, image.shape[2], at_least_one)
        wx, nx = bin_weights(x1, x2, bins[1], ratio, image.shape[3], at_least_one)
        out.append((torch.einsum("chw,ph,qw->cpq", image[int(roi[0])], wy, wx), ny * nx))
    return out


def roi_align(input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned):
    half = 0.5 if aligned else 0.0
    found = regions(input, rois, spatial_scale, (pooled_height, pooled_width), sampling_ratio, half, not aligned)
    empty = input.new_zeros(0, input.shape[1], pooled_height, pooled_width)
    return torch.stack([v / max(count, 1) for v, count in found]) if found else empty


def ps_roi_align(input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio):
    bins = (pooled_height, pooled_width)
    out = torch.stack([v / count for v, count in regions(input, rois, spatial_scale, bins, sampling_ratio, 0.5, False)])
    out = out.unflatten(1, (-1, *bins))
    index = torch.arange(input.shape[1], dtype=torch.int32).view(-1, *bins).expand(len(rois), -1, -1, -1).clone()
    i, j = torch.meshgrid(torch.arange(bins[0]), torch.arange(bins[1]), indexing="ij")
    return out[:, :, i, j, i, j].contiguous(), index


def deform_conv2d(input, weight, offset, mask, bias, sh, sw, ph, pw, dh, dw, groups, offset_groups, use_mask):
    n, c, h, w = input.shape
    d, _, kh, kw = weight.shape
    oh, ow = offset.shape[2:]
    shift = offset.view(n, offset_groups, kh, kw, 2, oh, ow)
    y = torch.arange(oh)[:, None] * sh - ph + torch.arange(kh)[:, None, None, None] * dh + shift[:, :, :, :, 0]
    x = torch.arange(ow) * sw - pw + torch.arange(kw)[:, None, None] * dw + shift[:, :, :, :, 1]
    image = input.view(n, offset_groups, c // offset_groups, h, w)
    taps = torch.einsum("ngchw,ngijpqh,ngijpqw->ngcijpq", image, hats(y, h), hats(x, w))
    if use_mask:
        taps = taps * mask.view(n, offset_groups, 1, kh, kw, oh, ow)
    taps = taps.reshape(n, groups, c // groups, kh, kw, oh, ow)
    out = torch.einsum("ngcijpq,gdcij->ngdpq", taps, weight.view(groups, d // groups, c // groups, kh, kw))
    return out.reshape(n, d, oh, ow) + bias[:, None, None]


SCHEMAS = {
    "roi_align": ("(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor", roi_align),
    "ps_roi_align": ("(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, int sampling_ratio) -> (Tensor, Tensor)", ps_roi_align),
    "deform_conv2d": (
        "(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, SymInt stride_w, SymInt pad_h, SymInt pad_w,"
        " SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups, bool use_mask) -> Tensor",
        deform_conv2d,
    ),
    "nms": ("(Tensor dets, Tensor scores, float iou_threshold) -> Tensor", None),
}


def result_shapes(name, args):
    """What the operator gives, without its values."""
    image = args[0]
    if name == "deform_conv2d":
        return image.new_empty(image.shape[0], args[1].shape[0], *args[2].shape[2:])
    r, bins = args[1].shape[0], (args[3], args[4])
    if name == "roi_align":
        return image.new_empty(r, image.shape[1], *bins)
    shape = (r, image.shape[1] // (bins[0] * bins[1]), *bins)
    return image.new_empty(shape), image.new_empty(shape, dtype=torch.int32)


def define():
    """The operators of torchvision that torch has not yet."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name, (schema, reference) in SCHEMAS.items():
        if hasattr(torch.ops.torchvision, name):
            continue
        library.define(name + schema)
        if reference:
            library.impl(name, reference, "CPU")
            torch.library.register_fake(f"torchvision::{name}", lambda *args, name=name: result_shapes(name, args), lib=library)
        else:
            torch.library.register_fake("torchvision::nms", lambda d, s, t: d.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.long), lib=library)
            library.impl(name, lambda d, s, t: torch.arange(2), "CPU")
    return library


LIBRARY = define()
ops = torch.ops.torchvision


def some_rois(dtype=torch.float32):
    """Inside, across each edge, wholly outside, of no size, of negative size, larger than the image."""
    boxes = [(0, 1, 2, 7, 9), (1, -3, -2, 4, 5.5), (1, 6, 3, 14, 11), (0, 30, 30, 40, 40), (1, 4, 4, 4, 4), (0, 5, 6, 2, 1), (1, -20, -20, 40, 40)]
    return torch.tensor(boxes, dtype=dtype)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 0, 1, 3])
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_roi_align(ratio, aligned, scale):
    torch.manual_seed(0)
    check(ops.roi_align, torch.randn(2, 3, 10, 12), some_rois(), scale, 3, 2, ratio, aligned)


def test_roi_align_of_other_types():
    torch.manual_seed(0)
    check(ops.roi_align, torch.randn(2, 3, 10, 12, dtype=torch.float64), some_rois(torch.float64), 0.5, 2, 2, 2, True)
    check(ops.roi_align, torch.randn(1, 2, 1, 1), some_rois()[:1], 1.0, 2, 2, 2, True)
    check(ops.roi_align, torch.randn(2, 3, 10, 12), some_rois()[:0], 1.0, 2, 2, 2, False)


@pytest.mark.parametrize("ratio", [-1, 2])
def test_ps_roi_align(ratio):
    torch.manual_seed(0)
    rois = some_rois()[[0, 1, 2, 3, 6]]
    check(ops.ps_roi_align, torch.randn(2, 2 * 3 * 2, 10, 12), rois, 0.5, 3, 2, ratio)


@pytest.mark.parametrize(
    "n, c, d, size, k, stride, pad, dilation, groups, offset_groups, use_mask",
    [
        (2, 4, 6, (7, 8), (3, 3), (1, 1), (1, 1), (1, 1), 1, 1, False),
        (2, 4, 6, (7, 8), (3, 2), (2, 1), (0, 1), (1, 2), 2, 2, True),
        (1, 4, 4, (5, 5), (1, 1), (1, 1), (0, 0), (1, 1), 4, 1, True),
        (1, 6, 3, (6, 9), (3, 3), (1, 2), (2, 2), (2, 2), 3, 3, False),
    ],
)
def test_deform_conv2d(n, c, d, size, k, stride, pad, dilation, groups, offset_groups, use_mask):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(n, c, *size), torch.randn(d, c // groups, *k), torch.randn(d)
    out = F.conv2d(x, weight, None, stride, pad, dilation, groups).shape[2:]
    offset = 2 * torch.randn(n, 2 * offset_groups * k[0] * k[1], *out)
    mask = torch.rand(n, offset_groups * k[0] * k[1], *out) if use_mask else torch.zeros(n, 1)
    check(ops.deform_conv2d, x, weight, offset, mask, bias, *stride, *pad, *dilation, groups, offset_groups, use_mask)


def test_deform_conv2d_without_displacement_is_conv2d():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 4, 7, 8), torch.randn(6, 4, 3, 3), torch.randn(6)
    program, inputs = convert(ops.deform_conv2d, x, weight, torch.zeros(2, 18, 7, 8), torch.zeros(2, 1), bias, 1, 1, 1, 1, 1, 1, 1, 1, False)
    torch.testing.assert_close(program(*inputs), F.conv2d(x, weight, bias, padding=1), rtol=1e-4, atol=1e-4)


def test_nms_is_refused():
    with pytest.raises(UnsupportedError, match="torchvision.nms.*how many boxes are kept depends on the values"):
        convert(ops.nms, torch.rand(5, 4), torch.rand(5), 0.5)
