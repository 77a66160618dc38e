/* Gradients of normalizations. Every one of them is x^ = (x - mean) * invstd, statistics over some dims,
 * times a weight; and back through the statistics of gw = g * weight goes invstd (gw - mean(gw) - x^ mean(gw
 * x^)). f16 and bf16 in f32. */
#include "aten/pointwise.h"
#include "aten/rules.h"

/* -- shared ---------------------------------------------------------------------------------------------- */

/* g: of the result; x: x^; both [T]. dims: what the statistics were taken over; those have T without dims. */
typedef struct Back {
	Type t;
	Ints dims;
	Value g, x, invstd;
} Back;

/* v in the type and shape of output i; 0: zeros */
static Value as_output(Node *n, int i, Value v)
{
	Type t = out_type(n, i);
	if (!v) return full(n->b, t, 0);
	v = cast(n->b, v, t.elem);
	return reshape_to(n->b, v, t);
}

/* A statistic in the shape that t has without dims. */
static Value statistic(Node *n, const char *name, Type t, Ints dims)
{
	Value v = arg_as(n, name, t.elem);
	return reshape_to(n->b, v, without_dims(n->b, t, dims));
}

/* p->x from x, mean (0: none) and p->invstd */
static void normalize(Builder *b, Back *p, Value x, Value mean)
{
	if (mean) x = hlo_subtract(b, x, spread_over(b, mean, p->dims, p->t));
	p->x = hlo_multiply(b, x, spread_over(b, p->invstd, p->dims, p->t));
}

static Value mean_spread(Builder *b, Value x, Back p)
{
	x = mean_over(b, x, p.dims);
	return spread_over(b, x, p.dims, p.t);
}

/* invstd (gw - mean(gw) - x^ mean(gw x^)); without the first mean when x was not centred */
static Value through_statistics(Builder *b, Back p, Value gw, bool centred)
{
	Value along_x = hlo_multiply(b, gw, p.x);
	along_x = mean_spread(b, along_x, p);
	along_x = hlo_multiply(b, along_x, p.x);
	Value rest = hlo_subtract(b, gw, along_x);
	if (centred) rest = hlo_subtract(b, rest, mean_spread(b, gw, p));
	return hlo_multiply(b, rest, spread_over(b, p.invstd, p.dims, p.t));
}

/* Outputs `at` and at + 1, the gradients of weight and bias: sums over dims of g x^ and of g. */
static void set_parameters(Node *n, int at, Back p, Ints dims)
{
	if (out_wanted(n, at)) set_out(n, at, as_output(n, at, sum_over(n->b, hlo_multiply(n->b, p.g, p.x), dims)));
	if (out_wanted(n, at + 1)) set_out(n, at + 1, as_output(n, at + 1, sum_over(n->b, p.g, dims)));
}

/* "grad_out" or "grad_output" and input, in the type that they are computed in, and of one shape [T]. */
static bool arg_back(Node *n, Back *p, Value *x)
{
	const char *g = has_arg(n, "grad_output") ? "grad_output" : "grad_out";
	*x = arg(n, "input");
	if (!*x) return false;
	p->t = type_of(n->b, *x);
	if (!is_float(p->t.elem)) return node_fail(n, UNSUPPORTED, "gradients of type %s", type_str(n->a, p->t)), false;
	p->t.elem = acc_type(p->t.elem);
	*x = cast(n->b, *x, p->t.elem);
	p->g = arg_as(n, g, p->t.elem);
	p->g = reshape_to(n->b, p->g, p->t);
	return p->g && *x;
}

/* -- batches --------------------------------------------------------------------------------------------- */

/* [N, C, *]: all dims but C */
static Ints but_channel(Builder *b, int rank)
{
	int64_t *v = NEW(b->a, int64_t, rank + 1);
	for (int i = 1; i < rank; i++) v[i - 1] = i > 1 ? i : 0;
	return (Ints){ rank - 1, v };
}

/* aten.native_batch_norm_backward(grad_out, input [N, C, *], weight?, running_mean?, running_var?,
 * save_mean?, save_invstd?, train, eps, output_mask), batch_norm_backward(.., save_var, which is invstd too,
 * update, ..) -> (grad_input?, grad_weight?, grad_bias?) */
Value lower_batch_norm_backward(Node *n)
{
	Builder *b = n->b;
	Back p = { 0 };
	Value x;
	if (!arg_back(n, &p, &x)) return 0;
	if (p.t.rank < 2) return node_fail(n, BAD_INPUT, "input %s, wanted at least 2 dims", type_str(n->a, p.t));
	bool train = arg_bool(n, has_arg(n, "update") ? "update" : "train", false);
	p.dims = but_channel(b, p.t.rank);
	Value mean = statistic(n, train ? "save_mean" : "running_mean", p.t, p.dims);
	if (train) {
		p.invstd = statistic(n, has_arg(n, "save_var") ? "save_var" : "save_invstd", p.t, p.dims);
	} else {
		p.invstd = plus(b, statistic(n, "running_var", p.t, p.dims), arg_num(n, "eps", 1e-5));
		p.invstd = hlo_rsqrt(b, p.invstd);
	}
	normalize(b, &p, x, mean);
	set_parameters(n, 1, p, p.dims);
	if (!out_wanted(n, 0)) return 0;
	Value gw = p.g;
	if (has_arg(n, "weight")) gw = hlo_multiply(b, gw, along(b, arg_as(n, "weight", p.t.elem), 1, p.t));
	gw = train ? through_statistics(b, p, gw, true) : hlo_multiply(b, gw, spread_over(b, p.invstd, p.dims, p.t));
	return as_output(n, 0, gw);
}

/* -- groups ---------------------------------------------------------------------------------------------- */

/* aten.native_group_norm_backward(grad_out, input [N, C, *S], mean [N, G], rstd, weight? [C], N, C, HxW,
 * group, output_mask) -> (grad_input?, grad_weight?, grad_bias?); [N, C, *S] as [N, G, C/G, HxW], statistics
 * over the last two */
Value lower_group_norm_backward(Node *n)
{
	Builder *b = n->b;
	Back p = { 0 };
	Value x;
	if (!arg_back(n, &p, &x)) return 0;
	int64_t count = arg_size(n, "N", 1), channels = arg_size(n, "C", 1);
	int64_t pixels = arg_size(n, "HxW", 1), groups = arg_int(n, "group", 1);
	if (groups < 1 || (channels >= 0 && channels % groups))
		return node_fail(n, BAD_INPUT, "%lld groups of %lld channels", (long long)groups, (long long)channels);
	int64_t batch_and_pixels[2] = { 0, 3 }, channel[2] = { 1, 2 };
	int64_t dim[4] = { count, groups, dim_floordiv(dims_of(b->m), channels, groups), pixels };
	p.t = tensor_type(n->a, p.t.elem, 4, dim);
	p.dims = iota_ints(n->a, 2, 2);
	p.g = reshape_to(b, p.g, p.t);
	x = reshape_to(b, x, p.t);
	Value mean = statistic(n, "mean", p.t, p.dims);
	p.invstd = statistic(n, "rstd", p.t, p.dims);
	normalize(b, &p, x, mean);
	set_parameters(n, 1, p, (Ints){ 2, batch_and_pixels });
	if (!out_wanted(n, 0)) return 0;
	Value gw = p.g;
	if (has_arg(n, "weight")) {
		Value w = hlo_reshape(b, arg_as(n, "weight", p.t.elem), 2, dim + 1);
		gw = hlo_multiply(b, gw, hlo_broadcast_in_dim(b, w, 4, dim, (Ints){ 2, channel }));
	}
	return as_output(n, 0, through_statistics(b, p, gw, true));
}

/* -- last dims ------------------------------------------------------------------------------------------- */

/* The gradients of a norm over the dims of "normalized_shape", with statistics under the given names (mean
 * NULL: not centred). */
static Value last_dims_backward(Node *n, const char *mean_name)
{
	Builder *b = n->b;
	Back p = { 0 };
	Value x;
	if (!arg_back(n, &p, &x)) return 0;
	int count = arg_ints(n, "normalized_shape").n, lead = p.t.rank - count;
	if (lead < 0) return node_fail(n, BAD_INPUT, "normalized_shape has %d dims, input %d", count, p.t.rank);
	p.dims = iota_ints(n->a, lead, count);
	Value mean = mean_name ? statistic(n, mean_name, p.t, p.dims) : 0;
	p.invstd = statistic(n, "rstd", p.t, p.dims);
	normalize(b, &p, x, mean);
	set_parameters(n, 1, p, iota_ints(n->a, 0, lead));
	if (!out_wanted(n, 0)) return 0;
	Value gw = p.g;
	if (has_arg(n, "weight")) gw = hlo_multiply(b, gw, broadcast(b, arg_as(n, "weight", p.t.elem), p.t));
	return as_output(n, 0, through_statistics(b, p, gw, mean_name));
}

/* aten.native_layer_norm_backward(grad_out, input, normalized_shape, mean, rstd, weight?, bias?, output_mask)
 * -> (grad_input?, grad_weight?, grad_bias?) */
Value lower_layer_norm_backward(Node *n) { return last_dims_backward(n, "mean"); }
/* aten._fused_rms_norm_backward(grad_out, input, normalized_shape, rstd, weight?, output_mask) ->
 * (grad_input?, grad_weight?) */
Value lower_rms_norm_backward(Node *n) { return last_dims_backward(n, NULL); }

/* -- weight norm ----------------------------------------------------------------------------------------- */

/* aten._weight_norm_interface_backward(grad_w, saved_v, saved_g, saved_norms, dim) -> (grad_v, grad_g) of w =
 * v g / |v|, norms over all dims but dim (the first or the last): grad_g = sum(grad_w v) / |v|, grad_v =
 * (grad_w - v grad_g / |v|) g / |v| */
Value lower_weight_norm_backward(Node *n)
{
	Builder *b = n->b;
	Value v = arg(n, "saved_v");
	if (!v) return 0;
	Type t = with_elem(type_of(b, v), acc_type(elem_of(b, v)));
	int dim = arg_dim(n, "dim", 0, t.rank);
	if (t.rank < 1 || (dim && dim != t.rank - 1)) return node_fail(n, BAD_INPUT, "dim %d of %s", dim, type_str(n->a, t));
	Ints dims = iota_ints(n->a, dim ? 0 : 1, t.rank - 1);
	v = cast(b, v, t.elem);
	Value grad_w = arg_as(n, "grad_w", t.elem);
	Value g = statistic(n, "saved_g", t, dims);
	Value norm = statistic(n, "saved_norms", t, dims);
	Value grad_g = sum_over(b, hlo_multiply(b, grad_w, v), dims);
	grad_g = hlo_divide(b, grad_g, norm);
	if (out_wanted(n, 1)) set_out(n, 1, as_output(n, 1, grad_g));
	if (!out_wanted(n, 0)) return 0;
	Value part = hlo_divide(b, grad_g, norm);
	part = hlo_multiply(b, v, spread_over(b, part, dims, t));
	part = hlo_subtract(b, grad_w, part);
	g = hlo_divide(b, g, norm);
	part = hlo_multiply(b, part, spread_over(b, g, dims, t));
	return as_output(n, 0, part);
}
