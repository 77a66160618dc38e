/* Elements put elsewhere, as attributes or operands say. */
#include "reference/internal.h"

/* -- reshape --------------------------------------------------------------------------------------------- */

static bool reshaped(Eval *v, const Op *op, Tensor *x, int rank, const int64_t *dim, Tensor **out)
{
	int64_t n = 1;
	bool over = false;
	for (int i = 0; i < rank; i++) over = __builtin_mul_overflow(n, dim[i], &n) || over;
	if (over || n != x->n) return eval_fail(v, op, BAD_INPUT, "%lld elements, wanted %lld", (long long)x->n, (long long)n);
	return (out[0] = retyped(v, op, 0, x, rank, dim)) != NULL;
}

bool eval_reshape(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Type t = value_type(v->m, op->out);
	if (!is_static(t)) return eval_fail(v, op, UNSUPPORTED, "its result has sizes that nothing tells");
	return reshaped(v, op, in[0], t.rank, t.dim, out);
}

bool eval_dynamic_reshape(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int64_t dim[MAX_DIMS];
	int rank = value_type(v->m, op->out).rank;
	return ints_of(v, op, in[1], rank, dim) && reshaped(v, op, in[0], rank, dim, out);
}

/* -- broadcast ------------------------------------------------------------------------------------------- */

/* Sizes of a result: of its type, or of the operand that says them. */
static bool sizes(Eval *v, const Op *op, Tensor *const *in, int at, int64_t *dim)
{
	Type t = value_type(v->m, op->out);
	if (at < op->nin) return ints_of(v, op, in[at], t.rank, dim);
	if (!is_static(t) || t.rank > MAX_DIMS) return eval_fail(v, op, UNSUPPORTED, "its result has sizes that nothing tells");
	memcpy(dim, t.dim, (size_t)t.rank * sizeof *dim);
	return true;
}

/* broadcast_in_dim and its dynamic twin. */
bool eval_broadcast_in_dim(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	Ints to = attr(op, "broadcast_dimensions")->ints;
	Walk w = { .rank = value_type(v->m, op->out).rank };
	int64_t stride[MAX_DIMS];
	if (!sizes(v, op, in, 1, w.n) || !(out[0] = result(v, op, 0, w.rank, w.n))) return false;
	row_strides(w.rank, w.n, w.dst);
	row_strides(x->type.rank, x->dim, stride);
	for (int i = 0; i < x->type.rank; i++) {
		int64_t k = i < to.n ? to.v[i] : -1;
		if (k < 0 || k >= w.rank || (x->dim[i] != 1 && x->dim[i] != w.n[k]))
			return eval_fail(v, op, BAD_INPUT, "dimension %d of %lld does not fit the result", i, (long long)x->dim[i]);
		if (x->dim[i] != 1) w.src[k] = stride[i];
	}
	if (out[0]->n) copy_walk(x->each, out[0]->data, x->data, &w);
	return true;
}

bool eval_broadcast(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	Ints n = attr(op, "broadcast_sizes")->ints;
	int64_t dim[MAX_DIMS];
	if (n.n + in[0]->type.rank > MAX_DIMS) return eval_fail(v, op, UNSUPPORTED, "rank beyond %d", MAX_DIMS);
	memcpy(dim, n.v, (size_t)n.n * sizeof *dim);
	memcpy(dim + n.n, in[0]->dim, (size_t)in[0]->type.rank * sizeof *dim);
	if (!(out[0] = result(v, op, 0, n.n + in[0]->type.rank, dim))) return false;
	size_t nbytes = (size_t)in[0]->n * in[0]->each;
	for (size_t at = 0; nbytes && at < (size_t)out[0]->n * out[0]->each; at += nbytes) memcpy(out[0]->data + at, in[0]->data, nbytes);
	return true;
}

/* -- transpose, slice, reverse --------------------------------------------------------------------------- */

bool eval_transpose(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	Ints p = attr(op, "permutation")->ints;
	Walk w = { .rank = x->type.rank };
	int64_t stride[MAX_DIMS];
	row_strides(w.rank, x->dim, stride);
	for (int i = 0; i < w.rank; i++) w.n[i] = x->dim[p.v[i]], w.src[i] = stride[p.v[i]];
	row_strides(w.rank, w.n, w.dst);
	if (!(out[0] = result(v, op, 0, w.rank, w.n))) return false;
	copy_walk(x->each, out[0]->data, x->data, &w);
	return true;
}

static bool slice_numbers(Eval *v, const Op *op, Tensor *const *in, int64_t *start, int64_t *limit, int64_t *step)
{
	int rank = in[0]->type.rank;
	if (op->code == OP_real_dynamic_slice)
		return ints_of(v, op, in[1], rank, start) && ints_of(v, op, in[2], rank, limit) && ints_of(v, op, in[3], rank, step);
	memcpy(start, attr(op, "start_indices")->ints.v, (size_t)rank * sizeof *start);
	memcpy(limit, attr(op, "limit_indices")->ints.v, (size_t)rank * sizeof *limit);
	memcpy(step, attr(op, "strides")->ints.v, (size_t)rank * sizeof *step);
	return true;
}

/* slice and real_dynamic_slice. */
bool eval_slice(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	Walk w = { .rank = x->type.rank };
	int64_t start[MAX_DIMS], limit[MAX_DIMS], step[MAX_DIMS], stride[MAX_DIMS], from = 0;
	if (!slice_numbers(v, op, in, start, limit, step)) return false;
	row_strides(w.rank, x->dim, stride);
	for (int i = 0; i < w.rank; i++) {
		if (start[i] < 0 || start[i] > limit[i] || limit[i] > x->dim[i] || step[i] < 1)
			return eval_fail(v, op, BAD_INPUT, "[%lld:%lld:%lld] of dimension %d, which has %lld", (long long)start[i], (long long)limit[i],
				(long long)step[i], i, (long long)x->dim[i]);
		w.n[i] = limit[i] == start[i] ? 0 : (limit[i] - start[i] - 1) / step[i] + 1;
		w.src[i] = w.n[i] > 1 ? stride[i] * step[i] : 0;
		from += start[i] * stride[i];
	}
	row_strides(w.rank, w.n, w.dst);
	if (!(out[0] = result(v, op, 0, w.rank, w.n))) return false;
	if (out[0]->n) copy_walk(x->each, out[0]->data, x->data + (size_t)from * x->each, &w);
	return true;
}

bool eval_reverse(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	Ints d = attr(op, "dimensions")->ints;
	Walk w = { .rank = x->type.rank };
	int64_t from = 0;
	if (!(out[0] = result_like(v, op, 0, x))) return false;
	memcpy(w.n, x->dim, (size_t)w.rank * sizeof *w.n);
	row_strides(w.rank, w.n, w.dst);
	row_strides(w.rank, w.n, w.src);
	for (int i = 0; i < d.n; i++) {
		int64_t k = d.v[i];
		from += (w.n[k] - 1) * w.src[k];
		w.src[k] = -w.src[k];
	}
	if (x->n) copy_walk(x->each, out[0]->data, x->data + (size_t)from * x->each, &w);
	return true;
}

/* -- pad ------------------------------------------------------------------------------------------------- */

/* Which of n elements, `by` apart from `low` on, lie within [0, size): [*first, *first + *some). */
static void within(int64_t n, int64_t low, int64_t by, int64_t size, int64_t *first, int64_t *some)
{
	int64_t from = low < 0 ? (-low + by - 1) / by : 0, to = size - low <= 0 ? 0 : (size - low - 1) / by + 1;
	if (to > n) to = n;
	*first = from;
	*some = to > from ? to - from : 0;
}

static bool pad_numbers(Eval *v, const Op *op, Tensor *const *in, int64_t *low, int64_t *high, int64_t *interior)
{
	int rank = in[0]->type.rank;
	if (op->code == OP_dynamic_pad)
		return ints_of(v, op, in[2], rank, low) && ints_of(v, op, in[3], rank, high) && ints_of(v, op, in[4], rank, interior);
	memcpy(low, attr(op, "edge_padding_low")->ints.v, (size_t)rank * sizeof *low);
	memcpy(high, attr(op, "edge_padding_high")->ints.v, (size_t)rank * sizeof *high);
	memcpy(interior, attr(op, "interior_padding")->ints.v, (size_t)rank * sizeof *interior);
	return true;
}

/* low + n + (n - 1) * interior + high */
static bool padded_size(int64_t n, int64_t low, int64_t high, int64_t interior, int64_t *out)
{
	int64_t by;
	if (interior < 0 || __builtin_add_overflow(interior, 1, &by) || __builtin_mul_overflow(n ? n - 1 : 0, by, out)) return false;
	*out += n > 0;
	return !__builtin_add_overflow(*out, low, out) && !__builtin_add_overflow(*out, high, out) && *out >= 0 && low > -(INT64_MAX / 4);
}

bool eval_pad(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	Walk w = { .rank = x->type.rank };
	int64_t low[MAX_DIMS], high[MAX_DIMS], interior[MAX_DIMS], dim[MAX_DIMS], ds[MAX_DIMS], to = 0, from = 0;
	if (!pad_numbers(v, op, in, low, high, interior)) return false;
	for (int i = 0; i < w.rank; i++)
		if (!padded_size(x->dim[i], low[i], high[i], interior[i], &dim[i]))
			return eval_fail(v, op, BAD_INPUT, "padding of dimension %d is out of range", i);
	if (!(out[0] = result(v, op, 0, w.rank, dim))) return false;
	fill(out[0]->data, in[1]->data, x->each, out[0]->n);
	row_strides(w.rank, dim, ds);
	row_strides(w.rank, x->dim, w.src);
	for (int i = 0; i < w.rank; i++) {
		int64_t first, by = interior[i] + 1;
		within(x->dim[i], low[i], by, dim[i], &first, &w.n[i]);
		if (!w.n[i]) return true;
		to += (low[i] + first * by) * ds[i];
		from += first * w.src[i];
		w.dst[i] = w.n[i] > 1 ? by * ds[i] : 0;
	}
	copy_walk(x->each, out[0]->data + (size_t)to * x->each, x->data + (size_t)from * x->each, &w);
	return true;
}

/* -- others ---------------------------------------------------------------------------------------------- */

bool eval_concatenate(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int64_t d = attr(op, "dimension")->i, dim[MAX_DIMS], before = 1, after = 1, at = 0;
	int rank = in[0]->type.rank;
	memcpy(dim, in[0]->dim, (size_t)rank * sizeof *dim);
	dim[d] = 0;
	for (int k = 0; k < op->nin; k++) {
		for (int i = 0; i < rank; i++)
			if (i != d && in[k]->dim[i] != dim[i]) return same_sizes(v, op, in[0], in[k]);
		if (__builtin_add_overflow(dim[d], in[k]->dim[d], &dim[d])) return eval_fail(v, op, UNSUPPORTED, "the result is too large");
	}
	if (!(out[0] = result(v, op, 0, rank, dim)) || !out[0]->n) return out[0] != NULL;
	for (int i = 0; i < d; i++) before *= dim[i];
	for (int i = (int)d + 1; i < rank; i++) after *= dim[i];
	for (int k = 0; k < op->nin; k++) {
		int64_t row = in[k]->dim[d] * after;
		Walk w = { .rank = 2, .n = { before, row }, .dst = { dim[d] * after, 1 }, .src = { row, 1 } };
		copy_walk(in[k]->each, out[0]->data + (size_t)at * in[k]->each, in[k]->data, &w);
		at += row;
	}
	return true;
}

/* iota and dynamic_iota. */
bool eval_iota(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int64_t d = attr(op, "iota_dimension")->i, dim[MAX_DIMS], index[MAX_DIMS] = { 0 };
	int rank = value_type(v->m, op->out).rank;
	if (!sizes(v, op, in, 0, dim) || !(out[0] = result(v, op, 0, rank, dim))) return false;
	DType t = out[0]->type.elem;
	uint8_t *at = out[0]->data;
	for (int64_t i = 0; i < out[0]->n; i++, at += out[0]->each) {
		convert_elements(DTYPE_i64, (const uint8_t *)&index[d], t, at, 1);
		next_index(rank, dim, index);
	}
	return true;
}

bool eval_get_dimension_size(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int64_t n = in[0]->dim[attr(op, "dimension")->i];
	if (n > INT32_MAX) return eval_fail(v, op, UNSUPPORTED, "the size %lld is beyond i32", (long long)n);
	if (!(out[0] = result(v, op, 0, 0, NULL))) return false;
	dtype_store_int(out[0]->type.elem, out[0]->data, n);
	return true;
}
