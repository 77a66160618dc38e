/* Unary ops whose result has the operand's type, a loop for each type. Functions of f32 are computed in double and rounded once. */
#include "reference/internal.h"

#include <complex.h>
#include <math.h>

#define LOOP(name, T, result) \
	static void name##_##T(const void *x, void *out, size_t n, int bits) \
	{ \
		const T *a = x; \
		T *o = out; \
		(void)bits; \
		for (size_t i = 0; i < n; i++) { \
			T p = a[i]; \
			o[i] = (T)(result); \
		} \
	}

typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;
typedef int8_t i8; typedef int16_t i16; typedef int32_t i32; typedef int64_t i64;
typedef float f32; typedef double f64;
typedef float complex c64; typedef double complex c128;

#define SIGNED(name, result)   LOOP(name, i8, result) LOOP(name, i16, result) LOOP(name, i32, result) LOOP(name, i64, result)
#define UNSIGNED(name, result) LOOP(name, u8, result) LOOP(name, u16, result) LOOP(name, u32, result) LOOP(name, u64, result)
#define INTEGER(name, result)  SIGNED(name, result) UNSIGNED(name, result)
#define FLOAT(name, result)    LOOP(name, f32, result) LOOP(name, f64, result)
#define COMPLEX(name, result)  LOOP(name, c64, result) LOOP(name, c128, result)

/* -- integers -------------------------------------------------------------------------------------------- */

static uint64_t low_bits(uint64_t x, int bits) { return bits < 64 ? x & ((1ull << bits) - 1) : x; }

static int leading_zeros(uint64_t x, int bits)
{
	x = low_bits(x, bits);
	return x ? __builtin_clzll(x) - (64 - bits) : bits;
}

SIGNED(abs, p < 0 ? 0 - (uint64_t)p : (uint64_t)p)
UNSIGNED(abs, p)
INTEGER(negate, 0 - (uint64_t)p)
INTEGER(not, ~(uint64_t)p)
SIGNED(sign, (p > 0) - (p < 0))
UNSIGNED(sign, p > 0)
INTEGER(popcnt, __builtin_popcountll(low_bits((uint64_t)p, bits)))
INTEGER(count_leading_zeros, leading_zeros((uint64_t)p, bits))

/* -- floats ---------------------------------------------------------------------------------------------- */

FLOAT(abs, fabs((double)p))
FLOAT(negate, -p)
FLOAT(sign, isnan(p) || p == 0 ? p : p > 0 ? 1 : -1)
FLOAT(ceil, ceil((double)p))
FLOAT(floor, floor((double)p))
FLOAT(round_nearest_afz, round((double)p))
FLOAT(round_nearest_even, nearbyint((double)p))
FLOAT(sqrt, sqrt((double)p))
FLOAT(rsqrt, 1 / sqrt((double)p))
FLOAT(cbrt, cbrt((double)p))
FLOAT(exponential, exp((double)p))
FLOAT(exponential_minus_one, expm1((double)p))
FLOAT(log, log((double)p))
FLOAT(log_plus_one, log1p((double)p))
FLOAT(logistic, 1 / (1 + exp(-(double)p)))
FLOAT(sine, sin((double)p))
FLOAT(cosine, cos((double)p))
FLOAT(tan, tan((double)p))
FLOAT(tanh, tanh((double)p))

/* -- complex numbers ------------------------------------------------------------------------------------- */

static double complex make(double re, double im)
{
	double complex z;
	double part[2] = { re, im };
	memcpy(&z, part, sizeof z);
	return z;
}

static double complex direction(double complex z)
{
	if (isnan(creal(z)) || isnan(cimag(z))) return make(NAN, NAN);
	return z == 0 ? 0 : z / cabs(z);
}

/* exp(x + iy) - 1 = expm1(x) cos(y) - 2 sin(y/2)^2 + i exp(x) sin(y) */
static double complex minus_one(double complex z)
{
	double x = creal(z), y = cimag(z), half = sin(y / 2);
	return make(expm1(x) * cos(y) - 2 * half * half, exp(x) * sin(y));
}

/* log|1 + z| = log1p(x (2 + x) + y^2) / 2, where that does not overflow; else of halves */
static double complex plus_one(double complex z)
{
	double x = creal(z), y = cimag(z), r = hypot(1 + x, y);
	double re = fabs(x) < 1e8 && fabs(y) < 1e8 && r > 0.5 && r < 2 ? log1p(x * (2 + x) + y * y) / 2 : isinf(r) ? log(hypot(x / 2, y / 2)) + log(2) : log(r);
	return make(re, atan2(y, 1 + x));
}

static double complex cube_root(double complex z) { return z == 0 ? 0 : cpow(z, 1.0 / 3); }

COMPLEX(negate, -p)
COMPLEX(sign, direction(p))
COMPLEX(sqrt, csqrt(p))
COMPLEX(rsqrt, 1 / csqrt(p))
COMPLEX(cbrt, cube_root(p))
COMPLEX(exponential, cexp(p))
COMPLEX(exponential_minus_one, minus_one(p))
COMPLEX(log, clog(p))
COMPLEX(log_plus_one, plus_one(p))
COMPLEX(logistic, 1 / (1 + cexp(-p)))
COMPLEX(sine, csin(p))
COMPLEX(cosine, ccos(p))
COMPLEX(tan, ctan(p))
COMPLEX(tanh, ctanh(p))

/* -- which ----------------------------------------------------------------------------------------------- */

#define INTS(name)   [DTYPE_i8] = name##_i8, [DTYPE_i16] = name##_i16, [DTYPE_i32] = name##_i32, [DTYPE_i64] = name##_i64, \
	[DTYPE_u8] = name##_u8, [DTYPE_u16] = name##_u16, [DTYPE_u32] = name##_u32, [DTYPE_u64] = name##_u64,
#define FLOATS(name) [DTYPE_f32] = name##_f32, [DTYPE_f64] = name##_f64,
#define BOTH(name)   FLOATS(name) [DTYPE_c64] = name##_c64, [DTYPE_c128] = name##_c128,

static Unary *const table[NOPS][NDTYPES] = {
	[OP_abs] = { INTS(abs) FLOATS(abs) },
	[OP_negate] = { INTS(negate) BOTH(negate) },
	[OP_not] = { INTS(not) },
	[OP_sign] = { INTS(sign) BOTH(sign) },
	[OP_popcnt] = { INTS(popcnt) },
	[OP_count_leading_zeros] = { INTS(count_leading_zeros) },
	[OP_ceil] = { FLOATS(ceil) },
	[OP_floor] = { FLOATS(floor) },
	[OP_round_nearest_afz] = { FLOATS(round_nearest_afz) },
	[OP_round_nearest_even] = { FLOATS(round_nearest_even) },
	[OP_sqrt] = { BOTH(sqrt) },
	[OP_rsqrt] = { BOTH(rsqrt) },
	[OP_cbrt] = { BOTH(cbrt) },
	[OP_exponential] = { BOTH(exponential) },
	[OP_exponential_minus_one] = { BOTH(exponential_minus_one) },
	[OP_log] = { BOTH(log) },
	[OP_log_plus_one] = { BOTH(log_plus_one) },
	[OP_logistic] = { BOTH(logistic) },
	[OP_sine] = { BOTH(sine) },
	[OP_cosine] = { BOTH(cosine) },
	[OP_tan] = { BOTH(tan) },
	[OP_tanh] = { BOTH(tanh) },
};

Unary *find_unary(OpCode code, DType work) { return table[code][work]; }
