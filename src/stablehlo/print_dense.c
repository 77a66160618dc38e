/* Constants as MLIR writes them (mlir/lib/IR/AsmPrinter.cpp, printDenseIntOrFPElementsAttr; llvm/lib/Support/
 * APFloat.cpp, toString). Floats are tried in turn:
 *   1. six digits, scientific:               1.000000e-01
 *   2. the type's natural digits, plain or scientific, if there is a point in it:   0.699999988
 *   3. the bits, for inf and NaN, too:       0x7F800000
 * The first that reads back as the same bits is taken. APFloat's digits are not the correctly rounded
 * ones: it first cuts the exact value down to about as many digits as wanted, so 0.7 (f32) is not
 * 7.000000e-01. So do we. */
#include "stablehlo/print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- decimal digits -------------------------------------------------------------------------------------- */

/* A natural number; 2^-1074 * 5^1074 is the longest, with 2547 bits. */
typedef struct Big { int n; uint32_t limb[84]; } Big;

static void big_mul(Big *x, uint32_t by)
{
	uint64_t carry = 0;
	for (int i = 0; i < x->n; i++) {
		carry += (uint64_t)x->limb[i] * by;
		x->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry) x->limb[x->n++] = (uint32_t)carry;
}

static void big_div(Big *x, uint32_t by)
{
	uint64_t rest = 0;
	for (int i = x->n; i-- > 0;) {
		rest = rest << 32 | x->limb[i];
		x->limb[i] = (uint32_t)(rest / by);
		rest %= by;
	}
	while (x->n && !x->limb[x->n - 1]) x->n--;
}

static void big_pow(Big *x, uint32_t base, uint32_t step, int nstep, int e, void (*op)(Big *, uint32_t))
{
	for (; e >= nstep; e -= nstep) op(x, step);
	for (; e > 0; e--) op(x, base);
}

static int bits_of(uint32_t v)
{
	int n = 0;
	for (; v; v >>= 1) n++;
	return n;
}

/* digit[0] is the most significant; the value is 0.digits... with the point after the last one, times
 * 10^exp. */
typedef struct Decimal { int n, exp; char digit[24]; } Decimal;

/* Half up, in decimal, to `digits`; zeros that come about at the end go. */
static void round_to(Decimal *d, int digits)
{
	if (d->n <= digits) return;
	bool up = d->digit[digits] >= '5';
	d->exp += d->n - digits;
	d->n = digits;
	char drop = up ? '9' : '0';
	while (d->n && d->digit[d->n - 1] == drop) {
		d->n--;
		d->exp++;
	}
	if (!up) return;
	if (d->n) d->digit[d->n - 1]++;
	else d->digit[d->n++] = '1';
}

static void digits_of(Decimal *d, uint64_t v, int exp)
{
	for (; v % 10 == 0; v /= 10) exp++;
	d->n = snprintf(d->digit, sizeof d->digit, "%llu", (unsigned long long)v);
	d->exp = exp;
}

/* The digits of v > 0 that APFloat gives for a precision. */
static Decimal decimal(double v, int digits)
{
	int e2;
	uint64_t man = (uint64_t)ldexp(frexp(v, &e2), 53);
	for (e2 -= 53; !(man & 1); man >>= 1) e2++;
	Big x = { 2, { (uint32_t)man, (uint32_t)(man >> 32) } };
	if (!x.limb[1]) x.n = 1;
	if (e2 > 0) big_pow(&x, 2, 1u << 31, 31, e2, big_mul);
	else big_pow(&x, 5, 1220703125, 13, -e2, big_mul);             /* m * 2^-e = m * 5^e * 10^-e */

	int exp = e2 > 0 ? 0 : e2;
	int nbits = 32 * (x.n - 1) + bits_of(x.limb[x.n - 1]);
	int wanted = (digits * 196 + 58) / 59;                         /* 196/59 is a little over log2(10) */
	int tens = nbits > wanted ? (nbits - wanted) * 59 / 196 : 0;
	big_pow(&x, 10, 1000000000, 9, tens, big_div);

	Decimal d;
	digits_of(&d, (x.n > 1 ? (uint64_t)x.limb[1] << 32 : 0) | x.limb[0], exp + tens);
	round_to(&d, digits);
	return d;
}

/* -- floats ---------------------------------------------------------------------------------------------- */

static int precision_of(DType t)
{
	switch (t) {
	case DTYPE_f64:  return 53;
	case DTYPE_f32:  return 24;
	case DTYPE_f16:
	case DTYPE_tf32: return 11;
	case DTYPE_bf16: return 8;
	case DTYPE_f8e3m4: return 5;
	case DTYPE_f6e2m3fn:
	case DTYPE_f8e4m3:
	case DTYPE_f8e4m3fn:
	case DTYPE_f8e4m3fnuz:
	case DTYPE_f8e4m3b11: return 4;
	case DTYPE_f6e3m2fn:
	case DTYPE_f8e5m2:
	case DTYPE_f8e5m2fnuz: return 3;
	case DTYPE_f4e2m1fn: return 2;
	default: return 1;
	}
}

/* Whether the digits, read as type t, give v > 0 again. Written without a point, whose character the
 * locale decides. */
static bool reads_back(const Decimal *d, DType t, double v)
{
	char s[48];
	snprintf(s, sizeof s, "%.*se%d", d->n, d->digit, d->exp);
	if (t == DTYPE_f64) return strtod(s, NULL) == v;
	if (t == DTYPE_f32) return (double)strtof(s, NULL) == v;
	double r = strtod(s, NULL);
	if (t == DTYPE_f8e8m0fnu) return r > v * 0.75 && r < v * 1.5;  /* powers of two only */
	uint8_t bytes[16] = { 0 };
	dtype_store(t, bytes, 0, r);
	return dtype_load(t, bytes, 0) == v;
}

/* d.dddddde+XX, filled up to six digits behind the point. */
static void put_six(Buf *b, const Decimal *d)
{
	char s[32];
	int e = d->exp + d->n - 1;
	int n = snprintf(s, sizeof s, "%c.%.*s%.*se%c%02d", d->digit[0], d->n - 1, d->digit + 1, 7 - d->n, "000000",
		e < 0 ? '-' : '+', abs(e));
	put(b, s, (size_t)n);
}

static void put_zeros(Buf *b, int n)
{
	while (n-- > 0) put_byte(b, '0');
}

/* APFloat's default form, at most three zeros of padding; false, and nothing written, if it would have no
 * point. */
static bool put_plain(Buf *b, const Decimal *d, int digits)
{
	int top = d->exp + d->n - 1;                                   /* power of the first digit */
	if (d->exp >= 0 && d->exp <= 3 && d->n + d->exp <= digits) return false;
	if (d->exp >= 0 || top < -3) {
		put(b, d->digit, 1);
		put_byte(b, '.');
		put(b, d->n > 1 ? d->digit + 1 : "0", d->n > 1 ? (size_t)d->n - 1 : 1);
		put_byte(b, 'E');
		if (top >= 0) put_byte(b, '+');
		put_int(b, top);
		return true;
	}
	int whole = top < 0 ? 0 : top + 1;
	if (!whole) put_byte(b, '0');
	put(b, d->digit, (size_t)whole);
	put_byte(b, '.');
	if (top < 0) put_zeros(b, -top - 1);
	put(b, d->digit + whole, (size_t)(d->n - whole));
	return true;
}

static uint64_t bits_at(const void *p, size_t nbytes)
{
	uint64_t v = 0;
	for (size_t i = 0; i < nbytes; i++) v |= (uint64_t)((const uint8_t *)p)[i] << (8 * i);
	return v;
}

static void put_bits(Buf *b, uint64_t v)
{
	static const char hex[] = "0123456789ABCDEF";
	char s[18];
	size_t at = sizeof s;
	do s[--at] = hex[v & 15];
	while (v >>= 4);
	s[--at] = 'x';
	s[--at] = '0';
	put(b, s + at, sizeof s - at);
}

bool put_float(Buf *b, DType t, const void *p)
{
	double v = dtype_load(t, p, 0);
	if (isfinite(v)) {
		size_t start = b->n;
		if (signbit(v)) put_byte(b, '-');
		v = fabs(v);
		if (v == 0) return PUT(b, "0.000000e+00"), false;
		Decimal d = decimal(v, 6);
		if (reads_back(&d, t, v)) return put_six(b, &d), false;
		int digits = 2 + precision_of(t) * 59 / 196;
		d = decimal(v, digits);
		if (put_plain(b, &d, digits)) return false;
		b->n = start;
	}
	put_bits(b, bits_at(p, dtype_nbytes(t)));
	return true;
}

bool put_double(Buf *b, double v)
{
	uint8_t bytes[8];
	dtype_store(DTYPE_f64, bytes, 0, v);
	return put_float(b, DTYPE_f64, bytes);
}

/* -- elements -------------------------------------------------------------------------------------------- */

static void put_element(Buf *b, DType t, const uint8_t *p)
{
	DType part = real_of(t);
	int unused = 8 - dtype_info(t)->nbits;
	switch (dtype_info(t)->kind) {
	case DKIND_BOOL: put_str(b, *p ? "true" : "false"); break;
	case DKIND_UINT: put_uint(b, unused > 0 ? (uint64_t)(*p & 0xff >> unused) : (uint64_t)dtype_load_int(t, p)); break;
	case DKIND_INT: {
		int64_t v = dtype_load_int(t, p);
		if (unused > 0) v = (int64_t)((uint64_t)v << (56 + unused)) >> (56 + unused);
		put_int(b, v);
		break;
	}
	case DKIND_FLOAT: put_float(b, t, p); break;
	case DKIND_COMPLEX:
		put_byte(b, '(');
		put_float(b, part, p);
		put_byte(b, ',');
		put_float(b, part, p + dtype_nbytes(part));
		put_byte(b, ')');
		break;
	case DKIND_none: break;
	}
}

/* [[1, 2], [3, 4]]: the elements from p on, under dimension `level`. Returns what follows them. */
static const uint8_t *put_nested(Buf *b, const Dense *d, int level, const uint8_t *p)
{
	if (level == d->type.rank) return put_element(b, d->type.elem, p), p + dtype_nbytes(d->type.elem);
	put_byte(b, '[');
	for (int64_t i = 0; i < d->type.dim[level]; i++) {
		if (i) PUT(b, ", ");
		p = put_nested(b, d, level + 1, p);
	}
	put_byte(b, ']');
	return p;
}

/* "0x0102...": the bytes in memory order; of sub-byte elements the bits that count. */
static void put_hex(Buf *b, const uint8_t *p, size_t n, uint8_t mask)
{
	static const char hex[] = "0123456789ABCDEF";
	char text[1024];
	PUT(b, "\"0x");
	for (size_t at = 0; at < n;) {
		size_t k = 0;
		for (; k < sizeof text && at < n; at++) {
			text[k++] = hex[(p[at] & mask) >> 4];
			text[k++] = hex[p[at] & mask & 15];
		}
		put(b, text, k);
	}
	put_byte(b, '"');
}

/* MLIR takes equal bytes for a splat, whoever made the constant. */
static bool is_splat(const Dense *d, size_t each)
{
	const uint8_t *p = d->data;
	return d->splat || d->nbytes == each || !memcmp(p, p + each, d->nbytes - each);
}

enum { LONGEST_LIST = 100 };   /* shouldPrintElementsAttrWithHex */

void put_dense_elements(Buf *b, const Dense *d)
{
	size_t each = dtype_nbytes(d->type.elem);
	int64_t n = type_numel(d->type);
	int nbits = dtype_info(d->type.elem)->nbits;
	if (n == 0 && !(d->splat && each && d->nbytes == each)) return;          /* MLIR keeps what none are equal to */
	if (!each || d->nbytes < each || (!d->splat && d->nbytes / each != (uint64_t)n)) { b->failed = true; return; }
	if (is_splat(d, each)) put_element(b, d->type.elem, d->data);
	else if (n > LONGEST_LIST)
		put_hex(b, d->data, d->nbytes, nbits < 8 ? (uint8_t)((1u << nbits) - 1) : 0xff);
	else put_nested(b, d, 0, d->data);
}

void put_dense_list(Buf *b, const Dense *d)
{
	size_t each = dtype_nbytes(d->type.elem);
	for (size_t at = 0; at < d->nbytes; at += each) {
		if (at) PUT(b, ", ");
		put_element(b, d->type.elem, (const uint8_t *)d->data + at);
	}
}

void put_dense(Buf *b, const Dense *d, bool index)
{
	PUT(b, "dense<");
	put_dense_elements(b, d);
	PUT(b, "> : ");
	if (!index) { put_type(b, d->type); return; }
	PUT(b, "tensor<");
	for (int i = 0; i < d->type.rank; i++) {
		put_int(b, d->type.dim[i]);
		put_byte(b, 'x');
	}
	PUT(b, "index>");
}
