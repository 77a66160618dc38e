#include <errno.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include "base/out.h"
#include "bundle/meta.h"
#include "bundle/safetensors.h"

typedef struct Save {
	Arena a;
	const char *dir;            /* where it will stand; what messages name */
	char *tmp;                  /* where it is written */
	Err *e;
} Save;

/* One file under the directory: "data", "fc.weight". */
static bool open_file(Out *o, Save *s, const char *sub, const char *name)
{
	const char *path = arena_printf(&s->a, "%s/%s/%s", s->tmp, sub, name);
	return out_open(o, path, arena_printf(&s->a, "%s/%s/%s", s->dir, sub, name), s->e);
}

/* Lets the system copy up to n bytes from an open file; what it would not copy is left to out_write(). */
static size_t out_copy(Out *o, const FileRange *from, size_t n)
{
	off_t at = from->at;
	size_t left = n;
	while (left) {
		ssize_t k = copy_file_range(from->fd, &at, o->fd, NULL, left < (1u << 30) ? left : (1u << 30), 0);
		if (k < 0 && errno == EINTR) continue;
		if (k <= 0) break;
		left -= (size_t)k;
		o->n += (uint64_t)k;
	}
	return n - left;
}

/* Strided elements go out in blocks: a tensor of any size costs one block of memory. */
static bool out_packed(Out *o, const NpyArray *x)
{
	uint8_t block[1 << 16];
	for (size_t at = 0, n; (n = npy_block(x, at, block, sizeof block)) > 0; at += n)
		if (!out_write(o, block, n * npy_itemsize(x))) return false;
	return true;
}

bool out_elements(Out *o, const BundleTensor *t, bool by_column)
{
	const NpyArray *x = &t->array;
	NpyOrder order = npy_order(x);
	if (order == NPY_STRIDED || (order == NPY_COLUMN_MAJOR && !by_column)) return out_packed(o, x);
	size_t n = npy_count(x) * npy_itemsize(x), done = t->file ? out_copy(o, t->file, n) : 0;
	return out_write(o, x->data + done, n - done);
}

static bool out_array(Out *o, const BundleTensor *t)
{
	const NpyArray *x = &t->array;
	Buf head = { 0 };
	npy_header(&head, x);
	bool ok = head.failed ? fail(o->e, NO_MEMORY, "out of memory") : out_write(o, head.p, head.n);
	buf_free(&head);
	return ok && out_elements(o, t, true);
}

static bool save_tensor(Save *s, const char *sub, const char *name, const BundleTensor *t)
{
	Out o;
	if (!npy_check(&t->array, s->e)) return err_at(s->e, "%s/%s/%s", s->dir, sub, name);
	return open_file(&o, s, sub, name) && out_close(&o, out_array(&o, t));
}

static bool same_array(const NpyArray *x, const NpyArray *y)
{
	bool same = x->data == y->data && x->dtype == y->dtype && x->itemsize == y->itemsize && x->rank == y->rank;
	for (int i = 0; same && i < x->rank; i++)
		same = x->dim[i] == y->dim[i] && (!x->stride == !y->stride) && (!x->stride || x->stride[i] == y->stride[i]);
	return same;
}

int *same_tensors(Arena *a, const BundleTensor *t, int n)
{
	Map by_start = { .arena = a };
	int *same = NEW(a, int, n + 1);
	for (int i = 0; i < n; i++) {
		const uint8_t *start = t[i].array.data;
		int first = start ? map_get(&by_start, (const char *)&start, sizeof start) : -1;
		same[i] = first >= 0 && same_array(&t[first].array, &t[i].array) ? first : -1;
		if (start && first < 0) map_set(&by_start, (const char *)&start, sizeof start, i);
	}
	return same;
}

/* A tensor with two names (tied weights) is one file with two: a hard link. Where the file system has none it is written twice. */
static bool link_tensor(Save *s, const BundleTensor *from, const BundleTensor *t)
{
	return link(arena_printf(&s->a, "%s/data/%s", s->tmp, from->name), arena_printf(&s->a, "%s/data/%s", s->tmp, t->name)) == 0;
}

static bool save_data(Save *s, const BundleParts *parts)
{
	const int *same = same_tensors(&s->a, parts->tensor, parts->ntensor);
	for (int i = 0; i < parts->ntensor; i++) {
		const BundleTensor *t = &parts->tensor[i];
		if (same[i] >= 0 && link_tensor(s, &parts->tensor[same[i]], t)) continue;
		if (!save_tensor(s, "data", t->name, t)) return false;
	}
	return true;
}

static bool save_safetensors(Save *s, const BundleParts *parts)
{
	Out o;
	const char *shown = arena_printf(&s->a, "%s/" SAFETENSORS_NAME, s->dir);
	for (int i = 0; i < parts->ntensor; i++)
		if (!npy_check(&parts->tensor[i].array, s->e)) return err_at(s->e, "%s: %s", shown, parts->tensor[i].name);
	return out_open(&o, arena_printf(&s->a, "%s/" SAFETENSORS_NAME, s->tmp), shown, s->e)
	    && (out_close(&o, safetensors_write(&o, &s->a, parts->tensor, parts->ntensor)) || err_at(s->e, "%s", shown));
}

static bool save_bytes(Save *s, const char *name, const uint8_t *p, size_t n)
{
	Out o;
	return open_file(&o, s, "functions", name) && out_close(&o, out_write(&o, p, n));
}

typedef void WriteJson(Buf *b, const FunctionMeta *m);

static bool save_json(Save *s, const char *name, WriteJson *write_json, const FunctionMeta *m)
{
	Buf b = { 0 };
	write_json(&b, m);
	bool ok = b.failed ? fail(s->e, NO_MEMORY, "out of memory") : save_bytes(s, name, b.p, b.n);
	buf_free(&b);
	return ok;
}

static const char *name_of(Save *s, const FunctionMeta *m, const char *suffix)
{
	return arena_printf(&s->a, "%s%s", m->name, suffix);
}

static bool save_function(Save *s, const BundleFunction *f, bool text)
{
	const FunctionMeta *m = &f->meta;
	size_t nbytecode = f->bytecode_nbytes, ntext = text ? f->text_nbytes : 0;
	return save_json(s, name_of(s, m, ".meta"), meta_write, m)
	    && (!nbytecode || save_bytes(s, name_of(s, m, ".bytecode"), f->bytecode, nbytecode))
	    && (!ntext || save_bytes(s, name_of(s, m, ".mlir"), f->text, ntext))
	    && (!extra_needed(m) || save_json(s, name_of(s, m, EXTRA_SUFFIX), extra_write, m));
}

/* The order of torch_xla: weights, functions, constants. All three directories are made even when one
 * stays empty; torch_xla lists the last two without asking. */
static bool save_parts(Save *s, const BundleParts *parts)
{
	const char *sub[] = { "functions", "constants", "data" };
	for (int i = 0; i < (parts->skip_weights || parts->safetensors ? 2 : 3); i++)
		if (!make_dir(arena_printf(&s->a, "%s/%s", s->tmp, sub[i]), s->e)) return false;
	if (!parts->skip_weights && !(parts->safetensors ? save_safetensors : save_data)(s, parts)) return false;
	for (int i = 0; i < parts->nfunction; i++)
		if (!save_function(s, &parts->function[i], !parts->skip_text)) return false;
	for (int i = 0; i < parts->nconstant; i++)
		if (!save_tensor(s, "constants", arena_printf(&s->a, "%d", i), &parts->constant[i])) return false;
	return true;
}

static bool check_source(Save *s, const BundleParts *parts)
{
	Map by_name = { .arena = &s->a };
	for (int i = 0; i < parts->ntensor; i++) {
		const char *name = parts->tensor[i].name;
		if (!check_name("tensor", name, s->e)) return err_at(s->e, "%s/data", s->dir);
		if (map_set(&by_name, name, strlen(name), i) >= 0)
			return fail(s->e, BAD_INPUT, "%s/data/%s: two tensors have this name", s->dir, name);
	}
	return check_parts(&s->a, s->dir, parts, &by_name, s->e);
}

/* A frame of its own: what it changes stands in its caller's, where a longjmp leaves it alone. */
static bool save(Save *s, const BundleParts *parts)
{
	jmp_buf full;
	if (setjmp(full)) return fail(s->e, NO_MEMORY, "%s: out of memory", s->dir);
	s->a.full = &full;
	return check_source(s, parts) && (s->tmp = begin_dir(s->dir, s->e)) && save_parts(s, parts);
}

bool bundle_save(const char *dir, const BundleParts *parts, Err *e)
{
	Save s = { .dir = dir, .e = e };
	bool ok = save(&s, parts);
	if (ok) ok = commit_dir(s.tmp, dir, e);
	else abandon_dir(s.tmp);
	arena_free(&s.a);
	return ok;
}
