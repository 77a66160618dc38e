/* Marks, and which of them belong together. */
#include "stablehlo/infer_check.h"
#include "stablehlo/ir.h"
#include "stablehlo/mark.h"

#include <stdlib.h>
#include <string.h>

/* -- marks ----------------------------------------------------------------------------------------------- */

const char mark_target[] = "xla_mark_tensor";

/* Of a mark's backend_config. */
enum { MARK_NAME, MARK_ID, MARK_POS, MARK_IS_INPUT, MARK_ATTR, NMARK };

bool is_mark(const Op *op)
{
	return op->code == OP_custom_call && attr_of(op, "call_target_name")->str == mark_target;
}

Mark mark_of(const Op *op)
{
	const Any *x = attr_of(op, "backend_config")->any->item;
	return (Mark){ x[MARK_NAME].str, x[MARK_ID].str, x[MARK_POS].i, x[MARK_IS_INPUT].i, x[MARK_ATTR].kind ? &x[MARK_ATTR] : NULL };
}

struct OpenMark {
	struct OpenMark *around;
	const char *name, *id;
	struct Cse *cse;             /* of what is around it */
};

/* From its first input to its first output a part has a table of equal ops of its own. */
static void open_or_close(Builder *b, const Mark *k)
{
	struct OpenMark *x = b->open;
	while (x && (strcmp(x->name, k->name) || strcmp(x->id, k->id))) x = x->around;
	if (x && !k->is_input) {
		b->cse = x->cse;
		b->open = x->around;
	} else if (!x && k->is_input) {
		x = NEW(b->a, struct OpenMark, 1);
		*x = (struct OpenMark){ b->open, k->name, k->id, b->cse };
		b->open = x;
		b->cse = cse_new(b->a);
	}
}

Value hlo_mark(Builder *b, Value x, Mark k)
{
	if (b->m->err->code) return 0;
	open_or_close(b, &k);
	Any *config = NEW(b->a, Any, 1), *item = NEW(b->a, Any, NMARK);
	item[MARK_NAME] = (Any){ .kind = ANY_STR, .str = k.name };
	item[MARK_ID] = (Any){ .kind = ANY_STR, .str = k.id };
	item[MARK_POS] = (Any){ .kind = ANY_I64, .i = k.pos };
	item[MARK_IS_INPUT] = (Any){ .kind = ANY_BOOL, .i = k.is_input };
	if (k.attr) item[MARK_ATTR] = *k.attr;
	*config = (Any){ .kind = ANY_ARRAY, .n = NMARK, .item = item };
	Attr attr[MAX_ATTRS + 1] = { 0 };
	attr[op_attr_index(OP_custom_call, "call_target_name")] = (Attr){ .set = true, .str = mark_target };
	attr[op_attr_index(OP_custom_call, "backend_config")] = (Attr){ .set = true, .any = config };
	Type t = known_type(b, x);
	return emit(b, OP_custom_call, &t, 1, &x, attr);
}

/* -- groups ---------------------------------------------------------------------------------------------- */

typedef VEC(MarkedBlock) MarkedBlocks;

static Group *group_of(Arena *a, MarkedBlock *b, const Mark *k)
{
	char *key = arena_printf(a, "%s\n%s", k->name, k->id);
	int i = map_get(&b->by_key, key, strlen(key));
	if (i >= 0) return &b->group.v[i];
	map_set(&b->by_key, key, strlen(key), b->group.n);
	Group *g = push(a, &b->group);
	*g = (Group){ .name = k->name, .id = k->id };
	return g;
}

static void add_mark(Arena *a, MarkedBlock *b, int at, const Mark *k)
{
	Group *g = group_of(a, b, k);
	if (k->is_input) {
		*push(a, &g->input) = at;
		return;
	}
	*push(a, &g->output) = at;
	g->last = at;
	if (!g->attr) g->attr = k->attr;
}

/* Outputs by their position, those of one position as they come. */
static void sort_outputs(const Region *r, Group *g)
{
	for (int i = 1; i < g->output.n; i++)
		for (int k = i; k; k--) {
			int *x = &g->output.v[k - 1];
			if (mark_of(r->op.v[x[0]]).pos <= mark_of(r->op.v[x[1]]).pos) break;
			int was = x[0];
			x[0] = x[1], x[1] = was;
		}
}

/* The composite, so that its results are values before all the others that outlining makes. */
static void make_op(Module *m, const Region *r, Group *g)
{
	Type *t = NEW(&m->arena, Type, g->output.n + 1);
	for (int i = 0; i < g->output.n; i++) t[i] = value_type(m, r->op.v[g->output.v[i]]->out);
	g->op = op_new(m, OP_composite, g->output.n, t, 0, NULL, NULL);
	g->op->loc = r->op.v[g->output.v[0]]->loc;
}

/* Those that end first come first: what lies in another part is one op by then. */
static int by_end(const void *x, const void *y)
{
	return ((const Group *)x)->last - ((const Group *)y)->last;
}

static void finish_groups(Module *m, MarkedBlock *b)
{
	int n = 0;
	for (int i = 0; i < b->group.n; i++) {
		Group g = b->group.v[i];
		if (!g.output.n) continue;
		g.first = g.input.n ? g.input.v[0] : 0;
		sort_outputs(b->region, &g);
		make_op(m, b->region, &g);
		b->group.v[n++] = g;
	}
	b->group.n = n;
	if (n) qsort(b->group.v, (size_t)n, sizeof *b->group.v, by_end);
}

/* The blocks that have marks, inner ones first. */
static void find_marks(Module *m, Region *r, MarkedBlocks *out)
{
	Arena *a = &m->arena;
	MarkedBlock b = { .region = r, .by_key.arena = a };
	bool any = false;
	for (int i = 0; i < r->op.n; i++) {
		Op *op = r->op.v[i];
		for (int k = 0; k < op->nregion; k++) find_marks(m, op->region[k], out);
		if (!is_mark(op)) continue;
		Mark k = mark_of(op);
		add_mark(a, &b, i, &k);
		any = true;
	}
	if (!any) return;
	finish_groups(m, &b);
	*push(a, out) = b;
}

/* -- a block --------------------------------------------------------------------------------------------- */

Value settled(const Outliner *o, Value v)
{
	while (o->to[v]) v = o->to[v];
	return v;
}

void settle(const Outliner *o, Op *op)
{
	for (int i = 0; i < op->nin; i++) op->in[i] = settled(o, op->in[i]);
	for (int i = 0; i < op->nregion; i++)
		for (int k = 0; k < op->region[i]->op.n; k++) settle(o, op->region[i]->op.v[k]);
}

void add_uses(Outliner *o, const Op *op, int by)
{
	for (int i = 0; i < op->nin; i++) o->uses[settled(o, op->in[i])] += by;
	for (int i = 0; i < op->nregion; i++)
		for (int k = 0; k < op->region[i]->op.n; k++) add_uses(o, op->region[i]->op.v[k], by);
}

int reads(const Outliner *o, const Op *op, Value v)
{
	int count = 0;
	for (int i = 0; i < op->nin; i++) count += settled(o, op->in[i]) == v;
	for (int i = 0; i < op->nregion; i++)
		for (int k = 0; k < op->region[i]->op.n; k++) count += reads(o, op->region[i]->op.v[k], v);
	return count;
}

static bool is_fixed(const Outliner *o, const Op *op)
{
	if (op->code == OP_get_dimension_size) return true;
	if (op_table[op->code].effect || op->nregion) return false;
	for (int i = 0; i < op->nin; i++)
		if (!o->fixed[op->in[i]]) return false;
	return true;
}

static void begin_block(Outliner *o, Region *r)
{
	o->block = r;
	memset(o->at, 0, (size_t)o->n * sizeof *o->at);
	memset(o->uses, 0, (size_t)o->n * sizeof *o->uses);
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		bool fixed = is_fixed(o, op);
		add_uses(o, op, 1);
		for (int k = 0; k < op->nout; k++) {
			o->at[op->out + (Value)k] = i + 1;
			o->fixed[op->out + (Value)k] = fixed;
		}
	}
}

/* Marks that are left are what they mark. */
static void end_block(Outliner *o)
{
	Region *r = o->block;
	int n = 0;
	for (int i = 0; i < r->op.n; i++)
		if (r->op.v[i] && is_mark(r->op.v[i])) o->to[r->op.v[i]->out] = r->op.v[i]->in[0];
	for (int i = 0; i < r->op.n; i++) {
		Op *op = r->op.v[i];
		if (!op || is_mark(op)) continue;
		settle(o, op);
		r->op.v[n++] = op;
	}
	r->op.n = n;
}

/* Sized by the values that there are: composites are made, functions are not. */
static Outliner outliner(Module *m)
{
	Arena *a = &m->arena;
	int n = m->value.n;
	Outliner o = { .m = m, .n = n, .names.arena = a, .last_made.arena = a, .at = NEW(a, int, n), .uses = NEW(a, int, n), .fixed = NEW(a, bool, n),
		.to = NEW(a, Value, n), .now = NEW(a, Value, n), .seen = NEW(a, int, n), .member = NEW(a, int, n) };
	for (int i = 0; i < m->func.n; i++) map_set(&o.names, m->func.v[i]->name, strlen(m->func.v[i]->name), 0);
	return o;
}

static bool has_marks(const Region *r)
{
	for (int i = 0; i < r->op.n; i++) {
		if (is_mark(r->op.v[i])) return true;
		for (int k = 0; k < r->op.v[i]->nregion; k++)
			if (has_marks(r->op.v[i]->region[k])) return true;
	}
	return false;
}

bool outline_composites(Module *m)
{
	MarkedBlocks blocks = { 0 };
	bool any = false;
	for (int i = 0; i < m->func.n && !any; i++) any = has_marks(&m->func.v[i]->body);
	if (!any) return true;
	dce(m);
	for (int i = 0; i < m->func.n; i++) find_marks(m, &m->func.v[i]->body, &blocks);
	Outliner o = outliner(m);
	for (int i = 0; i < blocks.n; i++) {
		begin_block(&o, blocks.v[i].region);
		for (int k = 0; k < blocks.v[i].group.n; k++)
			if (!outline_part(&o, &blocks.v[i].group.v[k])) return false;
		end_block(&o);
	}
	return true;
}
