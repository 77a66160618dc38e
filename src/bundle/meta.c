#include "bundle/meta.h"

#include <string.h>

#include "base/json.h"

static const char *const location_kind[] = { "input_arg", "parameter", "constant" };     /* VariableType */

/* torch.export.graph_signature.OutputKind */
static const char *const result_kind[] = { "user_output", "buffer_mutation", "user_input_mutation", "loss_output",
	"gradient_to_parameter", "gradient_to_user_input" };
enum { NRESULT_KINDS = sizeof result_kind / sizeof *result_kind };

/* ---- writing ---- */

static void put_key(Buf *b, const char *key, const char *value)
{
	putf(b, "\"%s\": ", key);
	put_json_str(b, value);
}

static const char *dtype_text(const Signature *s)
{
	return s->dtype ? dtype_info(s->dtype)->torch : s->other_type ? s->other_type : "";
}

static void put_signature(Buf *b, const Signature *s)
{
	put_str(b, "{\"shape\": [");
	for (int i = 0; i < s->rank; i++) putf(b, i ? ", %lld" : "%lld", (long long)s->dim[i]);
	put_str(b, "], ");
	put_key(b, "dtype", dtype_text(s));
	put_str(b, ", \"dynamic_dims\": [");
	for (int i = 0, n = 0; i < s->rank; i++)
		if (is_dynamic(s, i)) putf(b, n++ ? ", %d" : "%d", i);
	put_str(b, "]}");
}

static void put_location(Buf *b, const Location *l)
{
	put_byte(b, '{');
	put_key(b, "type_", location_kind[l->kind]);
	putf(b, ", \"position\": %d, ", l->position);
	put_key(b, "name", l->name ? l->name : "");
	put_byte(b, '}');
}

static void put_signatures(Buf *b, const char *key, int n, const Signature *s)
{
	putf(b, ", \"%s\": [", key);
	for (int i = 0; i < n; i++) {
		put_str(b, i ? ", " : "");
		put_signature(b, &s[i]);
	}
	put_byte(b, ']');
}

void meta_write(Buf *b, const FunctionMeta *m)
{
	put_byte(b, '{');
	put_key(b, "name", m->name);
	put_str(b, ", ");
	put_key(b, "stablehlo_version", m->stablehlo_version ? m->stablehlo_version : "0.0.0");
	put_signatures(b, "input_signature", m->ninput, m->input_signature);
	put_signatures(b, "output_signature", m->noutput, m->output_signature);
	put_str(b, ", \"input_locations\": [");
	for (int i = 0; i < m->ninput; i++) {
		put_str(b, i ? ", " : "");
		put_location(b, &m->input_location[i]);
	}
	put_str(b, "], \"unused_inputs\": [");
	for (int i = 0; i < m->nunused; i++) {
		put_str(b, i ? ", [" : "[");
		put_location(b, &m->unused_input[i].location);
		put_str(b, ", ");
		put_signature(b, &m->unused_input[i].signature);
		put_byte(b, ']');
	}
	put_str(b, "], ");
	put_key(b, "input_pytree_spec", m->input_pytree_spec);
	put_str(b, ", ");
	put_key(b, "output_pytree_spec", m->output_pytree_spec);
	put_byte(b, '}');
}

bool extra_needed(const FunctionMeta *m)
{
	for (int i = 0; m->result && i < m->noutput; i++)
		if (m->result[i].kind != RESULT_USER) return true;
	return m->nuser_name + m->nfixed_input + m->nfixed_output + m->nscalar_input + m->nscalar_output > 0;
}

static void put_fixed(Buf *b, const char *key, int n, const Fixed *f)
{
	if (!n) return;
	putf(b, ", \"%s\": [", key);
	for (int i = 0; i < n; i++) putf(b, "%s[%d, %s]", i ? ", " : "", f[i].position, f[i].json);
	put_byte(b, ']');
}

void extra_write(Buf *b, const FunctionMeta *m)
{
	put_str(b, "{\"results\": [");
	for (int i = 0; i < m->noutput; i++) {
		put_str(b, i ? ", {" : "{");
		put_key(b, "kind", result_kind[m->result ? m->result[i].kind : RESULT_USER]);
		put_str(b, ", ");
		put_key(b, "target", m->result ? m->result[i].target : NULL);
		put_byte(b, '}');
	}
	put_str(b, "], \"user_inputs\": [");
	for (int i = 0; i < m->nuser_name; i++) {
		put_str(b, i ? ", " : "");
		put_json_str(b, m->user_name[i]);
	}
	put_byte(b, ']');
	put_fixed(b, "fixed_inputs", m->nfixed_input, m->fixed_input);
	put_fixed(b, "fixed_outputs", m->nfixed_output, m->fixed_output);
	put_fixed(b, "scalar_inputs", m->nscalar_input, m->scalar_input);
	put_fixed(b, "scalar_outputs", m->nscalar_output, m->scalar_output);
	put_byte(b, '}');
}

/* ---- reading ---- */

typedef struct Read { Arena *a; Err *e; } Read;

static const char *kind_name(JKind k)
{
	static const char *const name[] = {
		[JSON_missing] = "missing", [JSON_null] = "null", [JSON_bool] = "true or false", [JSON_number] = "a number",
		[JSON_string] = "a string", [JSON_array] = "a list", [JSON_object] = "an object",
	};
	return name[k];
}

/* The member `key` of v, which must be of kind k. */
static JVal member(Read *r, JVal v, const char *key, JKind k)
{
	JVal m = json_key(v, key);
	if (!r->e->code && json_kind(m) != k)
		json_fail(r->e, v, "\"%s\" is %s, wanted %s", key, kind_name(json_kind(m)), kind_name(k));
	return m;
}

static const char *member_str(Read *r, JVal v, const char *key)
{
	const char *s = json_str(r->a, member(r, v, key, JSON_string));
	if (!s && !r->e->code) json_fail(r->e, v, "\"%s\" holds a NUL character", key);
	return s ? s : "";
}

/* A string that older writers left out, or null. */
static const char *member_str_opt(Read *r, JVal v, const char *key, const char *otherwise)
{
	JKind k = json_kind(json_key(v, key));
	return k == JSON_missing || k == JSON_null ? otherwise : member_str(r, v, key);
}

static int64_t get_number(Read *r, JVal v, int64_t least, int64_t most, const char *what)
{
	int64_t i = json_int(v, INT64_MIN);
	if (i >= least && i <= most) return i;
	json_fail(r->e, v, "%s must be a whole number from %lld to %lld", what, (long long)least,
		(long long)most);
	return 0;
}

static bool is_object(Read *r, JVal v, const char *what)
{
	JKind k = json_kind(v);
	return k == JSON_object || json_fail(r->e, v, "%s is %s, wanted an object", what, kind_name(k));
}

static void get_signature(Read *r, JVal v, bool any_type, Signature *s)
{
	if (!is_object(r, v, "a signature")) return;
	JVal shape = member(r, v, "shape", JSON_array);
	const char *type = member_str(r, v, "dtype");
	s->dtype = dtype_from_torch(type, strlen(type));
	if (!s->dtype) {
		s->other_type = type;
		if (!any_type && !r->e->code)
			json_fail(r->e, v, "\"dtype\": \"%s\" is no element type of torch", type);
	}
	int64_t *dim = NEW(r->a, int64_t, json_len(shape));
	JEACH(d, shape) dim[s->rank++] = get_number(r, d, -1, INT64_MAX, "a size");
	s->dim = dim;

	JVal dynamic = json_key(v, "dynamic_dims");
	if (json_kind(dynamic)) dynamic = member(r, v, "dynamic_dims", JSON_array);
	int *which = NEW(r->a, int, json_len(dynamic));
	JEACH(d, dynamic) which[s->ndynamic++] = (int)get_number(r, d, 0, s->rank - 1, "a dynamic dim");
	s->dynamic_dim = which;
}

static void get_location(Read *r, JVal v, Location *l)
{
	if (!is_object(r, v, "a location")) return;
	JVal type = member(r, v, "type_", JSON_string);
	int k = 0;
	while (k < 3 && !json_is(type, location_kind[k])) k++;
	if (k == 3) { json_fail(r->e, v, "\"type_\" is not input_arg, parameter or constant"); return; }
	l->kind = (LocationKind)k;
	l->name = member_str_opt(r, v, "name", "");
	JVal at = json_key(v, "position");
	l->position = json_kind(at) ? (int)get_number(r, at, -1, INT32_MAX, "\"position\"") : -1;
	if (k != LOCATION_PARAMETER && l->position < 0)
		json_fail(r->e, v, "an input or constant needs a \"position\" from 0 on");
	if (k == LOCATION_PARAMETER && !*l->name) json_fail(r->e, v, "a parameter needs a \"name\"");
}

static const Signature *get_signatures(Read *r, JVal root, const char *key, int *n)
{
	JVal list = member(r, root, key, JSON_array);
	Signature *s = NEW(r->a, Signature, json_len(list));
	*n = 0;
	JEACH(v, list) get_signature(r, v, false, &s[(*n)++]);
	return s;
}

static void get_locations(Read *r, JVal root, FunctionMeta *m)
{
	JVal list = member(r, root, "input_locations", JSON_array);
	if (!r->e->code && json_len(list) != m->ninput)
		json_fail(r->e, list, "\"input_locations\" has %d items, \"input_signature\" has %d; wanted one for each",
			json_len(list), m->ninput);
	if (r->e->code) return;
	Location *l = NEW(r->a, Location, m->ninput), *at = l;
	JEACH(v, list) get_location(r, v, at++);
	m->input_location = l;
}

static void get_unused(Read *r, JVal root, FunctionMeta *m)
{
	JVal list = json_key(root, "unused_inputs");
	if (!json_kind(list)) return;
	list = member(r, root, "unused_inputs", JSON_array);
	UnusedInput *u = NEW(r->a, UnusedInput, json_len(list));
	JEACH(v, list) {
		if (json_kind(v) != JSON_array || json_len(v) != 2) {
			json_fail(r->e, v, "an unused input must be a pair of location and signature");
			return;
		}
		get_location(r, json_first(v), &u[m->nunused].location);
		get_signature(r, json_next(json_first(v)), true, &u[m->nunused++].signature);
	}
	m->unused_input = u;
}

/* The document's root, which must be an object; missing (with the failure recorded) when it is not. */
static JVal get_root(Read *r, const char *text, size_t n, const char *what)
{
	const Json *doc = json_parse(r->a, text, n, what, r->e);
	if (!doc) return (JVal){ 0 };
	JVal root = json_root(doc);
	is_object(r, root, "the document");
	return root;
}

bool meta_read(Arena *a, const char *text, size_t n, const char *what, FunctionMeta *m, Err *e)
{
	Read r = { a, e };
	*m = (FunctionMeta){ 0 };
	JVal root = get_root(&r, text, n, what);
	if (e->code) return false;
	m->name = member_str(&r, root, "name");
	m->stablehlo_version = member_str_opt(&r, root, "stablehlo_version", "0.0.0");
	m->input_signature = get_signatures(&r, root, "input_signature", &m->ninput);
	m->output_signature = get_signatures(&r, root, "output_signature", &m->noutput);
	get_locations(&r, root, m);
	get_unused(&r, root, m);
	m->input_pytree_spec = member_str_opt(&r, root, "input_pytree_spec", NULL);
	m->output_pytree_spec = member_str_opt(&r, root, "output_pytree_spec", NULL);
	return !e->code;
}

static void get_result(Read *r, JVal v, Result *out)
{
	JVal kind = json_key(v, "kind");
	int k = 0;
	while (k < NRESULT_KINDS && !json_is(kind, result_kind[k])) k++;
	if (k == NRESULT_KINDS) {
		json_fail(r->e, v, "\"kind\" is not user_output, loss_output, a mutation or a gradient");
		return;
	}
	*out = (Result){ (ResultKind)k, member_str_opt(r, v, "target", NULL) };
	bool user = k == RESULT_USER || k == RESULT_LOSS;
	if (!user && !out->target) json_fail(r->e, v, "a mutation or gradient needs a \"target\"");
}

static const Fixed *get_fixed(Read *r, JVal root, const char *key, int *n)
{
	*n = 0;
	if (!json_kind(json_key(root, key))) return NULL;
	JVal list = member(r, root, key, JSON_array);
	Fixed *f = NEW(r->a, Fixed, json_len(list) + 1);
	JEACH(v, list) {
		JVal value = json_next(json_first(v));
		JKind k = json_kind(value);
		if (json_len(v) != 2 || k == JSON_missing || k == JSON_array || k == JSON_object) {
			json_fail(r->e, v, "an item of \"%s\" must be a pair of position and plain value", key);
			return NULL;
		}
		size_t len;
		const char *text = json_text(value, &len);
		int at = (int)get_number(r, json_first(v), 0, INT32_MAX, "a position");
		if (*n && at <= f[*n - 1].position) {
			json_fail(r->e, v, "position %d of \"%s\" comes after %d", at, key, f[*n - 1].position);
			return NULL;
		}
		f[(*n)++] = (Fixed){ at, arena_str(r->a, text, len) };
	}
	return f;
}

bool extra_read(Arena *a, const char *text, size_t n, const char *what, FunctionMeta *m, Err *e)
{
	Read r = { a, e };
	JVal root = get_root(&r, text, n, what);
	JVal results = member(&r, root, "results", JSON_array),
		names = member(&r, root, "user_inputs", JSON_array);
	if (!e->code && json_len(results) != m->noutput)
		json_fail(e, results, "\"results\" has %d items, the function has %d outputs", json_len(results),
			m->noutput);
	if (e->code) return false;
	Result *out = NEW(a, Result, m->noutput), *at = out;
	JEACH(v, results) get_result(&r, v, at++);
	const char **name = NEW(a, const char *, json_len(names));
	JEACH(v, names) {
		const char *s = name[m->nuser_name++] = json_str(a, v);
		if (!s) json_fail(e, v, "a name is %s, wanted a string without NUL", kind_name(json_kind(v)));
	}
	m->result = out;
	m->user_name = name;
	m->fixed_input = get_fixed(&r, root, "fixed_inputs", &m->nfixed_input);
	m->fixed_output = get_fixed(&r, root, "fixed_outputs", &m->nfixed_output);
	m->scalar_input = get_fixed(&r, root, "scalar_inputs", &m->nscalar_input);
	m->scalar_output = get_fixed(&r, root, "scalar_outputs", &m->nscalar_output);
	return !e->code;
}
