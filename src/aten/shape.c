/* Views that keep every element once or more: reshapes, permutations, expansions, flips, repeats,
 * reinterpreted bits. */
#include "aten/index.h"
#include "aten/rules.h"

/* aten.view(self, size), and every view whose result shape says it all: the same elements in row-major
 * order. */
Value lower_reshape(Node *n)
{
	Value x = arg(n, "self");
	return reshape_to(n->b, x, n->out);
}

/* -- permutations ---------------------------------------------------------------------------------------- */

/* aten.permute(self, dims) */
Value lower_permute(Node *n)
{
	Value x = arg(n, "self");
	return x ? hlo_transpose(n->b, x, arg_dims(n, "dims", rank_of(n->b, x))) : 0;
}

static Value swap_args(Node *n, const char *name0, const char *name1)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	int rank = rank_of(n->b, x);
	int d0 = arg_dim(n, name0, 0, rank), d1 = arg_dim(n, name1, 0, rank);
	return transpose_dims(n->b, x, d0, d1);
}

/* aten.transpose(self, dim0, dim1) */
Value lower_transpose(Node *n) { return swap_args(n, "dim0", "dim1"); }

/* aten.swapaxes(self, axis0, axis1) */
Value lower_swapaxes(Node *n) { return swap_args(n, "axis0", "axis1"); }

/* aten.t(self): a matrix transposed; vectors and scalars as they are. aten.mT likewise swaps the last two
 * dims. */
Value lower_transpose_last(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	int rank = rank_of(n->b, x);
	return rank < 2 ? x : transpose_dims(n->b, x, rank - 2, rank - 1);
}

/* aten.adjoint(self): conj(self^T) over the last two dims */
Value lower_adjoint(Node *n)
{
	Builder *b = n->b;
	Value x = lower_transpose_last(n);
	if (!x || !is_complex(elem_of(b, x))) return x;
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	im = hlo_negate(b, im);
	return hlo_complex(b, re, im);
}

/* aten.numpy_T(self): all dims in reverse */
Value lower_reverse_dims(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	int rank = rank_of(n->b, x);
	int64_t *p = NEW(n->a, int64_t, rank + 1);
	for (int i = 0; i < rank; i++) p[i] = rank - 1 - i;
	return hlo_transpose(n->b, x, (Ints){ rank, p });
}

/* aten.movedim(self, source, destination): dim source[i] comes to destination[i], the others keep their
 * order. */
Value lower_movedim(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	int rank = rank_of(n->b, x);
	Ints from = arg_ints(n, "source").n ? arg_dims(n, "source", rank) : (Ints){ 0 };
	Ints to = arg_ints(n, "destination").n ? arg_dims(n, "destination", rank) : (Ints){ 0 };
	if (from.n != to.n)
		return node_fail(n, BAD_INPUT, "%d source dims, but %d destination dims", from.n, to.n);
	int64_t *p = NEW(n->a, int64_t, rank + 1);
	bool *taken = NEW(n->a, bool, rank + 1), *moved = NEW(n->a, bool, rank + 1);
	for (int i = 0; i < from.n; i++) {
		p[to.v[i]] = from.v[i];
		taken[to.v[i]] = moved[from.v[i]] = true;
	}
	for (int i = 0, next = 0; i < rank; i++) {
		if (taken[i]) continue;
		while (moved[next]) next++;
		p[i] = next++;
	}
	return hlo_transpose(n->b, x, (Ints){ rank, p });
}

/* aten.channel_shuffle(self[N,g*k,*], groups=g): [N,g,k,*] -> [N,k,g,*] -> [N,k*g,*] */
Value lower_channel_shuffle(Node *n)
{
	Value x = arg(n, "self");
	int64_t g = arg_int(n, "groups", 1);
	if (!x) return 0;
	Type t = type_of(n->b, x);
	if (t.rank < 2 || g < 1 || (t.dim[1] >= 0 && t.dim[1] % g))
		return node_fail(n, BAD_INPUT, "%lld groups of %s", (long long)g, type_str(n->a, t));
	int64_t *d = NEW(n->a, int64_t, t.rank + 1);
	d[0] = t.dim[0];
	d[1] = g;
	d[2] = dim_floordiv(dims_of(n->b->m), t.dim[1], g);
	for (int i = 2; i < t.rank; i++) d[i + 1] = t.dim[i];
	x = hlo_reshape(n->b, x, t.rank + 1, d);
	x = transpose_dims(n->b, x, 1, 2);
	return reshape_to(n->b, x, n->out);
}

/* Splits the last `count` dims of x to split[] (keeping the leading ones), permutes what came of them, and
 * joins to n->out. */
static Value split_permute_join(Node *n, Value x, int count, Ints split, const int *order)
{
	Type t = type_of(n->b, x);
	int lead = t.rank - count, rank = lead + split.n;
	int64_t *d = NEW(n->a, int64_t, rank), *p = NEW(n->a, int64_t, rank);
	for (int i = 0; i < lead; i++) d[i] = t.dim[i], p[i] = i;
	for (int i = 0; i < split.n; i++) d[lead + i] = split.v[i], p[lead + i] = lead + order[i];
	x = hlo_reshape(n->b, x, rank, d);
	x = hlo_transpose(n->b, x, (Ints){ rank, p });
	return reshape_to(n->b, x, n->out);
}

/* aten.pixel_shuffle(self[*,C*r*r,H,W], r): [*,C,r,r,H,W] -> [*,C,H,r,W,r] -> [*,C,H*r,W*r] */
Value lower_pixel_shuffle(Node *n)
{
	Value x = arg(n, "self");
	int64_t r = arg_int(n, "upscale_factor", 1);
	if (!x) return 0;
	Type t = type_of(n->b, x);
	if (t.rank < 3 || r < 1 || r > INT32_MAX)
		return node_fail(n, BAD_INPUT, "factor %lld of %s", (long long)r, type_str(n->a, t));
	const int64_t *d = t.dim + t.rank - 3;
	int64_t split[] = { dim_floordiv(dims_of(n->b->m), d[0], r * r), r, r, d[1], d[2] };
	return split_permute_join(n, x, 3, (Ints){ 5, split }, (int[]){ 0, 3, 1, 4, 2 });
}

/* aten.pixel_unshuffle(self[*,C,H*r,W*r], r): [*,C,H,r,W,r] -> [*,C,r,r,H,W] -> [*,C*r*r,H,W] */
Value lower_pixel_unshuffle(Node *n)
{
	Value x = arg(n, "self");
	int64_t r = arg_int(n, "downscale_factor", 1);
	if (!x) return 0;
	Type t = type_of(n->b, x);
	if (t.rank < 3 || r < 1 || r > INT32_MAX)
		return node_fail(n, BAD_INPUT, "factor %lld of %s", (long long)r, type_str(n->a, t));
	const int64_t *d = t.dim + t.rank - 3;
	DimTable *sizes = dims_of(n->b->m);
	int64_t split[] = { d[0], dim_floordiv(sizes, d[1], r), r, dim_floordiv(sizes, d[2], r), r };
	return split_permute_join(n, x, 3, (Ints){ 5, split }, (int[]){ 0, 2, 4, 1, 3 });
}

/* -- expansions ------------------------------------------------------------------------------------------ */

/* aten.expand(self, size): sizes of 1 become those of the result, new dims come in front. */
Value lower_expand(Node *n)
{
	Value x = arg(n, "self");
	return broadcast(n->b, x, n->out);
}

/* aten.broadcast_tensors(tensors): each to the shape of all */
Value lower_broadcast_tensors(Node *n)
{
	Values x = arg_list(n, "tensors");
	Value first = 0;
	for (int i = 0; i < x.n; i++) {
		Value v = out_wanted(n, i) ? broadcast(n->b, x.v[i], out_type(n, i)) : 0;
		if (i) set_out(n, i, v);
		else first = v;
	}
	return first;
}

/* aten.copy(self, src): src in the dtype and shape of self */
Value lower_copy(Node *n)
{
	Value src = arg_as(n, "src", n->out.elem);
	return broadcast(n->b, src, n->out);
}

/* x[*S] with each dim i repeated r[i] times as a whole: [r0,s0,r1,s1,...] -> [r0*s0,r1*s1,...]. Lengths
 * equal. */
static Value repeat_dims(Node *n, Value x, Ints r)
{
	Type t = type_of(n->b, x);
	int64_t *d = NEW(n->a, int64_t, 2 * t.rank + 1), *at = NEW(n->a, int64_t, t.rank + 1);
	int rank = 0;
	for (int i = 0; i < t.rank; i++) {
		if (r.v[i] != 1) d[rank++] = r.v[i];
		at[i] = rank;
		d[rank++] = t.dim[i];
	}
	if (rank == t.rank) return x;
	x = hlo_broadcast_in_dim(n->b, x, rank, d, (Ints){ t.rank, at });
	return reshape_to(n->b, x, n->out);
}

/* The last `rank` items of v, with ones in front when it is shorter. */
static Ints ones_before(Arena *a, Ints v, int rank)
{
	int64_t *d = NEW(a, int64_t, rank + 1);
	for (int i = 0; i < rank; i++) d[i] = i < rank - v.n ? 1 : v.v[i - (rank - v.n)];
	return (Ints){ rank, d };
}

static Value repeat_by(Node *n, const char *name)
{
	Value x = arg(n, "self");
	Ints r = arg_sizes(n, name);
	if (!x) return 0;
	Type t = type_of(n->b, x);
	int rank = r.n > t.rank ? r.n : t.rank;
	Ints shape = ones_before(n->a, (Ints){ t.rank, t.dim }, rank);
	x = hlo_reshape(n->b, x, rank, shape.v);
	return x ? repeat_dims(n, x, ones_before(n->a, r, rank)) : 0;
}

/* aten.repeat(self, repeats), aten.tile(self, dims): the whole tensor again and again along each dim */
Value lower_repeat(Node *n) { return repeat_by(n, "repeats"); }
Value lower_tile(Node *n) { return repeat_by(n, "dims"); }

/* aten.repeat_interleave.self_int(self, repeats, dim=None): each element `repeats` times, [.., D, ..] ->
 * [.., D, r, ..] -> [.., D*r, ..]; without dim over the flattened tensor */
Value lower_repeat_interleave_int(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	int64_t r = arg_size(n, "repeats", 1);
	if (!has_arg(n, "dim") || !rank_of(b, x)) x = flattened(b, x);
	if (!x) return 0;
	Type t = type_of(b, x);
	int dim = has_arg(n, "dim") ? arg_dim(n, "dim", 0, t.rank) : 0;
	int64_t *d = NEW(n->a, int64_t, t.rank + 1), *at = NEW(n->a, int64_t, t.rank);
	for (int i = 0; i < t.rank; i++) {
		at[i] = i <= dim ? i : i + 1;
		d[at[i]] = t.dim[i];
	}
	d[dim + 1] = r;
	x = hlo_broadcast_in_dim(b, x, t.rank + 1, d, (Ints){ t.rank, at });
	return reshape_to(b, x, n->out);
}

/* Which element of a repeated sequence each of `count` results is: how many of the running sums of
 * `repeats` are <= its position. */
static Value repeated_positions(Node *n, Value repeats, int64_t count)
{
	Builder *b = n->b;
	Value ends = hlo_convert(b, repeats, DTYPE_i64);
	ends = running_count(b, ends);
	if (!ends) return 0;
	Type t = tensor_type(n->a, DTYPE_i64, 2, (int64_t[]){ count, type_of(b, ends).dim[0] });
	ends = along(b, ends, 1, t);
	Value at = positions(b, t, 0, DTYPE_i64);
	Value passed = hlo_compare(b, DIRECTION_LE, ends, at);
	passed = hlo_convert(b, passed, DTYPE_i64);
	return sum_over(b, passed, one_dim(b, 1));
}

/* aten.repeat_interleave.self_Tensor(self, repeats[D], dim=None, output_size): element i of dim repeats[i]
 * times */
Value lower_repeat_interleave_tensor(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value repeats = arg(n, "repeats");
	x = has_arg(n, "dim") ? raised(b, x) : flattened(b, x);
	repeats = raised(b, repeats);
	if (!x || !repeats) return 0;
	Type t = type_of(b, x);
	int dim = has_arg(n, "dim") ? arg_dim(n, "dim", 0, t.rank) : 0;
	repeats = broadcast(b, repeats, tensor_type(n->a, DTYPE_i64, 1, t.dim + dim));
	if (n->out.rank != t.rank)
		return node_fail(n, BAD_INPUT, "%s repeated to %s", type_str(n->a, t), type_str(n->a, n->out));
	Value at = repeated_positions(n, repeats, n->out.dim[dim]);
	return take_at(b, x, dim, at);
}

/* aten.repeat_interleave.Tensor(repeats[D], output_size): i, repeats[i] times */
Value lower_repeat_interleave(Node *n)
{
	if (n->out.rank != 1) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Value at = repeated_positions(n, arg(n, "repeats"), n->out.dim[0]);
	return hlo_convert(n->b, at, n->out.elem);
}

/* -- flips ----------------------------------------------------------------------------------------------- */

/* aten.flip(self, dims) */
Value lower_flip(Node *n)
{
	Value x = arg(n, "self");
	if (!x || !arg_ints(n, "dims").n) return x;
	return hlo_reverse(n->b, x, arg_dims(n, "dims", rank_of(n->b, x)));
}

/* aten.fliplr(self): along dim 1; aten.flipud: along dim 0 */
Value lower_fliplr(Node *n)
{
	Value x = arg(n, "self");
	return hlo_reverse(n->b, x, one_dim(n->b, 1));
}

Value lower_flipud(Node *n)
{
	Value x = arg(n, "self");
	return hlo_reverse(n->b, x, one_dim(n->b, 0));
}

/* aten.rot90(self, k=1, dims=[0, 1]): k quarter turns from dims[0] towards dims[1] */
Value lower_rot90(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	int64_t k = arg_int(n, "k", 1) % 4;
	Ints d = has_arg(n, "dims") ? arg_dims(n, "dims", rank_of(b, x)) : iota_ints(n->a, 0, 2);
	if (d.n != 2) return node_fail(n, BAD_INPUT, "%d dims to rotate in, wanted 2", d.n);
	if (k < 0) k += 4;
	if (k == 2) return hlo_reverse(b, x, d);
	if (k) {
		x = hlo_reverse(b, x, one_dim(b, (int)d.v[k == 1 ? 1 : 0]));
		x = transpose_dims(b, x, (int)d.v[0], (int)d.v[1]);
	}
	return x;
}

/* -- bits ------------------------------------------------------------------------------------------------ */

/* [*S, last] */
static Type with_last(Arena *a, Type t, int64_t last)
{
	int64_t *d = NEW(a, int64_t, t.rank + 1);
	for (int i = 0; i < t.rank; i++) d[i] = t.dim[i];
	d[t.rank] = last;
	t.dim = d;
	t.rank++;
	return t;
}

/* complex[*S] <-> real[*S, 2] */
static Value complex_parts(Builder *b, Value x)
{
	int rank = rank_of(b, x);
	Value part[2] = { hlo_real(b, x), 0 };
	part[1] = hlo_imag(b, x);
	part[0] = unsqueeze_dim(b, part[0], rank);
	part[1] = unsqueeze_dim(b, part[1], rank);
	return hlo_concatenate(b, 2, part, rank);
}

static Value complex_of_parts(Builder *b, Value x)
{
	int last = rank_of(b, x) - 1;
	Value re = slice_dim(b, x, last, 0, 1, 1);
	Value im = slice_dim(b, x, last, 1, 2, 1);
	re = squeeze_dim(b, re, last);
	im = squeeze_dim(b, im, last);
	return hlo_complex(b, re, im);
}

/* aten.view_as_real(self): complex[*S] -> [*S, 2] */
Value lower_view_as_real(Node *n)
{
	Value x = arg(n, "self");
	return x ? complex_parts(n->b, x) : 0;
}

/* aten.view_as_complex(self[*S, 2]) */
Value lower_view_as_complex(Node *n)
{
	Value x = arg(n, "self");
	return x && rank_of(n->b, x) ? complex_of_parts(n->b, x) : x;
}

/* The bytes of x, row-major, as elements of t; neither is complex or bool. bitcast_convert joins or splits
 * along a last dim. */
static Value same_bytes(Node *n, Value x, Type t)
{
	Builder *b = n->b;
	Type from = type_of(b, x);
	int have = dtype_info(from.elem)->nbits, want = dtype_info(t.elem)->nbits;
	if (!want) return node_fail(n, BAD_INPUT, "the result is no tensor");
	if (have < want) {
		Type groups = with_last(n->a, with_elem(t, from.elem), want / have);
		x = reshape_to(b, x, groups);
		return hlo_bitcast_convert(b, x, t);
	}
	Type parts = have > want ? with_last(n->a, from, have / want) : from;
	x = hlo_bitcast_convert(b, x, with_elem(parts, t.elem));
	return reshape_to(b, x, t);
}

/* aten.view.dtype(self, dtype): the bytes of self read as another element type; the last dim shrinks or
 * grows with its size. */
Value lower_view_dtype(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	DType to = n->out.elem;
	if (!x || elem_of(b, x) == to) return x;
	if (elem_of(b, x) == DTYPE_bool) x = hlo_convert(b, x, DTYPE_u8);
	if (is_complex(elem_of(b, x))) x = complex_parts(b, x);
	Type t = with_elem(n->out, to == DTYPE_bool ? DTYPE_u8 : real_of(to));
	if (is_complex(to)) t = with_last(n->a, t, 2);
	x = x ? same_bytes(n, x, t) : 0;
	if (!x) return 0;
	return is_complex(to) ? complex_of_parts(b, x) : hlo_convert(b, x, to);
}
