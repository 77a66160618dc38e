#include "pt2/zip.h"

#include <limits.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/json.h"
#include "base/reader.h"

enum {
	/* APPNOTE 4.3.7, 4.3.12, 4.3.16 */
	SIG_LOCAL = 0x04034b50, SIG_CENTRAL = 0x02014b50, SIG_END = 0x06054b50,
	SIG_END64 = 0x06064b50, SIG_LOCATOR = 0x07064b50,                              /* 4.3.14, 4.3.15 */
	NLOCAL = 30, NCENTRAL = 46, NEND = 22, NEND64 = 56, NLOCATOR = 20,
	FLAG_ENCRYPTED = 1 | 1 << 6 | 1 << 13,                                         /* 4.4.4 */
	STORED = 0, DEFLATED = 8,                                                      /* 4.4.5 */
	EXTRA_ZIP64 = 1,                                                               /* 4.5.3 */
};

/* Deflate expands at most 1032 times (zlib's technical notes), and no honest archive of weights comes
 * near: all that is inflated together may be 1 GiB, or 16 times the archive if that is more. */
#define MAX_RATIO 1032u
#define FREE_BYTES ((uint64_t)1 << 30)
#define FREE_RATIO 16u

/* ---- central directory --------------------------------------------------------------------------------- */

typedef struct Directory { uint64_t at, nbytes, n; } Directory;

static bool from_end64(Zip *z, size_t locator, Directory *d, Err *e)
{
	Reader r = { .p = z->p, .n = z->n, .what = z->what, .err = e };
	if (!seek(&r, locator + 4)) return false;
	uint32_t disk = get_u32(&r);
	uint64_t at = get_u64(&r);
	uint32_t ndisk = get_u32(&r);
	if (e->code) return false;
	if (disk != 0 || ndisk > 1) return fail(e, UNSUPPORTED, "%s: a zip of several disks", z->what);
	if (at > locator || locator - at < NEND64)
		return fail(e, BAD_INPUT, "%s: ZIP64 end record at offset %llu, its locator at %zu", z->what,
			(unsigned long long)at, locator);
	r.at = (size_t)at;
	if (get_u32(&r) != SIG_END64)
		return fail(e, BAD_INPUT, "%s: no ZIP64 end record at offset %llu", z->what, (unsigned long long)at);
	get(&r, 8 + 2 + 2);
	uint32_t this_disk = get_u32(&r), start_disk = get_u32(&r);
	uint64_t here = get_u64(&r);
	d->n = get_u64(&r);
	d->nbytes = get_u64(&r);
	d->at = get_u64(&r);
	if (e->code) return false;
	if (this_disk || start_disk || here != d->n)
		return fail(e, UNSUPPORTED, "%s: a zip of several disks", z->what);
	return true;
}

static bool from_end(Zip *z, size_t end, Directory *d, Err *e)
{
	Reader r = { .p = z->p, .n = z->n, .at = end + 4, .what = z->what, .err = e };
	uint16_t disk = get_u16(&r), start_disk = get_u16(&r), here = get_u16(&r);
	d->n = get_u16(&r);
	d->nbytes = get_u32(&r);
	d->at = get_u32(&r);
	if (e->code) return false;

	size_t limit = end;
	Reader at64 = { .p = z->p, .n = z->n, .at = end - NLOCATOR, .what = z->what, .err = e };
	if (end >= NLOCATOR && get_u32(&at64) == SIG_LOCATOR) {
		limit = end - NLOCATOR;
		if (!from_end64(z, limit, d, e)) return false;
	} else if (disk || start_disk || here != d->n) {
		return fail(e, UNSUPPORTED, "%s: a zip of several disks", z->what);
	}
	if (d->at > limit || d->nbytes > limit - d->at || d->n > d->nbytes / NCENTRAL)
		return fail(e, BAD_INPUT,
			"%s: central directory of %llu entries in %llu bytes at offset %llu does not fit before offset %zu",
			z->what, (unsigned long long)d->n, (unsigned long long)d->nbytes, (unsigned long long)d->at,
				limit);
	return true;
}

/* The end record is the last 22 bytes, or stands before a comment that ends the file. */
static bool find_end(const Zip *z, size_t *end, Err *e)
{
	for (size_t comment = 0; comment <= 0xffff && comment + NEND <= z->n; comment++) {
		size_t at = z->n - NEND - comment;
		const uint8_t *p = z->p + at;
		if (p[0] != 'P' || p[1] != 'K' || p[2] != 5 || p[3] != 6) continue;
		if ((size_t)(p[20] | p[21] << 8) != comment) continue;
		*end = at;
		return true;
	}
	return fail(e, BAD_INPUT, "%s: not a zip archive, or cut short: no end record in %zu bytes", z->what,
		z->n);
}

/* The ZIP64 field holds, in this order, those of size, packed size and header offset that read 0xffffffff. */
static bool read_extra(Reader *r, size_t n, ZipEntry *x)
{
	size_t end = r->at + n;
	while (!r->err->code && end - r->at >= 4) {
		uint16_t id = get_u16(r), size = get_u16(r);
		if (size > end - r->at)
			return fail(r->err, BAD_INPUT, "%s: '%s': extra field runs over its end", r->what, x->name);
		size_t next = r->at + size;
		uint64_t *field[] = { &x->nbytes, &x->packed, &x->header };
		for (int i = 0; id == EXTRA_ZIP64 && i < 3; i++) {
			if (*field[i] != UINT32_MAX) continue;
			if (next - r->at < 8)
				return fail(r->err, BAD_INPUT, "%s: '%s': ZIP64 field is too short", r->what, x->name);
			*field[i] = get_u64(r);
		}
		r->at = next;
	}
	r->at = end;
	return !r->err->code;
}

static bool check_entry(const Zip *z, const ZipEntry *x, uint16_t flags, uint16_t method, uint16_t disk,
	Err *e)
{
	if (flags & FLAG_ENCRYPTED) return fail(e, UNSUPPORTED, "%s: '%s' is encrypted", z->what, x->name);
	if (method != STORED && method != DEFLATED)
		return fail(e, UNSUPPORTED, "%s: '%s' is compressed by method %d, only stored (0) and deflated (8) are read",
			z->what, x->name, method);
	if (disk != 0 && disk != 0xffff)
		return fail(e, UNSUPPORTED, "%s: '%s' lies on disk %d", z->what, x->name, disk);
	if (method == STORED && x->packed != x->nbytes)
		return fail(e, BAD_INPUT, "%s: stored '%s' has %llu bytes packed and %llu unpacked", z->what, x->name,
			(unsigned long long)x->packed, (unsigned long long)x->nbytes);
	if (x->header > z->directory || z->directory - x->header < NLOCAL || x->packed > z->directory - x->header - NLOCAL)
		return fail(e, BAD_INPUT, "%s: '%s': %llu bytes at offset %llu run into the central directory at %zu",
			z->what, x->name, (unsigned long long)x->packed, (unsigned long long)x->header, z->directory);
	if (x->nbytes / MAX_RATIO > x->packed)
		return fail(e, BAD_INPUT, "%s: '%s' claims %llu bytes from %llu: more than deflate can give", z->what, x->name,
			(unsigned long long)x->nbytes, (unsigned long long)x->packed);
	return true;
}

static bool read_entry(Zip *z, Reader *r)
{
	ZipEntry x = { 0 };
	if (get_u32(r) != SIG_CENTRAL)
		return fail(r->err, BAD_INPUT, "%s: no central directory entry at offset %zu", z->what, r->at - 4);
	get(r, 2 + 2);
	uint16_t flags = get_u16(r), method = get_u16(r);
	get(r, 4);
	x.crc = get_u32(r);
	x.packed = get_u32(r);
	x.nbytes = get_u32(r);
	x.deflated = method == DEFLATED;
	uint16_t nname = get_u16(r), nextra = get_u16(r), ncomment = get_u16(r), disk = get_u16(r);
	get(r, 2 + 4);
	x.header = get_u32(r);
	const char *name = (const char *)get(r, nname);
	if (r->err->code) return false;
	x.name = arena_str(z->arena, name, nname);
	x.nname = nname;
	if (!nname || memchr(name, 0, nname) || !is_utf8(name, nname))
		return fail(r->err, BAD_INPUT, "%s: the entry name at offset %zu is empty, has a NUL or is not UTF-8",
			z->what, r->at - nname);
	if (nextra > r->n - r->at) return get(r, nextra) != NULL;
	if (!read_extra(r, nextra, &x) || (ncomment && !get(r, ncomment))) return false;
	if (!check_entry(z, &x, flags, method, disk, r->err)) return false;
	if (map_set(&z->by_name, x.name, nname, z->entry.n) >= 0)
		return fail(r->err, BAD_INPUT, "%s: two entries are named '%s'", z->what, x.name);
	*push(z->arena, &z->entry) = x;
	return true;
}

bool zip_open(Zip *z, Arena *a, const uint8_t *p, size_t n, const char *what, Err *e)
{
	*z = (Zip){ .arena = a, .p = p, .n = n, .what = what, .by_name.arena = a };
	size_t end = 0;
	Directory d = { 0 };
	if (!find_end(z, &end, e) || !from_end(z, end, &d, e)) return false;
	z->directory = (size_t)d.at;
	Reader r = { .p = p, .n = (size_t)(d.at + d.nbytes), .at = (size_t)d.at, .what = what, .err = e };
	for (uint64_t i = 0; i < d.n; i++) if (!read_entry(z, &r)) return false;
	return true;
}

ZipEntry *zip_find(const Zip *z, const char *name)
{
	int i = map_get(&z->by_name, name, strlen(name));
	return i < 0 ? NULL : &z->entry.v[i];
}

/* ---- an entry's bytes ---------------------------------------------------------------------------------- */

/* The data begins behind the local header, whose name must be the directory's and whose extra field may
 * differ. */
static const uint8_t *packed_bytes(const Zip *z, const ZipEntry *x, Err *e)
{
	Reader r = { .p = z->p, .n = z->directory, .at = (size_t)x->header, .what = z->what, .err = e };
	if (get_u32(&r) != SIG_LOCAL) {
		fail(e, BAD_INPUT, "%s: '%s': no local header at offset %llu", z->what, x->name,
			(unsigned long long)x->header);
		return NULL;
	}
	get(&r, NLOCAL - 4 - 2 - 2);
	uint16_t nname = get_u16(&r), nextra = get_u16(&r);
	const uint8_t *name = get(&r, nname);
	if (!name || nname != x->nname || memcmp(name, x->name, nname)) {
		fail(e, BAD_INPUT, "%s: '%s': the local header has another name", z->what, x->name);
		return NULL;
	}
	get(&r, nextra);
	return get(&r, (size_t)x->packed);
}

static bool inflate_into(z_stream *s, uint8_t *out, const uint8_t *in, const ZipEntry *x)
{
	uint64_t nin = x->packed, nout = x->nbytes;
	int rc = Z_OK;
	s->next_in = in;
	s->next_out = out;
	while (rc == Z_OK) {
		if (!s->avail_in) nin -= s->avail_in = nin > UINT_MAX ? UINT_MAX : (unsigned)nin;
		if (!s->avail_out) nout -= s->avail_out = nout > UINT_MAX ? UINT_MAX : (unsigned)nout;
		rc = inflate(s, Z_NO_FLUSH);
	}
	return rc == Z_STREAM_END && !nin && !nout && !s->avail_in && !s->avail_out;
}

static bool inflate_entry(Zip *z, ZipEntry *x, const uint8_t *in, Err *e)
{
	uint64_t limit = z->n > FREE_BYTES / FREE_RATIO ? (uint64_t)z->n * FREE_RATIO : FREE_BYTES;
	if (x->nbytes > limit - z->inflated)
		return fail(e, UNSUPPORTED, "%s: '%s' would bring what is inflated to over %llu bytes", z->what, x->name,
			(unsigned long long)limit);
	z->inflated += x->nbytes;
	uint8_t *out = arena_alloc(z->arena, (size_t)x->nbytes, 1);
	z_stream s = { 0 };
	if (inflateInit2(&s, -MAX_WBITS) != Z_OK) return fail(e, NO_MEMORY, "out of memory");
	bool ok = inflate_into(&s, out, in, x);
	inflateEnd(&s);
	if (!ok)
		return fail(e, BAD_INPUT, "%s: '%s' does not inflate to its %llu bytes", z->what, x->name,
			(unsigned long long)x->nbytes);
	x->bytes = out;
	return true;
}

bool zip_read(Zip *z, ZipEntry *x, ZipCheck check, Err *e)
{
	if (x->bytes) return true;
	const uint8_t *in = packed_bytes(z, x, e);
	if (!in) return false;
	if (!x->deflated) x->bytes = in;
	else if (!inflate_entry(z, x, in, e)) return false;
	if (!x->deflated && check == ZIP_QUICK) return true;
	uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), x->bytes, (size_t)x->nbytes);
	if (crc != x->crc)
		return fail(e, BAD_INPUT, "%s: '%s' is damaged: its CRC-32 is %08x, recorded is %08x", z->what, x->name,
			(unsigned)crc, (unsigned)x->crc);
	return true;
}
