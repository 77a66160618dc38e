/* Inside the printer: print.c (modules, functions, regions, generic ops), print_form.c (custom forms),
 * print_name.c (SSA names), print_loc.c (locations), print_attr.c (attributes), print_dense.c (constants), print_type.c (types and
 * what every file needs). Nothing here fails by itself: the Buf remembers that memory ran out or that
 * something could not be written. */
#ifndef STABLEHLO_PRINT_H
#define STABLEHLO_PRINT_H

#include "stablehlo/stablehlo.h"

#define PUT(b, literal) put(b, literal, sizeof(literal) - 1)

void put_int(Buf *b, int64_t v);
void put_uint(Buf *b, uint64_t v);
void put_ints(Buf *b, Ints x);                 /* 1, 2 */
void put_list(Buf *b, Ints x);                 /* [1, 2] */
void put_types(Buf *b, int n, const Type *t);  /* tensor<f32>, tensor<f32> */

void put_quoted(Buf *b, const char *s);        /* "a\22b" */
void put_word(Buf *b, const char *s);          /* s itself where MLIR's lexer takes it as an identifier, else
                                                * quoted */

/* One float of type t at p; returns whether it had to be hexadecimal. */
bool put_float(Buf *b, DType t, const void *p);
bool put_double(Buf *b, double v);

/* dense<...> : tensor<...>. index: the elements are i64 here and index in MLIR (layouts). */
void put_dense(Buf *b, const Dense *d, bool index);
void put_dense_elements(Buf *b, const Dense *d);   /* what stands between < and > */
void put_dense_list(Buf *b, const Dense *d);       /* 1, 2: as an array writes them */

/* bare: as the custom forms write it; else as a dictionary does, with its type. */
void put_attr(Buf *b, AttrKind kind, const Attr *a, bool bare);
void put_any(Buf *b, const Any *a);
void put_member(Buf *b, const Any *dict, int i);          /* a = 1 : i64 */
int next_member(const Any *dict, int last);              /* the member after `last` (-1: the first) by name, or -1 */

/* ` {a = 1 : i64, b}` sorted by name; nothing when empty. */
void put_any_dict(Buf *b, const Any *dict);

/* Whether MLIR takes the attribute for its default and leaves it out of a custom form. */
bool is_default(AttrKind kind, const Attr *a);

/* -- ops ------------------------------------------------------------------------------------------------- */

/* %12, %cst_3, %5#1: base 0 has no word; number -1: none; sub -1: not one of several results. */
typedef struct SsaName { int base, number, sub; } SsaName;

/* Where MLIR's numbering stands: a region goes on from where the region around it has ended. */
typedef struct Scope {
	int value, arg, conflict;
	unsigned used;               /* bit per base: the plain word is taken */
} Scope;

/* #loc3: whether the text refers to it, and does so before the module has ended. */
typedef struct LocAlias { bool met, early; int number; } LocAlias;

typedef struct Printer {
	const Module *m;
	Buf *b;
	SsaName *name;                  /* [m->value.n] */
	LocAlias *alias;             /* [m->locs.info.n]; NULL: the module is without locations */
	Loc *met;                    /* [nmet] that the text refers to, by number */
	int nmet;
	int indent;
	Scope scope;                 /* of the region being printed */
	bool top;                    /* in a function's body, not in an op's region */
} Printer;

/* Names what the region itself defines, not what the regions in it do. The arguments of a while are
 * %iterArg. */
Scope name_region(Printer *p, const Region *r, Scope s, bool is_while);
void put_value(Printer *p, Value v);
void put_values(Printer *p, int n, const Value *v);
void put_results(Printer *p, const Op *op);               /* `%0:2 = `, nothing for an op without results */

void put_newline(Printer *p);
void put_operand_types(Printer *p, const Op *op);
void put_result_types(Printer *p, const Op *op);
void put_fn(Printer *p, const Op *op);                    /* (tensor<f32>) -> tensor<f32> */
void put_argument(Printer *p, Value v);                   /* %arg0: tensor<f32> loc("x") */
void put_region(Printer *p, const Op *op, int i, bool with_arguments);   /* { ... } */
void put_regions(Printer *p, const Op *op);               /* { ... }, { ... } */
void put_op_name(Printer *p, const Op *op);
void put_named_attr(Printer *p, const AttrDef *def, const Attr *a);
int next_attr(const Op *op, const char *last);            /* the set attribute after `last` by name, or -1 */
void put_generic(Printer *p, const Op *op);               /* what follows the name */
void put_form(Printer *p, const Op *op);                  /* what follows the name */
const Op *compact_body(const Printer *p, const Op *op);   /* of a reduction that prints as `applies add`; else NULL */

/* What the text refers to; false: out of memory. Where the module is without locations, the others do nothing. */
bool find_locs(Printer *p);
void put_loc(Printer *p, Loc l);                          /* ` loc(#loc3)` */
void put_argument_loc(Printer *p, Value v);               /* ` loc("x")` */
/* `#loc3 = loc("x")` on lines of their own: those that are referred to early, or the others. */
void put_loc_table(Printer *p, bool early);

/* -- Shardy's dialect (print_sdy.c) ----------------------------------------------------------------------- */

bool print_plain(const Module *m, Buf *out);
bool print_shardy(const Module *m, Buf *out);             /* a module that has meshes */
void put_meshes(Printer *p);
bool put_sharding_constraint(Printer *p, const Op *op);   /* what follows the results; false: the op is none */

#endif
