/* The op table: ops.def with every column. */
#include "stablehlo/infer.h"

#include <string.h>

#define CURRENT NULL
#define GENERIC NULL
#define given   NULL
#define PURE    false
#define EFFECT  true
#define IN(...)      #__VA_ARGS__
#define REGIONS(...) #__VA_ARGS__
#define NONE
#define ATTRS(...)   __VA_ARGS__
#define A(name, kind)            { #name, KIND_##kind, NULL, 1 },
#define O(name, kind, other)     { #name, KIND_##kind, other, 1 },
#define N(v, name, kind, other)  { #name, KIND_##kind, other, v },

/* A row opens an initializer that its VHLO columns go on and the next row closes. */
#define OP(n, ins, attrs, regs, frm, inf, eff) }, [OP_##n] = { .name = #n, .in = ins, .attr = { attrs { 0 } }, \
	.regions = regs, .form = frm, .infer = inf, .effect = eff,
#define ELEMENTWISE(n, ins, frm, inf, flag) }, [OP_##n] = { .name = #n, .in = ins, .regions = "", .form = frm, \
	.infer = inf, flag = true,
#define UNARY(n)   ELEMENTWISE(n, "operand", "{operand} : {same}", infer_unary, .unary)
#define UNARY_F(n) UNARY(n) .attr = { { "result_accuracy", KIND_ACCURACY, "", 2 } },
#define BINARY(n)  ELEMENTWISE(n, "lhs, rhs", "{lhs}, {rhs} : {same}", infer_binary, .binary)
#define VHLO(v, from, to) .vhlo[v - 1] = { v, from, to },

const OpDef op_table[NOPS] = {
	[OP_none] = { .name = "none",
#include "stablehlo/ops.def"
	},
};

int op_nattr(OpCode code)
{
	int n = 0;
	while (op_table[code].attr[n].name) n++;
	return n;
}

OpCode op_by_name(const char *name, size_t n)
{
	for (int i = 1; i < NOPS; i++)
		if (strlen(op_table[i].name) == n && !memcmp(op_table[i].name, name, n)) return (OpCode)i;
	return OP_none;
}

int op_attr_index(OpCode code, const char *name)
{
	for (int i = 0; op_table[code].attr[i].name; i++)
		if (!strcmp(op_table[code].attr[i].name, name)) return i;
	return -1;
}
