/* One composite: which ops it is made of, its function, and what becomes of them. */
#include "stablehlo/clone.h"
#include "stablehlo/infer_check.h"
#include "stablehlo/ir.h"
#include "stablehlo/mark.h"

#include <stdlib.h>
#include <string.h>

typedef struct Operand { int64_t pos; Value v; } Operand;

/* v, a size that is not known, is dimension dim of `from`, which a mark of the composite gives. */
typedef struct SizeOf { Value v, from; int dim; } SizeOf;

typedef struct Part {
	Outliner *o;
	const Group *g;
	const Op **mark;             /* of the outputs */
	VEC(Value) todo;
	VEC(int) op;                 /* where its ops stand in the block */
	VEC(const Op *) outer;       /* constants of blocks around it */
	VEC(Operand) operand;
	VEC(SizeOf) size;
} Part;

/* Behind all that are marked. */
#define CAPTURED INT64_MAX

static Op *op_at(const Outliner *o, int i) { return o->block->op.v[i]; }

static bool refuse(const Part *p, Code code, const char *what)
{
	return fail(p->o->m->err, code, "composite \"%s\" (id \"%s\"): %s", p->g->name, p->g->id, what);
}

/* -- what belongs to it ---------------------------------------------------------------------------------- */

static void want(Part *p, Value v)
{
	Outliner *o = p->o;
	v = settled(o, v);
	if (o->seen[v] == o->stamp) return;
	o->seen[v] = o->stamp;
	*push(&o->m->arena, &p->todo) = v;
}

/* What the regions of a member read from around them. */
static void want_captured(Part *p, const Region *r)
{
	Outliner *o = p->o;
	for (int i = 0; i < r->narg; i++) o->seen[r->arg + (Value)i] = o->stamp;
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		for (int k = 0; k < op->nin; k++) want(p, op->in[k]);
		for (int k = 0; k < op->nregion; k++) want_captured(p, op->region[k]);
		for (int k = 0; k < op->nout; k++) o->seen[op->out + (Value)k] = o->stamp;
	}
}

static void take_operand(Part *p, Value v, int64_t pos)
{
	*push(&p->o->m->arena, &p->operand) = (Operand){ pos, v };
}

static bool is_input(const Part *p, const Op *op, int64_t *pos)
{
	if (!is_mark(op)) return false;
	Mark k = mark_of(op);
	*pos = k.pos;
	return k.is_input && !strcmp(k.name, p->g->name) && !strcmp(k.id, p->g->id);
}

/* Whether it is no value of the part: neither marked, nor computed after the first input was. */
static bool is_outside(const Part *p, Value v)
{
	int at = p->o->at[v];
	return !at || at - 1 < p->g->first;
}

/* A size of what is outside, where an operand has the same. */
static bool take_size(Part *p, const Op *op)
{
	Outliner *o = p->o;
	Module *m = o->m;
	if (op->code != OP_get_dimension_size || !is_outside(p, settled(o, op->in[0]))) return false;
	int64_t want_size = in_type(m, op, 0).dim[attr_of(op, "dimension")->i];
	for (int i = 0; i < p->g->input.n && want_size != DYNAMIC; i++) {
		Value x = op_at(o, p->g->input.v[i])->out;
		Type t = value_type(m, x);
		for (int d = 0; d < t.rank; d++) {
			if (t.dim[d] != want_size) continue;
			*push(&m->arena, &p->size) = (SizeOf){ op->out, x, d };
			want(p, x);
			return true;
		}
	}
	return false;
}

static void take_op(Part *p, int at)
{
	Outliner *o = p->o;
	const Op *op = op_at(o, at);
	if (o->member[op->out] == o->stamp) return;
	o->member[op->out] = o->stamp;
	*push(&o->m->arena, &p->op) = at;
	if (take_size(p, op)) return;
	for (int i = 0; i < op->nin; i++) want(p, op->in[i]);
	for (int i = 0; i < op->nregion; i++) want_captured(p, op->region[i]);
}

static void reach(Part *p, Value v)
{
	Outliner *o = p->o;
	const Op *def = o->m->value.v[v].def;
	int at = o->at[v] - 1;
	int64_t pos;
	if (at < 0 && def && def->code == OP_constant) *push(&o->m->arena, &p->outer) = def;
	else if (at < 0) take_operand(p, v, CAPTURED);
	else if (is_input(p, def, &pos)) take_operand(p, v, pos);
	else if (is_mark(def)) take_op(p, at);
	else if (at < p->g->first && !o->fixed[v]) take_operand(p, v, CAPTURED);
	else take_op(p, at);
}

static int by_pos(const void *x, const void *y)
{
	const Operand *a = x, *b = y;
	if (a->pos != b->pos) return a->pos < b->pos ? -1 : 1;
	return a->v < b->v ? -1 : a->v > b->v;
}

static int by_number(const void *x, const void *y)
{
	const int *a = x, *b = y;
	return *a < *b ? -1 : *a > *b;
}

static void find_ops(Part *p)
{
	for (int i = 0; i < p->g->output.n; i++) want(p, p->mark[i]->in[0]);
	while (p->todo.n) reach(p, p->todo.v[--p->todo.n]);
	if (p->operand.n) qsort(p->operand.v, (size_t)p->operand.n, sizeof *p->operand.v, by_pos);
	if (p->op.n) qsort(p->op.v, (size_t)p->op.n, sizeof *p->op.v, by_number);
}

/* -- its function ---------------------------------------------------------------------------------------- */

/* "my.gelu.impl", then "my.gelu.impl_0", as MLIR's symbol table has it. */
static const char *free_name(Outliner *o, const char *composite)
{
	Arena *a = &o->m->arena;
	const char *base = arena_printf(a, "%s.impl", composite), *name = base;
	int next = map_get(&o->names, base, strlen(base));
	if (next < 0) next = 0;
	else
		do name = arena_printf(a, "%s_%d", base, next++);
		while (map_get(&o->names, name, strlen(name)) >= 0);
	map_set(&o->names, base, strlen(base), next);
	if (name != base) map_set(&o->names, name, strlen(name), 0);
	return name;
}

static const SizeOf *size_of_operand(const Part *p, const Op *op)
{
	for (int i = 0; i < p->size.n; i++)
		if (p->size.v[i].v == op->out) return &p->size.v[i];
	return NULL;
}

static void copy_op(Part *p, Clone *c, Op *op)
{
	Outliner *o = p->o;
	settle(o, op);
	if (is_mark(op)) {               /* of another composite, which goes on outside */
		o->now[op->out] = o->now[op->in[0]];
		return;
	}
	const SizeOf *size = size_of_operand(p, op);
	c->b->loc = op->loc;
	if (size) o->now[op->out] = hlo_get_dimension_size(c->b, o->now[size->from], size->dim);
	else clone_op(c, op);
}

static void give_results(Part *p, Builder *b)
{
	int n = p->g->output.n;
	Value *v = NEW(b->a, Value, n + 1);
	for (int i = 0; i < n; i++) v[i] = p->o->now[settled(p->o, p->mark[i]->in[0])];
	func_return(b, n, v);
}

/* One that was made before and is the same, its name aside: the values of both are numbered alike. */
static const Func *same_as_before(const Part *p, const Made *made)
{
	const Outliner *o = p->o;
	for (const Made *x = made->before; x; x = x->before)
		if (func_eq(o->m, x->f, x->first, made->f, made->first)) return x->f;
	return NULL;
}

static const Func *named(Part *p, Func *f, Value first)
{
	Outliner *o = p->o;
	int at = map_get(&o->last_made, p->g->name, strlen(p->g->name));
	Made *made = NEW(&o->m->arena, Made, 1);
	*made = (Made){ f, first, at < 0 ? NULL : o->made.v[at] };
	const Func *same = same_as_before(p, made);
	if (same) {
		o->m->func.n--;
		return same;
	}
	f->name = free_name(o, p->g->name);
	map_set(&o->last_made, p->g->name, strlen(p->g->name), o->made.n);
	*push(&o->m->arena, &o->made) = made;
	return f;
}

static const Func *make_function(Part *p)
{
	Outliner *o = p->o;
	Func *f = func_new(o->m, "");
	Value first = (Value)o->m->value.n;
	Builder b = builder(o->m, f);
	Clone c = { .from = o->m, .keep_calls = true, .keep_composites = true, .b = &b, .now = o->now };
	f->is_private = true;
	for (int i = 0; i < p->operand.n; i++) {
		Value v = p->operand.v[i].v;
		o->now[v] = func_arg(o->m, f, value_type(o->m, v), NULL);
	}
	for (int i = 0; i < p->outer.n; i++) clone_op(&c, p->outer.v[i]);
	for (int i = 0; i < p->op.n; i++) copy_op(p, &c, op_at(o, p->op.v[i]));
	give_results(p, &b);
	return o->m->err->code ? NULL : named(p, f, first);
}

/* -- what stays outside ---------------------------------------------------------------------------------- */

static bool is_member(const Part *p, const Op *op)
{
	return op->nout && p->o->member[op->out] == p->o->stamp && !is_mark(op);
}

static bool must_run_once(const Op *op)
{
	switch (op->code) {
	case OP_infeed: case OP_outfeed: case OP_send: case OP_recv: case OP_rng: return true;
	case OP_custom_call: return attr_of(op, "has_side_effect")->i;
	default: return false;
	}
}

/* What an output marks, and how often that is used outside where the composite's result can stand for it. */
typedef struct Raw { Value v; int uses; } Raw;

/* It can when only the part needs it before `slot`, where the composite will be. */
static int outside_uses(const Part *p, Value v, int slot)
{
	const Outliner *o = p->o;
	const Op *def = o->m->value.v[v].def;
	int count = o->uses[v];
	if (!o->at[v] || !is_member(p, def) || def->code == OP_constant) return 0;
	for (int i = o->at[v]; i < slot; i++)
		if (op_at(o, i) && !is_member(p, op_at(o, i)) && reads(o, op_at(o, i), v)) return 0;
	for (int i = 0; i < p->op.n; i++)
		if (is_member(p, op_at(o, p->op.v[i]))) count -= reads(o, op_at(o, p->op.v[i]), v);
	return count;
}

static Raw *raw_outputs(const Part *p, int slot)
{
	Outliner *o = p->o;
	int n = p->g->output.n;
	Raw *raw = NEW(&o->m->arena, Raw, n + 1);
	for (int i = 0; i < n; i++) {
		raw[i].v = settled(o, p->mark[i]->in[0]);
		bool again = false;
		for (int k = 0; k < i; k++) again |= raw[k].v == raw[i].v;
		if (!again) raw[i].uses = outside_uses(p, raw[i].v, slot);
	}
	return raw;
}

/* Uses of a member's results by what stays, but for those that the composite's results can serve. */
static int uses_left(const Part *p, const Op *op, const Raw *raw)
{
	int left = 0;
	for (int i = 0; i < op->nout; i++) left += p->o->uses[op->out + (Value)i];
	for (int i = 0; i < p->g->output.n; i++)
		if (raw[i].v >= op->out && raw[i].v < op->out + (Value)op->nout) left -= raw[i].uses;
	return left;
}

static void stand_for(Outliner *o, Value old, Value v)
{
	o->to[old] = v;
	o->uses[v] += o->uses[old];
}

/* Members that nothing else needs leave the block, the last first. */
static bool take_members(Part *p, const Raw *raw)
{
	Outliner *o = p->o;
	for (int i = p->op.n - 1; i >= 0; i--) {
		Op *op = op_at(o, p->op.v[i]);
		if (!is_member(p, op)) continue;
		if (uses_left(p, op, raw)) {
			if (!must_run_once(op)) continue;
			return refuse(p, UNSUPPORTED, arena_printf(&o->m->arena, "a result of stablehlo.%s in it is needed outside of it, and must not be "
				"computed twice: mark it as an output", op_table[op->code].name));
		}
		for (int k = 0; k < p->g->output.n; k++)
			if (raw[k].uses && raw[k].v >= op->out && raw[k].v < op->out + (Value)op->nout) stand_for(o, raw[k].v, p->g->op->out + (Value)k);
		add_uses(o, op, -1);
		o->block->op.v[p->op.v[i]] = NULL;
	}
	return true;
}

/* -- the composite --------------------------------------------------------------------------------------- */

static bool reads_result(const Part *p, const Op *op)
{
	for (int i = 0; i < p->g->output.n; i++)
		if (reads(p->o, op, p->mark[i]->out)) return true;
	return false;
}

/* The first output that all operands stand before; -1, with the failure recorded, where the results are needed sooner. */
static int find_slot(const Part *p)
{
	const Outliner *o = p->o;
	int after = 0, slot = p->g->last, first = slot;
	for (int i = 0; i < p->operand.n; i++) {
		Value v = p->operand.v[i].v;
		if (p->operand.v[i].pos != CAPTURED) v = settled(o, o->m->value.v[v].def->in[0]);
		if (o->at[v] > after) after = o->at[v];
	}
	for (int i = 0; i < p->g->output.n; i++) {
		int at = p->g->output.v[i];
		if (at < first) first = at;
		if (at < slot && at >= after) slot = at;
	}
	for (int i = first; i < slot; i++)
		if (op_at(o, i) && !is_member(p, op_at(o, i)) && reads_result(p, op_at(o, i)))
			return refuse(p, BAD_INPUT, "a result of it is used before all of its inputs are marked"), -1;
	return slot;
}

static void drop_input(Outliner *o, int at)
{
	Op *mark = op_at(o, at);
	Value v = settled(o, mark->in[0]);
	o->uses[v]--;
	stand_for(o, mark->out, v);
	o->block->op.v[at] = NULL;
}

static void place(Part *p, int slot, const Func *f)
{
	Outliner *o = p->o;
	Op *op = p->g->op;
	op->nin = p->operand.n;
	op->in = NEW(&o->m->arena, Value, op->nin + 1);
	for (int i = 0; i < op->nin; i++) op->in[i] = settled(o, p->operand.v[i].v);
	op->attr[op_attr_index(OP_composite, "name")] = (Attr){ .set = true, .str = p->g->name };
	op->attr[op_attr_index(OP_composite, "decomposition")] = (Attr){ .set = true, .str = f->name };
	if (p->g->attr) op->attr[op_attr_index(OP_composite, "composite_attributes")] = (Attr){ .set = true, .dict = p->g->attr };
	o->block->op.v[slot] = op;
	add_uses(o, op, 1);
	for (int i = 0; i < op->nout; i++) {
		o->at[op->out + (Value)i] = slot + 1;
		stand_for(o, p->mark[i]->out, op->out + (Value)i);
	}
}

bool outline_part(Outliner *o, const Group *g)
{
	Part p = { .o = o, .g = g, .mark = NEW(&o->m->arena, const Op *, g->output.n) };
	o->stamp++;
	for (int i = 0; i < g->output.n; i++) p.mark[i] = op_at(o, g->output.v[i]);
	find_ops(&p);
	int slot = find_slot(&p);
	if (slot < 0) return false;
	const Func *f = make_function(&p);
	if (!f) return false;
	for (int i = 0; i < g->output.n; i++) {
		add_uses(o, p.mark[i], -1);
		o->block->op.v[g->output.v[i]] = NULL;
	}
	if (!take_members(&p, raw_outputs(&p, slot))) return false;
	for (int i = 0; i < g->input.n; i++) drop_input(o, g->input.v[i]);
	place(&p, slot, f);
	return true;
}
