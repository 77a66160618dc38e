/* Builtin attributes as locations (write_loc.c), each made once. */
#include "stablehlo/read.h"

#include "stablehlo/print.h"

static Loc get_part(Read *r, Reader *c) { return read_loc(r, get_attr(r, c)); }

static const char *get_name(Read *r, Reader *c)
{
	Any name;
	if (!read_any(r, get_attr(r, c), false, &name)) return "";
	if (name.kind != ANY_STR) refuse(r, BAD_INPUT, c, "a name in a location that is no string");
	return failed(r) ? "" : name.str;
}

static uint32_t get_place(Read *r, Reader *c)
{
	uint64_t v = get_varint(c);
	if (v > UINT32_MAX && !failed(r)) refuse(r, BAD_INPUT, c, "line or column %llu", (unsigned long long)v);
	return failed(r) ? 0 : (uint32_t)v;
}

/* Line and column, then the end's column, or its line and column; what is left out is 0, or the start's. */
static void get_places(Read *r, Reader *c, int n, uint32_t at[4])
{
	uint32_t v[4] = { 0 };
	if (n > 4 && !failed(r)) refuse(r, BAD_INPUT, c, "%d lines and columns, at most 4 are wanted", n);
	for (int i = 0; i < n && !failed(r); i++) v[i] = get_place(r, c);
	at[0] = v[0];
	at[1] = v[1];
	at[2] = n == 4 ? v[2] : v[0];
	at[3] = n == 4 ? v[3] : n == 3 ? v[2] : v[1];
}

/* -- metadata -------------------------------------------------------------------------------------------- */

/* What a builtin attribute of ours can say. */
static bool is_plain(const Any *x)
{
	bool list = x->kind == ANY_ARRAY || x->kind == ANY_DICT;
	for (int i = 0; list && i < x->n; i++)
		if (!is_plain(&x->item[i])) return false;
	return x->kind != ANY_DENSE && x->kind != ANY_TYPE && x->kind != ANY_ALIAS;
}

/* NULL, and no failure, where it is of a kind that we have no place for: the location is kept without it. */
static const Any *read_metadata(Read *r, uint32_t ref)
{
	Err own = { 0 }, *outer = r->err;
	Any any;
	r->err = &own;
	bool ok = read_any(r, ref, false, &any) && is_plain(&any);
	r->err = outer;
	if (own.code && own.code != UNSUPPORTED) fail(outer, own.code, "%s", err_msg(&own));
	err_clear(&own);
	return ok ? COPY(r->a, Any, &any, 1) : NULL;
}

/* As it prints: equal ones have equal text. */
static const char *metadata_text(Read *r, const Any *x)
{
	Buf b = { 0 };
	put_any(&b, x);
	const char *s = buf_to_arena(&b, r->a);
	if (!s) fail(r->err, NO_MEMORY, "out of memory");
	return s;
}

static void get_fused(Read *r, Reader *c, bool with_metadata, LocInfo *x)
{
	x->kind = LOC_FUSED;
	x->npart = get_count(r, c, "fused locations");
	Loc *part = NEW(&r->scratch, Loc, x->npart + 1);
	for (int i = 0; i < x->npart && !failed(r); i++) part[i] = get_part(r, c);
	x->part = part;
	if (!with_metadata || failed(r)) return;
	uint32_t ref = get_attr(r, c);
	x->metadata = failed(r) ? NULL : read_metadata(r, ref);
	if (x->metadata) x->text = metadata_text(r, x->metadata);
}

/* -- locations ------------------------------------------------------------------------------------------- */

static Loc make_loc(Read *r, Cursor *c)
{
	LocInfo x = { .kind = LOC_UNKNOWN };
	Loc part[2];
	switch (c->dialect == BUILTIN ? c->code : UINT64_MAX) {
	case BUILTIN_UNKNOWN_LOC:
		return 0;
	case BUILTIN_FILE_LOC:
	case BUILTIN_FILE_RANGE:
		x.kind = LOC_FILE;
		x.text = get_name(r, &c->r);
		get_places(r, &c->r, c->code == BUILTIN_FILE_LOC ? 2 : get_count(r, &c->r, "lines and columns"), x.at);
		break;
	case BUILTIN_NAME_LOC:
		x = (LocInfo){ .kind = LOC_NAME, .npart = 1, .part = part, .text = get_name(r, &c->r) };
		part[0] = get_part(r, &c->r);
		break;
	case BUILTIN_CALL_LOC:
		x = (LocInfo){ .kind = LOC_CALL, .npart = 2, .part = part };
		for (int i = 0; i < 2; i++) part[i] = get_part(r, &c->r);
		break;
	case BUILTIN_FUSED_LOC:
	case BUILTIN_FUSED_LOC_WITH_METADATA:
		get_fused(r, &c->r, c->code == BUILTIN_FUSED_LOC_WITH_METADATA, &x);
		break;
	default:
		refuse_entry(r, c, false, "a location");
	}
	return failed(r) ? 0 : loc_of(r->m, x);
}

Loc read_loc(Read *r, uint32_t ref)
{
	Cursor c;
	if (!r->loc || failed(r)) return 0;
	if (r->loc[ref]) return r->loc[ref] - 1;
	if (!open_attr(r, ref, &c)) return 0;
	if (r->nest_loc == MAX_LOC_DEPTH)
		return refuse(r, UNSUPPORTED, &c.r, "locations nest deeper than %d", MAX_LOC_DEPTH), 0;
	r->nest_loc++;
	c.item->busy = true;
	Loc l = make_loc(r, &c);
	close_cursor(r, &c);
	c.item->busy = false;
	r->nest_loc--;
	if (!failed(r)) r->loc[ref] = l + 1;
	return l;
}
