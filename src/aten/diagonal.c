/* Diagonals and triangles of matrices. Diagonal `offset` of [M, N] holds the elements with column - row ==
 * offset. */
#include "aten/rules.h"

/* -- one diagonal ---------------------------------------------------------------------------------------- */

/* In the flattened matrix [M*N] a diagonal is every (N + 1)-th element: `count` of them from `first` on. */
typedef struct Diagonal { int64_t first, step, count; } Diagonal;

static Diagonal diagonal_of(DimTable *t, int64_t rows, int64_t columns, int64_t offset)
{
	int64_t skip_rows = offset < 0 ? -offset : 0, skip_columns = offset > 0 ? offset : 0;
	int64_t count = dim_min(t, dim_minus(t, rows, skip_rows), dim_minus(t, columns, skip_columns));
	if (count == 0 || dim_range(t, count).max <= 0) return (Diagonal){ 0, 1, 0 };
	return (Diagonal){ dim_plus(t, dim_times(t, columns, skip_rows), skip_columns), dim_plus(t, columns, 1), count };
}

/* An argument that says which diagonal. */
static int64_t arg_offset(Node *n, const char *name)
{
	int64_t offset = arg_int(n, name, 0);
	if (offset > -((int64_t)1 << 40) && offset < (int64_t)1 << 40) return offset;
	node_fail(n, BAD_INPUT, "diagonal %lld", (long long)offset);
	return 0;
}

/* Dims of a rank with d0 and d1 moved to the end. */
static Ints last_two(Node *n, int rank, int d0, int d1)
{
	int64_t *p = NEW(n->a, int64_t, rank + 1);
	int k = 0;
	for (int i = 0; i < rank; i++)
		if (i != d0 && i != d1) p[k++] = i;
	p[rank - 2] = d0;
	p[rank - 1] = d1;
	return (Ints){ rank, p };
}

static Ints undone(Arena *a, Ints permutation)
{
	int64_t *back = NEW(a, int64_t, permutation.n + 1);
	for (int i = 0; i < permutation.n; i++) back[permutation.v[i]] = i;
	return (Ints){ permutation.n, back };
}

/* The order that brings the arguments dim1 and dim2 to the end. */
static Ints matrix_order(Node *n, int rank, int dim1, int dim2)
{
	int d1 = arg_dim(n, "dim1", dim1, rank), d2 = arg_dim(n, "dim2", dim2, rank);
	if (rank >= 2 && d1 != d2) return last_two(n, rank, d1, d2);
	node_fail(n, BAD_INPUT, "a diagonal over dims %d and %d of rank %d", d1, d2, rank);
	return all_dims(n->b, rank);
}

/* [*, M, N] -> [*, M*N] */
static Value flat_matrices(Builder *b, Value x)
{
	Type t = type_of(b, x);
	int64_t *d = COPY(b->a, int64_t, t.dim, t.rank);
	d[t.rank - 2] = dim_times(dims_of(b->m), d[t.rank - 2], d[t.rank - 1]);
	return hlo_reshape(b, x, t.rank - 1, d);
}

/* [*, M, N] -> [*, count] */
static Value take_diagonal(Builder *b, Value x, int64_t offset)
{
	Type t = type_of(b, x);
	DimTable *sizes = dims_of(b->m);
	Diagonal d = diagonal_of(sizes, t.dim[t.rank - 2], t.dim[t.rank - 1], offset);
	x = flat_matrices(b, x);
	return slice_dim(b, x, t.rank - 2, d.first, dim_plus(sizes, d.first, spaced_length(b, d.count, d.step)), d.step);
}

/* aten.diagonal(self, offset=0, dim1=0, dim2=1): the diagonal as the last dim */
Value lower_diagonal(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	Ints order = matrix_order(n, rank_of(n->b, x), 0, 1);
	x = hlo_transpose(n->b, x, order);
	return x ? take_diagonal(n->b, x, arg_offset(n, "offset")) : 0;
}

/* aten.linalg_diagonal(A, offset=0, dim1=-2, dim2=-1) */
Value lower_linalg_diagonal(Node *n)
{
	Value x = arg(n, "A");
	if (!x) return 0;
	Ints order = matrix_order(n, rank_of(n->b, x), -2, -1);
	x = hlo_transpose(n->b, x, order);
	return x ? take_diagonal(n->b, x, arg_offset(n, "offset")) : 0;
}

/* diag[*, count] on a diagonal of matrices [*, M, N], `fill` elsewhere. */
static Value spread_diagonal(Builder *b, Value diag, Value fill, int64_t rows, int64_t columns, int64_t offset)
{
	Type t = type_of(b, diag);
	if (rows > INT32_MAX || columns > INT32_MAX)
		return build_fail(b, UNSUPPORTED, "a diagonal in %lld rows of %lld", (long long)rows, (long long)columns);
	DimTable *sizes = dims_of(b->m);
	Diagonal d = diagonal_of(sizes, rows, columns, offset);
	int last = t.rank - 1;
	int64_t *low = NEW(b->a, int64_t, t.rank), *high = NEW(b->a, int64_t, t.rank), *between = NEW(b->a, int64_t, t.rank);
	low[last] = d.first;
	between[last] = dim_minus(sizes, d.step, 1);
	high[last] = dim_minus(sizes, dim_times(sizes, rows, columns), dim_plus(sizes, d.first, spaced_length(b, d.count, d.step)));
	Value flat = hlo_pad_sizes(b, diag, fill, low, high, between);
	int64_t *dim = NEW(b->a, int64_t, t.rank + 1);
	for (int i = 0; i < last; i++) dim[i] = t.dim[i];
	dim[last] = rows;
	dim[last + 1] = columns;
	return hlo_reshape(b, flat, t.rank + 1, dim);
}

static int64_t plus_offset(Builder *b, int64_t size, int64_t offset)
{
	return dim_plus(dims_of(b->m), size, offset < 0 ? -offset : offset);
}

/* aten.diag_embed(self[*, k], offset=0, dim1=-2, dim2=-1): matrices with self on a diagonal, zeros
 * elsewhere */
Value lower_diag_embed(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	Type t = type_of(b, x);
	if (!t.rank) return node_fail(n, BAD_INPUT, "diag_embed of a 0-d tensor");
	int64_t offset = arg_offset(n, "offset"), size = plus_offset(b, t.dim[t.rank - 1], offset);
	Ints order = matrix_order(n, t.rank + 1, t.rank - 1, t.rank);
	Value zero = scalar(b, 0, t.elem);
	x = spread_diagonal(b, x, zero, size, size, offset);
	return hlo_transpose(b, x, undone(n->a, order));
}

/* aten.diagonal_backward(grad_output[*, k], input_sizes, offset, dim1, dim2): zeros with grad_output on the diagonal */
Value lower_diagonal_backward(Node *n)
{
	Builder *b = n->b;
	Value g = arg(n, "grad_output");
	if (!g) return 0;
	if (n->out.rank < 2 || rank_of(b, g) != n->out.rank - 1)
		return node_fail(n, BAD_INPUT, "a diagonal %s of %s", type_str(n->a, type_of(b, g)), type_str(n->a, n->out));
	Ints order = matrix_order(n, n->out.rank, 0, 1);
	int64_t rows = n->out.dim[order.v[order.n - 2]], columns = n->out.dim[order.v[order.n - 1]];
	Value zero = scalar(b, 0, n->out.elem);
	g = spread_diagonal(b, g, zero, rows, columns, arg_offset(n, "offset"));
	return hlo_transpose(b, g, undone(n->a, order));
}

/* A vector on a diagonal of a square matrix. */
static Value matrix_of(Node *n, Value v, int64_t offset)
{
	int64_t size = plus_offset(n->b, type_of(n->b, v).dim[0], offset);
	Value zero = scalar(n->b, 0, elem_of(n->b, v));
	return spread_diagonal(n->b, v, zero, size, size, offset);
}

/* aten.diag(self, diagonal=0): of a matrix its diagonal, of a vector the matrix with it */
Value lower_diag(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	int64_t offset = arg_offset(n, "diagonal");
	int rank = rank_of(n->b, x);
	if (rank != 1 && rank != 2) return node_fail(n, BAD_INPUT, "diag of rank %d", rank);
	return rank == 1 ? matrix_of(n, x, offset) : take_diagonal(n->b, x, offset);
}

/* aten.diagflat(self, offset=0): the matrix with the flattened self */
Value lower_diagflat(Node *n)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	int64_t numel = numel_of(n->b, type_of(n->b, x));
	x = hlo_reshape(n->b, x, 1, &numel);
	return x ? matrix_of(n, x, arg_offset(n, "offset")) : 0;
}

/* aten.trace(self[M, N]): the sum of the diagonal */
Value lower_trace(Node *n)
{
	Value x = arg_as(n, "self", n->out.elem);
	if (!x) return 0;
	if (rank_of(n->b, x) != 2) return node_fail(n, BAD_INPUT, "the trace of rank %d", rank_of(n->b, x));
	x = take_diagonal(n->b, x, 0);
	return sum_over(n->b, x, one_dim(n->b, 0));
}

/* -- triangles ------------------------------------------------------------------------------------------- */

/* column - row compared with `offset` over the last two dims of t, as bool */
static Value on_side(Node *n, Type t, Direction side, int64_t offset)
{
	Builder *b = n->b;
	Type m = { .kind = TYPE_TENSOR, .elem = DTYPE_i64, .rank = 2, .dim = t.dim + t.rank - 2 };
	Value row = positions(b, m, 0, DTYPE_i64);
	Value column = positions(b, m, 1, DTYPE_i64);
	Value by = hlo_splat_int(b, m, offset);
	row = hlo_add(b, row, by);
	return hlo_compare(b, side, column, row);
}

static Value triangle(Node *n, Direction side)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	Type t = type_of(b, x);
	if (t.rank < 2) return node_fail(n, BAD_INPUT, "a triangle of rank %d", t.rank);
	Value kept = on_side(n, t, side, arg_offset(n, "diagonal"));
	kept = broadcast(b, kept, t);
	Value zero = full(b, t, 0);
	return hlo_select(b, kept, x, zero);
}

/* aten.tril(self, diagonal=0): x where column - row <= diagonal, else 0; aten.triu: >= */
Value lower_tril(Node *n) { return triangle(n, DIRECTION_LE); }
Value lower_triu(Node *n) { return triangle(n, DIRECTION_GE); }

/* aten.diagonal_scatter(self, src, offset=0, dim1=0, dim2=1): self with that diagonal replaced by src */
Value lower_diagonal_scatter(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Value src = arg_as(n, "src", n->out.elem);
	if (!x || !src) return 0;
	int64_t offset = arg_offset(n, "offset");
	Ints order = matrix_order(n, rank_of(b, x), 0, 1);
	x = hlo_transpose(b, x, order);
	if (!x) return 0;
	Type t = type_of(b, x);                                              /* [*, M, N] */
	int64_t rows = t.dim[t.rank - 2], columns = t.dim[t.rank - 1];
	Type part = without_dims(b, t, one_dim(b, t.rank - 1));
	part = shape_with(b, part, t.rank - 2, diagonal_of(dims_of(b->m), rows, columns, offset).count);
	src = broadcast(b, src, part);
	Value zero = scalar(b, 0, t.elem);
	src = src ? spread_diagonal(b, src, zero, rows, columns, offset) : 0;
	Value written = on_side(n, t, DIRECTION_EQ, offset);
	written = broadcast(b, written, t);
	x = hlo_select(b, written, src, x);
	return hlo_transpose(b, x, undone(n->a, order));
}

/* aten.eye(n, m=n): ones on the diagonal */
Value lower_eye(Node *n)
{
	if (n->out.rank != 2) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Value on = on_side(n, n->out, DIRECTION_EQ, 0);
	return hlo_convert(n->b, on, n->out.elem);
}

/* aten.tril_indices(row, col, offset=0) -> [2, count]: rows and columns of the elements, row by row;
 * aten.triu_indices */
static Value triangle_indices(Node *n, bool lower)
{
	int64_t rows = arg_int(n, "row", 0), columns = arg_int(n, "col", 0), offset = arg_offset(n, "offset");
	int64_t count = n->out.rank == 2 ? n->out.dim[1] : 0, at = 0;
	if (count > 1 << 20 || rows > 1 << 20)
		return node_fail(n, UNSUPPORTED, "%lld indices of %lld rows", (long long)count, (long long)rows);
	int64_t *v = NEW(n->a, int64_t, 2 * count + 1);
	for (int64_t i = 0; i < rows; i++) {
		int64_t on = i + offset;                                       /* the diagonal's column in row i */
		int64_t from = lower || on < 0 ? 0 : on, to = !lower || on >= columns ? columns : on + 1;
		for (int64_t k = from; k < to && at < count; k++) {
			v[at] = i;
			v[count + at++] = k;
		}
	}
	if (at != count)
		return node_fail(n, BAD_INPUT, "%lld indices, but the program says %lld", (long long)at, (long long)count);
	Value flat = hlo_ints(n->b, (int)(2 * count), v, n->out.elem);
	return reshape_to(n->b, flat, n->out);
}

Value lower_tril_indices(Node *n) { return triangle_indices(n, true); }
Value lower_triu_indices(Node *n) { return triangle_indices(n, false); }
