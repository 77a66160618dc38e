/* aten_t [--update | --nomem | --print] FILE.t...
 *
 * Cases are separated by =====; a case is its name, a program (read_t.h), -----, and the function that it becomes, or
 * "----- error CODE" and the message. --update writes what comes out into the file; --nomem runs every case with the first
 * allocation failing, then the second, and so on; --print gives "# name" and the module of every case that has one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aten/lower.h"
#include "read_t.h"

static const char *const codes[] = { "OK", "BAD_INPUT", "UNSUPPORTED", "NO_MEMORY", "IO", "PLUGIN" };

/* Text between two places. */
typedef struct Text { const char *p; size_t n; } Text;

typedef struct Case { Text head, name, program, result; } Case;      /* head: comments; result: from the ----- line on */

/* -- one case -------------------------------------------------------------------------------------------- */

static bool is_listed(const Names *l, const char *s)
{
	for (int i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], s)) return true;
	return false;
}

static bool check_mutations(const Program *p, const Names *mutated, Err *e)
{
	int n = 0;
	for (int i = 0; i < p->noutput; i++) {
		if (p->output[i].kind == OUTPUT_USER) continue;
		n++;
		if (!is_listed(mutated, p->output[i].target)) return fail(e, BAD_INPUT, "the program writes '%s'", p->output[i].target);
	}
	return n == mutated->n || fail(e, BAD_INPUT, "the program writes %d inputs, not %d", n, mutated->n);
}

static bool convert(Program *p, Module *m, Text text, Buf *out)
{
	Names mutated = { 0 };
	LowerOptions opt = { 0 };
	Lowered lowered;
	return read_t(p, text.p, text.n, &mutated, m->err) && functionalize(p, m->err) && check_mutations(p, &mutated, m->err)
	    && check_ops(p, &opt, m->err) && lower(p, m, &opt, &lowered) && verify(m) && print_module(m, out);
}

/* Without "module {" and "}" and their indent. */
static void put_function(Buf *out, const Buf *module)
{
	const char *at = (const char *)module->p, *end = at + module->n;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((stop ? stop : end) - at);
		if (n >= 2 && !strncmp(at, "  ", 2)) putf(out, "%.*s\n", (int)n - 2, at + 2);
		at += n + 1;
	}
}

/* What the case gives, as the file has it; module (may be NULL) receives the module's text. */
static Code run(Text program, Buf *result, Buf *module)
{
	Err e = { 0 };
	Module m = { .err = &e };
	Buf text = { 0 };
	Program *p = program_new(&e);
	jmp_buf full;
	if (p && !setjmp(full)) {
		p->arena.full = m.arena.full = &full;
		convert(p, &m, program, &text);
	} else {
		fail(&e, NO_MEMORY, "out of memory");
	}
	Code code = e.code;
	if (code) {
		putf(result, "----- error %s\n%s\n", codes[code], err_msg(&e));
	} else {
		put_str(result, "-----\n");
		put_function(result, &text);
		if (module) put(module, text.p, text.n);
	}
	buf_free(&text);
	module_free(&m);
	program_free(p);
	err_clear(&e);
	return code;
}

/* -- the file -------------------------------------------------------------------------------------------- */

static size_t line_length(Text t)
{
	const char *end = t.n ? memchr(t.p, '\n', t.n) : NULL;
	return end ? (size_t)(end - t.p) + 1 : t.n;
}

static Text rest(Text t, size_t n) { return (Text){ t.p + n, t.n - n }; }
static Text until(Text from, Text to) { return (Text){ from.p, (size_t)(to.p - from.p) }; }
static bool begins(Text t, const char *s) { return t.n >= strlen(s) && !memcmp(t.p, s, strlen(s)); }

/* The next case of *t, which moves behind it. */
static bool next_case(Text *t, Case *c)
{
	if (!t->n) return false;
	Text at = *t;
	while (at.n && (*at.p == '#' || *at.p == '\n')) at = rest(at, line_length(at));
	c->head = until(*t, at);
	c->name = at;
	at = rest(at, line_length(at));
	c->name = until(c->name, at);
	c->program = at;
	while (at.n && !begins(at, "-----") && !begins(at, "=====")) at = rest(at, line_length(at));
	c->program = until(c->program, at);
	c->result = at;
	while (at.n && !begins(at, "=====")) at = rest(at, line_length(at));
	c->result = until(c->result, at);
	*t = at.n ? rest(at, line_length(at)) : at;
	return true;
}

static void show_difference(const Case *c, Text got)
{
	printf("failed: %.*s", (int)c->name.n, c->name.p);
	for (Text a = c->result, b = got; a.n || b.n;) {
		size_t na = line_length(a), nb = line_length(b);
		bool same = na == nb && !memcmp(a.p, b.p, na);
		if (na && !same) printf("  - %.*s", (int)na, a.p);
		if (nb && !same) printf("  + %.*s", (int)nb, b.p);
		a = rest(a, na);
		b = rest(b, nb);
	}
}

/* The case with allocation 1, 2, ... failing, until it gives what it gives with memory. */
static bool survives(const Case *c, Text want)
{
	for (long i = 1; i < 10000; i++) {
		Buf got = { 0 };
		arena_fail_at = i;
		Code code = run(c->program, &got, NULL);
		bool used = arena_fail_at == 0;
		arena_fail_at = 0;
		bool same = got.n == want.n && !memcmp(got.p, want.p, want.n);
		buf_free(&got);
		if (!used) return same;
		if (code != NO_MEMORY) return false;
	}
	return false;
}

typedef struct Tally { int passed, failed; bool update, nomem, print; } Tally;

static void run_case(Tally *t, const Case *c, Buf *file)
{
	Buf got = { 0 }, module = { 0 };
	run(c->program, &got, &module);
	Text text = { (const char *)got.p, got.n };
	bool good = t->nomem ? survives(c, text) : t->update || (text.n == c->result.n && !memcmp(text.p, c->result.p, text.n));
	if (!good && t->nomem) printf("failed: %.*s", (int)c->name.n, c->name.p);
	else if (!good) show_difference(c, text);
	if (t->print && module.n) printf("# %.*s%.*s", (int)c->name.n, c->name.p, (int)module.n, (const char *)module.p);
	putf(file, "%.*s%.*s%.*s", (int)c->head.n, c->head.p, (int)c->name.n, c->name.p, (int)c->program.n, c->program.p);
	put(file, text.p, text.n);
	t->passed += good;
	t->failed += !good;
	buf_free(&got);
	buf_free(&module);
}

static bool read_whole(const char *path, Buf *out)
{
	char block[4096];
	FILE *f = fopen(path, "rb");
	if (!f) return false;
	for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) put(out, block, n);
	return !fclose(f) && !out->failed;
}

static bool run_file(Tally *t, const char *path)
{
	Buf in = { 0 }, out = { 0 };
	if (!read_whole(path, &in)) return fprintf(stderr, "%s: cannot be read\n", path), false;
	Case c;
	for (Text at = { (const char *)in.p, in.n }; next_case(&at, &c);) {
		if (out.n) put_str(&out, "=====\n");
		run_case(t, &c, &out);
	}
	bool ok = true;
	if (t->update) {
		FILE *f = fopen(path, "wb");
		ok = f && fwrite(out.p, 1, out.n, f) == out.n;
		if (f && fclose(f)) ok = false;
	}
	buf_free(&in);
	buf_free(&out);
	return ok;
}

int main(int argc, char **argv)
{
	Tally t = { 0 };
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--update")) t.update = true;
		else if (!strcmp(argv[i], "--nomem")) t.nomem = true;
		else if (!strcmp(argv[i], "--print")) t.print = true;
		else if (!run_file(&t, argv[i])) return 2;
	}
	fprintf(t.print ? stderr : stdout, "%d passed, %d failed\n", t.passed, t.failed);
	return t.failed > 0;
}
