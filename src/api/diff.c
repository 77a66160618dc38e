/* Two models, compared by what they mean. */
#include "api/api.h"
#include "stablehlo/diff.h"

#include <stdio.h>
#include <string.h>

/* -- methods --------------------------------------------------------------------------------------------- */

static Method *method_named(const tshlo_model *m, const char *name)
{
	for (int i = 0; i < m->nmethod; i++)
		if (!strcmp(m->method[i].name, name)) return &m->method[i];
	return NULL;
}

static const char *kind_of(const tshlo_value_info *v)
{
	static const char *const name[] = { "a user's input", "a parameter or buffer", "a parameter or buffer", "a constant" };
	return (unsigned)v->input < sizeof name / sizeof *name ? name[v->input] : "another input";
}

/* Their types are the function's. What a user's input is called is no more than a name; a weight is found by it. */
static void diff_input(Differences *d, const char *at, int i, const tshlo_value_info *x, const tshlo_value_info *y)
{
	if (strcmp(kind_of(x), kind_of(y)) != 0)
		differ(d, "%sinput %d is %s in the first, %s in the second", at, i, kind_of(x), kind_of(y));
	else if (x->input != TSHLO_INPUT_USER && x->input != TSHLO_INPUT_CONSTANT_TENSOR && strcmp(x->name, y->name) != 0)
		differ(d, "%sinput %d is '%s' in the first, '%s' in the second", at, i, x->name, y->name);
	else if (x->position != y->position)
		differ(d, "%sinput %d is number %d in the first, %d in the second", at, i, x->position, y->position);
}

static void diff_output(Differences *d, const char *at, int i, const tshlo_value_info *x, const tshlo_value_info *y)
{
	bool named = x->output != TSHLO_OUTPUT_USER && x->output != TSHLO_OUTPUT_LOSS;
	if (x->output != y->output || (named && strcmp(x->name, y->name) != 0))
		differ(d, "%soutput %d is of another kind, or writes something else: '%s' in the first, '%s' in the second", at, i, x->name, y->name);
}

static bool diff_method(Differences *d, tshlo_model *mx, tshlo_model *my, Method *x, Method *y, Arena *a, const char *at, Err *e)
{
	GUARD(a, e, return false);
	const Module *p = method_module(mx, x, e), *q = p ? method_module(my, y, e) : NULL;
	if (!q) return err_at(e, "method '%s'", x->name);
	diff_modules(d, a, at, p, q);
	if (!x->saved || !y->saved || !mx->bundle || !my->bundle) return true;      /* a file does not tell whose its inputs are */
	for (int i = 0; i < x->nin && i < y->nin; i++) diff_input(d, at, i, &x->in[i], &y->in[i]);
	for (int i = 0; i < x->nout && i < y->nout; i++) diff_output(d, at, i, &x->out[i], &y->out[i]);
	return true;
}

static bool diff_pair(Differences *d, tshlo_model *mx, tshlo_model *my, Method *x, Method *y, bool several, Err *e)
{
	Arena a = { 0 };
	char at[300] = "";
	if (several) snprintf(at, sizeof at, "method '%s': ", x->name);
	bool ok = diff_method(d, mx, my, x, y, &a, at, e);
	arena_free(&a);
	return ok;
}

static bool diff_methods(Differences *d, tshlo_model *x, tshlo_model *y, Err *e)
{
	bool several = x->nmethod > 1 || y->nmethod > 1;
	if (!several) return diff_pair(d, x, y, &x->method[0], &y->method[0], false, e);
	for (int i = 0; i < x->nmethod; i++) {
		Method *other = method_named(y, x->method[i].name);
		if (!other) differ(d, "method '%s': only in the first", x->method[i].name);
		else if (!diff_pair(d, x, y, &x->method[i], other, true, e)) return false;
	}
	for (int i = 0; i < y->nmethod; i++)
		if (!method_named(x, y->method[i].name)) differ(d, "method '%s': only in the second", y->method[i].name);
	return true;
}

/* -- weights --------------------------------------------------------------------------------------------- */

enum { BLOCK = 1 << 16 };

/* The first of their elements that differs, -1: none does. Types agree. */
static int64_t first_unequal(const NpyArray *x, const NpyArray *y)
{
	uint8_t p[BLOCK], q[BLOCK];
	size_t each = npy_itemsize(x), n = npy_count(x);
	for (size_t at = 0, got; at < n && (got = npy_block(x, at, p, sizeof p)); at += got) {
		npy_pack(y, at, got, q);
		if (!memcmp(p, q, got * each)) continue;
		for (size_t i = 0; i < got; i++)
			if (memcmp(p + i * each, q + i * each, each) != 0) return (int64_t)(at + i);
	}
	return -1;
}

static bool same_type(const NpyArray *x, const NpyArray *y)
{
	if (x->dtype != y->dtype || x->rank != y->rank || npy_itemsize(x) != npy_itemsize(y)) return false;
	for (int i = 0; i < x->rank; i++)
		if (x->dim[i] != y->dim[i]) return false;
	return true;
}

static void diff_tensor(Differences *d, Arena *a, const char *what, const NpyArray *x, const NpyArray *y)
{
	if (!same_type(x, y))
		differ(d, "%s is %s in the first, %s in the second", what, npy_str(a, x), npy_str(a, y));
	else if (!x->data != !y->data)
		differ(d, "%s has no data in the %s", what, x->data ? "second" : "first");
	else if (x->data && npy_count(x)) {
		int64_t at = first_unequal(x, y);
		if (at >= 0) differ(d, "%s differs from element %lld on", what, (long long)at);
	}
}

static int tensor_named(const tshlo_model *m, const Map *names, const char *name)
{
	return m->nstate ? map_get(names, name, strlen(name)) : -1;
}

static bool diff_weights(Differences *d, const tshlo_model *x, const tshlo_model *y, Arena *a, Err *e)
{
	GUARD(a, e, return false);
	Map in_x = { .arena = a }, in_y = { .arena = a };
	for (int i = 0; i < x->nstate; i++) map_set(&in_x, x->state[i].name, strlen(x->state[i].name), i);
	for (int i = 0; i < y->nstate; i++) map_set(&in_y, y->state[i].name, strlen(y->state[i].name), i);
	for (int i = 0; i < x->nstate; i++) {
		const char *what = arena_printf(a, "weight '%s'", x->state[i].name);
		int k = tensor_named(y, &in_y, x->state[i].name);
		if (k < 0) differ(d, "%s: only in the first", what);
		else diff_tensor(d, a, what, &x->state[i].array, &y->state[k].array);
	}
	for (int i = 0; i < y->nstate; i++)
		if (tensor_named(x, &in_x, y->state[i].name) < 0) differ(d, "weight '%s': only in the second", y->state[i].name);
	if (x->nconstant != y->nconstant) differ(d, "%d constants in the first, %d in the second", x->nconstant, y->nconstant);
	for (int i = 0; i < x->nconstant && i < y->nconstant; i++)
		diff_tensor(d, a, arena_printf(a, "constant %d", i), &x->constant[i].array, &y->constant[i].array);
	return true;
}

/* -- both ------------------------------------------------------------------------------------------------ */

static bool diff_all(Differences *d, tshlo_model *x, tshlo_model *y, const char *method, Err *e)
{
	if (method) {
		Method *p = model_method(x, method, e), *q = p ? model_method(y, method, e) : NULL;
		return q && diff_pair(d, x, y, p, q, false, e);
	}
	if (!diff_methods(d, x, y, e)) return false;
	if (!x->bundle && !y->bundle) return true;
	Arena a = { 0 };
	bool ok = diff_weights(d, x, y, &a, e);
	arena_free(&a);
	return ok;
}

int tshlo_diff(tshlo_model *x, tshlo_model *y, const tshlo_diff_options *opt, const char **text, tshlo_error *e)
{
	ERR(e, -1);
	if (!x || !y) return fail(err, BAD_INPUT, "no two models are given, but NULL"), -1;
	Differences d = { .most = opt && opt->most > 0 ? opt->most : 10, .locations = opt && opt->locations };
	bool ok = diff_all(&d, x, y, opt ? opt->method : NULL, err);
	put_byte(&d.text, 0);
	if (ok && d.text.failed) ok = fail(err, NO_MEMORY, "out of memory for the differences");
	buf_free(&x->differences);
	x->differences = d.text;
	if (text) *text = ok ? (const char *)d.text.p : "";
	return ok ? d.n : -1;
}
