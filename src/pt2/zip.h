/* ZIP archives in memory (APPNOTE.TXT 6.3.10: 4.3 layout, 4.5.3 ZIP64), as far as torch and common zip
 * tools write them.
 *
 *	local header, data, local header, data, ...    30 bytes + name + extra, then the data
 *	central directory                              46 bytes + name + extra + comment for each entry
 *	[ZIP64 end record (56) and its locator (20)]   when a count or an offset does not fit
 *	end record (22) + comment
 *
 * Stored entries are given in place, deflated ones are inflated into the arena once, with their CRC-32
 * checked. Refused: encryption, other methods, several disks, two entries of one name, sizes that
 * contradict each other, and bombs. */
#ifndef PT2_ZIP_H
#define PT2_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"

typedef struct ZipEntry {
	const char *name;           /* NUL-terminated */
	size_t nname;
	uint32_t crc;
	bool deflated;
	uint64_t packed, nbytes;    /* in the file; inflated */
	uint64_t header;            /* offset of its local header */
	const uint8_t *bytes;       /* once read */
} ZipEntry;

/* Borrows the archive's bytes; lives in the arena. */
typedef struct Zip {
	Arena *arena;
	const uint8_t *p;
	size_t n;
	const char *what;           /* the archive in messages, borrowed */
	size_t directory;           /* offset of the central directory: where the last entry's data must end */
	uint64_t inflated;          /* bytes so far */
	VEC(ZipEntry) entry;
	Map by_name;
} Zip;

/* Reads the central directory of p[0..n). */
bool zip_open(Zip *z, Arena *a, const uint8_t *p, size_t n, const char *what, Err *e);

/* The entry, or NULL. */
ZipEntry *zip_find(const Zip *z, const char *name);

/* The entry's bytes. A stored entry's CRC is checked only when asked for: that reads all of it. */
typedef enum ZipCheck { ZIP_QUICK, ZIP_CRC } ZipCheck;
bool zip_read(Zip *z, ZipEntry *entry, ZipCheck check, Err *e);

#endif
