/* convolution and dynamic_conv. For each tap of the window a product of matrices: rows are places of the output, whose features lie in a
 * row of the input, brought into the order [batch][places][features] with its padding; columns are the output's features. */
#include "reference/internal.h"

enum { PLACES = 256 };           /* rows at a time */

typedef struct Convolved {
	Eval *v;
	const Op *op;
	const ConvDims *d;
	int n;                       /* spatial dimensions */
	Windows w;
	int64_t features, batches;   /* groups; one of both is 1 */
	DType sum;
	Product *product;
	int64_t padded[MAX_DIMS];    /* the input's sizes with padding and dilation */
	int64_t nbatch, cin, cout;   /* of a group of batches; of the features of a group, in and out */
	Tensor *x, *k, *y;           /* [N][padded][C], [taps][group][cin][cout], [N / batches][count][O], elements `sum` */
} Convolved;

/* Elements i of n, `by` apart from `low` on, that lie below size: as pad's. */
static void within(int64_t n, int64_t low, int64_t by, int64_t size, int64_t *first, int64_t *some)
{
	int64_t from = low < 0 ? (-low + by - 1) / by : 0, to = size - low <= 0 ? 0 : (size - low - 1) / by + 1;
	if (to > n) to = n;
	*first = from;
	*some = to > from ? to - from : 0;
}

static bool take_input(Convolved *c, Tensor *lhs)
{
	int64_t dim[MAX_DIMS], ds[MAX_DIMS], ss[MAX_DIMS], to = 0, from = 0;
	int n = c->n;
	dim[0] = lhs->dim[c->d->input_batch], dim[n + 1] = lhs->dim[c->d->input_feature];
	for (int i = 0; i < n; i++) {
		int64_t size = lhs->dim[c->d->input_spatial.v[i]];
		int64_t all = (size ? (size - 1) * c->w.base[i] + 1 : 0) + c->w.low[i] + c->w.high[i];
		dim[i + 1] = c->padded[i] = all < 0 ? 0 : all;
	}
	Tensor *x = as_elem(c->v, c->op, lhs, c->sum);
	if (!x || !(c->x = tensor_new(c->v, c->op, x->type, n + 2, dim))) return drop(x), false;
	row_strides(n + 2, dim, ds);
	row_strides(n + 2, lhs->dim, ss);
	Walk w = { .rank = n + 2, .n = { dim[0] }, .dst = { ds[0] }, .src = { ss[c->d->input_batch] } };
	w.n[n + 1] = dim[n + 1], w.dst[n + 1] = 1, w.src[n + 1] = ss[c->d->input_feature];
	for (int i = 0; i < n; i++) {
		int64_t first, k = c->d->input_spatial.v[i];
		within(lhs->dim[k], c->w.low[i], c->w.base[i], c->padded[i], &first, &w.n[i + 1]);
		if (!w.n[i + 1]) continue;
		to += (c->w.low[i] + first * c->w.base[i]) * ds[i + 1];
		from += first * ss[k];
		w.dst[i + 1] = c->w.base[i] * ds[i + 1], w.src[i + 1] = ss[k];
	}
	copy_walk(x->each, c->x->data + (size_t)to * x->each, x->data + (size_t)from * x->each, &w);
	drop(x);
	return true;
}

/* [taps][group][cin][cout]; a window that is reversed is read from its end. */
static bool take_kernel(Convolved *c, Tensor *rhs)
{
	int n = c->n, rank = n + 3;
	int64_t ss[MAX_DIMS], groups = c->features * c->batches, from = 0;
	Ints reversal = attr(c->op, "window_reversal")->ints;
	Walk w = { .rank = rank };
	row_strides(n + 2, rhs->dim, ss);
	for (int i = 0; i < n; i++) {
		int64_t k = c->d->kernel_spatial.v[i];
		bool turned = i < reversal.n && reversal.v[i];
		w.n[i] = rhs->dim[k], w.src[i] = turned ? -ss[k] : ss[k];
		if (turned && w.n[i]) from += (w.n[i] - 1) * ss[k];
	}
	int64_t of = ss[c->d->kernel_output_feature];
	w.n[n] = groups, w.src[n] = c->cout * of;
	w.n[n + 1] = c->cin, w.src[n + 1] = ss[c->d->kernel_input_feature];
	w.n[n + 2] = c->cout, w.src[n + 2] = of;
	row_strides(rank, w.n, w.dst);
	Tensor *k = as_elem(c->v, c->op, rhs, c->sum);
	c->k = k ? tensor_new(c->v, c->op, k->type, rank, w.n) : NULL;
	if (c->k && c->k->n) copy_walk(k->each, c->k->data, k->data + (size_t)from * k->each, &w);
	drop(k);
	return c->k != NULL;
}

/* Rows [0, m) of one group: every tap's product summed up in tile[m][cout]. */
static void add_taps(const Convolved *c, int64_t group, int64_t m, const uint8_t *const *base, const int64_t *xs, uint8_t *tile)
{
	const void *row[PLACES];
	int64_t k[MAX_DIMS] = { 0 }, tap = 0;
	size_t each = c->x->each;
	int64_t groups = c->features * c->batches;
	memset(tile, 0, (size_t)(m * c->cout) * each);
	do {
		int64_t off = 0;
		for (int i = 0; i < c->n; i++) off += k[i] * c->w.dilation[i] * xs[i + 1];
		for (int64_t r = 0; r < m; r++) row[r] = base[r] + (size_t)off * each;
		c->product(m, c->cout, c->cin, row, c->k->data + (size_t)((tap++ * groups + group) * c->cin * c->cout) * each, tile);
	} while (next_index(c->n, c->w.size, k));
}

static void put_tile(const Convolved *c, int64_t group, int64_t at, int64_t m, const uint8_t *tile)
{
	int64_t all = c->cout * c->features * c->batches;
	size_t each = c->y->each;
	for (int64_t r = 0; r < m; r++)
		memcpy(c->y->data + (size_t)((at + r) * all + group * c->cout) * each, tile + (size_t)(r * c->cout) * each, (size_t)c->cout * each);
}

static void add_group(const Convolved *c, int64_t group, uint8_t *tile)
{
	int64_t at[MAX_DIMS] = { 0 }, dim[MAX_DIMS], xs[MAX_DIMS], done = 0, m = 0;
	const uint8_t *base[PLACES];
	dim[0] = c->nbatch;
	for (int i = 0; i < c->n; i++) dim[i + 1] = c->w.count[i];
	row_strides(c->n + 2, c->x->dim, xs);
	int64_t start = c->batches > 1 ? group * c->nbatch * xs[0] : group * c->cin;
	for (bool more = true; more;) {
		int64_t from = start + at[0] * xs[0];
		for (int i = 0; i < c->n; i++) from += at[i + 1] * c->w.stride[i] * xs[i + 1];
		base[m++] = c->x->data + (size_t)from * c->x->each;
		more = next_index(c->n + 1, dim, at);
		if (m < PLACES && more) continue;
		add_taps(c, group, m, base, xs, tile);
		put_tile(c, group, done, m, tile);
		done += m;
		m = 0;
	}
}

static bool give_output(Convolved *c, Tensor **out)
{
	int n = c->n;
	const ConvDims *d = c->d;
	int64_t dim[MAX_DIMS], ss[MAX_DIMS], os[MAX_DIMS];
	dim[d->output_batch] = c->y->dim[0], dim[d->output_feature] = c->y->dim[n + 1];
	for (int i = 0; i < n; i++) dim[d->output_spatial.v[i]] = c->y->dim[i + 1];
	if (!(out[0] = result(c->v, c->op, 0, n + 2, dim))) return false;
	Tensor *y = as_elem(c->v, c->op, c->y, out[0]->type.elem);
	if (!y) return false;
	row_strides(n + 2, y->dim, ss);
	row_strides(n + 2, dim, os);
	Walk w = { .rank = n + 2 };
	memcpy(w.n, dim, (size_t)(n + 2) * sizeof *dim);
	memcpy(w.dst, os, sizeof w.dst);
	w.src[d->output_batch] = ss[0], w.src[d->output_feature] = 1;
	for (int i = 0; i < n; i++) w.src[d->output_spatial.v[i]] = ss[i + 1];
	if (y->n) copy_walk(y->each, out[0]->data, y->data, &w);
	drop(y);
	return true;
}

static bool conv_run(Convolved *c, Tensor *const *in, Tensor **out)
{
	int64_t dim[MAX_DIMS], groups = c->features * c->batches;
	bool some = true;
	if (!take_input(c, in[0]) || !take_kernel(c, in[1])) return false;
	dim[0] = c->nbatch, dim[c->n + 1] = c->cout * groups;
	for (int i = 0; i < c->n; i++) dim[i + 1] = c->w.count[i], some = some && c->w.size[i] > 0;
	if (!(c->y = tensor_new(c->v, c->op, c->x->type, c->n + 2, dim))) return false;
	if (c->y->n && some) {
		uint8_t *tile = calloc((size_t)c->cout + 1, PLACES * c->y->each);
		if (!tile) return eval_fail(c->v, c->op, NO_MEMORY, "no memory");
		for (int64_t g = 0; g < groups; g++) add_group(c, g, tile);
		free(tile);
	}
	return give_output(c, out);
}

static bool conv_sizes(Convolved *c, Tensor *const *in)
{
	int64_t size[MAX_DIMS];
	const ConvDims *d = c->d;
	for (int i = 0; i < c->n; i++) {
		size[i] = in[0]->dim[d->input_spatial.v[i]];
		c->w.size[i] = in[1]->dim[d->kernel_spatial.v[i]];
		if (c->op->code != OP_dynamic_conv) continue;
		if (in[2]->n != 2 * c->n) return eval_fail(c->v, c->op, BAD_INPUT, "padding has %lld numbers, wanted %d", (long long)in[2]->n, 2 * c->n);
		c->w.low[i] = int_at(in[2], 2 * i), c->w.high[i] = int_at(in[2], 2 * i + 1);
	}
	int64_t all = in[0]->dim[d->input_feature], batch = in[0]->dim[d->input_batch], o = in[1]->dim[d->kernel_output_feature];
	c->cin = in[1]->dim[d->kernel_input_feature];
	bool ok = c->features >= 1 && c->batches >= 1 && (c->features == 1 || c->batches == 1);
	if (!ok || all != c->cin * c->features || batch % c->batches || o % (c->features * c->batches))
		return eval_fail(c->v, c->op, BAD_INPUT, "groups of %lld features in and %lld out, %lld batches", (long long)all, (long long)o,
			(long long)batch);
	c->nbatch = batch / c->batches, c->cout = o / (c->features * c->batches);
	return window_count_all(c->v, c->op, &c->w, size);
}

bool eval_convolution(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Convolved c = { .v = v, .op = op, .d = attr(op, "dimension_numbers")->conv, .n = in[0]->type.rank - 2, .w = { .rank = in[0]->type.rank - 2 },
		.features = attr(op, "feature_group_count")->i, .batches = attr(op, "batch_group_count")->i };
	Type t = value_type(v->m, op->out);
	if (c.n + 3 > MAX_DIMS) return eval_fail(v, op, UNSUPPORTED, "%d spatial dimensions", c.n);
	c.product = product_of(t.quant ? t.quant->expressed : t.elem, &c.sum);
	bool ok = conv_sizes(&c, in) && conv_run(&c, in, out);
	drop(c.x);
	drop(c.k);
	drop(c.y);
	return ok;
}
