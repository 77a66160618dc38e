/* Errors, versions, element types, NumPy files. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

void tshlo_error_clear(tshlo_error *e)
{
	if (e) err_clear((Err *)e);
}

const char *tshlo_version(void) { return TSHLO_VERSION; }
const char *tshlo_stablehlo_version(void) { return current_version_text; }

tshlo_dtype tshlo_dtype_by_name(const char *name)
{
	if (!name) return 0;
	for (int t = 1; t < NDTYPES; t++)
		if (!strcmp(dtype_name((DType)t), name)) return t;
	return (int)dtype_from_torch(name, strlen(name));
}

static DType checked(tshlo_dtype t) { return t > 0 && t < NDTYPES ? (DType)t : DTYPE_none; }

const char *tshlo_dtype_name(tshlo_dtype t) { return dtype_name(checked(t)); }
const char *tshlo_dtype_torch_name(tshlo_dtype t) { return dtype_info(checked(t))->torch; }
size_t tshlo_dtype_nbytes(tshlo_dtype t) { return dtype_nbytes(checked(t)); }
bool tshlo_dtype_is_complex(tshlo_dtype t) { return is_complex(checked(t)); }

double tshlo_tensor_at(const tshlo_tensor *t, size_t i, int part)
{
	DType d = checked(t->dtype);
	return dtype_load(d, (const uint8_t *)t->data + i * dtype_nbytes(d), part);
}

/* -- files ----------------------------------------------------------------------------------------------- */

bool tshlo_write_file(const char *path, const void *p, size_t n, tshlo_error *e)
{
	ERR(e, false);
	return given(path, "path", err) && write_file(path, p, n, err);
}

/* -- NumPy files ----------------------------------------------------------------------------------------- */

struct tshlo_npy {
	Arena arena;
	FileMap map;
	NpyArray array;
};

static bool read_npy(tshlo_npy *f, const char *path, DType otherwise, Err *e)
{
	GUARD(&f->arena, e, return false);
	if (!map_file(&f->map, path, e)) return false;
	if (!npy_read(&f->arena, f->map.p, f->map.n, &f->array, e)) return err_at(e, "%s", path);
	if (f->array.dtype == DTYPE_none && !(otherwise && npy_is(&f->array, otherwise)))
		return fail(e, UNSUPPORTED, "%s: its element type is opaque bytes", path);
	if (npy_order(&f->array) == NPY_ROW_MAJOR) return true;      /* also what is both: one axis, or none with
	                                                              * elements */
	return fail(e, UNSUPPORTED, "%s: is stored column-major (fortran_order), wanted row-major", path);
}

tshlo_npy *tshlo_npy_open(const char *path, tshlo_tensor *out, tshlo_error *e) { return tshlo_npy_open_as(path, 0, out, e); }

tshlo_npy *tshlo_npy_open_as(const char *path, tshlo_dtype otherwise, tshlo_tensor *out, tshlo_error *e)
{
	ERR(e, NULL);
	if (!given(path, "path", err)) return NULL;
	if (otherwise < 0 || otherwise >= NDTYPES) return fail(err, BAD_INPUT, "there is no element type %d", otherwise), NULL;
	tshlo_npy *f = calloc(1, sizeof *f);
	if (!f) return fail(err, NO_MEMORY, "out of memory"), NULL;
	if (!read_npy(f, path, (DType)otherwise, err)) {
		tshlo_npy_close(f);
		return NULL;
	}
	*out = (tshlo_tensor){ (int)f->array.dtype, f->array.rank, f->array.dim, f->array.data };
	return f;
}

void tshlo_npy_close(tshlo_npy *f)
{
	if (!f) return;
	arena_free(&f->arena);
	unmap_file(&f->map);
	free(f);
}

bool tshlo_npy_write(const char *path, const tshlo_tensor *t, tshlo_error *e)
{
	ERR(e, false);
	if (!given(path, "path", err) || !given_tensor(t, "tensor", err)) return false;
	size_t n = 0;
	HostTensor h = { { (DType)t->dtype, t->rank, t->dims }, t->data };
	if (!tensor_nbytes(&h.type, &n, err) || (n && !given(t->data, "data of the tensor", err))) return false;
	NpyArray x = { .dtype = (DType)t->dtype, .rank = t->rank, .dim = t->dims, .data = t->data, .nbytes = n };
	return npy_write_file(path, &x, err);
}
