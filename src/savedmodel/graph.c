/* The GraphDef: variables, one call per signature, what restores them; and the functions that are called. */
#include "savedmodel/graph.h"

#include <string.h>

#include "base/json.h"
#include "savedmodel/message.h"

/* -- names of arguments and results inside functions ----------------------------------------------------- */

/* Functions take a signature's inputs, then the variables that they capture: "in_0", "var_0". */
static char *in_arg(Arena *a, int i) { return arena_printf(a, "in_%d", i); }
static char *var_arg(Arena *a, int i) { return arena_printf(a, "var_%d", i); }
static char *out_arg(Arena *a, int i) { return arena_printf(a, "out_%d", i); }

static Tf__OpDef__ArgDef *new_arg(Arena *a, char *name, int type)
{
	Tf__OpDef__ArgDef *arg = MESSAGE(a, Tf__OpDef__ArgDef, TF__OP_DEF__ARG_DEF__INIT);
	arg->name = name;
	arg->type = type;
	return arg;
}

static Tf__OpDef__ArgDef *variable_arg(Arena *a, char *name, const Variable *v)
{
	Tf__OpDef__ArgDef *arg = new_arg(a, name, DT_RESOURCE);
	Tf__DtypeAndShape *h = MESSAGE(a, Tf__DtypeAndShape, TF__DTYPE_AND_SHAPE__INIT);
	h->dtype = v->type;
	h->shape = shape_message(a, v->from->array.rank, v->from->array.dim);
	*APPEND(a, arg, handle_data) = h;
	return arg;
}

static void add_entry(Arena *a, Tf__StringEntry ***list, size_t *n, const char *key, const char *value)
{
	Tf__StringEntry *e = MESSAGE(a, Tf__StringEntry, TF__STRING_ENTRY__INIT);
	e->key = text(key);
	e->value = text(value);
	*(void **)list = repeated_room(a, *list, *n, sizeof **list);
	(*list)[(*n)++] = e;
}

/* The node runs whether or not a result needs it. */
static void add_control(Arena *a, Tf__FunctionDef *f, const char *node)
{
	*APPEND(a, f->signature, control_output) = text(node);
	add_entry(a, &f->control_ret, &f->n_control_ret, node, node);
}

/* Arguments and results stand as given: the body's in the model's order, the signature's by name. in, out
 * NULL: the former. */
static Tf__FunctionDef *new_function(const Plan *p, const Served *s, const char *name, const int *in, const int *out)
{
	Arena *a = p->a;
	Tf__FunctionDef *f = MESSAGE(a, Tf__FunctionDef, TF__FUNCTION_DEF__INIT);
	Tf__OpDef *sig = f->signature = MESSAGE(a, Tf__OpDef, TF__OP_DEF__INIT);
	sig->name = text(name);
	sig->is_stateful = true;
	for (int i = 0, k; i < s->nin; i++) {
		k = in ? in[i] : i;
		*APPEND(a, sig, input_arg) = new_arg(a, in_arg(a, k), s->in[k].type);
	}
	for (int i = 0; i < s->ncaptured; i++)
		*APPEND(a, sig, input_arg) = variable_arg(a, var_arg(a, i), &p->variable[s->captured[i]]);
	for (int i = 0, k; i < s->nout; i++) {
		k = out ? out[i] : i;
		*APPEND(a, sig, output_arg) = new_arg(a, out_arg(a, k), s->out[k].type);
	}
	return f;
}

/* The function's result, through an Identity: TFLite's importer loses the type of one that comes from
 * another node. */
static void give(Arena *a, Tf__FunctionDef *f, const Served *s, int out, const char *value)
{
	Tf__NodeDef *n = make_node(a, "Identity", arena_printf(a, "result_%d", out));
	add_input(a, n, value);
	attr_type(a, n, "T", s->out[out].type);
	*APPEND(a, f, node_def) = n;
	add_entry(a, &f->ret, &f->n_ret, out_arg(a, out), arena_printf(a, "%s:output:0", n->name));
}

/* -- the body: XlaCallModule ----------------------------------------------------------------------------- */

/* XlaCallModule's version attribute (tensorflow/compiler/tf2xla/kernels/xla_call_module_loader.cc): 4 is
 * the first that takes portable artifacts. 5 to 10 add calls into TensorFlow, disabled checks, shape
 * assertions, effects and Shardy, none of which our modules have. */
enum { CALL_MODULE_VERSION = 4 };

/* The value of a variable, read once. */
static char *read_variable(const Plan *p, const Served *s, Tf__FunctionDef *f, int captured)
{
	Arena *a = p->a;
	Tf__NodeDef *n = make_node(a, "ReadVariableOp", arena_printf(a, "read_%d", captured));
	add_input(a, n, var_arg(a, captured));
	attr_type(a, n, "dtype", p->variable[s->captured[captured]].type);
	*APPEND(a, f, node_def) = n;
	return arena_printf(a, "%s:value:0", n->name);
}

static char *constant(const Plan *p, Tf__FunctionDef *f, int i)
{
	Arena *a = p->a;
	const NpyArray *x = &p->parts->constant[i].array;
	size_t count = npy_count(x), nbytes = count * npy_itemsize(x);
	uint8_t *dense = NEW(a, uint8_t, nbytes + 1);
	npy_pack(x, 0, count, dense);
	Tf__NodeDef *n = make_node(a, "Const", arena_printf(a, "const_%d", i));
	int type = dtype_info(x->dtype)->tf;
	attr_type(a, n, "dtype", type);
	attr_tensor(a, n, "value", tensor_message(a, type, x->rank, x->dim, dense, nbytes));
	*APPEND(a, f, node_def) = n;
	return arena_printf(a, "%s:output:0", n->name);
}

static int source_type(const Plan *p, const Served *s, Source from)
{
	switch (from.kind) {
	case SOURCE_INPUT:    return s->in[from.i].type;
	case SOURCE_VARIABLE: return p->variable[s->captured[from.i]].type;
	default:              return dtype_info(p->parts->constant[from.i].array.dtype)->tf;
	}
}

/* Each variable and constant becomes one node, however many parameters it is bound to. */
static void add_operands(const Plan *p, const Served *s, Tf__FunctionDef *f, Tf__NodeDef *module)
{
	Arena *a = p->a;
	char **read = NEW(a, char *, s->ncaptured + 1), **made = NEW(a, char *, p->parts->nconstant + 1);
	Tf__AttrValue__ListValue *in = attr_list(a, module, "Tin");
	for (int i = 0; i < s->f->meta.ninput; i++) {
		Source from = s->source[i];
		*APPEND(a, in, type) = source_type(p, s, from);
		if (from.kind == SOURCE_INPUT) {
			add_input(a, module, in_arg(a, from.i));
			continue;
		}
		char **value = from.kind == SOURCE_VARIABLE ? &read[from.i] : &made[from.i];
		if (!*value) *value = from.kind == SOURCE_VARIABLE ? read_variable(p, s, f, from.i) : constant(p, f, from.i);
		add_input(a, module, *value);
	}
}

static void add_results(const Plan *p, const FunctionMeta *m, Tf__NodeDef *module)
{
	Arena *a = p->a;
	Tf__AttrValue__ListValue *types = attr_list(a, module, "Tout"), *shapes = attr_list(a, module, "Sout");
	for (int i = 0; i < m->noutput; i++) {
		const Signature *t = &m->output_signature[i];
		*APPEND(a, types, type) = dtype_info(t->dtype)->tf;
		*APPEND(a, shapes, shape) = shape_message(a, t->rank, signature_dims(a, t));
	}
}

static void add_module(const Plan *p, const Served *s, Tf__FunctionDef *f)
{
	Arena *a = p->a;
	Tf__NodeDef *n = make_node(a, "XlaCallModule", "module");
	attr_int(a, n, "version", CALL_MODULE_VERSION);
	attr_bytes(a, n, "module", s->f->bytecode, s->f->bytecode_nbytes);
	Tf__AttrValue__ListValue *platforms = attr_list(a, n, "platforms");
	for (int i = 0; i < p->opt->nplatform; i++)
		*APPEND(a, platforms, s) = binary(p->opt->platform[i], strlen(p->opt->platform[i]));
	add_operands(p, s, f, n);
	add_results(p, &s->f->meta, n);
	*APPEND(a, f, node_def) = n;
	add_control(a, f, n->name);
}

/* State: the module's result is the variable's new value. */
static void add_writes(const Plan *p, const Served *s, Tf__FunctionDef *f)
{
	Arena *a = p->a;
	for (int i = 0; i < s->f->meta.noutput; i++) {
		if (s->written[i] < 0) continue;
		Tf__NodeDef *n = make_node(a, "AssignVariableOp", arena_printf(a, "assign_%d", i));
		add_input(a, n, var_arg(a, s->written[i]));
		add_input(a, n, arena_printf(a, "module:output:%d", i));
		attr_type(a, n, "dtype", p->variable[s->captured[s->written[i]]].type);
		*APPEND(a, f, node_def) = n;
		add_control(a, f, n->name);
	}
}

/* A Const node of the number, bool or string that an output always is. */
static Tf__NodeDef *fixed_node(Arena *a, const Port *out, const char *name)
{
	Err never = { 0 };           /* plan.c has read it before */
	JVal v = json_root(json_parse(a, out->fixed, strlen(out->fixed), "value", &never));
	if (out->type == DT_STRING) return string_node(a, name, (const char *[]){ json_str(a, v) }, -1);
	uint8_t *p = NEW(a, uint8_t, 8);
	if (is_float(out->dtype)) dtype_store(out->dtype, p, 0, json_num(v, 0));
	else dtype_store_int(out->dtype, p, out->dtype == DTYPE_bool ? json_bool_or(v, false) : json_int(v, 0));
	Tf__NodeDef *n = make_node(a, "Const", name);
	attr_type(a, n, "dtype", out->type);
	attr_tensor(a, n, "value", tensor_message(a, out->type, 0, NULL, p, dtype_nbytes(out->dtype)));
	return n;
}

static Tf__FunctionDef *body_of(const Plan *p, const Served *s)
{
	Arena *a = p->a;
	Tf__FunctionDef *f = new_function(p, s, s->body, NULL, NULL);
	add_module(p, s, f);
	add_writes(p, s, f);
	for (int i = 0; i < s->nout; i++) {
		const Port *out = &s->out[i];
		if (out->result >= 0) {
			give(a, f, s, i, arena_printf(a, "module:output:%d", out->result));
			continue;
		}
		Tf__NodeDef *n = fixed_node(a, out, arena_printf(a, "fixed_%d", i));
		*APPEND(a, f, node_def) = n;
		give(a, f, s, i, arena_printf(a, "%s:output:0", n->name));
	}
	return f;
}

/* -- the signature's function: the same with names ------------------------------------------------------- */

/* The wrapper's arguments and results are by name, the body's are not. */
static Tf__NodeDef *call_node(const Plan *p, const Served *s, const char *function, const char *name)
{
	bool by_name = function == s->wrapper;
	Arena *a = p->a;
	Tf__NodeDef *n = make_node(a, "StatefulPartitionedCall", name);
	Tf__AttrValue__ListValue *in = attr_list(a, n, "Tin"), *out = attr_list(a, n, "Tout");
	for (int i = 0; i < s->nin; i++) *APPEND(a, in, type) = s->in[by_name ? s->in_by_name[i] : i].type;
	for (int i = 0; i < s->ncaptured; i++) *APPEND(a, in, type) = DT_RESOURCE;
	for (int i = 0; i < s->nout; i++) *APPEND(a, out, type) = s->out[by_name ? s->out_by_name[i] : i].type;
	attr_func(a, n, "f", function);
	return n;
}

static Tf__FunctionDef *wrapper_of(const Plan *p, const Served *s)
{
	Arena *a = p->a;
	Tf__FunctionDef *f = new_function(p, s, s->wrapper, s->in_by_name, s->out_by_name);
	Tf__NodeDef *call = call_node(p, s, s->body, "call");
	for (int i = 0; i < s->nin; i++) add_input(a, call, in_arg(a, i));
	for (int i = 0; i < s->ncaptured; i++) add_input(a, call, var_arg(a, i));
	*APPEND(a, f, node_def) = call;
	add_control(a, f, call->name);
	for (int i = 0; i < s->nout; i++) give(a, f, s, i, arena_printf(a, "call:output:%d", i));
	return f;
}

/* -- the graph ------------------------------------------------------------------------------------------- */

static void add_variable_nodes(const Plan *p, Tf__GraphDef *g)
{
	for (int i = 0; i < p->nvariable; i++) {
		const Variable *v = &p->variable[i];
		Tf__NodeDef *n = make_node(p->a, "VarHandleOp", v->name);
		attr_type(p->a, n, "dtype", v->type);
		attr_shape(p->a, n, "shape", v->from->array.rank, v->from->array.dim);
		attr_bytes(p->a, n, "shared_name", v->name, strlen(v->name));
		*APPEND(p->a, g, node) = n;
	}
}

static Tf__TensorInfoEntry *tensor_info(Arena *a, const Port *port, char *tensor)
{
	Tf__TensorInfoEntry *e = MESSAGE(a, Tf__TensorInfoEntry, TF__TENSOR_INFO_ENTRY__INIT);
	e->key = text(port->name);
	e->value = MESSAGE(a, Tf__TensorInfo, TF__TENSOR_INFO__INIT);
	e->value->name = tensor;
	e->value->dtype = port->type;
	e->value->tensor_shape = shape_message(a, port->rank, port->dim);
	return e;
}

static const char *add_placeholder(Plan *p, Tf__GraphDef *g, const Served *s, const Port *in)
{
	const char *wanted = as_node_name(p->a, arena_printf(p->a, "%s_%s", s->key, in->name));
	Tf__NodeDef *n = make_node(p->a, "Placeholder", node_name(p, wanted));
	attr_type(p->a, n, "dtype", in->type);
	attr_shape(p->a, n, "shape", in->rank, in->dim);
	*APPEND(p->a, g, node) = n;
	return n->name;
}

static void add_signature(Plan *p, Tf__MetaGraphDef *m, const Served *s)
{
	Arena *a = p->a;
	Tf__MetaGraphDef__SignatureDefEntry *e =
		MESSAGE(a, Tf__MetaGraphDef__SignatureDefEntry, TF__META_GRAPH_DEF__SIGNATURE_DEF_ENTRY__INIT);
	Tf__SignatureDef *sig = e->value = MESSAGE(a, Tf__SignatureDef, TF__SIGNATURE_DEF__INIT);
	e->key = text(s->key);
	sig->method_name = text("tensorflow/serving/predict");
	Tf__NodeDef *call = call_node(p, s, s->wrapper, s->call);
	for (int i = 0; i < s->nin; i++) {
		const Port *in = &s->in[s->in_by_name[i]];
		const char *placeholder = add_placeholder(p, m->graph_def, s, in);
		add_input(a, call, placeholder);
		*APPEND(a, sig, inputs) = tensor_info(a, in, arena_printf(a, "%s:0", placeholder));
	}
	for (int i = 0; i < s->ncaptured; i++) add_input(a, call, p->variable[s->captured[i]].name);
	*APPEND(a, m->graph_def, node) = call;
	for (int i = 0; i < s->nout; i++)
		*APPEND(a, sig, outputs) = tensor_info(a, &s->out[s->out_by_name[i]], arena_printf(a, "%s:%d", s->call, i));
	*APPEND(a, m, signature_def) = e;
}

/* -- saving and restoring -------------------------------------------------------------------------------- */

typedef struct Saver { Plan *p; Tf__GraphDef *g; const char *filename, *names, *slices; } Saver;

static Tf__NodeDef *saver_node(Saver *v, const char *op, const char *name)
{
	Tf__NodeDef *n = make_node(v->p->a, op, node_name(v->p, name));
	*APPEND(v->p->a, v->g, node) = n;
	return n;
}

/* RestoreV2 or SaveV2: file, names, slices (whole tensors: ""). */
static Tf__NodeDef *checkpoint_node(Saver *v, const char *op, const char *name)
{
	Tf__NodeDef *n = make_node(v->p->a, op, node_name(v->p, name));
	add_input(v->p->a, n, v->filename);
	add_input(v->p->a, n, v->names);
	add_input(v->p->a, n, v->slices);
	Tf__AttrValue__ListValue *types = attr_list(v->p->a, n, "dtypes");
	for (int i = 0; i < v->p->nvariable; i++) *APPEND(v->p->a, types, type) = v->p->variable[i].type;
	return n;
}

static void depend(Arena *a, Tf__NodeDef *n, const char *on) { add_input(a, n, arena_printf(a, "^%s", on)); }

static void add_names(Saver *v)
{
	const Plan *p = v->p;
	const char **key = NEW(p->a, const char *, p->nvariable + 1), **whole = NEW(p->a, const char *, p->nvariable + 1);
	for (int i = 0; i < p->nvariable; i++) {
		key[i] = p->variable[i].key;
		whole[i] = "";
	}
	v->names = node_name(v->p, "save/tensor_names");
	v->slices = node_name(v->p, "save/shape_and_slices");
	*APPEND(p->a, v->g, node) = string_node(p->a, v->names, key, p->nvariable);
	*APPEND(p->a, v->g, node) = string_node(p->a, v->slices, whole, p->nvariable);
}

static void add_restore(Saver *v, Tf__NodeDef *done)
{
	Arena *a = v->p->a;
	Tf__NodeDef *restore = checkpoint_node(v, "RestoreV2", "save/RestoreV2");
	*APPEND(a, v->g, node) = restore;
	for (int i = 0; i < v->p->nvariable; i++) {
		Tf__NodeDef *n = saver_node(v, "AssignVariableOp", arena_printf(a, "save/Assign_%d", i));
		add_input(a, n, v->p->variable[i].name);
		add_input(a, n, arena_printf(a, "%s:%d", restore->name, i));
		attr_type(a, n, "dtype", v->p->variable[i].type);
		depend(a, done, n->name);
	}
}

static void add_save(Saver *v, Tf__NodeDef *done)
{
	Arena *a = v->p->a;
	Tf__NodeDef *save = checkpoint_node(v, "SaveV2", "save/SaveV2");
	for (int i = 0; i < v->p->nvariable; i++) {
		Tf__NodeDef *n = saver_node(v, "ReadVariableOp", arena_printf(a, "save/Read_%d", i));
		add_input(a, n, v->p->variable[i].name);
		attr_type(a, n, "dtype", v->p->variable[i].type);
		add_input(a, save, n->name);
	}
	*APPEND(a, v->g, node) = save;
	depend(a, done, save->name);
}

/* What a session's loader runs: feed the checkpoint's path, run the restore op. A model without variables
 * has the ops all the same, with nothing to do. */
static void add_saver(Plan *p, Tf__MetaGraphDef *m)
{
	Arena *a = p->a;
	Saver v = { .p = p, .g = m->graph_def };
	Tf__NodeDef *filename = saver_node(&v, "Placeholder", "saver_filename");
	attr_type(a, filename, "dtype", DT_STRING);
	attr_shape(a, filename, "shape", 0, NULL);
	v.filename = filename->name;
	Tf__NodeDef *restored = saver_node(&v, "NoOp", "save/restore_all"), *saved = saver_node(&v, "Identity", "save/control_dependency");
	add_input(a, saved, v.filename);
	attr_type(a, saved, "T", DT_STRING);
	if (p->nvariable) {
		add_names(&v);
		add_restore(&v, restored);
		add_save(&v, saved);
	}
	Tf__SaverDef *s = m->saver_def = MESSAGE(a, Tf__SaverDef, TF__SAVER_DEF__INIT);
	s->filename_tensor_name = arena_printf(a, "%s:0", v.filename);
	s->save_tensor_name = arena_printf(a, "%s:0", saved->name);
	s->restore_op_name = restored->name;
	s->version = 2;             /* SaverDef.CheckpointFormatVersion: V2 */
}

/* Nothing is left to do once variables are restored, but loaders look for it. */
static void add_main_op(Plan *p, Tf__MetaGraphDef *m)
{
	Arena *a = p->a;
	Tf__NodeDef *n = make_node(a, "NoOp", node_name(p, "init"));
	*APPEND(a, m->graph_def, node) = n;
	Tf__MetaGraphDef__CollectionDefEntry *e =
		MESSAGE(a, Tf__MetaGraphDef__CollectionDefEntry, TF__META_GRAPH_DEF__COLLECTION_DEF_ENTRY__INIT);
	e->key = text("saved_model_main_op");
	e->value = MESSAGE(a, Tf__CollectionDef, TF__COLLECTION_DEF__INIT);
	e->value->node_list = MESSAGE(a, Tf__CollectionDef__NodeList, TF__COLLECTION_DEF__NODE_LIST__INIT);
	*APPEND(a, e->value->node_list, value) = n->name;
	*APPEND(a, m, collection_def) = e;
}

void add_graph(Plan *p, Tf__MetaGraphDef *m)
{
	Arena *a = p->a;
	Tf__GraphDef *g = m->graph_def = MESSAGE(a, Tf__GraphDef, TF__GRAPH_DEF__INIT);
	g->library = MESSAGE(a, Tf__FunctionDefLibrary, TF__FUNCTION_DEF_LIBRARY__INIT);
	g->versions = version_message(a, GRAPH_PRODUCER, 12);
	add_variable_nodes(p, g);
	for (int i = 0; i < p->nserved; i++) {
		add_signature(p, m, &p->served[i]);
		*APPEND(a, g->library, function) = wrapper_of(p, &p->served[i]);
		*APPEND(a, g->library, function) = body_of(p, &p->served[i]);
	}
	add_main_op(p, m);
	add_saver(p, m);
}
