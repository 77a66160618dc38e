/* Ops, regions, functions and the module (write.c, write_tree.c). */
#include "stablehlo/read.h"

#include <string.h>

/* An op but for its regions. */
typedef struct Head {
	const OpName *name;
	size_t at;                   /* in the section's reader, for messages */
	bool has_dict, has_prop, closed;
	uint32_t loc, dict, prop;
	int nout, nin, nregion;
	const uint32_t *out, *in;    /* numbers of types and values */
} Head;

/* Where values of a region get their numbers. */
typedef struct Numbers { int next, end; } Numbers;

static void read_op(Read *r, Reader *c, Region *into, Numbers *b);

/* -- the pieces of an op --------------------------------------------------------------------------------- */

/* Uses in another order than a reader would make: it is of no meaning to us. For n values: of which (unless there is but
 * one), count and a flag, indices. */
static void skip_use_orders(Read *r, Reader *c, int n)
{
	int nvalue = n > 1 ? get_count(r, c, "use-list orders") : 1;
	for (int i = 0; i < nvalue && !failed(r); i++) {
		bool pairs;
		if (n > 1) get_index(r, c, n, "value with a use-list order");
		for (uint64_t left = get_flagged(c, &pairs); left && !failed(r); left--) get_varint(c);
	}
}

static const uint32_t *get_types(Read *r, Reader *c, int *n)
{
	*n = get_count(r, c, "results");
	uint32_t *v = NEW(&r->scratch, uint32_t, *n + 1);
	for (int i = 0; i < *n; i++) v[i] = get_type(r, c);
	return v;
}

static const uint32_t *get_operands(Read *r, Reader *c, int *n)
{
	*n = get_count(r, c, "operands");
	uint32_t *v = NEW(&r->scratch, uint32_t, *n + 1);
	for (int i = 0; i < *n; i++) v[i] = get_index(r, c, r->scope.n - r->closed, "value");
	return v;
}

static bool refuse_name(Read *r, const Reader *c, const OpName *o)
{
	Text t = o->text;
	return refuse(r, UNSUPPORTED, c, "op '%s.%.*s' is not known", o->dialect == NDIALECTS ? "(an unknown dialect)" :
		dialect_name[o->dialect], (int)(t.n < 100 ? t.n : 100), t.s);
}

static bool read_head(Read *r, Reader *c, Head *h)
{
	*h = (Head){ .at = c->at };
	uint32_t name = get_index(r, c, r->name.n, "op name");
	uint8_t mask = get_u8(c);
	h->loc = get_attr(r, c);
	if (failed(r)) return false;
	h->name = &r->name.v[name];
	if (h->name->kind == NAME_UNKNOWN) return refuse_name(r, c, h->name);
	h->has_dict = mask & HAS_ATTRS;
	h->has_prop = mask & HAS_PROPERTIES;
	if (h->has_dict) h->dict = get_attr(r, c);
	if (h->has_prop && (r->format < 5 || !h->name->registered)) return refuse(r, BAD_INPUT, c, "properties of an op that has none");
	if (h->has_prop) h->prop = get_index(r, c, r->nprop, "properties");
	if (mask & HAS_RESULTS) h->out = get_types(r, c, &h->nout);
	if (mask & HAS_OPERANDS) h->in = get_operands(r, c, &h->nin);
	if (mask & HAS_SUCCESSORS && !failed(r) && get_varint(c)) return refuse(r, UNSUPPORTED, c, "an op with successors");
	if (mask & HAS_USE_ORDERS && r->format >= 3) skip_use_orders(r, c, h->nout);
	if (mask & HAS_REGIONS) {
		uint64_t n = get_flagged(c, &h->closed);
		if (!failed(r) && n > c->n - c->at) return refuse(r, BAD_INPUT, c, "%llu regions", (unsigned long long)n);
		h->nregion = failed(r) ? 0 : (int)n;
	}
	return !failed(r);
}

/* -- attributes ------------------------------------------------------------------------------------------ */

/* A builtin dictionary's members one by one. */
typedef struct Dict { Cursor c; int n; } Dict;

static bool open_dict(Read *r, uint32_t ref, Dict *d)
{
	if (!open_attr(r, ref, &d->c)) return false;
	if (d->c.dialect != BUILTIN || d->c.code != BUILTIN_DICTIONARY) return refuse_entry(r, &d->c, false, "a dictionary");
	d->n = get_count(r, &d->c.r, "members");
	return spend(r, plus(1, (uint64_t)d->n));
}

static bool next_member(Read *r, Dict *d, const char **key, uint32_t *ref)
{
	Any any;
	uint32_t name = get_attr(r, &d->c.r);
	*ref = get_attr(r, &d->c.r);
	if (!read_any(r, name, false, &any)) return false;
	*key = any.str;
	return any.kind == ANY_STR || refuse(r, BAD_INPUT, &d->c.r, "a name of an attribute that is no string");
}

static int field_index(int n, const Field *field, const char *name)
{
	int i = 0;
	while (i < n && strcmp(field[i].name, name) != 0) i++;
	return i < n ? i : -1;
}

/* Attributes that are none of the op's own. */
typedef struct Extra { VEC(const char *) key; VEC(Any) item; } Extra;

static bool add_extra(Read *r, const char *key, uint32_t ref, Extra *x)
{
	*push(r->a, &x->key) = key;
	return read_any(r, ref, false, push(r->a, &x->item));
}

static const Any *extra_dict(Read *r, const Extra *x)
{
	if (!x->key.n) return NULL;
	Any *dict = NEW(r->a, Any, 1);
	dict->kind = ANY_DICT;
	dict->n = x->key.n;
	dict->key = x->key.v;
	dict->item = x->item.v;
	return dict;
}

/* Before format 5 an op's attributes are all in its dictionary. */
static bool refs_of_dict(Read *r, const Head *h, int n, const Field *field, uint32_t *ref, Extra *x)
{
	bool seen[MAX_FIELDS] = { false };
	Dict d = { .n = 0 };
	int found = 0;
	if (h->has_dict && !open_dict(r, h->dict, &d)) return false;
	for (int i = 0; i < d.n; i++) {
		const char *key;
		uint32_t v;
		if (!next_member(r, &d, &key, &v)) return false;
		int at = field_index(n, field, key);
		if (at < 0 && !add_extra(r, key, v, x)) return false;
		if (at < 0) continue;
		if (seen[at]) return refuse(r, BAD_INPUT, &d.c.r, "two attributes '%s'", key);
		seen[at] = true;
		ref[at] = v;
		found++;
	}
	for (int i = 0; i < n && found < n; i++)
		if (!seen[i]) return fail(r->err, BAD_INPUT, "bytecode: no attribute '%s'", field[i].name);
	return !failed(r);
}

static Reader property_reader(Read *r, const Head *h)
{
	Text t = r->prop[h->prop];
	return (Reader){ (const uint8_t *)t.s, t.n, 0, "bytecode", r->err };
}

static bool refs_of_properties(Read *r, const Head *h, int n, uint32_t *ref)
{
	if (!h->has_prop) return !n || fail(r->err, BAD_INPUT, "bytecode: no properties, and %d attributes are wanted", n);
	Reader c = property_reader(r, h);
	for (int i = 0; i < n; i++) ref[i] = get_attr(r, &c);
	if (!failed(r) && c.at != c.n) return refuse(r, BAD_INPUT, &c, "%zu bytes too many in an op's properties", c.n - c.at);
	return !failed(r);
}

/* The attributes that the fields name, and the others. */
static bool op_refs(Read *r, const Head *h, int n, const Field *field, uint32_t *ref, const Any **extra)
{
	Extra x = { { 0 }, { 0 } };
	bool ok = r->format < 5 ? refs_of_dict(r, h, n, field, ref, &x)
	        : refs_of_properties(r, h, n, ref) && (!h->has_dict || refs_of_dict(r, h, 0, field, NULL, &x));
	*extra = extra_dict(r, &x);
	return ok;
}

/* -- values and regions ---------------------------------------------------------------------------------- */

static bool define(Read *r, const Reader *c, Numbers *b, Value first, int n)
{
	if (n > b->end - b->next) return refuse(r, BAD_INPUT, c, "more values than the region says it has");
	for (int i = 0; i < n; i++) r->scope.v[b->next++] = first + (Value)i;
	r->pending -= (size_t)n;
	return true;
}

static bool read_types(Read *r, int n, const uint32_t *ref, const Type **out)
{
	Type *t = NEW(&r->scratch, Type, n + 1);
	for (int i = 0; i < n; i++)
		if (!read_type(r, ref[i], &t[i])) return false;
	*out = t;
	return true;
}

/* Arguments: types, each with a location unless it is unknown; then maybe use-list orders. */
static bool get_arguments(Read *r, Reader *c, int *n, const Type **out, const Loc **loc)
{
	*n = get_count(r, c, "arguments");
	uint32_t *ref = NEW(&r->scratch, uint32_t, *n + 1);
	Loc *l = NEW(&r->scratch, Loc, *n + 1);
	*loc = l;
	for (int i = 0; i < *n && !failed(r); i++) {
		bool located = true;
		uint64_t type = r->format < 4 ? get_varint(c) : get_flagged(c, &located);
		if (!failed(r) && type >= (uint64_t)r->ntype) return refuse(r, BAD_INPUT, c, "type %llu, and there are %d",
			(unsigned long long)type, r->ntype);
		ref[i] = (uint32_t)type;
		if (located) l[i] = read_loc(r, get_attr(r, c));
	}
	if (r->format >= 3 && get_u8(c)) skip_use_orders(r, c, *n);
	return !failed(r) && read_types(r, *n, ref, out);
}

/* Each value takes a byte of the section, its type's number, at least. */
static bool reserve(Read *r, Reader *c, Numbers *b)
{
	int n = get_count(r, c, "values");
	if (failed(r)) return false;
	if (r->section[SECTION_IR].n - r->pending < (size_t)n) return refuse(r, BAD_INPUT, c, "%d values in too few bytes", n);
	r->pending += (size_t)n;
	b->next = r->scope.n;
	for (int i = 0; i < n; i++) *push(&r->scratch, &r->scope) = 0;
	b->end = r->scope.n;
	return true;
}

/* f: the function whose body it is, or NULL. */
static bool read_block(Read *r, Reader *c, Region *out, Func *f, Numbers *b)
{
	bool has_args;
	int narg = 0;
	const Type *arg = NULL;
	const Loc *loc = NULL;
	uint64_t nop = get_flagged(c, &has_args);
	if (has_args && !get_arguments(r, c, &narg, &arg, &loc)) return false;
	if (f) {
		if (narg != f->narg) return refuse(r, BAD_INPUT, c, "the body takes %d arguments, the function %d", narg, f->narg);
		for (int i = 0; i < narg; i++)
			if (!type_eq(arg[i], f->arg_type[i])) return refuse(r, BAD_INPUT, c, "argument %d of the body is %s, of the function %s", i,
				type_str(&r->scratch, arg[i]), type_str(&r->scratch, f->arg_type[i]));
	} else {
		block_args(r->m, out, narg, arg);
	}
	for (int i = 0; i < narg; i++) r->m->value.v[out->arg + (Value)i].loc = loc[i];
	if (!define(r, c, b, out->arg, narg)) return false;
	for (; nop && !failed(r); nop--) read_op(r, c, out, b);
	if (!failed(r) && b->next != b->end) return refuse(r, BAD_INPUT, c, "fewer values than the region says it has");
	return !failed(r);
}

static bool read_region(Read *r, Reader *c, Region *out, Func *f)
{
	uint64_t nblock = get_varint(c);
	if (failed(r) || !nblock) return !failed(r);
	if (nblock != 1) return refuse(r, UNSUPPORTED, c, "a region of %llu blocks", (unsigned long long)nblock);
	if (r->depth == MAX_REGIONS) return refuse(r, BAD_INPUT, c, "regions nest deeper than %d", MAX_REGIONS);
	int first = r->scope.n;
	Numbers b;
	r->depth++;
	bool ok = reserve(r, c, &b) && read_block(r, c, out, f, &b);
	r->depth--;
	r->scope.n = first;
	return ok;
}

/* What reads the regions of an op, and what to do when that is over: those of a closed op stand in a section of their own, and
 * number their values from 0. */
typedef struct Inside { Reader own, *c; int closed; } Inside;

static bool go_inside(Read *r, Reader *c, const Head *h, Inside *in)
{
	in->c = c;
	in->closed = r->closed;
	if (!h->closed || !h->nregion) return true;
	r->closed = r->scope.n;
	if (r->format < 2) return true;
	int id;
	in->own = get_section(r, c, &id);
	in->c = &in->own;
	return !failed(r) && (id == SECTION_IR || refuse(r, BAD_INPUT, c, "section %d, wanted an op's regions", id));
}

static bool come_back(Read *r, const Inside *in)
{
	r->closed = in->closed;
	if (!failed(r) && in->c == &in->own && in->own.at != in->own.n)
		return refuse(r, BAD_INPUT, in->c, "%zu bytes too many in a region", in->own.n - in->own.at);
	return !failed(r);
}

/* -- ops ------------------------------------------------------------------------------------------------- */

static Op *make_op(Read *r, const Reader *c, const Head *h)
{
	Field field[MAX_FIELDS];
	uint32_t ref[MAX_FIELDS];
	Attr attr[MAX_ATTRS] = { { 0 } };
	const Type *out;
	const Any *extra;
	OpCode code = h->name->code;
	int n = op_fields(code, h->name->version, field);
	if (!op_refs(r, h, n, field, ref, &extra) || !op_attrs_read(r, code, n, field, ref, attr) || !read_types(r, h->nout, h->out, &out))
		return NULL;
	Value *in = NEW(&r->scratch, Value, h->nin + 1);
	for (int i = 0; i < h->nin; i++) {
		in[i] = r->scope.v[r->closed + (int)h->in[i]];
		if (!in[i]) return refuse(r, BAD_INPUT, c, "value %u is used before it is there", h->in[i]), NULL;
	}
	Op *op = op_new(r->m, code, h->nout, out, h->nin, in, attr);
	op->extra = extra;
	op->loc = read_loc(r, h->loc);
	return op;
}

static void read_op(Read *r, Reader *c, Region *into, Numbers *b)
{
	Head h;
	if (!read_head(r, c, &h)) return;
	if (h.name->kind != NAME_OP) {
		refuse_name(r, c, h.name);
		return;
	}
	Op *op = make_op(r, c, &h);
	if (!op) {
		err_at(r->err, "%s: %s", r->func, op_table[h.name->code].name);
		return;
	}
	if (!define(r, c, b, op->out, op->nout)) return;
	*push(r->a, &into->op) = op;
	op->nregion = h.nregion;
	op->region = NEW(r->a, Region *, h.nregion + 1);
	Inside in;
	if (!go_inside(r, c, &h, &in)) return;
	for (int i = 0; i < h.nregion && !failed(r); i++) {
		op->region[i] = NEW(r->a, Region, 1);
		op->region[i]->parent = into;
		read_region(r, in.c, op->region[i], NULL);
	}
	come_back(r, &in);
}

/* -- functions ------------------------------------------------------------------------------------------- */

/* [{...}, {...}], one for each of n, or []. */
static bool read_dictionaries(Read *r, uint32_t ref, int n, const char *what, Any *out)
{
	int k;
	const uint32_t *item;
	if (!attr_items(r, ref, &k, &item)) return false;
	if (k && k != n) return fail(r->err, BAD_INPUT, "bytecode: %s of %d, and there are %d", what, k, n);
	for (int i = 0; i < k; i++) {
		if (!read_any(r, item[i], false, &out[i])) return false;
		if (out[i].kind != ANY_DICT) return fail(r->err, BAD_INPUT, "bytecode: %s that are no dictionary", what);
		if (!out[i].n) out[i].kind = ANY_NONE;
	}
	return true;
}

static bool set_visibility(Read *r, uint32_t ref, Func *f)
{
	const char *s;
	if (!attr_string(r, ref, &s)) return false;
	f->is_private = !strcmp(s, "private");
	f->is_public = !strcmp(s, "public");
	return !*s || f->is_private || f->is_public || fail(r->err, UNSUPPORTED, "bytecode: visibility '%.100s'", s);
}

static Func *make_func(Read *r, const uint32_t *ref)
{
	const char *name;
	Signature s;
	if (!attr_string(r, ref[FUNC_NAME], &name)) return NULL;
	r->func = name;
	if (!read_signature(r, ref[FUNC_TYPE], &s)) return NULL;
	Func *f = func_new(r->m, name);
	for (int i = 0; i < s.narg; i++) func_arg(r->m, f, s.arg[i], NULL);
	f->nres = s.nres;
	f->res_type = COPY(r->a, Type, s.res, s.nres);
	f->res_attr = NEW(r->a, Any, s.nres + 1);
	bool ok = set_visibility(r, ref[FUNC_VISIBILITY], f)
	       && read_dictionaries(r, ref[FUNC_ARG_ATTRS], s.narg, "attributes of arguments", f->arg_attr)
	       && read_dictionaries(r, ref[FUNC_RES_ATTRS], s.nres, "attributes of results", f->res_attr);
	return ok ? f : NULL;
}

static bool read_func(Read *r, Reader *c, const Head *h)
{
	Field field[NFUNC_FIELDS];
	uint32_t ref[NFUNC_FIELDS] = { 0 };
	for (int i = 0; i < NFUNC_FIELDS; i++) field[i] = (Field){ func_field[i], i, NULL };
	r->func = "func";
	const Any *extra;
	Func *f = op_refs(r, h, NFUNC_FIELDS, field, ref, &extra) ? make_func(r, ref) : NULL;
	if (!f) return err_at(r->err, "%s", r->func);
	f->extra = extra;
	f->loc = read_loc(r, h->loc);
	if (h->nregion != 1 || h->nin || h->nout) return refuse(r, BAD_INPUT, c, "a function of %d regions, wanted 1", h->nregion);
	Inside in;
	return go_inside(r, c, h, &in) && read_region(r, in.c, &f->body, f) && come_back(r, &in);
}

/* -- the module ------------------------------------------------------------------------------------------ */

/* All attributes but sym_name, which is the module's name (a property from format 5 on). */
static bool read_module_dict(Read *r, uint32_t ref)
{
	Any all;
	if (!read_any(r, ref, false, &all)) return false;
	if (all.kind != ANY_DICT) return fail(r->err, BAD_INPUT, "bytecode: the module's attributes are no dictionary");
	const char **key = NEW(r->a, const char *, all.n + 1);
	Any *item = NEW(r->a, Any, all.n + 1);
	int n = 0;
	for (int i = 0; i < all.n; i++) {
		bool is_name = r->format < 5 && !strcmp(all.key[i], "sym_name") && all.item[i].kind == ANY_STR;
		if (is_name) r->m->name = all.item[i].str;
		if (is_name) continue;
		key[n] = all.key[i];
		item[n++] = all.item[i];
	}
	r->m->attr = (Any){ .kind = n ? ANY_DICT : ANY_NONE };
	r->m->attr.n = n;
	r->m->attr.key = key;
	r->m->attr.item = item;
	return true;
}

/* sym_name and sym_visibility, each with a flag that says whether it is there. */
static bool read_module_properties(Read *r, const Head *h)
{
	Reader c = property_reader(r, h);
	for (int i = 0; i < 2 && !failed(r); i++) {
		bool there;
		Any any;
		uint64_t v = get_flagged(&c, &there);
		if (failed(r) || !there) continue;
		if (v >= (uint64_t)r->nattr) return refuse(r, BAD_INPUT, &c, "attribute %llu, and there are %d", (unsigned long long)v, r->nattr);
		if (!read_any(r, (uint32_t)v, false, &any)) return false;
		if (i || any.kind != ANY_STR) return refuse(r, UNSUPPORTED, &c, "a module with a visibility");
		r->m->name = any.str;
	}
	return !failed(r);
}

static bool read_module_body(Read *r, Reader *c)
{
	bool has_args;
	if (get_varint(c) != 1 || get_varint(c)) return failed(r) ? false : refuse(r, UNSUPPORTED, c, "a module that is no list of functions");
	uint64_t n = get_flagged(c, &has_args);
	if (has_args && !failed(r)) return refuse(r, BAD_INPUT, c, "a module with arguments");
	for (; n && !failed(r); n--) {
		Head h;
		if (!read_head(r, c, &h)) return false;
		if (h.name->kind != NAME_FUNC) return refuse_name(r, c, h.name);
		if (!read_func(r, c, &h)) return false;
	}
	return !failed(r);
}

bool read_ir(Read *r)
{
	Reader *c = &r->section[SECTION_IR];
	Head h;
	Inside in;
	uint64_t n = get_varint(c);
	if (!failed(r) && n != 1 << 1) return refuse(r, UNSUPPORTED, c, "%llu ops beside each other, wanted one module",
		(unsigned long long)n >> 1);
	if (!read_head(r, c, &h)) return false;
	if (h.name->kind != NAME_MODULE || h.nregion != 1 || h.nin || h.nout) return refuse(r, UNSUPPORTED, c, "no module in the file");
	r->m->loc = read_loc(r, h.loc);
	if (h.has_dict && !read_module_dict(r, h.dict)) return err_at(r->err, "module");
	if (h.has_prop && !read_module_properties(r, &h)) return err_at(r->err, "module");
	return go_inside(r, c, &h, &in) && read_module_body(r, in.c) && come_back(r, &in);
}
