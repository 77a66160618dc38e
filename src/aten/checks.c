/* Numbers that only assertions read: they are not computed, as assertions hold nothing in a module. Of assert x.max().item() <= n nothing
 * remains, though x.max().item() alone could not be converted. */
#include "aten/ctx.h"

#include <string.h>

static void mark_read(const Arg *x, bool *read)
{
	if (x->kind == ARG_VALUE) read[x->value] = true;
	for (int i = 0; x->kind == ARG_LIST && i < x->list.n; i++) mark_read(&x->list.item[i], read);
}

/* A node that gives nothing, as assertions do (an operator of the user's own may have effects), or numbers alone which nothing reads. */
static bool is_unread(const Lower *l, const GraphNode *g, const bool *read)
{
	bool results = false;
	for (int i = 0; i < g->nout; i++) {
		if (!g->out[i]) continue;
		ValueKind kind = l->graph->value.v[g->out[i]].kind;
		if (read[g->out[i]] || (kind != VALUE_SYMINT && kind != VALUE_SYMFLOAT && kind != VALUE_SYMBOOL)) return false;
		results = true;
	}
	return results || map_get(&l->rules, g->target, strlen(g->target)) >= 0;
}

bool *unread_nodes(const Lower *l)
{
	const Graph *g = l->graph;
	bool *unread = NEW(l->a, bool, g->node.n + 1), *read = NEW(l->a, bool, g->value.n + 1);
	const Program *p = l->program;
	for (int i = 0; i < g->noutput; i++) mark_read(&g->output[i], read);
	for (int i = 0; i < p->noutput && g == p->graph; i++) mark_read(&p->output[i].arg, read);
	for (int i = g->node.n - 1; i >= 0; i--) {
		const GraphNode *node = &g->node.v[i];
		unread[i] = is_unread(l, node, read);
		for (int k = 0; k < node->narg && !unread[i]; k++) mark_read(&node->arg[k].arg, read);
	}
	return unread;
}
