/* What is known of a function before it is rewritten. */
#ifndef TUNE_USES_H
#define TUNE_USES_H

#include "stablehlo/stablehlo.h"

/* [m->value.n]: how many operands, anywhere, a value is. */
int *count_uses(const Module *m, Arena *a);

/* What a value depends on. Within regions: what an argument stands for is not looked at, it counts as NOTHING. */
typedef enum Depends { EACH_RUN, NOTHING, WEIGHTS } Depends;

/* [m->value.n], for the values of f's body. fixed: [f->narg]. */
Depends *find_dependence(const Module *m, const Func *f, const bool *fixed, Arena *a);

/* Whether everything has a size that is a number. */
bool all_static(const Module *m);

#endif
