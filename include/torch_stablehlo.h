/* torch_stablehlo.h - PyTorch exported programs to StableHLO, and StableHLO to a device, from C.
 *
 *	tshlo_error e = { 0 };
 *	tshlo_program *p = tshlo_program_open("resnet18.pt2", &e);          torch.export.save's file, mapped
 *	tshlo_model   *m = tshlo_convert(p, NULL, &e);                      StableHLO, weights borrowed
 *	tshlo_save(m, "resnet18_dir", NULL, &e);                            the directory that torch_xla writes
 *	tshlo_device  *d = tshlo_device_open(NULL, 0, &e);                  XLA on this CPU, through PJRT
 *	tshlo_runner  *r = tshlo_compile(m, NULL, d, &e);                   once
 *	tshlo_run(r, &x, 1, out, &e);                                       as often as wanted, from any thread
 *	if (e.code) fprintf(stderr, "%s\n", e.message);
 *
 * Every function takes NULL for the object that an earlier call failed to make, and one that takes a
 * tshlo_error does nothing when that holds a failure already: the first error is kept, and a program
 * checks once, at its end. Who does not want to know gives NULL for the error. Functions that return bool
 * give false, those that return a pointer NULL, on failure. Strings and arrays handed out live as long as
 * the object they came from, unless said otherwise. Strings taken are copied; tensor data taken is
 * borrowed. Objects may be used from several threads at once where it says so. The library never prints,
 * and no input makes it abort. */
#ifndef TORCH_STABLEHLO_H
#define TORCH_STABLEHLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TSHLO_API __attribute__((visibility("default")))
#else
#define TSHLO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* -- errors ---------------------------------------------------------------------------------------------- */

typedef enum tshlo_code {
	TSHLO_OK,
	TSHLO_BAD_INPUT,         /* a file, graph or argument is not as it should be */
	TSHLO_UNSUPPORTED,       /* right, but this library cannot do it; the message names what */
	TSHLO_NO_MEMORY,
	TSHLO_IO,                /* the system said no; the message has the path and its reason */
	TSHLO_PLUGIN             /* the PJRT plugin said no; the message is its own */
} tshlo_code;

/* Zero it before first use. The first failure is kept; later calls do not overwrite it. */
typedef struct tshlo_error {
	tshlo_code code;
	char *message;           /* one sentence (a list of ops has one line each); free with tshlo_error_clear() */
} tshlo_error;

TSHLO_API void tshlo_error_clear(tshlo_error *e);
TSHLO_API const char *tshlo_version(void);               /* of this library: "0.1.0" */
TSHLO_API const char *tshlo_stablehlo_version(void);     /* the newest StableHLO it writes: "1.20.0" */

/* -- element types and tensors --------------------------------------------------------------------------- */

/* An element type; 0 is none. Spelled as StableHLO ("f32", "i64", "i1", "complex<f32>") or torch
 * ("float32") has it. */
typedef int tshlo_dtype;
TSHLO_API tshlo_dtype tshlo_dtype_by_name(const char *name);     /* 0: no such type */
TSHLO_API const char *tshlo_dtype_name(tshlo_dtype t);           /* StableHLO's spelling; "none" for 0 */
TSHLO_API const char *tshlo_dtype_torch_name(tshlo_dtype t);     /* "float32"; "" where torch has none */
TSHLO_API size_t tshlo_dtype_nbytes(tshlo_dtype t);              /* of one element in memory */
TSHLO_API bool tshlo_dtype_is_complex(tshlo_dtype t);

/* A dense, row-major tensor of little-endian elements. data is borrowed. */
typedef struct tshlo_tensor {
	tshlo_dtype dtype;
	int rank;
	const int64_t *dims;     /* [rank] */
	const void *data;
} tshlo_tensor;

/* Element i in memory order, of any type, as a double: integers beyond 2^53 are rounded. part 1: the
 * imaginary part of a complex one. i is not checked. */
TSHLO_API double tshlo_tensor_at(const tshlo_tensor *t, size_t i, int part);

/* -- exported programs ----------------------------------------------------------------------------------- */

/* A torch.export program. Owns its graph and the mapped file. Not for several threads at once. */
typedef struct tshlo_program tshlo_program;

/* Opens a .pt2 archive (torch 2.5 and newer). Weights stay in the mapped file. NULL: IO, or BAD_INPUT with
 * the entry and what is wrong there. */
TSHLO_API tshlo_program *tshlo_program_open(const char *path, tshlo_error *e);
TSHLO_API void tshlo_program_free(tshlo_program *p);

/* How often each op stands in the program: name and count of the i-th, in order of first use. false: i is
 * past the end. */
TSHLO_API bool tshlo_program_op(tshlo_program *p, int i, const char **name, int *count);
/* Whether a lowering takes an ATen overload ("aten.add_.Tensor"), as it stands or made functional. */
TSHLO_API bool tshlo_op_supported(const char *target);
/* that wrote it; "" unknown */
TSHLO_API const char *tshlo_program_torch_version(const tshlo_program *p);

/* The sample inputs that torch stored in the file, as dense tensors in the order of the user inputs; they
 * live on in the model that the program is converted to. Returns how many (0: the file has none), -1 on
 * failure. samples may be NULL to count; else it has room for that many. */
TSHLO_API int tshlo_program_samples(tshlo_program *p, tshlo_tensor *samples, tshlo_error *e);

/* -- building a program in memory (what the Python bridge does) ------------------------------------------ */

/* The graph is given in order: inputs, then nodes with their arguments and outputs, then outputs. Values are numbered from 1;
 * 0 is none (an output that is None). A failure is kept in the program and reported by tshlo_convert(). dims: >= 0 a size,
 * negative one that tshlo_symbol() gave. Names and strings are copied, weights borrowed. */
typedef enum tshlo_input_kind {
	TSHLO_INPUT_USER, TSHLO_INPUT_PARAMETER, TSHLO_INPUT_BUFFER, TSHLO_INPUT_CONSTANT_TENSOR, TSHLO_INPUT_CONSTANT,
	TSHLO_INPUT_OBJECT, TSHLO_INPUT_TOKEN
} tshlo_input_kind;

typedef enum tshlo_output_kind {
	TSHLO_OUTPUT_USER, TSHLO_OUTPUT_LOSS, TSHLO_OUTPUT_BUFFER_MUTATION, TSHLO_OUTPUT_PARAMETER_MUTATION,
	TSHLO_OUTPUT_USER_INPUT_MUTATION, TSHLO_OUTPUT_GRAD_TO_PARAMETER, TSHLO_OUTPUT_GRAD_TO_USER_INPUT, TSHLO_OUTPUT_TOKEN
} tshlo_output_kind;

TSHLO_API tshlo_program *tshlo_program_new(tshlo_error *e);
TSHLO_API int64_t tshlo_symbol(tshlo_program *p, const char *expr, int64_t hint);
/* The smallest and largest size that a symbol may have at a call (torch's range_constraints); without it 0 or more. */
TSHLO_API void tshlo_range(tshlo_program *p, const char *symbol, int64_t min, int64_t max);
TSHLO_API int tshlo_value_tensor(tshlo_program *p, const char *name, tshlo_dtype dtype, int rank, const int64_t *dims,
	const int64_t *strides, int64_t offset);
/* An int: a size, or a symbol. As an input of the program it is one more 0-d i64, and says what the symbol is. */
TSHLO_API int tshlo_value_symint(tshlo_program *p, const char *name, int64_t size);
/* A float, a bool that the program computes. */
TSHLO_API int tshlo_value_symfloat(tshlo_program *p, const char *name);
TSHLO_API int tshlo_value_symbool(tshlo_program *p, const char *name);
/* target: "aten.add.Tensor"; name, stack_trace and module_stack (torch's node metadata) may be NULL. */
TSHLO_API void tshlo_node(tshlo_program *p, const char *target, const char *name, const char *stack_trace,
	const char *module_stack);
/* More of torch's metadata of the last node, for locations, as its GraphModuleSerializer.serialize_metadata() has it, by key: "torch_fn",
 * "source_fn_stack", "custom"; other keys are passed over. */
TSHLO_API void tshlo_node_metadata(tshlo_program *p, const char *key, const char *value);
/* Arguments of the last node, by the name in its operator's schema; inside a list the name is NULL. */
TSHLO_API void tshlo_arg_value(tshlo_program *p, const char *name, int value);
TSHLO_API void tshlo_arg_none(tshlo_program *p, const char *name);
TSHLO_API void tshlo_arg_int(tshlo_program *p, const char *name, int64_t v);
TSHLO_API void tshlo_arg_float(tshlo_program *p, const char *name, double v);
TSHLO_API void tshlo_arg_bool(tshlo_program *p, const char *name, bool v);
TSHLO_API void tshlo_arg_complex(tshlo_program *p, const char *name, double re, double im);
TSHLO_API void tshlo_arg_string(tshlo_program *p, const char *name, const char *v);
TSHLO_API void tshlo_arg_dtype(tshlo_program *p, const char *name, tshlo_dtype v);
TSHLO_API void tshlo_arg_device(tshlo_program *p, const char *name, const char *v);
TSHLO_API void tshlo_arg_layout(tshlo_program *p, const char *name, int v);
TSHLO_API void tshlo_arg_memory_format(tshlo_program *p, const char *name, int v);
TSHLO_API void tshlo_arg_ints(tshlo_program *p, const char *name, int n, const int64_t *v);
TSHLO_API void tshlo_arg_list_begin(tshlo_program *p, const char *name);
TSHLO_API void tshlo_arg_list_end(tshlo_program *p);
/* A graph as an argument of the last node (a branch of cond, the body of while_loop): what is given from begin to end is its own, its
 * values are numbered from 1 anew. */
TSHLO_API void tshlo_graph_begin(tshlo_program *p, const char *name);
TSHLO_API void tshlo_graph_input(tshlo_program *p, int value);
TSHLO_API void tshlo_graph_output(tshlo_program *p, int value);          /* 0: None */
TSHLO_API void tshlo_graph_end(tshlo_program *p);
/* One output of the last node, in order; list results are flattened; 0 for None. */
TSHLO_API void tshlo_node_output(tshlo_program *p, int value);
/* One input of the program. target: the parameter's, buffer's or constant's name, NULL for user inputs.
 * value 0: None or a Python number, bool or string that export baked in; a tshlo_arg_...() with name NULL
 * right after says which (none: None). */
TSHLO_API void tshlo_input(tshlo_program *p, tshlo_input_kind kind, const char *name, const char *target,
	bool persistent, int value);
/* value 0: the same. */
TSHLO_API void tshlo_output(tshlo_program *p, tshlo_output_kind kind, const char *target, int value);
/* storage[0..nbytes) must outlive every model made of the program; strides and offset in elements. */
TSHLO_API void tshlo_weight(tshlo_program *p, const char *name, tshlo_dtype dtype, int rank, const int64_t *dims,
	const int64_t *strides, int64_t offset, const void *storage, size_t nbytes);
/* The weight `name` is of a tensor subclass: its inner tensors are weights of their own, name.part, or have parts again; nodes
 * export.access_subclass_inner_tensor(src_subclass_tensor, attr) read them by their part. Given once. */
TSHLO_API void tshlo_weight_parts(tshlo_program *p, const char *name, int n, const char *const *parts);
/* torch.utils._pytree.treespec_dumps() of the inputs ((args, kwargs)) and the outputs. */
TSHLO_API void tshlo_specs(tshlo_program *p, const char *in_spec, const char *out_spec);

/* -- models ---------------------------------------------------------------------------------------------- */

/* One or more StableHLO functions ("methods") and their weights. Reading and running it is for any number
 * of threads. A method is named by a string; NULL means "forward", or the only one. */
typedef struct tshlo_model tshlo_model;

/* A size of a dynamic program, by the symbol's name in it ("s0") or an input's and the number of the dimension ("x.0"). */
typedef struct tshlo_dim { const char *name; int64_t size; } tshlo_dim;

/* What ops carry as MLIR locations: where in the program and in the user's source they come from. */
typedef enum tshlo_locations {
	TSHLO_LOCATIONS_NONE,
	TSHLO_LOCATIONS_NODES,       /* "layer1.conv/conv2d_3"("forward"("model.py":12:0)): module and node, the user's line; of arguments the name */
	TSHLO_LOCATIONS_FULL,        /* the same with all lines of the stack trace, each called from the next */
	TSHLO_LOCATIONS_METADATA     /* NODES inside of torch's metadata of the node as JSON, which is what torch_xla exports */
} tshlo_locations;

/* An operator that is to stay whole ("aten.gelu.default", or "aten.gelu" for all its overloads), and what it is called then. */
typedef struct tshlo_composite { const char *op, *name; } tshlo_composite;

/* Which ranks a process group of torch.distributed is of: "0,1,2,3", or, as it is one of several alike, "0,1;2,3". All ranks, each once. */
typedef struct tshlo_group { const char *name, *ranks; } tshlo_group;

typedef struct tshlo_convert_options {
	const char *method;          /* NULL: "forward" */
	bool inline_weights;         /* weights as constants in the module instead of arguments; never those that the program writes */
	int ninlined;                /* only those that one of these selects: at most so many bytes ("4096", "64KiB", "1MiB"), or names in */
	const char *const *inlined;     /* the state dict, with *, ? and [a-z] */
	uint64_t seed;               /* of the random numbers, which are the same at every run */
	bool seed_input;             /* each call gives the seed instead: one more user input, the last, a 0-d u64
	                              * named "seed" */
	int ndim;                    /* sizes that are to be these; a program with others, too, stays dynamic in them */
	const tshlo_dim *dim;
	int ncustom_op;              /* operators outside ATen that become stablehlo.custom_call: a namespace ("my_lib"), or */
	const char *const *custom_op;   /* one operator ("my_lib::op") or overload ("my_lib.op.default") */
	tshlo_locations locations;
	const char *sharding;        /* which weights, inputs and outputs are split over several devices, as JSON (docs/sharding.md); NULL: the
	                              * program's own marks alone */
	bool of_several;             /* of several programs, for tshlo_join(): names of sharding and inlined that this one lacks are another's */
	bool shardy;                 /* Shardy's attributes beside GSPMD's; its dialect in the text */
	bool quantized_types;        /* what is quantized by known scales has !quant.uniform types, with uniform_quantize and
	                              * uniform_dequantize, for compilers that take them; else it is integer arithmetic */
	const char *int4_packing;    /* which CPU packed the weights of aten._weight_int4pack_mm_for_cpu: "avx512", "avx2",
	                              * "default" (x86 without them, Arm with SVE of 256 bits), "neon"; NULL: such weights
	                              * are refused unless the program packs them itself */
	int ngroup;                  /* of the collectives in the program */
	const tshlo_group *group;
	int ncomposite;              /* operators that become a stablehlo.composite each: tensors are operands, other arguments */
	const tshlo_composite *composite;        /* attributes, what we make of the operator is its decomposition */
} tshlo_convert_options;

/* Converts the program, which the model takes over on success and on failure alike: do not use or free it
 * afterwards. opt may be NULL. UNSUPPORTED lists every op that has no lowering, one line each with its
 * count and the user's own source line. What the program writes to buffers and inputs comes out as further
 * results (tshlo_value_info.output says of what), which it is up to the caller to keep. */
TSHLO_API tshlo_model *tshlo_convert(tshlo_program *p, const tshlo_convert_options *opt, tshlo_error *e);

/* One model with the methods of n models, which it takes over, on failure too (NULLs, of calls that failed, make it fail). Weights of one name
 * must be the same, and are held once. BAD_INPUT: two methods of one name; the same name for different weights; a name of
 * tshlo_convert_options.sharding that none of the programs has. */
TSHLO_API tshlo_model *tshlo_join(tshlo_model *const *part, int n, tshlo_error *e);

/* Puts what the model's composites (marked in the program, or asked for) are made of in their place, in text and bytecode as in runs, for
 * consumers that know none. Not while another thread uses the model. */
TSHLO_API bool tshlo_inline_composites(tshlo_model *m, tshlo_error *e);

/* Passes over a method's module, in this order; with none it is read and verified alone. From here on it is what text and bytecode are made
 * of. What was handed out before is no longer valid, so not beside other calls. */
typedef struct tshlo_passes {
	bool inline_calls, inline_composites;        /* what functions and composites are made of in place of their calls */
	bool fold;                   /* ops on constants, and those that change nothing */
	bool cse;                    /* of equal ops in a function the first stays */
	bool dce;                    /* what nobody uses goes */
} tshlo_passes;
TSHLO_API bool tshlo_optimize(tshlo_model *m, const char *method, const tshlo_passes *p, tshlo_error *e);

typedef struct tshlo_diff_options {
	const char *method;          /* compare only this one; NULL: all of them, what they take and give, and the weights */
	bool locations;              /* count, too */
	int most;                    /* how many differences are told; 0: 10 */
} tshlo_diff_options;

/* Compares two models by what they mean: methods and functions by name, ops in order, whatever values are called; attributes and
 * constants by value, weights by their bytes. Behind the first op that is another one a function is not looked at. Returns how many
 * differences were found, -1 on failure. *text gets the first of them, one line each, until the next call for x. opt may be NULL. */
TSHLO_API int tshlo_diff(tshlo_model *x, tshlo_model *y, const tshlo_diff_options *opt, const char **text, tshlo_error *e);

/* Opens a StableHLO directory, ours or torch_xla's, whose functions may be bytecode or text; or one file of StableHLO, MLIR text
 * or bytecode of any release ("-": standard input). Such a file's method is "forward", its main function, all of whose arguments are user
 * inputs. */
TSHLO_API tshlo_model *tshlo_load(const char *path, tshlo_error *e);
TSHLO_API void tshlo_model_free(tshlo_model *m);

typedef struct tshlo_save_options {
	const char *target;          /* StableHLO version of the bytecode, "1.9.0"; NULL: the oldest from 1.0.0 on
	                              * that can express it */
	bool skip_text, skip_weights;
	bool no_weights;             /* data/ is there, but empty */
	bool safetensors;            /* the weights in one file, weights.safetensors, instead of data/; torch_xla cannot load such a directory */
} tshlo_save_options;

/* Writes the directory beside `dir`, then renames. `dir` must not exist, or be empty. */
TSHLO_API bool tshlo_save(tshlo_model *m, const char *dir, const tshlo_save_options *opt, tshlo_error *e);

/* Takes the locations out: from here on the model's text and bytecode, and what is saved, have none. What was handed out before is no
 * longer valid, so not beside other calls. A loaded model's modules are read for it. */
TSHLO_API bool tshlo_strip_locations(tshlo_model *m, tshlo_error *e);

TSHLO_API int tshlo_nmethods(const tshlo_model *m);
TSHLO_API const char *tshlo_method(const tshlo_model *m, int i);      /* NULL past the end */

/* MLIR text and a portable artifact (VHLO bytecode). NUL-terminated (text); *n gets the length when n is
 * not NULL. target: as above; a loaded model has the version it was saved with and refuses another. */
TSHLO_API const char *tshlo_text(tshlo_model *m, const char *method, size_t *n, tshlo_error *e);
TSHLO_API const void *tshlo_bytecode(tshlo_model *m, const char *method, const char *target, size_t *n,
	tshlo_error *e);
/* The StableHLO version that tshlo_bytecode() with no target gives. */
TSHLO_API const char *tshlo_bytecode_version(tshlo_model *m, const char *method, tshlo_error *e);

/* What the user gives or gets: a tensor, or a Python number that is a 0-d tensor of the function's: i64, f64, i1. */
typedef enum tshlo_scalar { TSHLO_TENSOR, TSHLO_INT, TSHLO_FLOAT, TSHLO_BOOL } tshlo_scalar;

/* What the function takes and gives, in order. */
typedef struct tshlo_value_info {
	tshlo_input_kind input;      /* of an input: TSHLO_INPUT_USER, _PARAMETER (buffers too), _CONSTANT_TENSOR */
	tshlo_output_kind output;    /* of a result */
	const char *name;            /* user inputs: the placeholder's; user outputs: the keys that lead there, where the model
	                              * gives a dict ("logits", "past_0_key"); weights: state dict name; mutations and
	                              * gradients: their target; or "" */
	int position;                /* user inputs: among the flattened user inputs; constants: their number; results: among
	                                the flattened user outputs, or -1 */
	tshlo_tensor type;           /* data: of weights, when they are dense in memory, else NULL */
	size_t nbytes;               /* dense */
	tshlo_scalar scalar;         /* of user inputs and outputs */
} tshlo_value_info;

TSHLO_API int tshlo_ninputs(const tshlo_model *m, const char *method);       /* -1: no such method */
TSHLO_API int tshlo_noutputs(const tshlo_model *m, const char *method);
TSHLO_API bool tshlo_input_info(const tshlo_model *m, const char *method, int i, tshlo_value_info *out);
TSHLO_API bool tshlo_output_info(const tshlo_model *m, const char *method, int i, tshlo_value_info *out);
/* User inputs that the function does not take because nothing depends on them. */
TSHLO_API int tshlo_nunused(const tshlo_model *m, const char *method);
TSHLO_API bool tshlo_unused_info(const tshlo_model *m, const char *method, int i, tshlo_value_info *out);
/* Flattened user inputs and outputs that are no tensors: Python values that export baked in, as JSON
 * ("null", "3", "\"sum\""). A directory of torch_xla's does not tell. false: i is past the end. */
typedef struct tshlo_fixed {
	int position;
	const char *name;            /* of an input, or an output as above; "" unknown */
	const char *json;
} tshlo_fixed;
TSHLO_API bool tshlo_fixed_input(const tshlo_model *m, const char *method, int i, tshlo_fixed *out);
TSHLO_API bool tshlo_fixed_output(const tshlo_model *m, const char *method, int i, tshlo_fixed *out);
TSHLO_API const char *tshlo_in_spec(const tshlo_model *m, const char *method);      /* "" unknown */
TSHLO_API const char *tshlo_out_spec(const tshlo_model *m, const char *method);

/* What data/ and constants/ hold, or will: the i-th parameter or buffer, then the tensors that the
 * exporter made; used by a method or not. false: i is past the end. */
typedef struct tshlo_state {
	const char *name;            /* state dict name; NULL: a constant, by its number */
	tshlo_tensor type;           /* data: the first element; NULL when there is none in memory. dtype 0:
	                              * unknown, of itemsize bytes */
	const int64_t *strides;      /* [rank] in elements; NULL: row-major */
	size_t itemsize;
} tshlo_state;
TSHLO_API bool tshlo_state_tensor(const tshlo_model *m, int i, tshlo_state *out);

/* The same of a program that is not converted: all that its signature lists, buffers as such, with no data
 * and no position of results. type.dtype 0: no tensor (a number, None). A negative size is a symbol; its
 * expression is tshlo_program_size(). */
TSHLO_API bool tshlo_program_input(const tshlo_program *p, int i, tshlo_value_info *out);
TSHLO_API bool tshlo_program_output(const tshlo_program *p, int i, tshlo_value_info *out);
/* "2*s0"; "" for a number */
TSHLO_API const char *tshlo_program_size(const tshlo_program *p, int64_t dim);

/* -- TensorFlow SavedModels ------------------------------------------------------------------------------ */

/* How one method is served. NULL and 0 stand for defaults: the model's own names. */
typedef struct tshlo_signature {
	const char *method;          /* NULL: "forward", or the only one */
	const char *key;             /* of the SignatureDef; NULL: "serving_default" for that method, for another
	                              * its name */
	const char *alias;           /* by which converters find the function (MetaInfoDef.function_aliases) */
	const char *const *input_names;      /* [ninput_names] of the tensor inputs, in order */
	int ninput_names;
	const char *const *output_names;     /* [noutput_names] */
	int noutput_names;
} tshlo_signature;

typedef struct tshlo_saved_model_options {
	const tshlo_signature *signatures;   /* [nsignatures] of the methods that want other than the defaults */
	int nsignatures;
	const char *const *platforms;        /* [nplatforms] "CPU", "CUDA", "ROCM", "TPU": where it may run, TensorFlow
	                                      * refuses any other; none: wherever there is XLA. A loaded model
	                                      * takes one at most */
	int nplatforms;
	const char *target;          /* as tshlo_save_options.target */
	size_t inline_nbytes;        /* the exporter's constants up to this size stand in the graph, not in the variables;
	                              * 0: 1024 */
	bool warmup;                 /* assets.extra/tf_serving_warmup_requests: one request per signature, of zeros */
} tshlo_saved_model_options;

/* Writes a SavedModel with the tag "serve" (tensorflow/core/protobuf/saved_model.proto), for TF Serving and
 * tf.saved_model.load: `dir` must not exist, or be empty; directories above it are made. One signature per
 * method, each an XlaCallModule over variables that all share; a method's writes to its buffers become
 * assignments. UNSUPPORTED names what TensorFlow has no type for. */
TSHLO_API bool tshlo_save_saved_model(tshlo_model *m, const char *dir, const tshlo_saved_model_options *opt,
	tshlo_error *e);

/* What a SavedModel holds, whoever wrote it: for looking at it, not for running it. For any number of threads.
 * Functions below that return bool give false past the end. */
typedef struct tshlo_saved_model tshlo_saved_model;

/* Reads saved_model.pb and variables/variables.index in `dir`, and checks that the data files have the length
 * that they must have; of the weights it reads nothing. NULL: IO; BAD_INPUT with the file and the place in it;
 * UNSUPPORTED: a SavedModel stored as text or in chunks, a compressed index. */
TSHLO_API tshlo_saved_model *tshlo_saved_model_open(const char *dir, tshlo_error *e);
TSHLO_API void tshlo_saved_model_close(tshlo_saved_model *s);
/* Whether there is assets.extra/tf_serving_warmup_requests. */
TSHLO_API bool tshlo_saved_model_has_warmup(const tshlo_saved_model *s);

/* A graph is chosen by its tags; nearly all SavedModels have one, with the tag "serve". */
typedef struct tshlo_saved_graph {
	const char *tensorflow_version;      /* that wrote it; "" unknown */
	int ntags;
	const char *const *tags;             /* [ntags] */
} tshlo_saved_graph;
TSHLO_API bool tshlo_saved_graph_info(const tshlo_saved_model *s, int graph, tshlo_saved_graph *out);

/* A tensor of a signature, or a variable. */
typedef struct tshlo_saved_tensor {
	const char *key;             /* its name in the signature; in the checkpoint */
	const char *name;            /* of the tensor in the graph, "" not one tensor; of the variable, "" unknown */
	const char *type;            /* dtype's name, or TensorFlow's of what StableHLO has not: "string", "resource" */
	tshlo_dtype dtype;           /* 0: of those */
	int rank;                    /* -1: unknown */
	const int64_t *dims;         /* [rank]; -1: unknown */
	uint64_t nbytes;             /* of a variable, in the data files */
} tshlo_saved_tensor;

/* Signatures, their inputs and outputs, and variables come in the order of their keys. */
typedef struct tshlo_saved_signature {
	const char *key;             /* "serving_default" */
	const char *method_name;     /* "tensorflow/serving/predict" */
} tshlo_saved_signature;
TSHLO_API bool tshlo_saved_signature_info(const tshlo_saved_model *s, int graph, int i,
	tshlo_saved_signature *out);
TSHLO_API bool tshlo_saved_input(const tshlo_saved_model *s, int graph, int signature, int i,
	tshlo_saved_tensor *out);
TSHLO_API bool tshlo_saved_output(const tshlo_saved_model *s, int graph, int signature, int i,
	tshlo_saved_tensor *out);
/* Shared by all graphs. A partitioned one counts once, with the bytes of all its parts. */
TSHLO_API bool tshlo_saved_variable(const tshlo_saved_model *s, int i, tshlo_saved_tensor *out);

/* A StableHLO module that a function calls: an XlaCallModule node. */
typedef struct tshlo_saved_call {
	const char *function;        /* that the node stands in; "" the graph itself */
	const char *node;
	int64_t version;             /* of the XlaCallModule operation */
	int nplatforms;
	const char *const *platforms;        /* [nplatforms] "CPU", ...; none: anywhere */
	size_t module_nbytes;
	const char *producer;        /* of the MLIR bytecode, "StableHLO_v1.0.0"; "" the module is no bytecode */
} tshlo_saved_call;
TSHLO_API bool tshlo_saved_call_info(const tshlo_saved_model *s, int graph, int i, tshlo_saved_call *out);
/* The name by which converters find a function (MetaInfoDef.function_aliases). */
TSHLO_API bool tshlo_saved_alias(const tshlo_saved_model *s, int graph, int i, const char **alias,
	const char **function);

/* -- running --------------------------------------------------------------------------------------------- */

/* A device of a PJRT plugin. plugin: a path, a name ("cpu", "cuda", "tpu"), or NULL for
 * PJRT_PLUGIN_LIBRARY_PATH, then the CPU. Lives until the process ends or tshlo_device_close(); close it
 * after what runs on it is freed. */
typedef struct tshlo_device tshlo_device;
TSHLO_API tshlo_device *tshlo_device_open(const char *plugin, int index, tshlo_error *e);
TSHLO_API void tshlo_device_close(tshlo_device *d);
/* Keeps what is compiled for the device in a directory, which is made when it is not there: a later process that compiles the same for the
 * same plugin and machine loads it instead. Only this library's files may be in it, since plugins trust them; it may be emptied at any
 * time. NULL: no more. Before anything is compiled. */
TSHLO_API bool tshlo_device_cache(tshlo_device *d, const char *dir, tshlo_error *e);
TSHLO_API const char *tshlo_device_name(const tshlo_device *d);          /* "TFRT_CPU_0" */
TSHLO_API const char *tshlo_device_platform(const tshlo_device *d);      /* "cpu", "cuda", "tpu" */
TSHLO_API const char *tshlo_device_plugin(const tshlo_device *d);        /* the plugin's path */
TSHLO_API bool tshlo_device_is_host(const tshlo_device *d);              /* its memory is this process's */
TSHLO_API int tshlo_device_count(const tshlo_device *d);                 /* devices that the plugin has, this one among them */

/* A method compiled for a device, with its weights there. For any number of threads. The model must
 * outlive it. */
typedef struct tshlo_runner tshlo_runner;
TSHLO_API tshlo_runner *tshlo_compile(tshlo_model *m, const char *method, tshlo_device *d, tshlo_error *e);
/* Whether what is compiled from now on is the program as it was converted (false), or one that runs faster on the device with results
 * that differ by rounding (true, the default): docs/running.md, "Rewrites". */
TSHLO_API void tshlo_tune(tshlo_model *m, bool on);
/* The values of the buffers and parameters that the model's methods write, on a device. They begin as the weights are, and stay there
 * from call to call: a KV cache, running statistics, counters. For any number of threads; runs with one state follow each other.
 * The model must outlive it, and it the runners. */
typedef struct tshlo_session tshlo_session;
TSHLO_API tshlo_session *tshlo_session_new(const tshlo_model *m, tshlo_device *d, tshlo_error *e);
TSHLO_API void tshlo_session_free(tshlo_session *s);
TSHLO_API void tshlo_session_reset(tshlo_session *s);          /* the weights again */
/* The i-th value's name (of the state dict) and type; false past the end. */
TSHLO_API bool tshlo_session_value(const tshlo_session *s, int i, const char **name, tshlo_tensor *type);
TSHLO_API bool tshlo_session_read(tshlo_session *s, const char *name, void *dst, size_t nbytes, tshlo_error *e);
TSHLO_API bool tshlo_session_write(tshlo_session *s, const char *name, const tshlo_tensor *t, tshlo_error *e);

/* tshlo_compile() for runs that read s and write it: results that are new values of buffers and parameters are not given out, their
 * out[] is NULL. Other methods of the model may be compiled with the same s. A run that fails may leave s as it began. */
TSHLO_API tshlo_runner *tshlo_compile_in(tshlo_model *m, const char *method, tshlo_device *d, tshlo_session *s, tshlo_error *e);
TSHLO_API void tshlo_runner_free(tshlo_runner *r);
TSHLO_API int tshlo_runner_ncompiled(tshlo_runner *r);                   /* compilations so far; what a cache had is none */
/* A program whose sizes differ from call to call has an executable for each set of them. Those used last are kept, 32 of them or as many as
 * is said here, 1 at least; one that goes while another thread runs it goes after that. */
TSHLO_API void tshlo_runner_limit(tshlo_runner *r, int limit);
TSHLO_API int tshlo_runner_nkept(tshlo_runner *r);
/* How many devices a run takes: those of a program with shardings, from the runner's own on, where the plugin has so many; else 1. */
TSHLO_API int tshlo_runner_ndevices(const tshlo_runner *r);

/* A tensor on a device. */
typedef struct tshlo_buffer tshlo_buffer;
TSHLO_API tshlo_buffer *tshlo_buffer_new(tshlo_device *d, const tshlo_tensor *t, tshlo_error *e);
/* Type and, where the device's memory is the host's, the elements in place (else data is NULL). Lives as
 * long as the buffer. */
TSHLO_API bool tshlo_buffer_info(tshlo_buffer *b, tshlo_tensor *out);
TSHLO_API size_t tshlo_buffer_nbytes(const tshlo_buffer *b);
TSHLO_API bool tshlo_buffer_read(const tshlo_buffer *b, void *dst, size_t nbytes, tshlo_error *e);
TSHLO_API void tshlo_buffer_free(tshlo_buffer *b);

/* Runs it on the user inputs in order (as many as tshlo_runner_nuser()), waits, and gives tshlo_noutputs()
 * buffers, each to be freed. BAD_INPUT names the input that has another type than the program wants. */
TSHLO_API int tshlo_runner_nuser(const tshlo_runner *r);
/* The check alone, without a device. */
TSHLO_API bool tshlo_check_inputs(const tshlo_model *m, const char *method, const tshlo_tensor *in, int nin,
	tshlo_error *e);
TSHLO_API bool tshlo_run(tshlo_runner *r, const tshlo_tensor *in, int nin, tshlo_buffer **out,
	tshlo_error *e);
/* tshlo_run() of a program with collectives, on all its ranks at once: in[k * nin + i] is input i of rank k, out[k * results + j] its result j. */
TSHLO_API bool tshlo_run_each(tshlo_runner *r, const tshlo_tensor *in, int nin, tshlo_buffer **out, tshlo_error *e);
TSHLO_API bool tshlo_run_buffers(tshlo_runner *r, tshlo_buffer *const *in, int nin, tshlo_buffer **out,
	tshlo_error *e);

/* What a method gives on the user inputs, computed without a device or plugin, op by op as the specification says: to compare with, and
 * where there is no plugin. One core, much slower than a device. Refuses what the evaluator has not (docs/running.md, "Reference"). The
 * model must outlive it; free with tshlo_values_free(). */
typedef struct tshlo_values tshlo_values;
TSHLO_API tshlo_values *tshlo_evaluate(tshlo_model *m, const char *method, const tshlo_tensor *in, int nin, tshlo_error *e);
TSHLO_API bool tshlo_values_at(const tshlo_values *v, int i, tshlo_tensor *out);        /* lives as long as v; false past the end */
TSHLO_API void tshlo_values_free(tshlo_values *v);

/* -- NumPy files ----------------------------------------------------------------------------------------- */

/* A .npy file, mapped; free with tshlo_npy_close(). Fortran order and byte orders other than little are
 * refused by name. */
typedef struct tshlo_npy tshlo_npy;
TSHLO_API tshlo_npy *tshlo_npy_open(const char *path, tshlo_tensor *out, tshlo_error *e);
/* The same; elements that the file calls opaque bytes, as it must of 8-bit floats, are of type `otherwise` where they have its size. */
TSHLO_API tshlo_npy *tshlo_npy_open_as(const char *path, tshlo_dtype otherwise, tshlo_tensor *out, tshlo_error *e);
TSHLO_API void tshlo_npy_close(tshlo_npy *f);
TSHLO_API bool tshlo_npy_write(const char *path, const tshlo_tensor *t, tshlo_error *e);

/* -- files ----------------------------------------------------------------------------------------------- */

/* Writes p[0..n) to a file beside `path` and renames it: nothing half-written is left, an older file stays
 * as it was on failure. "-" is standard output. */
TSHLO_API bool tshlo_write_file(const char *path, const void *p, size_t n, tshlo_error *e);

#ifdef __cplusplus
}
#endif
#endif
