/* Inside api: what stands behind the public handles. */
#ifndef API_API_H
#define API_API_H

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>

#include "aten/lower.h"
#include "aten/sym.h"
#include "base/arena.h"
#include "base/err.h"
#include "bundle/bundle.h"
#include "pjrt/pjrt.h"
#include "program/program.h"
#include "stablehlo/stablehlo.h"
#include "torch_stablehlo.h"

static_assert(sizeof(tshlo_error) == sizeof(Err) && (int)TSHLO_PLUGIN == (int)PLUGIN, "tshlo_error is Err");
static_assert((int)TSHLO_INPUT_TOKEN == (int)INPUT_TOKEN && (int)TSHLO_OUTPUT_TOKEN == (int)OUTPUT_TOKEN
	&& (int)TSHLO_LOCATIONS_METADATA == (int)LOCS_METADATA, "kinds agree");

/* `err` for the rest of the function: the caller's or, when that is NULL, one that nobody reads. */
#define OWN_ERR(e) \
	Err own_ __attribute__((cleanup(err_clear))) = { 0 }, *err = (e) ? (Err *)(e) : &own_

/* The same in a function that does nothing once something has failed. */
#define ERR(e, result) \
	OWN_ERR(e); \
	if (err->code) return result

/* Whether a pointer that must not be NULL is none. */
static inline bool given(const void *p, const char *what, Err *e)
{
	return p || fail(e, BAD_INPUT, "no %s is given, but NULL", what);
}

/* A tensor of the caller's, before its type is looked at. Its data is for whoever reads it to check. */
bool given_tensor(const tshlo_tensor *t, const char *what, Err *e);

/* Sets the place that an arena without memory jumps to; `on_full` runs there. Nothing that the function
 * changes after this may be read in on_full, so API functions are thin: guard, then one call. */
#define GUARD(arena, e, on_full) \
	jmp_buf full_; \
	Arena *guarded_ __attribute__((cleanup(guard_end))) = (arena); \
	if (setjmp(full_)) { fail(e, NO_MEMORY, "out of memory"); on_full; } \
	guarded_->full = &full_

/* Nobody can jump to a function that has returned. */
static inline void guard_end(Arena **a) { (*a)->full = NULL; }

/* -- programs -------------------------------------------------------------------------------------------- */

typedef struct OpCount { const char *name; int count; } OpCount;
typedef struct Frame { const char *name; VEC(Arg) item; } Frame;

/* What was being given when a graph argument was begun. */
typedef struct Outer {
	Graph *graph;
	const char *name;
	bool in_node;
	VEC(NamedArg) arg;
	VEC(Frame) open;
	VEC(VId) out;
	VEC(Arg) input, output;
} Outer;

struct tshlo_program {
	Program *program;
	Graph *graph;                /* being given; with `outer` not empty a branch or body */
	VEC(Outer) outer;
	VEC(Arg) graph_input, graph_output;      /* of a branch or body */
	const char **out_name;       /* [program->noutput] of user outputs of one from a file; NULL: they have none */
	bool built;                  /* call by call, not from a file */
	VEC(OpCount) op;             /* made when asked for */
	Err err;                     /* the first failure while the graph was given */
	enum { IN_NOTHING, IN_INPUT, IN_OUTPUT } fixed;      /* what a constant given now is the value of */
	/* the node being given: its arguments, lists that are open, outputs */
	bool in_node;
	VEC(NamedArg) arg;
	VEC(Frame) open;
	VEC(VId) out;
	VEC(Input) input;
	VEC(Output) output;
};

/* Ends the last node, and hands inputs and outputs over to the program. */
bool program_finish(tshlo_program *p, Err *e);

/* -- devices --------------------------------------------------------------------------------------------- */

struct tshlo_device {
	Plugin *plugin;
	Device *device;
};

/* -- models ---------------------------------------------------------------------------------------------- */

/* A weight of a model, dense or not, wherever it came from. */
typedef struct Weight {
	Tensor tensor;               /* storage NULL: there is no data */
	void *packed;                /* dense copy of a strided one, 64-byte aligned, made on demand; owned */
} Weight;

typedef struct Artifact {
	struct Artifact *next;
	Version version;
	Buf bytes;
} Artifact;

typedef struct Method {
	const char *name;
	Module *module;              /* of a converted one; of a loaded one once it was read (method_module()); owned */
	const BundleFunction *saved; /* of a loaded one; neither text nor bytecode: it is a file's */
	Version oldest;              /* of `module`: what its artifact is for unless told otherwise */
	const char *version;         /* the same, or the one it was saved with */
	bool changed;                /* of a loaded one: what it was saved as is no longer what it is */
	Buf text;
	Artifact *artifact;          /* one per version asked for */
	int nin, nout, nunused, nuser, nint;         /* nint: of the user inputs, the integers */
	tshlo_value_info *in, *out, *unused;
	Weight **weight;             /* [nin]; NULL for user inputs */
	int nfixed_in, nfixed_out;
	tshlo_fixed *fixed_in, *fixed_out;
	const char **user_name;      /* [nuser_name] of the flattened user inputs; may be NULL */
	int nuser_name;
	const char *in_spec, *out_spec;
	/* of a converted one: */
	LowerOptions options;
	Lowered lowered;
	Sizes sizes;                 /* in[].type.dims, out[].type.dims may be handles of its table */
	bool dynamic;                /* and some are: a run lowers the program for its sizes */
	int64_t *in_size;            /* [nin] of an integer input: its value as such a size */
	bool composites_inlined;     /* `module` is so, whatever was saved */
	const char *refusal;         /* why it is lowered only for given sizes; NULL: `module` is for all */
	const int64_t **in_traced, **out_traced;     /* [nin], [nout]: the sizes it was exported with; NULL where none is a handle */
} Method;

/* Owns program or bundle, and the methods' modules. */
struct tshlo_model {
	Arena arena;
	pthread_mutex_t lock;        /* of what is made on demand: text, artifacts, packed weights */
	bool untuned;                /* run as converted */
	Program *program;
	Bundle *bundle;
	VEC(Weight *) weight;
	int nstate, nconstant;
	const BundleTensor *state, *constant;       /* what data/ and constants/ hold */
	int nmethod;
	Method *method;
	int nunknown;                /* names of opt->sharding that are none of the program's */
	const char **unknown;
	int npart;
	tshlo_model **part;          /* of a joined one: what its methods came from; owned */
	Buf differences;             /* the last that were told */
};

/* What the program has of inputs and outputs that are no tensors, into the method; and the same to and
 * from a directory. */
bool fixed_of_program(Arena *a, const Program *p, Method *k, Err *e);
void fixed_to_meta(Arena *a, const Method *k, FunctionMeta *m);
void fixed_from_meta(Arena *a, Method *k, const FunctionMeta *m);
/* opt->sharding as shardings of k->options. */
bool shardings_of(tshlo_model *m, Method *k, const tshlo_convert_options *opt, Err *e);
/* Where output i of the program stands among the flattened user outputs. */
int user_output(const Program *p, int i);
/* [nuser], "" where there is none: what leads to each flattened user output in a model that gives a dict; NULL: it gives none. */
const char **output_names(Arena *a, const char *spec, int nuser);
void name_outputs(Arena *a, Method *k);
/* The tensors of a converted program, as data/ and constants/ will have them. */
void model_state(tshlo_model *m);

/* Whether no method reads memory of state under another name than the one that it is written by (overlap.c). */
bool check_overlap(const tshlo_model *m, Err *e);

/* The model as what a directory holds; pointers into it and into a. */
bool model_parts(tshlo_model *m, Arena *a, const tshlo_save_options *opt, BundleParts *out, Err *e);

tshlo_model *model_new(Err *e);
/* Of what a directory has of a function: the method without its module, inputs and weights bound. */
void load_method(tshlo_model *m, Method *k, const BundleFunction *f);
/* Text or bytecode as a verified module, to be freed with module_free() and free(); `name` is for messages. NULL on failure. */
Module *module_of(const char *name, const void *p, size_t n, Err *e);
/* Such a file into an empty model, whose one method, "forward", takes all arguments from the user. */
bool load_file(tshlo_model *m, const char *path, Err *e);
/* NULL, with the failure recorded, when there is no such method. */
Method *model_method(const tshlo_model *m, const char *name, Err *e);
/* The method's module, read back if it is a loaded model's; NULL with the failure recorded. */
const Module *method_module(tshlo_model *m, Method *k, Err *e);
/* What `target` (NULL: the one it was saved with, or the oldest that can express the method) stands for. */
bool wanted_version(const Method *k, const char *target, Version *v, Err *e);
/* The oldest version that can express the module, but not below 1.0.0: StableHLO's promise of
 * compatibility starts there. */
Version oldest_usable(const Module *m);
/* The process groups of opt, in out; BAD_INPUT. */
bool read_groups(Arena *a, const tshlo_convert_options *opt, LowerOptions *out, Err *e);
/* Drops the text and bytecode that were made of the method's module, which is to change. */
void forget_output(Method *k);
/* Puts behind a plugin's message who makes the custom calls that it names. */
void explain_custom_calls(tshlo_model *m, Method *k, Err *e);
/* Dense bytes of a weight; NULL with the failure recorded when it has none. */
const void *weight_data(tshlo_model *m, Weight *w, Err *e);

#endif
