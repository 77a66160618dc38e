/* Literals: integers, floats, strings. */
#include "stablehlo/parse.h"

#include <stdlib.h>

/* -- integers -------------------------------------------------------------------------------------------- */

bool is_hex(Token t) { return t.n > 2 && t.s[1] == 'x'; }

/* Of a digit: its value. */
static int nibble(char c) { return (c & 15) + (c > '9' ? 9 : 0); }

bool int_bits(Token t, uint64_t *v)
{
	bool hex = is_hex(t), fits = true;
	*v = 0;
	for (size_t i = hex ? 2 : 0; i < t.n; i++) {
		fits = fits && !__builtin_mul_overflow(*v, hex ? 16u : 10u, v);
		fits = fits && !__builtin_add_overflow(*v, (uint64_t)nibble(t.s[i]), v);
	}
	return fits;
}

bool parse_int(Parse *p, int64_t *out)
{
	const char *at = p->tok.s;
	bool minus = take(p, '-');
	uint64_t v;
	*out = 0;
	if (p->tok.kind != T_INT) return unexpected(p, "an integer");
	if (!int_bits(p->tok, &v) || v > (uint64_t)INT64_MAX + minus)
		return wrong(p, at, BAD_INPUT, "%s does not fit 64 bits", shown(p, p->tok));
	*out = (int64_t)(minus ? -v : v);
	advance(p);
	return true;
}

bool parse_ints(Parse *p, int open, int close)
{
	if (!want(p, open)) return false;
	if (take(p, close)) return true;
	do if (!parse_int(p, push(&p->scratch, &p->number))) return false;
	while (take(p, ','));
	return want(p, close);
}

Ints take_ints(Parse *p, int from)
{
	Ints x = { p->number.n - from, NULL };
	x.v = COPY(p->a, int64_t, p->number.v + from, x.n);
	p->number.n = from;
	return x;
}

/* -- floats ---------------------------------------------------------------------------------------------- */

static bool is_mantissa(char c) { return c == '.' || (c >= '0' && c <= '9'); }

/* What is written behind the e at t.s[i], if there is one; as large as any that matters. */
static int64_t exponent_at(Token t, size_t i)
{
	int64_t v = 0;
	if (i == t.n) return 0;
	bool minus = t.s[++i] == '-';
	for (i += minus || t.s[i] == '+'; i < t.n; i++)
		if (v < 1000000000) v = 10 * v + (t.s[i] - '0');
	return minus ? -v : v;
}

/* Any digits, by strtod(). Written without a point, whose character the locale decides. */
static double slow_double(Parse *p, Token t)
{
	char *s = NEW(&p->scratch, char, t.n + 32), digits[24];
	size_t n = 0, i = 0, k = sizeof digits;
	int64_t exp = 0;
	for (bool point = false; i < t.n && is_mantissa(t.s[i]); i++) {
		if (t.s[i] == '.') point = true;
		else s[n++] = t.s[i], exp -= point;
	}
	exp += exponent_at(t, i);
	uint64_t left = exp < 0 ? (uint64_t)-exp : (uint64_t)exp;
	do digits[--k] = (char)('0' + left % 10);
	while (left /= 10);
	s[n++] = 'e';
	s[n++] = exp < 0 ? '-' : '+';
	memcpy(s + n, digits + k, sizeof digits - k);
	return strtod(s, NULL);
}

/* Up to 15 digits and a power of ten that a double holds exactly: one operation, hence correctly rounded. */
double double_of(Parse *p, Token t)
{
	static const double ten[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
		1e18, 1e19, 1e20, 1e21, 1e22 };
	uint64_t digits = 0;
	int64_t exp = 0;
	size_t i = 0;
	for (bool point = false; i < t.n && is_mantissa(t.s[i]); i++) {
		if (t.s[i] == '.') point = true;
		else if (digits > 99999999999999) return slow_double(p, t);
		else digits = 10 * digits + (uint64_t)(t.s[i] - '0'), exp -= point;
	}
	exp += exponent_at(t, i);
	if (exp < -22 || exp > 22) return slow_double(p, t);
	return exp < 0 ? (double)digits / ten[-exp] : (double)digits * ten[exp];
}

bool parse_double(Parse *p, double *out)
{
	bool minus = take(p, '-');
	uint64_t bits;
	if (p->tok.kind == T_INT && is_hex(p->tok) && !minus && int_bits(p->tok, &bits)) memcpy(out, &bits, sizeof bits);
	else if (p->tok.kind == T_FLOAT) *out = double_of(p, p->tok);
	else return unexpected(p, "a float");
	if (minus) *out = -*out;
	advance(p);
	return true;
}

/* -- strings --------------------------------------------------------------------------------------------- */

/* \n \t \\ \" and \XX, two hexadecimal digits. */
static bool unescape(Parse *p, const char *s, size_t n, const char **out)
{
	char *to = NEW(p->a, char, n + 1);
	*out = to;
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '\\') { *to++ = s[i]; continue; }
		size_t left = n - ++i;
		bool hex = left >= 2 && strspn(s + i, "0123456789abcdefABCDEF") >= 2;
		if (hex) *to++ = (char)(nibble(s[i]) << 4 | nibble(s[i + 1])), i++;
		else if (left && s[i] == 'n') *to++ = '\n';
		else if (left && s[i] == 't') *to++ = '\t';
		else if (left && (s[i] == '\\' || s[i] == '"')) *to++ = s[i];
		else return wrong(p, s + i, BAD_INPUT, "'\\%.*s' in a string, wanted \\n, \\t, \\\\, \\\" or two hexadecimal digits",
			left ? 1 : 0, s + i);
	}
	if (memchr(*out, 0, (size_t)(to - *out))) return wrong(p, s, UNSUPPORTED, "a string with a NUL in it");
	return true;
}

static bool quoted(Parse *p, const char *s, size_t n, const char **out)
{
	if (!unescape(p, s + 1, n - 2, out)) return false;
	advance(p);
	return true;
}

bool parse_string(Parse *p, const char **out)
{
	*out = "";
	return p->tok.kind == T_STRING ? quoted(p, p->tok.s, p->tok.n, out) : unexpected(p, "a string");
}

static bool plain(Parse *p, const char *s, size_t n, const char **out)
{
	*out = arena_str(p->a, s, n);
	advance(p);
	return true;
}

bool parse_symbol(Parse *p, const char **out)
{
	Token t = p->tok;
	*out = "";
	if (t.kind != T_SYMBOL) return unexpected(p, "a symbol");
	return t.s[1] == '"' ? quoted(p, t.s + 1, t.n - 1, out) : plain(p, t.s + 1, t.n - 1, out);
}

bool parse_key(Parse *p, const char **out)
{
	*out = "";
	if (p->tok.kind == T_STRING) return parse_string(p, out);
	return p->tok.kind == T_WORD ? plain(p, p->tok.s, p->tok.n, out) : unexpected(p, "a name");
}

/* -- bytes ----------------------------------------------------------------------------------------------- */

static bool all_hex(const char *s, size_t n)
{
	static const bool is_digit[256] = {
		['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
		['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
	};
	bool all = true;
	for (size_t i = 0; i < n; i++) all &= is_digit[(unsigned char)s[i]];
	return all;
}

int64_t hex_nbytes(Token t)
{
	bool ok = t.kind == T_STRING && t.n >= 4 && t.n % 2 == 0 && !memcmp(t.s + 1, "0x", 2) && all_hex(t.s + 3, t.n - 4);
	return ok ? (int64_t)(t.n - 4) / 2 : -1;
}

void hex_bytes(Token t, uint8_t *out)
{
	for (size_t i = 3; i + 1 < t.n; i += 2) *out++ = (uint8_t)(nibble(t.s[i]) << 4 | nibble(t.s[i + 1]));
}
