/* Where ops and arguments come from, as MLIR's locations have it (mlir/include/mlir/IR/BuiltinLocationAttributes.td).
 *
 * A Loc is a handle into the module's table, where equal locations are one; 0 is the unknown one. Ops (Op.loc), arguments
 * (ValueInfo.loc), functions and the module have one each. A table that holds none says that the module is without locations:
 * its text then has none, and its bytecode the unknown one everywhere. Children come before their parents, so whoever walks the
 * table in order has seen them. */
#ifndef STABLEHLO_LOC_H
#define STABLEHLO_LOC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef uint32_t Loc;

typedef enum LocKind {
	LOC_UNKNOWN,
	LOC_FILE,                    /* text: the file; at: line, column, end line, end column */
	LOC_NAME,                    /* text; part[0]: of what */
	LOC_CALL,                    /* part[0]: the callee, part[1]: its caller */
	LOC_FUSED                    /* part[0..npart); text: its metadata as MLIR prints it, NULL: none */
} LocKind;

enum { MAX_LOC_DEPTH = 512 };    /* locations in locations: who walks them recurses */

typedef struct LocInfo {
	LocKind kind;
	int depth;                   /* 1 and the most of its parts' (MLIR prints aliases by it; a name's unknown part does not count) */
	const char *text;
	uint32_t at[4];
	int npart;
	const Loc *part;
	const struct Any *metadata;  /* of a LOC_FUSED; it follows from `text` */
} LocInfo;

typedef struct LocTable {
	VEC(LocInfo) info;           /* [0] is the unknown one, once there is another */
	Loc *slot;                   /* open addressing over info, nslot a power of two */
	size_t nslot;
	bool in_place;               /* in the text locations stand in full at their ops, not in a table at its end */
} LocTable;

struct Module;

/* The handle of a location, in which `text` is borrowed (it must live as long as the module) and parts are copied. The depth is
 * computed; beyond MAX_LOC_DEPTH a failure is recorded and the unknown location given. */
Loc loc_of(struct Module *m, LocInfo x);
Loc loc_file(struct Module *m, const char *file, uint32_t line, uint32_t column);
Loc loc_name(struct Module *m, const char *name, Loc of);
Loc loc_call(struct Module *m, Loc callee, Loc caller);

/* The same handles in `to`, which has no locations yet and must not outlive `from`. */
void loc_share(struct Module *to, const struct Module *from);

/* Makes all locations unknown and the table empty. */
void drop_locations(struct Module *m);

#endif
