/* What the files of this module share. Nobody else includes it. */
#ifndef PJRT_INTERNAL_H
#define PJRT_INTERNAL_H

#include <pjrt_c_api.h>

#include "base/arena.h"
#include "pjrt/pjrt.h"

/* The argument struct of an API function, with its size filled in:
 *	PJRT_Client_Create_Args a = ARGS(PJRT_Client_Create, .num_options = 0);
 *	pjrt_ok(p, p->api->PJRT_Client_Create(&a), e, "create client") */
#define ARGS(fn, ...) (fn##_Args){ .struct_size = fn##_Args_STRUCT_SIZE, __VA_ARGS__ }

struct Device {
	Plugin *plugin;
	PJRT_Device *pjrt;
	int id;
	const char *name, *kind;
	bool is_host;
	char *cache;               /* directory of compiled programs, NULL: none; malloc'ed */
};

struct Plugin {
	Plugin *next;
	void *handle;              /* of dlopen(); never closed, see plugin.c */
	const PJRT_Api *api;
	int nopen;                 /* openings not yet closed; the client lives while there are any */
	PJRT_Client *client;
	Arena arena;               /* of what follows; dropped with the client */
	PluginInfo info;
	int ndevice;
	Device *device;
};

/* True when there is no error; else records it as "what: CODE: message" and destroys it. e NULL: it is
 * ignored. */
bool pjrt_ok(const Plugin *p, PJRT_Error *error, Err *e, const char *what);

/* Waits for an event, records its error, destroys it. NULL is fine. */
bool pjrt_wait(const Plugin *p, PJRT_Event *event, Err *e, const char *what);

/* The path (malloc'ed) of the plugin that `which` means, as plugin_open() says. */
char *find_plugin(const char *which, Err *e);

/* PJRT's number of t, PJRT_Buffer_Type_INVALID where it has none; and back (DTYPE_none). */
PJRT_Buffer_Type pjrt_type(DType t);
DType dtype_from_pjrt(PJRT_Buffer_Type type);
DType dtype_from_xla(uint64_t primitive_type);

/* Where the buffer's first byte lies on its device, now. */
bool buffer_address(const DeviceBuffer *b, const void **at, Err *e);

/* "f32[2,3]" into text[0..n), cut off where it does not fit; returns text. */
char *tensor_type_text(const TensorType *t, char *text, size_t n);

/* A copy of t in one block, dims behind it. */
TensorType copy_type(Arena *a, const TensorType *t);

/* Serialized CompileOptionsProto for one replica, on device d; spread over several, one partition on each. */
void put_compile_options(Buf *b, const Device *d, const Spread *s);

/* What a compiled program says of its inputs. */
typedef struct Signature {
	int ninput;
	TensorType *input;
	bool may_donate;           /* it has an aliased or donated argument */
} Signature;

/* Reads the signature out of a serialized HloModuleProto, or HloModuleProtoWithConfig; types go to the
 * arena. False: BAD_INPUT. */
bool program_signature(Arena *a, const uint8_t *p, size_t n, bool with_config, Signature *out, Err *e);

/* Takes over a PJRT buffer of which the type is known. NULL: NO_MEMORY, and the PJRT buffer is destroyed. */
DeviceBuffer *buffer_adopt(Device *d, PJRT_Buffer *pjrt, const TensorType *t, Err *e);
/* Puts one that is still in host memory on its device. */
/* Whether the plugin's buffer has the dims of its type. */
bool buffer_has_dims(const DeviceBuffer *b, Err *e);
PJRT_Buffer *buffer_pjrt(DeviceBuffer *b, Err *e);

/* In host memory that it takes over (free()), on failure too. */
DeviceBuffer *buffer_of_memory(Device *d, const TensorType *t, void *memory, Err *e);

/* A tensor's blocks on n devices, an array to be freed with parts_free(); and back. */
DeviceBuffer **cut_parts(Device *first, int n, DeviceBuffer *whole, const Tiling *t, Err *e);
DeviceBuffer *copy_to_device(Device *d, DeviceBuffer *from, Err *e);
void parts_free(DeviceBuffer **part, int n);
DeviceBuffer *whole_of(Device *first, int n, DeviceBuffer *const *part, const TensorType *type, const Tiling *t, Err *e);

#endif
