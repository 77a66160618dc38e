/* Models: converted from a program or loaded from a directory, and what can be asked of them. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

tshlo_model *model_new(Err *e)
{
	tshlo_model *m = calloc(1, sizeof *m);
	if (!m) return fail(e, NO_MEMORY, "out of memory"), NULL;
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void method_free(Method *k)
{
	if (k->module) module_free(k->module);
	free(k->module);
	buf_free(&k->text);
	for (int i = 0; i < k->nartifact; i++) buf_free(&k->artifact[i].bytes);
}

void tshlo_model_free(tshlo_model *m)
{
	if (!m) return;
	for (int i = 0; i < m->nmethod; i++) method_free(&m->method[i]);
	for (int i = 0; i < m->weight.n; i++) free(m->weight.v[i]->packed);
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

/* -- asking ---------------------------------------------------------------------------------------------------------------- */

static const Method *ask(const tshlo_model *m, const char *name)
{
	Err ignored = { 0 };
	const Method *k = model_method(m, name, &ignored);
	err_clear(&ignored);
	return k;
}

int tshlo_nmethods(const tshlo_model *m) { return m ? m->nmethod : 0; }
const char *tshlo_method(const tshlo_model *m, int i) { return m && i >= 0 && i < m->nmethod ? m->method[i].name : NULL; }

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
	*out = (tshlo_state){ .name = i < m->nstate ? t->name : NULL, .type = { (int)x->dtype, x->rank, x->dim, x->data },
		.strides = x->stride, .itemsize = x->itemsize ? x->itemsize : dtype_nbytes(x->dtype) };
	return true;
}

/* -- weights ---------------------------------------------------------------------------------------------------------------- */

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
	if (tensor_is_contiguous(t)) return t->storage + (size_t)t->offset * dtype_nbytes(t->dtype);
	pthread_mutex_lock(&m->lock);
	const void *p = w->packed ? w->packed : pack(w, e);
	pthread_mutex_unlock(&m->lock);
	return p;
}

/* -- text and bytecode ---------------------------------------------------------------------------------------------------------- */

static bool make_text(Method *k, Err *e)
{
	if (k->text.n) return true;
	if (!k->module) return fail(e, UNSUPPORTED, "this model was saved without text; reading bytecode back is not supported yet");
	k->module->err = e;
	if (!print_module(k->module, &k->text)) return false;
	put_byte(&k->text, 0);
	return !k->text.failed || fail(e, NO_MEMORY, "out of memory for the text of the module");
}

const char *tshlo_text(tshlo_model *m, const char *method, size_t *n, tshlo_error *e)
{
	Method *k = model_method(m, method, err_of(e));
	if (!k) return NULL;
	if (k->saved && k->saved->text && !k->text.n) {
		pthread_mutex_lock(&m->lock);
		if (!k->text.n) {
			put(&k->text, k->saved->text, k->saved->text_nbytes);
			put_byte(&k->text, 0);
		}
		pthread_mutex_unlock(&m->lock);
	}
	pthread_mutex_lock(&m->lock);
	bool ok = make_text(k, err_of(e));
	pthread_mutex_unlock(&m->lock);
	if (!ok) return NULL;
	if (n) *n = k->text.n - 1;
	return (const char *)k->text.p;
}

/* The oldest version that can express the module, but not below 1.0.0: StableHLO's promise of compatibility starts there. */
static Version default_version(const Method *k)
{
	static const Version first = { 1, 0, 0 };
	Version v = version_needed(k->module);
	return version_cmp(v, first) < 0 ? first : v;
}

static bool wanted_version(const Method *k, const char *target, Version *v, Err *e)
{
	if (!target) return *v = default_version(k), true;
	return version_parse(target, v) || fail(e, BAD_INPUT, "'%s' is no StableHLO version, wanted one like 1.9.0", target);
}

const Artifact *method_artifact(tshlo_model *m, Method *k, const char *target, Err *e)
{
	Version v;
	(void)m;
	if (!wanted_version(k, target, &v, e)) return NULL;
	for (int i = 0; i < k->nartifact; i++)
		if (!version_cmp(k->artifact[i].version, v)) return &k->artifact[i];
	int room = (int)(sizeof k->artifact / sizeof *k->artifact);
	if (k->nartifact == room) return fail(e, UNSUPPORTED, "more than %d versions of one module were asked for", room), NULL;
	Artifact a = { .version = v };
	k->module->err = e;
	if (!write_bytecode(k->module, v, &a.bytes) || a.bytes.failed) {
		if (a.bytes.failed) fail(e, NO_MEMORY, "out of memory for the bytecode");
		buf_free(&a.bytes);
		return NULL;
	}
	k->artifact[k->nartifact] = a;
	return &k->artifact[k->nartifact++];
}

static const void *saved_bytecode(const Method *k, const char *target, size_t *n, Err *e)
{
	if (!k->saved->bytecode)
		return fail(e, UNSUPPORTED, "this model was saved without bytecode; reading text back is not supported yet"), NULL;
	if (target && strcmp(target, k->saved->meta.stablehlo_version))
		return fail(e, UNSUPPORTED, "this model was saved as StableHLO %s; writing it as %s is not supported yet",
			k->saved->meta.stablehlo_version, target), NULL;
	if (n) *n = k->saved->bytecode_nbytes;
	return k->saved->bytecode;
}

const void *tshlo_bytecode(tshlo_model *m, const char *method, const char *target, size_t *n, tshlo_error *e)
{
	Method *k = model_method(m, method, err_of(e));
	if (!k) return NULL;
	if (k->saved) return saved_bytecode(k, target, n, err_of(e));
	pthread_mutex_lock(&m->lock);
	const Artifact *a = method_artifact(m, k, target, err_of(e));
	pthread_mutex_unlock(&m->lock);
	if (a && n) *n = a->bytes.n;
	return a ? a->bytes.p : NULL;
}

static const char *version_text(tshlo_model *m, Version v, Err *e)
{
	GUARD(&m->arena, e, return NULL);
	return arena_printf(&m->arena, "%d.%d.%d", v.major, v.minor, v.patch);
}

const char *tshlo_bytecode_version(tshlo_model *m, const char *method, tshlo_error *e)
{
	Method *k = model_method(m, method, err_of(e));
	if (!k) return NULL;
	if (k->saved) return k->saved->meta.stablehlo_version;
	Version v = default_version(k);
	pthread_mutex_lock(&m->lock);
	const char *s = version_text(m, v, err_of(e));
	pthread_mutex_unlock(&m->lock);
	return s;
}
