/* StableHLO modules: build, check, print, serialize. Knows nothing of PyTorch and nothing of files.
 *
 *	Module m = { .err = err };                     // m.arena.full is set by the API function that owns m
 *	Func *f = func_new(&m, "main");
 *	Builder b = builder(&m, f);
 *	Value x = func_arg(&m, f, tensor_type(&m.arena, DTYPE_f32, 2, (int64_t[]){ 4, 8 }), "x");
 *	Value y = hlo_tanh(&b, x);
 *	func_return(&b, 1, &y);
 *	verify(&m) && print_module(&m, &text) && write_bytecode(&m, target, &bytes);
 *	module_free(&m);
 *
 * Value 0 means "no value". Once an error is recorded in m.err every builder call returns 0 and adds
 * nothing, so callers check once, at the end. The spec is openxla/stablehlo docs/spec.md; its names are
 * used unchanged. */
#ifndef STABLEHLO_STABLEHLO_H
#define STABLEHLO_STABLEHLO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/map.h"
#include "stablehlo/dims.h"
#include "stablehlo/loc.h"

/* -- types ----------------------------------------------------------------------------------------------- */

/* TYPE_BUFFER: memref, a tensor that custom calls write in place; TYPE_ELEMENT: elem itself, of an attribute. */
typedef enum TypeKind { TYPE_NONE, TYPE_TENSOR, TYPE_TOKEN, TYPE_TUPLE, TYPE_FUTURE, TYPE_BUFFER, TYPE_ELEMENT } TypeKind;

/* !quant.uniform<storage:expressed[:axis], {scale:zero_point, ...}> (spec.md, "Quantized types") */
typedef struct Quant {
	DType storage, expressed;
	int64_t storage_min, storage_max;
	bool ui;                     /* an unsigned storage that is written ui8, which MLIR keeps apart from u8 */
	int axis;                    /* -1: per tensor */
	int n;
	const double *scale;         /* [n] */
	const int64_t *zero_point;   /* [n] */
} Quant;

typedef struct Type {
	TypeKind kind;
	DType elem;
	int rank;
	const int64_t *dim;          /* [rank]; negative: of the module's DimTable, or DYNAMIC */
	const int64_t *bound;        /* [rank] of #stablehlo.bounds, or NULL; DYNAMIC: none for this dim */
	const Quant *quant;          /* NULL: not quantized */
	bool index;                  /* elem is i64 here and index in MLIR, as some take sizes */
	int npart;
	const struct Type *part;     /* of a tuple; what a future (of async_start) will give */
} Type;

Type tensor_type(Arena *a, DType elem, int rank, const int64_t *dim);   /* dims are copied */
Type scalar_type(DType elem);
static inline Type token_type(void) { return (Type){ .kind = TYPE_TOKEN }; }
static inline Type with_elem(Type t, DType elem) { t.elem = elem; t.quant = NULL; return t; }
bool type_eq(Type x, Type y);
bool same_shape(Type x, Type y);
bool is_static(Type t);
int64_t type_numel(Type t);      /* INT64_MAX when there are more, or sizes that are not known beside none of 0 */
/* "tensor<2x?xf32>", in the arena */
const char *type_str(Arena *a, Type t);
void put_type(Buf *out, Type t);

/* -- attributes ------------------------------------------------------------------------------------------ */

typedef struct Ints { int n; const int64_t *v; } Ints;

/* Elements of a constant, row-major, as they lie in memory (bool: one byte each; sub-byte types: one byte
 * each). splat: data is one element. Borrowed data must outlive the module. */
typedef struct Dense {
	Type type;
	bool splat;
	const void *data;
	size_t nbytes;
} Dense;

/* spec.md, convolution: which dimension is what. [n] spatial dims each. */
typedef struct ConvDims {
	int64_t input_batch, input_feature;              Ints input_spatial;
	int64_t kernel_input_feature, kernel_output_feature;  Ints kernel_spatial;
	int64_t output_batch, output_feature;            Ints output_spatial;
} ConvDims;

typedef struct DotDims { Ints lhs_batching, rhs_batching, lhs_contracting, rhs_contracting; } DotDims;

typedef struct GatherDims {
	Ints offset_dims, collapsed_slice_dims, operand_batching_dims, start_indices_batching_dims,
		start_index_map;
	int64_t index_vector_dim;
} GatherDims;

typedef struct ScatterDims {
	Ints update_window_dims, inserted_window_dims, input_batching_dims, scatter_indices_batching_dims,
	     scatter_dims_to_operand_dims;
	int64_t index_vector_dim;
} ScatterDims;

typedef struct DotAlgorithm {
	DType lhs_precision, rhs_precision, accumulation;
	int64_t lhs_components, rhs_components, primitive_operations;
	bool allow_imprecise_accumulation;
} DotAlgorithm;

/* 0 DEFAULT 1 HIGHEST 2 TOLERANCE */
typedef struct Accuracy { double atol, rtol; int64_t ulps; int mode; } Accuracy;

/* A generic attribute: func attributes, dictionaries, backend configs, layouts. */
typedef enum AnyKind {
	ANY_NONE, ANY_STR, ANY_I64, ANY_I32, ANY_INT, ANY_F32, ANY_F64, ANY_BOOL, ANY_UNIT, ANY_DENSE, ANY_TYPE, ANY_SYMBOL, ANY_ARRAY,
	ANY_DICT,
	ANY_ALIAS,             /* item[0], [1], [2]: output_tuple_indices, operand_index, operand_tuple_indices */
	ANY_NUMBER,            /* of any other type, no integer or an index: dense, of rank 0 */
	ANY_NUMBERS,           /* array<i64: 1, 2>: dense, of rank 1 */
	ANY_ATTR,              /* one that an op's row has, by itself; of KIND_PRECISION: one of them */
	ANY_VERBATIM           /* of another dialect: str, as it is written */
} AnyKind;

typedef enum AttrKind {
#define KIND(name, field, text) KIND_##name,
#include "stablehlo/kinds.def"
#undef KIND
	NKINDS
} AttrKind;

typedef struct Any {
	AnyKind kind;
	union {
		const char *str;
		struct { int64_t i; DType elem; };       /* elem: of an ANY_INT, one of the other types of integers */
		double f;
		const Dense *dense;
		const Type *type;
		struct { int n; bool sorted; const char *const *key; const struct Any *item; };   /* ARRAY (no keys); DICT, sorted: known to be */
		struct { AttrKind of; const struct Attr *attr; };
	};
} Any;

/* One attribute of an op; which field is live follows from its kind (kinds.def). */
typedef struct Attr {
	bool set;
	union {
		int64_t i;
		double f;
		const char *str;
		Ints ints;
		struct { int n; const char *const *v; } syms;
		const Dense *dense;
		const ConvDims *conv;
		const DotDims *dot;
		const DotAlgorithm *algorithm;
		const GatherDims *gather;
		const ScatterDims *scatter;
		const Accuracy *accuracy;
		const Any *any;
		const Any *dict;
	};
} Attr;

typedef enum Direction { DIRECTION_EQ, DIRECTION_NE, DIRECTION_GE, DIRECTION_GT, DIRECTION_LE,
	DIRECTION_LT } Direction;
typedef enum CompareType { COMPARE_NOTYPE, COMPARE_FLOAT, COMPARE_TOTALORDER, COMPARE_SIGNED,
	COMPARE_UNSIGNED } CompareType;
typedef enum Precision { PRECISION_DEFAULT, PRECISION_HIGH, PRECISION_HIGHEST } Precision;

/* -- ops ------------------------------------------------------------------------------------------------- */

typedef enum OpCode {
	OP_none,
#define OP(name, ...) OP_##name,
#define UNARY(name)   OP_##name,
#define UNARY_F(name) OP_##name,
#define BINARY(name)  OP_##name,
#define VHLO(...)
#include "stablehlo/ops.def"
#undef OP
#undef UNARY
#undef UNARY_F
#undef BINARY
#undef VHLO
	NOPS
} OpCode;

typedef uint32_t Value;          /* index into Module.value; 0: none */

typedef struct Module Module;
typedef struct Op Op;
typedef struct Block Block;
typedef struct Region Region;

/* Result types of an op from its operands, attributes and regions. out[nout]; false: failure recorded in
 * m->err. */
typedef bool Infer(Module *m, const Op *op, int nout, Type *out);

typedef struct AttrDef {
	const char *name;
	AttrKind kind;
	const char *otherwise;       /* default as VHLO has it; NULL: the attribute is required */
	int since;                   /* VHLO op version that brought it */
} AttrDef;

typedef struct OpVersion { int version; const char *first, *last; } OpVersion;   /* last NULL: current */

enum { MAX_ATTRS = 9, MAX_VERSIONS = 2 };

typedef struct OpDef {
	const char *name;            /* "broadcast_in_dim" */
	const char *in;              /* "lhs, rhs"; "*inputs, *init_values" */
	const char *regions;         /* "cond, body"; "*branches" */
	const char *form;            /* NULL: generic */
	AttrDef attr[MAX_ATTRS + 1];   /* ends in a row without a name */
	Infer *infer;                /* NULL: given */
	bool effect;
	bool unary, binary;
	OpVersion vhlo[MAX_VERSIONS];  /* vhlo[v - 1] is version v; first NULL: there is none */
} OpDef;

extern const OpDef op_table[NOPS];
OpCode op_by_name(const char *name, size_t n);   /* OP_none */
int op_attr_index(OpCode code, const char *name);   /* -1 */
int op_nattr(OpCode code);

struct Op {
	OpCode code;
	int nin, nout, nregion;
	Value *in;
	Value out;                   /* results are out, out+1, ..., out+nout-1 */
	Loc loc;
	Attr *attr;                  /* [op_nattr(code)], in the row's order */
	const Any *extra;            /* attributes that are none of the op's own, an ANY_DICT; NULL: none */
	Region **region;
};

typedef struct ValueInfo {
	Type type;
	Op *def;                     /* NULL: a block argument */
	int index;                   /* which result or argument */
	Loc loc;                     /* of an argument; a result's is its op's */
} ValueInfo;

/* One block; no region of StableHLO has more. */
struct Region {
	int narg;
	Value arg;                   /* arguments are arg, arg+1, ... */
	VEC(Op *) op;                /* ends in return */
	Region *parent;              /* where it was begun, NULL for a function's body */
};

typedef struct Func {
	const char *name;
	bool is_private, is_public;  /* is_public: the text says so; it is what a function without either is, too */
	Region body;
	int narg, nres;
	Type *arg_type, *res_type;
	Any *arg_attr, *res_attr;    /* [narg], [nres]: ANY_DICT or ANY_NONE */
	const Any *extra;            /* its other attributes, an ANY_DICT; NULL: none */
	const char **arg_name;       /* [narg]; may hold NULL */
	Loc loc;
} Func;

/* Owns its arena; free with module_free(). */
struct Module {
	Arena arena;
	Err *err;                    /* the caller's */
	const char *name;            /* NULL: none */
	Any attr;                    /* module attributes: ANY_DICT or ANY_NONE */
	int nmesh;                   /* of Shardy (sharding.h): the text then has its dialect */
	const struct Mesh *const *mesh;
	VEC(ValueInfo) value;        /* [0] is unused */
	VEC(Func *) func;
	Map func_named;              /* places in func, while verify() is at work */
	DimTable dims;               /* use dims_of() */
	VEC(Value) size;             /* [~handle]: the i64 scalar that has it, 0 not yet */
	LocTable locs;
	Loc loc;                     /* of the module itself */
	bool keep_locs;              /* who reads a module into this one keeps its locations; else they are passed over */
};

static inline DimTable *dims_of(Module *m)
{
	m->dims.a = &m->arena;
	return &m->dims;
}

void module_free(Module *m);
static inline Type value_type(const Module *m, Value v) { return m->value.v[v].type; }

/* -- building -------------------------------------------------------------------------------------------- */

/* Where ops go. Pure ops that are already there are not added twice, and constants are folded (fold.c). */
typedef struct Builder {
	Module *m;
	Arena *a;                    /* the module's */
	Func *func;
	Region *at;                  /* ops are appended here */
	Loc loc;                     /* of the ops and regions' arguments to come */
	struct Cse *cse;             /* NULL: no op is taken for another */
	bool as_is;                  /* nothing is folded */
	struct OpenMark *open;       /* the composites whose inputs are marked and outputs are not (composite.h) */
} Builder;

Func *func_new(Module *m, const char *name);
Value func_arg(Module *m, Func *f, Type t, const char *name);      /* all arguments before the first op */
Builder builder(Module *m, Func *f);
void func_return(Builder *b, int n, const Value *v);
/* "main", or the only function; NULL: there is none. */
Func *main_function(const Module *m);

/* Records "op name: message" as UNSUPPORTED or BAD_INPUT; returns 0. */
Value build_fail(Builder *b, Code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static inline Type  type_of(const Builder *b, Value v) { return b->m->value.v[v].type; }
/* The same, but a type without kind where there is no value or something has failed. */
static inline Type  known_type(const Builder *b, Value v)
{
	return v && !b->m->err->code ? type_of(b, v) : (Type){ 0 };
}
static inline int   rank_of(const Builder *b, Value v) { return type_of(b, v).rank; }
static inline DType elem_of(const Builder *b, Value v) { return type_of(b, v).elem; }

/* The general form. attr: [op_nattr(code)] or NULL (none set). result: NULL lets the row's infer compute
 * it. emit() is for one result; emit_op() gives the op (NULL after a failure), whose results are
 * out..out+nout-1. */
Value emit(Builder *b, OpCode code, const Type *result, int nin, const Value *in, const Attr *attr);
Op *emit_op(Builder *b, OpCode code, int nout, const Type *result, int nin, const Value *in, const Attr *attr,
	int nregion, Region *const *region);

/* A region: ops emitted until region_end() go into it. Arguments are written to arg[n].
 *	Value a[2];  Region *r = region_begin(b, 2, types, a);  Value s = hlo_add(b, a[0], a[1]);  region_end(b, r, 1, &s); */
Region *region_begin(Builder *b, int n, const Type *t, Value *arg);
void region_end(Builder *b, Region *r, int n, const Value *ret);
/* The region of one binary op on scalars of `elem`: add, maximum, ... */
Region *binary_region(Builder *b, OpCode code, DType elem);

#define UNARY(name)   static inline Value hlo_##name(Builder *b, Value x) { return emit(b, OP_##name, 0, 1, &x, 0); }
#define UNARY_F(name) UNARY(name)
#define BINARY(name)  static inline Value hlo_##name(Builder *b, Value x, Value y) \
	{ return emit(b, OP_##name, 0, 2, (Value[]){ x, y }, 0); }
#define OP(name, ...)
#define VHLO(...)
#include "stablehlo/ops.def"
#undef OP
#undef UNARY
#undef UNARY_F
#undef BINARY
#undef VHLO

/* Constants. Doubles are rounded to elem; for complex the imaginary part is 0. `i` forms keep all 64 bits. */
Value hlo_constant(Builder *b, Type t, const void *data, size_t nbytes);   /* dense, borrowed, row-major */
/* static: a splat; dynamic: broadcast scalar */
Value hlo_splat(Builder *b, Type t, double v);
Value hlo_splat_int(Builder *b, Type t, int64_t v);
static inline Value scalar(Builder *b, double v, DType elem) { return hlo_splat(b, scalar_type(elem), v); }
static inline Value scalar_int(Builder *b, int64_t v, DType elem)
{
	return hlo_splat_int(b, scalar_type(elem), v);
}
Value hlo_ints(Builder *b, int n, const int64_t *v, DType elem);           /* 1-d constant */
/* The splat or scalar constant behind v, or NULL. */
const Dense *constant_of(const Builder *b, Value v);
/* The smallest / largest value of a type as a scalar constant: -inf / inf for floats. */
Value lowest(Builder *b, DType elem);
Value highest(Builder *b, DType elem);

Value hlo_convert(Builder *b, Value x, DType elem);           /* x itself when it has that type; to bool: x !=
                                                               * 0 */
Value hlo_bitcast_convert(Builder *b, Value x, Type t);
Value hlo_compare(Builder *b, Direction d, Value x, Value y); /* compare_type by element type */
Value hlo_select(Builder *b, Value pred, Value on_true, Value on_false);
Value hlo_clamp(Builder *b, Value min, Value x, Value max);
Value hlo_complex(Builder *b, Value re, Value im);
Value hlo_is_finite(Builder *b, Value x);
Value hlo_reduce_precision(Builder *b, Value x, int exponent_bits, int mantissa_bits);

Value hlo_reshape(Builder *b, Value x, int rank, const int64_t *dim);
Value hlo_broadcast_in_dim(Builder *b, Value x, int rank, const int64_t *dim, Ints broadcast_dimensions);
Value hlo_transpose(Builder *b, Value x, Ints permutation);
Value hlo_reverse(Builder *b, Value x, Ints dims);
/* [rank]; stride NULL: 1 */
Value hlo_slice(Builder *b, Value x, const int64_t *start, const int64_t *limit, const int64_t *stride);
Value hlo_pad(Builder *b, Value x, Value value, const int64_t *low, const int64_t *high, const int64_t *interior); /* interior NULL: 0 */
/* The same, by sizes: negative numbers are handles, as dim_number() makes them. */
Value hlo_pad_sizes(Builder *b, Value x, Value value, const int64_t *low, const int64_t *high, const int64_t *interior);
Value hlo_concatenate(Builder *b, int n, const Value *x, int dim);
Value hlo_iota(Builder *b, Type t, int dim);
/* [rank] scalars */
Value hlo_dynamic_slice(Builder *b, Value x, const Value *start, const int64_t *size);
Value hlo_dynamic_update_slice(Builder *b, Value x, Value update, const Value *start);

Value hlo_dot_general(Builder *b, Value x, Value y, DotDims dims, DType elem);   /* elem: of the result */

/* Absent means default: stride and dilation 1, padding 0, groups 1. Lists have one item (padding: two, low
 * and high) per spatial dim. elem: of the result; DTYPE_none: x's. */
typedef struct Conv {
	Ints strides, padding, lhs_dilation, rhs_dilation;
	ConvDims dims;
	int64_t groups, batch_groups;
	DType elem;
} Conv;
Value hlo_convolution(Builder *b, Value x, Value w, Conv c);

/* n inputs reduced together by `body`, a region of 2n scalars. Results: out[n]. */
bool hlo_reduce_n(Builder *b, int n, const Value *x, const Value *init, Ints dims, Region *body, Value *out);
/* One input, one binary op. */
Value hlo_reduce(Builder *b, OpCode op, Value x, Value init, Ints dims);

/* Lists are [rank] (padding: low and high per dim); absent: 1, padding 0. */
typedef struct Window { Ints size, strides, base_dilations, window_dilations, padding; } Window;
bool hlo_reduce_window_n(Builder *b, int n, const Value *x, const Value *init, Window w, Region *body,
	Value *out);
Value hlo_reduce_window(Builder *b, OpCode op, Value x, Value init, Window w);
Value hlo_select_and_scatter(Builder *b, Value x, Value source, Value init, Window w, Region *select,
	Region *scatter);

Value hlo_gather(Builder *b, Value x, Value indices, GatherDims d, Ints slice_sizes, bool sorted);
bool hlo_scatter_n(Builder *b, int n, const Value *x, Value indices, const Value *updates, ScatterDims d, bool sorted,
	bool unique, Region *body, Value *out);
Value hlo_scatter(Builder *b, Value x, Value indices, Value updates, ScatterDims d, bool sorted, bool unique,
	Region *body);

bool hlo_sort(Builder *b, int n, const Value *x, int dim, bool stable, Region *comparator, Value *out);
bool hlo_while(Builder *b, int n, const Value *init, Region *cond, Region *body, Value *out);
bool hlo_if(Builder *b, Value pred, int n, Region *on_true, Region *on_false, Value *out);
bool hlo_case(Builder *b, Value index, int n, int nbranch, Region *const *branch, Value *out);

typedef enum RngAlgorithm { RNG_DEFAULT, RNG_THREE_FRY, RNG_PHILOX } RngAlgorithm;
bool hlo_rng_bit_generator(Builder *b, RngAlgorithm alg, Value state, Type t, Value *out_state, Value *out);
typedef enum FftType { FFT_FFT, FFT_IFFT, FFT_RFFT, FFT_IRFFT } FftType;
Value hlo_fft(Builder *b, Value x, FftType type, Ints length);
Value hlo_cholesky(Builder *b, Value x, bool lower);
Value hlo_triangular_solve(Builder *b, Value x, Value y, bool left, bool lower, bool unit, bool transpose);
Value hlo_get_dimension_size(Builder *b, Value x, int dim);

/* -- sizes that are not known yet (dims.h) ---------------------------------------------------------------- */

/* The builders above take handles where they take sizes of a result or slice, and emit the op's dynamic twin. */

/* A symbol's value, an i64 scalar of the function's body; before it is used. */
void dim_define(Builder *b, int64_t symbol, Value v);
bool dim_defined(Builder *b, int64_t d);
/* A size as an i64 scalar. */
Value dim_value(Builder *b, int64_t d);
/* Sizes as an i64 vector. */
Value dims_value(Builder *b, int n, const int64_t *d);
/* Dimension i of x as an i64 scalar, from get_dimension_size. */
Value dim_of(Builder *b, Value x, int i);

/* -- whole modules --------------------------------------------------------------------------------------- */

/* Drops pure ops whose results nobody uses. */
void dce(Module *m);

/* Drops the arguments of f that no op uses, except those with keep[i]; dropped[narg] says which went.
 * After dce(). */
void drop_unused_args(Module *m, Func *f, const bool *keep, bool *dropped);

/* Every op against its row, the inferred types and the spec's constraints; "main: %3 = add: add_c1: ...". */
bool verify(Module *m);
/* One op alone, against its row, the inferred types and its constraints. */
bool verify_op(Module *m, const Op *op);

/* MLIR's own text, as stablehlo-opt prints it; with its locations, where it has any, as --mlir-print-debuginfo does. */
bool print_module(const Module *m, Buf *out);

/* The module that MLIR's text says, as print_module() or MLIR itself prints it, into an empty module. `name` is the text's own, in
 * messages: "name:3:14: found 'x', wanted ...". Nothing of the text is kept. The module is not verified: call verify() before
 * any of the above. */
bool parse_module(Module *m, const char *name, const char *text, size_t n);

typedef struct Version { int major, minor, patch; } Version;
extern const Version current_version;      /* the newest we can write */
extern const char current_version_text[];
extern const Version oldest_version;       /* 0.9.0 */
int version_cmp(Version a, Version b);
bool version_parse(const char *s, Version *out);        /* "1.9.0" */
/* The oldest version that can express the module. */
Version version_needed(const Module *m);

/* What every MLIR bytecode begins with. */
#define MLIR_MAGIC "ML\xefR"

/* A portable artifact (VHLO in MLIR bytecode) for `target`: the bytes StableHLO's own serializer gives.
 * Fails naming the op and the version it needs when the target cannot express the module. */
bool write_bytecode(const Module *m, Version target, Buf *out);

/* The module of a portable artifact of any release from 0.9.0 on, as the current one has it, into an empty module (keep_locs:
 * with its locations). Nothing of p is kept. Names what it does not know, and where. The module is not verified: call verify()
 * before any of the above. */
bool read_bytecode(Module *m, const void *p, size_t n);

#endif
