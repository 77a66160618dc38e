#include "tune/uses.h"

static void count(const Region *r, int *uses)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		for (int k = 0; k < op->nin; k++) uses[op->in[k]]++;
		for (int k = 0; k < op->nregion; k++) count(op->region[k], uses);
	}
}

int *count_uses(const Module *m, Arena *a)
{
	int *uses = NEW(a, int, m->value.n + 1);
	for (int i = 0; i < m->func.n; i++) count(&m->func.v[i]->body, uses);
	return uses;
}

static Depends more(Depends x, Depends y)
{
	if (x == EACH_RUN || y == EACH_RUN) return EACH_RUN;
	return x == WEIGHTS || y == WEIGHTS ? WEIGHTS : NOTHING;
}

static Depends mark(const Region *r, Depends *d)
{
	Depends all = NOTHING;
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		Depends of = op_table[op->code].effect && op->code != OP_return ? EACH_RUN : NOTHING;
		for (int k = 0; k < op->nin; k++) of = more(of, d[op->in[k]]);
		for (int k = 0; k < op->nregion; k++) {
			const Region *inner = op->region[k];
			for (int j = 0; j < inner->narg; j++) d[inner->arg + (Value)j] = NOTHING;
			of = more(of, mark(inner, d));
		}
		for (int k = 0; k < op->nout; k++) d[op->out + (Value)k] = of;
		all = more(all, of);
	}
	return all;
}

Depends *find_dependence(const Module *m, const Func *f, const bool *fixed, Arena *a)
{
	Depends *d = NEW(a, Depends, m->value.n + 1);
	for (int i = 0; i < f->narg; i++) d[f->body.arg + (Value)i] = fixed[i] ? WEIGHTS : EACH_RUN;
	mark(&f->body, d);
	return d;
}

bool all_static(const Module *m)
{
	for (int i = 1; i < m->value.n; i++)
		if (m->value.v[i].type.kind == TYPE_TENSOR && !is_static(m->value.v[i].type)) return false;
	return true;
}
