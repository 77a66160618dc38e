/* Types and attributes as VHLO encodes them (stablehlo/dialect/VhloBytecode.cpp). */
#include "stablehlo/write.h"

#include <string.h>

/* -- types ----------------------------------------------------------------------------------------------- */

static Ref code_type(Writer *w, int code)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, (uint64_t)code);
	return type_end(&w->pool, from, VHLO_DIALECT);
}

static Ref elem_type(Writer *w, DType t)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, (uint64_t)vhlo_elem_code[t]);
	if (is_complex(t)) tok(&w->pool, TOK_TYPE, elem_type(w, real_of(t)));
	return type_end(&w->pool, from, VHLO_DIALECT);
}

static void tok_double(Pool *p, double d)
{
	uint64_t bits;
	memcpy(&bits, &d, sizeof bits);
	tok_signed(p, bits);
}

/* quant::QuantizationFlags::Signed is bit 0; the storage type itself is the signless integer, unless it is written ui8. */
static Ref quant_type(Writer *w, const Quant *q)
{
	static const DType plain[] = { [2] = DTYPE_i2, [4] = DTYPE_i4, [8] = DTYPE_i8, [16] = DTYPE_i16,
		[32] = DTYPE_i32 };
	Pool *p = &w->pool;
	int nbits = dtype_info(q->storage)->nbits;
	bool is_signed = !is_unsigned(q->storage), per_axis = q->axis >= 0;
	int from = entry_begin(p);
	tok(p, TOK_VARINT, per_axis ? VHLO_QUANT_AXIS_TYPE : VHLO_QUANT_TYPE);
	tok(p, TOK_VARINT, is_signed);
	tok(p, TOK_TYPE, elem_type(w, is_int(q->storage) && nbits <= 32 && !q->ui ? plain[nbits] : q->storage));
	tok(p, TOK_TYPE, elem_type(w, q->expressed));
	if (per_axis) tok(p, TOK_VARINT, (uint64_t)q->axis);
	if (!per_axis) {
		tok_double(p, q->scale[0]);
		tok_signed(p, (uint64_t)q->zero_point[0]);
	}
	tok_signed(p, (uint64_t)q->storage_min);
	tok_signed(p, (uint64_t)q->storage_max);
	if (per_axis) {
		tok(p, TOK_VARINT, (uint64_t)q->n);
		for (int i = 0; i < q->n; i++) tok_double(p, q->scale[i]);
		tok(p, TOK_VARINT, (uint64_t)q->n);
		for (int i = 0; i < q->n; i++) tok_signed(p, (uint64_t)q->zero_point[i]);
	}
	return type_end(p, from, VHLO_DIALECT);
}

static void tok_dims(Pool *p, int n, const int64_t *dim)
{
	tok(p, TOK_VARINT, (uint64_t)n);
	for (int i = 0; i < n; i++) tok_signed(p, (uint64_t)(dim[i] < 0 ? DYNAMIC : dim[i]));
}

static Ref bounds_attr(Writer *w, Type t)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, VHLO_TYPE_EXTENSIONS);
	tok_dims(&w->pool, t.rank, t.bound);
	return attr_end(&w->pool, from, VHLO_DIALECT);
}

static Ref shaped(Writer *w, enum Code_number code, int rank, const int64_t *dim, Ref elem)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, (uint64_t)code);
	tok_dims(&w->pool, rank, dim);
	tok(&w->pool, TOK_TYPE, elem);
	return type_end(&w->pool, from, VHLO_DIALECT);
}

static Ref elem_ref(Writer *w, Type t)
{
	return t.quant ? quant_type(w, t.quant) : t.index ? code_type(w, VHLO_INDEX_TYPE) : elem_type(w, t.elem);
}

static Ref tensor_ref(Writer *w, Type t)
{
	Ref elem = elem_ref(w, t);
	if (!t.bound) return shaped(w, t.kind == TYPE_BUFFER ? VHLO_BUFFER_TYPE : VHLO_TENSOR_TYPE, t.rank, t.dim, elem);
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, VHLO_BOUNDED_TENSOR_TYPE);
	tok(&w->pool, TOK_ATTR, bounds_attr(w, t));
	tok_dims(&w->pool, t.rank, t.dim);
	tok(&w->pool, TOK_TYPE, elem);
	return type_end(&w->pool, from, VHLO_DIALECT);
}

static void tok_types(Writer *w, int n, const Type *t)
{
	tok(&w->pool, TOK_VARINT, (uint64_t)n);
	for (int i = 0; i < n; i++) tok(&w->pool, TOK_TYPE, vhlo_type(w, t[i]));
}

Ref vhlo_type(Writer *w, Type t)
{
	if (t.kind == TYPE_TENSOR || t.kind == TYPE_BUFFER) return tensor_ref(w, t);
	if (t.kind == TYPE_ELEMENT) return elem_ref(w, t);
	if (t.kind == TYPE_TOKEN) return code_type(w, VHLO_TOKEN_TYPE);
	if (t.kind == TYPE_NONE) return code_type(w, VHLO_NONE_TYPE);
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, t.kind == TYPE_TUPLE ? VHLO_TUPLE_TYPE : VHLO_FUTURE_TYPE);
	tok_types(w, t.npart, t.part);
	return type_end(&w->pool, from, VHLO_DIALECT);
}

static Ref type_attr(Writer *w, Ref type)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, VHLO_TYPE);
	tok(&w->pool, TOK_TYPE, type);
	return attr_end(&w->pool, from, VHLO_DIALECT);
}

Ref vhlo_type_attr(Writer *w, const Type *t) { return type_attr(w, vhlo_type(w, *t)); }

Ref vhlo_function_type(Writer *w, const Func *f)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, VHLO_FUNCTION_TYPE);
	tok_types(w, f->narg, f->arg_type);
	tok_types(w, f->nres, f->res_type);
	return type_attr(w, type_end(&w->pool, from, VHLO_DIALECT));
}

/* -- attributes ------------------------------------------------------------------------------------------ */

Ref vhlo_string(Writer *w, const char *s)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, VHLO_STRING);
	tok_string(&w->pool, s);
	return attr_end(&w->pool, from, VHLO_DIALECT);
}

Ref vhlo_array(Writer *w, int n, const Ref *item)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, VHLO_ARRAY);
	tok(&w->pool, TOK_VARINT, (uint64_t)n);
	for (int i = 0; i < n; i++) tok(&w->pool, TOK_ATTR, item[i]);
	return attr_end(&w->pool, from, VHLO_DIALECT);
}

Ref vhlo_enum(Writer *w, enum Code_number code, uint64_t v)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, (uint64_t)code);
	tok(&w->pool, TOK_VARINT, v);
	return attr_end(&w->pool, from, VHLO_DIALECT);
}

Ref vhlo_integer(Writer *w, DType elem, int64_t v)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, VHLO_INTEGER);
	tok(&w->pool, TOK_TYPE, elem_type(w, elem));
	tok_bits(&w->pool, dtype_info(elem)->nbits, (uint64_t)v);
	return attr_end(&w->pool, from, VHLO_DIALECT);
}

Ref vhlo_float(Writer *w, DType elem, double v)
{
	uint8_t bytes[16] = { 0 };
	uint64_t bits = 0;
	dtype_store(elem, bytes, 0, v);
	for (size_t i = dtype_nbytes(elem); i-- > 0;) bits = bits << 8 | bytes[i];
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, VHLO_FLOAT);
	tok(&w->pool, TOK_TYPE, elem_type(w, elem));
	tok_signed(&w->pool, bits);
	return attr_end(&w->pool, from, VHLO_DIALECT);
}

/* The bits of a number that an Any holds as elements. */
uint64_t number_bits(const Dense *d)
{
	uint64_t bits = 0;
	for (size_t i = d->nbytes < 8 ? d->nbytes : 8; i-- > 0;) bits = bits << 8 | ((const uint8_t *)d->data)[i];
	return bits;
}

Ref vhlo_number(Writer *w, const Dense *d)
{
	DType elem = d->type.elem;
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, is_float(elem) ? VHLO_FLOAT : VHLO_INTEGER);
	tok(&w->pool, TOK_TYPE, elem_ref(w, d->type));
	tok_bits(&w->pool, dtype_info(elem)->nbits, number_bits(d));
	return attr_end(&w->pool, from, VHLO_DIALECT);
}

Ref vhlo_elem_attr(Writer *w, DType elem)
{
	return type_attr(w, elem == DTYPE_none ? code_type(w, VHLO_NONE_TYPE) : elem_type(w, elem));
}

Ref vhlo_accuracy(Writer *w, const Accuracy *x)
{
	Pool *p = &w->pool;
	int from = entry_begin(p);
	tok(p, TOK_VARINT, VHLO_ACCURACY);
	tok_double(p, x->atol);
	tok_double(p, x->rtol);
	tok_signed(p, (uint64_t)x->ulps);
	tok(p, TOK_ATTR, vhlo_enum(w, VHLO_ACCURACY_MODE, (uint64_t)x->mode));
	return attr_end(p, from, VHLO_DIALECT);
}

/* -- elements -------------------------------------------------------------------------------------------- */

typedef struct Bytes { const uint8_t *p; size_t n; } Bytes;

/* MLIR keeps elements that are all the same once. */
static bool all_equal(const uint8_t *p, size_t n, size_t each)
{
	return n >= each && !memcmp(p, p + each, n - each);
}

/* i1: eight to a byte, lowest bit first; a splat of several is one byte of all ones or all zeros. */
static Bytes pack_bits(Arena *a, const uint8_t *p, size_t n, bool splat)
{
	if (splat) return (Bytes){ arena_copy(a, (uint8_t[]){ *p ? 0xff : 0 }, 1, 1), 1 };
	uint8_t *bits = NEW(a, uint8_t, (n + 7) / 8 + 1);
	for (size_t i = 0; i < n; i++)
		if (p[i]) bits[i / 8] |= (uint8_t)(1u << (i % 8));
	return (Bytes){ bits, (n + 7) / 8 };
}

/* Integers under a byte: the bits above are zero, whatever the sign. */
static Bytes mask_bits(Arena *a, Bytes x, int nbits)
{
	uint8_t *p = COPY(a, uint8_t, x.p, x.n), mask = (uint8_t)((1u << nbits) - 1);
	for (size_t i = 0; i < x.n; i++) p[i] &= mask;
	return (Bytes){ p, x.n };
}

static Bytes elements(Writer *w, DType elem, const void *data, size_t nbytes, int64_t numel)
{
	Bytes x = { data, nbytes };
	int nbits = dtype_info(elem)->nbits;
	if (nbits > 1 && nbits < 8 && is_int(elem)) x = mask_bits(&w->a, x, nbits);
	size_t each = dtype_nbytes(elem);
	bool same = elem == DTYPE_bool ? false : all_equal(x.p, x.n, each);
	if (elem == DTYPE_bool) {
		size_t ones = 0;
		for (size_t i = 0; i < x.n; i++) ones += x.p[i] != 0;
		same = ones == 0 || ones == x.n;
		return pack_bits(&w->a, x.p, x.n, same && numel > 1);
	}
	return same ? (Bytes){ x.p, each } : x;
}

static Ref tensor_attr(Writer *w, Ref type, Bytes x)
{
	int from = entry_begin(&w->pool);
	tok(&w->pool, TOK_VARINT, VHLO_TENSOR);
	tok(&w->pool, TOK_TYPE, type);
	return blob_end(&w->pool, from, VHLO_DIALECT, x.p, x.n);
}

/* index: the elements, i64 in memory, are of MLIR's index type (layouts). */
Ref vhlo_dense(Writer *w, const Dense *d, bool index)
{
	Type t = d->type;
	t.index |= index;
	Ref type = tensor_ref(w, t);
	return tensor_attr(w, type, elements(w, d->type.elem, d->data, d->nbytes, type_numel(d->type)));
}

Ref vhlo_ints(Writer *w, int rank, const int64_t *dim, const int64_t *v)
{
	Type t = { .kind = TYPE_TENSOR, .elem = DTYPE_i64, .rank = rank, .dim = dim };
	Dense d = { .type = t, .data = v, .nbytes = (size_t)type_numel(t) * sizeof *v };
	return vhlo_dense(w, &d, false);
}
