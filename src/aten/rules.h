/* Inside aten: the functions that rules.def names, and the table. */
#ifndef ATEN_RULES_H
#define ATEN_RULES_H

#include "aten/formulas.h"
#include "aten/node.h"

/* SAME: computed in torch.result_type; FLOAT: integers and bool become the default float first (f32). */
typedef enum RuleType { TYPE_SAME, TYPE_FLOAT } RuleType;

/* One of the five functions is set, or op alone: then it has one or two operands as op_table says. */
typedef struct RuleRow {
	const char *target;
	RuleType type;
	OpCode op;
	Direction direction;
	Rule *rule;
	Math1 *math1;
	Math2 *math2;
} RuleRow;

extern const RuleRow rule_table[];
extern const int nrules;

#define RULE(target, function) Rule function;
#define UNARY(target, op, type)
#define BINARY(target, op, type)
#define MATH1(target, function, type)
#define MATH2(target, function, type)
#define COMPARE(target, direction)
#include "aten/rules.def"
#undef RULE
#undef UNARY
#undef BINARY
#undef MATH1
#undef MATH2
#undef COMPARE

/* An operator that is_custom(): custom.c. */
Rule lower_custom;

/* What the row says, whichever kind it is. */
Value lower_row(Node *n, const RuleRow *r);

#endif
