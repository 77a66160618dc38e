/* Locations as attributes of the builtin dialect (mlir/include/mlir/IR/BuiltinDialectBytecode.td). */
#include "stablehlo/write.h"

/* "f.py":1:2 is a code of its own; a range is a list: nothing, or line and column, then the end's column, or its line and column. */
static void tok_file(Writer *w, const LocInfo *x)
{
	Pool *p = &w->pool;
	bool one_line = x->at[0] == x->at[2], point = one_line && x->at[1] == x->at[3];
	tok(p, TOK_VARINT, point ? BUILTIN_FILE_LOC : BUILTIN_FILE_RANGE);
	tok(p, TOK_ATTR, builtin_string(w, x->text));
	if (!point) tok(p, TOK_VARINT, one_line ? 3 : 4);
	for (int i = 0; i < 2; i++) tok(p, TOK_VARINT, x->at[i]);
	if (!one_line) tok(p, TOK_VARINT, x->at[2]);
	if (!point) tok(p, TOK_VARINT, x->at[3]);
}

static void tok_fused(Writer *w, const LocInfo *x)
{
	Pool *p = &w->pool;
	tok(p, TOK_VARINT, x->metadata ? BUILTIN_FUSED_LOC_WITH_METADATA : BUILTIN_FUSED_LOC);
	tok(p, TOK_VARINT, (uint64_t)x->npart);
	for (int i = 0; i < x->npart; i++) tok(p, TOK_ATTR, w->loc[x->part[i]]);
	if (x->metadata) tok(p, TOK_ATTR, builtin_any(w, x->metadata));
}

static Ref loc_attr(Writer *w, const LocInfo *x)
{
	Pool *p = &w->pool;
	int from = entry_begin(p);
	switch (x->kind) {
	case LOC_UNKNOWN:
		tok(p, TOK_VARINT, BUILTIN_UNKNOWN_LOC);
		break;
	case LOC_FILE:
		tok_file(w, x);
		break;
	case LOC_FUSED:
		tok_fused(w, x);
		break;
	case LOC_NAME:
		tok(p, TOK_VARINT, BUILTIN_NAME_LOC);
		tok(p, TOK_ATTR, builtin_string(w, x->text));
		tok(p, TOK_ATTR, w->loc[x->part[0]]);
		break;
	case LOC_CALL:
		tok(p, TOK_VARINT, BUILTIN_CALL_LOC);
		for (int i = 0; i < 2; i++) tok(p, TOK_ATTR, w->loc[x->part[i]]);
		break;
	}
	return attr_end(p, from, BUILTIN);
}

void make_locs(Writer *w)
{
	static const LocInfo unknown;
	int n = w->m->locs.info.n;
	w->loc = NEW(&w->a, Ref, n + 1);
	w->loc[0] = loc_attr(w, &unknown);
	for (int i = 1; i < n; i++) w->loc[i] = loc_attr(w, &w->m->locs.info.v[i]);
}
