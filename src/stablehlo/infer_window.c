/* Windows and contractions: convolution, dot_general, and the arithmetic that reduce_window shares. */
#include "stablehlo/infer.h"

#include "stablehlo/infer_check.h"

/* -- windows --------------------------------------------------------------------------------------------- */

/* n = 0 ? 0 : (n - 1) * by + 1; false beyond int64. */
static bool dilate(int64_t n, int64_t by, int64_t *out)
{
	if (!n) return *out = 0, true;
	return !__builtin_mul_overflow(n - 1, by, out) && !__builtin_add_overflow(*out, 1, out);
}

/* (base + low + high - window) / stride + 1 as an expression: the window fits at least once in what torch exports. */
static int64_t symbolic_count(DimTable *t, int64_t base, WindowDim w, int64_t window)
{
	int64_t over = base;
	if (w.base_dilation != 1) over = dim_plus(t, dim_times(t, dim_minus(t, base, 1), w.base_dilation), 1);
	over = dim_plus(t, over, dim_number(t, w.low));
	over = dim_plus(t, over, dim_number(t, w.high));
	return dim_plus(t, dim_floordiv(t, dim_minus(t, over, window), w.stride), 1);
}

bool window_count(DimTable *t, int64_t base, WindowDim w, int64_t *out)
{
	bool plain = w.size == 1 && w.stride == 1 && !w.low && !w.high && w.base_dilation == 1;
	if (w.size < 0 || base == DYNAMIC || plain) return *out = plain && w.size >= 0 ? base : DYNAMIC, true;
	int64_t over, window;
	if (!dilate(w.size, w.window_dilation, &window)) return false;
	if (base < 0) return *out = symbolic_count(t, base, w, window), true;
	if (!dilate(base, w.base_dilation, &over)) return false;
	if (__builtin_add_overflow(over, w.low, &over) || __builtin_add_overflow(over, w.high, &over))
		return false;
	*out = over <= 0 || window > over ? 0 : (over - window) / w.stride + 1;
	return *out >= 0;
}

/* A list with an item for each of n dimensions, or none. */
static bool list_ok(Module *m, const Op *op, const char *clause, const char *name, int n, Ints *out)
{
	*out = attr_of(op, name)->ints;
	if (!out->n || out->n == n) return true;
	return broken(m, op, clause, "%s has %d items, wanted %d", name, out->n, n);
}

static bool positive(Module *m, const Op *op, const char *clause, const char *name, Ints x)
{
	for (int i = 0; i < x.n; i++)
		if (x.v[i] <= 0) return broken(m, op, clause, "%s = %s, wanted 1 or more", name, ints_str(m, x));
	return true;
}

/* What the op calls its two dilations; unnamed: it has none, and attr_of() finds none. */
bool window_dims(Module *m, const Op *op, int n, const WindowClauses *c, WindowDim *w)
{
	bool conv = op->code == OP_convolution || op->code == OP_dynamic_conv;
	const char *base_name = conv ? "lhs_dilation" : "base_dilations",
		*window_name = conv ? "rhs_dilation" : "window_dilations";
	Ints stride, base, window, padding = { 0 };
	if (!list_ok(m, op, c->strides, "window_strides", n, &stride)) return false;
	if (!list_ok(m, op, c->base, base_name, n, &base)) return false;
	if (!list_ok(m, op, c->window, window_name, n, &window)) return false;
	if (!positive(m, op, c->strides_value, "window_strides", stride)) return false;
	if (!positive(m, op, c->base_value, base_name, base)) return false;
	if (!positive(m, op, c->window_value, window_name, window)) return false;
	if (op->code != OP_dynamic_conv && attr_of(op, "padding")->ints.n) {
		padding = attr_of(op, "padding")->ints;
		if (padding.n % 2 || padding.n / 2 != n)
			return broken(m, op, c->padding, "padding has %d numbers, wanted low and high for each of %d dimensions", padding.n, n);
	}
	for (int i = 0; i < n; i++)
		w[i] = (WindowDim){ .stride = item(stride, i, 1), .low = item(padding, 2 * i, 0),
			.high = item(padding, 2 * i + 1, 0),
			.base_dilation = item(base, i, 1), .window_dilation = item(window, i, 1) };
	return true;
}

/* -- convolution ----------------------------------------------------------------------------------------- */

static bool precision_ok(Module *m, const Op *op, const char *clause)
{
	Ints p = attr_of(op, "precision_config")->ints;
	if (p.n > 2) return broken(m, op, clause, "precision_config has %d items, wanted 2", p.n);
	for (int i = 0; i < p.n; i++)
		if (p.v[i] < PRECISION_DEFAULT || p.v[i] > PRECISION_HIGHEST)
			return broken(m, op, clause, "precision_config has %lld", (long long)p.v[i]);
	return true;
}

/* Two dimensions and the spatial ones: as many as `rank`, each once (c12 and c13, c17 and c18, c19 and
 * c20). */
static bool conv_dims_ok(Module *m, const Op *op, const char *count, const char *clause, const char *name,
	int64_t a, int64_t b,
	Ints spatial, int rank)
{
	DimSet seen = dimset(m, rank);
	Ints pair = { 2, (int64_t[]){ a, b } };
	if (spatial.n != rank - 2)
		return broken(m, op, count, "%s has %d spatial dimensions, wanted %d", name, spatial.n, rank - 2);
	return dims_in_range(m, op, clause, name, pair, rank) && dims_in_range(m, op, clause, name, spatial, rank)
	    && dims_unique(m, op, clause, name, pair, &seen) && dims_unique(m, op, clause, name, spatial, &seen);
}

static bool divides(Module *m, const Op *op, const char *clause, const char *what, int64_t size,
	const char *name, int64_t by)
{
	if (size < 0 || size % by == 0) return true;
	return broken(m, op, clause, "%s %lld is no multiple of %s %lld", what, (long long)size, name,
		(long long)by);
}

/* c10, c11, c14...c16, c21...c23 */
static bool conv_groups_ok(Module *m, const Op *op, const ConvDims *d, Type x, Type w)
{
	int64_t groups = attr_of(op, "feature_group_count")->i, batches = attr_of(op, "batch_group_count")->i;
	if (groups <= 0)
		return broken(m, op, "c21", "feature_group_count is %lld, wanted 1 or more", (long long)groups);
	if (batches <= 0)
		return broken(m, op, "c22", "batch_group_count is %lld, wanted 1 or more", (long long)batches);
	if (groups > 1 && batches > 1)
		return broken(m, op, "c23", "feature_group_count is %lld and batch_group_count %lld, wanted one of them 1",
			(long long)groups, (long long)batches);
	int64_t features = x.dim[d->input_feature], in = w.dim[d->kernel_input_feature],
		kout = w.dim[d->kernel_output_feature];
	if (!divides(m, op, "c10", "batch size", x.dim[d->input_batch], "batch_group_count", batches))
		return false;
	if (!divides(m, op, "c11", "input feature size", features, "feature_group_count", groups)) return false;
	if (features >= 0 && !dim_fits(features / groups, in))
		return broken(m, op, "c14", "kernel input feature size %lld of %s, wanted %lld / %lld", (long long)in,
			str(m, w),
			(long long)features, (long long)groups);
	return divides(m, op, "c15", "kernel output feature size", kout, "batch_group_count", batches)
	    && divides(m, op, "c16", "kernel output feature size", kout, "feature_group_count", groups);
}

bool conv_check(Module *m, const Op *op)
{
	Type x = in_type(m, op, 0), w = in_type(m, op, 1);
	const ConvDims *d = attr_of(op, "dimension_numbers")->conv;
	if (x.rank != w.rank || x.rank < 2)
		return broken(m, op, "c1", "lhs is %s and rhs %s, wanted one rank of 2 or more", str(m, x), str(m, w));
	if (!x.quant && !w.quant && x.elem != w.elem)
		return broken(m, op, "c27", "lhs is %s and rhs %s, wanted one element type", str(m, x), str(m, w));
	Ints reversal;
	return conv_dims_ok(m, op, "c12", "c13", "input_dimensions", d->input_batch, d->input_feature,
		d->input_spatial, x.rank)
	    && conv_dims_ok(m, op, "c17", "c18", "kernel_dimensions", d->kernel_input_feature,
		d->kernel_output_feature,
	                    d->kernel_spatial, x.rank)
	    && conv_dims_ok(m, op, "c19", "c20", "output_dimensions", d->output_batch, d->output_feature,
		d->output_spatial, x.rank)
	    && list_ok(m, op, "c9", "window_reversal", x.rank - 2, &reversal)
	    && conv_groups_ok(m, op, d, x, w) && precision_ok(m, op, "c24");
}

bool infer_convolution(Module *m, const Op *op, int nout, Type *out)
{
	static const WindowClauses clauses = { "c2", "c3", "c4", "c5", "c6", "c7", "c8" };
	if (!tensors_ok(m, op, nout, 1) || !conv_check(m, op)) return false;
	Type x = in_type(m, op, 0), k = in_type(m, op, 1);
	const ConvDims *d = attr_of(op, "dimension_numbers")->conv;
	int n = x.rank - 2;
	WindowDim *w = NEW(&m->arena, WindowDim, n);
	if (!window_dims(m, op, n, &clauses, w)) return false;
	Shape s = shape_new(m, x.rank);
	for (int i = 0; i < n; i++) {
		w[i].size = k.dim[d->kernel_spatial.v[i]];
		if (!window_count(dims_of(m), x.dim[d->input_spatial.v[i]], w[i], &s.dim[d->output_spatial.v[i]]))
			return broken(m, op, "c25", "the window over dimension %lld of %s is beyond 2^63",
				(long long)d->input_spatial.v[i], str(m, x));
	}
	int64_t batches = attr_of(op, "batch_group_count")->i, batch = x.dim[d->input_batch];
	s.dim[d->output_batch] = batches == 1 ? batch : batch < 0 ? DYNAMIC : batch / batches;
	if (batches == 1) shape_bound(&s, (int)d->output_batch, bound_of(x, (int)d->input_batch));
	s.dim[d->output_feature] = k.dim[d->kernel_output_feature];
	*out = shape_type(&s, x);
	return true;
}

/* -- dot_general ----------------------------------------------------------------------------------------- */

/* The pairs of dimensions of lhs and rhs are of one size. */
static bool pairs_fit(Module *m, const Op *op, const char *clause, const char *name, Ints l, Ints r)
{
	Type x = in_type(m, op, 0), y = in_type(m, op, 1);
	for (int i = 0; i < l.n; i++)
		if (!dim_fits(x.dim[l.v[i]], y.dim[r.v[i]]))
			return broken(m, op, clause, "dimension %lld of %s and %lld of %s are paired by %s",
				(long long)l.v[i], str(m, x),
				(long long)r.v[i], str(m, y), name);
	return true;
}

static bool dot_dims_ok(Module *m, const Op *op, const DotDims *d, DimSet *lhs, DimSet *rhs)
{
	if (d->lhs_batching.n != d->rhs_batching.n)
		return broken(m, op, "c1", "%d lhs and %d rhs batching dimensions", d->lhs_batching.n,
			d->rhs_batching.n);
	if (d->lhs_contracting.n != d->rhs_contracting.n)
		return broken(m, op, "c2", "%d lhs and %d rhs contracting dimensions", d->lhs_contracting.n,
			d->rhs_contracting.n);
	return dims_in_range(m, op, "c5", "lhs_batching_dimensions", d->lhs_batching, lhs->rank)
	    && dims_in_range(m, op, "c6", "lhs_contracting_dimensions", d->lhs_contracting, lhs->rank)
	    && dims_in_range(m, op, "c7", "rhs_batching_dimensions", d->rhs_batching, rhs->rank)
	    && dims_in_range(m, op, "c8", "rhs_contracting_dimensions", d->rhs_contracting, rhs->rank)
	    && dims_unique(m, op, "c3", "lhs_batching_dimensions", d->lhs_batching, lhs)
	    && dims_unique(m, op, "c3", "lhs_contracting_dimensions", d->lhs_contracting, lhs)
	    && dims_unique(m, op, "c4", "rhs_batching_dimensions", d->rhs_batching, rhs)
	    && dims_unique(m, op, "c4", "rhs_contracting_dimensions", d->rhs_contracting, rhs)
	    && pairs_fit(m, op, "c9", "batching_dimensions", d->lhs_batching, d->rhs_batching)
	    && pairs_fit(m, op, "c10", "contracting_dimensions", d->lhs_contracting, d->rhs_contracting);
}

/* Element type: lhs's. It is the caller's to give another one (a wider accumulator), or to mix float
 * types, as users of f8 do. */
bool infer_dot_general(Module *m, const Op *op, int nout, Type *out)
{
	if (!tensors_ok(m, op, nout, 1)) return false;
	Type x = in_type(m, op, 0), y = in_type(m, op, 1);
	const DotDims *d = attr_of(op, "dot_dimension_numbers")->dot;
	DimSet lhs = dimset(m, x.rank), rhs = dimset(m, y.rank);
	if (!dot_dims_ok(m, op, d, &lhs, &rhs) || !precision_ok(m, op, "c11")) return false;
	bool floats = is_float(x.elem) && is_float(y.elem);
	if (!x.quant && !y.quant && x.elem != y.elem && !floats)
		return broken(m, op, "c13", "lhs is %s and rhs %s, wanted one element type", str(m, x), str(m, y));

	int nbatch = d->lhs_batching.n, n = 0;
	Shape s = shape_new(m, x.rank + y.rank - nbatch - 2 * d->lhs_contracting.n);
	for (int i = 0; i < nbatch; i++, n++) {
		int l = (int)d->lhs_batching.v[i], r = (int)d->rhs_batching.v[i];
		s.dim[n] = dim_merge(x.dim[l], y.dim[r]);
		if (s.dim[n] < 0) shape_bound(&s, n, bound_of(x, l) < 0 ? bound_of(y, r) : bound_of(x, l));
	}
	for (int i = 0; i < x.rank; i++)
		if (!dimset_has(&lhs, i)) shape_take(&s, n++, x, i);
	for (int i = 0; i < y.rank; i++)
		if (!dimset_has(&rhs, i)) shape_take(&s, n++, y, i);
	*out = shape_type(&s, x);
	return true;
}
