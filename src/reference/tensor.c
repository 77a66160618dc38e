/* Tensors: counted, copied along strides. */
#include "reference/internal.h"

/* -- life ------------------------------------------------------------------------------------------------ */

static bool bytes_of(int rank, const int64_t *dim, size_t each, int64_t *n, size_t *nbytes)
{
	int64_t all = 1;
	*n = 1;
	for (int i = 0; i < rank; i++) {
		if (dim[i] < 0 || __builtin_mul_overflow(*n, dim[i], n)) return false;
		if (dim[i] && __builtin_mul_overflow(all, dim[i], &all)) return false;      /* strides are products, too */
	}
	return !__builtin_mul_overflow((size_t)*n, each, nbytes) && *nbytes <= PTRDIFF_MAX - 4096;
}

Tensor *tensor_new(Eval *v, const Op *op, Type like, int rank, const int64_t *dim)
{
	int64_t n;
	size_t nbytes, each = dtype_nbytes(like.quant ? like.quant->storage : like.elem);
	if (v->err->code) return NULL;
	if (rank > MAX_DIMS) return eval_fail(v, op, UNSUPPORTED, "a tensor has rank %d, wanted %d at most", rank, MAX_DIMS), NULL;
	if (!bytes_of(rank, dim, each, &n, &nbytes)) return eval_fail(v, op, UNSUPPORTED, "a result is larger than memory can be"), NULL;
	size_t head = (sizeof(Tensor) + (size_t)rank * sizeof(int64_t) + 63) / 64 * 64;
	Tensor *t = calloc(1, head + nbytes);
	if (!t) return eval_fail(v, op, NO_MEMORY, "no memory for a result of %zu bytes", nbytes), NULL;
	*t = (Tensor){ .refs = 1, .type = like, .n = n, .each = each, .data = (uint8_t *)t + head };
	for (int i = 0; i < rank; i++) t->dim[i] = dim[i];
	t->type.rank = rank;
	t->type.dim = t->dim;
	t->type.bound = NULL;
	t->type.kind = TYPE_TENSOR;
	return t;
}

Tensor *result(Eval *v, const Op *op, int i, int rank, const int64_t *dim)
{
	Type t = value_type(v->m, op->out + (Value)i);
	if (t.quant && v->expressed == op) t = with_elem(t, t.quant->expressed);
	bool fits = t.kind == TYPE_TENSOR && t.rank == rank;
	for (int k = 0; fits && k < rank; k++) fits = t.dim[k] < 0 ? dim[k] >= 0 : t.dim[k] == dim[k];
	if (fits) return tensor_new(v, op, t, rank, dim);
	Type got = { .kind = TYPE_TENSOR, .elem = t.elem, .rank = rank, .dim = dim };
	return eval_fail(v, op, BAD_INPUT, "result %d comes out as %s, its type is %s", i, type_str(&v->scratch, got), type_str(&v->scratch, t)), NULL;
}

Tensor *result_like(Eval *v, const Op *op, int i, const Tensor *x) { return result(v, op, i, x->type.rank, x->dim); }

Tensor *token_new(Eval *v, const Op *op)
{
	Tensor *t = calloc(1, sizeof *t);
	if (!t) return eval_fail(v, op, NO_MEMORY, "no memory"), NULL;
	*t = (Tensor){ .refs = 1, .type = token_type() };
	return t;
}

void drop(Tensor *t)
{
	if (!t || --t->refs) return;
	for (int i = 0; t->part && i < t->type.npart; i++) drop(t->part[i]);
	free(t->part);
	free(t);
}

Tensor *retyped(Eval *v, const Op *op, int i, Tensor *x, int rank, const int64_t *dim)
{
	Tensor *t = result(v, op, i, rank, dim);
	if (t) memcpy(t->data, x->data, (size_t)t->n * t->each);
	return t;
}

/* -- integers -------------------------------------------------------------------------------------------- */

int64_t int_at(const Tensor *t, int64_t i)
{
	int64_t x = dtype_load_int(t->type.elem, t->data + (size_t)i * t->each);
	return t->type.elem == DTYPE_u64 && x < 0 ? INT64_MAX : x;
}

bool ints_of(Eval *v, const Op *op, const Tensor *t, int n, int64_t *out)
{
	if (t->n != n || n > MAX_DIMS) return eval_fail(v, op, BAD_INPUT, "%lld sizes, wanted %d", (long long)t->n, n);
	for (int i = 0; i < n; i++) out[i] = int_at(t, i);
	return true;
}

/* -- walking --------------------------------------------------------------------------------------------- */

void row_strides(int rank, const int64_t *dim, int64_t *stride)
{
	int64_t s = 1;
	for (int i = rank; i-- > 0;) {
		stride[i] = s;
		s *= dim[i] ? dim[i] : 1;
	}
}

bool next_index(int rank, const int64_t *dim, int64_t *index)
{
	for (int i = rank; i-- > 0;) {
		if (++index[i] < dim[i]) return true;
		index[i] = 0;
	}
	return false;
}

#define COPY_ROW(T) for (int64_t i = 0; i < n; i++) memcpy(dst + i * ds * (int64_t)sizeof(T), src + i * ss * (int64_t)sizeof(T), sizeof(T))

static void copy_row(size_t each, uint8_t *dst, const uint8_t *src, int64_t n, int64_t ds, int64_t ss)
{
	if (ds == 1 && ss == 1) {
		memcpy(dst, src, (size_t)n * each);
		return;
	}
	switch (each) {
	case 1:  COPY_ROW(uint8_t); break;
	case 2:  COPY_ROW(uint16_t); break;
	case 4:  COPY_ROW(uint32_t); break;
	case 8:  COPY_ROW(uint64_t); break;
	default: for (int64_t i = 0; i < n; i++) memcpy(dst + i * ds * (int64_t)each, src + i * ss * (int64_t)each, each);
	}
}

/* Dimensions of one place go; two that follow each other in both become one. */
static Walk simpler(const Walk *w)
{
	Walk s = { 0 };
	for (int i = 0; i < w->rank; i++) {
		if (w->n[i] == 1) continue;
		int k = s.rank - 1;
		if (s.rank && s.dst[k] == w->n[i] * w->dst[i] && s.src[k] == w->n[i] * w->src[i]) {
			s.n[k] *= w->n[i], s.dst[k] = w->dst[i], s.src[k] = w->src[i];
			continue;
		}
		s.n[s.rank] = w->n[i], s.dst[s.rank] = w->dst[i], s.src[s.rank++] = w->src[i];
	}
	return s;
}

void copy_walk(size_t each, uint8_t *dst, const uint8_t *src, const Walk *walk)
{
	for (int i = 0; i < walk->rank; i++)
		if (walk->n[i] <= 0) return;
	Walk w = simpler(walk);
	if (!w.rank) {
		memcpy(dst, src, each);
		return;
	}
	int outer = w.rank - 1;
	int64_t index[MAX_DIMS] = { 0 };
	do {
		int64_t d = 0, s = 0;
		for (int i = 0; i < outer; i++) d += index[i] * w.dst[i], s += index[i] * w.src[i];
		copy_row(each, dst + d * (int64_t)each, src + s * (int64_t)each, w.n[outer], w.dst[outer], w.src[outer]);
	} while (next_index(outer, w.n, index));
}

void fill(uint8_t *dst, const uint8_t *element, size_t each, int64_t n)
{
	copy_walk(each, dst, element, &(Walk){ .rank = 1, .n = { n }, .dst = { 1 }, .src = { 0 } });
}
