/* Normalizations. Statistics of f16 and bf16 are computed in f32, as torch does. */
#include "aten/rules.h"

/* aten.batch_norm(input[N,C,*], weight[C]?, bias[C]?, running_mean[C]?, running_var[C]?, training, momentum, eps):
 * (x - mean) * (1 / sqrt(var + eps)) * weight + bias, per channel */
Value lower_batch_norm(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Type t = with_elem(n->out, acc);
	if (arg_bool(n, "training", false)) return node_fail(n, UNSUPPORTED, "training");
	Value x = arg_as(n, "input", acc);
	Value mean = arg_as(n, "running_mean", acc);
	Value var = arg_as(n, "running_var", acc);
	Value eps = full_like(b, var, arg_num(n, "eps", 1e-5));
	Value scale = hlo_add(b, var, eps);
	scale = hlo_rsqrt(b, scale);
	if (has_arg(n, "weight")) {
		Value w = arg_as(n, "weight", acc);
		scale = hlo_multiply(b, scale, w);
	}
	mean = along(b, mean, 1, t);
	scale = along(b, scale, 1, t);
	Value y = hlo_subtract(b, x, mean);
	y = hlo_multiply(b, y, scale);
	if (has_arg(n, "bias")) {
		Value bias = arg_as(n, "bias", acc);
		bias = along(b, bias, 1, t);
		y = hlo_add(b, y, bias);
	}
	return cast(b, y, n->out.elem);
}
