/* Looking values up and counting them: searchsorted, bucketize, isin, bincount, histc. */
#include "aten/index.h"
#include "aten/rules.h"

#include <string.h>

/* -- sorted sequences ------------------------------------------------------------------------------------ */

/* How many elements of the last dim of sorted[.., N] stand before v[.., M]: those that are not >= v, or
 * not > v with `right`. A 1-d sequence serves all of v. The result has v's shape. */
static Value count_before(Node *n, Value sorted, Value v, bool right)
{
	Builder *b = n->b;
	Type s = type_of(b, sorted), t = type_of(b, v);
	int64_t *d = NEW(n->a, int64_t, t.rank + 1);
	for (int i = 0; i < t.rank; i++) d[i] = t.dim[i];
	d[t.rank] = s.dim[s.rank - 1];
	Ints places = s.rank == 1 ? one_dim(b, t.rank) : all_dims(b, s.rank);      /* [.., N] -> [.., M, N] */
	if (s.rank > 1) ((int64_t *)(uintptr_t)places.v)[s.rank - 1] = t.rank;
	sorted = hlo_broadcast_in_dim(b, sorted, t.rank + 1, d, places);
	v = hlo_broadcast_in_dim(b, v, t.rank + 1, d, all_dims(b, t.rank));
	Value after = hlo_compare(b, right ? DIRECTION_GT : DIRECTION_GE, sorted, v);
	Value before = hlo_not(b, after);
	before = hlo_convert(b, before, DTYPE_i64);
	before = sum_over(b, before, one_dim(b, t.rank));
	return hlo_convert(b, before, n->out.elem);
}

static Value search(Node *n, const char *sequence, bool right)
{
	DType t = result_type(n, 2, (const char *[]){ sequence, "self" });
	Value sorted = arg_as(n, sequence, t);
	Value v = arg_as(n, "self", t);
	if (!sorted || !v) return 0;
	if (has_arg(n, "sorter")) {
		Value order = arg(n, "sorter");
		int rank = known_type(n->b, sorted).rank;
		if (!rank || known_type(n->b, order).rank != rank)
			return node_fail(n, BAD_INPUT, "the sorter is %s for a sequence of %s",
				type_str(n->a, known_type(n->b, order)), type_str(n->a, known_type(n->b, sorted)));
		sorted = gather_along(n->b, sorted, rank_of(n->b, sorted) - 1, order);
	}
	int rank = sorted ? rank_of(n->b, sorted) : 0;
	if (rank > 1 && rank != rank_of(n->b, v))
		return node_fail(n, BAD_INPUT, "sequences of rank %d for values of rank %d", rank, rank_of(n->b, v));
	return rank ? count_before(n, sorted, v, right) : 0;
}

/* aten.searchsorted(sorted_sequence, self, out_int32, right=False, side=None, sorter=None): where self
 * would be inserted */
Value lower_searchsorted(Node *n)
{
	bool right = arg_bool(n, "right", false) || !strcmp(arg_str(n, "side", "left"), "right");
	return search(n, "sorted_sequence", right);
}

/* aten.bucketize(self, boundaries, out_int32, right=False) */
Value lower_bucketize(Node *n) { return search(n, "boundaries", arg_bool(n, "right", false)); }

/* aten.isin(elements, test_elements, assume_unique, invert=False): whether any test element equals it */
Value lower_isin(Node *n)
{
	Builder *b = n->b;
	const char *element = has_arg(n, "element") ? "element" : "elements";
	const char *test = has_arg(n, "test_element") ? "test_element" : "test_elements";
	DType t = result_type(n, 2, (const char *[]){ element, test });
	Value x = arg_as(n, element, t);
	Value y = arg_as(n, test, t);
	y = flattened(b, y);
	if (!x || !y) return 0;
	int rank = rank_of(b, x);
	int64_t *d = NEW(n->a, int64_t, rank + 1);
	for (int i = 0; i < rank; i++) d[i] = type_of(b, x).dim[i];
	d[rank] = type_of(b, y).dim[0];
	x = hlo_broadcast_in_dim(b, x, rank + 1, d, all_dims(b, rank));
	y = hlo_broadcast_in_dim(b, y, rank + 1, d, one_dim(b, rank));
	Value same = hlo_compare(b, DIRECTION_EQ, x, y);
	Value any = reduce_over(b, OP_or, same, one_dim(b, rank));
	return arg_bool(n, "invert", false) ? hlo_not(b, any) : any;
}

/* -- counting -------------------------------------------------------------------------------------------- */

/* aten.bincount(self[N], weights[N]?, minlength): how often (or with what weight) each number stands in
 * self; torch says how many */
Value lower_bincount(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", DTYPE_i64);
	if (!x) return 0;
	if (n->out.rank != 1) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Type each = with_elem(type_of(b, x), n->out.elem);
	Value weight = has_arg(n, "weights") ? arg_as(n, "weights", n->out.elem) : full(b, each, 1);
	Value none = full(b, n->out, 0);
	return combine_at(b, OP_add, none, place_slices(b, n->out, 0, x), weight);
}

/* The edges of histc: (min, max), or the data's own when they are equal; one wide when those are equal
 * too. */
static void histogram_edges(Node *n, Value x, Value *low, Value *high)
{
	Builder *b = n->b;
	DType t = elem_of(b, x);
	double from = arg_num(n, "min", 0), to = arg_num(n, "max", 0);
	if (from != to) {
		*low = scalar(b, from, t);
		*high = scalar(b, to, t);
		return;
	}
	Value least = reduce_over(b, OP_minimum, x, one_dim(b, 0));
	Value most = reduce_over(b, OP_maximum, x, one_dim(b, 0));
	Value one = scalar(b, 1, t);
	Value same = hlo_compare(b, DIRECTION_EQ, least, most);
	Value below = hlo_subtract(b, least, one);
	Value above = hlo_add(b, most, one);
	*low = hlo_select(b, same, below, least);
	*high = hlo_select(b, same, above, most);
}

/* aten.histc(self, bins=100, min=0, max=0): how many elements fall in each of `bins` equal parts of [min,
 * max]; the last has both its ends. Bin of x: (x - min) bins / (max - min) in self's type, rounded down. */
Value lower_histc(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value x = arg_as(n, "self", acc);
	x = flattened(b, x);
	if (!x) return 0;
	if (n->out.rank != 1) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Value none = full(b, n->out, 0);
	Type t = type_of(b, x);
	if (!type_numel(t)) return none;
	int64_t bins = n->out.dim[0];
	Value low, high;
	histogram_edges(n, x, &low, &high);
	Value width = rounded_to(b, hlo_subtract(b, high, low), n->out.elem);
	low = broadcast(b, low, t);
	high = broadcast(b, high, t);
	width = broadcast(b, width, t);
	Value at_least = hlo_compare(b, DIRECTION_GE, x, low);
	Value at_most = hlo_compare(b, DIRECTION_LE, x, high);
	Value inside = hlo_and(b, at_least, at_most);
	Value bin = rounded_to(b, hlo_subtract(b, x, low), n->out.elem);
	bin = rounded_to(b, scaled(b, bin, (double)bins), n->out.elem);
	bin = rounded_to(b, hlo_divide(b, bin, width), n->out.elem);
	bin = hlo_convert(b, bin, DTYPE_i64);
	Value last = full_like(b, bin, (double)(bins - 1));
	bin = hlo_minimum(b, bin, last);
	Value nowhere = full_like(b, bin, (double)bins);
	bin = hlo_select(b, inside, bin, nowhere);
	Value one = full(b, with_elem(t, n->out.elem), 1);
	return combine_at(b, OP_add, none, place_slices(b, n->out, 0, bin), one);
}
