/* What infer*.c and verify*.c share: looking at an op that may be broken in any way, and naming the clause it breaks.
 *
 *	if (!tensors_ok(m, op, nout, 1)) return false;             // from here on operands and attributes can be read
 *	Type x = in_type(m, op, 0);
 *	if (x.rank < 2) return broken(m, op, "c2", "operand 0 is %s, wanted rank 2 or more", str(m, x));
 *
 * Clauses are spec.md's: c2 is constraint (C2) of the op, i1 its input (I1); the message says "cholesky_c2: ...". */
#ifndef STABLEHLO_INFER_CHECK_H
#define STABLEHLO_INFER_CHECK_H

#include "stablehlo/stablehlo.h"

/* Records "<op>_<clause>: message"; returns false. */
bool broken(Module *m, const Op *op, const char *clause, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* The op against its row: operand, region and result counts, operands that exist, required attributes that
 * are there. want < 0: any number of results. */
bool row_ok(Module *m, const Op *op, int nout, int want);
/* And every operand is a tensor. */
bool tensors_ok(Module *m, const Op *op, int nout, int want);

/* An attribute by name, one that is not set where the op has none. */
const Attr *attr_of(const Op *op, const char *name);
/* Item i of a list that may be absent. */
static inline int64_t item(Ints x, int i, int64_t absent) { return i < x.n ? x.v[i] : absent; }

static inline Type in_type(const Module *m, const Op *op, int i) { return value_type(m, op->in[i]); }
static inline const char *str(Module *m, Type t) { return type_str(&m->arena, t); }
/* "[0, 2]" */
const char *ints_str(Module *m, Ints x);

/* The region's last op, when that is a return with operands that exist; else NULL. */
const Op *returns_of(const Module *m, const Region *r);
static inline bool is_scalar(Type t, DType elem)
{
	return t.kind == TYPE_TENSOR && !t.rank && t.elem == elem && !t.quant;
}

/* -- dimensions ------------------------------------------------------------------------------------------ */

static inline bool dim_fits(int64_t x, int64_t y) { return x < 0 || y < 0 || x == y; }
/* The more specific of two that fit: a size before a handle, a handle before DYNAMIC; two handles:
 * DYNAMIC. */
int64_t dim_merge(int64_t x, int64_t y);
bool shape_fits(Type x, Type y);
/* x with t's elements, their quantization, too; where that is of one dimension, x's own. */
static inline Type with_elem_of(Type x, Type t)
{
	if (x.elem != t.elem || !t.quant || t.quant->axis < 0) x.quant = t.quant;
	x.elem = t.elem;
	return x;
}
/* Same element, in the sense of the spec's baseline_element_type: of quantized types the expressed one
 * counts. */
bool elem_fits(Type x, Type y);

/* Sizes of a result as they are found; bound NULL until one is set. */
typedef struct Shape { Module *m; int rank; int64_t *dim, *bound; } Shape;
Shape shape_new(Module *m, int rank);
void shape_bound(Shape *s, int i, int64_t bound);
/* Dimension i becomes dimension k of t, size and bound. */
void shape_take(Shape *s, int i, Type t, int k);
/* `like` with these sizes. */
Type shape_type(const Shape *s, Type like);
static inline int64_t bound_of(Type t, int i) { return t.bound ? t.bound[i] : DYNAMIC; }

/* Dimensions seen so far, of [0, rank). */
typedef struct DimSet { int rank; uint64_t low; bool *high; } DimSet;
DimSet dimset(Module *m, int rank);
bool dimset_has(const DimSet *s, int64_t d);
void dimset_add(DimSet *s, int64_t d);

bool dim_in_range(Module *m, const Op *op, const char *clause, const char *name, int64_t d, int64_t rank);
bool dims_in_range(Module *m, const Op *op, const char *clause, const char *name, Ints d, int rank);
/* None of d is in `seen` or twice in d; adds them. All must be in range. */
bool dims_unique(Module *m, const Op *op, const char *clause, const char *name, Ints d, DimSet *seen);
bool dims_sorted(Module *m, const Op *op, const char *clause, const char *name, Ints d);

/* -- windows (infer_window.c) ---------------------------------------------------------------------------- */

/* One spatial dimension of a window op. */
typedef struct WindowDim { int64_t size, stride, low, high, base_dilation, window_dilation; } WindowDim;
/* num_windows over `base` elements, as reduce_window_c15 has it; a handle in, a handle out. False: beyond int64. */
bool window_count(DimTable *t, int64_t base, WindowDim w, int64_t *out);

/* The clauses of a window op's lists; n: how many dimensions the window has. */
typedef struct WindowClauses { const char *strides, *strides_value, *padding, *base, *base_value, *window, *window_value; }
	WindowClauses;
/* Strides, padding and dilations of the op, checked; w[n], sizes left to the caller. */
bool window_dims(Module *m, const Op *op, int n, const WindowClauses *c, WindowDim *w);

/* Everything of convolution and dynamic_conv but the window. */
bool conv_check(Module *m, const Op *op);

/* -- gather (infer_index.c) ------------------------------------------------------------------------------ */

/* The type that gather, or with sizes NULL dynamic_gather, gives. */
bool gather_type(Module *m, const Op *op, const Ints *sizes, Type *out);

#endif
