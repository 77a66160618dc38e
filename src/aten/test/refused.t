# What is refused, and in which words.
a dim outside the rank
in  self: f32[2,5]
out f32[2,5] = aten._softmax.default(self, dim=7, half_to_float=false)
----- error BAD_INPUT
aten._softmax.default (node out): dim 7 is outside rank 2
=====
a dim that no integer can hold wrapped
in  self: f32[2,5]
out f32[2,5] = aten._softmax.default(self, dim=-9223372036854775808, half_to_float=false)
----- error BAD_INPUT
aten._softmax.default (node out): dim -9223372036854775808 is outside rank 2
=====
a missing argument
in  self: f32[2]
out f32[2] = aten.add.Tensor(self)
----- error BAD_INPUT
aten.add.Tensor (node out): no argument 'other'
=====
an argument of the wrong kind
in  self: f32[2]
out f32[2] = aten.add.Tensor(self, other="two")
----- error BAD_INPUT
aten.add.Tensor (node out): argument 'other' is a string, wanted a tensor or a number
=====
a list where a number is wanted
in  self: f32[2,2]
out f32[2,2] = aten._softmax.default(self, dim=[1, 2])
----- error BAD_INPUT
aten._softmax.default (node out): argument 'dim' is a list, wanted a number
=====
a number where a text is wanted
in  self: f32[2]
out f32[2] = aten.gelu.default(self, approximate=3)
----- error BAD_INPUT
aten.gelu.default (node out): argument 'approximate' is an int, wanted a string
=====
ops without a rule, each once, with the number of calls and the first line
in  x: f32[2]
a f32[2] = aten.no_such_op.default(self=x)  # model.py:17
b f32[2] = aten.nor_this.default(self=a)  # model.py:18
c f32[2] = aten.no_such_op.default(self=b)  # model.py:19
----- error UNSUPPORTED
2 ops of this program cannot be converted:
  aten.no_such_op.default  x2  model.py:17, in forward
  aten.nor_this.default  x1  model.py:18, in forward
=====
the rule and the program disagree about the shape
in  self: f32[2,3]
out f32[3,3] = aten.relu.default(self)
----- error UNSUPPORTED
aten.relu.default (node out): the rule gives tensor<2x3xf32> where the program says tensor<3x3xf32>
=====
the rule and the program disagree about the element type
in  self: f32[2,3]
out f64[2,1] = aten.slice.Tensor(self, dim=1, end=1)
----- error UNSUPPORTED
aten.slice.Tensor (node out): the rule gives tensor<2x1xf32> where the program says tensor<2x1xf64>
=====
the user's line stands in the message
in  self: f32[2,5]
out f32[2] = aten.sum.dim_IntList(self, dim=[3])  # model.py:5
----- error BAD_INPUT
aten.sum.dim_IntList (node out, model.py:5, in forward): dim 3 is outside rank 2
=====
a size that is not known, where the rule wants a number
in  self: f32[n,5]
out f32[2] = aten.as_strided.default(self, [2], [1])
----- error UNSUPPORTED
aten.as_strided.default (node out): has the size n, which this op's rule takes only as a number: convert for a given size
=====
shapes that do not broadcast
in  self: f32[2,3]
in  other: f32[4]
out f32[2,3] = aten.add.Tensor(self, other)
----- error BAD_INPUT
aten.add.Tensor (node out): stablehlo.broadcast_in_dim: tensor<4xf32> does not broadcast to tensor<2x3xf32>
=====
a weight of another shape than the graph says
param w: f32[3] = f32[4]
out f32[3] = aten.neg.default(self=w)
----- error BAD_INPUT
tensor 'w' is tensor<4xf32>, but the graph wants tensor<3xf32>
=====
a weight of another type than the graph says
param w: f32[3] = f16[3]
out f32[3] = aten.neg.default(self=w)
----- error BAD_INPUT
tensor 'w' is tensor<3xf16>, but the graph wants tensor<3xf32>
=====
a value that nothing defines
in  x: f32[3]
y f32[3] = aten.add.Tensor(self=x, other=nothing)
----- error BAD_INPUT
aten.add.Tensor (node y): value 'nothing' is used before it is defined
=====
an index outside the dim
in  self: f32[2,3]
out f32[3] = aten.select.int(self, dim=0, index=5)
----- error BAD_INPUT
aten.select.int (node out): index 5 is outside a dim of size 2
=====
a dim named twice
in  self: f32[2,3]
out f32[2] = aten.sum.dim_IntList(self, dim=[1, -1])
----- error BAD_INPUT
aten.sum.dim_IntList (node out): dim 1 stands twice in 'dim'
=====
a stride of zero
in  input: f32[1,3,8,8]
in  weight: f32[4,3,3,3]
out f32[1,4,6,6] = aten.conv2d.default(input, weight, stride=[0, 1])
----- error BAD_INPUT
aten.conv2d.default (node out): stablehlo.convolution(tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>): convolution_c3: window_strides = [0, 1], wanted 1 or more
=====
padding that no number can hold
in  self: f32[1,2,6,6]
out f32[1,2,3,3] = aten.max_pool2d.default(self, kernel_size=[2, 2], padding=[9223372036854775807, 1])
----- error BAD_INPUT
aten.max_pool2d.default (node out): 'padding' has 9223372036854775807, wanted at most 31 bits
=====
a kernel larger than what it slides over
in  input: f32[1,3,8,8]
in  weight: f32[4,3,9,9]
out f32[1,4,1,1] = aten.conv2d.default(input, weight)
----- error BAD_INPUT
aten.conv2d.default (node out): stablehlo.reshape: tensor<1x4x0x0xf32> does not have as many elements as tensor<1x4x1x1xf32>
=====
too many numbers
in  input: f32[1,3,8,8]
in  weight: f32[4,3,3,3]
out f32[1,4,6,6] = aten.conv2d.default(input, weight, stride=[1, 1, 1])
----- error BAD_INPUT
aten.conv2d.default (node out): 'stride' has 3 numbers, wanted 2
=====
groups that do not divide
in  input: f32[1,3,8,8]
in  weight: f32[4,3,3,3]
out f32[1,4,6,6] = aten.conv2d.default(input, weight, groups=2)
----- error BAD_INPUT
aten.conv2d.default (node out): stablehlo.convolution(tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>): convolution_c11: input feature size 3 is no multiple of feature_group_count 2
=====
a derivative of negative order
in  self: f32[2]
out f32[2] = aten.polygamma.default(n=-1, self=self)
----- error BAD_INPUT
aten.polygamma.default (node out): n is -1, wanted 0 or more
=====
a multivariate gamma function of no dimensions
in  self: f32[2]
out f32[2] = aten.mvlgamma.default(self, p=0)
----- error BAD_INPUT
aten.mvlgamma.default (node out): p is 0, wanted 1 or more
=====
an op whose result has as many rows as there are nonzero values, and what to use instead
in  x: f32[4]
a i64[4,1] = aten.nonzero.default(self=x)  # model.py:17
----- error UNSUPPORTED
1 op of this program cannot be converted:
  aten.nonzero.default  x1  model.py:17, in forward: the number of rows depends on the values; torch.nonzero_static(x, size=n) has a fixed one
=====
segments by index
in  data: f32[4]
in  indices: i64[4]
in  lengths: i64[2]
out f32[2] = aten.segment_reduce.default(data, reduce="sum", lengths, indices)
----- error UNSUPPORTED
aten.segment_reduce.default (node out): segments by indices
=====
a gradient of fewer samples than its edges need
in  self: f32[2]
out f32[2] = aten.gradient.scalarint(self, edge_order=2)
----- error BAD_INPUT
aten.gradient.scalarint (node out): 2 samples, wanted more than edge_order 2
=====
a short-time Fourier transform of more points than there are
in  self: f32[4]
out c64[5,1] = aten.stft.default(self, n_fft=8)
----- error BAD_INPUT
aten.stft.default (node out): n_fft 8 of 4 elements
=====
differences of an order that would take an op each
in  self: f32[2,4000]
out f32[2,2000] = aten.diff.default(self, n=2000)
----- error UNSUPPORTED
aten.diff.default (node out): differences of order 2000
=====
more layers than weights
in  input: f32[5,2,3]
in  h: f32[1,2,4]
in  w: f32[4,3]
in  u: f32[4,4]
out f32[5,2,4] = aten.rnn_tanh.input(input, hx=h, params=[w, u], has_biases=false, num_layers=2147483647, dropout=0.0, train=false, bidirectional=true, batch_first=false)
----- error BAD_INPUT
aten.rnn_tanh.input (node out): 2147483647 layers with 2 weights
=====
part of a memory from a place before its begin
in  self: f32[4]
out f32[2] = aten.as_strided.default(self, size=[2], stride=[1], storage_offset=-9223372036854775808)
----- error UNSUPPORTED
aten.as_strided.default (node out): as_strided reaches memory outside of its argument
=====
a custom call of an api version that there is not
in  x: f32[2,3]
out f32[3] = xla.stablehlo_custom_call.default(args=[x], call_target="foo", api_version=7)
----- error BAD_INPUT
xla.stablehlo_custom_call.default (node out): api_version is 7, wanted 0 to 4
=====
a custom call of the typed FFI with text
in  x: f32[2,3]
out f32[3] = xla.stablehlo_custom_call.default(args=[x], call_target="foo", backend_config="text", api_version=4)
----- error BAD_INPUT
xla.stablehlo_custom_call.default (node out): custom_call_backend_config: it is a string, wanted a dictionary with api_version 4
=====
a custom call without a target
in  x: f32[2,3]
out f32[3] = xla.stablehlo_custom_call.default(args=[x], call_target="")
----- error BAD_INPUT
xla.stablehlo_custom_call.default (node out): the call target has no name
=====
a custom call with attributes that are no JSON object
in  x: f32[2,3]
out f32[3] = xla.stablehlo_custom_call.default(args=[x], call_target="foo", attributes="[7]")
----- error BAD_INPUT
xla.stablehlo_custom_call.default (node out): attributes: found [7], wanted an object
=====
a mark whose attributes are no JSON
in  x: f32[2]
out f32[2] = xla.mark_tensor.default(x, name="my.op", pos=0, id="0", is_input=false, attr="{scale}")
----- error BAD_INPUT
xla.mark_tensor.default (node out): attr: offset 1: expected a key or '}'
=====
a mark whose attributes are no object
in  x: f32[2]
out f32[2] = xla.mark_tensor.default(x, name="my.op", pos=0, id="0", is_input=false, attr="3")
----- error BAD_INPUT
xla.mark_tensor.default (node out): argument 'attr' is neither a dictionary nor a JSON object
=====
a mark whose attributes are no pairs
in  x: f32[2]
out f32[2] = xla.mark_tensor.default(x, name="my.op", pos=0, id="0", is_input=false, attr=[1, 2])
----- error BAD_INPUT
xla.mark_tensor.default (node out): item 0 of argument 'attr' is no pair of a name and a value
=====
an attribute of a composite that is none
in  x: f32[2]
out f32[2] = xla.mark_tensor.default(x, name="my.op", pos=0, id="0", is_input=false, attr=[["a", [1, "x"]]])
----- error BAD_INPUT
xla.mark_tensor.default (node out): attribute 'a' of the composite is no string, number or bool, nor a list of one kind of them
=====
an attribute of a composite twice
in  x: f32[2]
out f32[2] = xla.mark_tensor.default(x, name="my.op", pos=0, id="0", is_input=false, attr=[["a", 1], ["a", 2]])
----- error BAD_INPUT
xla.mark_tensor.default (node out): attribute 'a' of the composite is given twice
=====
a composite without a namespace
in  x: f32[2]
out f32[2] = xla.mark_tensor.default(x, name="op", pos=0, id="0", is_input=true)
----- error BAD_INPUT
xla.mark_tensor.default (node out): the composite is named "op", wanted "namespace.name"
