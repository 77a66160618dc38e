/* Inside program: the state of functionalize(), shared with inverse.c. */
#ifndef PROGRAM_FUNCTIONALIZE_H
#define PROGRAM_FUNCTIONALIZE_H

#include "program/program.h"

typedef enum When { WHEN_ALWAYS, WHEN_STRIDES, WHEN_SAME, WHEN_EVAL, WHEN_REAL, WHEN_RESOLVED } When;

typedef enum Inverse {
	INVERSE_REFUSE, INVERSE_SAME_SHAPE, INVERSE_RESHAPE, INVERSE_EXPAND, INVERSE_AGAIN, INVERSE_PERMUTE, INVERSE_MOVEDIM,
	INVERSE_SLICE, INVERSE_NARROW, INVERSE_PIECE, INVERSE_SELECT, INVERSE_UNBIND, INVERSE_DIAGONAL, INVERSE_AS_STRIDED,
	INVERSE_REAL, INVERSE_IMAG, INVERSE_VIEW_AS_REAL, INVERSE_VIEW_AS_COMPLEX,
} Inverse;

/* What a value of the old graph is. Bases: parent 0, base itself, version counts writes. Views: `how`
 * applied to parent gives output `index` (how NULL: the same tensor); now is good while version equals the
 * base's. */
typedef struct Alias {
	VId now, parent, base;
	const GraphNode *how;
	int index, version;
	int depth;                 /* views between it and its base */
} Alias;

typedef struct Fn {
	Program *p;
	Graph *g;
	Arena *a;
	Err *err;
	Map views, writes;         /* rows of views.def and names.def */
	VEC(Alias) alias;          /* one per graph value */
	VEC(VId) stale;            /* views that read_value() is about to bring up to date */
	VEC(GraphNode) node;       /* the new graph */
} Fn;

/* Calls of graphs that only set a mode, inlined (inline.c). */
bool inline_modes(Program *p, Graph *g, Err *e);

const Arg *node_arg(const GraphNode *g, const char *name);      /* NULL: absent */
Arg ints_arg(Arena *a, int n, const int64_t *v);
VId new_value(Fn *f, VId like);                                 /* with the metadata of another */
GraphNode *new_node(Fn *f, const GraphNode *from, const char *target, int narg, int nout);
VId read_value(Fn *f, VId v);                                   /* current content */
Inverse inverse_of(const Fn *f, const GraphNode *g);

/* Output `index` of a view of several outputs (split, unbind), cut out of the parent's current content. */
VId piece_again(Fn *f, VId v);

/* The new content of v's parent when v's content becomes `content`; 0 with the failure recorded when it
 * has no inverse. */
VId invert(Fn *f, VId v, VId content);

#endif
