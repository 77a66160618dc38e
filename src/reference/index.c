/* Elements at places that values say: dynamic_slice, dynamic_update_slice, gather, scatter, torch_index_select. */
#include "reference/internal.h"

static int64_t clamp(int64_t x, int64_t most) { return x < 0 ? 0 : x > most ? most : x; }

/* -- slices ---------------------------------------------------------------------------------------------- */

/* Where a piece of these sizes begins in x, moved so that it lies within; strides of x. False: it is larger. */
static bool place(Eval *v, const Op *op, const Tensor *x, Tensor *const *start, const int64_t *size, int64_t *stride, int64_t *at)
{
	row_strides(x->type.rank, x->dim, stride);
	*at = 0;
	for (int i = 0; i < x->type.rank; i++) {
		if (size[i] < 0 || size[i] > x->dim[i])
			return eval_fail(v, op, BAD_INPUT, "%lld of dimension %d, which has %lld", (long long)size[i], i, (long long)x->dim[i]);
		*at += clamp(int_at(start[i], 0), x->dim[i] - size[i]) * stride[i];
	}
	return true;
}

bool eval_dynamic_slice(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	Ints size = attr(op, "slice_sizes")->ints;
	Walk w = { .rank = x->type.rank };
	int64_t at;
	memcpy(w.n, size.v, (size_t)w.rank * sizeof *w.n);
	if (!place(v, op, x, in + 1, w.n, w.src, &at) || !(out[0] = result(v, op, 0, w.rank, w.n))) return false;
	row_strides(w.rank, w.n, w.dst);
	if (out[0]->n) copy_walk(x->each, out[0]->data, x->data + (size_t)at * x->each, &w);
	return true;
}

bool eval_dynamic_update_slice(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0], *u = in[1];
	Walk w = { .rank = x->type.rank };
	int64_t at;
	memcpy(w.n, u->dim, (size_t)w.rank * sizeof *w.n);
	if (!place(v, op, x, in + 2, w.n, w.dst, &at) || !(out[0] = retyped(v, op, 0, in[0], w.rank, x->dim))) return false;
	row_strides(w.rank, w.n, w.src);
	if (u->n) copy_walk(x->each, out[0]->data + (size_t)at * x->each, u->data, &w);
	return true;
}

/* -- gather ---------------------------------------------------------------------------------------------- */

static bool has(Ints x, int64_t d)
{
	for (int i = 0; i < x.n; i++)
		if (x.v[i] == d) return true;
	return false;
}

/* What gather's and scatter's dimension numbers have in common: places in an operand by a tensor of indices. */
typedef struct Places {
	const Tensor *index;
	int64_t vector;              /* the dimension of it that has the coordinates; its rank: they are scalars */
	Ints map, batching, index_batching;
	int nbatch;
	int64_t batch[MAX_DIMS];     /* sizes of the other dimensions */
	int64_t stride[MAX_DIMS];    /* theirs */
	int64_t step;                /* from one coordinate to the next */
} Places;

static void places_begin(Places *p)
{
	int rank = p->index->type.rank;
	int64_t stride[MAX_DIMS];
	row_strides(rank, p->index->dim, stride);
	for (int i = 0; i < rank; i++) {
		if (i == p->vector) continue;
		p->batch[p->nbatch] = p->index->dim[i];
		p->stride[p->nbatch++] = stride[i];
	}
	p->step = p->vector < rank ? stride[p->vector] : 0;
}

/* The coordinates that stand at `at` of the batch, for each dimension of the operand; 0 where the indices say none. */
static void coordinates(const Places *p, const int64_t *at, int rank, int64_t *out)
{
	int64_t from = 0;
	for (int i = 0; i < rank; i++) out[i] = 0;
	for (int i = 0; i < p->nbatch; i++) from += at[i] * p->stride[i];
	for (int i = 0; i < p->map.n; i++) out[p->map.v[i]] = int_at(p->index, from + i * p->step);
	for (int i = 0; i < p->batching.n; i++) {
		int64_t d = p->index_batching.v[i];
		out[p->batching.v[i]] = at[d > p->vector ? d - 1 : d];
	}
}

/* The result's sizes: of the slice at offset_dims, of the batch elsewhere; which dimensions are the batch's, and which the slice's. */
static int gather_sizes(const GatherDims *g, const Places *p, int rank, const int64_t *size, int64_t *dim, int *batch, int *offset)
{
	int n = 0, b = 0, o = 0;
	int64_t kept[MAX_DIMS];
	for (int i = 0; i < rank; i++)
		if (!has(g->collapsed_slice_dims, i) && !has(g->operand_batching_dims, i)) kept[n++] = size[i];
	int all = n + p->nbatch;
	for (int i = 0; i < all && all <= MAX_DIMS; i++) {
		bool is_offset = has(g->offset_dims, i);
		if (is_offset && o < n) dim[i] = kept[o], offset[o++] = i;
		else if (!is_offset && b < p->nbatch) dim[i] = p->batch[b], batch[b++] = i;
	}
	return all;
}

static bool gather(Eval *v, const Op *op, const GatherDims *g, Tensor *const *in, const int64_t *size, Tensor **out)
{
	const Tensor *x = in[0];
	int rank = x->type.rank, batch[MAX_DIMS] = { 0 }, offset[MAX_DIMS] = { 0 };
	Places p = { .index = in[1], .vector = g->index_vector_dim, .map = g->start_index_map, .batching = g->operand_batching_dims,
		.index_batching = g->start_indices_batching_dims };
	places_begin(&p);
	int64_t dim[MAX_DIMS] = { 0 }, ds[MAX_DIMS], xs[MAX_DIMS], at[MAX_DIMS] = { 0 }, place[MAX_DIMS];
	int all = gather_sizes(g, &p, rank, size, dim, batch, offset);
	if (!(out[0] = result(v, op, 0, all, dim)) || !out[0]->n) return out[0] != NULL;
	row_strides(all, dim, ds);
	row_strides(rank, x->dim, xs);
	Walk w = { .rank = rank };
	for (int i = 0, o = 0; i < rank; i++) {
		bool kept = !has(g->collapsed_slice_dims, i) && !has(g->operand_batching_dims, i);
		if (size[i] < 0 || size[i] > x->dim[i] || (!kept && size[i] != 1))
			return eval_fail(v, op, BAD_INPUT, "slice size %lld of dimension %d", (long long)size[i], i);
		w.n[i] = size[i], w.src[i] = xs[i], w.dst[i] = kept ? ds[offset[o++]] : 0;
	}
	do {
		int64_t to = 0, from = 0;
		coordinates(&p, at, rank, place);
		for (int i = 0; i < rank; i++) from += clamp(place[i], x->dim[i] - size[i]) * xs[i];
		for (int i = 0; i < p.nbatch; i++) to += at[i] * ds[batch[i]];
		copy_walk(x->each, out[0]->data + (size_t)to * x->each, x->data + (size_t)from * x->each, &w);
	} while (next_index(p.nbatch, p.batch, at));
	return true;
}

/* gather and dynamic_gather. */
bool eval_gather(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int64_t size[MAX_DIMS];
	int rank = in[0]->type.rank;
	if (op->code == OP_dynamic_gather) {
		if (!ints_of(v, op, in[2], rank, size)) return false;
	} else {
		memcpy(size, attr(op, "slice_sizes")->ints.v, (size_t)rank * sizeof *size);
	}
	return gather(v, op, attr(op, "dimension_numbers")->gather, in, size, out);
}

/* result[b..., i..., rest] = operand[b..., index[b..., i...], rest], of a negative index the end */
bool eval_torch_index_select(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0], *index = in[1];
	int64_t d = attr(op, "dim")->i, nb = attr(op, "batch_dims")->i, dim[MAX_DIMS], before = 1, middle = 1, after = 1, each = 1;
	int rank = 0;
	if (nb < 0 || nb > d || d >= x->type.rank || nb > index->type.rank || x->type.rank + index->type.rank > MAX_DIMS)
		return eval_fail(v, op, BAD_INPUT, "dim %lld, batch_dims %lld", (long long)d, (long long)nb);
	for (int i = 0; i < d; i++) dim[rank++] = x->dim[i];
	for (int i = (int)nb; i < index->type.rank; i++) dim[rank++] = index->dim[i], each *= index->dim[i];
	for (int i = (int)d + 1; i < x->type.rank; i++) dim[rank++] = x->dim[i], after *= x->dim[i];
	for (int i = 0; i < nb; i++) before *= x->dim[i];
	for (int i = (int)nb; i < d; i++) middle *= x->dim[i];
	if (before * each > index->n) return eval_fail(v, op, BAD_INPUT, "the index has %lld elements", (long long)index->n);
	if (!(out[0] = result(v, op, 0, rank, dim)) || !out[0]->n) return out[0] != NULL;
	size_t row = (size_t)after * x->each;
	uint8_t *to = out[0]->data;
	for (int64_t b = 0; b < before; b++)
		for (int64_t m = 0; m < middle; m++)
			for (int64_t i = 0; i < each; i++, to += row) {
				int64_t k = clamp(int_at(index, b * each + i), x->dim[d] - 1);
				memcpy(to, x->data + (size_t)((b * middle + m) * x->dim[d] + k) * row, row);
			}
	return true;
}

/* -- scatter --------------------------------------------------------------------------------------------- */

typedef struct Scatter {
	const ScatterDims *d;
	Places p;
	int rank, window[MAX_DIMS], batch[MAX_DIMS];    /* of the update's dimensions: which are which */
	int nwindow;
	int64_t wdim[MAX_DIMS];      /* sizes of its window */
	int64_t us[MAX_DIMS], xs[MAX_DIMS];
	const Tensor *x, *u;
} Scatter;

static bool scatter_begin(Eval *v, const Op *op, Scatter *s)
{
	int b = 0, kept = 0;
	row_strides(s->u->type.rank, s->u->dim, s->us);
	row_strides(s->rank, s->x->dim, s->xs);
	for (int i = 0; i < s->u->type.rank; i++) {
		if (has(s->d->update_window_dims, i)) {
			s->wdim[s->nwindow] = s->u->dim[i];
			s->window[s->nwindow++] = i;
		} else {
			if (b >= s->p.nbatch || s->u->dim[i] != s->p.batch[b]) return eval_fail(v, op, BAD_INPUT, "updates and indices have different sizes");
			s->batch[b++] = i;
		}
	}
	for (int i = 0; i < s->rank; i++) kept += !has(s->d->inserted_window_dims, i) && !has(s->d->input_batching_dims, i);
	if (b == s->p.nbatch && kept == s->nwindow) return true;
	return eval_fail(v, op, BAD_INPUT, "updates are of rank %d", s->u->type.rank);
}

/* Element w of the window at `place`: where it is in x; false: outside. */
static bool scatter_place(const Scatter *s, const int64_t *place, const int64_t *w, int64_t *to)
{
	*to = 0;
	for (int i = 0, k = 0; i < s->rank; i++) {
		bool kept = !has(s->d->inserted_window_dims, i) && !has(s->d->input_batching_dims, i);
		int64_t at;
		if (__builtin_add_overflow(place[i], kept ? w[k++] : 0, &at) || at < 0 || at >= s->x->dim[i]) return false;
		*to += at * s->xs[i];
	}
	return true;
}

static bool scatter_all(Scatter *s, Fold *f, Tensor **out, Tensor *const *update)
{
	int64_t at[MAX_DIMS] = { 0 }, place[MAX_DIMS];
	uint8_t *acc[MAX_DIMS];
	const uint8_t *x[MAX_DIMS];
	do {
		int64_t w[MAX_DIMS] = { 0 }, base = 0, to;
		coordinates(&s->p, at, s->rank, place);
		for (int i = 0; i < s->p.nbatch; i++) base += at[i] * s->us[s->batch[i]];
		do {
			int64_t from = base;
			for (int i = 0; i < s->nwindow; i++) from += w[i] * s->us[s->window[i]];
			if (!scatter_place(s, place, w, &to)) continue;
			for (int i = 0; i < f->n; i++) {
				acc[i] = out[i]->data + (size_t)to * out[i]->each;
				x[i] = update[i]->data + (size_t)from * update[i]->each;
			}
			if (!fold_step(f, acc, x)) return false;
		} while (next_index(s->nwindow, s->wdim, w));
	} while (next_index(s->p.nbatch, s->p.batch, at));
	return true;
}

bool eval_scatter(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int n = op->nout;
	if (n > MAX_DIMS) return eval_fail(v, op, UNSUPPORTED, "%d inputs", n);
	const ScatterDims *d = attr(op, "scatter_dimension_numbers")->scatter;
	Scatter s = { .d = d, .x = in[0], .u = in[n + 1], .rank = in[0]->type.rank };
	s.p = (Places){ .index = in[n], .vector = d->index_vector_dim, .map = d->scatter_dims_to_operand_dims, .batching = d->input_batching_dims,
		.index_batching = d->scatter_indices_batching_dims };
	places_begin(&s.p);
	if (!scatter_begin(v, op, &s)) return false;
	for (int i = 0; i < n; i++) {
		if (!same_sizes(v, op, in[0], in[i]) || !same_sizes(v, op, in[n + 1], in[n + 1 + i])) return false;
		if (!(out[i] = result_like(v, op, i, in[i]))) return false;
		convert_elements(in[i]->type.elem, in[i]->data, out[i]->type.elem, out[i]->data, (size_t)in[i]->n);
	}
	if (!s.u->n) return true;
	Fold f;
	bool ok = fold_begin(&f, v, op, op->region[0], n, out, in + n + 1) && scatter_all(&s, &f, out, in + n + 1);
	fold_end(&f);
	return ok;
}
