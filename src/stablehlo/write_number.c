/* Numbers for attributes, types, op names and values, as mlir/lib/Bytecode/Writer/IRNumbering.cpp hands
 * them out: what is used most comes first, so that it takes the fewest bytes. */
#include "stablehlo/write.h"

#include <stdlib.h>

static void count(Writer *w, Ref r)
{
	Entry *e = &w->pool.entry.v[r];
	if (e->nuse++) return;
	if (e->is_type) *push(&w->a, &w->types) = r;
	else *push(&w->a, &w->attrs) = r;
	for (int i = 0; i < e->ntok; i++)
		if (e->tok[i].kind == TOK_ATTR || e->tok[i].kind == TOK_TYPE) count(w, (Ref)e->tok[i].v);
}

static void count_op(Writer *w, const Rec *r, uint32_t *next)
{
	if (!w->name.v[r->name].nuse++) w->names[w->nnames++] = r->name;
	for (int i = 0; r->op && i < r->op->nout; i++) {
		Value v = r->op->out + (Value)i;
		w->id[v] = (*next)++;
		count(w, w->type[v]);
	}
	if (r->dict) count(w, r->dict);
	for (int i = 0; i < r->nprop; i++)
		if (r->prop[i]) count(w, r->prop[i]);
	count(w, w->loc[r->loc]);
}

static void count_block(Writer *w, Block *b, uint32_t *next)
{
	uint32_t first = *next;
	for (int i = 0; i < b->narg; i++) {
		Value v = b->arg + (Value)i;
		w->id[v] = (*next)++;
		count(w, w->loc[w->m->value.v[v].loc]);
		count(w, w->type[v]);
	}
	for (int i = 0; i < b->nrec; i++) count_op(w, &b->rec[i], next);
	b->nvalue = *next - first;
}

/* Regions are visited from a stack, last pushed first; a closed one starts its values at 0 again, another
 * goes on after its parent's. */
static void count_all(Writer *w)
{
	typedef struct Todo { Block *b; uint32_t next; } Todo;
	VEC(Todo) todo = { 0 };
	uint32_t next = 0;
	count_op(w, &w->root, &next);
	*push(&w->a, &todo) = (Todo){ w->root.region, 0 };
	while (todo.n) {
		Todo t = todo.v[--todo.n];
		if (t.b->empty) continue;
		next = t.next;
		count_block(w, t.b, &next);
		for (int i = 0; i < t.b->nrec; i++) {
			Rec *r = &t.b->rec[i];
			for (int k = 0; k < r->nregion; k++)
				*push(&w->a, &todo) = (Todo){ &r->region[k], r->isolated ? 0 : next };
		}
	}
}

/* -- order ----------------------------------------------------------------------------------------------- */

typedef struct Rank { uint32_t nuse, dialect, key, at, id; } Rank;

static int by_use(const void *x, const void *y)
{
	const Rank *a = x, *b = y;
	if (a->nuse != b->nuse) return a->nuse > b->nuse ? -1 : 1;
	return a->at < b->at ? -1 : 1;
}

static int by_dialect(const void *x, const void *y)
{
	const Rank *a = x, *b = y;
	if (a->key != b->key) return a->key < b->key ? -1 : 1;
	return a->at < b->at ? -1 : 1;
}

/* Within the numbers that take one byte, then two, ... things of one dialect stand together, first the
 * dialect that ended the group before. The third group's size (2^21 less the second's, not less both) is
 * IRNumbering.cpp's own. */
static void rank(Rank *v, size_t n)
{
	for (size_t i = 0; i < n; i++) v[i].at = (uint32_t)i;
	qsort(v, n, sizeof *v, by_use);
	uint32_t first = 0;
	size_t group = 0, done = 0;
	for (int nbytes = 1; nbytes < 9 && done < n; nbytes++) {
		group = ((size_t)1 << (7 * nbytes)) - group;
		size_t end = group < n - done ? done + group : n;
		for (size_t i = done; i < end; i++) {
			v[i].key = v[i].dialect == first ? 0 : v[i].dialect + 1;
			v[i].at = (uint32_t)i;
		}
		qsort(v + done, end - done, sizeof *v, by_dialect);
		first = v[end - 1].dialect;
		done = end;
	}
}

static void rank_entries(Writer *w, Ref *ref, int n)
{
	Rank *v = NEW(&w->a, Rank, n + 1);
	for (int i = 0; i < n; i++) {
		const Entry *e = &w->pool.entry.v[ref[i]];
		v[i] = (Rank){ .nuse = e->nuse, .dialect = e->dialect, .id = ref[i] };
	}
	rank(v, (size_t)n);
	for (int i = 0; i < n; i++) {
		ref[i] = v[i].id;
		w->pool.entry.v[ref[i]].number = (uint32_t)i;
	}
}

static void rank_names(Writer *w)
{
	int n = w->name.n;
	Rank *v = NEW(&w->a, Rank, n + 1);
	for (int i = 0; i < n; i++) {
		int at = w->names[i];
		v[i] = (Rank){ .nuse = w->name.v[at].nuse, .dialect = w->name.v[at].dialect, .id = (uint32_t)at };
	}
	rank(v, (size_t)n);
	for (int i = 0; i < n; i++) {
		w->names[i] = (int)v[i].id;
		w->name.v[v[i].id].number = (uint32_t)i;
	}
}

void number_all(Writer *w)
{
	w->names = NEW(&w->a, int, w->name.n + 1);
	w->nnames = 0;
	count_all(w);
	rank_entries(w, w->attrs.v, w->attrs.n);
	rank_entries(w, w->types.v, w->types.n);
	rank_names(w);
}
