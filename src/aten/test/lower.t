# Goldens: a few per area. What they compute is checked against PyTorch by test/test_aten_t.py.
softmax over the last axis
in  self: f32[2,5]
out f32[2,5] = aten._softmax.default(self, dim=-1, half_to_float=false)
-----
func.func @main(%arg0: tensor<2x5xf32>) -> tensor<2x5xf32> {
  %cst = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.reduce(%arg0 init: %cst) applies stablehlo.maximum across dimensions = [1] : (tensor<2x5xf32>, tensor<f32>) -> tensor<2xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [0] : (tensor<2xf32>) -> tensor<2x5xf32>
  %2 = stablehlo.subtract %arg0, %1 : tensor<2x5xf32>
  %3 = stablehlo.exponential %2 : tensor<2x5xf32>
  %cst_0 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
  %4 = stablehlo.reduce(%3 init: %cst_0) applies stablehlo.add across dimensions = [1] : (tensor<2x5xf32>, tensor<f32>) -> tensor<2xf32>
  %5 = stablehlo.broadcast_in_dim %4, dims = [0] : (tensor<2xf32>) -> tensor<2x5xf32>
  %6 = stablehlo.divide %3, %5 : tensor<2x5xf32>
  return %6 : tensor<2x5xf32>
}
=====
addition with alpha broadcasts
in  self: f32[2,3]
in  other: f32[3]
out f32[2,3] = aten.add.Tensor(self, other, alpha=2)
-----
func.func @main(%arg0: tensor<2x3xf32>, %arg1: tensor<3xf32>) -> tensor<2x3xf32> {
  %0 = stablehlo.broadcast_in_dim %arg1, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %cst = stablehlo.constant dense<2.000000e+00> : tensor<2x3xf32>
  %1 = stablehlo.multiply %0, %cst : tensor<2x3xf32>
  %2 = stablehlo.add %arg0, %1 : tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
=====
integers are divided as floats
in  self: i64[4]
in  other: i64[4]
out f32[4] = aten.div.Tensor(self, other)
-----
func.func @main(%arg0: tensor<4xi64>, %arg1: tensor<4xi64>) -> tensor<4xf32> {
  %0 = stablehlo.convert %arg0 : (tensor<4xi64>) -> tensor<4xf32>
  %1 = stablehlo.convert %arg1 : (tensor<4xi64>) -> tensor<4xf32>
  %2 = stablehlo.divide %0, %1 : tensor<4xf32>
  return %2 : tensor<4xf32>
}
=====
a scalar stays in the tensor's type
in  self: bf16[4]
out bf16[4] = aten.mul.Scalar(self, other=0.1)
-----
func.func @main(%arg0: tensor<4xbf16>) -> tensor<4xbf16> {
  %0 = stablehlo.convert %arg0 : (tensor<4xbf16>) -> tensor<4xf32>
  %cst = stablehlo.constant dense<1.000000e-01> : tensor<4xf32>
  %1 = stablehlo.multiply %0, %cst : tensor<4xf32>
  %2 = stablehlo.convert %1 : (tensor<4xf32>) -> tensor<4xbf16>
  return %2 : tensor<4xbf16>
}
=====
mean over two dims, kept
in  self: f32[2,3,4]
out f32[2,1,1] = aten.mean.dim(self, dim=[1, -1], keepdim=true)
-----
func.func @main(%arg0: tensor<2x3x4xf32>) -> tensor<2x1x1xf32> {
  %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
  %0 = stablehlo.reduce(%arg0 init: %cst) applies stablehlo.add across dimensions = [1, 2] : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<2xf32>
  %cst_0 = stablehlo.constant dense<1.200000e+01> : tensor<2xf32>
  %1 = stablehlo.divide %0, %cst_0 : tensor<2xf32>
  %2 = stablehlo.reshape %1 : (tensor<2xf32>) -> tensor<2x1x1xf32>
  return %2 : tensor<2x1x1xf32>
}
=====
largest values and where they are
in  self: f32[2,5]
(values f32[2], indices i64[2]) = aten.max.dim(self, dim=1)
-----
func.func @main(%arg0: tensor<2x5xf32>) -> (tensor<2xf32>, tensor<2xi64>) {
  %cst = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.reduce(%arg0 init: %cst) applies stablehlo.maximum across dimensions = [1] : (tensor<2x5xf32>, tensor<f32>) -> tensor<2xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [0] : (tensor<2xf32>) -> tensor<2x5xf32>
  %2 = stablehlo.compare EQ, %arg0, %1, FLOAT : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xi1>
  %3 = stablehlo.compare NE, %arg0, %arg0, FLOAT : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xi1>
  %4 = stablehlo.or %2, %3 : tensor<2x5xi1>
  %5 = stablehlo.iota dim = 1 : tensor<2x5xi32>
  %c = stablehlo.constant dense<5> : tensor<2x5xi32>
  %6 = stablehlo.select %4, %5, %c : tensor<2x5xi1>, tensor<2x5xi32>
  %c_0 = stablehlo.constant dense<2147483647> : tensor<i32>
  %7 = stablehlo.reduce(%6 init: %c_0) applies stablehlo.minimum across dimensions = [1] : (tensor<2x5xi32>, tensor<i32>) -> tensor<2xi32>
  %8 = stablehlo.convert %7 : (tensor<2xi32>) -> tensor<2xi64>
  return %0, %8 : tensor<2xf32>, tensor<2xi64>
}
=====
an output that nobody wants
in  self: f32[2,5]
(values f32[2], _) = aten.max.dim(self, dim=1)
-----
func.func @main(%arg0: tensor<2x5xf32>) -> tensor<2xf32> {
  %cst = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.reduce(%arg0 init: %cst) applies stablehlo.maximum across dimensions = [1] : (tensor<2x5xf32>, tensor<f32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
=====
linear with a bias
in  input: f32[2,3]
in  weight: f32[4,3]
in  bias: f32[4]
out f32[2,4] = aten.linear.default(input, weight, bias)
-----
func.func @main(%arg0: tensor<2x3xf32>, %arg1: tensor<4x3xf32>, %arg2: tensor<4xf32>) -> tensor<2x4xf32> {
  %0 = stablehlo.dot_general %arg0, %arg1, contracting_dims = [1] x [1] : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
  %1 = stablehlo.broadcast_in_dim %arg2, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %2 = stablehlo.add %0, %1 : tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}
=====
convolution with stride and padding
in  input: f32[1,3,8,8]
in  weight: f32[4,3,3,3]
out f32[1,4,4,4] = aten.conv2d.default(input, weight, stride=[2, 2], padding=[1, 1])
-----
func.func @main(%arg0: tensor<1x3x8x8xf32>, %arg1: tensor<4x3x3x3xf32>) -> tensor<1x4x4x4xf32> {
  %0 = stablehlo.convolution(%arg0, %arg1) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {stride = [2, 2], pad = [[1, 1], [1, 1]], rhs_dilate = [1, 1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x4x4xf32>
  return %0 : tensor<1x4x4x4xf32>
}
=====
maximum of windows
in  self: f32[1,2,6,6]
out f32[1,2,3,3] = aten.max_pool2d.default(self, kernel_size=[2, 2])
-----
func.func @main(%arg0: tensor<1x2x6x6xf32>) -> tensor<1x2x3x3xf32> {
  %cst = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = "stablehlo.reduce_window"(%arg0, %cst) <{padding = dense<0> : tensor<4x2xi64>, window_dilations = array<i64: 1, 1, 1, 1>, window_dimensions = array<i64: 1, 1, 2, 2>, window_strides = array<i64: 1, 1, 2, 2>}> ({
  ^bb0(%arg1: tensor<f32>, %arg2: tensor<f32>):
    %1 = stablehlo.maximum %arg1, %arg2 : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<1x2x6x6xf32>, tensor<f32>) -> tensor<1x2x3x3xf32>
  return %0 : tensor<1x2x3x3xf32>
}
=====
a slice from the end
in  self: f32[4,6]
out f32[4,2] = aten.slice.Tensor(self, dim=1, start=-3, end=-1)
-----
func.func @main(%arg0: tensor<4x6xf32>) -> tensor<4x2xf32> {
  %0 = stablehlo.slice %arg0 [0:4, 3:5] : (tensor<4x6xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}
=====
pieces of uneven size
in  self: f32[5,2]
(a f32[2,2], b f32[2,2], c f32[1,2]) = aten.split.Tensor(self, split_size=2)
-----
func.func @main(%arg0: tensor<5x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<1x2xf32>) {
  %0 = stablehlo.slice %arg0 [0:2, 0:2] : (tensor<5x2xf32>) -> tensor<2x2xf32>
  %1 = stablehlo.slice %arg0 [2:4, 0:2] : (tensor<5x2xf32>) -> tensor<2x2xf32>
  %2 = stablehlo.slice %arg0 [4:5, 0:2] : (tensor<5x2xf32>) -> tensor<1x2xf32>
  return %0, %1, %2 : tensor<2x2xf32>, tensor<2x2xf32>, tensor<1x2xf32>
}
=====
rows by index
in  self: f32[4,6]
in  index: i64[3]
out f32[3,6] = aten.index_select.default(self, dim=0, index=index)
-----
func.func @main(%arg0: tensor<4x6xf32>, %arg1: tensor<3xi64>) -> tensor<3x6xf32> {
  %0 = "stablehlo.gather"(%arg0, %arg1) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 6>}> : (tensor<4x6xf32>, tensor<3xi64>) -> tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}
=====
embedding
in  weight: f32[10,4]
in  indices: i64[2,3]
out f32[2,3,4] = aten.embedding.default(weight, indices)
-----
func.func @main(%arg0: tensor<10x4xf32>, %arg1: tensor<2x3xi64>) -> tensor<2x3x4xf32> {
  %0 = "stablehlo.gather"(%arg0, %arg1) <{dimension_numbers = #stablehlo.gather<offset_dims = [2], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 2>, slice_sizes = array<i64: 1, 4>}> : (tensor<10x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}
=====
concatenation
in  a: f32[2,3]
in  b: f32[1,3]
out f32[3,3] = aten.cat.default(tensors=[a, b], dim=0)
-----
func.func @main(%arg0: tensor<2x3xf32>, %arg1: tensor<1x3xf32>) -> tensor<3x3xf32> {
  %0 = stablehlo.concatenate %arg0, %arg1, dim = 0 : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
  return %0 : tensor<3x3xf32>
}
=====
weights that nothing reads are no arguments
in  x: f32[2]
param w: f32[2]
param unused: f32[7]
y f32[2] = aten.mul.Tensor(self=x, other=w)
-----
func.func @main(%arg0: tensor<2xf32>, %arg1: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.multiply %arg0, %arg1 : tensor<2xf32>
  return %0 : tensor<2xf32>
}
