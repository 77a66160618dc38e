/* pt2-dump [--samples] [--brief] FILE [MODEL]: a Program as JSON, for test_pt2.py to compare with what torch reads. Tensors
 * are given row-major, in hex. Exit status 1 and the message on standard error when the file cannot be read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pt2/pt2.h"

static const Program *prog;

static void string(const char *s)
{
	if (!s) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\') printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20) printf("\\u%04x", *s);
		else putchar(*s);
	}
	putchar('"');
}

static void dim(Dim d)
{
	if (IS_STATIC(d)) printf("%lld", (long long)d);
	else string(prog->sym.v[~d].expr);
}

static void dims(const Dim *d, int n)
{
	putchar('[');
	for (int i = 0; i < n; i++) {
		if (i) putchar(',');
		dim(d[i]);
	}
	putchar(']');
}

static void number(double f)
{
	if (isnan(f)) fputs("NaN", stdout);
	else if (isinf(f)) fputs(f < 0 ? "-Infinity" : "Infinity", stdout);
	else printf("%.17g", f);
}

static void graph(const Graph *g);

static void value_name(const Graph *g, VId v)
{
	if (v) string(g->value.v[v].name);
	else fputs("null", stdout);
}

static void arg(const Graph *g, const Arg *a)
{
	switch (a->kind) {
	case ARG_NONE: fputs("null", stdout); return;
	case ARG_INT: printf("%lld", (long long)a->i); return;
	case ARG_BOOL: fputs(a->b ? "true" : "false", stdout); return;
	case ARG_STR: string(a->str); return;
	case ARG_LIST:
		putchar('[');
		for (int i = 0; i < a->list.n; i++) {
			if (i) putchar(',');
			arg(g, &a->list.item[i]);
		}
		putchar(']');
		return;
	case ARG_FLOAT: fputs("{\"float\":", stdout); number(a->f); break;
	case ARG_COMPLEX:
		fputs("{\"complex\":[", stdout);
		number(a->complex_[0]);
		putchar(',');
		number(a->complex_[1]);
		putchar(']');
		break;
	case ARG_VALUE: fputs("{\"value\":", stdout); value_name(g, a->value); break;
	case ARG_DTYPE: fputs("{\"dtype\":", stdout); string(dtype_info(a->dtype)->torch); break;
	case ARG_LAYOUT: printf("{\"layout\":%lld", (long long)a->i); break;
	case ARG_MEMORY_FORMAT: printf("{\"memory_format\":%lld", (long long)a->i); break;
	case ARG_DEVICE: fputs("{\"device\":", stdout); string(a->str); break;
	case ARG_GRAPH: fputs("{\"graph\":", stdout); graph(a->graph); break;
	case ARG_OPERATOR: fputs("{\"operator\":", stdout); string(a->str); break;
	case ARG_OBJECT: fputs("{\"object\":", stdout); string(a->str); break;
	}
	putchar('}');
}

static void args(const Graph *g, const Arg *a, int n)
{
	Arg list = { .kind = ARG_LIST, .list = { .n = n, .item = (Arg *)(uintptr_t)a } };
	arg(g, &list);
}

static void node(const Graph *g, const GraphNode *n)
{
	fputs("{\"target\":", stdout);
	string(n->target);
	fputs(",\"name\":", stdout);
	string(n->name);
	fputs(",\"args\":[", stdout);
	for (int i = 0; i < n->narg; i++) {
		fputs(i ? ",[" : "[", stdout);
		string(n->arg[i].name);
		putchar(',');
		arg(g, &n->arg[i].arg);
		putchar(']');
	}
	fputs("],\"out\":[", stdout);
	for (int i = 0; i < n->nout; i++) {
		if (i) putchar(',');
		value_name(g, n->out[i]);
	}
	fputs("],\"stack_trace\":", stdout);
	string(n->stack_trace);
	Arena a = { 0 };
	jmp_buf full;
	if (setjmp(full)) exit(2);
	a.full = &full;
	fputs(",\"user_line\":", stdout);
	string(user_line(&a, n->stack_trace));
	arena_free(&a);
	fputs(",\"nn_module_stack\":", stdout);
	string(n->nn_module_stack);
	fputs(",\"torch_fn\":", stdout);
	string(n->torch_fn);
	putchar('}');
}

static void value(const GraphValue *v)
{
	string(v->name);
	printf(":{\"kind\":%d,\"dtype\":", v->kind);
	string(v->kind == VALUE_TENSOR ? dtype_info(v->dtype)->torch : "");
	if (v->kind == VALUE_TENSOR) {
		fputs(",\"dim\":", stdout);
		dims(v->dim, v->rank);
		fputs(",\"stride\":", stdout);
		dims(v->stride, v->rank);
		fputs(",\"offset\":", stdout);
		dim(v->offset);
	} else {
		fputs(",\"sym\":", stdout);
		dim(v->sym);
	}
	putchar('}');
}

static void graph(const Graph *g)
{
	fputs("{\"name\":", stdout);
	string(g->name);
	fputs(",\"values\":{", stdout);
	for (int i = 1; i < g->value.n; i++) {
		if (i > 1) putchar(',');
		value(&g->value.v[i]);
	}
	fputs("},\"inputs\":", stdout);
	args(g, g->input, g->ninput);
	fputs(",\"outputs\":", stdout);
	args(g, g->output, g->noutput);
	fputs(",\"nodes\":[", stdout);
	for (int i = 0; i < g->node.n; i++) {
		if (i) fputs(",\n", stdout);
		node(g, &g->node.v[i]);
	}
	fputs("]}", stdout);
}

static void tensor(const Tensor *t)
{
	fputs("{\"name\":", stdout);
	string(t->name);
	fputs(",\"dtype\":", stdout);
	string(dtype_info(t->dtype)->torch);
	fputs(",\"dim\":", stdout);
	dims(t->dim, t->rank);
	fputs(",\"stride\":", stdout);
	dims(t->stride, t->rank);
	printf(",\"offset\":%lld,\"storage\":%zu,\"nbytes\":%zu,\"data\":", (long long)t->offset, (size_t)t->storage,
		t->nbytes);
	size_t n = (size_t)tensor_numel(t) * dtype_nbytes(t->dtype);
	uint8_t *p = t->storage || !n ? malloc(n + 1) : NULL;
	if (!p) {
		fputs("null}", stdout);
		return;
	}
	tensor_pack(t, p);
	putchar('"');
	for (size_t i = 0; i < n; i++) printf("%02x", p[i]);
	fputs("\"}", stdout);
	free(p);
}

static void tensors(const Tensor *t, int n)
{
	putchar('[');
	for (int i = 0; i < n; i++) {
		if (i) fputs(",\n", stdout);
		tensor(&t[i]);
	}
	putchar(']');
}

static void signature(const Program *p)
{
	fputs("\"inputs\":[", stdout);
	for (int i = 0; i < p->ninput; i++) {
		const Input *in = &p->input[i];
		printf("%s{\"kind\":%d,\"persistent\":%s,\"name\":", i ? "," : "", in->kind, in->persistent ? "true" : "false");
		string(in->name);
		fputs(",\"target\":", stdout);
		string(in->target);
		fputs(",\"arg\":", stdout);
		arg(p->graph, &in->arg);
		putchar('}');
	}
	fputs("],\"outputs\":[", stdout);
	for (int i = 0; i < p->noutput; i++) {
		printf("%s{\"kind\":%d,\"target\":", i ? "," : "", p->output[i].kind);
		string(p->output[i].target);
		fputs(",\"arg\":", stdout);
		arg(p->graph, &p->output[i].arg);
		putchar('}');
	}
	putchar(']');
}

static void symbols(const Program *p)
{
	fputs("\"sym\":[", stdout);
	for (int i = 0; i < p->sym.n; i++) {
		fputs(i ? ",[" : "[", stdout);
		string(p->sym.v[i].expr);
		if (p->sym.v[i].has_hint) printf(",%lld]", (long long)p->sym.v[i].hint);
		else fputs(",null]", stdout);
	}
	fputs("],\"range\":{", stdout);
	for (int i = 0; i < p->nrange; i++) {
		const Range *r = &p->range[i];
		if (i) putchar(',');
		string(r->symbol);
		fputs(":[", stdout);
		if (r->has_min) printf("%lld,", (long long)r->min); else fputs("null,", stdout);
		if (r->has_max) printf("%lld]", (long long)r->max); else fputs("null]", stdout);
	}
	putchar('}');
}

static void program(const Program *p)
{
	printf("{\"schema\":[%d,%d],\"torch\":", p->schema_major, p->schema_minor);
	string(p->torch_version);
	fputs(",\"in_spec\":", stdout);
	string(p->in_spec);
	fputs(",\"out_spec\":", stdout);
	string(p->out_spec);
	fputs(",\"user_names\":[", stdout);
	for (int i = 0; i < p->nuser_name; i++) {
		if (i) putchar(',');
		string(p->user_name[i]);
	}
	fputs("],", stdout);
	signature(p);
	putchar(',');
	symbols(p);
	fputs(",\n\"tensors\":", stdout);
	tensors(p->tensor.v, p->tensor.n);
	fputs(",\n\"samples\":", stdout);
	tensors(p->sample, p->nsample);
	fputs(",\n\"graph\":", stdout);
	graph(p->graph);
	fputs("}\n", stdout);
}

int main(int argc, char **argv)
{
	Err e = { 0 };
	bool samples = argc > 1 && !strcmp(argv[1], "--samples"), brief = argc > 1 && !strcmp(argv[1], "--brief");
	int at = 1 + (samples || brief);
	if (at >= argc) {
		fputs("usage: pt2-dump [--samples | --brief] FILE [MODEL]\n", stderr);
		return 2;
	}
	Program *p = pt2_open_named(argv[at], at + 1 < argc ? argv[at + 1] : NULL, &e);
	if (p && samples) pt2_samples(p, &e);
	if (e.code) {
		fprintf(stderr, "%d %s\n", e.code, err_msg(&e));
		err_clear(&e);
		program_free(p);
		return 1;
	}
	prog = p;
	if (brief) printf("%d nodes, %d tensors, %zu bytes of memory\n", p->graph->node.n, p->tensor.n, p->arena.nbytes);
	else program(p);
	program_free(p);
	return 0;
}
