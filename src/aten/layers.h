/* What layers share: products of matrices, scaled sums, normalization. */
#ifndef ATEN_LAYERS_H
#define ATEN_LAYERS_H

#include "aten/node.h"

/* -- products (matmul.c) --------------------------------------------------------------------------------------------------- */

/* torch.matmul: [*, m, k] . [*, k, n] -> [*, m, n], leading dims broadcast, a 1-d operand a row or a column; `elem` is the
 * type of the result and of its sums. */
Value matmul(Node *n, Value x, Value y, DType elem);
/* x [*, k] . w [o, k]^T -> [*, o], plus bias when there is one; sums and bias in acc_type, rounded once to x's type. */
Value linear(Builder *b, Value x, Value w, Value bias);
/* k * x for the number argument `name`; 1 when absent. */
Value scaled_by_arg(Node *n, Value x, const char *name);

/* -- normalizing (norm.c) ---------------------------------------------------------------------------------------------------- */

/* Mean, 1 / sqrt(variance + eps) and variance (of all N, not N - 1) of x over dims. */
typedef struct Moments { Value mean, invstd, var; } Moments;
Moments moments_over(Builder *b, Value x, Ints dims, double eps);
/* (x - mean) * invstd, both without the dims that they were reduced over */
Value normalized(Builder *b, Value x, Moments m, Ints dims);

/* -- attention (attention.c) ---------------------------------------------------------------------------------------------------- */

/* layer_norm over the last dims of x, weight and bias of their shape or 0; in x's type. */
Value layer_norm(Builder *b, Value x, int ndims, Value weight, Value bias, double eps);

#endif
