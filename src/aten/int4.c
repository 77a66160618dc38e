/* Products with weights of 4 bits, two to a byte. */
#include "aten/ctx.h"
#include "aten/quant.h"

#include <string.h>

typedef enum Halves { PAIRS, HALVES } Halves;
typedef struct Packing { const char *name; int64_t rows; Halves how; } Packing;

static const Packing packings[] = {
#define INT4_PACKING(name, rows, how) { name, rows, how },
#include "aten/int4.def"
#undef INT4_PACKING
};

static const Packing *packing_named(const char *name)
{
	for (size_t i = 0; name && i < sizeof packings / sizeof *packings; i++)
		if (!strcmp(packings[i].name, name)) return &packings[i];
	return NULL;
}

bool is_int4_packing(const char *name) { return packing_named(name) != NULL; }

/* -- which packing --------------------------------------------------------------------------------------- */

static const char packs[] = "aten._convert_weight_to_int4pack_for_cpu.default";

/* Whether the program packs the value itself: then any packing will do. */
static bool is_packed_here(Node *n, const Arg *x)
{
	const Graph *g = n->l->graph;
	for (int i = 0; x && x->kind == ARG_VALUE && i < g->node.n; i++)
		if (g->node.v[i].nout == 1 && g->node.v[i].out[0] == x->value) return !strcmp(g->node.v[i].target, packs);
	return false;
}

/* As the options say; where the program packs, and they do not say, the first row. */
static const Packing *packing(Node *n, bool here)
{
	const char *name = n->l->opt->int4_packing;
	return name ? packing_named(name) : here ? &packings[0] : NULL;
}

/* -- blocks of rows -------------------------------------------------------------------------------------- */

/* count blocks of so many rows [K] each. */
typedef struct Part { int64_t count, rows, k; Halves how; } Part;

/* Which dim of [count, 2, rows / 2, K] or [count, rows / 2, 2, K] tells the low bits from the high ones. */
static int half_dim(Part p) { return p.how == HALVES ? 1 : 2; }

static Value in_halves(Builder *b, Value x, Part p, int64_t halves)
{
	int64_t dim[] = { p.count, p.rows / 2, p.rows / 2, p.k };
	dim[half_dim(p)] = halves;
	return hlo_reshape(b, x, 4, dim);
}

/* [count * rows, K] of 4 bits each -> bytes [count * K * rows / 2] */
static Value pack_part(Builder *b, Value x, Part p)
{
	x = in_halves(b, x, p, 2);
	Value low = slice_dim(b, x, half_dim(p), 0, 1, 1);
	Value high = slice_dim(b, x, half_dim(p), 1, 2, 1);
	high = hlo_shift_left(b, high, full_like(b, high, 4));
	x = hlo_or(b, low, high);
	x = cast(b, x, DTYPE_u8);
	x = hlo_reshape(b, x, 3, (int64_t[]){ p.count, p.rows / 2, p.k });
	x = transpose_dims(b, x, 1, 2);
	return hlo_reshape(b, x, 1, (int64_t[]){ p.count * p.k * p.rows / 2 });
}

/* The way back. */
static Value unpack_part(Builder *b, Value x, Part p)
{
	x = hlo_reshape(b, x, 3, (int64_t[]){ p.count, p.k, p.rows / 2 });
	x = transpose_dims(b, x, 1, 2);
	Value low = hlo_and(b, x, full_like(b, x, 15));
	Value high = hlo_shift_right_logical(b, x, full_like(b, x, 4));
	low = in_halves(b, low, p, 1);
	high = in_halves(b, high, p, 1);
	x = hlo_concatenate(b, 2, (Value[]){ low, high }, half_dim(p));
	return hlo_reshape(b, x, 2, (int64_t[]){ p.count * p.rows, p.k });
}

/* N rows: whole blocks, and what is left as one of pairs. */
static int parts_of(const Packing *how, int64_t rows, int64_t k, Part part[2])
{
	int n = 0;
	int64_t whole = rows / how->rows, left = rows % how->rows;
	if (whole) part[n++] = (Part){ whole, how->rows, k, how->how };
	if (left) part[n++] = (Part){ 1, left, k, PAIRS };
	return n;
}

/* -- the operators --------------------------------------------------------------------------------------- */

/* Sizes [N, K] of a matrix, N and K even. */
static bool matrix(Node *n, Type t, int64_t *rows, int64_t *columns)
{
	if (!t.kind) return false;
	if (t.rank != 2) return node_fail(n, BAD_INPUT, "weights %s, wanted a matrix", type_str(n->a, t)), false;
	*rows = static_dim(n, t, 0);
	*columns = static_dim(n, t, 1);
	if (*rows > INT32_MAX || *columns > INT32_MAX || *rows % 2)
		return node_fail(n, BAD_INPUT, "weights %s, wanted an even number of rows", type_str(n->a, t)), false;
	return !n->b->m->err->code;
}

/* aten._convert_weight_to_int4pack_for_cpu(self i32 [N, K], innerKTiles) -> ui8 [N, K / 2] */
Value lower_pack_int4(Node *n)
{
	Builder *b = n->b;
	Value x = arg(n, "self"), flat[2] = { 0 };
	const Packing *how = packing(n, true);
	int64_t rows = 0, k = 0, at = 0;
	Part part[2];
	if (!how || !matrix(n, known_type(b, x), &rows, &k)) return 0;
	int count = parts_of(how, rows, k, part);
	for (int i = 0; i < count; i++) {
		int64_t size = part[i].count * part[i].rows;
		flat[i] = pack_part(b, slice_dim(b, x, 0, at, at + size, 1), part[i]);
		at += size;
	}
	x = count ? hlo_concatenate(b, count, flat, 0) : full(b, n->out, 0);
	return reshape_to(b, x, n->out);
}

/* ui8 [N, K / 2] -> ui8 [N, K], each 0 to 15 */
static Value unpacked(Node *n, Value x, const Packing *how)
{
	Builder *b = n->b;
	int64_t rows = 0, half = 0, at = 0;
	Value each[2] = { 0 };
	Part part[2];
	if (!matrix(n, known_type(b, x), &rows, &half)) return 0;
	int count = parts_of(how, rows, 2 * half, part);
	x = hlo_reshape(b, x, 1, (int64_t[]){ rows * half });
	for (int i = 0; i < count; i++) {
		int64_t size = part[i].count * part[i].rows * half;
		each[i] = unpack_part(b, slice_dim(b, x, 0, at, at + size, 1), part[i]);
		at += size;
	}
	return count ? hlo_concatenate(b, count, each, 0) : node_fail(n, UNSUPPORTED, "weights without rows");
}

/* Scales or zero points [K / g, N] of "qScaleAndZeros" [K / g, N, 2] for each weight [N, K], f32 */
static Value group_numbers(Node *n, int which, Type weights)
{
	Builder *b = n->b;
	Value x = arg_as(n, "qScaleAndZeros", DTYPE_f32);
	Type t = known_type(b, x);
	if (t.kind && t.rank != 3) return node_fail(n, BAD_INPUT, "qScaleAndZeros %s, wanted [K / group, N, 2]", type_str(n->a, t));
	x = slice_dim(b, x, 2, which, which + 1, 1);
	x = squeeze_dim(b, x, 2);
	x = t.kind ? transpose_dims(b, x, 0, 1) : 0;
	Blocks g = blocks_of(n, weights, (Ints){ 2, (int64_t[]){ 1, arg_int(n, "qGroupSize", 0) } });
	return g.view.kind ? reshape_to(b, spread_block(b, (Num){ x, DTYPE_f32 }, g).v, weights) : 0;
}

/* aten._weight_int4pack_mm_for_cpu(self [M, K], mat2 ui8 [N, K / 2], qGroupSize, qScaleAndZeros [K / g, N, 2]):
 * self . ((q - 8) * scale + zero)^T, q the weights unpacked; in f32 */
Value lower_int4_mm(Node *n)
{
	Builder *b = n->b;
	Value x = arg_as(n, "self", DTYPE_f32);
	const Packing *how = packing(n, is_packed_here(n, arg_raw(n, "mat2")));
	if (!how)
		return node_fail(n, UNSUPPORTED, "weights of 4 bits lie as the CPU wanted them that packed them, which the program does not"
			" tell: say --int4-packing avx512, avx2, default or neon");
	Value w = unpacked(n, arg(n, "mat2"), how);
	w = cast(b, w, DTYPE_f32);
	Type t = known_type(b, w);
	if (!t.kind) return 0;
	w = hlo_subtract(b, w, full(b, t, 8));
	Value scale = group_numbers(n, 0, t);
	Value zero = group_numbers(n, 1, t);
	w = hlo_multiply(b, w, scale);
	w = hlo_add(b, w, zero);
	DotDims d = { { 0 }, { 0 }, one_dim(b, 1), one_dim(b, 1) };
	x = hlo_dot_general(b, x, w, d, DTYPE_f32);
	return cast(b, x, n->out.elem);
}
