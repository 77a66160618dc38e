/* Products of matrices: dot_general, dot. Floats below f32 are multiplied and summed up as f32 and rounded once, integers as 64 bits. */
#include "reference/internal.h"

#include <complex.h>

/* -- the kernel ------------------------------------------------------------------------------------------ */

typedef float complex c64; typedef double complex c128;

enum { ROWS = 4, COLUMNS = 8 };

/* A block of ROWS x COLUMNS is summed up in registers; what is left over, row by row and element by element. */
#define PRODUCT(T) \
	static void block_##T(int64_t rows, int64_t n, int64_t k, const T *const *a, const T *b, T *c) \
	{ \
		T sum[ROWS][COLUMNS] = { 0 }; \
		for (int64_t p = 0; p < k; p++) \
			for (int64_t r = 0; r < rows; r++) \
				for (int q = 0; q < COLUMNS; q++) sum[r][q] += a[r][p] * b[p * n + q]; \
		for (int64_t r = 0; r < rows; r++) \
			for (int q = 0; q < COLUMNS; q++) c[r * n + q] += sum[r][q]; \
	} \
	static void block4_##T(int64_t n, int64_t k, const T *const *a, const T *restrict b, T *c) \
	{ \
		const T *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3]; \
		T s0[COLUMNS] = { 0 }, s1[COLUMNS] = { 0 }, s2[COLUMNS] = { 0 }, s3[COLUMNS] = { 0 }; \
		for (int64_t p = 0; p < k; p++, b += n) { \
			T x0 = a0[p], x1 = a1[p], x2 = a2[p], x3 = a3[p]; \
			for (int q = 0; q < COLUMNS; q++) { \
				s0[q] += x0 * b[q]; \
				s1[q] += x1 * b[q]; \
				s2[q] += x2 * b[q]; \
				s3[q] += x3 * b[q]; \
			} \
		} \
		for (int q = 0; q < COLUMNS; q++) c[q] += s0[q], c[n + q] += s1[q], c[2 * n + q] += s2[q], c[3 * n + q] += s3[q]; \
	} \
	static void product_##T(int64_t m, int64_t n, int64_t k, const void *const *rows, const void *columns, void *out) \
	{ \
		const T *const *a = (const T *const *)(const void *)rows, *b = columns; \
		T *c = out; \
		int64_t j = 0; \
		for (; j + COLUMNS <= n; j += COLUMNS) { \
			int64_t i = 0; \
			for (; i + ROWS <= m; i += ROWS) block4_##T(n, k, a + i, b + j, c + i * n + j); \
			if (i < m) block_##T(m - i, n, k, a + i, b + j, c + i * n + j); \
		} \
		for (; j < n; j++) \
			for (int64_t i = 0; i < m; i++) { \
				T sum = 0; \
				for (int64_t p = 0; p < k; p++) sum += a[i][p] * b[p * n + j]; \
				c[i * n + j] += sum; \
			} \
	}

PRODUCT(float)
PRODUCT(double)
PRODUCT(uint64_t)
PRODUCT(c64)
PRODUCT(c128)

Product *product_of(DType t, DType *sum)
{
	*sum = t;
	switch (t) {
	case DTYPE_f64:  return product_double;
	case DTYPE_c64:  return product_c64;
	case DTYPE_c128: return product_c128;
	default:
		*sum = is_float(t) ? DTYPE_f32 : DTYPE_i64;
		return is_float(t) ? product_float : product_uint64_t;
	}
}

/* -- dot_general ----------------------------------------------------------------------------------------- */

/* x as [batch][rows][columns], each a list of dimensions, with elements `sum`; the sizes' products go to n[3]. */
static Tensor *arranged(Eval *v, const Op *op, Tensor *x, DType sum, const Ints *part, int64_t *n)
{
	Walk w = { .rank = x->type.rank };
	int64_t stride[MAX_DIMS];
	int at = 0;
	row_strides(w.rank, x->dim, stride);
	for (int p = 0; p < 3; p++) {
		n[p] = 1;
		for (int i = 0; i < part[p].n; i++, at++) {
			int64_t d = part[p].v[i];
			w.n[at] = x->dim[d], w.src[at] = stride[d];
			n[p] *= x->dim[d];
		}
	}
	row_strides(w.rank, w.n, w.dst);
	Tensor *from = as_elem(v, op, x, sum), *t = from ? tensor_new(v, op, from->type, w.rank, w.n) : NULL;
	if (t && t->n) copy_walk(t->each, t->data, from->data, &w);
	drop(from);
	return t;
}

/* Dimensions in neither list; v[rank]. */
static Ints others(int rank, Ints x, Ints y, int64_t *v)
{
	bool seen[MAX_DIMS] = { 0 };
	int n = 0;
	for (int i = 0; i < x.n; i++) seen[x.v[i]] = true;
	for (int i = 0; i < y.n; i++) seen[y.v[i]] = true;
	for (int i = 0; i < rank; i++)
		if (!seen[i]) v[n++] = i;
	return (Ints){ n, v };
}

static bool multiply(Eval *v, const Op *op, Product *product, const Tensor *a, const Tensor *b, Tensor *c, int64_t batch, int64_t m, int64_t n,
	int64_t k)
{
	const void **row = calloc((size_t)m + 1, sizeof *row);
	if (!row) return eval_fail(v, op, NO_MEMORY, "no memory");
	for (int64_t z = 0; z < batch; z++) {
		for (int64_t i = 0; i < m; i++) row[i] = a->data + (size_t)((z * m + i) * k) * a->each;
		product(m, n, k, row, b->data + (size_t)(z * k * n) * b->each, c->data + (size_t)(z * m * n) * c->each);
	}
	free(row);
	return true;
}

static bool contract(Eval *v, const Op *op, const DotDims *d, Tensor *const *in, Tensor **out)
{
	int64_t free_x[MAX_DIMS], free_y[MAX_DIMS], nx[3], ny[3], dim[2 * MAX_DIMS];
	Ints px[3] = { d->lhs_batching, others(in[0]->type.rank, d->lhs_batching, d->lhs_contracting, free_x), d->lhs_contracting };
	Ints py[3] = { d->rhs_batching, d->rhs_contracting, others(in[1]->type.rank, d->rhs_batching, d->rhs_contracting, free_y) };
	int rank = 0;
	for (int i = 0; i < px[0].n; i++) dim[rank++] = in[0]->dim[px[0].v[i]];
	for (int i = 0; i < px[1].n; i++) dim[rank++] = in[0]->dim[px[1].v[i]];
	for (int i = 0; i < py[2].n; i++) dim[rank++] = in[1]->dim[py[2].v[i]];
	if (!(out[0] = result(v, op, 0, rank, dim))) return false;
	DType sum;
	Product *product = product_of(out[0]->type.elem, &sum);
	Tensor *a = arranged(v, op, in[0], sum, px, nx), *b = arranged(v, op, in[1], sum, py, ny);
	Tensor *c = a && b ? tensor_new(v, op, with_elem(out[0]->type, sum), rank, dim) : NULL;
	bool ok = c && ((nx[0] == ny[0] && nx[2] == ny[1]) || eval_fail(v, op, BAD_INPUT, "contracted sizes differ"));
	ok = ok && (!c->n || multiply(v, op, product, a, b, c, nx[0], nx[1], ny[2], nx[2]));
	if (ok) convert_elements(sum, c->data, out[0]->type.elem, out[0]->data, (size_t)c->n);
	drop(a);
	drop(b);
	drop(c);
	return ok;
}

bool eval_dot_general(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	return contract(v, op, attr(op, "dot_dimension_numbers")->dot, in, out);
}

/* The last dimension of the one with the first of the other. */
bool eval_dot(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	int64_t last = in[0]->type.rank - 1, first = 0;
	if (last < 0 || !in[1]->type.rank) return eval_fail(v, op, BAD_INPUT, "of scalars");
	return contract(v, op, &(DotDims){ .lhs_contracting = { 1, &last }, .rhs_contracting = { 1, &first } }, in, out);
}
