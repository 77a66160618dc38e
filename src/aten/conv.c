/* Convolutions. One rule for each spelling fetches the arguments, convolve() is the formula.
 *
 * The product is summed in acc_type (f32 for f16 and bf16) and rounded once, after the bias, as torch's kernels do. */
#include "aten/rules.h"

#include <string.h>

/* input [N, C, *S], weight [O, C/g, *K]; transposed: weight [C, O/g, *K]. Lists have one number per spatial dim. */
typedef struct Spec {
	Value x, w, bias;                    /* bias [O], or 0 */
	int spatial;
	Ints stride, dilation, output_padding;
	Ints padding;                        /* low and high of each dim */
	int64_t groups;
	bool transposed;
} Spec;

/* -- dims ------------------------------------------------------------------------------------------------ */

/* NCHW x OIHW -> NCHW, for any number of spatial dims; transposed: the kernel is IOHW. */
static ConvDims conv_dims(Arena *a, int spatial, bool transposed)
{
	Ints s = iota_ints(a, 2, spatial);
	return (ConvDims){ 0, 1, s, transposed ? 0 : 1, transposed ? 1 : 0, s, 0, 1, s };
}

/* low and high as "same" has them: dilation * (K - 1) in all, the odd one behind */
static Ints same_padding(Arena *a, Type w, Ints dilation)
{
	int64_t *v = NEW(a, int64_t, 2 * dilation.n + 1);
	for (int i = 0; i < dilation.n; i++) {
		int64_t total = dilation.v[i] * (w.dim[2 + i] - 1);
		v[2 * i] = total / 2;
		v[2 * i + 1] = total - total / 2;
	}
	return (Ints){ 2 * dilation.n, v };
}

static Ints padding_of(Node *n, Type w, int spatial, Ints dilation)
{
	const Arg *x = arg_raw(n, "padding");
	if (!x || x->kind != ARG_STR) return both_sides(n->a, arg_ints_n(n, "padding", spatial, 0));
	if (!strcmp(x->str, "same")) return same_padding(n->a, w, dilation);
	if (strcmp(x->str, "valid")) node_fail(n, BAD_INPUT, "padding '%s', wanted same or valid", x->str);
	return both_sides(n->a, iota_ints(n->a, 0, 0));
}

/* -- the formula ----------------------------------------------------------------------------------------- */

/* weight [g * C/g, O/g, *K] -> [C/g, g * O/g, *K]: the groups' outputs side by side, as feature_group_count has it */
static Value regroup(Builder *b, Value w, int64_t groups)
{
	Type t = known_type(b, w);
	if (groups == 1 || !t.kind) return w;
	if (groups < 1 || t.dim[0] % groups)
		return build_fail(b, BAD_INPUT, "%lld groups of %s", (long long)groups, type_str(b->a, t));
	int64_t *d = NEW(b->a, int64_t, t.rank + 1);
	d[0] = groups;
	d[1] = t.dim[0] / groups;
	for (int i = 1; i < t.rank; i++) d[i + 1] = t.dim[i];
	w = hlo_reshape(b, w, t.rank + 1, d);                      /* [g, C/g, O/g, *K] */
	w = transpose_dims(b, w, 0, 1);                            /* [C/g, g, O/g, *K] */
	d[0] = t.dim[0] / groups;
	d[1] = groups * t.dim[1];
	for (int i = 2; i < t.rank; i++) d[i] = t.dim[i];
	return hlo_reshape(b, w, t.rank, d);
}

/* The gradient of a convolution: input spread out by the stride, kernel turned round, and padded to the full overlap. */
static Value convolve_transposed(Builder *b, Spec s, DType acc)
{
	Type w = type_of(b, s.w);
	int64_t *pad = NEW(b->a, int64_t, 2 * s.spatial + 1);
	for (int i = 0; i < s.spatial; i++) {
		int64_t full_overlap = s.dilation.v[i] * (w.dim[2 + i] - 1);
		pad[2 * i] = full_overlap - s.padding.v[2 * i];
		pad[2 * i + 1] = full_overlap - s.padding.v[2 * i + 1] + s.output_padding.v[i];
	}
	s.w = hlo_reverse(b, s.w, iota_ints(b->a, 2, s.spatial));
	s.w = regroup(b, s.w, s.groups);
	return hlo_convolution(b, s.x, s.w, (Conv){
		.padding      = { 2 * s.spatial, pad },
		.lhs_dilation = s.stride,
		.rhs_dilation = s.dilation,
		.dims         = conv_dims(b->a, s.spatial, true),
		.groups       = s.groups,
		.elem         = acc,
	});
}

static Value convolve_plain(Builder *b, Spec s, DType acc)
{
	return hlo_convolution(b, s.x, s.w, (Conv){
		.strides      = s.stride,
		.padding      = s.padding,
		.rhs_dilation = s.dilation,
		.dims         = conv_dims(b->a, s.spatial, false),
		.groups       = s.groups,
		.elem         = acc,
	});
}

static Value convolve(Builder *b, Spec s, DType acc)
{
	return s.transposed ? convolve_transposed(b, s, acc) : convolve_plain(b, s, acc);
}

/* (xr + i xi) * (wr + i wi) by parts, as torch computes it */
static Value convolve_complex(Builder *b, Spec s)
{
	DType acc = real_of(elem_of(b, s.x));
	Value x[2] = { hlo_real(b, s.x), 0 }, w[2] = { hlo_real(b, s.w), 0 }, y[4];
	x[1] = hlo_imag(b, s.x);
	w[1] = hlo_imag(b, s.w);
	for (int i = 0; i < 4; i++) {
		s.x = x[i / 2];
		s.w = w[i % 2];
		y[i] = s.x && s.w ? convolve(b, s, acc) : 0;
	}
	Value re = hlo_subtract(b, y[0], y[3]);
	Value im = hlo_add(b, y[1], y[2]);
	return hlo_complex(b, re, im);
}

/* convolution + bias, in the type and shape of n->out; an input without N is a batch of one. */
static Value convolution(Node *n, Spec s)
{
	Builder *b = n->b;
	if (!s.x || !s.w) return 0;
	if (rank_of(b, s.x) == s.spatial + 1) s.x = unsqueeze_dim(b, s.x, 0);
	DType acc = s.bias ? acc_type(n->out.elem) : n->out.elem;
	Value y = is_complex(acc) ? convolve_complex(b, s) : convolve(b, s, acc);
	if (s.bias && y) {
		Value bias = cast(b, s.bias, acc);
		bias = along(b, bias, 1, type_of(b, y));
		y = hlo_add(b, y, bias);
	}
	y = cast(b, y, n->out.elem);
	return reshape_to(b, y, n->out);
}

/* -- rules ----------------------------------------------------------------------------------------------- */

/* Padding that is computed of the kernel's sizes, and groups that are regrouped, take them as numbers. */
static bool kernel_is_known(Node *n, Type w)
{
	if (is_static(w)) return true;
	node_fail(n, UNSUPPORTED, "a kernel %s: its sizes must be numbers", type_str(n->a, w));
	return false;
}

/* Numbers of which sums and products fit 63 bits */
static bool are_small(Ints v)
{
	for (int i = 0; i < v.n; i++)
		if (v.v[i] < -(1 << 30) || v.v[i] > 1 << 30) return false;
	return true;
}

/* "stride", "dilation", "output_padding" and "padding" of s, whose other arguments are there */
static bool arg_windows(Node *n, Spec *s)
{
	const Arg *padding = arg_raw(n, "padding");
	Type w = type_of(n->b, s->w);
	if ((s->transposed || (padding && padding->kind == ARG_STR)) && !kernel_is_known(n, w)) return false;
	s->stride = arg_ints_n(n, "stride", s->spatial, 1);
	s->dilation = arg_ints_n(n, "dilation", s->spatial, 1);
	s->output_padding = arg_ints_n(n, "output_padding", s->spatial, 0);
	bool small = are_small(s->stride) && are_small(s->dilation) && are_small(s->output_padding);
	if (!small || !are_small((Ints){ w.rank, w.dim }))
		return node_fail(n, BAD_INPUT, "weight %s, or a number of its windows, is beyond 2^30", type_str(n->a, w)), false;
	s->padding = padding_of(n, w, s->spatial, s->dilation);
	if (!s->padding.n) s->padding = both_sides(n->a, (Ints){ s->spatial, NEW(n->a, int64_t, s->spatial) });
	return are_small(s->padding) || (node_fail(n, BAD_INPUT, "padding beyond 2^30"), false);
}

/* The arguments that all spellings share; `input` is the name of the input tensor. After a failure w is 0. */
static Spec spec(Node *n, const char *input)
{
	Spec s = { .x = arg(n, input), .transposed = arg_bool(n, "transposed", false) };
	s.w = arg(n, "weight");
	s.bias = arg_opt(n, "bias");
	if (!s.x || !s.w) return s;
	Type w = type_of(n->b, s.w);
	s.spatial = w.rank - 2;
	int rank = rank_of(n->b, s.x);
	s.groups = arg_int(n, "groups", 1);
	if (s.spatial < 1 || s.groups < 1 || (rank != s.spatial + 1 && rank != s.spatial + 2)) {
		node_fail(n, BAD_INPUT, "input %s, weight %s, %lld groups", type_str(n->a, type_of(n->b, s.x)), type_str(n->a, w),
			(long long)s.groups);
		s.w = 0;
	} else if (!arg_windows(n, &s)) {
		s.w = 0;
	}
	return s;
}

/* aten.convNd(input[N?,C,*S], weight[O,C/g,*K], bias[O]?, stride, padding, dilation, groups) -> [N?,O,*S'];
 * aten.convolution and _convolution besides with transposed and output_padding */
Value lower_convolution(Node *n) { return convolution(n, spec(n, "input")); }

/* aten.conv_transposeNd(input[N?,C,*S], weight[C,O/g,*K], bias[O]?, stride, padding, output_padding, groups, dilation) */
Value lower_conv_transpose(Node *n)
{
	Spec s = spec(n, "input");
	s.transposed = true;
	return s.w && kernel_is_known(n, type_of(n->b, s.w)) ? convolution(n, s) : 0;
}

/* The kernels' own ops, whose input is "self": thnn_conv2d, slow_conv3d, mkldnn_convolution, ... */
Value lower_conv_kernel(Node *n) { return convolution(n, spec(n, "self")); }

/* aten._conv_depthwise2d, conv_depthwise3d(self[N,C,*S], weight[O,1,*K], ...): a group for each channel */
Value lower_conv_depthwise(Node *n)
{
	Spec s = spec(n, "self");
	if (s.x && s.w) s.groups = type_of(n->b, s.x).dim[rank_of(n->b, s.x) - s.spatial - 1];
	return convolution(n, s);
}

/* aten.slow_conv_transpose2d(self, weight, kernel_size, bias, stride, padding, output_padding, dilation), 3d */
Value lower_conv_transpose_kernel(Node *n)
{
	Spec s = spec(n, "self");
	s.transposed = true;
	return convolution(n, s);
}

/* aten.conv_tbc(self[T,N,C], weight[K,C,O], bias[O], pad): a 1-d convolution, time first and channels last */
Value lower_conv_tbc(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value w = arg(n, "weight");
	DType acc = acc_type(n->out.elem);
	int64_t pad[2] = { arg_int(n, "pad", 0), arg_int(n, "pad", 0) };
	Ints time = one_dim(b, 0);
	Value y = hlo_convolution(b, x, w, (Conv){
		.padding = { 2, pad },
		.dims    = { 1, 2, time, 1, 2, time, 1, 2, time },
		.elem    = acc,
	});
	Value bias = arg_as(n, "bias", acc);
	bias = along(b, bias, 2, with_elem(n->out, acc));
	y = hlo_add(b, y, bias);
	return cast(b, y, n->out.elem);
}

/* -- back ------------------------------------------------------------------------------------------------ */

/* How far a kernel of w reaches along spatial dim i: dilation * (K - 1) */
static int64_t reach(Spec s, Type w, int i) { return s.dilation.v[i] * (w.dim[2 + i] - 1); }

/* Padding is a number. By a stride over a size that is not known it depends on the rest that the stride leaves. */
static int64_t padding_number(Builder *b, int64_t d)
{
	int64_t v;
	if (dim_constant(dims_of(b->m), d, &v)) return v;
	return build_fail(b, UNSUPPORTED, "the gradient of a convolution with a stride over a size that is not known");
}

/* (count - 1) * step + 1 */
static int64_t extent(Builder *b, int64_t count, int64_t step)
{
	DimTable *t = dims_of(b->m);
	return dim_plus(t, dim_times(t, dim_minus(t, count, 1), step), 1);
}

/* g turned back into the input x: a convolution becomes a transposed one whose output_padding makes up for what the stride
 * has skipped, a transposed one a plain one that does not see its output_padding. */
static Value input_gradient(Builder *b, Spec s, Value g, DType acc)
{
	Type x = type_of(b, s.x), w = type_of(b, s.w), from = type_of(b, g);
	DimTable *t = dims_of(b->m);
	int64_t *rest = NEW(b->a, int64_t, s.spatial), *pad = COPY(b->a, int64_t, s.padding.v, s.padding.n);
	for (int i = 0; i < s.spatial; i++) {
		int64_t padded = dim_plus(t, x.dim[2 + i], dim_number(t, pad[2 * i] + pad[2 * i + 1] - reach(s, w, i)));
		rest[i] = padding_number(b, dim_minus(t, padded, extent(b, from.dim[2 + i], s.stride.v[i])));
		if (s.transposed) pad[2 * i + 1] -= s.output_padding.v[i];
	}
	s.x = g;
	s.padding.v = pad;
	s.output_padding.v = rest;
	s.transposed = !s.transposed;
	return convolve(b, s, acc);
}

/* large [N, C, *S] met by small [N, O, *S'] at every place of the kernel -> [O, C/g, *K]: N is what is summed over, stride
 * and dilation change their parts. */
static Value kernel_gradient(Builder *b, Spec s, Value large, Value small, DType acc)
{
	Type w = type_of(b, s.w), x = type_of(b, large), y = type_of(b, small);
	Ints spatial = iota_ints(b->a, 2, s.spatial);
	int64_t *pad = COPY(b->a, int64_t, s.padding.v, s.padding.n);
	DimTable *t = dims_of(b->m);
	for (int i = 0; i < s.spatial; i++) {
		int64_t seen = dim_plus(t, extent(b, y.dim[2 + i], s.stride.v[i]), dim_number(t, reach(s, w, i) - pad[2 * i]));
		pad[2 * i + 1] = padding_number(b, dim_minus(t, seen, x.dim[2 + i]));
	}
	return hlo_convolution(b, large, small, (Conv){
		.strides      = s.dilation,
		.padding      = { s.padding.n, pad },
		.rhs_dilation = s.stride,
		.dims         = { 1, 0, spatial, 0, 1, spatial, 1, 0, spatial },
		.batch_groups = s.groups,
		.elem         = acc,
	});
}

static Value bias_gradient(Builder *b, Value g, DType acc)
{
	int rank = rank_of(b, g);
	int64_t *dims = NEW(b->a, int64_t, rank);
	for (int i = 1; i < rank; i++) dims[i - 1] = i > 1 ? i : 0;
	g = cast(b, g, acc);
	return sum_over(b, g, (Ints){ rank - 1, dims });
}

/* aten.convolution_backward(grad_output[N,O,*S'], input[N,C,*S], weight, bias_sizes?, stride, padding, dilation, transposed,
 * output_padding, groups, output_mask) -> (grad_input?, grad_weight?, grad_bias?) */
Value lower_convolution_backward(Node *n)
{
	Builder *b = n->b;
	Spec s = spec(n, "input");
	Value g = arg(n, "grad_output"), grad[3] = { 0 };
	if (!s.x || !s.w || !g || !kernel_is_known(n, type_of(b, s.w))) return 0;
	Type t = type_of(b, g);
	if (!is_float(t.elem)) return node_fail(n, UNSUPPORTED, "gradients of type %s", type_str(n->a, t));
	if (t.rank != s.spatial + 2 || rank_of(b, s.x) != t.rank)
		return node_fail(n, BAD_INPUT, "grad_output %s for input %s", type_str(n->a, t), type_str(n->a, type_of(b, s.x)));
	DType acc = acc_type(t.elem);
	bool empty = !type_numel(t) || !type_numel(type_of(b, s.x));
	if (out_wanted(n, 0) && !empty) grad[0] = input_gradient(b, s, g, acc);
	if (out_wanted(n, 1) && !empty) grad[1] = kernel_gradient(b, s, s.transposed ? g : s.x, s.transposed ? s.x : g, acc);
	if (out_wanted(n, 2)) grad[2] = bias_gradient(b, g, acc);
	for (int i = 0; i < 3; i++) {
		if (!out_wanted(n, i)) continue;
		grad[i] = empty && i < 2 ? full(b, out_type(n, i), 0) : cast(b, grad[i], out_type(n, i).elem);
		set_out(n, i, grad[i]);
	}
	return grad[0];
}
