#include "base/reader.h"

const uint8_t *get(Reader *r, size_t n)
{
	if (r->err->code) return NULL;
	size_t left = r->n - r->at;
	if (n > left) {
		fail(r->err, BAD_INPUT, "%s: need %zu bytes at offset %zu, have %zu", r->what, n, r->at, left);
		return NULL;
	}
	const uint8_t *p = r->p + r->at;
	r->at += n;
	return p;
}

uint64_t get_le(Reader *r, int nbytes)
{
	const uint8_t *p = get(r, (size_t)nbytes);
	uint64_t v = 0;
	for (int i = 0; p && i < nbytes; i++) v |= (uint64_t)p[i] << (8 * i);
	return v;
}

bool seek(Reader *r, size_t at)
{
	if (r->err->code) return false;
	if (at > r->n) return fail(r->err, BAD_INPUT, "%s: offset %zu is past its %zu bytes", r->what, at, r->n);
	r->at = at;
	return true;
}
