/* Pooling to a given output size: O windows over S elements, window i from floor(i S / O) to ceil((i + 1) S / O). They may
 * overlap and differ in length. Each spatial dim is split in two, [.., S, ..] -> [.., O, L, ..], and the L's are reduced. */
#include "aten/index.h"
#include "aten/layers.h"
#include "aten/rules.h"

/* -- windows --------------------------------------------------------------------------------------------- */

typedef struct Windows { int64_t size, count, longest; } Windows;

static int64_t window_start(Windows w, int64_t i) { return i * w.size / w.count; }
static int64_t window_end(Windows w, int64_t i) { return ((i + 1) * w.size + w.count - 1) / w.count; }

static Windows windows(int64_t size, int64_t count)
{
	Windows w = { size, count, 0 };
	for (int64_t i = 0; i < count; i++) {
		int64_t n = window_end(w, i) - window_start(w, i);
		if (n > w.longest) w.longest = n;
	}
	return w;
}

/* Sizes that are not known: what the loops below count the module works out. */
static bool is_open(Windows w) { return w.size < 0 || w.count < 0; }

/* No window is longer than ceil(S / O) + 1. */
static Windows open_windows(DimTable *t, int64_t size, int64_t count)
{
	int64_t above = dim_plus(t, size, dim_minus(t, count, 1));
	return (Windows){ size, count, dim_plus(t, dim_floordiv(t, above, count), 1) };
}

/* i64 [O]: where windows begin, and where they end */
static Value open_starts(Builder *b, Windows w, bool ends)
{
	Type t = tensor_type(b->a, DTYPE_i64, 1, &w.count);
	Value i = positions(b, t, 0, DTYPE_i64), count = size_value(b, w.count, t);
	if (ends) i = hlo_add(b, i, hlo_splat_int(b, t, 1));
	i = hlo_multiply(b, i, size_value(b, w.size, t));
	if (ends) i = hlo_add(b, i, hlo_subtract(b, count, hlo_splat_int(b, t, 1)));
	return hlo_divide(b, i, count);
}

/* i64 [O, L] and bool [O, L]: start + l, and whether that is before the end */
static Value open_places(Builder *b, Windows w, Value *inside)
{
	Type t = tensor_type(b->a, DTYPE_i64, 2, (int64_t[]){ w.count, w.longest });
	Value at = along(b, open_starts(b, w, false), 0, t), end = along(b, open_starts(b, w, true), 0, t);
	at = hlo_add(b, at, positions(b, t, 1, DTYPE_i64));
	*inside = hlo_compare(b, DIRECTION_LT, at, end);
	return at;
}

/* bool [O, L]: whether a window has that many elements */
static Value has_element(Builder *b, Windows w)
{
	Value inside;
	if (is_open(w)) return open_places(b, w, &inside), inside;
	int64_t d[2] = { w.count, w.longest };
	uint8_t *v = NEW(b->a, uint8_t, w.count * w.longest + 1);
	for (int64_t i = 0; i < w.count * w.longest; i++) {
		int64_t at = i / w.longest;
		v[i] = window_start(w, at) + i % w.longest < window_end(w, at);
	}
	return hlo_constant(b, tensor_type(b->a, DTYPE_bool, 2, d), v, (size_t)(w.count * w.longest));
}

/* i64 [O, L]: which element of the dim that is; past a window's end `missing` */
static Value element_places(Builder *b, Windows w, int64_t missing)
{
	if (is_open(w)) {
		Value inside, at = open_places(b, w, &inside);
		return hlo_select(b, inside, at, size_value(b, missing, known_type(b, at)));
	}
	int64_t n = w.count * w.longest, *v = NEW(b->a, int64_t, n + 1);
	for (int64_t i = 0; i < n; i++) {
		v[i] = window_start(w, i / w.longest) + i % w.longest;
		if (v[i] >= window_end(w, i / w.longest)) v[i] = missing;
	}
	Value x = hlo_ints(b, (int)n, v, DTYPE_i64);
	return hlo_reshape(b, x, 2, (int64_t[]){ w.count, w.longest });
}

static Windows windows_of(Builder *b, int64_t size, int64_t count)
{
	return is_open((Windows){ size, count, 0 }) ? open_windows(dims_of(b->m), size, count) : windows(size, count);
}

/* Where windows differ in length their places stand in the module, one by one. */
enum { MOST_PLACES = 1 << 18 };

/* x [.., S, ..] -> [.., O, L, ..] at dim, with `filler` (a scalar) where a window is shorter than L */
static Value split_windows(Builder *b, Value x, int dim, int64_t count, Value filler)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	DimTable *sizes = dims_of(b->m);
	bool even = count && dim_mod(sizes, t.dim[dim], count) == 0;
	Windows w = windows_of(b, t.dim[dim], count);
	if (!is_open(w) && count * w.longest > 2 * MOST_PLACES)
		return build_fail(b, UNSUPPORTED, "%lld windows of %lld elements", (long long)count, (long long)w.longest);
	if (even) {
		w.longest = dim_floordiv(sizes, t.dim[dim], count);
		int64_t *d = NEW(b->a, int64_t, t.rank + 1);
		for (int i = 0; i <= t.rank; i++) d[i] = i == dim ? count : i == dim + 1 ? w.longest : t.dim[i - (i > dim)];
		return hlo_reshape(b, x, t.rank + 1, d);
	}
	x = take_at(b, x, dim, element_places(b, w, dim_minus(sizes, w.size, 1)));
	if (!x) return 0;
	t = type_of(b, x);
	Value mask = has_element(b, w);
	mask = hlo_broadcast_in_dim(b, mask, t.rank, t.dim, iota_ints(b->a, dim, 2));
	filler = broadcast(b, filler, t);
	return hlo_select(b, mask, x, filler);
}

/* Every spatial dim split: [*, S1, S2] -> [*, O1, L1, O2, L2] */
static Value split_all(Builder *b, Value x, int spatial, Type out, Value filler)
{
	int lead = out.rank - spatial;
	for (int i = spatial - 1; i >= 0; i--) x = split_windows(b, x, lead + i, out.dim[lead + i], filler);
	return x;
}

/* Where the L's stand in that. */
static Ints element_dims(Arena *a, int lead, int spatial)
{
	int64_t *v = NEW(a, int64_t, spatial + 1);
	for (int i = 0; i < spatial; i++) v[i] = lead + 2 * i + 1;
	return (Ints){ spatial, v };
}

/* For x [*, S1, S2] split to [*, O1, L1, O2, L2] each element's place in S1 x S2, i32. A missing element stands behind those of
 * its row: the first element of a window is before all others. */
static Value split_places(Builder *b, Type x, int spatial, Type out, Type split)
{
	int lead = x.rank - spatial;
	int64_t unit = 1;
	Value sum = 0;
	split.elem = DTYPE_i32;
	for (int i = spatial - 1; i >= 0; i--) {
		int64_t size = x.dim[lead + i];
		Windows w = windows_of(b, size, out.dim[lead + i]);
		w.longest = split.dim[lead + 2 * i + 1];
		Value at = element_places(b, w, size);
		at = hlo_convert(b, at, DTYPE_i32);
		at = hlo_broadcast_in_dim(b, at, split.rank, split.dim, iota_ints(b->a, lead + 2 * i, 2));
		at = hlo_multiply(b, at, size_value(b, unit, split));
		sum = sum ? hlo_add(b, sum, at) : at;
		unit = dim_times(dims_of(b->m), unit, size);
	}
	return sum;
}

static bool fits(Node *n, Value x, int spatial)
{
	Type t = known_type(n->b, x);
	bool ok = t.kind && t.rank >= spatial && t.rank == n->out.rank;
	for (int i = t.rank - spatial; i < t.rank && ok; i++) ok = n->out.dim[i] <= MOST_PLACES && t.dim[i] <= MOST_PLACES;
	if (t.kind && !ok)
		node_fail(n, BAD_INPUT, "input %s, result %s, %d spatial dims", type_str(n->a, t), type_str(n->a, n->out), spatial);
	return ok;
}

/* -- rules ----------------------------------------------------------------------------------------------- */

/* [O] lengths of the windows along one dim, laid along it in t */
static Value lengths(Builder *b, int64_t size, int dim, Type t)
{
	Windows w = windows_of(b, size, t.dim[dim]);
	if (w.count && dim_mod(dims_of(b->m), size, w.count) == 0) return size_value(b, dim_floordiv(dims_of(b->m), size, w.count), t);
	if (is_open(w)) {
		Value end = open_starts(b, w, true);
		end = hlo_subtract(b, end, open_starts(b, w, false));
		return along(b, hlo_convert(b, end, t.elem), dim, t);
	}
	int64_t *v = NEW(b->a, int64_t, w.count + 1);
	for (int64_t i = 0; i < w.count; i++) v[i] = window_end(w, i) - window_start(w, i);
	Value x = hlo_ints(b, (int)w.count, v, DTYPE_i64);
	x = hlo_convert(b, x, t.elem);
	return along(b, x, dim, t);
}

static Value adaptive_avg_pool(Node *n, int spatial)
{
	Builder *b = n->b;
	Type t = with_elem(n->out, acc_type(n->out.elem));
	Value x = arg_as(n, "self", t.elem);
	if (!fits(n, x, spatial)) return 0;
	Type from = type_of(b, x);
	int lead = t.rank - spatial;
	x = split_all(b, x, spatial, t, scalar(b, 0, t.elem));
	x = sum_over(b, x, element_dims(n->a, lead, spatial));
	Value count = 0;
	for (int i = lead; i < t.rank; i++) {
		Value one = lengths(b, from.dim[i], i, t);
		count = count ? hlo_multiply(b, count, one) : one;
	}
	x = hlo_divide(b, x, count);
	return cast(b, x, n->out.elem);
}

/* aten.adaptive_avg_poolNd, _adaptive_avg_poolNd(self [N?, C, *S], output_size): the mean of each window */
Value lower_adaptive_avg_pool1d(Node *n) { return adaptive_avg_pool(n, 1); }
Value lower_adaptive_avg_pool2d(Node *n) { return adaptive_avg_pool(n, 2); }
Value lower_adaptive_avg_pool3d(Node *n) { return adaptive_avg_pool(n, 3); }

/* -> (values, indices) */
static Value adaptive_max_pool(Node *n, int spatial)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!fits(n, x, spatial)) return 0;
	Type t = type_of(b, x);
	Value init[2], in[2], out[2] = { 0, 0 };
	no_maximum(b, t.elem, init);
	in[0] = split_all(b, x, spatial, n->out, init[0]);
	if (!in[0]) return 0;
	in[1] = split_places(b, t, spatial, n->out, type_of(b, in[0]));
	hlo_reduce_n(b, 2, in, init, element_dims(n->a, t.rank - spatial, spatial), larger_pair(b, t.elem), out);
	set_out(n, 1, cast(b, out[1], DTYPE_i64));
	return out[0];
}

/* aten.adaptive_max_poolNd(self [N?, C, *S], output_size): the largest of each window, and its place in the spatial dims */
Value lower_adaptive_max_pool1d(Node *n) { return adaptive_max_pool(n, 1); }
Value lower_adaptive_max_pool2d(Node *n) { return adaptive_max_pool(n, 2); }
Value lower_adaptive_max_pool3d(Node *n) { return adaptive_max_pool(n, 3); }

/* -- back ------------------------------------------------------------------------------------------------ */

/* The windows that element i is in: from the first that ends behind it to the last that begins at or before it. */
static int64_t first_window(Windows w, int64_t i) { return i * w.count / w.size; }
static int64_t last_window(Windows w, int64_t i) { return ((i + 1) * w.count - 1) / w.size; }

/* g [.., O, ..] -> [.., S, ..]: each element gets the sum of the windows that it is in. */
static Value sum_of_windows(Builder *b, Value g, int dim, int64_t size)
{
	Type t = known_type(b, g);
	if (!t.kind) return 0;
	Windows w = windows(size, t.dim[dim]);
	int64_t most = 0;
	for (int64_t i = 0; i < size; i++)
		if (last_window(w, i) - first_window(w, i) >= most) most = last_window(w, i) - first_window(w, i) + 1;
	if (size * most > 2 * MOST_PLACES) return build_fail(b, UNSUPPORTED, "%lld elements in %lld windows", (long long)size, (long long)most);
	int64_t *at = NEW(b->a, int64_t, size * most + 1);
	for (int64_t i = 0; i < size * most; i++) {
		at[i] = first_window(w, i / most) + i % most;
		if (at[i] > last_window(w, i / most)) at[i] = w.count;              /* the zero behind the last */
	}
	int64_t *none = NEW(b->a, int64_t, t.rank), *one = NEW(b->a, int64_t, t.rank);
	one[dim] = 1;
	g = hlo_pad(b, g, scalar(b, 0, t.elem), none, one, NULL);
	Value index = hlo_ints(b, (int)(size * most), at, DTYPE_i64);
	index = hlo_reshape(b, index, 2, (int64_t[]){ size, most });
	g = take_at(b, g, dim, index);
	return sum_over(b, g, one_dim(b, dim + 1));
}

static Value adaptive_avg_pool_backward(Node *n, int spatial)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value g = arg_as(n, "grad_output", acc);
	if (!fits(n, g, spatial)) return 0;
	Type t = type_of(b, g);
	if (!type_numel(t) || !type_numel(n->out)) return full(b, n->out, 0);
	for (int i = t.rank - spatial; i < t.rank; i++) g = hlo_divide(b, g, lengths(b, n->out.dim[i], i, t));
	for (int i = t.rank - spatial; i < t.rank; i++) g = sum_of_windows(b, g, i, n->out.dim[i]);
	return cast(b, g, n->out.elem);
}

/* aten._adaptive_avg_poolNd_backward(grad_output [N?, C, *O], self [N?, C, *S]) */
Value lower_adaptive_avg_pool2d_backward(Node *n) { return adaptive_avg_pool_backward(n, 2); }
Value lower_adaptive_avg_pool3d_backward(Node *n) { return adaptive_avg_pool_backward(n, 3); }
