/* Convolutions with the features last: [batch, spatial..., features], kernels [spatial..., in, out], which is the order that XLA's CPU
 * convolution computes in; in any other XLA transposes operands and results at each run. What stands between convolutions follows,
 * so that transposes are left where the features meet an op that is not known here. */
#include "tune/layout.h"

#include <string.h>

#include "tune/tune.h"
#include "tune/uses.h"

Held *held(Clone *c, Value v) { return &((Layout *)c->pass)->held[v]; }

static Ints permutation(Clone *c, int rank, const int *perm)
{
	int64_t *p = NEW(c->b->a, int64_t, rank + 1);
	for (int i = 0; i < rank; i++) p[i] = perm[i];
	return (Ints){ rank, p };
}

Type permuted_type(Clone *c, Type t, const int *perm)
{
	int64_t *dim = NEW(c->b->a, int64_t, t.rank + 1);
	for (int i = 0; i < t.rank; i++) dim[i] = t.dim[perm[i]];
	t.dim = dim;
	return t;
}

bool is_identity(int rank, const int *perm)
{
	for (int i = 0; i < rank; i++)
		if (perm[i] != i) return false;
	return true;
}

/* perm[place[d]] is d. */
void inverse(int rank, const int *perm, int *place)
{
	for (int i = 0; i < rank; i++) place[perm[i]] = i;
}

void hold(Clone *c, Value v, Value as, int rank, const int *perm)
{
	if (is_identity(rank, perm)) c->now[v] = as;
	else *held(c, v) = (Held){ as, COPY(c->b->a, int, perm, rank) };
}

Value plain(Clone *c, Value v)
{
	const Held *h = held(c, v);
	if (c->now[v] || !h->v) return c->now[v];
	int rank = rank_of(c->b, h->v);
	int place[MOST_DIMS];
	inverse(rank, h->perm, place);
	Loc around = c->b->loc;
	c->b->loc = c->from->value.v[v].def->loc;            /* whoever wants it: what is held was computed */
	c->now[v] = hlo_transpose(c->b, h->v, permutation(c, rank, place));
	c->b->loc = around;
	return c->now[v];
}

/* A broadcast is made in the order that is wanted. */
static Value broadcast_as(Clone *c, const Op *def, Type t, const int *perm)
{
	Ints dims = op_attr(def, "broadcast_dimensions")->ints;
	int place[MOST_DIMS];
	int64_t *to = NEW(c->b->a, int64_t, dims.n + 1);
	inverse(t.rank, perm, place);
	for (int i = 0; i < dims.n; i++) to[i] = place[dims.v[i]];
	Type as = permuted_type(c, t, perm);
	return hlo_broadcast_in_dim(c->b, plain(c, def->in[0]), as.rank, as.dim, (Ints){ dims.n, to });
}

Value in_order(Clone *c, Value v, const int *perm)
{
	const Held *h = held(c, v);
	Type t = value_type(c->from, v);
	const Op *def = c->from->value.v[v].def;
	if (h->v && !memcmp(h->perm, perm, (size_t)t.rank * sizeof *perm)) return h->v;
	if (def && def->code == OP_broadcast_in_dim && !h->v && !c->inside[v]) return broadcast_as(c, def, t, perm);
	return hlo_transpose(c->b, plain(c, v), permutation(c, t.rank, perm));
}

Ints reordered(Clone *c, Ints x, const int *perm)
{
	int64_t *v = NEW(c->b->a, int64_t, x.n + 1);
	for (int i = 0; i < x.n; i++) v[i] = x.v[perm[i]];
	return (Ints){ x.n, v };
}

/* -- convolutions ---------------------------------------------------------------------------------------- */

/* first, the spatial ones, last */
static void order(int64_t first, Ints spatial, int64_t last, int *perm)
{
	int n = 0;
	perm[n++] = (int)first;
	for (int i = 0; i < spatial.n; i++) perm[n++] = (int)spatial.v[i];
	perm[n] = (int)last;
}

static void kernel_order(const ConvDims *d, int *perm)
{
	int n = 0;
	for (int i = 0; i < d->kernel_spatial.n; i++) perm[n++] = (int)d->kernel_spatial.v[i];
	perm[n++] = (int)d->kernel_input_feature;
	perm[n] = (int)d->kernel_output_feature;
}

static const ConvDims *last_dims(Arena *a, int n)
{
	int64_t *from0 = NEW(a, int64_t, n + 1), *from1 = NEW(a, int64_t, n + 1);
	for (int i = 0; i < n; i++) from0[i] = i, from1[i] = i + 1;
	ConvDims *d = NEW(a, ConvDims, 1);
	*d = (ConvDims){ .input_batch = 0, .input_feature = n + 1, .input_spatial = { n, from1 },
		.kernel_input_feature = n, .kernel_output_feature = n + 1, .kernel_spatial = { n, from0 },
		.output_batch = 0, .output_feature = n + 1, .output_spatial = { n, from1 } };
	return d;
}

static bool on_convolution(Clone *c, const Op *op)
{
	const ConvDims *d = op_attr(op, "dimension_numbers")->conv;
	Type t = value_type(c->from, op->out);
	int in[MOST_DIMS], kernel[MOST_DIMS], out[MOST_DIMS];
	if (t.quant || d->input_spatial.n < 1 || t.rank > MOST_DIMS) return false;
	order(d->input_batch, d->input_spatial, d->input_feature, in);
	order(d->output_batch, d->output_spatial, d->output_feature, out);
	kernel_order(d, kernel);
	Attr *attr = copied_attrs(c->b->a, op);
	attr[op_attr_index(OP_convolution, "dimension_numbers")].conv = last_dims(c->b->a, d->input_spatial.n);
	Type as = permuted_type(c, t, out);
	Value x = in_order(c, op->in[0], in), w = in_order(c, op->in[1], kernel);
	Value y = emit(c->b, OP_convolution, &as, 2, (Value[]){ x, w }, attr);
	hold(c, op->out, y, t.rank, out);
	return true;
}

/* -- the pass -------------------------------------------------------------------------------------------- */

static const Held *first_held(Clone *c, const Op *op)
{
	for (int i = 0; i < op->nin; i++)
		if (held(c, op->in[i])->v && !c->inside[op->in[i]]) return held(c, op->in[i]);
	return NULL;
}

static bool rewrite(Clone *c, const Op *op)
{
	for (int i = 0; i < op->nout; i++) {                 /* a function that is called again makes its values anew */
		c->now[op->out + (Value)i] = 0;
		*held(c, op->out + (Value)i) = (Held){ 0 };
	}
	if (op->code == OP_convolution) return on_convolution(c, op);
	const Held *h = first_held(c, op);
	return h && follow(c, op, h->perm);
}

bool channels_last(const Module *from, const Func *f, Module *to)
{
	Layout layout = { NEW(&to->arena, Held, from->value.n + 1) };
	Clone c = { .from = from, .pass = &layout };
	if (all_static(from)) c.rewrite = rewrite, c.value = plain;
	return clone_function(&c, f, NULL, to);
}
