/* Binary ops, a loop for each type. Integers wrap around; what the spec leaves open (division by zero, shifts by more than there are
 * bits) is as XLA has it. */
#include "reference/internal.h"

#include <complex.h>
#include <math.h>

#define LOOP(name, T, result) \
	static void name##_##T(const void *x, const void *y, void *out, size_t n, int bits) \
	{ \
		const T *a = x, *b = y; \
		T *o = out; \
		(void)bits; \
		for (size_t i = 0; i < n; i++) { \
			T p = a[i], q = b[i]; \
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

static int64_t divide(int64_t p, int64_t q) { return !q ? -1 : q == -1 ? (int64_t)(0 - (uint64_t)p) : p / q; }
static int64_t remain(int64_t p, int64_t q) { return !q ? p : q == -1 ? 0 : p % q; }

static uint64_t power_of(uint64_t p, uint64_t q)
{
	uint64_t r = 1;
	for (; q; q >>= 1, p *= p)
		if (q & 1) r *= p;
	return r;
}

/* To the power of less than 0: of 1 and -1 alone it is not 0. */
static int64_t signed_power(int64_t p, int64_t q)
{
	if (q >= 0) return (int64_t)power_of((uint64_t)p, (uint64_t)q);
	return p == 1 ? 1 : p == -1 ? (q & 1 ? -1 : 1) : 0;
}

static uint64_t low_bits(uint64_t x, int bits) { return bits < 64 ? x & ((1ull << bits) - 1) : x; }
static uint64_t left(uint64_t p, uint64_t q, int bits) { return q < (uint64_t)bits ? p << q : 0; }
static uint64_t right(uint64_t p, uint64_t q, int bits) { return q < (uint64_t)bits ? low_bits(p, bits) >> q : 0; }

/* Of an unsigned element, too, whose highest bit is then a sign. */
static uint64_t right_signed(uint64_t p, uint64_t q, int bits)
{
	uint64_t sign = 1ull << (bits - 1);
	int64_t x = (int64_t)((low_bits(p, bits) ^ sign) - sign);
	return (uint64_t)(x >> (q < (uint64_t)bits ? q : 63));
}

INTEGER(add, (uint64_t)p + (uint64_t)q)
INTEGER(subtract, (uint64_t)p - (uint64_t)q)
INTEGER(multiply, (uint64_t)p * (uint64_t)q)
SIGNED(divide, divide(p, q))
UNSIGNED(divide, q ? (uint64_t)p / q : UINT64_MAX)
SIGNED(remainder, remain(p, q))
UNSIGNED(remainder, q ? (uint64_t)p % q : p)
SIGNED(power, signed_power(p, q))
UNSIGNED(power, power_of(p, q))
INTEGER(maximum, p > q ? p : q)
INTEGER(minimum, p < q ? p : q)
INTEGER(and, p & q)
INTEGER(or, p | q)
INTEGER(xor, p ^ q)
INTEGER(shift_left, left((uint64_t)p, (uint64_t)q, bits))
INTEGER(shift_right_logical, right((uint64_t)p, (uint64_t)q, bits))
INTEGER(shift_right_arithmetic, right_signed((uint64_t)p, (uint64_t)q, bits))

/* -- floats ---------------------------------------------------------------------------------------------- */

/* IEEE 754's maximum and minimum: NaN if there is one, and -0 is less than 0. */
#define MOST(p, q)  (isnan(p) || isnan(q) ? (p) + (q) : (p) == (q) ? (signbit(p) ? (q) : (p)) : (p) > (q) ? (p) : (q))
#define LEAST(p, q) (isnan(p) || isnan(q) ? (p) + (q) : (p) == (q) ? (signbit(p) ? (p) : (q)) : (p) < (q) ? (p) : (q))

FLOAT(add, p + q)
FLOAT(subtract, p - q)
FLOAT(multiply, p * q)
FLOAT(divide, p / q)
FLOAT(remainder, fmod((double)p, (double)q))
FLOAT(power, pow((double)p, (double)q))
FLOAT(atan2, atan2((double)p, (double)q))
FLOAT(maximum, MOST(p, q))
FLOAT(minimum, LEAST(p, q))

/* -- complex numbers ------------------------------------------------------------------------------------- */

static double complex complex_power(double complex p, double complex q)
{
	if (p == 0) return q == 0 ? 1 : 0;
	return cpow(p, q);
}

/* atan2(y, x) = -i log((x + iy) / sqrt(x^2 + y^2)) */
static double complex complex_atan2(double complex y, double complex x)
{
	return -I * clog((x + I * y) / csqrt(x * x + y * y));
}

/* In the order of the real parts, then the imaginary ones. */
static bool before(double complex p, double complex q)
{
	return creal(p) < creal(q) || (creal(p) == creal(q) && cimag(p) < cimag(q));
}

COMPLEX(add, p + q)
COMPLEX(subtract, p - q)
COMPLEX(multiply, p * q)
COMPLEX(divide, (double complex)p / (double complex)q)
COMPLEX(power, complex_power(p, q))
COMPLEX(atan2, complex_atan2(p, q))
COMPLEX(maximum, before(p, q) ? q : p)
COMPLEX(minimum, before(p, q) ? p : q)

/* -- which ----------------------------------------------------------------------------------------------- */

#define INTS(name)   [DTYPE_i8] = name##_i8, [DTYPE_i16] = name##_i16, [DTYPE_i32] = name##_i32, [DTYPE_i64] = name##_i64, \
	[DTYPE_u8] = name##_u8, [DTYPE_u16] = name##_u16, [DTYPE_u32] = name##_u32, [DTYPE_u64] = name##_u64,
#define FLOATS(name) [DTYPE_f32] = name##_f32, [DTYPE_f64] = name##_f64,
#define COMPLEXES(name) [DTYPE_c64] = name##_c64, [DTYPE_c128] = name##_c128,

static Binary *const table[NOPS][NDTYPES] = {
	[OP_add] = { INTS(add) FLOATS(add) COMPLEXES(add) },
	[OP_subtract] = { INTS(subtract) FLOATS(subtract) COMPLEXES(subtract) },
	[OP_multiply] = { INTS(multiply) FLOATS(multiply) COMPLEXES(multiply) },
	[OP_divide] = { INTS(divide) FLOATS(divide) COMPLEXES(divide) },
	[OP_remainder] = { INTS(remainder) FLOATS(remainder) },
	[OP_power] = { INTS(power) FLOATS(power) COMPLEXES(power) },
	[OP_atan2] = { FLOATS(atan2) COMPLEXES(atan2) },
	[OP_maximum] = { INTS(maximum) FLOATS(maximum) COMPLEXES(maximum) },
	[OP_minimum] = { INTS(minimum) FLOATS(minimum) COMPLEXES(minimum) },
	[OP_and] = { INTS(and) },
	[OP_or] = { INTS(or) },
	[OP_xor] = { INTS(xor) },
	[OP_shift_left] = { INTS(shift_left) },
	[OP_shift_right_logical] = { INTS(shift_right_logical) },
	[OP_shift_right_arithmetic] = { INTS(shift_right_arithmetic) },
};

Binary *find_binary(OpCode code, DType work) { return table[code][work]; }
