/* Inside aten: the state of one conversion. */
#ifndef ATEN_CTX_H
#define ATEN_CTX_H

#include "aten/lower.h"
#include "aten/rules.h"

struct Lower {
	const Program *program;
	const Graph *graph;
	Builder *b;
	Arena *a;
	Value *value;            /* [graph->value.n]: what each graph value became; 0 not yet */
	const LowerOptions *opt;
	Value seed;              /* the argument, with opt->seed_input */
	int ndraws;              /* tensors of random numbers so far (random.c) */
};

/* The module value of a graph value; records a failure when it is not defined or not a tensor. */
Value lowered_value(Lower *l, VId v);

/* The type a graph value has by its metadata. */
Type value_meta_type(const Lower *l, VId v);

#endif
