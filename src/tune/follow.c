/* Ops that do not care for the order of their operand's dimensions, or can be told another. */
#include "tune/layout.h"

static Attr *attrs(Clone *c, const Op *op) { return copied_attrs(c->b->a, op); }
static Attr *set(Attr *a, const Op *op, const char *name) { return &a[op_attr_index(op->code, name)]; }

static bool is_elementwise(OpCode code)
{
	switch (code) {
	case OP_compare: case OP_select: case OP_clamp: case OP_convert: case OP_is_finite: case OP_reduce_precision: return true;
	default: return op_table[code].unary || op_table[code].binary;
	}
}

/* Scalars among the operands (of select and clamp) stay as they are. */
static bool elementwise(Clone *c, const Op *op, const int *perm)
{
	Type t = value_type(c->from, op->out);
	Value *in = NEW(c->b->a, Value, op->nin + 1);
	if (t.quant) return false;
	for (int i = 0; i < op->nin; i++)
		if (!same_shape(value_type(c->from, op->in[i]), t) && value_type(c->from, op->in[i]).rank) return false;
	for (int i = 0; i < op->nin; i++)
		in[i] = value_type(c->from, op->in[i]).rank ? in_order(c, op->in[i], perm) : plain(c, op->in[i]);
	Type as = permuted_type(c, t, perm);
	hold(c, op->out, emit(c->b, op->code, &as, op->nin, in, op->attr), t.rank, perm);
	return true;
}

/* Sizes or places, one for each dimension. */
static bool with_lists(Clone *c, const Op *op, const int *perm, const char *const *name)
{
	Type t = value_type(c->from, op->out);
	Attr *a = attrs(c, op);
	for (; *name; name++)
		if (set(a, op, *name)->set) set(a, op, *name)->ints = reordered(c, set(a, op, *name)->ints, perm);
	Value in[2] = { in_order(c, op->in[0], perm), op->nin > 1 ? plain(c, op->in[1]) : 0 };
	Type as = permuted_type(c, t, perm);
	hold(c, op->out, emit(c->b, op->code, &as, op->nin, in, a), t.rank, perm);
	return true;
}

static bool pad(Clone *c, const Op *op, const int *perm)
{
	static const char *const lists[] = { "edge_padding_low", "edge_padding_high", "interior_padding", NULL };
	return held(c, op->in[0])->v && with_lists(c, op, perm, lists);
}

static bool slice(Clone *c, const Op *op, const int *perm)
{
	static const char *const lists[] = { "start_indices", "limit_indices", "strides", NULL };
	return with_lists(c, op, perm, lists);
}

static bool concatenate(Clone *c, const Op *op, const int *perm)
{
	Type t = value_type(c->from, op->out);
	int place[MOST_DIMS];
	inverse(t.rank, perm, place);
	Attr *a = attrs(c, op);
	set(a, op, "dimension")->i = place[set(a, op, "dimension")->i];
	Value *in = NEW(c->b->a, Value, op->nin + 1);
	for (int i = 0; i < op->nin; i++) in[i] = in_order(c, op->in[i], perm);
	Type as = permuted_type(c, t, perm);
	hold(c, op->out, emit(c->b, op->code, &as, op->nin, in, a), t.rank, perm);
	return true;
}

static bool broadcast(Clone *c, const Op *op, const int *perm)
{
	Type t = value_type(c->from, op->out);
	Ints dims = op_attr(op, "broadcast_dimensions")->ints;
	c->now[op->out] = hlo_broadcast_in_dim(c->b, held(c, op->in[0])->v, t.rank, t.dim, reordered(c, dims, perm));
	return true;
}

static bool transpose(Clone *c, const Op *op, const int *perm)
{
	Ints to = op_attr(op, "permutation")->ints;          /* dimension j of the result is to.v[j] of the operand */
	int place[MOST_DIMS], now[MOST_DIMS];
	for (int j = 0; j < to.n; j++) place[to.v[j]] = j;
	for (int i = 0; i < to.n; i++) now[i] = place[perm[i]];
	hold(c, op->out, held(c, op->in[0])->v, to.n, now);
	return true;
}

/* -- reductions ------------------------------------------------------------------------------------------ */

static Op *reduction(Clone *c, const Op *op, const int *perm, const Attr *attr)
{
	Value *in = NEW(c->b->a, Value, op->nin + 1);
	int n = op->nin / 2;
	for (int i = 0; i < n; i++) in[i] = in_order(c, op->in[i], perm);
	for (int i = n; i < op->nin; i++) in[i] = plain(c, op->in[i]);
	Region *body = clone_region(c, op->region[0], NULL);
	return emit_op(c->b, op->code, op->nout, NULL, op->nin, in, attr, 1, &body);
}

static bool contains(Ints x, int64_t v)
{
	for (int i = 0; i < x.n; i++)
		if (x.v[i] == v) return true;
	return false;
}

/* The dimensions that stay move up. */
static void left_order(int rank, const int *perm, Ints reduced, int *out)
{
	int n = 0;
	for (int i = 0; i < rank; i++) {
		int left = 0;
		if (contains(reduced, perm[i])) continue;
		for (int d = 0; d < perm[i]; d++) left += !contains(reduced, d);
		out[n++] = left;
	}
}

static bool reduce(Clone *c, const Op *op, const int *perm)
{
	Ints dims = op_attr(op, "dimensions")->ints;
	int rank = value_type(c->from, op->in[0]).rank, place[MOST_DIMS], out[MOST_DIMS];
	int64_t *now = NEW(c->b->a, int64_t, dims.n + 1);
	inverse(rank, perm, place);
	for (int i = 0, n = 0; i < rank; i++)                /* in ascending order, as all have them */
		if (contains(dims, perm[i])) now[n++] = i;
	Attr *a = attrs(c, op);
	set(a, op, "dimensions")->ints = (Ints){ dims.n, now };
	Op *made = reduction(c, op, perm, a);
	left_order(rank, perm, dims, out);
	for (int i = 0; made && i < op->nout; i++) hold(c, op->out + (Value)i, made->out + (Value)i, rank - dims.n, out);
	return true;
}

static bool reduce_window(Clone *c, const Op *op, const int *perm)
{
	static const char *const lists[] = { "window_dimensions", "window_strides", "base_dilations", "window_dilations" };
	int rank = value_type(c->from, op->in[0]).rank;
	Attr *a = attrs(c, op), *padding = set(a, op, "padding");
	for (int i = 0; i < 4; i++)
		if (set(a, op, lists[i])->set) set(a, op, lists[i])->ints = reordered(c, set(a, op, lists[i])->ints, perm);
	if (padding->set) {
		int64_t *v = NEW(c->b->a, int64_t, 2 * rank + 1);
		for (int i = 0; i < 2 * rank; i++) v[i] = padding->ints.v[2 * perm[i / 2] + i % 2];
		padding->ints = (Ints){ 2 * rank, v };
	}
	Op *made = reduction(c, op, perm, a);
	for (int i = 0; made && i < op->nout; i++) hold(c, op->out + (Value)i, made->out + (Value)i, rank, perm);
	return true;
}

/* -- reshapes -------------------------------------------------------------------------------------------- */

/* Dimensions [in, in_end) of the operand are [out, out_end) of the result: the same elements in the same order. */
typedef struct Group { int in, in_end, out, out_end; } Group;

static int groups(Type x, Type y, Group *g)
{
	int n = 0, i = 0, j = 0;
	while (i < x.rank || j < y.rank) {
		Group now = { i, i, j, j };
		int64_t left = 1, right = 1;
		do {
			if (i < x.rank && (left <= right || j == y.rank)) left *= x.dim[i++];
			else right *= y.dim[j++];
		} while (left != right);
		now.in_end = i;
		now.out_end = j;
		g[n++] = now;
	}
	return n;
}

static const Group *group_of(const Group *g, int n, int dim)
{
	for (int i = 0; i < n; i++)
		if (dim >= g[i].in && dim < g[i].in_end) return &g[i];
	return NULL;
}

/* The order that the result is in when the operand's is perm: each group must stand together, in its own order. */
static bool reshaped_order(int rank, const int *perm, const Group *g, int n, int *out, int *nout)
{
	*nout = 0;
	for (int i = 0; i < rank;) {
		const Group *at = group_of(g, n, perm[i]);
		for (int d = at->in; d < at->in_end; d++)
			if (i >= rank || perm[i++] != d) return false;
		for (int d = at->out; d < at->out_end; d++) out[(*nout)++] = d;
	}
	for (int k = 0; k < n; k++)                          /* ones that come from nowhere */
		for (int d = g[k].out; g[k].in == g[k].in_end && d < g[k].out_end; d++) out[(*nout)++] = d;
	return true;
}

static bool reshape(Clone *c, const Op *op, const int *perm)
{
	Type x = value_type(c->from, op->in[0]), y = value_type(c->from, op->out);
	Group g[2 * MOST_DIMS];
	int out[MOST_DIMS], nout;
	if (!type_numel(x) || y.quant || y.rank > MOST_DIMS) return false;
	int n = groups(x, y, g);
	if (!reshaped_order(x.rank, perm, g, n, out, &nout)) return false;
	Type as = permuted_type(c, y, out);
	hold(c, op->out, hlo_reshape(c->b, held(c, op->in[0])->v, as.rank, as.dim), y.rank, out);
	return true;
}

bool follow(Clone *c, const Op *op, const int *perm)
{
	if (is_elementwise(op->code)) return elementwise(c, op, perm);
	switch (op->code) {
	case OP_pad:              return pad(c, op, perm);
	case OP_slice:            return slice(c, op, perm);
	case OP_concatenate:      return concatenate(c, op, perm);
	case OP_broadcast_in_dim: return broadcast(c, op, perm);
	case OP_transpose:        return transpose(c, op, perm);
	case OP_reduce:           return reduce(c, op, perm);
	case OP_reduce_window:    return reduce_window(c, op, perm);
	case OP_reshape:          return reshape(c, op, perm);
	default:                  return false;
	}
}
