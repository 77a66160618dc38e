/* Programs from files, and what can be asked of them. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "pt2/pt2.h"

static bool is_user_output(const Program *p, int i) { return p->output[i].kind == OUTPUT_USER || p->output[i].kind == OUTPUT_LOSS; }

/* By the place in program->output. */
static bool name_program_outputs(tshlo_program *p, Err *e)
{
	Program *g = p->program;
	GUARD(&g->arena, e, return false);
	int nuser = 0;
	for (int i = 0; i < g->noutput; i++) nuser += is_user_output(g, i);
	const char **user = output_names(&g->arena, g->out_spec, nuser);
	if (!user) return true;
	p->out_name = NEW(&g->arena, const char *, g->noutput + 1);
	for (int i = 0; i < g->noutput; i++) p->out_name[i] = is_user_output(g, i) ? *user++ : "";
	return true;
}

tshlo_program *tshlo_program_open(const char *path, tshlo_error *e)
{
	ERR(e, NULL);
	if (!given(path, "path", err)) return NULL;
	tshlo_program *p = calloc(1, sizeof *p);
	if (!p) return fail(err, NO_MEMORY, "out of memory"), NULL;
	p->program = pt2_open(path, err);
	if (p->program && name_program_outputs(p, err)) return p;
	program_free(p->program);
	free(p);
	return NULL;
}

static bool count_ops(tshlo_program *p, Err *e)
{
	Arena *a = &p->program->arena;
	GUARD(a, e, p->op.n = 0; return false);
	const Graph *g = p->program->graph;
	Map seen = { a, 0, 0, 0 };
	for (int k = 0; k < g->node.n; k++) {
		const char *name = g->node.v[k].target;
		int at = map_get(&seen, name, strlen(name));
		if (at < 0) {
			at = p->op.n;
			map_set(&seen, name, strlen(name), at);
			*push(a, &p->op) = (OpCount){ name, 0 };
		}
		p->op.v[at].count++;
	}
	return true;
}

bool tshlo_program_op(tshlo_program *p, int i, const char **name, int *count)
{
	OWN_ERR(NULL);
	if (!p || i < 0 || (!p->op.n && !count_ops(p, err)) || i >= p->op.n) return false;
	*name = p->op.v[i].name;
	*count = p->op.v[i].count;
	return true;
}

bool tshlo_op_supported(const char *target)
{
	OWN_ERR(NULL);
	Arena a __attribute__((cleanup(arena_free))) = { 0 };
	GUARD(&a, err, return false);
	return target && has_rule(functional_target(&a, target));
}

const char *tshlo_program_torch_version(const tshlo_program *p)
{
	return p && p->program->torch_version ? p->program->torch_version : "";
}

/* -- the signature --------------------------------------------------------------------------------------- */

static void describe(const Program *p, const Arg *x, tshlo_value_info *out)
{
	const GraphValue *v = &p->graph->value.v[x->kind == ARG_VALUE ? x->value : 0];
	if (x->kind != ARG_VALUE || v->kind != VALUE_TENSOR) return;
	size_t n = dtype_nbytes(v->dtype);
	for (int i = 0; i < v->rank; i++)
		if (!IS_STATIC(v->dim[i]) || __builtin_mul_overflow(n, (size_t)v->dim[i], &n)) n = 0;
	out->type = (tshlo_tensor){ (int)v->dtype, v->rank, v->dim, NULL };
	out->nbytes = n;
}

bool tshlo_program_input(const tshlo_program *p, int i, tshlo_value_info *out)
{
	if (!p || i < 0 || i >= p->program->ninput) return false;
	const Input *in = &p->program->input[i];
	int user = 0;
	for (int k = 0; k < i; k++)
		user += p->program->input[k].kind == INPUT_USER || p->program->input[k].kind == INPUT_CONSTANT;
	bool is_user = in->kind == INPUT_USER || in->kind == INPUT_CONSTANT;
	const char *name = is_user || !in->target ? in->name : in->target;
	*out = (tshlo_value_info){ .input = (tshlo_input_kind)in->kind, .name = name ? name : "",
		.position = is_user ? user : -1 };
	describe(p->program, &in->arg, out);
	return true;
}

bool tshlo_program_output(const tshlo_program *p, int i, tshlo_value_info *out)
{
	if (!p || i < 0 || i >= p->program->noutput) return false;
	const Output *o = &p->program->output[i];
	*out = (tshlo_value_info){ .output = (tshlo_output_kind)o->kind, .name = o->target ? o->target : p->out_name ? p->out_name[i] : "",
		.position = -1 };
	describe(p->program, &o->arg, out);
	return true;
}

const char *tshlo_program_size(const tshlo_program *p, int64_t dim)
{
	return p && dim < 0 && ~dim < p->program->sym.n ? p->program->sym.v[~dim].expr : "";
}

/* Dense samples go out where they lie; strided ones are packed. */
static int give_samples(Program *p, tshlo_tensor *out)
{
	for (int i = 0; out && i < p->nsample; i++) {
		const Tensor *t = &p->sample[i];
		out[i] = (tshlo_tensor){ (int)t->dtype, t->rank, t->dim, tensor_start(t) };
		if (!out[i].data || tensor_is_contiguous(t)) continue;
		void *packed = NEW(&p->arena, char, (size_t)tensor_numel(t) * dtype_nbytes(t->dtype));
		tensor_pack(t, packed);
		out[i].data = packed;
	}
	return p->nsample;
}

static int samples_of(Program *p, tshlo_tensor *out, Err *e)
{
	GUARD(&p->arena, e, return -1);
	return give_samples(p, out);
}

int tshlo_program_samples(tshlo_program *p, tshlo_tensor *samples, tshlo_error *e)
{
	ERR(e, -1);
	return p && pt2_samples(p->program, err) ? samples_of(p->program, samples, err) : -1;
}
