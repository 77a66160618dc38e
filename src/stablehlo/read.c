/* VHLO bytecode in: the file's sections, and where in them strings, names, attributes and types are. Layout: write.c. */
#include "stablehlo/read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const section_name[NSECTIONS] = {
#define SECTION(name, id) [id] = #name,
#include "stablehlo/vhlo.def"
};

/* -- numbers --------------------------------------------------------------------------------------------- */

bool refuse(Read *r, Code code, const Reader *at, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	size_t offset = at && at->p ? (size_t)(at->p - r->p) + at->at : 0;
	return fail(r->err, code, "bytecode: %s (at offset %zu)", text, offset);
}

/* put_varint()'s inverse: the zeros in the low bits of the first byte say how many bytes follow it. */
uint64_t get_varint(Reader *c)
{
	uint8_t first = get_u8(c);
	if (first & 1) return first >> 1;
	if (!first) return get_u64(c);
	int more = __builtin_ctz(first);
	uint64_t v = get_le(c, more);
	return (v << 8 | first) >> (more + 1);
}

int64_t get_signed(Reader *c)
{
	uint64_t v = get_varint(c);
	return (int64_t)(v >> 1 ^ (~(v & 1) + 1));
}

uint64_t get_flagged(Reader *c, bool *flag)
{
	uint64_t v = get_varint(c);
	*flag = v & 1;
	return v >> 1;
}

static uint32_t index_of(Read *r, const Reader *c, uint64_t v, int n, const char *what)
{
	if (!failed(r) && v < (uint64_t)n) return (uint32_t)v;
	if (!failed(r)) refuse(r, BAD_INPUT, c, "%s %llu, and there are %d", what, (unsigned long long)v, n);
	return 0;
}

uint32_t get_index(Read *r, Reader *c, int n, const char *what) { return index_of(r, c, get_varint(c), n, what); }

static int count_of(Read *r, const Reader *c, uint64_t v, const char *what)
{
	size_t left = c->n - c->at;
	if (!failed(r) && v <= left && v < INT32_MAX) return (int)v;
	if (!failed(r)) refuse(r, BAD_INPUT, c, "%llu %s in %zu bytes", (unsigned long long)v, what, left);
	return 0;
}

int get_count(Read *r, Reader *c, const char *what) { return count_of(r, c, get_varint(c), what); }

Text get_text(Read *r, Reader *c)
{
	uint32_t i = get_index(r, c, r->nstring, "string");
	return failed(r) ? (Text){ "", 0 } : r->string[i];
}

const char *get_string(Read *r, Reader *c)
{
	uint32_t i = get_index(r, c, r->nstring, "string");
	if (failed(r)) return "";
	Text t = r->string[i];
	if (!r->kept[i] && memchr(t.s, 0, t.n)) return refuse(r, UNSUPPORTED, c, "a string with a NUL in it"), "";
	if (!r->kept[i]) r->kept[i] = arena_str(r->a, t.s, t.n);
	return r->kept[i];
}

uint32_t get_attr(Read *r, Reader *c) { return get_index(r, c, r->nattr, "attribute"); }
uint32_t get_type(Read *r, Reader *c) { return get_index(r, c, r->ntype, "type"); }

/* -- sections -------------------------------------------------------------------------------------------- */

/* id (its high bit: an alignment follows the size, then bytes of padding, which are passed over), size, bytes. */
Reader get_section(Read *r, Reader *c, int *id)
{
	enum { ALIGNED = 0x80, PADDING = 0xcb, MAX_ALIGNMENT = 1 << 20 };
	uint8_t byte = get_u8(c);
	uint64_t n = get_varint(c);
	*id = byte & ~ALIGNED;
	if (!failed(r) && *id >= NSECTIONS) refuse(r, BAD_INPUT, c, "section %d, and the last one known is %d", *id, NSECTIONS - 1);
	if (byte & ALIGNED) {
		uint64_t to = get_varint(c);
		if (!failed(r) && (to == 0 || to > MAX_ALIGNMENT || to & (to - 1)))
			refuse(r, BAD_INPUT, c, "an alignment of %llu", (unsigned long long)to);
		while (!failed(r) && ((size_t)(c->p - r->p) + c->at) & (to - 1))
			if (get_u8(c) != PADDING && !failed(r)) refuse(r, BAD_INPUT, c, "padding that is not CB");
	}
	Reader s = { .n = n > SIZE_MAX ? SIZE_MAX : (size_t)n, .what = c->what, .err = r->err };
	s.p = get(c, s.n);
	return s;
}

static bool is_required(int id, int format)
{
	switch (id) {
	case SECTION_STRING: case SECTION_DIALECT: case SECTION_ATTR_TYPE: case SECTION_ATTR_TYPE_OFFSET: case SECTION_IR:
		return true;
	case SECTION_PROPERTIES:
		return format >= 5;
	default:
		return false;
	}
}

static bool find_sections(Read *r, Reader *c)
{
	while (!failed(r) && c->at < c->n) {
		int id;
		Reader s = get_section(r, c, &id);
		if (failed(r)) return false;
		if (r->section[id].p) return refuse(r, BAD_INPUT, c, "two sections %s", section_name[id]);
		r->section[id] = s;
		r->section[id].what = "bytecode";
	}
	for (int id = 0; id < NSECTIONS && !failed(r); id++)
		if (!r->section[id].p && is_required(id, r->format)) return refuse(r, BAD_INPUT, c, "no section %s", section_name[id]);
	return !failed(r);
}

static bool read_header(Read *r, Reader *c)
{
	const uint8_t *magic = get(c, sizeof MLIR_MAGIC - 1);
	if (!magic || memcmp(magic, MLIR_MAGIC, sizeof MLIR_MAGIC - 1) != 0)
		return fail(r->err, BAD_INPUT, "no MLIR bytecode: it does not begin with ML\\xefR");
	uint64_t format = get_varint(c);
	if (!failed(r) && format > NEWEST_FORMAT)
		return refuse(r, UNSUPPORTED, c, "format %llu, and the newest known is %d", (unsigned long long)format, NEWEST_FORMAT);
	r->format = (int)format;
	const void *end = c->at < c->n ? memchr(c->p + c->at, 0, c->n - c->at) : NULL;
	if (!failed(r) && !end) return refuse(r, BAD_INPUT, c, "a producer without an end");
	return !failed(r) && get(c, (size_t)((const uint8_t *)end - c->p) + 1 - c->at);
}

/* Lengths from the last string to the first, each with its NUL, then the strings. */
static bool read_strings(Read *r)
{
	Reader *c = &r->section[SECTION_STRING];
	r->nstring = get_count(r, c, "strings");
	r->string = NEW(&r->scratch, Text, r->nstring + 1);
	r->kept = NEW(&r->scratch, const char *, r->nstring + 1);
	for (int i = r->nstring; i-- > 0 && !failed(r);) {
		uint64_t n = get_varint(c);
		if (!n || n > c->n) return failed(r) ? false : refuse(r, BAD_INPUT, c, "a string of %llu bytes", (unsigned long long)n);
		r->string[i].n = (size_t)n - 1;
	}
	for (int i = 0; i < r->nstring && !failed(r); i++) {
		r->string[i].s = (const char *)get(c, r->string[i].n + 1);
		if (r->string[i].s && r->string[i].s[r->string[i].n]) return refuse(r, BAD_INPUT, c, "a string without its NUL");
	}
	return !failed(r);
}

/* -- dialects and op names ------------------------------------------------------------------------------- */

static bool text_is(Text t, const char *s) { return strlen(s) == t.n && !memcmp(t.s, s, t.n); }

static enum Dialect dialect_of(Text t)
{
	int d = 0;
	while (d < NDIALECTS && !text_is(t, dialect_name[d])) d++;
	return (enum Dialect)d;
}

static OpCode code_of(Text t)
{
	for (int i = 1; i < NOPS; i++)
		if (text_is(t, vhlo_spelling((OpCode)i))) return (OpCode)i;
	return OP_none;
}

/* "add_v1": the row and the version, one that the row has. */
static void resolve(OpName *o)
{
	Text t = o->text;
	if (o->dialect == BUILTIN && text_is(t, "module")) o->kind = NAME_MODULE;
	if (o->dialect != VHLO_DIALECT || t.n < 4 || memcmp(t.s + t.n - 3, "_v", 2) != 0) return;
	o->version = t.s[t.n - 1] - '0';
	t.n -= 3;
	if (text_is(t, "func") && o->version == 1) o->kind = NAME_FUNC;
	o->code = code_of(t);
	if (o->code && o->version >= 1 && o->version <= MAX_VERSIONS && op_table[o->code].vhlo[o->version - 1].first)
		o->kind = NAME_OP;
}

static bool read_names(Read *r, Reader *c)
{
	if (r->format >= 4) get_varint(c);          /* how many names, to make room for them */
	while (!failed(r) && c->at < c->n) {
		uint32_t d = get_index(r, c, r->ndialect, "dialect");
		int n = get_count(r, c, "op names");
		for (int i = 0; i < n && !failed(r); i++) {
			OpName o = { .registered = true };
			uint64_t s = r->format < 5 ? get_varint(c) : get_flagged(c, &o.registered);
			uint32_t at = index_of(r, c, s, r->nstring, "string");
			if (failed(r)) return false;
			o.text = r->string[at];
			o.dialect = dialect_of(r->dialect[d]);
			resolve(&o);
			*push(&r->scratch, &r->name) = o;
		}
	}
	return !failed(r);
}

/* A dialect may say its own version; VHLO's ops say theirs in their names. */
static bool read_dialects(Read *r)
{
	Reader *c = &r->section[SECTION_DIALECT];
	r->ndialect = get_count(r, c, "dialects");
	r->dialect = NEW(&r->scratch, Text, r->ndialect + 1);
	for (int i = 0; i < r->ndialect && !failed(r); i++) {
		bool versioned = false;
		uint64_t s = r->format < 1 ? get_varint(c) : get_flagged(c, &versioned);
		uint32_t at = index_of(r, c, s, r->nstring, "string");
		if (failed(r)) return false;
		r->dialect[i] = r->string[at];
		int id = SECTION_DIALECT_VERSIONS;
		if (versioned) get_section(r, c, &id);
		if (!failed(r) && id != SECTION_DIALECT_VERSIONS) return refuse(r, BAD_INPUT, c, "section %s, wanted a dialect's version",
			section_name[id]);
	}
	return read_names(r, c);
}

/* -- attributes, types, properties ----------------------------------------------------------------------- */

static bool read_offsets(Read *r, Reader *c, Item *item, int n, size_t *at)
{
	const Reader *body = &r->section[SECTION_ATTR_TYPE];
	for (int i = 0; i < n && !failed(r);) {
		uint32_t d = get_index(r, c, r->ndialect, "dialect");
		int group = get_count(r, c, "entries");
		if (!failed(r) && group > n - i) return refuse(r, BAD_INPUT, c, "%d entries of a dialect where %d are left", group, n - i);
		for (int end = i + group; i < end && !failed(r); i++) {
			bool encoded;
			uint64_t size = get_flagged(c, &encoded);
			if (failed(r)) return false;
			if (size > body->n - *at) return refuse(r, BAD_INPUT, c, "an entry of %llu bytes where %zu are left",
				(unsigned long long)size, body->n - *at);
			item[i] = (Item){ .at = *at, .n = (size_t)size, .dialect = d, .encoded = encoded };
			*at += (size_t)size;
		}
	}
	return !failed(r);
}

static bool find_entries(Read *r)
{
	Reader *c = &r->section[SECTION_ATTR_TYPE_OFFSET];
	size_t at = 0;
	r->nattr = get_count(r, c, "attributes");
	r->ntype = get_count(r, c, "types");
	r->attr = NEW(&r->scratch, Item, r->nattr + 1);
	r->type = NEW(&r->scratch, Item, r->ntype + 1);
	if (r->m->keep_locs) r->loc = NEW(&r->scratch, Loc, r->nattr + 1);
	return read_offsets(r, c, r->attr, r->nattr, &at) && read_offsets(r, c, r->type, r->ntype, &at);
}

static bool find_properties(Read *r)
{
	Reader *c = &r->section[SECTION_PROPERTIES];
	if (!c->p) return true;
	r->nprop = get_count(r, c, "properties");
	r->prop = NEW(&r->scratch, Text, r->nprop + 1);
	for (int i = 0; i < r->nprop && !failed(r); i++) {
		uint64_t n = get_varint(c);
		size_t size = n > SIZE_MAX ? SIZE_MAX : (size_t)n;
		r->prop[i] = (Text){ (const char *)get(c, size), size };
	}
	return !failed(r);
}

static bool open_item(Read *r, Item *item, Cursor *c, const char *what, uint32_t ref)
{
	const Reader *body = &r->section[SECTION_ATTR_TYPE];
	*c = (Cursor){ { body->p + item->at, item->n, 0, "bytecode", r->err }, item, dialect_of(r->dialect[item->dialect]), 0 };
	Text name = r->dialect[item->dialect];
	if (c->dialect == NDIALECTS)
		return refuse(r, UNSUPPORTED, &c->r, "%s %u is of dialect '%.*s', wanted vhlo or builtin", what, ref,
			(int)(name.n < 60 ? name.n : 60), name.s);
	if (!item->encoded)
		return refuse(r, UNSUPPORTED, &c->r, "%s %u is written as text, '%.*s'", what, ref, (int)(item->n < 60 ? item->n : 60),
			(const char *)c->r.p);
	if (item->busy) return refuse(r, BAD_INPUT, &c->r, "%s %u is part of itself", what, ref);
	c->code = get_varint(&c->r);
	return !failed(r);
}

bool open_attr(Read *r, uint32_t ref, Cursor *c)
{
	return !failed(r) && open_item(r, &r->attr[ref], c, "attribute", ref);
}

bool open_type(Read *r, uint32_t ref, Cursor *c)
{
	return !failed(r) && open_item(r, &r->type[ref], c, "type", ref);
}

bool close_cursor(Read *r, Cursor *c)
{
	if (!failed(r) && c->r.at != c->r.n) refuse(r, BAD_INPUT, &c->r, "%zu bytes too many in an attribute or type", c->r.n - c->r.at);
	return !failed(r);
}

bool enter(Read *r, Cursor *c)
{
	if (r->nest == MAX_NEST) return refuse(r, BAD_INPUT, &c->r, "attributes or types nest deeper than %d", MAX_NEST);
	r->nest++;
	return c->item->busy = true;
}

void leave(Read *r, Cursor *c)
{
	r->nest--;
	c->item->busy = false;
}

bool refuse_entry(Read *r, const Cursor *c, bool is_type, const char *wanted)
{
	static const struct { enum Dialect dialect; bool is_type; uint64_t code; const char *name; } named[] = {
#define NAMED(dialect, is_type, code, name) { dialect, is_type, code, name },
#include "stablehlo/vhlo.def"
	};
	const char *name = NULL;
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		if (named[i].dialect == c->dialect && named[i].is_type == is_type && named[i].code == c->code) name = named[i].name;
	return refuse(r, name ? UNSUPPORTED : BAD_INPUT, &c->r, "%s of code %llu of the %s dialect%s%s%s, wanted %s", is_type ? "a type" :
		"an attribute", (unsigned long long)c->code, dialect_name[c->dialect], name ? " (" : "", name ? name : "", name ? ")" : "",
			wanted);
}

bool spend(Read *r, uint32_t weight)
{
	if (weight > r->budget) {
		r->budget = 0;
		return fail(r->err, BAD_INPUT, "bytecode: attributes and types that are used over and over stand for too large a module");
	}
	r->budget -= weight;
	return !failed(r);
}

/* -- the file -------------------------------------------------------------------------------------------- */

static bool read_file(Read *r)
{
	Reader c = { .p = r->p, .n = r->n, .what = "bytecode", .err = r->err };
	return read_header(r, &c) && find_sections(r, &c) && read_strings(r) && read_dialects(r) && find_entries(r)
	    && find_properties(r) && read_ir(r);
}

static bool guarded_read(Read *r)
{
	jmp_buf full, *around = r->m->arena.full;
	if (setjmp(full)) {
		r->m->arena.full = around;
		return fail(r->err, NO_MEMORY, "out of memory");
	}
	r->scratch.full = r->m->arena.full = &full;
	bool ok = read_file(r);
	r->m->arena.full = around;
	return ok;
}

bool read_bytecode(Module *m, const void *p, size_t n)
{
	if (m->err->code) return false;
	Read r = { .m = m, .a = &m->arena, .err = m->err, .p = p, .n = n };
	/* A module of ours uses some ten parts of attributes and types for each op, of ten bytes. */
	r.budget = ((uint64_t)1 << 20) + 64 * (uint64_t)n;
	bool ok = guarded_read(&r);
	arena_free(&r.scratch);
	return ok;
}
