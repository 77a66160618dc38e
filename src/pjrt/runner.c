#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "pjrt/internal.h"

/* A compiled module. What it is called and what it runs never changes once it is in the list. */
struct Kept {
	Kept *next;
	Executable *x;
	size_t nbytes;             /* of the module, and two hashes of it: together its name */
	uint64_t hash[2];
	int nnumber;               /* what it was made for besides the types of its inputs */
	int64_t *number;
	DeviceBuffer **standing;   /* [nargument] what does not come with a run; NULL: comes. Where the arguments are not the program's in order */
	int nargument, nstanding;
	int users;                 /* under the lock, as the next: runs that are under way */
	bool evicted;              /* out of the list; the last user frees it */
};

struct Runner {
	Device *device;
	pthread_mutex_t compiling; /* held while a module is compiled: a second thread with the same module waits */
	pthread_mutex_t lock;      /* of the fields below */
	Kept *first;               /* used last first */
	int ncompiled, nkept, limit;
	int noutputs;
	DeviceBuffer **bound;      /* [nposition]; NULL: a user input. Set before the first run, then only read */
	int nposition, nbound;
	bool spread;               /* over several devices */
};

Runner *runner_new(Device *d, Err *e)
{
	Runner *r = malloc(sizeof *r);
	if (!r) return fail(e, NO_MEMORY, "out of memory"), NULL;
	*r = (Runner){ .device = d, .limit = RUNNER_LIMIT, .compiling = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER };
	return r;
}

void runner_spread(Runner *r) { r->spread = true; }

static DeviceBuffer *take_in(const Runner *r, const HostTensor *t, Err *e)
{
	return r->spread ? buffer_on_host(r->device, t, e) : buffer_from_host(r->device, t, e);
}

static void kept_free(Kept *k)
{
	executable_free(k->x);
	free(k->number);
	free(k->standing);
	free(k);
}

void runner_free(Runner *r)
{
	if (!r) return;
	for (Kept *k = r->first, *next; k; k = next) {
		next = k->next;
		kept_free(k);
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
	r->bound[position] = take_in(r, t, e);
	if (!r->bound[position]) return err_at(e, "argument %d", position);
	r->nbound++;
	return true;
}

DeviceBuffer *runner_bound(const Runner *r, int position) { return position < r->nposition ? r->bound[position] : NULL; }

/* What argument i of the module always is; NULL: an input of each run. */
static DeviceBuffer *standing_at(const Runner *r, const Kept *k, int i)
{
	return !k->standing ? runner_bound(r, i) : i < k->nargument ? k->standing[i] : NULL;
}

static int nstanding(const Runner *r, const Kept *k) { return k->standing ? k->nstanding : r->nbound; }

/* -- modules --------------------------------------------------------------------------------------------- */

/* Under the lock. */
static void use_locked(Runner *r, Kept *k)
{
	Kept **at = &r->first;
	while (*at != k) at = &(*at)->next;
	*at = k->next;
	k->next = r->first;
	r->first = k;
	k->users++;
}

/* Under the lock. What is over the limit leaves the list; what of it nobody runs is given back, to be freed without the lock. */
static Kept *evict_locked(Runner *r)
{
	Kept *unused = NULL;
	while (r->nkept > r->limit) {
		Kept **at = &r->first;
		while ((*at)->next) at = &(*at)->next;
		Kept *last = *at;
		*at = NULL;
		r->nkept--;
		last->evicted = true;
		if (last->users) continue;
		last->next = unused;
		unused = last;
	}
	return unused;
}

static void free_all(Kept *k)
{
	for (Kept *next; k; k = next) {
		next = k->next;
		kept_free(k);
	}
}

void runner_limit(Runner *r, int limit)
{
	pthread_mutex_lock(&r->lock);
	r->limit = limit < 1 ? 1 : limit;
	Kept *unused = evict_locked(r);
	pthread_mutex_unlock(&r->lock);
	free_all(unused);
}

void runner_drop(Runner *r, Kept *k)
{
	if (!k) return;
	pthread_mutex_lock(&r->lock);
	bool last = --k->users == 0 && k->evicted;
	pthread_mutex_unlock(&r->lock);
	if (last) kept_free(k);
}

/* Do the bound arguments fit the program? Said here, once, and not at each run. */
static bool check_bound(const Runner *r, const Kept *name, const Executable *x, Err *e)
{
	int n = executable_ninputs(x), most = name->standing ? name->nargument : r->nposition;
	for (int i = 0; i < most && n >= 0; i++) {
		char found[128], wanted[128];
		const DeviceBuffer *b = standing_at(r, name, i);
		if (!b) continue;
		if (i >= n) return fail(e, BAD_INPUT, "argument %d is bound, the program takes %d arguments", i, n);
		const TensorType *t = buffer_type(b), *w = executable_input(x, i);
		if (!tensor_type_eq(t, w))
			return fail(e, BAD_INPUT, "bound argument %d is %s, the program takes %s", i,
				tensor_type_text(t, found, sizeof found), tensor_type_text(w, wanted, sizeof wanted));
	}
	return true;
}

static bool pin(const Runner *r, const Kept *name, Executable *x, Err *e)
{
	for (int i = 0; i < executable_ninputs(x) && executable_ndevices(x) > 1; i++) {
		DeviceBuffer *b = standing_at(r, name, i);
		if (b && !executable_pin(x, i, b, e)) return false;
	}
	return true;
}

/* In use by the caller. Takes x and what the name owns over. */
static Kept *keep(Runner *r, Executable *x, const Kept *name, Err *e)
{
	Kept *k = x && check_bound(r, name, x, e) && pin(r, name, x, e) ? malloc(sizeof *k) : NULL;
	if (!k) {
		free(name->number);
		free(name->standing);
		executable_free(x);
		return fail(e, NO_MEMORY, "out of memory"), NULL;        /* unless something else was the matter */
	}
	*k = *name;
	k->x = x;
	k->users = 1;
	pthread_mutex_lock(&r->lock);
	k->next = r->first;
	r->first = k;
	r->nkept++;
	r->noutputs = executable_noutputs(x);
	Kept *unused = evict_locked(r);
	pthread_mutex_unlock(&r->lock);
	free_all(unused);
	return k;
}

bool runner_adopt(Runner *r, Executable *x, Err *e)
{
	Kept *k = keep(r, x, &(Kept){ 0 }, e);
	runner_drop(r, k);
	return k != NULL;
}

static bool same_numbers(const Kept *k, const int64_t *number, int n)
{
	return k->nnumber == n && (!n || !memcmp(k->number, number, (size_t)n * sizeof *number));
}

static Kept *find_module(Runner *r, const Kept *name)
{
	pthread_mutex_lock(&r->lock);
	Kept *k = r->first;
	while (k && !(k->nbytes == name->nbytes && k->hash[0] == name->hash[0] && k->hash[1] == name->hash[1]
	         && same_numbers(k, name->number, name->nnumber))) k = k->next;
	if (k) use_locked(r, k);
	pthread_mutex_unlock(&r->lock);
	return k;
}

/* What a module is called by and given, copied from opts. */
static bool describe(const Runner *r, const CompileOptions *opts, Kept *name, Err *e)
{
	if (!opts) return true;
	int n = opts->argument ? opts->ninputs : 0;
	name->nnumber = opts->nnumber;
	name->number = malloc(((size_t)opts->nnumber + 1) * sizeof *name->number);
	name->standing = n ? malloc((size_t)n * sizeof *name->standing) : NULL;
	if (!name->number || (n && !name->standing)) return fail(e, NO_MEMORY, "out of memory");
	if (opts->nnumber) memcpy(name->number, opts->number, (size_t)opts->nnumber * sizeof *name->number);
	name->nargument = n;
	for (int i = 0; i < n; i++) {
		name->standing[i] = opts->argument[i] < 0 ? opts->more[~opts->argument[i]] : runner_bound(r, opts->argument[i]);
		name->nstanding += name->standing[i] != NULL;
	}
	return true;
}

static Kept *compile_locked(Runner *r, const void *bytecode, size_t n, const CompileOptions *opts, Err *e)
{
	Kept name = { .nbytes = n, .hash = { hash_bytes(bytecode, n, 1), hash_bytes(bytecode, n, 2) } };
	Kept *k = describe(r, opts, &name, e) ? find_module(r, &name) : NULL;
	bool compiled = false;
	Executable *x = k || e->code ? NULL : executable_cached(r->device, bytecode, n, opts, &compiled, e);
	if (!x) {
		free(name.number);
		free(name.standing);
		return k;
	}
	pthread_mutex_lock(&r->lock);
	r->ncompiled += compiled;
	pthread_mutex_unlock(&r->lock);
	return keep(r, x, &name, e);
}

Kept *runner_compile(Runner *r, const void *bytecode, size_t n, const CompileOptions *opts, Err *e)
{
	pthread_mutex_lock(&r->compiling);
	Kept *k = compile_locked(r, bytecode, n, opts, e);
	pthread_mutex_unlock(&r->compiling);
	return k;
}

bool runner_add(Runner *r, const void *bytecode, size_t n, const CompileOptions *opts, Err *e)
{
	Kept *k = runner_compile(r, bytecode, n, opts, e);
	runner_drop(r, k);
	return k != NULL;
}

int kept_noutputs(const Kept *k) { return executable_noutputs(k->x); }

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

static bool takes(const Runner *r, const Kept *k, const Given *g)
{
	int at = 0, n = executable_ninputs(k->x);
	if (g->n < 0 || (n >= 0 && n != g->n + nstanding(r, k))) return false;
	for (int i = 0; i < n; i++)
		if (!standing_at(r, k, i) && !tensor_type_eq(given_type(g, at++), executable_input(k->x, i))) return false;
	return true;
}

/* The one used last that takes the inputs, in use by the caller; NULL: none does. */
static Kept *find(Runner *r, const Given *g, const int64_t *number, int nnumber)
{
	pthread_mutex_lock(&r->lock);
	Kept *k = r->first;
	while (k && !(same_numbers(k, number, nnumber) && takes(r, k, g))) k = k->next;
	if (k) use_locked(r, k);
	pthread_mutex_unlock(&r->lock);
	return k;
}

Kept *runner_take(Runner *r, const HostTensor *in, int nin, const int64_t *number, int nnumber)
{
	return find(r, &(Given){ .host = in, .n = nin }, number, nnumber);
}

static Kept *take_first(Runner *r)
{
	pthread_mutex_lock(&r->lock);
	Kept *k = r->first;
	if (k) k->users++;
	pthread_mutex_unlock(&r->lock);
	return k;
}

/* Why it does not fit. */
static bool no_fit_of(const Runner *r, const Kept *k, const Given *g, Err *e)
{
	const Executable *x = k->x;
	int at = 0, n = executable_ninputs(x);
	if (n != g->n + nstanding(r, k))
		return fail(e, BAD_INPUT, "%d inputs given, the program takes %d", g->n, n - nstanding(r, k));
	for (int i = 0; i < n; i++) {
		char found[128], wanted[128];
		if (standing_at(r, k, i)) continue;
		const TensorType *t = given_type(g, at++), *w = executable_input(x, i);
		if (!tensor_type_eq(t, w))
			return fail(e, BAD_INPUT, "input %d is %s, the program takes %s", at - 1,
				tensor_type_text(t, found, sizeof found), tensor_type_text(w, wanted, sizeof wanted));
	}
	return fail(e, BAD_INPUT, "no compiled program takes these inputs");
}

/* Why none fits: told of the module used last. */
static bool no_fit(Runner *r, const Given *g, Err *e)
{
	Kept *last = take_first(r);
	bool ok = last ? no_fit_of(r, last, g, e) : fail(e, BAD_INPUT, "the program was not compiled yet");
	runner_drop(r, last);
	return ok;
}

static bool is_donated(const RunOptions *o, int64_t i)
{
	for (int k = 0; o && k < o->ndonate; k++)
		if (o->donate[k] == i) return true;
	return false;
}

static bool run(Runner *r, Kept *k, DeviceBuffer *const *in, int nin, DeviceBuffer **out, const RunOptions *opts, Err *e)
{
	int n = nin + nstanding(r, k), ndonate = 0;
	void *block = malloc(((size_t)n + 1) * (sizeof(DeviceBuffer *) + sizeof(int64_t)));
	if (!block) return fail(e, NO_MEMORY, "out of memory");
	int64_t *donate = block;
	DeviceBuffer **all = (DeviceBuffer **)(donate + n);
	for (int i = 0, at = 0; i < n; i++) {
		all[i] = standing_at(r, k, i);
		if (all[i]) continue;
		if (is_donated(opts, at)) donate[ndonate++] = i;
		all[i] = in[at++];
	}
	bool ok = executable_run(k->x, all, n, out, &(RunOptions){ donate, ndonate }, e);
	free(block);
	return ok;
}

bool kept_run_buffers(Runner *r, Kept *k, DeviceBuffer *const *in, int nin, DeviceBuffer **out, const RunOptions *opts, Err *e)
{
	return run(r, k, in, nin, out, opts, e);
}

bool runner_run_buffers(Runner *r, DeviceBuffer *const *in, int nin, DeviceBuffer **out, const RunOptions *opts, Err *e)
{
	Given g = { .buffer = in, .n = nin };
	Kept *k = find(r, &g, NULL, 0);
	bool ok = k ? run(r, k, in, nin, out, opts, e) : no_fit(r, &g, e);
	runner_drop(r, k);
	return ok;
}

bool kept_run(Runner *r, Kept *k, const HostTensor *in, int nin, DeviceBuffer **out, Err *e)
{
	DeviceBuffer **up = calloc((size_t)nin + 1, sizeof *up);
	bool ok = up || fail(e, NO_MEMORY, "out of memory");
	for (int i = 0; i < nin && ok; i++) {
		up[i] = take_in(r, &in[i], e);
		ok = up[i] || err_at(e, "input %d", i);
	}
	ok = ok && run(r, k, up, nin, out, NULL, e);
	for (int i = 0; i < nin && up; i++) buffer_free(up[i]);
	free(up);
	return ok;
}

bool kept_run_each(Runner *r, Kept *k, int n, const HostTensor *in, int nin, DeviceBuffer **out, Err *e)
{
	int each = nin + nstanding(r, k), at = 0;
	DeviceBuffer **all = calloc((size_t)n * (size_t)each + 1, sizeof *all);
	bool ok = all || fail(e, NO_MEMORY, "out of memory");
	for (int i = 0; ok && i < n * each; i++) {
		all[i] = standing_at(r, k, i % each);
		if (!all[i]) ok = (all[i] = take_in(r, &in[at++], e)) != NULL;
	}
	ok = ok && executable_run_each(k->x, all, each, out, e);
	for (int i = 0; all && i < n * each; i++)
		if (!standing_at(r, k, i % each)) buffer_free(all[i]);
	free(all);
	return ok;
}

bool runner_run(Runner *r, const HostTensor *in, int nin, DeviceBuffer **out, Err *e)
{
	Given g = { .host = in, .n = nin };
	Kept *k = find(r, &g, NULL, 0);
	bool ok = k ? kept_run(r, k, in, nin, out, e) : no_fit(r, &g, e);
	runner_drop(r, k);
	return ok;
}

/* -- asking ---------------------------------------------------------------------------------------------- */

bool runner_has(Runner *r, const HostTensor *in, int nin)
{
	Kept *k = runner_take(r, in, nin, NULL, 0);
	runner_drop(r, k);
	return k != NULL;
}

static int asked(Runner *r, const int *field)
{
	pthread_mutex_lock(&r->lock);
	int n = *field;
	pthread_mutex_unlock(&r->lock);
	return n;
}

int runner_noutputs(Runner *r) { return asked(r, &r->noutputs); }
int runner_ncompiled(Runner *r) { return asked(r, &r->ncompiled); }
int runner_nkept(Runner *r) { return asked(r, &r->nkept); }
