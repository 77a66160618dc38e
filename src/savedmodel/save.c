#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "savedmodel/checkpoint.h"
#include "savedmodel/graph.h"
#include "savedmodel/warmup.h"

typedef struct Save {
	Arena a;
	const char *dir;            /* where it will stand; what messages name */
	char *tmp;                  /* where it is written */
	char *above;                /* the topmost directory above `dir` that was made for it */
	Out out;                    /* the file being written */
	Plan plan;
	Err *e;
} Save;

/* -- messages -------------------------------------------------------------------------------------------- */

static Tf__MetaGraphDef__MetaInfoDef *meta_info(const Plan *p)
{
	Arena *a = p->a;
	Tf__MetaGraphDef__MetaInfoDef *m =
		MESSAGE(a, Tf__MetaGraphDef__MetaInfoDef, TF__META_GRAPH_DEF__META_INFO_DEF__INIT);
	*APPEND(a, m, tags) = text("serve");
	m->tensorflow_version = text("2.13.0");       /* the first that reads it; Python's loader wants a version here */
	m->tensorflow_git_version = text("torch-stablehlo " TSHLO_VERSION);
	m->stripped_default_attrs = true;
	for (int i = 0; i < p->nserved; i++) {
		if (!p->served[i].alias) continue;
		Tf__StringEntry *e = MESSAGE(a, Tf__StringEntry, TF__STRING_ENTRY__INIT);
		e->key = text(p->served[i].body);
		e->value = text(p->served[i].alias);
		*APPEND(a, m, function_aliases) = e;
	}
	return m;
}

static Tf__SavedModel *saved_model(Plan *p)
{
	Arena *a = p->a;
	Tf__SavedModel *s = MESSAGE(a, Tf__SavedModel, TF__SAVED_MODEL__INIT);
	Tf__MetaGraphDef *m = MESSAGE(a, Tf__MetaGraphDef, TF__META_GRAPH_DEF__INIT);
	s->saved_model_schema_version = 1;
	m->meta_info_def = meta_info(p);
	add_graph(p, m);
	add_objects(p, m);
	*APPEND(a, s, meta_graphs) = m;
	return s;
}

/* TensorFlow reads these to tell models apart; how they are made is each writer's business, as long as the
 * same model has the same numbers. */
static Tf__FingerprintDef *fingerprint(Arena *a, const Tf__MetaGraphDef *m, uint64_t file, uint32_t checkpoint)
{
	Tf__FingerprintDef *f = MESSAGE(a, Tf__FingerprintDef, TF__FINGERPRINT_DEF__INIT);
	f->saved_model_checksum = file;
	f->graph_def_program_hash = message_hash(&m->graph_def->base);
	for (size_t i = 0; i < m->n_signature_def; i++)
		f->signature_def_hash = f->signature_def_hash * 31 + message_hash(&m->signature_def[i]->base);
	f->saved_object_graph_hash = message_hash(&m->object_graph_def->base);
	f->checkpoint_hash = checkpoint;
	f->version = version_message(a, 1, 0);
	return f;
}

/* -- files ----------------------------------------------------------------------------------------------- */

static bool open_file(Save *s, const char *name)
{
	const char *path = arena_printf(&s->a, "%s/%s", s->tmp, name);
	return out_open(&s->out, path, arena_printf(&s->a, "%s/%s", s->dir, name), s->e);
}

static bool save_message(Save *s, const char *name, const ProtobufCMessage *m, uint64_t *hash)
{
	return open_file(s, name) && out_close(&s->out, write_message(&s->out, m, hash));
}

static bool save_fingerprint(Save *s, const Tf__MetaGraphDef *m, uint64_t file, uint32_t checkpoint)
{
	Tf__FingerprintDef *f = fingerprint(&s->a, m, file, checkpoint);
	uint64_t unused;
	return save_message(s, "fingerprint.pb", &f->base, &unused);
}

static bool save_warmup(Save *s)
{
	if (!s->plan.opt->warmup) return true;
	return make_dir(arena_printf(&s->a, "%s/assets.extra", s->tmp), s->e)
	    && open_file(s, "assets.extra/tf_serving_warmup_requests")
	    && out_close(&s->out, warmup_write(&s->plan, &s->out));
}

/* protobuf's own limit. */
static bool check_size(Save *s, const Tf__SavedModel *m)
{
	size_t n = tf__saved_model__get_packed_size(m);
	if (n <= INT32_MAX) return true;
	return fail(s->e, UNSUPPORTED, "%s/saved_model.pb would have %zu bytes, TensorFlow reads up to %d; keep the weights out "
		"of the module", s->dir, n, INT32_MAX);
}

/* The directories above `dir`, as servers want models/name/1. */
static bool make_above(Save *s)
{
	char *path = strdup(s->dir);
	bool ok = path != NULL || fail(s->e, NO_MEMORY, "out of memory");
	for (char *c = path ? path + 1 : NULL; ok && c && *c && (c = strchr(c, '/')); c++) {
		if (c[strspn(c, "/")] == 0) break;
		*c = 0;
		if (!file_exists(path)) {
			ok = make_dir(path, s->e);
			if (ok && !s->above) s->above = strdup(path);
		}
		*c = '/';
	}
	free(path);
	return ok;
}

/* Those of them that stand empty after a failure. */
static void remove_above(Save *s)
{
	char *path = s->above ? strdup(s->dir) : NULL;
	for (char *c; path && (c = strrchr(path, '/')) && strlen(path) > strlen(s->above);) {
		*c = 0;
		rmdir(path);
	}
	free(path);
}

static bool save_all(Save *s)
{
	uint32_t crc = 0;
	uint64_t hash = 0;
	if (!plan_make(&s->plan)) return false;
	Tf__SavedModel *m = saved_model(&s->plan);
	return check_size(s, m)
	    && make_above(s)
	    && (s->tmp = begin_dir(s->dir, s->e))
	    && checkpoint_write(&s->plan, s->tmp, s->dir, &s->out, &crc)
	    && save_message(s, "saved_model.pb", &m->base, &hash)
	    && save_fingerprint(s, m->meta_graphs[0], hash, crc)
	    && save_warmup(s);
}

/* A frame of its own: what it changes stands in its caller's, where a longjmp leaves it alone. */
static bool save(Save *s)
{
	jmp_buf full;
	if (setjmp(full)) return fail(s->e, NO_MEMORY, "%s: out of memory", s->dir);
	s->a.full = &full;
	return save_all(s);
}

bool savedmodel_save(const char *dir, const BundleParts *parts, const SavedModelOptions *opt, Err *e)
{
	Save s = { .dir = dir, .e = e, .out.fd = -1 };
	s.plan = (Plan){ .a = &s.a, .parts = parts, .opt = opt, .e = e };
	bool ok = save(&s);
	if (s.out.fd >= 0) out_close(&s.out, false);
	if (ok) ok = commit_dir(s.tmp, dir, e);
	else abandon_dir(s.tmp);
	if (!ok) remove_above(&s);
	free(s.above);
	arena_free(&s.a);
	return ok;
}
