/* Models as TensorFlow SavedModels. */
#include "api/api.h"
#include "savedmodel/savedmodel.h"
#include "stablehlo/composite.h"

#include <stdlib.h>
#include <string.h>

static const tshlo_saved_model_options defaults;

static SignatureOptions signature_options(const tshlo_signature *s)
{
	return (SignatureOptions){ .method = s->method, .key = s->key, .alias = s->alias,
		.input = s->input_names, .ninput = s->ninput_names, .output = s->output_names, .noutput = s->noutput_names };
}

/* -- more than one platform ------------------------------------------------------------------------------ */

/* TensorFlow gives a module that names several platforms the number of the one it runs on, as a first
 * argument. Ours do the same everywhere, so @main passes over it: main(platform, ...) = program(...). The
 * module itself is shared, and only read; w is a copy that has its own list of functions. */
static int main_of(const Module *m)
{
	for (int i = 0; i < m->func.n; i++)
		if (!strcmp(m->func.v[i]->name, "main")) return i;
	return 0;
}

/* "program", or that with a number, which no function of the module is called. */
static const char *free_name(Arena *a, const Module *m)
{
	const char *name = "program";
	for (int i = 0, n = 1; i < m->func.n; i++) {
		if (strcmp(m->func.v[i]->name, name) != 0) continue;
		name = arena_printf(a, "program_%d", n++);
		i = -1;
	}
	return name;
}

static bool add_main(Module *w, const Module *shared)
{
	int at = main_of(shared);
	if (!shared->func.n) return fail(w->err, BAD_INPUT, "the module has no function");
	Func *program = COPY(&w->arena, Func, shared->func.v[at], 1), *main;
	program->name = free_name(&w->arena, shared);
	program->is_private = true;
	program->is_public = false;
	for (int i = 0; i < shared->func.n; i++) *push(&w->arena, &w->func) = i == at ? program : shared->func.v[i];
	main = func_new(w, "main");
	func_arg(w, main, scalar_type(DTYPE_i32), "platform");
	Value *in = NEW(&w->arena, Value, program->narg + 1), *out = NEW(&w->arena, Value, program->nres + 1);
	for (int i = 0; i < program->narg; i++) in[i] = func_arg(w, main, program->arg_type[i], program->arg_name[i]);
	Builder b = builder(w, main);
	Attr callee = { .set = true, .str = program->name };
	Op *call = emit_op(&b, OP_call, program->nres, program->res_type, program->narg, in, &callee, 0, NULL);
	for (int i = 0; call && i < program->nres; i++) out[i] = call->out + (Value)i;
	func_return(&b, program->nres, out);
	return !w->err->code;
}

static bool guarded_platforms(Module *w, const Module *shared, Version v, Buf *out)
{
	GUARD(&w->arena, w->err, return false);
	return add_main(w, shared) && write_bytecode(w, v, out);
}

static bool platform_bytecode(tshlo_model *m, Method *k, const char *target, Buf *out, Err *e)
{
	Version v;
	const Module *shared = method_module(m, k, e);
	if (!shared || !wanted_version(k, target, &v, e)) return false;
	Module w = *shared;
	w.arena = (Arena){ 0 };
	w.err = e;
	w.func.n = w.func.cap = 0;
	w.func.v = NULL;
	w.value.cap = w.value.n;                /* to add one is to move them */
	bool ok = guarded_platforms(&w, shared, v, out);
	arena_free(&w.arena);
	return ok;
}

/* -- composites of unknown sizes ------------------------------------------------------------------------- */

static bool guarded_inlined(Module *w, const BundleFunction *f, Version v, Buf *out)
{
	GUARD(&w->arena, w->err, return false);
	return read_bytecode(w, f->bytecode, f->bytecode_nbytes) && verify(w) && inline_composites(w) && write_bytecode(w, v, out);
}

/* TensorFlow makes the module static for the sizes of a call, and what does that passes over composites. */
static bool inlined_bytecode(const Method *k, const BundleFunction *f, const char *target, Buf *out, Err *e)
{
	Version v;
	Module *w = calloc(1, sizeof *w);
	if (!w) return fail(e, NO_MEMORY, "out of memory");
	w->err = e;
	bool ok = wanted_version(k, target, &v, e) && guarded_inlined(w, f, v, out);
	module_free(w);
	free(w);
	return ok;
}

/* -- saving ---------------------------------------------------------------------------------------------- */

/* Owns what is made for this call; free with job_free(). */
typedef struct Job {
	Arena a;
	int nmodule;
	Buf *module;
} Job;

static void replace(BundleFunction *f, const Buf *b)
{
	f->bytecode = b->p;
	f->bytecode_nbytes = b->n;
}

/* The modules that TensorFlow wants otherwise than they are. */
static bool for_tensorflow(tshlo_model *m, Job *j, const tshlo_saved_model_options *o, BundleParts *parts, Err *e)
{
	BundleFunction *f = COPY(&j->a, BundleFunction, parts->function, m->nmethod);
	j->module = NEW(&j->a, Buf, 2 * m->nmethod);
	parts->function = f;
	for (int i = 0; i < m->nmethod; i++) {
		Method *k = &m->method[i];
		if (o->nplatforms > 1) {
			Buf *b = &j->module[j->nmodule++];
			if (!platform_bytecode(m, k, o->target, b, e)) return false;
			replace(&f[i], b);
		}
		const Module *mod = k->dynamic ? method_module(m, k, e) : NULL;
		if (k->dynamic && !mod) return false;
		if (mod && has_composites(mod)) {
			Buf *b = &j->module[j->nmodule++];
			if (!inlined_bytecode(k, &f[i], o->target, b, e)) return false;
			replace(&f[i], b);
		}
	}
	return true;
}

static bool save(tshlo_model *m, Job *j, const char *dir, const tshlo_saved_model_options *o, Err *e)
{
	GUARD(&j->a, e, return false);
	SignatureOptions *sig = NEW(&j->a, SignatureOptions, o->nsignatures + 1);
	SavedModelOptions opt = { .signature = sig, .nsignature = o->nsignatures, .platform = o->platforms,
		.nplatform = o->nplatforms, .inline_nbytes = o->inline_nbytes, .warmup = o->warmup };
	tshlo_save_options parts_opt = { .target = o->target, .skip_text = true };
	BundleParts parts;
	for (int i = 0; i < o->nsignatures; i++) sig[i] = signature_options(&o->signatures[i]);
	return model_parts(m, &j->a, &parts_opt, &parts, e)
	    && for_tensorflow(m, j, o, &parts, e)
	    && savedmodel_save(dir, &parts, &opt, e);
}

static void job_free(Job *j)
{
	for (int i = 0; i < j->nmodule; i++) buf_free(&j->module[i]);
	arena_free(&j->a);
}

bool tshlo_save_saved_model(tshlo_model *m, const char *dir, const tshlo_saved_model_options *opt, tshlo_error *e)
{
	ERR(e, false);
	if (!m || !given(dir, "directory", err)) return false;
	Job j = { 0 };
	bool ok = save(m, &j, dir, opt ? opt : &defaults, err);
	job_free(&j);
	return ok;
}
