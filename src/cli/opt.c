/* torch-stablehlo opt: a module read, verified, changed by passes, and written. */
#include "cli.h"

static int check(const Args *a, Format f)
{
	if (f == FORMAT_none || (a->format && f != FORMAT_TEXT && f != FORMAT_BYTECODE))
		return complain(EXIT_USAGE, "opt: --format is '%s', wanted text or bytecode", a->format);
	if (f != FORMAT_TEXT && f != FORMAT_BYTECODE)
		return complain(EXIT_USAGE, "opt: %s: its ending is neither that of text nor of bytecode; say --format", a->to);
	if (a->target && f == FORMAT_TEXT) return complain(EXIT_USAGE, "opt: --target is for bytecode, text has no version");
	int code = check_terminal("opt", a, f);
	return code ? code : check_stablehlo("opt", a->file);
}

static int run_passes(tshlo_model *m, const Args *a, Format f)
{
	tshlo_error e = { 0 };
	tshlo_passes p = { .inline_calls = a->inline_calls, .inline_composites = a->inline_composites, .fold = a->fold, .cse = a->cse, .dce = a->dce };
	int code = check_method(m, a->method);
	if (code) return code;
	bool ok = tshlo_optimize(m, a->method, &p, &e) && (!a->strip_locations || tshlo_strip_locations(m, &e)) && write_module(m, a, f, &e);
	return ok ? EXIT_GOOD : report(&e);
}

static int opt(const Args *given)
{
	Args own = *given, *a = &own;
	if (!a->to) a->to = "-";
	Format f = wanted_format(a);
	int code = check(a, f);
	if (code) return code;
	tshlo_error e = { 0 };
	tshlo_model *m = tshlo_load(a->file, &e);
	code = m ? run_passes(m, a, f) : report(&e);
	tshlo_model_free(m);
	return code;
}

static const Option options[] = {
	{ "output",            'o', OPTION_ONE,  offsetof(Args, to),                "PATH",  "where to; its ending gives the format\n(standard output, '-')" },
	{ "format",             0,  OPTION_ONE,  offsetof(Args, format),            "F",     "text or bytecode, whatever the ending" },
	{ "target",             0,  OPTION_ONE,  offsetof(Args, target),            "X.Y.Z", "StableHLO version of the bytecode" },
	{ "method",             0,  OPTION_ONE,  offsetof(Args, method),            "NAME",  "which function of a directory with several" },
	{ "inline",             0,  OPTION_FLAG, offsetof(Args, inline_calls),      NULL,    "what functions do in place of their calls" },
	{ "inline-composites",  0,  OPTION_FLAG, offsetof(Args, inline_composites), NULL,    "what composites are made of in their place" },
	{ "fold",               0,  OPTION_FLAG, offsetof(Args, fold),              NULL,    "arithmetic on constants, and ops that change\nnothing" },
	{ "cse",                0,  OPTION_FLAG, offsetof(Args, cse),               NULL,    "one op for equal ones" },
	{ "dce",                0,  OPTION_FLAG, offsetof(Args, dce),               NULL,    "no ops and functions that nobody uses" },
	{ "strip-locations",    0,  OPTION_FLAG, offsetof(Args, strip_locations),   NULL,    "no locations" },
	{ 0 },
};

const Command opt_command = { .name = "opt", .operand = "DIR|X.mlir[.bc]|-", .run = opt, .option = options,
	.summary = "read StableHLO, verify it, run passes over it, and write it",
	.notes = "Passes run in the order in which they stand here; without any the module is\n"
		"read, verified and written. '-' is standard input. Endings as for convert.\n" };
