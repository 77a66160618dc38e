/* Composites of a model, inlined. */
#include "api/api.h"
#include "stablehlo/composite.h"

static bool guarded_inline(Module *m)
{
	GUARD(&m->arena, m->err, return false);
	return inline_composites(m) && verify(m);
}

static bool inline_method(tshlo_model *m, Method *k, Err *e)
{
	if (k->saved && !method_module(m, k, e)) return false;
	if (!has_composites(k->module)) return true;
	k->module->err = e;
	k->composites_inlined = k->changed = true;
	forget_output(k);
	return guarded_inline(k->module) || err_at(e, "method '%s'", k->name);
}

bool tshlo_inline_composites(tshlo_model *m, tshlo_error *e)
{
	ERR(e, false);
	bool ok = m != NULL;
	for (int i = 0; ok && i < m->nmethod; i++) ok = inline_method(m, &m->method[i], err);
	return ok;
}
