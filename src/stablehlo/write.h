/* Inside the bytecode writer. What a module is turned into on the way to bytes:
 *
 *	Pool    every attribute and type once, encoded except for the numbers of what it refers to    write_pool.c
 *	Rec     one op with its VHLO name and its attributes in the pool; a tree, as regions nest     write_tree.c
 *	numbers by how often a thing is used, as MLIR's IRNumbering.cpp gives them                    write_number.c
 *	bytes   sections, in the order of MLIR's BytecodeWriter.cpp                                   write.c
 *
 * docs/bytecode.md has the layout and the sources. */
#ifndef STABLEHLO_WRITE_H
#define STABLEHLO_WRITE_H

#include "stablehlo/bytecode.h"

/* -- pool ------------------------------------------------------------------------------------------------ */

typedef uint32_t Ref;            /* an attribute or type of the pool; 0: none */

typedef enum TokKind { TOK_VARINT, TOK_BYTE, TOK_ATTR, TOK_TYPE, TOK_STRING } TokKind;
typedef struct Tok { uint64_t kind, v; } Tok;

typedef struct Entry {
	const Tok *tok;
	int ntok;
	bool is_type;
	enum Dialect dialect;
	bool has_blob;               /* after the tokens: a length and these bytes */
	const void *blob;
	size_t nblob;
	uint32_t nuse, number;       /* given by write_number.c */
} Entry;

typedef struct Str { const char *s; size_t n; int number; } Str;      /* number -1: not in the string section
                                                                       * yet */

typedef struct Pool {
	Arena *a;
	VEC(Entry) entry;            /* [0] is unused */
	Ref *slot;                   /* open addressing over entry, nslot a power of two */
	size_t nslot;
	VEC(Tok) stack;              /* entries being put together */
	VEC(Str) str;
	Map str_map;
	VEC(int) section;            /* str in the order of the string section */
} Pool;

/* An entry: begin, tokens (also while other entries are made), then one of the ends, which gives the entry
 * that is equal to it. */
int  entry_begin(Pool *p);
void tok(Pool *p, TokKind kind, uint64_t v);
void tok_signed(Pool *p, uint64_t bits);       /* MLIR's signed varint: zigzag of the 64 bits */
void tok_bits(Pool *p, int nbits, uint64_t bits);      /* the low nbits of a number: as a byte where they fit in one, else zero-extended */
void tok_string(Pool *p, const char *s);
Ref  attr_end(Pool *p, int from, enum Dialect d);
Ref  type_end(Pool *p, int from, enum Dialect d);
/* the blob is borrowed */
Ref  blob_end(Pool *p, int from, enum Dialect d, const void *blob, size_t nblob);

/* The number of a string in the string section; it gets one on first use. */
int str_number(Pool *p, const char *s);

void put_varint(Buf *b, uint64_t v);
void put_entry(Buf *b, Pool *p, const Entry *e);

/* -- the module as VHLO ---------------------------------------------------------------------------------- */

typedef struct Named { const char *name; Ref attr; } Named;

typedef struct OpName { const char *text; enum Dialect dialect; uint32_t nuse, number; } OpName;

typedef struct Rec {
	const Op *op;                /* NULL: the module, a function */
	Loc loc;
	int name;                    /* into Writer.name */
	bool isolated;               /* its regions use no value from outside */
	bool optional;               /* builtin.module: its properties may be absent */
	int nprop;
	const Ref *prop;             /* in the order of their names */
	Ref dict;                    /* attributes as a builtin dictionary: all before format 5, then only those
	                              * not in prop */
	int nregion;
	struct Block *region;
} Rec;

typedef struct Block {
	bool empty;                  /* a function without a body */
	int narg, nrec;
	Value arg;
	Rec *rec;
	uint32_t nvalue;
} Block;

typedef struct Use { Value v; bool rebuilt; } Use;       /* rebuilt: by an op that the target has in an older
                                                          * version */

typedef struct Prop { const char *p; size_t n; } Prop;

typedef struct Writer {
	const Module *m;
	Version target;              /* without the patch number, which changes no op */
	int format;                  /* of MLIR bytecode, by target */
	Arena a;
	Pool pool;
	VEC(OpName) name;
	int name_of[NOPS][MAX_VERSIONS];   /* 1 + index into name; 0: none */
	Ref *loc;                    /* [locations of the module]; [0]: the unknown one */
	Ref *type;                   /* [values] */
	uint32_t *id;                /* [values] number of a value */
	bool *rebuilt;               /* [values] defined by an op that the target has in an older version */
	VEC(Use) use;                /* in program order, then grouped by value: */
	uint32_t *first_use;         /* [values + 1] */
	Rec root;
	VEC(Ref) attrs, types;       /* in the order of their numbers */
	int *names, nnames;          /* [name.n], likewise */
	Map prop_map;
	VEC(Prop) props;             /* the properties section */
	Buf scratch;
} Writer;

/* write_attr.c */
Ref vhlo_type(Writer *w, Type t);
Ref vhlo_type_attr(Writer *w, const Type *t);
Ref vhlo_function_type(Writer *w, const Func *f);
Ref vhlo_string(Writer *w, const char *s);
Ref vhlo_array(Writer *w, int n, const Ref *item);
Ref vhlo_enum(Writer *w, enum Code_number code, uint64_t v);
Ref vhlo_integer(Writer *w, DType elem, int64_t v);            /* i32, i64 */
Ref vhlo_float(Writer *w, DType elem, double v);
Ref vhlo_number(Writer *w, const Dense *d);                    /* of any type, at most 64 bits */
uint64_t number_bits(const Dense *d);
Ref vhlo_elem_attr(Writer *w, DType elem);                     /* DTYPE_none: none */
Ref vhlo_accuracy(Writer *w, const Accuracy *x);
Ref vhlo_dense(Writer *w, const Dense *d, bool index);         /* index: of MLIR's index type */
Ref vhlo_ints(Writer *w, int rank, const int64_t *dim, const int64_t *v);

/* write_any.c; what has no form there is refused and gives 0 */
Ref vhlo_any(Writer *w, const Any *any, bool index);
Ref builtin_any(Writer *w, const Any *any);
Ref builtin_string(Writer *w, const char *s);
Ref builtin_dictionary(Writer *w, int n, const Named *item);
int *sorted_keys(Arena *a, int n, const char *const *key);

/* write_op.c: the attributes of an op in that VHLO version of it, sorted by name; returns how many. */
int op_attrs(Writer *w, const Op *op, int version, Named *out);

void make_locs(Writer *w);                      /* write_loc.c */
void build_tree(Writer *w);                     /* write_tree.c */
void number_all(Writer *w);                     /* write_number.c */
bool put_use_orders(Writer *w, Buf *b, Value v, int n);   /* write_uses.c */

/* version.c */
typedef struct Need { Version version; const char *what; } Need;
Need op_need(const Module *m, const Op *op);
Need func_need(const Func *f);
int  vhlo_version(OpCode code, Version target);
int  bytecode_format(Version target);

#endif
