/* LU with partial pivoting, and what follows from it: systems, inverses, determinants. */
#include "aten/layers.h"
#include "aten/linalg.h"
#include "aten/rules.h"

#include <math.h>

/* -- factorization --------------------------------------------------------------------------------------- */

/* The first of the largest elements of a column [B, m, 1] from row j on: i32[B, 1, 1]; j itself where
 * all are NaN. */
static Value pivot_row(Builder *b, Value column, Value j)
{
	Type t = with_elem(known_type(b, column), DTYPE_i32);
	Value size = pivot_size(b, column);
	Value from_j = where_position(b, t, 1, DIRECTION_GE, j);
	Value below_all = full_like(b, size, -1);
	size = hlo_select(b, from_j, size, below_all);
	Ints over = one_dim(b, 1);
	Value top = reduce_over(b, OP_maximum, size, over);
	top = spread_over(b, top, over, known_type(b, size));
	Value is_top = hlo_compare(b, DIRECTION_EQ, size, top);
	Value row = positions(b, t, 1, DTYPE_i32);
	Value last = size_value(b, t.dim[1], t);
	row = hlo_select(b, is_top, row, last);
	row = reduce_over(b, OP_minimum, row, over);
	row = keep_dims(b, row, over, t, true);
	Value none = hlo_compare(b, DIRECTION_EQ, row, size_value(b, t.dim[1], known_type(b, row)));
	return where(b, none, j, row);
}

/* Rows j and p (i32[B, 1, 1]) exchanged. */
static Value exchanged(Builder *b, Value a, Value j, Value p)
{
	Type t = known_type(b, a);
	Value is_p = positions(b, t, 1, DTYPE_i32);
	is_p = hlo_compare(b, DIRECTION_EQ, is_p, broadcast(b, p, with_elem(t, DTYPE_i32)));
	Value row_j = slice_at(b, a, 1, j);
	Value row_p = sum_along(b, masked(b, is_p, a), 1);
	a = where(b, is_p, row_j, a);
	return with_slice_at(b, a, 1, j, row_p);
}

/* Column j: pivot, then a[j+1:, j] /= a[j, j] and a[j+1:, j+1:] -= a[j+1:, j] a[j, j+1:].
 * v: a [B, m, n], pivots i32[B, 1, k], info i32[B, 1, 1] */
static void lu_column(Builder *b, const void *with, Value j, Value *v)
{
	Type t = type_of(b, v[0]), column_type = shape_with(b, t, 2, 1), row_type = shape_with(b, t, 1, 1);
	Type one = type_of(b, v[2]);
	const bool *pivoting = with;
	Value p = *pivoting ? pivot_row(b, slice_at(b, v[0], 2, j), j) : broadcast(b, j, one);
	Value number = plus(b, p, 1);
	v[1] = with_slice_at(b, v[1], 2, j, number);
	Value a = *pivoting ? exchanged(b, v[0], j, p) : v[0];
	Value column = slice_at(b, a, 2, j), row = slice_at(b, a, 1, j);
	Value pivot = slice_at(b, column, 1, j);                       /* [B, 1, 1] */

	Value zero = is(b, DIRECTION_EQ, pivot, 0);
	Value first = is(b, DIRECTION_EQ, v[2], 0);
	first = hlo_and(b, first, zero);
	number = broadcast(b, j, one);
	number = plus(b, number, 1);
	v[2] = hlo_select(b, first, number, v[2]);
	Value divisor = if_num(b, zero, 1, pivot);
	Value below = combine(b, OP_divide, column, divisor);
	Value is_below = where_position(b, column_type, 1, DIRECTION_GT, j);
	column = hlo_select(b, is_below, below, column);
	below = masked(b, is_below, below);
	row = masked(b, where_position(b, row_type, 2, DIRECTION_GT, j), row);
	a = hlo_subtract(b, a, combine(b, OP_multiply, below, row));
	v[0] = with_slice_at(b, a, 2, j, column);
}

Lu lu_factor(Builder *b, Value a, bool pivot)
{
	if (!a) return (Lu){ 0 };
	int64_t k = dim_min(dims_of(b->m), nrows(b, a), ncols(b, a));
	Value v[3] = { a };
	v[1] = full(b, with_elem(matrices_type(b, a, 1, k), DTYPE_i32), 0);
	v[2] = full(b, with_elem(matrices_type(b, a, 1, 1), DTYPE_i32), 0);
	repeat(b, k, 3, v, lu_column, &pivot);
	Lu f = { .lu = v[0] };
	f.pivots = squeeze_dim(b, v[1], 1);
	f.info = squeeze_dim(b, v[2], 2);
	f.info = squeeze_dim(b, f.info, 1);
	return f;
}

/* -- permutations ---------------------------------------------------------------------------------------- */

/* v: order i32[B, m, 1]; with: pivots i32[B, k, 1] */
static void exchange_turn(Builder *b, const void *with, Value j, Value *v)
{
	const Value *pivots = with;
	Value p = slice_at(b, *pivots, 1, j);
	p = plus(b, p, -1);
	v[0] = exchanged(b, v[0], j, p);
}

/* Which row of a is row i of L U: i32[B, m]. pivots i32[B, k] */
static Value row_order(Builder *b, Value pivots, int64_t m)
{
	Type t = known_type(b, pivots);
	if (!t.kind) return 0;
	pivots = hlo_convert(b, pivots, DTYPE_i32);
	Value one_each = hlo_reshape(b, pivots, 3, (int64_t[]){ t.dim[0], t.dim[1], 1 });
	Type order = tensor_type(b->a, DTYPE_i32, 3, (int64_t[]){ t.dim[0], m, 1 });
	Value v[1] = { positions(b, order, 1, DTYPE_i32) };
	repeat(b, t.dim[1], 1, v, exchange_turn, &one_each);
	return squeeze_dim(b, v[0], 2);
}

/* P[i, j] = (row i of a is row j of L U), so that a = P L U */
static Value permutation_matrix(Builder *b, Value order, DType elem)
{
	Type t = known_type(b, order);
	if (!t.kind) return 0;
	Type p = tensor_type(b->a, DTYPE_i32, 3, (int64_t[]){ t.dim[0], t.dim[1], t.dim[1] });
	int64_t at[2] = { 0, 2 };
	order = hlo_broadcast_in_dim(b, order, 3, p.dim, (Ints){ 2, at });
	Value row = positions(b, p, 1, DTYPE_i32);
	return hlo_convert(b, hlo_compare(b, DIRECTION_EQ, row, order), elem);
}

/* Where each row went: out[order[i]] = i */
static Value inverse_order(Builder *b, Value order)
{
	Value p = permutation_matrix(b, order, DTYPE_bool);
	Type t = known_type(b, p);
	if (!t.kind) return 0;
	Value at = masked(b, p, positions(b, t, 2, DTYPE_i32));
	return sum_over(b, at, one_dim(b, 2));
}

/* -- systems --------------------------------------------------------------------------------------------- */

/* a x = y:   x = U^-1 L^-1 P^T y;   a^H x = y:   x = P L^-H U^-H y;   x a = y is a^H x^H = y^H. */
Value lu_solve(Builder *b, Lu f, Value y, bool left, bool adj)
{
	Triangle lower = { .unit = true }, upper = { .upper = true };
	if (!f.lu || !y) return 0;
	if (!left) return adjoint(b, lu_solve(b, f, adjoint(b, y), true, !adj));
	Value order = row_order(b, f.pivots, nrows(b, f.lu));
	if (!adj) {
		y = permuted(b, y, 1, order);
		y = solve_triangle(b, f.lu, y, lower);
		return solve_triangle(b, f.lu, y, upper);
	}
	Value a = adjoint(b, f.lu);
	y = solve_triangle(b, a, y, (Triangle){ 0 });
	y = solve_triangle(b, a, y, (Triangle){ .upper = true, .unit = true });
	return permuted(b, y, 1, inverse_order(b, order));
}

Value matrix_inverse(Node *n, Value x)
{
	Builder *b = n->b;
	Value a = as_matrices(n, x);
	if (!a) return 0;
	Type t = type_of(b, a);
	if (t.dim[1] != t.dim[2])
		return node_fail(n, BAD_INPUT, "%s, wanted square matrices", type_str(n->a, type_of(b, x)));
	Lu f = lu_factor(b, a, true);
	a = lu_solve(b, f, identity_like(b, t), true, false);
	return reshape_to(b, a, type_of(b, x));
}

/* B is a batch of vectors: 1-d, or of A's shape without its last dim. */
static bool is_vector(Type a, Type y)
{
	if (y.rank == 1) return true;
	a.rank--;
	return same_shape(a, y);
}

/* A[*, n, n] and B[*, n, k], or B[*, n], which becomes [*, n, 1] */
static bool system_of(Node *n, Value *a, Value *y)
{
	*a = arg(n, "A");
	*y = arg(n, "B");
	Type at = known_type(n->b, *a), yt = known_type(n->b, *y);
	if (!at.kind || !yt.kind) return false;
	if (is_vector(at, yt)) *y = unsqueeze_dim(n->b, *y, yt.rank);
	return as_system(n, a, y);
}

/* Outputs of these numbers are set beside the solution; 0: not among the outputs. */
static Value solve(Node *n, int lu_out, int pivots_out, int info_out)
{
	Builder *b = n->b;
	Value a, y, own = arg_square(n, "A");
	if (!own || !system_of(n, &a, &y)) return 0;
	Lu f = lu_factor(b, own, true);
	if (lu_out) set_matrix_out(n, lu_out, f.lu);
	if (pivots_out) set_matrix_out(n, pivots_out, f.pivots);
	if (info_out) set_matrix_out(n, info_out, f.info);
	if (type_of(b, a).dim[0] != type_of(b, own).dim[0]) f = lu_factor(b, a, true);
	y = lu_solve(b, f, y, arg_bool(n, "left", true), false);
	return in_out_shape(n, y);
}

/* aten.linalg_solve(A[*, n, n], B[*, n, k] or [*, n], *, left=True): X of A X = B, or X A = B */
Value lower_linalg_solve(Node *n) { return solve(n, 0, 0, 0); }
/* aten.linalg_solve_ex(..) -> (result, info) */
Value lower_linalg_solve_with_info(Node *n) { return solve(n, 0, 0, 1); }
/* aten._linalg_solve_ex(..) -> (result, LU, pivots, info) */
Value lower_linalg_solve_ex(Node *n) { return solve(n, 1, 2, 3); }

static Value inverse(Node *n, const char *name)
{
	Builder *b = n->b;
	Value a = arg_square(n, name);
	if (!a) return 0;
	Lu f = lu_factor(b, a, true);
	set_matrix_out(n, 1, f.info);
	a = lu_solve(b, f, identity_like(b, type_of(b, a)), true, false);
	return in_out_shape(n, a);
}

/* aten.linalg_inv(A), linalg_inv_ex(A, *, check_errors=False) -> (inverse, info), inverse(self) */
Value lower_linalg_inv(Node *n) { return inverse(n, "A"); }
Value lower_inverse(Node *n) { return inverse(n, "self"); }

static Value solve_by_factors(Node *n, const char *lu, const char *pivots, const char *rhs)
{
	Builder *b = n->b;
	Lu f = { 0 };
	Value y;
	if (!arg_system(n, lu, rhs, &f.lu, &y)) return 0;
	Value p = arg(n, pivots);
	Type of_lu = known_type(b, arg(n, lu)), t = known_type(b, p);
	if (!t.kind || !of_lu.kind) return 0;
	if (n->out.rank < 2 || t.rank < 1 || of_lu.rank != t.rank + 1)
		return node_fail(n, BAD_INPUT, "pivots %s for %s", type_str(n->a, t), type_str(n->a, of_lu));
	int64_t *d = COPY(n->a, int64_t, n->out.dim, n->out.rank), k = t.dim[t.rank - 1];
	d[n->out.rank - 2] = k;
	p = broadcast(b, p, tensor_type(n->a, t.elem, n->out.rank - 1, d));
	Type matrices = known_type(b, f.lu);
	if (!matrices.kind) return 0;
	f.pivots = hlo_reshape(b, p, 2, (int64_t[]){ matrices.dim[0], k });
	y = lu_solve(b, f, y, arg_bool(n, "left", true), arg_bool(n, "adjoint", false));
	return in_out_shape(n, y);
}

/* aten.linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False), lu_solve(self, LU_data, LU_pivots) */
Value lower_linalg_lu_solve(Node *n) { return solve_by_factors(n, "LU", "pivots", "B"); }
Value lower_lu_solve(Node *n) { return solve_by_factors(n, "LU_data", "LU_pivots", "self"); }

/* -- factors --------------------------------------------------------------------------------------------- */

static Value factors(Node *n, const char *name)
{
	Lu f = lu_factor(n->b, arg_matrices(n, name), arg_bool(n, "pivot", true));
	set_matrix_out(n, 1, f.pivots);
	set_matrix_out(n, 2, f.info);
	return in_out_shape(n, f.lu);
}

/* aten.linalg_lu_factor(A, *, pivot=True) -> (LU, pivots), linalg_lu_factor_ex -> (LU, pivots, info),
 * _lu_with_info(self, pivot, check_errors) */
Value lower_linalg_lu_factor(Node *n) { return factors(n, "A"); }
Value lower_lu_with_info(Node *n) { return factors(n, "self"); }

/* L [B, m, k] with ones on its diagonal, U [B, k, n] */
static void set_triangles(Node *n, Value lu)
{
	Builder *b = n->b;
	int64_t k = dim_min(dims_of(b->m), nrows(b, lu), ncols(b, lu));
	Value l = columns(b, lu, 0, k);
	Type t = known_type(b, l);
	if (!t.kind) return;
	Value one = identity_like(b, t);
	l = lower_triangle(b, l, -1);
	set_matrix_out(n, 1, hlo_add(b, l, one));
	set_matrix_out(n, 2, upper_triangle(b, rows(b, lu, 0, k), 0));
}

/* aten.linalg_lu(A, *, pivot=True) -> (P, L, U); without pivoting P is empty */
Value lower_linalg_lu(Node *n)
{
	Builder *b = n->b;
	Value a = arg_matrices(n, "A");
	bool pivot = arg_bool(n, "pivot", true);
	if (!a) return 0;
	Lu f = lu_factor(b, a, pivot);
	set_triangles(n, f.lu);
	if (!pivot) return full(b, n->out, 0);
	Value order = row_order(b, f.pivots, nrows(b, a));
	return in_out_shape(n, permutation_matrix(b, order, n->out.elem));
}

/* aten.lu_unpack(LU_data[*, m, n], LU_pivots[*, k], unpack_data=True, unpack_pivots=True) -> (P, L,
 * U); what is not unpacked is empty */
Value lower_lu_unpack(Node *n)
{
	Builder *b = n->b;
	Value lu = arg_matrices(n, "LU_data");
	Value pivots = arg(n, "LU_pivots");
	Type t = known_type(b, pivots);
	if (!lu || !t.kind) return 0;
	if (arg_bool(n, "unpack_data", true)) set_triangles(n, lu);
	else
		for (int i = 1; i < 3; i++)
			if (out_wanted(n, i)) set_out(n, i, full(b, out_type(n, i), 0));
	if (!arg_bool(n, "unpack_pivots", true)) return full(b, n->out, 0);
	pivots = hlo_reshape(b, pivots, 2, (int64_t[]){ type_of(b, lu).dim[0], t.rank ? t.dim[t.rank - 1] : 0 });
	Value order = row_order(b, pivots, nrows(b, lu));
	return in_out_shape(n, permutation_matrix(b, order, n->out.elem));
}

/* -- determinants ---------------------------------------------------------------------------------------- */

/* 1 or -1: the parity of the rows that were exchanged; of elem, [B] */
static Value parity(Builder *b, Value pivots, DType elem)
{
	Type t = known_type(b, pivots);
	if (!t.kind) return 0;
	Value stays = positions(b, t, 1, DTYPE_i32);
	stays = hlo_compare(b, DIRECTION_EQ, plus(b, stays, 1), pivots);
	Value one = full(b, with_elem(t, elem), 1);
	Value minus = full(b, with_elem(t, elem), -1);
	return reduce_over(b, OP_multiply, hlo_select(b, stays, one, minus), one_dim(b, 1));
}

/* The factors that torch gives beside a determinant, which its gradient uses, are those of the
 * transpose when a is real. */
static Lu determinant_factor(Builder *b, Value a)
{
	return lu_factor(b, is_complex(known_type(b, a).elem) ? a : transposed(b, a), true);
}

static Value determinant(Node *n, const char *name)
{
	Builder *b = n->b;
	Value a = arg_square(n, name);
	if (!a) return 0;
	Lu f = determinant_factor(b, a);
	set_matrix_out(n, 1, f.lu);
	set_matrix_out(n, 2, f.pivots);
	Value product = reduce_over(b, OP_multiply, diagonal_of(b, f.lu), one_dim(b, 1));
	Value sign = parity(b, f.pivots, n->out.elem);
	return in_out_shape(n, hlo_multiply(b, product, sign));
}

/* aten.linalg_det(A), _linalg_det(A) -> (result, LU, pivots), det(self) */
Value lower_linalg_det(Node *n) { return determinant(n, "A"); }
Value lower_det(Node *n) { return determinant(n, "self"); }

/* sign of the determinant [B] and the logarithm of its size, real [B] */
static Value sign_and_log(Node *n, Value a, Value *log, Lu *f)
{
	Builder *b = n->b;
	*f = determinant_factor(b, a);
	Value d = diagonal_of(b, f->lu);
	Value size = hlo_log(b, math_abs(b, d));
	*log = sum_over(b, size, one_dim(b, 1));
	Value sign = reduce_over(b, OP_multiply, math_sgn(b, d), one_dim(b, 1));
	Value p = parity(b, f->pivots, known_type(b, sign).elem);
	return hlo_multiply(b, sign, p);
}

static Value sign_and_log_of(Node *n, const char *name)
{
	Value a = arg_square(n, name), log = 0;
	if (!a) return 0;
	Lu f;
	Value sign = sign_and_log(n, a, &log, &f);
	set_matrix_out(n, 1, log);
	set_matrix_out(n, 2, f.lu);
	set_matrix_out(n, 3, f.pivots);
	return in_out_shape(n, sign);
}

/* aten.linalg_slogdet(A), _linalg_slogdet(A) -> (sign, logabsdet, LU, pivots), slogdet(self) */
Value lower_linalg_slogdet(Node *n) { return sign_and_log_of(n, "A"); }
Value lower_slogdet(Node *n) { return sign_and_log_of(n, "self"); }

/* aten.logdet(self): log det; NaN below 0 */
Value lower_logdet(Node *n)
{
	Builder *b = n->b;
	Value a = arg_square(n, "self"), log = 0;
	if (!a) return 0;
	Lu f;
	Value sign = sign_and_log(n, a, &log, &f);
	if (is_complex(n->out.elem)) {
		sign = hlo_log(b, sign);
		return in_out_shape(n, hlo_add(b, sign, hlo_convert(b, log, n->out.elem)));
	}
	Value negative = is(b, DIRECTION_EQ, sign, -1);
	return in_out_shape(n, if_num(b, negative, NAN, log));
}
