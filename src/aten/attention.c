/* Scaled dot-product attention, computed whole: scores, mask, softmax, weighted sum. f16 and bf16 are computed in f32. */
#include "aten/rules.h"

#include <math.h>

/* query [*B, Hq, L, E], key [*B, Hk, S, E], value [*B, Hk, S, V] with one element type and the same leading dims. */
typedef struct Attention {
	Value query, key, value;
	Type scores;                    /* [*B, Hq, L, S] */
} Attention;

/* The leading dims of a (all but the last two) for x: broadcast, after its heads were repeated for grouped queries. */
static Value lead_as(Node *n, Value x, Type lead, bool grouped)
{
	Builder *b = n->b;
	Type t = x ? type_of(b, x) : (Type){ 0 };
	if (!t.kind) return 0;
	int h = t.rank - 3;
	if (grouped && h >= 0 && t.dim[h] != lead.dim[h]) {
		int64_t heads = lead.dim[h], each = t.dim[h] ? heads / t.dim[h] : 0;
		x = unsqueeze_dim(b, x, h + 1);
		Type spread = x ? shape_with(b, type_of(b, x), h + 1, each) : t;
		x = broadcast(b, x, spread);
		x = reshape_to(b, x, shape_with(b, t, h, heads));
	}
	int64_t *d = COPY(n->a, int64_t, lead.dim, lead.rank);
	d[lead.rank - 2] = t.dim[t.rank - 2];
	d[lead.rank - 1] = t.dim[t.rank - 1];
	lead.dim = d;
	return broadcast(b, x, lead);
}

/* x . y over one dim each, batched over all leading dims. */
static Value batched_dot(Builder *b, Value x, Value y, int x_dim, int y_dim)
{
	int rank = x ? rank_of(b, x) : 0;
	Ints lead = iota_ints(b->a, 0, rank - 2);
	return x ? hlo_dot_general(b, x, y, (DotDims){ lead, lead, one_dim(b, x_dim), one_dim(b, y_dim) }, DTYPE_none) : 0;
}

static bool fetch(Node *n, Attention *a)
{
	Builder *b = n->b;
	DType acc = acc_type(n->out.elem);
	Value q = arg_as(n, "query", acc);
	Value k = arg_as(n, "key", acc);
	Value v = arg_as(n, "value", acc);
	if (!q || !k || !v) return false;
	if (rank_of(b, q) < 2 || rank_of(b, k) < 2 || rank_of(b, v) < 2) return node_fail(n, BAD_INPUT, "query, key and value need two dims"), false;
	bool grouped = arg_bool(n, "enable_gqa", false);
	Type lead = n->out;             /* [*B, Hq, L, V] has every leading dim broadcast already */
	a->query = lead_as(n, q, lead, false);
	a->key = lead_as(n, k, lead, grouped);
	a->value = lead_as(n, v, lead, grouped);
	if (!a->query || !a->key || !a->value) return false;
	a->scores = shape_with(b, type_of(b, a->query), lead.rank - 1, type_of(b, a->key).dim[lead.rank - 2]);
	return true;
}

/* -inf where query row i may not see key column j > i. */
static Value causal(Builder *b, Value scores, Type t)
{
	Value row = positions(b, t, t.rank - 2, DTYPE_i32);
	Value column = positions(b, t, t.rank - 1, DTYPE_i32);
	Value seen = hlo_compare(b, DIRECTION_GE, row, column);
	Value never = full(b, t, -INFINITY);
	return hlo_select(b, seen, scores, never);
}

/* A bool mask says what is seen; a float mask is added. */
static Value masked(Node *n, Value scores, Type t)
{
	Builder *b = n->b;
	Value mask = arg(n, "attn_mask");
	if (!mask) return 0;
	if (elem_of(b, mask) != DTYPE_bool) {
		mask = cast(b, mask, t.elem);
		mask = broadcast(b, mask, t);
		return hlo_add(b, scores, mask);
	}
	mask = broadcast(b, mask, t);
	Value never = full(b, t, -INFINITY);
	return hlo_select(b, mask, scores, never);
}

static Value scores_of(Node *n, const Attention *a)
{
	Builder *b = n->b;
	Type t = a->scores;
	int64_t width = type_of(b, a->query).dim[t.rank - 1];
	Value s = batched_dot(b, a->query, a->key, t.rank - 1, t.rank - 1);
	Value scale = full(b, t, arg_num(n, "scale", 1 / sqrt((double)width)));
	s = hlo_multiply(b, s, scale);
	if (has_arg(n, "attn_mask")) s = masked(n, s, t);
	return arg_bool(n, "is_causal", false) ? causal(b, s, t) : s;
}

/* softmax over the last dim; a row that sees nothing (all -inf) gives zeros, as torch's _safe_softmax. *lse: log of its sum. */
static Value safe_softmax(Builder *b, Value s, Type t, Value *lse)
{
	Ints last = one_dim(b, t.rank - 1);
	Value top = reduce_over(b, OP_maximum, s, last);
	Value nothing = full_like(b, top, -INFINITY);
	Value blind = hlo_compare(b, DIRECTION_EQ, top, nothing);
	Value zero = full_like(b, top, 0);
	Value shift = hlo_select(b, blind, zero, top);
	Value spread = spread_over(b, shift, last, t);
	Value e = hlo_subtract(b, s, spread);
	e = hlo_exponential(b, e);
	Value sum = sum_over(b, e, last);
	Value log = hlo_log(b, sum);
	*lse = hlo_add(b, log, shift);
	Value one = full_like(b, sum, 1);
	Value safe = hlo_select(b, blind, one, sum);
	safe = spread_over(b, safe, last, t);
	return hlo_divide(b, e, safe);
}

/* attn = softmax(query . key^T * scale + mask);  attn . value */
static Value attend(Node *n, Value *attn, Value *lse)
{
	Builder *b = n->b;
	Attention a;
	if (arg_num(n, "dropout_p", 0) != 0) return node_fail(n, UNSUPPORTED, "attention dropout draws random numbers");
	if (!fetch(n, &a)) return 0;
	Value s = scores_of(n, &a);
	*attn = safe_softmax(b, s, a.scores, lse);
	Value y = batched_dot(b, *attn, a.value, a.scores.rank - 1, a.scores.rank - 2);
	return cast(b, y, n->out.elem);
}

/* aten.scaled_dot_product_attention(query, key, value, attn_mask?, dropout_p=0, is_causal=False, *, scale?, enable_gqa=False) */
Value lower_attention(Node *n)
{
	Value attn, lse;
	return attend(n, &attn, &lse);
}

/* aten._scaled_dot_product_attention_math: also the attention weights */
Value lower_attention_math(Node *n)
{
	Value attn = 0, lse;
	Value y = attend(n, &attn, &lse);
	if (y && out_wanted(n, 1)) set_out(n, 1, cast(n->b, attn, out_type(n, 1).elem));
	return y;
}

/* aten._scaled_dot_product_flash_attention_for_cpu: also the log of each row's sum, [B, H, L] */
Value lower_attention_flash_for_cpu(Node *n)
{
	Value attn, lse = 0;
	Value y = attend(n, &attn, &lse);
	if (y && out_wanted(n, 1)) set_out(n, 1, cast(n->b, lse, out_type(n, 1).elem));
	return y;
}
