/* Inside the reading side of savedmodel: messages, the index, what both need. */
#ifndef SAVEDMODEL_READ_INTERNAL_H
#define SAVEDMODEL_READ_INTERNAL_H

#include <protobuf-c/protobuf-c.h>

#include "read.pb-c.h"
#include "base/file.h"
#include "savedmodel/format.h"
#include "savedmodel/read.h"

/* -- messages (unpack.c) --------------------------------------------------------------------------------- */

/* A message of p[0..n), all in the arena; NULL on failure, which tells the offset and the fields that lead
 * there. */
void *unpack(Arena *a, const ProtobufCMessageDescriptor *d, const uint8_t *p, size_t n, const char *what,
	Err *e);

/* What the bytes of a hostile file may grow to in memory. A real one needs less: its smallest entries, of some
 * ten bytes, become a struct of a hundred, and keys that share their beginnings are written whole every 16
 * entries. */
static inline size_t memory_limit(size_t nbytes) { return ((size_t)1 << 20) + 64 * nbytes; }

/* -- the index (table_read.c) ---------------------------------------------------------------------------- */

typedef struct TableEntry {
	const char *key;         /* [nkey], and a NUL after it */
	size_t nkey;
	const uint8_t *value;    /* [nvalue], in the table's bytes */
	size_t nvalue;
} TableEntry;

/* In order of their keys, each of which is there once. */
typedef VEC(TableEntry) Table;

/* All entries of p[0..n), with every block's checksum checked. Keys are in the arena. */
bool table_read(Arena *a, const uint8_t *p, size_t n, const char *what, Table *out, Err *e);

/* -- a SavedModel (read.c) ------------------------------------------------------------------------------- */

/* Owns the files; the contents are the caller's. */
typedef struct Reading {
	const char *dir;
	SavedContents *out;
	Arena scratch;           /* messages: what is kept of them is copied */
	FileMap graphs, index, data;
	Err *e;
} Reading;

/* From the bytes of saved_model.pb; `what` names them in messages. */
bool read_graphs(Reading *r, const uint8_t *p, size_t n, const char *what);

/* Sets dtype, type, rank and dim. */
bool set_type(Reading *r, SavedTensor *t, int tf_type, const Tfread__TensorShapeProto *shape);

/* -- its variables (read_variables.c) -------------------------------------------------------------------- */

/* From the bytes of variables.index. prefix: "dir/variables/variables". */
bool read_variables(Reading *r, const uint8_t *p, size_t n, const char *prefix);

#endif
