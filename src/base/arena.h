/* Memory that dies all at once. One arena per unit of life (a program, a module, a stage's scratch), one thread each.
 *
 *	Arena a = { 0 };
 *	jmp_buf full;
 *	if (setjmp(full)) { arena_free(&a); return fail(e, NO_MEMORY, "out of memory"); }
 *	a.full = &full;
 *	int64_t *dim = NEW(&a, int64_t, rank);
 *
 * Allocation never returns NULL: with no memory left, control goes to `full`, which the API function that opened the
 * arena has set. What is not memory (files, maps, handles) must therefore hang on a struct that function can close. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

typedef struct Chunk Chunk;

/* Owns every block handed out; free with arena_free(). Zeroed: empty and ready. */
typedef struct Arena {
	Chunk *chunk;
	char *at, *end;
	jmp_buf *full;
	size_t nbytes;      /* taken from the system so far */
} Arena;

/* n objects of `size` bytes, zeroed, aligned to 16; n * size is checked for overflow. */
void *arena_alloc(Arena *a, size_t n, size_t size);
#define NEW(a, T, n) ((T *)arena_alloc(a, (size_t)(n), sizeof(T)))

/* A copy of n objects. */
void *arena_copy(Arena *a, const void *p, size_t n, size_t size);
#define COPY(a, T, p, n) ((T *)arena_copy(a, p, (size_t)(n), sizeof(T)))

/* A NUL-terminated copy of n bytes; a formatted string. */
char *arena_str(Arena *a, const char *p, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void arena_free(Arena *a);

/* Only for tests: the n-th system allocation from now on fails (0: none does). */
extern _Thread_local long arena_fail_at;

/* A growing array in an arena: grown by doubling, the old block stays until the arena goes.
 *	VEC(Node) nodes;  *push(a, &nodes) = node;
 * A cast-free macro over one function. */
#define VEC(T) struct { T *v; int n, cap; }
#define push(a, vec) (vec_room(a, (void **)&(vec)->v, &(vec)->n, &(vec)->cap, sizeof *(vec)->v), &(vec)->v[(vec)->n++])
void vec_room(Arena *a, void **v, int *n, int *cap, size_t size);

#endif
