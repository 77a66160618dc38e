/* Attributes that no op of the table asks for: arguments' and results' dictionaries in VHLO's form, the
 * module's own in the builtin dialect's (mlir/include/mlir/IR/BuiltinDialectBytecode.td), since VHLO has
 * no module op. */
#include "stablehlo/write.h"

#include <string.h>

/* The order in which a dictionary lists its keys: by bytes. Few, so by insertion. */
int *sorted_keys(Arena *a, int n, const char *const *key)
{
	int *at = NEW(a, int, n + 1);
	for (int i = 0; i < n; i++) {
		int k = i;
		for (; k > 0 && strcmp(key[at[k - 1]], key[i]) > 0; k--) at[k] = at[k - 1];
		at[k] = i;
	}
	return at;
}

static Ref refuse(Writer *w, const char *what)
{
	fail(w->m->err, UNSUPPORTED, "%s has no form in a portable artifact", what);
	return 0;
}

/* An attribute of a dialect's own among those that are none of an op's. */
static Ref refuse_text(Writer *w, const Any *any)
{
	return refuse(w, any->kind == ANY_VERBATIM ? arena_printf(&w->a, "%.100s", any->str) : "an attribute of StableHLO that is none of its op's");
}

/* -- VHLO ------------------------------------------------------------------------------------------------ */

static Ref vhlo_dictionary(Writer *w, const Any *any, bool index)
{
	Pool *p = &w->pool;
	int *order = sorted_keys(&w->a, any->n, any->key);
	int from = entry_begin(p);
	tok(p, TOK_VARINT, VHLO_DICTIONARY);
	tok(p, TOK_VARINT, (uint64_t)any->n);
	for (int i = 0; i < any->n; i++) {
		tok(p, TOK_ATTR, vhlo_string(w, any->key[order[i]]));
		tok(p, TOK_ATTR, vhlo_any(w, &any->item[order[i]], index));
	}
	return attr_end(p, from, VHLO_DIALECT);
}

static Ref vhlo_items(Writer *w, const Any *any, bool index)
{
	Ref *item = NEW(&w->a, Ref, any->n + 1);
	for (int i = 0; i < any->n; i++) item[i] = vhlo_any(w, &any->item[i], index);
	return vhlo_array(w, any->n, item);
}

static void tok_indices(Pool *p, const Any *list)
{
	int n = list->kind == ANY_ARRAY ? list->n : 0;
	tok(p, TOK_VARINT, (uint64_t)n);
	for (int i = 0; i < n; i++) tok_signed(p, (uint64_t)list->item[i].i);
}

static Ref vhlo_alias(Writer *w, const Any *any)
{
	Pool *p = &w->pool;
	if (any->n != 3) return refuse(w, "an output operand alias without its three parts");
	int from = entry_begin(p);
	tok(p, TOK_VARINT, VHLO_OUTPUT_OPERAND_ALIAS);
	tok_indices(p, &any->item[0]);
	tok_signed(p, (uint64_t)any->item[1].i);
	tok_indices(p, &any->item[2]);
	return attr_end(p, from, VHLO_DIALECT);
}

Ref vhlo_any(Writer *w, const Any *any, bool index)
{
	static const Any nothing = { .kind = ANY_DICT };
	switch (any->kind) {
	case ANY_NONE:   return vhlo_dictionary(w, &nothing, index);
	case ANY_STR:
	case ANY_SYMBOL: return vhlo_string(w, any->str);
	case ANY_I64:    return vhlo_integer(w, DTYPE_i64, any->i);
	case ANY_I32:    return vhlo_integer(w, DTYPE_i32, any->i);
	case ANY_INT:    return vhlo_integer(w, any->elem, any->i);
	case ANY_F32:    return vhlo_float(w, DTYPE_f32, any->f);
	case ANY_F64:    return vhlo_float(w, DTYPE_f64, any->f);
	case ANY_BOOL:   return vhlo_enum(w, VHLO_BOOLEAN, any->i != 0);
	case ANY_DENSE:  return vhlo_dense(w, any->dense, index);
	case ANY_TYPE:   return vhlo_type_attr(w, any->type);
	case ANY_ARRAY:  return vhlo_items(w, any, index);
	case ANY_DICT:   return vhlo_dictionary(w, any, index);
	case ANY_ALIAS:  return vhlo_alias(w, any);
	case ANY_NUMBER: return vhlo_number(w, any->dense);
	case ANY_NUMBERS: return vhlo_dense(w, any->dense, index);
	case ANY_UNIT:   return refuse(w, "a unit attribute");
	case ANY_ATTR:
	case ANY_VERBATIM:   return refuse_text(w, any);
	}
	return refuse(w, "such an attribute");
}

/* -- builtin --------------------------------------------------------------------------------------------- */

Ref builtin_string(Writer *w, const char *s)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, BUILTIN_STRING);
	tok_string(&w->pool, s);
	return attr_end(&w->pool, from, BUILTIN);
}

Ref builtin_dictionary(Writer *w, int n, const Named *item)
{
	Pool *p = &w->pool;
	int from = entry_begin(p);
	tok(p, TOK_VARINT, BUILTIN_DICTIONARY);
	tok(p, TOK_VARINT, (uint64_t)n);
	for (int i = 0; i < n; i++) {
		tok(p, TOK_ATTR, builtin_string(w, item[i].name));
		tok(p, TOK_ATTR, item[i].attr);
	}
	return attr_end(p, from, BUILTIN);
}

/* Integers say width and sign in one number: width << 2 | (0 signless, 2 unsigned). */
static Ref builtin_elem(Writer *w, DType t)
{
	int code = builtin_elem_code[t];
	if (code < 0) return refuse(w, dtype_name(t));
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, (uint64_t)code);
	if (code == BUILTIN_INTEGER_TYPE)
		tok(&w->pool, TOK_VARINT, (uint64_t)dtype_info(t)->nbits << 2 | (is_int(t) && is_unsigned(t) ? 2 : 0));
	if (code == BUILTIN_COMPLEX_TYPE) tok(&w->pool, TOK_TYPE, builtin_elem(w, real_of(t)));
	return type_end(&w->pool, from, BUILTIN);
}

static Ref builtin_tensor(Writer *w, const Type *t)
{
	if (t->kind != TYPE_TENSOR || t->quant || t->bound) return refuse(w, "such a type in a module attribute");
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, BUILTIN_TENSOR_TYPE);
	tok(&w->pool, TOK_VARINT, (uint64_t)t->rank);
	for (int i = 0; i < t->rank; i++) tok_signed(&w->pool, (uint64_t)(t->dim[i] < 0 ? DYNAMIC : t->dim[i]));
	tok(&w->pool, TOK_TYPE, builtin_elem(w, t->elem));
	return type_end(&w->pool, from, BUILTIN);
}

/* code, type, number */
static Ref builtin_number(Writer *w, DType t, uint64_t bits)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, is_float(t) ? BUILTIN_FLOAT : BUILTIN_INTEGER);
	tok(&w->pool, TOK_TYPE, builtin_elem(w, t));
	tok_bits(&w->pool, dtype_info(t)->nbits, bits);
	return attr_end(&w->pool, from, BUILTIN);
}

/* A number of any other type than those that an Any can be. */
static Ref builtin_other(Writer *w, const Dense *d)
{
	return d->type.index ? refuse(w, "a number of type index") : builtin_number(w, d->type.elem, number_bits(d));
}

static Ref builtin_float(Writer *w, DType t, double v)
{
	float f = (float)v;
	uint32_t single;
	uint64_t bits;
	memcpy(&single, &f, sizeof single);
	memcpy(&bits, &v, sizeof bits);
	return builtin_number(w, t, t == DTYPE_f32 ? single : bits);
}

static Ref builtin_wrap(Writer *w, enum Code_number code, TokKind kind, Ref inner)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, (uint64_t)code);
	if (inner) tok(&w->pool, kind, inner);
	return attr_end(&w->pool, from, BUILTIN);
}

static Ref builtin_items(Writer *w, const Any *any)
{
	Pool *p = &w->pool;
	int from = entry_begin(p);
	tok(p, TOK_VARINT, BUILTIN_ARRAY);
	tok(p, TOK_VARINT, (uint64_t)any->n);
	for (int i = 0; i < any->n; i++) tok(p, TOK_ATTR, builtin_any(w, &any->item[i]));
	return attr_end(p, from, BUILTIN);
}

static Ref builtin_dict(Writer *w, const Any *any)
{
	int *order = sorted_keys(&w->a, any->n, any->key);
	Named *item = NEW(&w->a, Named, any->n + 1);
	for (int i = 0; i < any->n; i++)
		item[i] = (Named){ any->key[order[i]], builtin_any(w, &any->item[order[i]]) };
	return builtin_dictionary(w, any->n, item);
}

Ref builtin_any(Writer *w, const Any *any)
{
	switch (any->kind) {
	case ANY_STR:    return builtin_string(w, any->str);
	case ANY_SYMBOL: return builtin_wrap(w, BUILTIN_SYMBOL, TOK_ATTR, builtin_string(w, any->str));
	case ANY_I64:    return builtin_number(w, DTYPE_i64, (uint64_t)any->i);
	case ANY_I32:    return builtin_number(w, DTYPE_i32, (uint64_t)any->i);
	case ANY_INT:    return builtin_number(w, any->elem, (uint64_t)any->i);
	case ANY_BOOL:   return builtin_number(w, DTYPE_bool, any->i != 0);
	case ANY_F32:    return builtin_float(w, DTYPE_f32, any->f);
	case ANY_F64:    return builtin_float(w, DTYPE_f64, any->f);
	case ANY_NUMBER: return builtin_other(w, any->dense);
	case ANY_UNIT:   return builtin_wrap(w, BUILTIN_UNIT, TOK_ATTR, 0);
	case ANY_TYPE:   return builtin_wrap(w, BUILTIN_TYPE, TOK_TYPE, builtin_tensor(w, any->type));
	case ANY_ARRAY:  return builtin_items(w, any);
	case ANY_DICT:   return builtin_dict(w, any);
	case ANY_ATTR:
	case ANY_VERBATIM:   return refuse_text(w, any);
	default:         return refuse(w, "a tensor in a module attribute");
	}
}
