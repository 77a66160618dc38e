/* Use-list orders: in which order a value's uses stand in memory, where that is not the order a reader would make.
 *
 * A reader meets uses in program order and puts each in front, so the last use comes first. MLIR's serializer writes down
 * what differs from that. In a module as we build it nothing does; but StableHLO's serializer first makes every op in its newest
 * VHLO version and then rebuilds those the target does not know, and that leaves a trace which its bytes record:
 *   - the rebuilt ops' uses are added again, so they come before all others,
 *   - the uses of a rebuilt op's result are moved to the new result from the front, which turns their order around. */
#include "stablehlo/write.h"

/* Where the uses of v stand: place[0] for the last one in the program, and so on. False: where a reader
 * would put them. */
static bool places(const Writer *w, Value v, const Use *use, uint32_t n, uint32_t *place)
{
	uint32_t front = 0, back = 0;
	for (uint32_t i = 0; i < n; i++) back += use[i].rebuilt;
	bool same = true;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = use[n - 1 - i].rebuilt ? front++ : back++;
		place[i] = w->rebuilt[v] ? n - 1 - at : at;
		same &= place[i] == i;
	}
	return !same;
}

/* All n places, or, when fewer than half are out of order, those as pairs. */
static void put_places(Buf *b, const uint32_t *place, uint32_t n)
{
	uint32_t moved = 0;
	for (uint32_t i = 0; i < n; i++) moved += place[i] != i;
	bool pairs = moved < n / 2;
	put_varint(b, (uint64_t)(pairs ? 2 * moved : n) << 1 | pairs);
	for (uint32_t i = 0; i < n; i++) {
		if (pairs && place[i] == i) continue;
		put_varint(b, place[i]);
		if (pairs) put_varint(b, i);
	}
}

/* The places of the uses of v; NULL: where a reader would put them. */
static const uint32_t *places_of(Writer *w, Value v, uint32_t *nuse)
{
	uint32_t first = w->first_use[v], n = *nuse = w->first_use[v + 1] - first;
	if (n < 2) return NULL;
	uint32_t *place = NEW(&w->a, uint32_t, n);
	return places(w, v, w->use.v + first, n, place) ? place : NULL;
}

/* For values v..v+n-1, the results of one op or the arguments of one block; false: nothing was written. */
bool put_use_orders(Writer *w, Buf *b, Value v, int n)
{
	uint32_t nuse, some = 0;
	for (int i = 0; i < n; i++) some += places_of(w, v + (Value)i, &nuse) != NULL;
	if (some && n != 1) put_varint(b, some);
	for (int i = 0; some && i < n; i++) {
		const uint32_t *place = places_of(w, v + (Value)i, &nuse);
		if (!place) continue;
		if (n != 1) put_varint(b, (uint64_t)i);
		put_places(b, place, nuse);
	}
	return some > 0;
}
