/* Inside the savedmodel module: variables/variables.index and variables.data-00000-of-00001
 * (tensorflow/core/util/tensor_bundle/tensor_bundle.h).
 *
 * The data file has the tensors one after the other, dense, row-major, little-endian. The index is a sorted-string table
 * (tensorflow/core/lib/io/table_format.txt, which is LevelDB's) from "" to a BundleHeaderProto, and from each key to a
 * BundleEntryProto with type, shape, place and CRC-32C. */
#ifndef SAVEDMODEL_CHECKPOINT_H
#define SAVEDMODEL_CHECKPOINT_H

#include "base/out.h"
#include "savedmodel/plan.h"

/* Writes dir/variables; `shown` is what messages call dir. o is the caller's to close when the arena has
 * no memory left and jumps away. *crc is the index's, and so over the CRCs of all. */
bool checkpoint_write(const Plan *p, const char *dir, const char *shown, Out *o, uint32_t *crc);

/* The table alone. Keys in ascending order of their bytes. */
typedef struct TableRow { const char *key; const uint8_t *value; size_t nbytes; } TableRow;
void table_write(Buf *out, const TableRow *row, int n);

/* What protobuf and LevelDB call a varint: 7 bits a byte, the lowest first; all but the last have the top bit set. */
void put_leb128(Buf *b, uint64_t v);

#endif
