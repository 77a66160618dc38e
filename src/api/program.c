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
