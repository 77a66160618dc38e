/* Models to and from the StableHLO directory. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

/* -- saving ---------------------------------------------------------------------------------------------- */

/* As torch_xla has it: the sizes it was traced with, and which of them may be others. */
static Signature signature_of(Arena *a, const tshlo_value_info *v, const int64_t *traced)
{
	Signature s = { .dtype = (DType)v->type.dtype, .rank = v->type.rank, .dim = traced ? traced : v->type.dims };
	int *which = traced ? NEW(a, int, s.rank) : NULL;
	for (int i = 0; traced && i < s.rank; i++)
		if (v->type.dims[i] < 0) which[s.ndynamic++] = i;
	s.dynamic_dim = which;
	return s;
}

static Location location_of(const tshlo_value_info *v)
{
	switch (v->input) {
	case TSHLO_INPUT_USER:            return (Location){ LOCATION_INPUT_ARG, v->position, NULL };
	case TSHLO_INPUT_CONSTANT_TENSOR: return (Location){ LOCATION_CONSTANT, v->position, NULL };
	default:                          return (Location){ LOCATION_PARAMETER, -1, v->name };
	}
}

static Result result_of(const tshlo_value_info *v)
{
	switch (v->output) {
	case TSHLO_OUTPUT_BUFFER_MUTATION:
	case TSHLO_OUTPUT_PARAMETER_MUTATION:  return (Result){ RESULT_BUFFER_MUTATION, v->name };
	case TSHLO_OUTPUT_USER_INPUT_MUTATION: return (Result){ RESULT_INPUT_MUTATION, v->name };
	case TSHLO_OUTPUT_LOSS:                return (Result){ RESULT_LOSS, NULL };
	case TSHLO_OUTPUT_GRAD_TO_PARAMETER:   return (Result){ RESULT_PARAMETER_GRADIENT, v->name };
	case TSHLO_OUTPUT_GRAD_TO_USER_INPUT:  return (Result){ RESULT_INPUT_GRADIENT, v->name };
	default: return (Result){ RESULT_USER, NULL };
	}
}

static void fill_meta(Arena *a, const Method *k, FunctionMeta *meta)
{
	Signature *in = NEW(a, Signature, k->nin + 1), *out = NEW(a, Signature, k->nout + 1);
	Location *where = NEW(a, Location, k->nin + 1);
	Result *result = NEW(a, Result, k->nout + 1);
	bool plain = true;
	for (int i = 0; i < k->nin; i++) {
		in[i] = signature_of(a, &k->in[i], k->in_traced[i]);
		where[i] = location_of(&k->in[i]);
	}
	for (int i = 0; i < k->nout; i++) {
		out[i] = signature_of(a, &k->out[i], k->out_traced[i]);
		result[i] = result_of(&k->out[i]);
		plain = plain && result[i].kind == RESULT_USER;
	}
	*meta = (FunctionMeta){ .name = k->name, .ninput = k->nin, .input_signature = in, .input_location = where,
		.noutput = k->nout, .output_signature = out, .result = plain ? NULL : result,
		.nuser_name = k->nuser_name, .user_name = k->user_name,
		.input_pytree_spec = *k->in_spec ? k->in_spec : NULL,
		.output_pytree_spec = *k->out_spec ? k->out_spec : NULL };
	fixed_to_meta(a, k, meta);
}

static bool fill_function(tshlo_model *m, Arena *a, Method *k, const tshlo_save_options *opt,
	BundleFunction *f, Err *e)
{
	const char *target = opt ? opt->target : NULL;
	if (k->saved) *f = *k->saved;
	else fill_meta(a, k, &f->meta);
	f->bytecode = tshlo_bytecode(m, k->name, target, &f->bytecode_nbytes, (tshlo_error *)e);
	if (!f->bytecode) return false;
	if (target || !k->saved) f->meta.stablehlo_version = target ? target : k->version;
	if ((k->saved && m->bundle && !(k->changed && k->saved->text)) || (opt && opt->skip_text)) return true;
	f->text = (const uint8_t *)tshlo_text(m, k->name, &f->text_nbytes, (tshlo_error *)e);
	return f->text != NULL;
}

static BundleTensor bundle_tensor(Arena *a, const Program *p, const Tensor *t)
{
	const uint8_t *start = tensor_start(t);
	bool mapped = start >= p->file.p && start < p->file.p + p->file.n;
	return (BundleTensor){ .mapped = mapped, .name = arena_str(a, t->name, strlen(t->name)), .array = {
		.dtype = t->dtype, .rank = t->rank, .dim = t->dim, .stride = tensor_is_contiguous(t) ? NULL : t->stride, .data = start,
		.nbytes = start ? t->nbytes - (size_t)(start - t->storage) : 0 } };
}

/* Every parameter and buffer of the program, as state_dict() has them, used or not; constants by their
 * number. */
void model_state(tshlo_model *m)
{
	const Program *p = m->program;
	Arena *a = &m->arena;
	BundleTensor *data = NEW(a, BundleTensor, p->ninput + 1),
		*constants = NEW(a, BundleTensor, p->ninput + 1);
	Map seen = { a, 0, 0, 0 };
	for (int i = 0; i < p->ninput; i++) {
		const Input *in = &p->input[i];
		const Tensor *t = in->target ? program_tensor(p, in->target) : NULL;
		bool state = in->kind == INPUT_PARAMETER || in->kind == INPUT_BUFFER;
		if (!state || !t || map_set(&seen, in->target, strlen(in->target), i) >= 0) continue;
		data[m->nstate++] = bundle_tensor(a, p, t);
	}
	const Method *k = &m->method[0];
	for (int i = 0; i < k->nin; i++)
		if (k->in[i].input == TSHLO_INPUT_CONSTANT_TENSOR)
			constants[m->nconstant++] = bundle_tensor(a, p, &k->weight[i]->tensor);
	m->state = data;
	m->constant = constants;
}

bool model_parts(tshlo_model *m, Arena *a, const tshlo_save_options *opt, BundleParts *out, Err *e)
{
	BundleFunction *f = NEW(a, BundleFunction, m->nmethod + 1);
	*out = (BundleParts){ .nfunction = m->nmethod, .function = f, .ntensor = m->nstate, .tensor = m->state,
		.nconstant = m->nconstant, .constant = m->constant,
		.skip_text = opt && opt->skip_text, .skip_weights = opt && opt->skip_weights,
		.safetensors = opt && opt->safetensors };
	if (opt && opt->no_weights) out->ntensor = 0;
	for (int i = 0; i < m->nmethod; i++)
		if (!fill_function(m, a, &m->method[i], opt, &f[i], e)) return false;
	return true;
}

static bool guarded_save(tshlo_model *m, Arena *a, const char *dir, const tshlo_save_options *opt, Err *e)
{
	GUARD(a, e, return false);
	BundleParts parts;
	return model_parts(m, a, opt, &parts, e) && bundle_save(dir, &parts, e);
}

bool tshlo_save(tshlo_model *m, const char *dir, const tshlo_save_options *opt, tshlo_error *e)
{
	ERR(e, false);
	if (!m || !given(dir, "directory", err)) return false;
	Arena a = { 0 };
	bool ok = guarded_save(m, &a, dir, opt, err);
	arena_free(&a);
	return ok;
}

/* -- loading --------------------------------------------------------------------------------------------- */

static const int64_t *row_major(Arena *a, int rank, const int64_t *dim)
{
	int64_t *s = NEW(a, int64_t, rank + 1), n = 1;
	for (int i = rank; i-- > 0; n *= dim[i]) s[i] = n;
	return s;
}

static Weight *load_weight(tshlo_model *m, const BundleTensor *t, DType dtype)
{
	Weight *w = NEW(&m->arena, Weight, 1);
	const NpyArray *x = &t->array;
	w->tensor = (Tensor){ .name = t->name ? t->name : "constant", .dtype = dtype, .rank = x->rank,
		.dim = x->dim, .stride = x->stride ? x->stride : row_major(&m->arena, x->rank, x->dim),
		.storage = x->data, .nbytes = x->nbytes };
	*push(&m->arena, &m->weight) = w;
	return w;
}

static tshlo_value_info info_of(tshlo_model *m, const Signature *s)
{
	int64_t *dim = NEW(&m->arena, int64_t, s->rank + 1);
	size_t n = dtype_nbytes(s->dtype);
	for (int i = 0; i < s->rank; i++) {
		dim[i] = signature_dim(s, i);
		n *= (size_t)(dim[i] < 0 ? 0 : dim[i]);
	}
	return (tshlo_value_info){ .type = { (int)s->dtype, s->rank, dim, NULL }, .nbytes = n, .name = "",
		.position = -1 };
}

static const char *user_name(const FunctionMeta *f, int position)
{
	return position >= 0 && position < f->nuser_name ? f->user_name[position] : "";
}

static void load_input(tshlo_model *m, Method *k, const BundleFunction *f, int i)
{
	const Location *at = &f->meta.input_location[i];
	tshlo_value_info *v = &k->in[i];
	*v = info_of(m, &f->meta.input_signature[i]);
	v->position = at->position;
	if (at->kind == LOCATION_INPUT_ARG) {
		v->input = TSHLO_INPUT_USER;
		v->name = user_name(&f->meta, at->position);
		k->nuser++;
		return;
	}
	v->input = at->kind == LOCATION_PARAMETER ? TSHLO_INPUT_PARAMETER : TSHLO_INPUT_CONSTANT_TENSOR;
	v->name = at->name ? at->name : "";
	const BundleTensor *t = bundle_argument(m->bundle, f, i);
	if (!t) return;
	k->weight[i] = load_weight(m, t, f->meta.input_signature[i].dtype);
	if (tensor_is_contiguous(&k->weight[i]->tensor)) v->type.data = t->array.data;
}

static const tshlo_output_kind output_kind[] = {
	[RESULT_USER] = TSHLO_OUTPUT_USER, [RESULT_BUFFER_MUTATION] = TSHLO_OUTPUT_BUFFER_MUTATION,
	[RESULT_INPUT_MUTATION] = TSHLO_OUTPUT_USER_INPUT_MUTATION, [RESULT_LOSS] = TSHLO_OUTPUT_LOSS,
	[RESULT_PARAMETER_GRADIENT] = TSHLO_OUTPUT_GRAD_TO_PARAMETER, [RESULT_INPUT_GRADIENT] = TSHLO_OUTPUT_GRAD_TO_USER_INPUT,
};

static void load_output(tshlo_model *m, Method *k, const FunctionMeta *f, int i)
{
	tshlo_value_info *v = &k->out[i];
	*v = info_of(m, &f->output_signature[i]);
	v->output = output_kind[f->result ? f->result[i].kind : RESULT_USER];
	v->name = f->result && f->result[i].target ? f->result[i].target : "";
}

/* Results of the user's stand, in order, where no baked-in value does. */
static void place_outputs(Arena *a, Method *k, const FunctionMeta *f)
{
	int most = f->noutput + f->nfixed_output, at = 0;
	bool *taken = NEW(a, bool, most + 1);
	for (int i = 0; i < f->nfixed_output; i++)
		if (f->fixed_output[i].position < most) taken[f->fixed_output[i].position] = true;
	for (int i = 0; i < k->nout; i++) {
		if (k->out[i].output != TSHLO_OUTPUT_USER && k->out[i].output != TSHLO_OUTPUT_LOSS) continue;
		while (taken[at]) at++;
		k->out[i].position = at++;
	}
}

void load_method(tshlo_model *m, Method *k, const BundleFunction *f)
{
	Arena *a = &m->arena;
	const FunctionMeta *meta = &f->meta;
	*k = (Method){ .name = meta->name, .saved = f,
		.version = meta->stablehlo_version ? meta->stablehlo_version : "",
		.nin = meta->ninput, .nout = meta->noutput, .nunused = meta->nunused,
		.in = NEW(a, tshlo_value_info, meta->ninput + 1), .out = NEW(a, tshlo_value_info, meta->noutput + 1),
		.unused = NEW(a, tshlo_value_info, meta->nunused + 1), .weight = NEW(a, Weight *, meta->ninput + 1), .in_size = NEW(a, int64_t, meta->ninput + 1),
		.in_spec = meta->input_pytree_spec ? meta->input_pytree_spec : "",
		.out_spec = meta->output_pytree_spec ? meta->output_pytree_spec : "" };
	for (int i = 0; i < k->nin; i++) load_input(m, k, f, i);
	for (int i = 0; i < k->nin; i++)
		for (int d = 0; d < k->in[i].type.rank; d++) k->dynamic |= k->in[i].input == TSHLO_INPUT_USER && k->in[i].type.dims[d] < 0;
	for (int i = 0; i < k->nout; i++) load_output(m, k, meta, i);
	place_outputs(a, k, meta);
	for (int i = 0; i < k->nunused; i++) {
		k->unused[i] = info_of(m, &meta->unused_input[i].signature);
		k->unused[i].position = meta->unused_input[i].location.position;
	}
	k->nuser_name = meta->nuser_name;
	fixed_from_meta(a, k, meta);
	name_outputs(a, k);
}

static bool load(tshlo_model *m, Err *e)
{
	GUARD(&m->arena, e, return false);
	const BundleParts *parts = &m->bundle->parts;
	m->method = NEW(&m->arena, Method, parts->nfunction + 1);
	for (int i = 0; i < parts->nfunction; i++) load_method(m, &m->method[i], &parts->function[i]);
	m->nmethod = parts->nfunction;
	m->nstate = parts->ntensor;
	m->state = parts->tensor;
	m->nconstant = parts->nconstant;
	m->constant = parts->constant;
	return true;
}

tshlo_model *tshlo_load(const char *path, tshlo_error *e)
{
	ERR(e, NULL);
	tshlo_model *m = given(path, "directory or file", err) ? model_new(err) : NULL;
	if (!m) return NULL;
	bool file = !strcmp(path, "-") || (file_exists(path) && !is_dir(path));
	if (!file) m->bundle = bundle_load(path, err);
	if (file ? load_file(m, path, err) : m->bundle && load(m, err)) return m;
	tshlo_model_free(m);
	return NULL;
}
