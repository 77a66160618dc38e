/* Fourier transforms. stablehlo.fft transforms the last dim; several dims are transformed one after the other. Its
 * inverse forms divide by the number of points, its forward forms do not. */
#include "aten/rules.h"

#include <math.h>
#include <string.h>

/* torch's fft_norm_mode: what the sums are divided by. */
typedef enum Norm { NORM_NONE, NORM_ROOT_N, NORM_N } Norm;

/* A transform under way. */
typedef struct Fft {
	Node *n;
	Value x;
	double points;               /* of all dims so far: n of the norm */
	double scale;                /* what undoes the divisions of the inverse forms */
} Fft;

/* Which dims, and how many points in each; a size of -1 is the input's own. */
typedef struct Axes { int n; int *dim; int64_t *size; } Axes;

static Fft fft_of(Node *n, DType elem)
{
	return (Fft){ .n = n, .x = arg_as(n, "self", elem), .points = 1, .scale = 1 };
}

static int64_t size_of(const Fft *f, int dim)
{
	Type t = known_type(f->n->b, f->x);
	return dim < t.rank ? t.dim[dim] : 0;
}

/* -- steps ----------------------------------------------------------------------------------------------- */

/* Cut, or filled up with zeros, at the end of dim. */
static void resize(Fft *f, int dim, int64_t size)
{
	Builder *b = f->n->b;
	int64_t have = size_of(f, dim);
	if (!f->x || size < 0 || size == have) return;
	if (have < 0) {                                    /* cut or filled up: which is not known */
		Type t = type_of(b, f->x);
		int64_t *low = NEW(b->a, int64_t, t.rank), *high = NEW(b->a, int64_t, t.rank);
		high[dim] = dim_minus(dims_of(b->m), size, have);
		f->x = hlo_pad_sizes(b, f->x, scalar(b, 0, t.elem), low, high, NULL);
		return;
	}
	if (size < have) {
		f->x = slice_dim(b, f->x, dim, 0, size, 1);
		return;
	}
	Value zeros = full(b, shape_with(b, type_of(b, f->x), dim, size - have), 0);
	f->x = hlo_concatenate(b, 2, (Value[]){ f->x, zeros }, dim);
}

/* One dim, which has `points` points on the longer side. */
static void step(Fft *f, int dim, FftType type, int64_t points)
{
	Builder *b = f->n->b;
	int last = f->x ? rank_of(b, f->x) - 1 : 0;
	if (points < 0) {
		node_fail(f->n, UNSUPPORTED, "a transform over a size that is not known");
		return;
	}
	if (points < 1) {
		node_fail(f->n, BAD_INPUT, "a transform of %lld points", (long long)points);
		return;
	}
	f->x = dim == last ? f->x : transpose_dims(b, f->x, dim, last);
	f->x = hlo_fft(b, f->x, type, (Ints){ 1, &points });
	f->x = dim == last ? f->x : transpose_dims(b, f->x, dim, last);
	f->points *= (double)points;
	if (type == FFT_IFFT || type == FFT_IRFFT) f->scale *= (double)points;
}

static void conjugate(Fft *f)
{
	Builder *b = f->n->b;
	Value re = hlo_real(b, f->x);
	Value im = hlo_imag(b, f->x);
	im = hlo_negate(b, im);
	f->x = hlo_complex(b, re, im);
}

/* x * k, part by part: a product with k + 0i would make NaN of an infinity. */
static Value times(Builder *b, Value x, double k)
{
	if (!x || k == 1) return x;
	if (!is_complex(elem_of(b, x))) {
		Value by = full_like(b, x, k);
		return hlo_multiply(b, x, by);
	}
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	re = times(b, re, k);
	im = times(b, im, k);
	return hlo_complex(b, re, im);
}

static Value finish(Fft *f, Norm norm)
{
	double by = norm == NORM_N ? 1 / f->points : norm == NORM_ROOT_N ? 1 / sqrt(f->points) : 1;
	return times(f->n->b, f->x, by * f->scale);
}

/* The first `count` dims, complex to complex. */
static void complex_steps(Fft *f, Axes a, int count, bool forward)
{
	for (int i = 0; i < count; i++) step(f, a.dim[i], forward ? FFT_FFT : FFT_IFFT, size_of(f, a.dim[i]));
}

/* -- arguments ------------------------------------------------------------------------------------------- */

static Norm norm_arg(Node *n, bool forward)
{
	const char *s = arg_str(n, "norm", "backward");
	if (!strcmp(s, "ortho")) return NORM_ROOT_N;
	if (!strcmp(s, forward ? "backward" : "forward")) return NORM_NONE;
	if (!strcmp(s, forward ? "forward" : "backward")) return NORM_N;
	node_fail(n, BAD_INPUT, "norm is '%s'; known are forward, backward and ortho", s);
	return NORM_NONE;
}

static Norm normalization_arg(Node *n)
{
	int64_t v = arg_int(n, "normalization", 0);
	if (v >= NORM_NONE && v <= NORM_N) return (Norm)v;
	node_fail(n, BAD_INPUT, "normalization %lld", (long long)v);
	return NORM_NONE;
}

static int wrapped(Node *n, int64_t dim, int rank)
{
	if (dim >= -rank && dim < rank) return (int)(dim < 0 ? dim + rank : dim);
	node_fail(n, BAD_INPUT, "dim %lld of a tensor of %d dims", (long long)dim, rank);
	return 0;
}

/* fft_fft(n, dim=-1), fft_fft2(s, dim=[-2, -1]), fft_fftn(s, dim): the letter before ".default" tells which. Without dim
 * the N-d form takes the last len(s) dims, or all. */
static Axes axes(Node *n, int rank)
{
	const char *end = strchr(n->g->target + strlen("aten."), '.');
	bool one = end && end[-1] == 't', two = end && end[-1] == '2';
	Ints dim = one ? (Ints){ 0 } : arg_ints(n, "dim"), s = one ? (Ints){ 0 } : arg_ints(n, "s");
	bool given = !one && has_arg(n, "dim");
	int count = one ? 1 : given ? dim.n : two ? 2 : has_arg(n, "s") ? s.n : rank;
	Axes a = { count, NEW(n->a, int, count + 1), NEW(n->a, int64_t, count + 1) };
	if (!one && has_arg(n, "s") && s.n != count) node_fail(n, BAD_INPUT, "%d sizes for %d dims", s.n, count);
	for (int i = 0; i < count && !n->b->m->err->code; i++) {
		int64_t d = one ? arg_int(n, "dim", -1) : given ? dim.v[i] : i - count;
		a.dim[i] = wrapped(n, d, rank);
		a.size[i] = one ? arg_int(n, "n", -1) : s.n ? s.v[i] : -1;
	}
	return a;
}

static Axes axes_of(Fft *f) { return axes(f->n, known_type(f->n->b, f->x).rank); }

static void resize_all(Fft *f, Axes a, int count)
{
	for (int i = 0; i < count; i++) resize(f, a.dim[i], a.size[i]);
}

/* The last of at least one dim; -1 after a failure. */
static int last_axis(Fft *f, Axes a)
{
	if (!a.n && !f->n->b->m->err->code) node_fail(f->n, BAD_INPUT, "no dim to transform");
	return f->n->b->m->err->code ? -1 : a.n - 1;
}

/* -- composites ------------------------------------------------------------------------------------------ */

static Value complex_to_complex(Node *n, bool forward)
{
	Fft f = fft_of(n, n->out.elem);
	Axes a = axes_of(&f);
	resize_all(&f, a, a.n);
	complex_steps(&f, a, a.n, forward);
	return finish(&f, norm_arg(n, forward));
}

/* aten.fft_fft(self, n, dim=-1, norm), fft_fft2, fft_fftn: sum_j x[j] exp(-2 pi i jk / n) */
Value lower_fft_fft(Node *n) { return complex_to_complex(n, true); }
/* aten.fft_ifft, fft_ifft2, fft_ifftn: 1/n sum_j x[j] exp(+2 pi i jk / n) */
Value lower_fft_ifft(Node *n) { return complex_to_complex(n, false); }

/* aten.fft_rfft, fft_rfft2, fft_rfftn: the first n/2 + 1 terms of a real signal's, in the last dim.
 * aten.fft_ihfft and so on: the conjugate of that, with the inverse transform's norm. */
static Value real_to_complex(Node *n, bool forward)
{
	Fft f = fft_of(n, real_of(n->out.elem));
	Axes a = axes_of(&f);
	int last = last_axis(&f, a);
	if (last < 0) return 0;
	resize_all(&f, a, a.n);
	step(&f, a.dim[last], FFT_RFFT, size_of(&f, a.dim[last]));
	if (!forward) conjugate(&f);
	complex_steps(&f, a, last, forward);
	return finish(&f, norm_arg(n, forward));
}

Value lower_fft_rfft(Node *n) { return real_to_complex(n, true); }
Value lower_fft_ihfft(Node *n) { return real_to_complex(n, false); }

/* Of m terms 2 (m - 1); a handle where m is one. */
static int64_t points_of_half(const Fft *f, int dim)
{
	int64_t m = size_of(f, dim);
	return m < 0 ? m : 2 * (m - 1);
}

/* aten.fft_irfft and so on: the real signal of n points (2 (m - 1) of m terms) whose half spectrum this is.
 * aten.fft_hfft and so on: the same of the conjugate, with the forward transform's norm. */
static Value complex_to_real(Node *n, bool forward)
{
	Fft f = fft_of(n, complex_of(n->out.elem));
	Axes a = axes_of(&f);
	int last = last_axis(&f, a);
	if (last < 0) return 0;
	int64_t points = a.size[last] < 0 ? points_of_half(&f, a.dim[last]) : a.size[last];
	resize_all(&f, a, last);
	resize(&f, a.dim[last], points / 2 + 1);
	complex_steps(&f, a, last, forward);
	if (forward) conjugate(&f);
	step(&f, a.dim[last], FFT_IRFFT, points);
	return finish(&f, norm_arg(n, forward));
}

Value lower_fft_irfft(Node *n) { return complex_to_real(n, false); }
Value lower_fft_hfft(Node *n) { return complex_to_real(n, true); }

/* -- core ATen ------------------------------------------------------------------------------------------- */

static Axes core_axes(Fft *f)
{
	Ints dim = arg_ints(f->n, "dim");
	Axes a = { dim.n, NEW(f->n->a, int, dim.n + 1), NULL };
	int rank = known_type(f->n->b, f->x).rank;
	for (int i = 0; i < dim.n && f->x; i++) a.dim[i] = wrapped(f->n, dim.v[i], rank);
	return a;
}

/* aten._fft_c2c(self, dim, normalization, forward) */
Value lower_fft_c2c(Node *n)
{
	Fft f = fft_of(n, n->out.elem);
	Axes a = core_axes(&f);
	complex_steps(&f, a, a.n, arg_bool(n, "forward", true));
	return finish(&f, normalization_arg(n));
}

/* aten._fft_r2c(self, dim, normalization, onesided): both sides are the transform of x + 0i */
Value lower_fft_r2c(Node *n)
{
	bool half = arg_bool(n, "onesided", true);
	Fft f = fft_of(n, half ? real_of(n->out.elem) : n->out.elem);
	Axes a = core_axes(&f);
	int last = half ? last_axis(&f, a) : a.n;
	if (last < 0) return 0;
	if (half) step(&f, a.dim[last], FFT_RFFT, size_of(&f, a.dim[last]));
	complex_steps(&f, a, last, true);
	return finish(&f, normalization_arg(n));
}

/* aten._fft_c2r(self, dim, normalization, last_dim_size) */
Value lower_fft_c2r(Node *n)
{
	Fft f = fft_of(n, complex_of(n->out.elem));
	Axes a = core_axes(&f);
	int last = last_axis(&f, a);
	if (last < 0) return 0;
	int64_t points = arg_int(n, "last_dim_size", 0);
	resize(&f, a.dim[last], points / 2 + 1);
	complex_steps(&f, a, last, false);
	step(&f, a.dim[last], FFT_IRFFT, points);
	return finish(&f, normalization_arg(n));
}

/* -- frequencies ----------------------------------------------------------------------------------------- */

/* k / (n d) for k = 0, 1, ...; from `negative` on k - n */
static Value frequencies(Node *n, double points, double negative)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	if (n->out.rank != 1) return node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	Type t = with_elem(n->out, acc);
	Value k = positions(b, t, 0, acc);
	Value bound = full(b, t, negative);
	Value lower = full(b, t, points);
	lower = hlo_subtract(b, k, lower);
	Value is_upper = hlo_compare(b, DIRECTION_LT, k, bound);
	k = hlo_select(b, is_upper, k, lower);
	Value by = full(b, t, 1 / (points * arg_num(n, "d", 1)));
	k = hlo_multiply(b, k, by);
	return cast(b, k, n->out.elem);
}

/* aten.fft_fftfreq(n, d=1): 0, 1, ..., -2, -1 over n d; aten.fft_rfftfreq: the first n/2 + 1, all upwards */
Value lower_fftfreq(Node *n)
{
	double points = arg_num(n, "n", 0);
	return frequencies(n, points, floor((points + 1) / 2));
}

Value lower_rfftfreq(Node *n)
{
	double points = arg_num(n, "n", 0);
	return frequencies(n, points, points + 1);
}
