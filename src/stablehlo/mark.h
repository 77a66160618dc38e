/* Inside stablehlo: marks as they stand in a module until outline_composites(), and what that works with. */
#ifndef STABLEHLO_MARK_H
#define STABLEHLO_MARK_H

#include "stablehlo/composite.h"

/* A custom_call whose target is mark_target itself, not only a string like it. */
extern const char mark_target[];

bool is_mark(const Op *op);
Mark mark_of(const Op *op);

/* -- outlining ------------------------------------------------------------------------------------------- */

/* The marks of one composite in one block, by where they stand in it. */
typedef struct Group {
	const char *name, *id;
	const Any *attr;
	VEC(int) input, output;      /* output: in the order of the results */
	int first;                   /* the part reaches back to here */
	int last;                    /* of output */
	Op *op;                      /* the composite, not yet in the block */
} Group;

typedef struct MarkedBlock {
	Region *region;
	VEC(Group) group;
	Map by_key;                  /* "name\nid" */
} MarkedBlock;

/* A function of a composite, and the one made before it for the same name. */
typedef struct Made {
	const Func *f;
	Value first;                 /* of its values, which are numbered in the order they stand in */
	const struct Made *before;
} Made;

/* Arrays are by value. */
typedef struct Outliner {
	Module *m;
	int n;                       /* of values; those of functions that are made come behind, and are not asked for */
	Region *block;               /* where work is done; an op that is gone is NULL there */
	Map names;                   /* of functions */
	VEC(const Made *) made;
	Map last_made;               /* name of the composite -> made */
	int *at;                     /* in which op of the block it is defined, from 1; 0: elsewhere */
	int *uses;                   /* by ops of the block and in their regions */
	bool *fixed;                 /* it is computed from constants and sizes alone */
	Value *to;                   /* the value that takes its place; 0: none */
	Value *now;                  /* in the function that is being made */
	int *seen, *member;          /* by the last part that looked at it; that has its op */
	int stamp;                   /* of that part */
} Outliner;

/* What stands for v by now. */
Value settled(const Outliner *o, Value v);
/* The same for all that the op and its regions read. */
void settle(const Outliner *o, Op *op);
void add_uses(Outliner *o, const Op *op, int by);
/* How often it, or its regions, read v. */
int reads(const Outliner *o, const Op *op, Value v);

/* The part between the marks into a function, and the composite into the block. */
bool outline_part(Outliner *o, const Group *g);

#endif
