/* Two modules, compared by what they mean. */
#ifndef STABLEHLO_DIFF_H
#define STABLEHLO_DIFF_H

#include "stablehlo/stablehlo.h"

/* Lines that tell differences: counted all, kept at most `most` of them. */
typedef struct Differences {
	Buf text;                    /* owned by who made it */
	int n, most;
	bool locations;              /* count, too */
} Differences;

/* One line, where there is room for it. */
void differ(Differences *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Functions are compared by name, in any order; their ops in order, whatever values are called; attributes by value, one that is not
 * there with its default. Of a function nothing is compared behind the first op that is another one. `at` stands before each line.
 * Both modules are verified; scratch is for what is needed meanwhile. */
void diff_modules(Differences *d, Arena *scratch, const char *at, const Module *x, const Module *y);

#endif
