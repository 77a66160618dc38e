/* Pointwise arithmetic, comparisons, activations. */
#include "aten/rules.h"

/* aten.add(self, other, *, alpha=1): self + alpha * other, broadcast. */
Value lower_add(Node *n)
{
	Builder *b = n->b;
	DType t = result_type(n, 3, (const char *[]){ "self", "other", "alpha" });
	Value x = arg_as(n, "self", t);
	Value y = arg_as(n, "other", t);
	if (has_arg(n, "alpha")) {
		Value k = arg_as(n, "alpha", t);
		Type ty = y ? type_of(b, y) : n->out;
		k = broadcast(b, k, ty);
		y = hlo_multiply(b, y, k);
	}
	x = broadcast(b, x, n->out);
	y = broadcast(b, y, n->out);
	x = hlo_add(b, x, y);
	return cast(b, x, n->out.elem);
}

/* aten.relu(self): max(self, 0); NaN stays NaN. */
Value lower_relu(Node *n)
{
	Value x = arg(n, "self");
	return clamp_min(n->b, x, 0);
}
