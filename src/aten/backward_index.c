/* Gradients of what reads parts of a tensor: zeros with the gradient where it was read, added up where it was
 * read more than once. f16 and bf16 are added up in f32. */
#include "aten/index.h"
#include "aten/rules.h"

/* -- regular parts --------------------------------------------------------------------------------------- */

/* g in zeros of n->out's shape: along dim from element `start` on, `step` apart */
static Value put_back(Node *n, Value g, int dim, int64_t start, int64_t step)
{
	Builder *b = n->b;
	Type t = known_type(b, g), to = n->out;
	if (!t.kind) return 0;
	bool known = start >= 0 && to.dim[dim] >= 0, outside = start == DYNAMIC || step < 1;
	if (t.rank != to.rank || outside || (known && (start > to.dim[dim] || step > to.dim[dim] + 1)))
		return node_fail(n, BAD_INPUT, "%s from %lld by %lld in %s", type_str(n->a, t), (long long)start, (long long)step,
			type_str(n->a, to));
	if (!t.dim[dim]) return full(b, to, 0);
	int64_t *low = NEW(b->a, int64_t, t.rank), *high = NEW(b->a, int64_t, t.rank), *between = NEW(b->a, int64_t, t.rank);
	DimTable *sizes = dims_of(b->m);
	low[dim] = start;
	between[dim] = step - 1;
	high[dim] = dim_minus(sizes, to.dim[dim], dim_plus(sizes, start, spaced_length(b, t.dim[dim], step)));
	return hlo_pad_sizes(b, g, scalar(b, 0, t.elem), low, high, between);
}

/* aten.select_backward(grad_output, input_sizes, dim, index) */
Value lower_select_backward(Node *n)
{
	Value g = arg(n, "grad_output");
	int dim = arg_dim(n, "dim", 0, n->out.rank);
	if (!g || !n->out.rank) return 0;
	g = unsqueeze_dim(n->b, g, dim);
	return put_back(n, g, dim, whole_index(n, arg_size(n, "index", 0), n->out.dim[dim]), 1);
}

/* aten.slice_backward(grad_output, input_sizes, dim, start, end, step); start is cut to the size as slice
 * does */
Value lower_slice_backward(Node *n)
{
	Value g = arg(n, "grad_output");
	int dim = arg_dim(n, "dim", 0, n->out.rank);
	if (!g || !n->out.rank) return 0;
	int64_t size = n->out.dim[dim], step = arg_int(n, "step", 1);
	int64_t start = slice_bound(n, arg_size(n, "start", 0), size);
	return put_back(n, g, dim, start, size >= 0 && step > size + 1 ? size + 1 : step);
}

/* aten.unfold_backward(grad_in [*, L, *, K], input_sizes, dim, size K, step): element k of block l belongs to
 * l step + k */
Value lower_unfold_backward(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value g = arg_as(n, "grad_in", acc);
	int dim = arg_dim(n, "dim", 0, n->out.rank), rank = n->out.rank;
	int64_t size = arg_int(n, "size", 1), step = arg_int(n, "step", 1);
	if (!g) return 0;
	if (!rank) return reshape_to(b, cast(b, g, n->out.elem), n->out);
	Type t = type_of(b, g);
	if (t.rank != rank + 1 || (t.dim[rank] >= 0 && t.dim[rank] != size) || step < 1 || step > INT32_MAX || t.dim[dim] > INT32_MAX)
		return node_fail(n, BAD_INPUT, "blocks of %lld, %lld apart, in %s", (long long)size, (long long)step, type_str(n->a, t));
	int64_t *order = NEW(n->a, int64_t, t.rank);
	for (int i = 0; i < t.rank; i++) order[i] = i <= dim ? i : i == dim + 1 ? rank : i - 1;
	g = hlo_transpose(b, g, (Ints){ t.rank, order });                      /* [*, L, K, *] */
	Type places = tensor_type(n->a, DTYPE_i64, 2, (int64_t[]){ t.dim[dim], size });
	Value at = positions(b, places, 0, DTYPE_i64);
	at = hlo_multiply(b, at, hlo_splat_int(b, places, step));
	at = hlo_add(b, at, positions(b, places, 1, DTYPE_i64));
	Type sums = with_elem(n->out, acc);
	g = combine_at(b, OP_add, full(b, sums, 0), place_slices(b, sums, dim, at), g);
	return cast(b, g, n->out.elem);
}

/* aten.trace_backward(grad, sizes): grad on the diagonal */
Value lower_trace_backward(Node *n)
{
	Builder *b = n->b;
	if (n->out.rank != 2) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Value row = positions(b, n->out, 0, DTYPE_i64);
	Value column = positions(b, n->out, 1, DTYPE_i64);
	Value same = hlo_compare(b, DIRECTION_EQ, row, column);
	Value g = broadcast(b, arg(n, "grad"), n->out);
	return hlo_select(b, same, g, full(b, n->out, 0));
}

/* -- indices --------------------------------------------------------------------------------------------- */

/* Zeros with g added at index along "dim": single elements, as gather() reads them, or whole slices, as
 * index_select() does. */
static Value add_back(Node *n, Value g, Value index, bool slices)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value sums = full(b, with_elem(n->out, acc), 0);
	int dim = arg_dim(n, "dim", 0, n->out.rank);
	g = raised(b, cast(b, g, acc));
	index = raised(b, index);
	sums = raised(b, sums);
	if (!g || !index || !sums) return 0;
	Type t = type_of(b, sums);
	g = combine_at(b, OP_add, sums, slices ? place_slices(b, t, dim, index) : place_along(b, t, dim, index), g);
	g = reshape_to(b, g, n->out);
	return cast(b, g, n->out.elem);
}

/* aten.index_select_backward(grad, self_sizes, dim, index) */
Value lower_index_select_backward(Node *n)
{
	Value g = arg(n, "grad");
	return add_back(n, g, arg(n, "index"), true);
}

/* aten.gather_backward(grad, self, dim, index, sparse_grad) */
Value lower_gather_backward(Node *n)
{
	Value g = arg(n, "grad");
	return add_back(n, g, arg(n, "index"), false);
}

/* aten.cummaxmin_backward(grad, input, indices, dim) */
Value lower_cummaxmin_backward(Node *n)
{
	Value g = arg(n, "grad");
	return add_back(n, g, arg(n, "indices"), false);
}

/* aten.value_selecting_reduction_backward(grad, dim, indices, sizes, keepdim): of max, min, median, kthvalue,
 * mode along dim */
Value lower_value_selecting_backward(Node *n)
{
	Value g = arg(n, "grad"), index = arg(n, "indices");
	if (n->out.rank && !arg_bool(n, "keepdim", false)) {
		int dim = arg_dim(n, "dim", 0, n->out.rank);
		g = g ? unsqueeze_dim(n->b, g, dim) : 0;
		index = index ? unsqueeze_dim(n->b, index, dim) : 0;
	}
	return add_back(n, g, index, false);
}

/* aten.masked_scatter_backward(grad_output, mask, sizes): the gradient at the i-th set element of mask
 * belongs to element i */
Value lower_masked_scatter_backward(Node *n)
{
	Builder *b = n->b;
	Value g = arg(n, "grad_output"), mask = arg(n, "mask");
	if (!g || !mask) return 0;
	mask = broadcast(b, mask, type_of(b, g));
	mask = flattened(b, hlo_convert(b, mask, DTYPE_bool));
	g = flattened(b, g);
	Value which = running_count(b, mask);
	Value one = full_like(b, which, 1);
	which = hlo_subtract(b, which, one);
	Value nowhere = size_value(b, numel_of(b, n->out), known_type(b, which));
	which = hlo_select(b, mask, which, nowhere);
	Value zeros = flattened(b, full(b, n->out, 0));
	if (!zeros || !which) return 0;
	g = write_at(b, zeros, place_slices(b, type_of(b, zeros), 0, which), g);
	return reshape_to(b, g, n->out);
}

/* -- tables ---------------------------------------------------------------------------------------------- */

Value times_used(Builder *b, Value index, int64_t rows, DType acc)
{
	Type t = tensor_type(b->a, acc, 1, &rows), each = with_elem(type_of(b, index), acc);
	Value count = full(b, t, 0);
	count = combine_at(b, OP_add, count, place_slices(b, t, 0, index), full(b, each, 1));
	return take_at(b, count, 0, index);
}

/* aten.embedding_dense_backward(grad_output [*I, D], indices [*I], num_weights, padding_idx,
 * scale_grad_by_freq) -> [V, D]: the gradients of each row added up, over how often it was looked up if
 * asked; row padding_idx gets none. aten.embedding_backward(grad, ..., sparse) */
Value lower_embedding_backward(Node *n)
{
	Builder *b = n->b;
	if (arg_bool(n, "sparse", false)) return node_fail(n, UNSUPPORTED, "a sparse gradient");
	DType acc = acc_type(n->out.elem);
	Value g = arg_as(n, has_arg(n, "grad_output") ? "grad_output" : "grad", acc);
	Value index = flattened(b, arg_as(n, "indices", DTYPE_i64));
	if (!g || !index) return 0;
	if (n->out.rank != 2) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Type rows = tensor_type(n->a, acc, 2, (int64_t[]){ type_of(b, index).dim[0], n->out.dim[1] });
	g = reshape_to(b, g, rows);
	if (arg_bool(n, "scale_grad_by_freq", false)) {
		Value count = times_used(b, index, n->out.dim[0], acc);
		g = hlo_divide(b, g, along(b, count, 0, rows));
	}
	int64_t padding = arg_int(n, "padding_idx", -1);
	if (padding >= 0) {
		Value none = is(b, DIRECTION_EQ, index, (double)padding);
		none = along(b, none, 0, with_elem(rows, DTYPE_bool));
		g = if_num(b, none, 0, g);
	}
	Type t = with_elem(n->out, acc);
	g = combine_at(b, OP_add, full(b, t, 0), place_slices(b, t, 0, index), g);
	return cast(b, g, n->out.elem);
}
