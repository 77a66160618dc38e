/* Products of matrices by group: each run of rows or columns with a matrix of its own (mixtures of experts). Every group is
 * multiplied with all rows, and the product of the right one is kept: StableHLO has no product of ragged groups. */
#include "aten/layers.h"
#include "aten/rules.h"

/* Which group each of `size` places belongs to, as a mask [G, size]: group g is offs[g - 1] .. offs[g]. */
static Value group_mask(Node *n, int64_t size)
{
	Builder *b = n->b;
	Value end = arg_as(n, "offs", DTYPE_i64);
	Type t = known_type(b, end);
	if (t.rank != 1 || t.dim[0] < 1) return t.kind ? node_fail(n, BAD_INPUT, "offs %s", type_str(n->a, t)) : 0;
	Type mask = tensor_type(n->a, DTYPE_i64, 2, (int64_t[]){ t.dim[0], size });
	Value zero = scalar_int(b, 0, DTYPE_i64);
	Value start = hlo_pad(b, end, zero, (int64_t[]){ 1 }, (int64_t[]){ -1 }, NULL);
	Value at = positions(b, mask, 1, DTYPE_i64);
	Value from = hlo_compare(b, DIRECTION_GE, at, along(b, start, 0, mask));
	Value to = hlo_compare(b, DIRECTION_LT, at, along(b, end, 0, mask));
	return hlo_and(b, from, to);
}

/* The sum over groups of x [G, *], of which each place has one: its own along dim */
static Value own_group(Builder *b, Value x, Value mask, int dim)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	mask = hlo_broadcast_in_dim(b, mask, t.rank, t.dim, (Ints){ 2, (int64_t[]){ 0, dim } });
	Value zero = full(b, t, 0);
	x = hlo_select(b, mask, x, zero);
	return sum_over(b, x, one_dim(b, 0));
}

/* x, of rank 2, once for each group: [G, *] */
static Value for_each(Builder *b, Value x, int64_t groups)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	return hlo_broadcast_in_dim(b, x, 3, (int64_t[]){ groups, t.dim[0], t.dim[1] }, iota_ints(b->a, 1, 2));
}

/* [M, S] by [S, N] cut along S: [G, M, N] */
static Value by_inner(Node *n, Value x, Value y, DType acc)
{
	Builder *b = n->b;
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Value mask = group_mask(n, t.dim[1]);
	int64_t groups = known_type(b, mask).kind ? type_of(b, mask).dim[0] : 0;
	x = for_each(b, x, groups);
	y = for_each(b, y, groups);
	Type tx = known_type(b, x), ty = known_type(b, y);
	if (!tx.kind || !ty.kind) return 0;
	Value mx = hlo_broadcast_in_dim(b, mask, 3, tx.dim, (Ints){ 2, (int64_t[]){ 0, 2 } });
	Value my = hlo_broadcast_in_dim(b, mask, 3, ty.dim, (Ints){ 2, (int64_t[]){ 0, 1 } });
	x = hlo_select(b, mx, x, full(b, tx, 0));
	y = hlo_select(b, my, y, full(b, ty, 0));
	return matmul(n, x, y, acc);
}

static Value grouped(Node *n, Value x, Value y)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Type tx = known_type(b, x), ty = known_type(b, y);
	if (!tx.kind || !ty.kind) return 0;
	if (tx.rank == 3 && ty.rank == 3) return matmul(n, x, y, acc);
	if (tx.rank == 2 && ty.rank == 2) return by_inner(n, x, y, acc);
	if (tx.rank + ty.rank != 5 || tx.rank < 2 || ty.rank < 2)
		return node_fail(n, BAD_INPUT, "%s by %s", type_str(n->a, tx), type_str(n->a, ty));
	bool rows = tx.rank == 2;            /* [S, K] by [G, K, N], or [G, M, K] by [K, S] */
	Value mask = group_mask(n, rows ? tx.dim[0] : ty.dim[1]);
	if (rows) x = for_each(b, x, ty.dim[0]);
	else y = for_each(b, y, tx.dim[0]);
	x = matmul(n, x, y, acc);
	return own_group(b, x, mask, rows ? 1 : 2);
}

/* aten._grouped_mm(self, mat2, offs?, bias?, out_dtype?): [S, K] by [G, K, N], [G, M, K] by [K, S], [M, S] by [S, N] with S cut at
 * offs, or [G, M, K] by [G, K, N] */
Value lower_grouped_mm(Node *n)
{
	if (has_arg(n, "bias")) return node_fail(n, UNSUPPORTED, "a bias");
	Value x = arg(n, "self");
	Value y = arg(n, "mat2");
	x = grouped(n, x, y);
	return cast(n->b, x, n->out.elem);
}

/* transformers.grouped_mm_fallback(input[S, K], weight[G, K, N], offs[G]): the same */
Value lower_grouped_mm_fallback(Node *n)
{
	Value x = arg(n, "input");
	Value y = arg(n, "weight");
	x = grouped(n, x, y);
	return cast(n->b, x, n->out.elem);
}
