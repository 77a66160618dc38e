/* Table look-ups: embedding, embedding_bag, one_hot. */
#include "aten/index.h"
#include "aten/rules.h"

#include <math.h>

/* aten.embedding(weight[V, D], indices[*I]) -> [*I, D]; padding_idx and the scaling of gradients do not
 * change the values */
Value lower_embedding(Node *n)
{
	Value weight = arg(n, "weight");
	Value indices = arg(n, "indices");
	return take_at(n->b, weight, 0, indices);
}

/* aten.one_hot(self[*S], num_classes) -> [*S, C]: 1 where the class is self */
Value lower_one_hot(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	int rank = rank_of(b, x);
	Type t = with_elem(n->out, elem_of(b, x));
	x = hlo_broadcast_in_dim(b, x, t.rank, t.dim, all_dims(b, rank));
	Value class = positions(b, t, rank, t.elem);
	Value hot = hlo_compare(b, DIRECTION_EQ, x, class);
	return hlo_convert(b, hot, n->out.elem);
}

/* aten.embedding_renorm(self[V, D], indices, max_norm, norm_type): rows that are looked up and whose norm
 * is above max_norm, scaled by max_norm / (norm + 1e-7) */
Value lower_embedding_renorm(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", acc_type(n->out.elem));
	Value indices = arg(n, "indices");
	indices = flattened(b, indices);
	if (!x || !indices) return 0;
	if (rank_of(b, x) != 2) return node_fail(n, BAD_INPUT, "a table of rank %d", rank_of(b, x));
	Type t = type_of(b, x), rows = without_dims(b, t, one_dim(b, 1));
	double p = arg_num(n, "norm_type", 2);
	Value size = hlo_abs(b, x);
	Value power = full(b, t, p);
	size = p == INFINITY || p == 1 ? size : hlo_power(b, size, power);
	Value norm = reduce_over(b, p == INFINITY ? OP_maximum : OP_add, size, one_dim(b, 1));
	Value root = full(b, rows, 1 / p);
	norm = p == INFINITY || p == 1 ? norm : hlo_power(b, norm, root);
	Value most = full(b, rows, arg_num(n, "max_norm", 0));
	Value above = hlo_compare(b, DIRECTION_GT, norm, most);
	Type flag = with_elem(rows, DTYPE_bool);
	Value no = full(b, flag, 0), yes = full(b, with_elem(type_of(b, indices), DTYPE_bool), 1);
	Value used = write_at(b, no, place_slices(b, flag, 0, indices), yes);
	above = hlo_and(b, above, used);
	Value tiny = full(b, rows, 1e-7);
	norm = hlo_add(b, norm, tiny);
	Value scale = hlo_divide(b, most, norm);
	Value one = full(b, rows, 1);
	scale = hlo_select(b, above, scale, one);
	scale = along(b, scale, 0, t);
	x = hlo_multiply(b, x, scale);
	return cast(b, x, n->out.elem);
}

/* -- bags ------------------------------------------------------------------------------------------------ */

/* What embedding_bag works on: rows[N, D] of the table, which bag each belongs to, and whether it counts. */
typedef struct Bags {
	int64_t n, count;        /* indices, bags */
	Value index;             /* i64[N] */
	Value rows;              /* acc[N, D] */
	Value bag;               /* i64[N] */
	Value counts;            /* bool[N]: not padding; 0 when all count */
	Type out;                /* acc[B, D] */
	DType acc;
} Bags;

/* Bag of position i: how many offsets are <= i, less one. [N] from offsets[B] (or [B + 1] with the end of
 * the last). */
static Value bag_of(Node *n, int64_t size, int64_t count)
{
	Builder *b = n->b;
	Value offsets = arg_as(n, "offsets", DTYPE_i64);
	offsets = offsets ? slice_dim(b, offsets, 0, 0, count, 1) : 0;
	Type t = tensor_type(n->a, DTYPE_i64, 2, (int64_t[]){ size, count });
	offsets = along(b, offsets, 1, t);
	Value at = positions(b, t, 0, DTYPE_i64);
	Value begun = hlo_compare(b, DIRECTION_LE, offsets, at);
	begun = hlo_convert(b, begun, DTYPE_i64);
	Value bag = sum_over(b, begun, one_dim(b, 1));
	Value one = full_like(b, bag, 1);
	return hlo_subtract(b, bag, one);
}

/* padding: the table row that does not count, or -1 */
static bool arg_bags(Node *n, Bags *g, int64_t padding)
{
	Builder *b = n->b;
	Value weight = arg(n, "weight");
	g->index = arg_as(n, "indices", DTYPE_i64);
	if (!weight || !g->index) return false;
	if (rank_of(b, g->index) != 1)
		return node_fail(n, UNSUPPORTED, "indices of rank %d", rank_of(b, g->index));
	if (rank_of(b, weight) != 2 || n->out.rank != 2)
		return node_fail(n, BAD_INPUT, "a table of rank %d", rank_of(b, weight));
	g->n = type_of(b, g->index).dim[0];
	g->count = n->out.dim[0];
	g->acc = acc_type(n->out.elem);
	g->out = with_elem(n->out, g->acc);
	g->bag = bag_of(n, g->n, g->count);
	g->rows = take_at(b, weight, 0, g->index);
	g->rows = cast(b, g->rows, g->acc);
	if (padding >= 0) {
		Value row = full_like(b, g->index, (double)padding);
		g->counts = hlo_compare(b, DIRECTION_NE, g->index, row);
	}
	return g->rows != 0;
}

/* x[N, ...] where the row counts, else otherwise */
static Value where_counted(Builder *b, Bags g, Value x, Value otherwise)
{
	if (!g.counts || !x) return x;
	Type t = type_of(b, x);
	Value counts = along(b, g.counts, 0, t);
	otherwise = broadcast(b, otherwise, t);
	return hlo_select(b, counts, x, otherwise);
}

/* i64[B]: how many rows of each bag count */
static Value bag_sizes(Builder *b, Bags g)
{
	Type t = tensor_type(b->a, DTYPE_i64, 1, &g.count);
	Value none = full(b, t, 0);
	Value one = full_like(b, g.index, 1);
	Value zero = scalar(b, 0, DTYPE_i64);
	one = where_counted(b, g, one, zero);
	return combine_at(b, OP_add, none, place_slices(b, t, 0, g.bag), one);
}

static Value sum_of_bags(Node *n, Bags g)
{
	Builder *b = n->b;
	if (has_arg(n, "per_sample_weights")) {
		Value w = arg_as(n, "per_sample_weights", g.acc);
		w = along(b, w, 0, type_of(b, g.rows));
		g.rows = hlo_multiply(b, g.rows, w);
	}
	Value zero = scalar(b, 0, g.acc);
	Value rows = where_counted(b, g, g.rows, zero);
	Value none = full(b, g.out, 0);
	return combine_at(b, OP_add, none, place_slices(b, g.out, 0, g.bag), rows);
}

/* Sum over size; of an empty bag 0. */
static Value mean_of_bags(Builder *b, Bags g, Value sum, Value sizes)
{
	Value one = full_like(b, sizes, 1);
	Value size = hlo_maximum(b, sizes, one);
	size = hlo_convert(b, size, g.acc);
	size = along(b, size, 0, g.out);
	return hlo_divide(b, sum, size);
}

/* The largest of each column; of an empty bag 0. which[B, D] is the index of the first row that has it. */
static Value max_of_bags(Node *n, Bags g, Value sizes, Value *which)
{
	Builder *b = n->b;
	Value low = lowest(b, g.acc);
	Value rows = where_counted(b, g, g.rows, low);
	Value none = broadcast(b, low, g.out);
	Place at = place_slices(b, g.out, 0, g.bag);
	Value top = combine_at(b, OP_maximum, none, at, rows);
	if (!top || !rows) return 0;
	Value mine = take_at(b, top, 0, g.bag);                              /* [N, D] */
	Value is_top = hlo_compare(b, DIRECTION_EQ, rows, mine);
	Value row = positions(b, type_of(b, rows), 0, DTYPE_i64);
	Value past = size_value(b, g.n, known_type(b, row));
	row = hlo_select(b, is_top, row, past);
	Value first = size_value(b, g.n, with_elem(g.out, DTYPE_i64));
	first = combine_at(b, OP_minimum, first, at, row);
	*which = take_at(b, g.index, 0, first);
	sizes = along(b, sizes, 0, with_elem(g.out, DTYPE_i64));
	Value zero = full(b, g.out, 0), nothing = full_like(b, sizes, 0);
	Value empty = hlo_compare(b, DIRECTION_EQ, sizes, nothing);
	*which = hlo_select(b, empty, nothing, *which);
	return hlo_select(b, empty, zero, top);
}

/* Output i: v in the type that the program says, or zeros where torch leaves the output without meaning. */
static void set_detail(Node *n, int i, Value v)
{
	Type want = out_type(n, i);
	if (!out_wanted(n, i) || !want.kind) return;
	if (v) v = hlo_convert(n->b, v, want.elem);
	set_out(n, i, v && same_shape(type_of(n->b, v), want) ? v : full(n->b, want, 0));
}

static Value embedding_bag(Node *n, int64_t padding)
{
	enum { SUM, MEAN, MAX };
	Builder *b = n->b;
	Bags g = { 0 };
	if (!arg_bags(n, &g, padding)) return 0;
	int64_t mode = arg_int(n, "mode", SUM);
	Value which = 0, sizes = bag_sizes(b, g);
	Value y = mode == MAX ? max_of_bags(n, g, sizes, &which) : sum_of_bags(n, g);
	if (mode == MEAN) y = mean_of_bags(b, g, y, sizes);
	set_detail(n, 1, g.bag);
	set_detail(n, 2, sizes);
	set_detail(n, 3, which);
	return cast(b, y, n->out.elem);
}

/* aten._embedding_bag(weight[V, D], indices[N], offsets[B], ..., mode, ..., per_sample_weights?,
 * include_last_offset, padding_idx=-1) -> (sum, mean or max of the rows of each bag [B, D], bag of each
 * index, bag sizes, indices of the maxima) */
Value lower_embedding_bag(Node *n) { return embedding_bag(n, arg_int(n, "padding_idx", -1)); }

/* aten.embedding_bag.padding_idx: here padding_idx counts from the end when negative */
Value lower_embedding_bag_padding(Node *n)
{
	Value weight = arg(n, "weight");
	if (!weight || !rank_of(n->b, weight)) return 0;
	int64_t row = arg_int(n, "padding_idx", INT64_MIN);
	if (row < 0 && has_arg(n, "padding_idx")) row += static_dim(n, type_of(n->b, weight), 0);
	return embedding_bag(n, row);
}

/* -- bags, back ------------------------------------------------------------------------------------------ */

/* "grad" [B, D], and of g what there is without a table: rows[N, D] is the gradient of the bag that each index is in. */
static bool arg_bags_back(Node *n, Bags *g, Value *grad)
{
	Builder *b = n->b;
	*grad = arg(n, "grad");
	g->index = arg_as(n, "indices", DTYPE_i64);
	if (!*grad || !g->index) return false;
	Type t = type_of(b, *grad);
	if (t.rank != 2 || rank_of(b, g->index) != 1)
		return node_fail(n, UNSUPPORTED, "gradient %s, indices of rank %d", type_str(n->a, t), rank_of(b, g->index));
	g->acc = acc_type(t.elem);
	*grad = cast(b, *grad, g->acc);
	g->n = type_of(b, g->index).dim[0];
	g->count = t.dim[0];
	g->bag = has_arg(n, "offsets") ? bag_of(n, g->n, g->count) : arg_as(n, "offset2bag", DTYPE_i64);
	g->rows = take_at(b, *grad, 0, g->bag);
	int64_t padding = arg_int(n, "padding_idx", -1);
	if (padding >= 0) {
		Value row = full_like(b, g->index, (double)padding);
		g->counts = hlo_compare(b, DIRECTION_NE, g->index, row);
	}
	return g->rows && g->bag;
}

/* Each row [N, D] over the size of its bag, which counts as 1 at least. */
static Value over_bag_size(Builder *b, Bags g, Value sizes)
{
	Value size = take_at(b, sizes, 0, g.bag);
	size = hlo_maximum(b, size, full_like(b, size, 1));
	size = hlo_convert(b, size, g.acc);
	return hlo_divide(b, g.rows, along(b, size, 0, type_of(b, g.rows)));
}

/* The gradient of each column goes to the row that had its maximum; that of an empty bag nowhere. */
static Value give_maxima(Node *n, Value grad, Value sizes, Type table)
{
	Builder *b = n->b;
	Value at = arg_as(n, "maximum_indices", DTYPE_i64);
	Value none = full_like(b, sizes, 0);
	Value empty = hlo_compare(b, DIRECTION_EQ, sizes, none);
	empty = along(b, empty, 0, with_elem(type_of(b, grad), DTYPE_bool));
	grad = hlo_select(b, empty, full_like(b, grad, 0), grad);
	return combine_at(b, OP_add, full(b, table, 0), place_along(b, table, 0, at), grad);
}

/* aten._embedding_bag_backward(grad [B, D], indices [N], offsets, offset2bag, bag_size, maximum_indices, num_weights,
 * scale_grad_by_freq, mode, sparse, per_sample_weights?, padding_idx), _embedding_bag_dense_backward(grad, indices, offset2bag, ..)
 * -> [V, D]: each row of the table gets the gradients of its bags. By scale_grad_by_freq over how often that row is looked up, as
 * documented and on CUDA; torch's CPU kernel takes the count of another row. */
Value lower_embedding_bag_backward(Node *n)
{
	enum { SUM, MEAN, MAX };
	Builder *b = n->b;
	Bags g = { 0 };
	Value grad;
	if (arg_bool(n, "sparse", false)) return node_fail(n, UNSUPPORTED, "a sparse gradient");
	if (!arg_bags_back(n, &g, &grad)) return 0;
	Type table = with_elem(n->out, g.acc);
	int64_t mode = arg_int(n, "mode", SUM);
	if (table.rank != 2) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Value sizes = bag_sizes(b, g);
	if (mode == MAX) return cast(b, give_maxima(n, grad, sizes, table), n->out.elem);
	if (mode == MEAN) g.rows = over_bag_size(b, g, sizes);
	if (!g.rows) return 0;
	if (mode == SUM && has_arg(n, "per_sample_weights")) {
		Value w = arg_as(n, "per_sample_weights", g.acc);
		g.rows = hlo_multiply(b, g.rows, along(b, w, 0, type_of(b, g.rows)));
	}
	if (arg_bool(n, "scale_grad_by_freq", false)) {
		Value times = times_used(b, g.index, table.dim[0], g.acc);
		g.rows = hlo_divide(b, g.rows, along(b, times, 0, type_of(b, g.rows)));
	}
	Value zero = scalar(b, 0, g.acc);
	Value rows = where_counted(b, g, g.rows, zero);
	rows = combine_at(b, OP_add, full(b, table, 0), place_slices(b, table, 0, g.index), rows);
	return cast(b, rows, n->out.elem);
}

/* aten._embedding_bag_per_sample_weights_backward(grad [B, D], weight [V, D], indices [N], offsets, offset2bag, mode, padding_idx)
 * -> [N]: sum over D of the bag's gradient times the row looked up, 0 for padding */
Value lower_per_sample_weights_backward(Node *n)
{
	Builder *b = n->b;
	Bags g = { 0 };
	Value grad;
	if (!arg_bags_back(n, &g, &grad)) return 0;
	Value rows = take_at(b, arg_as(n, "weight", g.acc), 0, g.index);
	rows = hlo_multiply(b, rows, g.rows);
	rows = sum_over(b, rows, one_dim(b, 1));
	Value zero = scalar(b, 0, g.acc);
	rows = where_counted(b, g, rows, zero);
	return cast(b, rows, n->out.elem);
}
