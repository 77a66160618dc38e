/* A program given call by call. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

static bool open_to_calls(tshlo_program *p)
{
	if (p->err.code) return false;
	return p->built || fail(&p->err, BAD_INPUT,
		"the program was opened from a file, nothing can be added to it");
}

/* Every function: nothing once something failed, and out of memory lands in p->err. */
#define BUILD(result) \
	if (!p || !open_to_calls(p)) return result; \
	GUARD(&p->program->arena, &p->err, return result)

static Arena *arena(tshlo_program *p) { return &p->program->arena; }

static const char *copy(tshlo_program *p, const char *s)
{
	return s ? arena_str(arena(p), s, strlen(s)) : NULL;
}

static bool begin(tshlo_program *p, Err *e)
{
	GUARD(arena(p), e, return false);
	p->graph = p->program->graph = graph_new(p->program, "");
	return p->built = true;
}

tshlo_program *tshlo_program_new(tshlo_error *e)
{
	ERR(e, NULL);
	tshlo_program *p = calloc(1, sizeof *p);
	if (!p) return fail(err, NO_MEMORY, "out of memory"), NULL;
	p->program = program_new(err);
	if (p->program && begin(p, err)) return p;
	tshlo_program_free(p);
	return NULL;
}

void tshlo_program_free(tshlo_program *p)
{
	if (!p) return;
	program_free(p->program);
	err_clear(&p->err);
	free(p);
}

/* -- values ---------------------------------------------------------------------------------------------- */

int64_t tshlo_symbol(tshlo_program *p, const char *expr, int64_t hint)
{
	BUILD(-1);
	if (!given(expr, "expression of a symbol", &p->err)) return -1;
	Program *g = p->program;
	for (int i = 0; i < g->sym.n; i++)
		if (!strcmp(g->sym.v[i].expr, expr)) return ~(int64_t)i;
	*push(&g->arena, &g->sym) = (Sym){ copy(p, expr), true, hint };
	return ~(int64_t)(g->sym.n - 1);
}

void tshlo_range(tshlo_program *p, const char *symbol, int64_t min, int64_t max)
{
	BUILD();
	if (!given(symbol, "symbol of a range", &p->err)) return;
	Program *g = p->program;
	Range *range = NEW(&g->arena, Range, g->nrange + 1);
	if (g->nrange) memcpy(range, g->range, (size_t)g->nrange * sizeof *range);
	range[g->nrange++] = (Range){ copy(p, symbol), true, true, min, max };
	g->range = range;
}

static bool known_dims(tshlo_program *p, const char *name, const char *what, int rank, const int64_t *dims)
{
	for (int i = 0; i < rank; i++)
		if (dims[i] < 0 && ~dims[i] >= p->program->sym.n)
			return fail(&p->err, BAD_INPUT, "value '%s': %s %d is %lld, neither a number nor a symbol", name,
				what, i, (long long)dims[i]);
	return true;
}

static bool check_rank(tshlo_program *p, const char *name, int rank, const int64_t *dims)
{
	if (rank < 0 || rank > MAX_RANK)
		return fail(&p->err, BAD_INPUT, "'%s' has rank %d, wanted 0 to %d", name, rank, MAX_RANK);
	return !rank || given(dims, "list of sizes", &p->err);
}

static bool check_dtype(tshlo_program *p, const char *name, tshlo_dtype t)
{
	return (t > 0 && t < NDTYPES)
		|| fail(&p->err, BAD_INPUT, "'%s' has element type %d, which does not exist", name, t);
}

int tshlo_value_tensor(tshlo_program *p, const char *name, tshlo_dtype dtype, int rank, const int64_t *dims,
	const int64_t *strides, int64_t offset)
{
	BUILD(0);
	if (!given(name, "name of a value", &p->err) || !check_dtype(p, name, dtype)) return 0;
	if (!check_rank(p, name, rank, dims) || !known_dims(p, name, "size", rank, dims)) return 0;
	if (strides && !known_dims(p, name, "stride", rank, strides)) return 0;
	if (!known_dims(p, name, "offset", 1, &offset)) return 0;
	if (!dims_countable(rank, dims, strides, offset)) {
		fail(&p->err, BAD_INPUT, "value '%s' has more bytes than 63 bits can count", name);
		return 0;
	}
	VId id = graph_value(p->program, p->graph, name, VALUE_TENSOR);
	GraphValue *v = &p->graph->value.v[id];
	v->dtype = (DType)dtype;
	v->rank = rank;
	v->dim = COPY(arena(p), Dim, dims, rank);
	v->stride = strides ? COPY(arena(p), Dim, strides, rank) : NULL;
	v->offset = offset;
	return id;
}

int tshlo_value_symint(tshlo_program *p, const char *name, int64_t size)
{
	BUILD(0);
	if (!given(name, "name of a value", &p->err) || !known_dims(p, name, "size", 1, &size)) return 0;
	VId id = graph_value(p->program, p->graph, name, VALUE_SYMINT);
	p->graph->value.v[id].sym = size;
	return id;
}

static int value_of_kind(tshlo_program *p, const char *name, ValueKind kind)
{
	BUILD(0);
	return given(name, "name of a value", &p->err) ? graph_value(p->program, p->graph, name, kind) : 0;
}

int tshlo_value_symfloat(tshlo_program *p, const char *name) { return value_of_kind(p, name, VALUE_SYMFLOAT); }
int tshlo_value_symbool(tshlo_program *p, const char *name) { return value_of_kind(p, name, VALUE_SYMBOOL); }

/* -- nodes ----------------------------------------------------------------------------------------------- */

static void end_node(tshlo_program *p)
{
	if (!p->in_node) return;
	Graph *g = p->graph;
	GraphNode *n = &g->node.v[g->node.n - 1];
	n->narg = p->arg.n;
	n->arg = COPY(arena(p), NamedArg, p->arg.v, p->arg.n);
	n->nout = p->out.n;
	n->out = COPY(arena(p), VId, p->out.v, p->out.n);
	if (p->open.n) fail(&p->err, BAD_INPUT, "%s: a list argument is not ended", n->target);
	p->arg.n = p->out.n = 0;
	p->in_node = false;
}

void tshlo_node(tshlo_program *p, const char *target, const char *name, const char *stack_trace,
	const char *module_stack)
{
	BUILD();
	if (!given(target, "target of a node", &p->err)) return;
	end_node(p);
	GraphNode *n = graph_node(p->program, p->graph, target, name);
	n->stack_trace = copy(p, stack_trace);
	n->nn_module_stack = copy(p, module_stack);
	p->in_node = true;
	p->fixed = IN_NOTHING;
}

static bool in_node(tshlo_program *p, const char *what)
{
	return p->in_node || fail(&p->err, BAD_INPUT, "%s is given outside a node", what);
}

void tshlo_node_metadata(tshlo_program *p, const char *key, const char *value)
{
	BUILD();
	if (!given(key, "key of metadata", &p->err) || !in_node(p, "metadata")) return;
	GraphNode *n = &p->graph->node.v[p->graph->node.n - 1];
	if (!strcmp(key, "torch_fn")) n->torch_fn = copy(p, value);
	if (!strcmp(key, "source_fn_stack")) n->source_fn_stack = copy(p, value);
	if (!strcmp(key, "custom")) n->custom = copy(p, value);
}

static void add_arg(tshlo_program *p, const char *name, Arg x)
{
	bool plain = x.kind < ARG_DTYPE && x.kind != ARG_VALUE && x.kind != ARG_COMPLEX;
	if (!p->in_node && p->fixed != IN_NOTHING && plain) {
		*(p->fixed == IN_INPUT ? &p->input.v[p->input.n - 1].arg : &p->output.v[p->output.n - 1].arg) = x;
		return;
	}
	if (!in_node(p, "an argument")) return;
	if (p->open.n) {
		Frame *f = &p->open.v[p->open.n - 1];
		*push(arena(p), &f->item) = x;
	} else if (name) {
		*push(arena(p), &p->arg) = (NamedArg){ copy(p, name), x };
	} else {
		fail(&p->err, BAD_INPUT, "an argument outside a list has no name");
	}
}

#define ARG(kind_, ...) BUILD(); add_arg(p, name, (Arg){ .kind = kind_, __VA_ARGS__ })

static bool known_value(tshlo_program *p, int value)
{
	return (value > 0 && value < p->graph->value.n)
	    || fail(&p->err, BAD_INPUT, "value %d is used but was never made", value);
}

void tshlo_arg_value(tshlo_program *p, const char *name, int value)
{
	BUILD();
	if (known_value(p, value)) add_arg(p, name, arg_value(value));
}

void tshlo_arg_none(tshlo_program *p, const char *name) { ARG(ARG_NONE, .i = 0); }
void tshlo_arg_int(tshlo_program *p, const char *name, int64_t v) { ARG(ARG_INT, .i = v); }
void tshlo_arg_float(tshlo_program *p, const char *name, double v) { ARG(ARG_FLOAT, .f = v); }
void tshlo_arg_bool(tshlo_program *p, const char *name, bool v) { ARG(ARG_BOOL, .b = v); }
void tshlo_arg_complex(tshlo_program *p, const char *name, double re, double im)
{
	ARG(ARG_COMPLEX, .complex_ = { re, im });
}
void tshlo_arg_layout(tshlo_program *p, const char *name, int v) { ARG(ARG_LAYOUT, .i = v); }
void tshlo_arg_memory_format(tshlo_program *p, const char *name, int v) { ARG(ARG_MEMORY_FORMAT, .i = v); }

static void add_string(tshlo_program *p, const char *name, ArgKind kind, const char *v)
{
	BUILD();
	if (given(v, "string of an argument", &p->err))
		add_arg(p, name, (Arg){ .kind = kind, .str = copy(p, v) });
}

void tshlo_arg_string(tshlo_program *p, const char *name, const char *v) { add_string(p, name, ARG_STR, v); }
void tshlo_arg_device(tshlo_program *p, const char *name, const char *v)
{
	add_string(p, name, ARG_DEVICE, v);
}

void tshlo_arg_dtype(tshlo_program *p, const char *name, tshlo_dtype v)
{
	BUILD();
	if (check_dtype(p, name ? name : "dtype", v))
		add_arg(p, name, (Arg){ .kind = ARG_DTYPE, .dtype = (DType)v });
}

void tshlo_arg_ints(tshlo_program *p, const char *name, int n, const int64_t *v)
{
	BUILD();
	if (n < 0 || (n && !v)) {
		fail(&p->err, BAD_INPUT, "a list of %d integers is given as %s", n, v ? "an array" : "NULL");
		return;
	}
	Arg *item = NEW(arena(p), Arg, n + 1);
	for (int i = 0; i < n; i++) item[i] = (Arg){ .kind = ARG_INT, .i = v[i] };
	add_arg(p, name, (Arg){ .kind = ARG_LIST, .list = { n, item } });
}

void tshlo_arg_list_begin(tshlo_program *p, const char *name)
{
	BUILD();
	if (in_node(p, "a list")) *push(arena(p), &p->open) = (Frame){ .name = copy(p, name) };
}

void tshlo_arg_list_end(tshlo_program *p)
{
	BUILD();
	if (!p->open.n) { fail(&p->err, BAD_INPUT, "a list is ended that was not begun"); return; }
	Frame f = p->open.v[--p->open.n];
	add_arg(p, f.name, (Arg){ .kind = ARG_LIST, .list = { f.item.n, f.item.v } });
}

/* -- graphs as arguments ---------------------------------------------------------------------------------- */

void tshlo_graph_begin(tshlo_program *p, const char *name)
{
	BUILD();
	enum { MOST = 100 };
	if (!in_node(p, "a graph")) return;
	if (p->outer.n == MOST) { fail(&p->err, UNSUPPORTED, "graphs nested more than %d deep", MOST); return; }
	Outer o = { .graph = p->graph, .name = copy(p, name) };
	memcpy(&o.arg, &p->arg, sizeof o.arg);
	memcpy(&o.open, &p->open, sizeof o.open);
	memcpy(&o.out, &p->out, sizeof o.out);
	memcpy(&o.input, &p->graph_input, sizeof o.input);
	memcpy(&o.output, &p->graph_output, sizeof o.output);
	*push(arena(p), &p->outer) = o;
	memset(&p->arg, 0, sizeof p->arg);
	memset(&p->open, 0, sizeof p->open);
	memset(&p->out, 0, sizeof p->out);
	memset(&p->graph_input, 0, sizeof p->graph_input);
	memset(&p->graph_output, 0, sizeof p->graph_output);
	p->graph = graph_new(p->program, o.name ? o.name : "");
	p->in_node = false;
}

static bool in_graph(tshlo_program *p) { return p->outer.n || fail(&p->err, BAD_INPUT, "no graph argument was begun"); }

void tshlo_graph_input(tshlo_program *p, int value)
{
	BUILD();
	if (in_graph(p) && known_value(p, value)) *push(arena(p), &p->graph_input) = arg_value(value);
}

void tshlo_graph_output(tshlo_program *p, int value)
{
	BUILD();
	if (!in_graph(p) || (value && !known_value(p, value))) return;
	end_node(p);
	*push(arena(p), &p->graph_output) = value ? arg_value(value) : (Arg){ .kind = ARG_NONE };
}

void tshlo_graph_end(tshlo_program *p)
{
	BUILD();
	if (!in_graph(p)) return;
	end_node(p);
	Graph *g = p->graph;
	g->ninput = p->graph_input.n;
	g->input = p->graph_input.v;
	g->noutput = p->graph_output.n;
	g->output = p->graph_output.v;
	Outer o = p->outer.v[--p->outer.n];
	p->graph = o.graph;
	memcpy(&p->arg, &o.arg, sizeof o.arg);
	memcpy(&p->open, &o.open, sizeof o.open);
	memcpy(&p->out, &o.out, sizeof o.out);
	memcpy(&p->graph_input, &o.input, sizeof o.input);
	memcpy(&p->graph_output, &o.output, sizeof o.output);
	p->in_node = true;
	if (graph_check(arena(p), g, &p->err)) add_arg(p, o.name, (Arg){ .kind = ARG_GRAPH, .graph = g });
}

void tshlo_node_output(tshlo_program *p, int value)
{
	BUILD();
	if (in_node(p, "a node's output") && (!value || known_value(p, value))) *push(arena(p), &p->out) = value;
}

/* -- inputs, outputs, weights ---------------------------------------------------------------------------- */

static Arg value_or_none(int value) { return value ? arg_value(value) : (Arg){ .kind = ARG_NONE }; }

static bool check_kind(tshlo_program *p, const char *what, const char *name, unsigned kind, unsigned last,
	bool targeted, const char *target)
{
	if (kind > last)
		return fail(&p->err, BAD_INPUT, "%s '%s' is of kind %u, which does not exist", what, name, kind);
	return !targeted || target || fail(&p->err, BAD_INPUT, "%s '%s' of kind %u has no target", what, name,
		kind);
}

void tshlo_input(tshlo_program *p, tshlo_input_kind kind, const char *name, const char *target,
	bool persistent, int value)
{
	BUILD();
	if (!given(name, "name of an input", &p->err) || (value && !known_value(p, value))) return;
	if (!check_kind(p, "input", name, kind, TSHLO_INPUT_TOKEN, kind != TSHLO_INPUT_USER && value, target))
		return;
	end_node(p);
	*push(arena(p), &p->input) = (Input){ (InputKind)kind, value_or_none(value), copy(p, name),
		copy(p, target), persistent };
	p->fixed = value ? IN_NOTHING : IN_INPUT;
}

void tshlo_output(tshlo_program *p, tshlo_output_kind kind, const char *target, int value)
{
	BUILD();
	bool targeted = kind != TSHLO_OUTPUT_USER && kind != TSHLO_OUTPUT_LOSS && kind != TSHLO_OUTPUT_TOKEN;
	if (value && !known_value(p, value)) return;
	if (!check_kind(p, "output", target ? target : "", kind, TSHLO_OUTPUT_TOKEN, targeted, target)) return;
	end_node(p);
	p->fixed = value ? IN_NOTHING : IN_OUTPUT;
	*push(arena(p), &p->output) = (Output){ (OutputKind)kind, value_or_none(value), copy(p, target) };
}

void tshlo_weight(tshlo_program *p, const char *name, tshlo_dtype dtype, int rank, const int64_t *dims,
	const int64_t *strides, int64_t offset, const void *storage, size_t nbytes)
{
	BUILD();
	if (!given(name, "name of a tensor", &p->err) || !check_dtype(p, name, dtype)) return;
	if (!check_rank(p, name, rank, dims)) return;
	if (rank && !given(strides, "list of strides", &p->err)) return;
	Tensor *t = program_add_tensor(p->program, copy(p, name));
	*t = (Tensor){ t->name, (DType)dtype, rank, COPY(arena(p), int64_t, dims, rank),
		COPY(arena(p), int64_t, strides, rank), offset, storage, nbytes };
	if (!tensor_fits(t))
		fail(&p->err, BAD_INPUT, "tensor '%s' does not lie inside its %zu bytes of storage", name, nbytes);
}

void tshlo_weight_parts(tshlo_program *p, const char *name, int n, const char *const *parts)
{
	BUILD();
	if (!given(name, "name of a tensor", &p->err) || (n && !given(parts, "list of inner tensors", &p->err))) return;
	const char **part = NEW(arena(p), const char *, n < 0 ? 0 : n);
	for (int i = 0; i < n; i++) {
		if (!given(parts[i], "name of an inner tensor", &p->err)) return;
		part[i] = copy(p, parts[i]);
	}
	program_add_parts(p->program, copy(p, name), n, part);
}

void tshlo_specs(tshlo_program *p, const char *in_spec, const char *out_spec)
{
	BUILD();
	p->program->in_spec = in_spec ? copy(p, in_spec) : "";
	p->program->out_spec = out_spec ? copy(p, out_spec) : "";
}

static void hand_over(tshlo_program *p)
{
	Program *g = p->program;
	end_node(p);
	g->ninput = p->input.n;
	g->input = p->input.v;
	g->noutput = p->output.n;
	g->output = p->output.v;
	g->graph->ninput = p->input.n;
	g->graph->noutput = p->output.n;
	g->graph->input = NEW(arena(p), Arg, p->input.n + 1);
	g->graph->output = NEW(arena(p), Arg, p->output.n + 1);
	for (int i = 0; i < p->input.n; i++) g->graph->input[i] = p->input.v[i].arg;
	for (int i = 0; i < p->output.n; i++) g->graph->output[i] = p->output.v[i].arg;
}

static void finish(tshlo_program *p)
{
	GUARD(arena(p), &p->err, return);
	if (p->outer.n) {
		fail(&p->err, BAD_INPUT, "a graph argument is not ended");
		return;
	}
	hand_over(p);
	if (p->err.code || !graph_check(&p->program->arena, p->program->graph, &p->err)) return;
	unwrap_subclasses(p->program, &p->err);
}

bool program_finish(tshlo_program *p, Err *e)
{
	if (p->built && !p->err.code) finish(p);
	if (!p->err.code) return true;
	return fail(e, p->err.code, "%s", err_msg(&p->err));
}
