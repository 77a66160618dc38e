/* Inside the savedmodel module: what will be written, all names settled, before a byte is. */
#ifndef SAVEDMODEL_PLAN_H
#define SAVEDMODEL_PLAN_H

#include "bundle/nest.h"
#include "savedmodel/format.h"
#include "savedmodel/savedmodel.h"

typedef struct Variable {
	const char *name;           /* of its node, unique in the graph: the state dict's, without what TensorFlow forbids */
	const char *key;            /* in the checkpoint */
	const BundleTensor *from;
	int type;                   /* DataType */
} Variable;

/* An input or output of a signature. */
typedef struct Port {
	const char *name;
	DType dtype;
	int type;                   /* DataType */
	int rank;
	const int64_t *dim;         /* [rank]; -1: any */
	int result;                 /* of an output: which result of the module; -1: it is the value `fixed` */
	const char *fixed;          /* JSON of a number, bool or string that export baked in */
} Port;

/* Where a parameter of the module comes from. */
typedef enum SourceKind { SOURCE_INPUT, SOURCE_VARIABLE, SOURCE_CONSTANT } SourceKind;
typedef struct Source { SourceKind kind; int i; } Source;      /* i: Served.in, Served.captured, parts->constant */

typedef struct Served {
	const BundleFunction *f;
	const char *name;           /* as an attribute of the loaded object */
	const char *key, *alias;    /* alias NULL: none */
	const char *body, *wrapper; /* FunctionDefs: positional arguments, and the signature's keywords */
	const char *call;           /* the node that calls the wrapper */
	int nin;
	Port *in;                   /* [nin] by position among the user's inputs */
	int nout;
	Port *out;                  /* [nout] in the order in which TensorFlow flattens the nest, without None */
	const Nest *nest;           /* NULL: a list */
	int *leaf;                  /* [leaves of nest] output that stands there; -1: None */
	int *in_by_name, *out_by_name;      /* [nin], [nout] the order of the signature's keywords: by name */
	Source *source;             /* [f->meta.ninput] */
	int ncaptured;
	int *captured;              /* [ncaptured] variables that the method reads or writes */
	int *written;               /* [f->meta.noutput] captured variable that the result is the new value of; -1: none */
} Served;

typedef struct Plan {
	Arena *a;
	const BundleParts *parts;
	const SavedModelOptions *opt;
	Err *e;
	Map node;                   /* names of the graph's nodes that are taken */
	int nvariable;
	Variable *variable;
	int nserved;
	Served *served;             /* the default method is served[main] */
	int main;
} Plan;

/* Settles everything, or fails with what TensorFlow could not take. */
bool plan_make(Plan *p);

/* [rank]; -1: any */
const int64_t *signature_dims(Arena *a, const Signature *s);

/* A name for a node of the graph that no other has: wanted, or wanted_1, ... */
const char *node_name(Plan *p, const char *wanted);

/* -- names (names.c) ------------------------------------------------------------------------------------- */

/* Of what tensorflow/core/graph/graph_constructor.cc takes for a node's name all but '>': [A-Za-z0-9.][A-Za-z0-9_.\/-]* */
bool is_node_name(const char *s);
const char *as_node_name(Arena *a, const char *s);
/* A Python identifier that is no keyword: inputs become arguments of Python functions when the model is
 * loaded. */
bool is_argument_name(const char *s);
const char *as_argument_name(Arena *a, const char *s);
/* s, or s_1, s_2, ...: the first that is not in the map, which gets it. */
const char *unique(Arena *a, Map *taken, const char *s);

#endif
