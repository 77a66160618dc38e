/* What the language of forms cannot say: the hooks of ops.def, each as print_form.c prints it. */
#include "stablehlo/parse.h"

static Attr *attr_named(Draft *d, const char *name) { return &d->attr[op_attr_index(d->code, name)]; }

static void put_type_on(Parse *p, Type t) { *push(&p->scratch, &p->type) = t; }

/* -- types ----------------------------------------------------------------------------------------------- */

static bool hook_same(Parse *p, Draft *d)
{
	Type t;
	const char *at = p->tok.s;
	if (p->tok.kind == '(') return parse_fn(p, d);
	if (!parse_type(p, &t)) return false;
	for (int i = 0; i < nin(p, d); i++)
		if (!operand_is(p, d, i, t, at)) return false;
	put_type_on(p, t);
	return true;
}

static bool hook_results(Parse *p, Draft *d)
{
	(void)d;
	do {
		Type t;
		if (!parse_type(p, &t)) return false;
		put_type_on(p, t);
	} while (take(p, ','));
	return true;
}

/* The types of the operands, as far as `n` of them go. */
static bool parse_operand_types(Parse *p, Draft *d, int n)
{
	for (int i = 0; i < n; i++) {
		Type t;
		if (i && !want(p, ',')) return false;
		const char *at = p->tok.s;
		if (!parse_type(p, &t) || !operand_is(p, d, i, t, at)) return false;
		put_type_on(p, t);
	}
	return true;
}

/* The predicate's type and the result's. */
static bool hook_select_type(Parse *p, Draft *d)
{
	Type t;
	const char *at = p->tok.s;
	if (p->tok.kind == '(') return parse_fn(p, d);
	if (!parse_type(p, &t) || !operand_is(p, d, 0, t, at) || !want(p, ',')) return false;
	at = p->tok.s;
	if (!parse_type(p, &t) || !operand_is(p, d, 1, t, at) || !operand_is(p, d, 2, t, at)) return false;
	put_type_on(p, t);
	return true;
}

/* The result's type, whose real one both operands have. */
static bool hook_complex_type(Parse *p, Draft *d)
{
	Type t;
	const char *at = p->tok.s;
	if (p->tok.kind == '(') return parse_fn(p, d);
	if (!parse_type(p, &t)) return false;
	put_type_on(p, t);
	if (t.kind != TYPE_TENSOR || !is_complex(t.elem))
		return wrong(p, at, BAD_INPUT, "%s, wanted a tensor of complex numbers", type_str(&p->scratch, t));
	t.elem = real_of(t.elem);
	return operand_is(p, d, 0, t, at) && operand_is(p, d, 1, t, at);
}

/* -- attributes ------------------------------------------------------------------------------------------ */

static bool hook_symbol(Parse *p, Draft *d)
{
	d->attr[0].set = true;
	return parse_symbol(p, &d->attr[0].str);
}

/* e5m10 */
static bool hook_format(Parse *p, Draft *d)
{
	int part[2] = { 0, 0 };
	const char *s = p->tok.s, *end = s + p->tok.n;
	bool ok = p->tok.kind == T_WORD;
	for (int i = 0; ok && i < 2; i++) {
		ok = s < end && *s++ == "em"[i] && s < end && *s >= '0' && *s <= '9';
		for (; ok && s < end && *s >= '0' && *s <= '9'; s++) {
			ok = part[i] < 100000000;
			part[i] = 10 * part[i] + (*s - '0');
		}
	}
	if (!ok || s != end) return unexpected(p, "a format such as e5m10");
	advance(p);
	*attr_named(d, "exponent_bits") = (Attr){ .set = true, { .i = part[0] } };
	*attr_named(d, "mantissa_bits") = (Attr){ .set = true, { .i = part[1] } };
	return true;
}

/* [0:4, 1:8:2]: start:limit, and the stride unless it is 1. */
static bool hook_slice(Parse *p, Draft *d)
{
	int from = p->number.n;
	if (!want(p, '[')) return false;
	while (p->tok.kind != ']') {
		int64_t v[3] = { 0, 0, 1 };
		if (!parse_int(p, &v[0]) || !want(p, ':') || !parse_int(p, &v[1])) return false;
		if (take(p, ':') && !parse_int(p, &v[2])) return false;
		for (int i = 0; i < 3; i++) *push(&p->scratch, &p->number) = v[i];
		if (!take(p, ',')) break;
	}
	int n = (p->number.n - from) / 3;
	for (int k = 0; k < 3; k++) {
		int64_t *v = NEW(p->a, int64_t, n);
		for (int i = 0; i < n; i++) v[i] = p->number.v[from + 3 * i + k];
		d->attr[k] = (Attr){ .set = true, { .ints = { n, v } } };
	}
	p->number.n = from;
	return want(p, ']');
}

static bool hook_window(Parse *p, Draft *d)
{
	static const struct { const char *attr, *text; } part[] = {
		{ "window_strides", "stride" }, { "padding", "pad" }, { "lhs_dilation", "lhs_dilate" }, { "rhs_dilation", "rhs_dilate" },
		{ "window_reversal", "reverse" },
	};
	enum { PARTS = sizeof part / sizeof *part };
	while (p->tok.kind == T_WORD) {
		int i = 0;
		while (i < PARTS && !is_word(p, part[i].text)) i++;
		if (i == PARTS) return unexpected(p, "'stride', 'pad', 'lhs_dilate', 'rhs_dilate' or 'reverse'");
		int at = op_attr_index(d->code, part[i].attr);
		if (d->attr[at].set) return wrong(p, p->tok.s, BAD_INPUT, "a second '%s'", part[i].text);
		advance(p);
		if (!want(p, '=') || !parse_bare(p, &op_table[d->code].attr[at], &d->attr[at])) return false;
		if (!take(p, ',')) break;
	}
	return true;
}

/* A value of another type than the result (a quantized constant) makes the op generic. */
static bool hook_constant(Parse *p, Draft *d)
{
	Any value;
	if (p->tok.kind == '(') return parse_generic(p, d);
	if (!parse_attr_dict(p, d)) return false;
	const char *at = p->tok.s;
	if (!parse_any(p, &value) || !set_attr(p, at, &op_table[d->code].attr[0], &value, &d->attr[0])) return false;
	put_type_on(p, value.dense->type);
	return true;
}

/* -- regions and operands -------------------------------------------------------------------------------- */

static bool hook_regions(Parse *p, Draft *d) { return p->tok.kind != '(' || parse_regions(p, d); }

/* ` %0, %1 : types`; the attributes before (func.return) or behind (stablehlo.return). */
static bool hook_return(Parse *p, Draft *d)
{
	if (!parse_attr_dict(p, d) || !parse_operands(p) || !parse_attr_dict(p, d)) return false;
	int n = nin(p, d), types = p->type.n;
	if (n && !(want(p, ':') && parse_operand_types(p, d, n))) return false;
	p->type.n = types;
	return true;
}

static bool hook_barrier(Parse *p, Draft *d)
{
	if (!parse_attr_dict(p, d)) return false;
	if (take(p, '(')) return want(p, ')');
	return parse_operands(p) && want(p, ':') && parse_operand_types(p, d, nin(p, d));
}

/* %arg0 = %0 for each; the names stay on p->token. */
static bool parse_initial(Parse *p)
{
	if (!want(p, '(')) return false;
	if (take(p, ')')) return true;
	do {
		*push(&p->scratch, &p->token) = p->tok;
		if (!want(p, T_VALUE) || !want(p, '=') || !parse_operand(p)) return false;
	} while (take(p, ','));
	return want(p, ')');
}

/* (%iterArg = %0) : types attributes {...} cond {...} do {...} */
static bool hook_while(Parse *p, Draft *d)
{
	int tokens = p->token.n;
	if (!parse_initial(p)) return false;
	int n = nin(p, d);
	if (n && !(want(p, ':') && parse_operand_types(p, d, n))) return false;
	if (take_word(p, "attributes") && !(want(p, '{') && parse_attrs(p, d, '}'))) return false;
	if (!want_word(p, "cond") || !parse_region(p, d, n) || !want_word(p, "do") || !parse_region(p, d, n)) return false;
	p->token.n = tokens;
	return true;
}

/* (%x init: %c), ...: the inputs, then the initial values. */
static bool parse_reduced(Parse *p)
{
	int from = p->operand.n, n = 0;
	do {
		if (!want(p, '(') || !parse_operand(p) || !want_word(p, "init") || !want(p, ':') || !parse_operand(p) || !want(p, ')'))
			return false;
		n++;
	} while (take(p, ','));
	Value *v = COPY(&p->scratch, Value, p->operand.v + from, 2 * n);
	for (int i = 0; i < n; i++) {
		p->operand.v[from + i] = v[2 * i];
		p->operand.v[from + n + i] = v[2 * i + 1];
	}
	return true;
}

/* stablehlo.add, one of those that compact_body() knows. */
static bool parse_reducer_name(Parse *p, OpCode *code)
{
	Token t = p->tok;
	*code = OP_none;
	if (t.kind == T_WORD && t.n > 10 && !memcmp(t.s, "stablehlo.", 10)) *code = (OpCode)(map_get(&p->op, t.s + 10, t.n - 10) + 1);
	switch (*code) {
	case OP_add: case OP_maximum: case OP_minimum: case OP_multiply: case OP_and: case OP_or: case OP_xor: break;
	default: return unexpected(p, "a commutative op such as 'stablehlo.add'");
	}
	advance(p);
	return true;
}

/* The region of one op on scalars of the first input's element type. */
static void reduce_by(Parse *p, Draft *d, OpCode code)
{
	Type x = in_type(p, d, 0), t = { .kind = TYPE_TENSOR, .elem = x.elem, .quant = x.quant, .index = x.index };
	Region *r = NEW(p->a, Region, 1);
	t.dim = NEW(p->a, int64_t, 1);
	r->parent = d->into;
	block_args(p->m, r, 2, (Type[]){ t, t });
	Op *inner = op_new(p->m, code, 1, &t, 2, (Value[]){ r->arg, r->arg + 1 }, NULL);
	*push(p->a, &r->op) = inner;
	*push(p->a, &r->op) = op_new(p->m, OP_return, 0, NULL, 1, &inner->out, NULL);
	*push(&p->scratch, &p->region) = r;
}

/* reducer(%arg1: type, %arg2: type) ... {...} */
static bool parse_reducer(Parse *p, Draft *d)
{
	int from = p->type.n, tokens = p->token.n, n = 0;
	if (!want_word(p, "reducer")) return false;
	for (; take(p, '('); n++)
		for (int i = 0; i < 2; i++) {
			Type t;
			*push(&p->scratch, &p->token) = p->tok;
			if (!want(p, T_VALUE) || !want(p, ':') || !parse_type(p, &t) || !parse_loc(p)) return false;
			put_type_on(p, t);
			if (!want(p, i ? ')' : ',')) return false;
		}
	Type *t = COPY(&p->scratch, Type, p->type.v + from, 2 * n);
	Token *name = COPY(&p->scratch, Token, p->token.v + tokens, 2 * n);
	for (int i = 0; i < 2 * n; i++) {
		p->type.v[from + i / 2 + i % 2 * n] = t[i];
		p->token.v[tokens + i / 2 + i % 2 * n] = name[i];
	}
	bool ok = parse_region(p, d, 2 * n);
	p->type.n = from;
	p->token.n = tokens;
	return ok;
}

/* (%x init: %c) applies stablehlo.add across dimensions = [1] : fn, or without `applies` and with a reducer behind. */
static bool hook_reduce(Parse *p, Draft *d)
{
	OpCode code = OP_none;
	int from = p->number.n;
	if (!parse_reduced(p)) return false;
	const char *at = p->tok.s;
	if (take_word(p, "applies") && !parse_reducer_name(p, &code)) return false;
	if (!want_word(p, "across") || !want_field(p, "dimensions") || !parse_ints(p, '[', ']')) return false;
	d->attr[0] = (Attr){ .set = true, { .ints = take_ints(p, from) } };
	if (!parse_attr_dict(p, d) || !want(p, ':') || !parse_fn(p, d)) return false;
	if (!code) return parse_reducer(p, d);
	if (in_type(p, d, 0).kind != TYPE_TENSOR)
		return wrong(p, at, BAD_INPUT, "operand 0 is %s, wanted a tensor", type_str(&p->scratch, in_type(p, d, 0)));
	reduce_by(p, d, code);
	return true;
}

Hook *find_hook(const char *s, size_t n)
{
	static const struct { const char *name; Hook *parse; } hooks[] = {
		{ "fn", parse_fn }, { "same", hook_same }, { "results", hook_results },
		{ "@reduce", hook_reduce }, { "@while", hook_while }, { "@barrier", hook_barrier }, { "@constant", hook_constant },
		{ "@symbol", hook_symbol }, { "@slice", hook_slice }, { "@window", hook_window }, { "@regions", hook_regions },
		{ "@return", hook_return }, { "@select_type", hook_select_type }, { "@complex_type", hook_complex_type },
		{ "@format", hook_format },
	};
	size_t word = 0;
	while (word < n && s[word] != ' ') word++;
	for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
		if (strlen(hooks[i].name) == word && !memcmp(hooks[i].name, s, word)) return hooks[i].parse;
	return NULL;
}
