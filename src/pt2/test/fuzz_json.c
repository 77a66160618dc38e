/* libFuzzer: any bytes as JSON. What parses is walked with every conversion. */
#include <stdlib.h>

#include "base/json.h"

static int walk(Arena *a, JVal v, int depth)
{
	int n = 0;
	if (depth > 600) abort();
	json_int(v, 0);
	json_num(v, 0);
	const char *s = json_str(a, v);
	if (s && !json_is(v, s)) abort();
	size_t len = 0;
	if (!json_text(v, &len) || !len) abort();
	JEACH(x, v) {
		json_member(a, x);
		walk(a, x, depth + 1);
		n++;
	}
	if (n != json_len(v)) abort();
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Arena a = { 0 };
	Err e = { 0 };
	jmp_buf full;
	if (setjmp(full)) abort();
	a.full = &full;
	const Json *doc = json_parse(&a, (const char *)p, n, "x", &e);
	if (!doc != !!e.code) abort();
	if (doc) walk(&a, json_root(doc), 0);
	err_clear(&e);
	arena_free(&a);
	return 0;
}
