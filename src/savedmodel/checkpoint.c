#include "savedmodel/checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/out.h"
#include "savedmodel/crc32c.h"
#include "savedmodel/graph.h"

/* -- data ------------------------------------------------------------------------------------------------ */

enum { CHUNK = 4 << 20 };

/* Read-only pages of a file can be given back once written: what is resident stays small whatever the
 * weights are. */
static void give_back(const BundleTensor *t, const uint8_t *p, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p / page * page;
	if (t->mapped && n) madvise((void *)from, (uintptr_t)p + n - from, MADV_DONTNEED);
}

static bool write_dense(Out *o, const BundleTensor *t, uint32_t *crc)
{
	size_t left = npy_count(&t->array) * npy_itemsize(&t->array);
	for (const uint8_t *p = t->array.data; left;) {
		size_t n = left < CHUNK ? left : CHUNK;
		*crc = crc32c(*crc, p, n);
		if (!out_write(o, p, n)) return false;
		give_back(t, p, n);
		p += n;
		left -= n;
	}
	return true;
}

static bool write_strided(Out *o, const NpyArray *x, uint32_t *crc)
{
	uint8_t block[1 << 16];
	for (size_t at = 0, n; (n = npy_block(x, at, block, sizeof block)) > 0; at += n) {
		*crc = crc32c(*crc, block, n * npy_itemsize(x));
		if (!out_write(o, block, n * npy_itemsize(x))) return false;
	}
	return true;
}

/* A string tensor of one element: varint length, u32 masked CRC-32C of the length as u32, bytes. The
 * entry's CRC is of the length as u32, that masked CRC and the bytes. */
static bool write_string(Out *o, const Buf *s, uint32_t *crc)
{
	Buf head = { 0 }, sum = { 0 };
	put_leb128(&head, s->n);
	put_le(&sum, s->n, 4);
	bool room = !head.failed && !sum.failed;
	uint32_t length = room ? crc32c_mask(crc32c(0, sum.p, 4)) : 0;
	put_le(&head, length, 4);
	put_le(&sum, length, 4);
	bool ok = room && !head.failed && !sum.failed ? out_write(o, head.p, head.n) && out_write(o, s->p, s->n)
	                                              : fail(o->e, NO_MEMORY, "out of memory");
	if (ok) *crc = crc32c(crc32c(0, sum.p, sum.n), s->p, s->n);
	buf_free(&head);
	buf_free(&sum);
	return ok;
}

/* -- entries --------------------------------------------------------------------------------------------- */

typedef struct Index { Arena *a; int n; TableRow *entry; Err *e; } Index;

static void add_entry(Index *x, const char *key, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *p = NEW(x->a, uint8_t, n + 1);
	protobuf_c_message_pack(m, p);
	x->entry[x->n++] = (TableRow){ key, p, n };
}

static void add_tensor(Index *x, const char *key, int type, Tf__TensorShapeProto *shape, uint64_t at, uint64_t n, uint32_t crc)
{
	Tf__BundleEntryProto e = TF__BUNDLE_ENTRY_PROTO__INIT;
	e.dtype = type;
	e.shape = shape;
	e.offset = (int64_t)at;
	e.size = (int64_t)n;
	e.crc32c = crc32c_mask(crc);
	add_entry(x, key, &e.base);
}

static void add_header(Index *x)
{
	Tf__BundleHeaderProto h = TF__BUNDLE_HEADER_PROTO__INIT;
	h.num_shards = 1;
	h.version = version_message(x->a, 1, 0);
	add_entry(x, "", &h.base);
}

static bool write_variable(const Plan *p, Out *o, const Variable *v, Index *x)
{
	const NpyArray *array = &v->from->array;
	uint64_t at = o->n;
	uint32_t crc = 0;
	if (!npy_check(array, p->e)) return err_at(p->e, "weight '%s'", v->name);
	bool dense = npy_order(array) == NPY_ROW_MAJOR;
	if (dense ? !write_dense(o, v->from, &crc) : !write_strided(o, array, &crc)) return false;
	add_tensor(x, v->key, v->type, shape_message(p->a, array->rank, array->dim), at, o->n - at, crc);
	return true;
}

/* tf.saved_model.load looks up here which key an object's value has. */
static bool write_objects(const Plan *p, Out *o, Index *x)
{
	uint64_t at = o->n;
	uint32_t crc = 0;
	Tf__TrackableObjectGraph *g = checkpoint_objects(p);
	Tf__TensorShapeProto *scalar = shape_message(p->a, 0, NULL);
	Buf b = { 0 };
	put_message(&b, &g->base);
	bool ok = b.failed ? fail(p->e, NO_MEMORY, "out of memory") : write_string(o, &b, &crc);
	buf_free(&b);
	if (ok) add_tensor(x, OBJECT_GRAPH_KEY, DT_STRING, scalar, at, o->n - at, crc);
	return ok;
}

static bool write_data(const Plan *p, Out *o, Index *x)
{
	for (int i = 0; i < p->nvariable; i++)
		if (!write_variable(p, o, &p->variable[i], x)) return false;
	return write_objects(p, o, x);
}

/* -- index ----------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	return strcmp(((const TableRow *)a)->key, ((const TableRow *)b)->key);
}

static bool write_index(const Index *x, Out *o, const char *path, const char *shown, uint32_t *crc)
{
	Buf b = { 0 };
	qsort(x->entry, (size_t)x->n, sizeof *x->entry, by_key);
	table_write(&b, x->entry, x->n);
	bool ok = b.failed ? fail(x->e, NO_MEMORY, "out of memory")
	                   : out_open(o, path, shown, x->e) && out_close(o, out_write(o, b.p, b.n));
	if (ok) *crc = crc32c(0, b.p, b.n);
	buf_free(&b);
	return ok;
}

bool checkpoint_write(const Plan *p, const char *dir, const char *shown, Out *o, uint32_t *crc)
{
	static const char data[] = "variables/variables.data-00000-of-00001", index[] = "variables/variables.index";
	Arena *a = p->a;
	const char *path = arena_printf(a, "%s/%s", dir, index), *name = arena_printf(a, "%s/%s", shown, index);
	Index x = { .a = a, .e = p->e, .entry = NEW(a, TableRow, p->nvariable + 2) };
	add_header(&x);
	return make_dir(arena_printf(a, "%s/variables", dir), p->e)
	    && out_open(o, arena_printf(a, "%s/%s", dir, data), arena_printf(a, "%s/%s", shown, data), p->e)
	    && out_close(o, write_data(p, o, &x))
	    && write_index(&x, o, path, name, crc);
}
