/* sort: by merging, so that it is stable whatever the comparator says. */
#include "reference/internal.h"

typedef struct Sort {
	Eval *v;
	const Op *op;
	Tensor *const *in;
	Tensor **arg;                /* [2 * nin] of the comparator */
	int64_t base, step;          /* of the row that is sorted */
} Sort;

/* Whether element j must come before element i, both of the row. */
static bool before(Sort *s, int64_t j, int64_t i, bool *yes)
{
	for (int k = 0; k < s->op->nin; k++) {
		const Tensor *x = s->in[k];
		memcpy(s->arg[2 * k]->data, x->data + (size_t)(s->base + j * s->step) * x->each, x->each);
		memcpy(s->arg[2 * k + 1]->data, x->data + (size_t)(s->base + i * s->step) * x->each, x->each);
	}
	return ask_region(s->v, s->op, s->op->region[0], s->arg, yes);
}

/* from[lo, mid) and from[mid, hi) are sorted; both to `to`. */
static bool merge(Sort *s, const int64_t *from, int64_t *to, int64_t lo, int64_t mid, int64_t hi)
{
	int64_t i = lo, j = mid;
	for (int64_t k = lo; k < hi; k++) {
		bool second = i >= mid;
		if (i < mid && j < hi && !before(s, from[j], from[i], &second)) return false;
		to[k] = from[second ? j++ : i++];
	}
	return true;
}

/* The order of n elements goes to order[]; spare[n]. */
static bool sort_row(Sort *s, int64_t n, int64_t *order, int64_t *spare)
{
	for (int64_t i = 0; i < n; i++) order[i] = i;
	for (int64_t width = 1; width < n; width *= 2) {
		for (int64_t lo = 0; lo < n; lo += 2 * width) {
			int64_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
			if (!merge(s, order, spare, lo, mid, hi)) return false;
		}
		memcpy(order, spare, (size_t)n * sizeof *order);
	}
	return true;
}

static bool sort_all(Sort *s, int d, int64_t *order, Tensor **out)
{
	const Tensor *x = s->in[0];
	int64_t n = x->dim[d], after = 1;
	for (int i = d + 1; i < x->type.rank; i++) after *= x->dim[i];
	s->step = after;
	for (int64_t row = 0; row < x->n / n; row++) {
		s->base = row / after * after * n + row % after;
		if (!sort_row(s, n, order, order + n)) return false;
		for (int k = 0; k < s->op->nin; k++)
			for (int64_t i = 0; i < n; i++)
				memcpy(out[k]->data + (size_t)(s->base + i * after) * out[k]->each,
					s->in[k]->data + (size_t)(s->base + order[i] * after) * out[k]->each, out[k]->each);
	}
	return true;
}

bool eval_sort(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int rank = in[0]->type.rank, d = (int)(attr(op, "dimension")->set ? attr(op, "dimension")->i : -1);
	if (d < 0) d += rank;
	Sort s = { .v = v, .op = op, .in = in, .arg = calloc(2 * (size_t)op->nin + 1, sizeof *s.arg) };
	bool ok = s.arg || eval_fail(v, op, NO_MEMORY, "no memory");
	for (int k = 0; ok && k < op->nin; k++) {
		ok = same_sizes(v, op, in[0], in[k]) && (out[k] = retyped(v, op, k, in[k], rank, in[k]->dim));
		ok = ok && (s.arg[2 * k] = tensor_new(v, op, in[k]->type, 0, NULL)) && (s.arg[2 * k + 1] = tensor_new(v, op, in[k]->type, 0, NULL));
	}
	if (ok && in[0]->n && rank) {
		int64_t *order = calloc(2 * (size_t)in[0]->dim[d], sizeof *order);
		ok = order ? sort_all(&s, d, order, out) : eval_fail(v, op, NO_MEMORY, "no memory");
		free(order);
	}
	for (int k = 0; s.arg && k < 2 * op->nin; k++) drop(s.arg[k]);
	free(s.arg);
	return ok;
}
