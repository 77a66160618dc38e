/* Every rule with absurd arguments: it returns or gives an error, and no crash, hang or giant allocation. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aten/lower.h"
#include "hostile.h"

static char running[128];

/* Only what a signal handler may call. */
static void on_alarm(int sig)
{
	(void)sig;
	static const char text[] = "does not end: ";
	if (write(2, text, sizeof text - 1) < 0 || write(2, running, strlen(running)) < 0 || write(2, "\n", 1) < 0) _exit(3);
	_exit(2);
}

/* test_hostile [rounds [rule [seed]]] */
int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 30, only = argc > 2 ? atoi(argv[2]) : -1, seed = argc > 3 ? atoi(argv[3]) : 0;
	int failed = 0, modules = 0, total = 0;
	signal(SIGALRM, on_alarm);
	for (int r = only < 0 ? 0 : only; rule_name(r) && (only < 0 || r == only); r++) {
		for (int k = seed; k < seed + rounds; k++) {
			snprintf(running, sizeof running, "%s (rule %d, seed %d)", rule_name(r), r, k);
			if (getenv("TRACE")) fprintf(stderr, "%s\n", running);
			alarm(20);
			Choices c = { .seed = ((uint64_t)r << 32 | (uint64_t)k) * 0x9e3779b97f4a7c15u + 1 };
			int result = hostile_case(&c, r, 1);
			if (result < 0) fprintf(stderr, "failed: %s\n", running);
			failed += result < 0;
			modules += result > 0;
			total++;
		}
	}
	printf("%d passed, %d failed (%d became modules)\n", total - failed, failed, modules);
	return failed > 0;
}
