/* torch-stablehlo run: a program on a device, tensors in and out as .npy files. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* -- running --------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static bool run_often(Job *j, int64_t n, tshlo_error *e)
{
	double first, *took = calloc((size_t)n, sizeof *took);
	bool ok = took && run_once(j, &first, e);
	for (int64_t i = 0; ok && i < n; i++) ok = run_once(j, &took[i], e);
	progress(NULL);
	if (ok) {
		qsort(took, (size_t)n, sizeof *took, by_value);
		printf("first run %.3f ms, then %lld: median %.3f ms, fastest %.3f ms, slowest %.3f ms\n", 1e3 * first,
			(long long)n, 1e3 * took[n / 2], 1e3 * took[0], 1e3 * took[n - 1]);
	}
	free(took);
	return ok;
}

static int run_all(Job *j, const Args *a, tshlo_error *e)
{
	double took;
	int code = job_compile(j, a, e);
	if (code) return code;
	progress("running");
	bool ok = a->repeat ? run_often(j, a->repeat, e) : run_once(j, &took, e);
	ok = ok && fetch_results(&j->results, e);
	progress(NULL);
	return ok ? EXIT_GOOD : report(e);
}

/* -- results --------------------------------------------------------------------------------------------- */

static void show_outputs(const Results *r)
{
	for (int i = 0; i < r->n; i++) {
		put_label(&r->v[i]);
		fputs("  ", stdout);
		put_head(&r->v[i].t, 6);
		putchar('\n');
	}
}

/* One of two outputs would be lost. */
static int check_files(const char **file, int n)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			if (!strcmp(file[i], file[k])) return complain(EXIT_USAGE, "run: two outputs go to one file: %s", file[i]);
	return EXIT_GOOD;
}

/* All that can be wrong with the command is found before anything is compiled. */
static int run_job(Job *j, const Args *a, Result **which, const char **file, tshlo_error *e)
{
	int code = match_results("--output", &a->output, &j->results, which, file);
	if (!code) code = check_files(file, a->output.n);
	if (!code) code = feed_files(&j->feed, j->m, a->method, &a->input);
	if (!code) code = run_all(j, a, e);
	if (code) return code;
	for (int i = 0; i < a->output.n; i++)
		if (!tshlo_npy_write(file[i], &which[i]->t, e)) return report(e);
	if (!a->output.n) show_outputs(&j->results);
	return EXIT_GOOD;
}

static int run_with(const Args *a, const tshlo_convert_options *opt)
{
	Job j;
	tshlo_error e = { 0 };
	int code = job_new(&j, a, open_model(a->file, opt, &e), &e);
	Result **which = calloc((size_t)a->output.n + 1, sizeof *which);
	const char **file = calloc((size_t)a->output.n + 1, sizeof *file);
	if (!code && !(which && file)) code = complain(EXIT_SYSTEM, "out of memory");
	if (!code) code = run_job(&j, a, which, file, &e);
	free(which);
	free(file);
	job_free(&j);
	return code;
}

static int run(const Args *a)
{
	Conversion c;
	int code = conversion_new(&c, &run_command, a);
	if (code) return code;
	code = run_with(a, &c.opt);
	conversion_free(&c);
	return code;
}

static const Option options[] = {
	{ "input",  'i', OPTION_MANY,  offsetof(Args, input),  "[NAME=]FILE", "an input, a .npy file; once for each input,\nin order, or by name or number" },
	{ "output", 'o', OPTION_MANY,  offsetof(Args, output), "[N=]FILE",    "where an output goes, as .npy; once for each\noutput, in order, or by number; without it\nthe head of each output is shown" },
	{ "engine",  0,  OPTION_ONE,   offsetof(Args, engine), "NAME",        "plugin, or reference: evaluated op by op by the\nspecification, slowly, without a plugin (plugin)" },
	{ "plugin",  0,  OPTION_ONE,   offsetof(Args, plugin), "P",           "PJRT plugin: a path, or a name such as cpu,\ncuda, tpu (cpu)" },
	{ "method",  0,  OPTION_ONE,   offsetof(Args, method), "NAME",        "which function of a directory with several" },
	{ "repeat",  0,  OPTION_COUNT, offsetof(Args, repeat), "N",           "after a first run, run N times more and tell\nhow long it takes" },
	{ "cache",   0,  OPTION_ONE,   offsetof(Args, cache),  "DIR",         "compiled programs: loaded from there, or put\nthere (TORCH_STABLEHLO_CACHE)" },
	{ "untuned", 0,  OPTION_FLAG,  offsetof(Args, untuned), NULL,         "run the program as it was converted" },
	CONVERSION_OPTIONS,
	{ 0 },
};

const Command run_command = { .name = "run", .operand = "X.pt2|DIR|X.mlir[.bc]", .run = run, .option = options,
	.summary = "run a program on a device",
	.notes = "A FILE whose name has a '=' is written with its folder: ./a=b.npy. Outputs are\n"
		"written after all have been computed.\n" };
