/* Program -> model: the pipeline, as a flat list of stages. */
#include "api/sizes.h"
#include "stablehlo/composite.h"

#include <stdlib.h>
#include <string.h>

/* -- what the function takes and gives ------------------------------------------------------------------- */

static size_t nbytes_of(Type t) { return is_static(t) ? (size_t)type_numel(t) * dtype_nbytes(t.elem) : 0; }

/* Parameters and buffers share the state dict; a constant is known by its number. */
static tshlo_input_kind public_kind(InputKind k)
{
	return k == INPUT_BUFFER ? TSHLO_INPUT_PARAMETER : (tshlo_input_kind)k;
}

static Weight *add_weight(tshlo_model *m, const Tensor *t)
{
	Weight *w = NEW(&m->arena, Weight, 1);
	w->tensor = *t;
	*push(&m->arena, &m->weight) = w;
	return w;
}

/* The type as the program has it, and the sizes that torch saw where some are handles. */
static tshlo_tensor declared_type(tshlo_model *m, Method *k, const GraphValue *v, Type lowered, const int64_t **traced)
{
	int64_t *dim = NEW(&m->arena, int64_t, lowered.rank + 1), *seen = NEW(&m->arena, int64_t, lowered.rank + 1);
	bool known = true;
	*traced = NULL;
	for (int i = 0; i < lowered.rank; i++) {
		bool declared = v && v->kind == VALUE_TENSOR && i < v->rank;
		dim[i] = declared ? size_of(&k->sizes, v->dim[i]) : lowered.dim[i];
		const Sym *sym = declared && !IS_STATIC(v->dim[i]) ? &m->program->sym.v[~v->dim[i]] : NULL;
		seen[i] = dim[i] >= 0 ? dim[i] : sym && sym->has_hint ? sym->hint : -1;
		known &= dim[i] >= 0;
	}
	if (!known) *traced = seen;
	return (tshlo_tensor){ (int)lowered.elem, lowered.rank, dim, NULL };
}

static const GraphValue *graph_value_of(const Program *p, const Arg *x)
{
	return x->kind == ARG_VALUE ? &p->graph->value.v[x->value] : NULL;
}

static tshlo_scalar scalar_of(const GraphValue *v)
{
	switch (v ? v->kind : VALUE_none) {
	case VALUE_SYMINT:   return TSHLO_INT;
	case VALUE_SYMFLOAT: return TSHLO_FLOAT;
	case VALUE_SYMBOOL:  return TSHLO_BOOL;
	default:             return TSHLO_TENSOR;
	}
}

/* Input i where it is an integer. */
static void describe_scalar(Method *k, int i, const GraphValue *v)
{
	k->in[i].scalar = scalar_of(v);
	if (k->in[i].scalar != TSHLO_INT) return;
	k->nint++;
	k->in_size[i] = size_of(&k->sizes, v->sym);
}

static void describe_inputs(tshlo_model *m, Method *k)
{
	const Func *f = k->module->func.v[0];
	const Lowered *l = &k->lowered;
	int nconstant = 0;
	k->in_traced = NEW(&m->arena, const int64_t *, l->narg + 1);
	k->nin = l->narg;
	k->in = NEW(&m->arena, tshlo_value_info, l->narg + 1);
	k->in_size = NEW(&m->arena, int64_t, l->narg + 1);
	k->weight = NEW(&m->arena, Weight *, l->narg + 1);
	for (int i = 0; i < l->narg; i++) {
		const ArgSource *a = &l->arg[i];
		k->in[i] = (tshlo_value_info){ .input = public_kind(a->kind), .type = declared_type(m, k, graph_value_of(m->program, &a->input->arg), f->arg_type[i], &k->in_traced[i]),
			.nbytes = k->in_traced[i] ? 0 : nbytes_of(f->arg_type[i]), .position = a->user_position,
			.name = a->kind == INPUT_USER ? a->input->name : a->input->target };
		if (a->kind == INPUT_CONSTANT_TENSOR) k->in[i].position = nconstant++;
		k->nuser += a->kind == INPUT_USER;
		k->dynamic |= k->in_traced[i] != NULL;
		describe_scalar(k, i, graph_value_of(m->program, &a->input->arg));
		if (!a->tensor) continue;
		k->weight[i] = add_weight(m, a->tensor);
		if (tensor_is_contiguous(a->tensor)) k->in[i].type.data = tensor_start(a->tensor);
	}
}

static tshlo_value_info describe_output(const Program *p, const ResultSource *r, tshlo_tensor t, size_t nbytes)
{
	bool user = r->kind == OUTPUT_USER || r->kind == OUTPUT_LOSS;
	return (tshlo_value_info){ .output = (tshlo_output_kind)r->kind, .type = t, .nbytes = nbytes,
		.name = r->target ? r->target : "", .position = user ? user_output(p, r->position) : -1,
		.scalar = user ? scalar_of(graph_value_of(p, &p->output[r->position].arg)) : TSHLO_TENSOR };
}

static void describe_outputs(tshlo_model *m, Method *k)
{
	const Func *f = k->module->func.v[0];
	const Lowered *l = &k->lowered;
	k->out_traced = NEW(&m->arena, const int64_t *, l->nresult + 1);
	k->nout = l->nresult;
	k->out = NEW(&m->arena, tshlo_value_info, l->nresult + 1);
	for (int i = 0; i < l->nresult; i++) {
		const GraphValue *v = graph_value_of(m->program, &m->program->output[l->result[i].position].arg);
		tshlo_tensor t = declared_type(m, k, v, f->res_type[i], &k->out_traced[i]);
		k->out[i] = describe_output(m->program, &l->result[i], t, k->out_traced[i] ? 0 : nbytes_of(f->res_type[i]));
	}
}

/* -- stages ---------------------------------------------------------------------------------------------- */

/* Writes to state and gradients come out as results that say what they belong to. A custom object is told of before the ops
 * that take it. */
static bool check_signature(const Program *p, Err *e)
{
	for (int i = 0; i < p->ninput; i++)
		if (p->input[i].arg.kind == ARG_OBJECT)
			return fail(e, UNSUPPORTED, "input '%s' is a %s, which StableHLO cannot express", p->input[i].name, p->input[i].arg.str);
	for (int i = 0; i < p->noutput; i++)
		if (p->output[i].kind == OUTPUT_TOKEN) return fail(e, UNSUPPORTED, "output %d of the program is a token, which is not supported", i);
	return true;
}

static bool stages(Program *p, Module *mod, const LowerOptions *opt, Lowered *lowered)
{
	drop_checks(p);
	if (!functionalize(p, mod->err)) return false;
	mark_composites(p, opt->ncomposite_op, opt->composite_op);
	return check_signature(p, mod->err)
	    && check_ops(p, opt, mod->err)
	    && lower(p, mod, opt, lowered)
	    && !mod->err->code
	    && verify(mod);
}

Version oldest_usable(const Module *m)
{
	static const Version first = { 1, 0, 0 };
	Version v = version_needed(m);
	return version_cmp(v, first) < 0 ? first : v;
}

static void describe_version(tshlo_model *m, Method *k)
{
	k->oldest = oldest_usable(k->module);
	k->version = arena_printf(&m->arena, "%d.%d.%d", k->oldest.major, k->oldest.minor, k->oldest.patch);
}

static const char *const *copy_names(Arena *a, int n, const char *const *name)
{
	const char **copy = NEW(a, const char *, n + 1);
	for (int i = 0; i < n; i++) copy[i] = arena_str(a, name[i], strlen(name[i]));
	return copy;
}

/* "aten::relu_" is "aten.relu_", and that, which writes its argument, "aten.relu", which does not. */
static const char *operator_name(Arena *a, const char *given)
{
	const char *colons = strstr(given, "::");
	if (colons) given = arena_printf(a, "%.*s.%s", (int)(colons - given), given, colons + 2);
	const char *dot = strchr(given, '.');
	bool has_overload = !dot || strchr(dot + 1, '.');
	const char *name = functional_target(a, arena_printf(a, "%s%s", given, has_overload ? "" : ".default"));
	return has_overload ? name : arena_str(a, name, (size_t)(strrchr(name, '.') - name));
}

static const CompositeOp *copy_composites(Arena *a, int n, const tshlo_composite *from)
{
	CompositeOp *copy = NEW(a, CompositeOp, n + 1);
	for (int i = 0; i < n; i++)
		copy[i] = (CompositeOp){ operator_name(a, from[i].op), arena_str(a, from[i].name, strlen(from[i].name)) };
	return copy;
}

static bool check_composites(const LowerOptions *opt, Err *e)
{
	for (int i = 0; i < opt->ncomposite_op; i++) {
		const CompositeOp *c = &opt->composite_op[i];
		if (!is_namespaced(c->name))
			return fail(e, BAD_INPUT, "the composite of %s is named \"%s\", wanted \"namespace.name\"", c->op, c->name);
		if (!names_rule(c->op) && !is_custom(c->op, opt))
			return fail(e, BAD_INPUT, "composite \"%s\": '%s' is no operator that is converted, wanted one like aten.gelu.default", c->name, c->op);
	}
	return true;
}

static bool check_options(const tshlo_convert_options *opt, Err *e)
{
	for (int i = 0; opt && i < opt->ncomposite; i++)
		if (!given(opt->composite[i].op, "operator of a composite", e) || !given(opt->composite[i].name, "name of a composite", e)) return false;
	if (opt && opt->locations > TSHLO_LOCATIONS_METADATA)
		return fail(e, BAD_INPUT, "locations %d, wanted one of tshlo_locations", (int)opt->locations);
	if (!opt || !opt->int4_packing || is_int4_packing(opt->int4_packing)) return true;
	return fail(e, BAD_INPUT, "int4_packing is '%s', wanted avx512, avx2, default or neon", opt->int4_packing);
}

static LowerOptions lower_options(Arena *a, const tshlo_convert_options *opt)
{
	if (!opt) return (LowerOptions){ 0 };
	return (LowerOptions){ .ncomposite_op = opt->ncomposite, .composite_op = copy_composites(a, opt->ncomposite, opt->composite),
		.inline_weights = opt->inline_weights, .ninlined = opt->ninlined,
		.inlined = copy_names(a, opt->ninlined, opt->inlined), .seed = opt->seed, .seed_input = opt->seed_input,
		.ncustom_op = opt->ncustom_op, .custom_op = copy_names(a, opt->ncustom_op, opt->custom_op),
		.quantized_types = opt->quantized_types,
		.int4_packing = opt->int4_packing ? *copy_names(a, 1, &opt->int4_packing) : NULL,
		.locations = (LocLevel)opt->locations };
}

/* Makes the table of sizes know those of the inputs. Whether there is one that is not a number. */
static bool find_sizes(Method *k)
{
	const Program *p = k->sizes.program;
	bool any = false;
	for (int i = 0; i < p->ninput; i++) {
		if (p->input[i].arg.kind != ARG_VALUE) continue;
		const GraphValue *v = &p->graph->value.v[p->input[i].arg.value];
		any |= v->kind == VALUE_SYMINT && size_of(&k->sizes, v->sym) < 0;
		for (int d = 0; d < v->rank; d++) any |= size_of(&k->sizes, v->dim[d]) < 0;
	}
	return any;
}

static bool fresh_module(tshlo_model *m, Method *k, Err *e)
{
	if (k->module) module_free(k->module);
	free(k->module);
	k->module = calloc(1, sizeof *k->module);
	if (!k->module) return fail(e, NO_MEMORY, "out of memory");
	k->module->err = e;
	k->module->arena.full = m->arena.full;
	return true;
}

/* The symbols as torch saw them when it exported the program. */
static void bind_traced(Method *k, Arena *a, LowerOptions *opt)
{
	const Program *p = k->sizes.program;
	Binding *bound = NEW(a, Binding, p->sym.n + opt->nbound + 1);
	int n = 0;
	for (; n < opt->nbound; n++) bound[n] = opt->bound[n];
	for (int i = 0; i < p->sym.n; i++) {
		int64_t symbol, scale, offset, d = size_of_expr(&k->sizes, p->sym.v[i].expr);
		if (!p->sym.v[i].has_hint || !solve_for(k->sizes.table, d, &symbol, &scale, &offset)) continue;
		bound[n++] = (Binding){ dim_node(k->sizes.table, symbol)->text, (p->sym.v[i].hint - offset) / scale };
	}
	opt->nbound = n;
	opt->bound = bound;
}

/* For all sizes; where a rule cannot, for those that torch saw: what is asked for later is then one for given sizes. */
static bool convert_module(tshlo_model *m, Method *k, bool dynamic, Err *e)
{
	if (!fresh_module(m, k, e)) return false;
	if (stages(m->program, k->module, &k->options, &k->lowered)) return true;
	if (!dynamic || e->code != UNSUPPORTED || k->module->func.n == 0) return false;
	k->refusal = arena_str(&m->arena, e->msg, strlen(e->msg));
	err_clear(e);
	LowerOptions traced = k->options;
	bind_traced(k, &m->arena, &traced);
	return fresh_module(m, k, e) && lower(m->program, k->module, &traced, &k->lowered) && verify(k->module);
}

/* Whether one module is for all values of integers that are inputs: no size depends on them. */
static bool is_static_module(const Module *mod)
{
	for (int i = 1; i < mod->value.n; i++)
		if (mod->value.v[i].type.kind == TYPE_TENSOR && !is_static(mod->value.v[i].type)) return false;
	return true;
}

static bool convert(tshlo_model *m, const tshlo_convert_options *opt, Err *e)
{
	if (!check_options(opt, e)) return false;
	Method *k = m->method = NEW(&m->arena, Method, 1);
	m->nmethod = 1;
	const char *name = opt && opt->method ? opt->method : "forward";
	k->name = arena_str(&m->arena, name, strlen(name));
	m->program->arena.full = m->arena.full;
	k->options = lower_options(&m->arena, opt);
	if (!check_composites(&k->options, e) || !read_groups(&m->arena, opt, &k->options, e)) return false;
	k->sizes = (Sizes){ .program = m->program, .table = NEW(&m->arena, DimTable, 1) };
	k->sizes.table->a = &m->arena;
	bool dynamic = find_sizes(k);
	const char *unmatched = opt && !opt->of_several ? unmatched_inline(k->sizes.program, &k->options) : NULL;
	if (unmatched) return fail(e, BAD_INPUT, "inline: no weight has a name like '%s', nor is that a size such as 64KiB", unmatched);
	if (!shardings_of(m, k, opt, e) || !bind_dims(k, &m->arena, opt, e) || !convert_module(m, k, dynamic, e)) return false;
	k->in_spec = m->program->in_spec ? m->program->in_spec : "";
	k->out_spec = m->program->out_spec ? m->program->out_spec : "";
	describe_inputs(m, k);
	k->dynamic |= k->nint && !is_static_module(k->module);
	describe_outputs(m, k);
	describe_version(m, k);
	model_state(m);
	if (!check_overlap(m, e)) return false;
	if (!fixed_of_program(&m->arena, m->program, k, e)) return false;
	name_outputs(&m->arena, k);
	if (k->options.seed_input) k->user_name[k->nuser_name++] = SEED_NAME;
	return true;
}

static bool guarded(tshlo_model *m, const tshlo_convert_options *opt, Err *e)
{
	GUARD(&m->arena, e, return false);
	return convert(m, opt, e);
}

/* The model only reads these from now on: neither the caller's error nor this call's place to jump to is
 * there for long. */
static void close_arenas(tshlo_model *m)
{
	Module *mod = m->method[0].module;
	mod->err = NULL;
	mod->arena.full = m->program->arena.full = NULL;
}

tshlo_model *tshlo_convert(tshlo_program *p, const tshlo_convert_options *opt, tshlo_error *e)
{
	if (!p) return NULL;
	OWN_ERR(e);
	tshlo_model *m = err->code || !program_finish(p, err) ? NULL : model_new(err);
	if (m) {
		m->program = p->program;
		p->program = NULL;
		if (guarded(m, opt, err)) {
			close_arenas(m);
		} else {
			tshlo_model_free(m);
			m = NULL;
		}
	}
	tshlo_program_free(p);
	return m;
}
