/* cholesky and triangular_solve, in complex doubles whatever the type, rounded once at the end. */
#include "reference/internal.h"

#include <complex.h>
#include <math.h>

typedef double complex c128;

static c128 load(DType t, const uint8_t *p) { return dtype_load(t, p, 0) + (is_complex(t) ? dtype_load(t, p, 1) * I : 0); }

static void store(DType t, uint8_t *p, c128 z)
{
	dtype_store(t, p, 0, creal(z));
	if (is_complex(t)) dtype_store(t, p, 1, cimag(z));
}

static c128 *matrix(Eval *v, const Op *op, int64_t n, int64_t m)
{
	size_t all;
	c128 *a = __builtin_mul_overflow((size_t)n, (size_t)m, &all) ? NULL : calloc(all + 1, sizeof *a);
	if (!a) eval_fail(v, op, NO_MEMORY, "no memory for a matrix of %lld x %lld", (long long)n, (long long)m);
	return a;
}

/* a = l l^H, a[n][n] becomes l with zeros above. */
static void factor(c128 *a, int64_t n)
{
	for (int64_t j = 0; j < n; j++) {
		double d = creal(a[j * n + j]);
		for (int64_t k = 0; k < j; k++) d -= creal(a[j * n + k] * conj(a[j * n + k]));
		d = sqrt(d);
		a[j * n + j] = d;
		for (int64_t i = j + 1; i < n; i++) {
			c128 s = a[i * n + j];
			for (int64_t k = 0; k < j; k++) s -= a[i * n + k] * conj(a[j * n + k]);
			a[i * n + j] = s / d;
		}
		for (int64_t i = 0; i < j; i++) a[i * n + j] = 0;
	}
}

bool eval_cholesky(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	int64_t n = x->dim[x->type.rank - 1];
	bool lower = attr(op, "lower")->set && attr(op, "lower")->i;
	DType t = x->type.elem;
	if (x->dim[x->type.rank - 2] != n) return eval_fail(v, op, BAD_INPUT, "its matrices are not square");
	if (!(out[0] = result_like(v, op, 0, x)) || !x->n) return out[0] != NULL;
	c128 *a = matrix(v, op, n, n);
	if (!a) return false;
	for (int64_t b = 0; b < x->n / (n * n); b++) {
		for (int64_t i = 0; i < n; i++)
			for (int64_t j = 0; j <= i; j++) {
				c128 z = load(t, x->data + (size_t)(b * n * n + (lower ? i * n + j : j * n + i)) * x->each);
				a[i * n + j] = lower ? z : conj(z);
			}
		factor(a, n);
		for (int64_t i = 0; i < n; i++)
			for (int64_t j = 0; j < n; j++)
				store(t, out[0]->data + (size_t)(b * n * n + i * n + j) * x->each, lower ? a[i * n + j] : conj(a[j * n + i]));
	}
	free(a);
	return true;
}

/* -- triangular_solve ------------------------------------------------------------------------------------ */

typedef struct Solve { int64_t n, m; bool left, lower, unit; int64_t turned; } Solve;

enum { NO_TRANSPOSE = 1, TRANSPOSE, ADJOINT };

/* Element (i, j) of op(a), of which only one triangle counts. */
static c128 entry(const Solve *s, const c128 *a, int64_t i, int64_t j)
{
	if (i == j && s->unit) return 1;
	c128 z = s->turned == NO_TRANSPOSE ? a[i * s->n + j] : a[j * s->n + i];
	return s->turned == ADJOINT ? conj(z) : z;
}

/* op(a) x = b for each column of b[n][m]; x takes its place. */
static void solve(const Solve *s, const c128 *a, c128 *b)
{
	bool forward = s->lower == (s->turned == NO_TRANSPOSE);
	for (int64_t step = 0; step < s->n; step++) {
		int64_t i = forward ? step : s->n - 1 - step;
		for (int64_t j = forward ? 0 : i + 1; j < (forward ? i : s->n); j++) {
			c128 f = entry(s, a, i, j);
			for (int64_t k = 0; k < s->m; k++) b[i * s->m + k] -= f * b[j * s->m + k];
		}
		c128 d = entry(s, a, i, i);
		for (int64_t k = 0; k < s->m; k++) b[i * s->m + k] /= d;
	}
}

/* x op(a) = b is op(a)^T x^T = b^T. */
static Solve seen_from_left(Solve s)
{
	if (s.left) return s;
	s.turned = s.turned == NO_TRANSPOSE ? TRANSPOSE : NO_TRANSPOSE;
	return s;
}

static void solve_one(const Solve *s, DType t, const uint8_t *pa, const uint8_t *pb, uint8_t *out, size_t each, c128 *a, c128 *b)
{
	Solve l = seen_from_left(*s);
	for (int64_t i = 0; i < s->n * s->n; i++) {
		a[i] = load(t, pa + (size_t)i * each);
		if (!s->left && s->turned == ADJOINT) a[i] = conj(a[i]);
	}
	for (int64_t i = 0; i < s->n; i++)
		for (int64_t k = 0; k < s->m; k++) b[i * s->m + k] = load(t, pb + (size_t)(s->left ? i * s->m + k : k * s->n + i) * each);
	solve(&l, a, b);
	for (int64_t i = 0; i < s->n; i++)
		for (int64_t k = 0; k < s->m; k++) store(t, out + (size_t)(s->left ? i * s->m + k : k * s->n + i) * each, b[i * s->m + k]);
}

bool eval_triangular_solve(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0], *y = in[1];
	int rank = y->type.rank;
	Solve s = { .n = x->dim[x->type.rank - 1], .left = attr(op, "left_side")->i, .lower = attr(op, "lower")->i, .unit = attr(op, "unit_diagonal")->i,
		.turned = attr(op, "transpose_a")->i };
	s.m = y->dim[rank - (s.left ? 1 : 2)];
	if (s.turned < NO_TRANSPOSE) return eval_fail(v, op, BAD_INPUT, "transpose_a is invalid");
	if (y->dim[rank - (s.left ? 2 : 1)] != s.n || x->dim[x->type.rank - 2] != s.n) return eval_fail(v, op, BAD_INPUT, "sizes do not fit");
	if (!(out[0] = result_like(v, op, 0, y)) || !y->n) return out[0] != NULL;
	int64_t batch = y->n / (s.n * s.m);
	if (x->n != batch * s.n * s.n) return eval_fail(v, op, BAD_INPUT, "batches differ");
	c128 *a = matrix(v, op, s.n, s.n), *b = a ? matrix(v, op, s.n, s.m) : NULL;
	for (int64_t k = 0; b && k < batch; k++) {
		size_t at = (size_t)(k * s.n * s.m) * y->each;
		solve_one(&s, x->type.elem, x->data + (size_t)(k * s.n * s.n) * x->each, y->data + at, out[0]->data + at, x->each, a, b);
	}
	free(a);
	free(b);
	return b != NULL;
}
