/* SavedModels from the command line: the options that both tools have, and what they say to the library. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const Option saved_model_options[] = {
	{ "serving-key",    'k', OPTION_MANY, offsetof(Args, serving_key),    "[METHOD=]KEY",   "key of the signature (serving_default;\nof other methods: their names)" },
	{ "function-alias", 'a', OPTION_MANY, offsetof(Args, function_alias), "[METHOD=]NAME",  "by which converters find the function" },
	{ "input-names",     0,  OPTION_MANY, offsetof(Args, input_names),    "[METHOD=]A,B",   "names of the inputs, in order\n(the program's own)" },
	{ "output-names",    0,  OPTION_MANY, offsetof(Args, output_names),   "[METHOD=]X,Y",   "names of the outputs, in order" },
	{ "platforms",       0,  OPTION_ONE,  offsetof(Args, platforms),      "P,Q",            "where it may run: cpu, cuda, rocm, tpu\n(wherever there is XLA)" },
	{ "warmup",          0,  OPTION_FLAG, offsetof(Args, warmup),         NULL,             "with a request per signature, of zeros,\nfor a server to warm up on" },
	{ 0 },
};

/* What the library takes. Owns its arrays; strings are the model's and Args'. */
typedef struct Wanted {
	const tshlo_model *model;
	int n;
	tshlo_signature *signature;          /* [n], one a method */
	char **platform;
	tshlo_saved_model_options opt;
} Wanted;

static void wanted_free(Wanted *w)
{
	for (int i = 0; i < w->n; i++) {
		free((void *)(uintptr_t)w->signature[i].input_names);
		free((void *)(uintptr_t)w->signature[i].output_names);
	}
	free(w->signature);
	free(w->platform);
}

/* "a,b" as [*n] strings that stand behind the array: one free() for all. NULL: out of memory. */
static char **split_commas(const char *s, int *n)
{
	size_t count = 1, length = strlen(s);
	for (size_t i = 0; i < length; i++) count += s[i] == ',';
	char **list = malloc(count * sizeof *list + length + 1), *at;
	if (!list) return NULL;
	at = memcpy(list + count, s, length + 1);
	for (size_t i = 0; i < count; i++) {
		list[i] = at;
		at += strcspn(at, ",");
		*at++ = 0;
	}
	*n = (int)count;
	return list;
}

/* -- whom a value is for --------------------------------------------------------------------------------- */

static tshlo_signature *by_method(const Wanted *w, const char *name, size_t n)
{
	for (int i = 0; i < w->n; i++) {
		const char *method = w->signature[i].method;
		if (strlen(method) == n && !memcmp(method, name, n)) return &w->signature[i];
	}
	return NULL;
}

static tshlo_signature *default_method(const Wanted *w)
{
	return w->n == 1 ? w->signature : by_method(w, "forward", strlen("forward"));
}

static int complain_methods(const char *option, const char *given, const char *what, const tshlo_model *m)
{
	char *list = method_list(m);
	int code = list ? complain(EXIT_BAD_INPUT, "--%s %s: %s: %s", option, given, what, list)
	                : complain(EXIT_SYSTEM, "out of memory");
	free(list);
	return code;
}

/* "METHOD=VALUE" or "VALUE" in two. Returns an exit code. */
static int find_signature(const Wanted *w, const char *option, const char *given, tshlo_signature **out,
	const char **value)
{
	const char *equals = strchr(given, '=');
	*value = equals ? equals + 1 : given;
	*out = equals ? by_method(w, given, (size_t)(equals - given)) : default_method(w);
	if (*out) return EXIT_GOOD;
	return complain_methods(option, given, equals ? "there is no such method; there are"
		: "there is more than one method, write METHOD=VALUE", w->model);
}

/* -- filling --------------------------------------------------------------------------------------------- */

typedef enum Part { KEY, ALIAS, INPUTS, OUTPUTS } Part;

static bool is_set(const tshlo_signature *s, Part part)
{
	const void *const field[] = { [KEY] = s->key, [ALIAS] = s->alias, [INPUTS] = s->input_names, [OUTPUTS] = s->output_names };
	return field[part] != NULL;
}

/* false: out of memory */
static bool set(tshlo_signature *s, Part part, const char *value)
{
	switch (part) {
	case KEY:    s->key = value; break;
	case ALIAS:  s->alias = value; break;
	case INPUTS: s->input_names = (const char *const *)split_commas(value, &s->ninput_names); break;
	case OUTPUTS: s->output_names = (const char *const *)split_commas(value, &s->noutput_names); break;
	}
	return is_set(s, part);
}

static int fill(Wanted *w, const char *option, Part part, const Strings *given)
{
	for (int i = 0; i < given->n; i++) {
		tshlo_signature *s;
		const char *value;
		int code = find_signature(w, option, given->v[i], &s, &value);
		if (code) return code;
		if (is_set(s, part)) return complain(EXIT_USAGE, "--%s is given twice for method '%s'", option, s->method);
		if (!set(s, part, value)) return complain(EXIT_SYSTEM, "out of memory");
	}
	return EXIT_GOOD;
}

/* TensorFlow writes platforms in capitals. */
static int fill_platforms(Wanted *w, const char *names)
{
	if (!names) return EXIT_GOOD;
	w->platform = split_commas(names, &w->opt.nplatforms);
	if (!w->platform) return complain(EXIT_SYSTEM, "out of memory");
	for (int i = 0; i < w->opt.nplatforms; i++)
		for (char *c = w->platform[i]; *c; c++) *c = (char)toupper((unsigned char)*c);
	w->opt.platforms = (const char *const *)w->platform;
	return EXIT_GOOD;
}

static int wanted_new(Wanted *w, const tshlo_model *m, const Args *a)
{
	*w = (Wanted){ .model = m, .n = tshlo_nmethods(m), .opt = { .target = a->target, .warmup = a->warmup } };
	w->signature = calloc((size_t)w->n + 1, sizeof *w->signature);
	if (!w->signature) return w->n = 0, complain(EXIT_SYSTEM, "out of memory");
	for (int i = 0; i < w->n; i++) w->signature[i].method = tshlo_method(m, i);
	w->opt.signatures = w->signature;
	w->opt.nsignatures = w->n;
	int code = fill(w, "serving-key", KEY, &a->serving_key);
	if (!code) code = fill(w, "function-alias", ALIAS, &a->function_alias);
	if (!code) code = fill(w, "input-names", INPUTS, &a->input_names);
	if (!code) code = fill(w, "output-names", OUTPUTS, &a->output_names);
	return code ? code : fill_platforms(w, a->platforms);
}

int write_saved_model(tshlo_model *m, const Args *a)
{
	tshlo_error e = { 0 };
	Wanted w;
	int code = wanted_new(&w, m, a);
	if (!code && !tshlo_save_saved_model(m, a->to, &w.opt, &e)) code = report(&e);
	wanted_free(&w);
	return code;
}
