/* Errors are values: a code and one sentence that says where, what was found and what was wanted.
 *
 *	if (n > left) return fail(e, BAD_INPUT, "need %zu bytes at offset %zu, have %zu", n, at, left);
 *
 * The first failure is kept; whoever knows the place better puts it in front with err_at(). */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

typedef enum Code { OK, BAD_INPUT, UNSUPPORTED, NO_MEMORY, IO, PLUGIN } Code;

/* Owns msg (malloc); a zeroed Err is "no failure". Free with err_clear(). */
typedef struct Err {
	Code code;
	char *msg;
} Err;

/* Records the first failure and ignores later ones; always returns false. */
bool fail(Err *e, Code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "place: " before the recorded message; returns false. No failure recorded: does nothing. */
bool err_at(Err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts more lines behind the recorded message; returns false. */
bool err_more(Err *e, const char *text);

/* The message, "" when there is none. Lives until err_clear(). */
const char *err_msg(const Err *e);

void err_clear(Err *e);

#endif
