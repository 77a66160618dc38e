/* Which function evaluates which op. */
#include "reference/internal.h"

Evaluate *const evaluators[NOPS] = {
#define EVAL(op, function) [OP_##op] = function,
#include "reference/eval.def"
#undef EVAL
};
