/* Pooling. */
#include "aten/rules.h"

/* [*batch, *S] windows: 1 over the leading dims, v over the spatial ones. */
static Ints over_spatial(Arena *a, int rank, Ints v, int64_t lead)
{
	int64_t *d = NEW(a, int64_t, rank);
	for (int i = 0; i < rank; i++) d[i] = i < rank - v.n ? lead : v.v[i - (rank - v.n)];
	return (Ints){ rank, d };
}

/* aten.max_pool2d(self[N?,C,H,W], kernel_size, stride=kernel_size, padding, dilation, ceil_mode) */
Value lower_max_pool(Node *n)
{
	Builder *b = n->b;
	int rank = n->out.rank;
	Value x = arg(n, "self");
	if (!x) return 0;
	Ints size = arg_ints_n(n, "kernel_size", 2, 1);
	Ints strides = arg_ints(n, "stride").n ? arg_ints_n(n, "stride", 2, 1) : size;
	Ints pad = over_spatial(n->a, rank, arg_ints_n(n, "padding", 2, 0), 0);
	if (arg_bool(n, "ceil_mode", false)) return node_fail(n, UNSUPPORTED, "ceil_mode");
	Value init = lowest(b, n->out.elem);
	return hlo_reduce_window(b, OP_maximum, x, init, (Window){
		.size = over_spatial(n->a, rank, size, 1),
		.strides = over_spatial(n->a, rank, strides, 1),
		.window_dilations = over_spatial(n->a, rank, arg_ints_n(n, "dilation", 2, 1), 1),
		.padding = both_sides(n->a, pad),
	});
}

/* aten.adaptive_avg_pool2d(self, output_size): only whole windows yet */
Value lower_adaptive_avg_pool(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x) return 0;
	int rank = n->out.rank;
	if (n->out.dim[rank - 1] != 1 || n->out.dim[rank - 2] != 1) return node_fail(n, UNSUPPORTED, "output_size");
	Ints dims = iota_ints(n->a, rank - 2, 2);
	Value y = mean_over(b, x, dims);
	return reshape_to(b, y, n->out);
}
