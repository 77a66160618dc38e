/* Locations as MLIR prints them with debug information (AsmPrinter.cpp): `loc(#loc3)` behind an op, and what #loc3 is in a table behind
 * the module. Arguments have theirs in full; what that refers to stands before the module. */
#include "stablehlo/print.h"

#include <stdlib.h>
#include <string.h>

/* -- which the text refers to ---------------------------------------------------------------------------- */

/* early: it must be known before the module. */
static void meet(Printer *p, Loc l, bool early)
{
	LocAlias *a = &p->alias[l];
	const LocInfo *x = &p->m->locs.info.v[l];
	if (a->met && (!early || a->early)) return;
	if (!a->met) p->met[p->nmet++] = l;
	a->met = true;
	a->early |= early;
	for (int i = 0; i < x->npart; i++)
		if (x->kind != LOC_NAME || x->part[i]) meet(p, x->part[i], early);
}

static void meet_argument(Printer *p, Value v) { meet(p, p->m->value.v[v].loc, true); }

static void meet_body(Printer *p, const Region *r);

/* The regions of an op as its form prints them: a reduction's arguments in pairs, a while's without locations. */
static void meet_regions(Printer *p, const Op *op)
{
	if (op->code == OP_reduce && op->nregion && compact_body(p, op)) return;
	for (int i = 0; i < op->nregion; i++) {
		const Region *r = op->region[i];
		int n = op->code == OP_while ? 0 : r->narg, half = op->code == OP_reduce ? n / 2 : 0;
		for (int k = 0; k < n; k++) meet_argument(p, r->arg + (Value)(half ? k / 2 + k % 2 * half : k));
		meet_body(p, r);
	}
}

static void meet_body(Printer *p, const Region *r)
{
	for (int i = 0; i < r->op.n; i++) {
		meet(p, r->op.v[i]->loc, false);
		meet_regions(p, r->op.v[i]);
	}
}

static void meet_all(Printer *p)
{
	meet(p, p->m->loc, false);
	for (int i = 0; i < p->m->func.n; i++) {
		const Func *f = p->m->func.v[i];
		meet(p, f->loc, false);
		for (int k = 0; k < f->narg && f->body.op.n; k++) meet_argument(p, f->body.arg + (Value)k);
		meet_body(p, &f->body);
	}
}

/* Those of lower depth first, so that each comes after its parts; else as they were met. */
static void number_all(Printer *p, Loc *order)
{
	int end[MAX_LOC_DEPTH + 2] = { 0 };
	for (int i = 0; i < p->nmet; i++) end[p->m->locs.info.v[p->met[i]].depth + 1]++;
	for (int d = 1; d <= MAX_LOC_DEPTH; d++) end[d + 1] += end[d];
	for (int i = 0; i < p->nmet; i++) {
		Loc l = p->met[i];
		int at = end[p->m->locs.info.v[l].depth]++;
		order[at] = l;
		p->alias[l].number = at;
	}
	memcpy(p->met, order, (size_t)p->nmet * sizeof *order);
}

bool find_locs(Printer *p)
{
	size_t n = (size_t)p->m->locs.info.n;
	if (!n) return true;
	Loc *order = calloc(n, sizeof *order);
	p->alias = calloc(n, sizeof *p->alias);
	p->met = calloc(n, sizeof *p->met);
	bool ok = order && p->alias && p->met;
	if (ok && !p->m->locs.in_place) {
		meet_all(p);
		number_all(p, order);
	}
	free(order);
	return ok;
}

/* -- text ------------------------------------------------------------------------------------------------ */

static void put_full(Printer *p, Loc l);

static void put_alias(Printer *p, Loc l)
{
	PUT(p->b, "#loc");
	if (p->alias[l].number) put_int(p->b, p->alias[l].number);
}

static void put_part(Printer *p, Loc l)
{
	if (p->alias[l].met) put_alias(p, l);
	else put_full(p, l);
}

/* "a.py":3:4, "a.py":3:4 to :9, "a.py":3:4 to 5:6 */
static void put_file(Buf *b, const LocInfo *x)
{
	put_quoted(b, x->text);
	putf(b, ":%u:%u", x->at[0], x->at[1]);
	if (x->at[0] != x->at[2]) putf(b, " to %u:%u", x->at[2], x->at[3]);
	else if (x->at[1] != x->at[3]) putf(b, " to :%u", x->at[3]);
}

static void put_fused(Printer *p, const LocInfo *x)
{
	PUT(p->b, "fused");
	if (x->text) {
		put_byte(p->b, '<');
		put_str(p->b, x->text);
		put_byte(p->b, '>');
	}
	for (int i = 0; i < x->npart; i++) {
		put_str(p->b, i ? ", " : "[");
		put_part(p, x->part[i]);
	}
	put_str(p->b, x->npart ? "]" : "[]");
}

/* A location but for what it refers to. */
static void put_full(Printer *p, Loc l)
{
	const LocInfo *x = &p->m->locs.info.v[l];
	switch (x->kind) {
	case LOC_UNKNOWN: PUT(p->b, "unknown"); break;
	case LOC_FILE:    put_file(p->b, x); break;
	case LOC_FUSED:   put_fused(p, x); break;
	case LOC_NAME:
		put_quoted(p->b, x->text);
		if (!x->part[0]) break;
		put_byte(p->b, '(');
		put_part(p, x->part[0]);
		put_byte(p->b, ')');
		break;
	case LOC_CALL:
		PUT(p->b, "callsite(");
		put_part(p, x->part[0]);
		PUT(p->b, " at ");
		put_part(p, x->part[1]);
		put_byte(p->b, ')');
		break;
	}
}

void put_loc(Printer *p, Loc l)
{
	if (!p->alias) return;
	PUT(p->b, " loc(");
	put_part(p, l);
	put_byte(p->b, ')');
}

void put_argument_loc(Printer *p, Value v)
{
	if (!p->alias) return;
	PUT(p->b, " loc(");
	put_full(p, p->m->value.v[v].loc);
	put_byte(p->b, ')');
}

void put_loc_table(Printer *p, bool early)
{
	for (int i = 0; i < p->nmet; i++) {
		Loc l = p->met[i];
		if (p->alias[l].early != early) continue;
		put_alias(p, l);
		PUT(p->b, " = loc(");
		put_full(p, l);
		PUT(p->b, ")\n");
	}
}
