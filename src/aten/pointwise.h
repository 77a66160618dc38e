/* What pointwise rules share: operands brought to one type and to the shape of the result. */
#ifndef ATEN_POINTWISE_H
#define ATEN_POINTWISE_H

#include "aten/node.h"

/* arg_as(), broadcast to n->out's shape. */
Value operand(Node *n, const char *name, DType elem);
/* The argument is a Python number that elem (f16, bf16) does not hold exactly: torch's kernels keep such numbers in f32. */
bool number_is_rounded(Node *n, const char *name, DType elem);
/* acc_type() of the types of the named arguments: what a composite is computed in. */
DType work_type(Node *n, int count, const char *const *names);
DType float_work_type(Node *n, int count, const char *const *names);

#endif
