/* Elements of one type to another: convert, bitcast_convert, reduce_precision, real, imag, complex, is_finite, compare. */
#include "reference/internal.h"

#include <math.h>

/* -- convert --------------------------------------------------------------------------------------------- */

/* Of floats to integers XLA's: rounded to zero, NaN is 0, and what is too large is the nearest there is. */
static int64_t to_int(DType t, double x)
{
	int bits = dtype_info(t)->nbits;
	bool sign = dtype_info(t)->kind == DKIND_INT;
	if (isnan(x)) return 0;
	x = trunc(x);
	double most = ldexp(1, bits - sign);
	if (x >= most) return sign ? (int64_t)((1ull << (bits - 1)) - 1) : bits == 64 ? -1 : (int64_t)((1ull << bits) - 1);
	if (!sign) return x <= 0 ? 0 : (int64_t)(uint64_t)x;
	return x <= -most ? (int64_t)(0 - (uint64_t)most) : (int64_t)x;
}

/* Rounded once: a double has not all digits of a 64-bit integer, nor room for f32 to be rounded from it twice. */
static double from_int(DType from, DType to, int64_t x)
{
	if (real_of(to) == DTYPE_f64) return from == DTYPE_u64 ? (double)(uint64_t)x : (double)x;
	float f = from == DTYPE_u64 ? (float)(uint64_t)x : (float)x;
	if (to == DTYPE_f32 || to == DTYPE_c64) return (double)f;
	/* To odd, so that what is rounded next is as if from all digits. */
	double d = from == DTYPE_u64 ? (double)(uint64_t)x : (double)x;
	return d;
}

static bool whole(DType t) { return is_int(t) || t == DTYPE_bool; }

static void convert_one(DType from, const uint8_t *x, DType to, uint8_t *out)
{
	if (whole(from) && whole(to)) {
		int64_t i = dtype_load_int(from, x);
		dtype_store_int(to, out, i);
		wrap(to, out, 1);
		if (to == DTYPE_bool) *out = i != 0;
		return;
	}
	if (whole(from)) {
		dtype_store(to, out, 0, from_int(from, to, dtype_load_int(from, x)));
		if (is_complex(to)) dtype_store(to, out, 1, 0);
		return;
	}
	double re = dtype_load(from, x, 0);
	if (to == DTYPE_bool) *out = re != 0;      /* of a complex number the real part */
	else if (whole(to)) dtype_store_int(to, out, to_int(to, re));
	else {
		dtype_store(to, out, 0, re);
		if (is_complex(to)) dtype_store(to, out, 1, is_complex(from) ? dtype_load(from, x, 1) : 0);
	}
}

void convert_elements(DType from, const uint8_t *x, DType to, uint8_t *out, size_t n)
{
	size_t a = dtype_nbytes(from), b = dtype_nbytes(to);
	if (from == to) memcpy(out, x, n * a);
	else if (to == DTYPE_f32 && is_float(from) && from != DTYPE_f64) widen(from, x, (float *)(void *)out, n);
	else if (from == DTYPE_f32 && is_float(to) && to != DTYPE_f64) narrow(to, (const float *)(const void *)x, out, n);
	else
		for (size_t i = 0; i < n; i++) convert_one(from, x + i * a, to, out + i * b);
}

bool eval_convert(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	if (!(out[0] = result_like(v, op, 0, in[0]))) return false;
	convert_elements(in[0]->type.elem, in[0]->data, out[0]->type.elem, out[0]->data, (size_t)in[0]->n);
	return true;
}

/* -- bitcast_convert ------------------------------------------------------------------------------------- */

static DType stored(Type t) { return t.quant ? t.quant->storage : t.elem; }

/* The bits of n elements in a row, the first lowest; an element below a byte takes only its own. */
static void pack(const uint8_t *x, int bits, int64_t n, uint8_t *out)
{
	if (bits % 8 == 0) {
		memcpy(out, x, (size_t)(bits / 8 * n));
		return;
	}
	memset(out, 0, (size_t)((bits * n + 7) / 8));
	for (int64_t i = 0; i < n; i++)
		for (int k = 0; k < bits; k++) {
			int64_t at = i * bits + k;
			out[at / 8] |= (uint8_t)((x[i] >> k & 1) << (at % 8));
		}
}

static void unpack(const uint8_t *x, DType t, int64_t n, uint8_t *out)
{
	int bits = dtype_info(t)->nbits;
	if (bits % 8 == 0) {
		memcpy(out, x, (size_t)(bits / 8 * n));
		return;
	}
	memset(out, 0, (size_t)n);
	for (int64_t i = 0; i < n; i++)
		for (int k = 0; k < bits; k++) {
			int64_t at = i * bits + k;
			out[i] |= (uint8_t)((x[at / 8] >> (at % 8) & 1) << k);
		}
	wrap(t, out, (size_t)n);
}

bool eval_bitcast_convert(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Tensor *x = in[0];
	DType from = stored(x->type), to = stored(value_type(v->m, op->out));
	int a = dtype_info(from)->nbits, b = dtype_info(to)->nbits, rank = x->type.rank;
	int64_t dim[MAX_DIMS + 1];
	memcpy(dim, x->dim, (size_t)rank * sizeof *dim);
	if (a > b) dim[rank++] = a / b;
	else if (a < b && (!rank-- || dim[rank] != b / a)) return eval_fail(v, op, BAD_INPUT, "the last dimension holds no whole element");
	if (!(out[0] = result(v, op, 0, rank, dim))) return false;
	if ((a > b ? a % b : b % a) || x->n * a != out[0]->n * b) return eval_fail(v, op, BAD_INPUT, "elements of %d bits are none of %d", a, b);
	int64_t group = a > b ? a / b : b / a, groups = a > b ? x->n : out[0]->n;
	uint8_t bits[1024];
	if (a > b ? a > 1024 : b > 1024) return eval_fail(v, op, UNSUPPORTED, "elements of %d bits", a);
	for (int64_t i = 0; i < groups; i++) {
		int64_t nx = a > b ? 1 : group, ny = a > b ? group : 1;
		pack(x->data + (size_t)(i * nx) * x->each, a, nx, bits);
		unpack(bits, to, ny, out[0]->data + (size_t)(i * ny) * out[0]->each);
	}
	return true;
}

/* -- reduce_precision ------------------------------------------------------------------------------------ */

/* x rounded to nearest even with that many bits of mantissa; beyond the exponents infinite, below the least normal number 0. */
static double reduced(double x, int exponent, int mantissa)
{
	if (isnan(x) && !mantissa) return INFINITY;      /* without a mantissa there is no NaN */
	if (isnan(x) || isinf(x) || x == 0) return x;
	int e, bias = (int)ldexp(1, exponent - 1) - 1;
	double m = frexp(x, &e);
	if (mantissa < 52) m = ldexp(nearbyint(ldexp(m, mantissa + 1)), -mantissa - 1);
	x = ldexp(m, e);
	frexp(x, &e);
	if (e - 1 > bias) return copysign(INFINITY, x);
	return e - 1 < 1 - bias ? copysign(0, x) : x;
}

bool eval_reduce_precision(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	DType t = in[0]->type.elem;
	int exponent = (int)attr(op, "exponent_bits")->i, mantissa = (int)attr(op, "mantissa_bits")->i;
	if (exponent < 1 || mantissa < 0) return eval_fail(v, op, BAD_INPUT, "%d bits of exponent and %d of mantissa", exponent, mantissa);
	if (exponent > 11) exponent = 11;
	if (!(out[0] = result_like(v, op, 0, in[0]))) return false;
	/* Where the exponent stays as it is, so do subnormal numbers. */
	int own = t == DTYPE_f64 ? 11 : t == DTYPE_f32 || t == DTYPE_bf16 ? 8 : 5;
	for (int64_t i = 0; i < in[0]->n; i++) {
		double x = dtype_load(t, in[0]->data + (size_t)i * in[0]->each, 0);
		dtype_store(t, out[0]->data + (size_t)i * in[0]->each, 0, reduced(x, exponent < own ? exponent : 11, mantissa));
	}
	return true;
}

/* -- parts of complex numbers ---------------------------------------------------------------------------- */

/* real, imag; of a real number itself and 0. */
bool eval_part(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	if (!(out[0] = result_like(v, op, 0, in[0]))) return false;
	int part = op->code == OP_imag;
	size_t each = out[0]->each;
	if (!is_complex(in[0]->type.elem)) {
		if (!part) memcpy(out[0]->data, in[0]->data, (size_t)in[0]->n * each);
		return true;
	}
	copy_walk(each, out[0]->data, in[0]->data + (part ? each : 0), &(Walk){ .rank = 1, .n = { in[0]->n }, .dst = { 1 }, .src = { 2 } });
	return true;
}

bool eval_complex(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	if (!same_sizes(v, op, in[0], in[1]) || !(out[0] = result_like(v, op, 0, in[0]))) return false;
	size_t each = in[0]->each;
	for (int i = 0; i < 2; i++)
		copy_walk(each, out[0]->data + (i ? each : 0), in[i]->data, &(Walk){ .rank = 1, .n = { in[0]->n }, .dst = { 2 }, .src = { 1 } });
	return true;
}

bool eval_abs(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	DType t = in[0]->type.elem;
	if (!is_complex(t)) return eval_unary(v, op, in, out);
	if (!(out[0] = result_like(v, op, 0, in[0]))) return false;
	for (int64_t i = 0; i < in[0]->n; i++) {
		const uint8_t *x = in[0]->data + (size_t)i * in[0]->each;
		dtype_store(real_of(t), out[0]->data + (size_t)i * out[0]->each, 0, hypot(dtype_load(t, x, 0), dtype_load(t, x, 1)));
	}
	return true;
}

bool eval_is_finite(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	if (!(out[0] = result_like(v, op, 0, in[0]))) return false;
	for (int64_t i = 0; i < in[0]->n; i++)
		out[0]->data[i] = isfinite(dtype_load(in[0]->type.elem, in[0]->data + (size_t)i * in[0]->each, 0)) != 0;
	return true;
}

/* -- compare --------------------------------------------------------------------------------------------- */

/* -NaN < -inf < ... < -0 < 0 < ... < inf < NaN: the order of the bits, those of negative numbers turned over. */
static int64_t total(DType t, const uint8_t *x)
{
	int bits = dtype_info(t)->nbits;
	uint64_t u = 0;
	for (size_t i = dtype_nbytes(t); i-- > 0;) u = u << 8 | x[i];
	uint64_t sign = 1ull << (bits - 1);
	return u & sign ? (int64_t)(0 - (u & (sign - 1))) - 1 : (int64_t)u;
}

enum { LESS, SAME, MORE, APART };

static int order(DType t, bool by_bits, const uint8_t *x, const uint8_t *y)
{
	if (whole(t)) {
		int64_t a = dtype_load_int(t, x), b = dtype_load_int(t, y);
		bool less = is_unsigned(t) ? (uint64_t)a < (uint64_t)b : a < b;
		return a == b ? SAME : less ? LESS : MORE;
	}
	if (by_bits && is_float(t)) {
		int64_t a = total(t, x), b = total(t, y);
		return a == b ? SAME : a < b ? LESS : MORE;
	}
	for (int part = 0; part < 1 + is_complex(t); part++) {
		double a = dtype_load(t, x, part), b = dtype_load(t, y, part);
		if (isnan(a) || isnan(b)) return APART;
		if (a != b) return a < b ? LESS : MORE;
	}
	return SAME;
}

static bool holds(int order, Direction d)
{
	switch (d) {
	case DIRECTION_EQ: return order == SAME;
	case DIRECTION_NE: return order != SAME;
	case DIRECTION_GE: return order == SAME || order == MORE;
	case DIRECTION_GT: return order == MORE;
	case DIRECTION_LE: return order == SAME || order == LESS;
	default:           return order == LESS;
	}
}

bool eval_compare(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	if (!same_sizes(v, op, in[0], in[1]) || !(out[0] = result_like(v, op, 0, in[0]))) return false;
	DType t = in[0]->type.elem;
	Direction d = (Direction)attr(op, "comparison_direction")->i;
	bool by_bits = attr(op, "compare_type")->set && attr(op, "compare_type")->i == COMPARE_TOTALORDER;
	size_t each = in[0]->each;
	for (size_t i = 0; i < (size_t)in[0]->n; i++)
		out[0]->data[i] = holds(order(t, by_bits, in[0]->data + i * each, in[1]->data + i * each), d);
	return true;
}
