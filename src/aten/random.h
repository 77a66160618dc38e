/* Random numbers. Each call of these draws a tensor of its own: the same one at every run for the same seed,
 * another one than any other call. f16 and bf16 are drawn and given in f32 (acc_type). */
#ifndef ATEN_RANDOM_H
#define ATEN_RANDOM_H

#include "aten/node.h"

/* -- a stream of draws, for loops ------------------------------------------------------------------------ */

/* The first state of a stream: ui64[2] = key, counter; ui64[1] for a result of open sizes. */
Value random_state(Node *n);
/* Bits of t, which is ui32 or ui64; *state goes on to the next of the stream. */
Value next_bits(Builder *b, Value *state, Type t);
/* (0, 1) of t, f32 or f64: near 0 in multiples of 2^-32 or 2^-64. */
Value next_open(Builder *b, Value *state, Type t);
Value next_normal(Builder *b, Value *state, Type t);

/* -- one draw -------------------------------------------------------------------------------------------- */

Value random_bits(Node *n, Type t);
/* [0, 1) in multiples of 2^-digits of t's own type (f16: 11 digits, bf16: 8, f32: 24, f64: 53). */
Value random_uniform(Node *n, Type t);
/* (0, 1): what logarithms are taken of. */
Value random_open(Node *n, Type t);
/* Mean 0, variance 1. */
Value random_normal(Node *n, Type t);
/* bool, true with probability p. */
Value random_bool(Node *n, Type t, double p);
/* x / (1 - p) with probability 1 - p, else 0 (dropout.c). */
Value random_dropout(Node *n, Value x, double p);

#endif
