/* Result types, one function per kind of op: the `infer` column of ops.def. Each checks what it needs to
 * compute the type and names the clause of the spec that the operands break ("concatenate_c2"); the rest
 * is verify.c's. */
#ifndef STABLEHLO_INFER_H
#define STABLEHLO_INFER_H

#include "stablehlo/stablehlo.h"

Infer infer_batch_norm_grad, infer_batch_norm_training, infer_binary, infer_branches, infer_broadcast, infer_clamp,
	infer_compare, infer_complex, infer_concatenate, infer_constant, infer_convolution, infer_device_id,
	infer_dimension_size, infer_dot_general, infer_dynamic_slice, infer_fft, infer_first, infer_gather, infer_map,
	infer_nothing, infer_operands, infer_pad, infer_predicate, infer_reduce, infer_reduce_window, infer_scatter,
	infer_select, infer_slice, infer_token, infer_transpose, infer_triangular_solve, infer_tuple, infer_tuple_element,
	infer_unary;

#endif
