/* Convolutions. */
#include "aten/rules.h"

/* NCHW x OIHW -> NCHW, for any number of spatial dims. */
static ConvDims conv_dims(Arena *a, int spatial)
{
	Ints s = iota_ints(a, 2, spatial);
	return (ConvDims){ 0, 1, s, 1, 0, s, 0, 1, s };
}

/* aten.conv2d(input[N,C,*S], weight[O,C/g,*K], bias[O]?, stride, padding, dilation, groups) -> [N,O,*S'] */
Value lower_convolution(Node *n)
{
	Builder *b = n->b;
	Type t = n->out;
	if (arg_bool(n, "transposed", false)) return node_fail(n, UNSUPPORTED, "transposed");
	int spatial = t.rank - 2;
	Value x = arg(n, "input");
	Value w = arg(n, "weight");
	Value bias = arg_opt(n, "bias");
	Value y = hlo_convolution(b, x, w, (Conv){
		.strides      = arg_ints_n(n, "stride", spatial, 1),
		.padding      = both_sides(n->a, arg_ints_n(n, "padding", spatial, 0)),
		.rhs_dilation = arg_ints_n(n, "dilation", spatial, 1),
		.dims         = conv_dims(n->a, spatial),
		.groups       = arg_int(n, "groups", 1),
	});
	if (!bias) return y;
	bias = along(b, bias, 1, t);
	return hlo_add(b, y, bias);
}
