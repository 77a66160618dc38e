/* Arguments and results of one node. */
#include "aten/ctx.h"

#include <stdio.h>
#include <string.h>

Value node_fail(Node *n, Code code, const char *fmt, ...)
{
	Err *e = n->b->m->err;
	if (e->code) return 0;
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fail(e, code, "%s", text);
	return 0;
}

/* -- finding --------------------------------------------------------------------------------------------- */

const Arg *arg_raw(Node *n, const char *name)
{
	for (int i = 0; i < n->g->narg; i++)
		if (!strcmp(n->g->arg[i].name, name)) return &n->g->arg[i].arg;
	return NULL;
}

static const Arg *present(Node *n, const char *name)
{
	const Arg *x = arg_raw(n, name);
	return x && x->kind != ARG_NONE ? x : NULL;
}

bool has_arg(Node *n, const char *name) { return present(n, name) != NULL; }

static const GraphValue *graph_value_of(Node *n, VId v) { return &n->l->graph->value.v[v]; }

bool is_tensor_arg(Node *n, const char *name)
{
	const Arg *x = present(n, name);
	return x && x->kind == ARG_VALUE && graph_value_of(n, x->value)->kind == VALUE_TENSOR;
}

static const char *const kind_names[] = { "None", "a value", "an int", "a float", "a bool", "a complex", "a string", "a dtype",
	"a layout", "a memory format", "a device", "a list", "a graph", "an operator", "an object" };

static Value wrong(Node *n, const char *name, const Arg *x, const char *wanted)
{
	return node_fail(n, BAD_INPUT, "argument '%s' is %s, wanted %s", name, kind_names[x->kind], wanted);
}

/* -- tensors and numbers --------------------------------------------------------------------------------- */

static Value complex_scalar(Builder *b, double re, double im)
{
	Value x = scalar(b, re, DTYPE_f64);
	Value y = scalar(b, im, DTYPE_f64);
	return hlo_complex(b, x, y);
}

/* The value of an item: a tensor, or a number as a constant. 0 with no failure when the item is neither. */
static Value item_value(Node *n, const Arg *x)
{
	Builder *b = n->b;
	switch (x->kind) {
	case ARG_VALUE:   return lowered_value(n->l, x->value);
	case ARG_INT:     return scalar_int(b, x->i, DTYPE_i64);
	case ARG_FLOAT:   return scalar(b, x->f, DTYPE_f64);
	case ARG_BOOL:    return scalar_int(b, x->b, DTYPE_bool);
	case ARG_COMPLEX: return complex_scalar(b, x->complex_[0], x->complex_[1]);
	default:          return 0;
	}
}

Value arg_opt(Node *n, const char *name)
{
	const Arg *x = present(n, name);
	if (!x) return 0;
	Value v = item_value(n, x);
	return v || n->b->m->err->code ? v : wrong(n, name, x, "a tensor or a number");
}

Value arg(Node *n, const char *name)
{
	if (!has_arg(n, name)) return node_fail(n, BAD_INPUT, "no argument '%s'", name);
	return arg_opt(n, name);
}

Value arg_as(Node *n, const char *name, DType elem)
{
	Value x = arg(n, name);
	return cast(n->b, x, elem);
}

static bool is_in_64_bits(double x) { return x >= -9e18 && x <= 9e18; }

/* What a number that the program computes is where that is known after all. */
static bool folded(Node *n, const Arg *x, double *f, int64_t *i)
{
	const Dense *c = constant_of(n->b, n->l->value[x->value]);
	if (!c || c->type.rank || graph_value_of(n, x->value)->kind == VALUE_TENSOR) return false;
	if (c->type.elem == DTYPE_f64) return *f = dtype_load(DTYPE_f64, c->data, 0), *i = is_in_64_bits(*f) ? (int64_t)*f : 0, true;
	return *i = dtype_load_int(c->type.elem, c->data), *f = (double)*i, true;
}

bool is_running_arg(Node *n, const Arg *x)
{
	double f;
	int64_t i;
	bool number = x->kind == ARG_VALUE && graph_value_of(n, x->value)->kind != VALUE_TENSOR;
	return number && n->l->value[x->value] && !folded(n, x, &f, &i);
}

bool is_running(Node *n, const char *name)
{
	const Arg *x = present(n, name);
	return x && is_running_arg(n, x);
}

/* A number; a SymInt counts when its size is known. */
static bool number(Node *n, const Arg *x, double *f, int64_t *i)
{
	switch (x->kind) {
	case ARG_INT:   *i = x->i; *f = (double)x->i; return true;
	case ARG_BOOL:  *i = x->b; *f = x->b; return true;
	case ARG_FLOAT: *f = x->f; *i = is_in_64_bits(x->f) ? (int64_t)x->f : 0; return true;
	case ARG_VALUE: {
		if (n->l->value[x->value]) return folded(n, x, f, i);
		const GraphValue *v = graph_value_of(n, x->value);
		int64_t size = v->kind == VALUE_SYMINT ? lower_dim(n->l, v->sym) : DYNAMIC;
		*i = size;
		*f = (double)size;
		return size >= 0;
	}
	default: return false;
	}
}

static bool is_dynamic(Node *n, const Arg *x)
{
	return x->kind == ARG_VALUE && graph_value_of(n, x->value)->kind == VALUE_SYMINT && !n->l->value[x->value];
}

static Value not_a_number(Node *n, const char *name, const Arg *x)
{
	if (is_running_arg(n, x))
		return node_fail(n, UNSUPPORTED, "argument '%s' is a number read from a tensor, which this op takes only as a fixed one", name);
	if (is_dynamic(n, x)) return node_fail(n, UNSUPPORTED, "argument '%s' is a size that is not known, wanted a number", name);
	return wrong(n, name, x, "a number");
}

/* A size, which may be a handle. A negative number, such as a position from the end, is one too. */
static int64_t size_arg(Node *n, const char *name, const Arg *x)
{
	double f;
	int64_t i;
	if (number(n, x, &f, &i)) return dim_number(dims_of(n->b->m), i);
	if (is_dynamic(n, x)) return lower_dim(n->l, graph_value_of(n, x->value)->sym);
	return not_a_number(n, name, x);
}

int64_t arg_int(Node *n, const char *name, int64_t otherwise)
{
	const Arg *x = present(n, name);
	double f;
	int64_t i = otherwise;
	if (x && !number(n, x, &f, &i)) not_a_number(n, name, x);
	return i;
}

double arg_num(Node *n, const char *name, double otherwise)
{
	const Arg *x = present(n, name);
	double f = otherwise;
	int64_t i;
	if (x && !number(n, x, &f, &i)) not_a_number(n, name, x);
	return f;
}

bool arg_bool(Node *n, const char *name, bool otherwise) { return arg_int(n, name, otherwise) != 0; }

const char *arg_str(Node *n, const char *name, const char *otherwise)
{
	const Arg *x = present(n, name);
	if (!x) return otherwise;
	if (x->kind == ARG_STR) return x->str;
	wrong(n, name, x, "a string");
	return otherwise;
}

DType arg_dtype(Node *n, const char *name, DType otherwise)
{
	const Arg *x = present(n, name);
	if (!x) return otherwise;
	if (x->kind == ARG_DTYPE) return x->dtype;
	wrong(n, name, x, "a dtype");
	return otherwise;
}

/* -- dims ------------------------------------------------------------------------------------------------ */

static int wrap_dim(Node *n, int64_t dim, int rank)
{
	int64_t r = rank ? rank : 1;
	if (dim >= -r && dim < r) return (int)(dim < 0 ? dim + r : dim);
	node_fail(n, BAD_INPUT, "dim %lld is outside rank %d", (long long)dim, rank);
	return 0;
}

int arg_dim(Node *n, const char *name, int otherwise, int rank) { return wrap_dim(n, arg_int(n, name, otherwise), rank); }

static int64_t int_arg(Node *n, const char *name, const Arg *x)
{
	double f;
	int64_t i = 0;
	if (!number(n, x, &f, &i)) not_a_number(n, name, x);
	return i;
}

/* The items of a list, or one item alone. */
static Ints each_item(Node *n, const char *name, int64_t (*read)(Node *n, const char *name, const Arg *x))
{
	const Arg *x = present(n, name);
	if (!x) return (Ints){ 0 };
	const Arg *item = x->kind == ARG_LIST ? x->list.item : x;
	int count = x->kind == ARG_LIST ? x->list.n : 1;
	int64_t *v = NEW(n->a, int64_t, count + 1);
	for (int i = 0; i < count; i++) v[i] = read(n, name, &item[i]);
	return (Ints){ count, v };
}

Ints arg_ints(Node *n, const char *name) { return each_item(n, name, int_arg); }
Ints arg_sizes(Node *n, const char *name) { return each_item(n, name, size_arg); }

int64_t arg_size(Node *n, const char *name, int64_t otherwise)
{
	const Arg *x = present(n, name);
	return x ? size_arg(n, name, x) : otherwise;
}

Ints arg_dims(Node *n, const char *name, int rank)
{
	Ints x = arg_ints(n, name);
	if (!x.n) return iota_ints(n->a, 0, rank);
	int64_t *v = NEW(n->a, int64_t, x.n);
	bool *seen = NEW(n->a, bool, rank + 1);
	for (int i = 0; i < x.n; i++) {
		v[i] = wrap_dim(n, x.v[i], rank);
		if (seen[v[i]]) node_fail(n, BAD_INPUT, "dim %lld stands twice in '%s'", (long long)v[i], name);
		seen[v[i]] = true;
	}
	return (Ints){ rank ? x.n : 0, v };
}

Ints arg_ints_n(Node *n, const char *name, int count, int64_t otherwise)
{
	Ints x = arg_ints(n, name);
	for (int i = 0; i < x.n; i++)      /* so that a product of two, and of one with a size, is a number */
		if (x.v[i] > INT32_MAX || x.v[i] < -INT32_MAX) {
			node_fail(n, BAD_INPUT, "'%s' has %lld, wanted at most 31 bits", name, (long long)x.v[i]);
			x = (Ints){ 0 };
		}
	if (x.n == count) return x;
	if (x.n > 1) node_fail(n, BAD_INPUT, "'%s' has %d numbers, wanted %d", name, x.n, count);
	int64_t *v = NEW(n->a, int64_t, count + 1);
	for (int i = 0; i < count; i++) v[i] = x.n ? x.v[0] : otherwise;
	return (Ints){ count, v };
}

Nums arg_nums(Node *n, const char *name)
{
	const Arg *x = present(n, name);
	if (!x) return (Nums){ 0 };
	const Arg *item = x->kind == ARG_LIST ? x->list.item : x;
	int count = x->kind == ARG_LIST ? x->list.n : 1;
	double *v = NEW(n->a, double, count + 1);
	int64_t i;
	for (int k = 0; k < count; k++)
		if (!number(n, &item[k], &v[k], &i)) not_a_number(n, name, &item[k]);
	return (Nums){ count, v };
}

Values arg_list(Node *n, const char *name)
{
	const Arg *x = present(n, name);
	if (!x) return (Values){ 0 };
	if (x->kind != ARG_LIST) return wrong(n, name, x, "a list of tensors"), (Values){ 0 };
	Values out = { x->list.n, NEW(n->a, Value, x->list.n + 1) };
	for (int i = 0; i < out.n; i++) {
		out.v[i] = item_value(n, &x->list.item[i]);
		if (!out.v[i] && x->list.item[i].kind != ARG_NONE) wrong(n, name, &x->list.item[i], "a tensor");
	}
	return out;
}

/* -- results --------------------------------------------------------------------------------------------- */

int nouts(const Node *n) { return n->g->nout; }

Type out_type(const Node *n, int i)
{
	VId v = i < n->g->nout ? n->g->out[i] : 0;
	return v ? value_meta_type(n->l, v) : (Type){ 0 };
}

bool out_wanted(const Node *n, int i) { return i < n->g->nout && n->g->out[i]; }

void set_out(Node *n, int i, Value v)
{
	if (out_wanted(n, i)) n->l->value[n->g->out[i]] = v;
}

int64_t static_dim(Node *n, Type t, int dim)
{
	if (dim < 0 || dim >= t.rank) return node_fail(n, BAD_INPUT, "%s has no dim %d", type_str(n->a, t), dim);
	if (t.dim[dim] >= 0) return t.dim[dim];
	node_fail(n, UNSUPPORTED, "dim %d is not known, wanted a number", dim);
	return 0;
}
