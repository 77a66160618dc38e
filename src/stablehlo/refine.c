/* A function with sizes that are not known, for arguments whose sizes are: every op again, on operands of static types. What computes shapes
 * (get_dimension_size and the arithmetic on small integer tensors) becomes constants on the way, so that ops that take shapes as
 * operands become their static twins. Calls are inlined. Values of quantized types become the integers that they are stored as. */
#include "stablehlo/refine.h"

#include "stablehlo/clone.h"
#include "stablehlo/ir.h"
#include "stablehlo/quantized.h"

#include <string.h>

enum { MOST_INTS = 128 };

static Type old_type(const Clone *c, Value v) { return stored_type(value_type(c->from, v)); }

static Value cannot(Clone *c, const Op *op, const char *why)
{
	return build_fail(c->b, UNSUPPORTED, "stablehlo.%s cannot be made static: %s", op_table[op->code].name, why);
}

/* -- small integers ---------------------------------------------------------------------------------------- */

typedef struct SmallInts { int n; int64_t v[MOST_INTS]; } SmallInts;

/* The elements of a constant of integers or truth values. */
static bool constant_ints(const Builder *b, Value v, SmallInts *out)
{
	const Op *def = v ? b->m->value.v[v].def : NULL;
	if (!def || def->code != OP_constant) return false;
	const Dense *d = def->attr[0].dense;
	int64_t n = type_numel(d->type);
	if (n > MOST_INTS || d->type.quant || !(is_int(d->type.elem) || d->type.elem == DTYPE_bool)) return false;
	size_t each = dtype_nbytes(d->type.elem);
	if (d->nbytes < (n ? each : 0) || (!d->splat && d->nbytes < (size_t)n * each)) return false;
	out->n = (int)n;
	for (int i = 0; i < out->n; i++) out->v[i] = dtype_load_int(d->type.elem, (const uint8_t *)d->data + (d->splat ? 0 : (size_t)i * each));
	return true;
}

static bool on_two(OpCode code, int64_t x, int64_t y, int64_t *out)
{
	switch (code) {
	case OP_add:       *out = (int64_t)((uint64_t)x + (uint64_t)y); return true;
	case OP_subtract:  *out = (int64_t)((uint64_t)x - (uint64_t)y); return true;
	case OP_multiply:  *out = (int64_t)((uint64_t)x * (uint64_t)y); return true;
	case OP_divide:    return y && !(x == INT64_MIN && y == -1) ? *out = x / y, true : false;
	case OP_remainder: return y && !(x == INT64_MIN && y == -1) ? *out = x % y, true : false;
	case OP_maximum:   *out = x > y ? x : y; return true;
	case OP_minimum:   *out = x < y ? x : y; return true;
	case OP_and:       *out = x & y; return true;
	case OP_or:        *out = x | y; return true;
	case OP_xor:       *out = x ^ y; return true;
	default:           return false;
	}
}

static bool compare(Direction d, int64_t x, int64_t y)
{
	switch (d) {
	case DIRECTION_EQ: return x == y;
	case DIRECTION_NE: return x != y;
	case DIRECTION_GE: return x >= y;
	case DIRECTION_GT: return x > y;
	case DIRECTION_LE: return x <= y;
	default:           return x < y;
	}
}

static bool on_one(OpCode code, DType t, int64_t x, int64_t *out)
{
	switch (code) {
	case OP_negate:  *out = (int64_t)(0 - (uint64_t)x); return true;
	case OP_abs:     *out = x < 0 ? (int64_t)(0 - (uint64_t)x) : x; return true;
	case OP_sign:    *out = (x > 0) - (x < 0); return true;
	case OP_not:     *out = t == DTYPE_bool ? !x : ~x; return true;
	case OP_convert: *out = t == DTYPE_bool ? x != 0 : x; return true;
	default:         return false;
	}
}

static int64_t at(const SmallInts *x, int i) { return x->v[x->n == 1 ? 0 : i]; }

/* Element by element. */
static bool elementwise(const Op *op, DType t, const SmallInts *in, SmallInts *out)
{
	out->n = 1;
	for (int k = 0; k < op->nin; k++)
		if (in[k].n != 1) out->n = in[k].n;
	for (int i = 0; i < out->n; i++) {
		bool ok = true;
		if (op->code == OP_compare) out->v[i] = compare((Direction)op_attr(op, "comparison_direction")->i, at(&in[0], i), at(&in[1], i));
		else if (op->code == OP_select) out->v[i] = at(&in[at(&in[0], i) ? 1 : 2], i);
		else if (op->nin == 2) ok = on_two(op->code, at(&in[0], i), at(&in[1], i), &out->v[i]);
		else ok = op->nin == 1 && on_one(op->code, t, in[0].v[i], &out->v[i]);
		if (!ok) return false;
	}
	return true;
}

/* Vectors put together and cut. */
static bool rearranged(const Op *op, Type t, const SmallInts *in, SmallInts *out)
{
	out->n = 0;
	switch (op->code) {
	case OP_reshape:
		*out = in[0];
		return true;
	case OP_broadcast_in_dim:
		if (in[0].n != 1 || type_numel(t) > MOST_INTS) return false;
		for (int64_t i = 0; i < type_numel(t); i++) out->v[out->n++] = in[0].v[0];
		return true;
	case OP_concatenate:
		if (t.rank != 1) return false;
		for (int k = 0; k < op->nin; k++)
			for (int i = 0; i < in[k].n && out->n < MOST_INTS; i++) out->v[out->n++] = in[k].v[i];
		return out->n == type_numel(t);
	case OP_slice: {
		if (t.rank != 1) return false;
		int64_t from = op_attr(op, "start_indices")->ints.v[0], step = op_attr(op, "strides")->ints.v[0];
		for (int64_t i = from; out->n < type_numel(t) && i < in[0].n; i += step) out->v[out->n++] = in[0].v[i];
		return out->n == type_numel(t);
	}
	default:
		return false;
	}
}

/* The op's result as a constant, when all that it reads are small integers; else 0. t: its type. */
static Value as_constant(Clone *c, const Op *op, Type t, const Value *in)
{
	if (op->nregion || op->nin < 1 || op->nin > 16 || op->nout != 1 || t.rank > 1 || t.quant) return 0;
	if (!(is_int(t.elem) || t.elem == DTYPE_bool) || type_numel(t) > MOST_INTS) return 0;
	SmallInts *x = NEW(c->b->a, SmallInts, op->nin), *out = NEW(c->b->a, SmallInts, 1);
	for (int i = 0; i < op->nin; i++)
		if (!constant_ints(c->b, in[i], &x[i])) return 0;
	if (!rearranged(op, t, x, out) && !elementwise(op, t.elem, x, out)) return 0;
	if (out->n != type_numel(t)) return 0;
	if (!t.rank) return scalar_int(c->b, out->v[0], t.elem);
	return hlo_ints(c->b, out->n, out->v, t.elem);
}

/* -- static twins -------------------------------------------------------------------------------------------- */

/* Operand i, which must be a constant by now, as a shape or the like. */
static bool shape_operand(Clone *c, const Op *op, const Value *in, int i, Ints *out)
{
	SmallInts x;
	if (!constant_ints(c->b, in[i], &x)) return cannot(c, op, "its shape depends on values"), false;
	*out = (Ints){ x.n, COPY(c->b->a, int64_t, x.v, x.n) };
	return true;
}

static Value static_convolution(Clone *c, const Op *op, const Value *in)
{
	Ints padding;
	if (!shape_operand(c, op, in, 2, &padding)) return 0;
	Attr *a = NEW(c->b->a, Attr, MAX_ATTRS + 1);
	for (int i = 0; op_table[OP_convolution].attr[i].name; i++) a[i] = *op_attr(op, op_table[OP_convolution].attr[i].name);
	a[op_attr_index(OP_convolution, "padding")] = (Attr){ .set = true, .ints = padding };
	return emit(c->b, OP_convolution, NULL, 2, in, a);
}

/* A slice from where the program says, whose limit is that plus a constant. */
static Value slice_from(Clone *c, const Op *op, const Value *in)
{
	Builder *b = c->b;
	const Op *limit = b->m->value.v[in[2]].def;
	int rank = rank_of(b, in[0]);
	SmallInts size, by;
	bool ends = limit && limit->code == OP_add && (limit->in[0] == in[1] || limit->in[1] == in[1]);
	ends = ends && constant_ints(b, limit->in[limit->in[0] == in[1]], &size) && constant_ints(b, in[3], &by);
	if (!ends || size.n != rank || by.n != rank)
		return cannot(c, op, "its size depends on values");
	Value *start = NEW(b->a, Value, rank + 1);
	for (int i = 0; i < rank; i++) {
		if (at(&by, i) != 1) return cannot(c, op, "it has a step, and starts where values say");
		start[i] = hlo_slice(b, in[1], (int64_t[]){ i }, (int64_t[]){ i + 1 }, NULL);
		start[i] = hlo_reshape(b, start[i], 0, NULL);
	}
	return hlo_dynamic_slice(b, in[0], start, size.v);
}

static bool is_twin(OpCode code)
{
	switch (code) {
	case OP_get_dimension_size: case OP_dynamic_reshape: case OP_dynamic_broadcast_in_dim: case OP_dynamic_iota: case OP_dynamic_pad:
	case OP_dynamic_gather: case OP_dynamic_conv: case OP_real_dynamic_slice: return true;
	default: return false;
	}
}

static Value twin(Clone *c, const Op *op, Type old, const Value *in)
{
	Builder *b = c->b;
	Ints s[3];
	switch (op->code) {
	case OP_get_dimension_size: {
		Type t = type_of(b, in[0]);
		int64_t i = op_attr(op, "dimension")->i;
		return i >= 0 && i < t.rank ? scalar_int(b, t.dim[i], DTYPE_i32) : cannot(c, op, "there is no such dimension");
	}
	case OP_dynamic_reshape:
		return shape_operand(c, op, in, 1, &s[0]) ? hlo_reshape(b, in[0], s[0].n, s[0].v) : 0;
	case OP_dynamic_broadcast_in_dim:
		return shape_operand(c, op, in, 1, &s[0]) ? hlo_broadcast_in_dim(b, in[0], s[0].n, s[0].v, op_attr(op, "broadcast_dimensions")->ints) : 0;
	case OP_dynamic_iota:
		if (!shape_operand(c, op, in, 0, &s[0])) return 0;
		return hlo_iota(b, tensor_type(b->a, old.elem, s[0].n, s[0].v), (int)op_attr(op, "iota_dimension")->i);
	case OP_dynamic_conv:
		return static_convolution(c, op, in);
	case OP_dynamic_gather:
		if (!shape_operand(c, op, in, 2, &s[0])) return 0;
		return hlo_gather(b, in[0], in[1], *op_attr(op, "dimension_numbers")->gather, s[0], op_attr(op, "indices_are_sorted")->i);
	default: {
		int first = op->code == OP_dynamic_pad ? 2 : 1, rank = rank_of(b, in[0]);
		SmallInts start;
		if (op->code == OP_real_dynamic_slice && in[1] && !constant_ints(b, in[1], &start)) return slice_from(c, op, in);
		for (int i = 0; i < 3; i++) {
			if (!shape_operand(c, op, in, first + i, &s[i])) return 0;
			if (s[i].n != rank) return cannot(c, op, "a list does not fit its rank");
		}
		if (op->code == OP_dynamic_pad) return hlo_pad(b, in[0], in[1], s[0].v, s[1].v, s[2].v);
		return hlo_slice(b, in[0], s[0].v, s[1].v, s[2].v);
	}
	}
}

/* -- ops ------------------------------------------------------------------------------------------------------ */

/* A while's regions take what goes round; all others have arguments of static types. */
static Region *static_region(Clone *c, const Op *op, const Region *from, const Value *in)
{
	Type *t = NEW(c->b->a, Type, from->narg + 1);
	for (int i = 0; i < from->narg; i++) {
		t[i] = op->code == OP_while && i < op->nin ? known_type(c->b, in[i]) : old_type(c, from->arg + (Value)i);
		if (!is_static(t[i])) cannot(c, op, "a region takes a size that is not known");
	}
	return clone_region(c, from, t);
}

/* The type of a result that the row cannot infer: static already, or of the operand's shape. */
static Type given_type(Clone *c, const Op *op, Type old, const Value *in)
{
	if (old.kind != TYPE_TENSOR || is_static(old)) return old;
	Type x = op->nin ? known_type(c->b, in[0]) : (Type){ 0 };
	bool same = op->code == OP_convert || op->code == OP_uniform_quantize || op->code == OP_bitcast_convert;
	if (!same || x.rank != old.rank) return cannot(c, op, "its result is of a size that nothing tells"), old;
	old.dim = x.dim;
	old.bound = NULL;
	return old;
}

/* What the row infers, in the element type that the op had; else as given_type(). */
static bool result_types(Clone *c, const Op *op, const Value *in, Region *const *region, Type *t)
{
	Infer *infer = op_table[op->code].infer;
	Op draft = *op;
	draft.in = (Value *)(uintptr_t)in;
	draft.region = (Region **)(uintptr_t)region;
	if (infer && op->code != OP_uniform_quantize && !infer(c->b->m, &draft, op->nout, t)) return false;
	for (int i = 0; i < op->nout; i++) {
		Type old = old_type(c, op->out + (Value)i);
		if (!infer || op->code == OP_uniform_quantize) t[i] = given_type(c, op, old, in);
		else if (old.kind == TYPE_TENSOR) t[i].elem = old.elem;
		if (t[i].kind == TYPE_TENSOR && !is_static(t[i])) cannot(c, op, "its result is of a size that nothing tells");
	}
	return !c->b->m->err->code;
}

/* An op of quantized types as one on integers; false: it is one of those as it stands. */
static bool clone_quantized(Clone *c, const Op *op, const Value *in)
{
	switch (op->code) {
	case OP_uniform_quantize: case OP_uniform_dequantize: case OP_bitcast_convert:
		c->now[op->out] = on_stored(c->b, c->from, op, in[0]);
		return true;
	case OP_constant: {
		Dense d = *op->attr[0].dense;
		c->now[op->out] = hlo_constant(c->b, stored_type(d.type), d.data, d.nbytes);
		return true;
	}
	default:
		if (moves_elements(op->code) || op->nregion) return false;
		build_fail(c->b, UNSUPPORTED, "stablehlo.%s computes with quantized values, which no device is given", op_table[op->code].name);
		return true;
	}
}

/* Calls are left to the clone. */
static bool make_static(Clone *c, const Op *op)
{
	Builder *b = c->b;
	if (op->code == OP_call || op->code == OP_composite) return false;
	Value *in = clone_operands(c, op);
	if (is_quantized_op(c->from, op) && clone_quantized(c, op, in)) return true;
	if (is_twin(op->code)) {
		c->now[op->out] = twin(c, op, old_type(c, op->out), in);
		return true;
	}
	Region **region = NEW(b->a, Region *, op->nregion + 1);
	for (int i = 0; i < op->nregion; i++) region[i] = static_region(c, op, op->region[i], in);
	b->loc = op->loc;
	Type *t = NEW(b->a, Type, op->nout + 1);
	if (b->m->err->code || !result_types(c, op, in, region, t)) return true;
	Value v = op->nout == 1 ? as_constant(c, op, t[0], in) : 0;
	if (!v && op->nout == 1 && !op->nregion && !op->extra) v = emit(b, op->code, t, op->nin, in, op->attr);
	if (v) {
		c->now[op->out] = v;
		return true;
	}
	clone_emit(c, op, t, in, region);
	return true;
}

bool refine(const Module *from, const Func *f, const Type *arg, Module *to)
{
	Clone c = { .from = from, .in_regions = true, .rewrite = make_static };
	Type *stored = NEW(&to->arena, Type, f->narg + 1);
	for (int i = 0; i < f->narg; i++) stored[i] = stored_type(arg[i]);
	return clone_function(&c, f, stored, to);
}
