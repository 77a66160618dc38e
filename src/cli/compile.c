/* torch-stablehlo compile: a program into the cache that run and other processes load it from. */
#include <stdio.h>

#include "cli.h"

static int compile_sizes(Job *j, const Args *a, tshlo_error *e)
{
	double took;
	int code = feed_files(&j->feed, j->m, a->method, &a->input);
	if (code) return code;
	return run_once(j, &took, e) ? EXIT_GOOD : report(e);
}

static int compile_job(Job *j, const Args *a, tshlo_error *e)
{
	double start = seconds();
	int code = job_compile(j, a, e);
	if (!code && a->input.n) code = compile_sizes(j, a, e);
	if (code) return code;
	if (!tshlo_runner_nkept(j->runner))
		return complain(EXIT_BAD_INPUT, "%s: its sizes are open: give them by --dim, or inputs that have them by --input", a->file);
	printf("%s for %s, %s in %.2f s\n", tshlo_runner_ncompiled(j->runner) ? "compiled" : "there already",
		tshlo_device_platform(j->device), tshlo_device_name(j->device), seconds() - start);
	return EXIT_GOOD;
}

static int compile_with(const Args *a, const tshlo_convert_options *opt)
{
	Job j;
	tshlo_error e = { 0 };
	int code = job_new(&j, a, open_model(a->file, opt, &e), &e);
	if (!code) code = compile_job(&j, a, &e);
	job_free(&j);
	return code;
}

static int compile(const Args *a)
{
	Conversion c;
	if (!a->cache) return complain(EXIT_USAGE, "compile: --cache DIR is missing");
	int code = conversion_new(&c, &compile_command, a);
	if (code) return code;
	code = compile_with(a, &c.opt);
	conversion_free(&c);
	return code;
}

static const Option options[] = {
	{ "cache",   0,  OPTION_ONE,   offsetof(Args, cache),   "DIR",         "where it goes; made when it is not there" },
	{ "input",  'i', OPTION_MANY,  offsetof(Args, input),   "[NAME=]FILE", "inputs as for run: of a program with open sizes,\nthose of these are compiled" },
	{ "plugin",  0,  OPTION_ONE,   offsetof(Args, plugin),  "P",           "PJRT plugin: a path, or a name such as cpu,\ncuda, tpu (cpu)" },
	{ "method",  0,  OPTION_ONE,   offsetof(Args, method),  "NAME",        "which function of a directory with several" },
	{ "untuned", 0,  OPTION_FLAG,  offsetof(Args, untuned), NULL,          "as it was converted, for run --untuned" },
	CONVERSION_OPTIONS,
	{ 0 },
};

const Command compile_command = { .name = "compile", .operand = "X.pt2|DIR|X.mlir[.bc]", .run = compile, .option = options,
	.summary = "compile a program for a device, ahead",
	.notes = "run, verify and Python programs with the same --cache load what is there\ninstead of compiling it, with the same plugin on the same kind of machine.\n" };
