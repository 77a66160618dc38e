/* Scaled dot product attention: softmax(scale * q . k^T + mask) . v
 *
 * Scores and their softmax are in acc_type (f32 for f16 and bf16); the weights are rounded before they meet v, as torch does. */
#include "aten/layers.h"
#include "aten/random.h"
#include "aten/rules.h"

#include <math.h>

/* q [*, L, E], k [*, S, E], v [*, S, F]; mask [*, L, S]: bool (where it is false nothing is seen) or added; 0: none */
typedef struct Attention { Value q, k, v, mask; double scale; bool causal, drops; } Attention;      /* drops: dropout_p may be above 0 */

/* What the softmax leaves behind for the second output. */
typedef struct Weights { Value w, logsumexp; } Weights;

/* -- scores ---------------------------------------------------------------------------------------------- */

static Value scores(Builder *b, Attention a)
{
	int rank = rank_of(b, a.q);
	Ints lead = iota_ints(b->a, 0, rank - 2), last = one_dim(b, rank - 1);
	Value s = hlo_dot_general(b, a.q, a.k, (DotDims){ lead, lead, last, last }, acc_type(elem_of(b, a.q)));
	return scaled(b, s, a.scale);
}

/* Row i sees columns 0..i. */
static Value causal(Builder *b, Value s)
{
	Type t = known_type(b, s);
	if (!t.kind) return 0;
	Value row = positions(b, t, t.rank - 2, DTYPE_i32);
	Value column = positions(b, t, t.rank - 1, DTYPE_i32);
	Value unseen = hlo_compare(b, DIRECTION_GT, column, row);
	return if_num(b, unseen, -INFINITY, s);
}

static Value masked(Builder *b, Value s, Value mask)
{
	Type t = known_type(b, s);
	if (!t.kind) return 0;
	if (elem_of(b, mask) == DTYPE_bool) {
		mask = broadcast(b, mask, t);
		mask = hlo_not(b, mask);
		return if_num(b, mask, -INFINITY, s);
	}
	mask = cast(b, mask, t.elem);
	mask = broadcast(b, mask, t);
	return hlo_add(b, s, mask);
}

/* exp(s - max) / sum over the last dim; a row of nothing but -inf (all masked) gives 0. */
static Weights softmax_rows(Builder *b, Value s, bool may_be_empty)
{
	Type t = known_type(b, s);
	if (!t.kind) return (Weights){ 0 };
	Ints last = one_dim(b, t.rank - 1);
	Value top = reduce_over(b, OP_maximum, s, last);
	Value empty = may_be_empty ? math_isneginf(b, top) : 0;
	if (may_be_empty) top = if_num(b, empty, 0, top);
	s = hlo_subtract(b, s, spread_over(b, top, last, t));
	s = hlo_exponential(b, s);
	Value sum = sum_over(b, s, last);
	Value log = hlo_log(b, sum);
	log = hlo_add(b, log, top);
	if (may_be_empty) sum = if_num(b, empty, 1, sum);
	s = hlo_divide(b, s, spread_over(b, sum, last, t));
	return (Weights){ s, log };
}

/* -- heads ----------------------------------------------------------------------------------------------- */

/* x [*, L, E] with the leading dims of `batch` */
static Value with_heads(Builder *b, Value x, Type batch)
{
	Type t = type_of(b, x);
	int64_t *d = NEW(b->a, int64_t, batch.rank + 2);
	for (int i = 0; i < batch.rank; i++) d[i] = batch.dim[i];
	for (int i = 0; i < 2; i++) d[batch.rank + i] = t.dim[t.rank - 2 + i];
	t.rank = batch.rank + 2;
	t.dim = d;
	return broadcast(b, x, t);
}

/* Grouped queries: each head of x [*, H, S, E] repeated so that there are `heads`. */
static Value repeat_heads(Node *n, Value x, int64_t heads)
{
	Builder *b = n->b;
	Type t = type_of(b, x);
	int h = t.rank - 3;
	if (h < 0 || t.dim[h] == heads || t.dim[h] == 1) return x;
	if (t.dim[h] < 1 || heads % t.dim[h])
		return node_fail(n, BAD_INPUT, "%lld query heads over %lld heads", (long long)heads, (long long)t.dim[h]);
	x = unsqueeze_dim(b, x, h + 1);
	x = broadcast(b, x, shape_with(b, type_of(b, x), h + 1, heads / t.dim[h]));
	return reshape_to(b, x, shape_with(b, t, h, heads));
}

static Type leading(Type t) { return t.rank -= 2, t; }

/* q, k, v with the same leading dims. */
static bool align(Node *n, Attention *a, bool grouped)
{
	Builder *b = n->b;
	if (!a->q || !a->k || !a->v) return false;
	Type q = type_of(b, a->q);
	if (q.rank < 2 || rank_of(b, a->k) < 2 || rank_of(b, a->v) < 2)
		return node_fail(n, BAD_INPUT, "query is %s, wanted at least 2 dims", type_str(n->a, q)), false;
	if (grouped && q.rank > 2) {
		a->k = repeat_heads(n, a->k, q.dim[q.rank - 3]);
		a->v = repeat_heads(n, a->v, q.dim[q.rank - 3]);
		if (!a->k || !a->v) return false;
	}
	Type batch = broadcast_type(n, leading(q), leading(type_of(b, a->k)));
	batch = broadcast_type(n, batch, leading(type_of(b, a->v)));
	a->q = with_heads(b, a->q, batch);
	a->k = with_heads(b, a->k, batch);
	a->v = with_heads(b, a->v, batch);
	return a->q && a->k && a->v;
}

/* -- rules ----------------------------------------------------------------------------------------------- */

/* "query", "key", "value", "is_causal", "scale", and the mask under the given name */
static bool attention_of(Node *n, const char *mask, Attention *a)
{
	if (!a->drops && arg_num(n, "dropout_p", 0) > 0) return node_fail(n, UNSUPPORTED, "dropout_p above 0"), false;
	if (has_arg(n, "dropout_mask")) return node_fail(n, UNSUPPORTED, "dropout_mask"), false;
	a->q = arg(n, "query");
	a->k = arg(n, "key");
	a->v = arg(n, "value");
	a->mask = mask ? arg_opt(n, mask) : 0;
	a->causal = arg_bool(n, "is_causal", false);
	if (!align(n, a, arg_bool(n, "enable_gqa", false))) return false;
	Type q = type_of(n->b, a->q);
	a->scale = arg_num(n, "scale", 1 / sqrt((double)static_dim(n, q, q.rank - 1)));
	return true;
}

static Weights weights_of(Node *n, Attention a)
{
	Builder *b = n->b;
	double p = arg_num(n, "dropout_p", 0);
	Value s = scores(b, a);
	if (a.causal) s = causal(b, s);
	if (a.mask) s = masked(b, s, a.mask);
	Weights w = softmax_rows(b, s, a.mask || a.causal);
	if (p > 0) w.w = random_dropout(n, w.w, p);
	return w;
}

/* weights [*, L, S] . v [*, S, F] */
static Value weighted(Builder *b, Value w, Value v)
{
	if (!w || !v) return 0;
	DType elem = elem_of(b, v);
	int rank = rank_of(b, v);
	Ints lead = iota_ints(b->a, 0, rank - 2);
	w = cast(b, w, elem);
	return hlo_dot_general(b, w, v, (DotDims){ lead, lead, one_dim(b, rank - 1), one_dim(b, rank - 2) }, elem);
}

/* aten.scaled_dot_product_attention(query, key, value, attn_mask?, dropout_p, is_causal, scale?, enable_gqa) */
Value lower_attention(Node *n)
{
	Attention a = { .drops = true };
	if (!attention_of(n, "attn_mask", &a)) return 0;
	return weighted(n->b, weights_of(n, a).w, a.v);
}

/* aten._scaled_dot_product_attention_math(...) -> (out, weights) */
Value lower_attention_math(Node *n)
{
	Attention a = { .drops = true };
	if (!attention_of(n, "attn_mask", &a)) return 0;
	Weights w = weights_of(n, a);
	if (out_wanted(n, 1)) set_out(n, 1, cast(n->b, w.w, out_type(n, 1).elem));
	return weighted(n->b, w.w, a.v);
}

/* Output 1, log(sum(exp(scores))) by row, and seeds and the like, which only a backward pass reads. */
static void set_rest(Node *n, Value logsumexp)
{
	for (int i = 1; i < nouts(n); i++) {
		Type t = out_type(n, i);
		if (!t.kind || !out_wanted(n, i)) continue;
		bool rows = i == 1 && type_numel(t) && known_type(n->b, logsumexp).kind;
		if (rows && !same_shape(t, type_of(n->b, logsumexp)))
			node_fail(n, UNSUPPORTED, "logsumexp of shape %s", type_str(n->a, t));
		set_out(n, i, rows ? cast(n->b, logsumexp, t.elem) : full(n->b, t, 0));
	}
}

static Value fused_attention(Node *n, const char *mask)
{
	Attention a = { .drops = true };
	if (!attention_of(n, mask, &a)) return 0;
	Weights w = weights_of(n, a);
	set_rest(n, w.logsumexp);
	return weighted(n->b, w.w, a.v);
}

/* aten._scaled_dot_product_flash_attention(query, key, value, dropout_p, is_causal, return_debug_mask, scale?)
 * -> (out, logsumexp, ...); _for_cpu besides with attn_mask */
Value lower_flash_attention(Node *n) { return fused_attention(n, "attn_mask"); }

/* aten._scaled_dot_product_efficient_attention, _cudnn_attention, _fused_attention_overrideable(query, key, value,
 * attn_bias?, ..) */
Value lower_efficient_attention(Node *n) { return fused_attention(n, "attn_bias"); }

/* -- back ------------------------------------------------------------------------------------------------ */

/* x [*, A, B] . y [*, C, D], contracted over these dims (0: the second last, 1: the last), in x's type */
static Value product(Builder *b, Value x, int dx, Value y, int dy)
{
	if (!x || !y) return 0;
	int rank = rank_of(b, x);
	Ints lead = iota_ints(b->a, 0, rank - 2);
	return hlo_dot_general(b, x, y, (DotDims){ lead, lead, one_dim(b, rank - 2 + dx), one_dim(b, rank - 2 + dy) }, elem_of(b, x));
}

/* The weights [*, L, S] again, exp(score - logsumexp); a row that sees nothing has logsumexp -inf and weights 0. Where torch's
 * decompositions have replaced the forward op, it is the weights themselves that come for logsumexp. */
static Value weights_again(Node *n, Attention a)
{
	Builder *b = n->b;
	Value s = scores(b, a);
	if (a.causal) s = causal(b, s);
	if (a.mask) s = masked(b, s, a.mask);
	Type t = known_type(b, s);
	if (!t.kind) return 0;
	Value logsumexp = arg_as(n, "logsumexp", t.elem);
	Type rows = known_type(b, logsumexp);
	if (same_shape(rows, t)) return logsumexp;
	if (rows.rank == t.rank - 1 && rows.dim[rows.rank - 1] > t.dim[rows.rank - 1])       /* some kernels round L up */
		logsumexp = slice_dim(b, logsumexp, rows.rank - 1, 0, t.dim[rows.rank - 1], 1);
	Value unseen = math_isneginf(b, s);
	s = hlo_subtract(b, s, spread_over(b, logsumexp, one_dim(b, t.rank - 1), t));
	s = hlo_exponential(b, s);
	return a.causal || a.mask ? if_num(b, unseen, 0, s) : s;
}

/* x summed over the dims in which `to` is 1 or that it lacks: the gradient of a broadcast value */
static Value summed_to(Builder *b, Value x, Type to)
{
	Type t = known_type(b, x);
	int64_t *dims = NEW(b->a, int64_t, t.rank + 1);
	int n = 0, lead = t.rank - to.rank;
	for (int i = 0; i < t.rank; i++)
		if (i < lead || (to.dim[i - lead] == 1 && t.dim[i] != 1)) dims[n++] = i;
	x = sum_over(b, x, (Ints){ n, dims });
	return reshape_to(b, x, to);
}

/* -> (grad_query, grad_key, grad_value, grad_bias?) of w = softmax(s), s = scale q k^T + mask, out = w v, given g = grad of out:
 * grad_v = w^T g; grad_s = w (g v^T - sum(g out)); grad_q = scale grad_s k; grad_k = scale grad_s^T q */
static Value attention_backward(Node *n, const char *grad, const char *mask)
{
	Builder *b = n->b;
	Attention a = { 0 };
	if (!attention_of(n, mask, &a)) return 0;
	Type t = type_of(b, a.q);
	DType acc = acc_type(t.elem);
	a.q = cast(b, a.q, acc);
	a.k = cast(b, a.k, acc);
	a.v = cast(b, a.v, acc);
	Value g = arg_as(n, grad, acc);
	Value out = arg_as(n, "out", acc);
	Value w = weights_again(n, a);
	Value gv = product(b, w, 0, g, 0);
	Value gs = product(b, g, 1, a.v, 1);
	out = sum_over(b, hlo_multiply(b, g, out), one_dim(b, t.rank - 1));
	Type ts = known_type(b, gs);
	if (!ts.kind) return 0;
	gs = hlo_subtract(b, gs, spread_over(b, out, one_dim(b, t.rank - 1), ts));
	gs = hlo_multiply(b, gs, w);
	if (out_wanted(n, 3)) set_out(n, 3, cast(b, summed_to(b, gs, out_type(n, 3)), out_type(n, 3).elem));
	gs = scaled(b, gs, a.scale);
	Value gq = product(b, gs, 1, a.k, 0);
	Value gk = product(b, gs, 0, a.q, 0);
	set_out(n, 1, cast(b, gk, t.elem));
	set_out(n, 2, cast(b, gv, t.elem));
	return cast(b, gq, t.elem);
}

/* aten._scaled_dot_product_flash_attention_for_cpu_backward(grad_out, query, key, value, out, logsumexp, dropout_p, is_causal, *,
 * attn_mask?, scale?) */
Value lower_flash_attention_backward(Node *n) { return attention_backward(n, "grad_out", "attn_mask"); }
/* aten._scaled_dot_product_efficient_attention_backward(grad_out_, query, key, value, attn_bias, out, logsumexp, philox_seed,
 * philox_offset, dropout_p, grad_input_mask, is_causal, *, scale?) */
Value lower_efficient_attention_backward(Node *n) { return attention_backward(n, "grad_out_", "attn_bias"); }
