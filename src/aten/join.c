/* Tensors put together: cat, stack and their kin, meshgrid, block_diag. */
#include "aten/rules.h"

/* -- cat ------------------------------------------------------------------------------------------------- */

/* torch's legacy: a 1-d tensor of no elements may stand beside tensors of any rank. */
static bool is_nothing(Type t) { return t.rank == 1 && t.dim[0] == 0; }

/* The values end to end along dim, in the result's element type. */
static Value join(Node *n, Values x, int dim)
{
	Builder *b = n->b;
	Value *part = NEW(n->a, Value, x.n + 1);
	int count = 0;
	for (int i = 0; i < x.n; i++) {
		if (!x.v[i]) return 0;
		if (is_nothing(type_of(b, x.v[i]))) continue;
		part[count++] = cast(b, x.v[i], n->out.elem);
	}
	return count ? hlo_concatenate(b, count, part, dim) : full(b, n->out, 0);
}

/* aten.cat(tensors, dim=0) */
Value lower_cat(Node *n)
{
	Values x = arg_list(n, "tensors");
	return join(n, x, arg_dim(n, "dim", 0, n->out.rank));
}

/* aten.stack(tensors, dim=0): each with a new dim of 1, end to end */
Value lower_stack(Node *n)
{
	Values x = arg_list(n, "tensors");
	int dim = arg_dim(n, "dim", 0, n->out.rank);
	for (int i = 0; i < x.n; i++) {
		x.v[i] = x.v[i] ? unsqueeze_dim(n->b, x.v[i], dim) : 0;
		x.v[i] = cast(n->b, x.v[i], n->out.elem);
	}
	return hlo_concatenate(n->b, x.n, x.v, dim);
}

/* -- at least so many dims ------------------------------------------------------------------------------- */

/* numpy.atleast_2d: [] -> [1,1], [n] -> [1,n];  atleast_3d: [] -> [1,1,1], [n] -> [1,n,1], [m,n] ->
 * [m,n,1] */
static Value raise_rank(Builder *b, Value x, int rank)
{
	Type t = x ? type_of(b, x) : (Type){ 0 };
	if (!x || t.rank >= rank) return x;
	int64_t d[3] = { 1, 1, 1 };
	if (t.rank == 1) d[rank == 1 ? 0 : 1] = t.dim[0];
	if (t.rank == 2) d[0] = t.dim[0], d[1] = t.dim[1];
	return hlo_reshape(b, x, rank, d);
}

static Values all_raised(Node *n, int rank)
{
	Values x = arg_list(n, "tensors");
	for (int i = 0; i < x.n; i++) x.v[i] = raise_rank(n->b, x.v[i], rank);
	return x;
}

/* Gives v[i] as output i. */
static Value outputs(Node *n, Values x)
{
	for (int i = 1; i < x.n; i++) set_out(n, i, x.v[i]);
	return x.n ? x.v[0] : 0;
}

/* aten.atleast_Nd.Sequence(tensors) */
Value lower_atleast_1d(Node *n) { return outputs(n, all_raised(n, 1)); }
Value lower_atleast_2d(Node *n) { return outputs(n, all_raised(n, 2)); }
Value lower_atleast_3d(Node *n) { return outputs(n, all_raised(n, 3)); }

/* aten.hstack(tensors): along dim 1, or 0 of vectors */
Value lower_hstack(Node *n) { return join(n, all_raised(n, 1), n->out.rank > 1); }

/* aten.vstack(tensors): rows under each other; aten.dstack: along dim 2 */
Value lower_vstack(Node *n) { return join(n, all_raised(n, 2), 0); }
Value lower_dstack(Node *n) { return join(n, all_raised(n, 3), 2); }

/* aten.column_stack(tensors): vectors are columns [n,1] */
Value lower_column_stack(Node *n)
{
	Values x = arg_list(n, "tensors");
	for (int i = 0; i < x.n; i++) {
		if (!x.v[i]) return 0;
		Type t = type_of(n->b, x.v[i]);
		if (t.rank < 2) x.v[i] = hlo_reshape(n->b, x.v[i], 2, (int64_t[]){ numel_of(n->b, t), 1 });
	}
	return join(n, x, 1);
}

/* aten.block_diag(tensors): each a block, zeros elsewhere */
Value lower_block_diag(Node *n)
{
	Builder *b = n->b;
	Values x = all_raised(n, 2);
	if (n->out.rank != 2) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Value zero = scalar(b, 0, n->out.elem);
	DimTable *sizes = dims_of(b->m);
	int64_t left = 0, none[2] = { 0, 0 };
	for (int i = 0; i < x.n; i++) {
		if (!x.v[i]) return 0;
		if (rank_of(b, x.v[i]) != 2) return node_fail(n, BAD_INPUT, "a block of rank %d", rank_of(b, x.v[i]));
		int64_t width = type_of(b, x.v[i]).dim[1];
		x.v[i] = cast(b, x.v[i], n->out.elem);
		int64_t low[2] = { 0, left }, high[2] = { 0, dim_minus(sizes, n->out.dim[1], dim_plus(sizes, left, width)) };
		x.v[i] = hlo_pad_sizes(b, x.v[i], zero, low, high, none);
		left = dim_plus(sizes, left, width);
	}
	return x.n ? join(n, x, 0) : full(b, n->out, 0);
}

/* -- grids ----------------------------------------------------------------------------------------------- */

/* [n0, n1, ...]: the sizes of the vectors; a 0-d tensor counts as one element. With swap the first two
 * change places. */
static Type grid_type(Node *n, Values x, bool swap)
{
	int64_t *d = NEW(n->a, int64_t, x.n + 1);
	for (int i = 0; i < x.n; i++) d[i] = x.v[i] ? numel_of(n->b, type_of(n->b, x.v[i])) : 0;
	if (swap && x.n > 1) {
		int64_t d0 = d[0];
		d[0] = d[1];
		d[1] = d0;
	}
	return (Type){ .kind = TYPE_TENSOR, .rank = x.n, .dim = d };
}

/* Vector i laid along dim i of the grid ("ij"); "xy" lays the first two along dims 1 and 0. */
static Values grid(Node *n, Values x, bool swap)
{
	Type t = grid_type(n, x, swap);
	for (int i = 0; i < x.n; i++) {
		if (!x.v[i]) continue;
		int dim = swap && x.n > 1 && i < 2 ? 1 - i : i;
		x.v[i] = raise_rank(n->b, x.v[i], 1);
		x.v[i] = along(n->b, x.v[i], dim, t);
	}
	return x;
}

/* aten.meshgrid(tensors, indexing="ij") */
Value lower_meshgrid(Node *n)
{
	Values x = arg_list(n, "tensors");
	const char *indexing = arg_str(n, "indexing", "ij");
	return outputs(n, grid(n, x, indexing[0] == 'x'));
}

/* aten.cartesian_prod(tensors): every choice of one element of each, [n0*n1*.., count]; of one tensor:
 * itself */
Value lower_cartesian_prod(Node *n)
{
	Values x = arg_list(n, "tensors");
	if (x.n == 1) return x.v[0];
	if (n->out.rank != 2) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	int64_t column[2] = { n->out.dim[0], 1 };
	x = grid(n, x, false);
	for (int i = 0; i < x.n; i++) x.v[i] = hlo_reshape(n->b, x.v[i], 2, column);
	return hlo_concatenate(n->b, x.n, x.v, 1);
}
