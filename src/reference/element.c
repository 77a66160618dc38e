/* Element by element: the type in which elements are computed, and ops on whole tensors. */
#include "reference/internal.h"

#include <math.h>

enum { CHUNK = 256 };

/* -- types ----------------------------------------------------------------------------------------------- */

DType compute_type(DType t)
{
	switch (t) {
	case DTYPE_i2: case DTYPE_i4: return DTYPE_i8;
	case DTYPE_bool: case DTYPE_u2: case DTYPE_u4: return DTYPE_u8;
	case DTYPE_f64: return t;
	default: return is_float(t) ? DTYPE_f32 : t;
	}
}

void widen(DType t, const void *x, float *out, size_t n)
{
	const uint8_t *at = x;
	size_t each = dtype_nbytes(t);
	if (t == DTYPE_f32) memcpy(out, x, n * sizeof *out);
	else if (t == DTYPE_bf16)
		for (size_t i = 0; i < n; i++) {
			uint32_t bits = (uint32_t)at[2 * i] << 16 | (uint32_t)at[2 * i + 1] << 24;
			memcpy(&out[i], &bits, 4);
		}
	else
		for (size_t i = 0; i < n; i++) out[i] = (float)dtype_load(t, at + i * each, 0);
}

static uint16_t bf16_of(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, 4);
	if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void narrow(DType t, const float *x, void *out, size_t n)
{
	uint8_t *at = out;
	size_t each = dtype_nbytes(t);
	if (t == DTYPE_f32) memcpy(out, x, n * sizeof *x);
	else if (t == DTYPE_bf16)
		for (size_t i = 0; i < n; i++) {
			uint16_t bits = bf16_of(x[i]);
			at[2 * i] = (uint8_t)bits, at[2 * i + 1] = (uint8_t)(bits >> 8);
		}
	else
		for (size_t i = 0; i < n; i++) dtype_store(t, at + i * each, 0, (double)x[i]);
}

void wrap(DType t, void *x, size_t n)
{
	int bits = dtype_info(t)->nbits;
	if (bits >= 8 || is_float(t)) return;
	uint8_t *at = x, mask = (uint8_t)((1 << bits) - 1), sign = dtype_info(t)->kind == DKIND_INT ? (uint8_t)(1 << (bits - 1)) : 0;
	for (size_t i = 0; i < n; i++) at[i] = (uint8_t)(((at[i] & mask) ^ sign) - sign);
}

/* -- kernels --------------------------------------------------------------------------------------------- */

/* Of truth values: add is or, multiply and; the others are what they are of a bit. */
bool kernel_for(OpCode code, DType t, Kernel *k)
{
	*k = (Kernel){ .t = t, .work = compute_type(t), .bits = dtype_info(t)->nbits };
	if (t == DTYPE_bool) code = code == OP_add ? OP_or : code == OP_multiply ? OP_and : code;
	if (t == DTYPE_bool && code == OP_subtract) code = OP_xor;
	k->binary = op_table[code].binary ? find_binary(code, k->work) : NULL;
	k->unary = op_table[code].binary ? NULL : find_unary(code, k->work);
	return k->binary || k->unary;
}

void kernel_binary(const Kernel *k, const uint8_t *x, const uint8_t *y, uint8_t *out, size_t n)
{
	size_t each = dtype_nbytes(k->t);
	if (k->work != DTYPE_f32 || k->t == DTYPE_f32) {
		k->binary(x, y, out, n, k->bits);
		wrap(k->t, out, n);
		return;
	}
	float a[CHUNK], b[CHUNK];
	for (size_t i = 0; i < n; i += CHUNK) {
		size_t some = n - i < CHUNK ? n - i : CHUNK;
		widen(k->t, x + i * each, a, some);
		widen(k->t, y + i * each, b, some);
		k->binary(a, b, a, some, k->bits);
		narrow(k->t, a, out + i * each, some);
	}
}

void kernel_unary(const Kernel *k, const uint8_t *x, uint8_t *out, size_t n)
{
	size_t each = dtype_nbytes(k->t);
	if (k->work != DTYPE_f32 || k->t == DTYPE_f32) {
		k->unary(x, out, n, k->bits);
		wrap(k->t, out, n);
		return;
	}
	float a[CHUNK];
	for (size_t i = 0; i < n; i += CHUNK) {
		size_t some = n - i < CHUNK ? n - i : CHUNK;
		widen(k->t, x + i * each, a, some);
		k->unary(a, a, some, k->bits);
		narrow(k->t, a, out + i * each, some);
	}
}

/* -- operands -------------------------------------------------------------------------------------------- */

bool same_sizes(Eval *v, const Op *op, const Tensor *x, const Tensor *y)
{
	bool same = x->type.rank == y->type.rank;
	for (int i = 0; same && i < x->type.rank; i++) same = x->dim[i] == y->dim[i];
	if (same) return true;
	return eval_fail(v, op, BAD_INPUT, "operands are %s and %s, wanted the same sizes",
		type_str(&v->scratch, x->type), type_str(&v->scratch, y->type));
}

Tensor *spread_scalar(Eval *v, const Op *op, Tensor *x, const Tensor *like)
{
	if (x->type.rank || !like->type.rank) return same_sizes(v, op, x, like) ? hold(x) : NULL;
	Tensor *t = tensor_new(v, op, x->type, like->type.rank, like->dim);
	if (t) fill(t->data, x->data, x->each, t->n);
	return t;
}

Tensor *as_elem(Eval *v, const Op *op, Tensor *x, DType to)
{
	if (x->type.elem == to) return hold(x);
	Tensor *t = tensor_new(v, op, with_elem(x->type, to), x->type.rank, x->dim);
	if (t) convert_elements(x->type.elem, x->data, to, t->data, (size_t)t->n);
	return t;
}

/* -- ops ------------------------------------------------------------------------------------------------- */

static bool no_kernel(Eval *v, const Op *op, DType t)
{
	return eval_fail(v, op, UNSUPPORTED, "there is none of elements %s", dtype_name(t));
}

bool eval_unary(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Kernel k;
	if (!kernel_for(op->code, in[0]->type.elem, &k)) return no_kernel(v, op, in[0]->type.elem);
	if (!(out[0] = result_like(v, op, 0, in[0]))) return false;
	kernel_unary(&k, in[0]->data, out[0]->data, (size_t)in[0]->n);
	return true;
}

bool eval_binary(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Kernel k;
	if (!same_sizes(v, op, in[0], in[1])) return false;
	if (!kernel_for(op->code, in[0]->type.elem, &k)) return no_kernel(v, op, in[0]->type.elem);
	if (!(out[0] = result_like(v, op, 0, in[0]))) return false;
	kernel_binary(&k, in[0]->data, in[1]->data, out[0]->data, (size_t)in[0]->n);
	return true;
}

bool eval_select(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Tensor *pick = same_sizes(v, op, in[1], in[2]) ? spread_scalar(v, op, in[0], in[1]) : NULL;
	bool ok = pick && (out[0] = result_like(v, op, 0, in[1]));
	size_t each = in[1]->each;
	for (int64_t i = 0; ok && i < out[0]->n; i++)
		memcpy(out[0]->data + (size_t)i * each, in[pick->data[i] ? 1 : 2]->data + (size_t)i * each, each);
	drop(pick);
	return ok;
}

bool eval_clamp(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Kernel least, most;
	DType t = in[1]->type.elem;
	if (!kernel_for(OP_maximum, t, &most) || !kernel_for(OP_minimum, t, &least)) return no_kernel(v, op, t);
	Tensor *lo = spread_scalar(v, op, in[0], in[1]), *hi = lo ? spread_scalar(v, op, in[2], in[1]) : NULL;
	bool ok = hi && (out[0] = result_like(v, op, 0, in[1]));
	if (ok) {
		kernel_binary(&most, in[1]->data, lo->data, out[0]->data, (size_t)in[1]->n);
		kernel_binary(&least, out[0]->data, hi->data, out[0]->data, (size_t)in[1]->n);
	}
	drop(lo);
	drop(hi);
	return ok;
}
