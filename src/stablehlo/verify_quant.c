/* What operand and result of quantized types must have in common. */
#include "stablehlo/verify.h"

#include <string.h>

/* The same numbers, whatever axis they are along. */
static bool same_scales(const Quant *x, const Quant *y)
{
	return x->storage == y->storage && x->storage_min == y->storage_min && x->storage_max == y->storage_max && x->n == y->n
	    && !memcmp(x->scale, y->scale, (size_t)x->n * sizeof *x->scale)
	    && !memcmp(x->zero_point, y->zero_point, (size_t)x->n * sizeof *x->zero_point);
}

bool quant_kept(Module *m, const Op *op, const char *clause)
{
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	if (!x.quant || !t.quant) return true;
	if ((x.quant->axis < 0) == (t.quant->axis < 0) && same_scales(x.quant, t.quant)) return true;
	return broken(m, op, clause, "result is %s, wanted the scales of %s", str(m, t), str(m, x));
}

bool check_transpose(Module *m, const Op *op)
{
	const Quant *x = in_type(m, op, 0).quant, *t = out_type(m, op, 0).quant;
	Ints p = attr_of(op, "permutation")->ints;
	if (!quant_kept(m, op, "c1") || !x || !t || t->axis < 0) return !m->err->code;
	return p.v[t->axis] == x->axis
	    || broken(m, op, "c4", "result is quantized along %d, operand along %d", t->axis, x->axis);
}

/* broadcast_in_dim_c6, also of dynamic_broadcast_in_dim: a dimension of one scale becomes many of that
 * scale. */
bool broadcast_quant_ok(Module *m, const Op *op)
{
	Type in = in_type(m, op, 0);
	const Quant *x = in.quant, *t = out_type(m, op, 0).quant;
	Ints dims = attr_of(op, "broadcast_dimensions")->ints;
	if (!x || !t) return true;
	if (x->axis < 0 || t->axis < 0) return quant_kept(m, op, "c1");
	if (t->axis != dims.v[x->axis])
		return broken(m, op, "c6", "result is quantized along %d, wanted %lld", t->axis, (long long)dims.v[x->axis]);
	bool ok = in.dim[x->axis] == 1 || same_scales(x, t);
	for (int i = 0; ok && in.dim[x->axis] == 1 && i < t->n; i++)
		ok = t->scale[i] == x->scale[0] && t->zero_point[i] == x->zero_point[0];
	return ok || broken(m, op, "c6", "result is %s, wanted the scales of %s", str(m, out_type(m, op, 0)),
		str(m, in));
}

/* add_c3, c5...c7; inference has seen that all three are quantized, to express one type, or none is. */
bool check_add(Module *m, const Op *op)
{
	const Quant *x = in_type(m, op, 0).quant, *y = in_type(m, op, 1).quant, *t = out_type(m, op, 0).quant;
	if (!x || !y || !t) return true;
	if (x->storage != y->storage || x->storage != t->storage)
		return broken(m, op, "c3", "lhs is stored as %s, rhs as %s and the result as %s, wanted one", dtype_name(x->storage),
			dtype_name(y->storage), dtype_name(t->storage));
	if ((x->axis >= 0 || y->axis >= 0) != (t->axis >= 0))
		return broken(m, op, "c5", "lhs is quantized along %d, rhs along %d and the result along %d", x->axis, y->axis, t->axis);
	if (x->axis >= 0 && x->axis != t->axis)
		return broken(m, op, "c6", "lhs is quantized along %d, the result along %d", x->axis, t->axis);
	if (y->axis >= 0 && y->axis != t->axis)
		return broken(m, op, "c7", "rhs is quantized along %d, the result along %d", y->axis, t->axis);
	return true;
}
