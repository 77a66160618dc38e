/* libFuzzer: any bytes as text. What is parsed and verified prints, and that text parses to the same text again. Its bytecode
 * reads, and what was read once stays the same in bytecode and out again: a default that is written out is none after the first time. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "stablehlo/stablehlo.h"

typedef struct Reading { Module m; Err err; Buf text; } Reading;

typedef bool ReadInto(Module *m, const void *p, size_t n);

static bool from_text(Module *m, const void *p, size_t n) { return parse_module(m, "fuzz", p, n); }

static bool read_text(Reading *r, ReadInto *reader, const void *p, size_t n)
{
	jmp_buf full;
	if (setjmp(full)) abort();
	r->m.err = &r->err;
	r->m.arena.full = &full;
	return reader(&r->m, p, n) && verify(&r->m) && print_module(&r->m, &r->text);
}

static void reading_free(Reading *r)
{
	buf_free(&r->text);
	module_free(&r->m);
	err_clear(&r->err);
}

static bool same(Buf x, Buf y) { return x.n == y.n && !memcmp(x.p, y.p, x.n); }

/* MLIR's form of a while has one type for what goes in and what comes out, which may differ in sizes that are not known. */
static bool is_lossy(const Reading *back) { return back->err.code && strstr(err_msg(&back->err), "and its type says"); }

static void print_again(const Reading *r)
{
	Reading back = { 0 };
	bool ok = read_text(&back, from_text, r->text.p, r->text.n);
	if (ok ? !same(back.text, r->text) : !is_lossy(&back)) abort();
	reading_free(&back);
}

static bool write_code(Reading *r, Version v, Buf *out)
{
	jmp_buf full;
	if (setjmp(full)) abort();
	r->m.arena.full = &full;
	return write_bytecode(&r->m, v, out);
}

/* The module that its bytecode holds; false: it has none, such as one with attributes of other dialects. */
static bool through_bytecode(Reading *r, Reading *back)
{
	Buf code = { 0 };
	bool ok = write_code(r, version_needed(&r->m), &code);
	if (ok && !read_text(back, read_bytecode, code.p, code.n)) abort();
	buf_free(&code);
	return ok;
}

static void write_again(Reading *r)
{
	Reading once = { 0 }, twice = { 0 };
	if (through_bytecode(r, &once) && (!through_bytecode(&once, &twice) || !same(once.text, twice.text))) abort();
	reading_free(&once);
	reading_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Reading r = { 0 };
	if (read_text(&r, from_text, p, n)) {
		print_again(&r);
		write_again(&r);
	} else if (!r.err.code) {
		abort();
	}
	reading_free(&r);
	return 0;
}
