#include "stablehlo/stablehlo.h"

#include <string.h>

/* -- equal ones once ------------------------------------------------------------------------------------- */

static bool text_eq(const char *x, const char *y) { return x == y || (x && y && !strcmp(x, y)); }

static bool loc_eq(const LocInfo *x, const LocInfo *y)
{
	return x->kind == y->kind && x->npart == y->npart && !memcmp(x->at, y->at, sizeof x->at)
	    && (!x->npart || !memcmp(x->part, y->part, (size_t)x->npart * sizeof *x->part)) && text_eq(x->text, y->text);
}

static uint64_t loc_hash(const LocInfo *x)
{
	uint64_t h = hash_bytes(x->at, sizeof x->at, (uint64_t)x->kind);
	if (x->text) h = hash_bytes(x->text, strlen(x->text), h);
	return x->npart ? hash_bytes(x->part, (size_t)x->npart * sizeof *x->part, h) : h;
}

/* The slot of an equal location, or the empty one where it belongs. */
static Loc *find(LocTable *t, const LocInfo *x)
{
	for (size_t at = loc_hash(x);; at++) {
		Loc *slot = &t->slot[at & (t->nslot - 1)];
		if (!*slot || loc_eq(&t->info.v[*slot], x)) return slot;
	}
}

static void grow(Module *m, LocTable *t)
{
	if (!t->info.n) *push(&m->arena, &t->info) = (LocInfo){ .depth = 1 };
	t->nslot = 64;
	while (t->nslot < 4 * (size_t)t->info.n) t->nslot *= 2;
	t->slot = NEW(&m->arena, Loc, t->nslot);
	for (int i = 1; i < t->info.n; i++) *find(t, &t->info.v[i]) = (Loc)i;
}

/* A name of nothing known prints without its part. */
static int depth_of(const LocTable *t, const LocInfo *x)
{
	int depth = 1;
	for (int i = 0; i < x->npart; i++) {
		int d = x->kind == LOC_NAME && !x->part[i] ? 0 : t->info.v[x->part[i]].depth;
		if (d >= depth) depth = d + 1;
	}
	return depth;
}

Loc loc_of(Module *m, LocInfo x)
{
	LocTable *t = &m->locs;
	if (2 * (size_t)(t->info.n + 1) > t->nslot) grow(m, t);
	Loc *slot = find(t, &x);
	if (*slot) return *slot;
	x.depth = depth_of(t, &x);
	if (x.depth > MAX_LOC_DEPTH) {
		fail(m->err, UNSUPPORTED, "locations in locations, more than %d of them", MAX_LOC_DEPTH);
		return 0;
	}
	x.part = COPY(&m->arena, Loc, x.part, x.npart);
	*slot = (Loc)t->info.n;
	*push(&m->arena, &t->info) = x;
	return *slot;
}

/* -- kinds ----------------------------------------------------------------------------------------------- */

Loc loc_file(Module *m, const char *file, uint32_t line, uint32_t column)
{
	return loc_of(m, (LocInfo){ .kind = LOC_FILE, .text = file, .at = { line, column, line, column } });
}

Loc loc_name(Module *m, const char *name, Loc of)
{
	return loc_of(m, (LocInfo){ .kind = LOC_NAME, .text = name, .npart = 1, .part = &of });
}

Loc loc_call(Module *m, Loc callee, Loc caller)
{
	return loc_of(m, (LocInfo){ .kind = LOC_CALL, .npart = 2, .part = (Loc[]){ callee, caller } });
}

/* -- whole modules --------------------------------------------------------------------------------------- */

/* Without slots: the next new location makes them, and moves the table into the module's own arena. */
void loc_share(Module *to, const Module *from)
{
	to->locs = from->locs;
	to->locs.slot = NULL;
	to->locs.nslot = 0;
	to->locs.info.cap = to->locs.info.n;
}

static void drop_region(Region *r)
{
	for (int i = 0; i < r->op.n; i++) {
		r->op.v[i]->loc = 0;
		for (int k = 0; k < r->op.v[i]->nregion; k++) drop_region(r->op.v[i]->region[k]);
	}
}

void drop_locations(Module *m)
{
	m->loc = 0;
	m->locs = (LocTable){ 0 };
	for (int i = 0; i < m->value.n; i++) m->value.v[i].loc = 0;
	for (int i = 0; i < m->func.n; i++) {
		m->func.v[i]->loc = 0;
		drop_region(&m->func.v[i]->body);
	}
}
