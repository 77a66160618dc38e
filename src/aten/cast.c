/* Conversions, copies, and what is a copy in a converted program: devices, layouts. */
#include "aten/rules.h"

/* aten.to.*, aten._to_copy, aten.type_as, aten.clone, aten.contiguous, ...: self in the type that torch
 * gives the result. Devices, strides and memory formats do not exist here. */
Value lower_cast(Node *n)
{
	Value x = arg(n, "self");
	return cast(n->b, x, n->out.elem);
}

/* aten.item(self), _local_scalar_dense: the only element as a Python number, which stays a 0-d value here */
Value lower_item(Node *n)
{
	Value x = arg(n, "self");
	x = cast(n->b, x, is_float(known_type(n->b, x).elem) ? DTYPE_f64 : DTYPE_i64);
	return hlo_reshape(n->b, x, 0, NULL);
}
