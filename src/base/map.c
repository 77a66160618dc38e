#include "base/map.h"

#include <string.h>

/* What is left, 0 to 7 bytes, as a word: without a loop, as most names are that short. */
static uint64_t last_word(const unsigned char *c, size_t n)
{
	uint32_t first, last;
	if (!n) return 0;
	if (n < 4) return c[0] | (uint64_t)c[n / 2] << 8 | (uint64_t)c[n - 1] << 16;
	memcpy(&first, c, 4);
	memcpy(&last, c + n - 4, 4);
	return first | (uint64_t)last << 32;
}

/* FNV-1a over 8-byte words, with a final mix. */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
	const unsigned char *c = p;
	uint64_t h = 0xcbf29ce484222325u ^ seed ^ n << 48;
	for (; n >= 8; n -= 8, c += 8) {
		uint64_t w;
		memcpy(&w, c, 8);
		h = (h ^ w) * 0x100000001b3u;
		h ^= h >> 29;
	}
	h = (h ^ last_word(c, n)) * 0x100000001b3u;
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15u;
}

static struct MapSlot *find(const Map *m, const char *key, size_t n)
{
	size_t at = hash_bytes(key, n, 0) >> 7;
	for (;; at++) {
		struct MapSlot *s = &m->slot[at & (m->nslot - 1)];
		if (!s->key || (s->n == n && !memcmp(s->key, key, n))) return s;
	}
}

int map_get(const Map *m, const char *key, size_t n)
{
	if (!m->nslot) return -1;
	struct MapSlot *s = find(m, key, n);
	return s->key ? s->value : -1;
}

static void rehash(Map *m)
{
	Map old = *m;
	m->nslot = old.nslot ? 2 * old.nslot : 64;
	m->slot = NEW(m->arena, struct MapSlot, m->nslot);
	for (size_t i = 0; i < old.nslot; i++)
		if (old.slot[i].key) *find(m, old.slot[i].key, old.slot[i].n) = old.slot[i];
}

int map_set(Map *m, const char *key, size_t n, int value)
{
	if (4 * (m->nused + 1) > 3 * m->nslot) rehash(m);
	struct MapSlot *s = find(m, key, n);
	int was = s->key ? s->value : -1;
	if (!s->key) m->nused++;
	*s = (struct MapSlot){ key, n, value };
	return was;
}
