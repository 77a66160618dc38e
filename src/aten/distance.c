/* Distances and angles between vectors. f16 and bf16 are computed in f32. */
#include "aten/pointwise.h"
#include "aten/rules.h"

/* aten.dist(self, other, p=2): the p-norm of self - other */
Value lower_dist(Node *n)
{
	Builder *b = n->b;
	Pair p = float_pair(n, "self", "other");
	Value x = hlo_subtract(b, p.x, p.y);
	x = hlo_abs(b, x);
	x = norm_over(b, x, arg_num(n, "p", 2), all_dims(b, p.t.rank));
	return cast(b, x, n->out.elem);
}

/* |x - y + eps|_p over the last dim; integers are subtracted as such */
static Value distance(Builder *b, Pair pair, double p, double eps)
{
	int rank = pair.t.rank;
	DType t = pair.t.elem;
	Value x = hlo_subtract(b, pair.x, pair.y);
	x = cast(b, x, is_float(t) || is_complex(t) ? t : DTYPE_f32);
	x = plus(b, x, eps);
	x = hlo_abs(b, x);
	return norm_over(b, x, p, rank ? one_dim(b, rank - 1) : (Ints){ 0 });
}

/* aten.pairwise_distance(x1[*, D], x2[*, D], p=2, eps, keepdim) */
Value lower_pairwise_distance(Node *n)
{
	Builder *b = n->b;
	Value x = distance(b, work_pair(n, "x1", "x2"), arg_num(n, "p", 2), arg_num(n, "eps", 1e-6));
	x = reshape_to(b, x, n->out);
	return cast(b, x, n->out.elem);
}

/* -- all pairs ------------------------------------------------------------------------------------------- */

/* x [*B, P, M], y [*B, R, M] -> [*B, P, R]: the p-norm of every difference */
static Value all_distances(Node *n, const char *x_name, const char *y_name, double p)
{
	Builder *b = n->b;
	Type t = n->out;
	DType elem = acc_type(t.elem);
	Value x = arg_as(n, x_name, elem), y = arg_as(n, y_name, elem);
	int64_t *d = NEW(b->a, int64_t, t.rank + 1);
	for (int i = 0; i < t.rank; i++) d[i] = t.dim[i];
	Type tx = known_type(b, x), ty = known_type(b, y);
	if (tx.rank < 2 || ty.rank < 2) return tx.kind ? node_fail(n, BAD_INPUT, "vectors %s", type_str(n->a, tx)) : 0;
	d[t.rank] = tx.dim[tx.rank - 1];
	Type cube = tensor_type(b->a, elem, t.rank + 1, d);
	x = unsqueeze_dim(b, x, tx.rank - 1);                         /* [*B, P, 1, M] */
	y = unsqueeze_dim(b, y, ty.rank - 2);                         /* [*B, 1, R, M] */
	x = broadcast(b, x, cube);
	y = broadcast(b, y, cube);
	x = hlo_subtract(b, x, y);
	x = hlo_abs(b, x);
	x = distance_over(b, x, p, one_dim(b, t.rank));
	return cast(b, x, t.elem);
}

/* aten.cdist(x1, x2, p=2, compute_mode?), aten._cdist_forward; the mode chooses between ways of computing
 * the same */
Value lower_cdist(Node *n) { return all_distances(n, "x1", "x2", arg_num(n, "p", 2)); }

/* aten._euclidean_dist(x1, x2) */
Value lower_euclidean_dist(Node *n) { return all_distances(n, "x1", "x2", 2); }

/* -- angles, and losses of both -------------------------------------------------------------------------- */

/* sum x y over dims */
static Value dot_over(Builder *b, Value x, Value y, Ints dims)
{
	x = hlo_multiply(b, x, y);
	return sum_over(b, x, dims);
}

/* x over its norm along dims, which counts as eps at least */
static Value normalized(Builder *b, Value x, Ints dims, double eps)
{
	Type t = known_type(b, x);
	Value size = norm_over(b, hlo_abs(b, x), 2, dims);
	size = at_least(b, size, eps);
	size = spread_over(b, size, dims, t);
	return hlo_divide(b, x, size);
}

/* aten.cosine_similarity(x1, x2, dim=1, eps): the dot product of both, each over its norm */
Value lower_cosine_similarity(Node *n)
{
	Builder *b = n->b;
	Pair p = float_pair(n, "x1", "x2");
	int dim = arg_dim(n, "dim", 1, p.t.rank);
	Ints dims = p.t.rank ? one_dim(b, dim) : (Ints){ 0 };
	double eps = arg_num(n, "eps", 1e-8);
	Value x = normalized(b, p.x, dims, eps);
	Value y = normalized(b, p.y, dims, eps);
	x = dot_over(b, x, y, dims);
	return cast(b, x, n->out.elem);
}

/* aten.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction): max(d(anchor,
 * positive) - d(anchor, negative) + margin, 0); swap: the nearer of anchor and positive to negative counts */
Value lower_triplet_margin_loss(Node *n)
{
	Builder *b = n->b;
	double p = arg_num(n, "p", 2), eps = arg_num(n, "eps", 1e-6);
	Value d_near = distance(b, work_pair(n, "anchor", "positive"), p, eps);
	Value d_far = distance(b, work_pair(n, "anchor", "negative"), p, eps);
	if (arg_bool(n, "swap", false)) {
		Value d = distance(b, work_pair(n, "positive", "negative"), p, eps);
		d_far = hlo_minimum(b, d_far, d);
	}
	Value x = hlo_subtract(b, d_near, d_far);
	x = plus(b, x, arg_num(n, "margin", 1));
	x = at_least(b, x, 0);
	return reduced_loss(n, x);
}

/* aten.cosine_embedding_loss(input1[N?, D], input2[N?, D], target[N?], margin, reduction):
 * target 1: 1 - cos; target -1: max(cos - margin, 0); cos = xy / sqrt((xx + 1e-12) (yy + 1e-12)) */
Value lower_cosine_embedding_loss(Node *n)
{
	Builder *b = n->b;
	Pair p = float_pair(n, "input1", "input2");
	if (!p.t.rank) return 0;
	Ints dims = one_dim(b, p.t.rank - 1);
	Value xx = dot_over(b, p.x, p.x, dims);
	Value yy = dot_over(b, p.y, p.y, dims);
	xx = plus(b, xx, 1e-12);
	yy = plus(b, yy, 1e-12);
	Value size = hlo_multiply(b, xx, yy);
	size = hlo_sqrt(b, size);
	Value cos = dot_over(b, p.x, p.y, dims);
	cos = hlo_divide(b, cos, size);
	Value alike = minus_from(b, 1, cos);
	Value apart = plus(b, cos, -arg_num(n, "margin", 0));
	apart = at_least(b, apart, 0);
	Value target = broadcast(b, arg(n, "target"), known_type(b, cos));
	Value other = is(b, DIRECTION_NE, target, -1);
	apart = if_num(b, other, 0, apart);
	Value same = is(b, DIRECTION_EQ, target, 1);
	cos = hlo_select(b, same, alike, apart);
	return reduced_loss(n, cos);
}
