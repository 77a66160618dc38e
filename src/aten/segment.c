/* Reductions of runs of a dim. */
#include "aten/formulas.h"
#include "aten/index.h"
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <math.h>
#include <string.h>

/* bounds [*B, S] as marks: how many of them lie at each place 0..D of the dim, [*B, D + 1]. Those of zero-length segments lie on
 * one place. */
static Value marks_of(Builder *b, Value bounds, int64_t size)
{
	Type t = known_type(b, bounds);
	int axis = t.rank - 1;
	Type marks = shape_with(b, t, axis, size + 1);
	Value none = full(b, marks, 0), one = full(b, t, 1);
	return combine_at(b, OP_add, none, place_along(b, marks, axis, bounds), one);
}

/* The segment of each of the `size` places, [*B, size]: how many segments end there or before ("lengths"), or begin, less one
 * ("offsets", of which there is one more than segments). What is in no segment gets a number that is none. */
static Value segment_ids(Node *n, int64_t size)
{
	Builder *b = n->b;
	bool by_length = has_arg(n, "lengths");
	if (!by_length && !has_arg(n, "offsets")) return node_fail(n, BAD_INPUT, "neither lengths nor offsets");
	Value bounds = arg_as(n, by_length ? "lengths" : "offsets", DTYPE_i64);
	int axis = known_type(b, bounds).rank - 1;
	if (axis < 0) return node_fail(n, BAD_INPUT, "lengths or offsets without dims");
	if (by_length) bounds = running_total(b, bounds, axis);
	Value id = marks_of(b, bounds, size);
	id = running_total(b, id, axis);
	id = slice_dim(b, id, axis, 0, size, 1);
	return by_length ? id : plus(b, id, -1);
}

typedef struct SegmentOp { const char *name; OpCode op; double first; } SegmentOp;

static const SegmentOp segment_ops[] = { { "sum", OP_add, 0 }, { "mean", OP_add, 0 }, { "prod", OP_multiply, 1 },
	{ "max", OP_maximum, -INFINITY }, { "min", OP_minimum, INFINITY } };

static const SegmentOp *segment_op(Node *n)
{
	const char *name = arg_str(n, "reduce", "");
	for (size_t i = 0; i < sizeof segment_ops / sizeof *segment_ops; i++)
		if (!strcmp(segment_ops[i].name, name)) return &segment_ops[i];
	node_fail(n, UNSUPPORTED, "reduce '%s'", name);
	return NULL;
}

/* Sums over how many were added; a segment of none keeps its initial value, NaN without one. */
static Value segment_means(Node *n, Value sum, Place at, Value like)
{
	Builder *b = n->b;
	Value count = full_like(b, sum, 0), one = full_like(b, like, 1);
	count = combine_at(b, OP_add, count, at, one);
	if (has_arg(n, "initial")) count = at_least(b, count, 1);
	return hlo_divide(b, sum, count);
}

/* aten.segment_reduce(data [*B, D, *R], reduce, lengths[*B, S] or offsets[*B, S + 1], axis=0, initial?) -> [*B, S, *R] */
Value lower_segment_reduce(Node *n)
{
	Builder *b = n->b;
	const SegmentOp *r = segment_op(n);
	Value x = arg_as(n, "data", acc_type(n->out.elem));
	Type t = known_type(b, x);
	int axis = arg_dim(n, "axis", 0, t.rank);
	if (!t.kind || !r) return 0;
	if (has_arg(n, "indices")) return node_fail(n, UNSUPPORTED, "segments by indices");
	Value id = segment_ids(n, static_dim(n, t, axis));
	Type ids = known_type(b, id);
	if (!ids.kind) return 0;
	if (ids.rank != axis + 1) return node_fail(n, BAD_INPUT, "segments of %d dims for axis %d", ids.rank, axis);
	id = hlo_broadcast_in_dim(b, id, t.rank, t.dim, all_dims(b, ids.rank));
	Type out = with_elem(n->out, t.elem);
	Value first = has_arg(n, "initial") ? arg_as(n, "initial", t.elem) : scalar(b, r->first, t.elem);
	Value y = broadcast(b, first, out);
	Place at = place_along(b, out, axis, id);
	y = combine_at(b, r->op, y, at, x);
	if (!strcmp(r->name, "mean")) y = segment_means(n, y, at, x);
	return cast(b, y, n->out.elem);
}
