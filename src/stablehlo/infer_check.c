/* Looking at ops that may be broken in any way. */
#include "stablehlo/infer_check.h"

#include <stdio.h>
#include <string.h>

bool broken(Module *m, const Op *op, const char *clause, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return fail(m->err, BAD_INPUT, "%s_%s: %s", op_table[op->code].name, clause, text);
}

/* -- rows ------------------------------------------------------------------------------------------------ */

/* What a list of names such as "*inputs, scatter_indices, *updates" asks for. */
typedef struct Count { int fixed, variadic, optional; } Count;

static Count count_names(const char *s)
{
	Count c = { 0 };
	for (const char *at = s; *at; at = strchr(at, ',')) {
		while (*at == ',' || *at == ' ') at++;
		if (*at == '*') c.variadic++;
		else if (*at == '?') c.optional++;
		else c.fixed++;
		if (!strchr(at, ',')) break;
	}
	return c;
}

static bool count_ok(Count c, int n)
{
	int left = n - c.fixed;
	return left >= 0 && (c.variadic ? left % c.variadic == 0 : left <= c.optional);
}

/* A set attribute whose field is a pointer points somewhere. */
static bool attr_present(AttrKind kind, const Attr *a)
{
	switch (kind) {
	case KIND_STR: case KIND_SYMBOL: return a->set && a->str;
	case KIND_DENSE: case KIND_I64_ELEMENTS: case KIND_REPLICA_GROUPS: return a->set && a->dense;
	case KIND_CONV_DIMS: return a->set && a->conv;
	case KIND_DOT_DIMS: return a->set && a->dot;
	case KIND_DOT_ALGORITHM: return a->set && a->algorithm;
	case KIND_GATHER_DIMS: return a->set && a->gather;
	case KIND_SCATTER_DIMS: return a->set && a->scatter;
	case KIND_ACCURACY: return a->set && a->accuracy;
	case KIND_STR_OR_DICT: case KIND_ARRAY: case KIND_LAYOUTS: case KIND_ALIASES: return a->set && a->any;
	case KIND_DICT: return a->set && a->dict;
	default: return a->set;
	}
}

static bool attrs_ok(Module *m, const Op *op)
{
	for (const AttrDef *def = op_table[op->code].attr; def->name; def++) {
		const Attr *a = &op->attr[def - op_table[op->code].attr];
		if (attr_present(def->kind, a)) continue;
		if (a->set) return broken(m, op, "attr", "attribute '%s' is set but empty", def->name);
		if (!def->otherwise) return broken(m, op, "attr", "no attribute '%s'", def->name);
	}
	return true;
}

static bool regions_ok(Module *m, const Op *op)
{
	if (!count_ok(count_names(op_table[op->code].regions), op->nregion))
		return broken(m, op, "regions", "has %d regions, wanted (%s)", op->nregion, op_table[op->code].regions);
	for (int i = 0; i < op->nregion; i++)
		if (!op->region[i]) return broken(m, op, "regions", "region %d is missing", i);
	return true;
}

bool row_ok(Module *m, const Op *op, int nout, int want)
{
	const OpDef *row = &op_table[op->code];
	if (!count_ok(count_names(row->in), op->nin))
		return broken(m, op, "operands", "has %d operands, wanted (%s)", op->nin, row->in);
	for (int i = 0; i < op->nin; i++)
		if (!op->in[i] || op->in[i] >= (Value)m->value.n)
			return broken(m, op, "operands", "operand %d does not exist", i);
	if (want >= 0 && nout != want) return broken(m, op, "results", "has %d results, wanted %d", nout, want);
	return attrs_ok(m, op) && regions_ok(m, op);
}

bool tensors_ok(Module *m, const Op *op, int nout, int want)
{
	if (!row_ok(m, op, nout, want)) return false;
	for (int i = 0; i < op->nin; i++)
		if (in_type(m, op, i).kind != TYPE_TENSOR)
			return broken(m, op, "operands", "operand %d is %s, wanted a tensor", i, str(m, in_type(m, op, i)));
	return true;
}

const Attr *attr_of(const Op *op, const char *name)
{
	static const Attr unset;
	int i = op_attr_index(op->code, name);
	return i < 0 ? &unset : &op->attr[i];
}

const char *ints_str(Module *m, Ints x)
{
	const char *s = "[";
	for (int i = 0; i < x.n && i < 16; i++) s = arena_printf(&m->arena, "%s%s%lld", s, i ? ", " : "",
		(long long)x.v[i]);
	return arena_printf(&m->arena, "%s%s]", s, x.n > 16 ? ", ..." : "");
}

const Op *returns_of(const Module *m, const Region *r)
{
	if (!r || !r->op.n) return NULL;
	const Op *last = r->op.v[r->op.n - 1];
	if (last->code != OP_return) return NULL;
	for (int i = 0; i < last->nin; i++)
		if (!last->in[i] || last->in[i] >= (Value)m->value.n) return NULL;
	return last;
}

/* -- shapes ---------------------------------------------------------------------------------------------- */

int64_t dim_merge(int64_t x, int64_t y)
{
	if (x == y) return x;
	if (x >= 0 || y >= 0) return x >= 0 ? x : y;
	return x == DYNAMIC ? y : y == DYNAMIC ? x : DYNAMIC;
}

bool shape_fits(Type x, Type y)
{
	if (x.kind != TYPE_TENSOR || y.kind != TYPE_TENSOR || x.rank != y.rank) return false;
	for (int i = 0; i < x.rank; i++)
		if (!dim_fits(x.dim[i], y.dim[i])) return false;
	return true;
}

static DType baseline(Type t) { return t.quant ? t.quant->expressed : t.elem; }

bool elem_fits(Type x, Type y) { return baseline(x) == baseline(y) && !x.quant == !y.quant; }

Shape shape_new(Module *m, int rank)
{
	return (Shape){ .m = m, .rank = rank, .dim = NEW(&m->arena, int64_t, rank) };
}

void shape_bound(Shape *s, int i, int64_t bound)
{
	if (bound < 0 && !s->bound) return;
	if (!s->bound) {
		s->bound = NEW(&s->m->arena, int64_t, s->rank);
		for (int k = 0; k < s->rank; k++) s->bound[k] = DYNAMIC;
	}
	s->bound[i] = bound;
}

void shape_take(Shape *s, int i, Type t, int k)
{
	s->dim[i] = t.dim[k];
	shape_bound(s, i, bound_of(t, k));
}

Type shape_type(const Shape *s, Type like)
{
	like.kind = TYPE_TENSOR;
	like.rank = s->rank;
	like.dim = s->dim;
	like.bound = s->bound;
	return like;
}

/* -- sets of dimensions ---------------------------------------------------------------------------------- */

DimSet dimset(Module *m, int rank)
{
	return (DimSet){ .rank = rank, .high = rank > 64 ? NEW(&m->arena, bool, rank) : NULL };
}

bool dimset_has(const DimSet *s, int64_t d)
{
	if (d < 0 || d >= s->rank) return false;
	return s->high ? s->high[d] : s->low >> d & 1;
}

void dimset_add(DimSet *s, int64_t d)
{
	if (d < 0 || d >= s->rank) return;
	if (s->high) s->high[d] = true;
	else s->low |= (uint64_t)1 << d;
}

bool dim_in_range(Module *m, const Op *op, const char *clause, const char *name, int64_t d, int64_t rank)
{
	if (d >= 0 && d < rank) return true;
	return broken(m, op, clause, "%s has %lld, wanted 0 <= %s < %lld", name, (long long)d, name,
		(long long)rank);
}

bool dims_in_range(Module *m, const Op *op, const char *clause, const char *name, Ints d, int rank)
{
	for (int i = 0; i < d.n; i++)
		if (!dim_in_range(m, op, clause, name, d.v[i], rank)) return false;
	return true;
}

bool dims_unique(Module *m, const Op *op, const char *clause, const char *name, Ints d, DimSet *seen)
{
	for (int i = 0; i < d.n; i++) {
		if (dimset_has(seen, d.v[i]))
			return broken(m, op, clause, "%s = %s has dimension %lld twice", name, ints_str(m, d),
				(long long)d.v[i]);
		dimset_add(seen, d.v[i]);
	}
	return true;
}

bool dims_sorted(Module *m, const Op *op, const char *clause, const char *name, Ints d)
{
	for (int i = 1; i < d.n; i++)
		if (d.v[i] < d.v[i - 1]) return broken(m, op, clause, "%s = %s is not sorted", name, ints_str(m, d));
	return true;
}
