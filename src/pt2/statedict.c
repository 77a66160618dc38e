/* Weights as torch 2.8 and older stored them: one torch.save file with a dict of tensors. */
#include <string.h>

#include "pt2/internal.h"
#include "pt2/pickle.h"

static bool add_item(Model *m, PVal key, PVal v)
{
	if (key.kind != P_STR) return fail(m->err, BAD_INPUT, "%s as a key", pickle_kind(key));
	return add_pickled(m, key.str, &v, 0);
}

/* An empty file stands for no tensors. */
bool read_state_dict(Model *m, Zip *z, const char *path)
{
	ZipEntry *x = zip_find(z, path);
	Pickle pickle;
	PVal v;
	if (!x) return fail(m->err, BAD_INPUT, "the archive has no '%s'", path);
	if (!zip_read(z, x, ZIP_QUICK, m->err)) return false;
	if (!x->nbytes) return true;
	if (!pickle_open(&pickle, m->a, x->bytes, (size_t)x->nbytes, path, m->err)) return false;
	pickle.subclasses = true;
	if (!pickle_load(&pickle, &v)) return false;
	if (v.kind != P_DICT) return fail(m->err, BAD_INPUT, "%s: %s, wanted a dict", path, pickle_kind(v));
	for (int i = 0; i + 1 < v.list->item.n; i += 2)
		if (!add_item(m, v.list->item.v[i], v.list->item.v[i + 1])) return err_at(m->err, "%s", path);
	return true;
}
