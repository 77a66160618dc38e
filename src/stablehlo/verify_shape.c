/* Ops that change shapes and are told their result types. */
#include "stablehlo/verify.h"

/* Some ops must be able to allocate their result: every dimension is a size or has a bound. */
static bool static_or_bounded(Type t)
{
	for (int i = 0; i < t.rank; i++)
		if (t.dim[i] < 0 && bound_of(t, i) < 0) return false;
	return true;
}

static bool has_room(Module *m, const Op *op)
{
	int n = 0;
	for (int i = 0; i < out_type(m, op, 0).rank; i++) n += out_type(m, op, 0).dim[i] < 0;
	if (n > 1) return broken(m, op, "o1", "result is %s, wanted one bounded dimension at most", str(m, out_type(m, op, 0)));
	if (static_or_bounded(out_type(m, op, 0))) return true;
	return broken(m, op, "o1", "result is %s, wanted a static shape, or bounds", str(m, out_type(m, op, 0)));
}

static bool same_elem(Module *m, const Op *op, const char *clause)
{
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	if (elem_fits(x, t)) return true;
	return broken(m, op, clause, "result is %s, wanted the element type of %s", str(m, t), str(m, x));
}

/* Operand i is a vector of n items. */
static bool vector_of(Module *m, const Op *op, const char *clause, int i, int n)
{
	Type t = in_type(m, op, i);
	if (t.rank == 1 && dim_fits(t.dim[0], n)) return true;
	return broken(m, op, clause, "operand %d is %s, wanted %d integers", i, str(m, t), n);
}

/* Operand i, where it is a constant, names the result's sizes. */
static bool shape_is(Module *m, const Op *op, const char *clause, int i)
{
	Type t = out_type(m, op, 0);
	Ints want = constant_ints(m, op->in[i]);
	if (!vector_of(m, op, clause, i, t.rank)) return false;
	bool ok = want.n < 0 || want.n == t.rank;
	for (int k = 0; ok && k < want.n; k++) ok = want.v[k] >= 0 && dim_fits(want.v[k], t.dim[k]);
	return ok || broken(m, op, clause, "result is %s, operand %d says %s", str(m, t), i, ints_str(m, want));
}

/* The number of sizes that operand 1 gives is known. */
static bool sizes_static(Module *m, const Op *op)
{
	return is_static(in_type(m, op, 1)) || broken(m, op, "i2", "operand 1 is %s, wanted a static shape", str(m, in_type(m, op, 1)));
}

/* -- broadcasts ------------------------------------------------------------------------------------------ */

/* broadcast_in_dim_c2...c5 and those of dynamic_broadcast_in_dim. */
static bool broadcast_ok(Module *m, const Op *op)
{
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	Ints dims = attr_of(op, "broadcast_dimensions")->ints;
	DimSet seen = dimset(m, t.rank);
	if (dims.n != x.rank)
		return broken(m, op, "c2", "broadcast_dimensions has %d items for %s", dims.n, str(m, x));
	if (!dims_in_range(m, op, "c3", "broadcast_dimensions", dims, t.rank)) return false;
	if (!dims_unique(m, op, "c4", "broadcast_dimensions", dims, &seen)) return false;
	for (int i = 0; i < x.rank; i++)
		if (x.dim[i] != 1 && !dim_fits(x.dim[i], t.dim[dims.v[i]]))
			return broken(m, op, "c5", "dimension %d of %s does not broadcast to dimension %lld of %s", i,
				str(m, x),
				(long long)dims.v[i], str(m, t));
	return broadcast_quant_ok(m, op);
}

bool check_broadcast_in_dim(Module *m, const Op *op)
{
	return results_ok(m, op, 1) && same_elem(m, op, "c1") && broadcast_ok(m, op) && has_room(m, op);
}

/* dynamic_broadcast_in_dim_c5, where the sizes are a constant. */
static bool broadcast_to_ok(Module *m, const Op *op)
{
	Type x = in_type(m, op, 0);
	Ints to = constant_ints(m, op->in[1]), dims = attr_of(op, "broadcast_dimensions")->ints;
	for (int i = 0; to.n >= 0 && i < x.rank; i++)
		if (x.dim[i] != 1 && !dim_fits(x.dim[i], to.v[dims.v[i]]))
			return broken(m, op, "c5", "dimension %d of %s does not broadcast to %s", i, str(m, x), ints_str(m, to));
	return true;
}

bool check_dynamic_broadcast_in_dim(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1) || !sizes_static(m, op) || !same_elem(m, op, "c1") || !broadcast_ok(m, op) || !shape_is(m, op, "c7", 1)
	 || !broadcast_to_ok(m, op))
		return false;
	Ints grow = attr_of(op, "known_expanding_dimensions")->ints,
		keep = attr_of(op, "known_nonexpanding_dimensions")->ints;
	DimSet seen = dimset(m, in_type(m, op, 0).rank);
	return dims_in_range(m, op, "c9", "known_expanding_dimensions", grow, seen.rank)
	    && dims_in_range(m, op, "c10", "known_nonexpanding_dimensions", keep, seen.rank)
	    && dims_unique(m, op, "c8", "known_expanding_dimensions", grow, &seen)
	    && dims_unique(m, op, "c8", "known_nonexpanding_dimensions", keep, &seen);
}

/* -- reshapes -------------------------------------------------------------------------------------------- */

static bool same_count(Module *m, const Op *op)
{
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	int64_t n, k;
	if (!is_static(x) || !is_static(t)) return true;
	if (count_elements(x, &n) && count_elements(t, &k) && n == k) return true;
	return broken(m, op, "c2", "result is %s, wanted as many elements as %s", str(m, t), str(m, x));
}

/* The sizes before dimension `axis` multiplied. */
static bool count_before(Type t, int axis, int64_t *n)
{
	t.rank = axis;
	return count_elements(t, n);
}

/* reshape_c3: what is quantized together stays together. */
static bool axis_kept(Module *m, const Op *op)
{
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	int64_t n, k;
	if (!x.quant || !t.quant || x.quant->axis < 0 || t.quant->axis < 0 || !is_static(x) || !is_static(t))
		return true;
	int from = x.quant->axis, to = t.quant->axis;
	if (x.dim[from] == t.dim[to] && count_before(x, from, &n) && count_before(t, to, &k) && n == k)
		return true;
	return broken(m, op, "c3", "result is %s, wanted the quantized dimension of %s in its place", str(m, t),
		str(m, x));
}

bool check_reshape(Module *m, const Op *op)
{
	return results_ok(m, op, 1) && same_elem(m, op, "c1") && quant_kept(m, op, "c1") && same_count(m, op)
	    && axis_kept(m, op)
		&& has_room(m, op);
}

/* dynamic_reshape_c2, where the sizes are a constant. */
static bool reshape_to_ok(Module *m, const Op *op)
{
	Type x = in_type(m, op, 0);
	Ints to = constant_ints(m, op->in[1]);
	int64_t n, k;
	if (to.n < 0 || !is_static(x)) return true;
	Type t = { .kind = TYPE_TENSOR, .rank = to.n, .dim = to.v };
	return (count_elements(x, &n) && count_elements(t, &k) && n == k)
	    || broken(m, op, "c2", "operand 0 is %s, wanted as many elements as %s has", str(m, x), ints_str(m, to));
}

bool check_dynamic_reshape(Module *m, const Op *op)
{
	return results_ok(m, op, 1) && sizes_static(m, op) && same_elem(m, op, "c1") && quant_kept(m, op, "c1") && same_count(m, op)
	    && axis_kept(m, op) && shape_is(m, op, "c4", 1) && reshape_to_ok(m, op);
}

/* bitcast_convert_c1: `more` has the smaller elements, and so one dimension more, of big / small items. */
static bool bits_fit(Type more, int small, Type less, int big)
{
	if (small == big) return shape_fits(more, less);
	if (more.rank != less.rank + 1 || big % small || !dim_fits(more.dim[less.rank], big / small))
		return false;
	more.rank--;
	return shape_fits(more, less);
}

bool check_bitcast_convert(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1)) return false;
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	int from = dtype_info(x.quant ? x.quant->storage : x.elem)->nbits,
		to = dtype_info(t.quant ? t.quant->storage : t.elem)->nbits;
	if ((!x.quant && is_complex(x.elem)) != (!t.quant && is_complex(t.elem)))
		return broken(m, op, "c2", "from %s to %s, wanted both complex or neither", str(m, x), str(m, t));
	if (to <= from ? bits_fit(t, to, x, from) : bits_fit(x, from, t, to)) return true;
	return broken(m, op, "c1", "result is %s, which has not the bits of %s", str(m, t), str(m, x));
}

/* -- slices, pads, indexes ------------------------------------------------------------------------------- */

bool check_dynamic_update_slice(Module *m, const Op *op)
{
	Type x = in_type(m, op, 0), u = in_type(m, op, 1);
	if (!elem_fits(x, u))
		return broken(m, op, "c2", "update is %s, wanted the element type of %s", str(m, u), str(m, x));
	if (u.rank != x.rank) return broken(m, op, "c3", "update is %s, wanted rank %d", str(m, u), x.rank);
	if (op->nin - 2 != x.rank)
		return broken(m, op, "c4", "has %d start_indices, wanted %d", op->nin - 2, x.rank);
	for (int i = 2; i < op->nin; i++) {
		Type t = in_type(m, op, i);
		if (t.rank || t.quant)
			return broken(m, op, "i3", "operand %d is %s, wanted an integer scalar", i, str(m, t));
		if (t.elem != in_type(m, op, 2).elem)
			return broken(m, op, "c5", "operand %d is %s, wanted %s as operand 2", i, str(m, t),
				str(m, in_type(m, op, 2)));
	}
	for (int i = 0; i < x.rank; i++)
		if (x.dim[i] >= 0 && u.dim[i] > x.dim[i])
			return broken(m, op, "c6", "update is %s, wanted no dimension larger than of %s", str(m, u),
				str(m, x));
	return true;
}

bool check_real_dynamic_slice(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1) || !same_elem(m, op, "c1")) return false;
	int rank = in_type(m, op, 0).rank;
	for (int i = 1; i < 4; i++) {
		if (!vector_of(m, op, "c2", i, rank)) return false;
		if (in_type(m, op, i).elem != in_type(m, op, 1).elem)
			return broken(m, op, "c3", "operand %d is %s, wanted %s", i, str(m, in_type(m, op, i)),
				str(m, in_type(m, op, 1)));
	}
	return out_type(m, op, 0).rank == rank || broken(m, op, "c4", "result is %s, wanted rank %d",
		str(m, out_type(m, op, 0)), rank);
}

/* dynamic_pad_c4, where all four are known. */
static bool padded_sizes(Module *m, const Op *op, Type x, Type t)
{
	Ints low = constant_ints(m, op->in[2]), high = constant_ints(m, op->in[3]),
		in = constant_ints(m, op->in[4]);
	for (int i = 0; i < in.n; i++)
		if (in.v[i] < 0)
			return broken(m, op, "c3", "interior_padding is %s, wanted 0 or more", ints_str(m, in));
	if (low.n != x.rank || high.n != x.rank || in.n != x.rank) return true;
	for (int i = 0; i < x.rank; i++) {
		int64_t want;
		if (x.dim[i] < 0 || t.dim[i] < 0) continue;
		bool over = __builtin_mul_overflow(x.dim[i] ? x.dim[i] - 1 : 0, in.v[i], &want);
		over = over || __builtin_add_overflow(want, x.dim[i], &want)
			|| __builtin_add_overflow(want, low.v[i], &want);
		over = over || __builtin_add_overflow(want, high.v[i], &want);
		if (over || want != t.dim[i])
			return broken(m, op, "c4", "dimension %d of result %s is not that of %s padded", i, str(m, t),
				str(m, x));
	}
	return true;
}

bool check_dynamic_pad(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1) || !same_elem(m, op, "c1")) return false;
	Type x = in_type(m, op, 0), value = in_type(m, op, 1), t = out_type(m, op, 0);
	if (value.rank || !elem_fits(value, x))
		return broken(m, op, value.rank ? "i2" : "c1", "padding_value is %s, wanted a scalar of %s",
			str(m, value), str(m, x));
	for (int i = 2; i < 5; i++)
		if (!vector_of(m, op, "c2", i, x.rank)) return false;
	if (t.rank != x.rank) return broken(m, op, "c4", "result is %s, wanted rank %d", str(m, t), x.rank);
	return padded_sizes(m, op, x, t);
}

bool check_dynamic_gather(Module *m, const Op *op)
{
	Type t;
	if (!results_ok(m, op, 1) || !vector_of(m, op, "c20", 2, in_type(m, op, 0).rank)) return false;
	Ints sizes = constant_ints(m, op->in[2]);
	for (int i = 0; i < sizes.n; i++)
		if (sizes.v[i] < 0) return broken(m, op, "c21", "slice_sizes = %s, wanted 0 or more", ints_str(m, sizes));
	return gather_type(m, op, sizes.n < 0 ? NULL : &sizes, &t) && result_is(m, op, "c22", 0, t);
}

bool check_reverse(Module *m, const Op *op)
{
	int rank = in_type(m, op, 0).rank;
	Ints dims = attr_of(op, "dimensions")->ints;
	DimSet seen = dimset(m, rank);
	return dims_in_range(m, op, "c3", "dimensions", dims, rank)
		&& dims_unique(m, op, "c2", "dimensions", dims, &seen);
}

bool check_set_dimension_size(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1) || !same_elem(m, op, "result")) return false;
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	int64_t dim = attr_of(op, "dimension")->i;
	if (!dim_in_range(m, op, "dimension", "dimension", dim, x.rank)) return false;
	if (!is_scalar(in_type(m, op, 1), DTYPE_i32))
		return broken(m, op, "i2", "size is %s, wanted tensor<i32>", str(m, in_type(m, op, 1)));
	bool ok = t.rank == x.rank;
	for (int i = 0; ok && i < x.rank; i++) ok = i == dim || dim_fits(x.dim[i], t.dim[i]);
	return ok || broken(m, op, "result", "result is %s, wanted %s but for dimension %lld", str(m, t), str(m, x),
		(long long)dim);
}

/* -- iota ------------------------------------------------------------------------------------------------ */

bool check_iota(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1)) return false;
	Type t = out_type(m, op, 0);
	if (t.elem == DTYPE_bool || !is_static(t))
		return broken(m, op, "o1", "result is %s, wanted static numbers", str(m, t));
	return dim_in_range(m, op, "c1", "iota_dimension", attr_of(op, "iota_dimension")->i, t.rank);
}

bool check_dynamic_iota(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1)) return false;
	Type t = out_type(m, op, 0);
	return dim_in_range(m, op, "c1", "iota_dimension", attr_of(op, "iota_dimension")->i, t.rank)
		&& shape_is(m, op, "c2", 0);
}
