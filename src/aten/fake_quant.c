/* Fake quantization: floats to the nearest of a grid and back, in training, and the observers that choose the grid. */
#include "aten/fake_quant.h"
#include "aten/formulas.h"
#include "aten/rules.h"

/* -- on the grid ----------------------------------------------------------------------------------------- */

Grid grid_of(Node *n, Value scale, Value zero, Blocks g, DType sums, DType product)
{
	Builder *b = n->b;
	Value s = cast(b, scale, DTYPE_f32);
	Value inverse = over(b, 1, s);
	inverse = cast(b, inverse, sums);
	Value z = cast(b, zero, sums);
	s = cast(b, s, product);
	Grid grid = { .product = product, .low = arg_num(n, "quant_min", 0), .high = arg_num(n, "quant_max", 0) };
	grid.scale = spread_block(b, (Num){ s, product }, g).v;
	grid.inverse = spread_block(b, (Num){ inverse, sums }, g).v;
	grid.zero = spread_block(b, (Num){ z, sums }, g).v;
	return grid;
}

Faked faked(Builder *b, Value x, Grid g, bool whole)
{
	Value q = hlo_multiply(b, x, g.inverse);
	if (whole) q = q ? hlo_round_nearest_even(b, q) : 0;
	q = hlo_add(b, q, g.zero);
	if (!whole) q = q ? hlo_round_nearest_even(b, q) : 0;
	Value above = is(b, DIRECTION_GE, q, g.low);
	Value below = is(b, DIRECTION_LE, q, g.high);
	Value nan = math_isnan(b, q);
	q = if_num(b, nan, g.low, q);
	q = bounded(b, q, g.low, g.high);
	q = hlo_subtract(b, q, g.zero);
	q = cast(b, q, g.product);
	above = hlo_and(b, above, below);
	return (Faked){ hlo_multiply(b, q, g.scale), above, q };
}

Value if_flag(Node *n, const char *name, Value x, Value y)
{
	Value on = arg_as(n, name, DTYPE_bool);
	on = reshape_to(n->b, on, scalar_type(DTYPE_bool));
	return where(n->b, on, x, y);
}

static Value give(Node *n, Faked f)
{
	set_out(n, 1, f.inside);
	return cast(n->b, f.v, n->out.elem);
}

/* -- per tensor ------------------------------------------------------------------------------------------ */

/* self by one scale and zero point. torch multiplies in f32, f64 too. */
static Faked faked_per_tensor(Node *n, Value scale, Value zero)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	DType t = acc_type(known_type(b, x).elem);
	x = cast(b, x, t);
	Blocks one = one_block(known_type(b, x));
	return faked(b, x, grid_of(n, scale, zero, one, t, DTYPE_f32), true);
}

/* aten.fake_quantize_per_tensor_affine(self, scale, zero_point, quant_min, quant_max); _cachemask also gives which elements lay
 * in the range. Scale and zero point are numbers, or tensors of one. */
Value lower_fake_quantize_per_tensor(Node *n)
{
	Value scale = arg(n, "scale");
	Value zero = arg_as(n, "zero_point", DTYPE_i64);
	return give(n, faked_per_tensor(n, scale, zero));
}

/* aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams(.., fake_quant_enabled, ..): self itself where that is 0 */
Value lower_fake_quantize_enabled(Node *n)
{
	Builder *b = n->b;
	Value scale = arg(n, "scale");
	Value zero = arg_as(n, "zero_point", DTYPE_i64);
	Faked f = faked_per_tensor(n, scale, zero);
	f.v = cast(b, f.v, n->out.elem);
	f.v = if_flag(n, "fake_quant_enabled", f.v, arg(n, "self"));
	f.inside = if_flag(n, "fake_quant_enabled", f.inside, full(b, with_elem(n->out, DTYPE_bool), 1));
	return give(n, f);
}

/* A zero point that is learned: rounded, in the range. */
static Value whole_zero(Node *n)
{
	Value z = arg_as(n, "zero_point", DTYPE_f32);
	z = z ? hlo_round_nearest_even(n->b, z) : 0;
	return bounded(n->b, z, arg_num(n, "quant_min", 0), arg_num(n, "quant_max", 0));
}

/* aten._fake_quantize_learnable_per_tensor_affine(self, scale [1], zero_point [1], quant_min, quant_max, grad_factor=1) */
Value lower_fake_quantize_learnable(Node *n)
{
	Value scale = arg(n, "scale");
	return give(n, faked_per_tensor(n, scale, whole_zero(n)));
}

/* -- per channel ----------------------------------------------------------------------------------------- */

Blocks channels(Node *n, Type t, int axis)
{
	int64_t *each = NEW(n->a, int64_t, t.rank + 1);
	if (!t.kind || !t.rank) return (Blocks){ 0 };
	for (int i = 0; i < t.rank; i++) each[i] = i == axis ? t.dim[i] : 1;
	return (Blocks){ t, tensor_type(n->a, t.elem, t.rank, each) };
}

static Faked faked_per_channel(Node *n, const char *self, Value scale, Value zero, const char *axis)
{
	Builder *b = n->b;
	Value x = arg(n, self);
	DType z = known_type(b, zero).elem, t = acc_type(known_type(b, x).elem);
	x = cast(b, x, t);
	Type shape = known_type(b, x);
	Blocks g = channels(n, shape, arg_dim(n, axis, 0, shape.rank));
	return faked(b, x, grid_of(n, scale, zero, g, t, t), !is_float(z));
}

/* aten.fake_quantize_per_channel_affine(self, scale [C], zero_point [C], axis, quant_min, quant_max), _cachemask */
Value lower_fake_quantize_per_channel(Node *n)
{
	Value scale = arg(n, "scale");
	return give(n, faked_per_channel(n, "self", scale, arg(n, "zero_point"), "axis"));
}

/* aten._fake_quantize_learnable_per_channel_affine(self, scale [C], zero_point [C], axis, ..) */
Value lower_fake_quantize_learnable_channels(Node *n)
{
	Value scale = arg(n, "scale");
	Value zero = cast(n->b, whole_zero(n), DTYPE_i32);
	return give(n, faked_per_channel(n, "self", scale, zero, "axis"));
}

/* quantized_decomposed.fake_quant_per_channel(input, scales [C], zero_points [C], axis, quant_min, quant_max): zero points as i32 */
Value lower_fake_quant_per_channel(Node *n)
{
	Value scale = arg(n, "scales");
	Value zero = arg_as(n, "zero_points", DTYPE_i32);
	return give(n, faked_per_channel(n, "input", scale, zero, "axis"));
}

/* -- gradients ------------------------------------------------------------------------------------------- */

/* aten.fake_quantize_per_tensor_affine_cachemask_backward(grad, mask), .._per_channel_..: grad * mask */
Value lower_fake_quantize_backward(Node *n)
{
	Value grad = arg_as(n, "grad", acc_type(n->out.elem));
	Value mask = arg_as(n, "mask", acc_type(n->out.elem));
	return cast(n->b, hlo_multiply(n->b, grad, mask), n->out.elem);
}

/* Output i: the sum over each block, times grad_factor. */
static void give_sum(Node *n, int i, Value x, Blocks g)
{
	Type t = out_type(n, i);
	x = scaled(n->b, x, arg_num(n, "grad_factor", 1));
	x = sum_over(n->b, x, dims_of_blocks(n->b, g));
	x = cast(n->b, x, t.elem);
	if (t.kind == TYPE_TENSOR) set_out(n, i, reshape_to(n->b, x, t));
}

/* Gradients of self, scale and zero_point by grad: within the range grad, grad (v - x) / scale and 0; below it 0,
 * grad (low - zero) and -grad scale; above 0, grad (high - zero) and -grad scale. The latter two times grad_factor, summed over
 * each block. */
static Value learnable_backward(Node *n, Blocks g, Value zero)
{
	Builder *b = n->b;
	Value grad = arg_as(n, "grad", DTYPE_f32);
	Value x = arg_as(n, "self", DTYPE_f32);
	Grid grid = grid_of(n, arg(n, "scale"), zero, g, DTYPE_f32, DTYPE_f32);
	Faked f = faked(b, x, grid, false);
	if (!f.v || !grad) return 0;
	Value none = full_like(b, x, 0);
	Value error = hlo_subtract(b, f.v, x);
	error = hlo_multiply(b, error, grid.inverse);
	error = hlo_select(b, f.inside, error, f.steps);
	Value by_scale = hlo_multiply(b, grad, error);
	Value by_zero = hlo_multiply(b, grad, hlo_negate(b, grid.scale));
	by_zero = hlo_select(b, f.inside, none, by_zero);
	give_sum(n, 1, by_scale, g);
	give_sum(n, 2, by_zero, g);
	return cast(b, hlo_select(b, f.inside, grad, none), n->out.elem);
}

/* aten._fake_quantize_learnable_per_tensor_affine_backward(grad, self, scale [1], zero_point [1], quant_min, quant_max,
 * grad_factor=1): the zero point is floor(zero_point + 1/2) here, kept in the range */
Value lower_fake_quantize_learnable_backward(Node *n)
{
	Builder *b = n->b;
	Value zero = arg_as(n, "zero_point", DTYPE_f32);
	zero = plus(b, zero, 0.5);
	zero = bounded(b, zero, arg_num(n, "quant_min", 0), arg_num(n, "quant_max", 0));
	zero = math_trunc(b, zero);
	Type t = known_type(b, arg(n, "self"));
	return learnable_backward(n, one_block(t), zero);
}

/* aten._fake_quantize_learnable_per_channel_affine_backward(grad, self, scale [C], zero_point [C], axis, ..) */
Value lower_fake_quantize_learnable_channels_backward(Node *n)
{
	Type t = known_type(n->b, arg(n, "self"));
	Blocks g = channels(n, t, arg_dim(n, "axis", 0, t.rank));
	Value zero = whole_zero(n);
	return learnable_backward(n, g, zero);
}
