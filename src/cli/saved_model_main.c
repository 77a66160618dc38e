/* stablehlo-to-saved-model: torch_xla's converter of this name, without TensorFlow. */
#include <string.h>

#include "cli.h"

const char tool_name[] = "stablehlo-to-saved-model";

static int save(const Args *a)
{
	tshlo_error e = { 0 };
	progress("converting");
	tshlo_model *m = open_model(a->file, NULL, &e);
	int code = m ? write_saved_model(m, a) : report(&e);
	progress(NULL);
	tshlo_model_free(m);
	return code;
}

static const Option options[] = {
	{ "target", 0, OPTION_ONE, offsetof(Args, target), "X.Y.Z", "StableHLO version of the programs;\nelse the oldest that can express them" },
	{ 0 },
};

static const Command command = { .name = "", .operand = "DIR OUT", .takes_to = true,
	.run = save, .option = options, .shared = saved_model_options,
	.summary = "write a StableHLO directory (or a .pt2, or a .mlir) as a TensorFlow SavedModel",
	.notes = "METHOD= says which method of several a value is for; without it 'forward', or\n"
		"the only one. OUT must not exist, or be empty; nothing half-written is left\n"
		"behind. --serving_key and --function_alias are the same options.\n" };

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) return print_version();
	return run_command_line(&command, argc - 1, argv + 1);
}
