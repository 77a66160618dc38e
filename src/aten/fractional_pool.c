/* Fractional max pooling (B. Graham, Fractional Max-Pooling, 2014): windows of one size whose starts are
 * spread over a dim by a random number for each channel, which the program gives. */
#include "aten/index.h"
#include "aten/layers.h"
#include "aten/rules.h"

/* One spatial dim: S elements, O windows of K elements. */
typedef struct Spread { int64_t size, count, window; } Spread;

/* x as the narrow type holds it, in f32: torch rounds after each step, which moves windows. */
static Value held(Builder *b, Value x, DType narrow)
{
	if (narrow == DTYPE_f16) return hlo_reduce_precision(b, x, 5, 10);
	return narrow == DTYPE_bf16 ? hlo_reduce_precision(b, x, 8, 7) : x;
}

/* i32 [*L, O]: int((i + u) a) - int(u a), a = (S - K) / (O - 1), u [*L] of type `elem`; the last window ends
 * with the dim */
static Value starts(Builder *b, Value u, Spread s, DType elem)
{
	Type t = known_type(b, u);
	if (!t.kind) return 0;
	u = unsqueeze_dim(b, u, t.rank);
	t = shape_with(b, type_of(b, u), t.rank, s.count);
	u = broadcast(b, u, t);
	Value last = full(b, with_elem(t, DTYPE_i32), (double)(s.size - s.window));
	Value i = positions(b, t, t.rank - 1, t.elem);
	if (s.count < 2) return last;
	Value a = held(b, full(b, t, (double)(s.size - s.window) / (double)(s.count - 1)), elem);
	Value first = held(b, hlo_multiply(b, u, a), elem);
	first = hlo_convert(b, first, DTYPE_i32);
	Value at = held(b, hlo_add(b, i, u), elem);
	at = held(b, hlo_multiply(b, at, a), elem);
	at = hlo_convert(b, at, DTYPE_i32);
	at = hlo_subtract(b, at, first);
	Value is_last = is(b, DIRECTION_EQ, i, (double)(s.count - 1));
	return hlo_select(b, is_last, last, at);
}

/* Number `number` of each channel: [*, d] -> [*L] in the type to compute in */
static Value sample(Node *n, Value samples, int number, Type lead)
{
	Builder *b = n->b;
	Type t = known_type(b, samples);
	if (!t.kind) return 0;
	Value u = slice_dim(b, samples, t.rank - 1, number, number + 1, 1);
	u = cast(b, u, acc_type(t.elem));
	return reshape_to(b, u, lead);
}

/* i32 [*L, *O, *K]: the place of each element of each window, row-major in the spatial dims of x */
static Value places(Node *n, Type x, Ints kernel, int d)
{
	Builder *b = n->b;
	Value samples = arg(n, "random_samples"), place = 0;
	Type lead = x, all = n->out;
	int64_t *dim = NEW(n->a, int64_t, x.rank + d), stride = 1;
	lead.rank -= d;
	for (int i = 0; i < x.rank + d; i++) dim[i] = i < x.rank ? all.dim[i] : kernel.v[i - x.rank];
	all = (Type){ .kind = TYPE_TENSOR, .elem = DTYPE_i32, .rank = x.rank + d, .dim = dim };
	for (int i = d - 1; i >= 0; i--) {
		Spread s = { x.dim[lead.rank + i], n->out.dim[lead.rank + i], kernel.v[i] };
		Value at = starts(b, sample(n, samples, d == 2 ? 1 - i : i, lead), s, known_type(b, samples).elem);
		Ints where = iota_ints(n->a, 0, lead.rank + 1);
		((int64_t *)where.v)[lead.rank] = lead.rank + i;
		at = hlo_broadcast_in_dim(b, at, all.rank, all.dim, where);
		at = hlo_add(b, at, positions(b, all, x.rank + i, DTYPE_i32));
		at = scaled(b, at, (double)stride);
		place = place ? hlo_add(b, place, at) : at;
		stride *= s.size;
	}
	return place;
}

static bool fits(Node *n, Type x, Ints kernel, int d)
{
	if (x.rank < d + 1 || x.rank > d + 2 || n->out.rank != x.rank || !type_numel(x))
		return node_fail(n, BAD_INPUT, "input %s, wanted %d spatial dims", type_str(n->a, x), d), false;
	for (int i = 0; i < d; i++) {
		int64_t size = x.dim[x.rank - d + i], count = n->out.dim[x.rank - d + i];
		if (kernel.v[i] >= 1 && kernel.v[i] <= size && count >= 1 && count <= size) continue;
		return node_fail(n, BAD_INPUT, "%lld windows of %lld elements over %lld", (long long)count,
			(long long)kernel.v[i], (long long)size), false;
	}
	return true;
}

/* The outputs of a batch of none. */
static Value no_batch(Node *n)
{
	if (out_wanted(n, 1)) set_out(n, 1, full(n->b, out_type(n, 1), 0));
	return full(n->b, n->out, 0);
}

/* The largest of each window, and its place. */
static Value fractional_pool(Node *n, int d)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Type t = known_type(b, x);
	Ints kernel = arg_ints_n(n, "kernel_size", d, 1);
	if (t.kind && t.rank == d + 2 && !t.dim[0]) return no_batch(n);
	if (!t.kind || kernel.n != d || !fits(n, t, kernel, d)) return 0;
	Value place = places(n, t, kernel, d);
	if (!place) return 0;
	int lead = t.rank - d;
	int64_t *dim = COPY(n->a, int64_t, n->out.dim, t.rank + 1), spatial = 1;
	/* [*L, *O, K] */
	Type windows = { .kind = TYPE_TENSOR, .elem = DTYPE_i32, .rank = t.rank + 1, .dim = dim };
	dim[t.rank] = count_over(type_of(b, place), iota_ints(n->a, t.rank, d));
	for (int i = lead; i < t.rank; i++) spatial *= t.dim[i];
	Type flat = shape_with(b, t, lead, spatial), flat_windows = shape_with(b, windows, lead, 1);
	flat.rank = flat_windows.rank = lead + 1;
	((int64_t *)flat_windows.dim)[lead] = count_over(windows, iota_ints(n->a, lead, d + 1));
	x = reshape_to(b, x, flat);
	x = gather_along(b, x, lead, reshape_to(b, place, flat_windows));
	Value in[2] = { reshape_to(b, x, windows) }, init[2], out[2] = { 0 };
	in[1] = reshape_to(b, place, windows);
	no_maximum(b, t.elem, init);
	hlo_reduce_n(b, 2, in, init, one_dim(b, t.rank), larger_pair(b, t.elem), out);
	if (out_wanted(n, 1)) set_out(n, 1, cast(b, out[1], out_type(n, 1).elem));
	return out[0];
}

/* aten.fractional_max_pool2d(self [N?, C, H, W], kernel_size, output_size, random_samples [N, C, 2]: of W, of
 * H), 3d of [N?, C, T, H, W] and random_samples [N, C, 3]: of T, of H, of W -> (values, indices) */
Value lower_fractional_max_pool2d(Node *n) { return fractional_pool(n, 2); }
Value lower_fractional_max_pool3d(Node *n) { return fractional_pool(n, 3); }
