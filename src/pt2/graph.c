/* schema.Graph: first every named value (tensor_values, sym_int_values, ...), then inputs, nodes and
 * outputs, which refer to values by name. A value is used only after an input or a node has defined it,
 * and is defined once. */
#include "pt2/internal.h"

#include <math.h>
#include <string.h>

/* ---- values by name ------------------------------------------------------------------------------------ */

/* Names stand in the text without escapes, as a rule, and need no copy to be looked up. */
static VId find_value(Model *m, const Graph *g, JVal name)
{
	size_t n = 0;
	const char *text = json_kind(name) == JSON_string ? json_text(name, &n) : NULL;
	if (!text) return 0;
	if (memchr(text, '\\', n)) {
		const char *s = json_str(m->a, name);
		return s ? graph_find(g, s) : 0;
	}
	int id = map_get(&g->by_name, text + 1, n - 2);
	return id < 0 ? 0 : id;
}

static bool value_of(Model *m, Graph *g, JVal name, Arg *out)
{
	VId id = find_value(m, g, name);
	size_t n = 0;
	const char *text = json_text(name, &n);
	if (!text) return fail(m->err, BAD_INPUT, "a value without a name");
	if (!id) return fail(m->err, BAD_INPUT, "no value is named %.*s", utf8_cut(text, n, 100), text);
	*out = arg_value(id);
	return true;
}

bool read_named_value(Model *m, Graph *g, JVal v, Arg *out)
{
	return value_of(m, g, json_key(v, "name"), out);
}

/* ---- arguments: one reader per kind of item ------------------------------------------------------------ */

static bool read_none(Model *m, Graph *g, JVal v, Arg *out)
{
	(void)m, (void)g, (void)v;
	*out = (Arg){ .kind = ARG_NONE };
	return true;
}

static bool read_int(Model *m, Graph *g, JVal v, Arg *out)
{
	(void)g;
	*out = (Arg){ .kind = ARG_INT, .i = json_int(v, 0) };
	size_t n = 0;
	const char *text = json_text(v, &n);
	if (out->i || (n == 1 && *text == '0') || (n == 2 && text[0] == '-' && text[1] == '0')) return true;
	return fail(m->err, BAD_INPUT, "'%.*s' is no integer of 64 bits", utf8_cut(text, n, 40), text ? text : "");
}

/* json.dumps with allow_nan=False: the three that JSON lacks are written as strings. */
static bool read_float(Model *m, Graph *g, JVal v, Arg *out)
{
	(void)g;
	*out = (Arg){ .kind = ARG_FLOAT, .f = json_num(v, 0) };
	if (json_kind(v) == JSON_number) return true;
	if (json_is(v, "Infinity")) out->f = INFINITY;
	else if (json_is(v, "-Infinity")) out->f = -INFINITY;
	else if (json_is(v, "NaN")) out->f = NAN;
	else return fail(m->err, BAD_INPUT, "a float that is no number");
	return true;
}

static bool read_bool(Model *m, Graph *g, JVal v, Arg *out)
{
	(void)g;
	*out = (Arg){ .kind = ARG_BOOL, .b = json_bool_or(v, false) };
	return json_kind(v) == JSON_bool || fail(m->err, BAD_INPUT, "a bool that is neither true nor false");
}

static bool read_string(Model *m, Graph *g, JVal v, Arg *out)
{
	(void)g;
	*out = (Arg){ .kind = ARG_STR, .str = json_str(m->a, v) };
	return out->str || fail(m->err, BAD_INPUT, "a string that is none, or has a NUL in it");
}

static bool read_operator(Model *m, Graph *g, JVal v, Arg *out)
{
	bool ok = read_string(m, g, v, out);
	out->kind = ARG_OPERATOR;
	return ok;
}

static bool read_complex(Model *m, Graph *g, JVal v, Arg *out)
{
	Arg re = { 0 }, im = { 0 };
	if (!read_float(m, g, json_key(v, "real"), &re) || !read_float(m, g, json_key(v, "imag"), &im))
		return false;
	*out = (Arg){ .kind = ARG_COMPLEX, .complex_ = { re.f, im.f } };
	return true;
}

static bool read_dtype(Model *m, Graph *g, JVal v, Arg *out)
{
	(void)g;
	int64_t i = json_int(v, -1);
	*out = (Arg){ .kind = ARG_DTYPE, .dtype = i > 0 && i < 256 ? dtype_from_serde((int)i) : DTYPE_none };
	return out->dtype || fail(m->err, UNSUPPORTED, "dtype %lld is not in the export schema that is known here",
		(long long)i);
}

static bool read_layout(Model *m, Graph *g, JVal v, Arg *out)
{
	bool ok = read_int(m, g, v, out);
	out->kind = ARG_LAYOUT;
	return ok;
}

static bool read_memory_format(Model *m, Graph *g, JVal v, Arg *out)
{
	bool ok = read_int(m, g, v, out);
	out->kind = ARG_MEMORY_FORMAT;
	return ok;
}

static bool read_device(Model *m, Graph *g, JVal v, Arg *out)
{
	(void)g;
	const char *type = json_str(m->a, json_key(v, "type"));
	JVal index = json_key(v, "index");
	if (!type) return fail(m->err, BAD_INPUT, "a device without a type");
	if (json_kind(index) == JSON_number)
		type = arena_printf(m->a, "%s:%lld", type, (long long)json_int(index, 0));
	*out = (Arg){ .kind = ARG_DEVICE, .str = type };
	return true;
}

/* SymIntArgument, SymFloatArgument, SymBoolArgument: the name of a value, or a number. */
static bool read_sym_arg(Model *m, Graph *g, JVal v, Arg *out)
{
	JVal x = json_first(v), kind = json_member_name(x);
	if (json_is(kind, "as_name")) return value_of(m, g, x, out);
	if (json_is(kind, "as_int")) return read_int(m, g, x, out);
	if (json_is(kind, "as_float")) return read_float(m, g, x, out);
	if (json_is(kind, "as_bool")) return read_bool(m, g, x, out);
	return fail(m->err, BAD_INPUT, "a symbolic argument that is neither a name nor a number");
}

static bool read_optional_tensor(Model *m, Graph *g, JVal v, Arg *out)
{
	JVal x = json_first(v);
	if (json_is(json_member_name(x), "as_none")) return read_none(m, g, x, out);
	return read_named_value(m, g, x, out);
}

static bool read_object(Model *m, Graph *g, JVal v, Arg *out)
{
	(void)g;
	const char *name = json_str(m->a, json_key(v, "name")),
		*class_fqn = json_str(m->a, json_key(v, "class_fqn"));
	if (!name || !class_fqn) return fail(m->err, BAD_INPUT, "a custom object without name or class");
	*out = (Arg){ .kind = ARG_OBJECT, .str = class_fqn };
	return true;
}

static bool read_subgraph(Model *m, Graph *g, JVal v, Arg *out)
{
	(void)g;
	const char *name = json_str(m->a, json_key(v, "name"));
	*out = (Arg){ .kind = ARG_GRAPH };
	if (!name) return fail(m->err, BAD_INPUT, "a graph without a name");
	return read_graph(m, json_key(v, "graph"), name, &out->graph) || err_at(m->err, "graph '%s'", name);
}

/* A dict becomes a list of [key, value] lists. */
static bool read_dict(Model *m, Graph *g, JVal v, Arg *out)
{
	if (json_kind(v) != JSON_object) return fail(m->err, BAD_INPUT, "a dict that is no object");
	*out = (Arg){ .kind = ARG_LIST, .list = { .n = json_len(v), .item = NEW(m->a, Arg, json_len(v)) } };
	Arg *item = out->list.item;
	JEACH(x, v) {
		Arg *pair = NEW(m->a, Arg, 2);
		if (!read_string(m, g, json_member_name(x), &pair[0]) || !read_arg(m, g, x, &pair[1])) return false;
		*item++ = (Arg){ .kind = ARG_LIST, .list = { .n = 2, .item = pair } };
	}
	return true;
}

typedef bool ReadItem(Model *m, Graph *g, JVal v, Arg *out);

/* schema.Argument: each member, what reads its items, and how many lists they stand in. The frequent ones
 * first. */
static const struct Member { const char *key; ReadItem *read; int lists; } members[] = {
	{ "as_tensor", read_named_value, 0 },
	{ "as_int", read_int, 0 }, { "as_ints", read_int, 1 }, { "as_int_lists", read_int, 2 },
	{ "as_bool", read_bool, 0 }, { "as_bools", read_bool, 1 },
	{ "as_none", read_none, 0 },
	{ "as_float", read_float, 0 }, { "as_floats", read_float, 1 }, { "as_float_lists", read_float, 2 },
	{ "as_tensors", read_named_value, 1 }, { "as_nested_tensors", read_named_value, 2 },
	{ "as_optional_tensor", read_optional_tensor, 0 }, { "as_optional_tensors", read_optional_tensor, 1 },
	{ "as_sym_int", read_sym_arg, 0 }, { "as_sym_ints", read_sym_arg, 1 },
	{ "as_sym_float", read_sym_arg, 0 }, { "as_sym_floats", read_sym_arg, 1 },
	{ "as_sym_bool", read_sym_arg, 0 }, { "as_sym_bools", read_sym_arg, 1 },
	{ "as_scalar_type", read_dtype, 0 }, { "as_memory_format", read_memory_format, 0 }, { "as_layout", read_layout, 0 },
	{ "as_device", read_device, 0 }, { "as_string", read_string, 0 }, { "as_strings", read_string, 1 },
	{ "as_complex", read_complex, 0 }, { "as_operator", read_operator, 0 }, { "as_graph", read_subgraph, 0 },
	{ "as_custom_obj", read_object, 0 }, { "as_string_to_argument", read_dict, 0 },
};

static bool read_items(Model *m, Graph *g, JVal v, ReadItem *read, int lists, Arg *out)
{
	if (!lists) return read(m, g, v, out);
	if (json_kind(v) != JSON_array) return fail(m->err, BAD_INPUT, "a list that is no array");
	*out = (Arg){ .kind = ARG_LIST, .list = { .n = json_len(v), .item = NEW(m->a, Arg, json_len(v)) } };
	Arg *item = out->list.item;
	JEACH(x, v) if (!read_items(m, g, x, read, lists - 1, item++)) return false;
	return true;
}

bool read_arg(Model *m, Graph *g, JVal v, Arg *out)
{
	JVal x = json_first(v), key = json_member_name(x);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (json_is(key, members[i].key)) return read_items(m, g, x, members[i].read, members[i].lists, out);
	size_t n = 0;
	const char *text = json_text(key, &n);
	return fail(m->err, UNSUPPORTED, "an argument of the unknown kind %.*s", utf8_cut(text, n, 60), text ? text : "");
}

/* ---- the values of a graph ----------------------------------------------------------------------------- */

static GraphValue *new_value(Model *m, Graph *g, JVal v, ValueKind kind)
{
	const char *name = json_member(m->a, v);
	if (!name || graph_find(g, name)) {
		fail(m->err, BAD_INPUT, "a value named '%s' %s", name ? name : "",
			name ? "stands there twice" : "has a NUL in its name");
		return NULL;
	}
	VId id = graph_value(m->p, g, name, kind);      /* moves g->value.v */
	return &g->value.v[id];
}

static bool read_tensor_value(Model *m, Graph *g, JVal v)
{
	TensorMeta t;
	GraphValue *x = new_value(m, g, v, VALUE_TENSOR);
	if (!x) return false;
	bool ok = read_tensor_meta(m, v, &t);
	if (ok && !dims_countable(t.rank, t.dim, t.stride, t.offset))
		ok = fail(m->err, BAD_INPUT, "sizes and strides of more bytes than 63 bits can count");
	if (!ok) return err_at(m->err, "tensor '%s'", x->name);
	x->dtype = t.dtype;
	x->rank = t.rank;
	x->dim = t.dim;
	x->stride = t.stride;
	x->offset = t.offset;
	return true;
}

static bool read_sym_value(Model *m, Graph *g, JVal v, ValueKind kind)
{
	GraphValue *x = new_value(m, g, v, kind);
	if (!x) return false;
	bool ok = kind == VALUE_SYMINT ? read_dim(m, v, &x->sym) : read_sym(m, v, &x->sym);
	return ok || err_at(m->err, "symbolic value '%s'", x->name);
}

static bool read_values(Model *m, Graph *g, JVal v)
{
	JEACH(x, json_key(v, "tensor_values")) if (!read_tensor_value(m, g, x)) return false;
	JEACH(x, json_key(v, "sym_int_values")) if (!read_sym_value(m, g, x, VALUE_SYMINT)) return false;
	JEACH(x, json_key(v, "sym_bool_values")) if (!read_sym_value(m, g, x, VALUE_SYMBOOL)) return false;
	JEACH(x, json_key(v, "sym_float_values")) if (!read_sym_value(m, g, x, VALUE_SYMFLOAT)) return false;
	JEACH(x, json_key(v, "custom_obj_values")) if (!new_value(m, g, x, VALUE_OBJECT)) return false;
	return true;
}

/* ---- definitions and uses ------------------------------------------------------------------------------ */

typedef struct Scope { Model *m; Graph *g; bool *defined; } Scope;

static bool define(Scope *s, VId id)
{
	if (id && s->defined[id])
		return fail(s->m->err, BAD_INPUT, "'%s' is defined twice", s->g->value.v[id].name);
	if (id) s->defined[id] = true;
	return true;
}

static bool used(const Scope *s, const Arg *a)
{
	if (a->kind == ARG_VALUE && !s->defined[a->value])
		return fail(s->m->err, BAD_INPUT, "'%s' is used before it is defined", s->g->value.v[a->value].name);
	if (a->kind != ARG_LIST) return true;
	for (int i = 0; i < a->list.n; i++) if (!used(s, &a->list.item[i])) return false;
	return true;
}

/* ---- nodes --------------------------------------------------------------------------------------------- */

static int count_values(const Arg *a)
{
	if (a->kind != ARG_LIST) return 1;
	int n = 0;
	for (int i = 0; i < a->list.n; i++) n += count_values(&a->list.item[i]);
	return n;
}

static bool flatten(Scope *s, const Arg *a, GraphNode *n)
{
	if (a->kind == ARG_LIST) {
		for (int i = 0; i < a->list.n; i++) if (!flatten(s, &a->list.item[i], n)) return false;
		return true;
	}
	if (a->kind != ARG_VALUE && a->kind != ARG_NONE)
		return fail(s->m->err, UNSUPPORTED, "an output that is no value");
	VId id = a->kind == ARG_VALUE ? a->value : 0;
	n->out[n->nout++] = id;
	return define(s, id);
}

static bool read_outputs(Scope *s, JVal v, GraphNode *n)
{
	int noutput = json_len(v), i = 0, total = 0;
	Arg *output = NEW(s->m->a, Arg, noutput);
	JEACH(x, v) {
		if (!read_arg(s->m, s->g, x, &output[i])) return err_at(s->m->err, "output %d", i);
		total += count_values(&output[i++]);
	}
	n->out = NEW(s->m->a, VId, total);
	for (i = 0; i < noutput; i++) if (!flatten(s, &output[i], n)) return err_at(s->m->err, "output %d", i);
	return true;
}

static bool read_inputs(Scope *s, JVal v, GraphNode *n)
{
	n->narg = json_len(v);
	n->arg = NEW(s->m->a, NamedArg, n->narg);
	NamedArg *a = n->arg;
	JEACH(x, v) {
		a->name = json_str(s->m->a, json_key(x, "name"));
		if (!a->name) return fail(s->m->err, BAD_INPUT, "argument %d has no name", (int)(a - n->arg));
		if (!read_arg(s->m, s->g, json_key(x, "arg"), &a->arg) || !used(s, &a->arg))
			return err_at(s->m->err, "argument %d '%s'", (int)(a - n->arg), a->name);
		a++;
	}
	return true;
}

static const char *without(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(s, prefix, n) ? s : s + n;
}

static bool read_node(Scope *s, JVal v)
{
	Arena *a = s->m->a;
	const char *target = json_str(a, json_key(v, "target"));
	JVal meta = json_key(v, "metadata");
	if (!target) return fail(s->m->err, BAD_INPUT, "node %d: no target", s->g->node.n);
	GraphNode n = {
		.target = without(target, "torch.ops."),
		.name = json_str(a, json_key(v, "name")),
		.stack_trace = json_str(a, json_key(meta, "stack_trace")),
		.nn_module_stack = json_str(a, json_key(meta, "nn_module_stack")),
		.source_fn_stack = json_str(a, json_key(meta, "source_fn_stack")),
		.torch_fn = json_str(a, json_key(meta, "torch_fn")),
		.custom = json_str(a, json_key(meta, "custom")),
	};
	if (!read_inputs(s, json_key(v, "inputs"), &n) || !read_outputs(s, json_key(v, "outputs"), &n))
		return err_at(s->m->err, "node %d (%s)", s->g->node.n, n.target);
	/* Older files do not name nodes; what a node gives has its name. */
	if (!n.name && n.nout && n.out[0]) n.name = s->g->value.v[n.out[0]].name;
	*push(a, &s->g->node) = n;
	return true;
}

/* ---- the graph ----------------------------------------------------------------------------------------- */

static bool read_args(Model *m, Graph *g, JVal v, const char *what, int *n, Arg **out)
{
	*n = json_len(v);
	*out = NEW(m->a, Arg, *n);
	int i = 0;
	JEACH(x, v) {
		if (!read_arg(m, g, x, &(*out)[i])) return err_at(m->err, "%s %d", what, i);
		i++;
	}
	return true;
}

bool read_graph(Model *m, JVal v, const char *name, Graph **out)
{
	Graph *g = *out = graph_new(m->p, name);
	JVal nodes = json_key(v, "nodes");
	if (json_kind(nodes) != JSON_array) return fail(m->err, BAD_INPUT, "no list of nodes");
	if (!read_values(m, g, v) || !read_args(m, g, json_key(v, "inputs"), "input", &g->ninput, &g->input))
		return false;

	Scope s = { m, g, NEW(m->a, bool, g->value.n) };
	for (int i = 0; i < g->ninput; i++)
		if (g->input[i].kind == ARG_VALUE && !define(&s, g->input[i].value))
			return err_at(m->err, "input %d", i);
	JEACH(x, nodes) if (!read_node(&s, x)) return false;
	if (!read_args(m, g, json_key(v, "outputs"), "output", &g->noutput, &g->output)) return false;
	for (int i = 0; i < g->noutput; i++) if (!used(&s, &g->output[i])) return err_at(m->err, "output %d", i);
	return true;
}
