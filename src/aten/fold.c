/* Sliding blocks of images as columns, and back. */
#include "aten/index.h"
#include "aten/rules.h"

/* Of one spatial dim: `kernel` elements, `dilation` apart, at each of `count` places `stride` apart, in size + 2 * padding. */
typedef struct Blocks { int64_t size, kernel, dilation, padding, stride, count; } Blocks;

/* Places of blocks stand in the module, one by one. */
enum { MOST_PLACES = 1 << 24 };

static bool are_small(Blocks s)
{
	return s.kernel < MOST_PLACES && s.dilation < INT32_MAX && s.stride < INT32_MAX && s.padding > -INT32_MAX && s.padding < INT32_MAX;
}

/* "kernel_size", "dilation", "padding", "stride" of both dims of an image of that size */
static bool blocks_of(Node *n, const int64_t *size, Blocks *out)
{
	Ints kernel = arg_ints_n(n, "kernel_size", 2, 1), dilation = arg_ints_n(n, "dilation", 2, 1);
	Ints padding = arg_ints_n(n, "padding", 2, 0), stride = arg_ints_n(n, "stride", 2, 1);
	DimTable *dims = dims_of(n->b->m);
	for (int i = 0; i < 2; i++) {
		Blocks s = { size[i], kernel.v[i], dilation.v[i], padding.v[i], stride.v[i], 0 };
		if (!are_small(s)) return node_fail(n, UNSUPPORTED, "blocks of %lld elements", (long long)s.kernel), false;
		int64_t taken = dim_number(dims, 2 * s.padding - s.dilation * (s.kernel - 1) - 1);
		int64_t room = dim_plus(dims, s.size, taken);
		if (s.kernel < 1 || s.stride < 1 || s.dilation < 1 || dim_range(dims, room).max < 0)
			return node_fail(n, BAD_INPUT, "blocks of %lld do not fit a dim of %lld", (long long)s.kernel, (long long)s.size), false;
		s.count = dim_plus(dims, dim_floordiv(dims, room, s.stride), 1);
		if (s.count > MOST_PLACES / s.kernel)
			return node_fail(n, UNSUPPORTED, "%lld blocks of %lld elements", (long long)s.count, (long long)s.kernel), false;
		out[i] = s;
	}
	return true;
}

/* The same where L is not known: element k of all blocks is a slice. */
static Value slice_blocks(Builder *b, Value x, int dim, Blocks s)
{
	DimTable *dims = dims_of(b->m);
	Value *part = NEW(b->a, Value, s.kernel + 1);
	int64_t reach = dim_plus(dims, dim_times(dims, dim_plus(dims, s.count, dim_number(dims, -1)), s.stride), 1);
	for (int64_t k = 0; k < s.kernel; k++) {
		int64_t from = k * s.dilation;
		part[k] = slice_dim(b, x, dim, from, dim_plus(dims, reach, from), s.stride);
		part[k] = unsqueeze_dim(b, part[k], dim);
	}
	return hlo_concatenate(b, (int)s.kernel, part, dim);
}

/* [.., S + 2 padding, ..] -> [.., K, L, ..]: element k of block l */
static Value take_blocks(Builder *b, Value x, int dim, Blocks s)
{
	if (s.count < 0) return slice_blocks(b, x, dim, s);
	int64_t *at = NEW(b->a, int64_t, s.kernel * s.count + 1);
	for (int64_t k = 0; k < s.kernel; k++)
		for (int64_t l = 0; l < s.count; l++) at[k * s.count + l] = k * s.dilation + l * s.stride;
	Value index = hlo_ints(b, (int)(s.kernel * s.count), at, DTYPE_i64);
	index = hlo_reshape(b, index, 2, (int64_t[]){ s.kernel, s.count });
	return take_at(b, x, dim, index);
}

/* aten.im2col(self [N?, C, H, W], kernel_size, dilation, padding, stride) -> [N?, C * KH * KW, LH * LW] */
Value lower_im2col(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	if (rank_of(b, x) == 3) x = unsqueeze_dim(b, x, 0);
	Type t = type_of(b, x);
	Blocks s[2];
	if (t.rank != 4) return node_fail(n, BAD_INPUT, "input %s, wanted 3 or 4 dims", type_str(n->a, t));
	if (!blocks_of(n, t.dim + 2, s)) return 0;
	int64_t pad[4] = { 0, 0, s[0].padding, s[1].padding };
	x = hlo_pad(b, x, scalar(b, 0, t.elem), pad, pad, NULL);
	x = take_blocks(b, x, 3, s[1]);                            /* [N, C, H, KW, LW] */
	x = take_blocks(b, x, 2, s[0]);                            /* [N, C, KH, LH, KW, LW] */
	x = transpose_dims(b, x, 3, 4);
	return reshape_to(b, x, n->out);
}

/* [.., K, L, ..] at dim -> [.., S + 2 padding, ..]: each element added where take_blocks() found it */
static Value add_blocks(Builder *b, Value x, int dim, Blocks s)
{
	if (!x) return 0;
	Type t = type_of(b, x);
	int64_t *low = NEW(b->a, int64_t, t.rank), *high = NEW(b->a, int64_t, t.rank), *interior = NEW(b->a, int64_t, t.rank);
	int64_t reach = (s.count - 1) * s.stride + 1;
	Value zero = scalar(b, 0, t.elem), sum = 0;
	for (int64_t k = 0; k < s.kernel; k++) {
		Value one = slice_dim(b, x, dim, k, k + 1, 1);
		one = squeeze_dim(b, one, dim);
		low[dim] = k * s.dilation;
		high[dim] = s.size + 2 * s.padding - reach - low[dim];
		interior[dim] = s.stride - 1;
		one = hlo_pad(b, one, zero, low, high, interior);
		sum = sum ? hlo_add(b, sum, one) : one;
	}
	return sum;
}

/* aten.col2im(self [N?, C * KH * KW, LH * LW], output_size, kernel_size, dilation, padding, stride) -> [N?, C, H, W]:
 * overlaps add up */
Value lower_col2im(Node *n)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value x = arg_as(n, "self", acc);
	Type t = n->out;
	Blocks s[2];
	if (!x || t.rank < 3) return x ? node_fail(n, BAD_INPUT, "result %s, wanted 3 or 4 dims", type_str(n->a, t)) : 0;
	if (!blocks_of(n, t.dim + t.rank - 2, s)) return 0;
	int64_t batch = t.rank == 4 ? t.dim[0] : 1, channels = t.dim[t.rank - 3];
	x = hlo_reshape(b, x, 6, (int64_t[]){ batch, channels, s[0].kernel, s[1].kernel, s[0].count, s[1].count });
	x = transpose_dims(b, x, 3, 4);                            /* [N, C, KH, LH, KW, LW] */
	x = add_blocks(b, x, 4, s[1]);
	x = add_blocks(b, x, 2, s[0]);                             /* [N, C, H + 2 p, W + 2 p] */
	x = slice_dim(b, x, 2, s[0].padding, s[0].padding + s[0].size, 1);
	x = slice_dim(b, x, 3, s[1].padding, s[1].padding + s[1].size, 1);
	x = reshape_to(b, x, t);
	return cast(b, x, t.elem);
}
