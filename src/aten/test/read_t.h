/* A program as a case of a .t file writes it:
 *
 *	in  self: f32[2,5]                    user input; also param, buffer, const (weights; "= f32[3]": the tensor has another type)
 *	x f32[2,5] = aten.relu.default(self)  a node: a value's name and type, the target, arguments: name=value, or a value that is
 *	                                      called as the argument is
 *	(a f32[2], b i64[2]) = aten.max.dim(self, dim=1)      several outputs; _ stands for one that is None
 *	x f32[2] = aten.foo.default(self)  # model.py:17      the user's line
 *	mutates self                          what functionalization must say is written, no more and no less
 *	return x, b                           the outputs; without it: the outputs of the last node
 *
 * Types: f32[2,5], with strides and offset f32[2,5]{1,2}@3; a dim that is a word is a symbol. Argument values: 1, 0.5, inf,
 * true, None, "text", f32 (an element type), a value's name, [a list]. */
#ifndef ATEN_TEST_READ_T_H
#define ATEN_TEST_READ_T_H

#include "program/program.h"

typedef struct Names { int n; const char *v[16]; } Names;

/* Fills p (its arena's `full` is set) from the text; mutated: the names of "mutates". */
bool read_t(Program *p, const char *text, size_t n, Names *mutated, Err *e);

#endif
