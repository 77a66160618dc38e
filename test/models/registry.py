"""The table of model families: @family(kind) puts a function into it.

    @family("encoder", dynamic=True)
    def bert(n=2, s=12):
        return BertModel(config), (), {"input_ids": tokens(n, s)}

It gives (module, args, kwargs). A dynamic family takes n, and s where a second size may vary; which dims those are follows from what
changes in the inputs when the sizes do.
"""

import dataclasses
import inspect
import typing

import torch
from torch.utils import _pytree as pytree

FAMILIES = {}


@dataclasses.dataclass
class Family:
    name: str
    kind: str
    make: typing.Callable
    dynamic: bool
    sizes: list  # of a dynamic family: what it is run at beside the traced sizes
    needs: str

    def build(self, **sizes):
        """(module, args, kwargs), the same at each call."""
        torch.manual_seed(0)
        module, args, kwargs = self.make(**sizes)
        if not sizes:
            calibrate(module.eval(), args, kwargs)
        return module.eval(), args, kwargs

    def dynamic_shapes(self):
        """torch.export's dynamic_shapes: a Dim for each dim that follows n or s."""
        if not self.dynamic:
            return None
        _, args, kwargs = self.build()
        given = {p.name: p.default for p in inspect.signature(self.make).parameters.values()}
        marks = {name: torch.export.Dim({"n": "batch", "s": "length"}[name], min=1, max=64) for name in given}
        others = {name: self.build(**{name: size + 1})[1:] for name, size in given.items()}

        def dims(x, *changed):
            if not isinstance(x, torch.Tensor):
                return None
            return {i: mark for i, size in enumerate(x.shape) for mark, y in zip(marks.values(), changed) if y.shape[i] != size}

        args_kwargs = pytree.tree_map(dims, (args, kwargs), *others.values())
        parameters = inspect.signature(self.build()[0].forward).parameters
        return by_name(parameters, *args_kwargs)


def calibrate(module, args, kwargs):
    """Running statistics of the inputs themselves: with those of new modules the values of deep nets would vanish."""
    norms = [m for m in module.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for m in norms:
        m.train().momentum = None
    if norms:
        with torch.no_grad():
            module(*args, **kwargs)


def by_name(parameters, args, kwargs):
    """A dict by parameter name, as torch.export takes it where there are keyword arguments."""
    shapes, rest = dict(kwargs), list(args)
    for p in parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            shapes[p.name], rest = tuple(rest), []
        elif rest and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            shapes[p.name] = rest.pop(0)
    return shapes


def family(kind, dynamic=False, sizes=None, needs="torch", name=None):
    def add(make):
        key = name or make.__name__
        assert key not in FAMILIES, key
        two = "s" in inspect.signature(make).parameters
        FAMILIES[key] = Family(key, kind, make, dynamic, sizes or ([{"n": 3, "s": 7}, {"n": 5, "s": 16}] if two else [{"n": 3}, {"n": 5}]), needs)
        return make

    return add


def tokens(n, s, vocabulary=64):
    """Token ids; 0 to 2 are left out: they are padding, begin and end in many models."""
    return torch.randint(3, vocabulary, (n, s))


def image(n, size=32, channels=3):
    return torch.randn(n, channels, size, size)


def wave(n, samples):
    return torch.randn(n, samples)
