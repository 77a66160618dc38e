/* Scales and zero points chosen from the values of a tensor. */
#include "aten/formulas.h"
#include "aten/quant.h"
#include "aten/rules.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The least value and 0, the most and 0: a range that has 0 in it. */
typedef struct Span { Num low, high; } Span;

static Span span_over(Builder *b, Num x, Ints dims)
{
	Span s = { .low.as = x.as, .high.as = x.as };
	Value low = reduce_over(b, OP_minimum, x.v, dims);
	Value high = reduce_over(b, OP_maximum, x.v, dims);
	s.low.v = at_most(b, low, 0);
	s.high.v = at_least(b, high, 0);
	return s;
}

static Num in_type(Builder *b, Num x, DType as) { return (Num){ cast(b, x.v, acc_type(as)), as }; }

static Value result(Node *n, int i, Num x)
{
	Type t = out_type(n, i);
	Value v = cast(n->b, x.v, t.elem);
	return t.kind == TYPE_TENSOR ? reshape_to(n->b, v, t) : 0;
}

/* The step between neighbours: of the larger side in half the range, or of the whole span in all of it. */
static Num step_of(Builder *b, Span s, double low, double high, bool symmetric)
{
	if (!symmetric) return num_with(b, OP_divide, num_op(b, OP_subtract, s.high, s.low), high - low);
	Num most = num_op(b, OP_maximum, num_negated(b, s.low), s.high);
	return num_with(b, OP_divide, most, (high - low) / 2);
}

/* -- pt2e ------------------------------------------------------------------------------------------------ */

/* scale [1] f64, zero_point [1] i64 of all of input: torch.ao.quantization.utils.determine_qparams(), with eps as f32. A tensor
 * without numbers between infinities (none at all) has scale 1. */
static Value per_tensor(Node *n, bool symmetric)
{
	Builder *b = n->b;
	Num x = num_of(b, arg(n, "input"));
	Type t = known_type(b, x.v);
	if (!t.kind) return 0;
	if (!type_numel(t)) return node_fail(n, UNSUPPORTED, "a tensor without elements");
	double low = arg_num(n, "quant_min", arg_num(n, "qmin", 0)), high = arg_num(n, "quant_max", arg_num(n, "qmax", 0));
	Span s = span_over(b, x, all_dims(b, t.rank));
	Num step = step_of(b, s, low, high, symmetric);
	step = in_type(b, step, DTYPE_f32);                  /* eps has a dim, the step none: the wider of both */
	step.v = at_least(b, step.v, arg_num(n, "eps", 0));
	DType dtype = arg_dtype(n, "dtype", DTYPE_i8);
	if (symmetric) {
		set_out(n, 1, full(b, out_type(n, 1), dtype == DTYPE_u8 ? 128 : 0));
		return result(n, 0, step);
	}
	Num zero = num_round(b, num_op(b, OP_divide, s.low, step));
	zero.v = minus_from(b, low, zero.v);
	zero.v = bounded(b, zero.v, low, high);
	set_out(n, 1, result(n, 1, zero));
	return result(n, 0, step);
}

/* quantized_decomposed.choose_qparams.tensor(input, quant_min, quant_max, eps, dtype) -> (scale, zero_point):
 * scale = (max - min) / (quant_max - quant_min), zero_point = quant_min - round(min / scale) */
Value lower_choose_qparams(Node *n) { return per_tensor(n, false); }

/* quantized_decomposed.choose_qparams_symmetric.tensor(..): scale = max(-min, max) / ((quant_max - quant_min) / 2) */
Value lower_choose_qparams_symmetric(Node *n) { return per_tensor(n, true); }

/* quantized_decomposed.choose_qparams_per_token(input [.., N], dtype) -> (scales, zero_points [.., 1]): max |input| / 127, at
 * least 1e-5 before; f16 in f32. zero_points are 0. */
Value lower_choose_qparams_per_token(Node *n)
{
	Builder *b = n->b;
	Num x = num_of(b, arg(n, "input"));
	Type t = known_type(b, x.v);
	if (!t.kind) return 0;
	if (!t.rank) return node_fail(n, BAD_INPUT, "input %s, wanted [.., N]", type_str(n->a, t));
	x.v = hlo_abs(b, x.v);
	x.v = reduce_over(b, OP_maximum, x.v, one_dim(b, t.rank - 1));
	if (x.as == DTYPE_f16) x.as = DTYPE_f32;
	x.v = at_least(b, x.v, 1e-5);
	x.v = x.v ? rounded_to(b, x.v, x.as) : 0;
	x = num_with(b, OP_divide, x, 127);
	set_out(n, 1, full(b, out_type(n, 1), 0));
	return result(n, 0, x);
}

/* quantized_decomposed.choose_qparams_per_token_asymmetric(input [.., N], dtype) -> (scale, zero_point [.., 1]): the zero point from
 * the end of the range that its error is less at, as XNNPACK chooses it */
Value lower_choose_qparams_per_token_asymmetric(Node *n)
{
	static const double low = -128, high = 127;
	Builder *b = n->b;
	Num x = num_of(b, arg(n, "input"));
	Type t = known_type(b, x.v);
	if (!t.kind) return 0;
	if (!t.rank) return node_fail(n, BAD_INPUT, "input %s, wanted [.., N]", type_str(n->a, t));
	Span s = span_over(b, x, one_dim(b, t.rank - 1));
	Num step = step_of(b, s, low, high, false);
	step = num_at_least(b, step, FLT_EPSILON);
	Num least = num_op(b, OP_divide, s.low, step);
	Num most = num_op(b, OP_divide, s.high, step);
	Num from_least = num_with(b, OP_add, least, low);
	Num from_most = num_with(b, OP_add, most, high);
	Value first = is(b, DIRECTION_GT, num_op(b, OP_add, from_least, from_most).v, 0);
	Num zero = num_with(b, OP_add, num_negated(b, least), low);
	Num other = num_with(b, OP_add, num_negated(b, most), high);
	zero.v = first && zero.v && other.v ? hlo_select(b, first, zero.v, other.v) : 0;
	zero.v = bounded(b, zero.v, low, high);
	set_out(n, 1, result(n, 1, num_round(b, zero)));
	return result(n, 0, step);
}

/* -- torchao --------------------------------------------------------------------------------------------- */

/* min / quant_min or max / quant_max, whichever is more: neither side is cut */
static Num unclipped_step(Builder *b, Span s, double low, double high)
{
	Num below = num_with(b, OP_divide, s.low, low);
	Num above = num_with(b, OP_divide, s.high, high);
	Value more = below.v && above.v ? hlo_compare(b, DIRECTION_GT, below.v, above.v) : 0;
	return (Num){ more ? hlo_select(b, more, below.v, above.v) : 0, s.low.as };
}

/* The smallest normal number of a float type: torch.finfo(t).smallest_normal */
static double smallest_normal(DType t)
{
	return t == DTYPE_f16 ? 0x1p-14 : t == DTYPE_f64 ? DBL_MIN : FLT_MIN;
}

static bool quant_range(Node *n, double *low, double *high)
{
	DType t = arg_dtype(n, "target_dtype", DTYPE_i8);
	if (dtype_info(t)->kind != DKIND_INT && dtype_info(t)->kind != DKIND_UINT)
		return node_fail(n, UNSUPPORTED, "target_dtype %s, wanted integers", dtype_name(t)), false;
	*low = arg_num(n, "quant_min", least_of(t));
	*high = arg_num(n, "quant_max", most_of(t));
	return true;
}

/* torchao.choose_qparams_affine(input, mapping_type, block_size, target_dtype, quant_min?, quant_max?, eps?, scale_dtype?,
 * zero_point_dtype?, keepdim=False) -> (scale, zero_point): of each block, in input's type */
Value lower_choose_qparams_affine(Node *n)
{
	Builder *b = n->b;
	double low, high;
	const char *how = arg_str(n, "mapping_type", "");
	bool symmetric = !strcmp(how, "SYMMETRIC"), unclipped = !strcmp(how, "SYMMETRIC_NO_CLIPPING_ERR");
	if (!symmetric && !unclipped && strcmp(how, "ASYMMETRIC")) return node_fail(n, UNSUPPORTED, "mapping_type '%s'", how);
	Num x = num_of(b, arg(n, "input"));
	Type t = known_type(b, x.v);
	Blocks g = blocks_of(n, t, arg_sizes(n, "block_size"));
	if (!t.kind || !g.view.kind || !quant_range(n, &low, &high)) return 0;
	x.v = reshape_to(b, x.v, g.view);
	Span s = span_over(b, x, dims_of_blocks(b, g));
	Num step = unclipped ? unclipped_step(b, s, low, high) : step_of(b, s, low, high, symmetric);
	step = num_at_least(b, step, arg_num(n, "eps", smallest_normal(x.as)));
	if (symmetric || unclipped) {
		set_out(n, 1, full(b, out_type(n, 1), trunc((high + low + 1) / 2)));
		return result(n, 0, step);
	}
	Num zero = num_round(b, num_op(b, OP_divide, s.low, step));
	zero = num_with(b, OP_add, num_negated(b, zero), low);
	zero.v = bounded(b, zero.v, low, high);
	set_out(n, 1, result(n, 1, zero));
	return result(n, 0, step);
}

/* torchao.choose_scale_float8(tensor, block_size, float8_dtype, scale_dtype, hp_value_lb?, hp_value_ub?): max |tensor| of each block
 * over the largest number of the type; of scale_dtype float8_e8m0fnu the nearest power of 2 */
Value lower_choose_scale_float8(Node *n)
{
	Builder *b = n->b;
	Num x = num_of(b, arg(n, "tensor"));
	Type t = known_type(b, x.v);
	Blocks g = blocks_of(n, t, arg_sizes(n, "block_size"));
	if (!t.kind || !g.view.kind) return 0;
	x.v = hlo_abs(b, x.v);
	x.v = reshape_to(b, x.v, g.view);
	x.v = reduce_over(b, OP_maximum, x.v, dims_of_blocks(b, g));
	if (has_arg(n, "hp_value_lb")) x = num_at_least(b, x, arg_num(n, "hp_value_lb", 0));
	if (has_arg(n, "hp_value_ub")) x.v = at_most(b, x.v, arg_num(n, "hp_value_ub", 0));
	x = num_with(b, OP_divide, x, most_of(arg_dtype(n, "float8_dtype", DTYPE_f8e4m3fn)));
	DType kind = arg_dtype(n, "scale_dtype", DTYPE_f32);
	if (kind == DTYPE_f32) return result(n, 0, x);
	if (kind != DTYPE_f8e8m0fnu || !x.v) return node_fail(n, UNSUPPORTED, "scale_dtype %s", dtype_name(kind));
	x.v = math_log2(b, x.v);
	x.v = hlo_round_nearest_even(b, x.v);
	x.v = math_exp2(b, x.v);
	return result(n, 0, x);
}
