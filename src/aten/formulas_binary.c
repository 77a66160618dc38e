/* Functions of two numbers: division and its kin, signs, shifts. */
#include "aten/formulas.h"
#include "aten/node.h"

/* -- division -------------------------------------------------------------------------------------------- */

Value math_add(Builder *b, Value x, Value y)
{
	return known_type(b, x).elem == DTYPE_bool ? hlo_or(b, x, y) : hlo_add(b, x, y);
}

Value math_subtract(Builder *b, Value x, Value y) { return hlo_subtract(b, x, y); }
Value math_fmod(Builder *b, Value x, Value y) { return hlo_remainder(b, x, y); }

Value math_trunc_divide(Builder *b, Value x, Value y)
{
	x = hlo_divide(b, x, y);
	return math_trunc(b, x);
}

/* A remainder that is not 0 and has another sign than the divisor. */
static Value on_other_side(Builder *b, Value rem, Value y)
{
	Value some = is(b, DIRECTION_NE, rem, 0);
	Value below = is(b, DIRECTION_LT, rem, 0);
	Value divisor_below = is(b, DIRECTION_LT, y, 0);
	Value differ = hlo_xor(b, below, divisor_below);
	return hlo_and(b, some, differ);
}

/* x mod y with the sign of y. */
Value math_remainder(Builder *b, Value x, Value y)
{
	Value rem = hlo_remainder(b, x, y);
	if (is_unsigned(known_type(b, x).elem)) return rem;
	Value differ = on_other_side(b, rem, y);
	Value moved = hlo_add(b, rem, y);
	return hlo_select(b, differ, moved, rem);
}

/* floor(x / y) such that x = q y + remainder holds as well as it can: torch's c10::div_floor_floating. q =
 * (x - rem) / y is whole but for rounding, so the nearest whole number below q + 1/2 is taken; a zero
 * keeps the sign of x / y. */
static Value floor_divide_float(Builder *b, Value x, Value y)
{
	Value ratio = hlo_divide(b, x, y);
	Value rem = hlo_remainder(b, x, y);
	Value q = hlo_subtract(b, x, rem);
	q = hlo_divide(b, q, y);
	Value differ = on_other_side(b, rem, y);
	Value less = plus(b, q, -1);
	q = hlo_select(b, differ, less, q);
	Value whole = hlo_floor(b, q);
	Value off = hlo_subtract(b, q, whole);
	Value up = is(b, DIRECTION_GT, off, 0.5);
	Value more = plus(b, whole, 1);
	whole = hlo_select(b, up, more, whole);
	Value zero = math_copysign(b, full_like(b, x, 0), ratio);
	Value none = is(b, DIRECTION_EQ, q, 0);
	whole = hlo_select(b, none, zero, whole);
	Value by_zero = is(b, DIRECTION_EQ, y, 0);
	return hlo_select(b, by_zero, ratio, whole);
}

Value math_floor_divide(Builder *b, Value x, Value y)
{
	DType t = known_type(b, x).elem;
	if (is_float(t)) return floor_divide_float(b, x, y);
	Value q = hlo_divide(b, x, y);
	if (is_unsigned(t)) return q;
	Value rem = hlo_remainder(b, x, y);
	Value differ = on_other_side(b, rem, y);
	Value less = plus(b, q, -1);
	return hlo_select(b, differ, less, q);
}

/* -- powers ---------------------------------------------------------------------------------------------- */

enum { POWER_MOVES, POWER_EXPONENT, POWER_BASE, POWER_VALUE, NPOWER };

/* A bit of the exponent more: the value takes the base where it is set, and the base is squared. */
static void power_step(Builder *b, const void *env, const Value *v, Value *next)
{
	(void)env;
	Value one = full_like(b, v[POWER_EXPONENT], 1);
	Value odd = is(b, DIRECTION_EQ, hlo_and(b, v[POWER_EXPONENT], one), 1);
	Value more = hlo_multiply(b, v[POWER_VALUE], v[POWER_BASE]);
	next[POWER_EXPONENT] = hlo_shift_right_logical(b, v[POWER_EXPONENT], one);
	next[POWER_BASE] = hlo_multiply(b, v[POWER_BASE], v[POWER_BASE]);
	next[POWER_VALUE] = hlo_select(b, odd, more, v[POWER_VALUE]);
	next[POWER_MOVES] = is(b, DIRECTION_GT, next[POWER_EXPONENT], 0);
}

/* Integers, modulo the type's size: XLA's own power reads six bits of the exponent. */
static Value integer_power(Builder *b, Value x, Value y)
{
	if (!known_type(b, x).kind || !known_type(b, y).kind) return 0;
	Value out[NPOWER], init[NPOWER] = { is(b, DIRECTION_GT, y, 0), y, x, full_like(b, x, 1) };
	if (!iterate(b, NPOWER, init, power_step, NULL, out)) return 0;
	if (is_unsigned(known_type(b, x).elem)) return out[POWER_VALUE];
	Value below = is(b, DIRECTION_LT, y, 0);
	return hlo_select(b, below, hlo_power(b, x, y), out[POWER_VALUE]);
}

/* 0 to a complex power with a positive real part is 0. */
static Value complex_power(Builder *b, Value x, Value y)
{
	Value none = is(b, DIRECTION_EQ, x, 0);
	Value positive = is(b, DIRECTION_GT, hlo_real(b, y), 0);
	return if_num(b, hlo_and(b, none, positive), 0, hlo_power(b, x, y));
}

Value math_power(Builder *b, Value x, Value y)
{
	DType t = known_type(b, x).elem;
	if (is_complex(t)) return complex_power(b, x, y);
	return is_float(t) ? hlo_power(b, x, y) : integer_power(b, x, y);
}

/* -- two values ------------------------------------------------------------------------------------------ */

/* The one that is no NaN, else op of both. */
static Value but_nan(Builder *b, OpCode op, Value x, Value y)
{
	Value z = emit(b, op, NULL, 2, (Value[]){ x, y }, NULL);
	if (!is_float(known_type(b, x).elem)) return z;
	Value no_x = math_isnan(b, x);
	Value no_y = math_isnan(b, y);
	z = hlo_select(b, no_y, x, z);
	return hlo_select(b, no_x, y, z);
}

Value math_fmax(Builder *b, Value x, Value y) { return but_nan(b, OP_maximum, x, y); }
Value math_fmin(Builder *b, Value x, Value y) { return but_nan(b, OP_minimum, x, y); }

Value math_copysign(Builder *b, Value x, Value y)
{
	Value negative = math_signbit(b, y);
	Value size = hlo_abs(b, x);
	Value minus = hlo_negate(b, size);
	return hlo_select(b, negative, minus, size);
}

/* y where x = 0, else whether x > 0. */
Value math_heaviside(Builder *b, Value x, Value y)
{
	Value positive = is(b, DIRECTION_GT, x, 0);
	Value step = hlo_convert(b, positive, known_type(b, x).elem);
	Value zero = is(b, DIRECTION_EQ, x, 0);
	return hlo_select(b, zero, y, step);
}

/* Euclid's algorithm for all elements at once, until every remainder is 0. The sizes are taken first, as torch
 * does, so that the least number, which has none, gives what it gives there. */
Value math_gcd(Builder *b, Value x, Value y)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Value v[2], out[2], init[2] = { math_abs(b, y), math_abs(b, x) };
	Type types[2] = { t, t };
	Region *cond = region_begin(b, 2, types, v);
	Value left = is(b, DIRECTION_NE, v[1], 0);
	Value any = reduce_over(b, OP_or, left, all_dims(b, t.rank));
	region_end(b, cond, 1, &any);
	Region *body = region_begin(b, 2, types, v);
	Value more = is(b, DIRECTION_NE, v[1], 0);
	Value divisor = if_num(b, hlo_not(b, more), 1, v[1]);
	Value rem = hlo_remainder(b, v[0], divisor);
	Value next[2];
	next[0] = hlo_select(b, more, v[1], v[0]);
	next[1] = hlo_select(b, more, rem, v[1]);
	region_end(b, body, 2, next);
	return hlo_while(b, 2, init, cond, body, out) ? out[0] : 0;
}

/* |x / gcd * y|, 0 where both are 0; narrow products are int in C, and wrap after their size is taken. */
Value math_lcm(Builder *b, Value x, Value y)
{
	Value g = math_gcd(b, x, y);
	g = if_num(b, is(b, DIRECTION_EQ, g, 0), 1, g);   /* the least number's absolute value is below 0 */
	Value q = hlo_divide(b, x, g);
	DType t = known_type(b, x).elem, wide = t == DTYPE_i8 || t == DTYPE_i16 ? DTYPE_i32 : t;
	q = hlo_multiply(b, cast(b, q, wide), cast(b, y, wide));
	return cast(b, math_abs(b, q), t);
}

/* Whether a shift lies outside [0, limit). */
static Value too_far(Builder *b, Value shift, int limit)
{
	Value far = is(b, DIRECTION_GE, shift, limit);
	if (is_unsigned(known_type(b, shift).elem)) return far;
	Value negative = is(b, DIRECTION_LT, shift, 0);
	return hlo_or(b, far, negative);
}

/* x << y, 0 when y is negative or shifts everything out; floats: x * 2^y. */
Value math_shift_left(Builder *b, Value x, Value y)
{
	DType t = known_type(b, x).elem;
	if (is_float(t)) return math_ldexp(b, x, y);
	Value far = too_far(b, y, dtype_info(t)->nbits);
	Value z = hlo_shift_left(b, x, y);
	return if_num(b, far, 0, z);
}

/* x >> y keeping the sign; y negative or too large: all bits are shifted out. Floats: x / 2^y. */
Value math_shift_right(Builder *b, Value x, Value y)
{
	DType t = known_type(b, x).elem;
	if (is_float(t)) return math_ldexp(b, x, hlo_negate(b, y));
	int nbits = dtype_info(t)->nbits;
	Value far = too_far(b, y, nbits);
	if (is_unsigned(t)) {
		Value z = hlo_shift_right_logical(b, x, y);
		return if_num(b, far, 0, z);
	}
	Value shift = if_num(b, far, nbits - 1, y);
	return hlo_shift_right_arithmetic(b, x, shift);
}

/* The next float after x in the direction of y: the bits of a float, taken as an integer, count its
 * magnitude. */
Value math_nextafter(Builder *b, Value x, Value y)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Value above = hlo_compare(b, DIRECTION_GT, y, x);
	Value negative = is(b, DIRECTION_LT, x, 0);
	Value grows = hlo_xor(b, above, negative);
	Value raw = float_bits(b, x);
	Value one = hlo_splat_int(b, known_type(b, raw), 1);
	Value step = if_num(b, grows, 1, hlo_negate(b, one));
	Value next = hlo_add(b, raw, step);
	next = hlo_bitcast_convert(b, next, t);
	Value tiny = hlo_bitcast_convert(b, one, t);
	tiny = math_copysign(b, tiny, y);
	Value zero = is(b, DIRECTION_EQ, x, 0);
	next = hlo_select(b, zero, tiny, next);
	Value equal = hlo_compare(b, DIRECTION_EQ, x, y);
	next = hlo_select(b, equal, y, next);
	Value no_y = math_isnan(b, y);
	next = hlo_select(b, no_y, y, next);
	Value no_x = math_isnan(b, x);
	return hlo_select(b, no_x, x, next);
}
