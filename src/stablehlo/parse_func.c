/* Functions, as func.func and in generic form. */
#include "stablehlo/parse.h"

/* -- func.func ------------------------------------------------------------------------------------------- */

static bool parse_visibility(Parse *p, Func *f)
{
	f->is_private = take_word(p, "private");
	f->is_public = !f->is_private && take_word(p, "public");
	if (is_word(p, "nested")) return wrong(p, p->tok.s, UNSUPPORTED, "a nested function, wanted 'public' or 'private'");
	return true;
}

/* {...}, or nothing. An empty one is none. */
static bool parse_optional_dict(Parse *p, Any *out)
{
	if (p->tok.kind != '{') return true;
	if (!parse_dict(p, out)) return false;
	if (!out->n) out->kind = ANY_NONE;
	return true;
}

/* (%x: type {...} loc, ...) or (type {...}, ...): the names on p->token, as many as arguments or none. */
static bool parse_arguments(Parse *p, Func *f)
{
	int names = p->token.n;
	if (!want(p, '(')) return false;
	if (take(p, ')')) return true;
	do {
		Type t;
		if (p->tok.kind == T_VALUE) {
			*push(&p->scratch, &p->token) = p->tok;
			advance(p);
			if (!want(p, ':')) return false;
		}
		if (p->tok.kind == T_DOTS) return wrong(p, p->tok.s, UNSUPPORTED, "a function of any number of arguments");
		const char *at = p->tok.s;
		if (!parse_type(p, &t)) return false;
		func_arg(p->m, f, t, NULL);
		if (!parse_optional_dict(p, &f->arg_attr[f->narg - 1]) || !parse_loc(p)) return false;
		int named = p->token.n - names;
		if (named && named != f->narg) return wrong(p, at, BAD_INPUT, "an argument without a name, and others have one");
	} while (take(p, ','));
	return want(p, ')');
}

/* -> type, or -> (type {...}, ...) */
static bool parse_func_results(Parse *p, Func *f)
{
	int types = p->type.n, attrs = p->any.n;
	bool more = take(p, T_ARROW), list = more && take(p, '(');
	while (more && !(list && p->tok.kind == ')')) {
		Type t;
		Any attr = { .kind = ANY_NONE };
		if (!parse_type(p, &t) || (list && !parse_optional_dict(p, &attr))) return false;
		*push(&p->scratch, &p->type) = t;
		*push(&p->scratch, &p->any) = attr;
		more = list && take(p, ',');
	}
	f->nres = p->type.n - types;
	f->res_type = COPY(p->a, Type, p->type.v + types, f->nres);
	f->res_attr = COPY(p->a, Any, p->any.v + attrs, f->nres);
	p->type.n = types;
	p->any.n = attrs;
	return !list || want(p, ')');
}

static bool parse_func_body(Parse *p, Func *f, int names)
{
	int mark = p->defined.n;
	if (f->narg && p->token.n == names) return unexpected(p, "no body, as the arguments have no names");
	for (int i = 0; i < f->narg; i++)
		if (!define(p, p->token.v[names + i], f->body.arg + (Value)i, 1)) return false;
	if (!want(p, '{') || !parse_body(p, &f->body)) return false;
	forget(p, mark);
	return true;
}

/* func.func private @f(%arg0: type) -> type attributes {...} { ... }, behind the op's name */
bool parse_func(Parse *p)
{
	Func seen = { 0 };
	const char *name;
	Any extra = { .kind = ANY_NONE };
	int names = p->token.n;
	if (!parse_visibility(p, &seen) || !parse_symbol(p, &name)) return false;
	Func *f = func_new(p->m, name);
	f->is_private = seen.is_private;
	f->is_public = seen.is_public;
	if (!parse_arguments(p, f) || !parse_func_results(p, f)) return false;
	if (take_word(p, "attributes") && !parse_dict(p, &extra)) return false;
	if (extra.n) f->extra = COPY(p->a, Any, &extra, 1);
	if (p->tok.kind == '{' && !parse_func_body(p, f, names)) return false;
	p->token.n = names;
	return parse_loc(p);
}

/* -- "func.func" ----------------------------------------------------------------------------------------- */

/* (types) -> types: how many arguments, and all on p->type. */
static bool parse_signature(Parse *p, int *narg)
{
	int from = p->type.n;
	if (!want(p, '(') || !parse_type_list(p, ')')) return false;
	*narg = p->type.n - from;
	return want(p, T_ARROW) && parse_results(p);
}

/* name = value up to the closing mark; the type of the function goes on p->type, the rest on p->member. */
static bool parse_properties(Parse *p, int *narg)
{
	while (p->tok.kind != '}') {
		if (is_word(p, "function_type")) {
			if (*narg >= 0) return wrong(p, p->tok.s, BAD_INPUT, "a second 'function_type'");
			if (!want_field(p, "function_type") || !parse_signature(p, narg)) return false;
		} else {
			Member m;
			if (!parse_member(p, &m)) return false;
			*push(&p->scratch, &p->member) = m;
		}
		if (!take(p, ',')) break;
	}
	return want(p, '}');
}

/* [{...}, {...}], one for each of n. */
static bool set_dicts(Parse *p, const char *at, const Any *value, int n, Any *out)
{
	bool ok = value->kind == ANY_ARRAY && value->n == n;
	for (int i = 0; ok && i < n; i++) {
		ok = value->item[i].kind == ANY_DICT;
		if (value->item[i].n) out[i] = value->item[i];
	}
	return ok || wrong(p, at, BAD_INPUT, "attributes of arguments or results, wanted %d dictionaries", n);
}

static bool set_visibility(Parse *p, const char *at, const Any *value, Func *f)
{
	const char *s = value->kind == ANY_STR ? value->str : "";
	f->is_private = !strcmp(s, "private");
	f->is_public = !strcmp(s, "public");
	return f->is_private || f->is_public || wrong(p, at, UNSUPPORTED, "a visibility other than \"private\" and \"public\"");
}

/* Those of p->member that func.func has itself; the others move down. */
static bool set_properties(Parse *p, const char *at, int from, Func *f)
{
	int kept = from;
	bool ok = true;
	for (int i = from; ok && i < p->member.n; i++) {
		const Member *m = &p->member.v[i];
		if (!strcmp(m->key, "arg_attrs")) ok = set_dicts(p, at, &m->value, f->narg, f->arg_attr);
		else if (!strcmp(m->key, "res_attrs")) ok = set_dicts(p, at, &m->value, f->nres, f->res_attr);
		else if (!strcmp(m->key, "sym_visibility")) ok = set_visibility(p, at, &m->value, f);
		else if (strcmp(m->key, "sym_name") != 0) p->member.v[kept++] = *m;
	}
	p->member.n = kept;
	return ok;
}

static const char *name_among(Parse *p, int from)
{
	for (int i = from; i < p->member.n; i++)
		if (!strcmp(p->member.v[i].key, "sym_name") && p->member.v[i].value.kind == ANY_STR) return p->member.v[i].value.str;
	return NULL;
}

static bool take_func_extra(Parse *p, int from, Func *f)
{
	Any extra;
	if (p->member.n == from) return true;
	if (!take_members(p, from, &extra)) return false;
	f->extra = COPY(p->a, Any, &extra, 1);
	return true;
}

/* The block's arguments are the function's. */
static bool parse_generic_body(Parse *p, Func *f)
{
	int types = p->type.n, tokens = p->token.n, mark = p->defined.n;
	if (!want(p, '(') || !want(p, '{')) return false;
	if (take(p, '}')) return want(p, ')');
	const char *at = p->tok.s;
	if (p->tok.kind == T_BLOCK && !parse_label(p)) return false;
	if (p->type.n - types != f->narg)
		return wrong(p, at, BAD_INPUT, "the body takes %d arguments, the function %d", p->type.n - types, f->narg);
	for (int i = 0; i < f->narg; i++) {
		if (!type_eq(p->type.v[types + i], f->arg_type[i]))
			return wrong(p, at, BAD_INPUT, "argument %d of the body is %s, of the function %s", i,
				type_str(&p->scratch, p->type.v[types + i]), type_str(&p->scratch, f->arg_type[i]));
		if (!define(p, p->token.v[tokens + i], f->body.arg + (Value)i, 1)) return false;
	}
	p->type.n = types;
	p->token.n = tokens;
	if (!parse_body(p, &f->body) || !want(p, ')')) return false;
	forget(p, mark);
	return true;
}

/* The body stands between the properties and the other attributes, which are put on f at the end. */
bool parse_generic_func(Parse *p)
{
	int from = p->member.n, types = p->type.n, narg = -1;
	const char *at = p->tok.s, *name;
	if (!want(p, '(') || !want(p, ')') || !want(p, '<') || !want(p, '{') || !parse_properties(p, &narg) || !want(p, '>')) return false;
	name = name_among(p, from);
	if (!name || narg < 0) return wrong(p, at, BAD_INPUT, "a function without %s", name ? "function_type" : "sym_name");
	Func *f = func_new(p->m, name);
	for (int i = 0; i < narg; i++) func_arg(p->m, f, p->type.v[types + i], NULL);
	f->nres = p->type.n - types - narg;
	f->res_type = COPY(p->a, Type, p->type.v + types + narg, f->nres);
	f->res_attr = NEW(p->a, Any, f->nres);
	p->type.n = types;
	if (!set_properties(p, at, from, f) || !parse_generic_body(p, f)) return false;
	if (take(p, '{') && !parse_properties(p, &narg)) return false;
	return want(p, ':') && want(p, '(') && want(p, ')') && want(p, T_ARROW) && want(p, '(') && want(p, ')')
	    && take_func_extra(p, from, f) && parse_loc(p);
}
