/* A file being written: for writers whose output is larger than memory. */
#ifndef BASE_OUT_H
#define BASE_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Owns the descriptor; close with out_close(). */
typedef struct Out {
	int fd;
	const char *shown;          /* what messages call it; borrowed */
	uint64_t n;                 /* bytes written so far */
	Err *e;
} Out;

/* Creates path, which must not exist. */
bool out_open(Out *o, const char *path, const char *shown, Err *e);
bool out_write(Out *o, const void *p, size_t n);
/* Closes it; a full disk may show only here. ok: whether all went well so far, else the first failure stands. */
bool out_close(Out *o, bool ok);

#endif
