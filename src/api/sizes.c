/* Programs whose sizes differ from call to call: what the caller's inputs say the symbols are, and a module for just those.
 *
 * A method has the sizes of its inputs as handles of its own table (Method.sizes). A call's inputs are solved for the symbols, and
 * held against their ranges and against each other; then the program is lowered once more, with the symbols as numbers. */
#include "api/sizes.h"

#include "stablehlo/composite.h"
#include "stablehlo/refine.h"

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

/* "x.0": dimension 0 of input x, "n": input n, an integer; as the program has it. */
static bool input_dim(const Method *k, const char *name, int64_t *d)
{
	const char *dot = strrchr(name, '.');
	char *end;
	const GraphValue *whole = user_input(k->sizes.program, name, strlen(name));
	if (whole && whole->kind == VALUE_SYMINT) return *d = size_of(&k->sizes, whole->sym), true;
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

/* A size, or an integer, that is given. */
typedef struct Place {
	const char *name;            /* of the input */
	int dim;                     /* -1: the integer itself */
	int64_t have;
} Place;

static const char *place_text(const Place *at, char text[256])
{
	if (at->dim < 0) snprintf(text, 256, "%.200s", at->name);
	else snprintf(text, 256, "%.200s: dimension %d", at->name, at->dim);
	return text;
}

static bool in_range(const DimNode *symbol, int64_t value, const Place *at, Err *e)
{
	char text[64], place[256];
	if (value >= symbol->x && value <= symbol->y) return true;
	if (at->dim < 0 && value == at->have)
		return fail(e, BAD_INPUT, "%s is %lld, wanted %s", at->name, (long long)value, range_text(symbol, text));
	return fail(e, BAD_INPUT, "%s makes %s %lld, wanted %s", place_text(at, place), symbol->text, (long long)value, range_text(symbol, text));
}

/* Where the program has d. plain: only where d is a symbol as such. */
static bool solve_dim(const Method *k, int64_t d, const Place *at, bool plain, Solution *s, Err *e)
{
	int64_t symbol, scale, offset;
	char place[256];
	if (!solve_for(k->sizes.table, d, &symbol, &scale, &offset) || (plain && symbol != d) || s->known[~symbol]) return true;
	int64_t rest = at->have - offset;
	if (rest % scale)
		return fail(e, BAD_INPUT, "%s is %lld, wanted %s", place_text(at, place), (long long)at->have, dim_node(k->sizes.table, d)->text);
	s->known[~symbol] = true;
	s->value[~symbol] = rest / scale;
	return in_range(dim_node(k->sizes.table, symbol), rest / scale, at, e);
}

static bool check_dim(const Method *k, int64_t d, const Place *at, const Solution *s, Err *e)
{
	int64_t want;
	char place[256];
	if (d == DYNAMIC || d == at->have) return true;
	if (d >= 0) return fail(e, BAD_INPUT, "%s is %lld, wanted %lld", place_text(at, place), (long long)at->have, (long long)d);
	if (dim_eval(k->sizes.table, d, s->value, &want) && want == at->have) return true;
	return fail(e, BAD_INPUT, "%s is %lld, wanted %lld, as %s is by the other inputs", place_text(at, place), (long long)at->have,
		(long long)want, dim_node(k->sizes.table, d) ? dim_node(k->sizes.table, d)->text : "it");
}

enum { PLAIN, DERIVED, CHECK };

static bool solve_place(const Method *k, int64_t d, const Place *at, int pass, Solution *s, Err *e)
{
	if (pass == CHECK) return check_dim(k, d, at, s, e);
	return d >= 0 || d == DYNAMIC || solve_dim(k, d, at, pass == PLAIN, s, e);
}

static bool get_integer(const tshlo_tensor *t, const char *name, int64_t *v, Err *e)
{
	if (!given(t->data, "integer", e)) return false;
	memcpy(v, t->data, sizeof *v);
	return *v >= 0 || fail(e, BAD_INPUT, "%s is %lld, wanted 0 or more", name, (long long)*v);
}

/* Input i; types agree already. */
static bool solve_input(const Method *k, int i, const tshlo_tensor *have, int pass, Solution *s, Err *e)
{
	const tshlo_value_info *want = &k->in[i];
	Place at = { *want->name ? want->name : "an input", -1, 0 };
	if (want->scalar == TSHLO_INT)
		return get_integer(have, at.name, &at.have, e) && solve_place(k, k->in_size[i], &at, pass, s, e);
	for (at.dim = 0; at.dim < have->rank; at.dim++) {
		int64_t d = want->type.dims[at.dim];
		at.have = have->dims[at.dim];
		if (d < 0 && k->sizes.table && !solve_place(k, d, &at, pass, s, e)) return false;
	}
	return true;
}

static bool solve(const Method *k, const tshlo_tensor *in, Solution *s, Err *e)
{
	for (int pass = PLAIN; pass <= CHECK; pass++)
		for (int i = 0, user = 0; i < k->nin; i++)
			if (k->in[i].input == TSHLO_INPUT_USER && !solve_input(k, i, &in[user++], pass, s, e)) return false;
	return true;
}

int given_integers(const Method *k, const tshlo_tensor *in, int64_t *out)
{
	int n = 0;
	for (int i = 0; i < k->nin; i++) {
		if (k->in[i].input != TSHLO_INPUT_USER) continue;
		if (k->in[i].scalar == TSHLO_INT) {
			out[n] = -1;                             /* without data it is refused where it is put on the device */
			if (in->data) memcpy(&out[n], in->data, sizeof *out);
			n++;
		}
		in++;
	}
	return n;
}

/* Of a loaded method there is no table, and nothing to solve. */
static bool solution_new(const Method *k, Solution *s, Err *e)
{
	size_t n = (k->sizes.table ? (size_t)k->sizes.table->node.n : 0) + 1;
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
	if ((!k->dynamic && !k->nint) || k->saved) return true;      /* a directory does not tell which sizes go together */
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

static bool lower_for(const Method *k, const Solution *s, Module *mod)
{
	GUARD(&mod->arena, mod->err, return false);
	LowerOptions opt = k->options;
	Binding *bound = NEW(&mod->arena, Binding, k->sizes.table->node.n + opt.nbound + 1);
	Lowered lowered;
	if (opt.nbound) memcpy(bound, opt.bound, (size_t)opt.nbound * sizeof *bound);
	opt.nbound += bindings(k, s, bound + opt.nbound);
	opt.bound = bound;
	opt.like = &k->lowered;
	return lower(k->sizes.program, mod, &opt, &lowered) && (!k->composites_inlined || inline_composites(mod)) && verify(mod);
}

/* The types of a function's arguments, those of user inputs with the sizes that they have (in NULL: as they are); NULL: they do not
 * fit. */
static const Type *given_types(const Func *f, const Method *k, const tshlo_tensor *in, Module *mod)
{
	if (!f || f->narg != k->nin)
		return fail(mod->err, BAD_INPUT, "method '%s' takes %d arguments by its signature, its bytecode takes others", k->name, k->nin), NULL;
	Type *t = NEW(&mod->arena, Type, f->narg + 1);
	for (int i = 0; i < f->narg; i++) {
		t[i] = f->arg_type[i];
		if (k->in[i].input != TSHLO_INPUT_USER || !in) continue;
		if (in->rank != t[i].rank)
			return fail(mod->err, BAD_INPUT, "input %d has rank %d, its bytecode takes rank %d", i, in->rank, t[i].rank), NULL;
		t[i] = tensor_type(&mod->arena, t[i].elem, in->rank, in->dims);
		in++;
	}
	return t;
}

/* A module, as the sizes of its arguments make it. */
static bool refine_for(const Module *from, const Method *k, const tshlo_tensor *in, Module *mod)
{
	GUARD(&mod->arena, mod->err, return false);
	const Type *t = given_types(main_function(from), k, in, mod);
	return t && refine(from, main_function(from), t, mod) && verify(mod);
}

bool sized_module(tshlo_model *m, Method *k, const tshlo_tensor *in, Module *mod, Err *e)
{
	Solution s;
	mod->err = e;
	if (k->saved) {
		const Module *from = method_module(m, k, e);
		return from && refine_for(from, k, in, mod);
	}
	bool ok = solution_new(k, &s, e) && solve(k, in, &s, e) && lower_for(k, &s, mod);
	solution_free(&s);
	return ok;
}

bool unquantized_module(const Module *from, const Method *k, Module *mod)
{
	return refine_for(from, k, NULL, mod);
}
