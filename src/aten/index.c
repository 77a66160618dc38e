/* Advanced indexing: index, index_put, masks, take and put. Negative indices count from the end. */
#include "aten/index.h"
#include "aten/rules.h"

/* -- the index list -------------------------------------------------------------------------------------- */

/* aten.index's Tensor?[]: which dims are indexed, by what, and the shape that the indices broadcast to. */
typedef struct Indices {
	Ints dims;
	Value *v;                /* [dims.n] */
	Type batch;
	int at;                  /* where the dims of batch stand in the result */
	bool mask;               /* some index is a mask */
} Indices;

static bool is_mask(DType t) { return t == DTYPE_bool || t == DTYPE_u8; }

static Indices arg_indices(Node *n, int rank)
{
	Values list = arg_list(n, "indices");
	int64_t *dims = NEW(n->a, int64_t, list.n + 1);
	Indices x = { .v = NEW(n->a, Value, list.n + 1) };
	bool adjacent = true;
	if (list.n > rank) node_fail(n, BAD_INPUT, "%d indices for rank %d", list.n, rank);
	for (int i = 0; i < list.n && !n->b->m->err->code; i++) {
		if (!list.v[i]) continue;
		Type t = type_of(n->b, list.v[i]);
		int k = x.dims.n++;
		adjacent &= k == 0 || dims[k - 1] == i - 1;
		dims[k] = i;
		x.v[k] = list.v[i];
		x.mask |= is_mask(t.elem);
		if (!x.mask) x.batch = k ? broadcast_type(n, x.batch, t) : t;
	}
	x.dims.v = dims;
	x.at = adjacent && x.dims.n ? (int)dims[0] : 0;
	return x;
}

/* Every index wrapped and broadcast to the common shape, side by side in a last dim: [*B, k]; of one index
 * just [*B]. */
static Value start_indices(Node *n, Indices x, Type self)
{
	Builder *b = n->b;
	for (int i = 0; i < x.dims.n; i++) {
		x.v[i] = hlo_convert(b, x.v[i], DTYPE_i64);
		x.v[i] = wrap_index(b, x.v[i], self.dim[x.dims.v[i]]);
		x.v[i] = broadcast(b, x.v[i], x.batch);
		if (x.dims.n > 1) x.v[i] = x.v[i] ? unsqueeze_dim(b, x.v[i], x.batch.rank) : 0;
	}
	return x.dims.n > 1 ? hlo_concatenate(b, x.dims.n, x.v, x.batch.rank) : x.v[0];
}

/* Result dims that come from the dims of self that are not indexed. */
static Ints window_dims(Node *n, Indices x, int rank)
{
	int64_t *v = NEW(n->a, int64_t, rank + 1);
	for (int i = 0; i < rank - x.dims.n; i++) v[i] = i < x.at ? i : i + x.batch.rank;
	return (Ints){ rank - x.dims.n, v };
}

/* The shape of self[indices] */
static Type indexed_type(Node *n, Indices x, Type self)
{
	Type kept = without_dims(n->b, self, x.dims);
	int64_t *d = NEW(n->a, int64_t, kept.rank + x.batch.rank + 1);
	for (int i = 0, k = 0; i < kept.rank + x.batch.rank; i++)
		d[i] = i >= x.at && i < x.at + x.batch.rank ? x.batch.dim[i - x.at] : kept.dim[k++];
	return (Type){ .kind = TYPE_TENSOR, .elem = self.elem, .rank = kept.rank + x.batch.rank, .dim = d };
}

/* -- index ----------------------------------------------------------------------------------------------- */

static Value index_by(Node *n, Value self)
{
	Builder *b = n->b;
	Type t = type_of(b, self);
	Indices x = arg_indices(n, t.rank);
	if (x.mask)
		return node_fail(n, UNSUPPORTED, "a mask as index: the size of the result depends on its values");
	if (!x.dims.n || b->m->err->code) return self;
	Type out = indexed_type(n, x, t);
	if (!type_numel(out) || !type_numel(t)) return full(b, out, 0);
	Value start = start_indices(n, x, t);
	int64_t *size = COPY(n->a, int64_t, t.dim, t.rank);
	for (int i = 0; i < x.dims.n; i++) size[x.dims.v[i]] = 1;
	return hlo_gather(b, self, start, (GatherDims){
		.offset_dims = window_dims(n, x, t.rank),
		.collapsed_slice_dims = x.dims,
		.start_index_map = x.dims,
		.index_vector_dim = x.batch.rank,
	}, (Ints){ t.rank, size }, false);
}

/* aten.index(self, indices): NumPy's advanced indexing. The indexed dims give way to the broadcast shape
 * of the indices, which stands where the first of them was, or in front when they are not neighbours. */
Value lower_index(Node *n)
{
	Value x = arg(n, "self");
	return x ? index_by(n, x) : 0;
}

/* aten._unsafe_masked_index(self, mask, indices, fill): self[indices] where mask, else fill; other indices
 * may be anything */
Value lower_masked_index(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	x = x ? index_by(n, x) : 0;
	Value mask = arg(n, "mask");
	Value fill = arg_as(n, "fill", n->out.elem);
	mask = broadcast(b, mask, n->out);
	fill = broadcast(b, fill, n->out);
	return hlo_select(b, mask, x, fill);
}

/* -- index_put ------------------------------------------------------------------------------------------- */

/* What stands at the places of a mask of rank m over dims at, at+1, ... of t, given values [.., count,
 * *rest] that broadcast to [*before, count, *rest]: one value for all (count 1), or the i-th for the i-th
 * set element. Shape of t. */
static Value values_by_mask(Node *n, Value mask, Value values, Type t, int at)
{
	Builder *b = n->b;
	Type v = type_of(b, values);
	int m = rank_of(b, mask), rest = t.rank - at - m, front = v.rank - rest - 1;
	int64_t count = front >= 0 ? v.dim[front] : 1;
	int64_t *d = NEW(n->a, int64_t, t.rank + v.rank + 1);
	int rank = 0;
	if (count == 1) {
		for (int i = 0; i < front; i++) d[rank++] = v.dim[i];
		for (int i = 0; i < m && front >= 0; i++) d[rank++] = 1;
		for (int i = front + 1 > 0 ? front + 1 : 0; i < v.rank; i++) d[rank++] = v.dim[i];
		values = hlo_reshape(b, values, rank, d);
		return broadcast(b, values, t);
	}
	for (int i = 0; i < at; i++) d[rank++] = t.dim[i];
	d[rank++] = count;
	for (int i = at + m; i < t.rank; i++) d[rank++] = t.dim[i];
	values = broadcast(b, values, tensor_type(n->a, t.elem, rank, d));
	Value which = flattened(b, mask);
	which = running_count(b, which);
	Value one = full_like(b, which, 1);
	which = hlo_subtract(b, which, one);
	which = reshape_to(b, which, type_of(b, mask));
	return take_at(b, values, at, which);
}

/* self[.., mask, ..] = values */
static Value put_by_mask(Node *n, Value self, Indices x, Value values, bool accumulate)
{
	Builder *b = n->b;
	Type t = type_of(b, self);
	if (x.dims.n > 1) return node_fail(n, UNSUPPORTED, "a mask beside other indices");
	Value mask = hlo_convert(b, x.v[0], DTYPE_bool);
	int at = (int)x.dims.v[0], m = rank_of(b, mask);
	if (at + m > t.rank)
		return node_fail(n, BAD_INPUT, "a mask of rank %d at dim %d of rank %d", m, at, t.rank);
	values = values_by_mask(n, mask, values, t, at);
	mask = hlo_broadcast_in_dim(b, mask, t.rank, t.dim, iota_ints(n->a, at, m));
	if (accumulate) values = hlo_add(b, self, values);
	return hlo_select(b, mask, values, self);
}

static Value put_at(Node *n, Value self, Value values, bool accumulate)
{
	Builder *b = n->b;
	Type t = type_of(b, self);
	Indices x = arg_indices(n, t.rank);
	if (b->m->err->code) return 0;
	if (x.mask) return put_by_mask(n, self, x, values, accumulate);
	Type part = x.dims.n ? indexed_type(n, x, t) : t;
	values = broadcast(b, values, part);
	if (!x.dims.n) return accumulate ? hlo_add(b, self, values) : values;
	Place p = { start_indices(n, x, t), {
		.update_window_dims = window_dims(n, x, t.rank),
		.inserted_window_dims = x.dims,
		.scatter_dims_to_operand_dims = x.dims,
		.index_vector_dim = x.batch.rank,
	} };
	return accumulate ? combine_at(b, OP_add, self, p, values) : write_at(b, self, p, values);
}

/* aten.index_put(self, indices, values, accumulate=False): self with self[indices] = values, or += values */
Value lower_index_put(Node *n)
{
	Value x = arg(n, "self");
	Value values = arg_as(n, "values", n->out.elem);
	return x && values ? put_at(n, x, values, arg_bool(n, "accumulate", false)) : 0;
}

/* aten._unsafe_masked_index_put_accumulate(self, mask, indices, values): self[indices] += values where
 * mask */
Value lower_masked_index_put(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value values = arg_as(n, "values", n->out.elem);
	Value mask = arg(n, "mask");
	if (!x || !values || !mask) return 0;
	Type t = broadcast_type(n, type_of(b, values), type_of(b, mask));
	mask = broadcast(b, mask, t);
	values = broadcast(b, values, t);
	Value zero = full_like(b, values, 0);
	values = hlo_select(b, mask, values, zero);
	return values ? put_at(n, x, values, true) : 0;
}

/* aten.masked_scatter(self, mask, source): the i-th set element of mask takes the i-th element of source */
Value lower_masked_scatter(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value mask = arg(n, "mask");
	Value source = arg_as(n, "source", n->out.elem);
	x = broadcast(b, x, n->out);
	mask = broadcast(b, mask, n->out);
	source = flattened(b, source);
	if (!x || !mask || !source) return 0;
	mask = hlo_convert(b, mask, DTYPE_bool);
	Value which = flattened(b, mask);
	which = running_count(b, which);
	Value one = full_like(b, which, 1);
	which = hlo_subtract(b, which, one);
	Value taken = take_at(b, source, 0, which);
	taken = reshape_to(b, taken, n->out);
	return hlo_select(b, mask, taken, x);
}

/* -- one flat index -------------------------------------------------------------------------------------- */

/* An index tensor into `size` flat elements. */
static Value flat_index(Node *n, const char *name, int64_t size)
{
	Value index = arg_as(n, name, DTYPE_i64);
	return wrap_index(n->b, index, size);
}

/* aten.take(self, index): self as if it were 1-d, at index */
Value lower_take(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	Value index = flat_index(n, "index", numel_of(n->b, type_of(n->b, x)));
	x = flattened(n->b, x);
	return take_at(n->b, x, 0, index);
}

/* aten.put(self, index, source, accumulate=False): self as if it were 1-d, written at index */
Value lower_put(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	Value index = flat_index(n, "index", numel_of(b, type_of(b, x)));
	index = flattened(b, index);
	Value source = arg_as(n, "source", n->out.elem);
	source = flattened(b, source);
	x = flattened(b, x);
	if (!x || !index) return 0;
	Place p = place_slices(b, type_of(b, x), 0, index);
	x = arg_bool(n, "accumulate", false) ? combine_at(b, OP_add, x, p, source) : write_at(b, x, p, source);
	return reshape_to(b, x, n->out);
}

/* -- where the set elements are -------------------------------------------------------------------------- */

/* aten.nonzero_static(self, size, fill_value=-1) -> i64[size, rank]: coordinates of the first `size`
 * nonzero elements */
Value lower_nonzero_static(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	Type t = type_of(b, x);
	if (n->out.rank != 2) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Value mask = hlo_convert(b, x, DTYPE_bool);
	mask = flattened(b, mask);
	Value which = running_count(b, mask);                                /* the i-th set element goes to row i */
	Value one = full_like(b, which, 1);
	which = hlo_subtract(b, which, one);
	Value nowhere = size_value(b, n->out.dim[0], known_type(b, which));
	which = hlo_select(b, mask, which, nowhere);
	Value rows = full(b, n->out, arg_num(n, "fill_value", -1));
	if (!which || !t.rank) return rows;
	Value *column = NEW(n->a, Value, t.rank);
	for (int i = 0; i < t.rank; i++) {
		Value p = positions(b, t, i, DTYPE_i64);
		column[i] = hlo_reshape(b, p, 2, (int64_t[]){ numel_of(b, t), 1 });
	}
	Value coordinates = hlo_concatenate(b, t.rank, column, 1);
	return write_at(b, rows, place_slices(b, n->out, 0, which), coordinates);
}
