/* A function with sizes that are not known, for arguments whose sizes are: every op again, on operands of static types. What computes shapes
 * (get_dimension_size and the arithmetic on small integer tensors) becomes constants on the way, so that ops that take shapes as
 * operands become their static twins. Calls are inlined. Values of quantized types become the integers that they are stored as. */
#include "stablehlo/refine.h"

#include "stablehlo/ir.h"
#include "stablehlo/quantized.h"

#include <string.h>

enum { MOST_CALLS = 64, MOST_INTS = 128 };

typedef struct Refiner {
	const Module *from;
	Builder *b;
	Value *now;                  /* [from->value.n] */
	int depth;                   /* of calls */
} Refiner;

static Type old_type(const Refiner *r, Value v) { return stored_type(value_type(r->from, v)); }

static Value cannot(Refiner *r, const Op *op, const char *why)
{
	return build_fail(r->b, UNSUPPORTED, "stablehlo.%s cannot be made static: %s", op_table[op->code].name, why);
}

static const Attr *attr(const Op *op, const char *name)
{
	static const Attr unset;
	int i = op_attr_index(op->code, name);
	return i < 0 || !op->attr ? &unset : &op->attr[i];
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
		if (op->code == OP_compare) out->v[i] = compare((Direction)attr(op, "comparison_direction")->i, at(&in[0], i), at(&in[1], i));
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
		int64_t from = attr(op, "start_indices")->ints.v[0], step = attr(op, "strides")->ints.v[0];
		for (int64_t i = from; out->n < type_numel(t) && i < in[0].n; i += step) out->v[out->n++] = in[0].v[i];
		return out->n == type_numel(t);
	}
	default:
		return false;
	}
}

/* The op's result as a constant, when all that it reads are small integers; else 0. t: its type. */
static Value as_constant(Refiner *r, const Op *op, Type t, const Value *in)
{
	if (op->nregion || op->nin < 1 || op->nin > 16 || op->nout != 1 || t.rank > 1 || t.quant) return 0;
	if (!(is_int(t.elem) || t.elem == DTYPE_bool) || type_numel(t) > MOST_INTS) return 0;
	SmallInts *x = NEW(r->b->a, SmallInts, op->nin), *out = NEW(r->b->a, SmallInts, 1);
	for (int i = 0; i < op->nin; i++)
		if (!constant_ints(r->b, in[i], &x[i])) return 0;
	if (!rearranged(op, t, x, out) && !elementwise(op, t.elem, x, out)) return 0;
	if (out->n != type_numel(t)) return 0;
	if (!t.rank) return scalar_int(r->b, out->v[0], t.elem);
	return hlo_ints(r->b, out->n, out->v, t.elem);
}

/* -- static twins -------------------------------------------------------------------------------------------- */

/* Operand i, which must be a constant by now, as a shape or the like. */
static bool shape_operand(Refiner *r, const Op *op, const Value *in, int i, Ints *out)
{
	SmallInts x;
	if (!constant_ints(r->b, in[i], &x)) return cannot(r, op, "its shape depends on values"), false;
	*out = (Ints){ x.n, COPY(r->b->a, int64_t, x.v, x.n) };
	return true;
}

static Value static_convolution(Refiner *r, const Op *op, const Value *in)
{
	Ints padding;
	if (!shape_operand(r, op, in, 2, &padding)) return 0;
	Attr *a = NEW(r->b->a, Attr, MAX_ATTRS + 1);
	for (int i = 0; op_table[OP_convolution].attr[i].name; i++) a[i] = *attr(op, op_table[OP_convolution].attr[i].name);
	a[op_attr_index(OP_convolution, "padding")] = (Attr){ .set = true, .ints = padding };
	return emit(r->b, OP_convolution, NULL, 2, in, a);
}

/* A slice from where the program says, whose limit is that plus a constant. */
static Value slice_from(Refiner *r, const Op *op, const Value *in)
{
	Builder *b = r->b;
	const Op *limit = b->m->value.v[in[2]].def;
	int rank = rank_of(b, in[0]);
	SmallInts size, by;
	bool ends = limit && limit->code == OP_add && (limit->in[0] == in[1] || limit->in[1] == in[1]);
	ends = ends && constant_ints(b, limit->in[limit->in[0] == in[1]], &size) && constant_ints(b, in[3], &by);
	if (!ends || size.n != rank || by.n != rank)
		return cannot(r, op, "its size depends on values");
	Value *start = NEW(b->a, Value, rank + 1);
	for (int i = 0; i < rank; i++) {
		if (at(&by, i) != 1) return cannot(r, op, "it has a step, and starts where values say");
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

static Value twin(Refiner *r, const Op *op, Type old, const Value *in)
{
	Builder *b = r->b;
	Ints s[3];
	switch (op->code) {
	case OP_get_dimension_size: {
		Type t = type_of(b, in[0]);
		int64_t i = attr(op, "dimension")->i;
		return i >= 0 && i < t.rank ? scalar_int(b, t.dim[i], DTYPE_i32) : cannot(r, op, "there is no such dimension");
	}
	case OP_dynamic_reshape:
		return shape_operand(r, op, in, 1, &s[0]) ? hlo_reshape(b, in[0], s[0].n, s[0].v) : 0;
	case OP_dynamic_broadcast_in_dim:
		return shape_operand(r, op, in, 1, &s[0]) ? hlo_broadcast_in_dim(b, in[0], s[0].n, s[0].v, attr(op, "broadcast_dimensions")->ints) : 0;
	case OP_dynamic_iota:
		if (!shape_operand(r, op, in, 0, &s[0])) return 0;
		return hlo_iota(b, tensor_type(b->a, old.elem, s[0].n, s[0].v), (int)attr(op, "iota_dimension")->i);
	case OP_dynamic_conv:
		return static_convolution(r, op, in);
	case OP_dynamic_gather:
		if (!shape_operand(r, op, in, 2, &s[0])) return 0;
		return hlo_gather(b, in[0], in[1], *attr(op, "dimension_numbers")->gather, s[0], attr(op, "indices_are_sorted")->i);
	default: {
		int first = op->code == OP_dynamic_pad ? 2 : 1, rank = rank_of(b, in[0]);
		SmallInts start;
		if (op->code == OP_real_dynamic_slice && in[1] && !constant_ints(b, in[1], &start)) return slice_from(r, op, in);
		for (int i = 0; i < 3; i++) {
			if (!shape_operand(r, op, in, first + i, &s[i])) return 0;
			if (s[i].n != rank) return cannot(r, op, "a list does not fit its rank");
		}
		if (op->code == OP_dynamic_pad) return hlo_pad(b, in[0], in[1], s[0].v, s[1].v, s[2].v);
		return hlo_slice(b, in[0], s[0].v, s[1].v, s[2].v);
	}
	}
}

/* -- ops ------------------------------------------------------------------------------------------------------ */

static void clone_ops(Refiner *r, const Region *from, int *nret, Value **ret);

static Value *operands(Refiner *r, const Op *op)
{
	Value *in = NEW(r->b->a, Value, op->nin + 1);
	for (int i = 0; i < op->nin; i++) in[i] = r->now[op->in[i]];
	return in;
}

/* A while's regions take what goes round; all others have arguments of static types. */
static Region *clone_region(Refiner *r, const Op *op, const Region *from, const Value *in)
{
	Builder *b = r->b;
	Type *t = NEW(b->a, Type, from->narg + 1);
	Value *arg = NEW(b->a, Value, from->narg + 1), *ret = NULL;
	int nret = 0;
	for (int i = 0; i < from->narg; i++) {
		t[i] = op->code == OP_while && i < op->nin ? known_type(b, in[i]) : old_type(r, from->arg + (Value)i);
		if (!is_static(t[i])) cannot(r, op, "a region takes a size that is not known");
	}
	Region *to = region_begin(b, from->narg, t, arg);
	for (int i = 0; i < from->narg; i++) {
		r->now[from->arg + (Value)i] = arg[i];
		b->m->value.v[arg[i]].loc = r->from->value.v[from->arg + (Value)i].loc;
	}
	clone_ops(r, from, &nret, &ret);
	region_end(b, to, nret, ret);
	return to;
}

/* The type of a result that the row cannot infer: static already, or of the operand's shape. */
static Type given_type(Refiner *r, const Op *op, Type old, const Value *in)
{
	if (old.kind != TYPE_TENSOR || is_static(old)) return old;
	Type x = op->nin ? known_type(r->b, in[0]) : (Type){ 0 };
	bool same = op->code == OP_convert || op->code == OP_uniform_quantize || op->code == OP_bitcast_convert;
	if (!same || x.rank != old.rank) return cannot(r, op, "its result is of a size that nothing tells"), old;
	old.dim = x.dim;
	old.bound = NULL;
	return old;
}

/* What the row infers, in the element type that the op had; else as given_type(). */
static bool result_types(Refiner *r, const Op *op, const Value *in, Region *const *region, Type *t)
{
	Infer *infer = op_table[op->code].infer;
	Op draft = *op;
	draft.in = (Value *)(uintptr_t)in;
	draft.region = (Region **)(uintptr_t)region;
	if (infer && op->code != OP_uniform_quantize && !infer(r->b->m, &draft, op->nout, t)) return false;
	for (int i = 0; i < op->nout; i++) {
		Type old = old_type(r, op->out + (Value)i);
		if (!infer || op->code == OP_uniform_quantize) t[i] = given_type(r, op, old, in);
		else if (old.kind == TYPE_TENSOR) t[i].elem = old.elem;
		if (t[i].kind == TYPE_TENSOR && !is_static(t[i])) cannot(r, op, "its result is of a size that nothing tells");
	}
	return !r->b->m->err->code;
}

static const Func *callee(const Module *m, const char *name)
{
	for (int i = 0; name && i < m->func.n; i++)
		if (!strcmp(m->func.v[i]->name, name)) return m->func.v[i];
	return NULL;
}

static void clone_call(Refiner *r, const Op *op, const Value *in)
{
	const char *name = op->code == OP_call ? attr(op, "callee")->str : attr(op, "decomposition")->str;
	const Func *f = callee(r->from, name);
	Value *ret = NULL;
	int nret = 0;
	if (!f || f->narg != op->nin || r->depth == MOST_CALLS) {
		cannot(r, op, "the function that it calls is missing, or calls itself");
		return;
	}
	r->depth++;
	for (int i = 0; i < f->narg; i++) r->now[f->body.arg + (Value)i] = in[i];
	clone_ops(r, &f->body, &nret, &ret);
	r->depth--;
	for (int i = 0; i < op->nout && i < nret; i++) r->now[op->out + (Value)i] = ret[i];
}

/* An op of quantized types as one on integers; false: it is one of those as it stands. */
static bool clone_quantized(Refiner *r, const Op *op, const Value *in)
{
	switch (op->code) {
	case OP_uniform_quantize: case OP_uniform_dequantize: case OP_bitcast_convert:
		r->now[op->out] = on_stored(r->b, r->from, op, in[0]);
		return true;
	case OP_constant: {
		Dense d = *op->attr[0].dense;
		r->now[op->out] = hlo_constant(r->b, stored_type(d.type), d.data, d.nbytes);
		return true;
	}
	default:
		if (moves_elements(op->code) || op->nregion) return false;
		build_fail(r->b, UNSUPPORTED, "stablehlo.%s computes with quantized values, which no device is given", op_table[op->code].name);
		return true;
	}
}

static void clone_op(Refiner *r, const Op *op)
{
	Builder *b = r->b;
	Value *in = operands(r, op);
	if (op->code == OP_call || op->code == OP_composite) {
		clone_call(r, op, in);
		return;
	}
	if (is_quantized_op(r->from, op) && clone_quantized(r, op, in)) return;
	if (is_twin(op->code)) {
		r->now[op->out] = twin(r, op, old_type(r, op->out), in);
		return;
	}
	Region **region = NEW(b->a, Region *, op->nregion + 1);
	for (int i = 0; i < op->nregion; i++) region[i] = clone_region(r, op, op->region[i], in);
	b->loc = op->loc;
	Type *t = NEW(b->a, Type, op->nout + 1);
	if (b->m->err->code || !result_types(r, op, in, region, t)) return;
	Value v = op->nout == 1 ? as_constant(r, op, t[0], in) : 0;
	if (!v && op->nout == 1 && !op->nregion && !op->extra) v = emit(b, op->code, t, op->nin, in, op->attr);
	if (v) {
		r->now[op->out] = v;
		return;
	}
	Op *made = emit_op(b, op->code, op->nout, t, op->nin, in, op->attr, op->nregion, region);
	if (made && op->extra) made->extra = op->extra;
	for (int i = 0; made && i < op->nout; i++) r->now[op->out + (Value)i] = made->out + (Value)i;
}

/* All but the return, whose operands go to ret. */
static void clone_ops(Refiner *r, const Region *from, int *nret, Value **ret)
{
	for (int i = 0; i < from->op.n && !r->b->m->err->code; i++) {
		const Op *op = from->op.v[i];
		r->b->loc = op->loc;
		if (op->code == OP_return) {
			*nret = op->nin;
			*ret = operands(r, op);
			return;
		}
		clone_op(r, op);
	}
}

bool refine(const Module *from, const Func *f, const Type *arg, Module *to)
{
	Func *main = func_new(to, f->name);
	Value *in = NEW(&to->arena, Value, f->narg + 1), *ret = NULL;
	int nret = 0;
	for (int i = 0; i < f->narg; i++) in[i] = func_arg(to, main, stored_type(arg[i]), f->arg_name ? f->arg_name[i] : NULL);
	for (int i = 0; i < f->narg && f->arg_attr; i++) main->arg_attr[i] = f->arg_attr[i];
	to->attr = from->attr;
	Builder b = builder(to, main);
	Refiner r = { .from = from, .b = &b, .now = NEW(&to->arena, Value, from->value.n + 1) };
	loc_share(to, from);
	for (int i = 0; i < f->narg; i++) {
		r.now[f->body.arg + (Value)i] = in[i];
		to->value.v[in[i]].loc = from->value.v[f->body.arg + (Value)i].loc;
	}
	clone_ops(&r, &f->body, &nret, &ret);
	if (to->err->code) return false;
	func_return(&b, nret, ret);
	for (int i = 0; i < nret && i < f->nres && f->res_attr; i++) main->res_attr[i] = f->res_attr[i];
	dce(to);
	return !to->err->code;
}
