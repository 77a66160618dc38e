/* Sampling an image at given points, and the points of an affine map.
 *
 * Coordinates run from -1 to 1 over an image, x (the last dim) first. Along each dim a point meets 1 (nearest), 2 (linear) or
 * 4 (cubic) elements, its taps; the value is the sum over all combinations. f16 and bf16 are computed in f32. */
#include "aten/formulas.h"
#include "aten/index.h"
#include "aten/rules.h"

enum { MODE_LINEAR, MODE_NEAREST, MODE_CUBIC };
enum { PADDING_ZEROS, PADDING_BORDER, PADDING_REFLECTION };
enum { MAX_DIMS = 3, MAX_TAPS = 4, MAX_CORNERS = MAX_TAPS * MAX_TAPS * MAX_TAPS };

/* Whole numbers in a float [N, *O], where a point meets the image along one dim; weight 0: 1. slope: how the weight changes with
 * the grid's coordinate, for gradients only; 0: it does not. */
typedef struct Tap { Value at, weight, slope; } Tap;

typedef struct Sampler {
	Node *n;
	int spatial, ntap;
	int64_t mode, padding;
	bool align_corners, slopes;
	int64_t size[MAX_DIMS];
	Tap tap[MAX_DIMS][MAX_TAPS];
} Sampler;

/* -- coordinates ----------------------------------------------------------------------------------------- */

/* -1..1 to 0..size - 1 (align_corners), or to -0.5..size - 0.5 */
static Value unnormalized(const Sampler *s, Value x, int64_t size)
{
	Builder *b = s->n->b;
	x = plus(b, x, 1);
	if (s->align_corners && size >= 0) return scaled(b, x, (double)(size - 1) / 2);
	if (s->align_corners) return scaled(b, times_size(b, x, size_less_one(b, size)), 0.5);
	x = times_size(b, x, size);
	x = plus(b, x, -1);
	return scaled(b, x, 0.5);
}

/* Thrown back at low and high until it lies between. */
static Value reflected(Builder *b, Value x, double low, double high)
{
	double span = high - low;
	if (span <= 0) return full_like(b, x, 0);
	x = plus(b, x, -low);
	x = hlo_abs(b, x);
	Value turns = divided_by(b, x, span);
	turns = hlo_floor(b, turns);
	Value rest = math_fmod(b, x, full_like(b, x, span));
	Value odd = math_fmod(b, turns, full_like(b, turns, 2));
	odd = is(b, DIRECTION_NE, odd, 0);
	Value back = minus_from(b, span, rest);
	x = hlo_select(b, odd, back, rest);
	return plus(b, x, low);
}

/* What padding_mode makes of a coordinate. */
static Value padded(const Sampler *s, Value x, int64_t size)
{
	Builder *b = s->n->b;
	if (s->padding == PADDING_ZEROS) return x;
	if (s->padding == PADDING_REFLECTION) {
		double edge = s->align_corners ? 0 : 0.5;
		x = reflected(b, x, -edge, (double)(size - 1) + edge);
	}
	return within_size(b, x, size);
}

/* How an unnormalized coordinate, and what padding_mode makes of it, change with the grid's: by half the size; the other way after an
 * odd number of reflections; on a border and beyond not at all. */
static Value padded_slope(const Sampler *s, Value x, int64_t size)
{
	Builder *b = s->n->b;
	double half = (double)(s->align_corners ? size - 1 : size) / 2;
	Value slope = full_like(b, x, half);
	if (s->padding == PADDING_ZEROS || s->mode == MODE_CUBIC) return slope;
	if (s->padding == PADDING_REFLECTION) {
		double edge = s->align_corners ? 0 : 0.5, span = (double)(size - 1) + 2 * edge;
		if (span <= 0) return full_like(b, x, 0);
		Value from_low = plus(b, x, edge);
		Value negative = is(b, DIRECTION_LT, from_low, 0);
		Value turns = divided_by(b, hlo_abs(b, from_low), span);
		turns = hlo_floor(b, turns);
		turns = math_fmod(b, turns, full_like(b, turns, 2));
		Value back = hlo_xor(b, negative, is(b, DIRECTION_NE, turns, 0));
		slope = if_num(b, back, -half, slope);
		x = reflected(b, x, -edge, (double)(size - 1) + edge);
	}
	Value low = is(b, DIRECTION_GT, x, 0);
	Value high = is(b, DIRECTION_LT, x, (double)(size - 1));
	Value inside = hlo_and(b, low, high);
	return hlo_select(b, inside, slope, full_like(b, slope, 0));
}

/* -- taps ------------------------------------------------------------------------------------------------ */

/* The cubic kernel with -0.75 at distance x + k - 1 of tap k, for x in 0..1 */
static Value cubic_weight(Builder *b, Value x, int k)
{
	static const double near[] = { 1.25, -2.25, 0, 1 }, far[] = { -0.75, 3.75, -6, 3 };
	Value d = k < 2 ? plus(b, x, 1 - k) : minus_from(b, k - 1, x);
	return k == 1 || k == 2 ? POLYNOMIAL(b, d, near) : POLYNOMIAL(b, d, far);
}

/* d cubic_weight / dx */
static Value cubic_slope(Builder *b, Value x, int k)
{
	static const double near[] = { 3.75, -4.5, 0 }, far[] = { -2.25, 7.5, -6 };
	Value d = k < 2 ? plus(b, x, 1 - k) : minus_from(b, k - 1, x);
	Value slope = k == 1 || k == 2 ? POLYNOMIAL(b, d, near) : POLYNOMIAL(b, d, far);
	return k < 2 ? slope : hlo_negate(b, slope);
}

static void cubic_taps(Sampler *s, int dim, Value x)
{
	Builder *b = s->n->b;
	Value low = hlo_floor(b, x), slope = s->slopes ? padded_slope(s, x, s->size[dim]) : 0;
	x = hlo_subtract(b, x, low);
	s->ntap = 4;
	for (int k = 0; k < 4; k++) {
		Value at = plus(b, low, k - 1);
		s->tap[dim][k].at = padded(s, at, s->size[dim]);
		s->tap[dim][k].weight = cubic_weight(b, x, k);
		if (slope) s->tap[dim][k].slope = hlo_multiply(b, slope, cubic_slope(b, x, k));
	}
}

static void linear_taps(Sampler *s, int dim, Value x)
{
	Builder *b = s->n->b;
	Value slope = s->slopes ? padded_slope(s, x, s->size[dim]) : 0;
	x = padded(s, x, s->size[dim]);
	Value low = hlo_floor(b, x);
	Value high = plus(b, low, 1);
	s->ntap = 2;
	s->tap[dim][0] = (Tap){ low, hlo_subtract(b, high, x), slope ? hlo_negate(b, slope) : 0 };
	s->tap[dim][1] = (Tap){ high, hlo_subtract(b, x, low), slope };
}

static void nearest_tap(Sampler *s, int dim, Value x)
{
	x = padded(s, x, s->size[dim]);
	s->ntap = 1;
	s->tap[dim][0] = (Tap){ hlo_round_nearest_even(s->n->b, x), 0, 0 };
}

/* grid [N, *O, spatial]: the coordinate that belongs to spatial dim `dim` */
static void taps_of(Sampler *s, int dim, Value grid)
{
	Builder *b = s->n->b;
	int last = rank_of(b, grid) - 1, i = s->spatial - 1 - dim;
	Value x = slice_dim(b, grid, last, i, i + 1, 1);
	x = squeeze_dim(b, x, last);
	x = unnormalized(s, x, s->size[dim]);
	if (s->mode == MODE_CUBIC) cubic_taps(s, dim, x);
	else if (s->mode == MODE_NEAREST) nearest_tap(s, dim, x);
	else linear_taps(s, dim, x);
}

/* -- values ---------------------------------------------------------------------------------------------- */

/* One combination of taps: where it lies, by what weight it counts (0: 1), and whether it lies in the image. */
typedef struct Corner { Value index, weight, inside; } Corner;

static Corner corner_of(const Sampler *s, int which)
{
	Builder *b = s->n->b;
	Corner c = { 0 };
	for (int d = 0; d < s->spatial; d++, which /= s->ntap) {
		Tap t = s->tap[d][which % s->ntap];
		Value low = is(b, DIRECTION_GE, t.at, 0);
		Value high = hlo_compare(b, DIRECTION_LE, t.at, size_value(b, size_less_one(b, s->size[d]), known_type(b, t.at)));
		Value inside = hlo_and(b, low, high);
		Value at = within_size(b, t.at, s->size[d]);
		at = hlo_convert(b, at, DTYPE_i32);
		if (d) {
			c.index = hlo_multiply(b, c.index, size_value(b, s->size[d], known_type(b, at)));
			c.index = hlo_add(b, c.index, at);
			c.inside = hlo_and(b, c.inside, inside);
			if (t.weight) c.weight = hlo_multiply(b, c.weight, t.weight);
		} else {
			c = (Corner){ at, t.weight, inside };
		}
		if (b->m->err->code) break;
	}
	return c;
}

static int corners(const Sampler *s)
{
	int count = 1;
	for (int d = 0; d < s->spatial; d++) count *= s->ntap;
	return count;
}

/* x [N, C, P] at index [N, Q] -> [N, C, Q] */
static Value take_points(Builder *b, Value x, Value index)
{
	Type t = type_of(b, x);
	int64_t one[3] = { 1, t.dim[1], 1 };
	return hlo_gather(b, x, index, (GatherDims){
		.offset_dims = one_dim(b, 1),
		.collapsed_slice_dims = one_dim(b, 2),
		.operand_batching_dims = one_dim(b, 0),
		.start_indices_batching_dims = one_dim(b, 0),
		.start_index_map = one_dim(b, 2),
		.index_vector_dim = 2,
	}, (Ints){ 3, one }, false);
}

/* v [N, *O] laid over t [N, C, Q] */
static Value over_channels(Builder *b, Value v, Type t)
{
	int64_t flat[2] = { t.dim[0], t.dim[2] }, to[2] = { 0, 2 };
	v = hlo_reshape(b, v, 2, flat);
	return hlo_broadcast_in_dim(b, v, 3, t.dim, (Ints){ 2, to });
}

/* The sum of all corners of x [N, C, P]: [N, C, Q]; what lies outside counts as 0. */
static Value sum_of_corners(const Sampler *s, Value x, Type t)
{
	Builder *b = s->n->b;
	Value sum = 0;
	for (int i = 0; i < corners(s) && !b->m->err->code; i++) {
		Corner c = corner_of(s, i);
		Value index = hlo_reshape(b, c.index, 2, (int64_t[]){ t.dim[0], t.dim[2] });
		Value v = take_points(b, x, index);
		if (c.weight) v = hlo_multiply(b, v, over_channels(b, c.weight, t));
		Value outside = hlo_not(b, over_channels(b, c.inside, t));
		v = if_num(b, outside, 0, v);
		sum = sum ? hlo_add(b, sum, v) : v;
	}
	return sum;
}

/* The sampler of a call, its taps at grid, for images [N, C, *S]; *x: the image as [N, C, P]. Type [N, C, Q], or none after a
 * failure: the same for the points. */
static Type sampler_of(Node *n, Sampler *s, Value *x, Value grid)
{
	Builder *b = n->b;
	Type t = known_type(b, *x), at = known_type(b, grid);
	s->n = n;
	s->spatial = t.rank - 2;
	s->mode = arg_int(n, "interpolation_mode", 0);
	s->padding = arg_int(n, "padding_mode", 0);
	s->align_corners = arg_bool(n, "align_corners", false);
	if (!t.kind || !at.kind) return (Type){ 0 };
	if (s->spatial < 2 || s->spatial > 3 || at.rank != t.rank || at.dim[at.rank - 1] != s->spatial || s->mode < 0 || s->mode > 2) {
		node_fail(n, BAD_INPUT, "input %s, interpolation_mode %lld", type_str(n->a, t), (long long)s->mode);
		return (Type){ 0 };
	}
	int64_t pixels = size_over(b, t, iota_ints(n->a, 2, s->spatial)), points = size_over(b, at, iota_ints(n->a, 1, s->spatial));
	for (int d = 0; d < s->spatial; d++) {
		s->size[d] = t.dim[2 + d];
		if (s->size[d] < 0 && (s->slopes || s->padding == PADDING_REFLECTION)) {
			const char *what = s->slopes ? "the gradient" : "reflection at the borders";
			node_fail(n, UNSUPPORTED, "%s of an image %s, whose sizes are not known", what, type_str(n->a, t));
			return (Type){ 0 };
		}
	}
	for (int d = 0; d < s->spatial; d++) taps_of(s, d, grid);
	*x = hlo_reshape(b, *x, 3, (int64_t[]){ t.dim[0], t.dim[1], pixels });
	return tensor_type(n->a, t.elem, 3, (int64_t[]){ t.dim[0], t.dim[1], points });
}

/* aten.grid_sampler, grid_sampler_2d, grid_sampler_3d(input [N, C, *S], grid [N, *O, spatial], interpolation_mode (0 linear,
 * 1 nearest, 2 cubic), padding_mode (0 zeros, 1 border, 2 reflection), align_corners) -> [N, C, *O] */
Value lower_grid_sampler(Node *n)
{
	Builder *b = n->b;
	Sampler s = { 0 };
	DType acc = acc_type(n->out.elem);
	Value x = arg_as(n, "input", acc);
	Value grid = arg_as(n, "grid", acc);
	Type flat = sampler_of(n, &s, &x, grid);
	if (!flat.kind) return 0;
	x = sum_of_corners(&s, x, flat);
	x = reshape_to(b, x, n->out);
	return cast(b, x, n->out.elem);
}

/* -- back ------------------------------------------------------------------------------------------------ */

/* u [N, C, Q], 0 where the corner lies outside */
static Value if_inside(const Sampler *s, Corner c, Value u, Type t)
{
	Value outside = hlo_not(s->n->b, over_channels(s->n->b, c.inside, t));
	return if_num(s->n->b, outside, 0, u);
}

/* [N, C, P]: g [N, C, Q] by the weight of each corner, added up where the corners lie */
static Value image_gradient(const Sampler *s, Value g, Type image)
{
	Builder *b = s->n->b;
	Type t = type_of(b, g);
	Value index[MAX_CORNERS], update[MAX_CORNERS];
	int count = corners(s);
	for (int i = 0; i < count; i++) {
		Corner c = corner_of(s, i);
		if (b->m->err->code) return 0;
		index[i] = hlo_reshape(b, c.index, 2, (int64_t[]){ t.dim[0], t.dim[2] });
		update[i] = c.weight ? hlo_multiply(b, g, over_channels(b, c.weight, t)) : g;
		update[i] = if_inside(s, c, update[i], t);
	}
	Value at = hlo_concatenate(b, count, index, 1);
	Value all = hlo_concatenate(b, count, update, 2);
	Place p = { at, {
		.update_window_dims = one_dim(b, 1),
		.inserted_window_dims = one_dim(b, 2),
		.input_batching_dims = one_dim(b, 0),
		.scatter_indices_batching_dims = one_dim(b, 0),
		.scatter_dims_to_operand_dims = one_dim(b, 2),
		.index_vector_dim = 2,
	} };
	return combine_at(b, OP_add, full(b, image, 0), p, all);
}

/* What corner i counts with the weight along `dim` replaced by its slope: [N, *O] */
static Value corner_slope(const Sampler *s, int which, int dim)
{
	Builder *b = s->n->b;
	Value product = 0;
	for (int d = 0; d < s->spatial; d++, which /= s->ntap) {
		Tap t = s->tap[d][which % s->ntap];
		Value factor = d == dim ? t.slope : t.weight;
		product = product ? hlo_multiply(b, product, factor) : factor;
	}
	return product;
}

/* [N, *O]: how the sum of g [N, C, Q] times the value changes with the coordinate of `dim`, for x [N, C, P] */
static Value coordinate_gradient(const Sampler *s, Value x, Value g, int dim)
{
	Builder *b = s->n->b;
	Type t = type_of(b, g);
	Value sum = 0;
	for (int i = 0; i < corners(s); i++) {
		Corner c = corner_of(s, i);
		if (b->m->err->code) return 0;
		Value index = hlo_reshape(b, c.index, 2, (int64_t[]){ t.dim[0], t.dim[2] });
		Value v = take_points(b, x, index);
		v = hlo_multiply(b, v, g);
		v = if_inside(s, c, v, t);
		v = sum_over(b, v, one_dim(b, 1));                        /* [N, Q] */
		Value slope = corner_slope(s, i, dim);
		v = reshape_to(b, v, known_type(b, slope));
		v = hlo_multiply(b, v, slope);
		sum = sum ? hlo_add(b, sum, v) : v;
	}
	return sum;
}

/* [N, *O, spatial], the last dim of the image first */
static Value grid_gradient(const Sampler *s, Value x, Value g, Type grid)
{
	Builder *b = s->n->b;
	Value part[MAX_DIMS];
	if (s->mode == MODE_NEAREST) return full(b, grid, 0);
	for (int d = 0; d < s->spatial; d++) {
		Value v = coordinate_gradient(s, x, g, d);
		part[s->spatial - 1 - d] = v ? unsqueeze_dim(b, v, grid.rank - 1) : 0;
	}
	return hlo_concatenate(b, s->spatial, part, grid.rank - 1);
}

/* aten.grid_sampler_2d_backward, grid_sampler_3d_backward(grad_output [N, C, *O], input, grid, interpolation_mode, padding_mode,
 * align_corners, output_mask) -> (grad_input?, grad_grid?); _grid_sampler_2d_cpu_fallback_backward gives both */
Value lower_grid_sampler_backward(Node *n)
{
	Builder *b = n->b;
	Sampler s = { .slopes = true };
	DType elem = elem_of(b, arg(n, "input")), acc = acc_type(elem);
	Value x = arg_as(n, "input", acc), grid = arg_as(n, "grid", acc), g = arg_as(n, "grad_output", acc);
	Type flat = sampler_of(n, &s, &x, grid);
	g = flat.kind ? reshape_to(b, g, flat) : 0;
	if (!g || !x) return 0;
	Type image = type_of(b, x), at = type_of(b, grid);
	bool empty = !type_numel(image) || !type_numel(flat);
	if (out_wanted(n, 1)) {
		Value part = empty ? full(b, at, 0) : grid_gradient(&s, x, g, at);
		set_out(n, 1, cast(b, part, out_type(n, 1).elem));
	}
	if (!out_wanted(n, 0)) return 0;
	g = empty ? full(b, image, 0) : image_gradient(&s, g, image);
	g = reshape_to(b, g, n->out);
	return cast(b, g, n->out.elem);
}

/* -- affine maps ----------------------------------------------------------------------------------------- */

/* The centres of `size` pixels from -1 to 1, or their corners when align_corners: [size] */
static Value base_points(Builder *b, int64_t size, bool align_corners, DType elem)
{
	double *v = NEW(b->a, double, size + 1);
	double shrink = align_corners ? 1 : (double)(size - 1) / (double)size;
	for (int64_t i = 0; i < size; i++) v[i] = size > 1 ? (2 * (double)i / (double)(size - 1) - 1) * shrink : 0;
	Value x = hlo_constant(b, tensor_type(b->a, DTYPE_f64, 1, &size), v, (size_t)size * sizeof *v);
	return hlo_convert(b, x, elem);
}

/* Column i of theta [N, k, k + 1], laid over grid [N, *O, k] */
static Value column_over(Builder *b, Value theta, int i, Type grid)
{
	int64_t to[2] = { 0, grid.rank - 1 };
	theta = slice_dim(b, theta, 2, i, i + 1, 1);
	theta = squeeze_dim(b, theta, 2);
	return hlo_broadcast_in_dim(b, theta, grid.rank, grid.dim, (Ints){ 2, to });
}

/* aten.affine_grid_generator(theta [N, k, k + 1], size (N, C, *O), align_corners) -> [N, *O, k]: theta . (x, y, .., 1) */
Value lower_affine_grid(Node *n)
{
	Builder *b = n->b;
	Type t = with_elem(n->out, acc_type(n->out.elem));
	int spatial = t.rank - 2;
	Value theta = arg_as(n, "theta", t.elem);
	if (!theta) return 0;
	Type have = type_of(b, theta);
	if (spatial < 1 || have.rank != 3 || have.dim[2] != spatial + 1) return node_fail(n, BAD_INPUT, "theta is %s", type_str(n->a, have));
	Value sum = column_over(b, theta, spatial, t);
	for (int i = 0; i < spatial; i++) {
		int dim = spatial - i;                                    /* x is the last of the spatial dims */
		Value x = base_points(b, static_dim(n, t, dim), arg_bool(n, "align_corners", false), t.elem);
		x = along(b, x, dim, t);
		x = hlo_multiply(b, x, column_over(b, theta, i, t));
		sum = hlo_add(b, sum, x);
	}
	return cast(b, sum, n->out.elem);
}
