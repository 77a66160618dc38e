/* What the factorizations share: matrices as [B, m, n], masks by position, loops. */
#include "aten/linalg.h"
#include "aten/index.h"

#include <float.h>

/* -- operands and results -------------------------------------------------------------------------------- */

Value as_matrices(Node *n, Value x)
{
	Type t = known_type(n->b, x);
	if (!t.kind) return 0;
	if (t.rank < 2) return node_fail(n, BAD_INPUT, "%s, wanted matrices", type_str(n->a, t));
	DType real = real_of(t.elem);
	if (real != DTYPE_f32 && real != DTYPE_f64)
		return node_fail(n, UNSUPPORTED, "%s, wanted f32, f64 or complex numbers of these",
			type_str(n->a, t));
	int64_t batch = size_over(n->b, t, iota_ints(n->a, 0, t.rank - 2));
	return hlo_reshape(n->b, x, 3, (int64_t[]){ batch, t.dim[t.rank - 2], t.dim[t.rank - 1] });
}

Value arg_matrices(Node *n, const char *name) { return as_matrices(n, arg(n, name)); }

Value arg_square(Node *n, const char *name)
{
	Value x = arg_matrices(n, name);
	if (!x || nrows(n->b, x) == ncols(n->b, x)) return x;
	return node_fail(n, BAD_INPUT, "'%s' is %s, wanted square matrices", name,
		type_str(n->a, type_of(n->b, x)));
}

Value in_out_shape(Node *n, Value x)
{
	if (!known_type(n->b, x).kind || !n->out.kind) return x;
	return reshape_to(n->b, x, n->out);
}

void set_matrix_out(Node *n, int i, Value x)
{
	Type t = out_type(n, i);
	if (out_wanted(n, i) && known_type(n->b, x).kind) set_out(n, i, reshape_to(n->b, x, t));
}

static int64_t size_of(Builder *b, Value x, int dim)
{
	Type t = known_type(b, x);
	return dim < t.rank ? t.dim[dim] : 0;
}

int64_t nrows(Builder *b, Value x) { return size_of(b, x, 1); }
int64_t ncols(Builder *b, Value x) { return size_of(b, x, 2); }

Type matrices_type(Builder *b, Value like, int64_t m, int64_t n)
{
	return tensor_type(b->a, known_type(b, like).elem, 3, (int64_t[]){ size_of(b, like, 0), m, n });
}

/* -- values ---------------------------------------------------------------------------------------------- */

Value combine(Builder *b, OpCode op, Value x, Value y)
{
	Type t = known_type(b, x), u = known_type(b, y);
	if (!t.kind || !u.kind) return 0;
	if (is_complex(t.elem)) y = hlo_convert(b, y, t.elem);
	else if (is_complex(u.elem)) x = hlo_convert(b, x, u.elem);
	int64_t *d = COPY(b->a, int64_t, t.dim, t.rank);
	for (int i = 0; i < t.rank && i < u.rank; i++)
		if (d[i] == 1) d[i] = u.dim[i];
	t.dim = d;
	x = broadcast(b, x, t);
	y = broadcast(b, y, t);
	return emit(b, op, NULL, 2, (Value[]){ x, y }, NULL);
}

/* At the highest precision: by default some devices round f32 operands to fewer bits, and what a factorization
 * loses it does not get back. */
Value dot(Builder *b, Value x, Value y)
{
	static const int64_t precision[2] = { PRECISION_HIGHEST, PRECISION_HIGHEST };
	Ints batch = one_dim(b, 0);
	DotDims dims = { batch, batch, one_dim(b, 2), one_dim(b, 1) };
	Attr attr[MAX_ATTRS + 1] = {
		{ .set = true, .dot = COPY(b->a, DotDims, &dims, 1) },
		{ .set = true, .ints = { 2, precision } },
	};
	return emit(b, OP_dot_general, NULL, 2, (Value[]){ x, y }, attr);
}

Value conjugate(Builder *b, Value x)
{
	if (!is_complex(known_type(b, x).elem)) return x;
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	im = hlo_negate(b, im);
	return hlo_complex(b, re, im);
}

Value transposed(Builder *b, Value x) { return x ? transpose_dims(b, x, 1, 2) : 0; }
Value adjoint(Builder *b, Value x) { return conjugate(b, transposed(b, x)); }

/* Where position i along dim 1 and j along dim 2 are such that j - i d diagonal. */
static Value where_diagonal(Builder *b, Type t, Direction d, int64_t diagonal)
{
	Value i = positions(b, t, 1, DTYPE_i32);
	Value j = positions(b, t, 2, DTYPE_i32);
	if (diagonal) {
		Value by = hlo_splat_int(b, with_elem(t, DTYPE_i32), diagonal);
		i = hlo_add(b, i, by);
	}
	return hlo_compare(b, d, j, i);
}

Value identity_like(Builder *b, Type t)
{
	Value on = where_diagonal(b, t, DIRECTION_EQ, 0);
	return hlo_convert(b, on, t.elem);
}

Value masked(Builder *b, Value mask, Value x)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	mask = broadcast(b, mask, t);
	Value zero = full(b, t, 0);
	return hlo_select(b, mask, x, zero);
}

Value diagonal_of(Builder *b, Value x)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	int over = t.dim[1] <= t.dim[2] ? 2 : 1;
	x = masked(b, where_diagonal(b, t, DIRECTION_EQ, 0), x);
	return sum_over(b, x, one_dim(b, over));
}

Value lower_triangle(Builder *b, Value x, int64_t diagonal)
{
	Type t = known_type(b, x);
	return t.kind ? masked(b, where_diagonal(b, t, DIRECTION_LE, diagonal), x) : 0;
}

Value upper_triangle(Builder *b, Value x, int64_t diagonal)
{
	Type t = known_type(b, x);
	return t.kind ? masked(b, where_diagonal(b, t, DIRECTION_GE, diagonal), x) : 0;
}

Value real_part(Builder *b, Value x) { return is_complex(known_type(b, x).elem) ? hlo_real(b, x) : x; }

Value magnitude2(Builder *b, Value x)
{
	if (!is_complex(known_type(b, x).elem)) return square(b, x);
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	re = square(b, re);
	im = square(b, im);
	return hlo_add(b, re, im);
}

Value pivot_size(Builder *b, Value x)
{
	if (!is_complex(known_type(b, x).elem)) return hlo_abs(b, x);
	Value re = hlo_abs(b, hlo_real(b, x));
	Value im = hlo_abs(b, hlo_imag(b, x));
	return hlo_add(b, re, im);
}

double epsilon_of(DType elem) { return real_of(elem) == DTYPE_f64 ? DBL_EPSILON : (double)FLT_EPSILON; }

Value sum_along(Builder *b, Value x, int dim)
{
	Type t = known_type(b, x);
	Ints over = one_dim(b, dim);
	x = sum_over(b, x, over);
	return keep_dims(b, x, over, t, true);
}

Value columns(Builder *b, Value x, int64_t from, int64_t to) { return slice_dim(b, x, 2, from, to, 1); }
Value rows(Builder *b, Value x, int64_t from, int64_t to) { return slice_dim(b, x, 1, from, to, 1); }

Value padded_to(Builder *b, Value x, int64_t m, int64_t n)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	int64_t none[3] = { 0 }, high[3] = { 0, m - t.dim[1], n - t.dim[2] };
	Value zero = scalar(b, 0, t.elem);
	return hlo_pad(b, x, zero, none, high, NULL);
}

/* -- positions ------------------------------------------------------------------------------------------- */

Value where_position(Builder *b, Type t, int dim, Direction d, Value i)
{
	Value at = positions(b, t, dim, DTYPE_i32);
	i = broadcast(b, i, with_elem(t, DTYPE_i32));
	return hlo_compare(b, d, at, i);
}

static const Value *start_at(Builder *b, Type t, int dim, Value i)
{
	Value *start = NEW(b->a, Value, t.rank + 1);
	for (int k = 0; k < t.rank; k++) start[k] = k == dim ? i : scalar_int(b, 0, DTYPE_i32);
	return start;
}

Value slice_at(Builder *b, Value x, int dim, Value i)
{
	Type t = known_type(b, x);
	return t.kind ? hlo_dynamic_slice(b, x, start_at(b, t, dim, i), shape_with(b, t, dim, 1).dim) : 0;
}

Value with_slice_at(Builder *b, Value x, int dim, Value i, Value slice)
{
	Type t = known_type(b, x);
	return t.kind ? hlo_dynamic_update_slice(b, x, slice, start_at(b, t, dim, i)) : 0;
}

Value permuted(Builder *b, Value x, int dim, Value index)
{
	Type t = known_type(b, x), of = known_type(b, index);
	if (!t.kind || !of.kind) return 0;
	Type to = with_elem(shape_with(b, t, dim, of.dim[1]), DTYPE_i32);
	int64_t at[2] = { 0, dim };
	index = hlo_broadcast_in_dim(b, index, 3, to.dim, (Ints){ 2, at });
	return gather_along(b, x, dim, index);
}

Value largest_magnitude(Builder *b, Value x)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Ints over = iota_ints(b->a, 1, 2);
	Value size = math_abs(b, x);
	Value zero = scalar(b, 0, real_of(t.elem));
	Value top = hlo_reduce(b, OP_maximum, size, zero, over);
	Value none = is(b, DIRECTION_EQ, top, 0);
	top = if_num(b, none, 1, top);
	return keep_dims(b, top, over, t, true);
}

/* -- loops ----------------------------------------------------------------------------------------------- */

static Region *turns_left(Builder *b, int n, const Type *t, int64_t count, bool tested)
{
	Value a[MAX_CARRIED + 1];
	Region *r = region_begin(b, n, t, a);
	Value bound = size_value(b, count, scalar_type(DTYPE_i32));
	Value more = hlo_compare(b, DIRECTION_LT, a[0], bound);
	if (tested) more = hlo_and(b, more, a[n - 1]);
	region_end(b, r, 1, &more);
	return r;
}

static Region *one_turn(Builder *b, int n, const Type *t, Turn *turn, const void *with)
{
	Value a[MAX_CARRIED + 1];
	Region *r = region_begin(b, n, t, a);
	Value i = a[0];
	turn(b, with, i, a + 1);
	Value one = scalar_int(b, 1, DTYPE_i32);
	a[0] = hlo_add(b, i, one);
	region_end(b, r, n, a);
	return r;
}

static void loop(Builder *b, int64_t count, int n, Value *v, Turn *turn, const void *with, bool tested)
{
	Value init[MAX_CARRIED + 1], out[MAX_CARRIED + 1];
	Type t[MAX_CARRIED + 1];
	if (!count || b->m->err->code) return;
	for (int i = 0; i < n; i++)
		if (!v[i]) return;
	init[0] = scalar_int(b, 0, DTYPE_i32);
	for (int i = 0; i < n; i++) init[i + 1] = v[i];
	for (int i = 0; i <= n; i++) t[i] = type_of(b, init[i]);
	Region *cond = turns_left(b, n + 1, t, count, tested);
	Region *body = one_turn(b, n + 1, t, turn, with);
	hlo_while(b, n + 1, init, cond, body, out);
	for (int i = 0; i < n; i++) v[i] = out[i + 1];
}

void repeat(Builder *b, int64_t count, int n, Value *v, Turn *turn, const void *with)
{
	loop(b, count, n, v, turn, with, false);
}

void repeat_while(Builder *b, int64_t at_most, int n, Value *v, Turn *turn, const void *with)
{
	loop(b, at_most, n, v, turn, with, true);
}
