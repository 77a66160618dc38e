/* The object graph (tensorflow/core/protobuf/saved_object_graph.proto): what tf.saved_model.load makes objects of.
 *
 *	0       the loaded object: .variables, .signatures, its methods, and the default one again as
 *	        .__call__, .f (as torch_xla has it) and .serve (where Keras's TFSMLayer looks)
 *	1       the list of variables           2       the map of signatures
 *	3 ...   the variables, then for each method its function and its signature's function */
#include "savedmodel/graph.h"

#include <string.h>

enum { ROOT, VARIABLES, SIGNATURES, FIRST_VARIABLE };

static int function_node(const Plan *p, int served) { return FIRST_VARIABLE + p->nvariable + 2 * served; }
static int signature_node(const Plan *p, int served) { return function_node(p, served) + 1; }

/* -- structured values (tensorflow/core/protobuf/struct.proto) ------------------------------------------- */

typedef Tf__StructuredValue SV;

static SV *new_value(Arena *a, Tf__StructuredValue__KindCase kind)
{
	SV *v = MESSAGE(a, SV, TF__STRUCTURED_VALUE__INIT);
	v->kind_case = kind;
	return v;
}

static SV *none_value(Arena *a)
{
	SV *v = new_value(a, TF__STRUCTURED_VALUE__KIND_NONE_VALUE);
	v->none_value = MESSAGE(a, Tf__NoneValue, TF__NONE_VALUE__INIT);
	return v;
}

static SV *string_value(Arena *a, const char *s)
{
	SV *v = new_value(a, TF__STRUCTURED_VALUE__KIND_STRING_VALUE);
	v->string_value = text(s);
	return v;
}

static SV *spec_value(Arena *a, const Port *port)
{
	SV *v = new_value(a, TF__STRUCTURED_VALUE__KIND_TENSOR_SPEC_VALUE);
	Tf__TensorSpecProto *s = v->tensor_spec_value = MESSAGE(a, Tf__TensorSpecProto, TF__TENSOR_SPEC_PROTO__INIT);
	s->name = text(port->name);
	s->dtype = port->type;
	s->shape = shape_message(a, port->rank, port->dim);
	return v;
}

static SV *list_value(Arena *a, bool tuple)
{
	SV *v = new_value(a, tuple ? TF__STRUCTURED_VALUE__KIND_TUPLE_VALUE : TF__STRUCTURED_VALUE__KIND_LIST_VALUE);
	v->list_value = MESSAGE(a, Tf__ListValue, TF__LIST_VALUE__INIT);      /* both are one type, in a union */
	return v;
}

static SV *dict_value(Arena *a)
{
	SV *v = new_value(a, TF__STRUCTURED_VALUE__KIND_DICT_VALUE);
	v->dict_value = MESSAGE(a, Tf__DictValue, TF__DICT_VALUE__INIT);
	return v;
}

static Tf__PairValue *pair(Arena *a, const char *key, SV *value)
{
	Tf__PairValue *p = MESSAGE(a, Tf__PairValue, TF__PAIR_VALUE__INIT);
	p->key = text(key);
	p->value = value;
	return p;
}

static SV *pair_of(Arena *a, SV *first, SV *second)
{
	SV *v = list_value(a, true);
	*APPEND(a, v->tuple_value, values) = first;
	*APPEND(a, v->tuple_value, values) = second;
	return v;
}

/* The model's own nesting over its outputs. */
static SV *nested_value(Arena *a, const Served *s, const Nest *n, int *leaf)
{
	if (n->kind == NEST_LEAF) {
		int out = s->leaf[(*leaf)++];
		return out < 0 ? none_value(a) : spec_value(a, &s->out[out]);
	}
	SV *v = n->kind == NEST_DICT ? dict_value(a) : list_value(a, n->kind == NEST_TUPLE);
	for (int i = 0; i < n->n; i++) {
		SV *child = nested_value(a, s, &n->child[i], leaf);
		if (n->kind == NEST_DICT) *APPEND(a, v->dict_value, fields) = pair(a, n->key[i], child);
		else *APPEND(a, v->list_value, values) = child;
	}
	return v;
}

/* -- functions ------------------------------------------------------------------------------------------- */

static SV *names_value(Arena *a, const Served *s, bool any, const int *order)
{
	SV *v = list_value(a, false);
	for (int i = 0; any && i < s->nin; i++)
		*APPEND(a, v->list_value, values) = string_value(a, s->in[order ? order[i] : i].name);
	return v;
}

/* Python's inspect.FullArgSpec of def f(x, y), or of def f(*, x, y). */
static SV *argspec_value(Arena *a, const Served *s, bool keywords)
{
	SV *v = new_value(a, TF__STRUCTURED_VALUE__KIND_NAMED_TUPLE_VALUE);
	Tf__NamedTupleValue *t = v->named_tuple_value = MESSAGE(a, Tf__NamedTupleValue, TF__NAMED_TUPLE_VALUE__INIT);
	t->name = text("FullArgSpec");
	*APPEND(a, t, values) = pair(a, "args", names_value(a, s, !keywords, NULL));
	*APPEND(a, t, values) = pair(a, "varargs", none_value(a));
	*APPEND(a, t, values) = pair(a, "varkw", none_value(a));
	*APPEND(a, t, values) = pair(a, "defaults", none_value(a));
	*APPEND(a, t, values) = pair(a, "kwonlyargs", names_value(a, s, keywords, s->in_by_name));
	*APPEND(a, t, values) = pair(a, "kwonlydefaults", none_value(a));
	*APPEND(a, t, values) = pair(a, "annotations", dict_value(a));
	return v;
}

static SV *inputs_value(Arena *a, const Served *s)
{
	SV *v = list_value(a, true);
	for (int i = 0; i < s->nin; i++) *APPEND(a, v->tuple_value, values) = spec_value(a, &s->in[i]);
	return v;
}

static Tf__FunctionSpec *function_spec(Arena *a, const Served *s, bool keywords)
{
	Tf__FunctionSpec *f = MESSAGE(a, Tf__FunctionSpec, TF__FUNCTION_SPEC__INIT);
	f->fullargspec = argspec_value(a, s, keywords);
	f->input_signature = keywords ? none_value(a) : inputs_value(a, s);
	return f;
}

/* (args, kwargs) */
static SV *body_inputs(Arena *a, const Served *s) { return pair_of(a, inputs_value(a, s), dict_value(a)); }

static SV *signature_inputs(Arena *a, const Served *s)
{
	SV *kwargs = dict_value(a);
	for (int i = 0; i < s->nin; i++)
		*APPEND(a, kwargs->dict_value, fields) = pair(a, s->in[i].name, spec_value(a, &s->in[i]));
	return pair_of(a, list_value(a, true), kwargs);
}

static SV *body_outputs(Arena *a, const Served *s)
{
	int leaf = 0;
	if (s->nest) return nested_value(a, s, s->nest, &leaf);
	SV *v = list_value(a, false);
	for (int i = 0; i < s->nout; i++) *APPEND(a, v->list_value, values) = spec_value(a, &s->out[i]);
	return v;
}

static SV *signature_outputs(Arena *a, const Served *s)
{
	SV *v = dict_value(a);
	for (int i = 0; i < s->nout; i++)
		*APPEND(a, v->dict_value, fields) = pair(a, s->out[i].name, spec_value(a, &s->out[i]));
	return v;
}

static void add_concrete(Arena *a, Tf__SavedObjectGraph *g, const Served *s, const char *name, SV *in, SV *out)
{
	Tf__SavedConcreteFunctionEntry *e = MESSAGE(a, Tf__SavedConcreteFunctionEntry, TF__SAVED_CONCRETE_FUNCTION_ENTRY__INIT);
	e->key = text(name);
	e->value = MESSAGE(a, Tf__SavedConcreteFunction, TF__SAVED_CONCRETE_FUNCTION__INIT);
	for (int i = 0; i < s->ncaptured; i++) *APPEND(a, e->value, bound_inputs) = FIRST_VARIABLE + s->captured[i];
	e->value->canonicalized_input_signature = in;
	e->value->output_signature = out;
	*APPEND(a, g, concrete_functions) = e;
}

/* -- objects --------------------------------------------------------------------------------------------- */

static Tf__SavedObject *add_object(Arena *a, Tf__SavedObjectGraph *g, Tf__SavedObject__KindCase kind)
{
	Tf__SavedObject *o = MESSAGE(a, Tf__SavedObject, TF__SAVED_OBJECT__INIT);
	o->kind_case = kind;
	*APPEND(a, g, nodes) = o;
	return o;
}

static Tf__SavedObject *add_user_object(Arena *a, Tf__SavedObjectGraph *g, const char *identifier)
{
	Tf__SavedObject *o = add_object(a, g, TF__SAVED_OBJECT__KIND_USER_OBJECT);
	o->user_object = MESSAGE(a, Tf__SavedUserObject, TF__SAVED_USER_OBJECT__INIT);
	o->user_object->identifier = text(identifier);
	o->user_object->version = version_message(a, 1, 1);
	return o;
}

static Tf__ObjectReference *reference(Arena *a, int node, const char *name)
{
	Tf__ObjectReference *r = MESSAGE(a, Tf__ObjectReference, TF__OBJECT_REFERENCE__INIT);
	r->node_id = node;
	r->local_name = text(name);
	return r;
}

static void add_variable(Arena *a, Tf__SavedObjectGraph *g, const Variable *v)
{
	Tf__SavedVariable *out = MESSAGE(a, Tf__SavedVariable, TF__SAVED_VARIABLE__INIT);
	out->dtype = v->type;
	out->shape = shape_message(a, v->from->array.rank, v->from->array.dim);
	out->name = text(v->name);
	add_object(a, g, TF__SAVED_OBJECT__KIND_VARIABLE)->variable = out;
}

static void add_method(Arena *a, Tf__SavedObjectGraph *g, const Served *s)
{
	Tf__SavedFunction *f = MESSAGE(a, Tf__SavedFunction, TF__SAVED_FUNCTION__INIT);
	*APPEND(a, f, concrete_functions) = text(s->body);
	f->function_spec = function_spec(a, s, false);
	add_object(a, g, TF__SAVED_OBJECT__KIND_FUNCTION)->function = f;

	Tf__SavedBareConcreteFunction *b = MESSAGE(a, Tf__SavedBareConcreteFunction, TF__SAVED_BARE_CONCRETE_FUNCTION__INIT);
	b->concrete_function_name = text(s->wrapper);
	b->allowed_positional_arguments = s->nin == 1;       /* as TensorFlow's own signatures */
	for (int i = 0; i < s->nin; i++) *APPEND(a, b, argument_keywords) = text(s->in[s->in_by_name[i]].name);
	b->function_spec = function_spec(a, s, true);
	add_object(a, g, TF__SAVED_OBJECT__KIND_BARE_CONCRETE_FUNCTION)->bare_concrete_function = b;

	add_concrete(a, g, s, s->body, body_inputs(a, s), body_outputs(a, s));
	add_concrete(a, g, s, s->wrapper, signature_inputs(a, s), signature_outputs(a, s));
}

/* The children of the first three objects, for the graph and for the checkpoint alike. */
typedef struct Children { size_t n_children; Tf__ObjectReference **children; } Children;

static void add_children(const Plan *p, Children of[3])
{
	Arena *a = p->a;
	*APPEND(a, &of[ROOT], children) = reference(a, VARIABLES, "variables");
	*APPEND(a, &of[ROOT], children) = reference(a, SIGNATURES, "signatures");
	const char *const main[] = { "__call__", "f", "serve" };
	for (size_t i = 0; i < sizeof main / sizeof *main; i++)
		*APPEND(a, &of[ROOT], children) = reference(a, function_node(p, p->main), main[i]);
	for (int i = 0; i < p->nvariable; i++)
		*APPEND(a, &of[VARIABLES], children) = reference(a, FIRST_VARIABLE + i, arena_printf(a, "%d", i));
	for (int i = 0; i < p->nserved; i++) {
		*APPEND(a, &of[ROOT], children) = reference(a, function_node(p, i), p->served[i].name);
		*APPEND(a, &of[SIGNATURES], children) = reference(a, signature_node(p, i), p->served[i].key);
	}
}

void add_objects(Plan *p, Tf__MetaGraphDef *m)
{
	Arena *a = p->a;
	Tf__SavedObjectGraph *g = m->object_graph_def = MESSAGE(a, Tf__SavedObjectGraph, TF__SAVED_OBJECT_GRAPH__INIT);
	const char *const kind[] = { "_generic_user_object", "trackable_list_wrapper", "signature_map" };
	Children children[3] = { 0 };
	add_children(p, children);
	for (int i = 0; i < 3; i++) {
		Tf__SavedObject *o = add_user_object(a, g, kind[i]);
		o->n_children = children[i].n_children;
		o->children = children[i].children;
	}
	for (int i = 0; i < p->nvariable; i++) add_variable(a, g, &p->variable[i]);
	for (int i = 0; i < p->nserved; i++) add_method(a, g, &p->served[i]);
}

Tf__TrackableObjectGraph *checkpoint_objects(const Plan *p)
{
	Arena *a = p->a;
	Tf__TrackableObjectGraph *g = MESSAGE(a, Tf__TrackableObjectGraph, TF__TRACKABLE_OBJECT_GRAPH__INIT);
	Children children[3] = { 0 };
	add_children(p, children);
	for (int i = 0; i < function_node(p, p->nserved); i++) {
		Tf__TrackableObject *o = MESSAGE(a, Tf__TrackableObject, TF__TRACKABLE_OBJECT__INIT);
		*APPEND(a, g, nodes) = o;
		if (i < 3) {
			o->n_children = children[i].n_children;
			o->children = children[i].children;
		}
		int variable = i - FIRST_VARIABLE;
		if (variable < 0 || variable >= p->nvariable) continue;
		Tf__SerializedTensor *t = MESSAGE(a, Tf__SerializedTensor, TF__SERIALIZED_TENSOR__INIT);
		t->name = text("VARIABLE_VALUE");
		t->full_name = text(p->variable[variable].name);
		t->checkpoint_key = text(p->variable[variable].key);
		*APPEND(a, o, attributes) = t;
	}
	return g;
}
