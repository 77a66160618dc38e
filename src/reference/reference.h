/* An evaluator of StableHLO modules: what each op gives, as spec.md says it. Correct first; convolutions and products are fast enough
 * for small models.
 *
 *	Dense x = { tensor_type(&a, DTYPE_f32, 2, (int64_t[]){ 2, 3 }), .data = data, .nbytes = 24 };
 *	Dense *y = NEW(&a, Dense, f->nres);
 *	evaluate(m, f, &x, y, &a, NULL, err)
 *
 * The module must have passed verify(). Sizes that it leaves open are those that the inputs have. Memory is that of the values which
 * are still needed; there is no limit on steps but what the program says.
 *
 * One replica and one partition: collectives over more are refused, as are rng, infeed, outfeed, send and recv, ops on sizes with bounds,
 * and custom calls but those that `custom_call` takes. Errors name the op and the reason. */
#ifndef REFERENCE_REFERENCE_H
#define REFERENCE_REFERENCE_H

#include "stablehlo/stablehlo.h"

typedef struct EvalOptions {
	/* Called for a custom call; out: [nout] of the types it has, their data zeroed and to be written. Whether it knows the target goes to
	 * *known. NULL: all are refused. */
	bool (*custom_call)(void *self, const char *target, int nin, const Dense *in, int nout, const Dense *out, bool *known, Err *e);
	void *self;
} EvalOptions;

/* in: [f->narg], as f's types say, with sizes where these leave them open, none of them a splat; out: [f->nres], in the arena. */
bool evaluate(const Module *m, const Func *f, const Dense *in, Dense *out, Arena *a, const EvalOptions *opt, Err *e);

#endif
