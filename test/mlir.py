"""MLIR's own StableHLO, from jaxlib: the parser, verifier, printer and serializer that ours are held against."""

from jaxlib.mlir import ir
from jaxlib.mlir._mlir_libs import _jax_mlir_ext
from jaxlib.mlir.dialects import stablehlo


def context():
    """An ir.Context with every dialect that our modules use, quantized types among them."""
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    made = ir.Context()
    made.append_dialect_registry(registry)
    stablehlo.register_dialect(made)
    made.load_all_available_dialects()
    with made:  # Python cannot load the quant dialect; reading an artifact does
        empty = stablehlo.serialize_portable_artifact(ir.Module.parse(""), "1.0.0")
        stablehlo.deserialize_portable_artifact(made, empty)
    return made


def parsed(context, text):
    with context:
        module = ir.Module.parse(text)
        module.operation.verify()
    return module


def printed(module, in_place=False):
    """A module with its locations as MLIR prints it."""
    return module.operation.get_asm(enable_debug_info=True, use_local_scope=in_place).rstrip("\n") + "\n"
