#include "savedmodel/plan.h"

#include <string.h>

#include "base/json.h"

/* -- types ----------------------------------------------------------------------------------------------- */

static bool set_type(Plan *p, Port *port, DType t, const char *method, const char *what, const char *name)
{
	port->dtype = t;
	port->type = dtype_info(t)->tf;
	if (port->type) return true;
	return fail(p->e, UNSUPPORTED, "method '%s': %s '%s' is %s, which TensorFlow has no type for", method, what, name,
		dtype_name(t));
}

const int64_t *signature_dims(Arena *a, const Signature *s)
{
	int64_t *dim = NEW(a, int64_t, s->rank + 1);
	for (int i = 0; i < s->rank; i++) dim[i] = signature_dim(s, i);
	return dim;
}

/* -- what a method's parameters are ---------------------------------------------------------------------- */

typedef struct Binder {
	Plan *p;
	Map tensor;                 /* state dict name -> number in parts->tensor */
	int *state, *constant;      /* [ntensor], [nconstant] the variable that it became, -1: none yet */
	int *captured_as;           /* [ntensor + nconstant] where the method at hand has a variable, -1: nowhere */
} Binder;

/* The variable that holds t: what no method reads or writes becomes none. */
static bool variable_of(Plan *p, const BundleTensor *t, const char *name, int *variable)
{
	if (*variable >= 0) return true;
	int i = *variable = p->nvariable++, type = dtype_info(t->array.dtype)->tf;
	p->variable[i] = (Variable){ .name = node_name(p, as_node_name(p->a, name)), .from = t, .type = type,
		.key = arena_printf(p->a, "variables/%d/.ATTRIBUTES/VARIABLE_VALUE", i) };
	return type || fail(p->e, UNSUPPORTED, "weight '%s' is %s, which TensorFlow has no type for", name,
		npy_str(p->a, &t->array));
}

static int capture(Binder *b, Served *s, int variable)
{
	int *at = &b->captured_as[variable];
	if (*at >= 0) return *at;
	s->captured[s->ncaptured] = variable;
	return *at = s->ncaptured++;
}

static bool bind_state(Binder *b, Served *s, const char *name, int *captured)
{
	int i = map_get(&b->tensor, name, strlen(name));
	if (i < 0)
		return fail(b->p->e, BAD_INPUT, "method '%s' needs the weight '%s', which is not there: it was saved without weights",
			s->f->meta.name, name);
	if (!variable_of(b->p, &b->p->parts->tensor[i], name, &b->state[i])) return false;
	*captured = capture(b, s, b->state[i]);
	return true;
}

/* Small constants are nodes of the graph. */
static bool bind_constant(Binder *b, Served *s, int i, Source *out)
{
	Plan *p = b->p;
	size_t most = p->opt->inline_nbytes ? p->opt->inline_nbytes : 1024;
	if (i >= p->parts->nconstant)
		return fail(p->e, BAD_INPUT, "method '%s' needs constant %d, of which there are %d", s->f->meta.name, i,
			p->parts->nconstant);
	const BundleTensor *t = &p->parts->constant[i];
	*out = (Source){ SOURCE_CONSTANT, i };
	if (npy_count(&t->array) * npy_itemsize(&t->array) <= most) return true;
	if (!variable_of(p, t, arena_printf(p->a, "constant_%d", i), &b->constant[i])) return false;
	*out = (Source){ SOURCE_VARIABLE, capture(b, s, b->constant[i]) };
	return true;
}

static bool bind_parameter(Binder *b, Served *s, const int *input_at, int i)
{
	const Location *at = &s->f->meta.input_location[i];
	Source *out = &s->source[i];
	*out = (Source){ .kind = at->kind == LOCATION_INPUT_ARG ? SOURCE_INPUT : SOURCE_VARIABLE };
	if (at->kind == LOCATION_PARAMETER) return bind_state(b, s, at->name, &out->i);
	if (at->kind == LOCATION_CONSTANT) return bind_constant(b, s, at->position, out);
	out->i = input_at[at->position];
	return true;
}

static bool is_user(const Result *r) { return r->kind == RESULT_USER || r->kind == RESULT_LOSS; }
static bool is_gradient(const Result *r) { return r->kind == RESULT_PARAMETER_GRADIENT || r->kind == RESULT_INPUT_GRADIENT; }

static bool bind_results(Binder *b, Served *s)
{
	const FunctionMeta *m = &s->f->meta;
	s->written = NEW(b->p->a, int, m->noutput + 1);
	for (int i = 0; i < m->noutput; i++) {
		const Result *r = m->result ? &m->result[i] : NULL;
		s->written[i] = -1;
		if (!r || is_user(r) || is_gradient(r)) continue;
		if (r->kind == RESULT_INPUT_MUTATION)
			return fail(b->p->e, UNSUPPORTED, "method '%s' writes to its input '%s'; an input of a SavedModel cannot be written",
				m->name, r->target);
		if (!bind_state(b, s, r->target, &s->written[i])) return false;
	}
	return true;
}

/* -- inputs ---------------------------------------------------------------------------------------------- */

static const SignatureOptions *options_of(const Plan *p, int served)
{
	static const SignatureOptions none = { 0 };
	for (int i = 0; i < p->opt->nsignature; i++) {
		const char *method = p->opt->signature[i].method;
		if (method ? !strcmp(method, p->parts->function[served].meta.name) : served == p->main) return &p->opt->signature[i];
	}
	return &none;
}

/* The type of the user's input at a position: a parameter's of the module, or that of an input which
 * nothing depends on. NULL: it is no tensor. torch_xla keeps Python numbers that it baked in as unused
 * inputs, and gives them types. */
static const Signature *input_signature(const FunctionMeta *m, int position)
{
	static const Signature i32 = { .dtype = DTYPE_i32 }, f32 = { .dtype = DTYPE_f32 };
	for (int i = 0; i < m->ninput; i++) {
		const Location *at = &m->input_location[i];
		if (at->kind == LOCATION_INPUT_ARG && at->position == position) return &m->input_signature[i];
	}
	for (int i = 0; i < m->nunused; i++) {
		const UnusedInput *u = &m->unused_input[i];
		if (u->location.position != position) continue;
		if (u->signature.dtype) return &u->signature;
		const char *type = u->signature.other_type ? u->signature.other_type : "";
		return !strcmp(type, "int") ? &i32 : !strcmp(type, "float") ? &f32 : NULL;
	}
	return NULL;
}

static bool is_fixed(const FunctionMeta *m, int position)
{
	for (int i = 0; i < m->nfixed_input; i++)
		if (m->fixed_input[i].position == position) return true;
	return false;
}

static int count_positions(const FunctionMeta *m)
{
	int n = 0;
	for (int i = 0; i < m->ninput; i++)
		if (m->input_location[i].position >= n && m->input_location[i].kind == LOCATION_INPUT_ARG)
			n = m->input_location[i].position + 1;
	for (int i = 0; i < m->nunused; i++)
		if (m->unused_input[i].location.position >= n) n = m->unused_input[i].location.position + 1;
	return n;
}

static const char *input_name(Plan *p, const FunctionMeta *m, int position)
{
	const char *name = position < m->nuser_name ? m->user_name[position] : "";
	return *name ? as_argument_name(p->a, name) : arena_printf(p->a, "args_%d", position);
}

/* input_at[position]: which of s->in stands there. */
static bool plan_inputs(Plan *p, Served *s, int *input_at, int npositions)
{
	const FunctionMeta *m = &s->f->meta;
	Map taken = { .arena = p->a };
	s->in = NEW(p->a, Port, npositions + 1);
	for (int i = 0; i < npositions; i++) {
		const Signature *t = is_fixed(m, i) ? NULL : input_signature(m, i);
		if (!t) continue;
		Port *in = &s->in[s->nin];
		*in = (Port){ .name = unique(p->a, &taken, input_name(p, m, i)), .rank = t->rank, .dim = signature_dims(p->a, t) };
		if (!set_type(p, in, t->dtype, m->name, "input", in->name)) return false;
		input_at[i] = s->nin++;
	}
	return true;
}

/* -- outputs --------------------------------------------------------------------------------------------- */

static const Fixed *fixed_output(const FunctionMeta *m, int position)
{
	for (int i = 0; i < m->nfixed_output; i++)
		if (m->fixed_output[i].position == position) return &m->fixed_output[i];
	return NULL;
}

/* Numbers have Python's types as TensorFlow converts them: int to int64, since they are torch's, float to
 * float32. */
static Port fixed_port(Arena *a, const char *json)
{
	Err ignored = { 0 };
	const Json *doc = json_parse(a, json, strlen(json), "value", &ignored);
	err_clear(&ignored);
	JVal v = doc ? json_root(doc) : (JVal){ 0 };
	Port out = { .result = -1, .fixed = json };
	switch (json_kind(v)) {
	case JSON_bool:   out.dtype = DTYPE_bool; break;
	case JSON_number: out.dtype = strpbrk(json, ".eEnNI") ? DTYPE_f32 : DTYPE_i64; break;
	default: break;              /* None: left out */
	}
	out.type = json_kind(v) == JSON_string ? DT_STRING : dtype_info(out.dtype)->tf;
	return out;
}

static bool plan_output(Plan *p, Served *s, int result, const char *name)
{
	const Signature *t = &s->f->meta.output_signature[result];
	Port *out = &s->out[s->nout++];
	*out = (Port){ .rank = t->rank, .dim = signature_dims(p->a, t), .result = result };
	return set_type(p, out, t->dtype, s->f->meta.name, "output", name);
}

/* Result after result where no baked-in value stands; s->leaf says what stands where. */
static bool place_outputs(Plan *p, Served *s, int *nleaf)
{
	const FunctionMeta *m = &s->f->meta;
	s->out = NEW(p->a, Port, m->noutput + m->nfixed_output + 1);
	s->leaf = NEW(p->a, int, m->noutput + m->nfixed_output + 1);
	for (int result = 0, at = 0;; at++) {
		const Fixed *f = fixed_output(m, at);
		while (!f && result < m->noutput && m->result && !is_user(&m->result[result])) result++;
		if (!f && result >= m->noutput) return *nleaf = at, true;
		s->leaf[at] = s->nout;
		Port fixed = f ? fixed_port(p->a, f->json) : (Port){ 0 };
		if (f && !fixed.type) s->leaf[at] = -1;
		else if (f) s->out[s->nout++] = fixed;
		else if (!plan_output(p, s, result++, arena_printf(p->a, "output_%d", at))) return false;
	}
}

/* A parameter and an input of one name: the input's is the one that is given. */
static bool is_hidden(const FunctionMeta *m, const Result *r)
{
	for (int i = 0; i < m->noutput && r->kind == RESULT_PARAMETER_GRADIENT; i++)
		if (m->result[i].kind == RESULT_INPUT_GRADIENT && !strcmp(m->result[i].target, r->target)) return true;
	return false;
}

/* How the model's outputs and the gradients nest: the pair (outputs, {name: gradient}), as in Python. */
static const Nest *pair_of(Arena *a, const Nest *outputs, int noutput, const char *const *name, int ngradient)
{
	Nest *pair = NEW(a, Nest, 2), *whole = NEW(a, Nest, 1);
	Nest list = { .kind = NEST_LIST, .n = noutput, .child = NEW(a, Nest, noutput + 1) };
	pair[0] = outputs ? *outputs : list;
	pair[1] = (Nest){ .kind = NEST_DICT, .n = ngradient, .child = NEW(a, Nest, ngradient + 1), .key = name };
	*whole = (Nest){ .kind = NEST_TUPLE, .n = 2, .child = pair };
	return whole;
}

/* Gradients come after the outputs, of which there are nleaf, as gradient_NAME. */
static bool plan_gradients(Plan *p, Served *s, int nleaf, Map *taken)
{
	const FunctionMeta *m = &s->f->meta;
	const char **name = NEW(p->a, const char *, m->noutput + 1);
	int n = 0;
	for (int i = 0; i < m->noutput && m->result; i++) {
		const Result *r = &m->result[i];
		if (!is_gradient(r) || is_hidden(m, r)) continue;
		const char *port = as_node_name(p->a, arena_printf(p->a, "gradient_%s", r->target));
		s->leaf[nleaf + n] = s->nout;
		if (!plan_output(p, s, i, port)) return false;
		s->out[s->nout - 1].name = unique(p->a, taken, port);
		name[n++] = r->target;
	}
	if (n) s->nest = pair_of(p->a, s->nest, nleaf, name, n);
	return true;
}

/* The model's own nesting names them where it is known, and torch_xla's way is TensorFlow's: output_0,
 * output_1, ... */
static bool plan_outputs(Plan *p, Served *s)
{
	const FunctionMeta *m = &s->f->meta;
	Map taken = { .arena = p->a };
	int nleaf = 0, nnest = 0;
	if (!place_outputs(p, s, &nleaf)) return false;
	if (m->output_pytree_spec && m->nuser_name) s->nest = nest_read(p->a, m->output_pytree_spec, &nnest);
	if (nnest != nleaf) s->nest = NULL;
	const char **name = s->nest ? nest_names(p->a, s->nest, nnest) : NULL;
	for (int i = 0; i < nleaf; i++) {
		if (s->leaf[i] < 0) continue;
		const char *plain = arena_printf(p->a, "output_%d", s->leaf[i]);
		s->out[s->leaf[i]].name = unique(p->a, &taken, name && *name[i] ? as_node_name(p->a, name[i]) : plain);
	}
	return plan_gradients(p, s, nleaf, &taken);
}

/* -- the user's choices ---------------------------------------------------------------------------------- */

typedef struct NameRule { const char *what; bool (*ok)(const char *s); const char *wanted; } NameRule;
static const NameRule input_rule = { "input", is_argument_name, "a letter, then letters, digits and '_', and no word of Python's" },
	output_rule = { "output", is_node_name, "a letter, digit or '.', then those, '_', '-', '/' and '\\'" };

static bool rename_ports(Plan *p, const char *method, const NameRule *rule, Port *port, int nport,
	const char *const *name, int nname)
{
	Map taken = { .arena = p->a };
	if (!nname) return true;
	if (nname != nport)
		return fail(p->e, BAD_INPUT, "method '%s': %d %s names are given, it has %d", method, nname, rule->what, nport);
	for (int i = 0; i < nname; i++) {
		if (!rule->ok(name[i]))
			return fail(p->e, BAD_INPUT, "method '%s': TensorFlow takes no %s called '%s'; wanted %s", method, rule->what,
				name[i], rule->wanted);
		if (map_set(&taken, name[i], strlen(name[i]), i) >= 0)
			return fail(p->e, BAD_INPUT, "method '%s': two %ss are called '%s'", method, rule->what, name[i]);
		port[i].name = name[i];
	}
	return true;
}

static bool choose_key(Plan *p, Served *s, const SignatureOptions *o, int i)
{
	s->key = o->key ? o->key : i == p->main ? "serving_default" : s->f->meta.name;
	s->alias = o->alias && *o->alias ? o->alias : NULL;
	if (!*s->key || !strncmp(s->key, "__saved_model_", 14) || !is_utf8(s->key, strlen(s->key)))
		return fail(p->e, BAD_INPUT, "a signature cannot be called '%s'", s->key);
	for (int k = 0; k < i; k++)
		if (!strcmp(p->served[k].key, s->key))
			return fail(p->e, BAD_INPUT, "the methods '%s' and '%s' both have the signature '%s'; give one another key",
				p->served[k].f->meta.name, s->f->meta.name, s->key);
	return true;
}

/* -- a method -------------------------------------------------------------------------------------------- */

static void name_functions(Plan *p, Served *s, int i)
{
	const char *name = as_node_name(p->a, s->f->meta.name);
	s->body = arena_printf(p->a, "__inference_%s_%d", name, 2 * i);
	s->wrapper = arena_printf(p->a, "__inference_signature_wrapper_%s_%d", name, 2 * i + 1);
	s->call = node_name(p, "StatefulPartitionedCall");
}

/* -- TensorFlow's order (tensorflow/python/util/nest.py): dicts by their keys ---------------------------- */

/* The places of n strings in the order of their bytes; NULL: as they stand. They are few. */
static int *order_of(Arena *a, const char *const *s, int n)
{
	int *order = NEW(a, int, n + 1);
	for (int i = 0; i < n; i++) {
		int k = i;
		for (; s && k && strcmp(s[order[k - 1]], s[i]) > 0; k--) order[k] = order[k - 1];
		order[k] = i;
	}
	return order;
}

static int count_leaves(const Nest *n)
{
	int count = n->kind == NEST_LEAF;
	for (int i = 0; i < n->n; i++) count += count_leaves(&n->child[i]);
	return count;
}

/* leaves[0..*n): the leaves below `nest`, whose first is number `first`, in TensorFlow's order. */
static void order_leaves(Arena *a, const Nest *nest, int first, int *leaves, int *n)
{
	int *order = order_of(a, nest->key, nest->n), *start = NEW(a, int, nest->n + 1);
	if (nest->kind == NEST_LEAF) leaves[(*n)++] = first;
	for (int i = 0; i < nest->n; i++, first += count_leaves(&nest->child[i - 1])) start[i] = first;
	for (int i = 0; i < nest->n; i++) order_leaves(a, &nest->child[order[i]], start[order[i]], leaves, n);
}

static void order_outputs(Plan *p, Served *s)
{
	if (!s->nest) return;
	int nleaf = count_leaves(s->nest), n = 0, nout = 0;
	int *leaves = NEW(p->a, int, nleaf + 1), *leaf = NEW(p->a, int, nleaf + 1);
	Port *out = NEW(p->a, Port, s->nout + 1);
	order_leaves(p->a, s->nest, 0, leaves, &n);
	for (int i = 0; i < n; i++) {
		int from = s->leaf[leaves[i]];
		leaf[leaves[i]] = from < 0 ? -1 : nout;
		if (from >= 0) out[nout++] = s->out[from];
	}
	s->out = out;
	s->leaf = leaf;
}

static int *order_by_name(Arena *a, const Port *port, int n)
{
	const char **name = NEW(a, const char *, n + 1);
	for (int i = 0; i < n; i++) name[i] = port[i].name;
	return order_of(a, name, n);
}

/* TensorFlow would find out when the first request comes. The header: MLIR's magic number, a version, the producer. */
static bool check_bytecode(Plan *p, const BundleFunction *f)
{
	if (!f->bytecode) return fail(p->e, BAD_INPUT, "method '%s' has no bytecode", f->meta.name);
	if (is_bytecode(f->bytecode, f->bytecode_nbytes)) return true;
	return fail(p->e, BAD_INPUT, "method '%s': its bytecode is no MLIR bytecode, it does not start with its magic number",
		f->meta.name);
}

static bool plan_method(Plan *p, Binder *b, int i)
{
	Served *s = &p->served[i];
	const FunctionMeta *m = &p->parts->function[i].meta;
	int npositions = count_positions(m);
	const SignatureOptions *o = options_of(p, i);
	*s = (Served){ .f = &p->parts->function[i], .source = NEW(p->a, Source, m->ninput + 1),
		.captured = NEW(p->a, int, m->ninput + m->noutput + 1) };
	if (npositions > m->ninput + m->nunused + m->nfixed_input)
		return fail(p->e, BAD_INPUT, "method '%s': an input has position %d, of %d inputs", m->name, npositions - 1,
			m->ninput + m->nunused);
	if (!check_bytecode(p, s->f)) return false;
	int *input_at = NEW(p->a, int, npositions + 1);
	for (int v = 0; v < p->nvariable; v++) b->captured_as[v] = -1;      /* of the method before */
	if (!choose_key(p, s, o, i) || !plan_inputs(p, s, input_at, npositions) || !plan_outputs(p, s)) return false;
	for (int k = 0; k < m->ninput; k++)
		if (!bind_parameter(b, s, input_at, k)) return false;
	if (!bind_results(b, s)) return false;
	name_functions(p, s, i);
	if (!rename_ports(p, m->name, &input_rule, s->in, s->nin, o->input, o->ninput)) return false;
	if (!rename_ports(p, m->name, &output_rule, s->out, s->nout, o->output, o->noutput)) return false;
	order_outputs(p, s);
	s->in_by_name = order_by_name(p->a, s->in, s->nin);
	s->out_by_name = order_by_name(p->a, s->out, s->nout);
	return true;
}

/* -- all of it ------------------------------------------------------------------------------------------- */

static int find_method(const BundleParts *parts, const char *name)
{
	for (int i = 0; i < parts->nfunction; i++)
		if (!strcmp(parts->function[i].meta.name, name)) return i;
	return -1;
}

static bool check_options(Plan *p)
{
	static const char *const known[] = { "CPU", "CUDA", "ROCM", "TPU" };
	for (int i = 0; i < p->opt->nsignature; i++) {
		const char *method = p->opt->signature[i].method;
		if (method && find_method(p->parts, method) < 0)
			return fail(p->e, BAD_INPUT, "there is no method '%s' to make a signature of", method);
	}
	for (int i = 0; i < p->opt->nplatform; i++) {
		int k = 0;
		while (k < 4 && strcmp(known[k], p->opt->platform[i])) k++;
		if (k == 4)
			return fail(p->e, BAD_INPUT, "the platform is '%s', wanted CPU, CUDA, ROCM or TPU", p->opt->platform[i]);
	}
	return true;
}

/* Attributes of the loaded object that are no methods. */
static void name_methods(Plan *p)
{
	static const char *const own[] = { "variables", "signatures", "f", "serve", "graph_debug_info", "tensorflow_version" };
	Map taken = { .arena = p->a };
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) map_set(&taken, own[i], strlen(own[i]), 1);
	for (int i = 0; i < p->nserved; i++)
		p->served[i].name = unique(p->a, &taken, as_argument_name(p->a, p->served[i].f->meta.name));
}

const char *node_name(Plan *p, const char *wanted) { return unique(p->a, &p->node, wanted); }

static int *none_yet(Arena *a, int n)
{
	int *v = NEW(a, int, n + 1);
	for (int i = 0; i < n; i++) v[i] = -1;
	return v;
}

bool plan_make(Plan *p)
{
	const BundleParts *parts = p->parts;
	int most = parts->ntensor + parts->nconstant;
	Binder b = { .p = p, .tensor = { .arena = p->a }, .state = none_yet(p->a, parts->ntensor),
		.constant = none_yet(p->a, parts->nconstant), .captured_as = none_yet(p->a, most) };
	p->node.arena = p->a;
	p->main = find_method(parts, "forward") > 0 ? find_method(parts, "forward") : 0;
	if (!check_options(p)) return false;
	for (int i = 0; i < parts->ntensor; i++) map_set(&b.tensor, parts->tensor[i].name, strlen(parts->tensor[i].name), i);
	p->variable = NEW(p->a, Variable, most + 1);
	p->nserved = parts->nfunction;
	p->served = NEW(p->a, Served, p->nserved + 1);
	for (int i = 0; i < p->nserved; i++)
		if (!plan_method(p, &b, i)) return false;
	name_methods(p);
	return true;
}
