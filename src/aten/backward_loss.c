/* Gradients of losses that compare element by element; of a mean they are divided by the number of elements.
 * f16 and bf16 are computed in f32. Those of losses that pick a class are in classify.c. */
#include "aten/pointwise.h"
#include "aten/rules.h"

/* self, target and the gradient of each element's loss, in n->out's shape */
typedef struct Terms { Value x, y, g; } Terms;

static Terms terms(Node *n)
{
	Builder *b = n->b;
	DType t = acc_type(n->out.elem);
	Terms p = { 0 };
	if (!is_float(t)) return node_fail(n, UNSUPPORTED, "gradients of type %s", type_str(n->a, n->out)), p;
	p.x = operand(n, "self", t);
	p.y = operand(n, "target", t);
	p.g = operand(n, "grad_output", t);
	if (arg_int(n, "reduction", REDUCTION_MEAN) == REDUCTION_MEAN)
		p.g = share_of(b, p.g, 1, numel_of(b, n->out));
	return p;
}

/* slope g */
static Value along_slope(Node *n, Value slope, Value g)
{
	g = hlo_multiply(n->b, slope, g);
	return cast(n->b, g, n->out.elem);
}

/* -edge, x times `slope` or edge where x lies below, within or above -bound and bound */
static Value bent(Builder *b, Value x, double bound, double slope, double edge)
{
	Value below = is(b, DIRECTION_LE, x, -bound);
	Value above = is(b, DIRECTION_GE, x, bound);
	x = scaled(b, x, slope);
	x = if_num(b, above, edge, x);
	return if_num(b, below, -edge, x);
}

/* aten.mse_loss_backward(grad_output, self, target, reduction): 2 (x - y) g */
Value lower_mse_loss_backward(Node *n)
{
	Terms p = terms(n);
	Value slope = hlo_subtract(n->b, p.x, p.y);
	slope = scaled(n->b, slope, 2);
	return along_slope(n, slope, p.g);
}

/* aten.smooth_l1_loss_backward(grad_output, self, target, reduction, beta): (x - y) / beta, at most 1 */
Value lower_smooth_l1_loss_backward(Node *n)
{
	double beta = arg_num(n, "beta", 1);
	Terms p = terms(n);
	Value x = hlo_subtract(n->b, p.x, p.y);
	return along_slope(n, beta > 0 ? bent(n->b, x, beta, 1 / beta, 1) : math_sign(n->b, x), p.g);
}

/* aten.huber_loss_backward(grad_output, self, target, reduction, delta): x - y, at most delta */
Value lower_huber_loss_backward(Node *n)
{
	double delta = arg_num(n, "delta", 1);
	Terms p = terms(n);
	Value x = hlo_subtract(n->b, p.x, p.y);
	return along_slope(n, bent(n->b, x, delta, 1, delta), p.g);
}

/* aten.binary_cross_entropy_backward(grad_output, self, target, weight?, reduction): weight (x - y) / max(x
 * (1 - x), 1e-12), a float in torch's kernel whatever the type; f16 rounds it to 0 */
Value lower_bce_backward(Node *n)
{
	Builder *b = n->b;
	Terms p = terms(n);
	Value spread = minus_from(b, 1, p.x);
	spread = hlo_multiply(b, spread, p.x);
	spread = at_least(b, spread, n->out.elem == DTYPE_f16 ? 0 : 1e-12f);
	Value slope = hlo_subtract(b, p.x, p.y);
	slope = hlo_multiply(b, slope, p.g);
	slope = hlo_divide(b, slope, spread);
	if (!has_arg(n, "weight")) return cast(b, slope, n->out.elem);
	return along_slope(n, slope, operand(n, "weight", acc_type(n->out.elem)));
}

/* aten.soft_margin_loss_backward(grad_output, self, target, reduction): -y z / (1 + z), z = exp(-x y) */
Value lower_soft_margin_loss_backward(Node *n)
{
	Builder *b = n->b;
	Terms p = terms(n);
	Value z = hlo_multiply(b, p.x, p.y);
	z = hlo_negate(b, z);
	z = hlo_exponential(b, z);
	Value over = plus(b, z, 1);
	z = hlo_multiply(b, z, p.y);
	z = hlo_negate(b, z);
	z = hlo_divide(b, z, over);
	return along_slope(n, z, p.g);
}

/* -- margins of many labels ------------------------------------------------------------------------------ */

/* [N, C] target: whether slot t counts, which those before the first negative one do */
static Value labels_that_count(Builder *b, Value target)
{
	Type t = known_type(b, target);
	if (!t.kind) return 0;
	Value slot = positions(b, t, 1, DTYPE_i64);
	Value end = is(b, DIRECTION_LT, target, 0);
	end = hlo_select(b, end, slot, size_value(b, t.dim[1], t));
	end = reduce_over(b, OP_minimum, end, one_dim(b, 1));
	end = spread_over(b, end, one_dim(b, 1), t);
	return hlo_compare(b, DIRECTION_LT, slot, end);
}

/* v [N, C] over the cube [N, T, C], C being its dim 1 or 2 */
static Value over_cube(Builder *b, Value v, int dim, Type cube)
{
	int64_t to[2] = { 0, dim };
	return hlo_broadcast_in_dim(b, v, 3, cube.dim, (Ints){ 2, to });
}

/* aten.multilabel_margin_loss_backward(grad_output, self [N?, C], target, reduction, is_target): each pair of
 * a label t and another class c with z = 1 - x[t] + x[c] > 0 adds g / C to c and takes it from t. In a cube
 * [N, T, C]. */
Value lower_multilabel_margin_backward(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value x = arg_as(n, "self", acc), target = arg_as(n, "target", DTYPE_i64);
	Value label = arg_as(n, "is_target", DTYPE_bool), g = arg_as(n, "grad_output", acc);
	if (!x || !target || !label || !g || n->out.rank > 2)
		return n->out.rank > 2 ? node_fail(n, BAD_INPUT, "self is %s, wanted at most 2 dims", type_str(n->a, n->out)) : 0;
	int64_t classes = n->out.rank ? n->out.dim[n->out.rank - 1] : 1, samples = n->out.rank == 2 ? n->out.dim[0] : 1;
	if (!samples || !classes) return full(b, n->out, 0);
	int64_t flat[2] = { samples, classes };
	Type cube = tensor_type(n->a, acc, 3, (int64_t[]){ samples, classes, classes });
	x = hlo_reshape(b, x, 2, flat);
	target = hlo_reshape(b, target, 2, flat);
	label = hlo_reshape(b, label, 2, flat);
	Value counts = labels_that_count(b, target);
	Value class = positions(b, with_elem(cube, DTYPE_i64), 2, DTYPE_i64);
	Value hit = hlo_compare(b, DIRECTION_EQ, class, over_cube(b, target, 1, cube));
	Value score = over_cube(b, x, 2, cube);
	Value own = hlo_select(b, hit, score, full(b, cube, 0));               /* x[t], over all c */
	own = sum_over(b, own, one_dim(b, 2));
	Value z = minus_from(b, 1, over_cube(b, own, 1, cube));
	z = hlo_add(b, z, score);
	z = is(b, DIRECTION_GT, z, 0);
	z = hlo_and(b, z, over_cube(b, counts, 1, cube));
	z = hlo_and(b, z, over_cube(b, hlo_not(b, label), 2, cube));
	z = hlo_convert(b, z, acc);
	Value taken = sum_over(b, z, one_dim(b, 2));
	taken = over_cube(b, taken, 1, cube);
	taken = hlo_select(b, hit, taken, full(b, cube, 0));
	z = hlo_subtract(b, z, taken);
	z = sum_over(b, z, one_dim(b, 1));                                     /* [N, C] */
	bool mean = arg_int(n, "reduction", REDUCTION_MEAN) == REDUCTION_MEAN;
	z = share_of(b, z, 1, mean ? dim_times(dims_of(b->m), classes, samples) : classes);
	if (rank_of(b, g)) g = hlo_broadcast_in_dim(b, g, 2, flat, one_dim(b, 0));
	else g = hlo_broadcast_in_dim(b, g, 2, flat, (Ints){ 0 });
	z = hlo_multiply(b, z, g);
	z = reshape_to(b, z, n->out);
	return cast(b, z, n->out.elem);
}
