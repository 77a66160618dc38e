/* schema.ExportedProgram: the graph, its signature, the ranges of its symbols and the calling convention. */
#include "pt2/internal.h"

#include <string.h>

/* Major versions of torch/_export/serde/schema.py whose files are read. */
enum { OLDEST_MAJOR = 7, NEWEST_MAJOR = 8 };

static bool read_version(Model *m, JVal root)
{
	JVal version = json_key(root, "schema_version");
	int64_t major = json_int(json_key(version, "major"), -1),
		minor = json_int(json_key(version, "minor"), -1);
	const char *torch = json_str(m->a, json_key(root, "torch_version"));
	m->p->torch_version = torch ? torch : "";
	if (major < 0 || minor < 0 || minor > INT32_MAX)
		return fail(m->err, BAD_INPUT, "no schema_version with major and minor");
	if (major < OLDEST_MAJOR || major > NEWEST_MAJOR)
		return fail(m->err, UNSUPPORTED,
			"export schema version %lld.%lld (written by torch '%s'), supported are %d and %d",
			(long long)major, (long long)minor, m->p->torch_version, OLDEST_MAJOR, NEWEST_MAJOR);
	m->p->schema_major = (int)major;
	m->p->schema_minor = (int)minor;
	return true;
}

/* ---- signature: inputs --------------------------------------------------------------------------------- */

/* schema.InputSpec */
static const struct InputRow { const char *key, *target; InputKind kind; } input_rows[] = {
	{ "user_input", NULL, INPUT_USER },
	{ "parameter", "parameter_name", INPUT_PARAMETER },
	{ "buffer", "buffer_name", INPUT_BUFFER },
	{ "tensor_constant", "tensor_constant_name", INPUT_CONSTANT_TENSOR },
	{ "constant_input", NULL, INPUT_CONSTANT },
	{ "custom_obj", "custom_obj_name", INPUT_OBJECT },
	{ "token", NULL, INPUT_TOKEN },
};

/* The placeholder that the spec names must be the one at this place in the graph. */
static bool same_value(Model *m, const Arg *spec, const Arg *graph)
{
	if (spec->kind != ARG_VALUE || graph->kind != ARG_VALUE || spec->value == graph->value) return true;
	const GraphValue *v = m->p->graph->value.v;
	return fail(m->err, BAD_INPUT, "the signature has '%s' where the graph has '%s'", v[spec->value].name,
		v[graph->value].name);
}

static bool read_input_arg(Model *m, const struct InputRow *row, JVal x, int i, Input *in)
{
	Graph *g = m->p->graph;
	JVal arg = json_key(x, "arg");
	if (row->kind == INPUT_CONSTANT) {
		in->name = json_str(m->a, json_key(x, "name"));
		if (!in->name) return fail(m->err, BAD_INPUT, "a constant input without a name");
		return read_arg(m, g, json_key(x, "value"), &in->arg);
	}
	if (row->kind == INPUT_USER) {
		if (!read_arg(m, g, arg, &in->arg)) return false;
	} else if (row->kind == INPUT_OBJECT || row->kind == INPUT_TOKEN) {
		in->arg = g->input[i];
	} else if (!read_named_value(m, g, arg, &in->arg)) {
		return false;
	}
	const char *name = json_str(m->a, json_key(row->kind == INPUT_USER ? json_first(arg) : arg, "name"));
	if (in->arg.kind == ARG_VALUE) name = g->value.v[in->arg.value].name;
	in->name = name ? name : arena_printf(m->a, "input_%d", i);
	return same_value(m, &in->arg, &g->input[i]);
}

static bool read_input(Model *m, JVal spec, int i, Input *in)
{
	JVal x = json_first(spec), key = json_member_name(x);
	const struct InputRow *row = input_rows, *end = input_rows + sizeof input_rows / sizeof *input_rows;
	while (row < end && !json_is(key, row->key)) row++;
	size_t n = 0;
	const char *text = json_text(key, &n);
	if (row == end)
		return fail(m->err, UNSUPPORTED, "unknown kind %.*s", utf8_cut(text, n, 60), text ? text : "");
	in->kind = row->kind;
	in->persistent = json_bool_or(json_key(x, "persistent"), true);
	if (row->target && !(in->target = json_str(m->a, json_key(x, row->target))))
		return fail(m->err, BAD_INPUT, "no %s", row->target);
	return read_input_arg(m, row, x, i, in);
}

static bool read_input_specs(Model *m, JVal specs)
{
	Program *p = m->p;
	p->ninput = json_len(specs);
	if (p->ninput != p->graph->ninput)
		return fail(m->err, BAD_INPUT, "the signature has %d inputs, the graph %d", p->ninput, p->graph->ninput);
	p->input = NEW(m->a, Input, p->ninput);
	int i = 0;
	JEACH(x, specs) {
		Input *in = &p->input[i];
		if (!read_input(m, x, i, in)) return err_at(m->err, "signature: input %d", i);
		if (in->kind == INPUT_USER) map_set(&m->user_input, in->name, strlen(in->name), i);
		if (in->target) map_set(&m->stored_input, in->target, strlen(in->target), i);
		i++;
	}
	return true;
}

/* ---- signature: outputs -------------------------------------------------------------------------------- */

/* schema.OutputSpec */
static const struct OutputRow { const char *key, *target; OutputKind kind; } output_rows[] = {
	{ "user_output", NULL, OUTPUT_USER },
	{ "buffer_mutation", "buffer_name", OUTPUT_BUFFER_MUTATION },
	{ "parameter_mutation", "parameter_name", OUTPUT_PARAMETER_MUTATION },
	{ "user_input_mutation", "user_input_name", OUTPUT_USER_INPUT_MUTATION },
	{ "loss_output", NULL, OUTPUT_LOSS },
	{ "gradient_to_parameter", "parameter_name", OUTPUT_GRAD_TO_PARAMETER },
	{ "gradient_to_user_input", "user_input_name", OUTPUT_GRAD_TO_USER_INPUT },
	{ "token", NULL, OUTPUT_TOKEN },
};

/* Whether an input is what a mutation or gradient says it belongs to. */
static bool target_exists(const Model *m, OutputKind kind, const char *target)
{
	bool user = kind == OUTPUT_USER_INPUT_MUTATION || kind == OUTPUT_GRAD_TO_USER_INPUT;
	return map_get(user ? &m->user_input : &m->stored_input, target, strlen(target)) >= 0;
}

static bool read_output(Model *m, JVal spec, int i, Output *out)
{
	JVal x = json_first(spec), key = json_member_name(x), arg = json_key(x, "arg");
	const struct OutputRow *row = output_rows, *end = output_rows + sizeof output_rows / sizeof *output_rows;
	while (row < end && !json_is(key, row->key)) row++;
	size_t n = 0;
	const char *text = json_text(key, &n);
	if (row == end)
		return fail(m->err, UNSUPPORTED, "unknown kind %.*s", utf8_cut(text, n, 60), text ? text : "");
	out->kind = row->kind;
	if (row->target) {
		out->target = json_str(m->a, json_key(x, row->target));
		if (!out->target) return fail(m->err, BAD_INPUT, "no %s", row->target);
		if (!target_exists(m, out->kind, out->target))
			return fail(m->err, BAD_INPUT, "no input is '%s'", out->target);
	}
	Graph *g = m->p->graph;
	if (row->kind == OUTPUT_TOKEN) out->arg = g->output[i];
	else if (!(row->kind == OUTPUT_USER ? read_arg : read_named_value)(m, g, arg, &out->arg)) return false;
	return same_value(m, &out->arg, &g->output[i]);
}

static bool read_output_specs(Model *m, JVal specs)
{
	Program *p = m->p;
	p->noutput = json_len(specs);
	if (p->noutput != p->graph->noutput)
		return fail(m->err, BAD_INPUT, "the signature has %d outputs, the graph %d", p->noutput, p->graph->noutput);
	p->output = NEW(m->a, Output, p->noutput);
	int i = 0;
	JEACH(x, specs) {
		if (!read_output(m, x, i, &p->output[i])) return err_at(m->err, "signature: output %d", i);
		i++;
	}
	return true;
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

/* schema.RangeConstraint: null, or "Infinity" as torch 2.5 wrote it, is no bound. */
static bool read_ranges(Model *m, JVal v)
{
	Program *p = m->p;
	p->range = NEW(m->a, Range, json_len(v));
	JEACH(x, v) {
		Range *r = &p->range[p->nrange++];
		JVal min = json_key(x, "min_val"), max = json_key(x, "max_val");
		r->symbol = json_member(m->a, x);
		if (!r->symbol) return fail(m->err, BAD_INPUT, "range_constraints: a symbol with a NUL in its name");
		r->has_min = json_kind(min) == JSON_number;
		r->has_max = json_kind(max) == JSON_number;
		r->min = json_int(min, INT64_MIN);
		r->max = json_int(max, INT64_MAX);
	}
	return true;
}

/* The entry of the whole module is the one whose fqn is empty. */
static bool read_calling_convention(Model *m, JVal entries)
{
	Program *p = m->p;
	JVal signature = { 0 };
	JEACH(x, entries) {
		if (!json_is(json_key(x, "fqn"), "")) continue;
		signature = json_key(x, "signature");
		break;
	}
	const char *in = json_str(m->a, json_key(signature, "in_spec"));
	const char *out = json_str(m->a, json_key(signature, "out_spec"));
	if (in) p->in_spec = in;
	if (out) p->out_spec = out;
	JVal names = json_key(signature, "forward_arg_names");
	p->user_name = NEW(m->a, const char *, json_len(names));
	JEACH(x, names) {
		const char *name = json_str(m->a, x);
		if (!name) return fail(m->err, BAD_INPUT, "forward_arg_names: item %d is no name", p->nuser_name);
		p->user_name[p->nuser_name++] = name;
	}
	return true;
}

bool read_model(Model *m, const Json *doc, const char *name)
{
	JVal root = json_root(doc), module = json_key(root, "graph_module"),
		signature = json_key(module, "signature");
	if (!read_version(m, root)) return false;
	if (json_kind(module) != JSON_object) return fail(m->err, BAD_INPUT, "no graph_module");
	return read_graph(m, json_key(module, "graph"), name, &m->p->graph) &&
		read_input_specs(m, json_key(signature, "input_specs")) &&
		read_output_specs(m, json_key(signature, "output_specs")) &&
		read_ranges(m, json_key(root, "range_constraints")) &&
		read_calling_convention(m, json_key(module, "module_call_graph"));
}
