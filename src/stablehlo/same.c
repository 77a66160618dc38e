/* Functions that are the same but for their names. */
#include "stablehlo/ir.h"

typedef struct Pair { const Module *m; Value f, g; } Pair;

static bool region_eq(const Pair *p, const Region *f, const Region *g);

static bool op_eq(const Pair *p, const Op *f, const Op *g)
{
	if (f->code != g->code || f->nin != g->nin || f->nout != g->nout || f->nregion != g->nregion || f->extra != g->extra) return false;
	for (int i = 0; i < f->nin; i++)
		if (f->in[i] - p->f != g->in[i] - p->g) return false;
	for (int i = 0; i < f->nout; i++)
		if (!type_eq(value_type(p->m, f->out + (Value)i), value_type(p->m, g->out + (Value)i))) return false;
	for (int i = 0; op_table[f->code].attr[i].name; i++)
		if (!attr_eq(op_table[f->code].attr[i].kind, &f->attr[i], &g->attr[i])) return false;
	for (int i = 0; i < f->nregion; i++)
		if (!region_eq(p, f->region[i], g->region[i])) return false;
	return true;
}

static bool region_eq(const Pair *p, const Region *f, const Region *g)
{
	if (f->narg != g->narg || f->op.n != g->op.n) return false;
	for (int i = 0; i < f->narg; i++)
		if (!type_eq(value_type(p->m, f->arg + (Value)i), value_type(p->m, g->arg + (Value)i))) return false;
	for (int i = 0; i < f->op.n; i++)
		if (!op_eq(p, f->op.v[i], g->op.v[i])) return false;
	return true;
}

bool func_eq(const Module *m, const Func *f, Value first_f, const Func *g, Value first_g)
{
	return region_eq(&(Pair){ m, first_f, first_g }, &f->body, &g->body);
}
