/* What inspect finds out, for its two printers. */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "cli.h"

typedef struct Weights { int count; uint64_t elements, nbytes; } Weights;

typedef struct ByType { tshlo_dtype dtype; Weights w; } ByType;

typedef struct Op { const char *name; int count; } Op;

/* One function: of a directory, or the whole program. Owns its arrays. */
typedef struct Function {
	const char *name, *version;              /* version: StableHLO that it needs, "" unknown */
	int nin, nout;
	tshlo_value_info *in, *out;              /* [nin] the user's inputs; [nout] all results */
	Weights parameters, buffers, constants;  /* a directory's parameters include its buffers */
	int ntype;
	ByType *type;                            /* [ntype] all weights, by type */
	size_t text_nbytes, bytecode_nbytes;     /* of a directory */
} Function;

/* Owns all in it. */
typedef struct Inspection {
	const char *path;
	tshlo_program *program;                  /* of a .pt2, for its symbols */
	tshlo_model *model;                      /* of a directory */
	uint64_t nbytes;                         /* of the file */
	int nsample;                             /* of a .pt2: sample inputs stored; -1: they cannot be read */
	char *no_samples;                        /* why; owned */
	const char *why_not;                     /* of a .pt2: why it cannot be converted, or NULL */
	char *failure, *version;
	int nfunction;
	Function *function;
	int nop, nnode;
	Op *op;                                  /* most frequent first */
} Inspection;

void print_json(const Inspection *x);
/* "user", "buffer mutation", ... */
const char *output_kind(tshlo_output_kind k);
/* "1200000 bytes (1.2 MB)" */
void put_bytes(uint64_t n);

/* Whether `dir` is a TensorFlow SavedModel, in whatever form; inspect of one, which returns an exit code. */
bool is_saved_model(const char *dir);
int inspect_saved_model(const Args *a);

#endif
