/* Constants: dense<...> in every spelling, array<...>, and the elements that stand at the file's end (print_dense.c). */
#include "stablehlo/parse.h"

#include <math.h>

/* -- elements -------------------------------------------------------------------------------------------- */

static void store_bits(uint8_t *out, uint64_t v, size_t nbytes)
{
	for (size_t i = 0; i < nbytes; i++) out[i] = (uint8_t)(v >> (8 * i));
}

static bool parse_int_element(Parse *p, Type t, uint8_t *out)
{
	const char *at = p->tok.s;
	int n = dtype_info(t.elem)->nbits;
	bool u = is_unsigned(t.elem) && t.elem != DTYPE_bool, minus = take(p, '-');
	uint64_t v, sign = (uint64_t)1 << (n - 1);
	if (p->tok.kind != T_INT) return unexpected(p, "an integer");
	bool fits = int_bits(p->tok, &v);
	fits = fits && (minus ? v <= sign && !(u && v) : n == 64 ? !t.index || v < sign : v >> n == 0);
	if (!fits) return wrong(p, at, BAD_INPUT, "%s%s does not fit %s", minus ? "minus " : "", shown(p, p->tok),
		t.index ? "index" : dtype_name(t.elem));
	if (minus) v = -v;
	if (n < 8 && !u && t.elem != DTYPE_bool) v = (uint64_t)((int64_t)(v << (64 - n)) >> (64 - n));
	store_bits(out, v, dtype_nbytes(t.elem));
	if (t.elem == DTYPE_bool) *out &= 1;
	advance(p);
	return true;
}

/* To the nearest power of two; halfway, up. */
static uint8_t e8m0_bits(double v)
{
	int e;
	if (!(v >= 0) || isinf(v)) return 0xff;
	if (v == 0) return 0;
	if (frexp(v, &e) >= 0.75) e++;
	return (uint8_t)(e + 126 < 0 ? 0 : e + 126 > 0xff ? 0xff : e + 126);
}

/* A decimal becomes a double first, as in MLIR; a hexadecimal integer is the bits. */
static bool parse_float_element(Parse *p, DType t, uint8_t *out)
{
	const char *at = p->tok.s;
	bool minus = take(p, '-');
	int n = dtype_info(t)->nbits;
	uint64_t v;
	if (p->tok.kind == T_FLOAT) {
		double d = double_of(p, p->tok);
		if (t == DTYPE_f8e8m0fnu) *out = e8m0_bits(minus ? -d : d);
		else dtype_store(t, out, 0, minus ? -d : d);
	} else {
		if (p->tok.kind != T_INT || !is_hex(p->tok) || minus)
			return wrong(p, at, BAD_INPUT, "found %s%s, wanted a float with a point, or its bits as 0x...", minus ? "minus " : "",
				shown(p, p->tok));
		if (!int_bits(p->tok, &v) || (n < 64 && v >> n)) return wrong(p, at, BAD_INPUT, "%s has more bits than %s", shown(p, p->tok),
			dtype_name(t));
		store_bits(out, v, dtype_nbytes(t));
	}
	advance(p);
	return true;
}

bool parse_element(Parse *p, Type t, uint8_t *out)
{
	DType part = real_of(t.elem);
	if (is_complex(t.elem))
		return want(p, '(') && parse_float_element(p, part, out) && want(p, ',')
		    && parse_float_element(p, part, out + dtype_nbytes(part)) && want(p, ')');
	if (is_float(t.elem)) return parse_float_element(p, t.elem, out);
	if (t.elem == DTYPE_bool && (is_word(p, "true") || is_word(p, "false"))) {
		*out = is_word(p, "true");
		advance(p);
		return true;
	}
	return parse_int_element(p, t, out);
}

/* -- dense ----------------------------------------------------------------------------------------------- */

/* [[1, 2], [3, 4]]: the elements under dimension `level`. */
static bool parse_nested(Parse *p, const Type *t, int level, uint8_t **out)
{
	if (level == t->rank) {
		if (!parse_element(p, *t, *out)) return false;
		*out += dtype_nbytes(t->elem);
		return true;
	}
	if (!want(p, '[')) return false;
	for (int64_t i = 0; i < t->dim[level]; i++)
		if ((i && !want(p, ',')) || !parse_nested(p, t, level + 1, out)) return false;
	return want(p, ']');
}

/* Bytes as they lie in memory: of all elements, or of one that all are; i1 also eight to a byte. */
static bool set_bytes(Parse *p, Token literal, Dense *d)
{
	DType t = d->type.elem;
	int64_t numel = type_numel(d->type), n = hex_nbytes(literal), each = (int64_t)dtype_nbytes(t), nbits = dtype_info(t)->nbits;
	bool packed = t == DTYPE_bool && n != numel && n != 1 && n == (numel + 7) / 8;
	if (n < 0) return wrong(p, literal.s, BAD_INPUT, "found %s, wanted \"0x...\" in hexadecimal", shown(p, literal));
	if (!packed && n != each && (n % each || n / each != numel))
		return wrong(p, literal.s, BAD_INPUT, "%lld bytes for %s", (long long)n, type_str(&p->scratch, d->type));
	uint8_t *bytes = NEW(p->a, uint8_t, n), *out = packed ? NEW(p->a, uint8_t, numel) : bytes;
	hex_bytes(literal, bytes);
	for (int64_t i = 0; packed && i < numel; i++) out[i] = bytes[i / 8] >> (i % 8) & 1;
	for (int64_t i = 0; !packed && nbits < 8 && i < n; i++) {
		uint8_t v = (uint8_t)(bytes[i] << (8 - nbits));
		out[i] = t == DTYPE_bool ? bytes[i] != 0 : is_int(t) && !is_unsigned(t) ? (uint8_t)((int8_t)v >> (8 - nbits)) : v >> (8 - nbits);
	}
	d->nbytes = (size_t)(packed ? numel : n);
	d->data = out;
	d->splat = numel != 1 && d->nbytes == (size_t)each;
	return true;
}

/* At a literal of n characters, each element of which takes one at least. */
static bool set_elements(Parse *p, size_t n, Dense *d)
{
	size_t each = dtype_nbytes(d->type.elem);
	int64_t numel = type_numel(d->type);
	bool list = p->tok.kind == '[';
	if (p->tok.kind == '>' && !numel) return true;
	if (list && (uint64_t)numel > n)
		return wrong(p, p->tok.s, BAD_INPUT, "too few elements for %s", type_str(&p->scratch, d->type));
	uint8_t *data = NEW(p->a, uint8_t, list ? (size_t)numel * each : each), *out = data;
	d->data = data;
	if (list) {
		d->nbytes = (size_t)numel * each;
		return parse_nested(p, &d->type, 0, &out);
	}
	d->splat = numel != 1;
	d->nbytes = each;
	return parse_element(p, d->type, data);
}

static bool elements_type(Parse *p, Dense *d)
{
	const char *at = p->tok.s;
	if (!parse_tensor_type(p, &d->type)) return false;
	bool fits = is_static(d->type) && type_numel(d->type) < INT64_MAX / 16 && !d->type.quant;
	return fits || wrong(p, at, BAD_INPUT, "elements of %s", type_str(&p->scratch, d->type));
}

/* The type stands behind the elements. */
static bool parse_literal(Parse *p, Dense *d)
{
	Token first = p->tok;
	const char *end = first.kind == T_STRING ? p->at : memchr(first.s, '>', (size_t)(p->end - first.s));
	if (!end) return wrong(p, first.s, BAD_INPUT, "elements without their '>'");
	go_to(p, end);
	if (!want(p, '>') || !want(p, ':') || !elements_type(p, d)) return false;
	if (first.kind == T_STRING) return set_bytes(p, first, d);
	const char *after = p->tok.s;
	go_to(p, first.s);
	if (!set_elements(p, (size_t)(end - first.s), d)) return false;
	if (p->tok.kind != '>') return unexpected(p, "'>'");
	go_to(p, after);
	return true;
}

/* dense_resource<name> : type */
static bool parse_reference(Parse *p, Dense *d)
{
	Resource r = { .at = p->tok.s, .dense = d };
	if (!parse_key(p, &r.name) || !want(p, '>') || !want(p, ':') || !elements_type(p, d)) return false;
	*push(&p->scratch, &p->resource) = r;
	return true;
}

bool parse_dense(Parse *p, const Dense **out)
{
	Dense *d = NEW(p->a, Dense, 1);
	*out = d;
	bool elsewhere = is_word(p, "dense_resource");
	advance(p);
	return want(p, '<') && (elsewhere ? parse_reference(p, d) : parse_literal(p, d));
}

/* -- array ----------------------------------------------------------------------------------------------- */

bool parse_array(Parse *p, const Dense **out)
{
	int from = p->number.n;
	advance(p);
	if (!want(p, '<')) return false;
	const char *at = p->tok.s;
	Type t = { .kind = TYPE_ELEMENT, .elem = parse_elem(p) };
	if (failed(p)) return false;
	size_t each = dtype_nbytes(t.elem);
	if (each > 8 || is_complex(t.elem)) return wrong(p, at, BAD_INPUT, "an array of %s", dtype_name(t.elem));
	if (take(p, ':')) {
		do {
			uint8_t bytes[8] = { 0 };
			if (!parse_element(p, t, bytes)) return false;
			memcpy(push(&p->scratch, &p->number), bytes, sizeof bytes);
		} while (take(p, ','));
	}
	int64_t n = p->number.n - from;
	uint8_t *data = NEW(p->a, uint8_t, (size_t)n * each);
	for (int64_t i = 0; i < n; i++) memcpy(data + (size_t)i * each, &p->number.v[from + i], each);
	p->number.n = from;
	Dense *d = NEW(p->a, Dense, 1);
	*d = (Dense){ .type = tensor_type(p->a, t.elem, 1, &n), .data = data, .nbytes = (size_t)n * each };
	*out = d;
	return want(p, '>');
}

/* -- resources ------------------------------------------------------------------------------------------- */

/* The string has the alignment, four bytes, then the elements. */
static bool set_resource(Parse *p, const Resource *r, Token blob)
{
	Type t = r->dense->type;
	int64_t numel = type_numel(t), n = hex_nbytes(blob), each = (int64_t)dtype_nbytes(t.elem);
	if (n < 4 || n - 4 != numel * each)
		return wrong(p, blob.s, BAD_INPUT, "resource %s has %lld bytes, and %s wants %lld", r->name, (long long)n - 4,
			type_str(&p->scratch, t), (long long)(numel * each));
	uint8_t *bytes = NEW(p->a, uint8_t, n);
	hex_bytes(blob, bytes);
	r->dense->data = bytes + 4;
	r->dense->nbytes = (size_t)(n - 4);
	return true;
}

/* name: "0x...", ...}; each resource is settled once, where the first of its name is. */
static bool parse_blobs(Parse *p)
{
	Map place = { .arena = &p->scratch };
	VEC(Token) blob = { 0 };
	while (p->tok.kind != '}') {
		const char *name;
		if (!parse_key(p, &name) || !want(p, ':')) return false;
		map_set(&place, name, strlen(name), blob.n);
		*push(&p->scratch, &blob) = p->tok;
		if (!want(p, T_STRING)) return false;
		if (!take(p, ',')) break;
	}
	for (int i = 0; i < p->resource.n; i++) {
		Resource *r = &p->resource.v[i];
		int at = map_get(&place, r->name, strlen(r->name));
		if (at < 0 || r->dense->data) continue;
		p->spent += blob.v[at].n;
		if (p->spent > p->budget) return wrong(p, r->at, BAD_INPUT, "resources that are used over and over stand for too large a module");
		if (!set_resource(p, r, blob.v[at])) return false;
	}
	return want(p, '}');
}

static bool skip_braces(Parse *p)
{
	const char *end = p->tok.kind == '{' ? past_brackets(p, p->tok.s) : NULL;
	if (!end) return unexpected(p, "'{'");
	p->at = end;
	advance(p);
	return true;
}

/* {-# dialect_resources: { builtin: { name: "0x..." } } #-}; what others keep there is none of ours. */
bool parse_resources(Parse *p)
{
	advance(p);
	do {
		bool ours = is_word(p, "dialect_resources");
		if (!want(p, T_WORD) || !want(p, ':')) return false;
		if (!ours && !skip_braces(p)) return false;
		if (ours && !want(p, '{')) return false;
		while (ours && p->tok.kind != '}') {
			bool builtin = is_word(p, "builtin");
			if (!want(p, T_WORD) || !want(p, ':')) return false;
			if (builtin ? !want(p, '{') || !parse_blobs(p) : !skip_braces(p)) return false;
			if (!take(p, ',')) break;
		}
		if (ours && !want(p, '}')) return false;
	} while (take(p, ','));
	return want(p, T_META_END);
}

bool resources_there(Parse *p)
{
	for (int i = 0; i < p->resource.n; i++)
		if (!p->resource.v[i].dense->data)
			return wrong(p, p->resource.v[i].at, BAD_INPUT, "no resource '%s' at the end of the text", p->resource.v[i].name);
	return true;
}
