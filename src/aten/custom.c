/* Operators outside ATen that the user lets through: each becomes a stablehlo.custom_call. */
#include "aten/ctx.h"

#include <string.h>

/* Whether `name` is target up to a dot or its end; "::" is a dot. */
static bool names(const char *name, const char *target)
{
	for (; *name; target++) {
		if (*name == *target) name++;
		else if (*target == '.' && !strncmp(name, "::", 2)) name += 2;
		else return false;
	}
	return !*target || *target == '.';
}

bool is_custom(const char *target, const LowerOptions *opt)
{
	for (int i = 0; i < opt->ncustom_op; i++)
		if (*opt->custom_op[i] && names(opt->custom_op[i], target)) return true;
	return false;
}

/* -- arguments ------------------------------------------------------------------------------------------- */

static Any any_of(Node *n, const char *name, const Arg *x)
{
	switch (x->kind) {
	case ARG_BOOL:  return (Any){ .kind = ANY_BOOL, .i = x->b };
	case ARG_INT: case ARG_LAYOUT: case ARG_MEMORY_FORMAT: return (Any){ .kind = ANY_I64, .i = x->i };
	case ARG_FLOAT: return (Any){ .kind = ANY_F64, .f = x->f };
	case ARG_STR: case ARG_DEVICE: return (Any){ .kind = ANY_STR, .str = x->str };
	case ARG_DTYPE: return (Any){ .kind = ANY_STR, .str = dtype_name(x->dtype) };
	case ARG_LIST: {
		Any *item = NEW(n->a, Any, x->list.n + 1);
		for (int i = 0; i < x->list.n; i++) item[i] = any_of(n, name, &x->list.item[i]);
		return (Any){ .kind = ANY_ARRAY, .n = x->list.n, .item = item };
	}
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

/* The dictionary is what XLA's typed FFI reads as attributes; its keys come in order, as MLIR sorts them. */
static void sort_keys(int n, const char **key, Any *item)
{
	for (int i = 1; i < n; i++)
		for (int k = i; k && strcmp(key[k - 1], key[k]) > 0; k--) {
			const char *s = key[k];
			Any x = item[k];
			key[k] = key[k - 1], item[k] = item[k - 1];
			key[k - 1] = s, item[k - 1] = x;
		}
}

/* my_lib.op(tensors..., numbers...): custom_call @my_lib.op.default(tensors...) {api_version = 4 (typed FFI), backend_config = {numbers}};
 * the target is named as torch_xla names it */
Value lower_custom(Node *n)
{
	int most = most_operands(n->g), nitem = 0, nout = nouts(n);
	Value *in = NEW(n->a, Value, most + 1);
	const char **key = NEW(n->a, const char *, most + 1);
	Any *item = NEW(n->a, Any, most + 1), *config = NEW(n->a, Any, 1);
	int nin = split_args(n, in, key, item, &nitem);
	sort_keys(nitem, key, item);
	*config = (Any){ .kind = ANY_DICT, .n = nitem, .key = key, .item = item };
	Type *result = NEW(n->a, Type, nout + 1);
	for (int i = 0; i < nout; i++) {
		Type t = out_type(n, i);
		if (t.kind != TYPE_TENSOR) return node_fail(n, UNSUPPORTED, "result %d is not a tensor, as a custom call's must be", i);
		result[i] = tensor_type(n->a, t.elem, t.rank, t.dim);
	}
	if (n->b->m->err->code) return 0;
	Attr *attr = NEW(n->a, Attr, MAX_ATTRS + 1);
	attr[op_attr_index(OP_custom_call, "call_target_name")] = (Attr){ .set = true, .str = n->g->target };
	attr[op_attr_index(OP_custom_call, "backend_config")] = (Attr){ .set = true, .any = config };
	attr[op_attr_index(OP_custom_call, "api_version")] = (Attr){ .set = true, .i = 4 };
	Op *op = emit_op(n->b, OP_custom_call, nout, result, nin, in, attr, 0, NULL);
	for (int i = 1; op && i < nout; i++) set_out(n, i, op->out + (Value)i);
	return op && nout ? op->out : 0;
}
