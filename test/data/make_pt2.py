"""Writes torch-<version>.pt2: torch.export.save of a tiny network by the torch that runs this, in this folder.

    cd test/data && python make_pt2.py

The values are formulas, so that any torch computes what the file must give.
"""

import re

import torch
from torch import nn


class Net(nn.Module):
    """[N,2,6,6], scale[3] -> {"y": [N,3], "top": ([N], None)}, with a weight under two names, a buffer that state_dict() leaves
    out, a constant, writes in place and an op with two results."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, bias=False)
        self.norm = nn.BatchNorm2d(2, affine=False)
        self.fc = self.tied = nn.Linear(2, 3, bias=False)
        self.register_buffer("shift", torch.arange(3.0), persistent=False)
        self.constant = torch.tensor(0.5)

    def forward(self, x, *, scale):
        y = self.norm(self.conv(x)).relu_().mean((2, 3))
        y = self.tied(y) * scale + self.shift
        y[:, 0] = self.constant
        top, _ = y.max(1)
        return {"y": y, "top": (top, None)}


def ramp(shape, low, high):
    n = torch.Size(shape).numel()
    return torch.linspace(low, high, n).reshape(shape)


def net():
    m = Net().eval()
    values = m.state_dict()
    for name, t in values.items():
        if t.is_floating_point():
            t.copy_(ramp(t.shape, 0.5, 1.5) if name.endswith("var") else ramp(t.shape, -1, 1.25))
    return m


def inputs():
    return (ramp((2, 2, 6, 6), -2, 3).sin(),), {"scale": torch.tensor([1.0, -2.0, 0.5])}


def main():
    args, kwargs = inputs()
    with torch.no_grad():
        program = torch.export.export(net(), args, kwargs, strict=False)
    for n in program.graph.nodes:  # of the source lines only ours, without the folders of this machine
        line = re.search(r'[^/"]*", line .*\n.*', n.meta.get("stack_trace") or "")
        n.meta["stack_trace"] = line and 'File "' + line[0]
    torch.export.save(program, f"torch-{torch.__version__.split('+')[0]}.pt2")


if __name__ == "__main__":
    main()
