/* Eigenvalues of symmetric and Hermitian matrices, by Jacobi's method (Golub and Van Loan, Matrix
 * Computations, 8.5).
 *
 * A rotation makes one element off the diagonal 0. The n / 2 rotations of a round touch different rows
 * and are done at once: of the column pairs (i, i + h), h = n / 2; between rounds the columns move as
 * players of a tournament, so that n - 1 rounds, a sweep, pair each with each (Brent and Luk). Sweeps
 * go on until what is off the diagonal is rounding error. */
#include "aten/linalg.h"
#include "aten/rules.h"

/* -- rotations ------------------------------------------------------------------------------------------- */

/* tau = (q - p) / 2|g|, t = sign(tau) / (|tau| + sqrt(1 + tau^2)), c = 1 / sqrt(1 + t^2), s = t c g /
 * |g| */
Rotation rotation_for(Builder *b, Value p, Value q, Value g, Value least)
{
	Value size = math_abs(b, g);
	Value idle = hlo_compare(b, DIRECTION_LE, size, least);
	size = if_num(b, idle, 1, size);
	Value tau = hlo_divide(b, scaled(b, hlo_subtract(b, q, p), 0.5), size);
	Value root = hlo_sqrt(b, plus(b, square(b, tau), 1));
	Value t = over(b, 1, hlo_add(b, hlo_abs(b, tau), root));
	t = math_copysign(b, t, tau);
	t = if_num(b, idle, 0, t);
	Value c = over(b, 1, hlo_sqrt(b, plus(b, square(b, t), 1)));
	Value s = hlo_divide(b, hlo_multiply(b, t, c), size);
	DType elem = known_type(b, g).elem;
	return (Rotation){ c, hlo_multiply(b, cast(b, s, elem), g) };
}

/* x J: columns i and i + h become c x_i - conj(s) x_(i+h) and s x_i + c x_(i+h) */
Value rotated(Builder *b, Value x, Rotation r)
{
	int64_t n = ncols(b, x);
	Value left = columns(b, x, 0, n / 2), right = columns(b, x, n / 2, n), part[2];
	Value first = combine(b, OP_multiply, left, r.c);
	Value second = combine(b, OP_multiply, right, conjugate(b, r.s));
	part[0] = hlo_subtract(b, first, second);
	first = combine(b, OP_multiply, left, r.s);
	second = combine(b, OP_multiply, right, r.c);
	part[1] = hlo_add(b, first, second);
	return hlo_concatenate(b, 2, part, 2);
}

/* The first column stays; the others go round: 0 h 1 .. h-2 | h+1 .. n-1 h-1 */
Value next_pairs(Builder *b, Value x)
{
	int64_t n = ncols(b, x), h = n / 2;
	if (h < 2) return x;
	int64_t cut[5][2] = { { 0, 1 }, { h, h + 1 }, { 1, h - 1 }, { h + 1, n }, { h - 1, h } };
	Value part[5];
	int count = 0;
	for (int i = 0; i < 5; i++)
		if (cut[i][0] < cut[i][1]) part[count++] = columns(b, x, cut[i][0], cut[i][1]);
	return hlo_concatenate(b, count, part, 2);
}

/* -- sweeps ---------------------------------------------------------------------------------------------- */

/* Where |j - i| = h: what a round makes 0. */
static Value where_paired(Builder *b, Type t)
{
	Value i = positions(b, t, 1, DTYPE_i32);
	Value j = positions(b, t, 2, DTYPE_i32);
	Value apart = hlo_abs(b, hlo_subtract(b, i, j));
	return is(b, DIRECTION_EQ, apart, (double)(t.dim[1] / 2));
}

/* v: a [B, n, n], n even, and the product of the rotations, if wanted: a = J^H a J, q = q J */
static void jacobi_round(Builder *b, const void *with, Value i, Value *v)
{
	(void)i;
	Type t = type_of(b, v[0]);
	const bool *vectors = with;
	int64_t h = t.dim[1] / 2;
	Value d = real_part(b, diagonal_of(b, v[0]));
	d = unsqueeze_dim(b, d, 1);                                    /* [B, 1, n] */
	Value g = diagonal_of(b, rows(b, columns(b, v[0], h, 2 * h), 0, h));
	g = unsqueeze_dim(b, g, 1);
	Value p = columns(b, d, 0, h), q = columns(b, d, h, 2 * h);
	Value none = full_like(b, p, 0);
	Rotation r = rotation_for(b, p, q, g, none);
	Value a = rotated(b, v[0], r);
	a = adjoint(b, rotated(b, adjoint(b, a), r));
	a = masked(b, hlo_not(b, where_paired(b, t)), a);
	a = next_pairs(b, a);
	v[0] = transposed(b, next_pairs(b, transposed(b, a)));
	if (*vectors) v[1] = next_pairs(b, rotated(b, v[1], r));
}

/* Whether the elements off the diagonal of some matrix weigh more than rounding errors of all. */
static Value is_not_diagonal(Builder *b, Value a)
{
	Type t = known_type(b, a);
	if (!t.kind) return 0;
	Ints over = iota_ints(b->a, 1, 2);
	Value weight = magnitude2(b, a);
	Value on = identity_like(b, with_elem(t, DTYPE_bool));
	Value off = sum_over(b, masked(b, hlo_not(b, on), weight), over);
	Value all = sum_over(b, weight, over);
	double eps = epsilon_of(t.elem);
	all = scaled(b, all, eps * eps);
	Value more = hlo_compare(b, DIRECTION_GT, off, all);
	return reduce_over(b, OP_or, more, one_dim(b, 0));
}

/* v: a, q if wanted, whether to go on */
static void jacobi_sweep(Builder *b, const void *with, Value i, Value *v)
{
	(void)i;
	const bool *vectors = with;
	repeat(b, ncols(b, v[0]) - 1, *vectors ? 2 : 1, v, jacobi_round, with);
	v[*vectors ? 2 : 1] = is_not_diagonal(b, v[0]);
}

/* -- order ----------------------------------------------------------------------------------------------- */

Value order_of(Builder *b, Value *keys, bool descending)
{
	Type t = known_type(b, *keys);
	if (!t.kind) return 0;
	Type key = scalar_type(t.elem), at = scalar_type(DTYPE_i32), types[4] = { key, key, at, at };
	Value in[2] = { *keys, positions(b, t, 1, DTYPE_i32) }, out[2] = { 0 }, pair[4];
	Region *order = region_begin(b, 4, types, pair);
	Value first = hlo_compare(b, descending ? DIRECTION_GT : DIRECTION_LT, pair[0], pair[1]);
	region_end(b, order, 1, &first);
	hlo_sort(b, 2, in, 1, true, order, out);
	*keys = out[0];
	return out[1];
}

/* -- eigh ------------------------------------------------------------------------------------------------ */

/* The whole Hermitian matrix of one of its triangles; imaginary parts on the diagonal are dropped. */
static Value hermitian(Builder *b, Value a, bool upper)
{
	if (upper) a = adjoint(b, a);
	Value below = lower_triangle(b, a, -1);
	Value whole = hlo_add(b, below, adjoint(b, below));
	Value on = masked(b, identity_like(b, with_elem(known_type(b, a), DTYPE_bool)), a);
	on = cast(b, real_part(b, on), known_type(b, a).elem);
	return hlo_add(b, whole, on);
}

Eigh eigh_of(Builder *b, Value a, bool upper, bool vectors)
{
	int64_t n = ncols(b, a), even = n + n % 2;
	if (!known_type(b, a).kind) return (Eigh){ 0 };
	a = hermitian(b, a, upper);
	Value scale = largest_magnitude(b, a);
	a = combine(b, OP_divide, a, scale);
	a = padded_to(b, a, even, even);
	Value v[3] = { a }, *go_on = &v[vectors ? 2 : 1];
	if (vectors) v[1] = identity_like(b, known_type(b, a));
	*go_on = is_not_diagonal(b, a);
	repeat_while(b, n ? MOST_SWEEPS : 0, vectors ? 3 : 2, v, jacobi_sweep, &vectors);
	Value d = real_part(b, diagonal_of(b, v[0]));                  /* [B, even] */
	d = slice_dim(b, d, 1, 0, n, 1);
	d = combine(b, OP_multiply, d, squeeze_dim(b, scale, 2));
	Value order = order_of(b, &d, false);
	if (!vectors) return (Eigh){ d, 0 };
	Value q = columns(b, rows(b, v[1], 0, n), 0, n);
	return (Eigh){ d, permuted(b, q, 2, order) };
}

static Value eigh(Node *n, const char *name, bool vectors)
{
	const char *triangle = arg_str(n, "UPLO", "L");
	bool upper = *triangle == 'U' || *triangle == 'u';
	Eigh e = eigh_of(n->b, arg_square(n, name), upper, vectors);
	set_matrix_out(n, 1, e.vectors);
	return in_out_shape(n, e.values);
}

/* aten.linalg_eigh(self, UPLO="L") -> (eigenvalues, eigenvectors); the sign or phase of each vector is
 * any */
Value lower_linalg_eigh(Node *n) { return eigh(n, "self", true); }

/* aten.linalg_eigvalsh(self, UPLO="L") */
Value lower_linalg_eigvalsh(Node *n) { return eigh(n, "self", false); }

/* aten._linalg_eigh(A, UPLO="L", compute_v=True) -> (eigenvalues, eigenvectors); without vectors these
 * are empty */
Value lower_linalg_eigh_core(Node *n)
{
	bool vectors = arg_bool(n, "compute_v", true) && out_wanted(n, 1);
	if (!arg_bool(n, "compute_v", true) && out_wanted(n, 1)) set_out(n, 1, full(n->b, out_type(n, 1), 0));
	return eigh(n, "A", vectors);
}
