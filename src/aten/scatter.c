/* Reading and writing along one dim: gather, scatter, index_select, index_add and their kin. */
#include "aten/index.h"
#include "aten/rules.h"

#include <string.h>

/* -- reading --------------------------------------------------------------------------------------------- */

/* aten.gather(self, dim, index): out[i][j][k] = self[i][index[i][j][k]][k] for dim 1 */
Value lower_gather(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value index = arg(n, "index");
	x = raised(b, x);
	index = raised(b, index);
	if (!x || !index) return 0;
	if (!type_numel(n->out)) return full(b, n->out, 0);                   /* an empty index may have any rank */
	x = gather_along(b, x, arg_dim(n, "dim", 0, rank_of(b, x)), index);
	return reshape_to(b, x, n->out);
}

/* t with all dims but one broadcast against other. */
static Type broadcast_but(Node *n, Type t, Type other, int dim)
{
	if (t.rank != other.rank) {
		node_fail(n, BAD_INPUT, "ranks %d and %d differ", t.rank, other.rank);
		return t;
	}
	Type x = shape_with(n->b, t, dim, 1), y = shape_with(n->b, other, dim, 1);
	return shape_with(n->b, broadcast_type(n, x, y), dim, t.dim[dim]);
}

/* aten.take_along_dim(self, indices, dim=None): gather, after broadcasting the other dims, where negative
 * indices count from the end; without dim both are flattened */
Value lower_take_along_dim(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value index = arg(n, "indices");
	if (!x || !index) return 0;
	if (!has_arg(n, "dim")) {
		x = flattened(b, x);
		index = flattened(b, index);
		x = gather_along(b, x, 0, index);
		return reshape_to(b, x, n->out);
	}
	x = raised(b, x);
	index = raised(b, index);
	if (!x || !index) return 0;
	Type t = type_of(b, x), at = type_of(b, index);
	int dim = arg_dim(n, "dim", 0, t.rank);
	x = broadcast(b, x, broadcast_but(n, t, at, dim));
	index = broadcast(b, index, broadcast_but(n, at, t, dim));
	index = wrap_index(b, index, t.dim[dim]);
	x = gather_along(b, x, dim, index);
	return reshape_to(b, x, n->out);
}

/* aten.index_select(self, dim, index[k]): the slices at index along dim */
Value lower_index_select(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value index = arg(n, "index");
	x = raised(b, x);
	index = raised(b, index);
	if (!x || !index) return 0;
	x = take_at(b, x, arg_dim(n, "dim", 0, rank_of(b, x)), index);
	return reshape_to(b, x, n->out);
}

/* -- where to write -------------------------------------------------------------------------------------- */

/* self, index and the values of a write along dim, 0-d ones as [1]. */
typedef struct Write {
	Value x, index, src;     /* src in the result's element type; 0 when it is no argument */
	Type t;                  /* of x */
	int dim;
	Place at;
} Write;

/* src cut to the shape of index: scatter allows it to be larger. */
static Value cut_to_index(Builder *b, Value src, Value index)
{
	Type t = type_of(b, src), at = type_of(b, index);
	if (t.rank != at.rank)
		return build_fail(b, BAD_INPUT, "values of rank %d at indices of rank %d", t.rank, at.rank);
	return hlo_slice(b, src, NEW(b->a, int64_t, t.rank + 1), at.dim, NULL);
}

static bool arg_write(Node *n, const char *src, Write *w)
{
	Builder *b = n->b;
	*w = (Write){ .x = arg(n, "self") };
	w->index = arg_as(n, "index", DTYPE_i64);
	w->x = raised(b, w->x);
	w->index = raised(b, w->index);
	w->src = src ? arg_as(n, src, n->out.elem) : 0;
	if (!w->x || !w->index || b->m->err->code) return false;
	w->t = type_of(b, w->x);
	w->dim = arg_dim(n, "dim", 0, w->t.rank);
	return true;
}

/* For scatter: single elements; src has (at least) the shape of index, or is one number. */
static bool arg_scatter(Node *n, const char *src, Write *w)
{
	if (!arg_write(n, src, w)) return false;
	Builder *b = n->b;
	if (is_tensor_arg(n, src) && (rank_of(b, w->src) || strcmp(src, "value"))) {
		w->src = raised(b, w->src);
		w->src = w->src ? cut_to_index(b, w->src, w->index) : 0;
	} else {
		w->src = broadcast(b, w->src, type_of(b, w->index));
	}
	w->at = place_along(b, w->t, w->dim, w->index);
	return w->src && !b->m->err->code;
}

/* For index_add and index_copy: slices along dim; src is [.., k, ..], or one number. */
static bool arg_slices(Node *n, const char *src, Write *w)
{
	if (!arg_write(n, src, w)) return false;
	Builder *b = n->b;
	Type part = shape_with(b, w->t, w->dim, numel_of(b, type_of(b, w->index)));
	if (!strcmp(src, "value")) {
		w->src = hlo_reshape(b, w->src, 0, NULL);
		w->src = broadcast(b, w->src, part);
	} else if (rank_of(b, w->src) != part.rank) {
		w->src = reshape_to(b, w->src, part);
	}
	w->at = place_slices(b, w->t, w->dim, w->index);
	return w->src && !b->m->err->code;
}

/* -- reductions ------------------------------------------------------------------------------------------ */

typedef struct Reduction { const char *name; OpCode op; } Reduction;

/* The names of scatter_reduce and index_reduce, and the two older ones of scatter.reduce. */
static const Reduction reductions[] = {
	{ "sum", OP_add }, { "add", OP_add }, { "mean", OP_add }, { "prod", OP_multiply }, { "multiply", OP_multiply },
	{ "amax", OP_maximum }, { "amin", OP_minimum },
};

static OpCode reduction(Node *n, const char *name)
{
	for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++)
		if (!strcmp(reductions[i].name, name)) return reductions[i].op;
	node_fail(n, UNSUPPORTED, "reduce '%s'", name);
	return OP_add;
}

/* What changes nothing under op, in the shape of src. */
static Value neutral_like(Builder *b, OpCode op, Value src)
{
	Type t = type_of(b, src);
	Value v = op == OP_maximum ? lowest(b, t.elem)
	        : op == OP_minimum ? highest(b, t.elem)
	        : scalar(b, op == OP_multiply, t.elem);
	return broadcast(b, v, t);
}

/* sum / count; integers round down */
static Value floor_divided(Builder *b, Value sum, Value count)
{
	Value q = hlo_divide(b, sum, count);
	if (!q || is_float(elem_of(b, q)) || is_complex(elem_of(b, q))) return q;
	Value back = hlo_multiply(b, q, count);
	Value above = hlo_compare(b, DIRECTION_GT, back, sum);                /* truncation went up: the sum is negative */
	Value one = full_like(b, q, 1);
	Value lower = hlo_subtract(b, q, one);
	return hlo_select(b, above, lower, q);
}

/* The mean of what was added to each element, itself among them or not. */
static Value mean_of_sums(Node *n, Write w, Value sum, bool include_self)
{
	Builder *b = n->b;
	Value count = full(b, w.t, include_self);
	Value ones = full_like(b, w.src, 1);
	count = combine_at(b, OP_add, count, w.at, ones);
	if (!include_self) {
		Value one = full(b, w.t, 1);
		count = hlo_maximum(b, count, one);
	}
	return floor_divided(b, sum, count);
}

/* x with all src of one element reduced into it; without include_self only the src count where there are
 * any. */
static Value reduce_into(Node *n, Write w, const char *how, bool include_self)
{
	Builder *b = n->b;
	OpCode op = reduction(n, how);
	if (!include_self) {
		Value neutral = neutral_like(b, op, w.src);
		w.x = write_at(b, w.x, w.at, neutral);
	}
	Value y = combine_at(b, op, w.x, w.at, w.src);
	if (!strcmp(how, "mean")) y = mean_of_sums(n, w, y, include_self);
	return reshape_to(b, y, n->out);
}

/* -- scatter --------------------------------------------------------------------------------------------- */

/* aten.scatter(self, dim, index, src or value, reduce=None): self[i][index[i][j][k]][k] = src[i][j][k] for
 * dim 1 */
static Value scatter_from(Node *n, const char *src)
{
	Write w;
	if (!arg_scatter(n, src, &w)) return 0;
	if (has_arg(n, "reduce")) return reduce_into(n, w, arg_str(n, "reduce", "add"), true);
	Value y = write_at(n->b, w.x, w.at, w.src);
	return reshape_to(n->b, y, n->out);
}

Value lower_scatter_src(Node *n) { return scatter_from(n, "src"); }
Value lower_scatter_value(Node *n) { return scatter_from(n, "value"); }

/* aten.scatter_add(self, dim, index, src): += instead of = */
Value lower_scatter_add(Node *n)
{
	Write w;
	return arg_scatter(n, "src", &w) ? reduce_into(n, w, "sum", true) : 0;
}

/* aten.scatter_reduce(self, dim, index, src, reduce, include_self=True) */
Value lower_scatter_reduce(Node *n)
{
	Write w;
	if (!arg_scatter(n, "src", &w)) return 0;
	return reduce_into(n, w, arg_str(n, "reduce", "sum"), arg_bool(n, "include_self", true));
}

/* -- index_add and kin ----------------------------------------------------------------------------------- */

/* aten.index_add(self, dim, index, source, alpha=1): self[.., index[i], ..] += alpha * source[.., i, ..] */
Value lower_index_add(Node *n)
{
	Builder *b = n->b;
	Write w;
	if (!arg_slices(n, "source", &w)) return 0;
	if (has_arg(n, "alpha")) {
		Value alpha = arg_as(n, "alpha", n->out.elem);
		alpha = broadcast(b, alpha, type_of(b, w.src));
		w.src = hlo_multiply(b, w.src, alpha);
	}
	return reduce_into(n, w, "sum", true);
}

/* aten.index_copy(self, dim, index, source): self[.., index[i], ..] = source[.., i, ..] */
Value lower_index_copy(Node *n)
{
	Write w;
	if (!arg_slices(n, "source", &w)) return 0;
	Value y = write_at(n->b, w.x, w.at, w.src);
	return reshape_to(n->b, y, n->out);
}

/* aten.index_fill(self, dim, index, value): self[.., index[i], ..] = value; negative indices count from
 * the end */
Value lower_index_fill(Node *n)
{
	Write w;
	if (!arg_slices(n, "value", &w)) return 0;
	w.at.index = wrap_index(n->b, w.index, w.t.dim[w.dim]);
	Value y = write_at(n->b, w.x, w.at, w.src);
	return reshape_to(n->b, y, n->out);
}

/* aten.index_reduce(self, dim, index, source, reduce, include_self=True) */
Value lower_index_reduce(Node *n)
{
	Write w;
	if (!arg_slices(n, "source", &w)) return 0;
	return reduce_into(n, w, arg_str(n, "reduce", "prod"), arg_bool(n, "include_self", true));
}
