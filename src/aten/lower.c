/* The driver: every node through its rule, in order. */
#include "aten/ctx.h"

#include "stablehlo/composite.h"

#include <stdio.h>
#include <string.h>

const char *rule_name(int i) { return i >= 0 && i < nrules ? rule_table[i].target : NULL; }

bool has_rule(const char *target)
{
	for (int i = 0; i < nrules; i++)
		if (!strcmp(rule_table[i].target, target)) return true;
	return false;
}

bool names_rule(const char *name)
{
	for (int i = 0; i < nrules; i++)
		if (target_named(name, rule_table[i].target)) return true;
	return false;
}

static void index_rules(Map *m)
{
	for (int i = 0; i < nrules; i++) map_set(m, rule_table[i].target, strlen(rule_table[i].target), i);
}

/* -- missing ops ----------------------------------------------------------------------------------------- */

typedef struct Missing { const char *target; int count; const char *line; } Missing;

/* Operators of the user's own: what can be done about them. */
static const char custom_advice[] =
	"\nOperators outside aten are a library's or your own: allowed by name, each becomes a stablehlo.custom_call"
	" (custom_ops_allowed_in_graph, --custom-op), which the device's plugin has to know; else write them with torch's operators.";

static bool is_own(const char *target)
{
	static const char *const torchs[] = { "aten.", "prims.", "_operator.", "higher_order.", "math.", "torch.", "builtins.", "quantized_decomposed.", "export." };
	for (size_t i = 0; i < sizeof torchs / sizeof *torchs; i++)
		if (!strncmp(target, torchs[i], strlen(torchs[i]))) return false;
	return true;
}

const char *advice(const char *target)
{
	static const struct { const char *op, *why; } refused[] = {
#define REFUSED(op, why) { op, ": " why },
#include "aten/refused.def"
#undef REFUSED
	};
	const char *dot = strrchr(target, '.');
	size_t n = dot ? (size_t)(dot - target) : strlen(target);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (strlen(refused[i].op) == n && !strncmp(refused[i].op, target, n)) return refused[i].why;
	return "";
}

typedef struct Search {
	Arena *a;
	const LowerOptions *opt;
	Map rules, seen;
	VEC(Missing) missing;
} Search;

static void search_graph(Search *s, const Graph *g);

/* Branches and bodies. */
static void search_arg(Search *s, const Arg *x)
{
	if (x->kind == ARG_GRAPH) search_graph(s, x->graph);
	for (int i = 0; x->kind == ARG_LIST && i < x->list.n; i++) search_arg(s, &x->list.item[i]);
}

static void search_node(Search *s, const GraphNode *g)
{
	size_t len = strlen(g->target);
	for (int i = 0; i < g->narg; i++) search_arg(s, &g->arg[i].arg);
	if (map_get(&s->rules, g->target, len) >= 0 || is_custom(g->target, s->opt)) return;
	int at = map_get(&s->seen, g->target, len);
	if (at < 0) {
		at = s->missing.n;
		map_set(&s->seen, g->target, len, at);
		*push(s->a, &s->missing) = (Missing){ g->target, 0, user_line(s->a, g->stack_trace) };
	}
	s->missing.v[at].count++;
}

static void search_graph(Search *s, const Graph *g)
{
	for (int i = 0; i < g->node.n; i++) search_node(s, &g->node.v[i]);
}

bool check_ops(const Program *p, const LowerOptions *opt, Err *e)
{
	Arena a = { 0 };
	jmp_buf full;
	if (setjmp(full)) {
		arena_free(&a);
		return fail(e, NO_MEMORY, "out of memory");
	}
	a.full = &full;
	Search s = { .a = &a, .opt = opt, .rules = { &a, 0, 0, 0 }, .seen = { &a, 0, 0, 0 } };
	index_rules(&s.rules);
	search_graph(&s, p->graph);
	Buf list = { 0 };
	bool own = false;
	for (int i = 0; i < s.missing.n; i++) {
		putf(&list, "\n  %s  x%d  %s%s", s.missing.v[i].target, s.missing.v[i].count, s.missing.v[i].line, advice(s.missing.v[i].target));
		own |= is_own(s.missing.v[i].target);
	}
	if (own) put_str(&list, custom_advice);
	put_byte(&list, 0);
	if (list.failed) fail(e, NO_MEMORY, "out of memory for the list of %d ops that cannot be converted", s.missing.n);
	else if (s.missing.n)
		fail(e, UNSUPPORTED, "%d op%s of this program cannot be converted:%s", s.missing.n, s.missing.n > 1 ? "s" : "",
			(const char *)list.p);
	buf_free(&list);
	arena_free(&a);
	return !s.missing.n;
}

/* -- values ---------------------------------------------------------------------------------------------- */

Value lowered_value(Lower *l, VId v)
{
	if (l->value[v]) return l->value[v];
	const GraphValue *g = &l->graph->value.v[v];
	if (g->kind == VALUE_SYMINT) return dim_value(l->b, lower_dim(l, g->sym));
	if (g->kind != VALUE_TENSOR)
		return build_fail(l->b, UNSUPPORTED, "value '%s' is no tensor and no number that was computed", g->name);
	return build_fail(l->b, BAD_INPUT, "value '%s' is used before it is defined", g->name);
}

Type value_meta_type(Lower *l, VId v)
{
	const GraphValue *g = &l->graph->value.v[v];
	if (g->kind == VALUE_SYMFLOAT || g->kind == VALUE_SYMBOOL) return scalar_type(g->kind == VALUE_SYMFLOAT ? DTYPE_f64 : DTYPE_bool);
	if (g->kind != VALUE_TENSOR) return (Type){ 0 };
	Type t = { .kind = TYPE_TENSOR, .elem = g->dtype, .rank = g->rank, .dim = g->dim };
	if (is_static(t)) return t;
	int64_t *dim = NEW(l->a, int64_t, t.rank);
	for (int i = 0; i < t.rank; i++) dim[i] = lower_dim(l, g->dim[i]);
	t.dim = dim;
	return t;
}

/* -- nodes ----------------------------------------------------------------------------------------------- */

/* Output i as the rule left it against what torch says it is. */
static bool check_out(Node *n, int i)
{
	Err *e = n->b->m->err;
	VId v = n->g->out[i];
	Type want = out_type(n, i);
	if (e->code || !v || want.kind != TYPE_TENSOR) return !e->code;
	Value got = n->l->value[v];
	if (!got) return fail(e, UNSUPPORTED, "output %d is not computed by this rule", i);
	Type t = type_of(n->b, got);
	if (type_eq(t, want)) return true;
	n->l->value[v] = as_declared(n->l, got, want);
	if (n->l->value[v]) return true;
	return fail(e, UNSUPPORTED, "the rule gives %s where the program says %s", type_text(n->l, t), type_text(n->l, want));
}

static bool lower_node(Lower *l, const GraphNode *g, const RuleRow *r)
{
	Builder *b = l->b;
	Node n = { .b = b, .a = l->a, .g = g, .l = l };
	Loc around = b->loc;
	if (l->opt->locations || l->mark) b->loc = node_loc(l, g);
	n.out = g->nout ? out_type(&n, 0) : (Type){ 0 };
	Value v = check_dynamic(&n, r) ? lower_row(&n, r) : 0;
	if (g->nout && g->out[0] && v) l->value[g->out[0]] = v;
	for (int i = 0; i < g->nout; i++)
		if (!check_out(&n, i)) break;
	b->loc = around;
	if (!b->m->err->code) return true;
	const char *line = user_line(l->a, g->stack_trace);
	return err_at(b->m->err, "%s (node %s%s%s)", g->target, g->name ? g->name : "?", *line ? ", " : "", line);
}

bool lower_nodes(Lower *l)
{
	static const RuleRow custom = { .rule = lower_custom };
	const Graph *g = l->graph;
	const bool *unread = unread_nodes(l);
	for (int i = 0; i < g->node.n; i++) {
		if (unread[i]) continue;
		int r = map_get(&l->rules, g->node.v[i].target, strlen(g->node.v[i].target));
		if (!lower_node(l, &g->node.v[i], r < 0 ? &custom : &rule_table[r])) return false;
	}
	return true;
}

/* -- arguments and results ------------------------------------------------------------------------------- */

static Value inline_tensor(Lower *l, const Tensor *t)
{
	Type type = tensor_type(l->a, t->dtype, t->rank, t->dim);
	size_t nbytes = (size_t)tensor_numel(t) * dtype_nbytes(t->dtype);
	size_t at = (size_t)t->offset * dtype_nbytes(t->dtype);
	if (tensor_is_contiguous(t)) return hlo_constant(l->b, type, t->storage + at, nbytes);
	uint8_t *packed = NEW(l->a, uint8_t, nbytes + 1);
	tensor_pack(t, packed);
	return hlo_constant(l->b, type, packed, nbytes);
}

/* Whether the tensor has the type that the graph says; a program that disagrees with its weights is broken. */
static bool check_tensor(Lower *l, const Input *in, const Tensor *t)
{
	Err *e = l->b->m->err;
	if (!t) return fail(e, BAD_INPUT, "input '%s': there is no tensor '%s' in the program", in->name, in->target);
	Type want = value_meta_type(l, in->arg.value);
	Type have = { .kind = TYPE_TENSOR, .elem = t->dtype, .rank = t->rank, .dim = t->dim };
	if (type_eq(want, have)) return true;
	return fail(e, BAD_INPUT, "tensor '%s' is %s, but the graph wants %s", in->target, type_str(l->a, have), type_str(l->a, want));
}

static Value add_arg(Lower *l, Func *f, Type t, const Input *in)
{
	Value v = func_arg(l->b->m, f, t, in->name);
	l->b->m->value.v[v].loc = input_loc(l, in);
	return v;
}

static bool add_input(Lower *l, Func *f, const Input *in, int user_position, Lowered *out)
{
	Err *e = l->b->m->err;
	if (in->kind == INPUT_TOKEN || in->kind == INPUT_OBJECT)
		return fail(e, UNSUPPORTED, "input '%s' is a %s, which StableHLO cannot express", in->name,
			in->kind == INPUT_TOKEN ? "token" : "custom object");
	if (in->arg.kind != ARG_VALUE) return true;        /* a constant: it stands in the graph already */
	if (in->kind == INPUT_USER && l->graph->value.v[in->arg.value].kind == VALUE_SYMINT) {
		add_arg(l, f, scalar_type(DTYPE_i64), in);      /* what it says a symbol is: define_sizes() */
		out->arg[out->narg++] = (ArgSource){ in->kind, in, user_position, NULL };
		return true;
	}
	Type t = value_meta_type(l, in->arg.value);
	if (t.kind != TYPE_TENSOR)
		return fail(e, UNSUPPORTED, "input '%s' is neither a tensor nor an int, which is not supported", in->name);
	const Tensor *w = in->kind == INPUT_USER ? NULL : program_tensor(l->program, in->target);
	if (in->kind != INPUT_USER && !check_tensor(l, in, w)) return false;
	if (w && is_inlined(l->program, w, in->target, l->opt))
		return w->storage || fail(e, BAD_INPUT, "tensor '%s' has no data to write into the module", in->target);
	Type kept = tensor_type(l->a, t.elem, t.rank, t.dim);
	l->value[in->arg.value] = add_arg(l, f, kept, in);
	out->arg[out->narg++] = (ArgSource){ in->kind, in, user_position, w };
	return true;
}

/* The seed of all random numbers as one more user input. */
static void add_seed(Lower *l, Func *f, int user_position, Lowered *out)
{
	Input *in = NEW(l->a, Input, 1);
	*in = (Input){ .kind = INPUT_USER, .name = SEED_NAME };
	l->seed = add_arg(l, f, scalar_type(DTYPE_u64), in);
	out->arg[out->narg++] = (ArgSource){ INPUT_USER, in, user_position, NULL };
}

/* The weights that are no arguments: after all that are, which come first among a function's values. */
static void add_constants(Lower *l)
{
	for (int i = 0; i < l->program->ninput; i++) {
		const Input *in = &l->program->input[i];
		const Tensor *w = in->kind == INPUT_USER || in->arg.kind != ARG_VALUE ? NULL : program_tensor(l->program, in->target);
		if (!w || !is_inlined(l->program, w, in->target, l->opt)) continue;
		l->b->loc = input_loc(l, in);
		l->value[in->arg.value] = shard_input(l, in, inline_tensor(l, w));
		l->b->loc = 0;
	}
}

static bool add_inputs(Lower *l, Func *f, Lowered *out)
{
	const Program *p = l->program;
	out->arg = NEW(l->a, ArgSource, p->ninput + 2);
	int user = 0;
	for (int i = 0; i < p->ninput; i++) {
		bool is_user = p->input[i].kind == INPUT_USER || p->input[i].kind == INPUT_CONSTANT;
		if (!add_input(l, f, &p->input[i], is_user ? user : -1, out)) return false;
		user += is_user;
	}
	if (l->opt->seed_input) add_seed(l, f, user, out);
	add_constants(l);
	return true;
}

static bool add_results(Lower *l, Lowered *out)
{
	const Program *p = l->program;
	Value *v = NEW(l->a, Value, p->noutput + 1);
	out->result = NEW(l->a, ResultSource, p->noutput + 1);
	for (int i = 0; i < p->noutput; i++) {
		const Output *o = &p->output[i];
		if (o->arg.kind != ARG_VALUE) continue;         /* None and plain numbers are put back by the caller */
		ResultSource *r = &out->result[out->nresult];
		*r = (ResultSource){ o->kind, o->target, i };
		Value x = lowered_value(l, o->arg.value);
		v[out->nresult++] = shard_result(l, out, r, x);
	}
	func_return(l->b, out->nresult, v);
	return !l->b->m->err->code;
}

static bool has_input(const Lowered *l, const Input *in)
{
	for (int i = 0; i < l->narg; i++)
		if (l->arg[i].input == in) return true;
	return false;
}

/* After dce(): weights that nothing reads are no arguments; user inputs stay, so that a call has its own signature. */
static void prune(Lower *l, Func *f, Lowered *out)
{
	int n = out->narg;
	bool *keep = NEW(l->a, bool, n + 1), *dropped = NEW(l->a, bool, n + 1);
	for (int i = 0; i < n; i++) keep[i] = out->arg[i].kind == INPUT_USER || (l->opt->like && has_input(l->opt->like, out->arg[i].input));
	drop_unused_args(l->b->m, f, keep, dropped);
	out->unused = NEW(l->a, ArgSource, n + 1);
	out->narg = 0;
	for (int i = 0; i < n; i++) {
		if (dropped[i]) out->unused[out->nunused++] = out->arg[i];
		else out->arg[out->narg++] = out->arg[i];
	}
}

int written_argument(const Lowered *out, const ResultSource *r)
{
	for (int i = 0; i < out->narg && r->target; i++) {
		const ArgSource *a = &out->arg[i];
		bool user = r->kind == OUTPUT_USER_INPUT_MUTATION;
		const char *name = user ? a->input->name : a->input->target;
		if (user == (a->kind == INPUT_USER) && name && !strcmp(name, r->target)) return i;
	}
	return -1;
}

/* {tf.aliasing_output = j}: XLA may write result j where the argument lies, when the caller gives it away. */
static void mark_aliases(Lower *l, Func *f, const Lowered *out)
{
	for (int j = 0; j < out->nresult; j++) {
		bool writes = out->result[j].kind == OUTPUT_BUFFER_MUTATION || out->result[j].kind == OUTPUT_PARAMETER_MUTATION
			|| out->result[j].kind == OUTPUT_USER_INPUT_MUTATION;
		int i = writes ? written_argument(out, &out->result[j]) : -1;
		if (i < 0 || !type_eq(f->arg_type[i], f->res_type[j]) || f->arg_attr[i].kind) continue;
		f->arg_attr[i] = with_member(l->a, f->arg_attr[i], "tf.aliasing_output", (Any){ .kind = ANY_I32, .i = j });
	}
}

bool lower(const Program *p, Module *m, const LowerOptions *opt, Lowered *out)
{
	*out = (Lowered){ 0 };
	Func *f = func_new(m, opt->func_name ? opt->func_name : "main");
	Builder b = builder(m, f);
	Lower l = { .program = p, .graph = p->graph, .b = &b, .a = &m->arena, .opt = opt,
		.value = NEW(&m->arena, Value, p->graph->value.n + 1), .meshes = NEW(&m->arena, Meshes, 1),
		.sizes = { p, dims_of(m), opt->nbound, opt->bound }, .size = NEW(&m->arena, int64_t, p->sym.n + 1) };
	l.rules.arena = &m->arena;
	index_rules(&l.rules);
	for (int i = 0; i < p->sym.n; i++) l.size[i] = NOT_ASKED;
	l.mark = find_marks(&l);
	if (!add_inputs(&l, f, out) || !define_sizes(&l, f, out) || !lower_nodes(&l) || !add_results(&l, out)) return false;
	if (!outline_composites(m)) return false;
	dce(m);
	prune(&l, f, out);
	mark_aliases(&l, f, out);
	return mark_shardings(&l, f, out);
}
