/* How plugins are found, and how what is none is refused. No XLA needed: plugins here are fakes or plain
 * files. Fakes are named by the variables FAKE_OTHER_MAJOR, FAKE_TOO_OLD, FAKE_FAILS, FAKE_NONE, set in
 * meson.build. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "pjrt/test/test.h"

static char top[64];
static const char *const variables[] = {
	"PJRT_PLUGIN_LIBRARY_PATH", "PJRT_NAMES_AND_LIBRARY_PATHS", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX",
		"PATH", "HOME",
};

/* Makes top/name, with the folders above it; returns its path (static). */
static const char *make(const char *name)
{
	static char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", top, name);
	for (char *s = path + strlen(top); (s = strchr(s + 1, '/')); *s = '/') {
		*s = 0;
		mkdir(path, 0700);
	}
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	return path;
}

static void put_in_env(const char *variable, const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s%s%s", top, *name ? "/" : "", name);
	setenv(variable, path, 1);
}

static int empty_world(void **state)
{
	(void)state;
	strcpy(top, "pjrt-find-XXXXXX");
	char here[PATH_MAX];
	if (!mkdtemp(top)) return -1;
	assert_non_null(realpath(top, here));
	assert_true(strlen(here) > 0);
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) unsetenv(variables[i]);
	return 0;
}

static int remove_world(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "/bin/rm -rf ./%s", top);
	return system(command);
}

/* find_plugin(which) is top/name. */
static void finds(const char *which, const char *name)
{
	Err e = { 0 };
	char wanted[PATH_MAX], real[PATH_MAX];
	snprintf(wanted, sizeof wanted, "%s/%s", top, name);
	char *found = find_plugin(which, &e);
	assert_string_equal(err_msg(&e), "");
	assert_non_null(realpath(wanted, real));
	assert_string_equal(found, real);
	free(found);
}

/* find_plugin(which) fails with the code, and the message holds each of the texts. */
static void refuses(const char *which, Code code, const char *one, const char *two)
{
	Err e = { 0 };
	assert_null(find_plugin(which, &e));
	assert_int_equal(e.code, code);
	if (!strstr(err_msg(&e), one) || !strstr(err_msg(&e), two)) FAIL("%s", err_msg(&e));
	err_clear(&e);
}

#define CPU "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so"
#define SITE "lib/python3.12/site-packages/"

static void in_a_virtual_environment(void **state)
{
	(void)state;
	make("env/" SITE CPU);
	make("env/" SITE "jax_plugins/xla_cuda12/xla_cuda_plugin.so");
	make("env/" SITE "jax_plugins/xla_cuda13/xla_cuda_plugin.so");
	make("env/" SITE "jax_plugins/mine/pjrt_plugin_mine.so");
	make("env/" SITE "libtpu/libtpu.so");
	make("env/" SITE "other_pjrt_package/pjrt_c_api_cpu_plugin.so");
	put_in_env("VIRTUAL_ENV", "env");
	finds("cpu", "env/" SITE CPU);
	finds(NULL, "env/" SITE CPU);      /* an accelerator is used when it is named, never by default */
	finds("xla_cpu_pjrt", "env/" SITE CPU);
	finds("cuda", "env/" SITE "jax_plugins/xla_cuda13/xla_cuda_plugin.so");
	finds("mine", "env/" SITE "jax_plugins/mine/pjrt_plugin_mine.so");
	finds("tpu", "env/" SITE "libtpu/libtpu.so");
	finds("other_pjrt_package", "env/" SITE "other_pjrt_package/pjrt_c_api_cpu_plugin.so");
	refuses("rocm", IO, "jax_plugins/xla_rocm*/xla_rocm_plugin.so", "pip install jax-rocm7-pjrt");
}

static void beside_python_and_in_pythonpath(void **state)
{
	(void)state;
	make("py/" SITE CPU);
	chmod(make("py/bin/python3"), 0700);
	put_in_env("PATH", "py/bin");
	finds("cpu", "py/" SITE CPU);
	make("extra/" CPU);
	put_in_env("PYTHONPATH", "extra");
	finds("cpu", "extra/" CPU);
}

static void in_a_home_with_globbing_characters(void **state)
{
	(void)state;
	make("a[b]*?/.local/" SITE CPU);
	put_in_env("HOME", "a[b]*?");
	finds("cpu", "a[b]*?/.local/" SITE CPU);
}

static void by_library_path(void **state)
{
	(void)state;
	make("env/" SITE CPU);
	make("mine.so");
	make("folder/pjrt_c_api_cpu_plugin.so");
	make("folder/pjrt_plugin_tpu.so");
	put_in_env("VIRTUAL_ENV", "env");
	put_in_env("PJRT_PLUGIN_LIBRARY_PATH", "mine.so");
	finds(NULL, "mine.so");
	finds("cpu", "env/" SITE CPU);      /* the name goes before the variable */
	put_in_env("PJRT_PLUGIN_LIBRARY_PATH", "folder");
	finds(NULL, "folder/pjrt_c_api_cpu_plugin.so");
	finds("tpu", "folder/pjrt_plugin_tpu.so");
	put_in_env("PJRT_PLUGIN_LIBRARY_PATH", "gone.so");
	refuses(NULL, IO, "PJRT_PLUGIN_LIBRARY_PATH=", "gone.so: no plugin there");
}

static void by_jax_variable(void **state)
{
	(void)state;
	char value[PATH_MAX];
	make("two.so");
	snprintf(value, sizeof value, "one:%s/one.so,two:%s/two.so", top, top);
	setenv("PJRT_NAMES_AND_LIBRARY_PATHS", value, 1);
	finds("two", "two.so");
	refuses("one", IO, "one.so", "no such plugin file");
}

static void by_path(void **state)
{
	(void)state;
	char path[PATH_MAX];
	make("x.so");
	snprintf(path, sizeof path, "%s/x.so", top);
	finds(path, "x.so");
	refuses("./gone/plugin.so", IO, "./gone/plugin.so", "no such plugin file");
	refuses("gone.so", IO, "gone.so", "no such plugin file");
	refuses("./", IO, "./", "a folder");
}

static void nowhere(void **state)
{
	(void)state;
	refuses("frob", IO, "no PJRT plugin 'frob': it is none of cpu, cuda, rocm, tpu", "path of a plugin file");
	refuses("a b", BAD_INPUT, "'a b'", "neither the name nor the path");
	refuses("", BAD_INPUT, "''", "neither the name nor the path");
	refuses("*", BAD_INPUT, "'*'", "neither the name nor the path");
}

/* -- files that are no plugin we can use ----------------------------------------------------------------- */

static void cannot_open(const char *path, const char *one, const char *two)
{
	Err e = { 0 };
	if (!path) skip();
	assert_null(plugin_open(path, &e));
	assert_int_equal(e.code, PLUGIN);
	if (!strstr(err_msg(&e), one) || !strstr(err_msg(&e), two)) FAIL("%s", err_msg(&e));
	err_clear(&e);
}

static void no_shared_object(void **state)
{
	(void)state;
	char path[PATH_MAX];
	make("text.so");
	snprintf(path, sizeof path, "%s/text.so", top);
	cannot_open(path, "text.so", "cannot be loaded");
}

static void no_plugin(void **state)
{
	(void)state;
	cannot_open(getenv("FAKE_NONE"), "not a PJRT plugin", "GetPjrtApi");
}

static void other_major_version(void **state)
{
	(void)state;
	cannot_open(getenv("FAKE_OTHER_MAJOR"), "speaks PJRT 7.3", "this build speaks PJRT 0.");
}

static void too_old(void **state)
{
	(void)state;
	cannot_open(getenv("FAKE_TOO_OLD"), "PJRT 0.3 is too old: its function table has 96 bytes",
		"this build (PJRT 0.");
}

static void cannot_start(void **state)
{
	(void)state;
	cannot_open(getenv("FAKE_FAILS"), "initialize plugin: UNAVAILABLE",
		"the fake plugin has no device to offer");
	cannot_open(getenv("FAKE_FAILS"), "initialize plugin", "");      /* and still not the second time */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, empty_world, remove_world)
	const struct CMUnitTest tests[] = {
		TEST(in_a_virtual_environment), TEST(beside_python_and_in_pythonpath),
		TEST(in_a_home_with_globbing_characters), TEST(by_library_path), TEST(by_jax_variable), TEST(by_path),
		TEST(nowhere), TEST(no_shared_object), TEST(no_plugin), TEST(other_major_version), TEST(too_old),
		TEST(cannot_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
