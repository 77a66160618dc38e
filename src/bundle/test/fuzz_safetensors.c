/* libFuzzer: any bytes as a safetensors file. What is read must be readable to its last element. */
#include <setjmp.h>
#include <stdlib.h>

#include "bundle/safetensors.h"

static unsigned sum(const NpyArray *x)
{
	unsigned all = 0;
	for (size_t i = 0; i < x->nbytes; i++) all += x->data[i];
	return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Arena a = { 0 };
	Err e = { 0 };
	jmp_buf full;
	if (setjmp(full)) abort();
	a.full = &full;
	BundleTensor *t;
	int count;
	static volatile unsigned kept;
	if (safetensors_read(&a, p, n, &t, &count, &e))
		for (int i = 0; i < count; i++) {
			if (!npy_check(&t[i].array, &e)) abort();
			kept = sum(&t[i].array);
		}
	err_clear(&e);
	arena_free(&a);
	return 0;
}
