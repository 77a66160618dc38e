/* How a module that is for several devices lies on them: what its attributes say, for the plugin. */
#include "api/spread.h"

#include <string.h>

#include "stablehlo/sharding.h"

static const Any *member(const Any *dict, const char *key)
{
	for (int i = 0; dict->kind == ANY_DICT && i < dict->n; i++)
		if (!strcmp(dict->key[i], key)) return &dict->item[i];
	return NULL;
}

static int count_of(const Module *m, const char *key)
{
	const Any *n = m ? member(&m->attr, key) : NULL;
	bool is_number = n && (n->kind == ANY_I32 || n->kind == ANY_I64);
	return is_number && n->i > 1 && n->i <= MAX_DEVICES ? (int)n->i : 1;
}

/* Without a mark it is whole on every device. */
static bool tiling(Arena *a, const Any *attr, Type t, int ndevice, Tiling *out, Err *e)
{
	const Any *s = member(attr, "mhlo.sharding");
	Tiles b = { 0 };
	if (s && s->kind == ANY_STR && !gspmd_read(a, s->str, t.rank, ndevice, &b, e)) return false;
	*out = (Tiling){ b.tiles, b.block };
	return true;
}

int devices_of(const Module *m)
{
	int replicas = count_of(m, "mhlo.num_replicas");
	return replicas > 1 ? replicas : count_of(m, "mhlo.num_partitions");
}

bool has_replicas(const Module *m) { return count_of(m, "mhlo.num_replicas") > 1; }

bool lie_on_devices(Arena *a, const Module *m, int ndevice, Spread *out, Err *e)
{
	const Func *f = main_function(m);
	Tiling *in = NEW(a, Tiling, f->narg + 1), *res = NEW(a, Tiling, f->nres + 1);
	TensorType *type = NEW(a, TensorType, f->nres + 1);
	for (int i = 0; i < f->narg; i++)
		if (!tiling(a, &f->arg_attr[i], f->arg_type[i], ndevice, &in[i], e)) return err_at(e, "argument %d", i);
	for (int i = 0; i < f->nres; i++) {
		type[i] = (TensorType){ f->res_type[i].elem, f->res_type[i].rank, f->res_type[i].dim };
		if (!tiling(a, &f->res_attr[i], f->res_type[i], ndevice, &res[i], e)) return err_at(e, "result %d", i);
	}
	const Any *frontend = member(&m->attr, "mhlo.frontend_attributes");
	*out = (Spread){ .ndevice = ndevice, .replicas = has_replicas(m), .shardy = frontend && member(frontend, "xla.sdy.meshes"), .in = in,
		.nout = f->nres, .out_type = type, .out = res };
	return true;
}
