/* Norms of vectors and matrices, and what is measured with them: distances, cosines. f16 and bf16 are computed in f32. */
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <math.h>
#include <string.h>

/* -- vectors -------------------------------------------------------------------------------------------------------------------- */

/* |self| in "dtype" if given, widened for f16 and bf16 */
static Value magnitudes(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (has_arg(n, "dtype")) x = cast(b, x, arg_dtype(n, "dtype", n->out.elem));
	x = cast(b, x, acc_type(known_type(b, x).elem));
	x = math_abs(b, x);
	return cast(b, x, acc_type(n->out.elem));
}

static Value vector_norm(Node *n, double p)
{
	Builder *b = n->b;
	Value x = magnitudes(n);
	Type t = known_type(b, x);
	Ints dims = arg_dims(n, "dim", t.rank);
	x = norm_over(b, x, p, dims);
	x = keep_dims(b, x, dims, t, arg_bool(n, "keepdim", false));
	return cast(b, x, n->out.elem);
}

/* aten.norm(self, p=2, dim?, keepdim, *, dtype?) */
Value lower_norm(Node *n) { return vector_norm(n, arg_num(n, "p", 2)); }

/* aten.linalg_vector_norm(self, ord=2, dim?, keepdim, *, dtype?) */
Value lower_vector_norm(Node *n) { return vector_norm(n, arg_num(n, "ord", 2)); }

/* aten.frobenius_norm(self, dim, keepdim) */
Value lower_frobenius_norm(Node *n) { return vector_norm(n, 2); }

/* aten.linalg__powsum(self, ord=2, dim?, keepdim, *, dtype?): sum |x|^ord */
Value lower_powsum(Node *n)
{
	Builder *b = n->b;
	Value x = magnitudes(n);
	Type t = known_type(b, x);
	Ints dims = arg_dims(n, "dim", t.rank);
	Value p = full_like(b, x, arg_num(n, "ord", 2));
	x = hlo_power(b, x, p);
	x = sum_over(b, x, dims);
	x = keep_dims(b, x, dims, t, arg_bool(n, "keepdim", false));
	return cast(b, x, n->out.elem);
}

/* -- matrices ------------------------------------------------------------------------------------------------------------------- */

/* The two dims of the matrices; the last two without "dim". */
static Ints matrix_dims(Node *n, int rank)
{
	if (has_arg(n, "dim")) return arg_dims(n, "dim", rank);
	return iota_ints(n->a, rank - 2, 2);
}

/* The largest or smallest sum of magnitudes along `summed`. */
static Value extreme_sum(Node *n, Value x, int64_t summed, int64_t other, bool largest)
{
	Builder *b = n->b;
	Type t = known_type(b, x);
	Ints dim = one_dim(b, (int)summed);
	x = sum_over(b, x, dim);
	x = keep_dims(b, x, dim, t, true);
	x = norm_over(b, x, largest ? INFINITY : -INFINITY, one_dim(b, (int)other));
	x = reshape_to(b, x, n->out);
	return cast(b, x, n->out.elem);
}

/* ord 1: columns, inf: rows; the least of them when negative */
static Value matrix_norm(Node *n, double ord)
{
	double size = fabs(ord);
	if (size != 1 && size != INFINITY) return node_fail(n, UNSUPPORTED, "the matrix norm of order %g, which needs singular values", ord);
	Value x = magnitudes(n);
	Ints dims = matrix_dims(n, known_type(n->b, x).rank);
	if (dims.n != 2) return node_fail(n, BAD_INPUT, "a matrix norm over %d dims", dims.n);
	int sum = size == 1 ? 0 : 1;
	return extreme_sum(n, x, dims.v[sum], dims.v[1 - sum], ord > 0);
}

/* The square root of the sum of squares over both dims. */
static Value frobenius_of_matrix(Node *n)
{
	Builder *b = n->b;
	Value x = magnitudes(n);
	x = norm_over(b, x, 2, matrix_dims(n, known_type(b, x).rank));
	x = reshape_to(b, x, n->out);
	return cast(b, x, n->out.elem);
}

/* aten.linalg_matrix_norm(self, ord, dim=[-2, -1], keepdim, *, dtype?) */
Value lower_matrix_norm(Node *n) { return matrix_norm(n, arg_num(n, "ord", 1)); }

/* aten.linalg_matrix_norm.str_ord(self, ord="fro", ...), aten.linalg_norm.ord_str */
Value lower_matrix_norm_str(Node *n)
{
	const char *ord = arg_str(n, "ord", "fro");
	if (strcmp(ord, "fro")) return node_fail(n, UNSUPPORTED, "the matrix norm '%s', which needs singular values", ord);
	return frobenius_of_matrix(n);
}

/* aten.linalg_norm(self, ord?, dim?, keepdim, *, dtype?): of vectors over one dim (or without ord), of matrices over two */
Value lower_linalg_norm(Node *n)
{
	if (!has_arg(n, "ord")) return vector_norm(n, 2);
	int rank = known_type(n->b, arg(n, "self")).rank;
	int over = has_arg(n, "dim") ? arg_ints(n, "dim").n : rank;
	double ord = arg_num(n, "ord", 2);
	return over == 2 ? matrix_norm(n, ord) : vector_norm(n, ord);
}

/* -- distances --------------------------------------------------------------------------------------------------------------------- */

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

/* aten.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction):
 * max(d(anchor, positive) - d(anchor, negative) + margin, 0); swap: the nearer of anchor and positive to negative counts */
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
