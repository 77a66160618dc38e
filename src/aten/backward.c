/* Gradients, as a training step has them: the gradient of the result in, that of an argument out. f16 and
 * bf16 are computed in f32 and rounded once. */
#include "aten/index.h"
#include "aten/rules.h"

#include <math.h>
#include <string.h>

static const double inv_sqrt2 = 0.70710678118654752440, inv_sqrt_2pi = 0.39894228040143267794;
static const double sqrt_2_over_pi = 0.79788456080286535588;

/* -- activations ----------------------------------------------------------------------------------------- */

/* The gradient g and a second argument x, both in the type that they are computed in and n->out's shape. */
typedef struct Grad { Value g, x; } Grad;

static Grad gradient(Node *n, const char *x)
{
	Grad p = { 0 };
	if (is_complex(n->out.elem)) {
		node_fail(n, UNSUPPORTED, "gradients of type %s", type_str(n->a, n->out));
		return p;
	}
	DType t = acc_type(n->out.elem);
	p.g = arg_as(n, has_arg(n, "grad_out") ? "grad_out" : "grad_output", t);
	p.g = broadcast(n->b, p.g, n->out);
	p.x = arg_as(n, x, t);
	p.x = broadcast(n->b, p.x, n->out);
	return p;
}

static Value product(Node *n, Value x, Value y)
{
	x = hlo_multiply(n->b, x, y);
	return cast(n->b, x, n->out.elem);
}

/* g where pred, else other */
static Value chosen(Node *n, Value pred, Value g, Value other)
{
	g = hlo_select(n->b, pred, g, other);
	return cast(n->b, g, n->out.elem);
}

/* aten.sigmoid_backward(grad_output, output): g y (1 - y) */
Value lower_sigmoid_backward(Node *n)
{
	Grad p = gradient(n, "output");
	Value rest = minus_from(n->b, 1, p.x);
	rest = hlo_multiply(n->b, p.g, rest);
	return product(n, rest, p.x);
}

/* aten.tanh_backward(grad_output, output): g (1 - y^2) */
Value lower_tanh_backward(Node *n)
{
	Grad p = gradient(n, "output");
	Value rest = square(n->b, p.x);
	rest = minus_from(n->b, 1, rest);
	return product(n, p.g, rest);
}

/* aten.silu_backward(grad_output, self): g s (1 + x (1 - s)), s = sigmoid(x) */
Value lower_silu_backward(Node *n)
{
	Grad p = gradient(n, "self");
	Value s = hlo_logistic(n->b, p.x);
	Value rest = minus_from(n->b, 1, s);
	rest = hlo_multiply(n->b, rest, p.x);
	rest = plus(n->b, rest, 1);
	rest = hlo_multiply(n->b, rest, s);
	return product(n, p.g, rest);
}

/* d/dx x/2 (1 + erf(x / sqrt(2))) = (1 + erf(x / sqrt(2))) / 2 + x exp(-x^2 / 2) / sqrt(2 pi) */
static Value gelu_erf_slope(Builder *b, Value x)
{
	Value cdf = scaled(b, x, inv_sqrt2);
	cdf = math_erf(b, cdf);
	cdf = plus(b, cdf, 1);
	cdf = scaled(b, cdf, 0.5);
	Value pdf = square(b, x);
	pdf = scaled(b, pdf, -0.5);
	pdf = hlo_exponential(b, pdf);
	pdf = scaled(b, pdf, inv_sqrt_2pi);
	pdf = hlo_multiply(b, pdf, x);
	return hlo_add(b, cdf, pdf);
}

/* d/dx x/2 (1 + t), t = tanh(k (x + c x^3)): (1 + t) / 2 + x/2 (1 - t^2) k (1 + 3 c x^2) */
static Value gelu_tanh_slope(Builder *b, Value x)
{
	Value xx = square(b, x);
	Value inner = scaled(b, xx, 0.044715);
	inner = plus(b, inner, 1);
	inner = hlo_multiply(b, inner, x);
	inner = scaled(b, inner, sqrt_2_over_pi);
	Value t = hlo_tanh(b, inner);
	Value dt = square(b, t);
	dt = minus_from(b, 1, dt);
	dt = hlo_multiply(b, dt, x);
	Value dinner = scaled(b, xx, 3 * 0.044715);
	dinner = plus(b, dinner, 1);
	dinner = scaled(b, dinner, 0.5 * sqrt_2_over_pi);
	dt = hlo_multiply(b, dt, dinner);
	t = plus(b, t, 1);
	t = scaled(b, t, 0.5);
	return hlo_add(b, t, dt);
}

/* aten.gelu_backward(grad_output, self, *, approximate="none" or "tanh") */
Value lower_gelu_backward(Node *n)
{
	const char *mode = arg_str(n, "approximate", "none");
	bool by_tanh = !strcmp(mode, "tanh");
	if (!by_tanh && strcmp(mode, "none")) return node_fail(n, UNSUPPORTED, "approximate='%s'", mode);
	Grad p = gradient(n, "self");
	Value slope = by_tanh ? gelu_tanh_slope(n->b, p.x) : gelu_erf_slope(n->b, p.x);
	return product(n, p.g, slope);
}

/* aten.threshold_backward(grad_output, self, threshold): x <= threshold ? 0 : g */
Value lower_threshold_backward(Node *n)
{
	Grad p = gradient(n, "self");
	Value below = is(n->b, DIRECTION_LE, p.x, arg_num(n, "threshold", 0));
	Value g = if_num(n->b, below, 0, p.g);
	return cast(n->b, g, n->out.elem);
}

/* aten.hardtanh_backward(grad_output, self, min_val, max_val): min < x < max ? g : 0, also of a NaN */
Value lower_hardtanh_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "self");
	Value above = is(b, DIRECTION_GT, p.x, arg_num(n, "min_val", -1));
	Value below = is(b, DIRECTION_LT, p.x, arg_num(n, "max_val", 1));
	Value inside = hlo_and(b, above, below);
	return chosen(n, inside, p.g, full_like(b, p.g, 0));
}

/* aten.leaky_relu_backward(grad_output, self, negative_slope, self_is_result): x > 0 ? g : g slope */
Value lower_leaky_relu_backward(Node *n)
{
	Grad p = gradient(n, "self");
	Value positive = is(n->b, DIRECTION_GT, p.x, 0);
	Value low = scaled(n->b, p.g, arg_num(n, "negative_slope", 0.01));
	return chosen(n, positive, p.g, low);
}

/* aten.elu_backward(grad_output, alpha, scale, input_scale, is_result, self_or_result), a = alpha scale:
 * x > 0: g scale; else, of a result g input_scale (y + a), of an input g input_scale a exp(input_scale x) */
Value lower_elu_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "self_or_result");
	double scale = arg_num(n, "scale", 1), inner = arg_num(n, "input_scale", 1), a = arg_num(n, "alpha", 1) * scale;
	Value positive = is(b, DIRECTION_GT, p.x, 0);
	Value high = scaled(b, p.g, scale);
	Value low = arg_bool(n, "is_result", false) ? plus(b, p.x, a)
	                                            : scaled(b, hlo_exponential(b, scaled(b, p.x, inner)), a);
	low = scaled(b, low, inner);
	low = hlo_multiply(b, low, p.g);
	return chosen(n, positive, high, low);
}

/* aten.native_dropout_backward(grad_output, mask, scale): g mask scale, written as a choice: XLA would make
 * one of a product with a mask that loses what 0 times infinity is */
Value lower_native_dropout_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "mask");
	Value kept = is(b, DIRECTION_NE, p.x, 0);
	Value g = scaled(b, p.g, arg_num(n, "scale", 1));
	Value none = hlo_multiply(b, p.g, full_like(b, p.g, 0));
	return chosen(n, kept, g, none);
}

/* aten.rrelu_with_noise_backward(grad_output, self, noise, lower, upper, training, self_is_result): g noise
 * when training, else leaky_relu_backward with the middle slope */
Value lower_rrelu_backward(Node *n)
{
	double low = arg_num(n, "lower", 1.0 / 8), high = arg_num(n, "upper", 1.0 / 3);
	if (arg_bool(n, "training", false) && high - low > 1e-6) {
		Grad p = gradient(n, "noise");
		return product(n, p.g, p.x);
	}
	Grad p = gradient(n, "self");
	Value positive = is(n->b, DIRECTION_GT, p.x, 0);
	return chosen(n, positive, p.g, scaled(n->b, p.g, (low + high) / 2));
}

/* aten._prelu_kernel_backward(grad_output, self, weight) -> (grad_self, grad_weight): x > 0 ? g : w g; x > 0
 * ? 0 : x g */
Value lower_prelu_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "self");
	Value positive = is(b, DIRECTION_GT, p.x, 0);
	Value w = arg_as(n, "weight", acc_type(n->out.elem));
	Value gw = hlo_multiply(b, p.x, p.g);
	gw = if_num(b, positive, 0, gw);
	set_out(n, 1, cast(b, gw, out_type(n, 1).elem));
	w = broadcast(b, w, n->out);
	return chosen(n, positive, p.g, hlo_multiply(b, w, p.g));
}

/* aten.hardsigmoid_backward(grad_output, self): -3 < x < 3 ? g / 6 : 0; the sixth is a float in torch's
 * kernel whatever the type */
Value lower_hardsigmoid_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "self");
	Value above = is(b, DIRECTION_GT, p.x, -3);
	Value below = is(b, DIRECTION_LT, p.x, 3);
	Value inside = hlo_and(b, above, below);
	Value g = scaled(b, p.g, 1.0f / 6);
	return chosen(n, inside, g, full_like(b, g, 0));
}

/* aten.hardswish_backward(grad_output, self): g (x / 3 + 1/2) for -3 < x < 3, 0 below and g above */
Value lower_hardswish_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "self");
	Value below = is(b, DIRECTION_LE, p.x, -3);
	Value above = is(b, DIRECTION_GE, p.x, 3);
	Value g = divided_by(b, p.x, 3);
	g = plus(b, g, 0.5);
	g = hlo_multiply(b, g, p.g);
	g = if_num(b, below, 0, g);
	return chosen(n, above, p.g, g);
}

/* aten.hardshrink_backward(grad_out, self, lambd), softshrink_backward(grad_output, self, lambd): |x| > lambd
 * ? g : 0 */
Value lower_shrink_backward(Node *n)
{
	Builder *b = n->b;
	double lambd = arg_num(n, "lambd", 0.5);
	Grad p = gradient(n, "self");
	Value below = is(b, DIRECTION_LT, p.x, -lambd);
	Value above = is(b, DIRECTION_GT, p.x, lambd);
	Value outside = hlo_or(b, below, above);
	return chosen(n, outside, p.g, full_like(b, p.g, 0));
}

/* aten.softplus_backward(grad_output, self, beta, threshold): beta x > threshold ? g : g z / (z + 1), z =
 * exp(beta x) */
Value lower_softplus_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "self");
	Value x = scaled(b, p.x, arg_num(n, "beta", 1));
	Value linear = is(b, DIRECTION_GT, x, arg_num(n, "threshold", 20));
	Value z = hlo_exponential(b, x);
	Value over = plus(b, z, 1);
	z = hlo_multiply(b, p.g, z);
	z = hlo_divide(b, z, over);
	return chosen(n, linear, p.g, z);
}

/* aten.log_sigmoid_backward(grad_output, self, buffer): g (x < 0 ? 1 - z / (1 + z) : z / (1 + z)), z =
 * exp(-|x|), which is what the CPU's forward pass keeps in buffer */
Value lower_log_sigmoid_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "self");
	Value negative = is(b, DIRECTION_LT, p.x, 0);
	Value z = hlo_abs(b, p.x);
	z = hlo_negate(b, z);
	z = hlo_exponential(b, z);
	z = hlo_divide(b, z, plus(b, z, 1));
	z = hlo_select(b, negative, minus_from(b, 1, z), z);
	return product(n, z, p.g);
}

/* aten.logit_backward(grad_output, self, eps?): g / (x (1 - x)) where eps <= x <= 1 - eps, else 0, or NaN
 * without eps */
Value lower_logit_backward(Node *n)
{
	Builder *b = n->b;
	bool bounds = has_arg(n, "eps");
	double eps = arg_num(n, "eps", 0);
	Grad p = gradient(n, "self");
	Value above = is(b, DIRECTION_GE, p.x, eps);
	Value below = is(b, DIRECTION_LE, p.x, 1 - eps);
	Value inside = hlo_and(b, above, below);
	Value spread = minus_from(b, 1, p.x);
	spread = hlo_multiply(b, spread, p.x);
	Value g = hlo_divide(b, p.g, spread);
	return chosen(n, inside, g, full_like(b, g, bounds ? 0 : NAN));
}

/* aten.mish_backward(grad_output, self): g (t + x sigmoid(x) (1 - t^2)), t = tanh(softplus(x)) */
Value lower_mish_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "self");
	Value t = math_softplus(b, p.x);
	t = hlo_tanh(b, t);
	Value rest = square(b, t);
	rest = minus_from(b, 1, rest);
	rest = hlo_multiply(b, rest, p.x);
	rest = hlo_multiply(b, rest, hlo_logistic(b, p.x));
	rest = hlo_add(b, rest, t);
	return product(n, p.g, rest);
}

/* aten.glu_backward(grad_output, self, dim) of x sigmoid(y), x and y the halves of self: g s and g x s (1 -
 * s), side by side */
Value lower_glu_backward(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	int dim = arg_dim(n, "dim", -1, n->out.rank);
	Value x = arg_as(n, "self", acc), g = arg_as(n, "grad_output", acc);
	if (!x || !g || !n->out.rank) return 0;
	int64_t half = dim_floordiv(dims_of(b->m), n->out.dim[dim], 2);
	Value s = slice_dim(b, x, dim, half, dim_plus(dims_of(b->m), half, half), 1);
	s = hlo_logistic(b, s);
	x = slice_dim(b, x, dim, 0, half, 1);
	Value part[2] = { hlo_multiply(b, g, s), 0 };
	part[1] = minus_from(b, 1, s);
	part[1] = hlo_multiply(b, part[1], part[0]);
	part[1] = hlo_multiply(b, part[1], x);
	x = hlo_concatenate(b, 2, part, dim);
	return cast(b, x, n->out.elem);
}

/* -- softmax --------------------------------------------------------------------------------------------- */

/* x summed over "dim" and spread over it again */
static Value total(Node *n, Value x)
{
	Type t = known_type(n->b, x);
	if (!t.rank) return x;
	Ints dims = one_dim(n->b, arg_dim(n, "dim", 0, t.rank));
	x = sum_over(n->b, x, dims);
	return spread_over(n->b, x, dims, t);
}

/* aten._softmax_backward_data(grad_output, output, dim, input_dtype): g y - y sum(g y) */
Value lower_softmax_backward(Node *n)
{
	Grad p = gradient(n, "output");
	Value gy = hlo_multiply(n->b, p.g, p.x);
	Value all = total(n, gy);
	all = hlo_multiply(n->b, all, p.x);
	gy = hlo_subtract(n->b, gy, all);
	return cast(n->b, gy, n->out.elem);
}

/* aten._log_softmax_backward_data(grad_output, output, dim, input_dtype): g - exp(y) sum(g) */
Value lower_log_softmax_backward(Node *n)
{
	Grad p = gradient(n, "output");
	Value all = total(n, p.g);
	all = hlo_multiply(n->b, all, hlo_exponential(n->b, p.x));
	all = hlo_subtract(n->b, p.g, all);
	return cast(n->b, all, n->out.elem);
}

/* aten._masked_softmax_backward(grad_output, output, mask, dim?): the same where mask is false, 0 where it is
 * true */
Value lower_masked_softmax_backward(Node *n)
{
	Builder *b = n->b;
	Grad p = gradient(n, "output");
	Value mask = broadcast(b, arg(n, "mask"), n->out);
	Type t = known_type(b, p.x);
	if (!t.kind) return 0;
	Ints dims = t.rank ? one_dim(b, arg_dim(n, "dim", -1, t.rank)) : (Ints){ 0 };
	Value gy = hlo_multiply(b, p.g, p.x);
	gy = if_num(b, mask, 0, gy);
	Value all = sum_over(b, gy, dims);
	all = spread_over(b, all, dims, t);
	all = hlo_multiply(b, all, p.x);
	gy = hlo_subtract(b, gy, all);
	return chosen(n, mask, full_like(b, gy, 0), gy);
}
