/* libFuzzer: bytes choose a graph over the rule table, which is functionalized, lowered, verified and printed. */
#include <stdlib.h>

#include "hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Choices c = { p, n, 0 };
	if (hostile_case(&c, -1, 4) < 0) abort();
	return 0;
}
