/* torch-stablehlo verify. */
#include "cli.h"

static int verify(const Args *a) { return complain(EXIT_UNSUPPORTED, "verify: %s: this command is not there yet", a->file); }

static const Option options[] = { { 0 } };

const Command verify_command = { .name = "verify", .operand = "X.pt2", .run = verify, .option = options,
	.summary = "(comes later)", .notes = "" };
