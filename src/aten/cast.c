/* Conversions, copies, and what is a copy in a converted program: eval-mode dropout, devices, layouts. */
#include "aten/rules.h"

/* aten.to.*, aten._to_copy, aten.type_as, aten.clone, aten.contiguous, ...: self in the type that torch
 * gives the result. Devices, strides and memory formats do not exist here. */
Value lower_cast(Node *n)
{
	Value x = arg(n, "self");
	return cast(n->b, x, n->out.elem);
}

/* -- dropout --------------------------------------------------------------------------------------------- */

static Value refuse_training(Node *n)
{
	return node_fail(n, UNSUPPORTED, "dropout in training mode (p = %g); call .eval() before exporting",
		arg_num(n, "p", 0.5));
}

/* In training some values fall out by chance; a converted program has none of that, unless p says that
 * none or all do. */
static Value dropout(Node *n, bool train)
{
	double p = arg_num(n, "p", 0.5);
	if (train && p != 0 && p != 1) return refuse_training(n);
	Value x = arg(n, "input");
	return train && p == 1 ? scaled(n->b, x, 0) : x;
}

/* aten.dropout(input, p, train), feature_dropout */
Value lower_dropout(Node *n) { return dropout(n, arg_bool(n, "train", false)); }

/* aten.alpha_dropout(input, p, train), feature_alpha_dropout: p = 1 leaves nothing of the input either */
Value lower_alpha_dropout(Node *n) { return lower_dropout(n); }

/* aten.native_dropout(input, p, train?) -> (output, mask); train None is training */
Value lower_native_dropout(Node *n)
{
	bool train = arg_bool(n, "train", true);
	Value x = dropout(n, train);
	Type t = out_type(n, 1);
	bool none = train && arg_num(n, "p", 0.5) == 1;
	if (out_wanted(n, 1)) set_out(n, 1, full(n->b, t, none ? 0 : 1));
	return x;
}
