#include "savedmodel/message.h"

#include <string.h>

#include "savedmodel/crc32c.h"
#include "savedmodel/plan.h"

/* Doubles whenever the count is a power of two, so that no capacity needs a place. */
void *repeated_room(Arena *a, void *v, size_t n, size_t size)
{
	if (n & (n - 1)) return v;
	void *more = arena_alloc(a, n ? 2 * n : 1, size);
	if (n) memcpy(more, v, n * size);
	return more;
}

Tf__TensorShapeProto *shape_message(Arena *a, int rank, const int64_t *dim)
{
	Tf__TensorShapeProto *s = MESSAGE(a, Tf__TensorShapeProto, TF__TENSOR_SHAPE_PROTO__INIT);
	for (int i = 0; i < rank; i++) {
		Tf__TensorShapeProto__Dim *d = MESSAGE(a, Tf__TensorShapeProto__Dim, TF__TENSOR_SHAPE_PROTO__DIM__INIT);
		d->size = dim[i];
		*APPEND(a, s, dim) = d;
	}
	return s;
}

Tf__VersionDef *version_message(Arena *a, int producer, int min_consumer)
{
	Tf__VersionDef *v = MESSAGE(a, Tf__VersionDef, TF__VERSION_DEF__INIT);
	v->producer = producer;
	v->min_consumer = min_consumer;
	return v;
}

Tf__NodeDef *make_node(Arena *a, const char *op, const char *name)
{
	Tf__NodeDef *n = MESSAGE(a, Tf__NodeDef, TF__NODE_DEF__INIT);
	n->op = text(op);
	n->name = text(name);
	return n;
}

void add_input(Arena *a, Tf__NodeDef *n, const char *input) { *APPEND(a, n, input) = text(input); }

static Tf__AttrValue *new_attr(Arena *a, Tf__NodeDef *n, const char *key, Tf__AttrValue__ValueCase which)
{
	Tf__NodeDef__AttrEntry *e = MESSAGE(a, Tf__NodeDef__AttrEntry, TF__NODE_DEF__ATTR_ENTRY__INIT);
	e->key = text(key);
	e->value = NEW(a, Tf__AttrValue, 1);
	tf__attr_value__init(e->value);
	e->value->value_case = which;
	*APPEND(a, n, attr) = e;
	return e->value;
}

void attr_int(Arena *a, Tf__NodeDef *n, const char *key, int64_t i)
{
	new_attr(a, n, key, TF__ATTR_VALUE__VALUE_I)->i = i;
}

void attr_type(Arena *a, Tf__NodeDef *n, const char *key, int type)
{
	new_attr(a, n, key, TF__ATTR_VALUE__VALUE_TYPE)->type = type;
}

void attr_bytes(Arena *a, Tf__NodeDef *n, const char *key, const void *p, size_t nbytes)
{
	new_attr(a, n, key, TF__ATTR_VALUE__VALUE_S)->s = binary(p, nbytes);
}

void attr_shape(Arena *a, Tf__NodeDef *n, const char *key, int rank, const int64_t *dim)
{
	new_attr(a, n, key, TF__ATTR_VALUE__VALUE_SHAPE)->shape = shape_message(a, rank, dim);
}

void attr_func(Arena *a, Tf__NodeDef *n, const char *key, const char *function)
{
	Tf__NameAttrList *f = MESSAGE(a, Tf__NameAttrList, TF__NAME_ATTR_LIST__INIT);
	f->name = text(function);
	new_attr(a, n, key, TF__ATTR_VALUE__VALUE_FUNC)->func = f;
}

void attr_tensor(Arena *a, Tf__NodeDef *n, const char *key, Tf__TensorProto *t)
{
	new_attr(a, n, key, TF__ATTR_VALUE__VALUE_TENSOR)->tensor = t;
}

Tf__AttrValue__ListValue *attr_list(Arena *a, Tf__NodeDef *n, const char *key)
{
	return new_attr(a, n, key, TF__ATTR_VALUE__VALUE_LIST)->list =
		MESSAGE(a, Tf__AttrValue__ListValue, TF__ATTR_VALUE__LIST_VALUE__INIT);
}

Tf__TensorProto *tensor_message(Arena *a, int type, int rank, const int64_t *dim, const void *p, size_t nbytes)
{
	Tf__TensorProto *t = MESSAGE(a, Tf__TensorProto, TF__TENSOR_PROTO__INIT);
	t->dtype = type;
	t->tensor_shape = shape_message(a, rank, dim);
	t->tensor_content = binary(p, nbytes);
	return t;
}

Tf__NodeDef *string_node(Arena *a, const char *name, const char *const *s, int n)
{
	Tf__NodeDef *node = make_node(a, "Const", name);
	Tf__TensorProto *t = tensor_message(a, DT_STRING, n >= 0, &(int64_t){ n }, NULL, 0);
	for (int i = 0; i < (n < 0 ? 1 : n); i++) *APPEND(a, t, string_val) = binary(s[i], strlen(s[i]));
	attr_type(a, node, "dtype", DT_STRING);
	attr_tensor(a, node, "value", t);
	return node;
}

/* -- bytes ----------------------------------------------------------------------------------------------- */

typedef struct Sink { ProtobufCBuffer base; Buf *to; } Sink;

static void sink(ProtobufCBuffer *b, size_t n, const uint8_t *p) { put(((Sink *)b)->to, p, n); }

void put_message(Buf *b, const ProtobufCMessage *m)
{
	Sink s = { { sink }, b };
	protobuf_c_message_pack_to_buffer(m, &s.base);
}

/* protobuf-c gives a few bytes at a time. */
typedef struct FileSink {
	ProtobufCBuffer base;
	Out *o;                     /* NULL: nothing is written */
	bool ok;
	uint32_t crc;
	uint64_t total;             /* bytes before the block's */
	size_t n;
	uint8_t block[1 << 16];
} FileSink;

static void empty(FileSink *s)
{
	s->crc = crc32c(s->crc, s->block, s->n);
	if (s->o) s->ok = s->ok && out_write(s->o, s->block, s->n);
	s->total += s->n;
	s->n = 0;
}

static void file_sink(ProtobufCBuffer *b, size_t n, const uint8_t *p)
{
	FileSink *s = (FileSink *)b;
	for (size_t k; n; p += k, n -= k) {
		if (s->n == sizeof s->block) empty(s);
		k = n < sizeof s->block - s->n ? n : sizeof s->block - s->n;
		memcpy(s->block + s->n, p, k);
		s->n += k;
	}
}

bool write_message(Out *o, const ProtobufCMessage *m, uint64_t *hash)
{
	FileSink s = { .base = { file_sink }, .o = o, .ok = true };
	protobuf_c_message_pack_to_buffer(m, &s.base);
	empty(&s);
	*hash = (uint64_t)s.crc << 32 | (uint32_t)s.total;
	return s.ok;
}

uint64_t message_hash(const ProtobufCMessage *m)
{
	uint64_t hash;
	write_message(NULL, m, &hash);
	return hash;
}
