/* Where the parts of a model lie in a .pt2. Three layouts (torch/export/__init__.py, torch/export/pt2_archive/_package.py):
 *
 *	torch 2.5 to 2.7            torch 2.8                          torch 2.9 and newer
 *	serialized_exported_        <root>/archive_format "pt2"        <root>/archive_format "pt2"
 *	  program.json              <root>/models/M.json               <root>/models/M.json
 *	serialized_state_dict.pt    <root>/data/weights/M.pt           <root>/data/weights/M_weights_config.json, weight_0, ...
 *	serialized_constants.pt     <root>/data/constants/M.pt         <root>/data/constants/M_constants_config.json, tensor_0, ...
 *	serialized_example_         <root>/data/sample_inputs/M.pt     <root>/data/sample_inputs/M.pt
 *	  inputs.pt
 *
 * The root folder carries the file's name when it was written, or is missing when someone packed the files anew. */
#include "pt2/layout.h"

#include "base/json.h"

#include <string.h>

static bool ends(const char *s, size_t n, const char *tail)
{
	size_t ntail = strlen(tail);
	return n >= ntail && !memcmp(s + n - ntail, tail, ntail);
}

/* The folder in which archive_format lies, as "" or "root/". */
static const char *find_root(const Zip *z)
{
	static const char mark[] = "archive_format";
	for (int i = 0; i < z->entry.n; i++) {
		const ZipEntry *x = &z->entry.v[i];
		if (!ends(x->name, x->nname, mark)) continue;
		size_t n = x->nname - (sizeof mark - 1);
		if (!n || memchr(x->name, '/', n) == x->name + n - 1) return arena_str(z->arena, x->name, n);
	}
	return NULL;
}

static bool content_is(Zip *z, const char *name, const char *want, Err *e)
{
	ZipEntry *x = zip_find(z, name);
	if (!x) return true;
	if (!zip_read(z, x, ZIP_QUICK, e)) return false;
	size_t n = strlen(want);
	if (x->nbytes == n && !memcmp(x->bytes, want, n)) return true;
	const char *got = (const char *)x->bytes;
	int shown = is_utf8(got, (size_t)x->nbytes) ? utf8_cut(got, (size_t)x->nbytes, 20) : 0;
	return fail(e, UNSUPPORTED, "%s: '%s' holds '%.*s', wanted '%s'", z->what, name, shown, got, want);
}

typedef VEC(const char *) Names;

static Names model_names(const Zip *z, const char *root)
{
	Names names = { 0 };
	const char *folder = arena_printf(z->arena, "%smodels/", root);
	size_t nfolder = strlen(folder), ntail = strlen(".json");
	for (int i = 0; i < z->entry.n; i++) {
		const ZipEntry *x = &z->entry.v[i];
		if (x->nname <= nfolder + ntail || memcmp(x->name, folder, nfolder)) continue;
		if (!ends(x->name, x->nname, ".json")) continue;
		*push(z->arena, &names) = arena_str(z->arena, x->name + nfolder, x->nname - nfolder - ntail);
	}
	return names;
}

static const char *join(Arena *a, Names names)
{
	const char *s = "";
	for (int i = 0; i < names.n && i < 20; i++) s = arena_printf(a, "%s%s'%s'", s, i ? ", " : "", names.v[i]);
	return names.n > 20 ? arena_printf(a, "%s and %d more", s, names.n - 20) : s;
}

static bool choose_model(const Zip *z, const char *root, const char *model, const char **out, Err *e)
{
	Names names = model_names(z, root);
	if (!names.n) return fail(e, BAD_INPUT, "%s: no models/<name>.json in it", z->what);
	*out = names.v[0];
	if (!model && names.n == 1) return true;
	if (!model)
		return fail(e, BAD_INPUT, "%s: several models, name one of them: %s", z->what, join(z->arena, names));
	for (int i = 0; i < names.n; i++) {
		*out = names.v[i];
		if (!strcmp(model, names.v[i])) return true;
	}
	return fail(e, BAD_INPUT, "%s: no model '%s', it has %s", z->what, model, join(z->arena, names));
}

/* The four files in the root of what torch 2.5 to 2.7 wrote. */
static bool old_layout(const Zip *z, const char *model, Layout *l, Err *e)
{
	if (model && strcmp(model, "model"))
		return fail(e, BAD_INPUT, "%s: no model '%s', it has 'model'", z->what, model);
	*l = (Layout){
		.name = "model", .program = "serialized_exported_program.json",
		.weights_pickle = "serialized_state_dict.pt", .constants_pickle = "serialized_constants.pt",
		.samples = "serialized_example_inputs.pt",
	};
	return true;
}

bool find_layout(Zip *z, const char *model, Layout *l, Err *e)
{
	if (zip_find(z, "serialized_exported_program.json")) return old_layout(z, model, l, e);
	const char *root = find_root(z);
	if (!root)
		return fail(e, BAD_INPUT, "%s: a zip archive, but not of torch.export.save: no archive_format in it", z->what);
	Arena *a = z->arena;
	*l = (Layout){ .weights = arena_printf(a, "%sdata/weights/", root) };
	l->constants = arena_printf(a, "%sdata/constants/", root);
	if (!content_is(z, arena_printf(a, "%sarchive_format", root), "pt2", e)) return false;
	if (!content_is(z, arena_printf(a, "%sbyteorder", root), "little", e)) return false;
	if (!choose_model(z, root, model, &l->name, e)) return false;

	l->program = arena_printf(a, "%smodels/%s.json", root, l->name);
	l->samples = arena_printf(a, "%sdata/sample_inputs/%s.pt", root, l->name);
	l->weights_pickle = arena_printf(a, "%s%s.pt", l->weights, l->name);
	l->constants_pickle = arena_printf(a, "%s%s.pt", l->constants, l->name);
	if (!zip_find(z, l->weights_pickle)) l->weights_pickle = NULL;
	if (!zip_find(z, l->constants_pickle)) l->constants_pickle = NULL;
	l->weights_config = arena_printf(a, "%s%s_weights_config.json", l->weights, l->name);
	l->constants_config = arena_printf(a, "%s%s_constants_config.json", l->constants, l->name);
	return true;
}
