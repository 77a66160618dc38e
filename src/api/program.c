/* Programs from files, and what can be asked of them. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "pt2/pt2.h"

tshlo_program *tshlo_program_open(const char *path, tshlo_error *e)
{
	tshlo_program *p = calloc(1, sizeof *p);
	if (!p) return fail(err_of(e), NO_MEMORY, "out of memory"), NULL;
	p->program = pt2_open(path, err_of(e));
	if (p->program) return p;
	free(p);
	return NULL;
}

bool tshlo_program_op(const tshlo_program *p, int i, const char **name, int *count)
{
	const Graph *g = p ? p->program->graph : NULL;
	int seen = 0;
	for (int k = 0; g && k < g->node.n; k++) {
		int n = 0;
		for (int j = 0; j < g->node.n; j++) {
			if (strcmp(g->node.v[j].target, g->node.v[k].target)) continue;
			if (j < k) { n = 0; break; }
			n++;
		}
		if (!n || seen++ != i) continue;
		*name = g->node.v[k].target;
		*count = n;
		return true;
	}
	return false;
}

const char *tshlo_program_torch_version(const tshlo_program *p)
{
	return p && p->program->torch_version ? p->program->torch_version : "";
}

/* -- the signature ------------------------------------------------------------------------------------------------------------ */

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
	for (int k = 0; k < i; k++) user += p->program->input[k].kind == INPUT_USER || p->program->input[k].kind == INPUT_CONSTANT;
	bool is_user = in->kind == INPUT_USER || in->kind == INPUT_CONSTANT;
	const char *name = is_user || !in->target ? in->name : in->target;
	*out = (tshlo_value_info){ .input = (tshlo_input_kind)in->kind, .name = name ? name : "", .position = is_user ? user : -1 };
	describe(p->program, &in->arg, out);
	return true;
}

bool tshlo_program_output(const tshlo_program *p, int i, tshlo_value_info *out)
{
	if (!p || i < 0 || i >= p->program->noutput) return false;
	const Output *o = &p->program->output[i];
	*out = (tshlo_value_info){ .output = (tshlo_output_kind)o->kind, .name = o->target ? o->target : "", .position = -1 };
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
		size_t each = dtype_nbytes(t->dtype);
		out[i] = (tshlo_tensor){ (int)t->dtype, t->rank, t->dim, t->storage ? t->storage + (size_t)t->offset * each : NULL };
		if (tensor_is_contiguous(t)) continue;
		void *packed = NEW(&p->arena, char, (size_t)tensor_numel(t) * each + 1);
		tensor_pack(t, packed);
		out[i].data = packed;
	}
	return p->nsample;
}

int tshlo_program_samples(tshlo_program *p, tshlo_tensor *samples, tshlo_error *e)
{
	if (!p || !pt2_samples(p->program, err_of(e))) return -1;
	GUARD(&p->program->arena, err_of(e), return -1);
	return give_samples(p->program, samples);
}
