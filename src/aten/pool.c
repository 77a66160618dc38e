/* Pooling with windows of one size. Averages of f16 and bf16 are summed in f32. */
#include "aten/index.h"
#include "aten/layers.h"
#include "aten/rules.h"

/* -- windows --------------------------------------------------------------------------------------------- */

/* The spatial dims are the last ones; the lists have one number for each. */
typedef struct Pool { int spatial; Ints size, stride, padding, dilation; bool ceil; } Pool;

/* "kernel_size", "stride" (absent or empty: kernel_size), "padding", "dilation" */
static Pool pool_of(Node *n, int spatial)
{
	Pool p = { .spatial = spatial };
	p.size = arg_ints_n(n, "kernel_size", spatial, 1);
	p.stride = arg_ints(n, "stride").n ? arg_ints_n(n, "stride", spatial, 1) : p.size;
	p.padding = arg_ints_n(n, "padding", spatial, 0);
	p.dilation = arg_ints_n(n, "dilation", spatial, 1);
	p.ceil = arg_bool(n, "ceil_mode", false);
	return p;
}

/* [*batch, *S] lists: `lead` over the leading dims, v over the spatial ones. */
static Ints over_spatial(Arena *a, int rank, Ints v, int64_t lead)
{
	int64_t *d = NEW(a, int64_t, rank + 1);
	for (int i = 0; i < rank; i++) d[i] = i < rank - v.n ? lead : v.v[i - (rank - v.n)];
	return (Ints){ rank, d };
}

/* Padding of x so that there are as many windows as torch counts: with ceil_mode the last may reach past the padding. Of a size that is
 * not known there may then be one more, which begins past it: counted_windows() takes it off. */
static Ints window_padding(Builder *b, Pool p, Type x, Type out)
{
	int64_t *v = NEW(b->a, int64_t, 2 * x.rank + 1);
	for (int i = 0; i < p.spatial; i++) {
		int d = x.rank - p.spatial + i;
		int64_t reach = (out.dim[d] - 1) * p.stride.v[i] + p.dilation.v[i] * (p.size.v[i] - 1) + 1;
		int64_t missing = reach - x.dim[d] - p.padding.v[i];
		bool known = x.dim[d] >= 0 && out.dim[d] >= 0;
		int64_t high = p.padding.v[i] + (p.ceil ? p.stride.v[i] - 1 : 0);
		if (known) high = missing > p.padding.v[i] ? missing : p.padding.v[i];
		v[2 * d] = p.padding.v[i];
		v[2 * d + 1] = high;
	}
	return (Ints){ 2 * x.rank, v };
}

static Window window_of(Builder *b, Pool p, Type x, Type out)
{
	return (Window){
		.size             = over_spatial(b->a, x.rank, p.size, 1),
		.strides          = over_spatial(b->a, x.rank, p.stride, 1),
		.window_dilations = over_spatial(b->a, x.rank, p.dilation, 1),
		.padding          = window_padding(b, p, x, out),
	};
}

/* As many windows of x along each spatial dim as `out` has. */
static Value counted_windows(Builder *b, Pool p, Value x, Type out)
{
	for (int i = out.rank - p.spatial; i < out.rank && x && p.ceil; i++)
		if (type_of(b, x).dim[i] != out.dim[i]) x = slice_dim(b, x, i, 0, out.dim[i], 1);
	return x;
}

static bool fits(Node *n, Value x, int spatial)
{
	Type t = known_type(n->b, x);
	bool good = t.kind && t.rank >= spatial && t.rank == n->out.rank;
	for (int i = 0; good && i < t.rank; i++) good = t.dim[i] <= INT32_MAX && n->out.dim[i] <= INT32_MAX;
	if (good) return true;
	if (t.kind) node_fail(n, BAD_INPUT, "input %s has not %d spatial dims", type_str(n->a, t), spatial);
	return false;
}

/* -- the largest, and where it is ------------------------------------------------------------------------ */

void no_maximum(Builder *b, DType elem, Value *init)
{
	init[0] = lowest(b, elem);
	init[1] = highest(b, DTYPE_i32);
}

/* The place in the last `spatial` dims of t, counted row-major. */
static Value flat_places(Builder *b, Type t, int spatial)
{
	int64_t size = size_over(b, t, iota_ints(b->a, t.rank - spatial, spatial));
	Value v = hlo_iota(b, tensor_type(b->a, DTYPE_i32, 1, &size), 0);
	v = hlo_reshape(b, v, spatial, t.dim + (t.rank - spatial));
	return broadcast(b, v, with_elem(t, DTYPE_i32));
}

/* Which of two (value, place) pairs counts, whatever order they come in. torch walks a window from its first element and
 * takes what is larger or NaN: the first of equals, the last of NaNs. */
static Value second_counts(Builder *b, const Value *a)
{
	Value larger = hlo_compare(b, DIRECTION_GT, a[2], a[0]);
	Value equal = hlo_compare(b, DIRECTION_EQ, a[2], a[0]);
	Value before = hlo_compare(b, DIRECTION_LT, a[3], a[1]);
	Value tie = hlo_and(b, equal, before);
	larger = hlo_or(b, larger, tie);
	if (!a[0] || !is_float(elem_of(b, a[0]))) return larger;
	Value nan0 = math_isnan(b, a[0]);
	Value nan1 = math_isnan(b, a[2]);
	Value after = hlo_not(b, before);
	Value first_loses = hlo_not(b, nan0);
	first_loses = hlo_or(b, first_loses, after);
	nan1 = hlo_and(b, nan1, first_loses);
	return hlo_or(b, larger, nan1);
}

Region *larger_pair(Builder *b, DType elem)
{
	Type value = scalar_type(elem), place = scalar_type(DTYPE_i32);
	Value a[4] = { 0 }, out[2];
	Region *r = region_begin(b, 4, (Type[]){ value, place, value, place }, a);
	Value second = second_counts(b, a);
	out[0] = hlo_select(b, second, a[2], a[0]);
	out[1] = hlo_select(b, second, a[3], a[1]);
	region_end(b, r, 2, out);
	return r;
}

/* The largest value of each window; with output 1 also its place in the input's spatial dims. */
static Value max_pool(Node *n, int spatial)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!fits(n, x, spatial)) return 0;
	Type t = type_of(b, x);
	Pool p = pool_of(n, spatial);
	Window w = window_of(b, p, t, n->out);
	if (!out_wanted(n, 1)) return counted_windows(b, p, hlo_reduce_window(b, OP_maximum, x, lowest(b, t.elem), w), n->out);
	Value in[2] = { x, flat_places(b, t, spatial) }, init[2], out[2] = { 0, 0 };
	no_maximum(b, t.elem, init);
	hlo_reduce_window_n(b, 2, in, init, w, larger_pair(b, t.elem), out);
	out[1] = counted_windows(b, p, out[1], n->out);
	set_out(n, 1, cast(b, out[1], out_type(n, 1).elem));
	return counted_windows(b, p, out[0], n->out);
}

/* aten.max_poolNd(self [N?, C, *S], kernel_size, stride=kernel_size, padding=0, dilation=1, ceil_mode=False);
 * max_poolNd_with_indices -> (values, indices) */
Value lower_max_pool1d(Node *n) { return max_pool(n, 1); }
Value lower_max_pool2d(Node *n) { return max_pool(n, 2); }
Value lower_max_pool3d(Node *n) { return max_pool(n, 3); }

/* -- averages -------------------------------------------------------------------------------------------- */

/* How many elements window `at` of a dim of `size` is divided by; padding counts when count_pad, what lies past it never. */
static int64_t window_count(const Pool *p, int i, int64_t size, int64_t at, bool count_pad)
{
	int64_t start = at * p->stride.v[i] - p->padding.v[i];
	int64_t end = start + p->size.v[i];
	if (end > size + p->padding.v[i]) end = size + p->padding.v[i];
	if (count_pad) return end - start;
	return (end > size ? size : end) - (start < 0 ? 0 : start);
}

/* The counts along one spatial dim, laid along it in t; a window without elements counts as 1. */
static Value counts_along(Builder *b, const Pool *p, int i, int64_t size, Type t, bool count_pad)
{
	int dim = t.rank - p->spatial + i;
	if (t.dim[dim] > 1 << 22) return build_fail(b, UNSUPPORTED, "%lld windows", (long long)t.dim[dim]);
	int64_t *v = NEW(b->a, int64_t, t.dim[dim] + 1);
	bool same = true;
	for (int64_t at = 0; at < t.dim[dim]; at++) {
		v[at] = window_count(p, i, size, at, count_pad);
		if (v[at] < 1) v[at] = 1;
		same &= v[at] == v[0];
	}
	if (same) return hlo_splat_int(b, t, t.dim[dim] ? v[0] : 1);
	Value counts = hlo_ints(b, (int)t.dim[dim], v, DTYPE_i64);
	counts = hlo_convert(b, counts, t.elem);
	return along(b, counts, dim, t);
}

/* x with the padding of p as elements of their own */
static Value padded_by(Builder *b, const Pool *p, Value x, double value)
{
	Type t = type_of(b, x);
	Value v = scalar(b, value, t.elem);
	return hlo_pad(b, x, v, over_spatial(b->a, t.rank, p->padding, 0).v, over_spatial(b->a, t.rank, p->padding, 0).v, NULL);
}

/* Sizes that are not known: the window's where all of it counts, else so many ones as are in it. */
static Value counts_of_any_size(Builder *b, Pool p, Type x, Type t, bool count_pad)
{
	int64_t all = 1;
	bool padded = false;
	for (int i = 0; i < p.spatial; i++) {
		all *= p.size.v[i];
		padded |= p.padding.v[i] != 0;
	}
	if (!p.ceil && (count_pad || !padded)) return hlo_splat_int(b, t, all);
	Value one = full(b, with_elem(x, t.elem), 1);
	if (count_pad && padded) {
		one = padded_by(b, &p, one, 1);
		p.padding.v = NEW(b->a, int64_t, p.spatial);
	}
	if (!one) return 0;
	Value zero = scalar(b, 0, t.elem);
	return counted_windows(b, p, hlo_reduce_window(b, OP_add, one, zero, window_of(b, p, type_of(b, one), t)), t);
}

static Value divisor(Node *n, const Pool *p, Type x, Type t)
{
	Builder *b = n->b;
	if (has_arg(n, "divisor_override")) return hlo_splat_int(b, t, arg_int(n, "divisor_override", 1));
	bool count_pad = arg_bool(n, "count_include_pad", true);
	Value all = 0;
	for (int i = t.rank - p->spatial; i < t.rank; i++)
		if (t.dim[i] < 0 || x.dim[i] < 0) return counts_of_any_size(b, *p, x, t, count_pad);
	for (int i = 0; i < p->spatial; i++) {
		Value one = counts_along(b, p, i, x.dim[x.rank - p->spatial + i], t, count_pad);
		all = all ? hlo_multiply(b, all, one) : one;
	}
	return all;
}

/* The sum of each window over its count; integers are divided as C does. */
static Value avg_pool(Node *n, int spatial)
{
	Builder *b = n->b;
	Type t = with_elem(n->out, acc_type(n->out.elem));
	Value x = arg_as(n, "self", t.elem);
	if (!fits(n, x, spatial)) return 0;
	Type from = type_of(b, x);
	Pool p = pool_of(n, spatial);
	x = hlo_reduce_window(b, OP_add, x, scalar(b, 0, t.elem), window_of(b, p, from, t));
	x = counted_windows(b, p, x, t);
	Value count = divisor(n, &p, from, t);
	x = hlo_divide(b, x, count);
	return cast(b, x, n->out.elem);
}

/* aten.avg_poolNd(self [N?, C, *S], kernel_size, stride=kernel_size, padding=0, ceil_mode, count_include_pad,
 * divisor_override?) */
Value lower_avg_pool1d(Node *n) { return avg_pool(n, 1); }
Value lower_avg_pool2d(Node *n) { return avg_pool(n, 2); }
Value lower_avg_pool3d(Node *n) { return avg_pool(n, 3); }

/* -- back ------------------------------------------------------------------------------------------------ */

/* [*, S1, ..] -> [*, S1 * ..] */
static Value flat_spatial(Builder *b, Value x, int spatial)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	int lead = t.rank - spatial;
	int64_t *d = COPY(b->a, int64_t, t.dim, t.rank);
	d[lead] = size_over(b, t, iota_ints(b->a, lead, spatial));
	return hlo_reshape(b, x, lead + 1, d);
}

/* Zeros with each element of self written at its index, which counts over the spatial dims of the result. */
static Value max_unpool(Node *n, int spatial)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value index = arg(n, "indices");
	if (!fits(n, x, spatial) || !fits(n, index, spatial)) return 0;
	Value zeros = flat_spatial(b, full(b, n->out, 0), spatial);
	x = flat_spatial(b, x, spatial);
	index = flat_spatial(b, index, spatial);
	if (!zeros || !x || !index) return 0;
	Type t = type_of(b, zeros);
	Place p = place_along(b, t, t.rank - 1, index);
	x = write_at(b, zeros, p, x);
	return reshape_to(b, x, n->out);
}

/* aten.max_unpool2d(self, indices, output_size), max_unpool3d(self, indices, output_size, stride, padding) */
Value lower_max_unpool2d(Node *n) { return max_unpool(n, 2); }
Value lower_max_unpool3d(Node *n) { return max_unpool(n, 3); }

/* The gradient of avg_pool: each element gets g / count of every window that it is in. g [*, O] is spread out by the stride
 * and summed over the K places that such a window can start at. */
static Value avg_pool_backward(Node *n, int spatial)
{
	Builder *b = n->b;
	Type to = with_elem(n->out, acc_type(n->out.elem));
	Value g = arg_as(n, "grad_output", to.elem);
	if (!fits(n, arg(n, "self"), spatial) || !fits(n, g, spatial)) return 0;
	Pool p = pool_of(n, spatial);
	Type t = type_of(b, g);
	if (!type_numel(t)) return full(b, n->out, 0);
	Value count = divisor(n, &p, to, t);
	g = hlo_divide(b, g, count);
	int64_t *low = NEW(n->a, int64_t, t.rank), *high = NEW(n->a, int64_t, t.rank), *between = NEW(n->a, int64_t, t.rank);
	DimTable *sizes = dims_of(b->m);
	for (int i = 0, d = t.rank - spatial; i < spatial; i++, d++) {
		int64_t before = p.size.v[i] - 1 - p.padding.v[i];
		int64_t most = dim_plus(sizes, to.dim[d], p.size.v[i] - 1);
		between[d] = p.stride.v[i] - 1;
		low[d] = dim_number(sizes, before);
		high[d] = dim_minus(sizes, dim_minus(sizes, most, spaced_length(b, t.dim[d], p.stride.v[i])), low[d]);
	}
	g = hlo_pad_sizes(b, g, scalar(b, 0, t.elem), low, high, between);
	g = hlo_reduce_window(b, OP_add, g, scalar(b, 0, t.elem), (Window){ .size = over_spatial(n->a, t.rank, p.size, 1) });
	return cast(b, g, n->out.elem);
}

/* aten.avg_poolNd_backward(grad_output, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override?) */
Value lower_avg_pool2d_backward(Node *n) { return avg_pool_backward(n, 2); }
Value lower_avg_pool3d_backward(Node *n) { return avg_pool_backward(n, 3); }

/* Zeros with each gradient added where its window found the largest element. */
static Value max_pool_backward(Node *n, int spatial)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value g = arg_as(n, "grad_output", acc);
	Value index = arg(n, "indices");
	if (!fits(n, g, spatial) || !fits(n, index, spatial)) return 0;
	Value zeros = flat_spatial(b, full(b, with_elem(n->out, acc), 0), spatial);
	g = flat_spatial(b, g, spatial);
	index = flat_spatial(b, index, spatial);
	if (!zeros || !g || !index) return 0;
	Type t = type_of(b, zeros);
	g = combine_at(b, OP_add, zeros, place_along(b, t, t.rank - 1, index), g);
	g = reshape_to(b, g, n->out);
	return cast(b, g, n->out.elem);
}

/* aten.max_poolNd_with_indices_backward, adaptive_max_poolNd_backward, fractional_max_poolNd_backward(grad_output [N?, C, *O],
 * self [N?, C, *S], .., indices [N?, C, *O]); indices count over S */
Value lower_max_pool2d_backward(Node *n) { return max_pool_backward(n, 2); }
Value lower_max_pool3d_backward(Node *n) { return max_pool_backward(n, 3); }
