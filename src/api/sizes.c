/* Programs whose sizes differ from call to call: what the caller's inputs say the symbols are, and a module for just those.
 *
 * A method has the sizes of its inputs as handles of its own table (Method.sizes). A call's inputs are solved for the symbols, and
 * held against their ranges and against each other; then the program is lowered once more, with the symbols as numbers. */
#include "api/sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "2 to 64" */
static const char *range_text(const DimNode *symbol, char text[64])
{
	if (symbol->y == INT64_MAX) snprintf(text, 64, "%lld or more", (long long)symbol->x);
	else snprintf(text, 64, "%lld to %lld", (long long)symbol->x, (long long)symbol->y);
	return text;
}

/* -- what options say ------------------------------------------------------------------------------------ */

static const GraphValue *user_input(const Program *p, const char *name, size_t n)
{
	for (int i = 0; i < p->ninput; i++) {
		const Input *in = &p->input[i];
		if (in->kind == INPUT_USER && in->arg.kind == ARG_VALUE && !strncmp(in->name, name, n) && !in->name[n])
			return &p->graph->value.v[in->arg.value];
	}
	return NULL;
}

/* "x.0": dimension 0 of input x, as the program has it. */
static bool input_dim(const Method *k, const char *name, int64_t *d)
{
	const char *dot = strrchr(name, '.');
	char *end;
	const GraphValue *v = dot ? user_input(k->sizes.program, name, (size_t)(dot - name)) : NULL;
	long i = dot ? strtol(dot + 1, &end, 10) : -1;
	if (!v || end == dot + 1 || *end || i < 0 || i >= v->rank) return false;
	*d = size_of(&k->sizes, v->dim[i]);
	return true;
}

static bool is_symbol(const DimTable *t, const char *name, int64_t *d)
{
	for (int i = 0; i < t->node.n; i++)
		if (t->node.v[i].kind == DIM_SYMBOL && !strcmp(t->node.v[i].text, name)) return *d = ~(int64_t)i, true;
	return false;
}

static const char *symbol_names(Arena *a, const DimTable *t)
{
	const char *s = "";
	for (int i = 0; i < t->node.n; i++)
		if (t->node.v[i].kind == DIM_SYMBOL) s = arena_printf(a, "%s%s%s", s, *s ? ", " : "", t->node.v[i].text);
	return *s ? s : "none";
}

static bool bind_dim(Method *k, Arena *a, const tshlo_dim *dim, Binding *out, Err *e)
{
	int64_t d, symbol, scale, offset;
	if (!given(dim->name, "name of a size", e)) return false;
	if (!is_symbol(k->sizes.table, dim->name, &d) && !input_dim(k, dim->name, &d))
		return fail(e, BAD_INPUT, "'%s' is no size of the program, wanted a symbol (%s), or an input and its dimension, as in x.0", dim->name,
			symbol_names(a, k->sizes.table));
	if (d >= 0) return fail(e, BAD_INPUT, "%s is %lld in the program, it cannot be chosen", dim->name, (long long)d);
	if (!solve_for(k->sizes.table, d, &symbol, &scale, &offset) || (dim->size - offset) % scale)
		return fail(e, BAD_INPUT, "%s is %s, which cannot be %lld", dim->name, dim_text(k->sizes.table, d), (long long)dim->size);
	const DimNode *node = dim_node(k->sizes.table, symbol);
	*out = (Binding){ node->text, (dim->size - offset) / scale };
	if (out->size >= node->x && out->size <= node->y) return true;
	char text[64];
	return fail(e, BAD_INPUT, "%s = %lld makes %s %lld, wanted %s", dim->name, (long long)dim->size, node->text, (long long)out->size,
		range_text(node, text));
}

bool bind_dims(Method *k, Arena *a, const tshlo_convert_options *opt, Err *e)
{
	int n = opt ? opt->ndim : 0;
	Binding *bound = NEW(a, Binding, n + 1);
	for (int i = 0; i < n; i++)
		if (!bind_dim(k, a, &opt->dim[i], &bound[i], e)) return false;
	k->options.nbound = n;
	k->options.bound = bound;
	if (!n) return true;
	DimTable *rest = NEW(a, DimTable, 1);
	rest->a = a;
	k->sizes = (Sizes){ k->sizes.program, rest, n, bound };
	return true;
}

/* -- what inputs say ------------------------------------------------------------------------------------- */

/* Values of symbols, by node of the table. */
typedef struct Solution { int64_t *value; bool *known; } Solution;

static bool in_range(const DimNode *symbol, int64_t value, const char *where, int dim, Err *e)
{
	char text[64];
	if (value >= symbol->x && value <= symbol->y) return true;
	return fail(e, BAD_INPUT, "%s: dimension %d makes %s %lld, wanted %s", where, dim, symbol->text, (long long)value, range_text(symbol, text));
}

/* One dimension of size `have`, where the program has d. plain: only where d is a symbol as such. */
static bool solve_dim(const Method *k, int64_t d, int64_t have, bool plain, const char *where, int dim, Solution *s, Err *e)
{
	int64_t symbol, scale, offset;
	if (!solve_for(k->sizes.table, d, &symbol, &scale, &offset) || (plain && symbol != d) || s->known[~symbol]) return true;
	int64_t rest = have - offset;
	if (rest % scale)
		return fail(e, BAD_INPUT, "%s: dimension %d is %lld, wanted %s", where, dim, (long long)have, dim_node(k->sizes.table, d)->text);
	s->known[~symbol] = true;
	s->value[~symbol] = rest / scale;
	return in_range(dim_node(k->sizes.table, symbol), rest / scale, where, dim, e);
}

static bool check_dim(const Method *k, int64_t d, int64_t have, const char *where, int dim, const Solution *s, Err *e)
{
	int64_t want;
	if (d == DYNAMIC) return true;
	if (dim_eval(k->sizes.table, d, s->value, &want) && want == have) return true;
	return fail(e, BAD_INPUT, "%s: dimension %d is %lld, wanted %lld, as %s is by the other inputs", where, dim, (long long)have, (long long)want,
		dim_node(k->sizes.table, d) ? dim_node(k->sizes.table, d)->text : "it");
}

enum { PLAIN, DERIVED, CHECK };

/* Ranks agree already. */
static bool solve_input(const Method *k, const tshlo_value_info *want, const tshlo_tensor *have, int pass, Solution *s, Err *e)
{
	const char *where = *want->name ? want->name : "an input";
	for (int i = 0; i < have->rank; i++) {
		int64_t d = want->type.dims[i], size = have->dims[i];
		if (d >= 0) continue;
		if (pass == CHECK ? !check_dim(k, d, size, where, i, s, e) : !solve_dim(k, d, size, pass == PLAIN, where, i, s, e)) return false;
	}
	return true;
}

static bool solve(const Method *k, const tshlo_tensor *in, Solution *s, Err *e)
{
	for (int pass = PLAIN; pass <= CHECK; pass++)
		for (int i = 0, user = 0; i < k->nin; i++)
			if (k->in[i].input == TSHLO_INPUT_USER && !solve_input(k, &k->in[i], &in[user++], pass, s, e)) return false;
	return true;
}

static bool solution_new(const Method *k, Solution *s, Err *e)
{
	size_t n = (size_t)k->sizes.table->node.n + 1;
	s->value = calloc(n, sizeof *s->value);
	s->known = calloc(n, sizeof *s->known);
	return (s->value && s->known) || fail(e, NO_MEMORY, "out of memory");
}

static void solution_free(Solution *s)
{
	free(s->value);
	free(s->known);
}

bool check_sizes(const Method *k, const tshlo_tensor *in, Err *e)
{
	Solution s;
	if (!k->dynamic) return true;
	bool ok = solution_new(k, &s, e) && solve(k, in, &s, e);
	solution_free(&s);
	return ok;
}

/* -- a module for them ----------------------------------------------------------------------------------- */

static int bindings(const Method *k, const Solution *s, Binding *out)
{
	int n = 0;
	for (int i = 0; i < k->sizes.table->node.n; i++) {
		const DimNode *node = &k->sizes.table->node.v[i];
		if (node->kind == DIM_SYMBOL && s->known[i]) out[n++] = (Binding){ node->text, s->value[i] };
	}
	return n;
}

static bool lower_for(const Method *k, const Solution *s, Module *mod, Buf *out)
{
	GUARD(&mod->arena, mod->err, return false);
	LowerOptions opt = k->options;
	Binding *bound = NEW(&mod->arena, Binding, k->sizes.table->node.n + opt.nbound + 1);
	Lowered lowered;
	if (opt.nbound) memcpy(bound, opt.bound, (size_t)opt.nbound * sizeof *bound);
	opt.nbound += bindings(k, s, bound + opt.nbound);
	opt.bound = bound;
	opt.like = &k->lowered;
	return lower(k->sizes.program, mod, &opt, &lowered) && verify(mod) && write_bytecode(mod, oldest_usable(mod), out);
}

bool bytecode_for(const Method *k, const tshlo_tensor *in, Buf *out, Err *e)
{
	Solution s;
	Module *mod = calloc(1, sizeof *mod);
	bool ok = mod ? solution_new(k, &s, e) && solve(k, in, &s, e) : fail(e, NO_MEMORY, "out of memory");
	if (mod) {
		mod->err = e;
		ok = ok && lower_for(k, &s, mod, out);
		solution_free(&s);
		module_free(mod);
	}
	free(mod);
	return ok;
}
