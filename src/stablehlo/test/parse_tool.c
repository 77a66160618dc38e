/* Reads text, for test/test_parse.py. Of each line "FILE OUT" of standard input, parses FILE, verifies it and prints it into
 * OUT.mlir; OUT.err has the message of what went wrong.
 *
 *	parse_tool            the above
 *	parse_tool --raw ...      without verifying
 *	parse_tool [--raw] --bytecode VERSION      and writes the artifact for VERSION into OUT.bc
 *	parse_tool --memory FILE    with the first allocation failing, then the second, until it is read */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "stablehlo/stablehlo.h"

typedef struct Options { bool raw; const char *version; } Options;

static void save(const char *out, const char *kind, const void *p, size_t n)
{
	char path[1100];
	Err err = { 0 };
	snprintf(path, sizeof path, "%s.%s", out, kind);
	if (!write_file(path, p, n, &err)) fprintf(stderr, "%s\n", err_msg(&err)), exit(1);
}

/* Messages name the file without its place. */
static bool parse_file(Module *m, const char *path, const FileMap *f)
{
	const char *slash = strrchr(path, '/');
	jmp_buf full;
	if (setjmp(full)) abort();
	m->arena.full = &full;
	return parse_module(m, slash ? slash + 1 : path, (const char *)f->p, f->n);
}

static void check(Module *m, const char *path, const FileMap *f, const char *out, Options o)
{
	Version target;
	Buf text = { 0 }, bytes = { 0 };
	bool ok = parse_file(m, path, f);
	jmp_buf full;
	if (setjmp(full)) abort();
	m->arena.full = &full;
	ok = ok && (o.raw || verify(m)) && print_module(m, &text);
	if (ok) save(out, "mlir", text.p, text.n);
	if (ok && o.version && version_parse(o.version, &target) && write_bytecode(m, target, &bytes)) save(out, "bc", bytes.p, bytes.n);
	if (m->err->code) save(out, "err", err_msg(m->err), strlen(err_msg(m->err)));
	buf_free(&text);
	buf_free(&bytes);
}

static void each(const char *path, const char *out, Options o)
{
	Err err = { 0 };
	FileMap f = { 0 };
	if (!map_file(&f, path, &err)) fprintf(stderr, "%s\n", err_msg(&err)), exit(1);
	Module m = { .err = &err };
	check(&m, path, &f, out, o);
	module_free(&m);
	err_clear(&err);
	unmap_file(&f);
}

static int starve(const char *path)
{
	Err err = { 0 };
	FileMap f = { 0 };
	bool ok = false;
	int failures = 0;
	if (!map_file(&f, path, &err)) return 1;
	for (int n = 1; !ok; n++) {
		Module m = { .err = &err };
		arena_fail_at = n;
		ok = parse_file(&m, path, &f);
		arena_fail_at = 0;
		if (!ok && err.code != NO_MEMORY) return fprintf(stderr, "%s\n", err_msg(&err)), 1;
		failures += !ok;
		err_clear(&err);
		module_free(&m);
	}
	unmap_file(&f);
	return printf("%d failures told\n", failures), 0;
}

int main(int argc, char **argv)
{
	char path[1024], out[1024];
	Options o = { 0 };
	int i = 1;
	if (argc == 3 && !strcmp(argv[1], "--memory")) return starve(argv[2]);
	if (i < argc && !strcmp(argv[i], "--raw")) o.raw = true, i++;
	if (i + 1 < argc && !strcmp(argv[i], "--bytecode")) o.version = argv[i + 1], i += 2;
	if (i != argc)
		return fprintf(stderr, "usage: parse_tool [--raw] [--bytecode VERSION] < lines | --memory FILE\n"), 2;
	while (scanf("%1023s %1023s", path, out) == 2) each(path, out, o);
	return 0;
}
