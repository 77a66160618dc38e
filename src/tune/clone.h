/* A function again, op by op, in another module: what passes that rewrite stand on. */
#ifndef TUNE_CLONE_H
#define TUNE_CLONE_H

#include "stablehlo/stablehlo.h"

typedef struct Clone Clone;
struct Clone {
	const Module *from;
	Builder *b;                  /* at the new function's body */
	Value *now;                  /* [from->value.n]: what stands for a value of `from`, 0: nothing yet */
	bool *inside;                /* [from->value.n]: of a region within a function's body */
	int depth;                   /* of calls */
	/* What the pass does of its own outside of regions, each may be NULL. rewrite: whether it has seen to the op, by setting now[] of its
	 * results or in its own way; value: what stands for a value where an op that the pass does not know wants it. */
	bool (*rewrite)(Clone *c, const Op *op);
	Value (*value)(Clone *c, Value v);
	void *pass;
};

/* To begin with: at b, which has made nothing yet. The new module has the locations of c->from; what a pass makes for an op has the op's. */
void clone_begin(Clone *c, Builder *b);
/* One more argument of the new function, which stands for v. */
Value clone_argument(Clone *c, Value v, const char *name);
/* The function's ops, calls inlined, and what it returns. */
void clone_body(Clone *c, const Func *f);
/* A call's function or a composite's; NULL: it is missing. */
const Func *clone_callee(const Clone *c, const Op *op);
/* As it stands, on what its operands became. */
void clone_op(Clone *c, const Op *op);
Region *clone_region(Clone *c, const Region *from);
Value clone_value(Clone *c, Value v);

/* clone_body() into `to`, an empty module, for a function of the same arguments. `to` borrows of c->from, which must outlive it. */
bool clone_function(Clone *c, const Func *f, Module *to);

const Attr *op_attr(const Op *op, const char *name);
/* The op's attributes, to be changed. */
Attr *copied_attrs(Arena *a, const Op *op);

#endif
