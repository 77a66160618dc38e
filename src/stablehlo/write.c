/* VHLO bytecode out. The file is
 *
 *	"ML\xefR"  varint format  "StableHLO_v1.2.3\0"
 *	sections   Dialect, AttrTypeOffset, AttrType, IR, ResourceOffset, Resource, String, Properties (from format 5)
 *	section    byte id, varint size, bytes       (an alignment may stand between; nothing of ours needs one)
 *
 * after mlir/docs/BytecodeFormat.md and mlir/lib/Bytecode/Writer/BytecodeWriter.cpp. */
#include "stablehlo/write.h"

#include <string.h>

/* A section: its body is put at the end of `out`, and section_end() moves it up to make room for id and
 * size. */
static size_t section_begin(const Buf *out) { return out->n; }

static void section_end(Buf *out, size_t from, int id)
{
	size_t nbody = out->n - from;
	put_byte(out, (uint8_t)id);
	put_varint(out, nbody);
	if (out->failed) return;
	uint8_t head[16];
	size_t nhead = out->n - from - nbody;
	memcpy(head, out->p + from + nbody, nhead);
	memmove(out->p + from + nhead, out->p + from, nbody);
	memcpy(out->p + from, head, nhead);
}

/* -- Dialect --------------------------------------------------------------------------------------------- */

static void put_names(Writer *w, Buf *b)
{
	if (w->format >= 4) put_varint(b, (uint64_t)w->nnames);
	for (int i = 0, end; i < w->nnames; i = end) {
		enum Dialect d = w->name.v[w->names[i]].dialect;
		for (end = i + 1; end < w->nnames && w->name.v[w->names[end]].dialect == d; end++) continue;
		put_varint(b, d);
		put_varint(b, (uint64_t)(end - i));
		for (int k = i; k < end; k++) {
			uint64_t s = (uint64_t)str_number(&w->pool, w->name.v[w->names[k]].text);
			put_varint(b, w->format < 5 ? s : s << 1 | 1);     /* 1: registered */
		}
	}
}

static void put_dialects(Writer *w, Buf *out)
{
	size_t at = section_begin(out);
	int n = w->m->func.n ? NDIALECTS : 1;
	put_varint(out, (uint64_t)n);
	for (int i = 0; i < n; i++) {
		uint64_t s = (uint64_t)str_number(&w->pool, dialect_name[i]);
		put_varint(out, w->format < 1 ? s : s << 1);           /* no version section */
	}
	put_names(w, out);
	section_end(out, at, SECTION_DIALECT);
}

/* -- AttrTypeOffset, AttrType ---------------------------------------------------------------------------- */

static void put_entries(Writer *w, Buf *offset, Buf *body, const Ref *ref, int n)
{
	for (int i = 0, end; i < n; i = end) {
		enum Dialect d = w->pool.entry.v[ref[i]].dialect;
		for (end = i + 1; end < n && w->pool.entry.v[ref[end]].dialect == d; end++) continue;
		put_varint(offset, d);
		put_varint(offset, (uint64_t)(end - i));
		for (int k = i; k < end; k++) {
			size_t from = body->n;
			put_entry(body, &w->pool, &w->pool.entry.v[ref[k]]);
			/* 1: in the dialect's encoding, not text */
			put_varint(offset, (uint64_t)(body->n - from) << 1 | 1);
		}
	}
}

static void put_attrs_and_types(Writer *w, Buf *out)
{
	size_t at = section_begin(out);
	Buf *body = &w->scratch;
	body->n = 0;
	put_varint(out, (uint64_t)w->attrs.n);
	put_varint(out, (uint64_t)w->types.n);
	put_entries(w, out, body, w->attrs.v, w->attrs.n);
	put_entries(w, out, body, w->types.v, w->types.n);
	section_end(out, at, SECTION_ATTR_TYPE_OFFSET);
	at = section_begin(out);
	put(out, body->p, body->n);
	section_end(out, at, SECTION_ATTR_TYPE);
}

/* -- Properties ------------------------------------------------------------------------------------------ */

static uint64_t attr_number(const Writer *w, Ref r) { return w->pool.entry.v[r].number; }

/* The number of the op's properties in their section, where equal ones stand once. */
static int properties(Writer *w, const Rec *r)
{
	Buf *b = &w->scratch;
	b->n = 0;
	for (int i = 0; i < r->nprop; i++) {
		if (!r->optional) put_varint(b, attr_number(w, r->prop[i]));
		else put_varint(b, r->prop[i] ? attr_number(w, r->prop[i]) << 1 | 1 : 0);
	}
	if (b->failed) return 0;
	int at = map_get(&w->prop_map, (const char *)b->p, b->n);
	if (at >= 0) return at;
	char *key = arena_str(&w->a, (const char *)b->p, b->n);
	at = w->props.n;
	*push(&w->a, &w->props) = (Prop){ key, b->n };
	map_set(&w->prop_map, key, b->n, at);
	return at;
}

static void put_properties(Writer *w, Buf *out)
{
	size_t at = section_begin(out);
	put_varint(out, (uint64_t)w->props.n);
	for (int i = 0; i < w->props.n; i++) {
		put_varint(out, w->props.v[i].n);
		put(out, w->props.v[i].p, w->props.v[i].n);
	}
	section_end(out, at, SECTION_PROPERTIES);
}

/* -- IR -------------------------------------------------------------------------------------------------- */

static void put_op(Writer *w, Buf *b, const Rec *r);

static void put_block(Writer *w, Buf *b, const Block *block)
{
	if (block->empty) {
		put_varint(b, 0);
		return;
	}
	put_varint(b, 1);                                       /* blocks */
	put_varint(b, block->nvalue);
	put_varint(b, (uint64_t)block->nrec << 1 | (block->narg > 0));
	if (block->narg) {
		put_varint(b, (uint64_t)block->narg);
		for (int i = 0; i < block->narg; i++) {
			Value v = block->arg + (Value)i;
			uint64_t type = w->pool.entry.v[w->type[v]].number;
			Loc loc = w->m->value.v[v].loc;
			put_varint(b, w->format < 4 ? type : type << 1 | (loc != 0));
			if (w->format < 4 || loc) put_varint(b, attr_number(w, w->loc[loc]));
		}
	}
	if (block->narg && w->format >= 3) {
		size_t mask_at = b->n;
		put_byte(b, 0);
		if (put_use_orders(w, b, block->arg, block->narg) && !b->failed) b->p[mask_at] = HAS_USE_ORDERS;
	}
	for (int i = 0; i < block->nrec; i++) put_op(w, b, &block->rec[i]);
}

static void put_regions(Writer *w, Buf *b, const Rec *r)
{
	put_varint(b, (uint64_t)r->nregion << 1 | r->isolated);
	size_t at = section_begin(b);
	for (int i = 0; i < r->nregion; i++) put_block(w, b, &r->region[i]);
	/* so that a reader can put it off */
	if (r->isolated && w->format >= 2) section_end(b, at, SECTION_IR);
}

static void put_results(Writer *w, Buf *b, const Op *op)
{
	put_varint(b, (uint64_t)op->nout);
	for (int i = 0; i < op->nout; i++) put_varint(b, w->pool.entry.v[w->type[op->out + (Value)i]].number);
}

static void put_operands(Writer *w, Buf *b, const Op *op)
{
	put_varint(b, (uint64_t)op->nin);
	for (int i = 0; i < op->nin; i++) put_varint(b, w->id[op->in[i]]);
}

static void put_op(Writer *w, Buf *b, const Rec *r)
{
	int nout = r->op ? r->op->nout : 0, nin = r->op ? r->op->nin : 0;
	int mask = (r->dict ? HAS_ATTRS : 0) | (r->nprop ? HAS_PROPERTIES : 0) | (nout ? HAS_RESULTS : 0) | (nin ? HAS_OPERANDS : 0)
		| (r->nregion ? HAS_REGIONS : 0);
	put_varint(b, w->name.v[r->name].number);
	size_t mask_at = b->n;
	put_byte(b, (uint8_t)mask);
	put_varint(b, attr_number(w, w->loc[r->loc]));
	if (r->dict) put_varint(b, attr_number(w, r->dict));
	if (r->nprop) put_varint(b, (uint64_t)properties(w, r));
	if (nout) put_results(w, b, r->op);
	if (nin) put_operands(w, b, r->op);
	if (nout && w->format >= 3 && put_use_orders(w, b, r->op->out, nout) && !b->failed)
		b->p[mask_at] |= HAS_USE_ORDERS;
	if (r->nregion) put_regions(w, b, r);
}

static void put_ir(Writer *w, Buf *out)
{
	size_t at = section_begin(out);
	put_varint(out, 1 << 1);                                /* one op, no arguments */
	put_op(w, out, &w->root);
	section_end(out, at, SECTION_IR);
}

/* -- the file -------------------------------------------------------------------------------------------- */

static void put_resources(Buf *out)
{
	size_t at = section_begin(out);
	put_varint(out, 0);                                     /* printers of external resources */
	section_end(out, at, SECTION_RESOURCE_OFFSET);
	section_end(out, section_begin(out), SECTION_RESOURCE);
}

static void put_strings(Writer *w, Buf *out)
{
	size_t at = section_begin(out);
	const Pool *p = &w->pool;
	put_varint(out, (uint64_t)p->section.n);
	for (int i = p->section.n; i-- > 0;) put_varint(out, p->str.v[p->section.v[i]].n + 1);
	for (int i = 0; i < p->section.n; i++)
		put(out, p->str.v[p->section.v[i]].s, p->str.v[p->section.v[i]].n + 1);
	section_end(out, at, SECTION_STRING);
}

static void put_file(Writer *w, Version v, Buf *out)
{
	put(out, MLIR_MAGIC, sizeof MLIR_MAGIC - 1);
	put_varint(out, (uint64_t)w->format);
	putf(out, "StableHLO_v%d.%d.%d", v.major, v.minor, v.patch);
	put_byte(out, 0);
	put_dialects(w, out);
	put_attrs_and_types(w, out);
	put_ir(w, out);
	put_resources(out);
	put_strings(w, out);
	if (w->format >= 5) put_properties(w, out);
}

static bool in_range(const Module *m, Version v)
{
	bool old = version_cmp(v, oldest_version) < 0;
	if (!old && version_cmp(v, current_version) <= 0) return true;
	Version end = old ? oldest_version : current_version;
	return fail(m->err, UNSUPPORTED, "target version %d.%d.%d is %s %d.%d.%d, the %s that can be written", v.major, v.minor, v.patch,
		old ? "before" : "after", end.major, end.minor, end.patch, old ? "oldest" : "newest");
}

static bool write_module(Writer *w, Version target, Buf *out)
{
	jmp_buf full;
	if (setjmp(full)) return fail(w->m->err, NO_MEMORY, "out of memory");
	w->a.full = &full;
	w->pool.a = w->prop_map.arena = w->pool.str_map.arena = &w->a;
	w->format = bytecode_format(w->target);
	build_tree(w);
	if (w->m->err->code) return false;
	number_all(w);
	put_file(w, target, out);
	return out->failed || w->scratch.failed ? fail(w->m->err, NO_MEMORY, "out of memory") : true;
}

/* Ops change with minor releases only, so the patch number plays no part but in the producer's name. */
bool write_bytecode(const Module *m, Version target, Buf *out)
{
	if (m->err->code || !in_range(m, target)) return false;
	Writer w = { .m = m, .target = { target.major, target.minor, 0 } };
	bool ok = write_module(&w, target, out);
	arena_free(&w.a);
	buf_free(&w.scratch);
	return ok;
}
