/* libFuzzer: any bytes as a .pt2. What opens must be safe to walk: every tensor packable, every argument's value in its
 * graph. Start it from the archives that make_archives.py writes. CRCs are set right first, or no change to a JSON in the
 * archive would ever get past them. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "pt2/internal.h"
#include "pt2/pt2.h"

static void walk_args(const Graph *g, const Arg *a, int n);

static void walk_graph(const Graph *g)
{
	walk_args(g, g->input, g->ninput);
	walk_args(g, g->output, g->noutput);
	for (int i = 0; i < g->node.n; i++) {
		const GraphNode *n = &g->node.v[i];
		for (int k = 0; k < n->narg; k++) walk_args(g, &n->arg[k].arg, 1);
		for (int k = 0; k < n->nout; k++) if (n->out[k] < 0 || n->out[k] >= g->value.n) abort();
	}
}

static void walk_args(const Graph *g, const Arg *a, int n)
{
	for (int i = 0; i < n; i++) {
		if (a[i].kind == ARG_VALUE && (a[i].value <= 0 || a[i].value >= g->value.n)) abort();
		if (a[i].kind == ARG_LIST) walk_args(g, a[i].list.item, a[i].list.n);
		if (a[i].kind == ARG_GRAPH) walk_graph(a[i].graph);
	}
}

static void walk_tensors(const Tensor *t, int n)
{
	for (int i = 0; i < n; i++, t++) {
		if (!t->storage) continue;
		if (!tensor_fits(t)) abort();
		int64_t numel = tensor_numel(t);
		if (numel > 1 << 20) continue;      /* strides of 0: more elements than bytes */
		void *p = malloc((size_t)numel * dtype_nbytes(t->dtype) + 1);
		if (!p) continue;
		tensor_pack(t, p);
		free(p);
	}
}

static size_t le(const uint8_t *p, int nbytes)
{
	size_t v = 0;
	for (int i = 0; i < nbytes; i++) v |= (size_t)p[i] << (8 * i);
	return v;
}

/* Gives each stored entry of the central directory the CRC of its bytes. */
static void mend(uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 46 <= n; i++) {
		if (memcmp(p + i, "PK\1\2", 4)) continue;
		size_t size = le(p + i + 24, 4), at = le(p + i + 42, 4);
		if (at > n || n - at < 30) continue;
		size_t data = at + 30 + le(p + at + 26, 2) + le(p + at + 28, 2);
		if (data > n || size > n - data) continue;
		uint32_t crc = (uint32_t)crc32(0, p + data, (unsigned)size);
		for (int k = 0; k < 4; k++) p[i + 16 + (size_t)k] = (uint8_t)(crc >> (8 * k));
	}
}

static void try_bytes(const uint8_t *bytes, size_t n)
{
	Err e = { 0 };
	Program *p = pt2_read(bytes, n, NULL, &e);
	if (!p != !!e.code) abort();
	if (p) {
		walk_graph(p->graph);
		walk_tensors(p->tensor.v, p->tensor.n);
		if (read_samples(p, bytes, n, &e)) walk_tensors(p->sample, p->nsample);
	}
	err_clear(&e);
	program_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = malloc(n + 1);
	if (!copy) return 0;
	if (n) memcpy(copy, bytes, n);
	mend(copy, n);
	try_bytes(copy, n);
	free(copy);
	return 0;
}
