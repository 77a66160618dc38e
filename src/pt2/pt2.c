#include "pt2/pt2.h"

#include <string.h>

#include "pt2/internal.h"
#include "pt2/layout.h"
#include "pt2/pickle.h"

/* ---- opening ------------------------------------------------------------------------------------------- */

static bool read_json(Model *m, Zip *z, const Layout *l)
{
	ZipEntry *x = zip_find(z, l->program);
	if (!zip_read(z, x, ZIP_CRC, m->err)) return false;
	const Json *doc = json_parse(m->a, (const char *)x->bytes, (size_t)x->nbytes, l->program, m->err);
	if (!doc) return false;
	return read_model(m, doc, l->name) || err_at(m->err, "%s", l->program);
}

static bool read_tensors(Model *m, Zip *z, const Layout *l)
{
	bool ok = l->weights_pickle ? read_state_dict(m, z, l->weights_pickle)
		: read_payloads(m, z, l->weights_config, l->weights);
	if (!ok) return false;
	return l->constants_pickle ? read_state_dict(m, z, l->constants_pickle)
		: read_payloads(m, z, l->constants_config, l->constants);
}

/* Every parameter, buffer and constant that the signature names must be there, as the graph describes it. */
static bool match_tensors(Model *m)
{
	Program *p = m->p;
	for (int i = 0; i < p->ninput; i++) {
		const Input *in = &p->input[i];
		if (in->kind != INPUT_PARAMETER && in->kind != INPUT_BUFFER && in->kind != INPUT_CONSTANT_TENSOR)
			continue;
		const Tensor *t = program_tensor(p, in->target);
		const GraphValue *v = &p->graph->value.v[in->arg.value];
		if (!t)
			return fail(m->err, BAD_INPUT, "input %d '%s': no tensor '%s' is stored", i, in->name,
				in->target);
		bool same = t->dtype == v->dtype && t->rank == v->rank;
		for (int k = 0; same && k < t->rank; k++) same = !IS_STATIC(v->dim[k]) || t->dim[k] == v->dim[k];
		if (!same) return fail(m->err, BAD_INPUT,
			"tensor '%s': stored as %s of rank %d, the graph's '%s' is another: %s of rank %d",
			in->target, dtype_name(t->dtype), t->rank, v->name, dtype_name(v->dtype), v->rank);
	}
	return true;
}

static bool load(Program *p, const uint8_t *bytes, size_t n, const char *model, Err *e)
{
	Zip z;
	Layout l;
	Arena *a = &p->arena;
	Model m = { .p = p, .a = a, .err = e, .sym.arena = a, .expr.arena = a, .user_input.arena = a,
		.stored_input.arena = a };
	return zip_open(&z, a, bytes, n, "archive", e) && find_layout(&z, model, &l, e) &&
		read_json(&m, &z, &l) && read_tensors(&m, &z, &l) && unwrap_subclasses(p, e) && match_tensors(&m);
}

/* Fills p, or frees it and gives NULL. */
static Program *fill(Program *p, const uint8_t *bytes, size_t n, const char *model, Err *e)
{
	jmp_buf full;
	if (setjmp(full)) {
		program_free(p);
		fail(e, NO_MEMORY, "out of memory");
		return NULL;
	}
	p->arena.full = &full;
	bool ok = load(p, bytes, n, model, e);
	p->arena.full = NULL;
	if (ok) return p;
	program_free(p);
	return NULL;
}

Program *pt2_read(const uint8_t *bytes, size_t n, const char *model, Err *e)
{
	Program *p = program_new(e);
	return p ? fill(p, bytes, n, model, e) : NULL;
}

Program *pt2_open_named(const char *path, const char *model, Err *e)
{
	Program *p = program_new(e);
	if (!p) return NULL;
	if (!map_file(&p->file, path, e)) {
		program_free(p);
		return NULL;
	}
	p = fill(p, p->file.p, p->file.n, model, e);
	if (!p) err_at(e, "%s", path);
	return p;
}

Program *pt2_open(const char *path, Err *e) { return pt2_open_named(path, NULL, e); }
