/* Passes over a method's module. */
#include "api/api.h"
#include "stablehlo/composite.h"
#include "stablehlo/optimize.h"

static bool guarded_optimize(Module *m, Passes p)
{
	GUARD(&m->arena, m->err, return false);
	return optimize(m, p) && verify(m);
}

static bool optimize_method(tshlo_model *m, Method *k, const tshlo_passes *p, Err *e)
{
	if (!method_module(m, k, e)) return false;
	Passes passes = { p->inline_calls, p->inline_composites, p->fold, p->cse, p->dce };
	k->composites_inlined = k->composites_inlined || p->inline_composites;
	k->changed = true;
	forget_output(k);
	return guarded_optimize(k->module, passes) || err_at(e, "method '%s'", k->name);
}

bool tshlo_optimize(tshlo_model *m, const char *method, const tshlo_passes *p, tshlo_error *e)
{
	ERR(e, false);
	static const tshlo_passes none;
	Method *k = model_method(m, method, err);
	return k && optimize_method(m, k, p ? p : &none, err);
}
