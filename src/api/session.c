/* State: the buffers and parameters that some method of a model writes. It stays on the device from call to call, and is shared by the
 * model's methods. */
#include "api/session.h"

#include <stdlib.h>
#include <string.h>

typedef struct Slot {
	const char *name;
	const BundleTensor *initial;
	DeviceBuffer *buffer;        /* NULL: still the initial value */
	bool written;                /* by a run: not the memory of a file or of the caller */
} Slot;

struct tshlo_session {
	const tshlo_model *model;
	Device *device;
	pthread_mutex_t lock;        /* of the buffers; held while a method runs */
	int n;
	Slot *slot;                  /* [n] */
};

static int find(const tshlo_session *s, const char *name)
{
	for (int i = 0; i < s->n; i++)
		if (!strcmp(s->slot[i].name, name)) return i;
	return -1;
}

static const BundleTensor *initial_value(const tshlo_model *m, const char *name)
{
	for (int i = 0; i < m->nstate; i++)
		if (!strcmp(m->state[i].name, name)) return &m->state[i];
	return NULL;
}

static bool writes_state(const tshlo_value_info *out)
{
	return out->output == TSHLO_OUTPUT_BUFFER_MUTATION || out->output == TSHLO_OUTPUT_PARAMETER_MUTATION;
}

static bool add_slots(tshlo_session *s, const Method *k, Err *e)
{
	for (int i = 0; i < k->nout; i++) {
		if (!writes_state(&k->out[i]) || find(s, k->out[i].name) >= 0) continue;
		const BundleTensor *t = initial_value(s->model, k->out[i].name);
		if (!t) return fail(e, BAD_INPUT, "method '%s' writes '%s', which the model does not have", k->name, k->out[i].name);
		Slot *more = realloc(s->slot, ((size_t)s->n + 1) * sizeof *more);
		if (!more) return fail(e, NO_MEMORY, "out of memory");
		s->slot = more;
		s->slot[s->n++] = (Slot){ .name = k->out[i].name, .initial = t };
	}
	return true;
}

tshlo_session *tshlo_session_new(const tshlo_model *m, tshlo_device *d, tshlo_error *e)
{
	ERR(e, NULL);
	if (!m || !d) return NULL;
	tshlo_session *s = calloc(1, sizeof *s);
	if (!s) return fail(err, NO_MEMORY, "out of memory"), NULL;
	s->model = m;
	s->device = d->device;
	pthread_mutex_init(&s->lock, NULL);
	bool ok = true;
	for (int i = 0; ok && i < m->nmethod; i++) ok = add_slots(s, &m->method[i], err);
	if (ok) return s;
	tshlo_session_free(s);
	return NULL;
}

void tshlo_session_free(tshlo_session *s)
{
	if (!s) return;
	tshlo_session_reset(s);
	free(s->slot);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void state_lock(tshlo_session *s) { pthread_mutex_lock(&s->lock); }
void state_unlock(tshlo_session *s) { pthread_mutex_unlock(&s->lock); }

int state_argument(const tshlo_session *s, const Method *k, int i)
{
	return s && k->in[i].input == TSHLO_INPUT_PARAMETER ? find(s, k->in[i].name) : -1;
}

int state_result(const tshlo_session *s, const Method *k, int i) { return s && writes_state(&k->out[i]) ? find(s, k->out[i].name) : -1; }

bool state_is_written(const tshlo_session *s, int slot) { return s->slot[slot].written; }

void state_take(tshlo_session *s, int slot, DeviceBuffer *b)
{
	buffer_free(s->slot[slot].buffer);
	s->slot[slot].buffer = b;
	s->slot[slot].written = b != NULL;
}

/* -- values ---------------------------------------------------------------------------------------------- */

/* The initial value, dense, in memory to be freed. */
static void *packed(const NpyArray *x, size_t nbytes, Err *e)
{
	void *p = malloc(nbytes + 1);
	if (!p) return fail(e, NO_MEMORY, "out of memory"), NULL;
	Tensor t = { .dtype = x->dtype, .rank = x->rank, .dim = x->dim, .stride = x->stride, .storage = x->data, .nbytes = x->nbytes };
	tensor_pack(&t, p);
	return p;
}

static DeviceBuffer *upload(tshlo_session *s, const Slot *slot, Err *e)
{
	const NpyArray *x = &slot->initial->array;
	HostTensor t = { { x->dtype, x->rank, x->dim }, x->data };
	size_t n;
	if (!tensor_nbytes(&t.type, &n, e)) return NULL;
	if (n && !x->data)
		return fail(e, BAD_INPUT, "state '%s' has no initial value: the directory was saved without weights", slot->name), NULL;
	if (!x->stride) return buffer_from_host(s->device, &t, e);
	void *dense = packed(x, n, e);
	t.data = dense;
	DeviceBuffer *b = dense ? buffer_copy_from_host(s->device, &t, e) : NULL;
	free(dense);
	return b;
}

DeviceBuffer *state_buffer(tshlo_session *s, int i, Err *e)
{
	Slot *slot = &s->slot[i];
	if (!slot->buffer) slot->buffer = upload(s, slot, e);
	return slot->buffer;
}

void tshlo_session_reset(tshlo_session *s)
{
	if (!s) return;
	state_lock(s);
	for (int i = 0; i < s->n; i++) state_take(s, i, NULL);
	state_unlock(s);
}

bool tshlo_session_value(const tshlo_session *s, int i, const char **name, tshlo_tensor *type)
{
	if (!s || i < 0 || i >= s->n) return false;
	const NpyArray *x = &s->slot[i].initial->array;
	*name = s->slot[i].name;
	*type = (tshlo_tensor){ (int)x->dtype, x->rank, x->dim, NULL };
	return true;
}

static int named(const tshlo_session *s, const char *name, Err *e)
{
	int i = s && given(name, "name", e) ? find(s, name) : -1;
	if (i < 0 && s && name) fail(e, BAD_INPUT, "there is no state '%s'", name);
	return i;
}

bool tshlo_session_read(tshlo_session *s, const char *name, void *dst, size_t nbytes, tshlo_error *e)
{
	ERR(e, false);
	int i = named(s, name, err);
	if (i < 0) return false;
	state_lock(s);
	DeviceBuffer *b = state_buffer(s, i, err);
	bool ok = b && (!nbytes || given(dst, "memory to read into", err)) && buffer_to_host(b, dst, nbytes, err);
	state_unlock(s);
	return ok;
}

bool tshlo_session_write(tshlo_session *s, const char *name, const tshlo_tensor *t, tshlo_error *e)
{
	ERR(e, false);
	int i = named(s, name, err);
	if (i < 0 || !given_tensor(t, name, err)) return false;
	const NpyArray *x = &s->slot[i].initial->array;
	HostTensor h = { { (DType)t->dtype, t->rank, t->dims }, t->data };
	TensorType want = { x->dtype, x->rank, x->dim };
	if (!tensor_type_eq(&h.type, &want)) return fail(err, BAD_INPUT, "state '%s' has another element type or shape", name);
	DeviceBuffer *b = buffer_copy_from_host(s->device, &h, err);
	if (!b) return false;
	state_lock(s);
	state_take(s, i, b);
	state_unlock(s);
	return true;
}
