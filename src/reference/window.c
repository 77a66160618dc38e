/* Windows: reduce_window, select_and_scatter, and how many there are. */
#include "reference/internal.h"

static int64_t item(Ints x, int i, int64_t otherwise) { return i < x.n ? x.v[i] : otherwise; }

/* (n - 1) * by + 1, of none 0 */
static bool dilated(int64_t n, int64_t by, int64_t *out)
{
	if (n <= 0) return *out = 0, n == 0;
	return !__builtin_mul_overflow(n - 1, by, out) && !__builtin_add_overflow(*out, 1, out);
}

bool window_count_all(Eval *v, const Op *op, Windows *w, const int64_t *in)
{
	bool conv = op->code == OP_convolution || op->code == OP_dynamic_conv;
	Ints stride = attr(op, "window_strides")->ints, padding = attr(op, "padding")->ints;
	Ints base = attr(op, conv ? "lhs_dilation" : "base_dilations")->ints, window = attr(op, conv ? "rhs_dilation" : "window_dilations")->ints;
	for (int i = 0; i < w->rank; i++) {
		w->stride[i] = item(stride, i, 1), w->base[i] = item(base, i, 1), w->dilation[i] = item(window, i, 1);
		if (op->code != OP_dynamic_conv) w->low[i] = item(padding, 2 * i, 0), w->high[i] = item(padding, 2 * i + 1, 0);
		int64_t all, one;
		bool ok = w->stride[i] > 0 && w->base[i] > 0 && w->dilation[i] > 0 && dilated(in[i], w->base[i], &all) && dilated(w->size[i], w->dilation[i], &one);
		ok = ok && w->low[i] > -(INT64_MAX / 4) && !__builtin_add_overflow(all, w->low[i], &all) && !__builtin_add_overflow(all, w->high[i], &all);
		if (!ok) return eval_fail(v, op, BAD_INPUT, "the window in dimension %d is out of range", i);
		w->count[i] = all <= 0 || one > all ? 0 : (all - one) / w->stride[i] + 1;
	}
	return true;
}

/* Element k of the window `at`: its place in x, false in the padding or between elements. */
static bool window_place(const Windows *w, const Tensor *x, const int64_t *stride, const int64_t *at, const int64_t *k, int64_t *out)
{
	*out = 0;
	for (int i = 0; i < w->rank; i++) {
		int64_t p = at[i] * w->stride[i] + k[i] * w->dilation[i] - w->low[i];
		if (p < 0 || p % w->base[i] || p / w->base[i] >= x->dim[i]) return false;
		*out += p / w->base[i] * stride[i];
	}
	return true;
}

/* The padding has the initial values, as the spec has it. */
static bool reduce_windows(Fold *f, const Windows *w, Tensor *const *in, Tensor **out)
{
	int64_t stride[MAX_DIMS], at[MAX_DIMS] = { 0 }, to = 0, from;
	uint8_t *acc[MAX_DIMS];
	const uint8_t *x[MAX_DIMS];
	row_strides(w->rank, in[0]->dim, stride);
	do {
		int64_t k[MAX_DIMS] = { 0 };
		for (int i = 0; i < f->n; i++) acc[i] = out[i]->data + (size_t)to * out[i]->each;
		do {
			bool inside = window_place(w, in[0], stride, at, k, &from);
			for (int i = 0; i < f->n; i++) x[i] = inside ? in[i]->data + (size_t)from * in[i]->each : in[f->n + i]->data;
			if (!fold_step(f, acc, x)) return false;
		} while (next_index(w->rank, w->size, k));
		to++;
	} while (next_index(w->rank, w->count, at));
	return true;
}

bool eval_reduce_window(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int n = op->nout;
	bool some = true;
	Windows w = { .rank = in[0]->type.rank };
	if (n > MAX_DIMS) return eval_fail(v, op, UNSUPPORTED, "%d operands", n);
	for (int i = 0; i < w.rank; i++) w.size[i] = attr(op, "window_dimensions")->ints.v[i], some = some && w.size[i] > 0;
	if (!window_count_all(v, op, &w, in[0]->dim)) return false;
	for (int i = 0; i < n; i++) {
		if (!same_sizes(v, op, in[0], in[i]) || !(out[i] = result(v, op, i, w.rank, w.count))) return false;
		Type from = in[n + i]->type, to = out[i]->type;
		uint8_t element[16];
		convert_elements(from.quant ? from.quant->storage : from.elem, in[n + i]->data, to.quant ? to.quant->storage : to.elem, element, 1);
		fill(out[i]->data, element, out[i]->each, out[i]->n);
	}
	if (!out[0]->n || !some) return true;
	Fold f;
	bool ok = fold_begin(&f, v, op, op->region[0], n, out, in) && reduce_windows(&f, &w, in, out);
	fold_end(&f);
	return ok;
}

/* -- select_and_scatter ---------------------------------------------------------------------------------- */

/* Where the window at `at` has the element that its region selects; -1: it lies in the padding altogether. */
static bool select_place(Eval *v, const Op *op, const Windows *w, const Tensor *x, const int64_t *stride, const int64_t *at, Tensor *const *arg,
	int64_t *best)
{
	int64_t k[MAX_DIMS] = { 0 }, from;
	*best = -1;
	do {
		bool keep = false;
		if (!window_place(w, x, stride, at, k, &from)) continue;
		if (*best >= 0) {
			memcpy(arg[0]->data, x->data + (size_t)*best * x->each, x->each);
			memcpy(arg[1]->data, x->data + (size_t)from * x->each, x->each);
			if (!ask_region(v, op, op->region[0], arg, &keep)) return false;
		}
		if (!keep) *best = from;
	} while (next_index(w->rank, w->size, k));
	return true;
}

static bool scatter_selected(Fold *f, const Windows *w, Tensor *const *in, Tensor *out, Tensor *const *arg)
{
	int64_t stride[MAX_DIMS], at[MAX_DIMS] = { 0 }, best, from = 0;
	row_strides(w->rank, in[0]->dim, stride);
	do {
		if (!select_place(f->v, f->op, w, in[0], stride, at, arg, &best)) return false;
		uint8_t *acc = out->data + (size_t)best * out->each;
		const uint8_t *x = in[1]->data + (size_t)from++ * in[1]->each;
		if (best >= 0 && !fold_step(f, &acc, &x)) return false;
	} while (next_index(w->rank, w->count, at));
	return true;
}

bool eval_select_and_scatter(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Windows w = { .rank = in[0]->type.rank };
	bool some = true;
	for (int i = 0; i < w.rank; i++) w.size[i] = item(attr(op, "window_dimensions")->ints, i, 1), some = some && w.size[i] > 0;
	if (!window_count_all(v, op, &w, in[0]->dim) || !(out[0] = result_like(v, op, 0, in[0]))) return false;
	for (int i = 0; i < w.rank; i++)
		if (in[1]->dim[i] != w.count[i])
			return eval_fail(v, op, BAD_INPUT, "source has %lld in dimension %d, wanted %lld", (long long)in[1]->dim[i], i, (long long)w.count[i]);
	fill(out[0]->data, in[2]->data, out[0]->each, out[0]->n);
	if (!in[1]->n || !some) return true;
	Fold f;
	Tensor *arg[2] = { tensor_new(v, op, in[0]->type, 0, NULL), tensor_new(v, op, in[0]->type, 0, NULL) };
	bool ok = fold_begin(&f, v, op, op->region[1], 1, out, in + 1) && arg[0] && arg[1] && scatter_selected(&f, &w, in, out[0], arg);
	fold_end(&f);
	drop(arg[0]);
	drop(arg[1]);
	return ok;
}
