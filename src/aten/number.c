/* Numbers of Python's that the running program computes: tensor.item(), and arithmetic on them and on sizes. An int is a 0-d i64 here, a
 * float a 0-d f64, a bool a 0-d i1. What is computed of sizes alone stays an expression (dynamic.c) where it is an int. */
#include "aten/ctx.h"
#include "aten/rules.h"

#include <string.h>

/* aten.item(self), _local_scalar_dense: the only element */
Value lower_item(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	Type t = known_type(b, x);
	x = cast(b, x, t.elem == DTYPE_bool ? DTYPE_bool : is_float(t.elem) ? DTYPE_f64 : DTYPE_i64);
	return hlo_reshape(b, x, 0, NULL);
}

/* -- operators ------------------------------------------------------------------------------------------- */

typedef enum Takes { OWN, FLOATS, COMMON } Takes;       /* operands in the type of the result; in f64; in f64 if one is a float, else in i64 */

typedef struct Operator Operator;
struct Operator {
	const char *target;
	int noperand;                /* 0: a list of any number */
	Takes takes;
	Value (*compute)(Builder *b, const Operator *o, Values v);
	int op;                      /* an OpCode, or the direction of a comparison */
};

static Value itself(Builder *b, const Operator *o, Values v) { return (void)b, (void)o, v.v[0]; }
static Value by_op(Builder *b, const Operator *o, Values v) { return emit(b, (OpCode)o->op, NULL, v.n, v.v, NULL); }
static Value compare(Builder *b, const Operator *o, Values v) { return hlo_compare(b, (Direction)o->op, v.v[0], v.v[1]); }

/* A float as an int: rounded by the op, then to zero. */
static Value round_to_int(Builder *b, const Operator *o, Values v)
{
	Value x = v.v[0];
	if (o->op != OP_none && is_float(known_type(b, x).elem)) x = by_op(b, o, v);
	return cast(b, x, DTYPE_i64);
}

/* Whether x / y, which was rounded to zero, is above its floor: a rest is left, of another sign than y. */
static Value is_rounded_up(Builder *b, Value rest, Value y)
{
	Value zero = full_like(b, rest, 0);
	Value some = hlo_compare(b, DIRECTION_NE, rest, zero);
	Value below = hlo_compare(b, DIRECTION_LT, rest, zero);
	Value by_below = hlo_compare(b, DIRECTION_LT, y, zero);
	Value apart = hlo_compare(b, DIRECTION_NE, below, by_below);
	return hlo_and(b, some, apart);
}

/* x - y * floor(x / y), of the sign of y */
static Value mod(Builder *b, const Operator *o, Values v)
{
	(void)o;
	Value rest = hlo_remainder(b, v.v[0], v.v[1]);
	Value wrapped = hlo_add(b, rest, v.v[1]);
	Value up = is_rounded_up(b, rest, v.v[1]);
	return hlo_select(b, up, wrapped, rest);
}

/* floor(x / y) as (x - x % y) / y; of floats that is a whole number but for rounding (CPython's float_floor_div) */
static Value floordiv(Builder *b, const Operator *o, Values v)
{
	Value rest = mod(b, o, v);
	Value whole = hlo_subtract(b, v.v[0], rest);
	whole = hlo_divide(b, whole, v.v[1]);
	return is_float(known_type(b, whole).elem) ? hlo_round_nearest_even(b, whole) : whole;
}

static Value sum(Builder *b, const Operator *o, Values v)
{
	(void)o;
	Value total = scalar_int(b, 0, DTYPE_i64);
	for (int i = 0; i < v.n; i++) total = hlo_add(b, total, v.v[i]);
	return total;
}

/* sym_ite(b, t, f): t if b else f */
static Value if_then_else(Builder *b, const Operator *o, Values v)
{
	(void)o;
	Value pred = cast(b, v.v[0], DTYPE_bool);
	return hlo_select(b, pred, v.v[1], v.v[2]);
}

static const Operator operators[] = {
	{ "_operator.add", 2, OWN, by_op, OP_add },             { "_operator.and_", 2, OWN, by_op, OP_and },
	{ "_operator.eq", 2, COMMON, compare, DIRECTION_EQ },   { "_operator.floordiv", 2, OWN, floordiv, 0 },
	{ "_operator.ge", 2, COMMON, compare, DIRECTION_GE },   { "_operator.gt", 2, COMMON, compare, DIRECTION_GT },
	{ "_operator.le", 2, COMMON, compare, DIRECTION_LE },   { "_operator.lshift", 2, OWN, by_op, OP_shift_left },
	{ "_operator.lt", 2, COMMON, compare, DIRECTION_LT },   { "_operator.mod", 2, OWN, mod, 0 },
	{ "_operator.mul", 2, OWN, by_op, OP_multiply },        { "_operator.ne", 2, COMMON, compare, DIRECTION_NE },
	{ "_operator.neg", 1, OWN, by_op, OP_negate },          { "_operator.or_", 2, OWN, by_op, OP_or },
	{ "_operator.pos", 1, OWN, itself, 0 },                 { "_operator.pow", 2, OWN, by_op, OP_power },
	{ "_operator.rshift", 2, OWN, by_op, OP_shift_right_arithmetic }, { "_operator.sub", 2, OWN, by_op, OP_subtract },
	{ "_operator.truediv", 2, FLOATS, by_op, OP_divide },   { "math.ceil", 1, COMMON, round_to_int, OP_ceil },
	{ "math.floor", 1, COMMON, round_to_int, OP_floor },    { "math.trunc", 1, COMMON, round_to_int, OP_none },
	{ "torch.sym_float", 1, OWN, itself, 0 },               { "torch.sym_int", 1, COMMON, round_to_int, OP_none },
	{ "torch.sym_ite", 3, OWN, if_then_else, 0 },           { "torch.sym_max", 2, OWN, by_op, OP_maximum },
	{ "torch.sym_min", 2, OWN, by_op, OP_minimum },         { "torch.sym_not", 1, OWN, by_op, OP_not },
	{ "torch.sym_sqrt", 1, FLOATS, by_op, OP_sqrt },        { "torch.sym_sum", 0, OWN, sum, 0 },
};

static const Operator *operator_of(const char *target)
{
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (!strcmp(target, operators[i].target)) return &operators[i];
	return NULL;
}

static Values operands(Node *n)
{
	Values v = { 0, NEW(n->a, Value, n->g->narg + 1) };
	if (n->g->narg == 1 && n->g->arg[0].arg.kind == ARG_LIST) return arg_list(n, n->g->arg[0].name);
	for (int i = 0; i < n->g->narg; i++) v.v[v.n++] = arg(n, n->g->arg[i].name);
	return v;
}

static DType operand_type(Builder *b, const Operator *o, Values v, DType out)
{
	if (o->takes != COMMON) return o->takes == OWN ? out : DTYPE_f64;
	for (int i = 0; i < v.n; i++)
		if (is_float(known_type(b, v.v[i]).elem)) return DTYPE_f64;
	return DTYPE_i64;
}

static Value computed(Node *n, DType out)
{
	const Operator *o = operator_of(n->g->target);
	if (!o) return node_fail(n, UNSUPPORTED, "this operator on numbers that are not fixed");
	Values v = operands(n);
	if (o->noperand && v.n != o->noperand) return node_fail(n, BAD_INPUT, "%d operands, wanted %d", v.n, o->noperand);
	DType t = operand_type(n->b, o, v, out);
	for (int i = 0; i < v.n; i++) v.v[i] = cast(n->b, v.v[i], t);
	return o->compute(n->b, o, v);
}

static bool any_running(Node *n)
{
	for (int i = 0; i < n->g->narg; i++) {
		const Arg *x = &n->g->arg[i].arg;
		if (is_running_arg(n, x)) return true;
		for (int k = 0; x->kind == ARG_LIST && k < x->list.n; k++)
			if (is_running_arg(n, &x->list.item[k])) return true;
	}
	return false;
}

/* Python's operators and torch.sym_*() on numbers. */
Value lower_python(Node *n)
{
	VId v = n->g->nout ? n->g->out[0] : 0;
	ValueKind kind = v ? n->l->graph->value.v[v].kind : VALUE_none;
	switch (kind) {
	case VALUE_SYMINT:   return any_running(n) ? computed(n, DTYPE_i64) : 0;
	case VALUE_SYMFLOAT: return computed(n, DTYPE_f64);
	case VALUE_SYMBOOL:  return computed(n, DTYPE_bool);
	default:             return 0;
	}
}
