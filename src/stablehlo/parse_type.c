/* Types (print_type.c; mlir/lib/AsmParser/TypeParser.cpp). */
#include "stablehlo/parse.h"

bool nest_in(Parse *p)
{
	if (p->nest == MAX_NEST)
		return wrong(p, p->tok.s, BAD_INPUT, "attributes or types nest deeper than %d", MAX_NEST);
	p->nest++;
	return true;
}

void nest_out(Parse *p) { p->nest--; }

/* -- element types --------------------------------------------------------------------------------------- */

static DType dtype_spelled(const char *s, size_t n)
{
	for (int t = 1; t < NDTYPES; t++) {
		const char *name = dtype_name((DType)t);
		if (*name == *s && strlen(name) == n && !memcmp(name, s, n)) return (DType)t;
	}
	return DTYPE_none;
}

/* complex<f32> */
static DType parse_complex(Parse *p)
{
	advance(p);
	if (!want(p, '<')) return DTYPE_none;
	const char *at = p->tok.s;
	DType part = parse_elem(p);
	if (part && part != DTYPE_f32 && part != DTYPE_f64)
		wrong(p, at, UNSUPPORTED, "complex<%s>, wanted complex<f32> or complex<f64>", dtype_name(part));
	return want(p, '>') ? complex_of(part) : DTYPE_none;
}

DType parse_elem(Parse *p)
{
	if (is_word(p, "complex")) return parse_complex(p);
	DType t = p->tok.kind == T_WORD ? dtype_spelled(p->tok.s, p->tok.n) : DTYPE_none;
	if (!t) return unexpected(p, "an element type"), DTYPE_none;
	advance(p);
	return t;
}

/* i8, u8 or ui8 */
static bool parse_storage(Parse *p, DType *out, bool *ui)
{
	Token t = p->tok;
	bool is_u = t.kind == T_WORD && *t.s == 'u';
	size_t skip = is_u && t.n > 1 && t.s[1] == 'i' ? 2 : 1;
	for (int i = 1; t.kind == T_WORD && i < NDTYPES; i++) {
		const char *name = dtype_name((DType)i);
		name += *name == 'u';
		bool same = *name == 'i' && strlen(name + 1) == t.n - skip && !memcmp(name + 1, t.s + skip, t.n - skip);
		if (same && is_int((DType)i) && is_unsigned((DType)i) == is_u && (is_u || *t.s == 'i')) *out = (DType)i;
	}
	*ui = skip == 2;
	if (!*out) return unexpected(p, "an integer type that stores quantized values");
	advance(p);
	return true;
}

/* <-127:127>, or the type's own range. */
static bool parse_range(Parse *p, Quant *q)
{
	int n = dtype_info(q->storage)->nbits;
	bool u = is_unsigned(q->storage);
	q->storage_max = n >= 64 ? INT64_MAX : ((int64_t)1 << (u ? n : n - 1)) - 1;
	q->storage_min = u ? 0 : -q->storage_max - 1;
	if (!take(p, '<')) return true;
	return parse_int(p, &q->storage_min) && want(p, ':') && parse_int(p, &q->storage_max) && want(p, '>');
}

/* 1.000000e-01:3 */
static bool parse_scale(Parse *p, double *scale, int64_t *zero)
{
	*zero = 0;
	return parse_double(p, scale) && (!take(p, ':') || parse_int(p, zero));
}

/* {1.000000e-01:3, 2.000000e-01}; on p->number as bits. */
static bool parse_scales(Parse *p, Quant *q)
{
	int from = p->number.n;
	double scale;
	int64_t zero, bits;
	if (!want(p, '{')) return false;
	do {
		if (!parse_scale(p, &scale, &zero)) return false;
		memcpy(&bits, &scale, sizeof bits);
		*push(&p->scratch, &p->number) = bits;
		*push(&p->scratch, &p->number) = zero;
	} while (take(p, ','));
	q->n = (p->number.n - from) / 2;
	double *scales = NEW(p->a, double, q->n);
	int64_t *zeros = NEW(p->a, int64_t, q->n);
	for (int i = 0; i < q->n; i++) {
		memcpy(&scales[i], &p->number.v[from + 2 * i], sizeof *scales);
		zeros[i] = p->number.v[from + 2 * i + 1];
	}
	p->number.n = from;
	q->scale = scales;
	q->zero_point = zeros;
	return want(p, '}');
}

/* The axis, or -1 */
static bool parse_axis(Parse *p, Quant *q)
{
	int64_t axis;
	const char *at = p->tok.s;
	if (!take(p, ':')) return true;
	if (p->tok.kind == '{') return wrong(p, at, UNSUPPORTED, "quantization per block of several axes");
	if (!parse_int(p, &axis)) return false;
	if (axis < 0 || axis > INT32_MAX) return wrong(p, at, BAD_INPUT, "a quantized type with axis %lld", (long long)axis);
	q->axis = (int)axis;
	return true;
}

/* !quant.uniform<i8<-127:127>:f32:1, {1.000000e-01:3, 2.000000e-01}> */
static bool parse_quant(Parse *p, Type *out)
{
	Quant q = { .axis = -1, .n = 1 };
	advance(p);
	if (!want(p, '<') || !parse_storage(p, &q.storage, &q.ui) || !parse_range(p, &q) || !want(p, ':')) return false;
	q.expressed = parse_elem(p);
	if (!q.expressed || !parse_axis(p, &q) || !want(p, ',')) return false;
	if (q.axis < 0) {
		double scale;
		int64_t zero;
		if (!parse_scale(p, &scale, &zero)) return false;
		q.scale = COPY(p->a, double, &scale, 1);
		q.zero_point = COPY(p->a, int64_t, &zero, 1);
	} else if (!parse_scales(p, &q)) {
		return false;
	}
	*out = (Type){ .kind = TYPE_ELEMENT, .elem = q.storage, .quant = COPY(p->a, Quant, &q, 1) };
	return want(p, '>');
}

/* -- tensors --------------------------------------------------------------------------------------------- */

static const char *past_spaces(const Parse *p, const char *s)
{
	while (s < p->end && *s == ' ') s++;
	return s;
}

/* 2x?x4x, on p->number. By characters: to the lexer x4x would be a word. */
static bool parse_sizes(Parse *p)
{
	const char *s = p->tok.s;
	int from = p->number.n;
	while (s < p->end && (*s == '?' || (*s >= '0' && *s <= '9'))) {
		int64_t v = *s == '?' ? DYNAMIC : 0;
		bool fits = true;
		const char *at = s;
		for (; v >= 0 && s < p->end && *s >= '0' && *s <= '9'; s++)
			fits = fits && !__builtin_mul_overflow(v, 10, &v) && !__builtin_add_overflow(v, *s - '0', &v);
		s = past_spaces(p, v == DYNAMIC ? s + 1 : s);
		if (!fits) return wrong(p, at, BAD_INPUT, "a size that does not fit 63 bits");
		if (s == p->end || *s != 'x') return wrong(p, s, BAD_INPUT, "wanted 'x' behind a size");
		if (p->number.n - from == MAX_RANK) return wrong(p, at, UNSUPPORTED, "a tensor of rank over %d", MAX_RANK);
		*push(&p->scratch, &p->number) = v;
		s = past_spaces(p, s + 1);
	}
	go_to(p, s);
	return true;
}

/* The sizes of the bounds, with ? where there is none; on p->number. */
static bool parse_bounds(Parse *p, int close)
{
	do {
		int64_t *v = push(&p->scratch, &p->number);
		*v = DYNAMIC;
		if (!take(p, '?') && !parse_int(p, v)) return false;
	} while (take(p, ','));
	return want(p, close);
}

/* #stablehlo.bounds<4, ?> or #stablehlo.type_extensions<bounds = [4, ?]> */
static bool parse_encoding(Parse *p, Type *t)
{
	Token at = p->tok;
	int from = p->number.n;
	bool bounds = spells(at, "#stablehlo.bounds"), extensions = spells(at, "#stablehlo.type_extensions");
	if (at.kind != T_HASH || (!bounds && !extensions))
		return wrong(p, at.s, UNSUPPORTED, "a tensor with %s, wanted #stablehlo.bounds", shown(p, at));
	advance(p);
	if (!want(p, '<')) return false;
	if (extensions && !(want_field(p, "bounds") && want(p, '['))) return false;
	if (!parse_bounds(p, extensions ? ']' : '>') || (extensions && !want(p, '>'))) return false;
	if (p->number.n - from != t->rank)
		return wrong(p, at.s, BAD_INPUT, "%d bounds of a tensor of rank %d", p->number.n - from, t->rank);
	t->bound = take_ints(p, from).v;
	return true;
}

static bool parse_shaped(Parse *p, TypeKind kind, Type *out)
{
	Type elem;
	int from = p->number.n;
	advance(p);
	if (!want(p, '<')) return false;
	if (p->tok.kind == '*') return wrong(p, p->tok.s, UNSUPPORTED, "a tensor without rank, wanted sizes or '?'");
	if (!parse_sizes(p)) return false;
	Ints dim = take_ints(p, from);
	const char *at = p->tok.s;
	if (!parse_type(p, &elem)) return false;
	if (elem.kind != TYPE_ELEMENT)
		return wrong(p, at, BAD_INPUT, "a tensor of %s, wanted an element type", type_str(&p->scratch, elem));
	*out = elem;
	out->kind = kind;
	out->rank = dim.n;
	out->dim = dim.v;
	if (take(p, ',') && !parse_encoding(p, out)) return false;
	return want(p, '>');
}

/* The end of a tensor<...> that holds no other type, at the token; NULL: it does. */
static const char *simple_end(const Parse *p)
{
	enum { LONGEST = 80 };
	const char *s = p->tok.s + 6, *end = p->end - s > LONGEST ? s + LONGEST : p->end;
	if (s == end || *s++ != '<') return NULL;
	while (s < end && *s != '<' && *s != '>' && *s != '"' && *s != '/') s++;
	return s < end && *s == '>' ? s + 1 : NULL;
}

/* Most types of a module have been there before. */
static bool parse_tensor(Parse *p, Type *out)
{
	const char *from = p->tok.s, *end = simple_end(p);
	int known = end ? map_get(&p->type_text, from, (size_t)(end - from)) : -1;
	if (known >= 0) {
		*out = p->known.v[known];
		p->at = end;
		advance(p);
		return true;
	}
	if (!parse_shaped(p, TYPE_TENSOR, out)) return false;
	if (!end) return true;
	map_set(&p->type_text, from, (size_t)(end - from), p->known.n);
	*push(&p->scratch, &p->known) = *out;
	return true;
}

/* -- types of types -------------------------------------------------------------------------------------- */

bool parse_type_list(Parse *p, int close)
{
	if (take(p, close)) return true;
	do {
		Type t;
		if (!parse_type(p, &t)) return false;
		*push(&p->scratch, &p->type) = t;
	} while (take(p, ','));
	return want(p, close);
}

bool parse_results(Parse *p)
{
	Type t;
	if (take(p, '(')) return parse_type_list(p, ')');
	if (!parse_type(p, &t)) return false;
	*push(&p->scratch, &p->type) = t;
	return true;
}

/* <types> */
static bool parse_parts(Parse *p, TypeKind kind, Type *out)
{
	int from = p->type.n;
	advance(p);
	if (!nest_in(p)) return false;
	if (!want(p, '<') || !parse_type_list(p, '>')) return false;
	nest_out(p);
	int n = p->type.n - from;
	*out = (Type){ .kind = kind, .npart = n, .part = COPY(p->a, Type, p->type.v + from, n) };
	p->type.n = from;
	return true;
}

static bool parse_dialect_type(Parse *p, Type *out)
{
	Token t = p->tok;
	if (spells(t, "!stablehlo.future")) return parse_parts(p, TYPE_FUTURE, out);
	if (spells(t, "!quant.uniform")) return parse_quant(p, out);
	if (spells(t, "!stablehlo.token")) {
		advance(p);
		*out = token_type();
		return true;
	}
	if (memchr(t.s, '.', t.n)) return wrong(p, t.s, UNSUPPORTED, "type %s, wanted one of StableHLO", shown(p, t));
	const Alias *alias = find_alias(p, true);
	if (!alias) return false;
	*out = alias->type;
	return true;
}

static bool parse_word_type(Parse *p, Type *out)
{
	if (is_word(p, "tuple")) return parse_parts(p, TYPE_TUPLE, out);
	if (is_word(p, "memref")) return parse_shaped(p, TYPE_BUFFER, out);
	if (is_word(p, "none")) {
		advance(p);
		*out = (Type){ 0 };
		return true;
	}
	if (is_word(p, "vector")) return wrong(p, p->tok.s, UNSUPPORTED, "type 'vector', wanted one of StableHLO");
	*out = (Type){ .kind = TYPE_ELEMENT, .elem = DTYPE_i64, .index = is_word(p, "index") };
	if (take_word(p, "index")) return true;
	if (!begins_type(p)) return unexpected(p, "a type");
	out->elem = parse_elem(p);
	return !failed(p);
}

bool begins_type(const Parse *p)
{
	static const char *const word[] = { "tensor", "memref", "tuple", "none", "index", "complex", "vector" };
	if (p->tok.kind != T_WORD) return p->tok.kind == T_BANG;
	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (is_word(p, word[i])) return true;
	return dtype_spelled(p->tok.s, p->tok.n) != DTYPE_none;
}

bool parse_type(Parse *p, Type *out)
{
	if (is_word(p, "tensor")) return parse_tensor(p, out);
	if (p->tok.kind == T_BANG) return parse_dialect_type(p, out);
	if (p->tok.kind == '(') return wrong(p, p->tok.s, BAD_INPUT, "a function's type, wanted that of a value");
	return p->tok.kind == T_WORD ? parse_word_type(p, out) : unexpected(p, "a type");
}

bool parse_tensor_type(Parse *p, Type *out)
{
	const char *at = p->tok.s;
	if (!parse_type(p, out)) return false;
	return out->kind == TYPE_TENSOR || wrong(p, at, BAD_INPUT, "%s, wanted a tensor", type_str(&p->scratch, *out));
}
