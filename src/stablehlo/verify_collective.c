/* Ops between devices. Nothing here knows how many replicas or partitions will run: ids are checked
 * against each other. */
#include "stablehlo/verify.h"

/* The integers of an attribute of kind REPLICA_GROUPS or I64_ELEMENTS, of rank 2: rows x columns. */
typedef struct Grid { int64_t rows, columns; const Dense *d; } Grid;

static bool grid_of(Module *m, const Op *op, const char *clause, const char *name, Grid *g)
{
	const Dense *d = attr_of(op, name)->dense;
	int64_t n;
	if (d->type.rank != 2 || d->type.elem != DTYPE_i64 || !count_elements(d->type, &n) || n > INT32_MAX)
		return broken(m, op, clause, "%s is %s, wanted a matrix of i64", name, str(m, d->type));
	if (d->nbytes != (d->splat ? 1 : (size_t)n) * 8 || (n && !d->data))
		return broken(m, op, clause, "%s has %zu bytes", name, d->nbytes);
	*g = (Grid){ d->type.dim[0], d->type.dim[1], d };
	return true;
}

static int64_t grid_at(const Grid *g, int64_t i)
{
	return dtype_load_int(DTYPE_i64, (const char *)g->d->data + (g->d->splat ? 0 : (size_t)i * 8));
}

/* The clauses of replica_groups in an op; ragged: groups may be filled up with -1. */
typedef struct GroupClauses { const char *type, *unique, *range, *global; bool ragged; } GroupClauses;

static bool groups_ok(Module *m, const Op *op, const GroupClauses *c, Grid *g)
{
	if (!grid_of(m, op, c->type, "replica_groups", g)) return false;
	int64_t n = g->rows * g->columns, nid = 0;
	for (int64_t i = 0; i < n; i++) nid += !(c->ragged && grid_at(g, i) == -1);
	DimSet seen = dimset(m, (int)nid);
	for (int64_t i = 0; i < n; i++) {
		int64_t id = grid_at(g, i);
		if (c->ragged && id == -1) continue;
		if (!dim_in_range(m, op, c->range, "replica_groups", id, nid)) return false;
		if (dimset_has(&seen, id))
			return broken(m, op, c->unique, "replica_groups has %lld twice", (long long)id);
		dimset_add(&seen, id);
	}
	if (!attr_of(op, "use_global_device_ids")->set) return true;
	if (item(attr_of(op, "channel_handle")->ints, 0, 0) <= 0)
		return broken(m, op, c->global, "use_global_device_ids without a channel_id above 0");
	return n > 0 || broken(m, op, c->global, "use_global_device_ids without replica_groups");
}

/* -- results per operand --------------------------------------------------------------------------------- */

bool check_all_gather(Module *m, const Op *op)
{
	static const GroupClauses clauses = { "i3", "c2", "c4", "c5", false };
	Grid g;
	int64_t dim = attr_of(op, "all_gather_dim")->i;
	if (!results_ok(m, op, op->nin) || !groups_ok(m, op, &clauses, &g)) return false;
	for (int i = 0; i < op->nin; i++) {
		Type x = in_type(m, op, i), t = out_type(m, op, i);
		if (!dim_in_range(m, op, "c1", "all_gather_dim", dim, x.rank)) return false;
		bool ok = t.rank == x.rank && elem_fits(x, t);
		for (int k = 0; ok && k < x.rank; k++)
			ok = k != dim ? dim_fits(x.dim[k], t.dim[k]) : x.dim[k] < 0 || t.dim[k] < 0
				|| (x.dim[k] && t.dim[k] % x.dim[k] == 0);
		if (!ok)
			return broken(m, op, "c6", "result %d is %s, wanted %s with more of dimension %lld", i, str(m, t),
				str(m, x), (long long)dim);
	}
	return true;
}

/* Each of the first n operands reduced by the region, its shape kept. */
static bool reduced_ok(Module *m, const Op *op, int n, const char *body, const char *shape, const char *elem)
{
	for (int i = 0; i < n; i++) {
		Type x = in_type(m, op, i), t = out_type(m, op, i);
		if (!reducer_ok(m, op, body, op->region[0], 1, &x)) return false;
		if (!shape_fits(x, t))
			return broken(m, op, shape, "result %d is %s, wanted the shape of %s", i, str(m, t), str(m, x));
		Type e = in_type(m, returns_of(m, op->region[0]), 0);
		if (!elem_fits(e, t))
			return broken(m, op, elem, "result %d is %s, the region reduces %s", i, str(m, t), str(m, e));
	}
	return true;
}

bool check_all_reduce(Module *m, const Op *op)
{
	static const GroupClauses clauses = { "i2", "c1", "c3", "c4", true };
	Grid g;
	return results_ok(m, op, op->nin) && groups_ok(m, op, &clauses, &g)
		&& reduced_ok(m, op, op->nin, "c5", "c6", "c7");
}

/* With has_dynamic_root the last operand is the roots: an i32 for each of the others. */
static bool roots_ok(Module *m, const Op *op, const char *clause, int *ndata)
{
	bool rooted = attr_of(op, "has_dynamic_root")->set;
	*ndata = op->nin - rooted;
	if (*ndata < 1) return broken(m, op, clause, "no operands");
	if (!results_ok(m, op, *ndata) || !rooted) return op->nout == *ndata && !m->err->code;
	Type t = in_type(m, op, *ndata);
	if (t.elem == DTYPE_i32 && !t.quant && t.rank == 1 && dim_fits(t.dim[0], *ndata)) return true;
	return broken(m, op, clause, "the last operand is %s, wanted tensor<%dxi32>", str(m, t), *ndata);
}

bool check_collective_reduce(Module *m, const Op *op)
{
	static const GroupClauses clauses = { "i2", "c1", "c2", "c4", true };
	Grid g;
	int n;
	return roots_ok(m, op, "c3", &n) && groups_ok(m, op, &clauses, &g)
		&& reduced_ok(m, op, n, "c4", "c3", "c4");
}

bool check_collective_broadcast(Module *m, const Op *op)
{
	Grid g;
	int n;
	if (!roots_ok(m, op, attr_of(op, "has_dynamic_root")->set ? "c4" : "c3", &n)) return false;
	if (!grid_of(m, op, "i2", "replica_groups", &g)) return false;
	for (int i = 0; i < n; i++)
		if (!result_is(m, op, op->nin > n ? "c4" : "c3", i, in_type(m, op, i))) return false;
	Map seen = { .arena = &m->arena };
	for (int64_t i = 0; i < g.rows * g.columns; i++) {
		int64_t *id = NEW(&m->arena, int64_t, 1);
		*id = grid_at(&g, i);
		if (*id < 0) return broken(m, op, "c2", "replica_groups has %lld, wanted 0 or more", (long long)*id);
		if (map_set(&seen, (const char *)id, sizeof *id, 1) >= 0)
			return broken(m, op, "c1", "replica_groups has %lld twice", (long long)*id);
	}
	return true;
}

bool check_reduce_scatter(Module *m, const Op *op)
{
	static const GroupClauses clauses = { "i3", "c3", "c5", "c6", false };
	Grid g;
	int64_t dim = attr_of(op, "scatter_dimension")->i;
	if (!results_ok(m, op, 1) || !groups_ok(m, op, &clauses, &g)) return false;
	Type x = in_type(m, op, 0), t = out_type(m, op, 0);
	if (!dim_in_range(m, op, "c2", "scatter_dimension", dim, x.rank)) return false;
	if (!reducer_ok(m, op, "c7", op->region[0], 1, &x)) return false;
	bool ok = t.rank == x.rank;
	for (int k = 0; ok && k < x.rank; k++)
		ok = k != dim ? dim_fits(x.dim[k], t.dim[k]) : x.dim[k] < 0 || t.dim[k] < 0
			|| (t.dim[k] && x.dim[k] && x.dim[k] % t.dim[k] == 0);
	if (!ok)
		return broken(m, op, "c8", "result is %s, wanted a part of %s along dimension %lld", str(m, t),
			str(m, x), (long long)dim);
	Type e = in_type(m, returns_of(m, op->region[0]), 0);
	return elem_fits(e, t) || broken(m, op, "c9", "result is %s, the region reduces %s", str(m, t),
		str(m, e));
}

/* all_to_all_c9 for one operand. */
static bool exchanged_ok(Module *m, const Op *op, int i, int64_t split, int64_t concat, int64_t count)
{
	Type x = in_type(m, op, i), t = out_type(m, op, i);
	if (!dim_in_range(m, op, "c1", "split_dimension", split, x.rank)
		|| !dim_in_range(m, op, "c3", "concat_dimension", concat, x.rank))
		return false;
	if (x.dim[split] >= 0 && x.dim[split] % count)
		return broken(m, op, "c2", "dimension %lld of %s does not split in %lld", (long long)split, str(m, x),
			(long long)count);
	bool ok = t.rank == x.rank && elem_fits(x, t);
	for (int k = 0; ok && k < x.rank; k++) {
		int64_t want = x.dim[k];
		if (want >= 0 && split != concat && k == split) want /= count;
		if (want >= 0 && split != concat && k == concat && __builtin_mul_overflow(want, count, &want))
			ok = false;
		ok = ok && dim_fits(want, t.dim[k]);
	}
	return ok || broken(m, op, "c9", "result %d is %s, which is not %s exchanged", i, str(m, t), str(m, x));
}

bool check_all_to_all(Module *m, const Op *op)
{
	static const GroupClauses clauses = { "i5", "c5", "c7", "c7", false };
	Grid g;
	int64_t count = attr_of(op, "split_count")->i;
	if (!results_ok(m, op, op->nin)) return false;
	if (count <= 0) return broken(m, op, "c4", "split_count is %lld, wanted 1 or more", (long long)count);
	if (!groups_ok(m, op, &clauses, &g)) return false;
	if (g.columns != count)
		return broken(m, op, "c8", "groups of %lld for a split_count of %lld", (long long)g.columns,
			(long long)count);
	for (int i = 0; i < op->nin; i++)
		if (!exchanged_ok(m, op, i, attr_of(op, "split_dimension")->i, attr_of(op, "concat_dimension")->i,
			count))
			return false;
	return true;
}

bool check_cross_replica_sum(Module *m, const Op *op)
{
	Grid g;
	return grid_of(m, op, "i2", "replica_groups", &g);
}

/* -- pairs, streams -------------------------------------------------------------------------------------- */

/* source_target_pairs: nobody sends twice, nobody receives twice (C1)...(C4). */
static bool pairs_ok(Module *m, const Op *op)
{
	Grid g;
	if (!grid_of(m, op, "c1", "source_target_pairs", &g)) return false;
	if (g.columns != 2)
		return broken(m, op, "c1", "source_target_pairs has %lld columns, wanted 2", (long long)g.columns);
	Map seen[2] = { { .arena = &m->arena }, { .arena = &m->arena } };
	for (int64_t i = 0; i < 2 * g.rows; i++) {
		int64_t *id = NEW(&m->arena, int64_t, 1);
		*id = grid_at(&g, i);
		if (*id < 0)
			return broken(m, op, "c4", "source_target_pairs has %lld, wanted 0 or more", (long long)*id);
		if (map_set(&seen[i % 2], (const char *)id, sizeof *id, 1) >= 0)
			return broken(m, op, i % 2 ? "c3" : "c2", "%s %lld is there twice", i % 2 ? "target" : "source",
				(long long)*id);
	}
	return true;
}

bool check_collective_permute(Module *m, const Op *op) { return pairs_ok(m, op); }

/* DEVICE_TO_DEVICE, DEVICE_TO_HOST, HOST_TO_DEVICE: channel types of the dialect */
enum { DEVICE_TO_DEVICE = 1, DEVICE_TO_HOST = 2, HOST_TO_DEVICE = 3 };

static bool channel_ok(Module *m, const Op *op, int64_t host)
{
	int64_t want = attr_of(op, "is_host_transfer")->i ? host : DEVICE_TO_DEVICE,
		have = item(attr_of(op, "channel_handle")->ints, 1, -1);
	if (have != want)
		return broken(m, op, "c5", "channel_type is %lld, wanted %lld", (long long)have, (long long)want);
	return !attr_of(op, "source_target_pairs")->set || pairs_ok(m, op);
}

bool check_send(Module *m, const Op *op) { return channel_ok(m, op, DEVICE_TO_HOST); }

/* Tensors, then a token. */
static bool streamed_ok(Module *m, const Op *op, const char *some, const char *tensors, const char *token)
{
	if (!op->nout) return broken(m, op, some, "no results");
	for (int i = 0; i < op->nout; i++) {
		TypeKind want = i == op->nout - 1 ? TYPE_TOKEN : TYPE_TENSOR;
		if (out_type(m, op, i).kind != want)
			return broken(m, op, want == TYPE_TOKEN ? token : tensors, "result %d is %s, wanted a %s", i,
				str(m, out_type(m, op, i)),
				want == TYPE_TOKEN ? "token" : "tensor");
	}
	return true;
}

bool check_recv(Module *m, const Op *op)
{
	return channel_ok(m, op, HOST_TO_DEVICE) && streamed_ok(m, op, "results", "results", "results");
}

/* A list of integers for each tensor (StablehloOps.cpp, InfeedOp's verifier; the spec leaves it out). */
static bool layout_ok(Module *m, const Op *op)
{
	const Attr *layout = attr_of(op, "layout");
	if (!layout->set) return true;
	const Any *list = layout->any;
	if (list->kind != ANY_ARRAY || list->n != op->nout - 1)
		return broken(m, op, "layout", "has %d layouts for %d tensors", list->kind == ANY_ARRAY ? list->n : 0, op->nout - 1);
	for (int i = 0; i < list->n; i++) {
		const Any *one = &list->item[i];
		bool ok = one->kind == ANY_ARRAY;
		for (int k = 0; ok && k < one->n; k++) ok = one->item[k].kind == ANY_I64 || one->item[k].kind == ANY_I32 || one->item[k].kind == ANY_INT;
		if (!ok) return broken(m, op, "layout", "the layout of result %d is no list of integers", i);
	}
	return true;
}

bool check_infeed(Module *m, const Op *op) { return streamed_ok(m, op, "c1", "c2", "c3") && layout_ok(m, op); }

/* -- asynchronous ops ------------------------------------------------------------------------------------ */

/* async_start_c2 */
static bool runs_async(OpCode code)
{
	switch (code) {
	case OP_all_reduce: case OP_all_gather: case OP_all_to_all: case OP_collective_permute: case OP_reduce_scatter:
	case OP_collective_broadcast: case OP_slice: case OP_dynamic_slice: case OP_dynamic_update_slice:
		return true;
	default:
		return false;
	}
}

/* A future of these types, as far as sizes are known. */
static bool future_of(Type t, int n, const Type *part)
{
	return type_fits(t, (Type){ .kind = TYPE_FUTURE, .npart = n, .part = part });
}

bool check_async_start(Module *m, const Op *op)
{
	const Region *r = op->region[0];
	const Op *ret = returns_of(m, r);
	if (r->op.n != 2 || !ret) return broken(m, op, "c1", "body has %d ops, wanted one and a return", r->op.n);
	const Op *inner = r->op.v[0];
	if (!runs_async(inner->code))
		return broken(m, op, "c2", "body has %s, wanted a collective or a slice", op_table[inner->code].name);
	bool ok = r->narg == op->nin && inner->nin == op->nin;
	for (int i = 0; ok && i < op->nin; i++)
		ok = inner->in[i] == r->arg + (Value)i && type_fits(in_type(m, inner, i), in_type(m, op, i));
	if (!ok) return broken(m, op, "c3", "body must hand its op what async_start is given");
	Type *part = NEW(&m->arena, Type, ret->nin);
	for (int i = 0; i < ret->nin; i++) part[i] = in_type(m, ret, i);
	return (op->nout == 1 && future_of(out_type(m, op, 0), ret->nin, part))
	    || broken(m, op, "c4", "wanted one result, the future of what the body returns");
}

bool check_async_done(Module *m, const Op *op)
{
	Type *part = NEW(&m->arena, Type, op->nout);
	for (int i = 0; i < op->nout; i++) part[i] = out_type(m, op, i);
	return future_of(in_type(m, op, 0), op->nout, part)
	    || broken(m, op, "c1", "operand is %s, wanted the future of the results", str(m, in_type(m, op, 0)));
}
