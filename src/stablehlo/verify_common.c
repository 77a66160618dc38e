/* What several checks share, and the checks of ops that refer to functions. */
#include "stablehlo/composite.h"
#include "stablehlo/verify.h"

#include <ctype.h>
#include <string.h>

bool count_elements(Type t, int64_t *n)
{
	*n = 1;
	for (int i = 0; i < t.rank; i++)
		if (t.dim[i] < 0 || __builtin_mul_overflow(*n, t.dim[i], n)) return false;
	return true;
}

Ints constant_ints(Module *m, Value v)
{
	const Ints none = { .n = -1 };
	const Op *def = m->value.v[v].def;
	if (!def || def->code != OP_constant || !def->attr[0].set || !def->attr[0].dense) return none;
	const Dense *d = def->attr[0].dense;
	int64_t n;
	size_t each = dtype_nbytes(d->type.elem);
	if (!is_int(d->type.elem) || d->type.quant || d->type.rank > 2 || !count_elements(d->type, &n) || n > 4096)
		return none;
	if (d->nbytes != (d->splat ? 1 : (size_t)n) * each) return none;
	int64_t *x = NEW(&m->arena, int64_t, n);
	for (int64_t i = 0; i < n; i++) x[i] = dtype_load_int(d->type.elem,
		(const char *)d->data + (d->splat ? 0 : (size_t)i * each));
	return (Ints){ (int)n, x };
}

bool is_promotable(DType x, DType y)
{
	const DTypeInfo *from = dtype_info(x), *to = dtype_info(y);
	bool ints = is_int(x) && is_int(y);
	return (ints || from->kind == to->kind) && from->nbits <= to->nbits;
}

static bool reducer_item_ok(Module *m, const Op *op, const char *clause, const Region *r, const Op *ret, int n,
	int i, Type x)
{
	Type e = in_type(m, ret, i);
	if (e.kind != TYPE_TENSOR || e.rank)
		return broken(m, op, clause, "the region returns %s, wanted a scalar", str(m, e));
	for (int k = i; k < 2 * n; k += n) {
		Type t = value_type(m, r->arg + (Value)k);
		if (!type_eq(t, e))
			return broken(m, op, clause, "argument %d of the region is %s, wanted %s as it returns", k,
				str(m, t), str(m, e));
	}
	if (e.quant || x.quant ? elem_fits(e, x) : is_promotable(x.elem, e.elem)) return true;
	return broken(m, op, clause, "the region reduces %s, which %s does not promote to", str(m, e), str(m, x));
}

bool reducer_ok(Module *m, const Op *op, const char *clause, const Region *r, int n, const Type *x)
{
	const Op *ret = returns_of(m, r);
	if (!ret || r->narg != 2 * n || ret->nin != n)
		return broken(m, op, clause, "the region takes %d values and returns %d, wanted %d and %d", r->narg,
			ret ? ret->nin : 0, 2 * n, n);
	for (int i = 0; i < n; i++)
		if (!reducer_item_ok(m, op, clause, r, ret, n, i, x[i])) return false;
	return true;
}

/* -- functions ------------------------------------------------------------------------------------------- */

static const Func *func_by_name(const Module *m, const char *name)
{
	int i = map_get(&m->func_named, name, strlen(name));
	return i < 0 ? NULL : m->func.v[i];
}

static bool calls_ok(Module *m, const Op *op, const char *name, const char *exists, const char *args,
	const char *results)
{
	const Func *f = func_by_name(m, name);
	if (!f) return broken(m, op, exists, "no function @%s", name);
	if (op->nin != f->narg)
		return broken(m, op, args, "has %d operands, @%s takes %d", op->nin, name, f->narg);
	if (op->nout != f->nres)
		return broken(m, op, results, "has %d results, @%s returns %d", op->nout, name, f->nres);
	for (int i = 0; i < op->nin; i++)
		if (!type_eq(in_type(m, op, i), f->arg_type[i]))
			return broken(m, op, args, "operand %d is %s, @%s takes %s", i, str(m, in_type(m, op, i)), name,
				str(m, f->arg_type[i]));
	for (int i = 0; i < op->nout; i++)
		if (!type_eq(out_type(m, op, i), f->res_type[i]))
			return broken(m, op, results, "result %d is %s, @%s returns %s", i, str(m, out_type(m, op, i)),
				name, str(m, f->res_type[i]));
	return true;
}

bool check_call(Module *m, const Op *op)
{
	return calls_ok(m, op, attr_of(op, "callee")->str, "callee", "operands", "results");
}

/* composite_c1: identifiers with at least one dot between them; '$' only after the first. */
bool is_namespaced(const char *s)
{
	int dots = 0;
	if (!isalpha((unsigned char)*s)) return false;
	for (; *s; s++) {
		if (*s == '.' && (!s[1] || s[1] == '.')) return false;
		if (*s == '.') dots++;
		else if (!isalnum((unsigned char)*s) && *s != '_' && !(*s == '$' && dots)) return false;
	}
	return dots > 0;
}

bool check_composite(Module *m, const Op *op)
{
	const char *name = attr_of(op, "name")->str;
	if (!is_namespaced(name)) return broken(m, op, "c1", "name is \"%s\", wanted \"namespace.name\"", name);
	return calls_ok(m, op, attr_of(op, "decomposition")->str, "c2", "c3", "c4");
}
