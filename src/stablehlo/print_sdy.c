/* Modules with shardings of Shardy, in its own dialect. In StableHLO its attributes are text beside GSPMD's, and the sharding of a result is
 * a custom call; this is the way back, as xla/service/spmd/shardy/sdy_round_trip has it:
 *
 *	module's mhlo.frontend_attributes xla.sdy.meshes          sdy.mesh @mesh = <["x"=2]>
 *	argument's ... xla.sdy.sharding, mhlo.sharding            sdy.sharding
 *	custom_call @Sharding                                     sdy.sharding_constraint %0 <@mesh, [{"x"}, {}]>
 *	custom_call @xla.sdy.FuncResultSharding                   sdy.sharding of the result that it is */
#include "stablehlo/print.h"
#include "stablehlo/sharding.h"

#include <stdlib.h>
#include <string.h>

static const char frontend[] = "mhlo.frontend_attributes", gspmd[] = "mhlo.sharding";

static const Any *member(const Any *dict, const char *key)
{
	for (int i = 0; dict && dict->kind == ANY_DICT && i < dict->n; i++)
		if (!strcmp(dict->key[i], key)) return &dict->item[i];
	return NULL;
}

/* Shardy's attribute of an argument or op; NULL: there is none. */
static const char *shardy_of(const Any *dict)
{
	const Any *x = member(member(dict, frontend), "xla.sdy.sharding");
	return x && x->kind == ANY_STR ? x->str : NULL;
}

static bool is_call(const Op *op, const char *target)
{
	return op->code == OP_custom_call && !strcmp(op->attr[op_attr_index(OP_custom_call, "call_target_name")].str, target);
}

/* <@mesh, [{"x"}, {}]> out of #sdy.sharding_per_value<[<@mesh, [{"x"}, {}]>]>; n 0: it is something else. */
static const char *only_value(const Op *op, size_t *n)
{
	static const char before[] = "#sdy.sharding_per_value<[", after[] = "]>";
	const char *s = shardy_of(op->extra);
	size_t len = s ? strlen(s) : 0, cut = sizeof before + sizeof after - 2;
	bool whole = len > cut && !strncmp(s, before, sizeof before - 1) && !strcmp(s + len - (sizeof after - 1), after);
	*n = whole ? len - cut : 0;
	return whole ? s + sizeof before - 1 : "";
}

bool put_sharding_constraint(Printer *p, const Op *op)
{
	size_t n = 0;
	const char *spec = is_call(op, "Sharding") && op->nin == 1 && op->nout == 1 ? only_value(op, &n) : "";
	if (!n) return false;
	PUT(p->b, "sdy.sharding_constraint ");
	put_value(p, op->in[0]);
	put_byte(p->b, ' ');
	put(p->b, spec, n);
	PUT(p->b, " : ");
	put_type(p->b, value_type(p->m, op->out));
	return true;
}

/* -- a module with the dialect's attributes --------------------------------------------------------------- */

static Any without_shardings(Arena *a, const Any *dict)
{
	Any out = { 0 };
	for (int i = 0; dict->kind == ANY_DICT && i < dict->n; i++)
		if (strcmp(dict->key[i], frontend) != 0 && strcmp(dict->key[i], gspmd) != 0) out = with_member(a, out, dict->key[i], dict->item[i]);
	return out;
}

static Any with_spec(Arena *a, Any dict, const char *spec)
{
	return spec ? with_member(a, dict, "sdy.sharding", (Any){ .kind = ANY_VERBATIM, .str = spec }) : dict;
}

static Op *copy_op(Arena *a, const Op *op)
{
	Op *copy = COPY(a, Op, op, 1);
	copy->in = COPY(a, Value, op->in, op->nin);
	return copy;
}

/* The calls that shard results go, and the results are what they were called with. */
static void take_results(Arena *a, const Module *m, Func *f)
{
	Region *body = &f->body;
	Op **op = NEW(a, Op *, body->op.n + 1);
	int n = 0;
	for (int i = 0; i < body->op.n; i++)
		if (!is_call(body->op.v[i], "xla.sdy.FuncResultSharding")) op[n++] = body->op.v[i];
	body->op.v = op;
	body->op.n = n;
	if (!n) return;
	Op *ret = op[n - 1] = copy_op(a, op[n - 1]);
	for (int i = 0; i < ret->nin && i < f->nres; i++) {
		const Op *def = m->value.v[ret->in[i]].def;
		size_t len;
		if (!def || !is_call(def, "xla.sdy.FuncResultSharding")) continue;
		const char *spec = only_value(def, &len);
		ret->in[i] = def->in[0];
		f->res_attr[i] = with_spec(a, f->res_attr[i], arena_printf(a, "#sdy.sharding%.*s", (int)len, spec));
	}
}

static Func *own_func(Arena *a, const Module *m, const Func *from)
{
	Func *f = COPY(a, Func, from, 1);
	f->arg_attr = NEW(a, Any, f->narg + 1);
	f->res_attr = NEW(a, Any, f->nres + 1);
	for (int i = 0; i < f->narg; i++)
		f->arg_attr[i] = with_spec(a, without_shardings(a, &from->arg_attr[i]), shardy_of(&from->arg_attr[i]));
	for (int i = 0; i < f->nres; i++) f->res_attr[i] = without_shardings(a, &from->res_attr[i]);
	take_results(a, m, f);
	return f;
}

static void own_module(Arena *a, const Module *m, Module *out)
{
	Func **f = NEW(a, Func *, m->func.n + 1);
	*out = *m;
	for (int i = 0; i < m->func.n; i++) f[i] = own_func(a, m, m->func.v[i]);
	out->func.v = f;
	out->attr = without_shardings(a, &m->attr);
}

bool print_shardy(const Module *m, Buf *out)
{
	Arena a = { 0 };
	jmp_buf full;
	if (setjmp(full)) {
		arena_free(&a);
		return fail(m->err, NO_MEMORY, "out of memory");
	}
	a.full = &full;
	Module own;
	own_module(&a, m, &own);
	bool ok = print_plain(&own, out);
	arena_free(&a);
	return ok;
}

void put_meshes(Printer *p)
{
	for (int i = 0; i < p->m->nmesh; i++) {
		PUT(p->b, "  sdy.mesh @");
		put_word(p->b, p->m->mesh[i]->name);
		PUT(p->b, " = ");
		put_sdy_mesh(p->b, p->m->mesh[i]);
		put_loc(p, 0);
		put_byte(p->b, '\n');
	}
}
