/* Reading and writing at index tensors: shared by index.c, scatter.c, embedding.c, sort.c and search.c.
 *
 * Indices are not wrapped here: the few ops that let negative ones count from the end do that before. Of what is out of
 * range (an error in torch) reads are clamped and writes dropped. */
#ifndef ATEN_INDEX_H
#define ATEN_INDEX_H

#include "aten/node.h"

/* The slices of x at `index` along dim: [.., D, ..] at [*I] -> [.., *I, ..]. */
Value take_at(Builder *b, Value x, int dim, Value index);
/* torch.gather: out[i][j][k] = x[i][index[i][j][k]][k] for dim 1; the other dims of x are at least as large as index's. */
Value gather_along(Builder *b, Value x, int dim, Value index);

/* Where a scatter writes: its indices, and how they and the dims of the updates belong to the dims of the operand. */
typedef struct Place { Value index; ScatterDims dims; } Place;
/* Slices of t along dim at index [*I]; updates are [.., *I, ..]. */
Place place_slices(Builder *b, Type t, int dim, Value index);
/* Single elements, as torch.scatter counts them: out[i][index[i][j][k]][k] for dim 1; updates have index's shape. */
Place place_along(Builder *b, Type t, int dim, Value index);
/* x with the updates in place; of several to one element any may win. */
Value write_at(Builder *b, Value x, Place p, Value updates);
/* x with op(x, updates) in place: add, multiply, maximum, minimum. */
Value combine_at(Builder *b, OpCode op, Value x, Place p, Value updates);

/* Sizes of a dim of `size`, as arguments say them (slice.c): Python's slice bounds, where negative counts from the end, then clamped;
 * an index, from the end when negative. All may be handles. */
int64_t slice_bound(Node *n, int64_t i, int64_t size);
int64_t whole_index(Node *n, int64_t i, int64_t size);

/* bool or int [n] -> i64[n]: the sum of x[0..i]; of a mask: how many are set up to there. */
Value running_count(Builder *b, Value x);
/* How often each row of a table of `rows` stands in index [N], at each of its places: acc [N] (backward_index.c) */
Value times_used(Builder *b, Value index, int64_t rows, DType acc);
/* x itself, or a 0-d x as one element [1]. */
Value raised(Builder *b, Value x);
Value flattened(Builder *b, Value x);

#endif
