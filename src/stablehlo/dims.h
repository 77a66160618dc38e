/* Sizes that are not known yet.
 *
 * A dimension is a number, or a handle (negative) of an expression in a table: a polynomial over symbols, floor divisions,
 * remainders, maxima and minima. Equal expressions have one handle, whatever way they were computed: s0 + s0 and 2*s0, and
 * (4*s0 + 2)//2 and 2*s0 + 1. Arithmetic on numbers gives numbers, so that who computes with sizes need not ask what they are.
 *
 *	int64_t s = dim_symbol(t, "s0", 2, INT64_MAX);
 *	dim_floordiv(t, dim_times(t, s, 4), 2)                    the handle of 2*s0
 *
 * DYNAMIC is a size of which nothing is known: what is computed from it, or would not fit 63 bits, is DYNAMIC. */
#ifndef STABLEHLO_DIMS_H
#define STABLEHLO_DIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"

/* A dimension: a number >= 0; negative: dynamic. */
#define DYNAMIC INT64_MIN

typedef enum DimKind { DIM_SYMBOL, DIM_POLYNOMIAL, DIM_FLOORDIV, DIM_MOD, DIM_MAX, DIM_MIN } DimKind;

/* coefficient * factor[0] * factor[1] * ...; factors: handles of what is no polynomial, sorted. */
typedef struct DimTerm { int64_t coefficient; int nfactor; const int64_t *factor; } DimTerm;

typedef struct DimNode {
	DimKind kind;
	const char *text;            /* "2*s0 + 1"; of a symbol its name */
	int nterm; const DimTerm *term;      /* DIM_POLYNOMIAL */
	int64_t x, y;                /* operands of DIM_FLOORDIV and the like; the range of a symbol */
} DimNode;

/* In an arena, that of `a`. */
typedef struct DimTable {
	Arena *a;
	VEC(DimNode) node;           /* handle h is node[~h] */
	Map by_text;
} DimTable;

/* The node behind a handle; NULL for a number and for DYNAMIC. */
const DimNode *dim_node(const DimTable *t, int64_t d);

/* A symbol by name; its range is set when it is first seen. */
int64_t dim_symbol(DimTable *t, const char *name, int64_t min, int64_t max);

/* A number; a negative one is a handle, as no size is negative. */
int64_t dim_number(DimTable *t, int64_t v);

int64_t dim_plus(DimTable *t, int64_t x, int64_t y);
int64_t dim_minus(DimTable *t, int64_t x, int64_t y);
int64_t dim_times(DimTable *t, int64_t x, int64_t y);
/* Rounded down, as Python's //; by a number other than 0, or by what is never 0. */
int64_t dim_floordiv(DimTable *t, int64_t x, int64_t y);
/* Of the sign of y, as Python's %. */
int64_t dim_mod(DimTable *t, int64_t x, int64_t y);
int64_t dim_max(DimTable *t, int64_t x, int64_t y);
int64_t dim_min(DimTable *t, int64_t x, int64_t y);

/* Whether d is a number, also a negative one. */
bool dim_constant(const DimTable *t, int64_t d, int64_t *v);

/* "s0 + 1", "7", "?" */
const char *dim_text(const DimTable *t, int64_t d);

/* The smallest and largest value that the ranges of the symbols allow, as far as interval arithmetic tells. */
typedef struct DimRange { int64_t min, max; } DimRange;
DimRange dim_range(const DimTable *t, int64_t d);

/* The value where symbol node[i] is value[i]; false: DYNAMIC, a division by 0, or beyond 63 bits. */
bool dim_eval(const DimTable *t, int64_t d, const int64_t *value, int64_t *out);

#endif
