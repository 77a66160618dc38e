#include "hostile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "aten/lower.h"

static unsigned next_byte(Choices *c)
{
	if (c->n) {
		c->n--;
		return *c->p++;
	}
	c->seed ^= c->seed << 13;                       /* xorshift64; 0 stays 0 */
	c->seed ^= c->seed >> 7;
	c->seed ^= c->seed << 17;
	return (unsigned)(c->seed >> 32) & 255;
}

static int pick(Choices *c, int n)
{
	unsigned x = next_byte(c);
	if (n > 256) x = x << 8 | next_byte(c);
	return (int)(x % (unsigned)n);
}

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))
#define ANY(c, list) (list)[pick(c, COUNT(list))]

/* -- what is chosen from --------------------------------------------------------------------------------- */

static const struct { const char *name, *kinds; } names[] = {
#define NAME(name, kinds) { #name, kinds },
#include "hostile.def"
#undef NAME
};

static const int64_t ints[] = { 0, 1, 2, 3, 1, 2, 3, -1, -2, -3, 4, 5, 8, 64, -64, 1000, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN,
	INT64_MAX - 1, (int64_t)1 << 40, -((int64_t)1 << 40), (int64_t)1 << 62 };
static const double floats[] = { 0, 1, 0.5, 2, -1, -0.0, 3, 1e-5, 1e300, -1e300, 1e-310, INFINITY, -INFINITY, NAN, 9.3e18, -9.3e18 };
static const char *const strings[] = { "mean", "sum", "none", "tanh", "floor", "trunc", "constant", "reflect", "replicate", "circular",
	"ij", "xy", "amax", "prod", "left", "right", "same", "valid", "fro", "nuc", "linear", "lower", "midpoint", "higher", "nearest",
	"ij,jk->ik", "...i,...i->...", "ii->i", "a,b", "->", "i->j", "...", "", "forward", "ortho", "backward", "no such thing" };
static const DType dtypes[] = { DTYPE_f32, DTYPE_f32, DTYPE_f32, DTYPE_i64, DTYPE_i64, DTYPE_bool, DTYPE_f16, DTYPE_bf16, DTYPE_f64,
	DTYPE_c64, DTYPE_u8, DTYPE_i32, DTYPE_c128, DTYPE_f8e4m3fn };

typedef struct Shape { int rank; int64_t dim[6]; } Shape;
static const Shape shapes[] = { { 2, { 2, 3 } }, { 3, { 2, 3, 4 } }, { 1, { 3 } }, { 0, { 0 } }, { 2, { 3, 3 } }, { 4, { 1, 3, 8, 8 } },
	{ 4, { 4, 3, 3, 3 } }, { 5, { 1, 2, 4, 4, 4 } }, { 1, { 0 } }, { 1, { 1 } }, { 2, { 0, 3 } }, { 3, { 1, 1, 1 } }, { 2, { 1, 4 } },
	{ 3, { 4, 5, 6 } }, { 6, { 1, 2, 1, 2, 1, 2 } }, { 2, { 1, (int64_t)1 << 40 } }, { 1, { (int64_t)1 << 58 } },
	{ 2, { (int64_t)1 << 29, (int64_t)1 << 29 } } };

/* -- the program ----------------------------------------------------------------------------------------- */

static const char *const sizes[] = { "s0", "s1", "2*s0", "s0 + 1", "s0 - 2", "s0*s1", "(s0//2)", "Mod(s1, 3)", "Max(1, s0)", "s2 + 0.5" };

typedef struct Maker { Choices *c; Program *p; Graph *g; Arena *a; int count; VId size[2]; } Maker;

/* In one of four programs sizes are expressions. */
static void make_sizes(Maker *m)
{
	if (pick(m->c, 4)) return;
	for (int i = 0; i < COUNT(sizes); i++) *push(m->a, &m->p->sym) = (Sym){ .expr = sizes[i] };
	m->p->nrange = pick(m->c, 2);
	m->p->range = NEW(m->a, Range, 1);
	m->p->range[0] = (Range){ "s0", true, true, ANY(m->c, ints), ANY(m->c, ints) };
}

static void forget_sizes(Maker *m, Shape *s)
{
	for (int i = 0; m->p->sym.n && i < s->rank; i++)
		if (!pick(m->c, 4)) s->dim[i] = ~(int64_t)(pick(m->c, 3) ? pick(m->c, 2) : pick(m->c, m->p->sym.n));
}

/* A size as an argument. */
static VId new_size(Maker *m)
{
	VId id = graph_value(m->p, m->g, arena_printf(m->a, "n%d", m->count++), VALUE_SYMINT);
	m->g->value.v[id].sym = ~(int64_t)pick(m->c, m->p->sym.n);
	return id;
}

static VId new_tensor(Maker *m, Shape s, DType t)
{
	if (!dims_countable(s.rank, s.dim, NULL, 0)) s.rank = 0;      /* what reads programs refuses the others */
	forget_sizes(m, &s);
	VId id = graph_value(m->p, m->g, arena_printf(m->a, "v%d", m->count++), VALUE_TENSOR);
	GraphValue *v = &m->g->value.v[id];
	int64_t *stride = NEW(m->a, int64_t, s.rank + 1);
	uint64_t step = 1;
	for (int i = s.rank - 1; i >= 0; step *= s.dim[i] < 0 ? 1 : (uint64_t)s.dim[i], i--) stride[i] = (int64_t)(step & INT64_MAX);
	v->dtype = t;
	v->rank = s.rank;
	v->dim = COPY(m->a, int64_t, s.dim, s.rank);
	v->stride = stride;
	return id;
}

/* Half of all tensor arguments are the first input, so that shapes agree. */
static VId any_value(Maker *m)
{
	return pick(m->c, 2) ? 1 : 1 + pick(m->c, m->g->value.n - 1);
}

static Arg make_arg(Maker *m, char kind);

static Arg make_list(Maker *m, char item)
{
	int n = ANY(m->c, ((int[]){ 2, 1, 2, 3, 0, 4, 6, 1 }));
	Arg *v = NEW(m->a, Arg, n + 1);
	for (int i = 0; i < n; i++) v[i] = pick(m->c, 32) ? make_arg(m, item) : (Arg){ .kind = ARG_NONE };
	return (Arg){ .kind = ARG_LIST, .list = { n, v } };
}

static Arg make_arg(Maker *m, char kind)
{
	Choices *c = m->c;
	switch (kind) {
	case 't': return arg_value(any_value(m));
	case 'T': return make_list(m, 't');
	case 'i':
		if (m->size[0] && !pick(c, 8)) return arg_value(ANY(c, m->size));
		return (Arg){ .kind = ARG_INT, .i = pick(c, 3) ? ints[pick(c, 12)] : ANY(c, ints) };
	case 'l': return make_list(m, 'i');
	case 'f': return (Arg){ .kind = ARG_FLOAT, .f = ANY(c, floats) };
	case 'D': return make_list(m, 'f');
	case 'b': return (Arg){ .kind = ARG_BOOL, .b = pick(c, 2) };
	case 's': return (Arg){ .kind = ARG_STR, .str = ANY(c, strings) };
	case 'd': return (Arg){ .kind = ARG_DTYPE, .dtype = ANY(c, dtypes) };
	case 'c': return (Arg){ .kind = ARG_COMPLEX, .complex_ = { ANY(c, floats), ANY(c, floats) } };
	default:  return (Arg){ .kind = ARG_NONE };
	}
}

static char kind_for(Choices *c, const char *kinds)
{
	static const char all[] = "tTilfDbsdcn";
	if (!pick(c, 40)) return all[pick(c, COUNT(all) - 1)];
	return kinds[pick(c, 4) ? 0 : pick(c, (int)strlen(kinds))];
}

/* Rule `r`'s target, at times in place ("aten.add_.Tensor") or writing out ("aten.add.out"). */
static const char *make_target(Maker *m, int r)
{
	const char *t = rule_name(r), *dot = strrchr(t, '.');
	int how = pick(m->c, 16);
	if (how == 0) return arena_printf(m->a, "%.*s_%s", (int)(dot - t), t, dot);
	if (how == 1) return arena_printf(m->a, "%.*s.out", (int)(dot - t), t);
	return t;
}

static int count_rules(void)
{
	int n = 0;
	while (rule_name(n)) n++;
	return n;
}

static void make_node(Maker *m, int rule)
{
	Choices *c = m->c;
	const char *target = make_target(m, rule < 0 ? pick(c, count_rules()) : rule);
	NamedArg *arg = NEW(m->a, NamedArg, COUNT(names));
	int narg = 0;
	arg[narg++] = (NamedArg){ "self", make_arg(m, pick(c, 20) ? 't' : 'n') };
	for (int i = 0; i < COUNT(names); i++) {
		if (!strcmp(names[i].name, "self") || (!strcmp(names[i].name, "out") && !strstr(target, "out")) || !pick(c, 4)) continue;
		arg[narg++] = (NamedArg){ names[i].name, make_arg(m, kind_for(c, names[i].kinds)) };
	}
	int nout = ANY(c, ((int[]){ 1, 1, 1, 1, 2, 3, 0 }));
	VId *out = NEW(m->a, VId, nout + 1);
	for (int i = 0; i < nout; i++) {
		Shape s = ANY(c, shapes);
		const GraphValue *like = &m->g->value.v[any_value(m)];
		if (like->kind != VALUE_TENSOR) like = &m->g->value.v[1];
		DType t = like->dtype;
		if (pick(c, 3)) {
			s.rank = like->rank;
			memcpy(s.dim, like->dim, (size_t)like->rank * sizeof *s.dim);
		}
		out[i] = pick(c, 12) ? new_tensor(m, s, pick(c, 4) ? t : ANY(c, dtypes)) : 0;
	}
	GraphNode *g = graph_node(m->p, m->g, target, "node");
	g->narg = narg;
	g->arg = arg;
	g->nout = nout;
	g->out = out;
}

static void make_program(Maker *m, int rule, int nodes)
{
	enum { TENSORS = 5 };
	Program *p = m->p;
	p->graph = m->g = graph_new(p, "");
	make_sizes(m);
	p->ninput = TENSORS + (p->sym.n ? COUNT(m->size) : 0);
	p->input = NEW(m->a, Input, p->ninput);
	for (int i = 0; i < p->ninput; i++) {
		VId v = i < TENSORS ? new_tensor(m, ANY(m->c, shapes), ANY(m->c, dtypes)) : (m->size[i - TENSORS] = new_size(m));
		p->input[i] = (Input){ .kind = INPUT_USER, .arg = arg_value(v), .name = m->g->value.v[v].name };
	}
	int n = 1 + pick(m->c, nodes);
	for (int i = 0; i < n; i++) make_node(m, rule);
	p->output = NEW(m->a, Output, 1);
	VId last = m->g->value.n - 1;
	p->noutput = 1;
	p->output[0] = (Output){ .kind = OUTPUT_USER, .arg = arg_value(last) };
}

/* -- the case -------------------------------------------------------------------------------------------- */

static bool whole_way(Program *p, Module *m)
{
	LowerOptions opt = { 0 };
	Lowered lowered;
	return functionalize(p, m->err) && lower(p, m, &opt, &lowered) && !m->err->code;
}

/* What verifies must be written. */
static int judge(Program *p, Module *m)
{
	enum { MOST = 64 << 20 };
	bool ok = whole_way(p, m);
	if (p->arena.nbytes + m->arena.nbytes > MOST) return fprintf(stderr, "%zu bytes of memory\n", p->arena.nbytes + m->arena.nbytes), -1;
	if (!ok) return *err_msg(m->err) ? 0 : (fprintf(stderr, "a failure without a message\n"), -1);
	Buf text = { 0 };
	if (!verify(m)) return 0;              /* complex numbers ordered, bits of floats: no program of torch's */
	bool printed = print_module(m, &text);
	buf_free(&text);
	return printed ? 1 : (fprintf(stderr, "does not print: %s\n", err_msg(m->err)), -1);
}

static void show(const Program *p)
{
	for (int i = 0; p->graph && i < p->graph->node.n; i++) fprintf(stderr, "  in %s\n", p->graph->node.v[i].target);
}

int hostile_case(Choices *c, int rule, int nodes)
{
	Err e = { 0 };
	Module m = { .err = &e };
	Program *p = program_new(&e);
	volatile int result = -1;
	jmp_buf full;
	if (!p) return -1;
	if (!setjmp(full)) {
		m.arena.full = p->arena.full = &full;
		make_program(&(Maker){ .c = c, .p = p, .a = &p->arena }, rule, nodes);
		result = judge(p, &m);
	} else {
		fprintf(stderr, "out of memory\n");
	}
	if (result < 0) show(p);
	module_free(&m);
	program_free(p);
	err_clear(&e);
	return result;
}
