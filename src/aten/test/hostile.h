/* Programs that no exporter writes: calls of the ops in the rule table with every argument name that rules ask for, each
 * given something plausible or absurd. Lowering one must end, with a module or with an error. */
#ifndef ATEN_TEST_HOSTILE_H
#define ATEN_TEST_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where choices come from: bytes while there are any, then a generator of pseudo-random numbers (seed 0: zeros). */
typedef struct Choices {
	const uint8_t *p;
	size_t n;
	uint64_t seed;
} Choices;

/* Builds a program of up to `nodes` calls; rule < 0: any rule. Lowers, verifies, prints and serializes it. Gives 1 when it
 * became a module, 0 after a clean error, -1 with a line on stderr when something is wrong. */
int hostile_case(Choices *c, int rule, int nodes);

#endif
