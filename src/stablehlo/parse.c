/* MLIR's text in: what stands at the outside, and the module. */
#include "stablehlo/parse.h"

#include "stablehlo/bytecode.h"   /* vhlo_spelling */

static bool parse_content(Parse *p, int end);

/* -- aliases --------------------------------------------------------------------------------------------- */

/* #x = attribute, !x = type. What it stands for is weighed in characters of text. */
static bool parse_alias(Parse *p)
{
	Token name = p->tok;
	Alias alias = { .is_type = name.kind == T_BANG };
	uint64_t before = p->spent;
	advance(p);
	if (!want(p, '=')) return false;
	const char *from = p->tok.s;
	bool loc = is_word(p, "loc");
	if (loc ? !parse_loc(p) : alias.is_type ? !parse_type(p, &alias.type) : !parse_any(p, &alias.any)) return false;
	if (loc) return true;
	alias.weight = (uint64_t)(p->behind - from) + p->spent - before;
	if (map_set(&p->alias, name.s, name.n, p->aliased.n) >= 0)
		return wrong(p, name.s, BAD_INPUT, "%s is defined a second time", shown(p, name));
	*push(&p->scratch, &p->aliased) = alias;
	return true;
}

/* -- the module ------------------------------------------------------------------------------------------ */

static bool set_module(Parse *p, int from)
{
	int kept = from;
	for (int i = from; i < p->member.n; i++) {
		const Member *m = &p->member.v[i];
		if (strcmp(m->key, "sym_name") != 0 || m->value.kind != ANY_STR) p->member.v[kept++] = *m;
		else p->m->name = m->value.str;
	}
	p->member.n = kept;
	if (!take_members(p, from, &p->m->attr)) return false;
	if (!p->m->attr.n) p->m->attr.kind = ANY_NONE;
	return true;
}

static bool parse_braces(Parse *p)
{
	if (!want(p, '{')) return false;
	while (p->tok.kind != '}') {
		Member m;
		if (!parse_member(p, &m)) return false;
		*push(&p->scratch, &p->member) = m;
		if (!take(p, ',')) break;
	}
	return want(p, '}');
}

/* module @name attributes {...} {...}, behind the first word */
static bool parse_module_op(Parse *p)
{
	int from = p->member.n;
	if (p->tok.kind == T_SYMBOL && !parse_symbol(p, &p->m->name)) return false;
	if (take_word(p, "attributes") && !(parse_braces(p) && set_module(p, from))) return false;
	return want(p, '{') && parse_content(p, '}') && parse_loc(p);
}

/* "builtin.module"() <{sym_name = "x"}> ({...}) {...} : () -> (), behind the name */
static bool parse_generic_module(Parse *p)
{
	int from = p->member.n;
	if (!want(p, '(') || !want(p, ')')) return false;
	if (take(p, '<') && !(parse_braces(p) && want(p, '>'))) return false;
	if (!want(p, '(') || !want(p, '{')) return false;
	if (p->tok.kind == T_BLOCK && !parse_label(p)) return false;
	if (!parse_content(p, '}') || !want(p, ')') || (p->tok.kind == '{' && !parse_braces(p))) return false;
	return set_module(p, from) && want(p, ':') && want(p, '(') && want(p, ')') && want(p, T_ARROW) && want(p, '(') && want(p, ')')
	    && parse_loc(p);
}

static bool takes(Parse *p, const char *name)
{
	Token t = p->tok;
	bool quoted = t.kind == T_STRING && t.n == strlen(name) + 2 && !memcmp(t.s + 1, name, t.n - 2);
	if (quoted) advance(p);
	return quoted;
}

/* Functions, up to the closing mark, which is taken. */
static bool parse_content(Parse *p, int end)
{
	while (p->tok.kind != end) {
		bool ok = take_word(p, "func.func") ? parse_func(p) : takes(p, "func.func") ? parse_generic_func(p)
		        : p->tok.kind == T_WORD || p->tok.kind == T_STRING || p->tok.kind == T_VALUE
		        ? wrong(p, p->tok.s, UNSUPPORTED, "found %s, wanted a function", shown(p, p->tok)) : unexpected(p, "a function");
		if (!ok) return false;
	}
	advance(p);
	return true;
}

/* -- the text -------------------------------------------------------------------------------------------- */

/* One module, or functions without one around them. */
static bool parse_outside(Parse *p)
{
	bool done = false;
	while (p->tok.kind != T_END) {
		bool ok, words = take_word(p, "module") || take_word(p, "builtin.module");
		const char *at = p->tok.s;
		if (p->tok.kind == T_META) ok = parse_resources(p);
		else if (!words && (p->tok.kind == T_HASH || p->tok.kind == T_BANG)) ok = parse_alias(p);
		else if (words || takes(p, "builtin.module")) {
			if (done || p->m->func.n) return wrong(p, at, UNSUPPORTED, "a module beside something else, wanted one");
			ok = done = words ? parse_module_op(p) : parse_generic_module(p);
		} else {
			if (done) return unexpected(p, "the end");
			ok = take_word(p, "func.func") ? parse_func(p) : takes(p, "func.func") ? parse_generic_func(p)
			   : p->tok.kind == T_WORD || p->tok.kind == T_STRING
			   ? wrong(p, at, UNSUPPORTED, "found %s, wanted a module or a function", shown(p, p->tok))
			   : unexpected(p, "a module or a function");
		}
		if (!ok) return false;
	}
	return resources_there(p);
}

/* With memory, so that a place in one is a place even when nothing is there. */
static void begin_stacks(Parse *p)
{
#define BEGIN(stack) ((void)push(&p->scratch, &p->stack), p->stack.n = 0)
	BEGIN(defined), BEGIN(operand), BEGIN(type), BEGIN(region), BEGIN(number), BEGIN(any), BEGIN(member), BEGIN(token);
#undef BEGIN
}

static bool parse_text_of(Parse *p)
{
	begin_stacks(p);
	p->op.arena = p->type_text.arena = p->alias.arena = p->value.arena = &p->scratch;
	for (int i = 1; i < NOPS; i++) map_set(&p->op, vhlo_spelling((OpCode)i), strlen(vhlo_spelling((OpCode)i)), i - 1);
	if (!p->m->value.n) (void)push(p->a, &p->m->value);
	go_to(p, p->text);
	p->behind = p->text;
	return parse_outside(p) && !failed(p);
}

static bool guarded_parse(Parse *p)
{
	jmp_buf full, *around = p->m->arena.full;
	if (setjmp(full)) {
		p->m->arena.full = around;
		return fail(p->err, NO_MEMORY, "out of memory");
	}
	p->scratch.full = p->m->arena.full = &full;
	bool ok = parse_text_of(p);
	p->m->arena.full = around;
	return ok;
}

bool parse_module(Module *m, const char *name, const char *text, size_t n)
{
	if (m->err->code) return false;
	Parse p = { .m = m, .a = &m->arena, .err = m->err, .name = name, .text = text, .end = text + n };
	p.budget = ((uint64_t)1 << 20) + 64 * (uint64_t)n;
	bool ok = guarded_parse(&p);
	arena_free(&p.scratch);
	return ok;
}
