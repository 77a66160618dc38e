#include "api/test/test_memory.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

static _Thread_local long fail_at;

static bool fails(void) { return fail_at && --fail_at == 0; }

/* ld's --wrap: who calls malloc gets __wrap_malloc, and __real_malloc is the C library's. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return fails() ? NULL : __real_realloc(p, n); }
void *__wrap_aligned_alloc(size_t align, size_t n) { return fails() ? NULL : __real_aligned_alloc(align, n); }

void memory_fails_at(int kind, long n)
{
	if (kind) fail_at = n;
	else arena_fail_at = n;
}
