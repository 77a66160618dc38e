/* What fake quantization and its observers share (fake_quant.c). */
#ifndef ATEN_FAKE_QUANT_H
#define ATEN_FAKE_QUANT_H

#include "aten/quant.h"

/* The inverse of the scale and the zero point in the type of the sums, the scale in that of products, as g.view each; the ends. */
typedef struct Grid { Value scale, inverse, zero; double low, high; DType product; } Grid;

Grid grid_of(Node *n, Value scale, Value zero, Blocks g, DType sums, DType product);

/* v = (q - zero) * scale and steps = q - zero, with q = round(x / scale) + zero kept in [low, high], NaN being low; inside: where
 * q lay there. whole: the zero point is an integer; else the sum is rounded. */
typedef struct Faked { Value v, inside, steps; } Faked;

Faked faked(Builder *b, Value x, Grid g, bool whole);

/* One number for each index of `axis`. */
Blocks channels(Node *n, Type t, int axis);

/* x where the argument, a tensor of one element, is not 0, else y. */
Value if_flag(Node *n, const char *name, Value x, Value y);

#endif
