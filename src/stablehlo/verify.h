/* Inside the verifier: the check of each op (verify_*.c), the last column of verify.def. A check runs when
 * the op fits its row, its operands are defined and of the element types that verify.def asks for, and its
 * regions have been checked. */
#ifndef STABLEHLO_VERIFY_H
#define STABLEHLO_VERIFY_H

#include "stablehlo/infer_check.h"

typedef bool Check(Module *m, const Op *op);

static inline Type out_type(const Module *m, const Op *op, int i)
{
	return value_type(m, op->out + (Value)i);
}

/* n results, all tensors. */
bool results_ok(Module *m, const Op *op, int n);
/* Result i has type t but for sizes that only one side knows. */
bool result_is(Module *m, const Op *op, const char *clause, int i, Type t);
bool type_fits(Type x, Type y);

/* x may become y: the spec's is_promotable. */
bool is_promotable(DType x, DType y);
/* The spec's reducer: takes 2n scalars E0...En-1, E0...En-1 and returns E0...En-1, where x[i]'s elements
 * promote to Ei. */
bool reducer_ok(Module *m, const Op *op, const char *clause, const Region *r, int n, const Type *x);

/* Operand 0 and the result, where both are quantized, have one storage and the same scales
 * (verify_quant.c). */
bool quant_kept(Module *m, const Op *op, const char *clause);
bool broadcast_quant_ok(Module *m, const Op *op);

/* Elements of t, checked: false beyond int64 or when t is dynamic. */
bool count_elements(Type t, int64_t *n);
/* The integers of a constant operand, as far as it is one; out->n is -1 where it is not. */
Ints constant_ints(Module *m, Value v);

Check check_add, check_transpose, check_all_gather, check_all_reduce, check_all_to_all, check_async_done, check_async_start,
	check_batch_norm_inference, check_bitcast_convert, check_broadcast_in_dim, check_call, check_cholesky, check_collective_broadcast, check_collective_permute,
	check_collective_reduce, check_compare, check_composite, check_constant, check_convert, check_convolution,
	check_cross_replica_sum, check_custom_call, check_dot, check_dot_general, check_dynamic_broadcast_in_dim, check_dynamic_conv,
	check_dynamic_gather, check_dynamic_iota, check_dynamic_pad, check_dynamic_reshape, check_dynamic_update_slice,
	check_infeed, check_iota, check_map, check_real_dynamic_slice, check_recv, check_reduce, check_reduce_precision,
	check_reduce_scatter, check_reduce_window, check_reshape, check_reverse, check_rng, check_rng_bit_generator,
	check_scatter, check_select_and_scatter, check_send, check_set_dimension_size, check_sort, check_triangular_solve,
	check_uniform_quantize, check_while;

#endif
