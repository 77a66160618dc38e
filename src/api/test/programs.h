/* Programs that the tests of the public API build, call by call. */
#ifndef API_TEST_PROGRAMS_H
#define API_TEST_PROGRAMS_H

#include "torch_stablehlo.h"

/* cmocka's headers, in the order that it wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define F32 tshlo_dtype_by_name("f32")

int value(tshlo_program *p, const char *name, int rank, const int64_t *dims);     /* an f32 tensor */
/* One call of `target` on self and, unless 0, other; gives a value of that shape. */
int call(tshlo_program *p, const char *target, int self, int other, int rank, const int64_t *dims);

/* y = x * w + 2 b, r = cat([y, z]); gives (r, None, y) and takes (x, 3, z): x, w, y f32[2,3], b f32[3], z
 * f32[1,3]. w lies transposed in its storage. On x = 1, z = affine_z it gives affine_r. */
tshlo_program *affine(tshlo_error *e);
extern const float affine_x[6], affine_z[3], affine_r[9];
extern const int64_t affine_dims[2], affine_z_dims[2];

/* The tensors (x, z) that affine() takes. */
#define AFFINE_IN { { F32, 2, affine_dims, affine_x }, { F32, 2, affine_z_dims, affine_z } }

#endif
