/* How a model's outputs nest: torch.utils._pytree's spec, as far as tuples, lists and dicts can say it. */
#ifndef BUNDLE_NEST_H
#define BUNDLE_NEST_H

#include "base/arena.h"

typedef enum NestKind { NEST_LEAF, NEST_TUPLE, NEST_LIST, NEST_DICT } NestKind;
typedef struct Nest {
	NestKind kind;
	int n;
	const struct Nest *child;   /* [n] */
	const char *const *key;     /* [n] of a dict */
} Nest;

/* Of torch.utils._pytree.treespec_dumps()'s text; NULL when it is none, or has a node whose fields nobody
 * knows the names of and that is no tuple or list. nleaf: how many leaves. */
const Nest *nest_read(Arena *a, const char *spec, int *nleaf);
/* leaf[i] of name[]: "last_hidden_state", "cache_0_key"; NULL: the outermost is no dict. */
const char **nest_names(Arena *a, const Nest *n, int nleaf);

#endif
