/* Losses that compare element by element. Those that pick classes are in classify.c, those of distances in
 * norms.c. */
#include "aten/pointwise.h"
#include "aten/rules.h"

static Value apart(Builder *b, Pair p)
{
	Value x = hlo_subtract(b, p.x, p.y);
	return hlo_abs(b, x);
}

/* aten.mse_loss(self, target, reduction): (self - target)^2 */
Value lower_mse_loss(Node *n)
{
	Pair p = float_pair(n, "self", "target");
	Value x = hlo_subtract(n->b, p.x, p.y);
	return reduced_loss(n, square(n->b, x));
}

/* aten.l1_loss(self, target, reduction): |self - target| */
Value lower_l1_loss(Node *n) { return reduced_loss(n, apart(n->b, float_pair(n, "self", "target"))); }

/* aten.smooth_l1_loss(self, target, reduction, beta=1): z = |self - target|; z^2 / (2 beta) below beta, z
 * - beta / 2 from there */
Value lower_smooth_l1_loss(Node *n)
{
	Builder *b = n->b;
	double beta = arg_num(n, "beta", 1);
	Value z = apart(b, float_pair(n, "self", "target"));
	if (beta == 0) return reduced_loss(n, z);
	Value near = square(b, z);
	near = scaled(b, near, 0.5);
	near = divided_by(b, near, beta);
	Value far = plus(b, z, -beta / 2);
	Value close = is(b, DIRECTION_LT, z, beta);
	return reduced_loss(n, hlo_select(b, close, near, far));
}

/* aten.huber_loss(self, target, reduction, delta=1): z = |self - target|; z^2 / 2 up to delta, delta (z -
 * delta / 2) beyond */
Value lower_huber_loss(Node *n)
{
	Builder *b = n->b;
	double delta = arg_num(n, "delta", 1);
	Value z = apart(b, float_pair(n, "self", "target"));
	Value near = square(b, z);
	near = scaled(b, near, 0.5);
	Value far = plus(b, z, -delta / 2);
	far = scaled(b, far, delta);
	Value close = is(b, DIRECTION_LE, z, delta);
	return reduced_loss(n, hlo_select(b, close, near, far));
}

/* x times the optional argument, broadcast to it */
static Value weighted(Node *n, Value x, const char *name)
{
	Builder *b = n->b;
	Type t = known_type(b, x);
	if (!t.kind || !has_arg(n, name)) return x;
	Value w = arg_as(n, name, t.elem);
	w = broadcast(b, w, t);
	return hlo_multiply(b, x, w);
}

/* aten.binary_cross_entropy(self, target, weight?, reduction): (y - 1) max(log(1 - x), -100) - y
 * max(log(x), -100) */
Value lower_bce(Node *n)
{
	Builder *b = n->b;
	Pair p = float_pair(n, "self", "target");
	Value yes = hlo_log(b, p.x);
	yes = at_least(b, yes, -100);
	Value no = hlo_negate(b, p.x);
	no = hlo_log_plus_one(b, no);
	no = at_least(b, no, -100);
	Value rest = plus(b, p.y, -1);
	no = hlo_multiply(b, rest, no);
	yes = hlo_multiply(b, p.y, yes);
	Value x = hlo_subtract(b, no, yes);
	return reduced_loss(n, weighted(n, x, "weight"));
}

/* aten.binary_cross_entropy_with_logits(self, target, weight?, pos_weight?, reduction):
 * (1 - y) x - (1 + (pos_weight - 1) y) log(sigmoid(x)) */
Value lower_bce_with_logits(Node *n)
{
	Builder *b = n->b;
	Pair p = float_pair(n, "self", "target");
	Value log_yes = math_log_sigmoid(b, p.x);
	if (has_arg(n, "pos_weight")) {
		Value w = broadcast(b, arg_as(n, "pos_weight", p.t.elem), p.t);
		w = plus(b, w, -1);
		w = hlo_multiply(b, w, p.y);
		w = plus(b, w, 1);
		log_yes = hlo_multiply(b, w, log_yes);
	}
	Value rest = minus_from(b, 1, p.y);
	rest = hlo_multiply(b, rest, p.x);
	Value x = hlo_subtract(b, rest, log_yes);
	return reduced_loss(n, weighted(n, x, "weight"));
}

/* aten.soft_margin_loss(self, target, reduction): log(1 + exp(-target self)); torch stores each step in the
 * result's type, so that the power overflows in f16 */
Value lower_soft_margin_loss(Node *n)
{
	Builder *b = n->b;
	Pair p = float_pair(n, "self", "target");
	Value x = hlo_negate(b, p.y);
	x = rounded_to(b, hlo_multiply(b, x, p.x), n->out.elem);
	x = rounded_to(b, hlo_exponential(b, x), n->out.elem);
	return reduced_loss(n, hlo_log_plus_one(b, x));
}

/* aten.hinge_embedding_loss(self, target, margin, reduction): self where target is not -1, and max(margin
 * - self, 0) where it is not 1, added */
Value lower_hinge_embedding_loss(Node *n)
{
	Builder *b = n->b;
	Pair p = float_pair(n, "self", "target");
	Value far = minus_from(b, arg_num(n, "margin", 1), p.x);
	far = at_least(b, far, 0);
	Value one = is(b, DIRECTION_EQ, p.y, 1);
	far = if_num(b, one, 0, far);
	Value minus = is(b, DIRECTION_EQ, p.y, -1);
	Value near = if_num(b, minus, 0, p.x);
	return reduced_loss(n, hlo_add(b, far, near));
}

/* aten.margin_ranking_loss(input1, input2, target, margin, reduction): max(margin - target (input1 -
 * input2), 0); integers stay integers up to the margin */
Value lower_margin_ranking_loss(Node *n)
{
	Builder *b = n->b;
	Pair p = work_pair(n, "input1", "input2");
	DType t = promote(p.t.elem, known_type(b, arg(n, "target")).elem);
	Value y = arg_as(n, "target", t);
	Value x = hlo_subtract(b, p.x, p.y);
	x = cast(b, x, t);
	Type shape = broadcast_type(n, known_type(b, x), known_type(b, y));
	x = broadcast(b, x, shape);
	y = hlo_negate(b, broadcast(b, y, shape));
	x = hlo_multiply(b, x, y);
	x = cast(b, x, is_float(t) ? t : DTYPE_f32);
	x = plus(b, x, arg_num(n, "margin", 0));
	return reduced_loss(n, at_least(b, x, 0));
}

/* aten.kl_div(self, target, reduction, *, log_target): target (log(target) - self), or exp(target) (target
 * - self) */
Value lower_kl_div(Node *n)
{
	Builder *b = n->b;
	Pair p = float_pair(n, "self", "target");
	Value x;
	if (arg_bool(n, "log_target", false)) {
		x = hlo_subtract(b, p.y, p.x);
		Value y = hlo_exponential(b, p.y);
		x = hlo_multiply(b, y, x);
	} else {
		Value entropy = math_xlogy(b, p.y, p.y);
		x = hlo_multiply(b, p.y, p.x);
		x = hlo_subtract(b, entropy, x);
	}
	return reduced_loss(n, x);
}

/* y log(y) - y + log(2 pi y) / 2 where y > 1: Stirling's log(y!) */
static Value stirling(Builder *b, Value y)
{
	Value log_y = hlo_log(b, y);
	Value x = hlo_multiply(b, y, log_y);
	x = hlo_subtract(b, x, y);
	Value tail = scaled(b, y, 6.28318530717958647692);
	tail = hlo_log(b, tail);
	tail = scaled(b, tail, 0.5);
	x = hlo_add(b, x, tail);
	Value small = is(b, DIRECTION_LE, y, 1);
	return if_num(b, small, 0, x);
}

/* aten.poisson_nll_loss(input, target, log_input, full, eps, reduction): exp(x) - y x, or x - y log(x +
 * eps) */
Value lower_poisson_nll_loss(Node *n)
{
	Builder *b = n->b;
	Pair p = float_pair(n, "input", "target");
	bool is_log = arg_bool(n, "log_input", true);
	Value rate = is_log ? hlo_exponential(b, p.x) : p.x;
	Value log_rate = is_log ? p.x : hlo_log(b, plus(b, p.x, arg_num(n, "eps", 1e-8)));
	Value x = hlo_multiply(b, p.y, log_rate);
	x = hlo_subtract(b, rate, x);
	if (arg_bool(n, "full", false)) x = hlo_add(b, x, stirling(b, p.y));
	return reduced_loss(n, x);
}
