/* Functions of unknown sizes for given ones. */
#ifndef STABLEHLO_REFINE_H
#define STABLEHLO_REFINE_H

#include "stablehlo/stablehlo.h"

/* f of `from` into the fresh module `to`, for arguments of these static types (arg[f->narg]), and without quantized types. `to` borrows
 * attributes of `from`, which must outlive it. Fails naming the op where a size depends on values. */
bool refine(const Module *from, const Func *f, const Type *arg, Module *to);

#endif
