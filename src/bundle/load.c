#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/meta.h"
#include "bundle/safetensors.h"

typedef struct Load { Bundle *b; const char *dir; Err *e; } Load;

typedef VEC(const char *) Names;

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The entries of dir/sub, sorted, so that the order does not hang on the file system. The open directory
 * stands in the bundle: a push that runs out of memory leaves by longjmp, and bundle_free() closes it. */
static bool list(Load *l, const char *sub, Names *names)
{
	Arena *a = &l->b->arena;
	const char *path = arena_printf(a, "%s/%s", l->dir, sub);
	DIR *d = l->b->listing = opendir(path);
	if (!d) return fail(l->e, IO, "%s: cannot open the directory: %s", path, strerror(errno));
	for (struct dirent *f; (f = readdir(d));)
		if (strcmp(f->d_name, ".") && strcmp(f->d_name, ".."))
			*push(a, names) = arena_str(a, f->d_name, strlen(f->d_name));
	l->b->listing = NULL;
	closedir(d);
	if (names->n) qsort(names->v, (size_t)names->n, sizeof *names->v, by_text);
	return true;
}

/* A sub-directory that may be missing: torch_xla leaves out data/ with save_weights=False, and git drops
 * empty ones. */
static bool list_opt(Load *l, const char *sub, Names *names)
{
	return !file_exists(arena_printf(&l->b->arena, "%s/%s", l->dir, sub)) || list(l, sub, names);
}

/* Maps dir/path; the bundle owns the mapping from the moment that there is one. */
static bool map_in(Load *l, const char *path, FileMap *out)
{
	FileMap *m = push(&l->b->arena, &l->b->map);
	bool ok = map_file(m, arena_printf(&l->b->arena, "%s/%s", l->dir, path), l->e);
	*out = *m;
	return ok;
}

static bool load_array(Load *l, const char *path, BundleTensor *t)
{
	FileMap m;
	if (!map_in(l, path, &m)) return false;
	t->mapped = true;
	return npy_read(&l->b->arena, m.p, m.n, &t->array, l->e) || err_at(l->e, "%s/%s", l->dir, path);
}

static bool load_safetensors(Load *l, BundleTensor **out, int *n)
{
	FileMap m;
	if (!map_in(l, SAFETENSORS_NAME, &m)) return false;
	if (!safetensors_read(&l->b->arena, m.p, m.n, out, n, l->e)) return err_at(l->e, "%s/" SAFETENSORS_NAME, l->dir);
	l->b->parts.safetensors = true;
	for (int i = 0; i < *n; i++) map_set(&l->b->tensor_by_name, (*out)[i].name, strlen((*out)[i].name), i);
	return true;
}

static bool load_data(Load *l, BundleTensor **out, int *n)
{
	Arena *a = &l->b->arena;
	Names names = { 0 };
	if (!list_opt(l, "data", &names)) return false;
	if (file_exists(arena_printf(a, "%s/" SAFETENSORS_NAME, l->dir))) {
		if (names.n) return fail(l->e, BAD_INPUT, "%s: has both " SAFETENSORS_NAME " and files in data/", l->dir);
		return load_safetensors(l, out, n);
	}
	*out = NEW(a, BundleTensor, names.n);
	for (*n = 0; *n < names.n; ++*n) {
		BundleTensor *t = &(*out)[*n];
		t->name = names.v[*n];
		if (!load_array(l, arena_printf(a, "data/%s", t->name), t)) return false;
		map_set(&l->b->tensor_by_name, t->name, strlen(t->name), *n);
	}
	return true;
}

/* constants/0, constants/1, ...: every number below the count is there, and nothing else. */
static bool load_constants(Load *l, BundleTensor **out, int *n)
{
	Arena *a = &l->b->arena;
	Names names = { 0 };
	if (!list_opt(l, "constants", &names)) return false;
	*out = NEW(a, BundleTensor, names.n);
	for (*n = 0; *n < names.n; ++*n) {
		const char *path = arena_printf(a, "constants/%d", *n);
		if (!file_exists(arena_printf(a, "%s/%s", l->dir, path)))
			return fail(l->e, BAD_INPUT, "%s/constants: has %d entries, none named %d; wanted the numbers from 0 on",
				l->dir, names.n, *n);
		(*out)[*n].name = strrchr(path, '/') + 1;
		if (!load_array(l, path, &(*out)[*n])) return false;
	}
	return true;
}

/* functions/<name><suffix>; NULL and 0 when there is no such file. */
static bool load_optional(Load *l, const char *name, const char *suffix, const uint8_t **p, size_t *n)
{
	FileMap m = { 0 };
	const char *path = arena_printf(&l->b->arena, "functions/%s%s", name, suffix);
	if (file_exists(arena_printf(&l->b->arena, "%s/%s", l->dir, path)) && !map_in(l, path, &m)) return false;
	*p = m.n ? m.p : NULL;
	*n = m.n;
	return true;
}

static bool load_function(Load *l, const char *file, BundleFunction *f)
{
	Arena *a = &l->b->arena;
	FileMap m;
	const char *path = arena_printf(a, "functions/%s", file), *what = arena_printf(a, "%s/%s", l->dir, path);
	if (!map_in(l, path, &m) || !meta_read(a, (const char *)m.p, m.n, what, &f->meta, l->e)) return false;
	const char *name = f->meta.name;
	if (!check_name("function", name, l->e)) return err_at(l->e, "%s", what);
	const uint8_t *extra;
	size_t nextra;
	if (!load_optional(l, name, ".bytecode", &f->bytecode, &f->bytecode_nbytes)) return false;
	if (!load_optional(l, name, ".mlir", &f->text, &f->text_nbytes)) return false;
	if (!load_optional(l, name, EXTRA_SUFFIX, &extra, &nextra)) return false;
	what = arena_printf(a, "%s/functions/%s" EXTRA_SUFFIX, l->dir, name);
	return !extra || extra_read(a, (const char *)extra, nextra, what, &f->meta, l->e);
}

static bool load_functions(Load *l, BundleFunction **out, int *n)
{
	Names names = { 0 };
	if (!file_exists(arena_printf(&l->b->arena, "%s/functions", l->dir)))
		return fail(l->e, BAD_INPUT, "%s: is not a StableHLO directory: it has no functions/", l->dir);
	if (!list(l, "functions", &names)) return false;
	*out = NEW(&l->b->arena, BundleFunction, names.n);
	for (int i = 0; i < names.n; i++) {
		const char *dot = strrchr(names.v[i], '.');
		if (dot && !strcmp(dot, ".meta") && !load_function(l, names.v[i], &(*out)[(*n)++])) return false;
	}
	return *n || fail(l->e, BAD_INPUT, "%s/functions: has no .meta file", l->dir);
}

/* '<V1' says no more than "one byte": the signature that names the tensor says which type it is. */
static void settle_types(Bundle *b, const BundleFunction *f, BundleTensor *tensor, BundleTensor *constant,
	int nconstant)
{
	for (int i = 0; i < f->meta.ninput; i++) {
		const Location *at = &f->meta.input_location[i];
		BundleTensor *t = NULL;
		if (at->kind == LOCATION_PARAMETER) {
			int k = map_get(&b->tensor_by_name, at->name, strlen(at->name));
			t = k >= 0 ? &tensor[k] : NULL;
		}
		if (at->kind == LOCATION_CONSTANT && at->position < nconstant) t = &constant[at->position];
		if (t) npy_is(&t->array, f->meta.input_signature[i].dtype);
	}
}

static bool load(Load *l)
{
	Bundle *b = l->b;
	BundleParts *parts = &b->parts;
	BundleFunction *function = NULL;
	BundleTensor *tensor = NULL, *constant = NULL;
	if (!is_dir(l->dir)) return fail(l->e, IO, "%s: is not a directory", l->dir);
	if (!load_functions(l, &function, &parts->nfunction)) return false;
	if (!load_data(l, &tensor, &parts->ntensor)) return false;
	if (!load_constants(l, &constant, &parts->nconstant)) return false;
	for (int i = 0; i < parts->nfunction; i++)
		settle_types(b, &function[i], tensor, constant, parts->nconstant);
	parts->function = function;
	parts->tensor = tensor;
	parts->constant = constant;
	return check_parts(&b->arena, l->dir, parts, &b->tensor_by_name, l->e);
}

/* A frame of its own: what it changes stands in the bundle, where a longjmp leaves it alone. */
static bool load_guarded(Load *l)
{
	jmp_buf full;
	if (setjmp(full)) return fail(l->e, NO_MEMORY, "%s: out of memory", l->dir);
	l->b->arena.full = &full;
	bool ok = load(l);
	l->b->arena.full = NULL;
	return ok;
}

Bundle *bundle_load(const char *dir, Err *e)
{
	Load l = { calloc(1, sizeof(Bundle)), dir, e };
	if (!l.b) { fail(e, NO_MEMORY, "%s: out of memory", dir); return NULL; }
	l.b->tensor_by_name.arena = &l.b->arena;
	if (load_guarded(&l)) return l.b;
	bundle_free(l.b);
	return NULL;
}

void bundle_free(Bundle *b)
{
	if (!b) return;
	if (b->listing) closedir(b->listing);
	for (int i = 0; i < b->map.n; i++) unmap_file(&b->map.v[i]);
	arena_free(&b->arena);
	free(b);
}

const BundleFunction *bundle_function(const Bundle *b, const char *name)
{
	const char *want = name ? name : "forward";
	for (int i = 0; i < b->parts.nfunction; i++)
		if (!strcmp(b->parts.function[i].meta.name, want)) return &b->parts.function[i];
	return name ? NULL : &b->parts.function[0];
}
