/* Three passes. check() settles everything jsmn leaves open: UTF-8, control characters, the grammar, numbers, literals,
 * and the depth that keeps jsmn's walks to a parent short. jsmn then makes the tokens. link_tokens() turns the parent
 * links, which only jsmn needs, into links to the next sibling.
 *
 * jsmn is built without JSMN_STRICT: that mode refuses NaN and Infinity, which Python writes, and a number that
 * is the whole document; all it would check beyond that, check() has checked. */
#include "base/json.h"

#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#define JSMN_STATIC
#define JSMN_PARENT_LINKS
#include <jsmn.h>
#pragma GCC diagnostic pop

enum { MAX_DEPTH = 512, MAX_NUMBER = 800 };    /* a double is settled by its first 767 digits */

struct Json {
	const char *text, *what;
	jsmntok_t *tok;     /* .parent of a value is its next sibling (its key, in an object); 0: it is the last */
	int ntok;
};

/* ---- check ------------------------------------------------------------------------------------------------ */

/* What may come next. */
typedef enum Want { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END, NOTHING } Want;

static const char *const wanted[] = {
	[VALUE] = "a value", [VALUE_OR_END] = "a value or ']'", [KEY] = "a string as key", [KEY_OR_END] = "a key or '}'",
	[COLON] = "':'", [COMMA_OR_END] = "',' or the end of this list or object", [NOTHING] = "the end of the document",
};

typedef struct Check {
	const char *text, *what;
	size_t n, at;
	Err *err;
	Want want;
	int depth, ntok;
	char open[MAX_DEPTH];      /* '{' or '[' */
} Check;

static bool bad(const Check *c, size_t at, const char *message)
{
	return fail(c->err, BAD_INPUT, "%s: offset %zu: %s", c->what, at, message);
}

/* Whether each of 8 bytes stands for itself in a string: no quote, backslash, control or byte above 0x7f. */
static bool plain8(const char *p)
{
	uint64_t w, ones = 0x0101010101010101u, high = ones << 7;
	memcpy(&w, p, 8);
	uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
	return !(((quote - ones) | (slash - ones) | (w - ones * 0x20) | w) & high);
}

/* Length of the UTF-8 sequence at p, 0 when it is none (Unicode 15, table 3-7). */
static size_t utf8(const unsigned char *p, size_t left)
{
	static const struct { unsigned char lo, hi, lo2, hi2, n; } row[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (p[0] < row[i].lo || p[0] > row[i].hi) continue;
		if (left < row[i].n || p[1] < row[i].lo2 || p[1] > row[i].hi2) return 0;
		for (size_t k = 2; k < row[i].n; k++) if ((p[k] & 0xc0) != 0x80) return 0;
		return row[i].n;
	}
	return 0;
}

bool is_utf8(const char *p, size_t n)
{
	for (size_t at = 0, len; at < n; at += len) {
		len = (unsigned char)p[at] < 0x80 ? 1 : utf8((const unsigned char *)p + at, n - at);
		if (!len) return false;
	}
	return true;
}

int utf8_cut(const char *p, size_t n, int most)
{
	if (n <= (size_t)most) return (int)n;
	while (most && ((unsigned char)p[most] & 0xc0) == 0x80) most--;
	return most;
}

/* Bytes of the escape at p, 0 when it is none. */
static size_t escape(const char *p, size_t left)
{
	if (left < 2) return 0;
	if (p[1] != 'u') return strchr("\"\\/bfnrt", p[1]) && p[1] ? 2 : 0;
	if (left < 6) return 0;
	for (int i = 2; i < 6; i++) if (!strchr("0123456789abcdefABCDEF", p[i]) || !p[i]) return 0;
	return 6;
}

static bool check_string(Check *c)
{
	size_t start = c->at++;
	for (;;) {
		while (c->n - c->at >= 8 && plain8(c->text + c->at)) c->at += 8;
		if (c->at >= c->n) return bad(c, start, "a string without its closing quote");
		const unsigned char *p = (const unsigned char *)c->text + c->at;
		if (*p == '"') {
			c->at++;
			return true;
		}
		if (*p < 0x20) return bad(c, c->at, "a control character in a string");
		size_t n = *p == '\\' ? escape(c->text + c->at, c->n - c->at) : *p < 0x80 ? 1 : utf8(p, c->n - c->at);
		if (!n) return bad(c, c->at, *p == '\\' ? "a bad escape in a string" : "bytes that are not UTF-8");
		c->at += n;
	}
}

static size_t digits(const char *p, size_t n, size_t at)
{
	while (at < n && p[at] >= '0' && p[at] <= '9') at++;
	return at;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?   RFC 8259, section 6 */
static bool is_number(const char *p, size_t n)
{
	size_t at = n && p[0] == '-', from = at;
	at = digits(p, n, at);
	if (at == from || (p[from] == '0' && at > from + 1)) return false;
	if (at < n && p[at] == '.') {
		from = ++at;
		at = digits(p, n, at);
		if (at == from) return false;
	}
	if (at < n && (p[at] == 'e' || p[at] == 'E')) {
		at++;
		if (at < n && (p[at] == '+' || p[at] == '-')) at++;
		from = at;
		at = digits(p, n, at);
		if (at == from) return false;
	}
	return at == n;
}

static bool same(const char *p, size_t n, const char *s) { return n == strlen(s) && !memcmp(p, s, n); }

static bool is_special(const char *p, size_t n)
{
	return same(p, n, "NaN") || same(p, n, "Infinity") || same(p, n, "-Infinity");
}

static bool check_word(Check *c)
{
	size_t start = c->at;
	while (c->at < c->n && !memchr(" \t\r\n,:]}[{\"", c->text[c->at], 11)) c->at++;
	const char *p = c->text + start;
	size_t n = c->at - start;
	if (is_number(p, n) || same(p, n, "true") || same(p, n, "false") || same(p, n, "null") || is_special(p, n))
		return true;
	if (!is_utf8(p, n)) return bad(c, start, "bytes that are not UTF-8");
	return fail(c->err, BAD_INPUT, "%s: offset %zu: '%.*s' is no JSON value", c->what, start, utf8_cut(p, n, 20), p);
}

static Want after_value(const Check *c) { return c->depth ? COMMA_OR_END : NOTHING; }

static bool open_list(Check *c, char kind)
{
	if (c->depth == MAX_DEPTH) return bad(c, c->at, "nested deeper than 512");
	c->open[c->depth++] = kind;
	c->want = kind == '{' ? KEY_OR_END : VALUE_OR_END;
	c->at++;
	return true;
}

static bool close_list(Check *c, char kind)
{
	bool may = c->depth && c->open[c->depth - 1] == kind &&
		(c->want == COMMA_OR_END || c->want == (kind == '{' ? KEY_OR_END : VALUE_OR_END));
	if (!may) return bad(c, c->at, "a bracket that closes nothing here");
	c->depth--;
	c->want = after_value(c);
	c->at++;
	return true;
}

static bool check_token(Check *c, char first)
{
	bool value = c->want == VALUE || c->want == VALUE_OR_END, key = c->want == KEY || c->want == KEY_OR_END;
	switch (first) {
	case '}': return close_list(c, '{');
	case ']': return close_list(c, '[');
	case ',':
		if (c->want != COMMA_OR_END) break;
		c->want = c->open[c->depth - 1] == '{' ? KEY : VALUE;
		c->at++;
		return true;
	case ':':
		if (c->want != COLON) break;
		c->want = VALUE;
		c->at++;
		return true;
	case '"':
		if (!value && !key) break;
		c->ntok++;
		c->want = key ? COLON : after_value(c);
		return check_string(c);
	case '{': case '[':
		if (!value) break;
		c->ntok++;
		return open_list(c, first);
	default:
		if (!value) break;
		c->ntok++;
		c->want = after_value(c);
		return check_word(c);
	}
	return fail(c->err, BAD_INPUT, "%s: offset %zu: expected %s", c->what, c->at, wanted[c->want]);
}

static bool check(Check *c)
{
	for (;;) {
		while (c->at < c->n && (c->text[c->at] == ' ' || (c->text[c->at] >= '\t' && c->text[c->at] <= '\r'))) {
			if (c->text[c->at] == '\v' || c->text[c->at] == '\f') break;
			c->at++;
		}
		if (c->at == c->n) break;
		if (!check_token(c, c->text[c->at])) return false;
	}
	if (c->want == NOTHING) return true;
	return fail(c->err, BAD_INPUT, "%s: offset %zu: the document ends where %s should stand", c->what, c->n,
		wanted[c->want]);
}

/* ---- parse ------------------------------------------------------------------------------------------------ */

static bool is_list(const jsmntok_t *t) { return t->type == JSMN_OBJECT || t->type == JSMN_ARRAY; }
static bool is_key(const jsmntok_t *t) { return t->type == JSMN_STRING && t->size == 1; }

/* Token i ends every open list that ends before it: the outermost of these has i as its next sibling, all other ends
 * of lists are last in theirs. A scalar has i as its sibling when i follows it directly and no list ended in between. */
static void link_tokens(jsmntok_t *tok, int n)
{
	int open[MAX_DEPTH + 1], depth = 0;
	for (int i = 0; i < n; i++) {
		int ended = -1;
		while (depth && tok[open[depth - 1]].end <= tok[i].start) ended = open[--depth];
		if (ended >= 0) tok[ended].parent = i;
		else if (i && !is_list(&tok[i - 1]) && !is_key(&tok[i - 1])) tok[i - 1].parent = i;
		tok[i].parent = 0;
		if (is_list(&tok[i])) open[depth++] = i;
	}
}

const Json *json_parse(Arena *a, const char *text, size_t n, const char *what, Err *e)
{
	Check c = { .text = text, .what = what, .n = n, .err = e };
	if (n >= INT_MAX) {
		fail(e, UNSUPPORTED, "%s: %zu bytes of JSON, at most %d can be read", what, n, INT_MAX - 1);
		return NULL;
	}
	if (!check(&c)) return NULL;

	Json *doc = NEW(a, Json, 1);
	*doc = (Json){ .text = text, .ntok = c.ntok };
	doc->what = arena_str(a, what, strlen(what));
	doc->tok = NEW(a, jsmntok_t, c.ntok);
	jsmn_parser parser;
	jsmn_init(&parser);
	int got = jsmn_parse(&parser, text, n, doc->tok, (unsigned)c.ntok);
	if (got != c.ntok) {
		fail(e, BAD_INPUT, "%s: the tokenizer found %d values and the checker %d", what, got, c.ntok);
		return NULL;
	}
	link_tokens(doc->tok, doc->ntok);
	return doc;
}

/* ---- look-ups --------------------------------------------------------------------------------------------- */

static const JVal missing = { NULL, 0 };

static const jsmntok_t *token(JVal v) { return &v.doc->tok[v.tok]; }

JVal json_root(const Json *doc) { return doc ? (JVal){ doc, 0 } : missing; }

JKind json_kind(JVal v)
{
	if (!v.doc) return JSON_missing;
	const jsmntok_t *t = token(v);
	switch (t->type) {
	case JSMN_OBJECT: return JSON_object;
	case JSMN_ARRAY:  return JSON_array;
	case JSMN_STRING: return JSON_string;
	default: break;
	}
	char c = v.doc->text[t->start];
	return c == 't' || c == 'f' ? JSON_bool : c == 'n' ? JSON_null : JSON_number;
}

int json_len(JVal v) { return v.doc && is_list(token(v)) ? token(v)->size : 0; }

/* The value at token i, behind its key when it has one. */
static JVal value_at(const Json *doc, int i) { return (JVal){ doc, is_key(&doc->tok[i]) ? i + 1 : i }; }

JVal json_first(JVal v) { return json_len(v) ? value_at(v.doc, v.tok + 1) : missing; }

JVal json_next(JVal v)
{
	int next = v.doc ? token(v)->parent : 0;
	return next ? value_at(v.doc, next) : missing;
}

JVal json_key(JVal v, const char *key)
{
	if (json_kind(v) != JSON_object) return missing;
	JEACH(x, v) if (json_is(json_member_name(x), key)) return x;
	return missing;
}

JVal json_member_name(JVal v)
{
	if (!v.doc || !v.tok || !is_key(&v.doc->tok[v.tok - 1])) return missing;
	return (JVal){ v.doc, v.tok - 1 };
}

const char *json_member(Arena *a, JVal v) { return json_str(a, json_member_name(v)); }

/* ---- conversions ------------------------------------------------------------------------------------------ */

int64_t json_int(JVal v, int64_t otherwise)
{
	if (json_kind(v) != JSON_number) return otherwise;
	const jsmntok_t *t = token(v);
	const char *p = v.doc->text + t->start, *end = v.doc->text + t->end;
	bool minus = *p == '-';
	uint64_t u = 0, most = (uint64_t)INT64_MAX + minus;
	for (p += minus; p < end; p++) {
		uint64_t d = (uint64_t)(*p - '0');
		if (d > 9 || u > (most - d) / 10) return otherwise;
		u = 10 * u + d;
	}
	return (int64_t)(minus ? 0 - u : u);
}

/* strtod reads the decimal point of the process's locale. */
static double to_double(const char *p, size_t n, double otherwise)
{
	char text[MAX_NUMBER + 16];
	const char *point = localeconv()->decimal_point;
	size_t npoint = strlen(point), at = 0;
	if (n > MAX_NUMBER || npoint > 8) return otherwise;
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '.') {
			text[at++] = p[i];
			continue;
		}
		memcpy(text + at, point, npoint);
		at += npoint;
	}
	text[at] = 0;
	return strtod(text, NULL);
}

double json_num(JVal v, double otherwise)
{
	if (json_kind(v) != JSON_number) return otherwise;
	const jsmntok_t *t = token(v);
	const char *p = v.doc->text + t->start;
	size_t n = (size_t)(t->end - t->start);
	if (*p == 'N') return NAN;
	if (is_special(p, n)) return *p == '-' ? -INFINITY : INFINITY;
	return to_double(p, n, otherwise);
}

bool json_bool_or(JVal v, bool otherwise)
{
	return json_kind(v) == JSON_bool ? v.doc->text[token(v)->start] == 't' : otherwise;
}

static unsigned hex4(const char *p)
{
	unsigned u = 0;
	for (int i = 0; i < 4; i++) u = u << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return u;
}

static char *put_utf8(char *out, unsigned u)
{
	if (u < 0x80) {
		*out++ = (char)u;
		return out;
	}
	int more = u < 0x800 ? 1 : u < 0x10000 ? 2 : 3;
	static const unsigned lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	*out++ = (char)(lead[more] | u >> (6 * more));
	while (more--) *out++ = (char)(0x80 | ((u >> (6 * more)) & 0x3f));
	return out;
}

/* The code point of the \u escape at *p, which moves behind it. Half a surrogate pair reads as U+FFFD. */
static unsigned get_escape(const char **p, const char *end)
{
	unsigned u = hex4(*p + 2), low;
	*p += 6;
	if (u < 0xd800 || u > 0xdfff) return u;
	if (u > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return 0xfffd;
	low = hex4(*p + 2);
	if (low < 0xdc00 || low > 0xdfff) return 0xfffd;
	*p += 6;
	return 0x10000 + ((u - 0xd800) << 10 | (low - 0xdc00));
}

/* The bytes (at most 4) that the escape at *p stands for, put at out; *p moves behind it. 0 bytes: it is \u0000. */
static size_t unescape(const char **p, const char *end, char *out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	if ((*p)[1] == 'u') {
		unsigned u = get_escape(p, end);
		return u ? (size_t)(put_utf8(out, u) - out) : 0;
	}
	const char *is = strchr(from, (*p)[1]);
	*out = is ? to[is - from] : (*p)[1];
	*p += 2;
	return 1;
}

const char *json_str(Arena *a, JVal v)
{
	if (json_kind(v) != JSON_string) return NULL;
	const jsmntok_t *t = token(v);
	const char *p = v.doc->text + t->start, *end = v.doc->text + t->end;
	char *s = arena_alloc(a, (size_t)(end - p) + 1, 1), *out = s;
	for (;;) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		size_t plain = (size_t)((slash ? slash : end) - p);
		memcpy(out, p, plain);
		out += plain;
		if (!slash) return s;
		p = slash;
		size_t n = unescape(&p, end, out);
		if (!n) return NULL;
		out += n;
	}
}

bool json_is(JVal v, const char *s)
{
	if (!v.doc || token(v)->type != JSMN_STRING) return false;
	const jsmntok_t *t = token(v);
	const char *p = v.doc->text + t->start, *end = v.doc->text + t->end;
	if (same(p, (size_t)(end - p), s)) return !strchr(s, '\\');
	if (!memchr(p, '\\', (size_t)(end - p))) return false;
	while (p < end) {
		char c[4] = { *p };
		size_t n = 1;
		if (*p == '\\') n = unescape(&p, end, c);
		else p++;
		if (!n || strncmp(s, c, n)) return false;
		s += n;
	}
	return !*s;
}

const char *json_text(JVal v, size_t *n)
{
	*n = 0;
	if (!v.doc) return NULL;
	const jsmntok_t *t = token(v);
	int quote = t->type == JSMN_STRING;
	*n = (size_t)(t->end - t->start + 2 * quote);
	return v.doc->text + t->start - quote;
}

bool json_fail(Err *e, JVal v, const char *fmt, ...)
{
	if (e->code) return false;
	va_list ap;
	va_start(ap, fmt);
	char *message = NULL;
	int n = vasprintf(&message, fmt, ap);
	va_end(ap);
	if (n < 0) return fail(e, NO_MEMORY, "out of memory");
	if (v.doc) fail(e, BAD_INPUT, "%s: offset %d: %s", v.doc->what, token(v)->start, message);
	else fail(e, BAD_INPUT, "%s", message);
	free(message);
	return false;
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

/* The next code point of checked UTF-8. */
static uint32_t next_char(const char **s)
{
	const uint8_t *p = (const uint8_t *)*s;
	int n = p[0] < 0x80 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
	uint32_t c = n ? p[0] & (0x3fu >> n) : p[0];
	int i = 1;
	for (; i <= n && (p[i] & 0xc0) == 0x80; i++) c = c << 6 | (p[i] & 0x3f);
	*s += i;
	return c;
}

void put_json_str(Buf *b, const char *s)
{
	if (!s) { put_str(b, "null"); return; }
	put_byte(b, '"');
	while (*s) {
		uint32_t c = next_char(&s);
		const char *at = c < 0x80 ? strchr("\"\"\\\\\nn\rr\tt\bb\ff", (int)c) : NULL;
		if (at && (c < ' ' || c == '"' || c == '\\')) putf(b, "\\%c", at[1]);
		else if (c >= ' ' && c <= '~') put_byte(b, (uint8_t)c);
		else if (c < 0x10000) putf(b, "\\u%04x", c);
		else putf(b, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
	}
	put_byte(b, '"');
}
