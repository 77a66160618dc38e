/* Attributes and types, each once: encoded, with references in place of the numbers that come later. */
#include "stablehlo/write.h"

#include <string.h>

int entry_begin(Pool *p) { return p->stack.n; }

void tok(Pool *p, TokKind kind, uint64_t v) { *push(p->a, &p->stack) = (Tok){ kind, v }; }

void tok_signed(Pool *p, uint64_t bits)
{
	tok(p, TOK_VARINT, (bits << 1) ^ (bits >> 63 ? UINT64_MAX : 0));
}

void tok_bits(Pool *p, int nbits, uint64_t bits)
{
	if (nbits < 64) bits &= ((uint64_t)1 << nbits) - 1;
	if (nbits <= 8) tok(p, TOK_BYTE, bits);
	else tok_signed(p, bits);
}

static int str_index(Pool *p, const char *s)
{
	size_t n = strlen(s);
	int at = map_get(&p->str_map, s, n);
	if (at >= 0) return at;
	at = p->str.n;
	*push(p->a, &p->str) = (Str){ s, n, -1 };
	map_set(&p->str_map, s, n, at);
	return at;
}

void tok_string(Pool *p, const char *s) { tok(p, TOK_STRING, (uint64_t)str_index(p, s)); }

static int in_section(Pool *p, int at)
{
	if (p->str.v[at].number < 0) {
		p->str.v[at].number = p->section.n;
		*push(p->a, &p->section) = at;
	}
	return p->str.v[at].number;
}

int str_number(Pool *p, const char *s) { return in_section(p, str_index(p, s)); }

/* -- finding an equal entry ------------------------------------------------------------------------------ */

/* Of a long blob only the two ends are hashed; equality compares all of it. */
static uint64_t entry_hash(const Entry *e)
{
	enum { ENDS = 4096 };
	uint64_t h = hash_bytes(e->tok, (size_t)e->ntok * sizeof *e->tok,
		(uint64_t)e->is_type << 1 | (uint64_t)e->dialect << 2);
	if (!e->nblob) return h;
	const char *p = e->blob;
	if (e->nblob <= 2 * ENDS) return hash_bytes(p, e->nblob, h);
	return hash_bytes(p + e->nblob - ENDS, ENDS, hash_bytes(p, ENDS, h ^ e->nblob));
}

static bool entry_eq(const Entry *x, const Entry *y)
{
	return x->is_type == y->is_type && x->dialect == y->dialect && x->has_blob == y->has_blob && x->ntok == y->ntok
	    && x->nblob == y->nblob && !memcmp(x->tok, y->tok, (size_t)x->ntok * sizeof *x->tok)
	    && (!x->nblob || !memcmp(x->blob, y->blob, x->nblob));
}

/* The slot of an equal entry, or the empty one where it belongs. */
static Ref *find(Pool *p, const Entry *e)
{
	for (size_t at = entry_hash(e);; at++) {
		Ref *r = &p->slot[at & (p->nslot - 1)];
		if (!*r || entry_eq(&p->entry.v[*r], e)) return r;
	}
}

static void grow(Pool *p)
{
	if (!p->entry.n) *push(p->a, &p->entry) = (Entry){ 0 };
	p->nslot = p->nslot ? 2 * p->nslot : 256;
	p->slot = NEW(p->a, Ref, p->nslot);
	for (int i = 1; i < p->entry.n; i++) *find(p, &p->entry.v[i]) = (Ref)i;
}

static Ref entry_end(Pool *p, int from, Entry e)
{
	e.ntok = p->stack.n - from;
	e.tok = p->stack.v + from;
	if (2 * (size_t)(p->entry.n + 1) > p->nslot) grow(p);
	Ref *r = find(p, &e);
	if (!*r) {
		e.tok = COPY(p->a, Tok, e.tok, e.ntok);
		*r = (Ref)p->entry.n;
		*push(p->a, &p->entry) = e;
	}
	p->stack.n = from;
	return *r;
}

Ref attr_end(Pool *p, int from, enum Dialect d) { return entry_end(p, from, (Entry){ .dialect = d }); }
Ref type_end(Pool *p, int from, enum Dialect d)
{
	return entry_end(p, from, (Entry){ .dialect = d, .is_type = true });
}

Ref blob_end(Pool *p, int from, enum Dialect d, const void *blob, size_t nblob)
{
	return entry_end(p, from, (Entry){ .dialect = d, .has_blob = true, .blob = blob, .nblob = nblob });
}

/* -- bytes ----------------------------------------------------------------------------------------------- */

/* Zeros in the low bits of the first byte say how many bytes follow it, then comes a 1; the value fills the bits above,
 * little-endian. A value of more than 56 bits is a zero byte and all eight of its bytes.   (Encoding.h, emitVarInt) */
void put_varint(Buf *b, uint64_t v)
{
	int nbytes = 1;
	while (nbytes < 9 && v >> (7 * nbytes)) nbytes++;
	if (nbytes < 9) {
		put_le(b, (v << 1 | 1) << (nbytes - 1), nbytes);
	} else {
		put_byte(b, 0);
		put_le(b, v, 8);
	}
}

void put_entry(Buf *b, Pool *p, const Entry *e)
{
	for (int i = 0; i < e->ntok; i++) {
		uint64_t v = e->tok[i].v;
		switch ((TokKind)e->tok[i].kind) {
		case TOK_VARINT: put_varint(b, v); break;
		case TOK_BYTE:   put_byte(b, (uint8_t)v); break;
		case TOK_ATTR:
		case TOK_TYPE:   put_varint(b, p->entry.v[v].number); break;
		case TOK_STRING: put_varint(b, (uint64_t)in_section(p, (int)v)); break;
		}
	}
	if (!e->has_blob) return;
	put_varint(b, e->nblob);
	put(b, e->blob, e->nblob);
}
