/* Tensors that are split over the devices of a mesh, and how XLA's partitioners are told.
 *
 * A mesh is a box of devices whose axes have names; a spec says of each dimension of a tensor along which of them it is cut. GSPMD has one
 * string for it (mhlo.sharding), Shardy names the axes:
 *
 *	mesh of 2x2, axes x and y;  ["x", null]       {devices=[2,1,2]<=[4] last_tile_dim_replicate}
 *	                                              #sdy.sharding<@mesh, [{"x"}, {}]>
 *
 * The string is xla/hlo/ir/hlo_sharding.h's: how many blocks each dimension is cut into (and, last, how many devices have the same block),
 * then the devices in the order of the blocks: a list, or `<=[2,3]T(1,0)`, the numbers 0 to 5 as a 2x3 box that is transposed. */
#ifndef STABLEHLO_SHARDING_H
#define STABLEHLO_SHARDING_H

#include "base/json.h"
#include "stablehlo/stablehlo.h"

enum { MAX_DEVICES = 1 << 20, MAX_AXES = 32 };

typedef struct Mesh {
	const char *name;            /* in the module: "mesh", "mesh_0" */
	int naxis;
	const int64_t *size;         /* [naxis], 1 or more */
	const char *const *axis;     /* [naxis] */
	int64_t ndevice;             /* the product of the sizes */
	const int64_t *device;       /* [ndevice], row-major: 0 to ndevice - 1, each once; NULL: in this order */
} Mesh;

typedef struct Spec {
	const Mesh *mesh;
	int rank;
	const Ints *axes;            /* [rank]: axes that the dimension is cut along, the major one first; none: it is whole everywhere */
} Spec;

/* -- from JSON (sharding_read.c) -------------------------------------------------------------------------- */

/* {"mesh_shape": [2, 2], "axis_names": ["x", "y"], "device_ids": [0, 1, 2, 3]}; axis_names and device_ids may be missing or null.
 * NULL: the failure is recorded. */
const Mesh *mesh_read(Arena *a, JVal v, Err *e);
/* ["x", null, ["y", 2]] for a tensor of `rank` dimensions: axes by name or number. */
const Spec *spec_read(Arena *a, JVal v, const Mesh *mesh, int rank, Err *e);
bool mesh_eq(const Mesh *x, const Mesh *y);

/* -- to attributes (sharding.c) --------------------------------------------------------------------------- */

const char *gspmd_text(Arena *a, const Spec *s);         /* {devices=[2,1]<=[2]} */
/* The string read, for a tensor of that rank: dimension i is cut into tiles[i], device k has block[k], counted row-major. tiles NULL: every device
 * has all of it. BAD_INPUT, UNSUPPORTED: "maximal", "manual", tuples. */
typedef struct Tiles { const int64_t *tiles; const int *block; } Tiles;
bool gspmd_read(Arena *a, const char *s, int rank, int64_t ndevice, Tiles *out, Err *e);
const char *sdy_mesh_text(Arena *a, const Mesh *m);      /* <["x"=2, "y"=2]> */
void put_sdy_mesh(Buf *b, const Mesh *m);
const char *sdy_spec_text(Arena *a, const Spec *s);      /* <@mesh, [{"x"}, {}]> */

/* {dict's members, key = item}; dict may be of no kind. */
Any with_member(Arena *a, Any dict, const char *key, Any item);

#endif
