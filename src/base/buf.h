/* Bytes out. One growing block; once memory has run out every call does nothing and `failed` stays set, so that
 * writers never check and the one who asked for the bytes does, at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Owns p (malloc); free with buf_free(). Zeroed: empty and ready. */
typedef struct Buf {
	uint8_t *p;
	size_t n, cap;
	bool failed;
} Buf;

void put(Buf *b, const void *p, size_t n);
void put_byte(Buf *b, uint8_t byte);
void put_str(Buf *b, const char *s);
void putf(Buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Little-endian, as every format we write has it. */
void put_le(Buf *b, uint64_t v, int nbytes);

void buf_free(Buf *b);

/* The bytes as a NUL-terminated string in the arena; b is freed, also when the arena has no memory. NULL: b has failed. */
char *buf_to_arena(Buf *b, Arena *a);

#endif
