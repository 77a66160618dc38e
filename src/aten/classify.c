/* Losses that pick a class: negative log likelihood, cross entropy, multi-class margins.
 *
 * Scores are [C], [N, C] or [N, C, *S]; a target of classes lacks C. The score of the target class is
 * taken by comparing it with 0..C-1 and adding up, which fuses with the log_softmax before it, and makes a
 * target outside (ignore_index) pick nothing. */
#include "aten/layers.h"
#include "aten/pointwise.h"
#include "aten/rules.h"

#include <string.h>

typedef struct Classes {
	Value score;                 /* [N, C, *S], f32 or f64 */
	Type t;                      /* its type */
	int dim;                     /* where C stands */
	Value hit;                   /* [N, C, *S] bool: the target class; none when it is ignored */
	Value kept;                  /* [N, *S] bool: not ignored */
} Classes;

static Value log_softmax(Builder *b, Value x, int dim)
{
	Type t = known_type(b, x);
	Ints dims = one_dim(b, dim);
	Value top = reduce_over(b, OP_maximum, x, dims);
	x = hlo_subtract(b, x, spread_over(b, top, dims, t));
	Value sum = hlo_exponential(b, x);
	sum = sum_over(b, sum, dims);
	sum = hlo_log(b, sum);
	return hlo_subtract(b, x, spread_over(b, sum, dims, t));
}

/* C; after an error any number will do. */
static int64_t count_of(const Classes *c) { return c->dim < c->t.rank ? c->t.dim[c->dim] : 1; }

/* x, as it is or through log_softmax; one score without dims is a class of its own */
static Classes scores_of(Builder *b, Value x, bool softmax)
{
	Classes c = { .score = x };
	c.t = known_type(b, c.score);
	if (c.t.kind && !c.t.rank) {
		c.score = unsqueeze_dim(b, c.score, 0);
		c.t = known_type(b, c.score);
	}
	c.dim = c.t.rank > 1 ? 1 : 0;
	if (softmax) c.score = log_softmax(b, c.score, c.dim);
	return c;
}

static Classes scores(Node *n, bool softmax)
{
	Value x = arg_as(n, "self", acc_type(n->out.elem));
	return scores_of(n->b, x, softmax);
}

static void pick_target(Node *n, Classes *c)
{
	Builder *b = n->b;
	Ints dims = one_dim(b, c->dim);
	Value target = arg_as(n, "target", DTYPE_i64);
	Type t = with_elem(c->t, DTYPE_i64);
	if (!t.kind) return;
	target = reshape_to(b, target, without_dims(b, t, dims));
	Value ignored = hlo_splat_int(b, known_type(b, target), arg_int(n, "ignore_index", -100));
	c->kept = hlo_compare(b, DIRECTION_NE, target, ignored);
	Value class = positions(b, t, c->dim, DTYPE_i64);
	Value wanted = spread_over(b, target, dims, t);
	c->hit = hlo_compare(b, DIRECTION_EQ, class, wanted);
	Value kept = spread_over(b, c->kept, dims, with_elem(t, DTYPE_bool));
	c->hit = hlo_and(b, c->hit, kept);
}

/* The value of the target class: sum over C of (hit ? x : 0) */
static Value of_target(Builder *b, Classes *c, Value x)
{
	Value zero = full_like(b, x, 0);
	x = hlo_select(b, c->hit, x, zero);
	return sum_over(b, x, one_dim(b, c->dim));
}

/* "weight"[C] laid over the scores, or 0 */
static Value class_weights(Node *n, Classes *c)
{
	if (!has_arg(n, "weight")) return 0;
	Value w = arg_as(n, "weight", c->t.elem);
	return along(n->b, w, c->dim, c->t);
}

/* What each target counts: the weight of its class, 1 without weights, 0 when ignored. [N, *S] */
static Value target_weights(Node *n, Classes *c)
{
	Value w = class_weights(n, c);
	return w ? of_target(n->b, c, w) : cast(n->b, c->kept, c->t.elem);
}

/* "reduction", which an operator of torch.nn gives by name */
static int64_t reduction_of(Node *n)
{
	const Arg *x = arg_raw(n, "reduction");
	if (!x || x->kind != ARG_STR) return arg_int(n, "reduction", REDUCTION_MEAN);
	return !strcmp(x->str, "none") ? REDUCTION_NONE : !strcmp(x->str, "sum") ? REDUCTION_SUM : REDUCTION_MEAN;
}

/* Losses [N, *S] by "reduction"; the mean is over what the targets count. */
static Value reduced_by(Node *n, Value loss, Value weights)
{
	Builder *b = n->b;
	Ints all = all_dims(b, known_type(b, loss).rank);
	int64_t how = reduction_of(n);
	if (how == REDUCTION_NONE) return loss;
	loss = sum_over(b, loss, all);
	if (how == REDUCTION_SUM) return loss;
	weights = sum_over(b, weights, all);
	return hlo_divide(b, loss, weights);
}

/* -weight[target] * score[target], reduced */
static Value nll(Node *n, Classes *c)
{
	Builder *b = n->b;
	pick_target(n, c);
	Value w = target_weights(n, c);
	Value x = of_target(b, c, c->score);
	x = hlo_multiply(b, x, w);
	x = hlo_negate(b, x);
	return reduced_by(n, x, w);
}

/* aten.nll_loss, nll_loss2d, nll_loss_nd(self, target, weight?, reduction, ignore_index);
 * aten.nll_loss_forward, nll_loss2d_forward -> (output, total_weight) */
Value lower_nll_loss(Node *n)
{
	Builder *b = n->b;
	Classes c = scores(n, false);
	Value x = nll(n, &c);
	if (out_wanted(n, 1)) {
		bool none = arg_int(n, "reduction", REDUCTION_MEAN) == REDUCTION_NONE;
		Value w = target_weights(n, &c);
		w = none ? scalar(b, 0, c.t.elem) : sum_over(b, w, all_dims(b, known_type(b, w).rank));
		set_out(n, 1, cast(b, w, out_type(n, 1).elem));
	}
	x = cast(b, x, n->out.elem);
	return reshape_to(b, x, n->out);
}

/* -- cross entropy --------------------------------------------------------------------------------------- */

/* -sum over C of weight * target * log p, target a distribution smoothed towards 1 / C; the mean is
 * over N times S */
static Value of_distribution(Node *n, Classes *c, double smoothing)
{
	Builder *b = n->b;
	int64_t classes = count_of(c);
	Value y = arg_as(n, "target", c->t.elem);
	if (smoothing > 0) {
		y = scaled(b, y, 1 - smoothing);
		if (classes >= 0) y = plus(b, y, smoothing / (double)classes);
		else y = hlo_add(b, y, share_of(b, full_like(b, y, 1), smoothing, classes));
	}
	Value x = hlo_multiply(b, c->score, y);
	Value w = class_weights(n, c);
	if (w) x = hlo_multiply(b, x, w);
	x = sum_over(b, x, one_dim(b, c->dim));
	return reduced_loss(n, hlo_negate(b, x));
}

/* What every class adds when targets are smoothed: -sum over C of weight * log p, 0 when ignored; reduced
 * as the targets are */
static Value smooth_part(Node *n, Classes *c)
{
	Builder *b = n->b;
	Value x = c->score;
	Value w = class_weights(n, c);
	if (w) x = hlo_multiply(b, x, w);
	x = sum_over(b, x, one_dim(b, c->dim));
	x = hlo_negate(b, x);
	Value zero = full_like(b, x, 0);
	x = hlo_select(b, c->kept, x, zero);
	return reduced_by(n, x, target_weights(n, c));
}

/* aten.cross_entropy_loss(self, target, weight?, reduction, ignore_index, label_smoothing): nll of
 * log_softmax; smoothed by e: (1 - e) nll + e / C (what every class adds). A float target of self's shape
 * is a distribution. */
Value lower_cross_entropy_loss(Node *n)
{
	Builder *b = n->b;
	double smoothing = arg_num(n, "label_smoothing", 0);
	Classes c = scores(n, true);
	Type target = known_type(b, arg(n, "target"));
	if (is_float(target.elem) && same_shape(target, c.t)) return of_distribution(n, &c, smoothing);
	Value x = nll(n, &c);
	if (smoothing > 0) {
		Value smooth = smooth_part(n, &c);
		smooth = share_of(b, smooth, smoothing, count_of(&c));
		x = scaled(b, x, 1 - smoothing);
		x = hlo_add(b, x, smooth);
	}
	return cast(b, x, n->out.elem);
}

/* A gradient that the operator computes beside the loss when asked to; else it has no elements. */
static bool set_no_gradient(Node *n, int i)
{
	static const char *const asked[] = { "compute_input_grad", "compute_linear_weight_grad", "compute_linear_bias_grad" };
	if (arg_bool(n, asked[i], false)) return node_fail(n, UNSUPPORTED, "gradients beside the loss"), false;
	if (out_wanted(n, i + 1)) set_out(n, i + 1, full(n->b, out_type(n, i + 1), 0));
	return true;
}

/* torch_nn._linear_cross_entropy_batch_chunked(input[N, D], linear_weight[C, D], target[N], linear_bias[C]?, weight[C]?, reduction,
 * ignore_index, ..) -> (loss, three gradients), _linear_cross_entropy_batch_chunked_no_reduction -> [N]: the cross entropy of
 * input . linear_weight^T + linear_bias. The chunks only bound torch's memory. */
Value lower_linear_cross_entropy(Node *n)
{
	Builder *b = n->b;
	bool each = !has_arg(n, "reduction");
	if (arg_num(n, "label_smoothing", 0) != 0) return node_fail(n, UNSUPPORTED, "label smoothing");
	for (int i = 0; i < 3 && !each; i++)
		if (!set_no_gradient(n, i)) return 0;
	DType acc = acc_type(n->out.elem);
	Value x = arg_as(n, "input", acc);
	Value w = arg_as(n, "linear_weight", acc);
	Value bias = has_arg(n, "linear_bias") ? arg_as(n, "linear_bias", acc) : 0;
	Classes c = scores_of(b, linear(b, x, w, bias), true);
	pick_target(n, &c);
	Value count = target_weights(n, &c);
	x = of_target(b, &c, c.score);
	x = hlo_multiply(b, x, count);
	x = hlo_negate(b, x);
	if (!each) x = reduced_by(n, x, count);
	return cast(b, x, n->out.elem);
}

/* -- margins --------------------------------------------------------------------------------------------- */

/* aten.multi_margin_loss(self[N?, C], target, p=1, margin=1, weight?, reduction):
 * sum over the other classes of weight[target] max(margin - self[target] + self, 0)^p, over C */
Value lower_multi_margin_loss(Node *n)
{
	Builder *b = n->b;
	Classes c = scores(n, false);
	pick_target(n, &c);
	Ints dims = one_dim(b, c.dim);
	Value best = of_target(b, &c, c.score);
	best = spread_over(b, best, dims, c.t);
	Value x = hlo_subtract(b, c.score, best);
	x = plus(b, x, arg_num(n, "margin", 1));
	x = at_least(b, x, 0);
	if (arg_num(n, "p", 1) == 2) x = square(b, x);
	x = if_num(b, c.hit, 0, x);
	x = sum_over(b, x, dims);
	x = divided_by_size(b, x, count_of(&c));
	x = hlo_multiply(b, x, target_weights(n, &c));
	return reduced_loss(n, x);
}

/* -- back ------------------------------------------------------------------------------------------------ */

/* "grad_output", one number or [N, *S], laid over the scores */
static Value gradient_over(Node *n, Classes *c)
{
	Builder *b = n->b;
	Value g = arg_as(n, "grad_output", c->t.elem);
	Ints dims = one_dim(b, c->dim);
	if (known_type(b, g).rank) return spread_over(b, reshape_to(b, g, without_dims(b, c->t, dims)), dims, c->t);
	return broadcast(b, g, c->t);
}

/* aten.nll_loss_backward, nll_loss2d_backward(grad_output, self, target, weight?, reduction, ignore_index, total_weight):
 * -weight g at the target class, 0 elsewhere; of a mean over total_weight */
Value lower_nll_loss_backward(Node *n)
{
	Builder *b = n->b;
	Classes c = scores(n, false);
	pick_target(n, &c);
	Value g = gradient_over(n, &c);
	if (arg_int(n, "reduction", REDUCTION_MEAN) == REDUCTION_MEAN)
		g = hlo_divide(b, g, broadcast(b, arg_as(n, "total_weight", c.t.elem), c.t));
	Value w = class_weights(n, &c);
	if (w) g = hlo_multiply(b, g, w);
	g = hlo_negate(b, g);
	g = hlo_select(b, c.hit, g, full_like(b, g, 0));
	g = reshape_to(b, g, n->out);
	return cast(b, g, n->out.elem);
}

/* aten.multi_margin_loss_backward(grad_output, self[N?, C], target, p, margin, weight?, reduction): z = margin - self[target] + self:
 * weight[target] p z^(p-1) g / C for each other class with z > 0, and their sum taken from the target */
Value lower_multi_margin_loss_backward(Node *n)
{
	Builder *b = n->b;
	Classes c = scores(n, false);
	pick_target(n, &c);
	Ints dims = one_dim(b, c.dim);
	Value z = of_target(b, &c, c.score);
	z = hlo_subtract(b, c.score, spread_over(b, z, dims, c.t));
	z = plus(b, z, arg_num(n, "margin", 1));
	Value over = is(b, DIRECTION_GT, z, 0);
	z = arg_num(n, "p", 1) == 2 ? scaled(b, z, 2) : full_like(b, z, 1);
	z = hlo_select(b, over, z, full_like(b, z, 0));
	z = if_num(b, c.hit, 0, z);
	Value sum = sum_over(b, z, dims);
	sum = hlo_negate(b, sum);
	z = hlo_select(b, c.hit, spread_over(b, sum, dims, c.t), z);
	z = hlo_multiply(b, z, spread_over(b, target_weights(n, &c), dims, c.t));
	z = hlo_multiply(b, z, gradient_over(n, &c));
	Ints shared = iota_ints(n->a, c.dim, 1);
	if (arg_int(n, "reduction", REDUCTION_MEAN) == REDUCTION_MEAN && c.dim) shared = iota_ints(n->a, 0, 2);
	z = divided_by_size(b, z, size_over(b, c.t, shared));
	z = reshape_to(b, z, n->out);
	return cast(b, z, n->out.elem);
}
