/* Inside aten: stablehlo.custom_call, of operators that the user lets through (custom.c) and of xla.stablehlo_custom_call (custom_call.c). */
#ifndef ATEN_CUSTOM_H
#define ATEN_CUSTOM_H

#include "aten/ctx.h"

enum { TYPED_FFI = 4 };      /* CustomCallApiVersion */

/* What passes through is moved by XLA's host offloading. */
#define PLACEMENT_TARGET "annotate_device_placement"

typedef struct CustomCall {
	const char *target;
	bool has_side_effect;
	int64_t api_version;         /* 0: StableHLO's default, 1 */
	const Any *config;           /* NULL: none; a dictionary with TYPED_FFI, else a string */
	const Any *operand_layouts, *result_layouts, *aliases;       /* NULL: none */
	const Any *frontend;         /* a dictionary that XLA's passes read; NULL: none */
} CustomCall;

/* The call with the results that the node has: several are one tuple, as torch_xla has them. */
Value custom_call(Node *n, int nin, const Value *in, CustomCall c);

/* Elements as an attribute; data stays where it is. */
Any dense_any(Node *n, DType elem, int rank, const int64_t *dim, const void *data);

#endif
