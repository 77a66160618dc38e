/* Histograms of one and of several dims. Bin i holds edge[i] <= x < edge[i + 1], the last its upper edge too; what lies outside
 * and NaN are not counted. */
#include "aten/formulas.h"
#include "aten/index.h"
#include "aten/rules.h"

/* Points [M, D] and what counts them. */
typedef struct Points {
	Value x;
	Type t;
	int dims;
	Value *edges;                /* [dims]: [bins + 1] */
} Points;

/* -- edges ----------------------------------------------------------------------------------------------- */

/* bins + 1 numbers from low to high, counted from the nearer end (torch.linspace) */
static Value even_edges(Builder *b, Value low, Value high, int64_t bins)
{
	DType elem = known_type(b, low).elem;
	int64_t count = bins + 1;
	Type t = tensor_type(b->a, elem, 1, &count);
	Value width = hlo_subtract(b, high, low);
	width = divided_by(b, width, (double)bins);
	width = broadcast(b, width, t);
	low = broadcast(b, low, t);
	high = broadcast(b, high, t);
	Value i = positions(b, t, 0, elem);
	Value up = hlo_multiply(b, width, i);
	up = hlo_add(b, low, up);
	Value down = minus_from(b, (double)bins, i);
	down = hlo_multiply(b, width, down);
	down = hlo_subtract(b, high, down);
	Value left = is(b, DIRECTION_LT, i, (double)(count / 2));
	return hlo_select(b, left, up, down);
}

/* The outer edges of dim i: "range", or the least and greatest of the data, 0 and 1 without any. An interval of no width is
 * made 1 wide. */
static void outer_edges(Node *n, const Points *p, int i, Value *low, Value *high)
{
	Builder *b = n->b;
	Nums range = arg_nums(n, "range");
	*low = scalar(b, 0, p->t.elem);
	*high = scalar(b, 1, p->t.elem);
	if (range.n) {
		if (range.n != 2 * p->dims) {
			node_fail(n, BAD_INPUT, "range has %d numbers, wanted %d", range.n, 2 * p->dims);
			return;
		}
		*low = scalar(b, range.v[2 * i], p->t.elem);
		*high = scalar(b, range.v[2 * i + 1], p->t.elem);
	} else if (type_numel(p->t)) {
		Value x = slice_dim(b, p->x, 1, i, i + 1, 1);
		*low = reduce_over(b, OP_minimum, x, all_dims(b, 2));
		*high = reduce_over(b, OP_maximum, x, all_dims(b, 2));
	}
	Value point = hlo_compare(b, DIRECTION_EQ, *low, *high);
	Value below = plus(b, *low, -0.5);
	Value above = plus(b, *high, 0.5);
	*low = hlo_select(b, point, below, *low);
	*high = hlo_select(b, point, above, *high);
}

/* "bins": how many of each dim (one number: of all), or the edges themselves */
static void read_edges(Node *n, Points *p)
{
	Builder *b = n->b;
	Values given = { 0 };
	Ints count = { 0 };
	if (is_tensor_arg(n, "bins")) given = (Values){ 1, NEW(n->a, Value, 1) }, given.v[0] = arg(n, "bins");
	else if (arg_raw(n, "bins") && arg_raw(n, "bins")->kind == ARG_LIST) given = arg_list(n, "bins");
	bool is_count = !given.n || (given.v[0] && !rank_of(b, given.v[0]));
	if (is_count) count = arg_ints_n(n, "bins", p->dims, 100);
	if ((is_count ? count.n : given.n) != p->dims) {
		node_fail(n, BAD_INPUT, "bins of %d dims for %d", is_count ? count.n : given.n, p->dims);
		return;
	}
	p->edges = NEW(n->a, Value, p->dims + 1);
	for (int i = 0; i < p->dims && !b->m->err->code; i++) {
		if (!is_count) {
			p->edges[i] = cast(b, given.v[i], p->t.elem);
			continue;
		}
		if (count.v[i] < 1) node_fail(n, BAD_INPUT, "%lld bins", (long long)count.v[i]);
		Value low, high;
		outer_edges(n, p, i, &low, &high);
		p->edges[i] = even_edges(b, low, high, count.v[i]);
	}
}

/* -- counting -------------------------------------------------------------------------------------------- */

static int64_t bins_of(Builder *b, const Points *p, int i) { return type_numel(type_of(b, p->edges[i])) - 1; }

/* Which bin each point lies in along dim i: how many edges are <= x, less one, but the last for x at the upper edge. [M] i64;
 * *inside: none of them when it is false */
static Value bin_along(Builder *b, const Points *p, int i, Value *inside)
{
	int64_t d[2] = { p->t.dim[0], bins_of(b, p, i) + 1 };
	Type t = tensor_type(b->a, p->t.elem, 2, d);
	Value x = slice_dim(b, p->x, 1, i, i + 1, 1);
	x = hlo_broadcast_in_dim(b, x, 2, d, all_dims(b, 2));                  /* [M, bins + 1] */
	Value edges = along(b, p->edges[i], 1, t);
	Value passed = hlo_compare(b, DIRECTION_LE, edges, x);
	Value count = hlo_convert(b, passed, DTYPE_i64);
	count = sum_over(b, count, one_dim(b, 1));
	Value top = hlo_compare(b, DIRECTION_GE, edges, x);                    /* of the last edge */
	top = slice_dim(b, top, 1, d[1] - 1, d[1], 1);
	top = squeeze_dim(b, top, 1);
	Value any = is(b, DIRECTION_GT, count, 0);
	*inside = hlo_and(b, any, top);
	count = plus(b, count, -1);
	return at_most(b, count, (double)(d[1] - 2));
}

/* How many points (or what weight of them) each bin holds, in the shape of all bins, n->out's type */
static Value counted(Node *n, const Points *p, Type t)
{
	Builder *b = n->b;
	int64_t total = type_numel(t), points = p->t.dim[0];
	Type flat = tensor_type(n->a, t.elem, 1, &total), each = tensor_type(n->a, t.elem, 1, &points);
	Value at = full(b, with_elem(each, DTYPE_i64), 0), all_inside = full(b, with_elem(each, DTYPE_bool), 1);
	for (int i = 0; i < p->dims; i++) {
		Value inside = 0, bin = bin_along(b, p, i, &inside);
		at = scaled(b, at, (double)t.dim[i]);
		at = hlo_add(b, at, bin);
		all_inside = hlo_and(b, all_inside, inside);
	}
	Value weight = full(b, each, 1);
	if (has_arg(n, "weight")) {
		weight = arg_as(n, "weight", t.elem);
		weight = reshape_to(b, weight, each);
	}
	Value nowhere = full_like(b, at, (double)total);
	at = hlo_select(b, all_inside, at, nowhere);
	Value none = full(b, flat, 0);
	none = combine_at(b, OP_add, none, place_slices(b, flat, 0, at), weight);
	return reshape_to(b, none, t);
}

/* Counts over their sum and the widths of their bins. */
static Value as_density(Node *n, const Points *p, Value hist)
{
	Builder *b = n->b;
	Type t = known_type(b, hist);
	Value sum = sum_over(b, hist, all_dims(b, t.rank));
	sum = broadcast(b, sum, t);
	hist = hlo_divide(b, hist, sum);
	for (int i = 0; i < p->dims; i++) {
		int64_t bins = bins_of(b, p, i);
		Value upper = slice_dim(b, p->edges[i], 0, 1, bins + 1, 1);
		Value lower = slice_dim(b, p->edges[i], 0, 0, bins, 1);
		Value width = hlo_subtract(b, upper, lower);
		width = along(b, width, i, t);
		hist = hlo_divide(b, hist, width);
	}
	return hist;
}

/* self [*, D] as points, or each element a point of one dim; their edges */
static bool arg_points(Node *n, bool single, Points *p)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Type t = known_type(b, x);
	if (!t.kind) return false;
	if (!is_float(t.elem) || (!single && t.rank < 1)) return node_fail(n, BAD_INPUT, "points %s", type_str(n->a, t)), false;
	int64_t dims = single ? 1 : t.dim[t.rank - 1];
	if (dims < 1 || dims > 64) return node_fail(n, UNSUPPORTED, "points of %lld dims", (long long)dims), false;
	x = hlo_reshape(b, x, 2, (int64_t[]){ type_numel(t) / dims, dims });
	*p = (Points){ .x = x, .t = known_type(b, x), .dims = (int)dims };
	read_edges(n, p);
	return !b->m->err->code;
}

static Value histogram(Node *n, const Points *p)
{
	Builder *b = n->b;
	int64_t *d = NEW(n->a, int64_t, p->dims + 1), total = 1;
	for (int i = 0; i < p->dims; i++) {
		d[i] = bins_of(b, p, i);
		if (d[i] < 1 || __builtin_mul_overflow(total, d[i], &total)) return node_fail(n, BAD_INPUT, "%lld bins", (long long)d[i]);
	}
	Value hist = counted(n, p, tensor_type(n->a, p->t.elem, p->dims, d));
	if (arg_bool(n, "density", false)) hist = as_density(n, p, hist);
	return cast(b, hist, n->out.elem);
}

/* aten.histogram(self, bins, range?, weight?, density=False) -> (hist, bin_edges): bins is a number, or the edges */
Value lower_histogram(Node *n)
{
	Points p;
	if (!arg_points(n, true, &p)) return 0;
	set_out(n, 1, p.edges[0]);
	return histogram(n, &p);
}

/* aten.histogramdd(self[*, D], bins, range?, weight?, density=False) -> (hist, bin_edges of each dim) */
Value lower_histogramdd(Node *n)
{
	Points p;
	if (!arg_points(n, false, &p)) return 0;
	for (int i = 0; i < p.dims; i++) set_out(n, 1 + i, p.edges[i]);
	return histogram(n, &p);
}

/* aten._histogramdd_bin_edges(self[*, D], bins, range?, ..) -> the edges of each dim */
Value lower_histogramdd_edges(Node *n)
{
	Points p;
	if (!arg_points(n, false, &p)) return 0;
	for (int i = 1; i < p.dims; i++) set_out(n, i, p.edges[i]);
	return p.edges[0];
}
