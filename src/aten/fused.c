/* Several ops as one: products of quantized matrices, attention layers with their projections. */
#include "aten/formulas.h"
#include "aten/layers.h"
#include "aten/rules.h"

#include <math.h>

/* -- products -------------------------------------------------------------------------------------------- */

/* x . y over these dims of each, batch dims first, in acc_type */
static Value product(Builder *b, Value x, Value y, int batch, int dx, int dy)
{
	Ints lead = iota_ints(b->a, 0, batch);
	DotDims d = { lead, lead, one_dim(b, dx), one_dim(b, dy) };
	return hlo_dot_general(b, x, y, d, acc_type(known_type(b, x).elem));
}

static Value f32_of(Builder *b, Value x) { return cast(b, x, DTYPE_f32); }

/* aten._weight_int8pack_mm(self [M, K], mat2 i8 [N, K], scales [N]): self mat2^T scales */
Value lower_weight_int8pack_mm(Node *n)
{
	Builder *b = n->b;
	Value x = f32_of(b, arg(n, "self"));
	Value w = f32_of(b, arg(n, "mat2"));
	Value scales = f32_of(b, arg(n, "scales"));
	x = product(b, x, w, 0, 1, 1);
	x = hlo_multiply(b, x, along(b, scales, 1, with_elem(n->out, DTYPE_f32)));
	return cast(b, x, n->out.elem);
}

/* x times a scale of one number or one for each row [M, 1] or column [1, N]. */
static Value times_scale(Node *n, Value x, Value scale)
{
	Builder *b = n->b;
	Type t = known_type(b, x), s = known_type(b, scale);
	if (!t.kind || !s.kind) return 0;
	bool each = s.rank == 2 && (s.dim[0] == t.dim[0] || s.dim[0] == 1) && (s.dim[1] == t.dim[1] || s.dim[1] == 1);
	if (type_numel(s) != 1 && !each)
		return node_fail(n, UNSUPPORTED, "scales %s of a result of %s, wanted one, or one for each row or column",
			type_str(n->a, s), type_str(n->a, t));
	scale = f32_of(b, scale);
	if (!each) scale = reshape_to(b, scale, scalar_type(DTYPE_f32));
	return hlo_multiply(b, x, broadcast(b, scale, t));
}

/* self [M, K] . mat2 [K, N] by their scales, plus bias */
static Value scaled_mm(Node *n, Value scale_a, Value scale_b)
{
	Builder *b = n->b;
	Value x = f32_of(b, arg(n, "self"));
	Value y = f32_of(b, arg(n, "mat2"));
	Value bias = arg_opt(n, "bias");
	x = product(b, x, y, 0, 1, 0);
	x = times_scale(n, x, scale_a);
	x = times_scale(n, x, scale_b);
	if (bias) x = hlo_add(b, x, along(b, f32_of(b, bias), 1, with_elem(n->out, DTYPE_f32)));
	return cast(b, x, n->out.elem);
}

/* aten._scaled_mm(self, mat2, scale_a, scale_b, bias?, scale_result?, ..): (self scale_a) . (mat2 scale_b) +
 * bias. Results of 8 bits are scaled by scale_result on some devices, and not on the CPU. */
Value lower_scaled_mm(Node *n)
{
	if (has_arg(n, "scale_result") && dtype_nbytes(n->out.elem) == 1)
		return node_fail(n, UNSUPPORTED, "argument 'scale_result', which torch's devices disagree about");
	Value scale_a = arg(n, "scale_a");
	return scaled_mm(n, scale_a, arg(n, "scale_b"));
}

/* The one scale of a list, of a recipe that says one number (0) or one for each row or column (1). */
static Value one_scale(Node *n, const char *scales, const char *recipe)
{
	Values v = arg_list(n, scales);
	Ints how = arg_ints(n, recipe);
	if (v.n == 1 && v.v[0] && how.n == 1 && (how.v[0] == 0 || how.v[0] == 1)) return v.v[0];
	return node_fail(n, UNSUPPORTED, "%s: %d scales of recipe %lld, wanted one of TensorWise or RowWise",
		scales, v.n, how.n ? (long long)how.v[0] : -1LL);
}

/* aten._scaled_mm_v2(self, mat2, scale_a, recipe_a, swizzle_a, scale_b, recipe_b, swizzle_b, bias?, ..) */
Value lower_scaled_mm_v2(Node *n)
{
	Value scale_a = one_scale(n, "scale_a", "recipe_a");
	Value scale_b = scale_a ? one_scale(n, "scale_b", "recipe_b") : 0;
	return scale_b ? scaled_mm(n, scale_a, scale_b) : 0;
}

/* -- attention layers ------------------------------------------------------------------------------------ */

/* [N, L, E] -> [N, H, L, D] */
static Value split_heads(Builder *b, Value x, int64_t heads)
{
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	x = hlo_reshape(b, x, 4, (int64_t[]){ t.dim[0], t.dim[1], heads, t.dim[2] / heads });
	return transpose_dims(b, x, 1, 2);
}

static Value rows_of(Builder *b, Value x, int part, int64_t size)
{
	return x ? slice_dim(b, x, 0, part * size, (part + 1) * size, 1) : 0;
}

/* x [N, L, E] by third `part` of qkv_weight [3 E, E] and qkv_bias [3 E] */
static Value projected(Node *n, Value x, int part)
{
	Builder *b = n->b;
	int64_t size = arg_int(n, "embed_dim", 0);
	Value w = rows_of(b, arg(n, "qkv_weight"), part, size);
	x = linear(b, x, w, rows_of(b, arg(n, "qkv_bias"), part, size));
	return split_heads(b, x, arg_int(n, "num_heads", arg_int(n, "num_head", 1)));
}

/* -inf where the mask is true: mask_type 0 [L, L], 1 [N, L] of keys, 2 [N, H, L, L] */
static Value hidden(Node *n, Value s)
{
	Builder *b = n->b;
	Type t = known_type(b, s);
	Value mask = arg_opt(n, "mask");
	if (!mask || !t.kind) return s;
	mask = cast(b, mask, DTYPE_bool);
	Type m = known_type(b, mask);
	int64_t type = arg_int(n, "mask_type", m.rank == 4 ? 2 : -1);
	int64_t wanted = type == 2 ? 4 : 2;
	if (type < 0 || type > 2 || m.rank != wanted)
		return node_fail(n, UNSUPPORTED, "a mask %s of mask_type %lld", type_str(n->a, m), (long long)type);
	if (type == 1) mask = hlo_reshape(b, mask, 4, (int64_t[]){ m.dim[0], 1, 1, m.dim[1] });
	mask = broadcast(b, mask, with_elem(t, DTYPE_bool));
	return if_num(b, mask, -INFINITY, s);
}

/* softmax(q k^T / sqrt(D)) over keys, in acc_type [N, H, L, S] */
static Value weights_of(Node *n, Value q, Value k)
{
	Builder *b = n->b;
	Value s = product(b, q, k, 2, 3, 3);
	Type t = known_type(b, s), tq = known_type(b, q);
	if (!t.kind) return 0;
	s = scaled(b, s, 1 / sqrt((double)tq.dim[3]));
	s = hidden(n, s);
	Ints last = one_dim(b, 3);
	Value top = reduce_over(b, OP_maximum, s, last);
	s = hlo_subtract(b, s, spread_over(b, top, last, t));
	s = hlo_exponential(b, s);
	Value sum = sum_over(b, s, last);
	return hlo_divide(b, s, spread_over(b, sum, last, t));
}

static bool has_shape(Node *n, Value x)
{
	Type t = known_type(n->b, x);
	int64_t size = arg_int(n, "embed_dim", 0), heads = arg_int(n, "num_heads", arg_int(n, "num_head", 1));
	if (t.kind && t.rank == 3 && t.dim[2] == size && heads > 0 && size % heads == 0) return true;
	if (t.kind)
		node_fail(n, BAD_INPUT, "input %s of %lld heads, wanted [N, L, %lld]", type_str(n->a, t),
			(long long)heads, (long long)size);
	return false;
}

/* q, k, v [N, L, E] -> [N, L, E]; *weights is [N, H, L, S] in acc_type */
static Value attended(Node *n, Value q, Value k, Value v, Value *weights)
{
	Builder *b = n->b;
	if (!has_shape(n, q) || !has_shape(n, k) || !has_shape(n, v)) return 0;
	Type t = type_of(b, q);
	q = projected(n, q, 0);
	k = projected(n, k, 1);
	v = projected(n, v, 2);
	*weights = weights_of(n, q, k);
	Value w = cast(b, *weights, t.elem);
	Value x = product(b, w, v, 2, 3, 2);
	x = cast(b, x, t.elem);
	x = x ? transpose_dims(b, x, 1, 2) : 0;
	x = reshape_to(b, x, t);
	w = arg(n, "proj_weight");
	return linear(b, x, w, arg(n, "proj_bias"));
}

/* aten._native_multi_head_attention(query, key, value [N, L, E], embed_dim, num_head, qkv_weight, qkv_bias,
 * proj_weight, proj_bias, mask?, need_weights=True, average_attn_weights=True, mask_type?) -> (out, weights)
 * */
Value lower_native_multi_head_attention(Node *n)
{
	Builder *b = n->b;
	Value q = arg(n, "query");
	Value k = arg(n, "key");
	Value weights = 0, x = attended(n, q, k, arg(n, "value"), &weights);
	if (!out_wanted(n, 1) || !x) return x;
	if (!arg_bool(n, "need_weights", true)) return set_out(n, 1, full(b, out_type(n, 1), 0)), x;
	if (arg_bool(n, "average_attn_weights", true)) weights = mean_over(b, weights, one_dim(b, 1));
	set_out(n, 1, cast(b, weights, out_type(n, 1).elem));
	return x;
}

static Value normalized(Node *n, Value x, const char *weight, const char *bias)
{
	Value w = arg(n, weight);
	return layer_norm(n->b, x, 1, w, arg(n, bias), arg_num(n, "eps", 1e-5));
}

/* w2 act(w1 x + b1) + b2 */
static Value feed_forward(Node *n, Value x)
{
	Builder *b = n->b;
	Value w = arg(n, "ffn_weight_1");
	x = linear(b, x, w, arg(n, "ffn_bias_1"));
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	if (arg_bool(n, "use_gelu", false)) {                                /* x (1 + erf(x / sqrt(2))) / 2 */
		Value wide = cast(b, x, acc_type(t.elem));
		wide = hlo_multiply(b, wide, math_ndtr(b, wide));
		x = cast(b, wide, t.elem);
	} else {
		x = clamp_min(b, x, 0);
	}
	w = arg(n, "ffn_weight_2");
	return linear(b, x, w, arg(n, "ffn_bias_2"));
}

/* aten._transformer_encoder_layer_fwd(src, embed_dim, num_heads, .., norm_first, ..): x = src +
 * attention(src), x + ffn(x), with a layer norm after each, or before each part when norm_first */
Value lower_transformer_encoder_layer(Node *n)
{
	Builder *b = n->b;
	bool first = arg_bool(n, "norm_first", false);
	Value src = arg(n, "src"), weights = 0;
	if (!has_shape(n, src)) return 0;
	Value x = first ? normalized(n, src, "norm_weight_1", "norm_bias_1") : src;
	x = attended(n, x, x, x, &weights);
	x = hlo_add(b, x, src);
	if (!first) x = normalized(n, x, "norm_weight_1", "norm_bias_1");
	Value y = first ? normalized(n, x, "norm_weight_2", "norm_bias_2") : x;
	y = feed_forward(n, y);
	x = hlo_add(b, y, x);
	return first ? x : normalized(n, x, "norm_weight_2", "norm_bias_2");
}
