/* Quantized types: !quant.uniform values with uniform_quantize and uniform_dequantize, where they are asked for
 * (LowerOptions.quantized_types) and can say it: scales and zero points that are known before the program runs, one for all
 * elements or one for each index of a dim. As torch_xla has it, integers are the bits of such a value: bitcast_convert goes
 * between the two, and a quantize that a dequantize reads needs none. Functions give 0 where integer arithmetic is to do it. */
#ifndef ATEN_QUANT_TYPE_H
#define ATEN_QUANT_TYPE_H

#include "aten/node.h"

/* Arguments of these names; axis -1: one scale for all. */
Value to_quantized(Node *n, const char *input, const char *scale, const char *zero, int axis);
Value from_quantized(Node *n, const char *input, const char *scale, const char *zero, int axis);

/* The same of torchao's "input", "block_size", "scale", "zero_point"; t is the input's shape. */
Value blocks_to_quantized(Node *n, Type t);
Value blocks_from_quantized(Node *n, Type t);

#endif
