/* Sums, products, extremes and tests over dims. Norms and moments are in moments.c, running ones in
 * scan.c. */
#include "aten/pointwise.h"
#include "aten/rules.h"

/* "dim" (one, several, none: all) and "keepdim" of a reduction, and what it is taken of. */
typedef struct Over {
	Type from;
	Ints dims;
	bool keep;
} Over;

static Over over_dims(Node *n, Value x)
{
	Type t = known_type(n->b, x);
	return (Over){ t, arg_dims(n, "dim", t.rank), arg_bool(n, "keepdim", false) };
}

static Value kept(Node *n, Value x, Over o)
{
	x = keep_dims(n->b, x, o.dims, o.from, o.keep);
	return cast(n->b, x, n->out.elem);
}

/* -- sums ------------------------------------------------------------------------------------------------ */

/* self in the type that the result has, widened for f16 and bf16. */
static Value summand(Node *n) { return arg_as(n, "self", acc_type(n->out.elem)); }

/* aten.sum(self, dim?, keepdim, *, dtype?); integers add up in i64 */
Value lower_sum(Node *n)
{
	Value x = summand(n);
	Over o = over_dims(n, x);
	x = sum_over(n->b, x, o.dims);
	return kept(n, x, o);
}

/* aten.mean(self, dim?, keepdim, *, dtype?) */
Value lower_mean(Node *n)
{
	Value x = summand(n);
	Over o = over_dims(n, x);
	x = mean_over(n->b, x, o.dims);
	return kept(n, x, o);
}

/* aten.prod(self, dim, keepdim, *, dtype?) */
Value lower_prod(Node *n)
{
	Value x = summand(n);
	Over o = over_dims(n, x);
	x = reduce_over(n->b, OP_multiply, x, o.dims);
	return kept(n, x, o);
}

static Value without_nan(Builder *b, Value x)
{
	Value nan = math_isnan(b, x);
	return if_num(b, nan, 0, x);
}

/* aten.nansum(self, dim?, keepdim, *, dtype?): NaN counts as 0 */
Value lower_nansum(Node *n)
{
	Value x = summand(n);
	Over o = over_dims(n, x);
	x = without_nan(n->b, x);
	x = sum_over(n->b, x, o.dims);
	return kept(n, x, o);
}

/* aten.nanmean(self, dim?, keepdim, *, dtype?): the mean of those that are numbers */
Value lower_nanmean(Node *n)
{
	Builder *b = n->b;
	Value x = summand(n);
	Over o = over_dims(n, x);
	Value number = hlo_compare(b, DIRECTION_EQ, x, x);
	Value count = cast(b, number, acc_type(n->out.elem));
	count = sum_over(b, count, o.dims);
	x = without_nan(b, x);
	x = sum_over(b, x, o.dims);
	x = hlo_divide(b, x, count);
	return kept(n, x, o);
}

/* aten.count_nonzero(self, dim?) */
Value lower_count_nonzero(Node *n)
{
	Value x = arg_as(n, "self", DTYPE_bool);
	Over o = over_dims(n, x);
	x = cast(n->b, x, n->out.elem);
	x = sum_over(n->b, x, o.dims);
	return kept(n, x, o);
}

/* aten.sum_to_size(self, size): the dims that size lacks or has as 1 are added up */
Value lower_sum_to_size(Node *n)
{
	Builder *b = n->b;
	Value x = summand(n);
	Type t = known_type(b, x);
	int64_t *v = NEW(n->a, int64_t, t.rank + 1);
	Ints dims = { 0, v };
	for (int i = 0; i < t.rank; i++) {
		int at = i - (t.rank - n->out.rank);
		if (at < 0 || (n->out.dim[at] == 1 && t.dim[i] != 1)) v[dims.n++] = i;
	}
	x = sum_over(b, x, dims);
	x = cast(b, x, n->out.elem);
	return reshape_to(b, x, n->out);
}

/* -- tests ----------------------------------------------------------------------------------------------- */

static Value truth_over(Node *n, OpCode op)
{
	Value x = arg_as(n, "self", DTYPE_bool);
	Over o = over_dims(n, x);
	x = reduce_over(n->b, op, x, o.dims);
	return kept(n, x, o);
}

/* aten.any, aten.all(self, dim?, keepdim); u8 gives u8 */
Value lower_any(Node *n) { return truth_over(n, OP_or); }
Value lower_all(Node *n) { return truth_over(n, OP_and); }

/* -- extremes -------------------------------------------------------------------------------------------- */

/* maximum or minimum over dims; NaN wins. Of bool they are or and and. */
static Value extreme(Builder *b, OpCode op, Value x, Ints dims)
{
	if (known_type(b, x).elem == DTYPE_bool) op = op == OP_maximum ? OP_or : OP_and;
	return reduce_over(b, op, x, dims);
}

static Value extreme_over(Node *n, OpCode op)
{
	Value x = arg(n, "self");
	Over o = over_dims(n, x);
	x = extreme(n->b, op, x, o.dims);
	return kept(n, x, o);
}

/* aten.amax, aten.amin(self, dim=[], keepdim); aten.max.default, aten.min.default(self) */
Value lower_amax(Node *n) { return extreme_over(n, OP_maximum); }
Value lower_amin(Node *n) { return extreme_over(n, OP_minimum); }

/* aten.aminmax(self, *, dim?, keepdim) -> (min, max) */
Value lower_aminmax(Node *n)
{
	set_out(n, 1, lower_amax(n));
	return lower_amin(n);
}

/* The first position along dim where x is best (or NaN, which is best of all), as i64: [.., D, ..] -> [..,
 * ..] */
static Value first_position(Builder *b, Value x, Value best, int dim)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Ints dims = one_dim(b, dim);
	DType index = dim_range(dims_of(b->m), t.dim[dim]).max < INT32_MAX ? DTYPE_i32 : DTYPE_i64;
	best = spread_over(b, best, dims, t);
	Value hit = hlo_compare(b, DIRECTION_EQ, x, best);
	if (is_float(t.elem)) {
		Value nan = math_isnan(b, x);
		hit = hlo_or(b, hit, nan);
	}
	Value at = positions(b, t, dim, index);
	Value none = size_value(b, t.dim[dim], known_type(b, at));
	at = hlo_select(b, hit, at, none);
	at = reduce_over(b, OP_minimum, at, dims);
	return cast(b, at, DTYPE_i64);
}

/* aten.max.dim, aten.min.dim(self, dim, keepdim) -> (values, indices); the first of equals */
static Value extreme_at(Node *n, OpCode op)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Over o = over_dims(n, x);
	Value best = extreme(b, op, x, o.dims);
	if (out_wanted(n, 1)) {
		Value at = o.dims.n ? first_position(b, x, best, (int)o.dims.v[0]) : full(b, out_type(n, 1), 0);
		set_out(n, 1, keep_dims(b, at, o.dims, o.from, o.keep));
	}
	return kept(n, best, o);
}

Value lower_max_dim(Node *n) { return extreme_at(n, OP_maximum); }
Value lower_min_dim(Node *n) { return extreme_at(n, OP_minimum); }

/* aten.argmax, aten.argmin(self, dim?, keepdim); without dim the position in the flattened self */
static Value position_of(Node *n, OpCode op)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	if (!t.rank) return full(b, n->out, 0);
	if (t.elem == DTYPE_bool) x = cast(b, x, DTYPE_u8);
	int dim = 0;
	if (has_arg(n, "dim")) dim = arg_dim(n, "dim", 0, t.rank);
	else x = hlo_reshape(b, x, 1, (int64_t[]){ numel_of(b, t) });
	Value best = reduce_over(b, op, x, one_dim(b, dim));
	Value at = first_position(b, x, best, dim);
	return reshape_to(b, at, n->out);
}

Value lower_argmax(Node *n) { return position_of(n, OP_maximum); }
Value lower_argmin(Node *n) { return position_of(n, OP_minimum); }
