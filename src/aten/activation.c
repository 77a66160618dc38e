/* Activation functions. f16 and bf16 are computed in f32 and rounded once, as torch's kernels do. */
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <math.h>
#include <string.h>

static const double inv_sqrt2 = 0.70710678118654752440, sqrt_2_over_pi = 0.79788456080286535588;

/* self in the type that activations are computed in */
static Value input(Node *n) { return arg_as(n, "self", acc_type(n->out.elem)); }
static Value rounded(Node *n, Value x) { return cast(n->b, x, n->out.elem); }

/* -- rectifiers ------------------------------------------------------------------------------------------ */

/* aten.relu(self): max(self, 0); NaN stays NaN. */
Value lower_relu(Node *n)
{
	Value x = arg(n, "self");
	return at_least(n->b, x, 0);
}

/* aten.relu6(self) */
Value lower_relu6(Node *n)
{
	Value x = arg(n, "self");
	return bounded(n->b, x, 0, 6);
}

/* aten.hardtanh(self, min_val=-1, max_val=1) */
Value lower_hardtanh(Node *n)
{
	Value x = arg(n, "self");
	return bounded(n->b, x, arg_num(n, "min_val", -1), arg_num(n, "max_val", 1));
}

/* x where x > 0, else y */
static Value positive_or(Builder *b, Value x, Value y)
{
	Value positive = is(b, DIRECTION_GT, x, 0);
	return hlo_select(b, positive, x, y);
}

static Value leaky(Node *n, double slope)
{
	Value x = input(n);
	Value low = scaled(n->b, x, slope);
	x = positive_or(n->b, x, low);
	return rounded(n, x);
}

/* aten.leaky_relu(self, negative_slope=0.01) */
Value lower_leaky_relu(Node *n) { return leaky(n, arg_num(n, "negative_slope", 0.01)); }

/* aten.prelu(self[N, C, *], weight[C] or one number): x > 0 ? x : weight * x */
Value lower_prelu(Node *n)
{
	Builder *b = n->b;
	Type t = n->out;
	Value x = arg(n, "self");
	Value w = arg_as(n, "weight", t.elem);
	Type tw = known_type(b, w);
	if (tw.rank == 1 && tw.dim[0] != 1) w = along(b, w, t.rank > 1 ? 1 : 0, t);
	else if (tw.rank == 1) w = reshape_to(b, w, scalar_type(t.elem));
	w = broadcast(b, w, t);
	Value low = hlo_multiply(b, w, x);
	return positive_or(b, x, low);
}

/* aten._prelu_kernel(self, weight): weight is laid out to broadcast already */
Value lower_prelu_kernel(Node *n)
{
	Value x = arg(n, "self");
	Value w = operand(n, "weight", n->out.elem);
	Value low = hlo_multiply(n->b, w, x);
	return positive_or(n->b, x, low);
}

/* aten.threshold(self, threshold, value): x > threshold ? x : value; NaN stays NaN */
Value lower_threshold(Node *n)
{
	Value x = arg(n, "self");
	Value under = is(n->b, DIRECTION_LE, x, arg_num(n, "threshold", 0));
	return if_num(n->b, under, arg_num(n, "value", 0), x);
}

/* -- exponential units ----------------------------------------------------------------------------------- */

/* x > 0 ? scale x : scale alpha (exp(input_scale x) - 1) */
static Value exponential_unit(Node *n, double alpha, double scale, double input_scale)
{
	Builder *b = n->b;
	Value x = input(n);
	Value low = scaled(b, x, input_scale);
	low = hlo_exponential_minus_one(b, low);
	low = scaled(b, low, alpha * scale);
	Value high = scaled(b, x, scale);
	Value positive = is(b, DIRECTION_GT, x, 0);
	x = hlo_select(b, positive, high, low);
	return rounded(n, x);
}

/* aten.elu(self, alpha=1, scale=1, input_scale=1) */
Value lower_elu(Node *n)
{
	return exponential_unit(n, arg_num(n, "alpha", 1), arg_num(n, "scale", 1), arg_num(n, "input_scale", 1));
}

/* aten.selu(self): elu with the constants of Klambauer et al. 2017 */
Value lower_selu(Node *n)
{
	return exponential_unit(n, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1);
}

/* aten.celu(self, alpha=1): x > 0 ? x : alpha (exp(x / alpha) - 1) */
Value lower_celu(Node *n)
{
	double alpha = arg_num(n, "alpha", 1);
	return exponential_unit(n, alpha, 1, 1 / alpha);
}

/* -- gates ----------------------------------------------------------------------------------------------- */

/* x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
static Value gelu_tanh(Builder *b, Value x)
{
	Value cube = square(b, x);
	cube = hlo_multiply(b, cube, x);
	cube = scaled(b, cube, 0.044715);
	Value inner = hlo_add(b, x, cube);
	inner = scaled(b, inner, sqrt_2_over_pi);
	inner = hlo_tanh(b, inner);
	inner = plus(b, inner, 1);
	x = scaled(b, x, 0.5);
	return hlo_multiply(b, x, inner);
}

/* x / 2 (1 + erf(x / sqrt(2))) */
static Value gelu_erf(Builder *b, Value x)
{
	Value inner = scaled(b, x, inv_sqrt2);
	inner = math_erf(b, inner);
	inner = plus(b, inner, 1);
	x = scaled(b, x, 0.5);
	return hlo_multiply(b, x, inner);
}

/* aten.gelu(self, *, approximate="none" or "tanh") */
Value lower_gelu(Node *n)
{
	const char *mode = arg_str(n, "approximate", "none");
	Value x = input(n);
	if (!strcmp(mode, "tanh")) x = gelu_tanh(n->b, x);
	else if (!strcmp(mode, "none")) x = gelu_erf(n->b, x);
	else return node_fail(n, UNSUPPORTED, "approximate='%s'", mode);
	return rounded(n, x);
}

/* aten.silu(self): x sigmoid(x) */
Value lower_silu(Node *n)
{
	Value x = arg_as(n, "self", float_work_type(n, 1, (const char *[]){ "self" }));
	Value gate = hlo_logistic(n->b, x);
	x = hlo_multiply(n->b, x, gate);
	return rounded(n, x);
}

/* aten.mish(self): x tanh(softplus(x)) */
Value lower_mish(Node *n)
{
	Value x = input(n);
	Value gate = math_softplus(n->b, x);
	gate = hlo_tanh(n->b, gate);
	x = hlo_multiply(n->b, x, gate);
	return rounded(n, x);
}

/* min(max(x + 3, 0), 6) / 6 */
static Value hard_gate(Builder *b, Value x)
{
	x = plus(b, x, 3);
	x = bounded(b, x, 0, 6);
	return divided_by(b, x, 6);
}

/* aten.hardsigmoid(self) */
Value lower_hardsigmoid(Node *n)
{
	Value x = hard_gate(n->b, input(n));
	return rounded(n, x);
}

/* aten.hardswish(self): x hardsigmoid(x) */
Value lower_hardswish(Node *n)
{
	Value x = input(n);
	Value gate = hard_gate(n->b, x);
	x = hlo_multiply(n->b, x, gate);
	return rounded(n, x);
}

/* aten.glu(self, dim=-1): first half * sigmoid(second half) */
Value lower_glu(Node *n)
{
	Builder *b = n->b;
	Value x = input(n);
	int dim = arg_dim(n, "dim", -1, n->out.rank);
	int64_t half = n->out.rank ? n->out.dim[dim] : 0;
	Value first = slice_dim(b, x, dim, 0, half, 1);
	Value gate = slice_dim(b, x, dim, half, dim_plus(dims_of(b->m), half, half), 1);
	gate = hlo_logistic(b, gate);
	x = hlo_multiply(b, first, gate);
	return rounded(n, x);
}

/* -- logarithms ------------------------------------------------------------------------------------------ */

/* aten.softplus(self, beta=1, threshold=20): log(1 + exp(beta x)) / beta, x itself where beta x >
 * threshold */
Value lower_softplus(Node *n)
{
	Builder *b = n->b;
	double beta = arg_num(n, "beta", 1);
	Value x = input(n);
	Value z = scaled(b, x, beta);
	Value y = math_softplus(b, z);
	y = divided_by(b, y, beta);
	Value line = is(b, DIRECTION_GT, z, arg_num(n, "threshold", 20));
	y = hlo_select(b, line, x, y);
	return rounded(n, y);
}

/* aten.log_sigmoid_forward(self) -> (output, buffer): the CPU's buffer is exp(-|x|), which only the
 * gradient needs */
Value lower_log_sigmoid_forward(Node *n)
{
	Builder *b = n->b;
	Value x = input(n);
	if (out_wanted(n, 1)) {
		Value e = hlo_negate(b, hlo_abs(b, x));
		e = hlo_exponential(b, e);
		e = cast(b, e, out_type(n, 1).elem);
		set_out(n, 1, reshape_to(b, e, out_type(n, 1)));
	}
	x = math_log_sigmoid(b, x);
	return rounded(n, x);
}

/* -- shrinking ------------------------------------------------------------------------------------------- */

/* aten.hardshrink(self, lambd=0.5): 0 where |x| <= lambd */
Value lower_hardshrink(Node *n)
{
	double lambda = arg_num(n, "lambd", 0.5);
	Value x = arg(n, "self");
	Value size = hlo_abs(n->b, x);
	Value small = is(n->b, DIRECTION_LE, size, lambda);
	return if_num(n->b, small, 0, x);
}

/* aten.softshrink(self, lambd=0.5): x moved by lambd towards 0, 0 where it would pass it; NaN stays NaN */
Value lower_softshrink(Node *n)
{
	Builder *b = n->b;
	double lambda = arg_num(n, "lambd", 0.5);
	Value x = input(n);
	Value above = is(b, DIRECTION_GT, x, lambda);
	Value below = is(b, DIRECTION_LT, x, -lambda);
	Value down = plus(b, x, -lambda);
	Value up = plus(b, x, lambda);
	Value y = scaled(b, x, 0);
	y = hlo_select(b, below, up, y);
	y = hlo_select(b, above, down, y);
	return rounded(n, y);
}
