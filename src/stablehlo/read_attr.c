/* VHLO attributes of a kind that is known before: numbers, strings, elements (write_attr.c). */
#include "stablehlo/read.h"

#include <string.h>

static bool open_vhlo(Read *r, uint32_t ref, enum Code_number code, const char *wanted, Cursor *c)
{
	if (!open_attr(r, ref, c)) return false;
	return (c->dialect == VHLO_DIALECT && c->code == (uint64_t)code) || refuse_entry(r, c, false, wanted);
}

/* -- numbers --------------------------------------------------------------------------------------------- */

/* An integer of at most a byte is written as that byte, others zero-extended as a signed varint. */
int64_t get_integer(Read *r, Reader *c, DType elem)
{
	int nbits = dtype_info(elem)->nbits;
	if (!is_int(elem) && elem != DTYPE_bool) return refuse(r, BAD_INPUT, c, "an integer attribute of type %s", dtype_name(elem)), 0;
	uint64_t bits = nbits <= 8 ? get_u8(c) : (uint64_t)get_signed(c);
	if (elem == DTYPE_bool) return bits & 1;
	bits <<= 64 - nbits;
	return is_unsigned(elem) ? (int64_t)(bits >> (64 - nbits)) : (int64_t)bits >> (64 - nbits);
}

uint64_t get_float_bits(Reader *c, DType elem)
{
	return dtype_info(elem)->nbits <= 8 ? get_u8(c) : (uint64_t)get_signed(c);
}

bool attr_integer(Read *r, uint32_t ref, int64_t *out)
{
	Cursor c;
	DType elem;
	if (!open_vhlo(r, ref, VHLO_INTEGER, "an integer", &c) || !read_elem(r, get_type(r, &c.r), &elem)) return false;
	*out = get_integer(r, &c.r, elem);
	return close_cursor(r, &c);
}

bool attr_enum(Read *r, uint32_t ref, enum Code_number code, int n, int64_t *out)
{
	Cursor c;
	if (!open_vhlo(r, ref, code, "an enum", &c)) return false;
	uint64_t v = get_varint(&c.r);
	if (!failed(r) && v >= (uint64_t)n)
		return refuse(r, BAD_INPUT, &c.r, "value %llu of an enum of %d", (unsigned long long)v, n);
	*out = (int64_t)v;
	return close_cursor(r, &c);
}

bool attr_bool(Read *r, uint32_t ref, bool *out)
{
	int64_t v = 0;
	bool ok = attr_enum(r, ref, VHLO_BOOLEAN, 2, &v);
	*out = v;
	return ok;
}

bool attr_f32(Read *r, uint32_t ref, double *out)
{
	Cursor c;
	DType elem;
	if (!open_vhlo(r, ref, VHLO_FLOAT, "a float", &c) || !read_elem(r, get_type(r, &c.r), &elem)) return false;
	if (elem != DTYPE_f32) return refuse(r, BAD_INPUT, &c.r, "a float of type %s, wanted f32", dtype_name(elem));
	uint32_t bits = (uint32_t)get_float_bits(&c.r, elem);
	float f;
	memcpy(&f, &bits, sizeof f);
	*out = f;
	return close_cursor(r, &c);
}

bool attr_accuracy(Read *r, uint32_t ref, const Accuracy **out)
{
	Cursor c;
	int64_t mode = 0;
	if (!open_vhlo(r, ref, VHLO_ACCURACY, "a result accuracy", &c)) return false;
	Accuracy *x = NEW(r->a, Accuracy, 1);
	x->atol = get_double(&c.r);
	x->rtol = get_double(&c.r);
	x->ulps = get_signed(&c.r);
	if (!attr_enum(r, get_attr(r, &c.r), VHLO_ACCURACY_MODE, 3, &mode)) return false;
	x->mode = (int)mode;
	*out = x;
	return close_cursor(r, &c);
}

/* -- strings, types, lists ------------------------------------------------------------------------------- */

bool attr_string(Read *r, uint32_t ref, const char **out)
{
	Cursor c;
	if (!open_vhlo(r, ref, VHLO_STRING, "a string", &c)) return false;
	*out = get_string(r, &c.r);
	return close_cursor(r, &c);
}

bool attr_elem(Read *r, uint32_t ref, DType *out)
{
	Cursor c;
	return open_vhlo(r, ref, VHLO_TYPE, "a type", &c) && read_elem(r, get_type(r, &c.r), out) && close_cursor(r, &c);
}

bool attr_items(Read *r, uint32_t ref, int *n, const uint32_t **item)
{
	Cursor c;
	if (!open_vhlo(r, ref, VHLO_ARRAY, "an array", &c)) return false;
	*n = get_count(r, &c.r, "items");
	if (!spend(r, plus(1, (uint64_t)*n))) return false;
	uint32_t *v = NEW(&r->scratch, uint32_t, *n + 1);
	for (int i = 0; i < *n && !failed(r); i++) v[i] = get_attr(r, &c.r);
	*item = v;
	return close_cursor(r, &c);
}

/* -- elements -------------------------------------------------------------------------------------------- */

/* As pack_bits() packs them; serializers before that gave each a byte. A single byte FF is a splat. */
static void unpack_bits(Read *r, const uint8_t *p, size_t n, uint64_t numel, Dense *d)
{
	size_t nbytes = n == 1 && (p[0] == 0xff || (numel + 7) / 8 != 1) ? 1 : (size_t)numel;
	uint8_t *out = NEW(r->a, uint8_t, nbytes + 1);
	bool packed = n != 1 ? n == (numel + 7) / 8 && n != numel : nbytes == numel && numel != 1;
	for (size_t i = 0; i < nbytes; i++) out[i] = packed ? p[i / 8] >> (i % 8) & 1 : p[i] != 0;
	d->data = out;
	d->nbytes = nbytes;
}

/* Integers under a byte lie in memory with their sign, which the file leaves out. */
static void extend_signs(Read *r, DType elem, const uint8_t *p, size_t n, Dense *d)
{
	int unused = 8 - dtype_info(elem)->nbits;
	uint8_t *out = NEW(r->a, uint8_t, n + 1);
	for (size_t i = 0; i < n; i++) {
		int8_t v = (int8_t)(uint8_t)(p[i] << unused);
		out[i] = is_unsigned(elem) ? (uint8_t)v >> unused : (uint8_t)(v >> unused);
	}
	d->data = out;
	d->nbytes = n;
}

/* Are there n bytes for the elements of t: one of them, or all, or of i1 an eighth? */
static bool fits(Type t, size_t n, uint64_t numel)
{
	size_t each = dtype_nbytes(t.elem);
	if (t.elem == DTYPE_bool && n == (numel + 7) / 8) return true;
	if (!numel) return n == 0 || n == each;
	return n == each || (n / each == numel && n % each == 0);
}

const Dense *get_dense(Read *r, Cursor *c, Type t, bool index)
{
	uint64_t n = get_varint(&c->r);
	const uint8_t *p = get(&c->r, n > SIZE_MAX ? SIZE_MAX : (size_t)n);
	if (!p) return NULL;
	int64_t numel = is_static(t) ? type_numel(t) : -1;
	if (numel < 0 || numel == INT64_MAX || !fits(t, (size_t)n, (uint64_t)numel))
		return refuse(r, BAD_INPUT, &c->r, "%llu bytes for the elements of %s%s", (unsigned long long)n, type_str(&r->scratch, t),
			index ? " of index" : ""), NULL;
	Dense *d = NEW(r->a, Dense, 1);
	d->type = t;
	if (t.elem == DTYPE_bool) unpack_bits(r, p, (size_t)n, (uint64_t)numel, d);
	else if (is_int(t.elem) && dtype_info(t.elem)->nbits < 8) extend_signs(r, t.elem, p, (size_t)n, d);
	else {
		d->data = COPY(r->a, uint8_t, p, n);
		d->nbytes = (size_t)n;
	}
	d->splat = numel != 1 && d->nbytes == dtype_nbytes(t.elem);
	return d;
}

bool attr_dense(Read *r, uint32_t ref, const Dense **out)
{
	Cursor c;
	Type t;
	if (!open_vhlo(r, ref, VHLO_TENSOR, "a tensor", &c) || !read_type(r, get_type(r, &c.r), &t)) return false;
	if (t.kind != TYPE_TENSOR) return refuse(r, BAD_INPUT, &c.r, "elements of %s", type_str(&r->scratch, t));
	if (!c.item->dense) {
		const Dense *d = get_dense(r, &c, t, false);
		if (!d || !close_cursor(r, &c)) return false;
		c.item->dense = d;
	}
	*out = c.item->dense;
	return true;
}

/* A splat is spread out: who asks for a list looks at each of its numbers. */
bool attr_ints(Read *r, uint32_t ref, int rank, Ints *out)
{
	enum { LONGEST = 1 << 16 };
	const Dense *d = NULL;
	if (!attr_dense(r, ref, &d)) return false;
	int64_t n = type_numel(d->type);
	DType elem = d->type.elem;
	if (d->type.rank != rank || d->type.quant || (elem != DTYPE_i64 && elem != DTYPE_bool) || n > LONGEST)
		return fail(r->err, BAD_INPUT, "bytecode: attribute %u is of %s, wanted a list of numbers", ref, type_str(&r->scratch, d->type));
	if (!spend(r, (uint32_t)n)) return false;
	int64_t *v = NEW(r->a, int64_t, n + 1);
	size_t each = dtype_nbytes(elem);
	for (int64_t i = 0; i < n; i++) v[i] = dtype_load_int(elem, (const char *)d->data + (d->splat ? 0 : (size_t)i * each));
	*out = (Ints){ (int)n, v };
	return true;
}
