#include "every_op.h"

#include <stdlib.h>
#include <string.h>

#define INTS(...) { (int)(sizeof (int64_t[]){ __VA_ARGS__ } / sizeof (int64_t)), (const int64_t[]){ __VA_ARGS__ } }

/* -- attribute values the cases share -------------------------------------------------------------------- */

static const Dense groups = { { .kind = TYPE_TENSOR, .elem = DTYPE_i64, .rank = 2, .dim = (const int64_t[]){ 1, 2 } }, false,
	(const int64_t[]){ 0, 1 }, 16 };
static const Dense pairs = { { .kind = TYPE_TENSOR, .elem = DTYPE_i64, .rank = 2, .dim = (const int64_t[]){ 2, 2 } }, false,
	(const int64_t[]){ 0, 1, 1, 2 }, 32 };
#define GROUPS (&groups)
#define PAIRS  (&pairs)

static const ConvDims nhwc = { 0, 3, INTS(1, 2), 2, 3, INTS(0, 1), 0, 3, INTS(1, 2) };
static const ConvDims nchw = { 0, 1, INTS(2, 3), 1, 0, INTS(2, 3), 0, 1, INTS(2, 3) };
static const ConvDims no_spatial = { 0, 1, { 0 }, 1, 0, { 0 }, 0, 1, { 0 } };
static const DotDims batched = { INTS(0), INTS(0), INTS(2), INTS(1) };
static const DotDims matmul = { { 0 }, { 0 }, INTS(1), INTS(0) };
static const DotAlgorithm tf32 = { DTYPE_tf32, DTYPE_tf32, DTYPE_f32, 1, 1, 1, false };
static const DotAlgorithm bf16x6 = { DTYPE_bf16, DTYPE_bf16, DTYPE_f32, 1, 1, 6, false };
static const DotAlgorithm f8 = { DTYPE_f8e5m2, DTYPE_f8e5m2, DTYPE_f32, 1, 1, 1, true };
static const GatherDims rows = { INTS(2), INTS(0, 1), { 0 }, { 0 }, INTS(0, 1), 2 };
static const GatherDims batched_rows = { INTS(2), INTS(1, 2), INTS(0), INTS(0), INTS(1, 2), 2 };
static const ScatterDims scatter_rows = { INTS(1), INTS(0, 1), { 0 }, { 0 }, INTS(0, 1), 1 };
static const ScatterDims scatter_batched = { INTS(3, 4), INTS(1), INTS(0), INTS(0), INTS(2, 1), 3 };
static const Accuracy tolerance = { 1e-5, 0, 1, 2 }, highest_accuracy = { 0, 0, 0, 1 };
static const char *const impl[] = { "impl" };

static const Type f32_2 = { .kind = TYPE_TENSOR, .elem = DTYPE_f32, .rank = 1, .dim = (const int64_t[]){ 2 } };
static const Dense floats = { { .kind = TYPE_TENSOR, .elem = DTYPE_f32, .rank = 1, .dim = (const int64_t[]){ 2 } }, false,
	(const float[]){ 1, -0.0f }, 8 };
static const Any text_attr = { .kind = ANY_STR, .str = "some \\ config" };
static const Any dict_attr = { .kind = ANY_DICT, { .item = (const Any[]){
	{ ANY_STR, { .str = "text" } }, { ANY_I64, { .i = -7 } }, { ANY_I32, { .i = -7 } }, { ANY_INT, { .i = -7, .elem = DTYPE_i8 } },
	{ ANY_INT, { .i = 200, .elem = DTYPE_u8 } }, { ANY_INT, { .i = -7, .elem = DTYPE_i16 } }, { ANY_INT, { .i = -1, .elem = DTYPE_u64 } }, { ANY_F32, { .f = 0.1 } },
	{ ANY_F64, { .f = -0.1 } }, { ANY_BOOL, { .i = 1 } }, { ANY_DENSE, { .dense = &floats } }, { ANY_TYPE, { .type = &f32_2 } },
	{ ANY_SYMBOL, { .str = "impl" } }, { ANY_ARRAY, { .n = 2, .item = (const Any[]){ { ANY_I64, { .i = 1 } }, { ANY_STR, { .str = "" } } } } },
	{ ANY_DICT, { .n = 1, .key = (const char *const[]){ "k" }, .item = (const Any[]){ { ANY_BOOL, { .i = 0 } } } } } },
	.n = 15, .key = (const char *const[]){ "str", "i64", "i32", "i8", "u8", "i16", "u64", "f32", "f64", "bool", "dense", "type", "symbol", "array", "dict" } } };

#define LAYOUT(...) { .kind = ANY_DENSE, { .dense = &(const Dense){ { .kind = TYPE_TENSOR, .elem = DTYPE_i64, .rank = 1, \
	.dim = (const int64_t[]){ sizeof (int64_t[]){ __VA_ARGS__ } / 8 } }, false, (const int64_t[]){ __VA_ARGS__ }, \
	sizeof (int64_t[]){ __VA_ARGS__ } } } }
static const Any layouts = { .kind = ANY_ARRAY, { .n = 2, .item = (const Any[]){ LAYOUT(0), LAYOUT(1, 0) } } };
static const Any layout_lists = { .kind = ANY_ARRAY, { .n = 1, .item = (const Any[]){
	{ .kind = ANY_ARRAY, { .n = 2, .item = (const Any[]){ { ANY_I64, { .i = 0 } }, { ANY_I64, { .i = 1 } } } } } } } };
static const Any aliases = { .kind = ANY_ARRAY, { .n = 1, .item = (const Any[]){ { .kind = ANY_ALIAS, { .n = 3, .item = (const Any[]){
	{ .kind = ANY_ARRAY, { .n = 1, .item = (const Any[]){ { ANY_I64, { .i = 0 } } } } }, { ANY_I64, { .i = 0 } },
	{ .kind = ANY_ARRAY } } } } } } };

/* -- the cases ------------------------------------------------------------------------------------------- */

typedef struct Case {
	OpCode code;
	const char *in, *out, *regions;
	struct { const char *name; Attr attr; } attr[MAX_ATTRS + 1];
} Case;

#define A(name, ...) { #name, { .set = true, { __VA_ARGS__ } } }
#define NO_ATTRS { 0 }
#define CASE(op, in, out, regions, ...) { OP_##op, in, out, regions, { __VA_ARGS__ } },
static const Case cases[] = {
#include "every_op.def"
};

/* Rows of the table that need no words: every UNARY on 2x3xf32, UNARY_F also with an accuracy, every BINARY. */
static const Case plain[] = {
#define ELEMENTWISE(op, in) { OP_##op, in, "2x3xf32", "", { { 0 } } },
#define OP(...)
#define VHLO(...)
#define BINARY(op)  ELEMENTWISE(op, "2x3xf32 2x3xf32")
#define UNARY(op)   ELEMENTWISE(op, "2x3xf32")
#define UNARY_F(op) UNARY(op) \
	{ OP_##op, "2x3xf32", "2x3xf32", "", { A(result_accuracy, .accuracy = &tolerance) } }, \
	{ OP_##op, "2x3xcomplex<f32>", "2x3xcomplex<f32>", "", { A(result_accuracy, .accuracy = &highest_accuracy) } },
#include "stablehlo/ops.def"
#undef OP
#undef VHLO
#undef BINARY
#undef UNARY
#undef UNARY_F
};

/* Rows whose operands cannot be f32. */
static bool wants_words(OpCode code)
{
	switch (code) {
	case OP_and: case OP_or: case OP_xor: case OP_not: case OP_popcnt: case OP_count_leading_zeros: case OP_shift_left:
	case OP_shift_right_arithmetic: case OP_shift_right_logical: case OP_real: case OP_imag: case OP_uniform_quantize:
	case OP_uniform_dequantize:
		return true;
	default:
		return false;
	}
}

static const Case *find_case(OpCode code, int which)
{
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (plain[i].code == code && !wants_words(code) && which-- == 0) return &plain[i];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (cases[i].code == code && which-- == 0) return &cases[i];
	return NULL;
}

/* -- types ----------------------------------------------------------------------------------------------- */

static const double scales[] = { 0.5, 0.1 };
static const int64_t zeros[] = { 3, -4 };
static const Quant quants[] = {
	{ DTYPE_i8, DTYPE_f32, -128, 127, false, -1, 1, scales, zeros },
	{ DTYPE_u8, DTYPE_f32, 0, 255, false, -1, 1, scales, zeros },
	{ DTYPE_i8, DTYPE_f32, -127, 127, false, 0, 2, scales, zeros },
};

static void parse_elem(Type *t, const char *s, size_t n)
{
	static const char *const names[] = { "q8", "qu8", "qaxis" };
	for (int i = 0; i < 3; i++) {
		if (strlen(names[i]) != n || memcmp(names[i], s, n)) continue;
		t->elem = quants[i].storage;
		t->quant = &quants[i];
	}
	for (int i = 1; i < NDTYPES; i++)
		if (strlen(dtype_name((DType)i)) == n && !memcmp(dtype_name((DType)i), s, n)) t->elem = (DType)i;
	if (!t->elem) abort();
}

/* One type at *s, which moves behind it. */
static Type parse_type(Arena *a, const char **s)
{
	Type t = { .kind = TYPE_TENSOR };
	int64_t *dim = NEW(a, int64_t, 8), *bound = NEW(a, int64_t, 8);
	if (**s == '(' || **s == '{') {
		Type *part = NEW(a, Type, 8);
		t.kind = *(*s)++ == '(' ? TYPE_TUPLE : TYPE_FUTURE;
		while (**s != ')' && **s != '}') {
			part[t.npart++] = parse_type(a, s);
			if (**s == ',') ++*s;
		}
		t.part = part;
		++*s;
		return t;
	}
	t.dim = dim;
	for (; (**s >= '0' && **s <= '9') || **s == '?'; ++*s, t.rank++) {
		bool dynamic = **s == '?';
		char *end;
		int64_t n = strtoll(*s + dynamic, &end, 10);
		bool bounded = dynamic && end != *s + 1;
		dim[t.rank] = dynamic ? DYNAMIC : n;
		bound[t.rank] = bounded ? n : DYNAMIC;
		if (bounded) t.bound = bound;
		*s = end;
	}
	size_t n = strcspn(*s, " ,)}");
	if (n == 5 && !memcmp(*s, "token", 5)) t = token_type();
	else parse_elem(&t, *s, n);
	*s += n;
	return t;
}

Type type_of_text(Arena *a, const char *s) { return parse_type(a, &s); }

static int parse_types(Arena *a, const char *s, Type *t)
{
	int n = 0;
	while (*s && *s != ')') {
		t[n++] = parse_type(a, &s);
		while (*s == ' ') s++;
	}
	return n;
}

/* -- regions --------------------------------------------------------------------------------------------- */

enum { MAX_VALUES = 8 };

static Value region_compare(Builder *b, const char *name, size_t n, const Value *x)
{
	static const char *const direction[] = { "EQ", "NE", "GE", "GT", "LE", "LT" };
	for (int i = 0; i < 6; i++)
		if (n == 2 && !memcmp(direction[i], name, 2)) return hlo_compare(b, (Direction)i, x[0], x[1]);
	return 0;
}

static int region_results(Builder *b, const char *name, size_t n, int narg, const Value *x, Value *out)
{
	OpCode code = op_by_name(name, n);
	if (n == 4 && !memcmp(name, "true", 4)) return out[0] = hlo_splat_int(b, scalar_type(DTYPE_bool), 1), 1;
	if (n == 5 && !memcmp(name, "outer", 5)) return out[0] = b->func->body.arg, 1;
	if ((out[0] = region_compare(b, name, n, x))) return 1;
	if (n == 6 && !memcmp(name, "gather", 6)) {
		Attr attr[4] = { { .set = true, { .i = 1 } }, { .set = true, { .dense = GROUPS } } };
		Type t = type_of_text(b->a, "2x4xf32");
		return out[0] = emit_op(b, OP_all_gather, 1, &t, 1, x, attr, 0, NULL)->out, 1;
	}
	if (!code) return memcpy(out, x, (size_t)narg * sizeof *x), narg;
	for (int i = 0; i < narg / 2; i++) {
		Type t = type_of(b, x[i]);
		out[i] = emit(b, code, &t, 2, (Value[]){ x[i], x[narg / 2 + i] }, NULL);
	}
	return narg / 2;
}

/* "name(types)" */
static Region *build_region(Builder *b, const char *s)
{
	Type t[MAX_VALUES];
	Value x[MAX_VALUES], out[MAX_VALUES] = { 0 };
	size_t n = strcspn(s, "(");
	int narg = parse_types(b->a, s + n + 1, t);
	Region *r = region_begin(b, narg, t, x);
	int nout = region_results(b, s, n, narg, x, out);
	region_end(b, r, nout, out);
	return r;
}

static int build_regions(Builder *b, const char *s, Region **out)
{
	int n = 0;
	for (; *s; s += strcspn(s, ";"), s += *s == ';') out[n++] = build_region(b, s);
	return n;
}

/* -- modules --------------------------------------------------------------------------------------------- */

/* What call, composite and custom_call name: a private function from the operands to the first of them. */
static void build_impl(Module *m, int n, const Type *t)
{
	Func *f = func_new(m, "impl");
	f->is_private = true;
	Value x = 0;
	for (int i = 0; i < n; i++) {
		Value v = func_arg(m, f, t[i], NULL);
		if (!i) x = v;
	}
	Builder b = builder(m, f);
	func_return(&b, 1, &x);
}

static void set_attrs(const Case *c, Attr *attr)
{
	for (int i = 0; c->attr[i].name; i++) {
		int at = op_attr_index(c->code, c->attr[i].name);
		if (at < 0) abort();
		attr[at] = c->attr[i].attr;
	}
}

static void build_case(Module *m, const Case *c)
{
	Type in[MAX_VALUES], out[MAX_VALUES];
	Value x[MAX_VALUES];
	Attr attr[MAX_ATTRS] = { { 0 } };
	Region *region[MAX_VALUES];
	Func *f = func_new(m, "main");
	int nin = parse_types(&m->arena, c->in, in), nout = parse_types(&m->arena, c->out, out);
	for (int i = 0; i < nin; i++) x[i] = func_arg(m, f, in[i], NULL);
	Builder b = builder(m, f);
	set_attrs(c, attr);
	int nregion = build_regions(&b, c->regions, region);
	if (c->code == OP_return) {
		func_return(&b, nin, x);
		return;
	}
	Op *op = emit_op(&b, c->code, nout, out, nin, x, attr, nregion, region);
	for (int i = 0; op && i < nout; i++) x[i] = op->out + (Value)i;
	func_return(&b, nout, x);
	if (c->code == OP_call || c->code == OP_composite || c->code == OP_custom_call) build_impl(m, nin, in);
}

/* Constants: for each element type that a tensor can have, one value, several, all the same, none. */
enum { CONSTANT_SHAPES = 4, CONSTANTS = (NDTYPES - 3) * CONSTANT_SHAPES };

static DType constant_elem(int i)
{
	int t = 1;
	for (;; t++) {
		if (t == DTYPE_tf32 || t == DTYPE_c32) continue;
		if (i-- == 0) return (DType)t;
	}
}

static void build_constant(Module *m, int which)
{
	static const char *const shape[CONSTANT_SHAPES] = { "", "2x5x", "3x", "0x" };
	static const int count[CONSTANT_SHAPES] = { 1, 10, 1, 0 };
	DType elem = constant_elem(which / CONSTANT_SHAPES);
	int n = count[which % CONSTANT_SHAPES];
	Type t = type_of_text(&m->arena, arena_printf(&m->arena, "%s%s", shape[which % CONSTANT_SHAPES], dtype_name(elem)));
	size_t each = dtype_nbytes(elem), nbytes = (size_t)n * each;
	uint8_t *data = NEW(&m->arena, uint8_t, nbytes + 1);
	for (int i = 0; i < n; i++) {
		int v = n == 1 ? 1 : i % 3 ? i % 2 : is_unsigned(elem) || elem == DTYPE_f8e8m0fnu ? 1 : -1;
		if (is_float(elem) || is_complex(elem)) dtype_store(elem, data + (size_t)i * each, 0, v);
		else dtype_store_int(elem, data + (size_t)i * each, v);
		if (is_complex(elem)) dtype_store(elem, data + (size_t)i * each, 1, -v);
	}
	Func *f = func_new(m, "main");
	Builder b = builder(m, f);
	Value x = hlo_constant(&b, t, data, nbytes);
	func_return(&b, 1, &x);
}

int every_op_count(OpCode code)
{
	int n = 0;
	if (code == OP_constant) return CONSTANTS;
	while (find_case(code, n)) n++;
	return n;
}

void build_every_op(OpCode code, int which, Module *m)
{
	const Case *c = find_case(code, which);
	if (code == OP_constant) build_constant(m, which);
	else if (c) build_case(m, c);
	else abort();
}
