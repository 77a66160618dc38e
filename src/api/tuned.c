#include "api/tuned.h"

#include <string.h>

enum { SCALED, LAST, EACH, ONCE };

static bool has_convolution(const Func *f)
{
	for (int i = 0; i < f->body.op.n; i++)
		if (f->body.op.v[i]->code == OP_convolution) return true;
	return false;
}

static bool *fixed_arguments(const Method *k, const tshlo_session *s, Arena *a)
{
	bool *fixed = NEW(a, bool, k->nin + 1);
	for (int i = 0; i < k->nin; i++) fixed[i] = k->in[i].input != TSHLO_INPUT_USER && state_argument(s, k, i) < 0;
	return fixed;
}

static bool write_code(Module *m, Buf *out)
{
	return verify(m) && write_bytecode(m, oldest_usable(m), out);
}

/* All arenas end in the one setjmp. */
static bool rewrite(const Module *m, const Method *k, const tshlo_session *s, Tuned *t, Err *e)
{
	Module *stage = t->stage;
	GUARD(&stage[SCALED].arena, e, return false);
	for (int i = 0; i < 4; i++) {
		stage[i].err = e;
		stage[i].arena.full = stage[SCALED].arena.full;
	}
	const Func *f = main_function(m);
	if (!f || f->narg != k->nin) return true;
	bool *fixed = fixed_arguments(k, s, &stage[SCALED].arena), convolves = has_convolution(f);
	if (!scales_into_weights(m, f, fixed, &stage[SCALED])) return false;
	if (!channels_last(&stage[SCALED], main_function(&stage[SCALED]), &stage[LAST])) return false;
	if (!split(&stage[LAST], main_function(&stage[LAST]), fixed, &stage[EACH], &stage[ONCE], &t->split)) return false;
	t->is_split = t->split.nresult > 0;
	if (!t->is_split) return !convolves || write_code(&stage[LAST], &t->code);
	return write_code(&stage[EACH], &t->code) && write_code(&stage[ONCE], &t->once);
}

bool tuned_new(const Module *m, const Method *k, const tshlo_session *s, Tuned *t, Err *e)
{
	memset(t, 0, sizeof *t);
	return rewrite(m, k, s, t, e);
}

void tuned_free(Tuned *t)
{
	buf_free(&t->code);
	buf_free(&t->once);
	for (int i = 0; i < 4; i++) module_free(&t->stage[i]);
}
