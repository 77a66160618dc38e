#include "savedmodel/crc32c.h"

#include <string.h>

/* Eight tables, eight bytes a step: table k has the CRC of a byte followed by k zero bytes. They are made
 * once per call of some length, which costs less than a page of input; constants would be 8 KB of numbers
 * that nobody can check. */
static void make_tables(uint32_t t[8][256])
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++) c = c >> 1 ^ (0x82f63b78u & -(c & 1));
		t[0][i] = c;
	}
	for (int k = 1; k < 8; k++)
		for (int i = 0; i < 256; i++) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xff];
}

static uint32_t by_bits(uint32_t c, const uint8_t *p, size_t n)
{
	for (; n; n--) {
		c ^= *p++;
		for (int k = 0; k < 8; k++) c = c >> 1 ^ (0x82f63b78u & -(c & 1));
	}
	return c;
}

static uint32_t by_tables(uint32_t c, const uint8_t *p, size_t n)
{
	if (n < 4096) return by_bits(c, p, n);
	uint32_t t[8][256];
	make_tables(t);
	for (; n >= 8; p += 8, n -= 8) {
		uint32_t lo = c ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
		c = t[7][lo & 0xff] ^ t[6][lo >> 8 & 0xff] ^ t[5][lo >> 16 & 0xff] ^ t[4][lo >> 24]
		  ^ t[3][p[4]] ^ t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]];
	}
	return by_bits(c, p, n);
}

/* Processors have an instruction for it: SSE4.2's crc32, ARMv8's crc32cx. */
#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t c, const uint8_t *p, size_t n)
{
	uint64_t wide = c, word;
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	c = (uint32_t)wide;
	for (; n; n--) c = __builtin_ia32_crc32qi(c, *p++);
	return c;
}

static uint32_t update(uint32_t c, const uint8_t *p, size_t n)
{
	return __builtin_cpu_supports("sse4.2") ? by_instruction(c, p, n) : by_tables(c, p, n);
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

static uint32_t update(uint32_t c, const uint8_t *p, size_t n)
{
	uint64_t word;
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		c = __builtin_aarch64_crc32cx(c, word);
	}
	for (; n; n--) c = __builtin_aarch64_crc32cb(c, *p++);
	return c;
}

#else

static uint32_t update(uint32_t c, const uint8_t *p, size_t n) { return by_tables(c, p, n); }

#endif

uint32_t crc32c(uint32_t crc, const void *p, size_t n) { return ~update(~crc, p, n); }

uint32_t crc32c_mask(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }
