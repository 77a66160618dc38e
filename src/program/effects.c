/* Checks of values that torch.export keeps in order by tokens. */
#include "program/program.h"

#include <string.h>

/* higher_order.with_effects(token, operator, ...) of an operator that only raises when a number is not
 * 0. A module cannot raise; what it computes then is what the operator before gives (NaN, infinity). */
static bool is_check(const GraphNode *n)
{
	static const char check[] = "aten._linalg_check_errors.default";
	if (strcmp(n->target, "higher_order.with_effects") || n->narg < 2) return false;
	const Arg *of = &n->arg[1].arg;
	if (of->kind != ARG_OPERATOR || !of->str) return false;
	size_t length = strlen(of->str), want = sizeof check - 1;
	return length >= want && !strcmp(of->str + length - want, check);
}

/* Whether there are effects, and all are such. */
static bool only_checks(const Graph *g)
{
	bool any = false;
	for (int i = 0; i < g->node.n; i++) {
		if (strcmp(g->node.v[i].target, "higher_order.with_effects")) continue;
		if (!is_check(&g->node.v[i])) return false;
		any = true;
	}
	return any;
}

static void drop_token_inputs(Program *p)
{
	int n = 0;
	for (int i = 0; i < p->ninput; i++) {
		if (p->input[i].kind == INPUT_TOKEN) continue;
		p->graph->input[n] = p->graph->input[i];
		p->input[n++] = p->input[i];
	}
	p->ninput = p->graph->ninput = n;
}

static void drop_token_outputs(Program *p)
{
	int n = 0;
	for (int i = 0; i < p->noutput; i++) {
		if (p->output[i].kind == OUTPUT_TOKEN) continue;
		p->graph->output[n] = p->graph->output[i];
		p->output[n++] = p->output[i];
	}
	p->noutput = p->graph->noutput = n;
}

void drop_checks(Program *p)
{
	Graph *g = p->graph;
	if (p->ninput != g->ninput || p->noutput != g->noutput || !only_checks(g)) return;
	int n = 0;
	for (int i = 0; i < g->node.n; i++)
		if (!is_check(&g->node.v[i])) g->node.v[n++] = g->node.v[i];
	g->node.n = n;
	drop_token_inputs(p);
	drop_token_outputs(p);
}
