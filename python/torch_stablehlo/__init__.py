"""PyTorch exported programs to StableHLO, and StableHLO to a device: torch_xla's exporter API over a C library.

    from torch.export import export
    from torch_stablehlo import exported_program_to_stablehlo, StableHLOGraphModule

    program = exported_program_to_stablehlo(export(model, args))
    print(program.get_stablehlo_text("forward"))
    program.save("stablehlo_dir")
    outputs = StableHLOGraphModule.load("stablehlo_dir")(*args)
"""

from ._lib import BadInputError, FileError, PluginError, StableHLOError, UnsupportedError, __version__
from ._tensors import DeviceArray
from ._torch_xla import install_as_torch_xla
from ._tree import StructureError
from .device import Device, device, pjrt_device
from .stablehlo import (
    StableHLOExportOptions,
    StableHLOGraphModule,
    exported_program_to_stablehlo,
    save_as_stablehlo,
    save_torch_model_as_stablehlo,
)

__all__ = [
    "BadInputError",
    "Device",
    "DeviceArray",
    "FileError",
    "PluginError",
    "StableHLOError",
    "StableHLOExportOptions",
    "StableHLOGraphModule",
    "StructureError",
    "UnsupportedError",
    "__version__",
    "device",
    "exported_program_to_stablehlo",
    "install_as_torch_xla",
    "pjrt_device",
    "save_as_stablehlo",
    "save_torch_model_as_stablehlo",
]
