/* Several models as one: a method of each, weights that are the same held once. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

static size_t dense_nbytes(const NpyArray *x)
{
	size_t n = dtype_nbytes(x->dtype);
	for (int i = 0; i < x->rank; i++) n *= (size_t)x->dim[i];
	return n;
}

static bool same_array(const NpyArray *x, const NpyArray *y)
{
	bool same = x->dtype == y->dtype && x->rank == y->rank && !x->stride == !y->stride;
	for (int i = 0; same && i < x->rank; i++) same = x->dim[i] == y->dim[i] && (!x->stride || x->stride[i] == y->stride[i]);
	if (!same || x->data == y->data) return same;
	size_t n = x->stride ? x->nbytes : dense_nbytes(x);      /* strided ones: all that they lie in */
	return x->data && y->data && x->nbytes == y->nbytes && (!n || !memcmp(x->data, y->data, n));
}

static int find_state(const BundleTensor *t, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(t[i].name, name)) return i;
	return -1;
}

static bool add_state(BundleTensor *all, int *n, const tshlo_model *from, Err *e)
{
	for (int i = 0; i < from->nstate; i++) {
		int at = find_state(all, *n, from->state[i].name);
		if (at < 0) all[(*n)++] = from->state[i];
		else if (!same_array(&all[at].array, &from->state[i].array))
			return fail(e, BAD_INPUT, "weight '%s' of method '%s' is another one than that of the methods before", all[at].name, from->method[0].name);
	}
	return true;
}

static bool add_method(tshlo_model *m, Method k, int nconstant, Err *e)
{
	for (int i = 0; i < m->nmethod; i++)
		if (!strcmp(m->method[i].name, k.name)) return fail(e, BAD_INPUT, "there are two methods '%s'", k.name);
	for (int i = 0; i < k.nin; i++)
		if (k.in[i].input == TSHLO_INPUT_CONSTANT_TENSOR) k.in[i].position += nconstant;
	m->method[m->nmethod++] = k;
	return true;
}

static bool is_unknown(const tshlo_model *m, const char *name)
{
	for (int i = 0; i < m->nunknown; i++)
		if (!strcmp(m->unknown[i], name)) return true;
	return false;
}

/* A name of a sharding must be one of some program's. */
static bool check_shardings(const tshlo_model *m, Err *e)
{
	const tshlo_model *first = m->part[0];
	for (int i = 0; i < first->nunknown; i++) {
		int k = 1;
		while (k < m->npart && is_unknown(m->part[k], first->unknown[i])) k++;
		if (k == m->npart) return fail(e, BAD_INPUT, "sharding: no program has an input, weight or output '%s'", first->unknown[i]);
	}
	return true;
}

static bool join(tshlo_model *m, Err *e)
{
	GUARD(&m->arena, e, return false);
	if (!check_shardings(m, e)) return false;
	int nmethod = 0, nstate = 0, nconstant = 0;
	for (int i = 0; i < m->npart; i++) {
		nmethod += m->part[i]->nmethod;
		nstate += m->part[i]->nstate;
		nconstant += m->part[i]->nconstant;
	}
	BundleTensor *state = NEW(&m->arena, BundleTensor, nstate + 1), *constant = NEW(&m->arena, BundleTensor, nconstant + 1);
	m->method = NEW(&m->arena, Method, nmethod + 1);
	m->state = state;
	m->constant = constant;
	for (int i = 0; i < m->npart; i++) {
		tshlo_model *from = m->part[i];
		for (int k = 0; k < from->nmethod; k++)
			if (!add_method(m, from->method[k], m->nconstant, e)) return false;
		for (int k = 0; k < from->nconstant; k++) constant[m->nconstant++] = from->constant[k];
		if (!add_state(state, &m->nstate, from, e)) return false;
	}
	if (!check_overlap(m, e)) return false;
	for (int i = 0; i < m->npart; i++) m->part[i]->nmethod = 0;      /* they are this model's now */
	return true;
}

tshlo_model *tshlo_join(tshlo_model *const *part, int n, tshlo_error *e)
{
	OWN_ERR(e);
	tshlo_model *m = err->code || n < 1 ? NULL : model_new(err);
	bool ok = m != NULL;
	if (m) m->part = calloc((size_t)n, sizeof *m->part);
	if (m && !m->part) ok = fail(err, NO_MEMORY, "out of memory");
	for (int i = 0; i < n; i++) {
		if (!part[i]) ok = false;
		else if (m && m->part) m->part[m->npart++] = part[i];
		else tshlo_model_free(part[i]);
	}
	if (ok && join(m, err)) return m;
	if (m) m->nmethod = 0;                    /* still the parts' */
	tshlo_model_free(m);
	return NULL;
}
