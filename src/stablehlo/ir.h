/* Inside stablehlo: how build.c and the readers make values and ops. */
#ifndef STABLEHLO_IR_H
#define STABLEHLO_IR_H

#include "stablehlo/stablehlo.h"

/* What readers take, of bytecode and of text. */
enum {
	MAX_NEST = 64,               /* attributes in attributes, types in types */
	MAX_REGIONS = 200,           /* regions in regions, as in verify.c */
	MAX_KEYS = 4096,             /* of a dictionary: those who print one look at every key for each */
	MAX_RANK = 256               /* of a tensor: those who look at its elements go into each dimension */
};

/* The words of the enum kinds in their order, which is that of the C enums and VHLO's; type NULL: the kind is none
 * (print_attr.c). KIND_ACCURACY's are its mode's. */
typedef struct Enum { const char *type; int n; const char *name[6]; } Enum;
extern const Enum enums[NKINDS];

/* Arguments of a region; returns the first. */
Value block_args(Module *m, Region *r, int n, const Type *t);

/* A new op with new result values, not yet in any region. attr NULL: none set. */
Op *op_new(Module *m, OpCode code, int nout, const Type *t, int nin, const Value *in, const Attr *attr);

/* The value that `code` gives on these operands without an op, or 0 when there must be one. t: the
 * result's type. */
Value fold(Builder *b, OpCode code, Type t, int nin, const Value *in, const Attr *attr);

/* The twins of ops that take sizes as attributes, for results whose type has handles (ops_dynamic.c). */
Value dynamic_reshape(Builder *b, Value x, Type to);
Value dynamic_broadcast(Builder *b, Value x, Type to, const Attr *dims);
Value dynamic_iota(Builder *b, Type to, const Attr *dim);
Value dynamic_slice_of(Builder *b, Value x, const int64_t *start, const int64_t *limit, const int64_t *stride);
Value dynamic_slice_from(Builder *b, Value x, const Value *start, const int64_t *size);
Value dynamic_gather(Builder *b, Value x, Value indices, const Attr *dims, Ints sizes, const Attr *sorted);

struct Cse *cse_new(Arena *a);

/* An equal op that stands in the function's body already, or NULL; cse_add() enters one. */
Op *cse_find(Builder *b, OpCode code, int nout, const Type *t, int nin, const Value *in, const Attr *attr);
void cse_add(Builder *b, Op *op);

/* Whether two functions are the same but for their names. Values are numbered from first_f and first_g in the order in which they
 * stand. */
bool func_eq(const Module *m, const Func *f, Value first_f, const Func *g, Value first_g);

/* By value: a splat is what its elements written out are, NaN is equal to a NaN of the same bits, dictionaries have no order. */
bool attr_eq(AttrKind kind, const Attr *x, const Attr *y);
bool any_eq(const Any *x, const Any *y);
/* How many elements differ, bit by bit, of two constants of one type, and which is the first. */
int64_t dense_differs(const Dense *x, const Dense *y, int64_t *first);
/* Unsets what has the row's default. */
void leave_out_defaults(OpCode code, Attr *attr);
uint64_t attr_hash(AttrKind kind, const Attr *x);

#endif
