#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "pjrt/internal.h"

struct Executable {
	Device *device;
	PJRT_LoadedExecutable *loaded;
	PJRT_Executable *pjrt;
	Arena arena;               /* of the signature */
	Signature in;              /* ninput -1: unknown */
	int noutput;
	TensorType *output;
	char *code;                /* the compiled program, while the signature is read */
	Spread spread;
	DeviceBuffer ***pinned;    /* [ninput] the parts of inputs that are always the same; NULL: comes with a run */
};

static void unload(const Plugin *p, PJRT_LoadedExecutable *loaded)
{
	PJRT_LoadedExecutable_Destroy_Args a = ARGS(PJRT_LoadedExecutable_Destroy, .executable = loaded);
	pjrt_ok(p, p->api->PJRT_LoadedExecutable_Destroy(&a), NULL, "destroy executable");
}

void executable_free(Executable *x)
{
	if (!x) return;
	const Plugin *p = x->device->plugin;
	for (int i = 0; x->pinned && i < x->in.ninput; i++) parts_free(x->pinned[i], x->spread.ndevice);
	if (x->pjrt) {
		PJRT_Executable_Destroy_Args a = ARGS(PJRT_Executable_Destroy, .executable = x->pjrt);
		pjrt_ok(p, p->api->PJRT_Executable_Destroy(&a), NULL, "destroy executable");
	}
	unload(p, x->loaded);
	arena_free(&x->arena);
	free(x->code);
	free(x);
}

/* -- what goes in and comes out -------------------------------------------------------------------------- */

static bool read_outputs(Executable *x, Err *e)
{
	const Plugin *p = x->device->plugin;
	PJRT_Executable_NumOutputs_Args n = ARGS(PJRT_Executable_NumOutputs, .executable = x->pjrt);
	PJRT_Executable_OutputElementTypes_Args t = ARGS(PJRT_Executable_OutputElementTypes,
		.executable = x->pjrt);
	PJRT_Executable_OutputDimensions_Args d = ARGS(PJRT_Executable_OutputDimensions, .executable = x->pjrt);
	if (!pjrt_ok(p, p->api->PJRT_Executable_NumOutputs(&n), e, "count outputs")) return false;
	if (!pjrt_ok(p, p->api->PJRT_Executable_OutputElementTypes(&t), e, "read output types")) return false;
	if (!pjrt_ok(p, p->api->PJRT_Executable_OutputDimensions(&d), e, "read output shapes")) return false;
	if (t.num_output_types != n.num_outputs || n.num_outputs > INT32_MAX)
		return fail(e, PLUGIN, "%zu outputs and %zu output types", n.num_outputs, t.num_output_types);
	x->noutput = (int)n.num_outputs;
	x->output = NEW(&x->arena, TensorType, x->noutput);
	const int64_t *dims = d.dims;
	for (int i = 0; i < x->noutput; i++) {
		TensorType one = { dtype_from_pjrt(t.output_types[i]), (int)d.dim_sizes[i], dims };
		if (!one.dtype)
			return fail(e, UNSUPPORTED, "output %d has PJRT's element type %d", i, (int)t.output_types[i]);
		x->output[i] = copy_type(&x->arena, &one);
		if (one.rank) dims += one.rank;      /* dims may be NULL when all are scalars */
	}
	return true;
}

static bool is_format(const PJRT_Program *prog, const char *name)
{
	return prog->format_size == strlen(name) && !memcmp(prog->format, name, prog->format_size);
}

/* The C API has no call for a program's inputs; they stand in the compiled program itself. A plugin that
 * does not hand it out, or in a format of its own, leaves the inputs unknown. */
static bool read_inputs(Executable *x, Err *e)
{
	const Plugin *p = x->device->plugin;
	PJRT_Program prog = { .struct_size = PJRT_Program_STRUCT_SIZE };
	PJRT_Executable_OptimizedProgram_Args a = ARGS(PJRT_Executable_OptimizedProgram, .executable = x->pjrt,
		.program = &prog);
	if (!pjrt_ok(p, p->api->PJRT_Executable_OptimizedProgram(&a), NULL, "size of program") || !prog.code_size)
		return true;
	prog.code = x->code = malloc(prog.code_size);
	if (!x->code) return fail(e, NO_MEMORY, "out of memory");
	if (!pjrt_ok(p, p->api->PJRT_Executable_OptimizedProgram(&a), NULL, "read program")) return true;
	bool with_config = is_format(&prog, "hlo_with_config");
	return !(with_config || is_format(&prog, "hlo"))
		|| program_signature(&x->arena, (const uint8_t *)x->code, prog.code_size, with_config, &x->in, e);
}

static void take_inputs(Executable *x, const CompileOptions *o)
{
	x->in.ninput = o->ninputs;
	x->in.input = NEW(&x->arena, TensorType, o->ninputs);
	for (int i = 0; i < o->ninputs; i++) x->in.input[i] = copy_type(&x->arena, &o->inputs[i]);
}

static Tiling *copy_tilings(Arena *a, const Tiling *from, const TensorType *type, int n, int ndevice)
{
	Tiling *to = NEW(a, Tiling, n + 1);
	for (int i = 0; i < n; i++)
		if (from[i].tiles)
			to[i] = (Tiling){ COPY(a, int64_t, from[i].tiles, type[i].rank + 1), COPY(a, int, from[i].block, ndevice) };
	return to;
}

/* Outputs are whole too: what the plugin says is of one device. */
static void take_spread(Executable *x, const CompileOptions *o)
{
	Spread s = o->spread;
	Arena *a = &x->arena;
	TensorType *out = NEW(a, TensorType, s.nout + 1);
	for (int i = 0; i < s.nout; i++) out[i] = copy_type(a, &s.out_type[i]);
	s.in = copy_tilings(a, s.in, o->inputs, o->ninputs, s.ndevice);
	s.out = copy_tilings(a, s.out, s.out_type, s.nout, s.ndevice);
	s.out_type = x->output = out;
	x->pinned = NEW(a, DeviceBuffer **, o->ninputs + 1);
	x->noutput = s.nout;
	x->spread = s;
}

static bool describe(Executable *x, const CompileOptions *o, Err *e)
{
	const Plugin *p = x->device->plugin;
	PJRT_LoadedExecutable_GetExecutable_Args a = ARGS(PJRT_LoadedExecutable_GetExecutable,
		.loaded_executable = x->loaded);
	if (!pjrt_ok(p, p->api->PJRT_LoadedExecutable_GetExecutable(&a), e, "read executable")) return false;
	x->pjrt = a.executable;
	jmp_buf full;
	if (setjmp(full)) return fail(e, NO_MEMORY, "out of memory");
	x->arena.full = &full;
	if (o && o->inputs) take_inputs(x, o);
	bool spread = o && o->inputs && o->spread.ndevice > 1;
	if (spread) take_spread(x, o);
	bool ok = spread || (((o && o->inputs) || read_inputs(x, e)) && read_outputs(x, e));
	x->arena.full = NULL;
	free(x->code);
	x->code = NULL;
	return ok;
}

/* -- compile, write, read -------------------------------------------------------------------------------- */

/* Can a run of the module overwrite its inputs? Then an attribute says so (tf.aliasing_output,
 * jax.buffer_donor, mhlo.input_output_alias, ...), and its name stands in the bytes as it is, in bytecode
 * and in text. To say yes too often costs 40 ns an input and run: XLA makes a set of the inputs that must be
 * kept. */
static bool speaks_of_donation(const void *bytecode, size_t n)
{
	return memmem(bytecode, n, "alias", 5) || memmem(bytecode, n, "donor", 5);
}

/* Takes loaded over. may_donate is what is known until the compiled program has been read. */
static Executable *executable_new(Device *d, PJRT_LoadedExecutable *loaded, bool may_donate,
	const CompileOptions *o, Err *e)
{
	Executable *x = calloc(1, sizeof *x);
	if (!x) {
		unload(d->plugin, loaded);
		return fail(e, NO_MEMORY, "out of memory"), NULL;
	}
	*x = (Executable){ .device = d, .loaded = loaded, .in = { .ninput = -1, .may_donate = may_donate } };
	if (describe(x, o, e)) return x;
	executable_free(x);
	return NULL;
}

Executable *executable_compile(Device *d, const void *bytecode, size_t n, const CompileOptions *opts, Err *e)
{
	const Plugin *p = d->plugin;
	static const char format[] = "mlir";      /* also VHLO, which the plugin upgrades to its own StableHLO */
	Buf options = { 0 };
	put_compile_options(&options, d, opts ? &opts->spread : NULL);
	if (options.failed) {
		buf_free(&options);
		return fail(e, NO_MEMORY, "out of memory"), NULL;
	}
	PJRT_Program prog = { .struct_size = PJRT_Program_STRUCT_SIZE, .code = (char *)bytecode, .code_size = n,
		.format = format, .format_size = sizeof format - 1 };
	PJRT_Client_Compile_Args a = ARGS(PJRT_Client_Compile, .client = p->client, .program = &prog,
		.compile_options = (const char *)options.p, .compile_options_size = options.n);
	bool ok = pjrt_ok(p, p->api->PJRT_Client_Compile(&a), e, "compile");
	buf_free(&options);
	return ok ? executable_new(d, a.executable, speaks_of_donation(bytecode, n), opts, e) : NULL;
}

bool executable_serialize(const Executable *x, Buf *out, Err *e)
{
	const Plugin *p = x->device->plugin;
	PJRT_Executable_Serialize_Args a = ARGS(PJRT_Executable_Serialize, .executable = x->pjrt);
	if (!pjrt_ok(p, p->api->PJRT_Executable_Serialize(&a), e, "serialize executable")) return false;
	put(out, a.serialized_bytes, a.serialized_bytes_size);
	a.serialized_executable_deleter(a.serialized_executable);
	return !out->failed || fail(e, NO_MEMORY, "out of memory");
}

Executable *executable_deserialize(Device *d, const void *p, size_t n, const CompileOptions *opts, Err *e)
{
	const Plugin *plugin = d->plugin;
	PJRT_Executable_DeserializeAndLoad_Args a = ARGS(PJRT_Executable_DeserializeAndLoad,
		.client = plugin->client, .serialized_executable = p, .serialized_executable_size = n);
	if (!pjrt_ok(plugin, plugin->api->PJRT_Executable_DeserializeAndLoad(&a), e, "deserialize executable"))
		return NULL;
	return executable_new(d, a.loaded_executable, true, opts, e);
}

/* -- running --------------------------------------------------------------------------------------------- */

static bool check_inputs(const Executable *x, DeviceBuffer *const *in, int nin, Err *e)
{
	if (nin < 0) return fail(e, BAD_INPUT, "%d inputs given", nin);
	if (x->in.ninput < 0) return true;
	if (nin != x->in.ninput)
		return fail(e, BAD_INPUT, "%d inputs given, the program takes %d", nin, x->in.ninput);
	for (int i = 0; i < nin; i++) {
		char found[128], wanted[128];
		const TensorType *t = buffer_type(in[i]);
		if (buffer_device(in[i]) != x->device)
			return fail(e, BAD_INPUT, "input %d is on %s, the program was compiled for %s", i,
				buffer_device(in[i])->name, x->device->name);
		if (!tensor_type_eq(t, &x->in.input[i]))
			return fail(e, BAD_INPUT, "input %d is %s, the program takes %s", i,
				tensor_type_text(t, found, sizeof found),
				tensor_type_text(&x->in.input[i], wanted, sizeof wanted));
	}
	return true;
}

/* One execution's arrays, in one block. */
typedef struct Call {
	PJRT_Buffer **in, **out;
	int64_t *keep;             /* inputs that must not be donated */
	size_t nkeep;
} Call;

static bool is_donated(const RunOptions *o, int64_t i)
{
	for (int k = 0; o && k < o->ndonate; k++)
		if (o->donate[k] == i) return true;
	return false;
}

/* Free call->in when done. */
static bool call_new(Call *call, const Executable *x, DeviceBuffer *const *in, int nin, const RunOptions *o,
	Err *e)
{
	size_t nptr = (size_t)nin + (size_t)x->noutput;
	void *block = malloc(nptr * sizeof(PJRT_Buffer *) + (size_t)nin * sizeof(int64_t) + 1);
	if (!block) return fail(e, NO_MEMORY, "out of memory");
	PJRT_Buffer **in_out = block;
	*call = (Call){ .in = in_out, .out = in_out + nin, .keep = (int64_t *)(in_out + nptr) };
	for (int i = 0; i < nin; i++) {
		call->in[i] = buffer_pjrt(in[i], e);
		if (!call->in[i]) return free(block), false;
		if (x->in.may_donate && !is_donated(o, i)) call->keep[call->nkeep++] = i;
	}
	for (int i = 0; i < x->noutput; i++) call->out[i] = NULL;
	return true;
}

static bool execute(const Executable *x, const Call *call, int nin, Err *e)
{
	const Plugin *p = x->device->plugin;
	PJRT_ExecuteOptions options = { .struct_size = PJRT_ExecuteOptions_STRUCT_SIZE,
		.non_donatable_input_indices = call->keep, .num_non_donatable_input_indices = call->nkeep };
	PJRT_Event *done = NULL;
	PJRT_LoadedExecutable_Execute_Args a = ARGS(PJRT_LoadedExecutable_Execute, .executable = x->loaded,
		.options = &options, .num_devices = 1, .num_args = (size_t)nin,
		.argument_lists = (PJRT_Buffer *const *const[]){ call->in },
		.output_lists = (PJRT_Buffer **const[]){ call->out }, .device_complete_events = &done);
	return pjrt_ok(p, p->api->PJRT_LoadedExecutable_Execute(&a), e, "run") && pjrt_wait(p, done, e, "run");
}

/* -- on several devices ---------------------------------------------------------------------------------- */

bool executable_pin(Executable *x, int i, DeviceBuffer *b, Err *e)
{
	x->pinned[i] = cut_parts(x->device, x->spread.ndevice, b, &x->spread.in[i], e);
	return x->pinned[i] || err_at(e, "argument %d", i);
}

int executable_ndevices(const Executable *x) { return x->spread.ndevice > 1 ? x->spread.ndevice : 1; }

/* A run's arrays: device by device its arguments, then its results. */
typedef struct Lists {
	DeviceBuffer ***part;      /* [nin] of the inputs that are not pinned */
	PJRT_Buffer **buffer;      /* [ndevice][nin], [ndevice][nout] */
	PJRT_Buffer ***in, ***out; /* [ndevice] */
	PJRT_Event **done;         /* [ndevice] */
} Lists;

static void lists_free(const Executable *x, Lists *l, int nin)
{
	for (int i = 0; l->part && i < nin; i++) parts_free(l->part[i], x->spread.ndevice);
	free(l->part);
	free(l->buffer);
	free(l->in);
	free(l->done);
}

/* Input i of every device, which has one of its own. */
static DeviceBuffer **own_parts(const Executable *x, DeviceBuffer *const *in, int nin, int i, Err *e)
{
	DeviceBuffer **part = calloc((size_t)x->spread.ndevice, sizeof *part);
	bool ok = part || fail(e, NO_MEMORY, "out of memory");
	for (int k = 0; ok && k < x->spread.ndevice; k++) ok = (part[k] = copy_to_device(x->device + k, in[k * nin + i], e)) != NULL;
	if (ok) return part;
	parts_free(part, x->spread.ndevice);
	return NULL;
}

static DeviceBuffer **input_parts(const Executable *x, DeviceBuffer *const *in, int nin, int i, Err *e)
{
	if (x->spread.replicas) return own_parts(x, in, nin, i, e);
	return cut_parts(x->device, x->spread.ndevice, in[i], &x->spread.in[i], e);
}

static bool lists_new(const Executable *x, DeviceBuffer *const *in, int nin, Lists *l, Err *e)
{
	size_t n = (size_t)x->spread.ndevice, nout = (size_t)x->noutput;
	*l = (Lists){ .part = calloc((size_t)nin + 1, sizeof *l->part), .buffer = calloc(n * ((size_t)nin + nout) + 1, sizeof *l->buffer),
		.in = calloc(2 * n, sizeof *l->in), .done = calloc(n, sizeof *l->done) };
	if (!l->part || !l->buffer || !l->in || !l->done) return fail(e, NO_MEMORY, "out of memory");
	l->out = l->in + n;
	for (size_t k = 0; k < n; k++) {
		l->in[k] = l->buffer + k * (size_t)nin;
		l->out[k] = l->buffer + n * (size_t)nin + k * nout;
	}
	for (int i = 0; i < nin; i++) {
		if (!x->pinned[i] && !(l->part[i] = input_parts(x, in, nin, i, e))) return err_at(e, "input %d", i);
		for (size_t k = 0; k < n; k++)
			if (!(l->in[k][i] = buffer_pjrt(x->pinned[i] ? x->pinned[i][k] : l->part[i][k], e))) return false;
	}
	return true;
}

static bool execute_spread(const Executable *x, const Lists *l, int nin, Err *e)
{
	const Plugin *p = x->device->plugin;
	int64_t *keep = malloc(((size_t)nin + 1) * sizeof *keep);
	if (!keep) return fail(e, NO_MEMORY, "out of memory");
	for (int i = 0; i < nin; i++) keep[i] = i;
	PJRT_ExecuteOptions options = { .struct_size = PJRT_ExecuteOptions_STRUCT_SIZE,
		.non_donatable_input_indices = keep, .num_non_donatable_input_indices = (size_t)nin };
	PJRT_LoadedExecutable_Execute_Args a = ARGS(PJRT_LoadedExecutable_Execute, .executable = x->loaded,
		.options = &options, .num_devices = (size_t)x->spread.ndevice, .num_args = (size_t)nin,
		.argument_lists = (PJRT_Buffer *const *const *)l->in, .output_lists = (PJRT_Buffer **const *)l->out, .device_complete_events = l->done );
	bool ok = pjrt_ok(p, p->api->PJRT_LoadedExecutable_Execute(&a), e, "run");
	for (int k = 0; k < x->spread.ndevice; k++) ok = pjrt_wait(p, l->done[k], ok ? e : NULL, "run") && ok;
	free(keep);
	return ok;
}

/* Result i of all devices, which are taken over. */
static DeviceBuffer *gather(const Executable *x, const Lists *l, int i, Err *e)
{
	int n = x->spread.ndevice;
	const TensorType *type = &x->output[i];
	const Tiling *t = &x->spread.out[i];
	int64_t dim[64];
	for (int d = 0; d < type->rank; d++) dim[d] = t->tiles ? (type->dims[d] + t->tiles[d] - 1) / t->tiles[d] : type->dims[d];
	DeviceBuffer **part = calloc((size_t)n, sizeof *part), *whole = NULL;
	bool ok = part || fail(e, NO_MEMORY, "out of memory");
	for (int k = 0; part && k < n; k++) {
		part[k] = buffer_adopt(x->device + k, l->out[k][i], &(TensorType){ type->dtype, type->rank, dim }, e);
		ok = ok && part[k] && buffer_has_dims(part[k], e);
	}
	if (ok) whole = whole_of(x->device, n, part, type, t, e);
	parts_free(part, n);
	return whole;
}

static bool run_spread(const Executable *x, DeviceBuffer *const *in, int nin, DeviceBuffer **out, Err *e)
{
	Lists l;
	bool ran = lists_new(x, in, nin, &l, e) && execute_spread(x, &l, nin, e), ok = ran;
	for (int i = 0; i < x->noutput; i++) out[i] = NULL;
	for (int i = 0; ran && i < x->noutput; i++) {
		out[i] = gather(x, &l, i, e);
		ok = ok && out[i];
	}
	for (int i = 0; i < x->noutput && !ok; i++) {
		buffer_free(out[i]);
		out[i] = NULL;
	}
	lists_free(x, &l, nin);
	return ok;
}

bool executable_run_each(Executable *x, DeviceBuffer *const *in, int nin, DeviceBuffer **out, Err *e)
{
	Lists l;
	int n = x->spread.ndevice, nout = x->noutput;
	for (int k = 0; k < n; k++)
		if (!check_inputs(x, in + k * nin, nin, e)) return err_at(e, "replica %d", k);
	bool ran = lists_new(x, in, nin, &l, e) && execute_spread(x, &l, nin, e), ok = ran;
	for (int i = 0; i < n * nout; i++) {
		out[i] = ran ? buffer_adopt(x->device + i / nout, l.out[i / nout][i % nout], &x->output[i % nout], e) : NULL;
		ok = ok && out[i];
	}
	for (int i = 0; i < n * nout && !ok; i++) {
		buffer_free(out[i]);
		out[i] = NULL;
	}
	lists_free(x, &l, nin);
	return ok;
}

bool executable_run(Executable *x, DeviceBuffer *const *in, int nin, DeviceBuffer **out,
	const RunOptions *opts, Err *e)
{
	Call call = { 0 };
	if (!check_inputs(x, in, nin, e)) return false;
	if (x->spread.replicas)
		return fail(e, BAD_INPUT, "the program is one of %d replicas, which communicate: each has inputs of its own", x->spread.ndevice);
	if (x->spread.ndevice > 1) return run_spread(x, in, nin, out, e);
	if (!call_new(&call, x, in, nin, opts, e)) return false;
	bool ok = execute(x, &call, nin, e);
	for (int i = 0; i < x->noutput; i++) {
		out[i] = call.out[i] ? buffer_adopt(x->device, call.out[i], &x->output[i], e) : NULL;
		ok = ok && out[i];
	}
	for (int i = 0; i < x->noutput && !ok; i++) {
		buffer_free(out[i]);
		out[i] = NULL;
	}
	free(call.in);
	return ok;
}

/* -- asking ---------------------------------------------------------------------------------------------- */

int executable_ninputs(const Executable *x) { return x->in.ninput; }
int executable_noutputs(const Executable *x) { return x->noutput; }
Device *executable_device(const Executable *x) { return x->device; }

const TensorType *executable_input(const Executable *x, int i)
{
	return i >= 0 && i < x->in.ninput ? &x->in.input[i] : NULL;
}

const TensorType *executable_output(const Executable *x, int i)
{
	return i >= 0 && i < x->noutput ? &x->output[i] : NULL;
}
