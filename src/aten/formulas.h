/* Functions that StableHLO has no op for, as formulas of those it has.
 *
 *	Value y = math_erf(b, x);
 *	y = plus(b, y, 1);                      // y + 1
 *
 * x is f32, f64 or, where a formula holds for it, complex; the callers widen narrower floats (acc_type)
 * and round once afterwards. Value 0 in, 0 out. math_ functions of two values want equal types. */
#ifndef ATEN_FORMULAS_H
#define ATEN_FORMULAS_H

#include "stablehlo/stablehlo.h"

typedef Value Math1(Builder *b, Value x);
typedef Value Math2(Builder *b, Value x, Value y);

/* -- with a number --------------------------------------------------------------------------------------- */

Value plus(Builder *b, Value x, double c);                        /* x + c */
Value minus_from(Builder *b, double c, Value x);                  /* c - x */
Value scaled(Builder *b, Value x, double c);                       /* x * c */
Value divided_by_size(Builder *b, Value x, int64_t size);          /* size may be a handle, here and in the next three */
Value times_size(Builder *b, Value x, int64_t size);
Value within_size(Builder *b, Value x, int64_t size);              /* min(max(x, 0), size - 1); NaN stays NaN */
Value share_of(Builder *b, Value x, double c, int64_t size);       /* x * (c / size) */
Value divided_by(Builder *b, Value x, double c);                  /* x / c */
Value over(Builder *b, double c, Value x);                        /* c / x */
Value at_least(Builder *b, Value x, double c);                    /* max(x, c); NaN stays NaN */
Value at_most(Builder *b, Value x, double c);
Value bounded(Builder *b, Value x, double low, double high);      /* min(max(x, low), high); NaN stays NaN */
Value is(Builder *b, Direction d, Value x, double c);             /* x d c */
Value if_num(Builder *b, Value pred, double c, Value otherwise);  /* pred ? c : otherwise */
/* c[0] x^(n-1) + ... + c[n-1], by Horner's rule. */
Value polynomial(Builder *b, Value x, int n, const double *c);
#define POLYNOMIAL(b, x, c) polynomial(b, x, (int)(sizeof(c) / sizeof *(c)), c)

/* The bits of a float as a signed integer. */
Value float_bits(Builder *b, Value x);

/* -- tests, any type ------------------------------------------------------------------------------------- */

Math1 math_isnan, math_isinf, math_isfinite, math_isposinf, math_isneginf, math_isreal, math_signbit,
	math_logical_not;
Math2 math_logical_and, math_logical_or, math_logical_xor;

/* -- integers and floats --------------------------------------------------------------------------------- */

Math1 math_abs, math_sign, math_sgn, math_square, math_bitwise_not;
Math1 math_ceil, math_floor, math_trunc, math_round, math_frac;
Math2 math_add, math_subtract, math_floor_divide, math_trunc_divide, math_remainder, math_fmod;
Math2 math_power;
Math2 math_fmax, math_fmin, math_copysign, math_heaviside, math_gcd, math_lcm, math_shift_left,
	math_shift_right;

/* -- floats (and complex where the formula holds) -------------------------------------------------------- */

Math1 math_reciprocal, math_exp2, math_log2, math_log10, math_sigmoid, math_softplus, math_log_sigmoid;
Math1 math_asin, math_acos, math_atan, math_sinh, math_cosh, math_asinh, math_acosh, math_atanh, math_sinc;
Math1 math_deg2rad, math_rad2deg;
Math2 math_hypot, math_logaddexp, math_logaddexp2, math_xlogy, math_xlog1py, math_ldexp, math_nextafter;

/* What the ones above come to for complex numbers (formulas_complex.c). */
Math1 complex_asin, complex_acos, complex_atan, complex_asinh, complex_acosh, complex_atanh;
Math1 complex_cosh, complex_sinh;
Math2 complex_logaddexp;

/* -- special functions, f32 and f64 (formulas_special.c) ------------------------------------------------- */

Math1 math_erf, math_erfc, math_erfinv, math_erfcx, math_ndtr, math_log_ndtr, math_ndtri, math_entr, math_lgamma,
	math_digamma;

/* -- Bessel functions, f32 and f64 (bessel.c) ------------------------------------------------------------- */

Math1 math_i0, math_i0e, math_i1, math_i1e, math_k0, math_k1, math_scaled_k0, math_scaled_k1;
Math1 math_bessel_j0, math_bessel_j1, math_bessel_y0, math_bessel_y1, math_spherical_bessel_j0,
	math_airy_ai;

/* -- incomplete gamma, zeta and their kin, f32 and f64 (gamma.c) ------------------------------------------ */

Math1 math_trigamma;
Math2 math_zeta, math_igamma, math_igammac;

/* -- iteration (iterate.c) ------------------------------------------------------------------------------- */

/* v[0]: which elements still move, v[1..]: their state. The step gives the next state of each and whether
 * it moves on; iterate() keeps those that have stopped as they are, and ends when all have. */
enum { MAX_STATE = 8 };
typedef void Step(Builder *b, const void *env, const Value *v, Value *next);
bool iterate(Builder *b, int n, const Value *init, Step *step, const void *env, Value *out);

#endif
