/* Gradients of the distances of all pairs. f16 and bf16 are computed in f32. */
#include "aten/index.h"
#include "aten/rules.h"

#include <math.h>

/* d|x|_p / dx times g for x [*B, P, R, M], the norm d and g laid over it; 0 where d is 0, which has no slope
 * (p = 2: g x / d; p = 1: g sign(x); p = inf: g sign(x) where |x| is the largest; p = 0: 0) */
static Value norm_slope(Builder *b, Value x, Value d, Value g, double p)
{
	Value sign = hlo_sign(b, x), size = hlo_abs(b, x);
	if (p == 0) return full_like(b, x, 0);
	if (p == 1) return hlo_multiply(b, g, sign);
	if (p == INFINITY) {
		Value largest = hlo_compare(b, DIRECTION_EQ, size, d);
		sign = hlo_multiply(b, g, sign);
		return hlo_select(b, largest, sign, full_like(b, sign, 0));
	}
	Value zero = is(b, DIRECTION_EQ, p < 1 ? size : d, 0);
	if (p < 1) zero = hlo_or(b, zero, is(b, DIRECTION_EQ, d, 0));
	if (p == 2) {
		x = hlo_multiply(b, g, x);
		x = hlo_divide(b, x, d);
		return if_num(b, zero, 0, x);
	}
	Value power = full_like(b, x, p - 1);
	size = hlo_power(b, size, power);
	size = hlo_multiply(b, size, sign);
	size = hlo_multiply(b, size, g);
	size = hlo_divide(b, size, hlo_power(b, d, power));
	return if_num(b, zero, 0, size);
}

/* x1 [*B, P, M], x2 [*B, R, M], distances d and their gradients g [*B, P, R] -> [*B, P, M]: of x1, summed
 * over R */
static Value pairs_backward(Builder *b, Value x1, Value x2, Value d, Value g, double p)
{
	Type t = known_type(b, x1), pairs = known_type(b, g);
	if (!t.kind || !x2 || !d || pairs.rank != t.rank || t.rank < 2) return 0;
	int rank = t.rank;
	int64_t *dim = NEW(b->a, int64_t, rank + 1);
	for (int i = 0; i < rank; i++) dim[i] = pairs.dim[i];
	dim[rank] = t.dim[rank - 1];
	Type cube = tensor_type(b->a, t.elem, rank + 1, dim);
	x1 = broadcast(b, unsqueeze_dim(b, x1, rank - 1), cube);
	x2 = broadcast(b, unsqueeze_dim(b, x2, rank - 2), cube);
	d = spread_over(b, d, one_dim(b, rank), cube);
	g = spread_over(b, g, one_dim(b, rank), cube);
	x1 = hlo_subtract(b, x1, x2);
	x1 = norm_slope(b, x1, d, g, p);
	return sum_over(b, x1, one_dim(b, rank - 1));
}

/* aten._cdist_backward(grad [*B, P, R], x1 [*B, P, M], x2 [*B, R, M], p, cdist [*B, P, R]) -> the gradient of
 * x1 */
Value lower_cdist_backward(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value x1 = arg_as(n, "x1", acc), x2 = arg_as(n, "x2", acc);
	Value d = arg_as(n, "cdist", acc), g = arg_as(n, "grad", acc);
	Type t = known_type(b, x1);
	if (!type_numel(n->out) || (t.kind && !type_numel(t))) return full(b, n->out, 0);
	x1 = pairs_backward(b, x1, x2, d, g, arg_num(n, "p", 2));
	return cast(b, x1, n->out.elem);
}

/* The pair i < j of N points that stands at [i][j] and [j][i] of a square matrix, counted row by row: N (N -
 * 1) / 2 on the diagonal. */
static Value pair_places(Builder *b, int64_t count)
{
	int64_t *at = NEW(b->a, int64_t, count * count + 1), k = 0;
	for (int64_t i = 0; i < count; i++) {
		at[i * count + i] = count * (count - 1) / 2;
		for (int64_t j = i + 1; j < count; j++) at[i * count + j] = at[j * count + i] = k++;
	}
	Value v = hlo_ints(b, (int)(count * count), at, DTYPE_i64);
	return hlo_reshape(b, v, 2, (int64_t[]){ count, count });
}

/* [N (N - 1) / 2] -> [N, N], 0 on the diagonal */
static Value square_of_pairs(Builder *b, Value v, Value places)
{
	Type t = known_type(b, v);
	if (t.rank != 1) return 0;
	int64_t none = 0, one = 1;
	v = hlo_pad(b, v, scalar(b, 0, t.elem), &none, &one, NULL);
	return take_at(b, v, 0, places);
}

/* aten._pdist_backward(grad [N (N - 1) / 2], self [N, M], p, pdist): cdist of self with itself */
Value lower_pdist_backward(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value x = arg_as(n, "self", acc), d = arg_as(n, "pdist", acc), g = arg_as(n, "grad", acc);
	if (n->out.rank != 2 || n->out.dim[0] > 1 << 10)
		return node_fail(n, UNSUPPORTED, "all pairs of the rows of %s", type_str(n->a, n->out));
	if (type_numel(n->out) == 0 || n->out.dim[0] < 2) return full(b, n->out, 0);
	Value places = pair_places(b, n->out.dim[0]);
	d = square_of_pairs(b, d, places);
	g = square_of_pairs(b, g, places);
	x = pairs_backward(b, x, x, d, g, arg_num(n, "p", 2));
	return cast(b, x, n->out.elem);
}
