/* Tensors that are marked as split over several devices: attributes of arguments, results and the module, and custom calls in the body.
 *
 * The forms are XLA's: mhlo.sharding is GSPMD's; Shardy's own attributes have no place in StableHLO, so XLA keeps them as text in
 * mhlo.frontend_attributes (xla/service/spmd/shardy/sdy_round_trip), where they become attributes of the sdy dialect again. */
#include "aten/ctx.h"

#include <string.h>

static bool is_shardy(const Lower *l) { return l->opt->shardings.shardy; }

/* -- meshes ---------------------------------------------------------------------------------------------- */

/* The module's name for the mesh; NULL: it has other devices than those before. */
static const Mesh *add_mesh(Lower *l, const Mesh *m)
{
	for (int i = 0; i < l->meshes->n; i++)
		if (mesh_eq(l->meshes->v[i], m)) return l->meshes->v[i];
	if (l->meshes->n && l->meshes->v[0]->ndevice != m->ndevice) {
		fail(l->b->m->err, BAD_INPUT, "a mesh of %lld devices, the program's other meshes have %lld", (long long)m->ndevice,
			(long long)l->meshes->v[0]->ndevice);
		return NULL;
	}
	Mesh *named = COPY(l->a, Mesh, m, 1);
	named->name = l->meshes->n ? arena_printf(l->a, "mesh_%d", l->meshes->n - 1) : "mesh";
	*push(l->a, l->meshes) = named;
	return named;
}

/* -- attributes ------------------------------------------------------------------------------------------ */

static Any text(const char *s) { return (Any){ .kind = ANY_STR, .str = s }; }

static Any boxed(Lower *l, const char *key, Any item) { return with_member(l->a, (Any){ 0 }, key, item); }

/* dict with mhlo.sharding (gspmd) and Shardy's attribute as text. */
static Any with_sharding(Lower *l, Any dict, const Spec *s, bool gspmd, const char *shardy)
{
	if (shardy && is_shardy(l)) dict = with_member(l->a, dict, "mhlo.frontend_attributes", boxed(l, "xla.sdy.sharding", text(shardy)));
	return gspmd ? with_member(l->a, dict, "mhlo.sharding", text(gspmd_text(l->a, s))) : dict;
}

/* On its mesh as the module has it. */
static bool place(Lower *l, const Spec *s, Spec *out)
{
	*out = *s;
	out->mesh = add_mesh(l, s->mesh);
	return out->mesh != NULL;
}

/* x through custom_call @target, with the sharding on it. */
static Value mark(Lower *l, Value x, const Spec *spec, const char *target, bool is_result)
{
	Spec s;
	if (!x || l->b->m->err->code || !place(l, spec, &s)) return 0;
	Attr attr[MAX_ATTRS + 1] = { 0 };
	Type t = type_of(l->b, x);
	attr[op_attr_index(OP_custom_call, "call_target_name")] = (Attr){ .set = true, .str = target };
	if (is_result) attr[op_attr_index(OP_custom_call, "has_side_effect")] = (Attr){ .set = true, .i = 1 };
	Op *op = emit_op(l->b, OP_custom_call, 1, &t, 1, &x, attr, 0, NULL);
	if (!op) return 0;
	Any *extra = NEW(l->a, Any, 1);
	*extra = with_sharding(l, (Any){ 0 }, &s, !is_result, arena_printf(l->a, "#sdy.sharding_per_value<[%s]>", sdy_spec_text(l->a, &s)));
	op->extra = extra;
	return op->out;
}

/* -- arguments and results ------------------------------------------------------------------------------- */

static const Spec *input_spec(const Lower *l, const Input *in)
{
	const Shardings *s = &l->opt->shardings;
	bool user = in->kind == INPUT_USER;
	const char *name = user ? in->name : in->target;
	for (int i = 0; i < s->ninput; i++)
		if (s->input[i].user == user && !strcmp(s->input[i].name, name)) return s->input[i].spec;
	return NULL;
}

static int user_position(const Lower *l, const ResultSource *r)
{
	int n = 0;
	for (int i = 0; i < r->position; i++)
		n += l->program->output[i].kind == OUTPUT_USER || l->program->output[i].kind == OUTPUT_LOSS;
	return n;
}

/* The new value of an argument lies as the argument does. */
static const Spec *result_spec(const Lower *l, const Lowered *args, const ResultSource *r)
{
	const Shardings *s = &l->opt->shardings;
	bool user = r->kind == OUTPUT_USER || r->kind == OUTPUT_LOSS;
	int at = user ? user_position(l, r) : written_argument(args, r);
	if (user) return at < s->noutput ? s->output[at] : NULL;
	return at < 0 ? NULL : input_spec(l, args->arg[at].input);
}

Value shard_input(Lower *l, const Input *in, Value x)
{
	const Spec *s = input_spec(l, in);
	return s ? mark(l, x, s, "Sharding", false) : x;
}

/* A mesh of the program's; NULL: it has none. */
static const Mesh *some_mesh(const Lower *l)
{
	const Shardings *s = &l->opt->shardings;
	if (l->meshes->n) return l->meshes->v[0];
	if (s->mesh || s->ninput) return s->mesh ? s->mesh : s->input[0].spec->mesh;
	for (int i = 0; i < s->noutput; i++)
		if (s->output[i]) return s->output[i]->mesh;
	return NULL;
}

/* What is not marked is whole everywhere; Shardy would split it as it likes. */
static const Spec *or_whole(Lower *l, const Spec *s, int rank)
{
	const Mesh *m = s || !is_shardy(l) ? NULL : some_mesh(l);
	if (!m) return s;
	Spec *whole = NEW(l->a, Spec, 1);
	*whole = (Spec){ .mesh = m, .rank = rank, .axes = NEW(l->a, Ints, rank + 1) };
	return whole;
}

/* Of results GSPMD has only the attribute, Shardy in this form only the call. */
Value shard_result(Lower *l, const Lowered *args, const ResultSource *r, Value x)
{
	const Spec *s = is_shardy(l) ? or_whole(l, result_spec(l, args, r), type_of(l->b, x).rank) : NULL;
	return s ? mark(l, x, s, "xla.sdy.FuncResultSharding", true) : x;
}

static bool mark_argument(Lower *l, Any *attr, const Spec *spec)
{
	Spec s;
	if (!spec) return true;
	if (!place(l, spec, &s)) return false;
	*attr = with_sharding(l, *attr, &s, true, arena_printf(l->a, "#sdy.sharding%s", sdy_spec_text(l->a, &s)));
	return true;
}

static bool mark_result(Lower *l, Any *attr, const Spec *spec)
{
	Spec s;
	if (!spec) return true;
	if (!place(l, spec, &s)) return false;
	*attr = with_sharding(l, *attr, &s, true, NULL);
	return true;
}

/* -- the module ------------------------------------------------------------------------------------------ */

/* {mesh = #sdy.mesh<["x"=2]>} */
static const char *meshes_text(Lower *l)
{
	const char *s = "{";
	for (int i = 0; i < l->meshes->n; i++)
		s = arena_printf(l->a, "%s%s%s = #sdy.mesh%s", s, i ? ", " : "", l->meshes->v[i]->name, sdy_mesh_text(l->a, l->meshes->v[i]));
	return arena_printf(l->a, "%s}", s);
}

static void mark_module(Lower *l)
{
	Module *m = l->b->m;
	if (!l->meshes->n) return;
	if (is_shardy(l)) {
		m->attr = with_member(l->a, m->attr, "mhlo.frontend_attributes", boxed(l, "xla.sdy.meshes", text(meshes_text(l))));
		m->nmesh = l->meshes->n;
		m->mesh = l->meshes->v;
	}
	m->attr = with_member(l->a, m->attr, "mhlo.num_partitions", (Any){ .kind = ANY_I32, .i = l->meshes->v[0]->ndevice });
	m->attr = with_member(l->a, m->attr, "mhlo.num_replicas", (Any){ .kind = ANY_I32, .i = 1 });
}

bool mark_shardings(Lower *l, Func *f, const Lowered *args)
{
	const Mesh *m = l->opt->shardings.mesh;
	if (m && !add_mesh(l, m)) return false;
	for (int i = 0; i < args->narg; i++)
		if (!mark_argument(l, &f->arg_attr[i], or_whole(l, input_spec(l, args->arg[i].input), f->arg_type[i].rank))) return false;
	for (int i = 0; i < args->nresult; i++)
		if (!mark_result(l, &f->res_attr[i], or_whole(l, result_spec(l, args, &args->result[i]), f->res_type[i].rank))) return false;
	mark_module(l);
	return true;
}

/* -- marks in the program -------------------------------------------------------------------------------- */

typedef VEC(char) Chars;

static void add(Arena *a, Chars *out, const char *s)
{
	for (; *s; s++) *push(a, out) = *s;
}

/* One character of a string that is quoted by q, at *s, which goes past it. */
static void add_character(Arena *a, Chars *out, const char **s, char q)
{
	char c = *(*s)++;
	if (c == '"') {
		add(a, out, "\\\"");
	} else if (c == '\\' && **s == q && q == '\'') {
		*push(a, out) = *(*s)++;
	} else if (c == '\\' && **s == 'x') {
		add(a, out, "\\u00");
		(*s)++;
	} else {
		*push(a, out) = c;
		if (c == '\\' && **s) *push(a, out) = *(*s)++;
	}
}

/* What Python's repr() makes of dicts, lists, tuples, strings, numbers and None, as JSON. What is none of it, JSON's reader refuses. */
static const char *json_of_repr(Arena *a, const char *s, size_t *n)
{
	Chars out = { 0 };
	while (*s) {
		char c = *s++;
		if (c == '\'' || c == '"') {
			*push(a, &out) = '"';
			while (*s && *s != c) add_character(a, &out, &s, c);
			*push(a, &out) = '"';
			s += *s == c;
		} else if (c == ')' || c == ']') {
			while (out.n && out.v[out.n - 1] == ' ') out.n--;
			if (out.n && out.v[out.n - 1] == ',') out.n--;
			*push(a, &out) = ']';
		} else if (c == 'N' && !strncmp(s, "one", 3)) {
			add(a, &out, "null");
			s += 3;
		} else {
			*push(a, &out) = c == '(' ? '[' : c;
		}
	}
	*n = (size_t)out.n;
	return out.v ? out.v : "";
}

static JVal repr_read(Node *n, const char *name)
{
	size_t len;
	const char *s = arg_str(n, name, "");
	const char *text = json_of_repr(n->a, s, &len);
	return json_root(json_parse(n->a, text, len, name, n->b->m->err));
}

/* xla.aot_mark_sharding(t, mesh: str, partition_spec: str): t, split so. torch_xla's operator, for marks inside of a program:
 * str() of its Mesh and of the spec. */
Value lower_mark_sharding(Node *n)
{
	Value x = arg(n, "t");
	JVal mesh = repr_read(n, "mesh"), spec = repr_read(n, "partition_spec");
	Err *e = n->b->m->err;
	const Mesh *m = e->code ? NULL : mesh_read(n->a, mesh, e);
	const Spec *s = m ? spec_read(n->a, spec, m, rank_of(n->b, x), e) : NULL;
	return s ? mark(n->l, x, s, "Sharding", false) : 0;
}
