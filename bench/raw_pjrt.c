/* The baseline: a module executed through the PJRT C API with nothing around it.
 *
 *	raw_pjrt PLUGIN.so module.bytecode RUNS < types        one line per argument: PJRT type number, rank, dims
 *
 * Arguments are zeros, put on the device once. Prints milliseconds: compile, then the median of RUNS runs. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pjrt_c_api.h"

static const PJRT_Api *api;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void ok(PJRT_Error *e)
{
	if (!e) return;
	PJRT_Error_Message_Args m = { .struct_size = PJRT_Error_Message_Args_STRUCT_SIZE, .error = e };
	api->PJRT_Error_Message(&m);
	fprintf(stderr, "raw_pjrt: %.*s\n", (int)m.message_size, m.message);
	exit(1);
}

static void await_event(PJRT_Event *event)
{
	PJRT_Event_Await_Args a = { .struct_size = PJRT_Event_Await_Args_STRUCT_SIZE, .event = event };
	ok(api->PJRT_Event_Await(&a));
	PJRT_Event_Destroy_Args d = { .struct_size = PJRT_Event_Destroy_Args_STRUCT_SIZE, .event = event };
	ok(api->PJRT_Event_Destroy(&d));
}

/* CompileOptionsProto { executable_build_options { num_replicas: 1 num_partitions: 1 device_ordinal: -1 } } */
static const char options[] = "\x1a\x0f\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x01\x28\x01";

static PJRT_LoadedExecutable *compile(PJRT_Client *client, char *code, size_t n)
{
	PJRT_Program program = { .struct_size = PJRT_Program_STRUCT_SIZE, .code = code, .code_size = n, .format = "mlir", .format_size = 4 };
	PJRT_Client_Compile_Args a = { .struct_size = PJRT_Client_Compile_Args_STRUCT_SIZE, .client = client, .program = &program,
		.compile_options = options, .compile_options_size = sizeof options - 1 };
	ok(api->PJRT_Client_Compile(&a));
	return a.executable;
}

static PJRT_Buffer *argument(PJRT_Client *client, PJRT_Device *device, int type, int rank, const int64_t *dims)
{
	size_t n = 16;
	for (int i = 0; i < rank; i++) n *= (size_t)dims[i];
	void *zeros = calloc(1, n);
	PJRT_Client_BufferFromHostBuffer_Args a = { .struct_size = PJRT_Client_BufferFromHostBuffer_Args_STRUCT_SIZE, .client = client,
		.data = zeros, .type = (PJRT_Buffer_Type)type, .dims = dims, .num_dims = (size_t)rank, .device = device,
		.host_buffer_semantics = PJRT_HostBufferSemantics_kImmutableUntilTransferCompletes };
	ok(api->PJRT_Client_BufferFromHostBuffer(&a));
	await_event(a.done_with_host_buffer);
	free(zeros);
	return a.buffer;
}

static size_t count_outputs(PJRT_LoadedExecutable *x)
{
	PJRT_LoadedExecutable_GetExecutable_Args g = { .struct_size = PJRT_LoadedExecutable_GetExecutable_Args_STRUCT_SIZE, .loaded_executable = x };
	ok(api->PJRT_LoadedExecutable_GetExecutable(&g));
	PJRT_Executable_NumOutputs_Args a = { .struct_size = PJRT_Executable_NumOutputs_Args_STRUCT_SIZE, .executable = g.executable };
	ok(api->PJRT_Executable_NumOutputs(&a));
	return a.num_outputs;
}

static void run(PJRT_LoadedExecutable *x, PJRT_Buffer *const *in, size_t nin, PJRT_Buffer **out, size_t nout)
{
	PJRT_ExecuteOptions opt = { .struct_size = PJRT_ExecuteOptions_STRUCT_SIZE };
	PJRT_Buffer *const *const ins[1] = { in };
	PJRT_Buffer **const outs[1] = { out };
	PJRT_Event *done[1] = { 0 };
	PJRT_LoadedExecutable_Execute_Args a = { .struct_size = PJRT_LoadedExecutable_Execute_Args_STRUCT_SIZE, .executable = x, .options = &opt,
		.argument_lists = ins, .num_devices = 1, .num_args = nin, .output_lists = outs, .device_complete_events = done };
	ok(api->PJRT_LoadedExecutable_Execute(&a));
	await_event(done[0]);
	for (size_t i = 0; i < nout; i++) {
		PJRT_Buffer_Destroy_Args d = { .struct_size = PJRT_Buffer_Destroy_Args_STRUCT_SIZE, .buffer = out[i] };
		ok(api->PJRT_Buffer_Destroy(&d));
	}
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	return (a > b) - (a < b);
}

static char *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *p = f && !fseek(f, 0, SEEK_END) ? malloc((size_t)ftell(f) + 1) : NULL;
	if (!p) { perror(path); exit(1); }
	*n = (size_t)ftell(f);
	rewind(f);
	if (fread(p, 1, *n, f) != *n) { perror(path); exit(1); }
	fclose(f);
	return p;
}

int main(int argc, char **argv)
{
	if (argc != 4) return fprintf(stderr, "usage: raw_pjrt PLUGIN.so module.bytecode RUNS < types\n"), 2;
	void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	const PJRT_Api *(*get)(void) = NULL;
	if (plugin) *(void **)&get = dlsym(plugin, "GetPjrtApi");
	if (!get) return fprintf(stderr, "raw_pjrt: %s\n", dlerror()), 1;
	api = get();
	PJRT_Plugin_Initialize_Args init = { .struct_size = PJRT_Plugin_Initialize_Args_STRUCT_SIZE };
	ok(api->PJRT_Plugin_Initialize(&init));
	PJRT_Client_Create_Args c = { .struct_size = PJRT_Client_Create_Args_STRUCT_SIZE };
	ok(api->PJRT_Client_Create(&c));
	PJRT_Client_AddressableDevices_Args d = { .struct_size = PJRT_Client_AddressableDevices_Args_STRUCT_SIZE, .client = c.client };
	ok(api->PJRT_Client_AddressableDevices(&d));

	size_t n, nin = 0;
	char *code = slurp(argv[2], &n);
	double start = now();
	PJRT_LoadedExecutable *x = compile(c.client, code, n);
	double compiled = now() - start;

	static PJRT_Buffer *in[65536];
	int type, rank;
	while (nin < 65536 && scanf("%d %d", &type, &rank) == 2) {
		int64_t dims[64] = { 0 };
		for (int i = 0; i < rank && i < 64; i++)
			if (scanf("%ld", &dims[i]) != 1) return 2;
		in[nin++] = argument(c.client, d.addressable_devices[0], type, rank, dims);
	}
	size_t nout = count_outputs(x);
	PJRT_Buffer **out = calloc(nout + 1, sizeof *out);
	int runs = atoi(argv[3]);
	double *ms = calloc((size_t)runs + 1, sizeof *ms);
	run(x, in, nin, out, nout);
	for (int i = 0; i < runs; i++) {
		double t = now();
		run(x, in, nin, out, nout);
		ms[i] = now() - t;
	}
	qsort(ms, (size_t)runs, sizeof *ms, by_value);
	printf("%.3f %.3f\n", compiled, ms[runs / 2]);
	return 0;
}
