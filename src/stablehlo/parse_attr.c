/* Attributes that stand by themselves (mlir/lib/AsmParser/AttributeParser.cpp). */
#include "stablehlo/parse.h"

#include <stdlib.h>

/* -- numbers --------------------------------------------------------------------------------------------- */

/* A number as the Any of its type. */
static void set_number(Parse *p, Type t, const uint8_t *bytes, Any *out)
{
	if (t.elem == DTYPE_i64 && !t.index) *out = (Any){ ANY_I64, { .i = dtype_load_int(t.elem, bytes) } };
	else if (t.elem == DTYPE_i32) *out = (Any){ ANY_I32, { .i = dtype_load_int(t.elem, bytes) } };
	else if (t.elem == DTYPE_bool) *out = (Any){ ANY_BOOL, { .i = *bytes != 0 } };
	else if (is_int(t.elem) && !t.index) *out = (Any){ ANY_INT, { .i = dtype_load_int(t.elem, bytes), .elem = t.elem } };
	else if (t.elem == DTYPE_f32) *out = (Any){ ANY_F32, { .f = dtype_load(t.elem, bytes, 0) } };
	else if (t.elem == DTYPE_f64) *out = (Any){ ANY_F64, { .f = dtype_load(t.elem, bytes, 0) } };
	else {
		Dense *d = NEW(p->a, Dense, 1);
		t.kind = TYPE_TENSOR;
		*d = (Dense){ .type = t, .nbytes = dtype_nbytes(t.elem) };
		d->data = COPY(p->a, uint8_t, bytes, d->nbytes);
		*out = (Any){ ANY_NUMBER, { .dense = d } };
	}
}

/* -1 : i32; the type is i64 or f64 unless it is said. */
static bool parse_number(Parse *p, Any *out)
{
	const char *from = p->tok.s;
	uint8_t bytes[16];
	take(p, '-');
	Type t = { .kind = TYPE_ELEMENT, .elem = p->tok.kind == T_FLOAT ? DTYPE_f64 : DTYPE_i64 };
	if (p->tok.kind != T_INT && p->tok.kind != T_FLOAT) return unexpected(p, "a number");
	const char *end = p->at;
	advance(p);
	if (take(p, ':')) {
		const char *at = p->tok.s;
		if (!parse_type(p, &t)) return false;
		if (t.kind != TYPE_ELEMENT || t.quant || is_complex(t.elem))
			return wrong(p, at, BAD_INPUT, "a number of type %s, wanted an integer or float type", type_str(&p->scratch, t));
		end = p->behind;
	}
	go_to(p, from);
	if (!parse_element(p, t, bytes)) return false;
	p->at = end;
	advance(p);
	set_number(p, t, bytes, out);
	return true;
}

/* -- lists ----------------------------------------------------------------------------------------------- */

static bool parse_items(Parse *p, Any *out)
{
	int from = p->any.n;
	advance(p);
	while (p->tok.kind != ']') {
		Any item;
		if (!parse_any(p, &item)) return false;
		*push(&p->scratch, &p->any) = item;
		if (!take(p, ',')) break;
	}
	*out = (Any){ .kind = ANY_ARRAY };
	out->n = p->any.n - from;
	out->item = COPY(p->a, Any, p->any.v + from, out->n);
	p->any.n = from;
	return want(p, ']');
}

bool parse_member(Parse *p, Member *out)
{
	*out = (Member){ .value = { .kind = ANY_UNIT } };
	return parse_key(p, &out->key) && (!take(p, '=') || parse_any(p, &out->value));
}

static int by_key(const void *x, const void *y) { return strcmp(((const Member *)x)->key, ((const Member *)y)->key); }

/* As MLIR has them. False: two have one name, which is told. */
static bool sort_members(Parse *p, Member *m, int n)
{
	int i = 1;
	while (i < n && by_key(&m[i - 1], &m[i]) < 0) i++;
	if (i < n) qsort(m, (size_t)n, sizeof *m, by_key);
	for (i = 1; i < n; i++)
		if (!by_key(&m[i - 1], &m[i]))
			return wrong(p, p->tok.s, BAD_INPUT, "two attributes '%s' in the dictionary before", m[i].key);
	return true;
}

bool take_members(Parse *p, int from, Any *out)
{
	int n = p->member.n - from;
	Member *m = p->member.v + from;
	const char **key = NEW(p->a, const char *, n);
	if (n > MAX_KEYS) return wrong(p, p->tok.s, UNSUPPORTED, "a dictionary of %d members, and at most %d are read", n, MAX_KEYS);
	if (!sort_members(p, m, n)) return false;
	Any *item = NEW(p->a, Any, n);
	for (int i = 0; i < n; i++) {
		key[i] = m[i].key;
		item[i] = m[i].value;
	}
	p->member.n = from;
	*out = (Any){ .kind = ANY_DICT };
	out->n = n;
	out->sorted = true;
	out->key = key;
	out->item = item;
	return true;
}

bool parse_dict(Parse *p, Any *out)
{
	int from = p->member.n;
	if (!want(p, '{')) return false;
	while (p->tok.kind != '}') {
		Member m;
		if (!parse_member(p, &m)) return false;
		*push(&p->scratch, &p->member) = m;
		if (!take(p, ',')) break;
	}
	return want(p, '}') && take_members(p, from, out);
}

/* -- aliases and what other dialects have ---------------------------------------------------------------- */

const Alias *find_alias(Parse *p, bool is_type)
{
	Token t = p->tok;
	int i = map_get(&p->alias, t.s, t.n);
	if (i < 0) return wrong(p, t.s, BAD_INPUT, "no alias %s is defined before", shown(p, t)), NULL;
	const Alias *alias = &p->aliased.v[i];
	if (alias->is_type != is_type) return unexpected(p, is_type ? "a type" : "an attribute"), NULL;
	p->spent += alias->weight;
	if (p->spent > p->budget)
		return wrong(p, t.s, BAD_INPUT, "aliases that are used over and over stand for too large a module"), NULL;
	advance(p);
	return alias;
}

bool parse_text(Parse *p, const char *from, const char *to, Any *out)
{
	size_t n = (size_t)(to - from);
	if (memchr(from, 0, n)) return wrong(p, from, UNSUPPORTED, "an attribute with a NUL in it");
	*out = (Any){ .kind = ANY_VERBATIM };
	out->str = arena_str(p->a, from, n);
	p->at = to;
	advance(p);
	return true;
}

/* #sdy.sharding<@mesh, [{"x"}]> or #x */
static bool parse_hash(Parse *p, Any *out)
{
	Token t = p->tok;
	bool bracket = p->at < p->end && *p->at == '<';
	if (t.n >= 10 && !memcmp(t.s, "#stablehlo", 10) && (t.n == 10 ? bracket : t.s[10] == '.')) return parse_dialect_attr(p, out);
	if (bracket || memchr(t.s, '.', t.n)) {
		const char *end = bracket ? past_brackets(p, p->at) : p->at;
		return end && parse_text(p, t.s, end, out);
	}
	const Alias *alias = find_alias(p, false);
	if (alias) *out = alias->any;
	return alias != NULL;
}

/* @f; @f::@g stays as it is written. */
static bool parse_reference(Parse *p, Any *out)
{
	const char *from = p->tok.s;
	*out = (Any){ .kind = ANY_SYMBOL };
	if (!parse_symbol(p, &out->str)) return false;
	if (p->tok.kind != T_SCOPE) return true;
	while (take(p, T_SCOPE))
		if (!want(p, T_SYMBOL)) return false;
	return parse_text(p, from, p->behind, out);
}

/* (i32) -> f32, as it is written */
static bool parse_function_type(Parse *p, Any *out)
{
	const char *from = p->tok.s;
	int types = p->type.n;
	bool ok = want(p, '(') && parse_type_list(p, ')') && want(p, T_ARROW) && parse_results(p);
	p->type.n = types;
	return ok && parse_text(p, from, p->behind, out);
}

static bool parse_type_attr(Parse *p, Any *out)
{
	Type t;
	if (p->tok.kind == T_BANG && memchr(p->tok.s, '.', p->tok.n) && !begins(p->tok, "!stablehlo.") && !begins(p->tok, "!quant.")) {
		const char *from = p->tok.s, *end = p->at < p->end && *p->at == '<' ? past_brackets(p, p->at) : p->at;
		return end && parse_text(p, from, end, out);
	}
	if (!parse_type(p, &t)) return false;
	*out = (Any){ .kind = ANY_TYPE };
	out->type = COPY(p->a, Type, &t, 1);
	return true;
}

/* -- any ------------------------------------------------------------------------------------------------- */

static bool parse_word_attr(Parse *p, Any *out)
{
	if (is_word(p, "true") || is_word(p, "false")) {
		*out = (Any){ ANY_BOOL, { .i = is_word(p, "true") } };
		advance(p);
		return true;
	}
	if (take_word(p, "unit")) {
		*out = (Any){ .kind = ANY_UNIT };
		return true;
	}
	if (is_word(p, "dense") || is_word(p, "dense_resource")) {
		*out = (Any){ .kind = ANY_DENSE };
		return parse_dense(p, &out->dense);
	}
	if (is_word(p, "array")) {
		*out = (Any){ .kind = ANY_NUMBERS };
		return parse_array(p, &out->dense);
	}
	if (begins_type(p)) return parse_type_attr(p, out);
	return wrong(p, p->tok.s, UNSUPPORTED, "found %s, wanted an attribute that a module of ours can have", shown(p, p->tok));
}

static bool parse_plain(Parse *p, Any *out)
{
	switch (p->tok.kind) {
	case T_STRING:
		*out = (Any){ .kind = ANY_STR };
		return parse_string(p, &out->str);
	case T_INT:
	case T_FLOAT:
	case '-':      return parse_number(p, out);
	case '[':      return parse_items(p, out);
	case '{':      return parse_dict(p, out);
	case '(':      return parse_function_type(p, out);
	case T_SYMBOL: return parse_reference(p, out);
	case T_HASH:   return parse_hash(p, out);
	case T_BANG:   return parse_type_attr(p, out);
	case T_WORD:   return parse_word_attr(p, out);
	default:       return unexpected(p, "an attribute");
	}
}

bool parse_any(Parse *p, Any *out)
{
	if (!nest_in(p)) return false;
	bool ok = parse_plain(p, out);
	nest_out(p);
	return ok;
}
