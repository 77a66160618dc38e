/* Composites: parts of a program that keep a name, for consumers that have something better for them than what they are made of.
 *
 *	x = hlo_mark(b, x, (Mark){ "my.gelu", "0", .is_input = true });
 *	y = ...
 *	y = hlo_mark(b, y, (Mark){ "my.gelu", "0", .attr = attributes });
 *	...
 *	outline_composites(m)        what lies between is @my.gelu.impl now, and in its place stands a stablehlo.composite
 *	inline_composites(m)         and back
 *
 * Marks are of one composite when name and id are the same. The part goes from its results back to its inputs, and to what was there
 * before the first of these: such values become operands too, behind the marked ones, but for constants and arithmetic on sizes, which
 * the part gets of its own. Marks that nothing depends on count as not there. A value of the part that is needed elsewhere as well is
 * computed there once more; what must not happen twice is refused then. Parts may lie in each other. */
#ifndef STABLEHLO_COMPOSITE_H
#define STABLEHLO_COMPOSITE_H

#include "stablehlo/stablehlo.h"

typedef struct Mark {
	const char *name, *id;       /* borrowed, as attr */
	int64_t pos;                 /* operands and results stand in this order */
	bool is_input;
	const Any *attr;             /* composite_attributes, an ANY_DICT; those of the first output count; NULL: none */
} Mark;

/* x again, marked. Inside a part no op of before or outside is used instead of one of its own. */
Value hlo_mark(Builder *b, Value x, Mark mark);

/* Whether the name of a composite is as composite_c1 wants it: "namespace.name". */
bool is_namespaced(const char *s);

/* Makes composites of all marks; afterwards there are none. */
bool outline_composites(Module *m);

bool has_composites(const Module *m);

/* Puts what composites are made of in their place; afterwards there are none. */
bool inline_composites(Module *m);

#endif
