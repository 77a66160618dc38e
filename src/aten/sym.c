/* Symbolic sizes of an exported program, as sympy prints them with torch's own functions (torch/utils/_sympy/functions.py), into the
 * module's table.
 *
 *	sum = product {("+"|"-") product}            product = unary {("*"|"/"|"//"|"%") unary}
 *	unary = "-" unary | power                    power = atom ["**" unary]
 *	atom = digits | name | name "(" sum {"," sum} ")" | "(" sum ")"
 *
 * Quotients that are no whole numbers occur inside floor() and the like: a value is a size over a number. */
#include "aten/sym.h"

#include <string.h>

typedef struct Quotient { int64_t x, by; } Quotient;        /* by > 0 */

typedef struct Parser {
	const Sizes *sizes;
	DimTable *t;
	const char *at;
	bool bad;
	int depth;
} Parser;

enum { MAX_NESTING = 100 };

static Quotient wrong(Parser *p)
{
	p->bad = true;
	return (Quotient){ 0, 1 };
}

static Quotient whole(int64_t x) { return (Quotient){ x, 1 }; }

/* -- symbols --------------------------------------------------------------------------------------------- */

bool sizes_bound(const Sizes *s, const char *name, int64_t *value)
{
	for (int i = 0; i < s->nbound; i++)
		if (!strcmp(s->bound[i].symbol, name)) return *value = s->bound[i].size, true;
	return false;
}

/* Sizes are 0 or more even where torch has no range for them; DYNAMIC: the range is empty. */
static int64_t symbol(const Sizes *s, const char *name)
{
	int64_t value, min = 0, max = INT64_MAX;
	if (sizes_bound(s, name, &value)) return dim_number(s->table, value);
	for (int i = 0; i < s->program->nrange; i++) {
		const Range *r = &s->program->range[i];
		if (strcmp(r->symbol, name)) continue;
		if (r->has_min && r->min > min) min = r->min;
		if (r->has_max) max = r->max;
	}
	return max < min ? DYNAMIC : dim_symbol(s->table, name, min, max);
}

/* -- arithmetic ------------------------------------------------------------------------------------------ */

static Quotient over(Parser *p, Quotient a, int64_t by)
{
	if (by <= 0 || __builtin_mul_overflow(a.by, by, &a.by)) return wrong(p);
	int64_t q = dim_floordiv(p->t, a.x, a.by);
	return dim_times(p->t, q, a.by) == a.x && q != DYNAMIC ? whole(q) : a;
}

static Quotient add(Parser *p, Quotient a, Quotient b, bool minus)
{
	int64_t x = dim_times(p->t, a.x, dim_number(p->t, b.by)), y = dim_times(p->t, b.x, dim_number(p->t, a.by));
	return over(p, whole(minus ? dim_minus(p->t, x, y) : dim_plus(p->t, x, y)), a.by * b.by);
}

static Quotient multiply(Parser *p, Quotient a, Quotient b) { return over(p, whole(dim_times(p->t, a.x, b.x)), a.by * b.by); }

static Quotient divide(Parser *p, Quotient a, Quotient b)
{
	if (b.by == 1 && b.x > 0) return over(p, a, b.x);
	int64_t q = a.by == 1 && b.by == 1 && b.x ? dim_floordiv(p->t, a.x, b.x) : DYNAMIC;
	return q != DYNAMIC && dim_times(p->t, q, b.x) == a.x ? whole(q) : wrong(p);
}

static Quotient floor_of(Parser *p, Quotient a) { return whole(a.by == 1 ? a.x : dim_floordiv(p->t, a.x, a.by)); }

/* floor(a / b) for any whole a and b. */
static Quotient floordiv(Parser *p, Quotient a, Quotient b)
{
	if (b.by != 1 || !b.x) return wrong(p);
	return whole(dim_floordiv(p->t, a.x, a.by == 1 ? b.x : dim_times(p->t, b.x, a.by)));
}

static Quotient negated(Parser *p, Quotient a) { return (Quotient){ dim_minus(p->t, 0, a.x), a.by }; }

static Quotient power(Parser *p, Quotient a, Quotient n)
{
	if (n.by != 1 || n.x < 0 || n.x > 16) return wrong(p);
	Quotient out = whole(1);
	for (int64_t i = 0; i < n.x; i++) out = multiply(p, out, a);
	return out;
}

static Quotient mod(Parser *p, Quotient a, Quotient b)
{
	return a.by == 1 && b.by == 1 && b.x ? whole(dim_mod(p->t, a.x, b.x)) : wrong(p);
}

static Quotient extreme(Parser *p, Quotient a, Quotient b, bool most)
{
	if (a.by != 1 || b.by != 1) return wrong(p);
	return whole(most ? dim_max(p->t, a.x, b.x) : dim_min(p->t, a.x, b.x));
}

/* -- calls ----------------------------------------------------------------------------------------------- */

enum { MAX_ARGS = 16 };

static Quotient call1(Parser *p, const char *name, Quotient a)
{
	static const char *const floors[] = { "floor", "FloorToInt", "TruncToInt", "Identity", "ToFloat" };
	for (size_t i = 0; i < sizeof floors / sizeof *floors; i++)
		if (!strcmp(name, floors[i])) return i < 3 ? floor_of(p, a) : a;
	if (!strcmp(name, "ceiling") || !strcmp(name, "CeilToInt")) return negated(p, floor_of(p, negated(p, a)));
	return wrong(p);
}

static Quotient call2(Parser *p, const char *name, Quotient a, Quotient b)
{
	if (!strcmp(name, "FloorDiv")) return floordiv(p, a, b);
	if (!strcmp(name, "CeilDiv")) return negated(p, floordiv(p, negated(p, a), b));
	if (!strcmp(name, "Mod") || !strcmp(name, "PythonMod")) return mod(p, a, b);
	if (!strcmp(name, "CleanDiv") || !strcmp(name, "IntTrueDiv") || !strcmp(name, "FloatTrueDiv") || !strcmp(name, "Rational"))
		return divide(p, a, b);
	if (!strcmp(name, "Pow") || !strcmp(name, "PowByNatural")) return power(p, a, b);
	return wrong(p);
}

static Quotient call(Parser *p, const char *name, int n, const Quotient *v)
{
	if (n && (!strcmp(name, "Max") || !strcmp(name, "Min"))) {
		Quotient out = v[0];
		for (int i = 1; i < n; i++) out = extreme(p, out, v[i], name[1] == 'a');
		return out;
	}
	if (n == 1) return call1(p, name, v[0]);
	if (n == 2) return call2(p, name, v[0], v[1]);
	if (n == 3 && !strcmp(name, "ModularIndexing")) return mod(p, floordiv(p, v[0], v[1]), v[2]);
	return wrong(p);
}

/* -- reading --------------------------------------------------------------------------------------------- */

static Quotient read_sum(Parser *p);

static bool accept(Parser *p, const char *s)
{
	while (*p->at == ' ') p->at++;
	size_t n = strlen(s);
	if (strncmp(p->at, s, n) || (n == 1 && (*s == '*' || *s == '/') && p->at[1] == *s)) return false;
	p->at += n;
	return true;
}

static bool is_word(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '.'; }

/* "12", or "1.50": 150 / 100 */
static Quotient read_number(Parser *p, const char *s)
{
	int64_t x = 0, by = 1;
	bool point = false;
	for (; *s; s++) {
		if (*s == '.' && !point) {
			point = true;
			continue;
		}
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(x, 10, &x) || __builtin_add_overflow(x, *s - '0', &x)) return wrong(p);
		if (point && __builtin_mul_overflow(by, 10, &by)) return wrong(p);
	}
	while (by > 1 && x % 2 == 0 && by % 2 == 0) x /= 2, by /= 2;
	while (by > 1 && x % 5 == 0 && by % 5 == 0) x /= 5, by /= 5;
	return (Quotient){ x, by };
}

static Quotient read_atom(Parser *p)
{
	if (accept(p, "(")) {
		Quotient x = read_sum(p);
		return accept(p, ")") ? x : wrong(p);
	}
	const char *start = p->at;
	while (is_word(*p->at)) p->at++;
	if (p->at == start) return wrong(p);
	const char *name = arena_str(p->t->a, start, (size_t)(p->at - start));
	if (*name >= '0' && *name <= '9') return read_number(p, name);
	if (!accept(p, "(")) return whole(symbol(p->sizes, name));
	Quotient v[MAX_ARGS];
	int n = 0;
	do {
		if (n == MAX_ARGS) return wrong(p);
		v[n++] = read_sum(p);
	} while (!p->bad && accept(p, ","));
	return accept(p, ")") && !p->bad ? call(p, name, n, v) : wrong(p);
}

static Quotient read_unary(Parser *p)
{
	if (++p->depth > MAX_NESTING) return wrong(p);
	Quotient x;
	if (accept(p, "-")) {
		x = negated(p, read_unary(p));
	} else {
		x = read_atom(p);
		if (!p->bad && accept(p, "**")) x = power(p, x, read_unary(p));
	}
	p->depth--;
	return x;
}

static Quotient read_product(Parser *p)
{
	Quotient x = read_unary(p);
	while (!p->bad) {
		if (accept(p, "//")) x = floordiv(p, x, read_unary(p));
		else if (accept(p, "*")) x = multiply(p, x, read_unary(p));
		else if (accept(p, "/")) x = divide(p, x, read_unary(p));
		else if (accept(p, "%")) x = mod(p, x, read_unary(p));
		else break;
	}
	return x;
}

static Quotient read_sum(Parser *p)
{
	Quotient x = read_product(p);
	while (!p->bad) {
		if (accept(p, "+")) x = add(p, x, read_product(p), false);
		else if (accept(p, "-")) x = add(p, x, read_product(p), true);
		else break;
	}
	return x;
}

int64_t size_of_expr(const Sizes *s, const char *expr)
{
	Parser p = { .sizes = s, .t = s->table, .at = expr };
	Quotient x = read_sum(&p);
	while (*p.at == ' ') p.at++;
	return p.bad || *p.at || x.by != 1 ? DYNAMIC : x.x;
}

int64_t size_of(const Sizes *s, Dim d) { return IS_STATIC(d) ? d : size_of_expr(s, s->program->sym.v[~d].expr); }

/* -- solving --------------------------------------------------------------------------------------------- */

bool solve_for(DimTable *t, int64_t d, int64_t *symbol_out, int64_t *scale, int64_t *offset)
{
	const DimNode *node = dim_node(t, d);
	*scale = 1, *offset = 0;
	if (!node || node->kind == DIM_SYMBOL) return *symbol_out = d, node != NULL;
	if (node->kind != DIM_POLYNOMIAL || node->nterm > 2 || node->term[0].nfactor != 1) return false;
	if (node->nterm == 2 && node->term[1].nfactor) return false;
	*symbol_out = node->term[0].factor[0];
	*scale = node->term[0].coefficient;
	if (node->nterm == 2) *offset = node->term[1].coefficient;
	return dim_node(t, *symbol_out)->kind == DIM_SYMBOL && *scale > 0;
}
