/* What ATen's words mean in StableHLO: broadcasting, reducing, casting. Each helper emits at most what its name says. */
#include "aten/node.h"

#include <math.h>
#include <string.h>

/* -- lists of dims --------------------------------------------------------------------------------------- */

Ints iota_ints(Arena *a, int from, int n)
{
	if (n < 0) n = 0;
	int64_t *v = NEW(a, int64_t, n + 1);
	for (int i = 0; i < n; i++) v[i] = from + i;
	return (Ints){ n, v };
}

Ints one_dim(Builder *b, int dim) { return iota_ints(b->a, dim, 1); }
Ints all_dims(Builder *b, int rank) { return iota_ints(b->a, 0, rank); }

Ints both_sides(Arena *a, Ints pad)
{
	int64_t *v = NEW(a, int64_t, 2 * pad.n + 1);
	for (int i = 0; i < pad.n; i++) v[2 * i] = v[2 * i + 1] = pad.v[i];
	return (Ints){ 2 * pad.n, v };
}

static bool *marked(Builder *b, Ints dims, int rank)
{
	bool *is = NEW(b->a, bool, rank + 1);
	for (int i = 0; i < dims.n; i++)
		if (dims.v[i] >= 0 && dims.v[i] < rank) is[dims.v[i]] = true;
	return is;
}

int64_t count_over(Type t, Ints dims)
{
	int64_t n = 1;
	bool over = false;
	for (int i = 0; i < dims.n; i++)
		if (dims.v[i] < t.rank) over = __builtin_mul_overflow(n, t.dim[dims.v[i]], &n) || over;
	return over ? INT64_MAX : n;
}

int64_t size_over(Builder *b, Type t, Ints dims)
{
	int64_t n = 1;
	for (int i = 0; i < dims.n; i++)
		if (dims.v[i] < t.rank) n = dim_times(dims_of(b->m), n, t.dim[dims.v[i]]);
	return n;
}

int64_t spaced_length(Builder *b, int64_t count, int64_t step)
{
	DimTable *t = dims_of(b->m);
	int64_t rest = dim_max(t, dim_minus(t, count, 1), 0);
	return dim_plus(t, dim_min(t, count, 1), dim_times(t, rest, step));
}

int64_t size_less_one(Builder *b, int64_t size) { return dim_minus(dims_of(b->m), size, 1); }

int64_t numel_of(Builder *b, Type t) { return size_over(b, t, all_dims(b, t.rank)); }

Value size_value(Builder *b, int64_t size, Type t)
{
	if (size >= 0) return hlo_splat_int(b, t, size);
	Value v = dim_value(b, size);
	v = hlo_convert(b, v, t.elem);
	return broadcast(b, v, t);
}

Type shape_with(Builder *b, Type t, int dim, int64_t size)
{
	int64_t *d = COPY(b->a, int64_t, t.dim, t.rank);
	if (dim >= 0 && dim < t.rank) d[dim] = size;
	t.dim = d;
	return t;
}

Type without_dims(Builder *b, Type t, Ints dims)
{
	bool *gone = marked(b, dims, t.rank);
	int64_t *d = NEW(b->a, int64_t, t.rank + 1);
	int rank = 0;
	for (int i = 0; i < t.rank; i++)
		if (!gone[i]) d[rank++] = t.dim[i];
	t.dim = d;
	t.rank = rank;
	return t;
}

Type broadcast_type(Node *n, Type x, Type y)
{
	int rank = x.rank > y.rank ? x.rank : y.rank;
	int64_t *d = NEW(n->a, int64_t, rank + 1);
	for (int i = 1; i <= rank; i++) {
		int64_t dx = i <= x.rank ? x.dim[x.rank - i] : 1, dy = i <= y.rank ? y.dim[y.rank - i] : 1;
		if (dx != dy && dx != 1 && dy != 1)
			node_fail(n, BAD_INPUT, "%s and %s do not broadcast", type_str(n->a, x), type_str(n->a, y));
		d[rank - i] = dx == 1 ? dy : dx;
	}
	x.dim = d;
	x.rank = rank;
	return x;
}

/* -- moving ---------------------------------------------------------------------------------------------- */

Value broadcast(Builder *b, Value x, Type t)
{
	Type from = known_type(b, x);
	if (!from.kind || same_shape(from, t)) return from.kind ? x : 0;
	if (from.rank > t.rank)
		return build_fail(b, BAD_INPUT, "%s does not broadcast to %s", type_str(b->a, from), type_str(b->a, t));
	return hlo_broadcast_in_dim(b, x, t.rank, t.dim, iota_ints(b->a, t.rank - from.rank, from.rank));
}

Value reshape_to(Builder *b, Value x, Type t) { return hlo_reshape(b, x, t.rank, t.dim); }

Value along(Builder *b, Value v, int dim, Type t)
{
	return hlo_broadcast_in_dim(b, v, t.rank, t.dim, one_dim(b, dim));
}

Value spread_over(Builder *b, Value reduced, Ints dims, Type t)
{
	bool *gone = marked(b, dims, t.rank);
	int64_t *kept = NEW(b->a, int64_t, t.rank + 1);
	int n = 0;
	for (int i = 0; i < t.rank; i++)
		if (!gone[i]) kept[n++] = i;
	return hlo_broadcast_in_dim(b, reduced, t.rank, t.dim, (Ints){ n, kept });
}

Value transpose_dims(Builder *b, Value x, int d0, int d1)
{
	int rank = known_type(b, x).rank;
	int64_t *p = NEW(b->a, int64_t, rank + 1);
	for (int i = 0; i < rank; i++) p[i] = i == d0 ? d1 : i == d1 ? d0 : i;
	return hlo_transpose(b, x, (Ints){ rank, p });
}

/* Whether dim is one of `rank` dims; a graph whose shapes do not fit its calls must not lead us astray. */
static bool dim_fits(Builder *b, Type t, int dim, int rank)
{
	return (dim >= 0 && dim < rank) || build_fail(b, BAD_INPUT, "dim %d of %s", dim, type_str(b->a, t));
}

Value slice_dim(Builder *b, Value x, int dim, int64_t start, int64_t limit, int64_t step)
{
	Type t = known_type(b, x);
	if (!t.kind || !dim_fits(b, t, dim, t.rank)) return 0;
	int64_t *from = NEW(b->a, int64_t, t.rank + 1), *by = NEW(b->a, int64_t, t.rank + 1);
	int64_t *to = COPY(b->a, int64_t, t.dim, t.rank);
	for (int i = 0; i < t.rank; i++) by[i] = 1;
	from[dim] = start;
	to[dim] = limit;
	by[dim] = step;
	return hlo_slice(b, x, from, to, by);
}

Value squeeze_dim(Builder *b, Value x, int dim)
{
	Type t = known_type(b, x);
	return t.kind && dim_fits(b, t, dim, t.rank) ? reshape_to(b, x, without_dims(b, t, one_dim(b, dim))) : 0;
}

Value unsqueeze_dim(Builder *b, Value x, int dim)
{
	Type t = known_type(b, x);
	if (!t.kind || !dim_fits(b, t, dim, t.rank + 1)) return 0;
	int64_t *d = NEW(b->a, int64_t, t.rank + 1);
	for (int i = 0; i <= t.rank; i++) d[i] = i < dim ? t.dim[i] : i == dim ? 1 : t.dim[i - 1];
	return hlo_reshape(b, x, t.rank + 1, d);
}

/* -- reducing -------------------------------------------------------------------------------------------- */

static Value neutral(Builder *b, OpCode op, DType t)
{
	switch (op) {
	case OP_maximum:  return lowest(b, t);
	case OP_minimum:  return highest(b, t);
	case OP_multiply: return scalar(b, 1, t);
	case OP_and:      return scalar_int(b, -1, t);
	default:          return scalar(b, 0, t);      /* add, or, xor */
	}
}

Value reduce_over(Builder *b, OpCode op, Value x, Ints dims)
{
	Type t = known_type(b, x);
	if (!t.kind || !dims.n) return t.kind ? x : 0;
	Value init = neutral(b, op, t.elem);
	return hlo_reduce(b, op, x, init, dims);
}

Value sum_over(Builder *b, Value x, Ints dims) { return reduce_over(b, OP_add, x, dims); }

Value mean_over(Builder *b, Value x, Ints dims)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Value sum = sum_over(b, x, dims);
	if (!sum) return 0;
	Value count = size_value(b, size_over(b, t, dims), type_of(b, sum));
	return hlo_divide(b, sum, count);
}

Value keep_dims(Builder *b, Value reduced, Ints dims, Type from, bool keepdim)
{
	if (!keepdim || !known_type(b, reduced).kind) return reduced;
	int64_t *d = COPY(b->a, int64_t, from.dim, from.rank);
	for (int i = 0; i < dims.n; i++) d[dims.v[i]] = 1;
	return hlo_reshape(b, reduced, from.rank, d);
}

/* -- values ---------------------------------------------------------------------------------------------- */

Value cast(Builder *b, Value x, DType elem)
{
	DType from = known_type(b, x).elem;
	if (is_float(from) && is_unsigned(elem) && elem != DTYPE_bool && elem != DTYPE_u64 && !constant_of(b, x))
		x = hlo_convert(b, x, DTYPE_i64);
	if (is_float(from) && (elem == DTYPE_i8 || elem == DTYPE_i16) && !constant_of(b, x))
		x = hlo_convert(b, x, DTYPE_i32);
	return hlo_convert(b, x, elem);
}

Value full(Builder *b, Type t, double v) { return hlo_splat(b, t, v); }

Value full_like(Builder *b, Value x, double v)
{
	Type t = known_type(b, x);
	return t.kind ? full(b, t, v) : 0;
}

/* XLA's reduce_precision makes 0 of what would be subnormal. */
static Value rounded_to_f16(Builder *b, Value x)
{
	static const double least = 0x1p-24, normal = 0x1p-14;
	Value whole = hlo_multiply(b, x, full_like(b, x, 1 / least));
	Value small = hlo_multiply(b, hlo_round_nearest_even(b, whole), full_like(b, x, least));
	Value below = hlo_compare(b, DIRECTION_LT, hlo_abs(b, x), full_like(b, x, normal));
	return hlo_select(b, below, small, hlo_reduce_precision(b, x, 5, 10));
}

Value rounded_to(Builder *b, Value x, DType elem)
{
	if (elem == DTYPE_f16) return rounded_to_f16(b, x);
	return elem == DTYPE_bf16 ? hlo_reduce_precision(b, x, 8, 7) : x;
}

Value positions(Builder *b, Type t, int dim, DType elem) { return hlo_iota(b, with_elem(t, elem), dim); }

/* The shape of the two that the other broadcasts to. */
static Type wider(Type x, Type y)
{
	if (x.rank != y.rank) return x.rank > y.rank ? x : y;
	for (int i = 0; i < x.rank; i++)
		if (x.dim[i] != y.dim[i]) return x.dim[i] == 1 ? y : x;
	return x;
}

Value where(Builder *b, Value pred, Value x, Value y)
{
	Type t = known_type(b, pred), tx = known_type(b, x), ty = known_type(b, y);
	if (!t.kind || !tx.kind || !ty.kind) return 0;
	t = wider(wider(t, tx), ty);
	pred = broadcast(b, pred, t);
	x = broadcast(b, x, t);
	y = broadcast(b, y, t);
	return hlo_select(b, pred, x, y);
}

Value square(Builder *b, Value x) { return hlo_multiply(b, x, x); }

Value clamp_min(Builder *b, Value x, double low)
{
	Value floor = full_like(b, x, low);
	return hlo_maximum(b, x, floor);
}

Value wrap_index(Builder *b, Value index, int64_t size)
{
	Type t = known_type(b, index);
	if (!t.kind) return 0;
	Value zero = hlo_splat_int(b, t, 0);
	Value count = size_value(b, size, t);
	Value negative = hlo_compare(b, DIRECTION_LT, index, zero);
	Value wrapped = hlo_add(b, index, count);
	return hlo_select(b, negative, wrapped, index);
}

Value unknown_to_xla(Builder *b, Value x)
{
	Type t = known_type(b, x);
	return t.kind ? emit(b, OP_optimization_barrier, &t, 1, &x, NULL) : 0;
}
