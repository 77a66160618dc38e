/* What index.h promises: gathers and scatters in torch's terms. */
#include "aten/index.h"
#include "aten/pointwise.h"

/* -- small moves ----------------------------------------------------------------------------------------- */

Value raised(Builder *b, Value x) { return x && !rank_of(b, x) ? hlo_reshape(b, x, 1, (int64_t[]){ 1 }) : x; }

Value flattened(Builder *b, Value x)
{
	Type t = known_type(b, x);
	int64_t numel = numel_of(b, t);
	return t.kind ? hlo_reshape(b, x, 1, &numel) : 0;
}

Value running_count(Builder *b, Value x)
{
	x = hlo_convert(b, x, DTYPE_i64);
	return x && type_numel(type_of(b, x)) > 1 ? running_total(b, x, 0) : x;
}

/* All dims below rank but those in s. */
static Ints other_dims(Builder *b, int rank, Ints s)
{
	int64_t *v = NEW(b->a, int64_t, rank + 1);
	int n = 0;
	for (int i = 0; i < rank; i++) {
		bool in = false;
		for (int k = 0; k < s.n; k++) in |= s.v[k] == i;
		if (!in) v[n++] = i;
	}
	return (Ints){ n, v };
}

/* The positions in a result of rank x + index - 1 that come from x, when the index dims stand at `dim`. */
static Ints around(Builder *b, int rank, int dim, int nindex)
{
	int64_t *v = NEW(b->a, int64_t, rank + 1);
	for (int i = 0; i < rank - 1; i++) v[i] = i < dim ? i : i + nindex;
	return (Ints){ rank - 1, v };
}

static Ints ones(Builder *b, int rank)
{
	int64_t *v = NEW(b->a, int64_t, rank + 1);
	for (int i = 0; i < rank; i++) v[i] = 1;
	return (Ints){ rank, v };
}

/* -- reading --------------------------------------------------------------------------------------------- */

/* [.., D, ..] with dim replaced by the dims of index */
static Type taken_type(Builder *b, Type x, int dim, Type index)
{
	int64_t *d = NEW(b->a, int64_t, x.rank + index.rank);
	int rank = 0;
	for (int i = 0; i < x.rank; i++) {
		if (i != dim) d[rank++] = x.dim[i];
		for (int k = 0; i == dim && k < index.rank; k++) d[rank++] = index.dim[k];
	}
	return (Type){ .kind = TYPE_TENSOR, .elem = x.elem, .rank = rank, .dim = d };
}

Value take_at(Builder *b, Value x, int dim, Value index)
{
	if (!x || !index) return 0;
	Type t = type_of(b, x), at = type_of(b, index);
	if (dim < 0 || dim >= t.rank) return build_fail(b, BAD_INPUT, "indices along dim %d of %s", dim, type_str(b->a, t));
	if (!t.dim[dim]) return full(b, taken_type(b, t, dim, at), 0);          /* there is nothing to index */
	return hlo_gather(b, x, index, (GatherDims){
		.offset_dims = around(b, t.rank, dim, at.rank),
		.collapsed_slice_dims = one_dim(b, dim),
		.start_index_map = one_dim(b, dim),
		.index_vector_dim = at.rank,
	}, (Ints){ t.rank, shape_with(b, t, dim, 1).dim }, false);
}

/* x cut down to the sizes of t, but along dim. */
static Value cut_to(Builder *b, Value x, Type t, int dim)
{
	Type from = type_of(b, x);
	int64_t *start = NEW(b->a, int64_t, t.rank + 1), *limit = COPY(b->a, int64_t, t.dim, t.rank);
	if (dim >= 0) limit[dim] = from.dim[dim];
	return hlo_slice(b, x, start, limit, NULL);
}

Value gather_along(Builder *b, Value x, int dim, Value index)
{
	if (!x || !index) return 0;
	Type t = type_of(b, x), at = type_of(b, index);
	if (t.rank != at.rank)
		return build_fail(b, BAD_INPUT, "indices of rank %d into rank %d", at.rank, t.rank);
	if (dim < 0 || dim >= t.rank) return build_fail(b, BAD_INPUT, "indices along dim %d of %s", dim, type_str(b->a, t));
	if (!type_numel(at) || !t.dim[dim]) return full(b, with_elem(at, t.elem), 0);
	Ints others = other_dims(b, t.rank, one_dim(b, dim));
	x = cut_to(b, x, at, dim);
	return hlo_gather(b, x, index, (GatherDims){
		.collapsed_slice_dims = one_dim(b, dim),
		.operand_batching_dims = others,
		.start_indices_batching_dims = others,
		.start_index_map = one_dim(b, dim),
		.index_vector_dim = at.rank,
	}, ones(b, t.rank), false);
}

/* -- writing --------------------------------------------------------------------------------------------- */

Place place_slices(Builder *b, Type t, int dim, Value index)
{
	int nindex = index ? rank_of(b, index) : 0;
	return (Place){ index, {
		.update_window_dims = around(b, t.rank, dim, nindex),
		.inserted_window_dims = one_dim(b, dim),
		.scatter_dims_to_operand_dims = one_dim(b, dim),
		.index_vector_dim = nindex,
	} };
}

/* index, and the position in its own shape for each other dim in s: [*I] -> [*I, s.n] */
static Value coordinates(Builder *b, Value index, int dim, Ints s)
{
	Type at = type_of(b, index);
	Value *part = NEW(b->a, Value, s.n);
	for (int i = 0; i < s.n; i++) {
		Value p = s.v[i] == dim ? index : positions(b, at, (int)s.v[i], at.elem);
		part[i] = unsqueeze_dim(b, p, at.rank);
	}
	return hlo_concatenate(b, s.n, part, at.rank);
}

/* Dims where index is as large as t are batches; where it is smaller its positions count as indices too. */
Place place_along(Builder *b, Type t, int dim, Value index)
{
	if (!index) return (Place){ 0 };
	Type at = type_of(b, index);
	int64_t *s = NEW(b->a, int64_t, t.rank + 1);
	int n = 0;
	if (t.rank != at.rank)
		return build_fail(b, BAD_INPUT, "indices of rank %d into rank %d", at.rank, t.rank), (Place){ 0 };
	for (int i = 0; i < t.rank; i++)
		if (i == dim || t.dim[i] != at.dim[i]) s[n++] = i;
	Ints indexed = { n, s }, batch = other_dims(b, t.rank, indexed);
	return (Place){ n > 1 ? coordinates(b, index, dim, indexed) : index, {
		.inserted_window_dims = indexed,
		.input_batching_dims = batch,
		.scatter_indices_batching_dims = batch,
		.scatter_dims_to_operand_dims = indexed,
		.index_vector_dim = at.rank,
	} };
}

static Region *keep_update(Builder *b, DType elem)
{
	Type t[2] = { scalar_type(elem), scalar_type(elem) };
	Value x[2];
	Region *r = region_begin(b, 2, t, x);
	region_end(b, r, 1, &x[1]);
	return r;
}

static Value scatter(Builder *b, Value x, Place p, Value updates, Region *body)
{
	return hlo_scatter(b, x, p.index, updates, p.dims, false, false, body);
}

static bool nothing_to_write(Builder *b, Value x, Place p, Value updates)
{
	return !x || !p.index || !updates || !type_numel(type_of(b, updates)) || !type_numel(type_of(b, x));
}

Value write_at(Builder *b, Value x, Place p, Value updates)
{
	if (nothing_to_write(b, x, p, updates)) return x;
	Region *body = keep_update(b, elem_of(b, x));
	return scatter(b, x, p, updates, body);
}

Value combine_at(Builder *b, OpCode op, Value x, Place p, Value updates)
{
	if (nothing_to_write(b, x, p, updates)) return x;
	Region *body = binary_region(b, op, elem_of(b, x));
	return scatter(b, x, p, updates, body);
}
