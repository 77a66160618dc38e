"""Writes the SavedModel of test_read.c with TensorFlow: python make_saved_model.py data

Its module is a real portable artifact of StableHLO 1.0.0, which jaxlib makes. test_read.c has what tf.train.list_variables and
saved_model_cli show of it.
"""

import sys

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

TEXT = """func.func public @main(%a: tensor<2x3xf32>, %x: tensor<?x2xf32>) -> tensor<?x3xf32> {
  %0 = stablehlo.dot_general %x, %a, contracting_dims = [1] x [0] : (tensor<?x2xf32>, tensor<2x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}"""

with ir.Context() as context:
    stablehlo.register_dialect(context)
    MODULE = stablehlo.serialize_portable_artifact(ir.Module.parse(TEXT), "1.0.0")

import tensorflow as tf  # noqa: E402 (after jaxlib)


class Model(tf.Module):
    def __init__(self):
        super().__init__()
        self.a = tf.Variable(tf.ones([2, 3]), name="alpha")
        self.b = tf.Variable(tf.cast(tf.ones([4]), tf.bfloat16), name="beta")
        self.words = tf.Variable(["x", "yy"], name="words")
        self.counts = [tf.Variable(i, name=f"count{i}", dtype=tf.int64) for i in range(20)]      # more than one restart

    @tf.function(input_signature=[tf.TensorSpec([None, 2], name="x")])
    def dot(self, x):
        y, = tf.raw_ops.XlaCallModule(args=[self.a, x], version=9, module=MODULE, Sout=[tf.TensorShape([None, 3])], Tout=[tf.float32],
                                      platforms=["CPU", "CUDA"], dim_args_spec=[], function_list=[])
        return {"y": y, "first": y[0]}


if __name__ == "__main__":
    model = Model()
    tf.saved_model.save(model, sys.argv[1], signatures={"serving_default": model.dot},
                        options=tf.saved_model.SaveOptions(function_aliases={"the_dot": model.dot}))
