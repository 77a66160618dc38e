#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool room(Buf *b, size_t n)
{
	if (b->failed) return false;
	if (n <= b->cap - b->n) return true;
	size_t cap = b->cap ? b->cap : 256;
	while (cap - b->n < n && cap < SIZE_MAX / 2) cap *= 2;
	uint8_t *p = cap - b->n < n ? NULL : realloc(b->p, cap);
	if (!p) return b->failed = true, false;
	b->p = p;
	b->cap = cap;
	return true;
}

void put(Buf *b, const void *p, size_t n)
{
	if (!n || !room(b, n)) return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void put_byte(Buf *b, uint8_t byte)
{
	if (b->n == b->cap && !room(b, 1)) return;
	if (b->failed) return;
	b->p[b->n++] = byte;
}

void put_str(Buf *b, const char *s) { put(b, s, strlen(s)); }

void putf(Buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0 && room(b, (size_t)n + 1)) {
		vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

void put_le(Buf *b, uint64_t v, int nbytes)
{
	for (int i = 0; i < nbytes; i++) put_byte(b, (uint8_t)(v >> (8 * i)));
}

void buf_free(Buf *b)
{
	free(b->p);
	*b = (Buf){ 0 };
}

char *buf_to_arena(Buf *b, Arena *a)
{
	jmp_buf full, *around = a->full;
	if (setjmp(full)) {
		buf_free(b);
		a->full = around;
		longjmp(*around, 1);
	}
	a->full = &full;
	char *s = b->failed ? NULL : arena_str(a, (const char *)b->p, b->n);
	a->full = around;
	buf_free(b);
	return s;
}
