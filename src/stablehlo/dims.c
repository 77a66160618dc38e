/* Symbolic sizes in canonical form. Every expression is seen as a sum of terms; what no term can express (floor division, ...) is an
 * atom, known by its text, and so is the sum itself. */
#include "stablehlo/dims.h"

#include <string.h>

enum { MAX_TERMS = 64, MAX_FACTORS = 16 };      /* beyond, an expression is DYNAMIC: no model has such sizes */

typedef struct Poly { int n; DimTerm term[MAX_TERMS]; } Poly;

const DimNode *dim_node(const DimTable *t, int64_t d)
{
	return d < 0 && d != DYNAMIC && ~d < t->node.n ? &t->node.v[~d] : NULL;
}

/* -- text ------------------------------------------------------------------------------------------------ */

const char *dim_text(const DimTable *t, int64_t d)
{
	const DimNode *node = dim_node(t, d);
	if (node) return node->text;
	return d < 0 ? "?" : arena_printf(t->a, "%lld", (long long)d);
}

/* Of a size inside a product or quotient. */
static const char *factor_text(const DimTable *t, int64_t d)
{
	const DimNode *node = dim_node(t, d);
	bool plain = node ? node->kind != DIM_POLYNOMIAL : d >= 0;
	return plain ? dim_text(t, d) : arena_printf(t->a, "(%s)", dim_text(t, d));
}

static const char *term_text(const DimTable *t, const DimTerm *x, bool first)
{
	int64_t c = x->coefficient;
	uint64_t size = c < 0 ? -(uint64_t)c : (uint64_t)c;
	const char *sign = c < 0 ? first ? "-" : " - " : first ? "" : " + ", *s = sign;
	if (size != 1 || !x->nfactor) s = arena_printf(t->a, "%s%llu%s", s, (unsigned long long)size, x->nfactor ? "*" : "");
	for (int i = 0; i < x->nfactor; i++) s = arena_printf(t->a, "%s%s%s", s, i ? "*" : "", factor_text(t, x->factor[i]));
	return s;
}

static const char *poly_text(const DimTable *t, const Poly *p)
{
	const char *s = "";
	for (int i = 0; i < p->n; i++) s = arena_printf(t->a, "%s%s", s, term_text(t, &p->term[i], !i));
	return s;
}

/* -- nodes ----------------------------------------------------------------------------------------------- */

static int64_t intern(DimTable *t, DimNode node)
{
	int at = map_get(&t->by_text, node.text, strlen(node.text));
	if (at >= 0) return ~(int64_t)at;
	*push(t->a, &t->node) = node;
	t->by_text.arena = t->a;
	map_set(&t->by_text, node.text, strlen(node.text), t->node.n - 1);
	return ~(int64_t)(t->node.n - 1);
}

int64_t dim_symbol(DimTable *t, const char *name, int64_t min, int64_t max)
{
	return intern(t, (DimNode){ .kind = DIM_SYMBOL, .text = arena_str(t->a, name, strlen(name)), .x = min, .y = max });
}

static int64_t atom(DimTable *t, DimKind kind, int64_t x, int64_t y)
{
	const char *text;
	if (kind == DIM_FLOORDIV || kind == DIM_MOD)
		text = arena_printf(t->a, "(%s%s%s)", factor_text(t, x), kind == DIM_MOD ? "%" : "//", factor_text(t, y));
	else
		text = arena_printf(t->a, "%s(%s, %s)", kind == DIM_MAX ? "Max" : "Min", dim_text(t, x), dim_text(t, y));
	return intern(t, (DimNode){ .kind = kind, .text = text, .x = x, .y = y });
}

/* -- sums ------------------------------------------------------------------------------------------------ */

/* d as a sum; false: DYNAMIC. */
static bool open_poly(const DimTable *t, int64_t d, Poly *out)
{
	const DimNode *node = dim_node(t, d);
	out->n = 0;
	if (d < 0 && !node) return false;
	if (!node) {
		if (d) out->term[out->n++] = (DimTerm){ .coefficient = d };
	} else if (node->kind == DIM_POLYNOMIAL) {
		memcpy(out->term, node->term, (size_t)node->nterm * sizeof *node->term);
		out->n = node->nterm;
	} else {
		int64_t *self = NEW(t->a, int64_t, 1);
		*self = d;
		out->term[out->n++] = (DimTerm){ 1, 1, self };
	}
	return true;
}

/* Longer products first, then by factor: a total order, in which the constant is last. */
static int term_cmp(const DimTerm *x, const DimTerm *y)
{
	if (x->nfactor != y->nfactor) return x->nfactor > y->nfactor ? -1 : 1;
	for (int i = 0; i < x->nfactor; i++)
		if (x->factor[i] != y->factor[i]) return x->factor[i] > y->factor[i] ? -1 : 1;
	return 0;
}

/* Adds a term where it belongs; false: too many, or beyond 63 bits. */
static bool add_term(Poly *p, DimTerm x)
{
	int i = 0;
	while (i < p->n && term_cmp(&p->term[i], &x) < 0) i++;
	if (i < p->n && !term_cmp(&p->term[i], &x)) {
		if (__builtin_add_overflow(p->term[i].coefficient, x.coefficient, &p->term[i].coefficient)) return false;
		if (p->term[i].coefficient) return true;
		memmove(&p->term[i], &p->term[i + 1], (size_t)(--p->n - i) * sizeof x);
		return true;
	}
	if (!x.coefficient) return true;
	if (p->n == MAX_TERMS) return false;
	memmove(&p->term[i + 1], &p->term[i], (size_t)(p->n++ - i) * sizeof x);
	p->term[i] = x;
	return true;
}

/* A negative number is a size only on the way to one: as a sum of its own, so that it is no handle. */
static int64_t close_poly(DimTable *t, const Poly *p)
{
	if (!p->n) return 0;
	const DimTerm *first = &p->term[0];
	if (p->n == 1 && !first->nfactor && first->coefficient >= 0) return first->coefficient;
	if (p->n == 1 && first->nfactor == 1 && first->coefficient == 1) return first->factor[0];
	return intern(t, (DimNode){ .kind = DIM_POLYNOMIAL, .text = poly_text(t, p), .nterm = p->n,
		.term = COPY(t->a, DimTerm, p->term, p->n) });
}

int64_t dim_number(DimTable *t, int64_t v)
{
	return close_poly(t, &(Poly){ v != 0, { { .coefficient = v } } });
}

bool dim_constant(const DimTable *t, int64_t d, int64_t *v)
{
	const DimNode *node = dim_node(t, d);
	*v = d;
	if (!node) return d >= 0;
	if (node->kind != DIM_POLYNOMIAL || node->nterm != 1 || node->term[0].nfactor) return false;
	return *v = node->term[0].coefficient, true;
}

static int64_t add_scaled(DimTable *t, int64_t x, int64_t y, int64_t scale)
{
	Poly p, q;
	if (!open_poly(t, x, &p) || !open_poly(t, y, &q)) return DYNAMIC;
	for (int i = 0; i < q.n; i++)
		if (__builtin_mul_overflow(q.term[i].coefficient, scale, &q.term[i].coefficient) || !add_term(&p, q.term[i]))
			return DYNAMIC;
	return close_poly(t, &p);
}

int64_t dim_plus(DimTable *t, int64_t x, int64_t y) { return add_scaled(t, x, y, 1); }
int64_t dim_minus(DimTable *t, int64_t x, int64_t y) { return add_scaled(t, x, y, -1); }

static bool multiply_terms(DimTable *t, const DimTerm *x, const DimTerm *y, DimTerm *out)
{
	int n = x->nfactor + y->nfactor;
	if (n > MAX_FACTORS || __builtin_mul_overflow(x->coefficient, y->coefficient, &out->coefficient)) return false;
	int64_t *f = NEW(t->a, int64_t, n + 1);
	int k = 0, i = 0, j = 0;
	while (i < x->nfactor || j < y->nfactor) {
		bool left = j == y->nfactor || (i < x->nfactor && x->factor[i] >= y->factor[j]);
		f[k++] = left ? x->factor[i++] : y->factor[j++];
	}
	out->nfactor = n;
	out->factor = f;
	return true;
}

int64_t dim_times(DimTable *t, int64_t x, int64_t y)
{
	Poly p, q, out = { 0 };
	if (!open_poly(t, x, &p) || !open_poly(t, y, &q)) return DYNAMIC;
	for (int i = 0; i < p.n; i++)
		for (int j = 0; j < q.n; j++) {
			DimTerm z;
			if (!multiply_terms(t, &p.term[i], &q.term[j], &z) || !add_term(&out, z)) return DYNAMIC;
		}
	return close_poly(t, &out);
}

/* -- quotients ------------------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t x, int64_t y) { return x / y - (x % y && (x < 0) != (y < 0)); }
static int64_t floor_mod(int64_t x, int64_t y) { return x % y + (x % y && (x < 0) != (y < 0) ? y : 0); }

/* x / y of terms, when that is a term. */
static bool divide_terms(DimTable *t, const DimTerm *x, const DimTerm *y, DimTerm *out)
{
	if (!y->coefficient || (x->coefficient == INT64_MIN && y->coefficient == -1) || x->coefficient % y->coefficient) return false;
	int64_t *f = NEW(t->a, int64_t, x->nfactor + 1);
	int k = 0, j = 0;
	for (int i = 0; i < x->nfactor; i++) {
		if (j < y->nfactor && x->factor[i] == y->factor[j]) j++;
		else f[k++] = x->factor[i];
	}
	*out = (DimTerm){ x->coefficient / y->coefficient, k, f };
	return j == y->nfactor;
}

/* x as y * quotient + rest: polynomial division as long as leading terms divide. */
static bool split(DimTable *t, int64_t x, int64_t y, int64_t *quotient, int64_t *rest)
{
	Poly p, q, whole = { 0 }, left = { 0 };
	if (!open_poly(t, x, &p) || !open_poly(t, y, &q) || !q.n) return false;
	while (p.n) {
		DimTerm lead = p.term[0], ratio;
		bool divides = divide_terms(t, &lead, &q.term[0], &ratio);
		/* A number is split into the multiple of a numeric divisor and a remainder. */
		if (!divides && !lead.nfactor && q.n == 1 && !q.term[0].nfactor && q.term[0].coefficient > 0) {
			int64_t by = q.term[0].coefficient, k = floor_div(lead.coefficient, by);
			if ((k && !add_term(&whole, (DimTerm){ .coefficient = k })) || !add_term(&left, (DimTerm){ .coefficient = floor_mod(lead.coefficient, by) }))
				return false;
			p.n = 0;
		} else if (divides) {
			if (!add_term(&whole, ratio)) return false;
			for (int i = 0; i < q.n; i++) {
				DimTerm z;
				if (!multiply_terms(t, &q.term[i], &ratio, &z) || z.coefficient == INT64_MIN) return false;
				z.coefficient = -z.coefficient;
				if (!add_term(&p, z)) return false;
			}
		} else {
			if (!add_term(&left, lead)) return false;
			memmove(&p.term[0], &p.term[1], (size_t)--p.n * sizeof lead);
		}
	}
	*quotient = close_poly(t, &whole);
	*rest = close_poly(t, &left);
	return true;
}

int64_t dim_floordiv(DimTable *t, int64_t x, int64_t y)
{
	int64_t quotient, rest;
	if (y == 0 || !split(t, x, y, &quotient, &rest)) return DYNAMIC;
	DimRange r = dim_range(t, rest), by = dim_range(t, y);
	if (rest == 0 || (r.min >= 0 && r.max < by.min)) return quotient;
	return dim_plus(t, quotient, atom(t, DIM_FLOORDIV, rest, y));
}

int64_t dim_mod(DimTable *t, int64_t x, int64_t y)
{
	int64_t quotient, rest;
	if (y == 0 || !split(t, x, y, &quotient, &rest)) return DYNAMIC;
	DimRange r = dim_range(t, rest), by = dim_range(t, y);
	if (r.min >= 0 && r.max < by.min) return rest;
	return rest == 0 ? 0 : atom(t, DIM_MOD, rest, y);
}

/* Which of the two is the larger one may be known; equal operands in any order are one expression. */
static int64_t extreme(DimTable *t, DimKind kind, int64_t x, int64_t y)
{
	if (x == DYNAMIC || y == DYNAMIC) return DYNAMIC;
	DimRange r = dim_range(t, dim_minus(t, x, y));
	if (r.min >= 0) return kind == DIM_MAX ? x : y;
	if (r.max <= 0) return kind == DIM_MAX ? y : x;
	return x > y ? atom(t, kind, x, y) : atom(t, kind, y, x);
}

int64_t dim_max(DimTable *t, int64_t x, int64_t y) { return extreme(t, DIM_MAX, x, y); }
int64_t dim_min(DimTable *t, int64_t x, int64_t y) { return extreme(t, DIM_MIN, x, y); }

/* -- values ---------------------------------------------------------------------------------------------- */

/* Bounds: what is beyond 63 bits is infinite. */
enum { NEGATIVE, POSITIVE };
static const int64_t infinity[] = { INT64_MIN + 1, INT64_MAX };
static bool infinite(int64_t x) { return x >= infinity[POSITIVE] || x <= infinity[NEGATIVE]; }

static int64_t times_bound(int64_t x, int64_t y)
{
	if (!x || !y) return 0;
	int64_t z;
	bool beyond = infinite(x) || infinite(y) || __builtin_mul_overflow(x, y, &z);
	return beyond ? infinity[(x < 0) == (y < 0)] : z;
}

static int64_t plus_bound(int64_t x, int64_t y)
{
	int64_t z;
	if (infinite(x) || infinite(y)) return infinite(x) ? x : y;
	return __builtin_add_overflow(x, y, &z) ? infinity[x > 0] : z;
}

static DimRange range_times(DimRange x, DimRange y)
{
	int64_t v[] = { times_bound(x.min, y.min), times_bound(x.min, y.max), times_bound(x.max, y.min), times_bound(x.max, y.max) };
	DimRange r = { v[0], v[0] };
	for (int i = 1; i < 4; i++) {
		if (v[i] < r.min) r.min = v[i];
		if (v[i] > r.max) r.max = v[i];
	}
	return r;
}

static DimRange range_of_terms(const DimTable *t, const DimNode *node)
{
	DimRange sum = { 0, 0 };
	for (int i = 0; i < node->nterm; i++) {
		DimRange x = { node->term[i].coefficient, node->term[i].coefficient };
		for (int k = 0; k < node->term[i].nfactor; k++) x = range_times(x, dim_range(t, node->term[i].factor[k]));
		sum = (DimRange){ plus_bound(sum.min, x.min), plus_bound(sum.max, x.max) };
	}
	return sum;
}

static int64_t larger(int64_t x, int64_t y) { return x > y ? x : y; }
static int64_t smaller(int64_t x, int64_t y) { return x < y ? x : y; }

DimRange dim_range(const DimTable *t, int64_t d)
{
	static const DimRange all = { INT64_MIN + 1, INT64_MAX };
	const DimNode *node = dim_node(t, d);
	if (!node) return d < 0 ? all : (DimRange){ d, d };
	if (node->kind == DIM_SYMBOL) return (DimRange){ node->x, node->y };
	if (node->kind == DIM_POLYNOMIAL) return range_of_terms(t, node);
	DimRange x = dim_range(t, node->x), y = dim_range(t, node->y);
	switch (node->kind) {
	case DIM_MAX: return (DimRange){ larger(x.min, y.min), larger(x.max, y.max) };
	case DIM_MIN: return (DimRange){ smaller(x.min, y.min), smaller(x.max, y.max) };
	case DIM_MOD: return y.min > 0 ? (DimRange){ 0, infinite(y.max) ? y.max : y.max - 1 } : all;
	default:
		if (y.min <= 0 || infinite(y.min)) return all;
		return (DimRange){ infinite(x.min) ? x.min : floor_div(x.min, x.min < 0 || infinite(y.max) ? y.min : y.max),
			infinite(x.max) ? x.max : floor_div(x.max, x.max < 0 && !infinite(y.max) ? y.max : y.min) };
	}
}

static bool eval_terms(const DimTable *t, const DimNode *node, const int64_t *value, int64_t *out)
{
	*out = 0;
	for (int i = 0; i < node->nterm; i++) {
		int64_t x = node->term[i].coefficient, f;
		for (int k = 0; k < node->term[i].nfactor; k++)
			if (!dim_eval(t, node->term[i].factor[k], value, &f) || __builtin_mul_overflow(x, f, &x)) return false;
		if (__builtin_add_overflow(*out, x, out)) return false;
	}
	return true;
}

bool dim_eval(const DimTable *t, int64_t d, const int64_t *value, int64_t *out)
{
	const DimNode *node = dim_node(t, d);
	int64_t x, y;
	*out = d;
	if (!node) return d >= 0;
	if (node->kind == DIM_SYMBOL) return *out = value[~d], true;
	if (node->kind == DIM_POLYNOMIAL) return eval_terms(t, node, value, out);
	if (!dim_eval(t, node->x, value, &x) || !dim_eval(t, node->y, value, &y)) return false;
	switch (node->kind) {
	case DIM_MAX: *out = larger(x, y); return true;
	case DIM_MIN: *out = smaller(x, y); return true;
	default:
		if (!y || (x == INT64_MIN && y == -1)) return false;
		*out = node->kind == DIM_MOD ? floor_mod(x, y) : floor_div(x, y);
		return true;
	}
}
