#include "read_t.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reading {
	const char *at, *end;        /* of the line */
	Program *p;
	Graph *g;
	Arena *a;
	Err *e;
	VEC(Input) input;
	VEC(Output) output;
} Reading;

/* -- words ----------------------------------------------------------------------------------------------- */

static void skip(Reading *r) { while (r->at < r->end && isspace((unsigned char)*r->at)) r->at++; }

static bool take(Reading *r, char c)
{
	skip(r);
	if (r->at >= r->end || *r->at != c) return false;
	r->at++;
	return true;
}

static bool want(Reading *r, char c)
{
	return take(r, c) || fail(r->e, BAD_INPUT, "wanted '%c' at \"%.*s\"", c, (int)(r->end - r->at), r->at);
}

/* Letters, digits, _ and . ; "" when there are none. */
static const char *word(Reading *r)
{
	skip(r);
	const char *from = r->at;
	while (r->at < r->end && (isalnum((unsigned char)*r->at) || *r->at == '_' || *r->at == '.')) r->at++;
	return arena_str(r->a, from, (size_t)(r->at - from));
}

/* The next word when it is this one; otherwise nothing is taken. */
static bool keyword(Reading *r, const char *k)
{
	const char *from = r->at;
	if (!strcmp(word(r), k)) return true;
	r->at = from;
	return false;
}

static DType dtype_by_id(const char *s)
{
	static const char *const ids[] = { "",
#define DTYPE(id, ...) #id,
#include "base/dtype.def"
#undef DTYPE
	};
	for (int i = 1; i < NDTYPES; i++)
		if (!strcmp(ids[i], s)) return (DType)i;
	return DTYPE_none;
}

/* -- types ----------------------------------------------------------------------------------------------- */

static Dim dim(Reading *r)
{
	const char *s = word(r);
	if (isdigit((unsigned char)*s)) return strtoll(s, NULL, 10);
	for (int i = 0; i < r->p->sym.n; i++)
		if (!strcmp(r->p->sym.v[i].expr, s)) return ~(Dim)i;
	*push(r->a, &r->p->sym) = (Sym){ .expr = s };
	return ~(Dim)(r->p->sym.n - 1);
}

static int dims(Reading *r, char close, Dim *out)
{
	int n = 0;
	while (!r->e->code && !take(r, close)) {
		if (n == MAX_RANK) return fail(r->e, BAD_INPUT, "more than %d dims", MAX_RANK), 0;
		out[n++] = dim(r);
		if (!take(r, ',') && want(r, close)) break;
	}
	return n;
}

static bool type(Reading *r, GraphValue *v)
{
	Dim d[MAX_RANK], s[MAX_RANK];
	const char *name = word(r);
	v->kind = VALUE_TENSOR;
	v->dtype = dtype_by_id(name);
	if (!v->dtype) return fail(r->e, BAD_INPUT, "there is no type '%s'", name);
	v->rank = take(r, '[') ? dims(r, ']', d) : 0;
	uint64_t step = 1;
	for (int i = v->rank - 1; i >= 0; step *= IS_STATIC(d[i]) ? (uint64_t)d[i] : 1, i--) s[i] = (Dim)step;
	if (take(r, '{')) dims(r, '}', s);
	v->offset = take(r, '@') ? dim(r) : 0;
	v->dim = COPY(r->a, Dim, d, v->rank);
	v->stride = COPY(r->a, Dim, s, v->rank);
	return !r->e->code;
}

static VId value(Reading *r, const char *name)
{
	VId id = graph_value(r->p, r->g, name, VALUE_TENSOR);
	GraphValue v = r->g->value.v[id];
	type(r, &v);
	r->g->value.v[id] = v;
	return id;
}

/* -- arguments ------------------------------------------------------------------------------------------- */

static Arg arg(Reading *r);

static Arg list(Reading *r)
{
	VEC(Arg) item = { 0 };
	while (!r->e->code && !take(r, ']')) {
		Arg x = arg(r);
		*push(r->a, &item) = x;
		if (!take(r, ',') && want(r, ']')) break;
	}
	return (Arg){ .kind = ARG_LIST, .list = { item.n, item.v } };
}

static Arg number(Reading *r, bool minus)
{
	const char *from = r->at;
	while (r->at < r->end && (isalnum((unsigned char)*r->at) || *r->at == '.' || ((*r->at == '-' || *r->at == '+') && r->at[-1] == 'e'))) r->at++;
	char *s = arena_printf(r->a, "%s%.*s", minus ? "-" : "", (int)(r->at - from), from);
	if (!strpbrk(s, ".enf")) return (Arg){ .kind = ARG_INT, .i = strtoll(s, NULL, 10) };
	return (Arg){ .kind = ARG_FLOAT, .f = strtod(s, NULL) };
}

static Arg arg(Reading *r)
{
	if (take(r, '[')) return list(r);
	if (take(r, '"')) {
		const char *from = r->at;
		while (r->at < r->end && *r->at != '"') r->at++;
		const char *s = arena_str(r->a, from, (size_t)(r->at - from));
		want(r, '"');
		return (Arg){ .kind = ARG_STR, .str = s };
	}
	if (take(r, '-')) return number(r, true);
	if (r->at < r->end && isdigit((unsigned char)*r->at)) return number(r, false);
	const char *s = word(r);
	if (!strcmp(s, "None")) return (Arg){ .kind = ARG_NONE };
	if (!strcmp(s, "true") || !strcmp(s, "false")) return (Arg){ .kind = ARG_BOOL, .b = *s == 't' };
	if (!strcmp(s, "inf") || !strcmp(s, "nan")) return (Arg){ .kind = ARG_FLOAT, .f = strtod(s, NULL) };
	if (graph_find(r->g, s)) return arg_value(graph_find(r->g, s));
	if (dtype_by_id(s)) return (Arg){ .kind = ARG_DTYPE, .dtype = dtype_by_id(s) };
	/* a value that no line before defines: what a broken program would have */
	return arg_value(graph_value(r->p, r->g, s, VALUE_TENSOR));
}

static void args(Reading *r, GraphNode *g)
{
	VEC(NamedArg) all = { 0 };
	want(r, '(');
	while (!r->e->code && !take(r, ')')) {
		const char *from = r->at, *name = word(r);
		if (!take(r, '=')) r->at = from;
		Arg x = arg(r);
		*push(r->a, &all) = (NamedArg){ name, x };
		if (!take(r, ',') && want(r, ')')) break;
	}
	g->narg = all.n;
	g->arg = all.v;
}

/* -- lines ----------------------------------------------------------------------------------------------- */

/* "# model.py:17" -> what torch records */
static const char *trace(Reading *r)
{
	if (!take(r, '#')) return NULL;
	skip(r);
	const char *colon = memchr(r->at, ':', (size_t)(r->end - r->at));
	if (!colon) return NULL;
	const char *s = arena_printf(r->a, "File \"%.*s\", line %.*s, in forward\n", (int)(colon - r->at), r->at,
		(int)(r->end - colon - 1), colon + 1);
	r->at = r->end;
	return s;
}

static void node(Reading *r)
{
	VEC(VId) out = { 0 };
	if (take(r, '(')) {
		while (!r->e->code && !take(r, ')')) {
			const char *name = word(r);
			VId v = strcmp(name, "_") ? value(r, name) : 0;
			*push(r->a, &out) = v;
			if (!take(r, ',') && want(r, ')')) break;
		}
	} else {
		VId v = value(r, word(r));
		*push(r->a, &out) = v;
	}
	if (!want(r, '=')) return;
	GraphNode g = { .target = word(r), .nout = out.n, .out = out.v, .name = out.n && out.v[0] ? r->g->value.v[out.v[0]].name : NULL };
	args(r, &g);
	g.stack_trace = trace(r);
	*push(r->a, &r->g->node) = g;
}

/* NAME: TYPE [= TYPE OF THE TENSOR] */
static void input(Reading *r, InputKind kind)
{
	const char *name = word(r);
	if (!want(r, ':')) return;
	VId v = value(r, name);
	*push(r->a, &r->input) = (Input){ .kind = kind, .arg = arg_value(v), .name = name, .target = kind == INPUT_USER ? NULL : name };
	if (kind == INPUT_USER || r->e->code) return;
	GraphValue t = r->g->value.v[v];
	if (take(r, '=') && !type(r, &t)) return;
	Tensor *w = program_add_tensor(r->p, name);
	w->dtype = t.dtype;
	w->rank = t.rank;
	w->dim = t.dim;
	w->stride = t.stride;
	w->nbytes = (size_t)tensor_numel(w) * dtype_nbytes(w->dtype);
	w->storage = NEW(r->a, uint8_t, w->nbytes + 1);
}

static void names(Reading *r, Names *out)
{
	do out->v[out->n] = word(r);
	while (++out->n < 16 && take(r, ','));
}

static void returns(Reading *r)
{
	do {
		Arg x = arg(r);
		*push(r->a, &r->output) = (Output){ .kind = OUTPUT_USER, .arg = x };
	} while (take(r, ','));
}

static void line(Reading *r, Names *mutated)
{
	static const struct { const char *word; InputKind kind; } inputs[] = { { "in", INPUT_USER }, { "param", INPUT_PARAMETER },
		{ "buffer", INPUT_BUFFER }, { "const", INPUT_CONSTANT_TENSOR } };
	skip(r);
	if (r->at == r->end) return;
	bool done = false;
	for (int i = 0; i < 4 && !done; i++)
		if ((done = keyword(r, inputs[i].word))) input(r, inputs[i].kind);
	if (!done && (done = keyword(r, "mutates"))) names(r, mutated);
	if (!done && (done = keyword(r, "return"))) returns(r);
	if (!done) node(r);
	skip(r);
	if (r->at < r->end) fail(r->e, BAD_INPUT, "what is \"%.*s\"?", (int)(r->end - r->at), r->at);
}

static void finish(Reading *r)
{
	Program *p = r->p;
	const GraphNode *last = r->g->node.n ? &r->g->node.v[r->g->node.n - 1] : NULL;
	bool given = r->output.n > 0;
	for (int i = 0; last && !given && i < last->nout; i++)
		if (last->out[i]) *push(r->a, &r->output) = (Output){ .kind = OUTPUT_USER, .arg = arg_value(last->out[i]) };
	p->ninput = r->input.n;
	p->input = r->input.v;
	p->noutput = r->output.n;
	p->output = r->output.v;
}

bool read_t(Program *p, const char *text, size_t n, Names *mutated, Err *e)
{
	Reading r = { .p = p, .a = &p->arena, .e = e, .g = p->graph = graph_new(p, "") };
	for (const char *at = text; at < text + n && !e->code;) {
		const char *end = memchr(at, '\n', (size_t)(text + n - at));
		r.at = at;
		r.end = end ? end : text + n;
		at = r.end + 1;
		line(&r, mutated);
	}
	finish(&r);
	return !e->code;
}
