/* Inside aten: the state of one conversion. */
#ifndef ATEN_CTX_H
#define ATEN_CTX_H

#include "aten/lower.h"
#include "aten/rules.h"
#include "aten/sym.h"

typedef VEC(const Mesh *) Meshes;

struct Lower {
	const Program *program;
	const Graph *graph;
	Builder *b;
	Arena *a;
	Value *value;            /* [graph->value.n]: what each graph value became; 0 not yet */
	const LowerOptions *opt;
	Map rules;               /* target -> row of rule_table */
	Sizes sizes;
	int64_t *size;           /* [program->sym.n]: what lower_dim() found, or NOT_ASKED */
	Value seed;              /* the argument, with opt->seed_input */
	int ndraws;              /* tensors of random numbers so far (random.c) */
	Meshes *meshes;          /* of the shardings so far; one list for the program and the bodies in it (sharding.c) */
	const char **mark;       /* [graph->value.n]: what its ops are to be called, NULL nothing; NULL: there are no marks (locate.c) */
};

/* l->graph's nodes, one after the other. */
bool lower_nodes(Lower *l);

/* [graph->node.n]: assertions, and nodes that give numbers which only assertions read (checks.c). */
bool *unread_nodes(const Lower *l);

/* The module value of a graph value; records a failure when it is not defined or not a tensor. */
Value lowered_value(Lower *l, VId v);

/* The type a graph value has by its metadata; sizes that are not bound are handles of the module. */
Type value_meta_type(Lower *l, VId v);

/* -- tensors on several devices (sharding.c) --------------------------------------------------------------- */

/* An input that is no argument, and a result of @main; themselves when they are not marked. */
Value shard_input(Lower *l, const Input *in, Value x);
Value shard_result(Lower *l, const Lowered *args, const ResultSource *r, Value x);

/* Of arguments, results and the module; when all else is there. */
bool mark_shardings(Lower *l, Func *f, const Lowered *args);

/* The argument that a result is the new value of, -1: none. */
int written_argument(const Lowered *args, const ResultSource *r);

/* -- sizes that are not known (dynamic.c) ------------------------------------------------------------------ */

#define NOT_ASKED INT64_MAX

/* A size of the program as a number or a handle; DYNAMIC, with a failure recorded, when it is no expression of sizes. */
int64_t lower_dim(Lower *l, Dim d);

/* After the inputs: symbols from their sizes. */
bool define_sizes(Lower *l, Func *f, const Lowered *args);

/* Whether a rule takes the sizes that this call has; else a failure. */
bool check_dynamic(Node *n, const RuleRow *r);

/* An int of the program that depends on what its tensors hold, as item() gives it. */
bool is_of_values(const Lower *l, const GraphValue *g);

/* got as a value of the type that the program says; 0 when it is not of that type. Sizes that are computed otherwise are
 * the same when they have the same values. */
Value as_declared(Lower *l, Value got, Type want);

/* -- locations (locate.c) ---------------------------------------------------------------------------------- */

Loc node_loc(Lower *l, const GraphNode *g);
Loc input_loc(Lower *l, const Input *in);
/* What Lower.mark is for l->graph. */
const char **find_marks(Lower *l);

/* Why an op cannot be converted and what can be used instead, after ": " (refused.def); "" when there is nothing to say. */
const char *advice(const char *target);

/* "tensor<s0x4xf32>" */
const char *type_text(Lower *l, Type t);

#endif
