/* Pointwise arithmetic that takes more than its operands: scales, modes, bounds. What is a formula of self
 * and other alone stands in rules.def, with the formula in formulas*.c. */
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <string.h>

/* -- sums ------------------------------------------------------------------------------------------------ */

/* x + alpha * y, in torch.result_type; f16 and bf16 with a factor or an inexact number in f32. */
static Value scaled_sum(Node *n, const char *x_name, const char *y_name, Math2 *op)
{
	Builder *b = n->b;
	const char *names[] = { x_name, y_name, "alpha" };
	DType t = result_type(n, 3, names);
	bool has_factor = is_running(n, "alpha") || arg_num(n, "alpha", 1) != 1;
	if (has_factor || number_is_rounded(n, x_name, t) || number_is_rounded(n, y_name, t)) t = acc_type(t);
	Value x = operand(n, x_name, t);
	Value y = operand(n, y_name, t);
	if (has_factor) {
		Value alpha = operand(n, "alpha", t);
		y = hlo_multiply(b, y, alpha);
	}
	x = op(b, x, y);
	return cast(b, x, n->out.elem);
}

/* aten.add(self, other, *, alpha=1): self + alpha * other, broadcast. */
Value lower_add(Node *n) { return scaled_sum(n, "self", "other", math_add); }

/* aten.sub(self, other, *, alpha=1): self - alpha * other */
Value lower_sub(Node *n) { return scaled_sum(n, "self", "other", math_subtract); }

/* aten.rsub(self, other, *, alpha=1): other - alpha * self */
Value lower_rsub(Node *n) { return scaled_sum(n, "other", "self", math_subtract); }

/* aten._add_relu(self, other, *, alpha=1): max(self + alpha * other, 0) */
Value lower_add_relu(Node *n)
{
	Value x = lower_add(n);
	return at_least(n->b, x, 0);
}

/* self + value * op(tensor1, tensor2) */
static Value add_scaled(Node *n, OpCode op)
{
	Builder *b = n->b;
	DType t = work_type(n, 4, (const char *[]){ "self", "tensor1", "tensor2", "value" });
	Value x = operand(n, "self", t);
	Value y = operand(n, "tensor1", t);
	Value z = operand(n, "tensor2", t);
	if (has_arg(n, "value")) {
		Value k = operand(n, "value", t);
		y = hlo_multiply(b, y, k);
	}
	y = emit(b, op, NULL, 2, (Value[]){ y, z }, NULL);
	x = hlo_add(b, x, y);
	return cast(b, x, n->out.elem);
}

/* aten.addcmul(self, tensor1, tensor2, *, value=1): self + value * tensor1 * tensor2 */
Value lower_addcmul(Node *n) { return add_scaled(n, OP_multiply); }

/* aten.addcdiv(self, tensor1, tensor2, *, value=1): self + value * tensor1 / tensor2 */
Value lower_addcdiv(Node *n) { return add_scaled(n, OP_divide); }

/* aten.lerp(self, end, weight): self + weight * (end - self), from the nearer end: for |weight| >= 1/2
 * end - (end - self) * (1 - weight) */
Value lower_lerp(Node *n)
{
	Builder *b = n->b;
	DType t = acc_type(n->out.elem);
	Value x = operand(n, "self", t);
	Value y = operand(n, "end", t);
	Value w = operand(n, "weight", t);
	Value span = hlo_subtract(b, y, x);
	Value from_x = hlo_multiply(b, w, span);
	from_x = hlo_add(b, x, from_x);
	Value rest = minus_from(b, 1, w);
	Value from_y = hlo_multiply(b, span, rest);
	from_y = hlo_subtract(b, y, from_y);
	Value size = math_abs(b, w);
	Value near_x = is(b, DIRECTION_LT, size, 0.5);
	x = hlo_select(b, near_x, from_x, from_y);
	return cast(b, x, n->out.elem);
}

/* -- division -------------------------------------------------------------------------------------------- */

static Value in_type(Node *n, DType t, Math2 *op)
{
	Value x = operand(n, "self", t);
	Value y = operand(n, "other", t);
	x = x && y ? op(n->b, x, y) : 0;
	return cast(n->b, x, n->out.elem);
}

/* aten.div.Tensor_mode(self, other, *, rounding_mode): None is true division; "trunc", "floor" keep
 * integers. torch truncates the quotient of two f16 or bf16 tensors after rounding it to their type. */
Value lower_div_mode(Node *n)
{
	const char *names[] = { "self", "other" };
	const char *mode = arg_str(n, "rounding_mode", "");
	if (!*mode) {
		DType t = float_work_type(n, 2, names);
		Value x = operand(n, "self", t);
		Value y = operand(n, "other", t);
		x = hlo_divide(n->b, x, y);
		return cast(n->b, x, n->out.elem);
	}
	bool down = !strcmp(mode, "floor");
	if (!down && strcmp(mode, "trunc")) return node_fail(n, UNSUPPORTED, "rounding_mode '%s'", mode);
	bool rounded = !down && is_tensor_arg(n, "other");
	DType t = rounded ? result_type(n, 2, names) : work_type(n, 2, names);
	return in_type(n, t, down ? math_floor_divide : math_trunc_divide);
}

/* -- powers ---------------------------------------------------------------------------------------------- */

static const char *const power_names[] = { "self", "exponent" };

/* The powers that torch computes without pow(): x^2 is x * x, x^0.5 is sqrt(x), ...; 0 when p is no such. */
static Value simple_power(Builder *b, Value x, double p, bool whole)
{
	if (p == 1) return x;
	if (p == 2) return square(b, x);
	if (p == 3) return hlo_multiply(b, square(b, x), x);
	if (whole) return 0;
	if (p == 0.5) return hlo_sqrt(b, x);
	if (p == -0.5) return hlo_rsqrt(b, x);
	if (p == -1) return over(b, 1, x);
	if (p == -2) return over(b, 1, square(b, x));
	return 0;
}

/* aten.pow.Tensor_Scalar(self, exponent) */
Value lower_pow_scalar(Node *n)
{
	Builder *b = n->b;
	const Arg *e = arg_raw(n, "exponent");
	DType t = work_type(n, 2, power_names);
	Value x = operand(n, "self", t);
	bool real = e && (e->kind == ARG_INT || e->kind == ARG_FLOAT || e->kind == ARG_BOOL);
	bool whole = !is_float(t) && !is_complex(t);
	Value y = real ? simple_power(b, x, arg_num(n, "exponent", 1), whole) : 0;
	if (!y) {
		Value p = operand(n, "exponent", t);
		bool few_bits = whole && arg_num(n, "exponent", 1) < 64;
		y = few_bits ? hlo_power(b, x, p) : math_power(b, x, p);
	}
	return cast(b, y, n->out.elem);
}

/* aten.pow(self, exponent); float_power the same in f64 */
Value lower_pow(Node *n)
{
	DType t = acc_type(promote(result_type(n, 2, power_names), n->out.elem));
	Value x = operand(n, "self", t);
	Value p = operand(n, "exponent", t);
	x = math_power(n->b, x, p);
	return cast(n->b, x, n->out.elem);
}

/* -- rounding -------------------------------------------------------------------------------------------- */

/* aten.round.decimals(self, *, decimals): round(self * 10^d) / 10^d;
 * for d < 0: round(self / 10^-d) * 10^-d */
Value lower_round_decimals(Node *n)
{
	Builder *b = n->b;
	int64_t d = arg_int(n, "decimals", 0);
	Value x = arg(n, "self");
	DType t = n->out.elem;
	if (!is_float(t)) return cast(b, x, t);
	x = cast(b, x, acc_type(t));
	double ten = 1;
	int64_t count = d < -400 || d > 400 ? 400 : d < 0 ? -d : d;
	for (int64_t i = 0; i < count; i++) ten *= 10;
	x = d < 0 ? divided_by(b, x, ten) : scaled(b, x, ten);
	x = hlo_round_nearest_even(b, x);
	x = d < 0 ? scaled(b, x, ten) : divided_by(b, x, ten);
	return cast(b, x, t);
}

/* -- bounds ---------------------------------------------------------------------------------------------- */

/* aten.clamp(self, min?, max?): min(max(self, min), max); NaN stays NaN */
Value lower_clamp(Node *n)
{
	DType t = result_type(n, 3, (const char *[]){ "self", "min", "max" });
	Value x = operand(n, "self", t);
	if (has_arg(n, "min")) {
		Value low = operand(n, "min", t);
		x = hlo_maximum(n->b, x, low);
	}
	if (has_arg(n, "max")) {
		Value high = operand(n, "max", t);
		x = hlo_minimum(n->b, x, high);
	}
	return cast(n->b, x, n->out.elem);
}

/* The largest finite number of a float type. */
static double largest(DType t)
{
	switch (t) {
	case DTYPE_f64:  return 0x1.fffffffffffffp1023;
	case DTYPE_f16:  return 65504;
	case DTYPE_bf16: return 0x1.fep127;
	default:         return 0x1.fffffep127;
	}
}

static Value nan_to_num(Node *n, Value x)
{
	Builder *b = n->b;
	DType t = known_type(b, x).elem;
	Value nan = math_isnan(b, x);
	Value up = math_isposinf(b, x);
	Value down = math_isneginf(b, x);
	x = if_num(b, nan, arg_num(n, "nan", 0), x);
	x = if_num(b, up, arg_num(n, "posinf", largest(t)), x);
	return if_num(b, down, arg_num(n, "neginf", -largest(t)), x);
}

/* aten.nan_to_num(self, nan=0, posinf=largest, neginf=-largest); the parts of a complex number each */
Value lower_nan_to_num(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	DType t = n->out.elem;
	if (is_float(t)) return nan_to_num(n, x);
	if (!is_complex(t)) return x;
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	re = nan_to_num(n, re);
	im = nan_to_num(n, im);
	return hlo_complex(b, re, im);
}

/* -- choice ---------------------------------------------------------------------------------------------- */

/* aten.where(condition, self, other) */
Value lower_where(Node *n)
{
	DType t = result_type(n, 2, (const char *[]){ "self", "other" });
	Value pred = operand(n, "condition", DTYPE_bool);
	Value x = operand(n, "self", t);
	Value y = operand(n, "other", t);
	x = hlo_select(n->b, pred, x, y);
	return cast(n->b, x, n->out.elem);
}

/* aten.masked_fill(self, mask, value): value where mask, in self's type */
Value lower_masked_fill(Node *n)
{
	DType t = n->out.elem;
	Value mask = operand(n, "mask", DTYPE_bool);
	Value value = operand(n, "value", t);
	Value x = operand(n, "self", t);
	return hlo_select(n->b, mask, value, x);
}

/* aten.heaviside(self, values): values where self = 0, else whether self > 0 */
Value lower_heaviside(Node *n)
{
	DType t = result_type(n, 2, (const char *[]){ "self", "values" });
	Value x = operand(n, "self", t);
	Value y = operand(n, "values", t);
	x = x && y ? math_heaviside(n->b, x, y) : 0;
	return cast(n->b, x, n->out.elem);
}

/* aten.nextafter(self, other), in their own type: f16 and bf16 have neighbours of their own */
Value lower_nextafter(Node *n)
{
	return in_type(n, result_type(n, 2, (const char *[]){ "self", "other" }), math_nextafter);
}

/* aten.isclose(self, other, rtol, atol, equal_nan): self == other or |self - other| <=
 * atol + rtol |other|, finite */
Value lower_isclose(Node *n)
{
	Builder *b = n->b;
	DType t = result_type(n, 2, (const char *[]){ "self", "other" });
	if (t == DTYPE_bool) t = DTYPE_u8;
	Value x = operand(n, "self", t);
	Value y = operand(n, "other", t);
	Value close = hlo_compare(b, DIRECTION_EQ, x, y);
	if (arg_bool(n, "equal_nan", false)) {
		Value nan_x = math_isnan(b, x);
		Value nan_y = math_isnan(b, y);
		nan_x = hlo_and(b, nan_x, nan_y);
		close = hlo_or(b, close, nan_x);
	}
	DType f = is_float(t) || is_complex(t) ? acc_type(t) : DTYPE_f64;
	x = cast(b, x, f);
	y = cast(b, y, f);
	Value apart = hlo_subtract(b, x, y);
	apart = hlo_abs(b, apart);
	Value room = hlo_abs(b, y);
	room = scaled(b, room, arg_num(n, "rtol", 1e-5));
	room = plus(b, room, arg_num(n, "atol", 1e-8));
	Value within = hlo_compare(b, DIRECTION_LE, apart, room);
	Value finite = math_isfinite(b, apart);
	within = hlo_and(b, within, finite);
	return hlo_or(b, close, within);
}

/* aten.logit(self, eps?): log(x / (1 - x)), x bounded to [eps, 1 - eps] first */
Value lower_logit(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", float_work_type(n, 1, (const char *[]){ "self" }));
	if (has_arg(n, "eps")) {
		double eps = arg_num(n, "eps", 0);
		x = bounded(b, x, eps, 1 - eps);
	}
	Value rest = minus_from(b, 1, x);
	x = hlo_divide(b, x, rest);
	x = hlo_log(b, x);
	return cast(b, x, n->out.elem);
}
