/* Attributes of the StableHLO dialect (StablehloAttrs.td, StablehloOps.cpp). */
#include "stablehlo/parse.h"

#include "stablehlo/bytecode.h"   /* parts_of */

/* -- structs --------------------------------------------------------------------------------------------- */

static void *struct_new(Parse *p, AttrKind kind)
{
	switch (kind) {
	case KIND_CONV_DIMS:     return NEW(p->a, ConvDims, 1);
	case KIND_DOT_DIMS:      return NEW(p->a, DotDims, 1);
	case KIND_DOT_ALGORITHM: return NEW(p->a, DotAlgorithm, 1);
	case KIND_GATHER_DIMS:   return NEW(p->a, GatherDims, 1);
	default:                 return NEW(p->a, ScatterDims, 1);
	}
}

static bool parse_bool(Parse *p, bool *out)
{
	*out = is_word(p, "true");
	return take_word(p, "true") || take_word(p, "false") || unexpected(p, "'true' or 'false'");
}

static bool parse_part(Parse *p, const Part *part, char *at)
{
	int from = p->number.n;
	int64_t i = 0;
	DType t = DTYPE_none;
	bool b = false;
	switch (part->how) {
	case PART_I64:
		if (!parse_int(p, &i)) return false;
		memcpy(at, &i, sizeof i);
		break;
	case PART_DIMS: {
		if (!parse_ints(p, '[', ']')) return false;
		Ints x = take_ints(p, from);
		memcpy(at, &x, sizeof x);
		break;
	}
	case PART_ELEM:
		t = parse_elem(p);
		memcpy(at, &t, sizeof t);
		break;
	case PART_BOOL:
		if (!parse_bool(p, &b)) return false;
		memcpy(at, &b, sizeof b);
		break;
	}
	return !failed(p);
}

static const Part *find_part(const Part *part, int n, Token t)
{
	for (int i = 0; t.kind == T_WORD && i < n; i++)
		if (spells(t, part[i].name)) return &part[i];
	return NULL;
}

/* Each of the dimensions from 0 on once. */
static bool are_all(int64_t first, int64_t second, Ints spatial)
{
	bool seen[MAX_RANK] = { false };
	int n = spatial.n + 2;
	if (n > MAX_RANK) return false;
	for (int i = 0; i < n; i++) {
		int64_t d = i == 0 ? first : i == 1 ? second : spatial.v[i - 2];
		if (d < 0 || d >= n || seen[d]) return false;
		seen[d] = true;
	}
	return true;
}

/* MLIR takes others behind `raw`, and prints of them what it does not parse. */
static bool are_layouts(const ConvDims *d)
{
	return are_all(d->input_batch, d->input_feature, d->input_spatial)
	    && are_all(d->kernel_input_feature, d->kernel_output_feature, d->kernel_spatial)
	    && are_all(d->output_batch, d->output_feature, d->output_spatial);
}

bool parse_struct(Parse *p, AttrKind kind, Attr *out)
{
	int n;
	const Part *parts = parts_of(kind, &n);
	bool seen[16] = { false };
	const char *at = p->tok.s;
	char *s = struct_new(p, kind);
	*out = (Attr){ .set = true, { .any = (const void *)s } };
	if (!want(p, '<')) return false;
	if (kind == KIND_CONV_DIMS && !take_word(p, "raw")) return parse_conv(p, out) && want(p, '>');
	while (p->tok.kind != '>') {
		const Part *part = find_part(parts, n, p->tok);
		if (!part) return unexpected(p, arena_printf(&p->scratch, "a field such as '%s'", parts->name));
		if (seen[part - parts]) return wrong(p, p->tok.s, BAD_INPUT, "a second '%s'", part->name);
		seen[part - parts] = true;
		advance(p);
		if (!want(p, '=') || !parse_part(p, part, s + part->at)) return false;
		if (!take(p, ',')) break;
	}
	for (int i = 0; kind == KIND_DOT_ALGORITHM && i < n; i++)
		if (!seen[i]) return wrong(p, at, BAD_INPUT, "no '%s' in the algorithm", parts[i].name);
	if (kind == KIND_CONV_DIMS && !are_layouts(out->conv))
		return wrong(p, at, BAD_INPUT, "dimensions of a convolution that are not each there once");
	return want(p, '>');
}

/* -- convolutions ---------------------------------------------------------------------------------------- */

/* [b, f, 0, 1]: each spatial dimension's place by its number, and those of the two letters. */
static bool parse_layout(Parse *p, const char letter[2], int64_t *first, int64_t *second, Ints *spatial)
{
	int64_t *place[2] = { first, second }, at[MAX_RANK];
	int n = 0, nspatial = 0;
	*first = *second = -1;
	memset(at, -1, sizeof at);
	if (!want(p, '[')) return false;
	do {
		int64_t i = 0;
		const char *c = p->tok.kind == T_WORD && p->tok.n == 1 ? memchr(letter, *p->tok.s, 2) : NULL;
		const char *s = p->tok.s;
		if (!c && p->tok.kind != T_INT)
			return unexpected(p, arena_printf(&p->scratch, "'%c', '%c' or a spatial dimension", letter[0], letter[1]));
		if (c) advance(p);
		else if (!parse_int(p, &i)) return false;
		if (!c && i >= MAX_RANK) return wrong(p, s, BAD_INPUT, "spatial dimension %lld, wanted less than %d", (long long)i, MAX_RANK);
		int64_t *to = c ? place[c - letter] : &at[i];
		if (*to >= 0) return wrong(p, s, BAD_INPUT, "a dimension that is there twice");
		*to = n++;
		nspatial += !c;
	} while (take(p, ','));
	for (int i = 0; i < nspatial; i++)
		if (at[i] < 0) return wrong(p, p->tok.s, BAD_INPUT, "no spatial dimension %d before", i);
	for (int i = 0; i < 2; i++)
		if (*place[i] < 0) return wrong(p, p->tok.s, BAD_INPUT, "no dimension '%c' before", letter[i]);
	*spatial = (Ints){ nspatial, COPY(p->a, int64_t, at, nspatial) };
	return want(p, ']');
}

bool parse_conv(Parse *p, Attr *out)
{
	ConvDims *d = NEW(p->a, ConvDims, 1);
	*out = (Attr){ .set = true, { .conv = d } };
	return parse_layout(p, "bf", &d->input_batch, &d->input_feature, &d->input_spatial) && want_word(p, "x")
	    && parse_layout(p, "io", &d->kernel_input_feature, &d->kernel_output_feature, &d->kernel_spatial) && want(p, T_ARROW)
	    && parse_layout(p, "bf", &d->output_batch, &d->output_feature, &d->output_spatial);
}

/* -- the others ------------------------------------------------------------------------------------------ */

/* <handle = 1, type = 0>, in either order */
static bool parse_channel(Parse *p, Attr *out)
{
	int64_t *v = NEW(p->a, int64_t, 2);
	*out = (Attr){ .set = true, { .ints = { 2, v } } };
	if (!want(p, '<')) return false;
	bool type_first = is_word(p, "type");
	for (int i = 0; i < 2; i++) {
		bool type = type_first == !i;
		if (!want_field(p, type ? "type" : "handle") || !parse_int(p, &v[type]) || !want(p, i ? '>' : ',')) return false;
	}
	return true;
}

/* [0, 1] of an alias */
static bool parse_indices(Parse *p, Any *out)
{
	int from = p->number.n;
	if (!parse_ints(p, '[', ']')) return false;
	int n = p->number.n - from;
	Any *item = NEW(p->a, Any, n);
	for (int i = 0; i < n; i++) item[i] = (Any){ ANY_I64, { .i = p->number.v[from + i] } };
	p->number.n = from;
	*out = (Any){ .kind = ANY_ARRAY };
	out->n = n;
	out->item = item;
	return true;
}

static bool parse_output_alias(Parse *p, Any *out)
{
	Any *item = NEW(p->a, Any, 3);
	item[1].kind = ANY_I64;
	*out = (Any){ .kind = ANY_ALIAS };
	out->n = 3;
	out->item = item;
	return want(p, '<') && want_field(p, "output_tuple_indices") && parse_indices(p, &item[0]) && want(p, ',')
	    && want_field(p, "operand_index") && parse_int(p, &item[1].i) && want(p, ',')
	    && want_field(p, "operand_tuple_indices") && parse_indices(p, &item[2]) && want(p, '>');
}

static bool parse_mode(Parse *p, int *out)
{
	int64_t i = 0;
	if (p->tok.kind != T_HASH || !spells(p->tok, "#stablehlo.result_accuracy_mode"))
		return unexpected(p, "#stablehlo.result_accuracy_mode");
	advance(p);
	if (!want(p, '<') || !parse_enum(p, KIND_ACCURACY, &i)) return false;
	*out = (int)i;
	return want(p, '>');
}

/* <atol = 1.0, rtol = 1.0, ulps = 2, mode = #stablehlo.result_accuracy_mode<TOLERANCE>>, all but the last optional */
static bool parse_accuracy(Parse *p, Attr *out)
{
	Accuracy *x = NEW(p->a, Accuracy, 1);
	*out = (Attr){ .set = true, { .accuracy = x } };
	if (!want(p, '<')) return false;
	if (is_word(p, "atol") && !(want_field(p, "atol") && parse_double(p, &x->atol) && want(p, ','))) return false;
	if (is_word(p, "rtol") && !(want_field(p, "rtol") && parse_double(p, &x->rtol) && want(p, ','))) return false;
	if (is_word(p, "ulps") && !(want_field(p, "ulps") && parse_int(p, &x->ulps) && want(p, ','))) return false;
	return want_field(p, "mode") && parse_mode(p, &x->mode) && want(p, '>');
}

bool parse_enum(Parse *p, AttrKind kind, int64_t *out)
{
	const Enum *e = &enums[kind];
	for (int i = 0; p->tok.kind == T_WORD && i < e->n; i++)
		if (spells(p->tok, e->name[i])) {
			*out = i;
			advance(p);
			return true;
		}
	return unexpected(p, arena_printf(&p->scratch, "a %s such as '%s'", e->type, e->name[e->n - 1]));
}

/* #stablehlo<comparison_direction EQ>, behind the word */
static bool parse_enum_attr(Parse *p, AttrKind kind, Attr *out)
{
	int64_t i = 0;
	if (!parse_enum(p, kind, &i)) return false;
	*out = (Attr){ .set = true, { .i = i } };
	if (kind == KIND_PRECISION) out->ints = (Ints){ 1, COPY(p->a, int64_t, &i, 1) };
	return true;
}

static AttrKind enum_kind(Token t)
{
	for (int k = 0; k < NKINDS; k++)
		if (enums[k].type && k != KIND_ACCURACY && spells(t, enums[k].type)) return (AttrKind)k;
	return KIND_NONE;
}

static bool parse_body_of(Parse *p, Token name, Any *out)
{
	static const struct { const char *name; AttrKind kind; } structs[] = {
		{ "gather", KIND_GATHER_DIMS }, { "scatter", KIND_SCATTER_DIMS }, { "dot", KIND_DOT_DIMS }, { "conv", KIND_CONV_DIMS },
		{ "dot_algorithm", KIND_DOT_ALGORITHM },
	};
	Attr x = { 0 };
	AttrKind kind = enum_kind(name);
	if (spells(name, "output_operand_alias")) return parse_output_alias(p, out);
	bool ok = kind && parse_enum_attr(p, kind, &x);
	for (size_t i = 0; !kind && i < sizeof structs / sizeof *structs; i++)
		if (spells(name, structs[i].name)) ok = parse_struct(p, kind = structs[i].kind, &x);
	if (!kind && spells(name, "channel_handle")) ok = parse_channel(p, &x), kind = KIND_CHANNEL;
	if (!kind && spells(name, "result_accuracy")) ok = parse_accuracy(p, &x), kind = KIND_ACCURACY;
	if (!kind) return wrong(p, name.s, UNSUPPORTED, "#stablehlo.%.*s, which modules of ours have no place for", (int)name.n, name.s);
	*out = (Any){ .kind = ANY_ATTR };
	out->of = kind;
	out->attr = COPY(p->a, Attr, &x, 1);
	return ok;
}

/* #stablehlo.gather<...> or #stablehlo<comparison_direction EQ> */
bool parse_dialect_attr(Parse *p, Any *out)
{
	Token t = p->tok;
	advance(p);
	if (t.n > 10) return parse_body_of(p, (Token){ T_WORD, t.s + 11, t.n - 11 }, out);
	if (!want(p, '<')) return false;
	Token name = p->tok;
	return want(p, T_WORD) && parse_body_of(p, name, out) && want(p, '>');
}
