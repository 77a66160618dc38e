/* Drives src/bundle from test/test_bundle.py. One command a run; 0 and JSON on stdout, or 1 and the
 * message on stderr.
 *
 *	npy-copy IN OUT                      read, write
 *	npy-view IN OUT PERM STEPS           dims permuted, every STEPS[i]-th element of the new dim i: "2,0,1" "1,2,1"
 *	view-dir IN DIR PERM STEPS NAME      the same view as the one tensor of a directory
 *	load DIR                             a summary
 *	resave DIR DIR2 [no-text] [no-weights] [files]     files: hand the tensors over as open files
 *	alloc DIR DIR2                       load and save with the 1st, 2nd, ... allocation failing, until both succeed */
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle/bundle.h"

static int report(bool ok, Err *e)
{
	if (!ok) fprintf(stderr, "%s\n", err_msg(e));
	err_clear(e);
	return ok ? 0 : 1;
}

static void read_list(const char *s, int n, int64_t *out)
{
	for (int i = 0; i < n; i++) {
		char *end;
		out[i] = strtoll(s, &end, 10);
		s = *end ? end + 1 : end;
	}
}

static bool read_view(Arena *a, FileMap *m, char **arg, NpyArray *v, Err *e)
{
	NpyArray x;
	if (!map_file(m, arg[0], e) || !npy_read(a, m->p, m->n, &x, e)) return false;
	int64_t perm[NPY_MAX_RANK], step[NPY_MAX_RANK];
	read_list(arg[2], x.rank, perm);
	read_list(arg[3], x.rank, step);
	int64_t *dim = NEW(a, int64_t, x.rank), *stride = NEW(a, int64_t, x.rank);
	for (int i = 0; i < x.rank; i++) {
		dim[i] = (x.dim[perm[i]] + step[i] - 1) / step[i];
		stride[i] = x.stride[perm[i]] * step[i];
	}
	*v = x;
	v->dim = dim;
	v->stride = stride;
	return true;
}

static bool save_view(const char *dir, const char *name, const NpyArray *x, Err *e)
{
	BundleTensor t = { .name = name, .array = *x };
	Signature s = { .dtype = x->dtype, .rank = x->rank, .dim = x->dim };
	Location l = { LOCATION_PARAMETER, -1, name };
	FunctionMeta m = { .name = "forward", .ninput = 1, .input_signature = &s, .input_location = &l };
	BundleFunction f = { m, .bytecode = (const uint8_t *)"ML", .bytecode_nbytes = 2 };
	return bundle_save(dir, &(BundleParts){ .nfunction = 1, .function = &f, .ntensor = 1, .tensor = &t }, e);
}

static bool npy(char **arg, Err *e)
{
	Arena a = { 0 };
	jmp_buf full;
	if (setjmp(full)) return fail(e, NO_MEMORY, "out of memory");
	a.full = &full;
	FileMap m = { 0 };
	NpyArray x;
	bool ok;
	if (!strcmp(arg[0], "npy-copy")) ok = map_file(&m, arg[1], e) && npy_read(&a, m.p, m.n, &x, e);
	else ok = read_view(&a, &m, arg + 1, &x, e);
	if (ok) ok = !strcmp(arg[0], "view-dir") ? save_view(arg[2], arg[5], &x, e) : npy_write_file(arg[2], &x, e);
	unmap_file(&m);
	arena_free(&a);
	return ok;
}

static void print_str(const char *s)
{
	if (!s) { printf("null"); return; }
	putchar('"');
	for (; *s; s++) printf((uint8_t)*s < ' ' || *s == '"' || *s == '\\' ? "\\u%04x" : "%c", (uint8_t)*s);
	putchar('"');
}

static void print_dims(const char *key, int n, const int64_t *dim)
{
	printf(", \"%s\": [", key);
	for (int i = 0; i < n; i++) printf(i ? ", %lld" : "%lld", (long long)dim[i]);
	printf("]");
}

static void print_signature(const Signature *s)
{
	printf("{\"dtype\": ");
	print_str(s->dtype ? dtype_name(s->dtype) : s->other_type);
	print_dims("shape", s->rank, s->dim);
	printf(", \"dynamic\": [");
	for (int i = 0; i < s->ndynamic; i++) printf(i ? ", %d" : "%d", s->dynamic_dim[i]);
	printf("]}");
}

static void print_location(const Location *l)
{
	printf("[%d, %d, ", (int)l->kind, l->position);
	print_str(l->name);
	printf("]");
}

static void print_tensors(const char *key, int n, const BundleTensor *t)
{
	printf(", \"%s\": {", key);
	for (int i = 0; i < n; i++) {
		if (i) printf(", ");
		print_str(t[i].name);
		printf(": {\"dtype\": \"%s\"", dtype_name(t[i].array.dtype));
		print_dims("shape", t[i].array.rank, t[i].array.dim);
		print_dims("stride", t[i].array.rank, t[i].array.stride);
		printf("}");
	}
	printf("}");
}

static void print_function(const Bundle *b, const BundleFunction *f)
{
	const FunctionMeta *m = &f->meta;
	printf("{\"name\": ");
	print_str(m->name);
	printf(", \"version\": ");
	print_str(m->stablehlo_version);
	printf(", \"text\": %zu, \"bytecode\": %zu, \"inputs\": [", f->text_nbytes, f->bytecode_nbytes);
	for (int i = 0; i < m->ninput; i++) {
		printf(i ? ", [" : "[");
		print_location(&m->input_location[i]);
		printf(", ");
		print_signature(&m->input_signature[i]);
		const BundleTensor *t = bundle_argument(b, f, i);
		printf(", ");
		print_str(t ? t->name : NULL);
		printf("]");
	}
	printf("], \"outputs\": [");
	for (int i = 0; i < m->noutput; i++) {
		printf(i ? ", [" : "[");
		print_signature(&m->output_signature[i]);
		printf(", %d, ", m->result ? (int)m->result[i].kind : 0);
		print_str(m->result ? m->result[i].target : NULL);
		printf("]");
	}
	printf("], \"unused\": [");
	for (int i = 0; i < m->nunused; i++) {
		printf(i ? ", [" : "[");
		print_location(&m->unused_input[i].location);
		printf(", ");
		print_signature(&m->unused_input[i].signature);
		printf("]");
	}
	printf("], \"user_inputs\": [");
	for (int i = 0; i < m->nuser_name; i++) { printf(i ? ", " : ""); print_str(m->user_name[i]); }
	printf("], \"in_spec\": ");
	print_str(m->input_pytree_spec);
	printf(", \"out_spec\": ");
	print_str(m->output_pytree_spec);
	printf("}");
}

static bool print_dir(char **arg, Err *e)
{
	Bundle *b = bundle_load(arg[1], e);
	if (!b) return false;
	printf("{\"functions\": [");
	for (int i = 0; i < b->parts.nfunction; i++) {
		if (i) printf(", ");
		print_function(b, &b->parts.function[i]);
	}
	printf("]");
	print_tensors("data", b->parts.ntensor, b->parts.tensor);
	print_tensors("constants", b->parts.nconstant, b->parts.constant);
	printf(", \"default\": ");
	print_str(bundle_function(b, NULL)->meta.name);
	printf("}\n");
	bundle_free(b);
	return true;
}

/* Where a row-major tensor stands in its own file: the bytes before it are the header. */
static const FileRange *open_range(const char *dir, const BundleTensor *t)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/data/%s", dir, t->name);
	static FileRange range[64];
	static int n;
	int fd = open(path, O_RDONLY);
	if (fd < 0 || n == 64) return NULL;
	range[n] = (FileRange){ fd, lseek(fd, 0, SEEK_END) - (off_t)t->array.nbytes };
	return &range[n++];
}

static bool resave(char **arg, Err *e)
{
	Bundle *b = bundle_load(arg[1], e);
	if (!b) return false;
	BundleParts parts = b->parts;
	BundleTensor t[64];
	for (char **o = arg + 3; *o; o++) {
		parts.skip_text = parts.skip_text || !strcmp(*o, "no-text");
		parts.skip_weights = parts.skip_weights || !strcmp(*o, "no-weights");
		if (strcmp(*o, "files") || parts.ntensor > 64) continue;
		memcpy(t, parts.tensor, (size_t)parts.ntensor * sizeof *t);
		for (int i = 0; i < parts.ntensor; i++) t[i].file = open_range(arg[1], &t[i]);
		parts.tensor = t;
	}
	bool ok = bundle_save(arg[2], &parts, e);
	bundle_free(b);
	return ok;
}

static bool alloc(char **arg, Err *e)
{
	long n = 0;
	for (bool ok = false; !ok;) {
		err_clear(e);
		arena_fail_at = ++n;
		ok = resave(arg, e);
		if (!ok && e->code != NO_MEMORY) return false;
		if (!ok && file_exists(arg[2])) return fail(e, IO, "allocation %ld failed and left %s", n, arg[2]);
	}
	arena_fail_at = 0;
	printf("%ld\n", n - 1);
	return true;
}

int main(int n, char **arg)
{
	static const struct { const char *name; int least, most; bool (*run)(char **, Err *); } command[] = {
		{ "npy-copy", 2, 2, npy }, { "npy-view", 4, 4, npy }, { "view-dir", 5, 5, npy },
		{ "load", 1, 1, print_dir }, { "resave", 2, 5, resave }, { "alloc", 2, 2, alloc },
	};
	Err e = { 0 };
	for (size_t i = 0; i < sizeof command / sizeof *command; i++)
		if (n >= 2 && !strcmp(arg[1], command[i].name) && n - 2 >= command[i].least && n - 2 <= command[i].most)
			return report(command[i].run(arg + 1, &e), &e);
	fprintf(stderr, "usage: see the head of bundle_tool.c\n");
	return 2;
}
