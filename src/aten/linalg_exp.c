/* The exponential of a matrix. */
#include "aten/linalg.h"
#include "aten/rules.h"

#include <float.h>
#include <math.h>

enum { DEGREE = 18 };

/* -- scaling --------------------------------------------------------------------------------------------- */

/* How often a is halved until its 1-norm is one up to which DEGREE terms are exact to the last place,
 * 1.09 in f64 and 3.01 in f32 (Bader, Blanes and Casas, Computing the matrix exponential with an
 * optimized Taylor polynomial approximation): i32[B, 1, 1] */
static Value halvings(Builder *b, Value a)
{
	Type t = known_type(b, a);
	if (!t.kind) return 0;
	Value size = math_abs(b, a);
	size = sum_along(b, size, 1);
	Value zero = scalar(b, 0, real_of(t.elem));
	size = hlo_reduce(b, OP_maximum, size, zero, iota_ints(b->a, 1, 2));
	size = keep_dims(b, size, iota_ints(b->a, 1, 2), t, true);
	size = scaled(b, size, real_of(t.elem) == DTYPE_f64 ? 1 / 1.09 : 1 / 3.01);
	Value log = hlo_ceil(b, math_log2(b, size));
	Value finite = hlo_is_finite(b, log);
	log = if_num(b, hlo_not(b, finite), 0, log);
	return hlo_convert(b, at_least(b, log, 0), DTYPE_i32);
}

/* -- series ---------------------------------------------------------------------------------------------- */

/* One term of Horner's form of sum a^k / k!: y = I + a y / k, k = DEGREE, .., 1 */
typedef struct Series { Value a, one; } Series;

static void series_turn(Builder *b, const void *with, Value i, Value *v)
{
	const Series *s = with;
	Value k = hlo_subtract(b, scalar_int(b, DEGREE, DTYPE_i32), i);
	k = hlo_convert(b, k, known_type(b, s->a).elem);
	k = broadcast(b, k, known_type(b, v[0]));
	Value y = dot(b, s->a, v[0]);
	y = hlo_divide(b, y, k);
	v[0] = hlo_add(b, s->one, y);
}

/* v: y [B, n, n], whether some matrix is still to be squared; with: how often each is */
static void squaring(Builder *b, const void *with, Value i, Value *v)
{
	const Value *times = with;
	Type t = known_type(b, *times);
	Value still = hlo_compare(b, DIRECTION_GT, *times, broadcast(b, i, t));
	Value y = dot(b, v[0], v[0]);
	v[0] = where(b, still, y, v[0]);
	v[1] = reduce_over(b, OP_or, still, all_dims(b, 3));
}

/* exp(a) = exp(a / 2^s)^(2^s), the inner one by its series */
static Value matrix_exp(Builder *b, Value a)
{
	Type t = known_type(b, a);
	if (!t.kind || !type_numel(t)) return a;
	bool wide = real_of(t.elem) == DTYPE_f64;
	Value times = halvings(b, a);
	Value exponent = hlo_convert(b, hlo_negate(b, times), real_of(t.elem));
	Value one = full_like(b, exponent, 1);
	a = combine(b, OP_multiply, a, math_ldexp(b, one, exponent));
	Series s = { a, identity_like(b, t) };
	Value v[2] = { s.one };
	repeat(b, DEGREE, 1, v, series_turn, &s);
	v[1] = scalar_int(b, 1, DTYPE_bool);
	repeat_while(b, wide ? DBL_MAX_EXP : FLT_MAX_EXP, 2, v, squaring, &times);
	return v[0];
}

/* aten.linalg_matrix_exp, matrix_exp(self); f16 and bf16 in f32 */
Value lower_matrix_exp(Node *n)
{
	Builder *b = n->b;
	Value a = arg(n, "self");
	a = cast(b, a, acc_type(n->out.elem));
	Value x = matrix_exp(b, as_matrices(n, a));
	return cast(b, in_out_shape(n, x), n->out.elem);
}
