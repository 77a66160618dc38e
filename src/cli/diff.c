/* torch-stablehlo diff: two modules or directories, compared by what they mean. */
#include "cli.h"

#include <string.h>

/* NULL, reported, on failure. */
static tshlo_model *load(const char *path, int *code)
{
	tshlo_error e = { 0 };
	*code = check_stablehlo("diff", path);
	if (*code) return NULL;
	tshlo_model *m = tshlo_load(path, &e);
	if (!m) *code = report(&e);
	return m;
}

static int compare(tshlo_model *x, tshlo_model *y, const Args *a)
{
	tshlo_error e = { 0 };
	tshlo_diff_options opt = { .method = a->method, .locations = a->with_locations, .most = a->most > 0 && a->most < 1 << 30 ? (int)a->most : 10 };
	const char *text;
	int n = tshlo_diff(x, y, &opt, &text, &e);
	if (n < 0) return report(&e);
	put_safe(stdout, text);
	if (n > opt.most) printf("and %d more\n", n - opt.most);
	return n ? EXIT_DIFFERS : EXIT_GOOD;
}

static int diff(const Args *a)
{
	int code = EXIT_GOOD;
	if (!strcmp(a->file, "-") && !strcmp(a->to, "-")) return complain(EXIT_USAGE, "diff: both cannot be standard input");
	tshlo_model *x = load(a->file, &code), *y = x ? load(a->to, &code) : NULL;
	if (y && a->method) code = check_method(x, a->method);
	if (y && a->method && !code) code = check_method(y, a->method);
	if (y && !code) code = compare(x, y, a);
	tshlo_model_free(x);
	tshlo_model_free(y);
	return code;
}

static const Option options[] = {
	{ "method",    0, OPTION_ONE,   offsetof(Args, method),         "NAME", "only this function of directories with several" },
	{ "locations", 0, OPTION_FLAG,  offsetof(Args, with_locations), NULL,   "where ops come from is compared, too" },
	{ "most",      0, OPTION_COUNT, offsetof(Args, most),           "N",    "how many differences are shown (10)" },
	{ 0 },
};

const Command diff_command = { .name = "diff", .operand = "DIR|X.mlir[.bc]|- DIR|X.mlir[.bc]|-", .run = diff, .option = options, .takes_to = true, .compares = true,
	.summary = "compare two modules or directories by what they mean",
	.notes = "Prints nothing and exits with 0 when they are the same, whatever their values\n"
		"are called; else tells the first differences, one a line, and exits with 6.\n"
		"Behind the first op that is another one a function is not compared.\n" };
