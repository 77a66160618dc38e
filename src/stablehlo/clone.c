/* Ops again. */
#include "stablehlo/clone.h"

#include "stablehlo/ir.h"

#include <string.h>

/* Functions in functions; and how many ops may come out: calls of calls of calls ... grow without end. */
enum { MOST_CALLS = 64, MOST_OPS = 1 << 24 };

const Attr *op_attr(const Op *op, const char *name)
{
	static const Attr unset;
	int i = op_attr_index(op->code, name);
	return i < 0 || !op->attr ? &unset : &op->attr[i];
}

Attr *copied_attrs(Arena *a, const Op *op)
{
	Attr *attr = NEW(a, Attr, MAX_ATTRS + 1);
	if (op->attr) memcpy(attr, op->attr, (size_t)op_nattr(op->code) * sizeof *attr);
	return attr;
}

Value clone_value(Clone *c, Value v) { return c->value && !c->inside[v] ? c->value(c, v) : c->now[v]; }

static void mark_inside(Clone *c, const Region *r)
{
	for (int i = 0; i < r->narg; i++) c->inside[r->arg + (Value)i] = true;
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		for (int k = 0; k < op->nout; k++) c->inside[op->out + (Value)k] = true;
		for (int k = 0; k < op->nregion; k++) mark_inside(c, op->region[k]);
	}
}

void clone_begin(Clone *c, Builder *b)
{
	c->b = b;
	c->now = NEW(b->a, Value, c->from->value.n + 1);
	c->inside = NEW(b->a, bool, c->from->value.n + 1);
	if (b->m != c->from) loc_share(b->m, c->from);
	for (int i = 0; i < c->from->func.n; i++) {
		const Region *body = &c->from->func.v[i]->body;
		for (int k = 0; k < body->op.n; k++)
			for (int j = 0; j < body->op.v[k]->nregion; j++) mark_inside(c, body->op.v[k]->region[j]);
	}
}

Value clone_argument(Clone *c, Value v, Type type, const char *name)
{
	Module *to = c->b->m;
	const ValueInfo *x = &c->from->value.v[v];
	Value arg = func_arg(to, c->b->func, type, name);
	to->value.v[arg].loc = x->def ? x->def->loc : x->loc;
	return c->now[v] = arg;
}

Value *clone_operands(Clone *c, const Op *op)
{
	Value *in = NEW(c->b->a, Value, op->nin + 1);
	for (int i = 0; i < op->nin; i++) in[i] = clone_value(c, op->in[i]);
	return in;
}

void clone_ops(Clone *c, const Region *from, int *nret, Value **ret)
{
	*nret = 0;
	*ret = NULL;
	for (int i = 0; i < from->op.n && !c->b->m->err->code; i++) {
		const Op *op = from->op.v[i];
		c->b->loc = op->loc;
		if (op->code == OP_return) {
			*nret = op->nin;
			*ret = clone_operands(c, op);
			return;
		}
		if (++c->nops > MOST_OPS) {
			build_fail(c->b, UNSUPPORTED, "with its calls inlined the function has more than %d ops", MOST_OPS);
			return;
		}
		if (!c->rewrite || !c->rewrite(c, op)) clone_op(c, op);
	}
}

Region *clone_region(Clone *c, const Region *from, const Type *type)
{
	Builder *b = c->b;
	Type *t = NEW(b->a, Type, from->narg + 1);
	Value *arg = NEW(b->a, Value, from->narg + 1), *ret;
	bool (*rewrite)(Clone *, const Op *) = c->rewrite;
	Loc around = b->loc;
	int nret;
	for (int i = 0; i < from->narg; i++) t[i] = type ? type[i] : value_type(c->from, from->arg + (Value)i);
	Region *to = region_begin(b, from->narg, t, arg);
	for (int i = 0; i < from->narg; i++) {
		c->now[from->arg + (Value)i] = arg[i];
		b->m->value.v[arg[i]].loc = c->from->value.v[from->arg + (Value)i].loc;
	}
	if (!c->in_regions) c->rewrite = NULL;
	clone_ops(c, from, &nret, &ret);
	c->rewrite = rewrite;
	region_end(b, to, nret, ret);
	b->loc = around;
	return to;
}

const Func *clone_callee(const Clone *c, const Op *op)
{
	const char *name = op_attr(op, op->code == OP_call ? "callee" : "decomposition")->str;
	for (int i = 0; name && i < c->from->func.n; i++)
		if (!strcmp(c->from->func.v[i]->name, name)) return c->from->func.v[i];
	return NULL;
}

/* The callee's values are made anew at each call. */
static void clone_call(Clone *c, const Op *op)
{
	const Func *f = clone_callee(c, op);
	int nret;
	if (!f || f->narg != op->nin || f->nres != op->nout || c->depth == MOST_CALLS) {
		build_fail(c->b, UNSUPPORTED, "stablehlo.%s: the function that it calls is missing, or calls itself", op_table[op->code].name);
		return;
	}
	Value *in = clone_operands(c, op), *ret;
	c->depth++;
	for (int i = 0; i < f->narg; i++) c->now[f->body.arg + (Value)i] = in[i];
	clone_ops(c, &f->body, &nret, &ret);
	c->depth--;
	for (int i = 0; i < op->nout && i < nret; i++) c->now[op->out + (Value)i] = ret[i];
}

/* What the op's regions take from outside is made here, not in them, and stays what stands for it. */
static void make_captures(Clone *c, const Region *r)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		for (int k = 0; k < op->nin; k++)
			if (!c->inside[op->in[k]]) c->now[op->in[k]] = clone_value(c, op->in[k]);
		for (int k = 0; k < op->nregion; k++) make_captures(c, op->region[k]);
	}
}

void clone_emit(Clone *c, const Op *op, const Type *t, const Value *in, Region *const *region)
{
	Builder *b = c->b;
	struct Cse *cse = b->cse;
	if (op->extra) b->cse = NULL;        /* other ops do not have these */
	Op *made = emit_op(b, op->code, op->nout, t, op->nin, in, op->attr, op->nregion, region);
	b->cse = cse;
	if (made && op->extra) made->extra = op->extra;
	for (int i = 0; made && i < op->nout; i++) c->now[op->out + (Value)i] = made->out + (Value)i;
}

static bool is_inlined(const Clone *c, const Op *op)
{
	if (op->code == OP_call ? c->keep_calls : op->code != OP_composite || c->keep_composites) return false;
	const Func *f = clone_callee(c, op);
	return !f || f->body.op.n;       /* one that is only declared cannot be */
}

void clone_op(Clone *c, const Op *op)
{
	Builder *b = c->b;
	if (is_inlined(c, op)) {
		clone_call(c, op);
		return;
	}
	Value *in = clone_operands(c, op);
	Type *t = NEW(b->a, Type, op->nout + 1);
	for (int i = 0; i < op->nout; i++) t[i] = value_type(c->from, op->out + (Value)i);
	if (op->nout == 1 && !op->nregion && !op->extra) {
		c->now[op->out] = emit(b, op->code, t, op->nin, in, op->attr);
		return;
	}
	Region **region = NEW(b->a, Region *, op->nregion + 1);
	for (int i = 0; c->value && i < op->nregion; i++) make_captures(c, op->region[i]);
	for (int i = 0; i < op->nregion; i++) region[i] = clone_region(c, op->region[i], NULL);
	clone_emit(c, op, t, in, region);
}

void clone_body(Clone *c, const Func *f)
{
	Value *ret;
	int nret;
	clone_ops(c, &f->body, &nret, &ret);
	if (c->b->m->err->code) return;
	func_return(c->b, nret, ret);
	for (int i = 0; i < nret && i < f->nres && f->res_attr; i++) c->b->func->res_attr[i] = f->res_attr[i];
}

bool clone_function(Clone *c, const Func *f, const Type *arg, Module *to)
{
	Func *main = func_new(to, f->name);
	Builder b = builder(to, main);
	to->attr = c->from->attr;
	clone_begin(c, &b);
	for (int i = 0; i < f->narg; i++)
		clone_argument(c, f->body.arg + (Value)i, arg ? arg[i] : f->arg_type[i], f->arg_name ? f->arg_name[i] : NULL);
	for (int i = 0; i < f->narg && f->arg_attr; i++) main->arg_attr[i] = f->arg_attr[i];
	clone_body(c, f);
	if (to->err->code) return false;
	dce(to);
	return true;
}
