/* What the bytecode writer and reader share: the numbers of vhlo.def, and which VHLO attributes an op has. */
#ifndef STABLEHLO_BYTECODE_H
#define STABLEHLO_BYTECODE_H

#include "stablehlo/stablehlo.h"

enum Code_number {
#define CODE(name, number) name = number,
#include "stablehlo/vhlo.def"
};

enum Section {
#define SECTION(name, id) SECTION_##name = id,
#include "stablehlo/vhlo.def"
	NSECTIONS
};

enum Dialect { BUILTIN, VHLO_DIALECT, NDIALECTS };
extern const char *const dialect_name[NDIALECTS];

/* What an op's mask says follows (Encoding.h). */
enum { HAS_ATTRS = 1, HAS_RESULTS = 2, HAS_OPERANDS = 4, HAS_SUCCESSORS = 8, HAS_REGIONS = 16, HAS_USE_ORDERS = 32,
	HAS_PROPERTIES = 64 };

/* Codes of element types; -1: the builtin dialect's bytecode has none. */
extern const int vhlo_elem_code[NDTYPES], builtin_elem_code[NDTYPES];

/* The op's name in VHLO, without its version. */
const char *vhlo_spelling(OpCode code);

/* A member of a struct kind. */
typedef enum How { PART_I64, PART_DIMS, PART_ELEM, PART_BOOL } How;
typedef struct Part { AttrKind kind; const char *name; size_t at; How how; int since; } Part;

/* The members of a struct kind, in the order of its text; none of other kinds. */
const Part *parts_of(AttrKind kind, int *n);

/* One VHLO attribute of an op: which of the row's attributes it is (NO_ATTR: none, it is a constant of the format) and,
 * of a struct kind, which part of it. */
typedef struct Field { const char *name; int attr; const Part *part; } Field;
enum { MAX_FIELDS = 24, NO_ATTR = -1 };

/* The attributes of an op in that VHLO version of it, sorted by name; returns how many. */
int op_fields(OpCode code, int version, Field *out);

/* func_v1's, in their order. */
typedef enum FuncField { FUNC_ARG_ATTRS, FUNC_TYPE, FUNC_RES_ATTRS, FUNC_NAME, FUNC_VISIBILITY, NFUNC_FIELDS } FuncField;
extern const char *const func_field[NFUNC_FIELDS];

#endif
