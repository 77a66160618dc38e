"""Programs with collectives, for test_collectives.py and its worker: name -> (module of a group's name, inputs of a rank, which group)."""

import torch
from torch import nn

ops = torch.ops._c10d_functional


def rand(rank, *shape, dtype=torch.float32):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(rank)) * 5
    return x.to(dtype)


def wait(x):
    return ops.wait_tensor(x)


def module(f):
    """f(group, x, ...) as a module of the group's name."""

    class Of(nn.Module):
        def __init__(self, group):
            super().__init__()
            self.group = group

        def forward(self, *args):
            return f(self.group, *args)

    return Of


def reduces(op):
    return module(lambda group, x: wait(ops.all_reduce(x, op, group)))


def case(m, which="world", *shape, dtype=torch.float32, n=1):
    return m, lambda rank: tuple(rand(rank * 10 + i, *(shape or (4, 3)), dtype=dtype) for i in range(n)), which


class Linear(nn.Module):
    """A layer whose weight is cut by rows: every rank has a part of the sum."""

    def __init__(self, group):
        super().__init__()
        self.group = group
        torch.manual_seed(0)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        return wait(ops.all_reduce(self.fc(x), "sum", self.group)).relu()


CASES = {
    **{f"all_reduce {op}": case(reduces(op)) for op in ("sum", "product", "min", "max")},
    **{f"all_reduce {op} int": case(reduces(op), dtype=torch.int32) for op in ("sum", "band", "bor", "bxor")},
    "all_reduce 0-d": case(module(lambda g, x: wait(ops.all_reduce(x.sum(), "sum", g)))),
    "all_reduce of halves": case(reduces("sum"), "half"),
    "all_reduce f64": case(reduces("sum"), "half", dtype=torch.float64),
    "all_reduce in place": case(module(lambda g, x: wait(ops.all_reduce_(x + 1, "max", g)) * 2)),
    "all_gather": case(module(lambda g, x: wait(ops.all_gather_into_tensor(x, 4, g)))),
    "all_gather of halves": case(module(lambda g, x: wait(ops.all_gather_into_tensor(x, 2, g))), "half"),
    "reduce_scatter": case(module(lambda g, x: wait(ops.reduce_scatter_tensor(x, "sum", 4, g))), "world", 8, 3),
    "reduce_scatter of halves": case(module(lambda g, x: wait(ops.reduce_scatter_tensor(x, "sum", 2, g))), "half"),
    "all_to_all": case(module(lambda g, x: wait(ops.all_to_all_single(x, [1] * 4, [1] * 4, g)))),
    "broadcast": case(module(lambda g, x: wait(ops.broadcast(x, 2, g)))),
    "coalesced": case(module(lambda g, x, y: [wait(t) for t in ops.all_reduce_coalesced([x, y], "sum", g)]), n=2),
    "layer": case(Linear, "world", 2, 6),
}
