/* What the options of several commands say of converting a .pt2 file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* NULL is 0. Returns an exit code. */
static int read_seed(const char *command, const char *s, bool is_input, uint64_t *out)
{
	char *end = "";
	errno = 0;
	*out = s ? strtoull(s, &end, 10) : 0;
	if (s && is_input) return complain(EXIT_USAGE, "%s: --seed says what each call says with --seed-input; give one of them", command);
	if (!s || (*s >= '0' && *s <= '9' && !*end && !errno)) return EXIT_GOOD;
	return complain(EXIT_USAGE, "%s: --seed is '%s', wanted a number from 0 to 18446744073709551615", command, s);
}

/* "s0=8", "x.0=8": the name goes to names, which is as long as all of them. Returns an exit code. */
static int read_dim(const char *command, const char *s, char **names, tshlo_dim *dim)
{
	const char *equals = strrchr(s, '=');
	char *end = NULL;
	errno = 0;
	long long size = equals ? strtoll(equals + 1, &end, 10) : -1;
	if (!equals || equals == s || !equals[1] || *end || errno || size < 0)
		return complain(EXIT_USAGE, "%s: --dim is '%s', wanted NAME=SIZE", command, s);
	*dim = (tshlo_dim){ *names, size };
	memcpy(*names, s, (size_t)(equals - s));
	*names += equals - s + 1;
	return EXIT_GOOD;
}

/* "LEFT=right": LEFT goes to names; NULL: it is nothing like that. */
static const char *right_of(const char *s, char **names)
{
	const char *equals = strchr(s, '=');
	if (!equals || equals == s || !equals[1]) return NULL;
	memcpy(*names, s, (size_t)(equals - s));
	*names += equals - s + 1;
	return equals + 1;
}

static int read_composite(const char *command, const char *s, char **names, tshlo_composite *composite)
{
	composite->op = *names;
	composite->name = right_of(s, names);
	if (composite->name) return EXIT_GOOD;
	return complain(EXIT_USAGE, "%s: --composite is '%s', wanted OP=NAME, like aten.gelu.default=my.gelu", command, s);
}

static int read_group(const char *command, const char *s, char **names, tshlo_group *group)
{
	group->name = *names;
	group->ranks = right_of(s, names);
	if (group->ranks) return EXIT_GOOD;
	return complain(EXIT_USAGE, "%s: --group is '%s', wanted NAME=RANKS, like 0=0,1,2,3", command, s);
}

static size_t room_for(const Strings *s)
{
	size_t room = 1;
	for (int i = 0; i < s->n; i++) room += strlen(s->v[i]) + 1;
	return room;
}

/* What c points to is to be freed. Returns an exit code. */
static int read_lists(Conversion *c, const char *command, const Args *a)
{
	c->dim = calloc((size_t)a->dim.n + 1, sizeof *c->dim);
	c->group = calloc((size_t)a->group.n + 1, sizeof *c->group);
	c->composite = calloc((size_t)a->composite.n + 1, sizeof *c->composite);
	c->names = calloc(room_for(&a->dim) + room_for(&a->composite) + room_for(&a->group), 1);
	if (!c->dim || !c->group || !c->composite || !c->names) return complain(EXIT_SYSTEM, "out of memory");
	char *at = c->names;
	int code = EXIT_GOOD;
	for (int i = 0; i < a->dim.n && !code; i++) code = read_dim(command, a->dim.v[i], &at, &c->dim[i]);
	for (int i = 0; i < a->composite.n && !code; i++) code = read_composite(command, a->composite.v[i], &at, &c->composite[i]);
	for (int i = 0; i < a->group.n && !code; i++) code = read_group(command, a->group.v[i], &at, &c->group[i]);
	c->opt.group = c->group;
	c->opt.dim = c->dim;
	c->opt.composite = c->composite;
	return code;
}

/* All of a text file, to be freed. Returns an exit code. */
static int read_text(const char *path, char **out)
{
	FILE *f = fopen(path, "rb");
	size_t room = 0, n = 0;
	ssize_t got = f ? getdelim(out, &room, 0, f) : -1;
	bool bad = !f || ferror(f) || (got < 0 && !feof(f));
	int why = errno;
	if (got > 0) n = (size_t)got;
	if (f) fclose(f);
	if (bad) return complain(EXIT_SYSTEM, "%s: cannot read: %s", path, strerror(why));
	if (!n || !(*out)[n - 1]) return complain(EXIT_BAD_INPUT, "%s: it is no text", path);
	return EXIT_GOOD;
}

static const char *only_of_programs(const Args *a)
{
	if (a->sharding) return "sharding";
	if (a->shardy) return "shardy";
	if (a->int4_packing) return "int4-packing";
	if (a->group.n) return "group";
	return a->seed ? "seed" : a->seed_input ? "seed-input" : a->dim.n ? "dim" : NULL;
}

int conversion_new(Conversion *c, const Command *command, const Args *a)
{
	const char *pt2 = only_of_programs(a), *kind = pt2 && a->file ? stablehlo_kind(a->file) : NULL;
	*c = (Conversion){ .opt = { .seed_input = a->seed_input, .ndim = a->dim.n, .ncomposite = a->composite.n, .ngroup = a->group.n, .shardy = a->shardy, .int4_packing = a->int4_packing } };
	if (kind) return complain(EXIT_UNSUPPORTED, "%s: %s: --%s is for .pt2 files, this is %s", command->name, a->file, pt2, kind);
	int code = read_seed(command->name, a->seed, a->seed_input, &c->opt.seed);
	if (!code) code = read_lists(c, command->name, a);
	if (!code && a->sharding) code = read_text(a->sharding, &c->sharding);
	c->opt.sharding = c->sharding;
	if (code) conversion_free(c);
	return code;
}

void conversion_free(Conversion *c)
{
	free(c->dim);
	free(c->group);
	free(c->composite);
	free(c->names);
	free(c->sharding);
	*c = (Conversion){ 0 };
}
