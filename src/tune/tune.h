/* Rewrites for speed. Each gives the same function in another module: results differ by rounding at most.
 *
 *	scales_into_weights    conv(x, w) * s + b  is  conv(x, w * s) + b, where w, s and b are weights: a batch norm costs one addition
 *	channels_last          convolutions, and what stands between them, with the features as last dimension
 *	split                  what depends on weights alone is a function of its own, to be run once
 *
 * They know static sizes only, and leave a function with others as it is. */
#ifndef TUNE_TUNE_H
#define TUNE_TUNE_H

#include "stablehlo/stablehlo.h"

/* fixed: [f->narg] which arguments have the same value at every run. `to` is empty, and borrows of `from`, which must outlive it. */
bool scales_into_weights(const Module *from, const Func *f, const bool *fixed, Module *to);
bool channels_last(const Module *from, const Func *f, Module *to);

/* Where argument i of a split function comes from: argument[i] of the whole one, or ~result of `once`. */
typedef struct Split {
	int nargument, nonce;        /* of `each`, of `once` */
	const int *argument;         /* [nargument] */
	const int *once;             /* [nonce] */
	int nresult;                 /* of `once`; 0: there is nothing to be computed once, and it is empty */
} Split;

bool split(const Module *from, const Func *f, const bool *fixed, Module *each, Module *once, Split *out);

#endif
