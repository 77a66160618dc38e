/* Sizes as values, and the dynamic twins of the ops that take sizes as attributes. Shapes are i64: get_dimension_size gives i32, but a
 * product of sizes may be larger. */
#include "stablehlo/infer_check.h"
#include "stablehlo/ir.h"

/* -- sizes ----------------------------------------------------------------------------------------------- */

static Value *slot(Builder *b, int64_t d)
{
	Module *m = b->m;
	while (m->size.n <= ~d) *push(b->a, &m->size) = 0;
	return &m->size.v[~d];
}

void dim_define(Builder *b, int64_t symbol, Value v)
{
	if (dim_node(dims_of(b->m), symbol)) *slot(b, symbol) = v;
}

bool dim_defined(Builder *b, int64_t d) { return dim_node(dims_of(b->m), d) && *slot(b, d); }

Value dim_of(Builder *b, Value x, int i)
{
	Value n = hlo_get_dimension_size(b, x, i);
	return hlo_convert(b, n, DTYPE_i64);
}

static Value term_value(Builder *b, const DimTerm *x)
{
	Value v = 0;
	for (int i = 0; i < x->nfactor; i++) {
		Value f = dim_value(b, x->factor[i]);
		v = v ? hlo_multiply(b, v, f) : f;
	}
	Value c = scalar_int(b, x->coefficient, DTYPE_i64);
	return v ? hlo_multiply(b, v, c) : c;
}

static Value sum_value(Builder *b, int n, const DimTerm *term)
{
	Value sum = 0;
	for (int i = 0; i < n; i++) {
		Value v = term_value(b, &term[i]);
		sum = sum ? hlo_add(b, sum, v) : v;
	}
	return sum;
}

/* x % y with the sign of y > 0: StableHLO's remainder has the sign of x. */
static Value mod_value(Builder *b, int64_t x, int64_t y)
{
	Value n = dim_value(b, x), by = dim_value(b, y), rest = hlo_remainder(b, n, by);
	if (dim_range(dims_of(b->m), x).min >= 0) return rest;
	Value wrapped = hlo_add(b, rest, by), zero = scalar_int(b, 0, DTYPE_i64);
	Value negative = hlo_compare(b, DIRECTION_LT, rest, zero);
	return hlo_select(b, negative, wrapped, rest);
}

static Value floordiv_value(Builder *b, int64_t x, int64_t y)
{
	Value n = dim_value(b, x), by = dim_value(b, y);
	if (dim_range(dims_of(b->m), x).min < 0) {
		Value rest = mod_value(b, x, y);
		n = hlo_subtract(b, n, rest);
	}
	return hlo_divide(b, n, by);
}

static Value compute(Builder *b, const DimNode *node)
{
	DimTable *t = dims_of(b->m);
	DimNode n = *node;          /* the table may grow */
	if (n.kind == DIM_SYMBOL)
		return build_fail(b, UNSUPPORTED, "the size %s is that of no input: it depends on values of the running program", n.text);
	if (n.kind == DIM_POLYNOMIAL) return sum_value(b, n.nterm, n.term);
	if ((n.kind == DIM_MOD || n.kind == DIM_FLOORDIV) && dim_range(t, n.y).min <= 0)
		return build_fail(b, UNSUPPORTED, "the size %s divides by what may be 0 or negative", n.text);
	if (n.kind == DIM_MOD) return mod_value(b, n.x, n.y);
	if (n.kind == DIM_FLOORDIV) return floordiv_value(b, n.x, n.y);
	Value x = dim_value(b, n.x), y = dim_value(b, n.y);
	return n.kind == DIM_MAX ? hlo_maximum(b, x, y) : hlo_minimum(b, x, y);
}

/* In the function's body, also from inside a region, which may use what stands before it. */
Value dim_value(Builder *b, int64_t d)
{
	const DimNode *node = dim_node(dims_of(b->m), d);
	if (!node)
		return d < 0 ? build_fail(b, UNSUPPORTED, "a size that no expression tells") : scalar_int(b, d, DTYPE_i64);
	if (*slot(b, d)) return *slot(b, d);
	Region *at = b->at;
	b->at = &b->func->body;
	Value v = compute(b, node);
	b->at = at;
	return *slot(b, d) = v;
}

/* Scalars as a vector of i64. */
static Value vector_of(Builder *b, int n, const Value *v)
{
	Value *part = NEW(b->a, Value, n + 1);
	for (int i = 0; i < n; i++) {
		part[i] = hlo_convert(b, v[i], DTYPE_i64);
		part[i] = hlo_reshape(b, part[i], 1, (int64_t[]){ 1 });
	}
	return hlo_concatenate(b, n, part, 0);
}

Value dims_value(Builder *b, int n, const int64_t *d)
{
	bool fixed = true;
	for (int i = 0; i < n; i++) fixed &= d[i] >= 0;
	if (fixed) return hlo_ints(b, n, d, DTYPE_i64);
	Value *v = NEW(b->a, Value, n);
	for (int i = 0; i < n; i++) v[i] = dim_value(b, d[i]);
	return vector_of(b, n, v);
}

/* -- twins ----------------------------------------------------------------------------------------------- */

Value dynamic_reshape(Builder *b, Value x, Type to)
{
	Value shape = dims_value(b, to.rank, to.dim);
	return emit(b, OP_dynamic_reshape, &to, 2, (Value[]){ x, shape }, NULL);
}

Value dynamic_broadcast(Builder *b, Value x, Type to, const Attr *dims)
{
	Attr attr[MAX_ATTRS + 1] = { *dims };
	Value shape = dims_value(b, to.rank, to.dim);
	return emit(b, OP_dynamic_broadcast_in_dim, &to, 2, (Value[]){ x, shape }, attr);
}

Value dynamic_iota(Builder *b, Type to, const Attr *dim)
{
	Attr attr[MAX_ATTRS + 1] = { *dim };
	Value shape = dims_value(b, to.rank, to.dim);
	return emit(b, OP_dynamic_iota, &to, 1, &shape, attr);
}

/* ceil((limit - start) / stride) */
static int64_t slice_size(DimTable *t, int64_t start, int64_t limit, int64_t stride)
{
	int64_t span = dim_minus(t, limit, start);
	return stride == 1 ? span : dim_floordiv(t, dim_plus(t, span, dim_minus(t, stride, 1)), stride);
}

Value dynamic_slice_of(Builder *b, Value x, const int64_t *start, const int64_t *limit, const int64_t *stride)
{
	Type t = type_of(b, x);
	int64_t *size = NEW(b->a, int64_t, t.rank + 1);
	for (int i = 0; i < t.rank; i++) size[i] = slice_size(dims_of(b->m), start[i], limit[i], stride[i]);
	Type to = tensor_type(b->a, t.elem, t.rank, size);
	if (same_shape(t, to)) return x;
	Value from = dims_value(b, t.rank, start), until = dims_value(b, t.rank, limit), by = dims_value(b, t.rank, stride);
	return emit(b, OP_real_dynamic_slice, &to, 4, (Value[]){ x, from, until, by }, NULL);
}

/* start and start + size: so written, XLA makes a dynamic_slice of it as soon as the sizes are constants. */
Value dynamic_slice_from(Builder *b, Value x, const Value *start, const int64_t *size)
{
	Type t = type_of(b, x);
	int64_t *one = NEW(b->a, int64_t, t.rank + 1);
	for (int i = 0; i < t.rank; i++) one[i] = 1;
	Type to = tensor_type(b->a, t.elem, t.rank, size);
	Value from = vector_of(b, t.rank, start), sizes = dims_value(b, t.rank, size), by = dims_value(b, t.rank, one);
	Value until = hlo_add(b, from, sizes);
	return emit(b, OP_real_dynamic_slice, &to, 4, (Value[]){ x, from, until, by }, NULL);
}

/* size + low + high + max(size - 1, 0) * interior */
static int64_t padded_size(DimTable *t, int64_t size, int64_t low, int64_t high, int64_t interior)
{
	int64_t holes = interior ? dim_times(t, dim_max(t, dim_minus(t, size, 1), 0), interior) : 0;
	return dim_plus(t, dim_plus(t, size, holes), dim_plus(t, low, high));
}

Value hlo_pad_sizes(Builder *b, Value x, Value value, const int64_t *low, const int64_t *high, const int64_t *interior)
{
	Type t = known_type(b, x);
	DimTable *sizes = dims_of(b->m);
	if (!t.kind) return 0;
	int64_t *v[3], *to = NEW(b->a, int64_t, t.rank + 1);
	bool fixed = true;
	for (int k = 0; k < 3; k++) {
		const int64_t *from = k == 0 ? low : k == 1 ? high : interior;
		v[k] = NEW(b->a, int64_t, t.rank + 1);
		for (int i = 0; i < t.rank && from; i++) fixed &= dim_constant(sizes, from[i], &v[k][i]);
	}
	if (fixed) return hlo_pad(b, x, value, v[0], v[1], v[2]);
	for (int i = 0; i < t.rank; i++) to[i] = padded_size(sizes, t.dim[i], low[i], high[i], interior ? interior[i] : 0);
	Value l = dims_value(b, t.rank, low), h = dims_value(b, t.rank, high), in = dims_value(b, t.rank, interior ? interior : v[2]);
	Type out = tensor_type(b->a, t.elem, t.rank, to);
	return emit(b, OP_dynamic_pad, &out, 5, (Value[]){ x, value, l, h, in }, NULL);
}

Value dynamic_gather(Builder *b, Value x, Value indices, const Attr *dims, Ints sizes, const Attr *sorted)
{
	Attr attr[MAX_ATTRS + 1] = { *dims, *sorted };
	Value size = dims_value(b, sizes.n, sizes.v), in[] = { x, indices, size };
	Type to;
	if (b->m->err->code || !x || !indices) return 0;
	Op draft = { .code = OP_dynamic_gather, .nin = 3, .nout = 1, .in = in, .attr = attr };
	if (!gather_type(b->m, &draft, &sizes, &to)) return 0;
	return emit(b, OP_dynamic_gather, &to, 3, in, attr);
}
