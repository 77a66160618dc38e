/* QR by Householder reflections, in LAPACK's conventions (larfg): H = I - tau v v^H, v[0] = 1, and
 * H^H x = (beta, 0, ..), beta = -sign(re x[0]) |x|. Where all below is 0 (and x[0] real) H is I. */
#include "aten/linalg.h"
#include "aten/rules.h"

#include <string.h>

/* -- factorization --------------------------------------------------------------------------------------- */

/* What reflects one column: [B, 1, 1] each, and v [B, m, 1] with zeros above row j and a 1 there. */
typedef struct Reflector { Value beta, tau, v; } Reflector;

static Reflector reflector_for(Builder *b, Value column, Value j)
{
	Type t = type_of(b, column), one = shape_with(b, t, 1, 1);
	Value alpha = slice_at(b, column, 1, j);
	Value below = masked(b, where_position(b, t, 1, DIRECTION_GT, j), column);
	Value tail = sum_along(b, magnitude2(b, below), 1);
	Value real = real_part(b, alpha);
	Value flat = is(b, DIRECTION_EQ, tail, 0);
	if (is_complex(t.elem)) {
		Value no_angle = is(b, DIRECTION_EQ, hlo_imag(b, alpha), 0);
		flat = hlo_and(b, flat, no_angle);
	}
	Value size = hlo_sqrt(b, hlo_add(b, tail, magnitude2(b, alpha)));
	Value negative = is(b, DIRECTION_LT, real, 0);
	Value beta = hlo_select(b, negative, size, hlo_negate(b, size));
	beta = cast(b, beta, t.elem);
	beta = hlo_select(b, flat, alpha, beta);
	Value ones = full(b, one, 1);
	Value difference = hlo_subtract(b, alpha, beta);
	Value divisor = hlo_select(b, flat, ones, difference);
	Value v = combine(b, OP_divide, below, divisor);
	v = with_slice_at(b, v, 1, j, ones);
	Value safe = hlo_select(b, flat, ones, beta);
	Value tau = hlo_divide(b, hlo_negate(b, difference), safe);
	return (Reflector){ beta, tau, v };
}

/* c - tau v (v^H c) */
static Value reflected(Builder *b, Value c, Value v, Value tau)
{
	Value w = dot(b, adjoint(b, v), c);                            /* [B, 1, n] */
	w = combine(b, OP_multiply, w, tau);
	return hlo_subtract(b, c, dot(b, v, w));
}

/* Column j: the columns behind it times H^H, beta on the diagonal, v below it.  v: a [B, m, n], tau
 * [B, 1, k] */
static void qr_column(Builder *b, const void *with, Value j, Value *v)
{
	(void)with;
	Type t = type_of(b, v[0]);
	Value column = slice_at(b, v[0], 2, j);
	Reflector h = reflector_for(b, column, j);
	Value a = reflected(b, v[0], h.v, conjugate(b, h.tau));
	a = hlo_select(b, where_position(b, t, 2, DIRECTION_GT, j), a, v[0]);
	Value below = where_position(b, shape_with(b, t, 2, 1), 1, DIRECTION_GT, j);
	column = hlo_select(b, below, h.v, column);
	column = with_slice_at(b, column, 1, j, h.beta);
	v[0] = with_slice_at(b, a, 2, j, column);
	v[1] = with_slice_at(b, v[1], 2, j, h.tau);
}

Qr qr_factor(Builder *b, Value a)
{
	if (!known_type(b, a).kind) return (Qr){ 0 };
	int64_t k = dim_min(dims_of(b->m), nrows(b, a), ncols(b, a));
	Value v[2] = { a, full(b, matrices_type(b, a, 1, k), 0) };
	repeat(b, k, 2, v, qr_column, NULL);
	return (Qr){ v[0], squeeze_dim(b, v[1], 1) };
}

/* -- products with Q ------------------------------------------------------------------------------------- */

typedef struct Reflectors { Value a, tau; int64_t count; bool adj; } Reflectors;

/* v: c [B, m, n], times H_j or H_j^H; j from the last to the first, or from the first for Q^H = ..
 * H_2^H H_1^H. */
static void reflector_turn(Builder *b, const void *with, Value i, Value *v)
{
	const Reflectors *r = with;
	Value j = i;
	if (!r->adj) j = hlo_subtract(b, size_value(b, dim_minus(dims_of(b->m), r->count, 1), scalar_type(DTYPE_i32)), i);
	Value column = slice_at(b, r->a, 2, j);
	Type t = type_of(b, column);
	column = masked(b, where_position(b, t, 1, DIRECTION_GT, j), column);
	column = with_slice_at(b, column, 1, j, full(b, shape_with(b, t, 1, 1), 1));
	Value tau = slice_at(b, r->tau, 2, j);
	if (r->adj) tau = conjugate(b, tau);
	v[0] = reflected(b, v[0], column, tau);
}

Value times_q(Builder *b, Qr f, Value c, bool adj)
{
	Type t = known_type(b, f.tau);
	if (!t.kind || !known_type(b, c).kind) return 0;
	Value tau = unsqueeze_dim(b, f.tau, 1);
	Reflectors r = { f.a, tau, t.dim[1], adj };
	repeat(b, t.dim[1], 1, &c, reflector_turn, &r);
	return c;
}

/* The first n columns of Q. */
static Value q_columns(Builder *b, Qr f, int64_t n)
{
	Type t = matrices_type(b, f.a, nrows(b, f.a), n);
	return times_q(b, f, identity_like(b, t), false);
}

/* -- rules ----------------------------------------------------------------------------------------------- */

/* mode "reduced": Q [B, m, k], R [B, k, n]; "complete": Q [B, m, m], R [B, m, n]; "r": no Q */
static Value qr(Node *n, Value a, const char *mode)
{
	Builder *b = n->b;
	if (!a) return 0;
	Qr f = qr_factor(b, a);
	int64_t m = nrows(b, a), k = strcmp(mode, "complete") ? dim_min(dims_of(b->m), m, ncols(b, a)) : m;
	Value r = rows(b, f.a, 0, k);
	set_matrix_out(n, 1, upper_triangle(b, r, 0));
	if (!strcmp(mode, "r")) return full(b, n->out, 0);
	return in_out_shape(n, q_columns(b, f, k));
}

/* aten.linalg_qr(A, mode="reduced") -> (Q, R) */
Value lower_linalg_qr(Node *n) { return qr(n, arg_matrices(n, "A"), arg_str(n, "mode", "reduced")); }

/* aten.qr(self, some=True) -> (Q, R) */
Value lower_qr(Node *n)
{
	bool some = arg_bool(n, "some", true);
	return qr(n, arg_matrices(n, "self"), some ? "reduced" : "complete");
}

/* aten.geqrf(self) -> (R and the vectors below it, tau) */
Value lower_geqrf(Node *n)
{
	Qr f = qr_factor(n->b, arg_matrices(n, "self"));
	set_matrix_out(n, 1, f.tau);
	return in_out_shape(n, f.a);
}

/* Reflectors [*, m, n] and tau [*, k] as [B, ..] */
static Qr arg_reflectors(Node *n, const char *a, const char *tau)
{
	Qr f = { .a = arg_matrices(n, a) };
	f.tau = arg(n, tau);
	Type t = known_type(n->b, f.a), u = known_type(n->b, f.tau);
	if (!t.kind || !u.kind) return (Qr){ 0 };
	if (!u.rank) return node_fail(n, BAD_INPUT, "tau is 0-d"), (Qr){ 0 };
	f.tau = hlo_reshape(n->b, f.tau, 2, (int64_t[]){ t.dim[0], u.dim[u.rank - 1] });
	return f;
}

static Value householder_product(Node *n, const char *a, const char *tau)
{
	Qr f = arg_reflectors(n, a, tau);
	return f.a ? in_out_shape(n, q_columns(n->b, f, ncols(n->b, f.a))) : 0;
}

/* aten.linalg_householder_product(input[*, m, n], tau[*, k]): the first n columns of H_1 .. H_k;
 * orgqr(self, input2) */
Value lower_householder_product(Node *n) { return householder_product(n, "input", "tau"); }
Value lower_orgqr(Node *n) { return householder_product(n, "self", "input2"); }

/* aten.ormqr(self, input2 (tau), input3 (C), left=True, transpose=False): Q C, Q^H C, C Q or C Q^H */
Value lower_ormqr(Node *n)
{
	Builder *b = n->b;
	Qr f = arg_reflectors(n, "self", "input2");
	Value c = arg_matrices(n, "input3");
	bool left = arg_bool(n, "left", true), adj = arg_bool(n, "transpose", false);
	if (!f.a || !c) return 0;
	c = left ? times_q(b, f, c, adj) : adjoint(b, times_q(b, f, adjoint(b, c), !adj));
	return in_out_shape(n, c);
}
