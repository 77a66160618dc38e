/* Dropout. Of training, x is multiplied by a mask of 0 and 1 / (1 - p); elsewhere it stays as it is. */
#include "aten/random.h"
#include "aten/rules.h"

#include <math.h>

/* -- masks ----------------------------------------------------------------------------------------------- */

/* In training, with something to drop. p = 1 is left to the draws: all fall out. */
static bool drops(Node *n, bool train)
{
	double p = arg_num(n, "p", 0.5);
	if (p >= 0 && p <= 1) return train && p > 0;
	node_fail(n, BAD_INPUT, "p is %g, wanted 0 to 1", p);
	return false;
}

/* One draw for each element, or for each channel of t [N, C, *]: true with probability 1 - p, broadcast to t.
 * */
static Value kept(Node *n, Type t, double p, bool channels)
{
	Type drawn = t;
	if (channels && t.rank < 2)
		return node_fail(n, BAD_INPUT, "%s has no channels, wanted 2 dims or more", type_str(n->a, t));
	if (channels)
		for (int i = 2; i < t.rank; i++) drawn = shape_with(n->b, drawn, i, 1);
	Value yes = random_bool(n, drawn, 1 - p);
	return broadcast(n->b, yes, with_elem(t, DTYPE_bool));
}

/* x kept / (1 - p): an infinite x that falls out is NaN, as in torch */
static Value dropped(Builder *b, Value x, Value kept, double p)
{
	DType elem = known_type(b, x).elem;
	Value mask = hlo_convert(b, kept, acc_type(elem));
	mask = scaled(b, mask, p < 1 ? 1 / (1 - p) : 0);
	x = hlo_convert(b, x, acc_type(elem));
	x = hlo_multiply(b, x, mask);
	return hlo_convert(b, x, elem);
}

Value random_dropout(Node *n, Value x, double p)
{
	Type t = known_type(n->b, x);
	return t.kind ? dropped(n->b, x, kept(n, t, p, false), p) : 0;
}

/* -- rules ----------------------------------------------------------------------------------------------- */

static Value dropout(Node *n, bool channels)
{
	Value x = arg(n, "input");
	if (!x || !drops(n, arg_bool(n, "train", false))) return x;
	double p = arg_num(n, "p", 0.5);
	return dropped(n->b, x, kept(n, known_type(n->b, x), p, channels), p);
}

/* aten.dropout(input, p, train); feature_dropout: whole channels */
Value lower_dropout(Node *n) { return dropout(n, false); }
Value lower_feature_dropout(Node *n) { return dropout(n, true); }

/* aten.native_dropout(input, p, train?) -> (output, mask); train None is training */
Value lower_native_dropout(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "input");
	if (!x) return 0;
	double p = arg_num(n, "p", 0.5);
	bool some = drops(n, arg_bool(n, "train", true));
	Type t = known_type(b, x), mask = out_type(n, 1);
	Value yes = some ? kept(n, t, p, false) : full(b, with_elem(t, DTYPE_bool), 1);
	if (out_wanted(n, 1)) set_out(n, 1, cast(b, yes, mask.elem));
	return some ? dropped(b, x, yes, p) : x;
}

/* What falls out becomes -1.758... (the least value of SELU); a and a shift restore mean 0 and variance 1
 * (Klambauer et al., Self-Normalizing Neural Networks, 2017): x a kept + s (kept - 1) a + s a p, s =
 * 1.758..., a = 1 / sqrt((s^2 p + 1) (1 - p)) */
static Value alpha_dropout(Node *n, bool channels)
{
	static const double s = 1.7580993408473766;
	Builder *b = n->b;
	double p = arg_num(n, "p", 0.5);
	Value x = arg(n, "input");
	if (!x || !drops(n, arg_bool(n, "train", false))) return x;
	if (p == 1) return scaled(b, x, 0);
	Type t = known_type(b, x);
	double a = 1 / sqrt((s * s * p + 1) * (1 - p));
	Value mask = kept(n, t, p, channels);
	mask = hlo_convert(b, mask, acc_type(t.elem));
	x = hlo_convert(b, x, acc_type(t.elem));
	x = hlo_multiply(b, x, scaled(b, mask, a));
	mask = plus(b, mask, -1);
	mask = scaled(b, mask, s * a);
	mask = plus(b, mask, s * a * p);
	x = hlo_add(b, x, mask);
	return hlo_convert(b, x, t.elem);
}

/* aten.alpha_dropout(input, p, train), feature_alpha_dropout */
Value lower_alpha_dropout(Node *n) { return alpha_dropout(n, false); }
Value lower_feature_alpha_dropout(Node *n) { return alpha_dropout(n, true); }

/* -- a random slope -------------------------------------------------------------------------------------- */

/* r of x <= 0, 1 of the rest; r in [lower, upper), one draw for each element in training, elsewhere the
 * middle of both */
static Value slopes(Node *n, Value x)
{
	Builder *b = n->b;
	double lower = arg_num(n, "lower", 0.125), upper = arg_num(n, "upper", 1.0 / 3);
	Type t = known_type(b, x);
	if (!t.kind) return 0;
	bool train = arg_bool(n, "training", false);
	Value r = train ? random_uniform(n, t) : full(b, with_elem(t, acc_type(t.elem)), 0.5);
	r = scaled(b, r, upper - lower);
	r = plus(b, r, lower);
	Value below = is(b, DIRECTION_LE, x, 0);
	Value one = full_like(b, r, 1);
	return hlo_select(b, below, r, one);
}

static Value times(Builder *b, Value x, Value slope)
{
	DType elem = known_type(b, x).elem;
	x = hlo_convert(b, x, acc_type(elem));
	x = hlo_multiply(b, x, slope);
	return hlo_convert(b, x, elem);
}

/* aten.rrelu(self, lower=1/8, upper=1/3, training): max(x, 0) + slope min(x, 0) */
Value lower_rrelu(Node *n)
{
	Value x = arg(n, "self");
	return times(n->b, x, slopes(n, x));
}

/* aten.rrelu_with_noise_functional(self, noise, lower=1/8, upper=1/3, training) -> (out, noise): in training
 * the noise becomes the slopes */
Value lower_rrelu_with_noise(Node *n)
{
	Value x = arg(n, "self"), slope = slopes(n, x);
	Value noise = arg_bool(n, "training", false) ? slope : arg(n, "noise");
	if (out_wanted(n, 1)) set_out(n, 1, cast(n->b, noise, out_type(n, 1).elem));
	return times(n->b, x, slope);
}
