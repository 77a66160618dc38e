/* What a SavedModel holds, for a person to look at: TensorFlow's own as well as ours.
 *
 *	saved_model.pb                         graphs with their tags, signatures, functions
 *	variables/variables.index              which tensors there are, and where their bytes are
 *	variables/variables.data-00000-of-...  only how long they are; of the bytes, those of the object graph
 *	assets.extra/tf_serving_warmup_requests    only whether it is there
 *
 * Every offset, size and checksum of the index is checked; the data's own checksums are not, for that would
 * read all weights. Refused by name: text (saved_model.pbtxt) and chunked (saved_model.cpb) SavedModels, an
 * index that is compressed or of a big-endian machine. */
#ifndef SAVEDMODEL_READ_H
#define SAVEDMODEL_READ_H

#include "base/arena.h"
#include "base/dtype.h"
#include "base/err.h"

/* A tensor of a signature, or a variable. */
typedef struct SavedTensor {
	const char *key;         /* in its signature; in the checkpoint */
	const char *name;        /* of the graph's tensor; of the variable, "" unknown */
	DType dtype;             /* DTYPE_none: none of ours */
	const char *type;        /* our name of it, or else TensorFlow's */
	int rank;                /* -1 unknown */
	const int64_t *dim;      /* [rank], -1 unknown */
	uint64_t nbytes;         /* of a variable, in the data files */
} SavedTensor;

typedef struct SavedSignature {
	const char *key, *method_name;
	int nin, nout;
	SavedTensor *in, *out;   /* in order of their keys: TensorFlow keeps no other */
} SavedSignature;

/* An XlaCallModule node. */
typedef struct SavedCall {
	const char *function;    /* that it stands in; "" the graph itself */
	const char *node;
	int64_t version;
	int nplatform;
	const char **platform;
	size_t module_nbytes;
	const char *producer;    /* as the MLIR bytecode has it, "StableHLO_v1.0.0"; "" no bytecode */
} SavedCall;

typedef struct SavedAlias { const char *function, *alias; } SavedAlias;

typedef struct SavedGraph {
	const char *tensorflow_version;
	int ntag, nsignature, ncall, nalias;
	const char **tag;
	SavedSignature *signature;       /* in order of their keys */
	SavedCall *call;
	SavedAlias *alias;               /* in order of the functions' names */
} SavedGraph;

/* Owns all of it; close with saved_model_close(). */
typedef struct SavedContents {
	Arena arena;
	int ngraph, nvariable;
	SavedGraph *graph;
	SavedTensor *variable;           /* in order of their keys */
	bool warmup;
} SavedContents;

/* NULL on failure. */
SavedContents *saved_model_open(const char *dir, Err *e);
void saved_model_close(SavedContents *s);

#endif
