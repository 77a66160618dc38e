/* A float as mantissa and power of two. */
#include "aten/pointwise.h"
#include "aten/rules.h"

/* Layout of f32 and f64: how many bits the fraction has, and the exponent field of [1/2, 1) */
typedef struct Layout { int fraction, half; int64_t sign, fraction_mask; } Layout;

static Layout layout(DType t)
{
	return t == DTYPE_f64 ? (Layout){ 52, 1022, INT64_MIN, (INT64_C(1) << 52) - 1 }
	                      : (Layout){ 23, 126, INT32_MIN, (INT64_C(1) << 23) - 1 };
}

static Value masked(Builder *b, Value bits, int64_t mask)
{
	return hlo_and(b, bits, hlo_splat_int(b, known_type(b, bits), mask));
}

static Value exponent_field(Builder *b, Value bits, Layout l)
{
	Value field = hlo_shift_right_logical(b, bits, full_like(b, bits, l.fraction));
	return masked(b, field, l.half * 2 + 3);
}

/* aten.frexp.Tensor(self) -> (mantissa, exponent): self = mantissa 2^exponent, 1/2 <= |mantissa| < 1; 0, NaN
 * and infinity with exponent 0. A subnormal's fraction is a whole number times 2^(-half - fraction), taken
 * as a float of its own. All in integers, so that no subnormal is flushed. */
Value lower_frexp(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", acc_type(n->out.elem));
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	if (!is_float(t.elem)) return node_fail(n, UNSUPPORTED, "frexp of %s", dtype_name(t.elem));
	Layout l = layout(t.elem);
	Value bits = float_bits(b, x);
	Value small = is(b, DIRECTION_EQ, exponent_field(b, bits, l), 0);
	Value whole = hlo_convert(b, masked(b, bits, l.fraction_mask), t.elem);
	Value from = hlo_select(b, small, float_bits(b, whole), bits);
	Value exponent = plus(b, exponent_field(b, from, l), -l.half);
	exponent = hlo_select(b, small, plus(b, exponent, -l.half - l.fraction), exponent);
	Value mantissa = hlo_or(b, masked(b, from, l.fraction_mask), masked(b, bits, l.sign));
	mantissa = hlo_or(b, mantissa, hlo_splat_int(b, known_type(b, bits), (int64_t)l.half << l.fraction));
	mantissa = hlo_bitcast_convert(b, mantissa, t);
	Value zero = is(b, DIRECTION_EQ, masked(b, bits, ~l.sign), 0);
	Value keep = hlo_or(b, zero, hlo_not(b, hlo_is_finite(b, x)));
	mantissa = hlo_select(b, keep, x, mantissa);
	exponent = if_num(b, keep, 0, exponent);
	set_out(n, 1, cast(b, exponent, out_type(n, 1).elem));
	return cast(b, mantissa, n->out.elem);
}
