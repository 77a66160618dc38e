/* Messages out of bytes: protobuf-c in an arena, and what it does not tell, where a mistake is. */
#include "read_internal.h"

#include <stdio.h>
#include <string.h>

/* -- memory ---------------------------------------------------------------------------------------------- */

typedef struct Memory {
	Arena *arena;
	size_t nbytes, left;     /* of the message's bytes; what they may still take */
	const char *what;
	Err *e;
} Memory;

static void *take(void *memory, size_t n)
{
	Memory *m = memory;
	size_t block = n + 16;
	if (block > m->left) {
		fail(m->e, BAD_INPUT, "%s: its %zu bytes would take more than %zu bytes of memory: no real file is like"
			" that", m->what, m->nbytes, memory_limit(m->nbytes));
		return NULL;
	}
	m->left -= block;
	return arena_alloc(m->arena, n, 1);
}

static void leave(void *memory, void *p) { (void)memory, (void)p; }

/* -- the place of a mistake ------------------------------------------------------------------------------ */

typedef struct Path { const struct Path *up; const char *field; } Path;

typedef struct Search {
	const uint8_t *start;
	const char *what;
	Err *e;
} Search;

static void put_path(char *text, size_t room, const Path *path)
{
	if (!path) return;
	put_path(text, room, path->up);
	size_t n = strlen(text);
	snprintf(text + n, room - n, "%s%s", n ? "." : "", path->field);
}

static bool wrong(const Search *s, const uint8_t *at, const Path *path, const char *problem)
{
	char place[160] = "";
	put_path(place, sizeof place, path);
	return fail(s->e, BAD_INPUT, "%s: offset %zu%s%s: %s", s->what, (size_t)(at - s->start),
		*place ? ", in " : "", place, problem);
}

/* 7 bits a byte, the lowest first; the last one's top bit is clear. NULL: it does not end. */
static const uint8_t *varint(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	*v = 0;
	for (int shift = 0; p < end && shift < 64; shift += 7) {
		*v |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p++ & 0x80)) return p;
	}
	return NULL;
}

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *d, uint64_t number)
{
	for (unsigned i = 0; i < d->n_fields; i++)
		if (d->fields[i].id == number) return &d->fields[i];
	return NULL;
}

/* read.proto has no other types, and repeats none of the numbers. */
static bool fits(const ProtobufCFieldDescriptor *f, int wire)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_STRING:  return wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	case PROTOBUF_C_TYPE_FIXED32: return wire == PROTOBUF_C_WIRE_TYPE_32BIT;
	default:                      return wire == PROTOBUF_C_WIRE_TYPE_VARINT;
	}
}

/* Where a field ends that begins, after its tag, at p. NULL, with the problem: nowhere before `end`. */
static const uint8_t *skip(const uint8_t *p, const uint8_t *end, int wire, const uint8_t **start,
	const char **problem)
{
	uint64_t size = 0;
	*problem = NULL;
	switch (wire) {
	case PROTOBUF_C_WIRE_TYPE_64BIT: size = 8; break;
	case PROTOBUF_C_WIRE_TYPE_32BIT: size = 4; break;
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		*start = p;
		p = varint(p, end, &size);
		if (!p) *problem = "the number does not end";
		return p;
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		p = varint(p, end, &size);
		if (!p) *problem = "the length does not end";
		break;
	default: *problem = "the wire type is none of TensorFlow's";
	}
	if (!*problem && size > (size_t)(end - p)) *problem = "the field is longer than what is left of its message";
	*start = p;
	return *problem ? NULL : p + size;
}

/* Fails with the first mistake there is in p[0..n); its depth is that of read.proto. */
static bool search(const Search *s, const ProtobufCMessageDescriptor *d, const uint8_t *p, size_t n,
	const Path *up)
{
	for (const uint8_t *end = p + n; p < end;) {
		uint64_t tag;
		const uint8_t *at = p;
		p = varint(p, end, &tag);
		if (!p || tag > UINT32_MAX) return wrong(s, at, up, "the number of a field does not end");
		const ProtobufCFieldDescriptor *f = field_of(d, tag >> 3);
		Path path = { up, f ? f->name : "a field of no interest" };
		int wire = (int)(tag & 7);
		if (f && !fits(f, wire)) return wrong(s, at, &path, "the field has another wire type than it should");
		const uint8_t *start;
		const char *problem;
		p = skip(p, end, wire, &start, &problem);
		if (!p) return wrong(s, at, &path, problem);
		if (f && f->type == PROTOBUF_C_TYPE_MESSAGE && !search(s, f->descriptor, start, (size_t)(p - start), &path))
			return false;
	}
	return true;
}

void *unpack(Arena *a, const ProtobufCMessageDescriptor *d, const uint8_t *p, size_t n, const char *what,
	Err *e)
{
	if (n > INT32_MAX) {
		fail(e, BAD_INPUT, "%s: has %zu bytes, and a protobuf message at most %d", what, n, INT32_MAX);
		return NULL;
	}
	Memory memory = { a, n, memory_limit(n), what, e };
	ProtobufCMessage *m = protobuf_c_message_unpack(d, &(ProtobufCAllocator){ take, leave, &memory }, n, p);
	if (!m && !e->code && search(&(Search){ p, what, e }, d, p, n, NULL))
		fail(e, BAD_INPUT, "%s: is no %s message", what, d->short_name);
	return m;
}
