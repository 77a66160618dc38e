/* Sorting and what follows from it: topk, kthvalue, median, quantile, mode. NaN is greater than every
 * number; equal elements keep their order. */
#include "aten/index.h"
#include "aten/rules.h"

#include <math.h>
#include <string.h>

/* -- order ----------------------------------------------------------------------------------------------- */

static Value is_nan(Builder *b, Value x) { return hlo_compare(b, DIRECTION_NE, x, x); }

/* x comes before y: x < y, or y alone is NaN; descending: x > y, or x alone is NaN. */
static Value comes_before(Builder *b, Value x, Value y, bool descending)
{
	Value first = hlo_compare(b, descending ? DIRECTION_GT : DIRECTION_LT, x, y);
	if (!first || !is_float(elem_of(b, x))) return first;
	Value last_nan = is_nan(b, descending ? x : y);
	Value other_nan = is_nan(b, descending ? y : x);
	Value other_number = hlo_not(b, other_nan);
	Value by_nan = hlo_and(b, last_nan, other_number);
	return hlo_or(b, first, by_nan);
}

/* x sorted along a dim, and where each element was. */
typedef struct Sorted { Value values, indices; Type t; int dim; } Sorted;

static Sorted sort_along(Builder *b, Value x, int dim, bool descending)
{
	Type t = type_of(b, x);
	Value in[2] = { x, positions(b, t, dim, DTYPE_i64) }, out[2] = { 0 }, pair[4];
	DType i = DTYPE_i64;
	Type types[4] = { scalar_type(t.elem), scalar_type(t.elem), scalar_type(i), scalar_type(i) };
	Region *order = region_begin(b, 4, types, pair);
	Value first = comes_before(b, pair[0], pair[1], descending);
	region_end(b, order, 1, &first);
	hlo_sort(b, 2, in, dim, true, order, out);
	return (Sorted){ out[0], out[1], t, dim };
}

/* self, 0-d as [1], sorted along the argument "dim". */
static Sorted sort_self(Node *n, int otherwise, bool descending)
{
	Value x = arg(n, "self");
	x = raised(n->b, x);
	if (!x) return (Sorted){ 0 };
	return sort_along(n->b, x, arg_dim(n, "dim", otherwise, rank_of(n->b, x)), descending);
}

/* Values as output 0 and indices as output 1, in the shapes that the program says. */
static Value pair_out(Node *n, Value values, Value indices)
{
	if (!values || !indices) return 0;
	if (out_wanted(n, 1)) {
		Value v = reshape_to(n->b, indices, out_type(n, 1));
		set_out(n, 1, v);
	}
	Type t = n->out.kind ? n->out : type_of(n->b, values);
	return reshape_to(n->b, values, t);
}

/* -- sort ------------------------------------------------------------------------------------------------ */

/* aten.sort(self, dim=-1, descending=False) -> (values, indices) */
Value lower_sort(Node *n)
{
	Sorted s = sort_self(n, -1, arg_bool(n, "descending", false));
	return pair_out(n, s.values, s.indices);
}

/* aten.argsort(self, dim=-1, descending=False): the indices alone */
Value lower_argsort(Node *n)
{
	Sorted s = sort_self(n, -1, arg_bool(n, "descending", false));
	return s.indices ? reshape_to(n->b, s.indices, n->out) : 0;
}

/* aten.msort(self): along dim 0 */
Value lower_msort(Node *n)
{
	Sorted s = sort_self(n, 0, false);
	return s.values ? reshape_to(n->b, s.values, n->out) : 0;
}

/* aten.topk(self, k, dim=-1, largest=True, sorted=True): the first k after sorting */
Value lower_topk(Node *n)
{
	Builder *b = n->b;
	int64_t k = arg_size(n, "k", 1), size;
	Sorted s = sort_self(n, -1, arg_bool(n, "largest", true));
	if (!s.values) return 0;
	size = s.t.dim[s.dim];
	if (dim_range(dims_of(b->m), k).max < 0 || (k >= 0 && size >= 0 && k > size))
		return node_fail(n, BAD_INPUT, "k = %lld of %s", (long long)k, type_str(n->a, s.t));
	Value values = slice_dim(b, s.values, s.dim, 0, k, 1);
	Value indices = slice_dim(b, s.indices, s.dim, 0, k, 1);
	return pair_out(n, values, indices);
}

/* aten.kthvalue(self, k, dim=-1, keepdim=False): the k-th smallest */
Value lower_kthvalue(Node *n)
{
	Builder *b = n->b;
	int64_t k = arg_int(n, "k", 1);
	Sorted s = sort_self(n, -1, false);
	if (!s.values) return 0;
	if (k < 1 || (s.t.dim[s.dim] >= 0 && k > s.t.dim[s.dim]))
		return node_fail(n, BAD_INPUT, "k = %lld of %s", (long long)k, type_str(n->a, s.t));
	Value values = slice_dim(b, s.values, s.dim, k - 1, k, 1);
	Value indices = slice_dim(b, s.indices, s.dim, k - 1, k, 1);
	return pair_out(n, values, indices);
}

/* -- median ---------------------------------------------------------------------------------------------- */

/* How many NaN there are along the dim, i64[.., 1, ..]. */
static Value count_nan(Builder *b, Value x, int dim)
{
	Type t = type_of(b, x);
	Ints over = one_dim(b, dim);
	Value nan = is_nan(b, x);
	nan = hlo_convert(b, nan, DTYPE_i64);
	nan = sum_over(b, nan, over);
	return keep_dims(b, nan, over, t, true);
}

/* Which sorted element is the median, i64[.., 1, ..]: the lower middle (size - 1) / 2; with NaN among them
 * the first NaN, which stands at size - count; for nanmedian the lower middle of the numbers. */
static Value median_position(Builder *b, Sorted s, bool ignore_nan)
{
	DimTable *sizes = dims_of(b->m);
	int64_t size = s.t.dim[s.dim];
	Type one = shape_with(b, with_elem(s.t, DTYPE_i64), s.dim, 1);
	Value middle = size_value(b, dim_floordiv(sizes, dim_minus(sizes, size, 1), 2), one);
	if (!is_float(s.t.elem)) return middle;
	Value nan = count_nan(b, s.values, s.dim);
	Value total = size_value(b, size, one), zero = full(b, one, 0);
	Value numbers = hlo_subtract(b, total, nan);
	Value some = hlo_compare(b, DIRECTION_GT, nan, zero);
	if (ignore_nan) {
		Value first = full(b, one, 1), two = full(b, one, 2);
		Value last = hlo_subtract(b, numbers, first);
		last = hlo_maximum(b, last, zero);
		return hlo_divide(b, last, two);
	}
	return hlo_select(b, some, numbers, middle);
}

static Value median_of(Node *n, Sorted s, bool ignore_nan)
{
	Builder *b = n->b;
	if (!s.values) return 0;
	if (!s.t.dim[s.dim]) return full(b, n->out, NAN);
	Value at = median_position(b, s, ignore_nan);
	Value values = gather_along(b, s.values, s.dim, at);
	Value indices = gather_along(b, s.indices, s.dim, at);
	return pair_out(n, values, indices);
}

static Value median_of_all(Node *n, bool ignore_nan)
{
	Value x = arg(n, "self");
	x = flattened(n->b, x);
	return x ? median_of(n, sort_along(n->b, x, 0, false), ignore_nan) : 0;
}

/* aten.median(self), aten.median.dim(self, dim, keepdim=False): the lower of two middle elements; NaN when
 * there is one */
Value lower_median(Node *n) { return median_of_all(n, false); }
Value lower_median_dim(Node *n) { return median_of(n, sort_self(n, -1, false), false); }

/* aten.nanmedian: of the elements that are not NaN */
Value lower_nanmedian(Node *n) { return median_of_all(n, true); }
Value lower_nanmedian_dim(Node *n) { return median_of(n, sort_self(n, -1, false), true); }

/* -- quantiles ------------------------------------------------------------------------------------------- */

/* Where each quantile lies among the sorted elements, as a float in r = [.., Q, ..]: q * (size - 1), or
 * the last when there is NaN, which is sorted there; ignoring NaN, q * (count of numbers - 1). */
static Value quantile_ranks(Node *n, Sorted s, Type r, bool ignore_nan)
{
	Builder *b = n->b;
	Value q = arg_as(n, "q", r.elem);
	q = raised(b, q);
	q = along(b, q, s.dim, r);
	int64_t last = dim_minus(dims_of(b->m), s.t.dim[s.dim], 1);
	Value nan = count_nan(b, s.values, s.dim);                               /* [.., 1, ..] */
	nan = hlo_convert(b, nan, r.elem);
	nan = hlo_broadcast_in_dim(b, nan, r.rank, r.dim, all_dims(b, r.rank));
	Value zero = full(b, r, 0), end = size_value(b, last, r);
	if (!ignore_nan) {
		Value some = hlo_compare(b, DIRECTION_GT, nan, zero);
		q = hlo_multiply(b, q, end);
		return hlo_select(b, some, end, q);
	}
	end = hlo_subtract(b, end, nan);
	q = hlo_multiply(b, q, end);
	return hlo_maximum(b, q, zero);
}

/* x + w (y - x), counted from the nearer end (torch.lerp) */
static Value between(Builder *b, Value x, Value y, Value w)
{
	Value width = hlo_subtract(b, y, x);
	Value half = full_like(b, w, 0.5), one = full_like(b, w, 1);
	Value rest = hlo_subtract(b, one, w);
	Value from_x = hlo_multiply(b, w, width);
	from_x = hlo_add(b, x, from_x);
	Value from_y = hlo_multiply(b, rest, width);
	from_y = hlo_subtract(b, y, from_y);
	Value near = hlo_compare(b, DIRECTION_LT, w, half);
	return hlo_select(b, near, from_x, from_y);
}

/* The sorted elements at fractional ranks, by the argument "interpolation". */
static Value at_ranks(Node *n, Sorted s, Value ranks)
{
	Builder *b = n->b;
	const char *how = arg_str(n, "interpolation", "linear");
	if (!strcmp(how, "nearest")) ranks = hlo_round_nearest_even(b, ranks);
	if (!strcmp(how, "higher")) ranks = hlo_ceil(b, ranks);
	Value below = hlo_floor(b, ranks);
	Value i = hlo_convert(b, below, DTYPE_i64);
	Value x = gather_along(b, s.values, s.dim, i);
	bool middle = !strcmp(how, "midpoint");
	if (!middle && strcmp(how, "linear")) return x;
	i = hlo_ceil(b, ranks);
	i = hlo_convert(b, i, DTYPE_i64);
	Value y = gather_along(b, s.values, s.dim, i);
	Value w = middle ? full_like(b, ranks, 0.5) : hlo_subtract(b, ranks, below);
	return between(b, x, y, w);
}

/* aten.quantile(self, q, dim=None, keepdim=False, interpolation="linear") -> [Q, *], or [*] for one q */
static Value quantile(Node *n, bool ignore_nan)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	x = has_arg(n, "dim") ? raised(b, x) : flattened(b, x);
	Value q = arg(n, "q");
	if (!x || !q) return 0;
	int dim = has_arg(n, "dim") ? arg_dim(n, "dim", 0, rank_of(b, x)) : 0;
	Sorted s = sort_along(b, x, dim, false);
	Value ranks = quantile_ranks(n, s, shape_with(b, s.t, dim, numel_of(b, type_of(b, q))), ignore_nan);
	x = at_ranks(n, s, ranks);
	int64_t *front = NEW(n->a, int64_t, s.t.rank);                           /* [.., Q, ..] -> [Q, ..] */
	front[0] = dim;
	for (int i = 1; i < s.t.rank; i++) front[i] = i <= dim ? i - 1 : i;
	x = hlo_transpose(b, x, (Ints){ s.t.rank, front });
	return reshape_to(b, x, n->out);
}

Value lower_quantile(Node *n) { return quantile(n, false); }
Value lower_nanquantile(Node *n) { return quantile(n, true); }

/* -- mode ------------------------------------------------------------------------------------------------ */

/* How often each element stands along the dim: sum over j of x[i] == x[j], i64 in the shape of x. */
static Value frequency(Builder *b, Value x, int dim)
{
	Type t = type_of(b, x);                                               /* [.., D, ..] */
	int64_t *d = NEW(b->a, int64_t, t.rank + 1), *rows = NEW(b->a, int64_t, t.rank), *columns = NEW(b->a, int64_t, t.rank);
	for (int i = 0; i < t.rank; i++) {
		rows[i] = i <= dim ? i : i + 1;
		columns[i] = i < dim ? i : i + 1;
		d[rows[i]] = t.dim[i];
	}
	d[dim + 1] = t.dim[dim];
	Value one = hlo_broadcast_in_dim(b, x, t.rank + 1, d, (Ints){ t.rank, rows });
	Value other = hlo_broadcast_in_dim(b, x, t.rank + 1, d, (Ints){ t.rank, columns });
	Value same = hlo_compare(b, DIRECTION_EQ, one, other);
	same = hlo_convert(b, same, DTYPE_i64);
	return sum_over(b, same, one_dim(b, dim + 1));
}

/* op over the dim of x where pred holds, spread over the dim again */
static Value best_where(Builder *b, OpCode op, Value pred, Value x, Value otherwise, int dim)
{
	Type t = type_of(b, x);
	otherwise = broadcast(b, otherwise, t);
	x = hlo_select(b, pred, x, otherwise);
	x = reduce_over(b, op, x, one_dim(b, dim));
	return spread_over(b, x, one_dim(b, dim), t);
}

/* aten.mode(self, dim=-1, keepdim=False): the most frequent value, the smallest of several; the last index
 * that has it */
Value lower_mode(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	x = raised(b, x);
	if (!x) return 0;
	Type t = type_of(b, x);
	int dim = arg_dim(n, "dim", -1, t.rank);
	Value often = frequency(b, x, dim);
	if (!often) return 0;
	Value most = reduce_over(b, OP_maximum, often, one_dim(b, dim));
	most = spread_over(b, most, one_dim(b, dim), t);
	Value is_most = hlo_compare(b, DIRECTION_EQ, often, most);
	Value above = highest(b, t.elem);
	Value value = best_where(b, OP_minimum, is_most, x, above, dim);
	Value has = hlo_compare(b, DIRECTION_EQ, x, value);
	Value at = positions(b, t, dim, DTYPE_i64);
	Value nowhere = scalar(b, -1, DTYPE_i64);
	if (!at) return 0;
	at = best_where(b, OP_maximum, has, at, nowhere, dim);
	value = slice_dim(b, value, dim, 0, 1, 1);
	at = slice_dim(b, at, dim, 0, 1, 1);
	return pair_out(n, value, at);
}
