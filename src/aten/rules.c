/* The rule table, and the two rules that most rows share. */
#include "aten/rules.h"

const RuleRow rule_table[] = {
#define RULE(t, function)  { .target = t, .mode = MODE_RULE, .rule = function },
#define UNARY(t, o, m)     { .target = t, .mode = MODE_##m, .op = OP_##o },
#define BINARY(t, o)       { .target = t, .mode = MODE_BINARY, .op = OP_##o },
#include "aten/rules.def"
};
const int nrules = sizeof rule_table / sizeof *rule_table;

/* Narrow floats are computed in f32 and rounded once, as torch's kernels do. */
Value lower_unary(Node *n, OpCode op, RuleMode mode)
{
	Builder *b = n->b;
	const char *names[] = { "self" };
	DType t = mode == MODE_FLOAT ? float_result_type(n, 1, names) : result_type(n, 1, names);
	Value x = arg_as(n, "self", mode == MODE_FLOAT ? acc_type(t) : t);
	x = emit(b, op, NULL, 1, &x, NULL);
	return cast(b, x, n->out.elem);
}

Value lower_binary(Node *n, OpCode op)
{
	Builder *b = n->b;
	DType t = result_type(n, 2, (const char *[]){ "self", "other" });
	Value x = arg_as(n, "self", t);
	Value y = arg_as(n, "other", t);
	x = broadcast(b, x, n->out);
	y = broadcast(b, y, n->out);
	x = emit(b, op, NULL, 2, (Value[]){ x, y }, NULL);
	return cast(b, x, n->out.elem);
}
