/* The sample inputs: a pickled pair (args, kwargs) whose leaves, in order, are the program's user inputs. */
#include <string.h>

#include "pt2/internal.h"
#include "pt2/layout.h"
#include "pt2/pickle.h"
#include "pt2/pt2.h"

/* A number given for a symbolic input, as a tensor of rank 0. */
static bool scalar(Arena *a, PVal v, Tensor *t)
{
	static const int64_t none[1] = { 0 };
	uint8_t *bytes = NEW(a, uint8_t, 8);
	if (v.kind == P_INT) {
		t->dtype = DTYPE_i64;
		dtype_store_int(t->dtype, bytes, v.i);
	} else if (v.kind == P_FLOAT) {
		t->dtype = DTYPE_f64;
		dtype_store(t->dtype, bytes, 0, v.f);
	} else if (v.kind == P_BOOL) {
		t->dtype = DTYPE_bool;
		bytes[0] = v.b;
	} else {
		return false;
	}
	t->dim = t->stride = none;
	t->storage = bytes;
	t->nbytes = dtype_nbytes(t->dtype);
	return true;
}

static bool take_leaf(Program *p, const Input *in, PVal v, Err *e)
{
	if (in->kind == INPUT_CONSTANT || in->arg.kind != ARG_VALUE) return true;
	const GraphValue *want = &p->graph->value.v[in->arg.value];
	Tensor *t = &p->sample[p->nsample];
	if (want->kind != VALUE_TENSOR) {
		if (!scalar(&p->arena, v, t))
			return fail(e, BAD_INPUT, "input '%s' is a number, its sample %s", in->name, pickle_kind(v));
	} else {
		if (v.kind != P_TENSOR)
			return fail(e, BAD_INPUT, "input '%s' is a tensor, its sample %s", in->name, pickle_kind(v));
		*t = *v.tensor;
		if (t->dtype != want->dtype || t->rank != want->rank)
			return fail(e, BAD_INPUT, "input '%s' is %s of rank %d, its sample %s of rank %d", in->name,
				dtype_name(want->dtype), want->rank, dtype_name(t->dtype), t->rank);
	}
	t->name = in->name;
	p->nsample++;
	return true;
}

static bool match_leaves(Program *p, const PLeaves *leaf, Err *e)
{
	int n = 0;
	for (int i = 0; i < p->ninput; i++) {
		const Input *in = &p->input[i];
		if (in->kind != INPUT_USER && in->kind != INPUT_CONSTANT) continue;
		if (n == leaf->n) return fail(e, BAD_INPUT, "%d samples for more inputs", n);
		if (!take_leaf(p, in, leaf->v[n++], e)) return false;
	}
	return n == leaf->n || fail(e, BAD_INPUT, "%d samples for %d inputs", leaf->n, n);
}

static bool load_samples(Program *p, Zip *z, const Layout *l, Err *e)
{
	Pickle pickle;
	PVal v;
	PLeaves leaf;
	ZipEntry *x = zip_find(z, l->samples);
	if (!x) return true;
	if (!zip_read(z, x, ZIP_QUICK, e)) return false;
	if (!x->nbytes) return true;
	if (!pickle_open(&pickle, &p->arena, x->bytes, (size_t)x->nbytes, l->samples, e) || !pickle_load(&pickle, &v))
			return false;
	if (v.kind == P_NONE) return true;
	if (v.kind != P_TUPLE || v.list->item.n != 2)
		return fail(e, BAD_INPUT, "%s: %s, wanted (args, kwargs)", l->samples, pickle_kind(v));
	if (!pickle_leaves(&pickle, v, &leaf)) return false;
	p->sample = NEW(&p->arena, Tensor, p->ninput);
	return match_leaves(p, &leaf, e) || err_at(e, "%s", l->samples);
}

bool read_samples(Program *p, const uint8_t *bytes, size_t n, Err *e)
{
	Zip z;
	Layout l;
	jmp_buf full, *outer = p->arena.full;
	p->nsample = 0;
	if (setjmp(full)) {
		p->arena.full = outer;
		p->nsample = 0;
		return fail(e, NO_MEMORY, "out of memory");
	}
	p->arena.full = &full;
	bool ok = zip_open(&z, &p->arena, bytes, n, "archive", e) && find_layout(&z, p->graph->name, &l, e) &&
		load_samples(p, &z, &l, e);
	p->arena.full = outer;
	if (!ok) p->nsample = 0;
	return ok;
}

bool pt2_samples(Program *p, Err *e) { return !p->file.p || read_samples(p, p->file.p, p->file.n, e); }
