/* L D L^H (or L D L^T) of symmetric and Hermitian matrices that need not be positive: Bunch and
 * Kaufman's pivoting, as LAPACK's sytrf and hetrf have it (lower triangle). D has blocks of 1 and 2;
 * pivots[k] = p > 0: row k was exchanged with row p - 1 and the block is one element; -p at k and k +
 * 1: row k + 1 was, and the block is k, k + 1. */
#include "aten/linalg.h"
#include "aten/rules.h"

#include <math.h>

/* -- pivots ---------------------------------------------------------------------------------------------- */

static Value times(Builder *b, Value x, Value y) { return combine(b, OP_multiply, x, y); }

/* Where the position along dim 1 of t is d a row i32[B, 1, 1]. */
static Value where_row(Builder *b, Type t, Direction d, Value row)
{
	Value at = positions(b, t, 1, DTYPE_i32);
	return hlo_compare(b, d, at, broadcast(b, row, with_elem(t, DTYPE_i32)));
}

/* The largest of sizes [B, n, 1] >= 0 where the mask says, and its first row. */
static Value largest_in(Builder *b, Value sizes, Value mask, Value *row)
{
	Type t = known_type(b, sizes);
	Ints over = one_dim(b, 1);
	Value none = full_like(b, sizes, -1);
	sizes = hlo_select(b, mask, sizes, none);
	Value top = keep_dims(b, reduce_over(b, OP_maximum, sizes, over), over, t, true);
	Value hit = hlo_compare(b, DIRECTION_EQ, sizes, broadcast(b, top, t));
	Value at = positions(b, t, 1, DTYPE_i32);
	at = hlo_select(b, hit, at, full_like(b, at, (double)(t.dim[1] - 1)));
	*row = keep_dims(b, reduce_over(b, OP_minimum, at, over), over, t, true);
	return at_least(b, top, 0);
}

/* The row of a [B, n, k] that i32[B, 1, 1] names: [B, 1, k] */
static Value row_named(Builder *b, Value a, Value row)
{
	return sum_along(b, masked(b, where_row(b, known_type(b, a), DIRECTION_EQ, row), a), 1);
}

static Value rows_exchanged(Builder *b, Value a, Value i, Value j)
{
	Type t = known_type(b, a);
	Value row_i = row_named(b, a, i), row_j = row_named(b, a, j);
	Value is_i = where_row(b, t, DIRECTION_EQ, i);
	a = where(b, where_row(b, t, DIRECTION_EQ, j), row_i, a);
	return where(b, is_i, row_j, a);
}

/* What is done at column k: exchange it (of a block of two the next one) with row `with`. */
typedef struct Pivot { Value with, two, none; } Pivot;      /* i32, bool, bool [B, 1, 1] */

/* With alpha = (1 + sqrt 17) / 8 and r the row of the largest element below a[k, k]: one element as it
 * is where |a_kk| >= alpha colmax or |a_kk| rowmax >= alpha colmax^2, a_rr where it is >= alpha
 * rowmax, else two. */
static Pivot choose(Builder *b, Value a, Value k)
{
	static const double alpha = 0.6403882032022076;
	Type t = known_type(b, a), column_type = shape_with(b, t, 2, 1);
	Value column = slice_at(b, a, 2, k), r, any;
	Value own = pivot_size(b, slice_at(b, column, 1, k));
	Value below = where_position(b, column_type, 1, DIRECTION_GT, k);
	Value colmax = largest_in(b, pivot_size(b, column), below, &r);
	Value of_r = transposed(b, row_named(b, a, r));
	Value others = hlo_not(b, where_row(b, column_type, DIRECTION_EQ, r));
	others = hlo_and(b, others, where_position(b, column_type, 1, DIRECTION_GE, k));
	Value rowmax = largest_in(b, pivot_size(b, of_r), others, &any);
	Value a_rr = pivot_size(b, row_named(b, of_r, r));

	Value bound = scaled(b, colmax, alpha);
	Value stays = hlo_compare(b, DIRECTION_GE, own, bound);
	bound = hlo_multiply(b, bound, colmax);
	Value weak = hlo_compare(b, DIRECTION_GE, hlo_multiply(b, own, rowmax), bound);
	stays = hlo_or(b, stays, weak);
	Value strong = hlo_compare(b, DIRECTION_GE, a_rr, scaled(b, rowmax, alpha));
	Value here = broadcast(b, k, known_type(b, r));
	Value top = hlo_maximum(b, own, colmax);
	Pivot p = { .with = hlo_select(b, stays, here, r) };
	p.two = hlo_not(b, hlo_or(b, stays, strong));
	p.none = is(b, DIRECTION_EQ, top, 0);
	return p;
}

/* -- factorization --------------------------------------------------------------------------------------- */

/* What is eliminated in one turn: columns x_k, x_(k+1) and the multipliers l of them, all [B, n, 1]. */
typedef struct Elimination { Value x1, x2, l1, l2; } Elimination;

/* [l1 l2] = [x1 x2] D^-1 below the block; l1 = x1 / d of one element. */
static Elimination eliminated(Builder *b, Value a, Value k, Value two, bool hermitian)
{
	Value next = plus(b, k, 1);
	Value x1 = slice_at(b, a, 2, k), x2 = slice_at(b, a, 2, next);
	Value d11 = slice_at(b, x1, 1, k), d21 = slice_at(b, x1, 1, next), d22 = slice_at(b, x2, 1, next);
	Value d12 = hermitian ? conjugate(b, d21) : d21;
	Value det = hlo_multiply(b, d11, d22);
	det = hlo_subtract(b, det, hlo_multiply(b, d12, d21));
	det = hlo_select(b, two, det, full_like(b, det, 1));
	Value one = if_num(b, is(b, DIRECTION_EQ, d11, 0), 1, d11);
	Elimination e = { x1, x2, 0, 0 };
	Value l1 = times(b, x1, d22);
	l1 = hlo_subtract(b, l1, times(b, x2, d21));
	l1 = combine(b, OP_divide, l1, det);
	e.l1 = where(b, two, l1, combine(b, OP_divide, x1, one));
	e.l2 = times(b, x2, d11);
	e.l2 = hlo_subtract(b, e.l2, times(b, x1, d12));
	e.l2 = combine(b, OP_divide, e.l2, det);
	return e;
}

/* v: a [B, n, n], L and D in one [B, n, n], pivots i32[B, 1, n], info i32[B, 1, 1], whether column k
 * is the second of its block [B, 1, 1] */
enum { LDL_A, LDL_OUT, LDL_PIVOTS, LDL_INFO, LDL_SECOND, LDL_STATE };

/* Column k of x becomes `column` where the mask says. */
static Value put_column(Builder *b, Value x, Value k, Value mask, Value column)
{
	column = where(b, mask, column, slice_at(b, x, 2, k));
	return with_slice_at(b, x, 2, k, column);
}

static void ldl_column(Builder *b, const void *with, Value k, Value *v)
{
	const bool *hermitian = with;
	Type t = type_of(b, v[LDL_A]), column_type = shape_with(b, t, 2, 1);
	Value next = plus(b, k, 1), acts = hlo_not(b, v[LDL_SECOND]);
	Pivot p = choose(b, v[LDL_A], k);
	Value two = hlo_and(b, p.two, acts);
	Value here = broadcast(b, k, type_of(b, v[LDL_INFO]));
	Value last = hlo_select(b, two, plus(b, here, 1), here);       /* of the block */
	Value to = hlo_select(b, acts, p.with, here);
	Value a = rows_exchanged(b, v[LDL_A], last, to);
	a = transposed(b, rows_exchanged(b, transposed(b, a), last, to));

	Elimination e = eliminated(b, a, k, two, *hermitian);
	Value below = where_row(b, column_type, DIRECTION_GT, last);
	v[LDL_OUT] = put_column(b, v[LDL_OUT], k, acts, hlo_select(b, below, e.l1, e.x1));
	v[LDL_OUT] = put_column(b, v[LDL_OUT], next, two, hlo_select(b, below, e.l2, e.x2));
	Value number = plus(b, to, 1);
	number = hlo_select(b, two, hlo_negate(b, number), number);
	v[LDL_PIVOTS] = put_column(b, v[LDL_PIVOTS], k, acts, number);
	v[LDL_PIVOTS] = put_column(b, v[LDL_PIVOTS], next, two, number);
	Value fails = hlo_and(b, p.none, acts);
	fails = hlo_and(b, fails, is(b, DIRECTION_EQ, v[LDL_INFO], 0));
	v[LDL_INFO] = hlo_select(b, fails, plus(b, here, 1), v[LDL_INFO]);
	v[LDL_SECOND] = two;

	Value row1 = transposed(b, masked(b, below, e.x1)), row2 = transposed(b, masked(b, below, e.x2));
	if (*hermitian) row1 = conjugate(b, row1), row2 = conjugate(b, row2);
	Value both = times(b, masked(b, below, e.l1), row1);
	both = hlo_add(b, both, masked(b, two, times(b, masked(b, below, e.l2), row2)));
	v[LDL_A] = hlo_subtract(b, a, masked(b, acts, both));
}

static Value ldl_factor(Node *n)
{
	Builder *b = n->b;
	bool hermitian = arg_bool(n, "hermitian", false);
	Value a = arg_square(n, "self");
	if (!a) return 0;
	Type one = matrices_type(b, a, 1, 1), t = type_of(b, a);
	Value below = lower_triangle(b, a, -1), on = hlo_subtract(b, lower_triangle(b, a, 0), below);
	if (hermitian) on = cast(b, real_part(b, on), t.elem);
	Value whole = hlo_add(b, below, hermitian ? adjoint(b, below) : transposed(b, below));
	Value v[LDL_STATE] = { hlo_add(b, whole, on), a };      /* LDL_A, LDL_OUT */
	v[LDL_PIVOTS] = full(b, with_elem(matrices_type(b, a, 1, t.dim[2]), DTYPE_i32), 0);
	v[LDL_INFO] = full(b, with_elem(one, DTYPE_i32), 0);
	v[LDL_SECOND] = full(b, with_elem(one, DTYPE_bool), 0);
	repeat(b, t.dim[2], LDL_STATE, v, ldl_column, &hermitian);
	set_matrix_out(n, 1, v[LDL_PIVOTS]);
	set_matrix_out(n, 2, v[LDL_INFO]);
	return in_out_shape(n, lower_triangle(b, v[LDL_OUT], 0));
}

/* aten.linalg_ldl_factor(self, *, hermitian=False) -> (LD, pivots), linalg_ldl_factor_ex(..) -> (LD,
 * pivots, info) */
Value lower_ldl_factor(Node *n) { return ldl_factor(n); }

/* -- solving --------------------------------------------------------------------------------------------- */

/* v: L and D [B, n, n], order of rows i32[B, n, 1], whether each column is the first of a block of two
 * [B, 1, n], whether the one before was [B, 1, 1]; with: pivots i32[B, 1, n] */
static void ordering_turn(Builder *b, const void *with, Value k, Value *v)
{
	const Value *pivots = with;
	Value p = slice_at(b, *pivots, 2, k);
	Value first = is(b, DIRECTION_LT, p, 0);
	first = hlo_and(b, first, hlo_not(b, v[3]));
	Value here = broadcast(b, k, known_type(b, p));
	Value moves = hlo_select(b, first, plus(b, here, 1), here);
	Value to = plus(b, hlo_abs(b, p), -1);
	to = hlo_select(b, v[3], here, to);                            /* a second one has moved already */
	Type t = type_of(b, v[0]);
	Value exchanged = rows_exchanged(b, v[0], moves, to);
	v[0] = hlo_select(b, where_position(b, t, 2, DIRECTION_LT, k), exchanged, v[0]);
	v[1] = rows_exchanged(b, v[1], moves, to);
	v[2] = with_slice_at(b, v[2], 2, k, first);
	v[3] = first;
}

/* Row i + by of x [B, n, k], zeros outside; by is 1 or -1 */
static Value shifted(Builder *b, Value x, int by)
{
	int64_t n = nrows(b, x), low[3] = { 0, by < 0, 0 }, high[3] = { 0, by > 0, 0 };
	x = by > 0 ? rows(b, x, 1, n) : rows(b, x, 0, n - 1);
	Value zero = scalar(b, 0, known_type(b, x).elem);
	return hlo_pad(b, x, zero, low, high, NULL);
}

/* D^-1 y; d, e [B, n, 1]: the diagonal, and below it where a block of two begins (else 0) */
static Value solve_blocks(Builder *b, Value d, Value e, Value first, Value y, bool hermitian)
{
	Value second = hlo_convert(b, first, known_type(b, d).elem);
	second = is(b, DIRECTION_NE, shifted(b, second, -1), 0);
	Value upper = hermitian ? conjugate(b, e) : e;
	Value below = shifted(b, d, 1), above = shifted(b, d, -1);
	Value det = hlo_multiply(b, d, below);
	det = hlo_subtract(b, det, hlo_multiply(b, e, upper));
	det = hlo_select(b, first, det, full_like(b, det, 1));
	Value of_first = times(b, y, below), other = shifted(b, y, 1);
	of_first = hlo_subtract(b, of_first, times(b, other, upper));
	of_first = combine(b, OP_divide, of_first, det);
	Value of_second = times(b, y, above), e_before = shifted(b, e, -1);
	other = shifted(b, y, -1);
	of_second = hlo_subtract(b, of_second, times(b, other, e_before));
	Value det_before = shifted(b, det, -1);
	det_before = hlo_select(b, second, det_before, full_like(b, det, 1));
	of_second = combine(b, OP_divide, of_second, det_before);
	Value x = combine(b, OP_divide, y, d);
	x = where(b, first, of_first, x);
	return where(b, second, of_second, x);
}

/* P L D L^H P^T x = y */
static Value ldl_solve(Builder *b, Value ld, Value pivots, Value y, bool hermitian)
{
	int64_t n = nrows(b, ld);
	if (!n || !ncols(b, y)) return y;
	Type t = type_of(b, ld);
	Value v[4] = { ld, positions(b, with_elem(shape_with(b, t, 2, 1), DTYPE_i32), 1, DTYPE_i32) };
	v[2] = full(b, with_elem(matrices_type(b, ld, 1, n), DTYPE_bool), 0);
	v[3] = full(b, with_elem(matrices_type(b, ld, 1, 1), DTYPE_bool), 0);
	repeat(b, n, 4, v, ordering_turn, &pivots);
	Value first = transposed(b, v[2]), order = squeeze_dim(b, v[1], 2);
	Value d = unsqueeze_dim(b, diagonal_of(b, ld), 2);
	if (hermitian) d = cast(b, real_part(b, d), t.elem);
	Value e = diagonal_of(b, shifted(b, ld, 1));                   /* ld[i + 1, i] */
	e = masked(b, first, unsqueeze_dim(b, e, 2));
	Value on = identity_like(b, t);
	on = times(b, on, e);
	Value l = hlo_subtract(b, v[0], shifted(b, on, -1));
	y = permuted(b, y, 1, order);
	y = solve_triangle(b, l, y, (Triangle){ .unit = true });
	y = solve_blocks(b, d, e, first, y, hermitian);
	l = hermitian ? adjoint(b, l) : transposed(b, l);
	y = solve_triangle(b, l, y, (Triangle){ .upper = true, .unit = true });
	return permuted(b, y, 1, order_of(b, &order, false));
}

/* aten.linalg_ldl_solve(LD, pivots, B, *, hermitian=False) */
Value lower_ldl_solve(Node *n)
{
	Builder *b = n->b;
	Value ld, y, pivots = arg_as(n, "pivots", DTYPE_i32);
	if (!arg_system(n, "LD", "B", &ld, &y)) return 0;
	Type t = known_type(b, pivots);
	if (!t.kind || n->out.rank < 2) return 0;
	int64_t *d = COPY(n->a, int64_t, n->out.dim, n->out.rank), size = nrows(b, ld);
	d[n->out.rank - 2] = size;
	pivots = broadcast(b, pivots, tensor_type(n->a, t.elem, n->out.rank - 1, d));
	pivots = hlo_reshape(b, pivots, 3, (int64_t[]){ type_of(b, ld).dim[0], 1, size });
	if (size != ncols(b, ld) || !pivots) return node_fail(n, BAD_INPUT, "LD is not square");
	return in_out_shape(n, ldl_solve(b, ld, pivots, y, arg_bool(n, "hermitian", false)));
}
