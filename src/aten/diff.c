/* Differences of neighbours. */
#include "aten/rules.h"

/* One difference along dim: x[1:] - x[:-1]; of booleans, where they differ. */
static Value differences(Builder *b, Value x, int dim)
{
	Type t = x ? type_of(b, x) : (Type){ 0 };
	if (!t.kind) return 0;
	Value after = slice_dim(b, x, dim, 1, t.dim[dim], 1);
	Value before = slice_dim(b, x, dim, 0, dim_minus(dims_of(b->m), t.dim[dim], 1), 1);
	return t.elem == DTYPE_bool ? hlo_compare(b, DIRECTION_NE, after, before) : hlo_subtract(b, after, before);
}

/* aten.diff(self, n=1, dim=-1, prepend=None, append=None): n times the differences of [prepend, self, append] along dim;
 * self alone when n = 0, as torch has it */
Value lower_diff(Node *n)
{
	enum { MOST = 1000 };         /* each is an op of its own */
	Builder *b = n->b;
	int64_t times = arg_int(n, "n", 1);
	if (!times) return arg_as(n, "self", n->out.elem);
	if (times > MOST) return node_fail(n, UNSUPPORTED, "differences of order %lld", (long long)times);
	Value part[3];
	int count = 0;
	const char *names[] = { "prepend", "self", "append" };
	for (int i = 0; i < 3; i++)
		if (has_arg(n, names[i])) part[count++] = arg_as(n, names[i], n->out.elem);
	int dim = arg_dim(n, "dim", -1, n->out.rank);
	Value x = hlo_concatenate(b, count, part, dim);
	for (; times > 0 && x && type_of(b, x).dim[dim] != 0; times--) x = differences(b, x, dim);
	return x;
}
