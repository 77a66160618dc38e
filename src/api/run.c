/* Models on devices. */
#include "api/sizes.h"
#include "api/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tshlo_runner {
	Runner *runner;
	tshlo_model *model;
	tshlo_session *session;          /* NULL: what the method writes are results like others */
	Method *method;
	tshlo_device *device;
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

const char *tshlo_device_name(const tshlo_device *d) { return d ? device_name(d->device) : ""; }
const char *tshlo_device_platform(const tshlo_device *d) { return d ? plugin_info(d->plugin)->platform : ""; }
const char *tshlo_device_plugin(const tshlo_device *d) { return d ? plugin_info(d->plugin)->path : ""; }
bool tshlo_device_is_host(const tshlo_device *d) { return d && device_is_host(d->device); }

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

/* In use by the caller. user: the types of the user inputs where they are not the method's own. */
static Kept *compile(const Method *k, Runner *r, const void *code, size_t n, const tshlo_tensor *user, Numbers numbers, Err *e)
{
	TensorType *in = calloc((size_t)k->nin + 1, sizeof *in);
	if (!in) return fail(e, NO_MEMORY, "out of memory"), NULL;
	for (int i = 0; i < k->nin; i++) in[i] = host(user && k->in[i].input == TSHLO_INPUT_USER ? user++ : &k->in[i].type).type;
	CompileOptions opt = { .inputs = in, .ninputs = k->nin, .number = numbers.v, .nnumber = numbers.n };
	Kept *x = runner_compile(r, code, n, &opt, e);
	free(in);
	if (!x || kept_noutputs(x) == k->nout) return x;
	fail(e, BAD_INPUT, "method '%s' gives %d results by its signature, %d by its bytecode", k->name, k->nout, kept_noutputs(x));
	runner_drop(r, x);
	return NULL;
}

static bool add_module(tshlo_model *m, const Method *k, tshlo_device *d, Runner *r, Err *e)
{
	size_t n;
	const char *version = tshlo_bytecode_version(m, k->name, (tshlo_error *)e);
	const void *code = version ? tshlo_bytecode(m, k->name, NULL, &n, (tshlo_error *)e) : NULL;
	Kept *x = code && check_version(plugin_info(d->plugin), version, e) ? compile(k, r, code, n, NULL, (Numbers){ 0 }, e) : NULL;
	runner_drop(r, x);
	return x != NULL;
}

static Kept *compile_sizes(tshlo_runner *r, const tshlo_tensor *user, Numbers numbers, Err *e)
{
	Buf code = { 0 };
	bool ok = bytecode_for(r->model, r->method, user, &code, e);
	Kept *x = ok ? compile(r->method, r->runner, code.p, code.n, user, numbers, e) : NULL;
	buf_free(&code);
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
		if (!r->runner || !bind_weights(m, k, s, r->runner, err) || !(k->dynamic || add_module(m, k, d, r->runner, err))) {
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
	if (r && r->runner) runner_free(r->runner);
	free(r);
}

int tshlo_runner_ncompiled(tshlo_runner *r) { return r ? runner_ncompiled(r->runner) : 0; }
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
