/* Programs of several ops. */
#include "every_op.h"

#include <string.h>

static Value arg(Module *m, Func *f, const char *type) { return func_arg(m, f, type_of_text(&m->arena, type), NULL); }

/* A constant and an addition. */
static void build_first(Module *m)
{
	Func *f = func_new(m, "main");
	Value x = arg(m, f, "2x3xf32");
	Builder b = builder(m, f);
	Value c = hlo_splat(&b, type_of(&b, x), 1.5);
	Value y = hlo_add(&b, x, c);
	func_return(&b, 1, &y);
}

/* Results and arguments that many ops use, among them ops with a second version. */
static void build_uses(Module *m)
{
	Func *f = func_new(m, "main");
	Value x = arg(m, f, "2xf32");
	Builder b = builder(m, f);
	Value y = hlo_add(&b, x, x);
	Value e = hlo_exponential(&b, y);
	Value s = hlo_add(&b, y, e);
	Value t = hlo_tanh(&b, y);
	Value u = hlo_tanh(&b, e);
	Value v = hlo_subtract(&b, e, t);
	Value w = hlo_multiply(&b, e, y);
	Value q = hlo_sqrt(&b, e), z[] = { s, t, u, v, w, q };
	for (int i = 0; i < 12; i++) z[5] = hlo_add(&b, z[5], i % 3 ? y : e);
	z[0] = hlo_multiply(&b, y, z[0]);
	z[0] = hlo_log(&b, z[0]);
	func_return(&b, 6, z);
}

/* A loop whose body and condition use values from outside, one closed reduction in it, results used by rebuilt ops. */
static void build_loop(Module *m)
{
	Func *f = func_new(m, "main");
	Value x = arg(m, f, "4x4xf32"), n = arg(m, f, "i32");
	Builder b = builder(m, f);
	Value one = scalar_int(&b, 1, DTYPE_i32), zero = scalar(&b, 0, DTYPE_f32);
	Value init[] = { scalar_int(&b, 0, DTYPE_i32), x }, a[2], out[2];
	Type t[] = { scalar_type(DTYPE_i32), type_of(&b, x) };
	Region *cond = region_begin(&b, 2, t, a);
	Value less = hlo_compare(&b, DIRECTION_LT, a[0], n);
	region_end(&b, cond, 1, &less);
	Region *body = region_begin(&b, 2, t, a);
	Value next = hlo_add(&b, a[0], one);
	Value e = hlo_exponential(&b, a[1]);
	Value sum = hlo_reduce(&b, OP_add, e, zero, (Ints){ 1, (int64_t[]){ 1 } });
	Value wide = hlo_broadcast_in_dim(&b, sum, 2, (int64_t[]){ 4, 4 }, (Ints){ 1, (int64_t[]){ 0 } });
	Value part = hlo_divide(&b, e, wide);
	Value step = hlo_add(&b, part, x);
	Value mix = hlo_add(&b, a[1], step);
	region_end(&b, body, 2, (Value[]){ next, mix });
	hlo_while(&b, 2, init, cond, body, out);
	Value y = hlo_tanh(&b, out[1]);
	Value z = hlo_add(&b, out[1], y);
	func_return(&b, 1, &z);
}

/* Regions in regions: the inner one uses the function's argument, so neither is closed. */
static void build_nested(Module *m)
{
	Func *f = func_new(m, "main");
	Value p = arg(m, f, "i1"), x = arg(m, f, "f32");
	Builder b = builder(m, f);
	Region *no = region_begin(&b, 0, NULL, NULL);
	region_end(&b, no, 1, &x);
	Region *yes = region_begin(&b, 0, NULL, NULL);
	Value e = hlo_exponential(&b, x);
	Region *in = region_begin(&b, 0, NULL, NULL);
	Value l = hlo_log(&b, x);
	region_end(&b, in, 1, &l);
	Region *other = region_begin(&b, 0, NULL, NULL);
	region_end(&b, other, 1, &e);
	Value inner;
	hlo_if(&b, p, 1, in, other, &inner);
	region_end(&b, yes, 1, &inner);
	Value y;
	hlo_if(&b, p, 1, yes, no, &y);
	func_return(&b, 1, &y);
}

static const char *const keys[] = { "mhlo.sharding", "jax.buffer_donor" };
static const Any values[] = { { ANY_STR, { .str = "{replicated}" } }, { ANY_BOOL, { .i = 1 } } };
static const char *const module_keys[] = { "mhlo.num_replicas", "a.b", "mhlo.num_partitions", "t.flag", "t.list", "t.pi", "t.half", "t.ref",
	"t.type", "t.dict" };
static const Any module_values[] = { { ANY_I32, { .i = 1 } }, { ANY_STR, { .str = "x" } }, { ANY_I32, { .i = -2 } }, { ANY_UNIT, { 0 } },
	{ .kind = ANY_ARRAY, { .n = 2, .item = (const Any[]){ { ANY_I64, { .i = 1 } }, { ANY_BOOL, { .i = 0 } } } } },
	{ ANY_F64, { .f = 3.14 } }, { ANY_F32, { .f = 0.5 } }, { ANY_SYMBOL, { .str = "main" } },
	{ ANY_TYPE, { .type = &(const Type){ .kind = TYPE_TENSOR, .elem = DTYPE_u8, .rank = 1, .dim = (const int64_t[]){ DYNAMIC } } } },
	{ .kind = ANY_DICT, { .n = 2, .key = (const char *const[]){ "z", "a" }, .item = (const Any[]){ { ANY_BOOL, { .i = 1 } },
		{ ANY_TYPE, { .type = &(const Type){ .kind = TYPE_TENSOR, .elem = DTYPE_c64, .dim = (const int64_t[]){ 0 } } } } } } } };

/* A named module with attributes, private functions, attributes on an argument and a result. */
static void build_functions(Module *m)
{
	m->name = "jit_f";
	m->attr = (Any){ .kind = ANY_DICT, { .n = 10, .key = module_keys, .item = module_values } };
	Func *f = func_new(m, "main");
	Value x = arg(m, f, "2xf32"), n = arg(m, f, "2xi32");
	f->arg_attr[0] = (Any){ .kind = ANY_DICT, { .n = 2, .key = keys, .item = values } };
	Builder b = builder(m, f);
	Type t = type_of(&b, x);
	Attr callee = { .set = true, { .str = "helper" } };
	Op *call = emit_op(&b, OP_call, 1, &t, 1, &x, &callee, 0, NULL);
	Value out[] = { call->out, n };
	func_return(&b, 2, out);
	f->res_attr[1] = (Any){ .kind = ANY_DICT, { .n = 1, .key = keys, .item = values } };

	Func *g = func_new(m, "helper");
	g->is_private = true;
	Value y = arg(m, g, "2xf32");
	Builder c = builder(m, g);
	Value z = hlo_cosine(&c, y);
	func_return(&c, 1, &z);
}

/* Ops with a second version beyond the unary ones, their operands and results used often. Their regions use a value from outside
 * and hold ops `first` and `last`. */
static void build_rebuilt(Module *m, OpCode first, OpCode last)
{
	int64_t shape[] = { 1, 2 };
	static const int64_t members[] = { 0, 1 };
	Dense *groups = NEW(&m->arena, Dense, 1);
	*groups = (Dense){ tensor_type(&m->arena, DTYPE_i64, 2, shape), false, members, sizeof members };
	Func *f = func_new(m, "main");
	Value x = arg(m, f, "4x4xf32"), s = arg(m, f, "f32"), at = arg(m, f, "1xi32");
	Builder b = builder(m, f);
	Type scalars[] = { scalar_type(DTYPE_f32), scalar_type(DTYPE_f32) }, t = type_of(&b, x);
	Value a[2];
	DotDims matmul = { .lhs_contracting = { 1, (int64_t[]){ 1 } }, .rhs_contracting = { 1, (int64_t[]){ 0 } } };
	Value d = hlo_dot_general(&b, x, x, matmul, DTYPE_f32);
	Region *sum = region_begin(&b, 2, scalars, a);
	Value e = emit(&b, first, NULL, 1, &s, NULL);
	Value y = hlo_add(&b, a[0], a[1]);
	y = hlo_add(&b, y, e);
	region_end(&b, sum, 1, &y);
	Attr attr[4] = { { .set = true, { .dense = groups } } };
	Value all = emit_op(&b, OP_all_reduce, 1, &t, 1, &d, attr, 1, (Region *[]){ sum })->out;
	Region *keep = region_begin(&b, 2, scalars, a);
	Value l = emit(&b, last, NULL, 1, &a[1], NULL);
	Value k = hlo_add(&b, l, s);
	k = hlo_multiply(&b, l, k);
	region_end(&b, keep, 1, &k);
	Value row = hlo_slice(&b, all, (int64_t[]){ 0, 0 }, (int64_t[]){ 1, 4 }, NULL);
	ScatterDims dims = { .update_window_dims = { 2, (int64_t[]){ 0, 1 } }, .scatter_dims_to_operand_dims = { 1, (int64_t[]){ 0 } } };
	Value z = hlo_scatter(&b, d, at, row, dims, false, true, keep);
	Value out[4] = { all };
	out[1] = hlo_add(&b, z, all);
	out[2] = hlo_subtract(&b, z, d);
	out[3] = hlo_multiply(&b, z, z);
	func_return(&b, 4, out);
}

static void build_second(Module *m) { build_rebuilt(m, OP_negate, OP_abs); }
static void build_inner(Module *m) { build_rebuilt(m, OP_exponential, OP_log); }

/* -- programs from a seed: scalars, rebuilt ops and others, branches and loops in each other ------------- */

typedef struct Dice { uint32_t state; Value v[400]; int n; } Dice;

static uint32_t roll(Dice *d, uint32_t n)
{
	d->state = d->state * 1664525 + 1013904223;
	return (d->state >> 8) % n;
}

static Value any_value(Dice *d) { return d->v[roll(d, (uint32_t)d->n)]; }

static void grow(Builder *b, Dice *d, int nop, int depth);

/* Values of a region are out of sight after it. */
static Region *random_region(Builder *b, Dice *d, int narg, const Type *t, int depth)
{
	Value a[1];
	int seen = d->n;
	Region *r = region_begin(b, narg, t, a);
	if (narg) d->v[d->n++] = a[0];
	grow(b, d, 6, depth);
	Value y = any_value(d);
	region_end(b, r, 1, &y);
	d->n = seen;
	return r;
}

static Value random_branch(Builder *b, Dice *d, int depth)
{
	Value x = any_value(d), z = any_value(d), y;
	Value p = hlo_compare(b, DIRECTION_LT, x, z);
	Region *yes = random_region(b, d, 0, NULL, depth + 1), *no = random_region(b, d, 0, NULL, depth + 1);
	hlo_if(b, p, 1, yes, no, &y);
	return y;
}

static Value random_loop(Builder *b, Dice *d, int depth)
{
	Type t = scalar_type(DTYPE_f32);
	Value x = any_value(d), top = any_value(d), a[1], y;
	Region *cond = region_begin(b, 1, &t, a);
	Value p = hlo_compare(b, DIRECTION_GT, top, a[0]);
	region_end(b, cond, 1, &p);
	Region *body = random_region(b, d, 1, &t, depth + 1);
	hlo_while(b, 1, &x, cond, body, &y);
	return y;
}

static void grow(Builder *b, Dice *d, int nop, int depth)
{
	static const OpCode unary[] = { OP_exponential, OP_tanh, OP_sqrt, OP_negate, OP_cosine, OP_abs };
	static const OpCode binary[] = { OP_add, OP_multiply, OP_maximum, OP_subtract };
	for (int i = 0; i < nop; i++) {
		uint32_t kind = roll(d, 12);
		Value x[] = { any_value(d), any_value(d) }, y;
		if (kind == 0 && depth < 3) y = random_branch(b, d, depth);
		else if (kind == 1 && depth < 3) y = random_loop(b, d, depth);
		else if (kind < 6) y = emit(b, unary[roll(d, 6)], NULL, 1, x, NULL);
		else y = emit(b, binary[roll(d, 4)], NULL, 2, x, NULL);
		d->v[d->n++] = y;
	}
}

static void build_random(Module *m, uint32_t seed)
{
	Func *f = func_new(m, "main");
	Dice d = { .state = seed };
	for (int i = 0; i < 3; i++) d.v[d.n++] = arg(m, f, "f32");
	Builder b = builder(m, f);
	grow(&b, &d, 40, 0);
	func_return(&b, 8, d.v + d.n - 8);
}

/* A function that is only declared. */
static void build_declared(Module *m)
{
	Type t = scalar_type(DTYPE_f32);
	Func *f = func_new(m, "main");
	Value x = func_arg(m, f, t, NULL);
	Builder b = builder(m, f);
	Attr callee = { .set = true, { .str = "outside" } };
	Op *call = emit_op(&b, OP_call, 1, &t, 1, &x, &callee, 0, NULL);
	func_return(&b, 1, &call->out);
	Func *g = func_new(m, "outside");
	g->is_private = true;
	func_arg(m, g, t, NULL);
	g->nres = 1;
	g->res_type = COPY(&m->arena, Type, &t, 1);
}

static void build_empty(Module *m) { (void)m; }

/* More than 128 of everything, so that numbers take two bytes and builtin and VHLO attributes meet in both groups. */
static void build_many(Module *m)
{
	build_functions(m);
	for (int i = 0; i < 40; i++) {
		Func *f = func_new(m, arena_printf(&m->arena, "f%d", i));
		Value x = func_arg(m, f, tensor_type(&m->arena, DTYPE_f32, 1, (int64_t[]){ i + 5 }), NULL);
		Builder b = builder(m, f);
		for (int k = 0; k < 5; k++) {
			Value c = hlo_splat(&b, type_of(&b, x), i * 7 + k);
			if (k % 2 == 0) x = hlo_tanh(&b, x);
			x = k % 2 ? hlo_multiply(&b, x, c) : hlo_subtract(&b, x, c);
		}
		func_return(&b, 1, &x);
	}
}

/* So many that numbers take three bytes, with attributes of both dialects among the seldom used. */
static void build_huge(Module *m)
{
	enum { LIST = 300, CONSTANTS = 17000 };
	Any *item = NEW(&m->arena, Any, LIST), *list = NEW(&m->arena, Any, 1);
	for (int i = 0; i < LIST; i++) item[i] = (Any){ ANY_I64, { .i = i } };
	*list = (Any){ .kind = ANY_ARRAY, { .n = LIST, .item = item } };
	m->attr = (Any){ .kind = ANY_DICT, { .n = 1, .key = module_keys, .item = list } };
	Func *f = func_new(m, "main");
	Value x = arg(m, f, "i32");
	Builder b = builder(m, f);
	for (int i = 0; i < CONSTANTS; i++) {
		Value c = scalar_int(&b, i, DTYPE_i32);
		x = hlo_xor(&b, x, c);
	}
	func_return(&b, 1, &x);
}

/* A residual network's shape: convolution, normalization by constants, rectifier, addition, over and over. */
static void build_resnet(Module *m)
{
	Func *f = func_new(m, "main");
	Value x = arg(m, f, "4x64x56x56xf32"), w[20], s[20];
	for (int i = 0; i < 20; i++) {
		w[i] = arg(m, f, "64x64x3x3xf32");
		s[i] = arg(m, f, "64xf32");
	}
	Builder b = builder(m, f);
	Type t = type_of(&b, x);
	ConvDims dims = { 0, 1, { 2, (int64_t[]){ 2, 3 } }, 1, 0, { 2, (int64_t[]){ 2, 3 } }, 0, 1, { 2, (int64_t[]){ 2, 3 } } };
	for (int i = 0; i < 20; i++) {
		Value y = hlo_convolution(&b, x, w[i], (Conv){ .padding = { 4, (int64_t[]){ 1, 1, 1, 1 } }, .dims = dims, .groups = 1 });
		Value eps = hlo_splat(&b, type_of(&b, s[i]), 1e-5);
		Value shifted = hlo_add(&b, s[i], eps);
		Value root = hlo_rsqrt(&b, shifted);
		Value scale = hlo_broadcast_in_dim(&b, root, 4, t.dim, (Ints){ 1, (int64_t[]){ 1 } });
		Value scaled = hlo_multiply(&b, y, scale);
		Value zero = hlo_splat(&b, t, 0);
		Value up = hlo_maximum(&b, scaled, zero);
		x = hlo_add(&b, x, up);
	}
	func_return(&b, 1, &x);
}

static const struct { const char *name; void (*build)(Module *m); } programs[] = {
	{ "first", build_first }, { "uses", build_uses }, { "loop", build_loop }, { "nested", build_nested },
	{ "functions", build_functions }, { "empty", build_empty }, { "many", build_many },
	{ "huge", build_huge }, { "declared", build_declared }, { "second", build_second }, { "inner", build_inner }, { "resnet", build_resnet },
};

enum { NAMED = sizeof programs / sizeof *programs, SEEDS = 16 };

int program_count(void) { return NAMED + SEEDS; }

const char *program_name(int which)
{
	static const char *const seed[SEEDS] = { "random0", "random1", "random2", "random3", "random4", "random5", "random6", "random7",
		"random8", "random9", "random10", "random11", "random12", "random13", "random14", "random15" };
	return which < NAMED ? programs[which].name : seed[which - NAMED];
}

void build_program(int which, Module *m)
{
	if (which < NAMED) programs[which].build(m);
	else build_random(m, (uint32_t)(which - NAMED) * 7919 + 1);
}
