/* Common subexpressions: a hash table over the pure, region-free ops of a function's body, filled as it is
 * built. */
#include "stablehlo/ir.h"

#include <string.h>

struct Cse {
	int nslot, nused;
	struct { uint64_t hash; Op *op; } *slot;
};

struct Cse *cse_new(Arena *a) { return NEW(a, struct Cse, 1); }

static uint64_t ints_hash(Ints x, uint64_t h)
{
	return hash_bytes(x.v, (size_t)x.n * sizeof *x.v, h + (uint64_t)x.n);
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
