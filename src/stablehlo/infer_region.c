/* Result types that an op's region decides: reduce, map, if, case. */
#include "stablehlo/infer.h"

#include "stablehlo/infer_check.h"

/* The element types of the n tensors that the region returns: those of the op's accumulators (reduce_c8
 * and its like). */
static bool accumulators(Module *m, const Op *op, const char *clause, int n, Type *elem)
{
	const Op *ret = returns_of(m, op->region[0]);
	if (!ret || ret->nin != n) return broken(m, op, clause, "the region must return %d tensors", n);
	for (int i = 0; i < n; i++) {
		Type t = in_type(m, ret, i);
		if (t.kind != TYPE_TENSOR)
			return broken(m, op, clause, "the region returns %s, wanted a tensor", str(m, t));
		elem[i] = t;
	}
	return true;
}

/* inputs of one shape, and an init value for each; the clauses of reduce and of reduce_window. */
static bool inputs_ok(Module *m, const Op *op, int n, const char *count, const char *shapes,
	const char *inits)
{
	if (n < 1) return broken(m, op, count, "no inputs");
	for (int i = 0; i < n; i++) {
		Type x = in_type(m, op, i), init = in_type(m, op, n + i);
		if (!shape_fits(in_type(m, op, 0), x))
			return broken(m, op, shapes, "operand %d is %s, wanted the shape of %s", i, str(m, x),
				str(m, in_type(m, op, 0)));
		if (!elem_fits(x, init) || init.rank)
			return broken(m, op, inits, "init value %d is %s, wanted a scalar of %s", i, str(m, init),
				str(m, x));
	}
	return true;
}

/* Results of these shapes, each input's type but for the accumulator's element type. */
static void spread(Module *m, const Op *op, int n, const Type *elem, const Shape *s, Type *out)
{
	for (int i = 0; i < n; i++) {
		out[i] = shape_type(s, with_elem_of(in_type(m, op, i), elem[i]));
	}
}

bool infer_reduce(Module *m, const Op *op, int nout, Type *out)
{
	int n = op->nin / 2;
	if (!tensors_ok(m, op, nout, n) || !inputs_ok(m, op, n, "c3", "c1", "c2")) return false;
	Type x = in_type(m, op, 0);
	Ints dims = attr_of(op, "dimensions")->ints;
	DimSet reduced = dimset(m, x.rank);
	if (!dims_in_range(m, op, "c4", "dimensions", dims, x.rank)) return false;
	if (!dims_unique(m, op, "c5", "dimensions", dims, &reduced)) return false;
	Type *elem = NEW(&m->arena, Type, n);
	if (!accumulators(m, op, "c6", n, elem)) return false;
	Shape s = shape_new(m, x.rank - dims.n);
	for (int i = 0, k = 0; i < x.rank; i++)
		if (!dimset_has(&reduced, i)) shape_take(&s, k++, x, i);
	spread(m, op, n, elem, &s, out);
	return true;
}

bool infer_reduce_window(Module *m, const Op *op, int nout, Type *out)
{
	static const WindowClauses clauses = { "c6", "c7", "c12", "c8", "c9", "c10", "c11" };
	int n = op->nin / 2;
	if (!tensors_ok(m, op, nout, n) || !inputs_ok(m, op, n, "c1", "c2", "c3")) return false;
	Type x = in_type(m, op, 0);
	Ints size = attr_of(op, "window_dimensions")->ints;
	if (size.n != x.rank)
		return broken(m, op, "c4", "window_dimensions has %d items for %s", size.n, str(m, x));
	WindowDim *w = NEW(&m->arena, WindowDim, x.rank);
	Type *elem = NEW(&m->arena, Type, n);
	if (!window_dims(m, op, x.rank, &clauses, w) || !accumulators(m, op, "c13", n, elem)) return false;
	Shape s = shape_new(m, x.rank);
	for (int i = 0; i < x.rank; i++) {
		int64_t bound = bound_of(x, i);
		w[i].size = size.v[i];
		if (size.v[i] <= 0)
			return broken(m, op, "c5", "window_dimensions has %lld, wanted 1 or more", (long long)size.v[i]);
		if (!window_count(dims_of(m), x.dim[i], w[i], &s.dim[i]) || (bound >= 0 && !window_count(dims_of(m), bound, w[i], &bound)))
			return broken(m, op, "c15", "the window over dimension %d of %s is beyond 2^63", i, str(m, x));
		shape_bound(&s, i, bound);
	}
	spread(m, op, n, elem, &s, out);
	return true;
}

bool infer_map(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	if (!op->nin) return broken(m, op, "c2", "no inputs");
	Type x = in_type(m, op, 0);
	for (int i = 1; i < op->nin; i++)
		if (!shape_fits(x, in_type(m, op, i)))
			return broken(m, op, "c1", "operand %d is %s, wanted the shape of %s", i, str(m, in_type(m, op, i)),
				str(m, x));
	Ints dims = attr_of(op, "dimensions")->ints;
	bool ok = dims.n == x.rank;
	for (int i = 0; ok && i < dims.n; i++) ok = dims.v[i] == i;
	if (!ok)
		return broken(m, op, "c3", "dimensions = %s, wanted all of %s in order", ints_str(m, dims), str(m, x));
	Type elem = { 0 };
	if (!accumulators(m, op, "c4", 1, &elem)) return false;
	*out = with_elem_of(x, elem);
	return true;
}

/* -- branches -------------------------------------------------------------------------------------------- */

/* What two branches may return for one result: sizes that both have stay, others are dynamic. */
static bool join_types(Module *m, Type *t, Type other)
{
	if (t->kind != TYPE_TENSOR || other.kind != TYPE_TENSOR) return type_eq(*t, other);
	if (!shape_fits(*t, other) || !elem_fits(*t, other)) return false;
	if (same_shape(*t, other)) return true;
	Shape s = shape_new(m, t->rank);
	for (int i = 0; i < t->rank; i++) {
		int64_t b = bound_of(*t, i), c = bound_of(other, i);
		s.dim[i] = t->dim[i] == other.dim[i] ? t->dim[i] : DYNAMIC;
		if (s.dim[i] < 0) shape_bound(&s, i, b < 0 || c < 0 ? DYNAMIC : b > c ? b : c);
	}
	*t = shape_type(&s, *t);
	return true;
}

bool infer_branches(Module *m, const Op *op, int nout, Type *out)
{
	bool is_if = op->code == OP_if;
	if (!tensors_ok(m, op, nout, -1)) return false;
	if (!is_scalar(in_type(m, op, 0), is_if ? DTYPE_bool : DTYPE_i32))
		return broken(m, op, "i1", "operand is %s, wanted tensor<%s>", str(m, in_type(m, op, 0)),
			is_if ? "i1" : "i32");
	if (!op->nregion) return broken(m, op, "c1", "no branches");
	for (int k = 0; k < op->nregion; k++) {
		const Op *ret = returns_of(m, op->region[k]);
		if (op->region[k]->narg)
			return broken(m, op, is_if ? "c1" : "c2", "branch %d takes arguments, wanted none", k);
		if (!ret || ret->nin != nout)
			return broken(m, op, is_if ? "c3" : "c4", "branch %d returns %d values, wanted %d", k,
				ret ? ret->nin : 0, nout);
		for (int i = 0; i < nout; i++) {
			Type t = in_type(m, ret, i);
			if (!k) out[i] = t;
			else if (!join_types(m, &out[i], t))
				return broken(m, op, is_if ? "c2" : "c3", "result %d is %s in branch %d, wanted %s as in branch 0", i, str(m, t), k,
					str(m, out[i]));
		}
	}
	return true;
}
