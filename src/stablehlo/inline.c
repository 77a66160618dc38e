/* Composites back to what they are made of. */
#include "stablehlo/composite.h"

#include "stablehlo/clone.h"

#include <string.h>

typedef struct Inliner {
	Module *m;
	Map by_name;                 /* functions */
} Inliner;

/* -- functions ------------------------------------------------------------------------------------------- */

typedef struct Use { bool composite, other; } Use;

static void note_use(const Inliner *l, const char *name, bool composite, Use *use)
{
	int i = map_get(&l->by_name, name, strlen(name));
	if (i < 0) return;
	if (composite) use[i].composite = true;
	else use[i].other = true;
}

static void note_uses(const Inliner *l, const Region *r, Use *use)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		const AttrDef *def = op_table[op->code].attr;
		for (int k = 0; def[k].name; k++) {
			const Attr *x = &op->attr[k];
			if (x->set && def[k].kind == KIND_SYMBOL) note_use(l, x->str, op->code == OP_composite, use);
			for (int s = 0; x->set && def[k].kind == KIND_SYMBOLS && s < x->syms.n; s++) note_use(l, x->syms.v[s], false, use);
		}
		for (int k = 0; k < op->nregion; k++) note_uses(l, op->region[k], use);
	}
}

static bool any_composite(const Region *r)
{
	for (int i = 0; i < r->op.n; i++) {
		if (r->op.v[i]->code == OP_composite) return true;
		for (int k = 0; k < r->op.v[i]->nregion; k++)
			if (any_composite(r->op.v[i]->region[k])) return true;
	}
	return false;
}

bool has_composites(const Module *m)
{
	for (int i = 0; i < m->func.n; i++)
		if (any_composite(&m->func.v[i]->body)) return true;
	return false;
}

/* Its body again, without composites. */
static Func *inline_function(Module *m, const Func *f)
{
	Func *to = COPY(&m->arena, Func, f, 1);
	Builder b = builder(m, to);
	Clone c = { .from = m, .keep_calls = true };
	clone_begin(&c, &b);
	to->body.op.v = NULL;
	to->body.op.n = to->body.op.cap = 0;
	for (int i = 0; i < f->narg; i++) c.now[f->body.arg + (Value)i] = f->body.arg + (Value)i;
	clone_body(&c, f);
	return to;
}

bool inline_composites(Module *m)
{
	Arena *a = &m->arena;
	Inliner l = { .m = m, .by_name.arena = a };
	Use *use = NEW(a, Use, m->func.n + 1);
	Func **to = NEW(a, Func *, m->func.n + 1);
	int n = 0;
	for (int i = 0; i < m->func.n; i++) map_set(&l.by_name, m->func.v[i]->name, strlen(m->func.v[i]->name), i);
	for (int i = 0; i < m->func.n; i++) note_uses(&l, &m->func.v[i]->body, use);
	for (int i = 0; i < m->func.n; i++) {
		Func *f = m->func.v[i];
		if (f->is_private && use[i].composite && !use[i].other) continue;
		to[n++] = any_composite(&f->body) ? inline_function(m, f) : f;
		if (m->err->code) return false;
	}
	memcpy(m->func.v, to, (size_t)n * sizeof *to);
	m->func.n = n;
	dce(m);
	return true;
}
