# Gradients that are refused, and in which words.
of complex convolutions
in  g: c64[1,2,3]
in  x: c64[1,2,4]
in  w: c64[2,2,2]
out c64[1,2,4] = aten.convolution_backward.default(grad_output=g, input=x, weight=w, bias_sizes=[2], stride=[1], padding=[0], dilation=[1], transposed=false, output_padding=[0], groups=1)
----- error UNSUPPORTED
aten.convolution_backward.default (node out): gradients of type tensor<1x2x3xcomplex<f32>>
=====
of a convolution whose result has other dims
in  g: f32[2,3]
in  x: f32[1,2,4]
in  w: f32[2,2,2]
out f32[1,2,4] = aten.convolution_backward.default(grad_output=g, input=x, weight=w, bias_sizes=[2], stride=[1], padding=[0], dilation=[1], transposed=false, output_padding=[0], groups=1)
----- error BAD_INPUT
aten.convolution_backward.default (node out): grad_output tensor<2x3xf32> for input tensor<1x2x4xf32>
=====
that are sparse
in  grad: f32[3,2]
in  indices: i64[3]
out f32[5,2] = aten.embedding_backward.default(grad, indices, num_weights=5, padding_idx=-1, scale_grad_by_freq=false, sparse=true)
----- error UNSUPPORTED
aten.embedding_backward.default (node out): a sparse gradient
=====
of a slice without a step
in  grad_output: f32[3]
out f32[4] = aten.slice_backward.default(grad_output, input_sizes=[4], dim=0, start=0, end=4, step=0)
----- error BAD_INPUT
aten.slice_backward.default (node out): tensor<3xf32> from 0 by 0 in tensor<4xf32>
=====
of padding that is more than there is
in  grad_output: f32[1,9]
in  self: f32[1,3]
out f32[1,3] = aten.reflection_pad1d_backward.default(grad_output, self, padding=[3, 3])
----- error BAD_INPUT
aten.reflection_pad1d_backward.default (node out): padding 3 is more than a dim of size 3 has
=====
of groups that do not divide the channels
in  grad_out: f32[1,4,2]
in  input: f32[1,4,2]
in  mean: f32[1,3]
in  rstd: f32[1,3]
out f32[1,4,2] = aten.native_group_norm_backward.default(grad_out, input, mean, rstd, N=1, C=4, HxW=2, group=3)
----- error BAD_INPUT
aten.native_group_norm_backward.default (node out): 3 groups of 4 channels
