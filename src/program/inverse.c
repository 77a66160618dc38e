/* Writing through a view: the parent's new content from the view's. One function per kind of view; each emits ATen calls
 * that have functional rules (slice_scatter, select_scatter, ...). */
#include "program/functionalize.h"

#include <string.h>

static Arg int_arg(int64_t i) { return (Arg){ .kind = ARG_INT, .i = i }; }

static Arg ints_arg(Arena *a, int n, const int64_t *v)
{
	Arg *item = NEW(a, Arg, n + 1);
	for (int i = 0; i < n; i++) item[i] = int_arg(v[i]);
	return (Arg){ .kind = ARG_LIST, .list = { n, item } };
}

/* One call with the given arguments, giving a value like `like`. */
static VId call(Fn *f, const GraphNode *from, const char *target, VId like, int narg, const NamedArg *arg)
{
	VId out = new_value(f, like);
	GraphNode *g = new_node(f, from, target, narg, 1);
	memcpy(g->arg, arg, (size_t)narg * sizeof *arg);
	g->out[0] = out;
	return out;
}

/* The view's own call on another tensor: for views that undo themselves, and for x_scatter(parent, content, same arguments). */
static VId call_like(Fn *f, const GraphNode *how, const char *target, VId like, VId first, VId second)
{
	NamedArg *arg = NEW(f->a, NamedArg, how->narg + 2);
	int n = 0;
	arg[n++] = (NamedArg){ "self", arg_value(first) };
	if (second) arg[n++] = (NamedArg){ "src", arg_value(second) };
	for (int i = 1; i < how->narg; i++) arg[n++] = how->arg[i];
	return call(f, how, target, like, n, arg);
}

static int64_t int_of(const GraphNode *g, const char *name, int64_t otherwise)
{
	const Arg *x = node_arg(g, name);
	return x && x->kind == ARG_INT ? x->i : otherwise;
}

static int dim_of(const Fn *f, const GraphNode *g, VId parent, int64_t otherwise)
{
	int64_t d = int_of(g, "dim", otherwise);
	return (int)(d < 0 ? d + f->g->value.v[parent].rank : d);
}

static VId reshape_back(Fn *f, const GraphNode *how, VId parent, VId content)
{
	const GraphValue *p = &f->g->value.v[parent];
	NamedArg arg[] = { { "self", arg_value(content) }, { "size", ints_arg(f->a, p->rank, p->dim) } };
	return call(f, how, "aten.reshape.default", parent, 2, arg);
}

static VId slice_back(Fn *f, const GraphNode *how, VId parent, VId content, int dim, int64_t start, int64_t end)
{
	VId whole = read_value(f, parent);
	NamedArg arg[] = { { "self", arg_value(whole) }, { "src", arg_value(content) }, { "dim", int_arg(dim) },
		{ "start", int_arg(start) }, { "end", int_arg(end) }, { "step", int_arg(1) } };
	return call(f, how, "aten.slice_scatter.default", parent, 6, arg);
}

static VId narrow_back(Fn *f, const GraphNode *how, VId parent, VId content)
{
	int dim = dim_of(f, how, parent, 0);
	int64_t start = int_of(how, "start", 0);
	if (start < 0) start += f->g->value.v[parent].dim[dim];
	return slice_back(f, how, parent, content, dim, start, start + int_of(how, "length", 0));
}

/* Piece `index` of split, chunk, tensor_split: where it starts is the sum of the sizes before it. */
static VId piece_back(Fn *f, const GraphNode *how, int index, VId parent, VId content)
{
	int dim = dim_of(f, how, parent, 0);
	int64_t start = 0;
	for (int i = 0; i < index; i++) start += f->g->value.v[how->out[i]].dim[dim];
	return slice_back(f, how, parent, content, dim, start, start + f->g->value.v[content].dim[dim]);
}

static VId select_back(Fn *f, const GraphNode *how, VId parent, VId content, int64_t index)
{
	VId whole = read_value(f, parent);
	NamedArg arg[] = { { "self", arg_value(whole) }, { "src", arg_value(content) },
		{ "dim", int_arg(dim_of(f, how, parent, 0)) }, { "index", int_arg(index) } };
	return call(f, how, "aten.select_scatter.default", parent, 4, arg);
}

static VId permute_back(Fn *f, const GraphNode *how, VId parent, VId content)
{
	const Arg *dims = node_arg(how, "dims");
	int rank = f->g->value.v[parent].rank;
	int64_t *back = NEW(f->a, int64_t, rank + 1);
	for (int i = 0; dims && dims->kind == ARG_LIST && i < dims->list.n && i < rank; i++) {
		int64_t d = dims->list.item[i].i;
		if (d < 0) d += rank;
		if (d >= 0 && d < rank) back[d] = i;
	}
	NamedArg arg[] = { { "self", arg_value(content) }, { "dims", ints_arg(f->a, rank, back) } };
	return call(f, how, "aten.permute.default", parent, 2, arg);
}

/* movedim(source, destination) is undone by movedim(destination, source). */
static VId movedim_back(Fn *f, const GraphNode *how, VId parent, VId content)
{
	const Arg *from = node_arg(how, "source"), *to = node_arg(how, "destination");
	if (!from || !to) return 0;
	NamedArg arg[] = { { "self", arg_value(content) }, { "source", *to }, { "destination", *from } };
	return call(f, how, how->target, parent, 3, arg);
}

static VId complex_back(Fn *f, const GraphNode *how, VId parent, VId content, bool is_real)
{
	VId whole = read_value(f, parent);
	NamedArg self = { "self", arg_value(whole) };
	VId other = call(f, how, is_real ? "aten.imag.default" : "aten.real.default", content, 1, &self);
	NamedArg arg[] = { { "real", arg_value(is_real ? content : other) }, { "imag", arg_value(is_real ? other : content) } };
	return call(f, how, "aten.complex.default", parent, 2, arg);
}

static VId refuse(Fn *f, const GraphNode *how)
{
	fail(f->err, UNSUPPORTED, "the program writes in place through %s (node %s), which cannot be undone", how->target,
		how->name ? how->name : "?");
	return 0;
}

static int64_t numel(const GraphValue *v)
{
	int64_t n = 1;
	for (int i = 0; i < v->rank; i++) n *= v->dim[i];
	return n;
}

/* view.dtype reinterprets the bits; the parent's dtype undoes it. */
static VId same_bits(Fn *f, const GraphNode *how, VId parent, VId content)
{
	NamedArg arg[] = { { "self", arg_value(content) }, { "dtype", { .kind = ARG_DTYPE, .dtype = f->g->value.v[parent].dtype } } };
	return call(f, how, "aten.view.dtype", parent, 2, arg);
}

VId invert(Fn *f, VId v, VId content)
{
	Alias a = f->alias.v[v];
	const GraphNode *how = a.how;
	switch (inverse_of(f, how)) {
	case INVERSE_SAME_SHAPE: return content;
	case INVERSE_RESHAPE:    return strcmp(how->target, "aten.view.dtype") ? reshape_back(f, how, a.parent, content)
	                                                                       : same_bits(f, how, a.parent, content);
	case INVERSE_EXPAND:     return numel(&f->g->value.v[v]) == numel(&f->g->value.v[a.parent])
	                                ? reshape_back(f, how, a.parent, content) : refuse(f, how);
	case INVERSE_AGAIN:      return call_like(f, how, how->target, a.parent, content, 0);
	case INVERSE_PERMUTE:    return permute_back(f, how, a.parent, content);
	case INVERSE_MOVEDIM:    return movedim_back(f, how, a.parent, content);
	case INVERSE_SLICE:      return call_like(f, how, "aten.slice_scatter.default", a.parent, read_value(f, a.parent), content);
	case INVERSE_NARROW:     return narrow_back(f, how, a.parent, content);
	case INVERSE_PIECE:      return piece_back(f, how, a.index, a.parent, content);
	case INVERSE_SELECT:     return select_back(f, how, a.parent, content, int_of(how, "index", 0));
	case INVERSE_UNBIND:     return select_back(f, how, a.parent, content, a.index);
	case INVERSE_DIAGONAL:   return call_like(f, how, "aten.diagonal_scatter.default", a.parent, read_value(f, a.parent), content);
	case INVERSE_AS_STRIDED: return call_like(f, how, "aten.as_strided_scatter.default", a.parent, read_value(f, a.parent), content);
	case INVERSE_REAL:       return complex_back(f, how, a.parent, content, true);
	case INVERSE_IMAG:       return complex_back(f, how, a.parent, content, false);
	case INVERSE_VIEW_AS_REAL:    return call_like(f, how, "aten.view_as_real.default", a.parent, content, 0);
	case INVERSE_VIEW_AS_COMPLEX: return call_like(f, how, "aten.view_as_complex.default", a.parent, content, 0);
	default:                 return refuse(f, how);
	}
}
