/* The StableHLO directory: what torch_xla's StableHLOGraphModule.save writes and .load reads
 * (docs/directory.md).
 *
 *	Bundle *b = bundle_load("resnet18_dir", e);                       everything in b lives until bundle_free(b)
 *	const BundleFunction *f = bundle_function(b, "forward");          f->bytecode, f->text, f->meta
 *	const BundleTensor *w = bundle_argument(b, f, i);                 what parameter i of @main is bound to
 *	bundle_save("copy_dir", &b->parts, e)
 *
 * Text and bytecode are bytes here; nothing in this module looks into them. Weights are never copied:
 * loaded ones point into mapped files, saved ones go from the caller's memory (or file) to the disk.
 * Refused: a target that exists and is not an empty directory, names that would leave the directory, a
 * meta file that does not agree with the data. A failed save leaves nothing behind. */
#ifndef BUNDLE_BUNDLE_H
#define BUNDLE_BUNDLE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/map.h"
#include "bundle/npy.h"

/* torch_xla.stablehlo.VariableSignature. */
typedef struct Signature {
	DType dtype;                /* DTYPE_none: other_type says what it is */
	const char *other_type;     /* an unused input that is no tensor: its Python class ("int", "NoneType") */
	int rank;
	const int64_t *dim;         /* [rank]; of a dynamic dim the size it was traced with, -1 unknown */
	int ndynamic;
	const int *dynamic_dim;     /* [ndynamic]; which dims may be of any size, besides those that are -1 */
} Signature;

/* Size i, -1 when it is dynamic. */
int64_t signature_dim(const Signature *s, int i);

/* torch_xla.stablehlo.InputLocation: where one parameter of the StableHLO function comes from. */
typedef enum LocationKind { LOCATION_INPUT_ARG, LOCATION_PARAMETER, LOCATION_CONSTANT } LocationKind;
typedef struct Location {
	LocationKind kind;
	int position;               /* of a user input among the flattened ones, or of a constant; -1 for a
	                             * parameter */
	const char *name;           /* of a parameter: its state dict name; NULL or "" otherwise */
} Location;

typedef struct UnusedInput { Location location; Signature signature; } UnusedInput;

/* What a result of the function is. torch_xla knows only user results; the others are written to a file of
 * our own. */
typedef enum ResultKind { RESULT_USER, RESULT_BUFFER_MUTATION, RESULT_INPUT_MUTATION, RESULT_LOSS, RESULT_PARAMETER_GRADIENT,
	RESULT_INPUT_GRADIENT } ResultKind;
typedef struct Result {
	ResultKind kind;
	const char *target;         /* what it is the new value or the gradient of: a state dict name, an input's name;
	                             * NULL: the user's */
} Result;

/* A flattened user input or output that is no tensor: the Python value that export baked in. */
typedef struct Fixed {
	int position;
	const char *json;           /* "null", "3", "\"sum\"" */
} Fixed;

/* torch_xla.stablehlo.StableHLOFunctionMeta, and below the line what we add. */
typedef struct FunctionMeta {
	const char *name;
	const char *stablehlo_version;      /* "1.9.0"; torch_xla writes "0.0.0" */
	int ninput;
	const Signature *input_signature;   /* [ninput] in the order of the function's parameters */
	const Location *input_location;     /* [ninput] */
	int noutput;
	const Signature *output_signature;  /* [noutput] */
	int nunused;
	const UnusedInput *unused_input;    /* user inputs that the function does not take */
	const char *input_pytree_spec, *output_pytree_spec;     /* torch.utils._pytree.treespec_dumps(); NULL
	                                                         * unknown */

	const Result *result;               /* [noutput], or NULL: all are the user's */
	int nuser_name;
	const char *const *user_name;       /* [nuser_name] names of the flattened user inputs, by position */
	int nfixed_input;
	const Fixed *fixed_input;           /* [nfixed_input] */
	int nfixed_output;
	const Fixed *fixed_output;          /* [nfixed_output] */
	int nscalar_input;
	const Fixed *scalar_input;          /* [nscalar_input] those that are 0-d tensors here and Python numbers to the user:
	                                     * json is their class, "\"int\"" */
	int nscalar_output;
	const Fixed *scalar_output;         /* [nscalar_output] */
} FunctionMeta;

typedef struct BundleFunction {
	FunctionMeta meta;
	const uint8_t *text;      size_t text_nbytes;           /* NULL: none */
	const uint8_t *bytecode;  size_t bytecode_nbytes;       /* NULL: none; torch_xla loads no function without
	                                                         * it */
} BundleFunction;

/* Where the same bytes as `data` stand in an open file, so that the system can copy them without us. */
typedef struct FileRange { int fd; off_t at; } FileRange;

typedef struct BundleTensor {
	const char *name;           /* state dict name; unused in constants */
	NpyArray array;
	const FileRange *file;      /* NULL: only in memory */
	bool mapped;                /* the data is a read-only mapping of a file */
} BundleTensor;

/* What a directory holds. Owns nothing. */
typedef struct BundleParts {
	int nfunction;  const BundleFunction *function;
	int ntensor;    const BundleTensor *tensor;
	int nconstant;  const BundleTensor *constant;
	bool skip_text, skip_weights;       /* for bundle_save: leave out functions/X.mlir, leave out data/ */
	bool safetensors;                   /* one weights.safetensors instead of data/ */
} BundleParts;

/* Owns its arena and the mapped files; free with bundle_free(). */
typedef struct Bundle {
	BundleParts parts;
	Map tensor_by_name;
	Arena arena;
	VEC(FileMap) map;
	void *listing;              /* an open directory while one is read */
} Bundle;

/* Writes the directory beside `dir` and puts it in place in one rename. */
bool bundle_save(const char *dir, const BundleParts *parts, Err *e);

/* NULL on failure. A directory whose weights were left out (no data/, or an empty one) loads;
 * bundle_argument() then has none to give. */
Bundle *bundle_load(const char *dir, Err *e);
void bundle_free(Bundle *b);        /* NULL is fine */

/* The function of that name (NULL: "forward", or the first one when there is no forward), or NULL. */
const BundleFunction *bundle_function(const Bundle *b, const char *name);

/* The tensor that parameter i of f is bound to; NULL when it is a user input or the weights were left out. */
const BundleTensor *bundle_argument(const Bundle *b, const BundleFunction *f, int i);

#endif
