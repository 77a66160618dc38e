/* Control flow: torch.cond, while_loop, map, scan, associative_scan. Their graphs are lowered inside the regions of StableHLO's if and
 * while. A branch reads values from outside as it needs them; a loop is given all that its body reads. */
#include "aten/ctx.h"

#include <string.h>

/* -- arguments: by position, as torch's higher order operators have no schema ------------------------------- */

static const Arg *argument(Node *n, int i)
{
	static const Arg none = { .kind = ARG_NONE };
	return i < n->g->narg ? &n->g->arg[i].arg : &none;
}

static const Graph *graph_at(Node *n, int i)
{
	const Arg *x = argument(n, i);
	if (x->kind == ARG_GRAPH) return x->graph;
	node_fail(n, BAD_INPUT, "argument %d is no graph", i);
	return NULL;
}

static Value one_value(Node *n, const Arg *x)
{
	switch (x->kind) {
	case ARG_VALUE: return lowered_value(n->l, x->value);
	case ARG_INT:   return scalar_int(n->b, x->i, DTYPE_i64);
	case ARG_BOOL:  return scalar_int(n->b, x->b, DTYPE_bool);
	case ARG_FLOAT: return scalar(n->b, x->f, DTYPE_f64);
	default:        return node_fail(n, UNSUPPORTED, "an operand that is neither a tensor nor a number");
	}
}

/* The tensors of a list argument; absent or None: none. */
static Values values_at(Node *n, int i)
{
	const Arg *x = argument(n, i);
	int count = x->kind == ARG_LIST ? x->list.n : 0;
	Values v = { count, NEW(n->a, Value, count + 1) };
	for (int k = 0; k < count; k++) v.v[k] = one_value(n, &x->list.item[k]);
	return v;
}

static Values joined(Node *n, Values x, Values y)
{
	Values v = { x.n + y.n, NEW(n->a, Value, x.n + y.n + 1) };
	if (x.n) memcpy(v.v, x.v, (size_t)x.n * sizeof *v.v);
	if (y.n) memcpy(v.v + x.n, y.v, (size_t)y.n * sizeof *v.v);
	return v;
}

static Values part(Values x, int from, int count) { return (Values){ count, x.v + from }; }

/* -- graphs ---------------------------------------------------------------------------------------------- */

/* An int of which the graph's own sizes are made: it is known by its expression. */
static bool is_size(const Lower *l, const GraphValue *v) { return v->kind == VALUE_SYMINT && !is_of_values(l, v); }

/* The graph's nodes where the builder stands. Results that are None are 0. */
static Values lower_graph(Node *n, const Graph *g, Values in)
{
	Lower *outer = n->l, l = *outer;
	Values out = { g ? g->noutput : 0, NEW(n->a, Value, (g ? g->noutput : 0) + 1) };
	if (!g || n->b->m->err->code) return out;
	if (in.n < g->ninput) return node_fail(n, BAD_INPUT, "a graph takes %d values, given %d", g->ninput, in.n), out;
	l.graph = g;
	l.value = NEW(n->a, Value, g->value.n + 1);
	l.mark = find_marks(&l);
	for (int i = 0; i < g->ninput; i++)
		if (g->input[i].kind == ARG_VALUE && !is_size(&l, &g->value.v[g->input[i].value])) l.value[g->input[i].value] = in.v[i];
	if (!lower_nodes(&l)) return out;
	Node inner = *n;
	inner.l = &l;
	for (int i = 0; i < g->noutput; i++)
		if (g->output[i].kind != ARG_NONE) out.v[i] = one_value(&inner, &g->output[i]);
	outer->ndraws = l.ndraws;
	return out;
}

/* In a loop a draw would be the same in every round. */
static Values lower_body(Node *n, const Graph *g, Values in)
{
	int before = n->l->ndraws;
	Values out = lower_graph(n, g, in);
	if (n->l->ndraws != before) node_fail(n, UNSUPPORTED, "random numbers in the body of a loop");
	return out;
}

static Values types_begin(Node *n, Values like, Region **region)
{
	Values arg = { like.n, NEW(n->a, Value, like.n + 1) };
	Type *t = NEW(n->a, Type, like.n + 1);
	for (int i = 0; i < like.n; i++) t[i] = known_type(n->b, like.v[i]);
	*region = region_begin(n->b, like.n, t, arg.v);
	return arg;
}

/* Hands the results out; output i of the node is result at[i]. */
static Value give(Node *n, Values results)
{
	for (int i = 1; i < results.n && i < nouts(n); i++) set_out(n, i, results.v[i]);
	return results.n ? results.v[0] : 0;
}

/* -- cond ------------------------------------------------------------------------------------------------ */

static Region *branch(Node *n, const Graph *g, Values in, int *count, int **at)
{
	Region *r = region_begin(n->b, 0, NULL, NULL);
	Values out = lower_graph(n, g, in);
	int k = 0;
	*at = NEW(n->a, int, out.n + 1);
	for (int i = 0; i < out.n; i++) {
		(*at)[i] = out.v[i] ? k : -1;
		if (out.v[i]) out.v[k++] = out.v[i];
	}
	region_end(n->b, r, k, out.v);
	*count = k;
	return r;
}

/* higher_order.cond(pred, true_graph, false_graph, operands) */
Value lower_cond(Node *n)
{
	Builder *b = n->b;
	Value pred = one_value(n, argument(n, 0));
	pred = cast(b, pred, DTYPE_bool);
	pred = hlo_reshape(b, pred, 0, NULL);
	Values in = values_at(n, 3);
	const Graph *graph[2] = { graph_at(n, 1), graph_at(n, 2) };
	if (b->m->err->code) return 0;
	int count[2], *at[2];
	Region *yes = branch(n, graph[0], in, &count[0], &at[0]), *no = branch(n, graph[1], in, &count[1], &at[1]);
	if (count[0] != count[1]) return node_fail(n, BAD_INPUT, "the branches give %d and %d values", count[0], count[1]);
	Value *out = NEW(n->a, Value, count[0] + 1);
	if (!hlo_if(b, pred, count[0], yes, no, out)) return 0;
	for (int i = 1; i < nouts(n) && i < graph[0]->noutput; i++) set_out(n, i, at[0][i] < 0 ? 0 : out[at[0][i]]);
	return graph[0]->noutput && at[0][0] >= 0 ? out[at[0][0]] : 0;
}

/* -- while_loop ------------------------------------------------------------------------------------------ */

/* higher_order.while_loop(cond_graph, body_graph, carried, additional): additional inputs go round unchanged */
Value lower_while_loop(Node *n)
{
	Builder *b = n->b;
	const Graph *test = graph_at(n, 0), *body = graph_at(n, 1);
	Values carried = values_at(n, 2), all = joined(n, carried, values_at(n, 3));
	Region *cond, *round;
	if (b->m->err->code) return 0;
	Values x = types_begin(n, all, &cond);
	Values go = lower_body(n, test, x);
	Value more = go.n ? cast(b, go.v[0], DTYPE_bool) : 0;
	more = more ? hlo_reshape(b, more, 0, NULL) : 0;
	region_end(b, cond, 1, &more);
	x = types_begin(n, all, &round);
	Values next = lower_body(n, body, x);
	if (next.n != carried.n) return node_fail(n, BAD_INPUT, "the body gives %d values, wanted %d", next.n, carried.n);
	next = joined(n, next, part(x, carried.n, all.n - carried.n));
	region_end(b, round, next.n, next.v);
	Values out = { carried.n, NEW(n->a, Value, all.n + 1) };
	return hlo_while(b, all.n, all.v, cond, round, out.v) ? give(n, out) : 0;
}

/* -- loops over the first dim ---------------------------------------------------------------------------- */

/* What goes round: the position, what is carried, what is sliced, what is only read, what is collected. */
typedef struct Loop { int carry, xs, extra, ys; int64_t from, count; const Graph *body; } Loop;

/* x[i] */
static Value row(Node *n, Value x, Value i)
{
	Builder *b = n->b;
	Type t = known_type(b, x);
	if (!t.rank) return node_fail(n, BAD_INPUT, "a 0-d tensor has no rows");
	Value *at = NEW(n->a, Value, t.rank);
	for (int k = 0; k < t.rank; k++) at[k] = k ? scalar_int(b, 0, DTYPE_i64) : i;
	x = hlo_dynamic_slice(b, x, at, shape_with(b, t, 0, 1).dim);
	return squeeze_dim(b, x, 0);
}

/* ys with y as row i */
static Value with_row(Node *n, Value ys, Value y, Value i)
{
	Builder *b = n->b;
	Type t = known_type(b, ys);
	Value *at = NEW(n->a, Value, t.rank + 1);
	for (int k = 0; k < t.rank; k++) at[k] = k ? scalar_int(b, 0, DTYPE_i64) : i;
	y = unsqueeze_dim(b, y, 0);
	return y ? hlo_dynamic_update_slice(b, ys, y, at) : 0;
}

/* state: i, carry, xs, extra, ys. carry, ys = body(carry, xs[i], extra) */
static Values loop_round(Node *n, Loop l, Values state)
{
	Builder *b = n->b;
	Value i = state.v[0];
	Values carry = part(state, 1, l.carry), xs = part(state, 1 + l.carry, l.xs);
	Values extra = part(state, 1 + l.carry + l.xs, l.extra), ys = part(state, state.n - l.ys, l.ys);
	Values in = { 0, NEW(n->a, Value, state.n) };
	for (int k = 0; k < l.carry; k++) in.v[in.n++] = carry.v[k];
	for (int k = 0; k < l.xs; k++) in.v[in.n++] = row(n, xs.v[k], i);
	for (int k = 0; k < l.extra; k++) in.v[in.n++] = extra.v[k];
	Values out = lower_body(n, l.body, in);
	Values next = { state.n, COPY(n->a, Value, state.v, state.n) };
	bool both = out.n == l.carry && l.ys == l.carry;        /* associative_scan: what is carried is collected */
	if (out.n != l.carry + l.ys && !both) return node_fail(n, BAD_INPUT, "the body gives %d values", out.n), next;
	Value one = scalar_int(b, 1, DTYPE_i64);
	next.v[0] = hlo_add(b, i, one);
	for (int k = 0; k < l.carry; k++) next.v[1 + k] = out.v[k];
	for (int k = 0; k < l.ys; k++)
		next.v[state.n - l.ys + k] = with_row(n, ys.v[k], out.v[both ? k : l.carry + k], i);
	return next;
}

/* The state after all rounds. */
static Values loop(Node *n, Loop l, Values state)
{
	Builder *b = n->b;
	Region *cond, *body;
	Values x = types_begin(n, state, &cond);
	Value end = size_value(b, l.count, scalar_type(DTYPE_i64));
	Value more = hlo_compare(b, DIRECTION_LT, x.v[0], end);
	region_end(b, cond, 1, &more);
	x = types_begin(n, state, &body);
	Values next = loop_round(n, l, x);
	region_end(b, body, next.n, next.v);
	Values out = { state.n, NEW(n->a, Value, state.n + 1) };
	hlo_while(b, state.n, state.v, cond, body, out.v);
	return out;
}

/* How many rows the sliced tensors have: a size. */
static int64_t rows(Node *n, Values xs)
{
	if (!xs.n) return node_fail(n, BAD_INPUT, "nothing to go over"), 0;
	Type t = known_type(n->b, xs.v[0]);
	if (t.kind && !t.rank) return node_fail(n, BAD_INPUT, "a 0-d tensor has no rows"), 0;
	return t.kind ? t.dim[0] : 0;
}

/* Zeros of the types of outputs from..from+count-1. */
static Values collected(Node *n, int from, int count)
{
	Values v = { count, NEW(n->a, Value, count + 1) };
	for (int i = 0; i < count; i++) {
		Type t = out_type(n, from + i);
		v.v[i] = t.kind ? full(n->b, t, 0) : node_fail(n, UNSUPPORTED, "result %d is no tensor", from + i);
	}
	return v;
}

static Values state_of(Node *n, int64_t from, Values carry, Values xs, Values extra, Values ys)
{
	Value i = scalar_int(n->b, from, DTYPE_i64);
	return joined(n, joined(n, (Values){ 1, &i }, carry), joined(n, joined(n, xs, extra), ys));
}

/* higher_order.scan(graph, init, xs, additional) -> carry..., ys...: carry, y = graph(carry, x[i], additional) */
Value lower_scan(Node *n)
{
	const Graph *body = graph_at(n, 0);
	Values carry = values_at(n, 1), xs = values_at(n, 2), extra = values_at(n, 3);
	int nys = nouts(n) - carry.n;
	if (nys < 0) return node_fail(n, BAD_INPUT, "%d results for %d carried values", nouts(n), carry.n);
	Values ys = collected(n, carry.n, nys);
	Loop l = { carry.n, xs.n, extra.n, nys, 0, rows(n, xs), body };
	if (n->b->m->err->code) return 0;
	if (!l.count) return give(n, joined(n, carry, ys));
	Values end = loop(n, l, state_of(n, 0, carry, xs, extra, ys));
	return give(n, joined(n, part(end, 1, carry.n), part(end, end.n - nys, nys)));
}

/* higher_order.map_impl(graph, xs, additional) -> ys: y[i] = graph(x[i], additional) */
Value lower_map(Node *n)
{
	const Graph *body = graph_at(n, 0);
	Values xs = values_at(n, 1), extra = values_at(n, 2), ys = collected(n, 0, nouts(n));
	Loop l = { 0, xs.n, extra.n, ys.n, 0, rows(n, xs), body };
	if (n->b->m->err->code) return 0;
	if (!l.count) return give(n, ys);
	Values end = loop(n, l, state_of(n, 0, (Values){ 0 }, xs, extra, ys));
	return give(n, part(end, end.n - ys.n, ys.n));
}

/* higher_order.associative_scan(graph, xs, additional) -> ys: y[0] = x[0], y[i] = graph(y[i - 1], x[i], additional); torch joins them in
 * another order, which for what is associative gives the same but for rounding */
Value lower_associative_scan(Node *n)
{
	const Graph *body = graph_at(n, 0);
	Values xs = values_at(n, 1), extra = values_at(n, 2), first = { xs.n, NEW(n->a, Value, xs.n + 1) };
	Loop l = { xs.n, xs.n, extra.n, xs.n, 1, rows(n, xs), body };
	if (n->b->m->err->code) return 0;
	if (l.count == 0 || l.count == 1) return give(n, xs);
	for (int i = 0; i < xs.n; i++) first.v[i] = row(n, xs.v[i], scalar_int(n->b, 0, DTYPE_i64));
	Values end = loop(n, l, state_of(n, 1, first, xs, extra, xs));
	return give(n, part(end, end.n - xs.n, xs.n));
}
