/* Running StableHLO on any device that has a PJRT plugin, through the PJRT C API and nothing else.
 *
 *	Plugin *p = plugin_open(NULL, &e);                          the default: XLA on this machine's CPU
 *	Runner *r = p ? runner_new(plugin_device(p, 0), &e) : NULL;
 *	if (r && runner_bind(r, 0, &weight, &e)                     argument 0 of @main stays on the device
 *	      && runner_add(r, bytecode, n, NULL, &e)               compiled once
 *	      && runner_run(r, &x, 1, out, &e)) {                   as often as wanted, from any thread
 *		const float *y = buffer_view(out[0], &e);
 *		buffer_free(out[0]);
 *	}
 *	runner_free(r); plugin_close(p);
 *
 * A module is bytes: a portable artifact or MLIR bytecode (text does as well). It is compiled for one
 * device, or as one program for several (Spread). Refused: a plugin of another PJRT major version, tuples, tokens and
 * dynamic dimensions as inputs or outputs, element types that PJRT has no number for (f6E2M3FN, f6E3M2FN,
 * tf32, complex<f16>).
 *
 * Every function here may be called from several threads at once on the same object, except the ones that
 * free it and runner_bind(). What hangs on what: buffers, executables and runners on a plugin; free them
 * before plugin_close(). How plugins are found and when memory is shared with them: docs/running.md. */
#ifndef PJRT_PJRT_H
#define PJRT_PJRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/dtype.h"
#include "base/err.h"

/* -- plugins and devices --------------------------------------------------------------------------------- */

/* Owns a client of one plugin; shared by all who open the same file. */
typedef struct Plugin Plugin;
/* Lives as long as its plugin is open. */
typedef struct Device Device;

/* Opens a plugin: by path (anything with a '/' or ending in ".so"), by name ("cpu", "cuda", "rocm", "tpu",
 * or the Python package that holds it), or with NULL the one that PJRT_PLUGIN_LIBRARY_PATH names, else
 * "cpu". Opening the same file again gives the same plugin and client. NULL: IO when none is found (with the
 * places looked at and what to install), PLUGIN when the file is no plugin, speaks another PJRT version or
 * cannot start. Close it once per opening. */
Plugin *plugin_open(const char *which, Err *e);
void plugin_close(Plugin *p);

/* What the plugin says of itself. A StableHLO version that it does not report is 0.0.0. Lives until
 * plugin_close(). */
typedef struct PluginInfo {
	const char *name;              /* file name without ending: "xla_cpu_pjrt" */
	const char *path;
	const char *platform;          /* "cpu", "cuda", "tpu" */
	const char *platform_version;
	int pjrt_major, pjrt_minor;
	int64_t xla_version;           /* 0: not reported */
	int stablehlo_current[3];      /* the newest bytecode it reads */
	int stablehlo_minimum[3];      /* the oldest */
} PluginInfo;
const PluginInfo *plugin_info(const Plugin *p);

/* Devices that this process can use; at least one. NULL when i is outside 0 .. plugin_ndevices() - 1. */
int plugin_ndevices(const Plugin *p);
Device *plugin_device(Plugin *p, int i);

Plugin *device_plugin(const Device *d);
int device_id(const Device *d);
const char *device_name(const Device *d);      /* as the plugin prints it: "TFRT_CPU_0" */
const char *device_kind(const Device *d);      /* "cpu", "NVIDIA H100 80GB HBM3" */
bool device_is_host(const Device *d);          /* its memory is this process's memory */

/* Keeps what is compiled for the device in a directory, which is made when it is not there, for later processes: they load it when plugin,
 * machine, options and module are the same. Only what this library wrote may be in it: plugins trust it. NULL: no more. Not while
 * something compiles. IO, NO_MEMORY. */
bool device_cache(Device *d, const char *dir, Err *e);

/* -- tensors --------------------------------------------------------------------------------------------- */

typedef struct TensorType {
	DType dtype;
	int rank;
	const int64_t *dims;           /* [rank] */
} TensorType;

/* Borrows data: dense, row-major, little-endian, dtype_nbytes() an element. NULL is fine when there are no
 * elements. */
typedef struct HostTensor {
	TensorType type;
	const void *data;
} HostTensor;

bool tensor_type_eq(const TensorType *x, const TensorType *y);
/* Bytes of a dense tensor in host memory; fails with BAD_INPUT on a negative dimension or a size beyond
 * PTRDIFF_MAX. */
bool tensor_nbytes(const TensorType *t, size_t *nbytes, Err *e);

/* A tensor in a device's memory. Owns it; free with buffer_free(). */
typedef struct DeviceBuffer DeviceBuffer;

/* Puts t on the device. On a host device data is used in place where the plugin can (aligned to 64 bytes):
 * then buffer_borrows() is true and data must stay, unchanged, until buffer_free() returns. Otherwise it was
 * copied, and data may go at once. NULL: UNSUPPORTED for a dtype that PJRT has no number for, BAD_INPUT,
 * PLUGIN, NO_MEMORY. */
DeviceBuffer *buffer_from_host(Device *d, const HostTensor *t, Err *e);
/* The same, always a copy. */
DeviceBuffer *buffer_copy_from_host(Device *d, const HostTensor *t, Err *e);
bool buffer_borrows(const DeviceBuffer *b);
/* One that stays in host memory until a device wants it: for programs on several devices, which take only parts of it. t.data must stay. */
DeviceBuffer *buffer_on_host(Device *d, const HostTensor *t, Err *e);

/* Lives as long as the buffer. */
const TensorType *buffer_type(const DeviceBuffer *b);
size_t buffer_nbytes(const DeviceBuffer *b);
Device *buffer_device(const DeviceBuffer *b);

/* Copies it, dense and row-major, to dst[0..nbytes); fails with BAD_INPUT when nbytes is not
 * buffer_nbytes(). */
bool buffer_to_host(const DeviceBuffer *b, void *dst, size_t nbytes, Err *e);

/* The elements where they lie, dense and row-major, until buffer_free(): read-only. NULL: UNSUPPORTED when
 * the device's memory is not the host's, or is laid out in another way (sub-byte elements are packed); use
 * buffer_to_host() then. */
const void *buffer_view(DeviceBuffer *b, Err *e);

/* Also waits until the plugin has let go of borrowed memory. NULL is fine. */
void buffer_free(DeviceBuffer *b);

/* -- executables ----------------------------------------------------------------------------------------- */

/* A module compiled for one device. Owns the code; free with executable_free(). */
typedef struct Executable Executable;

/* How a tensor lies on several devices: dimension i is cut into tiles[i] blocks of ceil(size / tiles[i]) elements, device k has block[k],
 * counted row-major. Zeroed: each device has all of it. */
typedef struct Tiling {
	const int64_t *tiles;          /* [rank] */
	const int *block;              /* [ndevice] */
} Tiling;

/* A module that is one program for several devices (SPMD): of the plugin's, those from the executable's own on. Its inputs and results are
 * whole, in host memory. */
typedef struct Spread {
	int ndevice;                   /* 0: for one device */
	bool replicas;                 /* each device has inputs and results of its own (executable_run_each()); else blocks of the same */
	bool shardy;                   /* partitioned by Shardy, else by GSPMD */
	const Tiling *in;              /* [ninputs] */
	int nout;
	const TensorType *out_type;    /* [nout] whole */
	const Tiling *out;             /* [nout] */
} Spread;

/* Zeroed: no choices made. */
typedef struct CompileOptions {
	/* What @main takes, when the caller knows: saves asking the plugin, which answers with the whole compiled
	 * program. Borrowed during the call. */
	const TensorType *inputs;
	int ninputs;
	/* runner_compile(): what the module was made for, besides the types of its inputs. Copied. */
	const int64_t *number;
	int nnumber;
	/* runner_compile(): where the module's arguments come from, when they are not the program's in order: [ninputs] a position of it, or
	 * ~i of more[]. User inputs are all there, in order. Copied; the buffers are borrowed by the runner. */
	const int *argument;
	DeviceBuffer *const *more;
	Spread spread;                 /* inputs are then given; copied */
} CompileOptions;

/* Compiles bytecode[0..n) for d. NULL: PLUGIN with the compiler's own message; UNSUPPORTED for an input or
 * output that cannot be a DeviceBuffer. opts may be NULL. */
Executable *executable_compile(Device *d, const void *bytecode, size_t n, const CompileOptions *opts, Err *e);

/* The same, out of the device's directory if it is there; else put into it. compiled: whether it had to be. */
Executable *executable_cached(Device *d, const void *bytecode, size_t n, const CompileOptions *opts, bool *compiled, Err *e);

/* Appends the executable in the plugin's own form, for the same plugin build and kind of device. */
bool executable_serialize(const Executable *x, Buf *out, Err *e);
/* NULL: PLUGIN when the bytes come from another build or are damaged as far as the plugin notices: it trusts
 * them, so give it only bytes that you wrote. */
Executable *executable_deserialize(Device *d, const void *p, size_t n, const CompileOptions *opts, Err *e);

/* -1 inputs: the plugin does not tell and the caller did not; then only the plugin checks a run. */
/* Takes a buffer as input i of every run to come; it must outlive the executable. Only for a program on several devices, to cut it up once. */
bool executable_pin(Executable *x, int i, DeviceBuffer *b, Err *e);
int executable_ndevices(const Executable *x);

int executable_ninputs(const Executable *x);
int executable_noutputs(const Executable *x);
const TensorType *executable_input(const Executable *x, int i);
const TensorType *executable_output(const Executable *x, int i);
Device *executable_device(const Executable *x);

/* Zeroed: nothing is donated. */
typedef struct RunOptions {
	/* Inputs whose memory a module with aliased or donated arguments may reuse for its outputs; the buffer
	 * is of no use afterwards but for buffer_free(). All others are never written. */
	const int64_t *donate;
	int ndonate;
} RunOptions;

/* Runs in[0..nin) -> out[0..executable_noutputs()) and waits for the end. BAD_INPUT names the first input
 * that does not fit, before the plugin is called; PLUGIN carries the device's message. On failure no out[]
 * is set. Free every out[]. */
bool executable_run(Executable *x, DeviceBuffer *const *in, int nin, DeviceBuffer **out,
	const RunOptions *opts, Err *e);

/* The same of a program of replicas: in[k * nin + i] is input i of device k, out[k * executable_noutputs() + j] its result j. */
bool executable_run_each(Executable *x, DeviceBuffer *const *in, int nin, DeviceBuffer **out, Err *e);

void executable_free(Executable *x);

/* -- runners --------------------------------------------------------------------------------------------- */

/* One program on one device: its weights, uploaded once, and an executable for each module that was made of
 * it (one, or one per shape of its inputs). Of these it keeps those used last, at most so many. Owns both; free
 * with runner_free(). */
typedef struct Runner Runner;
enum { RUNNER_LIMIT = 32 };              /* executables kept unless runner_limit() says otherwise */

/* An executable of a runner, in use: it lives until runner_drop(), whether the runner still keeps it or not. */
typedef struct Kept Kept;

/* NULL: NO_MEMORY. */
Runner *runner_new(Device *d, Err *e);
/* Its programs are for several devices: what it is given stays in host memory. Before anything is bound. */
void runner_spread(Runner *r);

/* Puts t at argument `position` of @main for every run to come. t.data must outlive the runner (a host
 * device uses it in place). Bind before the first run. BAD_INPUT when the position is taken or negative. */
bool runner_bind(Runner *r, int position, const HostTensor *t, Err *e);

/* What is bound there; NULL: nothing. */
DeviceBuffer *runner_bound(const Runner *r, int position);

/* Compiles a module unless the same bytes were added before. Calls queue; runs of other modules go on
 * meanwhile. */
bool runner_add(Runner *r, const void *bytecode, size_t n, const CompileOptions *opts, Err *e);

/* The same, and the executable is in use by the caller. NULL on failure. */
Kept *runner_compile(Runner *r, const void *bytecode, size_t n, const CompileOptions *opts, Err *e);

/* An executable whose unbound inputs are of exactly these types and that was made for these numbers, in use by
 * the caller; NULL: none is kept. */
Kept *runner_take(Runner *r, const HostTensor *in, int nin, const int64_t *number, int nnumber);
void runner_drop(Runner *r, Kept *k);    /* NULL is fine */
int kept_noutputs(const Kept *k);

/* runner_run() and runner_run_buffers() with an executable that is known to take the inputs. */
bool kept_run(Runner *r, Kept *k, const HostTensor *in, int nin, DeviceBuffer **out, Err *e);
bool kept_run_buffers(Runner *r, Kept *k, DeviceBuffer *const *in, int nin, DeviceBuffer **out, const RunOptions *opts, Err *e);

/* runner_run() of a program of n replicas: in[k * nin + i] is input i of the k-th, out[k * runner_noutputs() + j] its result j. */
bool kept_run_each(Runner *r, Kept *k, int n, const HostTensor *in, int nin, DeviceBuffer **out, Err *e);

/* How many executables to keep, 1 at least. What is over it goes at once, runs that use it end first. */
void runner_limit(Runner *r, int limit);

/* Adds an executable (deserialized) and takes it over, also on failure. */
bool runner_adopt(Runner *r, Executable *x, Err *e);

/* Is an executable kept whose unbound inputs are of exactly these types? */
bool runner_has(Runner *r, const HostTensor *in, int nin);

/* Runs the executable that takes in[0..nin), the inputs without the bound ones, in order. Copies what the
 * device cannot use in place. out must hold runner_noutputs() buffers; free each of them. Fails as
 * executable_run(). */
bool runner_run(Runner *r, const HostTensor *in, int nin, DeviceBuffer **out, Err *e);

/* The same with inputs that are on the device already; they stay the caller's. opts: as executable_run()'s,
 * donated inputs by their number in in[]; may be NULL. */
bool runner_run_buffers(Runner *r, DeviceBuffer *const *in, int nin, DeviceBuffer **out, const RunOptions *opts, Err *e);

int runner_noutputs(Runner *r);          /* of the last module added (all have the same number); 0 before */
int runner_ncompiled(Runner *r);         /* compilations so far */
int runner_nkept(Runner *r);             /* executables kept now */

void runner_free(Runner *r);

#endif
