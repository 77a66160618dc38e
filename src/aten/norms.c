/* Norms of vectors and matrices, and what they bound or scale. f16 and bf16 are computed in f32. */
#include "aten/layers.h"
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <math.h>
#include <string.h>

/* -- vectors --------------------------------------------------------------------------------------------- */

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

/* -- matrices -------------------------------------------------------------------------------------------- */

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

/* ord 2 (-2): the largest (smallest) singular value, 0: their sum */
static Value norm_by_singular_values(Node *n, double ord)
{
	Value x = arg(n, "self");
	if (has_arg(n, "dtype")) x = cast(n->b, x, arg_dtype(n, "dtype", n->out.elem));
	return spectral_norm(n, x, matrix_dims(n, known_type(n->b, x).rank), ord);
}

/* ord 1: columns, inf: rows, 2: singular values; the least of them when negative */
static Value matrix_norm(Node *n, double ord)
{
	double size = fabs(ord);
	if (size == 2) return norm_by_singular_values(n, ord);
	if (size != 1 && size != INFINITY) return node_fail(n, BAD_INPUT, "there is no matrix norm of order %g", ord);
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
	if (!strcmp(ord, "nuc")) return norm_by_singular_values(n, 0);
	return strcmp(ord, "fro") ? node_fail(n, BAD_INPUT, "there is no matrix norm '%s'", ord) : frobenius_of_matrix(n);
}

/* aten.linalg_norm(self, ord?, dim?, keepdim, *, dtype?): of vectors over one dim (or without ord), of
 * matrices over two */
Value lower_linalg_norm(Node *n)
{
	if (!has_arg(n, "ord")) return vector_norm(n, 2);
	int rank = known_type(n->b, arg(n, "self")).rank;
	int over = has_arg(n, "dim") ? arg_ints(n, "dim").n : rank;
	double ord = arg_num(n, "ord", 2);
	return over == 2 ? matrix_norm(n, ord) : vector_norm(n, ord);
}

/* -- scaling by norms ------------------------------------------------------------------------------------ */

/* All dims of t but one; all of them for -1. */
static Ints dims_but(Builder *b, Type t, int64_t one)
{
	int64_t *v = NEW(b->a, int64_t, t.rank + 1);
	int count = 0;
	for (int i = 0; i < t.rank; i++)
		if (i != one) v[count++] = i;
	return (Ints){ count, v };
}

/* aten.norm_except_dim(v, pow=2, dim=0): of each slice along dim; the other dims stay as 1. Without dim
 * (-1): of all, 0-d */
Value lower_norm_except_dim(Node *n)
{
	Builder *b = n->b;
	Value v = arg_as(n, "v", acc_type(n->out.elem));
	Ints dims = dims_but(b, known_type(b, v), arg_int(n, "dim", 0));
	v = norm_over(b, math_abs(b, v), arg_num(n, "pow", 2), dims);
	v = cast(b, v, n->out.elem);
	return reshape_to(b, v, n->out);
}

/* aten._weight_norm(v, g, dim=0): v g / |v|, the norm of each slice along dim;
 * aten._weight_norm_interface -> (output, norms) */
Value lower_weight_norm(Node *n)
{
	Builder *b = n->b;
	DType t = acc_type(n->out.elem);
	Value v = arg_as(n, "v", t);
	Value g = operand(n, "g", t);
	Type tv = known_type(b, v);
	int64_t dim = arg_int(n, "dim", 0);
	Ints dims = dims_but(b, tv, dim < -1 ? dim + tv.rank : dim);
	Value size = norm_over(b, math_abs(b, v), 2, dims);
	if (out_wanted(n, 1)) {
		Value norms = cast(b, size, out_type(n, 1).elem);
		set_out(n, 1, reshape_to(b, norms, out_type(n, 1)));
	}
	size = spread_over(b, size, dims, tv);
	g = hlo_divide(b, g, size);
	v = hlo_multiply(b, v, g);
	return cast(b, v, n->out.elem);
}

/* aten.renorm(self, p, dim, maxnorm): slices along dim whose p-norm is above maxnorm are scaled to it */
Value lower_renorm(Node *n)
{
	Builder *b = n->b;
	double most = arg_num(n, "maxnorm", 1);
	Value x = arg_as(n, "self", acc_type(n->out.elem));
	Type t = known_type(b, x);
	Ints dims = dims_but(b, t, arg_dim(n, "dim", 0, t.rank));
	Value size = norm_over(b, math_abs(b, x), arg_num(n, "p", 2), dims);
	Value above = is(b, DIRECTION_GT, size, most);
	Value scale = over(b, most, plus(b, size, 1e-7));
	Value one = full_like(b, size, 1);
	scale = hlo_select(b, above, scale, one);
	scale = spread_over(b, scale, dims, with_elem(t, real_of(t.elem)));
	x = hlo_multiply(b, x, cast(b, scale, t.elem));
	return cast(b, x, n->out.elem);
}
