/* The builder: emitting ops, regions and constants. The typed builders of each op are in ops_build.c. */
#include "stablehlo/ir.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

Builder builder(Module *m, Func *f)
{
	return (Builder){ .m = m, .a = &m->arena, .func = f, .at = f ? &f->body : NULL, .cse = cse_new(&m->arena) };
}

Value build_fail(Builder *b, Code code, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fail(b->m->err, code, "%s", text);
	return 0;
}

/* -- ops ------------------------------------------------------------------------------------------------- */

/* "tensor<2xf32>, tensor<3xf32>": what the message about a refused op says it was given. */
static const char *operand_types(Builder *b, int nin, const Value *in)
{
	const char *s = "";
	for (int i = 0; i < nin && i < 8; i++)
		s = arena_printf(b->a, "%s%s%s", s, i ? ", " : "", type_str(b->a, type_of(b, in[i])));
	return nin > 8 ? arena_printf(b->a, "%s, ... (%d operands)", s, nin) : s;
}

static bool refuse(Builder *b, OpCode code, int nin, const Value *in)
{
	return err_at(b->m->err, "stablehlo.%s(%s)", op_table[code].name, operand_types(b, nin, in));
}

/* The types that the row's infer computes for the op, into t[nout]. */
static bool infer_types(Builder *b, Op *draft, int nout, Type *t)
{
	Infer *infer = op_table[draft->code].infer;
	if (!infer)
		return build_fail(b, BAD_INPUT, "the result type must be given"),
			refuse(b, draft->code, draft->nin, draft->in);
	if (infer(b->m, draft, nout, t) && !b->m->err->code) return true;
	return refuse(b, draft->code, draft->nin, draft->in);
}

/* Nothing could hold it, and what computes with its number of elements would overflow. */
static bool too_large(Builder *b, OpCode code, int nout, const Type *t)
{
	for (int i = 0; i < nout; i++) {
		int64_t n = 16;      /* bytes of the largest element type */
		for (int k = 0; k < t[i].rank; k++)
			if (t[i].dim[k] > 0 && __builtin_mul_overflow(n, t[i].dim[k], &n))
				return !build_fail(b, UNSUPPORTED, "stablehlo.%s gives %s: more bytes than 63 bits can count",
					op_table[code].name, type_str(b->a, t[i]));
	}
	return false;
}

Op *emit_op(Builder *b, OpCode code, int nout, const Type *result, int nin, const Value *in, const Attr *attr,
	int nregion, Region *const *region)
{
	static const Attr unset[MAX_ATTRS + 1];
	if (b->m->err->code) return NULL;
	for (int i = 0; i < nin; i++)
		if (!in[i])
			return build_fail(b, BAD_INPUT, "stablehlo.%s: operand %d has no value", op_table[code].name, i),
				NULL;
	Op draft = { .code = code, .nin = nin, .nout = nout, .nregion = nregion, .in = (Value *)(uintptr_t)in,
		.attr = (Attr *)(uintptr_t)(attr ? attr : unset), .region = (Region **)(uintptr_t)region };
	Type *t = NEW(b->a, Type, nout + 1);
	if (result) memcpy(t, result, (size_t)nout * sizeof *t);
	else if (!infer_types(b, &draft, nout, t)) return NULL;
	if (too_large(b, code, nout, t)) return NULL;

	Op *op = nregion ? NULL : cse_find(b, code, nout, t, nin, in, attr);
	if (op) return op;
	op = op_new(b->m, code, nout, t, nin, in, attr);
	op->nregion = nregion;
	op->region = COPY(b->a, Region *, region, nregion);
	op->loc = b->loc;
	*push(b->a, &b->at->op) = op;
	cse_add(b, op);
	return op;
}

Value emit(Builder *b, OpCode code, const Type *result, int nin, const Value *in, const Attr *attr)
{
	if (b->m->err->code) return 0;
	for (int i = 0; i < nin; i++)
		if (!in[i])
			return build_fail(b, BAD_INPUT, "stablehlo.%s: operand %d has no value", op_table[code].name, i);
	Type t;
	if (!result) {
		static const Attr unset[MAX_ATTRS + 1];
		Op draft = { .code = code, .nin = nin, .nout = 1, .in = (Value *)(uintptr_t)in,
			.attr = (Attr *)(uintptr_t)(attr ? attr : unset) };
		if (!infer_types(b, &draft, 1, &t)) return 0;
		result = &t;
	}
	if (too_large(b, code, 1, result)) return 0;
	Value v = b->as_is ? 0 : fold(b, code, *result, nin, in, attr);
	if (v || b->m->err->code) return v;
	Op *op = emit_op(b, code, 1, result, nin, in, attr, 0, NULL);
	return op ? op->out : 0;
}

void func_return(Builder *b, int n, const Value *v)
{
	Type *t = NEW(b->a, Type, n + 1);
	for (int i = 0; i < n; i++)
		if (v[i]) t[i] = type_of(b, v[i]);
	b->func->nres = n;
	b->func->res_type = t;
	b->func->res_attr = NEW(b->a, Any, n + 1);
	emit_op(b, OP_return, 0, t, n, v, NULL, 0, NULL);
}

/* -- regions --------------------------------------------------------------------------------------------- */

Region *region_begin(Builder *b, int n, const Type *t, Value *arg)
{
	Region *r = NEW(b->a, Region, 1);
	block_args(b->m, r, n, t);
	for (int i = 0; i < n; i++) {
		arg[i] = r->arg + (Value)i;
		b->m->value.v[arg[i]].loc = b->loc;
	}
	r->parent = b->at;
	b->at = r;
	return r;
}

void region_end(Builder *b, Region *r, int n, const Value *ret)
{
	emit_op(b, OP_return, 0, (Type[]){ { 0 } }, n, ret, NULL, 0, NULL);
	b->at = r->parent;
}

Region *binary_region(Builder *b, OpCode code, DType elem)
{
	Type t[2] = { scalar_type(elem), scalar_type(elem) };
	Value x[2];
	Region *r = region_begin(b, 2, t, x);
	Value y = emit(b, code, t, 2, x, NULL);
	region_end(b, r, 1, &y);
	return r;
}

/* -- constants ------------------------------------------------------------------------------------------- */

Value hlo_constant(Builder *b, Type t, const void *data, size_t nbytes)
{
	if (b->m->err->code) return 0;
	size_t each = dtype_nbytes(t.elem);
	Dense *d = NEW(b->a, Dense, 1);
	*d = (Dense){ .type = t, .data = data, .nbytes = nbytes };
	d->splat = t.rank && nbytes == each && type_numel(t) >= 1;
	Attr attr = { .set = true, .dense = d };
	return emit(b, OP_constant, &t, 0, NULL, &attr);
}

static Value splat_bytes(Builder *b, Type t, const uint8_t *bytes)
{
	if (b->m->err->code) return 0;
	if (!is_static(t)) {
		Value one = splat_bytes(b, (Type){ .kind = TYPE_TENSOR, .elem = t.elem }, bytes);
		return hlo_broadcast_in_dim(b, one, t.rank, t.dim, (Ints){ 0 });
	}
	size_t n = dtype_nbytes(t.elem);
	return hlo_constant(b, t, arena_copy(b->a, bytes, 1, n), type_numel(t) ? n : 0);
}

Value hlo_splat(Builder *b, Type t, double v)
{
	uint8_t bytes[16] = { 0 };
	dtype_store(t.elem, bytes, 0, v);
	return splat_bytes(b, t, bytes);
}

Value hlo_splat_int(Builder *b, Type t, int64_t v)
{
	uint8_t bytes[16] = { 0 };
	if (is_int(t.elem) || t.elem == DTYPE_bool) dtype_store_int(t.elem, bytes, v);
	else dtype_store(t.elem, bytes, 0, (double)v);
	return splat_bytes(b, t, bytes);
}

Value hlo_ints(Builder *b, int n, const int64_t *v, DType elem)
{
	size_t each = dtype_nbytes(elem);
	uint8_t *data = NEW(b->a, uint8_t, (size_t)n * each + 1);
	for (int i = 0; i < n; i++) dtype_store_int(elem, data + (size_t)i * each, v[i]);
	int64_t dim[1] = { n };
	return hlo_constant(b, tensor_type(b->a, elem, 1, dim), data, (size_t)n * each);
}

static int64_t int_limit(DType t, bool top)
{
	int n = dtype_info(t)->nbits;
	if (t == DTYPE_bool) return top;
	if (is_unsigned(t)) return top ? (n == 64 ? -1 : ((int64_t)1 << n) - 1) : 0;
	int64_t most = (int64_t)(((uint64_t)1 << (n - 1)) - 1);
	return top ? most : -most - 1;
}

/* Infinity where the type has one, its largest finite value where it has not. */
static Value limit(Builder *b, DType t, bool top)
{
	if (is_complex(t) || !dtype_info(t)->nbits)
		return build_fail(b, BAD_INPUT, "%s has no order", dtype_name(t));
	if (!is_float(t)) return scalar_int(b, int_limit(t, top), t);
	uint8_t bytes[16] = { 0 };
	dtype_store(t, bytes, 0, INFINITY);
	bool has_inf = isinf(dtype_load(t, bytes, 0));
	double most = has_inf ? INFINITY : t == DTYPE_f8e4m3fn ? 448 : t == DTYPE_f8e4m3fnuz ? 240 : t == DTYPE_f8e5m2fnuz ? 57344
	            : t == DTYPE_f8e4m3b11 ? 30 : dtype_load(t, bytes, 0);
	return scalar(b, top ? most : -most, t);
}

Value lowest(Builder *b, DType elem) { return limit(b, elem, false); }
Value highest(Builder *b, DType elem) { return limit(b, elem, true); }
