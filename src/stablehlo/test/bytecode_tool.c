/* Writes the modules of every_op.h as bytecode, for test/test_bytecode.py.
 *
 *	bytecode_tool DIR VERSION...     DIR/<op>.<n>.mlir and DIR/<op>.<n>.<version>.bc, and the same of program.<name>; .err with
 *	                                 the message where the target cannot express the module
 *	bytecode_tool --needs            "<op>.<n> <version>" for each
 *	bytecode_tool --memory           each, with the first allocation failing, then the second, until it is written
 *	bytecode_tool --time NAME        microseconds that writing one program takes for release 1.0.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "every_op.h"

typedef struct Each { OpCode code; int which; const char *name; } Each;
typedef void Visit(const Each *e, Module *m, void *data);

/* Visits every module, freshly built. */
static void visit(const Each *e, Visit *f, void *data)
{
	Err err = { 0 };
	Module m = { .err = &err };
	jmp_buf full;
	if (setjmp(full)) abort();
	m.arena.full = &full;
	if (e->code) build_every_op(e->code, e->which, &m);
	else build_program(e->which, &m);
	if (err.code) {
		fprintf(stderr, "%s: %s\n", e->name, err_msg(&err));
		exit(1);
	}
	f(e, &m, data);
	err_clear(&err);
	module_free(&m);
}

static void visit_all(Visit *f, void *data)
{
	char name[128];
	for (int code = 1; code < NOPS; code++)
		for (int i = 0; i < every_op_count((OpCode)code); i++) {
			snprintf(name, sizeof name, "%s.%d", op_table[code].name, i);
			visit(&(Each){ (OpCode)code, i, name }, f, data);
		}
	for (int i = 0; i < program_count(); i++) {
		snprintf(name, sizeof name, "program.%s", program_name(i));
		visit(&(Each){ OP_none, i, name }, f, data);
	}
}

/* dir/name<.version>.kind; what went wrong with m instead when it did. */
static void save_one(const char *dir, const Each *e, const char *version, const char *kind, Module *m, Buf *out)
{
	char path[512];
	Err err = { 0 };
	if (m->err->code) {
		buf_free(out);
		put_str(out, err_msg(m->err));
		err_clear(m->err);
		kind = "err";
	}
	snprintf(path, sizeof path, "%s/%s%s%s.%s", dir, e->name, *version ? "." : "", version, kind);
	if (!write_file(path, out->p, out->n, &err)) fprintf(stderr, "%s\n", err_msg(&err)), exit(1);
	buf_free(out);
}

static void save(const Each *e, Module *m, void *data)
{
	char **arg = data;
	Buf out = { 0 };
	print_module(m, &out);
	save_one(arg[0], e, "", "mlir", m, &out);
	for (char **v = arg + 1; *v; v++) {
		Version target;
		if (!version_parse(*v, &target)) exit(2);
		write_bytecode(m, target, &out);
		save_one(arg[0], e, *v, "bc", m, &out);
	}
}

static void needs(const Each *e, Module *m, void *data)
{
	(void)data;
	Version v = version_needed(m);
	printf("%s %d.%d.%d\n", e->name, v.major, v.minor, v.patch);
}

static void starve(const Each *e, Module *m, void *data)
{
	int *failures = data;
	bool ok = false;
	for (int n = 1; !ok; n++) {
		Buf out = { 0 };
		arena_fail_at = n;
		ok = write_bytecode(m, current_version, &out);
		arena_fail_at = 0;
		if (!ok && m->err->code != NO_MEMORY) fprintf(stderr, "%s: %s\n", e->name, err_msg(m->err)), exit(1);
		*failures += !ok;
		err_clear(m->err);
		buf_free(&out);
	}
}

static void clock_one(const Each *e, Module *m, void *data)
{
	if (strcmp(e->name + strcspn(e->name, ".") + 1, data)) return;
	enum { RUNS = 200 };
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	size_t n = 0;
	for (int i = 0; i < RUNS; i++) {
		Buf out = { 0 };
		if (!write_bytecode(m, (Version){ 1, 0, 0 }, &out)) exit(1);
		n = out.n;
		buf_free(&out);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	double us = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
	printf("%s: %zu bytes, %.1f us\n", e->name, n, us / RUNS);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--needs")) visit_all(needs, NULL);
	else if (argc == 2 && !strcmp(argv[1], "--memory")) {
		int failures = 0;
		visit_all(starve, &failures);
		printf("%d failures told\n", failures);
	} else if (argc == 3 && !strcmp(argv[1], "--time")) visit_all(clock_one, argv[2]);
	else if (argc > 2) visit_all(save, argv + 1);
	else return fprintf(stderr, "usage: bytecode_tool DIR VERSION... | --needs | --memory | --time NAME\n"), 2;
	return 0;
}
