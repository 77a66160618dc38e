#include "program/program.h"

#include <stdlib.h>
#include <string.h>

/* ---- the program and its graphs ------------------------------------------------------------------------ */

Program *program_new(Err *e)
{
	Program *p = calloc(1, sizeof *p);
	if (!p) {
		fail(e, NO_MEMORY, "out of memory");
		return NULL;
	}
	p->in_spec = p->out_spec = p->torch_version = "";
	p->tensor_by_name.arena = &p->arena;
	return p;
}

void program_free(Program *p)
{
	if (!p) return;
	unmap_file(&p->file);
	arena_free(&p->arena);
	free(p);
}

Graph *graph_new(Program *p, const char *name)
{
	Graph *g = NEW(&p->arena, Graph, 1);
	g->name = arena_str(&p->arena, name, strlen(name));
	g->by_name.arena = &p->arena;
	*push(&p->arena, &g->value) = (GraphValue){ .name = "" };
	return g;
}

VId graph_value(Program *p, Graph *g, const char *name, ValueKind kind)
{
	size_t n = strlen(name);
	VId id = g->value.n;
	const char *kept = arena_str(&p->arena, name, n);
	*push(&p->arena, &g->value) = (GraphValue){ .name = kept, .kind = kind };
	map_set(&g->by_name, kept, n, id);
	return id;
}

VId graph_find(const Graph *g, const char *name)
{
	int id = map_get(&g->by_name, name, strlen(name));
	return id < 0 ? 0 : id;
}

GraphNode *graph_node(Program *p, Graph *g, const char *target, const char *name)
{
	GraphNode *n = push(&p->arena, &g->node);
	*n = (GraphNode){
		.target = arena_str(&p->arena, target, strlen(target)),
		.name = name ? arena_str(&p->arena, name, strlen(name)) : NULL,
	};
	return n;
}

typedef struct Scope { const Graph *g; bool *defined; Err *err; } Scope;

static bool define(Scope *s, VId v)
{
	if (s->defined[v]) return fail(s->err, BAD_INPUT, "'%s' is defined twice", s->g->value.v[v].name);
	return s->defined[v] = true;
}

static bool is_defined(const Scope *s, const Arg *x)
{
	if (x->kind == ARG_VALUE && !s->defined[x->value])
		return fail(s->err, BAD_INPUT, "'%s' is used before it is defined", s->g->value.v[x->value].name);
	for (int i = 0; x->kind == ARG_LIST && i < x->list.n; i++)
		if (!is_defined(s, &x->list.item[i])) return false;
	return true;
}

static bool check_node(Scope *s, const GraphNode *n)
{
	for (int i = 0; i < n->narg; i++)
		if (!is_defined(s, &n->arg[i].arg)) return err_at(s->err, "argument '%s'", n->arg[i].name);
	for (int i = 0; i < n->nout; i++)
		if (n->out[i] && !define(s, n->out[i])) return err_at(s->err, "output %d", i);
	return true;
}

bool graph_check(Arena *a, const Graph *g, Err *e)
{
	Scope s = { g, NEW(a, bool, g->value.n), e };
	for (int i = 0; i < g->ninput; i++)
		if (g->input[i].kind == ARG_VALUE && !define(&s, g->input[i].value)) return err_at(e, "input %d", i);
	for (int i = 0; i < g->node.n; i++)
		if (!check_node(&s, &g->node.v[i])) return err_at(e, "node %d (%s)", i, g->node.v[i].target);
	for (int i = 0; i < g->noutput; i++)
		if (!is_defined(&s, &g->output[i])) return err_at(e, "output %d", i);
	return true;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

const Tensor *program_tensor(const Program *p, const char *name)
{
	int i = map_get(&p->tensor_by_name, name, strlen(name));
	return i < 0 ? NULL : &p->tensor.v[i];
}

Tensor *program_add_tensor(Program *p, const char *name)
{
	size_t n = strlen(name);
	const char *kept = arena_str(&p->arena, name, n);
	map_set(&p->tensor_by_name, kept, n, p->tensor.n);
	Tensor *t = push(&p->arena, &p->tensor);
	*t = (Tensor){ .name = kept };
	return t;
}

int64_t tensor_numel(const Tensor *t)
{
	int64_t n = 1;
	for (int i = 0; i < t->rank; i++)
		if (!t->dim[i]) return 0;      /* before the others are multiplied: they may be anything */
	for (int i = 0; i < t->rank; i++) n *= t->dim[i];
	return n;
}

/* The number of elements, or -1 when a dimension is negative or the bytes of a packed copy would not fit
 * in int64. */
static int64_t checked_numel(const Tensor *t)
{
	int64_t n = (int64_t)dtype_nbytes(t->dtype);
	bool empty = false;
	for (int i = 0; i < t->rank; i++) {
		if (t->dim[i] < 0) return -1;
		if (!t->dim[i]) empty = true;
		else if (__builtin_mul_overflow(n, t->dim[i], &n)) return -1;
	}
	return empty ? 0 : n / (int64_t)dtype_nbytes(t->dtype);
}

bool dims_countable(int rank, const Dim *dim, const Dim *stride, Dim offset)
{
	int64_t n = 16, last = offset > 0 ? offset : 0, step;      /* 16: bytes of the largest element type */
	for (int i = 0; i < rank; i++)
		if (dim[i] > 0 && __builtin_mul_overflow(n, dim[i], &n)) return false;
	for (int i = 0; i < rank && stride; i++) {
		if (dim[i] <= 0 || stride[i] <= 0) continue;
		if (__builtin_mul_overflow(dim[i], stride[i], &step) || __builtin_add_overflow(last, step, &last))
			return false;
	}
	return !__builtin_mul_overflow(last, 16, &last);
}

/* The last element lies at offset + sum of (dim - 1) * stride. */
bool tensor_fits(const Tensor *t)
{
	if (!dtype_nbytes(t->dtype) || t->offset < 0) return false;
	int64_t numel = checked_numel(t);
	if (numel <= 0) return numel == 0;
	int64_t last = t->offset, step, end;
	for (int i = 0; i < t->rank; i++) {
		if (t->stride[i] < 0) return false;
		if (__builtin_mul_overflow(t->dim[i] - 1, t->stride[i], &step)) return false;
		if (__builtin_add_overflow(last, step, &last)) return false;
	}
	if (__builtin_add_overflow(last, 1, &end)) return false;
	if (__builtin_mul_overflow(end, (int64_t)dtype_nbytes(t->dtype), &end)) return false;
	return (uint64_t)end <= t->nbytes;
}

const uint8_t *tensor_start(const Tensor *t)
{
	return t->storage && tensor_numel(t) ? t->storage + (size_t)t->offset * dtype_nbytes(t->dtype) : NULL;
}

bool tensor_is_contiguous(const Tensor *t)
{
	int64_t want = 1;
	for (int i = 0; i < t->rank; i++) if (!t->dim[i]) return true;
	for (int i = t->rank - 1; i >= 0; i--) {
		if (t->dim[i] != 1 && t->stride[i] != want) return false;
		want *= t->dim[i];
	}
	return true;
}

/* n elements of `size` bytes, `stride` bytes apart; the sizes that occur get a copy of constant length. */
static void gather(uint8_t *out, const uint8_t *in, int64_t n, int64_t stride, size_t size)
{
#define EACH(k) case k: for (int64_t i = 0; i < n; i++) memcpy(out + i * k, in + i * stride, k); break
	switch (size) {
	EACH(1); EACH(2); EACH(4); EACH(8); EACH(16);
	}
#undef EACH
}

/* Packs dimensions d.. of the part of t that starts at `in`; gives the end of what was written. */
static uint8_t *pack(const Tensor *t, int d, const uint8_t *in, uint8_t *out, size_t size)
{
	int64_t n = t->dim[d], stride = t->stride[d] * (int64_t)size;
	if (d == t->rank - 1) {
		gather(out, in, n, stride, size);
		return out + n * (int64_t)size;
	}
	for (int64_t i = 0; i < n; i++) out = pack(t, d + 1, in + i * stride, out, size);
	return out;
}

void tensor_pack(const Tensor *t, void *out)
{
	size_t size = dtype_nbytes(t->dtype);
	const uint8_t *in = tensor_start(t);
	if (!in) return;
	if (tensor_is_contiguous(t)) memcpy(out, in, (size_t)tensor_numel(t) * size);
	else pack(t, 0, in, out, size);
}

/* ---- where in the user's source ------------------------------------------------------------------------ */

bool next_frame(const char **at, TraceFrame *f)
{
	static const char head[] = "File \"", mid[] = "\", line ", tail[] = ", in ";
	const char *file = strstr(*at, head);
	if (!file) return false;
	file += sizeof head - 1;
	const char *line = strstr(file, mid);
	if (!line) return false;
	f->file = file;
	f->nfile = (int)(line - file);
	f->line = line + sizeof mid - 1;
	f->nline = (int)strspn(f->line, "0123456789");
	*at = f->line + f->nline;
	f->function = *at;
	f->nfunction = 0;
	if (strncmp(*at, tail, sizeof tail - 1) == 0) {
		f->function += sizeof tail - 1;
		f->nfunction = (int)strcspn(f->function, "\n");
		*at = f->function + f->nfunction;
	}
	return true;
}

static bool holds(const TraceFrame *f, const char *part)
{
	return memmem(f->file, (size_t)f->nfile, part, strlen(part)) != NULL;
}

static bool in_packages(const TraceFrame *f)
{
	return holds(f, "/site-packages/") || holds(f, "/dist-packages/") || holds(f, "/python/torch_stablehlo/");
}

static bool in_torch(const TraceFrame *f)
{
	return holds(f, "-packages/torch/") || holds(f, "/torch/nn/") || holds(f, "/torch/fx/") ||
		holds(f, "<eval_with_key>");
}

/* 2: the user's own file; 1: a library other than torch; 0: torch. */
static int closeness(const TraceFrame *f) { return in_torch(f) ? 0 : in_packages(f) ? 1 : 2; }

bool user_frame(const char *stack_trace, TraceFrame *out)
{
	TraceFrame f;
	int have = 0;
	for (const char *at = stack_trace ? stack_trace : ""; next_frame(&at, &f);) {
		int c = closeness(&f);
		if (!c || c < have) continue;
		have = c;
		*out = f;
	}
	return have;
}

const char *user_line(Arena *a, const char *stack_trace)
{
	TraceFrame f;
	if (!user_frame(stack_trace, &f)) return "";
	const char *place = arena_printf(a, "%.*s:%.*s", f.nfile, f.file, f.nline, f.line);
	return f.nfunction ? arena_printf(a, "%s, in %.*s", place, f.nfunction, f.function) : place;
}
