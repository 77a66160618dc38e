/* For test/test_print.py:
 *	print_tool all DIR             DIR/<case>.mlir, DIR/<op>.<n>.mlir and DIR/program.<name>.mlir: everything there is
 *	print_tool CASE                one of print_cases.c as text
 *	print_tool dense f32 2x3       a constant of that type from the bytes on standard input
 *	print_tool float f32           the raw elements on standard input, each as put_float() writes it, one a line
 *	print_tool time CASE N         microseconds for one of N prints */
#include "print_cases.h"
#include "every_op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "stablehlo/print.h"

static int report(Module *m, Buf *out, bool ok)
{
	if (m->err->code) fprintf(stderr, "%s\n", err_msg(m->err));
	else fwrite(out->p, 1, out->n, stdout);
	ok = ok && !m->err->code;
	buf_free(out);
	err_clear(m->err);
	module_free(m);
	return ok ? 0 : 1;
}

static DType dtype_named(const char *name)
{
	for (int t = 1; t < NDTYPES; t++)
		if (!strcmp(dtype_name((DType)t), name)) return (DType)t;
	return DTYPE_none;
}

static Buf read_all(void)
{
	Buf b = { 0 };
	char part[4096];
	for (size_t n; (n = fread(part, 1, sizeof part, stdin)) > 0;) put(&b, part, n);
	return b;
}

static int dense(const char *elem, const char *dims)
{
	Err err = { 0 };
	Module m = { .err = &err };
	Buf data = read_all(), out = { 0 };
	int64_t dim[8];
	int rank = 0;
	for (char *s = (char *)(uintptr_t)dims; *s && rank < 8; s += *s == 'x') dim[rank++] = strtoll(s, &s, 10);
	Func *f = func_new(&m, "main");
	Builder b = builder(&m, f);
	Value v = hlo_constant(&b, tensor_type(&m.arena, dtype_named(elem), rank, dim), data.p, data.n);
	func_return(&b, 1, &v);
	bool ok = print_module(&m, &out);
	int code = report(&m, &out, ok);
	buf_free(&data);
	return code;
}

static int floats(const char *elem)
{
	Buf data = read_all(), out = { 0 };
	DType t = dtype_named(elem);
	size_t each = dtype_nbytes(t);
	for (size_t at = 0; each && at + each <= data.n; at += each) {
		put_float(&out, t, data.p + at);
		put_byte(&out, '\n');
	}
	fwrite(out.p, 1, out.n, stdout);
	buf_free(&data);
	buf_free(&out);
	return 0;
}

/* -- modules --------------------------------------------------------------------------------------------- */

/* Builds one, saves its text as dir/name.mlir, or writes why not to standard error and counts. */
static int failures;

static void save(const char *dir, const char *name, Module *m)
{
	char path[512];
	Buf out = { 0 };
	Err err = { 0 };
	snprintf(path, sizeof path, "%s/%s.mlir", dir, name);
	bool ok = !m->err->code && print_module(m, &out) && write_file(path, out.p, out.n, &err);
	if (!ok) fprintf(stderr, "%s: %s\n", name, m->err->code ? err_msg(m->err) : err_msg(&err)), failures++;
	buf_free(&out);
	err_clear(m->err);
	err_clear(&err);
	module_free(m);
}

static int save_all(const char *dir)
{
	char name[128];
	Err err = { 0 };
	jmp_buf full;
	if (setjmp(full)) abort();
	for (const PrintCase *c = print_cases; c->name; c++) {
		Module m = { .err = &err, .arena.full = &full };
		c->build(&m);
		save(dir, c->name, &m);
	}
	for (int code = 1; code < NOPS; code++)
		for (int i = 0; i < every_op_count((OpCode)code); i++) {
			Module m = { .err = &err, .arena.full = &full };
			snprintf(name, sizeof name, "%s.%d", op_table[code].name, i);
			build_every_op((OpCode)code, i, &m);
			save(dir, name, &m);
		}
	for (int i = 0; i < program_count(); i++) {
		Module m = { .err = &err, .arena.full = &full };
		snprintf(name, sizeof name, "program.%s", program_name(i));
		build_program(i, &m);
		save(dir, name, &m);
	}
	return failures ? 1 : 0;
}

static int print_case(const PrintCase *c, int times)
{
	Err err = { 0 };
	Module m = { .err = &err };
	Buf out = { 0 };
	c->build(&m);
	bool ok = !err.code;
	clock_t start = clock();
	for (int i = 0; ok && i < times; i++) {
		out.n = 0;
		ok = print_module(&m, &out);
	}
	double us = (double)(clock() - start) / CLOCKS_PER_SEC * 1e6 / times;
	if (times > 1) printf("%.1f us, %zu bytes\n", us, out.n), out.n = 0;
	return report(&m, &out, ok);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "dense")) return dense(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "float")) return floats(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "all")) return save_all(argv[2]);
	bool timing = argc == 4 && !strcmp(argv[1], "time");
	for (const PrintCase *c = print_cases; argc > 1 && c->name; c++)
		if (!strcmp(c->name, argv[timing ? 2 : 1])) return print_case(c, timing ? atoi(argv[3]) : 1);
	return fprintf(stderr, "usage: print_tool all DIR | CASE | dense TYPE DIMS | float TYPE | time CASE N\n"), 2;
}
