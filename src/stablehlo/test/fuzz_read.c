/* libFuzzer: any bytes as bytecode. What is read, with its locations, and verified prints, and when it is written again, the text of that
 * is the same. Without locations the same bytes are read, too. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "stablehlo/stablehlo.h"

typedef struct Reading { Module m; Err err; Buf text; } Reading;

static bool read_text(Reading *r, const uint8_t *p, size_t n, bool locations)
{
	jmp_buf full;
	if (setjmp(full)) abort();
	r->m.err = &r->err;
	r->m.arena.full = &full;
	r->m.keep_locs = locations;
	return read_bytecode(&r->m, p, n) && verify(&r->m) && print_module(&r->m, &r->text);
}

static void reading_free(Reading *r)
{
	buf_free(&r->text);
	module_free(&r->m);
	err_clear(&r->err);
}

static void again(Reading *r)
{
	Buf out = { 0 };
	Reading back = { 0 };
	if (write_bytecode(&r->m, version_needed(&r->m), &out)) {
		if (!read_text(&back, out.p, out.n, true)) abort();
		if (back.text.n != r->text.n || memcmp(back.text.p, r->text.p, r->text.n) != 0) abort();
	}
	reading_free(&back);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Reading r = { 0 }, without = { 0 };
	bool ok = read_text(&r, p, n, true);
	if (ok) again(&r);
	else if (!r.err.code) abort();
	if (ok && !read_text(&without, p, n, false)) abort();
	reading_free(&r);
	reading_free(&without);
	return 0;
}
