/* Resizing of images: every spatial dim on its own, each new element a weighted sum of a few old ones (taps). Which and by
 * what weights is worked out here, in the arithmetic of torch's kernels (ATen/native/UpSample.h): float, or double for f64. */
#include "aten/formulas.h"
#include "aten/index.h"
#include "aten/rules.h"
#include "aten/upsample.h"

#include <math.h>

typedef Taps MakeTaps(Arena *a, Resize r);

/* How to resize: taps of known sizes and of others (NULL: refused); copies: one tap, without a weight */
typedef struct Kind { MakeTaps *taps; MakeOpenTaps *open; bool copies; } Kind;

/* -- positions ------------------------------------------------------------------------------------------- */

/* Rounded as torch's kernel computes: float unless the tensor is f64. */
static double rounded(Resize r, double x) { return r.wide ? x : (double)(float)x; }

/* Old elements per new one (area_pixel_compute_scale). */
static double step_of(Resize r)
{
	if (r.align_corners) return r.to > 1 ? rounded(r, (double)(r.from - 1) / (double)(r.to - 1)) : 0;
	return rounded(r, r.scale > 0 ? 1 / r.scale : (double)r.from / (double)r.to);
}

/* Where new element i lies among the old ones (area_pixel_compute_source_index), before it is kept from falling below 0. */
static double source_of(Resize r, double step, int64_t i)
{
	if (r.align_corners) return rounded(r, step * (double)i);
	double centre = rounded(r, step * ((double)i + 0.5));
	return rounded(r, centre - 0.5);
}

static int64_t within(int64_t i, int64_t size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }

static Taps new_taps(Arena *a, Resize r, int count)
{
	int64_t n = r.to * count;
	return (Taps){ .from = r.from, .size = r.to, .count = count, .at = NEW(a, int64_t, n + 1), .weight = NEW(a, double, n + 1) };
}

/* -- kinds of taps --------------------------------------------------------------------------------------- */

static Taps nearest_taps(Arena *a, Resize r)
{
	Taps t = new_taps(a, r, 1);
	double step = step_of(r);
	for (int64_t i = 0; i < r.to; i++) t.at[i] = within((int64_t)floor(rounded(r, step * (double)i)), r.from);
	return t;
}

static Taps nearest_exact_taps(Arena *a, Resize r)
{
	Taps t = new_taps(a, r, 1);
	double step = step_of(r);
	for (int64_t i = 0; i < r.to; i++) t.at[i] = within((int64_t)floor(rounded(r, step * ((double)i + 0.5))), r.from);
	return t;
}

static Taps linear_taps(Arena *a, Resize r)
{
	Taps t = new_taps(a, r, 2);
	double step = step_of(r);
	for (int64_t i = 0; i < r.to; i++) {
		double x = r.from == r.to ? (double)i : fmax(source_of(r, step, i), 0);
		int64_t low = within((int64_t)x, r.from);
		double w = rounded(r, fmin(x - (double)low, 1));
		t.at[2 * i] = low;
		t.at[2 * i + 1] = within(low + 1, r.from);
		t.weight[2 * i] = rounded(r, 1 - w);
		t.weight[2 * i + 1] = w;
	}
	return t;
}

/* The cubic kernel of parameter c at distance x (Keys 1981). */
static double keys(double x, double c)
{
	x = fabs(x);
	if (x < 1) return ((c + 2) * x - (c + 3)) * x * x + 1;
	return x < 2 ? ((c * x - 5 * c) * x + 8 * c) * x - 4 * c : 0;
}

static Taps cubic_taps(Arena *a, Resize r)
{
	Taps t = new_taps(a, r, 4);
	double step = step_of(r);
	for (int64_t i = 0; i < r.to; i++) {
		double x = source_of(r, step, i), low = floor(x);
		for (int k = 0; k < 4; k++) {
			t.at[4 * i + k] = within((int64_t)low + k - 1, r.from);
			t.weight[4 * i + k] = keys(x - low + 1 - k, -0.75);
		}
	}
	return t;
}

/* -- antialiased ----------------------------------------------------------------------------------------- */

static double triangle(double x) { return fabs(x) < 1 ? 1 - fabs(x) : 0; }
static double cubic_half(double x) { return keys(x, -0.5); }
static double sinc(double x) { return x == 0 ? 1 : sin(M_PI * x) / (M_PI * x); }
static double lanczos(double x) { return fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

/* A kernel as wide as `width` old elements, or new ones where those are larger; weights sum to 1. */
static Taps antialiased_taps(Arena *a, Resize r, double (*kernel)(double), double width)
{
	double step = step_of(r), spread = step >= 1 ? step : 1;
	double support = width / 2 * spread;
	Taps t = new_taps(a, r, (int)fmin(ceil(support) * 2 + 1, (double)r.from));
	for (int64_t i = 0; i < r.to; i++) {
		double centre = step * ((double)i + 0.5), total = 0;
		double *w = t.weight + i * t.count;
		int64_t low = (int64_t)(centre - support + 0.5), high = (int64_t)(centre + support + 0.5);
		low = low < 0 ? 0 : low;
		high = high > r.from ? r.from : high;
		for (int k = 0; k < t.count; k++) {
			t.at[i * t.count + k] = within(low + k, r.from);
			w[k] = low + k < high ? kernel(((double)(low + k) - centre + 0.5) / spread) : 0;
			total += w[k];
		}
		for (int k = 0; k < t.count && total != 0; k++) w[k] /= total;
	}
	return t;
}

static Taps linear_aa_taps(Arena *a, Resize r) { return antialiased_taps(a, r, triangle, 2); }
static Taps cubic_aa_taps(Arena *a, Resize r) { return antialiased_taps(a, r, cubic_half, 4); }
static Taps lanczos_aa_taps(Arena *a, Resize r) { return antialiased_taps(a, r, lanczos, 6); }

/* -- one dim --------------------------------------------------------------------------------------------- */

static bool repeats_each(Taps t)
{
	if (t.open) return false;
	for (int64_t i = 0; i < t.size; i++)
		if (t.at[i] != i * t.from / t.size) return false;
	return t.from && t.size % t.from == 0;
}

/* i64 [size]: where tap k of every new element is */
static Value places_of(Builder *b, Taps t, int k)
{
	if (t.open) return t.open_at[k];
	int64_t *at = NEW(b->a, int64_t, t.size + 1);
	for (int64_t i = 0; i < t.size; i++) at[i] = t.at[i * t.count + k];
	return hlo_ints(b, (int)t.size, at, DTYPE_i64);
}

/* Tap k of every new element: x at those places along dim. */
static Value take_tap(Builder *b, Value x, int dim, Taps t, int k) { return take_at(b, x, dim, places_of(b, t, k)); }

/* Single taps are copies; a whole number of copies of each needs no gather. */
static Value take_nearest(Builder *b, Value x, int dim, Taps t)
{
	if (!repeats_each(t)) return take_tap(b, x, dim, t, 0);
	Type from = type_of(b, x);
	x = unsqueeze_dim(b, x, dim + 1);
	if (!x) return 0;
	x = broadcast(b, x, shape_with(b, type_of(b, x), dim + 1, t.size / t.from));
	return reshape_to(b, x, shape_with(b, from, dim, t.size));
}

/* [size, count] weights as a constant of elem; column k: [size] */
static Value weights_of(Builder *b, Taps t, int k, DType elem)
{
	if (t.open) return hlo_convert(b, t.open_weight[k], elem);
	double *w = NEW(b->a, double, t.size + 1);
	for (int64_t i = 0; i < t.size; i++) w[i] = t.weight[i * t.count + k];
	Value v = hlo_constant(b, tensor_type(b->a, DTYPE_f64, 1, &t.size), w, (size_t)t.size * sizeof *w);
	return hlo_convert(b, v, elem);
}

static Value sum_of_taps(Builder *b, Value x, int dim, Taps t)
{
	Value sum = 0;
	for (int k = 0; k < t.count; k++) {
		Value tap = take_tap(b, x, dim, t, k);
		if (!tap) return 0;
		Value w = weights_of(b, t, k, elem_of(b, tap));
		w = along(b, w, dim, type_of(b, tap));
		tap = hlo_multiply(b, tap, w);
		sum = sum ? hlo_add(b, sum, tap) : tap;
	}
	return sum;
}

/* Many taps: x contracted with a matrix [from, size] of the weights, over `from`; the way back over `size`. */
static Value product_of_taps(Builder *b, Value x, int dim, Taps t, bool back)
{
	double *m = NEW(b->a, double, t.from * t.size + 1);
	for (int64_t i = 0; i < t.size; i++)
		for (int k = 0; k < t.count; k++) m[t.at[i * t.count + k] * t.size + i] += t.weight[i * t.count + k];
	Type mt = tensor_type(b->a, DTYPE_f64, 2, (int64_t[]){ t.from, t.size });
	Value w = hlo_constant(b, mt, m, (size_t)(t.from * t.size) * sizeof *m);
	w = hlo_convert(b, w, elem_of(b, x));
	int rank = rank_of(b, x);
	x = hlo_dot_general(b, x, w, (DotDims){ .lhs_contracting = one_dim(b, dim), .rhs_contracting = one_dim(b, back) }, DTYPE_none);
	int64_t *p = NEW(b->a, int64_t, rank);                      /* the new dim came last */
	for (int i = 0; i < rank; i++) p[i] = i < dim ? i : i == dim ? rank - 1 : i - 1;
	return hlo_transpose(b, x, (Ints){ rank, p });
}

/* -- rules ----------------------------------------------------------------------------------------------- */

static const Kind nearest = { nearest_taps, open_nearest_taps, true };
static const Kind nearest_exact = { nearest_exact_taps, open_nearest_exact_taps, true };
static const Kind linear = { linear_taps, open_linear_taps, false };
static const Kind cubic = { cubic_taps, open_cubic_taps, false };
static const Kind linear_aa = { linear_aa_taps, NULL, false };
static const Kind cubic_aa = { cubic_aa_taps, NULL, false };
static const Kind lanczos_aa = { lanczos_aa_taps, NULL, false };

/* The scale that the caller gave for one spatial dim: "scale_factors" of the .vec forms; "scales", or "scales_d", .. */
static double scale_of(Node *n, int spatial, int i)
{
	static const char *const names[] = { "scales_d", "scales_h", "scales_w" };
	Nums factors = arg_nums(n, "scale_factors");
	if (factors.n == spatial) return factors.v[i];
	if (spatial == 1 && has_arg(n, "scales")) return arg_num(n, "scales", 0);
	return arg_num(n, names[3 - spatial + i], 0);
}

static bool taps_of(Node *n, Resize r, Kind kind, Taps *out)
{
	bool open = r.from < 0 || r.to < 0;
	if (r.from == 0 || r.to == 0 || r.from > 1 << 20 || r.to > 1 << 20)
		return node_fail(n, BAD_INPUT, "size %lld to %lld", (long long)r.from, (long long)r.to), false;
	if (open && !kind.open) return node_fail(n, UNSUPPORTED, "resizing with antialias of a size that is not known"), false;
	*out = open ? kind.open(n->b, r) : kind.taps(n->a, r);
	return true;
}

/* self or input [N, C, *S] -> [N, C, *S'] */
static Value resize(Node *n, int spatial, Kind kind)
{
	Builder *b = n->b;
	bool copies = kind.copies;
	Value x = arg(n, has_arg(n, "input") ? "input" : "self");
	if (!x) return 0;
	Type t = type_of(b, x);
	if (t.rank != spatial + 2 || n->out.rank != t.rank)
		return node_fail(n, BAD_INPUT, "input %s has not %d spatial dims", type_str(n->a, t), spatial);
	if (!copies && !is_float(t.elem)) return node_fail(n, UNSUPPORTED, "interpolation of %s", type_str(n->a, t));
	if (!copies) x = cast(b, x, acc_type(t.elem));
	for (int i = 0; i < spatial && x; i++) {
		Resize r = { t.dim[2 + i], n->out.dim[2 + i], scale_of(n, spatial, i), arg_bool(n, "align_corners", false),
			t.elem == DTYPE_f64 };
		Taps taps;
		if (!taps_of(n, r, kind, &taps)) return 0;
		x = copies ? take_nearest(b, x, 2 + i, taps) : taps.count <= 4 ? sum_of_taps(b, x, 2 + i, taps)
			: product_of_taps(b, x, 2 + i, taps, false);
	}
	return cast(b, x, n->out.elem);
}

/* aten.upsample_nearestNd(self, output_size, scales..), .vec(input, output_size, scale_factors): element floor(i * old / new) */
Value lower_nearest1d(Node *n) { return resize(n, 1, nearest); }
Value lower_nearest2d(Node *n) { return resize(n, 2, nearest); }
Value lower_nearest3d(Node *n) { return resize(n, 3, nearest); }
/* aten._upsample_nearest_exactNd: element floor((i + 0.5) * old / new) */
Value lower_nearest_exact1d(Node *n) { return resize(n, 1, nearest_exact); }
Value lower_nearest_exact2d(Node *n) { return resize(n, 2, nearest_exact); }
Value lower_nearest_exact3d(Node *n) { return resize(n, 3, nearest_exact); }
/* aten.upsample_linear1d, bilinear2d, trilinear3d, bicubic2d(self, output_size, align_corners, scales..), .vec */
Value lower_linear1d(Node *n) { return resize(n, 1, linear); }
Value lower_bilinear2d(Node *n) { return resize(n, 2, linear); }
Value lower_trilinear3d(Node *n) { return resize(n, 3, linear); }
Value lower_bicubic2d(Node *n) { return resize(n, 2, cubic); }
/* aten._upsample_bilinear2d_aa, _upsample_bicubic2d_aa, _upsample_lanczos2d_aa: the kernel widened when shrinking */
Value lower_bilinear2d_aa(Node *n) { return resize(n, 2, linear_aa); }
Value lower_bicubic2d_aa(Node *n) { return resize(n, 2, cubic_aa); }
Value lower_lanczos2d_aa(Node *n) { return resize(n, 2, lanczos_aa); }

/* -- back ------------------------------------------------------------------------------------------------ */

/* g [.., S', ..] -> [.., S, ..]: each new element added, by the weight of each tap, to the old one that the tap is of */
static Value give_taps(Builder *b, Value g, int dim, Taps t, bool copies)
{
	if (!g) return 0;
	Type from = type_of(b, g), to = shape_with(b, from, dim, t.from);
	Value sum = full(b, to, 0);
	for (int k = 0; k < t.count; k++) {
		Value part = copies ? g : hlo_multiply(b, g, along(b, weights_of(b, t, k, from.elem), dim, from));
		sum = combine_at(b, OP_add, sum, place_slices(b, to, dim, places_of(b, t, k)), part);
	}
	return sum;
}

/* [.., S * k, ..] -> [.., S, ..]: the sums of k neighbours */
static Value sum_neighbours(Builder *b, Value g, int dim, int64_t size)
{
	Type t = type_of(b, g);
	int64_t *d = NEW(b->a, int64_t, t.rank + 1);
	for (int i = 0; i <= t.rank; i++) d[i] = i < dim ? t.dim[i] : i == dim ? size : i == dim + 1 ? t.dim[dim] / size : t.dim[i - 1];
	g = hlo_reshape(b, g, t.rank + 1, d);
	return sum_over(b, g, one_dim(b, dim + 1));
}

/* grad_output [N, C, *S'] -> [N, C, *S] */
static Value resize_backward(Node *n, int spatial, Kind kind)
{
	Builder *b = n->b;
	bool copies = kind.copies;
	Value g = arg_as(n, "grad_output", acc_type(n->out.elem));
	if (!g) return 0;
	Type t = type_of(b, g);
	if (!is_float(t.elem)) return node_fail(n, UNSUPPORTED, "gradients of type %s", type_str(n->a, t));
	if (t.rank != spatial + 2 || n->out.rank != t.rank)
		return node_fail(n, BAD_INPUT, "grad_output %s has not %d spatial dims", type_str(n->a, t), spatial);
	for (int i = 0; i < spatial && g; i++) {
		Resize r = { n->out.dim[2 + i], t.dim[2 + i], scale_of(n, spatial, i), arg_bool(n, "align_corners", false),
			t.elem == DTYPE_f64 };
		Taps taps;
		if (!taps_of(n, r, kind, &taps)) return 0;
		g = copies && repeats_each(taps) ? sum_neighbours(b, g, 2 + i, r.from)
			: taps.count <= 4 ? give_taps(b, g, 2 + i, taps, copies) : product_of_taps(b, g, 2 + i, taps, true);
	}
	return cast(b, g, n->out.elem);
}

/* aten.upsample_nearestNd_backward(grad_output, output_size, input_size, scales..), _upsample_nearest_exactNd_backward */
Value lower_nearest1d_backward(Node *n) { return resize_backward(n, 1, nearest); }
Value lower_nearest2d_backward(Node *n) { return resize_backward(n, 2, nearest); }
Value lower_nearest3d_backward(Node *n) { return resize_backward(n, 3, nearest); }
Value lower_nearest_exact1d_backward(Node *n) { return resize_backward(n, 1, nearest_exact); }
Value lower_nearest_exact2d_backward(Node *n) { return resize_backward(n, 2, nearest_exact); }
Value lower_nearest_exact3d_backward(Node *n) { return resize_backward(n, 3, nearest_exact); }
/* aten.upsample_linear1d_backward(grad_output, output_size, input_size, align_corners, scales..) and its kin */
Value lower_linear1d_backward(Node *n) { return resize_backward(n, 1, linear); }
Value lower_bilinear2d_backward(Node *n) { return resize_backward(n, 2, linear); }
Value lower_trilinear3d_backward(Node *n) { return resize_backward(n, 3, linear); }
Value lower_bicubic2d_backward(Node *n) { return resize_backward(n, 2, cubic); }
Value lower_bilinear2d_aa_backward(Node *n) { return resize_backward(n, 2, linear_aa); }
Value lower_bicubic2d_aa_backward(Node *n) { return resize_backward(n, 2, cubic_aa); }
Value lower_lanczos2d_aa_backward(Node *n) { return resize_backward(n, 2, lanczos_aa); }
