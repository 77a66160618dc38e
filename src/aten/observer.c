/* The observer of quantization-aware training: running ends of what it sees, the grid that they give, and self on that grid. */
#include "aten/fake_quant.h"
#include "aten/formulas.h"
#include "aten/rules.h"

#include <float.h>
#include <math.h>

/* The scale is not below this (SMALL_SCALE_THRESHOLD of torch and FBGEMM, which take f16's smallest normal number). */
static const float least_scale = 6.1e-5f;

/* What is chosen, in f64 as torch's host code computes it; low and high are kept as f32 is between the steps. */
typedef struct Ends { Value low, high; double least, most; } Ends;

static Value as_f32(Builder *b, Value x) { return x ? hlo_reduce_precision(b, x, 8, 23) : 0; }

static Value by_number(Builder *b, Value x, double c) { return num_with(b, OP_divide, (Num){ x, DTYPE_f64 }, c).v; }

/* low < 0 < high */
static Value around_zero(Builder *b, Ends r)
{
	Value below = is(b, DIRECTION_LT, r.low, 0);
	Value above = is(b, DIRECTION_GT, r.high, 0);
	return hlo_and(b, below, above);
}

/* Ends on either side of 0 that are symmetric: the larger of low / least' and high / most' times each, with least' and most' of
 * the range of as many numbers around 0. */
static Ends symmetric(Builder *b, Ends r)
{
	double half = trunc((r.most - r.least) / 2);
	Value around = around_zero(b, r);
	Value x = as_f32(b, by_number(b, r.low, -(half + 1)));
	Value y = as_f32(b, by_number(b, r.high, half));
	x = math_abs(b, x);
	y = math_abs(b, y);
	x = hlo_maximum(b, x, y);
	Value low = as_f32(b, scaled(b, x, -(half + 1)));
	Value high = as_f32(b, scaled(b, x, half));
	r.low = where(b, around, low, r.low);
	r.high = where(b, around, high, r.high);
	return r;
}

/* Ends that a scale too small is made larger by. */
static Ends amplified(Builder *b, Ends r, Value scale, Value small)
{
	double most = (float)(least_scale * (r.most - r.least));
	Value factor = over(b, least_scale, as_f32(b, scale));
	factor = as_f32(b, factor);
	Value low = as_f32(b, hlo_multiply(b, r.low, factor));
	Value high = as_f32(b, hlo_multiply(b, r.high, factor));
	Value no_low = is(b, DIRECTION_EQ, r.low, 0);
	Value no_high = is(b, DIRECTION_EQ, r.high, 0);
	Value low_is = if_num(b, no_high, -most, low), high_is = if_num(b, no_high, 0, high);
	low_is = if_num(b, no_low, 0, low_is);
	high_is = if_num(b, no_low, most, high_is);
	r.low = where(b, small, low_is, r.low);
	r.high = where(b, small, high_is, r.high);
	return r;
}

/* The zero point: from the end of the range that gives the smaller error. */
static Value zero_of(Builder *b, Ends r, Value scale, bool centered)
{
	Value low = hlo_divide(b, r.low, scale), high = hlo_divide(b, r.high, scale);
	Value from_low = minus_from(b, r.least, low), from_high = minus_from(b, r.most, high);
	Value low_error = minus_from(b, fabs(r.least), math_abs(b, low));
	Value high_error = minus_from(b, fabs(r.most), math_abs(b, high));
	Value first = hlo_compare(b, DIRECTION_LT, low_error, high_error);
	Value zero = where(b, first, from_low, from_high);
	Value around = around_zero(b, r);
	if (centered) zero = if_num(b, around, (r.least + r.most) / 2, zero);
	zero = bounded(b, zero, r.least, r.most);
	return zero ? hlo_round_nearest_even(b, zero) : 0;
}

typedef struct Chosen { Value scale, zero; } Chosen;

/* quant_utils::ChooseQuantizationParams(): the scale by which [low, high], with 0 in it, covers the range, and the zero point. */
static Chosen choose(Node *n, Value low, Value high)
{
	Builder *b = n->b;
	bool centered = arg_bool(n, "symmetric_quant", false);
	Ends r = { cast(b, low, DTYPE_f64), 0, arg_num(n, "quant_min", 0), arg_num(n, "quant_max", 0) };
	r.high = cast(b, high, DTYPE_f64);
	if (centered) r = symmetric(b, r);
	r.low = at_most(b, r.low, 0);
	r.high = at_least(b, r.high, 0);
	Value scale = hlo_subtract(b, r.high, r.low);
	scale = by_number(b, scale, r.most - r.least);
	Value none = is(b, DIRECTION_LE, as_f32(b, scale), 1.0 / (double)FLT_MAX);      /* its inverse is infinite */
	scale = if_num(b, none, 0.1, scale);
	Value small = is(b, DIRECTION_LT, scale, least_scale);
	r = amplified(b, r, scale, small);
	scale = if_num(b, small, least_scale, scale);
	return (Chosen){ scale, zero_of(b, r, scale, centered) };
}

/* -- the operator ---------------------------------------------------------------------------------------- */

/* Output i, the running end: what is seen now where it is infinite, else a step of averaging_const towards that. */
static Value moved(Node *n, int i, const char *name, Value seen)
{
	Builder *b = n->b;
	Value old = arg(n, name);
	Type t = known_type(b, old);
	seen = reshape_to(b, seen, t);
	seen = cast(b, seen, t.elem);
	Value step = hlo_subtract(b, seen, old);
	step = scaled(b, step, (double)(float)arg_num(n, "averaging_const", 0.01));
	step = hlo_add(b, old, step);
	Value infinite = math_isinf(b, old);
	Value now = where(b, infinite, seen, step);
	now = if_flag(n, "observer_on", now, old);
	set_out(n, i, now);
	return now;
}

/* Output i: what was chosen, where fake quantization is on. */
static Value stored(Node *n, int i, Value chosen, const char *old)
{
	Type t = out_type(n, i);
	chosen = cast(n->b, chosen, t.elem);
	chosen = reshape_to(n->b, chosen, t);
	chosen = if_flag(n, "fake_quant_on", chosen, arg(n, old));
	set_out(n, i, chosen);
	return chosen;
}

/* Outputs 0 and 1: self on the grid and where it lay in the range; self and true where fake quantization is off. */
static Value observed(Node *n, Value x, Value scale, Value zero, Blocks g)
{
	Builder *b = n->b;
	Faked f = faked(b, x, grid_of(n, scale, zero, g, DTYPE_f32, DTYPE_f32), true);
	Value yes = full(b, with_elem(n->out, DTYPE_bool), 1);
	f.inside = if_flag(n, "fake_quant_on", f.inside, yes);
	f.v = if_flag(n, "fake_quant_on", f.v, x);
	set_out(n, 1, f.inside);
	return cast(b, f.v, n->out.elem);
}

/* aten._fused_moving_avg_obs_fq_helper_functional(self, observer_on, fake_quant_on, running_min, running_max, scale, zero_point,
 * averaging_const, quant_min, quant_max, ch_axis, per_row_fake_quant=False, symmetric_quant=False) -> (output, mask, running_min,
 * running_max, scale, zero_point); per row: one each along dim 0 */
Value lower_observed_fake_quantize(Node *n)
{
	Builder *b = n->b;
	bool rows = arg_bool(n, "per_row_fake_quant", false);
	Value x = arg_as(n, "self", DTYPE_f32);
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	if (rows && (!t.rank || arg_int(n, "ch_axis", 0)))
		return node_fail(n, UNSUPPORTED, "channels along dim %lld of %s, wanted 0", (long long)arg_int(n, "ch_axis", 0), type_str(n->a, t));
	Ints dims = iota_ints(n->a, rows, t.rank - rows);
	Value low = moved(n, 2, "running_min", reduce_over(b, OP_minimum, x, dims));
	Value high = moved(n, 3, "running_max", reduce_over(b, OP_maximum, x, dims));
	Chosen c = choose(n, low, high);
	Value scale = stored(n, 4, c.scale, "scale");
	Value zero = stored(n, 5, c.zero, "zero_point");
	return observed(n, x, scale, zero, rows ? channels(n, t, 0) : one_block(t));
}
