/* Views and in-place writes become values.
 *
 * Every value is a base, or one view step away from a parent value:
 *
 *	x = conv(...)          base
 *	y = x[:, 1:3]          view of x by slice
 *	y.fill_(1)             y' = fill(y);  x' = slice_scatter(x, y', 1, 1, 3)
 *	use(x)                 use(x')
 *
 * read(v) gives the current content of v: of a base, what was last written; of a view, its step applied again to the
 * parent's current content when the base has changed since. write(v, new) of a view computes the parent's new content by
 * the inverse of the step (views.def, inverse.c) and writes that, up to the base. What was written to placeholders is
 * appended to the program's outputs as mutations. The graph is rewritten in order, in one pass. */
#include "program/functionalize.h"

#include <string.h>

/* -- the table ------------------------------------------------------------------------------------------------------------ */

static const struct ViewRow { const char *op; When when; Inverse inverse; } views[] = {
#define VIEW(op, when, inverse) { op, WHEN_##when, INVERSE_##inverse },
#include "program/views.def"
#undef VIEW
};

/* "aten.view.default" -> length of "aten.view" */
static size_t op_len(const char *target)
{
	const char *dot = strrchr(target, '.');
	return dot ? (size_t)(dot - target) : strlen(target);
}

static const struct ViewRow *view_row(const Fn *f, const char *target)
{
	int i = map_get(&f->views, target, op_len(target));
	return i < 0 ? NULL : &views[i];
}

/* -- arguments -------------------------------------------------------------------------------------------------------------- */

const Arg *node_arg(const GraphNode *g, const char *name)
{
	for (int i = 0; i < g->narg; i++)
		if (!strcmp(g->arg[i].name, name)) return &g->arg[i].arg;
	return NULL;
}

static VId tensor_arg(const Fn *f, const Arg *x)
{
	return x && x->kind == ARG_VALUE && f->g->value.v[x->value].kind == VALUE_TENSOR ? x->value : 0;
}

static bool arg_is_true(const GraphNode *g, const char *name, bool otherwise)
{
	const Arg *x = node_arg(g, name);
	return x && x->kind == ARG_BOOL ? x->b : otherwise;
}

/* -- new nodes -------------------------------------------------------------------------------------------------------------- */

VId new_value(Fn *f, VId like)
{
	GraphValue v = f->g->value.v[like];
	*push(f->a, &f->g->value) = v;
	*push(f->a, &f->alias) = (Alias){ .now = f->g->value.n - 1 };
	return f->g->value.n - 1;
}

GraphNode *new_node(Fn *f, const GraphNode *from, const char *target, int narg, int nout)
{
	GraphNode *g = push(f->a, &f->node);
	*g = *from;
	g->target = target;
	g->narg = narg;
	g->arg = NEW(f->a, NamedArg, narg + 1);
	g->nout = nout;
	g->out = NEW(f->a, VId, nout + 1);
	return g;
}

/* A copy of an argument with every tensor replaced by its current content. */
static Arg read_arg(Fn *f, Arg x)
{
	if (x.kind == ARG_VALUE && f->g->value.v[x.value].kind == VALUE_TENSOR) return arg_value(read_value(f, x.value));
	if (x.kind != ARG_LIST) return x;
	Arg *item = NEW(f->a, Arg, x.list.n + 1);
	for (int i = 0; i < x.list.n; i++) item[i] = read_arg(f, x.list.item[i]);
	x.list.item = item;
	return x;
}

/* Emits `from` as `target` with its arguments read now; outputs are the caller's to set. Reading may emit nodes before it. */
static GraphNode *copy_node(Fn *f, const GraphNode *from, const char *target)
{
	NamedArg *arg = NEW(f->a, NamedArg, from->narg + 1);
	for (int i = 0; i < from->narg; i++) arg[i] = (NamedArg){ from->arg[i].name, read_arg(f, from->arg[i].arg) };
	GraphNode *g = new_node(f, from, target, from->narg, from->nout);
	g->arg = arg;
	return g;
}

/* -- reading and writing ------------------------------------------------------------------------------------------------------ */

static VId base_of(const Fn *f, VId v)
{
	while (f->alias.v[v].parent) v = f->alias.v[v].parent;
	return v;
}

/* The view's step again, on the parent's current content. */
static VId replay(Fn *f, VId v)
{
	const GraphNode *how = f->alias.v[v].how;
	if (!how) return read_value(f, f->alias.v[v].parent);
	VId now = new_value(f, v);
	GraphNode *g = copy_node(f, how, how->target);
	g->out[f->alias.v[v].index] = now;
	return now;
}

VId read_value(Fn *f, VId v)
{
	if (!f->alias.v[v].parent) return f->alias.v[v].now;
	int version = f->alias.v[base_of(f, v)].version;
	if (f->alias.v[v].version != version) {
		VId now = replay(f, v);
		f->alias.v[v].now = now;
		f->alias.v[v].version = version;
	}
	return f->alias.v[v].now;
}

static bool write_value(Fn *f, VId v, VId content)
{
	Alias a = f->alias.v[v];
	if (a.parent) {
		VId up = a.how ? invert(f, v, content) : content;
		if (!up || !write_value(f, a.parent, up)) return false;
		f->alias.v[v].version = f->alias.v[base_of(f, v)].version;
	} else {
		f->alias.v[v].version++;
	}
	f->alias.v[v].now = content;
	return true;
}

/* -- which nodes are what --------------------------------------------------------------------------------------------------- */

/* Whether a strided tensor takes another shape without a copy (at::detail::computeStride): walking both shapes from the
 * last dim, each run of old dims that lie densely in memory must be covered by whole new dims. */
static bool viewable(const GraphValue *from, const GraphValue *to)
{
	int k = to->rank - 1;
	int64_t chunk = 1, view = 1, unit = from->rank && from->stride ? from->stride[from->rank - 1] : 1;
	for (int i = 0; i < from->rank; i++)
		if (from->dim[i] == 0 || !from->stride || !IS_STATIC(from->dim[i]) || !IS_STATIC(from->stride[i])) return true;
	for (int i = from->rank - 1; i >= 0; i--) {
		chunk *= from->dim[i];
		if (i > 0 && (from->dim[i - 1] == 1 || from->stride[i - 1] == chunk * unit)) continue;
		while (k >= 0 && (view < chunk || to->dim[k] == 1)) view *= to->dim[k--];
		if (view != chunk) return false;
		chunk = view = 1;
		if (i > 0) unit = from->stride[i - 1];
	}
	return k < 0;
}

static bool same_layout(const GraphValue *x, const GraphValue *y)
{
	if (x->dtype != y->dtype || x->rank != y->rank) return false;
	for (int i = 0; i < x->rank; i++)
		if (x->dim[i] != y->dim[i] || (x->stride && y->stride && x->dim[i] != 1 && x->stride[i] != y->stride[i])) return false;
	return true;
}

static bool returns_argument(const GraphNode *g)
{
	const Arg *p = node_arg(g, "p");
	double prob = p && p->kind == ARG_FLOAT ? p->f : p && p->kind == ARG_INT ? (double)p->i : 0.5;
	return !arg_is_true(g, "train", false) || prob == 0;
}

static bool is_view(const Fn *f, const GraphNode *g, const struct ViewRow *r)
{
	VId self = g->narg ? tensor_arg(f, &g->arg[0].arg) : 0;
	if (!r || !self || !g->nout || !g->out[0]) return false;
	const GraphValue *from = &f->g->value.v[self], *to = &f->g->value.v[g->out[0]];
	switch (r->when) {
	case WHEN_ALWAYS:  return true;
	case WHEN_STRIDES: return viewable(from, to);
	case WHEN_SAME:    return same_layout(from, to) && !arg_is_true(g, "copy", false);
	default:           return returns_argument(g);
	}
}

/* In-place overloads whose functional form has another name. */
static const struct { const char *in_place, *functional; } renamed[] = {
	{ "aten.float_power_.Scalar",   "aten.float_power.Tensor_Scalar" },
	{ "aten.float_power_.Tensor",   "aten.float_power.Tensor_Tensor" },
	{ "aten.floor_divide_.Tensor",  "aten.floor_divide.default" },
	{ "aten.pow_.Scalar",           "aten.pow.Tensor_Scalar" },
	{ "aten.pow_.Tensor",           "aten.pow.Tensor_Tensor" },
	{ "aten.transpose_.default",    "aten.transpose.int" },
};

/* "aten.add_.Tensor" -> "aten.add.Tensor", "aten.__iand__.Tensor" -> "aten.__and__.Tensor"; NULL: not in place. */
static const char *functional_name(Arena *a, const char *target)
{
	size_t n = op_len(target);
	if (n < 2 || strncmp(target, "aten.", 5) || target[n - 1] != '_') return NULL;
	for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
		if (!strcmp(renamed[i].in_place, target)) return renamed[i].functional;
	if (target[n - 2] != '_') return arena_printf(a, "%.*s%s", (int)n - 1, target, target + n);
	if (!strncmp(target + 5, "__i", 3) && strncmp(target + 5, "__is", 4))
		return arena_printf(a, "aten.__%.*s%s", (int)n - 8, target + 8, target + n);
	return NULL;
}

/* What the functional form calls the tensor that the in-place form calls self. */
static const char *first_name(const char *functional)
{
	return strstr(functional, "dropout") ? "input" : "self";
}

/* An ".out" overload writes its arguments "out" (or out0, ...); export leaves few. */
static bool is_out_overload(const GraphNode *g) { return node_arg(g, "out") != NULL && strstr(g->target, "out") != NULL; }

/* -- one node ------------------------------------------------------------------------------------------------------------------ */

static void keep_outputs(const GraphNode *from, GraphNode *to) { memcpy(to->out, from->out, (size_t)from->nout * sizeof *to->out); }

static bool do_view(Fn *f, const GraphNode *g)
{
	VId self = tensor_arg(f, &g->arg[0].arg);
	const char *name = functional_name(f->a, g->target);
	GraphNode *kept = NEW(f->a, GraphNode, 1);
	*kept = *g;
	if (name) kept->target = name;
	GraphNode *copy = copy_node(f, kept, kept->target);
	keep_outputs(g, copy);
	int version = f->alias.v[base_of(f, self)].version;
	for (int i = 0; i < g->nout; i++)
		if (g->out[i]) f->alias.v[g->out[i]] = (Alias){ .now = g->out[i], .parent = self, .how = kept, .index = i, .version = version };
	return true;
}

/* v is another name of self. */
static void same_as(Fn *f, VId v, VId self)
{
	f->alias.v[v] = (Alias){ .now = f->alias.v[self].now, .parent = self, .version = f->alias.v[base_of(f, self)].version };
}

static bool do_in_place(Fn *f, const GraphNode *g, const char *functional)
{
	VId self = g->narg ? tensor_arg(f, &g->arg[0].arg) : 0;
	if (!self) return fail(f->err, UNSUPPORTED, "%s (node %s) writes something that is not a tensor", g->target, g->name ? g->name : "?");
	GraphNode *copy = copy_node(f, g, functional);
	size_t at = (size_t)(copy - f->node.v);
	copy->arg[0].name = first_name(functional);
	VId content = new_value(f, self);
	f->node.v[at].nout = 1;
	f->node.v[at].out = NEW(f->a, VId, 1);
	f->node.v[at].out[0] = content;
	if (!write_value(f, self, content)) return false;
	if (g->nout && g->out[0]) same_as(f, g->out[0], self);
	return true;
}

static bool do_out(Fn *f, const GraphNode *g)
{
	VId out = tensor_arg(f, node_arg(g, "out"));
	if (!out) return fail(f->err, UNSUPPORTED, "%s (node %s): argument 'out' is not a tensor", g->target, g->name ? g->name : "?");
	GraphNode *copy = copy_node(f, g, arena_printf(f->a, "%.*s.default", (int)op_len(g->target), g->target));
	const char *dot = strrchr(g->target, '.');
	if (strcmp(dot, ".out") && !strncmp(dot + strlen(dot) - 4, "_out", 4))
		copy->target = arena_printf(f->a, "%.*s", (int)strlen(g->target) - 4, g->target);
	int n = 0;
	for (int i = 0; i < copy->narg; i++)
		if (strcmp(copy->arg[i].name, "out")) copy->arg[n++] = copy->arg[i];
	copy->narg = n;
	copy->out = NEW(f->a, VId, 1);
	copy->nout = 1;
	size_t at = (size_t)(copy - f->node.v);
	VId content = new_value(f, out);
	f->node.v[at].out[0] = content;
	if (!write_value(f, out, content)) return false;
	if (g->nout && g->out[0]) same_as(f, g->out[0], out);
	return true;
}

/* aten.batch_norm(..., training=True, ...) also writes running_mean and running_var: ATen's functional form returns them. */
static bool updates_statistics(const Fn *f, const GraphNode *g)
{
	static const char *const ops[] = { "aten.batch_norm.default", "aten.native_batch_norm.default",
		"aten._native_batch_norm_legit.default" };
	bool norm = false;
	for (int i = 0; i < 3; i++) norm |= !strcmp(g->target, ops[i]);
	return norm && arg_is_true(g, "training", false) && tensor_arg(f, node_arg(g, "running_mean"))
	    && tensor_arg(f, node_arg(g, "running_var"));
}

static bool do_statistics(Fn *f, const GraphNode *g)
{
	VId mean = tensor_arg(f, node_arg(g, "running_mean")), var = tensor_arg(f, node_arg(g, "running_var"));
	GraphNode *copy = copy_node(f, g, "aten._native_batch_norm_legit_functional.default");
	size_t at = (size_t)(copy - f->node.v);
	VId new_mean = new_value(f, mean), new_var = new_value(f, var);
	VId *out = NEW(f->a, VId, 5);
	for (int i = 0; i < g->nout && i < 3; i++) out[i] = g->out[i];
	out[3] = new_mean;
	out[4] = new_var;
	f->node.v[at].out = out;
	f->node.v[at].nout = 5;
	return write_value(f, mean, new_mean) && write_value(f, var, new_var);
}

static bool do_node(Fn *f, const GraphNode *g)
{
	if (is_view(f, g, view_row(f, g->target))) return do_view(f, g);
	const char *functional = functional_name(f->a, g->target);
	if (functional) return do_in_place(f, g, functional);
	if (is_out_overload(g)) return do_out(f, g);
	if (updates_statistics(f, g)) return do_statistics(f, g);
	keep_outputs(g, copy_node(f, g, g->target));
	return true;
}

Inverse inverse_of(const Fn *f, const GraphNode *g)
{
	const struct ViewRow *r = view_row(f, g->target);
	return r ? r->inverse : INVERSE_REFUSE;
}

/* -- the program ---------------------------------------------------------------------------------------------------------------- */

static OutputKind mutation_of(InputKind k)
{
	return k == INPUT_USER ? OUTPUT_USER_INPUT_MUTATION : k == INPUT_PARAMETER ? OUTPUT_PARAMETER_MUTATION : OUTPUT_BUFFER_MUTATION;
}

static bool has_mutation(const Program *p, const char *target)
{
	for (int i = 0; i < p->noutput; i++)
		if (p->output[i].kind != OUTPUT_USER && p->output[i].target && !strcmp(p->output[i].target, target)) return true;
	return false;
}

/* Reads the outputs, and adds what was written to the inputs. */
static void do_outputs(Fn *f)
{
	Program *p = f->p;
	Output *out = NEW(f->a, Output, p->noutput + p->ninput + 1);
	int n = 0;
	for (int i = 0; i < p->noutput; i++) {
		out[n] = p->output[i];
		out[n++].arg = read_arg(f, p->output[i].arg);
	}
	for (int i = 0; i < p->ninput; i++) {
		const Input *in = &p->input[i];
		const char *target = in->kind == INPUT_USER ? in->name : in->target;
		if (in->arg.kind != ARG_VALUE || !f->alias.v[in->arg.value].version || has_mutation(p, target)) continue;
		out[n++] = (Output){ mutation_of(in->kind), read_arg(f, in->arg), target };
	}
	p->output = out;
	p->noutput = n;
	f->g->noutput = n;
	f->g->output = NEW(f->a, Arg, n + 1);
	for (int i = 0; i < n; i++) f->g->output[i] = out[i].arg;
}

bool functionalize(Program *p, Err *e)
{
	Fn f = { .p = p, .g = p->graph, .a = &p->arena, .err = e, .views = { &p->arena, 0, 0, 0 } };
	for (int i = 0; i < (int)(sizeof views / sizeof *views); i++) map_set(&f.views, views[i].op, strlen(views[i].op), i);
	for (int i = 0; i < f.g->value.n; i++) *push(f.a, &f.alias) = (Alias){ .now = i };
	for (int i = 0; i < f.g->node.n; i++)
		if (!do_node(&f, &f.g->node.v[i])) return false;
	do_outputs(&f);
	f.g->node.v = f.node.v;
	f.g->node.n = f.node.n;
	f.g->node.cap = f.node.cap;
	return !e->code;
}
