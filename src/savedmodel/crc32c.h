/* CRC-32C (Castagnoli; RFC 3720, appendix B.4): polynomial 0x1EDC6F41, reflected, as TensorFlow's tables,
 * bundles and record files have it. */
#ifndef SAVEDMODEL_CRC32C_H
#define SAVEDMODEL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of what went before (0: nothing) and of p[0..n). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* As it is stored: a CRC over bytes that hold CRCs would be a weak one
 * (tensorflow/core/lib/hash/crc32c.h). */
uint32_t crc32c_mask(uint32_t crc);

#endif
