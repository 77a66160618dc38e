/* What lives between calls, from C: sizes that differ, state, several methods, branches. */
#include "api/test/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKS(x) do { if (!(x)) fail_msg("%s: %s", #x, e.message ? e.message : "no message"); } while (0)
#define EXPECT(code_, part) do { \
	if (e.code != (code_) || !strstr(e.message, part)) \
		fail_msg("found %d %s, wanted %d ... %s ...", (int)e.code, e.message ? e.message : "", (int)(code_), part); \
	tshlo_error_clear(&e); } while (0)

static tshlo_device *device_or_skip(void)
{
	tshlo_error e = { 0 };
	tshlo_device *d = tshlo_device_open(NULL, 0, &e);
	if (!d) print_message("NOT run: %s\n", e.message);
	tshlo_error_clear(&e);
	if (!d) skip();
	return d;
}

static const int64_t pair[] = { 2 };

/* -- sizes ----------------------------------------------------------------------------------------------- */

/* y = x + x of f32[n, 3], n from 2 to 8; z = y of f32[2 n], flat, when asked. */
static tshlo_model *doubled(const tshlo_convert_options *opt, tshlo_error *e)
{
	tshlo_program *p = tshlo_program_new(e);
	int64_t dims[] = { tshlo_symbol(p, "n", 4), 3 };
	tshlo_range(p, "n", 2, 8);
	int x = value(p, "x", 2, dims);
	tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, x);
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, call(p, "aten.add.Tensor", x, x, 2, dims));
	return tshlo_convert(p, opt, e);
}

static void run_doubled(tshlo_runner *r, int64_t n)
{
	tshlo_error e = { 0 };
	float x[24], y[24];
	for (int i = 0; i < 24; i++) x[i] = (float)i;
	tshlo_tensor in = { F32, 2, (int64_t[]){ n, 3 }, x };
	tshlo_buffer *out = NULL;
	WORKS(tshlo_run(r, &in, 1, &out, &e));
	WORKS(tshlo_buffer_read(out, y, (size_t)n * 12, &e));
	for (int i = 0; i < 3 * n; i++) assert_true(y[i] == 2 * x[i]);
	tshlo_buffer_free(out);
}

static void sizes_differ_from_call_to_call(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_device *d = device_or_skip();
	tshlo_model *m = doubled(NULL, &e);
	tshlo_runner *r = tshlo_compile(m, NULL, d, &e);
	WORKS(r);
	static const int64_t sizes[] = { 4, 2, 8, 4, 2 };
	for (int i = 0; i < 5; i++) run_doubled(r, sizes[i]);
	assert_int_equal(tshlo_runner_ncompiled(r), 3);
	tshlo_tensor in = { F32, 2, (int64_t[]){ 9, 3 }, (float[27]){ 0 } };
	tshlo_buffer *out = NULL;
	assert_false(tshlo_run(r, &in, 1, &out, &e));
	EXPECT(TSHLO_BAD_INPUT, "x: dimension 0 makes n 9, wanted 2 to 8");
	tshlo_runner_free(r);
	tshlo_model_free(m);
	tshlo_device_close(d);
}

static void a_size_is_given_at_conversion(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_dim dim = { "n", 5 };
	tshlo_model *m = doubled(&(tshlo_convert_options){ .ndim = 1, .dim = &dim }, &e);
	const char *text = tshlo_text(m, NULL, NULL, &e);
	WORKS(text && strstr(text, "tensor<5x3xf32>") && !strstr(text, "?"));
	tshlo_model_free(m);
	static const tshlo_dim bad[] = { { "m", 5 }, { "x.1", 5 }, { "x.0", 1 }, { "n", 9 }, { "x.7", 1 }, { ".0", 1 }, { "", 1 }, { NULL, 1 } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_null(doubled(&(tshlo_convert_options){ .ndim = 1, .dim = &bad[i] }, &e));
		EXPECT(TSHLO_BAD_INPUT, "");
	}
}

/* -- state ----------------------------------------------------------------------------------------------- */

/* total (f32[2], begins at 1, 1) += x * factor; gives total. */
static tshlo_model *adding(const char *method, const char *target, const float *start, tshlo_error *e)
{
	tshlo_program *p = tshlo_program_new(e);
	int total = value(p, "total", 1, pair), x = value(p, "x", 1, pair);
	tshlo_weight(p, "total", F32, 1, pair, (int64_t[]){ 1 }, 0, start, 8);
	tshlo_input(p, TSHLO_INPUT_BUFFER, "b_total", "total", true, total);
	tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, x);
	int sum = call(p, target, total, x, 1, pair);
	tshlo_output(p, TSHLO_OUTPUT_BUFFER_MUTATION, "total", sum);
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, sum);
	return tshlo_convert(p, &(tshlo_convert_options){ .method = method }, e);
}

static const float ones[] = { 1, 1 };

static void step(tshlo_runner *r, float x, float want)
{
	tshlo_error e = { 0 };
	tshlo_tensor in = { F32, 1, pair, (float[]){ x, x } };
	tshlo_buffer *out[2] = { 0 };
	float y[2];
	WORKS(tshlo_run(r, &in, 1, out, &e));
	assert_null(out[0]);
	WORKS(tshlo_buffer_read(out[1], y, 8, &e));
	assert_true(y[0] == want && y[1] == want);
	tshlo_buffer_free(out[1]);
}

static void state_stays_and_is_shared(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_device *d = device_or_skip();
	tshlo_model *part[] = { adding("add", "aten.add.Tensor", ones, &e), adding("multiply", "aten.mul.Tensor", ones, &e) };
	tshlo_model *m = tshlo_join(part, 2, &e);
	tshlo_session *s = tshlo_session_new(m, d, &e);
	tshlo_runner *add = tshlo_compile_in(m, "add", d, s, &e), *multiply = tshlo_compile_in(m, "multiply", d, s, &e);
	WORKS(add && multiply);
	step(add, 2, 3);
	step(multiply, 5, 15);
	step(add, 1, 16);
	float now[2];
	WORKS(tshlo_session_read(s, "total", now, 8, &e));
	assert_true(now[0] == 16);
	assert_false(tshlo_session_read(s, "other", now, 8, &e));
	EXPECT(TSHLO_BAD_INPUT, "no state 'other'");
	assert_false(tshlo_session_read(s, "total", now, 4, &e));
	EXPECT(TSHLO_BAD_INPUT, "bytes");
	tshlo_tensor t = { F32, 1, pair, (float[]){ 7, 7 } };
	WORKS(tshlo_session_write(s, "total", &t, &e));
	step(add, 1, 8);
	tshlo_session_reset(s);
	step(add, 1, 2);
	const char *name;
	assert_true(tshlo_session_value(s, 0, &name, &t) && !strcmp(name, "total") && t.rank == 1);
	assert_false(tshlo_session_value(s, 1, &name, &t));
	assert_true(ones[0] == 1 && ones[1] == 1);      /* the weight itself is never written */
	tshlo_runner_free(add);
	tshlo_runner_free(multiply);
	tshlo_session_free(s);
	tshlo_model_free(m);
	tshlo_device_close(d);
}

static void models_that_do_not_go_together(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	static const float twos[] = { 2, 2 };
	tshlo_model *same[] = { adding("a", "aten.add.Tensor", ones, &e), adding("a", "aten.add.Tensor", ones, &e) };
	assert_null(tshlo_join(same, 2, &e));
	EXPECT(TSHLO_BAD_INPUT, "two methods 'a'");
	tshlo_model *differ[] = { adding("a", "aten.add.Tensor", ones, &e), adding("b", "aten.add.Tensor", twos, &e) };
	assert_null(tshlo_join(differ, 2, &e));
	EXPECT(TSHLO_BAD_INPUT, "weight 'total' of method 'b' is another one");
	tshlo_model *missing[] = { adding("a", "aten.add.Tensor", ones, &e), NULL };
	assert_null(tshlo_join(missing, 2, &e));
	tshlo_error_clear(&e);
	assert_null(tshlo_join(NULL, 0, &e));
}

/* -- graphs ---------------------------------------------------------------------------------------------- */

static void branch(tshlo_program *p, const char *name, const char *target)
{
	tshlo_graph_begin(p, name);
	int x = value(p, "x", 1, pair);
	tshlo_graph_input(p, x);
	tshlo_graph_output(p, call(p, target, x, x, 1, pair));
	tshlo_graph_end(p);
}

/* cond(flag, x + x, x * x); broken: what is wrong with it. */
static tshlo_model *choice(int broken, tshlo_error *e)
{
	tshlo_program *p = tshlo_program_new(e);
	int flag = tshlo_value_tensor(p, "flag", tshlo_dtype_by_name("bool"), 0, NULL, NULL, 0), x = value(p, "x", 1, pair);
	int y = value(p, "y", 1, pair);
	tshlo_input(p, TSHLO_INPUT_USER, "flag", NULL, false, flag);
	tshlo_input(p, TSHLO_INPUT_USER, "x", NULL, false, x);
	if (broken == 1) tshlo_graph_begin(p, "outside a node");
	tshlo_node(p, "higher_order.cond", "cond", NULL, NULL);
	tshlo_arg_value(p, "0", flag);
	branch(p, "1", "aten.add.Tensor");
	if (broken == 2) tshlo_graph_end(p);
	if (broken == 3) tshlo_graph_input(p, x);
	if (broken != 4) branch(p, "2", broken == 5 ? "aten.no_such_op.default" : "aten.mul.Tensor");
	if (broken == 6) tshlo_graph_begin(p, "never ended");
	tshlo_arg_list_begin(p, "3");
	if (broken != 7) tshlo_arg_value(p, NULL, x);
	tshlo_arg_list_end(p);
	tshlo_node_output(p, y);
	tshlo_output(p, TSHLO_OUTPUT_USER, NULL, y);
	return tshlo_convert(p, NULL, e);
}

static void branches_are_taken(void **state)
{
	(void)state;
	tshlo_error e = { 0 };
	tshlo_device *d = device_or_skip();
	tshlo_model *m = choice(0, &e);
	tshlo_runner *r = tshlo_compile(m, NULL, d, &e);
	WORKS(r);
	for (int flag = 0; flag < 2; flag++) {
		tshlo_tensor in[] = { { tshlo_dtype_by_name("bool"), 0, NULL, (bool[]){ flag } }, { F32, 1, pair, (float[]){ 3, 5 } } };
		tshlo_buffer *out = NULL;
		float y[2];
		WORKS(tshlo_run(r, in, 2, &out, &e));
		WORKS(tshlo_buffer_read(out, y, 8, &e));
		assert_true(y[0] == (flag ? 6 : 9) && y[1] == (flag ? 10 : 25));
		tshlo_buffer_free(out);
	}
	tshlo_runner_free(r);
	tshlo_model_free(m);
	tshlo_device_close(d);
}

static void broken_branches_are_refused(void **state)
{
	(void)state;
	for (int i = 1; i <= 7; i++) {
		tshlo_error e = { 0 };
		assert_null(choice(i, &e));
		assert_true(e.code == TSHLO_BAD_INPUT || e.code == TSHLO_UNSUPPORTED);
		if (i == 5) assert_non_null(strstr(e.message, "aten.no_such_op.default  x1"));
		tshlo_error_clear(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_differ_from_call_to_call), cmocka_unit_test(a_size_is_given_at_conversion),
		cmocka_unit_test(state_stays_and_is_shared), cmocka_unit_test(models_that_do_not_go_together),
		cmocka_unit_test(branches_are_taken), cmocka_unit_test(broken_branches_are_refused),
	};
	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
