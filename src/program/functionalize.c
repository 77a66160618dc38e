/* Views and in-place writes become values.
 *
 * Every value is a base, or one view step away from a parent value:
 *
 *	x = conv(...)          base
 *	y = x[:, 1:3]          view of x by slice
 *	y.fill_(1)             y' = fill(y);  x' = slice_scatter(x, y', 1, 1, 3)
 *	use(x)                 use(x')
 *
 * read(v) gives the current content of v: of a base, what was last written; of a view, its step applied
 * again to the parent's current content when the base has changed since. write(v, new) of a view computes
 * the parent's new content by the inverse of the step (views.def, inverse.c) and writes that, up to the
 * base. What was written to placeholders is appended to the program's outputs as mutations. The graph is
 * rewritten in order, in one pass. */
#include "program/functionalize.h"

#include <string.h>

/* -- the table ------------------------------------------------------------------------------------------- */

static const struct ViewRow { const char *op; When when; Inverse inverse; } views[] = {
#define VIEW(op, when, inverse) { op, WHEN_##when, INVERSE_##inverse },
#include "program/views.def"
#undef VIEW
};

static const struct WriteRow { const char *target, *functional, *outs; } writes[] = {
#define WRITES(target, functional, outs) { target, functional, outs },
#include "program/names.def"
#undef WRITES
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

static const struct WriteRow *write_row(const Fn *f, const char *target)
{
	int i = map_get(&f->writes, target, strlen(target));
	return i < 0 ? NULL : &writes[i];
}

/* -- arguments ------------------------------------------------------------------------------------------- */

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

/* -- new nodes ------------------------------------------------------------------------------------------- */

VId new_value(Fn *f, VId like)
{
	GraphValue v = f->g->value.v[like];
	*push(f->a, &f->g->value) = v;
	VId id = f->g->value.n - 1;
	*push(f->a, &f->alias) = (Alias){ .now = id, .base = id };
	return id;
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
	if (x.kind == ARG_VALUE && f->g->value.v[x.value].kind == VALUE_TENSOR)
		return arg_value(read_value(f, x.value));
	if (x.kind != ARG_LIST) return x;
	Arg *item = NEW(f->a, Arg, x.list.n + 1);
	for (int i = 0; i < x.list.n; i++) item[i] = read_arg(f, x.list.item[i]);
	x.list.item = item;
	return x;
}

/* Emits `from` as `target` with its arguments read now; outputs are the caller's to set. Reading may emit
 * nodes before it. */
static GraphNode *copy_node(Fn *f, const GraphNode *from, const char *target)
{
	NamedArg *arg = NEW(f->a, NamedArg, from->narg + 1);
	for (int i = 0; i < from->narg; i++)
		arg[i] = (NamedArg){ from->arg[i].name, read_arg(f, from->arg[i].arg) };
	GraphNode *g = new_node(f, from, target, from->narg, from->nout);
	g->arg = arg;
	return g;
}

/* -- reading and writing --------------------------------------------------------------------------------- */

static bool is_stale(const Fn *f, VId v)
{
	const Alias *a = &f->alias.v[v];
	return a->parent && a->version != f->alias.v[a->base].version;
}

/* The view's step again, on the parent's current content. */
static VId replay(Fn *f, VId v)
{
	const GraphNode *how = f->alias.v[v].how;
	if (!how) return read_value(f, f->alias.v[v].parent);
	if (how->nout > 1) return piece_again(f, v);
	VId now = new_value(f, v);
	copy_node(f, how, how->target)->out[0] = now;
	return now;
}

/* A loop over the chain, nearest the base first: chains may be as long as the program. */
VId read_value(Fn *f, VId v)
{
	int mine = f->stale.n;
	for (VId u = v; is_stale(f, u); u = f->alias.v[u].parent) *push(f->a, &f->stale) = u;
	while (f->stale.n > mine) {
		VId u = f->stale.v[--f->stale.n], now = replay(f, u);
		f->alias.v[u].now = now;
		f->alias.v[u].version = f->alias.v[f->alias.v[u].base].version;
	}
	return f->alias.v[v].now;
}

static bool write_value(Fn *f, VId v, VId content)
{
	VId base = f->alias.v[v].base;
	for (VId u = v; u != base; u = f->alias.v[u].parent) {
		f->alias.v[u].now = content;
		if (f->alias.v[u].how) content = invert(f, u, content);
		if (!content) return false;
	}
	f->alias.v[base].now = content;
	int version = ++f->alias.v[base].version;
	for (VId u = v; u != base; u = f->alias.v[u].parent) f->alias.v[u].version = version;
	return true;
}

/* -- which nodes are what -------------------------------------------------------------------------------- */

/* Whether a strided tensor takes another shape without a copy (at::detail::computeStride): walking both
 * shapes from the last dim, each run of old dims that lie densely in memory must be covered by whole new
 * dims. */
static bool viewable(const GraphValue *from, const GraphValue *to)
{
	for (int i = 0; i < from->rank; i++)
		if (from->dim[i] == 0 || !from->stride || !IS_STATIC(from->dim[i]) || !IS_STATIC(from->stride[i]))
			return true;
	if (!from->rank) return true;
	int k = to->rank - 1;
	uint64_t chunk = 1, view = 1, unit = (uint64_t)from->stride[from->rank - 1];
	for (int i = from->rank - 1; i >= 0; i--) {
		chunk *= (uint64_t)from->dim[i];
		if (i > 0 && (from->dim[i - 1] == 1 || (uint64_t)from->stride[i - 1] == chunk * unit)) continue;
		while (k >= 0 && (view < chunk || to->dim[k] == 1)) view *= (uint64_t)to->dim[k--];
		if (view != chunk) return false;
		chunk = view = 1;
		if (i > 0) unit = (uint64_t)from->stride[i - 1];
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

/* Tensor.conj() only marks the tensor; resolve_conj() copies a marked one and returns others. */
static bool is_marked(const Fn *f, VId v)
{
	static const char *const marks[] = { "conj", "neg_view", "imag", "mH", "matrix_H", "adjoint" };
	for (; f->alias.v[v].parent; v = f->alias.v[v].parent)
		for (size_t i = 0; f->alias.v[v].how && i < sizeof marks / sizeof *marks; i++)
			if (strstr(f->alias.v[v].how->target, marks[i])) return true;
	return false;
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
	case WHEN_REAL:    return !is_complex(from->dtype);
	case WHEN_RESOLVED: return !is_marked(f, self);
	default:           return returns_argument(g);
	}
}

/* "aten.add_.Tensor" -> "aten.add.Tensor", "aten.__iand__.Tensor" -> "aten.__and__.Tensor"; NULL: not in
 * place. */
static const char *functional_name(const Fn *f, const char *target)
{
	size_t n = op_len(target);
	bool collective = !strncmp(target, "_c10d_functional.", 17);
	if (n < 2 || target[n - 1] != '_' || (strncmp(target, "aten.", 5) && !collective)) return NULL;
	const struct WriteRow *r = write_row(f, target);
	if (r) return r->functional;
	if (target[n - 2] != '_') return arena_printf(f->a, "%.*s%s", (int)n - 1, target, target + n);
	if (n > 8 && !strncmp(target + 5, "__i", 3) && strncmp(target + 5, "__is", 4))
		return arena_printf(f->a, "aten.__%.*s%s", (int)n - 8, target + 8, target + n);
	return NULL;
}

/* What the functional form calls the tensor that the in-place form calls self. */
static const char *first_name(const char *functional)
{
	return strstr(functional, "dropout") || !strncmp(functional, "_c10d", 5) ? "input" : "self";
}

/* The arguments that an ".out" overload writes, comma-separated; "" for all others. */
static const char *out_names(const Fn *f, const GraphNode *g)
{
	const struct WriteRow *r = write_row(f, g->target);
	if (r) return r->outs;
	return node_arg(g, "out") && strstr(g->target, "out") ? "out" : "";
}

/* "aten.cat.out" -> "aten.cat.default", "aten.sum.IntList_out" -> "aten.sum.IntList" */
static const char *without_out(const Fn *f, const char *target)
{
	const struct WriteRow *r = write_row(f, target);
	size_t n = strlen(target);
	if (r) return r->functional;
	if (n > 4 && !strcmp(target + n - 4, "_out")) return arena_printf(f->a, "%.*s", (int)n - 4, target);
	return arena_printf(f->a, "%.*s.default", (int)op_len(target), target);
}

/* Which item of a comma-separated list `name` is; -1: none. */
static int item_index(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (int i = 0; *list; i++) {
		size_t len = strcspn(list, ",");
		if (len == n && !strncmp(list, name, n)) return i;
		list += len;
		list += strspn(list, ", ");
	}
	return -1;
}

/* -- one node -------------------------------------------------------------------------------------------- */

static void keep_outputs(const GraphNode *from, GraphNode *to)
{
	memcpy(to->out, from->out, (size_t)from->nout * sizeof *to->out);
}

static const char *node_name(const GraphNode *g) { return g->name ? g->name : "?"; }

static bool is_as_strided(const GraphNode *g)
{
	return !strncmp(g->target, "aten.as_strided.", 16) || !strncmp(g->target, "aten.as_strided_.", 17);
}

/* as_strided looks at all the memory that its argument lies in: a view of the base rather than of the
 * argument. */
static VId strided_from_base(Fn *f, GraphNode *g)
{
	VId self = tensor_arg(f, &g->arg[0].arg), base = f->alias.v[self].base;
	for (VId u = self; u != base; u = f->alias.v[u].parent)
		if (f->g->value.v[u].dtype != f->g->value.v[base].dtype) return self;
	const Arg *offset = node_arg(g, "storage_offset");
	Arg own = { .kind = ARG_INT, .i = f->g->value.v[self].offset };
	if (!offset && !IS_STATIC(own.i)) return self;
	NamedArg *arg = NEW(f->a, NamedArg, g->narg + 1);
	memcpy(arg, g->arg, (size_t)g->narg * sizeof *arg);
	arg[0].arg = arg_value(base);
	if (!offset) arg[g->narg++] = (NamedArg){ "storage_offset", own };
	for (int i = 0; i < g->narg; i++)
		if (!strcmp(arg[i].name, "storage_offset") && arg[i].arg.kind == ARG_NONE) arg[i].arg = own;
	g->arg = arg;
	return base;
}

/* Reading the last of a chain and writing through it take a few frames of the stack a view. */
enum { MAX_VIEWS = 1000 };

static bool do_view(Fn *f, const GraphNode *g)
{
	VId self = tensor_arg(f, &g->arg[0].arg);
	const char *name = functional_name(f, g->target);
	GraphNode *kept = NEW(f->a, GraphNode, 1);
	*kept = *g;
	if (name) kept->target = name;
	if (is_as_strided(g)) self = strided_from_base(f, kept);
	keep_outputs(g, copy_node(f, kept, kept->target));
	VId base = f->alias.v[self].base;
	int version = f->alias.v[base].version, depth = f->alias.v[self].depth + 1;
	if (depth > MAX_VIEWS)
		return fail(f->err, UNSUPPORTED, "node %s is a view of a view ..., more than %d of them", node_name(g), MAX_VIEWS);
	for (int i = 0; i < g->nout; i++)
		if (g->out[i]) f->alias.v[g->out[i]] = (Alias){ g->out[i], self, base, kept, i, version, depth };
	return true;
}

/* v is another name of self. */
static void same_as(Fn *f, VId v, VId self)
{
	Alias a = f->alias.v[self];
	VId parent = a.parent && !a.how ? a.parent : self;
	f->alias.v[v] = (Alias){ .now = a.now, .parent = parent, .base = a.base, .version = f->alias.v[a.base].version,
		.depth = a.depth + (parent == self) };
}

/* A mark of a composite is what it marks. Once that has been written it is not set again: what is read then was not marked. */
static bool do_mark(Fn *f, const GraphNode *g)
{
	VId self = tensor_arg(f, node_arg(g, "x"));
	keep_outputs(g, copy_node(f, g, g->target));
	if (!self || g->nout != 1 || !g->out[0]) return true;
	Alias of = f->alias.v[self];
	if (of.depth == MAX_VIEWS)
		return fail(f->err, UNSUPPORTED, "node %s is a view of a view ..., more than %d of them", node_name(g), MAX_VIEWS);
	f->alias.v[g->out[0]] = (Alias){ .now = g->out[0], .parent = self, .base = of.base, .version = f->alias.v[of.base].version, .depth = of.depth + 1 };
	return true;
}

static bool do_in_place(Fn *f, const GraphNode *g, const char *functional)
{
	VId self = g->narg ? tensor_arg(f, &g->arg[0].arg) : 0;
	if (!self)
		return fail(f->err, UNSUPPORTED, "%s (node %s) writes something that is not a tensor", g->target,
			node_name(g));
	GraphNode *copy = copy_node(f, g, functional);
	size_t at = (size_t)(copy - f->node.v);
	copy->arg[0].name = first_name(functional);
	bool resized = g->nout && g->out[0] && !f->alias.v[self].parent;       /* resize_: the result's shape is its own */
	VId content = new_value(f, resized ? g->out[0] : self);
	f->node.v[at].nout = 1;
	f->node.v[at].out = NEW(f->a, VId, 1);
	f->node.v[at].out[0] = content;
	if (!write_value(f, self, content)) return false;
	if (g->nout && g->out[0]) same_as(f, g->out[0], self);
	return true;
}

/* An ".out" overload: its results are written to the arguments that `outs` names. */
static bool do_out(Fn *f, const GraphNode *g, const char *outs)
{
	enum { MOST = 4 };
	VId written[MOST] = { 0 }, content[MOST] = { 0 };
	GraphNode *copy = copy_node(f, g, without_out(f, g->target));
	int n = 0, nout = 0;
	for (int i = 0; i < g->narg; i++) {
		int k = item_index(outs, g->arg[i].name);
		if (k < 0) copy->arg[n++] = copy->arg[i];
		else if (!(written[k] = tensor_arg(f, &g->arg[i].arg)))
			return fail(f->err, UNSUPPORTED, "%s (node %s): argument '%s' is not a tensor", g->target, node_name(g), g->arg[i].name);
		else if (k >= nout) nout = k + 1;
	}
	copy->narg = n;
	copy->nout = nout;
	copy->out = NEW(f->a, VId, MOST);
	VId *out = copy->out;
	for (int k = 0; k < nout; k++)
		if (written[k]) out[k] = content[k] = new_value(f, written[k]);
	for (int k = 0; k < nout; k++) {
		if (!written[k]) continue;
		if (!write_value(f, written[k], content[k])) return false;
		if (k < g->nout && g->out[k]) same_as(f, g->out[k], written[k]);
	}
	return true;
}

/* A list of views, one of each item: broadcast_tensors, meshgrid, atleast_1d.Sequence; each becomes a view
 * of its own. */
static bool do_each(Fn *f, const GraphNode *g, const char *target)
{
	const Arg *list = &g->arg[0].arg;
	for (int i = 0; i < g->nout && i < list->list.n; i++) {
		if (!g->out[i]) continue;
		const GraphValue *to = &f->g->value.v[g->out[i]];
		NamedArg *arg = NEW(f->a, NamedArg, 2);
		arg[0] = (NamedArg){ "self", list->list.item[i] };
		arg[1] = (NamedArg){ "size", ints_arg(f->a, to->rank, to->dim) };
		GraphNode one = *g;
		one.target = target;
		one.narg = 2;
		one.arg = arg;
		one.nout = 1;
		one.out = &g->out[i];
		if (!do_view(f, &one)) return false;
	}
	return true;
}

/* What each item of a list-taking view becomes; NULL: no such op. */
static const char *each_target(const Fn *f, const GraphNode *g)
{
	static const struct { const char *op, *each; } rows[] = {
		{ "aten.atleast_1d.Sequence", "aten.reshape.default" }, { "aten.atleast_2d.Sequence", "aten.reshape.default" },
		{ "aten.atleast_3d.Sequence", "aten.reshape.default" }, { "aten.broadcast_tensors.default", "aten.expand.default" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(g->target, rows[i].op) || !g->narg || g->arg[0].arg.kind != ARG_LIST) continue;
		const Arg *list = &g->arg[0].arg;
		if (list->list.n != g->nout) return NULL;
		for (int k = 0; k < list->list.n; k++)
			if (!tensor_arg(f, &list->list.item[k])) return NULL;
		return rows[i].each;
	}
	return NULL;
}

static const struct StateRow { const char *target, *flag, *functional; int nout; const char *state; } states[] = {
#define STATE(target, flag, functional, nout, state) { target, flag, functional, nout, state },
#include "program/states.def"
#undef STATE
};

enum { MOST_STATE = 4 };

/* The arguments that the row says are written, in order; their number, 0 when one is no tensor. */
static int state_of(const Fn *f, const GraphNode *g, const struct StateRow *r, VId state[MOST_STATE])
{
	int n = 0, found = 0;
	for (const char *c = r->state; c; c = strchr(c + 1, ',')) n++;
	for (int i = 0; i < g->narg; i++) {
		int k = item_index(r->state, g->arg[i].name);
		VId v = k < 0 ? 0 : tensor_arg(f, &g->arg[i].arg);
		if (v) state[k] = v, found++;
	}
	return found == n ? n : 0;
}

static const struct StateRow *state_row(const Fn *f, const GraphNode *g)
{
	VId state[MOST_STATE];
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		const struct StateRow *r = &states[i];
		if (strcmp(g->target, r->target) || (r->flag && !arg_is_true(g, r->flag, false))) continue;
		return state_of(f, g, r, state) ? r : NULL;
	}
	return NULL;
}

static bool do_state(Fn *f, const GraphNode *g, const struct StateRow *r)
{
	VId old[MOST_STATE], now[MOST_STATE];
	int n = state_of(f, g, r, old);
	GraphNode *copy = copy_node(f, g, r->functional);
	size_t at = (size_t)(copy - f->node.v);
	VId *out = NEW(f->a, VId, r->nout + n);
	for (int i = 0; i < g->nout && i < r->nout; i++) out[i] = g->out[i];
	for (int i = 0; i < n; i++) out[r->nout + i] = now[i] = new_value(f, old[i]);
	f->node.v[at].out = out;
	f->node.v[at].nout = r->nout + n;
	for (int i = 0; i < n; i++)
		if (!write_value(f, old[i], now[i])) return false;
	return true;
}

static bool do_node(Fn *f, const GraphNode *g)
{
	if (is_view(f, g, view_row(f, g->target))) return do_view(f, g);
	if (!strcmp(g->target, MARK_TARGET)) return do_mark(f, g);
	const char *functional = functional_name(f, g->target), *outs = out_names(f, g),
		*each = each_target(f, g);
	const struct StateRow *state = state_row(f, g);
	if (functional) return do_in_place(f, g, functional);
	if (*outs) return do_out(f, g, outs);
	if (each) return do_each(f, g, each);
	if (state) return do_state(f, g, state);
	keep_outputs(g, copy_node(f, g, g->target));
	return true;
}

Inverse inverse_of(const Fn *f, const GraphNode *g)
{
	const struct ViewRow *r = view_row(f, g->target);
	return r ? r->inverse : INVERSE_REFUSE;
}

/* -- the program ----------------------------------------------------------------------------------------- */

static OutputKind mutation_of(InputKind k)
{
	return k == INPUT_USER ? OUTPUT_USER_INPUT_MUTATION : k == INPUT_PARAMETER ? OUTPUT_PARAMETER_MUTATION : OUTPUT_BUFFER_MUTATION;
}

static bool has_mutation(const Program *p, const char *target)
{
	for (int i = 0; i < p->noutput; i++)
		if (p->output[i].kind != OUTPUT_USER && p->output[i].target && !strcmp(p->output[i].target, target))
			return true;
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
		Input *in = &p->input[i];
		const char *target = in->kind == INPUT_USER ? in->name : in->target;
		if (in->arg.kind != ARG_VALUE || !f->alias.v[in->arg.value].version || has_mutation(p, target))
			continue;
		if (in->kind == INPUT_CONSTANT_TENSOR) in->kind = INPUT_BUFFER;     /* a tensor of no module, as a cache may have, is state too */
		out[n++] = (Output){ mutation_of(in->kind), read_arg(f, in->arg), target };
	}
	p->output = out;
	p->noutput = n;
	f->g->noutput = n;
	f->g->output = NEW(f->a, Arg, n + 1);
	for (int i = 0; i < n; i++) f->g->output[i] = out[i].arg;
}

static void index_tables(Fn *f)
{
	for (int i = 0; i < (int)(sizeof views / sizeof *views); i++)
		map_set(&f->views, views[i].op, strlen(views[i].op), i);
	for (int i = 0; i < (int)(sizeof writes / sizeof *writes); i++)
		map_set(&f->writes, writes[i].target, strlen(writes[i].target), i);
}

const char *functional_target(Arena *a, const char *target)
{
	Fn f = { .a = a, .views.arena = a, .writes.arena = a };
	index_tables(&f);
	const char *name = functional_name(&f, target), *overload = target + op_len(target);
	if (name) return name;
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (!states[i].flag && !strcmp(target, states[i].target)) return states[i].functional;
	size_t n = strlen(overload);
	bool is_out = write_row(&f, target) || !strcmp(overload, ".out") || (n > 4 && !strcmp(overload + n - 4, "_out"));
	return is_out ? without_out(&f, target) : target;
}

/* Programs that write nothing stay as they are, but for as_strided. */
static bool needs_work(const Fn *f)
{
	for (int i = 0; i < f->g->node.n; i++) {
		const GraphNode *g = &f->g->node.v[i];
		if (functional_name(f, g->target) || *out_names(f, g) || state_row(f, g) || is_as_strided(g))
			return true;
	}
	return false;
}

/* A branch or body: its outputs read, nothing added. */
static bool do_graph_outputs(Fn *f)
{
	for (int i = 0; i < f->g->ninput; i++)
		if (f->g->input[i].kind == ARG_VALUE && f->alias.v[f->g->input[i].value].version)
			return fail(f->err, UNSUPPORTED, "a branch or loop body writes its input '%s' in place", f->g->value.v[f->g->input[i].value].name);
	for (int i = 0; i < f->g->noutput; i++) f->g->output[i] = read_arg(f, f->g->output[i]);
	return true;
}

static bool functionalize_graph(Fn *shared, Graph *g, int depth);

/* The graphs among an argument's items: branches and bodies. */
static bool functionalize_arg(Fn *f, const Arg *x, int depth)
{
	enum { MOST = 100 };
	if (x->kind == ARG_GRAPH)
		return depth < MOST ? functionalize_graph(f, x->graph, depth + 1) : fail(f->err, UNSUPPORTED, "graphs nested more than %d deep", MOST);
	for (int i = 0; x->kind == ARG_LIST && i < x->list.n; i++)
		if (!functionalize_arg(f, &x->list.item[i], depth)) return false;
	return true;
}

static bool functionalize_graph(Fn *shared, Graph *g, int depth)
{
	Fn f = { .p = shared->p, .g = g, .a = shared->a, .err = shared->err, .views = shared->views, .writes = shared->writes };
	if (!inline_modes(f.p, g, f.err)) return false;
	for (int i = 0; i < g->node.n; i++)
		for (int k = 0; k < g->node.v[i].narg; k++)
			if (!functionalize_arg(&f, &g->node.v[i].arg[k].arg, depth)) return false;
	if (!needs_work(&f)) return true;
	for (int i = 0; i < f.g->value.n; i++) *push(f.a, &f.alias) = (Alias){ .now = i, .base = i };
	for (int i = 0; i < f.g->node.n; i++)
		if (!do_node(&f, &f.g->node.v[i])) return false;
	if (depth) {
		if (!do_graph_outputs(&f)) return false;
	} else {
		do_outputs(&f);
	}
	f.g->node.v = f.node.v;
	f.g->node.n = f.node.n;
	f.g->node.cap = f.node.cap;
	return !f.err->code;
}

bool functionalize(Program *p, Err *e)
{
	Fn f = { .p = p, .a = &p->arena, .err = e, .views.arena = &p->arena, .writes.arena = &p->arena };
	index_tables(&f);
	return functionalize_graph(&f, p->graph, 0);
}
