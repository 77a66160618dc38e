/* Integrals by the trapezoidal rule. Integers are added and multiplied in their own types, where they wrap as torch's do, and
 * summed up as i64. */
#include "aten/formulas.h"
#include "aten/pointwise.h"
#include "aten/rules.h"

/* y along dim, cut into D - 1 steps. */
typedef struct Curve {
	Value y;
	Type t;                      /* [.., D, ..] */
	int dim;
} Curve;

/* The type that sums have: i64 of integers, else the result's, f32 for f16 and bf16. */
static DType sum_type(DType own, DType out) { return is_int(own) || own == DTYPE_bool ? DTYPE_i64 : acc_type(out); }

static bool arg_curve(Node *n, Curve *c)
{
	Builder *b = n->b;
	Value y = arg(n, "y");
	Type t = known_type(b, y);
	int dim = arg_dim(n, "dim", -1, t.rank);
	if (!t.kind) return false;
	if (!t.rank || !t.dim[dim]) return node_fail(n, UNSUPPORTED, "no steps in %s", type_str(n->a, t)), false;
	if (is_float(t.elem)) y = cast(b, y, acc_type(n->out.elem));
	*c = (Curve){ y, known_type(b, y), dim };
	return c->t.kind != TYPE_NONE;
}

/* y[i] + y[i + 1]: [.., D - 1, ..] */
static Value neighbours(Builder *b, Curve c)
{
	Value after = slice_dim(b, c.y, c.dim, 1, c.t.dim[c.dim], 1);
	Value before = slice_dim(b, c.y, c.dim, 0, size_less_one(b, c.t.dim[c.dim]), 1);
	return hlo_add(b, after, before);
}

/* The differences of "x", which is 1-d along dim or broadcasts with y, in the shape t of the steps. */
static Value widths(Node *n, Type t, int dim)
{
	Builder *b = n->b;
	Value x = arg(n, "x");
	Type of = known_type(b, x);
	if (!of.kind) return 0;
	int at = of.rank == 1 ? 0 : dim - (t.rank - of.rank);
	if (at < 0 || at >= of.rank) return node_fail(n, UNSUPPORTED, "x of rank %d for y of rank %d", of.rank, t.rank);
	int64_t size = of.dim[at];
	Value after = slice_dim(b, x, at, 1, size, 1);
	Value before = slice_dim(b, x, at, 0, size_less_one(b, size), 1);
	x = hlo_subtract(b, after, before);
	x = cast(b, x, t.elem);
	return of.rank == 1 ? along(b, x, dim, t) : broadcast(b, x, t);
}

/* (y[i] + y[i + 1]) * (x[i + 1] - x[i]), in the type that their sum has */
static Value areas(Node *n, Curve c)
{
	Builder *b = n->b;
	DType elem = result_type(n, 2, (const char *[]){ "y", "x" });
	elem = is_float(elem) || is_complex(elem) ? acc_type(n->out.elem) : elem;
	Value sum = neighbours(b, c);
	sum = cast(b, sum, elem);
	Value width = widths(n, with_elem(shape_with(b, c.t, c.dim, size_less_one(b, c.t.dim[c.dim])), elem), c.dim);
	sum = hlo_multiply(b, sum, width);
	return cast(b, sum, sum_type(elem, n->out.elem));
}

/* aten.trapezoid(y, dx=1, dim=-1): (sum of y - (first + last) / 2) * dx */
static Value even_trapezoid(Node *n, Curve c)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	int64_t size = c.t.dim[c.dim];
	Value first = slice_dim(b, c.y, c.dim, 0, 1, 1);
	Value last = slice_dim(b, c.y, c.dim, size_less_one(b, size), size, 1);
	Value ends = hlo_add(b, first, last);
	ends = squeeze_dim(b, ends, c.dim);
	ends = scaled(b, cast(b, ends, acc), 0.5);
	Value sum = cast(b, c.y, sum_type(c.t.elem, n->out.elem));
	sum = sum_over(b, sum, one_dim(b, c.dim));
	sum = hlo_subtract(b, cast(b, sum, acc), ends);
	sum = scaled(b, sum, arg_num(n, "dx", 1));
	return cast(b, sum, n->out.elem);
}

/* aten.trapezoid(y, x or dx=1, dim=-1): the sum of (y[i] + y[i + 1]) * (x[i + 1] - x[i]) / 2 */
Value lower_trapezoid(Node *n)
{
	Builder *b = n->b;
	Curve c;
	if (!arg_curve(n, &c)) return 0;
	if (!is_tensor_arg(n, "x")) return even_trapezoid(n, c);
	Value area = sum_over(b, areas(n, c), one_dim(b, c.dim));
	area = cast(b, area, acc_type(n->out.elem));
	return cast(b, divided_by(b, area, 2), n->out.elem);
}

/* aten.cumulative_trapezoid(y, x or dx=1, dim=-1): the sums up to each step */
Value lower_cumulative_trapezoid(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Curve c;
	if (!arg_curve(n, &c)) return 0;
	if (!is_tensor_arg(n, "x")) {
		Value each = cast(b, neighbours(b, c), acc);
		each = scaled(b, each, arg_num(n, "dx", 1) / 2);
		return cast(b, running_total(b, each, c.dim), n->out.elem);
	}
	Value area = running_total(b, areas(n, c), c.dim);
	area = cast(b, area, acc);
	return cast(b, divided_by(b, area, 2), n->out.elem);
}
