/* inspect of a TensorFlow SavedModel. */
#include <stdlib.h>
#include <string.h>

#include "inspect.h"
#include "json.h"

bool is_saved_model(const char *dir)
{
	static const char *const form[] = { "pb", "pbtxt", "cpb" };      /* which are read, the library says */
	bool found = false;
	for (int i = 0; i < 3 && !found; i++) {
		char *path;
		uint64_t n;
		if (asprintf(&path, "%s/saved_model.%s", dir, form[i]) < 0) return false;
		found = file_size(path, &n);
		free(path);
	}
	return found;
}

/* "1.0.0" of "StableHLO_v1.0.0"; NULL: another program wrote the module, or it is no bytecode. */
static const char *stablehlo_version(const tshlo_saved_call *c)
{
	static const char before[] = "StableHLO_v";
	return strncmp(c->producer, before, sizeof before - 1) ? NULL : c->producer + sizeof before - 1;
}

/* -- text ------------------------------------------------------------------------------------------------ */

typedef bool TensorAt(const tshlo_saved_model *s, int graph, int signature, int i, tshlo_saved_tensor *out);

static void field(const char *name) { printf("  %-16s", name); }

/* Names from files, in a column. */
static void put_column(const char *s, int width)
{
	put_safe(stdout, s);
	printf("%*s", width - (int)strlen(s) + 2, "");
}

static int wider(int width, const char *s) { return (int)strlen(s) > width ? (int)strlen(s) : width; }

static void put_type(const tshlo_saved_tensor *t)
{
	if (!t->dtype && !strcmp(t->type, tshlo_dtype_name(0))) {
		fputs("no tensor", stdout);
		return;
	}
	printf("%s[%s", t->type, t->rank < 0 ? "*" : "");
	for (int i = 0; i < t->rank; i++) {
		if (i) putchar(',');
		if (t->dims[i] < 0) putchar('?');
		else printf("%lld", (long long)t->dims[i]);
	}
	putchar(']');
}

static void put_tensors(const tshlo_saved_model *s, const char *title, TensorAt *at, int graph, int signature)
{
	tshlo_saved_tensor t;
	int n = 0, width = 0;
	for (; at(s, graph, signature, n, &t); n++) width = wider(width, t.key);
	printf("%s: %d\n", title, n);
	for (int i = 0; at(s, graph, signature, i, &t); i++) {
		fputs("  ", stdout), put_column(t.key, width), put_type(&t);
		if (*t.name) fputs("  ", stdout), put_safe(stdout, t.name);
		putchar('\n');
	}
}

static void put_calls(const tshlo_saved_model *s, int graph)
{
	tshlo_saved_call c;
	int n = 0, width = 0;
	for (; tshlo_saved_call_info(s, graph, n, &c); n++) width = wider(width, c.function);
	printf("\nStableHLO functions: %d\n", n);
	for (int i = 0; tshlo_saved_call_info(s, graph, i, &c); i++) {
		const char *version = stablehlo_version(&c);
		fputs("  ", stdout), put_column(c.function, width);
		if (version) fputs("StableHLO ", stdout), put_safe(stdout, version);
		else if (*c.producer) fputs("bytecode of ", stdout), put_safe(stdout, c.producer);
		else fputs("no bytecode", stdout);
		printf(", %zu bytes, XlaCallModule version %lld,", c.module_nbytes, (long long)c.version);
		for (int k = 0; k < c.nplatforms; k++) putchar(' '), put_safe(stdout, c.platforms[k]);
		puts(c.nplatforms ? "" : " any platform");
	}
}

static void put_aliases(const tshlo_saved_model *s, int graph)
{
	const char *alias, *function;
	int n = 0, width = 0;
	for (; tshlo_saved_alias(s, graph, n, &alias, &function); n++) width = wider(width, alias);
	if (n) printf("\nfunction aliases: %d\n", n);
	for (int i = 0; tshlo_saved_alias(s, graph, i, &alias, &function); i++)
		fputs("  ", stdout), put_column(alias, width), put_safe(stdout, function), putchar('\n');
}

static void put_graph(const tshlo_saved_model *s, int graph, const tshlo_saved_graph *g)
{
	tshlo_saved_signature d;
	field("tags");
	for (int i = 0; i < g->ntags; i++) fputs(i ? ", " : "", stdout), put_safe(stdout, g->tags[i]);
	puts(g->ntags ? "" : "none");
	field("TensorFlow"), put_safe(stdout, *g->tensorflow_version ? g->tensorflow_version : "unknown"), putchar('\n');
	for (int i = 0; tshlo_saved_signature_info(s, graph, i, &d); i++) {
		fputs("\nsignature ", stdout), put_safe(stdout, d.key);
		if (*d.method_name) fputs(": ", stdout), put_safe(stdout, d.method_name);
		putchar('\n');
		put_tensors(s, "inputs", tshlo_saved_input, graph, i);
		put_tensors(s, "outputs", tshlo_saved_output, graph, i);
	}
	put_calls(s, graph);
	put_aliases(s, graph);
}

static void put_variables(const tshlo_saved_model *s)
{
	tshlo_saved_tensor t;
	uint64_t nbytes = 0;
	int n = 0, width = 0;
	for (; tshlo_saved_variable(s, n, &t); n++) {
		width = wider(width, *t.name ? t.name : "-");
		nbytes += t.nbytes;
	}
	printf("\nvariables: %d, ", n), put_bytes(nbytes), putchar('\n');
	for (int i = 0; tshlo_saved_variable(s, i, &t); i++) {
		fputs("  ", stdout), put_column(*t.name ? t.name : "-", width), put_type(&t);
		fputs("  ", stdout), put_bytes(t.nbytes);
		if (strcmp(t.name, t.key)) fputs("  ", stdout), put_safe(stdout, t.key);
		putchar('\n');
	}
}

static void print_saved_model(const char *path, const tshlo_saved_model *s)
{
	tshlo_saved_graph g;
	put_safe(stdout, path), putchar('\n');
	field("kind"), puts("TensorFlow SavedModel");
	field("warm-up"), puts(tshlo_saved_model_has_warmup(s) ? "requests in assets.extra" : "none");
	for (int i = 0; tshlo_saved_graph_info(s, i, &g); i++) {
		if (i) putchar('\n');
		put_graph(s, i, &g);
	}
	put_variables(s);
}

/* -- JSON ------------------------------------------------------------------------------------------------ */

static void tensor_members(Object *o, const tshlo_saved_tensor *t)
{
	member(o, "key", t->key);
	member_or_null(o, "name", t->name);
	member_or_null(o, "dtype", t->dtype || strcmp(t->type, tshlo_dtype_name(0)) ? t->type : NULL);
	key(o, "shape");
	if (t->rank < 0) {
		fputs("null", stdout);
		return;
	}
	Object shape = open_with('[');
	for (int i = 0; i < t->rank; i++) {
		item(&shape);
		if (t->dims[i] < 0) fputs("null", stdout);
		else printf("%lld", (long long)t->dims[i]);
	}
	putchar(']');
}

static void json_tensors(const tshlo_saved_model *s, Object *o, const char *name, TensorAt *at, int graph,
	int signature)
{
	tshlo_saved_tensor t;
	key(o, name);
	Object list = open_with('[');
	for (int i = 0; at(s, graph, signature, i, &t); i++) {
		item(&list);
		Object v = open_with('{');
		tensor_members(&v, &t);
		putchar('}');
	}
	putchar(']');
}

static void json_signatures(const tshlo_saved_model *s, Object *o, int graph)
{
	tshlo_saved_signature d;
	key(o, "signatures");
	Object list = open_with('[');
	for (int i = 0; tshlo_saved_signature_info(s, graph, i, &d); i++) {
		item(&list);
		Object v = open_with('{');
		member(&v, "key", d.key);
		member(&v, "method_name", d.method_name);
		json_tensors(s, &v, "inputs", tshlo_saved_input, graph, i);
		json_tensors(s, &v, "outputs", tshlo_saved_output, graph, i);
		putchar('}');
	}
	putchar(']');
}

static void json_strings(Object *o, const char *name, int n, const char *const *s)
{
	key(o, name);
	Object list = open_with('[');
	for (int i = 0; i < n; i++) item(&list), put_string(s[i]);
	putchar(']');
}

static void json_calls(const tshlo_saved_model *s, Object *o, int graph)
{
	tshlo_saved_call c;
	key(o, "functions");
	Object list = open_with('[');
	for (int i = 0; tshlo_saved_call_info(s, graph, i, &c); i++) {
		item(&list);
		Object v = open_with('{');
		member_or_null(&v, "name", c.function);
		member(&v, "node", c.node);
		key(&v, "version"), printf("%lld", (long long)c.version);
		json_strings(&v, "platforms", c.nplatforms, c.platforms);
		number(&v, "module_nbytes", c.module_nbytes);
		member_or_null(&v, "producer", c.producer);
		member_or_null(&v, "stablehlo_version", stablehlo_version(&c));
		putchar('}');
	}
	putchar(']');
}

static void json_aliases(const tshlo_saved_model *s, Object *o, int graph)
{
	const char *alias, *function;
	key(o, "function_aliases");
	Object list = open_with('[');
	for (int i = 0; tshlo_saved_alias(s, graph, i, &alias, &function); i++) {
		item(&list);
		Object v = open_with('{');
		member(&v, "alias", alias);
		member(&v, "function", function);
		putchar('}');
	}
	putchar(']');
}

static void json_graphs(const tshlo_saved_model *s, Object *o)
{
	tshlo_saved_graph g;
	key(o, "graphs");
	Object list = open_with('[');
	for (int i = 0; tshlo_saved_graph_info(s, i, &g); i++) {
		item(&list);
		Object v = open_with('{');
		json_strings(&v, "tags", g.ntags, g.tags);
		member_or_null(&v, "tensorflow_version", g.tensorflow_version);
		json_signatures(s, &v, i);
		json_calls(s, &v, i);
		json_aliases(s, &v, i);
		putchar('}');
	}
	putchar(']');
}

static void json_variables(const tshlo_saved_model *s, Object *o)
{
	tshlo_saved_tensor t;
	uint64_t nbytes = 0;
	key(o, "variables");
	Object list = open_with('[');
	for (int i = 0; tshlo_saved_variable(s, i, &t); i++) {
		item(&list);
		Object v = open_with('{');
		tensor_members(&v, &t);
		number(&v, "nbytes", t.nbytes);
		nbytes += t.nbytes;
		putchar('}');
	}
	putchar(']');
	number(o, "variables_nbytes", nbytes);
}

static void print_saved_model_json(const char *path, const tshlo_saved_model *s)
{
	Object o = open_with('{');
	member(&o, "path", path);
	member(&o, "kind", "saved-model");
	key(&o, "warmup"), fputs(tshlo_saved_model_has_warmup(s) ? "true" : "false", stdout);
	json_graphs(s, &o);
	json_variables(s, &o);
	puts("}");
}

int inspect_saved_model(const Args *a)
{
	tshlo_error e = { 0 };
	tshlo_saved_model *s = tshlo_saved_model_open(a->file, &e);
	if (!s) return report(&e);
	if (a->json) print_saved_model_json(a->file, s);
	else print_saved_model(a->file, s);
	tshlo_saved_model_close(s);
	return EXIT_GOOD;
}
