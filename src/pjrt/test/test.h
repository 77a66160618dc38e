/* cmocka, with what the tests of this module share. */
#ifndef PJRT_TEST_H
#define PJRT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#undef fail                /* base/err.h has its own, so fail_msg() is of no use either */

#include "pjrt/internal.h"

#define FAIL(...) \
	do { print_error(__VA_ARGS__); print_error("\n"); _fail(__FILE__, __LINE__); abort(); } while (0)

/* x holds; else fails with the message in e. */
#define WORKS(x) do { if (!(x)) FAIL("%s: %s", #x, err_msg(&e)); } while (0)

#endif
