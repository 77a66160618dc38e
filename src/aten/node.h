/* What a lowering rule sees: one ATen call with its arguments by name, and the type that torch says it gives.
 *
 *	// aten.neg(self): -self
 *	static Value lower_neg(Node *n)
 *	{
 *		Value x = arg(n, "self");
 *		return hlo_negate(n->b, x);
 *	}
 *
 * A rule is the ATen formula and nothing else. Arguments are fetched by their ATen name; a missing or wrong one is reported
 * here, with the node's name, and gives 0. Afterwards the result is checked against n->out: a rule that gives another shape or
 * element type is an error, never a silent wrong answer. At most one emitting call per argument list: C does not say in
 * which order arguments are evaluated. Graphs are functionalized first: a rule never sees an in-place op or an alias. */
#ifndef ATEN_NODE_H
#define ATEN_NODE_H

#include "program/program.h"
#include "stablehlo/stablehlo.h"

typedef struct Lower Lower;

typedef struct Node {
	Builder *b;
	Arena *a;                /* the module's */
	const GraphNode *g;
	Lower *l;
	Type out;                /* type of the first output; kind TYPE_NONE when it has none */
} Node;

/* Lowers one call. Returns output 0; further outputs go through set_out(). */
typedef Value Rule(Node *n);

/* -- arguments ------------------------------------------------------------------------------------------- */

/* A tensor argument, or a number as a 0-d constant (i64, f64, bool, complex128). Absent or None: an error. */
Value arg(Node *n, const char *name);
Value arg_opt(Node *n, const char *name);                    /* 0 when absent or None */
Value arg_as(Node *n, const char *name, DType elem);         /* arg(), cast() to elem */
bool  has_arg(Node *n, const char *name);                    /* present and not None */
bool  is_tensor_arg(Node *n, const char *name);              /* a tensor, not a number */
/* A number that the running program computes (number.c); arg() gives it, those below refuse it. */
bool  is_running(Node *n, const char *name);
bool  is_running_arg(Node *n, const Arg *x);

int64_t arg_int(Node *n, const char *name, int64_t otherwise);
double  arg_num(Node *n, const char *name, double otherwise);    /* int, float or bool */
bool    arg_bool(Node *n, const char *name, bool otherwise);
const char *arg_str(Node *n, const char *name, const char *otherwise);
DType   arg_dtype(Node *n, const char *name, DType otherwise);
/* A dim wrapped into 0..rank-1 (rank 0 counts as 1, as torch has it); outside: an error naming dim and rank. */
int     arg_dim(Node *n, const char *name, int otherwise, int rank);
/* A list of ints; absent or None: n = 0. arg_dims() wraps each, refuses duplicates, and gives all dims when absent/empty. */
Ints    arg_ints(Node *n, const char *name);
Ints    arg_dims(Node *n, const char *name, int rank);
/* A list of ints of length `count`; one int (or a list of one) is repeated, absent gives `otherwise` each: "stride" of conv2d. */
Ints    arg_ints_n(Node *n, const char *name, int count, int64_t otherwise);
/* A list of floats; n = 0 when absent. */
typedef struct Nums { int n; const double *v; } Nums;
Nums    arg_nums(Node *n, const char *name);
/* Sizes, which may be handles (stablehlo/dims.h); negative numbers are handles as well. */
int64_t arg_size(Node *n, const char *name, int64_t otherwise);
Ints    arg_sizes(Node *n, const char *name);
/* A Tensor[] or Tensor?[] argument; 0 where the item is None. */
typedef struct Values { int n; Value *v; } Values;
Values  arg_list(Node *n, const char *name);
/* The raw argument, or NULL: for rules that must look at its kind. */
const Arg *arg_raw(Node *n, const char *name);

/* -- results --------------------------------------------------------------------------------------------- */

int  nouts(const Node *n);
Type out_type(const Node *n, int i);             /* TYPE_NONE: that output is None or not a tensor */
bool out_wanted(const Node *n, int i);
void set_out(Node *n, int i, Value v);           /* i >= 1 */
/* "aten.add.Tensor (node add_3): message"; returns 0. */
Value node_fail(Node *n, Code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A dim of a type as a number; one that is not known is an error and gives 0. */
int64_t static_dim(Node *n, Type t, int dim);

/* -- helpers: what ATen's words mean (helpers.c) --------------------------------------------------------- */

/* torch's conversion: float to an unsigned type goes through i64, to i8 and i16 through i32, and wraps; to bool
 * is x != 0; complex to real drops im. */
Value cast(Builder *b, Value x, DType elem);
/* NumPy broadcasting, right-aligned, to the shape of t; the element type stays. */
Value broadcast(Builder *b, Value x, Type t);
Value reshape_to(Builder *b, Value x, Type t);               /* to the shape of t */
Value full(Builder *b, Type t, double v);                    /* a constant of t's shape and type */
Value full_like(Builder *b, Value x, double v);
/* x behind a barrier: XLA divides by a constant by multiplying with its reciprocal, and what should be whole is not. */
Value unknown_to_xla(Builder *b, Value x);
/* x as elem would hold it, in its own type: the steps of a kernel that stores each of them as f16 or bf16. */
Value rounded_to(Builder *b, Value x, DType elem);
Type  shape_with(Builder *b, Type t, int dim, int64_t size); /* t with one dim changed */
Type  without_dims(Builder *b, Type t, Ints dims);           /* t with dims removed */
Type  broadcast_type(Node *n, Type x, Type y);               /* NumPy shape of both, x's elem */
/* A 1-d value laid along one dim of t and broadcast over the others ([C] over [N, C, H, W] at 1). */
Value along(Builder *b, Value v, int dim, Type t);
/* What reduce() over dims removed, put back and broadcast to t's shape. */
Value spread_over(Builder *b, Value reduced, Ints dims, Type t);
/* Reductions over dims with the op's own neutral element (add 0, multiply 1, maximum -inf, minimum inf, and true, or false). */
Value reduce_over(Builder *b, OpCode op, Value x, Ints dims);
/* Reduced dims kept as 1 when keepdim. */
Value keep_dims(Builder *b, Value reduced, Ints dims, Type from, bool keepdim);
Value sum_over(Builder *b, Value x, Ints dims);
Value mean_over(Builder *b, Value x, Ints dims);             /* float */
int64_t count_over(Type t, Ints dims);                       /* product of those dims, all of them numbers */
int64_t size_over(Builder *b, Type t, Ints dims);            /* the same; a handle where one is not known */
/* From the first to behind the last of `count` elements that stand step apart; of sizes. */
int64_t spaced_length(Builder *b, int64_t count, int64_t step);
int64_t size_less_one(Builder *b, int64_t size);
int64_t numel_of(Builder *b, Type t);                        /* of all elements, likewise */
Value size_value(Builder *b, int64_t size, Type t);          /* a size in the element type of t, for each element */
Ints one_dim(Builder *b, int dim);
Ints all_dims(Builder *b, int rank);
Ints iota_ints(Arena *a, int from, int n);                   /* from, from+1, ... */
/* [a, b] -> [a, a, b, b]: padding on both sides. */
Ints both_sides(Arena *a, Ints pad);
Value transpose_dims(Builder *b, Value x, int d0, int d1);
Value slice_dim(Builder *b, Value x, int dim, int64_t start, int64_t limit, int64_t step);
Value squeeze_dim(Builder *b, Value x, int dim);
Value unsqueeze_dim(Builder *b, Value x, int dim);
/* Integer positions 0, 1, ... along `dim` in the shape of t. */
Value positions(Builder *b, Type t, int dim, DType elem);
Value where(Builder *b, Value pred, Value x, Value y);       /* select after broadcasting to the pred's or values' shape */
Value square(Builder *b, Value x);
Value clamp_min(Builder *b, Value x, double low);            /* NaN stays NaN */
/* Negative indices wrapped: i < 0 ? i + size : i. size may be a handle. */
Value wrap_index(Builder *b, Value index, int64_t size);

/* -- types ----------------------------------------------------------------------------------------------- */

/* The type torch computes sums, norms and softmax of t in: f32 for f16 and bf16 (and f8), t itself otherwise. */
DType acc_type(DType t);
/* torch.promote_types */
DType promote(DType x, DType y);
/* torch.result_type of the named arguments: tensors with dims rank above 0-d tensors, those above Python numbers;
 * a lower class only matters when its category (bool < int < float < complex) is higher. Absent names are skipped. */
DType result_type(Node *n, int count, const char *const *names);
/* The same, but integers and bool become the default float type (f32): exp, sin, div. */
DType float_result_type(Node *n, int count, const char *const *names);

#endif
