/* Floats to integers and back, by scales and zero points: the operators of pt2e (quantized_decomposed) and of torchao. */
#include "aten/formulas.h"
#include "aten/quant.h"
#include "aten/quant_type.h"
#include "aten/rules.h"

/* -- to integers ----------------------------------------------------------------------------------------- */

/* Where torch rounds: the quotient before the zero point is added, or the sum. */
typedef enum Rounds { ROUNDS_QUOTIENT, ROUNDS_SUM } Rounds;

/* "quant_min" or "quant_max", or what the type has that is quantized to. */
static Num end_of_grid(Node *n, const char *name, Num x, double (*otherwise)(DType t))
{
	Builder *b = n->b;
	DType to = arg_dtype(n, has_arg(n, "output_dtype") ? "output_dtype" : "dtype", n->out.elem);
	Value end = has_arg(n, name) ? arg(n, name) : scalar(b, otherwise(to), acc_type(x.as));
	return spread_block(b, num_as(b, end, x.as), one_block(known_type(b, x.v)));
}

/* low <= round(x / s) + z <= high, x times the reciprocal of s as torch has it; z 0: none. x is as g.view. */
static Num on_grid(Node *n, Num x, Num inverse, Num zero, Rounds how)
{
	Builder *b = n->b;
	x = num_op(b, OP_multiply, x, inverse);
	if (how == ROUNDS_QUOTIENT) x = num_round(b, x);
	if (zero.v) x = num_op(b, OP_add, x, zero);
	if (how == ROUNDS_SUM) x = num_round(b, x);
	Num low = end_of_grid(n, "quant_min", x, least_of);
	Num high = end_of_grid(n, "quant_max", x, most_of);
	return num_clamp(b, x, low, high);
}

/* An argument of tensors as numbers of g's blocks; none when it is absent. */
static Num block_arg(Node *n, const char *name, Blocks g)
{
	Value v = arg_opt(n, name);
	return v ? spread_block(n->b, num_of(n->b, v), g) : (Num){ 0 };
}

/* 1 / s in the type of s */
static Num inverse_of(Builder *b, Num s)
{
	Num one = { full_like(b, s.v, 1), s.as };
	return num_op(b, OP_divide, one, s);
}

/* x quantized by "scales" and "zero_points" of blocks; in its own shape again, and in n->out's type. */
static Value to_integers(Node *n, Num x, const char *scales, const char *zeros, Blocks g, Rounds how)
{
	Builder *b = n->b;
	Type t = known_type(b, x.v);
	if (!t.kind || !g.view.kind) return 0;
	x.v = reshape_to(b, x.v, g.view);
	Num inverse = num_of(b, arg(n, scales));
	inverse = spread_block(b, inverse_of(b, inverse), g);
	x = on_grid(n, x, inverse, block_arg(n, zeros, g), how);
	x.v = reshape_to(b, x.v, t);
	return cast(b, x.v, n->out.elem);
}

/* quantized_decomposed.quantize_per_tensor(input, scale, zero_point, quant_min, quant_max, dtype):
 * clamp(round(input * (1 / scale)) + zero_point, quant_min, quant_max) in f32. Scales and zero points that are tensors of one
 * element are read as Python numbers are: 1 / scale in f64, then rounded; of an f32 the same as 1 / scale in f32. */
Value lower_quantize_per_tensor(Node *n)
{
	Builder *b = n->b;
	Value typed = to_quantized(n, "input", "scale", "zero_point", -1);
	if (typed) return typed;
	Num x = { arg_as(n, "input", DTYPE_f32), DTYPE_f32 };
	Value s = arg(n, "scale");
	s = cast(b, s, known_type(b, s).elem == DTYPE_f64 ? DTYPE_f64 : DTYPE_f32);
	s = over(b, 1, s);
	Num inverse = { cast(b, s, DTYPE_f32), DTYPE_f32 };
	Num zero = { arg_as(n, "zero_point", DTYPE_f32), DTYPE_f32 };
	Blocks g = one_block(known_type(b, x.v));
	inverse = spread_block(b, inverse, g);
	zero = spread_block(b, zero, g);
	x = on_grid(n, x, inverse, zero, ROUNDS_QUOTIENT);
	return cast(b, x.v, n->out.elem);
}

/* Numbers [C] along dim "axis" of t. */
static Blocks block_per_channel(Node *n, Type t)
{
	int64_t *each = NEW(n->a, int64_t, t.rank + 1);
	Type scales = known_type(n->b, arg(n, "scales"));
	int axis = arg_dim(n, "axis", 0, t.rank);
	if (!t.kind || !scales.kind) return (Blocks){ 0 };
	if (t.rank == 0 || scales.rank != 1)
		return node_fail(n, BAD_INPUT, "scales %s for the channels of %s", type_str(n->a, scales), type_str(n->a, t)), (Blocks){ 0 };
	for (int i = 0; i < t.rank; i++) each[i] = i == axis ? scales.dim[0] : 1;
	return (Blocks){ t, tensor_type(n->a, t.elem, t.rank, each) };
}

/* quantized_decomposed.quantize_per_channel(input, scales [C], zero_points [C], axis, quant_min, quant_max, dtype): the same for each
 * index of the axis */
Value lower_quantize_per_channel(Node *n)
{
	Num x = { arg_as(n, "input", DTYPE_f32), DTYPE_f32 };
	Type t = known_type(n->b, x.v);
	Value typed = t.kind ? to_quantized(n, "input", "scales", "zero_points", arg_dim(n, "axis", 0, t.rank)) : 0;
	return typed ? typed : to_integers(n, x, "scales", "zero_points", block_per_channel(n, t), ROUNDS_QUOTIENT);
}

/* quantized_decomposed.quantize_per_token(input [.., N], scales [.., 1], zero_points [.., 1], quant_min, quant_max, dtype):
 * clamp(round(input * (1 / scales) + zero_points), quant_min, quant_max) */
Value lower_quantize_per_token(Node *n)
{
	Num x = num_of(n->b, arg(n, "input"));
	return to_integers(n, x, "scales", "zero_points", block_per_row(n->b, known_type(n->b, x.v)), ROUNDS_SUM);
}

/* Rows of t [M, N] in groups of "group_size", or whole when they are shorter and have one scale. */
static Blocks block_per_group(Node *n, Type t)
{
	Type scales = known_type(n->b, arg(n, "scales"));
	if (!t.kind || !scales.kind) return (Blocks){ 0 };
	if (t.rank != 2 || !scales.rank)
		return node_fail(n, BAD_INPUT, "scales %s for groups of %s", type_str(n->a, scales), type_str(n->a, t)), (Blocks){ 0 };
	int64_t size = arg_int(n, "group_size", 128);
	if (size > t.dim[1] && scales.dim[scales.rank - 1] == 1) size = t.dim[1];
	return blocks_of(n, t, (Ints){ 2, (int64_t[]){ 1, size } });
}

/* quantized_decomposed.quantize_per_channel_group(input [M, N], scales [M, N / group_size], zero_points, quant_min, quant_max,
 * dtype, group_size): as quantize_per_token, for each group of a row */
Value lower_quantize_per_channel_group(Node *n)
{
	Num x = num_of(n->b, arg(n, "input"));
	return to_integers(n, x, "scales", "zero_points", block_per_group(n, known_type(n->b, x.v)), ROUNDS_SUM);
}

/* torchao.quantize_affine(input, block_size, scale, zero_point, output_dtype, quant_min?, quant_max?):
 * clamp(round(input * (1 / scale)) + zero_point, quant_min, quant_max), a scale for each block */
Value lower_quantize_affine(Node *n)
{
	Num x = num_of(n->b, arg(n, "input"));
	Type t = known_type(n->b, x.v);
	Value typed = t.kind ? blocks_to_quantized(n, t) : 0;
	return typed ? typed : to_integers(n, x, "scale", "zero_point", blocks_of(n, t, arg_sizes(n, "block_size")), ROUNDS_QUOTIENT);
}

/* -- to floats ------------------------------------------------------------------------------------------- */

/* (q - z) * s of blocks, z of none: 0; in q's own shape again, and in n->out's type. */
static Value from_integers(Node *n, Num q, Num zero, const char *scales, Blocks g)
{
	Builder *b = n->b;
	Type t = known_type(b, q.v);
	if (!t.kind || !g.view.kind) return 0;
	q.v = reshape_to(b, q.v, g.view);
	if (zero.v) q = num_op(b, OP_subtract, q, spread_block(b, zero, g));
	Num s = num_of(b, arg(n, scales));
	q = num_op(b, OP_multiply, q, spread_block(b, s, g));
	q.v = reshape_to(b, q.v, t);
	return cast(b, q.v, n->out.elem);
}

/* Zero points of i64 are taken as i32 beside values of 16 bits and less: every one lies in there. */
static Num zero_points(Node *n, DType q)
{
	Value z = arg_opt(n, "zero_points");
	bool wide = known_type(n->b, z).elem == DTYPE_i64 && dtype_nbytes(q) <= 2;
	return z ? num_of(n->b, wide ? cast(n->b, z, DTYPE_i32) : z) : (Num){ 0 };
}

/* quantized_decomposed.dequantize_per_tensor(input, scale, zero_point, .., *, out_dtype?): (input - zero_point) * scale, in the
 * result's type from the start */
Value lower_dequantize_per_tensor(Node *n)
{
	Builder *b = n->b;
	DType as = n->out.elem, t = acc_type(as);
	Value typed = from_quantized(n, "input", "scale", "zero_point", -1);
	if (typed) return typed;
	Num q = num_as(b, arg(n, "input"), as);
	Num zero = { arg_as(n, "zero_point", t), as };
	Num s = { arg_as(n, "scale", t), as };
	Blocks g = one_block(known_type(b, q.v));
	q = num_op(b, OP_subtract, q, spread_block(b, zero, g));
	q = num_op(b, OP_multiply, q, spread_block(b, s, g));
	return cast(b, q.v, as);
}

/* quantized_decomposed.dequantize_per_channel(input, scales [C], zero_points [C]?, axis, .., *, out_dtype?):
 * (input - zero_points) * scales, integers subtracted as such */
Value lower_dequantize_per_channel(Node *n)
{
	Num q = num_of(n->b, arg(n, "input"));
	Type t = known_type(n->b, q.v);
	Value typed = t.kind ? from_quantized(n, "input", "scales", "zero_points", arg_dim(n, "axis", 0, t.rank)) : 0;
	return typed ? typed : from_integers(n, q, zero_points(n, q.as), "scales", block_per_channel(n, t));
}

/* quantized_decomposed.dequantize_per_token(input [.., N], scales [.., 1], zero_points [.., 1], .., output_dtype) */
Value lower_dequantize_per_token(Node *n)
{
	Num q = num_of(n->b, arg(n, "input"));
	return from_integers(n, q, zero_points(n, q.as), "scales", block_per_row(n->b, known_type(n->b, q.v)));
}

/* quantized_decomposed.dequantize_per_channel_group(w_int8 [M, N], scales [M, N / group_size], zero_points?, .., group_size,
 * output_dtype) */
Value lower_dequantize_per_channel_group(Node *n)
{
	Num q = num_of(n->b, arg(n, has_arg(n, "w_int8") ? "w_int8" : "input"));
	return from_integers(n, q, zero_points(n, q.as), "scales", block_per_group(n, known_type(n->b, q.v)));
}

/* torchao.dequantize_affine(input, block_size, scale, zero_point?, input_dtype, quant_min?, quant_max?, output_dtype=f32):
 * (input - zero_point) * scale, both in the result's type first */
Value lower_dequantize_affine(Node *n)
{
	Builder *b = n->b;
	Num q = num_as(b, arg(n, "input"), n->out.elem);
	Type t = known_type(b, q.v);
	Value typed = t.kind ? blocks_from_quantized(n, t) : 0;
	if (typed) return typed;
	Value z = arg_opt(n, "zero_point");
	Num zero = z ? num_as(b, z, n->out.elem) : (Num){ 0 };
	return from_integers(n, q, zero, "scale", blocks_of(n, t, arg_sizes(n, "block_size")));
}

/* quantized_decomposed.convert_element_type.no_fuse(input, dtype): input in another type */
Value lower_convert_no_fuse(Node *n)
{
	Value x = arg(n, "input");
	return cast(n->b, x, n->out.elem);
}

/* -- 8-bit floats ---------------------------------------------------------------------------------------- */

/* Blocks of scales that broadcast to t, or whose sizes divide t's. */
static Blocks blocks_by_shape(Node *n, Type t, Type scale)
{
	int64_t *block = NEW(n->a, int64_t, t.rank + 1);
	if (!t.kind || !scale.kind) return (Blocks){ 0 };
	if (scale.rank != t.rank) return type_numel(scale) == 1 ? one_block(t) : blocks_of(n, t, (Ints){ scale.rank, NULL });
	for (int i = 0; i < t.rank; i++) {
		bool whole = scale.dim[i] == 1, each = scale.dim[i] == t.dim[i];
		block[i] = whole ? t.dim[i] : each ? 1 : scale.dim[i] > 0 && t.dim[i] >= 0 ? t.dim[i] / scale.dim[i] : -1;
	}
	return blocks_of(n, t, (Ints){ t.rank, block });
}

/* tensor op scale in f32 */
static Num by_scale(Node *n, OpCode op)
{
	Builder *b = n->b;
	Num x = { arg_as(n, "tensor", DTYPE_f32), DTYPE_f32 };
	Num s = { arg_as(n, "scale", DTYPE_f32), DTYPE_f32 };
	Type t = known_type(b, x.v);
	Blocks g = blocks_by_shape(n, t, known_type(b, s.v));
	if (!g.view.kind) return (Num){ 0 };
	x.v = reshape_to(b, x.v, g.view);
	x = num_op(b, op, x, spread_block(b, s, g));
	x.v = reshape_to(b, x.v, t);
	return x;
}

/* torchao.quantize_affine_float8_non_decomposed(tensor, scale, float8_dtype): tensor / scale, kept in the type's range */
Value lower_quantize_float8(Node *n)
{
	Num x = by_scale(n, OP_divide);
	double top = most_of(n->out.elem);
	return cast(n->b, bounded(n->b, x.v, -top, top), n->out.elem);
}

/* torchao.dequantize_affine_float8_non_decomposed(tensor, scale, output_dtype=f32): tensor * scale */
Value lower_dequantize_float8(Node *n)
{
	Num x = by_scale(n, OP_multiply);
	return cast(n->b, x.v, n->out.elem);
}
