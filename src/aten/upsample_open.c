/* The taps of a dim whose old or new size is a handle: what upsample.c works out in C, as arithmetic of the module, in the same types. */
#include "aten/formulas.h"
#include "aten/upsample.h"

/* Old elements per new one, a scalar. With align_corners and one new element that is the first whatever the step. */
static Value step_of(Builder *b, Resize r, DType f)
{
	DimTable *t = dims_of(b->m);
	if (!r.align_corners && r.scale > 0) return scalar(b, 1 / r.scale, f);
	int64_t from = r.from, to = r.to;
	if (r.align_corners) {
		from = dim_minus(t, from, 1);
		to = dim_max(t, dim_minus(t, to, 1), 1);
	}
	Value x = size_value(b, from, scalar_type(f));
	return hlo_divide(b, x, size_value(b, to, scalar_type(f)));
}

/* [size]: step * (i + offset) */
static Value steps(Builder *b, Resize r, double offset)
{
	DType f = r.wide ? DTYPE_f64 : DTYPE_f32;
	Type t = tensor_type(b->a, f, 1, &r.to);
	Value i = positions(b, t, 0, f);
	if (offset != 0) i = plus(b, i, offset);
	return hlo_multiply(b, i, broadcast(b, step_of(b, r, f), t));
}

/* Where each new element lies among the old ones. */
static Value sources(Builder *b, Resize r)
{
	return r.align_corners ? steps(b, r, 0) : plus(b, steps(b, r, 0.5), -0.5);
}

/* at + offset, within the old elements: i64 */
static Value within(Builder *b, Resize r, Value at, int offset)
{
	at = hlo_convert(b, at, DTYPE_i64);
	Type t = known_type(b, at);
	if (offset) at = hlo_add(b, at, hlo_splat_int(b, t, offset));
	at = hlo_maximum(b, at, hlo_splat_int(b, t, 0));
	return hlo_minimum(b, at, size_value(b, dim_minus(dims_of(b->m), r.from, 1), t));
}

static Taps nearest(Builder *b, Resize r, double offset)
{
	Value at = hlo_floor(b, steps(b, r, offset));
	return (Taps){ .from = r.from, .size = r.to, .count = 1, .open = true, .open_at = { within(b, r, at, 0) } };
}

Taps open_nearest_taps(Builder *b, Resize r) { return nearest(b, r, 0); }
Taps open_nearest_exact_taps(Builder *b, Resize r) { return nearest(b, r, 0.5); }

/* x, or the element's own place where the sizes turn out to be one, whatever the caller's scale */
static Value unless_same_size(Builder *b, Resize r, Value x)
{
	if (r.align_corners || r.scale <= 0 || r.scale == 1 || r.scale >= 2) return x;
	Type t = known_type(b, x), size = scalar_type(DTYPE_i64);
	Value from = size_value(b, r.from, size), to = size_value(b, r.to, size);
	Value same = broadcast(b, hlo_compare(b, DIRECTION_EQ, from, to), with_elem(t, DTYPE_bool));
	return hlo_select(b, same, positions(b, t, 0, t.elem), x);
}

Taps open_linear_taps(Builder *b, Resize r)
{
	Taps t = { .from = r.from, .size = r.to, .count = 2, .open = true };
	Value x = at_least(b, unless_same_size(b, r, sources(b, r)), 0);
	t.open_at[0] = within(b, r, hlo_floor(b, x), 0);
	t.open_at[1] = within(b, r, t.open_at[0], 1);
	Value low = hlo_convert(b, t.open_at[0], elem_of(b, x));
	t.open_weight[1] = at_most(b, hlo_subtract(b, x, low), 1);
	t.open_weight[0] = minus_from(b, 1, t.open_weight[1]);
	return t;
}

/* The kernel of upsample.c's keys(x, -3/4), within 1 and from there to 2, by falling powers of x */
Taps open_cubic_taps(Builder *b, Resize r)
{
	static const double inner[] = { 1.25, -2.25, 0, 1 }, outer[] = { -0.75, 3.75, -6, 3 };
	Taps t = { .from = r.from, .size = r.to, .count = 4, .open = true };
	Value x = sources(b, r);
	Value low = hlo_floor(b, x);
	x = hlo_subtract(b, x, low);
	Value rest = minus_from(b, 1, x);
	for (int k = 0; k < 4; k++) t.open_at[k] = within(b, r, low, k - 1);
	t.open_weight[0] = POLYNOMIAL(b, plus(b, x, 1), outer);
	t.open_weight[1] = POLYNOMIAL(b, x, inner);
	t.open_weight[2] = POLYNOMIAL(b, rest, inner);
	t.open_weight[3] = POLYNOMIAL(b, plus(b, rest, 1), outer);
	return t;
}
