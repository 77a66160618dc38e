/* What singular values tell: ranks, pseudoinverses, condition numbers, spectral and nuclear norms. */
#include "aten/layers.h"
#include "aten/linalg.h"
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <math.h>
#include <string.h>

/* -- tolerances ------------------------------------------------------------------------------------------ */

/* The names under which an overload has its bounds (NULL: it has none), and the relative one where it
 * is not given; below 0: it depends on the size. */
typedef struct Bounds { const char *absolute, *relative; double otherwise; } Bounds;

/* A tolerance (a number, or one each of the batch of t [*, m, n]) as real [B, 1]. */
static Value tolerance(Node *n, const char *name, Type t, DType real)
{
	Value x = arg_as(n, name, real);
	t.rank -= 2;
	x = broadcast(n->b, x, with_elem(t, real));
	return hlo_reshape(n->b, x, 2, (int64_t[]){ numel_of(n->b, t), 1 });
}

/* What counts as 0: max(absolute, relative * largest), [B, 1]. Without a relative one it is eps max(m,
 * n), or 0 where an absolute one above 0 is given. t: [*, m, n] */
static Value least_counted(Node *n, Bounds bounds, Type t, Value largest)
{
	Builder *b = n->b;
	DType real = known_type(b, largest).elem;
	int64_t m = t.dim[t.rank - 2], k = t.dim[t.rank - 1];
	double eps = epsilon_of(real);
	Value zero = full_like(b, largest, 0), absolute = 0;
	if (bounds.absolute && has_arg(n, bounds.absolute)) absolute = tolerance(n, bounds.absolute, t, real);
	eps *= (double)(m > k ? m : k);
	Value relative = full_like(b, largest, bounds.otherwise < 0 ? eps : bounds.otherwise);
	if (bounds.relative && has_arg(n, bounds.relative)) relative = tolerance(n, bounds.relative, t, real);
	else if (absolute) relative = hlo_select(b, is(b, DIRECTION_GT, absolute, 0), zero, relative);
	relative = hlo_multiply(b, relative, largest);
	return hlo_maximum(b, absolute ? absolute : zero, relative);
}

/* The argument with its leading dims broadcast to those that the result has, `matrix` of its dims
 * being the matrix's. */
static Value batched_arg(Node *n, const char *name, int matrix)
{
	Value x = arg(n, name);
	Type t = known_type(n->b, x);
	int lead = n->out.rank - matrix;
	if (!t.kind) return 0;
	if (t.rank < 2 || lead < 0)
		return node_fail(n, BAD_INPUT, "'%s' is %s, wanted matrices", name, type_str(n->a, t));
	int64_t *d = NEW(n->a, int64_t, lead + 2);
	for (int i = 0; i < lead; i++) d[i] = n->out.dim[i];
	d[lead] = t.dim[t.rank - 2];
	d[lead + 1] = t.dim[t.rank - 1];
	return broadcast(n->b, x, tensor_type(n->a, t.elem, lead + 2, d));
}

/* The largest of s >= 0 [B, k] as [B, 1] */
static Value largest_of(Builder *b, Value s)
{
	Type t = known_type(b, s);
	if (!t.kind) return 0;
	Value zero = scalar(b, 0, t.elem);
	Value top = hlo_reduce(b, OP_maximum, s, zero, one_dim(b, 1));
	return keep_dims(b, top, one_dim(b, 1), t, true);
}

/* -- rank ------------------------------------------------------------------------------------------------ */

/* How many singular values, of a Hermitian matrix sizes of eigenvalues, count. */
static Value rank_by(Node *n, const char *name, Bounds bounds)
{
	Builder *b = n->b;
	Value x = batched_arg(n, name, 0);
	Value a = as_matrices(n, x);
	if (!a) return 0;
	bool hermitian = arg_bool(n, "hermitian", false);
	Value s = hermitian ? hlo_abs(b, eigh_of(b, a, false, false).values) : singular_values(b, a);
	Value least = least_counted(n, bounds, type_of(b, x), largest_of(b, s));
	Value counts = hlo_compare(b, DIRECTION_GT, s, broadcast(b, least, known_type(b, s)));
	counts = hlo_convert(b, counts, DTYPE_i64);
	return in_out_shape(n, sum_over(b, counts, one_dim(b, 1)));
}

static const Bounds both = { "atol", "rtol", -1 };

/* aten.linalg_matrix_rank.atol_rtol_tensor(input, *, atol=None, rtol=None, hermitian=False),
 * .atol_rtol_float(self, ..) */
Value lower_matrix_rank_tensor(Node *n) { return rank_by(n, "input", both); }
Value lower_matrix_rank_float(Node *n) { return rank_by(n, "self", both); }
/* aten.linalg_matrix_rank(self, tol, hermitian=False), .tol_tensor(input, tol, ..): absolute */
Value lower_matrix_rank_tol(Node *n) { return rank_by(n, "self", (Bounds){ "tol", NULL, 0 }); }
Value lower_matrix_rank_tol_tensor(Node *n) { return rank_by(n, "input", (Bounds){ "tol", NULL, 0 }); }

/* -- pseudoinverse --------------------------------------------------------------------------------------- */

/* V diag(1 / s where it counts, else 0) U^H; of a Hermitian matrix the same of its eigenvalues. */
static Value pseudoinverse(Node *n, Bounds bounds)
{
	Builder *b = n->b;
	Value x = batched_arg(n, "self", 2);
	Value a = as_matrices(n, x), s, size, left, right;
	if (!a) return 0;
	if (arg_bool(n, "hermitian", false)) {
		Eigh e = eigh_of(b, a, false, true);
		s = e.values;
		size = hlo_abs(b, s);
		left = e.vectors;
		right = adjoint(b, e.vectors);
	} else {
		Svd d = svd_of(b, a, false);
		s = size = d.s;
		left = adjoint(b, d.vh);
		right = adjoint(b, d.u);
	}
	Value least = least_counted(n, bounds, type_of(b, x), largest_of(b, size));
	Value counts = hlo_compare(b, DIRECTION_GT, size, broadcast(b, least, known_type(b, size)));
	Value inverse = over(b, 1, hlo_select(b, counts, s, full_like(b, s, 1)));
	inverse = masked(b, counts, inverse);
	left = combine(b, OP_multiply, left, unsqueeze_dim(b, inverse, 1));
	return in_out_shape(n, dot(b, left, right));
}

/* aten.linalg_pinv.atol_rtol_tensor, .atol_rtol_float(self, *, atol=None, rtol=None, hermitian=False) */
Value lower_linalg_pinv(Node *n) { return pseudoinverse(n, both); }
/* aten.linalg_pinv, .rcond_tensor(self, rcond, hermitian=False), pinverse(self, rcond=1e-15): relative */
Value lower_pinverse(Node *n) { return pseudoinverse(n, (Bounds){ NULL, "rcond", 1e-15 }); }

/* -- norms ----------------------------------------------------------------------------------------------- */

/* The largest (ord 2), the smallest (-2) or the sum (0: nuclear) of s [B, k]: [B] */
static Value norm_of_values(Builder *b, Value s, double ord)
{
	Ints over = one_dim(b, 1);
	return ord == 0 ? sum_over(b, s, over) : norm_over(b, s, ord > 0 ? INFINITY : -INFINITY, over);
}

Value spectral_norm(Node *n, Value x, Ints dims, double ord)
{
	Builder *b = n->b;
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	if (dims.n != 2 || t.rank < 2)
		return node_fail(n, BAD_INPUT, "a matrix norm over %d dims of %s", dims.n, type_str(n->a, t));
	int64_t *order = NEW(n->a, int64_t, t.rank);
	int k = 0;
	for (int i = 0; i < t.rank; i++)
		if (i != dims.v[0] && i != dims.v[1]) order[k++] = i;
	order[k++] = dims.v[0];
	order[k] = dims.v[1];
	for (int i = 0; i < 2; i++) static_dim(n, t, (int)dims.v[i]);
	x = as_matrices(n, hlo_transpose(b, x, (Ints){ t.rank, order }));
	x = norm_of_values(b, singular_values(b, x), ord);
	return cast(b, in_out_shape(n, x), n->out.elem);
}

/* aten.nuclear_norm(self, keepdim=False), .dim(self, dim, keepdim) */
Value lower_nuclear_norm(Node *n)
{
	Value x = arg(n, "self");
	int rank = known_type(n->b, x).rank;
	Ints dims = has_arg(n, "dim") ? arg_dims(n, "dim", rank) : iota_ints(n->a, rank - 2, 2);
	return spectral_norm(n, x, dims, 0);
}

/* -- condition ------------------------------------------------------------------------------------------- */

/* ord 1: the largest sum of a column, inf: of a row, the least of them when negative; NaN: the
 * Frobenius norm. [B] */
static Value norm_of_matrix(Builder *b, Value a, double ord)
{
	Value size = math_abs(b, a);
	if (isnan(ord)) return norm_over(b, size, 2, iota_ints(b->a, 1, 2));
	int summed = fabs(ord) == 1 ? 1 : 2;
	size = sum_over(b, size, one_dim(b, summed));
	return norm_over(b, size, ord > 0 ? INFINITY : -INFINITY, one_dim(b, 1));
}

/* |a| |a^-1|; infinite where there is no inverse */
static Value condition_by_inverse(Node *n, Value a, double ord)
{
	Builder *b = n->b;
	Lu f = lu_factor(b, a, true);
	Value inverse = lu_solve(b, f, identity_like(b, type_of(b, a)), true, false);
	Value size = norm_of_matrix(b, a, ord);
	size = hlo_multiply(b, size, norm_of_matrix(b, inverse, ord));
	Value singular = is(b, DIRECTION_GT, f.info, 0);
	size = if_num(b, singular, INFINITY, size);
	Value nan = math_isnan(b, size);
	return in_out_shape(n, if_num(b, nan, INFINITY, size));
}

static Value condition(Node *n, double p)
{
	Builder *b = n->b;
	Value a = arg_matrices(n, "self");
	if (!a) return 0;
	if (!type_numel(type_of(b, a))) return full(b, n->out, 0);
	if (fabs(p) != 2) return condition_by_inverse(n, arg_square(n, "self"), p);
	Value s = singular_values(b, a);
	Value size = norm_of_values(b, s, p);
	return in_out_shape(n, hlo_divide(b, size, norm_of_values(b, s, -p)));
}

/* aten.linalg_cond(self, p=None): 2 when None */
Value lower_linalg_cond(Node *n) { return condition(n, arg_num(n, "p", 2)); }

/* aten.linalg_cond.p_str(self, p): "fro", or "nuc": the sum of s times the sum of 1 / s */
Value lower_linalg_cond_str(Node *n)
{
	Builder *b = n->b;
	if (strcmp(arg_str(n, "p", ""), "nuc")) return condition(n, NAN);
	Value s = singular_values(b, arg_square(n, "self"));
	Value sum = sum_over(b, s, one_dim(b, 1));
	Value inverses = sum_over(b, over(b, 1, s), one_dim(b, 1));
	return in_out_shape(n, hlo_multiply(b, sum, inverses));
}
