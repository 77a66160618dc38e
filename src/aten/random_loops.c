/* Poisson, binomial and gamma numbers: what has no formula to invert. All elements are tried at once, until
 * the last has been accepted; in f64, as torch's kernels do, since the logarithms of probabilities grow with
 * the parameters. What is no parameter (NaN, a negative rate) gives NaN at once. */
#include "aten/random.h"
#include "aten/rules.h"

#include <math.h>

/* -- loops ----------------------------------------------------------------------------------------------- */

static Value any(Builder *b, Value x) { return reduce_over(b, OP_or, x, all_dims(b, known_type(b, x).rank)); }

static Value any_not(Builder *b, Value done)
{
	Value left = hlo_not(b, done);
	return any(b, left);
}

/* One try of every element: a candidate, and whether it is accepted. */
typedef struct Try { Value value, accepted; } Try;
typedef Try Attempt(Builder *b, Value *state, Type t, const void *parameters);

enum { STATE, RESULT, DONE, NLOOP };

static Region *tries(Builder *b, const Type *types, Type t, Attempt *attempt, const void *parameters)
{
	Value v[NLOOP], next[NLOOP];
	Region *body = region_begin(b, NLOOP, types, v);
	next[STATE] = v[STATE];
	Try one = attempt(b, &next[STATE], t, parameters);
	next[RESULT] = hlo_select(b, v[DONE], v[RESULT], one.value);
	next[DONE] = hlo_or(b, v[DONE], one.accepted);
	region_end(b, body, NLOOP, next);
	return body;
}

/* The first candidate that is accepted; `done` elements are not tried and give `otherwise`. */
static Value first_accepted(Node *n, Value done, Value otherwise, Attempt *attempt, const void *parameters)
{
	Builder *b = n->b;
	Type t = known_type(b, otherwise);
	Value v[NLOOP], out[NLOOP], init[NLOOP] = { random_state(n), otherwise, done };
	if (!t.kind || !init[STATE] || !done) return 0;
	Type types[NLOOP] = { type_of(b, init[STATE]), t, type_of(b, done) };
	Region *cond = region_begin(b, NLOOP, types, v);
	Value left = any_not(b, v[DONE]);
	region_end(b, cond, 1, &left);
	return hlo_while(b, NLOOP, init, cond, tries(b, types, t, attempt, parameters), out) ? out[RESULT] : 0;
}

/* -- counts ---------------------------------------------------------------------------------------------- */

/* A distribution over 0, 1, 2, ...: Poisson of rate x, or binomial of n tries with probability x <= 1/2. */
typedef struct Counts {
	Value n;                         /* 0: Poisson */
	Value x, mean, odds;             /* odds: x / (1 - x) */
	Value a, b, center, squeeze, scale, log_mode;        /* of transformed() */
} Counts;

/* P(k + 1) / P(k): x / (k + 1), (n - k) / (k + 1) x / (1 - x) */
static Value next_ratio(Builder *b, const Counts *c, Value k)
{
	Value up = plus(b, k, 1);
	if (!c->n) return hlo_divide(b, c->x, up);
	Value rest = hlo_subtract(b, c->n, k);
	rest = hlo_divide(b, rest, up);
	return hlo_multiply(b, rest, c->odds);
}

enum { COUNT, TERM, SUM, NSUM, MOST_TERMS = 128 };

/* sum <= u, and not too many terms */
static Value unreached(Builder *b, const Value *v, Value u)
{
	Value below = hlo_compare(b, DIRECTION_LE, v[SUM], u);
	Value few = is(b, DIRECTION_LT, v[COUNT], MOST_TERMS);
	return hlo_and(b, below, few);
}

/* The least k with P(0) + ... + P(k) > u: for means below 10, where sums of 128 terms are 1. */
static Value by_summing(Builder *b, const Counts *c, Value first, Value u)
{
	Type t = known_type(b, u);
	if (!t.kind) return 0;
	Value v[NSUM], next[NSUM], out[NSUM], init[NSUM] = { full(b, t, 0), first, first };
	Type types[NSUM] = { t, t, t };
	Region *cond = region_begin(b, NSUM, types, v);
	Value more = any(b, unreached(b, v, u));
	region_end(b, cond, 1, &more);
	Region *body = region_begin(b, NSUM, types, v);
	more = unreached(b, v, u);
	next[TERM] = hlo_multiply(b, v[TERM], next_ratio(b, c, v[COUNT]));
	next[SUM] = hlo_add(b, v[SUM], next[TERM]);
	next[COUNT] = hlo_select(b, more, plus(b, v[COUNT], 1), v[COUNT]);
	next[SUM] = hlo_select(b, more, next[SUM], v[SUM]);
	region_end(b, body, NSUM, next);
	return hlo_while(b, NSUM, init, cond, body, out) ? out[COUNT] : 0;
}

/* log P(k) - log P(mode): k log x - lgamma(k + 1), or k log odds - lgamma(k + 1) - lgamma(n - k + 1), less
 * the same of mode */
static Value log_share(Builder *b, const Counts *c, Value k)
{
	Value log = hlo_log(b, c->n ? c->odds : c->x);
	log = hlo_multiply(b, log, k);
	log = hlo_subtract(b, log, math_lgamma(b, plus(b, k, 1)));
	if (!c->n) return log;
	Value rest = hlo_subtract(b, c->n, k);
	return hlo_subtract(b, log, math_lgamma(b, plus(b, rest, 1)));
}

/* W. Hoermann, The transformed rejection method for generating Poisson random variables (1993), algorithm
 * PTRS, and The generation of binomial random variates (1993), BTRS, whose steps are the same: k = floor((2 a
 * / s + b) U + center), s = 1/2 - |U|, is taken where s >= 0.07 and V <= squeeze, or where log(V scale / (a /
 * s^2 + b)) <= log P(k) / P(mode) */
static Try transformed(Builder *b, Value *state, Type t, const void *parameters)
{
	const Counts *c = parameters;
	Value u = next_open(b, state, t), v = next_open(b, state, t);
	u = plus(b, u, -0.5);
	Value s = minus_from(b, 0.5, hlo_abs(b, u));
	Value k = hlo_divide(b, scaled(b, c->a, 2), s);
	k = hlo_add(b, k, c->b);
	k = hlo_multiply(b, k, u);
	k = hlo_add(b, k, c->center);
	k = hlo_floor(b, k);
	Value in = is(b, DIRECTION_GE, k, 0);
	if (c->n) in = hlo_and(b, in, hlo_compare(b, DIRECTION_LE, k, c->n));
	Value quick = is(b, DIRECTION_GE, s, 0.07);
	quick = hlo_and(b, quick, hlo_compare(b, DIRECTION_LE, v, c->squeeze));
	Value hat = hlo_divide(b, c->a, square(b, s));
	hat = hlo_add(b, hat, c->b);
	hat = hlo_divide(b, v, hat);
	hat = hlo_multiply(b, hat, c->scale);
	hat = hlo_log(b, hat);
	Value share = log_share(b, c, k);
	share = hlo_subtract(b, share, c->log_mode);
	Value ok = hlo_compare(b, DIRECTION_LE, hat, share);
	ok = hlo_or(b, ok, quick);
	return (Try){ k, hlo_and(b, ok, in) };
}

/* m + k x */
static Value line(Builder *b, double m, double k, Value x)
{
	x = scaled(b, x, k);
	return plus(b, x, m);
}

/* PTRS: its constants, which hold for rates from 10 on. The constant part of log P is log_mode: x. */
static void poisson_hat(Builder *b, Counts *c)
{
	c->b = line(b, 0.931, 2.53, hlo_sqrt(b, c->x));
	c->a = line(b, -0.059, 0.02483, c->b);
	c->center = plus(b, c->x, 0.43);
	c->scale = line(b, 1.1239, 1.1328, over(b, 1, plus(b, c->b, -3.4)));
	c->squeeze = line(b, 0.9277, -3.6224, over(b, 1, plus(b, c->b, -2)));
	c->log_mode = c->x;
}

/* BTRS: for n x from 10 on. */
static void binomial_hat(Builder *b, Counts *c)
{
	Value spread = hlo_multiply(b, c->mean, minus_from(b, 1, c->x));
	spread = hlo_sqrt(b, spread);
	c->b = line(b, 1.15, 2.53, spread);
	c->a = line(b, -0.0873, 0.0248, c->b);
	c->a = hlo_add(b, c->a, scaled(b, c->x, 0.01));
	c->center = plus(b, c->mean, 0.5);
	c->scale = line(b, 2.83, 5.1, over(b, 1, c->b));
	c->scale = hlo_multiply(b, c->scale, spread);
	c->squeeze = line(b, 0.92, -4.2, over(b, 1, c->b));
	Value mode = hlo_multiply(b, plus(b, c->n, 1), c->x);
	c->log_mode = log_share(b, c, hlo_floor(b, mode));
}

/* One draw of c by summing where the mean is below 10, by rejection elsewhere; NaN where `valid` is false.
 * first: P(0) */
static Value counts(Node *n, Counts *c, Value valid, Value first)
{
	Builder *b = n->b;
	Type t = known_type(b, c->x);
	Value u = random_open(n, t);
	Value small = by_summing(b, c, first, u);
	Value is_small = is(b, DIRECTION_LT, c->mean, 10);
	Value invalid = hlo_not(b, valid);
	Value done = hlo_or(b, is_small, invalid);
	if (c->n) binomial_hat(b, c);
	else poisson_hat(b, c);
	Value k = first_accepted(n, done, small, transformed, c);
	return if_num(b, invalid, NAN, k);
}

/* low <= x < infinity */
static Value between(Builder *b, Value x, double low)
{
	Value above = is(b, DIRECTION_GE, x, low);
	Value finite = hlo_is_finite(b, x);
	return hlo_and(b, above, finite);
}

/* x, or a harmless number where it is not valid */
static Value valid_or(Builder *b, Value valid, Value x, double otherwise)
{
	Value harmless = full_like(b, x, otherwise);
	return hlo_select(b, valid, x, harmless);
}

/* aten.poisson(self) */
Value lower_poisson(Node *n)
{
	Builder *b = n->b;
	Value rate = arg_as(n, "self", DTYPE_f64);
	Value valid = between(b, rate, 0);
	Counts c = { .x = valid_or(b, valid, rate, 1) };
	c.mean = c.x;
	Value first = hlo_exponential(b, hlo_negate(b, c.x));
	return cast(b, counts(n, &c, valid, first), n->out.elem);
}

/* aten.binomial(count, prob): of x > 1/2 the failures are counted */
Value lower_binomial(Node *n)
{
	Builder *b = n->b;
	Type t = with_elem(n->out, DTYPE_f64);
	Value tries = broadcast(b, arg_as(n, "count", DTYPE_f64), t);
	Value p = broadcast(b, arg_as(n, "prob", DTYPE_f64), t);
	Value valid = between(b, tries, 0), within = between(b, p, 0);
	valid = hlo_and(b, valid, within);
	valid = hlo_and(b, valid, is(b, DIRECTION_LE, p, 1));
	p = valid_or(b, valid, p, 0.5);
	Value swap = is(b, DIRECTION_GT, p, 0.5);
	Value q = minus_from(b, 1, p);
	Counts c = { .x = hlo_select(b, swap, q, p) };
	c.n = valid_or(b, valid, hlo_floor(b, tries), 1);
	c.mean = hlo_multiply(b, c.n, c.x);
	c.odds = hlo_divide(b, c.x, minus_from(b, 1, c.x));
	Value first = hlo_log_plus_one(b, hlo_negate(b, c.x));
	first = hlo_multiply(b, first, c.n);
	Value k = counts(n, &c, valid, hlo_exponential(b, first));
	k = hlo_select(b, swap, hlo_subtract(b, c.n, k), k);
	return cast(b, k, n->out.elem);
}

/* -- gamma ----------------------------------------------------------------------------------------------- */

/* G. Marsaglia, W. Tsang, A simple method for generating gamma variables (2000), for shapes from 1 on: d v, v
 * = (1 + c x)^3 with a normal x, where log u < x^2 / 2 + d (1 - v + log v) */
typedef struct Gamma { Value d, c; } Gamma;

static Try gamma_try(Builder *b, Value *state, Type t, const void *parameters)
{
	const Gamma *g = parameters;
	Value x = next_normal(b, state, t), u = next_open(b, state, t);
	Value v = hlo_multiply(b, g->c, x);
	v = plus(b, v, 1);
	Value positive = is(b, DIRECTION_GT, v, 0);
	v = hlo_multiply(b, v, square(b, v));
	Value bound = hlo_subtract(b, hlo_log(b, v), v);
	bound = plus(b, bound, 1);
	bound = hlo_multiply(b, bound, g->d);
	bound = hlo_add(b, bound, scaled(b, square(b, x), 0.5));
	Value ok = hlo_compare(b, DIRECTION_LT, hlo_log(b, u), bound);
	ok = hlo_and(b, ok, positive);
	return (Try){ hlo_multiply(b, g->d, v), ok };
}

/* Of shapes below 1: a number of shape + 1, times u^(1 / shape). In f64, never 0. */
static Value gamma_numbers(Node *n)
{
	Builder *b = n->b;
	Value shape = arg_as(n, "self", DTYPE_f64);
	Value valid = between(b, shape, 0), invalid = hlo_not(b, valid);
	shape = valid_or(b, valid, shape, 1);
	Value low = is(b, DIRECTION_LT, shape, 1);
	Gamma g = { .d = hlo_select(b, low, plus(b, shape, 1), shape) };
	g.d = plus(b, g.d, -1.0 / 3);
	g.c = hlo_rsqrt(b, scaled(b, g.d, 9));
	Value x = first_accepted(n, invalid, full_like(b, shape, NAN), gamma_try, &g);
	Value u = random_open(n, known_type(b, shape));
	u = hlo_power(b, u, over(b, 1, shape));
	x = hlo_select(b, low, hlo_multiply(b, x, u), x);
	return at_least(b, x, 2.2250738585072014e-308);
}

/* aten._standard_gamma(self): at least the least normal number of the type */
Value lower_standard_gamma(Node *n)
{
	double least = n->out.elem == DTYPE_f64 ? 0x1p-1022 : n->out.elem == DTYPE_f16 ? 0x1p-14 : 0x1p-126;
	Value x = gamma_numbers(n);
	x = at_least(n->b, x, least);
	return cast(n->b, x, n->out.elem);
}

/* aten._sample_dirichlet(self [*, K]): gamma numbers over their sum */
Value lower_sample_dirichlet(Node *n)
{
	Builder *b = n->b;
	Value x = gamma_numbers(n);
	Type t = known_type(b, x);
	if (t.rank < 1) return node_fail(n, BAD_INPUT, "self is 0-d, wanted 1 dim or more");
	Ints last = one_dim(b, t.rank - 1);
	Value sum = sum_over(b, x, last);
	x = hlo_divide(b, x, spread_over(b, sum, last, t));
	return cast(b, x, n->out.elem);
}
