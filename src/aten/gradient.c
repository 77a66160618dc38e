/* Derivatives of samples by finite differences. f16 and bf16 are computed in f32. */
#include "aten/formulas.h"
#include "aten/rules.h"

/* Samples along one dim, and the D - 1 distances between them: one number, or a value [D - 1]. */
typedef struct Samples {
	Value f;                     /* [.., D, ..], f32 or wider */
	Type t;
	int dim;
	double step;
	Value steps;                 /* 0: all are `step` */
} Samples;

/* f[.., from .. from + count, ..] */
static Value part(Builder *b, const Samples *s, int64_t from, int64_t count)
{
	return slice_dim(b, s->f, s->dim, from, from + count, 1);
}

/* The distances from .. from + count laid along the dim, in the shape of as many samples. */
static Value steps_at(Builder *b, const Samples *s, int64_t from, int64_t count)
{
	Value h = slice_dim(b, s->steps, 0, from, from + count, 1);
	return along(b, h, s->dim, shape_with(b, s->t, s->dim, count));
}

/* The derivative at x of the parabola through x, x + p and x + p + q is u f(x) + v f(x + p) + w f(x + p + q); here for x
 * the first (u = -(2p + q) / (p (p + q)), v = (p + q) / (p q), w = -p / (q (p + q))) or the middle one (u = -q / (p (p + q)),
 * v = (q - p) / (p q), w = p / (q (p + q))) */
typedef struct Weights { Value u, v, w; } Weights;

static Weights parabola(Builder *b, Value p, Value q, bool middle)
{
	Value sum = hlo_add(b, p, q);
	Value pq = hlo_multiply(b, p, q);
	Value p_sum = hlo_multiply(b, p, sum);
	Value q_sum = hlo_multiply(b, q, sum);
	Value u = middle ? q : hlo_add(b, p, sum);
	Value v = middle ? hlo_subtract(b, q, p) : sum;
	u = hlo_negate(b, u);
	Value w = middle ? p : hlo_negate(b, p);
	u = hlo_divide(b, u, p_sum);
	v = hlo_divide(b, v, pq);
	w = hlo_divide(b, w, q_sum);
	return (Weights){ u, v, w };
}

static Value weighted(Builder *b, Weights k, Value f0, Value f1, Value f2)
{
	f0 = hlo_multiply(b, k.u, f0);
	f1 = hlo_multiply(b, k.v, f1);
	f2 = hlo_multiply(b, k.w, f2);
	Value sum = hlo_add(b, f0, f1);
	return hlo_add(b, sum, f2);
}

/* -- inner samples --------------------------------------------------------------------------------------- */

static Value inner(Builder *b, const Samples *s)
{
	int64_t count = s->t.dim[s->dim] - 2;
	Value before = part(b, s, 0, count), after = part(b, s, 2, count);
	if (!s->steps) {
		Value rise = hlo_subtract(b, after, before);
		return divided_by(b, rise, 2 * s->step);
	}
	Value p = steps_at(b, s, 0, count);
	Value q = steps_at(b, s, 1, count);
	Weights k = parabola(b, p, q, true);
	return weighted(b, k, before, part(b, s, 1, count), after);
}

/* -- first and last -------------------------------------------------------------------------------------- */

/* The slope of the first two samples, or of the last two. */
static Value edge_slope(Builder *b, const Samples *s, bool last)
{
	int64_t size = s->t.dim[s->dim], at = last ? size - 2 : 0;
	Value low = part(b, s, at, 1);
	Value high = part(b, s, at + 1, 1);
	Value rise = hlo_subtract(b, high, low);
	if (!s->steps) return divided_by(b, rise, s->step);
	Value h = steps_at(b, s, at, 1);
	return hlo_divide(b, rise, h);
}

/* The slope at the end of the parabola through the first three samples, or the last three: seen from there distances are
 * negative at the last. */
static Value edge_parabola(Builder *b, const Samples *s, bool last)
{
	int64_t size = s->t.dim[s->dim], at[3] = { 0, 1, 2 };
	for (int i = 0; i < 3 && last; i++) at[i] = size - 1 - i;
	Type t = shape_with(b, s->t, s->dim, 1);
	double sign = last ? -1 : 1;
	Value p = s->steps ? scaled(b, steps_at(b, s, last ? size - 2 : 0, 1), sign) : full(b, t, sign * s->step);
	Value q = s->steps ? scaled(b, steps_at(b, s, last ? size - 3 : 1, 1), sign) : full(b, t, sign * s->step);
	Weights k = parabola(b, p, q, false);
	Value f0 = part(b, s, at[0], 1);
	Value f1 = part(b, s, at[1], 1);
	Value f2 = part(b, s, at[2], 1);
	return weighted(b, k, f0, f1, f2);
}

static Value derivative(Node *n, const Samples *s)
{
	Builder *b = n->b;
	int64_t order = arg_int(n, "edge_order", 1), size = s->dim < s->t.rank ? s->t.dim[s->dim] : 0;
	if (order != 1 && order != 2) return node_fail(n, BAD_INPUT, "edge_order is %lld, wanted 1 or 2", (long long)order);
	if (size <= order)
		return node_fail(n, BAD_INPUT, "%lld samples, wanted more than edge_order %lld", (long long)size, (long long)order);
	Value first = order == 1 ? edge_slope(b, s, false) : edge_parabola(b, s, false);
	Value middle = inner(b, s);
	Value last = order == 1 ? edge_slope(b, s, true) : edge_parabola(b, s, true);
	return hlo_concatenate(b, 3, (Value[]){ first, middle, last }, s->dim);
}

/* -- arguments ------------------------------------------------------------------------------------------- */

/* "spacing" of the i-th dim: absent 1; a number for all; a number of each; the coordinates [D] of each */
static void spacing_of(Node *n, int i, Samples *s)
{
	Builder *b = n->b;
	const Arg *x = arg_raw(n, "spacing");
	s->step = 1;
	if (!x || x->kind == ARG_NONE) return;
	if (x->kind != ARG_LIST) {
		s->step = arg_num(n, "spacing", 1);
		return;
	}
	Values each = arg_list(n, "spacing");
	if (i >= each.n || !each.v[i]) {
		node_fail(n, BAD_INPUT, "%d spacings, wanted one for each dim", each.n);
		return;
	}
	if (!rank_of(b, each.v[i])) {
		s->step = arg_nums(n, "spacing").v[i];
		return;
	}
	Value at = cast(b, each.v[i], s->t.elem);
	Type t = known_type(b, at);
	int64_t size = s->t.dim[s->dim];
	if (t.rank != 1 || t.dim[0] != size || size < 2) {
		node_fail(n, BAD_INPUT, "coordinates %s for %lld samples", type_str(n->a, t), (long long)size);
		return;
	}
	Value after = slice_dim(b, at, 0, 1, size, 1);
	Value before = slice_dim(b, at, 0, 0, size - 1, 1);
	s->steps = hlo_subtract(b, after, before);
}

/* aten.gradient(self, spacing?, dim?, edge_order=1) -> one result for each dim: (f[i + 1] - f[i - 1]) / 2h inside, of uneven
 * distances the slope of the parabola through three samples; one-sided at both ends */
Value lower_gradient(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", acc_type(n->out.elem)), first = 0;
	Type t = known_type(b, x);
	Ints dims = arg_dims(n, "dim", t.rank);
	for (int i = 0; i < dims.n && !b->m->err->code; i++) {
		Samples s = { .f = x, .t = t, .dim = (int)dims.v[i] };
		spacing_of(n, i, &s);
		Value d = derivative(n, &s);
		d = cast(b, d, n->out.elem);
		if (i) set_out(n, i, d);
		else first = d;
	}
	return first;
}
