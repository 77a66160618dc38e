/* Short-time Fourier transforms: of overlapping pieces of a signal, each under a window, and back. */
#include "aten/formulas.h"
#include "aten/index.h"
#include "aten/rules.h"

#include <math.h>
#include <string.h>

/* What stft and istft have in common. */
typedef struct Frames { int64_t points, hop, window; bool halved; } Frames;

/* n_fft, hop_length = n_fft / 4, win_length = n_fft */
static bool arg_frames(Node *n, Frames *f)
{
	f->points = arg_int(n, "n_fft", 0);
	f->hop = arg_int(n, "hop_length", f->points / 4);
	f->window = arg_int(n, "win_length", f->points);
	if (f->points > 0 && f->points < INT32_MAX && f->hop > 0 && f->window > 0 && f->window <= f->points) return true;
	node_fail(n, BAD_INPUT, "n_fft %lld, hop_length %lld, win_length %lld", (long long)f->points, (long long)f->hop,
		(long long)f->window);
	return false;
}

static int64_t left_of(Frames f) { return (f.points - f.window) / 2; }

/* x, a 1-d x as a batch of one */
static Value batched(Builder *b, Value x, int rank) { return x && rank_of(b, x) < rank ? unsqueeze_dim(b, x, 0) : x; }

/* The window, or ones, in the middle of n_fft points, zeros around. [n_fft] */
static Value window_of(Node *n, Frames f, DType elem)
{
	Builder *b = n->b;
	Value w = has_arg(n, "window") ? arg_as(n, "window", elem) : full(b, tensor_type(n->a, elem, 1, &f.window), 1);
	Type t = known_type(b, w);
	if (t.kind && (t.rank != 1 || t.dim[0] != f.window))
		return node_fail(n, BAD_INPUT, "window %s, wanted %lld elements", type_str(n->a, t), (long long)f.window);
	Value zero = scalar(b, 0, elem);
	int64_t low = left_of(f), high = f.points - f.window - low;
	return hlo_pad(b, w, zero, &low, &high, NULL);
}

/* hop * frame + point, i64 [T, n_fft] */
static Value places(Builder *b, Frames f, int64_t frames)
{
	Type t = tensor_type(b->a, DTYPE_i64, 2, (int64_t[]){ frames, f.points });
	Value frame = positions(b, t, 0, DTYPE_i64);
	frame = scaled(b, frame, (double)f.hop);
	Value point = positions(b, t, 1, DTYPE_i64);
	return hlo_add(b, frame, point);
}

/* x * k of a complex x, part by part: a product with k + 0i would make NaN of an infinity */
static Value complex_scaled(Builder *b, Value x, double k)
{
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	re = scaled(b, re, k);
	im = scaled(b, im, k);
	return hlo_complex(b, re, im);
}

static Value pair_of(Builder *b, Value x)
{
	int rank = known_type(b, x).rank;
	Value re = hlo_real(b, x);
	Value im = hlo_imag(b, x);
	re = unsqueeze_dim(b, re, rank);
	im = unsqueeze_dim(b, im, rank);
	return hlo_concatenate(b, 2, (Value[]){ re, im }, rank);
}

/* -- forward --------------------------------------------------------------------------------------------- */

/* Element i of a dim of `size` with `pad` reflected elements on both sides, its ends not repeated. */
static Value reflected(Node *n, Value x, int64_t pad)
{
	Builder *b = n->b;
	DimTable *t = dims_of(b->m);
	int64_t size = known_type(b, x).kind ? type_of(b, x).dim[1] : 0;
	if (size >= 0 && (pad >= size || size + 2 * pad > INT32_MAX))
		return node_fail(n, BAD_INPUT, "%lld elements reflected on both sides of %lld", (long long)pad, (long long)size);
	Value left = slice_dim(b, x, 1, 1, pad + 1, 1);
	Value right = slice_dim(b, x, 1, dim_minus(t, size, pad + 1), dim_minus(t, size, 1), 1);
	left = hlo_reverse(b, left, one_dim(b, 1));
	right = hlo_reverse(b, right, one_dim(b, 1));
	return hlo_concatenate(b, 3, (Value[]){ left, x, right }, 1);
}

static Value with_zeros(Builder *b, Value x, int64_t low, int64_t high)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	Value zero = scalar(b, 0, t.elem);
	return hlo_pad_sizes(b, x, zero, (int64_t[]){ 0, low }, (int64_t[]){ 0, high }, NULL);
}

/* stft.center: n_fft / 2 more elements on both sides, so that frame t is centered at t * hop; align_to_window: zeros, so that
 * the first frame's window begins at the first element */
static Value extended(Node *n, Value x, Frames f)
{
	int64_t left = left_of(f);
	const char *mode = arg_str(n, "pad_mode", "reflect");
	if (strstr(n->g->target, ".center") && arg_bool(n, "center", true)) {
		if (!strcmp(mode, "reflect")) return reflected(n, x, f.points / 2);
		if (!strcmp(mode, "constant")) return with_zeros(n->b, x, f.points / 2, f.points / 2);
		return node_fail(n, UNSUPPORTED, "pad_mode '%s'; known are reflect and constant", mode);
	}
	return arg_bool(n, "align_to_window", false) ? with_zeros(n->b, x, left, f.points - f.window - left) : x;
}

/* aten.stft(self[B?, L], n_fft, hop_length?, win_length?, window?, normalized, onesided?, return_complex, align_to_window?)
 * -> [B?, N, T]: frame t is the transform of window * self[t * hop ..]; normalized: over sqrt(n_fft). stft.center pads first. */
Value lower_stft(Node *n)
{
	Builder *b = n->b;
	Frames f;
	if (!arg_frames(n, &f)) return 0;
	DType elem = complex_of(n->out.elem);
	Value x = arg(n, "self");
	DType window = has_arg(n, "window") ? known_type(b, arg(n, "window")).elem : DTYPE_none;
	bool is_real = !is_complex(known_type(b, x).elem) && !is_complex(window);
	f.halved = arg_bool(n, "onesided", is_real);
	x = cast(b, x, is_real ? real_of(elem) : elem);
	x = batched(b, x, 2);
	Type t = known_type(b, x);
	if (t.rank != 2) return t.kind ? node_fail(n, BAD_INPUT, "a signal %s", type_str(n->a, t)) : 0;
	x = extended(n, x, f);
	t = known_type(b, x);
	if (!t.kind) return 0;
	if (t.dim[1] >= 0 && t.dim[1] < f.points)
		return node_fail(n, BAD_INPUT, "n_fft %lld of %lld elements", (long long)f.points, (long long)t.dim[1]);
	DimTable *sizes = dims_of(b->m);
	int64_t frames = dim_plus(sizes, dim_floordiv(sizes, dim_minus(sizes, t.dim[1], f.points), f.hop), 1);
	x = take_at(b, x, 1, places(b, f, frames));                            /* [B, T, n_fft] */
	Value w = window_of(n, f, t.elem);
	x = hlo_multiply(b, x, along(b, w, 2, known_type(b, x)));
	if (!f.halved && is_real) x = hlo_convert(b, x, elem);
	x = hlo_fft(b, x, f.halved ? FFT_RFFT : FFT_FFT, (Ints){ 1, &f.points });
	if (arg_bool(n, "normalized", false)) x = complex_scaled(b, x, 1 / sqrt((double)f.points));
	x = transpose_dims(b, x, 1, 2);
	if (!is_complex(n->out.elem)) x = pair_of(b, x);
	return reshape_to(b, x, n->out);
}

/* -- back ------------------------------------------------------------------------------------------------ */

/* Frames [B, T, n_fft] added up where they overlap: [B, n_fft + hop * (T - 1)] */
static Value overlapped(Builder *b, Value x, Frames f)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	DimTable *sizes = dims_of(b->m);
	int64_t between = dim_times(sizes, dim_minus(sizes, t.dim[1], 1), f.hop);
	int64_t d[2] = { t.dim[0], dim_plus(sizes, between, f.points) };
	Type sum = tensor_type(b->a, t.elem, 2, d);
	Value none = full(b, sum, 0);
	Value at = places(b, f, t.dim[1]);
	return combine_at(b, OP_add, none, place_slices(b, sum, 1, at), x);
}

/* The signal of each frame: [B, N, T] -> [B, T, n_fft], real when `elem` is */
static Value frames_of(Node *n, Value x, Frames f, DType elem)
{
	Builder *b = n->b;
	x = transpose_dims(b, x, 1, 2);
	if (!is_complex(elem) && !f.halved) x = slice_dim(b, x, 2, 0, f.points / 2 + 1, 1);
	x = hlo_fft(b, x, is_complex(elem) ? FFT_IFFT : FFT_IRFFT, (Ints){ 1, &f.points });
	if (!arg_bool(n, "normalized", false)) return x;
	double root = sqrt((double)f.points);
	return is_complex(elem) ? complex_scaled(b, x, root) : scaled(b, x, root);
}

/* aten.istft(self[B?, N, T], n_fft, .., center, normalized, onesided?, length?, return_complex) -> [B?, L]: the sum of window *
 * frame over the sum of window^2; center: without the n_fft / 2 elements before the first, and as many behind the last or
 * `length` in all */
Value lower_istft(Node *n)
{
	Builder *b = n->b;
	Frames f;
	if (!arg_frames(n, &f)) return 0;
	DType elem = n->out.elem;
	Value x = batched(b, arg_as(n, "self", complex_of(elem)), 3);
	Type t = known_type(b, x);
	if (!t.kind || t.rank != 3) return t.kind ? node_fail(n, BAD_INPUT, "self %s", type_str(n->a, t)) : 0;
	if (t.dim[1] < 0) return node_fail(n, UNSUPPORTED, "so many terms as are not known");
	f.halved = arg_bool(n, "onesided", t.dim[1] != f.points);
	if (is_complex(elem) && f.halved) return node_fail(n, BAD_INPUT, "a complex signal of half a spectrum");
	if (t.dim[1] != (f.halved ? f.points / 2 + 1 : f.points))
		return node_fail(n, BAD_INPUT, "%lld terms for n_fft %lld", (long long)t.dim[1], (long long)f.points);
	x = frames_of(n, x, f, elem);
	Type each = known_type(b, x);
	Value w = along(b, window_of(n, f, elem), 2, each);
	x = hlo_multiply(b, x, w);
	w = square(b, w);
	x = overlapped(b, x, f);
	w = overlapped(b, w, f);
	int64_t have = x ? type_of(b, x).dim[1] : 0, start = arg_bool(n, "center", true) ? f.points / 2 : 0;
	DimTable *sizes = dims_of(b->m);
	int64_t want = n->out.rank ? n->out.dim[n->out.rank - 1] : 0, end = dim_min(sizes, dim_plus(sizes, start, want), have);
	x = slice_dim(b, x, 1, start, end, 1);
	w = slice_dim(b, w, 1, start, end, 1);
	x = hlo_divide(b, x, w);
	x = with_zeros(b, x, 0, dim_minus(sizes, want, dim_minus(sizes, end, start)));
	return reshape_to(b, x, n->out);
}
