/* The rule table, and the rules that most rows share. */
#include "aten/pointwise.h"
#include "aten/rules.h"

const RuleRow rule_table[] = {
#define RULE(t, function)      { .target = t, .rule = function },
#define UNARY(t, o, how)       { .target = t, .type = TYPE_##how, .op = OP_##o },
#define BINARY(t, o, how)      { .target = t, .type = TYPE_##how, .op = OP_##o },
#define MATH1(t, f, how)       { .target = t, .type = TYPE_##how, .math1 = f },
#define MATH2(t, f, how)       { .target = t, .type = TYPE_##how, .math2 = f },
#define COMPARE(t, d)          { .target = t, .op = OP_compare, .direction = DIRECTION_##d },
#include "aten/rules.def"
};
const int nrules = sizeof rule_table / sizeof *rule_table;

/* Some special functions call their argument x. */
static const char *first_name(Node *n) { return arg_raw(n, "x") && !arg_raw(n, "self") ? "x" : "self"; }

static DType row_type(Node *n, const RuleRow *r, int count)
{
	const char *const names[] = { first_name(n), "other" };
	return r->type == TYPE_FLOAT ? float_result_type(n, count, names) : result_type(n, count, names);
}

/* op(self); narrow floats are computed in f32 and rounded once where the op rounds, as torch's kernels do. */
static Value lower_unary(Node *n, const RuleRow *r)
{
	Builder *b = n->b;
	DType t = row_type(n, r, 1);
	Value x = arg_as(n, "self", r->type == TYPE_FLOAT ? acc_type(t) : t);
	x = emit(b, r->op, NULL, 1, &x, NULL);
	return cast(b, x, n->out.elem);
}

/* op(self, other) */
static Value lower_binary(Node *n, const RuleRow *r)
{
	Builder *b = n->b;
	DType t = row_type(n, r, 2);
	if (number_is_rounded(n, "self", t) || number_is_rounded(n, "other", t)) t = acc_type(t);
	Value x = operand(n, "self", t);
	Value y = operand(n, "other", t);
	x = emit(b, r->op, NULL, 2, (Value[]){ x, y }, NULL);
	return cast(b, x, n->out.elem);
}

/* function(self), function(self, other) */
static Value lower_math1(Node *n, const RuleRow *r)
{
	Value x = arg_as(n, first_name(n), acc_type(row_type(n, r, 1)));
	x = x ? r->math1(n->b, x) : 0;
	return cast(n->b, x, n->out.elem);
}

static Value lower_math2(Node *n, const RuleRow *r)
{
	DType t = acc_type(row_type(n, r, 2));
	Value x = operand(n, "self", t);
	Value y = operand(n, "other", t);
	x = x && y ? r->math2(n->b, x, y) : 0;
	return cast(n->b, x, n->out.elem);
}

/* self < other and the like: compared in torch.result_type, bool out (the written tensor's type for lt_). */
static Value lower_compare(Node *n, const RuleRow *r)
{
	DType t = row_type(n, r, 2);
	Value x = operand(n, "self", t);
	Value y = operand(n, "other", t);
	x = hlo_compare(n->b, r->direction, x, y);
	return cast(n->b, x, n->out.elem);
}

Value lower_row(Node *n, const RuleRow *r)
{
	if (n->out.elem == DTYPE_c32)
		return node_fail(n, UNSUPPORTED, "complex32: StableHLO's complex numbers are of f32 or f64");
	if (r->rule) return r->rule(n);
	if (r->math1) return lower_math1(n, r);
	if (r->math2) return lower_math2(n, r);
	if (r->op == OP_compare) return lower_compare(n, r);
	return op_table[r->op].binary ? lower_binary(n, r) : lower_unary(n, r);
}
