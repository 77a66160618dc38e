/* torch_xla's marks around what is to be a composite. */
#include "aten/ctx.h"

#include "base/json.h"
#include "stablehlo/composite.h"

#include <string.h>

/* -- attributes given as JSON: as if they had been arguments ----------------------------------------------- */

static Arg arg_of_json(Node *n, JVal v);

static Arg number_of_json(JVal v)
{
	size_t len;
	const char *text = json_text(v, &len);
	if (strspn(text, "-0123456789") < len) return (Arg){ .kind = ARG_FLOAT, .f = json_num(v, 0) };
	bool fits = json_int(v, 0) == json_int(v, 1);
	return fits ? (Arg){ .kind = ARG_INT, .i = json_int(v, 0) } : (Arg){ .kind = ARG_NONE };
}

/* An object becomes a list of [key, value] lists, as a dict does in a .pt2 file. */
static Arg list_of_json(Node *n, JVal v)
{
	Arg list = { .kind = ARG_LIST, .list = { json_len(v), NEW(n->a, Arg, json_len(v) + 1) } };
	Arg *item = list.list.item;
	JEACH(x, v) {
		const char *key = json_member(n->a, x);
		Arg value = arg_of_json(n, x), *pair = NEW(n->a, Arg, 2);
		pair[0] = (Arg){ .kind = ARG_STR, .str = key };
		pair[1] = value;
		*item++ = key ? (Arg){ .kind = ARG_LIST, .list = { 2, pair } } : value;
	}
	return list;
}

static Arg arg_of_json(Node *n, JVal v)
{
	switch (json_kind(v)) {
	case JSON_bool:   return (Arg){ .kind = ARG_BOOL, .b = json_bool_or(v, false) };
	case JSON_string: return (Arg){ .kind = ARG_STR, .str = json_str(n->a, v) };
	case JSON_number: return number_of_json(v);
	case JSON_array: case JSON_object: return list_of_json(n, v);
	default: return (Arg){ .kind = ARG_NONE };
	}
}

/* -- attributes, as torch_xla has them: 64-bit integers, 32-bit floats, bools, strings; lists of numbers are vectors ------------------- */

static Any any_of(Node *n, const char *key, const Arg *x);

static Any refuse(Node *n, const char *key)
{
	node_fail(n, BAD_INPUT, "attribute '%s' of the composite is no string, number or bool, nor a list of one kind of them", key);
	return (Any){ 0 };
}

static Any vector(Node *n, const Any *item, int count, DType elem)
{
	size_t each = dtype_nbytes(elem), nbytes = (size_t)count * each;
	uint8_t *data = NEW(n->a, uint8_t, nbytes);
	bool splat = true;
	for (int i = 0; i < count; i++) {
		uint8_t *to = data + (size_t)i * each;
		if (elem == DTYPE_f32) dtype_store(elem, to, 0, item[i].f);
		else dtype_store_int(elem, to, item[i].i);
		splat &= !memcmp(data, to, each);
	}
	Dense *d = NEW(n->a, Dense, 1);
	*d = (Dense){ .type = tensor_type(n->a, elem, 1, (int64_t[]){ count }), .splat = splat, .data = data, .nbytes = splat ? each : nbytes };
	return (Any){ .kind = ANY_DENSE, .dense = d };
}

static Any any_of_list(Node *n, const char *key, const Arg *x)
{
	int count = x->list.n;
	Any *item = NEW(n->a, Any, count + 1);
	for (int i = 0; i < count; i++) {
		item[i] = any_of(n, key, &x->list.item[i]);
		if (item[i].kind != item[0].kind) return refuse(n, key);
	}
	switch (item[0].kind) {
	case ANY_NONE: case ANY_STR: return (Any){ .kind = ANY_ARRAY, .n = count, .item = item };     /* NONE: it is empty */
	case ANY_I64:  return vector(n, item, count, DTYPE_i64);
	case ANY_F32:  return vector(n, item, count, DTYPE_f32);
	case ANY_BOOL: return vector(n, item, count, DTYPE_bool);
	default:       return refuse(n, key);
	}
}

static int64_t size_of_value(Node *n, const Arg *x)
{
	const GraphValue *v = &n->l->graph->value.v[x->value];
	return v->kind == VALUE_SYMINT ? size_of(&n->l->sizes, v->sym) : DYNAMIC;
}

static Any any_of(Node *n, const char *key, const Arg *x)
{
	switch (x->kind) {
	case ARG_BOOL:  return (Any){ .kind = ANY_BOOL, .i = x->b };
	case ARG_INT:   return (Any){ .kind = ANY_I64, .i = x->i };
	case ARG_FLOAT: return (Any){ .kind = ANY_F32, .f = x->f };
	case ARG_STR:   return x->str ? (Any){ .kind = ANY_STR, .str = x->str } : refuse(n, key);
	case ARG_DTYPE: return (Any){ .kind = ANY_STR, .str = dtype_name(x->dtype) };
	case ARG_VALUE: return (Any){ .kind = ANY_I64, .i = size_of_value(n, x) };
	case ARG_LIST:  return any_of_list(n, key, x);
	default:        return refuse(n, key);
	}
}

/* Sizes that are not known are no attributes. */
static bool is_known(Node *n, const Arg *x)
{
	if (x->kind == ARG_VALUE) return size_of_value(n, x) >= 0;
	for (int i = 0; x->kind == ARG_LIST && i < x->list.n; i++)
		if (!is_known(n, &x->list.item[i])) return false;
	return true;
}

/* By name, as MLIR sorts a dictionary. */
static void insert(Any *dict, const char **key, Any *item, const char *name, Any value)
{
	int at = dict->n;
	for (; at && strcmp(key[at - 1], name) > 0; at--) key[at] = key[at - 1], item[at] = item[at - 1];
	key[at] = name;
	item[at] = value;
	dict->n++;
}

/* Pairs of names and values. */
static const Any *attributes_of_list(Node *n, const Arg *x)
{
	enum { MOST = 1000 };
	if (x->list.n > MOST) return node_fail(n, UNSUPPORTED, "the composite has %d attributes, more than %d", x->list.n, MOST), NULL;
	Any *dict = NEW(n->a, Any, 1), *item = NEW(n->a, Any, x->list.n + 1);
	const char **key = NEW(n->a, const char *, x->list.n + 1);
	*dict = (Any){ .kind = ANY_DICT, .key = key, .item = item };
	for (int i = 0; i < x->list.n; i++) {
		const Arg *pair = &x->list.item[i], *name = pair->list.item;
		if (pair->kind != ARG_LIST || pair->list.n != 2 || name->kind != ARG_STR || !name->str || !*name->str)
			return node_fail(n, BAD_INPUT, "item %d of argument 'attr' is no pair of a name and a value", i), NULL;
		for (int k = 0; k < dict->n; k++)
			if (!strcmp(key[k], name->str)) return node_fail(n, BAD_INPUT, "attribute '%s' of the composite is given twice", name->str), NULL;
		if (is_known(n, &name[1])) insert(dict, key, item, name->str, any_of(n, name->str, &name[1]));
	}
	return dict->n ? dict : NULL;
}

static const Any *attributes(Node *n)
{
	const Arg *x = arg_raw(n, "attr");
	if (!x || x->kind == ARG_NONE) return NULL;
	Arg list = *x;
	if (x->kind == ARG_STR) {
		const Json *doc = json_parse(n->a, x->str, strlen(x->str), "attr", n->b->m->err);
		if (!doc) return NULL;
		list = json_kind(json_root(doc)) == JSON_object ? list_of_json(n, json_root(doc)) : (Arg){ 0 };
	}
	if (list.kind != ARG_LIST) return node_fail(n, BAD_INPUT, "argument 'attr' is neither a dictionary nor a JSON object"), NULL;
	return attributes_of_list(n, &list);
}

/* xla.mark_tensor(x, name, pos, id, is_input, attr=None): x */
Value lower_mark_tensor(Node *n)
{
	Value x = arg(n, "x");
	Mark k = { .name = arg_str(n, "name", ""), .id = arg_str(n, "id", ""), .pos = arg_int(n, "pos", 0),
		.is_input = arg_bool(n, "is_input", false), .attr = attributes(n) };
	if (!is_namespaced(k.name)) return node_fail(n, BAD_INPUT, "the composite is named \"%s\", wanted \"namespace.name\"", k.name);
	return hlo_mark(n->b, x, k);
}
