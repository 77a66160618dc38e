/* Iterations of all elements at once, each until it has converged by its own test. */
#include "aten/formulas.h"
#include "aten/node.h"

/* Whether any element of a mask is set. */
static Value any(Builder *b, Value mask)
{
	return reduce_over(b, OP_or, mask, all_dims(b, known_type(b, mask).rank));
}

bool iterate(Builder *b, int n, const Value *init, Step *step, const void *env, Value *out)
{
	Type types[MAX_STATE];
	Value v[MAX_STATE], next[MAX_STATE];
	for (int i = 0; i < n; i++) {
		out[i] = 0;
		types[i] = known_type(b, init[i]);
		if (!types[i].kind) return false;
	}
	Region *cond = region_begin(b, n, types, v);
	Value more = any(b, v[0]);
	region_end(b, cond, 1, &more);
	Region *body = region_begin(b, n, types, v);
	step(b, env, v, next);
	next[0] = hlo_and(b, v[0], next[0]);
	for (int i = 1; i < n; i++) next[i] = hlo_select(b, v[0], next[i], v[i]);
	region_end(b, body, n, next);
	return hlo_while(b, n, init, cond, body, out);
}
