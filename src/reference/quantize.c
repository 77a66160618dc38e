/* Quantized types: uniform_quantize, uniform_dequantize, and every other op on what its operands stand for. */
#include "reference/internal.h"

#include <math.h>

#include "stablehlo/quantized.h"

static int64_t inner_of(const Tensor *t, const Quant *q)
{
	int64_t inner = 1;
	for (int i = q->axis + 1; q->axis >= 0 && i < t->type.rank; i++) inner *= t->dim[i];
	return inner;
}

/* (q - zero point) * scale, each rounded to the expressed type. */
static Tensor *dequantized(Eval *v, const Op *op, const Tensor *x)
{
	const Quant *q = x->type.quant;
	DType e = q->expressed;
	Tensor *t = tensor_new(v, op, with_elem(x->type, e), x->type.rank, x->dim);
	int64_t inner = inner_of(x, q);
	uint8_t s[16], d[16];
	for (int64_t i = 0; t && i < x->n; i++) {
		int64_t c = q->axis < 0 ? 0 : i / inner % q->n;
		dtype_store(e, d, 0, (double)(dtype_load_int(q->storage, x->data + (size_t)i * x->each) - q->zero_point[c]));
		dtype_store(e, s, 0, q->scale[c]);
		dtype_store(e, t->data + (size_t)i * t->each, 0, dtype_load(e, d, 0) * dtype_load(e, s, 0));
	}
	return t;
}

static double clamp(double x, double least, double most) { return x < least ? least : x > most ? most : x; }

/* round_nearest_even(x / scale + zero point), each step rounded to the expressed type, within the storage's range. */
static void quantize_into(const Tensor *x, Tensor *t)
{
	const Quant *q = t->type.quant;
	DType e = q->expressed;
	int64_t inner = inner_of(t, q);
	uint8_t s[16];
	for (int64_t i = 0; i < x->n; i++) {
		int64_t c = q->axis < 0 ? 0 : i / inner % q->n;
		dtype_store(e, s, 0, q->scale[c]);
		dtype_store(e, s, 0, dtype_load(x->type.elem, x->data + (size_t)i * x->each, 0) / dtype_load(e, s, 0));
		dtype_store(e, s, 0, dtype_load(e, s, 0) + (double)q->zero_point[c]);
		double r = nearbyint(dtype_load(e, s, 0));
		r = isnan(r) ? 0 : clamp(r, (double)q->storage_min, (double)q->storage_max);
		dtype_store_int(q->storage, t->data + (size_t)i * t->each, (int64_t)r);
	}
}

bool eval_uniform_quantize(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Tensor *x = in[0]->type.quant ? dequantized(v, op, in[0]) : hold(in[0]);
	bool ok = x && (out[0] = result_like(v, op, 0, in[0]));
	if (ok && !out[0]->type.quant) ok = eval_fail(v, op, BAD_INPUT, "its result is not quantized");
	if (ok) quantize_into(x, out[0]);
	drop(x);
	return ok;
}

bool eval_uniform_dequantize(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	if (!in[0]->type.quant) return eval_fail(v, op, BAD_INPUT, "its operand is not quantized");
	Tensor *x = dequantized(v, op, in[0]);
	if (x && (out[0] = result_like(v, op, 0, x))) memcpy(out[0]->data, x->data, (size_t)x->n * x->each);
	drop(x);
	return out[0] != NULL;
}

/* Ops that see the stored integers, or have computations that see quantized scalars. */
static bool as_it_stands(const Op *op)
{
	switch (op->code) {
	case OP_uniform_quantize: case OP_uniform_dequantize: case OP_bitcast_convert: case OP_constant: case OP_call: case OP_composite:
	case OP_tuple: case OP_get_tuple_element: case OP_custom_call: case OP_dynamic_gather: case OP_dynamic_pad: case OP_real_dynamic_slice:
	case OP_broadcast: return true;
	default: return op->nregion || moves_elements(op->code);
	}
}

static bool requantize(Eval *v, const Op *op, Tensor **out)
{
	for (int i = 0; i < op->nout; i++) {
		Type t = value_type(v->m, op->out + (Value)i);
		if (!t.quant) continue;
		Tensor *q = tensor_new(v, op, t, out[i]->type.rank, out[i]->dim);
		if (!q) return false;
		quantize_into(out[i], q);
		drop(out[i]);
		out[i] = q;
	}
	return true;
}

bool eval_quantized(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Evaluate *f = evaluators[op->code];
	if (as_it_stands(op) || !is_quantized_op(v->m, op)) return f(v, op, in, out);
	Tensor **x = calloc((size_t)op->nin + 1, sizeof *x);
	bool ok = x || eval_fail(v, op, NO_MEMORY, "no memory");
	for (int i = 0; ok && i < op->nin; i++) ok = (x[i] = in[i]->type.quant ? dequantized(v, op, in[i]) : hold(in[i])) != NULL;
	v->expressed = op;
	ok = ok && f(v, op, x, out);
	v->expressed = NULL;
	ok = ok && requantize(v, op, out);
	for (int i = 0; x && i < op->nin; i++) drop(x[i]);
	free(x);
	return ok;
}
