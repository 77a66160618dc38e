/* Tokens of MLIR's text (mlir/docs/LangRef.md, "Notation"; mlir/lib/AsmParser/Lexer.cpp), and what is wrong with them. */
#include "stablehlo/parse.h"

#include <stdio.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
static bool is_word_char(char c) { return is_letter(c) || is_digit(c) || c == '$' || c == '.'; }
static bool is_suffix_char(char c) { return is_word_char(c) || c == '-'; }

/* -- scanning -------------------------------------------------------------------------------------------- */

/* White space and comments. */
static const char *past_blank(const Parse *p, const char *s)
{
	for (; s < p->end; s++) {
		if (*s == '/' && p->end - s > 1 && s[1] == '/') {
			s = memchr(s, '\n', (size_t)(p->end - s));
			if (!s) return p->end;
		} else if (*s != ' ' && *s != '\n' && *s != '\t' && *s != '\r') {
			break;
		}
	}
	return s;
}

static const char *past(const Parse *p, const char *s, bool of(char))
{
	while (s < p->end && of(*s)) s++;
	return s;
}

static bool has(const char *s, size_t n, char c) { return memchr(s, c, n) != NULL; }

/* Behind the closing quote; NULL: there is none in the line. Long ones are bytes of constants, with nothing in them. */
static const char *past_string(const Parse *p, const char *s)
{
	const char *quote = memchr(s + 1, '"', (size_t)(p->end - s) - 1);
	size_t n = quote ? (size_t)(quote - s) : 0;
	if (n && !has(s, n, '\\') && !has(s, n, '\n') && !has(s, n, '\v') && !has(s, n, '\f')) return quote + 1;
	for (s++; s < p->end && *s != '\n' && *s != '\v' && *s != '\f'; s++) {
		if (*s == '"') return s + 1;
		if (*s == '\\' && p->end - s > 1) s++;
	}
	return NULL;
}

/* digits, or letters and more. */
static const char *past_name(const Parse *p, const char *s)
{
	if (s < p->end && is_digit(*s)) return past(p, s, is_digit);
	return past(p, s, is_suffix_char);
}

static int number_at(const Parse *p, const char **s)
{
	const char *at = *s;
	if (*at == '0' && p->end - at > 2 && at[1] == 'x' && is_hex_digit(at[2])) {
		*s = past(p, at + 2, is_hex_digit);
		return T_INT;
	}
	at = past(p, at, is_digit);
	*s = at;
	if (at == p->end || *at != '.') return T_INT;
	at = past(p, at + 1, is_digit);
	*s = at;
	if (p->end - at < 2 || (*at != 'e' && *at != 'E')) return T_FLOAT;
	at += 1 + ((at[1] == '+' || at[1] == '-') && p->end - at > 2);
	if (is_digit(*at)) *s = past(p, at, is_digit);
	return T_FLOAT;
}

static int prefixed(const Parse *p, const char **s, int kind)
{
	const char *from = *s + 1;
	*s = past_name(p, from);
	return *s > from ? kind : T_BAD;
}

static bool follows(const Parse *p, const char *s, const char *mark)
{
	size_t n = strlen(mark);
	return (size_t)(p->end - s) >= n && !memcmp(s, mark, n);
}

/* A mark of several characters, or the character. */
static int mark_at(const Parse *p, const char **s)
{
	static const struct { const char *mark; int kind; } longer[] = {
		{ "->", T_ARROW }, { "::", T_SCOPE }, { "...", T_DOTS }, { "{-#", T_META }, { "#-}", T_META_END },
	};
	char c = **s;
	for (size_t i = 0; i < sizeof longer / sizeof *longer; i++)
		if (*longer[i].mark == c && follows(p, *s, longer[i].mark)) {
			*s += strlen(longer[i].mark);
			return longer[i].kind;
		}
	++*s;
	switch (c) {
	case '(': case ')': case '{': case '}': case '[': case ']': case '<': case '>': case ',': case ':': case '=': case '?': case '*':
	case '+': case '-': case '/': case '|': return c;
	default: return T_BAD;
	}
}

static int symbol_at(const Parse *p, const char **s)
{
	const char *from = *s + 1;
	if (from < p->end && *from == '"') {
		const char *end = past_string(p, from);
		*s = end ? end : p->end;
		return end ? T_SYMBOL : T_BAD;
	}
	*s = past(p, from, is_word_char);
	return *s > from ? T_SYMBOL : T_BAD;
}

static int string_at(const Parse *p, const char **s)
{
	const char *end = past_string(p, *s);
	*s = end ? end : p->end;
	return end ? T_STRING : T_BAD;
}

static int token_at(const Parse *p, const char **s)
{
	char c = **s;
	if (is_letter(c)) {
		*s = past(p, *s, is_word_char);
		return T_WORD;
	}
	if (is_digit(c)) return number_at(p, s);
	switch (c) {
	case '%': return prefixed(p, s, T_VALUE);
	case '^': return prefixed(p, s, T_BLOCK);
	case '!': return prefixed(p, s, T_BANG);
	case '#': return follows(p, *s, "#-}") ? mark_at(p, s) : prefixed(p, s, T_HASH);
	case '@': return symbol_at(p, s);
	case '"': return string_at(p, s);
	default:  return mark_at(p, s);
	}
}

void go_to(Parse *p, const char *s)
{
	s = past_blank(p, s);
	p->tok = (Token){ .kind = T_END, .s = s };
	if (s < p->end) p->tok.kind = token_at(p, &s);
	p->tok.n = (size_t)(s - p->tok.s);
	p->at = s;
}

void advance(Parse *p)
{
	p->behind = p->at;
	go_to(p, p->at);
}

const char *past_brackets(Parse *p, const char *s)
{
	enum { DEEPEST = 200 };
	char closing[DEEPEST];
	int n = 0;
	const char *from = s;
	while (s < p->end) {
		const char *open = *s ? strchr("<[({", *s) : NULL;
		if (open && n == DEEPEST) break;
		if (open) closing[n++] = ">])}"[open - "<[({"];
		else if (follows(p, s, "->")) s++;
		else if (*s && strchr(">])}", *s) && *s != closing[--n]) break;
		if (!n) return s + 1;
		const char *after = *s == '"' ? past_string(p, s) : s + 1;
		if (!after) break;
		s = after;
	}
	wrong(p, from, BAD_INPUT, "brackets that do not close, or nest deeper than %d", DEEPEST);
	return NULL;
}

/* -- looking and taking ---------------------------------------------------------------------------------- */

bool want(Parse *p, int kind)
{
	static const char *const name[] = { "the end", "a word", "a value", "a block", "a symbol", "an attribute's name", "a type's name",
		"an integer", "a float", "a string", "'->'", "'::'", "'...'", "'{-#'", "'#-}'" };
	if (take(p, kind)) return true;
	char mark[] = { '\'', (char)kind, '\'', 0 };
	return unexpected(p, kind < T_END ? mark : name[kind - T_END]);
}

bool want_token(Parse *p, Token word)
{
	char quoted[64];
	if (p->tok.kind == T_WORD && p->tok.n == word.n && !memcmp(p->tok.s, word.s, word.n)) return advance(p), true;
	snprintf(quoted, sizeof quoted, "'%.*s'", (int)word.n, word.s);
	return unexpected(p, quoted);
}

bool want_word(Parse *p, const char *word) { return want_token(p, (Token){ T_WORD, word, strlen(word) }); }

bool want_field(Parse *p, const char *word) { return want_word(p, word) && want(p, '='); }

bool word_follows(Parse *p, Token word)
{
	const char *s = past_blank(p, p->at), *end = past(p, s, is_word_char);
	return (size_t)(end - s) == word.n && !memcmp(s, word.s, word.n);
}

bool value_follows(Parse *p)
{
	const char *s = past_blank(p, p->at);
	return s < p->end && *s == '%';
}

/* -- failures -------------------------------------------------------------------------------------------- */

bool wrong(Parse *p, const char *s, Code code, const char *fmt, ...)
{
	if (failed(p)) return false;
	int line = 1;
	const char *begin = p->text;
	for (const char *c; (c = memchr(begin, '\n', (size_t)(s - begin))); begin = c + 1) line++;
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fail(p->err, code, "%s:%d:%d: %s", p->name, line, (int)(s - begin) + 1, text);
	p->at = p->end;
	p->tok = (Token){ .kind = T_END, .s = p->end };
	return false;
}

const char *shown(Parse *p, Token t)
{
	enum { LONGEST = 60 };
	size_t n = t.n < LONGEST ? t.n : LONGEST;
	if (t.kind == T_END) return "the end";
	if (t.kind == T_BAD && *t.s == '"') return "a string without its end";
	while (n && n < t.n && ((unsigned char)t.s[n] & 0xc0) == 0x80) n--;          /* cuts no character of UTF-8 in two */
	return arena_printf(&p->scratch, t.kind == T_STRING ? "%.*s%s" : "'%.*s%s'", (int)n, t.s, n < t.n ? "..." : "");
}

bool unexpected(Parse *p, const char *wanted)
{
	return wrong(p, p->tok.s, BAD_INPUT, "found %s, wanted %s", shown(p, p->tok), wanted);
}
