/* Tensors from numbers: full, arange, linspace, windows. What depends on numbers alone is a constant or an
 * iota. */
#include "aten/index.h"
#include "aten/rules.h"

#include <math.h>

/* -- one number ------------------------------------------------------------------------------------------ */

static Value filled(Node *n, const char *name)
{
	Value v = arg_as(n, name, n->out.elem);
	return broadcast(n->b, v, n->out);
}

/* aten.full(size, fill_value), aten.fill(self, value), aten.scalar_tensor(s) */
Value lower_full(Node *n) { return filled(n, "fill_value"); }
Value lower_fill(Node *n) { return filled(n, "value"); }
Value lower_scalar_tensor(Node *n) { return filled(n, "s"); }

/* aten.zeros(size), aten.empty(size): what torch leaves undefined is zero here, so that results are the
 * same on every run */
Value lower_zeros(Node *n) { return full(n->b, n->out, 0); }
Value lower_ones(Node *n) { return full(n->b, n->out, 1); }

/* -- many numbers ---------------------------------------------------------------------------------------- */

/* Longer ranges are computed on the device, where their rounding may differ in the last bit. */
enum { LONGEST_CONSTANT = 1 << 16 };

/* A constant of t with these elements, rounded once (integers: towards zero). */
static Value numbers(Builder *b, Type t, const double *v)
{
	if (b->m->err->code) return 0;
	size_t each = dtype_nbytes(t.elem), n = (size_t)type_numel(t);
	uint8_t *data = NEW(b->a, uint8_t, n * each + 1);
	for (size_t i = 0; i < n; i++) dtype_store(t.elem, data + i * each, 0, is_int(t.elem) ? trunc(v[i]) : v[i]);
	return hlo_constant(b, t, data, n * each);
}

/* How many elements the 1-d result has. */
static int64_t length(Node *n)
{
	if (n->out.rank == 1) return n->out.dim[0];
	node_fail(n, BAD_INPUT, "the result is %s", type_str(n->a, n->out));
	return 0;
}

/* start + i * step in the element type `acc`, rounded to the result's. */
static Value affine(Node *n, DType acc, Value start, Value step)
{
	Builder *b = n->b;
	if (!length(n)) return full(b, n->out, 0);
	Type t = with_elem(n->out, acc);
	Value i = positions(b, t, 0, acc);
	step = broadcast(b, step, t);
	start = broadcast(b, start, t);
	Value x = hlo_multiply(b, i, step);
	x = hlo_add(b, x, start);
	return cast(b, x, n->out.elem);
}

static bool is_whole(double x) { return floor(x) == x; }

/* Whether start + i * step for all i < count is exact in f32. */
static bool exact_in_f32(double start, double step, int64_t count)
{
	double last = start + step * (double)count;
	return is_whole(start) && is_whole(step) && fabs(start) < 16777216 && fabs(last) < 16777216;
}

static Value arange_floats(Node *n, double start, double step)
{
	Builder *b = n->b;
	int64_t count = length(n);
	DType acc = acc_type(n->out.elem);
	bool known = count >= 0, exact = known && exact_in_f32(start, step, count);
	if (exact || !known || count > LONGEST_CONSTANT) {
		if (!exact) acc = DTYPE_f64;
		Value from = scalar(b, start, acc);
		Value by = scalar(b, step, acc);
		return affine(n, acc, from, by);
	}
	double *v = NEW(n->a, double, count + 1);
	for (int64_t i = 0; i < count; i++) v[i] = start + (double)i * step;
	return numbers(b, n->out, v);
}

/* A size, or a number of the running program. */
static Value whole_number(Node *n, const char *name, int64_t otherwise)
{
	return is_running(n, name) ? arg_as(n, name, DTYPE_i64) : dim_value(n->b, arg_size(n, name, otherwise));
}

/* aten.arange(start=0, end, step=1): torch says how many; element i is start + i * step. aten.range: the
 * same with its end. */
Value lower_arange(Node *n)
{
	Builder *b = n->b;
	DType t = n->out.elem;
	if (is_float(t)) return arange_floats(n, arg_num(n, "start", 0), arg_num(n, "step", 1));
	Value start = cast(b, whole_number(n, "start", 0), t);
	Value step = cast(b, whole_number(n, "step", 1), t);
	return affine(n, t, start, step);
}

/* -- evenly spaced --------------------------------------------------------------------------------------- */

/* Element i of n from start to end; both halves are counted from their own end, as torch does, so that
 * both ends are exact. */
static double spaced(double start, double end, int64_t i, int64_t n)
{
	double step = n > 1 ? (end - start) / (double)(n - 1) : 0;
	return i < n / 2 || n == 1 ? start + step * (double)i : end - step * (double)(n - 1 - i);
}

/* The same for ends that are tensors or complex, or for more than LONGEST_CONSTANT elements. */
static Value spaced_values(Node *n, DType acc)
{
	Builder *b = n->b;
	Type t = with_elem(n->out, acc), r = with_elem(t, real_of(acc));
	int64_t count = length(n);
	Value start = arg_as(n, "start", is_int(n->out.elem) ? n->out.elem : acc);
	Value end = arg_as(n, "end", is_int(n->out.elem) ? n->out.elem : acc);
	start = cast(b, start, acc);
	end = cast(b, end, acc);
	start = broadcast(b, start, t);
	end = broadcast(b, end, t);
	Value width = hlo_subtract(b, end, start);
	Value gaps = full(b, t, count > 1 ? (double)(count - 1) : 1);
	Value step = hlo_divide(b, width, unknown_to_xla(b, gaps));
	Value at = positions(b, r, 0, r.elem);
	Value i = hlo_convert(b, at, acc);
	Value left = hlo_multiply(b, i, step);
	left = hlo_add(b, start, left);
	Value back = hlo_subtract(b, gaps, i);
	Value right = hlo_multiply(b, back, step);
	right = hlo_subtract(b, end, right);
	Value middle = full(b, r, count > 1 ? (double)(count / 2) : 1);
	Value in_left = hlo_compare(b, DIRECTION_LT, at, middle);
	return hlo_select(b, in_left, left, right);
}

static bool is_constant_range(Node *n)
{
	bool runtime = is_tensor_arg(n, "start") || is_tensor_arg(n, "end") || is_complex(n->out.elem);
	return !runtime && length(n) <= LONGEST_CONSTANT;
}

/* One end of a range; of integers it is an integer too. */
static double range_end(Node *n, const char *name)
{
	double v = arg_num(n, name, 0);
	return is_int(n->out.elem) ? trunc(v) : v;
}

static DType range_type(Node *n) { return is_int(n->out.elem) ? DTYPE_f64 : acc_type(n->out.elem); }

/* aten.linspace(start, end, steps) */
Value lower_linspace(Node *n)
{
	int64_t count = length(n);
	if (!is_constant_range(n)) return cast(n->b, spaced_values(n, range_type(n)), n->out.elem);
	double start = range_end(n, "start"), end = range_end(n, "end"), *v = NEW(n->a, double, count + 1);
	for (int64_t i = 0; i < count; i++) v[i] = spaced(start, end, i, count);
	return numbers(n->b, n->out, v);
}

/* aten.logspace(start, end, steps, base=10): base ** linspace */
Value lower_logspace(Node *n)
{
	Builder *b = n->b;
	int64_t count = length(n);
	double base = arg_num(n, "base", 10);
	if (!is_constant_range(n)) {
		Value power = spaced_values(n, range_type(n));
		Value of = full_like(b, power, base);
		power = hlo_power(b, of, power);
		return cast(b, power, n->out.elem);
	}
	double start = range_end(n, "start"), end = range_end(n, "end"), *v = NEW(n->a, double, count + 1);
	for (int64_t i = 0; i < count; i++) v[i] = pow(base, spaced(start, end, i, count));
	return numbers(b, n->out, v);
}

/* -- windows --------------------------------------------------------------------------------------------- */

static const double pi = 3.14159265358979323846;

/* Modified Bessel function of the first kind, order 0: sum of ((x/2)^k / k!)^2 */
static double bessel_i0(double x)
{
	double sum = 1, term = 1;
	for (int k = 1; k < 1000 && term > sum * 1e-18; k++) {
		term *= x / (2.0 * k) * (x / (2.0 * k));
		sum += term;
	}
	return sum;
}

/* a0 - a1 cos(2 pi u) + a2 cos(4 pi u) */
static double cosine_window(double u, double a0, double a1, double a2)
{
	return a0 - a1 * cos(2 * pi * u) + a2 * cos(4 * pi * u);
}

typedef enum Shape { HANN, HAMMING, BLACKMAN, BARTLETT, KAISER } Shape;

/* u runs from 0 to 1 over the window. */
static double window_at(Node *n, Shape shape, double u)
{
	switch (shape) {
	case HANN:     return cosine_window(u, 0.5, 0.5, 0);
	case HAMMING:  return cosine_window(u, arg_num(n, "alpha", 0.54), arg_num(n, "beta", 0.46), 0);
	case BLACKMAN: return cosine_window(u, 0.42, 0.5, 0.08);
	case BARTLETT: return 1 - fabs(2 * u - 1);
	default: {
		double beta = arg_num(n, "beta", 12);
		return bessel_i0(beta * sqrt(fmax(0, 1 - (2 * u - 1) * (2 * u - 1)))) / bessel_i0(beta);
	}
	}
}

/* A periodic window is a symmetric one of one more element without its last. */
static Value window(Node *n, Shape shape)
{
	int64_t count = length(n);
	if (count > LONGEST_CONSTANT)
		return node_fail(n, UNSUPPORTED, "a window of %lld elements", (long long)count);
	double gaps = (double)(arg_bool(n, "periodic", true) ? count : count - 1), *v = NEW(n->a, double, count + 1);
	for (int64_t i = 0; i < count; i++) v[i] = count == 1 ? 1 : window_at(n, shape, (double)i / gaps);
	return numbers(n->b, n->out, v);
}

/* aten.hann_window(window_length, periodic=True, ...) and kin */
Value lower_hann_window(Node *n) { return window(n, HANN); }
Value lower_hamming_window(Node *n) { return window(n, HAMMING); }
Value lower_blackman_window(Node *n) { return window(n, BLACKMAN); }
Value lower_bartlett_window(Node *n) { return window(n, BARTLETT); }
Value lower_kaiser_window(Node *n) { return window(n, KAISER); }

/* -- powers ---------------------------------------------------------------------------------------------- */

/* x[*, M] -> [*, M, N]: x^0, x^1, ..., or the other way round */
static Value powers(Node *n, bool increasing)
{
	Builder *b = n->b;
	Value x = arg_as(n, "x", n->out.elem);
	x = raised(b, x);
	int last = x ? rank_of(b, x) : 0;
	int count = n->out.rank == last + 1 && n->out.dim[last] <= 4096 ? (int)n->out.dim[last] : -1;
	if (count < 0) return node_fail(n, UNSUPPORTED, "powers up to the size of %s", type_str(n->a, n->out));
	if (!x || !count) return x ? full(b, n->out, 0) : 0;
	Value *column = NEW(n->a, Value, count), power = full_like(b, x, 1);
	for (int i = 0; i < count; i++) {
		column[increasing ? i : count - 1 - i] = unsqueeze_dim(b, power, last);
		power = hlo_multiply(b, power, x);
	}
	return hlo_concatenate(b, count, column, last);
}

/* aten.vander(x[M], N=M, increasing=False) */
Value lower_vander(Node *n) { return powers(n, arg_bool(n, "increasing", false)); }

/* aten.linalg_vander(x[*, M], N=M) */
Value lower_linalg_vander(Node *n) { return powers(n, true); }
