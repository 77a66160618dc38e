#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "pjrt/internal.h"

struct DeviceBuffer {
	Device *device;
	_Atomic(PJRT_Buffer *) pjrt;   /* NULL: still in host memory */
	const void *host;          /* where it is while it is not on the device; else NULL */
	void *memory;              /* the same, when it is ours to free */
	PJRT_Event *done;          /* of borrowed host memory: ready when the plugin has let go of it; else NULL */
	atomic_bool held;          /* an external reference keeps the elements in their place */
	TensorType type;           /* dims: the first half of dim[] */
	size_t nbytes;
	int64_t *minor_to_major;   /* [rank], row-major: rank - 1 .. 0; the second half */
	int64_t dim[];
};

/* What an empty tensor points at: PJRT takes no NULL, and NULL is our failure. */
static _Alignas(64) const char nothing[64];

static DeviceBuffer *buffer_new(Device *d, const TensorType *t, Err *e)
{
	size_t nbytes;
	if (!tensor_nbytes(t, &nbytes, e)) return NULL;
	size_t rank = (size_t)t->rank;
	DeviceBuffer *b = malloc(sizeof *b + 2 * rank * sizeof *b->dim);
	if (!b) return fail(e, NO_MEMORY, "out of memory"), NULL;
	*b = (DeviceBuffer){ .device = d, .type = { t->dtype, t->rank, b->dim }, .nbytes = nbytes,
		.minor_to_major = b->dim + rank };
	for (size_t i = 0; i < rank; i++) {
		b->dim[i] = t->dims[i];
		b->minor_to_major[i] = (int64_t)(rank - 1 - i);
	}
	return b;
}

static bool destroy(const Plugin *p, PJRT_Buffer *pjrt, Err *e)
{
	PJRT_Buffer_Destroy_Args a = ARGS(PJRT_Buffer_Destroy, .buffer = pjrt);
	return pjrt_ok(p, p->api->PJRT_Buffer_Destroy(&a), e, "destroy buffer");
}

bool buffer_has_dims(const DeviceBuffer *b, Err *e)
{
	const Plugin *p = b->device->plugin;
	PJRT_Buffer_Dimensions_Args a = ARGS(PJRT_Buffer_Dimensions, .buffer = b->pjrt);
	if (!pjrt_ok(p, p->api->PJRT_Buffer_Dimensions(&a), e, "read buffer shape")) return false;
	bool same = a.num_dims == (size_t)b->type.rank;
	for (int i = 0; same && i < b->type.rank; i++) same = a.dims[i] == b->dim[i];
	return same || fail(e, PLUGIN, "the plugin has split a result in another way than its sharding says");
}

DeviceBuffer *buffer_adopt(Device *d, PJRT_Buffer *pjrt, const TensorType *t, Err *e)
{
	DeviceBuffer *b = buffer_new(d, t, e);
	if (b) b->pjrt = pjrt;
	else destroy(d->plugin, pjrt, NULL);
	return b;
}


bool buffer_address(const DeviceBuffer *b, const void **at, Err *e)
{
	const Plugin *p = b->device->plugin;
	if (b->host) return *at = b->host, true;
	PJRT_Buffer_OpaqueDeviceMemoryDataPointer_Args a = ARGS(PJRT_Buffer_OpaqueDeviceMemoryDataPointer,
		.buffer = b->pjrt);
	if (!pjrt_ok(p, p->api->PJRT_Buffer_OpaqueDeviceMemoryDataPointer(&a), e, "read buffer address"))
		return false;
	*at = a.device_memory_ptr;
	return true;
}

/* -- from the host --------------------------------------------------------------------------------------- */

/* On a host device the plugin may use data in place. An empty tensor gives it nothing to use. */
static PJRT_HostBufferSemantics semantics(const DeviceBuffer *b)
{
	if (!b->nbytes) return PJRT_HostBufferSemantics_kImmutableOnlyDuringCall;
	return b->device->is_host ? PJRT_HostBufferSemantics_kImmutableZeroCopy
		: PJRT_HostBufferSemantics_kImmutableUntilTransferCompletes;
}

/* Keeps the event for buffer_free() when the plugin uses data in place: it will come no sooner. Else waits
 * for it: data has been read. Only the address tells; where it cannot be had, use in place is assumed. */
static bool settle(DeviceBuffer *b, const void *data, PJRT_Event *done, Err *e)
{
	const void *at = data;
	if (b->device->is_host && b->nbytes && (!buffer_address(b, &at, NULL) || at == data)) {
		b->done = done;
		return true;
	}
	return pjrt_wait(b->device->plugin, done, e, "copy to device");
}

static DeviceBuffer *from_host(Device *d, const HostTensor *t, bool copied, Err *e)
{
	const Plugin *p = d->plugin;
	PJRT_Buffer_Type type = pjrt_type(t->type.dtype);
	if (type == PJRT_Buffer_Type_INVALID)
		return fail(e, UNSUPPORTED, "PJRT has no element type %s", dtype_name(t->type.dtype)), NULL;
	DeviceBuffer *b = buffer_new(d, &t->type, e);
	if (!b) return NULL;
	const void *data = b->nbytes ? t->data : nothing;
	bool ok = data || fail(e, BAD_INPUT, "a tensor of %zu bytes has no data", b->nbytes);
	PJRT_Client_BufferFromHostBuffer_Args a = ARGS(PJRT_Client_BufferFromHostBuffer, .client = p->client,
		.device = d->pjrt, .data = data, .type = type, .dims = b->dim, .num_dims = (size_t)b->type.rank,
		.host_buffer_semantics = copied ? PJRT_HostBufferSemantics_kImmutableOnlyDuringCall : semantics(b));
	ok = ok && pjrt_ok(p, p->api->PJRT_Client_BufferFromHostBuffer(&a), e, "copy to device");
	if (ok) b->pjrt = a.buffer;
	if (ok && settle(b, data, a.done_with_host_buffer, e)) return b;
	buffer_free(b);
	return NULL;
}

DeviceBuffer *buffer_from_host(Device *d, const HostTensor *t, Err *e) { return from_host(d, t, false, e); }
DeviceBuffer *buffer_copy_from_host(Device *d, const HostTensor *t, Err *e) { return from_host(d, t, true, e); }

bool buffer_borrows(const DeviceBuffer *b) { return b->done != NULL || (b->host && !b->memory); }

/* -- in host memory -------------------------------------------------------------------------------------- */

DeviceBuffer *buffer_on_host(Device *d, const HostTensor *t, Err *e)
{
	DeviceBuffer *b = buffer_new(d, &t->type, e);
	if (!b) return NULL;
	b->host = b->nbytes ? t->data : nothing;
	if (b->host) return b;
	fail(e, BAD_INPUT, "a tensor of %zu bytes has no data", b->nbytes);
	buffer_free(b);
	return NULL;
}

DeviceBuffer *buffer_of_memory(Device *d, const TensorType *t, void *memory, Err *e)
{
	DeviceBuffer *b = buffer_on_host(d, &(HostTensor){ *t, memory }, e);
	if (b) b->memory = memory;
	else free(memory);
	return b;
}

PJRT_Buffer *buffer_pjrt(DeviceBuffer *b, Err *e)
{
	PJRT_Buffer *none = NULL, *now = atomic_load(&b->pjrt);
	if (now || !b->host) return now;
	DeviceBuffer *up = buffer_copy_from_host(b->device, &(HostTensor){ b->type, b->host }, e);
	if (!up) return NULL;
	if (atomic_compare_exchange_strong(&b->pjrt, &none, up->pjrt)) up->pjrt = NULL;      /* else another thread's is there */
	buffer_free(up);
	return atomic_load(&b->pjrt);
}

/* -- to the host ----------------------------------------------------------------------------------------- */

/* Plugins unpack elements below a byte with zeros above them; a signed one of ours fills its byte: 0x0f is
 * i4's -1, 0xff. */
static void extend_signs(DType t, int8_t *p, size_t n)
{
	int shift = 8 - dtype_info(t)->nbits;
	if (shift <= 0 || dtype_info(t)->kind != DKIND_INT) return;
	for (size_t i = 0; i < n; i++) p[i] = (int8_t)((int8_t)((uint8_t)p[i] << shift) >> shift);
}

static bool is_row_major(const DeviceBuffer *b, Err *e)
{
	const Plugin *p = b->device->plugin;
	if (b->type.rank < 2 || b->host) return true;
	PJRT_Buffer_GetMemoryLayout_Args a = ARGS(PJRT_Buffer_GetMemoryLayout, .buffer = b->pjrt);
	if (!pjrt_ok(p, p->api->PJRT_Buffer_GetMemoryLayout(&a), e, "read buffer layout")) return false;
	const PJRT_Buffer_MemoryLayout_Tiled *t = &a.layout.tiled;
	size_t rank = (size_t)b->type.rank;
	return a.layout.type == PJRT_Buffer_MemoryLayout_Type_Tiled && !t->num_tiles
		&& t->minor_to_major_size == rank
		&& !memcmp(t->minor_to_major, b->minor_to_major, rank * sizeof *b->minor_to_major);
}

static bool is_packed(DType t) { return dtype_info(t)->nbits % 8 && t != DTYPE_bool; }

/* Few bytes of this process's memory: the plugin's own way, with an event to wait for, costs more than all else of a short call. */
static bool copy_small(const DeviceBuffer *b, void *dst)
{
	enum { SMALL = 1 << 16 };
	Err ignored = { 0 };
	const void *at = NULL;
	bool ok = b->device->is_host && b->nbytes <= SMALL && !is_packed(b->type.dtype) && is_row_major(b, &ignored)
		&& buffer_address(b, &at, &ignored);
	err_clear(&ignored);
	if (ok && at) memcpy(dst, at, b->nbytes);
	return ok && at;
}

bool buffer_to_host(const DeviceBuffer *b, void *dst, size_t nbytes, Err *e)
{
	const Plugin *p = b->device->plugin;
	if (nbytes != b->nbytes) return fail(e, BAD_INPUT, "%zu bytes to copy %zu bytes to", nbytes, b->nbytes);
	if (nbytes && b->host) memcpy(dst, b->host, nbytes);
	if (!nbytes || b->host || copy_small(b, dst)) return true;
	PJRT_Buffer_MemoryLayout row_major = { .struct_size = PJRT_Buffer_MemoryLayout_STRUCT_SIZE,
		.type = PJRT_Buffer_MemoryLayout_Type_Tiled,
		.tiled = { .struct_size = PJRT_Buffer_MemoryLayout_Tiled_STRUCT_SIZE,
			.minor_to_major = b->minor_to_major, .minor_to_major_size = (size_t)b->type.rank } };
	PJRT_Buffer_ToHostBuffer_Args a = ARGS(PJRT_Buffer_ToHostBuffer, .src = b->pjrt,
		.host_layout = &row_major, .dst = dst, .dst_size = nbytes);
	if (!pjrt_ok(p, p->api->PJRT_Buffer_ToHostBuffer(&a), e, "copy to host")) return false;
	if (!pjrt_wait(p, a.event, e, "copy to host")) return false;
	extend_signs(b->type.dtype, dst, nbytes);
	return true;
}

/* Keeps the plugin from moving or reusing the memory until buffer_free(). */
static bool hold(DeviceBuffer *b, Err *e)
{
	const Plugin *p = b->device->plugin;
	if (atomic_exchange(&b->held, true)) return true;
	PJRT_Buffer_IncreaseExternalReferenceCount_Args a = ARGS(PJRT_Buffer_IncreaseExternalReferenceCount,
		.buffer = b->pjrt);
	if (pjrt_ok(p, p->api->PJRT_Buffer_IncreaseExternalReferenceCount(&a), e, "hold buffer")) return true;
	b->held = false;
	return false;
}

const void *buffer_view(DeviceBuffer *b, Err *e)
{
	if (!b->nbytes || b->host) return b->nbytes ? b->host : nothing;
	if (!b->device->is_host)
		return fail(e, UNSUPPORTED, "%s: its memory is not the host's", b->device->name), NULL;
	if (is_packed(b->type.dtype))
		return fail(e, UNSUPPORTED, "%s elements are packed on the device", dtype_name(b->type.dtype)), NULL;
	if (!is_row_major(b, e)) return fail(e, UNSUPPORTED, "the buffer is not row-major"), NULL;
	const void *at = NULL;
	if (!hold(b, e) || !buffer_address(b, &at, e)) return NULL;
	if (!at) fail(e, PLUGIN, "the plugin gave no address for a buffer of %zu bytes", b->nbytes);
	return at;
}

/* -- asking and freeing ---------------------------------------------------------------------------------- */

const TensorType *buffer_type(const DeviceBuffer *b) { return &b->type; }
size_t buffer_nbytes(const DeviceBuffer *b) { return b->nbytes; }
Device *buffer_device(const DeviceBuffer *b) { return b->device; }

void buffer_free(DeviceBuffer *b)
{
	if (!b) return;
	const Plugin *p = b->device->plugin;
	if (b->held) {
		PJRT_Buffer_DecreaseExternalReferenceCount_Args a = ARGS(PJRT_Buffer_DecreaseExternalReferenceCount,
			.buffer = b->pjrt);
		pjrt_ok(p, p->api->PJRT_Buffer_DecreaseExternalReferenceCount(&a), NULL, "release buffer");
	}
	if (b->pjrt) destroy(p, b->pjrt, NULL);
	pjrt_wait(p, b->done, NULL, "release host memory");
	free(b->memory);
	free(b);
}
