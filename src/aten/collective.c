/* torch.distributed's collectives (_c10d_functional, torch/csrc/distributed/c10d/Functional.cpp). A rank is a replica: every device runs the module
 * on tensors of its own. */
#include "aten/ctx.h"

#include <string.h>

/* -- groups ---------------------------------------------------------------------------------------------- */

static const RankGroup *group_of(Node *n)
{
	const char *name = arg_str(n, "group_name", "");
	const LowerOptions *opt = n->l->opt;
	for (int i = 0; i < opt->ngroup; i++)
		if (!strcmp(opt->group[i].name, name)) return &opt->group[i];
	node_fail(n, UNSUPPORTED, "the ranks of process group '%s' are not known; give them as groups={'%s': [[0, 1, ...]]}, or --group '%s=0,1,...'",
		name, name, name);
	return NULL;
}

/* replica_groups: [rows, columns] ranks. What runs has as many replicas. */
static bool group_attr(Node *n, const RankGroup *g, Attr *out)
{
	Module *m = n->b->m;
	int64_t ranks = g->rows * g->columns, *dim = COPY(n->a, int64_t, ((int64_t[]){ g->rows, g->columns }), 2);
	Dense *d = NEW(n->a, Dense, 1);
	*d = (Dense){ tensor_type(n->a, DTYPE_i64, 2, dim), false, g->rank, (size_t)ranks * sizeof *g->rank };
	*out = (Attr){ .set = true, .dense = d };
	for (int i = 0; m->attr.kind == ANY_DICT && i < m->attr.n; i++) {
		if (strcmp(m->attr.key[i], "mhlo.num_replicas") != 0) continue;
		if (m->attr.item[i].i == ranks) return true;
		return node_fail(n, BAD_INPUT, "its process group is of %lld ranks, the program's others of %lld", (long long)ranks,
			(long long)m->attr.item[i].i), false;
	}
	m->attr = with_member(n->a, m->attr, "mhlo.num_replicas", (Any){ .kind = ANY_I32, .i = ranks });
	return true;
}

static Value emit_collective(Node *n, OpCode code, Type t, Value x, const Attr *attr, Region *body)
{
	Op *op = emit_op(n->b, code, 1, &t, 1, &x, attr, body ? 1 : 0, &body);
	return op ? op->out : 0;
}

/* All ranks' x, one after the other along the first dim. */
static Value all_gather(Node *n, Value x)
{
	const RankGroup *g = x ? group_of(n) : NULL;
	Attr attr[MAX_ATTRS + 1] = { 0 };
	if (!g || !group_attr(n, g, &attr[op_attr_index(OP_all_gather, "replica_groups")])) return 0;
	attr[op_attr_index(OP_all_gather, "all_gather_dim")] = (Attr){ .set = true, .i = 0 };
	if (!known_type(n->b, x).rank) x = hlo_reshape(n->b, x, 1, (int64_t[]){ 1 });
	Type t = known_type(n->b, x);
	if (!t.kind) return 0;
	int64_t *dim = COPY(n->a, int64_t, t.dim, t.rank);
	dim[0] *= g->columns;
	return emit_collective(n, OP_all_gather, tensor_type(n->a, t.elem, t.rank, dim), x, attr, NULL);
}

/* -- reductions ------------------------------------------------------------------------------------------ */

static const struct { const char *name; OpCode op; } reductions[] = {
	{ "sum", OP_add }, { "avg", OP_add }, { "product", OP_multiply }, { "min", OP_minimum }, { "max", OP_maximum },
	{ "band", OP_and }, { "bor", OP_or }, { "bxor", OP_xor },
};

static bool is_bitwise(OpCode op) { return op == OP_and || op == OP_or || op == OP_xor; }

/* 0: there is none of that name (torch.distributed.ReduceOp, in any case), which is recorded. */
static OpCode reduce_op(Node *n)
{
	const char *name = arg_str(n, "reduce_op", "");
	for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++)
		if (!strcasecmp(name, reductions[i].name)) return reductions[i].op;
	node_fail(n, UNSUPPORTED, "reduce_op is '%s', wanted sum, avg, product, min, max, band, bor or bxor", name);
	return 0;
}

static Region *reduction(Node *n, OpCode op, DType elem)
{
	Type t[2] = { scalar_type(elem), scalar_type(elem) };
	Value x[2];
	Region *r = region_begin(n->b, 2, t, x);
	Value y = emit(n->b, op, t, 2, x, NULL);
	region_end(n->b, r, 1, &y);
	return r;
}

/* An average is a sum, divided by how many there are. */
static Value averaged(Node *n, Value x, const RankGroup *g)
{
	if (!x || strcasecmp(arg_str(n, "reduce_op", ""), "avg") != 0) return x;
	return hlo_divide(n->b, x, hlo_splat(n->b, known_type(n->b, x), (double)g->columns));
}

/* Every rank's x, in a new first dim. */
static Value stacked(Node *n, Value x)
{
	Type t = known_type(n->b, x);
	if (!t.kind) return 0;
	int64_t *dim = NEW(n->a, int64_t, t.rank + 1);
	dim[0] = 1;
	for (int i = 0; i < t.rank; i++) dim[i + 1] = t.dim[i];
	return all_gather(n, hlo_reshape(n->b, x, t.rank + 1, dim));
}

/* Row k of what stacked() gives. */
static Value row_of(Node *n, Value all, int64_t k)
{
	Type t = known_type(n->b, all);
	if (!t.kind) return 0;
	int64_t *from = NEW(n->a, int64_t, t.rank), *to = COPY(n->a, int64_t, t.dim, t.rank);
	from[0] = k;
	to[0] = k + 1;
	return hlo_reshape(n->b, hlo_slice(n->b, all, from, to, NULL), t.rank - 1, t.dim + 1);
}

/* XLA's CPU knows no bitwise reductions between devices: those are of what all have, here. */
static Value reduce_gathered(Node *n, Value x, const RankGroup *g, OpCode op)
{
	Value all = stacked(n, x), y = all ? row_of(n, all, 0) : 0;
	for (int64_t k = 1; y && k < g->columns; k++) {
		Type t = known_type(n->b, y);
		y = emit(n->b, op, &t, 2, (Value[]){ y, row_of(n, all, k) }, NULL);
	}
	return y;
}

static Value all_reduce(Node *n, Value x)
{
	const RankGroup *g = x ? group_of(n) : NULL;
	OpCode op = g ? reduce_op(n) : 0;
	if (!op || is_bitwise(op)) return op ? reduce_gathered(n, x, g, op) : 0;
	Attr attr[MAX_ATTRS + 1] = { 0 };
	if (!group_attr(n, g, &attr[op_attr_index(OP_all_reduce, "replica_groups")])) return 0;
	Type t = known_type(n->b, x);
	return t.kind ? averaged(n, emit_collective(n, OP_all_reduce, t, x, attr, reduction(n, op, t.elem)), g) : 0;
}

/* The first dim of x in as many pieces as there are ranks, of which each gets what all ranks' for it come to. */
static Value reduce_scatter(Node *n, Value x)
{
	const RankGroup *g = x ? group_of(n) : NULL;
	OpCode op = g ? reduce_op(n) : 0;
	Attr attr[MAX_ATTRS + 1] = { 0 };
	if (!op || !group_attr(n, g, &attr[op_attr_index(OP_reduce_scatter, "replica_groups")])) return 0;
	attr[op_attr_index(OP_reduce_scatter, "scatter_dimension")] = (Attr){ .set = true, .i = 0 };
	Type t = known_type(n->b, x);
	if (!t.kind) return 0;
	if (!t.rank || t.dim[0] % g->columns)
		return node_fail(n, BAD_INPUT, "the first dim of %s cannot be divided among %lld ranks", type_str(n->a, t), (long long)g->columns);
	int64_t *dim = COPY(n->a, int64_t, t.dim, t.rank);
	dim[0] /= g->columns;
	Type part = tensor_type(n->a, t.elem, t.rank, dim);
	return averaged(n, emit_collective(n, OP_reduce_scatter, part, x, attr, reduction(n, op, t.elem)), g);
}

/* -- moves ----------------------------------------------------------------------------------------------- */

static Value all_to_all(Node *n, Value x, int split, int join)
{
	const RankGroup *g = x ? group_of(n) : NULL;
	Attr attr[MAX_ATTRS + 1] = { 0 };
	if (!g || !group_attr(n, g, &attr[op_attr_index(OP_all_to_all, "replica_groups")])) return 0;
	attr[op_attr_index(OP_all_to_all, "split_dimension")] = (Attr){ .set = true, .i = split };
	attr[op_attr_index(OP_all_to_all, "concat_dimension")] = (Attr){ .set = true, .i = join };
	attr[op_attr_index(OP_all_to_all, "split_count")] = (Attr){ .set = true, .i = g->columns };
	Type t = known_type(n->b, x);
	if (!t.kind) return 0;
	if (t.rank <= split || t.rank <= join || t.dim[split] % g->columns)
		return node_fail(n, BAD_INPUT, "dim %d of %s cannot be divided among %lld ranks", split, type_str(n->a, t), (long long)g->columns);
	int64_t *dim = COPY(n->a, int64_t, t.dim, t.rank);
	dim[split] /= g->columns;
	dim[join] *= g->columns;
	return emit_collective(n, OP_all_to_all, tensor_type(n->a, t.elem, t.rank, dim), x, attr, NULL);
}

static bool are_equal(Ints v)
{
	for (int i = 1; i < v.n; i++)
		if (v.v[i] != v.v[0]) return false;
	return true;
}

/* -- rules ----------------------------------------------------------------------------------------------- */

/* _c10d_functional.all_reduce(input, reduce_op, group_name) */
Value lower_all_reduce(Node *n) { return all_reduce(n, arg(n, "input")); }

/* _c10d_functional.reduce_scatter_tensor(input, reduce_op, group_size, group_name) */
Value lower_reduce_scatter(Node *n) { return reduce_scatter(n, arg(n, "input")); }

/* _c10d_functional.all_gather_into_tensor(input, group_size, group_name) */
Value lower_all_gather(Node *n) { return all_gather(n, arg(n, "input")); }

/* The same of each of `inputs`. */
static Value coalesced(Node *n, Value (*one)(Node *, Value))
{
	Values in = arg_list(n, "inputs");
	Value first = 0;
	for (int i = 0; i < in.n && !n->b->m->err->code; i++) {
		Value y = one(n, in.v[i]);
		if (i) set_out(n, i, y);
		else first = y;
	}
	return first;
}

Value lower_all_reduce_coalesced(Node *n) { return coalesced(n, all_reduce); }
Value lower_reduce_scatter_coalesced(Node *n) { return coalesced(n, reduce_scatter); }
Value lower_all_gather_coalesced(Node *n) { return coalesced(n, all_gather); }

/* _c10d_functional.all_to_all_single(input, output_split_sizes, input_split_sizes, group_name) */
Value lower_all_to_all_single(Node *n)
{
	if (!are_equal(arg_sizes(n, "output_split_sizes")) || !are_equal(arg_sizes(n, "input_split_sizes")))
		return node_fail(n, UNSUPPORTED, "all_to_all_single with pieces of different sizes");
	return all_to_all(n, arg(n, "input"), 0, 0);
}

/* _dtensor.shard_dim_alltoall(input, gather_dim, shard_dim, group_name): cut along shard_dim, joined along gather_dim */
Value lower_shard_dim_alltoall(Node *n)
{
	Value x = arg(n, "input");
	int rank = x ? rank_of(n->b, x) : 0;
	return x ? all_to_all(n, x, arg_dim(n, "shard_dim", 0, rank), arg_dim(n, "gather_dim", 0, rank)) : 0;
}

/* _c10d_functional.broadcast(input, src, group_name): the src-th of all, which every XLA has, unlike collective_broadcast */
Value lower_collective_broadcast(Node *n)
{
	Value x = arg(n, "input");
	const RankGroup *g = x ? group_of(n) : NULL;
	int64_t src = arg_int(n, "src", 0);
	if (!g) return 0;
	if (src < 0 || src >= g->columns) return node_fail(n, BAD_INPUT, "src is %lld, the group has %lld ranks", (long long)src, (long long)g->columns);
	Value all = stacked(n, x);
	return all ? row_of(n, all, src) : 0;
}

/* _c10d_functional.wait_tensor(tensor), _wrap_tensor_autograd(input): what is asynchronous in torch is not here */
Value lower_wait_tensor(Node *n) { return arg(n, "tensor"); }
Value lower_wrap_tensor_autograd(Node *n) { return arg(n, "input"); }
