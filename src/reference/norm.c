/* batch_norm_inference, batch_norm_training, batch_norm_grad: the spec's formulas, in doubles. */
#include "reference/internal.h"

#include <math.h>

typedef struct Features { int64_t n, inner, each; double epsilon; } Features;      /* each: elements of one */

static Features features(const Op *op, const Tensor *x)
{
	int64_t d = attr(op, "feature_index")->i;
	Features f = { .n = x->dim[d], .inner = 1, .epsilon = attr(op, "epsilon")->f };
	for (int i = (int)d + 1; i < x->type.rank; i++) f.inner *= x->dim[i];
	f.each = f.n ? x->n / f.n : 0;
	return f;
}

/* Operands from `first` on have one element for each feature; where sizes are open only the values tell. */
static bool fits(Eval *v, const Op *op, const Features *f, Tensor *const *in, int first, int last)
{
	for (int i = first; i <= last; i++)
		if (in[i]->n != f->n) return eval_fail(v, op, BAD_INPUT, "operand %d has %lld elements, wanted %lld", i, (long long)in[i]->n, (long long)f->n);
	return true;
}

static int64_t feature_of(const Features *f, int64_t i) { return i / f->inner % f->n; }
static double get(const Tensor *t, int64_t i) { return dtype_load(t->type.elem, t->data + (size_t)i * t->each, 0); }
static void set(Tensor *t, int64_t i, double x) { dtype_store(t->type.elem, t->data + (size_t)i * t->each, 0, x); }

bool eval_batch_norm_inference(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Features f = features(op, in[0]);
	if (!fits(v, op, &f, in, 1, 4) || !(out[0] = result_like(v, op, 0, in[0]))) return false;
	for (int64_t i = 0; i < in[0]->n; i++) {
		int64_t c = feature_of(&f, i);
		set(out[0], i, (get(in[0], i) - get(in[3], c)) / sqrt(get(in[4], c) + f.epsilon) * get(in[1], c) + get(in[2], c));
	}
	return true;
}

/* Room for a sum of each feature. */
static double *sums(Eval *v, const Op *op, const Features *f)
{
	double *s = calloc((size_t)f->n + 1, sizeof *s);
	if (!s) eval_fail(v, op, NO_MEMORY, "no memory");
	return s;
}

bool eval_batch_norm_training(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	Features f = features(op, x);
	double *mean = sums(v, op, &f), *var = mean ? sums(v, op, &f) : NULL;
	bool ok = var && fits(v, op, &f, in, 1, 2) && (out[0] = result_like(v, op, 0, x));
	ok = ok && (out[1] = result_like(v, op, 1, in[1])) && (out[2] = result_like(v, op, 2, in[1]));
	for (int64_t i = 0; ok && i < x->n; i++) mean[feature_of(&f, i)] += get(x, i) / (double)f.each;
	for (int64_t i = 0; ok && i < x->n; i++) {
		double d = get(x, i) - mean[feature_of(&f, i)];
		var[feature_of(&f, i)] += d * d / (double)f.each;
	}
	for (int64_t i = 0; ok && i < x->n; i++) {
		int64_t c = feature_of(&f, i);
		set(out[0], i, (get(x, i) - mean[c]) / sqrt(var[c] + f.epsilon) * get(in[1], c) + get(in[2], c));
	}
	for (int64_t c = 0; ok && c < f.n; c++) {
		set(out[1], c, f.each ? mean[c] : NAN);
		set(out[2], c, f.each ? var[c] : NAN);
	}
	free(mean);
	free(var);
	return ok;
}

/* grad_scale = sum(g (x - mean)) / s, grad_offset = sum(g), grad_operand = scale / (n s) (n g - sum(g) - (x - mean) sum(g (x - mean)) / s^2),
 * s = sqrt(variance + epsilon) */
bool eval_batch_norm_grad(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0], *scale = in[1], *mean = in[2], *var = in[3], *g = in[4];
	Features f = features(op, x);
	double n = (double)f.each, *sum = sums(v, op, &f), *dot = sum ? sums(v, op, &f) : NULL;
	bool ok = dot && fits(v, op, &f, in, 1, 3) && same_sizes(v, op, x, g) && (out[0] = result_like(v, op, 0, x));
	ok = ok && (out[1] = result_like(v, op, 1, scale)) && (out[2] = result_like(v, op, 2, scale));
	for (int64_t i = 0; ok && i < x->n; i++) {
		int64_t c = feature_of(&f, i);
		sum[c] += get(g, i);
		dot[c] += get(g, i) * (get(x, i) - get(mean, c));
	}
	for (int64_t i = 0; ok && i < x->n; i++) {
		int64_t c = feature_of(&f, i);
		double s2 = get(var, c) + f.epsilon;
		set(out[0], i, get(scale, c) / (n * sqrt(s2)) * (n * get(g, i) - sum[c] - (get(x, i) - get(mean, c)) * dot[c] / s2));
	}
	for (int64_t c = 0; ok && c < f.n; c++) {
		set(out[1], c, dot[c] / sqrt(get(var, c) + f.epsilon));
		set(out[2], c, sum[c]);
	}
	free(sum);
	free(dot);
	return ok;
}
