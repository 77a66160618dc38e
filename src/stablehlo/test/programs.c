/* Programs of several ops. */
#include "every_op.h"

#include <string.h>

static Value arg(Module *m, Func *f, const char *type) { return func_arg(m, f, type_of_text(&m->arena, type), NULL); }

/* One op, one result: exponential, add. */
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
	Value z[] = { s, t, u, v, w, hlo_sqrt(&b, e) };
	for (int i = 0; i < 12; i++) z[5] = hlo_add(&b, z[5], i % 3 ? y : e);
	z[0] = hlo_log(&b, hlo_multiply(&b, y, z[0]));
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
	Value step = hlo_add(&b, hlo_divide(&b, e, wide), x);
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
static const char *const module_keys[] = { "mhlo.num_replicas", "a.b", "mhlo.num_partitions", "t.flag", "t.list", "t.pi", "t.half", "t.ref" };
static const Any module_values[] = { { ANY_I32, { .i = 1 } }, { ANY_STR, { .str = "x" } }, { ANY_I32, { .i = -2 } }, { ANY_UNIT, { 0 } },
	{ .kind = ANY_ARRAY, { .n = 2, .item = (const Any[]){ { ANY_I64, { .i = 1 } }, { ANY_BOOL, { .i = 0 } } } } },
	{ ANY_F64, { .f = 3.14 } }, { ANY_F32, { .f = 0.5 } }, { ANY_SYMBOL, { .str = "main" } } };

/* A named module with attributes, private functions, attributes on an argument and a result. */
static void build_functions(Module *m)
{
	m->name = "jit_f";
	m->attr = (Any){ .kind = ANY_DICT, { .n = 8, .key = module_keys, .item = module_values } };
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
			x = k % 2 ? hlo_multiply(&b, x, c) : hlo_subtract(&b, hlo_tanh(&b, x), c);
		}
		func_return(&b, 1, &x);
	}
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
		Value root = hlo_rsqrt(&b, hlo_add(&b, s[i], eps));
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
	{ "functions", build_functions }, { "empty", build_empty }, { "many", build_many }, { "resnet", build_resnet },
};

int program_count(void) { return sizeof programs / sizeof *programs; }
const char *program_name(int which) { return programs[which].name; }
void build_program(int which, Module *m) { programs[which].build(m); }
