/* The module as a tree of VHLO ops: names, attributes, which regions are closed, and who uses what. */
#include "stablehlo/write.h"

#include <string.h>

/* The ops that enclose the one being visited, outermost (a function's, depth 0) first. */
typedef struct Scope { Rec *rec; const struct Scope *up; int depth; } Scope;

/* depth [values]: of the region that defines it */
typedef struct Tree { Writer *w; int *depth; const char *func; } Tree;

static int name_new(Writer *w, const char *text, enum Dialect d)
{
	*push(&w->a, &w->name) = (OpName){ .text = text, .dialect = d };
	return w->name.n - 1;
}

static int op_name(Writer *w, OpCode code, int version)
{
	int *at = &w->name_of[code][version - 1];
	if (!*at)
		*at = 1 + name_new(w, arena_printf(&w->a, "%s_v%d", vhlo_spelling(code), version), VHLO_DIALECT);
	return *at - 1;
}

/* n attributes of the op's own and the others, sorted by name, as one dictionary; 0 when there are none. */
static Ref all_attrs(Writer *w, int n, const Named *named, const Any *extra)
{
	int all = n + (extra ? extra->n : 0);
	const char **key = NEW(&w->a, const char *, all + 1);
	Named *sorted = NEW(&w->a, Named, all + 1);
	for (int i = 0; i < all; i++) key[i] = i < n ? named[i].name : extra->key[i - n];
	int *order = sorted_keys(&w->a, all, key);
	for (int i = 0; i < all; i++) {
		int at = order[i];
		sorted[i] = (Named){ key[at], at < n ? named[at].attr : vhlo_any(w, &extra->item[at - n], false) };
	}
	return all ? builtin_dictionary(w, all, sorted) : 0;
}

/* Attributes become properties, or before format 5 a dictionary, as those are which are none of the op's own. */
static void set_attrs(Writer *w, Rec *r, int n, const Named *named, const Any *extra)
{
	r->dict = all_attrs(w, w->format < 5 ? n : 0, named, extra);
	if (w->format < 5) return;
	Ref *prop = NEW(&w->a, Ref, n + 1);
	for (int i = 0; i < n; i++) prop[i] = named[i].attr;
	r->nprop = n;
	r->prop = prop;
}

static void define(Tree *t, int depth, Value first, int n, bool rebuilt)
{
	Writer *w = t->w;
	for (Value v = first; v < first + (Value)n; v++) {
		w->type[v] = vhlo_type(w, value_type(w->m, v));
		w->rebuilt[v] = rebuilt;
		t->depth[v] = depth;
	}
}

/* An op whose regions use a value defined outside them is not closed; nor are the ops between the two. */
static void use(Tree *t, const Scope *scope, Value v, bool rebuilt)
{
	*push(&t->w->a, &t->w->use) = (Use){ v, rebuilt };
	for (const Scope *s = scope; s && s->depth > t->depth[v]; s = s->up) s->rec->isolated = false;
}

static void build_block(Tree *t, const Scope *scope, const Region *region, Block *b);

static bool refuse_op(Tree *t, const Op *op, Need n)
{
	Version v = t->w->target;
	return fail(t->w->m->err, UNSUPPORTED, "%s: %s: %s needs StableHLO %d.%d.%d, and the target is %d.%d.%d", t->func,
		op ? op_table[op->code].name : "func", n.what, n.version.major, n.version.minor, n.version.patch, v.major, v.minor,
		v.patch);
}

static void build_op(Tree *t, const Scope *scope, const Op *op, Rec *r)
{
	Writer *w = t->w;
	int version = vhlo_version(op->code, w->target), depth = scope->depth;
	bool rebuilt = version != vhlo_version(op->code, current_version);
	Need n = op_need(w->m, op);
	if (version_cmp(n.version, w->target) > 0) refuse_op(t, op, n);
	if (w->m->err->code) return;

	Named named[MAX_FIELDS];
	int nnamed = op_attrs(w, op, version, named);
	if (w->m->err->code) {
		err_at(w->m->err, "%s: %s", t->func, op_table[op->code].name);
		return;
	}
	*r = (Rec){ .op = op, .loc = op->loc, .name = op_name(w, op->code, version), .isolated = true };
	set_attrs(w, r, nnamed, named, op->extra);
	for (int i = 0; i < op->nin; i++) use(t, scope, op->in[i], rebuilt);
	define(t, depth, op->out, op->nout, rebuilt);

	r->nregion = op->nregion;
	r->region = NEW(&w->a, Block, op->nregion + 1);
	Scope inner = { r, scope, depth + 1 };
	for (int i = 0; i < op->nregion; i++) build_block(t, &inner, op->region[i], &r->region[i]);
}

static void build_block(Tree *t, const Scope *scope, const Region *region, Block *b)
{
	*b = (Block){ .narg = region->narg, .arg = region->arg, .nrec = region->op.n,
		.rec = NEW(&t->w->a, Rec, region->op.n + 1) };
	b->empty = !region->op.n;
	define(t, scope->depth, region->arg, region->narg, false);
	for (int i = 0; i < b->nrec && !t->w->m->err->code; i++) build_op(t, scope, region->op.v[i], &b->rec[i]);
}

/* [{...}, {...}] of arguments or results, [] when none has any. */
static Ref dictionaries(Writer *w, int n, const Any *any)
{
	bool some = false;
	for (int i = 0; any && i < n; i++) some |= any[i].kind == ANY_DICT && any[i].n > 0;
	Ref *item = NEW(&w->a, Ref, n + 1);
	for (int i = 0; some && i < n; i++) item[i] = vhlo_any(w, &any[i], false);
	return vhlo_array(w, some ? n : 0, item);
}

static void build_func(Tree *t, const Func *f, Rec *r, int name)
{
	Writer *w = t->w;
	t->func = f->name;
	*r = (Rec){ .name = name, .loc = f->loc, .isolated = true, .nregion = 1, .region = NEW(&w->a, Block, 1) };
	Need n = func_need(f);
	if (version_cmp(n.version, w->target) > 0 && !refuse_op(t, NULL, n)) return;
	Named named[] = {
		{ func_field[FUNC_ARG_ATTRS],  dictionaries(w, f->narg, f->arg_attr) },
		{ func_field[FUNC_TYPE],       vhlo_function_type(w, f) },
		{ func_field[FUNC_RES_ATTRS],  dictionaries(w, f->nres, f->res_attr) },
		{ func_field[FUNC_NAME],       vhlo_string(w, f->name) },
		{ func_field[FUNC_VISIBILITY], vhlo_string(w, f->is_private ? "private" : f->is_public ? "public" : "") },
	};
	if (w->m->err->code) {
		err_at(w->m->err, "%s", f->name);
		return;
	}
	set_attrs(w, r, sizeof named / sizeof *named, named, f->extra);
	Scope scope = { r, NULL, 0 };
	build_block(t, &scope, &f->body, r->region);
}

/* builtin.module has sym_name and sym_visibility as properties, either of which may be absent, and its
 * other attributes as a dictionary; before format 5 all are in the dictionary. */
static void build_module_attrs(Writer *w, Rec *r)
{
	const Module *m = w->m;
	int n = m->attr.kind == ANY_DICT ? m->attr.n : 0, k = 0;
	const char **key = NEW(&w->a, const char *, n + 1);
	Ref *ref = NEW(&w->a, Ref, n + 1), *prop = NEW(&w->a, Ref, 2), name = m->name ? builtin_string(w, m->name) : 0;
	for (int i = 0; i < n; i++) {
		key[i] = m->attr.key[i];
		ref[i] = builtin_any(w, &m->attr.item[i]);
	}
	if (name && w->format < 5) {
		key[n] = "sym_name";
		ref[n++] = name;
	}
	int *order = sorted_keys(&w->a, n, key);
	Named *named = NEW(&w->a, Named, n + 1);
	for (; k < n; k++) named[k] = (Named){ key[order[k]], ref[order[k]] };
	if (n) r->dict = builtin_dictionary(w, n, named);
	prop[0] = name;
	r->prop = prop;
	r->nprop = w->format < 5 ? 0 : 2;
	if (m->err->code) err_at(m->err, "module");
}

/* Groups the uses by value, each group in program order. */
static void group_uses(Writer *w)
{
	size_t n = (size_t)w->m->value.n;
	Use *sorted = NEW(&w->a, Use, w->use.n + 1);
	uint32_t *at = NEW(&w->a, uint32_t, n + 2);
	for (int i = 0; i < w->use.n; i++) at[w->use.v[i].v + 1]++;
	for (size_t v = 0; v < n; v++) at[v + 1] += at[v];
	w->first_use = COPY(&w->a, uint32_t, at, n + 1);
	for (int i = 0; i < w->use.n; i++) sorted[at[w->use.v[i].v]++] = w->use.v[i];
	w->use.v = sorted;
}

void build_tree(Writer *w)
{
	const Module *m = w->m;
	int nvalue = m->value.n + 1;
	make_locs(w);
	w->type = NEW(&w->a, Ref, nvalue);
	w->id = NEW(&w->a, uint32_t, nvalue);
	w->rebuilt = NEW(&w->a, bool, nvalue);
	Tree t = { w, NEW(&w->a, int, nvalue), NULL };

	w->root = (Rec){ .name = name_new(w, "module", BUILTIN), .loc = m->loc, .isolated = true, .optional = true, .nregion = 1,
		.region = NEW(&w->a, Block, 1) };
	build_module_attrs(w, &w->root);
	*w->root.region = (Block){ .nrec = m->func.n, .rec = NEW(&w->a, Rec, m->func.n + 1) };
	int func = m->func.n ? name_new(w, "func_v1", VHLO_DIALECT) : 0;
	for (int i = 0; i < m->func.n && !m->err->code; i++)
		build_func(&t, m->func.v[i], &w->root.region->rec[i], func);
	group_uses(w);
}
