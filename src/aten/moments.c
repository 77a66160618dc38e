/* Variances, norms and log-sum-exp over dims. f16 and bf16 are computed in f32. */
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <math.h>
#include <string.h>

/* -- variance ------------------------------------------------------------------------------------------------------------------- */

/* N - correction of the mean of squares: "correction" (default 1), or "unbiased": 1 or 0 */
static double divisor(Node *n, Type t, Ints dims)
{
	double correction = has_arg(n, "correction") ? arg_num(n, "correction", 1) : arg_bool(n, "unbiased", true);
	double count = (double)count_over(t, dims) - correction;
	return count > 0 ? count : 0;
}

/* sum |x - mean|^2 / divisor of a real x [*S] over dims */
static Value variance(Node *n, Value x, Ints dims)
{
	Builder *b = n->b;
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Value mean = mean_over(b, x, dims);
	mean = spread_over(b, mean, dims, t);
	x = hlo_subtract(b, x, mean);
	x = square(b, x);
	x = sum_over(b, x, dims);
	return divided_by(b, x, divisor(n, t, dims));
}

/* Of a complex number: that of its parts together. */
static Value variance_of(Node *n, Value x, Ints dims)
{
	Builder *b = n->b;
	if (!is_complex(known_type(b, x).elem)) return variance(n, x, dims);
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	re = variance(n, re, dims);
	im = variance(n, im, dims);
	return hlo_add(b, re, im);
}

/* aten.var, std, var_mean, std_mean(self, dim?, correction or unbiased, keepdim) */
static Value moments(Node *n, bool root)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", work_type(n, 1, (const char *[]){ "self" }));
	Type t = known_type(b, x);
	Ints dims = arg_dims(n, "dim", t.rank);
	bool keep = arg_bool(n, "keepdim", false);
	if (out_wanted(n, 1)) {
		Value mean = mean_over(b, x, dims);
		mean = keep_dims(b, mean, dims, t, keep);
		set_out(n, 1, cast(b, mean, out_type(n, 1).elem));
	}
	Value y = variance_of(n, x, dims);
	if (root) y = hlo_sqrt(b, y);
	y = keep_dims(b, y, dims, t, keep);
	return cast(b, y, n->out.elem);
}

Value lower_var(Node *n) { return moments(n, false); }
Value lower_std(Node *n) { return moments(n, true); }

/* -- norms ---------------------------------------------------------------------------------------------------------------------- */

/* The p-norm of magnitudes x >= 0 over dims: max, min, how many are not 0, or (sum x^p)^(1/p) */
static Value norm_over(Builder *b, Value x, double p, Ints dims)
{
	if (p == INFINITY) return reduce_over(b, OP_maximum, x, dims);
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

/* The p-norm of the values of argument `name`, in the result's type or the "dtype" argument's. */
static Value vector_norm(Node *n, double p)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (has_arg(n, "dtype")) x = cast(b, x, arg_dtype(n, "dtype", n->out.elem));
	x = cast(b, x, acc_type(known_type(b, x).elem));
	Type t = known_type(b, x);
	Ints dims = arg_dims(n, "dim", t.rank);
	x = math_abs(b, x);
	x = cast(b, x, acc_type(n->out.elem));
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

/* aten.dist(self, other, p=2): the p-norm of self - other */
Value lower_dist(Node *n)
{
	Builder *b = n->b;
	DType t = work_type(n, 2, (const char *[]){ "self", "other" });
	Value x = arg_as(n, "self", t);
	Value y = arg_as(n, "other", t);
	Type shape = broadcast_type(n, known_type(b, x), known_type(b, y));
	x = broadcast(b, x, shape);
	y = broadcast(b, y, shape);
	x = hlo_subtract(b, x, y);
	x = hlo_abs(b, x);
	x = norm_over(b, x, arg_num(n, "p", 2), all_dims(b, shape.rank));
	return cast(b, x, n->out.elem);
}

/* -- log-sum-exp ------------------------------------------------------------------------------------------------------------- */

/* aten.logsumexp(self, dim, keepdim): max + log(sum(exp(self - max))); an infinite max is left out of the difference */
Value lower_logsumexp(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", float_work_type(n, 1, (const char *[]){ "self" }));
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	if (is_complex(t.elem)) return node_fail(n, UNSUPPORTED, "complex logsumexp");
	Ints dims = arg_dims(n, "dim", t.rank);
	Value top = reduce_over(b, OP_maximum, x, dims);
	Value infinite = math_isinf(b, top);
	top = if_num(b, infinite, 0, top);
	x = hlo_subtract(b, x, spread_over(b, top, dims, t));
	x = hlo_exponential(b, x);
	x = sum_over(b, x, dims);
	x = hlo_log(b, x);
	x = hlo_add(b, x, top);
	x = keep_dims(b, x, dims, t, arg_bool(n, "keepdim", false));
	return cast(b, x, n->out.elem);
}
