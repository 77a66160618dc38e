/* Cholesky: a = L L^H.
 *
 * Real matrices go to stablehlo.cholesky, which plugins have kernels for; complex ones, which not all
 * of them take, and the question which leading minor fails, to a loop over columns. Only the triangle
 * that is asked for is read. */
#include "aten/linalg.h"
#include "aten/rules.h"

/* Column j: l = a[:, j] / sqrt(a[j, j]) from row j on, then a - l l^H. A pivot that is not above 0 is
 * the first to fail: its row, from 1, goes to info.   v: a [B, n, n], info i32[B, 1, 1] */
static void cholesky_column(Builder *b, const void *with, Value j, Value *v)
{
	(void)with;
	Type t = type_of(b, v[0]);
	Value column = slice_at(b, v[0], 2, j);                        /* [B, n, 1] */
	Value pivot = slice_at(b, column, 1, j);
	pivot = real_part(b, pivot);                                   /* [B, 1, 1] */
	Type one = known_type(b, v[1]);
	Value fails = hlo_not(b, is(b, DIRECTION_GT, pivot, 0));
	Value first = is(b, DIRECTION_EQ, v[1], 0);
	fails = hlo_and(b, fails, first);
	Value row = broadcast(b, j, one);
	row = plus(b, row, 1);
	v[1] = hlo_select(b, fails, row, v[1]);
	column = masked(b, where_position(b, shape_with(b, t, 2, 1), 1, DIRECTION_GE, j), column);
	column = combine(b, OP_divide, column, hlo_sqrt(b, pivot));
	Value below = masked(b, where_position(b, shape_with(b, t, 2, 1), 1, DIRECTION_GT, j), column);
	Value outer = combine(b, OP_multiply, below, adjoint(b, below));
	v[0] = hlo_subtract(b, v[0], outer);
	v[0] = with_slice_at(b, v[0], 2, j, column);
}

/* L as the loop computes it, and which leading minor is not positive: i32[B]. */
static Value cholesky_loop(Builder *b, Value a, Value *info)
{
	Type one = with_elem(matrices_type(b, a, 1, 1), DTYPE_i32);
	Value v[2] = { a, full(b, one, 0) };
	repeat(b, nrows(b, a), 2, v, cholesky_column, NULL);
	*info = v[1];
	return v[0];
}

/* L; of an upper one L^H */
static Value cholesky(Builder *b, Value a, bool upper, Value *info)
{
	if (!a) return 0;
	if (upper) a = adjoint(b, a);
	Value l = cholesky_loop(b, a, info);
	bool real = !is_complex(known_type(b, a).elem);
	if (real && type_numel(known_type(b, a))) l = hlo_cholesky(b, a, true);
	l = lower_triangle(b, l, 0);
	return upper ? adjoint(b, l) : l;
}

/* aten.linalg_cholesky, cholesky(self, upper=False); NaN where torch raises */
Value lower_cholesky(Node *n)
{
	Value info = 0;
	Value l = cholesky(n->b, arg_square(n, "self"), arg_bool(n, "upper", false), &info);
	return in_out_shape(n, l);
}

/* aten.linalg_cholesky_ex(self, *, upper=False, check_errors=False) -> (L, info) */
Value lower_cholesky_ex(Node *n)
{
	Value info = 0;
	Value l = cholesky(n->b, arg_square(n, "self"), arg_bool(n, "upper", false), &info);
	set_matrix_out(n, 1, info);
	return in_out_shape(n, l);
}
