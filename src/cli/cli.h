/* The command line tools: what their commands share. They stand on the public header alone.
 *
 * A command is a row (Command) with tables of options and one function that returns the exit code. Messages go
 * to stderr as "torch-stablehlo: ...", results to stdout. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "torch_stablehlo.h"

extern const char tool_name[];       /* "torch-stablehlo"; beside main() */

enum { EXIT_GOOD, EXIT_BAD_INPUT, EXIT_USAGE, EXIT_UNSUPPORTED, EXIT_SYSTEM, EXIT_PLUGIN, EXIT_DIFFERS };

/* -- arguments (args.c) ---------------------------------------------------------------------------------- */

typedef struct Strings { int n; const char **v; } Strings;      /* v: owned by Args, as long as argv */

/* What all commands' options set; each command has some of them. */
typedef struct Args {
	const char *file;                                        /* the operand */
	const char *to, *format, *target, *method, *plugin, *engine, *cache;
	Strings input, output, expect, custom_op, composite, group, dim, methods, inlined;
	Strings serving_key, function_alias, input_names, output_names;
	const char *platforms, *weights;
	const char *seed, *int4_packing;
	const char *sharding;
	const char *locations;                                   /* "": given without a value */
	bool shardy, seed_input, inline_weights, inline_composites, quantized_types, no_text, no_weights, strip_locations, ops, json, help, warmup, untuned;
	bool inline_calls, fold, cse, dce, with_locations;
	int64_t repeat, most;
	double rtol, atol;
} Args;

/* OPTION_MAYBE: with a value after '=', or without one, which is "". */
typedef enum OptionKind { OPTION_FLAG, OPTION_MAYBE, OPTION_ONE, OPTION_MANY, OPTION_COUNT, OPTION_NUMBER } OptionKind;

typedef struct Option {
	const char *name;            /* without "--"; a '_' that the user writes is a '-' here */
	char letter;                 /* 0: none */
	OptionKind kind;
	size_t at;                   /* offset in Args: bool, const char *, Strings, int64_t, double */
	const char *value;           /* what its value is called in the help */
	const char *help;            /* a line break starts a new line of help */
} Option;

typedef struct Command {
	const char *name, *operand, *summary, *notes;        /* name: "" when it is the tool's only one */
	bool takes_to;               /* a second operand, Args.to: where to */
	bool compares;               /* and that is what to compare with */
	bool file_is_optional;
	const Option *option;        /* ends with a row without name */
	const Option *shared;        /* more of them, that another command has too; or NULL */
	const char *shared_title;    /* above them in the help, or NULL */
	int (*run)(const Args *a);
} Command;

extern const Command convert_command, run_command, compile_command, verify_command, inspect_command, opt_command, diff_command;

/* Reads argv[0..argc) after the command's name. Returns an exit code; on any, free with args_free(). */
int args_parse(const Command *c, int argc, char **argv, Args *a);
void args_free(const Command *c, Args *a);
/* The first option of a table that the user gave, or NULL. */
const Option *first_given(const Option *table, const Args *a);
void print_command_help(const Command *c);
extern const char exit_codes_help[];
/* Parses and runs; what main() returns. */
int run_command_line(const Command *c, int argc, char **argv);

/* -- messages (cli.c) ------------------------------------------------------------------------------------ */

/* "<tool_name>: <message>" on stderr; returns code. */
int complain(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for a failure of the library, which it clears; the code follows the failure's. */
int report(tshlo_error *e);
/* The same where the plugin is to blame, whatever went wrong but memory. */
int report_plugin(tshlo_error *e);
/* Flushes stdout; a failure to write there, now or before, is reported unless code is one already. */
int finish(int code);
/* What --version tells; as finish(). */
int print_version(void);

/* On a terminal says on stderr that `what` is going on; the next call, with NULL, erases it. */
void progress(const char *what);

/* Text from files, without the characters that steer a terminal. */
void put_safe(FILE *to, const char *s);

/* -- models ---------------------------------------------------------------------------------------------- */

bool is_directory(const char *path);
bool file_size(const char *path, uint64_t *nbytes);

/* What a path is that holds StableHLO: "a directory", "StableHLO text", "StableHLO bytecode"; NULL: it is none, but a .pt2. */
const char *stablehlo_kind(const char *path);

/* Whether it is one, or "-", standard input; reports. Returns an exit code. */
int check_stablehlo(const char *command, const char *path);

/* StableHLO is loaded, a .pt2 opened and converted. NULL on failure. */
tshlo_model *open_model(const char *path, const tshlo_convert_options *opt, tshlo_error *e);

/* What --seed, --seed-input, --dim, --composite, --sharding, --shardy and --int4-packing say; owns what opt points to. */
typedef struct Conversion {
	tshlo_convert_options opt;
	tshlo_dim *dim;
	tshlo_composite *composite;
	tshlo_group *group;
	char *names, *sharding;
} Conversion;

/* Reports. Returns an exit code; there is something to free only after EXIT_GOOD. */
int conversion_new(Conversion *c, const Command *command, const Args *a);
void conversion_free(Conversion *c);

/* The rows of these options. */
#define CONVERSION_OPTIONS \
	{ "seed",       0, OPTION_ONE,  offsetof(Args, seed),       "N",  "of the random numbers (0), which are the same\nat every run" }, \
	{ "seed-input", 0, OPTION_FLAG, offsetof(Args, seed_input), NULL, "each call gives the seed: one more input, the\nlast, a 0-d u64 named seed" }, \
	{ "dim",        0, OPTION_MANY, offsetof(Args, dim),        "NAME=SIZE", \
		"a size of a dynamic program that is to be\nthis one: s0=8, or x.0=8 for input x, dim 0" }, \
	{ "sharding",   0, OPTION_ONE,  offsetof(Args, sharding),   "FILE", \
		"JSON: which weights, inputs and outputs are\nsplit over several devices (docs/sharding.md)" }, \
	{ "shardy",     0, OPTION_FLAG, offsetof(Args, shardy),     NULL, "shardings as Shardy has them, too" }, \
	{ "group",      0, OPTION_MANY, offsetof(Args, group),      "NAME=RANKS", "of torch.distributed: 0=0,1,2,3, or for several\ngroups alike 0=0,1;2,3" }, \
	{ "int4-packing", 0, OPTION_ONE, offsetof(Args, int4_packing), "CPU", \
		"which CPU packed weights of 4 bits: avx512,\navx2, default or neon" }

/* Reports a failure of open_model(); where ops are missing, with the Python line that lets torch decompose them. Returns an
 * exit code. */
int report_open(const char *path, tshlo_error *e);

/* "forward, decode", to be freed; NULL: out of memory. */
char *method_list(const tshlo_model *m);

/* Its method is named for the rest of the command: `method`, or NULL for the only one. Says which there are. */
int check_method(const tshlo_model *m, const char *method);

/* "f32[4,3,224,224]"; "f32[s0,3]" where p has the symbols; "?" for a negative size without one. Cut to room. */
const char *type_text(const tshlo_tensor *t, const tshlo_program *p, char *text, size_t room);
#define TYPE_TEXT 320

size_t count_of(const tshlo_tensor *t);

double seconds(void);

/* -- what is written (convert.c) --------------------------------------------------------------------------- */

typedef enum Format { FORMAT_none, FORMAT_TEXT, FORMAT_BYTECODE, FORMAT_DIRECTORY, FORMAT_SAVED_MODEL } Format;

/* What --format says (FORMAT_none: something else), or the ending of a->to. */
Format wanted_format(const Args *a);
/* Text or bytecode, as a->target, a->method and a->to say. */
bool write_module(tshlo_model *m, const Args *a, Format f, tshlo_error *e);
/* Whether a->to can be a terminal for it; reports. Returns an exit code. */
int check_terminal(const char *command, const Args *a, Format f);

/* -- running (feed.c) ------------------------------------------------------------------------------------ */

/* The user inputs of a method; owns the files they come from. */
typedef struct Feed {
	int n;
	tshlo_tensor *t;             /* [n] */
	tshlo_npy **file;            /* [n] */
	const char **from;           /* [n]; the file's name, NULL: nothing given yet */
} Feed;

/* Room for all user inputs. */
bool feed_new(Feed *f, const tshlo_model *m, const char *method);
/* From --input's values "FILE" and "NAME=FILE". Returns an exit code. */
int feed_files(Feed *f, const tshlo_model *m, const char *method, const Strings *input);
void feed_free(Feed *f);

/* "NAME=FILE" in two: NAME is a word or a number, to be freed, or NULL when there is only a file. */
bool split_name(const char *s, char **name, const char **file);

/* What came out of a run, on the host. */
typedef struct Result {
	tshlo_value_info info;
	int number;                  /* among the user's outputs; -1: the new value of what info.name names */
	tshlo_tensor t;              /* after fetch_results() */
	void *copy;                  /* owned; only where the device's memory is not the host's */
} Result;

/* Owns all in it. */
typedef struct Results {
	int n, nuser;                /* results; of them the user's outputs */
	Result *v;                   /* [n] */
	tshlo_buffer **buffer;       /* [n] */
	tshlo_values *values;        /* of --engine reference, instead of buffers */
} Results;

/* Functions that give false without a failure in e are out of memory. */
bool results_new(Results *out, const tshlo_model *m, const char *method);
bool fetch_results(Results *out, tshlo_error *e);
void results_free(Results *r);

/* Whom each value of --output or --expect is about: "FILE"s are the user's outputs in order and must be all of
 * them, "2=FILE" is output 2, "NAME=FILE" the new value of a buffer. which, file: [values->n]. Returns an exit
 * code. */
int match_results(const char *option, const Strings *values, Results *r, Result **which, const char **file);

/* A model on its way through a device. Owns all in it. */
typedef struct Job {
	tshlo_model *m;
	const char *method;
	tshlo_device *device;
	tshlo_runner *runner;
	Feed feed;
	Results results;
} Job;

/* Takes the model of a->file over (NULL: the failure in e is reported), and makes room for inputs and results. Returns an
 * exit code. */
int job_new(Job *j, const Args *a, tshlo_model *m, tshlo_error *e);
/* Opens the device and compiles, where the engine is a plugin; reports. */
int job_compile(Job *j, const Args *a, tshlo_error *e);
bool run_once(Job *j, double *took, tshlo_error *e);
static inline bool is_reference(const Args *a) { return a->engine && !strcmp(a->engine, "reference"); }
void job_free(Job *j);

/* "output 0    f32[2,3]"; "[1, 2, ...]" with at most so many elements. */
void put_label(const Result *r);
void put_head(const tshlo_tensor *t, size_t most);

/* -- SavedModels (saved_model.c) ------------------------------------------------------------------------- */

extern const Option saved_model_options[];

/* Writes the SavedModel a->to; reports. Returns an exit code. */
int write_saved_model(tshlo_model *m, const Args *a);

#endif
