/* Inside the savedmodel module: what the writing and the reading side both know of the formats. */
#ifndef SAVEDMODEL_FORMAT_H
#define SAVEDMODEL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "stablehlo/stablehlo.h"

/* DataType of tensorflow/core/framework/types.proto, where an element type has none of its own (dtype.def has the others). */
enum { DT_STRING = 7, DT_RESOURCE = 20 };

/* Where a checkpoint has the objects that its values belong to: a scalar string, a TrackableObjectGraph. */
#define OBJECT_GRAPH_KEY "_CHECKPOINTABLE_OBJECT_GRAPH"

/* A table's last eight bytes, after the footer's handles (tensorflow/core/lib/io/format.h). */
#define TABLE_MAGIC 0xdb4775248b80fb57u
enum { TABLE_HANDLES_NBYTES = 40, TABLE_FOOTER_NBYTES = TABLE_HANDLES_NBYTES + 8 };

static inline bool is_bytecode(const uint8_t *p, size_t n)
{
	size_t magic = sizeof MLIR_MAGIC - 1;
	return n >= magic && !memcmp(p, MLIR_MAGIC, magic);
}

#endif
