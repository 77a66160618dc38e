/* torch's type promotion (torch.promote_types, torch.result_type; c10/core/ScalarType.h and "Tensor Attributes" in the docs). */
#include "aten/ctx.h"

DType acc_type(DType t)
{
	return is_float(t) && dtype_info(t)->nbits < 32 ? DTYPE_f32 : t == DTYPE_c32 ? DTYPE_c64 : t;
}

/* bool < int < float < complex */
static int category(DType t)
{
	switch (dtype_info(t)->kind) {
	case DKIND_BOOL: return 0;
	case DKIND_INT: case DKIND_UINT: return 1;
	case DKIND_FLOAT: return 2;
	default: return 3;
	}
}

/* Two integers: the wider; u8 with a signed type needs the next signed type. torch refuses u16..u64 with signed ones, so a
 * program never asks for that. */
static DType promote_ints(DType x, DType y)
{
	int nx = dtype_info(x)->nbits, ny = dtype_info(y)->nbits;
	bool ux = is_unsigned(x), uy = is_unsigned(y);
	if (ux == uy) return nx >= ny ? x : y;
	DType u = ux ? x : y, s = ux ? y : x;
	if (dtype_info(s)->nbits > dtype_info(u)->nbits) return s;
	return u == DTYPE_u8 ? DTYPE_i16 : u == DTYPE_u16 ? DTYPE_i32 : DTYPE_i64;
}

static DType promote_floats(DType x, DType y)
{
	int nx = dtype_info(x)->nbits, ny = dtype_info(y)->nbits;
	if (nx == ny) return nx == 16 ? DTYPE_f32 : x;      /* f16 with bf16 */
	return nx > ny ? x : y;
}

DType promote(DType x, DType y)
{
	if (x == y || y == DTYPE_none) return x;
	if (x == DTYPE_none) return y;
	int cx = category(x), cy = category(y);
	if (cx == 3 || cy == 3) {
		DType rx = real_of(x), ry = real_of(y);
		if (cx != 3) rx = cx == 2 ? rx : ry;
		if (cy != 3) ry = cy == 2 ? ry : rx;
		return complex_of(promote_floats(rx, ry));
	}
	if (cx != cy) return cx > cy ? x : y;
	return cx == 1 ? promote_ints(x, y) : promote_floats(x, y);
}

/* The three classes of operands: tensors with dims, 0-d tensors, Python numbers. */
typedef struct Classes { DType dims, zero, number; } Classes;

static DType default_of(ArgKind k)
{
	return k == ARG_INT ? DTYPE_i64 : k == ARG_FLOAT ? DTYPE_f32 : k == ARG_BOOL ? DTYPE_bool : k == ARG_COMPLEX ? DTYPE_c64 : DTYPE_none;
}

static void classify(Node *n, const Arg *x, Classes *c)
{
	if (x->kind != ARG_VALUE) {
		c->number = promote(c->number, default_of(x->kind));
		return;
	}
	const GraphValue *v = &n->l->graph->value.v[x->value];
	if (v->kind == VALUE_SYMINT) c->number = promote(c->number, DTYPE_i64);
	else if (v->kind == VALUE_SYMFLOAT) c->number = promote(c->number, DTYPE_f32);
	else if (v->kind == VALUE_SYMBOOL) c->number = promote(c->number, DTYPE_bool);
	else if (v->rank) c->dims = promote(c->dims, v->dtype);
	else c->zero = promote(c->zero, v->dtype);
}

/* c10::combine_categories: the lower class counts only when its category is higher; a complex number beside a float keeps
 * the float's width. */
static DType combine(DType higher, DType lower)
{
	if (higher == DTYPE_none) return lower;
	if (lower == DTYPE_none) return higher;
	if (category(higher) == 2 && category(lower) == 3 && real_of(lower) == DTYPE_f32) return complex_of(higher);
	if (category(lower) > category(higher)) return promote(higher, lower);
	return higher;
}

DType result_type(Node *n, int count, const char *const *names)
{
	Classes c = { 0 };
	for (int i = 0; i < count; i++)
		if (has_arg(n, names[i])) classify(n, arg_raw(n, names[i]), &c);
	DType low = combine(c.zero, c.number);
	return combine(c.dims, low);
}

DType float_result_type(Node *n, int count, const char *const *names)
{
	DType t = result_type(n, count, names);
	return category(t) < 2 ? DTYPE_f32 : t;
}
