/* What a SavedModel holds: src/savedmodel's findings, one at a time. */
#include "api/api.h"
#include "savedmodel/read.h"

struct tshlo_saved_model { SavedContents c; };

tshlo_saved_model *tshlo_saved_model_open(const char *dir, tshlo_error *e)
{
	ERR(e, NULL);
	return given(dir, "directory", err) ? (tshlo_saved_model *)saved_model_open(dir, err) : NULL;
}

void tshlo_saved_model_close(tshlo_saved_model *s) { saved_model_close((SavedContents *)s); }

bool tshlo_saved_model_has_warmup(const tshlo_saved_model *s) { return s && s->c.warmup; }

/* The i-th of n, or NULL past the end. */
#define AT(v, n, i) ((i) >= 0 && (i) < (n) ? &(v)[i] : NULL)

static const SavedGraph *graph_at(const tshlo_saved_model *s, int graph)
{
	return s ? AT(s->c.graph, s->c.ngraph, graph) : NULL;
}

static const SavedSignature *signature_at(const tshlo_saved_model *s, int graph, int i)
{
	const SavedGraph *g = graph_at(s, graph);
	return g ? AT(g->signature, g->nsignature, i) : NULL;
}

static bool tensor_info(const SavedTensor *t, tshlo_saved_tensor *out)
{
	if (t) *out = (tshlo_saved_tensor){ t->key, t->name, t->type, (int)t->dtype, t->rank, t->dim, t->nbytes };
	return t != NULL;
}

bool tshlo_saved_graph_info(const tshlo_saved_model *s, int graph, tshlo_saved_graph *out)
{
	const SavedGraph *g = graph_at(s, graph);
	if (g) *out = (tshlo_saved_graph){ g->tensorflow_version, g->ntag, g->tag };
	return g != NULL;
}

bool tshlo_saved_signature_info(const tshlo_saved_model *s, int graph, int i, tshlo_saved_signature *out)
{
	const SavedSignature *d = signature_at(s, graph, i);
	if (d) *out = (tshlo_saved_signature){ d->key, d->method_name };
	return d != NULL;
}

bool tshlo_saved_input(const tshlo_saved_model *s, int graph, int signature, int i, tshlo_saved_tensor *out)
{
	const SavedSignature *d = signature_at(s, graph, signature);
	return d && tensor_info(AT(d->in, d->nin, i), out);
}

bool tshlo_saved_output(const tshlo_saved_model *s, int graph, int signature, int i, tshlo_saved_tensor *out)
{
	const SavedSignature *d = signature_at(s, graph, signature);
	return d && tensor_info(AT(d->out, d->nout, i), out);
}

bool tshlo_saved_call_info(const tshlo_saved_model *s, int graph, int i, tshlo_saved_call *out)
{
	const SavedGraph *g = graph_at(s, graph);
	const SavedCall *c = g ? AT(g->call, g->ncall, i) : NULL;
	if (c) *out = (tshlo_saved_call){ c->function, c->node, c->version, c->nplatform, c->platform,
		c->module_nbytes, c->producer };
	return c != NULL;
}

bool tshlo_saved_alias(const tshlo_saved_model *s, int graph, int i, const char **alias,
	const char **function)
{
	const SavedGraph *g = graph_at(s, graph);
	const SavedAlias *a = g ? AT(g->alias, g->nalias, i) : NULL;
	if (a) *alias = a->alias, *function = a->function;
	return a != NULL;
}

bool tshlo_saved_variable(const tshlo_saved_model *s, int i, tshlo_saved_tensor *out)
{
	return s && tensor_info(AT(s->c.variable, s->c.nvariable, i), out);
}
