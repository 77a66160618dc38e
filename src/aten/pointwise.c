/* Operands of pointwise rules. */
#include "aten/pointwise.h"

Value operand(Node *n, const char *name, DType elem)
{
	Value x = arg_as(n, name, elem);
	return broadcast(n->b, x, n->out);
}

bool number_is_rounded(Node *n, const char *name, DType elem)
{
	const Arg *x = arg_raw(n, name);
	if (!x || x->kind != ARG_FLOAT || !is_float(elem) || acc_type(elem) == elem) return false;
	uint8_t bytes[16] = { 0 };
	dtype_store(elem, bytes, 0, x->f);
	return dtype_load(elem, bytes, 0) != x->f;
}

DType work_type(Node *n, int count, const char *const *names) { return acc_type(result_type(n, count, names)); }
DType float_work_type(Node *n, int count, const char *const *names) { return acc_type(float_result_type(n, count, names)); }
