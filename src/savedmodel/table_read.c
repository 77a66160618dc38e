/* The sorted table of LevelDB, as TensorFlow has it (tensorflow/core/lib/io/table.cc, format.cc, block.cc):
 *
 *	blocks   block* metaindex index footer
 *	block    contents [type: 1 byte, 0 stored, 1 snappy] [CRC-32C of contents and type, masked: 4]
 *	footer   [handle of metaindex] [of index] [zeros up to 40 bytes] [magic: 8]           48 bytes
 *	handle   [offset: varint] [size of the contents: varint]
 *
 *	contents entry* [offset of an entry: 4]* [how many offsets: 4]
 *	entry    [shared: varint] [own: varint] [nvalue: varint] key value
 *
 * An entry's key is the first `shared` bytes of the key before it, then `own` bytes. At the offsets
 * ("restarts") shared is 0. In the index block a value is the handle of a block, and the key is no less than
 * that block's keys and less than those of the next. */
#include "read_internal.h"

#include <string.h>

#include "savedmodel/crc32c.h"

enum { FOOTER = TABLE_FOOTER_NBYTES, HANDLES = TABLE_HANDLES_NBYTES, TRAILER = 5, STORED = 0, SNAPPY = 1 };

typedef struct Handle { uint64_t offset, size; } Handle;

typedef struct File {
	Arena *arena;
	const uint8_t *p;
	size_t n;
	size_t left;             /* bytes that keys may still take */
	const char *what;
	Err *e;
} File;

typedef struct Block {
	File *file;
	const char *name;        /* "index block", "block" */
	size_t offset;           /* in the file */
	const uint8_t *p;
	size_t n, at;            /* bytes of entries; of them read */
	const uint8_t *restart;  /* the offsets not met yet */
	uint32_t nrestart;
	TableEntry last;
} Block;

static uint64_t le(const uint8_t *p, int nbytes)
{
	uint64_t v = 0;
	for (int i = 0; i < nbytes; i++) v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* false: it does not end before n, or is no 64-bit number. */
static bool get_varint(const uint8_t *p, size_t n, size_t *at, uint64_t *v)
{
	*v = 0;
	for (int shift = 0; shift < 64 && *at < n; shift += 7) {
		uint8_t byte = p[(*at)++];
		if (shift == 63 && byte > 1) return false;
		*v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) return true;
	}
	return false;
}

static bool get_handle(const uint8_t *p, size_t n, size_t *at, Handle *h)
{
	return get_varint(p, n, at, &h->offset) && get_varint(p, n, at, &h->size);
}

/* -- blocks ---------------------------------------------------------------------------------------------- */

static bool block_fail(const Block *b, const char *problem)
{
	return fail(b->file->e, BAD_INPUT, "%s: the %s at offset %zu: entry at %zu: %s", b->file->what, b->name,
		b->offset, b->at, problem);
}

static bool check_block(const File *f, const uint8_t *p, size_t n, const char *name, size_t offset)
{
	uint32_t want = (uint32_t)le(p + n + 1, 4), have = crc32c_mask(crc32c(0, p, n + 1));
	if (want != have)
		return fail(f->e, BAD_INPUT, "%s: the %s at offset %zu is damaged: its CRC-32C is %08x, and %08x is"
			" written there", f->what, name, offset, have, want);
	if (p[n] == SNAPPY)
		return fail(f->e, UNSUPPORTED, "%s: the %s at offset %zu is compressed with snappy, which is not read",
			f->what, name, offset);
	if (p[n] != STORED)
		return fail(f->e, BAD_INPUT, "%s: the %s at offset %zu has compression type %d, wanted 0", f->what, name,
			offset, p[n]);
	return true;
}

static bool open_block(File *f, Handle h, const char *name, Block *b)
{
	size_t room = f->n - FOOTER;
	if (h.size > room || TRAILER > room - h.size || h.offset > room - h.size - TRAILER)
		return fail(f->e, BAD_INPUT, "%s: the %s at offset %llu of %llu bytes does not fit into the %zu bytes"
			" before the footer", f->what, name, (unsigned long long)h.offset, (unsigned long long)h.size, room);
	size_t n = (size_t)h.size, offset = (size_t)h.offset;
	const uint8_t *p = f->p + offset;
	if (!check_block(f, p, n, name, offset)) return false;
	uint64_t nrestart = n < 4 ? 0 : le(p + n - 4, 4);
	if (!nrestart || 4 * (nrestart + 1) > n)
		return fail(f->e, BAD_INPUT, "%s: the %s at offset %zu of %zu bytes has %llu restarts", f->what, name,
			offset, n, (unsigned long long)nrestart);
	size_t entries = n - 4 * ((size_t)nrestart + 1);
	*b = (Block){ f, name, offset, p, entries, .restart = p + entries, .nrestart = (uint32_t)nrestart };
	return true;
}

/* Whether an entry is one that the offsets name; those it takes off. */
static bool is_restart(Block *b)
{
	if (!b->nrestart || le(b->restart, 4) != b->at) return false;
	b->restart += 4;
	b->nrestart--;
	return true;
}

/* At the end all restarts have been met, but the one of a block without entries. */
static bool end_block(const Block *b)
{
	bool empty = !b->n && b->nrestart == 1 && !le(b->restart, 4);
	return !b->nrestart || empty || block_fail(b, "a restart is at no entry");
}

static int compare(const char *a, size_t na, const char *b, size_t nb)
{
	int order = na && nb ? memcmp(a, b, na < nb ? na : nb) : 0;
	return order ? order : (na > nb) - (na < nb);
}

static bool make_key(Block *b, size_t shared, const uint8_t *own, size_t nown, TableEntry *out)
{
	File *f = b->file;
	size_t n = shared + nown;
	if (n > f->left)
		return fail(f->e, BAD_INPUT, "%s: its keys take more than %zu bytes: no real file is like that", f->what,
			memory_limit(f->n));
	f->left -= n;
	char *key = NEW(f->arena, char, n + 1);
	if (shared) memcpy(key, b->last.key, shared);
	memcpy(key + shared, own, nown);
	if (b->last.key && compare(b->last.key, b->last.nkey, key, n) >= 0)
		return block_fail(b, "its key is not greater than the one before it");
	out->key = key;
	out->nkey = n;
	return true;
}

static bool next_entry(Block *b, TableEntry *out)
{
	uint64_t shared, own, nvalue;
	size_t at = b->at;
	bool restart = is_restart(b);
	bool ends = get_varint(b->p, b->n, &at, &shared) && get_varint(b->p, b->n, &at, &own) &&
		get_varint(b->p, b->n, &at, &nvalue);
	if (!ends) return block_fail(b, "its lengths do not end");
	if (shared > b->last.nkey) return block_fail(b, "it shares more bytes than the key before it has");
	if (!b->at && !restart) return block_fail(b, "it is the first, but no restart");
	if (restart && shared) return block_fail(b, "it is a restart, but shares bytes");
	if (own > b->n - at || nvalue > b->n - at - own)
		return block_fail(b, "it is longer than what is left of the block");
	if (!make_key(b, (size_t)shared, b->p + at, (size_t)own, out)) return false;
	out->value = b->p + at + own;
	out->nvalue = (size_t)nvalue;
	b->at = at + (size_t)own + (size_t)nvalue;
	b->last = *out;
	return true;
}

/* -- the table ------------------------------------------------------------------------------------------- */

static bool read_footer(const File *f, Handle *metaindex, Handle *index)
{
	if (f->n < FOOTER)
		return fail(f->e, BAD_INPUT, "%s: %zu bytes are too few for a table, which has a footer of %d", f->what,
			f->n, FOOTER);
	const uint8_t *p = f->p + f->n - FOOTER;
	uint64_t magic = le(p + HANDLES, 8);
	if (magic != TABLE_MAGIC)
		return fail(f->e, BAD_INPUT, "%s: offset %zu: is no table, or one cut short: it ends with %016llx, wanted"
			" %016llx", f->what, f->n - 8, (unsigned long long)magic, (unsigned long long)TABLE_MAGIC);
	size_t at = 0;
	bool ok = get_handle(p, HANDLES, &at, metaindex) && get_handle(p, HANDLES, &at, index);
	while (ok && at < HANDLES) ok = !p[at++];
	return ok || fail(f->e, BAD_INPUT, "%s: offset %zu: the footer is damaged", f->what, f->n - FOOTER);
}

/* Adds a data block's entries, whose keys must go on from those before and not beyond the index's key. */
static bool read_block(File *f, Handle h, const TableEntry *bound, Table *all)
{
	Block b;
	if (!open_block(f, h, "block", &b)) return false;
	if (all->n) b.last = all->v[all->n - 1];
	while (b.at < b.n) {
		TableEntry entry;
		if (!next_entry(&b, &entry)) return false;
		*push(f->arena, all) = entry;
	}
	if (compare(b.last.key, b.last.nkey, bound->key, bound->nkey) > 0)
		return block_fail(&b, "the key before it is beyond the index's");
	return end_block(&b);
}

/* What is in it means nothing to a bundle, but must be as sound as the rest. */
static bool read_metaindex(File *f, Handle h)
{
	Block b;
	TableEntry entry;
	bool ok = open_block(f, h, "metaindex block", &b);
	while (ok && b.at < b.n) ok = next_entry(&b, &entry);
	return ok && end_block(&b);
}

bool table_read(Arena *a, const uint8_t *p, size_t n, const char *what, Table *out, Err *e)
{
	File f = { a, p, n, memory_limit(n), what, e };
	Handle metaindex, at, block;
	Block index;
	*out = (Table){ 0 };
	if (!read_footer(&f, &metaindex, &at) || !read_metaindex(&f, metaindex)) return false;
	if (!open_block(&f, at, "index block", &index)) return false;
	while (index.at < index.n) {
		TableEntry entry;
		size_t end = 0;
		if (!next_entry(&index, &entry)) return false;
		if (!get_handle(entry.value, entry.nvalue, &end, &block) || end != entry.nvalue)
			return block_fail(&index, "the value before it is no handle of a block");
		if (!read_block(&f, block, &entry, out)) return false;
	}
	return end_block(&index);
}
