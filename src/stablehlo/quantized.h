/* Quantized types as what they are stored as. */
#ifndef STABLEHLO_QUANTIZED_H
#define STABLEHLO_QUANTIZED_H

#include "stablehlo/stablehlo.h"

bool has_quantized_types(const Module *m);
bool is_quantized_op(const Module *m, const Op *op);         /* an operand or a result is of such a type */
Type stored_type(Type t);                                    /* t, or the integers that it is stored as */
/* Ops that do not look at the elements: of the integers they give the integers. */
bool moves_elements(OpCode code);
/* The result of a uniform_quantize, uniform_dequantize or bitcast_convert of m, on an operand as it is stored. */
Value on_stored(Builder *b, const Module *m, const Op *op, Value x);

#endif
