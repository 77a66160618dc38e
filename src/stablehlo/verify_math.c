/* Ops that compute: what inference leaves of their clauses. */
#include "stablehlo/verify.h"

bool check_constant(Module *m, const Op *op)
{
	const Dense *d = attr_of(op, "value")->dense;
	int64_t n;
	size_t each = dtype_nbytes(d->type.quant ? d->type.quant->storage : d->type.elem);
	if (!count_elements(d->type, &n))
		return broken(m, op, "i1", "value is %s, beyond 2^63 elements", str(m, d->type));
	if (d->splat) n = 1;
	if (d->nbytes / each == (size_t)n && d->nbytes % each == 0 && (d->data || !n)) return true;
	return broken(m, op, "i1", "value has %zu bytes, wanted %lld elements of %zu", d->nbytes, (long long)n,
		each);
}

bool check_convert(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1)) return false;
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	if (t.quant) return broken(m, op, "o1", "result is %s, wanted no quantized type", str(m, t));
	return shape_fits(x, t) || broken(m, op, "c1", "result is %s, wanted the shape of %s", str(m, t),
		str(m, x));
}

bool check_uniform_quantize(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1)) return false;
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	if (!t.quant) return broken(m, op, "o1", "result is %s, wanted a quantized type", str(m, t));
	if (!shape_fits(x, t))
		return broken(m, op, "c1", "result is %s, wanted the shape of %s", str(m, t), str(m, x));
	if (t.quant->expressed == (x.quant ? x.quant->expressed : x.elem)) return true;
	return broken(m, op, "c2", "result is %s, wanted to express %s", str(m, t), str(m, x));
}

/* compare_c3; NOTYPE stands for the one that fits. */
bool check_compare(Module *m, const Op *op)
{
	Type x = in_type(m, op, 0);
	int64_t direction = attr_of(op, "comparison_direction")->i, type = attr_of(op, "compare_type")->i;
	if (direction < DIRECTION_EQ || direction > DIRECTION_LT)
		return broken(m, op, "i3", "comparison_direction %lld", (long long)direction);
	bool ordered = direction != DIRECTION_EQ && direction != DIRECTION_NE;
	if (is_complex(x.elem) && !x.quant && ordered) return broken(m, op, "i3", "%s has no order", str(m, x));
	if (!attr_of(op, "compare_type")->set || type == COMPARE_NOTYPE || x.quant) return true;
	bool ok = is_complex(x.elem) ? type == COMPARE_FLOAT
	        : is_float(x.elem) ? type == COMPARE_FLOAT || type == COMPARE_TOTALORDER
	        : type == (is_unsigned(x.elem) ? COMPARE_UNSIGNED : COMPARE_SIGNED);
	return ok || broken(m, op, "c3", "compare_type %lld does not fit %s", (long long)type, str(m, x));
}

bool check_reduce_precision(Module *m, const Op *op)
{
	int64_t exponent = attr_of(op, "exponent_bits")->i, mantissa = attr_of(op, "mantissa_bits")->i;
	if (exponent < 1)
		return broken(m, op, "c2", "exponent_bits is %lld, wanted 1 or more", (long long)exponent);
	return mantissa >= 0 || broken(m, op, "c3", "mantissa_bits is %lld, wanted 0 or more",
		(long long)mantissa);
}

bool check_batch_norm_inference(Module *m, const Op *op)
{
	static const char *const clause[] = { NULL, "c3", "c4", "c5", "c6" };
	Type x = in_type(m, op, 0);
	int64_t at = attr_of(op, "feature_index")->i;
	if (!dim_in_range(m, op, "c1", "feature_index", at, x.rank)) return false;
	for (int i = 1; i < 5; i++) {
		Type t = in_type(m, op, i);
		if (!elem_fits(x, t))
			return broken(m, op, "c2", "operand %d is %s, wanted the element type of %s", i, str(m, t),
				str(m, x));
		if (t.rank != 1 || !dim_fits(t.dim[0], x.dim[at]))
			return broken(m, op, clause[i], "operand %d is %s, wanted dimension %lld of %s", i, str(m, t),
				(long long)at, str(m, x));
	}
	return true;
}

bool check_cholesky(Module *m, const Op *op)
{
	Type a = in_type(m, op, 0);
	if (a.rank < 2) return broken(m, op, "c2", "a is %s, wanted rank 2 or more", str(m, a));
	return dim_fits(a.dim[a.rank - 2], a.dim[a.rank - 1]) || broken(m, op, "c3",
		"a is %s, wanted square matrices", str(m, a));
}

/* TRANSPOSE_INVALID is 0; NO_TRANSPOSE, TRANSPOSE and ADJOINT follow. */
bool check_triangular_solve(Module *m, const Op *op)
{
	int64_t t = attr_of(op, "transpose_a")->i;
	return (t >= 1 && t <= 3) || broken(m, op, "i6", "transpose_a %lld", (long long)t);
}

/* -- random numbers -------------------------------------------------------------------------------------- */

enum { RNG_UNIFORM = 1, RNG_NORMAL = 2 };

bool check_rng(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1)) return false;
	Type a = in_type(m, op, 0), b = in_type(m, op, 1), shape = in_type(m, op, 2), t = out_type(m, op, 0);
	int64_t distribution = attr_of(op, "rng_distribution")->i;
	if (a.rank || b.rank)
		return broken(m, op, a.rank ? "i1" : "i2", "a is %s and b %s, wanted scalars", str(m, a), str(m, b));
	if (a.elem != b.elem || a.elem != t.elem || t.quant)
		return broken(m, op, "c1", "a is %s, b %s and the result %s, wanted one element type", str(m, a),
			str(m, b), str(m, t));
	if (distribution < RNG_UNIFORM || distribution > RNG_NORMAL)
		return broken(m, op, "i4", "rng_distribution %lld", (long long)distribution);
	if (distribution == RNG_NORMAL && !is_float(a.elem))
		return broken(m, op, "c2", "a normal distribution of %s", str(m, a));
	Ints want = constant_ints(m, op->in[2]);
	bool ok = shape.rank == 1 && dim_fits(shape.dim[0], t.rank);
	for (int i = 0; ok && i < want.n && i < t.rank; i++) ok = dim_fits(want.v[i], t.dim[i]);
	return ok || broken(m, op, "c3", "result is %s, shape says %s %s", str(m, t), str(m, shape),
		want.n < 0 ? "" : ints_str(m, want));
}

bool check_rng_bit_generator(Module *m, const Op *op)
{
	if (!results_ok(m, op, 2)) return false;
	Type state = in_type(m, op, 0), t = out_type(m, op, 1);
	int64_t algorithm = attr_of(op, "rng_algorithm")->i, n = state.rank == 1 ? state.dim[0] : -1;
	if (algorithm < RNG_DEFAULT || algorithm > RNG_PHILOX)
		return broken(m, op, "i1", "rng_algorithm %lld", (long long)algorithm);
	if (!result_is(m, op, "c1", 0, state)) return false;
	bool ok = algorithm == RNG_DEFAULT || n == 2 || (algorithm == RNG_PHILOX && n == 3)
		|| (state.rank == 1 && n < 0);
	if (!ok)
		return broken(m, op, "c2", "initial_state is %s, wanted 2 numbers (PHILOX: or 3)", str(m, state));
	if (is_static(t) && !t.quant && (is_int(t.elem) || is_float(t.elem))) return true;
	return broken(m, op, "o2", "output is %s, wanted static integers or floats", str(m, t));
}

/* -- contractions ---------------------------------------------------------------------------------------- */

/* The clauses on quantized operands that convolution and dot_general share: (C28) and (C31)...(C34) of
 * convolution. */
static bool quant_pair_ok(Module *m, const Op *op, const char *mix, const char *storage, const char *expressed,
	const char *grain,
	const char *weight_only)
{
	Type x = in_type(m, op, 0), w = in_type(m, op, 1), t = out_type(m, op, 0);
	if (!x.quant && !w.quant && !t.quant) return true;
	if (!w.quant || !x.quant != !t.quant)
		return broken(m, op, mix, "lhs is %s, rhs %s and the result %s: quantized do not go together so",
			str(m, x), str(m, w), str(m, t));
	if (!x.quant)
		return (x.elem == w.quant->expressed && x.elem == t.elem)
		    || broken(m, op, weight_only, "rhs is %s, wanted to express %s", str(m, w), str(m, x));
	if (x.quant->storage != w.quant->storage)
		return broken(m, op, storage, "lhs is %s and rhs %s, wanted one storage type", str(m, x), str(m, w));
	if (x.quant->expressed != w.quant->expressed || x.quant->expressed != t.quant->expressed)
		return broken(m, op, expressed, "lhs is %s, rhs %s and the result %s, wanted one expressed type",
			str(m, x), str(m, w), str(m, t));
	return w.quant->axis >= 0 || t.quant->axis < 0
	    || broken(m, op, grain, "result is %s, wanted one scale as rhs has, %s", str(m, t), str(m, w));
}

static bool conv_quant_ok(Module *m, const Op *op)
{
	Type w = in_type(m, op, 1), t = out_type(m, op, 0);
	const ConvDims *d = attr_of(op, "dimension_numbers")->conv;
	if (w.quant && w.quant->axis >= 0 && w.quant->axis != d->kernel_output_feature)
		return broken(m, op, "c29", "rhs is quantized along %d, wanted %lld", w.quant->axis,
			(long long)d->kernel_output_feature);
	if (t.quant && t.quant->axis >= 0 && t.quant->axis != d->output_feature)
		return broken(m, op, "c30", "result is quantized along %d, wanted %lld", t.quant->axis,
			(long long)d->output_feature);
	return quant_pair_ok(m, op, "c28", "c31", "c32", "c33", "c34");
}

bool check_convolution(Module *m, const Op *op) { return conv_quant_ok(m, op); }

bool check_dynamic_conv(Module *m, const Op *op)
{
	static const WindowClauses clauses = { "c2", "c3", "c4", "c5", "c6", "c7", "c8" };
	if (!results_ok(m, op, 1) || !conv_check(m, op)) return false;
	Type x = in_type(m, op, 0), w = in_type(m, op, 1), padding = in_type(m, op, 2), t = out_type(m, op, 0);
	const ConvDims *d = attr_of(op, "dimension_numbers")->conv;
	int n = x.rank - 2;
	WindowDim *window = NEW(&m->arena, WindowDim, n);
	if (padding.rank != 2 || !dim_fits(padding.dim[0], n) || !dim_fits(padding.dim[1], 2))
		return broken(m, op, "c4", "padding is %s, wanted %dx2 integers", str(m, padding), n);
	if (!window_dims(m, op, n, &clauses, window)) return false;
	for (int i = 0; i < n; i++)
		if (!w.dim[d->kernel_spatial.v[i]])
			return broken(m, op, "c26", "rhs is %s, wanted a window of 1 or more in dimension %lld", str(m, w), (long long)d->kernel_spatial.v[i]);
	if (t.rank != x.rank) return broken(m, op, "c26", "result is %s, wanted rank %d", str(m, t), x.rank);
	int64_t batch = x.dim[d->input_batch], groups = attr_of(op, "batch_group_count")->i;
	if (!dim_fits(t.dim[d->output_batch], batch < 0 ? DYNAMIC : batch / groups)
	 || !dim_fits(t.dim[d->output_feature], w.dim[d->kernel_output_feature]))
		return broken(m, op, "c25", "result is %s, wanted the batches of %s and the features of %s", str(m, t),
			str(m, x), str(m, w));
	return conv_quant_ok(m, op);
}

static bool is_f8(DType t) { return is_float(t) && dtype_info(t)->nbits == 8; }

/* What some hardware has (Base.cpp, isKnownDotAlgorithm; no clause of the spec). */
static bool known_algorithm(const DotAlgorithm *d)
{
	static const struct { DType in, accumulation; int n; } known[] = {
		{ DTYPE_f16, DTYPE_f16, 1 }, { DTYPE_f16, DTYPE_f32, 1 }, { DTYPE_bf16, DTYPE_bf16, 1 }, { DTYPE_bf16, DTYPE_f32, 1 },
		{ DTYPE_bf16, DTYPE_f32, 3 }, { DTYPE_bf16, DTYPE_f32, 6 }, { DTYPE_bf16, DTYPE_f32, 9 }, { DTYPE_tf32, DTYPE_f32, 1 },
		{ DTYPE_tf32, DTYPE_f32, 3 }, { DTYPE_f32, DTYPE_f32, 1 }, { DTYPE_f64, DTYPE_f64, 1 },
	};
	if (d->lhs_components != 1 || d->rhs_components != 1) return false;
	if (is_f8(d->lhs_precision) && is_f8(d->rhs_precision)) return d->accumulation == DTYPE_f32 && d->primitive_operations == 1;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (d->lhs_precision == known[i].in && d->rhs_precision == known[i].in && d->accumulation == known[i].accumulation
		 && d->primitive_operations == known[i].n) return !d->allow_imprecise_accumulation;
	return false;
}

static bool algorithm_ok(Module *m, const Op *op)
{
	const Attr *a = attr_of(op, "algorithm");
	Ints precision = attr_of(op, "precision_config")->ints;
	if (!a->set) return true;
	for (int i = 0; i < precision.n; i++)
		if (precision.v[i] != PRECISION_DEFAULT)
			return broken(m, op, "c21", "precision_config must be DEFAULT beside an algorithm");
	const DotAlgorithm *d = a->algorithm;
	if (d->lhs_components < 1)
		return broken(m, op, "c22", "lhs_component_count is %lld", (long long)d->lhs_components);
	if (d->rhs_components < 1)
		return broken(m, op, "c23", "rhs_component_count is %lld", (long long)d->rhs_components);
	if (d->primitive_operations < 1)
		return broken(m, op, "c24", "num_primitive_operations is %lld", (long long)d->primitive_operations);
	return known_algorithm(d) || broken(m, op, "algorithm", "no hardware is known to have it");
}

bool check_dot_general(Module *m, const Op *op)
{
	const Quant *q = in_type(m, op, 1).quant;
	Ints contracting = attr_of(op, "dot_dimension_numbers")->dot->rhs_contracting;
	for (int i = 0; q && i < q->n; i++)
		if (q->zero_point[i])
			return broken(m, op, "c15", "rhs is %s, wanted zero points of 0", str(m, in_type(m, op, 1)));
	for (int i = 0; q && q->axis >= 0 && i < contracting.n; i++)
		if (contracting.v[i] == q->axis)
			return broken(m, op, "c16", "rhs is quantized along %d, which is contracted", q->axis);
	return algorithm_ok(m, op) && quant_pair_ok(m, op, "c14", "c17", "c18", "c19", "c20");
}

/* dot: vectors and matrices, contracting lhs's last dimension with rhs's first. */
bool check_dot(Module *m, const Op *op)
{
	if (!results_ok(m, op, 1)) return false;
	Type x = in_type(m, op, 0), y = in_type(m, op, 1);
	if (x.rank < 1 || x.rank > 2 || y.rank < 1 || y.rank > 2 || !dim_fits(x.dim[x.rank - 1], y.dim[0]))
		return broken(m, op, "operands", "lhs is %s and rhs %s, wanted vectors or matrices that fit", str(m, x),
			str(m, y));
	Shape s = shape_new(m, x.rank + y.rank - 2);
	if (x.rank == 2) shape_take(&s, 0, x, 0);
	if (y.rank == 2) shape_take(&s, x.rank - 1, y, 1);
	Type t = shape_type(&s, out_type(m, op, 0));
	return result_is(m, op, "result", 0, t);
}
