/* Where plugins are. No Python is asked: the folders that its packages are in are looked through. */
#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "pjrt/internal.h"

/* Short names: the glob that finds them in a folder of Python packages, and what installs them. Of several
 * matches the last is taken (xla_cuda13 before xla_cuda12). */
static const struct Known { const char *name, *pattern, *install; } known[] = {
	{ "cpu",  "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so", "pip install xla-cpu-pjrt" },
	{ "cuda", "jax_plugins/xla_cuda*/xla_cuda_plugin.so", "pip install jax-cuda12-pjrt" },
	{ "rocm", "jax_plugins/xla_rocm*/xla_rocm_plugin.so", "pip install jax-rocm7-pjrt" },
	{ "tpu",  "libtpu/libtpu.so",                         "pip install libtpu" },
};

/* Any other name is that of a package: these, with the name for "@". */
static const char *const in_package[] = {
	"xla_plugins/@/*pjrt*.so", "jax_plugins/@/*plugin*.so", "@/*pjrt*.so",
};

/* How plugin files are called in the folders of PJRT_PLUGIN_LIBRARY_PATH. */
static const char *const in_folder[] = {
	"pjrt_c_api_@_plugin.so", "pjrt_plugin_@.so", "xla_@_pjrt.so", "xla_@_plugin.so",
};

enum { NKNOWN = sizeof known / sizeof *known, NIN_PACKAGE = sizeof in_package / sizeof *in_package,
	NIN_FOLDER = sizeof in_folder / sizeof *in_folder };

typedef struct Search {
	const char *name;
	const struct Known *known;     /* NULL: the name is a package's */
	glob_t roots;                  /* folders of Python packages, in the order they are looked through */
	bool started, no_memory;
} Search;

/* folder, with glob's own characters escaped, then "/" and the pattern with the name for "@". */
static void put_pattern(Buf *b, const char *folder, const char *pattern, const char *name)
{
	for (; *folder; folder++) {
		if (strchr("*?[]\\", *folder)) put_byte(b, '\\');
		put_byte(b, (uint8_t)*folder);
	}
	put_byte(b, '/');
	for (; *pattern; pattern++) {
		if (*pattern == '@') put_str(b, name);
		else put_byte(b, (uint8_t)*pattern);
	}
	put_byte(b, 0);
}

static int run_glob(Search *s, const char *folder, const char *pattern, int flags, glob_t *out)
{
	Buf b = { 0 };
	put_pattern(&b, folder, pattern, s->name);
	int rc = b.failed ? GLOB_NOSPACE : glob((char *)b.p, flags, NULL, out);
	s->no_memory |= rc == GLOB_NOSPACE;
	buf_free(&b);
	return rc;
}

/* The last file (malloc'ed) that the pattern finds in the folder, or NULL. */
static char *find_in(Search *s, const char *folder, const char *pattern)
{
	glob_t g = { 0 };
	char *found = NULL;
	if (run_glob(s, folder, pattern, 0, &g) == 0) {
		found = strdup(g.gl_pathv[g.gl_pathc - 1]);
		s->no_memory |= !found;
	}
	globfree(&g);
	return found;
}

static char *find_any(Search *s, const char *folder, const char *const *pattern, int n)
{
	char *found = NULL;
	for (int i = 0; i < n && !found; i++) found = find_in(s, folder, pattern[i]);
	return found;
}

/* -- folders of Python packages -------------------------------------------------------------------------- */

static void add_root(Search *s, const char *folder, const char *pattern)
{
	if (!folder || !*folder) return;
	run_glob(s, folder, pattern, s->started ? GLOB_APPEND : 0, &s->roots);
	s->started = true;
}

static void add_prefix(Search *s, const char *prefix)
{
	add_root(s, prefix, "lib/python3*/site-packages");
	add_root(s, prefix, "lib/python3*/dist-packages");
}

/* The first item of a list, cut out into buf[0..PATH_MAX), and what follows it; NULL at the end. */
static const char *next_item(const char *list, char separator, char *item)
{
	if (!list || !*list) return NULL;
	const char *end = strchrnul(list, separator);
	snprintf(item, PATH_MAX, "%.*s", (int)(end - list), list);
	return *end ? end + 1 : end;
}

/* Cuts the last n parts of a path off. */
static void cut(char *path, int n)
{
	for (char *s; n-- && (s = strrchr(path, '/')); ) *s = 0;
}

/* The folder that this library was installed in, when that is one of Python packages; the prefix of the
 * running program. */
static void add_own_places(Search *s)
{
	char path[PATH_MAX];
	Dl_info me;
	if (dladdr(known, &me) && me.dli_fname && realpath(me.dli_fname, path)) {
		for (cut(path, 1); *path; cut(path, 1)) {
			const char *base = strrchr(path, '/');
			if (!base || strcmp(base, "/site-packages") == 0 || strcmp(base, "/dist-packages") == 0) break;
		}
		if (*path) add_root(s, path, "");
	}
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n <= 0) return;
	path[n] = 0;
	cut(path, 2);
	add_prefix(s, path);
}

static void add_python_on_path(Search *s)
{
	char item[PATH_MAX], python[PATH_MAX + 16];
	for (const char *list = getenv("PATH"); (list = next_item(list, ':', item)); ) {
		snprintf(python, sizeof python, "%s/python3", item);
		if (access(python, X_OK)) continue;
		cut(item, 1);
		add_prefix(s, item);
	}
}

static void add_roots(Search *s)
{
	char item[PATH_MAX];
	for (const char *list = getenv("PYTHONPATH"); (list = next_item(list, ':', item)); )
		add_root(s, item, "");
	if (getenv("VIRTUAL_ENV")) add_prefix(s, getenv("VIRTUAL_ENV"));
	if (getenv("CONDA_PREFIX")) add_prefix(s, getenv("CONDA_PREFIX"));
	add_own_places(s);
	add_python_on_path(s);
	if (getenv("HOME")) {
		snprintf(item, sizeof item, "%s/.local", getenv("HOME"));
		add_prefix(s, item);
		add_root(s, getenv("HOME"), ".pyenv/versions/*/lib/python3*/site-packages");
	}
	add_prefix(s, "/usr/local");
	add_prefix(s, "/usr");
}

/* -- by path, by variable, by name ----------------------------------------------------------------------- */

static bool is_path(const char *which)
{
	size_t n = strlen(which);
	return strchr(which, '/') || (n > 3 && !strcmp(which + n - 3, ".so"));
}

static char *by_path(const char *path, Err *e)
{
	char *real = realpath(path, NULL);
	if (!real) return fail(e, IO, "%s: no such plugin file", path), NULL;
	if (is_dir(real)) {
		free(real);
		return fail(e, IO, "%s: a folder, not a plugin file", path), NULL;
	}
	return real;
}

/* PJRT_PLUGIN_LIBRARY_PATH: plugin files and folders of them, separated by ':'. A file has no name, so only
 * a search without one (any) takes it. */
static char *by_library_path(Search *s, bool any)
{
	char item[PATH_MAX], *found = NULL;
	const char *list = getenv("PJRT_PLUGIN_LIBRARY_PATH");
	while (!found && (list = next_item(list, ':', item))) {
		if (is_dir(item)) found = find_any(s, item, in_folder, NIN_FOLDER);
		else if (any && file_exists(item)) found = strdup(item);
	}
	return found;
}

/* PJRT_NAMES_AND_LIBRARY_PATHS, as JAX reads it: "name:path,name:path". */
static char *by_names_and_paths(Search *s)
{
	char item[PATH_MAX];
	size_t n = strlen(s->name);
	for (const char *list = getenv("PJRT_NAMES_AND_LIBRARY_PATHS"); (list = next_item(list, ',', item)); )
		if (!strncmp(item, s->name, n) && item[n] == ':') return strdup(item + n + 1);
	return NULL;
}

static char *in_roots(Search *s)
{
	char *found = NULL;
	for (size_t i = 0; i < s->roots.gl_pathc && !found; i++) {
		const char *root = s->roots.gl_pathv[i];
		found = s->known ? find_in(s, root, s->known->pattern) : find_any(s, root, in_package, NIN_PACKAGE);
	}
	return found;
}

static bool seen_before(const glob_t *roots, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(roots->gl_pathv[k], roots->gl_pathv[i])) return true;
	return false;
}

/* "no PJRT plugin 'cpu': found no xla_plugins/... in /a, /b; install it with ..." */
static void not_found(const Search *s, Err *e)
{
	Buf b = { 0 };
	if (s->known) putf(&b, "found no %s in ", s->known->pattern);
	else putf(&b, "it is none of cpu, cuda, rocm, tpu, and found no package of that name with a plugin in ");
	for (size_t i = 0; i < s->roots.gl_pathc; i++)
		if (!seen_before(&s->roots, i)) putf(&b, "%s%s", i ? ", " : "", s->roots.gl_pathv[i]);
	if (!s->roots.gl_pathc) put_str(&b, "any folder of Python packages (there is none)");
	if (s->known) putf(&b, "; install it with '%s', or give the path of a plugin file", s->known->install);
	else put_str(&b, "; give a known name, that of a package, or the path of a plugin file");
	put_byte(&b, 0);
	if (b.failed) fail(e, NO_MEMORY, "out of memory");
	else fail(e, IO, "no PJRT plugin '%s': %s", s->name, (char *)b.p);
	buf_free(&b);
}

static char *by_name(Search *s, Err *e)
{
	size_t n = strspn(s->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	if (!n || s->name[n]) {
		fail(e, BAD_INPUT, "'%s' is neither the name nor the path of a PJRT plugin", s->name);
		return NULL;
	}
	for (int i = 0; i < NKNOWN; i++)
		if (!strcmp(s->name, known[i].name)) s->known = &known[i];
	char *found = by_names_and_paths(s);
	if (!found) found = by_library_path(s, false);
	if (found) return found;
	add_roots(s);
	found = in_roots(s);
	if (!found && s->no_memory) fail(e, NO_MEMORY, "out of memory");
	if (!found) not_found(s, e);
	globfree(&s->roots);
	return found;
}

char *find_plugin(const char *which, Err *e)
{
	if (which && is_path(which)) return by_path(which, e);
	Search s = { .name = which ? which : "cpu" };
	const char *set = getenv("PJRT_PLUGIN_LIBRARY_PATH");
	char *found = NULL;
	if (!which && set && *set) {
		found = by_library_path(&s, true);
		if (!found) return fail(e, IO, "PJRT_PLUGIN_LIBRARY_PATH=%s: no plugin there", set), NULL;
	}
	if (!found) found = by_name(&s, e);
	if (!found) return NULL;
	char *real = by_path(found, e);
	free(found);
	return real;
}
