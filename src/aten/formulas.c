/* Arithmetic with numbers, tests, and parts of a number. */
#include "aten/formulas.h"
#include "aten/node.h"

#include <math.h>

static Value truth(Builder *b, Value like, bool v)
{
	Type t = known_type(b, like);
	return t.kind ? hlo_splat_int(b, with_elem(t, DTYPE_bool), v) : 0;
}

/* -- with a number --------------------------------------------------------------------------------------- */

Value plus(Builder *b, Value x, double c)
{
	Value k = full_like(b, x, c);
	return hlo_add(b, x, k);
}

Value minus_from(Builder *b, double c, Value x)
{
	Value k = full_like(b, x, c);
	return hlo_subtract(b, k, x);
}

Value divided_by_size(Builder *b, Value x, int64_t size)
{
	return size >= 0 ? divided_by(b, x, (double)size) : hlo_divide(b, x, size_value(b, size, known_type(b, x)));
}

Value times_size(Builder *b, Value x, int64_t size)
{
	return size >= 0 ? scaled(b, x, (double)size) : hlo_multiply(b, x, size_value(b, size, known_type(b, x)));
}

Value within_size(Builder *b, Value x, int64_t size)
{
	if (size >= 0) return bounded(b, x, 0, (double)(size - 1));
	x = at_least(b, x, 0);
	return hlo_minimum(b, x, size_value(b, size_less_one(b, size), known_type(b, x)));
}

Value share_of(Builder *b, Value x, double c, int64_t size)
{
	if (size >= 0) return scaled(b, x, c / (double)size);
	x = scaled(b, x, c);
	return hlo_divide(b, x, size_value(b, size, known_type(b, x)));
}

Value scaled(Builder *b, Value x, double c)
{
	Value k = full_like(b, x, c);
	return hlo_multiply(b, x, k);
}

Value divided_by(Builder *b, Value x, double c)
{
	Value k = full_like(b, x, c);
	return hlo_divide(b, x, k);
}

Value over(Builder *b, double c, Value x)
{
	Value k = full_like(b, x, c);
	return hlo_divide(b, k, x);
}

Value at_least(Builder *b, Value x, double c)
{
	Value k = full_like(b, x, c);
	return hlo_maximum(b, x, k);
}

Value at_most(Builder *b, Value x, double c)
{
	Value k = full_like(b, x, c);
	return hlo_minimum(b, x, k);
}

Value bounded(Builder *b, Value x, double low, double high)
{
	DType t = known_type(b, x).elem;
	Value from = scalar(b, low, t);
	Value to = scalar(b, high, t);
	return hlo_clamp(b, from, x, to);
}

Value is(Builder *b, Direction d, Value x, double c)
{
	Value k = full_like(b, x, c);
	return hlo_compare(b, d, x, k);
}

Value if_num(Builder *b, Value pred, double c, Value otherwise)
{
	Value k = full_like(b, otherwise, c);
	return hlo_select(b, pred, k, otherwise);
}

Value polynomial(Builder *b, Value x, int n, const double *c)
{
	Value y = full_like(b, x, c[0]);
	for (int i = 1; i < n; i++) {
		y = hlo_multiply(b, y, x);
		y = plus(b, y, c[i]);
	}
	return y;
}

/* -- tests ----------------------------------------------------------------------------------------------- */

Value math_isnan(Builder *b, Value x) { return hlo_compare(b, DIRECTION_NE, x, x); }

/* Whether test holds for the real part, the imaginary part, or (op and) both. */
static Value of_parts(Builder *b, OpCode op, Value x, Math1 *test)
{
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	re = test(b, re);
	im = test(b, im);
	return emit(b, op, NULL, 2, (Value[]){ re, im }, NULL);
}

Value math_isfinite(Builder *b, Value x)
{
	DType t = known_type(b, x).elem;
	if (is_complex(t)) return of_parts(b, OP_and, x, math_isfinite);
	return is_float(t) ? hlo_is_finite(b, x) : truth(b, x, true);
}

Value math_isinf(Builder *b, Value x)
{
	DType t = known_type(b, x).elem;
	if (is_complex(t)) return of_parts(b, OP_or, x, math_isinf);
	if (!is_float(t)) return truth(b, x, false);
	Value size = hlo_abs(b, x);
	return is(b, DIRECTION_EQ, size, INFINITY);
}

Value math_isposinf(Builder *b, Value x)
{
	return is_float(known_type(b, x).elem) ? is(b, DIRECTION_EQ, x, INFINITY) : truth(b, x, false);
}

Value math_isneginf(Builder *b, Value x)
{
	return is_float(known_type(b, x).elem) ? is(b, DIRECTION_EQ, x, -INFINITY) : truth(b, x, false);
}

Value math_isreal(Builder *b, Value x)
{
	if (!is_complex(known_type(b, x).elem)) return truth(b, x, true);
	Value im = hlo_imag(b, x);
	return is(b, DIRECTION_EQ, im, 0);
}

static DType bits_type(DType t)
{
	int n = dtype_info(t)->nbits;
	return n == 64 ? DTYPE_i64 : n == 32 ? DTYPE_i32 : n == 16 ? DTYPE_i16 : DTYPE_i8;
}

Value float_bits(Builder *b, Value x)
{
	Type t = known_type(b, x);
	return t.kind ? hlo_bitcast_convert(b, x, with_elem(t, bits_type(t.elem))) : 0;
}

Value math_signbit(Builder *b, Value x)
{
	DType t = known_type(b, x).elem;
	if (is_unsigned(t)) return truth(b, x, false);
	if (is_float(t)) x = float_bits(b, x);
	return is(b, DIRECTION_LT, x, 0);
}

Value math_logical_not(Builder *b, Value x)
{
	x = hlo_convert(b, x, DTYPE_bool);
	return hlo_not(b, x);
}

static Value logical(Builder *b, OpCode op, Value x, Value y)
{
	x = hlo_convert(b, x, DTYPE_bool);
	y = hlo_convert(b, y, DTYPE_bool);
	return emit(b, op, NULL, 2, (Value[]){ x, y }, NULL);
}

Value math_logical_and(Builder *b, Value x, Value y) { return logical(b, OP_and, x, y); }
Value math_logical_or(Builder *b, Value x, Value y) { return logical(b, OP_or, x, y); }
Value math_logical_xor(Builder *b, Value x, Value y) { return logical(b, OP_xor, x, y); }

/* -- parts of a number ----------------------------------------------------------------------------------- */

Value math_abs(Builder *b, Value x) { return is_unsigned(known_type(b, x).elem) ? x : hlo_abs(b, x); }
Value math_square(Builder *b, Value x) { return hlo_multiply(b, x, x); }
Value math_bitwise_not(Builder *b, Value x) { return hlo_not(b, x); }

/* 0 for NaN, as torch has it. */
Value math_sign(Builder *b, Value x)
{
	DType t = known_type(b, x).elem;
	if (is_unsigned(t)) return t == DTYPE_bool ? x : at_most(b, x, 1);
	Value y = hlo_sign(b, x);
	if (!is_float(t)) return y;
	Value nan = math_isnan(b, x);
	return if_num(b, nan, 0, y);
}

/* x / |x|, 0 at 0 */
Value math_sgn(Builder *b, Value x)
{
	return is_complex(known_type(b, x).elem) ? hlo_sign(b, x) : math_sign(b, x);
}

Value math_floor(Builder *b, Value x) { return is_float(known_type(b, x).elem) ? hlo_floor(b, x) : x; }
Value math_ceil(Builder *b, Value x) { return is_float(known_type(b, x).elem) ? hlo_ceil(b, x) : x; }
Value math_round(Builder *b, Value x)
{
	return is_float(known_type(b, x).elem) ? hlo_round_nearest_even(b, x) : x;
}

Value math_trunc(Builder *b, Value x)
{
	if (!is_float(known_type(b, x).elem)) return x;
	Value negative = is(b, DIRECTION_LT, x, 0);
	Value up = hlo_ceil(b, x);
	Value down = hlo_floor(b, x);
	return hlo_select(b, negative, up, down);
}

Value math_frac(Builder *b, Value x)
{
	Value whole = math_trunc(b, x);
	return hlo_subtract(b, x, whole);
}

