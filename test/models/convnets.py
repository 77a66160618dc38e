"""Convolutional nets in plain torch, small, with the structure of the published ones."""

import torch
import torch.nn.functional as F
from torch import nn

from .registry import family, image


def conv(c, d, k=3, stride=1, groups=1, act=nn.ReLU, dilation=1):
    """Convolution, batch norm, activation."""
    pad = (k - 1) // 2 * dilation
    return nn.Sequential(
        nn.Conv2d(c, d, k, stride, pad, dilation, groups, bias=False), nn.BatchNorm2d(d), act() if act is nn.Sigmoid or act is nn.Identity else act(inplace=True)
    )


def head(c, classes=10):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes))


class Residual(nn.Module):
    """Basic or bottleneck block; groups as in ResNeXt."""

    def __init__(self, c, d, stride=1, bottleneck=False, groups=1):
        super().__init__()
        inner = d // 2 if bottleneck else d
        first = [conv(c, inner, 1), conv(inner, inner, 3, stride, groups)] if bottleneck else [conv(c, inner, 3, stride)]
        self.body = nn.Sequential(*first, conv(inner, d, 1 if bottleneck else 3, act=nn.Identity))
        self.skip = conv(c, d, 1, stride, act=nn.Identity) if stride != 1 or c != d else nn.Identity()

    def forward(self, x):
        return F.relu(self.body(x) + self.skip(x))


@family("cnn", dynamic=True)
def resnet_basic(n=2):
    return nn.Sequential(conv(3, 16, 7, 2), nn.MaxPool2d(3, 2, 1), Residual(16, 16), Residual(16, 32, 2), head(32)), (image(n, 64),), {}


@family("cnn", dynamic=True)
def resnext(n=2):
    blocks = Residual(16, 32, 1, True, 4), Residual(32, 64, 2, True, 4)
    return nn.Sequential(conv(3, 16, 7, 2), nn.MaxPool2d(3, 2, 1), *blocks, head(64)), (image(n, 64),), {}


@family("cnn", dynamic=True)
def vgg(n=2):
    pool = nn.MaxPool2d(2, 2)
    top = nn.Flatten(), nn.Linear(32 * 4, 64), nn.ReLU(True), nn.Dropout(), nn.Linear(64, 10)
    return nn.Sequential(conv(3, 16), pool, conv(16, 32), pool, conv(32, 32), pool, nn.AdaptiveAvgPool2d(2), *top), (image(n),), {}


@family("cnn", dynamic=True)
def alexnet(n=2):
    features = nn.Conv2d(3, 16, 11, 4, 2), nn.ReLU(True), nn.MaxPool2d(3, 2), nn.Conv2d(16, 32, 5, padding=2), nn.LocalResponseNorm(5)
    return nn.Sequential(*features, head(32)), (image(n, 96),), {}


class DenseLayer(nn.Module):
    def __init__(self, c, growth):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, growth, 3, padding=1, bias=False))

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


@family("cnn", dynamic=True)
def densenet(n=2):
    layers = [DenseLayer(16 + 8 * i, 8) for i in range(4)]
    down = nn.Sequential(nn.Conv2d(48, 24, 1), nn.AvgPool2d(2, 2))
    return nn.Sequential(conv(3, 16, 7, 2), *layers, down, DenseLayer(24, 8), head(32)), (image(n),), {}


class Inception(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.one, self.three = conv(c, 8, 1), nn.Sequential(conv(c, 8, 1), conv(8, 8, 3))
        self.five, self.pool = nn.Sequential(conv(c, 4, 1), conv(4, 8, 5)), conv(c, 8, 1)

    def forward(self, x):
        pooled = F.max_pool2d(x, 3, 1, 1)
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(pooled)], 1)


@family("cnn", dynamic=True)
def inception(n=2):
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return nn.Sequential(conv(3, 16, 3, 2), pool, Inception(16), pool, Inception(32), head(32)), (image(n, 48),), {}


class SqueezeExcite(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(c, c // 4, 1), nn.Conv2d(c // 4, c, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1)))))


class Inverted(nn.Module):
    """Inverted residual of MobileNet v2 and v3."""

    def __init__(self, c, d, expand, stride, act, squeeze):
        super().__init__()
        inner = c * expand
        excite = [SqueezeExcite(inner)] if squeeze else []
        self.body = nn.Sequential(
            conv(c, inner, 1, act=act), conv(inner, inner, 3, stride, inner, act), *excite, conv(inner, d, 1, act=nn.Identity)
        )
        self.same = c == d and stride == 1

    def forward(self, x):
        return x + self.body(x) if self.same else self.body(x)


@family("cnn", dynamic=True)
def mobilenet_v3(n=2):
    act = nn.Hardswish
    blocks = Inverted(8, 16, 3, 2, nn.ReLU, False), Inverted(16, 16, 4, 1, act, True), Inverted(16, 24, 4, 2, act, True)
    return nn.Sequential(conv(3, 8, 3, 2, act=act), *blocks, head(24)), (image(n),), {}


@family("cnn", dynamic=True)
def mnasnet(n=2):
    blocks = Inverted(8, 16, 3, 2, nn.ReLU6, False), Inverted(16, 16, 4, 1, nn.ReLU6, False)
    return nn.Sequential(conv(3, 8, 3, 2, act=nn.ReLU6), *blocks, head(16)), (image(n),), {}


class Shuffle(nn.Module):
    """ShuffleNet v2: half of the channels through convolutions, then both halves mixed."""

    def __init__(self, c):
        super().__init__()
        h = c // 2
        self.body = nn.Sequential(conv(h, h, 1), conv(h, h, 3, 1, h, nn.Identity), conv(h, h, 1))

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        x = torch.cat((a, self.body(b)), 1)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


@family("cnn", dynamic=True)
def shufflenet_v2(n=2):
    return nn.Sequential(conv(3, 16, 3, 2), nn.MaxPool2d(3, 2, 1), Shuffle(16), Shuffle(16), head(16)), (image(n),), {}


class Fire(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.squeeze, self.one, self.three = nn.Conv2d(c, 4, 1), nn.Conv2d(4, 16, 1), nn.Conv2d(4, 16, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.one(x)), F.relu(self.three(x))], 1)


@family("cnn", dynamic=True)
def squeezenet(n=2):
    return nn.Sequential(nn.Conv2d(3, 16, 3, 2), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(16), Fire(32), head(32)), (image(n),), {}


class Separable(nn.Module):
    def __init__(self, c, d):
        super().__init__()
        self.body = nn.Sequential(conv(c, c, 3, 1, c, nn.Identity), conv(c, d, 1), nn.MaxPool2d(3, 2, 1))
        self.skip = conv(c, d, 1, 2, act=nn.Identity)

    def forward(self, x):
        return self.body(x) + self.skip(x)


@family("cnn", dynamic=True)
def xception(n=2):
    return nn.Sequential(conv(3, 8, 3, 2), Separable(8, 16), Separable(16, 24), head(24)), (image(n),), {}


class MBConv(nn.Module):
    """EfficientNet's block; stochastic depth is off in evaluation."""

    def __init__(self, c):
        super().__init__()
        self.expand, self.depth = conv(c, 4 * c, 1, act=nn.SiLU), conv(4 * c, 4 * c, 5, 1, 4 * c, nn.SiLU)
        self.excite, self.project = nn.Conv2d(4 * c, 4 * c, 1), conv(4 * c, c, 1, act=nn.Identity)

    def forward(self, x):
        y = self.depth(self.expand(x))
        return x + self.project(y * self.excite(y.mean((2, 3), keepdim=True)).sigmoid())


@family("cnn", dynamic=True)
def efficientnet_plain(n=2):
    return nn.Sequential(conv(3, 8, 3, 2, act=nn.SiLU), MBConv(8), MBConv(8), head(8)), (image(n),), {}


# -- segmentation, super-resolution, other sizes ------------------------------------------------------------------------


class UNet(nn.Module):
    def __init__(self, bilinear=True):
        super().__init__()
        self.a, self.b, self.c = conv(3, 8), conv(8, 16), conv(16, 32)
        self.up1 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True) if bilinear else nn.ConvTranspose2d(32, 32, 2, 2)
        self.up2 = nn.ConvTranspose2d(16, 16, 2, 2)
        self.d, self.e, self.out = conv(48, 16), conv(24, 8), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        a = self.a(x)
        b = self.b(F.max_pool2d(a, 2))
        c = self.c(F.max_pool2d(b, 2))
        d = self.d(torch.cat([self.up1(c), b], 1))
        e = self.e(torch.cat([self.up2(d), a], 1))
        return self.out(e)


@family("segmentation", dynamic=True)
def unet(n=2):
    return UNet(), (image(n),), {}


class DeepLab(nn.Module):
    """Dilated backbone, atrous spatial pyramid pooling, bilinear upsampling to the image's size."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), Residual(8, 16, 2), conv(16, 16, dilation=2))
        self.branch = nn.ModuleList([conv(16, 8, 1), conv(16, 8, dilation=2), conv(16, 8, dilation=4)])
        self.pool, self.out = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 8, 1)), nn.Conv2d(32, 4, 1)

    def forward(self, x):
        y = self.body(x)
        pooled = F.interpolate(self.pool(y), size=y.shape[-2:], mode="bilinear", align_corners=False)
        y = self.out(torch.cat([b(y) for b in self.branch] + [pooled], 1))
        return {"out": F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)}


@family("segmentation", dynamic=True)
def deeplab_v3(n=2):
    return DeepLab(), (image(n),), {}


@family("super-resolution", dynamic=True)
def espcn(n=2):
    return nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.Tanh(), nn.Conv2d(16, 9, 3, padding=1), nn.PixelShuffle(3)), (image(n, 16, 1),), {}


class FPN(nn.Module):
    """A feature pyramid with the class and box heads of RetinaNet, and its anchors decoded to boxes."""

    def __init__(self, anchors=3, classes=4):
        super().__init__()
        self.c3, self.c4 = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2)), conv(16, 32, 3, 2)
        self.l3, self.l4, self.classes = nn.Conv2d(16, 16, 1), nn.Conv2d(32, 16, 1), classes
        self.cls, self.box = nn.Conv2d(16, anchors * classes, 3, padding=1), nn.Conv2d(16, anchors * 4, 3, padding=1)

    def anchors(self, x, stride):
        ys, xs = torch.meshgrid(torch.arange(x.shape[-2]) * stride, torch.arange(x.shape[-1]) * stride, indexing="ij")
        centre = torch.stack([xs, ys, xs, ys], -1).reshape(-1, 1, 4).float()
        size = torch.tensor([[-8.0, -8, 8, 8], [-16, -8, 16, 8], [-8, -16, 8, 16]])
        return (centre + size).reshape(-1, 4)

    def level(self, x, stride):
        n = x.shape[0]
        logits = self.cls(x).view(n, -1, self.classes, *x.shape[-2:]).permute(0, 3, 4, 1, 2).reshape(n, -1, self.classes)
        d = self.box(x).view(n, -1, 4, *x.shape[-2:]).permute(0, 3, 4, 1, 2).reshape(n, -1, 4)
        a = self.anchors(x, stride)
        size = a[:, 2:] - a[:, :2]
        centre = a[:, :2] + size / 2 + d[..., :2] * size
        size = size * d[..., 2:].clamp(max=4.0).exp()
        return logits, torch.cat([centre - size / 2, centre + size / 2], -1)

    def forward(self, x):
        c3 = self.c3(x)
        c4 = self.c4(c3)
        p4 = self.l4(c4)
        p3 = self.l3(c3) + F.interpolate(p4, scale_factor=2, mode="nearest")
        (s3, b3), (s4, b4) = self.level(p3, 4), self.level(p4, 8)
        scores, boxes = torch.cat([s3, s4], 1).sigmoid(), torch.cat([b3, b4], 1)
        best, which = scores.amax(-1).topk(10, dim=1)
        return best, boxes.gather(1, which[..., None].expand(-1, -1, 4)).clamp(0, 32)


@family("detection", dynamic=True)
def retinanet(n=2):
    return FPN(), (image(n),), {}


class YOLO(nn.Module):
    """A one-stage detector: SPPF neck, grid decoding, boxes of integrals over bins (YOLOv8)."""

    def __init__(self, bins=8, classes=4):
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2, act=nn.SiLU), conv(8, 16, 3, 2, act=nn.SiLU))
        self.neck, self.bins = conv(64, 16, 1, act=nn.SiLU), bins
        self.box, self.cls = nn.Conv2d(16, 4 * bins, 1), nn.Conv2d(16, classes, 1)

    def forward(self, x):
        x = self.body(x)
        pooled = [x]
        for _ in range(3):
            pooled.append(F.max_pool2d(pooled[-1], 5, 1, 2))
        x = self.neck(torch.cat(pooled, 1))
        n, _, h, w = x.shape
        bins = self.box(x).view(n, 4, self.bins, h * w).softmax(2)
        side = (bins * torch.arange(self.bins, dtype=x.dtype).view(1, 1, -1, 1)).sum(2)
        ys, xs = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
        at = torch.stack([xs.flatten(), ys.flatten()])
        boxes = torch.cat([at - side[:, :2], at + side[:, 2:]], 1) * 4
        return torch.cat([boxes, self.cls(x).flatten(2).sigmoid()], 1)


@family("detection", dynamic=True)
def yolo(n=2):
    return YOLO(), (image(n),), {}


@family("video", dynamic=True)
def r3d(n=2):
    stem = nn.Conv3d(3, 8, 3, (1, 2, 2), 1), nn.BatchNorm3d(8), nn.ReLU(True), nn.MaxPool3d(2)
    return nn.Sequential(*stem, nn.Conv3d(8, 16, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(16, 5)), (torch.randn(n, 3, 8, 16, 16),), {}
