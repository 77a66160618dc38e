/* torch-stablehlo convert: a program, or StableHLO, to text, bytecode, a directory or a SavedModel. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* -- the output's format --------------------------------------------------------------------------------- */

static const struct { const char *name; Format format; } formats[] = {
	{ "text", FORMAT_TEXT }, { "bytecode", FORMAT_BYTECODE }, { "directory", FORMAT_DIRECTORY },
	{ "saved-model", FORMAT_SAVED_MODEL },
}, endings[] = {
	{ ".mlir", FORMAT_TEXT }, { ".mlir.bc", FORMAT_BYTECODE }, { ".mlirbc", FORMAT_BYTECODE },
	{ ".bc", FORMAT_BYTECODE }, { ".bytecode", FORMAT_BYTECODE },
};

static bool ends_with(const char *s, const char *ending)
{
	size_t n = strlen(s), k = strlen(ending);
	return n > k && !strcmp(s + n - k, ending);
}

static Format format_by_ending(const char *path)
{
	if (!strcmp(path, "-")) return FORMAT_TEXT;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (ends_with(path, endings[i].name)) return endings[i].format;
	return FORMAT_DIRECTORY;
}

Format wanted_format(const Args *a)
{
	if (!a->format) return format_by_ending(a->to);
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (!strcmp(a->format, formats[i].name)) return formats[i].format;
	return FORMAT_none;
}

/* -- what goes together ---------------------------------------------------------------------------------- */

/* What only some formats have. Returns an exit code. */
static int check_options(const Args *a, Format f)
{
	bool files = f == FORMAT_DIRECTORY || f == FORMAT_SAVED_MODEL;
	const Option *saved = f == FORMAT_SAVED_MODEL ? NULL : first_given(saved_model_options, a);
	if (saved) return complain(EXIT_USAGE, "convert: --%s is for --format saved-model", saved->name);
	if (a->target && f == FORMAT_TEXT)
		return complain(EXIT_USAGE, "convert: --target is for bytecode and directories, text has no version");
	if ((a->no_text || a->no_weights) && f != FORMAT_DIRECTORY)
		return complain(EXIT_USAGE, "convert: --%s is for directories", a->no_text ? "no-text" : "no-weights");
	if (a->weights && f != FORMAT_DIRECTORY) return complain(EXIT_USAGE, "convert: --weights is for directories");
	if (a->weights && strcmp(a->weights, "npy") && strcmp(a->weights, "safetensors"))
		return complain(EXIT_USAGE, "convert: --weights is '%s', wanted npy or safetensors", a->weights);
	const char *pt2 = a->inline_weights ? "inline-weights" : a->inlined.n ? "inline" : a->custom_op.n ? "custom-op"
		: a->composite.n ? "composite" : a->quantized_types ? "quantized-types" : a->locations ? "locations" : a->method && files ? "method" : NULL;
	if (!a->file && !files) return complain(EXIT_USAGE, "convert: several methods are for directories and SavedModels");
	const char *kind = a->file && pt2 ? stablehlo_kind(a->file) : NULL;
	if (kind) return complain(EXIT_UNSUPPORTED, "convert: %s: --%s is for .pt2 files, this is %s", a->file, pt2, kind);
	return EXIT_GOOD;
}

int check_terminal(const char *command, const Args *a, Format f)
{
	if (strcmp(a->to, "-") != 0 || f != FORMAT_BYTECODE || !isatty(STDOUT_FILENO)) return EXIT_GOOD;
	return complain(EXIT_USAGE, "%s: bytecode is not for a terminal; name a file with -o, or use a pipe", command);
}

static int check(const Args *a, Format f)
{
	bool to_stdout = !strcmp(a->to, "-");
	if (f == FORMAT_none)
		return complain(EXIT_USAGE, "convert: --format is '%s', wanted text, bytecode, directory or saved-model", a->format);
	if (a->locations && a->strip_locations) return complain(EXIT_USAGE, "convert: --locations and --strip-locations contradict each other");
	if (to_stdout && (f == FORMAT_DIRECTORY || f == FORMAT_SAVED_MODEL))
		return complain(EXIT_USAGE, "convert: a directory cannot go to standard output");
	int code = check_terminal("convert", a, f);
	return code ? code : check_options(a, f);
}

/* What --locations says. Returns an exit code. */
static int read_locations(const char *s, tshlo_locations *out)
{
	static const struct { const char *name; tshlo_locations level; } level[] = {
		{ "", TSHLO_LOCATIONS_NODES }, { "nodes", TSHLO_LOCATIONS_NODES }, { "full", TSHLO_LOCATIONS_FULL },
		{ "metadata", TSHLO_LOCATIONS_METADATA },
	};
	*out = TSHLO_LOCATIONS_NONE;
	if (!s) return EXIT_GOOD;
	for (size_t i = 0; i < sizeof level / sizeof *level; i++)
		if (!strcmp(s, level[i].name)) return *out = level[i].level, EXIT_GOOD;
	return complain(EXIT_USAGE, "convert: --locations is '%s', wanted nodes, full or metadata", s);
}

/* -- writing --------------------------------------------------------------------------------------------- */

static bool write_directory(tshlo_model *m, const Args *a, tshlo_error *e)
{
	tshlo_save_options opt = { .target = a->target, .skip_text = a->no_text, .skip_weights = a->no_weights,
		.safetensors = a->weights && !strcmp(a->weights, "safetensors") };
	return tshlo_save(m, a->to, &opt, e);
}

bool write_module(tshlo_model *m, const Args *a, Format f, tshlo_error *e)
{
	size_t n;
	const void *p = f == FORMAT_TEXT ? tshlo_text(m, a->method, &n, e)
	                                 : tshlo_bytecode(m, a->method, a->target, &n, e);
	return p && tshlo_write_file(a->to, p, n, e);
}

/* Reports. Returns an exit code. */
static int write_output(tshlo_model *m, const Args *a, Format f)
{
	tshlo_error e = { 0 };
	if (a->strip_locations && !tshlo_strip_locations(m, &e)) return report(&e);
	if (f == FORMAT_SAVED_MODEL) return write_saved_model(m, a);
	int code = f == FORMAT_DIRECTORY ? EXIT_GOOD : check_method(m, a->method);
	if (code) return code;
	bool ok = f == FORMAT_DIRECTORY ? write_directory(m, a, &e) : write_module(m, a, f, &e);
	return ok ? EXIT_GOOD : report(&e);
}

/* Whether --method says NAME=FILE; a.method is set where it says NAME. Returns an exit code. */
static int read_methods(Args *a)
{
	int files = 0;
	for (int i = 0; i < a->methods.n; i++) {
		const char *equals = strchr(a->methods.v[i], '=');
		if (equals && (equals == a->methods.v[i] || !equals[1]))
			return complain(EXIT_USAGE, "convert: --method is '%s', wanted NAME=FILE", a->methods.v[i]);
		files += equals != NULL;
	}
	if (files && (files != a->methods.n || a->file))
		return complain(EXIT_USAGE, "convert: with --method NAME=FILE every method has its file, and there is no other");
	if (!files && a->methods.n > 1) return complain(EXIT_USAGE, "convert: given twice: --method");
	if (!files && !a->file) return complain(EXIT_USAGE, "convert: no file is given: wanted %s; see '%s convert --help'", convert_command.operand, tool_name);
	a->method = !files && a->methods.n ? a->methods.v[0] : NULL;
	return EXIT_GOOD;
}

/* One method of several. NULL, reported, on failure. */
static tshlo_model *open_method(const char *given, tshlo_convert_options opt, int *code)
{
	tshlo_error e = { 0 };
	const char *file = strchr(given, '=') + 1;
	char *name = strndup(given, (size_t)(file - 1 - given));
	if (!name) return *code = complain(EXIT_SYSTEM, "out of memory"), NULL;
	opt.method = name;
	opt.of_several = true;
	tshlo_model *m = tshlo_convert(tshlo_program_open(file, &e), &opt, &e);
	if (!m) *code = report_open(file, &e);
	free(name);
	return m;
}

/* All of them as one model. NULL, reported, on failure. */
static tshlo_model *open_methods(const Args *a, const tshlo_convert_options *opt, int *code)
{
	tshlo_error e = { 0 };
	tshlo_model **part = calloc((size_t)a->methods.n, sizeof *part), *m = NULL;
	if (!part) return *code = complain(EXIT_SYSTEM, "out of memory"), NULL;
	for (int i = 0; i < a->methods.n && !*code; i++) part[i] = open_method(a->methods.v[i], *opt, code);
	m = tshlo_join(part, a->methods.n, *code ? NULL : &e);
	if (!m && !*code) *code = report(&e);
	free(part);
	return m;
}

/* Reports. Returns an exit code. */
static int convert_with(const Args *a, Format f, const tshlo_convert_options *opt)
{
	tshlo_error e = { 0 };
	int code = EXIT_GOOD;
	progress("converting");
	tshlo_model *m = a->file ? open_model(a->file, opt, &e) : open_methods(a, opt, &code);
	if (m && a->inline_composites && !tshlo_inline_composites(m, &e)) code = report(&e);
	else if (m) code = write_output(m, a, f);
	else if (a->file) code = report_open(a->file, &e);
	progress(NULL);
	tshlo_model_free(m);
	return code;
}

static int convert(const Args *given)
{
	Args own = *given, *a = &own;
	int bad = read_methods(a);
	if (bad) return bad;
	if (!a->to) return complain(EXIT_USAGE, "convert: no output is given; name it with -o");
	Format f = wanted_format(a);
	Conversion c;
	tshlo_locations locations;
	int code = check(a, f);
	if (!code) code = read_locations(a->locations, &locations);
	if (!code) code = conversion_new(&c, &convert_command, a);
	if (code) return code;
	c.opt.locations = locations;
	c.opt.method = a->method;
	c.opt.inline_weights = a->inline_weights;
	c.opt.ninlined = a->inlined.n;
	c.opt.inlined = a->inlined.v;
	c.opt.quantized_types = a->quantized_types;
	c.opt.ncustom_op = a->custom_op.n;
	c.opt.custom_op = a->custom_op.v;
	code = convert_with(a, f, &c.opt);
	conversion_free(&c);
	return code;
}

static const Option options[] = {
	{ "output",         'o', OPTION_ONE,  offsetof(Args, to),             "PATH", "where to; its ending gives the format,\n'-' is standard output" },
	{ "format",          0,  OPTION_ONE,  offsetof(Args, format),         "F",    "text, bytecode, directory or saved-model,\nwhatever the ending" },
	{ "target",          0,  OPTION_ONE,  offsetof(Args, target),         "X.Y.Z", "StableHLO version of the bytecode;\nelse the oldest that can express the program" },
	{ "method",          0,  OPTION_MANY,  offsetof(Args, methods),        "NAME[=FILE]", "what the function is called (forward); of a\ndirectory: which one. With FILE, and instead of\nX.pt2, once for each of several methods" },
	{ "inline-weights",  0,  OPTION_FLAG, offsetof(Args, inline_weights), NULL,   "weights as constants, not as arguments" },
	{ "inline",          0,  OPTION_MANY, offsetof(Args, inlined),        "SIZE|NAME", "only weights of at most so many bytes (64KiB),\nor of such names ('*.bias')" },
	CONVERSION_OPTIONS,
	{ "quantized-types", 0,  OPTION_FLAG, offsetof(Args, quantized_types), NULL,  "!quant.uniform types for what is quantized by\nknown scales, not integer arithmetic" },
	{ "custom-op",       0,  OPTION_MANY, offsetof(Args, custom_op),      "NAME", "an operator outside aten that becomes a\ncustom_call: my_lib::op, or my_lib for all of it" },
	{ "composite",       0,  OPTION_MANY, offsetof(Args, composite),      "OP=NAME", "an operator that stays whole, as a composite of\nthat name: aten.gelu.default=my.gelu" },
	{ "inline-composites", 0, OPTION_FLAG, offsetof(Args, inline_composites), NULL, "what composites are made of in their place" },
	{ "no-text",         0,  OPTION_FLAG, offsetof(Args, no_text),        NULL,   "a directory without the text of the module" },
	{ "no-weights",      0,  OPTION_FLAG, offsetof(Args, no_weights),     NULL,   "a directory without the weights" },
	{ "weights",         0,  OPTION_ONE,  offsetof(Args, weights),        "FORMAT", "of a directory: npy, a file each, or\nsafetensors, all in one" },
	{ "locations",       0,  OPTION_MAYBE, offsetof(Args, locations),     "L",    "ops carry where they come from: nodes (module,\nnode and the user's line), full (the whole\nstack), metadata (torch's own, as torch_xla)" },
	{ "strip-locations", 0,  OPTION_FLAG, offsetof(Args, strip_locations), NULL,  "no locations, whatever the program or the\ndirectory has" },
	{ 0 },
};

const Command convert_command = { .name = "convert", .operand = "X.pt2|DIR|X.mlir[.bc] -o PATH", .file_is_optional = true,
	.run = convert, .option = options, .shared = saved_model_options, .shared_title = "With --format saved-model:",
	.summary = "write a program as StableHLO: text, bytecode, or a directory; or as a SavedModel",
	.notes = "Endings: .mlir is text; .mlir.bc, .mlirbc, .bc and .bytecode are bytecode (a\n"
		"StableHLO portable artifact); '-' is text; anything else is a directory, which\n"
		"must not exist or be empty. Nothing half-written is left behind. METHOD= says\n"
		"which method of several a value is for; without it 'forward', or the only one.\n" };
