/* Meshes and specs from JSON, in the words of torch_xla's Mesh and mark_sharding(). */
#include "stablehlo/sharding.h"

#include <string.h>

/* -- meshes ---------------------------------------------------------------------------------------------- */

static bool read_sizes(Arena *a, JVal v, Mesh *m, Err *e)
{
	int n = json_len(v);
	if (json_kind(v) != JSON_array || !n || n > MAX_AXES)
		return json_fail(e, v, "mesh_shape has %d axes, wanted a list of 1 to %d sizes", n, MAX_AXES);
	int64_t *size = NEW(a, int64_t, n);
	m->size = size;
	m->ndevice = 1;
	JEACH(x, v) {
		int64_t one = json_int(x, 0);
		if (one < 1) return json_fail(e, x, "axis %d of mesh_shape has no size of 1 or more", m->naxis);
		if (one > MAX_DEVICES / m->ndevice) return json_fail(e, x, "mesh_shape has more than %d devices", MAX_DEVICES);
		m->ndevice *= one;
		size[m->naxis++] = one;
	}
	return true;
}

/* torch_xla names axes that have no name by their numbers. */
static bool read_names(Arena *a, JVal v, Mesh *m, Err *e)
{
	const char **axis = NEW(a, const char *, m->naxis);
	bool given = json_kind(v) == JSON_array;
	m->axis = axis;
	if (!given && json_kind(v) > JSON_null) return json_fail(e, v, "axis_names is no list");
	if (given && json_len(v) != m->naxis)
		return json_fail(e, v, "there are %d axis_names, and mesh_shape has %d axes", json_len(v), m->naxis);
	JVal x = json_first(v);
	for (int i = 0; i < m->naxis; i++, x = given ? json_next(x) : x) {
		axis[i] = given ? json_str(a, x) : arena_printf(a, "%d", i);
		if (!axis[i] || !*axis[i]) return json_fail(e, x, "the name of axis %d is no text, or empty", i);
		for (int k = 0; k < i; k++)
			if (!strcmp(axis[k], axis[i])) return json_fail(e, x, "two axes of the mesh are called '%s'", axis[i]);
	}
	return true;
}

static bool read_devices(Arena *a, JVal v, Mesh *m, Err *e)
{
	if (json_kind(v) <= JSON_null) return true;
	int n = 0;
	bool in_order = true;
	if (json_kind(v) != JSON_array || json_len(v) != m->ndevice)
		return json_fail(e, v, "there are %d device_ids, and mesh_shape makes %lld devices", json_len(v), (long long)m->ndevice);
	int64_t *device = NEW(a, int64_t, m->ndevice);
	bool *seen = NEW(a, bool, m->ndevice);
	JEACH(x, v) {
		int64_t id = json_int(x, -1);
		if (id < 0 || id >= m->ndevice)
			return json_fail(e, x, "item %d of device_ids is none of 0 to %lld, which a mesh of %lld devices has", n, (long long)m->ndevice - 1,
				(long long)m->ndevice);
		if (seen[id]) return json_fail(e, x, "device_ids has %lld twice", (long long)id);
		seen[id] = true;
		in_order &= id == n;
		device[n++] = id;
	}
	if (!in_order) m->device = device;
	return true;
}

const Mesh *mesh_read(Arena *a, JVal v, Err *e)
{
	Mesh *m = NEW(a, Mesh, 1);
	m->name = "mesh";
	if (json_kind(v) != JSON_object) return json_fail(e, v, "a mesh is an object with mesh_shape, axis_names and device_ids"), NULL;
	bool ok = read_sizes(a, json_key(v, "mesh_shape"), m, e) && read_names(a, json_key(v, "axis_names"), m, e)
	       && read_devices(a, json_key(v, "device_ids"), m, e);
	return ok ? m : NULL;
}

bool mesh_eq(const Mesh *x, const Mesh *y)
{
	if (x->naxis != y->naxis || !x->device != !y->device) return false;
	for (int i = 0; i < x->naxis; i++)
		if (x->size[i] != y->size[i] || strcmp(x->axis[i], y->axis[i]) != 0) return false;
	return !x->device || !memcmp(x->device, y->device, (size_t)x->ndevice * sizeof *x->device);
}

/* -- specs ----------------------------------------------------------------------------------------------- */

static int axis_by_name(const Mesh *m, const char *name)
{
	for (int i = 0; i < m->naxis; i++)
		if (!strcmp(m->axis[i], name)) return i;
	return -1;
}

static const char *axis_names(Arena *a, const Mesh *m)
{
	const char *s = m->axis[0];
	for (int i = 1; i < m->naxis; i++) s = arena_printf(a, "%s, %s", s, m->axis[i]);
	return s;
}

/* -1: the failure is recorded. */
static int read_axis(Arena *a, JVal v, const Mesh *m, Err *e)
{
	const char *name = json_str(a, v);
	int64_t i = name ? axis_by_name(m, name) : json_int(v, -1);
	if (i >= 0 && i < m->naxis) return (int)i;
	size_t n;
	const char *text = json_text(v, &n);
	json_fail(e, v, "the mesh has no axis %.*s, it has %s (0 to %d)", n > 80 ? 80 : (int)n, text, axis_names(a, m), m->naxis - 1);
	return -1;
}

/* The axes of one dimension: null, one, or a list of them. */
static bool read_axes(Arena *a, JVal v, const Mesh *m, bool *used, Ints *out, Err *e)
{
	bool list = json_kind(v) == JSON_array;
	int64_t *axes = NEW(a, int64_t, (list ? json_len(v) : 1) + 1);
	out->v = axes;
	if (json_kind(v) == JSON_null) return true;
	for (JVal x = list ? json_first(v) : v; json_kind(x); x = list ? json_next(x) : (JVal){ 0 }) {
		int axis = read_axis(a, x, m, e);
		if (axis < 0) return false;
		if (used[axis]) return json_fail(e, x, "axis '%s' of the mesh is named twice", m->axis[axis]);
		used[axis] = true;
		axes[out->n++] = axis;
	}
	return true;
}

const Spec *spec_read(Arena *a, JVal v, const Mesh *mesh, int rank, Err *e)
{
	bool used[MAX_AXES] = { false };
	if (json_kind(v) != JSON_array) return json_fail(e, v, "a partition spec is a list, with one item for each dimension"), NULL;
	if (json_len(v) != rank) return json_fail(e, v, "the partition spec has %d items, the tensor %d dimensions", json_len(v), rank), NULL;
	Spec *s = NEW(a, Spec, 1);
	Ints *axes = NEW(a, Ints, rank + 1);
	*s = (Spec){ .mesh = mesh, .axes = axes };
	JEACH(x, v)
		if (!read_axes(a, x, mesh, used, &axes[s->rank++], e)) return NULL;
	return s;
}
