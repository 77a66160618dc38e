/* Passes over a module: each function is written anew by clone.c, with a builder that folds and merges as it was told to. */
#include "stablehlo/optimize.h"

#include "stablehlo/clone.h"
#include "stablehlo/ir.h"

#include <string.h>

/* -- functions ------------------------------------------------------------------------------------------- */

/* Its body again. The old one stays for those who inline it. */
static Func *write_again(Clone *c, const Func *f, Passes p)
{
	Module *m = c->b->m;
	Func *to = COPY(&m->arena, Func, f, 1);
	Builder b = builder(m, to);
	if (!p.cse) b.cse = NULL;
	b.as_is = !p.fold;
	c->b = &b;
	to->body.op.v = NULL;
	to->body.op.n = to->body.op.cap = 0;
	for (int i = 0; i < f->narg; i++) c->now[f->body.arg + (Value)i] = f->body.arg + (Value)i;
	clone_body(c, f);
	return m->err->code ? NULL : to;
}

static bool write_all(Module *m, Passes p)
{
	Func **to = NEW(&m->arena, Func *, m->func.n + 1);
	Builder first = builder(m, NULL);
	Clone c = { .from = m, .keep_calls = !p.inline_calls, .keep_composites = !p.inline_composites };
	clone_begin(&c, &first);
	for (int i = 0; i < m->func.n; i++) {
		Func *f = m->func.v[i];
		c.b = &first;
		to[i] = f->body.op.n ? write_again(&c, f, p) : f;
		if (!to[i]) return err_at(m->err, "%s", f->name);
	}
	memcpy(m->func.v, to, (size_t)m->func.n * sizeof *to);
	return true;
}

/* -- who is named ---------------------------------------------------------------------------------------- */

typedef struct Names {
	const Module *m;
	Map by_name;                 /* functions */
	bool *named;                 /* [m->func.n] */
	int *todo, ntodo;            /* named, and not yet looked into */
} Names;

static void note(Names *n, const char *name)
{
	int i = map_get(&n->by_name, name, strlen(name));
	if (i < 0 || n->named[i]) return;
	n->named[i] = true;
	n->todo[n->ntodo++] = i;
}

/* Attributes of other dialects, as they are written, may have symbols as well. */
static void note_any(Names *n, const Any *a)
{
	if (a->kind == ANY_SYMBOL) note(n, a->str);
	for (int i = 0; (a->kind == ANY_ARRAY || a->kind == ANY_DICT) && i < a->n; i++) note_any(n, &a->item[i]);
}

static void note_attr(Names *n, AttrKind kind, const Attr *x)
{
	if (!x->set) return;
	if (kind == KIND_SYMBOL) note(n, x->str);
	for (int i = 0; kind == KIND_SYMBOLS && i < x->syms.n; i++) note(n, x->syms.v[i]);
	if (kind == KIND_DICT || kind == KIND_STR_OR_DICT || kind == KIND_ARRAY) note_any(n, x->any);
}

static void note_region(Names *n, const Region *r)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		for (int k = 0; op_table[op->code].attr[k].name; k++) note_attr(n, op_table[op->code].attr[k].kind, &op->attr[k]);
		if (op->extra) note_any(n, op->extra);
		for (int k = 0; k < op->nregion; k++) note_region(n, op->region[k]);
	}
}

/* Private functions that no public one reaches. A module of private ones alone keeps them all. */
static void drop_functions(Module *m)
{
	Arena *a = &m->arena;
	Names n = { .m = m, .by_name.arena = a, .named = NEW(a, bool, m->func.n + 1), .todo = NEW(a, int, m->func.n + 1) };
	for (int i = 0; i < m->func.n; i++) map_set(&n.by_name, m->func.v[i]->name, strlen(m->func.v[i]->name), i);
	for (int i = 0; i < m->func.n; i++)
		if (!m->func.v[i]->is_private) note(&n, m->func.v[i]->name);
	if (!n.ntodo) return;
	note_any(&n, &m->attr);
	while (n.ntodo) note_region(&n, &m->func.v[n.todo[--n.ntodo]]->body);
	int left = 0;
	for (int i = 0; i < m->func.n; i++)
		if (n.named[i]) m->func.v[left++] = m->func.v[i];
	m->func.n = left;
}

bool optimize(Module *m, Passes p)
{
	if (m->err->code) return false;
	bool rewrites = p.inline_calls || p.inline_composites || p.fold || p.cse;
	if (rewrites && !write_all(m, p)) return false;
	if (p.dce) dce(m);
	if (p.dce || p.inline_calls || p.inline_composites) drop_functions(m);
	return !m->err->code;
}
