#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "pjrt/internal.h"

/* A compiled module. Never changes once it is in the list, so runs read it without a lock. */
typedef struct Entry {
	struct Entry *next;
	Executable *x;
	size_t nbytes;             /* of the module, and two hashes of it: together its name */
	uint64_t hash[2];
} Entry;

struct Runner {
	Device *device;
	pthread_mutex_t compiling; /* held while a module is compiled: a second thread with the same module waits */
	pthread_mutex_t lock;      /* of the fields below */
	Entry *first;              /* newest first */
	int ncompiled;
	DeviceBuffer **bound;      /* [nposition]; NULL: a user input. Set before the first run, then only read */
	int nposition, nbound;
};

Runner *runner_new(Device *d, Err *e)
{
	Runner *r = malloc(sizeof *r);
	if (!r) return fail(e, NO_MEMORY, "out of memory"), NULL;
	*r = (Runner){ .device = d, .compiling = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER };
	return r;
}

void runner_free(Runner *r)
{
	if (!r) return;
	for (Entry *n = r->first, *next; n; n = next) {
		next = n->next;
		executable_free(n->x);
		free(n);
	}
	for (int i = 0; i < r->nposition; i++) buffer_free(r->bound[i]);
	free(r->bound);
	pthread_mutex_destroy(&r->compiling);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

bool runner_bind(Runner *r, int position, const HostTensor *t, Err *e)
{
	if (position < 0 || position == INT32_MAX)
		return fail(e, BAD_INPUT, "argument %d: no such position", position);
	if (position >= r->nposition) {
		int n = position + 1 > 2 * r->nposition ? position + 1 : 2 * r->nposition;
		DeviceBuffer **more = realloc(r->bound, (size_t)n * sizeof *more);
		if (!more) return fail(e, NO_MEMORY, "out of memory");
		for (int i = r->nposition; i < n; i++) more[i] = NULL;
		r->bound = more;
		r->nposition = n;
	}
	if (r->bound[position]) return fail(e, BAD_INPUT, "argument %d is bound already", position);
	r->bound[position] = buffer_from_host(r->device, t, e);
	if (!r->bound[position]) return err_at(e, "argument %d", position);
	r->nbound++;
	return true;
}

static DeviceBuffer *bound_at(const Runner *r, int i) { return i < r->nposition ? r->bound[i] : NULL; }

/* -- modules --------------------------------------------------------------------------------------------- */

static Entry *first_entry(Runner *r)
{
	pthread_mutex_lock(&r->lock);
	Entry *n = r->first;
	pthread_mutex_unlock(&r->lock);
	return n;
}

/* Do the bound arguments fit the program? Said here, once, and not at each run. */
static bool check_bound(const Runner *r, const Executable *x, Err *e)
{
	int n = executable_ninputs(x);
	for (int i = 0; i < r->nposition && n >= 0; i++) {
		char found[128], wanted[128];
		if (!r->bound[i]) continue;
		if (i >= n) return fail(e, BAD_INPUT, "argument %d is bound, the program takes %d arguments", i, n);
		const TensorType *t = buffer_type(r->bound[i]), *w = executable_input(x, i);
		if (!tensor_type_eq(t, w))
			return fail(e, BAD_INPUT, "bound argument %d is %s, the program takes %s", i,
				tensor_type_text(t, found, sizeof found), tensor_type_text(w, wanted, sizeof wanted));
	}
	return true;
}

static bool keep(Runner *r, Executable *x, const Entry *name, Err *e)
{
	Entry *n = x && check_bound(r, x, e) ? malloc(sizeof *n) : NULL;
	if (!n) {
		executable_free(x);
		return fail(e, NO_MEMORY, "out of memory");      /* unless something else was the matter */
	}
	*n = *name;
	n->x = x;
	pthread_mutex_lock(&r->lock);
	n->next = r->first;
	r->first = n;
	pthread_mutex_unlock(&r->lock);
	return true;
}

bool runner_adopt(Runner *r, Executable *x, Err *e) { return keep(r, x, &(Entry){ 0 }, e); }

static bool add_locked(Runner *r, const void *bytecode, size_t n, const CompileOptions *opts, Err *e)
{
	Entry name = { .nbytes = n, .hash = { hash_bytes(bytecode, n, 1), hash_bytes(bytecode, n, 2) } };
	for (Entry *k = first_entry(r); k; k = k->next)
		if (k->nbytes == n && k->hash[0] == name.hash[0] && k->hash[1] == name.hash[1]) return true;
	Executable *x = executable_compile(r->device, bytecode, n, opts, e);
	if (!x) return false;
	pthread_mutex_lock(&r->lock);
	r->ncompiled++;
	pthread_mutex_unlock(&r->lock);
	return keep(r, x, &name, e);
}

bool runner_add(Runner *r, const void *bytecode, size_t n, const CompileOptions *opts, Err *e)
{
	pthread_mutex_lock(&r->compiling);
	bool ok = add_locked(r, bytecode, n, opts, e);
	pthread_mutex_unlock(&r->compiling);
	return ok;
}

/* -- runs ------------------------------------------------------------------------------------------------ */

/* The types of a run's inputs, of host tensors or of buffers. */
typedef struct Given {
	const HostTensor *host;
	DeviceBuffer *const *buffer;
	int n;
} Given;

static const TensorType *given_type(const Given *g, int i)
{
	return g->host ? &g->host[i].type : buffer_type(g->buffer[i]);
}

static bool takes(const Runner *r, const Executable *x, const Given *g)
{
	int at = 0, n = executable_ninputs(x);
	if (g->n < 0 || (n >= 0 && n != g->n + r->nbound)) return false;
	for (int i = 0; i < n; i++)
		if (!bound_at(r, i) && !tensor_type_eq(given_type(g, at++), executable_input(x, i))) return false;
	return true;
}

static Executable *find(Runner *r, const Given *g)
{
	for (Entry *n = first_entry(r); n; n = n->next)
		if (takes(r, n->x, g)) return n->x;
	return NULL;
}

/* Why none fits: told of the module added last. */
static bool no_fit(Runner *r, const Given *g, Err *e)
{
	Entry *last = first_entry(r);
	if (!last) return fail(e, BAD_INPUT, "the program was not compiled yet");
	int at = 0, n = executable_ninputs(last->x);
	if (n != g->n + r->nbound)
		return fail(e, BAD_INPUT, "%d inputs given, the program takes %d", g->n, n - r->nbound);
	for (int i = 0; i < n; i++) {
		char found[128], wanted[128];
		if (bound_at(r, i)) continue;
		const TensorType *t = given_type(g, at++), *w = executable_input(last->x, i);
		if (!tensor_type_eq(t, w))
			return fail(e, BAD_INPUT, "input %d is %s, the program takes %s", at - 1,
				tensor_type_text(t, found, sizeof found), tensor_type_text(w, wanted, sizeof wanted));
	}
	return fail(e, BAD_INPUT, "no compiled program takes these inputs");
}

static bool is_donated(const RunOptions *o, int64_t i)
{
	for (int k = 0; o && k < o->ndonate; k++)
		if (o->donate[k] == i) return true;
	return false;
}

static bool run(Runner *r, Executable *x, DeviceBuffer *const *in, int nin, DeviceBuffer **out, const RunOptions *opts, Err *e)
{
	int n = nin + r->nbound, ndonate = 0;
	void *block = malloc(((size_t)n + 1) * (sizeof(DeviceBuffer *) + sizeof(int64_t)));
	if (!block) return fail(e, NO_MEMORY, "out of memory");
	int64_t *donate = block;
	DeviceBuffer **all = (DeviceBuffer **)(donate + n);
	for (int i = 0, at = 0; i < n; i++) {
		all[i] = bound_at(r, i);
		if (all[i]) continue;
		if (is_donated(opts, at)) donate[ndonate++] = i;
		all[i] = in[at++];
	}
	bool ok = executable_run(x, all, n, out, &(RunOptions){ donate, ndonate }, e);
	free(block);
	return ok;
}

bool runner_run_buffers(Runner *r, DeviceBuffer *const *in, int nin, DeviceBuffer **out, const RunOptions *opts, Err *e)
{
	Given g = { .buffer = in, .n = nin };
	Executable *x = find(r, &g);
	return x ? run(r, x, in, nin, out, opts, e) : no_fit(r, &g, e);
}

bool runner_run(Runner *r, const HostTensor *in, int nin, DeviceBuffer **out, Err *e)
{
	Given g = { .host = in, .n = nin };
	Executable *x = find(r, &g);
	if (!x) return no_fit(r, &g, e);
	DeviceBuffer **up = calloc((size_t)nin + 1, sizeof *up);
	bool ok = up || fail(e, NO_MEMORY, "out of memory");
	for (int i = 0; i < nin && ok; i++) {
		up[i] = buffer_from_host(r->device, &in[i], e);
		ok = up[i] || err_at(e, "input %d", i);
	}
	ok = ok && run(r, x, up, nin, out, NULL, e);
	for (int i = 0; i < nin && up; i++) buffer_free(up[i]);
	free(up);
	return ok;
}

/* -- asking ---------------------------------------------------------------------------------------------- */

Executable *runner_executable(Runner *r, const HostTensor *in, int nin)
{
	return find(r, &(Given){ .host = in, .n = nin });
}

bool runner_has(Runner *r, const HostTensor *in, int nin) { return runner_executable(r, in, nin) != NULL; }

int runner_noutputs(Runner *r)
{
	Entry *last = first_entry(r);
	return last ? executable_noutputs(last->x) : 0;
}

int runner_ncompiled(Runner *r)
{
	pthread_mutex_lock(&r->lock);
	int n = r->ncompiled;
	pthread_mutex_unlock(&r->lock);
	return n;
}
