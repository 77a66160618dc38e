/* Models: converted from a program or loaded from a directory, and what can be asked of them. */
#include "api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tshlo_model *model_new(Err *e)
{
	tshlo_model *m = calloc(1, sizeof *m);
	if (!m) return fail(e, NO_MEMORY, "out of memory"), NULL;
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

/* What was made of the module. */
void forget_output(Method *k)
{
	buf_free(&k->text);
	for (Artifact *a = k->artifact, *next; a; a = next) {
		next = a->next;
		buf_free(&a->bytes);
		free(a);
	}
	k->artifact = NULL;
}

static void method_free(Method *k)
{
	if (k->module) module_free(k->module);
	free(k->module);
	forget_output(k);
}

void tshlo_model_free(tshlo_model *m)
{
	if (!m) return;
	for (int i = 0; i < m->nmethod; i++) method_free(&m->method[i]);
	for (int i = 0; i < m->weight.n; i++) free(m->weight.v[i]->packed);
	for (int i = 0; i < m->npart; i++) tshlo_model_free(m->part[i]);
	free(m->part);
	buf_free(&m->differences);
	program_free(m->program);
	bundle_free(m->bundle);
	arena_free(&m->arena);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

Method *model_method(const tshlo_model *m, const char *name, Err *e)
{
	if (!m) return NULL;
	for (int i = 0; i < m->nmethod; i++)
		if (!strcmp(m->method[i].name, name ? name : "forward")) return &m->method[i];
	if (!name && m->nmethod == 1) return &m->method[0];
	fail(e, BAD_INPUT, "there is no method '%s' in this model", name ? name : "forward");
	return NULL;
}

/* -- asking ---------------------------------------------------------------------------------------------- */

static const Method *ask(const tshlo_model *m, const char *name)
{
	OWN_ERR(NULL);
	return model_method(m, name, err);
}

int tshlo_nmethods(const tshlo_model *m) { return m ? m->nmethod : 0; }
const char *tshlo_method(const tshlo_model *m, int i)
{
	return m && i >= 0 && i < m->nmethod ? m->method[i].name : NULL;
}

static bool give(int n, const tshlo_value_info *v, int i, tshlo_value_info *out)
{
	if (i < 0 || i >= n) return false;
	*out = v[i];
	return true;
}

#define ASK(field, otherwise) const Method *k = ask(m, method); return k ? k->field : (otherwise)

int tshlo_ninputs(const tshlo_model *m, const char *method) { ASK(nin, -1); }
int tshlo_noutputs(const tshlo_model *m, const char *method) { ASK(nout, -1); }
int tshlo_nunused(const tshlo_model *m, const char *method) { ASK(nunused, -1); }
const char *tshlo_in_spec(const tshlo_model *m, const char *method) { ASK(in_spec, ""); }
const char *tshlo_out_spec(const tshlo_model *m, const char *method) { ASK(out_spec, ""); }

bool tshlo_input_info(const tshlo_model *m, const char *method, int i, tshlo_value_info *out)
{
	const Method *k = ask(m, method);
	return k && give(k->nin, k->in, i, out);
}

bool tshlo_output_info(const tshlo_model *m, const char *method, int i, tshlo_value_info *out)
{
	const Method *k = ask(m, method);
	return k && give(k->nout, k->out, i, out);
}

bool tshlo_unused_info(const tshlo_model *m, const char *method, int i, tshlo_value_info *out)
{
	const Method *k = ask(m, method);
	return k && give(k->nunused, k->unused, i, out);
}

static bool give_fixed(int n, const tshlo_fixed *v, int i, tshlo_fixed *out)
{
	if (i < 0 || i >= n) return false;
	*out = v[i];
	return true;
}

bool tshlo_fixed_input(const tshlo_model *m, const char *method, int i, tshlo_fixed *out)
{
	const Method *k = ask(m, method);
	return k && give_fixed(k->nfixed_in, k->fixed_in, i, out);
}

bool tshlo_fixed_output(const tshlo_model *m, const char *method, int i, tshlo_fixed *out)
{
	const Method *k = ask(m, method);
	return k && give_fixed(k->nfixed_out, k->fixed_out, i, out);
}

bool tshlo_state_tensor(const tshlo_model *m, int i, tshlo_state *out)
{
	if (!m || i < 0 || i >= m->nstate + m->nconstant) return false;
	const BundleTensor *t = i < m->nstate ? &m->state[i] : &m->constant[i - m->nstate];
	const NpyArray *x = &t->array;
	*out = (tshlo_state){ .name = i < m->nstate ? t->name : NULL,
		.type = { (int)x->dtype, x->rank, x->dim, x->data },
		.strides = x->stride, .itemsize = x->itemsize ? x->itemsize : dtype_nbytes(x->dtype) };
	return true;
}

/* -- weights --------------------------------------------------------------------------------------------- */

static size_t dense_nbytes(const Tensor *t) { return (size_t)tensor_numel(t) * dtype_nbytes(t->dtype); }

/* 64 bytes is what plugins want of memory that they use in place. */
static const void *pack(Weight *w, Err *e)
{
	size_t n = (dense_nbytes(&w->tensor) + 63) & ~(size_t)63;
	w->packed = aligned_alloc(64, n ? n : 64);
	if (!w->packed) return fail(e, NO_MEMORY, "out of memory for a dense copy of '%s'", w->tensor.name), NULL;
	tensor_pack(&w->tensor, w->packed);
	return w->packed;
}

const void *weight_data(tshlo_model *m, Weight *w, Err *e)
{
	const Tensor *t = &w->tensor;
	if (!t->storage && dense_nbytes(t)) return fail(e, BAD_INPUT, "weight '%s' has no data", t->name), NULL;
	if (tensor_is_contiguous(t)) return tensor_start(t);
	pthread_mutex_lock(&m->lock);
	const void *p = w->packed ? w->packed : pack(w, e);
	pthread_mutex_unlock(&m->lock);
	return p;
}

/* -- text and bytecode ----------------------------------------------------------------------------------- */

/* A program that was lowered only for given sizes has no module for all. */
static bool has_module(const Method *k, Err *e)
{
	return !k->refusal || fail(e, UNSUPPORTED, "%s; it can be run, and converted for given sizes", k->refusal);
}

static bool read_saved(Method *k, Err *e)
{
	const BundleFunction *f = k->saved;
	char name[512];
	snprintf(name, sizeof name, f->bytecode ? "method '%s'" : "functions/%s.mlir", k->name);
	k->module = f->bytecode ? module_of(name, f->bytecode, f->bytecode_nbytes, e) : module_of(name, f->text, f->text_nbytes, e);
	if (k->module) k->oldest = oldest_usable(k->module);
	return k->module != NULL;
}

/* Under the lock. */
static bool want_module(Method *k, Err *e)
{
	if (!has_module(k, e) || (!k->module && !read_saved(k, e))) return false;
	k->module->err = e;
	return true;
}

const Module *method_module(tshlo_model *m, Method *k, Err *e)
{
	pthread_mutex_lock(&m->lock);
	bool ok = want_module(k, e);
	pthread_mutex_unlock(&m->lock);
	return ok ? k->module : NULL;
}

static bool make_text(Method *k, Err *e)
{
	if (k->text.n) return true;
	bool ok = true;
	if (k->saved && k->saved->text && !k->changed) put(&k->text, k->saved->text, k->saved->text_nbytes);
	else ok = want_module(k, e) && print_module(k->module, &k->text);
	put_byte(&k->text, 0);
	if (ok && k->text.failed) ok = fail(e, NO_MEMORY, "out of memory for the text of the module");
	if (!ok) buf_free(&k->text);
	return ok;
}

const char *tshlo_text(tshlo_model *m, const char *method, size_t *n, tshlo_error *e)
{
	ERR(e, NULL);
	Method *k = model_method(m, method, err);
	if (!k) return NULL;
	pthread_mutex_lock(&m->lock);
	bool ok = make_text(k, err);
	pthread_mutex_unlock(&m->lock);
	if (!ok) return NULL;
	if (n) *n = k->text.n - 1;
	return (const char *)k->text.p;
}

bool wanted_version(const Method *k, const char *target, Version *v, Err *e)
{
	/* torch_xla says it saves version 0.0.0. */
	bool known = k->saved && version_parse(k->version, v) && version_cmp(*v, oldest_version) >= 0;
	if (!target) return *v = known ? *v : k->oldest, true;
	return version_parse(target, v)
		|| fail(e, BAD_INPUT, "'%s' is no StableHLO version, wanted one like 1.9.0", target);
}

static Artifact *write_artifact(Method *k, Version v, Err *e)
{
	Artifact *a = calloc(1, sizeof *a);
	if (!a) return fail(e, NO_MEMORY, "out of memory"), NULL;
	a->version = v;
	if (!write_bytecode(k->module, v, &a->bytes)) {
		buf_free(&a->bytes);
		free(a);
		return NULL;
	}
	a->next = k->artifact;
	return k->artifact = a;
}

/* Under the lock. */
static const Artifact *artifact(Method *k, const char *target, Err *e)
{
	Version v;
	if (!want_module(k, e) || !wanted_version(k, target, &v, e)) return NULL;      /* its version may tell the module's */
	for (const Artifact *a = k->artifact; a; a = a->next)
		if (!version_cmp(a->version, v)) return a;
	return write_artifact(k, v, e);
}

/* The bytes that were saved, when they are for that version. */
static const void *saved_bytecode(const Method *k, const char *target, size_t *n)
{
	if (!k->saved || !k->saved->bytecode || k->changed || (target && strcmp(target, k->version) != 0)) return NULL;
	if (n) *n = k->saved->bytecode_nbytes;
	return k->saved->bytecode;
}

const void *tshlo_bytecode(tshlo_model *m, const char *method, const char *target, size_t *n, tshlo_error *e)
{
	ERR(e, NULL);
	Method *k = model_method(m, method, err);
	if (!k) return NULL;
	const void *saved = saved_bytecode(k, target, n);
	if (saved) return saved;
	pthread_mutex_lock(&m->lock);
	const Artifact *a = artifact(k, target, err);
	pthread_mutex_unlock(&m->lock);
	if (a && n) *n = a->bytes.n;
	return a ? a->bytes.p : NULL;
}

const char *tshlo_bytecode_version(tshlo_model *m, const char *method, tshlo_error *e)
{
	ERR(e, NULL);
	const Method *k = model_method(m, method, err);
	return k ? k->version : NULL;
}

/* Under the lock. */
static bool strip(Method *k, Err *e)
{
	if (k->refusal) return k->options.locations = LOCS_NONE, true;
	if (!want_module(k, e)) return false;
	drop_locations(k->module);
	forget_output(k);
	k->options.locations = LOCS_NONE;
	k->changed = true;
	return true;
}

bool tshlo_strip_locations(tshlo_model *m, tshlo_error *e)
{
	ERR(e, false);
	if (!m) return false;
	pthread_mutex_lock(&m->lock);
	for (int i = 0; i < m->nmethod && !err->code; i++) strip(&m->method[i], err);
	pthread_mutex_unlock(&m->lock);
	return !err->code;
}
