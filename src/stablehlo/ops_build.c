/* One builder per op that needs more than its operands. Attributes stand in the order of the row in
 * ops.def. */
#include "stablehlo/ir.h"

#include <string.h>

static Attr num(int64_t i) { return (Attr){ .set = true, .i = i }; }
static Attr ints(Builder *b, Ints x)
{
	return (Attr){ .set = true, .ints = { x.n, COPY(b->a, int64_t, x.v, x.n) } };
}
static Attr flag(bool on) { return on ? num(1) : (Attr){ 0 }; }
static Attr dims(Builder *b, int n, const int64_t *v) { return ints(b, (Ints){ n, v }); }
static Attr maybe(Builder *b, Ints x) { return x.n ? ints(b, x) : (Attr){ 0 }; }

/* n equal numbers. */
static const int64_t *all(Builder *b, int n, int64_t each)
{
	int64_t *v = NEW(b->a, int64_t, n + 1);
	for (int i = 0; i < n; i++) v[i] = each;
	return v;
}

static bool any_handle(int n, const int64_t *v)
{
	for (int i = 0; i < n; i++)
		if (v[i] < 0) return true;
	return false;
}

/* -- elementwise ----------------------------------------------------------------------------------------- */

Value hlo_convert(Builder *b, Value x, DType elem)
{
	Type t = known_type(b, x);
	if (!t.kind || t.elem == elem) return t.kind ? x : 0;
	if (elem == DTYPE_bool && !constant_of(b, x)) return hlo_compare(b, DIRECTION_NE, x, hlo_splat(b, t, 0));
	if (is_complex(t.elem) && !is_complex(elem)) {
		Value re = hlo_real(b, x);
		return hlo_convert(b, re, elem);
	}
	if (is_complex(elem) && !is_complex(t.elem)) {
		Value re = hlo_convert(b, x, real_of(elem));
		Value im = hlo_splat(b, with_elem(t, real_of(elem)), 0);
		return hlo_complex(b, re, im);
	}
	Type to = with_elem(t, elem);
	return emit(b, OP_convert, &to, 1, &x, NULL);
}

Value hlo_bitcast_convert(Builder *b, Value x, Type t)
{
	return emit(b, OP_bitcast_convert, &t, 1, &x, NULL);
}

/* NOTYPE would be inferred the same; naming the type is what JAX and the spec do. */
static CompareType compare_type(DType t)
{
	return is_float(t) || is_complex(t) ? COMPARE_FLOAT : is_unsigned(t) ? COMPARE_UNSIGNED : COMPARE_SIGNED;
}

Value hlo_compare(Builder *b, Direction d, Value x, Value y)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Attr attr[MAX_ATTRS + 1] = { num(d), num(compare_type(t.elem)) };
	return emit(b, OP_compare, NULL, 2, (Value[]){ x, y }, attr);
}

Value hlo_select(Builder *b, Value pred, Value on_true, Value on_false)
{
	return emit(b, OP_select, NULL, 3, (Value[]){ pred, on_true, on_false }, NULL);
}

Value hlo_clamp(Builder *b, Value min, Value x, Value max)
{
	return emit(b, OP_clamp, NULL, 3, (Value[]){ min, x, max }, NULL);
}

Value hlo_complex(Builder *b, Value re, Value im)
{
	return emit(b, OP_complex, NULL, 2, (Value[]){ re, im }, NULL);
}
Value hlo_is_finite(Builder *b, Value x) { return emit(b, OP_is_finite, NULL, 1, &x, NULL); }

Value hlo_reduce_precision(Builder *b, Value x, int exponent_bits, int mantissa_bits)
{
	Attr attr[MAX_ATTRS + 1] = { num(exponent_bits), num(mantissa_bits) };
	return emit(b, OP_reduce_precision, NULL, 1, &x, attr);
}

/* -- shapes ---------------------------------------------------------------------------------------------- */

Value hlo_reshape(Builder *b, Value x, int rank, const int64_t *dim)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Type to = tensor_type(b->a, t.elem, rank, dim);
	if (is_static(t) && is_static(to) && type_numel(t) != type_numel(to))
		return build_fail(b, BAD_INPUT, "stablehlo.reshape: %s does not have as many elements as %s", type_str(b->a, t),
			type_str(b->a, to));
	if (!is_static(to)) return same_shape(t, to) ? x : dynamic_reshape(b, x, to);
	return emit(b, OP_reshape, &to, 1, &x, NULL);
}

Value hlo_broadcast_in_dim(Builder *b, Value x, int rank, const int64_t *dim, Ints broadcast_dimensions)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Type to = tensor_type(b->a, t.elem, rank, dim);
	bool ok = broadcast_dimensions.n == t.rank;
	for (int i = 0; ok && i < t.rank; i++) {
		int64_t d = broadcast_dimensions.v[i];
		bool open = t.dim[i] < 0 && d >= 0 && d < rank && dim[d] < 0;      /* that two handles agree is the caller's word */
		ok = open || (d >= 0 && d < rank && (t.dim[i] == 1 || t.dim[i] == dim[d]));
	}
	if (!ok)
		return build_fail(b, BAD_INPUT, "stablehlo.broadcast_in_dim: %s does not broadcast to %s", type_str(b->a, t),
			type_str(b->a, to));
	Attr attr = ints(b, broadcast_dimensions);
	if (!is_static(to)) return type_eq(t, to) ? x : dynamic_broadcast(b, x, to, &attr);
	return emit(b, OP_broadcast_in_dim, &to, 1, &x, &attr);
}

Value hlo_transpose(Builder *b, Value x, Ints permutation)
{
	Attr attr = ints(b, permutation);
	return emit(b, OP_transpose, NULL, 1, &x, &attr);
}

Value hlo_reverse(Builder *b, Value x, Ints d)
{
	if (!d.n) return x;
	Attr attr = ints(b, d);
	return emit(b, OP_reverse, NULL, 1, &x, &attr);
}

Value hlo_slice(Builder *b, Value x, const int64_t *start, const int64_t *limit, const int64_t *stride)
{
	int n = known_type(b, x).rank;
	if (!stride) stride = all(b, n, 1);
	if (any_handle(n, start) || any_handle(n, limit) || any_handle(n, stride)) return dynamic_slice_of(b, x, start, limit, stride);
	Attr attr[MAX_ATTRS + 1] = { dims(b, n, start), dims(b, n, limit), dims(b, n, stride) };
	return emit(b, OP_slice, NULL, 1, &x, attr);
}

Value hlo_pad(Builder *b, Value x, Value value, const int64_t *low, const int64_t *high,
	const int64_t *interior)
{
	int n = known_type(b, x).rank;
	bool any = false;
	for (int i = 0; i < n; i++) any |= low[i] || high[i] || (interior && interior[i]);
	if (!any && known_type(b, x).kind) return x;
	Attr attr[MAX_ATTRS + 1] = { dims(b, n, low), dims(b, n, high),
		dims(b, n, interior ? interior : all(b, n, 0)) };
	return emit(b, OP_pad, NULL, 2, (Value[]){ x, value }, attr);
}

Value hlo_concatenate(Builder *b, int n, const Value *x, int dim)
{
	Attr attr = num(dim);
	return emit(b, OP_concatenate, NULL, n, x, &attr);
}

Value hlo_iota(Builder *b, Type t, int dim)
{
	Attr attr = num(dim);
	if (!is_static(t)) return dynamic_iota(b, t, &attr);
	return emit(b, OP_iota, &t, 0, NULL, &attr);
}

/* x and rank more values, gathered into one operand list. */
static Value with_starts(Builder *b, OpCode code, int nhead, const Value *head, const Value *start,
	const Attr *attr)
{
	int rank = known_type(b, head[0]).rank;
	Value *in = NEW(b->a, Value, nhead + rank);
	memcpy(in, head, (size_t)nhead * sizeof *in);
	if (rank) memcpy(in + nhead, start, (size_t)rank * sizeof *in);
	return emit(b, code, NULL, nhead + rank, in, attr);
}

Value hlo_dynamic_slice(Builder *b, Value x, const Value *start, const int64_t *size)
{
	if (any_handle(known_type(b, x).rank, size)) return dynamic_slice_from(b, x, start, size);
	Attr attr = dims(b, known_type(b, x).rank, size);
	return with_starts(b, OP_dynamic_slice, 1, &x, start, &attr);
}

Value hlo_dynamic_update_slice(Builder *b, Value x, Value update, const Value *start)
{
	return with_starts(b, OP_dynamic_update_slice, 2, (Value[]){ x, update }, start, NULL);
}

Value hlo_get_dimension_size(Builder *b, Value x, int dim)
{
	Attr attr = num(dim);
	return emit(b, OP_get_dimension_size, NULL, 1, &x, &attr);
}

/* -- contractions ---------------------------------------------------------------------------------------- */

/* The inferred type of an op on these operands, with another element type. */
static bool infer_with_elem(Builder *b, OpCode code, const Value *in, const Attr *attr, DType elem, Type *t)
{
	if (b->m->err->code || !in[0] || !in[1]) return false;
	Op draft = { .code = code, .nin = 2, .nout = 1, .in = (Value *)(uintptr_t)in,
		.attr = (Attr *)(uintptr_t)attr };
	if (!op_table[code].infer(b->m, &draft, 1, t))
		return err_at(b->m->err, "stablehlo.%s(%s, %s)", op_table[code].name, type_str(b->a, type_of(b, in[0])),
			type_str(b->a, type_of(b, in[1])));
	if (elem) t->elem = elem;
	return true;
}

Value hlo_dot_general(Builder *b, Value x, Value y, DotDims d, DType elem)
{
	DotDims *kept = COPY(b->a, DotDims, &d, 1);
	kept->lhs_batching = ints(b, d.lhs_batching).ints;
	kept->rhs_batching = ints(b, d.rhs_batching).ints;
	kept->lhs_contracting = ints(b, d.lhs_contracting).ints;
	kept->rhs_contracting = ints(b, d.rhs_contracting).ints;
	Attr attr[MAX_ATTRS + 1] = { { .set = true, .dot = kept } };
	Type t;
	if (!infer_with_elem(b, OP_dot_general, (Value[]){ x, y }, attr, elem, &t)) return 0;
	return emit(b, OP_dot_general, &t, 2, (Value[]){ x, y }, attr);
}

Value hlo_convolution(Builder *b, Value x, Value w, Conv c)
{
	ConvDims *d = COPY(b->a, ConvDims, &c.dims, 1);
	d->input_spatial = ints(b, c.dims.input_spatial).ints;
	d->kernel_spatial = ints(b, c.dims.kernel_spatial).ints;
	d->output_spatial = ints(b, c.dims.output_spatial).ints;
	Attr attr[MAX_ATTRS + 1] = {
		maybe(b, c.strides), maybe(b, c.padding), maybe(b, c.lhs_dilation), maybe(b, c.rhs_dilation), { 0 },
		{ .set = true, .conv = d }, num(c.groups ? c.groups : 1), num(c.batch_groups ? c.batch_groups : 1),
	};
	Type t;
	if (!infer_with_elem(b, OP_convolution, (Value[]){ x, w }, attr, c.elem, &t)) return 0;
	return emit(b, OP_convolution, &t, 2, (Value[]){ x, w }, attr);
}

/* -- ops with regions ------------------------------------------------------------------------------------ */

/* inputs and inits in one list; results spread to out[n]. */
static bool emit_n(Builder *b, OpCode code, int nout, int nin, const Value *in, const Attr *attr, int nregion,
	Region *const *region, Value *out)
{
	Op *op = emit_op(b, code, nout, NULL, nin, in, attr, nregion, region);
	for (int i = 0; i < nout; i++) out[i] = op ? op->out + (Value)i : 0;
	return op != NULL;
}

static const Value *join(Builder *b, int n, const Value *x, int k, const Value *y)
{
	Value *v = NEW(b->a, Value, n + k);
	memcpy(v, x, (size_t)n * sizeof *v);
	if (k) memcpy(v + n, y, (size_t)k * sizeof *v);
	return v;
}

bool hlo_reduce_n(Builder *b, int n, const Value *x, const Value *init, Ints d, Region *body, Value *out)
{
	Attr attr = ints(b, d);
	return emit_n(b, OP_reduce, n, 2 * n, join(b, n, x, n, init), &attr, 1, &body, out);
}

Value hlo_reduce(Builder *b, OpCode op, Value x, Value init, Ints d)
{
	Type t = known_type(b, x);
	if (!t.kind || !init) return 0;
	Value out = 0;
	Region *body = binary_region(b, op, t.elem);
	hlo_reduce_n(b, 1, &x, &init, d, body, &out);
	return out;
}

bool hlo_reduce_window_n(Builder *b, int n, const Value *x, const Value *init, Window w, Region *body,
	Value *out)
{
	Attr attr[MAX_ATTRS + 1] = { ints(b, w.size), maybe(b, w.strides), maybe(b, w.base_dilations), maybe(b, w.window_dilations),
		maybe(b, w.padding) };
	return emit_n(b, OP_reduce_window, n, 2 * n, join(b, n, x, n, init), attr, 1, &body, out);
}

Value hlo_reduce_window(Builder *b, OpCode op, Value x, Value init, Window w)
{
	Type t = known_type(b, x);
	if (!t.kind || !init) return 0;
	Value out = 0;
	Region *body = binary_region(b, op, t.elem);
	hlo_reduce_window_n(b, 1, &x, &init, w, body, &out);
	return out;
}

Value hlo_select_and_scatter(Builder *b, Value x, Value source, Value init, Window w, Region *select,
	Region *scatter)
{
	Attr attr[MAX_ATTRS + 1] = { ints(b, w.size), maybe(b, w.strides), maybe(b, w.padding) };
	Value out = 0;
	emit_n(b, OP_select_and_scatter, 1, 3, (Value[]){ x, source, init }, attr, 2,
		(Region *[]){ select, scatter }, &out);
	return out;
}

Value hlo_gather(Builder *b, Value x, Value indices, GatherDims d, Ints slice_sizes, bool sorted)
{
	GatherDims *kept = COPY(b->a, GatherDims, &d, 1);
	kept->offset_dims = ints(b, d.offset_dims).ints;
	kept->collapsed_slice_dims = ints(b, d.collapsed_slice_dims).ints;
	kept->operand_batching_dims = ints(b, d.operand_batching_dims).ints;
	kept->start_indices_batching_dims = ints(b, d.start_indices_batching_dims).ints;
	kept->start_index_map = ints(b, d.start_index_map).ints;
	Attr attr[MAX_ATTRS + 1] = { { .set = true, .gather = kept }, ints(b, slice_sizes), flag(sorted) };
	if (any_handle(slice_sizes.n, slice_sizes.v)) return dynamic_gather(b, x, indices, &attr[0], slice_sizes, &attr[2]);
	return emit(b, OP_gather, NULL, 2, (Value[]){ x, indices }, attr);
}

bool hlo_scatter_n(Builder *b, int n, const Value *x, Value indices, const Value *updates, ScatterDims d, bool sorted,
	bool unique, Region *body, Value *out)
{
	ScatterDims *kept = COPY(b->a, ScatterDims, &d, 1);
	kept->update_window_dims = ints(b, d.update_window_dims).ints;
	kept->inserted_window_dims = ints(b, d.inserted_window_dims).ints;
	kept->input_batching_dims = ints(b, d.input_batching_dims).ints;
	kept->scatter_indices_batching_dims = ints(b, d.scatter_indices_batching_dims).ints;
	kept->scatter_dims_to_operand_dims = ints(b, d.scatter_dims_to_operand_dims).ints;
	Attr attr[MAX_ATTRS + 1] = { { .set = true, .scatter = kept }, flag(sorted), flag(unique) };
	const Value *head = join(b, n, x, 1, &indices);
	return emit_n(b, OP_scatter, n, 2 * n + 1, join(b, n + 1, head, n, updates), attr, 1, &body, out);
}

Value hlo_scatter(Builder *b, Value x, Value indices, Value updates, ScatterDims d, bool sorted, bool unique,
	Region *body)
{
	Value out = 0;
	hlo_scatter_n(b, 1, &x, indices, &updates, d, sorted, unique, body, &out);
	return out;
}

bool hlo_sort(Builder *b, int n, const Value *x, int dim, bool stable, Region *comparator, Value *out)
{
	Attr attr[MAX_ATTRS + 1] = { num(dim), flag(stable) };
	return emit_n(b, OP_sort, n, n, x, attr, 1, &comparator, out);
}

bool hlo_while(Builder *b, int n, const Value *init, Region *cond, Region *body, Value *out)
{
	return emit_n(b, OP_while, n, n, init, NULL, 2, (Region *[]){ cond, body }, out);
}

bool hlo_if(Builder *b, Value pred, int n, Region *on_true, Region *on_false, Value *out)
{
	return emit_n(b, OP_if, n, 1, &pred, NULL, 2, (Region *[]){ on_true, on_false }, out);
}

bool hlo_case(Builder *b, Value index, int n, int nbranch, Region *const *branch, Value *out)
{
	return emit_n(b, OP_case, n, 1, &index, NULL, nbranch, branch, out);
}

/* -- the rest -------------------------------------------------------------------------------------------- */

bool hlo_rng_bit_generator(Builder *b, RngAlgorithm alg, Value state, Type t, Value *out_state, Value *out)
{
	Attr attr = num(alg);
	Type result[2] = { known_type(b, state), t };
	Op *op = emit_op(b, OP_rng_bit_generator, 2, result, 1, &state, &attr, 0, NULL);
	*out_state = op ? op->out : 0;
	*out = op ? op->out + 1 : 0;
	return op != NULL;
}

Value hlo_fft(Builder *b, Value x, FftType type, Ints length)
{
	Attr attr[MAX_ATTRS + 1] = { num(type), ints(b, length) };
	return emit(b, OP_fft, NULL, 1, &x, attr);
}

Value hlo_cholesky(Builder *b, Value x, bool lower)
{
	Attr attr = flag(lower);
	return emit(b, OP_cholesky, NULL, 1, &x, &attr);
}

/* The `transpose_a` enum of the spec. */
enum { NO_TRANSPOSE = 1, TRANSPOSE = 2 };

Value hlo_triangular_solve(Builder *b, Value x, Value y, bool left, bool lower, bool unit, bool transpose)
{
	Attr attr[MAX_ATTRS + 1] = { num(left), num(lower), num(unit),
		num(transpose ? TRANSPOSE : NO_TRANSPOSE) };
	return emit(b, OP_triangular_solve, NULL, 2, (Value[]){ x, y }, attr);
}
