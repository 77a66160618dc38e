/* NumPy's .npy (numpy/lib/format.py, "Format Version 1.0" to "3.0"): one array in a file.
 *
 *	"\x93NUMPY"  u8 major  u8 minor  u16 (1.0) or u32 (2.0, 3.0) header length, little-endian
 *	header: a Python dict, {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, spaces and one newline up to
 *	        a multiple of 64 bytes from the start of the file
 *	the elements, row-major, or column-major where fortran_order is True
 *
 * The reader takes all three versions and both orders; it refuses, by name, big-endian data, structured,
 * string, date and object types, and any file whose size is not what its header says. The writer writes
 * version 1.0, byte for byte what numpy.save writes for the same array and strides.
 *
 *	FileMap m;  NpyArray x;
 *	map_file(&m, "x.npy", e) && npy_read(&arena, m.p, m.n, &x, e)        x.data points into m
 *
 * NumPy itself has no bfloat16 and no 8-bit floats. ml_dtypes, which gives it them, writes opaque bytes:
 * '<V2' for bfloat16, '<V1' for every 8-bit float but float8_e5m2, which it writes as '<f1' and nobody can
 * read back. We write '<V1' for that one too and read all three spellings ('<', '|' and '<f1'). */
#ifndef BUNDLE_NPY_H
#define BUNDLE_NPY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/dtype.h"
#include "base/err.h"

enum { NPY_MAX_RANK = 64 };     /* NumPy's own limit */

/* Borrowed bytes and how the elements lie in them. */
typedef struct NpyArray {
	DType dtype;                /* DTYPE_none: opaque bytes; '<V1' may be any 8-bit float, see npy_is() */
	size_t itemsize;            /* bytes of an element; 0 in an array to write: what dtype says */
	int rank;
	const int64_t *dim;         /* [rank] */
	const int64_t *stride;      /* [rank] in elements, >= 0; NULL: row-major */
	const uint8_t *data;        /* the first element, little-endian */
	size_t nbytes;              /* readable from data on */
} NpyArray;

/* Reads the header of p[0..n) and points out into it; dim and stride stand in the arena. */
bool npy_read(Arena *a, const uint8_t *p, size_t n, NpyArray *out, Err *e);

/* Writes a file (base/file.h: beside, then renamed; "-" is standard output). Any strides. */
bool npy_write_file(const char *path, const NpyArray *x, Err *e);

/* The parts of a writer, for those who bring their own output.
 *	npy_check   dims, strides and bytes agree and there is a descr for the type
 *	npy_header  what stands before the elements
 *	npy_order   whether the elements can go out as they lie, from data on, else they must be packed
 *	npy_pack    elements [first, first + count), counted row-major, to out
 *	npy_block   as many elements from `first` on as fit into out[0..room); how many, 0 past the last */
bool npy_check(const NpyArray *x, Err *e);
void npy_header(Buf *b, const NpyArray *x);
typedef enum NpyOrder { NPY_ROW_MAJOR, NPY_COLUMN_MAJOR, NPY_STRIDED } NpyOrder;
NpyOrder npy_order(const NpyArray *x);
void npy_pack(const NpyArray *x, size_t first, size_t count, uint8_t *out);
size_t npy_block(const NpyArray *x, size_t first, uint8_t *out, size_t room);

size_t npy_itemsize(const NpyArray *x);
size_t npy_count(const NpyArray *x);        /* of a checked array */

/* Settles an opaque array's type: true, with x->dtype set, when x is of type t or opaque and as wide. */
bool npy_is(NpyArray *x, DType t);

/* "float32[2,3]" for messages; "2-byte opaque[3]". */
const char *npy_str(Arena *a, const NpyArray *x);

#endif
