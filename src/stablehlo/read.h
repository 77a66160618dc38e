/* Inside the bytecode reader. How bytes become a module:
 *
 *	sections   found, and the strings, dialects, op names, attributes and types in them located      read.c
 *	Cursor     one encoded attribute or type, read when something asks for it; what is costly to make is made once and kept
 *	types, attributes                                                                read_type.c  read_attr.c  read_any.c
 *	op attributes by the rows of ops.def, defaults left out as StableHLO leaves them out               read_op.c
 *	locations, where they are asked for                                                                read_loc.c
 *	ops, regions, functions, the module                                                                read_ir.c
 *
 * The writer's files mirror these. Input is hostile: every index, count and size is checked against what there is of it; a
 * count of things is at most the bytes left, as each takes one; nesting ends at MAX_NEST; and what refers to one thing many
 * times is charged for its size each time (spend), so that no small file stands for a large module. Locations are passed over
 * unread unless Module.keep_locs asks for them, and so are attributes that nothing uses. */
#ifndef STABLEHLO_READ_H
#define STABLEHLO_READ_H

#include "base/reader.h"
#include "stablehlo/bytecode.h"
#include "stablehlo/ir.h"

enum { NEWEST_FORMAT = 6 };

typedef struct Text { const char *s; size_t n; } Text;

typedef struct OpName {
	Text text;                   /* without the dialect */
	enum Dialect dialect;
	enum { NAME_UNKNOWN, NAME_OP, NAME_FUNC, NAME_MODULE } kind;
	OpCode code;
	int version;
	bool registered;             /* its properties are its own, and no dictionary */
} OpName;

/* An attribute or type: where its bytes are, and what has been made of it. */
typedef struct Item {
	size_t at, n;
	uint32_t dialect;
	bool encoded, busy;          /* encoded: by its dialect, not text; busy: being made, so it must not be met again */
	bool index;                  /* `any` was made of tensors of MLIR's index type */
	uint32_t weight;             /* of what was made, 0: nothing yet */
	union { const Type *type; const Any *any; };
	const Dense *dense;
} Item;

typedef struct Read {
	Module *m;
	Arena *a;                    /* the module's: of what stays */
	Arena scratch;
	Err *err;
	const uint8_t *p;
	size_t n;
	int format;
	Reader section[NSECTIONS];   /* p NULL: the file has none */
	int nstring, ndialect, nattr, ntype;
	Text *string;
	const char **kept;           /* [nstring] the same with a NUL behind, in the module's arena; made when asked for */
	Text *dialect;
	VEC(OpName) name;
	Item *attr, *type;
	int nprop;
	Text *prop;                  /* the properties section */
	int nest;
	Loc *loc;                    /* [nattr] 1 + the location that an attribute is; 0: not made yet. NULL: they are passed over */
	int nest_loc;
	uint64_t budget;             /* parts of attributes and types that the module may yet use */
	/* read_ir.c: */
	VEC(Value) scope;            /* values by number, 0: not defined yet */
	size_t pending;              /* values that open regions say they have and have not defined yet */
	int closed;                  /* where the innermost closed region's begin */
	int depth;                   /* of regions */
	const char *func;            /* in messages */
} Read;

/* -- bytes ----------------------------------------------------------------------------------------------- */

/* Records "bytecode: ... at offset N", where the offset is the reader's in the file; returns false. */
bool refuse(Read *r, Code code, const Reader *at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

uint64_t get_varint(Reader *c);
int64_t get_signed(Reader *c);
/* A number with a flag in its lowest bit. */
uint64_t get_flagged(Reader *c, bool *flag);
/* An index below n; 0 once something has failed, so check before use. */
uint32_t get_index(Read *r, Reader *c, int n, const char *what);
/* How many things follow, at least a byte each. */
int get_count(Read *r, Reader *c, const char *what);
Text get_text(Read *r, Reader *c);               /* of the string section */
const char *get_string(Read *r, Reader *c);      /* the same, kept; one with a NUL in it is refused */
uint32_t get_attr(Read *r, Reader *c);
uint32_t get_type(Read *r, Reader *c);
/* A section's bytes as a reader of their own; *id says which. */
Reader get_section(Read *r, Reader *c, int *id);

static inline bool failed(const Read *r) { return r->err->code != OK; }

/* -- attributes and types -------------------------------------------------------------------------------- */

/* Opens an entry and reads its code; who reads it closes it: all of its bytes must have been used. */
typedef struct Cursor { Reader r; Item *item; enum Dialect dialect; uint64_t code; } Cursor;
bool open_attr(Read *r, uint32_t ref, Cursor *c);
bool open_type(Read *r, uint32_t ref, Cursor *c);
bool close_cursor(Read *r, Cursor *c);
/* "... attribute 3, a vhlo attribute of code 23 (vhlo.mesh_v1)"; returns false. */
bool refuse_entry(Read *r, const Cursor *c, bool is_type, const char *wanted);

/* Charges what an attribute or type of that weight takes to look at. */
bool spend(Read *r, uint32_t weight);
/* Around what may lead back to itself: marks the entry, and unmarks it. */
bool enter(Read *r, Cursor *c);
void leave(Read *r, Cursor *c);
static inline uint32_t plus(uint32_t x, uint64_t y) { return y > UINT32_MAX - x ? UINT32_MAX : x + (uint32_t)y; }

/* read_type.c; a type is charged for when it is asked for. */
bool read_type(Read *r, uint32_t ref, Type *out);
bool read_elem(Read *r, uint32_t ref, DType *out);             /* DTYPE_none: VHLO's none */
bool read_attr_type(Read *r, uint32_t ref, Type *out);         /* as read_type; and element types, and VHLO's none */
typedef struct Signature { int narg, nres; const Type *arg, *res; } Signature;
bool read_signature(Read *r, uint32_t ref, Signature *out);   /* of an attribute that holds a function type */
double get_double(Reader *c);

/* read_attr.c: VHLO attributes of one kind; another kind is refused, by `what`. */
bool attr_integer(Read *r, uint32_t ref, int64_t *out);
bool attr_bool(Read *r, uint32_t ref, bool *out);
bool attr_f32(Read *r, uint32_t ref, double *out);
bool attr_enum(Read *r, uint32_t ref, enum Code_number code, int n, int64_t *out);     /* below n */
bool attr_string(Read *r, uint32_t ref, const char **out);
bool attr_elem(Read *r, uint32_t ref, DType *out);
bool attr_accuracy(Read *r, uint32_t ref, const Accuracy **out);
bool attr_dense(Read *r, uint32_t ref, const Dense **out);     /* its elements are copied, once */
bool attr_ints(Read *r, uint32_t ref, int rank, Ints *out);    /* of i64 or bool elements */
/* The items of an array, in scratch. */
bool attr_items(Read *r, uint32_t ref, int *n, const uint32_t **item);
int64_t get_integer(Read *r, Reader *c, DType elem);
uint64_t get_float_bits(Reader *c, DType elem);
const Dense *get_dense(Read *r, Cursor *c, Type t, bool index);

/* read_any.c: attributes of either dialect as an Any, made once. index: tensors are of MLIR's index type. */
bool read_any(Read *r, uint32_t ref, bool index, Any *out);

/* read_loc.c: 0 where locations are passed over. */
Loc read_loc(Read *r, uint32_t ref);

/* read_op.c: nref attributes as the fields say, into attr[] in the row's order, those not set that StableHLO leaves out. */
bool op_attrs_read(Read *r, OpCode code, int nfield, const Field *field, const uint32_t *ref, Attr *attr);

/* read_ir.c */
bool read_ir(Read *r);

#endif
