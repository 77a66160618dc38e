#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Chunk {
	Chunk *next;
	size_t nbytes;
};

/* Under the address sanitizer what lies between blocks must not be touched. */
#ifdef __SANITIZE_ADDRESS__
#define ARENA_ASAN 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP = 32 };
#define FORBID(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#else
enum { GAP = 0 };
#define FORBID(p, n) ((void)0)
#endif

enum { ALIGN = 16, FIRST = 1 << 16, LARGEST = 1 << 20 };
#define HEAD ((sizeof(Chunk) + ALIGN - 1) & ~(size_t)(ALIGN - 1))

_Thread_local long arena_fail_at;

static _Noreturn void full(Arena *a)
{
	if (!a->full) abort();     /* our own mistake: an arena used before its owner set `full` */
	longjmp(*a->full, 1);
}

/* A chunk is calloc'ed, so a fresh block is zero already. */
static void *grow(Arena *a, size_t nbytes)
{
	size_t want = a->nbytes < FIRST ? FIRST : a->nbytes < LARGEST ? a->nbytes : LARGEST;
	if (want < nbytes + GAP + HEAD) want = nbytes + GAP + HEAD;
	if (arena_fail_at && --arena_fail_at == 0) full(a);
	Chunk *c = calloc(1, want);
	if (!c) full(a);
	c->nbytes = want;
	c->next = a->chunk;
	a->chunk = c;
	a->nbytes += want;
	a->at = (char *)c + HEAD;
	a->end = (char *)c + want;
	return a->at;
}

void *arena_alloc(Arena *a, size_t n, size_t size)
{
	if (size && n > (SIZE_MAX / 2 - HEAD - ALIGN - GAP) / size) full(a);
	size_t nbytes = (n * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!nbytes) nbytes = ALIGN;
	if (nbytes + GAP > (size_t)(a->end - a->at)) grow(a, nbytes);
	char *p = a->at;
	a->at += nbytes + GAP;
	FORBID(p + n * size, nbytes + GAP - n * size);
	return p;
}

void *arena_copy(Arena *a, const void *p, size_t n, size_t size)
{
	void *q = arena_alloc(a, n, size);
	if (n) memcpy(q, p, n * size);
	return q;
}

char *arena_str(Arena *a, const char *p, size_t n)
{
	char *s = arena_alloc(a, n + 1, 1);
	if (n) memcpy(s, p, n);
	return s;
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *s = arena_alloc(a, (size_t)n + 1, 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void vec_room(Arena *a, void **v, int *n, int *cap, size_t size)
{
	if (*n < *cap) return;
	if (*cap > INT32_MAX / 2) full(a);
	int more = *cap ? 2 * *cap : 8;
	void *p = arena_alloc(a, (size_t)more, size);
	if (*n) memcpy(p, *v, (size_t)*n * size);
	*v = p;
	*cap = more;
}

void arena_free(Arena *a)
{
	for (Chunk *c = a->chunk, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	*a = (Arena){ 0 };
}
