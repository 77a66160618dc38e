/* Parts of a tensor, and writing them back: slice, select, narrow, split, unbind, diagonal, unfold,
 * as_strided. */
#include "aten/ctx.h"
#include "aten/index.h"
#include "aten/rules.h"

/* -- slices ---------------------------------------------------------------------------------------------- */

typedef struct Span { int dim; int64_t start, limit, step; } Span;

int64_t slice_bound(Node *n, int64_t i, int64_t size)
{
	DimTable *t = dims_of(n->b->m);
	DimRange r = dim_range(t, i);
	if (r.min == r.max && size >= 0) {
		i = r.min < 0 ? r.min + size : r.min;
		return i < 0 ? 0 : i > size ? size : i;
	}
	if (r.min < 0 && r.max >= 0)
		node_fail(n, UNSUPPORTED, "the slice bound %s may count from either end", dim_text(t, i));
	if (r.max < 0) i = dim_plus(t, i, size);
	return i > INT64_MAX / 2 ? size : dim_max(t, 0, dim_min(t, i, size));
}

/* The arguments (dim=0, start=None, end=None, step=1) over a tensor of type t. */
static Span arg_span(Node *n, Type t)
{
	Span s = { .dim = arg_dim(n, "dim", 0, t.rank), .step = arg_int(n, "step", 1) };
	if (s.step < 1 || !t.rank) {
		node_fail(n, BAD_INPUT, "a slice of %s by step %lld", type_str(n->a, t), (long long)s.step);
		return (Span){ .step = 1 };
	}
	int64_t size = t.dim[s.dim];
	s.start = slice_bound(n, arg_size(n, "start", 0), size);
	s.limit = slice_bound(n, arg_size(n, "end", INT64_MAX), size);
	s.limit = dim_max(dims_of(n->b->m), s.limit, s.start);
	return s;
}

/* Where each dim of x begins: at 0, dim at a number or 0-d tensor that is known only at run time; that wraps when negative. */
static Value *starts_at(Node *n, Value x, int dim, const char *name)
{
	Builder *b = n->b;
	Type t = type_of(b, x);
	Value start = arg_as(n, name, DTYPE_i64);
	start = start ? hlo_reshape(b, start, 0, NULL) : 0;
	start = wrap_index(b, start, t.dim[dim]);
	Value zero = scalar_int(b, 0, DTYPE_i64);
	Value *at = NEW(n->a, Value, t.rank);
	for (int i = 0; i < t.rank; i++) at[i] = i == dim ? start : zero;
	return at;
}

/* x[.., start .. start + length, ..] of such a start */
static Value narrow_at(Node *n, Value x, int dim, const char *start, int64_t length)
{
	Value *at = starts_at(n, x, dim, start);
	return hlo_dynamic_slice(n->b, x, at, shape_with(n->b, type_of(n->b, x), dim, length).dim);
}

/* A slice that begins at a number of the running program: what torch has found its length to be, if it is one. */
static Value slice_at(Node *n, Value x, Type t)
{
	int dim = arg_dim(n, "dim", 0, t.rank);
	int64_t length = n->out.rank == t.rank ? static_dim(n, n->out, dim) : 0;
	if (arg_int(n, "step", 1) != 1) return node_fail(n, UNSUPPORTED, "a step beside a start that is read from a tensor");
	return narrow_at(n, x, dim, "start", length);
}

/* aten.slice(self, dim=0, start=None, end=None, step=1) */
Value lower_slice(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	if (is_running(n, "start")) return slice_at(n, x, type_of(n->b, x));
	Span s = arg_span(n, type_of(n->b, x));
	return slice_dim(n->b, x, s.dim, s.start, s.limit, s.step);
}

int64_t whole_index(Node *n, int64_t i, int64_t size)
{
	DimTable *t = dims_of(n->b->m);
	DimRange r = dim_range(t, i);
	if (size < 0 && (r.min >= 0 || r.max < 0)) return r.max < 0 ? dim_plus(t, i, size) : i;
	i = r.min == r.max ? r.min : i;
	if (size >= 0 && i >= -size && i < size) return i < 0 ? i + size : i;
	node_fail(n, BAD_INPUT, "index %lld is outside a dim of size %lld", (long long)i, (long long)size);
	return 0;
}

/* x[.., i, ..] */
static Value select_index(Builder *b, Value x, int dim, int64_t i)
{
	x = slice_dim(b, x, dim, i, dim_plus(dims_of(b->m), i, 1), 1);
	return squeeze_dim(b, x, dim);
}

/* aten.select(self, dim, index) */
Value lower_select(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	Type t = type_of(n->b, x);
	int dim = arg_dim(n, "dim", 0, t.rank);
	if (!t.rank) return node_fail(n, BAD_INPUT, "select of a 0-d tensor");
	if (is_running(n, "index")) return squeeze_dim(n->b, narrow_at(n, x, dim, "index", 1), dim);
	return select_index(n->b, x, dim, whole_index(n, arg_size(n, "index", 0), t.dim[dim]));
}

/* aten.narrow(self, dim, start, length) */
Value lower_narrow(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	Type t = type_of(n->b, x);
	int dim = arg_dim(n, "dim", 0, t.rank);
	int64_t length = arg_size(n, "length", 0);
	if (!t.rank) return node_fail(n, BAD_INPUT, "narrow of a 0-d tensor");
	if (is_tensor_arg(n, "start") || is_running(n, "start")) return narrow_at(n, x, dim, "start", length);
	int64_t start = slice_bound(n, arg_size(n, "start", 0), t.dim[dim]);
	bool known = start >= 0 && length >= 0 && t.dim[dim] >= 0;
	if (dim_range(dims_of(n->b->m), length).max < 0 || (known && length > t.dim[dim] - start))
		return node_fail(n, BAD_INPUT, "%lld elements from %lld on of a dim of size %lld", (long long)length, (long long)start,
			(long long)t.dim[dim]);
	return slice_dim(n->b, x, dim, start, dim_plus(dims_of(n->b->m), start, length), 1);
}

/* -- pieces ---------------------------------------------------------------------------------------------- */

/* Output i is x[.., at[i] .. at[i + 1], ..]; unless they are in order, an upper bound below the lower gives an empty piece. */
static Value cut(Node *n, Value x, int dim, Ints at, bool ordered)
{
	Value first = 0;
	for (int i = 0; i + 1 < at.n; i++) {
		if (!out_wanted(n, i)) continue;
		int64_t from = at.v[i], to = ordered ? at.v[i + 1] : dim_max(dims_of(n->b->m), from, at.v[i + 1]);
		Value piece = slice_dim(n->b, x, dim, from, to, 1);
		if (i) set_out(n, i, piece);
		else first = piece;
	}
	return first;
}

/* x / y, rounded up; x may be a handle */
static int64_t ceil_div(Node *n, int64_t x, int64_t y)
{
	if (x >= 0) return x / y + (x % y != 0);
	DimTable *t = dims_of(n->b->m);
	return dim_floordiv(t, dim_plus(t, x, y - 1), y);
}

/* 0, step, 2 * step, ..., size: one piece even of nothing. Of a size that is not known there are as many as torch counted. */
static Ints every(Node *n, int64_t step, int64_t size)
{
	bool known = step >= 0 && size >= 0;
	int64_t count = !known ? nouts(n) : step > 0 && size ? ceil_div(n, size, step) : 1;
	if (count != nouts(n))
		return node_fail(n, BAD_INPUT, "%lld pieces for %d outputs", (long long)count, nouts(n)), (Ints){ 0 };
	int64_t *v = NEW(n->a, int64_t, count + 1);
	for (int64_t i = 0; i < count; i++) v[i] = dim_times(dims_of(n->b->m), step, i);
	v[count] = size;
	return (Ints){ (int)count + 1, v };
}

/* 0 and the sums of the first 1, 2, ... sizes, which lie in a dim of `whole` elements. */
static Ints running_sum(Node *n, Ints sizes, int64_t whole)
{
	DimTable *t = dims_of(n->b->m);
	int64_t *v = NEW(n->a, int64_t, sizes.n + 1);
	for (int i = 0; i < sizes.n; i++) {
		bool known = whole >= 0 && v[i] >= 0 && sizes.v[i] >= 0;
		if (dim_range(t, sizes.v[i]).max < 0 || (known && sizes.v[i] > whole - v[i]))
			return node_fail(n, BAD_INPUT, "a piece of %lld elements at %lld of %lld", (long long)sizes.v[i], (long long)v[i],
				(long long)whole), (Ints){ 0 };
		v[i + 1] = dim_plus(t, v[i], sizes.v[i]);
	}
	return (Ints){ sizes.n + 1, v };
}

/* aten.split(self, split_size, dim=0): pieces of one size, the last may be smaller; or of the given sizes.
 * aten.split_with_sizes(self, split_sizes, dim=0) */
Value lower_split(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	Type t = type_of(n->b, x);
	int dim = arg_dim(n, "dim", 0, t.rank);
	const char *name = has_arg(n, "split_sizes") ? "split_sizes" : "split_size";
	const Arg *size = arg_raw(n, name);
	if (!t.rank || !size) return node_fail(n, BAD_INPUT, "split of %s", type_str(n->a, t));
	int64_t whole = t.dim[dim];
	Ints at = size->kind == ARG_LIST ? running_sum(n, arg_sizes(n, name), whole) : every(n, arg_size(n, name, 1), whole);
	return cut(n, x, dim, at, true);
}

/* aten.chunk(self, chunks, dim=0): at most `chunks` pieces of ceil(size / chunks). Of an empty dim:
 * `chunks` empty ones. */
Value lower_chunk(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	Type t = type_of(n->b, x);
	int dim = arg_dim(n, "dim", 0, t.rank);
	int64_t chunks = arg_int(n, "chunks", 1);
	if (!t.rank || chunks < 1)
		return node_fail(n, BAD_INPUT, "%lld chunks of %s", (long long)chunks, type_str(n->a, t));
	int64_t size = t.dim[dim];
	if (!size) return cut(n, x, dim, (Ints){ nouts(n) + 1, NEW(n->a, int64_t, nouts(n) + 1) }, true);
	return cut(n, x, dim, every(n, ceil_div(n, size, chunks), size), true);
}

/* `sections` pieces, the first size % sections of them one longer; none where they are to be even */
static Ints sections_of(Node *n, int64_t sections, int64_t size, bool even)
{
	if (sections < 1 || sections != nouts(n))
		return node_fail(n, BAD_INPUT, "%lld sections for %d outputs", (long long)sections, nouts(n)), (Ints){ 0 };
	DimTable *t = dims_of(n->b->m);
	int64_t *v = NEW(n->a, int64_t, sections + 1);
	for (int64_t i = 0; i < sections; i++)
		v[i + 1] = dim_plus(t, v[i], dim_floordiv(t, dim_plus(t, size, even ? 0 : sections - 1 - i), sections));
	return (Ints){ (int)sections + 1, v };
}

/* 0, then the given indices as slice bounds, then size */
static Ints cuts_at(Node *n, const char *name, int64_t size)
{
	Ints given = arg_ints(n, name);
	int64_t *v = NEW(n->a, int64_t, given.n + 2);
	for (int i = 0; i < given.n; i++) v[i + 1] = slice_bound(n, dim_number(dims_of(n->b->m), given.v[i]), size);
	v[given.n + 1] = size;
	return (Ints){ given.n + 2, v };
}

static Value tensor_split(Node *n, Value x, int dim, bool even)
{
	Type t = type_of(n->b, x);
	if (dim >= t.rank) return node_fail(n, BAD_INPUT, "split of %s along dim %d", type_str(n->a, t), dim);
	if (has_arg(n, "indices")) return cut(n, x, dim, cuts_at(n, "indices", t.dim[dim]), false);
	if (has_arg(n, "sections")) return cut(n, x, dim, sections_of(n, arg_int(n, "sections", 1), t.dim[dim], even), true);
	return node_fail(n, UNSUPPORTED, "a split at places that are known only at run time");
}

/* aten.tensor_split(self, sections or indices, dim=0) */
Value lower_tensor_split(Node *n)
{
	Value x = arg(n, "self");
	return x ? tensor_split(n, x, arg_dim(n, "dim", 0, rank_of(n->b, x)), false) : 0;
}

/* aten.hsplit: along dim 1, or 0 of a vector; aten.vsplit: along dim 0; aten.dsplit: along dim 2 */
Value lower_hsplit(Node *n)
{
	Value x = arg(n, "self");
	return x ? tensor_split(n, x, rank_of(n->b, x) > 1, true) : 0;
}

Value lower_vsplit(Node *n)
{
	Value x = arg(n, "self");
	return x ? tensor_split(n, x, 0, true) : 0;
}

Value lower_dsplit(Node *n)
{
	Value x = arg(n, "self");
	return x ? tensor_split(n, x, 2, true) : 0;
}

/* aten.unbind(self, dim=0): every x[.., i, ..] */
Value lower_unbind(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	Type t = type_of(n->b, x);
	int dim = arg_dim(n, "dim", 0, t.rank);
	if (!t.rank) return node_fail(n, BAD_INPUT, "unbind of a 0-d tensor");
	Value first = 0;
	for (int i = 0; i < nouts(n) && (i < t.dim[dim] || t.dim[dim] < 0); i++) {
		if (!out_wanted(n, i)) continue;
		Value part = select_index(n->b, x, dim, i);
		if (i) set_out(n, i, part);
		else first = part;
	}
	return first;
}

/* -- windows --------------------------------------------------------------------------------------------- */

/* aten.unfold(self, dimension, size, step): windows [.., n, ..] of `size` every `step`, the window last */
Value lower_unfold(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	int64_t size = arg_int(n, "size", 1), step = arg_int(n, "step", 1), numel = 1;
	if (!rank_of(b, x)) x = hlo_reshape(b, x, 1, &numel);
	if (!x) return 0;
	Type t = type_of(b, x);                                                 /* [.., D, ..] */
	int dim = arg_dim(n, "dimension", 0, t.rank);
	if (size < 0 || (size > t.dim[dim] && t.dim[dim] >= 0) || step < 1)
		return node_fail(n, BAD_INPUT, "windows of %lld every %lld in %s", (long long)size, (long long)step, type_str(n->a, t));
	DimTable *sizes = dims_of(b->m);
	int64_t count = dim_plus(sizes, dim_floordiv(sizes, dim_minus(sizes, t.dim[dim], size), step), 1);
	Value start = hlo_iota(b, tensor_type(n->a, DTYPE_i64, 1, &count), 0);
	Value by = full_like(b, start, (double)step);
	start = hlo_multiply(b, start, by);                                     /* [count] */
	int64_t *window = NEW(n->a, int64_t, t.rank);                 /* operand dims, around the new dim at `dim` */
	for (int i = 0; i < t.rank; i++) window[i] = i < dim ? i : i + 1;
	x = hlo_gather(b, x, start, (GatherDims){ .offset_dims = { t.rank, window }, .start_index_map = one_dim(b, dim),
		.index_vector_dim = 1 }, (Ints){ t.rank, shape_with(b, t, dim, size).dim }, true);
	int64_t *p = NEW(n->a, int64_t, t.rank + 1);                  /* [.., count, size, ..] -> [.., count, .., size] */
	for (int i = 0; i <= t.rank; i++) p[i] = i <= dim ? i : i < t.rank ? i + 1 : dim + 1;
	x = hlo_transpose(b, x, (Ints){ t.rank + 1, p });
	return reshape_to(b, x, n->out);
}

/* -- strides --------------------------------------------------------------------------------------------- */

/* x as it lies in memory: `order` sorts its dims by falling stride, `offset` is where it begins in its
 * storage. */
typedef struct Memory { Ints order; int64_t offset; bool dense; } Memory;

static Memory memory_of(Node *n, const char *name)
{
	const Arg *x = arg_raw(n, name);
	const GraphValue *v = &n->l->graph->value.v[x->value];
	Memory m = { .order = all_dims(n->b, v->rank), .offset = v->offset };
	if (!v->stride) return m.dense = true, m;
	int64_t *p = NEW(n->a, int64_t, v->rank + 1);
	for (int i = 0; i < v->rank; i++) {
		int k = i;
		while (k > 0 && (v->stride[p[k - 1]] < v->stride[i])) p[k] = p[k - 1], k--;
		p[k] = i;
	}
	m.order.v = p;
	int64_t step = 1;
	m.dense = true;
	for (int i = v->rank - 1; i >= 0; step *= v->dim[p[i]], i--)
		if (v->dim[p[i]] != 1 && v->stride[p[i]] != step) m.dense = false;
	return m;
}

/* What as_strided and as_strided_scatter are given: sizes, strides, and the first element counted from
 * self's own first. */
typedef struct Strided { Ints size, stride; int64_t offset; Memory memory; } Strided;

static bool arg_strided(Node *n, Type self, Strided *s)
{
	if (!is_tensor_arg(n, "self")) return false;
	*s = (Strided){ arg_ints(n, "size"), arg_ints(n, "stride"), 0, memory_of(n, "self") };
	int64_t offset = arg_int(n, "storage_offset", s->memory.offset);
	s->offset = offset < 0 ? -1 : offset - s->memory.offset;
	if (s->size.n != s->stride.n)
		return node_fail(n, BAD_INPUT, "%d sizes but %d strides", s->size.n, s->stride.n);
	int64_t last = s->offset, far;
	bool empty = false, wild = !s->memory.dense || s->offset < 0;
	for (int i = 0; i < s->size.n; i++) {
		empty |= s->size.v[i] == 0;
		wild |= s->size.v[i] < 0 || s->stride.v[i] < 0 || __builtin_mul_overflow(s->size.v[i] - 1, s->stride.v[i], &far)
		     || __builtin_add_overflow(last, far, &last);
	}
	if (wild || (last >= type_numel(self) && !empty))
		return node_fail(n, UNSUPPORTED, "as_strided reaches memory outside of its argument");
	return true;
}

/* Where each element of the strided view lies in the flat memory: offset + sum of i_k * stride_k, over
 * [size...]. */
static Value strided_positions(Node *n, Strided s)
{
	Builder *b = n->b;
	Type t = tensor_type(n->a, DTYPE_i64, s.size.n, s.size.v);
	Value at = full(b, t, (double)s.offset);
	for (int i = 0; i < s.size.n; i++) {
		Value p = positions(b, t, i, DTYPE_i64);
		Value by = full(b, t, (double)s.stride.v[i]);
		p = hlo_multiply(b, p, by);
		at = hlo_add(b, at, p);
	}
	return at;
}

static Value flat_memory(Node *n, Value x, Memory m)
{
	int64_t numel = type_numel(type_of(n->b, x));
	x = hlo_transpose(n->b, x, m.order);
	return hlo_reshape(n->b, x, 1, &numel);
}

/* The inverse of flat_memory, for a tensor of type t. */
static Value from_flat_memory(Node *n, Value flat, Memory m, Type t)
{
	int64_t *d = NEW(n->a, int64_t, t.rank + 1), *back = NEW(n->a, int64_t, t.rank + 1);
	for (int i = 0; i < t.rank; i++) d[i] = t.dim[m.order.v[i]], back[m.order.v[i]] = i;
	Value x = hlo_reshape(n->b, flat, t.rank, d);
	return hlo_transpose(n->b, x, (Ints){ t.rank, back });
}

/* Whether the view is a run of memory in row-major order. */
static bool is_run(Strided s)
{
	int64_t step = 1;
	for (int i = s.size.n - 1; i >= 0; step *= s.size.v[i], i--)
		if (s.size.v[i] != 1 && s.stride.v[i] != step) return false;
	return true;
}

/* aten.as_strided(self, size, stride, storage_offset=None): self's memory read by other strides */
Value lower_as_strided(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Strided s;
	if (!x || !arg_strided(n, type_of(b, x), &s)) return 0;
	if (!type_numel(n->out)) return full(b, n->out, 0);
	x = flat_memory(n, x, s.memory);
	if (is_run(s)) {
		x = slice_dim(b, x, 0, s.offset, s.offset + type_numel(n->out), 1);
		return reshape_to(b, x, n->out);
	}
	Value at = strided_positions(n, s);
	return hlo_gather(b, x, at, (GatherDims){ .collapsed_slice_dims = one_dim(b, 0), .start_index_map = one_dim(b, 0),
		.index_vector_dim = s.size.n }, (Ints){ 1, (int64_t[]){ 1 } }, false);
}

/* -- writing back ---------------------------------------------------------------------------------------- */

/* x with src at [.., start .. start + size of src, ..] */
static Value overwrite(Node *n, Value x, Value src, int dim, int64_t start)
{
	Builder *b = n->b;
	int rank = rank_of(b, x);
	Value zero = scalar_int(b, 0, DTYPE_i64);
	Value at_start = size_value(b, start, scalar_type(DTYPE_i64));
	Value *at = NEW(n->a, Value, rank + 1);
	for (int i = 0; i < rank; i++) at[i] = i == dim ? at_start : zero;
	return hlo_dynamic_update_slice(b, x, src, at);
}

/* Elements of src `step` apart from `start` on along dim; others of x stay: select(written, src spread
 * out, x). */
static Value overwrite_strided(Node *n, Value x, Value src, Span s)
{
	Builder *b = n->b;
	Type t = type_of(b, x);
	DimTable *sizes = dims_of(b->m);
	int64_t count = type_of(b, src).dim[s.dim];
	int64_t covered = count ? dim_plus(sizes, dim_times(sizes, dim_minus(sizes, count, 1), s.step), 1) : 0;
	int64_t *low = NEW(n->a, int64_t, t.rank), *high = NEW(n->a, int64_t, t.rank), *between = NEW(n->a, int64_t, t.rank);
	low[s.dim] = s.start;
	high[s.dim] = dim_minus(sizes, t.dim[s.dim], dim_plus(sizes, s.start, covered));
	between[s.dim] = s.step - 1;
	Value zero = scalar(b, 0, t.elem);
	Value spread = hlo_pad_sizes(b, src, zero, low, high, between);
	Value yes = full(b, with_elem(type_of(b, src), DTYPE_bool), 1);
	Value no = scalar_int(b, 0, DTYPE_bool);
	Value written = hlo_pad_sizes(b, yes, no, low, high, between);
	return hlo_select(b, written, spread, x);
}

/* aten.slice_scatter(self, src, dim=0, start=None, end=None, step=1): self with its slice replaced by src */
Value lower_slice_scatter(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value src = arg_as(n, "src", n->out.elem);
	if (!x || !src) return 0;
	Type t = type_of(b, x);
	if (is_running(n, "start")) return hlo_dynamic_update_slice(b, x, src, starts_at(n, x, arg_dim(n, "dim", 0, t.rank), "start"));
	Span s = arg_span(n, t);
	Type part = shape_with(b, t, s.dim, ceil_div(n, dim_minus(dims_of(b->m), s.limit, s.start), s.step));
	src = broadcast(b, src, part);
	if (!src || !type_numel(part)) return x;
	if (same_shape(part, t)) return src;
	return s.step == 1 ? overwrite(n, x, src, s.dim, s.start) : overwrite_strided(n, x, src, s);
}

/* aten.select_scatter(self, src, dim, index): self with x[.., index, ..] replaced by src */
Value lower_select_scatter(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value src = arg_as(n, "src", n->out.elem);
	if (!x || !src) return 0;
	Type t = type_of(b, x);
	int dim = arg_dim(n, "dim", 0, t.rank);
	if (!t.rank) return node_fail(n, BAD_INPUT, "select_scatter of a 0-d tensor");
	src = broadcast(b, src, without_dims(b, t, one_dim(b, dim)));
	src = src ? unsqueeze_dim(b, src, dim) : 0;
	if (!src) return 0;
	if (is_running(n, "index")) return hlo_dynamic_update_slice(b, x, src, starts_at(n, x, dim, "index"));
	return overwrite(n, x, src, dim, whole_index(n, arg_size(n, "index", 0), t.dim[dim]));
}

/* aten.as_strided_scatter(self, src, size, stride, storage_offset=None) */
Value lower_as_strided_scatter(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value src = arg_as(n, "src", n->out.elem);
	Strided s;
	if (!x || !src || !arg_strided(n, type_of(b, x), &s)) return 0;
	src = broadcast(b, src, tensor_type(n->a, n->out.elem, s.size.n, s.size.v));
	if (!src || !type_numel(type_of(b, src))) return x;
	Value flat = flat_memory(n, x, s.memory);
	if (is_run(s)) {
		int64_t numel = type_numel(type_of(b, src));
		src = hlo_reshape(b, src, 1, &numel);
		flat = overwrite(n, flat, src, 0, s.offset);
	} else {
		Value at = strided_positions(n, s);
		Value arg2[2];
		Type el[2] = { scalar_type(n->out.elem), scalar_type(n->out.elem) };
		Region *body = region_begin(b, 2, el, arg2);
		region_end(b, body, 1, &arg2[1]);
		flat = hlo_scatter(b, flat, at, src, (ScatterDims){ .inserted_window_dims = one_dim(b, 0),
			.scatter_dims_to_operand_dims = one_dim(b, 0), .index_vector_dim = s.size.n }, false, false, body);
	}
	return flat ? from_flat_memory(n, flat, s.memory, n->out) : 0;
}
