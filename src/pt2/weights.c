/* data/weights/<model>_weights_config.json and data/constants/<model>_constants_config.json
 * (schema.PayloadConfig): for each tensor the file that holds its storage, raw, and how it lies in there.
 * Tensors that share a storage share the file. */
#include "pt2/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pt2/pickle.h"

static void list_of(char *out, size_t n, const int64_t *v, int rank)
{
	size_t at = 0;
	out[0] = 0;
	for (int i = 0; i < rank && at + 24 < n; i++)
		at += (size_t)snprintf(out + at, n - at, i ? ",%" PRId64 : "%" PRId64, v[i]);
}

bool check_tensor(const Tensor *t, Err *e)
{
	char dim[256], stride[256];
	if (tensor_fits(t) || (!t->storage && !t->nbytes)) return true;
	list_of(dim, sizeof dim, t->dim, t->rank);
	list_of(stride, sizeof stride, t->stride, t->rank);
	return fail(e, BAD_INPUT,
		"%s[%s] with strides [%s] at offset %" PRId64 " does not lie inside its storage of %zu bytes",
		dtype_name(t->dtype), dim, stride, t->offset, t->nbytes);
}

static bool all_static(const Dim *d, int n)
{
	for (int i = 0; i < n; i++) if (!IS_STATIC(d[i])) return false;
	return true;
}

static bool raw_tensor(Model *m, JVal meta, const ZipEntry *file, Tensor *t)
{
	TensorMeta info;
	if (!read_tensor_meta(m, meta, &info)) return false;
	if (!all_static(info.dim, info.rank) || !all_static(info.stride, info.rank) || !IS_STATIC(info.offset))
		return fail(m->err, UNSUPPORTED, "a stored tensor of symbolic size");
	t->dtype = info.dtype;
	t->rank = info.rank;
	t->dim = info.dim;
	t->stride = info.stride;
	t->offset = info.offset;
	t->storage = file->nbytes ? file->bytes : NULL;     /* an empty file: exported without its data */
	t->nbytes = (size_t)file->nbytes;
	return check_tensor(t, m->err);
}

enum { MAX_NESTED = 16 };

/* The inner tensors of a subclass: its attributes that are tensors. */
static bool add_parts(Model *m, const char *name, const PList *attributes, int depth)
{
	int n = 0;
	const char **part = NEW(m->a, const char *, attributes->item.n / 2);
	if (depth > MAX_NESTED) return fail(m->err, UNSUPPORTED, "tensor subclasses in each other, more than %d", MAX_NESTED);
	for (int i = 0; i + 1 < attributes->item.n; i += 2) {
		PVal key = attributes->item.v[i];
		const PVal *v = &attributes->item.v[i + 1];
		if (key.kind != P_STR || (v->kind != P_TENSOR && v->kind != P_SUBCLASS)) continue;
		if (!add_pickled(m, arena_printf(m->a, "%s.%s", name, key.str), v, depth + 1)) return false;
		part[n++] = key.str;
	}
	program_add_parts(m->p, name, n, part);
	return true;
}

bool add_pickled(Model *m, const char *name, const PVal *v, int depth)
{
	if (program_tensor(m->p, name) || program_parts(m->p, name))
		return fail(m->err, BAD_INPUT, "tensor '%s' stands there twice", name);
	if (v->kind == P_SUBCLASS) return add_parts(m, name, v->list, depth);
	if (v->kind != P_TENSOR) return fail(m->err, UNSUPPORTED, "'%s' is %s, wanted a tensor", name, pickle_kind(*v));
	Tensor *t = program_add_tensor(m->p, name);
	name = t->name;
	*t = *v->tensor;
	t->name = name;
	return true;
}

/* A tensor subclass is pickled; what it pickles as may be a plain tensor after all. */
static bool pickled_tensor(Model *m, const ZipEntry *file, const char *name)
{
	Pickle pickle;
	PVal v;
	if (!pickle_open(&pickle, m->a, file->bytes, (size_t)file->nbytes, file->name, m->err)) return false;
	pickle.subclasses = true;
	return pickle_load(&pickle, &v) && add_pickled(m, name, &v, 0);
}

static bool read_payload(Model *m, Zip *z, JVal v, const char *folder, const char *name)
{
	const char *path = json_str(m->a, json_key(v, "path_name"));
	JVal meta = json_key(v, "tensor_meta");
	bool pickled = json_bool_or(json_key(v, "use_pickle"), false);
	if (!path) return fail(m->err, BAD_INPUT, "no path_name");
	if (pickled && json_kind(meta) != JSON_object) return true;      /* a custom object: no tensor */
	const char *full = arena_printf(m->a, "%s%s", folder, path);
	ZipEntry *file = zip_find(z, full);
	if (!file) return fail(m->err, BAD_INPUT, "the archive has no '%s'", full);
	if (!zip_read(z, file, ZIP_QUICK, m->err)) return false;
	if (pickled) return pickled_tensor(m, file, name);
	if (program_tensor(m->p, name) || program_parts(m->p, name))
		return fail(m->err, BAD_INPUT, "a tensor of this name stands there twice");
	return raw_tensor(m, meta, file, program_add_tensor(m->p, name));
}

bool read_payloads(Model *m, Zip *z, const char *config, const char *folder)
{
	ZipEntry *x = zip_find(z, config);
	if (!x) return fail(m->err, BAD_INPUT, "the archive has no '%s'", config);
	if (!zip_read(z, x, ZIP_CRC, m->err)) return false;
	const Json *doc = json_parse(m->a, (const char *)x->bytes, (size_t)x->nbytes, config, m->err);
	if (!doc) return false;
	JVal entries = json_key(json_root(doc), "config");
	if (json_kind(entries) != JSON_object)
		return fail(m->err, BAD_INPUT, "%s: no object named config", config);
	JEACH(v, entries) {
		const char *name = json_member(m->a, v);
		if (!name) return fail(m->err, BAD_INPUT, "%s: a tensor with a NUL in its name", config);
		if (!read_payload(m, z, v, folder, name)) return err_at(m->err, "%s: tensor '%s'", config, name);
	}
	return true;
}
