/* Compiled programs in a directory, for later processes: one file each.
 *
 *	"TSHLOXLA1\n"  u64 n  key[n]  u64 m  executable[m]  u64 u64       little-endian; the last two are hashes of all before
 *
 * The key is everything that the compiler was given: the plugin's build, the machine where code is for it, options, XLA_FLAGS and module. It is
 * compared whole; the file's name is a hash of it. What does not fit, or is damaged, counts as missing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/map.h"
#include "base/reader.h"
#include "pjrt/internal.h"

static const char magic[] = "TSHLOXLA1\n";

static void put_u64(Buf *b, uint64_t v)
{
	uint8_t bytes[8];
	for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(v >> 8 * i);
	put(b, bytes, sizeof bytes);
}

static void put_text(Buf *b, const char *s) { put(b, s, strlen(s) + 1); }

static void put_hashes(Buf *b, const void *p, size_t n)
{
	put_u64(b, hash_bytes(p, n, 1));
	put_u64(b, hash_bytes(p, n, 2));
}

/* Code for a CPU is for its instructions. Linux: proc(5), cpuinfo. */
static void put_machine(Buf *b)
{
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen("/proc/cpuinfo", "r");
	while (f && getline(&line, &room, f) > 0 && *line != '\n')
		if (!strncmp(line, "model name", 10) || !strncmp(line, "flags", 5) || !strncmp(line, "Features", 8) || !strncmp(line, "CPU part", 8))
			put_text(b, line);
	free(line);
	if (f) fclose(f);
}

/* Another build under the same name has another size or date. */
static void put_plugin(Buf *b, const PluginInfo *info)
{
	struct stat st = { 0 };
	char text[160];
	if (stat(info->path, &st)) st.st_size = 0;
	snprintf(text, sizeof text, "%d.%d xla %lld, %lld bytes of %lld", info->pjrt_major, info->pjrt_minor, (long long)info->xla_version,
		(long long)st.st_size, (long long)st.st_mtime);
	put_text(b, info->name);
	put_text(b, info->platform);
	put_text(b, info->platform_version);
	put_text(b, text);
}

static bool put_key(Buf *key, const Device *d, const Buf *options, const void *code, size_t n)
{
	put_plugin(key, &d->plugin->info);
	put_text(key, d->kind);
	if (d->is_host) put_machine(key);
	put_text(key, getenv("XLA_FLAGS") ? getenv("XLA_FLAGS") : "");
	put_u64(key, options->n);
	put(key, options->p, options->n);
	put(key, code, n);
	return !key->failed;
}

bool device_cache(Device *d, const char *dir, Err *e)
{
	char *copy = dir ? strdup(dir) : NULL;
	if (dir && !copy) return fail(e, NO_MEMORY, "out of memory");
	if (dir && !is_dir(dir) && !make_dir(dir, e)) return free(copy), false;
	free(d->cache);
	d->cache = copy;
	return true;
}

static char *path_of(const Device *d, const Buf *key)
{
	size_t n = strlen(d->cache) + 48;
	char *path = malloc(n);
	if (path)
		snprintf(path, n, "%s/%016llx%016llx.xla", d->cache, (unsigned long long)hash_bytes(key->p, key->n, 1),
			(unsigned long long)hash_bytes(key->p, key->n, 2));
	return path;
}

/* The executable in a file, when it is for this key and undamaged. */
static bool find_in(const FileMap *f, const Buf *key, const uint8_t **code, size_t *n)
{
	Err ignored = { 0 };
	Reader r = { .p = f->p, .n = f->n, .what = "cache", .err = &ignored };
	const uint8_t *head = get(&r, sizeof magic - 1);
	uint64_t nkey = get_u64(&r);
	const uint8_t *its = nkey == key->n ? get(&r, key->n) : NULL;
	uint64_t ncode = its ? get_u64(&r) : 0;
	*n = (size_t)ncode;
	*code = its && ncode <= f->n ? get(&r, *n) : NULL;
	size_t end = r.at;
	uint64_t h1 = get_u64(&r), h2 = get_u64(&r);
	bool ok = *code && !ignored.code && !memcmp(head, magic, sizeof magic - 1) && !memcmp(its, key->p, key->n)
	       && h1 == hash_bytes(f->p, end, 1) && h2 == hash_bytes(f->p, end, 2);
	err_clear(&ignored);
	return ok;
}

static Executable *load(Device *d, const char *path, const Buf *key, const CompileOptions *opts)
{
	Err ignored = { 0 };
	FileMap f;
	const uint8_t *code;
	size_t n;
	Executable *x = NULL;
	if (file_exists(path) && map_file(&f, path, &ignored)) {
		if (find_in(&f, key, &code, &n)) x = executable_deserialize(d, code, n, opts, &ignored);
		unmap_file(&f);
	}
	err_clear(&ignored);
	return x;
}

/* A cache that cannot be written costs time and nothing else. */
static void store(const Executable *x, const char *path, const Buf *key)
{
	Err ignored = { 0 };
	Buf file = { 0 }, code = { 0 };
	if (executable_serialize(x, &code, &ignored)) {
		put(&file, magic, sizeof magic - 1);
		put_u64(&file, key->n);
		put(&file, key->p, key->n);
		put_u64(&file, code.n);
		put(&file, code.p, code.n);
		if (!file.failed) put_hashes(&file, file.p, file.n);
		if (!file.failed) write_file(path, file.p, file.n, &ignored);
	}
	buf_free(&file);
	buf_free(&code);
	err_clear(&ignored);
}

Executable *executable_cached(Device *d, const void *bytecode, size_t n, const CompileOptions *opts, bool *compiled, Err *e)
{
	Buf options = { 0 }, key = { 0 };
	put_compile_options(&options, d, opts ? &opts->spread : NULL);
	char *path = d->cache && !options.failed && put_key(&key, d, &options, bytecode, n) ? path_of(d, &key) : NULL;
	Executable *x = path ? load(d, path, &key, opts) : NULL;
	*compiled = !x;
	if (!x) x = executable_compile(d, bytecode, n, opts, e);
	if (*compiled && x && path) store(x, path, &key);
	free(path);
	buf_free(&options);
	buf_free(&key);
	return x;
}
