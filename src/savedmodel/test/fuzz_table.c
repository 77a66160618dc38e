/* libFuzzer: bytes as variables.index. Random ones have no right checksum, so that after a first byte that is odd the rest are
 * the contents of a block (or of two, cut where the second byte says), and the table around them is made here. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "savedmodel/crc32c.h"
#include "savedmodel/read_internal.h"

typedef struct Place { size_t offset, size; } Place;

static void put_varint(Buf *b, size_t v)
{
	for (; v >= 0x80; v >>= 7) put_byte(b, (uint8_t)(v | 0x80));
	put_byte(b, (uint8_t)v);
}

static void put_handle(Buf *b, Place at)
{
	put_varint(b, at.offset);
	put_varint(b, at.size);
}

static Place put_block(Buf *b, const void *p, size_t n)
{
	Place at = { b->n, n };
	put(b, p, n);
	put_byte(b, 0);
	put_le(b, crc32c_mask(crc32c(0, b->p + at.offset, n + 1)), 4);
	return at;
}

/* An entry that is a restart of its own. */
static void put_entry(Buf *b, const char *key, Place at)
{
	Buf value = { 0 };
	put_handle(&value, at);
	put_varint(b, 0);
	put_varint(b, strlen(key));
	put_varint(b, value.n);
	put_str(b, key);
	put(b, value.p, value.n);
	buf_free(&value);
}

static void put_table(Buf *b, const uint8_t *p, size_t n, size_t cut)
{
	Buf index = { 0 };
	put_entry(&index, "m", put_block(b, p, cut));
	size_t second = index.n;
	if (cut < n) put_entry(&index, "\xff\xff", put_block(b, p + cut, n - cut));
	put_le(&index, 0, 4);
	if (cut < n) put_le(&index, second, 4);
	put_le(&index, cut < n ? 2 : 1, 4);
	Place metaindex = put_block(b, "\0\0\0\0\1\0\0\0", 8), at = put_block(b, index.p, index.n);
	size_t footer = b->n;
	put_handle(b, metaindex);
	put_handle(b, at);
	while (b->n < footer + 40) put_byte(b, 0);
	put_le(b, 0xdb4775248b80fb57, 8);
	buf_free(&index);
}

/* -- a data file, for as long as the process lives --------------------------------------------------------- */

static char prefix[64];

static void remove_data(void)
{
	char path[128];
	snprintf(path, sizeof path, "%s.data-00000-of-00001", prefix);
	unlink(path);
	*strrchr(prefix, '/') = 0;
	rmdir(prefix);
}

static void make_data(void)
{
	Err e = { 0 };
	char path[128], zeros[4096] = "";
	strcpy(prefix, "fuzz-table-XXXXXX");
	if (!mkdtemp(prefix)) abort();
	strcat(prefix, "/v");
	snprintf(path, sizeof path, "%s.data-00000-of-00001", prefix);
	if (!write_file(path, zeros, sizeof zeros, &e)) abort();
	atexit(remove_data);
}

/* -- reading ----------------------------------------------------------------------------------------------- */

static void read_bytes(const uint8_t *p, size_t n)
{
	SavedContents c = { 0 };
	Err e = { 0 };
	Reading r = { .dir = "dir", .out = &c, .e = &e };
	jmp_buf full;
	if (setjmp(full)) abort();
	c.arena.full = r.scratch.full = &full;
	bool ok = read_variables(&r, p, n, prefix);
	if (ok != !e.code || (e.code && !strstr(err_msg(&e), prefix))) abort();
	arena_free(&r.scratch);
	unmap_file(&r.data);
	for (int i = 1; ok && i < c.nvariable; i++)
		if (strcmp(c.variable[i - 1].key, c.variable[i].key) >= 0) abort();
	err_clear(&e);
	arena_free(&c.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (!*prefix) make_data();
	if (n < 2 || !(p[0] & 1)) {
		read_bytes(p, n);
		return 0;
	}
	Buf b = { 0 };
	put_table(&b, p + 2, n - 2, p[1] < n - 2 ? p[1] : n - 2);
	read_bytes(b.p, b.n);
	buf_free(&b);
	return 0;
}
