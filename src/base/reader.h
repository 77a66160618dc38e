/* Bytes in. Every read checks what is left; once a failure is recorded numbers read as 0 and blocks as NULL, so that
 * readers chain reads and check once. */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Borrows p[0..n). `what` names the input in messages ("archive", "weights.npy"). */
typedef struct Reader {
	const uint8_t *p;
	size_t n, at;
	const char *what;
	Err *err;
} Reader;

/* The next n bytes, or NULL (with the failure recorded) when fewer are left. */
const uint8_t *get(Reader *r, size_t n);
uint64_t get_le(Reader *r, int nbytes);
static inline uint8_t  get_u8 (Reader *r) { return (uint8_t)get_le(r, 1); }
static inline uint16_t get_u16(Reader *r) { return (uint16_t)get_le(r, 2); }
static inline uint32_t get_u32(Reader *r) { return (uint32_t)get_le(r, 4); }
static inline uint64_t get_u64(Reader *r) { return get_le(r, 8); }

/* Moves to offset `at` (at <= n). */
bool seek(Reader *r, size_t at);

#endif
