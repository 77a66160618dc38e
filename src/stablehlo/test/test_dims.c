/* Symbolic sizes: whatever form an expression takes in the table, its value is that of plain arithmetic, inside its range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stablehlo/dims.h"

static int64_t s, t, u;
static DimTable table;

static int setup(void **state)
{
	(void)state;
	static Arena a;
	table = (DimTable){ .a = &a };
	s = dim_symbol(&table, "s", 1, 40);
	t = dim_symbol(&table, "t", 0, INT64_MAX);
	u = dim_symbol(&table, "u", 3, 3);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(table.a);
	return 0;
}

/* -- forms ----------------------------------------------------------------------------------------------- */

static void one_expression_has_one_handle(void **state)
{
	(void)state;
	DimTable *d = &table;
	int64_t twice = dim_plus(d, s, s);
	assert_int_equal(twice, dim_times(d, 2, s));
	assert_int_equal(dim_minus(d, twice, s), s);
	assert_int_equal(dim_minus(d, s, s), 0);
	assert_int_equal(dim_floordiv(d, dim_plus(d, dim_times(d, 4, s), 2), 2), dim_plus(d, twice, 1));
	assert_int_equal(dim_floordiv(d, dim_times(d, s, t), s), t);
	assert_int_equal(dim_floordiv(d, dim_plus(d, twice, 1), 2), s);
	assert_int_equal(dim_mod(d, dim_plus(d, twice, 1), 2), 1);
	assert_int_equal(dim_mod(d, dim_times(d, 6, t), 3), 0);
	assert_int_equal(dim_max(d, s, 0), s);
	assert_int_equal(dim_min(d, s, 41), s);
	assert_int_equal(dim_max(d, s, dim_plus(d, s, 1)), dim_plus(d, s, 1));
	assert_int_equal(dim_max(d, s, t), dim_max(d, t, s));
	assert_int_equal(dim_times(d, dim_plus(d, s, t), dim_minus(d, s, t)), dim_minus(d, dim_times(d, s, s), dim_times(d, t, t)));
	assert_int_equal(dim_symbol(d, "s", 7, 8), s);
	assert_int_equal(dim_times(d, 3, 4), 12);
	assert_int_equal(dim_minus(d, 3, 3), 0);
}

static void expressions_have_texts(void **state)
{
	(void)state;
	DimTable *d = &table;
	assert_string_equal(dim_text(d, s), "s");
	assert_string_equal(dim_text(d, 7), "7");
	assert_string_equal(dim_text(d, DYNAMIC), "?");
	assert_string_equal(dim_text(d, -12345), "?");
	assert_string_equal(dim_text(d, dim_number(d, -3)), "-3");
	assert_string_equal(dim_text(d, dim_minus(d, dim_times(d, 2, s), 1)), "2*s - 1");
	assert_string_equal(dim_text(d, dim_floordiv(d, dim_plus(d, s, 1), 2)), "((s + 1)//2)");
	assert_string_equal(dim_text(d, dim_max(d, s, t)), "Max(s, t)");
}

static void what_is_not_known_stays_so(void **state)
{
	(void)state;
	DimTable *d = &table;
	int64_t big = INT64_MAX, v[64] = { 0 }, out;
	assert_int_equal(dim_plus(d, DYNAMIC, 1), DYNAMIC);
	assert_int_equal(dim_times(d, s, DYNAMIC), DYNAMIC);
	assert_int_equal(dim_max(d, DYNAMIC, s), DYNAMIC);
	assert_int_equal(dim_plus(d, big, 1), DYNAMIC);
	assert_int_equal(dim_times(d, dim_times(d, big, s), 2), DYNAMIC);
	assert_int_equal(dim_floordiv(d, s, 0), DYNAMIC);
	assert_int_equal(dim_mod(d, s, 0), DYNAMIC);
	assert_int_equal(dim_plus(d, -99999, s), DYNAMIC);
	assert_false(dim_eval(d, DYNAMIC, v, &out));
	assert_false(dim_eval(d, dim_floordiv(d, s, t), v, &out));      /* t = 0 */
	int64_t x = s;
	for (int i = 0; i < 80; i++) x = dim_plus(d, dim_times(d, x, t), i);
	assert_int_equal(x, DYNAMIC);                                   /* too long for anyone's shapes */
}

/* -- values ---------------------------------------------------------------------------------------------- */

static uint64_t seed;
static int64_t below(int64_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)((seed >> 33) % (uint64_t)n);
}

static int64_t floor_div(int64_t x, int64_t y) { return x / y - (x % y && (x < 0) != (y < 0)); }

/* An expression, and its value for these symbols. */
typedef struct Pair { int64_t d, value; } Pair;

static Pair expression(int depth, const int64_t *v)
{
	if (!depth || !below(5)) {
		const int64_t symbols[] = { s, t, u };
		int64_t k = below(5);
		if (k < 3) return (Pair){ symbols[k], v[~symbols[k]] };
		k = below(7);
		return (Pair){ k, k };
	}
	Pair x = expression(depth - 1, v), y = expression(depth - 1, v);
	int64_t c = 1 + below(5);
	switch (below(8)) {
	case 0: case 1: return (Pair){ dim_plus(&table, x.d, y.d), x.value + y.value };
	case 2:  return (Pair){ dim_minus(&table, x.d, y.d), x.value - y.value };
	case 3:  return (Pair){ dim_times(&table, x.d, y.d), x.value * y.value };
	case 4:  return (Pair){ dim_floordiv(&table, x.d, c), floor_div(x.value, c) };
	case 5:  return (Pair){ dim_mod(&table, x.d, c), x.value - floor_div(x.value, c) * c };
	case 6:  return (Pair){ dim_max(&table, x.d, y.d), x.value > y.value ? x.value : y.value };
	default: return (Pair){ dim_min(&table, x.d, y.d), x.value < y.value ? x.value : y.value };
	}
}

static void values_are_those_of_arithmetic(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		seed = (uint64_t)i;
		int64_t v[3] = { [2] = 3 }, *value = v, out;
		v[~s] = 1 + below(40);
		v[~t] = below(30);
		v[~u] = 3;
		Pair p = expression(4, value);
		DimRange r = dim_range(&table, p.d);
		if (p.d == DYNAMIC) continue;
		int64_t *all = NEW(table.a, int64_t, table.node.n + 1);
		for (int k = 0; k < 3; k++) all[k] = v[k];
		if (!dim_eval(&table, p.d, all, &out) || out != p.value || r.min > out || r.max < out)
			fail_msg("round %d: %s is %lld, wanted %lld in %lld..%lld", i, dim_text(&table, p.d), (long long)out, (long long)p.value,
				(long long)r.min, (long long)r.max);
		if (i % 500 == 499) {                    /* the table begins anew: it keeps every expression */
			teardown(NULL);
			*table.a = (Arena){ 0 };
			setup(NULL);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_expression_has_one_handle, setup, teardown),
		cmocka_unit_test_setup_teardown(expressions_have_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_known_stays_so, setup, teardown),
		cmocka_unit_test_setup_teardown(values_are_those_of_arithmetic, setup, teardown),
	};
	return cmocka_run_group_tests_name("dims", tests, NULL, NULL);
}
