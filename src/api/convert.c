/* Program -> model: the pipeline, as a flat list of stages. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

/* -- what the function takes and gives ------------------------------------------------------------------- */

static tshlo_tensor public_type(Type t) { return (tshlo_tensor){ (int)t.elem, t.rank, t.dim, NULL }; }

static size_t nbytes_of(Type t) { return is_static(t) ? (size_t)type_numel(t) * dtype_nbytes(t.elem) : 0; }

/* Parameters and buffers share the state dict; a constant is known by its number. */
static tshlo_input_kind public_kind(InputKind k)
{
	return k == INPUT_BUFFER ? TSHLO_INPUT_PARAMETER : (tshlo_input_kind)k;
}

static Weight *add_weight(tshlo_model *m, const Tensor *t)
{
	Weight *w = NEW(&m->arena, Weight, 1);
	w->tensor = *t;
	*push(&m->arena, &m->weight) = w;
	return w;
}

static void describe_inputs(tshlo_model *m, Method *k, const Lowered *l)
{
	const Func *f = k->module->func.v[0];
	int nconstant = 0;
	k->nin = l->narg;
	k->in = NEW(&m->arena, tshlo_value_info, l->narg + 1);
	k->weight = NEW(&m->arena, Weight *, l->narg + 1);
	for (int i = 0; i < l->narg; i++) {
		const ArgSource *a = &l->arg[i];
		k->in[i] = (tshlo_value_info){ .input = public_kind(a->kind), .type = public_type(f->arg_type[i]),
			.nbytes = nbytes_of(f->arg_type[i]), .position = a->user_position,
			.name = a->kind == INPUT_USER ? a->input->name : a->input->target };
		if (a->kind == INPUT_CONSTANT_TENSOR) k->in[i].position = nconstant++;
		k->nuser += a->kind == INPUT_USER;
		if (!a->tensor) continue;
		k->weight[i] = add_weight(m, a->tensor);
		if (tensor_is_contiguous(a->tensor)) k->in[i].type.data = tensor_start(a->tensor);
	}
}

static tshlo_value_info describe_output(const Program *p, const ResultSource *r, Type t)
{
	return (tshlo_value_info){ .output = (tshlo_output_kind)r->kind, .type = public_type(t), .nbytes = nbytes_of(t),
		.name = r->target ? r->target : "", .position = r->kind == OUTPUT_USER ? user_output(p, r->position) : -1 };
}

static void describe_outputs(tshlo_model *m, Method *k, const Lowered *l)
{
	const Func *f = k->module->func.v[0];
	k->nout = l->nresult;
	k->out = NEW(&m->arena, tshlo_value_info, l->nresult + 1);
	for (int i = 0; i < l->nresult; i++)
		k->out[i] = describe_output(m->program, &l->result[i], f->res_type[i]);
}

/* -- stages ---------------------------------------------------------------------------------------------- */

/* Writes to state come out as results that say what they are the new value of. What belongs to training does not. */
static bool check_outputs(const Program *p, Err *e)
{
	for (int i = 0; i < p->noutput; i++) {
		switch (p->output[i].kind) {
		case OUTPUT_USER: case OUTPUT_BUFFER_MUTATION: case OUTPUT_PARAMETER_MUTATION: case OUTPUT_USER_INPUT_MUTATION: break;
		default: return fail(e, UNSUPPORTED, "output %d of the program is a gradient, a loss or a token, which is not supported", i);
		}
	}
	return true;
}

static bool stages(Program *p, Module *mod, const LowerOptions *opt, Lowered *lowered)
{
	return functionalize(p, mod->err)
	    && check_outputs(p, mod->err)
	    && check_ops(p, opt, mod->err)
	    && lower(p, mod, opt, lowered)
	    && !mod->err->code
	    && verify(mod);
}

/* The oldest version that can express the module, but not below 1.0.0: StableHLO's promise of
 * compatibility starts there. */
static void describe_version(tshlo_model *m, Method *k)
{
	static const Version first = { 1, 0, 0 };
	Version v = version_needed(k->module);
	k->oldest = version_cmp(v, first) < 0 ? first : v;
	k->version = arena_printf(&m->arena, "%d.%d.%d", k->oldest.major, k->oldest.minor, k->oldest.patch);
}

static bool convert(tshlo_model *m, const tshlo_convert_options *opt, Err *e)
{
	Method *k = m->method = NEW(&m->arena, Method, 1);
	m->nmethod = 1;
	const char *name = opt && opt->method ? opt->method : "forward";
	k->name = arena_str(&m->arena, name, strlen(name));
	k->module = calloc(1, sizeof *k->module);
	if (!k->module) return fail(e, NO_MEMORY, "out of memory");
	k->module->err = e;
	k->module->arena.full = m->program->arena.full = m->arena.full;
	LowerOptions lower_opt = { .inline_weights = opt && opt->inline_weights, .ncustom_op = opt ? opt->ncustom_op : 0,
		.custom_op = opt ? opt->custom_op : NULL };
	if (opt) lower_opt.seed = opt->seed, lower_opt.seed_input = opt->seed_input;
	Lowered lowered;
	if (!stages(m->program, k->module, &lower_opt, &lowered)) return false;
	k->in_spec = m->program->in_spec ? m->program->in_spec : "";
	k->out_spec = m->program->out_spec ? m->program->out_spec : "";
	describe_inputs(m, k, &lowered);
	describe_outputs(m, k, &lowered);
	describe_version(m, k);
	model_state(m);
	if (!fixed_of_program(&m->arena, m->program, k, e)) return false;
	if (lower_opt.seed_input) k->user_name[k->nuser_name++] = SEED_NAME;
	return true;
}

static bool guarded(tshlo_model *m, const tshlo_convert_options *opt, Err *e)
{
	GUARD(&m->arena, e, return false);
	return convert(m, opt, e);
}

/* The model only reads these from now on: neither the caller's error nor this call's place to jump to is
 * there for long. */
static void close_arenas(tshlo_model *m)
{
	Module *mod = m->method[0].module;
	mod->err = NULL;
	mod->arena.full = m->program->arena.full = NULL;
}

tshlo_model *tshlo_convert(tshlo_program *p, const tshlo_convert_options *opt, tshlo_error *e)
{
	if (!p) return NULL;
	OWN_ERR(e);
	tshlo_model *m = err->code || !program_finish(p, err) ? NULL : model_new(err);
	if (m) {
		m->program = p->program;
		p->program = NULL;
		if (guarded(m, opt, err)) {
			close_arenas(m);
		} else {
			tshlo_model_free(m);
			m = NULL;
		}
	}
	tshlo_program_free(p);
	return m;
}
