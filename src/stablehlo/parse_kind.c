/* The attributes of ops, by their kind (kinds.def): from an attribute that stands by itself, and as a form writes them bare. */
#include "stablehlo/parse.h"

/* -- from any attribute ---------------------------------------------------------------------------------- */

/* What the kind is in words, for messages. */
static const char *kind_text(AttrKind kind)
{
	static const char *const text[NKINDS] = {
#define KIND(name, field, text) [KIND_##name] = text,
#include "stablehlo/kinds.def"
#undef KIND
	};
	return text[kind];
}

static bool refuse(Parse *p, const char *at, const AttrDef *def)
{
	const char *text = kind_text(def->kind);
	return wrong(p, at, BAD_INPUT, "another kind of attribute for '%s', wanted %.*s", def->name, (int)strcspn(text, ";"), text);
}

/* The integers of elements, a splat spread out. */
static bool ints_of(Parse *p, const char *at, const Dense *d, Ints *out)
{
	enum { LONGEST = 1 << 16 };
	int64_t n = type_numel(d->type);
	size_t each = dtype_nbytes(d->type.elem);
	if (n && !d->data) return wrong(p, at, UNSUPPORTED, "a list of sizes as a resource");
	if (d->splat && n > LONGEST) return wrong(p, at, BAD_INPUT, "one number for all of %s", type_str(&p->scratch, d->type));
	int64_t *v = NEW(p->a, int64_t, n);
	for (int64_t i = 0; i < n; i++)
		v[i] = dtype_load_int(d->type.elem, (const char *)d->data + (d->splat ? 0 : (size_t)i * each));
	*out = (Ints){ (int)n, v };
	return true;
}

static bool has_type(const Dense *d, int rank, DType elem)
{
	return d->type.rank == rank && d->type.elem == elem && !d->type.index && type_numel(d->type) < INT32_MAX;
}

static bool set_ints(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out)
{
	out->set = true;
	if (def->kind == KIND_PADDING) {
		bool ok = any->kind == ANY_DENSE && has_type(any->dense, 2, DTYPE_i64) && any->dense->type.dim[1] == 2;
		return ok ? ints_of(p, at, any->dense, &out->ints) : refuse(p, at, def);
	}
	DType elem = def->kind == KIND_BOOLS ? DTYPE_bool : DTYPE_i64;
	bool ok = any->kind == ANY_NUMBERS && has_type(any->dense, 1, elem);
	return ok ? ints_of(p, at, any->dense, &out->ints) : refuse(p, at, def);
}

/* Who checks groups and pairs of devices looks at each, so a splat must not stand for more than a file would list. */
static bool set_devices(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out)
{
	enum { MOST = 1 << 20 };
	if (any->kind != ANY_DENSE || any->dense->type.elem != DTYPE_i64 || any->dense->type.index) return refuse(p, at, def);
	if (any->dense->splat && type_numel(any->dense->type) > MOST)
		return wrong(p, at, BAD_INPUT, "one number for all of %s", type_str(&p->scratch, any->dense->type));
	*out = (Attr){ .set = true, { .dense = any->dense } };
	return true;
}

static bool set_precision(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out)
{
	if (any->kind != ANY_ARRAY) return refuse(p, at, def);
	int64_t *v = NEW(p->a, int64_t, any->n);
	for (int i = 0; i < any->n; i++) {
		const Any *one = &any->item[i];
		if (one->kind != ANY_ATTR || one->of != KIND_PRECISION) return refuse(p, at, def);
		v[i] = one->attr->ints.v[0];
	}
	*out = (Attr){ .set = true, { .ints = { any->n, v } } };
	return true;
}

static bool set_symbols(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out)
{
	if (any->kind != ANY_ARRAY) return refuse(p, at, def);
	const char **v = NEW(p->a, const char *, any->n);
	for (int i = 0; i < any->n; i++) {
		if (any->item[i].kind != ANY_SYMBOL) return refuse(p, at, def);
		v[i] = any->item[i].str;
	}
	out->set = true;
	out->syms.n = any->n;
	out->syms.v = v;
	return true;
}

static bool set_tree(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out)
{
	bool ok = def->kind == KIND_DICT ? any->kind == ANY_DICT
	        : def->kind == KIND_STR_OR_DICT ? any->kind == ANY_DICT || any->kind == ANY_STR : any->kind == ANY_ARRAY;
	for (int i = 0; ok && def->kind == KIND_ALIASES && i < any->n; i++) ok = any->item[i].kind == ANY_ALIAS;
	if (!ok) return refuse(p, at, def);
	*out = (Attr){ .set = true, { .any = COPY(p->a, Any, any, 1) } };
	return true;
}

static bool set_number(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out)
{
	AnyKind wanted = def->kind == KIND_I64 ? ANY_I64 : def->kind == KIND_BOOL ? ANY_BOOL : ANY_I32;
	bool version = def->kind == KIND_API_VERSION;
	if (any->kind != wanted || (version && (any->i < 0 || any->i > 4))) return refuse(p, at, def);
	*out = (Attr){ .set = true, { .i = any->i } };
	return true;
}

static bool set_string(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out)
{
	if (any->kind != (def->kind == KIND_STR ? ANY_STR : ANY_SYMBOL)) return refuse(p, at, def);
	*out = (Attr){ .set = true, { .str = any->str } };
	return true;
}

/* Attributes of the dialect's own: the same kind, but for the two of channels. */
static bool set_own(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out)
{
	AttrKind kind = def->kind == KIND_CHANNEL_AND_TYPE ? KIND_CHANNEL : def->kind;
	if (any->kind != ANY_ATTR || any->of != kind) return refuse(p, at, def);
	*out = *any->attr;
	return true;
}

bool set_attr(Parse *p, const char *at, const AttrDef *def, const Any *any, Attr *out)
{
	switch (def->kind) {
	case KIND_I64: case KIND_I32: case KIND_BOOL: case KIND_API_VERSION:
	                                return set_number(p, at, def, any, out);
	case KIND_F32:
		*out = (Attr){ .set = true, { .f = any->f } };
		return any->kind == ANY_F32 || refuse(p, at, def);
	case KIND_UNIT:
		*out = (Attr){ .set = true, { .i = 1 } };
		return any->kind == ANY_UNIT || refuse(p, at, def);
	case KIND_STR: case KIND_SYMBOL: return set_string(p, at, def, any, out);
	case KIND_SYMBOLS:              return set_symbols(p, at, def, any, out);
	case KIND_DICT: case KIND_STR_OR_DICT: case KIND_ARRAY: case KIND_LAYOUTS: case KIND_ALIASES:
	                                return set_tree(p, at, def, any, out);
	case KIND_DIMS: case KIND_BOOLS: case KIND_PADDING:
	                                return set_ints(p, at, def, any, out);
	case KIND_DENSE:
		*out = (Attr){ .set = true, { .dense = any->dense } };
		return any->kind == ANY_DENSE || refuse(p, at, def);
	case KIND_I64_ELEMENTS: case KIND_REPLICA_GROUPS:
	                                return set_devices(p, at, def, any, out);
	case KIND_PRECISION:            return set_precision(p, at, def, any, out);
	default:                        return set_own(p, at, def, any, out);
	}
}

/* -- bare ------------------------------------------------------------------------------------------------ */

/* [0] x [1] */
static bool parse_pair(Parse *p, Ints *lhs, Ints *rhs)
{
	int from = p->number.n;
	if (!parse_ints(p, '[', ']')) return false;
	*lhs = take_ints(p, from);
	if (!want_word(p, "x") || !parse_ints(p, '[', ']')) return false;
	*rhs = take_ints(p, from);
	return true;
}

static bool parse_dot(Parse *p, Attr *out)
{
	DotDims *d = NEW(p->a, DotDims, 1);
	*out = (Attr){ .set = true, { .dot = d } };
	if (take_word(p, "batching_dims") && !(want(p, '=') && parse_pair(p, &d->lhs_batching, &d->rhs_batching) && want(p, ',')))
		return false;
	return want_field(p, "contracting_dims") && parse_pair(p, &d->lhs_contracting, &d->rhs_contracting);
}

/* [DEFAULT, HIGHEST] */
static bool parse_precision(Parse *p, Attr *out)
{
	int from = p->number.n;
	if (!want(p, '[')) return false;
	while (p->tok.kind != ']') {
		int64_t *v = push(&p->scratch, &p->number);
		if (!parse_enum(p, KIND_PRECISION, v)) return false;
		if (!take(p, ',')) break;
	}
	*out = (Attr){ .set = true, { .ints = take_ints(p, from) } };
	return want(p, ']');
}

/* [true, false], or numbers. */
static bool parse_bools(Parse *p, Attr *out)
{
	int from = p->number.n;
	if (!want(p, '[')) return false;
	while (p->tok.kind != ']') {
		int64_t *v = push(&p->scratch, &p->number);
		*v = is_word(p, "true");
		if (!take_word(p, "true") && !take_word(p, "false") && !parse_int(p, v)) return false;
		*v = *v != 0;
		if (!take(p, ',')) break;
	}
	*out = (Attr){ .set = true, { .ints = take_ints(p, from) } };
	return want(p, ']');
}

/* [[0, 1], [0, 1]] */
static bool parse_padding(Parse *p, Attr *out)
{
	int from = p->number.n;
	if (!want(p, '[')) return false;
	while (p->tok.kind != ']') {
		const char *at = p->tok.s;
		int before = p->number.n;
		if (!parse_ints(p, '[', ']')) return false;
		if (p->number.n - before != 2) return wrong(p, at, BAD_INPUT, "%d numbers, wanted low and high", p->number.n - before);
		if (!take(p, ',')) break;
	}
	*out = (Attr){ .set = true, { .ints = take_ints(p, from) } };
	return want(p, ']');
}

bool parse_bare(Parse *p, const AttrDef *def, Attr *out)
{
	Any any;
	const char *at = p->tok.s;
	int from = p->number.n;
	*out = (Attr){ .set = true };
	if (p->tok.kind == T_HASH) return parse_any(p, &any) && set_attr(p, at, def, &any, out);
	switch (def->kind) {
	case KIND_I64: case KIND_I32: return parse_int(p, &out->i);
	case KIND_DIMS:
		if (p->tok.kind != '[') break;
		if (!parse_ints(p, '[', ']')) return false;
		out->ints = take_ints(p, from);
		return true;
	case KIND_BOOLS:         return parse_bools(p, out);
	case KIND_PADDING:       return parse_padding(p, out);
	case KIND_PRECISION:     return parse_precision(p, out);
	case KIND_CONV_DIMS:     return parse_conv(p, out);
	case KIND_DOT_DIMS:      return parse_dot(p, out);
	case KIND_DOT_ALGORITHM: return parse_struct(p, def->kind, out);
	default:
		if (enums[def->kind].type) return parse_enum(p, def->kind, &out->i);
	}
	return parse_any(p, &any) && set_attr(p, at, def, &any, out);
}
