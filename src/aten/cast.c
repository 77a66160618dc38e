/* Conversions, copies, and what is a copy in a converted program: devices, layouts. */
#include "aten/rules.h"

/* aten.to.*, aten._to_copy, aten.type_as, aten.clone, aten.contiguous, ...: self in the type that torch
 * gives the result. Devices, strides and memory formats do not exist here. */
Value lower_cast(Node *n)
{
	Value x = arg(n, "self");
	return cast(n->b, x, n->out.elem);
}
