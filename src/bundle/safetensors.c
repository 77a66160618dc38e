#include "bundle/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/reader.h"
#include "bundle/meta.h"

enum { MAX_HEADER = 100000000, ALIGNMENT = 64 };

/* safetensors/src/tensor.rs, enum Dtype; what it packs below a byte is left out */
static const struct { DType dtype; const char *name; } types[] = {
	{ DTYPE_bool, "BOOL" }, { DTYPE_u8, "U8" }, { DTYPE_i8, "I8" }, { DTYPE_u16, "U16" }, { DTYPE_i16, "I16" }, { DTYPE_u32, "U32" },
	{ DTYPE_i32, "I32" }, { DTYPE_u64, "U64" }, { DTYPE_i64, "I64" }, { DTYPE_f16, "F16" }, { DTYPE_bf16, "BF16" }, { DTYPE_f32, "F32" },
	{ DTYPE_f64, "F64" }, { DTYPE_c64, "C64" }, { DTYPE_f8e4m3fn, "F8_E4M3" }, { DTYPE_f8e5m2, "F8_E5M2" },
	{ DTYPE_f8e4m3fnuz, "F8_E4M3FNUZ" }, { DTYPE_f8e5m2fnuz, "F8_E5M2FNUZ" }, { DTYPE_f8e8m0fnu, "F8_E8M0" },
};

static const char *name_of(DType t)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].dtype == t) return types[i].name;
	return NULL;
}

static DType type_of(JVal name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (json_is(name, types[i].name)) return types[i].dtype;
	return DTYPE_none;
}

/* -- reading --------------------------------------------------------------------------------------------- */

typedef struct Entry { BundleTensor tensor; uint64_t begin, end; } Entry;

typedef struct Header {
	Arena *a;
	Err *e;
	VEC(Entry) entry;
	JVal metadata;
	Map by_name;
} Header;

static const char *text(Arena *a, JVal v)
{
	const char *s = json_kind(v) == JSON_string ? json_str(a, v) : NULL;
	return s ? s : "?";
}

static bool get_shape(Header *h, JVal shape, NpyArray *x)
{
	if (json_kind(shape) != JSON_array || json_len(shape) > NPY_MAX_RANK)
		return json_fail(h->e, shape, "shape: wanted a list of at most %d sizes", NPY_MAX_RANK);
	int64_t *dim = NEW(h->a, int64_t, json_len(shape) + 1);
	int64_t nbytes = (int64_t)dtype_nbytes(x->dtype);
	bool empty = false;
	JEACH(d, shape) {
		int64_t size = dim[x->rank++] = json_int(d, -1);
		if (size < 0) return json_fail(h->e, d, "shape: a size is no number of 0 or more");
		if (__builtin_mul_overflow(nbytes, size ? size : 1, &nbytes)) return json_fail(h->e, shape, "the shape's sizes overflow");
		empty = empty || !size;
	}
	x->dim = dim;
	x->nbytes = empty ? 0 : (size_t)nbytes;
	return true;
}

/* "fc.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} */
static bool get_entry(Header *h, JVal v, const char *name, uint64_t room)
{
	Entry x = { .tensor = { .name = name, .mapped = true } };
	JVal offsets = json_key(v, "data_offsets"), dtype = json_key(v, "dtype"), first = json_first(offsets);
	x.tensor.array.dtype = type_of(dtype);
	if (json_kind(v) != JSON_object) return json_fail(h->e, v, "wanted an object with dtype, shape and data_offsets");
	if (!x.tensor.array.dtype) return fail(h->e, UNSUPPORTED, "element type %s", text(h->a, dtype));
	if (!get_shape(h, json_key(v, "shape"), &x.tensor.array)) return false;
	int64_t begin = json_int(first, -1), end = json_int(json_next(first), -1);
	if (json_len(offsets) != 2 || begin < 0 || end < begin || (uint64_t)end > room)
		return json_fail(h->e, v, "data_offsets: wanted a begin and an end within the file's %llu bytes", (unsigned long long)room);
	if ((uint64_t)(end - begin) != x.tensor.array.nbytes)
		return json_fail(h->e, v, "has %lld bytes of data, its shape wants %zu", (long long)(end - begin), x.tensor.array.nbytes);
	x.begin = (uint64_t)begin;
	x.end = (uint64_t)end;
	*push(h->a, &h->entry) = x;
	return true;
}

static bool get_entries(Header *h, JVal root, uint64_t room)
{
	if (json_kind(root) != JSON_object) return json_fail(h->e, root, "wanted an object");
	JEACH(v, root) {
		const char *name = json_member(h->a, v);
		if (!name) return json_fail(h->e, v, "a name with a NUL character");
		if (!strcmp(name, "__metadata__")) {
			h->metadata = v;
			continue;
		}
		if (map_set(&h->by_name, name, strlen(name), h->entry.n) >= 0) return json_fail(h->e, v, "two tensors have this name");
		if (!get_entry(h, v, name, room)) return err_at(h->e, "%s", name);
	}
	return true;
}

static int by_begin(const void *x, const void *y)
{
	const Entry *a = x, *b = y;
	if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
	return (a->end > b->end) - (a->end < b->end);
}

static bool check_layout(Header *h, uint64_t room)
{
	Entry *sorted = COPY(h->a, Entry, h->entry.v, h->entry.n);
	uint64_t at = 0;
	if (h->entry.n) qsort(sorted, (size_t)h->entry.n, sizeof *sorted, by_begin);
	for (int i = 0; i < h->entry.n; at = sorted[i++].end)
		if (sorted[i].begin != at)
			return fail(h->e, BAD_INPUT, "%s: begins at %llu of the data, wanted %llu: no gap and no overlap", sorted[i].tensor.name,
				(unsigned long long)sorted[i].begin, (unsigned long long)at);
	return at == room || fail(h->e, BAD_INPUT, "its tensors end at %llu of the data, which has %llu bytes", (unsigned long long)at,
		(unsigned long long)room);
}

/* {"lm_head.weight": "embed.weight"}: the first name is the second one's tensor. */
static void add_tied(Header *h)
{
	int n = h->entry.n;
	JEACH(v, h->metadata) {
		const char *name = json_member(h->a, v), *kept = json_str(h->a, v);
		int i = kept ? map_get(&h->by_name, kept, strlen(kept)) : -1;
		if (!name || i < 0 || i >= n || map_get(&h->by_name, name, strlen(name)) >= 0) continue;
		map_set(&h->by_name, name, strlen(name), h->entry.n);
		Entry tied = h->entry.v[i];
		tied.tensor.name = name;
		*push(h->a, &h->entry) = tied;
	}
}

bool safetensors_read(Arena *a, const uint8_t *p, size_t n, BundleTensor **out, int *count, Err *e)
{
	Reader r = { .p = p, .n = n, .what = "safetensors header", .err = e };
	uint64_t nheader = get_u64(&r);
	if (e->code) return false;
	if (nheader > MAX_HEADER) return fail(e, BAD_INPUT, "its header is said to have %llu bytes, wanted at most %d", (unsigned long long)nheader, MAX_HEADER);
	const char *json = (const char *)get(&r, (size_t)nheader);
	if (!json) return false;
	if (!nheader || *json != '{') return fail(e, BAD_INPUT, "is no safetensors file: its header does not begin with '{'");
	Header h = { .a = a, .e = e, .by_name = { .arena = a } };
	const Json *doc = json_parse(a, json, (size_t)nheader, "safetensors header", e);
	uint64_t room = n - r.at;
	if (!doc || !get_entries(&h, json_root(doc), room) || !check_layout(&h, room)) return false;
	add_tied(&h);
	*out = NEW(a, BundleTensor, h.entry.n + 1);
	*count = h.entry.n;
	for (int i = 0; i < h.entry.n; i++) {
		(*out)[i] = h.entry.v[i].tensor;
		(*out)[i].array.data = p + r.at + h.entry.v[i].begin;
	}
	return true;
}

/* -- writing --------------------------------------------------------------------------------------------- */

static size_t nbytes_of(const BundleTensor *t) { return npy_count(&t->array) * npy_itemsize(&t->array); }

static int by_itemsize(const void *x, const void *y)
{
	const BundleTensor *a = *(const BundleTensor *const *)x, *b = *(const BundleTensor *const *)y;
	size_t n = npy_itemsize(&a->array), m = npy_itemsize(&b->array);
	return n != m ? (n < m) - (n > m) : (a > b) - (a < b);
}

/* The names that stand for another's tensor. */
static void put_metadata(Buf *b, const BundleTensor *t, int n, const int *same)
{
	put_str(b, "{\"__metadata__\":{\"format\":\"pt\"");
	for (int i = 0; i < n; i++) {
		if (same[i] < 0) continue;
		put_byte(b, ',');
		put_json_str(b, t[i].name);
		put_byte(b, ':');
		put_json_str(b, t[same[i]].name);
	}
	put_byte(b, '}');
}

static void put_entry(Buf *b, const BundleTensor *t, uint64_t begin)
{
	const NpyArray *x = &t->array;
	put_byte(b, ',');
	put_json_str(b, t->name);
	putf(b, ":{\"dtype\":\"%s\",\"shape\":[", name_of(x->dtype));
	for (int i = 0; i < x->rank; i++) putf(b, i ? ",%lld" : "%lld", (long long)x->dim[i]);
	putf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin, (unsigned long long)(begin + nbytes_of(t)));
}

static bool write_header(Out *o, Buf *b)
{
	uint8_t size[8];
	put_byte(b, '}');
	while ((b->n + sizeof size) % ALIGNMENT && !b->failed) put_byte(b, ' ');
	if (b->failed) return fail(o->e, NO_MEMORY, "out of memory");
	if (b->n > MAX_HEADER) return fail(o->e, UNSUPPORTED, "a safetensors header of %zu bytes, the format has room for %d", b->n, MAX_HEADER);
	for (size_t i = 0; i < sizeof size; i++) size[i] = (uint8_t)((uint64_t)b->n >> 8 * i);
	return out_write(o, size, sizeof size) && out_write(o, b->p, b->n);
}

/* Those that the file holds, in its order. */
static const BundleTensor **in_order(Arena *a, const BundleTensor *t, int n, const int *same, int *count, Err *e)
{
	const BundleTensor **kept = NEW(a, const BundleTensor *, n + 1);
	*count = 0;
	for (int i = 0; i < n; i++) {
		if (!name_of(t[i].array.dtype))
			return fail(e, UNSUPPORTED, "%s: safetensors has no element type %s", t[i].name, dtype_name(t[i].array.dtype)), NULL;
		if (same[i] < 0) kept[(*count)++] = &t[i];
	}
	if (*count) qsort(kept, (size_t)*count, sizeof *kept, by_itemsize);
	return kept;
}

bool safetensors_write(Out *o, Arena *a, const BundleTensor *t, int n)
{
	int nkept;
	int *same = same_tensors(a, t, n);
	/* two keys of __metadata__ must not be the same */
	for (int i = 0; i < n; i++)
		if (!strcmp(t[i].name, "format")) same[i] = -1;
	const BundleTensor **kept = in_order(a, t, n, same, &nkept, o->e);
	if (!kept) return false;
	Buf b = { 0 };
	put_metadata(&b, t, n, same);
	uint64_t at = 0;
	for (int i = 0; i < nkept; at += nbytes_of(kept[i++])) put_entry(&b, kept[i], at);
	bool ok = write_header(o, &b);
	buf_free(&b);
	for (int i = 0; i < nkept && ok; i++) ok = out_elements(o, kept[i], false);
	return ok;
}
