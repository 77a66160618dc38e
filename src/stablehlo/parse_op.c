/* Ops: results and operands by name, the generic form, regions (print.c). */
#include "stablehlo/parse.h"

/* -- names of values ------------------------------------------------------------------------------------- */

bool define(Parse *p, Token name, Value first, int n)
{
	int i = map_get(&p->value, name.s, name.n);
	if (i >= 0 && p->named.v[i].first) return wrong(p, name.s, BAD_INPUT, "%s is defined a second time", shown(p, name));
	if (i < 0) {
		i = p->named.n;
		map_set(&p->value, name.s, name.n, i);
		(void)push(&p->scratch, &p->named);
	}
	p->named.v[i] = (Named){ first, n };
	*push(&p->scratch, &p->defined) = i;
	return true;
}

void forget(Parse *p, int mark)
{
	while (p->defined.n > mark) p->named.v[p->defined.v[--p->defined.n]].first = 0;
}

static bool is_number(Token t)
{
	return t.kind == T_HASH && t.n > 1 && t.s[1] >= '0' && t.s[1] <= '9';
}

bool parse_operand(Parse *p)
{
	Token t = p->tok;
	if (t.kind != T_VALUE) return unexpected(p, "a value");
	int i = map_get(&p->value, t.s, t.n);
	Named v = i < 0 ? (Named){ 0, 0 } : p->named.v[i];
	if (!v.first) return wrong(p, t.s, BAD_INPUT, "%s is not defined before", shown(p, t));
	advance(p);
	uint64_t which = 0;
	if (is_number(p->tok)) {
		if (!int_bits((Token){ T_INT, p->tok.s + 1, p->tok.n - 1 }, &which) || which >= (uint64_t)v.n)
			return wrong(p, p->tok.s, BAD_INPUT, "result %s of %d", shown(p, p->tok), v.n);
		advance(p);
	}
	*push(&p->scratch, &p->operand) = v.first + (Value)which;
	return true;
}

bool parse_operands(Parse *p)
{
	if (p->tok.kind != T_VALUE) return true;
	do if (!parse_operand(p)) return false;
	while (p->tok.kind == ',' && value_follows(p) && take(p, ','));
	return true;
}

/* -- attributes and types -------------------------------------------------------------------------------- */

/* One that the row has, or one more. */
static bool parse_op_attr(Parse *p, Draft *d)
{
	const char *at = p->tok.s;
	Member m;
	if (!parse_member(p, &m)) return false;
	int i = op_attr_index(d->code, m.key);
	if (i < 0) {
		*push(&p->scratch, &p->member) = m;
		return true;
	}
	if (d->attr[i].set) return wrong(p, at, BAD_INPUT, "a second '%s'", m.key);
	return set_attr(p, at, &op_table[d->code].attr[i], &m.value, &d->attr[i]);
}

bool parse_attrs(Parse *p, Draft *d, int close)
{
	while (p->tok.kind != close) {
		if (!parse_op_attr(p, d)) return false;
		if (!take(p, ',')) break;
	}
	return want(p, close);
}

bool parse_attr_dict(Parse *p, Draft *d) { return !take(p, '{') || parse_attrs(p, d, '}'); }

bool operand_is(Parse *p, const Draft *d, int i, Type t, const char *at)
{
	Type mine = in_type(p, d, i);
	if (type_eq(mine, t)) return true;
	return wrong(p, at, BAD_INPUT, "operand %d is %s, and its type says %s", i, type_str(&p->scratch, mine), type_str(&p->scratch, t));
}

bool parse_fn(Parse *p, Draft *d)
{
	int n = 0;
	const char *from = p->tok.s;
	if (!want(p, '(')) return false;
	for (; p->tok.kind != ')'; n++) {
		const char *at = p->tok.s;
		Type t;
		if (!parse_type(p, &t) || (n < nin(p, d) && !operand_is(p, d, n, t, at))) return false;
		if (!take(p, ',') && p->tok.kind != ')') break;
	}
	if (p->tok.kind == ')' && n != nin(p, d))
		return wrong(p, from, BAD_INPUT, "types of %d operands, and there are %d", n, nin(p, d));
	return want(p, ')') && want(p, T_ARROW) && parse_results(p);
}

/* -- regions --------------------------------------------------------------------------------------------- */

bool parse_label(Parse *p)
{
	if (!want(p, T_BLOCK)) return false;
	if (take(p, '(')) {
		do {
			Type t;
			*push(&p->scratch, &p->token) = p->tok;
			if (!want(p, T_VALUE) || !want(p, ':') || !parse_type(p, &t) || !parse_loc(p)) return false;
			*push(&p->scratch, &p->type) = t;
		} while (take(p, ','));
		if (!want(p, ')')) return false;
	}
	return want(p, ':');
}

bool parse_body(Parse *p, Region *r)
{
	while (p->tok.kind != '}') {
		if (p->tok.kind == T_BLOCK)
			return wrong(p, p->tok.s, UNSUPPORTED, "block %s, wanted one block in a region", shown(p, p->tok));
		if (p->tok.kind == T_END) return unexpected(p, "'}'");
		if (!parse_op(p, r)) return false;
	}
	return want(p, '}');
}

bool parse_region(Parse *p, Draft *d, int n)
{
	int types = p->type.n, tokens = p->token.n, mark = p->defined.n;
	Region *r = NEW(p->a, Region, 1);
	*push(&p->scratch, &p->region) = r;
	r->parent = d->into;
	if (p->depth == MAX_REGIONS) return wrong(p, p->tok.s, BAD_INPUT, "regions nest deeper than %d", MAX_REGIONS);
	if (!want(p, '{') || (n < 0 && p->tok.kind == T_BLOCK && !parse_label(p))) return false;
	int narg = n < 0 ? p->type.n - types : n, from = n < 0 ? types : types - n, name = n < 0 ? tokens : tokens - n;
	block_args(p->m, r, narg, p->type.v + from);
	for (int i = 0; i < narg; i++)
		if (!define(p, p->token.v[name + i], r->arg + (Value)i, 1)) return false;
	p->type.n = types;
	p->token.n = tokens;
	p->depth++;
	if (!parse_body(p, r)) return false;
	p->depth--;
	forget(p, mark);
	return true;
}

bool parse_regions(Parse *p, Draft *d)
{
	if (!want(p, '(')) return false;
	do if (!parse_region(p, d, -1)) return false;
	while (take(p, ','));
	return want(p, ')');
}

/* -- ops ------------------------------------------------------------------------------------------------- */

/* (operands) <{properties}> (regions) {attributes} : types */
bool parse_generic(Parse *p, Draft *d)
{
	if (!want(p, '(') || !parse_operands(p) || !want(p, ')')) return false;
	if (p->tok.kind == '[') return wrong(p, p->tok.s, UNSUPPORTED, "an op with successors");
	if (take(p, '<') && !(want(p, '{') && parse_attrs(p, d, '}') && want(p, '>'))) return false;
	if (p->tok.kind == '(' && !parse_regions(p, d)) return false;
	return parse_attr_dict(p, d) && want(p, ':') && parse_fn(p, d);
}

static bool refuse_name(Parse *p, const char *s, size_t n)
{
	bool chlo = n > 5 && !memcmp(s, "chlo.", 5);
	return wrong(p, p->tok.s, UNSUPPORTED, "op '%.*s' is not known%s", (int)(n < 100 ? n : 100), s,
		chlo ? ": CHLO must be made StableHLO first, by chlo-legalize-to-stablehlo" : "");
}

static bool has_prefix(const char **s, size_t *n, const char *prefix)
{
	size_t k = strlen(prefix);
	if (*n <= k || memcmp(*s, prefix, k) != 0) return false;
	*s += k;
	*n -= k;
	return true;
}

/* stablehlo.add; func.call and func.return, in a function's body without their dialect. */
static bool parse_op_name(Parse *p, Draft *d)
{
	bool generic = p->tok.kind == T_STRING, top = !d->into->parent;
	const char *s = p->tok.s + generic, *name = s;
	size_t n = p->tok.n - 2 * generic, length = n;
	if (!generic && p->tok.kind != T_WORD) return unexpected(p, "an op");
	bool ours = has_prefix(&s, &n, "stablehlo.");
	bool func = !ours && (has_prefix(&s, &n, "func.") || (top && !generic));
	d->code = ours || func ? (OpCode)(map_get(&p->op, s, n) + 1) : OP_none;
	bool known = func ? d->code == OP_call || d->code == OP_return : d->code && d->code != OP_call;
	if (!known) return refuse_name(p, name, length);
	if (d->code == OP_return && func != top)
		return wrong(p, name, BAD_INPUT, "found '%.*s', wanted '%s'", (int)length, name, top ? "func.return" : "stablehlo.return");
	advance(p);
	return true;
}

/* %0 = , %0:2 = , %0, %1 = */
static bool parse_result_names(Parse *p)
{
	do {
		*push(&p->scratch, &p->token) = p->tok;
		if (!want(p, T_VALUE)) return false;
		int64_t n = 1;
		const char *at = p->tok.s;
		if (take(p, ':') && !parse_int(p, &n)) return false;
		if (n < 1 || n > INT32_MAX) return wrong(p, at, BAD_INPUT, "a name for %lld results", (long long)n);
		*push(&p->scratch, &p->number) = n;
	} while (take(p, ','));
	return want(p, '=');
}

/* Defines the results by the names on the stacks from these places on, and takes them off. */
static bool name_results(Parse *p, const Draft *d, const Op *op, int token, int number)
{
	int64_t n = 0;
	for (int i = number; i < p->number.n; i++) n += p->number.v[i];
	if (number < p->number.n && n != op->nout)
		return wrong(p, d->at, BAD_INPUT, "an op of %d results, and names for %lld", op->nout, (long long)n);
	Value v = op->out;
	for (int i = 0; number + i < p->number.n; i++) {
		int count = (int)p->number.v[number + i];
		if (!define(p, p->token.v[token + i], v, count)) return false;
		v += (Value)count;
	}
	p->number.n = number;
	p->token.n = token;
	return true;
}

static bool take_extra(Parse *p, int from, const Any **out)
{
	Any dict;
	*out = NULL;
	if (p->member.n == from) return true;
	if (!take_members(p, from, &dict)) return false;
	*out = COPY(p->a, Any, &dict, 1);
	return true;
}

static bool parse_rest(Parse *p, Draft *d, bool generic)
{
	if (!parse_op_name(p, d)) return false;
	bool ok = generic || !op_table[d->code].form ? parse_generic(p, d) : parse_form(p, d);
	return ok && parse_loc(p);
}

bool parse_op(Parse *p, Region *into)
{
	Draft d = { .into = into, .operand = p->operand.n, .type = p->type.n, .region = p->region.n, .member = p->member.n };
	int token = p->token.n, number = p->number.n;
	const Any *extra;
	if (p->tok.kind == T_VALUE && !parse_result_names(p)) return false;
	d.at = p->tok.s;
	if (!parse_rest(p, &d, p->tok.kind == T_STRING) || !take_extra(p, d.member, &extra)) return false;
	Op *op = op_new(p->m, d.code, p->type.n - d.type, p->type.v + d.type, nin(p, &d), p->operand.v + d.operand, d.attr);
	op->extra = extra;
	op->nregion = p->region.n - d.region;
	if (op->nregion) op->region = COPY(p->a, Region *, p->region.v + d.region, op->nregion);
	p->operand.n = d.operand;
	p->type.n = d.type;
	p->region.n = d.region;
	*push(p->a, &into->op) = op;
	return name_results(p, &d, op, token, number);
}
