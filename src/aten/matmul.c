/* Matrix products. */
#include "aten/rules.h"

/* aten.linear(input[*, I], weight[O, I], bias[O]?): input . weight^T + bias */
Value lower_linear(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "input");
	Value w = arg(n, "weight");
	Value bias = arg_opt(n, "bias");
	if (!x || !w) return 0;
	Ints last = one_dim(b, rank_of(b, x) - 1), in = one_dim(b, rank_of(b, w) - 1);
	Value y = hlo_dot_general(b, x, w, (DotDims){ .lhs_contracting = last, .rhs_contracting = in }, n->out.elem);
	if (!bias) return y;
	bias = broadcast(b, bias, n->out);
	return hlo_add(b, y, bias);
}
