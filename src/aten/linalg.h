/* Matrices and their factorizations.
 *
 * A rule brings its matrices to [B, m, n], all leading dims as one, works on them with loops over
 * rows, columns or sweeps (never unrolled: the module stays as small for 1000 x 1000 as for 2 x 2),
 * and gives the results the shapes that the program says. f32, f64 and complex only, as in torch.
 * Value 0 in, 0 out. */
#ifndef ATEN_LINALG_H
#define ATEN_LINALG_H

#include "aten/formulas.h"
#include "aten/node.h"

/* -- operands and results (linalg.c) --------------------------------------------------------------------- */

/* The named argument as [B, m, n]. Fewer than two dims or a type that torch refuses: a failure. */
Value arg_matrices(Node *n, const char *name);
/* The same of square ones. */
Value arg_square(Node *n, const char *name);
Value as_matrices(Node *n, Value x);
/* The two operands of a system as matrices, their leading dims broadcast against each other; false: a
 * failure. */
bool as_system(Node *n, Value *a, Value *y);
bool arg_system(Node *n, const char *a, const char *y, Value *out_a, Value *out_y);
/* x in the shape of the first output; in that of output i, when somebody wants it. */
Value in_out_shape(Node *n, Value x);
void set_matrix_out(Node *n, int i, Value x);
int64_t nrows(Builder *b, Value x);              /* of [B, m, n]; 0 after a failure */
int64_t ncols(Builder *b, Value x);
Type matrices_type(Builder *b, Value like, int64_t m, int64_t n);     /* [B, m, n] of like's elements */

/* -- values [B, m, n]; a size of 1 broadcasts ------------------------------------------------------------ */

/* op after broadcasting; a real one of them becomes complex */
Value combine(Builder *b, OpCode op, Value x, Value y);
Value dot(Builder *b, Value x, Value y);                     /* [B, m, k] . [B, k, n] */
Value conjugate(Builder *b, Value x);
Value transposed(Builder *b, Value x);
Value adjoint(Builder *b, Value x);
Value identity_like(Builder *b, Type t);                     /* ones at [_, i, i] */
Value diagonal_of(Builder *b, Value x);                      /* [B, min(m, n)] */
Value lower_triangle(Builder *b, Value x, int64_t diagonal); /* zeros above that diagonal */
Value upper_triangle(Builder *b, Value x, int64_t diagonal); /* zeros below it */
Value real_part(Builder *b, Value x);                        /* x itself when real */
Value magnitude2(Builder *b, Value x);                       /* |x|^2, real */
Value pivot_size(Builder *b, Value x);                       /* what LAPACK compares: |x|, |re| + |im| */
double epsilon_of(DType elem);                               /* the distance from 1 to the next number */
Value sum_along(Builder *b, Value x, int dim);               /* the dim stays as 1 */
Value columns(Builder *b, Value x, int64_t from, int64_t to);
Value rows(Builder *b, Value x, int64_t from, int64_t to);
Value padded_to(Builder *b, Value x, int64_t m, int64_t n);  /* zeros behind */

/* Where the position along dim is d the scalar i (i32), in t's shape. */
Value where_position(Builder *b, Type t, int dim, Direction d, Value i);
Value masked(Builder *b, Value mask, Value x);               /* x where mask, else 0 */
/* Row or column i (an i32 scalar), the dim kept as 1; and x with it replaced. */
Value slice_at(Builder *b, Value x, int dim, Value i);
Value with_slice_at(Builder *b, Value x, int dim, Value i, Value slice);
/* x's rows in the order that index i32[B, m] says: out[i] = x[index[i]]; columns. */
Value permuted(Builder *b, Value x, int dim, Value index);
/* The largest magnitude of each matrix, [B, 1, 1], 1 where it is 0: what is divided by it neither
 * overflows nor underflows when squared. */
Value largest_magnitude(Builder *b, Value x);

/* -- loops ----------------------------------------------------------------------------------------------- */

/* One turn: v goes from what it was to what it is next; i counts from 0 (an i32 scalar). */
typedef void Turn(Builder *b, const void *with, Value i, Value *v);
enum { MAX_CARRIED = 6 };
/* count turns; nothing is emitted for none. */
void repeat(Builder *b, int64_t count, int n, Value *v, Turn *turn, const void *with);
/* The same while the last value, a bool scalar, is true. */
void repeat_while(Builder *b, int64_t at_most, int n, Value *v, Turn *turn, const void *with);

/* -- factorizations -------------------------------------------------------------------------------------- */

/* linalg_triangular.c: a^-1 y, or y a^-1 when not left. */
typedef struct Triangle { bool upper, right, unit, transpose; } Triangle;
Value solve_triangle(Builder *b, Value a, Value y, Triangle t);

/* linalg_lu.c: row i was exchanged with row pivots[i] - 1; info: the first i whose pivot is 0, from 1;
 * 0 none. */
typedef struct Lu { Value lu, pivots, info; } Lu;            /* [B, m, n], i32[B, min], i32[B] */
Lu lu_factor(Builder *b, Value a, bool pivot);
Value lu_solve(Builder *b, Lu f, Value y, bool left, bool adj);

/* linalg_qr.c: R in the upper triangle, below it the Householder vectors v without their leading 1:
 * Q = H_1 H_2 ..., H = I - tau v v^H */
typedef struct Qr { Value a, tau; } Qr;                      /* [B, m, n], [B, min] */
Qr qr_factor(Builder *b, Value a);
Value times_q(Builder *b, Qr f, Value c, bool adj);          /* Q c, Q^H c */

/* linalg_eigh.c: a = v diag(values) v^H, of the triangle that `upper` names; ascending. */
typedef struct Eigh { Value values, vectors; } Eigh;         /* real [B, n], [B, n, n] */
Eigh eigh_of(Builder *b, Value a, bool upper, bool vectors);
/* One rotation each for the column pairs (i, i + h), h = n / 2. */
enum { MOST_SWEEPS = 40 };                                   /* of Jacobi's methods; about 10 are usual */
typedef struct Rotation { Value c, s; } Rotation;            /* [B, 1, h]: real, of the matrix' type */
/* The one that makes [[p, g], [conj g, q]] diagonal; none where g is at most `least`. */
Rotation rotation_for(Builder *b, Value p, Value q, Value g, Value least);
Value rotated(Builder *b, Value x, Rotation r);
/* Columns moved so that after n - 1 times each has met each, and all are back. */
Value next_pairs(Builder *b, Value x);
/* Ascending or descending order of real keys [B, n] as i32[B, n]; *keys is sorted. */
Value order_of(Builder *b, Value *keys, bool descending);

/* linalg_svd.c: a = u diag(s) vh, s descending; k = min(m, n) columns of u and rows of vh, or all of
 * them. */
typedef struct Svd { Value u, s, vh; } Svd;
Svd svd_of(Builder *b, Value a, bool full);
Value singular_values(Builder *b, Value a);                  /* real [B, k] */

#endif
