/* Small valid modules, at least one for every row of ops.def and each of its attributes: what printer, verifier and bytecode
 * are tested on. A module holds one function, @main, whose arguments are the op's operands and whose results are its results
 * (plus the functions that the op names). */
#ifndef STABLEHLO_TEST_EVERY_OP_H
#define STABLEHLO_TEST_EVERY_OP_H

#include "stablehlo/stablehlo.h"

/* How many modules there are for an op; 0 for OP_none. */
int every_op_count(OpCode code);

/* Builds the which-th into m, an empty module with err and arena.full set; failures are in m->err. Data is static. */
void build_every_op(OpCode code, int which, Module *m);

/* Programs of several ops, for what a single op does not show: values used more than once, regions that use values from
 * outside, private functions, argument attributes, module attributes. */
int program_count(void);
const char *program_name(int which);
void build_program(int which, Module *m);

/* "2x?xf32", "?4x3xf32" (bound 4), "token", "(2xf32,token)" a tuple, "{2xf32}" a future, "2xq8" !quant.uniform<i8:f32, 0.5:3>,
 * "2xqu8", "2xqaxis" per axis 0. */
Type type_of_text(Arena *a, const char *s);

#endif
