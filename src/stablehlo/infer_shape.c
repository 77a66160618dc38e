/* Result types of the ops that move elements: slice, pad, concatenate, transpose, broadcast, fft. */
#include "stablehlo/infer.h"

#include "stablehlo/infer_check.h"

/* The op's list `name` has an item for each of `rank` dimensions. */
static bool per_dim(Module *m, const Op *op, const char *clause, const char *name, int rank, Ints *out)
{
	*out = attr_of(op, name)->ints;
	if (out->n == rank) return true;
	return broken(m, op, clause, "%s has %d items, wanted %d, the rank of operand 0", name, out->n, rank);
}

/* A per-axis quantized type whose axis has moved to another dimension. */
static Type with_axis(Module *m, Type t, int axis)
{
	Quant *q = COPY(&m->arena, Quant, t.quant, 1);
	q->axis = axis;
	t.quant = q;
	return t;
}

bool infer_transpose(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	Type x = in_type(m, op, 0);
	Ints p;
	DimSet seen = dimset(m, x.rank);
	if (!per_dim(m, op, "c2", "permutation", x.rank, &p) || !dims_in_range(m, op, "c2", "permutation", p,
		x.rank))
		return false;
	if (!dims_unique(m, op, "c2", "permutation", p, &seen)) return false;
	Shape s = shape_new(m, x.rank);
	int axis = -1;
	for (int i = 0; i < x.rank; i++) {
		shape_take(&s, i, x, (int)p.v[i]);
		if (x.quant && x.quant->axis == p.v[i]) axis = i;
	}
	*out = shape_type(&s, x);
	if (axis >= 0) *out = with_axis(m, *out, axis);
	return true;
}

/* broadcast: sizes in front. */
bool infer_broadcast(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	Type x = in_type(m, op, 0);
	Ints sizes = attr_of(op, "broadcast_sizes")->ints;
	Shape s = shape_new(m, sizes.n + x.rank);
	for (int i = 0; i < sizes.n; i++) {
		if (sizes.v[i] < 0) return broken(m, op, "sizes", "broadcast_sizes has %lld", (long long)sizes.v[i]);
		s.dim[i] = sizes.v[i];
	}
	for (int i = 0; i < x.rank; i++) shape_take(&s, sizes.n + i, x, i);
	*out = shape_type(&s, x);
	if (x.quant && x.quant->axis >= 0) *out = with_axis(m, *out, sizes.n + x.quant->axis);
	return true;
}

bool infer_slice(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	Type x = in_type(m, op, 0);
	Ints start, limit, stride;
	if (!per_dim(m, op, "c2", "start_indices", x.rank, &start)) return false;
	if (!per_dim(m, op, "c2", "limit_indices", x.rank, &limit)) return false;
	if (!per_dim(m, op, "c2", "strides", x.rank, &stride)) return false;
	Shape s = shape_new(m, x.rank);
	for (int i = 0; i < x.rank; i++) {
		int64_t from = start.v[i], to = limit.v[i], step = stride.v[i],
			size = x.dim[i] < 0 ? bound_of(x, i) : x.dim[i];
		if (from < 0 || from > to || (size >= 0 && to > size))
			return broken(m, op, "c3", "[%lld, %lld) of dimension %d of %s, wanted 0 <= start <= limit <= size",
				(long long)from,
				(long long)to, i, str(m, x));
		if (step <= 0)
			return broken(m, op, "c4", "strides has %lld at %d, wanted 1 or more", (long long)step, i);
		s.dim[i] = (to - from) / step + ((to - from) % step != 0);
	}
	*out = shape_type(&s, x);
	return true;
}

/* pad_c4: size + low + high + max(size - 1, 0) * interior. False: negative, or beyond int64. */
static bool padded(int64_t size, int64_t low, int64_t high, int64_t interior, int64_t *out)
{
	int64_t holes;
	if (__builtin_mul_overflow(size > 0 ? size - 1 : 0, interior, &holes)
		|| __builtin_add_overflow(size, holes, out))
		return false;
	return !__builtin_add_overflow(*out, low, out) && !__builtin_add_overflow(*out, high, out) && *out >= 0;
}

/* Of a size that is 1 or more, where there is something inside. */
static int64_t padded_handle(DimTable *t, int64_t size, int64_t low, int64_t high, int64_t interior)
{
	if (interior && dim_range(t, size).min < 1) return DYNAMIC;
	int64_t holes = interior ? dim_times(t, dim_minus(t, size, 1), interior) : 0;
	int64_t edges = dim_plus(t, dim_number(t, low), dim_number(t, high));
	return dim_plus(t, dim_plus(t, size, holes), edges);
}

bool infer_pad(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	Type x = in_type(m, op, 0), value = in_type(m, op, 1);
	if (!elem_fits(x, value) || value.rank)
		return broken(m, op, value.rank ? "i2" : "c1", "padding_value is %s, wanted a scalar of %s",
			str(m, value), str(m, x));
	Ints low, high, interior;
	if (!per_dim(m, op, "c2", "edge_padding_low", x.rank, &low)) return false;
	if (!per_dim(m, op, "c2", "edge_padding_high", x.rank, &high)) return false;
	if (!per_dim(m, op, "c2", "interior_padding", x.rank, &interior)) return false;
	Shape s = shape_new(m, x.rank);
	for (int i = 0; i < x.rank; i++) {
		int64_t l = low.v[i], h = high.v[i], in = interior.v[i], bound = bound_of(x, i);
		if (in < 0)
			return broken(m, op, "c3", "interior_padding has %lld at %d, wanted 0 or more", (long long)in, i);
		s.dim[i] = x.dim[i] < 0 && (l || h || in) ? padded_handle(dims_of(m), x.dim[i], l, h, in) : x.dim[i];
		bool ok = x.dim[i] < 0 || padded(x.dim[i], l, h, in, &s.dim[i]);
		ok = ok && (bound < 0 || padded(bound, l, h, in, &bound));
		if (!ok)
			return broken(m, op, "c4", "dimension %d of %s padded by %lld, %lld and %lld inside has no size", i,
				str(m, x),
				(long long)l, (long long)h, (long long)in);
		shape_bound(&s, i, bound);
	}
	*out = shape_type(&s, x);
	return true;
}

/* Adds dimension k of t to what is in s at k: sizes add, and 0 adds nothing to a handle. */
static bool append_dim(Shape *s, int k, Type t)
{
	int64_t have = s->dim[k], more = t.dim[k];
	int64_t most = have < 0 ? (s->bound ? s->bound[k] : DYNAMIC) : have, add = more < 0 ? bound_of(t, k) : more;
	if (have >= 0 && more >= 0) return !__builtin_add_overflow(have, more, &s->dim[k]);
	s->dim[k] = dim_plus(dims_of(s->m), have, more);
	if (most < 0 || add < 0) return shape_bound(s, k, DYNAMIC), true;
	if (__builtin_add_overflow(most, add, &most)) return false;
	return shape_bound(s, k, most), true;
}

static bool concatenate_input(Module *m, const Op *op, int i, int dim, Shape *s)
{
	Type x = in_type(m, op, 0), t = in_type(m, op, i);
	if (!elem_fits(x, t))
		return broken(m, op, "c1", "operand %d is %s, wanted the element type of %s", i, str(m, t), str(m, x));
	bool ok = t.rank == x.rank;
	for (int k = 0; ok && k < x.rank; k++) {
		if (k == dim) continue;
		ok = dim_fits(s->dim[k], t.dim[k]);
		s->dim[k] = dim_merge(s->dim[k], t.dim[k]);
	}
	if (!ok)
		return broken(m, op, "c2", "operand %d is %s, wanted %s but for dimension %d", i, str(m, t), str(m, x),
			dim);
	if (append_dim(s, dim, t)) return true;
	return broken(m, op, "c6", "dimension %d is beyond 2^63", dim);
}

bool infer_concatenate(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	if (!op->nin) return broken(m, op, "c3", "no inputs");
	Type x = in_type(m, op, 0);
	int64_t dim = attr_of(op, "dimension")->i;
	if (!dim_in_range(m, op, "c4", "dimension", dim, x.rank)) return false;
	Shape s = shape_new(m, x.rank);
	for (int k = 0; k < x.rank; k++) shape_take(&s, k, x, k);
	for (int i = 1; i < op->nin; i++)
		if (!concatenate_input(m, op, i, (int)dim, &s)) return false;
	for (int k = 0; k < x.rank; k++)
		if (s.dim[k] >= 0) shape_bound(&s, k, DYNAMIC);
	*out = shape_type(&s, x);
	return true;
}

bool infer_dynamic_slice(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	Type x = in_type(m, op, 0);
	Ints sizes;
	if (!per_dim(m, op, "c2", "slice_sizes", x.rank, &sizes)) return false;
	if (op->nin - 1 != x.rank)
		return broken(m, op, "c2", "has %d start_indices, wanted %d, the rank of operand 0", op->nin - 1,
			x.rank);
	for (int i = 1; i < op->nin; i++) {
		Type t = in_type(m, op, i);
		if (t.rank || !is_int(t.elem) || t.quant)
			return broken(m, op, "i2", "start index is %s, wanted an integer scalar", str(m, t));
		if (t.elem != in_type(m, op, 1).elem)
			return broken(m, op, "c3", "operand %d is %s, wanted %s as operand 1", i, str(m, t),
				str(m, in_type(m, op, 1)));
	}
	for (int i = 0; i < x.rank; i++)
		if (sizes.v[i] < 0 || (x.dim[i] >= 0 && sizes.v[i] > x.dim[i]))
			return broken(m, op, "c4", "slice_sizes %s of %s, wanted 0 <= size <= dimension",
				ints_str(m, sizes), str(m, x));
	Shape s = { m, x.rank, COPY(&m->arena, int64_t, sizes.v, sizes.n), NULL };
	*out = shape_type(&s, x);
	return true;
}

/* -- fft ------------------------------------------------------------------------------------------------- */

/* fft_c4 and c5 for the last `length.n` dimensions of s, which hold the operand's sizes; the last one
 * becomes the result's. */
static bool fft_dims(Module *m, const Op *op, FftType type, Ints length, Shape *s)
{
	int last = s->rank - 1, first = s->rank - length.n;
	for (int i = 0; i < length.n; i++) {
		int64_t want = length.v[i], *dim = &s->dim[first + i];
		if (want < 0) return broken(m, op, "c4", "fft_length has %lld", (long long)want);
		if (type == FFT_FFT || type == FFT_IFFT) continue;
		if (type == FFT_IRFFT && first + i == last && want) want = want / 2 + 1;
		if (!dim_fits(*dim, want))
			return broken(m, op, "c4", "dimension %d of %s does not fit fft_length %s", first + i,
				str(m, in_type(m, op, 0)),
				ints_str(m, length));
	}
	if (type != FFT_RFFT && type != FFT_IRFFT) return true;
	int64_t n = length.v[length.n - 1];
	s->dim[last] = type == FFT_IRFFT || !n ? n : n / 2 + 1;
	shape_bound(s, last, DYNAMIC);
	return true;
}

bool infer_fft(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	Type x = in_type(m, op, 0);
	int64_t type = attr_of(op, "fft_type")->i;
	Ints length = attr_of(op, "fft_length")->ints;
	if (type < FFT_FFT || type > FFT_IRFFT) return broken(m, op, "i2", "fft_type %lld", (long long)type);
	if (length.n < 1 || length.n > 3)
		return broken(m, op, "c3", "fft_length has %d items, wanted 1 to 3", length.n);
	if (length.n > x.rank)
		return broken(m, op, "c1", "fft_length has %d items, operand is %s", length.n, str(m, x));
	bool real = x.elem == DTYPE_f32 || x.elem == DTYPE_f64;
	if (x.quant || !(type == FFT_RFFT ? real : is_complex(x.elem)))
		return broken(m, op, "c2", "operand is %s, wanted %s", str(m, x),
			type == FFT_RFFT ? "f32 or f64" : "complex elements");
	Shape s = shape_new(m, x.rank);
	for (int i = 0; i < x.rank; i++) shape_take(&s, i, x, i);
	if (!fft_dims(m, op, (FftType)type, length, &s)) return false;
	*out = shape_type(&s, x);
	if (type == FFT_RFFT) out->elem = complex_of(x.elem);
	if (type == FFT_IRFFT) out->elem = real_of(x.elem);
	return true;
}
