/* One program on several devices of a plugin: arguments are cut into blocks, results put together, in host memory.
 *
 * XLA's partitioner (SPMD: one program, every device its own blocks) compiles for blocks of ceil(size / tiles) elements; what the last ones
 * have too much is filled with zeros here, and left out of results. */
#include <stdlib.h>
#include <string.h>

#include "pjrt/internal.h"

enum { MAX_RANK = 64 };

/* -- blocks ---------------------------------------------------------------------------------------------- */

static bool is_whole(const Tiling *t) { return !t->tiles; }

/* The block of device k: its size, where it begins in the whole, and how much of it is there. */
typedef struct Block { int64_t dim[MAX_RANK], at[MAX_RANK], n[MAX_RANK]; } Block;

static Block block_of(const TensorType *whole, const Tiling *t, int k)
{
	Block b;
	int64_t number = t->block[k];
	for (int i = whole->rank; i-- > 0; number /= t->tiles[i]) {
		b.dim[i] = (whole->dims[i] + t->tiles[i] - 1) / t->tiles[i];
		b.at[i] = number % t->tiles[i] * b.dim[i];
		int64_t left = whole->dims[i] - b.at[i];
		b.n[i] = left < 0 ? 0 : left < b.dim[i] ? left : b.dim[i];
	}
	return b;
}

/* Elements of `size` bytes in a row-major box, from where on they count. */
typedef struct Box { uint8_t *p; const int64_t *dim; } Box;

/* n[0] x n[1] x ... elements from one box to the other. */
static void copy_box(Box to, Box from, const int64_t *n, int rank, size_t size)
{
	if (!rank) {
		memcpy(to.p, from.p, size);
		return;
	}
	size_t to_step = size, from_step = size;
	for (int i = 1; i < rank; i++) {
		to_step *= (size_t)to.dim[i];
		from_step *= (size_t)from.dim[i];
	}
	if (rank == 1) {
		if (*n) memcpy(to.p, from.p, (size_t)*n * size);
		return;
	}
	for (int64_t i = 0; i < *n; i++) {
		copy_box((Box){ to.p, to.dim + 1 }, (Box){ from.p, from.dim + 1 }, n + 1, rank - 1, size);
		to.p += to_step;
		from.p += from_step;
	}
}

static size_t offset(const TensorType *whole, const Block *b, size_t size)
{
	int64_t at = 0;
	for (int i = 0; i < whole->rank; i++) at = at * whole->dims[i] + b->at[i];
	return (size_t)at * size;
}

/* -- arguments ------------------------------------------------------------------------------------------- */

/* The elements of a buffer in host memory; *owned is to be freed. */
static const void *elements(DeviceBuffer *b, void **owned, Err *e)
{
	Err ignored = { 0 };
	const void *p = buffer_view(b, &ignored);
	err_clear(&ignored);
	*owned = NULL;
	if (p) return p;
	*owned = malloc(buffer_nbytes(b) + 1);
	if (!*owned) return fail(e, NO_MEMORY, "out of memory"), NULL;
	return buffer_to_host(b, *owned, buffer_nbytes(b), e) ? *owned : NULL;
}

static DeviceBuffer *cut(Device *d, const TensorType *type, const void *p, const Tiling *t, int k, Err *e)
{
	if (is_whole(t)) return buffer_copy_from_host(d, &(HostTensor){ *type, p }, e);
	Block b = block_of(type, t, k);
	TensorType part = { type->dtype, type->rank, b.dim };
	size_t nbytes, size = dtype_nbytes(type->dtype);
	if (!tensor_nbytes(&part, &nbytes, e)) return NULL;
	uint8_t *filled = calloc(1, nbytes + 1);
	if (!filled) return fail(e, NO_MEMORY, "out of memory"), NULL;
	bool any = true;
	for (int i = 0; i < type->rank; i++) any = any && b.n[i];
	Box from = { (uint8_t *)(uintptr_t)p + (any ? offset(type, &b, size) : 0), type->dims };
	if (any) copy_box((Box){ filled, b.dim }, from, b.n, type->rank, size);
	DeviceBuffer *made = buffer_copy_from_host(d, &(HostTensor){ part, filled }, e);
	free(filled);
	return made;
}

DeviceBuffer *copy_to_device(Device *d, DeviceBuffer *from, Err *e)
{
	void *owned;
	const void *p = elements(from, &owned, e);
	DeviceBuffer *b = p ? buffer_copy_from_host(d, &(HostTensor){ *buffer_type(from), p }, e) : NULL;
	free(owned);
	return b;
}

void parts_free(DeviceBuffer **part, int n)
{
	for (int k = 0; part && k < n; k++) buffer_free(part[k]);
	free(part);
}

DeviceBuffer **cut_parts(Device *first, int n, DeviceBuffer *whole, const Tiling *t, Err *e)
{
	void *owned;
	DeviceBuffer **part = calloc((size_t)n, sizeof *part);
	const void *p = part ? elements(whole, &owned, e) : NULL;
	if (!part) return fail(e, NO_MEMORY, "out of memory"), NULL;
	bool ok = p;
	for (int k = 0; ok && k < n; k++) ok = (part[k] = cut(first + k, buffer_type(whole), p, t, k, e)) != NULL;
	free(owned);
	if (ok) return part;
	parts_free(part, n);
	return NULL;
}

/* -- results --------------------------------------------------------------------------------------------- */

static bool put_part(uint8_t *whole, const TensorType *type, DeviceBuffer *part, const Block *b, Err *e)
{
	void *owned;
	size_t size = dtype_nbytes(type->dtype);
	const void *p = elements(part, &owned, e);
	for (int i = 0; i < type->rank; i++)
		if (!b->n[i]) return free(owned), p != NULL;
	if (p) copy_box((Box){ whole + offset(type, b, size), type->dims }, (Box){ (uint8_t *)(uintptr_t)p, b->dim }, b->n, type->rank, size);
	free(owned);
	return p != NULL;
}

DeviceBuffer *whole_of(Device *first, int n, DeviceBuffer *const *part, const TensorType *type, const Tiling *t, Err *e)
{
	size_t nbytes;
	if (!tensor_nbytes(type, &nbytes, e)) return NULL;
	uint8_t *whole = malloc(nbytes + 1);
	bool ok = whole || fail(e, NO_MEMORY, "out of memory");
	if (ok && is_whole(t)) ok = buffer_to_host(part[0], whole, nbytes, e);
	for (int k = 0; ok && k < n && !is_whole(t); k++) {
		Block b = block_of(type, t, k);
		ok = put_part(whole, type, part[k], &b, e);
	}
	return ok ? buffer_of_memory(first, type, whole, e) : (free(whole), NULL);
}
