/* Borders: constant, reflected, replicated and circular padding; rolling. */
#include "aten/rules.h"

#include <string.h>

/* -- rearranging one dim --------------------------------------------------------------------------------- */

/* How many of from[0..n) go on as they begin: up by one, down by one, or the same again. */
static int run_length(const int64_t *from, int n, int64_t *step)
{
	*step = n > 1 ? from[1] - from[0] : 1;
	if (*step != 1 && *step != -1 && *step != 0) return *step = 1, 1;
	int k = 1;
	while (k < n && from[k] - from[k - 1] == *step) k++;
	return k;
}

/* x[.., first, first + step, .., ..]: count elements of dim */
static Value take_run(Builder *b, Value x, int dim, int64_t first, int64_t step, int64_t count)
{
	DimTable *t = dims_of(b->m);
	if (step == 1) return slice_dim(b, x, dim, first, dim_plus(t, first, count), 1);
	int64_t behind = dim_plus(t, first, 1);
	if (step == -1) {
		x = slice_dim(b, x, dim, dim_minus(t, behind, count), behind, 1);
		return hlo_reverse(b, x, one_dim(b, dim));
	}
	x = slice_dim(b, x, dim, first, behind, 1);
	if (!x) return 0;
	return broadcast(b, x, shape_with(b, type_of(b, x), dim, count));
}

/* x with from[i] as element i of dim: slices, reversed slices and repeated ones, end to end. */
static Value rearrange(Builder *b, Value x, int dim, const int64_t *from, int n)
{
	if (!n) return slice_dim(b, x, dim, 0, 0, 1);
	Value *part = NEW(b->a, Value, n);
	int count = 0;
	for (int i = 0, k; i < n; i += k) {
		int64_t step;
		k = run_length(from + i, n - i, &step);
		part[count++] = take_run(b, x, dim, from[i], step, k);
	}
	return hlo_concatenate(b, count, part, dim);
}

/* -- padding with elements of the tensor ----------------------------------------------------------------- */

typedef enum PadMode { PAD_REFLECT, PAD_REPLICATE, PAD_CIRCULAR } PadMode;

/* Which of 0..size-1 stands at position i, which may lie outside. */
static int64_t source(PadMode mode, int64_t i, int64_t size)
{
	switch (mode) {
	case PAD_REFLECT:   return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
	case PAD_REPLICATE: return i < 0 ? 0 : i >= size ? size - 1 : i;
	default:            return i < 0 ? i + size : i >= size ? i - size : i;
	}
}

/* A dim whose size is a handle: a border on either side of it, then what negative padding takes away; with circular padding that goes
 * first. Whether the dim has as many elements as the borders take is the caller's word. */
static Value pad_open_dim(Builder *b, Value x, int dim, int64_t low, int64_t high, PadMode mode)
{
	DimTable *t = dims_of(b->m);
	int64_t below = low > 0 ? low : 0, above = high > 0 ? high : 0, from = low < 0 ? -low : 0, gone = high < 0 ? -high : 0;
	if (mode == PAD_CIRCULAR) {
		x = slice_dim(b, x, dim, from, dim_minus(t, type_of(b, x).dim[dim], gone), 1);
		from = gone = 0;
	}
	int64_t size = x ? type_of(b, x).dim[dim] : 0, last = dim_minus(t, size, 1);
	Value part[3] = { 0, x, 0 };
	switch (mode) {
	case PAD_REFLECT:
		part[0] = take_run(b, x, dim, below, -1, below);
		part[2] = take_run(b, x, dim, dim_minus(t, last, 1), -1, above);
		break;
	case PAD_REPLICATE:
		part[0] = take_run(b, x, dim, 0, 0, below);
		part[2] = take_run(b, x, dim, last, 0, above);
		break;
	default:
		part[0] = take_run(b, x, dim, dim_minus(t, size, below), 1, below);
		part[2] = take_run(b, x, dim, 0, 1, above);
	}
	bool begins = below > 0;
	x = hlo_concatenate(b, 1 + begins + (above > 0), part + !begins, dim);
	return from || gone ? slice_dim(b, x, dim, from, dim_minus(t, dim_plus(t, size, below + above), gone), 1) : x;
}

static Value pad_dim(Node *n, Value x, int dim, int64_t low, int64_t high, PadMode mode)
{
	Type t = type_of(n->b, x);
	int64_t size = t.dim[dim], most = INT32_MAX / 4;
	bool wild = low > most || low < -most || high > most || high < -most || size > most;
	int64_t total = wild ? -1 : size < 0 ? 0 : size + low + high;
	if (total < 0)
		return node_fail(n, BAD_INPUT, "padding (%lld, %lld) of a dim of size %lld", (long long)low, (long long)high, (long long)size);
	if (size < 0) return pad_open_dim(n->b, x, dim, low, high, mode);
	int64_t *from = NEW(n->a, int64_t, total + 1);
	/* circular padding goes round what negative padding on the other side has left; the others look at the whole dim */
	bool circular = mode == PAD_CIRCULAR;
	int64_t first = circular && low < 0 ? -low : 0, gone = circular && high < 0 ? -high : 0;
	for (int64_t i = 0; i < total; i++) {
		from[i] = first + source(mode, i - low - first, size - first - gone);
		if (from[i] < 0 || from[i] >= size)
			return node_fail(n, BAD_INPUT, "padding (%lld, %lld) is more than a dim of size %lld has", (long long)low,
				(long long)high, (long long)size);
	}
	return low || high ? rearrange(n->b, x, dim, from, (int)total) : x;
}

/* pad: (low, high) of the last dim first */
static Value pad_dims(Node *n, Value x, Ints pad, PadMode mode)
{
	int rank = x ? rank_of(n->b, x) : 0;
	if (pad.n % 2 || pad.n / 2 > rank) return x ? node_fail(n, BAD_INPUT, "%d paddings for rank %d", pad.n, rank) : 0;
	for (int i = 0; i < pad.n / 2 && x; i++) x = pad_dim(n, x, rank - 1 - i, pad.v[2 * i], pad.v[2 * i + 1], mode);
	return x;
}

/* aten.reflection_padNd(self, padding), aten.replication_padNd(self, padding), aten._pad_circular(self,
 * pad) */
Value lower_reflection_pad(Node *n) { return pad_dims(n, arg(n, "self"), arg_ints(n, "padding"), PAD_REFLECT); }
Value lower_replication_pad(Node *n) { return pad_dims(n, arg(n, "self"), arg_ints(n, "padding"), PAD_REPLICATE); }
Value lower_circular_pad(Node *n) { return pad_dims(n, arg(n, "self"), arg_ints(n, "pad"), PAD_CIRCULAR); }

/* -- back ------------------------------------------------------------------------------------------------ */

/* Adds what a run of rearrange() took, elements at..at+count of dim of g, to where it came from in a dim of `size`. */
static Value give_run(Builder *b, Value sum, Value g, int dim, int64_t first, int64_t step, int64_t at, int64_t count, int64_t size)
{
	g = slice_dim(b, g, dim, at, at + count, 1);
	if (step == -1) g = hlo_reverse(b, g, one_dim(b, dim));
	if (step == 0) {
		g = sum_over(b, g, one_dim(b, dim));
		g = g ? unsqueeze_dim(b, g, dim) : 0;
	}
	Type t = known_type(b, g);
	if (!t.kind) return 0;
	int64_t *low = NEW(b->a, int64_t, t.rank), *high = NEW(b->a, int64_t, t.rank);
	low[dim] = step == -1 ? first - count + 1 : first;
	high[dim] = size - low[dim] - t.dim[dim];
	g = hlo_pad(b, g, scalar(b, 0, t.elem), low, high, NULL);
	return sum ? hlo_add(b, sum, g) : g;
}

/* g [.., low + size + high, ..] -> [.., size, ..]: what stands on either border added to where it came from */
static Value unpad_dim(Node *n, Value g, int dim, int64_t low, int64_t size, PadMode mode)
{
	Type t = type_of(n->b, g);
	int64_t total = t.dim[dim], most = INT32_MAX / 4;
	if (size > most || total > most || low > most || low < -most)
		return node_fail(n, BAD_INPUT, "padding %lld of a dim of size %lld", (long long)low, (long long)size);
	int64_t *from = NEW(n->a, int64_t, total + 1), step;
	for (int64_t i = 0; i < total; i++) {
		from[i] = source(mode, i - low, size);
		if (from[i] < 0 || from[i] >= size)
			return node_fail(n, BAD_INPUT, "padding %lld is more than a dim of size %lld has", (long long)low, (long long)size);
	}
	Value sum = 0;
	for (int i = 0, k; i < (int)total; i += k) {
		k = run_length(from + i, (int)total - i, &step);
		sum = give_run(n->b, sum, g, dim, from[i], step, i, k, size);
	}
	return sum;
}

/* "padding": (low, high) of the last dim first */
static Value unpad_dims(Node *n, PadMode mode)
{
	Builder *b = n->b;
	Value g = arg_as(n, "grad_output", acc_type(n->out.elem));
	Ints pad = arg_ints(n, "padding");
	if (!g) return 0;
	int rank = rank_of(b, g);
	if (pad.n % 2 || pad.n / 2 > rank || n->out.rank != rank)
		return node_fail(n, BAD_INPUT, "%d paddings for %s", pad.n, type_str(n->a, n->out));
	if (!type_numel(type_of(b, g))) return full(b, n->out, 0);
	for (int i = 0; i < pad.n / 2 && g; i++) g = unpad_dim(n, g, rank - 1 - i, pad.v[2 * i], n->out.dim[rank - 1 - i], mode);
	return cast(b, g, n->out.elem);
}

/* aten.reflection_padNd_backward(grad_output, self, padding), replication_padNd_backward */
Value lower_reflection_pad_backward(Node *n) { return unpad_dims(n, PAD_REFLECT); }
Value lower_replication_pad_backward(Node *n) { return unpad_dims(n, PAD_REPLICATE); }

/* -- padding with a constant ----------------------------------------------------------------------------- */

static Value pad_constant(Node *n, Value x, Ints pad, Value value)
{
	Builder *b = n->b;
	int rank = x ? rank_of(b, x) : 0;
	if (pad.n % 2 || pad.n / 2 > rank) return x ? node_fail(n, BAD_INPUT, "%d paddings for rank %d", pad.n, rank) : 0;
	int64_t *low = NEW(n->a, int64_t, rank + 1), *high = NEW(n->a, int64_t, rank + 1);
	for (int i = 0; i < pad.n / 2; i++) {
		low[rank - 1 - i] = pad.v[2 * i];
		high[rank - 1 - i] = pad.v[2 * i + 1];
	}
	return hlo_pad_sizes(b, x, value, low, high, NULL);
}

/* A number argument in the element type of the result; absent: 0. */
static Value pad_value(Node *n)
{
	return has_arg(n, "value") ? arg_as(n, "value", n->out.elem) : scalar(n->b, 0, n->out.elem);
}

/* aten.constant_pad_nd(self, pad, value=0): negative padding crops */
Value lower_constant_pad(Node *n)
{
	Value x = arg(n, "self");
	Value value = pad_value(n);
	return pad_constant(n, x, arg_sizes(n, "pad"), value);
}

/* aten.pad(self, pad, mode="constant", value=None) */
Value lower_pad(Node *n)
{
	const char *mode = arg_str(n, "mode", "constant");
	if (!strcmp(mode, "constant")) return lower_constant_pad(n);
	Value x = arg(n, "self");
	Ints pad = arg_ints(n, "pad");
	if (!strcmp(mode, "reflect")) return pad_dims(n, x, pad, PAD_REFLECT);
	if (!strcmp(mode, "replicate")) return pad_dims(n, x, pad, PAD_REPLICATE);
	if (!strcmp(mode, "circular")) return pad_dims(n, x, pad, PAD_CIRCULAR);
	return node_fail(n, UNSUPPORTED, "mode '%s'", mode);
}

/* aten.pad_sequence(sequences [L_i, *], batch_first=False, padding_value=0, padding_side="right") -> [L,
 * N, *] or [N, L, *] */
Value lower_pad_sequence(Node *n)
{
	Builder *b = n->b;
	Values x = arg_list(n, "sequences");
	int batch = arg_bool(n, "batch_first", false) ? 0 : 1;
	bool left = !strcmp(arg_str(n, "padding_side", "right"), "left");
	Value value = scalar(b, arg_num(n, "padding_value", 0), n->out.elem);
	for (int i = 0; i < x.n; i++) {
		if (!x.v[i]) return 0;
		Type t = type_of(b, x.v[i]);
		if (n->out.rank != t.rank + 1 || !t.rank)
			return node_fail(n, BAD_INPUT, "%s in %s", type_str(n->a, t), type_str(n->a, n->out));
		int64_t *none = NEW(n->a, int64_t, t.rank + 1), *some = NEW(n->a, int64_t, t.rank + 1);
		some[0] = n->out.dim[1 - batch] - t.dim[0];
		x.v[i] = hlo_pad(b, x.v[i], value, left ? some : none, left ? none : some, NULL);
		x.v[i] = x.v[i] ? unsqueeze_dim(b, x.v[i], batch) : 0;
	}
	return hlo_concatenate(b, x.n, x.v, batch);
}

/* -- rolling --------------------------------------------------------------------------------------------- */

/* x[.., (i - shift) mod size, ..]; shift: a size, as dim_number() makes one */
static Value roll_dim(Builder *b, Value x, int dim, int64_t shift)
{
	DimTable *t = dims_of(b->m);
	int64_t size = x ? type_of(b, x).dim[dim] : 0;
	shift = size ? dim_mod(t, shift, dim_max(t, size, 1)) : 0;
	if (!shift) return x;
	int64_t first = dim_minus(t, size, shift);
	Value part[2] = { slice_dim(b, x, dim, first, size, 1), 0 };
	part[1] = slice_dim(b, x, dim, 0, first, 1);
	return hlo_concatenate(b, 2, part, dim);
}

/* aten.roll(self, shifts, dims=[]): without dims the flattened tensor rolls */
Value lower_roll(Node *n)
{
	Value x = arg(n, "self");
	Ints shift = arg_sizes(n, "shifts"), dims = arg_ints(n, "dims");
	if (!x || !shift.n) return x;
	if (!dims.n) {
		int64_t numel = numel_of(n->b, type_of(n->b, x));
		x = hlo_reshape(n->b, x, 1, &numel);
		x = roll_dim(n->b, x, 0, shift.v[0]);
		return reshape_to(n->b, x, n->out);
	}
	int rank = rank_of(n->b, x);
	if (dims.n != shift.n) return node_fail(n, BAD_INPUT, "%d shifts for %d dims", shift.n, dims.n);
	for (int i = 0; i < dims.n && rank; i++) {                             /* a dim may stand twice */
		int64_t d = dims.v[i] < 0 ? dims.v[i] + rank : dims.v[i];
		if (d < 0 || d >= rank)
			return node_fail(n, BAD_INPUT, "dim %lld is outside rank %d", (long long)dims.v[i], rank);
		x = roll_dim(n->b, x, (int)d, shift.v[i]);
	}
	return x;
}

/* Every dim of the argument "dim" (all without it) rolled by half its size, rounded down or up. */
static Value half_rolled(Node *n, bool up)
{
	Value x = arg(n, "self");
	if (!x) return 0;
	Type t = type_of(n->b, x);
	Ints dims = arg_dims(n, "dim", t.rank);
	DimTable *sizes = dims_of(n->b->m);
	for (int i = 0; i < dims.n; i++)
		x = roll_dim(n->b, x, (int)dims.v[i], dim_floordiv(sizes, dim_plus(sizes, t.dim[dims.v[i]], up), 2));
	return x;
}

/* aten.fft_fftshift(self, dim=None): frequency zero to the middle; aten.fft_ifftshift undoes it */
Value lower_fftshift(Node *n) { return half_rolled(n, false); }
Value lower_ifftshift(Node *n) { return half_rolled(n, true); }
