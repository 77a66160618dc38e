/* What pointwise and reducing rules share: operands brought to one type and shape, norms, reductions of
 * losses. */
#ifndef ATEN_POINTWISE_H
#define ATEN_POINTWISE_H

#include "aten/node.h"

/* arg_as(), broadcast to n->out's shape. */
Value operand(Node *n, const char *name, DType elem);
/* The argument is a Python number that elem (f16, bf16) does not hold exactly: torch's kernels keep such
 * numbers in f32. */
bool number_is_rounded(Node *n, const char *name, DType elem);
/* acc_type() of the types of the named arguments: what a composite is computed in. */
DType work_type(Node *n, int count, const char *const *names);
DType float_work_type(Node *n, int count, const char *const *names);

/* Two arguments in work_type() or float_work_type(), broadcast to each other. */
typedef struct Pair { Value x, y; Type t; } Pair;
Pair work_pair(Node *n, const char *x, const char *y);
Pair float_pair(Node *n, const char *x, const char *y);

/* The p-norm of magnitudes x >= 0 over dims: max (p = inf), min (-inf), how many are not 0 (0), or (sum
 * x^p)^(1/p). */
Value norm_over(Builder *b, Value x, double p, Ints dims);

/* The same for distances (cdist, pdist): how many are not 0 (p = 0) is NaN where there is NaN. */
Value distance_over(Builder *b, Value x, double p, Ints dims);

/* x[0] + .. + x[i] at each i along dim (scan.c). */
Value running_total(Builder *b, Value x, int dim);

/* What "reduction" says of the elements of a loss: 0 each, 1 their mean, 2 their sum; in n->out's type. */
enum { REDUCTION_NONE, REDUCTION_MEAN, REDUCTION_SUM };
Value reduced_loss(Node *n, Value x);

#endif
