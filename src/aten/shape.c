/* Views and shapes. */
#include "aten/rules.h"

/* aten.flatten(self, start_dim, end_dim), and every view whose result shape says it all. */
Value lower_flatten(Node *n)
{
	Value x = arg(n, "self");
	return reshape_to(n->b, x, n->out);
}
