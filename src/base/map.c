#include "base/map.h"

#include <string.h>

/* FNV-1a over 8-byte words, with a final mix. */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
	const unsigned char *c = p;
	uint64_t h = 0xcbf29ce484222325u ^ seed;
	for (; n >= 8; n -= 8, c += 8) {
		uint64_t w;
		memcpy(&w, c, 8);
		h = (h ^ w) * 0x100000001b3u;
		h ^= h >> 29;
	}
	for (; n; n--, c++) h = (h ^ *c) * 0x100000001b3u;
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
