#include "print_cases.h"

#include <math.h>
#include <string.h>

#define INTS(...) (Ints){ sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), (int64_t[]){ __VA_ARGS__ } }
#define TENSOR(elem, ...) tensor_type(&m->arena, DTYPE_##elem, sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), \
	(int64_t[]){ __VA_ARGS__ })
#define DIM(...) (int64_t[]){ __VA_ARGS__ }

static Builder begin(Module *m, Func **f, const char *name)
{
	*f = func_new(m, name);
	return builder(m, *f);
}

/* -- a network's first and last layers ------------------------------------------------------------------- */

static Value conv(Builder *b, Value x, Value w, int64_t stride, int64_t pad)
{
	return hlo_convolution(b, x, w, (Conv){
		.strides = INTS(stride, stride), .padding = INTS(pad, pad, pad, pad), .rhs_dilation = INTS(1, 1),
		.dims = { 0, 1, INTS(2, 3), 1, 0, INTS(2, 3), 0, 1, INTS(2, 3) },
	});
}

static void resnet(Module *m)
{
	Func *f;
	Builder b = begin(m, &f, "main");
	Value x = func_arg(m, f, TENSOR(f32, 4, 3, 224, 224), "x");
	Value w = func_arg(m, f, TENSOR(f32, 64, 3, 7, 7), "w");
	Value w2 = func_arg(m, f, TENSOR(f32, 64, 64, 3, 3), "w2");
	Value bias = func_arg(m, f, TENSOR(f32, 64), "b");
	Value fc = func_arg(m, f, TENSOR(f32, 1000, 64), "fc");
	Value y = conv(&b, x, w, 2, 3);
	Type t = type_of(&b, y);
	Value zero = hlo_splat(&b, t, 0), low = lowest(&b, DTYPE_f32), none = scalar(&b, 0, DTYPE_f32);
	Value spread = hlo_broadcast_in_dim(&b, bias, 4, t.dim, INTS(1));
	y = hlo_add(&b, y, spread);
	y = hlo_maximum(&b, y, zero);
	y = hlo_reduce_window(&b, OP_maximum, y, low, (Window){ .size = INTS(1, 1, 3, 3), .strides = INTS(1, 1, 2, 2),
		.padding = INTS(0, 0, 0, 0, 1, 1, 1, 1) });
	for (int i = 0; i < 20; i++) {
		Value z = conv(&b, y, w2, 1, 1);
		Value scaled = hlo_multiply(&b, z, hlo_splat(&b, type_of(&b, z), 0.1 + i));
		y = hlo_add(&b, scaled, y);
		y = hlo_maximum(&b, y, hlo_splat(&b, type_of(&b, y), 0));
	}
	y = hlo_reduce(&b, OP_add, y, none, INTS(2, 3));
	Value flat = hlo_reshape(&b, y, 2, DIM(4, 64)), turned = hlo_transpose(&b, fc, INTS(1, 0));
	DotDims matmul = { .lhs_contracting = INTS(1), .rhs_contracting = INTS(0) };
	Value out = hlo_dot_general(&b, flat, turned, matmul, DTYPE_none);
	func_return(&b, 1, &out);
}

/* -- names ----------------------------------------------------------------------------------------------- */

/* Constants, %iterArg and arguments inside regions inside regions. */
static void names(Module *m)
{
	Func *f;
	Builder b = begin(m, &f, "main");
	Value x = func_arg(m, f, TENSOR(f32, 4), "x"), n = func_arg(m, f, scalar_type(DTYPE_i32), "n");
	Type s = scalar_type(DTYPE_f32), i32 = scalar_type(DTYPE_i32);
	Value init[2] = { scalar_int(&b, 3, DTYPE_i32), scalar(&b, 0.5, DTYPE_f32) }, a[2], out[2];
	Value later = hlo_tanh(&b, x);
	Region *cond = region_begin(&b, 2, (Type[]){ i32, s }, a);
	Value less = hlo_compare(&b, DIRECTION_LT, a[0], n);
	region_end(&b, cond, 1, &less);
	Region *body = region_begin(&b, 2, (Type[]){ i32, s }, a);
	Value next[2], one = scalar_int(&b, 1, DTYPE_i32), inner_init[1] = { a[1] }, c[1], d[1], inner_out[1];
	next[0] = hlo_add(&b, a[0], one);
	Region *inner_cond = region_begin(&b, 1, &s, c);
	Value big = scalar(&b, 100, DTYPE_f32), small = hlo_compare(&b, DIRECTION_LT, c[0], big);
	region_end(&b, inner_cond, 1, &small);
	Region *inner_body = region_begin(&b, 1, &s, d);
	Value e[2];
	Region *reducer = region_begin(&b, 2, (Type[]){ s, s }, e);
	Value half = hlo_subtract(&b, e[0], e[1]), halved = hlo_multiply(&b, half, scalar(&b, 0.25, DTYPE_f32));
	region_end(&b, reducer, 1, &halved);
	Value sum[1];
	hlo_reduce_n(&b, 1, &x, &d[0], INTS(0), reducer, sum);
	region_end(&b, inner_body, 1, sum);
	hlo_while(&b, 1, inner_init, inner_cond, inner_body, inner_out);
	next[1] = inner_out[0];
	region_end(&b, body, 2, next);
	hlo_while(&b, 2, init, cond, body, out);
	Value two = scalar_int(&b, 2, DTYPE_i64), after = hlo_negate(&b, later);
	func_return(&b, 4, (Value[]){ out[1], out[0], after, two });
}

/* Results with names of their own, twice; several results; two functions, and calls of one at both levels. */
static void results(Module *m)
{
	Func *g, *f;
	Type s = scalar_type(DTYPE_f32), r[2] = { s, s };
	Builder b = begin(m, &g, "helper");
	g->is_private = true;
	Value x = func_arg(m, g, s, "x"), v[3], w[3], a[2];
	func_return(&b, 2, (Value[]){ x, x });
	b = begin(m, &f, "main");
	Value seed = func_arg(m, f, TENSOR(u64, 2), "seed"), y = func_arg(m, f, s, "y");
	Value p = func_arg(m, f, scalar_type(DTYPE_bool), "p");
	Value z = func_arg(m, f, TENSOR(f32, 2, 3, 4), "z"), k = func_arg(m, f, TENSOR(f32, 3), "k");
	hlo_rng_bit_generator(&b, RNG_DEFAULT, seed, TENSOR(u32, 4), &v[0], &v[1]);
	hlo_rng_bit_generator(&b, RNG_PHILOX, v[0], TENSOR(u32, 4), &v[0], &v[1]);
	Attr norm[] = { { .set = true, .f = 1e-5 }, { .set = true, .i = 1 } };
	emit_op(&b, OP_batch_norm_training, 3, NULL, 3, (Value[]){ z, k, k }, norm, 0, NULL);
	Attr callee = { .set = true, .str = "helper" };
	Op *call = emit_op(&b, OP_call, 2, r, 1, &y, &callee, 0, NULL);
	Region *yes = region_begin(&b, 0, NULL, a);
	Op *again = emit_op(&b, OP_call, 2, r, 1, &y, &callee, 0, NULL);
	region_end(&b, yes, 2, (Value[]){ again ? again->out : 0, again ? again->out + 1 : 0 });
	Region *no = region_begin(&b, 0, NULL, a);
	region_end(&b, no, 2, (Value[]){ y, y });
	hlo_if(&b, p, 2, yes, no, w);
	Value sum = hlo_add(&b, w[1], call ? call->out + 1 : 0);
	func_return(&b, 2, (Value[]){ sum, v[1] });
}

/* -- types and attributes -------------------------------------------------------------------------------- */

static Any text(const char *s) { return (Any){ .kind = ANY_STR, .str = s }; }

static void attributes(Module *m)
{
	static const char *const keys[] = { "z.last", "a.first", "x.with space" };
	static const Any items[] = {
		{ .kind = ANY_I64, .i = -3 }, { .kind = ANY_UNIT }, { .kind = ANY_STR, .str = "q\"\\\n\xc3" }
	};
	Func *f;
	m->name = "odd name";
	Any *members = COPY(&m->arena, Any, items, 3);
	m->attr = (Any){ .kind = ANY_DICT, .n = 3, .key = keys, .item = members };
	Builder b = begin(m, &f, "main$1");
	Value x = func_arg(m, f, TENSOR(f32, 2), "x");
	f->arg_attr[0] = m->attr;
	const Any one = { .kind = ANY_ARRAY, .n = 0 };
	Any list[] = {
		{ .kind = ANY_I64, .i = 7 }, { .kind = ANY_I32, .i = 7 }, { .kind = ANY_F32, .f = 0.1 }, { .kind = ANY_F64, .f = 0.1 },
		{ .kind = ANY_F64, .f = INFINITY }, { .kind = ANY_BOOL, .i = 1 }, { .kind = ANY_SYMBOL, .str = "main$1" }, one,
		text(""), { .kind = ANY_UNIT }
	};
	const char *const kkeys[] = { "list", "f64", "type" };
	Type *t = COPY(&m->arena, Type, &f->arg_type[0], 1);
	Any kitems[] = { { .kind = ANY_ARRAY, .n = 10, .item = COPY(&m->arena, Any, list, 10) }, { .kind = ANY_F64, .f = 2.5 },
		{ .kind = ANY_TYPE, .type = t } };
	Any config = { .kind = ANY_DICT, .n = 3 };
	config.key = COPY(&m->arena, const char *, kkeys, 3);
	config.item = COPY(&m->arena, Any, kitems, 3);
	Attr attr[MAX_ATTRS + 1] = { { .set = true, .str = "target name" }, { .set = true, .i = 1 },
		{ .set = true, .any = COPY(&m->arena, Any, &config, 1) }, { .set = true, .i = 4 } };
	Type r = type_of(&b, x);
	Value y = emit(&b, OP_custom_call, &r, 1, &x, attr);
	Attr original[MAX_ATTRS + 1] = { { .set = true, .str = "foo" }, { .set = true }, { 0 }, { .set = true, .i = 1 } };
	y = emit(&b, OP_custom_call, &r, 1, &y, original);
	static const Accuracy tolerance = { 1e-5, 0, 3, 2 }, usual = { 0 };
	Attr accuracy = { .set = true, .accuracy = &tolerance };
	y = emit(&b, OP_tanh, &r, 1, &y, &accuracy);
	accuracy.accuracy = &usual;
	y = emit(&b, OP_exponential, &r, 1, &y, &accuracy);
	func_return(&b, 1, &y);
	f->res_attr[0] = m->attr;
}

static void types(Module *m)
{
	Func *f;
	Builder b = begin(m, &f, "main");
	static const double scale[] = { 0.1, 0.072314441204071045 };
	static const int64_t zero[] = { -5, 0 };
	static const Quant per_tensor = { DTYPE_i8, DTYPE_f32, -128, 127, false, -1, 1, scale, zero };
	static const Quant per_axis = { DTYPE_u4, DTYPE_bf16, 1, 15, false, 1, 2, scale, zero };
	Type q = TENSOR(i8, 3, 2), p = q, d = TENSOR(f32, DYNAMIC, 4);
	q.quant = &per_tensor;
	p.quant = &per_axis;
	d.bound = COPY(&m->arena, int64_t, DIM(5, DYNAMIC), 2);
	Type parts[] = { q, token_type(), scalar_type(DTYPE_c64) };
	Type tuple = { .kind = TYPE_TUPLE, .npart = 3, .part = COPY(&m->arena, Type, parts, 3) };
	Value x = func_arg(m, f, q, "x");
	func_arg(m, f, p, "y");
	func_arg(m, f, d, "z");
	func_arg(m, f, tuple, "t");
	func_arg(m, f, (Type){ .kind = TYPE_TUPLE }, "u");
	func_arg(m, f, (Type){ .kind = TYPE_FUTURE, .npart = 1, .part = tuple.part }, "w");
	for (int t = 1; t < NDTYPES; t++)
		if (t != DTYPE_c32) func_arg(m, f, scalar_type((DType)t), "s");
	static const int8_t two[] = { 1, 2, 3, 4, 5, 6 };
	Dense *value = NEW(&m->arena, Dense, 1);
	*value = (Dense){ .type = TENSOR(i8, 3, 2), .data = two, .nbytes = 6 };
	Attr attr = { .set = true, .dense = value };
	Value c = emit(&b, OP_constant, &q, 0, NULL, &attr);
	Value y = hlo_add(&b, x, c);
	func_return(&b, 1, &y);
}

/* -- the corners of the forms ---------------------------------------------------------------------------- */

/* Empty lists of operands, results, arguments and dimensions. */
static void none(Module *m)
{
	Func *f;
	Builder b = begin(m, &f, "main");
	Value i = func_arg(m, f, scalar_type(DTYPE_i32), "i"), x = func_arg(m, f, scalar_type(DTYPE_f32), "x"), a[1];
	Region *branch = region_begin(&b, 0, NULL, a);
	region_end(&b, branch, 0, NULL);
	emit_op(&b, OP_case, 0, (Type[]){ { 0 } }, 1, &i, NULL, 1, &branch);
	Region *cond = region_begin(&b, 0, NULL, a);
	Value never = scalar(&b, 0, DTYPE_bool);
	region_end(&b, cond, 1, &never);
	Region *body = region_begin(&b, 0, NULL, a);
	region_end(&b, body, 0, NULL);
	emit_op(&b, OP_while, 0, (Type[]){ { 0 } }, 0, NULL, NULL, 2, (Region *[]){ cond, body });
	emit_op(&b, OP_optimization_barrier, 0, (Type[]){ { 0 } }, 0, NULL, NULL, 0, NULL);
	Type token = token_type(), tuple = { .kind = TYPE_TUPLE };
	emit(&b, OP_after_all, &token, 0, NULL, NULL);
	emit(&b, OP_tuple, &tuple, 0, NULL, NULL);
	Attr target[MAX_ATTRS + 1] = { { .set = true, .str = "0" } };
	emit_op(&b, OP_custom_call, 0, (Type[]){ { 0 } }, 0, NULL, target, 0, NULL);
	Value y = hlo_dynamic_update_slice(&b, x, x, NULL);
	Value z = hlo_broadcast_in_dim(&b, y, 0, NULL, (Ints){ 0 });
	Value sum = hlo_reduce(&b, OP_add, z, x, (Ints){ 0 });
	func_return(&b, 1, &sum);
}

static Region *binary(Builder *b, OpCode code, bool swapped)
{
	Type s[2] = { scalar_type(DTYPE_f32), scalar_type(DTYPE_f32) };
	Value a[2];
	Region *r = region_begin(b, 2, s, a);
	Value y = emit(b, code, s, 2, (Value[]){ a[swapped], a[!swapped] }, NULL);
	region_end(b, r, 1, &y);
	return r;
}

/* Which reductions print in one line: not those that swap their arguments, use another op, or have several inputs. */
static void reductions(Module *m)
{
	Func *f;
	Builder b = begin(m, &f, "main");
	Value x = func_arg(m, f, TENSOR(f32, 2, 3), "x"), y = func_arg(m, f, TENSOR(i32, 2, 3), "y");
	Value one = func_arg(m, f, scalar_type(DTYPE_f32), "one"), i = func_arg(m, f, scalar_type(DTYPE_i32), "i");
	Value out[8];
	hlo_reduce_n(&b, 1, &x, &one, INTS(1), binary(&b, OP_multiply, false), &out[0]);
	hlo_reduce_n(&b, 1, &x, &one, INTS(0, 1), binary(&b, OP_multiply, true), &out[1]);
	hlo_reduce_n(&b, 1, &x, &one, INTS(1), binary(&b, OP_subtract, false), &out[2]);
	Type s[4] = { scalar_type(DTYPE_f32), scalar_type(DTYPE_i32), scalar_type(DTYPE_f32), scalar_type(DTYPE_i32) };
	Value a[4], kept[2];
	Region *best = region_begin(&b, 4, s, a);
	Value more = hlo_compare(&b, DIRECTION_GE, a[0], a[2]);
	kept[0] = hlo_select(&b, more, a[0], a[2]);
	kept[1] = hlo_select(&b, more, a[1], a[3]);
	region_end(&b, best, 2, kept);
	hlo_reduce_n(&b, 2, (Value[]){ x, y }, (Value[]){ one, i }, INTS(0), best, &out[3]);
	out[5] = hlo_reduce(&b, OP_maximum, y, i, INTS(0));
	Region *give = region_begin(&b, 2, (Type[]){ s[0], s[0] }, a);
	region_end(&b, give, 1, &a[1]);
	hlo_reduce_n(&b, 1, &x, &one, INTS(1), give, &out[6]);
	func_return(&b, 7, out);
}

/* Where types differ, the whole function type stands. */
static void function_types(Module *m)
{
	Func *f;
	Builder b = begin(m, &f, "main");
	Value p = func_arg(m, f, scalar_type(DTYPE_bool), "p"), x = func_arg(m, f, TENSOR(f32, 2, DYNAMIC), "x");
	Value y = func_arg(m, f, TENSOR(f32, DYNAMIC, 3), "y"), lo = func_arg(m, f, scalar_type(DTYPE_f32), "lo");
	Type open = TENSOR(f32, DYNAMIC, DYNAMIC), c = TENSOR(c64, DYNAMIC, 3);
	Value v[6];
	v[0] = emit(&b, OP_select, &open, 3, (Value[]){ p, x, y }, NULL);
	v[1] = emit(&b, OP_add, &open, 2, (Value[]){ x, y }, NULL);
	v[2] = emit(&b, OP_complex, &c, 2, (Value[]){ x, y }, NULL);
	v[3] = emit(&b, OP_clamp, &open, 3, (Value[]){ lo, v[1], lo }, NULL);
	v[4] = emit(&b, OP_tanh, &open, 1, &x, NULL);
	v[5] = emit(&b, OP_complex, &c, 2, (Value[]){ y, y }, NULL);
	func_return(&b, 6, v);
}

/* Regions between operands and attributes; a default version and an empty dictionary that are set, and not printed. */
static void composite(Module *m)
{
	Func *g, *f;
	Type s = scalar_type(DTYPE_f32);
	Builder b = begin(m, &g, "decomposition");
	Value x = func_arg(m, g, s, "x"), a[1];
	func_return(&b, 1, &x);
	b = begin(m, &f, "main");
	x = func_arg(m, f, s, "x");
	Region *r[2] = { region_begin(&b, 1, &s, a) };
	Value y = hlo_add(&b, a[0], a[0]);
	region_end(&b, r[0], 1, &y);
	r[1] = region_begin(&b, 0, NULL, a);
	region_end(&b, r[1], 1, &x);
	static const Any no_members = { .kind = ANY_DICT };
	Attr attr[MAX_ATTRS + 1] = { { .set = true, .str = "a.b" }, { .set = true, .dict = &no_members },
		{ .set = true, .str = "decomposition" }, { .set = true } };
	Op *op = emit_op(&b, OP_composite, 1, &s, 1, &x, attr, 2, r);
	y = op ? op->out : 0;
	func_return(&b, 1, &y);
}

static void nothing(Module *m) { (void)m; }

static void empty(Module *m)
{
	Func *f;
	Builder b = begin(m, &f, "main");
	func_return(&b, 0, NULL);
}

const PrintCase print_cases[] = {
	{ "resnet", resnet }, { "names", names }, { "results", results }, { "attributes", attributes }, { "types", types },
	{ "none", none }, { "reductions", reductions }, { "function_types", function_types }, { "composite", composite },
	{ "nothing", nothing }, { "empty", empty }, { NULL, NULL },
};
