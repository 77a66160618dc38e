/* Protobuf on both sides of a compilation: the options that go in, and what the compiled program says of its
 * inputs.
 *
 * Wire format (protobuf.dev, "Encoding"): a message is fields one after the other, each a varint `number <<
 * 3 | wire` and a value: wire 0 a varint, 1 eight bytes, 2 a varint length and that many bytes (strings,
 * messages, packed numbers), 5 four bytes. A varint is 7 bits a byte, lowest first, the top bit set on all
 * but the last. */
#include "base/reader.h"
#include "pjrt/internal.h"

enum Wire { WIRE_VARINT = 0, WIRE_8_BYTES = 1, WIRE_LENGTH = 2, WIRE_4_BYTES = 5 };

/* Field numbers: xla/pjrt/proto/compile_options.proto, xla/xla_data.proto, xla/service/hlo.proto */
enum {
	CompileOptionsProto_executable_build_options = 3,
	CompileOptionsProto_env_option_overrides = 7,      /* map<string, OptionOverrideProto> */
	MapEntry_key = 1,
	MapEntry_value = 2,
	OptionOverrideProto_bool_field = 2,
	ExecutableBuildOptionsProto_device_ordinal = 1,
	ExecutableBuildOptionsProto_num_replicas = 4,
	ExecutableBuildOptionsProto_num_partitions = 5,
	ExecutableBuildOptionsProto_use_spmd_partitioning = 6,
	ExecutableBuildOptionsProto_device_assignment = 9,
	ExecutableBuildOptionsProto_use_shardy_partitioner = 19,
	DeviceAssignmentProto_replica_count = 1,
	DeviceAssignmentProto_computation_count = 2,
	DeviceAssignmentProto_computation_devices = 3,
	ComputationDevice_replica_device_ids = 1,

	HloModuleProtoWithConfig_hlo_module = 1,
	HloModuleProto_host_program_shape = 4,
	HloModuleProto_input_output_alias = 8,
	HloModuleProto_buffer_donor = 18,
	ProgramShapeProto_parameters = 1,
	ShapeProto_element_type = 2,
	ShapeProto_dimensions = 3,
	ShapeProto_is_dynamic_dimension = 6,
};

/* -- out ------------------------------------------------------------------------------------------------- */

static void put_varint(Buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7) put_byte(b, (uint8_t)(v | 0x80));
	put_byte(b, (uint8_t)v);
}

/* A negative int64 is written as its two's complement in ten bytes. */
static void put_int(Buf *b, unsigned field, int64_t v)
{
	put_varint(b, field << 3 | WIRE_VARINT);
	put_varint(b, (uint64_t)v);
}

/* Ends the inner message: writes it as a field of the outer one and frees it. */
static void put_message(Buf *b, unsigned field, Buf *inner)
{
	put_varint(b, field << 3 | WIRE_LENGTH);
	put_varint(b, inner->n);
	put(b, inner->p, inner->n);
	b->failed |= inner->failed;
	buf_free(inner);
}

/* One of XLA's debug options, off. */
static void put_option_off(Buf *b, const char *name)
{
	Buf key = { 0 }, off = { 0 }, entry = { 0 };
	put_str(&key, name);
	put_int(&off, OptionOverrideProto_bool_field, 0);
	put_message(&entry, MapEntry_key, &key);
	put_message(&entry, MapEntry_value, &off);
	put_message(b, CompileOptionsProto_env_option_overrides, &entry);
}

/* The devices of one partition's replicas. */
static void put_devices(Buf *assignment, const Device *d, int n)
{
	Buf packed = { 0 }, computation = { 0 };
	for (int k = 0; k < n; k++) put_varint(&packed, (uint64_t)d[k].id);
	put_message(&computation, ComputationDevice_replica_device_ids, &packed);
	put_message(assignment, DeviceAssignmentProto_computation_devices, &computation);
}

/* By default XLA's maximum and minimum lose NaN, against StableHLO ("if either is NaN, NaN"); JAX turns
 * the same two off. */
void put_compile_options(Buf *b, const Device *d, const Spread *s)
{
	int n = s && s->ndevice > 1 ? s->ndevice : 1, replicas = s && s->replicas ? n : 1, partitions = n / replicas;
	Buf assignment = { 0 }, build = { 0 };
	put_int(&assignment, DeviceAssignmentProto_replica_count, replicas);
	put_int(&assignment, DeviceAssignmentProto_computation_count, partitions);
	for (int k = 0; k < partitions; k++) put_devices(&assignment, d + k, replicas);

	/* not set: the assignment says it */
	put_int(&build, ExecutableBuildOptionsProto_device_ordinal, -1);
	put_int(&build, ExecutableBuildOptionsProto_num_replicas, replicas);
	put_int(&build, ExecutableBuildOptionsProto_num_partitions, partitions);
	if (partitions > 1) put_int(&build, ExecutableBuildOptionsProto_use_spmd_partitioning, 1);
	put_message(&build, ExecutableBuildOptionsProto_device_assignment, &assignment);
	if (partitions > 1) put_int(&build, ExecutableBuildOptionsProto_use_shardy_partitioner, s->shardy);
	put_message(b, CompileOptionsProto_executable_build_options, &build);
	put_option_off(b, "xla_cpu_enable_fast_min_max");
	put_option_off(b, "xla_gpu_enable_fast_min_max");
}

/* -- in -------------------------------------------------------------------------------------------------- */

static uint64_t get_varint(Reader *r)
{
	uint64_t v = 0;
	for (int shift = 0; shift < 64; shift += 7) {
		uint8_t byte = get_u8(r);
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) return v;
	}
	fail(r->err, BAD_INPUT, "%s: varint of more than ten bytes at offset %zu", r->what, r->at);
	return 0;
}

typedef struct Field {
	unsigned number;
	enum Wire wire;
	uint64_t value;            /* WIRE_VARINT */
	Reader bytes;              /* WIRE_LENGTH */
} Field;

/* The next field; false at the end and on a failure. */
static bool get_field(Reader *r, Field *f)
{
	if (r->err->code || r->at == r->n) return false;
	uint64_t tag = get_varint(r);
	*f = (Field){ .number = (unsigned)(tag >> 3), .wire = (enum Wire)(tag & 7) };
	switch (f->wire) {
	case WIRE_VARINT: f->value = get_varint(r); break;
	case WIRE_8_BYTES: get(r, 8); break;
	case WIRE_4_BYTES: get(r, 4); break;
	case WIRE_LENGTH: {
		uint64_t n = get_varint(r);
		const uint8_t *p = n <= SIZE_MAX ? get(r, (size_t)n) : NULL;
		f->bytes = (Reader){ .p = p, .n = p ? (size_t)n : 0, .what = r->what, .err = r->err };
		break;
	}
	default: fail(r->err, BAD_INPUT, "%s: wire type %d at offset %zu", r->what, (int)f->wire, r->at);
	}
	return !r->err->code;
}

/* The first field of this number with bytes in it, empty when there is none. */
static Reader find_field(Reader r, unsigned number)
{
	Field f;
	while (get_field(&r, &f))
		if (f.number == number && f.wire == WIRE_LENGTH) return f.bytes;
	return (Reader){ .what = r.what, .err = r.err };
}

typedef VEC(int64_t) Numbers;

/* Proto3 packs repeated numbers; a parser must take them one a field as well. */
static void get_numbers(Arena *a, Field *f, Numbers *out)
{
	if (f->wire == WIRE_VARINT) *push(a, out) = (int64_t)f->value;
	while (f->wire == WIRE_LENGTH && f->bytes.at < f->bytes.n && !f->bytes.err->code)
		*push(a, out) = (int64_t)get_varint(&f->bytes);
}

static bool read_shape(Arena *a, Reader r, int i, TensorType *t)
{
	Numbers dims = { 0 }, dynamic = { 0 };
	uint64_t element = 0;
	for (Field f; get_field(&r, &f); ) {
		if (f.number == ShapeProto_element_type) element = f.value;
		if (f.number == ShapeProto_dimensions) get_numbers(a, &f, &dims);
		if (f.number == ShapeProto_is_dynamic_dimension) get_numbers(a, &f, &dynamic);
	}
	*t = (TensorType){ dtype_from_xla(element), dims.n, dims.v };
	if (!t->dtype)
		return fail(r.err, UNSUPPORTED, "input %d is no tensor, or of an unknown element type (XLA's %llu)", i,
			(unsigned long long)element);
	for (int d = 0; d < dynamic.n; d++)
		if (dynamic.v[d]) return fail(r.err, UNSUPPORTED, "input %d: dimension %d is dynamic", i, d);
	return !r.err->code;
}

bool program_signature(Arena *a, const uint8_t *p, size_t n, bool with_config, Signature *out, Err *e)
{
	Reader r = { .p = p, .n = n, .what = "compiled program", .err = e };
	if (with_config) r = find_field(r, HloModuleProtoWithConfig_hlo_module);
	Reader alias = find_field(r, HloModuleProto_input_output_alias);
	Reader donor = find_field(r, HloModuleProto_buffer_donor);
	Reader shape = find_field(r, HloModuleProto_host_program_shape);
	VEC(TensorType) input = { 0 };
	for (Field f; get_field(&shape, &f); ) {
		if (f.number != ProgramShapeProto_parameters || f.wire != WIRE_LENGTH) continue;
		int i = input.n;
		if (!read_shape(a, f.bytes, i, push(a, &input))) return false;
	}
	*out = (Signature){ input.n, input.v, alias.n || donor.n };      /* all that they hold is entries */
	return !e->code;
}
