"""PyTorch exported programs to StableHLO, and StableHLO to a device: torch_xla's exporter API over a C library.

    from torch.export import export
    from torch_stablehlo import exported_program_to_stablehlo, StableHLOGraphModule

    program = exported_program_to_stablehlo(export(model, args))
    print(program.get_stablehlo_text("forward"))
    program.save("stablehlo_dir")
    outputs = StableHLOGraphModule.load("stablehlo_dir")(*args)
"""

from ._lib import BadInputError, FileError, PluginError, StableHLOError, UnsupportedError
from ._tensors import DeviceArray
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
    "UnsupportedError",
    "device",
    "exported_program_to_stablehlo",
    "pjrt_device",
    "save_as_stablehlo",
    "save_torch_model_as_stablehlo",
]
