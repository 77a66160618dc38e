/* Sizes that are not known: where they come from, and which rules take them. */
#include "aten/ctx.h"

#include <string.h>

int64_t lower_dim(Lower *l, Dim d)
{
	if (IS_STATIC(d)) return d;
	int64_t *size = &l->size[~d];
	if (*size == NOT_ASKED) *size = size_of(&l->sizes, d);
	if (*size == DYNAMIC)
		build_fail(l->b, UNSUPPORTED, "the size '%s' is no expression that can be computed", l->program->sym.v[~d].expr);
	return *size;
}

const char *type_text(Lower *l, Type t)
{
	const char *s = "tensor<";
	for (int i = 0; i < t.rank; i++) s = arena_printf(l->a, "%s%sx", s, dim_text(dims_of(l->b->m), t.dim[i]));
	return arena_printf(l->a, "%s%s>", s, dtype_name(t.elem));
}

/* -- where symbols come from ----------------------------------------------------------------------------- */

/* Dimension i of an argument (-1: an integer, itself) is d = scale * symbol + offset: of what is not defined yet. `plain`: only symbols
 * as such. */
static void define_size(Lower *l, Value arg, int i, int64_t d, bool plain)
{
	Builder *b = l->b;
	int64_t symbol, scale, offset;
	if (!solve_for(dims_of(b->m), d, &symbol, &scale, &offset) || dim_defined(b, symbol)) return;
	if (plain && (scale != 1 || offset)) return;
	Value v = i < 0 ? arg : dim_of(b, arg, i);
	if (offset) {
		Value c = scalar_int(b, offset, DTYPE_i64);
		v = hlo_subtract(b, v, c);
	}
	if (scale != 1) {
		Value c = scalar_int(b, scale, DTYPE_i64);
		v = hlo_divide(b, v, c);
	}
	dim_define(b, symbol, v);
}

/* Inputs that are integers say what is left: what a tensor's size says, shape refinement can find out. */
static void define_integers(Lower *l, Func *f, const Lowered *args)
{
	for (int a = 0; a < args->narg; a++) {
		const Arg *x = &args->arg[a].input->arg;
		const GraphValue *g = x->kind == ARG_VALUE ? &l->graph->value.v[x->value] : NULL;
		if (!g || g->kind != VALUE_SYMINT) continue;
		int64_t d = lower_dim(l, g->sym);
		if (d < 0 && d != DYNAMIC) define_size(l, f->body.arg + (Value)a, -1, d, false);
	}
}

bool define_sizes(Lower *l, Func *f, const Lowered *args)
{
	for (int plain = 1; plain >= 0; plain--)
		for (int a = 0; a < f->narg; a++) {
			Value arg = f->body.arg + (Value)a;
			for (int i = 0; i < f->arg_type[a].rank; i++)
				if (f->arg_type[a].dim[i] < 0) define_size(l, arg, i, type_of(l->b, arg).dim[i], plain);
		}
	define_integers(l, f, args);
	return !l->b->m->err->code;
}

/* -- which rules take them ------------------------------------------------------------------------------- */

/* What a rule wants as numbers: the last sizes, or all. first: of the first argument alone. */
typedef struct Wanted { int last; bool all, first; } Wanted;

static const struct DynamicRow { Rule *rule; Wanted wanted; } dynamic_rows[] = {
#define ANY(rule)      { rule, { 0 } },
#define LAST(rule, k)  { rule, { .last = k } },
#define MATRICES(rule) { rule, { .last = 2, .first = true } },
#include "aten/dynamic.def"
#undef ANY
#undef LAST
#undef MATRICES
};

static Wanted wanted_sizes(const RuleRow *r)
{
	if (!r->rule) return (Wanted){ 0 };                  /* elementwise */
	for (size_t i = 0; i < sizeof dynamic_rows / sizeof *dynamic_rows; i++)
		if (r->rule == dynamic_rows[i].rule) return dynamic_rows[i].wanted;
	return (Wanted){ .all = true };
}

/* A size of the argument that is not known and is wanted as a number, or 0. */
static int64_t unknown_size(Lower *l, const Arg *x, Wanted w)
{
	if (x->kind == ARG_LIST) {
		for (int i = 0; i < x->list.n; i++) {
			int64_t d = unknown_size(l, &x->list.item[i], w);
			if (d) return d;
		}
		return 0;
	}
	if (x->kind != ARG_VALUE) return 0;
	const GraphValue *g = &l->graph->value.v[x->value];
	if (g->kind == VALUE_SYMINT && l->value[x->value]) return 0;      /* no size: what reads it says what it wants (node.c) */
	if (g->kind == VALUE_SYMINT) return w.all && lower_dim(l, g->sym) < 0 ? lower_dim(l, g->sym) : 0;
	Type t = value_meta_type(l, x->value);
	for (int i = 0; i < t.rank; i++)
		if (t.dim[i] < 0 && (w.all || (t.rank >= w.last && i >= t.rank - w.last))) return t.dim[i];
	return 0;
}

static int64_t unknown_size_of(Node *n, Wanted w)
{
	int64_t d = 0;
	for (int i = 0; i < (w.first ? 1 : n->g->narg) && !d; i++) d = unknown_size(n->l, &n->g->arg[i].arg, w);
	for (int i = 0; i < n->g->nout && !d && !w.first; i++)
		if (n->g->out[i]) d = unknown_size(n->l, &(Arg){ .kind = ARG_VALUE, .value = n->g->out[i] }, w);
	return d;
}

/* torch names what comes from values u0, u1, ..., in expressions too. */
static bool is_unbacked(const char *size)
{
	for (const char *p = size; *p; p++) {
		bool begins = p == size || strchr(" (*+-/,", p[-1]);
		if (begins && *p == 'u' && p[1] >= '0' && p[1] <= '9') return true;
	}
	return false;
}

bool is_of_values(const Lower *l, const GraphValue *g)
{
	return g->kind == VALUE_SYMINT && !IS_STATIC(g->sym) && is_unbacked(l->program->sym.v[~g->sym].expr);
}

/* A size of a result that only the running program knows, as text, or NULL. */
static const char *size_of_values(Node *n)
{
	DimTable *t = dims_of(n->b->m);
	for (int i = 0; i < n->g->nout; i++) {
		Type out = out_type(n, i);
		for (int k = 0; k < out.rank; k++)
			if (out.dim[k] < 0 && is_unbacked(dim_text(t, out.dim[k]))) return dim_text(t, out.dim[k]);
	}
	return NULL;
}

bool check_dynamic(Node *n, const RuleRow *r)
{
	static const char fixed[] = ": a size has to be a number, or that of an input. Take as many as there can be, and mask or pad what is too much";
	if (!n->l->program->sym.n) return true;
	const char *size = size_of_values(n), *what = advice(n->g->target);
	int64_t d = size ? 0 : unknown_size_of(n, wanted_sizes(r));
	if (d && is_unbacked(dim_text(dims_of(n->b->m), d))) size = dim_text(dims_of(n->b->m), d);
	if (size)
		node_fail(n, UNSUPPORTED, "has the size %s, which depends on values of the running program%s", size, *what ? what : fixed);
	else if (d)
		node_fail(n, UNSUPPORTED, "has the size %s, which this op's rule takes only as a number: convert for a given size",
			dim_text(dims_of(n->b->m), d));
	return !size && !d;
}

/* -- what the program says ------------------------------------------------------------------------------- */

/* Two expressions with the same value for each of many choices of the symbols are one size. torch derives the shapes of a program for
 * sizes of 2 or more, also where their range begins at 0: of x[:, :1] it says 1, not min(1, s). */
static bool same_values(DimTable *t, int64_t x, int64_t y)
{
	enum { TRIES = 24, TRACED_FROM = 2 };
	int64_t *value = NEW(t->a, int64_t, t->node.n + 1), vx, vy;
	uint64_t random = 0x9e3779b97f4a7c15u;
	for (int k = 0; k < TRIES; k++) {
		for (int i = 0; i < t->node.n; i++) {
			const DimNode *node = &t->node.v[i];
			if (node->kind != DIM_SYMBOL) continue;
			random = random * 6364136223846793005u + 1442695040888963407u;
			int64_t low = node->x < TRACED_FROM && node->y >= TRACED_FROM ? TRACED_FROM : node->x;
			uint64_t span = (uint64_t)(node->y - low), room = 1 + (k < 2 ? (uint64_t)k : (uint64_t)8 << k);
			value[i] = low + (int64_t)((random >> 33) % (span < room ? span + 1 : room));
		}
		if (!dim_eval(t, x, value, &vx) || !dim_eval(t, y, value, &vy) || vx != vy) return false;
	}
	return true;
}

Value as_declared(Lower *l, Value got, Type want)
{
	Builder *b = l->b;
	Type t = type_of(b, got);
	bool reshapes = false;
	if (t.elem != want.elem || t.rank != want.rank || t.kind != want.kind) return 0;
	for (int i = 0; i < t.rank; i++) {
		int64_t x = t.dim[i], y = want.dim[i];
		if (x == y) continue;
		if (x >= 0 || (x != DYNAMIC && !same_values(dims_of(b->m), x, y))) return 0;
		reshapes |= y >= 0;
	}
	if (reshapes) return hlo_reshape(b, got, want.rank, want.dim);
	b->m->value.v[got].type = tensor_type(l->a, want.elem, want.rank, want.dim);
	return got;
}
