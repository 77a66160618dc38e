/* tune_tool PASS FIXED < bytecode > bytecode: scale, layout, each or once of the module on stdin, whose first FIXED arguments are weights.
 * Where the arguments come from goes to stderr: "each 3 ~0". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tune/tune.h"

static void read_all(Buf *b, FILE *f)
{
	char chunk[65536];
	for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) put(b, chunk, n);
}

static void say(const char *what, int n, const int *argument)
{
	fprintf(stderr, "%s", what);
	for (int i = 0; i < n; i++) fprintf(stderr, argument[i] < 0 ? " ~%d" : " %d", argument[i] < 0 ? ~argument[i] : argument[i]);
	fprintf(stderr, "\n");
}

static bool apply(const char *pass, const Buf *in, Module *m, int nfixed, Module *to, Module *other)
{
	jmp_buf full;
	if (setjmp(full)) abort();
	m->arena.full = to->arena.full = other->arena.full = &full;
	if (!read_bytecode(m, in->p, in->n) || !verify(m)) return false;
	const Func *f = main_function(m);
	bool *fixed = NEW(&m->arena, bool, f->narg + 1);
	for (int i = 0; i < nfixed && i < f->narg; i++) fixed[i] = true;
	if (!strcmp(pass, "scale")) return scales_into_weights(m, f, fixed, to);
	if (!strcmp(pass, "layout")) return channels_last(m, f, to);
	Split s;
	bool each = !strcmp(pass, "each");
	if (!split(m, f, fixed, each ? to : other, each ? other : to, &s)) return false;
	say("each", s.nargument, s.argument);
	say("once", s.nonce, s.once);
	return true;
}

static bool written(Module *to, Buf *out)
{
	jmp_buf full;
	if (setjmp(full)) abort();
	to->arena.full = &full;
	return verify(to) && write_bytecode(to, version_needed(to), out);
}

int main(int argc, char **argv)
{
	Err err = { 0 };
	Module m = { .err = &err, .keep_locs = true }, to = { .err = &err }, other = { .err = &err };
	Buf in = { 0 }, out = { 0 };
	if (argc != 3) return 2;
	read_all(&in, stdin);
	bool ok = apply(argv[1], &in, &m, atoi(argv[2]), &to, &other) && written(&to, &out);
	if (ok) fwrite(out.p, 1, out.n, stdout);
	else fprintf(stderr, "%s\n", err_msg(&err));
	module_free(&m);
	module_free(&to);
	module_free(&other);
	err_clear(&err);
	buf_free(&in);
	buf_free(&out);
	return !ok;
}
