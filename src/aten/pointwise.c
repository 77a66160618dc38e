/* Operands and reductions that several rules share. */
#include "aten/formulas.h"
#include "aten/pointwise.h"

#include <math.h>

Value operand(Node *n, const char *name, DType elem)
{
	Value x = arg_as(n, name, elem);
	return broadcast(n->b, x, n->out);
}

bool number_is_rounded(Node *n, const char *name, DType elem)
{
	const Arg *x = arg_raw(n, name);
	if (!x || x->kind != ARG_FLOAT || !is_float(elem) || acc_type(elem) == elem) return false;
	uint8_t bytes[16] = { 0 };
	dtype_store(elem, bytes, 0, x->f);
	return dtype_load(elem, bytes, 0) != x->f;
}

DType work_type(Node *n, int count, const char *const *names)
{
	return acc_type(result_type(n, count, names));
}
DType float_work_type(Node *n, int count, const char *const *names)
{
	return acc_type(float_result_type(n, count, names));
}

static Pair pair_in(Node *n, DType t, const char *x_name, const char *y_name)
{
	Builder *b = n->b;
	Value x = arg_as(n, x_name, t);
	Value y = arg_as(n, y_name, t);
	Type shape = broadcast_type(n, known_type(b, x), known_type(b, y));
	x = broadcast(b, x, shape);
	y = broadcast(b, y, shape);
	return (Pair){ x, y, shape };
}

Pair work_pair(Node *n, const char *x, const char *y)
{
	return pair_in(n, work_type(n, 2, (const char *[]){ x, y }), x, y);
}
Pair float_pair(Node *n, const char *x, const char *y)
{
	return pair_in(n, float_work_type(n, 2, (const char *[]){ x, y }), x, y);
}

Value norm_over(Builder *b, Value x, double p, Ints dims)
{
	if (p == INFINITY) return at_least(b, reduce_over(b, OP_maximum, x, dims), 0);      /* 0 of nothing */
	if (p == -INFINITY) return reduce_over(b, OP_minimum, x, dims);
	if (p == 0) {
		Value some = is(b, DIRECTION_NE, x, 0);
		some = cast(b, some, known_type(b, x).elem);
		return sum_over(b, some, dims);
	}
	if (p == 1) return sum_over(b, x, dims);
	if (p == 2) {
		x = square(b, x);
		x = sum_over(b, x, dims);
		return hlo_sqrt(b, x);
	}
	Value power = full_like(b, x, p);
	x = hlo_power(b, x, power);
	x = sum_over(b, x, dims);
	Value root = full_like(b, x, 1 / p);
	return hlo_power(b, x, root);
}

Value distance_over(Builder *b, Value x, double p, Ints dims)
{
	if (p != 0) return norm_over(b, x, p, dims);
	x = hlo_ceil(b, x);
	x = at_most(b, x, 1);
	return sum_over(b, x, dims);
}

Value reduced_loss(Node *n, Value x)
{
	Builder *b = n->b;
	int64_t how = arg_int(n, "reduction", REDUCTION_MEAN);
	Ints dims = all_dims(b, known_type(b, x).rank);
	if (how == REDUCTION_MEAN) x = mean_over(b, x, dims);
	else if (how == REDUCTION_SUM) x = sum_over(b, x, dims);
	else if (how != REDUCTION_NONE)
		return node_fail(n, BAD_INPUT, "reduction is %lld, wanted 0, 1 or 2", (long long)how);
	return cast(b, x, n->out.elem);
}
