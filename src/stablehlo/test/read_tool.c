/* Reads bytecode, for test/test_read.py. Of each line "FILE VERSION OUT" of standard input, reads FILE, verifies it, prints its
 * text into OUT.mlir and writes it for VERSION into OUT.bc ("-": does not); OUT.err has the message of what went wrong.
 *
 *	read_tool            the above
 *	read_tool --raw      without verifying first
 *	read_tool --locations      with the locations
 *	read_tool --memory FILE    with the first allocation failing, then the second, until it is read
 *	read_tool --time FILE      microseconds that reading takes */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "stablehlo/stablehlo.h"

static void save(const char *out, const char *kind, const void *p, size_t n)
{
	char path[1100];
	Err err = { 0 };
	snprintf(path, sizeof path, "%s.%s", out, kind);
	if (!write_file(path, p, n, &err)) fprintf(stderr, "%s\n", err_msg(&err)), exit(1);
}

/* No more memory must be told, and not end here. */
static bool read_file(Module *m, const FileMap *f)
{
	jmp_buf full;
	if (setjmp(full)) abort();
	m->arena.full = &full;
	return read_bytecode(m, f->p, f->n);
}

static void check(Module *m, const FileMap *f, const char *version, const char *out, bool raw)
{
	Version target;
	Buf text = { 0 }, bytes = { 0 };
	jmp_buf full;
	if (setjmp(full)) abort();
	m->arena.full = &full;
	bool ok = read_bytecode(m, f->p, f->n) && (raw || verify(m)) && print_module(m, &text);
	if (ok) save(out, "mlir", text.p, text.n);
	if (ok && version_parse(version, &target) && write_bytecode(m, target, &bytes)) save(out, "bc", bytes.p, bytes.n);
	if (m->err->code) save(out, "err", err_msg(m->err), strlen(err_msg(m->err)));
	buf_free(&text);
	buf_free(&bytes);
}

static void each(const char *path, const char *version, const char *out, bool raw, bool locations)
{
	Err err = { 0 };
	FileMap f = { 0 };
	if (!map_file(&f, path, &err)) fprintf(stderr, "%s\n", err_msg(&err)), exit(1);
	Module m = { .err = &err, .keep_locs = locations };
	check(&m, &f, version, out, raw);
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
		Module m = { .err = &err, .keep_locs = true };
		arena_fail_at = n;
		ok = read_file(&m, &f);
		arena_fail_at = 0;
		if (!ok && err.code != NO_MEMORY) return fprintf(stderr, "%s\n", err_msg(&err)), 1;
		failures += !ok;
		err_clear(&err);
		module_free(&m);
	}
	unmap_file(&f);
	return printf("%d failures told\n", failures), 0;
}

static int clock_one(const char *path)
{
	enum { RUNS = 20 };
	Err err = { 0 };
	FileMap f = { 0 };
	struct timespec a, b;
	if (!map_file(&f, path, &err)) return 1;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < RUNS; i++) {
		Module m = { .err = &err };
		if (!read_file(&m, &f)) return fprintf(stderr, "%s\n", err_msg(&err)), 1;
		module_free(&m);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	double us = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
	printf("%zu bytes, %.1f us, %.0f MB/s\n", f.n, us / RUNS, (double)f.n * RUNS / us);
	unmap_file(&f);
	return 0;
}

int main(int argc, char **argv)
{
	char path[1024], version[32], out[1024];
	bool raw = argc == 2 && !strcmp(argv[1], "--raw"), locations = argc == 2 && !strcmp(argv[1], "--locations");
	if (argc == 3 && !strcmp(argv[1], "--memory")) return starve(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "--time")) return clock_one(argv[2]);
	if (argc != 1 + (raw || locations))
		return fprintf(stderr, "usage: read_tool [--raw | --locations] < lines | --memory FILE | --time FILE\n"), 2;
	while (scanf("%1023s %31s %1023s", path, version, out) == 3) each(path, version, out, raw, locations);
	return 0;
}
