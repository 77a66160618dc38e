/* GSPMD's string, read: which block of a tensor each device has. */
#include "stablehlo/sharding.h"

#include <string.h>

typedef struct Text { const char *s; Err *e; const char *all; } Text;

static bool wrong(Text *t) { return fail(t->e, UNSUPPORTED, "sharding '%.200s': found '%.20s'", t->all, t->s); }

static bool eat(Text *t, const char *word)
{
	size_t n = strlen(word);
	while (*t->s == ' ') t->s++;
	if (strncmp(t->s, word, n) != 0) return false;
	t->s += n;
	return true;
}

/* "2,1,2", at most `room` numbers; -1: it is none. */
static int get_numbers(Text *t, int64_t *v, int room)
{
	int n = 0;
	do {
		int64_t x = 0;
		if (n == room || *t->s < '0' || *t->s > '9') return wrong(t), -1;
		while (*t->s >= '0' && *t->s <= '9' && x <= MAX_DEVICES) x = 10 * x + (*t->s++ - '0');
		if (x > MAX_DEVICES) return wrong(t), -1;
		v[n++] = x;
	} while (eat(t, ","));
	return n;
}

/* "<=[2,3]T(1,0)": place i of the order has the number that the transposed box has there. */
static bool get_iota(Text *t, int64_t n, int64_t *device)
{
	int64_t size[MAX_AXES], perm[MAX_AXES], stride[MAX_AXES], all = 1;
	int rank = eat(t, "[") ? get_numbers(t, size, MAX_AXES) : -1;
	if (rank < 0 || !eat(t, "]")) return wrong(t);
	for (int i = 0; i < rank; i++) perm[i] = i;
	if (eat(t, "T(") && (get_numbers(t, perm, rank) != rank || !eat(t, ")"))) return wrong(t);
	for (int i = rank; i-- > 0; all = all > MAX_DEVICES ? all : all * size[i]) stride[i] = all;
	if (all != n) return wrong(t);
	for (int i = 0; i < rank; i++)
		if (perm[i] >= rank) return wrong(t);
	for (int64_t at = 0; at < n; at++) {
		int64_t left = at, number = 0;
		for (int k = rank; k-- > 0; left /= size[perm[k]]) number += left % size[perm[k]] * stride[perm[k]];
		device[at] = number;
	}
	return true;
}

static bool get_list(Text *t, int64_t n, int64_t *device)
{
	return get_numbers(t, device, (int)n) == n || wrong(t);
}

static bool put_blocks(Text *t, int64_t n, const int64_t *device, int64_t ncopy, int *block)
{
	for (int64_t i = 0; i < n; i++) block[i] = -1;
	for (int64_t i = 0; i < n; i++) {
		if (device[i] >= n || block[device[i]] >= 0) return wrong(t);
		block[device[i]] = (int)(i / ncopy);
	}
	return true;
}

bool gspmd_read(Arena *a, const char *s, int rank, int64_t ndevice, Tiles *out, Err *e)
{
	Text t = { s, e, s };
	int64_t size[MAX_AXES + 1], all = 1;
	*out = (Tiles){ 0 };
	if (!eat(&t, "{")) return wrong(&t);
	if (eat(&t, "replicated")) return eat(&t, "}") || wrong(&t);
	int n = eat(&t, "devices=[") ? get_numbers(&t, size, MAX_AXES + 1) : -1;
	if (n < rank || n > rank + 1 || !eat(&t, "]")) return wrong(&t);
	for (int i = 0; i < n; i++) all = all > ndevice || !size[i] ? ndevice + 1 : all * size[i];
	if (all != ndevice) return fail(e, BAD_INPUT, "sharding '%.200s' is for another number of devices than %lld", s, (long long)ndevice);
	int64_t *device = NEW(a, int64_t, ndevice), ncopy = n > rank ? size[rank] : 1;
	int *block = NEW(a, int, ndevice);
	if (!(eat(&t, "<=") ? get_iota : get_list)(&t, ndevice, device)) return false;
	if (n > rank && !eat(&t, "last_tile_dim_replicate")) return wrong(&t);
	if (!eat(&t, "}") || !put_blocks(&t, ndevice, device, ncopy, block)) return wrong(&t);
	if (ncopy < ndevice) *out = (Tiles){ COPY(a, int64_t, size, rank + 1), block };
	return true;
}
