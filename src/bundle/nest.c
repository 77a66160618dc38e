#include "bundle/nest.h"

#include <string.h>

#include "base/json.h"

/* Types whose children are known by their place. The rest is known by what its context says: a dict's
 * keys, the fields of a ModelOutput of transformers, or torch.export.register_dataclass's lists of fields
 * with and without a value. */
static NestKind kind_of(JVal type)
{
	static const char *const tuples[] = { "builtins.tuple", "torch.Size" };
	static const char *const lists[] = { "builtins.list", "torch.fx.immutable_collections.immutable_list",
		"collections.deque" };
	for (size_t i = 0; i < sizeof tuples / sizeof *tuples; i++)
		if (json_is(type, tuples[i])) return NEST_TUPLE;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (json_is(type, lists[i])) return NEST_LIST;
	return json_kind(type) == JSON_null ? NEST_LEAF : NEST_DICT;
}

/* A key as text: strings as they are, numbers as written. */
static const char *key_text(Arena *a, JVal key)
{
	size_t n;
	const char *s = json_str(a, key), *raw = s ? s : json_text(key, &n);
	return s ? s : arena_str(a, raw, n);
}

/* The keys of n children; NULL when the context does not have as many. */
static const char *const *keys_of(Arena *a, JVal context, int n)
{
	Err ignored = { 0 };
	const char *text = json_str(a, context);
	const Json *doc = text ? json_parse(a, text, strlen(text), "context", &ignored) : NULL;
	err_clear(&ignored);
	JVal list = doc ? json_root(doc) : context;
	if (json_len(list) == 2 && json_kind(json_first(list)) == JSON_array) list = json_first(list);
	if (json_kind(list) != JSON_array || json_len(list) != n) return NULL;
	const char **key = NEW(a, const char *, n + 1);
	int i = 0;
	JEACH(k, list) key[i++] = key_text(a, k);
	return key;
}

/* false: a node whose fields have no names. json.c bounds the depth. */
static bool read(Arena *a, JVal v, Nest *out, int *nleaf)
{
	JVal children = json_key(v, "children_spec");
	Nest *child = NEW(a, Nest, json_len(children) + 1);
	*out = (Nest){ .kind = kind_of(json_key(v, "type")), .n = json_len(children), .child = child };
	if (json_kind(v) != JSON_object || json_kind(children) != JSON_array) return false;
	if (out->kind == NEST_LEAF) return ++*nleaf, true;
	if (out->kind == NEST_DICT && !(out->key = keys_of(a, json_key(v, "context"), out->n))) return false;
	int i = 0;
	JEACH(c, children)
		if (!read(a, c, &child[i++], nleaf)) return false;
	return true;
}

const Nest *nest_read(Arena *a, const char *spec, int *nleaf)
{
	Err ignored = { 0 };
	const Json *doc = json_parse(a, spec, strlen(spec), "pytree spec", &ignored);
	err_clear(&ignored);
	*nleaf = 0;
	if (!doc) return NULL;
	JVal root = json_next(json_first(json_root(doc)));     /* [protocol, spec] */
	Nest *n = NEW(a, Nest, 1);
	return read(a, root, n, nleaf) ? n : NULL;
}

static void name_leaves(Arena *a, const Nest *n, const char *path, const char **name, int *at)
{
	if (n->kind == NEST_LEAF) {
		name[(*at)++] = path;
		return;
	}
	for (int i = 0; i < n->n; i++) {
		const char *step = n->key ? n->key[i] : arena_printf(a, "%d", i);
		name_leaves(a, &n->child[i], *path ? arena_printf(a, "%s_%s", path, step) : step, name, at);
	}
}

const char **nest_names(Arena *a, const Nest *n, int nleaf)
{
	if (n->kind != NEST_DICT) return NULL;
	const char **name = NEW(a, const char *, nleaf + 1);
	int at = 0;
	name_leaves(a, n, "", name, &at);
	return name;
}
