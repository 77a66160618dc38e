/* libFuzzer: any bytes as a .meta file and as our file beside it. What is read and agrees with an empty
 * directory must come back as the same bytes when it is written, read and written again. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/meta.h"

static void again(Arena *a, const FunctionMeta *m, void write(Buf *, const FunctionMeta *),
	bool read(Arena *, const char *, size_t, const char *, FunctionMeta *, Err *), Err *e)
{
	Buf one = { 0 }, two = { 0 };
	FunctionMeta m2 = { .noutput = m->noutput };
	write(&one, m);
	if (!read(a, (const char *)one.p, one.n, "again", &m2, e)) abort();
	write(&two, &m2);
	if (one.n != two.n || memcmp(one.p, two.p, one.n)) abort();
	buf_free(&one);
	buf_free(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Arena a = { 0 };
	Err e = { 0 };
	jmp_buf full;
	if (setjmp(full)) abort();
	a.full = &full;
	FunctionMeta m = { 0 };
	Map none = { .arena = &a };
	BundleFunction f = { .bytecode = p, .bytecode_nbytes = 1 };
	BundleParts parts = { .nfunction = 1, .function = &f };
	if (meta_read(&a, (const char *)p, n, "meta", &f.meta, &e) && check_parts(&a, "dir", &parts, &none, &e))
		again(&a, &f.meta, meta_write, meta_read, &e);
	err_clear(&e);
	m.noutput = 1;
	if (extra_read(&a, (const char *)p, n, "extra", &m, &e)) again(&a, &m, extra_write, extra_read, &e);
	err_clear(&e);
	arena_free(&a);
	return 0;
}
