/* Inside aten: the functions that rules.def names, and the table. */
#ifndef ATEN_RULES_H
#define ATEN_RULES_H

#include "aten/node.h"

typedef enum RuleMode { MODE_RULE, MODE_SAME, MODE_FLOAT, MODE_BINARY } RuleMode;

typedef struct RuleRow {
	const char *target;
	RuleMode mode;
	OpCode op;
	Rule *rule;
} RuleRow;

extern const RuleRow rule_table[];
extern const int nrules;

#define RULE(target, function) Rule function;
#define UNARY(target, op, mode)
#define BINARY(target, op)
#include "aten/rules.def"
#undef RULE
#undef UNARY
#undef BINARY

Value lower_unary(Node *n, OpCode op, RuleMode mode);
Value lower_binary(Node *n, OpCode op);

#endif
