/* A sorted-string table:
 *
 *	block    entries, then where every 16th of them starts (u32 each), then how many such starts (u32)
 *	entry    varint shared, varint unshared, varint value bytes, unshared bytes of the key, value;
 *	         `shared` bytes of the key are those of the entry before
 *	trailer  behind each block: u8 compression (0: none), u32 masked CRC-32C of block and that byte
 *	table    data blocks, an empty meta-index block, the index block (last key of a block -> its handle)
 *	handle   varint offset, varint size without trailer
 *	footer   handles of meta-index and index, zeros up to 40 bytes, u64 0xdb4775248b80fb57 */
#include "savedmodel/checkpoint.h"

#include <string.h>

#include "savedmodel/crc32c.h"

enum { RESTART_INTERVAL = 16, BLOCK_NBYTES = 256 << 10 };

void put_leb128(Buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7) put_byte(b, (uint8_t)(v | 0x80));
	put_byte(b, (uint8_t)v);
}

/* -- one block ------------------------------------------------------------------------------------------- */

typedef struct Block {
	Buf bytes, restarts;
	int n;
	const char *last;           /* key */
} Block;

static void add(Block *b, const char *key, const void *value, size_t nbytes)
{
	size_t shared = 0, n = strlen(key);
	if (b->n++ % RESTART_INTERVAL == 0) put_le(&b->restarts, b->bytes.n, 4);
	else while (key[shared] && key[shared] == b->last[shared]) shared++;
	put_leb128(&b->bytes, shared);
	put_leb128(&b->bytes, n - shared);
	put_leb128(&b->bytes, nbytes);
	put(&b->bytes, key + shared, n - shared);
	put(&b->bytes, value, nbytes);
	b->last = key;
}

typedef struct Handle { uint64_t at, n; } Handle;

static void put_handle(Buf *b, Handle h)
{
	put_leb128(b, h.at);
	put_leb128(b, h.n);
}

/* Appends the block to the table, and empties it. */
static Handle flush(Buf *out, Block *b)
{
	if (!b->n) put_le(&b->restarts, 0, 4);
	put(&b->bytes, b->restarts.p, b->restarts.n);
	put_le(&b->bytes, b->restarts.n / 4, 4);
	Handle h = { out->n, b->bytes.n };
	put_byte(&b->bytes, 0);
	out->failed = out->failed || b->bytes.failed || b->restarts.failed;
	if (!out->failed) {
		put(out, b->bytes.p, b->bytes.n);
		put_le(out, crc32c_mask(crc32c(0, b->bytes.p, b->bytes.n)), 4);
	}
	buf_free(&b->bytes);
	buf_free(&b->restarts);
	*b = (Block){ 0 };
	return h;
}

/* -- the table ------------------------------------------------------------------------------------------- */

static void add_handle(Block *index, const char *last, Handle h)
{
	Buf b = { 0 };
	put_handle(&b, h);
	if (b.failed) index->bytes.failed = true;
	else add(index, last, b.p, b.n);
	buf_free(&b);
}

void table_write(Buf *out, const TableRow *row, int n)
{
	Block data = { 0 }, index = { 0 }, meta = { 0 };
	for (int i = 0; i < n; i++) {
		add(&data, row[i].key, row[i].value, row[i].nbytes);
		if (data.bytes.n < BLOCK_NBYTES && i + 1 < n) continue;
		const char *last = data.last;
		Handle h = flush(out, &data);
		add_handle(&index, last, h);
	}
	Handle meta_at = flush(out, &meta), index_at = flush(out, &index);
	size_t footer = out->n;
	put_handle(out, meta_at);
	put_handle(out, index_at);
	while (!out->failed && out->n < footer + TABLE_HANDLES_NBYTES) put_byte(out, 0);
	put_le(out, TABLE_MAGIC, 8);
}
