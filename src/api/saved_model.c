/* Models as TensorFlow SavedModels. */
#include "api/api.h"

#include "savedmodel/savedmodel.h"

static const tshlo_saved_model_options defaults;

static SignatureOptions signature_options(const tshlo_signature *s)
{
	return (SignatureOptions){ .method = s->method, .key = s->key, .alias = s->alias,
		.input = s->input_names, .ninput = s->ninput_names, .output = s->output_names, .noutput = s->noutput_names };
}

static bool save(tshlo_model *m, Arena *a, const char *dir, const tshlo_saved_model_options *o, Err *e)
{
	GUARD(a, e, return false);
	SignatureOptions *sig = NEW(a, SignatureOptions, o->nsignatures + 1);
	SavedModelOptions opt = { .signature = sig, .nsignature = o->nsignatures, .platform = o->platforms,
		.nplatform = o->nplatforms, .inline_nbytes = o->inline_nbytes, .warmup = o->warmup };
	tshlo_save_options parts_opt = { .target = o->target, .skip_text = true };
	BundleParts parts;
	for (int i = 0; i < o->nsignatures; i++) sig[i] = signature_options(&o->signatures[i]);
	return model_parts(m, a, &parts_opt, &parts, e) && savedmodel_save(dir, &parts, &opt, e);
}

bool tshlo_save_saved_model(tshlo_model *m, const char *dir, const tshlo_saved_model_options *opt, tshlo_error *e)
{
	ERR(e, false);
	if (!m || !given(dir, "directory", err)) return false;
	Arena a = { 0 };
	bool ok = save(m, &a, dir, opt ? opt : &defaults, err);
	arena_free(&a);
	return ok;
}
