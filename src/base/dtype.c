#include "base/dtype.h"

#include <math.h>
#include <string.h>

static const DTypeInfo table[NDTYPES] = {
	[DTYPE_none] = { "none", 0, DKIND_none, "", 0, 0, "" },
#define DTYPE(id, hlo, bits, kind, torch, serde, tf, npy) \
	[DTYPE_##id] = { hlo, bits, DKIND_##kind, torch, serde, tf, npy },
#include "base/dtype.def"
#undef DTYPE
};

const DTypeInfo *dtype_info(DType t) { return &table[t > 0 && t < NDTYPES ? t : 0]; }
size_t dtype_nbytes(DType t) { return ((size_t)dtype_info(t)->nbits + 7) / 8; }
bool is_float(DType t) { return dtype_info(t)->kind == DKIND_FLOAT; }
bool is_complex(DType t) { return dtype_info(t)->kind == DKIND_COMPLEX; }
bool is_int(DType t) { return dtype_info(t)->kind == DKIND_INT || dtype_info(t)->kind == DKIND_UINT; }
bool is_unsigned(DType t) { return dtype_info(t)->kind == DKIND_UINT || dtype_info(t)->kind == DKIND_BOOL; }

DType real_of(DType t)
{
	return t == DTYPE_c32 ? DTYPE_f16 : t == DTYPE_c64 ? DTYPE_f32 : t == DTYPE_c128 ? DTYPE_f64 : t;
}

DType complex_of(DType t)
{
	return t == DTYPE_f16 ? DTYPE_c32 : t == DTYPE_f64 || t == DTYPE_c128 ? DTYPE_c128 : DTYPE_c64;
}

DType dtype_from_serde(int scalar_type)
{
	for (int t = 1; t < NDTYPES; t++)
		if (scalar_type && table[t].serde == scalar_type) return (DType)t;
	return DTYPE_none;
}

static bool same(const char *s, const char *p, size_t n) { return n && strlen(s) == n && !memcmp(s, p, n); }

DType dtype_from_torch(const char *name, size_t n)
{
	if (n > 6 && !memcmp(name, "torch.", 6)) return dtype_from_torch(name + 6, n - 6);
	for (int t = 1; t < NDTYPES; t++)
		if (same(table[t].torch, name, n)) return (DType)t;
	return DTYPE_none;
}

DType dtype_from_npy(const char *descr, size_t n)
{
	DType found = DTYPE_none;
	for (int t = 1; t < NDTYPES; t++) {
		if (!same(table[t].npy, descr, n)) continue;
		if (found) return DTYPE_none;
		found = (DType)t;
	}
	return found;
}

/* A binary float narrower than f32: sign, nexp exponent bits, nman mantissa bits.
 *   inf_nan  IEEE: the top exponent holds inf and NaN
 *   fn       finite, NaN is all ones;   fnuz: NaN is the sign bit alone, no -0, bias one higher */
typedef struct Small { int nexp, nman, bias; enum { IEEE, FN, FNUZ, NO_NAN, E8M0 } special; } Small;

static Small small_of(DType t)
{
	switch (t) {
	case DTYPE_f16:        return (Small){ 5, 10, 15, IEEE };
	case DTYPE_bf16:       return (Small){ 8, 7, 127, IEEE };
	case DTYPE_f8e5m2:     return (Small){ 5, 2, 15, IEEE };
	case DTYPE_f8e4m3:     return (Small){ 4, 3, 7, IEEE };
	case DTYPE_f8e3m4:     return (Small){ 3, 4, 3, IEEE };
	case DTYPE_f8e4m3fn:   return (Small){ 4, 3, 7, FN };
	case DTYPE_f8e4m3fnuz: return (Small){ 4, 3, 8, FNUZ };
	case DTYPE_f8e4m3b11:  return (Small){ 4, 3, 11, FNUZ };
	case DTYPE_f8e5m2fnuz: return (Small){ 5, 2, 16, FNUZ };
	case DTYPE_f4e2m1fn:   return (Small){ 2, 1, 1, NO_NAN };
	case DTYPE_f6e2m3fn:   return (Small){ 2, 3, 1, NO_NAN };
	case DTYPE_f6e3m2fn:   return (Small){ 3, 2, 3, NO_NAN };
	default:               return (Small){ 8, 0, 127, E8M0 };
	}
}

static double small_value(Small s, uint32_t bits)
{
	if (s.special == E8M0) return bits == 0xff ? NAN : ldexp(1, (int)bits - 127);
	uint32_t sign = bits >> (s.nexp + s.nman) & 1;
	uint32_t exp = bits >> s.nman & ((1u << s.nexp) - 1), man = bits & ((1u << s.nman) - 1);
	uint32_t top = (1u << s.nexp) - 1;
	if (s.special == IEEE && exp == top) return man ? NAN : sign ? -INFINITY : INFINITY;
	if (s.special == FN && exp == top && man == (1u << s.nman) - 1) return NAN;
	if (s.special == FNUZ && sign && !exp && !man) return NAN;
	double m = exp ? ldexp(1 + ldexp(man, -s.nman), (int)exp - s.bias) : ldexp(man, 1 - s.bias - s.nman);
	return sign ? -m : m;
}

static uint32_t small_nan(Small s)
{
	if (s.special == FNUZ) return 1u << (s.nexp + s.nman);
	if (s.special == E8M0) return 0xff;
	uint32_t top = ((1u << s.nexp) - 1) << s.nman;
	return s.special == IEEE ? top | 1u << (s.nman - 1) : top | ((1u << s.nman) - 1);
}

/* The largest finite value's bits without the sign. */
static uint32_t small_top(Small s)
{
	uint32_t all = (1u << (s.nexp + s.nman)) - 1;
	return s.special == IEEE ? (((1u << s.nexp) - 2) << s.nman) | ((1u << s.nman) - 1) : s.special == FN ? all - 1 : all;
}

static uint32_t small_bits(Small s, double v)
{
	if (isnan(v)) return small_nan(s);
	if (s.special == E8M0) {
		double e = v > 0 ? floor(log2(v)) : -127;
		return e < -127 ? 0 : e > 127 ? 0xff : (uint32_t)(e + 127);
	}
	uint32_t sign = signbit(v) ? 1u << (s.nexp + s.nman) : 0;
	double a = fabs(v);
	int e;
	frexp(a, &e);
	e = a > 0 && !isinf(a) ? e - 1 : 0;
	int least = 1 - s.bias;
	double unit = ldexp(1, (e < least ? least : e) - s.nman);
	double q = isinf(a) ? INFINITY : nearbyint(a / unit);       /* round to nearest even */
	double r = q * unit, top = small_value(s, small_top(s));
	if (r > top) {
		if (s.special == IEEE) return sign | ((1u << s.nexp) - 1) << s.nman;
		return s.special == NO_NAN ? sign | small_top(s) : small_nan(s);
	}
	if (r == 0) return s.special == FNUZ ? 0 : sign;
	frexp(r, &e);
	e -= 1;
	if (e < least) return sign | (uint32_t)(r / ldexp(1, least - s.nman));
	uint32_t man = (uint32_t)(ldexp(r, s.nman - e)) - (1u << s.nman);
	return sign | (uint32_t)(e + s.bias) << s.nman | man;
}

static uint64_t load_le(const void *p, size_t nbytes)
{
	const uint8_t *c = p;
	uint64_t v = 0;
	for (size_t i = 0; i < nbytes; i++) v |= (uint64_t)c[i] << (8 * i);
	return v;
}

static void store_le(void *p, uint64_t v, size_t nbytes)
{
	uint8_t *c = p;
	for (size_t i = 0; i < nbytes; i++) c[i] = (uint8_t)(v >> (8 * i));
}

static double as_double(DType t, uint64_t bits)
{
	if (t == DTYPE_f64) { double d; memcpy(&d, &bits, 8); return d; }
	if (t == DTYPE_f32 || t == DTYPE_tf32) { uint32_t w = (uint32_t)bits; float f; memcpy(&f, &w, 4); return (double)f; }
	return small_value(small_of(t), (uint32_t)bits);
}

static uint64_t from_double(DType t, double v)
{
	if (t == DTYPE_f64) { uint64_t w; memcpy(&w, &v, 8); return w; }
	if (t == DTYPE_f32 || t == DTYPE_tf32) { float f = (float)v; uint32_t w; memcpy(&w, &f, 4); return w; }
	return small_bits(small_of(t), v);
}

double dtype_load(DType t, const void *p, int part)
{
	DType r = real_of(t);
	size_t n = dtype_nbytes(r);
	const uint8_t *at = (const uint8_t *)p + (size_t)part * n;
	if (is_float(r)) return as_double(r, load_le(at, n));
	if (part) return 0;
	int64_t i = dtype_load_int(t, p);
	return t == DTYPE_u64 ? (double)(uint64_t)i : (double)i;
}

void dtype_store(DType t, void *p, int part, double v)
{
	DType r = real_of(t);
	size_t n = dtype_nbytes(r);
	if (is_float(r)) { store_le((uint8_t *)p + (size_t)part * n, from_double(r, v), n); return; }
	if (part) return;
	if (t == DTYPE_bool) { dtype_store_int(t, p, v != 0); return; }
	/* C leaves the conversion of an out-of-range double open; saturate instead. */
	if (isnan(v)) v = 0;
	if (t == DTYPE_u64 && v >= 9223372036854775808.0)
		dtype_store_int(t, p, (int64_t)(v >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)v));
	else
		dtype_store_int(t, p, v >= 9223372036854775808.0 ? INT64_MAX : v < -9223372036854775808.0 ? INT64_MIN : (int64_t)v);
}

int64_t dtype_load_int(DType t, const void *p)
{
	size_t n = dtype_nbytes(t);
	uint64_t v = load_le(p, n > 8 ? 8 : n);
	if (dtype_info(t)->kind == DKIND_INT && n < 8) {
		uint64_t sign = 1ull << (8 * n - 1);
		v = (v ^ sign) - sign;
	}
	return (int64_t)v;
}

void dtype_store_int(DType t, void *p, int64_t v)
{
	size_t n = dtype_nbytes(t);
	store_le(p, t == DTYPE_bool ? v != 0 : (uint64_t)v, n > 8 ? 8 : n);
}
