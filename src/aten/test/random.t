# Random numbers: one draw, its key and its counter.
uniform floats
out f32[2,3] = aten.rand.default(size=[2, 3])
-----
func.func @main() -> tensor<2x3xf32> {
  %c = stablehlo.constant dense<[16294208416658607535, 0]> : tensor<2xui64>
  %output_state, %output = stablehlo.rng_bit_generator %c, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<2x3xui32>)
  %c_0 = stablehlo.constant dense<8> : tensor<2x3xui32>
  %0 = stablehlo.shift_right_logical %output, %c_0 : tensor<2x3xui32>
  %1 = stablehlo.convert %0 : (tensor<2x3xui32>) -> tensor<2x3xf32>
  %cst = stablehlo.constant dense<5.96046448E-8> : tensor<2x3xf32>
  %2 = stablehlo.multiply %1, %cst : tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
=====
two draws have two keys
a f32[4] = aten.rand.default(size=[4])
b f32[4] = aten.rand.default(size=[4])
return a, b
-----
func.func @main() -> (tensor<4xf32>, tensor<4xf32>) {
  %c = stablehlo.constant dense<[16294208416658607535, 0]> : tensor<2xui64>
  %output_state, %output = stablehlo.rng_bit_generator %c, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<4xui32>)
  %c_0 = stablehlo.constant dense<8> : tensor<4xui32>
  %0 = stablehlo.shift_right_logical %output, %c_0 : tensor<4xui32>
  %1 = stablehlo.convert %0 : (tensor<4xui32>) -> tensor<4xf32>
  %cst = stablehlo.constant dense<5.96046448E-8> : tensor<4xf32>
  %2 = stablehlo.multiply %1, %cst : tensor<4xf32>
  %c_1 = stablehlo.constant dense<[7960286522194355700, 0]> : tensor<2xui64>
  %output_state_2, %output_3 = stablehlo.rng_bit_generator %c_1, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<4xui32>)
  %3 = stablehlo.shift_right_logical %output_3, %c_0 : tensor<4xui32>
  %4 = stablehlo.convert %3 : (tensor<4xui32>) -> tensor<4xf32>
  %5 = stablehlo.multiply %4, %cst : tensor<4xf32>
  return %2, %5 : tensor<4xf32>, tensor<4xf32>
}
=====
a fair coin
in  self: f32[4]
out f32[4] = aten.bernoulli.p(self, p=0.5)
-----
func.func @main(%arg0: tensor<4xf32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<[16294208416658607535, 0]> : tensor<2xui64>
  %output_state, %output = stablehlo.rng_bit_generator %c, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<4xui32>)
  %c_0 = stablehlo.constant dense<2147483648> : tensor<4xui32>
  %0 = stablehlo.compare LT, %output, %c_0, UNSIGNED : (tensor<4xui32>, tensor<4xui32>) -> tensor<4xi1>
  %1 = stablehlo.convert %0 : (tensor<4xi1>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}
=====
p is 1
in  self: f32[4]
out f32[4] = aten.bernoulli.p(self, p=1.0)
-----
func.func @main(%arg0: tensor<4xf32>) -> tensor<4xf32> {
  %cst = stablehlo.constant dense<1.000000e+00> : tensor<4xf32>
  return %cst : tensor<4xf32>
}
=====
what random_(from, to) writes
in  x: i64[4]
a i64[4] = aten.neg.default(self=x)
b i64[4] = aten.random_.from(self=a, from=2, to=12)
return a
-----
func.func @main(%arg0: tensor<4xi64>) -> tensor<4xi64> {
  %c = stablehlo.constant dense<[16294208416658607535, 0]> : tensor<2xui64>
  %output_state, %output = stablehlo.rng_bit_generator %c, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<4xui64>)
  %c_0 = stablehlo.constant dense<10> : tensor<4xui64>
  %0 = stablehlo.remainder %output, %c_0 : tensor<4xui64>
  %1 = stablehlo.bitcast_convert %0 : (tensor<4xui64>) -> tensor<4xi64>
  %c_1 = stablehlo.constant dense<2> : tensor<4xi64>
  %2 = stablehlo.add %1, %c_1 : tensor<4xi64>
  return %2 : tensor<4xi64>
}
=====
from without an end: up to the greatest number of the type
in  x: i8[4]
out i8[4] = aten.random.from(self=x, from=-3)
-----
func.func @main(%arg0: tensor<4xi8>) -> tensor<4xi8> {
  %c = stablehlo.constant dense<[16294208416658607535, 0]> : tensor<2xui64>
  %output_state, %output = stablehlo.rng_bit_generator %c, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<4xui64>)
  %c_0 = stablehlo.constant dense<131> : tensor<4xui64>
  %0 = stablehlo.remainder %output, %c_0 : tensor<4xui64>
  %1 = stablehlo.bitcast_convert %0 : (tensor<4xui64>) -> tensor<4xi64>
  %c_1 = stablehlo.constant dense<-3> : tensor<4xi64>
  %2 = stablehlo.add %1, %c_1 : tensor<4xi64>
  %3 = stablehlo.convert %2 : (tensor<4xi64>) -> tensor<4xi8>
  return %3 : tensor<4xi8>
}
=====
dropout that drops nothing
in  input: f32[4]
out f32[4] = aten.dropout.default(input, p=0.0, train=true)
-----
func.func @main(%arg0: tensor<4xf32>) -> tensor<4xf32> {
  return %arg0 : tensor<4xf32>
}
=====
a range of integers that is none
out i64[4] = aten.randint.low(low=3, high=3, size=[4])
----- error BAD_INPUT
aten.randint.low (node out): from 3 to below 3, wanted a range
=====
a probability that is none
in  self: f32[4]
out f32[4] = aten.bernoulli.p(self, p=1.5)
----- error BAD_INPUT
aten.bernoulli.p (node out): a probability of 1.5, wanted 0 to 1
=====
too much dropout
in  input: f32[4]
out f32[4] = aten.dropout.default(input, p=-0.5, train=true)
----- error BAD_INPUT
aten.dropout.default (node out): p is -0.5, wanted 0 to 1
=====
a generator
out f32[4] = aten.rand.generator(size=[4], generator="mine")
----- error UNSUPPORTED
aten.rand.generator (node out): argument 'generator': a converted program has one generator, whose seed is an option of the conversion or an input
=====
more samples than there are without replacement
in  self: f32[4]
out i64[5] = aten.multinomial.default(self, num_samples=5)
----- error BAD_INPUT
aten.multinomial.default (node out): 5 samples of tensor<4xf32> without replacement
