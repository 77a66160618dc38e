# Views and in-place writes: functionalize() and lower() together.
a write to a result
in  x: f32[4]
a f32[4] = aten.neg.default(self=x)
b f32[4] = aten.relu_.default(self=a)
c f32[4] = aten.add.Tensor(self=a, other=b)
-----
func.func @main(%arg0: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.negate %arg0 : tensor<4xf32>
  %cst = stablehlo.constant dense<0.000000e+00> : tensor<4xf32>
  %1 = stablehlo.maximum %0, %cst : tensor<4xf32>
  %2 = stablehlo.add %1, %1 : tensor<4xf32>
  return %2 : tensor<4xf32>
}
=====
a write through a slice reaches the base
in  x: f32[4,6]
a f32[4,6] = aten.neg.default(self=x)
v f32[4,2] = aten.slice.Tensor(self=a, dim=1, start=2, end=4)
w f32[4,2] = aten.fill_.Scalar(self=v, value=1)
return a, w
-----
func.func @main(%arg0: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x2xf32>) {
  %0 = stablehlo.negate %arg0 : tensor<4x6xf32>
  %cst = stablehlo.constant dense<1.000000e+00> : tensor<4x2xf32>
  %c = stablehlo.constant dense<0> : tensor<i64>
  %c_0 = stablehlo.constant dense<2> : tensor<i64>
  %1 = stablehlo.dynamic_update_slice %0, %cst, %c, %c_0 : (tensor<4x6xf32>, tensor<4x2xf32>, tensor<i64>, tensor<i64>) -> tensor<4x6xf32>
  return %1, %cst : tensor<4x6xf32>, tensor<4x2xf32>
}
=====
a view taken before a write sees it
in  x: f32[4,6]
a f32[4,6] = aten.neg.default(self=x)
v f32[6] = aten.select.int(self=a, dim=0, index=1)
w f32[4,6] = aten.zero_.default(self=a)
return v
-----
func.func @main(%arg0: tensor<4x6xf32>) -> tensor<6xf32> {
  %cst = stablehlo.constant dense<0.000000e+00> : tensor<6xf32>
  return %cst : tensor<6xf32>
}
=====
reshape of a transposed tensor is a copy
in  x: f32[2,3]
a f32[2,3] = aten.neg.default(self=x)
t f32[3,2]{1,3} = aten.t.default(self=a)
r f32[6] = aten.reshape.default(self=t, shape=[6])
w f32[6] = aten.zero_.default(self=r)
return a
-----
func.func @main(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = stablehlo.negate %arg0 : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
=====
reshape of a dense tensor is an alias
in  x: f32[2,3]
a f32[2,3] = aten.neg.default(self=x)
r f32[6] = aten.reshape.default(self=a, shape=[6])
w f32[6] = aten.zero_.default(self=r)
return a
-----
func.func @main(%arg0: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %cst = stablehlo.constant dense<0.000000e+00> : tensor<2x3xf32>
  return %cst : tensor<2x3xf32>
}
=====
an input that is written is an output more
in  x: f32[4]
in  y: f32[4]
a f32[4] = aten.add_.Tensor(self=x, other=y)
mutates x
return a
-----
func.func @main(%arg0: tensor<4xf32> {tf.aliasing_output = 1 : i32}, %arg1: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = stablehlo.add %arg0, %arg1 : tensor<4xf32>
  return %0, %0 : tensor<4xf32>, tensor<4xf32>
}
=====
a buffer that is written through a view
buffer count: f32[2,2]
in  x: f32[2]
row f32[2] = aten.select.int(self=count, dim=0, index=0)
a f32[2] = aten.add_.Tensor(self=row, other=x)
mutates count
return x
-----
func.func @main(%arg0: tensor<2x2xf32> {tf.aliasing_output = 1 : i32}, %arg1: tensor<2xf32>) -> (tensor<2xf32>, tensor<2x2xf32>) {
  %0 = stablehlo.slice %arg0 [0:1, 0:2] : (tensor<2x2xf32>) -> tensor<1x2xf32>
  %1 = stablehlo.reshape %0 : (tensor<1x2xf32>) -> tensor<2xf32>
  %2 = stablehlo.add %1, %arg1 : tensor<2xf32>
  %3 = stablehlo.reshape %2 : (tensor<2xf32>) -> tensor<1x2xf32>
  %c = stablehlo.constant dense<0> : tensor<i64>
  %4 = stablehlo.dynamic_update_slice %arg0, %3, %c, %c : (tensor<2x2xf32>, tensor<1x2xf32>, tensor<i64>, tensor<i64>) -> tensor<2x2xf32>
  return %arg1, %4 : tensor<2xf32>, tensor<2x2xf32>
}
=====
a write to an input that is not said is told
in  x: f32[4]
a f32[4] = aten.neg_.default(self=x)
----- error BAD_INPUT
the program writes 'x'
=====
an out argument
in  x: f32[4]
o f32[4] = aten.zeros.default(size=[4])
a f32[4] = aten.add.out(self=x, other=x, out=o)
return o
-----
func.func @main(%arg0: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.add %arg0, %arg0 : tensor<4xf32>
  return %0 : tensor<4xf32>
}
=====
two out arguments
in  x: f32[2,4]
v f32[2] = aten.zeros.default(size=[2])
i i64[2] = aten.zeros.default(size=[2])
(a f32[2], b i64[2]) = aten.max.dim_max(self=x, dim=1, max=v, max_values=i)
return v, i, a, b
-----
func.func @main(%arg0: tensor<2x4xf32>) -> (tensor<2xf32>, tensor<2xi64>, tensor<2xf32>, tensor<2xi64>) {
  %cst = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.reduce(%arg0 init: %cst) applies stablehlo.maximum across dimensions = [1] : (tensor<2x4xf32>, tensor<f32>) -> tensor<2xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [0] : (tensor<2xf32>) -> tensor<2x4xf32>
  %2 = stablehlo.compare EQ, %arg0, %1, FLOAT : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xi1>
  %3 = stablehlo.compare NE, %arg0, %arg0, FLOAT : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xi1>
  %4 = stablehlo.or %2, %3 : tensor<2x4xi1>
  %5 = stablehlo.iota dim = 1 : tensor<2x4xi32>
  %c = stablehlo.constant dense<4> : tensor<2x4xi32>
  %6 = stablehlo.select %4, %5, %c : tensor<2x4xi1>, tensor<2x4xi32>
  %c_0 = stablehlo.constant dense<2147483647> : tensor<i32>
  %7 = stablehlo.reduce(%6 init: %c_0) applies stablehlo.minimum across dimensions = [1] : (tensor<2x4xi32>, tensor<i32>) -> tensor<2xi32>
  %8 = stablehlo.convert %7 : (tensor<2xi32>) -> tensor<2xi64>
  return %0, %8, %0, %8 : tensor<2xf32>, tensor<2xi64>, tensor<2xf32>, tensor<2xi64>
}
=====
a write through a piece of a split
in  x: f32[4]
a f32[4] = aten.neg.default(self=x)
(p f32[2], q f32[2]) = aten.split.Tensor(self=a, split_size=2)
w f32[2] = aten.mul_.Scalar(self=q, other=3)
r f32[2] = aten.abs_.default(self=p)
return a, p, q
-----
func.func @main(%arg0: tensor<4xf32>) -> (tensor<4xf32>, tensor<2xf32>, tensor<2xf32>) {
  %0 = stablehlo.negate %arg0 : tensor<4xf32>
  %1 = stablehlo.slice %0 [2:4] : (tensor<4xf32>) -> tensor<2xf32>
  %cst = stablehlo.constant dense<3.000000e+00> : tensor<2xf32>
  %2 = stablehlo.multiply %1, %cst : tensor<2xf32>
  %c = stablehlo.constant dense<0> : tensor<i64>
  %c_0 = stablehlo.constant dense<2> : tensor<i64>
  %3 = stablehlo.dynamic_update_slice %0, %2, %c_0 : (tensor<4xf32>, tensor<2xf32>, tensor<i64>) -> tensor<4xf32>
  %4 = stablehlo.slice %3 [0:2] : (tensor<4xf32>) -> tensor<2xf32>
  %5 = stablehlo.abs %4 : tensor<2xf32>
  %6 = stablehlo.dynamic_update_slice %3, %5, %c : (tensor<4xf32>, tensor<2xf32>, tensor<i64>) -> tensor<4xf32>
  %7 = stablehlo.slice %6 [2:4] : (tensor<4xf32>) -> tensor<2xf32>
  return %6, %5, %7 : tensor<4xf32>, tensor<2xf32>, tensor<2xf32>
}
=====
a write through what repeats elements is refused
in  x: f32[1,3]
a f32[1,3] = aten.neg.default(self=x)
v f32[4,3]{0,1} = aten.expand.default(self=a, size=[4, 3])
w f32[4,3] = aten.zero_.default(self=v)
return a
----- error UNSUPPORTED
the program writes in place through aten.expand.default (node v), which cannot be undone
=====
a write to a number is refused
in  x: f32[3]
w f32[3] = aten.add_.Tensor(self=1, other=x)
----- error UNSUPPORTED
aten.add_.Tensor (node w) writes something that is not a tensor
=====
a narrow with a start that is a tensor cannot be undone
in  x: f32[4]
in  i: i64
a f32[4] = aten.neg.default(self=x)
v f32[2] = aten.narrow.Tensor(self=a, dim=0, start=i, length=2)
w f32[2] = aten.zero_.default(self=v)
return a
----- error UNSUPPORTED
the program writes in place through aten.narrow.Tensor (node v), which cannot be undone
=====
a piece along a dim that the base has not
in  x: f32[4]
a f32[4] = aten.neg.default(self=x)
(p f32[2], q f32[2]) = aten.split.Tensor(self=a, split_size=2, dim=7)
w f32[2] = aten.zero_.default(self=q)
return a
----- error UNSUPPORTED
the program writes in place through aten.split.Tensor (node p), which cannot be undone
