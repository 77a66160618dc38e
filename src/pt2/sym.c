/* torch writes a symbolic size as sympy's srepr (torch 2.5 partly as str): constructor calls, without precedence.
 *
 *	term = name | name "(" [argument {"," argument}] ")" | ["-"] digits | "'" text "'"        argument = [name "="] term
 *
 * Add, Mul, Pow, FloorDiv and the comparisons are printed with their operators, everything else stays a call. */
#include "pt2/internal.h"

#include <string.h>

enum { MAX_NESTING = 100 };

typedef enum Prec { P_COMPARE, P_ADD, P_MUL, P_POW, P_FUNCTION, P_ATOM } Prec;

typedef struct Term {
	const char *name;       /* of a call; of anything else: its text */
	bool call;
	VEC(struct Term *) arg;
} Term;

typedef struct Parser { Arena *a; const char *at; int depth; } Parser;

typedef VEC(char) Text;

/* isalnum() would ask the locale. */
static bool is_alnum(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }

/* ---- reading ------------------------------------------------------------------------------------------- */

static bool accept(Parser *p, char c)
{
	while (*p->at == ' ') p->at++;
	if (*p->at != c) return false;
	p->at++;
	return true;
}

static const char *word(Parser *p)
{
	const char *start = p->at;
	while (is_alnum(*p->at) || *p->at == '_' || (*p->at == '.' && p->at > start)) p->at++;
	return p->at == start ? NULL : arena_str(p->a, start, (size_t)(p->at - start));
}

/* A quoted text may hold nothing that could be read as syntax later. */
static const char *quoted(Parser *p)
{
	const char *start = p->at;
	while (is_alnum(*p->at) || (*p->at && strchr("_.+-", *p->at))) p->at++;
	const char *end = p->at;
	return accept(p, '\'') && end > start ? arena_str(p->a, start, (size_t)(end - start)) : NULL;
}

static Term *read_term(Parser *p);

static bool read_arguments(Parser *p, Term *t)
{
	if (accept(p, ')')) return true;
	do {
		Term *x = read_term(p);
		if (!x) return false;
		if (!accept(p, '=')) *push(p->a, &t->arg) = x;
		else if (!read_term(p)) return false;      /* an assumption, such as integer=True, which no size needs */
	} while (accept(p, ','));
	return accept(p, ')');
}

static Term *read_term(Parser *p)
{
	Term *t = NEW(p->a, Term, 1);
	if (++p->depth > MAX_NESTING) return NULL;
	if (accept(p, '\'')) t->name = quoted(p);
	else if (accept(p, '-')) t->name = (t->name = word(p)) ? arena_printf(p->a, "-%s", t->name) : NULL;
	else t->name = word(p);
	if (!t->name) return NULL;
	if (accept(p, '(')) {
		t->call = true;
		if (!read_arguments(p, t)) return NULL;
	}
	p->depth--;
	return t;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static void put_text(Arena *a, Text *out, const char *s)
{
	for (; *s; s++) *push(a, out) = *s;
}

static void print(Arena *a, Text *out, const Term *t, Prec above);

static bool is_call(const Term *t, const char *name) { return t->call && !strcmp(t->name, name); }

static void print_sum(Arena *a, Text *out, const Term *t)
{
	for (int i = 0; i < t->arg.n; i++) {
		Text term = { 0 };
		print(a, &term, t->arg.v[i], P_ADD);
		*push(a, &term) = 0;
		bool minus = term.v[0] == '-';
		if (i) put_text(a, out, minus ? " - " : " + ");
		put_text(a, out, term.v + (i && minus));
	}
}

static void print_product(Arena *a, Text *out, const Term *t)
{
	const Term *first = t->arg.v[0];
	bool minus = is_call(first, "Integer") && first->arg.n == 1 && !strcmp(first->arg.v[0]->name, "-1")
		&& t->arg.n > 1;
	if (minus) put_text(a, out, "-");
	for (int i = minus; i < t->arg.n; i++) {
		if (i > minus) put_text(a, out, "*");
		print(a, out, t->arg.v[i], i ? P_POW : P_MUL);
	}
}

static void print_call(Arena *a, Text *out, const char *name, const Term *t)
{
	put_text(a, out, name);
	put_text(a, out, "(");
	for (int i = 0; i < t->arg.n; i++) {
		if (i) put_text(a, out, ", ");
		print(a, out, t->arg.v[i], P_COMPARE);
	}
	put_text(a, out, ")");
}

/* Operators of two operands: what stands between them, what they must bind tighter than, what the whole
 * binds like. */
static const struct Infix { const char *call, *op; Prec operand, whole; } infix[] = {
	{ "Pow", "**", P_FUNCTION, P_POW },
	{ "FloorDiv", "//", P_ATOM, P_COMPARE }, { "CleanDiv", "//", P_ATOM, P_COMPARE },
	{ "Rational", "/", P_ATOM, P_MUL },
	{ "StrictLessThan", " < ", P_ADD, P_COMPARE }, { "LessThan", " <= ", P_ADD, P_COMPARE },
	{ "StrictGreaterThan", " > ", P_ADD, P_COMPARE }, { "GreaterThan", " >= ", P_ADD, P_COMPARE },
};

/* Calls that bind unlike a function's: torch/utils/_sympy/functions.py gives some a precedence below a
 * sum's. */
static const struct { const char *call; Prec whole; } unlike[] = {
	{ "Mod", P_COMPARE }, { "PythonMod", P_COMPARE }, { "ModularIndexing", P_COMPARE }, { "Where", P_COMPARE },
	{ "IntTrueDiv", P_COMPARE }, { "FloatTrueDiv", P_COMPARE }, { "PowByNatural", P_MUL },
	{ "Symbol", P_ATOM }, { "Dummy", P_ATOM }, { "Max", P_ATOM }, { "Min", P_ATOM },
};

static const struct { const char *call, *name; } renamed[] = { { "Equality", "Eq" }, { "Unequality", "Ne" } };

static Prec prec_of(const Term *t)
{
	if (!t->call) return t->name[0] == '-' ? P_MUL : P_ATOM;
	if (is_call(t, "Integer") || is_call(t, "Float"))
		return t->arg.n && t->arg.v[0]->name[0] == '-' ? P_MUL : P_ATOM;
	if (is_call(t, "Add") && t->arg.n) return P_ADD;
	if (is_call(t, "Mul") && t->arg.n) return P_MUL;
	for (size_t i = 0; i < sizeof infix / sizeof *infix; i++)
		if (t->arg.n == 2 && is_call(t, infix[i].call)) return infix[i].whole;
	for (size_t i = 0; i < sizeof unlike / sizeof *unlike; i++)
		if (is_call(t, unlike[i].call)) return unlike[i].whole;
	return P_FUNCTION;
}

static void print_bare(Arena *a, Text *out, const Term *t)
{
	static const char *const plain[] = { "Symbol", "Dummy", "Integer", "Float" };
	if (!t->call) {
		put_text(a, out, t->name);
		return;
	}
	if (is_call(t, "Add") && t->arg.n) {
		print_sum(a, out, t);
		return;
	}
	if (is_call(t, "Mul") && t->arg.n) {
		print_product(a, out, t);
		return;
	}
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (is_call(t, plain[i]) && t->arg.n && !t->arg.v[0]->call) {
			put_text(a, out, t->arg.v[0]->name);
			return;
		}
	for (size_t i = 0; i < sizeof infix / sizeof *infix; i++)
		if (is_call(t, infix[i].call) && t->arg.n == 2) {
			print(a, out, t->arg.v[0], infix[i].operand);
			put_text(a, out, infix[i].op);
			print(a, out, t->arg.v[1], infix[i].operand);
			return;
		}
	const char *name = t->name;
	for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
		if (is_call(t, renamed[i].call)) name = renamed[i].name;
	print_call(a, out, name, t);
}

static void print(Arena *a, Text *out, const Term *t, Prec above)
{
	/* torch's own printer puts these in parentheses, always */
	bool floordiv = (is_call(t, "FloorDiv") || is_call(t, "CleanDiv")) && t->arg.n == 2;
	int parens = floordiv + (prec_of(t) < above);
	for (int i = 0; i < parens; i++) put_text(a, out, "(");
	print_bare(a, out, t);
	for (int i = 0; i < parens; i++) put_text(a, out, ")");
}

static bool plain_infix(const char *s)
{
	if (!*s) return false;
	for (; *s; s++) if (!is_alnum(*s) && !strchr("_ +-*/%().,<>=&|~!", *s)) return false;
	return true;
}

const char *sym_infix(Arena *a, const char *srepr)
{
	Parser p = { .a = a, .at = srepr };
	Term *t = read_term(&p);
	if (!t || *p.at) return plain_infix(srepr) ? srepr : NULL;
	Text out = { 0 };
	print(a, &out, t, P_COMPARE);
	*push(a, &out) = 0;
	return out.v;
}
