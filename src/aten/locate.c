/* Where the ops of a node come from: what torch knows of the node, as locations.
 *
 *	"layer1.conv/conv2d_3"("forward"("model.py":12:0))      LOCS_NODES: its module and its name, the user's line
 *	"..."(callsite("forward"("conv.py":5:0) at "forward"("model.py":12:0)))      LOCS_FULL: all lines, each called from the next
 *	"{\"stack_trace\": ...}"("layer1.conv/conv2d_3"(...))    LOCS_METADATA: the first, in the node's metadata as torch_xla has it
 *
 * XLA takes the outermost name for the op's own, and the lines for its stack (xla/hlo/translate/mhlo_to_hlo). A node
 * xla.write_mlir_debuginfo(x, data) says what the ops that gave x are called, whatever else is asked for: "data"(...). */
#include "aten/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* -- names ----------------------------------------------------------------------------------------------- */

/* To the comma that ends a part of "key,path,class", which may have commas in brackets. */
static const char *part_end(const char *s)
{
	int open = 0;
	for (; *s && (*s != ',' || open > 0); s++) open += strchr("[(", *s) ? 1 : strchr(")]", *s) ? -1 : 0;
	return s;
}

/* "layer1.conv": the path of the innermost module of "key,path,class;key,path,class;..."; "" of none, or the outermost. */
static const char *module_path(Arena *a, const char *stack)
{
	const char *last = stack ? strrchr(stack, ';') : NULL, *end = part_end(last ? last + 1 : stack ? stack : "");
	if (!*end) return "";
	const char *path = end + 1;
	return arena_str(a, path, (size_t)(part_end(path) - path));
}

static const char *full_name(const Lower *l, const GraphNode *g)
{
	const char *path = module_path(l->a, g->nn_module_stack), *name = g->name ? g->name : g->target;
	return *path ? arena_printf(l->a, "%s/%s", path, name) : name;
}

/* torch's GraphModuleSerializer.serialize_metadata() without from_node, which differs from run to run, as json.dumps() has it. */
static const char *metadata(Lower *l, const GraphNode *g)
{
	const struct { const char *key, *value; } item[] = {
		{ "stack_trace", g->stack_trace }, { "nn_module_stack", g->nn_module_stack }, { "source_fn_stack", g->source_fn_stack },
		{ "torch_fn", g->torch_fn }, { "custom", g->custom },
	};
	Buf b = { 0 };
	const char *sep = "{";
	for (size_t i = 0; i < sizeof item / sizeof *item; i++) {
		if (!item[i].value || !*item[i].value) continue;
		putf(&b, "%s\"%s\": ", sep, item[i].key);
		put_json_str(&b, item[i].value);
		sep = ", ";
	}
	put_str(&b, *sep == '{' ? "{}" : "}");
	const char *s = buf_to_arena(&b, l->a);
	if (!s) fail(l->b->m->err, NO_MEMORY, "out of memory");
	return s ? s : "";
}

/* -- lines ----------------------------------------------------------------------------------------------- */

static Loc frame_loc(Lower *l, const TraceFrame *f)
{
	Module *m = l->b->m;
	unsigned long line = strtoul(f->line, NULL, 10);
	Loc at = loc_file(m, arena_str(l->a, f->file, (size_t)f->nfile), line > UINT32_MAX ? UINT32_MAX : (uint32_t)line, 0);
	return f->nfunction ? loc_name(m, arena_str(l->a, f->function, (size_t)f->nfunction), at) : at;
}

static Loc user_loc(Lower *l, const char *trace)
{
	TraceFrame f;
	return user_frame(trace, &f) ? frame_loc(l, &f) : 0;
}

/* The innermost frame, called at the one around it, and so on; of very many the innermost. */
static Loc chain_loc(Lower *l, const char *trace)
{
	enum { MOST_FRAMES = 100 };
	TraceFrame f;
	int n = 0;
	Loc at = 0;
	for (const char *s = trace ? trace : ""; next_frame(&s, &f);) n++;
	for (const char *s = trace ? trace : ""; next_frame(&s, &f);) {
		if (n-- > MOST_FRAMES) continue;
		Loc here = frame_loc(l, &f);
		at = at ? loc_call(l->b->m, here, at) : here;
	}
	return at;
}

/* -- nodes ----------------------------------------------------------------------------------------------- */

static const char *mark_of(const Lower *l, const GraphNode *g)
{
	for (int i = 0; l->mark && i < g->nout; i++)
		if (g->out[i] && l->mark[g->out[i]]) return l->mark[g->out[i]];
	return NULL;
}

Loc node_loc(Lower *l, const GraphNode *g)
{
	Module *m = l->b->m;
	LocLevel level = l->opt->locations;
	const char *mark = mark_of(l, g);
	Loc at = 0;
	if (level) {
		at = level == LOCS_FULL ? chain_loc(l, g->stack_trace) : user_loc(l, g->stack_trace);
		at = loc_name(m, full_name(l, g), at);
	}
	if (level == LOCS_METADATA) at = loc_name(m, metadata(l, g), at);
	return mark ? loc_name(m, mark, at) : at;
}

Loc input_loc(Lower *l, const Input *in)
{
	const char *name = in->target ? in->target : in->name ? in->name : "";
	Loc at = l->opt->locations ? loc_name(l->b->m, name, 0) : 0;
	const char *mark = l->mark && in->arg.kind == ARG_VALUE ? l->mark[in->arg.value] : NULL;
	return mark ? loc_name(l->b->m, mark, at) : at;
}

/* -- marks ----------------------------------------------------------------------------------------------- */

static bool is_mark(const GraphNode *g) { return !strcmp(g->target, "xla.write_mlir_debuginfo.default"); }

static const Arg *mark_arg(const GraphNode *g, const char *name, ArgKind kind)
{
	for (int i = 0; i < g->narg; i++)
		if (!strcmp(g->arg[i].name, name) && g->arg[i].arg.kind == kind) return &g->arg[i].arg;
	return NULL;
}

/* From the last node on: of several marks of one value the last counts. */
const char **find_marks(Lower *l)
{
	const Graph *g = l->graph;
	const char **mark = NULL;
	for (int i = g->node.n; i-- > 0;) {
		const GraphNode *n = &g->node.v[i];
		if (!is_mark(n)) continue;
		const Arg *x = mark_arg(n, "x", ARG_VALUE), *data = mark_arg(n, "data", ARG_STR);
		if (!x || !data || !n->nout || !n->out[0]) continue;
		if (!mark) mark = NEW(l->a, const char *, g->value.n + 1);
		const char *later = mark[n->out[0]];
		if (!mark[x->value]) mark[x->value] = later ? later : data->str;
	}
	if (mark && !l->opt->locations) l->b->m->locs.in_place = true;
	return mark;
}

/* xla.write_mlir_debuginfo(x, data): x */
Value lower_debuginfo(Node *n) { return arg(n, "x"); }
