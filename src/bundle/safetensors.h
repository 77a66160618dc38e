/* safetensors (the format's README, "Format"): many tensors in one file.
 *
 *	u64 n  little-endian, at most 100 MB
 *	header: n bytes of JSON that begin with '{' and may end in spaces:
 *		{"__metadata__": {"format": "pt"}, "fc.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *	the elements, row-major, little-endian, of one tensor after the other: offsets count from here, leave no gap and end with the file
 *
 * A tensor of two names (tied weights) stands under one; __metadata__ has the other with that one as its value, as safetensors.torch's
 * save_model() writes it.
 *
 * No room is left between tensors, so those after one of an odd size may lie askew; the data begins on a multiple of 64, and tensors of
 * larger elements come first. */
#ifndef BUNDLE_SAFETENSORS_H
#define BUNDLE_SAFETENSORS_H

#include "base/out.h"
#include "bundle/bundle.h"

/* Reads p[0..n); arrays point into it, the rest stands in the arena. In the order of the header; tied names come last. */
bool safetensors_read(Arena *a, const uint8_t *p, size_t n, BundleTensor **out, int *count, Err *e);

/* Writes tensors that npy_check() has passed. UNSUPPORTED: an element type that the format has no name for. */
bool safetensors_write(Out *o, Arena *a, const BundleTensor *t, int n);

#endif
