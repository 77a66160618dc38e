/* pt2-nomem FILE: opens FILE and reads its samples with the first allocation failing, then the second, and so on until
 * everything succeeds. Each failure must be NO_MEMORY and nothing may leak (run under the address sanitizer). */
#include <stdio.h>

#include "pt2/pt2.h"

static bool attempt(const char *path, long fail_at, Err *e)
{
	arena_fail_at = fail_at;
	Program *p = pt2_open(path, e);
	bool ok = p && pt2_samples(p, e);
	arena_fail_at = 0;
	program_free(p);
	return ok;
}

int main(int argc, char **argv)
{
	if (argc != 2) return 2;
	for (long i = 1; i < 100000; i++) {
		Err e = { 0 };
		bool ok = attempt(argv[1], i, &e);
		Code code = e.code;
		if (code && code != NO_MEMORY) printf("allocation %ld: %s\n", i, err_msg(&e));
		err_clear(&e);
		if (ok) {
			printf("ok after %ld failures\n", i - 1);
			return 0;
		}
		if (code != NO_MEMORY) return 1;
	}
	return 1;
}
