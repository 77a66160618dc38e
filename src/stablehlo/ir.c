/* Types, values, functions: what a module is made of. */
#include "stablehlo/ir.h"

#include <stdio.h>
#include <string.h>

Type tensor_type(Arena *a, DType elem, int rank, const int64_t *dim)
{
	return (Type){ .kind = TYPE_TENSOR, .elem = elem, .rank = rank, .dim = COPY(a, int64_t, dim, rank) };
}

Type scalar_type(DType elem)
{
	static const int64_t none[1];
	return (Type){ .kind = TYPE_TENSOR, .elem = elem, .dim = none };
}

bool same_shape(Type x, Type y)
{
	if (x.kind != TYPE_TENSOR || y.kind != TYPE_TENSOR || x.rank != y.rank) return false;
	for (int i = 0; i < x.rank; i++)
		if (x.dim[i] != y.dim[i]) return false;
	return true;
}

static bool quant_eq(const Quant *x, const Quant *y)
{
	if (x == y) return true;
	if (!x || !y) return false;
	return x->storage == y->storage && x->expressed == y->expressed && x->storage_min == y->storage_min
	    && x->storage_max == y->storage_max && x->axis == y->axis && x->n == y->n && x->ui == y->ui
	    && !memcmp(x->scale, y->scale, (size_t)x->n * sizeof *x->scale)
	    && !memcmp(x->zero_point, y->zero_point, (size_t)x->n * sizeof *x->zero_point);
}

static bool bound_eq(Type x, Type y)
{
	for (int i = 0; i < x.rank; i++)
		if ((x.bound ? x.bound[i] : DYNAMIC) != (y.bound ? y.bound[i] : DYNAMIC)) return false;
	return true;
}

bool type_eq(Type x, Type y)
{
	if (x.kind != y.kind) return false;
	if (x.kind == TYPE_ELEMENT) return x.elem == y.elem && x.index == y.index && quant_eq(x.quant, y.quant);
	if (x.kind == TYPE_BUFFER) x.kind = y.kind = TYPE_TENSOR;
	if (x.kind == TYPE_TENSOR)
		return x.elem == y.elem && x.index == y.index && same_shape(x, y) && bound_eq(x, y) && quant_eq(x.quant, y.quant);
	if (x.npart != y.npart) return false;
	for (int i = 0; i < x.npart; i++)
		if (!type_eq(x.part[i], y.part[i])) return false;
	return true;
}

bool is_static(Type t)
{
	for (int i = 0; i < t.rank; i++)
		if (t.dim[i] < 0) return false;
	return t.kind == TYPE_TENSOR;
}

int64_t type_numel(Type t)
{
	int64_t n = 1;
	bool over = false;
	for (int i = 0; i < t.rank; i++) {
		if (!t.dim[i]) return 0;
		over = t.dim[i] < 0 || over;
		over = __builtin_mul_overflow(n, t.dim[i], &n) || over;
	}
	return over ? INT64_MAX : n;
}

Func *main_function(const Module *m)
{
	for (int i = 0; i < m->func.n; i++)
		if (!strcmp(m->func.v[i]->name, "main")) return m->func.v[i];
	return m->func.n == 1 ? m->func.v[0] : NULL;
}

void module_free(Module *m)
{
	arena_free(&m->arena);
	*m = (Module){ 0 };
}

static Value new_values(Module *m, Op *def, int n, const Type *t)
{
	if (!m->value.n) (void)push(&m->arena, &m->value);
	Value first = (Value)m->value.n;
	for (int i = 0; i < n; i++) {
		ValueInfo *v = push(&m->arena, &m->value);
		*v = (ValueInfo){ t[i], def, i, 0 };
	}
	return first;
}

Func *func_new(Module *m, const char *name)
{
	Func *f = NEW(&m->arena, Func, 1);
	f->name = arena_str(&m->arena, name, strlen(name));
	*push(&m->arena, &m->func) = f;
	return f;
}

Value func_arg(Module *m, Func *f, Type t, const char *name)
{
	Arena *a = &m->arena;
	int n = f->narg;
	if ((n & (n - 1)) == 0) {        /* room is doubled at powers of two */
		size_t room = n ? 2 * (size_t)n : 1;
		Type *type = NEW(a, Type, room);
		Any *attr = NEW(a, Any, room);
		const char **names = NEW(a, const char *, room);
		if (n) {
			memcpy(type, f->arg_type, (size_t)n * sizeof *type);
			memcpy(attr, f->arg_attr, (size_t)n * sizeof *attr);
			memcpy(names, f->arg_name, (size_t)n * sizeof *names);
		}
		f->arg_type = type;
		f->arg_attr = attr;
		f->arg_name = names;
	}
	f->arg_type[n] = t;
	f->arg_name[n] = name ? arena_str(a, name, strlen(name)) : NULL;
	f->narg = f->body.narg = n + 1;
	Value v = new_values(m, NULL, 1, &t);
	m->value.v[v].index = n;
	if (!n) f->body.arg = v;
	return v;
}

Value block_args(Module *m, Region *r, int n, const Type *t)
{
	r->narg = n;
	r->arg = new_values(m, NULL, n, t);
	return r->arg;
}

Op *op_new(Module *m, OpCode code, int nout, const Type *t, int nin, const Value *in, const Attr *attr)
{
	Arena *a = &m->arena;
	int nattr = op_nattr(code);
	Op *op = NEW(a, Op, 1);
	*op = (Op){ .code = code, .nin = nin, .nout = nout, .in = COPY(a, Value, in, nin) };
	op->attr = attr ? COPY(a, Attr, attr, nattr) : NEW(a, Attr, nattr);
	op->out = new_values(m, op, nout, t);
	return op;
}

static void mark_region(const Module *m, const Region *r, bool *live);

/* What a kept op needs: its operands, and whatever its regions use. */
static void mark(const Module *m, const Op *op, bool *live)
{
	for (int i = 0; i < op->nout; i++) live[op->out + (Value)i] = true;
	for (int i = 0; i < op->nin; i++) live[op->in[i]] = true;
	for (int i = 0; i < op->nregion; i++) mark_region(m, op->region[i], live);
}

static bool region_has_effect(const Region *r);

/* A custom call has none unless it says so (StablehloOps.cpp, CustomCallOp::getEffects); other ops have those of their regions, too. */
static bool has_effect(const Op *op)
{
	for (int i = 0; i < op->nregion; i++)
		if (region_has_effect(op->region[i])) return true;
	if (op->code != OP_custom_call) return op_table[op->code].effect;
	const Attr *says = &op->attr[op_attr_index(OP_custom_call, "has_side_effect")];
	return says->set && says->i;
}

static bool region_has_effect(const Region *r)
{
	for (int i = 0; i < r->op.n; i++)
		if (r->op.v[i]->code != OP_return && has_effect(r->op.v[i])) return true;
	return false;
}

static bool is_used(const Op *op, const bool *live)
{
	if (has_effect(op)) return true;
	for (int i = 0; i < op->nout; i++)
		if (live[op->out + (Value)i]) return true;
	return false;
}

/* Backwards through the list: a use always comes after its definition, so one pass settles everything. */
static void mark_region(const Module *m, const Region *r, bool *live)
{
	for (int i = r->op.n; i-- > 0;)
		if (is_used(r->op.v[i], live)) mark(m, r->op.v[i], live);
}

static void sweep(Region *r, const bool *live)
{
	int n = 0;
	for (int i = 0; i < r->op.n; i++) {
		Op *op = r->op.v[i];
		if (!is_used(op, live)) continue;
		for (int k = 0; k < op->nregion; k++) sweep(op->region[k], live);
		r->op.v[n++] = op;
	}
	r->op.n = n;
}

void dce(Module *m)
{
	bool *live = NEW(&m->arena, bool, m->value.n + 1);
	for (int i = m->func.n; i-- > 0;) mark_region(m, &m->func.v[i]->body, live);
	for (int i = 0; i < m->func.n; i++) sweep(&m->func.v[i]->body, live);
}

static void find_uses(const Region *r, Value first, int n, bool *used)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		for (int k = 0; k < op->nin; k++)
			if (op->in[k] >= first && op->in[k] < first + (Value)n) used[op->in[k] - first] = true;
		for (int k = 0; k < op->nregion; k++) find_uses(op->region[k], first, n, used);
	}
}

static void renumber(const Region *r, Value first, int n, const Value *to)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		for (int k = 0; k < op->nin; k++)
			if (op->in[k] >= first && op->in[k] < first + (Value)n) op->in[k] = to[op->in[k] - first];
		for (int k = 0; k < op->nregion; k++) renumber(op->region[k], first, n, to);
	}
}

/* Arguments are consecutive values, so those that stay move down. */
void drop_unused_args(Module *m, Func *f, const bool *keep, bool *dropped)
{
	int n = f->narg, left = 0;
	Value first = f->body.arg;
	bool *used = NEW(&m->arena, bool, n + 1);
	Value *to = NEW(&m->arena, Value, n + 1);
	find_uses(&f->body, first, n, used);
	for (int i = 0; i < n; i++) {
		dropped[i] = !used[i] && !keep[i];
		if (dropped[i]) continue;
		to[i] = first + (Value)left;
		m->value.v[to[i]] = (ValueInfo){ f->arg_type[i], NULL, left, m->value.v[first + (Value)i].loc };
		f->arg_type[left] = f->arg_type[i];
		f->arg_attr[left] = f->arg_attr[i];
		f->arg_name[left++] = f->arg_name[i];
	}
	f->narg = f->body.narg = left;
	renumber(&f->body, first, n, to);
}
