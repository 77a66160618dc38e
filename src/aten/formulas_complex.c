/* Inverse circular and hyperbolic functions of complex numbers, by W. Kahan's formulas ("Branch Cuts for
 * Complex Elementary Functions", 1987): from the square roots of 1 - z and 1 + z. XLA's square root does
 * not tell -0 from 0, so the side of a cut is taken from the sign of z's own imaginary part. */
#include "aten/formulas.h"
#include "aten/node.h"

#include <math.h>

typedef struct Parts { Value re, im; } Parts;

static Parts parts(Builder *b, Value z)
{
	Value re = hlo_real(b, z);
	Value im = hlo_imag(b, z);
	return (Parts){ re, im };
}

/* sqrt(sign z + shift) */
static Parts root_of_shifted(Builder *b, Parts z, double sign, double shift)
{
	Value re = sign < 0 ? hlo_negate(b, z.re) : z.re;
	Value im = sign < 0 ? hlo_negate(b, z.im) : z.im;
	re = plus(b, re, shift);
	Value w = hlo_complex(b, re, im);
	w = hlo_sqrt(b, w);
	return parts(b, w);
}

/* x y op u v */
static Value product(Builder *b, Value x, Value y, OpCode op, Value u, Value v)
{
	x = hlo_multiply(b, x, y);
	u = hlo_multiply(b, u, v);
	return emit(b, op, NULL, 2, (Value[]){ x, u }, NULL);
}

static Value re_product(Builder *b, Parts x, Parts y)
{
	return product(b, x.re, y.re, OP_subtract, x.im, y.im);
}
static Value re_conj_product(Builder *b, Parts x, Parts y)
{
	return product(b, x.re, y.re, OP_add, x.im, y.im);
}
static Value im_conj_product(Builder *b, Parts x, Parts y)
{
	return product(b, x.re, y.im, OP_subtract, x.im, y.re);
}

/* atan2(Re z, Re(sqrt(1 - z) sqrt(1 + z))) + i asinh(Im(conj(sqrt(1 - z)) sqrt(1 + z))) */
Value complex_asin(Builder *b, Value x)
{
	Parts z = parts(b, x);
	Parts low = root_of_shifted(b, z, -1, 1);
	Parts high = root_of_shifted(b, z, 1, 1);
	Value cos = re_product(b, low, high);
	Value re = hlo_atan2(b, z.re, cos);
	Value im = math_asinh(b, im_conj_product(b, low, high));
	im = math_copysign(b, im, z.im);
	return hlo_complex(b, re, im);
}

/* 2 atan2(Re sqrt(1 - z), Re sqrt(1 + z)) + i asinh(Im(conj(sqrt(1 + z)) sqrt(1 - z))) */
Value complex_acos(Builder *b, Value x)
{
	Parts z = parts(b, x);
	Parts low = root_of_shifted(b, z, -1, 1);
	Parts high = root_of_shifted(b, z, 1, 1);
	Value re = hlo_atan2(b, low.re, high.re);
	re = scaled(b, re, 2);
	Value im = math_asinh(b, im_conj_product(b, high, low));
	im = math_copysign(b, im, hlo_negate(b, z.im));
	return hlo_complex(b, re, im);
}

/* asinh(Re(conj(sqrt(z - 1)) sqrt(z + 1))) + 2 i atan2(Im sqrt(z - 1), Re sqrt(z + 1)) */
Value complex_acosh(Builder *b, Value x)
{
	Parts z = parts(b, x);
	Parts low = root_of_shifted(b, z, 1, -1);
	Parts high = root_of_shifted(b, z, 1, 1);
	Value re = math_asinh(b, re_conj_product(b, low, high));
	Value im = hlo_atan2(b, low.im, high.re);
	im = scaled(b, im, 2);
	im = math_copysign(b, im, z.im);
	return hlo_complex(b, re, im);
}

/* i z, and back */
static Value times_i(Builder *b, Value x)
{
	Parts z = parts(b, x);
	Value re = hlo_negate(b, z.im);
	return hlo_complex(b, re, z.re);
}

static Value over_i(Builder *b, Value x)
{
	Parts z = parts(b, x);
	Value im = hlo_negate(b, z.re);
	return hlo_complex(b, z.im, im);
}

/* asin(i z) / i */
Value complex_asinh(Builder *b, Value x)
{
	x = times_i(b, x);
	x = complex_asin(b, x);
	return over_i(b, x);
}

/* (log(1 + z) - log(1 - z)) / 2; at 1 and -1 infinite with z's imaginary part */
Value complex_atanh(Builder *b, Value x)
{
	Parts z = parts(b, x);
	Value zero = is(b, DIRECTION_EQ, z.im, 0);
	Value pole = hlo_and(b, zero, is(b, DIRECTION_EQ, hlo_abs(b, z.re), 1));
	Value infinite = hlo_complex(b, scaled(b, z.re, INFINITY), z.im);
	Value up = hlo_log_plus_one(b, x);
	Value down = hlo_negate(b, x);
	down = hlo_log_plus_one(b, down);
	x = hlo_subtract(b, up, down);
	return hlo_select(b, pole, infinite, scaled(b, x, 0.5));
}

/* cosh(x) cos(y) + i sinh(x) sin(y) */
Value complex_cosh(Builder *b, Value x)
{
	Parts z = parts(b, x);
	Value re = hlo_multiply(b, math_cosh(b, z.re), hlo_cosine(b, z.im));
	Value im = hlo_multiply(b, math_sinh(b, z.re), hlo_sine(b, z.im));
	return hlo_complex(b, re, im);
}

/* sinh(x) cos(y) + i cosh(x) sin(y) */
Value complex_sinh(Builder *b, Value x)
{
	Parts z = parts(b, x);
	Value re = hlo_multiply(b, math_sinh(b, z.re), hlo_cosine(b, z.im));
	Value im = hlo_multiply(b, math_cosh(b, z.re), hlo_sine(b, z.im));
	return hlo_complex(b, re, im);
}

/* atanh(i z) / i */
Value complex_atan(Builder *b, Value x)
{
	x = times_i(b, x);
	x = complex_atanh(b, x);
	return over_i(b, x);
}

/* What both come to where their real parts are infinite and equal: y at -inf, log(exp(x) + exp(y)) at inf */
static Value logaddexp_of_infinite(Builder *b, Value x, Value y)
{
	Value below = is(b, DIRECTION_LT, hlo_real(b, x), 0);
	Value sum = hlo_add(b, hlo_exponential(b, x), hlo_exponential(b, y));
	return hlo_select(b, below, y, hlo_log(b, sum));
}

/* m + log(1 + exp(other - m)), m the one with the greater real part; NaN where any part is */
Value complex_logaddexp(Builder *b, Value x, Value y)
{
	Value re_x = hlo_real(b, x);
	Value re_y = hlo_real(b, y);
	Value nan = hlo_or(b, math_isnan(b, x), math_isnan(b, y));
	Value same = hlo_compare(b, DIRECTION_EQ, re_x, re_y);
	Value infinite = hlo_and(b, same, math_isinf(b, re_x));
	Value at_infinity = logaddexp_of_infinite(b, x, y);
	Value first = hlo_compare(b, DIRECTION_GE, re_x, re_y);
	Value m = hlo_select(b, first, x, y);
	Value other = hlo_select(b, first, y, x);
	other = hlo_subtract(b, other, m);
	other = hlo_exponential(b, other);
	other = hlo_log_plus_one(b, other);
	Value sum = hlo_select(b, infinite, at_infinity, hlo_add(b, m, other));
	Value none = full_like(b, re_x, NAN);
	return hlo_select(b, nan, hlo_complex(b, none, none), sum);
}
