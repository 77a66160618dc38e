/* Inside the evaluator.
 *
 *	values, regions, control flow, calls               eval.c
 *	tensors: counted, copied along strides             tensor.c
 *	element by element                                 element.c  unary.c  binary.c  complex.c  convert.c  compare.c
 *	elements put elsewhere                             shape.c  index.c
 *	ops with a computation for elements                fold.c  window.c  sort.c
 *	products                                           dot.c  conv.c
 *	matrices, transforms                               linalg.c  fft.c
 *	norms; random numbers; quantized types; devices    norm.c  random.c  quantize.c  device.c
 *
 * Which function evaluates which op: eval.def. */
#ifndef REFERENCE_INTERNAL_H
#define REFERENCE_INTERNAL_H

#include <stdlib.h>
#include <string.h>

#include "reference/reference.h"

enum { MAX_DIMS = 64 };          /* rank of a tensor here */

/* A value. Counted: who keeps one holds it, who is done drops it. A tuple has parts, a token nothing. */
typedef struct Tensor {
	int refs;
	Type type;                   /* static; dim and, of a result, all else is of the tensor or the module */
	int64_t n;                   /* elements */
	size_t each;                 /* bytes of one */
	uint8_t *data;
	struct Tensor **part;        /* [type.npart] */
	int64_t dim[];
} Tensor;

typedef struct Eval {
	const Module *m;
	Err *err;
	const EvalOptions *opt;
	Tensor **now;                /* [m->value.n] */
	const Op **last;             /* [m->value.n] after which it is not needed; NULL: nobody needs it */
	bool *running;               /* [m->func.n] */
	int depth;                   /* of calls and regions */
	const Op *expressed;         /* on what its quantized operands stand for, with such results; NULL: none */
	Map func;                    /* by name */
	Arena scratch;               /* of the whole evaluation */
} Eval;

/* One op: its operands, its results (NULL so far). False: the failure is in v->err. */
typedef bool Evaluate(Eval *v, const Op *op, Tensor *const *in, Tensor **out);

/* -- eval.c ---------------------------------------------------------------------------------------------- */

/* Records "stablehlo.op: message"; returns false. */
bool eval_fail(Eval *v, const Op *op, Code code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
const Attr *attr(const Op *op, const char *name);
/* The region on these arguments; out: [nout] what it returns, the caller's. */
bool run_region(Eval *v, const Region *r, Tensor *const *arg, Tensor **out, int nout);
const Func *callee(const Eval *v, const char *name);
bool run_function(Eval *v, const Op *op, const char *name, Tensor *const *in, int nin, Tensor **out, int nout);
/* Through what quantized operands stand for, where the op is on such. */
Evaluate eval_quantized;

/* -- tensor.c -------------------------------------------------------------------------------------------- */

/* Elements zeroed; NULL: it is too large, or there is no memory for it. */
Tensor *tensor_new(Eval *v, const Op *op, Type like, int rank, const int64_t *dim);
/* Result i of the op with these sizes, which must be those that its type knows. */
Tensor *result(Eval *v, const Op *op, int i, int rank, const int64_t *dim);
Tensor *result_like(Eval *v, const Op *op, int i, const Tensor *x);
Tensor *token_new(Eval *v, const Op *op);
static inline Tensor *hold(Tensor *t) { t->refs++; return t; }
void drop(Tensor *t);
/* x with another type of as many bytes: itself or a copy. */
Tensor *retyped(Eval *v, const Op *op, int i, Tensor *x, int rank, const int64_t *dim);
/* An element, a scalar, to be read as an integer; elements of an integer tensor. */
int64_t int_at(const Tensor *t, int64_t i);
/* The elements of a tensor of integers as they stand for sizes; false: there are not n of them. */
bool ints_of(Eval *v, const Op *op, const Tensor *t, int n, int64_t *out);

/* Elements of n[] places, from places of src to places of dst. Strides are in elements. */
typedef struct Walk { int rank; int64_t n[MAX_DIMS], dst[MAX_DIMS], src[MAX_DIMS]; } Walk;
void copy_walk(size_t each, uint8_t *dst, const uint8_t *src, const Walk *w);
void row_strides(int rank, const int64_t *dim, int64_t *stride);
/* The next index below dim, row-major; false: that was the last. */
bool next_index(int rank, const int64_t *dim, int64_t *index);
void fill(uint8_t *dst, const uint8_t *element, size_t each, int64_t n);

/* -- elements -------------------------------------------------------------------------------------------- */

/* n elements; bits: of one, as StableHLO counts them. */
typedef void Unary(const void *x, void *out, size_t n, int bits);
typedef void Binary(const void *x, const void *y, void *out, size_t n, int bits);
Unary *find_unary(OpCode code, DType work);
Binary *find_binary(OpCode code, DType work);

/* The type in which elements of t are computed: t itself, one of 8 bits, f32. */
DType compute_type(DType t);
void widen(DType t, const void *x, float *out, size_t n);          /* of those with f32 */
void narrow(DType t, const float *x, void *out, size_t n);
/* Elements below a byte, and truth values, back to what they can be. */
void wrap(DType t, void *x, size_t n);

/* A binary op on n elements of type t. */
typedef struct Kernel { DType t, work; Binary *binary; Unary *unary; int bits; } Kernel;
bool kernel_for(OpCode code, DType t, Kernel *k);
void kernel_binary(const Kernel *k, const uint8_t *x, const uint8_t *y, uint8_t *out, size_t n);
void kernel_unary(const Kernel *k, const uint8_t *x, uint8_t *out, size_t n);

void convert_elements(DType from, const uint8_t *x, DType to, uint8_t *out, size_t n);

/* x, or x in every place of a tensor like `like` when x is a scalar; the caller's. */
Tensor *spread_scalar(Eval *v, const Op *op, Tensor *x, const Tensor *like);
bool same_sizes(Eval *v, const Op *op, const Tensor *x, const Tensor *y);
/* x as tensors of elements t; the caller's. */
Tensor *as_elem(Eval *v, const Op *op, Tensor *x, DType t);

/* -- computations of elements (fold.c) ------------------------------------------------------------------- */

/* A region that takes 2n scalars and returns n: acc = body(acc, x). */
typedef struct Fold {
	Eval *v;
	const Op *op;
	const Region *body;
	int n;
	bool simple, swapped;        /* one op on both arguments: the kernel; swapped: of (x, acc) */
	Kernel kernel;
	Tensor **arg;                /* [2n] scalars */
} Fold;
bool fold_begin(Fold *f, Eval *v, const Op *op, const Region *body, int n, Tensor *const *like_acc, Tensor *const *like_x);
bool fold_step(Fold *f, uint8_t *const *acc, const uint8_t *const *x);
void fold_end(Fold *f);
/* A region of scalars whose one result is a truth value. */
bool ask_region(Eval *v, const Op *op, const Region *r, Tensor *const *arg, bool *yes);

/* -- windows (window.c) ---------------------------------------------------------------------------------- */

typedef struct Windows {
	int rank;
	int64_t size[MAX_DIMS], stride[MAX_DIMS], low[MAX_DIMS], high[MAX_DIMS], base[MAX_DIMS], dilation[MAX_DIMS];
	int64_t count[MAX_DIMS];     /* of windows */
} Windows;
/* Of an op with these lists; sizes[] given; counts the windows over in[]. */
bool window_count_all(Eval *v, const Op *op, Windows *w, const int64_t *in);

/* -- products -------------------------------------------------------------------------------------------- */

/* c[m][n] += sum over k of a[m][k] * b[k][n]; a: where each row begins, c: m rows of n, b: k rows of n. */
typedef void Product(int64_t m, int64_t n, int64_t k, const void *const *a, const void *b, void *c);
/* Products of elements t are summed up as *sum. */
Product *product_of(DType t, DType *sum);

extern Evaluate *const evaluators[NOPS];

/* Of each op in eval.def. */
#define EVAL(op, function) Evaluate function;
#include "reference/eval.def"
#undef EVAL

#endif
