/* Choices of elements and pairs of rows, and chunks put together. */
#include "aten/index.h"
#include "aten/pointwise.h"
#include "aten/rules.h"

/* Longer lists of choices are refused: they stand in the program as constants. */
enum { MOST_CHOICES = 1 << 24 };

/* Every choice of r of n numbers in rising order, each more than the one before (or the same, with repeats), in lexicographic
 * order; count rows of r. */
static int64_t *choices(Arena *a, int64_t n, int64_t r, bool repeats, int64_t count)
{
	int64_t *v = NEW(a, int64_t, count * r + 1), step = !repeats;
	for (int64_t i = 0; i < r && count; i++) v[i] = i * step;
	for (int64_t k = 1; k < count; k++) {
		int64_t *row = v + k * r, at = r - 1;
		for (int64_t i = 0; i < r; i++) row[i] = row[i - r];
		while (at > 0 && row[at] == n - 1 - (r - 1 - at) * step) at--;
		row[at]++;
		for (int64_t i = at + 1; i < r; i++) row[i] = row[i - 1] + step;
	}
	return v;
}

/* n over r, or of n + r - 1 with repeats; -1: more than MOST_CHOICES */
static int64_t count_choices(int64_t n, int64_t r, bool repeats)
{
	int64_t count = 1, from = repeats ? n + r - 1 : n;
	if (n < 0 || r < 0 || from < r) return 0;
	for (int64_t i = 1; i <= r; i++) {
		if (__builtin_mul_overflow(count, from - r + i, &count)) return -1;
		count /= i;
		if (count > MOST_CHOICES) return -1;
	}
	return count;
}

/* The choices as a constant i64[count, r]. */
static Value choice_table(Node *n, int64_t size, int64_t r, bool repeats)
{
	int64_t count = r < 64 ? count_choices(size, r, repeats) : -1;
	if (count < 0 || count * r > MOST_CHOICES)
		return node_fail(n, UNSUPPORTED, "all choices of %lld of %lld", (long long)r, (long long)size);
	Value table = hlo_ints(n->b, (int)(count * r), choices(n->a, size, r, repeats, count), DTYPE_i64);
	return hlo_reshape(n->b, table, 2, (int64_t[]){ count, r });
}

/* aten.combinations(self[N], r=2, with_replacement=False) -> [count, r] */
Value lower_combinations(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Type t = known_type(b, x);
	if (t.rank != 1) return t.kind ? node_fail(n, BAD_INPUT, "self %s, wanted 1 dim", type_str(n->a, t)) : 0;
	if (!type_numel(n->out)) return full(b, n->out, 0);
	Value table = choice_table(n, t.dim[0], arg_int(n, "r", 2), arg_bool(n, "with_replacement", false));
	return take_at(b, x, 0, table);
}

/* aten.pdist(self[N, M], p=2), _pdist_forward -> [N * (N - 1) / 2]: the p-norm of self[i] - self[j] for all i < j */
Value lower_pdist(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", acc_type(n->out.elem));
	Type t = known_type(b, x);
	if (t.rank != 2) return t.kind ? node_fail(n, BAD_INPUT, "self %s, wanted 2 dims", type_str(n->a, t)) : 0;
	if (!type_numel(n->out)) return full(b, n->out, 0);
	Value table = choice_table(n, t.dim[0], 2, false);
	Value i = slice_dim(b, table, 1, 0, 1, 1);
	Value j = slice_dim(b, table, 1, 1, 2, 1);
	i = flattened(b, i);
	j = flattened(b, j);
	Value one = take_at(b, x, 0, i);
	Value other = take_at(b, x, 0, j);
	x = hlo_subtract(b, one, other);
	x = hlo_abs(b, x);
	x = distance_over(b, x, arg_num(n, "p", 2), one_dim(b, 1));
	return cast(b, x, n->out.elem);
}

/* x [*B, D, *R] filled up with zeros to a multiple of `chunks` in dim: [*B, chunks, D / chunks * R] */
static Value chunked(Builder *b, Value x, int dim, int64_t chunks)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	int64_t *low = NEW(b->a, int64_t, t.rank), *high = NEW(b->a, int64_t, t.rank), *d = NEW(b->a, int64_t, dim + 2), rest = 1;
	high[dim] = (chunks - t.dim[dim] % chunks) % chunks;
	Value zero = scalar(b, 0, t.elem);
	x = hlo_pad(b, x, zero, low, high, NULL);
	for (int i = 0; i < dim; i++) d[i] = t.dim[i];
	for (int i = dim + 1; i < t.rank; i++) rest *= t.dim[i];
	d[dim] = chunks;
	d[dim + 1] = (t.dim[dim] + high[dim]) / chunks * rest;
	return hlo_reshape(b, x, dim + 2, d);
}

/* aten._chunk_cat(tensors, dim, num_chunks): the i-th chunks of all tensors, flattened, side by side */
Value lower_chunk_cat(Node *n)
{
	Builder *b = n->b;
	Values x = arg_list(n, "tensors");
	int64_t chunks = arg_int(n, "num_chunks", 1);
	for (int i = 0; i < x.n; i++) {
		Type t = known_type(b, x.v[i]);
		int dim = arg_dim(n, "dim", 0, t.rank);
		if (!t.rank || chunks < 1 || chunks > INT32_MAX)
			return t.kind ? node_fail(n, BAD_INPUT, "%lld chunks of %s", (long long)chunks, type_str(n->a, t)) : 0;
		x.v[i] = chunked(b, cast(b, x.v[i], n->out.elem), dim, chunks);
	}
	return hlo_concatenate(b, x.n, x.v, n->out.rank - 1);
}
