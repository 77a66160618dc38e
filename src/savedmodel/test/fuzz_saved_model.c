/* libFuzzer: any bytes as saved_model.pb. What is read must be readable to its end. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "savedmodel/read_internal.h"

static size_t sum;      /* what is only read must be seen to be used */

static void look(const char *s) { sum += strlen(s); }

static void look_at_tensors(const SavedTensor *t, int n)
{
	for (int i = 0; i < n; i++) {
		look(t[i].key);
		look(t[i].name);
		look(t[i].type);
		for (int k = 0; k < t[i].rank; k++) sum += (size_t)t[i].dim[k];
		if (i && strcmp(t[i - 1].key, t[i].key) > 0) abort();
	}
}

static void look_at_graph(const SavedGraph *g)
{
	look(g->tensorflow_version);
	for (int i = 0; i < g->ntag; i++) look(g->tag[i]);
	for (int i = 0; i < g->nalias; i++) look(g->alias[i].alias), look(g->alias[i].function);
	for (int i = 0; i < g->nsignature; i++) {
		look(g->signature[i].key);
		look(g->signature[i].method_name);
		look_at_tensors(g->signature[i].in, g->signature[i].nin);
		look_at_tensors(g->signature[i].out, g->signature[i].nout);
	}
	for (int i = 0; i < g->ncall; i++) {
		const SavedCall *c = &g->call[i];
		look(c->function);
		look(c->node);
		look(c->producer);
		for (int k = 0; k < c->nplatform; k++) look(c->platform[k]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SavedContents c = { 0 };
	Err e = { 0 };
	Reading r = { .dir = "dir", .out = &c, .e = &e };
	jmp_buf full;
	if (setjmp(full)) abort();
	c.arena.full = r.scratch.full = &full;
	bool ok = read_graphs(&r, p, n, "saved_model.pb");
	if (ok != !e.code || (e.code && !strstr(err_msg(&e), "saved_model.pb"))) abort();
	arena_free(&r.scratch);      /* nothing that is kept is in it */
	for (int i = 0; ok && i < c.ngraph; i++) look_at_graph(&c.graph[i]);
	err_clear(&e);
	arena_free(&c.arena);
	return 0;
}
