/* Element types: one table (dtype.def), and what follows from it. */
#ifndef BASE_DTYPE_H
#define BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum DType {
	DTYPE_none,
#define DTYPE(id, ...) DTYPE_##id,
#include "base/dtype.def"
#undef DTYPE
	NDTYPES
} DType;

typedef enum DKind { DKIND_none, DKIND_BOOL, DKIND_INT, DKIND_UINT, DKIND_FLOAT, DKIND_COMPLEX } DKind;

typedef struct DTypeInfo {
	const char *hlo;      /* StableHLO's spelling */
	int nbits;
	DKind kind;
	const char *torch;    /* torch.<name> without "torch." */
	int serde;            /* ScalarType of torch's export schema */
	int tf;               /* TensorFlow's DataType */
	const char *npy;      /* NumPy descr */
} DTypeInfo;

/* The row of t; t = DTYPE_none gives a row of "none" and zeros. */
const DTypeInfo *dtype_info(DType t);
static inline const char *dtype_name(DType t) { return dtype_info(t)->hlo; }

/* Bytes of one element in memory (whole bytes; sub-byte types take one). */
size_t dtype_nbytes(DType t);

bool is_float(DType t);
bool is_complex(DType t);
bool is_int(DType t);              /* signed or unsigned, not bool */
bool is_unsigned(DType t);         /* UINT kinds and bool */

/* complex64 -> f32, complex128 -> f64; others unchanged; and back (f32 -> complex64, f64 -> complex128). */
DType real_of(DType t);
DType complex_of(DType t);

/* DTYPE_none where no row has it, or (npy's "<V1") more than one. */
DType dtype_from_serde(int scalar_type);
DType dtype_from_torch(const char *name, size_t n);   /* "float32" or "torch.float32" */
DType dtype_from_npy(const char *descr, size_t n);

/* One element at p (little-endian, as in memory) to and from double; complex has two parts, part 0 is real.
 * Integers beyond 2^53 lose bits: use dtype_load_int/store_int for them. Float stores round to nearest even. */
double  dtype_load(DType t, const void *p, int part);
void    dtype_store(DType t, void *p, int part, double v);
int64_t dtype_load_int(DType t, const void *p);        /* integer kinds and bool; unsigned wraps into int64 */
void    dtype_store_int(DType t, void *p, int64_t v);  /* keeps the low bits; bool: v != 0 */

#endif
