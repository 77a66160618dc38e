/* Compiling and running on a plugin: test_pjrt [plugin]. Exits with 77, "skipped", where the plugin is not
 * installed. Modules are MLIR text, which plugins take as well as bytecode; artifacts of StableHLO's
 * serializer stand in the folder that PJRT_TEST_ARTIFACTS names. Expected values are worked out by hand. */
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "pjrt/internal.h"
#include "pjrt/test/test.h"

static const char *plugin_name;
static Plugin *plugin;
static Device *device;

/* The message is `wanted`, or starts with it; clears the error. */
static void expect_error(Err *e, Code code, const char *wanted)
{
	if (e->code != code || strncmp(err_msg(e), wanted, strlen(wanted)))
		FAIL("found %d: %s", e->code, err_msg(e));
	err_clear(e);
}

/* @main of one operation on tensors of one type. */
static const char *module(const char *type, const char *op)
{
	static _Thread_local char text[1024];
	snprintf(text, sizeof text, "func.func @main(%%a: tensor<%s>, %%b: tensor<%s>) -> tensor<%s> {\n"
		"  %%0 = stablehlo.%s %%a, %%b : tensor<%s>\n  return %%0 : tensor<%s>\n}\n", type, type, type, op, type,
			type);
	return text;
}

static Executable *compile(const char *text, Err *e)
{
	return executable_compile(device, text, strlen(text), NULL, e);
}

#define F32(data, rank, ...) (HostTensor){ { DTYPE_f32, rank, (const int64_t[]){ __VA_ARGS__ } }, data }

static _Alignas(64) const float ones[6] = { 1, 2, 3, 4, 5, 6 }, tens[6] = { 10, 20, 30, 40, 50, 60 };

/* out[0] of a run is 11 22 33 44 55 66. */
static void expect_sum(DeviceBuffer *out)
{
	Err e = { 0 };
	float y[6];
	WORKS(buffer_to_host(out, y, sizeof y, &e));
	for (int i = 0; i < 6; i++) assert_true(y[i] == 11 * (float)(i + 1));
	buffer_free(out);
}

/* -- plugins --------------------------------------------------------------------------------------------- */

static void a_plugin_tells_its_versions(void **state)
{
	(void)state;
	const PluginInfo *i = plugin_info(plugin);
	assert_string_equal(i->platform, "cpu");
	assert_int_equal(i->pjrt_major, PJRT_API_MAJOR);
	assert_true(i->stablehlo_current[0] >= 1);
	assert_true(i->stablehlo_minimum[0] == 0 && i->stablehlo_minimum[1] == 9);
	assert_true(plugin_ndevices(plugin) >= 1);
	assert_null(plugin_device(plugin, plugin_ndevices(plugin)));
	assert_null(plugin_device(plugin, -1));
	assert_true(device_is_host(device));
	assert_string_equal(device_kind(device), "cpu");
	assert_ptr_equal(device_plugin(device), plugin);
}

static void the_same_file_is_the_same_plugin(void **state)
{
	(void)state;
	Err e = { 0 };
	Plugin *again = plugin_open(plugin_info(plugin)->path, &e);
	assert_ptr_equal(again, plugin);
	assert_ptr_equal(plugin_device(again, 0), device);
	plugin_close(again);
	assert_string_equal(plugin_info(plugin)->platform, "cpu");
}

/* -- buffers --------------------------------------------------------------------------------------------- */

/* Bytes that are values of t: for a type below a byte, small ones; for bool 0 and 1. */
static void fill(DType t, uint8_t *p, size_t n)
{
	int nbits = dtype_info(t)->nbits;
	for (size_t i = 0; i < n; i++) p[i] = (uint8_t)(nbits < 8 ? i % (nbits == 4 ? 8 : 2) : i * 37 + 1);
}

/* Every type that PJRT has a number for goes in, comes out, and, where the compiler takes it, runs through a
 * module. */
static void every_dtype_round_trips(void **state)
{
	(void)state;
	for (DType t = 1; t < NDTYPES; t++) {
		Err e = { 0 };
		_Alignas(64) uint8_t x[15 * 16], y[15 * 16], z[15 * 16];
		HostTensor h = { { t, 2, (const int64_t[]){ 3, 5 } }, x };
		size_t n = 15 * dtype_nbytes(t);
		fill(t, x, n);
		if (dtype_info(t)->kind == DKIND_INT) memset(x, 0xff, dtype_nbytes(t));      /* -1 */
		DeviceBuffer *b = buffer_from_host(device, &h, &e), *out = NULL;
		if (pjrt_type(t) == PJRT_Buffer_Type_INVALID) {
			expect_error(&e, UNSUPPORTED, "PJRT has no element type");
			continue;
		}
		WORKS(b && buffer_to_host(b, y, n, &e));
		assert_memory_equal(x, y, n);
		char text[256];
		const char *hlo = dtype_name(t);
		snprintf(text, sizeof text, "func.func @main(%%a: tensor<3x5x%s>) -> tensor<3x5x%s> {\n"
			"  return %%a : tensor<3x5x%s>\n}\n", hlo, hlo, hlo);
		Executable *exe = compile(text, &e);
		if (exe) {
			WORKS(executable_run(exe, &b, 1, &out, NULL, &e));
			assert_true(tensor_type_eq(buffer_type(out), &h.type)
				&& tensor_type_eq(executable_input(exe, 0), &h.type));
			WORKS(buffer_to_host(out, z, n, &e));
			assert_memory_equal(x, z, n);
		} else {
			print_message("  %s: copied, but not compiled: %.100s\n", hlo, err_msg(&e));
			err_clear(&e);
		}
		buffer_free(out);
		buffer_free(b);
		executable_free(exe);
	}
}

static void aligned_memory_is_used_in_place(void **state)
{
	(void)state;
	Err e = { 0 };
	DeviceBuffer *b = buffer_from_host(device, &F32(ones, 2, 2, 3), &e);
	WORKS(b);
	assert_true(buffer_borrows(b));
	assert_ptr_equal(buffer_view(b, &e), ones);
	buffer_free(b);
}

static void other_memory_is_copied(void **state)
{
	(void)state;
	Err e = { 0 };
	_Alignas(64) float x[7] = { 0, 1, 2, 3, 4, 5, 6 };
	DeviceBuffer *b = buffer_from_host(device, &F32(x + 1, 1, 6), &e);
	WORKS(b);
	assert_false(buffer_borrows(b));
	x[1] = 100;      /* ours again */
	const float *y = buffer_view(b, &e);
	assert_true(y && y != x + 1 && y[0] == 1 && y[5] == 6);
	buffer_free(b);
}

static void scalars_and_empty_tensors(void **state)
{
	(void)state;
	Err e = { 0 };
	float y;
	DeviceBuffer *b = buffer_from_host(device, &(HostTensor){ { DTYPE_f32, 0, NULL }, tens }, &e);
	WORKS(b && buffer_to_host(b, &y, sizeof y, &e));
	assert_true(y == 10 && buffer_type(b)->rank == 0);
	assert_true(*(const float *)buffer_view(b, &e) == 10);
	buffer_free(b);
	DeviceBuffer *in[2] = { buffer_from_host(device, &F32(NULL, 2, 0, 3), &e), NULL }, *out;
	WORKS(in[0] && buffer_to_host(in[0], NULL, 0, &e));
	assert_non_null(buffer_view(in[0], &e));
	in[1] = in[0];
	Executable *x = compile(module("0x3xf32", "add"), &e);
	WORKS(x && executable_run(x, in, 2, &out, NULL, &e));
	assert_int_equal(buffer_nbytes(out), 0);
	assert_non_null(buffer_view(out, &e));
	buffer_free(out);
	buffer_free(in[0]);
	executable_free(x);
}

static void impossible_tensors_are_refused(void **state)
{
	(void)state;
	Err e = { 0 };
	assert_null(buffer_from_host(device, &F32(ones, 1, -1), &e));
	expect_error(&e, BAD_INPUT, "f32[-1]: dimension 0 is negative");
	assert_null(buffer_from_host(device, &F32(ones, 3, INT64_MAX, INT64_MAX, 4), &e));
	expect_error(&e, BAD_INPUT, "f32[9223372036854775807,9223372036854775807,4]: more bytes than memory has");
	assert_null(buffer_from_host(device, &F32(NULL, 1, 2), &e));
	expect_error(&e, BAD_INPUT, "a tensor of 8 bytes has no data");
	DeviceBuffer *b = buffer_from_host(device, &F32(ones, 1, 6), &e);
	float y[5];
	assert_false(buffer_to_host(b, y, sizeof y, &e));
	expect_error(&e, BAD_INPUT, "20 bytes to copy 24 bytes to");
	buffer_free(b);
	_Alignas(64) int8_t nibbles[4] = { 1, 2, 3, -1 };
	b = buffer_from_host(device, &(HostTensor){ { DTYPE_i4, 1, (const int64_t[]){ 4 } }, nibbles }, &e);
	WORKS(b);
	assert_null(buffer_view(b, &e));
	expect_error(&e, UNSUPPORTED, "i4 elements are packed on the device");
	buffer_free(b);
}

/* -- executables ----------------------------------------------------------------------------------------- */

static void add_runs(void **state)
{
	(void)state;
	Err e = { 0 };
	Executable *x = compile(module("2x3xf32", "add"), &e);
	WORKS(x);
	assert_int_equal(executable_ninputs(x), 2);
	assert_int_equal(executable_noutputs(x), 1);
	assert_true(tensor_type_eq(executable_output(x, 0), &F32(NULL, 2, 2, 3).type));
	assert_null(executable_input(x, 2));
	assert_null(executable_output(x, 1));
	DeviceBuffer *in[2] = { buffer_from_host(device, &F32(ones, 2, 2, 3), &e),
		buffer_from_host(device, &F32(tens, 2, 2, 3), &e) };
	DeviceBuffer *out;
	WORKS(executable_run(x, in, 2, &out, NULL, &e));
	const float *y = buffer_view(out, &e);
	assert_true(y && y[5] == 66 && (uintptr_t)y % 16 == 0);
	expect_sum(out);
	buffer_free(in[0]);
	buffer_free(in[1]);
	executable_free(x);
}

static void portable_artifacts_run(void **state)
{
	(void)state;
	Err e = { 0 };
	char pattern[4096];
	const char *folder = getenv("PJRT_TEST_ARTIFACTS");
	glob_t g = { 0 };
	snprintf(pattern, sizeof pattern, "%s/add-*.mlir.bc", folder ? folder : ".");
	if (glob(pattern, 0, NULL, &g)) skip();
	for (size_t i = 0; i < g.gl_pathc; i++) {
		FileMap m;
		WORKS(map_file(&m, g.gl_pathv[i], &e));
		int v[3] = { 0 };
		const int *newest = plugin_info(plugin)->stablehlo_current;
		sscanf(strstr(g.gl_pathv[i], "add-"), "add-%d.%d.%d", &v[0], &v[1], &v[2]);
		Executable *x = executable_compile(device, m.p, m.n, NULL, &e);
		bool newer = v[0] > newest[0] || (v[0] == newest[0] && v[1] > newest[1]);
		if (newer && !x) expect_error(&e, PLUGIN, "compile: ");      /* it may take it or not */
		else WORKS(x);
		executable_free(x);
		unmap_file(&m);
	}
	globfree(&g);
}

static void a_broken_module_gives_the_compilers_message(void **state)
{
	(void)state;
	Err e = { 0 };
	assert_null(compile("func.func @main( {", &e));
	expect_error(&e, PLUGIN, "compile: ");
	assert_null(compile("ML\xefRStableHLO_v1.0.0", &e));
	expect_error(&e, PLUGIN, "compile: ");
	assert_null(executable_compile(device, "", 0, NULL, &e));
	expect_error(&e, PLUGIN, "compile: ");
	assert_null(compile("func.func @main(%a: tensor<2xf32>) -> tensor<3xf32> { return %a : tensor<3xf32> }",
		&e));
	assert_non_null(strstr(err_msg(&e), "tensor<3xf32>"));
	assert_true(err_msg(&e)[strlen(err_msg(&e)) - 1] != '\n');
	expect_error(&e, PLUGIN, "compile: ");
}

static void wrong_inputs_are_named(void **state)
{
	(void)state;
	Err e = { 0 };
	Executable *x = compile(module("2x3xf32", "add"), &e);
	HostTensor ints = { { DTYPE_i32, 2, (const int64_t[]){ 2, 3 } }, ones };
	DeviceBuffer *good = buffer_from_host(device, &F32(ones, 2, 2, 3), &e), *out = NULL;
	DeviceBuffer *shape = buffer_from_host(device, &F32(ones, 2, 3, 2), &e);
	DeviceBuffer *dtype = buffer_from_host(device, &ints, &e);
	WORKS(x && good && shape && dtype);
	assert_false(executable_run(x, &good, 1, &out, NULL, &e));
	expect_error(&e, BAD_INPUT, "1 inputs given, the program takes 2");
	assert_false(executable_run(x, (DeviceBuffer *[]){ good, shape }, 2, &out, NULL, &e));
	expect_error(&e, BAD_INPUT, "input 1 is f32[3,2], the program takes f32[2,3]");
	assert_false(executable_run(x, (DeviceBuffer *[]){ dtype, good }, 2, &out, NULL, &e));
	expect_error(&e, BAD_INPUT, "input 0 is i32[2,3], the program takes f32[2,3]");
	assert_null(out);
	buffer_free(good);
	buffer_free(shape);
	buffer_free(dtype);
	executable_free(x);
}

/* Compiling for another device than the first shows that the device assignment is understood. */
static void the_last_device_works(void **state)
{
	(void)state;
	Err e = { 0 };
	if (plugin_ndevices(plugin) < 2) skip();
	Device *last = plugin_device(plugin, plugin_ndevices(plugin) - 1);
	const char *text = module("2x3xf32", "add");
	Executable *x = executable_compile(last, text, strlen(text), NULL, &e);
	DeviceBuffer *in[2] = { buffer_from_host(last, &F32(ones, 2, 2, 3), &e),
		buffer_from_host(last, &F32(tens, 2, 2, 3), &e) };
	DeviceBuffer *out, *here = buffer_from_host(device, &F32(ones, 2, 2, 3), &e);
	WORKS(x && here && executable_run(x, in, 2, &out, NULL, &e));
	assert_ptr_equal(buffer_device(out), last);
	expect_sum(out);
	assert_false(executable_run(x, (DeviceBuffer *[]){ in[0], here }, 2, &out, NULL, &e));
	expect_error(&e, BAD_INPUT, "input 1 is on ");
	buffer_free(in[0]);
	buffer_free(in[1]);
	buffer_free(here);
	executable_free(x);
}

static void an_executable_is_written_and_read(void **state)
{
	(void)state;
	Err e = { 0 };
	Buf b = { 0 };
	Executable *x = compile(module("2x3xf32", "add"), &e);
	WORKS(x && executable_serialize(x, &b, &e));
	executable_free(x);
	x = executable_deserialize(device, b.p, b.n, NULL, &e);
	WORKS(x);
	assert_int_equal(executable_ninputs(x), 2);
	Runner *r = runner_new(device, &e);
	DeviceBuffer *out;
	WORKS(runner_adopt(r, x, &e) && runner_run(r, (HostTensor[]){ F32(ones, 2, 2, 3), F32(tens, 2, 2, 3) }, 2,
		&out, &e));
	expect_sum(out);
	assert_int_equal(runner_ncompiled(r), 0);
	runner_free(r);
	assert_null(executable_deserialize(device, "garbage", 7, NULL, &e));
	expect_error(&e, PLUGIN, "deserialize executable: ");
	buf_free(&b);
}

/* jax.buffer_donor lets the program write into its argument: only when the caller says so. */
static void nothing_is_donated_unasked(void **state)
{
	(void)state;
	Err e = { 0 };
	Executable *x = compile(
		"func.func @main(%a: tensor<6xf32> {tf.aliasing_output = 0 : i32}) -> tensor<6xf32> {\n"
		"  %0 = stablehlo.add %a, %a : tensor<6xf32>\n  return %0 : tensor<6xf32>\n}", &e);
	float y[6], data[7] = { 0, 1, 2, 3, 4, 5, 6 };
	DeviceBuffer *in = buffer_from_host(device, &F32(data + 1, 1, 6), &e), *out = NULL;
	WORKS(x && in);
	for (int i = 0; i < 2; i++) {
		WORKS(executable_run(x, &in, 1, &out, NULL, &e) && buffer_to_host(in, y, sizeof y, &e));
		assert_true(y[5] == 6);
		buffer_free(out);
	}
	const void *lay, *lies;
	WORKS(buffer_address(in, &lay, &e));
	WORKS(executable_run(x, &in, 1, &out, &(RunOptions){ (const int64_t[]){ 0 }, 1 }, &e)
		&& buffer_to_host(out, y, sizeof y, &e));
	assert_true(y[5] == 12);
	WORKS(buffer_address(out, &lies, &e));
	assert_ptr_equal(lies, lay);                                  /* written where the argument lay */
	buffer_free(out);
	assert_false(executable_run(x, &in, 1, &out, NULL, &e));      /* XLA's own message: the input is gone */
	assert_non_null(strstr(err_msg(&e), "donated"));
	expect_error(&e, PLUGIN, "run: INVALID_ARGUMENT: ");
	assert_null(out);
	buffer_free(in);
	executable_free(x);
}

static void inputs_the_caller_knows_are_believed(void **state)
{
	(void)state;
	Err e = { 0 };
	const char *text = module("2x3xf32", "add");
	const TensorType types[2] = { F32(NULL, 2, 2, 3).type, F32(NULL, 2, 2, 3).type };
	Executable *x = executable_compile(device, text, strlen(text), &(CompileOptions){ .inputs = types, .ninputs = 2 }, &e);
	WORKS(x);
	assert_true(executable_ninputs(x) == 2 && tensor_type_eq(executable_input(x, 1), &types[1]));
	executable_free(x);
}

static void no_memory_is_an_error(void **state)
{
	(void)state;
	Err e = { 0 };
	arena_fail_at = 1;
	assert_null(compile(module("2x3xf32", "add"), &e));
	arena_fail_at = 0;
	expect_error(&e, NO_MEMORY, "out of memory");
}

/* -- runners --------------------------------------------------------------------------------------------- */

static void weights_are_bound_once(void **state)
{
	(void)state;
	Err e = { 0 };
	const char *text = module("2x3xf32", "subtract");
	Runner *r = runner_new(device, &e);
	DeviceBuffer *out;
	float y[6];
	assert_false(runner_run(r, &F32(ones, 2, 2, 3), 1, &out, &e));
	expect_error(&e, BAD_INPUT, "the program was not compiled yet");
	WORKS(runner_bind(r, 0, &F32(tens, 2, 2, 3), &e) && runner_add(r, text, strlen(text), NULL, &e));
	for (int i = 0; i < 3; i++) {
		WORKS(runner_add(r, text, strlen(text), NULL, &e) && runner_run(r, &F32(ones, 2, 2, 3), 1, &out, &e));
		WORKS(buffer_to_host(out, y, sizeof y, &e));
		assert_true(y[0] == 9 && y[5] == 54);
		buffer_free(out);
	}
	assert_int_equal(runner_ncompiled(r), 1);
	assert_int_equal(runner_noutputs(r), 1);
	assert_false(runner_bind(r, 0, &F32(tens, 2, 2, 3), &e));
	expect_error(&e, BAD_INPUT, "argument 0 is bound already");
	assert_false(runner_bind(r, -1, &F32(tens, 2, 2, 3), &e));
	expect_error(&e, BAD_INPUT, "argument -1: no such position");
	assert_false(runner_run(r, NULL, 0, &out, &e));
	expect_error(&e, BAD_INPUT, "0 inputs given, the program takes 1");
	assert_false(runner_run(r, &F32(ones, 1, 6), 1, &out, &e));
	expect_error(&e, BAD_INPUT, "input 0 is f32[6], the program takes f32[2,3]");
	runner_free(r);
	r = runner_new(device, &e);
	WORKS(runner_bind(r, 1, &F32(tens, 1, 6), &e));
	assert_false(runner_add(r, text, strlen(text), NULL, &e));
	expect_error(&e, BAD_INPUT, "bound argument 1 is f32[6], the program takes f32[2,3]");
	WORKS(runner_bind(r, 4, &F32(tens, 1, 6), &e));
	runner_free(r);
}

/* An argument that is returned as it is: freeing the input must neither wait for the result nor change it. */
static void a_result_does_not_share_its_input(void **state)
{
	(void)state;
	Err e = { 0 };
	static const char text[] = "func.func @main(%a: tensor<6xf32>) -> tensor<6xf32> { return %a : tensor<6xf32> }";
	_Alignas(64) float x[6] = { 1, 2, 3, 4, 5, 6 };
	Runner *r = runner_new(device, &e);
	DeviceBuffer *out;
	WORKS(runner_add(r, text, strlen(text), NULL, &e) && runner_run(r, &F32(x, 1, 6), 1, &out, &e));
	memset(x, 0, sizeof x);
	assert_memory_equal(buffer_view(out, &e), ones, sizeof ones);
	buffer_free(out);
	runner_free(r);
}

static void one_executable_per_shape(void **state)
{
	(void)state;
	Err e = { 0 };
	Runner *r = runner_new(device, &e);
	DeviceBuffer *out;
	for (int64_t n = 1; n <= 6; n++) {
		char type[16];
		snprintf(type, sizeof type, "%dxf32", (int)n);
		const char *text = module(type, "add");
		HostTensor in[2] = { F32(ones, 1, n), F32(tens, 1, n) };
		assert_false(runner_has(r, in, 2));
		WORKS(runner_add(r, text, strlen(text), NULL, &e));
		assert_true(runner_has(r, in, 2));
	}
	HostTensor in[2] = { F32(ones, 1, 6), F32(tens, 1, 6) };
	WORKS(runner_run(r, in, 2, &out, &e));
	expect_sum(out);
	assert_int_equal(runner_ncompiled(r), 6);
	runner_free(r);
}

static void add_size(Runner *r, int64_t n)
{
	Err e = { 0 };
	char type[16];
	snprintf(type, sizeof type, "%dxf32", (int)n);
	const char *text = module(type, "add");
	WORKS(runner_add(r, text, strlen(text), NULL, &e));
}

static bool has_size(Runner *r, int64_t n)
{
	Kept *k = runner_take(r, (HostTensor[]){ F32(ones, 1, n), F32(tens, 1, n) }, 2, NULL, 0);
	runner_drop(r, k);
	return k != NULL;
}

static void those_used_last_are_kept(void **state)
{
	(void)state;
	Err e = { 0 };
	Runner *r = runner_new(device, &e);
	runner_limit(r, 3);
	for (int64_t n = 1; n <= 3; n++) add_size(r, n);
	assert_true(has_size(r, 1));             /* used now: 2 is the oldest */
	add_size(r, 4);
	assert_true(has_size(r, 1) && !has_size(r, 2) && has_size(r, 3) && has_size(r, 4));
	assert_int_equal(runner_nkept(r), 3);
	assert_int_equal(runner_ncompiled(r), 4);
	add_size(r, 2);
	assert_int_equal(runner_ncompiled(r), 5);
	runner_limit(r, 0);                      /* 1 at least */
	assert_int_equal(runner_nkept(r), 1);
	assert_true(has_size(r, 2));
	runner_free(r);
}

static void an_executable_in_use_outlives_its_place(void **state)
{
	(void)state;
	Err e = { 0 };
	Runner *r = runner_new(device, &e);
	DeviceBuffer *out;
	HostTensor in[2] = { F32(ones, 1, 6), F32(tens, 1, 6) };
	runner_limit(r, 1);
	add_size(r, 6);
	Kept *k = runner_take(r, in, 2, NULL, 0);
	add_size(r, 5);
	assert_false(has_size(r, 6));
	WORKS(k && kept_run(r, k, in, 2, &out, &e));
	expect_sum(out);
	runner_drop(r, k);
	runner_free(r);
}

/* Modules that take the same types may be for different integers. */
static void numbers_tell_executables_apart(void **state)
{
	(void)state;
	Err e = { 0 };
	Runner *r = runner_new(device, &e);
	HostTensor in[2] = { F32(ones, 1, 6), F32(tens, 1, 6) };
	for (int64_t n = 0; n < 2; n++) {
		const char *text = module("6xf32", n ? "multiply" : "add");
		Kept *k = runner_compile(r, text, strlen(text), &(CompileOptions){ .number = &n, .nnumber = 1 }, &e);
		WORKS(k);
		runner_drop(r, k);
	}
	DeviceBuffer *out;
	Kept *sum = runner_take(r, in, 2, (int64_t[]){ 0 }, 1);
	WORKS(sum && kept_run(r, sum, in, 2, &out, &e));
	expect_sum(out);
	assert_null(runner_take(r, in, 2, NULL, 0));
	assert_null(runner_take(r, in, 2, (int64_t[]){ 2 }, 1));
	runner_drop(r, sum);
	runner_free(r);
}

typedef struct Thread {
	pthread_t id;
	Runner *runner;
	const char *text;
	int first;
	bool ok;
} Thread;

static void *work(void *arg)
{
	Thread *t = arg;
	Err e = { 0 };
	t->ok = runner_add(t->runner, t->text, strlen(t->text), NULL, &e);
	for (int i = 0; i < 100 && t->ok; i++) {
		_Alignas(64) float x[6];
		float y[6];
		for (int k = 0; k < 6; k++) x[k] = (float)(i * k);
		DeviceBuffer *out = NULL;
		t->ok = runner_run(t->runner, &F32(x, 2, 2, 3), 1, &out, &e) && buffer_to_host(out, y, sizeof y, &e);
		for (int k = 0; k < 6 && t->ok; k++) t->ok = y[k] == (float)(i * k) + tens[k];
		buffer_free(out);
	}
	err_clear(&e);
	return NULL;
}

static void many_threads_compile_once_and_run(void **state)
{
	(void)state;
	Err e = { 0 };
	Runner *r = runner_new(device, &e);
	WORKS(runner_bind(r, 1, &F32(tens, 2, 2, 3), &e));
	char text[1024];
	snprintf(text, sizeof text, "%s", module("2x3xf32", "add"));
	Thread t[6];
	for (int i = 0; i < 6; i++) {
		t[i] = (Thread){ .runner = r, .text = text };
		assert_int_equal(pthread_create(&t[i].id, NULL, work, &t[i]), 0);
	}
	for (int i = 0; i < 6; i++) pthread_join(t[i].id, NULL);
	for (int i = 0; i < 6; i++) assert_true(t[i].ok);
	assert_int_equal(runner_ncompiled(r), 1);
	runner_free(r);
}

/* Each run's executable is thrown out by the others. */
static void *work_in_turn(void *arg)
{
	Thread *t = arg;
	Err e = { 0 };
	t->ok = true;
	for (int i = 0; i < 6 && t->ok; i++) {
		int64_t n = 1 + (i + t->first) % 3;
		char type[16];
		float y[3];
		snprintf(type, sizeof type, "%dxf32", (int)n);
		const char *text = module(type, "add");
		HostTensor in[2] = { F32(ones, 1, n), F32(tens, 1, n) };
		DeviceBuffer *out = NULL;
		Kept *k = runner_compile(t->runner, text, strlen(text), NULL, &e);
		t->ok = k && kept_run(t->runner, k, in, 2, &out, &e) && buffer_to_host(out, y, (size_t)n * sizeof *y, &e);
		for (int j = 0; j < n && t->ok; j++) t->ok = y[j] == ones[j] + tens[j];
		buffer_free(out);
		runner_drop(t->runner, k);
	}
	err_clear(&e);
	return NULL;
}

static void threads_evict_what_others_run(void **state)
{
	(void)state;
	Err e = { 0 };
	Runner *r = runner_new(device, &e);
	runner_limit(r, 1);
	Thread t[4];
	for (int i = 0; i < 4; i++) {
		t[i] = (Thread){ .runner = r, .first = i };
		assert_int_equal(pthread_create(&t[i].id, NULL, work_in_turn, &t[i]), 0);
	}
	for (int i = 0; i < 4; i++) pthread_join(t[i].id, NULL);
	for (int i = 0; i < 4; i++) assert_true(t[i].ok);
	assert_int_equal(runner_nkept(r), 1);
	runner_free(r);
}

/* Another plugin in the same process, with its own client. */
static void two_plugins_live_side_by_side(void **state)
{
	(void)state;
	Err e = { 0 };
	const char *name = strcmp(plugin_name, "cpu") ? "cpu" : "lammps_jax_pjrt_cpu";
	Plugin *other = plugin_open(name, &e);
	if (!other) {
		err_clear(&e);
		skip();
	}
	assert_true(other != plugin);
	const char *text = module("2x3xf32", "add");
	Runner *r = runner_new(plugin_device(other, 0), &e);
	DeviceBuffer *out;
	WORKS(runner_add(r, text, strlen(text), NULL, &e));
	WORKS(runner_run(r, (HostTensor[]){ F32(ones, 2, 2, 3), F32(tens, 2, 2, 3) }, 2, &out, &e));
	expect_sum(out);
	runner_free(r);
	plugin_close(other);
	other = plugin_open(name, &e);      /* a new client of it */
	WORKS(other);
	plugin_close(other);
}

int main(int argc, char **argv)
{
	Err e = { 0 };
	plugin_name = argc > 1 ? argv[1] : "cpu";
	plugin = plugin_open(plugin_name, &e);
	if (!plugin) {
		fprintf(stderr, "skipped: %s\n", err_msg(&e));
		err_clear(&e);
		return 77;
	}
	device = plugin_device(plugin, 0);
#define TEST(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		TEST(a_plugin_tells_its_versions), TEST(the_same_file_is_the_same_plugin),
		TEST(every_dtype_round_trips), TEST(aligned_memory_is_used_in_place), TEST(other_memory_is_copied),
		TEST(scalars_and_empty_tensors), TEST(impossible_tensors_are_refused), TEST(add_runs),
		TEST(portable_artifacts_run), TEST(a_broken_module_gives_the_compilers_message),
		TEST(wrong_inputs_are_named), TEST(the_last_device_works), TEST(an_executable_is_written_and_read),
		TEST(nothing_is_donated_unasked), TEST(inputs_the_caller_knows_are_believed),
		TEST(no_memory_is_an_error), TEST(weights_are_bound_once), TEST(a_result_does_not_share_its_input),
		TEST(one_executable_per_shape), TEST(many_threads_compile_once_and_run),
		TEST(those_used_last_are_kept), TEST(an_executable_in_use_outlives_its_place),
		TEST(numbers_tell_executables_apart), TEST(threads_evict_what_others_run),
		TEST(two_plugins_live_side_by_side),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	plugin_close(plugin);
	return failed;
}
