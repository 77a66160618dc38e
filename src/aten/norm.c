/* Normalizations. Statistics of f16 and bf16 are computed in f32, as torch does; the variance is that of all N values. */
#include "aten/layers.h"
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <float.h>

/* -- statistics ------------------------------------------------------------------------------------------ */

/* Mean, variance and 1 / sqrt(variance + eps), without the dims that they were taken over. */
typedef struct Moments { Value mean, var, invstd; } Moments;

static Value inverse_deviation(Builder *b, Value var, double eps)
{
	var = plus(b, var, eps);
	return hlo_rsqrt(b, var);
}

static Moments moments_over(Builder *b, Value x, Ints dims, double eps)
{
	Type t = known_type(b, x);
	Moments m = { 0 };
	if (!t.kind) return m;
	m.mean = mean_over(b, x, dims);
	x = hlo_subtract(b, x, spread_over(b, m.mean, dims, t));
	x = square(b, x);
	m.var = mean_over(b, x, dims);
	m.invstd = inverse_deviation(b, m.var, eps);
	return m;
}

/* (x - mean) * invstd */
static Value normalized(Builder *b, Value x, Moments m, Ints dims)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Value mean = spread_over(b, m.mean, dims, t);
	Value invstd = spread_over(b, m.invstd, dims, t);
	x = hlo_subtract(b, x, mean);
	return hlo_multiply(b, x, invstd);
}

/* [N, C, *]; a 1-d input is all channels. */
static int channel_dim(Type t) { return t.rank > 1 ? 1 : 0; }

/* x * weight[C] + bias[C] by channel; either may be missing */
static Value by_channel(Node *n, Value x)
{
	Builder *b = n->b;
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	if (has_arg(n, "weight")) {
		Value w = arg_as(n, "weight", t.elem);
		w = along(b, w, channel_dim(t), t);
		x = hlo_multiply(b, x, w);
	}
	if (has_arg(n, "bias")) {
		Value bias = arg_as(n, "bias", t.elem);
		bias = along(b, bias, channel_dim(t), t);
		x = hlo_add(b, x, bias);
	}
	return x;
}

/* All dims below rank but one. */
static Ints all_but(Builder *b, int rank, int dim)
{
	int64_t *v = NEW(b->a, int64_t, rank + 1);
	int n = 0;
	for (int i = 0; i < rank; i++)
		if (i != dim) v[n++] = i;
	return (Ints){ n, v };
}

/* Output i in the type and shape that the program says; an output of no elements stands for "not computed". */
static void set_statistic(Node *n, int i, Value v)
{
	Type t = out_type(n, i);
	if (!out_wanted(n, i) || !t.kind) return;
	if (!type_numel(t) || !v) {
		set_out(n, i, full(n->b, t, 0));
		return;
	}
	v = cast(n->b, v, t.elem);
	set_out(n, i, reshape_to(n->b, v, t));
}

/* -- batch norm ------------------------------------------------------------------------------------------ */

/* (1 - momentum) * running + momentum * now */
static Value moved(Node *n, const char *running, Value now)
{
	Builder *b = n->b;
	double momentum = arg_num(n, "momentum", 0.1);
	Value old = arg_as(n, running, known_type(b, now).elem);
	old = scaled(b, old, 1 - momentum);
	now = scaled(b, now, momentum);
	return hlo_add(b, old, now);
}

/* The variance of all N values as that of N - 1. */
static Value unbiased(Builder *b, Value var, int64_t count)
{
	if (count >= 0) return scaled(b, var, (double)count / ((double)count - 1));
	Value size = size_value(b, count, known_type(b, var));
	var = hlo_multiply(b, var, size);
	return hlo_divide(b, var, plus(b, size, -1));
}

static double epsilon_of(Node *n) { return arg_num(n, has_arg(n, "epsilon") ? "epsilon" : "eps", 1e-5); }

/* The statistics that a call normalizes by: those of the batch when training or when there are no others. */
static Moments batch_moments(Node *n, Value x, Ints dims, bool training)
{
	Builder *b = n->b;
	double eps = epsilon_of(n);
	if (training || !has_arg(n, "running_mean")) return moments_over(b, x, dims, eps);
	Moments m = { 0 };
	m.mean = arg_as(n, "running_mean", known_type(b, x).elem);
	m.var = arg_as(n, "running_var", known_type(b, x).elem);
	m.invstd = inverse_deviation(b, m.var, eps);
	return m;
}

/* input [N, C, *] by channel, weight and bias [C]. Outputs 1 and 2 are the mean and invstd used; `running_at` and the one
 * after it (0: none) the running statistics, whose variance is that of N - 1. */
static Value batch_norm(Node *n, bool training, int running_at)
{
	Builder *b = n->b;
	Value x = arg_as(n, "input", acc_type(n->out.elem));
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Ints dims = all_but(b, t.rank, channel_dim(t));
	Moments m = batch_moments(n, x, dims, training);
	set_statistic(n, 1, m.mean);
	set_statistic(n, 2, m.invstd);
	if (running_at) {
		Value var = training ? unbiased(b, m.var, size_over(b, t, dims)) : 0;
		set_statistic(n, running_at, training ? moved(n, "running_mean", m.mean) : arg(n, "running_mean"));
		set_statistic(n, running_at + 1, training ? moved(n, "running_var", var) : arg(n, "running_var"));
	}
	x = normalized(b, x, m, dims);
	x = by_channel(n, x);
	return cast(b, x, n->out.elem);
}

/* aten.batch_norm(input, weight?, bias?, running_mean?, running_var?, training, momentum, eps, cudnn_enabled), native_batch_norm,
 * _native_batch_norm_legit: (input - mean) * invstd * weight + bias. Calls that write running statistics do not come here. */
Value lower_batch_norm(Node *n) { return batch_norm(n, arg_bool(n, "training", false), 0); }

/* aten._native_batch_norm_legit_no_training, _batch_norm_no_update -> (out, mean, invstd, reserve?) */
Value lower_batch_norm_inference(Node *n)
{
	set_statistic(n, 3, 0);
	return batch_norm(n, false, 0);
}

/* aten._native_batch_norm_legit_functional -> (out, mean, invstd, running_mean, running_var) */
Value lower_batch_norm_functional(Node *n) { return batch_norm(n, arg_bool(n, "training", false), 3); }

/* aten._batch_norm_with_update_functional -> (out, mean, invstd, reserve, running_mean, running_var) */
Value lower_batch_norm_update(Node *n)
{
	set_statistic(n, 3, 0);
	return batch_norm(n, true, 4);
}

/* aten.cudnn_batch_norm, miopen_batch_norm -> (out, mean, invstd, reserve?): inference only, training writes in place */
Value lower_cudnn_batch_norm(Node *n)
{
	if (arg_bool(n, "training", false)) return node_fail(n, UNSUPPORTED, "training, which writes the running statistics");
	set_statistic(n, 3, 0);
	return batch_norm(n, false, 0);
}

/* The running statistics after a call, outputs 1 and 2: of every sample (1 - momentum) * running + momentum * its own, whose
 * variance is that of N - 1; then their mean over samples. m: [N, C] */
static void set_instance_statistics(Node *n, Moments m, Type t, Ints dims)
{
	Builder *b = n->b;
	Ints samples = one_dim(b, 0);
	if (!out_wanted(n, 1)) return;
	Value mean = mean_over(b, m.mean, samples);
	Value var = mean_over(b, m.var, samples);
	var = unbiased(b, var, size_over(b, t, dims));
	set_statistic(n, 1, moved(n, "running_mean", mean));
	set_statistic(n, 2, moved(n, "running_var", var));
}

/* aten.instance_norm(input [N, C, *], weight?, bias?, running_mean?, running_var?, use_input_stats, momentum, eps, ..): each
 * channel of a sample by itself */
Value lower_instance_norm(Node *n)
{
	Builder *b = n->b;
	if (!arg_bool(n, "use_input_stats", true)) return batch_norm(n, false, 0);
	Value x = arg_as(n, "input", acc_type(n->out.elem));
	Type t = known_type(b, x);
	if (t.rank < 3) return t.kind ? node_fail(n, BAD_INPUT, "input %s has no spatial dim", type_str(n->a, t)) : 0;
	Ints dims = iota_ints(n->a, 2, t.rank - 2);
	Moments m = moments_over(b, x, dims, epsilon_of(n));
	set_instance_statistics(n, m, t, dims);
	x = normalized(b, x, m, dims);
	x = by_channel(n, x);
	return cast(b, x, n->out.elem);
}

/* -- group norm ------------------------------------------------------------------------------------------ */

/* input [N, C, *] in G groups of channels, each [C/G, *] of a sample by itself. Outputs 1 and 2: mean, invstd [N, G] */
static Value group_norm(Node *n, int64_t groups)
{
	Builder *b = n->b;
	Value x = arg_as(n, "input", acc_type(n->out.elem));
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	if (groups < 1 || t.rank < 2) return node_fail(n, BAD_INPUT, "%lld groups of %s", (long long)groups, type_str(n->a, t));
	Ints all = iota_ints(n->a, 1, t.rank - 1);
	int64_t size = dim_floordiv(dims_of(b->m), size_over(b, t, all), groups);
	Ints last = one_dim(b, 2);
	x = hlo_reshape(b, x, 3, (int64_t[]){ t.dim[0], groups, size });
	Moments m = moments_over(b, x, last, epsilon_of(n));
	set_statistic(n, 1, m.mean);
	set_statistic(n, 2, m.invstd);
	x = normalized(b, x, m, last);
	x = reshape_to(b, x, t);
	x = by_channel(n, x);
	return cast(b, x, n->out.elem);
}

/* aten.group_norm(input, num_groups, weight?, bias?, eps, cudnn_enabled) */
Value lower_group_norm(Node *n) { return group_norm(n, arg_int(n, "num_groups", 1)); }
/* aten.native_group_norm(input, weight?, bias?, N, C, HxW, group, eps) -> (out, mean, rstd) */
Value lower_native_group_norm(Node *n) { return group_norm(n, arg_int(n, "group", 1)); }

/* -- layer norm ------------------------------------------------------------------------------------------ */

/* x * weight + bias, both of x's last dims; either may be 0 */
static Value by_element(Builder *b, Value x, Value weight, Value bias)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	if (weight) {
		weight = cast(b, weight, t.elem);
		x = hlo_multiply(b, x, broadcast(b, weight, t));
	}
	if (bias) {
		bias = cast(b, bias, t.elem);
		x = hlo_add(b, x, broadcast(b, bias, t));
	}
	return x;
}

Value layer_norm(Builder *b, Value x, int ndims, Value weight, Value bias, double eps)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Ints dims = iota_ints(b->a, t.rank - ndims, ndims);
	x = cast(b, x, acc_type(t.elem));
	Moments m = moments_over(b, x, dims, eps);
	x = normalized(b, x, m, dims);
	x = by_element(b, x, weight, bias);
	return cast(b, x, t.elem);
}

/* The dims that "normalized_shape" names: the last ones. */
static Ints normalized_dims(Node *n, int rank)
{
	int count = arg_ints(n, "normalized_shape").n;
	if (count > rank) node_fail(n, BAD_INPUT, "normalized_shape has %d dims, input %d", count, rank);
	return count > rank ? (Ints){ 0 } : iota_ints(n->a, rank - count, count);
}

/* aten.layer_norm(input, normalized_shape, weight?, bias?, eps), native_layer_norm -> (out, mean, rstd) */
Value lower_layer_norm(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "input", acc_type(n->out.elem));
	Ints dims = normalized_dims(n, known_type(b, x).rank);
	Moments m = moments_over(b, x, dims, epsilon_of(n));
	set_statistic(n, 1, m.mean);
	set_statistic(n, 2, m.invstd);
	x = normalized(b, x, m, dims);
	Value weight = arg_opt(n, "weight");
	Value bias = arg_opt(n, "bias");
	x = by_element(b, x, weight, bias);
	return cast(b, x, n->out.elem);
}

/* aten.rms_norm(input, normalized_shape, weight?, eps?), _fused_rms_norm -> (out, rstd):
 * input / sqrt(mean(input^2) + eps) * weight */
Value lower_rms_norm(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value x = arg_as(n, "input", acc);
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Ints dims = normalized_dims(n, t.rank);
	Value mean = square(b, x);
	mean = mean_over(b, mean, dims);
	Value rstd = inverse_deviation(b, mean, arg_num(n, "eps", acc == DTYPE_f64 ? DBL_EPSILON : (double)FLT_EPSILON));
	set_statistic(n, 1, rstd);
	x = hlo_multiply(b, x, spread_over(b, rstd, dims, t));
	x = by_element(b, x, arg_opt(n, "weight"), 0);
	return cast(b, x, n->out.elem);
}
