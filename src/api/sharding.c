/* Which tensors of a program are split over several devices: names of its inputs, weights and outputs from JSON (docs/sharding.md). */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

typedef struct Marks {
	Arena *a;
	const Program *p;
	const Mesh *mesh;            /* of the document; NULL: it has none */
	VEC(InputSpec) input;
	const Spec **output;         /* [of the user's outputs] */
	int noutput;
	VEC(const char *) unknown;
	Err *err;
} Marks;

static bool is_user(const Input *in) { return in->kind == INPUT_USER; }

/* Of what an input or output is, an integer too; -1: it is no tensor. */
static int rank_of_value(const Marks *m, const Arg *x)
{
	const GraphValue *v = x->kind == ARG_VALUE ? &m->p->graph->value.v[x->value] : NULL;
	return v ? v->rank : -1;
}

/* ["x", null], or {"mesh": ..., "spec": ["x", null]}. */
static const Spec *read_mark(Marks *m, JVal v, const char *name, const Arg *x)
{
	const Mesh *mesh = m->mesh;
	int rank = rank_of_value(m, x);
	if (rank < 0) return fail(m->err, BAD_INPUT, "sharding: '%s' is no tensor", name), NULL;
	if (json_kind(v) == JSON_object) {
		mesh = mesh_read(m->a, json_key(v, "mesh"), m->err);
		v = json_key(v, "spec");
	} else if (!mesh) {
		json_fail(m->err, v, "there is no mesh");
	}
	const Spec *s = m->err->code ? NULL : spec_read(m->a, v, mesh, rank, m->err);
	if (!s) err_at(m->err, "'%s'", name);
	return s;
}

/* "output_0" -> 0; -1: something else. */
static int output_number(const char *name)
{
	static const char before[] = "output_";
	char *end;
	if (strncmp(name, before, sizeof before - 1) != 0 || name[sizeof before - 1] < '0' || name[sizeof before - 1] > '9') return -1;
	long i = strtol(name + sizeof before - 1, &end, 10);
	return *end || i > INT32_MAX ? -1 : (int)i;
}

static bool mark_output(Marks *m, const char *name, JVal v, bool *found)
{
	int at = output_number(name);
	for (int i = 0; i < m->p->noutput && at >= 0; i++) {
		const Output *o = &m->p->output[i];
		if ((o->kind != OUTPUT_USER && o->kind != OUTPUT_LOSS) || user_output(m->p, i) != at) continue;
		*found = true;
		m->output[at] = read_mark(m, v, name, &o->arg);
		return m->output[at] != NULL;
	}
	return true;
}

static bool mark_name(Marks *m, const char *name, JVal v)
{
	const InputSpec *found = NULL;
	for (int i = 0; i < m->p->ninput; i++) {
		const Input *in = &m->p->input[i];
		const char *own = is_user(in) ? in->name : in->target;
		if (!own || strcmp(own, name) != 0) continue;
		if (found && found->user != is_user(in))
			return fail(m->err, BAD_INPUT, "sharding: '%s' is the name of an input and of a weight", name);
		const Spec *s = read_mark(m, v, name, &in->arg);
		if (!s) return false;
		if (!found) *push(m->a, &m->input) = (InputSpec){ is_user(in), own, s };
		found = &m->input.v[m->input.n - 1];
	}
	bool is_output = false;
	if (!found && !mark_output(m, name, v, &is_output)) return false;
	if (!found && !is_output) *push(m->a, &m->unknown) = name;
	return true;
}

static bool read_members(Marks *m, JVal root)
{
	JVal mesh = json_key(root, "mesh"), all = json_key(root, "shardings");
	if (json_kind(root) != JSON_object) return json_fail(m->err, root, "wanted an object with mesh and shardings");
	JEACH(x, root)
		if (!json_is(json_member_name(x), "mesh") && !json_is(json_member_name(x), "shardings"))
			return json_fail(m->err, x, "'%s' is neither mesh nor shardings", json_member(m->a, x));
	if (json_kind(mesh)) m->mesh = mesh_read(m->a, mesh, m->err);
	if (json_kind(all) && json_kind(all) != JSON_object) json_fail(m->err, all, "shardings is no object");
	if (m->err->code) return false;
	JEACH(x, all) {
		const char *name = json_member(m->a, x);
		if (!name || !mark_name(m, name, x)) return name ? false : json_fail(m->err, x, "a name with a NUL character");
	}
	return true;
}

static bool check_names(const Marks *m, bool of_many)
{
	if (!m->unknown.n || of_many) return true;
	return fail(m->err, BAD_INPUT, "sharding: the program has no input, weight or output '%s'; outputs are output_0, output_1, ...",
		m->unknown.v[0]);
}

bool shardings_of(tshlo_model *model, Method *k, const tshlo_convert_options *opt, Err *e)
{
	Arena *a = &model->arena;
	const Program *p = k->sizes.program;
	if (!opt) return true;
	k->options.shardings.shardy = opt->shardy;
	if (!opt->sharding) return true;
	Marks m = { .a = a, .p = p, .err = e, .output = NEW(a, const Spec *, p->noutput + 1) };
	size_t n = strlen(opt->sharding);
	const char *text = arena_str(a, opt->sharding, n);
	for (int i = 0; i < p->noutput; i++) m.noutput += p->output[i].kind == OUTPUT_USER || p->output[i].kind == OUTPUT_LOSS;
	const Json *doc = json_parse(a, text, n, "sharding", e);
	if (!doc || !read_members(&m, json_root(doc)) || !check_names(&m, opt->of_several)) return false;
	k->options.shardings = (Shardings){ .mesh = m.mesh, .shardy = opt->shardy, .ninput = m.input.n, .input = m.input.v,
		.noutput = m.noutput, .output = m.output };
	model->nunknown = m.unknown.n;
	model->unknown = m.unknown.v;
	return true;
}
