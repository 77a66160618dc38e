#include "bundle/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/reader.h"

/* ---- the header's dict: a reader for this one form of Python literal ---- */

typedef struct Header {
	const char *descr;          /* NULL: not seen yet; not terminated */
	size_t ndescr;
	int fortran;                /* -1: not seen yet */
	int rank;                   /* -1: not seen yet */
	int64_t dim[NPY_MAX_RANK];
} Header;

typedef struct Text { const char *p; size_t n, at; Err *err; } Text;

static char look(Text *t)
{
	while (t->at < t->n && (t->p[t->at] == ' ' || t->p[t->at] == '\n' || t->p[t->at] == '\t')) t->at++;
	return t->at < t->n ? t->p[t->at] : 0;
}

static bool wanted(Text *t, const char *what)
{
	char c = look(t);
	size_t at = t->at;
	if (at == t->n) return fail(t->err, BAD_INPUT, "header ends at byte %zu where %s should be", at, what);
	if (c >= ' ' && c <= '~')
		return fail(t->err, BAD_INPUT, "header byte %zu: found '%c', wanted %s", at, c, what);
	return fail(t->err, BAD_INPUT, "header byte %zu: found 0x%02x, wanted %s", at, (uint8_t)c, what);
}

static bool eat(Text *t, char c)
{
	if (look(t) != c) return false;
	t->at++;
	return true;
}

static bool word(Text *t, const char *w)
{
	size_t n = strlen(w);
	look(t);
	if (t->n - t->at < n || memcmp(t->p + t->at, w, n)) return false;
	t->at += n;
	return true;
}

static bool quoted(Text *t, const char **s, size_t *n)
{
	char q = look(t);
	if (q != '\'' && q != '"') return wanted(t, "a quoted string");
	const char *from = t->p + ++t->at;
	while (t->at < t->n && t->p[t->at] != q && t->p[t->at] != '\\') t->at++;
	if (t->at == t->n || t->p[t->at] != q) return wanted(t, "the end of the string");
	*s = from;
	*n = (size_t)(t->p + t->at++ - from);
	return true;
}

static bool size_literal(Text *t, int64_t *v)
{
	char c = look(t);
	if (c < '0' || c > '9') return wanted(t, "a size");
	for (*v = 0; t->at < t->n && t->p[t->at] >= '0' && t->p[t->at] <= '9'; t->at++)
		if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, t->p[t->at] - '0', v))
			return fail(t->err, BAD_INPUT, "header byte %zu: a size does not fit in 64 bits", t->at);
	if (t->at < t->n && t->p[t->at] == 'L') t->at++;     /* Python 2 wrote (2L, 3L) */
	return true;
}

/* "()", "(2,)", "(2, 3)"; "(2)" is a number in Python and no shape. */
static bool get_shape(Text *t, Header *h)
{
	if (!eat(t, '(')) return wanted(t, "a shape, such as (2, 3)");
	bool comma = true;
	for (h->rank = 0; !eat(t, ')'); h->rank++) {
		if (!comma) return wanted(t, "',' or ')'");
		if (h->rank == NPY_MAX_RANK)
			return fail(t->err, UNSUPPORTED, "more than %d dimensions", NPY_MAX_RANK);
		if (!size_literal(t, &h->dim[h->rank])) return false;
		comma = eat(t, ',');
	}
	return h->rank != 1 || comma || fail(t->err, BAD_INPUT, "shape is a number, wanted a tuple such as (3,)");
}

static bool get_descr(Text *t, Header *h)
{
	if (look(t) == '[') return fail(t->err, UNSUPPORTED, "a structured type, wanted numbers");
	return quoted(t, &h->descr, &h->ndescr);
}

static bool get_member(Text *t, Header *h)
{
	const char *key = NULL;
	size_t n = 0;
	if (!quoted(t, &key, &n)) return false;
	if (!eat(t, ':')) return wanted(t, "':'");
	if (n == 5 && !memcmp(key, "descr", n) && !h->descr) return get_descr(t, h);
	if (n == 5 && !memcmp(key, "shape", n) && h->rank < 0) return get_shape(t, h);
	if (n != 13 || memcmp(key, "fortran_order", n) || h->fortran >= 0)
		return fail(t->err, BAD_INPUT, "header byte %zu: wanted descr, fortran_order and shape, each once", t->at);
	h->fortran = word(t, "True") ? 1 : word(t, "False") ? 0 : -1;
	return h->fortran >= 0 || wanted(t, "True or False");
}

static bool get_header(Text *t, Header *h)
{
	*h = (Header){ .fortran = -1, .rank = -1 };
	if (!eat(t, '{')) return wanted(t, "'{'");
	bool comma = true;
	while (!eat(t, '}')) {
		if (!comma) return wanted(t, "',' or '}'");
		if (!get_member(t, h)) return false;
		comma = eat(t, ',');
	}
	look(t);
	if (t->at != t->n) return wanted(t, "nothing more");
	const char *none = !h->descr ? "descr" : h->rank < 0 ? "shape" : h->fortran < 0 ? "fortran_order" : NULL;
	return !none || fail(t->err, BAD_INPUT, "header has no '%s'", none);
}

/* ---- element types ---- */

/* A descr is byte order, kind, bytes per element. One-byte types have no order; NumPy writes them '|', and
 * ml_dtypes' opaque ones '<', so both are taken for each other. */
static bool no_numbers(const Header *h, Err *e)
{
	int n = h->ndescr < 32 ? (int)h->ndescr : 32;
	return fail(e, UNSUPPORTED, "descr '%.*s', wanted numbers such as '<f4'", n, h->descr);
}

static bool get_dtype(const Header *h, NpyArray *x, Err *e)
{
	char d[8] = "", order = h->ndescr ? h->descr[0] : 0;
	if (h->ndescr < 3 || h->ndescr >= sizeof d || !strchr("<>|=", order)) return no_numbers(h, e);
	memcpy(d, h->descr, h->ndescr);
	bool one = !strcmp(d + 2, "1");
	if (order == '>' && !one)
		return fail(e, UNSUPPORTED, "descr '%s' is big-endian, wanted little-endian", d);
	d[0] = one && strchr("biu", d[1]) ? '|' : '<';
	if (!strcmp(d, "<f1")) x->dtype = DTYPE_f8e5m2;
	else x->dtype = dtype_from_npy(d, strlen(d));
	x->itemsize = x->dtype ? dtype_nbytes(x->dtype) : 1;
	return x->dtype || !strcmp(d, "<V1") || no_numbers(h, e);
}

bool npy_is(NpyArray *x, DType t)
{
	if (x->dtype) return x->dtype == t;
	if (strcmp(dtype_info(t)->npy, "<V1")) return false;
	x->dtype = t;
	return true;
}

size_t npy_itemsize(const NpyArray *x) { return x->dtype ? dtype_nbytes(x->dtype) : x->itemsize; }

const char *npy_str(Arena *a, const NpyArray *x)
{
	const char *s = arena_printf(a, x->dtype && *dtype_info(x->dtype)->torch ? "%s[" : "%s%zu-byte opaque[",
		x->dtype ? dtype_info(x->dtype)->torch : "", npy_itemsize(x));
	for (int i = 0; i < x->rank; i++) s = arena_printf(a, i ? "%s,%lld" : "%s%lld", s, (long long)x->dim[i]);
	return arena_printf(a, "%s]", s);
}

/* ---- shapes ---- */

/* The bytes of a dense array, or false when they do not fit in a size_t. Zero sizes do not excuse the
 * others: NumPy refuses (0, 2**62, 2**62) too. */
static bool dense_nbytes(const NpyArray *x, size_t *nbytes)
{
	size_t all = npy_itemsize(x), none = 1;
	for (int i = 0; i < x->rank; i++) {
		if (x->dim[i] < 0 || __builtin_mul_overflow(all, (size_t)(x->dim[i] ? x->dim[i] : 1), &all))
			return false;
		if (!x->dim[i]) none = 0;
	}
	*nbytes = all * none;
	return all <= INT64_MAX;
}

size_t npy_count(const NpyArray *x)
{
	size_t n = 1;
	for (int i = 0; i < x->rank; i++) n *= (size_t)x->dim[i];
	return n;
}

/* Whether the elements lie densely with the last (or, by column, the first) dim fastest. Dims of one
 * element may have any stride: NumPy's rule for its C_CONTIGUOUS and F_CONTIGUOUS. */
static bool dense(const NpyArray *x, bool by_column)
{
	if (!x->stride) return !by_column;
	int64_t next = 1;
	for (int k = 0; k < x->rank; k++) {
		int i = by_column ? k : x->rank - 1 - k;
		if (x->dim[i] == 0) return true;
		if (x->dim[i] != 1 && x->stride[i] != next) return false;
		next *= x->dim[i];
	}
	return true;
}

NpyOrder npy_order(const NpyArray *x)
{
	if (!npy_count(x)) return NPY_ROW_MAJOR;
	return dense(x, false) ? NPY_ROW_MAJOR : dense(x, true) ? NPY_COLUMN_MAJOR : NPY_STRIDED;
}

static bool inside(const NpyArray *x)
{
	size_t most = x->nbytes / npy_itemsize(x), last = 0, step;
	for (int i = 0; i < x->rank; i++) {
		size_t n = (size_t)x->dim[i], s = (size_t)x->stride[i];
		if (x->stride[i] < 0 || __builtin_mul_overflow(n - 1, s, &step) || __builtin_add_overflow(last, step, &last))
			return false;
	}
	return last < most;
}

bool npy_check(const NpyArray *x, Err *e)
{
	size_t nbytes;
	if (x->rank < 0 || x->rank > NPY_MAX_RANK)
		return fail(e, UNSUPPORTED, "%d dimensions, wanted at most %d", x->rank, NPY_MAX_RANK);
	if (x->dtype ? !*dtype_info(x->dtype)->npy : x->itemsize != 1)
		return fail(e, UNSUPPORTED, "type %s cannot be written as .npy", dtype_name(x->dtype));
	if (!dense_nbytes(x, &nbytes)) return fail(e, BAD_INPUT, "the shape's sizes are negative or overflow");
	if (!nbytes) return true;
	if (!x->data) return fail(e, BAD_INPUT, "has no data");
	if (x->stride ? inside(x) : nbytes <= x->nbytes) return true;
	return fail(e, BAD_INPUT, "shape and strides reach outside the %zu bytes of its storage", x->nbytes);
}

/* ---- reading ---- */

static void set_shape(Arena *a, const Header *h, NpyArray *x)
{
	int64_t *dim = COPY(a, int64_t, h->dim, h->rank), *stride = NEW(a, int64_t, h->rank), next = 1;
	for (int k = 0; k < h->rank; k++) {
		int i = h->fortran ? k : h->rank - 1 - k;
		stride[i] = next;
		next *= dim[i];
	}
	x->dim = dim;
	x->stride = stride;
}

/* Byte 6 and 7 are the version; the header's length is 2 bytes in 1.0 and 4 in 2.0 and 3.0. */
static bool get_prefix(Reader *r, Text *t)
{
	const uint8_t *magic = get(r, 6);
	if (magic && memcmp(magic, "\x93NUMPY", 6)) return fail(r->err, BAD_INPUT, "is not a NumPy .npy file");
	int major = get_u8(r), minor = get_u8(r);
	if (r->err->code) return false;
	if (major < 1 || major > 3 || minor)
		return fail(r->err, UNSUPPORTED, ".npy version %d.%d, wanted 1.0, 2.0 or 3.0", major, minor);
	t->n = get_le(r, major == 1 ? 2 : 4);
	t->p = (const char *)get(r, t->n);
	return t->p;
}

bool npy_read(Arena *a, const uint8_t *p, size_t n, NpyArray *out, Err *e)
{
	Reader r = { .p = p, .n = n, .what = ".npy header", .err = e };
	Text t = { .err = e };
	Header h;
	*out = (NpyArray){ 0 };
	if (e->code || !get_prefix(&r, &t) || !get_header(&t, &h) || !get_dtype(&h, out, e)) return false;
	out->rank = h.rank;
	out->dim = h.dim;
	size_t nbytes;
	if (!dense_nbytes(out, &nbytes)) return fail(e, BAD_INPUT, "the shape's sizes overflow");
	if (nbytes != n - r.at)
		return fail(e, BAD_INPUT, "has %zu bytes of data, its header's shape wants %zu", n - r.at, nbytes);
	out->data = p + r.at;
	out->nbytes = nbytes;
	set_shape(a, &h, out);
	return true;
}

/* ---- writing ---- */

/* As numpy.lib.format: keys sorted, spaces for a first (by column: last) size of up to 21 digits so that
 * the array may grow in place, then spaces and a newline up to the next multiple of 64 (a whole 64 when it
 * is one already). */
void npy_header(Buf *b, const NpyArray *x)
{
	bool by_column = npy_order(x) == NPY_COLUMN_MAJOR;
	char text[128 + 22 * NPY_MAX_RANK];
	int n = sprintf(text, "{'descr': '%s', 'fortran_order': %s, 'shape': (",
		x->dtype ? dtype_info(x->dtype)->npy : "<V1", by_column ? "True" : "False");
	for (int i = 0; i < x->rank; i++) n += sprintf(text + n, i ? ", %lld" : "%lld", (long long)x->dim[i]);
	n += sprintf(text + n, x->rank == 1 ? ",), }" : "), }");
	if (x->rank) {
		int digits = snprintf(NULL, 0, "%lld", (long long)x->dim[by_column ? x->rank - 1 : 0]);
		n += sprintf(text + n, "%*s", 21 - digits, "");
	}
	int pad = 64 - (10 + n + 1) % 64;
	put(b, "\x93NUMPY\x01", 8);     /* and the 0 that ends the literal: version 1.0 */
	put_le(b, (uint64_t)(n + 1 + pad), 2);
	put(b, text, (size_t)n);
	putf(b, "%*s\n", pad, "");
}

/* n elements, `step` elements apart. */
static void gather(uint8_t *out, const uint8_t *p, size_t n, size_t step, size_t size)
{
	if (step == 1) { memcpy(out, p, n * size); return; }
	switch (size) {
	case 1: for (size_t i = 0; i < n; i++) out[i] = p[i * step]; return;
	case 2: for (size_t i = 0; i < n; i++) memcpy(out + 2 * i, p + 2 * i * step, 2); return;
	case 4: for (size_t i = 0; i < n; i++) memcpy(out + 4 * i, p + 4 * i * step, 4); return;
	case 8: for (size_t i = 0; i < n; i++) memcpy(out + 8 * i, p + 8 * i * step, 8); return;
	default: for (size_t i = 0; i < n; i++) memcpy(out + size * i, p + size * i * step, size); return;
	}
}

/* The innermost dims that one step walks through are taken as one run; the dims outside it count like an
 * odometer. */
void npy_pack(const NpyArray *x, size_t first, size_t count, uint8_t *out)
{
	size_t size = npy_itemsize(x), run = 1, step = 1, index[NPY_MAX_RANK];
	if (!count) return;
	if (!x->stride) { memcpy(out, x->data + first * size, count * size); return; }
	int outer = x->rank;
	for (; outer > 0; outer--) {
		size_t n = (size_t)x->dim[outer - 1], s = (size_t)x->stride[outer - 1];
		if (n != 1 && run != 1 && s != step * run) break;
		if (n != 1 && run == 1) step = s;
		run *= n;
	}
	size_t in_run = first % run, at = 0, rest = first / run;
	for (int i = outer - 1; i >= 0; i--) {
		index[i] = rest % (size_t)x->dim[i];
		rest /= (size_t)x->dim[i];
		at += index[i] * (size_t)x->stride[i];
	}
	for (;;) {
		size_t n = run - in_run < count ? run - in_run : count;
		gather(out, x->data + (at + in_run * step) * size, n, step, size);
		if (!(count -= n)) return;
		out += n * size;
		in_run = 0;
		int i = outer - 1;
		while (++index[i] == (size_t)x->dim[i]) {
			at -= (index[i] - 1) * (size_t)x->stride[i];
			index[i--] = 0;
		}
		at += (size_t)x->stride[i];
	}
}

size_t npy_block(const NpyArray *x, size_t first, uint8_t *out, size_t room)
{
	size_t left = npy_count(x) - first, most = room / npy_itemsize(x), n = left < most ? left : most;
	npy_pack(x, first, n, out);
	return n;
}

bool npy_write_file(const char *path, const NpyArray *x, Err *e)
{
	if (!npy_check(x, e)) return err_at(e, "%s", path);
	Buf b = { 0 };
	npy_header(&b, x);
	size_t head = b.n, n = npy_count(x) * npy_itemsize(x);
	uint8_t *p = b.failed ? NULL : realloc(b.p, head + n);
	bool ok = p || fail(e, NO_MEMORY, "%s: out of memory", path);
	if (p) {
		b.p = p;
		if (npy_order(x) == NPY_STRIDED) npy_pack(x, 0, npy_count(x), p + head);
		else if (n) memcpy(p + head, x->data, n);
		ok = write_file(path, p, head + n, e);
	}
	buf_free(&b);
	return ok;
}
