/* Text in and out: text [FILE ...]. Of each file (else of a module of 20,000 ops, and one with 4 MB of constants in hexadecimal), a line:
 * bytes, and MB/s of parsing, verifying and printing, on one core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "stablehlo/stablehlo.h"

typedef struct Times { double parse, verify, print; } Times;

/* Of the processor, that of others not counted. */
static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool once(Module *m, const char *name, const char *text, size_t n, Times *t)
{
	Buf out = { 0 };
	jmp_buf full;
	if (setjmp(full)) return fail(m->err, NO_MEMORY, "out of memory");
	m->arena.full = &full;
	double a = now();
	if (!parse_module(m, name, text, n)) return false;
	double b = now();
	if (!verify(m)) return false;
	double c = now();
	print_module(m, &out);
	double d = now();
	buf_free(&out);
	t->parse += b - a;
	t->verify += c - b;
	t->print += d - c;
	return true;
}

static int measure(const char *name, const char *text, size_t n)
{
	enum { RUNS = 10 };
	Times t = { 0 };
	for (int i = 0; i < RUNS; i++) {
		Err err = { 0 };
		Module m = { .err = &err };
		if (!once(&m, name, text, n, &t)) return fprintf(stderr, "%s\n", err_msg(&err)), 1;
		module_free(&m);
	}
	double mb = 1e-6 * (double)n * RUNS;
	printf("%-12s %10zu %9.0f %9.0f %9.0f\n", name, n, mb / t.parse, mb / t.verify, mb / t.print);
	return 0;
}

/* Ops as programs have them: short ones, with attributes, with regions. */
static void put_ops(Buf *b)
{
	put_str(b, "func.func @main(%arg0: tensor<8x64xf32>, %arg1: tensor<64x64xf32>) -> tensor<8x64xf32> {\n"
		"  %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>\n  %x0 = stablehlo.negate %arg0 : tensor<8x64xf32>\n");
	for (int i = 0; i < 4000; i++)
		putf(b, "  %%a%d = stablehlo.dot_general %%x%d, %%arg1, contracting_dims = [1] x [0] : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>\n"
			"  %%b%d = stablehlo.add %%a%d, %%x%d : tensor<8x64xf32>\n"
			"  %%c%d = stablehlo.reduce(%%b%d init: %%cst) applies stablehlo.add across dimensions = [1] : (tensor<8x64xf32>, tensor<f32>) -> tensor<8xf32>\n"
			"  %%d%d = stablehlo.broadcast_in_dim %%c%d, dims = [0] : (tensor<8xf32>) -> tensor<8x64xf32>\n"
			"  %%x%d = stablehlo.divide %%b%d, %%d%d : tensor<8x64xf32>\n", i, i, i, i, i, i, i, i, i, i + 1, i, i);
	put_str(b, "  return %x4000 : tensor<8x64xf32>\n}\n");
}

static void put_constants(Buf *b)
{
	put_str(b, "func.func @main() -> tensor<500000xf32> {\n  %cst = stablehlo.constant dense<\"0x");
	for (int i = 0; i < 500000; i++) putf(b, "%08X", (unsigned)i * 2654435761u);
	put_str(b, "\"> : tensor<500000xf32>\n  return %cst : tensor<500000xf32>\n}\n");
}

static int measure_made(const char *name, void make(Buf *))
{
	Buf b = { 0 };
	make(&b);
	int code = b.failed ? 1 : measure(name, (const char *)b.p, b.n);
	buf_free(&b);
	return code;
}

static int measure_file(const char *path)
{
	Err err = { 0 };
	FileMap f;
	if (!map_file(&f, path, &err)) return fprintf(stderr, "%s\n", err_msg(&err)), 1;
	int code = measure(path, (const char *)f.p, f.n);
	unmap_file(&f);
	return code;
}

int main(int argc, char **argv)
{
	puts("name              bytes     parse    verify     print   MB/s");
	int code = 0;
	for (int i = 1; i < argc; i++) code |= measure_file(argv[i]);
	return argc > 1 ? code : measure_made("ops", put_ops) | measure_made("constants", put_constants);
}
