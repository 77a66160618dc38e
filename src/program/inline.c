/* Calls of a graph that only say in what mode it runs (torch.no_grad(), autocast, checkpoints): their nodes take the call's place, so that
 * writes and aliases inside are those of the program. */
#include "program/functionalize.h"

#include <string.h>

static const char *const modes[] = {
	"higher_order.wrap_with_set_grad_enabled", "higher_order.wrap_with_autocast", "higher_order.wrap", "higher_order.invoke_subgraph",
	"higher_order.hints_wrapper", "higher_order.wrap_activation_checkpoint", "higher_order.tag_activation_checkpoint",
	"higher_order.strict_mode",
};

static bool is_mode(const char *target)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (!strcmp(target, modes[i])) return true;
	return false;
}

typedef struct Inliner {
	Program *p;
	Graph *g;                    /* that the calls stand in */
	Arena *a;
	Err *err;
	VEC(Arg) now;                /* of each of its values: what stands for it */
	VEC(GraphNode) node;
} Inliner;

/* What an argument of `from` is outside: map has an Arg for each of its values. */
static Arg outside(Inliner *l, const Arg *map, Arg x)
{
	if (x.kind == ARG_VALUE) return map[x.value];
	if (x.kind != ARG_LIST) return x;
	Arg *item = NEW(l->a, Arg, x.list.n + 1);
	for (int i = 0; i < x.list.n; i++) item[i] = outside(l, map, x.list.item[i]);
	x.list.item = item;
	return x;
}

static GraphNode copy_of(Inliner *l, const Arg *map, const GraphNode *from)
{
	GraphNode n = *from;
	n.arg = NEW(l->a, NamedArg, from->narg + 1);
	for (int i = 0; i < from->narg; i++) n.arg[i] = (NamedArg){ from->arg[i].name, outside(l, map, from->arg[i].arg) };
	return n;
}

/* The graph that a call runs, and its operands, flattened: what comes after it. */
static const Graph *called(Inliner *l, const GraphNode *n, int *noperand, Arg **operand)
{
	const Graph *g = NULL;
	int most = 0;
	for (int i = 0; i < n->narg; i++) most += n->arg[i].arg.kind == ARG_LIST ? n->arg[i].arg.list.n : 1;
	*operand = NEW(l->a, Arg, most + 1);
	*noperand = 0;
	for (int i = 0; i < n->narg; i++) {
		Arg x = n->arg[i].arg;
		if (!g) {
			g = x.kind == ARG_GRAPH ? x.graph : NULL;
			continue;
		}
		if (x.kind == ARG_STR) continue;        /* invoke_subgraph: the graph's identifier */
		for (int k = 0; x.kind == ARG_LIST && k < x.list.n; k++) (*operand)[(*noperand)++] = x.list.item[k];
		if (x.kind != ARG_LIST) (*operand)[(*noperand)++] = x;
	}
	return g;
}

static bool inline_nodes(Inliner *l, const Graph *from, Arg *map, int depth);

/* The call's outputs stand for the graph's. map: of the graph that the call stands in. */
static bool inline_call(Inliner *l, const GraphNode *n, Arg *map, int depth)
{
	enum { MOST = 100 };
	Arg *operand;
	int noperand;
	const Graph *g = called(l, n, &noperand, &operand);
	if (!g || noperand < g->ninput || g->noutput < n->nout || depth > MOST)
		return fail(l->err, BAD_INPUT, "%s (node %s): its graph does not fit its arguments", n->target, n->name ? n->name : "?");
	Arg *inner = NEW(l->a, Arg, g->value.n + 1);
	for (int i = 0; i < g->ninput; i++)
		if (g->input[i].kind == ARG_VALUE) inner[g->input[i].value] = outside(l, map, operand[i]);
	if (!inline_nodes(l, g, inner, depth + 1)) return false;
	for (int i = 0; i < n->nout; i++)
		if (n->out[i]) map[n->out[i]] = outside(l, inner, g->output[i]);
	return true;
}

/* Outputs of a node that was copied from another graph are new values of this one. */
static void rename_outputs(Inliner *l, const Graph *from, GraphNode *n, Arg *map)
{
	if (from == l->g) return;
	VId *out = NEW(l->a, VId, n->nout + 1);
	for (int i = 0; i < n->nout; i++) {
		if (!n->out[i]) continue;
		GraphValue v = from->value.v[n->out[i]];
		*push(l->a, &l->g->value) = v;
		out[i] = l->g->value.n - 1;
		map[n->out[i]] = arg_value(out[i]);
	}
	n->out = out;
}

static bool inline_nodes(Inliner *l, const Graph *from, Arg *map, int depth)
{
	for (int i = 0; i < from->node.n; i++) {
		const GraphNode *n = &from->node.v[i];
		if (is_mode(n->target)) {
			if (!inline_call(l, n, map, depth)) return false;
			continue;
		}
		GraphNode copy = copy_of(l, map, n);
		rename_outputs(l, from, &copy, map);
		*push(l->a, &l->node) = copy;
	}
	return true;
}

static bool has_mode(const Graph *g)
{
	for (int i = 0; i < g->node.n; i++)
		if (is_mode(g->node.v[i].target)) return true;
	return false;
}

bool inline_modes(Program *p, Graph *g, Err *e)
{
	if (!has_mode(g)) return true;
	Inliner l = { .p = p, .g = g, .a = &p->arena, .err = e };
	Arg *map = NEW(l.a, Arg, g->value.n + 1);
	for (int i = 0; i < g->value.n; i++) map[i] = arg_value(i);
	if (!inline_nodes(&l, g, map, 0)) return false;
	for (int i = 0; i < g->noutput; i++) g->output[i] = outside(&l, map, g->output[i]);
	for (int i = 0; g == p->graph && i < p->noutput; i++) p->output[i].arg = outside(&l, map, p->output[i].arg);
	g->node.v = l.node.v;
	g->node.n = l.node.n;
	g->node.cap = l.node.cap;
	return true;
}
