/* custom_call: what its attributes say of operands and results. The spec leaves the op to its target; these are the constraints of
 * StablehloOps.cpp, CustomCallOp::verify. */
#include "stablehlo/verify.h"

/* -- layouts --------------------------------------------------------------------------------------------- */

/* The i-th number of a list of integers, which may be one for all. */
static bool layout_at(const Dense *d, int64_t i, int64_t *out)
{
	if (d->nbytes < (size_t)(d->splat ? 1 : i + 1) * 8) return false;
	*out = dtype_load_int(DTYPE_i64, (const char *)d->data + (d->splat ? 0 : (size_t)i * 8));
	return true;
}

/* Dimensions from the fastest to the slowest: each of the tensor's, once. Of what is no tensor: none. */
static bool layout_ok(Module *m, const Op *op, const char *what, int i, Type t, const Any *layout)
{
	const Dense *d = layout->kind == ANY_DENSE ? layout->dense : NULL;
	int64_t n, at;
	if (!d || d->type.rank != 1 || d->type.elem != DTYPE_i64 || !count_elements(d->type, &n))
		return broken(m, op, "layouts", "the layout of %s %d is no list of dimensions", what, i);
	int rank = t.kind == TYPE_TENSOR || t.kind == TYPE_BUFFER ? t.rank : 0;
	if (n != rank) return broken(m, op, "layouts", "the layout of %s %d has %lld dimensions, its type %s has %d", what, i, (long long)n, str(m, t), rank);
	DimSet seen = dimset(m, rank);
	for (int k = 0; k < rank; k++) {
		if (!layout_at(d, k, &at) || at < 0 || at >= rank || dimset_has(&seen, at))
			return broken(m, op, "layouts", "the layout of %s %d is no permutation of the %d dimensions of %s", what, i, rank, str(m, t));
		dimset_add(&seen, at);
	}
	return true;
}

/* What the results are: those of the only one when it is a tuple. */
static int results_of(Module *m, const Op *op, const Type **t)
{
	if (op->nout == 1 && out_type(m, op, 0).kind == TYPE_TUPLE) {
		Type only = out_type(m, op, 0);
		*t = only.part;
		return only.npart;
	}
	Type *each = NEW(&m->arena, Type, op->nout + 1);
	for (int i = 0; i < op->nout; i++) each[i] = out_type(m, op, i);
	*t = each;
	return op->nout;
}

static bool layout_list_ok(Module *m, const Op *op, const char *what, int n, const Type *t, const Any *list)
{
	if (list->kind != ANY_ARRAY || list->n != n)
		return broken(m, op, "layouts", "has %d layouts for %d %ss", list->kind == ANY_ARRAY ? list->n : 0, n, what);
	for (int i = 0; i < n; i++)
		if (!layout_ok(m, op, what, i, t[i], &list->item[i])) return false;
	return true;
}

static bool layouts_ok(Module *m, const Op *op)
{
	const Attr *in = attr_of(op, "operand_layouts"), *out = attr_of(op, "result_layouts");
	if (!in->set && !out->set) return true;
	if (!in->set || !out->set) return broken(m, op, "layouts", "has layouts of operands or results, wanted of both or neither");
	Type *operand = NEW(&m->arena, Type, op->nin + 1);
	const Type *result;
	for (int i = 0; i < op->nin; i++) operand[i] = in_type(m, op, i);
	int nresult = results_of(m, op, &result);
	return layout_list_ok(m, op, "operand", op->nin, operand, in->any) && layout_list_ok(m, op, "result", nresult, result, out->any);
}

/* -- aliases --------------------------------------------------------------------------------------------- */

/* The part of t that indices lead to. */
static bool part_of(Module *m, const Op *op, const char *what, Type t, const Any *indices, Type *out)
{
	*out = t;
	for (int i = 0; indices->kind == ANY_ARRAY && i < indices->n; i++) {
		int64_t at = indices->item[i].i;
		if (out->kind != TYPE_TUPLE || at < 0 || at >= out->npart)
			return broken(m, op, "aliases", "%s: there is no part %lld of %s", what, (long long)at, str(m, *out));
		*out = out->part[at];
	}
	return true;
}

/* A buffer may become a tensor's and the other way round, but that is for Pin and Unpin: here types are the same. */
static bool alias_ok(Module *m, const Op *op, const Any *alias)
{
	if (alias->kind != ANY_ALIAS || alias->n != 3) return broken(m, op, "aliases", "one is no output_operand_alias");
	int64_t operand = alias->item[1].i;
	if (operand < 0 || operand >= op->nin) return broken(m, op, "aliases", "there is no operand %lld, but %d", (long long)operand, op->nin);
	const Type *result;
	Type from, to, all = { .kind = TYPE_TUPLE };
	all.npart = results_of(m, op, &result);
	all.part = result;
	if (op->nout == 1) all = out_type(m, op, 0);
	if (!part_of(m, op, "operand", in_type(m, op, (int)operand), &alias->item[2], &from)) return false;
	if (!part_of(m, op, "result", all, &alias->item[0], &to)) return false;
	return type_fits(from, to)
	    || broken(m, op, "aliases", "operand %lld is %s, the result that takes its place is %s", (long long)operand, str(m, from), str(m, to));
}

bool check_custom_call(Module *m, const Op *op)
{
	enum { TYPED_FFI = 4 };
	const Attr *config = attr_of(op, "backend_config"), *api = attr_of(op, "api_version"), *aliases = attr_of(op, "output_operand_aliases");
	bool typed = api->set && api->i == TYPED_FFI;
	if (config->set && (config->any->kind == ANY_DICT) != typed)
		return broken(m, op, "backend_config", "it is %s, wanted %s with api_version %d", typed ? "a string" : "a dictionary",
			typed ? "a dictionary" : "a string", api->set ? (int)api->i : 1);
	for (int i = 0; aliases->set && aliases->any->kind == ANY_ARRAY && i < aliases->any->n; i++)
		if (!alias_ok(m, op, &aliases->any->item[i])) return false;
	return layouts_ok(m, op);
}
