/* Inside api: what a device is given to compile for a method. */
#ifndef API_TUNED_H
#define API_TUNED_H

#include "api/session.h"
#include "tune/tune.h"

/* Code that takes the method's arguments, or, rewritten, those that split.argument names: arguments and results of `once`. */
typedef struct Tuned {
	Buf code, once;
	bool is_split;
	Split split;
	Module stage[4];             /* scaled, features last, each run, once: what split lives in */
} Tuned;

/* The method's module m as one that XLA's CPU runs faster; without code where there is nothing to be gained. Arguments that are neither user
 * inputs nor state of s have the same value at every run. Free with tuned_free(), on failure too. */
bool tuned_new(const Module *m, const Method *k, const tshlo_session *s, Tuned *t, Err *e);
void tuned_free(Tuned *t);

#endif
