/* A JSON document, read in place: one token array over the bytes, no copies until a string is asked for.
 *
 *	Json doc;
 *	if (!json_parse(&doc, arena, text, n, "model.json", err)) return false;
 *	JVal nodes = json_key(json_key(json_root(&doc), "graph_module"), "nodes");
 *	JEACH(item, nodes) ...
 *
 * A look-up that finds nothing gives a null value (kind JSON_missing), and a look-up in that gives it again, so a
 * chain needs one check at its end. Numbers follow Python's json: also NaN, Infinity and -Infinity.
 * Depth is bounded (512); the document must be UTF-8 and exactly one value. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

typedef enum JKind { JSON_missing, JSON_null, JSON_bool, JSON_number, JSON_string, JSON_array, JSON_object } JKind;

typedef struct Json Json;                     /* borrows the text; lives in the arena */
typedef struct JVal { const Json *doc; int tok; } JVal;     /* doc NULL: missing */

/* Parses text[0..n), which must outlive the document. `what` (borrowed) names it in messages. */
const Json *json_parse(Arena *a, const char *text, size_t n, const char *what, Err *e);
JVal json_root(const Json *doc);

JKind json_kind(JVal v);
int  json_len(JVal v);                        /* items of an array, members of an object; else 0 */
JVal json_key(JVal v, const char *key);       /* a member of an object */
JVal json_first(JVal v);                      /* first item, or first member's value */
JVal json_next(JVal v);                       /* the one after it; missing at the end */
const char *json_member(Arena *a, JVal v);    /* the key under which v stands in its object */
JVal json_member_name(JVal v);                /* the same as a string value; missing when v is no member */

#define JEACH(x, v) for (JVal x = json_first(v); json_kind(x); x = json_next(x))

/* Conversions. A value of another kind gives the default. */
int64_t json_int(JVal v, int64_t otherwise);  /* also fails over to otherwise when it does not fit or has a fraction */
double  json_num(JVal v, double otherwise);
bool    json_bool_or(JVal v, bool otherwise);
/* Unescaped, NUL-terminated copy in the arena (escapes to UTF-8; "\u0000" is refused as missing); NULL when v is no string. */
const char *json_str(Arena *a, JVal v);
bool json_is(JVal v, const char *s);          /* v is the string s; no allocation when it has no escapes */

/* The source text of a value, for embedding it elsewhere unchanged (strings with their quotes). */
const char *json_text(JVal v, size_t *n);

/* Writes a string (UTF-8; NULL: null) as Python's json does with ensure_ascii: everything but printable ASCII is escaped. */
void put_json_str(Buf *b, const char *s);

/* Whether p[0..n) is UTF-8; and the most bytes, up to `most`, that cut none of its characters in two. */
bool is_utf8(const char *p, size_t n);
int utf8_cut(const char *p, size_t n, int most);

/* Records "what: offset N: message" */
bool json_fail(Err *e, JVal v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
