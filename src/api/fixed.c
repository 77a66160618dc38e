/* Inputs and outputs that are no tensors: Python values that export baked into the program, told as JSON. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* Python's json reads what this writes, NaN and Infinity included; a float keeps its point. */
static void put_value(Buf *b, const Arg *x)
{
	switch (x->kind) {
	case ARG_INT:  putf(b, "%lld", (long long)x->i); break;
	case ARG_BOOL: put_str(b, x->b ? "true" : "false"); break;
	case ARG_STR:  put_json_str(b, x->str); break;
	case ARG_FLOAT: {
		size_t at = b->n;
		if (x->f != x->f) put_str(b, "NaN");
		else if (x->f - x->f != 0) put_str(b, x->f < 0 ? "-Infinity" : "Infinity");
		else putf(b, "%.17g", x->f);
		bool whole = !b->failed && !memchr(b->p + at, '.', b->n - at) && !memchr(b->p + at, 'e', b->n - at);
		if (whole && x->f - x->f == 0) put_str(b, ".0");
		break;
	}
	default: put_str(b, "null");
	}
}

/* NULL when memory has run out. */
static const char *value_json(Arena *a, const Arg *x)
{
	Buf b = { 0 };
	put_value(&b, x);
	return buf_to_arena(&b, a);
}

static bool fixed_inputs(Arena *a, const Program *p, Method *k, Err *e)
{
	k->fixed_in = NEW(a, tshlo_fixed, p->ninput + 1);
	k->user_name = NEW(a, const char *, p->ninput + 1);      /* room for the seed */
	for (int i = 0; i < p->ninput; i++) {
		const Input *in = &p->input[i];
		if (in->kind != INPUT_USER && in->kind != INPUT_CONSTANT) continue;
		int at = k->nuser_name++;
		k->user_name[at] = in->name ? in->name : "";
		if (in->arg.kind == ARG_VALUE) continue;
		tshlo_fixed *f = &k->fixed_in[k->nfixed_in++];
		*f = (tshlo_fixed){ at, k->user_name[at], value_json(a, &in->arg) };
		if (!f->json) return fail(e, NO_MEMORY, "out of memory");
	}
	return true;
}

/* What a call returns; a loss is one. */
static bool is_user(const Output *o) { return o->kind == OUTPUT_USER || o->kind == OUTPUT_LOSS; }

static bool fixed_outputs(Arena *a, const Program *p, Method *k, Err *e)
{
	k->fixed_out = NEW(a, tshlo_fixed, p->noutput + 1);
	for (int i = 0; i < p->noutput; i++) {
		if (!is_user(&p->output[i]) || p->output[i].arg.kind == ARG_VALUE) continue;
		tshlo_fixed *f = &k->fixed_out[k->nfixed_out++];
		*f = (tshlo_fixed){ user_output(p, i), "", value_json(a, &p->output[i].arg) };
		if (!f->json) return fail(e, NO_MEMORY, "out of memory");
	}
	return true;
}

int user_output(const Program *p, int i)
{
	int n = 0;
	for (int k = 0; k < i; k++) n += is_user(&p->output[k]);
	return n;
}

bool fixed_of_program(Arena *a, const Program *p, Method *k, Err *e)
{
	return fixed_inputs(a, p, k, e) && fixed_outputs(a, p, k, e);
}

/* -- to and from a directory ----------------------------------------------------------------------------- */

static const Fixed *to_meta(Arena *a, const tshlo_fixed *v, int n)
{
	Fixed *f = NEW(a, Fixed, n + 1);
	for (int i = 0; i < n; i++) f[i] = (Fixed){ v[i].position, v[i].json };
	return f;
}

static tshlo_fixed *from_meta(Arena *a, const FunctionMeta *m, const Fixed *v, int n, bool named)
{
	tshlo_fixed *f = NEW(a, tshlo_fixed, n + 1);
	for (int i = 0; i < n; i++) {
		bool known = named && v[i].position < m->nuser_name;
		f[i] = (tshlo_fixed){ v[i].position, known ? m->user_name[v[i].position] : "", v[i].json };
	}
	return f;
}

/* The class of a Python value, by how its JSON starts. */
static const char *python_class(const char *json)
{
	if (*json == 'n') return "NoneType";
	if (*json == 't' || *json == 'f') return "bool";
	if (*json == '"') return "str";
	return strpbrk(json, ".eNI") ? "float" : "int";
}

static const struct { const char *json; DType t; } scalar_class[] = {
	[TSHLO_INT] = { "\"int\"", DTYPE_i64 }, [TSHLO_FLOAT] = { "\"float\"", DTYPE_f64 }, [TSHLO_BOOL] = { "\"bool\"", DTYPE_bool },
};

/* Those of the user's that are Python numbers, by position. */
static const Fixed *scalars_to_meta(Arena *a, const tshlo_value_info *v, int n, int *count)
{
	Fixed *f = NEW(a, Fixed, n + 1);
	*count = 0;
	for (int i = 0; i < n; i++)
		if (v[i].scalar) f[(*count)++] = (Fixed){ v[i].position, scalar_class[v[i].scalar].json };
	return f;
}

/* Only where the tensor is what such a number is. */
static void scalars_from_meta(tshlo_value_info *v, int n, const Fixed *f, int count)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < count; k++) {
			if (v[i].position != f[k].position || v[i].type.rank) continue;
			for (int s = TSHLO_INT; s <= TSHLO_BOOL; s++)
				if (v[i].type.dtype == (tshlo_dtype)scalar_class[s].t && !strcmp(f[k].json, scalar_class[s].json)) v[i].scalar = (tshlo_scalar)s;
		}
}

void fixed_to_meta(Arena *a, const Method *k, FunctionMeta *m)
{
	/* torch_xla has them among the inputs that the function does not take, by their class. */
	UnusedInput *unused = NEW(a, UnusedInput, k->nfixed_in + 1);
	for (int i = 0; i < k->nfixed_in; i++)
		unused[i] = (UnusedInput){ { LOCATION_INPUT_ARG, k->fixed_in[i].position, NULL },
			{ .other_type = python_class(k->fixed_in[i].json) } };
	m->nunused = k->nfixed_in;
	m->unused_input = unused;
	m->nfixed_input = k->nfixed_in;
	m->fixed_input = to_meta(a, k->fixed_in, k->nfixed_in);
	m->nfixed_output = k->nfixed_out;
	m->fixed_output = to_meta(a, k->fixed_out, k->nfixed_out);
	m->scalar_input = scalars_to_meta(a, k->in, k->nin, &m->nscalar_input);
	m->scalar_output = scalars_to_meta(a, k->out, k->nout, &m->nscalar_output);
}

void fixed_from_meta(Arena *a, Method *k, const FunctionMeta *m)
{
	k->nfixed_in = m->nfixed_input;
	k->fixed_in = from_meta(a, m, m->fixed_input, m->nfixed_input, true);
	k->nfixed_out = m->nfixed_output;
	k->fixed_out = from_meta(a, m, m->fixed_output, m->nfixed_output, false);
	for (int i = 0; i < k->nin; i++)
		if (k->in[i].input == TSHLO_INPUT_USER) scalars_from_meta(&k->in[i], 1, m->scalar_input, m->nscalar_input);
	scalars_from_meta(k->out, k->nout, m->scalar_output, m->nscalar_output);
	for (int i = 0; i < k->nin; i++) {
		k->nint += k->in[i].scalar == TSHLO_INT;
		k->in_size[i] = DYNAMIC;
	}
}
