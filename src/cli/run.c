/* torch-stablehlo run: a program on a device, tensors in and out as .npy files. */
#include <stdlib.h>

#include "cli.h"

typedef struct Run {
	const Args *a;
	tshlo_model *m;
	tshlo_device *device;
	tshlo_runner *runner;
	Feed feed;
	Results results;
	Result **which;              /* [a->output.n] */
	const char **file;           /* [a->output.n] */
} Run;

static void run_free(Run *r)
{
	results_free(&r->results);
	feed_free(&r->feed);
	tshlo_runner_free(r->runner);
	tshlo_device_close(r->device);
	tshlo_model_free(r->m);
	free(r->which);
	free(r->file);
}

/* All that can be wrong with the command is found before anything is compiled. */
static int prepare(Run *r, tshlo_error *e)
{
	const Args *a = r->a;
	size_t nout = (size_t)a->output.n + 1;
	r->m = open_model(a->file, NULL, e);
	if (!r->m) return report(e);
	int code = check_method(r->m, a->method);
	if (code) return code;
	r->which = calloc(nout, sizeof *r->which);
	r->file = calloc(nout, sizeof *r->file);
	if (!r->which || !r->file || !feed_new(&r->feed, r->m, a->method) || !results_new(&r->results, r->m, a->method))
		return complain(EXIT_SYSTEM, "out of memory");
	code = match_results("--output", &a->output, &r->results, r->which, r->file);
	return code ? code : feed_files(&r->feed, r->m, a->method, &a->input);
}

/* -- running ------------------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static bool repeat(Run *r, tshlo_error *e)
{
	int64_t n = r->a->repeat;
	double first, *took = calloc((size_t)n, sizeof *took);
	bool ok = took && run_once(r->runner, &r->feed, &r->results, &first, e);
	for (int64_t i = 0; ok && i < n; i++) ok = run_once(r->runner, &r->feed, &r->results, &took[i], e);
	progress(NULL);
	if (ok) {
		qsort(took, (size_t)n, sizeof *took, by_value);
		printf("first run %.3f ms, then %lld: median %.3f ms, fastest %.3f ms, slowest %.3f ms\n", 1e3 * first, (long long)n,
			1e3 * took[n / 2], 1e3 * took[0], 1e3 * took[n - 1]);
	}
	free(took);
	return ok;
}

static bool run_all(Run *r, tshlo_error *e)
{
	double took;
	progress("compiling");
	r->runner = tshlo_compile(r->m, r->a->method, r->device, e);
	if (!r->runner) return false;
	progress("running");
	return (r->a->repeat ? repeat(r, e) : run_once(r->runner, &r->feed, &r->results, &took, e)) && fetch_results(&r->results, e);
}

/* -- results ------------------------------------------------------------------------------------------------------------------- */

static bool write_outputs(Run *r, tshlo_error *e)
{
	for (int i = 0; i < r->a->output.n; i++)
		if (!tshlo_npy_write(r->file[i], &r->which[i]->t, e)) return false;
	return true;
}

static void show_outputs(const Run *r)
{
	for (int i = 0; i < r->results.n; i++) {
		put_label(&r->results.v[i]);
		fputs("  ", stdout);
		put_head(&r->results.v[i].t, 6);
		putchar('\n');
	}
}

static int run_prepared(Run *r, tshlo_error *e)
{
	r->device = tshlo_device_open(r->a->plugin, 0, e);
	if (!r->device) return report_plugin(e);
	bool ok = run_all(r, e);
	progress(NULL);
	if (!ok || !write_outputs(r, e)) return report(e);
	if (!r->a->output.n) show_outputs(r);
	return EXIT_GOOD;
}

static int run(const Args *a)
{
	Run r = { .a = a };
	tshlo_error e = { 0 };
	int code = prepare(&r, &e);
	if (!code) code = run_prepared(&r, &e);
	run_free(&r);
	return code;
}

static const Option options[] = {
	{ "input",  'i', OPTION_MANY,  offsetof(Args, input),  "[NAME=]FILE", "an input, a .npy file; once for each input, in order, or by\nname or number" },
	{ "output", 'o', OPTION_MANY,  offsetof(Args, output), "[N=]FILE",    "where an output goes, as .npy; once for each output, in order,\nor by number; without it the outputs' heads are shown" },
	{ "plugin",  0,  OPTION_ONE,   offsetof(Args, plugin), "P",           "PJRT plugin: a path, or a name such as cpu, cuda, tpu (cpu)" },
	{ "method",  0,  OPTION_ONE,   offsetof(Args, method), "NAME",        "which function of a directory with several" },
	{ "repeat",  0,  OPTION_COUNT, offsetof(Args, repeat), "N",           "after a first run, run N times more and tell how long it takes" },
	{ 0 },
};

const Command run_command = { .name = "run", .operand = "X.pt2|DIR", .run = run, .option = options,
	.summary = "run a program on a device",
	.notes = "A FILE whose name has a '=' is written with its folder: ./a=b.npy. --output NAME=FILE also takes the name of a buffer\n"
		"that the program writes to. Outputs are written after all have been computed.\n" };
