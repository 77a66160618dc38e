/* Variances and log-sum-exp over dims. f16 and bf16 are computed in f32. */
#include "aten/pointwise.h"
#include "aten/rules.h"

/* -- variance -------------------------------------------------------------------------------------------- */

/* x / max(N - correction, 0) of N values: "correction" (default 1), or "unbiased": 1 or 0 */
static Value per_degree(Node *n, Value x, int64_t count)
{
	Builder *b = n->b;
	double correction = has_arg(n, "correction") ? arg_num(n, "correction", 1) : arg_bool(n, "unbiased", true);
	if (count >= 0) return divided_by(b, x, (double)count > correction ? (double)count - correction : 0);
	Value degrees = size_value(b, count, known_type(b, x));
	degrees = plus(b, degrees, -correction);
	return hlo_divide(b, x, clamp_min(b, degrees, 0));
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
	return per_degree(n, x, size_over(b, t, dims));
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

/* -- log-sum-exp ----------------------------------------------------------------------------------------- */

/* aten.logsumexp(self, dim, keepdim): max + log(sum(exp(self - max))); an infinite max is left out of the
 * difference. Of complex numbers the greatest real part counts. */
Value lower_logsumexp(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", float_work_type(n, 1, (const char *[]){ "self" }));
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Ints dims = arg_dims(n, "dim", t.rank);
	Value top = is_complex(t.elem) ? hlo_real(b, x) : x;
	top = reduce_over(b, OP_maximum, top, dims);
	Value infinite = math_isinf(b, top);
	top = if_num(b, infinite, 0, top);
	top = cast(b, top, t.elem);
	x = hlo_subtract(b, x, spread_over(b, top, dims, t));
	x = hlo_exponential(b, x);
	x = sum_over(b, x, dims);
	x = hlo_log(b, x);
	x = hlo_add(b, x, top);
	x = keep_dims(b, x, dims, t, arg_bool(n, "keepdim", false));
	return cast(b, x, n->out.elem);
}
