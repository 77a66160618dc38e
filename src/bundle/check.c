#include <string.h>

#include "base/json.h"
#include "bundle/meta.h"

bool is_dynamic(const Signature *s, int i)
{
	for (int k = 0; k < s->ndynamic; k++)
		if (s->dynamic_dim[k] == i) return true;
	return s->dim[i] < 0;
}

int64_t signature_dim(const Signature *s, int i) { return is_dynamic(s, i) ? -1 : s->dim[i]; }

const char *signature_str(Arena *a, const Signature *s)
{
	const char *type = s->dtype ? dtype_info(s->dtype)->torch : s->other_type ? s->other_type : "?";
	const char *t = arena_printf(a, "%s[", type);
	for (int i = 0; i < s->rank; i++) {
		const char *comma = i ? "," : "";
		if (is_dynamic(s, i)) t = arena_printf(a, "%s%s?", t, comma);
		else t = arena_printf(a, "%s%s%lld", t, comma, (long long)s->dim[i]);
	}
	return arena_printf(a, "%s]", t);
}

bool check_name(const char *what, const char *name, Err *e)
{
	if (!name || !*name) return fail(e, BAD_INPUT, "a %s has no name", what);
	if (!is_utf8(name, strlen(name))) return fail(e, BAD_INPUT, "a %s's name is not UTF-8", what);
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return fail(e, BAD_INPUT, "%s '%s': the name cannot be a file's, wanted one without '/' that is not '.' or '..'",
			what, name);
	return true;
}

/* "1.9.0" */
static bool is_version(const char *s)
{
	for (int part = 0; part < 3; part++, s++) {
		size_t n = strspn(s, "0123456789");
		if (!n || n > 9 || s[n] != (part < 2 ? '.' : 0)) return false;
		s += n;
	}
	return true;
}

static bool check_signature(const Signature *s, Err *e)
{
	if (!s->dtype || !*dtype_info(s->dtype)->torch)
		return fail(e, BAD_INPUT, "type %s has no name in torch", dtype_name(s->dtype));
	for (int i = 0; i < s->ndynamic; i++)
		if (s->dynamic_dim[i] < 0 || s->dynamic_dim[i] >= s->rank)
			return fail(e, BAD_INPUT, "dynamic dim %d is outside rank %d", s->dynamic_dim[i], s->rank);
	return true;
}

static bool same_type(const NpyArray *x, const Signature *s)
{
	if (x->dtype != s->dtype || x->rank != s->rank) return false;
	for (int i = 0; i < s->rank; i++) {
		int64_t d = signature_dim(s, i);
		if (d >= 0 && d != x->dim[i]) return false;
	}
	return true;
}

static const BundleTensor *bound_to(const BundleParts *parts, const Map *by_name, const Location *l)
{
	int i = l->position;
	if (l->kind == LOCATION_CONSTANT) return i >= 0 && i < parts->nconstant ? &parts->constant[i] : NULL;
	if (l->kind == LOCATION_INPUT_ARG) return NULL;
	i = map_get(by_name, l->name, strlen(l->name));
	return i >= 0 ? &parts->tensor[i] : NULL;
}

static const char *file_of(Arena *a, const BundleParts *parts, const Location *l)
{
	if (parts->safetensors && l->kind == LOCATION_PARAMETER) return arena_printf(a, "tensor '%s' in " SAFETENSORS_NAME, l->name);
	return l->kind == LOCATION_CONSTANT ? arena_printf(a, "constants/%d", l->position) : arena_printf(a, "data/%s", l->name);
}

static bool check_input(Arena *a, const BundleParts *parts, const Map *by_name, const Location *l, const Signature *s,
	Err *e)
{
	if (!check_signature(s, e)) return false;
	if (l->kind == LOCATION_INPUT_ARG)
		return l->position >= 0 || fail(e, BAD_INPUT, "a user input's position is %d", l->position);
	if (l->kind == LOCATION_PARAMETER && !check_name("parameter", l->name, e)) return false;
	const BundleTensor *t = bound_to(parts, by_name, l);
	/* the weights were left out */
	if (!t && l->kind == LOCATION_PARAMETER && !parts->ntensor) return true;
	if (!t) return fail(e, BAD_INPUT, "there is no %s", file_of(a, parts, l));
	if (same_type(&t->array, s)) return true;
	const char *found = npy_str(a, &t->array);
	return fail(e, BAD_INPUT, "%s is %s, the signature says %s", file_of(a, parts, l), found, signature_str(a, s));
}

static bool check_function(Arena *a, const BundleParts *parts, const Map *by_name, const FunctionMeta *m,
	Err *e)
{
	if (m->stablehlo_version && !is_version(m->stablehlo_version))
		return fail(e, BAD_INPUT, "stablehlo_version is '%.40s', wanted three numbers such as 1.9.0",
			m->stablehlo_version);
	for (int i = 0; i < m->ninput; i++)
		if (!check_input(a, parts, by_name, &m->input_location[i], &m->input_signature[i], e))
			return err_at(e, "input %d", i);
	for (int i = 0; i < m->noutput; i++)
		if (!check_signature(&m->output_signature[i], e)) return err_at(e, "output %d", i);
	return true;
}

static bool check_names(const char *dir, const BundleParts *parts, int i, Err *e)
{
	const char *name = parts->function[i].meta.name;
	if (!check_name("function", name, e)) return err_at(e, "%s/functions", dir);
	for (int k = 0; k < i; k++)
		if (!strcmp(parts->function[k].meta.name, name))
			return fail(e, BAD_INPUT, "%s/functions: two are named '%s'", dir, name);
	return true;
}

bool check_parts(Arena *a, const char *dir, const BundleParts *parts, const Map *by_name, Err *e)
{
	if (!parts->nfunction) return fail(e, BAD_INPUT, "%s/functions: there is none", dir);
	for (int i = 0; i < parts->nfunction; i++) {
		const BundleFunction *f = &parts->function[i];
		if (!check_names(dir, parts, i, e)) return false;
		if (!check_function(a, parts, by_name, &f->meta, e))
			return err_at(e, "%s/functions/%s.meta", dir, f->meta.name);
		if (!f->bytecode_nbytes && (!f->text_nbytes || parts->skip_text))
			return fail(e, BAD_INPUT, "%s/functions/%s: has neither bytecode nor text", dir, f->meta.name);
	}
	return true;
}

const BundleTensor *bundle_argument(const Bundle *b, const BundleFunction *f, int i)
{
	if (i < 0 || i >= f->meta.ninput) return NULL;
	return bound_to(&b->parts, &b->tensor_by_name, &f->meta.input_location[i]);
}
