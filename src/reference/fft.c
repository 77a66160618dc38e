/* fft, in doubles: by halves where the length allows, else by the sum that defines it. */
#include "reference/internal.h"

#include <complex.h>
#include <math.h>

typedef double complex c128;

/* -- one dimension --------------------------------------------------------------------------------------- */

typedef struct Transform {
	int64_t n;
	double sign;                 /* -1 forward, 1 back */
	c128 *root;                  /* [n] exp(sign 2 pi i k / n) */
	c128 *in, *out;              /* [n] */
} Transform;

static bool transform_new(Eval *v, const Op *op, Transform *t, int64_t n, double sign)
{
	*t = (Transform){ .n = n, .sign = sign };
	size_t room = (size_t)n;
	t->root = n > INT64_MAX / 64 ? NULL : calloc(3 * room + 1, sizeof *t->root);
	if (!t->root) return eval_fail(v, op, NO_MEMORY, "no memory for a length of %lld", (long long)n);
	t->in = t->root + n, t->out = t->in + n;
	for (int64_t k = 0; k < n; k++) {
		double angle = 2 * 3.14159265358979323846 * (double)k / (double)n;
		t->root[k] = cos(angle) + sign * sin(angle) * I;
	}
	return true;
}

/* out[k] = sum over j of in[j * step] root^(j k), n of them, root the n-th of the whole. Halves as long as they are whole. */
static void transform_part(const Transform *t, const c128 *in, int64_t step, int64_t n, c128 *out)
{
	if (n % 2) {
		for (int64_t k = 0; k < n; k++) {
			c128 s = 0;
			for (int64_t j = 0, at = 0; j < n; j++, at = (at + k) % n) s += in[j * step] * t->root[at * step];
			out[k] = s;
		}
		return;
	}
	transform_part(t, in, 2 * step, n / 2, out);
	transform_part(t, in + step, 2 * step, n / 2, out + n / 2);
	for (int64_t k = 0; k < n / 2; k++) {
		c128 even = out[k], odd = out[k + n / 2] * t->root[k * step];
		out[k] = even + odd;
		out[k + n / 2] = even - odd;
	}
}

/* In to out, divided by n on the way back. */
static void transform(Transform *t)
{
	transform_part(t, t->in, 1, t->n, t->out);
	for (int64_t k = 0; t->sign > 0 && k < t->n; k++) t->out[k] /= (double)t->n;
}

/* -- a tensor -------------------------------------------------------------------------------------------- */

/* Of x, whose dimension d has `had` places, `have` afterwards; how: what happens to each row. */
typedef struct Rows { int64_t outer, inner, had, have; } Rows;
typedef enum How { WHOLE, HALF, FROM_HALF } How;

/* The values of a row beyond its half are conjugates: x[n - k] = conj(x[k]). */
static void take_row(Transform *t, const c128 *x, int64_t step, int64_t had, How how)
{
	for (int64_t k = 0; k < t->n; k++) {
		if (how != FROM_HALF || k < had) t->in[k] = x[k * step];
		else t->in[k] = conj(x[(t->n - k) * step]);
	}
	if (how != FROM_HALF) return;
	t->in[0] = creal(t->in[0]);
	if (t->n % 2 == 0) t->in[t->n / 2] = creal(t->in[t->n / 2]);
}

static c128 *along(Eval *v, const Op *op, c128 *x, const Rows *r, int64_t n, double sign, How how)
{
	Transform t;
	if (!transform_new(v, op, &t, n, sign)) return free(x), NULL;
	c128 *y = calloc((size_t)(r->outer * r->have * r->inner) + 1, sizeof *y);
	if (!y) eval_fail(v, op, NO_MEMORY, "no memory");
	for (int64_t o = 0; y && o < r->outer; o++)
		for (int64_t i = 0; i < r->inner; i++) {
			take_row(&t, x + o * r->had * r->inner + i, r->inner, r->had, how);
			transform(&t);
			for (int64_t k = 0; k < r->have; k++) y[(o * r->have + k) * r->inner + i] = t.out[k];
		}
	free(t.root);
	free(x);
	return y;
}

static c128 *loaded(Eval *v, const Op *op, const Tensor *x)
{
	DType t = x->type.elem;
	c128 *z = (size_t)x->n > SIZE_MAX / 64 ? NULL : calloc((size_t)x->n + 1, sizeof *z);
	if (!z) eval_fail(v, op, NO_MEMORY, "no memory");
	for (int64_t i = 0; z && i < x->n; i++) {
		const uint8_t *p = x->data + (size_t)i * x->each;
		z[i] = dtype_load(t, p, 0) + (is_complex(t) ? dtype_load(t, p, 1) * I : 0);
	}
	return z;
}

static c128 *one_dimension(Eval *v, const Op *op, c128 *z, int64_t *dim, int rank, int d, int64_t n, double sign, How how)
{
	Rows r = { 1, 1, dim[d], how == HALF ? n / 2 + 1 : n };
	for (int i = 0; i < d; i++) r.outer *= dim[i];
	for (int i = d + 1; i < rank; i++) r.inner *= dim[i];
	dim[d] = r.have;
	return z ? along(v, op, z, &r, n, sign, how) : NULL;
}

/* The last dimension of a real transform is the first to be transformed, or, back, the last. */
static c128 *all_dimensions(Eval *v, const Op *op, c128 *z, int64_t *dim, int rank, FftType type, Ints length)
{
	double sign = type == FFT_FFT || type == FFT_RFFT ? -1 : 1;
	int first = rank - length.n;
	bool real = type == FFT_RFFT || type == FFT_IRFFT;
	if (type == FFT_RFFT) z = one_dimension(v, op, z, dim, rank, rank - 1, length.v[length.n - 1], sign, HALF);
	for (int i = length.n - 1 - real; i >= 0; i--) z = one_dimension(v, op, z, dim, rank, first + i, length.v[i], sign, WHOLE);
	if (type == FFT_IRFFT) z = one_dimension(v, op, z, dim, rank, rank - 1, length.v[length.n - 1], sign, FROM_HALF);
	return z;
}

bool eval_fft(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Tensor *x = in[0];
	Ints length = attr(op, "fft_length")->ints;
	FftType type = (FftType)attr(op, "fft_type")->i;
	int rank = x->type.rank;
	int64_t dim[MAX_DIMS];
	memcpy(dim, x->dim, (size_t)rank * sizeof *dim);
	for (int i = 0; i < length.n; i++) {
		int64_t n = length.v[i], has = x->dim[rank - length.n + i], want = type == FFT_IRFFT && i == length.n - 1 ? n / 2 + 1 : n;
		if (n < 0 || (has != want && x->n)) return eval_fail(v, op, BAD_INPUT, "length %lld of a dimension of %lld", (long long)n, (long long)has);
	}
	Type t = value_type(v->m, op->out);
	if (!x->n) return (out[0] = is_static(t) ? result(v, op, 0, t.rank, t.dim) : result_like(v, op, 0, x)) != NULL;
	c128 *z = all_dimensions(v, op, loaded(v, op, x), dim, rank, type, length);
	bool ok = z && (out[0] = result(v, op, 0, rank, dim));
	for (int64_t i = 0; ok && i < out[0]->n; i++)
		for (int part = 0; part < 1 + is_complex(out[0]->type.elem); part++)
			dtype_store(out[0]->type.elem, out[0]->data + (size_t)i * out[0]->each, part, part ? cimag(z[i]) : creal(z[i]));
	free(z);
	return ok;
}
