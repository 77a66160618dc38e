/* Writing through a view: the parent's new content from the view's. One function per kind of view; each
 * emits ATen calls that have functional rules (slice_scatter, select_scatter, ...). */
#include "program/functionalize.h"

#include <string.h>

static Arg int_arg(int64_t i) { return (Arg){ .kind = ARG_INT, .i = i }; }

Arg ints_arg(Arena *a, int n, const int64_t *v)
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

/* The view's own call on another tensor: for views that undo themselves, and for x_scatter(parent,
 * content, same arguments). */
static VId call_like(Fn *f, const GraphNode *how, const char *target, VId like, VId first, VId second)
{
	NamedArg *arg = NEW(f->a, NamedArg, how->narg + 2);
	int n = 0;
	arg[n++] = (NamedArg){ "self", arg_value(first) };
	if (second) arg[n++] = (NamedArg){ "src", arg_value(second) };
	for (int i = 1; i < how->narg; i++) arg[n++] = how->arg[i];
	return call(f, how, target, like, n, arg);
}

static VId refuse(Fn *f, const GraphNode *how)
{
	fail(f->err, UNSUPPORTED, "the program writes in place through %s (node %s), which cannot be undone", how->target,
		how->name ? how->name : "?");
	return 0;
}

/* A number that is known now: an int, or a SymInt of a known size. Absent or None: otherwise. */
static bool known_int(const Fn *f, const GraphNode *g, const char *name, int64_t otherwise, int64_t *out)
{
	const Arg *x = node_arg(g, name);
	*out = otherwise;
	if (!x || x->kind == ARG_NONE) return true;
	if (x->kind == ARG_INT) *out = x->i;
	else if (x->kind == ARG_VALUE && f->g->value.v[x->value].kind == VALUE_SYMINT)
		*out = f->g->value.v[x->value].sym;
	else return false;
	return x->kind == ARG_INT || IS_STATIC(*out);
}

/* The dim that a view goes along; -1: not a dim of the parent. */
static int dim_of(const Fn *f, const GraphNode *g, VId parent)
{
	int64_t d, rank = f->g->value.v[parent].rank, otherwise = 0;
	if (strstr(g->target, "hsplit")) otherwise = rank > 1;
	if (strstr(g->target, "dsplit")) otherwise = 2;
	if (!known_int(f, g, "dim", otherwise, &d)) return -1;
	if (d < 0) d += rank;
	return d >= 0 && d < rank ? (int)d : -1;
}

static VId reshape_back(Fn *f, const GraphNode *how, VId parent, VId content)
{
	const GraphValue *p = &f->g->value.v[parent];
	NamedArg arg[] = { { "self", arg_value(content) }, { "size", ints_arg(f->a, p->rank, p->dim) } };
	return call(f, how, "aten.reshape.default", parent, 2, arg);
}

static VId slice_back(Fn *f, const GraphNode *how, VId parent, VId content, int dim, int64_t start,
	int64_t end)
{
	VId whole = read_value(f, parent);
	NamedArg arg[] = { { "self", arg_value(whole) }, { "src", arg_value(content) }, { "dim", int_arg(dim) },
		{ "start", int_arg(start) }, { "end", int_arg(end) }, { "step", int_arg(1) } };
	return call(f, how, "aten.slice_scatter.default", parent, 6, arg);
}

static VId narrow_back(Fn *f, const GraphNode *how, VId parent, VId content)
{
	int dim = dim_of(f, how, parent);
	int64_t start, length;
	if (dim < 0 || !known_int(f, how, "start", 0, &start) || !known_int(f, how, "length", 0, &length))
		return refuse(f, how);
	int64_t size = f->g->value.v[parent].dim[dim];
	if (start < 0 && IS_STATIC(size)) start += size;
	int64_t end;
	if (start < 0 || length < 0 || __builtin_add_overflow(start, length, &end) || (IS_STATIC(size) && end > size)) return refuse(f, how);
	return slice_back(f, how, parent, content, dim, start, end);
}

/* Where piece `index` of split, chunk, tensor_split lies: after the sizes of those before it. */
static bool piece_span(const Fn *f, const GraphNode *how, VId parent, int index, int *dim, int64_t *start,
	int64_t *end)
{
	*dim = dim_of(f, how, parent);
	*start = *end = 0;
	for (int i = 0; *dim >= 0 && i <= index; i++) {
		const GraphValue *piece = &f->g->value.v[how->out[i]];
		if (*dim >= piece->rank || !IS_STATIC(piece->dim[*dim])) return false;
		*start = *end;
		if (__builtin_add_overflow(*end, piece->dim[*dim], end)) return false;
	}
	return *dim >= 0;
}

static VId piece_back(Fn *f, const GraphNode *how, int index, VId parent, VId content)
{
	int dim;
	int64_t start, end;
	if (!piece_span(f, how, parent, index, &dim, &start, &end)) return refuse(f, how);
	return slice_back(f, how, parent, content, dim, start, end);
}

static VId select_back(Fn *f, const GraphNode *how, VId parent, VId content, Arg index)
{
	int dim = dim_of(f, how, parent);
	if (dim < 0) return refuse(f, how);
	VId whole = read_value(f, parent);
	NamedArg arg[] = { { "self", arg_value(whole) }, { "src", arg_value(content) }, { "dim", int_arg(dim) },
		{ "index", index } };
	return call(f, how, "aten.select_scatter.default", parent, 4, arg);
}

VId piece_again(Fn *f, VId v)
{
	Alias a = f->alias.v[v];
	int dim;
	int64_t start, end;
	VId whole = read_value(f, a.parent);
	if (inverse_of(f, a.how) == INVERSE_UNBIND) {
		NamedArg arg[] = { { "self", arg_value(whole) }, { "dim", int_arg(dim_of(f, a.how, a.parent)) },
			{ "index", int_arg(a.index) } };
		return call(f, a.how, "aten.select.int", v, 3, arg);
	}
	if (!piece_span(f, a.how, a.parent, a.index, &dim, &start, &end)) return refuse(f, a.how);
	NamedArg arg[] = { { "self", arg_value(whole) }, { "dim", int_arg(dim) }, { "start", int_arg(start) }, { "end", int_arg(end) },
		{ "step", int_arg(1) } };
	return call(f, a.how, "aten.slice.Tensor", v, 5, arg);
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
	/* Tensor.real of a real tensor is the tensor */
	if (!is_complex(f->g->value.v[parent].dtype)) return content;
	VId whole = read_value(f, parent);
	NamedArg self = { "self", arg_value(whole) };
	VId other = call(f, how, is_real ? "aten.imag.default" : "aten.real.default", content, 1, &self);
	NamedArg arg[] = { { "real", arg_value(is_real ? content : other) },
		{ "imag", arg_value(is_real ? other : content) } };
	return call(f, how, "aten.complex.default", parent, 2, arg);
}

/* aten.diagonal(self, offset=0, dim1=0, dim2=1); linalg_diagonal takes the last two dims. */
static VId diagonal_back(Fn *f, const GraphNode *how, VId parent, VId content)
{
	bool last = strstr(how->target, "linalg") != NULL;
	int64_t offset, dim1, dim2;
	if (!known_int(f, how, "offset", 0, &offset) || !known_int(f, how, "dim1", last ? -2 : 0, &dim1)
	    || !known_int(f, how, "dim2", last ? -1 : 1, &dim2)) return refuse(f, how);
	VId whole = read_value(f, parent);
	NamedArg arg[] = { { "self", arg_value(whole) }, { "src", arg_value(content) }, { "offset", int_arg(offset) },
		{ "dim1", int_arg(dim1) }, { "dim2", int_arg(dim2) } };
	return call(f, how, "aten.diagonal_scatter.default", parent, 5, arg);
}

/* Whether expand gave every element one place only: then it is a reshape. */
static bool repeats_nothing(const GraphValue *from, const GraphValue *to)
{
	for (int i = 1; i <= to->rank; i++) {
		Dim d = to->dim[to->rank - i];
		if (d != (i <= from->rank ? from->dim[from->rank - i] : 1)) return false;
	}
	return true;
}

/* view.dtype reinterprets the bits; the parent's dtype undoes it. */
static VId same_bits(Fn *f, const GraphNode *how, VId parent, VId content)
{
	NamedArg arg[] = { { "self", arg_value(content) },
		{ "dtype", { .kind = ARG_DTYPE, .dtype = f->g->value.v[parent].dtype } } };
	return call(f, how, "aten.view.dtype", parent, 2, arg);
}

VId invert(Fn *f, VId v, VId content)
{
	Alias a = f->alias.v[v];
	const GraphNode *how = a.how;
	const Arg *index = node_arg(how, "index");
	switch (inverse_of(f, how)) {
	case INVERSE_SAME_SHAPE: return content;
	case INVERSE_RESHAPE:    return strcmp(how->target, "aten.view.dtype") ? reshape_back(f, how, a.parent, content)
	                                                                       : same_bits(f, how, a.parent, content);
	case INVERSE_EXPAND:     return repeats_nothing(&f->g->value.v[a.parent], &f->g->value.v[v])
	                                ? reshape_back(f, how, a.parent, content) : refuse(f, how);
	case INVERSE_AGAIN:      return call_like(f, how, how->target, a.parent, content, 0);
	case INVERSE_PERMUTE:    return permute_back(f, how, a.parent, content);
	case INVERSE_MOVEDIM:    return movedim_back(f, how, a.parent, content);
	case INVERSE_SLICE:      return call_like(f, how, "aten.slice_scatter.default", a.parent,
		read_value(f, a.parent), content);
	case INVERSE_NARROW:     return narrow_back(f, how, a.parent, content);
	case INVERSE_PIECE:      return piece_back(f, how, a.index, a.parent, content);
	case INVERSE_SELECT:     return index ? select_back(f, how, a.parent, content, *index) : refuse(f, how);
	case INVERSE_UNBIND:     return select_back(f, how, a.parent, content, int_arg(a.index));
	case INVERSE_DIAGONAL:   return diagonal_back(f, how, a.parent, content);
	case INVERSE_AS_STRIDED: return call_like(f, how, "aten.as_strided_scatter.default", a.parent,
		read_value(f, a.parent), content);
	case INVERSE_REAL:       return complex_back(f, how, a.parent, content, true);
	case INVERSE_IMAG:       return complex_back(f, how, a.parent, content, false);
	case INVERSE_VIEW_AS_REAL:    return call_like(f, how, "aten.view_as_real.default", a.parent, content, 0);
	case INVERSE_VIEW_AS_COMPLEX: return call_like(f, how, "aten.view_as_complex.default", a.parent, content,
		0);
	default:                 return refuse(f, how);
	}
}
