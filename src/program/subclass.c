/* Weights that are tensor subclasses: the program takes their inner tensors instead.
 *
 * torch.export keeps such a weight as one input, of the type that it acts as, and reads what it is made of by nodes:
 *
 *	q = export.access_subclass_inner_tensor(p_fc_weight, "qdata")      fc.weight is int8 "qdata" and float "scale"
 *
 * Here the inner tensors become inputs, "fc.weight.qdata" and "fc.weight.scale", and those nodes go. An inner tensor may be of a
 * subclass itself. */
#include "program/program.h"

#include <string.h>

typedef struct Unwrap {
	Program *p;
	Graph *g;
	Arena *a;
	Err *err;
	const char **path;          /* [value.n]: of a value of a subclass, its name as a weight */
	VId *now;                   /* [value.n]: what a value is instead */
	Map leaf;                   /* "fc.weight.qdata" -> its value */
	VEC(Input) input;
} Unwrap;

const Subclass *program_parts(const Program *p, const char *name)
{
	for (int i = 0; i < p->parts.n; i++)
		if (!strcmp(p->parts.v[i].name, name)) return &p->parts.v[i];
	return NULL;
}

void program_add_parts(Program *p, const char *name, int n, const char *const *part)
{
	*push(&p->arena, &p->parts) = (Subclass){ name, n, part };
}

/* -- inputs ---------------------------------------------------------------------------------------------- */

static VId value_like(Unwrap *u, const char *name, const Tensor *t)
{
	VId id = graph_value(u->p, u->g, name, VALUE_TENSOR);
	GraphValue *v = &u->g->value.v[id];
	v->dtype = t->dtype;
	v->rank = t->rank;
	v->dim = t->dim;
	v->stride = t->stride;
	v->offset = t->offset;
	return id;
}

enum { MAX_NESTED = 16 };

/* One input for each inner tensor of `in`, the weight `target`. */
static bool add_parts(Unwrap *u, const Input *in, const char *name, const char *target, int depth)
{
	const Subclass *parts = program_parts(u->p, target);
	if (depth > MAX_NESTED) return fail(u->err, UNSUPPORTED, "tensor '%s': subclasses of subclasses, more than %d", target, MAX_NESTED);
	for (int i = 0; parts && i < parts->n; i++) {
		const char *full = arena_printf(u->a, "%s.%s", target, parts->part[i]);
		const char *mine = arena_printf(u->a, "%s_%s", name, parts->part[i]);
		if (program_parts(u->p, full)) {
			if (!add_parts(u, in, mine, full, depth + 1)) return false;
			continue;
		}
		const Tensor *t = program_tensor(u->p, full);
		if (!t) return fail(u->err, BAD_INPUT, "tensor '%s': its inner tensor '%s' is not there", target, parts->part[i]);
		VId v = value_like(u, mine, t);
		map_set(&u->leaf, full, strlen(full), v);
		Input part = *in;
		part.arg = arg_value(v);
		part.name = mine;
		part.target = full;
		*push(u->a, &u->input) = part;
	}
	return true;
}

static bool do_inputs(Unwrap *u)
{
	int nvalue = u->g->value.n;
	u->path = NEW(u->a, const char *, nvalue);
	u->now = NEW(u->a, VId, nvalue);
	for (int i = 0; i < nvalue; i++) u->now[i] = i;
	for (int i = 0; i < u->p->ninput; i++) {
		const Input *in = &u->p->input[i];
		if (in->kind == INPUT_USER || in->arg.kind != ARG_VALUE || !in->target || !program_parts(u->p, in->target)) {
			*push(u->a, &u->input) = *in;
			continue;
		}
		u->path[in->arg.value] = in->target;
		bool again = false;                               /* two inputs that are one tensor */
		for (int k = 0; k < i && !again; k++) again = u->p->input[k].target && !strcmp(u->p->input[k].target, in->target);
		if (!again && !add_parts(u, in, in->name, in->target, 0)) return false;
	}
	return true;
}

/* -- nodes ----------------------------------------------------------------------------------------------- */

/* A value of a subclass that is left after the nodes that look into it. */
static bool refuse_whole(Unwrap *u, VId v, const char *who, const char *target)
{
	if (!*target) return fail(u->err, UNSUPPORTED, "'%s' is a tensor subclass, and %s whole; give its inner tensors", u->path[v], who);
	return fail(u->err, UNSUPPORTED, "'%s' is a tensor subclass that %s %s takes whole; ep.run_decompositions({}), or"
		" torchao.utils.unwrap_tensor_subclass(model) before the export, takes it apart", u->path[v], who, target);
}

static bool rewrite(Unwrap *u, Arg *x, const char *who, const char *target)
{
	if (x->kind == ARG_VALUE) {
		if (u->path[x->value]) return refuse_whole(u, x->value, who, target);
		x->value = u->now[x->value];
	}
	for (int i = 0; x->kind == ARG_LIST && i < x->list.n; i++)
		if (!rewrite(u, &x->list.item[i], who, target)) return false;
	return true;
}

static bool same_type(const GraphValue *x, const GraphValue *y)
{
	if (x->dtype != y->dtype || x->rank != y->rank) return false;
	for (int i = 0; i < x->rank; i++)
		if (x->dim[i] != y->dim[i]) return false;
	return true;
}

static const Arg *named_arg(const GraphNode *n, const char *name)
{
	for (int i = 0; i < n->narg; i++)
		if (!strcmp(n->arg[i].name, name)) return &n->arg[i].arg;
	return NULL;
}

/* Whether the node looks into a weight of a subclass; those that look into anything else stay, and have no rule. */
static bool is_access(const Unwrap *u, const GraphNode *n)
{
	if (strcmp(n->target, "export.access_subclass_inner_tensor.default")) return false;
	const Arg *from = named_arg(n, "src_subclass_tensor");
	return from && from->kind == ARG_VALUE && u->path[from->value];
}

/* export.access_subclass_inner_tensor(src_subclass_tensor, attr) */
static bool do_access(Unwrap *u, const GraphNode *n)
{
	const Arg *attr = named_arg(n, "attr");
	if (!attr || attr->kind != ARG_STR || n->nout != 1 || !n->out[0])
		return fail(u->err, BAD_INPUT, "node '%s' (%s): unexpected arguments", n->name ? n->name : "?", n->target);
	const char *path = u->path[named_arg(n, "src_subclass_tensor")->value];
	const char *full = arena_printf(u->a, "%s.%s", path, attr->str);
	if (program_parts(u->p, full)) return u->path[n->out[0]] = full, true;
	int leaf = map_get(&u->leaf, full, strlen(full));
	if (leaf < 0) return fail(u->err, BAD_INPUT, "tensor '%s' has no inner tensor '%s'", path, attr->str);
	if (!same_type(&u->g->value.v[leaf], &u->g->value.v[n->out[0]]))
		return fail(u->err, BAD_INPUT, "tensor '%s' is of another type than the graph's '%s'", full, u->g->value.v[n->out[0]].name);
	u->now[n->out[0]] = leaf;
	return true;
}

static bool do_nodes(Unwrap *u)
{
	int kept = 0;
	for (int i = 0; i < u->g->node.n; i++) {
		GraphNode *n = &u->g->node.v[i];
		if (is_access(u, n)) {
			if (!do_access(u, n)) return false;
			continue;
		}
		if (!strcmp(n->target, "aten._assert_tensor_metadata.default")) continue;
		for (int k = 0; k < n->narg; k++)
			if (!rewrite(u, &n->arg[k].arg, n->name ? n->name : "a node", n->target)) return false;
		u->g->node.v[kept++] = *n;
	}
	u->g->node.n = kept;
	return true;
}

static bool do_ends(Unwrap *u)
{
	Program *p = u->p;
	for (int i = 0; i < p->noutput; i++)
		if (!rewrite(u, &p->output[i].arg, "an output", "")) return false;
	for (int i = 0; i < u->g->noutput && i < p->noutput; i++) u->g->output[i] = p->output[i].arg;
	p->ninput = u->g->ninput = u->input.n;
	p->input = u->input.v;
	u->g->input = NEW(u->a, Arg, u->input.n + 1);
	for (int i = 0; i < u->input.n; i++) u->g->input[i] = u->input.v[i].arg;
	return true;
}

bool unwrap_subclasses(Program *p, Err *e)
{
	if (!p->parts.n) return true;
	Unwrap u = { .p = p, .g = p->graph, .a = &p->arena, .err = e, .leaf.arena = &p->arena };
	return do_inputs(&u) && do_nodes(&u) && do_ends(&u);
}
