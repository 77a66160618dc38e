/* A function again, op by op, in another module or in its own: what passes that rewrite stand on. */
#ifndef STABLEHLO_CLONE_H
#define STABLEHLO_CLONE_H

#include "stablehlo/stablehlo.h"

typedef struct Clone Clone;
struct Clone {
	const Module *from;
	bool keep_calls, keep_composites;    /* they stay: else what they call is put in their place */
	bool in_regions;             /* rewrite sees the ops of regions too */
	Builder *b;                  /* at the new function's body */
	Value *now;                  /* [from->value.n]: what stands for a value of `from`, 0: nothing yet */
	bool *inside;                /* [from->value.n]: of a region within a function's body */
	int depth, nops;             /* of calls; so far */
	/* What the pass does of its own outside of regions, each may be NULL. rewrite: whether it has seen to the op, by setting now[] of its
	 * results or in its own way; value: what stands for a value where an op that the pass does not know wants it. */
	bool (*rewrite)(Clone *c, const Op *op);
	Value (*value)(Clone *c, Value v);
	void *pass;
};

/* To begin with: at b, which has made nothing yet. The new module has the locations of c->from; what a pass makes for an op has the op's. */
void clone_begin(Clone *c, Builder *b);
/* One more argument of the new function, of that type, which stands for v. */
Value clone_argument(Clone *c, Value v, Type type, const char *name);
/* The function's ops, calls inlined, and what it returns. */
void clone_body(Clone *c, const Func *f);
/* The ops of a body or a region but its return, whose operands go to ret. */
void clone_ops(Clone *c, const Region *from, int *nret, Value **ret);
/* A call's function or a composite's; NULL: it is missing. */
const Func *clone_callee(const Clone *c, const Op *op);
/* With these operands, types of results and regions; the results are entered in now[]. */
void clone_emit(Clone *c, const Op *op, const Type *t, const Value *in, Region *const *region);
/* As it stands, on what its operands became. */
void clone_op(Clone *c, const Op *op);
/* arg: [from->narg] the types of its arguments; NULL: as they were. */
Region *clone_region(Clone *c, const Region *from, const Type *arg);
Value clone_value(Clone *c, Value v);
/* Of the op, in an array that is the caller's. */
Value *clone_operands(Clone *c, const Op *op);

/* clone_body() into `to`, an empty module, for a function of the same arguments, or of these types: arg, [f->narg], NULL: as they were. `to` borrows
 * of c->from, which must outlive it. */
bool clone_function(Clone *c, const Func *f, const Type *arg, Module *to);

const Attr *op_attr(const Op *op, const char *name);
/* The op's attributes, to be changed. */
Attr *copied_attrs(Arena *a, const Op *op);

#endif
