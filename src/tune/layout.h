/* Inside tune: values whose dimensions stand in another order than in the program. */
#ifndef TUNE_LAYOUT_H
#define TUNE_LAYOUT_H

#include "stablehlo/clone.h"

enum { MOST_DIMS = 64 };

/* Dimension i of v is dimension perm[i] of the value that it stands for. v 0: it is not held so. */
typedef struct Held {
	Value v;
	const int *perm;             /* [rank] */
} Held;

typedef struct Layout { Held *held; } Layout;      /* [from->value.n] */

Held *held(Clone *c, Value v);
/* From here on `as`, in this order, stands for v. */
void hold(Clone *c, Value v, Value as, int rank, const int *perm);
/* What stands for v, in the program's order; in the given one. */
Value plain(Clone *c, Value v);
Value in_order(Clone *c, Value v, const int *perm);

Type permuted_type(Clone *c, Type t, const int *perm);
Ints reordered(Clone *c, Ints x, const int *perm);
void inverse(int rank, const int *perm, int *place);
bool is_identity(int rank, const int *perm);

/* The op on operands in that order, when it is one that can be; else false (follow.c). */
bool follow(Clone *c, const Op *op, const int *perm);

#endif
