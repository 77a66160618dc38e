/* Names of outputs: the keys and fields of the model's own structure. */
#include "api/api.h"

#include <string.h>

#include "bundle/nest.h"

const char **output_names(Arena *a, const char *spec, int nuser)
{
	int nleaf = 0;
	const Nest *n = spec && *spec ? nest_read(a, spec, &nleaf) : NULL;
	return n && nleaf == nuser ? nest_names(a, n, nleaf) : NULL;
}

static bool is_user(const tshlo_value_info *v) { return v->output == TSHLO_OUTPUT_USER || v->output == TSHLO_OUTPUT_LOSS; }

void name_outputs(Arena *a, Method *k)
{
	int nuser = k->nfixed_out;
	for (int i = 0; i < k->nout; i++) nuser += is_user(&k->out[i]);
	const char **name = output_names(a, k->out_spec, nuser);
	for (int i = 0; name && i < k->nout; i++) {
		int at = k->out[i].position;
		if (is_user(&k->out[i]) && at >= 0 && at < nuser) k->out[i].name = name[at];
	}
	for (int i = 0; name && i < k->nfixed_out; i++)
		if (k->fixed_out[i].position >= 0 && k->fixed_out[i].position < nuser) k->fixed_out[i].name = name[k->fixed_out[i].position];
}
