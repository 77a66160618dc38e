/* One replica and one partition: ids, and collectives among that one. */
#include "reference/internal.h"

bool eval_device_id(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	(void)in;
	return (out[0] = result(v, op, 0, 0, NULL)) != NULL;
}

/* Whether all devices that the attribute names are device 0; -1 is nobody. */
static bool names_only_one(const Dense *d)
{
	int64_t n = d ? type_numel(d->type) : 0;
	for (int64_t i = 0; i < (d && d->splat ? n > 0 : n); i++) {
		int64_t id = dtype_load_int(d->type.elem, (const uint8_t *)d->data + (size_t)i * dtype_nbytes(d->type.elem));
		if (id > 0) return false;
	}
	return true;
}

static bool others(Eval *v, const Op *op) { return eval_fail(v, op, UNSUPPORTED, "it is among several devices, and the reference evaluator is one"); }

/* Of a group of one everybody gets what he has. */
bool eval_alone(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	if (!names_only_one(attr(op, "replica_groups")->dense)) return others(v, op);
	for (int i = 0; i < op->nout && i < op->nin; i++) {
		if (!(out[i] = result_like(v, op, i, in[i]))) return false;
		convert_elements(in[i]->type.elem, in[i]->data, out[i]->type.elem, out[i]->data, (size_t)in[i]->n);
	}
	return true;
}

/* Zeros where nobody sends. */
bool eval_collective_permute(Eval *v, const Op *op, Tensor *const *in, Tensor **out)
{
	const Dense *pairs = attr(op, "source_target_pairs")->dense;
	if (!names_only_one(pairs)) return others(v, op);
	if (!(out[0] = result_like(v, op, 0, in[0]))) return false;
	if (pairs && type_numel(pairs->type)) memcpy(out[0]->data, in[0]->data, (size_t)in[0]->n * in[0]->each);
	return true;
}
