/* Models without a device: the evaluator of src/reference. */
#include "api/api.h"

#include <stdlib.h>

#include "reference/reference.h"

struct tshlo_values {
	Arena arena;
	int n;
	Dense *value;                /* [n] */
};

static bool take(Arena *a, const tshlo_tensor *t, const void *data, Dense *out, Err *e)
{
	out->type = tensor_type(a, (DType)t->dtype, t->rank, t->dims);
	int64_t n = is_static(out->type) ? type_numel(out->type) : INT64_MAX;
	if (n == INT64_MAX || __builtin_mul_overflow((size_t)n, dtype_nbytes((DType)t->dtype), &out->nbytes))
		return fail(e, BAD_INPUT, "an input has no size");
	out->data = data;
	return !out->nbytes || given(data, "data of an input", e);
}

static bool evaluate_method(tshlo_model *m, Method *k, const tshlo_tensor *user, tshlo_values *v, Err *e)
{
	Arena *a = &v->arena;
	const Module *module = method_module(m, k, e);
	const Func *f = module ? main_function(module) : NULL;
	if (!module) return false;
	if (!f || f->narg != k->nin || f->nres != k->nout) return fail(e, BAD_INPUT, "method '%s': its module has no such function", k->name);
	Dense *in = NEW(a, Dense, k->nin + 1);
	for (int i = 0; i < k->nin; i++) {
		bool is_user = k->in[i].input == TSHLO_INPUT_USER;
		if (!is_user && !k->weight[i]) return fail(e, BAD_INPUT, "weight '%s' is not there: the directory was saved without weights", k->in[i].name);
		const tshlo_tensor *t = is_user ? user++ : &k->in[i].type;
		const void *data = is_user ? t->data : weight_data(m, k->weight[i], e);
		if (e->code || !take(a, t, data, &in[i], e)) return err_at(e, "argument %d (%s)", i, k->in[i].name);
	}
	v->n = f->nres;
	v->value = NEW(a, Dense, f->nres + 1);
	return evaluate(module, f, in, v->value, a, NULL, e);
}

static bool guarded(tshlo_model *m, Method *k, const tshlo_tensor *user, tshlo_values *v, Err *e)
{
	GUARD(&v->arena, e, return false);
	return evaluate_method(m, k, user, v, e);
}

tshlo_values *tshlo_evaluate(tshlo_model *m, const char *method, const tshlo_tensor *in, int nin, tshlo_error *e)
{
	ERR(e, NULL);
	Method *k = m ? model_method(m, method, err) : NULL;
	if (!k || !tshlo_check_inputs(m, method, in, nin, (tshlo_error *)err)) return NULL;
	tshlo_values *v = calloc(1, sizeof *v);
	if (!v) return fail(err, NO_MEMORY, "out of memory"), NULL;
	if (guarded(m, k, in, v, err)) return v;
	tshlo_values_free(v);
	return NULL;
}

bool tshlo_values_at(const tshlo_values *v, int i, tshlo_tensor *out)
{
	if (!v || i < 0 || i >= v->n) return false;
	const Dense *d = &v->value[i];
	*out = (tshlo_tensor){ (int)d->type.elem, d->type.rank, d->type.dim, d->data };
	return true;
}

void tshlo_values_free(tshlo_values *v)
{
	if (v) arena_free(&v->arena);
	free(v);
}
