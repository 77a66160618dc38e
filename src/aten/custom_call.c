/* xla.stablehlo_custom_call, which python/torch_stablehlo/experimental/stablehlo_custom_call.py defines, and what rests on it. */
#include "aten/custom.h"

#include <string.h>

#include "base/json.h"

/* -- the call -------------------------------------------------------------------------------------------- */

static bool result_types(Node *n, Type *t)
{
	for (int i = 0; i < nouts(n); i++) {
		Type out = out_type(n, i);
		if (out.kind != TYPE_TENSOR) return node_fail(n, UNSUPPORTED, "result %d is not a tensor, as a custom call's must be", i), false;
		t[i] = tensor_type(n->a, out.elem, out.rank, out.dim);
	}
	return !n->b->m->err->code;
}

static Attr tree(const Any *any) { return (Attr){ .set = any != NULL, .any = any }; }

static Op *emit_call(Node *n, int nout, const Type *t, int nin, const Value *in, const CustomCall *c)
{
	Attr *attr = NEW(n->a, Attr, MAX_ATTRS + 1);
	attr[op_attr_index(OP_custom_call, "call_target_name")] = (Attr){ .set = true, .str = c->target };
	attr[op_attr_index(OP_custom_call, "has_side_effect")] = (Attr){ .set = c->has_side_effect, .i = 1 };
	attr[op_attr_index(OP_custom_call, "backend_config")] = tree(c->config);
	attr[op_attr_index(OP_custom_call, "api_version")] = (Attr){ .set = c->api_version > 1, .i = c->api_version };
	attr[op_attr_index(OP_custom_call, "operand_layouts")] = tree(c->operand_layouts);
	attr[op_attr_index(OP_custom_call, "result_layouts")] = tree(c->result_layouts);
	attr[op_attr_index(OP_custom_call, "output_operand_aliases")] = tree(c->aliases);
	Op *op = emit_op(n->b, OP_custom_call, nout, t, nin, in, attr, 0, NULL);
	if (!op || !verify_op(n->b->m, op)) return NULL;
	static const char *const name[] = { "mhlo.frontend_attributes" };
	Any *extra = NEW(n->a, Any, 1);
	*extra = (Any){ .kind = ANY_DICT, .n = 1, .key = name, .item = c->frontend };
	if (c->frontend) op->extra = extra;
	return op;
}

Value custom_call(Node *n, int nin, const Value *in, CustomCall c)
{
	int nout = nouts(n);
	Type *t = NEW(n->a, Type, nout + 1), tuple = { .kind = TYPE_TUPLE, .npart = nout, .part = t };
	if (!result_types(n, t)) return 0;
	Op *op = nout > 1 ? emit_call(n, 1, &tuple, nin, in, &c) : emit_call(n, nout, t, nin, in, &c);
	if (!op || nout < 2) return op && nout ? op->out : 0;
	Value first = 0;
	for (int i = 0; i < nout; i++) {
		Attr index = { .set = true, .i = i };
		Value part = emit(n->b, OP_get_tuple_element, &t[i], 1, &op->out, &index);
		if (i) set_out(n, i, part);
		else first = part;
	}
	return first;
}

Any dense_any(Node *n, DType elem, int rank, const int64_t *dim, const void *data)
{
	Dense *d = NEW(n->a, Dense, 1);
	d->type = tensor_type(n->a, elem, rank, dim);
	d->data = data;
	d->nbytes = (size_t)type_numel(d->type) * dtype_nbytes(elem);
	return (Any){ .kind = ANY_DENSE, .dense = d };
}

/* -- what has no place in a schema, as JSON -------------------------------------------------------------- */

/* {"config": {name: value, ...}, "frontend_attributes": {name: string, ...}, "operand_layouts": [[int, ...], ...], "result_layouts": the same,
 *  "output_operand_aliases": [[result, operand], ...]}, each of them optional. A value is
 *	["str", string]  ["bool", bool]  ["dict", {name: value, ...}]  ["list", [value, ...]]  [element type, number]
 *	[element type, [number, ...], [size, ...]]    elements, row-major */
static bool bad(Node *n, JVal v, const char *wanted)
{
	size_t len = 0;
	const char *text = json_kind(v) ? json_text(v, &len) : "nothing";
	if (!json_kind(v)) len = strlen(text);
	node_fail(n, BAD_INPUT, "attributes: found %.*s, wanted %s", utf8_cut(text, len, 60), text, wanted);
	return false;
}

static bool store(Node *n, DType elem, JVal v, void *p)
{
	if (is_float(elem)) {
		if (json_kind(v) != JSON_number) return bad(n, v, "a number");
		dtype_store(elem, p, 0, json_num(v, 0));
		return true;
	}
	int64_t i = json_int(v, INT64_MIN);
	if (json_kind(v) != JSON_number || (i == INT64_MIN && json_num(v, 0) != -0x1p63)) return bad(n, v, "an integer of 64 bits");
	dtype_store_int(elem, p, i);
	return true;
}

static bool elements(Node *n, DType elem, JVal list, JVal shape, Any *out)
{
	int rank = json_len(shape), at = 0;
	int64_t *dim = NEW(n->a, int64_t, rank + 1), count = 1;
	JEACH(x, shape) {
		int64_t d = dim[at++] = json_int(x, -1);
		if (d < 0 || __builtin_mul_overflow(count, d, &count)) return bad(n, shape, "sizes");
	}
	if (rank > MAX_RANK || count != json_len(list)) return bad(n, list, "as many numbers as the sizes say");
	size_t each = dtype_nbytes(elem);
	uint8_t *data = NEW(n->a, uint8_t, (size_t)count * each + 1), *p = data;
	JEACH(x, list) {
		if (!store(n, elem, x, p)) return false;
		p += each;
	}
	*out = dense_any(n, elem, rank, dim, data);
	return true;
}

static bool number(Node *n, DType elem, JVal v, Any *out)
{
	uint8_t bytes[8] = { 0 };
	if (is_float(elem) && elem != DTYPE_f32 && elem != DTYPE_f64) return bad(n, v, "a float of type f32 or f64");
	if (!store(n, elem, v, bytes)) return false;
	if (is_float(elem)) *out = (Any){ .kind = elem == DTYPE_f32 ? ANY_F32 : ANY_F64, .f = dtype_load(elem, bytes, 0) };
	else *out = (Any){ .kind = elem == DTYPE_i64 ? ANY_I64 : elem == DTYPE_i32 ? ANY_I32 : ANY_INT, .i = dtype_load_int(elem, bytes), .elem = elem };
	return true;
}

enum { DEEPEST = 32 };

static bool value_of(Node *n, JVal v, int depth, Any *out);

static bool dictionary(Node *n, JVal v, int depth, Any *out)
{
	if (json_kind(v) != JSON_object || depth > DEEPEST) return bad(n, v, "an object");
	int at = 0;
	const char **key = NEW(n->a, const char *, json_len(v) + 1);
	Any *item = NEW(n->a, Any, json_len(v) + 1);
	JEACH(x, v) {
		key[at] = json_member(n->a, x);
		for (int i = 0; i < at; i++)
			if (!strcmp(key[i], key[at])) return bad(n, v, "each name once");
		if (!value_of(n, x, depth + 1, &item[at++])) return false;
	}
	*out = (Any){ .kind = ANY_DICT, .n = at, .key = key, .item = item };
	return true;
}

static bool list_of(Node *n, JVal v, int depth, Any *out)
{
	if (json_kind(v) != JSON_array || depth > DEEPEST) return bad(n, v, "a list");
	int at = 0;
	Any *item = NEW(n->a, Any, json_len(v) + 1);
	JEACH(x, v)
		if (!value_of(n, x, depth + 1, &item[at++])) return false;
	*out = (Any){ .kind = ANY_ARRAY, .n = at, .item = item };
	return true;
}

static bool text_of(Node *n, JVal v, Any *out)
{
	const char *s = json_str(n->a, v);
	*out = (Any){ .kind = ANY_STR, .str = s };
	return s || bad(n, v, "a string");
}

static bool value_of(Node *n, JVal v, int depth, Any *out)
{
	JVal type = json_first(v), x = json_next(type), shape = json_next(x);
	if (json_kind(v) != JSON_array) return bad(n, v, "[type, value]");
	if (json_is(type, "str")) return text_of(n, x, out);
	if (json_is(type, "dict")) return dictionary(n, x, depth, out);
	if (json_is(type, "list")) return list_of(n, x, depth, out);
	if (json_is(type, "bool")) {
		*out = (Any){ .kind = ANY_BOOL, .i = json_bool_or(x, false) };
		return json_kind(x) == JSON_bool || bad(n, x, "a bool");
	}
	const char *name = json_str(n->a, type);
	DType elem = name ? dtype_from_torch(name, strlen(name)) : DTYPE_none;
	if (!is_int(elem) && !is_float(elem)) return bad(n, type, "a type of integers or floats");
	return json_kind(shape) ? elements(n, elem, x, shape, out) : number(n, elem, x, out);
}

/* -- layouts and aliases --------------------------------------------------------------------------------- */

static bool layouts(Node *n, JVal v, const Any **out)
{
	if (!json_kind(v)) return true;
	if (json_kind(v) != JSON_array) return bad(n, v, "a list of layouts");
	Any *all = NEW(n->a, Any, 1), *item = NEW(n->a, Any, json_len(v) + 1);
	*all = (Any){ .kind = ANY_ARRAY, .n = json_len(v), .item = item };
	JEACH(layout, v) {
		int count = json_len(layout), at = 0;
		int64_t *dim = NEW(n->a, int64_t, count + 1), size[] = { count };
		if (json_kind(layout) != JSON_array) return bad(n, layout, "the dimensions from the fastest to the slowest");
		JEACH(x, layout) dim[at++] = json_int(x, -1);
		*item++ = dense_any(n, DTYPE_i64, 1, size, dim);
	}
	*out = all;
	return true;
}

static Any indices(Node *n, int count, int64_t i)
{
	Any *item = NEW(n->a, Any, 1);
	*item = (Any){ .kind = ANY_I64, .i = i };
	return (Any){ .kind = ANY_ARRAY, .n = count, .item = item };
}

/* Of one result the tuple has no indices. */
static bool aliases(Node *n, JVal v, const Any **out)
{
	if (!json_len(v)) return true;
	Any *all = NEW(n->a, Any, 1), *item = NEW(n->a, Any, json_len(v));
	*all = (Any){ .kind = ANY_ARRAY, .n = json_len(v), .item = item };
	JEACH(pair, v) {
		int64_t result = json_int(json_first(pair), -1), operand = json_int(json_next(json_first(pair)), -1);
		if (result < 0 || result >= nouts(n) || json_len(pair) != 2) return bad(n, pair, "[result, operand], a result that there is");
		Any *part = NEW(n->a, Any, 3);
		part[0] = indices(n, nouts(n) > 1, result);
		part[1] = (Any){ .kind = ANY_I64, .i = operand };
		part[2] = indices(n, 0, 0);
		*item++ = (Any){ .kind = ANY_ALIAS, .n = 3, .item = part };
	}
	*out = all;
	return true;
}

static bool frontend(Node *n, JVal v, const Any **out)
{
	if (!json_len(v)) return true;
	int at = 0;
	const char **key = NEW(n->a, const char *, json_len(v));
	Any *all = NEW(n->a, Any, 1), *item = NEW(n->a, Any, json_len(v));
	if (json_kind(v) != JSON_object) return bad(n, v, "an object");
	JEACH(x, v) {
		key[at] = json_member(n->a, x);
		if (!text_of(n, x, &item[at++])) return false;
	}
	*all = (Any){ .kind = ANY_DICT, .n = at, .key = key, .item = item };
	*out = all;
	return true;
}

static bool read_attributes(Node *n, const char *text, CustomCall *c)
{
	if (!*text) return true;
	const Json *doc = json_parse(n->a, text, strlen(text), "attributes", n->b->m->err);
	if (!doc) return false;
	JVal all = json_root(doc), config = json_key(all, "config");
	Any *dict = NEW(n->a, Any, 1);
	if (json_kind(all) != JSON_object) return bad(n, all, "an object");
	if (json_kind(config) && !dictionary(n, config, 0, dict)) return false;
	if (json_kind(config)) c->config = dict;
	return layouts(n, json_key(all, "operand_layouts"), &c->operand_layouts) && layouts(n, json_key(all, "result_layouts"), &c->result_layouts)
	    && aliases(n, json_key(all, "output_operand_aliases"), &c->aliases) && frontend(n, json_key(all, "frontend_attributes"), &c->frontend);
}

/* -- rules ----------------------------------------------------------------------------------------------- */

/* xla.stablehlo_custom_call(Tensor[] args, str call_target, SymInt[] sizes, int[] ranks, str[] dtypes, bool has_side_effect, str backend_config,
 * int api_version, str attributes) -> Tensor[]: custom_call @call_target(args...); the results are of the types that the node says. */
Value lower_stablehlo_custom_call(Node *n)
{
	CustomCall c = { .target = arg_str(n, "call_target", ""), .has_side_effect = arg_bool(n, "has_side_effect", false),
		.api_version = arg_int(n, "api_version", 0) };
	const char *config = arg_str(n, "backend_config", "");
	Any *text = NEW(n->a, Any, 1);
	*text = (Any){ .kind = ANY_STR, .str = config };
	if (*config) c.config = text;
	Values in = arg_list(n, "args");
	if (n->b->m->err->code || !read_attributes(n, arg_str(n, "attributes", ""), &c)) return 0;
	if (!*c.target) return node_fail(n, BAD_INPUT, "the call target has no name");
	if (c.api_version < 0 || c.api_version > TYPED_FFI)
		return node_fail(n, BAD_INPUT, "api_version is %lld, wanted 0 to %d", (long long)c.api_version, TYPED_FFI);
	if (!c.api_version && c.config && c.config->kind == ANY_DICT) c.api_version = TYPED_FFI;
	return custom_call(n, in.n, in.v, c);
}

static Value place(Node *n, const char *where)
{
	static const char *const key[] = { "_xla_buffer_placement" };
	Any *item = NEW(n->a, Any, 1), *dict = NEW(n->a, Any, 1);
	*item = (Any){ .kind = ANY_STR, .str = where };
	*dict = (Any){ .kind = ANY_DICT, .n = 1, .key = key, .item = item };
	Value x = arg(n, "t");
	return custom_call(n, 1, &x, (CustomCall){ .target = PLACEMENT_TARGET, .has_side_effect = true, .frontend = dict });
}

/* xla.place_to_host(t), xla.place_to_device(t): t */
Value lower_place_to_host(Node *n) { return place(n, "pinned_host"); }
Value lower_place_to_device(Node *n) { return place(n, "device"); }
