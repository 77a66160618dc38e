/* Tensors of another size in the same memory, and dense copies of dense tensors. */
#include "aten/ctx.h"
#include "aten/index.h"

/* Whether the elements of an argument lie in row-major order, without gaps. */
static bool is_row_major(Node *n, const char *name)
{
	const Arg *x = arg_raw(n, name);
	const GraphValue *v = &n->l->graph->value.v[x->value];
	int64_t step = 1;
	for (int i = v->rank - 1; i >= 0 && v->stride; step *= v->dim[i--])
		if (v->dim[i] != 1 && v->stride[i] != step && type_numel(known_type(n->b, arg(n, name)))) return false;
	return true;
}

/* schema.MemoryFormat of torch's export schema: those that keep row-major order */
static bool is_plain_format(Node *n)
{
	enum { CONTIGUOUS = 1, PRESERVE = 4 };
	const Arg *x = arg_raw(n, "memory_format");
	return !x || x->kind == ARG_NONE || x->i == CONTIGUOUS || x->i == PRESERVE;
}

/* aten.resize(self, size, memory_format?), aten.resize_as(self, the_template): the first elements of self's memory in another
 * shape. What lies behind the last is undefined in torch and 0 here. */
Value lower_resize(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self");
	if (!x || !is_tensor_arg(n, "self")) return 0;
	if (!is_row_major(n, "self") || !is_plain_format(n))
		return node_fail(n, UNSUPPORTED, "resizing memory that is not in row-major order");
	int64_t have = type_numel(type_of(b, x)), want = type_numel(n->out);
	x = flattened(b, x);
	if (want < have) {
		x = slice_dim(b, x, 0, 0, want, 1);
	} else if (want > have) {
		Value zero = scalar(b, 0, n->out.elem);
		x = hlo_pad(b, x, zero, (int64_t[]){ 0 }, (int64_t[]){ want - have }, NULL);
	}
	return reshape_to(b, x, n->out);
}
