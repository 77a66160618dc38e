/* What a plugin does not know: it names the target of a custom call, we the node and the line of the user's that made it. */
#include "api/api.h"

#include <string.h>

static void count_calls(const Region *r, const char *message, Map *count, Arena *a)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		for (int k = 0; k < op->nregion; k++) count_calls(op->region[k], message, count, a);
		if (op->code != OP_custom_call) continue;
		const char *target = op->attr[op_attr_index(OP_custom_call, "call_target_name")].str;
		if (!target || !*target || !strstr(message, target)) continue;
		int seen = map_get(count, target, strlen(target));
		map_set(count, target, strlen(target), seen < 0 ? 1 : seen + 1);
	}
}

/* A directory says no more than how often. */
static void put_counts(Buf *out, Arena *a, const Module *mod, const char *message)
{
	for (int i = 0; i < mod->func.n; i++) {
		Map count = { a, 0, 0, 0 };
		count_calls(&mod->func.v[i]->body, message, &count, a);
		for (size_t k = 0; k < count.nslot; k++)
			if (count.slot[k].key) putf(out, "\n  %s is called x%d in function %s of the module", count.slot[k].key, count.slot[k].value, mod->func.v[i]->name);
	}
}

static void put_who(Buf *out, Arena *a, tshlo_model *m, Method *k, Err *e)
{
	OWN_ERR(NULL);
	GUARD(a, err, return);
	if (k->sizes.program) {
		put_custom_calls(out, a, k->sizes.program, &k->options, err_msg(e));
		return;
	}
	const Module *mod = method_module(m, k, err);
	if (mod) put_counts(out, a, mod, err_msg(e));
}

void explain_custom_calls(tshlo_model *m, Method *k, Err *e)
{
	Arena a = { 0 };
	Buf who = { 0 };
	put_who(&who, &a, m, k, e);
	put_byte(&who, 0);
	if (!who.failed) err_more(e, (const char *)who.p);
	buf_free(&who);
	arena_free(&a);
}
