/* What goes into a run and what comes out: tensors by file, name and number. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* -- names ----------------------------------------------------------------------------------------------- */

bool split_name(const char *s, char **name, const char **file)
{
	size_t n = 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '.') n++;
	*name = NULL;
	*file = s;
	if (!n || s[n] != '=') return true;
	*file = s + n + 1;
	return (*name = strndup(s, n)) != NULL;
}

/* The text of a number that is a position, else -1. */
static int position_of(const char *name)
{
	size_t n = strlen(name);
	return n < 7 && strspn(name, "0123456789") == n ? atoi(name) : -1;
}

/* -- inputs ---------------------------------------------------------------------------------------------- */

/* The k-th user input that the function takes; false: past the end. */
static bool user_input(const tshlo_model *m, const char *method, int k, tshlo_value_info *out)
{
	for (int i = 0; tshlo_input_info(m, method, i, out); i++)
		if (out->input == TSHLO_INPUT_USER && k-- == 0) return true;
	return false;
}

bool feed_new(Feed *f, const tshlo_model *m, const char *method)
{
	tshlo_value_info v;
	*f = (Feed){ 0 };
	while (user_input(m, method, f->n, &v)) f->n++;
	size_t room = (size_t)f->n + 1;
	f->t = calloc(room, sizeof *f->t);
	f->file = calloc(room, sizeof *f->file);
	f->from = calloc(room, sizeof *f->from);
	return f->t && f->file && f->from;
}

void feed_free(Feed *f)
{
	for (int i = 0; f->file && i < f->n; i++) tshlo_npy_close(f->file[i]);
	free(f->t);
	free(f->file);
	free(f->from);
}

/* "x f32[2,3], y i64[4]", or those that still have no file. Free it. */
static char *list_inputs(const Feed *f, const tshlo_model *m, const char *method, bool missing)
{
	char *list = NULL, text[TYPE_TEXT];
	size_t n = 0;
	tshlo_value_info v;
	FILE *to = open_memstream(&list, &n);
	for (int i = 0; to && user_input(m, method, i, &v); i++) {
		if (missing && f->from[i]) continue;
		if (ftell(to)) fputs(", ", to);
		if (*v.name) fprintf(to, "%s ", v.name);
		else fprintf(to, "%d ", v.position);
		fputs(type_text(&v.type, NULL, text, sizeof text), to);
	}
	return to && !fclose(to) ? list : NULL;
}

static int complain_inputs(const char *what, const Feed *f, const tshlo_model *m, const char *method,
	bool missing)
{
	char *list = list_inputs(f, m, method, missing);
	int code = !list ? complain(EXIT_SYSTEM, "out of memory")
	         : !*list ? complain(EXIT_BAD_INPUT, "%s; the program takes none", what)
	         : complain(EXIT_BAD_INPUT, missing ? "%s %s" : "%s; the program takes %s", what, list);
	free(list);
	return code;
}

/* Which input a value of --input is for: by name or position, or the next that has none. -1: there is none. */
static int place(const Feed *f, const tshlo_model *m, const char *method, const char *name)
{
	tshlo_value_info v;
	for (int i = 0; user_input(m, method, i, &v); i++)
		if (name ? !strcmp(name, v.name) || position_of(name) == v.position : !f->from[i]) return i;
	return -1;
}

/* A size of the program that is negative is any size. */
static bool fits(const tshlo_tensor *t, const tshlo_tensor *want)
{
	bool same = t->dtype == want->dtype && t->rank == want->rank;
	for (int i = 0; same && i < t->rank; i++) same = want->dims[i] < 0 || t->dims[i] == want->dims[i];
	return same;
}

static int open_input(Feed *f, const tshlo_model *m, const char *method, int i, const char *path)
{
	tshlo_error e = { 0 };
	tshlo_value_info v;
	if (f->from[i]) return complain(EXIT_BAD_INPUT, "%s: this input has a file already: %s", path, f->from[i]);
	f->from[i] = path;
	bool known = user_input(m, method, i, &v);
	f->file[i] = tshlo_npy_open_as(path, known ? v.type.dtype : 0, &f->t[i], &e);
	if (!f->file[i]) return report(&e);
	if (!known || fits(&f->t[i], &v.type)) return EXIT_GOOD;
	char found[TYPE_TEXT], wanted[TYPE_TEXT];
	return complain(EXIT_BAD_INPUT, "%s: is %s, input %d%s%s wants %s", path,
		type_text(&f->t[i], NULL, found, sizeof found), v.position, *v.name ? " " : "", v.name,
		type_text(&v.type, NULL, wanted, sizeof wanted));
}

/* named: this pass takes those with a name; the rest then fills what is left, in order. */
static int take_input(Feed *f, const tshlo_model *m, const char *method, const char *value, bool named)
{
	char *name, what[400];
	const char *file;
	if (!split_name(value, &name, &file)) return complain(EXIT_SYSTEM, "out of memory");
	int code = EXIT_GOOD, i = -1;
	if (named == (name != NULL)) {
		i = place(f, m, method, name);
		snprintf(what, sizeof what, "--input %s: there is no %s '%s'", value, name ? "input" : "input left for",
			name ? name : file);
		code = i < 0 ? complain_inputs(what, f, m, method, false) : open_input(f, m, method, i, file);
	}
	free(name);
	return code;
}

int feed_files(Feed *f, const tshlo_model *m, const char *method, const Strings *input)
{
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < input->n; i++) {
			int code = take_input(f, m, method, input->v[i], pass == 0);
			if (code) return code;
		}
	for (int i = 0; i < f->n; i++)
		if (!f->from[i]) {
			char what[100];
			snprintf(what, sizeof what, "%d of %d inputs are given; there is no --input for", input->n, f->n);
			return complain_inputs(what, f, m, method, true);
		}
	return EXIT_GOOD;
}

/* -- results --------------------------------------------------------------------------------------------- */

bool results_new(Results *out, const tshlo_model *m, const char *method)
{
	*out = (Results){ .n = tshlo_noutputs(m, method) };
	out->v = calloc((size_t)out->n + 1, sizeof *out->v);
	out->buffer = calloc((size_t)out->n + 1, sizeof *out->buffer);
	if (!out->v || !out->buffer) return false;
	for (int i = 0; i < out->n; i++) {
		Result *r = &out->v[i];
		tshlo_output_info(m, method, i, &r->info);
		bool user = r->info.output == TSHLO_OUTPUT_USER || r->info.output == TSHLO_OUTPUT_LOSS;
		r->number = user ? r->info.position : -1;
		out->nuser += user;
	}
	return true;
}

static void drop_buffers(Results *r)
{
	tshlo_values_free(r->values);
	r->values = NULL;
	for (int i = 0; r->buffer && i < r->n; i++) {
		tshlo_buffer_free(r->buffer[i]);
		r->buffer[i] = NULL;
	}
}

bool run_once(Job *j, double *took, tshlo_error *e)
{
	const Feed *f = &j->feed;
	drop_buffers(&j->results);
	double start = seconds();
	bool ok = j->runner ? tshlo_run(j->runner, f->t, f->n, j->results.buffer, e)
	        : (j->results.values = tshlo_evaluate(j->m, j->method, f->t, f->n, e)) != NULL;
	*took = seconds() - start;
	return ok;
}

bool fetch_results(Results *out, tshlo_error *e)
{
	for (int i = 0; i < out->n; i++) {
		Result *r = &out->v[i];
		if (tshlo_values_at(out->values, i, &r->t)) continue;
		if (!tshlo_buffer_info(out->buffer[i], &r->t)) return false;
		size_t n = tshlo_buffer_nbytes(out->buffer[i]);
		if (r->t.data || !n) continue;
		r->t.data = r->copy = malloc(n);
		if (!r->copy || !tshlo_buffer_read(out->buffer[i], r->copy, n, e)) return false;
	}
	return true;
}

void results_free(Results *r)
{
	drop_buffers(r);
	for (int i = 0; r->v && i < r->n; i++) free(r->v[i].copy);
	free(r->v);
	free(r->buffer);
}

/* The one of that number, else of that name; or (name NULL) the k-th of the user's: mutations of buffers may stand among
 * them. */
static Result *find_result(Results *r, const char *name, int k)
{
	for (int i = 0; name && i < r->n; i++)
		if (r->v[i].number >= 0 && position_of(name) == r->v[i].number) return &r->v[i];
	for (int i = 0; i < r->n; i++) {
		Result *x = &r->v[i];
		bool user = x->number >= 0;
		if (name ? !strcmp(name, x->info.name) : user && k-- == 0) return x;
	}
	return NULL;
}

int match_results(const char *option, const Strings *values, Results *r, Result **which, const char **file)
{
	int plain = 0;
	for (int i = 0; i < values->n; i++) {
		char *name;
		if (!split_name(values->v[i], &name, &file[i])) return complain(EXIT_SYSTEM, "out of memory");
		which[i] = find_result(r, name, plain);
		plain += !name;
		int code = EXIT_GOOD;
		if (!which[i] && name)
			code = complain(EXIT_BAD_INPUT, "%s %s: there is no output '%s', there are %d, from 0 on", option,
				values->v[i], name, r->nuser);
		free(name);
		if (code) return code;
	}
	if (!plain || plain == r->nuser) return EXIT_GOOD;
	return complain(EXIT_BAD_INPUT, "%d %s are given for %d outputs; give all of them, or number those you want, "
		"as in %s 0=y.npy", plain, option, r->nuser, option);
}

/* -- jobs ------------------------------------------------------------------------------------------------ */

int job_new(Job *j, const Args *a, tshlo_model *m, tshlo_error *e)
{
	*j = (Job){ .m = m, .method = a->method };
	if (!m) return report_open(a->file, e);
	int code = check_method(m, j->method);
	if (code || (feed_new(&j->feed, m, j->method) && results_new(&j->results, m, j->method))) return code;
	return complain(EXIT_SYSTEM, "out of memory");
}

int job_compile(Job *j, const Args *a, tshlo_error *e)
{
	if (is_reference(a)) return EXIT_GOOD;
	if (a->engine && strcmp(a->engine, "plugin"))
		return complain(EXIT_USAGE, "--engine %s: wanted plugin or reference", a->engine);
	j->device = tshlo_device_open(a->plugin, 0, e);
	if (!j->device) return report_plugin(e);
	const char *cache = a->cache ? a->cache : getenv("TORCH_STABLEHLO_CACHE");
	if (cache && *cache && !tshlo_device_cache(j->device, cache, e)) return report(e);
	progress("compiling");
	tshlo_tune(j->m, !a->untuned);
	j->runner = tshlo_compile(j->m, j->method, j->device, e);
	progress(NULL);
	return j->runner ? EXIT_GOOD : report(e);
}

void job_free(Job *j)
{
	results_free(&j->results);
	feed_free(&j->feed);
	tshlo_runner_free(j->runner);
	tshlo_device_close(j->device);
	tshlo_model_free(j->m);
}

/* -- showing --------------------------------------------------------------------------------------------- */

static bool is_gradient(const tshlo_value_info *v)
{
	return v->output == TSHLO_OUTPUT_GRAD_TO_PARAMETER || v->output == TSHLO_OUTPUT_GRAD_TO_USER_INPUT;
}

void put_label(const Result *r)
{
	char text[TYPE_TEXT];
	if (r->number >= 0) printf("output %-3d", r->number);
	else printf(is_gradient(&r->info) ? "gradient of " : "new value of ");
	put_safe(stdout, r->info.name);
	printf("  %s", type_text(&r->t, NULL, text, sizeof text));
}

/* Whole numbers in full: 32-bit integers are among them. NaN without its sign. */
static void put_number(double v, bool sign)
{
	if (isnan(v)) fputs(sign ? "+nan" : "nan", stdout);
	else if (v == trunc(v) && fabs(v) < 1e10) printf(sign ? "%+.0f" : "%.0f", v);
	else printf(sign ? "%+.6g" : "%.6g", v);
}

static void put_element(const tshlo_tensor *t, size_t i)
{
	const char *type = tshlo_dtype_name(t->dtype);
	const uint8_t *at = (const uint8_t *)t->data + 8 * i;
	if (!strcmp(type, "i64")) {
		int64_t v;
		memcpy(&v, at, sizeof v);
		printf("%" PRId64, v);
	} else if (!strcmp(type, "ui64")) {
		uint64_t v;
		memcpy(&v, at, sizeof v);
		printf("%" PRIu64, v);
	} else {
		put_number(tshlo_tensor_at(t, i, 0), false);
		if (tshlo_dtype_is_complex(t->dtype)) put_number(tshlo_tensor_at(t, i, 1), true), putchar('j');
	}
}

void put_head(const tshlo_tensor *t, size_t most)
{
	size_t n = count_of(t);
	putchar('[');
	for (size_t i = 0; i < n && i < most; i++) {
		if (i) fputs(", ", stdout);
		put_element(t, i);
	}
	fputs(n > most ? ", ...]" : "]", stdout);
}
