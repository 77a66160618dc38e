#include <stdio.h>
#include <string.h>

#include "pjrt/internal.h"

typedef struct TypeRow {
	DType dtype;
	PJRT_Buffer_Type pjrt;
	unsigned xla;
} TypeRow;

static const TypeRow rows[] = {
#define TYPE(dtype, pjrt, xla) { DTYPE_##dtype, PJRT_Buffer_Type_##pjrt, xla },
#include "pjrt/types.def"
#undef TYPE
};

enum { NROWS = sizeof rows / sizeof *rows };

PJRT_Buffer_Type pjrt_type(DType t)
{
	for (int i = 0; i < NROWS; i++)
		if (rows[i].dtype == t) return rows[i].pjrt;
	return PJRT_Buffer_Type_INVALID;
}

DType dtype_from_pjrt(PJRT_Buffer_Type type)
{
	for (int i = 0; i < NROWS; i++)
		if (rows[i].pjrt == type) return rows[i].dtype;
	return DTYPE_none;
}

DType dtype_from_xla(uint64_t primitive_type)
{
	for (int i = 0; i < NROWS; i++)
		if (rows[i].xla == primitive_type) return rows[i].dtype;
	return DTYPE_none;
}

bool tensor_type_eq(const TensorType *x, const TensorType *y)
{
	return x->dtype == y->dtype && x->rank == y->rank
		&& (!x->rank || !memcmp(x->dims, y->dims, (size_t)x->rank * sizeof *x->dims));
}

bool tensor_nbytes(const TensorType *t, size_t *nbytes, Err *e)
{
	char text[128];
	size_t n = dtype_nbytes(t->dtype);
	bool empty = false;
	if (t->rank < 0) return fail(e, BAD_INPUT, "rank is %d", t->rank);
	for (int i = 0; i < t->rank; i++) {
		if (t->dims[i] < 0)
			return fail(e, BAD_INPUT, "%s: dimension %d is negative", tensor_type_text(t, text, sizeof text), i);
		empty |= t->dims[i] == 0;
	}
	for (int i = 0; i < t->rank && !empty; i++)
		if (__builtin_mul_overflow(n, (size_t)t->dims[i], &n) || n > PTRDIFF_MAX)
			return fail(e, BAD_INPUT, "%s: more bytes than memory has", tensor_type_text(t, text, sizeof text));
	*nbytes = empty ? 0 : n;
	return true;
}

char *tensor_type_text(const TensorType *t, char *text, size_t n)
{
	size_t at = 0;
	int k = snprintf(text, n, "%s[", dtype_name(t->dtype));
	for (int i = 0; i <= t->rank && k >= 0 && (at += (size_t)k) < n; i++)
		k = i < t->rank ? snprintf(text + at, n - at, "%s%lld", i ? "," : "", (long long)t->dims[i])
			: snprintf(text + at, n - at, "]");
	return text;
}

TensorType copy_type(Arena *a, const TensorType *t)
{
	return (TensorType){ t->dtype, t->rank, COPY(a, int64_t, t->dims, t->rank) };
}
