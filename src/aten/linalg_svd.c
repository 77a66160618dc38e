/* Singular values by one-sided Jacobi (Hestenes; Demmel and Veselic, Jacobi's method is more accurate
 * than QR).
 *
 * Rotations from the right make the columns of a orthogonal to each other: a V = W. Their lengths are
 * the singular values, their directions U. A QR of the sorted W gives U: its columns are W's up to
 * sign, and where a singular value is 0 they are what completes the others to a basis. Rounds and
 * sweeps are those of linalg_eigh.c. */
#include "aten/layers.h"
#include "aten/linalg.h"
#include "aten/rules.h"

#include <math.h>

/* -- sweeps ---------------------------------------------------------------------------------------------- */

/* What is in the loops. V is not carried when only singular values are wanted. */
typedef struct Hestenes { bool vectors; double tolerance; } Hestenes;

/* v: w [B, m, n], n even, V [B, n, n] if wanted, the largest cosine between two columns so far */
static void hestenes_round(Builder *b, const void *with, Value i, Value *v)
{
	(void)i;
	const Hestenes *h = with;
	int last = h->vectors ? 2 : 1;
	int64_t n = ncols(b, v[0]);
	Value left = columns(b, v[0], 0, n / 2), right = columns(b, v[0], n / 2, n);
	Value p = sum_along(b, magnitude2(b, left), 1);                /* [B, 1, n / 2] */
	Value q = sum_along(b, magnitude2(b, right), 1);
	Value g = sum_along(b, hlo_multiply(b, conjugate(b, left), right), 1);
	Value lengths = hlo_sqrt(b, p);
	lengths = hlo_multiply(b, lengths, hlo_sqrt(b, q));
	Value none = is(b, DIRECTION_EQ, lengths, 0);
	Value divisor = if_num(b, none, 1, lengths);
	Value cosine = hlo_divide(b, math_abs(b, g), divisor);
	cosine = if_num(b, none, 0, cosine);
	Value top = reduce_over(b, OP_maximum, cosine, all_dims(b, 3));
	v[last] = hlo_maximum(b, v[last], top);
	Rotation r = rotation_for(b, p, q, g, scaled(b, lengths, h->tolerance));
	v[0] = next_pairs(b, rotated(b, v[0], r));
	if (h->vectors) v[1] = next_pairs(b, rotated(b, v[1], r));
}

/* v: w, V if wanted, whether to go on */
static void hestenes_sweep(Builder *b, const void *with, Value i, Value *v)
{
	(void)i;
	const Hestenes *h = with;
	int last = h->vectors ? 2 : 1;
	Value u[3] = { v[0], v[1], 0 };
	u[last] = scalar(b, 0, real_of(known_type(b, v[0]).elem));
	repeat(b, ncols(b, v[0]) - 1, last + 1, u, hestenes_round, with);
	for (int k = 0; k < last; k++) v[k] = u[k];
	v[last] = is(b, DIRECTION_GT, u[last], h->tolerance);
}

/* W and V of a [B, m, n], m >= n, scaled so that squares neither overflow nor vanish. */
static void orthogonalize(Builder *b, Value a, bool vectors, Value *w, Value *v)
{
	Type t = known_type(b, a);
	*w = *v = 0;
	if (!t.kind) return;
	int64_t m = t.dim[1], n = t.dim[2], even = n + n % 2;
	Hestenes h = { vectors, epsilon_of(t.elem) * fmax(4, sqrt((double)m)) };
	Value u[3] = { padded_to(b, a, m, even), 0, 0 };
	if (vectors) u[1] = identity_like(b, matrices_type(b, a, even, even));
	u[vectors ? 2 : 1] = scalar_int(b, 1, DTYPE_bool);
	repeat_while(b, n ? MOST_SWEEPS : 0, vectors ? 3 : 2, u, hestenes_sweep, &h);
	*w = columns(b, u[0], 0, n);
	*v = vectors ? columns(b, rows(b, u[1], 0, n), 0, n) : 0;
}

/* -- factors --------------------------------------------------------------------------------------------- */

/* The columns of w [B, m, n] at length 1, and m - n or none more. R's diagonal says which came out
 * negated. */
static Value directions(Builder *b, Value w, bool full_basis)
{
	int64_t m = nrows(b, w), n = ncols(b, w), k = full_basis ? m : n;
	Qr f = qr_factor(b, w);
	Value q = times_q(b, f, identity_like(b, matrices_type(b, w, m, k)), false);
	Value r = unsqueeze_dim(b, real_part(b, diagonal_of(b, f.a)), 1);     /* [B, 1, n] */
	r = padded_to(b, r, 1, k);
	Value negated = is(b, DIRECTION_LT, r, 0);
	negated = broadcast(b, negated, known_type(b, q));
	return hlo_select(b, negated, hlo_negate(b, q), q);
}

/* Of a tall or square matrix. */
static Svd tall_svd(Builder *b, Value a, bool vectors, bool full_basis)
{
	Svd d = { 0 };
	Value w, v, scale = largest_magnitude(b, a);
	orthogonalize(b, combine(b, OP_divide, a, scale), vectors, &w, &v);
	d.s = sum_over(b, magnitude2(b, w), one_dim(b, 1));
	d.s = hlo_sqrt(b, d.s);
	Value order = order_of(b, &d.s, true);
	d.s = combine(b, OP_multiply, d.s, squeeze_dim(b, scale, 2));
	if (!vectors) return d;
	w = permuted(b, w, 2, order);
	d.u = directions(b, w, full_basis);
	d.vh = adjoint(b, permuted(b, v, 2, order));
	return d;
}

/* a wide one is the adjoint of u s vh = a^H */
static Svd any_svd(Builder *b, Value a, bool vectors, bool full_basis)
{
	if (!known_type(b, a).kind) return (Svd){ 0 };
	if (nrows(b, a) >= ncols(b, a)) return tall_svd(b, a, vectors, full_basis);
	Svd d = tall_svd(b, adjoint(b, a), vectors, full_basis);
	Value u = adjoint(b, d.vh);
	d.vh = adjoint(b, d.u);
	d.u = u;
	return d;
}

Svd svd_of(Builder *b, Value a, bool full_basis) { return any_svd(b, a, true, full_basis); }
Value singular_values(Builder *b, Value a) { return any_svd(b, a, false, false).s; }

/* -- rules ----------------------------------------------------------------------------------------------- */

/* Zeros for output i, when somebody wants it. */
static void set_zeros(Node *n, int i)
{
	if (out_wanted(n, i)) set_out(n, i, full(n->b, out_type(n, i), 0));
}

/* vectors: 1 all, 0 none. The third output is Vh, or V. */
static Value svd(Node *n, const char *name, bool vectors, bool full_basis, bool v_itself)
{
	Builder *b = n->b;
	Value a = arg_matrices(n, name);
	if (!a) return 0;
	vectors = vectors && (out_wanted(n, 0) || out_wanted(n, 2));
	if (!vectors) {
		set_matrix_out(n, 1, singular_values(b, a));
		set_zeros(n, 2);
		return n->out.kind ? full(b, n->out, 0) : 0;
	}
	Svd d = svd_of(b, a, full_basis);
	set_matrix_out(n, 1, d.s);
	set_matrix_out(n, 2, v_itself ? adjoint(b, d.vh) : d.vh);
	return in_out_shape(n, d.u);
}

/* aten.linalg_svd(A, full_matrices=True, *, driver=None) -> (U, S, Vh); the signs or phases of the
 * vectors are any */
Value lower_linalg_svd(Node *n) { return svd(n, "A", true, arg_bool(n, "full_matrices", true), false); }

/* aten._linalg_svd(A, full_matrices=False, compute_uv=True, *, driver=None) -> (U, S, Vh); U and Vh
 * empty without compute_uv */
Value lower_linalg_svd_core(Node *n)
{
	bool vectors = arg_bool(n, "compute_uv", true);
	return svd(n, "A", vectors, arg_bool(n, "full_matrices", false), false);
}

/* aten.svd(self, some=True, compute_uv=True) -> (U, S, V); U and V are zeros without compute_uv */
Value lower_svd(Node *n)
{
	bool vectors = arg_bool(n, "compute_uv", true);
	return svd(n, "self", vectors, !arg_bool(n, "some", true), true);
}

/* aten.linalg_svdvals(A, *, driver=None) */
Value lower_linalg_svdvals(Node *n) { return in_out_shape(n, singular_values(n->b, arg_matrices(n, "A"))); }
