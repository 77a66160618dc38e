/* Two modules, compared by what they mean. */
#include "stablehlo/diff.h"

#include "stablehlo/ir.h"
#include "stablehlo/print.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How much of an attribute or a type a line shows. */
enum { SHOWN = 160 };

typedef struct Diff {
	Differences *d;
	Arena *a;
	const Module *x, *y;
	Value *same;                 /* [x->value.n]: the value of y that stands where this one does */
	Loc *same_loc;               /* [x->locs.info.n]: the location of y that is equal, as far as it is known */
} Diff;

void differ(Differences *d, const char *fmt, ...)
{
	char text[1024];
	if (d->n++ >= d->most) return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	put_str(&d->text, text);
	put_byte(&d->text, '\n');
}

/* -- what is shown --------------------------------------------------------------------------------------- */

static const char *shortened(Diff *f, Buf *b)
{
	char *s = buf_to_arena(b, f->a);
	if (!s) return "?";
	if (strlen(s) > SHOWN) memcpy(s + SHOWN, "...", sizeof "...");
	return s;
}

static const char *attr_shown(Diff *f, AttrKind kind, const Attr *x)
{
	Buf b = { 0 };
	if (!x->set) return "not there";
	put_attr(&b, kind, x, false);
	return shortened(f, &b);
}

static const char *any_shown(Diff *f, const Any *x)
{
	Buf b = { 0 };
	if (!x || x->kind == ANY_NONE) return "not there";
	if (x->kind == ANY_UNIT) return "unit";
	put_any(&b, x);
	return shortened(f, &b);
}

static const char *type_shown(Diff *f, Type t)
{
	Buf b = { 0 };
	put_type(&b, t);
	return shortened(f, &b);
}

static const char *op_shown(Diff *f, const Op *op)
{
	return arena_printf(f->a, "%s.%s", op->code == OP_call ? "func" : "stablehlo", op_table[op->code].name);
}

static const char *value_shown(Diff *f, const Module *m, Value v)
{
	const ValueInfo *x = &m->value.v[v];
	if (!x->def) return arena_printf(f->a, "argument %d", x->index);
	return arena_printf(f->a, "result %d of a %s", x->index, op_shown(f, x->def));
}

static const char *loc_shown(Diff *f, const Module *m, Loc l)
{
	if (!l) return "unknown";
	const LocInfo *x = &m->locs.info.v[l];
	switch (x->kind) {
	case LOC_FILE:  return arena_printf(f->a, "%s:%u:%u", x->text, x->at[0], x->at[1]);
	case LOC_NAME:
		if (!x->npart || !x->part[0]) return arena_printf(f->a, "\"%s\"", x->text);
		return arena_printf(f->a, "\"%s\"(%s)", x->text, loc_shown(f, m, x->part[0]));
	case LOC_CALL:  return "a call site";
	case LOC_FUSED: return "a fused location";
	default:        return "unknown";
	}
}

/* -- locations ------------------------------------------------------------------------------------------- */

/* Equal ones have one handle in each module, so that a handle that has found its equal has no other. */
static bool loc_same(Diff *f, Loc x, Loc y)
{
	if (!x || !y) return x == y;
	if (f->same_loc[x]) return f->same_loc[x] == y;
	const LocInfo *p = &f->x->locs.info.v[x], *q = &f->y->locs.info.v[y];
	if (p->kind != q->kind || p->npart != q->npart || memcmp(p->at, q->at, sizeof p->at) != 0 || !p->text != !q->text) return false;
	if (p->text && strcmp(p->text, q->text) != 0) return false;
	for (int i = 0; i < p->npart; i++)
		if (!loc_same(f, p->part[i], q->part[i])) return false;
	f->same_loc[x] = y;
	return true;
}

static void diff_loc(Diff *f, const char *at, Loc x, Loc y)
{
	if (!f->d->locations || loc_same(f, x, y)) return;
	differ(f->d, "%s: the location is %s in the first, %s in the second", at, loc_shown(f, f->x, x), loc_shown(f, f->y, y));
}

/* -- types and attributes -------------------------------------------------------------------------------- */

/* Handles of sizes are a module's own: in both they are just not known. */
static bool type_same(Diff *f, Type x, Type y)
{
	return type_eq(x, y) || (!is_static(x) && !is_static(y) && !strcmp(type_str(f->a, x), type_str(f->a, y)));
}

static void diff_type(Diff *f, const char *at, const char *what, int i, Type x, Type y)
{
	if (type_same(f, x, y)) return;
	differ(f->d, "%s: %s %d is %s in the first, %s in the second", at, what, i, type_shown(f, x), type_shown(f, y));
}

static const Any *find(const Any *dict, const char *key)
{
	for (int i = 0; dict && dict->kind == ANY_DICT && i < dict->n; i++)
		if (!strcmp(dict->key[i], key)) return &dict->item[i];
	return NULL;
}

/* Of dictionaries that are not equal, member by member. */
static void diff_dict(Diff *f, const char *at, const Any *x, const Any *y)
{
	int nx = x && x->kind == ANY_DICT ? x->n : 0, ny = y && y->kind == ANY_DICT ? y->n : 0;
	for (int i = 0; i < nx; i++) {
		const Any *other = find(y, x->key[i]);
		if (other && any_eq(&x->item[i], other)) continue;
		differ(f->d, "%s: %s is %s in the first, %s in the second", at, x->key[i], any_shown(f, &x->item[i]), any_shown(f, other));
	}
	for (int i = 0; i < ny; i++)
		if (!find(x, y->key[i]))
			differ(f->d, "%s: %s is not there in the first, %s in the second", at, y->key[i], any_shown(f, &y->item[i]));
}

static bool is_dense(AttrKind kind) { return kind == KIND_DENSE || kind == KIND_I64_ELEMENTS || kind == KIND_REPLICA_GROUPS; }

static const char *element_shown(Diff *f, const Dense *d, int64_t i)
{
	size_t each = dtype_nbytes(d->type.elem);
	Buf b = { 0 };
	put_dense_elements(&b, &(Dense){ .type = scalar_type(d->type.elem), .data = (const uint8_t *)d->data + (d->splat ? 0 : (size_t)i * each), .nbytes = each });
	return shortened(f, &b);
}

static void diff_dense(Diff *f, const char *at, const char *name, const Dense *x, const Dense *y)
{
	int64_t first, n = dense_differs(x, y, &first);
	differ(f->d, "%s: %s: %lld of %lld elements differ; element %lld is %s in the first, %s in the second", at, name, (long long)n,
		(long long)type_numel(x->type), (long long)first, element_shown(f, x, first), element_shown(f, y, first));
}

static void diff_attrs(Diff *f, const char *at, const Op *x, const Op *y)
{
	const AttrDef *def = op_table[x->code].attr;
	Attr *p = COPY(f->a, Attr, x->attr, op_nattr(x->code)), *q = COPY(f->a, Attr, y->attr, op_nattr(y->code));
	leave_out_defaults(x->code, p);
	leave_out_defaults(y->code, q);
	for (int i = 0; def[i].name; i++) {
		if (attr_eq(def[i].kind, &p[i], &q[i])) continue;
		if (is_dense(def[i].kind) && p[i].set && q[i].set && type_eq(p[i].dense->type, q[i].dense->type))
			diff_dense(f, at, def[i].name, p[i].dense, q[i].dense);
		else
			differ(f->d, "%s: %s is %s in the first, %s in the second", at, def[i].name, attr_shown(f, def[i].kind, &p[i]),
				attr_shown(f, def[i].kind, &q[i]));
	}
	diff_dict(f, at, x->extra, y->extra);
}

/* -- ops ------------------------------------------------------------------------------------------------- */

static bool diff_region(Diff *f, const char *at, const Region *x, const Region *y);

static void diff_operands(Diff *f, const char *at, const Op *x, const Op *y)
{
	if (x->nin != y->nin) {
		differ(f->d, "%s: %d operands in the first, %d in the second", at, x->nin, y->nin);
		return;
	}
	for (int i = 0; i < x->nin; i++)
		if (f->same[x->in[i]] != y->in[i])
			differ(f->d, "%s: operand %d is %s in the first, %s in the second, which is another value", at, i,
				value_shown(f, f->x, x->in[i]), value_shown(f, f->y, y->in[i]));
}

/* false: what follows is not to be compared. */
static bool diff_op(Diff *f, const char *at, const Op *x, const Op *y)
{
	if (x->nout != y->nout || x->nregion != y->nregion) {
		differ(f->d, "%s: %d results and %d regions in the first, %d and %d in the second", at, x->nout, x->nregion, y->nout, y->nregion);
		return false;
	}
	diff_operands(f, at, x, y);
	diff_attrs(f, at, x, y);
	for (int i = 0; i < x->nout; i++) {
		f->same[x->out + (Value)i] = y->out + (Value)i;
		diff_type(f, at, "result", i, value_type(f->x, x->out + (Value)i), value_type(f->y, y->out + (Value)i));
	}
	diff_loc(f, at, x->loc, y->loc);
	for (int i = 0; i < x->nregion; i++) {
		const char *in = x->nregion == 1 ? at : arena_printf(f->a, "%s: region %d", at, i);
		if (!diff_region(f, in, x->region[i], y->region[i])) return false;
	}
	return true;
}

/* The texts of places are not kept: there are as many as ops. */
static const char *place(char *text, size_t room, const char *at, int i, const Op *op)
{
	snprintf(text, room, "%s: op %d (%s.%s)", at, i, op->code == OP_call ? "func" : "stablehlo", op_table[op->code].name);
	return text;
}

static bool diff_region(Diff *f, const char *at, const Region *x, const Region *y)
{
	char here[512];
	if (x->narg != y->narg) return differ(f->d, "%s: %d arguments in the first, %d in the second", at, x->narg, y->narg), false;
	for (int i = 0; i < x->narg; i++) {
		Value v = x->arg + (Value)i, w = y->arg + (Value)i;
		f->same[v] = w;
		diff_type(f, at, "argument", i, value_type(f->x, v), value_type(f->y, w));
		diff_loc(f, at, f->x->value.v[v].loc, f->y->value.v[w].loc);
	}
	for (int i = 0; i < x->op.n && i < y->op.n; i++) {
		const Op *p = x->op.v[i], *q = y->op.v[i];
		if (p->code != q->code) {
			differ(f->d, "%s: op %d is %s in the first, %s in the second", at, i, op_shown(f, p), op_shown(f, q));
			return false;
		}
		if (!diff_op(f, place(here, sizeof here, at, i, p), p, q)) return false;
	}
	return true;
}

/* -- functions ------------------------------------------------------------------------------------------- */

static const Any *item(const Any *list, int i) { return list ? &list[i] : NULL; }

static void diff_signature(Diff *f, const char *at, const Func *x, const Func *y)
{
	if (x->is_private != y->is_private)
		differ(f->d, "%s: is %s in the first, %s in the second", at, x->is_private ? "private" : "public", y->is_private ? "private" : "public");
	diff_dict(f, at, x->extra, y->extra);
	for (int i = 0; i < x->narg; i++) diff_dict(f, arena_printf(f->a, "%s: argument %d", at, i), item(x->arg_attr, i), item(y->arg_attr, i));
	for (int i = 0; i < x->nres; i++) {
		diff_type(f, at, "result", i, x->res_type[i], y->res_type[i]);
		diff_dict(f, arena_printf(f->a, "%s: result %d", at, i), item(x->res_attr, i), item(y->res_attr, i));
	}
	diff_loc(f, at, x->loc, y->loc);
}

static void diff_func(Diff *f, const char *at, const Func *x, const Func *y)
{
	if (x->narg != y->narg || x->nres != y->nres) {
		differ(f->d, "%s: %d arguments and %d results in the first, %d and %d in the second", at, x->narg, x->nres, y->narg, y->nres);
		return;
	}
	diff_signature(f, at, x, y);
	bool p = x->body.op.n, q = y->body.op.n;
	if (p != q) differ(f->d, "%s: %s in the first, %s in the second", at, p ? "has a body" : "is declared only", q ? "has a body" : "is declared only");
	else if (p) diff_region(f, at, &x->body, &y->body);
	else
		for (int i = 0; i < x->narg; i++) diff_type(f, at, "argument", i, x->arg_type[i], y->arg_type[i]);
}

static Map by_name(Arena *a, const Module *m)
{
	Map names = { .arena = a };
	for (int i = 0; i < m->func.n; i++) map_set(&names, m->func.v[i]->name, strlen(m->func.v[i]->name), i);
	return names;
}

void diff_modules(Differences *d, Arena *scratch, const char *at, const Module *x, const Module *y)
{
	Diff f = { .d = d, .a = scratch, .x = x, .y = y, .same = NEW(scratch, Value, x->value.n + 1),
		.same_loc = NEW(scratch, Loc, x->locs.info.n + 1) };
	Map in_x = by_name(scratch, x), in_y = by_name(scratch, y);
	diff_dict(&f, arena_printf(scratch, "%smodule", at), &x->attr, &y->attr);
	for (int i = 0; i < x->func.n; i++) {
		const char *name = x->func.v[i]->name;
		int k = map_get(&in_y, name, strlen(name));
		if (k < 0) differ(d, "%s@%s: only in the first", at, name);
		else diff_func(&f, arena_printf(scratch, "%s@%s", at, name), x->func.v[i], y->func.v[k]);
	}
	for (int i = 0; i < y->func.n; i++)
		if (map_get(&in_x, y->func.v[i]->name, strlen(y->func.v[i]->name)) < 0) differ(d, "%s@%s: only in the second", at, y->func.v[i]->name);
}
