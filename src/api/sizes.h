/* Inside api: sizes that differ from call to call. */
#ifndef API_SIZES_H
#define API_SIZES_H

#include "api/api.h"

/* opt->dim as bindings of k->options, and k->sizes without them. k->sizes must know the sizes of the inputs. */
bool bind_dims(Method *k, Arena *a, const tshlo_convert_options *opt, Err *e);

/* Whether the inputs, whose types but for such sizes are right, have sizes that go together. */
bool check_sizes(const Method *k, const tshlo_tensor *in, Err *e);

/* The values of the inputs that are integers (Method.nint), in order; returns how many. Their types are right. */
int given_integers(const Method *k, const tshlo_tensor *in, int64_t *out);

/* The method's module for the sizes of these inputs, into an empty one; verified. */
bool sized_module(tshlo_model *m, Method *k, const tshlo_tensor *in, Module *mod, Err *e);

/* The method's module `from`, whose sizes are known, into an empty one without quantized types, which most plugins do not take. */
bool unquantized_module(const Module *from, const Method *k, Module *mod);

#endif
