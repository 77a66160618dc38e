/* Models of one file: StableHLO as text or bytecode, whoever wrote it. */
#include "api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool guarded_read(Module *m, const char *name, const void *p, size_t n)
{
	GUARD(&m->arena, m->err, return false);
	bool bytecode = n >= strlen(MLIR_MAGIC) && !memcmp(p, MLIR_MAGIC, strlen(MLIR_MAGIC));
	if (!bytecode && !parse_module(m, name, p, n)) return false;          /* its messages have the name */
	return ((!bytecode || read_bytecode(m, p, n)) && verify(m)) || err_at(m->err, "%s", name);
}

Module *module_of(const char *name, const void *p, size_t n, Err *e)
{
	Module *m = calloc(1, sizeof *m);
	if (!m) return fail(e, NO_MEMORY, "out of memory"), NULL;
	m->err = e;
	m->keep_locs = true;
	if (guarded_read(m, name, p, n)) return m;
	module_free(m);
	free(m);
	return NULL;
}

/* -- what a directory would say of it -------------------------------------------------------------------- */

/* What is no tensor of plain elements has no type here: such a function can be written, but not run. */
static Signature signature_of(Arena *a, Type t)
{
	bool plain = t.kind == TYPE_TENSOR && !t.quant && !t.index;
	int64_t *dim = NEW(a, int64_t, t.rank + 1);
	for (int i = 0; i < t.rank; i++) dim[i] = t.dim[i] < 0 ? -1 : t.dim[i];
	return plain ? (Signature){ .dtype = t.elem, .rank = t.rank, .dim = dim } : (Signature){ .other_type = "" };
}

/* Every argument is the user's. A module in which no function is the main one has no inputs to tell of. */
static const BundleFunction *function_of(Arena *a, const Module *m)
{
	const Func *f = main_function(m);
	Version v = oldest_usable(m);
	int nin = f ? f->narg : 0, nout = f ? f->nres : 0;
	Signature *in = NEW(a, Signature, nin + 1), *out = NEW(a, Signature, nout + 1);
	Location *where = NEW(a, Location, nin + 1);
	BundleFunction *b = NEW(a, BundleFunction, 1);
	for (int i = 0; i < nin; i++) {
		in[i] = signature_of(a, f->arg_type[i]);
		where[i] = (Location){ LOCATION_INPUT_ARG, i, NULL };
	}
	for (int i = 0; i < nout; i++) out[i] = signature_of(a, f->res_type[i]);
	b->meta = (FunctionMeta){ .name = "forward", .ninput = nin, .input_signature = in, .input_location = where,
		.noutput = nout, .output_signature = out,
		.stablehlo_version = arena_printf(a, "%d.%d.%d", v.major, v.minor, v.patch) };
	return b;
}

static bool take_module(tshlo_model *m, Module *of, Err *e)
{
	GUARD(&m->arena, e, return false);
	m->method = NEW(&m->arena, Method, 1);
	load_method(m, m->method, function_of(&m->arena, of));
	m->method->oldest = oldest_usable(of);
	return true;
}

/* Of standard input; to be freed. */
static bool read_input(Buf *b, Err *e)
{
	char part[1 << 16];
	ssize_t n;
	while ((n = read(STDIN_FILENO, part, sizeof part)) > 0) put(b, part, (size_t)n);
	if (n < 0) return fail(e, IO, "standard input: cannot read: %s", strerror(errno));
	return !b->failed || fail(e, NO_MEMORY, "out of memory for what standard input has");
}

static Module *read_module(const char *path, Err *e)
{
	FileMap f = { 0 };
	Buf b = { 0 };
	bool input = !strcmp(path, "-"), there = input ? read_input(&b, e) : map_file(&f, path, e);
	Module *of = !there ? NULL : input ? module_of("<stdin>", b.n ? b.p : (const uint8_t *)"", b.n, e) : module_of(path, f.p, f.n, e);
	unmap_file(&f);
	buf_free(&b);
	return of;
}

bool load_file(tshlo_model *m, const char *path, Err *e)
{
	Module *of = read_module(path, e);
	bool ok = of && take_module(m, of, e);
	if (ok) {
		m->method->module = of;
		m->nmethod = 1;
	} else if (of) {
		module_free(of);
		free(of);
	}
	return ok;
}
