/* Quantization: torch's own arithmetic, step by step, so that what it rounds is rounded here alike.
 *
 *	Num x = num_of(b, input);                          // f16: computed in f32, held as f16 after each step
 *	x = num_op(b, OP_multiply, x, inverse);            // in torch.promote_types of both
 *	x = num_round(b, x);
 *	return cast(b, x.v, n->out.elem); */
#ifndef ATEN_QUANT_H
#define ATEN_QUANT_H

#include "aten/node.h"

/* What torch holds as `as`; v is of acc_type(as). A Python number goes along in the other operand's type: { v, other.as }. */
typedef struct Num { Value v; DType as; } Num;

Num num_of(Builder *b, Value x);
Num num_as(Builder *b, Value x, DType as);                   /* x.to(as) */
/* A step of the type that both promote to; y is of x's shape. */
Num num_op(Builder *b, OpCode op, Num x, Num y);
Num num_with(Builder *b, OpCode op, Num x, double c);        /* x op c, a Python number */
Num num_round(Builder *b, Num x);                            /* half to even */
Num num_clamp(Builder *b, Num x, Num low, Num high);         /* NaN stays NaN */
Num num_at_least(Builder *b, Num x, double c);
Num num_negated(Builder *b, Num x);

/* The ends of an integer type of at most 32 bits, or of a float of 8. */
double least_of(DType t);
double most_of(DType t);

/* How scales and zero points go with the elements of a tensor: it is looked at as `view`, they as `each`, which broadcasts
 * to that. Types here are shapes. */
typedef struct Blocks { Type view, each; } Blocks;

Blocks one_block(Type t);                                    /* one number for all elements */
Blocks block_per_row(Builder *b, Type t);                    /* one for each run along the last dim */
/* One for each block of these sizes: a block is 1, all of the dim, or a part of it. A kind of 0 after a failure. */
Blocks blocks_of(Node *n, Type t, Ints block);
/* The dims of view along which a block lies: torch reduces over these. */
Ints dims_of_blocks(Builder *b, Blocks g);
/* A scale or zero point as `view`. */
Num spread_block(Builder *b, Num x, Blocks g);

#endif
