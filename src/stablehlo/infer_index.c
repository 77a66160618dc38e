/* gather and scatter: one set of dimension numbers seen from two sides. */
#include "stablehlo/infer.h"

#include "stablehlo/infer_check.h"

/* The clauses that gather and scatter share, under either op's numbers and names. "Window" is gather's
 * offset dims or scatter's update window, "dropped" its collapsed slice or inserted window dims, "map"
 * start_index_map or scatter_dims_to_operand_dims. */
typedef struct IndexClauses {
	const char *rank, *vector, *map_size, *window_order, *window_range, *dropped_unique, *dropped_order,
		*dropped_range,
		*batch_order, *batch_range, *at_unique, *at_range, *at_vector, *batch_count, *batch_size, *map_unique,
			*map_range;
	const char *window_name, *dropped_name, *batch_name, *at_name, *map_name;
} IndexClauses;

static const IndexClauses gather_clauses = {
	"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c10", "c11", "c13", "c14", "c15", "c16", "c17", "c18",
		"c19",
	"offset_dims", "collapsed_slice_dims", "operand_batching_dims", "start_indices_batching_dims",
		"start_index_map",
};
static const IndexClauses scatter_clauses = {
	"c2", "c22", "c19", "c7", "c8", "c9", "c10", "c11", "c12", "c13", "c14", "c15", "c16", "c17", "c18", "c20",
		"c21",
	"update_window_dims", "inserted_window_dims", "input_batching_dims", "scatter_indices_batching_dims",
	"scatter_dims_to_operand_dims",
};

typedef struct Index {
	const IndexClauses *c;
	Ints window, dropped, batch, at, map;    /* at: the batching dimensions of the indices */
	int64_t vector;
	Type x, indices;
	int nout;                                /* rank of what is gathered, or scattered */
} Index;

static bool window_ok(Module *m, const Op *op, const Index *ix)
{
	const IndexClauses *c = ix->c;
	int64_t covered = (int64_t)ix->window.n + ix->dropped.n + ix->batch.n;
	if (covered != ix->x.rank)
		return broken(m, op, c->rank, "%s, %s and %s have %lld dimensions, wanted the %d of %s", c->window_name,
			c->dropped_name,
			c->batch_name, (long long)covered, ix->x.rank, str(m, ix->x));
	DimSet window = dimset(m, ix->nout), dropped = dimset(m, ix->x.rank);
	return dims_sorted(m, op, c->window_order, c->window_name, ix->window)
	    && dims_in_range(m, op, c->window_range, c->window_name, ix->window, ix->nout)
	    && dims_unique(m, op, c->window_order, c->window_name, ix->window, &window)
	    && dims_sorted(m, op, c->dropped_order, c->dropped_name, ix->dropped)
	    && dims_in_range(m, op, c->dropped_range, c->dropped_name, ix->dropped, ix->x.rank)
	    && dims_sorted(m, op, c->batch_order, c->batch_name, ix->batch)
	    && dims_in_range(m, op, c->batch_range, c->batch_name, ix->batch, ix->x.rank)
	    && dims_unique(m, op, c->dropped_unique, c->dropped_name, ix->dropped, &dropped)
	    && dims_unique(m, op, c->dropped_unique, c->batch_name, ix->batch, &dropped);
}

static bool batching_ok(Module *m, const Op *op, const Index *ix)
{
	const IndexClauses *c = ix->c;
	DimSet at = dimset(m, ix->indices.rank);
	if (!dims_in_range(m, op, c->at_range, c->at_name, ix->at, ix->indices.rank)) return false;
	if (!dims_unique(m, op, c->at_unique, c->at_name, ix->at, &at)) return false;
	if (dimset_has(&at, ix->vector))
		return broken(m, op, c->at_vector, "%s has index_vector_dim %lld", c->at_name, (long long)ix->vector);
	if (ix->batch.n != ix->at.n)
		return broken(m, op, c->batch_count, "%s has %d dimensions, %s %d", c->batch_name, ix->batch.n,
			c->at_name, ix->at.n);
	for (int i = 0; i < ix->batch.n; i++)
		if (!dim_fits(ix->x.dim[ix->batch.v[i]], ix->indices.dim[ix->at.v[i]]))
			return broken(m, op, c->batch_size, "dimension %lld of %s and %lld of %s are batched together",
				(long long)ix->batch.v[i],
				str(m, ix->x), (long long)ix->at.v[i], str(m, ix->indices));
	return true;
}

static bool map_ok(Module *m, const Op *op, const Index *ix)
{
	const IndexClauses *c = ix->c;
	int64_t size = ix->vector < ix->indices.rank ? ix->indices.dim[ix->vector] : 1;
	if (!dim_fits(size, ix->map.n))
		return broken(m, op, c->map_size, "%s has %d items, wanted %lld, the size of an index vector",
			c->map_name, ix->map.n,
			(long long)size);
	DimSet seen = dimset(m, ix->x.rank);
	return dims_in_range(m, op, c->map_range, c->map_name, ix->map, ix->x.rank)
	    && dims_unique(m, op, c->map_unique, c->map_name, ix->map, &seen)
	    && dims_unique(m, op, c->map_unique, c->batch_name, ix->batch, &seen);
}

static bool index_ok(Module *m, const Op *op, Index *ix)
{
	if (!is_int(ix->indices.elem) || ix->indices.quant)
		return broken(m, op, "i2", "the indices are %s, wanted integers", str(m, ix->indices));
	if (!dim_in_range(m, op, ix->c->vector, "index_vector_dim", ix->vector, (int64_t)ix->indices.rank + 1))
		return false;
	ix->nout = ix->window.n + ix->indices.rank - (ix->vector < ix->indices.rank);
	return window_ok(m, op, ix) && batching_ok(m, op, ix) && map_ok(m, op, ix);
}

/* Operand dimensions that the window keeps, in order: keep[window.n]. */
static const int *kept_dims(Module *m, const Index *ix)
{
	int *keep = NEW(&m->arena, int, ix->window.n), n = 0;
	DimSet gone = dimset(m, ix->x.rank);
	for (int i = 0; i < ix->dropped.n; i++) dimset_add(&gone, ix->dropped.v[i]);
	for (int i = 0; i < ix->batch.n; i++) dimset_add(&gone, ix->batch.v[i]);
	for (int i = 0; i < ix->x.rank && n < ix->window.n; i++)
		if (!dimset_has(&gone, i)) keep[n++] = i;
	return keep;
}

/* Where each dimension of the gathered (or scattered) tensor comes from: operand dimension d >= 0, or
 * indices' ~d. */
static const int *sources(Module *m, const Index *ix)
{
	const int *keep = kept_dims(m, ix);
	int *from = NEW(&m->arena, int, ix->nout);
	for (int i = 0, w = 0, k = 0; i < ix->nout; i++) {
		if (w < ix->window.n && ix->window.v[w] == i) {
			from[i] = keep[w++];
			continue;
		}
		if (k == ix->vector) k++;
		from[i] = ~k++;
	}
	return from;
}

/* -- gather ---------------------------------------------------------------------------------------------- */

static bool slice_sizes_ok(Module *m, const Op *op, const Index *ix, Ints sizes)
{
	if (sizes.n != ix->x.rank)
		return broken(m, op, "c20", "slice_sizes has %d items for %s", sizes.n, str(m, ix->x));
	for (int i = 0; i < sizes.n; i++)
		if ((sizes.v[i] < 0 && op->code == OP_gather) || (ix->x.dim[i] >= 0 && sizes.v[i] > ix->x.dim[i]))
			return broken(m, op, "c21", "slice_sizes %s of %s, wanted 0 <= size <= dimension",
				ints_str(m, sizes), str(m, ix->x));
	for (int i = 0; i < ix->dropped.n; i++)
		if (sizes.v[ix->dropped.v[i]] > 1)
			return broken(m, op, "c9", "slice_sizes %s: dimension %lld is collapsed, wanted size 1",
				ints_str(m, sizes),
				(long long)ix->dropped.v[i]);
	for (int i = 0; i < ix->batch.n; i++)
		if (sizes.v[ix->batch.v[i]] > 1)
			return broken(m, op, "c12", "slice_sizes %s: dimension %lld is batching, wanted size 1",
				ints_str(m, sizes),
				(long long)ix->batch.v[i]);
	return true;
}

static Index gather_index(Module *m, const Op *op)
{
	const GatherDims *d = attr_of(op, "dimension_numbers")->gather;
	return (Index){ .c = &gather_clauses, .window = d->offset_dims, .dropped = d->collapsed_slice_dims,
		.batch = d->operand_batching_dims, .at = d->start_indices_batching_dims, .map = d->start_index_map,
		.vector = d->index_vector_dim, .x = in_type(m, op, 0), .indices = in_type(m, op, 1) };
}

/* gather and dynamic_gather (whose sizes may be handles, or not known: dynamic). */
bool gather_type(Module *m, const Op *op, const Ints *sizes, Type *out)
{
	Index ix = gather_index(m, op);
	if (!index_ok(m, op, &ix) || (sizes && !slice_sizes_ok(m, op, &ix, *sizes))) return false;
	const int *from = sources(m, &ix);
	Shape s = shape_new(m, ix.nout);
	for (int i = 0; i < ix.nout; i++) {
		if (from[i] < 0) shape_take(&s, i, ix.indices, ~from[i]);
		else s.dim[i] = sizes ? sizes->v[from[i]] : DYNAMIC;
	}
	*out = shape_type(&s, ix.x);
	return true;
}

bool infer_gather(Module *m, const Op *op, int nout, Type *out)
{
	return tensors_ok(m, op, nout, 1) && gather_type(m, op, &attr_of(op, "slice_sizes")->ints, out);
}

/* -- scatter --------------------------------------------------------------------------------------------- */

/* scatter_c4 for one updates tensor. */
static bool updates_ok(Module *m, const Op *op, const Index *ix, Type t)
{
	if (t.rank != ix->nout) return broken(m, op, "c4", "updates are %s, wanted rank %d", str(m, t), ix->nout);
	const int *from = sources(m, ix);
	for (int i = 0; i < t.rank; i++) {
		int64_t have = t.dim[i], want = from[i] < 0 ? ix->indices.dim[~from[i]] : ix->x.dim[from[i]];
		if (from[i] < 0 ? dim_fits(have, want) : want < 0 || have <= want) continue;
		return broken(m, op, "c4", "dimension %d of updates %s, wanted %s%lld as %s has", i, str(m, t),
			from[i] < 0 ? "" : "at most ",
			(long long)want, str(m, from[i] < 0 ? ix->indices : ix->x));
	}
	return true;
}

static bool scatter_operands_ok(Module *m, const Op *op, int n)
{
	if (n < 1) return broken(m, op, "c5", "no inputs");
	for (int i = 0; i < n; i++) {
		Type x = in_type(m, op, i), u = in_type(m, op, n + 1 + i);
		if (!shape_fits(x, in_type(m, op, 0)))
			return broken(m, op, "c1", "input %d is %s, wanted the shape of %s", i, str(m, x),
			str(m, in_type(m, op, 0)));
		if (!shape_fits(u, in_type(m, op, n + 1)))
			return broken(m, op, "c3", "updates %d are %s, wanted the shape of %s", i, str(m, u),
			str(m, in_type(m, op, n + 1)));
		if (!elem_fits(x, u))
			return broken(m, op, "c6", "updates %d are %s, wanted the element type of %s", i, str(m, u),
				str(m, x));
	}
	const ScatterDims *d = attr_of(op, "scatter_dimension_numbers")->scatter;
	Index ix = { .c = &scatter_clauses, .window = d->update_window_dims, .dropped = d->inserted_window_dims,
		.batch = d->input_batching_dims, .at = d->scatter_indices_batching_dims,
			.map = d->scatter_dims_to_operand_dims,
		.vector = d->index_vector_dim, .x = in_type(m, op, 0), .indices = in_type(m, op, n) };
	return index_ok(m, op, &ix) && updates_ok(m, op, &ix, in_type(m, op, n + 1));
}

bool infer_scatter(Module *m, const Op *op, int nout, Type *out)
{
	int n = op->nin / 2;
	if (!tensors_ok(m, op, nout, n) || !scatter_operands_ok(m, op, n)) return false;
	const Op *ret = returns_of(m, op->region[0]);
	if (!ret || ret->nin != n) return broken(m, op, "c23", "update_computation must return %d tensors", n);
	for (int i = 0; i < n; i++) {
		Type t = in_type(m, ret, i);
		if (t.kind != TYPE_TENSOR)
			return broken(m, op, "c23", "update_computation returns %s, wanted a tensor", str(m, t));
		out[i] = in_type(m, op, i);
		out[i] = with_elem_of(out[i], t);
	}
	return true;
}
