/* What the files of this module share. */
#ifndef PT2_INTERNAL_H
#define PT2_INTERNAL_H

#include "base/json.h"
#include "program/program.h"
#include "pt2/zip.h"

/* Reading one model. Messages are given their place by each caller on the way out (err_at). */
typedef struct Model {
	Program *p;
	Arena *a;                   /* p's */
	Err *err;
	Map sym, expr;              /* expression; its text in the JSON -> index into p->sym */
	Map user_input, stored_input;   /* a user input's name, a parameter's or buffer's target -> index into
	                                 * p->input */
} Model;

/* ---- graph.c: schema.Graph and all in it ---- */
bool read_graph(Model *m, JVal v, const char *name, Graph **out);
/* An Argument union ({"as_int": 3}); names are looked up in g. */
bool read_arg(Model *m, Graph *g, JVal v, Arg *out);
/* {"name": "x"}, as TensorArgument and others have it. */
bool read_named_value(Model *m, Graph *g, JVal v, Arg *out);

/* ---- meta.c: schema.TensorMeta and symbolic sizes ---- */
typedef struct TensorMeta {
	DType dtype;
	int rank;
	const Dim *dim, *stride;
	Dim offset;
} TensorMeta;

bool read_tensor_meta(Model *m, JVal v, TensorMeta *out);
bool read_dim(Model *m, JVal v, Dim *out);              /* schema.SymInt */
bool read_sym(Model *m, JVal v, Dim *out);              /* schema.SymFloat, SymBool: always an expression */

/* ---- sym.c ---- */
/* sympy's srepr ("Add(Symbol('s0', integer=True), Integer(1))") as the infix form that sympy prints ("s0 +
 * 1"); text that is infix already is copied. NULL when it is neither. */
const char *sym_infix(Arena *a, const char *srepr);

/* ---- model.c: schema.ExportedProgram ---- */
bool read_model(Model *m, const Json *doc, const char *name);

/* ---- weights.c ---- */
/* A payload config ("config": {name: PayloadMeta}) whose files lie in `folder`. */
bool read_payloads(Model *m, Zip *z, const char *config, const char *folder);
/* A pickled tensor, or the inner tensors of a subclass, as weights. depth: how many subclasses it is in. */
struct PVal;
bool add_pickled(Model *m, const char *name, const struct PVal *v, int depth);
/* Fails, with what was needed and found, when t does not fit its storage. */
bool check_tensor(const Tensor *t, Err *e);

/* ---- statedict.c ---- */
/* A torch.save file of a dict from name to tensor. */
bool read_state_dict(Model *m, Zip *z, const char *path);

/* ---- samples.c ---- */
bool read_samples(Program *p, const uint8_t *bytes, size_t n, Err *e);

#endif
