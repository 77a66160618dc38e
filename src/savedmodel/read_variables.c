/* variables/: a tensor bundle (tensorflow/core/util/tensor_bundle). The index is a table: under "" a
 * BundleHeaderProto, under each tensor's name a BundleEntryProto that says in which data file ("shard"),
 * where and how long its bytes are.
 *
 * A partitioned variable has an entry with the whole shape and no bytes, and an entry for each slice under a
 * key that begins with a zero byte: that byte, the variable's name, a zero and a one byte, and which slice it
 * is (tensorflow/core/util/saved_tensor_slice_util.cc).
 *
 * The scalar string tensor _CHECKPOINTABLE_OBJECT_GRAPH says which variable's name a key stands for. Without
 * it, in what a Saver of TensorFlow 1 wrote, a key is a variable's name. */
#include "read_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/map.h"
#include "savedmodel/crc32c.h"

typedef struct Shard { int32_t number; const char *path; uint64_t nbytes; } Shard;

typedef struct Checkpoint {
	Reading *r;
	const char *prefix, *index;
	int32_t nshard;
	VEC(Shard) shard;        /* that an entry is in */
	Map shard_of;            /* by number */
	Map variable_of;         /* by key */
	const Tfread__BundleEntryProto *objects;
} Checkpoint;

/* -- data files ------------------------------------------------------------------------------------------ */

static bool find_shard(Checkpoint *b, const int32_t *number, Shard *out)
{
	Arena *a = &b->r->scratch;
	int i = map_get(&b->shard_of, (const char *)number, sizeof *number);
	if (i >= 0) return *out = b->shard.v[i], true;
	struct stat st;
	*out = (Shard){ *number, arena_printf(a, "%s.data-%05d-of-%05d", b->prefix, *number, b->nshard), 0 };
	if (stat(out->path, &st)) return fail(b->r->e, IO, "%s: cannot open: %s", out->path, strerror(errno));
	if (!S_ISREG(st.st_mode)) return fail(b->r->e, IO, "%s: is not a regular file", out->path);
	out->nbytes = (uint64_t)st.st_size;
	map_set(&b->shard_of, (const char *)number, sizeof *number, b->shard.n);
	*push(a, &b->shard) = *out;
	return true;
}

static bool check_place(Checkpoint *b, const char *key, const Tfread__BundleEntryProto *m)
{
	Shard s;
	if (m->shard_id < 0 || m->shard_id >= b->nshard)
		return fail(b->r->e, BAD_INPUT, "%s: '%s' is in data file %d, and there are %d", b->index, key,
			m->shard_id, b->nshard);
	if (m->offset < 0 || m->size < 0)
		return fail(b->r->e, BAD_INPUT, "%s: '%s' is at %lld and %lld bytes long", b->index, key,
			(long long)m->offset, (long long)m->size);
	if (!find_shard(b, &m->shard_id, &s)) return false;
	uint64_t offset = (uint64_t)m->offset, size = (uint64_t)m->size;
	if (size <= s.nbytes && offset <= s.nbytes - size) return true;
	return fail(b->r->e, BAD_INPUT, "%s: is cut short: '%s' has %llu bytes at offset %llu, and the file has %llu",
		s.path, key, (unsigned long long)size, (unsigned long long)offset, (unsigned long long)s.nbytes);
}

/* -- entries --------------------------------------------------------------------------------------------- */

static const void *entry_message(Checkpoint *b, const ProtobufCMessageDescriptor *d, const TableEntry *t)
{
	const char *what = arena_printf(&b->r->scratch, "%s: the value of '%s'", b->index, t->key);
	return unpack(&b->r->scratch, d, t->value, t->nvalue, what, b->r->e);
}

static bool read_header(Checkpoint *b, const Table *t)
{
	Err *e = b->r->e;
	if (!t->n || t->v[0].nkey)
		return fail(e, BAD_INPUT, "%s: has no header, which is the entry with the key ''", b->index);
	const Tfread__BundleHeaderProto *h = entry_message(b, &tfread__bundle_header_proto__descriptor, &t->v[0]);
	if (!h) return false;
	if (h->endianness)
		return fail(e, UNSUPPORTED, "%s: was written by a big-endian machine, which is not read", b->index);
	if (h->num_shards < 0) return fail(e, BAD_INPUT, "%s: tells of %d data files", b->index, h->num_shards);
	b->nshard = h->num_shards;
	return true;
}

/* Elements of a fixed size lie there one after the other. */
static bool check_size(Checkpoint *b, const SavedTensor *t)
{
	uint64_t n = dtype_nbytes(t->dtype);
	if (t->rank < 0) return fail(b->r->e, BAD_INPUT, "%s: '%s' is of unknown rank", b->index, t->key);
	for (int i = 0; i < t->rank; i++)
		if (t->dim[i] < 0 || __builtin_mul_overflow(n, (uint64_t)t->dim[i], &n))
			return fail(b->r->e, BAD_INPUT, "%s: '%s' has a shape that no tensor has", b->index, t->key);
	if (!t->dtype || n == t->nbytes) return true;
	return fail(b->r->e, BAD_INPUT, "%s: '%s' has %llu bytes, and its shape wants %llu", b->index, t->key,
		(unsigned long long)t->nbytes, (unsigned long long)n);
}

static bool read_variable(Checkpoint *b, const TableEntry *from, const Tfread__BundleEntryProto *m,
	SavedTensor *v)
{
	*v = (SavedTensor){ .key = arena_str(&b->r->out->arena, from->key, from->nkey), .name = "" };
	if (memchr(from->key, 0, from->nkey))
		return fail(b->r->e, BAD_INPUT, "%s: the key '%s' has a zero byte in it", b->index, v->key);
	if (!set_type(b->r, v, m->dtype, m->shape)) return err_at(b->r->e, "%s", b->index);
	v->nbytes = (uint64_t)m->size;
	return m->n_slices || (check_place(b, v->key, m) && check_size(b, v));
}

/* Its bytes are the variable's. */
static bool add_slice(Checkpoint *b, const TableEntry *t)
{
	const char *name = t->key + 1, *end = t->nkey > 2 ? memmem(name, t->nkey - 1, "\0\1", 2) : NULL;
	int i = end ? map_get(&b->variable_of, name, (size_t)(end - name)) : -1;
	if (i < 0)
		return fail(b->r->e, BAD_INPUT, "%s: a slice of '%s', which is no variable", b->index, end ? name : "");
	const Tfread__BundleEntryProto *m = entry_message(b, &tfread__bundle_entry_proto__descriptor, t);
	SavedTensor *v = &b->r->out->variable[i];
	if (!m || !check_place(b, v->key, m)) return false;
	v->nbytes += (uint64_t)m->size;
	return true;
}

static bool is_slice(const TableEntry *t) { return t->nkey && !t->key[0]; }

static bool read_entries(Checkpoint *b, const Table *t)
{
	SavedContents *c = b->r->out;
	c->variable = NEW(&c->arena, SavedTensor, t->n);
	for (int i = 1; i < t->n; i++) {
		if (is_slice(&t->v[i])) continue;
		const Tfread__BundleEntryProto *m = entry_message(b, &tfread__bundle_entry_proto__descriptor, &t->v[i]);
		SavedTensor *v = &c->variable[c->nvariable];
		if (!m || !read_variable(b, &t->v[i], m, v)) return false;
		if (!strcmp(v->key, OBJECT_GRAPH_KEY)) b->objects = m;
		else map_set(&b->variable_of, v->key, strlen(v->key), c->nvariable++);
	}
	for (int i = 1; i < t->n; i++)
		if (is_slice(&t->v[i]) && !add_slice(b, &t->v[i])) return false;
	return true;
}

/* -- names ----------------------------------------------------------------------------------------------- */

static uint32_t get_crc(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A scalar string: its length as a varint, a masked CRC-32C of the length as 4 bytes, the bytes. The entry's
 * own CRC is over the length as 4 bytes, the first CRC as it stands there, and the bytes. */
static bool read_string(const uint8_t *p, size_t n, uint32_t crc, const uint8_t **s, size_t *ns)
{
	uint64_t size = 0;
	size_t at = 0;
	for (int shift = 0; at < n && shift < 35; shift += 7) {
		size |= (uint64_t)(p[at] & 0x7f) << shift;
		if (!(p[at++] & 0x80)) break;
	}
	if (n - at < 4 || size != n - at - 4 || size > UINT32_MAX) return false;
	uint8_t length[4] = { (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24) };
	uint32_t sum = crc32c(0, length, 4);
	if (crc32c_mask(sum) != get_crc(p + at)) return false;
	*s = p + at + 4;
	*ns = (size_t)size;
	return crc32c_mask(crc32c(crc32c(sum, p + at, 4), *s, *ns)) == crc;
}

static void name_variables(Checkpoint *b, const Tfread__TrackableObjectGraph *g)
{
	SavedContents *c = b->r->out;
	for (size_t i = 0; i < g->n_nodes; i++)
		for (size_t k = 0; k < g->nodes[i]->n_attributes; k++) {
			const Tfread__SerializedTensor *t = g->nodes[i]->attributes[k];
			int v = map_get(&b->variable_of, t->checkpoint_key, strlen(t->checkpoint_key));
			if (v >= 0) c->variable[v].name = arena_str(&c->arena, t->full_name, strlen(t->full_name));
		}
}

static bool read_objects(Checkpoint *b)
{
	Reading *r = b->r;
	const Tfread__BundleEntryProto *m = b->objects;
	const uint8_t *s;
	size_t n;
	Shard shard;
	if (m->dtype != DT_STRING || (m->shape && m->shape->n_dim) || m->n_slices)
		return fail(r->e, BAD_INPUT, "%s: '%s' is no scalar string", b->index, OBJECT_GRAPH_KEY);
	if (!find_shard(b, &m->shard_id, &shard) || !map_file(&r->data, shard.path, r->e)) return false;
	/* The file may be another by now than the one whose size was looked at. */
	if ((uint64_t)m->size > r->data.n || (uint64_t)m->offset > r->data.n - (uint64_t)m->size)
		return fail(r->e, BAD_INPUT, "%s: is cut short", shard.path);
	if (!read_string(r->data.p + m->offset, (size_t)m->size, m->crc32c, &s, &n))
		return fail(r->e, BAD_INPUT, "%s: offset %lld: '%s' is damaged: its length or a checksum is wrong",
			shard.path, (long long)m->offset, OBJECT_GRAPH_KEY);
	const char *what = arena_printf(&r->scratch, "%s: '%s'", shard.path, OBJECT_GRAPH_KEY);
	const ProtobufCMessageDescriptor *d = &tfread__trackable_object_graph__descriptor;
	const Tfread__TrackableObjectGraph *g = unpack(&r->scratch, d, s, n, what, r->e);
	if (g) name_variables(b, g);
	return g != NULL;
}

bool read_variables(Reading *r, const uint8_t *p, size_t n, const char *prefix)
{
	Arena *a = &r->scratch;
	Checkpoint b = { .r = r, .prefix = prefix, .index = arena_printf(a, "%s.index", prefix),
		.shard_of.arena = a, .variable_of.arena = a };
	Table t;
	if (!table_read(a, p, n, b.index, &t, r->e) || !read_header(&b, &t) || !read_entries(&b, &t)) return false;
	if (b.objects) return read_objects(&b);
	for (int i = 0; i < r->out->nvariable; i++) r->out->variable[i].name = r->out->variable[i].key;
	return true;
}
