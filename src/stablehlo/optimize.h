/* Passes over a module that somebody else wrote: what the builder does for ours while they are built. */
#ifndef STABLEHLO_OPTIMIZE_H
#define STABLEHLO_OPTIMIZE_H

#include "stablehlo/stablehlo.h"

typedef struct Passes {
	bool inline_calls;           /* func.call: the callee's ops in its place; private functions that nobody names afterwards go */
	bool inline_composites;      /* the same of stablehlo.composite */
	bool fold;                   /* fold.c, in regions too */
	bool cse;                    /* cse.c: of equal ops in a function's body the first stays */
	bool dce;                    /* ops without effect whose results nobody uses, and private functions that nobody names */
} Passes;

/* Of a verified module. What a function takes and gives stays as it is. */
bool optimize(Module *m, Passes p);

#endif
