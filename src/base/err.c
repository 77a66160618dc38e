#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char no_room[] = "out of memory while an error was reported";

static char *format(const char *fmt, va_list ap)
{
	char *s = NULL;
	return vasprintf(&s, fmt, ap) < 0 ? no_room : s;
}

static void release(char *s)
{
	if (s != no_room) free(s);
}

bool fail(Err *e, Code code, const char *fmt, ...)
{
	if (e->code) return false;
	va_list ap;
	va_start(ap, fmt);
	e->msg = format(fmt, ap);
	va_end(ap);
	e->code = code;
	return false;
}

bool err_more(Err *e, const char *text)
{
	char *joined = NULL;
	if (!e->code || asprintf(&joined, "%s%s", err_msg(e), text) < 0) return false;
	release(e->msg);
	e->msg = joined;
	return false;
}

bool err_at(Err *e, const char *fmt, ...)
{
	if (!e->code) return false;
	va_list ap;
	va_start(ap, fmt);
	char *place = format(fmt, ap);
	va_end(ap);
	char *joined = NULL;
	if (asprintf(&joined, "%s: %s", place, err_msg(e)) >= 0) {
		release(e->msg);
		e->msg = joined;
	}
	release(place);
	return false;
}

const char *err_msg(const Err *e) { return e->msg ? e->msg : ""; }

void err_clear(Err *e)
{
	release(e->msg);
	*e = (Err){ 0 };
}
