/* Inside the bundle module: the .meta file and what is checked against it. */
#ifndef BUNDLE_META_H
#define BUNDLE_META_H

#include "base/out.h"
#include "bundle/bundle.h"

/* functions/<name>.meta, byte for byte what torch_xla's json.dump(meta, cls=StableHLOJSONSerializer) writes.
 * `what` names the file in messages; strings go to the arena. */
void meta_write(Buf *b, const FunctionMeta *m);
bool meta_read(Arena *a, const char *text, size_t n, const char *what, FunctionMeta *m, Err *e);

/* functions/<name>.torch_stablehlo.json: m->result, m->user_name and the fixed inputs and outputs.
 * torch_xla takes a .meta with an unknown member for no meta at all, and passes over files with other
 * endings; so this is a file of its own, written when there is need. */
#define EXTRA_SUFFIX ".torch_stablehlo.json"
bool extra_needed(const FunctionMeta *m);
void extra_write(Buf *b, const FunctionMeta *m);
bool extra_read(Arena *a, const char *text, size_t n, const char *what, FunctionMeta *m, Err *e);

/* A name that can stand in a path and in JSON: UTF-8, not empty, no '/', not "." or "..". `what`:
 * "function". */
bool check_name(const char *what, const char *name, Err *e);

/* Whether functions, tensors and constants agree with one another; `dir` names the place in messages. */
bool check_parts(Arena *a, const char *dir, const BundleParts *parts, const Map *tensor_by_name, Err *e);

/* A tensor's elements, from its file where it has one: row-major, or by_column as they lie when they lie column-major. */
bool out_elements(Out *o, const BundleTensor *t, bool by_column);

/* Of each the first that is the same memory, or -1 (tied weights); [n] in the arena. */
int *same_tensors(Arena *a, const BundleTensor *t, int n);

/* Weights in one file instead of data/. */
#define SAFETENSORS_NAME "weights.safetensors"

bool is_dynamic(const Signature *s, int dim);

/* "float32[4,?]" */
const char *signature_str(Arena *a, const Signature *s);

#endif
