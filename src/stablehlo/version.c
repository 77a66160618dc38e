/* Releases of StableHLO: what each can express. */
#include "stablehlo/write.h"

#include <stdio.h>
#include <string.h>

#define NEWEST(f) f(1, 20, 0)
#define VERSION(major, minor, patch) { major, minor, patch }
#define TEXT(major, minor, patch) #major "." #minor "." #patch

const Version current_version = NEWEST(VERSION);
const char current_version_text[] = NEWEST(TEXT);
const Version oldest_version  = { 0, 9, 0 };

int version_cmp(Version a, Version b)
{
	if (a.major != b.major) return a.major < b.major ? -1 : 1;
	if (a.minor != b.minor) return a.minor < b.minor ? -1 : 1;
	return a.patch < b.patch ? -1 : a.patch > b.patch;
}

static bool number(const char **s, int *out)
{
	int n = 0, digits = 0;
	for (; **s >= '0' && **s <= '9' && digits < 6; (*s)++, digits++) n = 10 * n + (**s - '0');
	*out = n;
	return digits > 0;
}

bool version_parse(const char *s, Version *out)
{
	Version v;
	if (!s || !number(&s, &v.major) || *s++ != '.' || !number(&s, &v.minor) || *s++ != '.' || !number(&s, &v.patch) || *s)
		return false;
	*out = v;
	return true;
}

/* -- vhlo.def, the columns with releases ----------------------------------------------------------------- */

static const char *const elem_since[NDTYPES] = {
#define ELEM(t, code, since, builtin) [DTYPE_##t] = since,
#include "stablehlo/vhlo.def"
};

static const char *const spelling[NOPS] = {
#define SPELL(op, name) [OP_##op] = name,
#include "stablehlo/vhlo.def"
};

static const struct { const char *since; int format; } formats[] = {
#define FORMAT(since, format) { since, format },
#include "stablehlo/vhlo.def"
};

const char *vhlo_spelling(OpCode code) { return spelling[code] ? spelling[code] : op_table[code].name; }

/* Is `since`, a release of a table, at or before v? */
static bool has(Version v, const char *since)
{
	Version first;
	return version_parse(since, &first) && version_cmp(first, v) <= 0;
}

int bytecode_format(Version target)
{
	int format = 0;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (has(target, formats[i].since)) format = formats[i].format;
	return format;
}

/* The newest version of the op that the target knows; the oldest when it knows none (op_need() has refused
 * that). */
int vhlo_version(OpCode code, Version target)
{
	int v = 1;
	for (int i = 0; i < MAX_VERSIONS && op_table[code].vhlo[i].first; i++)
		if (has(target, op_table[code].vhlo[i].first)) v = i + 1;
	return v;
}

/* -- what a program needs -------------------------------------------------------------------------------- */

static void need(Need *n, const char *since, const char *what)
{
	Version v;
	if (!since || !version_parse(since, &v) || version_cmp(v, n->version) <= 0) return;
	*n = (Need){ v, what };
}

static void need_elem(Need *n, DType t)
{
	if (t > 0 && t < NDTYPES) need(n, elem_since[t], dtype_name(t));
}

static void need_type(Need *n, const Type *t)
{
	if (t->kind == TYPE_FUTURE) need(n, "1.15.0", "a future");
	for (int i = 0; i < t->npart; i++) need_type(n, &t->part[i]);
	if (t->kind == TYPE_BUFFER) need(n, "1.13.0", "a buffer");
	if (t->kind != TYPE_TENSOR && t->kind != TYPE_BUFFER && t->kind != TYPE_ELEMENT) return;
	need_elem(n, t->elem);
	if (!t->quant) return;
	need_elem(n, t->quant->storage);
	need_elem(n, t->quant->expressed);
	if (t->quant->axis >= 0) need(n, "0.18.0", "quantization per axis");
}

static void need_any(Need *n, const Any *any)
{
	if (any->kind == ANY_INT) need_type(n, &(Type){ .kind = TYPE_TENSOR, .elem = any->elem });
	if (any->kind == ANY_DENSE || any->kind == ANY_NUMBER || any->kind == ANY_NUMBERS) need_type(n, &any->dense->type);
	if (any->kind == ANY_TYPE) need_type(n, any->type);
	if (any->kind != ANY_ARRAY && any->kind != ANY_DICT) return;
	for (int i = 0; i < any->n; i++) need_any(n, &any->item[i]);
}

static void need_extra(Need *n, const Any *extra)
{
	if (extra) need_any(n, extra);
}

static bool is_default_accuracy(const Accuracy *x)
{
	return !x || (x->atol == 0 && x->rtol == 0 && !x->ulps && !x->mode);
}

/* Does an attribute that only version 2 of its op has say more than version 1 does without it?
 * (VhloToVersion.cpp) */
static bool says_more(AttrKind kind, const Attr *x)
{
	if (!x->set) return false;
	switch (kind) {
	case KIND_ACCURACY:     return !is_default_accuracy(x->accuracy);
	case KIND_I64_ELEMENTS: return x->dense->nbytes > 0;
	case KIND_LAYOUTS:      return x->any->n > 0;
	default:                return true;
	}
}

/* What makes an op need version 2, or NULL. */
static const char *needs_second(const Op *op)
{
	const AttrDef *def = op_table[op->code].attr;
	for (int i = 0; def[i].name; i++) {
		const Attr *x = &op->attr[i];
		if (def[i].since > 1 && says_more(def[i].kind, x)) return def[i].name;
		if (x->set && def[i].kind == KIND_GATHER_DIMS
		    && (x->gather->operand_batching_dims.n || x->gather->start_indices_batching_dims.n))
			return "batching dimensions";
		if (x->set && def[i].kind == KIND_SCATTER_DIMS
		    && (x->scatter->input_batching_dims.n || x->scatter->scatter_indices_batching_dims.n))
			return "batching dimensions";
	}
	switch (op->code) {
	case OP_all_gather: case OP_all_reduce: case OP_all_to_all: case OP_collective_broadcast:
		return op->nin == 1 ? NULL : "more than one operand";
	case OP_composite:
		return op->nregion ? "regions" : NULL;
	default:
		return NULL;
	}
}

/* Constraints that releases relaxed without a new version of the op (VhloOps.cpp, "Op Constraint
 * Versioning"). */
static void need_relaxed(Need *n, const Module *m, const Op *op)
{
	switch (op->code) {
	case OP_all_reduce: case OP_reduce: case OP_reduce_scatter: case OP_reduce_window: case OP_scatter: case OP_select_and_scatter:
		for (int i = 0; i < op->nin && i < op->nout; i++)
			if (value_type(m, op->in[i]).elem != value_type(m, op->out + (Value)i).elem)
				need(n, "0.17.0", "a result of another element type than its operand");
		return;
	case OP_custom_call: {
		const Attr *config = &op->attr[op_attr_index(OP_custom_call, "backend_config")];
		const Attr *api = &op->attr[op_attr_index(OP_custom_call, "api_version")];
		if (config->set && config->any->kind == ANY_DICT) need(n, "1.3.0", "a dictionary as backend_config");
		if (api->set && api->i == 4) need(n, "1.3.0", "api_version 4");
		for (int i = 0; i < op->nin; i++)
			if (value_type(m, op->in[i]).kind == TYPE_FUTURE) need(n, "1.17.0", "a future as operand");
		return;
	}
	default:
		return;
	}
}

/* StableHLO rewrites an op into its other version together with its regions, and then leaves the ops in
 * those as they are, when it writes and when it reads. So what a region of a version 1 op holds must be
 * the same in every release. */
static bool holds_second(const Region *r)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		if (op_table[op->code].vhlo[1].first) return true;
		for (int k = 0; k < op->nregion; k++)
			if (holds_second(op->region[k])) return true;
	}
	return false;
}

static void need_attr(Need *n, AttrKind kind, const Attr *x)
{
	if (!x->set) return;
	if (kind == KIND_DENSE) need_type(n, &x->dense->type);
	if (kind == KIND_ARRAY || kind == KIND_STR_OR_DICT) need_any(n, x->any);
	if (kind == KIND_DICT) need_any(n, x->dict);
	if (kind != KIND_DOT_ALGORITHM) return;
	need_elem(n, x->algorithm->lhs_precision);
	need_elem(n, x->algorithm->rhs_precision);
	need_elem(n, x->algorithm->accumulation);
}

Need op_need(const Module *m, const Op *op)
{
	const OpDef *def = &op_table[op->code];
	Need n = { oldest_version, "" };
	need(&n, def->vhlo[0].first, "the op");
	if (def->vhlo[1].first) {
		const char *what = needs_second(op);
		if (what) need(&n, def->vhlo[1].first, what);
		for (int i = 0; i < op->nregion; i++)
			if (holds_second(op->region[i]))
				need(&n, def->vhlo[1].first, "an op of two versions in its region");
	}
	need_relaxed(&n, m, op);
	need_extra(&n, op->extra);
	for (int i = 0; def->attr[i].name; i++) need_attr(&n, def->attr[i].kind, &op->attr[i]);
	for (int i = 0; i < op->nin; i++) need_type(&n, &m->value.v[op->in[i]].type);
	for (int i = 0; i < op->nout; i++) need_type(&n, &m->value.v[op->out + (Value)i].type);
	return n;
}

Need func_need(const Func *f)
{
	Need n = { oldest_version, "" };
	need_extra(&n, f->extra);
	for (int i = 0; i < f->narg; i++) need_type(&n, &f->arg_type[i]);
	for (int i = 0; i < f->nres; i++) need_type(&n, &f->res_type[i]);
	for (int i = 0; f->arg_attr && i < f->narg; i++) need_any(&n, &f->arg_attr[i]);
	for (int i = 0; f->res_attr && i < f->nres; i++) need_any(&n, &f->res_attr[i]);
	return n;
}

static void need_region(const Module *m, const Region *r, Version *most)
{
	for (int i = 0; i < r->op.n; i++) {
		const Op *op = r->op.v[i];
		Need n = op_need(m, op);
		if (version_cmp(n.version, *most) > 0) *most = n.version;
		for (int k = 0; k < op->nregion; k++) need_region(m, op->region[k], most);
	}
}

Version version_needed(const Module *m)
{
	Version most = oldest_version;
	for (int i = 0; i < m->func.n; i++) {
		Need n = func_need(m->func.v[i]);
		if (version_cmp(n.version, most) > 0) most = n.version;
		need_region(m, &m->func.v[i]->body, &most);
	}
	return most;
}
