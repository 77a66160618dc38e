/* Ops with regions: what the bodies take and return. */
#include "stablehlo/verify.h"

/* The inputs' types: the first n operands. */
static const Type *input_types(Module *m, const Op *op, int n)
{
	Type *x = NEW(&m->arena, Type, n);
	for (int i = 0; i < n; i++) x[i] = in_type(m, op, i);
	return x;
}

bool check_reduce(Module *m, const Op *op)
{
	return reducer_ok(m, op, "c6", op->region[0], op->nin / 2, input_types(m, op, op->nin / 2));
}

bool check_reduce_window(Module *m, const Op *op)
{
	return reducer_ok(m, op, "c13", op->region[0], op->nin / 2, input_types(m, op, op->nin / 2));
}

bool check_scatter(Module *m, const Op *op)
{
	return reducer_ok(m, op, "c23", op->region[0], op->nin / 2, input_types(m, op, op->nin / 2));
}

bool check_map(Module *m, const Op *op)
{
	const Region *r = op->region[0];
	const Op *ret = returns_of(m, r);
	bool ok = r->narg == op->nin && ret && ret->nin == 1 && in_type(m, ret, 0).rank == 0;
	for (int i = 0; ok && i < r->narg; i++) {
		Type t = value_type(m, r->arg + (Value)i);
		ok = t.kind == TYPE_TENSOR && !t.rank && elem_fits(t, in_type(m, op, i));
	}
	return ok || broken(m, op, "c4", "computation must take a scalar for each of %d operands and return one",
		op->nin);
}

/* The region returns tensor<i1>. */
static bool returns_bool(Module *m, const Op *op, const char *clause, const Region *r)
{
	const Op *ret = returns_of(m, r);
	return (ret && ret->nin == 1 && is_scalar(in_type(m, ret, 0), DTYPE_bool))
		|| broken(m, op, clause, "the region must return tensor<i1>");
}

bool check_sort(Module *m, const Op *op)
{
	const Region *r = op->region[0];
	if (!op->nin) return broken(m, op, "c1", "no inputs");
	Type x = in_type(m, op, 0);
	int64_t dim = attr_of(op, "dimension")->set ? attr_of(op, "dimension")->i : -1;
	for (int i = 1; i < op->nin; i++)
		if (!shape_fits(x, in_type(m, op, i)))
			return broken(m, op, "c3", "operand %d is %s, wanted the shape of %s", i, str(m, in_type(m, op, i)),
				str(m, x));
	if (dim < -(int64_t)x.rank || dim >= x.rank)
		return broken(m, op, "c4", "dimension is %lld, wanted -%d <= dimension < %d", (long long)dim, x.rank,
			x.rank);
	if (r->narg != 2 * op->nin)
		return broken(m, op, "c5", "comparator takes %d values, wanted %d", r->narg, 2 * op->nin);
	for (int i = 0; i < r->narg; i++) {
		Type t = value_type(m, r->arg + (Value)i), want = in_type(m, op, i / 2);
		if (t.kind != TYPE_TENSOR || t.rank || !elem_fits(t, want))
			return broken(m, op, "c5", "argument %d of comparator is %s, wanted a scalar of %s", i, str(m, t),
				str(m, want));
	}
	return returns_bool(m, op, "c5", r);
}

/* The region's arguments are of the operands' types. */
static bool takes_operands(Module *m, const Op *op, const char *clause, const Region *r)
{
	if (r->narg != op->nin)
		return broken(m, op, clause, "the region takes %d values, wanted %d", r->narg, op->nin);
	for (int i = 0; i < op->nin; i++)
		if (!type_fits(value_type(m, r->arg + (Value)i), in_type(m, op, i)))
			return broken(m, op, clause, "argument %d of the region is %s, wanted %s", i,
				str(m, value_type(m, r->arg + (Value)i)),
				str(m, in_type(m, op, i)));
	return true;
}

bool check_while(Module *m, const Op *op)
{
	const Op *ret = returns_of(m, op->region[1]);
	if (!takes_operands(m, op, "c1", op->region[0]) || !returns_bool(m, op, "c1", op->region[0]))
		return false;
	if (!takes_operands(m, op, "c2", op->region[1])) return false;
	if (!ret || ret->nin != op->nin)
		return broken(m, op, "c2", "body returns %d values, wanted %d", ret ? ret->nin : 0, op->nin);
	for (int i = 0; i < op->nin; i++)
		if (!type_fits(in_type(m, ret, i), in_type(m, op, i)))
			return broken(m, op, "c2", "body returns %s as value %d, wanted %s", str(m, in_type(m, ret, i)), i,
				str(m, in_type(m, op, i)));
	return true;
}

/* -- select_and_scatter ---------------------------------------------------------------------------------- */

static bool select_ok(Module *m, const Op *op, Type x)
{
	const Region *r = op->region[0];
	bool ok = r->narg == 2;
	for (int i = 0; ok && i < 2; i++) {
		Type t = value_type(m, r->arg + (Value)i);
		ok = t.kind == TYPE_TENSOR && !t.rank && elem_fits(t, x);
	}
	if (!ok) return broken(m, op, "c9", "select must take two scalars of %s", str(m, x));
	return returns_bool(m, op, "c9", r);
}

/* select_and_scatter_c2: source has an element for each place of the window. */
static bool source_ok(Module *m, const Op *op, Type x, Type source)
{
	static const WindowClauses clauses = { "c6", "c7", "c8", "c6", "c7", "c6", "c7" };
	Ints size = attr_of(op, "window_dimensions")->ints;
	WindowDim *w = NEW(&m->arena, WindowDim, x.rank);
	if (size.n != x.rank)
		return broken(m, op, "c4", "window_dimensions has %d items for %s", size.n, str(m, x));
	if (!window_dims(m, op, x.rank, &clauses, w)) return false;
	bool ok = source.rank == x.rank;
	for (int i = 0; i < x.rank; i++) {
		int64_t n;
		w[i].size = size.v[i];
		if (size.v[i] <= 0)
			return broken(m, op, "c5", "window_dimensions has %lld, wanted 1 or more", (long long)size.v[i]);
		ok = ok && window_count(dims_of(m), x.dim[i], w[i], &n) && dim_fits(n, source.dim[i]);
	}
	return ok || broken(m, op, "c2", "source is %s, which is not what the window makes of %s", str(m, source),
		str(m, x));
}

bool check_select_and_scatter(Module *m, const Op *op)
{
	Type x = in_type(m, op, 0), source = in_type(m, op, 1), init = in_type(m, op, 2);
	if (!elem_fits(x, source))
		return broken(m, op, "c1", "source is %s, wanted the element type of %s", str(m, source), str(m, x));
	if (!elem_fits(x, init) || init.rank)
		return broken(m, op, init.rank ? "i3" : "c3", "init_value is %s, wanted a scalar of %s", str(m, init),
			str(m, x));
	return source_ok(m, op, x, source) && select_ok(m, op, x)
		&& reducer_ok(m, op, "c10", op->region[1], 1, &x);
}
