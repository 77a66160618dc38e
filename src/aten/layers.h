/* What layers share: products of matrices, normalization, pairs of a value and its place. */
#ifndef ATEN_LAYERS_H
#define ATEN_LAYERS_H

#include "aten/node.h"

/* -- products (matmul.c) --------------------------------------------------------------------------------- */

/* torch.matmul: [*, m, k] . [*, k, n] -> [*, m, n], leading dims broadcast, a 1-d operand a row or a column; `elem` is the
 * type of the result and of its sums. */
Value matmul(Node *n, Value x, Value y, DType elem);
/* x [*, k] . w [o, k]^T -> [*, o], plus bias when there is one; sums and bias in acc_type, rounded once to x's type. */
Value linear(Builder *b, Value x, Value w, Value bias);

/* -- matrices (linalg_lu.c, linalg_rank.c) --------------------------------------------------------------- */

/* The inverses of [*, n, n]. */
Value matrix_inverse(Node *n, Value x);
/* The largest (ord 2), the smallest (-2) or the sum (0) of the singular values over two dims of x; in n->out's shape. */
Value spectral_norm(Node *n, Value x, Ints dims, double ord);

/* -- normalizing (norm.c) -------------------------------------------------------------------------------- */

/* (x - mean) / sqrt(variance + eps) over the last ndims dims of x, by weight and bias (of their shape, or 0); in x's type. */
Value layer_norm(Builder *b, Value x, int ndims, Value weight, Value bias, double eps);

/* -- pooling (pool.c) ------------------------------------------------------------------------------------ */

/* What a window of no elements has: the lowest value, and a place behind every other. */
void no_maximum(Builder *b, DType elem, Value *init);
/* The region that keeps the larger of two (value, place) pairs: among equals the first place, of NaNs the last. */
Region *larger_pair(Builder *b, DType elem);

#endif
