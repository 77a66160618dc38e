/* Nodes that are to stay whole: marks around them, as users of torch_xla write them by hand. */
#include "program/program.h"

#include <string.h>

bool target_named(const char *name, const char *target)
{
	if (!*name) return false;
	for (; *name; target++) {
		if (*name == *target) name++;
		else if (*target == '.' && !strncmp(name, "::", 2)) name += 2;
		else return false;
	}
	return !*target || *target == '.';
}

typedef struct Marker {
	Arena *a;
	Graph *g;
	int nop;
	const CompositeOp *op;
	int count;                   /* of composites so far: their id */
	VEC(GraphNode) node;         /* the new graph */
} Marker;

/* One node's. */
typedef struct Marks {
	const char *name, *id;
	int ninput, noutput;
	VEC(Arg) attr;               /* [name, value] lists */
} Marks;

static Arg string(const char *s) { return (Arg){ .kind = ARG_STR, .str = s }; }

static bool is_tensor(const Marker *m, const Arg *x)
{
	return x->kind == ARG_VALUE && m->g->value.v[x->value].kind == VALUE_TENSOR;
}

static VId copy_value(Marker *m, VId like)
{
	GraphValue v = m->g->value.v[like];
	*push(m->a, &m->g->value) = v;
	return m->g->value.n - 1;
}

/* mark_tensor(x) -> out. The results have the attributes. */
static void add_mark(Marker *m, Marks *k, const GraphNode *of, VId x, VId out, bool is_input)
{
	static const char *const names[] = { "x", "name", "pos", "id", "is_input", "attr" };
	enum { COUNT = sizeof names / sizeof *names };
	int pos = is_input ? k->ninput++ : k->noutput++;
	Arg arg[COUNT] = { arg_value(x), string(k->name), { .kind = ARG_INT, .i = pos }, string(k->id),
		{ .kind = ARG_BOOL, .b = is_input }, { .kind = ARG_NONE } };
	if (!is_input) arg[COUNT - 1] = (Arg){ .kind = ARG_LIST, .list = { k->attr.n, k->attr.v } };
	GraphNode *g = push(m->a, &m->node);
	*g = *of;
	g->target = MARK_TARGET;
	g->narg = COUNT;
	g->arg = NEW(m->a, NamedArg, COUNT);
	for (int i = 0; i < COUNT; i++) g->arg[i] = (NamedArg){ names[i], arg[i] };
	g->nout = 1;
	g->out = COPY(m->a, VId, &out, 1);
}

/* What says how a result is computed, and not where or in which layout. */
static bool is_attribute(const Marker *m, const Arg *x)
{
	switch (x->kind) {
	case ARG_INT: case ARG_FLOAT: case ARG_BOOL: case ARG_STR: case ARG_DTYPE: return true;
	case ARG_VALUE: return m->g->value.v[x->value].kind == VALUE_SYMINT;
	case ARG_LIST:
		for (int i = 0; i < x->list.n; i++)
			if (!is_attribute(m, &x->list.item[i])) return false;
		return true;
	default: return false;
	}
}

static void add_attr(Marker *m, Marks *k, const char *name, Arg value)
{
	Arg *pair = NEW(m->a, Arg, 2);
	pair[0] = string(name);
	pair[1] = value;
	*push(m->a, &k->attr) = (Arg){ .kind = ARG_LIST, .list = { 2, pair } };
}

/* Tensor?[], some of which are None: the attribute says which there are. */
static void add_which(Marker *m, Marks *k, const char *name, const Arg *list)
{
	int n = list->list.n, none = 0;
	Arg *item = NEW(m->a, Arg, n + 1);
	for (int i = 0; i < n; i++) {
		item[i] = (Arg){ .kind = ARG_BOOL, .b = list->list.item[i].kind != ARG_NONE };
		none += !item[i].b;
	}
	if (none) add_attr(m, k, name, (Arg){ .kind = ARG_LIST, .list = { n, item } });
}

static Arg mark_input(Marker *m, Marks *k, const GraphNode *of, Arg x)
{
	if (!is_tensor(m, &x)) return x;
	VId v = copy_value(m, x.value);
	add_mark(m, k, of, x.value, v, true);
	return arg_value(v);
}

static Arg mark_argument(Marker *m, Marks *k, const GraphNode *of, const NamedArg *x)
{
	Arg arg = x->arg;
	bool tensors = false;
	if (is_attribute(m, &arg)) {
		add_attr(m, k, x->name, arg);
		return arg;
	}
	if (arg.kind != ARG_LIST) return mark_input(m, k, of, arg);
	arg.list.item = NEW(m->a, Arg, arg.list.n + 1);
	for (int i = 0; i < arg.list.n; i++) {
		tensors |= is_tensor(m, &x->arg.list.item[i]);
		arg.list.item[i] = mark_input(m, k, of, x->arg.list.item[i]);
	}
	if (tensors) add_which(m, k, x->name, &arg);
	return arg;
}

static void mark_node(Marker *m, const GraphNode *from, const char *name)
{
	Marks k = { .name = name, .id = arena_printf(m->a, "%d of %s", m->count++, from->name ? from->name : from->target) };
	GraphNode g = *from;
	g.arg = NEW(m->a, NamedArg, g.narg + 1);
	for (int i = 0; i < g.narg; i++) g.arg[i] = (NamedArg){ from->arg[i].name, mark_argument(m, &k, from, &from->arg[i]) };
	g.out = COPY(m->a, VId, from->out, from->nout);
	for (int i = 0; i < g.nout; i++)
		if (g.out[i] && m->g->value.v[g.out[i]].kind == VALUE_TENSOR) g.out[i] = copy_value(m, g.out[i]);
	*push(m->a, &m->node) = g;
	for (int i = 0; i < g.nout; i++)
		if (g.out[i] != from->out[i]) add_mark(m, &k, from, g.out[i], from->out[i], false);
}

static void mark_graph(Marker *outer, Graph *g);

/* Branches and bodies. */
static void mark_graphs(Marker *m, const Arg *x)
{
	if (x->kind == ARG_GRAPH) mark_graph(m, x->graph);
	for (int i = 0; x->kind == ARG_LIST && i < x->list.n; i++) mark_graphs(m, &x->list.item[i]);
}

static const char *composite_of(const Marker *m, const char *target)
{
	for (int i = 0; i < m->nop; i++)
		if (target_named(m->op[i].op, target)) return m->op[i].name;
	return NULL;
}

static void mark_graph(Marker *outer, Graph *g)
{
	Marker m = *outer;
	m.g = g;
	m.node.v = NULL;
	m.node.n = m.node.cap = 0;
	for (int i = 0; i < g->node.n; i++) {
		const GraphNode *node = &g->node.v[i];
		const char *name = composite_of(&m, node->target);
		for (int k = 0; k < node->narg; k++) mark_graphs(&m, &node->arg[k].arg);
		if (name) mark_node(&m, node, name);
		else *push(m.a, &m.node) = *node;
	}
	g->node.v = m.node.v;
	g->node.n = m.node.n;
	g->node.cap = m.node.cap;
	outer->count = m.count;
}

void mark_composites(Program *p, int n, const CompositeOp *op)
{
	Marker m = { .a = &p->arena, .nop = n, .op = op };
	if (n) mark_graph(&m, p->graph);
}
