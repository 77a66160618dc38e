/* saved_model.pb, and the files of a SavedModel. */
#include "read_internal.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

static const char *keep(Reading *r, const char *s) { return arena_str(&r->out->arena, s, strlen(s)); }

/* Structs whose first member is the key that they are sorted by. */
static int by_key(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* -- types ----------------------------------------------------------------------------------------------- */

/* tensorflow/core/framework/types.proto: those that no tensor of ours has. */
static const struct { int type; const char *name; } other_types[] = {
	{ DT_STRING, "string" }, { 11, "qint8" }, { 12, "quint8" }, { 13, "qint32" }, { 15, "qint16" }, { 16, "quint16" },
	{ DT_RESOURCE, "resource" }, { 21, "variant" },
};
enum { REFERENCE = 100 };      /* added to a type: a variable of TensorFlow 1 itself */

static const char *type_name(Reading *r, int type, DType *dtype)
{
	for (int t = 1; t < NDTYPES; t++)
		if (type && dtype_info((DType)t)->tf == type) return dtype_name(*dtype = (DType)t);
	for (size_t i = 0; i < sizeof other_types / sizeof *other_types; i++)
		if (other_types[i].type == type) return other_types[i].name;
	return type ? arena_printf(&r->out->arena, "TensorFlow's type %d", type) : dtype_name(DTYPE_none);
}

bool set_type(Reading *r, SavedTensor *t, int tf_type, const Tfread__TensorShapeProto *shape)
{
	t->type = type_name(r, tf_type > REFERENCE ? tf_type - REFERENCE : tf_type, &t->dtype);
	t->rank = shape && shape->unknown_rank ? -1 : shape ? (int)shape->n_dim : 0;
	int64_t *dim = NEW(&r->out->arena, int64_t, t->rank > 0 ? t->rank : 0);
	for (int i = 0; i < t->rank; i++) {
		dim[i] = shape->dim[i]->size;
		if (dim[i] < -1)
			return fail(r->e, BAD_INPUT, "'%s': dimension %d is %lld", t->key, i, (long long)dim[i]);
	}
	t->dim = dim;
	return true;
}

/* -- signatures ------------------------------------------------------------------------------------------ */

static bool keep_tensor(Reading *r, const Tfread__TensorInfoEntry *from, SavedTensor *t)
{
	static const Tfread__TensorInfo none = TFREAD__TENSOR_INFO__INIT;
	const Tfread__TensorInfo *info = from->value ? from->value : &none;
	t->key = keep(r, from->key);
	t->name = info->encoding_case == TFREAD__TENSOR_INFO__ENCODING_NAME ? keep(r, info->name) : "";
	if (!set_type(r, t, info->dtype, info->tensor_shape)) return false;
	if (info->encoding_case == TFREAD__TENSOR_INFO__ENCODING_COO_SPARSE)
		t->type = arena_printf(&r->out->arena, "sparse %s", t->type);
	if (info->encoding_case == TFREAD__TENSOR_INFO__ENCODING_COMPOSITE_TENSOR) {
		t->type = "composite";
		t->rank = -1;
	}
	return true;
}

static SavedTensor *keep_tensors(Reading *r, int n, Tfread__TensorInfoEntry **from)
{
	SavedTensor *t = NEW(&r->out->arena, SavedTensor, n);
	for (int i = 0; i < n; i++)
		if (!keep_tensor(r, from[i], &t[i])) return NULL;
	qsort(t, (size_t)n, sizeof *t, by_key);
	return t;
}

static bool keep_signature(Reading *r, const Tfread__MetaGraphDef__SignatureDefEntry *from, SavedSignature *s)
{
	static const Tfread__SignatureDef none = TFREAD__SIGNATURE_DEF__INIT;
	const Tfread__SignatureDef *d = from->value ? from->value : &none;
	s->key = keep(r, from->key);
	s->method_name = keep(r, d->method_name);
	s->nin = (int)d->n_inputs;
	s->nout = (int)d->n_outputs;
	s->in = keep_tensors(r, s->nin, d->inputs);
	s->out = s->in ? keep_tensors(r, s->nout, d->outputs) : NULL;
	return s->out || err_at(r->e, "signature '%s'", s->key);
}

static bool keep_signatures(Reading *r, const Tfread__MetaGraphDef *m, SavedGraph *g)
{
	g->nsignature = (int)m->n_signature_def;
	g->signature = NEW(&r->out->arena, SavedSignature, g->nsignature);
	for (int i = 0; i < g->nsignature; i++)
		if (!keep_signature(r, m->signature_def[i], &g->signature[i])) return false;
	qsort(g->signature, (size_t)g->nsignature, sizeof *g->signature, by_key);
	return true;
}

/* -- functions ------------------------------------------------------------------------------------------- */

typedef VEC(SavedCall) Calls;

static const Tfread__AttrValue *attribute(const Tfread__NodeDef *n, const char *key)
{
	static const Tfread__AttrValue none = TFREAD__ATTR_VALUE__INIT;
	for (size_t i = 0; i < n->n_attr; i++)
		if (!strcmp(n->attr[i]->key, key) && n->attr[i]->value) return n->attr[i]->value;
	return &none;
}

/* MLIR bytecode: "ML\xefR", a version, the producer's name up to a NUL. The version is a number of which the
 * zeros at the low end of the first byte say how many more bytes it has (mlir/docs/BytecodeFormat.md). */
static const char *producer(Reading *r, const uint8_t *p, size_t n)
{
	if (n < 5 || !is_bytecode(p, n)) return "";
	size_t at = 5;
	for (unsigned first = p[4]; at < 13 && !(first & 1); first = first >> 1 | 0x100) at++;
	const uint8_t *end = at < n ? memchr(p + at, 0, n - at) : NULL;
	return end ? arena_str(&r->out->arena, (const char *)p + at, (size_t)(end - p) - at) : "";
}

static void keep_call(Reading *r, const char *function, const Tfread__NodeDef *n, SavedCall *c)
{
	ProtobufCBinaryData module = attribute(n, "module")->s;
	*c = (SavedCall){ .function = keep(r, function), .node = keep(r, n->name),
		.version = attribute(n, "version")->i, .module_nbytes = module.len,
		.producer = producer(r, module.data, module.len) };
	const Tfread__AttrValue__ListValue *platforms = attribute(n, "platforms")->list;
	if (!platforms) return;
	c->nplatform = (int)platforms->n_s;
	c->platform = NEW(&r->out->arena, const char *, c->nplatform);
	for (int i = 0; i < c->nplatform; i++)
		c->platform[i] = arena_str(&r->out->arena, (const char *)platforms->s[i].data, platforms->s[i].len);
}

static void keep_calls_of(Reading *r, const char *function, size_t n, Tfread__NodeDef **node, Calls *calls)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(node[i]->op, "XlaCallModule")) continue;
		SavedCall *c = push(&r->out->arena, calls);
		keep_call(r, function, node[i], c);
	}
}

static void keep_calls(Reading *r, const Tfread__GraphDef *graph, SavedGraph *g)
{
	Calls calls = { 0 };
	keep_calls_of(r, "", graph->n_node, graph->node, &calls);
	for (size_t i = 0; graph->library && i < graph->library->n_function; i++) {
		const Tfread__FunctionDef *f = graph->library->function[i];
		const char *name = f->signature ? f->signature->name : "";
		keep_calls_of(r, name, f->n_node_def, f->node_def, &calls);
	}
	g->ncall = calls.n;
	g->call = calls.v;
}

/* -- graphs ---------------------------------------------------------------------------------------------- */

static void keep_info(Reading *r, const Tfread__MetaGraphDef__MetaInfoDef *info, SavedGraph *g)
{
	Arena *a = &r->out->arena;
	g->tensorflow_version = keep(r, info->tensorflow_version);
	g->ntag = (int)info->n_tags;
	g->tag = NEW(a, const char *, g->ntag);
	for (int i = 0; i < g->ntag; i++) g->tag[i] = keep(r, info->tags[i]);
	g->nalias = (int)info->n_function_aliases;
	g->alias = NEW(a, SavedAlias, g->nalias);
	for (int i = 0; i < g->nalias; i++) {
		const Tfread__StringEntry *s = info->function_aliases[i];
		g->alias[i] = (SavedAlias){ keep(r, s->key), keep(r, s->value) };
	}
	qsort(g->alias, (size_t)g->nalias, sizeof *g->alias, by_key);
}

static bool keep_graph(Reading *r, const Tfread__MetaGraphDef *m, SavedGraph *g)
{
	static const Tfread__MetaGraphDef__MetaInfoDef none = TFREAD__META_GRAPH_DEF__META_INFO_DEF__INIT;
	keep_info(r, m->meta_info_def ? m->meta_info_def : &none, g);
	if (m->graph_def) keep_calls(r, m->graph_def, g);
	return keep_signatures(r, m, g);
}

bool read_graphs(Reading *r, const uint8_t *p, size_t n, const char *what)
{
	SavedContents *c = r->out;
	const Tfread__SavedModel *m = unpack(&r->scratch, &tfread__saved_model__descriptor, p, n, what, r->e);
	if (!m) return false;
	/* kSavedModelSchemaVersion of tensorflow/cc/saved_model/constants.h. Many bytes that are no SavedModel make
	 * a message of fields that nobody knows; this is what tells them apart. */
	if (m->saved_model_schema_version != 1)
		return fail(r->e, BAD_INPUT, "%s: is a SavedModel of schema %lld, wanted 1", what,
			(long long)m->saved_model_schema_version);
	c->ngraph = (int)m->n_meta_graphs;
	c->graph = NEW(&c->arena, SavedGraph, c->ngraph);
	for (int i = 0; i < c->ngraph; i++)
		if (!keep_graph(r, m->meta_graphs[i], &c->graph[i]))
			return err_at(r->e, "%s: graph %d", what, i);
	return true;
}

/* -- files ----------------------------------------------------------------------------------------------- */

static const char *path_of(Reading *r, const char *name)
{
	return arena_printf(&r->scratch, "%s/%s", r->dir, name);
}

/* Other forms of the same that TensorFlow writes when it is told to. */
static bool find_graphs(Reading *r)
{
	static const char *const form[][2] = {
		{ "saved_model.pbtxt", "as text" },
		{ "saved_model.cpb", "in chunks" },
	};
	if (file_exists(path_of(r, "saved_model.pb"))) return true;
	for (int i = 0; i < 2; i++) {
		const char *path = path_of(r, form[i][0]);
		if (file_exists(path))
			return fail(r->e, UNSUPPORTED, "%s: is a SavedModel stored %s; only saved_model.pb is read", path,
				form[i][1]);
	}
	return true;
}

static bool read_all(Reading *r)
{
	const char *graphs = path_of(r, "saved_model.pb");
	const char *prefix = path_of(r, "variables/variables"), *index = path_of(r, "variables/variables.index");
	r->out->warmup = file_exists(path_of(r, "assets.extra/tf_serving_warmup_requests"));
	if (!find_graphs(r) || !map_file(&r->graphs, graphs, r->e)) return false;
	if (!read_graphs(r, r->graphs.p, r->graphs.n, graphs)) return false;
	if (!file_exists(index)) return true;      /* a graph without variables has none */
	return map_file(&r->index, index, r->e) && read_variables(r, r->index.p, r->index.n, prefix);
}

/* A frame of its own: what it changes stands in r and its contents, where a longjmp leaves it alone. */
static bool read_guarded(Reading *r)
{
	jmp_buf full;
	if (setjmp(full)) return fail(r->e, NO_MEMORY, "%s: out of memory", r->dir);
	r->out->arena.full = r->scratch.full = &full;
	bool ok = read_all(r);
	r->out->arena.full = NULL;
	return ok;
}

SavedContents *saved_model_open(const char *dir, Err *e)
{
	Reading r = { .dir = dir, .out = calloc(1, sizeof *r.out), .e = e };
	if (!r.out) {
		fail(e, NO_MEMORY, "%s: out of memory", dir);
		return NULL;
	}
	bool ok = read_guarded(&r);
	unmap_file(&r.graphs);
	unmap_file(&r.index);
	unmap_file(&r.data);
	arena_free(&r.scratch);
	if (ok) return r.out;
	saved_model_close(r.out);
	return NULL;
}

void saved_model_close(SavedContents *s)
{
	if (!s) return;
	arena_free(&s->arena);
	free(s);
}
