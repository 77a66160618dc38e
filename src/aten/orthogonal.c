/* Orthogonal polynomials of degree n at x, each element with its own degree.
 *
 * By their three-term recurrences (DLMF 18.9), and Chebyshev's of higher degree within (-1, 1) by angles
 * (DLMF 18.5), from the same degrees on and with the same values at the ends as PyTorch's kernels. n is
 * truncated; where it is negative, NaN or beyond i64 the value is 0. */
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <math.h>

/* P_(k+1) at x from P_k = q and P_(k-1) = p */
typedef Value Next(Builder *b, Value x, Value q, Value p, Value k);

/* P_0 = 1, P_1(x) = slope x + offset, then next. */
typedef struct Recurrence { double slope, offset; Next *next; } Recurrence;

/* Of the four Chebyshev kinds; the shifted are those at 2 x - 1. Above `below` they go by angles. */
typedef enum Kind { KIND_T, KIND_U, KIND_V, KIND_W } Kind;
typedef struct Chebyshev { Kind kind; bool shifted; int below; } Chebyshev;

/* -- recurrences ----------------------------------------------------------------------------------------- */

static Value twice(Builder *b, Value x) { return hlo_add(b, x, x); }

/* 2 x q - p */
static Value chebyshev_next(Builder *b, Value x, Value q, Value p, Value k)
{
	(void)k;
	x = hlo_multiply(b, twice(b, x), q);
	return hlo_subtract(b, x, p);
}

/* 2 x q - 2 k p */
static Value hermite_h_next(Builder *b, Value x, Value q, Value p, Value k)
{
	x = hlo_multiply(b, twice(b, x), q);
	p = hlo_multiply(b, twice(b, k), p);
	return hlo_subtract(b, x, p);
}

/* x q - k p */
static Value hermite_he_next(Builder *b, Value x, Value q, Value p, Value k)
{
	x = hlo_multiply(b, x, q);
	p = hlo_multiply(b, k, p);
	return hlo_subtract(b, x, p);
}

/* (a q - k p) / (k + 1) */
static Value weighted_next(Builder *b, Value a, Value q, Value p, Value k)
{
	q = hlo_multiply(b, a, q);
	p = hlo_multiply(b, k, p);
	q = hlo_subtract(b, q, p);
	return hlo_divide(b, q, plus(b, k, 1));
}

/* a = 2 k + 1 - x */
static Value laguerre_next(Builder *b, Value x, Value q, Value p, Value k)
{
	Value a = hlo_add(b, twice(b, k), minus_from(b, 1, x));
	return weighted_next(b, a, q, p, k);
}

/* a = (2 k + 1) x */
static Value legendre_next(Builder *b, Value x, Value q, Value p, Value k)
{
	Value a = plus(b, twice(b, k), 1);
	a = hlo_multiply(b, a, x);
	return weighted_next(b, a, q, p, k);
}

typedef struct Recur { const Recurrence *r; Value x, n; } Recur;
enum { RECUR_MOVES, RECUR_K, RECUR_P, RECUR_Q, NRECUR };

/* k, P_(k-1), P_k to the next; goes on below n, but not from NaN, which would stay. */
static void recur_step(Builder *b, const void *env, const Value *v, Value *next)
{
	const Recur *e = env;
	Value k = cast(b, v[RECUR_K], known_type(b, e->x).elem);
	Value r = e->r->next(b, e->x, v[RECUR_Q], v[RECUR_P], k);
	next[RECUR_K] = plus(b, v[RECUR_K], 1);
	next[RECUR_P] = v[RECUR_Q];
	next[RECUR_Q] = r;
	Value less = hlo_compare(b, DIRECTION_LT, next[RECUR_K], e->n);
	Value number = hlo_compare(b, DIRECTION_EQ, r, r);
	next[RECUR_MOVES] = hlo_and(b, less, number);
}

/* P_n(x); n: i64 */
static Value recurrence(Builder *b, const Recurrence *r, Value x, Value n)
{
	if (!known_type(b, x).kind || !n) return 0;
	Value init[NRECUR], out[NRECUR];
	init[RECUR_K] = full_like(b, n, 1);
	init[RECUR_P] = full_like(b, x, 1);
	Value q = scaled(b, x, r->slope);
	init[RECUR_Q] = q = plus(b, q, r->offset);
	Value more = is(b, DIRECTION_GT, n, 1);
	Value number = hlo_compare(b, DIRECTION_EQ, q, q);
	init[RECUR_MOVES] = hlo_and(b, more, number);
	if (!iterate(b, NRECUR, init, recur_step, &(Recur){ r, x, n }, out)) return 0;
	Value none = is(b, DIRECTION_LE, n, 0);
	return if_num(b, none, 1, out[RECUR_Q]);
}

/* n truncated; has: where it is a degree at all */
static Value degree(Builder *b, Value n, Value *has)
{
	n = math_trunc(b, n);
	Value low = is(b, DIRECTION_GE, n, 0);
	Value high = is(b, DIRECTION_LT, n, 0x1p63);
	*has = hlo_and(b, low, high);
	return if_num(b, hlo_not(b, *has), 0, n);
}

static Value as_integer(Builder *b, Value n) { return cast(b, n, DTYPE_i64); }

/* -- Chebyshev ------------------------------------------------------------------------------------------- */

/* 1 for even n, -1 for odd */
static Value alternating(Builder *b, Value n)
{
	Value rem = hlo_remainder(b, n, full_like(b, n, 2));
	return minus_from(b, 1, twice(b, rem));
}

/* At 1 (upper) and -1. T: 1, (-1)^n; U: n + 1, (-1)^n (n + 1); V: 1, (-1)^n (2 n + 1);
 * W: 2 n + 1, (-1)^n */
static Value at_end(Builder *b, Kind kind, Value n, Value upper)
{
	Value one = full_like(b, n, 1);
	Value wide = plus(b, kind == KIND_U ? n : twice(b, n), 1);
	Value high = kind == KIND_U || kind == KIND_W ? wide : one;
	Value low = kind == KIND_U || kind == KIND_V ? wide : one;
	low = hlo_multiply(b, low, alternating(b, n));
	return hlo_select(b, upper, high, low);
}

/* num / den, `otherwise` where the sine or cosine `test` is `degenerate` */
static Value guarded(Builder *b, Value num, Value den, Value test, double degenerate, Value otherwise)
{
	Value y = hlo_divide(b, num, den);
	Value bad = is(b, DIRECTION_EQ, test, degenerate);
	return hlo_select(b, bad, otherwise, y);
}

/* sin((n + 1) a) / sin(a); (n + 1) cos((n + 1) a) / x where sin(a) = 0 */
static Value u_by_angle(Builder *b, Value x, Value n, Value a)
{
	Value n1 = plus(b, n, 1);
	Value angle = hlo_multiply(b, n1, a);
	Value limit = hlo_multiply(b, n1, hlo_cosine(b, angle));
	limit = hlo_divide(b, limit, x);
	Value s = hlo_sine(b, a);
	return guarded(b, hlo_sine(b, angle), s, s, 0, limit);
}

/* At cos(a), |x| < 1. T: cos(n a); V: cos((n + 1/2) a) / cos(a / 2); W: sin((n + 1/2) a) / sin(a / 2). Where
 * half the angle is too near to the end V and W have the value of an end; for shifted W torch takes the
 * lower one. */
static Value by_angle(Builder *b, Chebyshev c, Value x, Value n)
{
	Value a = math_acos(b, x);
	if (c.kind == KIND_T) return hlo_cosine(b, hlo_multiply(b, n, a));
	if (c.kind == KIND_U) return u_by_angle(b, x, n, a);
	Value half = divided_by(b, a, 2);
	Value angle = hlo_multiply(b, plus(b, n, 0.5), a);
	Value sine = hlo_sine(b, half), cosine = hlo_cosine(b, half);
	Value upper = is(b, DIRECTION_GT, x, c.kind == KIND_W && !c.shifted ? 0 : 1);
	Value end = at_end(b, c.kind, n, upper);
	if (c.kind == KIND_V) return guarded(b, hlo_cosine(b, angle), cosine, sine, 1, end);
	return guarded(b, hlo_sine(b, angle), sine, cosine, 1, end);
}

/* P_1 is x, 2 x, 2 x - 1, 2 x + 1 */
static const Recurrence chebyshev_recurrence[] = {
	[KIND_T] = { 1, 0, chebyshev_next }, [KIND_U] = { 2, 0, chebyshev_next },
	[KIND_V] = { 2, -1, chebyshev_next }, [KIND_W] = { 2, 1, chebyshev_next },
};

/* aten.special_chebyshev_polynomial_*(x, n): ends, angles, recurrence */
static Value chebyshev(Node *node, Chebyshev c)
{
	Builder *b = node->b;
	Pair p = float_pair(node, "x", "n");
	Value has, n = degree(b, p.y, &has);
	Value x = c.shifted ? plus(b, twice(b, p.x), -1) : p.x;
	Value upper = is(b, DIRECTION_EQ, p.x, 1);
	Value lower = is(b, DIRECTION_EQ, p.x, c.shifted ? 0 : -1);
	Value end = hlo_or(b, upper, lower);
	Value high = is(b, DIRECTION_GT, n, c.below);
	Value within = is(b, DIRECTION_LT, hlo_abs(b, x), 1);
	Value angled = hlo_and(b, high, within);
	Value other = if_num(b, hlo_or(b, end, angled), 0, n);
	Value y = recurrence(b, &chebyshev_recurrence[c.kind], x, as_integer(b, other));
	y = hlo_select(b, angled, by_angle(b, c, x, n), y);
	y = hlo_select(b, end, at_end(b, c.kind, n, upper), y);
	y = if_num(b, hlo_not(b, has), 0, y);
	return cast(b, y, node->out.elem);
}

Value lower_chebyshev_t(Node *n) { return chebyshev(n, (Chebyshev){ KIND_T, false, 6 }); }
Value lower_chebyshev_u(Node *n) { return chebyshev(n, (Chebyshev){ KIND_U, false, 8 }); }
Value lower_chebyshev_v(Node *n) { return chebyshev(n, (Chebyshev){ KIND_V, false, 8 }); }
Value lower_chebyshev_w(Node *n) { return chebyshev(n, (Chebyshev){ KIND_W, false, 8 }); }
Value lower_shifted_chebyshev_t(Node *n) { return chebyshev(n, (Chebyshev){ KIND_T, true, 6 }); }
Value lower_shifted_chebyshev_u(Node *n) { return chebyshev(n, (Chebyshev){ KIND_U, true, 6 }); }
Value lower_shifted_chebyshev_v(Node *n) { return chebyshev(n, (Chebyshev){ KIND_V, true, 6 }); }
Value lower_shifted_chebyshev_w(Node *n) { return chebyshev(n, (Chebyshev){ KIND_W, true, 4 }); }

/* -- Hermite, Laguerre, Legendre ------------------------------------------------------------------------- */

/* torch's highest degree of a Hermite polynomial; NaN above */
static int hermite_limit(DType t) { return t == DTYPE_f64 ? 512 : 128; }

/* aten.special_hermite_polynomial_*(x, n) */
static Value hermite(Node *node, Recurrence r)
{
	Builder *b = node->b;
	Pair p = float_pair(node, "x", "n");
	Value has, n = degree(b, p.y, &has);
	Value far = is(b, DIRECTION_GT, n, hermite_limit(p.t.elem));
	Value y = recurrence(b, &r, p.x, as_integer(b, if_num(b, far, 0, n)));
	y = if_num(b, far, NAN, y);
	y = if_num(b, hlo_not(b, has), 0, y);
	return cast(b, y, node->out.elem);
}

Value lower_hermite_h(Node *n) { return hermite(n, (Recurrence){ 2, 0, hermite_h_next }); }
Value lower_hermite_he(Node *n) { return hermite(n, (Recurrence){ 1, 0, hermite_he_next }); }

/* The recurrence, but where the value is known, which is `ends` there */
static Value but_at(Node *node, Recurrence r, Pair p, Value n, Value has, Value known, Value ends)
{
	Builder *b = node->b;
	Value y = recurrence(b, &r, p.x, as_integer(b, if_num(b, known, 0, n)));
	y = hlo_select(b, known, ends, y);
	y = if_num(b, hlo_not(b, has), 0, y);
	return cast(b, y, node->out.elem);
}

/* aten.special_laguerre_polynomial_l(x, n): 1 at 0 */
Value lower_laguerre_l(Node *node)
{
	Builder *b = node->b;
	Pair p = float_pair(node, "x", "n");
	Value has, n = degree(b, p.y, &has);
	Value zero = is(b, DIRECTION_EQ, p.x, 0);
	return but_at(node, (Recurrence){ -1, 1, laguerre_next }, p, n, has, zero, full_like(b, n, 1));
}

/* aten.special_legendre_polynomial_p(x, n): 1 at 1, (-1)^n at -1 */
Value lower_legendre_p(Node *node)
{
	Builder *b = node->b;
	Pair p = float_pair(node, "x", "n");
	Value has, n = degree(b, p.y, &has);
	Value end = is(b, DIRECTION_EQ, hlo_abs(b, p.x), 1);
	Value upper = is(b, DIRECTION_GT, p.x, 0);
	return but_at(node, (Recurrence){ 1, 0, legendre_next }, p, n, has, end, at_end(b, KIND_T, n, upper));
}
