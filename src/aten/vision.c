/* torchvision's operators: means over regions of interest, and convolution at displaced points.
 *
 * A region is cut into bins, each bin into a grid of points; the value of a bin is the mean of its points, each interpolated
 * between the four elements around it. The points of all bins are taken in a loop, one of every bin at a time: how many there are may
 * depend on the regions' sizes, and the memory it takes does not depend on them. */
#include "aten/formulas.h"
#include "aten/layers.h"
#include "aten/rules.h"

/* The two elements that a coordinate lies between: where (i32), with which weight, and whether they count. */
typedef struct Axis { Value at[2], weight[2], inside[2]; } Axis;

/* A coordinate along an image in torchvision's region operators: up to one element beyond it the edge's value, then 0 */
static Axis clamped_axis(Builder *b, Value x, int64_t size)
{
	Value from = is(b, DIRECTION_GE, x, -1), to = hlo_compare(b, DIRECTION_LE, x, size_value(b, size, known_type(b, x)));
	Value inside = hlo_and(b, from, to);
	x = within_size(b, x, size);
	Value low = hlo_floor(b, x), high = within_size(b, plus(b, low, 1), size);
	Value part = hlo_subtract(b, x, low);
	low = hlo_convert(b, low, DTYPE_i32);
	high = hlo_convert(b, high, DTYPE_i32);
	return (Axis){ { low, high }, { minus_from(b, 1, part), part }, { inside, inside } };
}

/* A coordinate in deformable convolution: beyond the image there are zeros */
static Axis padded_axis(Builder *b, Value x, int64_t size)
{
	Axis a;
	Value low = hlo_floor(b, x), part = hlo_subtract(b, x, low);
	for (int i = 0; i < 2; i++) {
		Value at = plus(b, low, i);
		Value from = is(b, DIRECTION_GE, at, 0);
		Value to = hlo_compare(b, DIRECTION_LT, at, size_value(b, size, known_type(b, at)));
		a.inside[i] = hlo_and(b, from, to);
		at = within_size(b, at, size);
		a.at[i] = hlo_convert(b, at, DTYPE_i32);
		a.weight[i] = i ? part : minus_from(b, 1, part);
	}
	return a;
}

/* -- regions of interest --------------------------------------------------------------------------------- */

/* One of the two dims of all regions: [R] each; grid (i32): how many points a bin has along it. */
typedef struct Extent { Value start, bin, grid, most; int64_t bins, size; } Extent;

typedef struct Regions {
	Node *n;
	Value image;                     /* [B, C, H, W], or by_bin [B, C, PH, PW, H, W] */
	bool by_bin;                     /* each bin has channels of its own */
	Value batch;                     /* i32[R] */
	Extent h, w;
	Type out;                        /* [R, C, PH, PW] in the type of the sums */
} Regions;

/* Column i of rois [R, 5] (batch, x1, y1, x2, y2) */
static Value column(Builder *b, Value rois, int i)
{
	rois = slice_dim(b, rois, 1, i, i + 1, 1);
	return squeeze_dim(b, rois, 1);
}

/* From columns `from` and from + 2 of rois: scaled, moved by half an element when the image's are centred at 0.5, at least `least` long */
static Extent extent_of(const Regions *r, Value rois, int from, double half, bool at_least_one, int64_t bins, int64_t size)
{
	Node *n = r->n;
	Builder *b = n->b;
	double scale = arg_num(n, "spatial_scale", 1);
	int64_t ratio = arg_int(n, "sampling_ratio", -1);
	Value start = plus(b, scaled(b, column(b, rois, from), scale), -half);
	Value end = plus(b, scaled(b, column(b, rois, from + 2), scale), -half);
	Value length = hlo_subtract(b, end, start);
	if (at_least_one) length = at_least(b, length, 1);
	Value bin = hlo_divide(b, length, unknown_to_xla(b, full_like(b, length, (double)bins)));
	Value grid = hlo_convert(b, hlo_ceil(b, bin), DTYPE_i32);
	if (ratio > 0) grid = full_like(b, grid, (double)ratio);
	Value most = ratio > 0 ? scalar_int(b, ratio, DTYPE_i32) : reduce_over(b, OP_maximum, grid, one_dim(b, 0));
	return (Extent){ start, bin, grid, most, bins, size };
}

/* Where point `i` (an i32 scalar) of each bin lies: [R, P], start + p * bin + (i + 1/2) * bin / grid. A point may lie just on the border
 * of what counts: the steps are rounded in torchvision's order. */
static Value point_of(Builder *b, const Extent *e, Value i, Type t)
{
	Value part = hlo_convert(b, i, t.elem);
	part = broadcast(b, plus(b, part, 0.5), known_type(b, e->bin));
	part = hlo_multiply(b, part, e->bin);
	part = hlo_divide(b, part, hlo_convert(b, e->grid, t.elem));
	Value p = positions(b, t, 1, t.elem);
	Value at = hlo_multiply(b, p, along(b, e->bin, 0, t));
	at = hlo_add(b, along(b, e->start, 0, t), at);
	return hlo_add(b, at, along(b, part, 0, t));
}

/* i32[R, PH, PW, k]: where in the image the elements of one corner stand */
static Value corner_index(const Regions *r, Value y, Value x)
{
	Builder *b = r->n->b;
	Type t = tensor_type(b->a, DTYPE_i32, 4, (int64_t[]){ r->out.dim[0], r->h.bins, r->w.bins, 1 });
	Value part[5];
	int count = 0;
	part[count++] = along(b, r->batch, 0, t);
	if (r->by_bin) {
		part[count++] = hlo_iota(b, t, 1);
		part[count++] = hlo_iota(b, t, 2);
	}
	part[count++] = hlo_broadcast_in_dim(b, y, 4, t.dim, (Ints){ 2, (int64_t[]){ 0, 1 } });
	part[count++] = hlo_broadcast_in_dim(b, x, 4, t.dim, (Ints){ 2, (int64_t[]){ 0, 2 } });
	return hlo_concatenate(b, count, part, 3);
}

/* The image's elements there, of all channels: [R, C, PH, PW] */
static Value corner_value(const Regions *r, Value index)
{
	Builder *b = r->n->b;
	int rank = r->by_bin ? 6 : 4;
	int64_t size[] = { 1, r->out.dim[1], 1, 1, 1, 1 }, map[] = { 0, 2, 3, 4, 5 };
	Ints places = { rank - 1, map };
	return hlo_gather(b, r->image, index, (GatherDims){
		.offset_dims = one_dim(b, 1),
		.collapsed_slice_dims = places,
		.start_index_map = places,
		.index_vector_dim = 3,
	}, (Ints){ rank, size }, false);
}

/* One point of every bin: [R, C, PH, PW], by bilinear interpolation; 0 where a region has no such point */
static Value point_values(const Regions *r, Value i, Value j)
{
	Builder *b = r->n->b;
	DType elem = r->out.elem;
	Type rows = tensor_type(b->a, elem, 2, (int64_t[]){ r->out.dim[0], r->h.bins });
	Type columns = tensor_type(b->a, elem, 2, (int64_t[]){ r->out.dim[0], r->w.bins });
	Axis y = clamped_axis(b, point_of(b, &r->h, i, rows), r->h.size);
	Axis x = clamped_axis(b, point_of(b, &r->w, j, columns), r->w.size);
	Ints by_row = { 2, (int64_t[]){ 0, 2 } }, by_column = { 2, (int64_t[]){ 0, 3 } };
	Value sum = full(b, r->out, 0);
	for (int k = 0; k < 4 && !b->m->err->code; k++) {
		Value v = corner_value(r, corner_index(r, y.at[k / 2], x.at[k % 2]));
		v = hlo_multiply(b, v, hlo_broadcast_in_dim(b, y.weight[k / 2], 4, r->out.dim, by_row));
		v = hlo_multiply(b, v, hlo_broadcast_in_dim(b, x.weight[k % 2], 4, r->out.dim, by_column));
		sum = hlo_add(b, sum, v);
	}
	Value in_h = hlo_compare(b, DIRECTION_LT, broadcast(b, i, known_type(b, r->h.grid)), r->h.grid);
	Value in_w = hlo_compare(b, DIRECTION_LT, broadcast(b, j, known_type(b, r->w.grid)), r->w.grid);
	Value counts = along(b, hlo_and(b, in_h, in_w), 0, r->out);
	counts = hlo_and(b, counts, hlo_broadcast_in_dim(b, y.inside[0], 4, r->out.dim, by_row));
	counts = hlo_and(b, counts, hlo_broadcast_in_dim(b, x.inside[0], 4, r->out.dim, by_column));
	return hlo_select(b, counts, sum, full(b, r->out, 0));
}

/* The sum over all points of each bin, as a loop over i < h.most, j < w.most */
static Value sum_of_points(const Regions *r)
{
	Builder *b = r->n->b;
	Type at = scalar_type(DTYPE_i32), types[] = { at, at, r->out };
	Value v[3], next[3], out[3], zero = scalar_int(b, 0, DTYPE_i32);
	Value init[] = { zero, zero, full(b, r->out, 0) };
	Value none = hlo_compare(b, DIRECTION_LE, r->w.most, zero);
	Value rows = hlo_select(b, none, zero, r->h.most);
	Region *cond = region_begin(b, 3, types, v);
	Value more = hlo_compare(b, DIRECTION_LT, v[0], rows);
	region_end(b, cond, 1, &more);
	Region *body = region_begin(b, 3, types, v);
	Value j = hlo_add(b, v[1], scalar_int(b, 1, DTYPE_i32));
	Value done = hlo_compare(b, DIRECTION_GE, j, r->w.most);
	next[0] = hlo_add(b, v[0], hlo_convert(b, done, DTYPE_i32));
	next[1] = hlo_select(b, done, scalar_int(b, 0, DTYPE_i32), j);
	next[2] = hlo_add(b, v[2], point_values(r, v[0], v[1]));
	region_end(b, body, 3, next);
	return hlo_while(b, 3, init, cond, body, out) ? out[2] : 0;
}

/* Whether input [B, C, H, W], rois [R, 5] and the result [R, *, PH, PW] go together */
static bool are_regions(Node *n, Type image, Type rois)
{
	if (!image.kind || !rois.kind) return false;
	if (image.rank == 4 && rois.rank == 2 && rois.dim[1] == 5 && n->out.rank == 4 && n->out.dim[0] == rois.dim[0]) return true;
	node_fail(n, BAD_INPUT, "input %s, rois %s", type_str(n->a, image), type_str(n->a, rois));
	return false;
}

static Value region_means(Node *n, bool by_bin, double half, bool at_least_one)
{
	Builder *b = n->b;
	Regions r = { .n = n, .by_bin = by_bin, .out = with_elem(n->out, acc_type(n->out.elem)) };
	Value image = arg_as(n, "input", r.out.elem), rois = arg_as(n, "rois", r.out.elem);
	Type t = known_type(b, image);
	if (!are_regions(n, t, known_type(b, rois))) return 0;
	if (!type_numel(n->out) || !type_numel(t)) return full(b, n->out, 0);
	const int64_t *d = r.out.dim;
	r.image = by_bin ? hlo_reshape(b, image, 6, (int64_t[]){ t.dim[0], d[1], d[2], d[3], t.dim[2], t.dim[3] }) : image;
	r.batch = hlo_convert(b, column(b, rois, 0), DTYPE_i32);
	r.h = extent_of(&r, rois, 2, half, at_least_one, d[2], t.dim[2]);
	r.w = extent_of(&r, rois, 1, half, at_least_one, d[3], t.dim[3]);
	Value sum = sum_of_points(&r);
	Value count = hlo_convert(b, hlo_multiply(b, r.h.grid, r.w.grid), r.out.elem);
	if (!by_bin) count = at_least(b, count, 1);
	sum = hlo_divide(b, sum, along(b, count, 0, r.out));
	return cast(b, sum, n->out.elem);
}

/* torchvision.roi_align(input [B, C, H, W], rois [R, 5], spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned)
 * -> [R, C, PH, PW] */
Value lower_roi_align(Node *n)
{
	bool aligned = arg_bool(n, "aligned", false);
	return region_means(n, false, aligned ? 0.5 : 0, !aligned);
}

/* torchvision.ps_roi_align(input [B, C * PH * PW, H, W], rois [R, 5], spatial_scale, pooled_height, pooled_width, sampling_ratio)
 * -> [R, C, PH, PW], and which channel each is of: (c * PH + ph) * PW + pw */
Value lower_ps_roi_align(Node *n)
{
	Builder *b = n->b;
	Type t = out_type(n, 1);
	if (t.rank == 4 && out_wanted(n, 1)) {
		int64_t channels = t.dim[1] * t.dim[2] * t.dim[3];
		Value at = hlo_iota(b, tensor_type(n->a, t.elem, 1, &channels), 0);
		at = hlo_reshape(b, at, 3, t.dim + 1);
		set_out(n, 1, broadcast(b, at, t));
	}
	return region_means(n, true, 0.5, false);
}

/* -- deformable convolution ------------------------------------------------------------------------------ */

/* Sizes: N images of C channels, G groups of offsets, K = KH * KW places of the kernel, O = OH * OW places of the result. */
typedef struct Deform { Node *n; DType elem; int64_t images, channels, groups, kh, kw, oh, ow, h, w; } Deform;

/* [N, G, K, OH, OW]: the coordinate of each tap along dim 0 (height) or 1, o * stride - pad + k * dilation + offset, for
 * offset [N, G * K * 2, OH, OW] */
static Value tap_coordinate(const Deform *d, Value offset, int dim)
{
	Node *n = d->n;
	Builder *b = n->b;
	int64_t stride = arg_int(n, dim ? "stride_w" : "stride_h", 1), pad = arg_int(n, dim ? "pad_w" : "pad_h", 0);
	int64_t dilation = arg_int(n, dim ? "dilation_w" : "dilation_h", 1);
	Type t = tensor_type(n->a, d->elem, 6, (int64_t[]){ d->images, d->groups, d->kh, d->kw, d->oh, d->ow });
	offset = hlo_reshape(b, offset, 6, (int64_t[]){ d->images, d->groups, d->kh * d->kw, 2, d->oh, d->ow });
	offset = slice_dim(b, offset, 3, dim, dim + 1, 1);
	offset = reshape_to(b, offset, t);
	Value at = scaled(b, positions(b, t, 4 + dim, t.elem), (double)stride);
	at = plus(b, at, -(double)pad);
	at = hlo_add(b, at, scaled(b, positions(b, t, 2 + dim, t.elem), (double)dilation));
	return hlo_add(b, at, offset);
}

/* x [N * G, C / G, H * W] at index [N * G, Q] */
static Value take_pixels(Builder *b, Value x, Value index)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	return hlo_gather(b, x, index, (GatherDims){
		.offset_dims = one_dim(b, 1),
		.collapsed_slice_dims = one_dim(b, 2),
		.operand_batching_dims = one_dim(b, 0),
		.start_indices_batching_dims = one_dim(b, 0),
		.start_index_map = one_dim(b, 2),
		.index_vector_dim = 2,
	}, (Ints){ 3, (int64_t[]){ 1, t.dim[1], 1 } }, false);
}

/* The image between its elements at each tap: [N * G, C / G, K * O] */
static Value tap_values(const Deform *d, Value image, Value offset)
{
	Builder *b = d->n->b;
	DimTable *sizes = dims_of(b->m);
	int64_t batch = dim_times(sizes, d->images, d->groups), taps = dim_times(sizes, dim_times(sizes, d->oh, d->ow), d->kh * d->kw);
	Type t = tensor_type(b->a, d->elem, 3, (int64_t[]){ batch, d->channels / d->groups, taps });
	int64_t flat[] = { batch, taps };
	Ints over = { 2, (int64_t[]){ 0, 2 } };
	image = hlo_reshape(b, image, 3, (int64_t[]){ batch, t.dim[1], dim_times(sizes, d->h, d->w) });
	Axis y = padded_axis(b, hlo_reshape(b, tap_coordinate(d, offset, 0), 2, flat), d->h);
	Axis x = padded_axis(b, hlo_reshape(b, tap_coordinate(d, offset, 1), 2, flat), d->w);
	Value zero = full(b, t, 0), sum = zero;
	for (int k = 0; k < 4 && !b->m->err->code; k++) {
		Value row = hlo_multiply(b, y.at[k / 2], size_value(b, d->w, known_type(b, y.at[k / 2])));
		Value v = take_pixels(b, image, hlo_add(b, row, x.at[k % 2]));
		Value weight = hlo_multiply(b, y.weight[k / 2], x.weight[k % 2]);
		Value inside = hlo_and(b, y.inside[k / 2], x.inside[k % 2]);
		v = hlo_select(b, hlo_broadcast_in_dim(b, inside, 3, t.dim, over), v, zero);
		sum = hlo_add(b, sum, hlo_multiply(b, v, hlo_broadcast_in_dim(b, weight, 3, t.dim, over)));
	}
	if (!arg_bool(d->n, "use_mask", false)) return sum;
	Value mask = hlo_reshape(b, arg_as(d->n, "mask", d->elem), 2, flat);
	return hlo_multiply(b, sum, hlo_broadcast_in_dim(b, mask, 3, t.dim, over));
}

/* The product of taps [N, C * K, O] with weight [D, C / groups * K], in groups of channels: [N, D, OH, OW] */
static Value weighted_taps(const Deform *d, Value taps, Value weight, int64_t groups)
{
	Node *n = d->n;
	Builder *b = n->b;
	int64_t rows = n->out.dim[1] / groups, inner = d->channels / groups * d->kh * d->kw;
	int64_t o = dim_times(dims_of(b->m), d->oh, d->ow);
	taps = hlo_reshape(b, taps, 4, (int64_t[]){ d->images, groups, inner, o });
	weight = hlo_reshape(b, weight, 3, (int64_t[]){ groups, rows, inner });
	weight = hlo_broadcast_in_dim(b, weight, 4, (int64_t[]){ d->images, groups, rows, inner }, iota_ints(b->a, 1, 3));
	return reshape_to(b, matmul(n, weight, taps, d->elem), n->out);
}

static bool fits(const Deform *d, Type x, Type w, Type offset, int64_t groups)
{
	if (d->groups < 1 || groups < 1 || !is_static(w) || d->channels < 0) return false;
	if (d->channels % d->groups || d->channels % groups || d->n->out.dim[1] % groups) return false;
	if (w.dim[0] != d->n->out.dim[1] || w.dim[1] != d->channels / groups) return false;
	int64_t taps;
	bool images = offset.dim[0] == x.dim[0] || (offset.dim[0] < 0 && x.dim[0] < 0);
	return !__builtin_mul_overflow(2 * d->groups, d->kh * d->kw, &taps) && images && offset.dim[1] == taps;
}

/* torchvision.deform_conv2d(input [N, C, H, W], weight [D, C / groups, KH, KW], offset [N, 2 * G * K, OH, OW], mask [N, G * K, OH, OW],
 * bias [D], stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups, offset_groups G, use_mask) -> [N, D, OH, OW] */
Value lower_deform_conv2d(Node *n)
{
	Builder *b = n->b;
	DType elem = acc_type(n->out.elem);
	Value x = arg_as(n, "input", elem), w = arg_as(n, "weight", elem), offset = arg_as(n, "offset", elem), bias = arg_as(n, "bias", elem);
	Type tx = known_type(b, x), tw = known_type(b, w), to = known_type(b, offset);
	if (!tx.kind || !tw.kind || !to.kind) return 0;
	if (tx.rank != 4 || tw.rank != 4 || to.rank != 4 || n->out.rank != 4) return node_fail(n, BAD_INPUT, "input %s", type_str(n->a, tx));
	int64_t groups = arg_int(n, "groups", 1);
	Deform d = { n, elem, tx.dim[0], tx.dim[1], arg_int(n, "offset_groups", 1), tw.dim[2], tw.dim[3], n->out.dim[2], n->out.dim[3], tx.dim[2], tx.dim[3] };
	if (!fits(&d, tx, tw, to, groups))
		return node_fail(n, BAD_INPUT, "input %s, weight %s, offset %s", type_str(n->a, tx), type_str(n->a, tw), type_str(n->a, to));
	Type t = with_elem(n->out, elem);
	Value sum = full(b, t, 0);
	if (type_numel(t) && type_numel(tx) && type_numel(tw)) sum = weighted_taps(&d, tap_values(&d, x, offset), w, groups);
	sum = hlo_add(b, sum, along(b, bias, 1, t));
	return cast(b, sum, n->out.elem);
}
