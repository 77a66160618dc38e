"""torch_xla.experimental.xla_mlir_debuginfo: names for what is computed, as MLIR locations.

``torch.ops.xla.write_mlir_debuginfo(x, "NAME")`` is x; in an exported program that is converted, the ops that gave x have the
location ``loc("NAME")``. Importing this module makes the operator.
"""

import torch


def _define():
    library = torch.library.Library("xla", "FRAGMENT")
    library.define("write_mlir_debuginfo(Tensor x, str data) -> Tensor")
    library.impl("write_mlir_debuginfo", lambda x, data: x, "CompositeExplicitAutograd")
    library.impl("write_mlir_debuginfo", lambda x, data: torch.empty_like(x), "Meta")
    return library


# torch_xla's own may be there already.
_library = None if hasattr(torch.ops.xla, "write_mlir_debuginfo") else _define()


def write_mlir_debuginfo(x, data: str):
    return torch.ops.xla.write_mlir_debuginfo(x, data)
