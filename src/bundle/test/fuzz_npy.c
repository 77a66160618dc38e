/* libFuzzer: any bytes as a .npy file. What is read must be readable to its last element, and must be
 * written back so that it reads as the same array. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/npy.h"

static void copy(Arena *a, const NpyArray *x, Err *e)
{
	NpyArray y;
	if (!npy_check(x, e)) abort();
	size_t n = npy_count(x) * npy_itemsize(x);
	uint8_t *packed = NEW(a, uint8_t, n);
	npy_pack(x, 0, npy_count(x), packed);
	Buf b = { 0 };
	npy_header(&b, x);
	put(&b, x->data, n);
	if (!npy_read(a, b.p, b.n, &y, e) || y.rank != x->rank) abort();
	if (x->dtype && !npy_is(&y, x->dtype)) abort();      /* '<f1' goes out as '<V1' */
	if (x->rank && memcmp(y.dim, x->dim, sizeof *x->dim * (size_t)x->rank)) abort();
	if (n && memcmp(y.data, x->data, n)) abort();
	npy_pack(&y, 0, npy_count(&y), packed);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Arena a = { 0 };
	Err e = { 0 };
	jmp_buf full;
	if (setjmp(full)) abort();
	a.full = &full;
	NpyArray x;
	if (npy_read(&a, p, n, &x, &e)) copy(&a, &x, &e);
	err_clear(&e);
	arena_free(&a);
	return 0;
}
