/* torch-stablehlo verify: whether a program converts, compiles, runs, and gives what is expected. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void step(const char *name) { printf("%-9s", name); }

/* -- what came out --------------------------------------------------------------------------------------- */

/* The parts of an element: two of a complex one. */
static int parts_of(const tshlo_tensor *t) { return tshlo_dtype_is_complex(t->dtype) ? 2 : 1; }

static void show_range(const tshlo_tensor *t)
{
	size_t n = count_of(t), nan = 0, inf = 0;
	double low = INFINITY, high = -INFINITY;
	for (size_t i = 0; i < n; i++)
		for (int part = 0; part < parts_of(t); part++) {
			double v = tshlo_tensor_at(t, i, part);
			if (isnan(v)) nan++;
			else if (isinf(v)) inf++;
			else low = fmin(low, v), high = fmax(high, v);
		}
	if (low <= high) printf("from %.6g to %.6g, ", low, high);
	printf("%zu NaN, %zu infinite\n", nan, inf);
}

/* -- against what is expected ---------------------------------------------------------------------------- */

typedef struct Difference {
	size_t n, first;             /* elements that differ; the first of them */
	double largest;              /* of all elements; NaN against a number is infinite */
} Difference;

/* |got - want| <= atol + rtol |want|; NaN agrees with NaN, and infinity with the same infinity. */
static bool close_to(double got, double want, const Args *a, double *difference)
{
	*difference = 0;
	if (got == want || (isnan(got) && isnan(want))) return true;
	*difference = isnan(got) || isnan(want) ? INFINITY : fabs(got - want);
	return *difference <= a->atol + a->rtol * fabs(want) && isfinite(want);
}

/* Only floats have a tolerance. */
static bool is_exact(const tshlo_tensor *t) { return !strchr(tshlo_dtype_name(t->dtype), 'f'); }

static Difference compare(const tshlo_tensor *got, const tshlo_tensor *want, const Args *a)
{
	Difference d = { 0 };
	size_t n = count_of(got), each = tshlo_dtype_nbytes(got->dtype);
	for (size_t i = 0; i < n; i++) {
		if (!memcmp((const char *)got->data + i * each, (const char *)want->data + i * each, each)) continue;
		bool same = true;
		for (int part = 0; part < parts_of(got); part++) {
			double one;
			bool near = close_to(tshlo_tensor_at(got, i, part), tshlo_tensor_at(want, i, part), a, &one);
			same = same && near && !is_exact(got);
			d.largest = fmax(d.largest, one);
		}
		if (!same && !d.n++) d.first = i;
	}
	return d;
}

static void tell(const Result *r, const Difference *d, const tshlo_tensor *want, const char *path,
	const Args *a)
{
	size_t n = count_of(want);
	step("compare");
	printf("output %d with %s: ", r->number, path);
	if (d->n) printf("%zu of %zu elements DIFFER, ", d->n, n);
	else printf("%zu elements agree, ", n);
	if (is_exact(want)) printf("exactly");
	else printf("rtol %g, atol %g", a->rtol, a->atol);
	if (d->n) printf("; the first is element %zu: %.9g, expected %.9g", d->first,
		tshlo_tensor_at(&r->t, d->first, 0), tshlo_tensor_at(want, d->first, 0));
	printf("; largest difference %g\n", d->largest);
}

/* Counts into *differ the outputs that differ. Returns an exit code. */
static int check_expected(const Result *r, const char *path, const Args *a, int *differ)
{
	tshlo_error e = { 0 };
	tshlo_tensor want;
	tshlo_npy *f = tshlo_npy_open_as(path, r->t.dtype, &want, &e);
	if (!f) return report(&e);
	char found[TYPE_TEXT], wanted[TYPE_TEXT];
	bool same = want.dtype == r->t.dtype && want.rank == r->t.rank;
	for (int i = 0; same && i < want.rank; i++) same = want.dims[i] == r->t.dims[i];
	int code = EXIT_GOOD;
	if (same) {
		Difference d = compare(&r->t, &want, a);
		tell(r, &d, &want, path, a);
		*differ += d.n > 0;
	} else {
		code = complain(EXIT_BAD_INPUT, "%s: is %s, output %d is %s", path,
			type_text(&want, NULL, found, sizeof found), r->number, type_text(&r->t, NULL, wanted, sizeof wanted));
	}
	tshlo_npy_close(f);
	return code;
}

/* -- the steps ------------------------------------------------------------------------------------------- */

typedef struct Verify {
	const Args *a;
	Conversion conversion;
	Job job;
	int nsample;
	tshlo_tensor *sample;        /* [nsample]; their data is the model's */
	char *unreadable;            /* why the file's samples cannot be read, or NULL; owned */
	Result **which;              /* [a->expect.n] */
	const char **file;
} Verify;

static bool read_samples(Verify *v, tshlo_program *p, tshlo_error *e)
{
	v->nsample = tshlo_program_samples(p, NULL, e);
	if (v->nsample < 0 && e->code != TSHLO_NO_MEMORY) {
		v->unreadable = e->message;
		*e = (tshlo_error){ 0 };
		v->nsample = 0;
		return true;
	}
	if (v->nsample < 0) return false;
	v->sample = calloc((size_t)v->nsample + 1, sizeof *v->sample);
	return v->sample && tshlo_program_samples(p, v->sample, e) == v->nsample;
}

static tshlo_model *convert(Verify *v, tshlo_error *e)
{
	if (stablehlo_kind(v->a->file)) return tshlo_load(v->a->file, e);
	tshlo_program *p = tshlo_program_open(v->a->file, e);
	if (p && read_samples(v, p, e)) return tshlo_convert(p, &v->conversion.opt, e);
	tshlo_program_free(p);
	return NULL;
}

static int step_convert(Verify *v, tshlo_error *e)
{
	const Args *a = v->a;
	int code = job_new(&v->job, a, convert(v, e), e);
	if (code) return code;
	size_t n;
	const char *version = tshlo_bytecode_version(v->job.m, a->method, e);
	if (!version || !tshlo_bytecode(v->job.m, a->method, NULL, &n, e)) return report(e);
	step(stablehlo_kind(a->file) ? "load" : "convert");
	printf("ok: StableHLO %s, %zu bytes of bytecode%s\n", version, n, is_directory(a->file) ? "" : ", verified");
	return EXIT_GOOD;
}

static int step_compile(Verify *v, tshlo_error *e)
{
	double start = seconds();
	int code = job_compile(&v->job, v->a, e);
	if (code) return code;
	step("compile");
	if (is_reference(v->a)) return puts("not needed: the reference evaluator"), EXIT_GOOD;
	printf("ok: %s, %s, %.2f s\n", tshlo_device_platform(v->job.device), tshlo_device_name(v->job.device),
		seconds() - start);
	return EXIT_GOOD;
}

/* --input, else the file's samples. *none: there is nothing to run it on. */
static int find_inputs(Verify *v, bool *none)
{
	const Args *a = v->a;
	Feed *f = &v->job.feed;
	if (a->input.n) return feed_files(f, v->job.m, a->method, &a->input);
	*none = f->n && !v->nsample;
	if (*none && a->expect.n && v->unreadable)
		return complain(EXIT_UNSUPPORTED, "the sample inputs cannot be read: %s; give others by --input", v->unreadable);
	if (*none && a->expect.n)
		return complain(EXIT_BAD_INPUT, "%s has no sample inputs to compute what --expect names; "
			"give them by --input", a->file);
	if (*none) return EXIT_GOOD;
	if (v->nsample != f->n)
		return complain(EXIT_BAD_INPUT, "%s has %d sample inputs, the program takes %d", a->file, v->nsample, f->n);
	for (int i = 0; i < f->n; i++) f->t[i] = v->sample[i];
	return EXIT_GOOD;
}

static int step_run(Verify *v, tshlo_error *e)
{
	Job *j = &v->job;
	double took;
	progress("running");
	bool ok = run_once(j, &took, e) && fetch_results(&j->results, e);
	progress(NULL);
	if (!ok) return report(e);
	step("run");
	const char *on = v->a->input.n ? "the inputs given" : j->feed.n ? "the file's sample inputs" : "no inputs";
	printf("ok: on %s, %.2f s\n", on, took);
	for (int i = 0; i < j->results.n; i++) {
		step("");
		put_label(&j->results.v[i]);
		fputs("  ", stdout);
		show_range(&j->results.v[i].t);
	}
	return EXIT_GOOD;
}

static int step_compare(Verify *v)
{
	int differ = 0;
	for (int i = 0; i < v->a->expect.n; i++) {
		int code = check_expected(v->which[i], v->file[i], v->a, &differ);
		if (code) return code;
	}
	if (differ)
		return complain(EXIT_DIFFERS, "%s: %d of %d outputs differ from what is expected", v->a->file, differ,
			v->a->expect.n);
	if (v->a->expect.n) return EXIT_GOOD;
	step("compare");
	puts("nothing: no --expect is given, and files hold no expected outputs");
	return EXIT_GOOD;
}

static int steps(Verify *v, tshlo_error *e)
{
	bool none = false;
	int code = step_convert(v, e);
	if (!code) code = match_results("--expect", &v->a->expect, &v->job.results, v->which, v->file);
	if (!code) code = find_inputs(v, &none);
	if (!code) code = step_compile(v, e);
	if (code) return code;
	if (none) {
		step("run");
		if (v->unreadable) fputs("not run: the sample inputs cannot be read: ", stdout), put_safe(stdout, v->unreadable), putchar('\n');
		else puts("not run: there are no sample inputs, and none are given by --input");
		return EXIT_GOOD;
	}
	code = step_run(v, e);
	return code ? code : step_compare(v);
}

static int verify(const Args *a)
{
	Verify v = { .a = a };
	tshlo_error e = { 0 };
	int code = conversion_new(&v.conversion, &verify_command, a);
	if (code) return code;
	v.which = calloc((size_t)a->expect.n + 1, sizeof *v.which);
	v.file = calloc((size_t)a->expect.n + 1, sizeof *v.file);
	code = v.which && v.file ? steps(&v, &e) : complain(EXIT_SYSTEM, "out of memory");
	free(v.which);
	free(v.file);
	free(v.sample);
	tshlo_error_clear(&(tshlo_error){ TSHLO_BAD_INPUT, v.unreadable });
	job_free(&v.job);
	conversion_free(&v.conversion);
	return code;
}

static const Option options[] = {
	{ "input",  'i', OPTION_MANY,   offsetof(Args, input),  "[NAME=]FILE", "inputs to run on, as 'run' takes them; else\nthe sample inputs in the file" },
	{ "expect", 'e', OPTION_MANY,   offsetof(Args, expect), "[N=]FILE",    "what an output should be, a .npy file; once\nfor each output, in order, or by number" },
	{ "rtol",    0,  OPTION_NUMBER, offsetof(Args, rtol),   "X",           "relative tolerance of floats (1e-4)" },
	{ "atol",    0,  OPTION_NUMBER, offsetof(Args, atol),   "X",           "absolute tolerance of floats (1e-5)" },
	{ "cache",   0,  OPTION_ONE,    offsetof(Args, cache),  "DIR",         "compiled programs, as for run" },
	{ "untuned", 0,  OPTION_FLAG,   offsetof(Args, untuned), NULL,         "run the program as it was converted" },
	{ "engine",  0,  OPTION_ONE,   offsetof(Args, engine), "NAME",        "plugin, or reference: evaluated op by op by the\nspecification, slowly, without a plugin (plugin)" },
	{ "plugin",  0,  OPTION_ONE,    offsetof(Args, plugin), "P",           "PJRT plugin: a path, or a name such as cpu,\ncuda, tpu (cpu)" },
	{ "method",  0,  OPTION_ONE,    offsetof(Args, method), "NAME",        "which function of a directory with several" },
	CONVERSION_OPTIONS,
	{ 0 },
};

const Command verify_command = { .name = "verify", .operand = "X.pt2|DIR|X.mlir[.bc]", .run = verify, .option = options,
	.summary = "check that a program converts, compiles and runs, and what it gives",
	.notes = "A .pt2 file may hold sample inputs, but no outputs to compare with: without\n"
		"--expect the command tells that all steps worked, and the range, NaN and\n"
		"infinities of each output. Floats agree when |output - expected| <=\n"
		"atol + rtol * |expected|, others when they are the same; NaN agrees with NaN.\n" };
