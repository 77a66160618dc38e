/* What the files that resize images share: one dim, and the taps of its new elements. */
#ifndef ATEN_UPSAMPLE_H
#define ATEN_UPSAMPLE_H

#include "aten/node.h"

/* What is asked of one dim. scale: new over old size as the caller gave it; 0: not given. wide: f64 */
typedef struct Resize { int64_t from, to; double scale; bool align_corners, wide; } Resize;

/* size new elements, each the sum of `count` old ones: at[size * count], weight[size * count]. Where a size is a handle they are values
 * of the module, one for each tap: open_at i64 [size], open_weight [size], f32 or f64 */
enum { MOST_TAPS = 4 };
typedef struct Taps {
	int64_t from, size; int count; int64_t *at; double *weight;
	bool open;
	Value open_at[MOST_TAPS], open_weight[MOST_TAPS];
} Taps;

typedef Taps MakeOpenTaps(Builder *b, Resize r);
MakeOpenTaps open_nearest_taps, open_nearest_exact_taps, open_linear_taps, open_cubic_taps;

#endif
