"""All model families, by name: FAMILIES[name].build() gives (module, args, kwargs)."""

from . import convnets, pictures, plain, text  # noqa: F401
from .registry import FAMILIES  # noqa: F401
