/* The public API from C, as a user has it. What a program computes is worked out by hand; that its text
 * and bytecode are StableHLO is tested from Python against StableHLO itself. */
#include "api/test/programs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/test/test_memory.h"

#define WORKS(x) do { if (!(x)) fail_msg("%s: %s", #x, e.message ? e.message : "no message"); } while (0)

/* The failure that e holds is this one; e is empty afterwards. */
#define EXPECT(code_, part) do { \
	if (e.code != (code_) || !strstr(e.message, part)) \
		fail_msg("found %d %s, wanted %d ... %s ...", (int)e.code, e.message ? e.message : "", (int)(code_), part); \
	tshlo_error_clear(&e); } while (0)

static char folder[] = "/tmp/tshlo_api.XXXXXX";

static const char *in_folder(const char *name)
{
	static _Thread_local char path[4][256];
	static _Thread_local unsigned next;
	char *s = path[next++ % 4];
	snprintf(s, sizeof path[0], "%s/%s", folder, name);
	return s;
}

static int make_folder(void **state) { (void)state; return mkdtemp(folder) ? 0 : -1; }

static int remove_folder(void **state)
{
	(void)state;
	char line[300];
	snprintf(line, sizeof line, "rm -rf '%s'", folder);
	return system(line);
}

/* -- the whole way --------------------------------------------------------------------------------------- */

static void check_affine(tshlo_model *m)
{
	tshlo_value_info v;
	assert_int_equal(tshlo_nmethods(m), 1);
	assert_string_equal(tshlo_method(m, 0), "forward");
	assert_null(tshlo_method(m, 1));
	assert_int_equal(tshlo_ninputs(m, NULL), 4);
	assert_int_equal(tshlo_noutputs(m, NULL), 2);
	assert_true(tshlo_input_info(m, NULL, 0, &v));
	assert_int_equal(v.input, TSHLO_INPUT_PARAMETER);
	assert_string_equal(v.name, "layer.w");
	assert_true(tshlo_input_info(m, NULL, 3, &v));
	assert_int_equal(v.input, TSHLO_INPUT_USER);
	assert_string_equal(v.name, "z");
	assert_int_equal(v.position, 2);       /* the baked-in 3 stands between */
	assert_int_equal(v.nbytes, 12);
	assert_false(tshlo_input_info(m, NULL, 4, &v));
	assert_true(tshlo_output_info(m, NULL, 1, &v));
	assert_int_equal(v.position, 2);
	assert_string_equal(tshlo_in_spec(m, NULL), "[1, \"in\"]");
	tshlo_fixed f;
	assert_true(tshlo_fixed_input(m, NULL, 0, &f));
	assert_int_equal(f.position, 1);
	assert_string_equal(f.json, "3");
	assert_true(tshlo_fixed_output(m, NULL, 0, &f));
	assert_int_equal(f.position, 1);
	assert_string_equal(f.json, "null");
	tshlo_state s;
	for (int i = 0; i < 2; i++) {
		assert_true(tshlo_state_tensor(m, i, &s));
		assert_true(!strcmp(s.name, s.type.rank == 2 ? "layer.w" : "layer.b"));
	}
	assert_false(tshlo_state_tensor(m, 2, &s));
}

static void a_model_is_converted_saved_and_loaded(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	size_t ntext = 0, nbytes = 0, again = 0;
	tshlo_model *m = tshlo_convert(affine(&e), NULL, &e);
	const char *text = tshlo_text(m, NULL, &ntext, &e);
	const char *bytes = tshlo_bytecode(m, NULL, NULL, &nbytes, &e);
	WORKS(m && text && bytes);
	assert_int_equal(strlen(text), ntext);
	assert_non_null(strstr(text, "stablehlo.concatenate"));
	assert_memory_equal(bytes, "ML\xefR", 4);
	assert_string_equal(tshlo_bytecode_version(m, NULL, &e), "1.0.0");
	check_affine(m);
	WORKS(tshlo_save(m, in_folder("affine"), NULL, &e));

	tshlo_model *l = tshlo_load(in_folder("affine"), &e);
	WORKS(l);
	check_affine(l);
	assert_string_equal(tshlo_text(l, "forward", NULL, &e), text);
	const void *loaded = tshlo_bytecode(l, NULL, "1.0.0", &again, &e);
	WORKS(loaded);
	assert_int_equal(again, nbytes);
	assert_memory_equal(loaded, bytes, nbytes);
	const void *newer = tshlo_bytecode(m, NULL, "1.9.0", &nbytes, &e);
	loaded = tshlo_bytecode(l, NULL, "1.9.0", &again, &e);
	WORKS(newer && loaded);
	assert_int_equal(again, nbytes);
	assert_memory_equal(loaded, newer, nbytes);
	WORKS(tshlo_save(l, in_folder("again"), NULL, &e));
	tshlo_model_free(l);

	l = tshlo_load(in_folder("again"), &e);
	WORKS(l);
	check_affine(l);
	tshlo_model_free(l);
	tshlo_model_free(m);
}

static void text_that_was_left_out_is_made_of_bytecode(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_model *m = tshlo_convert(affine(&e), NULL, &e);
	tshlo_save_options no_text = { .skip_text = true, .target = "1.3.0" };
	WORKS(tshlo_save(m, in_folder("no_text"), &no_text, &e));
	tshlo_model *l = tshlo_load(in_folder("no_text"), &e);
	const char *want = tshlo_text(m, NULL, NULL, &e), *text = tshlo_text(l, NULL, NULL, &e);
	WORKS(want && text);
	assert_string_equal(text, want);
	assert_string_equal(tshlo_bytecode_version(l, NULL, &e), "1.3.0");
	WORKS(tshlo_save(l, in_folder("no_text_again"), NULL, &e));
	tshlo_model_free(l);
	tshlo_model_free(m);
}

static void a_module_is_written_for_many_versions(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_model *m = tshlo_convert(affine(&e), NULL, &e);
	const char *first = tshlo_bytecode(m, NULL, "1.0.0", NULL, &e);
	WORKS(first);
	for (int i = 1; i <= 20; i++) {
		char target[16], wanted[32];
		snprintf(target, sizeof target, "1.%d.0", i);
		snprintf(wanted, sizeof wanted, "StableHLO_v%s", target);
		size_t n = 0;
		const char *bytes = tshlo_bytecode(m, NULL, target, &n, &e);
		WORKS(bytes && memmem(bytes, n, wanted, strlen(wanted)));
	}
	assert_ptr_equal(tshlo_bytecode(m, NULL, NULL, NULL, &e), first);
	assert_string_equal(tshlo_stablehlo_version(), "1.20.0");
	tshlo_model_free(m);
}

static void names_of_targets_and_methods_are_checked(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_convert_options opt = { .method = "encode" };
	tshlo_model *m = tshlo_convert(affine(&e), &opt, &e);
	WORKS(tshlo_text(m, NULL, NULL, &e));      /* the only one needs no name */
	static const char *const bad[] = { "1.9", "", "newest", "1.9.0.1", "-1.0.0" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_null(tshlo_bytecode(m, NULL, bad[i], NULL, &e));
		EXPECT(TSHLO_BAD_INPUT, "is no StableHLO version");
	}
	assert_null(tshlo_bytecode(m, NULL, "0.8.0", NULL, &e));
	EXPECT(TSHLO_UNSUPPORTED, "before 0.9.0");
	assert_null(tshlo_bytecode(m, NULL, "1.21.0", NULL, &e));
	EXPECT(TSHLO_UNSUPPORTED, "after 1.20.0");
	assert_null(tshlo_text(m, "decode", NULL, &e));
	EXPECT(TSHLO_BAD_INPUT, "no method 'decode'");
	assert_null(tshlo_bytecode_version(m, "decode", &e));
	EXPECT(TSHLO_BAD_INPUT, "no method 'decode'");
	assert_int_equal(tshlo_ninputs(m, "decode"), -1);
	assert_false(tshlo_check_inputs(m, "decode", NULL, 0, &e));
	EXPECT(TSHLO_BAD_INPUT, "no method 'decode'");
	tshlo_model_free(m);
}

static void directories_are_not_overwritten(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_model *m = tshlo_convert(affine(&e), NULL, &e);
	WORKS(tshlo_save(m, in_folder("taken"), NULL, &e));
	assert_false(tshlo_save(m, in_folder("taken"), NULL, &e));
	EXPECT(TSHLO_IO, "not an empty directory");
	assert_false(tshlo_save(m, "/dev/null/dir", NULL, &e));
	EXPECT(TSHLO_IO, "/dev/null/dir");
	assert_false(tshlo_save(m, NULL, NULL, &e));
	EXPECT(TSHLO_BAD_INPUT, "NULL");
	assert_null(tshlo_load(in_folder("nothing"), &e));
	EXPECT(TSHLO_IO, "nothing");
	assert_null(tshlo_program_open(in_folder("nothing.pt2"), &e));
	EXPECT(TSHLO_IO, "nothing.pt2");
	tshlo_model_free(m);
}

/* -- graphs that are none -------------------------------------------------------------------------------- */

static const int64_t two[] = { 2 }, huge[] = { INT64_MAX, INT64_MAX };

static void bad_dtype(tshlo_program *p) { tshlo_value_tensor(p, "v", 999, 1, two, NULL, 0); }
static void bad_rank(tshlo_program *p) { value(p, "v", 65, two); }
static void no_dims(tshlo_program *p) { value(p, "v", 1, NULL); }
static void no_symbol(tshlo_program *p) { value(p, "v", 1, (int64_t[]){ -5 }); }
static void no_stride_symbol(tshlo_program *p)
{
	tshlo_value_tensor(p, "v", F32, 1, two, (int64_t[]){ -5 }, 0);
}
static void too_large(tshlo_program *p) { value(p, "v", 2, huge); }
static void no_name(tshlo_program *p) { value(p, NULL, 1, two); }
static void no_target(tshlo_program *p) { tshlo_node(p, NULL, "n", NULL, NULL); }
static void no_expr(tshlo_program *p) { tshlo_symbol(p, NULL, 1); }
static void unmade_value(tshlo_program *p)
{
	tshlo_node(p, "aten.relu.default", "n", NULL, NULL);
	tshlo_arg_value(p, "self", 77);
}
static void unmade_output(tshlo_program *p) { tshlo_output(p, TSHLO_OUTPUT_USER, NULL, 77); }
static void negative_value(tshlo_program *p) { tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, -1); }
static void list_not_ended(tshlo_program *p)
{
	tshlo_node(p, "aten.cat.default", "n", NULL, NULL);
	tshlo_arg_list_begin(p, "tensors");
}
static void list_not_begun(tshlo_program *p)
{
	tshlo_node(p, "aten.cat.default", "n", NULL, NULL);
	tshlo_arg_list_end(p);
}
static void list_outside(tshlo_program *p) { tshlo_arg_list_begin(p, "tensors"); }
static void argument_outside(tshlo_program *p) { tshlo_arg_int(p, "dim", 1); }
static void output_outside(tshlo_program *p) { tshlo_node_output(p, 0); }
static void argument_without_name(tshlo_program *p)
{
	tshlo_node(p, "aten.relu.default", "n", NULL, NULL);
	tshlo_arg_int(p, NULL, 1);
}
static void no_string(tshlo_program *p)
{
	tshlo_node(p, "aten.relu.default", "n", NULL, NULL);
	tshlo_arg_string(p, "s", NULL);
}
static void no_ints(tshlo_program *p)
{
	tshlo_node(p, "aten.relu.default", "n", NULL, NULL);
	tshlo_arg_ints(p, "s", 2, NULL);
}
static void negative_ints(tshlo_program *p)
{
	tshlo_node(p, "aten.relu.default", "n", NULL, NULL);
	tshlo_arg_ints(p, "s", -2, two);
}
static void bad_input_kind(tshlo_program *p) { tshlo_input(p, (tshlo_input_kind)40, "x", NULL, false, 0); }
static void bad_output_kind(tshlo_program *p) { tshlo_output(p, (tshlo_output_kind)40, NULL, 0); }
static void untargeted(tshlo_program *p)
{
	tshlo_input(p, TSHLO_INPUT_PARAMETER, "w", NULL, false, value(p, "w", 1, two));
}
static void unnamed_input(tshlo_program *p) { tshlo_input(p, TSHLO_INPUT_USER, NULL, NULL, false, 0); }
static void used_first(tshlo_program *p) { call(p, "aten.relu.default", value(p, "v", 1, two), 0, 1, two); }
static void output_first(tshlo_program *p)
{
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, value(p, "v", 1, two));
}
static void own_input(tshlo_program *p)
{
	int v = value(p, "v", 1, two);
	tshlo_input(p, TSHLO_INPUT_USER, "v", NULL, false, v);
	tshlo_node(p, "aten.view.default", "n", NULL, NULL);
	tshlo_arg_value(p, "self", v);
	tshlo_node_output(p, v);
}
static void outside_storage(tshlo_program *p)
{
	tshlo_weight(p, "w", F32, 1, two, (int64_t[]){ 1 }, 1, affine_x, 8);
}
static void no_strides(tshlo_program *p) { tshlo_weight(p, "w", F32, 1, two, NULL, 0, affine_x, 8); }
static void no_weight(tshlo_program *p)
{
	tshlo_input(p, TSHLO_INPUT_PARAMETER, "w", "w", false, value(p, "w", 1, two));
}
static void other_weight(tshlo_program *p)
{
	tshlo_weight(p, "w", F32, 1, (int64_t[]){ 1 }, (int64_t[]){ 1 }, 0, affine_x, 8);
	no_weight(p);
}

static const struct { void (*make)(tshlo_program *); const char *part; } broken[] = {
	{ bad_dtype, "element type 999" }, { bad_rank, "rank 65" }, { no_dims, "NULL" }, { no_symbol, "size 0 is -5" },
	{ no_stride_symbol, "stride 0 is -5" }, { too_large, "more bytes" }, { no_name, "name of a value" },
	{ no_target, "target of a node" }, { no_expr, "expression" }, { unmade_value, "value 77" }, { unmade_output, "value 77" },
	{ negative_value, "value -1" }, { list_not_ended, "list argument is not ended" }, { list_not_begun, "was not begun" },
	{ list_outside, "outside a node" }, { argument_outside, "outside a node" }, { output_outside, "outside a node" },
	{ argument_without_name, "has no name" }, { no_string, "string of an argument" }, { no_ints, "2 integers" },
	{ negative_ints, "-2 integers" }, { bad_input_kind, "kind 40" }, { bad_output_kind, "kind 40" }, { untargeted, "no target" },
	{ unnamed_input, "name of an input" }, { used_first, "'v' is used before it is defined" },
	{ output_first, "'v' is used before it is defined" }, { own_input, "'v' is defined twice" },
	{ outside_storage, "does not lie inside its 8 bytes" }, { no_strides, "list of strides" }, { no_weight, "no tensor 'w'" },
	{ other_weight, "tensor 'w' is tensor<1xf32>" },
};

static void broken_graphs_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		tshlo_error e = { 0 };
		tshlo_program *p = tshlo_program_new(&e);
		WORKS(p);
		broken[i].make(p);
		tshlo_symbol(p, "late", 1);                /* what comes after the failure changes nothing */
		assert_null(tshlo_convert(p, NULL, &e));
		EXPECT(TSHLO_BAD_INPUT, broken[i].part);
	}
}

static void programs_that_cannot_be_converted(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_program *p = tshlo_program_new(&e);
	int x = value(p, "x", 1, two);
	tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, x);
	call(p, "my.first.default", x, 0, 1, two);
	call(p, "my.second.default", x, 0, 1, two);
	call(p, "my.first.default", x, 0, 1, two);
	const char *name = NULL;
	int count = 0;
	assert_true(tshlo_program_op(p, 0, &name, &count));
	assert_string_equal(name, "my.first.default");
	assert_int_equal(count, 2);
	assert_false(tshlo_program_op(p, 2, &name, &count));
	assert_null(tshlo_convert(p, NULL, &e));
	assert_non_null(strstr(e.message, "my.second.default  x1  model.py:7, in forward"));
	EXPECT(TSHLO_UNSUPPORTED, "my.first.default  x2  model.py:7, in forward");

	p = tshlo_program_new(&e);
	int64_t s0 = tshlo_symbol(p, "s0", 4);
	x = value(p, "x", 1, &s0);
	tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, x);
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, x);
	tshlo_model *m = tshlo_convert(p, NULL, &e);
	assert_non_null(m);
	assert_non_null(strstr(tshlo_text(m, NULL, NULL, &e), "(%arg0: tensor<?xf32>"));
	tshlo_model_free(m);
}

/* x, n views of views of it, a write to x, and the last view: nothing that a file may hold exhausts the
 * stack. */
static tshlo_program *chain(int n, tshlo_error *e)
{
	tshlo_program *p = tshlo_program_new(e);
	int x = value(p, "x", 1, two);
	tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, x);
	int base = call(p, "aten.neg.default", x, 0, 1, two), v = base;
	for (int i = 0; i < n; i++) v = call(p, "aten.alias.default", v, 0, 1, two);
	call(p, "aten.relu_.default", base, 0, 1, two);
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, call(p, "aten.abs.default", v, 0, 1, two));
	return p;
}

static void chains_of_views_have_an_end(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_model *m = tshlo_convert(chain(1000, &e), NULL, &e);
	WORKS(m && tshlo_text(m, NULL, NULL, &e));
	assert_non_null(strstr(tshlo_text(m, NULL, NULL, &e), "stablehlo.maximum"));
	tshlo_model_free(m);
	assert_null(tshlo_convert(chain(100000, &e), NULL, &e));
	EXPECT(TSHLO_UNSUPPORTED, "more than 1000");
}

/* -- NULL, and errors in a row --------------------------------------------------------------------------- */

static void nothing_is_taken_for_nothing(void **state)
{
	(void)state;
	tshlo_value_info v;
	tshlo_tensor t = { F32, 2, affine_dims, affine_x };
	tshlo_buffer *out[1];
	tshlo_program_free(NULL), tshlo_model_free(NULL), tshlo_runner_free(NULL), tshlo_buffer_free(NULL);
	tshlo_device_close(NULL), tshlo_npy_close(NULL), tshlo_error_clear(NULL);
	assert_null(tshlo_convert(NULL, NULL, NULL));
	assert_null(tshlo_text(NULL, NULL, NULL, NULL));
	assert_null(tshlo_bytecode(NULL, NULL, NULL, NULL, NULL));
	assert_null(tshlo_bytecode_version(NULL, NULL, NULL));
	assert_null(tshlo_compile(NULL, NULL, NULL, NULL));
	assert_null(tshlo_buffer_new(NULL, &t, NULL));
	assert_null(tshlo_load(NULL, NULL));
	assert_null(tshlo_load("/nonexistent", NULL));
	assert_null(tshlo_program_open(NULL, NULL));
	assert_null(tshlo_npy_open(NULL, &t, NULL));
	assert_null(tshlo_device_open("/nonexistent.so", 0, NULL));
	assert_false(tshlo_save(NULL, "x", NULL, NULL));
	assert_false(tshlo_run(NULL, &t, 1, out, NULL));
	assert_false(tshlo_run_buffers(NULL, out, 0, out, NULL));
	assert_false(tshlo_check_inputs(NULL, NULL, &t, 1, NULL));
	assert_false(tshlo_buffer_info(NULL, &t));
	assert_false(tshlo_buffer_read(NULL, NULL, 0, NULL));
	assert_false(tshlo_input_info(NULL, NULL, 0, &v));
	assert_false(tshlo_npy_write(NULL, &t, NULL));
	assert_false(tshlo_npy_write(in_folder("x.npy"), NULL, NULL));
	assert_false(tshlo_program_op(NULL, 0, NULL, NULL));
	assert_int_equal(tshlo_program_samples(NULL, NULL, NULL), -1);
	assert_int_equal(tshlo_nmethods(NULL), 0);
	assert_int_equal(tshlo_ninputs(NULL, NULL), -1);
	assert_int_equal(tshlo_runner_nuser(NULL), 0);
	assert_int_equal(tshlo_dtype_by_name(NULL), 0);
	assert_string_equal(tshlo_dtype_name(12345), "none");
	assert_string_equal(tshlo_device_name(NULL), "");
	assert_string_equal(tshlo_program_torch_version(NULL), "");
	tshlo_arg_int(NULL, "dim", 1);
	assert_int_equal(value(NULL, "x", 2, affine_dims), 0);
	assert_int_equal(tshlo_symbol(NULL, "s0", 1), -1);
}

static void the_first_error_stays(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_program *p = tshlo_program_open("/nonexistent.pt2", &e);
	tshlo_model *m = tshlo_convert(p, NULL, &e);
	assert_false(tshlo_save(m, in_folder("chain"), NULL, &e));
	tshlo_device *d = tshlo_device_open(NULL, 0, &e);
	assert_null(d);
	assert_null(tshlo_compile(m, NULL, d, &e));
	assert_null(tshlo_program_new(&e));
	assert_int_not_equal(access(in_folder("chain"), F_OK), 0);

	tshlo_error fine = { 0 };
	m = tshlo_convert(affine(&fine), NULL, &fine);
	assert_null(tshlo_text(m, NULL, NULL, &e));        /* a good model changes nothing about it */
	assert_null(tshlo_convert(affine(&fine), NULL, &e));      /* and a program is taken all the same */
	tshlo_model_free(m);
	EXPECT(TSHLO_IO, "/nonexistent.pt2");
}

/* -- tensors in files ------------------------------------------------------------------------------------ */

static void tensors_go_to_files_and_back(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_tensor t = { F32, 2, affine_dims, affine_x }, r, bad = t;
	WORKS(tshlo_npy_write(in_folder("x.npy"), &t, &e));
	tshlo_npy *f = tshlo_npy_open(in_folder("x.npy"), &r, &e);
	WORKS(f);
	assert_int_equal(r.rank, 2);
	assert_memory_equal(r.data, affine_x, sizeof affine_x);
	tshlo_npy_close(f);
	bad.dtype = 0;
	assert_false(tshlo_npy_write(in_folder("y.npy"), &bad, &e));
	EXPECT(TSHLO_BAD_INPUT, "element type 0");
	bad = (tshlo_tensor){ F32, 2, huge, affine_x };
	assert_false(tshlo_npy_write(in_folder("y.npy"), &bad, &e));
	EXPECT(TSHLO_BAD_INPUT, "more bytes");
	bad = (tshlo_tensor){ F32, 2, affine_dims, NULL };
	assert_false(tshlo_npy_write(in_folder("y.npy"), &bad, &e));
	EXPECT(TSHLO_BAD_INPUT, "NULL");
	assert_int_not_equal(access(in_folder("y.npy"), F_OK), 0);
	tshlo_tensor scalar = { F32, 0, NULL, affine_x };
	WORKS(tshlo_npy_write(in_folder("s.npy"), &scalar, &e));
}

/* -- on a device ----------------------------------------------------------------------------------------- */

/* NULL: the test is skipped, and says so. */
static tshlo_device *device_or_skip(void)
{
	tshlo_error e = { 0 };
	tshlo_device *d = tshlo_device_open(NULL, 0, &e);
	if (d) return d;
	print_message("no device to run on: %s\n", e.message);
	tshlo_error_clear(&e);
	skip();
	return NULL;
}

static void expect_floats(tshlo_buffer *b, size_t n, const float *wanted)
{
	tshlo_error e = { 0 };
	float found[16];
	assert_int_equal(tshlo_buffer_nbytes(b), n * sizeof *found);
	WORKS(tshlo_buffer_read(b, found, n * sizeof *found, &e));
	assert_memory_equal(found, wanted, n * sizeof *found);
	tshlo_buffer_free(b);
}

static void run_affine(tshlo_runner *r, tshlo_error *e)
{
	tshlo_tensor in[] = AFFINE_IN;
	tshlo_buffer *out[2];
	if (!tshlo_run(r, in, 2, out, e)) return;
	expect_floats(out[0], 9, affine_r);
	expect_floats(out[1], 6, affine_r);
}

static void a_model_runs_before_and_after_the_disk(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_device *d = device_or_skip();
	tshlo_model *m = tshlo_convert(affine(&e), NULL, &e);
	tshlo_runner *r = tshlo_compile(m, NULL, d, &e);
	assert_int_equal(tshlo_runner_nuser(r), 2);
	run_affine(r, &e);
	run_affine(r, &e);
	assert_int_equal(tshlo_runner_ncompiled(r), 1);
	WORKS(tshlo_save(m, in_folder("run"), NULL, &e));
	tshlo_runner_free(r);
	tshlo_model_free(m);
	m = tshlo_load(in_folder("run"), &e);
	r = tshlo_compile(m, NULL, d, &e);
	run_affine(r, &e);
	WORKS(r);
	tshlo_runner_free(r);
	tshlo_model_free(m);
	tshlo_convert_options inlined = { .inline_weights = true };
	m = tshlo_convert(affine(&e), &inlined, &e);
	assert_int_equal(tshlo_ninputs(m, NULL), 2);
	r = tshlo_compile(m, NULL, d, &e);
	run_affine(r, &e);
	WORKS(r);
	tshlo_runner_free(r);
	tshlo_model_free(m);
	tshlo_device_close(d);
}

/* Takes nothing, gives 1.5 n times. */
static tshlo_program *constants(int n, tshlo_error *e)
{
	tshlo_program *p = tshlo_program_new(e);
	int y = value(p, "y", 0, NULL);
	tshlo_node(p, "aten.full.default", "full", NULL, NULL);
	tshlo_arg_ints(p, "size", 0, NULL);
	tshlo_arg_float(p, "fill_value", 1.5);
	tshlo_node_output(p, y);
	for (int i = 0; i < n; i++) tshlo_output(p, TSHLO_OUTPUT_USER, NULL, y);
	return p;
}

static void a_program_may_take_nothing(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_device *d = device_or_skip();
	tshlo_model *m = tshlo_convert(constants(1, &e), NULL, &e);
	WORKS(m);
	assert_int_equal(tshlo_ninputs(m, NULL), 0);
	assert_true(tshlo_check_inputs(m, NULL, NULL, 0, &e));
	tshlo_runner *r = tshlo_compile(m, NULL, d, &e);
	tshlo_buffer *out;
	WORKS(tshlo_run(r, NULL, 0, &out, &e));
	expect_floats(out, 1, (float[]){ 1.5 });
	tshlo_runner_free(r);
	tshlo_model_free(m);
	tshlo_device_close(d);
}

/* Takes x, gives two whole numbers below 2^40 that have nothing to do with it. */
static tshlo_model *drawn(const tshlo_convert_options *opt, tshlo_error *e)
{
	tshlo_program *p = tshlo_program_new(e);
	int x = value(p, "x", 1, two), y = tshlo_value_tensor(p, "y", tshlo_dtype_by_name("i64"), 1, two, NULL, 0);
	tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, x);
	tshlo_node(p, "aten.randint.default", "randint", NULL, NULL);
	tshlo_arg_int(p, "high", (int64_t)1 << 40);
	tshlo_arg_ints(p, "size", 1, two);
	tshlo_node_output(p, y);
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, y);
	return tshlo_convert(p, opt, e);
}

static void run_drawn(tshlo_model *m, tshlo_device *d, const uint64_t *seed, int64_t out[2])
{
	tshlo_error e = { 0 };
	tshlo_tensor in[2] = { { F32, 1, two, (float[]){ 1, 2 } }, { tshlo_dtype_by_name("ui64"), 0, NULL, seed } };
	tshlo_runner *r = tshlo_compile(m, NULL, d, &e);
	tshlo_buffer *b = NULL;
	WORKS(tshlo_run(r, in, seed ? 2 : 1, &b, &e));
	WORKS(tshlo_buffer_read(b, out, 16, &e));
	tshlo_buffer_free(b);
	tshlo_runner_free(r);
}

static void a_seed_is_fixed_or_the_last_input(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_value_info v;
	uint64_t seed = 0xfedcba9876543210;
	int64_t fixed[2], given[2], other[2];
	tshlo_device *d = device_or_skip();
	tshlo_convert_options says = { .seed = seed }, asks = { .seed_input = true };
	tshlo_model *a = drawn(&says, &e), *b = drawn(&asks, &e), *c = drawn(NULL, &e);
	WORKS(a && b && c);
	assert_int_equal(tshlo_ninputs(a, NULL), 1);
	assert_int_equal(tshlo_ninputs(b, NULL), 2);
	assert_true(tshlo_input_info(b, NULL, 1, &v));
	assert_string_equal(v.name, "seed");
	assert_true(v.input == TSHLO_INPUT_USER && v.position == 1 && v.type.rank == 0 && v.nbytes == 8);
	run_drawn(a, d, NULL, fixed);
	run_drawn(b, d, &seed, given);
	run_drawn(c, d, NULL, other);
	assert_memory_equal(fixed, given, sizeof fixed);
	assert_true(memcmp(fixed, other, sizeof fixed) != 0 && fixed[0] >= 0 && fixed[0] >> 40 == 0);
	tshlo_model_free(a);
	tshlo_model_free(b);
	tshlo_model_free(c);
	tshlo_device_close(d);
}

/* The caller has room for as many results as the signature says. */
static void bytecode_of_another_program_is_refused(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	char line[600];
	tshlo_device *d = device_or_skip();
	for (int n = 1; n <= 2; n++) {
		tshlo_model *m = tshlo_convert(constants(n, &e), NULL, &e);
		WORKS(tshlo_save(m, in_folder(n == 1 ? "one" : "two"), NULL, &e));
		tshlo_model_free(m);
	}
	snprintf(line, sizeof line, "cp '%s/functions/forward.bytecode' '%s/functions/'", in_folder("two"),
		in_folder("one"));
	assert_int_equal(system(line), 0);
	tshlo_model *m = tshlo_load(in_folder("one"), &e);
	WORKS(m);
	assert_null(tshlo_compile(m, NULL, d, &e));
	EXPECT(TSHLO_BAD_INPUT, "1 results by its signature, 2 by its bytecode");
	tshlo_model_free(m);
	tshlo_device_close(d);
}

static void wrong_inputs_are_named(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_model *m = tshlo_convert(affine(&e), NULL, &e);
	tshlo_tensor good[] = AFFINE_IN, in[] = AFFINE_IN;
	WORKS(tshlo_check_inputs(m, NULL, in, 2, &e));
	assert_false(tshlo_check_inputs(m, NULL, in, 1, &e));
	EXPECT(TSHLO_BAD_INPUT, "1 inputs are given, wanted 2");
	assert_false(tshlo_check_inputs(m, NULL, NULL, 2, &e));
	EXPECT(TSHLO_BAD_INPUT, "NULL");
	in[1].dims = affine_dims;
	assert_false(tshlo_check_inputs(m, NULL, in, 2, &e));
	EXPECT(TSHLO_BAD_INPUT, "input 2 (z) is f32[2,3], wanted f32[1,3]");
	in[1] = good[1];
	in[0].dtype = tshlo_dtype_by_name("float64");
	assert_false(tshlo_check_inputs(m, NULL, in, 2, &e));
	EXPECT(TSHLO_BAD_INPUT, "input 0 (x) is f64[2,3], wanted f32[2,3]");
	in[0].dtype = 1000;
	assert_false(tshlo_check_inputs(m, NULL, in, 2, &e));
	EXPECT(TSHLO_BAD_INPUT, "element type 1000");
	in[0] = (tshlo_tensor){ F32, -1, affine_dims, affine_x };
	assert_false(tshlo_check_inputs(m, NULL, in, 2, &e));
	EXPECT(TSHLO_BAD_INPUT, "rank -1");
	tshlo_model_free(m);
}

static void buffers_are_inputs_too(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_device *d = device_or_skip();
	tshlo_model *m = tshlo_convert(affine(&e), NULL, &e);
	tshlo_runner *r = tshlo_compile(m, NULL, d, &e);
	tshlo_tensor in[] = AFFINE_IN, back;
	tshlo_buffer *b[2] = { tshlo_buffer_new(d, &in[0], &e), tshlo_buffer_new(d, &in[1], &e) }, *out[2];
	WORKS(tshlo_run_buffers(r, b, 2, out, &e));
	assert_true(tshlo_buffer_info(out[0], &back));
	assert_int_equal(back.dims[0], 3);
	assert_false(tshlo_buffer_read(out[0], &back, 3, &e));
	EXPECT(TSHLO_BAD_INPUT, "3 bytes");
	expect_floats(out[0], 9, affine_r);
	expect_floats(out[1], 6, affine_r);
	tshlo_buffer *swapped[2] = { b[1], b[0] }, *one[2] = { b[0], NULL };
	assert_false(tshlo_run_buffers(r, swapped, 2, out, &e));
	EXPECT(TSHLO_BAD_INPUT, "input 0 (x) is f32[1,3]");
	assert_false(tshlo_run_buffers(r, one, 2, out, &e));
	EXPECT(TSHLO_BAD_INPUT, "input 2 (z) is NULL");
	assert_null(tshlo_buffer_new(d, NULL, &e));
	EXPECT(TSHLO_BAD_INPUT, "NULL");
	assert_null(tshlo_device_open(NULL, 1000000, &e));
	EXPECT(TSHLO_BAD_INPUT, "no device 1000000");
	tshlo_buffer_free(b[0]), tshlo_buffer_free(b[1]);
	tshlo_runner_free(r);
	tshlo_model_free(m);
	tshlo_device_close(d);
}

/* -- threads --------------------------------------------------------------------------------------------- */

enum { THREADS = 8 };
typedef struct Shared { tshlo_model *m; tshlo_runner *r; pthread_barrier_t start; const char *text[THREADS]; } Shared;
typedef struct Worker { Shared *s; int id, rounds; tshlo_error e; } Worker;

static void *work(void *arg)
{
	Worker *w = arg;
	char target[16];
	snprintf(target, sizeof target, "1.%d.0", w->id / 2);
	pthread_barrier_wait(&w->s->start);
	w->s->text[w->id] = tshlo_text(w->s->m, NULL, NULL, &w->e);
	for (w->rounds = 0; w->rounds < 20; w->rounds++) {
		if (!tshlo_bytecode(w->s->m, NULL, w->rounds % 2 ? target : NULL, NULL, &w->e)) break;
		if (tshlo_bytecode(w->s->m, NULL, "not a version", NULL, NULL)) break;
		if (w->s->r) run_affine(w->s->r, &w->e);
	}
	return NULL;
}

static void a_model_serves_many_threads(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_device *d = tshlo_device_open(NULL, 0, NULL);
	if (!d) print_message("no device to run on: text and bytecode only\n");
	Shared s = { .m = tshlo_convert(affine(&e), NULL, &e) };
	s.r = tshlo_compile(s.m, NULL, d, &e);
	WORKS(s.m);
	pthread_t thread[THREADS];
	Worker w[THREADS];
	pthread_barrier_init(&s.start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		w[i] = (Worker){ .s = &s, .id = i };
		assert_int_equal(pthread_create(&thread[i], NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(w[i].e.code, TSHLO_OK);
		assert_int_equal(w[i].rounds, 20);
		assert_ptr_equal(s.text[i], s.text[0]);
	}
	pthread_barrier_destroy(&s.start);
	tshlo_runner_free(s.r);
	tshlo_model_free(s.m);
	tshlo_device_close(d);
}

/* -- memory that runs out -------------------------------------------------------------------------------- */

static void once_round(tshlo_error *e)
{
	static int n;
	char name[32], served[48], line[600];
	snprintf(name, sizeof name, "memory%d", n++);
	snprintf(served, sizeof served, "served%d/new/1", n);
	tshlo_model *m = tshlo_convert(affine(e), NULL, e);
	tshlo_text(m, NULL, NULL, e);
	tshlo_bytecode(m, NULL, "1.4.0", NULL, e);
	bool saved = tshlo_save(m, in_folder(name), NULL, e);
	assert_int_equal(saved, access(in_folder(name), F_OK) == 0);      /* all of it or nothing */
	tshlo_saved_model_options opt = { .nplatforms = 2, .platforms = (const char *const[]){ "CPU", "CUDA" }, .warmup = true };
	bool serves = tshlo_save_saved_model(m, in_folder(served), &opt, e);
	assert_int_equal(serves, access(in_folder(served), F_OK) == 0);
	served[strcspn(served, "/")] = 0;
	assert_int_equal(serves, access(in_folder(served), F_OK) == 0);   /* nor the directories above it */
	tshlo_model_free(m);
	snprintf(line, sizeof line, "rm -rf '%s'", in_folder(served));
	if (serves) assert_int_equal(system(line), 0);
	m = tshlo_load(in_folder(name), e);
	tshlo_text(m, NULL, NULL, e);
	tshlo_model_free(m);
	snprintf(line, sizeof line, "rm -rf '%s'", in_folder(name));
	if (saved) assert_int_equal(system(line), 0);
}

static void running_out_of_memory_is_an_error(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		long n = 0;
		for (tshlo_error e = { .code = TSHLO_NO_MEMORY }; e.code; n++) {
			tshlo_error_clear(&e);
			memory_fails_at(kind, n + 1);
			once_round(&e);
			memory_fails_at(kind, 0);
			if (e.code && e.code != TSHLO_NO_MEMORY)
				fail_msg("allocation %ld: %d %s", n, (int)e.code, e.message);
			if (e.code && !*e.message) fail_msg("allocation %ld: no message", n);
			tshlo_code code = e.code;
			tshlo_error_clear(&e);
			e.code = code;
		}
		print_message("%ld %s made to fail\n", n - 1, kind ? "calls of malloc" : "blocks of arenas");
		assert_true(n > 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_is_converted_saved_and_loaded),
		cmocka_unit_test(text_that_was_left_out_is_made_of_bytecode),
		cmocka_unit_test(a_module_is_written_for_many_versions),
		cmocka_unit_test(names_of_targets_and_methods_are_checked),
		cmocka_unit_test(directories_are_not_overwritten),
		cmocka_unit_test(broken_graphs_are_refused),
		cmocka_unit_test(programs_that_cannot_be_converted),
		cmocka_unit_test(chains_of_views_have_an_end),
		cmocka_unit_test(nothing_is_taken_for_nothing),
		cmocka_unit_test(the_first_error_stays),
		cmocka_unit_test(tensors_go_to_files_and_back),
		cmocka_unit_test(a_model_runs_before_and_after_the_disk),
		cmocka_unit_test(a_program_may_take_nothing),
		cmocka_unit_test(a_seed_is_fixed_or_the_last_input),
		cmocka_unit_test(bytecode_of_another_program_is_refused),
		cmocka_unit_test(wrong_inputs_are_named),
		cmocka_unit_test(buffers_are_inputs_too),
		cmocka_unit_test(a_model_serves_many_threads),
		cmocka_unit_test(running_out_of_memory_is_an_error),
	};
	return cmocka_run_group_tests_name("api", tests, make_folder, remove_folder);
}
