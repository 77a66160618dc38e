/* Elementary functions of floats; complex numbers where the formula holds for them. */
#include "aten/formulas.h"
#include "aten/node.h"

#include <math.h>

static const double ln2 = 0.69314718055994530942, ln10 = 2.30258509299404568402, pi = 3.14159265358979323846;

static bool complex_value(Builder *b, Value x) { return is_complex(known_type(b, x).elem); }

/* -- exponentials and logarithms ------------------------------------------------------------------------- */

Value math_reciprocal(Builder *b, Value x) { return over(b, 1, x); }

Value math_exp2(Builder *b, Value x)
{
	Value two = full_like(b, x, 2);
	return hlo_power(b, two, x);
}

Value math_log2(Builder *b, Value x)
{
	x = hlo_log(b, x);
	return divided_by(b, x, ln2);
}

Value math_log10(Builder *b, Value x)
{
	x = hlo_log(b, x);
	return divided_by(b, x, ln10);
}

Value math_sigmoid(Builder *b, Value x) { return hlo_logistic(b, x); }

/* log(1 + exp(-|x|)) */
static Value log1p_exp_minus_abs(Builder *b, Value x)
{
	Value size = hlo_abs(b, x);
	Value e = hlo_negate(b, size);
	e = hlo_exponential(b, e);
	return hlo_log_plus_one(b, e);
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) */
Value math_softplus(Builder *b, Value x)
{
	Value tail = log1p_exp_minus_abs(b, x);
	Value line = at_least(b, x, 0);
	return hlo_add(b, line, tail);
}

/* log(1 / (1 + exp(-x))) = min(x, 0) - log(1 + exp(-|x|)) */
Value math_log_sigmoid(Builder *b, Value x)
{
	Value tail = log1p_exp_minus_abs(b, x);
	Value line = at_most(b, x, 0);
	return hlo_subtract(b, line, tail);
}

/* log(exp(x) + exp(y)) = max + log(1 + exp(-|x - y|)); equal infinities have no difference. */
Value math_logaddexp(Builder *b, Value x, Value y)
{
	if (complex_value(b, x)) return complex_logaddexp(b, x, y);
	Value top = hlo_maximum(b, x, y);
	Value equal = hlo_compare(b, DIRECTION_EQ, x, y);
	Value apart = hlo_subtract(b, x, y);
	apart = if_num(b, equal, 0, apart);
	Value tail = log1p_exp_minus_abs(b, apart);
	Value sum = hlo_add(b, top, tail);
	Value infinite = math_isinf(b, top);
	return hlo_select(b, infinite, top, sum);
}

/* The same to base 2. */
Value math_logaddexp2(Builder *b, Value x, Value y)
{
	x = scaled(b, x, ln2);
	y = scaled(b, y, ln2);
	x = math_logaddexp(b, x, y);
	return divided_by(b, x, ln2);
}

/* x * log, 0 where x = 0 unless y is NaN. */
static Value x_times_log(Builder *b, Value x, Value y, Value log_y)
{
	Value zero = is(b, DIRECTION_EQ, x, 0);
	Value nan = math_isnan(b, y);
	Value z = hlo_multiply(b, x, log_y);
	z = if_num(b, zero, 0, z);
	return hlo_select(b, nan, y, z);
}

Value math_xlogy(Builder *b, Value x, Value y) { return x_times_log(b, x, y, hlo_log(b, y)); }
Value math_xlog1py(Builder *b, Value x, Value y) { return x_times_log(b, x, y, hlo_log_plus_one(b, y)); }

/* x * 2^y */
Value math_ldexp(Builder *b, Value x, Value y)
{
	y = math_exp2(b, y);
	return hlo_multiply(b, x, y);
}

/* -- circle ---------------------------------------------------------------------------------------------- */

/* sqrt((1 - x) (1 + x)), without the cancellation of 1 - x^2 */
static Value cosine_of_sine(Builder *b, Value x)
{
	Value low = minus_from(b, 1, x);
	Value high = plus(b, x, 1);
	Value y = hlo_multiply(b, low, high);
	return hlo_sqrt(b, y);
}

/* 2 atan2(x, 1 + sqrt(1 - x^2)): half the angle, whose tangent is sin / (1 + cos) */
Value math_asin(Builder *b, Value x)
{
	if (complex_value(b, x)) return complex_asin(b, x);
	Value c = cosine_of_sine(b, x);
	c = plus(b, c, 1);
	x = hlo_atan2(b, x, c);
	return scaled(b, x, 2);
}

/* 2 atan2(sqrt(1 - x^2), 1 + x), pi at -1 */
Value math_acos(Builder *b, Value x)
{
	if (complex_value(b, x)) return complex_acos(b, x);
	Value s = cosine_of_sine(b, x);
	Value c = plus(b, x, 1);
	Value y = hlo_atan2(b, s, c);
	y = scaled(b, y, 2);
	Value back = is(b, DIRECTION_EQ, x, -1);
	return if_num(b, back, pi, y);
}

Value math_atan(Builder *b, Value x)
{
	if (complex_value(b, x)) return complex_atan(b, x);
	Value one = full_like(b, x, 1);
	return hlo_atan2(b, x, one);
}

/* sin(pi x) / (pi x), 1 at 0 */
Value math_sinc(Builder *b, Value x)
{
	Value angle = scaled(b, x, pi);
	Value zero = is(b, DIRECTION_EQ, x, 0);
	Value y = hlo_sine(b, angle);
	y = hlo_divide(b, y, angle);
	return if_num(b, zero, 1, y);
}

Value math_deg2rad(Builder *b, Value x) { return scaled(b, x, pi / 180); }
Value math_rad2deg(Builder *b, Value x) { return scaled(b, x, 180 / pi); }

/* sqrt(x^2 + y^2) = |x + i y|, which XLA computes without overflow; infinite when either is, NaN or not */
Value math_hypot(Builder *b, Value x, Value y)
{
	Value z = hlo_complex(b, x, y);
	Value size = hlo_abs(b, z);
	Value infinite = math_isinf(b, z);
	return if_num(b, infinite, INFINITY, size);
}

/* -- hyperbola ------------------------------------------------------------------------------------------- */

/* exp(x) / 2 and exp(-x) / 2 from h = exp(x / 2), which does not overflow before the halves do. */
static void half_exponentials(Builder *b, Value x, Value *up, Value *down)
{
	Value h = scaled(b, x, 0.5);
	h = hlo_exponential(b, h);
	*up = scaled(b, h, 0.5);
	*up = hlo_multiply(b, *up, h);
	*down = over(b, 0.5, h);
	*down = hlo_divide(b, *down, h);
}

Value math_cosh(Builder *b, Value x)
{
	if (complex_value(b, x)) return complex_cosh(b, x);
	Value up, down;
	half_exponentials(b, x, &up, &down);
	return hlo_add(b, up, down);
}

/* Below 1: (e + e / (e + 1)) / 2 with e = exp(x) - 1, where the difference of exponentials would cancel. */
Value math_sinh(Builder *b, Value x)
{
	if (complex_value(b, x)) return complex_sinh(b, x);
	Value up, down;
	half_exponentials(b, x, &up, &down);
	Value large = hlo_subtract(b, up, down);
	Value e = hlo_exponential_minus_one(b, x);
	Value e1 = plus(b, e, 1);
	e1 = hlo_divide(b, e, e1);
	Value small = hlo_add(b, e, e1);
	small = scaled(b, small, 0.5);
	Value size = hlo_abs(b, x);
	Value near = is(b, DIRECTION_LT, size, 1);
	return hlo_select(b, near, small, large);
}

/* Where x^2 would lose everything else: log(2 x). */
static Value beyond(Builder *b, Value x)
{
	return is(b, DIRECTION_GT, x, known_type(b, x).elem == DTYPE_f64 ? 1e150 : 1e18);
}

static Value log_of_twice(Builder *b, Value x)
{
	x = hlo_log(b, x);
	return plus(b, x, ln2);
}

/* sign(x) log(|x| + sqrt(x^2 + 1)), as log1p(|x| + x^2 / (1 + sqrt(x^2 + 1))) */
Value math_asinh(Builder *b, Value x)
{
	if (complex_value(b, x)) return complex_asinh(b, x);
	Value size = hlo_abs(b, x);
	Value far = beyond(b, size);
	Value sq = hlo_multiply(b, x, x);
	Value root = plus(b, sq, 1);
	root = hlo_sqrt(b, root);
	root = plus(b, root, 1);
	Value y = hlo_divide(b, sq, root);
	y = hlo_add(b, size, y);
	y = hlo_log_plus_one(b, y);
	Value line = log_of_twice(b, size);
	y = hlo_select(b, far, line, y);
	return math_copysign(b, y, x);
}

/* log(x + sqrt(x^2 - 1)), as log1p(t + sqrt(t (t + 2))) with t = x - 1 */
Value math_acosh(Builder *b, Value x)
{
	if (complex_value(b, x)) return complex_acosh(b, x);
	Value far = beyond(b, x);
	Value t = plus(b, x, -1);
	Value t2 = plus(b, t, 2);
	t2 = hlo_multiply(b, t, t2);
	t2 = hlo_sqrt(b, t2);
	t = hlo_add(b, t, t2);
	t = hlo_log_plus_one(b, t);
	Value line = log_of_twice(b, x);
	return hlo_select(b, far, line, t);
}

/* (log(1 + x) - log(1 - x)) / 2 */
Value math_atanh(Builder *b, Value x)
{
	if (complex_value(b, x)) return complex_atanh(b, x);
	Value up = hlo_log_plus_one(b, x);
	Value down = hlo_negate(b, x);
	down = hlo_log_plus_one(b, down);
	x = hlo_subtract(b, up, down);
	return scaled(b, x, 0.5);
}
