/* Types as text, and the small pieces that all of the printer uses. */
#include "stablehlo/print.h"

#include <string.h>

void put_uint(Buf *b, uint64_t v)
{
	char s[20];
	size_t at = sizeof s;
	do s[--at] = (char)('0' + v % 10);
	while (v /= 10);
	put(b, s + at, sizeof s - at);
}

void put_int(Buf *b, int64_t v)
{
	if (v < 0) put_byte(b, '-');
	put_uint(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void put_ints(Buf *b, Ints x)
{
	for (int i = 0; i < x.n; i++) {
		if (i) PUT(b, ", ");
		put_int(b, x.v[i]);
	}
}

void put_list(Buf *b, Ints x)
{
	put_byte(b, '[');
	put_ints(b, x);
	put_byte(b, ']');
}

void put_types(Buf *b, int n, const Type *t)
{
	for (int i = 0; i < n; i++) {
		if (i) PUT(b, ", ");
		put_type(b, t[i]);
	}
}

/* llvm::printEscapedString: backslash doubled, quotes and what is not printable ASCII as \XX. */
void put_quoted(Buf *b, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";
	put_byte(b, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '\\') {
			PUT(b, "\\\\");
		} else if (c >= 0x20 && c < 0x7f && c != '"') {
			put_byte(b, c);
		} else {
			put_byte(b, '\\');
			put_byte(b, (uint8_t)hex[c >> 4]);
			put_byte(b, (uint8_t)hex[c & 15]);
		}
	}
	put_byte(b, '"');
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static bool is_bare(const char *s)
{
	if (!is_letter(*s)) return false;
	for (; *s; s++)
		if (!is_letter(*s) && !(*s >= '0' && *s <= '9') && *s != '$' && *s != '.') return false;
	return true;
}

void put_word(Buf *b, const char *s)
{
	if (is_bare(s)) put_str(b, s);
	else put_quoted(b, s);
}

/* -- types ----------------------------------------------------------------------------------------------- */

static void put_dim(Buf *b, int64_t d)
{
	if (d < 0) put_byte(b, '?');
	else put_int(b, d);
}

/* The range that the storage type has by itself is not written. */
static bool has_range(const Quant *q)
{
	int n = dtype_info(q->storage)->nbits;
	bool u = is_unsigned(q->storage);
	int64_t top = n >= 64 ? INT64_MAX : ((int64_t)1 << (u ? n : n - 1)) - 1;
	return q->storage_min != (u ? 0 : -top - 1) || q->storage_max != top;
}

static void put_scale(Buf *b, const Quant *q, int i)
{
	put_double(b, q->scale[i]);
	if (!q->zero_point[i]) return;
	put_byte(b, ':');
	put_int(b, q->zero_point[i]);
}

/* !quant.uniform<i8<-127:127>:f32:1, {1.000000e-01:3,2.000000e-01}>, per tensor without axis and braces. */
static void put_quant(Buf *b, const Quant *q)
{
	PUT(b, "!quant.uniform<");
	put_str(b, q->ui ? "ui" : is_unsigned(q->storage) ? "u" : "i");
	put_int(b, dtype_info(q->storage)->nbits);
	if (has_range(q)) {
		put_byte(b, '<');
		put_int(b, q->storage_min);
		put_byte(b, ':');
		put_int(b, q->storage_max);
		put_byte(b, '>');
	}
	put_byte(b, ':');
	put_str(b, dtype_name(q->expressed));
	if (q->axis >= 0) {
		put_byte(b, ':');
		put_int(b, q->axis);
	}
	PUT(b, ", ");
	if (q->axis >= 0) put_byte(b, '{');
	for (int i = 0; i < q->n; i++) {
		if (i) put_byte(b, ',');
		put_scale(b, q, i);
	}
	if (q->axis >= 0) put_byte(b, '}');
	put_byte(b, '>');
}

static void put_bounds(Buf *b, Type t)
{
	PUT(b, ", #stablehlo.bounds<");
	for (int i = 0; i < t.rank; i++) {
		if (i) PUT(b, ", ");
		put_dim(b, t.bound[i]);
	}
	put_byte(b, '>');
}

static void put_elem(Buf *b, Type t)
{
	if (t.quant) put_quant(b, t.quant);
	else put_str(b, t.index ? "index" : dtype_name(t.elem));
}

static void put_tensor(Buf *b, Type t)
{
	put_str(b, t.kind == TYPE_BUFFER ? "memref<" : "tensor<");
	for (int i = 0; i < t.rank; i++) {
		put_dim(b, t.dim[i]);
		put_byte(b, 'x');
	}
	put_elem(b, t);
	if (t.bound) put_bounds(b, t);
	put_byte(b, '>');
}

void put_type(Buf *b, Type t)
{
	switch (t.kind) {
	case TYPE_TENSOR:
	case TYPE_BUFFER: put_tensor(b, t); break;
	case TYPE_ELEMENT: put_elem(b, t); break;
	case TYPE_TOKEN:  PUT(b, "!stablehlo.token"); break;
	case TYPE_TUPLE:
	case TYPE_FUTURE:
		put_str(b, t.kind == TYPE_TUPLE ? "tuple<" : "!stablehlo.future<");
		put_types(b, t.npart, t.part);
		put_byte(b, '>');
		break;
	case TYPE_NONE:   PUT(b, "none"); break;
	}
}

/* Printed twice: an arena that is full jumps away, and a Buf must not be open then. */
const char *type_str(Arena *a, Type t)
{
	Buf b = { 0 };
	put_type(&b, t);
	size_t n = b.n;
	buf_free(&b);
	char *s = NEW(a, char, n + 1);
	put_type(&b, t);
	if (b.n == n && n) memcpy(s, b.p, n);
	buf_free(&b);
	return s;
}
