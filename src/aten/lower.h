/* ATen graph -> StableHLO module. One rule per overload (rules.def); the driver is in lower.c. */
#ifndef ATEN_LOWER_H
#define ATEN_LOWER_H

#include "program/program.h"
#include "aten/sym.h"
#include "stablehlo/sharding.h"
#include "stablehlo/stablehlo.h"

/* Where an argument of @main comes from. */
typedef struct ArgSource {
	InputKind kind;
	const Input *input;      /* the program's input; name and target are there */
	int user_position;       /* among the user inputs, INPUT_USER only; else -1 */
	const Tensor *tensor;    /* weights, buffers and constants; NULL for user inputs */
} ArgSource;

typedef struct ResultSource {
	OutputKind kind;
	const char *target;      /* of mutations */
	int position;            /* in Program.output */
} ResultSource;

/* What the arguments and results of @main are, in order. In the module's arena. */
typedef struct Lowered {
	int narg;      ArgSource *arg;
	int nresult;   ResultSource *result;
	int nunused;   ArgSource *unused;        /* weights and user inputs that no op needs; user inputs stay arguments too */
} Lowered;

/* What the input that LowerOptions.seed_input adds is called. */
#define SEED_NAME "seed"

/* An input, parameter, buffer or constant that is split over several devices. */
typedef struct InputSpec {
	bool user;                   /* name is an input's, not a parameter's */
	const char *name;
	const Spec *spec;
} InputSpec;

/* How inputs and outputs of the program lie on several devices. */
typedef struct Shardings {
	const Mesh *mesh;            /* of the program, whatever is marked; NULL: as the marks say */
	bool shardy;                 /* Shardy's attributes beside GSPMD's */
	int ninput;
	const InputSpec *input;      /* [ninput] */
	int noutput;                 /* of the user's outputs */
	const Spec *const *output;   /* [noutput]; NULL: not marked */
} Shardings;

/* What ops carry as locations (locate.c). */
typedef enum LocLevel { LOCS_NONE, LOCS_NODES, LOCS_FULL, LOCS_METADATA } LocLevel;

/* The ranks of a process group, and of those beside it: a matrix, one group a row, with all ranks from 0 on. */
typedef struct RankGroup { const char *name; int64_t rows, columns; const int64_t *rank; } RankGroup;

typedef struct LowerOptions {
	const char *func_name;       /* NULL: "main" */
	bool inline_weights;         /* weights become constants instead of arguments, but those that the program writes */
	int ninlined;                /* those alone that one of these selects: bytes at most ("64KiB"), or names (fnmatch(3)) */
	const char *const *inlined;
	uint64_t seed;               /* of all random numbers */
	bool seed_input;             /* it is the last argument instead: a 0-d ui64, after all user inputs */
	int nbound;                  /* symbols that are numbers; the others make the module dynamic */
	const Binding *bound;
	const struct Lowered *like;  /* the arguments are to be those of this one, used or not; NULL: those that are used */
	int ncustom_op;              /* operators that become custom_call, as is_custom() has it */
	const char *const *custom_op;
	LocLevel locations;
	int ncomposite_op;           /* operators that become composites (mark_composites()) */
	const CompositeOp *composite_op;
	Shardings shardings;
	int ngroup;
	const RankGroup *group;
	bool quantized_types;        /* !quant.uniform values where they can say it (quant_type.h), not integer arithmetic */
	const char *int4_packing;    /* how weights of 4 bits are packed (int4.def); NULL: unknown */
} LowerOptions;

/* Whether int4.def has a row of this name. */
bool is_int4_packing(const char *name);

/* Every overload without a rule that is not custom either, one line each: "aten.foo.default  x3  model.py:17, in forward".
 * True when there is none. */
bool check_ops(const Program *p, const LowerOptions *opt, Err *e);

/* Whether an overload has a rule. */
bool has_rule(const char *target);

/* Whether "my_lib.op.default" is allowed: by its namespace ("my_lib"), its name ("my_lib::op", "my_lib.op") or as it stands. */
bool is_custom(const char *target, const LowerOptions *opt);

/* Whether t, of that name in the state dict, becomes a constant. */
bool is_inlined(const Program *p, const Tensor *t, const char *target, const LowerOptions *opt);

/* The first pattern of opt->inlined that no weight's name matches; NULL: there is none. */
const char *unmatched_inline(const Program *p, const LowerOptions *opt);

/* For a plugin's message that names targets of custom calls: the nodes that became them, a line each. */
void put_custom_calls(Buf *out, Arena *a, const Program *p, const LowerOptions *opt, const char *message);

/* Whether a rule is for an overload of this name, as target_named() has it. */
bool names_rule(const char *name);

/* Lowers the functionalized program into m (fresh; m->arena.full set by the caller; m->err receives failures). */
bool lower(const Program *p, Module *m, const LowerOptions *opt, Lowered *out);

/* For docs and tests: the i-th overload that has a rule, NULL past the end. */
const char *rule_name(int i);

#endif
