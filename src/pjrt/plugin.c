#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "pjrt/internal.h"

/* Every plugin ever opened in this process. A global that changes, against our rule, because the thing
 * itself is one: PJRT_Plugin_Initialize may run once per process and file, its state outlives dlclose()
 * (threads, thread-local destructors), and two clients of one accelerator would fight for its memory. So a
 * plugin stays loaded for good, and openings of a file share a client. */
static struct {
	pthread_mutex_t lock;
	Plugin *first;
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The functions that we call end here; a plugin whose table is shorter is too old. */
enum { API_NEEDED = PJRT_STRUCT_SIZE(PJRT_Api, PJRT_Executable_OutputDimensions) };

/* -- errors and events ----------------------------------------------------------------------------------- */

static const char *code_name(PJRT_Error_Code code)
{
	static const char *const name[] = {
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
		"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	};
	return (size_t)code < sizeof name / sizeof *name ? name[code] : "error";
}

bool pjrt_ok(const Plugin *p, PJRT_Error *error, Err *e, const char *what)
{
	if (!error) return true;
	PJRT_Error_Message_Args m = ARGS(PJRT_Error_Message, .error = error);
	p->api->PJRT_Error_Message(&m);
	PJRT_Error_GetCode_Args c = ARGS(PJRT_Error_GetCode, .error = error);
	if (!pjrt_ok(p, p->api->PJRT_Error_GetCode(&c), NULL, "read error code"))
		c.code = PJRT_Error_Code_UNKNOWN;
	size_t n = m.message_size;
	while (n && m.message[n - 1] == '\n') n--;
	if (e) fail(e, PLUGIN, "%s: %s: %.*s", what, code_name(c.code), (int)n, m.message);
	PJRT_Error_Destroy_Args d = ARGS(PJRT_Error_Destroy, .error = error);
	p->api->PJRT_Error_Destroy(&d);
	return false;
}

bool pjrt_wait(const Plugin *p, PJRT_Event *event, Err *e, const char *what)
{
	if (!event) return true;
	PJRT_Event_Await_Args w = ARGS(PJRT_Event_Await, .event = event);
	bool ok = pjrt_ok(p, p->api->PJRT_Event_Await(&w), e, what);
	PJRT_Event_Destroy_Args d = ARGS(PJRT_Event_Destroy, .event = event);
	return pjrt_ok(p, p->api->PJRT_Event_Destroy(&d), e, "destroy event") && ok;
}

/* -- what the client tells ------------------------------------------------------------------------------- */

/* PJRT strings have a length and no NUL. */
static const char *text(Plugin *p, const char *s, size_t n) { return s ? arena_str(&p->arena, s, n) : ""; }

static bool is_named(const PJRT_NamedValue *v, const char *name)
{
	return v->name_size == strlen(name) && !memcmp(v->name, name, v->name_size);
}

static void read_version(const PJRT_NamedValue *v, const char *name, int out[3])
{
	if (!is_named(v, name) || v->type != PJRT_NamedValue_kInt64List || v->value_size != 3) return;
	for (int i = 0; i < 3; i++) out[i] = (int)v->int64_array_value[i];
}

static bool read_attributes(Plugin *p, Err *e)
{
	PJRT_Plugin_Attributes_Args a = ARGS(PJRT_Plugin_Attributes, .attributes = NULL);
	if (!pjrt_ok(p, p->api->PJRT_Plugin_Attributes(&a), e, "read plugin attributes")) return false;
	for (size_t i = 0; i < a.num_attributes; i++) {
		const PJRT_NamedValue *v = &a.attributes[i];
		read_version(v, "stablehlo_current_version", p->info.stablehlo_current);
		read_version(v, "stablehlo_minimum_version", p->info.stablehlo_minimum);
		if (is_named(v, "xla_version") && v->type == PJRT_NamedValue_kInt64)
			p->info.xla_version = v->int64_value;
	}
	return true;
}

static bool read_platform(Plugin *p, Err *e)
{
	PJRT_Client_PlatformName_Args n = ARGS(PJRT_Client_PlatformName, .client = p->client);
	PJRT_Client_PlatformVersion_Args v = ARGS(PJRT_Client_PlatformVersion, .client = p->client);
	if (!pjrt_ok(p, p->api->PJRT_Client_PlatformName(&n), e, "read platform name")) return false;
	if (!pjrt_ok(p, p->api->PJRT_Client_PlatformVersion(&v), e, "read platform version")) return false;
	p->info.platform = text(p, n.platform_name, n.platform_name_size);
	p->info.platform_version = text(p, v.platform_version, v.platform_version_size);
	return true;
}

static bool read_device(Device *d, Err *e)
{
	Plugin *p = d->plugin;
	PJRT_Device_GetDescription_Args a = ARGS(PJRT_Device_GetDescription, .device = d->pjrt);
	if (!pjrt_ok(p, p->api->PJRT_Device_GetDescription(&a), e, "describe device")) return false;
	PJRT_DeviceDescription *about = a.device_description;
	PJRT_DeviceDescription_Id_Args i = ARGS(PJRT_DeviceDescription_Id, .device_description = about);
	PJRT_DeviceDescription_Kind_Args k = ARGS(PJRT_DeviceDescription_Kind, .device_description = about);
	PJRT_DeviceDescription_ToString_Args s = ARGS(PJRT_DeviceDescription_ToString,
		.device_description = about);
	if (!pjrt_ok(p, p->api->PJRT_DeviceDescription_Id(&i), e, "read device id")) return false;
	if (!pjrt_ok(p, p->api->PJRT_DeviceDescription_Kind(&k), e, "read device kind")) return false;
	if (!pjrt_ok(p, p->api->PJRT_DeviceDescription_ToString(&s), e, "read device name")) return false;
	d->id = i.id;
	d->kind = text(p, k.device_kind, k.device_kind_size);
	d->name = text(p, s.to_string, s.to_string_size);
	d->is_host = !strcmp(p->info.platform, "cpu");
	return true;
}

static bool read_devices(Plugin *p, Err *e)
{
	PJRT_Client_AddressableDevices_Args a = ARGS(PJRT_Client_AddressableDevices, .client = p->client);
	if (!pjrt_ok(p, p->api->PJRT_Client_AddressableDevices(&a), e, "list devices")) return false;
	if (!a.num_addressable_devices) return fail(e, PLUGIN, "platform %s has no device", p->info.platform);
	if (a.num_addressable_devices > INT32_MAX)
		return fail(e, PLUGIN, "%zu devices", a.num_addressable_devices);
	p->ndevice = (int)a.num_addressable_devices;
	p->device = NEW(&p->arena, Device, p->ndevice);
	for (int i = 0; i < p->ndevice; i++) {
		p->device[i] = (Device){ .plugin = p, .pjrt = a.addressable_devices[i] };
		if (!read_device(&p->device[i], e)) return false;
	}
	return true;
}

/* -- opening --------------------------------------------------------------------------------------------- */

static void stop_client(Plugin *p)
{
	if (p->client) {
		PJRT_Client_Destroy_Args a = ARGS(PJRT_Client_Destroy, .client = p->client);
		pjrt_ok(p, p->api->PJRT_Client_Destroy(&a), NULL, "destroy client");
	}
	p->client = NULL;
	for (int i = 0; i < p->ndevice; i++) free(p->device[i].cache);
	p->ndevice = 0;
	arena_free(&p->arena);
}

static bool start_client(Plugin *p, Err *e)
{
	PJRT_Client_Create_Args a = ARGS(PJRT_Client_Create, .num_options = 0);
	if (!pjrt_ok(p, p->api->PJRT_Client_Create(&a), e, "create client")) return false;
	p->client = a.client;
	jmp_buf full;
	if (setjmp(full)) {
		stop_client(p);
		return fail(e, NO_MEMORY, "out of memory");
	}
	p->arena.full = &full;
	bool ok = read_attributes(p, e) && read_platform(p, e) && read_devices(p, e);
	p->arena.full = NULL;
	if (!ok) stop_client(p);
	return ok;
}

/* The plugin's function table, checked: the same major version, and long enough for what we call. */
static const PJRT_Api *load_api(void *handle, Err *e)
{
	const PJRT_Api *(*get)(void) = NULL;
	*(void **)&get = dlsym(handle, "GetPjrtApi");
	if (!get) return fail(e, PLUGIN, "not a PJRT plugin: it has no function GetPjrtApi"), NULL;
	const PJRT_Api *api = get();
	if (!api) return fail(e, PLUGIN, "GetPjrtApi gave no function table"), NULL;
	int major = api->pjrt_api_version.major_version, minor = api->pjrt_api_version.minor_version;
	if (major != PJRT_API_MAJOR)
		fail(e, PLUGIN, "speaks PJRT %d.%d; this build speaks PJRT %d.%d, and major versions must be the same",
			major, minor, PJRT_API_MAJOR, PJRT_API_MINOR);
	else if (api->struct_size < API_NEEDED)
		fail(e, PLUGIN, "PJRT %d.%d is too old: its function table has %zu bytes, this build (PJRT %d.%d) "
			"needs %d", major, minor, api->struct_size, PJRT_API_MAJOR, PJRT_API_MINOR, (int)API_NEEDED);
	else return api;
	return NULL;
}

static void plugin_delete(Plugin *p)
{
	if (!p) return;
	free((char *)p->info.path);
	free((char *)p->info.name);
	free(p);
}

/* "/a/b/xla_cpu_pjrt.so" -> "xla_cpu_pjrt" */
static char *base_name(const char *path)
{
	const char *s = strrchr(path, '/');
	s = s ? s + 1 : path;
	return strndup(s, strcspn(s, "."));
}

static Plugin *plugin_load(void *handle, const char *path, Err *e)
{
	const PJRT_Api *api = load_api(handle, e);
	if (!api) return NULL;
	Plugin *p = calloc(1, sizeof *p);
	if (p)
		*p = (Plugin){ .handle = handle, .api = api, .info = { .path = strdup(path), .name = base_name(path),
		.pjrt_major = api->pjrt_api_version.major_version,
			.pjrt_minor = api->pjrt_api_version.minor_version } };
	if (!p || !p->info.path || !p->info.name) {
		plugin_delete(p);
		return fail(e, NO_MEMORY, "out of memory"), NULL;
	}
	PJRT_Plugin_Initialize_Args a = ARGS(PJRT_Plugin_Initialize, .extension_start = NULL);
	if (!pjrt_ok(p, api->PJRT_Plugin_Initialize(&a), e, "initialize plugin")) {
		plugin_delete(p);
		return NULL;
	}
	p->next = registry.first;
	return registry.first = p;
}

/* dlopen() gives the same handle for the same file, whatever its name. */
static Plugin *open_locked(const char *path, Err *e)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) return fail(e, PLUGIN, "cannot be loaded: %s", dlerror()), NULL;
	Plugin *p = registry.first;
	while (p && p->handle != handle) p = p->next;
	if (p || !(p = plugin_load(handle, path, e))) dlclose(handle);
	if (!p || (!p->nopen && !start_client(p, e))) return NULL;
	p->nopen++;
	return p;
}

Plugin *plugin_open(const char *which, Err *e)
{
	char *path = find_plugin(which, e);
	if (!path) return NULL;
	pthread_mutex_lock(&registry.lock);
	Plugin *p = open_locked(path, e);
	pthread_mutex_unlock(&registry.lock);
	if (!p) err_at(e, "%s", path);
	free(path);
	return p;
}

void plugin_close(Plugin *p)
{
	if (!p) return;
	pthread_mutex_lock(&registry.lock);
	if (!--p->nopen) stop_client(p);
	pthread_mutex_unlock(&registry.lock);
}

/* -- asking ---------------------------------------------------------------------------------------------- */

const PluginInfo *plugin_info(const Plugin *p) { return &p->info; }
int plugin_ndevices(const Plugin *p) { return p->ndevice; }
Device *plugin_device(Plugin *p, int i) { return i >= 0 && i < p->ndevice ? &p->device[i] : NULL; }

Plugin *device_plugin(const Device *d) { return d->plugin; }
int device_id(const Device *d) { return d->id; }
const char *device_name(const Device *d) { return d->name; }
const char *device_kind(const Device *d) { return d->kind; }
bool device_is_host(const Device *d) { return d->is_host; }
