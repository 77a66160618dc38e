/* Common subexpressions: a hash table over the pure, region-free ops of a function's body, filled as it is
 * built. */
#include "stablehlo/ir.h"

#include <string.h>

struct Cse {
	int nslot, nused;
	struct { uint64_t hash; Op *op; } *slot;
};

struct Cse *cse_new(Arena *a) { return NEW(a, struct Cse, 1); }

static bool ints_eq(Ints x, Ints y)
{
	return x.n == y.n && (!x.n || !memcmp(x.v, y.v, (size_t)x.n * sizeof *x.v));
}

static uint64_t ints_hash(Ints x, uint64_t h)
{
	return hash_bytes(x.v, (size_t)x.n * sizeof *x.v, h + (uint64_t)x.n);
}

static bool conv_eq(const ConvDims *x, const ConvDims *y)
{
	return x->input_batch == y->input_batch && x->input_feature == y->input_feature
	    && x->kernel_input_feature == y->kernel_input_feature && x->kernel_output_feature == y->kernel_output_feature
	    && x->output_batch == y->output_batch && x->output_feature == y->output_feature
	    && ints_eq(x->input_spatial, y->input_spatial) && ints_eq(x->kernel_spatial, y->kernel_spatial)
	    && ints_eq(x->output_spatial, y->output_spatial);
}

static bool dot_eq(const DotDims *x, const DotDims *y)
{
	return ints_eq(x->lhs_batching, y->lhs_batching) && ints_eq(x->rhs_batching, y->rhs_batching)
	    && ints_eq(x->lhs_contracting, y->lhs_contracting) && ints_eq(x->rhs_contracting, y->rhs_contracting);
}

static bool gather_eq(const GatherDims *x, const GatherDims *y)
{
	return x->index_vector_dim == y->index_vector_dim && ints_eq(x->offset_dims, y->offset_dims)
	    && ints_eq(x->collapsed_slice_dims, y->collapsed_slice_dims)
	    && ints_eq(x->operand_batching_dims, y->operand_batching_dims)
	    && ints_eq(x->start_indices_batching_dims, y->start_indices_batching_dims)
	    && ints_eq(x->start_index_map, y->start_index_map);
}

static bool dense_eq(const Dense *x, const Dense *y)
{
	return type_eq(x->type, y->type) && x->splat == y->splat && x->nbytes == y->nbytes
	    && (x->data == y->data || !memcmp(x->data, y->data, x->nbytes));
}

static bool accuracy_eq(const Accuracy *x, const Accuracy *y)
{
	return x->mode == y->mode && x->ulps == y->ulps && !memcmp(&x->atol, &y->atol, sizeof x->atol)
	    && !memcmp(&x->rtol, &y->rtol, sizeof x->rtol);
}

static bool scatter_eq(const ScatterDims *x, const ScatterDims *y)
{
	return x->index_vector_dim == y->index_vector_dim && ints_eq(x->update_window_dims, y->update_window_dims)
	    && ints_eq(x->inserted_window_dims, y->inserted_window_dims) && ints_eq(x->input_batching_dims, y->input_batching_dims)
	    && ints_eq(x->scatter_indices_batching_dims, y->scatter_indices_batching_dims)
	    && ints_eq(x->scatter_dims_to_operand_dims, y->scatter_dims_to_operand_dims);
}

static bool any_eq(const Any *x, const Any *y)
{
	if (x == y) return true;
	if (x->kind != y->kind) return false;
	switch (x->kind) {
	case ANY_STR: case ANY_SYMBOL: case ANY_VERBATIM: return !strcmp(x->str, y->str);
	case ANY_INT: return x->i == y->i && x->elem == y->elem;
	case ANY_I64: case ANY_I32: case ANY_BOOL: return x->i == y->i;
	case ANY_F32: case ANY_F64: return !memcmp(&x->f, &y->f, sizeof x->f);
	case ANY_DENSE: return dense_eq(x->dense, y->dense);
	case ANY_ARRAY: case ANY_DICT:
		if (x->n != y->n) return false;
		for (int i = 0; i < x->n; i++)
			if ((x->kind == ANY_DICT && strcmp(x->key[i], y->key[i])) || !any_eq(&x->item[i], &y->item[i])) return false;
		return true;
	default: return false;
	}
}

/* Kinds of which it is not known here are equal only to themselves. */
bool attr_eq(AttrKind kind, const Attr *x, const Attr *y)
{
	if (x->set != y->set) return false;
	if (!x->set) return true;
	switch (kind) {
	case KIND_I64: case KIND_I32: case KIND_BOOL: case KIND_UNIT: case KIND_DIRECTION: case KIND_COMPARE_TYPE:
	case KIND_FFT_TYPE: case KIND_TRANSPOSE: case KIND_RNG_ALGORITHM: case KIND_RNG_DISTRIBUTION:
		return x->i == y->i;
	case KIND_F32: return !memcmp(&x->f, &y->f, sizeof x->f);
	case KIND_STR: case KIND_SYMBOL: return !strcmp(x->str, y->str);
	case KIND_DIMS: case KIND_BOOLS: case KIND_PADDING: case KIND_PRECISION: return ints_eq(x->ints, y->ints);
	case KIND_DENSE: return dense_eq(x->dense, y->dense);
	case KIND_CONV_DIMS: return conv_eq(x->conv, y->conv);
	case KIND_DOT_DIMS: return dot_eq(x->dot, y->dot);
	case KIND_GATHER_DIMS: return gather_eq(x->gather, y->gather);
	case KIND_SCATTER_DIMS: return scatter_eq(x->scatter, y->scatter);
	case KIND_DICT: case KIND_STR_OR_DICT: case KIND_ARRAY: return any_eq(x->any, y->any);
	case KIND_ACCURACY: return accuracy_eq(x->accuracy, y->accuracy);
	default: return x->any == y->any;
	}
}

/* Long constants are hashed by their head: equality decides. */
uint64_t attr_hash(AttrKind kind, const Attr *x)
{
	if (!x->set) return 1;
	switch (kind) {
	case KIND_I64: case KIND_I32: case KIND_BOOL: case KIND_UNIT: case KIND_DIRECTION: case KIND_COMPARE_TYPE:
	case KIND_FFT_TYPE: case KIND_TRANSPOSE: case KIND_RNG_ALGORITHM: case KIND_RNG_DISTRIBUTION:
		return (uint64_t)x->i + 2;
	case KIND_DIMS: case KIND_BOOLS: case KIND_PADDING: case KIND_PRECISION: return ints_hash(x->ints, 3);
	case KIND_DENSE: return hash_bytes(x->dense->data, x->dense->nbytes < 64 ? x->dense->nbytes : 64,
		(uint64_t)x->dense->type.elem);
	case KIND_DOT_DIMS: return ints_hash(x->dot->rhs_contracting, ints_hash(x->dot->lhs_contracting, 5));
	default: return 7;
	}
}

static uint64_t op_hash(OpCode code, int nin, const Value *in, const Attr *attr, Type t)
{
	uint64_t h = hash_bytes(in, (size_t)nin * sizeof *in, (uint64_t)code);
	h = hash_bytes(t.dim, (size_t)t.rank * sizeof *t.dim, h + (uint64_t)t.elem);
	for (int i = 0; attr && op_table[code].attr[i].name; i++)
		h = h * 31 + attr_hash(op_table[code].attr[i].kind, &attr[i]);
	return h * 0x9e3779b97f4a7c15u;
}

static bool op_eq(Builder *b, const Op *op, OpCode code, int nout, const Type *t, int nin, const Value *in,
	const Attr *attr)
{
	static const Attr unset;
	if (op->code != code || op->nin != nin || op->nout != nout) return false;
	if (nin && memcmp(op->in, in, (size_t)nin * sizeof *in)) return false;
	for (int i = 0; i < nout; i++)
		if (!type_eq(type_of(b, op->out + (Value)i), t[i])) return false;
	for (int i = 0; op_table[code].attr[i].name; i++)
		if (!attr_eq(op_table[code].attr[i].kind, &op->attr[i], attr ? &attr[i] : &unset)) return false;
	return true;
}

/* Only the body: what a region computes is not visible outside it. */
static bool mergeable(const Builder *b, OpCode code, int nout)
{
	return nout == 1 && b->at == &b->func->body && !op_table[code].effect;
}

Op *cse_find(Builder *b, OpCode code, int nout, const Type *t, int nin, const Value *in, const Attr *attr)
{
	struct Cse *c = b->cse;
	if (!c || !c->nslot || !mergeable(b, code, nout)) return NULL;
	uint64_t h = op_hash(code, nin, in, attr, t[0]);
	for (uint64_t at = h;; at++) {
		int i = (int)(at & (uint64_t)(c->nslot - 1));
		if (!c->slot[i].op) return NULL;
		if (c->slot[i].hash == h && op_eq(b, c->slot[i].op, code, nout, t, nin, in, attr))
			return c->slot[i].op;
	}
}

static void enter(struct Cse *c, uint64_t hash, Op *op)
{
	uint64_t at = hash;
	while (c->slot[at & (uint64_t)(c->nslot - 1)].op) at++;
	c->slot[at & (uint64_t)(c->nslot - 1)].hash = hash;
	c->slot[at & (uint64_t)(c->nslot - 1)].op = op;
}

void cse_add(Builder *b, Op *op)
{
	struct Cse *c = b->cse;
	if (!c || op->nregion || !mergeable(b, op->code, op->nout)) return;
	if (4 * (c->nused + 1) > 3 * c->nslot) {
		struct Cse old = *c;
		c->nslot = old.nslot ? 2 * old.nslot : 256;
		c->slot = arena_alloc(b->a, (size_t)c->nslot, sizeof *c->slot);
		for (int i = 0; i < old.nslot; i++)
			if (old.slot[i].op) enter(c, old.slot[i].hash, old.slot[i].op);
	}
	c->nused++;
	enter(c, op_hash(op->code, op->nin, op->in, op->attr, type_of(b, op->out)), op);
}
