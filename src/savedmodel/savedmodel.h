/* TensorFlow SavedModels (tensorflow/core/protobuf/saved_model.proto), written without TensorFlow.
 *
 *	saved_model.pb                 graph, signatures, objects; each method is an XlaCallModule with its bytecode
 *	variables/variables.index      a sorted-string table of the checkpoint's entries
 *	variables/variables.data-00000-of-00001     the weights, one after the other
 *	fingerprint.pb                 numbers that name this model
 *	assets.extra/tf_serving_warmup_requests     when asked for
 *
 *	SavedModelOptions opt = { .warmup = true };
 *	savedmodel_save("models/resnet/1", &bundle->parts, &opt, e)
 *
 * Both of TensorFlow's loaders take it: the session's (restore op, tag "serve"; what TF Serving and the C API
 * do) and tf.saved_model.load's (object graph). Weights go from where they lie to the file in blocks, so the
 * memory needed hangs on the graph alone. Refused: a target that exists and is not an empty directory, element
 * types that TensorFlow has not, names that it forbids, methods that write to their inputs. */
#ifndef SAVEDMODEL_SAVEDMODEL_H
#define SAVEDMODEL_SAVEDMODEL_H

#include "bundle/bundle.h"

/* How one method is served; NULL and 0: as the model has it. */
typedef struct SignatureOptions {
	const char *method;         /* NULL: "forward", or the first */
	const char *key, *alias;
	int ninput, noutput;
	const char *const *input, *const *output;       /* names, [ninput], [noutput] */
} SignatureOptions;

typedef struct SavedModelOptions {
	int nsignature;
	const SignatureOptions *signature;
	int nplatform;
	const char *const *platform;            /* "CPU", "CUDA", ...; none: anywhere */
	size_t inline_nbytes;                   /* constants up to this size are nodes, not variables */
	bool warmup;
} SavedModelOptions;

/* Writes the directory beside `dir` and puts it in place in one rename; makes the directories above it. */
bool savedmodel_save(const char *dir, const BundleParts *parts, const SavedModelOptions *opt, Err *e);

#endif
