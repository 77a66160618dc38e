/* Process groups, as text: "0,1;2,3". */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_RANKS = 1 << 20 };

static bool wrong(const tshlo_group *g, Err *e)
{
	return fail(e, BAD_INPUT, "group '%s': '%.80s', wanted ranks like 0,1,2,3 or, for several groups of as many ranks, 0,1;2,3; all from 0 on, each once",
		g->name, g->ranks);
}

static bool read_group(Arena *a, const tshlo_group *g, RankGroup *out, Err *e)
{
	VEC(int64_t) rank = { 0 };
	int64_t row = 0;
	*out = (RankGroup){ .name = arena_str(a, g->name, strlen(g->name)) };
	for (const char *s = g->ranks;; s++) {
		char *end;
		long r = *s >= '0' && *s <= '9' ? strtol(s, &end, 10) : -1;
		if (r < 0 || r > MOST_RANKS || rank.n == MOST_RANKS) return wrong(g, e);
		*push(a, &rank) = r;
		s = end;
		if (*s == ',') continue;
		if (*s && *s != ';') return wrong(g, e);
		int64_t columns = rank.n - row;
		if (out->rows++ && columns != out->columns) return wrong(g, e);
		out->columns = columns;
		row = rank.n;
		if (!*s) break;
	}
	bool *seen = NEW(a, bool, rank.n);
	for (int i = 0; i < rank.n; i++) {
		if (rank.v[i] >= rank.n || seen[rank.v[i]]) return wrong(g, e);
		seen[rank.v[i]] = true;
	}
	out->rank = rank.v;
	return true;
}

bool read_groups(Arena *a, const tshlo_convert_options *opt, LowerOptions *out, Err *e)
{
	if (!opt || !opt->ngroup) return true;
	RankGroup *g = NEW(a, RankGroup, opt->ngroup);
	for (int i = 0; i < opt->ngroup; i++) {
		if (!given(opt->group[i].name, "name of a group", e) || !given(opt->group[i].ranks, "ranks of a group", e)) return false;
		if (!read_group(a, &opt->group[i], &g[i], e)) return false;
	}
	out->ngroup = opt->ngroup;
	out->group = g;
	return true;
}
