/* Attributes that no row asks for: of arguments, results, the module and within others (write_any.c). */
#include "stablehlo/read.h"

#include <string.h>

static bool make_any(Read *r, Cursor *c, bool index, Any *out, uint32_t *weight);

bool read_any(Read *r, uint32_t ref, bool index, Any *out)
{
	Cursor c;
	if (failed(r)) return false;
	Item *item = &r->attr[ref];
	if (!item->weight || item->index != index) {
		Any made = { 0 };
		uint32_t weight = 1;
		if (!open_attr(r, ref, &c) || !enter(r, &c)) return false;
		bool ok = make_any(r, &c, index, &made, &weight) && close_cursor(r, &c);
		leave(r, &c);
		if (!ok) return false;
		item->any = COPY(r->a, Any, &made, 1);
		item->weight = weight;
		item->index = index;
	}
	*out = *item->any;
	return spend(r, item->weight);
}

static bool member(Read *r, Reader *c, bool index, Any *out, uint32_t *weight)
{
	uint32_t ref = get_attr(r, c);
	if (!read_any(r, ref, index, out)) return false;
	*weight = plus(*weight, r->attr[ref].weight);
	return true;
}

static bool get_array(Read *r, Reader *c, bool index, Any *out, uint32_t *weight)
{
	int n = get_count(r, c, "items");
	Any *item = NEW(r->a, Any, n + 1);
	for (int i = 0; i < n; i++)
		if (!member(r, c, index, &item[i], weight)) return false;
	out->kind = ANY_ARRAY;
	out->n = n;
	out->key = NULL;
	out->item = item;
	return !failed(r);
}

static bool get_dictionary(Read *r, Reader *c, bool index, Any *out, uint32_t *weight)
{
	int n = get_count(r, c, "members");
	if (n > MAX_KEYS) return refuse(r, UNSUPPORTED, c, "a dictionary of %d members, and at most %d are read", n, MAX_KEYS);
	Any *item = NEW(r->a, Any, n + 1), key;
	const char **keys = NEW(r->a, const char *, n + 1);
	for (int i = 0; i < n; i++) {
		if (!member(r, c, false, &key, weight)) return false;
		if (key.kind != ANY_STR) return refuse(r, BAD_INPUT, c, "a key of a dictionary that is no string");
		keys[i] = key.str;
		if (!member(r, c, index, &item[i], weight)) return false;
	}
	out->kind = ANY_DICT;
	out->n = n;
	out->sorted = true;
	for (int i = 1; i < n; i++) out->sorted = out->sorted && strcmp(keys[i - 1], keys[i]) < 0;
	out->key = keys;
	out->item = item;
	return !failed(r);
}

static bool set_integer(Read *r, DType elem, int64_t v, Any *out)
{
	out->kind = elem == DTYPE_bool ? ANY_BOOL : elem == DTYPE_i32 ? ANY_I32 : elem == DTYPE_i64 ? ANY_I64 : ANY_INT;
	out->i = v;
	out->elem = elem;
	return !failed(r);
}

static bool set_float(Read *r, Reader *c, DType elem, uint64_t bits, Any *out)
{
	if (elem != DTYPE_f32 && elem != DTYPE_f64)
		return refuse(r, UNSUPPORTED, c, "a float attribute of type %s, wanted f32 or f64", dtype_name(elem));
	out->kind = elem == DTYPE_f32 ? ANY_F32 : ANY_F64;
	uint8_t bytes[8];
	for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(bits >> (8 * i));
	out->f = dtype_load(elem, bytes, 0);
	return !failed(r);
}

static bool get_number(Read *r, Reader *c, bool is_float_attr, Any *out)
{
	DType elem;
	if (!read_elem(r, get_type(r, c), &elem)) return false;
	return is_float_attr ? set_float(r, c, elem, get_float_bits(c, elem), out) : set_integer(r, elem, get_integer(r, c, elem), out);
}

static bool get_indices(Read *r, Reader *c, Any *out, uint32_t *weight)
{
	int n = get_count(r, c, "indices");
	Any *item = NEW(r->a, Any, n + 1);
	for (int i = 0; i < n && !failed(r); i++) item[i] = (Any){ .kind = ANY_I64, { .i = get_signed(c) } };
	*weight = plus(*weight, (uint64_t)n);
	out->kind = ANY_ARRAY;
	out->n = n;
	out->key = NULL;
	out->item = item;
	return !failed(r);
}

/* output_tuple_indices, operand_index, operand_tuple_indices */
static bool get_alias(Read *r, Reader *c, Any *out, uint32_t *weight)
{
	Any *item = NEW(r->a, Any, 3);
	if (!get_indices(r, c, &item[0], weight)) return false;
	item[1].kind = ANY_I64;
	item[1].i = get_signed(c);
	if (!get_indices(r, c, &item[2], weight)) return false;
	out->kind = ANY_ALIAS;
	out->n = 3;
	out->key = NULL;
	out->item = item;
	return true;
}

static bool get_tensor(Read *r, Cursor *c, bool index, Any *out)
{
	Type t;
	uint32_t ref = get_type(r, &c->r);
	if (!read_type(r, ref, &t)) return false;
	if (index && !t.index) return refuse(r, BAD_INPUT, &c->r, "a layout that is not of index");
	if (t.kind != TYPE_TENSOR) return refuse(r, BAD_INPUT, &c->r, "elements of %s", type_str(&r->scratch, t));
	out->kind = ANY_DENSE;
	return (out->dense = get_dense(r, c, t, index)) != NULL;
}

static bool get_type_any(Read *r, Reader *c, Any *out, uint32_t *weight)
{
	Type t;
	uint32_t ref = get_type(r, c);
	if (!read_attr_type(r, ref, &t)) return false;
	*weight = plus(*weight, r->type[ref].weight);
	out->kind = ANY_TYPE;
	out->type = COPY(r->a, Type, &t, 1);
	return true;
}

static bool set_string(Read *r, Reader *c, AnyKind kind, Any *out)
{
	out->kind = kind;
	out->str = get_string(r, c);
	return !failed(r);
}

/* A symbol is a string attribute inside another. */
static bool get_symbol(Read *r, Cursor *c, Any *out, uint32_t *weight)
{
	Any name;
	if (!member(r, &c->r, false, &name, weight)) return false;
	if (name.kind != ANY_STR) return refuse(r, BAD_INPUT, &c->r, "a symbol that is no string");
	*out = name;
	out->kind = ANY_SYMBOL;
	return true;
}

static bool make_builtin(Read *r, Cursor *c, Any *out, uint32_t *weight)
{
	switch (c->code) {
	case BUILTIN_ARRAY:      return get_array(r, &c->r, false, out, weight);
	case BUILTIN_DICTIONARY: return get_dictionary(r, &c->r, false, out, weight);
	case BUILTIN_STRING:     return set_string(r, &c->r, ANY_STR, out);
	case BUILTIN_SYMBOL:     return get_symbol(r, c, out, weight);
	case BUILTIN_TYPE:       return get_type_any(r, &c->r, out, weight);
	case BUILTIN_UNIT:       out->kind = ANY_UNIT; return true;
	case BUILTIN_INTEGER:    return get_number(r, &c->r, false, out);
	case BUILTIN_FLOAT:      return get_number(r, &c->r, true, out);
	case BUILTIN_DENSE:      return get_tensor(r, c, false, out);
	default:                 return refuse_entry(r, c, false, "an attribute that a module of ours can have");
	}
}

static bool make_any(Read *r, Cursor *c, bool index, Any *out, uint32_t *weight)
{
	if (c->dialect == BUILTIN) return make_builtin(r, c, out, weight);
	switch (c->code) {
	case VHLO_ARRAY:      return get_array(r, &c->r, index, out, weight);
	case VHLO_DICTIONARY: return get_dictionary(r, &c->r, index, out, weight);
	case VHLO_STRING:     return set_string(r, &c->r, ANY_STR, out);
	case VHLO_INTEGER:    return get_number(r, &c->r, false, out);
	case VHLO_FLOAT:      return get_number(r, &c->r, true, out);
	case VHLO_TENSOR:     return get_tensor(r, c, index, out);
	case VHLO_TYPE:       return get_type_any(r, &c->r, out, weight);
	case VHLO_OUTPUT_OPERAND_ALIAS: return get_alias(r, &c->r, out, weight);
	case VHLO_BOOLEAN:
		out->kind = ANY_BOOL;
		out->i = get_varint(&c->r) != 0;
		return !failed(r);
	default:
		return refuse_entry(r, c, false, "an attribute that a module of ours can have");
	}
}
