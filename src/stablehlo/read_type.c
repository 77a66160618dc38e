/* Types as VHLO and the builtin dialect encode them (write_attr.c, write_any.c). */
#include "stablehlo/read.h"

#include <string.h>

double get_double(Reader *c)
{
	uint64_t bits = (uint64_t)get_signed(c);
	double d;
	memcpy(&d, &bits, sizeof d);
	return d;
}

/* -- element types --------------------------------------------------------------------------------------- */

static DType vhlo_elem(uint64_t code)
{
	for (int t = 1; t < NDTYPES; t++)
		if ((uint64_t)vhlo_elem_code[t] == code && !is_complex((DType)t)) return (DType)t;
	return DTYPE_none;
}

/* width << 2 | (0 signless, 1 signed, 2 unsigned); signless ones are StableHLO's signed. */
static DType builtin_integer(uint64_t v)
{
	for (int t = 1; t < NDTYPES; t++) {
		DType e = (DType)t;
		bool plain = e == DTYPE_bool || (is_int(e) && !is_unsigned(e));
		if ((plain || is_int(e)) && v == ((uint64_t)dtype_info(e)->nbits << 2 | (plain ? 0 : 2))) return e;
	}
	return DTYPE_none;
}

static DType builtin_float(uint64_t code)
{
	for (int t = 1; t < NDTYPES; t++)
		if (is_float((DType)t) && builtin_elem_code[t] >= 0 && (uint64_t)builtin_elem_code[t] == code) return (DType)t;
	return DTYPE_none;
}

static DType complex_elem(Read *r, Cursor *c)
{
	DType part = DTYPE_none;
	if (!enter(r, c)) return DTYPE_none;
	read_elem(r, get_type(r, &c->r), &part);
	leave(r, c);
	return part == DTYPE_f32 || part == DTYPE_f64 ? complex_of(part) : DTYPE_none;
}

/* DTYPE_none: it is no element type. */
static DType elem_of_code(Read *r, Cursor *c)
{
	if (c->dialect == VHLO_DIALECT) return c->code == VHLO_COMPLEX_TYPE ? complex_elem(r, c) : vhlo_elem(c->code);
	if (c->code == BUILTIN_COMPLEX_TYPE) return complex_elem(r, c);
	return c->code == BUILTIN_INTEGER_TYPE ? builtin_integer(get_varint(&c->r)) : builtin_float(c->code);
}

bool read_elem(Read *r, uint32_t ref, DType *out)
{
	Cursor c;
	if (!open_type(r, ref, &c)) return false;
	bool none = c.dialect == VHLO_DIALECT && c.code == VHLO_NONE_TYPE;
	*out = none ? DTYPE_none : elem_of_code(r, &c);
	if (!failed(r) && !none && !*out) return refuse_entry(r, &c, true, "an element type");
	return close_cursor(r, &c);
}

/* Quantized types say the storage's sign in a flag; the storage itself is the signless integer, or ui8 (quant_type()). */
static DType storage_of(DType t, bool is_signed)
{
	static const DType as_unsigned[NDTYPES] = { [DTYPE_i2] = DTYPE_u2, [DTYPE_i4] = DTYPE_u4, [DTYPE_i8] = DTYPE_u8,
		[DTYPE_i16] = DTYPE_u16, [DTYPE_i32] = DTYPE_u32, [DTYPE_i64] = DTYPE_u64 };
	return !is_signed && as_unsigned[t] ? as_unsigned[t] : t;
}

static void get_scales(Read *r, Reader *c, Quant *q)
{
	q->n = get_count(r, c, "scales");
	double *scale = NEW(r->a, double, q->n + 1);
	int64_t *zero = NEW(r->a, int64_t, q->n + 1);
	for (int i = 0; i < q->n; i++) scale[i] = get_double(c);
	int n = get_count(r, c, "zero points");
	if (!failed(r) && n != q->n) refuse(r, BAD_INPUT, c, "%d zero points for %d scales", n, q->n);
	for (int i = 0; i < n && !failed(r); i++) zero[i] = get_signed(c);
	q->scale = scale;
	q->zero_point = zero;
}

static const Quant *get_quant(Read *r, Cursor *c)
{
	Reader *b = &c->r;
	Quant q = { .axis = -1, .n = 1 };
	bool per_axis = c->code == VHLO_QUANT_AXIS_TYPE;
	uint64_t flags = get_varint(b);
	uint32_t storage = get_type(r, b), expressed = get_type(r, b);
	if (failed(r) || !read_elem(r, storage, &q.storage) || !read_elem(r, expressed, &q.expressed)) return NULL;
	q.ui = is_unsigned(q.storage);
	q.storage = storage_of(q.storage, flags & 1);
	if (!q.storage || !q.expressed) return refuse(r, BAD_INPUT, b, "a quantized type without an element type"), NULL;
	if (per_axis) {
		uint64_t axis = get_varint(b);
		if (axis > INT32_MAX) return refuse(r, BAD_INPUT, b, "a quantized type with axis %llu", (unsigned long long)axis), NULL;
		q.axis = (int)axis;
	} else {
		double scale = get_double(b);
		int64_t zero = get_signed(b);
		q.scale = COPY(r->a, double, &scale, 1);
		q.zero_point = COPY(r->a, int64_t, &zero, 1);
	}
	q.storage_min = get_signed(b);
	q.storage_max = get_signed(b);
	if (per_axis) get_scales(r, b, &q);
	return failed(r) ? NULL : COPY(r->a, Quant, &q, 1);
}

/* An element type, quantized or not. */
static bool get_elem(Read *r, Cursor *of, Type *t, uint32_t *weight)
{
	uint32_t ref = get_type(r, &of->r);
	Cursor c;
	if (!open_type(r, ref, &c)) return false;
	bool quantized = c.dialect == VHLO_DIALECT && (c.code == VHLO_QUANT_TYPE || c.code == VHLO_QUANT_AXIS_TYPE);
	t->index = c.dialect == VHLO_DIALECT && c.code == VHLO_INDEX_TYPE;
	if (t->index) {
		t->elem = DTYPE_i64;
		return close_cursor(r, &c);
	}
	if (!quantized) {
		if (!read_elem(r, ref, &t->elem)) return false;
		return t->elem || refuse_entry(r, &c, true, "an element type");
	}
	t->quant = get_quant(r, &c);
	if (!t->quant || !close_cursor(r, &c)) return false;
	t->elem = t->quant->storage;
	*weight = plus(*weight, 2 * (uint64_t)t->quant->n);
	return true;
}

/* -- shapes ---------------------------------------------------------------------------------------------- */

static int64_t *get_sizes(Read *r, Reader *c, int *n)
{
	*n = get_count(r, c, "dimensions");
	if (*n > MAX_RANK) refuse(r, UNSUPPORTED, c, "rank %d, and at most %d is read", *n, MAX_RANK);
	if (failed(r)) *n = 0;
	int64_t *dim = NEW(r->a, int64_t, *n + 1);
	for (int i = 0; i < *n && !failed(r); i++) {
		dim[i] = get_signed(c);
		if (dim[i] < 0 && dim[i] != DYNAMIC && !failed(r))
			refuse(r, BAD_INPUT, c, "a dimension of %lld", (long long)dim[i]);
	}
	return dim;
}

static const int64_t *read_bounds(Read *r, uint32_t ref, int *n)
{
	Cursor c;
	if (!open_attr(r, ref, &c)) return NULL;
	if (c.dialect != VHLO_DIALECT || c.code != VHLO_TYPE_EXTENSIONS) return refuse_entry(r, &c, false, "a tensor's bounds"), NULL;
	int64_t *bound = get_sizes(r, &c.r, n);
	return close_cursor(r, &c) ? bound : NULL;
}

static bool get_tensor(Read *r, Cursor *c, bool bounded, Type *t, uint32_t *weight)
{
	int nbound = 0;
	t->kind = c->code == VHLO_BUFFER_TYPE && c->dialect == VHLO_DIALECT ? TYPE_BUFFER : TYPE_TENSOR;
	if (bounded) t->bound = read_bounds(r, get_attr(r, &c->r), &nbound);
	t->dim = get_sizes(r, &c->r, &t->rank);
	*weight = plus(*weight, (uint64_t)t->rank);
	if (failed(r) || !get_elem(r, c, t, weight)) return false;
	return !bounded || nbound == t->rank || refuse(r, BAD_INPUT, &c->r, "%d bounds of a tensor of rank %d", nbound, t->rank);
}

static const Type *get_types(Read *r, Reader *c, int *n, uint32_t *weight)
{
	*n = get_count(r, c, "types");
	Type *t = NEW(r->a, Type, *n + 1);
	for (int i = 0; i < *n && !failed(r); i++) {
		uint32_t ref = get_type(r, c);
		if (read_type(r, ref, &t[i])) *weight = plus(*weight, r->type[ref].weight);
	}
	return t;
}

static bool make_type(Read *r, Cursor *c, Type *t, uint32_t *weight)
{
	bool vhlo = c->dialect == VHLO_DIALECT;
	if (!vhlo && c->code == BUILTIN_TENSOR_TYPE) return get_tensor(r, c, false, t, weight);
	if (!vhlo) return refuse_entry(r, c, true, "a tensor");
	switch (c->code) {
	case VHLO_BUFFER_TYPE:
	case VHLO_TENSOR_TYPE:         return get_tensor(r, c, false, t, weight);
	case VHLO_BOUNDED_TENSOR_TYPE: return get_tensor(r, c, true, t, weight);
	case VHLO_TOKEN_TYPE:          *t = token_type(); return true;
	case VHLO_TUPLE_TYPE:
	case VHLO_FUTURE_TYPE:
		t->kind = c->code == VHLO_TUPLE_TYPE ? TYPE_TUPLE : TYPE_FUTURE;
		t->part = get_types(r, &c->r, &t->npart, weight);
		return !failed(r);
	default:
		return refuse_entry(r, c, true, "a tensor, token, tuple or future");
	}
}

bool read_type(Read *r, uint32_t ref, Type *out)
{
	Cursor c;
	Item *item = &r->type[ref];
	if (failed(r)) return false;
	if (!item->weight) {
		Type t = { 0 };
		uint32_t weight = 1;
		if (!open_type(r, ref, &c) || !enter(r, &c)) return false;
		bool ok = make_type(r, &c, &t, &weight) && close_cursor(r, &c);
		leave(r, &c);
		if (!ok) return false;
		item->type = COPY(r->a, Type, &t, 1);
		item->weight = weight;
	}
	*out = *item->type;
	return spend(r, item->weight);
}

bool read_attr_type(Read *r, uint32_t ref, Type *out)
{
	Cursor c;
	if (!open_type(r, ref, &c)) return false;
	bool none = c.dialect == VHLO_DIALECT && c.code == VHLO_NONE_TYPE;
	bool elem = c.dialect == VHLO_DIALECT ? c.code == VHLO_COMPLEX_TYPE || vhlo_elem(c.code) : c.code != BUILTIN_TENSOR_TYPE;
	if (!none && !elem) return read_type(r, ref, out);
	*out = (Type){ .kind = none ? TYPE_NONE : TYPE_ELEMENT };
	return spend(r, 1) && read_elem(r, ref, &out->elem);
}

bool read_signature(Read *r, uint32_t ref, Signature *out)
{
	Cursor c, f;
	uint32_t weight = 1;
	if (!open_attr(r, ref, &c)) return false;
	if (c.dialect != VHLO_DIALECT || c.code != VHLO_TYPE) return refuse_entry(r, &c, false, "a function type");
	if (!open_type(r, get_type(r, &c.r), &f)) return false;
	if (f.dialect != VHLO_DIALECT || f.code != VHLO_FUNCTION_TYPE) return refuse_entry(r, &f, true, "a function type");
	out->arg = get_types(r, &f.r, &out->narg, &weight);
	out->res = get_types(r, &f.r, &out->nres, &weight);
	return close_cursor(r, &f) && close_cursor(r, &c);
}
