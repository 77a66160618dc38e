/* Name -> integer, for names that live as long as the arena. Open addressing; no removal. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct Map {
	Arena *arena;
	struct MapSlot { const char *key; size_t n; int value; } *slot;
	size_t nslot, nused;
} Map;

/* The value of key[0..n), or -1. */
int map_get(const Map *m, const char *key, size_t n);

/* Sets it; the key is borrowed, not copied. Returns the earlier value, or -1. */
int map_set(Map *m, const char *key, size_t n, int value);

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);

#endif
