/* Sizes and assertions: what torch.export leaves in the graph beside the tensors. */
#include "aten/rules.h"

#include <string.h>

/* aten.sym_size.int(self, dim), Python arithmetic on sizes, aten._assert_tensor_metadata(...), ...: sizes
 * are numbers by the time a rule runs (the graph's metadata has them) and assertions held when the program
 * was exported. Nothing to compute. */
Value lower_nothing(Node *n)
{
	(void)n;
	return 0;
}

/* -- numbers computed of sizes ----------------------------------------------------------------------------- */

/* What Python calls the arithmetic on floats; OP_none: the operand itself. */
static const struct { const char *target; OpCode op; } on_floats[] = {
	{ "_operator.add", OP_add }, { "_operator.mul", OP_multiply }, { "_operator.neg", OP_negate }, { "_operator.pos", OP_none },
	{ "_operator.pow", OP_power }, { "_operator.sub", OP_subtract }, { "_operator.truediv", OP_divide }, { "torch.sym_float", OP_none },
	{ "torch.sym_max", OP_maximum }, { "torch.sym_min", OP_minimum }, { "torch.sym_sqrt", OP_sqrt },
};

/* Python arithmetic: what gives a size is known as an expression, what gives a float is a 0-d f64 here. */
Value lower_python(Node *n)
{
	Builder *b = n->b;
	if (n->out.kind != TYPE_TENSOR) return 0;
	for (size_t i = 0; i < sizeof on_floats / sizeof *on_floats; i++) {
		if (strcmp(n->g->target, on_floats[i].target)) continue;
		Value in[2] = { 0 };
		int count = n->g->narg < 2 ? n->g->narg : 2;
		for (int k = 0; k < count; k++) in[k] = arg_as(n, n->g->arg[k].name, n->out.elem);
		OpCode op = on_floats[i].op;
		return op == OP_none ? in[0] : emit(b, op, NULL, op_table[op].binary ? 2 : 1, in, NULL);
	}
	return node_fail(n, UNSUPPORTED, "a float that is computed of sizes in this way");
}
