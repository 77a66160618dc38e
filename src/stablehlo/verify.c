/* Every op against its row, its inferred types, and verify.def: scopes, functions and what all ops have in
 * common.
 *
 * A module may be broken in any way that its C types allow: indexes of values are checked before use, and
 * so are the results that an op claims. */
#include "stablehlo/verify.h"

#include <float.h>
#include <string.h>

typedef struct Rule { const char *operands, *result; Check *check; } Rule;

static const Rule rules[NOPS] = {
#define RULE(op, operands, result, check) [OP_##op] = { operands, result, check },
#include "stablehlo/verify.def"
#undef RULE
};

/* Regions in regions; far more than any program has, far less than a stack holds. */
enum { MAX_DEPTH = 200 };

/* Who can see what: values of regions that are open, at a depth that the innermost isolated region lets
 * through. */
typedef struct Scope {
	Module *m;
	int *depth;      /* [value.n]: depth of the region that defined it, 0: not defined here */
	int now, floor;
} Scope;

/* -- types ----------------------------------------------------------------------------------------------- */

/* Scales are numbers of the expressed type, and not 0 (quantized types, C5 and C6). */
static bool scale_ok(DType t, double scale)
{
	double most = t == DTYPE_f16 ? 65504 : t == DTYPE_f64 ? DBL_MAX : FLT_MAX;
	double least = t == DTYPE_f16 ? 0x1p-24 : t == DTYPE_bf16 ? 0x1p-133 : t == DTYPE_f64 ? 0x1p-1074 : 0x1p-149;
	return scale >= least && scale <= most;
}

/* Zero points are among what is stored (C7). */
static bool quant_ok(Type t)
{
	const Quant *q = t.quant;
	if (!is_int(q->storage) || !is_float(q->expressed) || q->n < 1 || !q->scale || !q->zero_point)
		return false;
	for (int i = 0; i < q->n; i++)
		if (!scale_ok(q->expressed, q->scale[i]) || q->zero_point[i] < q->storage_min || q->zero_point[i] > q->storage_max) return false;
	if (q->axis < 0) return q->axis == -1 && q->n == 1;
	return q->axis < t.rank && dim_fits(t.dim[q->axis], q->n);
}

/* A type that StableHLO has. */
static bool type_ok(Type t, int depth)
{
	if (t.kind == TYPE_TOKEN) return true;
	if (t.kind == TYPE_TUPLE || t.kind == TYPE_FUTURE) {
		bool ok = depth < MAX_DEPTH && t.npart >= 0;
		for (int i = 0; ok && i < t.npart; i++) ok = type_ok(t.part[i], depth + 1);
		return ok;
	}
	if ((t.kind != TYPE_TENSOR && t.kind != TYPE_BUFFER) || t.rank < 0 || t.elem <= DTYPE_none || t.elem >= NDTYPES) return false;
	if (t.elem == DTYPE_c32 || t.elem == DTYPE_tf32) return false;
	for (int i = 0; t.bound && i < t.rank; i++)
		if (t.dim[i] >= 0 && t.bound[i] >= 0) return false;
	return !t.quant || quant_ok(t);
}

/* A size that is not known yet is at most its bound. */
static bool bounds_fit(Type x, Type y)
{
	for (int i = 0; i < x.rank; i++)
		if ((bound_of(x, i) >= 0 && y.dim[i] > bound_of(x, i)) || (bound_of(y, i) >= 0 && x.dim[i] > bound_of(y, i))) return false;
	return true;
}

bool type_fits(Type x, Type y)
{
	if (x.kind == TYPE_TENSOR && y.kind == TYPE_TENSOR) return shape_fits(x, y) && bounds_fit(x, y) && elem_fits(x, y);
	if (x.kind != y.kind || x.npart != y.npart) return false;
	for (int i = 0; i < x.npart; i++)
		if (!type_fits(x.part[i], y.part[i])) return false;
	return true;
}

bool result_is(Module *m, const Op *op, const char *clause, int i, Type t)
{
	if (type_fits(out_type(m, op, i), t)) return true;
	return broken(m, op, clause, "result %d is %s, wanted %s", i, str(m, out_type(m, op, i)), str(m, t));
}

bool results_ok(Module *m, const Op *op, int n)
{
	if (op->nout != n) return broken(m, op, "results", "has %d results, wanted %d", op->nout, n);
	for (int i = 0; i < n; i++)
		if (out_type(m, op, i).kind != TYPE_TENSOR)
			return broken(m, op, "results", "result %d is %s, wanted a tensor", i, str(m, out_type(m, op, i)));
	return true;
}

/* -- element types --------------------------------------------------------------------------------------- */

static bool type_has_letter(Type t, char letter)
{
	static const char by_kind[] = { [DKIND_BOOL] = 'B', [DKIND_INT] = 'S', [DKIND_UINT] = 'U',
		[DKIND_FLOAT] = 'F', [DKIND_COMPLEX] = 'C' };
	if (letter == '*') return true;
	if (t.kind != TYPE_TENSOR) return letter == 'K' && t.kind == TYPE_TOKEN;
	char mine = t.quant ? (t.quant->axis < 0 ? 'Q' : 'A') : by_kind[dtype_info(t.elem)->kind];
	switch (letter) {
	case 'I': return mine == 'S' || mine == 'U';
	case 'N': return mine != 'Q' && mine != 'A';
	case 'T': return mine != 'A';
	case 'X': return true;
	default: return mine == letter;
	}
}

/* Which operand of the row operand i belongs to: variadic ones share what the others leave, equally. */
static int operand_group(const Op *op, int i)
{
	const char *s = op_table[op->code].in;
	int fixed = 0, variadic = 0, group = 0;
	for (const char *at = s; *at; at++) {
		bool starts = at == s || at[-1] == ' ' || at[-1] == ',';
		if (starts && *at == '*') variadic++;
		else if (starts && *at != ' ') fixed++;
	}
	int each = variadic ? (op->nin - fixed) / variadic : 0;
	for (const char *at = s; *at; at++, group++) {
		while (*at == ' ' || *at == ',') at++;
		int n = *at == '*' ? each : 1;
		if (i < n) return group;
		i -= n;
		while (at[1] && at[1] != ',') at++;
	}
	return group;
}

static bool elements_ok(Module *m, const Op *op)
{
	for (int i = 0; i < op->nin; i++) {
		int group = operand_group(op, i);
		const char *s = rules[op->code].operands;
		for (int k = 0; k < group && strchr(s, ','); k++) s = strchr(s, ',') + 1;
		size_t n = strcspn(s, ","), k = 0;
		Type t = in_type(m, op, i);
		while (k < n && !type_has_letter(t, s[k])) k++;
		if (k < n) continue;
		const char *clause = arena_printf(&m->arena, "i%d", group + 1);
		return broken(m, op, clause, "operand %d is %s, wanted %.*s (B bool, S signed, U unsigned, I both, F float, C complex, "
			"Q quantized, A per axis, N any but quantized, T any but per axis, X any, K token)", i, str(m, t),
				(int)n, s);
	}
	return true;
}

/* -- results --------------------------------------------------------------------------------------------- */

/* dot_general and convolution may be given another element type than lhs's: a wider accumulator, a
 * quantized one. */
static bool inferred_ok(Module *m, const Op *op)
{
	Infer *infer = op_table[op->code].infer;
	if (!infer || op->code == OP_uniform_quantize) return true;
	Type *t = NEW(&m->arena, Type, op->nout + 1);
	if (!infer(m, op, op->nout, t)) return false;
	bool shapes_only = op->code == OP_dot_general || op->code == OP_convolution;
	for (int i = 0; i < op->nout; i++) {
		if (shapes_only && out_type(m, op, i).kind == TYPE_TENSOR) {
			t[i].elem = out_type(m, op, i).elem;
			t[i].quant = out_type(m, op, i).quant;
		}
		if (!result_is(m, op, rules[op->code].result, i, t[i])) return false;
	}
	return true;
}

/* -- scopes ---------------------------------------------------------------------------------------------- */

/* n values from `first` on come into being here. */
static bool define(Scope *s, Value first, int n, const char *what)
{
	if (n < 0 || (n && (!first || first >= (Value)s->m->value.n || n > s->m->value.n - (int)first)))
		return fail(s->m->err, BAD_INPUT, "%s are no values of the module", what);
	for (Value v = first; v < first + (Value)n; v++) {
		if (s->depth[v]) return fail(s->m->err, BAD_INPUT, "%s: a value is defined twice", what);
		if (!type_ok(value_type(s->m, v), 0))
			return fail(s->m->err, BAD_INPUT, "%s: %s is no type of StableHLO", what,
			str(s->m, value_type(s->m, v)));
		s->depth[v] = s->now;
	}
	return true;
}

static bool in_scope(Scope *s, const Op *op)
{
	for (int i = 0; i < op->nin; i++) {
		const ValueInfo *v = &s->m->value.v[op->in[i]];
		int depth = s->depth[op->in[i]];
		if (!depth) return broken(s->m, op, "operands", "operand %d is not defined before", i);
		if (depth < s->floor && !(v->def && v->def->code == OP_constant))
			return broken(s->m, op, "operands", "operand %d is from outside of a region that may capture only constants", i);
	}
	return true;
}

/* Bodies that XLA makes functions of their own, with the constants they use and nothing else from around
 * them; those of while, if and case see everything. MLIR's verifier lets it pass, XLA's export does not. */
static bool is_isolated(OpCode code)
{
	return code != OP_while && code != OP_if && code != OP_case && code != OP_composite;
}

static bool region_ok(Scope *s, const Region *r);

static bool regions_of(Scope *s, const Op *op)
{
	int floor = s->floor;
	if (is_isolated(op->code)) s->floor = s->now + 1;
	bool ok = true;
	for (int i = 0; ok && i < op->nregion; i++) ok = region_ok(s, op->region[i]);
	s->floor = floor;
	return ok;
}

/* Tolerances are of the mode that has them (TypeInference.cpp, verifyResultAccuracyCombination; no clause of the spec). */
static bool accuracy_ok(Module *m, const Op *op)
{
	enum { TOLERANCE = 2 };
	const Attr *x = attr_of(op, "result_accuracy");
	if (!x->set || x->accuracy->mode == TOLERANCE || (x->accuracy->atol == 0 && x->accuracy->rtol == 0 && !x->accuracy->ulps)) return true;
	return broken(m, op, "result_accuracy", "has tolerances, wanted none but with TOLERANCE");
}

bool verify_op(Module *m, const Op *op)
{
	Check *check = rules[op->code].check;
	return row_ok(m, op, op->nout, -1) && elements_ok(m, op) && accuracy_ok(m, op) && inferred_ok(m, op) && (!check || check(m, op));
}

static bool op_ok(Scope *s, const Op *op)
{
	Check *check = rules[op->code].check;
	return row_ok(s->m, op, op->nout, -1) && in_scope(s, op) && elements_ok(s->m, op) && accuracy_ok(s->m, op) && regions_of(s, op)
	    && define(s, op->out, op->nout, "results") && inferred_ok(s->m, op) && (!check || check(s->m, op));
}

/* One op, and its place put before what is wrong with it. */
static bool place_ok(Scope *s, const Region *r, int i)
{
	const Op *op = r->op.v[i];
	if (!op || op->code <= OP_none || op->code >= NOPS || !op->attr)
		return fail(s->m->err, BAD_INPUT, "op %d is none", i);
	bool last = i == r->op.n - 1;
	bool ok = (op->code == OP_return) == last || broken(s->m, op, "place",
		"wanted one return, at the end of the region");
	if (ok && op_ok(s, op) && !s->m->err->code) return true;
	return err_at(s->m->err, "op %d (%s.%s)", i, op->code == OP_call ? "func" : "stablehlo",
		op_table[op->code].name);
}

static void forget(Scope *s, Value first, int n)
{
	for (int i = 0; i < n; i++) s->depth[first + (Value)i] = 0;
}

static bool region_ok(Scope *s, const Region *r)
{
	if (s->now == MAX_DEPTH) return fail(s->m->err, BAD_INPUT, "regions nest deeper than %d", MAX_DEPTH);
	if (!r->op.n) return fail(s->m->err, BAD_INPUT, "a region has no return");
	s->now++;
	if (!define(s, r->arg, r->narg, "arguments")) return false;
	for (int i = 0; i < r->op.n; i++)
		if (!place_ok(s, r, i)) return false;
	for (int i = 0; i < r->op.n; i++) forget(s, r->op.v[i]->out, r->op.v[i]->nout);
	forget(s, r->arg, r->narg);
	s->now--;
	return true;
}

/* -- functions ------------------------------------------------------------------------------------------- */

static bool signature_ok(Module *m, const Func *f)
{
	const Op *ret = returns_of(m, &f->body);
	if (!ret || ret->nin != f->nres)
		return fail(m->err, BAD_INPUT, "returns %d values, declares %d", ret ? ret->nin : 0, f->nres);
	for (int i = 0; i < f->nres; i++)
		if (!type_eq(in_type(m, ret, i), f->res_type[i]))
			return fail(m->err, BAD_INPUT, "result %d is %s, declared %s", i, str(m, in_type(m, ret, i)),
				str(m, f->res_type[i]));
	if (f->body.narg != f->narg)
		return fail(m->err, BAD_INPUT, "the body takes %d arguments, declares %d", f->body.narg, f->narg);
	for (int i = 0; i < f->narg; i++)
		if (!type_eq(value_type(m, f->body.arg + (Value)i), f->arg_type[i]))
			return fail(m->err, BAD_INPUT, "argument %d is declared %s", i, str(m, f->arg_type[i]));
	return true;
}

/* A private function may be declared only: no body. */
static bool declaration_ok(Module *m, const Func *f)
{
	if (!f->is_private) return fail(m->err, BAD_INPUT, "has no body, and is not private");
	for (int i = 0; i < f->narg; i++)
		if (!type_ok(f->arg_type[i], 0))
			return fail(m->err, BAD_INPUT, "argument %d has no type of StableHLO", i);
	for (int i = 0; i < f->nres; i++)
		if (!type_ok(f->res_type[i], 0))
			return fail(m->err, BAD_INPUT, "result %d has no type of StableHLO", i);
	return true;
}

static bool func_ok(Scope *s, const Func *f)
{
	s->now = s->floor = 0;
	if (!f->body.op.n) return declaration_ok(s->m, f);
	return region_ok(s, &f->body) && signature_ok(s->m, f);
}

static bool names_ok(Module *m)
{
	m->func_named = (Map){ .arena = &m->arena };
	for (int i = 0; i < m->func.n; i++) {
		const char *name = m->func.v[i]->name;
		if (!name || !*name) return fail(m->err, BAD_INPUT, "function %d has no name", i);
		if (map_set(&m->func_named, name, strlen(name), i) >= 0)
			return fail(m->err, BAD_INPUT, "two functions are named %s", name);
	}
	return true;
}

bool verify(Module *m)
{
	if (m->err->code || !names_ok(m)) return false;
	Scope s = { .m = m, .depth = NEW(&m->arena, int, m->value.n + 1) };
	for (int i = 0; i < m->func.n; i++)
		if (!func_ok(&s, m->func.v[i])) return err_at(m->err, "%s", m->func.v[i]->name);
	return true;
}
