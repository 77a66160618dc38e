/* Integrals by the trapezoidal rule. */
#include "aten/rules.h"

/* The widths of the D - 1 steps along dim, in the shape t = [.., D - 1, ..] of the steps: "dx", or the
 * differences of "x", which is 1-d along dim or broadcasts with y. */
static Value widths(Node *n, Type t, int dim)
{
	Builder *b = n->b;
	if (!is_tensor_arg(n, "x")) {
		Value dx = has_arg(n, "dx") ? arg_as(n, "dx", t.elem) : scalar(b, 1, t.elem);
		return broadcast(b, dx, t);
	}
	Value x = arg_as(n, "x", t.elem);
	if (!x) return 0;
	int rank = rank_of(b, x), at = rank == 1 ? 0 : dim - (t.rank - rank);
	if (at < 0 || at >= rank) return node_fail(n, UNSUPPORTED, "x of rank %d for y of rank %d", rank, t.rank);
	int64_t size = type_of(b, x).dim[at];
	Value after = slice_dim(b, x, at, 1, size, 1);
	Value before = slice_dim(b, x, at, 0, size - 1, 1);
	x = hlo_subtract(b, after, before);
	return rank == 1 ? along(b, x, dim, t) : broadcast(b, x, t);
}

/* (y[i] + y[i + 1]) * width / 2 of each step along dim */
static Value steps(Node *n, int *dim)
{
	Builder *b = n->b;
	Value y = arg_as(n, "y", n->out.elem);
	if (!y) return 0;
	Type t = type_of(b, y);
	*dim = arg_dim(n, "dim", -1, t.rank);
	if (!t.rank || !t.dim[*dim]) return node_fail(n, UNSUPPORTED, "no steps in %s", type_str(n->a, t));
	Value after = slice_dim(b, y, *dim, 1, t.dim[*dim], 1);
	Value before = slice_dim(b, y, *dim, 0, t.dim[*dim] - 1, 1);
	Value sum = hlo_add(b, after, before);
	Value width = widths(n, shape_with(b, t, *dim, t.dim[*dim] - 1), *dim);
	sum = hlo_multiply(b, sum, width);
	Value half = full_like(b, sum, 2);
	return hlo_divide(b, sum, half);
}

/* aten.trapezoid(y, x or dx=1, dim=-1): the sum of (y[i] + y[i + 1]) * (x[i + 1] - x[i]) / 2 */
Value lower_trapezoid(Node *n)
{
	int dim = 0;
	Value area = steps(n, &dim);
	return area ? sum_over(n->b, area, one_dim(n->b, dim)) : 0;
}
