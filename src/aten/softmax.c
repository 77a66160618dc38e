/* Softmax and its logarithm. f16 and bf16 are computed in f32. */
#include "aten/rules.h"

#include <math.h>

/* self in "dtype" if given, widened to what the sums are computed in */
static Value input(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (has_arg(n, "dtype")) x = cast(b, x, arg_dtype(n, "dtype", n->out.elem));
	return cast(b, x, acc_type(n->out.elem));
}

/* A 0-d self is a softmax over one value. */
static Ints softmax_dims(Node *n, Type t)
{
	int dim = arg_dim(n, "dim", -1, t.rank);
	return t.rank ? one_dim(n->b, dim) : (Ints){ 0 };
}

/* x - max */
static Value shifted(Builder *b, Value x, Ints dims, Type t)
{
	Value top = reduce_over(b, OP_maximum, x, dims);
	top = spread_over(b, top, dims, t);
	return hlo_subtract(b, x, top);
}

/* exp(x - max) / sum(exp(x - max)) along dims */
static Value softmax(Builder *b, Value x, Ints dims)
{
	Type t = known_type(b, x);                        /* [..., D, ...] */
	if (!t.kind) return 0;
	Value e = hlo_exponential(b, shifted(b, x, dims, t));
	Value sum = sum_over(b, e, dims);                 /* [..., ...] */
	sum = spread_over(b, sum, dims, t);
	return hlo_divide(b, e, sum);
}

/* aten.softmax.int, _softmax(self, dim, half_to_float or dtype) */
Value lower_softmax(Node *n)
{
	Value x = input(n);
	x = softmax(n->b, x, softmax_dims(n, known_type(n->b, x)));
	return cast(n->b, x, n->out.elem);
}

/* aten._safe_softmax(self, dim, dtype?): rows that are -inf throughout give 0 instead of NaN */
Value lower_safe_softmax(Node *n)
{
	Builder *b = n->b;
	Value x = input(n);
	Type t = known_type(b, x);
	Ints dims = softmax_dims(n, t);
	Value y = softmax(b, x, dims);
	Value masked = math_isneginf(b, x);
	masked = reduce_over(b, OP_and, masked, dims);
	if (dims.n) masked = spread_over(b, masked, dims, with_elem(t, DTYPE_bool));
	y = if_num(b, masked, 0, y);
	return cast(b, y, n->out.elem);
}

/* aten.log_softmax.int, _log_softmax(self, dim, half_to_float or dtype): x - max - log(sum(exp(x - max))) */
Value lower_log_softmax(Node *n)
{
	Builder *b = n->b;
	Value x = input(n);
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Ints dims = softmax_dims(n, t);
	x = shifted(b, x, dims, t);
	Value e = hlo_exponential(b, x);
	Value sum = sum_over(b, e, dims);
	sum = hlo_log(b, sum);
	sum = spread_over(b, sum, dims, t);
	x = hlo_subtract(b, x, sum);
	return cast(b, x, n->out.elem);
}
