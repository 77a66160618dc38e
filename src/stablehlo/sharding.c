/* A spec as text: GSPMD's string, and Shardy's attributes. */
#include "stablehlo/sharding.h"

#include <stdlib.h>
#include <string.h>

#include "stablehlo/print.h"

/* Written once to count and once to keep: the arena may give up while no Buf holds memory. */
static const char *text_of(Arena *a, void (*write)(Buf *, const void *), const void *x)
{
	Buf b = { 0 };
	write(&b, x);
	size_t n = b.n;
	buf_free(&b);
	char *s = NEW(a, char, n + 1);
	write(&b, x);
	if (b.n == n && n) memcpy(s, b.p, n);
	buf_free(&b);
	return s;
}

/* -- GSPMD ----------------------------------------------------------------------------------------------- */

/* The mesh's axes in the order in which they number the blocks, then those that only repeat them. */
typedef struct Order {
	const Spec *spec;
	int n, perm[MAX_AXES];
	int64_t nblock, ncopy;       /* of the whole tensor; devices that have the same block */
	const int64_t *device;       /* [ndevice] by block; NULL: the mesh's own order, transposed */
} Order;

static Order order_of(const Spec *s)
{
	const Mesh *m = s->mesh;
	Order o = { .spec = s, .nblock = 1 };
	bool used[MAX_AXES] = { false };
	for (int i = 0; i < s->rank; i++) {
		for (int k = 0; k < s->axes[i].n; k++) {
			int axis = (int)s->axes[i].v[k];
			o.perm[o.n++] = axis;
			used[axis] = true;
			o.nblock *= m->size[axis];
		}
	}
	for (int axis = 0; axis < m->naxis; axis++)
		if (!used[axis]) o.perm[o.n++] = axis;
	o.ncopy = m->ndevice / o.nblock;
	return o;
}

/* Where the i-th device of the order stands in the mesh. */
static int64_t place(const Order *o, int64_t i)
{
	const Mesh *m = o->spec->mesh;
	int64_t at[MAX_AXES], place = 0;
	for (int k = o->n; k-- > 0; i /= m->size[o->perm[k]]) at[o->perm[k]] = i % m->size[o->perm[k]];
	for (int axis = 0; axis < m->naxis; axis++) place = place * m->size[axis] + at[axis];
	return place;
}

static int by_number(const void *x, const void *y)
{
	int64_t i = *(const int64_t *)x, k = *(const int64_t *)y;
	return (i > k) - (i < k);
}

/* Devices that have the same block come in the order of their numbers, as HloSharding has them. */
static const int64_t *listed(Arena *a, const Order *o)
{
	const Mesh *m = o->spec->mesh;
	int64_t *device = NEW(a, int64_t, m->ndevice);
	for (int64_t i = 0; i < m->ndevice; i++) device[i] = m->device[place(o, i)];
	for (int64_t i = 0; i < m->ndevice; i += o->ncopy) qsort(device + i, (size_t)o->ncopy, sizeof *device, by_number);
	return device;
}

static void put_numbers(Buf *b, int64_t n, const int64_t *v)
{
	for (int64_t i = 0; i < n; i++) {
		if (i) put_byte(b, ',');
		put_int(b, v[i]);
	}
}

/* Axes of one device are left out, and neighbours that stay neighbours are one: returns how many are left. */
static int simplify(const Order *o, int64_t *size, int64_t *perm)
{
	const Mesh *m = o->spec->mesh;
	int number[MAX_AXES], n = 0, nperm = 0, before[MAX_AXES], last = -1;
	for (int k = 0; k < o->n; k++)
		if (m->size[o->perm[k]] > 1) before[o->perm[k]] = last, last = o->perm[k];
	last = -1;
	for (int axis = 0; axis < m->naxis; axis++) {
		if (m->size[axis] == 1) continue;
		bool joins = last >= 0 && before[axis] == last;
		if (joins) size[n - 1] *= m->size[axis];
		else size[n++] = m->size[axis];
		number[axis] = joins ? -1 : n - 1;
		last = axis;
	}
	for (int k = 0; k < o->n; k++)
		if (m->size[o->perm[k]] > 1 && number[o->perm[k]] >= 0) perm[nperm++] = number[o->perm[k]];
	return n;
}

/* <=[6,4]T(1,0) */
static void put_iota(Buf *b, const Order *o)
{
	int64_t size[MAX_AXES] = { 1 }, perm[MAX_AXES];
	int n = simplify(o, size, perm);
	PUT(b, "<=[");
	put_numbers(b, n ? n : 1, size);
	put_byte(b, ']');
	if (n < 2) return;
	PUT(b, "T(");
	put_numbers(b, n, perm);
	put_byte(b, ')');
}

static void put_gspmd(Buf *b, const void *order)
{
	const Order *o = order;
	const Spec *s = o->spec;
	if (o->nblock == 1 && (o->ncopy > 1 || !s->rank)) {
		PUT(b, "{replicated}");
		return;
	}
	PUT(b, "{devices=[");
	for (int i = 0; i < s->rank; i++) {
		int64_t n = 1;
		for (int k = 0; k < s->axes[i].n; k++) n *= s->mesh->size[s->axes[i].v[k]];
		if (i) put_byte(b, ',');
		put_int(b, n);
	}
	if (o->ncopy > 1) {
		put_byte(b, ',');
		put_int(b, o->ncopy);
	}
	put_byte(b, ']');
	if (o->device) put_numbers(b, s->mesh->ndevice, o->device);
	else put_iota(b, o);
	if (o->ncopy > 1) PUT(b, " last_tile_dim_replicate");
	put_byte(b, '}');
}

const char *gspmd_text(Arena *a, const Spec *s)
{
	Order o = order_of(s);
	if (s->mesh->device) o.device = listed(a, &o);
	return text_of(a, put_gspmd, &o);
}

/* -- Shardy ---------------------------------------------------------------------------------------------- */

void put_sdy_mesh(Buf *b, const Mesh *m)
{
	PUT(b, "<[");
	for (int i = 0; i < m->naxis; i++) {
		if (i) PUT(b, ", ");
		put_quoted(b, m->axis[i]);
		put_byte(b, '=');
		put_int(b, m->size[i]);
	}
	put_byte(b, ']');
	if (m->device) PUT(b, ", device_ids=[");
	for (int64_t i = 0; m->device && i < m->ndevice; i++) {
		if (i) PUT(b, ", ");
		put_int(b, m->device[i]);
	}
	put_str(b, m->device ? "]>" : ">");
}

static void put_mesh(Buf *b, const void *mesh) { put_sdy_mesh(b, mesh); }

const char *sdy_mesh_text(Arena *a, const Mesh *m) { return text_of(a, put_mesh, m); }

static void put_sdy_spec(Buf *b, const void *spec)
{
	const Spec *s = spec;
	PUT(b, "<@");
	put_word(b, s->mesh->name);
	PUT(b, ", [");
	for (int i = 0; i < s->rank; i++) {
		put_str(b, i ? ", {" : "{");
		for (int k = 0; k < s->axes[i].n; k++) {
			if (k) PUT(b, ", ");
			put_quoted(b, s->mesh->axis[s->axes[i].v[k]]);
		}
		put_byte(b, '}');
	}
	PUT(b, "]>");
}

const char *sdy_spec_text(Arena *a, const Spec *s) { return text_of(a, put_sdy_spec, s); }

/* -- dictionaries ---------------------------------------------------------------------------------------- */

Any with_member(Arena *a, Any dict, const char *key, Any item)
{
	int n = dict.kind == ANY_DICT ? dict.n : 0;
	const char **keys = NEW(a, const char *, n + 1);
	Any *items = NEW(a, Any, n + 1);
	for (int i = 0; i < n; i++) {
		keys[i] = dict.key[i];
		items[i] = dict.item[i];
	}
	keys[n] = key;
	items[n] = item;
	return (Any){ .kind = ANY_DICT, .n = n + 1, .key = keys, .item = items };
}
