/* Modules for the tests of the text printer, each a case of names, types, attributes or constants. */
#ifndef STABLEHLO_TEST_PRINT_CASES_H
#define STABLEHLO_TEST_PRINT_CASES_H

#include "stablehlo/stablehlo.h"

typedef struct PrintCase { const char *name; void (*build)(Module *m); } PrintCase;

extern const PrintCase print_cases[];   /* ends in a row without a name */

#endif
