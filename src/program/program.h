/* The ATen graph of an exported program, as torch.export wrote it.
 *
 * Who fills it: pt2/ from an archive, the Python bridge through the public API. Who reads it: functionalize() below, then
 * aten/. Everything hangs on one arena; weights are borrowed pointers into a mapped file or into torch's own tensors.
 *
 *	Program *p = program_new(err);
 *	VId x = graph_value(p, g, "x", VALUE_TENSOR); ... GraphNode *n = graph_node(p, g, "aten.relu.default", "relu");
 *	program_free(p);
 *
 * Names follow torch/_export/serde/schema.py (Graph, Node, TensorMeta, GraphSignature) and torch.export.graph_signature. */
#ifndef PROGRAM_PROGRAM_H
#define PROGRAM_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"
#include "base/map.h"

/* A dimension: a number >= 0, or a symbolic expression: ~index into Program.sym. */
typedef int64_t Dim;
#define IS_STATIC(d) ((d) >= 0)

/* A symbolic expression ("s0", "2*s0 + 1") as sympy prints it, with torch's hint. */
typedef struct Sym {
	const char *expr;
	bool has_hint;
	int64_t hint;
} Sym;

/* Index into Graph.value; 0 is no value. */
typedef int VId;

typedef enum ValueKind { VALUE_none, VALUE_TENSOR, VALUE_SYMINT, VALUE_SYMFLOAT, VALUE_SYMBOOL, VALUE_TOKEN,
	VALUE_OBJECT } ValueKind;

typedef struct GraphValue {
	const char *name;
	ValueKind kind;
	DType dtype;                /* of a tensor */
	int rank;
	const Dim *dim, *stride;    /* [rank]; strides in elements */
	Dim offset;                 /* storage offset in elements */
	Dim sym;                    /* VALUE_SYMINT: its number or expression */
} GraphValue;

typedef struct Graph Graph;

typedef enum ArgKind {
	ARG_NONE,
	ARG_VALUE,                  /* a tensor, SymInt, SymFloat, SymBool: value */
	ARG_INT, ARG_FLOAT, ARG_BOOL, ARG_COMPLEX, ARG_STR,
	ARG_DTYPE,                  /* dtype */
	ARG_LAYOUT,                 /* i: schema.Layout */
	ARG_MEMORY_FORMAT,          /* i: schema.MemoryFormat */
	ARG_DEVICE,                 /* str: "cpu", "cuda:0" */
	ARG_LIST,                   /* list; items may be of mixed kinds (Tensor?[] has ARG_NONE items). A dict: a list of
	                             * [key, value] lists */
	ARG_GRAPH,                  /* graph: a body of cond, while_loop, ... */
	ARG_OPERATOR,               /* str */
	ARG_OBJECT,                 /* str: the class of a custom object; value */
} ArgKind;

typedef struct Arg {
	ArgKind kind;
	union {
		VId value;
		int64_t i;
		double f;
		bool b;
		double complex_[2];
		const char *str;
		DType dtype;
		struct { int n; struct Arg *item; } list;
		Graph *graph;
	};
} Arg;

typedef struct NamedArg {
	const char *name;           /* from the operator's schema; never NULL */
	Arg arg;
} NamedArg;

typedef struct GraphNode {
	const char *target;         /* "aten.conv2d.default", "cond", "_operator.add" */
	const char *name;           /* FX node name, may be NULL */
	int narg;
	NamedArg *arg;
	int nout;
	VId *out;                   /* [nout]; 0 where the op gives None. A list result is flattened: split -> n
	                             * values */
	/* torch's metadata, as GraphModuleSerializer.serialize_metadata() has it; NULL where there is none */
	const char *stack_trace, *nn_module_stack, *source_fn_stack, *torch_fn, *custom;
} GraphNode;

struct Graph {
	const char *name;
	VEC(GraphValue) value;      /* [0] is unused */
	VEC(GraphNode) node;        /* in execution order */
	int ninput;  Arg *input;    /* placeholders */
	int noutput; Arg *output;
	Map by_name;                /* value name -> VId */
};

/* A weight, buffer or constant: borrowed bytes and how a strided tensor lies in them. */
typedef struct Tensor {
	const char *name;           /* fully qualified: "layer1.0.conv1.weight" */
	DType dtype;
	int rank;
	const int64_t *dim, *stride;   /* [rank]; strides in elements, never negative */
	int64_t offset;             /* in elements */
	const uint8_t *storage;     /* little-endian; NULL: no data (meta tensors) */
	size_t nbytes;              /* of the storage */
} Tensor;

/* A weight of a tensor subclass: its inner tensors are weights of their own, "<name>.<part>", or have parts again. */
typedef struct Subclass {
	const char *name;
	int n;
	const char *const *part;    /* [n] */
} Subclass;

typedef enum InputKind {
	INPUT_USER, INPUT_PARAMETER, INPUT_BUFFER, INPUT_CONSTANT_TENSOR, INPUT_CONSTANT, INPUT_OBJECT, INPUT_TOKEN
} InputKind;

typedef struct Input {
	InputKind kind;
	Arg arg;                    /* ARG_VALUE; for INPUT_CONSTANT and frozen user inputs the constant itself */
	const char *name;           /* the placeholder's name */
	const char *target;         /* parameter, buffer or constant name; NULL for user inputs */
	bool persistent;            /* of a buffer */
} Input;

typedef enum OutputKind {
	OUTPUT_USER, OUTPUT_LOSS, OUTPUT_BUFFER_MUTATION, OUTPUT_PARAMETER_MUTATION, OUTPUT_USER_INPUT_MUTATION,
	OUTPUT_GRAD_TO_PARAMETER, OUTPUT_GRAD_TO_USER_INPUT, OUTPUT_TOKEN
} OutputKind;

typedef struct Output {
	OutputKind kind;
	Arg arg;                    /* ARG_VALUE, or a constant, or ARG_NONE */
	const char *target;         /* what a mutation or gradient belongs to; NULL for user outputs */
} Output;

typedef struct Range { const char *symbol; bool has_min, has_max; int64_t min, max; } Range;

/* Owns everything reachable from it, the mapped file included; free with program_free(). */
typedef struct Program {
	Arena arena;
	FileMap file;               /* mapped archive; empty when the tensors are the caller's */
	Graph *graph;               /* the top graph */
	int ninput;  Input *input;  /* in placeholder order: input[i] belongs to graph->input[i] */
	int noutput; Output *output;
	VEC(Tensor) tensor;
	Map tensor_by_name;
	VEC(Subclass) parts;
	VEC(Sym) sym;
	int nrange; Range *range;
	const char *in_spec, *out_spec;   /* pytree specs as torch.utils._pytree.treespec_dumps writes them; ""
	                                   * unknown */
	int nuser_name; const char **user_name;  /* forward_arg_names, or none */
	const char *torch_version;  /* "" unknown */
	int schema_major, schema_minor;
	int nsample; Tensor *sample;       /* the file's sample inputs, flattened in user input order; 0 when it
	                                    * has none */
} Program;

/* NULL and NO_MEMORY when there is none. The caller sets p->arena.full before anything else is allocated
 * in it. */
Program *program_new(Err *e);
void program_free(Program *p);

Graph *graph_new(Program *p, const char *name);
/* A new value; the name is copied. Defining a name twice gives a new value that shadows the old. */
VId graph_value(Program *p, Graph *g, const char *name, ValueKind kind);
/* 0 when the graph has no such value. */
VId graph_find(const Graph *g, const char *name);
/* A new node at the end. Fill arg/out with NEW() on p->arena. The pointer is good until the next
 * graph_node(). */
GraphNode *graph_node(Program *p, Graph *g, const char *target, const char *name);
static inline Arg arg_value(VId v) { return (Arg){ .kind = ARG_VALUE, .value = v }; }

/* A tensor by fully qualified name, or NULL; adding one returns the stored entry. */
const Tensor *program_tensor(const Program *p, const char *name);
Tensor *program_add_tensor(Program *p, const char *name);

/* The strings are kept, not copied; NULL: the weight is a plain tensor. */
void program_add_parts(Program *p, const char *name, int n, const char *const *part);
const Subclass *program_parts(const Program *p, const char *name);

/* torch's own limit on the dimensions of a tensor that it can iterate over. */
enum { MAX_RANK = 64 };

/* Whether every value is an input or one node's output, and used only after that. */
bool graph_check(Arena *a, const Graph *g, Err *e);

/* Whether the bytes of a tensor, and the place of its last element, can be counted. Symbols count as 1;
 * stride NULL: row-major. */
bool dims_countable(int rank, const Dim *dim, const Dim *stride, Dim offset);

/* Where the first element lies; NULL: there is none, or no data. */
const uint8_t *tensor_start(const Tensor *t);
/* Whether [dim, stride, offset] stays inside nbytes of storage: the check every reader of tensors makes. */
bool tensor_fits(const Tensor *t);
bool tensor_is_contiguous(const Tensor *t);
int64_t tensor_numel(const Tensor *t);
/* Row-major copy of a strided tensor into out[numel * dtype_nbytes]. */
void tensor_pack(const Tensor *t, void *out);

/* A line `File "...", line N, in function` of a stack_trace, as pieces of it. nfunction 0: it names none. */
typedef struct TraceFrame { const char *file, *line, *function; int nfile, nline, nfunction; } TraceFrame;

/* The next frame at or after *at, which moves behind it: the outermost comes first. */
bool next_frame(const char **at, TraceFrame *f);

/* The innermost frame of the user's own code (the last that lies outside torch and other site-packages); false: there is none. */
bool user_frame(const char *stack_trace, TraceFrame *f);

/* The same as "file:line, in function", in the arena; "" when there is none. */
const char *user_line(Arena *a, const char *stack_trace);

/* Inputs that are weights of a tensor subclass become one input for each inner tensor, and the nodes that look into them go
 * (subclass.c). Done once the graph and all weights are there. */
bool unwrap_subclasses(Program *p, Err *e);

/* Views and in-place writes become values: afterwards no node's target ends in '_' or writes an argument,
 * and what the program wrote to buffers, parameters and inputs stands at the end of p->output as mutations
 * (after those that the signature already has). See functionalize.c for how. Fails naming the node when a
 * write cannot be expressed. */
bool functionalize(Program *p, Err *e);

/* Takes out the checks of factorizations (aten._linalg_check_errors) with the tokens that order them, when the program has no
 * other effects (effects.c). */
void drop_checks(Program *p);

/* torch_xla's operator that marks the inputs and outputs of a composite: (x, name, pos, id, is_input, attr) -> x. */
#define MARK_TARGET "xla.mark_tensor.default"

/* An operator that is to stay whole, and the name of its composite. */
typedef struct CompositeOp { const char *op, *name; } CompositeOp;

/* Whether `name` means the overload: "aten.relu.default", "aten.relu", "aten::relu", or for a library "aten". */
bool target_named(const char *name, const char *target);

/* Puts marks around each node of such an operator: its tensors are inputs and outputs, its other arguments attributes. After
 * functionalize(). */
void mark_composites(Program *p, int n, const CompositeOp *op);

/* What functionalize() makes of a target: "aten.add_.Tensor" -> "aten.add.Tensor", "aten.cat.out" -> "aten.cat.default"; itself
 * when it writes nothing. */
const char *functional_target(Arena *a, const char *target);

#endif
