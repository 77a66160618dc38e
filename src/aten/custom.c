/* Operators outside ATen that the user lets through: each becomes a stablehlo.custom_call. */
#include "aten/custom.h"

#include <string.h>

bool is_custom(const char *target, const LowerOptions *opt)
{
	for (int i = 0; i < opt->ncustom_op; i++)
		if (target_named(opt->custom_op[i], target)) return true;
	return false;
}

/* -- arguments ------------------------------------------------------------------------------------------- */

static bool is_numbers(const Arg *list)
{
	for (int i = 0; i < list->list.n; i++)
		if (list->list.item[i].kind != ARG_INT && list->list.item[i].kind != ARG_FLOAT && list->list.item[i].kind != ARG_BOOL) return false;
	return true;
}

/* A list of numbers as elements of the widest type among them: XLA's typed FFI takes no array of attributes, and none of bools, which
 * are i8 (xla/ffi/attribute_map.cc). */
static Any numbers_of(Node *n, const Arg *list)
{
	DType elem = list->list.n ? DTYPE_i8 : DTYPE_i64;
	for (int i = 0; i < list->list.n; i++) {
		ArgKind kind = list->list.item[i].kind;
		if (kind == ARG_FLOAT) elem = DTYPE_f64;
		else if (kind == ARG_INT && elem != DTYPE_f64) elem = DTYPE_i64;
	}
	size_t each = dtype_nbytes(elem);
	uint8_t *data = NEW(n->a, uint8_t, (size_t)list->list.n * each + 1);
	for (int i = 0; i < list->list.n; i++) {
		const Arg *x = &list->list.item[i];
		int64_t whole = x->kind == ARG_BOOL ? x->b : x->i;
		if (elem == DTYPE_f64) dtype_store(elem, data + (size_t)i * each, 0, x->kind == ARG_FLOAT ? x->f : (double)whole);
		else dtype_store_int(elem, data + (size_t)i * each, whole);
	}
	int64_t dim[] = { list->list.n };
	return dense_any(n, elem, 1, dim, data);
}

static Any any_of(Node *n, const char *name, const Arg *x);

static Any items_of(Node *n, const char *name, const Arg *list)
{
	Any *item = NEW(n->a, Any, list->list.n + 1);
	for (int i = 0; i < list->list.n; i++) item[i] = any_of(n, name, &list->list.item[i]);
	return (Any){ .kind = ANY_ARRAY, .n = list->list.n, .item = item };
}

static Any any_of(Node *n, const char *name, const Arg *x)
{
	switch (x->kind) {
	case ARG_BOOL:  return (Any){ .kind = ANY_BOOL, .i = x->b };
	case ARG_INT: case ARG_LAYOUT: case ARG_MEMORY_FORMAT: return (Any){ .kind = ANY_I64, .i = x->i };
	case ARG_FLOAT: return (Any){ .kind = ANY_F64, .f = x->f };
	case ARG_STR: case ARG_DEVICE: return (Any){ .kind = ANY_STR, .str = x->str };
	case ARG_DTYPE: return (Any){ .kind = ANY_STR, .str = dtype_name(x->dtype) };
	case ARG_LIST: return is_numbers(x) ? numbers_of(n, x) : items_of(n, name, x);
	default:
		node_fail(n, UNSUPPORTED, "argument '%s' is neither a tensor nor a number, bool or string, which a custom call could take", name);
		return (Any){ 0 };
	}
}

static bool is_tensors(const Arg *x)
{
	if (x->kind == ARG_VALUE) return true;
	return x->kind == ARG_LIST && x->list.n && x->list.item[0].kind == ARG_VALUE;
}

/* Tensors, in the schema's order, are operands; numbers, bools and strings the dictionary; None is left out. */
static int split_args(Node *n, Value *in, const char **key, Any *item, int *nitem)
{
	int nin = 0;
	for (int i = 0; i < n->g->narg; i++) {
		const NamedArg *x = &n->g->arg[i];
		if (x->arg.kind == ARG_NONE) continue;
		if (is_tensors(&x->arg)) {
			int count = x->arg.kind == ARG_LIST ? x->arg.list.n : 1;
			const Arg *each = x->arg.kind == ARG_LIST ? x->arg.list.item : &x->arg;
			for (int k = 0; k < count; k++)
				if (each[k].kind == ARG_VALUE) in[nin++] = lowered_value(n->l, each[k].value);
		} else {
			key[*nitem] = x->name;
			item[(*nitem)++] = any_of(n, x->name, &x->arg);
		}
	}
	return nin;
}

static int most_operands(const GraphNode *g)
{
	int count = g->narg;
	for (int i = 0; i < g->narg; i++)
		if (g->arg[i].arg.kind == ARG_LIST) count += g->arg[i].arg.list.n;
	return count;
}

/* my_lib.op(tensors..., numbers...): custom_call @my_lib.op.default(tensors...) {api_version = 4 (typed FFI), backend_config = {numbers}};
 * the target is named as torch_xla names it */
Value lower_custom(Node *n)
{
	int most = most_operands(n->g), nitem = 0;
	Value *in = NEW(n->a, Value, most + 1);
	const char **key = NEW(n->a, const char *, most + 1);
	Any *item = NEW(n->a, Any, most + 1), *config = NEW(n->a, Any, 1);
	int nin = split_args(n, in, key, item, &nitem);
	*config = (Any){ .kind = ANY_DICT, .n = nitem, .key = key, .item = item };
	return custom_call(n, nin, in, (CustomCall){ .target = n->g->target, .api_version = TYPED_FFI, .config = config });
}

/* -- who makes a call ------------------------------------------------------------------------------------ */

static void put_calls(Buf *out, Arena *a, const Graph *g, const LowerOptions *opt, const char *message);

static void put_calls_of(Buf *out, Arena *a, const Arg *x, const LowerOptions *opt, const char *message)
{
	if (x->kind == ARG_GRAPH) put_calls(out, a, x->graph, opt, message);
	for (int i = 0; x->kind == ARG_LIST && i < x->list.n; i++) put_calls_of(out, a, &x->list.item[i], opt, message);
}

/* The target of the custom call that a node becomes; NULL: it becomes none. */
static const char *call_target(const GraphNode *g, const LowerOptions *opt)
{
	bool place = !strcmp(g->target, "xla.place_to_host.default") || !strcmp(g->target, "xla.place_to_device.default");
	if (place) return PLACEMENT_TARGET;
	if (is_custom(g->target, opt) && !has_rule(g->target)) return g->target;
	if (strcmp(g->target, "xla.stablehlo_custom_call.default") != 0) return NULL;
	for (int i = 0; i < g->narg; i++)
		if (!strcmp(g->arg[i].name, "call_target") && g->arg[i].arg.kind == ARG_STR) return g->arg[i].arg.str;
	return NULL;
}

static void put_calls(Buf *out, Arena *a, const Graph *g, const LowerOptions *opt, const char *message)
{
	for (int i = 0; i < g->node.n; i++) {
		const GraphNode *n = &g->node.v[i];
		const char *target = call_target(n, opt), *line = user_line(a, n->stack_trace);
		for (int k = 0; k < n->narg; k++) put_calls_of(out, a, &n->arg[k].arg, opt, message);
		if (!target || !*target || !strstr(message, target)) continue;
		putf(out, "\n  %s is called by %s (node %s%s%s)", target, n->target, n->name ? n->name : "?", *line ? ", " : "", line);
	}
}

void put_custom_calls(Buf *out, Arena *a, const Program *p, const LowerOptions *opt, const char *message)
{
	put_calls(out, a, p->graph, opt, message);
}
