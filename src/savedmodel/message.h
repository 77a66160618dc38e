/* Inside the savedmodel module: TensorFlow's messages (saved_model.proto) in an arena, and the few shapes
 * that they are made in. Strings are borrowed. */
#ifndef SAVEDMODEL_MESSAGE_H
#define SAVEDMODEL_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/out.h"
#include "saved_model.pb-c.h"

/* A new message: MESSAGE(a, Tf__NodeDef, TF__NODE_DEF__INIT). */
#define MESSAGE(a, T, INIT) ((T *)arena_copy(a, &(T)INIT, 1, sizeof(T)))

/* A new last element of a repeated field: *APPEND(a, graph, node) = n. */
#define APPEND(a, m, field) \
	(*(void **)&(m)->field = repeated_room(a, (m)->field, (m)->n_##field, sizeof *(m)->field), &(m)->field[(m)->n_##field++])
void *repeated_room(Arena *a, void *v, size_t n, size_t size);

/* protobuf-c has no const. */
static inline char *text(const char *s) { return (char *)(uintptr_t)s; }
static inline ProtobufCBinaryData binary(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

Tf__TensorShapeProto *shape_message(Arena *a, int rank, const int64_t *dim);
Tf__VersionDef *version_message(Arena *a, int producer, int min_consumer);

/* -- nodes ----------------------------------------------------------------------------------------------- */

Tf__NodeDef *make_node(Arena *a, const char *op, const char *name);
void add_input(Arena *a, Tf__NodeDef *n, const char *input);
void attr_int(Arena *a, Tf__NodeDef *n, const char *key, int64_t i);
void attr_type(Arena *a, Tf__NodeDef *n, const char *key, int type);
void attr_bytes(Arena *a, Tf__NodeDef *n, const char *key, const void *p, size_t nbytes);
void attr_shape(Arena *a, Tf__NodeDef *n, const char *key, int rank, const int64_t *dim);
void attr_func(Arena *a, Tf__NodeDef *n, const char *key, const char *function);
void attr_tensor(Arena *a, Tf__NodeDef *n, const char *key, Tf__TensorProto *t);
/* An attribute that is a list, to be filled with APPEND. */
Tf__AttrValue__ListValue *attr_list(Arena *a, Tf__NodeDef *n, const char *key);

Tf__TensorProto *tensor_message(Arena *a, int type, int rank, const int64_t *dim, const void *p, size_t nbytes);
/* A Const node of strings, [n]; rank 0 when n is -1. */
Tf__NodeDef *string_node(Arena *a, const char *name, const char *const *s, int n);

/* The message's bytes: at the end of b; to a file. Its name: their CRC-32C and, below it, how many they are. */
void put_message(Buf *b, const ProtobufCMessage *m);
bool write_message(Out *o, const ProtobufCMessage *m, uint64_t *hash);
uint64_t message_hash(const ProtobufCMessage *m);

#endif
