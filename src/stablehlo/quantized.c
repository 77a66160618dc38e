/* What quantized types say, as arithmetic on the integers that they are stored as, for devices that do not take them. */
#include "stablehlo/quantized.h"

#include "stablehlo/ir.h"

bool has_quantized_types(const Module *m)
{
	for (int i = 1; i < m->value.n; i++)
		if (m->value.v[i].type.quant) return true;
	return false;
}

Type stored_type(Type t) { return t.quant ? with_elem(t, t.quant->storage) : t; }

bool is_quantized_op(const Module *m, const Op *op)
{
	for (int i = 0; i < op->nin; i++)
		if (value_type(m, op->in[i]).quant) return true;
	for (int i = 0; i < op->nout; i++)
		if (value_type(m, op->out + (Value)i).quant) return true;
	return false;
}

bool moves_elements(OpCode code)
{
	switch (code) {
	case OP_broadcast_in_dim: case OP_concatenate: case OP_dynamic_broadcast_in_dim: case OP_dynamic_reshape: case OP_dynamic_slice:
	case OP_dynamic_update_slice: case OP_gather: case OP_get_dimension_size: case OP_optimization_barrier: case OP_pad: case OP_reshape:
	case OP_return: case OP_reverse: case OP_select: case OP_slice: case OP_transpose: return true;
	default: return false;
	}
}

/* Numbers of the type, one or one along its axis, in the shape of t. */
static Value spread(Builder *b, const Quant *q, Type t, const double *v)
{
	if (q->axis < 0) return hlo_splat(b, t, v[0]);
	uint8_t *bytes = NEW(b->a, uint8_t, (size_t)q->n * dtype_nbytes(t.elem));
	for (int i = 0; i < q->n; i++) dtype_store(t.elem, bytes + (size_t)i * dtype_nbytes(t.elem), 0, v[i]);
	int64_t *n = NEW(b->a, int64_t, 1), *axis = NEW(b->a, int64_t, 1);
	*n = q->n;
	*axis = q->axis;
	Value x = hlo_constant(b, tensor_type(b->a, t.elem, 1, n), bytes, (size_t)q->n * dtype_nbytes(t.elem));
	return hlo_broadcast_in_dim(b, x, t.rank, t.dim, (Ints){ 1, axis });
}

static Value zero_points(Builder *b, const Quant *q, Type t)
{
	double *v = NEW(b->a, double, q->n);
	for (int i = 0; i < q->n; i++) v[i] = (double)q->zero_point[i];
	return spread(b, q, t, v);
}

/* min(max(round(x * (1 / scale)) + zero point, least), most): PyTorch's order; spec.md adds the zero point before it rounds, which
 * differs for ties beside odd zero points. */
static Value quantized(Builder *b, Value x, const Quant *q)
{
	Type t = known_type(b, x);
	double *inverse = NEW(b->a, double, q->n);
	if (!t.kind) return 0;
	for (int i = 0; i < q->n; i++) inverse[i] = q->expressed == DTYPE_f32 ? 1.0f / (float)q->scale[i] : 1 / q->scale[i];
	x = hlo_multiply(b, x, spread(b, q, t, inverse));
	x = hlo_round_nearest_even(b, x);
	x = hlo_add(b, x, zero_points(b, q, t));
	x = hlo_maximum(b, x, hlo_splat(b, t, (double)q->storage_min));
	x = hlo_minimum(b, x, hlo_splat(b, t, (double)q->storage_max));
	return hlo_convert(b, x, q->storage);
}

/* (x - zero point) * scale */
static Value dequantized(Builder *b, Value x, const Quant *q)
{
	x = hlo_convert(b, x, q->expressed);
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	x = hlo_subtract(b, x, zero_points(b, q, t));
	return hlo_multiply(b, x, spread(b, q, t, q->scale));
}

Value on_stored(Builder *b, const Module *m, const Op *op, Value x)
{
	const Quant *from = value_type(m, op->in[0]).quant, *to = value_type(m, op->out).quant;
	if (op->code == OP_bitcast_convert) {
		Type t = with_elem(known_type(b, x), stored_type(value_type(m, op->out)).elem);
		return t.kind && type_eq(t, type_of(b, x)) ? x : hlo_bitcast_convert(b, x, t);
	}
	if (from) x = dequantized(b, x, from);
	return to && x ? quantized(b, x, to) : x;
}
