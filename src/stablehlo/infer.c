/* Result types of elementwise ops, and of those that take a type as it is. */
#include "stablehlo/infer.h"

#include "stablehlo/infer_check.h"

/* x with the sizes that y knows better. Both have one shape. */
static Type merge_types(Module *m, Type x, Type y)
{
	if (!x.bound && !y.bound && same_shape(x, y)) return x;
	Shape s = shape_new(m, x.rank);
	for (int i = 0; i < x.rank; i++) {
		int64_t b = bound_of(x, i), c = bound_of(y, i);
		s.dim[i] = dim_merge(x.dim[i], y.dim[i]);
		if (s.dim[i] < 0) shape_bound(&s, i, b < 0 ? c : c < 0 || b < c ? b : c);
	}
	return shape_type(&s, x);
}

/* Operand i against operand 0: one shape. */
static bool same_shapes(Module *m, const Op *op, const char *clause, int i)
{
	Type x = in_type(m, op, 0), y = in_type(m, op, i);
	if (shape_fits(x, y)) return true;
	return broken(m, op, clause, "operand %d is %s, wanted the shape of operand 0, %s", i, str(m, y),
		str(m, x));
}

static bool same_elems(Module *m, const Op *op, const char *clause, int i)
{
	Type x = in_type(m, op, 0), y = in_type(m, op, i);
	if (elem_fits(x, y)) return true;
	return broken(m, op, clause, "operand %d is %s, wanted the element type of operand 0, %s", i, str(m, y),
		str(m, x));
}

bool infer_unary(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	*out = in_type(m, op, 0);
	switch (op->code) {
	case OP_abs: case OP_real: case OP_imag:
		if (is_complex(out->elem)) *out = with_elem(*out, real_of(out->elem));
		return true;
	case OP_uniform_dequantize:
		if (!out->quant) return broken(m, op, "i1", "operand is %s, wanted a quantized tensor", str(m, *out));
		*out = with_elem(*out, out->quant->expressed);
		return true;
	case OP_uniform_quantize:
		return broken(m, op, "c2", "the quantized result type must be given");
	default:
		return true;
	}
}

bool infer_binary(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1) || !same_shapes(m, op, "c1", 1) || !same_elems(m, op, "c1", 1))
		return false;
	*out = merge_types(m, in_type(m, op, 0), in_type(m, op, 1));
	return true;
}

/* is_finite */
bool infer_predicate(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	*out = with_elem(in_type(m, op, 0), DTYPE_bool);
	return true;
}

bool infer_compare(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1) || !same_elems(m, op, "c1", 1) || !same_shapes(m, op, "c2", 1))
		return false;
	*out = with_elem(merge_types(m, in_type(m, op, 0), in_type(m, op, 1)), DTYPE_bool);
	return true;
}

bool infer_complex(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1) || !same_shapes(m, op, "c1", 1) || !same_elems(m, op, "c1", 1))
		return false;
	Type x = in_type(m, op, 0);
	if ((x.elem != DTYPE_f32 && x.elem != DTYPE_f64) || x.quant)
		return broken(m, op, "i1", "operand 0 is %s, wanted f32 or f64", str(m, x));
	*out = with_elem(merge_types(m, x, in_type(m, op, 1)), complex_of(x.elem));
	return true;
}

bool infer_select(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	Type pred = in_type(m, op, 0), x = in_type(m, op, 1), y = in_type(m, op, 2);
	if (pred.elem != DTYPE_bool || pred.quant)
		return broken(m, op, "i1", "pred is %s, wanted i1", str(m, pred));
	if (!shape_fits(x, y) || !elem_fits(x, y))
		return broken(m, op, "c2", "on_false is %s, wanted the type of on_true, %s", str(m, y), str(m, x));
	if (pred.rank && !shape_fits(pred, x))
		return broken(m, op, "c1", "pred is %s, wanted a scalar or the shape of %s", str(m, pred), str(m, x));
	*out = merge_types(m, x, y);
	return true;
}

bool infer_clamp(Module *m, const Op *op, int nout, Type *out)
{
	static const char *const clause[] = { "c1", NULL, "c2" }, *const name[] = { "min", NULL, "max" };
	if (!tensors_ok(m, op, nout, 1)) return false;
	Type x = in_type(m, op, 1);
	for (int i = 0; i < 3; i += 2) {
		Type y = in_type(m, op, i);
		if (y.rank && !shape_fits(x, y))
			return broken(m, op, clause[i], "%s is %s, wanted a scalar or the shape of %s", name[i], str(m, y),
				str(m, x));
		if (!elem_fits(x, y))
			return broken(m, op, "c3", "%s is %s, wanted the element type of %s", name[i], str(m, y),
				str(m, x));
	}
	*out = x;
	return true;
}

/* -- types that are taken over --------------------------------------------------------------------------- */

/* The first operand's type. select_and_scatter_c12: of the element type that scatter returns. */
bool infer_first(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	*out = in_type(m, op, 0);
	if (op->code != OP_select_and_scatter) return true;
	const Op *ret = returns_of(m, op->region[1]);
	if (!ret || ret->nin != 1 || in_type(m, ret, 0).kind != TYPE_TENSOR)
		return broken(m, op, "c10", "scatter must return one tensor");
	*out = with_elem_of(*out, in_type(m, ret, 0));
	return true;
}

/* sort, while, optimization_barrier: a result for each operand, of its type. */
bool infer_operands(Module *m, const Op *op, int nout, Type *out)
{
	if (!row_ok(m, op, nout, op->nin)) return false;
	for (int i = 0; i < nout; i++) out[i] = in_type(m, op, i);
	return true;
}

bool infer_nothing(Module *m, const Op *op, int nout, Type *out)
{
	(void)out;
	return row_ok(m, op, nout, 0);
}

bool infer_token(Module *m, const Op *op, int nout, Type *out)
{
	if (!row_ok(m, op, nout, 1)) return false;
	*out = token_type();
	return true;
}

bool infer_tuple(Module *m, const Op *op, int nout, Type *out)
{
	if (!row_ok(m, op, nout, 1)) return false;
	Type *part = NEW(&m->arena, Type, op->nin);
	for (int i = 0; i < op->nin; i++) part[i] = in_type(m, op, i);
	*out = (Type){ .kind = TYPE_TUPLE, .npart = op->nin, .part = part };
	return true;
}

bool infer_tuple_element(Module *m, const Op *op, int nout, Type *out)
{
	if (!row_ok(m, op, nout, 1)) return false;
	Type t = in_type(m, op, 0);
	if (t.kind != TYPE_TUPLE) return broken(m, op, "i1", "operand is %s, wanted a tuple", str(m, t));
	int64_t i = attr_of(op, "index")->i;
	if (!dim_in_range(m, op, "c1", "index", i, t.npart)) return false;
	*out = t.part[i];
	return true;
}

bool infer_constant(Module *m, const Op *op, int nout, Type *out)
{
	if (!row_ok(m, op, nout, 1)) return false;
	*out = attr_of(op, "value")->dense->type;
	if (!is_static(*out))
		return broken(m, op, "i1", "value is %s, wanted a tensor of static shape", str(m, *out));
	return true;
}

/* partition_id, replica_id */
bool infer_device_id(Module *m, const Op *op, int nout, Type *out)
{
	if (!row_ok(m, op, nout, 1)) return false;
	*out = scalar_type(DTYPE_u32);
	return true;
}

bool infer_dimension_size(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	if (!dim_in_range(m, op, "c1", "dimension", attr_of(op, "dimension")->i, in_type(m, op, 0).rank))
		return false;
	*out = scalar_type(DTYPE_i32);
	return true;
}

/* -- batch norm, linear algebra -------------------------------------------------------------------------- */

/* feature_index of the op, and the operands of feature size against it (c3...c6 of batch_norm_inference
 * and training, which number them by operand; batch_norm_grad_c4 and c5 of the others). False: one is
 * wrong. */
static bool features_ok(Module *m, const Op *op, int nfeature, int *index)
{
	static const char *const by_operand[] = { NULL, "c3", "c4", "c5", "c6" };
	Type x = in_type(m, op, 0);
	int64_t at = attr_of(op, "feature_index")->i;
	if (!dim_in_range(m, op, "c1", "feature_index", at, x.rank)) return false;
	for (int i = 1; i <= nfeature; i++) {
		Type t = in_type(m, op, i);
		if (!elem_fits(x, t))
			return broken(m, op, "c2", "operand %d is %s, wanted the element type of %s", i, str(m, t),
				str(m, x));
		if (t.rank == 1 && dim_fits(t.dim[0], x.dim[at])) continue;
		return broken(m, op, op->code == OP_batch_norm_grad ? "c5" : by_operand[i],
			"operand %d is %s, wanted dimension %lld of %s", i, str(m, t), (long long)at, str(m, x));
	}
	*index = (int)at;
	return true;
}

static void batch_norm_types(Module *m, const Op *op, int feature, Type *out)
{
	Shape s = shape_new(m, 1);
	out[0] = in_type(m, op, 0);
	shape_take(&s, 0, out[0], feature);
	out[1] = out[2] = shape_type(&s, out[0]);
}

bool infer_batch_norm_training(Module *m, const Op *op, int nout, Type *out)
{
	int feature;
	if (!tensors_ok(m, op, nout, 3) || !features_ok(m, op, 2, &feature)) return false;
	batch_norm_types(m, op, feature, out);
	return true;
}

bool infer_batch_norm_grad(Module *m, const Op *op, int nout, Type *out)
{
	int feature;
	if (!tensors_ok(m, op, nout, 3) || !features_ok(m, op, 3, &feature)) return false;
	if (!same_elems(m, op, "c2", 4) || !same_shapes(m, op, "c3", 4)) return false;
	batch_norm_types(m, op, feature, out);
	return true;
}

bool infer_triangular_solve(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1) || !same_elems(m, op, "c1", 1)) return false;
	Type a = in_type(m, op, 0), b = in_type(m, op, 1);
	int r = a.rank;
	if (r < 2 || b.rank != r)
		return broken(m, op, "c2", "a is %s and b %s, wanted one rank of 2 or more", str(m, a), str(m, b));
	bool ok = dim_fits(a.dim[r - 2], a.dim[r - 1]);
	ok = ok && dim_fits(a.dim[r - 1], b.dim[attr_of(op, "left_side")->i ? r - 2 : r - 1]);
	for (int i = 0; ok && i < r - 2; i++) ok = dim_fits(a.dim[i], b.dim[i]);
	if (!ok)
		return broken(m, op, "c3", "a is %s and b %s, wanted square matrices a that fit b on the %s", str(m, a),
			str(m, b),
			attr_of(op, "left_side")->i ? "left" : "right");
	*out = b;
	return true;
}
