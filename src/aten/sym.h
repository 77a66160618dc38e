/* Symbolic sizes of a program as numbers or handles of a DimTable. */
#ifndef ATEN_SYM_H
#define ATEN_SYM_H

#include "program/program.h"
#include "stablehlo/dims.h"

/* What the caller says a symbol is. */
typedef struct Binding { const char *symbol; int64_t size; } Binding;

typedef struct Sizes {
	const Program *program;
	DimTable *table;
	int nbound;                  /* symbols that are numbers here; the others become symbols of the table */
	const Binding *bound;
} Sizes;

/* DYNAMIC: the expression is none that this can compute (a float, a condition). */
int64_t size_of(const Sizes *s, Dim d);
int64_t size_of_expr(const Sizes *s, const char *expr);

bool sizes_bound(const Sizes *s, const char *name, int64_t *value);

/* d = scale * symbol + offset, scale > 0; false: it is another kind of expression. */
bool solve_for(DimTable *t, int64_t d, int64_t *symbol, int64_t *scale, int64_t *offset);

#endif
