/* Models on devices. */
#include "api/session.h"
#include "api/sizes.h"
#include "api/spread.h"
#include "api/tuned.h"
#include "stablehlo/quantized.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was computed from weights alone, on the device. */
typedef struct Once {
	struct Once *next;
	uint64_t hash[2];                /* of the module that computed it */
	size_t nbytes;
	int n;
	DeviceBuffer *buffer[];          /* [n] */
} Once;

struct tshlo_runner {
	Runner *runner;
	pthread_mutex_t lock;            /* of once */
	Once *once;
	tshlo_model *model;
	tshlo_session *session;          /* NULL: what the method writes are results like others */
	Method *method;
	tshlo_device *device;
	int ndevice;                     /* that the method runs on: 1, or those from the device on */
};

/* -- devices --------------------------------------------------------------------------------------------- */

tshlo_device *tshlo_device_open(const char *plugin, int index, tshlo_error *e)
{
	ERR(e, NULL);
	tshlo_device *d = calloc(1, sizeof *d);
	if (!d) return fail(err, NO_MEMORY, "out of memory"), NULL;
	d->plugin = plugin_open(plugin, err);
	d->device = d->plugin ? plugin_device(d->plugin, index) : NULL;
	if (d->device) return d;
	if (d->plugin)
		fail(err, BAD_INPUT, "%s has no device %d, it has %d", plugin_info(d->plugin)->path, index,
			plugin_ndevices(d->plugin));
	tshlo_device_close(d);
	return NULL;
}

void tshlo_device_close(tshlo_device *d)
{
	if (d && d->plugin) plugin_close(d->plugin);
	free(d);
}

bool tshlo_device_cache(tshlo_device *d, const char *dir, tshlo_error *e)
{
	ERR(e, false);
	return d && device_cache(d->device, dir, err);
}

const char *tshlo_device_name(const tshlo_device *d) { return d ? device_name(d->device) : ""; }
const char *tshlo_device_platform(const tshlo_device *d) { return d ? plugin_info(d->plugin)->platform : ""; }
const char *tshlo_device_plugin(const tshlo_device *d) { return d ? plugin_info(d->plugin)->path : ""; }
bool tshlo_device_is_host(const tshlo_device *d) { return d && device_is_host(d->device); }
int tshlo_device_count(const tshlo_device *d) { return d ? plugin_ndevices(d->plugin) : 0; }

/* -- tensors --------------------------------------------------------------------------------------------- */

static HostTensor host(const tshlo_tensor *t)
{
	return (HostTensor){ { (DType)t->dtype, t->rank, t->dims }, t->data };
}

bool given_tensor(const tshlo_tensor *t, const char *what, Err *e)
{
	if (!given(t, what, e)) return false;
	if (t->dtype <= 0 || t->dtype >= NDTYPES)
		return fail(e, BAD_INPUT, "%s: there is no element type %d", what, t->dtype);
	if (t->rank < 0 || t->rank > MAX_RANK)
		return fail(e, BAD_INPUT, "%s has rank %d, wanted 0 to %d", what, t->rank, MAX_RANK);
	if (t->rank && !t->dims) return fail(e, BAD_INPUT, "%s has rank %d and no dims", what, t->rank);
	return true;
}

static DeviceBuffer *inner(tshlo_buffer *b) { return (DeviceBuffer *)b; }
static const DeviceBuffer *peek(const tshlo_buffer *b) { return (const DeviceBuffer *)b; }

tshlo_buffer *tshlo_buffer_new(tshlo_device *d, const tshlo_tensor *t, tshlo_error *e)
{
	ERR(e, NULL);
	if (!d || !given_tensor(t, "tensor", err)) return NULL;
	HostTensor h = host(t);
	return (tshlo_buffer *)buffer_from_host(d->device, &h, err);
}

bool tshlo_buffer_info(tshlo_buffer *b, tshlo_tensor *out)
{
	if (!b) return false;
	OWN_ERR(NULL);
	const TensorType *t = buffer_type(peek(b));
	*out = (tshlo_tensor){ (int)t->dtype, t->rank, t->dims, buffer_view(inner(b), err) };
	return true;
}

size_t tshlo_buffer_nbytes(const tshlo_buffer *b) { return b ? buffer_nbytes(peek(b)) : 0; }

bool tshlo_buffer_read(const tshlo_buffer *b, void *dst, size_t nbytes, tshlo_error *e)
{
	ERR(e, false);
	return b && (!nbytes || given(dst, "memory to read into", err))
		&& buffer_to_host(peek(b), dst, nbytes, err);
}

void tshlo_buffer_free(tshlo_buffer *b) { buffer_free(inner(b)); }

/* -- runners --------------------------------------------------------------------------------------------- */

/* The plugin must read the version we write; it says which it reads. */
static bool check_version(const PluginInfo *info, const char *version, Err *e)
{
	Version v, newest = { info->stablehlo_current[0], info->stablehlo_current[1],
		info->stablehlo_current[2] };
	bool known = newest.major || newest.minor || newest.patch;
	if (!known || !version_parse(version, &v) || version_cmp(v, newest) <= 0) return true;
	return fail(e, UNSUPPORTED, "the module needs StableHLO %s, but the plugin %s reads up to %d.%d.%d",
		version, info->name, newest.major, newest.minor, newest.patch);
}

static bool bind_weights(tshlo_model *m, const Method *k, const tshlo_session *s, Runner *r, Err *e)
{
	for (int i = 0; i < k->nin; i++) {
		if (k->in[i].input == TSHLO_INPUT_USER || state_argument(s, k, i) >= 0) continue;
		if (!k->weight[i])
			return fail(e, BAD_INPUT, "weight '%s' is not there: the directory was saved without weights",
				k->in[i].name);
		HostTensor t = host(&k->in[i].type);
		t.data = weight_data(m, k->weight[i], e);
		if (e->code || !runner_bind(r, i, &t, e)) return false;
	}
	return true;
}

/* The integers that a run is given, where its module is made for just these: with the types of the inputs they say which one. */
typedef struct Numbers { int n; const int64_t *v; } Numbers;

/* A module to be compiled, and where its arguments come from when they are not the method's own. user: the types of the user inputs where
 * they are not the method's own. */
typedef struct Build {
	const void *p;
	size_t n;
	const tshlo_tensor *user;
	Numbers numbers;
	const Split *split;              /* NULL: the method's own */
	const Once *once;
	const Module *module;            /* of several devices: p read */
} Build;

static TensorType input_type(const Method *k, const tshlo_tensor *user, int argument)
{
	int before = 0;
	if (!user || k->in[argument].input != TSHLO_INPUT_USER) return host(&k->in[argument].type).type;
	for (int i = 0; i < argument; i++) before += k->in[i].input == TSHLO_INPUT_USER;
	return host(&user[before]).type;
}

static bool spread(Arena *a, const Module *m, int ndevice, CompileOptions *opt, Err *e)
{
	GUARD(a, e, return false);
	return lie_on_devices(a, m, ndevice, &opt->spread, e);
}

/* In use by the caller. */
static Kept *compile(tshlo_runner *r, const Build *c, Err *e)
{
	const Method *k = r->method;
	int n = c->split ? c->split->nargument : k->nin;
	TensorType *in = calloc((size_t)n + 1, sizeof *in);
	if (!in) return fail(e, NO_MEMORY, "out of memory"), NULL;
	for (int i = 0; i < n; i++) {
		int from = c->split ? c->split->argument[i] : i;
		in[i] = from < 0 ? *buffer_type(c->once->buffer[~from]) : input_type(k, c->user, from);
	}
	CompileOptions opt = { .inputs = in, .ninputs = n, .number = c->numbers.v, .nnumber = c->numbers.n,
		.argument = c->split ? c->split->argument : NULL, .more = c->once ? c->once->buffer : NULL };
	Arena a = { 0 };
	bool ok = r->ndevice == 1 || spread(&a, c->module, r->ndevice, &opt, e);
	Kept *x = ok ? runner_compile(r->runner, c->p, c->n, &opt, e) : NULL;
	arena_free(&a);
	free(in);
	if (!x && e->code == PLUGIN) explain_custom_calls(r->model, r->method, e);
	if (!x || kept_noutputs(x) == k->nout) return x;
	fail(e, BAD_INPUT, "method '%s' gives %d results by its signature, %d by its bytecode", k->name, k->nout, kept_noutputs(x));
	runner_drop(r->runner, x);
	return NULL;
}

static bool run_once(tshlo_runner *r, const Tuned *t, DeviceBuffer **out, Err *e)
{
	bool compiled;
	Executable *x = executable_cached(r->device->device, t->once.p, t->once.n, NULL, &compiled, e);
	DeviceBuffer **in = x ? calloc((size_t)t->split.nonce + 1, sizeof *in) : NULL;
	if (x && !in) fail(e, NO_MEMORY, "out of memory");
	for (int i = 0; in && i < t->split.nonce; i++) in[i] = runner_bound(r->runner, t->split.once[i]);
	bool ok = in && executable_run(x, in, t->split.nonce, out, NULL, e);
	free(in);
	executable_free(x);
	return ok;
}

static Once *find_once(const tshlo_runner *r, const uint64_t *hash, size_t nbytes)
{
	for (Once *o = r->once; o; o = o->next)
		if (o->nbytes == nbytes && o->hash[0] == hash[0] && o->hash[1] == hash[1]) return o;
	return NULL;
}

/* What t's function of weights gives, computed if that was not done for another size of the inputs already. */
static const Once *once_of(tshlo_runner *r, const Tuned *t, Err *e)
{
	uint64_t hash[2] = { hash_bytes(t->once.p, t->once.n, 1), hash_bytes(t->once.p, t->once.n, 2) };
	pthread_mutex_lock(&r->lock);
	Once *o = find_once(r, hash, t->once.n);
	if (!o) {
		o = calloc(1, sizeof *o + (size_t)t->split.nresult * sizeof *o->buffer);
		if (!o) fail(e, NO_MEMORY, "out of memory");
		else if (run_once(r, t, o->buffer, e)) {
			*o = (Once){ r->once, { hash[0], hash[1] }, t->once.n, t->split.nresult };
			r->once = o;
		} else {
			free(o);
			o = NULL;
		}
	}
	pthread_mutex_unlock(&r->lock);
	return o;
}

static Kept *compile_tuned(tshlo_runner *r, const Module *m, Build c, Err *e)
{
	Tuned t;
	bool ok = tuned_new(m, r->method, r->session, &t, e);
	c.once = ok && t.is_split ? once_of(r, &t, e) : NULL;
	if (t.is_split) c.split = &t.split;
	if (t.code.n) c.p = t.code.p, c.n = t.code.n;
	ok = ok && !e->code;
	Kept *x = ok ? compile(r, &c, e) : NULL;
	tuned_free(&t);
	return x;
}

/* What is rewritten is rewritten for XLA's CPU. */
static bool tunes(const tshlo_runner *r) { return r->ndevice == 1 && !r->model->untuned && device_is_host(r->device->device); }

/* The module of a method whose sizes are known, to be rewritten; NULL: a loaded one that cannot be read. */
static const Module *readable_module(tshlo_runner *r)
{
	Err ignored = { 0 };
	const Module *m = method_module(r->model, r->method, &ignored);
	err_clear(&ignored);
	return m;
}

/* A module for several devices runs on these where the plugin has them, and else, unpartitioned, on one. */
static int devices_for(tshlo_runner *r, Err *e)
{
	static const char mark[] = "mhlo.num_";
	const Method *k = r->method;
	bool reads = k->saved && k->saved->bytecode && memmem(k->saved->bytecode, k->saved->bytecode_nbytes, mark, sizeof mark - 1);
	const Module *m = reads ? readable_module(r) : k->module;
	int n = devices_of(m), i = 0;
	Plugin *p = r->device->plugin;
	while (plugin_device(p, i) && plugin_device(p, i) != r->device->device) i++;
	if (n <= plugin_ndevices(p) - i) return n;
	if (has_replicas(m))
		fail(e, UNSUPPORTED, "the program's ranks need %d devices, %s has %d from %s on", n, plugin_info(p)->name, plugin_ndevices(p) - i,
			device_name(r->device->device));
	return 1;
}

static Kept *compile_module(tshlo_runner *r, const Module *m, Build c, Err *e)
{
	Buf code = { 0 };
	Kept *x = NULL;
	if (write_bytecode(m, oldest_usable(m), &code)) {
		c.p = code.p;
		c.n = code.n;
		c.module = m;
		x = tunes(r) ? compile_tuned(r, m, c, e) : compile(r, &c, e);
	}
	buf_free(&code);
	return x;
}

/* The same on the integers that values of quantized types are stored as. */
static Kept *compile_unquantized(tshlo_runner *r, const Module *m, Build c, Err *e)
{
	Module mod = { .err = e };
	err_clear(e);
	Kept *x = unquantized_module(m, r->method, &mod) ? compile_module(r, &mod, c, e) : NULL;
	module_free(&mod);
	return x;
}

/* Quantized types are for plugins that take them. */
static bool add_module(tshlo_runner *r, Err *e)
{
	Build c = { 0 };
	const Method *k = r->method;
	const char *version = tshlo_bytecode_version(r->model, k->name, (tshlo_error *)e);
	c.p = version ? tshlo_bytecode(r->model, k->name, NULL, &c.n, (tshlo_error *)e) : NULL;
	if (!c.p || !check_version(plugin_info(r->device->plugin), version, e)) return false;
	const Module *m = c.module = tunes(r) || r->ndevice > 1 ? readable_module(r) : NULL;
	Kept *x = m && tunes(r) && !has_quantized_types(m) ? compile_tuned(r, m, c, e) : compile(r, &c, e);
	if (!x && e->code == PLUGIN && !m) m = readable_module(r);
	if (!x && e->code == PLUGIN && m && has_quantized_types(m)) x = compile_unquantized(r, m, c, e);
	runner_drop(r->runner, x);
	return x != NULL;
}

static Kept *compile_sizes(tshlo_runner *r, const tshlo_tensor *user, Numbers numbers, Err *e)
{
	Module mod = { 0 };
	Build c = { .user = user, .numbers = numbers };
	Kept *x = !sized_module(r->model, r->method, user, &mod, e) ? NULL
		: has_quantized_types(&mod) ? compile_unquantized(r, &mod, c, e) : compile_module(r, &mod, c, e);
	module_free(&mod);
	return x;
}

/* The executable for a run, in use by the caller. user: the types, and integers, of the user inputs; given: what the runner is given. */
static Kept *executable_for(tshlo_runner *r, const tshlo_tensor *user, const HostTensor *given, int ngiven, Err *e)
{
	const Method *k = r->method;
	int64_t small[16], *v = k->nint <= 16 ? small : malloc((size_t)k->nint * sizeof *v);
	if (!v) return fail(e, NO_MEMORY, "out of memory"), NULL;
	Numbers numbers = { k->dynamic ? given_integers(k, user, v) : 0, v };
	Kept *x = runner_take(r->runner, given, ngiven, numbers.v, numbers.n);
	if (!x && k->dynamic) x = compile_sizes(r, user, numbers, e);
	else if (!x) fail(e, BAD_INPUT, "method '%s': its bytecode does not take these inputs", k->name);
	if (v != small) free(v);
	return x;
}

tshlo_runner *tshlo_compile(tshlo_model *m, const char *method, tshlo_device *d, tshlo_error *e)
{
	return tshlo_compile_in(m, method, d, NULL, e);
}

tshlo_runner *tshlo_compile_in(tshlo_model *m, const char *method, tshlo_device *d, tshlo_session *s, tshlo_error *e)
{
	ERR(e, NULL);
	Method *k = m && d ? model_method(m, method, err) : NULL;
	tshlo_runner *r = k ? calloc(1, sizeof *r) : NULL;
	if (r) {
		*r = (tshlo_runner){ .runner = runner_new(d->device, err), .model = m, .method = k, .device = d, .session = s };
		pthread_mutex_init(&r->lock, NULL);
		r->ndevice = devices_for(r, err);
		if (r->runner && r->ndevice > 1) runner_spread(r->runner);
		if (err->code || !r->runner || !bind_weights(m, k, s, r->runner, err) || !(k->dynamic || add_module(r, err))) {
			tshlo_runner_free(r);
			r = NULL;
		}
	} else if (k) {
		fail(err, NO_MEMORY, "out of memory");
	}
	return r;
}

void tshlo_runner_free(tshlo_runner *r)
{
	if (!r) return;
	runner_free(r->runner);
	for (Once *o = r->once, *next; o; o = next) {
		next = o->next;
		for (int i = 0; i < o->n; i++) buffer_free(o->buffer[i]);
		free(o);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void tshlo_tune(tshlo_model *m, bool on)
{
	if (m) m->untuned = !on;
}

int tshlo_runner_ncompiled(tshlo_runner *r) { return r ? runner_ncompiled(r->runner) : 0; }
int tshlo_runner_ndevices(const tshlo_runner *r) { return r ? r->ndevice : 0; }
int tshlo_runner_nkept(tshlo_runner *r) { return r ? runner_nkept(r->runner) : 0; }

void tshlo_runner_limit(tshlo_runner *r, int limit)
{
	if (r) runner_limit(r->runner, limit);
}

int tshlo_runner_nuser(const tshlo_runner *r) { return r ? r->method->nuser : 0; }

/* "f32[4,3]", cut to the room there is. */
static const char *type_text(const tshlo_tensor *t, char *text, size_t room)
{
	size_t n = (size_t)snprintf(text, room, "%s[", dtype_name((DType)t->dtype));
	for (int i = 0; i < t->rank && n + 24 < room; i++) {
		if (t->dims[i] < 0) n += (size_t)snprintf(text + n, room - n, "%s?", i ? "," : "");
		else n += (size_t)snprintf(text + n, room - n, "%s%lld", i ? "," : "", (long long)t->dims[i]);
	}
	snprintf(text + n, room - n, "]");
	return text;
}

/* Which user input, by name, does not fit: runners know only positions. */
static bool check_input(const tshlo_value_info *want, const tshlo_tensor *have, Err *e)
{
	if (!given_tensor(have, *want->name ? want->name : "an input", e)) return false;
	bool fits = have->dtype == want->type.dtype && have->rank == want->type.rank;
	for (int i = 0; fits && i < have->rank; i++) fits = want->type.dims[i] < 0 ? have->dims[i] >= 0 : have->dims[i] == want->type.dims[i];
	if (fits) return true;
	char found[256], wanted[256];
	return fail(e, BAD_INPUT, "input %d (%s) is %s, wanted %s", want->position,
		*want->name ? want->name : "unnamed", type_text(have, found, sizeof found),
		type_text(&want->type, wanted, sizeof wanted));
}

static bool check_count(const Method *k, const void *in, int nin, Err *e)
{
	if (nin != k->nuser) return fail(e, BAD_INPUT, "%d inputs are given, wanted %d", nin, k->nuser);
	return !nin || given(in, "input", e);
}

static bool check_inputs(const Method *k, const tshlo_tensor *in, int nin, Err *e)
{
	if (!check_count(k, in, nin, e)) return false;
	for (int i = 0, user = 0; i < k->nin; i++)
		if (k->in[i].input == TSHLO_INPUT_USER && !check_input(&k->in[i], &in[user++], e)) return false;
	return check_sizes(k, in, e);
}

bool tshlo_check_inputs(const tshlo_model *m, const char *method, const tshlo_tensor *in, int nin,
	tshlo_error *e)
{
	ERR(e, false);
	const Method *k = model_method(m, method, err);
	return k && check_inputs(k, in, nin, err);
}

/* The types of buffers as tensors without elements but for integers, in memory to be freed. */
static tshlo_tensor *types_of(const Method *k, tshlo_buffer *const *in, int nin, Err *e)
{
	tshlo_tensor *t = calloc((size_t)nin + 1, sizeof *t + sizeof(int64_t));
	if (!t) return fail(e, NO_MEMORY, "out of memory"), NULL;
	int64_t *integer = (int64_t *)(t + nin + 1);
	for (int i = 0, user = 0; i < k->nin; i++) {
		if (k->in[i].input != TSHLO_INPUT_USER) continue;
		if (!in[user]) return fail(e, BAD_INPUT, "input %d (%s) is NULL", k->in[i].position, k->in[i].name), free(t), NULL;
		const TensorType *x = buffer_type(peek(in[user]));
		t[user] = (tshlo_tensor){ (int)x->dtype, x->rank, x->dims, NULL };
		if (k->in[i].scalar == TSHLO_INT && x->dtype == DTYPE_i64 && !x->rank) {
			if (!buffer_to_host(peek(in[user]), &integer[user], sizeof *integer, e)) return free(t), NULL;
			t[user].data = &integer[user];
		}
		user++;
	}
	return t;
}

static bool run_plain(tshlo_runner *r, const tshlo_tensor *in, int nin, tshlo_buffer **out, Err *e)
{
	HostTensor small[16] = { 0 }, *h = nin <= 16 ? small : calloc((size_t)nin, sizeof *h);
	bool ok = h != NULL || fail(e, NO_MEMORY, "out of memory");
	for (int i = 0; ok && i < nin; i++) h[i] = host(&in[i]);
	Kept *x = ok ? executable_for(r, in, h, nin, e) : NULL;
	ok = x && kept_run(r->runner, x, h, nin, (DeviceBuffer **)out, e);
	runner_drop(r->runner, x);
	if (h != small) free(h);
	return ok;
}

/* -- running with state ---------------------------------------------------------------------------------- */

/* What a run is given besides the bound weights: user inputs and state, in the order of the arguments. */
typedef struct Given {
	int n, ndonate;
	DeviceBuffer **in;           /* [n] */
	HostTensor *type;            /* [n] */
	int64_t *donate;
} Given;

static void given_free(Given *g)
{
	free(g->in);
	free(g->type);
	free(g->donate);
}

static bool given_new(Given *g, int most, Err *e)
{
	size_t n = (size_t)most + 1;
	*g = (Given){ .in = calloc(n, sizeof *g->in), .type = calloc(n, sizeof *g->type), .donate = calloc(n, sizeof *g->donate) };
	return (g->in && g->type && g->donate) || fail(e, NO_MEMORY, "out of memory");
}

/* Under the state's lock. */
static bool gather(tshlo_runner *r, DeviceBuffer *const *user, Given *g, Err *e)
{
	const Method *k = r->method;
	for (int i = 0; i < k->nin; i++) {
		int slot = state_argument(r->session, k, i);
		if (k->in[i].input != TSHLO_INPUT_USER && slot < 0) continue;
		DeviceBuffer *b = slot < 0 ? *user++ : state_buffer(r->session, slot, e);
		if (!b) return false;
		if (slot >= 0 && state_is_written(r->session, slot)) g->donate[g->ndonate++] = g->n;
		g->in[g->n] = b;
		g->type[g->n++].type = *buffer_type(b);
	}
	return true;
}

/* Results that are the new value of state stay there. After a failure what was given away is gone: it begins anew. */
static void keep_results(tshlo_runner *r, const Given *g, tshlo_buffer **out, bool ok)
{
	const Method *k = r->method;
	for (int i = 0; i < k->nout; i++) {
		int slot = state_result(r->session, k, i);
		if (slot < 0 || (!ok && !g->ndonate)) continue;
		state_take(r->session, slot, ok ? (DeviceBuffer *)out[i] : NULL);
		out[i] = NULL;
	}
}

static bool run_in_session(tshlo_runner *r, const tshlo_tensor *types, DeviceBuffer *const *user, tshlo_buffer **out, Err *e)
{
	Given g;
	if (!given_new(&g, r->method->nin, e)) return given_free(&g), false;
	state_lock(r->session);
	Kept *x = gather(r, user, &g, e) ? executable_for(r, types, g.type, g.n, e) : NULL;
	RunOptions opt = { g.donate, g.ndonate };
	bool ok = x && kept_run_buffers(r->runner, x, g.in, g.n, (DeviceBuffer **)out, &opt, e);
	if (x) keep_results(r, &g, out, ok);
	state_unlock(r->session);
	runner_drop(r->runner, x);
	given_free(&g);
	return ok;
}

/* User inputs go to the device first. */
static bool upload_and_run(tshlo_runner *r, const tshlo_tensor *in, int nin, tshlo_buffer **out, Err *e)
{
	DeviceBuffer **user = calloc((size_t)nin + 1, sizeof *user);
	bool ok = user || fail(e, NO_MEMORY, "out of memory");
	for (int i = 0; ok && i < nin; i++) {
		HostTensor h = host(&in[i]);
		user[i] = buffer_from_host(r->device->device, &h, e);
		ok = user[i] || err_at(e, "input %d", i);
	}
	ok = ok && run_in_session(r, in, user, out, e);
	for (int i = 0; user && i < nin; i++) buffer_free(user[i]);
	free(user);
	return ok;
}

bool tshlo_run(tshlo_runner *r, const tshlo_tensor *in, int nin, tshlo_buffer **out, tshlo_error *e)
{
	ERR(e, false);
	if (!r || !check_inputs(r->method, in, nin, err)) return false;
	return r->session ? upload_and_run(r, in, nin, out, err) : run_plain(r, in, nin, out, err);
}

bool tshlo_run_each(tshlo_runner *r, const tshlo_tensor *in, int nin, tshlo_buffer **out, tshlo_error *e)
{
	ERR(e, false);
	if (!r) return false;
	if (r->ndevice == 1) return tshlo_run(r, in, nin, out, e);
	int n = r->ndevice;
	for (int k = 0; k < n; k++)
		if (!check_inputs(r->method, in + k * nin, nin, err)) return err_at(err, "rank %d", k);
	if (r->session) return fail(err, UNSUPPORTED, "method '%s' writes state, which ranks cannot have yet", r->method->name);
	HostTensor *h = calloc((size_t)n * (size_t)nin + 1, sizeof *h);
	bool ok = h || fail(err, NO_MEMORY, "out of memory");
	for (int i = 0; ok && i < n * nin; i++) h[i] = host(&in[i]);
	Kept *x = ok ? executable_for(r, in, h, nin, err) : NULL;
	ok = x && kept_run_each(r->runner, x, n, h, nin, (DeviceBuffer **)out, err);
	runner_drop(r->runner, x);
	free(h);
	return ok;
}

static bool run_buffers_plain(tshlo_runner *r, const tshlo_tensor *types, tshlo_buffer *const *in, int nin, tshlo_buffer **out, Err *e)
{
	HostTensor *h = calloc((size_t)nin + 1, sizeof *h);
	bool ok = h || fail(e, NO_MEMORY, "out of memory");
	for (int i = 0; ok && i < nin; i++) h[i] = host(&types[i]);
	Kept *x = ok ? executable_for(r, types, h, nin, e) : NULL;
	ok = x && kept_run_buffers(r->runner, x, (DeviceBuffer *const *)in, nin, (DeviceBuffer **)out, NULL, e);
	runner_drop(r->runner, x);
	free(h);
	return ok;
}

bool tshlo_run_buffers(tshlo_runner *r, tshlo_buffer *const *in, int nin, tshlo_buffer **out, tshlo_error *e)
{
	ERR(e, false);
	if (!r || !check_count(r->method, in, nin, err)) return false;
	tshlo_tensor *t = types_of(r->method, in, nin, err);
	bool ok = t && check_inputs(r->method, t, nin, err);
	ok = ok && (r->session ? run_in_session(r, t, (DeviceBuffer *const *)in, out, err) : run_buffers_plain(r, t, in, nin, out, err));
	free(t);
	return ok;
}
